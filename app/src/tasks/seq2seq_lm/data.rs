//! Sources and targets: which columns they are read from, what stands before every source, how many of both are cut, and the
//! first rows as the model gets them.

use hone_core::config::ReadOptions;
use hone_core::task::DataReport;
use hone_core::task::seq2seq_lm::{PreviewRow, ReportDetail};
use leptos::prelude::*;

use super::prefix::source_prefix;
use crate::components::Cell;
use crate::format;
use crate::pages::data_controls::columns;
use crate::pages::data_report::{Limit, lengths};
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::report_views::{first_rows, preview_text};
use crate::tasks::{Count, DataParts, RowFacts};

/// What a column can be.
const ROLES: &[ColumnRole] = &[
    ColumnRole::needed("source", "Source", "source-column", |read| &mut read.text_column),
    ColumnRole::needed("target", "Target", "target-column", |read| &mut read.target_column),
];

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let read = ReadOptions { source_prefix: Some(detail.source_prefix.clone()), ..ReadOptions::default() };
    let prompt_format = Some(read.format_of_prompts());
    RowFacts { part: "row", input: "source", num_labels: 0, has_second: false, prompt_format }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: Some(source_prefix(store, detail)),
        counts: counts(detail),
        beside_lengths: is_tokenised(detail).then(|| target_lengths(report, detail)),
        below_bad_rows: cut_targets(detail),
        preview: preview(detail),
    }
}

/// Before there is a model nothing is known of tokens.
fn is_tokenised(detail: &ReportDetail) -> bool {
    !detail.target_lengths.counts.is_empty()
}

fn target_lengths(report: &DataReport, detail: &ReportDetail) -> AnyView {
    let &ReportDetail { num_targets_cut: num_cut, max_target_length: max_length, ref target_lengths, .. } = detail;
    let limit = Limit { total: report.num_encoded.iter().sum(), num_cut, max_length };
    lengths("Length of targets in tokens".into(), "target", target_lengths, limit)
}

fn counts(detail: &ReportDetail) -> Vec<Count> {
    if !is_tokenised(detail) {
        return Vec::new();
    }
    let limit = format::count(detail.max_target_length);
    vec![
        ("Read", detail.num_source_tokens, "tokens of sources in all, without what is cut off".to_owned()),
        ("Learned", detail.num_target_tokens, "tokens of targets in all, without what is cut off".to_owned()),
        ("Targets cut", detail.num_targets_cut, format!("targets longer than {limit} tokens, which are shortened")),
    ]
}

/// The rows whose target is shortened.
fn cut_targets(detail: &ReportDetail) -> Option<AnyView> {
    if detail.num_targets_cut == 0 {
        return None;
    }
    let (targets, rows) = (format::plural(detail.num_targets_cut, "target"), cut_rows_words(detail));
    let title = format!("{targets} shortened to {} tokens", format::count(detail.max_target_length));
    let view = view! {
        <details class="panel">
            <summary>{title}</summary>
            <p data-testid="cut-targets">{rows}</p>
            <p class="hint">
                "What is cut off is never learned, so the model stops there, too. “Longest target” in the recipe keeps more."
            </p>
        </details>
    };
    Some(view.into_any())
}

/// Of the rows whose target is shortened, those that are listed.
fn cut_rows_words(detail: &ReportDetail) -> String {
    let listed = detail.cut_targets.join(", ");
    match detail.num_targets_cut.saturating_sub(detail.cut_targets.len()) {
        0 => format!("Rows: {listed}."),
        rest => format!("Rows: {listed} and {} more.", format::count(rest)),
    }
}

fn preview(detail: &ReportDetail) -> AnyView {
    let is_tokenised = is_tokenised(detail);
    let row = |row: &PreviewRow| {
        let tokens = |count: usize| is_tokenised.then(|| Cell::number(format::count(count)));
        let mut cells = vec![Cell::number(format::count(row.row)), preview_text(&row.source)];
        cells.extend(tokens(row.num_source_tokens));
        cells.push(preview_text(&row.target));
        cells.extend(tokens(row.num_target_tokens));
        cells
    };
    let heads: &[&str] = match is_tokenised {
        true => &["Row", "Source, as it is read", "Tokens", "Target, as it is learned", "Tokens"],
        false => &["Row", "Source, as it is read", "Target, as it is learned"],
    };
    first_rows(heads, detail.preview.iter().map(row).collect(), None)
}

#[cfg(test)]
pub(super) mod tests {
    use hone_core::config::PromptFormat;
    use hone_core::data::LengthHistogram;

    use super::*;

    /// What is said of one row before there is a model.
    pub(in crate::tasks::seq2seq_lm) fn detail(prefix: &str) -> ReportDetail {
        let row = PreviewRow {
            row: 2,
            source: format!("{prefix}It rains."),
            target: "Es regnet.".into(),
            num_source_tokens: 0,
            num_target_tokens: 0,
        };
        ReportDetail {
            source_prefix: prefix.into(),
            target_lengths: LengthHistogram::default(),
            max_target_length: 128,
            num_targets_cut: 0,
            cut_targets: Vec::new(),
            num_conflicts: 0,
            num_source_tokens: 0,
            num_target_tokens: 0,
            preview: vec![row],
        }
    }

    #[test]
    fn a_text_is_given_behind_the_prefix_of_the_sources() {
        let given =
            |prefix: &str| row_facts(&detail(prefix)).prompt_format.and_then(|format| format.prompt("It snows."));
        assert_eq!(given("summarize: ").as_deref(), Some("summarize: It snows."));
        assert_eq!(given("").as_deref(), Some("It snows."));
        assert_eq!(row_facts(&detail("")).prompt_format, Some(PromptFormat::Plain));
    }

    #[test]
    fn tokens_are_counted_once_there_is_a_model() {
        let mut detail = detail("");
        let titles = |detail: &ReportDetail| counts(detail).iter().map(|(title, ..)| *title).collect::<Vec<_>>();
        assert!(titles(&detail).is_empty());
        detail.target_lengths = LengthHistogram::of(&[3, 200]);
        detail.num_targets_cut = 1;
        assert_eq!(titles(&detail), ["Read", "Learned", "Targets cut"]);
        assert_eq!(counts(&detail)[2].2, "targets longer than 128 tokens, which are shortened");
    }

    #[test]
    fn rows_with_a_shortened_target_are_named() {
        let mut detail = detail("");
        detail.cut_targets = vec!["7".into(), "validation 3".into()];
        detail.num_targets_cut = 2;
        assert_eq!(cut_rows_words(&detail), "Rows: 7, validation 3.");
        detail.num_targets_cut = 1_002;
        assert_eq!(cut_rows_words(&detail), "Rows: 7, validation 3 and 1,000 more.");
    }
}
