//! What is in the data, before anything is trained: what all tasks say of their rows, and one part that is the task's own.

use serde::{Deserialize, Serialize};

use super::{HeadKind, ReportDetail, Task};
use crate::config::ReadOptions;
use crate::data::{Advice, BadRow, FileReading, Format, LINES_COLUMN, LengthHistogram, RowSource};

/// What is in the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
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
    /// The columns that are used, each with its role: `("question", "text")`.
    pub used_columns: Vec<(String, String)>,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Rows that are used.
    pub num_usable: usize,
    /// Rows in which something is empty that is needed; they are bad rows too.
    pub num_empty: usize,
    /// Rows that repeat an earlier one.
    pub num_duplicates: usize,
    /// Validation and test rows that stand in an earlier split too.
    pub num_leaks: usize,
    /// Rows of training, validation and test as they are read.
    pub split_sizes: [usize; 3],
    /// The same as the model gets them: of a long text several. As many as are read before there is a model.
    pub num_encoded: [usize; 3],
    /// The first hundred bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// Rows by their number of tokens before they are cut; empty before there is a model.
    pub lengths: LengthHistogram,
    /// Tokens after which a row is cut off.
    pub max_seq_length: usize,
    /// Rows that are cut off.
    pub num_truncated: usize,
    /// How the rows were shared out, where that was asked for, and how many were left out as repeats.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What a person should know before training.
    pub warnings: Vec<String>,
    /// What may be better to change before training, each with what its remedy needs.
    pub advice: Vec<Advice>,
    /// What the task says of its rows.
    pub detail: ReportDetail,
}

impl DataReport {
    /// Which task the rows were read for.
    #[must_use]
    pub fn task(&self) -> Task {
        self.detail.task()
    }

    /// The column of a role.
    #[must_use]
    pub fn column_of(&self, role: &str) -> Option<&str> {
        self.used_columns.iter().find(|(_, used)| used == role).map(|(column, _)| column.as_str())
    }

    /// How the rows can be looked through one by one, where their files are tables whose columns are used; `read` is how they
    /// were read. `None` for plain text and for images.
    #[must_use]
    pub fn row_source(&self, read: &ReadOptions) -> Option<RowSource> {
        let is_table = match self.format {
            Some(Format::Csv | Format::Jsonl | Format::Json) => true,
            Some(Format::Conll) => self.column_of("tags").is_some(),
            None => false,
        };
        let is_image = self.task().spec().head == HeadKind::Image;
        let are_columns = self.used_columns.iter().all(|(name, _)| self.columns.contains(name));
        if !is_table || is_image || !are_columns || self.used_columns.is_empty() {
            return None;
        }
        let is_lines = self.format == Some(Format::Csv)
            && self.delimiter.is_none()
            && !self.has_header
            && self.columns == [LINES_COLUMN];
        let mut columns: Vec<(String, String)> = Vec::new();
        for column in &self.used_columns {
            if columns.iter().all(|(name, _)| *name != column.0) {
                columns.push(column.clone());
            }
        }
        let (file_columns, merge_labels) = (self.columns.clone(), read.merge_labels.clone());
        Some(RowSource { columns, file_columns, is_lines, merge_labels })
    }

    /// Whether single rows can be edited: their task reads them so.
    #[must_use]
    pub fn has_row_edits(&self) -> bool {
        self.task().spec().columns.contains(&"edits")
    }
}
