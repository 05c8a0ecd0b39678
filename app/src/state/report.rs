//! What a report on rows says whatever the task: how much there is, and which columns are used as what. Plain data; the
//! roles that columns can have stand with each task.

use hone_core::config::{MadeCopies, PromptFormat, ReadOptions, RowEdits, RowSharing};
use hone_core::task::{DataReport, Task};

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

impl ColumnRole {
    /// A text, or the first of a pair.
    pub(crate) const TEXT: Self = Self::needed("text", "Text", "text-column", |read| &mut read.text_column);

    /// The second text of a pair.
    pub(crate) const SECOND_TEXT: Self =
        Self::optional(SECOND_TEXT, "Second text", "text-pair-column", |read| &mut read.text_pair_column);

    /// The one label of a row.
    pub(crate) const LABEL: Self = Self::needed("label", "Label", "label-column", |read| &mut read.label_column);

    /// One that each row needs: its name in reports and on the page, the test id of its control, and where a wish about it stands.
    pub(crate) const fn needed(role: &'static str, label: &'static str, id: &'static str, wish: Wish) -> Self {
        Self { role, label, id, is_optional: false, wish }
    }

    /// As [`Self::needed`], of one that a row can do without.
    pub(crate) const fn optional(role: &'static str, label: &'static str, id: &'static str, wish: Wish) -> Self {
        Self { role, label, id, is_optional: true, wish }
    }
}

/// How much there is, in words: rows, images, or the passages that a file of one text is cut into.
pub(crate) fn size_words(report: &DataReport) -> String {
    match report.format {
        _ if tasks::of(report.task()).reads_images => format::plural(report.num_usable, tasks::row_facts(report).part),
        Some(_) => format::plural(report.num_usable, "row"),
        // Nothing is cut before there is a model.
        None if report.lengths.counts.is_empty() => "1 text".into(),
        None => format::plural(report.num_encoded.iter().sum(), tasks::row_facts(report).part),
    }
}

/// Rows to train on, or the passages of one plain text; `None` where that is not cut yet, for there is no model.
pub(crate) fn num_to_train(report: &DataReport) -> Option<usize> {
    let is_plain = report.format.is_none() && !tasks::of(report.task()).reads_images;
    match is_plain {
        false => Some(report.split_sizes[0]),
        true => Some(report.num_encoded[0]).filter(|_| !report.lengths.counts.is_empty()),
    }
}

/// The role of the second text of a pair.
pub(crate) const SECOND_TEXT: &str = "second text";

/// Another header, or another task, has other columns. That rows are no pairs holds whatever they are called.
pub(crate) fn forget_columns(read: &mut ReadOptions) {
    let kept = std::mem::take(read);
    let ReadOptions {
        delimiter,
        has_header,
        header_row,
        encoding,
        sheet,
        merge_labels,
        prompt_format,
        source_prefix,
        text_pair_column,
        clean_texts,
        edits,
        copies,
        sharing,
        ..
    } = kept;
    *read = ReadOptions {
        text_pair_column: text_pair_column.filter(String::is_empty),
        delimiter,
        has_header,
        header_row,
        encoding,
        sheet,
        merge_labels,
        prompt_format,
        source_prefix,
        clean_texts,
        edits,
        copies,
        sharing: RowSharing { dedupe: sharing.dedupe, ..RowSharing::default() }, // it names no column
        ..ReadOptions::default()
    };
}

/// How the rows of a file are read for another task: as they were when it was left (`kept`), unless the file was taken apart
/// in another way then; else its columns are guessed.
pub(crate) fn options_after_change(now: &ReadOptions, kept: Option<&ReadOptions>) -> ReadOptions {
    let layout =
        |read: &ReadOptions| (read.delimiter, read.has_header, read.header_row, read.encoding, read.sheet.clone());
    match kept.filter(|kept| layout(kept) == layout(now)) {
        Some(kept) => {
            let (clean_texts, edits) = (now.clean_texts.clone(), now.edits.clone());
            ReadOptions { clean_texts, edits, copies: now.copies.clone(), ..kept.clone() }
        }
        None => {
            let mut read = now.clone();
            forget_columns(&mut read);
            read
        }
    }
}

