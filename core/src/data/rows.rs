//! Files to rows, whatever a row is: the columns of the training file are chosen, every row is read by a task's own
//! function, rows that can't be used are put aside with their reason, and what has no file of its own is split off the
//! training rows.
//!
//! In: the files, how they are to be read, and a [`RowFormat`], which says what a row of the task is. Out: rows with their
//! numbers, and a [`ReadSummary`] of all that there is to say about the files.

use super::advice::Advice;
use super::error::DataError;
use super::parse::{BadRow, Format, Row, Table};
use super::reading::FileReading;
use super::split::{grouped_split, stratified_split};
use crate::config::{ReadOptions, SplitConfig};

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
    /// Anything else.
    Other(String),
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
        let rows = take_rows(&mut table, &used, "", format, &mut summary)?;
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
        take_rows(&mut table, &used, role, format, &mut self.summary).map(Some).map_err(in_file)
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

fn in_own_file(role: &'static str, name: &str, source: DataError) -> DataError {
    DataError::InFile { role, name: name.to_owned(), source: Box::new(source) }
}

/// Moves the rows that can be used out of a table; notes the others. `role` is empty for the training file.
fn take_rows<T>(
    table: &mut Table,
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
    for mut row in std::mem::take(&mut table.rows) {
        match (format.read_row)(&mut row, used, &table.columns) {
            Ok(value) => rows.push(SourceRow { row: row.number, value }),
            Err(wrong) => {
                let (BadCell::Empty(reason) | BadCell::Other(reason)) = &wrong;
                summary.num_empty += usize::from(matches!(wrong, BadCell::Empty(_)));
                num_bad += 1;
                if bad.len() < MAX_LISTED {
                    bad.push(BadRow { row: row.number, reason: reason.clone() });
                }
            }
        }
    }
    bad.sort_by_key(|bad| bad.row);
    summary.num_rows += rows.len() + num_bad;
    summary.num_bad_rows += num_bad;
    if rows.is_empty() {
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
    let num_classes = classes.iter().max().map_or(0, |&largest| largest + 1);
    let (_, valid, test) = stratified_split(classes, num_classes, &missing_fractions(&rows, split), seed);
    distribute(rows, valid, test)
}

/// [`share_out`], but rows of one group stay together: `groups` has a number for every training row.
#[must_use]
pub fn share_out_groups<T>(
    rows: ReadRows<T>,
    groups: &[usize],
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let (_, valid, test) = grouped_split(groups, &missing_fractions(&rows, split), seed);
    distribute(rows, valid, test)
}

/// The shares that are split off the training rows.
fn missing_fractions<T>(rows: &ReadRows<T>, split: &SplitConfig) -> SplitConfig {
    SplitConfig {
        valid_fraction: if rows.valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if rows.valid.is_some() || rows.test.is_some() { 0.0 } else { split.test_fraction },
    }
}

/// Moves the training rows at these indices, each ascending, to validation and test.
fn distribute<T>(rows: ReadRows<T>, valid: Vec<usize>, test: Vec<usize>) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let mut splits = [Vec::new(), Vec::with_capacity(valid.len()), Vec::with_capacity(test.len())];
    let (mut valid, mut test) = (valid.into_iter().peekable(), test.into_iter().peekable());
    for (index, row) in rows.train.into_iter().enumerate() {
        let split = if valid.next_if_eq(&index).is_some() {
            1
        } else if test.next_if_eq(&index).is_some() {
            2
        } else {
            0
        };
        splits[split].push(row);
    }
    let [train, valid, test] = splits;
    ([train, rows.valid.unwrap_or(valid), rows.test.unwrap_or(test)], rows.summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn files(train: &str, valid: Option<&str>, test: Option<&str>) -> DataFiles {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        DataFiles {
            train: file("train.csv", train),
            valid: valid.map(|text| file("valid.csv", text)),
            test: test.map(|text| file("test.csv", text)),
        }
    }

    /// Rows of the columns `a` and `b`, or the first two.
    fn read(files: &DataFiles, read: &ReadOptions) -> Result<ReadRows<[String; 2]>, DataError> {
        let choose = |table: &Table, _: &ReadOptions| {
            let find = |name: &str, or: usize| table.columns.iter().position(|column| column == name).unwrap_or(or);
            Ok(vec![UsedColumn { role: "text", index: find("a", 0) }, UsedColumn { role: "note", index: find("b", 1) }])
        };
        let mut read_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| -> Result<[String; 2], BadCell> {
            Ok([take_filled(row, used[0], columns)?, take_filled(row, used[1], columns)?])
        };
        let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
        read_rows(files, read, &mut format)
    }

    fn lines(count: usize) -> String {
        String::from("a,b\n") + &(0..count).map(|i| format!("text {i},note\n")).collect::<String>()
    }

    #[test]
    fn rows_come_with_their_numbers_and_bad_ones_with_their_reason() {
        let found = read(&files("a,b\nx,1\n,2\ny,\nz,3\n", None, None), &ReadOptions::default()).expect("two rows");
        assert_eq!(found.train.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(found.train[1].value, ["z", "3"]);
        let summary = found.summary;
        assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_empty), (4, 2, 2));
        assert_eq!(summary.bad_rows[0], BadRow { row: 3, reason: "the text is empty (column \"a\")".into() });
        assert_eq!(summary.bad_rows[1].reason, "the note is empty (column \"b\")");
        assert_eq!((summary.column_of("note"), summary.column_of("label")), ("b", ""));
    }

    #[test]
    fn own_files_are_read_by_the_names_or_the_places_of_the_training_file() {
        let found = read(&files(&lines(9), Some("b,c,a\n1,2,x\n"), Some("y,2\n")), &ReadOptions::default());
        let found = found.expect("good files");
        assert_eq!(found.valid.expect("its own")[0].value, ["x", "1"]);
        assert_eq!(found.test.expect("its own")[0].value, ["y", "2"]);
        assert_eq!((found.summary.num_rows, found.summary.has_own_file), (11, [true, true]));
        let error = read(&files(&lines(9), None, Some("a,c\nx,1\n")), &ReadOptions::default()).expect_err("no b");
        assert_eq!(error.to_string(), r#"test file "test.csv": there is no column "b"; the columns are "a", "c""#);
    }

    #[test]
    fn an_own_files_header_stands_where_it_likes_or_where_that_of_the_training_file_was_named() {
        let options = ReadOptions { header_row: Some(3), ..ReadOptions::default() };
        let train = format!("ours\nmade in May\n{}", lines(4));
        let found = read(&files(&train, Some("a,b\nx,1\n"), None), &options).expect("a header in row 1");
        assert_eq!(found.valid.expect("its own")[0], SourceRow { row: 2, value: ["x".into(), "1".into()] });
        let found = read(&files(&train, Some("9,9\n8,8\na,b\nx,1\n"), None), &options).expect("a header in row 3");
        assert_eq!(found.valid.expect("its own")[0], SourceRow { row: 4, value: ["x".into(), "1".into()] });
    }

    #[test]
    fn what_has_no_file_is_split_off_in_file_order() {
        let sizes = |valid: Option<&str>, test: Option<&str>| {
            let rows = read(&files(&lines(100), valid, test), &ReadOptions::default()).expect("good files");
            let classes = vec![0; rows.train.len()];
            let (splits, _) = share_out(rows, &classes, &SplitConfig::default(), 7);
            assert!(splits.iter().all(|rows| rows.is_sorted_by_key(|row| row.row)));
            splits.map(|rows| rows.len())
        };
        assert_eq!(sizes(None, None), [80, 10, 10]);
        assert_eq!(sizes(Some("a,b\nx,1\n"), None), [100, 1, 0]);
        assert_eq!(sizes(None, Some("a,b\nx,1\n")), [90, 10, 1]);
    }

    #[test]
    fn rows_of_one_group_stay_together() {
        let groups_of = |valid: Option<&str>| {
            let rows = read(&files(&lines(100), valid, None), &ReadOptions::default()).expect("good files");
            let groups: Vec<usize> = (0..rows.train.len()).map(|index| index / 5).collect();
            let (splits, _) = share_out_groups(rows, &groups, &SplitConfig::default(), 7);
            assert!(splits.iter().all(|rows| rows.is_sorted_by_key(|row| row.row)));
            splits.map(|rows| rows.iter().map(|row| (row.row - 2) / 5).collect::<Vec<_>>())
        };
        let [train, valid, test] = groups_of(None);
        assert_eq!([train.len(), valid.len(), test.len()], [80, 10, 10]);
        assert!(train.iter().all(|group| !valid.contains(group) && !test.contains(group)));
        assert!(valid.iter().all(|group| !test.contains(group)));
        assert_eq!(groups_of(Some("a,b\nx,1\n")).map(|rows| rows.len()), [100, 1, 0]);
    }
}
