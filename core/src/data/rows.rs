//! Files to rows, whatever a row is: the columns of the training file are chosen, every row is read by a task's own
//! function, rows that can't be used are put aside with their reason, and what has no file of its own is split off the
//! training rows.
//!
//! In: the files, how they are to be read, and a [`RowFormat`], which says what a row of the task is. Out: rows with their
//! numbers, and a [`ReadSummary`] of all that there is to say about the files.

use std::collections::HashMap;

use super::advice::Advice;
use super::cleaning::clean_table;
use super::columns::index_of;
use super::edits::{Move, apply_edits};
use super::error::DataError;
use super::image_cells::note_images;
use super::parse::{BadRow, Format, LABEL_NAMES, Row, Table, name_rank};
use super::reading::FileReading;
use super::sharing::{KeyReader, RowKeys};
use super::split::note_on_parts;
use super::test_labels::{self, LabelMarks};
use crate::config::{ReadOptions, Split};

mod shares;

pub use shares::{share_out, share_out_groups};

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// Said of rows to train on of which none is for validation; rows that are only measured need no others.
pub const NO_VALIDATION_ROWS: &str = "there are no validation rows: the best weights can't be told from the last";

/// What a person dropped: name and bytes of each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFiles {
    /// Rows to train on.
    pub train: (String, Vec<u8>),
    /// The person's own validation rows. Without it they are split off the training rows.
    pub valid: Option<(String, Vec<u8>)>,
    /// The person's own test rows. With neither this nor `valid` they are split off the training rows.
    pub test: Option<(String, Vec<u8>)>,
    /// The test file was found by its name beside the training rows, and nobody gave it: without labels, as public data sets have it,
    /// it is left out instead of being refused.
    pub is_test_by_name: bool,
}

impl DataFiles {
    /// Name and bytes of the file of a split; `None` where the person gave none for it.
    #[must_use]
    pub fn file_of(&self, split: Split) -> Option<&(String, Vec<u8>)> {
        match split {
            Split::Train => Some(&self.train),
            Split::Valid => self.valid.as_ref(),
            Split::Test => self.test.as_ref(),
        }
    }
}

/// A column that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedColumn {
    /// What it holds, as people call it: `text`, `label`.
    pub role: &'static str,
    /// Index of the column in its table.
    pub index: usize,
}

/// A row that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow<T> {
    /// Row number in its file.
    pub row: usize,
    /// What it holds.
    pub value: T,
}

/// Why a row can't be used. The reason names the column: `the text is empty (column "text")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadCell {
    /// Something that is needed is empty.
    Empty(String),
    /// Only the label is empty: the row can be used once it gets one.
    Unlabeled(String),
    /// Anything else.
    Other(String),
}

impl BadCell {
    /// The reason.
    #[must_use]
    pub fn into_reason(self) -> String {
        match self {
            Self::Empty(reason) | Self::Unlabeled(reason) | Self::Other(reason) => reason,
        }
    }
}

/// Reads a file as a table: [`super::parse()`], or [`super::parse_keeping_nested`] where cells may hold JSON.
pub type ParseTable<'a> = dyn Fn(&str, &[u8], &ReadOptions) -> Result<Table, DataError> + 'a;

/// Chooses the columns of the training file.
pub type ChooseColumns<'a> = dyn Fn(&Table, &ReadOptions) -> Result<Vec<UsedColumn>, DataError> + 'a;

/// Takes what a row holds out of its cells, given the used columns and the names of all columns.
pub type ReadRow<'a, T> = dyn FnMut(&mut Row, &[UsedColumn], &[String]) -> Result<T, BadCell> + 'a;

/// What a row of a task is.
pub struct RowFormat<'a, T> {
    /// Bytes to a table.
    pub parse: &'a ParseTable<'a>,
    /// Which columns of the training file are used. The person's own other files have columns of the same names, or the
    /// same order.
    pub choose: &'a ChooseColumns<'a>,
    /// A row of the table to a row of the task.
    pub read_row: &'a mut ReadRow<'a, T>,
}

