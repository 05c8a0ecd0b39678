//! What a model is asked about, and how its answers are written: as cells of a table, as JSON, or as columns beside the rows that
//! were asked about. Each room has its own ([`Task::answers`](super::Task::answers)).
//!
//! In: a file of inputs, and the predictions of a model. Out: a table with the columns to be read, and cells.

use serde_json::{Map, Value};

use super::Prediction;
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn, choose_text_columns, parse};

/// Reads a file of inputs as a table.
pub type ParseInputs = fn(&str, &[u8], &ReadOptions) -> Result<Table, DataError>;

/// Chooses the columns of an input of a table, given the names of the labels.
pub type ChooseInputs = fn(&Table, &ReadOptions, &[String]) -> Result<Vec<UsedColumn>, DataError>;

/// How a file of inputs becomes a table, and how the texts of it that answers repeat are called beside these.
#[derive(Debug, Clone, Copy)]
pub struct InputFile {
    /// Bytes to a table.
    pub parse: ParseInputs,
    /// Names of the texts.
    pub names: &'static [&'static str],
}

/// Tables of texts, or of pairs of texts.
pub(super) const TEXTS: InputFile = InputFile { parse, names: &["text", "text_pair"] };

/// What a model is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Inputs {
    /// Rows of a file, or texts that were typed.
    Rows {
        /// What the file is.
        file: InputFile,
        /// The columns of an input, that of the text first and that of the second text, if there is one, after it; one of
        /// the role `id` names the inputs. A column of the labels is none.
        choose: ChooseInputs,
    },
    /// Images, by the names of their files.
    Images,
}

impl Inputs {
    /// How what answers repeat of an input is called beside them: its text, or the name of its file, and a second text.
    #[must_use]
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Rows { file, .. } => file.names,
            Self::Images => &["file"],
        }
    }
}

/// How an answer is written, given the labels.
#[derive(Debug, Clone, Copy)]
pub struct AnswerForm {
    /// Names of its columns.
    pub columns: fn(&[String]) -> Vec<String>,
    /// Its cells; of an answer of several lines one line after the other.
    pub cells: fn(&Prediction, &[String]) -> Vec<String>,
    /// The same as JSON.
    pub fields: fn(&Prediction, &[String]) -> Map<String, Value>,
}

/// How inputs are read and answers are written.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    /// What is asked about.
    pub inputs: Inputs,
    /// In a file of answers. A column that is called as the text takes its place.
    pub in_file: AnswerForm,
    /// Beside the row that was asked about: an answer is one line there.
    pub in_row: AnswerForm,
}

/// The texts of an input, where rows may have several columns of labels or numbers: none of those is a text.
pub(super) fn texts_beside_labels(
    table: &Table,
    read: &ReadOptions,
    _labels: &[String],
) -> Result<Vec<UsedColumn>, DataError> {
    let label_column = read.label_column.clone().or_else(|| read.label_columns.first().cloned());
    Ok(choose_text_columns(table, &ReadOptions { label_column, ..read.clone() }, &[])?.used())
}

#[cfg(test)]
mod tests {
    use super::super::Task;

    #[test]
    fn every_task_has_a_form_of_its_answers() {
        for &task in Task::ALL {
            assert!(!task.answers().inputs.names().is_empty(), "{}", task.name());
        }
    }
}
