//! Rows with any number of labels: which columns they are read from, how many rows have each label, and the first rows.

use hone_core::task::DataReport;
use hone_core::task::multi_label::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use crate::pages::data_controls::columns;
use crate::pages::label_columns::{TEXTS, label_separator, list_column, one_column_each};
use crate::state::Store;
use crate::tasks::report_views::{first_rows, label_bars, preview_texts, text_heads};
use crate::tasks::{DataParts, RowFacts};

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let has_second = detail.preview.iter().any(|row| row.second.is_some());
    RowFacts { part: "row", input: "row", num_labels: detail.labels.len(), has_second, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let columns = view! {
        {columns(store, report, TEXTS, None)}
        {list_column(store, report)}
        {label_separator(store, report, detail.separator)}
    };
    DataParts {
        columns: columns.into_any(),
        below_columns: one_column_each(store, report, "Columns with 0 or 1 for one label each"),
        counts: vec![("Unlabeled", detail.num_unlabeled, "rows that have no label, and count as such".to_owned())],
        beside_lengths: Some(labels(detail, report.num_usable)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn labels(detail: &ReportDetail, num_rows: usize) -> AnyView {
    let counts = detail.labels.iter().map(|label| (label.label.as_str(), label.count)).collect();
    label_bars("label", "Rows that have each label", counts, Some(num_rows))
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_pair = row_facts(detail).has_second;
    let row = |row: &PreviewRow| {
        let mut cells = preview_texts(is_pair, row.row, &row.text, row.second.as_deref());
        let labels = if row.labels.is_empty() { "none".to_owned() } else { row.labels.join(", ") };
        cells.push(labels.into());
        cells
    };
    first_rows(&text_heads(is_pair, ["Labels"]), detail.preview.iter().map(row).collect(), None)
}