/// The rows of all files, in file order.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRows<T> {
    /// Rows of the training file.
    pub train: Vec<SourceRow<T>>,
    /// Rows of the person's own validation file.
    pub valid: Option<Vec<SourceRow<T>>>,
    /// Rows of the person's own test file.
    pub test: Option<Vec<SourceRow<T>>>,
    /// What reading had to say.
    pub summary: ReadSummary,
}

/// What reading had to say: everything of a report but the tokens and what is the task's own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadSummary {
    /// Name of the training file.
    pub file_name: String,
    /// Its format; `None` for plain text.
    pub format: Option<Format>,
    /// Between its fields.
    pub delimiter: Option<char>,
    /// Its first row named the columns.
    pub has_header: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// How it was read, and its first rows with all columns.
    pub reading: FileReading,
    /// The columns that are used, each with its role.
    pub used_columns: Vec<(String, String)>,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Rows in which something is empty that is needed; they are bad rows too.
    pub num_empty: usize,
    /// Of these the rows of the training file in which only the label is empty.
    pub num_unlabeled: usize,
    /// Rows that repeat an earlier one; counted by the task.
    pub num_duplicates: usize,
    /// Validation and test rows that stand in an earlier split too; counted by the task.
    pub num_leaks: usize,
    /// The first thousand bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// What a person should know before training.
    pub warnings: Vec<String>,
    /// What may be better to change before training.
    pub advice: Vec<Advice>,
    /// Whether the validation rows, and the test rows, come from a file of their own.
    pub has_own_file: [bool; 2],
    /// What the training rows say of how they are shared out.
    pub keys: RowKeys,
    /// How they were shared out, where that was asked for.
    pub notes: Vec<String>,
    /// Rows that were moved to another split.
    pub moves: Vec<Move>,
}

impl ReadSummary {
    /// The column of a role; empty where there is none.
    #[must_use]
    pub fn column_of(&self, role: &str) -> &str {
        self.used_columns.iter().find(|(_, used)| used == role).map_or("", |(column, _)| column.as_str())
    }
}

/// Takes the text of a cell that must be filled.
///
/// # Errors
/// When it is empty, or holds a JSON object or array; the reason names role and column.
pub fn take_filled(row: &mut Row, used: UsedColumn, columns: &[String]) -> Result<String, BadCell> {
    let UsedColumn { role, index } = used;
    if !row.cells[index].trim().is_empty() {
        return Ok(std::mem::take(&mut row.cells[index]));
    }
    let name = &columns[index];
    if row.nested.contains(&index) {
        return Err(BadCell::Other(format!("the {role} holds an object or array (column {name:?})")));
    }
    Err(BadCell::Empty(format!("the {role} is empty (column {name:?})")))
}

/// Reads the files.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`]; of an own validation or test file within
/// [`DataError::InFile`].
pub fn read_rows<T>(
    files: &DataFiles,
    read: &ReadOptions,
    format: &mut RowFormat<'_, T>,
) -> Result<ReadRows<T>, DataError> {
    let (mut reader, train) = RowReader::begin(files, read, format)?;
    let valid = reader.own_file(Split::Valid, format)?;
    let test = reader.own_file(Split::Test, format)?;
    Ok(ReadRows { train, valid, test, summary: reader.summary })
}

/// [`read_rows`], a file at a time: for a task that has something to say or to refuse between two files.
#[derive(Debug)]
pub struct RowReader<'a> {
    files: &'a DataFiles,
    read: &'a ReadOptions,
    used: Vec<UsedColumn>,
    /// What the files so far have in their columns of labels.
    marks: LabelMarks,
    /// What there is to say so far.
    pub summary: ReadSummary,
}

