//! Texts to token ids, cut to the maximum length.

use super::dataset::Example;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A tokenised row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids, special tokens included.
    pub input_ids: Vec<u32>,
    /// Segment of each token; as long as `input_ids`.
    pub token_type_ids: Vec<u32>,
    /// Label id.
    pub label: usize,
    /// Index into its split.
    pub example: usize,
    /// Tokens it would have had without truncation, special tokens included.
    pub num_tokens_untruncated: usize,
}

impl Encoded {
    /// Tokens, special tokens included.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.input_ids.len()
    }
}

/// Tokenises labeled rows, in order.
///
/// # Errors
/// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on a text.
pub fn encode_examples(
    tokenizer: &Tokenizer,
    examples: &[Example],
    max_seq_length: usize,
) -> Result<Vec<Encoded>, TokenizerError> {
    let rows = examples.iter().enumerate();
    rows.map(|(index, example)| encode(tokenizer, &example.text, example.label, index, max_seq_length)).collect()
}

/// Tokenises texts that have no label (their label id is 0), in order.
///
/// # Errors
/// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on a text.
pub fn encode_texts<T: AsRef<str>>(
    tokenizer: &Tokenizer,
    texts: &[T],
    max_seq_length: usize,
) -> Result<Vec<Encoded>, TokenizerError> {
    let rows = texts.iter().enumerate();
    rows.map(|(index, text)| encode(tokenizer, text.as_ref(), 0, index, max_seq_length)).collect()
}

fn encode(
    tokenizer: &Tokenizer,
    text: &str,
    label: usize,
    example: usize,
    max_seq_length: usize,
) -> Result<Encoded, TokenizerError> {
    let encoded = tokenizer.encode(text, max_seq_length)?;
    let num_tokens_untruncated = encoded.num_tokens_untruncated;
    Ok(Encoded { input_ids: encoded.ids, token_type_ids: encoded.type_ids, label, example, num_tokens_untruncated })
}
