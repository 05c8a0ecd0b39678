//! Which rows are looked at apart from the others: by the values of a column, by how long their texts are, by a word in them. In:
//! rows as they were measured, and the file that they stand in. Out: slices of them, and what was not looked at.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{RowPredictions, Task};
use crate::config::{ReadOptions, is_of_word, words_of};
use crate::data::{DataError, Table, parse_keeping_nested};
use crate::metrics::{RowOutcomes, Slice, SliceReport, compare_slices};

/// Most values of a column whose rows are compared one by one.
pub const MAX_SLICE_VALUES: usize = 50;

/// A value is cut after so many characters.
const MAX_VALUE: usize = 60;

/// By what rows are taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceBy {
    /// The values of a column.
    Column(String),
    /// Four parts by the number of characters.
    Length,
    /// Rows with this word in a text, whatever its case.
    Contains(String),
}

/// A row that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRow {
    /// Its number in its file.
    pub row: usize,
    /// Its text; of a pair both with a line break between.
    pub text: String,
    /// 1 where it is right, else 0; where answers are numbers, how far off they are.
    pub outcome: f64,
}

/// Rows that were measured, as slices are made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRows {
    /// The rows, in the order of the evaluation.
    pub rows: Vec<MeasuredRow>,
    /// Outcomes are errors, and not right or wrong.
    pub are_errors: bool,
}

/// What was found, and which rows are in each slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slicing {
    /// The slices beside the rest.
    pub report: SliceReport,
    /// Of each slice of the report, in its order, indices of its rows in the evaluation.
    pub members: Vec<Vec<usize>>,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
}

/// Whether rows of a task are right or wrong as a whole, or a number off: then they can be taken apart.
#[must_use]
pub fn can_slice(task: Task) -> bool {
    matches!(
        task,
        Task::SequenceClassification
            | Task::MultiLabel
            | Task::ImageClassification
            | Task::QuestionAnswering
            | Task::TokenClassification
            | Task::Regression
    )
}

impl MeasuredRows {
    /// The rows of an evaluation; `None` where no row of the task is right or wrong as a whole, nor a number off.
    #[must_use]
    pub fn of(rows: &RowPredictions) -> Option<Self> {
        let with = |text: &str, second: Option<&str>| match second {
            Some(second) => format!("{text}\n{second}"),
            None => text.to_owned(),
        };
        let right = |row: usize, text: String, is_right: bool| MeasuredRow {
            row,
            text,
            outcome: if is_right { 1.0 } else { 0.0 },
        };
        let mut are_errors = false;
        let rows: Vec<MeasuredRow> = match rows {
            RowPredictions::SequenceClassification(rows) => rows
                .iter()
                .map(|row| right(row.row, with(&row.text, row.second.as_deref()), row.label == row.predicted))
                .collect(),
            RowPredictions::MultiLabel(rows) => rows
                .iter()
                .map(|row| right(row.row, with(&row.text, row.second.as_deref()), row.labels == row.predicted))
                .collect(),
            RowPredictions::ImageClassification(rows) => {
                rows.iter().map(|row| right(row.row, row.name.clone(), row.label == row.predicted)).collect()
            }
            RowPredictions::QuestionAnswering(rows) => {
                rows.iter().map(|row| right(row.row, row.question.clone(), row.is_exact)).collect()
            }
            RowPredictions::TokenClassification(rows) => {
                rows.iter().map(|row| right(row.row, row.text.clone(), row.errors.is_empty())).collect()
            }
            RowPredictions::Regression(rows) => {
                are_errors = true;
                let off = |(number, &predicted): (&f64, &f32)| (number - f64::from(predicted)).abs();
                let error = |numbers: &[f64], predicted: &[f32]| {
                    numbers.iter().zip(predicted).map(off).sum::<f64>() / numbers.len().max(1) as f64
                };
                let row = |row: &super::regression::RowPrediction| MeasuredRow {
                    row: row.row,
                    text: with(&row.text, row.second.as_deref()),
                    outcome: error(&row.numbers, &row.predicted),
                };
                rows.iter().map(row).collect()
            }
            _ => return None,
        };
        Some(Self { rows, are_errors })
    }

