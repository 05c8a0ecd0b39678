//! Files to rows, whatever a row is: the columns of the training file are chosen, every row is read by a task's own
//! function, rows that can't be used are put aside with their reason, and what has no file of its own is split off the
//! training rows.
//!
//! In: the files, how they are to be read, and a [`RowFormat`], which says what a row of the task is. Out: rows with their
//! numbers, and a [`ReadSummary`] of all that there is to say about the files.

use std::collections::HashMap;

use super::advice::Advice;
use super::cleaning::clean_table;
use super::edits::{Move, apply_edits};
use super::error::DataError;
use super::image_cells::note_images;
use super::parse::{BadRow, Format, Row, Table};
use super::reading::FileReading;
use super::sharing::{HeldOut, KeyReader, Kinds, RowKeys};
use super::split::note_on_parts;
use crate::config::{ReadOptions, Split, SplitConfig};

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
    let valid = reader.own_file("validation", format)?;
    let test = reader.own_file("test", format)?;
    Ok(ReadRows { train, valid, test, summary: reader.summary })
}

/// [`read_rows`], a file at a time: for a task that has something to say or to refuse between two files.
#[derive(Debug)]
pub struct RowReader<'a> {
    files: &'a DataFiles,
    read: &'a ReadOptions,
    used: Vec<UsedColumn>,
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
            summary.warnings.extend(note_on_parts(&table, |index| used.iter().any(|used| used.index == index)));
        }
        let columns = columns_of_edits(read, &table);
        apply_edits(&read.edits, Split::Train, &columns, &mut table).tell(&mut summary, "");
        summary.notes.extend(clean_used(read, &used, &mut table));
        let keys = KeyReader::new(&table, &read.sharing, true)?;
        let rows = take_rows((&mut table, keys), &used, "", format, &mut summary)?;
        Ok((Self { files, read, used, summary }, rows))
    }

    /// Reads the person's own file of a role, `validation` or `test`, where there is one.
    ///
    /// # Errors
    /// See [`read_rows`].
    pub fn own_file<T>(
        &mut self,
        role: &'static str,
        format: &mut RowFormat<'_, T>,
    ) -> Result<Option<Vec<SourceRow<T>>>, DataError> {
        let file = if role == "validation" { &self.files.valid } else { &self.files.test };
        let Some((name, bytes)) = file else { return Ok(None) };
        let in_file = |source| in_own_file(role, name, source);
        let (mut table, used) = self.read_like_training(name, bytes, format.parse).map_err(in_file)?;
        // Edits name columns as the training file does.
        let name_of = |used: &UsedColumn| self.summary.columns[used.index].clone();
        let mut columns = columns_of_edits(self.read, &table);
        columns.extend(self.used.iter().zip(&used).map(|(known, own)| (name_of(known), Some(own.index))));
        let file = if role == "validation" { Split::Valid } else { Split::Test };
        apply_edits(&self.read.edits, file, &columns, &mut table).tell(&mut self.summary, role);
        let note = clean_used(self.read, &used, &mut table);
        self.summary.notes.extend(note.map(|note| format!("{role} file: {note}")));
        let keys = KeyReader::new(&table, &self.read.sharing, false).map_err(in_file)?;
        take_rows((&mut table, keys), &used, role, format, &mut self.summary).map(Some).map_err(in_file)
    }

    /// An error in a row of the person's own file of a role.
    #[must_use]
    pub fn in_own_file(&self, role: &'static str, source: DataError) -> DataError {
        let file = if role == "validation" { &self.files.valid } else { &self.files.test };
        in_own_file(role, file.as_ref().map_or("", |(name, _)| name.as_str()), source)
    }

    /// Reads a file that has the columns of the training file: the same names, or the same order if there are none.
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
        let holds = |row: &Row, name: &String| row.cells.iter().any(|cell| cell.trim() == name);
        let names_below = |row: &Row| !table.has_header && names.iter().all(|name| holds(row, name));
        if read.has_header.is_none() && table.rows.first().is_some_and(names_below) {
            read.has_header = Some(true);
            table = parse(name, bytes, &read)?;
        }
        let missing = |table: &Table| names.iter().find(|name| !table.columns.contains(name)).copied().cloned();
        // Its header stands where it likes, or where that of the training file was named.
        if header_row.is_some()
            && missing(&table).is_some()
            && let Ok(other) = parse(name, bytes, &ReadOptions { header_row, ..read })
            && missing(&other).is_none()
        {
            table = other;
        }
        let Some(column) = missing(&table) else {
            let index = |name: &String| table.columns.iter().position(|column| column == name);
            let find = |(used, name): (&UsedColumn, &String)| {
                let index = index(name).expect("no column is missing");
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
    let place = |name: &str| table.columns.iter().position(|column| column == name);
    read.edits.columns().map(|name| (name.to_owned(), place(name))).collect()
}

fn in_own_file(role: &'static str, name: &str, source: DataError) -> DataError {
    DataError::InFile { role, name: name.to_owned(), source: Box::new(source) }
}

/// Moves the rows that can be used out of a table; notes the others. `role` is empty for the training file.
fn take_rows<T>(
    (table, mut keys): (&mut Table, KeyReader),
    used: &[UsedColumn],
    role: &str,
    format: &mut RowFormat<'_, T>,
    summary: &mut ReadSummary,
) -> Result<Vec<SourceRow<T>>, DataError> {
    let with_role = |reason: String| if role.is_empty() { reason } else { format!("{role} file: {reason}") };
    summary.warnings.extend(std::mem::take(&mut table.notes).into_iter().map(with_role));
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut bad = std::mem::take(&mut table.bad_rows);
    let mut num_bad = table.num_bad_rows;
    let mut num_unlabeled = 0;
    for mut row in std::mem::take(&mut table.rows) {
        let found = keys.look_at(&row, used, &table.columns).map_err(BadCell::Other);
        let read = found.and_then(|found| Ok((found, (format.read_row)(&mut row, used, &table.columns)?)));
        match read {
            Ok((found, value)) => {
                if keys.note(row.number, found) {
                    rows.push(SourceRow { row: row.number, value });
                }
            }
            Err(wrong) => {
                summary.num_empty += usize::from(!matches!(wrong, BadCell::Other(_)));
                num_unlabeled += usize::from(matches!(wrong, BadCell::Unlabeled(_)));
                num_bad += 1;
                if bad.len() < MAX_LISTED {
                    bad.push(BadRow { row: row.number, reason: wrong.into_reason() });
                }
            }
        }
    }
    bad.sort_by_key(|bad| bad.row);
    let (keys, num_repeats, note) = keys.finish();
    summary.notes.extend(note.map(with_role));
    if role.is_empty() {
        (summary.keys, summary.num_unlabeled) = (keys, num_unlabeled);
    }
    summary.num_rows += rows.len() + num_repeats + num_bad;
    summary.num_bad_rows += num_bad;
    // Rows that only lack their labels can get them: the task says what it makes of a file without others.
    if rows.is_empty() && !(role.is_empty() && num_unlabeled > 0) {
        let first = bad.into_iter().next();
        let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
        return Err(DataError::NothingUsable { num_rows: num_bad, row, reason });
    }
    let room = MAX_LISTED.saturating_sub(summary.bad_rows.len());
    let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: with_role(bad.reason) });
    summary.bad_rows.extend(listed);
    Ok(rows)
}

