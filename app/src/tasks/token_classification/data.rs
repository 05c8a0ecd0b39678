//! Sentences in which names are marked: which columns they are read from, the types, and the first of them.

use hone_core::data::Format;
use hone_core::task::DataReport;
use hone_core::task::token_classification::{PreviewSentence, ReportDetail};
use leptos::prelude::*;

use super::marks::marked;
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::report_views::label_bars;
use crate::tasks::{Count, DataParts, RowFacts};

const TOKENS: ColumnRole = ColumnRole::needed("tokens", "Tokens", "tokens-column", |read| &mut read.tokens_column);

const TAGS: ColumnRole = ColumnRole::needed("tags", "Tags", "label-column", |read| &mut read.label_column);

/// What a column can be where rows are sentences with a tag for each word.
const OF_TAGS: &[ColumnRole] = &[TOKENS, TAGS];

/// The same where a row of a table is a word.
const OF_WORDS: &[ColumnRole] =
    &[TOKENS, TAGS, ColumnRole::optional("sentence", "Sentence", "sentence-column", |read| &mut read.sentence_column)];

/// What a column can be where rows are texts with spans.
const OF_SPANS: &[ColumnRole] =
    &[ColumnRole::TEXT, ColumnRole::needed("spans", "Spans", "label-column", |read| &mut read.label_column)];

fn roles(report: &DataReport) -> &'static [ColumnRole] {
    match report.format {
        _ if report.column_of("spans").is_some() => OF_SPANS,
        Some(Format::Csv) => OF_WORDS,
        _ => OF_TAGS,
    }
}

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    RowFacts { part: "row", input: "row", num_labels: detail.num_labels, has_second: false, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    DataParts {
        columns: columns(store, report, roles(report), None).into_any(),
        below_columns: None,
        counts: counts(report, detail),
        beside_lengths: Some(types(detail)),
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn counts(report: &DataReport, detail: &ReportDetail) -> Vec<Count> {
    let mut counts: Vec<Count> = vec![("Words", detail.num_words, format!("tagged as {}", detail.scheme.name()))];
    if detail.num_long > 0 {
        let windows = format::plural(report.num_encoded.iter().sum(), "window");
        counts.push(("Long", detail.num_long, format!("rows that are read in several windows, {windows} in all")));
    }
    if detail.num_unseen_words > 0 {
        counts.push(("Unseen", detail.num_unseen_words, "words for which the tokenizer has no token".into()));
    }
    counts
}

fn types(detail: &ReportDetail) -> AnyView {
    let counts = detail.types.iter().map(|of| (of.label.as_str(), of.counts.iter().sum())).collect();
    label_bars("type", "Entities of each type", counts, None)
}

fn preview(detail: &ReportDetail) -> AnyView {
    let row = |sentence: &PreviewSentence| {
        view! {
            <p class="hint">{format!("Row {}", format::count(sentence.row))}</p>
            {marked(&sentence.text, &sentence.spans, |_| false)}
        }
    };
    view! {
        <div class="panel" data-testid="first-rows">
            <h3>"The first rows with names, as they were understood"</h3>
            {detail.preview.iter().map(row).collect_view()}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::task;
    use hone_core::task::token_classification::{Scheme, TagLayout, TypeCount};

    use super::*;
    use crate::tasks::fixtures;

    fn report(format: Format, used: &[(&str, &str)], num_long: usize) -> DataReport {
        let detail = ReportDetail {
            scheme: Scheme::Bio,
            layout: TagLayout::default(),
            num_labels: 3,
            types: vec![TypeCount { label: "LOC".into(), counts: [2, 0, 1] }],
            num_words: 9,
            num_long,
            num_unseen_words: 0,
            preview: Vec::new(),
        };
        DataReport {
            format: Some(format),
            num_encoded: [4, 0, 0],
            ..fixtures::report(3, used, task::ReportDetail::TokenClassification(Box::new(detail)))
        }
    }

    #[test]
    fn columns_follow_what_a_row_is() {
        let ids = |report: &DataReport| roles(report).iter().map(|role| role.role).collect::<Vec<_>>();
        let tags = [("column 1", "tokens"), ("column 2", "tags")];
        assert_eq!(ids(&report(Format::Conll, &tags, 0)), ["tokens", "tags"]);
        assert_eq!(ids(&report(Format::Csv, &tags, 0)), ["tokens", "tags", "sentence"]);
        assert_eq!(ids(&report(Format::Jsonl, &[("text", "text"), ("label", "spans")], 0)), ["text", "spans"]);
    }

    #[test]
    fn windows_are_counted_where_there_are_any() {
        let titles = |report: &DataReport| {
            let task::ReportDetail::TokenClassification(detail) = &report.detail else { panic!("of this task") };
            counts(report, detail).into_iter().map(|(title, count, _)| (title, count)).collect::<Vec<_>>()
        };
        assert_eq!(titles(&report(Format::Conll, &[], 0)), [("Words", 9)]);
        assert_eq!(titles(&report(Format::Conll, &[], 1)), [("Words", 9), ("Long", 1)]);
        assert_eq!(crate::tasks::row_facts(&report(Format::Conll, &[], 0)).num_labels, 3);
    }
}