/// Drops what a task has no use for, and the chat template of a model that has none.
pub(crate) fn keep_what_is_read(read: &mut ReadOptions, task: Task, has_chat_template: bool) {
    let reads = |wish: &str| task.spec().columns.contains(&wish);
    let is_chat = read.prompt_format == Some(PromptFormat::Chat);
    if !reads("prompt_format") || (is_chat && !has_chat_template) {
        read.prompt_format = None;
    }
    if !reads("source_prefix") {
        read.source_prefix = None;
    }
    if !reads("merge_labels") {
        read.merge_labels.clear();
    }
    if !reads("text_pair_column") {
        read.text_pair_column = None;
    }
    if !reads("dedupe") {
        read.sharing.dedupe = false;
    }
    if !reads("clean_texts") {
        read.clean_texts.clear();
    }
    if !reads("edits") {
        read.edits = RowEdits::default();
    }
    if !reads("copies") {
        read.copies = MadeCopies::default();
    }
}

/// Takes another column for a role; if it was another's, the two change places. An empty name takes none; that there is no
/// second text is remembered, so that none is guessed later.
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
        let wish = (one.wish)(read);
        let is_refused = one.role == role || wish.as_deref() == Some("");
        *wish = match column {
            None if one.role == SECOND_TEXT && is_refused => Some(String::new()),
            column => column.map(str::to_owned),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hone_core::config::TextCleaning;

    use super::*;

    #[test]
    fn a_task_that_is_left_keeps_its_columns_as_long_as_the_file_is_read_alike() {
        let name = |name: &str| Some(name.to_owned());
        let kept = ReadOptions { text_column: name("body"), label_column: name("kind"), ..ReadOptions::default() };
        let now = ReadOptions { question_column: name("title"), ..ReadOptions::default() };
        assert_eq!(options_after_change(&now, Some(&kept)), kept);
        assert_eq!(options_after_change(&now, None), ReadOptions::default(), "never seen: its columns are guessed");
        let moved = ReadOptions { header_row: Some(2), ..now };
        let found = options_after_change(&moved, Some(&kept));
        assert_eq!(found, ReadOptions { header_row: Some(2), ..ReadOptions::default() });
    }

    #[test]
    fn a_prefix_outlasts_another_header_and_not_a_task_without_one() {
        let mut read = ReadOptions { source_prefix: Some("summarize: ".into()), ..ReadOptions::default() };
        forget_columns(&mut read);
        assert_eq!(read.prefix_of_sources(), "summarize: ");
        let reads = |task: &Task| task.spec().columns.contains(&"source_prefix");
        for &task in Task::ALL {
            let mut kept = read.clone();
            keep_what_is_read(&mut kept, task, false);
            assert_eq!(kept.source_prefix.is_some(), reads(&task), "{task:?}");
        }
    }

    #[test]
    fn repeats_stay_left_out_texts_stay_clean_and_columns_to_share_by_go_with_their_header() {
        let sharing = RowSharing { dedupe: true, group_column: Some("customer".into()), ..RowSharing::default() };
        let clean_texts = BTreeSet::from([TextCleaning::Markup]);
        let mut read = ReadOptions { sharing, clean_texts: clean_texts.clone(), ..ReadOptions::default() };
        forget_columns(&mut read);
        assert_eq!(read.sharing, RowSharing { dedupe: true, ..RowSharing::default() });
        assert_eq!(options_after_change(&read, Some(&ReadOptions::default())).clean_texts, clean_texts);
        for &task in Task::ALL {
            let mut kept = read.clone();
            keep_what_is_read(&mut kept, task, false);
            let reads = |wish: &str| task.spec().columns.contains(&wish);
            let expected = (reads("dedupe"), reads("clean_texts"));
            assert_eq!((kept.sharing.dedupe, !kept.clean_texts.is_empty()), expected, "{task:?}");
        }
    }

    #[test]
    fn that_there_is_no_second_text_outlasts_another_header_and_not_a_task_without_one() {
        let mut read = ReadOptions { text_pair_column: Some(String::new()), ..ReadOptions::default() };
        forget_columns(&mut read);
        assert!(read.has_no_pair());
        let reads = |task: &Task| task.spec().columns.contains(&"text_pair_column");
        let with = Task::ALL.iter().copied().find(reads).expect("pairs can be labeled");
        let without = Task::ALL.iter().copied().find(|task| !reads(task)).expect("tagged words are no pairs");
        keep_what_is_read(&mut read, with, false);
        assert!(read.has_no_pair());
        keep_what_is_read(&mut read, without, false);
        assert_eq!(read, ReadOptions::default());
        let mut named = ReadOptions { text_pair_column: Some("title".into()), ..ReadOptions::default() };
        forget_columns(&mut named);
        assert_eq!(named, ReadOptions::default(), "a name belongs to its header");
    }
}
