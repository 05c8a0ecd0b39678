//! Texts to token ids, cut to the maximum length.

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
    /// Tokens it would have had without truncation, special tokens included; at least so many where
    /// `is_lower_bound` says so.
    pub num_tokens_untruncated: usize,
    /// Only a part of the text was tokenised, because it is far longer than what is kept of it.
    pub is_lower_bound: bool,
}

impl Encoded {
    /// Tokens, special tokens included.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.input_ids.len()
    }
}

/// Tokenises texts, each with its label id, in order.
///
/// # Errors
/// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on a text.
pub fn encode_texts<'a>(
    tokenizer: &Tokenizer,
    texts: impl IntoIterator<Item = (&'a str, usize)>,
    max_seq_length: usize,
) -> Result<Vec<Encoded>, TokenizerError> {
    let rows = texts.into_iter().enumerate();
    rows.map(|(example, (text, label))| encode_text(tokenizer, text, label, example, max_seq_length)).collect()
}

/// Tokenises one text with its label id, `example` of its split.
///
/// # Errors
/// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on the text.
pub fn encode_text(
    tokenizer: &Tokenizer,
    text: &str,
    label: usize,
    example: usize,
    max_seq_length: usize,
) -> Result<Encoded, TokenizerError> {
    let encoded = tokenizer.encode(text, max_seq_length)?;
    Ok(Encoded {
        input_ids: encoded.ids,
        token_type_ids: encoded.type_ids,
        label,
        example,
        num_tokens_untruncated: encoded.num_tokens_untruncated,
        is_lower_bound: encoded.is_lower_bound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn rows_keep_their_order_label_and_full_length() {
        let mut folder = Folder::new();
        folder.insert("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nworld\n");
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good vocabulary");
        let rows = encode_texts(&tokenizer, [("hello", 1), ("hello world hello", 0)], 4).expect("room enough");
        assert_eq!(rows[0].input_ids, [2, 4, 3]);
        assert_eq!((rows[0].label, rows[0].example, rows[0].num_tokens_untruncated), (1, 0, 3));
        assert_eq!(rows[1].input_ids, [2, 4, 5, 3]);
        assert_eq!((rows[1].label, rows[1].example, rows[1].num_tokens_untruncated), (0, 1, 5));
    }
}
