//! A text that has nothing to do with a task, measured before and after: a model that forgets while it learns does worse
//! on it.

use std::rc::Rc;

use super::encode::{EncodeSettings, encode_examples};
use super::examples::{Dataset, Example};
use super::rows::{Rows, SplitRows};
use crate::config::{DataShape, RunConfig};
use crate::task::{TaskError, TaskModel, TaskRows};
use crate::tokenizer::Piece;

/// Bytes of the text that are read.
const MAX_BYTES: usize = 256 << 10;

/// Tokens of the text that are measured before and after a run: the figure moves no more after so many.
pub const MAX_GENERAL_TOKENS: usize = 16_384;

/// Tokens of the text that are measured at each evaluation of a run: all of the bundled one for most models, and little beside
/// the rows.
pub const GENERAL_TOKENS_AT_EVALUATIONS: usize = 1_024;

/// The bundled text: beginnings of public-domain books and speeches.
pub const GENERAL_TEXT: &str = include_str!("general_text.txt");

/// Rows of the beginning of a plain text, up to `max_tokens`, to be measured ([`Split::Train`](crate::data::Split::Train)); `None`
/// takes a bundled one. There are no rows where the text is empty, or too short to predict anything of it.
///
/// # Errors
/// When the tokenizer fails on the text.
pub fn rows_of_text(
    text: Option<&str>,
    model: &TaskModel<'_>,
    run: &RunConfig,
    max_tokens: usize,
) -> Result<Box<dyn TaskRows>, TaskError> {
    let text = text.unwrap_or(GENERAL_TEXT);
    let text = text[..text.floor_char_boundary(MAX_BYTES)].replace("\r\n", "\n"); // as models know line ends
    let examples = match text.trim().is_empty() {
        true => Vec::new(),
        false => vec![Example { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() }],
    };
    let settings = EncodeSettings::of(model, run);
    let encoded = encode_examples(model.tokenizer(), &examples, &settings)?;
    let mut rows = SplitRows::new(encoded, false, settings.max_seq_length);
    rows.truncate((max_tokens / settings.max_seq_length.max(1)).max(1));
    let dataset = Dataset { shape: DataShape::Text, train: examples, valid: Vec::new(), test: Vec::new() };
    let splits = [rows, SplitRows::default(), SplitRows::default()];
    Ok(Box::new(Rows::new(Rc::new(dataset), splits, model.padding(run))))
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::{text_model, tokenizer};
    use super::*;
    use crate::data::Split;

    #[test]
    fn the_beginning_of_a_text_is_measured() {
        let tokenizer = tokenizer(true);
        let model = text_model(&tokenizer, 64);
        let run = RunConfig { max_seq_length: 8, ..RunConfig::default() };
        let rows = |text: &str| rows_of_text(Some(text), &model, &run, MAX_GENERAL_TOKENS).expect("room");
        assert_eq!(rows("abc").lengths(Split::Train), [5]);
        assert_eq!(rows("a\r\nb").lengths(Split::Train), [5], "a line break is one character");
        assert_eq!(rows(" \n").num_rows(), [0, 0, 0]);
        assert_eq!(rows(&"ab".repeat(MAX_BYTES)).lengths(Split::Train), [8; MAX_GENERAL_TOKENS / 8]);
        let few = rows_of_text(Some(&"ab".repeat(MAX_BYTES)), &model, &run, 20).expect("room");
        assert_eq!(few.lengths(Split::Train), [8; 2], "whole rows only");
        let bundled = rows_of_text(None, &model, &run, MAX_GENERAL_TOKENS).expect("room");
        assert!(bundled.num_rows()[0] > 0);
    }
}
