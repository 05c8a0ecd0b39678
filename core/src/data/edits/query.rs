//! What is asked of the rows of all files, and what is answered: plain values that travel between page and worker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Split;
use crate::data::parse::RowKind;

/// A row, by its file and its number there. A list of them is what a finding of the data report names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId {
    /// The file of training, validation or test rows.
    pub file: Split,
    /// Row number in it.
    pub row: usize,
}

/// What a row is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// It is trained on.
    Train,
    /// It chooses the best weights.
    Valid,
    /// It is looked at once, at the end.
    Test,
    /// It can't be used; the data report says why.
    Unused,
    /// It was left out by hand.
    Dropped,
}

impl RowState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Train, Self::Valid, Self::Test, Self::Unused, Self::Dropped];
}

impl From<Split> for RowState {
    fn from(split: Split) -> Self {
        match split {
            Split::Train => Self::Train,
            Split::Valid => Self::Valid,
            Split::Test => Self::Test,
        }
    }
}

/// What rows are put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSort {
    /// As they stand in their files.
    #[default]
    File,
    /// Training, validation, test, then the others.
    Split,
    /// Tokens; rows whose tokens are not known come last.
    Length,
    /// The words in a column, by its place among those that are used.
    Column(usize),
}

/// Which rows are wanted. Without a state, rows that were dropped are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RowFilter {
    /// What the rows are used for.
    pub state: Option<RowState>,
    /// Their label, as it is read.
    pub label: Option<String>,
    /// Only rows that were edited.
    pub is_edited: bool,
    /// Fewest tokens.
    pub min_tokens: Option<usize>,
    /// Most tokens.
    pub max_tokens: Option<usize>,
    /// Only these: the rows of a finding.
    pub rows: Option<Vec<RowId>>,
}

/// A window of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RowQuery {
    /// The first row that is wanted, among those that match.
    pub from: usize,
    /// How many.
    pub count: usize,
    /// What stands somewhere in a row, in whatever case.
    pub search: String,
    /// Which rows.
    pub filter: RowFilter,
    /// Their order.
    pub sort: RowSort,
    /// The order is turned round.
    pub is_falling: bool,
    /// Their ids are wanted, without what is in them.
    pub is_ids: bool,
    /// The labels are wanted, too.
    pub wants_labels: bool,
}

/// How the rows of the files are looked through: which columns are shown, and how the files are taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSource {
    /// Columns that are used, each with its role, by their names in the training file.
    pub columns: Vec<(String, String)>,
    /// All columns of the training file.
    pub file_columns: Vec<String>,
    /// Each line is a row.
    pub is_lines: bool,
    /// Labels that are read as another one.
    pub merge_labels: BTreeMap<String, String>,
}

impl RowSource {
    /// What a row of the files is: where words have tags, a sentence.
    pub(in crate::data) fn kind(&self) -> RowKind {
        let has_tags = self.columns.iter().any(|(_, role)| role == "tags" || role == "spans");
        match self.is_lines {
            true => RowKind::Line,
            false if has_tags => RowKind::Sentence,
            false => RowKind::Cells,
        }
    }

    /// The column of the one label of a row, by its place among those that are used; `None` where there is none or several.
    #[must_use]
    pub fn label_column(&self) -> Option<usize> {
        let is_label = |(_, role): &&(String, String)| role == "label" || role == "labels";
        let mut labels = self.columns.iter().enumerate().filter(|(_, column)| is_label(column));
        let first = labels.next().map(|(index, _)| index);
        if labels.next().is_some() { None } else { first }
    }
}

/// A row as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    /// Which one.
    pub id: RowId,
    /// What it is used for.
    pub state: RowState,
    /// A cell was edited, or the row was moved.
    pub is_edited: bool,
    /// Its tokens, where they are known.
    pub num_tokens: Option<usize>,
    /// What stands in the used columns, edits made.
    pub cells: Vec<String>,
    /// Its label as it is read, where it has one.
    pub label: Option<String>,
    /// A cell is too long to be shown whole, or to be edited here.
    pub is_cut: bool,
}

/// A window of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowWindow {
    /// The first row, among those that match.
    pub from: usize,
    /// Rows that match.
    pub total: usize,
    /// All rows, but those that were dropped.
    pub num_rows: usize,
    /// The rows.
    pub rows: Vec<RowView>,
    /// Their ids, where those were asked for.
    pub ids: Vec<RowId>,
    /// Labels with how many rows have each, sorted; `None` where they were not asked for.
    pub labels: Option<Vec<(String, usize)>>,
}
