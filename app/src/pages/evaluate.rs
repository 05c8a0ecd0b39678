//! Step 5: how good it is, on rows that it never saw; before training against after.

use hone_core::session::protocol::Weights;
use hone_core::task::{Task, TaskBaseline, Unit};
use leptos::prelude::*;

use super::data_report::warnings;
use super::frame::{frame, missing, onward, wait_hint};
use super::of_run::of_run;
use super::{comparison, reading, slices};
use crate::components::{Button, Cell, Meter, amount_of, share_of, table};
use crate::format;
use crate::state::evaluation::{FigureRow, Measured, figure_rows, spread_words};
use crate::state::several::measured_part;
use crate::state::{Activity, Step, Store};
use crate::tasks::{self, EvaluationParts};

const LEAD: &str = "How good the answers are, on rows that were kept aside: before training and after.";

/// Characters of an answer where others stand beside it.
const MAX_ANSWER_CHARS: usize = 60;
/// The same at the head of a column.
const MAX_HEAD_CHARS: usize = 24;

pub(super) fn page(store: Store) -> AnyView {
    let results = move || {
        let (before, after) = (store.measured_base.get(), store.measured_tuned.get());
        let part = store.measured_part.get();
        let results = match &part {
            None => results(store, before.as_deref(), after.as_deref()),
            Some(part) => results_of_part(store, &part.name, before.as_deref(), after.as_deref()),
        };
        view! { {results} {after.is_some().then(|| onward(store, Step::Try, "Try it"))} }.into_any()
    };
    let content = view! {
        {move || missing(store, Step::Evaluate)}
        {controls(store)}
        {of_run(store)}
        {results}
        {comparison::panel(store)}
    };
    frame(store, Step::Evaluate, LEAD, content.into_any())
}

/// The results of one of several tasks.
fn results_of_part(store: Store, name: &str, before: Option<&Measured>, after: Option<&Measured>) -> Option<AnyView> {
    let of_part = |measured: Option<&Measured>| measured.and_then(|measured| measured_part(measured, name));
    let (own_before, own_after) = (of_part(before), of_part(after));
    if own_before.is_none() && own_after.is_none() && before.or(after).is_some() {
        let text = format!("No rows of {name} were kept aside, so nothing was measured of it.");
        return Some(view! { <p class="note">{text}</p> }.into_any());
    }
    results(store, own_before.as_ref(), own_after.as_ref())
}

fn results(store: Store, before: Option<&Measured>, after: Option<&Measured>) -> Option<AnyView> {
    let EvaluationParts { mut caption, beside, below } = tasks::evaluation_parts(store, before, after)?;
    let baseline = after.or(before).and_then(|shown| shown.evaluation.baseline());
    let all_warnings: Vec<String> = before.into_iter().chain(after).flat_map(|one| one.warnings.clone()).collect();
    let least = baseline.as_ref().map_or(&[][..], |baseline| baseline.figures.as_slice());
    let (rows, more): (Vec<FigureRow>, Vec<FigureRow>) =
        figure_rows(before, after, least).into_iter().partition(|row| row.is_headline);
    // The mean of numbers is no label that could be quoted.
    let is_label = after.or(before).is_some_and(|shown| shown.evaluation.task() != Task::Regression);
    if let Some(TaskBaseline { answer, reason, .. }) = &baseline {
        let always = always(answer, MAX_ANSWER_CHARS, is_label);
        caption.push_str(&format!(
            " Diff.: the trained model less always answering {always}, {reason}; of a loss or an error, less is better."
        ));
    }
    let head = baseline.as_ref().map(|one| format!("Always {}", always(&one.answer, MAX_HEAD_CHARS, is_label)));
    let unsaid = after.or(before).map_or_else(Vec::new, |shown| shown.evaluation.missing_intervals());
    let view = view! {
        {warnings(&all_warnings)}
        <div class="columns">
            {before_and_after("Before and after", &rows, head.as_deref(), caption, Some(spread(&rows, &more, &unsaid)))} {beside}
        </div>
        {below}
        {after.or(before).and_then(unexplained)}
        {after.or(before).and_then(|shown| slices::panel(store, shown))}
    };
    Some(view.into_any())
}

/// The answer that is always given: a label stands in quotes.
fn always(answer: &str, max_chars: usize, is_label: bool) -> String {
    let shown = format::shortened(answer, max_chars);
    if is_label { format!("“{shown}”") } else { shown }
}

/// Why it is not shown what the model looks at, where that is not.
fn unexplained(measured: &Measured) -> Option<AnyView> {
    let why = measured.evaluation.task().spec().unexplained()?;
    let text = format!("What the model looks at is not shown for this task: {why}.");
    Some(view! { <p class="hint" data-testid="unexplained">{text}</p> }.into_any())
}

