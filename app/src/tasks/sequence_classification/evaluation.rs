//! How well texts are labeled: class by class, what is mixed up with what, and the rows behind it.

use std::sync::Arc;

use hone_core::task::sequence_classification::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::few_shot::without_training;
use super::mistakes::{WrongRow, confused_pairs, has_pairs, of_pair, wrong_rows, wrong_rows_csv};
use crate::browser;
use crate::charts::{Chosen, Matrix};
use crate::components::{Button, Cell, sortable_table};
use crate::format;
use crate::state::Store;
use crate::state::evaluation::split_name;
use crate::tasks::class_table::class_table;
use crate::tasks::{self, EvaluationParts};

/// Classes up to which the whole confusion matrix is shown.
const MAX_MATRIX_CLASSES: usize = 25;
/// Pairs and rows shown.
const MAX_PAIRS: usize = 30;
const MAX_WRONG_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;
/// The element that has the focus once a pair of labels is chosen.
const WRONG_ROWS_TITLE: &str = "wrong-rows-title";

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let before = after.as_ref().and(before.as_ref()).map(|side| side.detail);
    let pair: RwSignal<Option<(usize, usize)>> = RwSignal::new(None);
    let on_choose = Callback::new(move |chosen: (usize, usize)| {
        pair.set(Some(chosen));
        browser::after(0, || browser::focus_element(WRONG_ROWS_TITLE));
    });
    let chosen = Chosen { pair: pair.into(), on_choose };
    let tuned = after.as_ref().map(|side| side.detail.accuracy);
    let below = view! {
        {without_training(store, shown.measured.split, tuned)}
        {confusion(shown.detail, before, chosen)}
        {mistakes(store, shown, pair)}
    };
    let rows = format::plural(shown.detail.num_rows, "row");
    Some(EvaluationParts {
        caption: format!("On {rows} of the {} split.", split_name(shown.measured.split)),
        beside: Some(per_class(shown.detail, before)),
        below: below.into_any(),
    })
}

/// The labels in the order of their ids.
fn labels_of(detail: &EvaluationDetail) -> Vec<String> {
    detail.per_class.iter().map(|class| class.label.clone()).collect()
}

/// Figures of each class; with `before`, also its F1 before training.
fn per_class(shown: &EvaluationDetail, before: Option<&EvaluationDetail>) -> AnyView {
    let without = shown.per_class.iter().filter(|class| class.support == 0).count();
    let without = (without > 0).then(|| {
        format!(
            "{} without rows in this split. Such a class is left out of the macro figures, unless the model predicted \
             it: then it counts as 0.",
            format::plural(without, "class")
        )
    });
    let before = before.map(|before| before.per_class.as_slice());
    view! {
        <div class="panel figures">
            <h3>"By class"</h3>
            {class_table("By class", "per-class", "Class", &shown.per_class, before)}
            <p class="hint">
                "Precision: how many of the rows that were given this label have it. Recall: how many of the rows that \
                 have this label were given it. F1: both in one figure. Macro: the mean over the classes."
            </p>
            <p class="hint">{without}</p>
        </div>
    }
    .into_any()
}

fn confusion(shown: &EvaluationDetail, before: Option<&EvaluationDetail>, chosen: Chosen) -> AnyView {
    let (labels, counts) = (labels_of(shown), &shown.confusion);
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
                        counts=before.confusion.clone()
                        labels=labels_of(before)
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
fn mistakes(store: Store, shown: &Side<'_>, pair: RwSignal<Option<(usize, usize)>>) -> AnyView {
    let wrong = Arc::new(wrong_rows(shown.rows, &shown.detail.per_class));
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every row was predicted correctly."</p> }.into_any();
    }
    let (labels, all) = (labels_of(shown.detail), Arc::clone(&wrong));
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
        let all_button =
            names.map(|_| view! { <Button id="wrong-rows-all" text="Show all wrong rows" on_press=on_all /> });
        view! {
            <h3 id=WRONG_ROWS_TITLE tabindex="-1" data-testid="wrong-rows-title">{title}</h3>
            <div class="row">{all_button} <p class="hint">{more}</p></div>
            {wrong_rows_table(&rows, has_pairs(&all))}
        }
        .into_any()
    };
    let on_save = Callback::new(move |()| store.save_table("wrong-rows", &wrong_rows_csv(&wrong)));
    view! {
        <div class="panel">
            {shown}
            <div class="row"><Button id="save-wrong-rows" text="Save all wrong rows as CSV" on_press=on_save /></div>
        </div>
    }
    .into_any()
}

/// Numbers and labels first: a long text must not push them out of a narrow page.
fn wrong_rows_table(rows: &[&WrongRow], has_pairs: bool) -> AnyView {
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_TEXT_CHARS));
    let cells = rows.iter().take(MAX_WRONG_ROWS).map(|row| {
        let mut cells = vec![
            Cell::number(format::count(row.row)),
            Cell::number(format::percent(f64::from(row.probability))),
            row.label.clone().into(),
            row.predicted.clone().into(),
            text(&row.text),
        ];
        cells.extend(has_pairs.then(|| text(row.second.as_deref().unwrap_or_default())));
        cells
    });
    let heads: &[&str] = match has_pairs {
        true => &["Row", "Probability", "True", "Predicted", "Text", "Second text"],
        false => &["Row", "Probability", "True", "Predicted", "Text"],
    };
    sortable_table("Rows the model gets wrong", "wrong-rows", heads, cells.collect())
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    hone_core::metrics::Confusion::new(&["no".into(), "yes".into()]).finish(1.0)
}
