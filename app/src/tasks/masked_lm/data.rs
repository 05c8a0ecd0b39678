//! Texts to learn from: the column that they are read from, how many tokens there are, and the first passages with their
//! blanks.

use hone_core::task::DataReport;
use hone_core::task::masked_lm::{PassagePreview, ReportDetail};
use leptos::prelude::*;

use crate::components::{Cell, table};
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::{DataParts, RowFacts};

/// Characters of a passage in the preview.
const MAX_PREVIEW_CHARS: usize = 400;

/// What a column can be.
const ROLES: &[ColumnRole] = &[ColumnRole::TEXT];

pub(crate) fn row_facts(_detail: &ReportDetail) -> RowFacts {
    RowFacts { part: "passage", input: "passage", num_labels: 0, has_second: false, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    // Before there is a model nothing is known of tokens.
    let is_counted = !report.lengths.counts.is_empty();
    let tokens = ("Tokens", detail.num_tokens, "in all".to_owned());
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts: is_counted.then_some(tokens).into_iter().collect(),
        beside_lengths: None,
        below_bad_rows: None,
        preview: preview(&detail.preview, is_counted),
    }
}

fn preview(passages: &[PassagePreview], has_blanks: bool) -> AnyView {
    let row = |passage: &PassagePreview| {
        let text = Cell::new("text", format::shortened(&passage.text, MAX_PREVIEW_CHARS));
        let mut cells = vec![Cell::number(format::count(passage.row)), text];
        cells.extend(has_blanks.then(|| Cell::number(format::count(passage.num_hidden))));
        cells
    };
    let heads: &[&str] = if has_blanks { &["Row", "Passage", "Hidden"] } else { &["Row", "Text"] };
    let hint = has_blanks.then_some("Other tokens are hidden each time. Some of them stay, or another stands there.");
    view! {
        <div class="panel">
            <h3>"The first passages, with their blanks"</h3>
            {table("First passages", "first-rows", heads, passages.iter().map(row).collect())}
            {hint.map(|text| view! { <p class="hint">{text}</p> })}
        </div>
    }
    .into_any()
}