/// Between which values the figures lie, those that are not shown first, and why a figure has no interval (`unsaid`). The leading figure
/// (the first), shares and F1 are told in words.
fn spread(rows: &[FigureRow], more: &[FigureRow], unsaid: &[String]) -> AnyView {
    let is_told = |index: usize, row: &FigureRow| {
        index == 0 || row.unit == Unit::Share || row.id == "f1" || row.id.ends_with("-f1")
    };
    let mut others = Vec::new();
    let mut told = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if is_told(index, row) {
            told.push(row);
        } else if row.interval.is_some() {
            others.push(row);
        }
    }
    let has_spread = told.iter().any(|row| row.has_spread());
    let told = spread_words(&told).map(|text| {
        let hint = has_spread.then(|| {
            view! {
                <p class="hint">
                    "Between these values lies what 95 % of a thousand draws of the same rows, with replacement, gave: with other \
                     rows of the kind the figure may be any of them."
                </p>
            }
        });
        view! {
            <p data-testid="intervals">{text}</p>
            {hint}
        }
    });
    // What stands in the table above has its test ids there.
    let listed = more.iter().map(|row| (row, true)).chain(others.into_iter().map(|row| (row, false)));
    let cells = listed.map(|(row, has_id)| {
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format::figure(row.unit, value));
        let cell = |value: Option<f64>, which: &str| Cell {
            id: has_id.then(|| format!("eval-{}-{which}", row.id)),
            raw: value.map(|value| value.to_string()),
            ..Cell::number(number(value))
        };
        let between = match row.interval {
            Some([low, high]) if low < high => {
                format!("{} to {}", format::figure(row.unit, low), format::figure(row.unit, high))
            }
            Some(_) => "not known".to_owned(), // every draw of the rows gave the same
            None => String::new(),
        };
        vec![Cell::new("head", row.title), cell(row.before, "base"), cell(row.after, "tuned"), Cell::number(between)]
    });
    let cells: Vec<Vec<Cell>> = cells.collect();
    let of_labels = (!more.is_empty()).then_some(
        "Named and computed as scikit-learn does. Lower is better for the Brier score and the expected calibration error (15 bins); the \
         loss above is its log loss.",
    );
    let unsaid = (!unsaid.is_empty()).then(|| view! { <p class="hint">{format!("{}.", unsaid.join(". "))}</p> });
    let more = (!cells.is_empty()).then(|| {
        view! {
            <details data-testid="more-figures">
                <summary>"More figures"</summary>
                {table("More figures", "", &["", "Before", "After", "95 % between"], cells)}
                {of_labels.map(|text| view! { <p class="hint">{text}</p> })}
            </details>
        }
    });
    view! { {told} {unsaid} {more} }.into_any()
}

/// Why tasks that are to be learned at once can't be measured before a run: what keeps them from being learned.
fn problem_of_parts(store: Store) -> Option<String> {
    store.parts_problem().filter(|_| !store.run.with(|run| run.is_finished()))
}

/// There are a model and rows to measure it on.
fn has_what_it_takes(store: Store) -> bool {
    let has_rows = store.measured_sizes().is_some_and(|[_, valid, test]| valid + test > 0);
    has_rows && problem_of_parts(store).is_none() && store.model.info.with(Option::is_some)
}

/// Whether there is nothing to measure, or something else goes on.
pub(crate) fn cannot_measure(store: Store) -> Signal<bool> {
    Signal::derive(move || !has_what_it_takes(store) || store.activity().is_some())
}