    fn outcomes(&self) -> RowOutcomes {
        match self.are_errors {
            true => RowOutcomes::Errors(self.rows.iter().map(|row| row.outcome).collect()),
            false => RowOutcomes::Right(self.rows.iter().map(|row| row.outcome > 0.5).collect()),
        }
    }
}

/// The columns of a file with few values, by which its rows can be taken apart, beside which they are the row of each number.
#[derive(Debug, Clone)]
pub struct ColumnsOfRows {
    table: Table,
    /// Index in the table by the number of the row.
    places: HashMap<usize, usize>,
}

impl ColumnsOfRows {
    /// Reads a file of rows.
    ///
    /// # Errors
    /// When it can't be read as a table.
    pub fn read((name, bytes): (&str, &[u8]), read: &ReadOptions) -> Result<Self, DataError> {
        let table = parse_keeping_nested(name, bytes, read)?;
        let places = table.rows.iter().enumerate().map(|(index, row)| (row.number, index)).collect();
        Ok(Self { table, places })
    }

    /// Columns with at least 2 and at most [`MAX_SLICE_VALUES`] values among the rows.
    #[must_use]
    pub fn with_few_values(&self) -> Vec<String> {
        let is_of_few = |column: usize| {
            let mut values = std::collections::HashSet::new();
            for row in &self.table.rows {
                values.insert(row.cells[column].trim());
                if values.len() > MAX_SLICE_VALUES {
                    return false;
                }
            }
            values.len() > 1 && values.len() * 2 <= self.table.rows.len()
        };
        let columns = self.table.columns.iter().enumerate().filter(|(index, _)| is_of_few(*index));
        columns.map(|(_, name)| name.clone()).collect()
    }

    /// Numbers of groups, from 0, of the rows with these numbers: those that have the same value in a column are a group.
    ///
    /// # Errors
    /// When there is no such column, a row is not in the file, or there are more than [`MAX_SLICE_VALUES`] values, or only one.
    pub fn groups_of_rows(&self, column: &str, rows: impl Iterator<Item = usize>) -> Result<Vec<usize>, String> {
        let Some(index) = self.table.columns.iter().position(|own| own == column) else {
            return Err(format!(
                "{column:?} is no column of the training file; it has {}",
                self.table.columns.join(", ")
            ));
        };
        let mut values: HashMap<&str, usize> = HashMap::new();
        let mut groups = Vec::new();
        for row in rows {
            let Some(&place) = self.places.get(&row) else {
                return Err(format!(
                    "row {row} is not in the training file as a row of its own, so it has no {column:?}"
                ));
            };
            let next = values.len();
            groups.push(*values.entry(self.table.rows[place].cells[index].trim()).or_insert(next));
        }
        match values.len() {
            0 | 1 => Err(format!("{column:?} has the same value in all training rows: there is nothing to even out")),
            more if more > MAX_SLICE_VALUES => Err(format!(
                "{column:?} has {more} values among the training rows, at most {MAX_SLICE_VALUES} are evened out: choose a column with \
                 fewer"
            )),
            _ => Ok(groups),
        }
    }

    /// The value of a row; `None` where the file has no such row, or another text there: rows may be questions within texts, or
    /// sentences of several lines.
    fn value(&self, row: &MeasuredRow, column: usize) -> Option<&str> {
        let cells = &self.table.rows[*self.places.get(&row.row)?].cells;
        let is_first = |cell: &str| row.text.strip_prefix(cell).is_some_and(|rest| rest.starts_with('\n'));
        let holds_text = cells.iter().any(|cell| !cell.is_empty() && (*cell == row.text || is_first(cell)));
        holds_text.then(|| cells[column].trim())
    }
}

