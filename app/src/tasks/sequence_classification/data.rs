//! Labeled rows: which columns they are read from, their classes, and the first of them.

use hone_core::task::DataReport;
use hone_core::task::sequence_classification::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::{Cell, table};
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::{DataParts, RowFacts};

/// Classes drawn as bars.
const MAX_CLASSES: usize = 20;
/// Characters of a text in the preview.
const MAX_PREVIEW_CHARS: usize = 160;

/// The role of the column that makes a row a pair of texts.
const SECOND: &str = "second text";

/// What a column can be.
const ROLES: &[ColumnRole] = &[
    ColumnRole {
        role: "text",
        label: "Text",
        id: "text-column",
        is_optional: false,
        wish: |read| &mut read.text_column,
    },
    ColumnRole {
        role: SECOND,
        label: "Second text",
        id: "text-pair-column",
        is_optional: true,
        wish: |read| &mut read.text_pair_column,
    },
    ColumnRole {
        role: "label",
        label: "Label",
        id: "label-column",
        is_optional: false,
        wish: |read| &mut read.label_column,
    },
];

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let has_second = detail.preview.iter().any(|row| row.second.is_some());
    RowFacts { part: "row", num_labels: detail.classes.len(), has_second, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let conflicts = "rows with the text of an earlier one and another label".to_owned();
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts: vec![("Conflicts", detail.num_conflicts, conflicts)],
        beside_lengths: Some(classes(detail)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn classes(detail: &ReportDetail) -> AnyView {
    let most = detail.classes.iter().map(|class| class.count).max().unwrap_or(0).max(1) as f64;
    let total = detail.classes.iter().map(|class| class.count).sum::<usize>().max(1) as f64;
    let mut sorted: Vec<_> = detail.classes.iter().collect();
    sorted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    let bars = sorted.iter().take(MAX_CLASSES).map(|class| Bar {
        label: class.label.clone(),
        share: class.count as f64 / most,
        text: format!("{} ({})", format::count(class.count), format::percent(class.count as f64 / total)),
        is_strong: true,
    });
    let rest = sorted.len().saturating_sub(MAX_CLASSES);
    view! {
        <div class="panel">
            <h3>{format::plural(sorted.len(), "class")}</h3>
            <Bars bars=bars.collect() label="Rows of each class" />
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </div>
    }
    .into_any()
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_pair = row_facts(detail).has_second;
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_PREVIEW_CHARS));
    let row = |row: &PreviewRow| {
        let mut cells = vec![Cell::number(format::count(row.row)), text(&row.text)];
        cells.extend(is_pair.then(|| text(row.second.as_deref().unwrap_or_default())));
        cells.push(row.label.clone().into());
        cells
    };
    let heads: &[&str] = if is_pair { &["Row", "Text", "Second text", "Label"] } else { &["Row", "Text", "Label"] };
    view! {
        <div class="panel">
            <h3>"The first rows, as they were understood"</h3>
            {table("First rows", "first-rows", heads, detail.preview.iter().map(row).collect())}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::config::ReadOptions;
    use hone_core::data::{FileReading, Format, LengthHistogram};
    use hone_core::task;
    use hone_core::task::sequence_classification::ClassCount;

    use super::*;
    use crate::state::report::{choose_column, forget_columns, size_words};

    fn report(used: &[(&str, &str)]) -> DataReport {
        let class = |label: &str| ClassCount { label: label.into(), count: 1 };
        let detail = ReportDetail { classes: vec![class("no"), class("yes")], num_conflicts: 0, preview: Vec::new() };
        DataReport {
            file_name: "rows.csv".into(),
            format: Some(Format::Csv),
            delimiter: Some(','),
            has_header: true,
            columns: used.iter().map(|(column, _)| (*column).into()).collect(),
            reading: FileReading::default(),
            used_columns: used.iter().map(|(column, role)| ((*column).into(), (*role).into())).collect(),
            num_rows: 2,
            num_usable: 2,
            num_empty: 0,
            num_duplicates: 0,
            num_leaks: 0,
            split_sizes: [2, 0, 0],
            num_encoded: [2, 0, 0],
            bad_rows: Vec::new(),
            num_bad_rows: 0,
            lengths: LengthHistogram::default(),
            max_seq_length: 8,
            num_truncated: 0,
            warnings: Vec::new(),
            advice: Vec::new(),
            detail: task::ReportDetail::SequenceClassification(Box::new(detail)),
        }
    }

    fn wishes(read: &ReadOptions) -> [Option<&str>; 3] {
        [&read.text_column, &read.text_pair_column, &read.label_column].map(Option::as_deref)
    }

    #[test]
    fn text_and_label_change_places() {
        let report = report(&[("body", "text"), ("kind", "label")]);
        let mut read = ReadOptions::default();
        choose_column(&mut read, &report, ROLES, "text", "kind");
        assert_eq!(wishes(&read), [Some("kind"), None, Some("body")]);
        choose_column(&mut read, &report, ROLES, "label", "note");
        assert_eq!(wishes(&read), [Some("body"), None, Some("note")]);
        forget_columns(&mut read);
        assert_eq!(wishes(&read), [None; 3]);
    }

    #[test]
    fn a_second_text_is_added_and_taken_away() {
        let single = report(&[("body", "text"), ("kind", "label")]);
        let mut read = ReadOptions::default();
        choose_column(&mut read, &single, ROLES, SECOND, "title");
        assert_eq!(wishes(&read), [Some("body"), Some("title"), Some("kind")]);
        let pair = report(&[("body", "text"), ("title", SECOND), ("kind", "label")]);
        choose_column(&mut read, &pair, ROLES, SECOND, "");
        assert_eq!(wishes(&read), [Some("body"), Some(""), Some("kind")], "none is wanted");
        choose_column(&mut read, &single, ROLES, "label", "note");
        assert_eq!(wishes(&read), [Some("body"), Some(""), Some("note")], "and stays none");
        forget_columns(&mut read);
        assert_eq!(wishes(&read), [None, Some(""), None]);
    }

    #[test]
    fn rows_are_counted_with_their_labels() {
        let report = report(&[("body", "text"), ("kind", "label")]);
        let facts = crate::tasks::row_facts(&report);
        assert_eq!((facts.part, facts.num_labels, facts.has_second, facts.prompt_format), ("row", 2, false, None));
        assert_eq!(size_words(&report), "2 rows");
    }
}
