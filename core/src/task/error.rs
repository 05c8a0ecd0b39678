//! What can go wrong with the rows and the inputs of any task.

use crate::data::DataError;
use crate::tokenizer::TokenizerError;

/// Why rows or inputs can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A data file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The tokenizer failed on a row.
    #[error("row {row}: {source}")]
    Row {
        /// Row number in its file.
        row: usize,
        /// What the tokenizer said.
        source: TokenizerError,
    },
    /// `max_seq_length` leaves no room.
    #[error("max_seq_length {max_seq_length} {reason}")]
    TooShort {
        /// What was asked for.
        max_seq_length: usize,
        /// Why it is too short.
        reason: String,
    },
    /// A setting does not go with the rows.
    #[error("{setting}: {reason}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Rows that can be read, and can't be trained on.
    #[error("{0}")]
    Rows(String),
    /// The model lacks what the task needs: a mask token, a chat template.
    #[error("{0}")]
    Model(String),
    /// An input can't be answered.
    #[error("input {index}: {reason}")]
    Input {
        /// Index of the input, from 1.
        index: usize,
        /// Why.
        reason: String,
    },
    /// The task does not answer inputs in this way.
    #[error("{0}")]
    NoAnswer(String),
}

impl TaskError {
    /// What the tokenizer said of the row with this number. That a setting leaves no room, or that the model reads no pairs, is said
    /// of no row.
    pub(super) fn of_row(row: usize, source: TokenizerError) -> Self {
        match source {
            TokenizerError::TooShort { .. } | TokenizerError::PairTypeIdOutside { .. } => Self::Tokenizer(source),
            source => Self::Row { row, source },
        }
    }

    /// What the tokenizer said of the input at this index, from 0.
    pub(crate) fn of_input(index: usize, source: TokenizerError) -> Self {
        match source {
            TokenizerError::TooShort { .. } | TokenizerError::PairTypeIdOutside { .. } => Self::Tokenizer(source),
            source => Self::Input { index: index + 1, reason: source.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_can_not_be_tokenised_is_named_and_a_setting_is_not_blamed_on_it() {
        let failed = || TokenizerError::Text { source: "no".into() };
        assert_eq!(TaskError::of_row(7, failed()).to_string(), "row 7: a text can't be tokenised: no");
        assert_eq!(TaskError::of_input(0, failed()).to_string(), "input 1: a text can't be tokenised: no");
        let short = || TokenizerError::TooShort { max_seq_length: 2, num_special: 2 };
        for error in [TaskError::of_row(7, short()), TaskError::of_input(0, short())] {
            assert!(error.to_string().starts_with("max_seq_length 2 leaves no room"), "{error}");
        }
    }
}
