//! How the trials of a sweep stand: a table with mean and spread, the settings of each to be taken into the recipe by one press, and the
//! same as parallel coordinates.

use hone_core::sweep::SweepOfRuns;
use hone_core::task::Task;
use leptos::prelude::*;

use super::coordinates::coordinates;
use crate::charts::parallel;
use crate::components::{Button, Cell, table};
use crate::format;
use crate::state::Store;
use crate::state::sweep::{TrialRow, coordinate_values, is_unfinished, trial_rows};

const OF_FOLDS: &str =
    "The folds share training rows, so that the interval is narrower than it should be (Bengio and Grandvalet 2004).";

/// The table, the chart and what can be done with the best; nothing before a run has come to an end. `can_use` says whether settings
/// can be taken into the recipe now.
pub(super) fn result(store: Store, of: &SweepOfRuns, task: Task, can_use: bool) -> Option<AnyView> {
    let rows = trial_rows(of);
    if rows.iter().all(|row| row.runs == "–" && row.state == "waits") {
        return None;
    }
    let spec = task.spec().figure(&of.metric);
    let title = spec.map_or(of.metric.as_str(), |spec| spec.title).to_owned();
    let words = move |value: f64| match spec {
        Some(spec) => format::figure(spec.unit, value),
        None => format::significant(value),
    };
    let has_spread = of.sweep.plan.search.num_runs() > 1;
    let mut heads = vec!["Trial", "Settings", title.as_str()];
    if has_spread {
        heads.extend(["Standard deviation", "95 % interval of the mean"]);
    }
    heads.extend(["Runs", "State"]);
    let press = |trial: usize| can_use.then(|| Callback::new(move |()| store.use_trial(trial)));
    let line = |(place, row): (usize, &TrialRow)| cells(place, row, has_spread, press(row.trial), &words);
    let lines = rows.iter().enumerate().map(line).collect();
    let best = rows.iter().find(|row| row.is_best).map(|best| {
        let what = if is_unfinished(of) { "Best so far" } else { "Best" };
        use_best(what, best, &title, press(best.trial), &words)
    });
    let of_folds = of.sweep.plan.search.folds.map(|_| view! { <p class="hint">{OF_FOLDS}</p> });
    let chart = coordinates(&coordinate_values(of), &rows, &title, &words).map(|(axes, lines)| {
        let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        let label = format!(
            "Each trial is a line over {}; the best one stands out. The table says the same in numbers.",
            names.join(", ")
        );
        parallel("sweep-chart", &axes, &lines, label)
    });
    let view = view! {
        {best}
        {table("Trials of the sweep", "sweep-table", &heads, lines)}
        {of_folds}
        {chart}
    };
    Some(view.into_any())
}

fn cells(
    place: usize,
    row: &TrialRow,
    has_spread: bool,
    on_use: Option<Callback<()>>,
    words: &impl Fn(f64) -> String,
) -> Vec<Cell> {
    let name = if row.is_best { format!("{} (best)", place + 1) } else { (place + 1).to_string() };
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), words);
    let press = on_use.map(|on_use| (format!("Use these settings: {}", row.settings), on_use));
    let mut cells = vec![
        Cell::new("head", name),
        Cell { press, ..Cell::new("text settings", row.settings.clone()) },
        Cell {
            id: Some(format!("sweep-mean-{}", row.trial)),
            raw: row.mean.map(|mean| mean.to_string()),
            ..Cell::number(number(row.mean))
        },
    ];
    if has_spread {
        let interval = row.interval.map_or_else(|| "–".into(), |half| format!("± {}", words(half)));
        cells.extend([Cell::number(number(row.std_dev)), Cell::number(interval)]);
    }
    // Short words: the width that a text has at least is not theirs.
    cells.extend([Cell::new("words of-runs", row.runs.clone()), Cell::new("words", format::sentence(&row.state))]);
    cells
}

fn use_best(
    what: &str,
    best: &TrialRow,
    title: &str,
    on_use: Option<Callback<()>>,
    words: &impl Fn(f64) -> String,
) -> AnyView {
    let figure = best.mean.map_or_else(String::new, |mean| format!(", {} {}", format::in_sentence(title), words(mean)));
    let text = format!("{what}: {}{figure}.", best.settings);
    let button = on_use.map(|on_use| {
        view! { <div class="row"><Button id="use-best" text="Use these settings" on_press=on_use /></div> }.into_any()
    });
    view! {
        <p role="status" data-testid="sweep-best">{text}</p>
        {button}
    }
    .into_any()
}
