//! Step 5: how good it is, on rows that it never saw; before training against after.

use std::sync::Arc;

use hone_core::config::Task;
use hone_core::metrics::Evaluation;
use hone_core::session::protocol::Weights;
use leptos::prelude::*;

use super::evaluate_texts;
use super::frame::{frame, missing, onward};
use crate::charts::Matrix;
use crate::components::{Button, Cell, Meter, table};
use crate::format;
use crate::state::evaluation::{Measured, MeasuredRows, confused_pairs, split_name};
use crate::state::{Step, Store};

const LEAD: &str = "Measured on rows that were kept aside: the model before training against the model after.";

/// Classes up to which the whole confusion matrix is shown.
const MAX_MATRIX_CLASSES: usize = 25;
/// Pairs and rows shown.
const MAX_PAIRS: usize = 30;
const MAX_WRONG_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;

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
        {results}
    };
    frame(store, Step::Evaluate, LEAD, content.into_any())
}

fn classes(store: Store, base: Option<&MeasuredRows>, tuned: Option<&MeasuredRows>) -> Option<AnyView> {
    let shown = tuned.or(base)?;
    let before = tuned.and(base);
    let view = view! {
        <div class="columns">{comparison(base, tuned)} {per_class(shown, before)}</div>
        {confusion(shown, before)}
        {wrong_rows(store, shown)}
    };
    Some(view.into_any())
}

/// Whether there is nothing to measure, or something else goes on.
pub(super) fn cannot_measure(store: Store) -> Signal<bool> {
    Signal::derive(move || {
        let has_rows = store.measured_sizes().is_some_and(|[_, valid, test]| valid + test > 0);
        !has_rows
            || store.model.info.with(Option::is_none)
            || store.measuring.get().is_some()
            || store.writing.with(|writing| writing.current.is_some())
            || store.run.with(|run| run.is_active())
    })
}

