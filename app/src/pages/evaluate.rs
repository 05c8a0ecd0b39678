//! Step 5: how good it is, on rows that it never saw; before training against after.

use std::sync::Arc;

use hone_core::config::Task;
use hone_core::metrics::{Baseline, Evaluation};
use hone_core::session::protocol::Weights;
use leptos::prelude::*;

use super::data_report::warnings;
use super::evaluate_texts;
use super::frame::{frame, missing, onward, wait_hint};
use super::of_run::of_run;
use crate::browser;
use crate::charts::{Chosen, Matrix};
use crate::components::{Button, Cell, Meter, sortable_table, table};
use crate::format;
use crate::state::evaluation::{Measured, MeasuredRows, WrongRow, confused_pairs, of_pair, split_name};
use crate::state::{Activity, Step, Store};

const LEAD: &str = "How many answers are right, on rows that were kept aside: before training and after.";

/// Classes up to which the whole confusion matrix is shown.
const MAX_MATRIX_CLASSES: usize = 25;
/// Pairs and rows shown.
const MAX_PAIRS: usize = 30;
const MAX_WRONG_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;
/// Characters of a label where others stand beside it.
const MAX_LABEL_CHARS: usize = 60;
/// The element that has the focus once a pair of labels is chosen.
const WRONG_ROWS_TITLE: &str = "wrong-rows-title";

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let results = move || {
        let (base, tuned) = (store.measured_base.get(), store.measured_tuned.get());
        let (before, after) = (base.as_deref(), tuned.as_deref());
        let results = match task {
            Task::SequenceClassification => {
                classes(store, before.and_then(Measured::as_rows), after.and_then(Measured::as_rows))
            }
            Task::CausalLm => {
                evaluate_texts::results(store, before.and_then(Measured::as_texts), after.and_then(Measured::as_texts))
            }
        };
        view! { {results} {tuned.is_some().then(|| onward(store, Step::Try, "Try it"))} }.into_any()
    };
    let content = view! {
        {move || missing(store, Step::Evaluate)}
        {controls(store)}
        {of_run(store)}
        {results}
    };
    frame(store, Step::Evaluate, LEAD, content.into_any())
}

fn classes(store: Store, base: Option<&MeasuredRows>, tuned: Option<&MeasuredRows>) -> Option<AnyView> {
    let shown = tuned.or(base)?;
    let before = tuned.and(base);
    let pair: RwSignal<Option<(usize, usize)>> = RwSignal::new(None);
    let on_choose = Callback::new(move |chosen: (usize, usize)| {
        pair.set(Some(chosen));
        browser::after(0, || browser::focus_element(WRONG_ROWS_TITLE));
    });
    let chosen = Chosen { pair: pair.into(), on_choose };
    let all_warnings: Vec<String> = base.into_iter().chain(tuned).flat_map(|one| one.warnings.clone()).collect();
    let view = view! {
        {warnings(&all_warnings)}
        <div class="columns">{comparison(base, tuned)} {per_class(shown, before)}</div>
        {confusion(shown, before, chosen)}
        {wrong_rows(store, shown, pair)}
    };
    Some(view.into_any())
}

/// There are a model and rows to measure it on.
fn has_what_it_takes(store: Store) -> bool {
    let has_rows = store.measured_sizes().is_some_and(|[_, valid, test]| valid + test > 0);
    has_rows && store.model.info.with(Option::is_some)
}

/// Whether there is nothing to measure, or something else goes on.
pub(super) fn cannot_measure(store: Store) -> Signal<bool> {
    Signal::derive(move || !has_what_it_takes(store) || store.activity().is_some())
}