/// Takes rows apart and compares each part with the rest. `columns` is the file that they stand in; `None` where there is none.
///
/// # Errors
/// When a column that is named is not there.
pub fn slice_rows(
    measured: &MeasuredRows,
    columns: Option<&ColumnsOfRows>,
    by: &[SliceBy],
) -> Result<Slicing, DataError> {
    let (mut slices, mut notes) = (Vec::new(), Vec::new());
    for by in by {
        match by {
            SliceBy::Column(name) => slices.extend(by_column(measured, columns, name, &mut notes)?),
            SliceBy::Length => slices.extend(by_length(measured)),
            SliceBy::Contains(word) => slices.extend(by_word(measured, word)),
        }
    }
    let report = compare_slices(&measured.outcomes(), &slices);
    let find = |by: &str, value: &str| slices.iter().find(|slice| slice.by == by && slice.value == value);
    let members = report.slices.iter().map(|one| find(&one.by, &one.value).map(|slice| slice.rows.clone()));
    let members = members.map(Option::unwrap_or_default).collect();
    Ok(Slicing { report, members, notes })
}

fn by_column(
    measured: &MeasuredRows,
    columns: Option<&ColumnsOfRows>,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Slice>, DataError> {
    let table = columns.map(|columns| &columns.table);
    let index = table.and_then(|table| table.columns.iter().position(|column| column == name));
    let (Some(columns), Some(index)) = (columns, index) else {
        let columns = table.map(|table| table.columns.clone()).unwrap_or_default();
        return Err(DataError::MissingColumn { column: name.to_owned(), columns });
    };
    let mut by_value: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut num_unknown = 0;
    for (at, row) in measured.rows.iter().enumerate() {
        match columns.value(row, index) {
            Some(value) => by_value.entry(value).or_default().push(at),
            None => num_unknown += 1,
        }
    }
    if num_unknown > 0 {
        notes.push(format!(
            "rows that do not stand in the file as they were measured, and are in no slice by column {name:?}: {num_unknown}"
        ));
    }
    if by_value.len() > MAX_SLICE_VALUES {
        notes.push(format!(
            "column {name:?} has {} values, at most {MAX_SLICE_VALUES} are compared: the most frequent",
            by_value.len()
        ));
    }
    let mut slices: Vec<(&str, Vec<usize>)> = by_value.into_iter().collect();
    slices.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    slices.truncate(MAX_SLICE_VALUES);
    let slice = |(value, rows): (&str, Vec<usize>)| Slice { by: name.to_owned(), value: shown(value), rows };
    Ok(slices.into_iter().map(slice).collect())
}

/// A value as it is shown; two long values that begin alike are told apart by how long they are.
fn shown(value: &str) -> String {
    let num_chars = value.chars().count();
    match num_chars {
        0 => "(empty)".to_owned(),
        count if count > MAX_VALUE => {
            format!("{}… ({count} characters)", value.chars().take(MAX_VALUE).collect::<String>())
        }
        _ => value.to_owned(),
    }
}

/// Four parts with about as many rows each; texts of one length are in one part.
fn by_length(measured: &MeasuredRows) -> Vec<Slice> {
    let lengths: Vec<usize> = measured.rows.iter().map(|row| row.text.chars().count()).collect();
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    if sorted.is_empty() {
        return Vec::new();
    }
    let mut ends: Vec<usize> = (1..=4).map(|part| sorted[(sorted.len() * part / 4).saturating_sub(1)]).collect();
    ends.dedup();
    let mut slices = Vec::with_capacity(ends.len());
    let mut start = sorted[0];
    for end in ends {
        let is_in = |length: usize| (start..=end).contains(&length);
        let rows = lengths.iter().enumerate().filter(|(_, length)| is_in(**length)).map(|(at, _)| at).collect();
        slices.push(Slice { by: "length".to_owned(), value: format!("{start} to {end} characters"), rows });
        start = end + 1;
    }
    slices
}

fn by_word(measured: &MeasuredRows, word: &str) -> Option<Slice> {
    let wanted = word.trim().to_lowercase();
    let has = |text: &str| words_of(text).any(|(_, own)| own.to_lowercase() == wanted);
    // What is more than a word is sought as it stands.
    let is_phrase = wanted.contains(|character: char| !is_of_word(character));
    let is_in = |text: &str| if is_phrase { text.to_lowercase().contains(&wanted) } else { has(text) };
    let rows = measured.rows.iter().enumerate().filter(|(_, row)| is_in(&row.text)).map(|(at, _)| at).collect();
    (!wanted.is_empty()).then(|| Slice { by: "contains".to_owned(), value: word.trim().to_owned(), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forty rows: every other one is German, the long ones are wrong.
    fn measured() -> (MeasuredRows, ColumnsOfRows) {
        let text = |row: usize| format!("Hello {}", "word ".repeat(if row < 20 { 1 } else { 5 + row % 2 }));
        let rows =
            (0..40).map(|row| MeasuredRow { row: row + 2, text: text(row), outcome: if row < 20 { 1.0 } else { 0.0 } });
        let line = |row: usize| format!("{},{},{row}\n", text(row), ["de", "en"][row % 2]);
        let file = format!("text,lang,number\n{}", (0..40).map(line).collect::<String>());
        let columns = ColumnsOfRows::read(("x.csv", file.as_bytes()), &ReadOptions::default()).expect("a table");
        (MeasuredRows { rows: rows.collect(), are_errors: false }, columns)
    }

    #[test]
    fn rows_are_taken_apart_by_column_length_and_word() {
        let (measured, columns) = measured();
        assert_eq!(columns.with_few_values(), ["text", "lang"]);
        let by = [SliceBy::Column("lang".into()), SliceBy::Length, SliceBy::Contains("HELLO".into())];
        let found = slice_rows(&measured, Some(&columns), &by).expect("the column is there");
        let names: Vec<_> = found.report.slices.iter().map(|one| (one.by.as_str(), one.value.as_str())).collect();
        assert!(names.contains(&("lang", "de")) && names.contains(&("lang", "en")), "{names:?}");
        let worst = &found.report.slices[0];
        assert!(worst.by == "length" && worst.is_worse && worst.slice.value == 0.0, "{worst:?}");
        assert_eq!(found.members[0].len(), worst.slice.num_rows);
        assert!(found.members[0].iter().all(|&at| at >= 20));
        assert_eq!(found.report.num_small, 1, "every row says hello");
        let error = slice_rows(&measured, Some(&columns), &[SliceBy::Column("size".into())]).expect_err("none");
        assert!(error.to_string().contains("size"), "{error}");
    }

    #[test]
    fn a_column_of_many_values_says_so() {
        let (mut measured, columns) = measured();
        let found = slice_rows(&measured, Some(&columns), &[SliceBy::Column("number".into())]).expect("it is there");
        assert_eq!((found.report.slices.len(), found.report.num_small, found.notes.len()), (0, 40, 0));
        measured.rows[0].row = 99;
        let found = slice_rows(&measured, Some(&columns), &[SliceBy::Column("lang".into())]).expect("it is there");
        assert!(found.notes[0].ends_with("column \"lang\": 1"), "{:?}", found.notes);
    }

    #[test]
    fn rows_with_the_same_value_are_a_group() {
        let file = b"text,label,dialect\na,x,north\nb,y,south\nc,x, north \nd,y,east\n";
        let columns = ColumnsOfRows::read(("rows.csv", file), &ReadOptions::default()).expect("a table");
        let numbers: Vec<usize> = columns.table.rows.iter().map(|row| row.number).collect();
        let groups = |column: &str, rows: &[usize]| columns.groups_of_rows(column, rows.iter().copied());
        assert_eq!(groups("dialect", &numbers), Ok(vec![0, 1, 0, 2]));
        assert_eq!(groups("dialect", &[numbers[3], numbers[1], numbers[3]]), Ok(vec![0, 1, 0]), "a copy is of its row");
        assert!(groups("region", &numbers).is_err_and(|error| error.contains("it has text, label, dialect")));
        assert!(groups("dialect", &numbers[..1]).is_err_and(|error| error.contains("same value")));
        assert!(groups("dialect", &[999]).is_err_and(|error| error.contains("row 999")));
    }
}