impl<'a> RowReader<'a> {
    /// Reads the training file and chooses its columns.
    ///
    /// # Errors
    /// See [`read_rows`].
    pub fn begin<T>(
        files: &'a DataFiles,
        read: &'a ReadOptions,
        format: &mut RowFormat<'_, T>,
    ) -> Result<(Self, Vec<SourceRow<T>>), DataError> {
        let (name, bytes) = &files.train;
        let mut table = (format.parse)(name, bytes, read)?;
        let used = (format.choose)(&table, read)?;
        let role = |used: &UsedColumn| (table.columns[used.index].clone(), used.role.to_owned());
        let mut summary = ReadSummary {
            file_name: name.clone(),
            format: Some(table.format),
            delimiter: table.delimiter,
            has_header: table.has_header,
            columns: table.columns.clone(),
            reading: FileReading::of(&table),
            used_columns: used.iter().map(role).collect(),
            has_own_file: [files.valid.is_some(), files.test.is_some()],
            ..ReadSummary::default()
        };
        summary.warnings.extend(note_images(&table, &used));
        if files.valid.is_none() && files.test.is_none() {
            let is_used = |index: usize| used.iter().any(|used: &UsedColumn| used.index == index);
            summary.warnings.extend(note_on_parts(&table, is_used, "give each part as a file of its own"));
        }
        let columns = columns_of_edits(read, &table);
        apply_edits(&read.edits, Split::Train, &columns, &mut table).tell(&mut summary, Split::Train);
        summary.notes.extend(clean_used(read, &used, &mut table));
        let keys = KeyReader::new(&table, &read.sharing, true)?;
        let has_negative = test_labels::holds_negative(&table, &used);
        let without_label = test_labels::rows_without_label(&table, &used);
        let rows = take_rows((&mut table, keys), &used, Split::Train, format, &mut summary)?;
        let marks = LabelMarks { has_negative, has_empty: test_labels::uses_one_of(&rows, &without_label) };
        Ok((Self { files, read, used, marks, summary }, rows))
    }

    /// Reads the person's own file for validation or test, where there is one. A test file that was found by its name and has no labels is
    /// left out, which is said.
    ///
    /// # Errors
    /// See [`read_rows`]; of a test file without labels that a person gave [`DataError::NoTestLabels`].
    pub fn own_file<T>(
        &mut self,
        split: Split,
        format: &mut RowFormat<'_, T>,
    ) -> Result<Option<Vec<SourceRow<T>>>, DataError> {
        debug_assert!(split != Split::Train, "the training file is read by `begin`");
        let files = self.files;
        let Some((name, bytes)) = files.file_of(split) else { return Ok(None) };
        let in_file = |source| DataError::in_file(split, name, source);
        let (mut table, used) = match self.read_like_training(name, bytes, format.parse) {
            Err(DataError::MissingColumn { column, columns })
                if split == Split::Test && self.lacks_labels_alone(&columns) =>
            {
                let reason = DataError::MissingColumn { column, columns }.to_string();
                return test_labels::leave_out_test(files, reason, &mut self.summary).map(|()| None).map_err(in_file);
            }
            found => found.map_err(in_file)?,
        };
        // Edits name columns as the training file does.
        let name_of = |used: &UsedColumn| self.summary.columns[used.index].clone();
        let mut columns = columns_of_edits(self.read, &table);
        columns.extend(self.used.iter().zip(&used).map(|(known, own)| (name_of(known), Some(own.index))));
        apply_edits(&self.read.edits, split, &columns, &mut table).tell(&mut self.summary, split);
        let unlabeled = (split == Split::Test).then(|| test_labels::why_unlabeled(&table, &used, self.marks)).flatten();
        if let Some(reason) = unlabeled {
            return test_labels::leave_out_test(files, reason, &mut self.summary).map(|()| None).map_err(in_file);
        }
        self.marks.has_negative |= test_labels::holds_negative(&table, &used);
        let note = clean_used(self.read, &used, &mut table);
        self.summary.notes.extend(note.map(|note| in_file_of(split, note)));
        let keys = KeyReader::new(&table, &self.read.sharing, false).map_err(in_file)?;
        take_rows((&mut table, keys), &used, split, format, &mut self.summary).map(Some).map_err(in_file)
    }

