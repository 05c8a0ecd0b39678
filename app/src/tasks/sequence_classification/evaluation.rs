//! How well texts are labeled: class by class, what is mixed up with what, and the rows behind it.

use hone_core::task::sequence_classification::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::few_shot::without_training;
use crate::components::{Cell, sortable_table};
use crate::format;
use crate::state::Store;
use crate::tasks::calibration::panels;
use crate::tasks::class_figures::{confusion, labels_of, per_class};
use crate::tasks::correct_labels::{beside, of_label, press};
use crate::tasks::explanation::{self, ListedRow, RowOpener};
use crate::tasks::wrong_rows::{LabeledRow, WrongRow, chosen_pair, has_pairs, mistakes, wrong_rows};
use crate::tasks::{self, EvaluationParts};

/// Rows shown.
const MAX_WRONG_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let before = after.as_ref().and(before.as_ref()).map(|side| side.detail);
    let (pair, chosen) = chosen_pair();
    let tuned = after.as_ref().map(|side| side.detail.accuracy);
    let wrong = wrong_rows(shown.rows.iter().map(labeled), &shown.detail.per_class);
    let (has_pairs, has_wrong) = (has_pairs(&wrong), !wrong.is_empty());
    let opener = RowOpener::new(store, shown.measured, after.is_some(), labels_of(shown.detail));
    let draw = move |rows: &[&WrongRow]| wrong_rows_table((store, &opener), rows, has_pairs);
    let below = view! {
        {beside(store)}
        {without_training(store, shown.measured.split, tuned)}
        {panels(store, shown.detail, after.is_some())}
        {confusion(shown.detail, before, chosen)}
        {mistakes(store, wrong, labels_of(shown.detail), pair, "text", draw)}
        {has_wrong.then(|| explanation::panel(store))}
    };
    let rows = format::plural(shown.detail.num_rows, "row");
    Some(EvaluationParts {
        caption: format!("On {rows} of the {} split.", shown.measured.split.words()),
        beside: Some(per_class(shown.detail, before)),
        below: below.into_any(),
    })
}

fn labeled(row: &RowPrediction) -> LabeledRow<'_> {
    LabeledRow {
        row: row.row,
        text: &row.text,
        second: row.second.as_deref(),
        label: row.label,
        predicted: row.predicted,
        probabilities: &row.probabilities,
    }
}

/// Numbers and labels first: a long text must not push them out of a narrow page.
fn wrong_rows_table((store, opener): (Store, &RowOpener), rows: &[&WrongRow], has_pairs: bool) -> AnyView {
    let has_more = rows.len() > MAX_WRONG_ROWS;
    let more = has_more.then(|| format!("The first {MAX_WRONG_ROWS} are shown; the saved file has all of them."));
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_TEXT_CHARS));
    let cells = rows.iter().take(MAX_WRONG_ROWS).map(|row| {
        let listed = ListedRow {
            row: row.row,
            index: row.index,
            text: &row.text,
            second: row.second.as_deref(),
            first: &row.predicted,
            truth: Some(row.label.as_str()),
            predicted: Some(row.predicted.as_str()),
        };
        let mut cells = vec![
            opener.cell(&listed),
            Cell::number(format::percent(f64::from(row.probability))),
            Cell { press: Some(press(store, of_label(row))), ..Cell::from(row.label.clone()) },
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
    view! {
        <p class="hint">{more}</p>
        {sortable_table("Rows the model gets wrong", "wrong-rows", heads, cells.collect())}
    }
    .into_any()
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    hone_core::metrics::Confusion::new(&["no".into(), "yes".into()]).finish(1.0)
}
