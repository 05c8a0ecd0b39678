//! How well labels are given: label by label, each at its threshold, and the rows with wrong ones.

use hone_core::metrics::MultiLabelEvaluation;
use hone_core::task::multi_label::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::mistakes::{WrongRow, has_pairs, wrong_rows, wrong_rows_csv};
use crate::components::{Button, Cell, sortable_table};
use crate::format;
use crate::state::Store;
use crate::state::corrections::{AnswerKind, WrongAnswer};
use crate::tasks::calibration::reliability_of_labels;
use crate::tasks::correct_labels::{self, beside, press};
use crate::tasks::explanation::{self, ListedRow, RowOpener};
use crate::tasks::wrong_rows::TITLE_ID;
use crate::tasks::{self, EvaluationParts};

/// Rows shown.
const MAX_WRONG_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;
/// Characters of a label where others stand beside it.
const MAX_LABEL_CHARS: usize = 60;

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let before = after.as_ref().and(before.as_ref()).map(|side| &side.detail.evaluation);
    let rows = format::plural(shown.detail.evaluation.num_rows, "row");
    Some(EvaluationParts {
        caption: format!("On {rows} of the {} split.", shown.measured.split.words()),
        beside: Some(per_label(&shown.detail.evaluation, before)),
        below: view! {
            {beside(store)}
            {reliability_of_labels(&shown.detail.bins)}
            {mistakes(store, shown, after.is_some())}
        }
        .into_any(),
    })
}

/// Figures of each label; with `before`, also its F1 before training.
fn per_label(shown: &MultiLabelEvaluation, before: Option<&MultiLabelEvaluation>) -> AnyView {
    let score = |value: Option<f64>| Cell::number(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}")));
    let rows = shown.per_label.iter().map(|label| {
        let has_rows = label.support > 0;
        let mut cells = vec![Cell::new("head", format::shortened(&label.label, MAX_LABEL_CHARS))];
        let figures = [label.precision, label.recall, label.f1].map(|value| has_rows.then_some(value));
        cells.extend(figures.into_iter().chain([label.average_precision]).map(score));
        if let Some(before) = before {
            let same = before.per_label.iter().find(|other| other.label == label.label);
            cells.push(score(same.filter(|_| has_rows).map(|other| other.f1)));
        }
        let threshold = Cell::number(format::percent(label.threshold));
        cells.push(Cell { raw: Some(label.threshold.to_string()), ..threshold });
        cells.push(Cell::number(if has_rows { format::count(label.support) } else { "no rows".into() }));
        cells
    });
    let are_tuned = shown.per_label.iter().any(|label| label.threshold != 0.5);
    let thresholds = match are_tuned {
        true => {
            "Threshold: the probability from which on the label is given. Each gives its label the best F1 on the \
                 validation rows, and leaves with the model."
        }
        false => {
            "Threshold: the probability from which on the label is given. After training on rows of which some are \
                  kept for validation, each label gets its own."
        }
    };
    let without = shown.per_label.iter().filter(|label| label.support == 0).count();
    let without = (without > 0).then(|| {
        format!(
            "{} without rows in this split. Such a label is left out of the macro figures, unless the model gave it: \
             then it counts as 0.",
            format::plural(without, "label")
        )
    });
    let notes = shown.notes.iter().map(|note| view! { <p class="hint">{format!("{note}.")}</p> }).collect_view();
    let heads: &[&str] = match before {
        Some(_) => &["Label", "Precision", "Recall", "F1", "Average precision", "F1 before", "Threshold", "Rows"],
        None => &["Label", "Precision", "Recall", "F1", "Average precision", "Threshold", "Rows"],
    };
    view! {
        <div class="panel figures">
            <h3>"By label"</h3>
            {sortable_table("By label", "per-label", heads, rows.collect())}
            <p class="hint">
                "Precision: how many of the rows that were given this label have it. Recall: how many of the rows that \
                 have this label were given it. F1: both in one figure. Average precision: how well its probability \
                 puts these rows before the others, whatever the threshold."
            </p>
            <p class="hint">{thresholds}</p>
            <p class="hint">{without}</p>
            {notes}
        </div>
    }
    .into_any()
}

/// The rows with labels that are missing or wrong.
fn mistakes(store: Store, shown: &Side<'_>, is_tuned: bool) -> AnyView {
    let wrong = wrong_rows(shown.rows, &shown.detail.evaluation.per_label);
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every row was given its labels and no others."</p> }
            .into_any();
    }
    let title = format!("{} with labels that are missing or wrong", format::plural(wrong.len(), "row"));
    let more = (wrong.len() > MAX_WRONG_ROWS)
        .then(|| format!("The first {MAX_WRONG_ROWS} are shown; the saved file has all of them."));
    let labels: Vec<String> = shown.detail.evaluation.per_label.iter().map(|label| label.label.clone()).collect();
    let opener = RowOpener::new(store, shown.measured, is_tuned, labels.clone());
    let shown = wrong_rows_table((store, &opener), &wrong);
    let on_save = Callback::new(move |()| store.save_table("wrong-rows", &wrong_rows_csv(&wrong)));
    view! {
        <div class="panel">
            <h3 id=TITLE_ID tabindex="-1">{title}</h3>
            <p class="hint">{more}</p>
            {shown}
            {correct_labels::panel(store, labels)}
            <div class="row"><Button id="save-wrong-rows" text="Save all wrong rows as CSV" on_press=on_save /></div>
        </div>
        {explanation::panel(store)}
    }
    .into_any()
}

/// Labels first: a long text must not push them out of a narrow page.
fn wrong_rows_table((store, opener): (Store, &RowOpener), rows: &[WrongRow]) -> AnyView {
    let has_pairs = has_pairs(rows);
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_TEXT_CHARS));
    let labels = |labels: &[String]| Cell::from(labels.join(", "));
    let cells = rows.iter().take(MAX_WRONG_ROWS).map(|row| {
        let (missed, wrong) = (row.missed.first().map(String::as_str), row.wrong.first().map(String::as_str));
        let listed = ListedRow {
            row: row.row,
            index: row.index,
            text: &row.text,
            second: row.second.as_deref(),
            first: wrong.or(missed).unwrap_or_default(),
            truth: missed,
            predicted: wrong,
        };
        let [own, predicted] = row.labels();
        let written = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        let wrong = WrongAnswer {
            kind: AnswerKind::Labels,
            index: row.index,
            row: row.row,
            text: row.text.clone(),
            second: row.second.clone(),
            values: own,
            predicted,
        };
        let mut cells = vec![opener.cell(&listed), Cell { press: Some(press(store, wrong)), ..Cell::from(written) }];
        cells.extend([&row.missed, &row.wrong, &row.right].map(|names| labels(names)));
        cells.push(text(&row.text));
        cells.extend(has_pairs.then(|| text(row.second.as_deref().unwrap_or_default())));
        cells
    });
    let heads: &[&str] = match has_pairs {
        true => &["Row", "Labels", "Missing", "Wrong", "Right", "Text", "Second text"],
        false => &["Row", "Labels", "Missing", "Wrong", "Right", "Text"],
    };
    sortable_table("Rows with wrong labels", "wrong-rows", heads, cells.collect())
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    let labels = ["a".to_owned(), "b".to_owned()];
    let found = hone_core::metrics::evaluate_multi_label(&labels, &[0.9, 0.1], &[true, false], &[0.5; 2]);
    EvaluationDetail { evaluation: found.clone(), best: found, bins: Vec::new() }
}
