//! Texts that belong together: which columns they are read from, what a row is taken for, and the first of them.

use hone_core::task::DataReport;
use hone_core::task::sentence_embedding::{PreviewRow, ReportDetail, RowShape};
use leptos::prelude::*;

use crate::components::Cell;
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::report_views::{first_rows, preview_text};
use crate::tasks::{DataParts, RowFacts};

/// What a column can be.
const ROLES: &[ColumnRole] = &[
    ColumnRole::TEXT,
    ColumnRole::optional("second text", "Text that belongs to it", "text-pair-column", |read| {
        &mut read.text_pair_column
    }),
    ColumnRole::optional("negative", "Text that does not", "negative-column", |read| &mut read.negative_column),
    ColumnRole::optional("label", "Score of the two, or label", "label-column", |read| &mut read.label_column),
];

pub(crate) fn row_facts(_detail: &ReportDetail) -> RowFacts {
    RowFacts { part: "row", input: "row", num_labels: 0, has_second: true, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let labels = (!detail.labels.is_empty()).then(|| ("Labels", detail.labels.len(), "told apart".to_owned()));
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts: labels.into_iter().collect(),
        beside_lengths: None,
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn preview(detail: &ReportDetail) -> AnyView {
    let heads: &[&str] = match detail.shape {
        RowShape::Pairs => &["Row", "Text", "Belongs to it"],
        RowShape::Triplets => &["Row", "Text", "Belongs to it", "Does not"],
        RowShape::ScoredPairs => &["Row", "Text", "Second text", "Score"],
        RowShape::LabeledTexts => &["Row", "Text", "Label"],
        RowShape::Texts => &["Row", "Text"],
    };
    let row = |row: &PreviewRow| {
        let mut cells = vec![Cell::number(format::count(row.row))];
        // Of several texts that do not belong to the first, one shows what they are.
        cells.extend(row.texts.iter().take(3).map(|text| preview_text(text)));
        cells.extend(row.score.map(|score| Cell::number(format!("{score:.2}"))));
        cells.extend(row.label.clone().map(Cell::from));
        cells
    };
    let shape = view! {
        <p class="hint" data-testid="row-shape" data-value=detail.shape.name()>
            {format::sentence(detail.shape.describe())}
        </p>
    };
    first_rows(heads, detail.preview.iter().map(row).collect(), Some(shape.into_any()))
}