fn controls(store: Store) -> AnyView {
    let hint = move || {
        let (is_active, is_finished) = store.run.with(|run| (run.is_active(), run.is_finished()));
        match store.measured_sizes() {
            _ if is_active => "A run is going: its weights are measured when it has ended.".to_string(),
            Some([_, 0, 0]) => {
                "No rows were kept aside: give a test file, or a share of the rows in the recipe.".into()
            }
            Some([_, valid, 0]) => format!(
                "There are no test rows: the {} validation rows are used. They also chose the best weights, so the \
                 figures may flatter.",
                format::count(valid)
            ),
            Some([_, _, test]) if is_finished => format!("On {} test rows.", format::count(test)),
            Some([_, _, test]) => format!(
                "On {} test rows. Nothing was trained yet: only the model before training can be measured.",
                format::count(test)
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
        if total == 0 { String::new() } else { format!("{} of {} rows", format::count(done), format::count(total)) }
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
    let disabled = cannot_measure(store);
    let on_press = Callback::new(move |()| store.evaluate());
    view! {
        <div class="row">
            <Button id="evaluate-run" text="Evaluate" is_primary=true disabled=disabled on_press=on_press />
            <p class="hint">{hint}</p>
        </div>
        {meter}
    }
    .into_any()
}

fn comparison(base: Option<&MeasuredRows>, tuned: Option<&MeasuredRows>) -> AnyView {
    let figure = |name, id, unit, value: fn(&Evaluation) -> f64| {
        let of = |measured: Option<&MeasuredRows>| measured.map(|measured| value(&measured.evaluation));
        Figure { name, id, unit, before: of(base), after: of(tuned) }
    };
    let figures = [
        figure("Accuracy", "accuracy", Unit::Share, |e| e.accuracy),
        figure("Macro precision", "precision", Unit::Score, |e| e.macro_precision),
        figure("Macro recall", "recall", Unit::Score, |e| e.macro_recall),
        figure("Macro F1", "f1", Unit::Score, |e| e.macro_f1),
        figure("Loss", "loss", Unit::Loss, |e| e.loss),
    ];
    let shown = tuned.or(base);
    let caption =
        shown.map(|m| format!("{} rows of the {} split", format::count(m.evaluation.num_rows), split_name(m.split)));
    before_and_after("Before and after", &figures, caption.unwrap_or_default(), None)
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
    pub before: Option<f64>,
    pub after: Option<f64>,
}

/// Figures before and after training, with what changed; `more` stands under them.
pub(super) fn before_and_after(
    title: &'static str,
    figures: &[Figure],
    caption: String,
    more: Option<AnyView>,
) -> AnyView {
    let row = |&Figure { name, id, unit, before, after }: &Figure| {
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
        let difference = before.zip(after).map(|(before, after)| after - before);
        let gain = difference.map_or(0.0, |d| if unit == Unit::Loss { -d } else { d });
        let class = match gain {
            gain if gain > 0.0 => "number better",
            gain if gain < 0.0 => "number worse",
            _ => "number",
        };
        let text = match difference {
            Some(d) if unit == Unit::Share => format!("{} points", format::signed(d * 100.0, 1)),
            Some(d) if d.abs() >= 1e7 => format::significant(d),
            Some(d) => format::signed(d, 3),
            None => "–".into(),
        };
        vec![Cell::new("head", name), cell(before, "base"), cell(after, "tuned"), Cell::new(class, text)]
    };
    let rows = figures.iter().map(row).collect();
    view! {
        <div class="panel">
            <h3>{title}</h3>
            {table(title, "", &["", "Before", "After", "Difference"], rows)}
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
        let mut cells = vec![Cell::new("head", format::shortened(&class.label, 60))];
        cells.extend([class.precision, class.recall, class.f1].map(score));
        if let Some(before) = before {
            let same = before.evaluation.per_class.iter().find(|other| other.label == class.label);
            cells.push(same.map_or_else(|| Cell::number("–"), |other| score(other.f1)));
        }
        cells.push(Cell::number(format::count(class.support)));
        cells
    });
    let heads: &[&str] = match before {
        Some(_) => &["Class", "Precision", "Recall", "F1", "F1 before", "Rows"],
        None => &["Class", "Precision", "Recall", "F1", "Rows"],
    };
    view! {
        <div class="panel">
            <h3>"By class"</h3>
            {table("By class", "per-class", heads, rows.collect())}
        </div>
    }
    .into_any()
}

fn confusion(measured: &MeasuredRows, before: Option<&MeasuredRows>) -> AnyView {
    let (labels, counts) = (measured.labels(), &measured.evaluation.confusion);
    if labels.len() <= MAX_MATRIX_CLASSES {
        let before = before.map(|before| {
            view! {
                <details>
                    <summary>"The same before training"</summary>
                    <Matrix counts=before.evaluation.confusion.clone() labels=before.labels() />
                </details>
            }
        });
        return view! {
            <div class="panel">
                <h3>"What is mixed up with what"</h3>
                <Matrix counts=counts.clone() labels=labels />
                {before}
            </div>
        }
        .into_any();
    }
    let rows = confused_pairs(counts, &labels, MAX_PAIRS).into_iter().map(|(truth, predicted, rows)| {
        vec![truth.into(), predicted.into(), Cell::number(format::count(rows as usize))]
    });
    view! {
        <div class="panel">
            <h3>"The pairs that are mixed up most"</h3>
            {table("Pairs that are mixed up most", "confusion", &["True", "Predicted", "Rows"], rows.collect())}
        </div>
    }
    .into_any()
}

fn wrong_rows(store: Store, measured: &MeasuredRows) -> AnyView {
    let wrong = Arc::new(measured.wrong_rows());
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every row was predicted right."</p> }.into_any();
    }
    let rows = wrong.iter().take(MAX_WRONG_ROWS).map(|row| {
        vec![
            Cell::number(format::count(row.row)),
            Cell::new("text", format::shortened(&row.text, MAX_TEXT_CHARS)),
            row.label.clone().into(),
            row.predicted.clone().into(),
            Cell::number(format::percent(f64::from(row.probability))),
        ]
    });
    let rows = rows.collect();
    let rest = wrong.len().saturating_sub(MAX_WRONG_ROWS);
    let heads = ["Row", "Text", "True", "Predicted", "Probability"];
    let count = wrong.len();
    let hidden = view! { <p class="hint">{format!("The first {MAX_WRONG_ROWS} are shown; the file has all.")}</p> };
    let on_save = Callback::new(move |()| store.save_wrong_rows(&wrong));
    view! {
        <div class="panel">
            <h3>{format!("{} rows it gets wrong, the most confident first", format::count(count))}</h3>
            <div class="row">
                <Button id="save-wrong-rows" text="Save them as CSV" on_press=on_save />
                {(rest > 0).then_some(hidden)}
            </div>
            {table("Rows it gets wrong", "wrong-rows", &heads, rows)}
        </div>
    }
    .into_any()
}
