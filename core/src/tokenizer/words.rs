//! Words: where they stand in a text, and the tokens of words that come one by one, as `transformers` tokenises lists of
//! words (`is_split_into_words=True`).
//!
//! In: texts, words, or ids. Out: offsets in bytes, ids, and ids with the special tokens around them.

use std::borrow::Cow;

use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{Encoding, OffsetReferential, OffsetType, PostProcessor, PreTokenizedString, PreTokenizer, Token};

use super::stream::Bytes;
use super::{Tokenizer, TokenizerError};

/// Bytes of each word of a text, from and up to. A word is a run without white space; every punctuation mark is one of its
/// own, as BERT's pre-tokenizer cuts them, and so is every Chinese character, as its normalizer does.
///
/// # Panics
/// Never: cutting at characters does not fail.
#[must_use]
pub fn split_words(text: &str) -> Vec<(usize, usize)> {
    let mut split = PreTokenizedString::from(text);
    BertPreTokenizer.pre_tokenize(&mut split).expect("cutting at characters does not fail");
    let mut words = Vec::new();
    for (piece, (start, _), _) in split.get_splits(OffsetReferential::Original, OffsetType::Byte) {
        let mut from = 0;
        for (at, character) in piece.char_indices().filter(|&(_, character)| is_chinese(character)) {
            if at > from {
                words.push((start + from, start + at));
            }
            from = at + character.len_utf8();
            words.push((start + at, start + from));
        }
        if from < piece.len() {
            words.push((start + from, start + piece.len()));
        }
    }
    words
}

/// The characters around which BERT's normalizer puts spaces (`handle_chinese_chars`).
fn is_chinese(character: char) -> bool {
    matches!(
        u32::from(character),
        0x3400..=0x4DBF
            | 0x4E00..=0x9FFF
            | 0xF900..=0xFAFF
            | 0x2_0000..=0x2_A6DF
            | 0x2_A700..=0x2_CEAF
            | 0x2_F800..=0x2_FA1F
    )
}

impl Tokenizer {
    /// Tokenises one of a list of words, without special tokens; nothing where the tokenizer knows no part of it, such as a
    /// control character. A byte-level BPE takes the word with a space before it (`add_prefix_space=True`, without which
    /// `transformers` refuses lists of words).
    ///
    /// # Errors
    /// When the tokenizer fails on the word.
    pub fn encode_word(&self, word: &str) -> Result<Vec<u32>, TokenizerError> {
        let is_token = || self.inner.get_added_vocabulary().get_vocab().contains_key(word);
        let text = match self.bytes {
            Bytes::Level if !word.starts_with(' ') && !is_token() => Cow::Owned(format!(" {word}")),
            _ => Cow::Borrowed(word),
        };
        let encoding = self.inner.encode_fast(&*text, false).map_err(|source| TokenizerError::Text { source })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Puts the special tokens around the ids of a text: the ids, and the segment of each.
    ///
    /// # Errors
    /// When the tokenizer's post-processor fails.
    pub fn add_special_tokens(&self, ids: &[u32]) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
        let tokens = ids.iter().map(|&id| Token::new(id, String::new(), (0, 0))).collect();
        let mut encoding = Encoding::from_tokens(tokens, 0);
        if let Some(processor) = &self.post_processor {
            let processed = processor.process(encoding, None, true);
            encoding = processed.map_err(|source| TokenizerError::Text { source })?;
        }
        Ok((encoding.get_ids().to_vec(), self.type_ids_of(&encoding)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, ids, roberta, tokenizer};
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        split_words(text).into_iter().map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn a_text_is_cut_at_spaces_punctuation_and_chinese_characters() {
        assert_eq!(
            words("Angela Merkel's  visit, (2017)."),
            ["Angela", "Merkel", "'", "s", "visit", ",", "(", "2017", ")", "."]
        );
        assert_eq!(words("in 北京市x «é»"), ["in", "北", "京", "市", "x", "«", "é", "»"]);
        assert_eq!(words(" \n\t"), [""; 0]);
    }

    #[test]
    fn words_have_the_tokens_that_transformers_gives_them() {
        let bert = tokenizer(&bert());
        assert_eq!(bert.encode_word("worlds").expect("a word"), [6, 7]);
        assert_eq!(bert.encode_word("\u{200b}").expect("a word"), [0_u32; 0]);
        let roberta = tokenizer(&roberta());
        assert_eq!(roberta.encode_word("hi").expect("a word"), [8], "with a space before it");
        assert_eq!(roberta.encode_word(" hi").expect("a word"), [8]);
        assert_eq!(roberta.encode_word("<mask>").expect("a word"), [9], "a token of its own has none");
    }

    #[test]
    fn special_tokens_stand_around_ids_as_around_a_text() {
        for (folder, text) in [(bert(), "hello worlds"), (roberta(), "hi hi")] {
            let tokenizer = tokenizer(&folder);
            let inner = tokenizer.encode_with_offsets(text).expect("a text").ids;
            let (around, type_ids) = tokenizer.add_special_tokens(&inner).expect("good ids");
            assert_eq!((&around, type_ids.len()), (&ids(&tokenizer, text, 64), around.len()));
        }
    }
}
