//! What the command line shows of one task alone, a file each: all that is not the same for every task.

mod causal_lm;
mod classes;
mod image_classification;
mod masked_lm;
mod multi_label;
mod question_answering;
mod regression;
mod sentence_embedding;
mod seq2seq_lm;
mod sequence_classification;
mod token_classification;
mod token_figures;
mod word_rows;

use hone_core::config::ReadOptions;
use hone_core::data::{DataError, Table, UsedColumn, choose_text_columns, parse};
use hone_core::for_each_task;
use hone_core::task::{DataReport, Evaluation, Prediction, Task};
use serde_json::{Map, Value};

/// How a task is shown.
pub(crate) struct View {
    /// Its figures, in the order of tables.
    pub(crate) figures: &'static [&'static str],
    /// What is in the rows; warnings, advice and bad rows are shown of all tasks alike.
    pub(crate) report: fn(&DataReport) -> String,
    /// What is said of an evaluation while a run goes on.
    pub(crate) line: fn(&Evaluation) -> String,
    /// What stands below the figures.
    pub(crate) detail: Detail,
    /// How answers are written; `None` where the model is asked in another way.
    pub(crate) answers: Option<Answers>,
}

/// What an evaluation says besides its figures.
pub(crate) enum Detail {
    /// The figures are a table, and these lines stand below it.
    Below(fn(&Evaluation) -> String),
    /// All of it is one line.
    OneLine(fn(&Evaluation) -> String),
}

/// How a file of inputs becomes a table, and how the texts of it that answers repeat are called beside these.
pub(crate) struct InputFile {
    pub(crate) parse: fn(&str, &[u8], &ReadOptions) -> Result<Table, DataError>,
    pub(crate) names: &'static [&'static str],
}

/// Tables of texts, or of pairs of texts.
const TEXTS: InputFile = InputFile { parse, names: &["text", "text_pair"] };

/// Chooses the columns of an input of a table, given the names of the labels.
pub(crate) type ChooseInputs = fn(&Table, &ReadOptions, &[String]) -> Result<Vec<UsedColumn>, DataError>;

/// What a model is asked about.
pub(crate) enum Inputs {
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
    pub(crate) fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Rows { file, .. } => file.names,
            Self::Images => &["file"],
        }
    }
}

/// How inputs are read and answers are written.
pub(crate) struct Answers {
    /// What is asked about.
    pub(crate) inputs: Inputs,
    /// Columns of an answer, given the labels. One that is called as the text takes its place.
    pub(crate) columns: fn(&[String]) -> Vec<String>,
    /// Their cells; of an answer of several lines one line after the other.
    pub(crate) cells: fn(&Prediction, &[String]) -> Vec<String>,
    /// An answer as JSON.
    pub(crate) fields: fn(&Prediction, &[String]) -> Map<String, Value>,
}

/// The texts of an input, where rows may have several columns of labels or numbers: none of those is a text.
fn texts_beside_labels(table: &Table, read: &ReadOptions, _labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    let label_column = read.label_column.clone().or_else(|| read.label_columns.first().cloned());
    Ok(choose_text_columns(table, &ReadOptions { label_column, ..read.clone() }, &[])?.used())
}

macro_rules! define_views {
    ($($(#[$doc:meta])* $room:ident $variant:ident,)*) => {
        /// How a task is shown.
        pub(crate) fn view(task: Task) -> &'static View {
            match task {
                $(Task::$variant => &$room::VIEW,)*
            }
        }
    };
}

for_each_task!(define_views);

/// What rows of a task are called where they are counted.
pub(crate) fn noun(task: Task) -> &'static str {
    match &view(task).answers {
        Some(Answers { inputs: Inputs::Images, .. }) => task.spec().row_noun,
        _ => "row",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_a_task_is_shown() {
        for &task in Task::ALL {
            let mut shown = view(task).figures.to_vec();
            let mut measured = task.spec().figure_names();
            shown.sort_unstable();
            measured.sort_unstable();
            assert_eq!(shown, measured, "{}", task.name());
            assert_eq!(view(task).answers.is_some(), task.spec().command == "predict", "{}", task.name());
        }
    }
}
