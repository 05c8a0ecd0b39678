//! What a report on rows says whatever the task: how much there is, and which columns are used as what. Plain data; the
//! roles that columns can have stand with each task.

use hone_core::config::ReadOptions;
use hone_core::task::DataReport;

use crate::format;
use crate::tasks;

/// Where a wish about a column stands.
pub(crate) type Wish = fn(&mut ReadOptions) -> &mut Option<String>;

/// What a column can be to a row of a task.
#[derive(Clone, Copy)]
pub(crate) struct ColumnRole {
    /// As reports name it.
    pub role: &'static str,
    /// As the page names it.
    pub label: &'static str,
    /// Test id of its control.
    pub id: &'static str,
    /// A row can do without.
    pub is_optional: bool,
    pub wish: Wish,
}

/// How much there is, in words: rows, or the passages that a file of one text is cut into.
pub(crate) fn size_words(report: &DataReport) -> String {
    match report.format {
        Some(_) => format::plural(report.num_usable, "row"),
        // Nothing is cut before there is a model.
        None if report.lengths.counts.is_empty() => "1 text".into(),
        None => format::plural(report.num_encoded.iter().sum(), tasks::row_facts(report).part),
    }
}

/// Another header, or another task, has other columns.
pub(crate) fn forget_columns(read: &mut ReadOptions) {
    let kept = std::mem::take(read);
    let ReadOptions { delimiter, has_header, header_row, encoding, merge_labels, prompt_format, .. } = kept;
    *read = ReadOptions {
        delimiter,
        has_header,
        header_row,
        encoding,
        merge_labels,
        prompt_format,
        ..ReadOptions::default()
    };
}

/// Takes another column for a role; if it was another's, the two change places. An empty name takes none.
pub(crate) fn choose_column(
    read: &mut ReadOptions,
    report: &DataReport,
    roles: &[ColumnRole],
    role: &str,
    chosen: &str,
) {
    let before = report.column_of(role);
    for one in roles {
        let column = match report.column_of(one.role) {
            _ if one.role == role => Some(chosen).filter(|chosen| !chosen.is_empty()),
            Some(column) if column == chosen => before.or(Some(column)),
            column => column,
        };
        *(one.wish)(read) = column.map(str::to_owned);
    }
}