/// The button is there while it can be pressed, and stays, with the focus, while it measures.
fn controls(store: Store) -> AnyView {
    let hint = move || {
        let is_finished = store.run.with(|run| run.is_finished());
        match store.measured_sizes() {
            _ if !matches!(store.activity(), None | Some(Activity::Measuring)) => String::new(),
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
    let share = Signal::derive(move || {
        let (done, total) = store.measuring_progress.get();
        (total > 0).then(|| done as f64 / total as f64)
    });
    let text = Signal::derive(move || {
        let (done, total) = store.measuring_progress.get();
        if total == 0 { String::new() } else { format!("{} of {}", format::count(done), format::plural(total, "row")) }
    });
    let meter = move || {
        store.measuring.get().map(|weights| {
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
        {meter}
    }
    .into_any()
}

fn comparison(base: Option<&MeasuredRows>, tuned: Option<&MeasuredRows>) -> AnyView {
    let shown = tuned.or(base);
    let baseline = shown.and_then(|measured| measured.evaluation.baseline.as_ref());
    let figure = |name, id, unit, value: fn(&Evaluation) -> f64, least: fn(&Baseline) -> Option<f64>| {
        let of = |measured: Option<&MeasuredRows>| measured.map(|measured| value(&measured.evaluation));
        Figure { name, id, unit, least: baseline.and_then(least), before: of(base), after: of(tuned) }
    };
    let figures = [
        figure("Accuracy", "accuracy", Unit::Share, |e| e.accuracy, |b| Some(b.accuracy)),
        figure("Macro precision", "precision", Unit::Score, |e| e.macro_precision, |b| Some(b.macro_precision)),
        figure("Macro recall", "recall", Unit::Score, |e| e.macro_recall, |b| Some(b.macro_recall)),
        figure("Macro F1", "f1", Unit::Score, |e| e.macro_f1, |b| Some(b.macro_f1)),
        figure("Loss", "loss", Unit::Loss, |e| e.loss, |_| None),
    ];
    let mut caption = shown.map_or_else(String::new, |measured| {
        format!(
            "On {} of the {} split.",
            format::plural(measured.evaluation.num_rows, "row"),
            split_name(measured.split)
        )
    });
    if let Some(Baseline { label, .. }) = baseline {
        let label = format::shortened(label, MAX_LABEL_CHARS);
        caption.push_str(&format!(
            " Gain: how much better the trained model is than always answering “{label}”, the most frequent label of \
             the training rows."
        ));
    }
    let baseline = baseline.map(|baseline| baseline.label.as_str());
    before_and_after("Before and after", &figures, baseline, caption, None)
}

/// How a figure is written, and whether more of it is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// In percent; more is better.
    Share,
    /// With three decimals; more is better.
    Score,
    /// Less is better.
    Loss,
}

/// A figure before and after training; `id` is the middle of its test ids.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub name: &'static str,
    pub id: &'static str,
    pub unit: Unit,
    /// What always giving one answer has.
    pub least: Option<f64>,
    pub before: Option<f64>,
    pub after: Option<f64>,
}

/// Figures before and after training, with what changed, or, where always answering `baseline` is the least to beat, with
/// the gain over that; `more` stands under them.
pub(super) fn before_and_after(
    title: &'static str,
    figures: &[Figure],
    baseline: Option<&str>,
    caption: String,
    more: Option<AnyView>,
) -> AnyView {
    let row = |&Figure { name, id, unit, least, before, after }: &Figure| {
        let cell = |value: Option<f64>, which: &str| {
            let text = match value {
                Some(value) if unit == Unit::Share => format::percent(value),
                Some(value) if value >= 1000.0 => format::significant(value),
                Some(value) => format!("{value:.3}"),
                None => "–".into(),
            };
            let raw = value.map(|value| value.to_string());
            Cell { id: Some(format!("eval-{id}-{which}")), raw, ..Cell::number(text) }
        };
        let is_over_baseline = baseline.is_some() && least.is_some();
        let from = if is_over_baseline { least } else { before };
        let difference = from.zip(after).map(|(from, after)| after - from);
        let gain = difference.map_or(0.0, |d| if unit == Unit::Loss { -d } else { d });
        let class = match gain {
            gain if gain > 0.0 => "number gain better",
            gain if gain < 0.0 => "number gain worse",
            _ => "number gain",
        };
        let text = match difference {
            Some(d) if unit == Unit::Share => format!("{} points", format::signed(d * 100.0, 1)),
            Some(d) if d.abs() >= 1e7 => format::significant(d),
            Some(d) if d.abs() >= 1000.0 => format::signed(d, 0),
            Some(d) => format::signed(d, 3),
            None => "–".into(),
        };
        let beside = if baseline.is_some() && !is_over_baseline && difference.is_some() { " since before" } else { "" };
        let change = Cell { id: Some(format!("eval-{id}-gain")), ..Cell::new(class, format!("{text}{beside}")) };
        let mut cells = vec![Cell::new("head", name)];
        cells.extend(baseline.map(|_| cell(least, "baseline")));
        cells.extend([cell(before, "base"), cell(after, "tuned"), change]);
        cells
    };
    let rows = figures.iter().map(row).collect();
    let always = baseline.map(|label| format!("Always “{}”", format::shortened(label, 24)));
    let heads: Vec<&str> = match &always {
        Some(always) => vec!["", always.as_str(), "Before", "After", "Gain"],
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

/// Figures of each class; with `before`, also its F1 before training.
fn per_class(shown: &MeasuredRows, before: Option<&MeasuredRows>) -> AnyView {
    let score = |value: f64| Cell::number(format!("{value:.3}"));
    let rows = shown.evaluation.per_class.iter().map(|class| {
        let has_rows = class.support > 0;
        let score = |value: f64| if has_rows { score(value) } else { Cell::number("–") };
        let mut cells = vec![Cell::new("head", format::shortened(&class.label, MAX_LABEL_CHARS))];
        cells.extend([class.precision, class.recall, class.f1].map(score));
        if let Some(before) = before {
            let same = before.evaluation.per_class.iter().find(|other| other.label == class.label);
            cells.push(same.map_or_else(|| Cell::number("–"), |other| score(other.f1)));
        }
        cells.push(Cell::number(if has_rows { format::count(class.support) } else { "no rows".into() }));
        cells
    });
    let without = shown.evaluation.per_class.iter().filter(|class| class.support == 0).count();
    let without = (without > 0).then(|| {
        format!(
            "{} without rows in this split. Such a class is left out of the macro figures, unless the model predicted \
             it: then it counts as 0.",
            format::plural(without, "class")
        )
    });
    let heads: &[&str] = match before {
        Some(_) => &["Class", "Precision", "Recall", "F1", "F1 before", "Rows"],
        None => &["Class", "Precision", "Recall", "F1", "Rows"],
    };
    view! {
        <div class="panel figures">
            <h3>"By class"</h3>
            {sortable_table("By class", "per-class", heads, rows.collect())}
            <p class="hint">
                "Precision: how many of the rows that were given this label have it. Recall: how many of the rows that \
                 have this label were given it. F1: both in one figure. Macro: the mean over the classes."
            </p>
            <p class="hint">{without}</p>
        </div>
    }
    .into_any()
}

fn confusion(measured: &MeasuredRows, before: Option<&MeasuredRows>, chosen: Chosen) -> AnyView {
    let (labels, counts) = (measured.labels(), &measured.evaluation.confusion);
    let is_mistake = |(truth, row): (usize, &Vec<u32>)| row.iter().enumerate().any(|(id, &n)| id != truth && n > 0);
    let how =
        counts.iter().enumerate().any(is_mistake).then_some("Press an underlined number to see the rows behind it.");
    if labels.len() <= MAX_MATRIX_CLASSES {
        let before = before.map(|before| {
            view! {
                <details>
                    <summary>"The same before training"</summary>
                    <Matrix
                        label="Confusion matrix before training"
                        counts=before.evaluation.confusion.clone()
                        labels=before.labels()
                    />
                </details>
            }
        });
        return view! {
            <div class="panel">
                <h3>"What is mixed up with what"</h3>
                <Matrix label="Confusion matrix" counts=counts.clone() labels=labels chosen=chosen />
                <p class="hint">{how}</p>
                {before}
            </div>
        }
        .into_any();
    }
    let name = |id: usize| labels.get(id).cloned().unwrap_or_default();
    let rows = confused_pairs(counts, MAX_PAIRS).into_iter().map(|(truth, predicted, rows)| {
        let count = format::plural(rows as usize, "row");
        let what = format!("Show {count}: true {}, predicted {}", name(truth), name(predicted));
        let on_press = Callback::new(move |()| chosen.on_choose.run((truth, predicted)));
        let rows = Cell { press: Some((what, on_press)), ..Cell::number(format::count(rows as usize)) };
        vec![name(truth).into(), name(predicted).into(), rows]
    });
    view! {
        <div class="panel">
            <h3>"The pairs that are mixed up most"</h3>
            {sortable_table("Pairs that are mixed up most", "confusion", &["True", "Predicted", "Rows"], rows.collect())}
            <p class="hint">{how}</p>
        </div>
    }
    .into_any()
}

/// The rows it gets wrong, those of one pair of labels alone while one is chosen.
fn wrong_rows(store: Store, measured: &MeasuredRows, pair: RwSignal<Option<(usize, usize)>>) -> AnyView {
    let wrong = Arc::new(measured.wrong_rows());
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every row was predicted correctly."</p> }.into_any();
    }
    let (labels, all) = (measured.labels(), Arc::clone(&wrong));
    let shown = move || {
        let names = pair.get().and_then(|(truth, predicted)| Some((labels.get(truth)?, labels.get(predicted)?)));
        let rows = of_pair(&all, names.map(|(truth, predicted)| (truth.as_str(), predicted.as_str())));
        let count = format::plural(rows.len(), "row");
        let title = match names {
            Some((truth, predicted)) => format!("{count}: true “{truth}”, predicted “{predicted}”"),
            None => format!("{count} the model gets wrong, the most confident first"),
        };
        let has_more = rows.len() > MAX_WRONG_ROWS;
        let more = has_more.then(|| format!("The first {MAX_WRONG_ROWS} are shown; the saved file has all of them."));
        let on_all = Callback::new(move |()| {
            pair.set(None);
            browser::after(0, || browser::focus_element(WRONG_ROWS_TITLE));
        });
        let all = names.map(|_| view! { <Button id="wrong-rows-all" text="Show all wrong rows" on_press=on_all /> });
        view! {
            <h3 id=WRONG_ROWS_TITLE tabindex="-1" data-testid="wrong-rows-title">{title}</h3>
            <div class="row">{all} <p class="hint">{more}</p></div>
            {wrong_rows_table(&rows)}
        }
        .into_any()
    };
    let on_save = Callback::new(move |()| store.save_wrong_rows(&wrong));
    view! {
        <div class="panel">
            {shown}
            <div class="row"><Button id="save-wrong-rows" text="Save all wrong rows as CSV" on_press=on_save /></div>
        </div>
    }
    .into_any()
}

/// Numbers and labels first: a long text must not push them out of a narrow page.
fn wrong_rows_table(rows: &[&WrongRow]) -> AnyView {
    let cells = rows.iter().take(MAX_WRONG_ROWS).map(|row| {
        vec![
            Cell::number(format::count(row.row)),
            Cell::number(format::percent(f64::from(row.probability))),
            row.label.clone().into(),
            row.predicted.clone().into(),
            Cell::new("text", format::shortened(&row.text, MAX_TEXT_CHARS)),
        ]
    });
    let heads = ["Row", "Probability", "True", "Predicted", "Text"];
    sortable_table("Rows the model gets wrong", "wrong-rows", &heads, cells.collect())
}
