//! A table of classes with their precision, recall and F1, after training beside before.

use hone_core::metrics::ClassMetrics;
use leptos::prelude::*;

use crate::components::{Cell, sortable_table};
use crate::format;

/// Characters of a label where others stand beside it.
const MAX_LABEL_CHARS: usize = 60;

/// Figures of each class; with `before`, also its F1 before training. `label` says what the table shows, `id` is its test
/// id, and `head` stands over the names of the classes.
pub(super) fn class_table(
    label: &'static str,
    id: &'static str,
    head: &'static str,
    classes: &[ClassMetrics],
    before: Option<&[ClassMetrics]>,
) -> AnyView {
    let rows = classes.iter().map(|class| {
        let has_rows = class.support > 0;
        let score = |value: f64| Cell::number(if has_rows { format!("{value:.3}") } else { "–".into() });
        let name = match class.label.as_str() {
            "" => "(blank)".to_owned(),
            label => format::shortened(label, MAX_LABEL_CHARS),
        };
        let mut cells = vec![Cell::new("head", name)];
        cells.extend([class.precision, class.recall, class.f1].map(score));
        if let Some(before) = before {
            let same = before.iter().find(|other| other.label == class.label);
            cells.push(same.map_or_else(|| Cell::number("–"), |other| score(other.f1)));
        }
        cells.push(Cell::number(if has_rows { format::count(class.support) } else { "no rows".into() }));
        cells
    });
    let mut heads = vec![head, "Precision", "Recall", "F1"];
    heads.extend(before.map(|_| "F1 before"));
    heads.push("Rows");
    sortable_table(label, id, &heads, rows.collect())
}
