//! Labeled rows: which columns they are read from, their classes, and the first of them.

use hone_core::task::DataReport;
use hone_core::task::sequence_classification::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::report_views::{first_rows, label_bars, preview_texts, text_heads};
use crate::tasks::{DataParts, RowFacts};

/// What a column can be.
const ROLES: &[ColumnRole] = &[ColumnRole::TEXT, ColumnRole::SECOND_TEXT, ColumnRole::LABEL];

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let has_second = detail.preview.iter().any(|row| row.second.is_some());
    RowFacts { part: "row", input: "row", num_labels: detail.classes.len(), has_second, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts: Vec::new(),
        beside_lengths: Some(classes(detail)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn classes(detail: &ReportDetail) -> AnyView {
    let counts: Vec<_> = detail.classes.iter().map(|class| (class.label.as_str(), class.count)).collect();
    let total = counts.iter().map(|(_, count)| count).sum();
    label_bars("class", "Rows of each class", counts, Some(total))
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_pair = row_facts(detail).has_second;
    let row = |row: &PreviewRow| {
        let mut cells = preview_texts(is_pair, row.row, &row.text, row.second.as_deref());
        cells.push(row.label.clone().into());
        cells
    };
    first_rows(&text_heads(is_pair, ["Label"]), detail.preview.iter().map(row).collect(), None)
}

#[cfg(test)]
mod tests {
    use hone_core::config::ReadOptions;
    use hone_core::task;
    use hone_core::task::sequence_classification::ClassCount;

    use super::*;
    use crate::state::report::{SECOND_TEXT, choose_column, forget_columns, size_words};
    use crate::tasks::fixtures;

    fn report(used: &[(&str, &str)]) -> DataReport {
        let class = |label: &str| ClassCount { label: label.into(), count: 1 };
        let classes = vec![class("no"), class("yes")];
        let detail = ReportDetail { classes, num_conflicts: 0, num_unlabeled: 3, preview: Vec::new() };
        fixtures::report(2, used, task::ReportDetail::SequenceClassification(Box::new(detail)))
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
        choose_column(&mut read, &single, ROLES, SECOND_TEXT, "title");
        assert_eq!(wishes(&read), [Some("body"), Some("title"), Some("kind")]);
        let pair = report(&[("body", "text"), ("title", SECOND_TEXT), ("kind", "label")]);
        choose_column(&mut read, &pair, ROLES, SECOND_TEXT, "");
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