    /// Whether a file with these columns lacks none of those of the training file but columns of labels; or, where nothing names the
    /// columns, has fewer of them, as the test files of GLUE's CoLA. Where a column of its own is called as labels are, it may have them
    /// under that name.
    fn lacks_labels_alone(&self, columns: &[String]) -> bool {
        let is_there = |used: &UsedColumn| index_of(columns, &self.summary.columns[used.index]).is_some();
        let are_unnamed = self.summary.format == Some(Format::Csv) && !self.summary.has_header;
        let has_labels = self.used.iter().any(|used| test_labels::is_learned(used.role));
        let has_texts = self.used.iter().any(is_there)
            && self.used.iter().all(|used| is_there(used) || test_labels::is_learned(used.role));
        let is_own_label = |column: &String| {
            name_rank(column, LABEL_NAMES).is_some() && index_of(&self.summary.columns, column).is_none()
        };
        has_labels
            && !columns.iter().any(is_own_label)
            && (has_texts || are_unnamed && columns.len() < self.summary.columns.len())
    }

    /// An error in a row of the person's own file for a split.
    #[must_use]
    pub fn in_own_file(&self, split: Split, source: DataError) -> DataError {
        DataError::in_file(split, self.files.file_of(split).map_or("", |(name, _)| name.as_str()), source)
    }

    /// Reads a file that has the columns of the training file: the same names, case and outer spaces aside, or the same order if there
    /// are none.
    fn read_like_training(
        &self,
        name: &str,
        bytes: &[u8],
        parse: &ParseTable<'_>,
    ) -> Result<(Table, Vec<UsedColumn>), DataError> {
        let names: Vec<&String> = self.used.iter().map(|used| &self.summary.columns[used.index]).collect();
        let header_row = self.read.header_row;
        let mut read = ReadOptions { header_row: None, ..self.read.clone() };
        if self.summary.format == Some(Format::Csv) && !self.summary.has_header {
            read.has_header = Some(false);
        }
        let mut table = parse(name, bytes, &read)?;
        let names_below =
            |row: &Row| !table.has_header && names.iter().all(|name| index_of(&row.cells, name).is_some());
        if read.has_header.is_none() && table.rows.first().is_some_and(names_below) {
            read.has_header = Some(true);
            table = parse(name, bytes, &read)?;
        }
        let missing =
            |table: &Table| names.iter().find(|name| index_of(&table.columns, name).is_none()).copied().cloned();
        // Its header stands where it likes, or where that of the training file was named.
        if header_row.is_some()
            && missing(&table).is_some()
            && let Ok(other) = parse(name, bytes, &ReadOptions { header_row, ..read })
            && missing(&other).is_none()
        {
            table = other;
        }
        let Some(column) = missing(&table) else {
            let find = |(used, name): (&UsedColumn, &String)| {
                let index = index_of(&table.columns, name).expect("no column is missing");
                UsedColumn { role: used.role, index }
            };
            let used = self.used.iter().zip(names).map(find).collect();
            return Ok((table, used));
        };
        if !table.has_header && table.columns.len() == self.summary.columns.len() {
            return Ok((table, self.used.clone()));
        }
        Err(DataError::MissingColumn { column, columns: table.columns })
    }
}

/// Cleans the texts of the columns that are used, and says how many rows that are; `None` where nothing was asked for.
fn clean_used(read: &ReadOptions, used: &[UsedColumn], table: &mut Table) -> Option<String> {
    clean_table(&read.clean_texts, used.iter().map(|used| (used.index, used.role)), table)
}

/// Where each column is that edits name, if the file has it: also one that only goes with those that are chosen, such as that of where
/// an answer begins.
fn columns_of_edits(read: &ReadOptions, table: &Table) -> HashMap<String, Option<usize>> {
    read.edits.columns().map(|name| (name.to_owned(), index_of(&table.columns, name))).collect()
}