/// Shares rows out over training, validation and test, each in file order. `classes` has a number for every training row,
/// and rows of one number are kept in proportion (all 0 where there is nothing to keep).
///
/// The person's own validation and test files are taken as they are. What is missing is split off the training rows:
/// validation always, test only if there is no validation file either (who brings one has split already).
///
/// Who trains on the rows says [`NO_VALIDATION_ROWS`] where the second split is empty.
#[must_use]
pub fn share_out<T>(
    rows: ReadRows<T>,
    classes: &[usize],
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    share_out_kinds(rows, &Kinds::Classes(classes), split, seed)
}

/// [`share_out`], but rows of one group stay together: `groups` has a number for every training row.
#[must_use]
pub fn share_out_groups<T>(
    rows: ReadRows<T>,
    groups: &[usize],
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    share_out_kinds(rows, &Kinds::Groups(groups), split, seed)
}

/// As [`share_out`] and [`share_out_groups`], unless the rows were asked to be shared out by a column or in folds.
fn share_out_kinds<T>(
    mut rows: ReadRows<T>,
    kinds: &Kinds<'_>,
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let numbers: Vec<usize> = rows.train.iter().map(|row| row.row).collect();
    let fractions = missing_fractions(&rows, split);
    let held = rows.summary.keys.hold_out(&numbers, kinds, &fractions, seed, rows.valid.is_none());
    let HeldOut { valid, test, notes } = held;
    rows.summary.notes.extend(notes);
    distribute(rows, valid, test)
}

/// The shares that are split off the training rows.
fn missing_fractions<T>(rows: &ReadRows<T>, split: &SplitConfig) -> SplitConfig {
    SplitConfig {
        valid_fraction: if rows.valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if rows.valid.is_some() || rows.test.is_some() { 0.0 } else { split.test_fraction },
    }
}

/// Moves the training rows at these indices, each ascending, to validation and test; and every row that a person moved to where
/// it belongs, whatever file it stands in.
fn distribute<T>(rows: ReadRows<T>, valid: Vec<usize>, test: Vec<usize>) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let moved: HashMap<(Split, usize), Split> =
        rows.summary.moves.iter().map(|one| ((one.file, one.row), one.split)).collect();
    let mut splits = [Vec::new(), Vec::with_capacity(valid.len()), Vec::with_capacity(test.len())];
    let mut put = |file: Split, drawn: Split, row: SourceRow<T>| {
        let split = moved.get(&(file, row.row)).copied().unwrap_or(drawn);
        splits[split.index()].push(row);
    };
    let (mut valid, mut test) = (valid.into_iter().peekable(), test.into_iter().peekable());
    for (index, row) in rows.train.into_iter().enumerate() {
        let drawn = if valid.next_if_eq(&index).is_some() {
            Split::Valid
        } else if test.next_if_eq(&index).is_some() {
            Split::Test
        } else {
            Split::Train
        };
        put(Split::Train, drawn, row);
    }
    for (file, own) in [(Split::Valid, rows.valid), (Split::Test, rows.test)] {
        own.into_iter().flatten().for_each(|row| put(file, file, row));
    }
    (splits, rows.summary)
}

#[cfg(test)]
mod tests;