/// The button is there while it can be pressed, and stays, with the focus, while it measures.
fn controls(store: Store) -> AnyView {
    let hint = move || {
        let is_finished = store.run.with(|run| run.is_finished());
        if !matches!(store.activity(), None | Some(Activity::Measuring)) {
            return String::new();
        }
        if let Some(problem) = problem_of_parts(store) {
            return problem;
        }
        match store.measured_sizes() {
            Some([_, 0, 0]) => "No rows were kept aside: add a test file, or set a test share in the recipe.".into(),
            Some([_, valid, 0]) => format!(
                "There are no test rows: the figures are of {}. The best weights were chosen on the same rows, so the \
                 figures may look better than they are.",
                format::plural(valid, "validation row")
            ),
            Some([_, _, test]) if is_finished => format!("On {}.", format::plural(test, "test row")),
            Some([_, _, test]) => format!(
                "On {}. Nothing has been trained yet, so only the model before training can be measured.",
                format::plural(test, "test row")
            ),
            None => String::new(),
        }
    };
    let share = share_of(store.measuring_progress);
    let text = Signal::derive(move || amount_of(store.measuring_progress.get(), "row"));
    let is_reading = Memo::new(move |_| store.parts.reading.with(Option::is_some));
    let meter = move || {
        store.measuring.get().filter(|_| !is_reading.get()).map(|weights| {
            let label = match weights {
                Weights::Base => "Measuring the model before training",
                Weights::Tuned => "Measuring the model after training",
            };
            view! { <Meter label=label share=share text=text /> }
        })
    };
    let is_measuring = Signal::derive(move || store.measuring.get().is_some());
    let is_shown =
        Memo::new(move |_| has_what_it_takes(store) && matches!(store.activity(), None | Some(Activity::Measuring)));
    let button_text =
        Signal::derive(move || if is_measuring.get() { "Evaluating…".to_string() } else { "Evaluate".into() });
    let on_press = Callback::new(move |()| store.evaluate());
    let button = move || {
        view! { <Button id="evaluate-run" text=button_text is_primary=true waits=is_measuring on_press=on_press /> }
            .into_any()
    };
    let has_all = Memo::new(move |_| has_what_it_takes(store));
    view! {
        <div class="row">
            {move || is_shown.get().then(button)}
            <p class="hint">{hint}</p>
            {move || has_all.get().then(|| wait_hint(store, "You can evaluate", Some(Activity::Measuring)))}
        </div>
        {reading::of_parts(store)}
        {meter}
    }
    .into_any()
}

/// Figures before and after training, with what changed, or, where always giving one answer is the least to beat, with the
/// difference from that, whose column has the head `always`; `more` stands under them.
pub(crate) fn before_and_after(
    title: &'static str,
    figures: &[FigureRow],
    always: Option<&str>,
    caption: String,
    more: Option<AnyView>,
) -> AnyView {
    let row = |row: &FigureRow| {
        let &FigureRow { title, ref id, unit, higher_is_better, least, before, after, is_defined, .. } = row;
        let cell = |value: Option<f64>, which: &str| {
            let text = match value {
                Some(value) if matches!(unit, Unit::Share | Unit::Percent) => format::figure(unit, value),
                Some(value) if value >= 1000.0 => format::significant(value),
                Some(value) => format::with_minus(format!("{value:.3}")),
                None => "–".into(),
            };
            let raw = value.map(|value| value.to_string());
            Cell { id: Some(format!("eval-{id}-{which}")), raw, ..Cell::number(text) }
        };
        let is_over_baseline = always.is_some() && least.is_some();
        let from = if is_over_baseline { least } else { before };
        let difference = from.zip(after).map(|(from, after)| after - from).filter(|_| is_defined);
        let gain = difference.map_or(0.0, |d| if higher_is_better { d } else { -d });
        let text = match difference {
            Some(d) if unit == Unit::Share => format!("{} points", format::signed(d * 100.0, 1)),
            Some(d) if unit == Unit::Percent => format!("{} points", format::signed(d, 1)),
            Some(d) if d.abs() >= 1e7 => format::with_minus(format::significant(d)),
            Some(d) if d.abs() >= 1000.0 => format::signed(d, 0),
            Some(d) => format::signed(d, 3),
            None => "–".into(),
        };
        let is_since_before = always.is_some() && !is_over_baseline && difference.is_some();
        let beside = if is_since_before { " since before" } else { "" };
        let shows_none = text.starts_with('±');
        let class = match (gain, is_since_before) {
            (gain, false) if gain > 0.0 && !shows_none => "number gain better",
            (gain, false) if gain < 0.0 && !shows_none => "number gain worse",
            (_, false) => "number gain",
            (gain, true) if gain > 0.0 && !shows_none => "number gain since better",
            (gain, true) if gain < 0.0 && !shows_none => "number gain since worse",
            (_, true) => "number gain since",
        };
        let change = Cell { id: Some(format!("eval-{id}-gain")), ..Cell::new(class, format!("{text}{beside}")) };
        let mut cells = vec![Cell::new("head", title)];
        cells.extend(always.map(|_| cell(least, "baseline")));
        cells.extend([cell(before, "base"), cell(after, "tuned"), change]);
        cells
    };
    let rows = figures.iter().map(row).collect();
    let heads: Vec<&str> = match always {
        Some(always) => vec!["", always, "Before", "After", "Diff."],
        None => vec!["", "Before", "After", "Difference"],
    };
    view! {
        <div class="panel figures">
            <h3>{title}</h3>
            {table(title, "", &heads, rows)}
            <p class="hint">{caption}</p>
            {more}
        </div>
    }
    .into_any()
}