/// A sentence about the file of a split, which names the file: `test file: 2 rows are left out`. Of the training file, which
/// needs no name, the sentence as it is.
pub(crate) fn in_file_of(split: Split, sentence: String) -> String {
    match split {
        Split::Train => sentence,
        Split::Valid | Split::Test => format!("{} file: {sentence}", split.words()),
    }
}

/// The rows of a file that can't be used, as they are met.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    /// The first of them.
    listed: Vec<BadRow>,
    /// All of them.
    num: usize,
    /// Of these the rows in which only the label is empty.
    num_unlabeled: usize,
}

impl BadRows {
    /// Starts with the rows that parsing could not read, which are taken out of the table.
    pub(crate) fn of(table: &mut Table) -> Self {
        Self { listed: std::mem::take(&mut table.bad_rows), num: table.num_bad_rows, num_unlabeled: 0 }
    }

    /// Notes a row that can't be used.
    pub(crate) fn note(&mut self, row: usize, wrong: BadCell, summary: &mut ReadSummary) {
        summary.num_empty += usize::from(!matches!(wrong, BadCell::Other(_)));
        self.num_unlabeled += usize::from(matches!(wrong, BadCell::Unlabeled(_)));
        self.num += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(BadRow { row, reason: wrong.into_reason() });
        }
    }

    /// Counts the rows of the file of a split, of which `num_good` can be used, and lists the bad ones in their order.
    ///
    /// # Errors
    /// When no row can be used. Rows to train on that only lack their labels can get them: the task says what it makes of a file
    /// without others.
    pub(crate) fn close(mut self, num_good: usize, split: Split, summary: &mut ReadSummary) -> Result<(), DataError> {
        self.listed.sort_by_key(|bad| bad.row);
        if split == Split::Train {
            summary.num_unlabeled = self.num_unlabeled;
        }
        summary.num_rows += num_good + self.num;
        summary.num_bad_rows += self.num;
        if num_good == 0 && !(split == Split::Train && self.num_unlabeled > 0) {
            let first = self.listed.into_iter().next();
            let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
            return Err(DataError::NothingUsable { num_rows: self.num, row, reason });
        }
        let room = MAX_LISTED.saturating_sub(summary.bad_rows.len());
        let listed = self.listed.into_iter().take(room);
        summary.bad_rows.extend(listed.map(|bad| BadRow { row: bad.row, reason: in_file_of(split, bad.reason) }));
        Ok(())
    }
}

/// Moves the rows that can be used out of a table; notes the others. `split` is the one whose file the table is.
fn take_rows<T>(
    (table, mut keys): (&mut Table, KeyReader),
    used: &[UsedColumn],
    split: Split,
    format: &mut RowFormat<'_, T>,
    summary: &mut ReadSummary,
) -> Result<Vec<SourceRow<T>>, DataError> {
    let in_file = |sentence: String| in_file_of(split, sentence);
    summary.warnings.extend(std::mem::take(&mut table.notes).into_iter().map(in_file));
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut bad = BadRows::of(table);
    for mut row in std::mem::take(&mut table.rows) {
        let found = keys.look_at(&row, used, &table.columns).map_err(BadCell::Other);
        let read = found.and_then(|found| Ok((found, (format.read_row)(&mut row, used, &table.columns)?)));
        match read {
            Ok((found, value)) => {
                if keys.note(row.number, found) {
                    rows.push(SourceRow { row: row.number, value });
                }
            }
            Err(wrong) => bad.note(row.number, wrong, summary),
        }
    }
    let (keys, num_repeats, note) = keys.finish();
    summary.notes.extend(note.map(in_file));
    if split == Split::Train {
        summary.keys = keys;
    }
    // A row that repeats another is a good one, too.
    bad.close(rows.len() + num_repeats, split, summary)?;
    Ok(rows)
}

#[cfg(test)]
mod tests;
