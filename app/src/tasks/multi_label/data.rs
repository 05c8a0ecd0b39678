//! Rows with any number of labels: which columns they are read from, how many rows have each label, and the first rows.

use hone_core::task::DataReport;
use hone_core::task::multi_label::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::{Cell, table};
use crate::format;
use crate::pages::data_controls::columns;
use crate::pages::label_columns::{TEXTS, label_separator, list_column, one_column_each};
use crate::state::Store;
use crate::tasks::{DataParts, RowFacts};

/// Labels drawn as bars.
const MAX_LABELS: usize = 20;
/// Characters of a text in the preview.
const MAX_PREVIEW_CHARS: usize = 160;

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let has_second = detail.preview.iter().any(|row| row.second.is_some());
    RowFacts { part: "row", num_labels: detail.labels.len(), has_second, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let columns = view! {
        {columns(store, report, TEXTS, None)}
        {list_column(store, report)}
        {label_separator(store, report, detail.separator)}
    };
    let conflicts = "rows with the text of an earlier one and other labels".to_owned();
    DataParts {
        columns: columns.into_any(),
        below_columns: one_column_each(store, report, "Columns with 0 or 1 for one label each"),
        counts: vec![
            ("Unlabeled", detail.num_unlabeled, "rows that have no label, and count as such".to_owned()),
            ("Conflicts", detail.num_conflicts, conflicts),
        ],
        beside_lengths: Some(labels(detail, report.num_usable)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn labels(detail: &ReportDetail, num_rows: usize) -> AnyView {
    let total = num_rows.max(1) as f64;
    let most = detail.labels.iter().map(|label| label.count).max().unwrap_or(0).max(1) as f64;
    let mut sorted: Vec<_> = detail.labels.iter().collect();
    sorted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    let bars = sorted.iter().take(MAX_LABELS).map(|label| Bar {
        label: label.label.clone(),
        share: label.count as f64 / most,
        text: format!("{} ({})", format::count(label.count), format::percent(label.count as f64 / total)),
        is_strong: true,
    });
    let rest = sorted.len().saturating_sub(MAX_LABELS);
    view! {
        <div class="panel">
            <h3>{format::plural(sorted.len(), "label")}</h3>
            <Bars bars=bars.collect() label="Rows that have each label" />
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </div>
    }
    .into_any()
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_pair = row_facts(detail).has_second;
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_PREVIEW_CHARS));
    let row = |row: &PreviewRow| {
        let labels = if row.labels.is_empty() { "none".to_owned() } else { row.labels.join(", ") };
        let mut cells = vec![Cell::number(format::count(row.row)), text(&row.text)];
        cells.extend(is_pair.then(|| text(row.second.as_deref().unwrap_or_default())));
        cells.push(labels.into());
        cells
    };
    let heads: &[&str] = if is_pair { &["Row", "Text", "Second text", "Labels"] } else { &["Row", "Text", "Labels"] };
    view! {
        <div class="panel">
            <h3>"The first rows, as they were understood"</h3>
            {table("First rows", "first-rows", heads, detail.preview.iter().map(row).collect())}
        </div>
    }
    .into_any()
}
