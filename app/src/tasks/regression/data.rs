//! Rows with numbers: which columns they are read from, the range of each number, and the first rows.

use hone_core::task::DataReport;
use hone_core::task::regression::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use crate::components::{Cell, table};
use crate::format;
use crate::pages::data_controls::columns;
use crate::pages::label_columns::{TEXTS, one_column_each};
use crate::state::Store;
use crate::tasks::report_views::{first_rows, preview_texts, text_heads};
use crate::tasks::{DataParts, RowFacts};

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let has_second = detail.preview.iter().any(|row| row.second.is_some());
    RowFacts { part: "row", input: "row", num_labels: detail.outputs.len(), has_second, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    DataParts {
        columns: columns(store, report, TEXTS, None).into_any(),
        below_columns: one_column_each(store, report, "Columns of the numbers"),
        counts: Vec::new(),
        beside_lengths: Some(ranges(detail)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn ranges(detail: &ReportDetail) -> AnyView {
    let number = |value: f64| Cell::number(format::significant(value));
    let rows = detail.outputs.iter().map(|output| {
        let name = Cell::new("head", output.label.clone());
        [name].into_iter().chain([output.min, output.max, output.mean, output.std].map(number)).collect::<Vec<_>>()
    });
    let heads = ["", "Lowest", "Highest", "Mean", "Deviation"];
    view! {
        <div class="panel figures">
            <h3>{format::plural(detail.outputs.len(), "number")}</h3>
            {table("Range of the numbers", "number-ranges", &heads, rows.collect())}
            <p class="hint">"Deviation: how far the numbers are from their mean, as a rule (standard deviation)."</p>
        </div>
    }
    .into_any()
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_pair = row_facts(detail).has_second;
    let row = |row: &PreviewRow| {
        let mut cells = preview_texts(is_pair, row.row, &row.text, row.second.as_deref());
        cells.extend(row.numbers.iter().map(|number| Cell::number(number.to_string())));
        cells
    };
    let heads = text_heads(is_pair, detail.outputs.iter().map(|output| output.label.as_str()));
    first_rows(&heads, detail.preview.iter().map(row).collect(), None)
}
