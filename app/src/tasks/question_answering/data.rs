//! Questions with their texts: which columns they are read from, how many there are, and the first of them.

use hone_core::task::DataReport;
use hone_core::task::question_answering::{Grouping, PreviewRow, ReportDetail};
use leptos::prelude::*;

use super::marks::marked;
use super::mistakes::gold;
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::{Count, DataParts, RowFacts};

/// What a column can be.
const ROLES: &[ColumnRole] = &[
    ColumnRole::needed("question", "Question", "question-column", |read| &mut read.question_column),
    ColumnRole::needed("context", "Context", "context-column", |read| &mut read.context_column),
    ColumnRole::needed("answers", "Answer", "answer-column", |read| &mut read.answer_column),
];

pub(crate) fn row_facts(_detail: &ReportDetail) -> RowFacts {
    RowFacts { part: "window", input: "window", num_labels: 0, has_second: true, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts: counts(detail),
        beside_lengths: None,
        below_bad_rows: None,
        preview: preview(detail),
    }
}

fn counts(detail: &ReportDetail) -> Vec<Count> {
    let apart = match detail.grouping {
        Grouping::Article => "that questions are about; no article is in two splits",
        Grouping::Context => "that questions are about; none is in two splits",
        Grouping::Question | Grouping::NotSplit => "that questions are about",
    };
    let all = [
        ("Texts", detail.num_contexts, apart),
        ("Without answer", detail.num_no_answer, "questions that their text does not answer"),
        ("Found", detail.num_sought, "answers whose place was found by their text alone"),
        ("Windows", detail.num_windows, "in which the texts are read"),
    ];
    let is_said = |(index, (_, count, _)): &(usize, (&str, usize, &str))| *index == 0 || *count > 0;
    let said = all.into_iter().enumerate().filter(is_said);
    said.map(|(_, (title, count, what))| (title, count, what.to_owned())).collect()
}

fn preview(detail: &ReportDetail) -> AnyView {
    let row = |row: &PreviewRow| {
        let head = format!("Row {}: {}", format::count(row.row), row.question);
        view! {
            <div class="sentence">
                <p>{head}</p>
                <p class="hint">{format!("Answer: {}", gold(&row.answers))}</p>
                {marked(&row.context, row.answer, None)}
            </div>
        }
    };
    view! {
        <div class="panel" data-testid="first-rows">
            <h3>"The first questions, as they were understood"</h3>
            {detail.preview.iter().map(row).collect_view()}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_is_counted() {
        let detail = ReportDetail {
            num_contexts: 0,
            num_no_answer: 2,
            num_sought: 0,
            num_conflicts: 0,
            is_nested: false,
            num_windows: 9,
            grouping: Grouping::Article,
            preview: Vec::new(),
        };
        let found = counts(&detail);
        let titles: Vec<_> = found.iter().map(|(title, count, _)| (*title, *count)).collect();
        assert_eq!(titles, [("Texts", 0), ("Without answer", 2), ("Windows", 9)]);
        assert!(found[0].2.ends_with("no article is in two splits"));
        assert!(row_facts(&detail).has_second);
    }
}
