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

use hone_core::for_each_task;
use hone_core::task::{DataReport, Evaluation, Inputs, Task};

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
}

/// What an evaluation says besides its figures.
pub(crate) enum Detail {
    /// The figures are a table, and these lines stand below it.
    Below(fn(&Evaluation) -> String),
    /// All of it is one line.
    OneLine(fn(&Evaluation) -> String),
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
    match task.answers().inputs {
        Inputs::Images => task.spec().row_noun,
        Inputs::Rows { .. } => "row",
    }
}

#[cfg(test)]
mod fixtures {
    use hone_core::data::{FileReading, LengthHistogram};
    use hone_core::task::{DataReport, ReportDetail};

    /// A report on a file of one text, with nothing in it but what is the task's own.
    pub(super) fn report(file_name: &str, detail: ReportDetail) -> DataReport {
        DataReport {
            file_name: file_name.to_owned(),
            format: None,
            delimiter: None,
            has_header: false,
            columns: Vec::new(),
            reading: FileReading::default(),
            used_columns: Vec::new(),
            num_rows: 0,
            num_usable: 0,
            num_empty: 0,
            num_duplicates: 0,
            num_leaks: 0,
            split_sizes: [0; 3],
            num_encoded: [0; 3],
            bad_rows: Vec::new(),
            num_bad_rows: 0,
            lengths: LengthHistogram::default(),
            max_seq_length: 0,
            num_truncated: 0,
            notes: Vec::new(),
            warnings: Vec::new(),
            advice: Vec::new(),
            detail,
        }
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
        }
    }
}
