//! Figures of labels that exclude each other: class by class, and what is mixed up with what.

use std::cmp::Reverse;

use hone_core::metrics::Evaluation;
use leptos::prelude::*;

use super::class_table::class_table;
use crate::charts::{Chosen, Matrix};
use crate::components::{Cell, sortable_table};
use crate::format;

/// Classes up to which the whole confusion matrix is shown.
const MAX_MATRIX_CLASSES: usize = 25;
/// Pairs shown.
const MAX_PAIRS: usize = 30;

/// The labels in the order of their ids.
pub(super) fn labels_of(figures: &Evaluation) -> Vec<String> {
    figures.per_class.iter().map(|class| class.label.clone()).collect()
}

/// Figures of each class; with `before`, also its F1 before training.
pub(super) fn per_class(shown: &Evaluation, before: Option<&Evaluation>) -> AnyView {
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

/// What is mixed up with what; with `before`, also before training.
pub(super) fn confusion(shown: &Evaluation, before: Option<&Evaluation>, chosen: Chosen) -> AnyView {
    let is_mistake = |(truth, row): (usize, &Vec<u32>)| row.iter().enumerate().any(|(id, &n)| id != truth && n > 0);
    let has_mistakes = shown.confusion.iter().enumerate().any(is_mistake);
    let how = has_mistakes.then_some("Press an underlined number to see the rows behind it.");
    match labels_of(shown) {
        labels if labels.len() <= MAX_MATRIX_CLASSES => confusion_matrix(shown, labels, before, chosen, how),
        labels => confused_list(shown, &labels, chosen, how),
    }
}

fn confusion_matrix(
    shown: &Evaluation,
    labels: Vec<String>,
    before: Option<&Evaluation>,
    chosen: Chosen,
    how: Option<&'static str>,
) -> AnyView {
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
    view! {
        <div class="panel">
            <h3>"What is mixed up with what"</h3>
            <Matrix label="Confusion matrix" counts=shown.confusion.clone() labels=labels chosen=chosen />
            <p class="hint">{how}</p>
            {before}
        </div>
    }
    .into_any()
}

/// The pairs of labels that are mixed up most, where a matrix would be too large.
fn confused_list(shown: &Evaluation, labels: &[String], chosen: Chosen, how: Option<&'static str>) -> AnyView {
    let name = |id: usize| labels.get(id).cloned().unwrap_or_default();
    let rows = confused_pairs(&shown.confusion, MAX_PAIRS).into_iter().map(|(truth, predicted, rows)| {
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

/// (true label, predicted label, rows) of the pairs of label ids that are mixed up most, at most `limit`.
fn confused_pairs(confusion: &[Vec<u32>], limit: usize) -> Vec<(usize, usize, u32)> {
    let mut pairs = Vec::new();
    for (truth, row) in confusion.iter().enumerate() {
        for (predicted, &rows) in row.iter().enumerate() {
            if truth != predicted && rows > 0 {
                pairs.push((truth, predicted, rows));
            }
        }
    }
    pairs.sort_by_key(|&(truth, predicted, rows)| (Reverse(rows), truth, predicted));
    pairs.truncate(limit);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_by_rows_and_leave_out_the_diagonal() {
        let pairs = confused_pairs(&[vec![9, 1, 0], vec![4, 9, 0], vec![0, 1, 9]], 2);
        assert_eq!(pairs, [(1, 0, 4), (0, 1, 1)]);
    }
}
