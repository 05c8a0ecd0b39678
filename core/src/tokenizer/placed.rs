//! The tokens of an input, each with the part of its text that it stands for: for whoever shows a person what a model read.
//!
//! In: a text, or two. Out: the ids that [`Tokenizer::encode`] and [`Tokenizer::encode_pair`] give, with their places in the texts.

use tokenizers::utils::truncation::{TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings};
use tokenizers::{Encoding, PostProcessor};

use super::windows::not_joined;
use super::{Tokenizer, TokenizerError, long_text};

/// A token of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputToken {
    /// Its id.
    pub id: u32,
    /// What it stands for; `None` of a special token that no text holds.
    pub place: Option<TokenPlace>,
}

/// Where a token stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPlace {
    /// The first text (0) or the second (1).
    pub text: usize,
    /// Bytes of it, from and up to; none where the tokenizer made the token up, such as a space before the first word.
    pub bytes: (usize, usize),
    /// Index of the word that it belongs to, as the tokenizer cuts texts into words.
    pub word: Option<u32>,
}

impl Tokenizer {
    /// Tokenises a text, or two, to at most `max_seq_length` ids, as [`Self::encode`] and [`Self::encode_pair`] do.
    ///
    /// # Errors
    /// As these.
    pub fn place_tokens(
        &self,
        first: &str,
        second: Option<&str>,
        max_seq_length: usize,
    ) -> Result<Vec<InputToken>, TokenizerError> {
        let failed = |source| TokenizerError::Text { source };
        let special = self.post_processor.as_ref().map(|processor| processor.added_tokens(second.is_some()));
        let num_special = special.unwrap_or(0);
        if max_seq_length <= num_special {
            return Err(TokenizerError::TooShort { max_seq_length, num_special });
        }
        let max_length = max_seq_length - num_special;
        let (mut first, first_start) = self.placed_to_keep(first, max_length)?;
        let (mut pair, mut starts) = (None, vec![first_start]);
        if let Some(second) = second {
            let (second, start) = self.placed_to_keep(second, max_length)?;
            let strategy = TruncationStrategy::LongestFirst;
            let params = TruncationParams { direction: self.direction, max_length, strategy, stride: 0 };
            (first, pair) = truncate_encodings(first, Some(second), &params).map_err(failed)?;
            starts.push(start);
        } else {
            first.truncate(max_length, 0, self.direction);
        }
        for (index, encoding) in std::iter::once(&mut first).chain(&mut pair).enumerate() {
            encoding.take_overflowing();
            encoding.set_sequence_id(index);
        }
        let num_joined = first.len() + pair.as_ref().map_or(0, Encoding::len) + num_special;
        let joined = match &self.post_processor {
            Some(processor) => processor.process(first, pair, true).map_err(failed)?,
            None => Encoding::merge(std::iter::once(first).chain(pair), false),
        };
        if joined.len() != num_joined {
            return Err(not_joined());
        }
        let token = |(index, text): (usize, Option<usize>)| {
            let (start, end) = joined.get_offsets()[index];
            let place = text.and_then(|text| {
                let from = *starts.get(text)?;
                Some(TokenPlace { text, bytes: (from + start, from + end), word: joined.get_word_ids()[index] })
            });
            InputToken { id: joined.get_ids()[index], place }
        };
        Ok(joined.get_sequence_ids().into_iter().enumerate().map(token).collect())
    }

    /// The tokens of a text, or of so much of it that the first (or last) `kept` of them are those of the whole, with their offsets;
    /// and the byte at which that begins.
    fn placed_to_keep(&self, text: &str, kept: usize) -> Result<(Encoding, usize), TokenizerError> {
        let mut pieces = long_text::pieces(text, self.direction).peekable();
        loop {
            let piece = pieces.next().unwrap_or(text);
            let found = self.inner.encode(piece, false).map_err(|source| TokenizerError::Text { source })?;
            if pieces.peek().is_none() || long_text::is_enough(found.len(), kept) {
                let start = match self.direction {
                    TruncationDirection::Right => 0,
                    TruncationDirection::Left => text.len() - piece.len(),
                };
                return Ok((found, start));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, roberta, tokenizer};
    use super::*;
    use proptest::prelude::*;

    fn shown<'a>(tokens: &[InputToken], texts: &[&'a str]) -> Vec<Option<&'a str>> {
        tokens.iter().map(|token| token.place.map(|place| &texts[place.text][place.bytes.0..place.bytes.1])).collect()
    }

    #[test]
    fn tokens_know_which_part_of_which_text_they_stand_for() {
        let bert = tokenizer(&bert());
        let texts = ["Hello  worlds", "world!"];
        let found = bert.place_tokens(texts[0], Some(texts[1]), 64).expect("room enough");
        let parts = [None, Some("Hello"), Some("world"), Some("s"), None, Some("world"), Some("!"), None];
        assert_eq!(shown(&found, &texts), parts);
        let words: Vec<Option<u32>> = found.iter().filter_map(|token| token.place).map(|place| place.word).collect();
        assert_eq!(words, [Some(0), Some(1), Some(1), Some(0), Some(1)]);
        let cut = bert.place_tokens(texts[0], None, 4).expect("room enough");
        assert_eq!(shown(&cut, &texts[..1]), [None, Some("Hello"), Some("world"), None]);
        assert!(matches!(bert.place_tokens("hello", None, 2), Err(TokenizerError::TooShort { .. })));
    }

    #[test]
    fn a_tokenizer_without_special_tokens_has_places_for_all() {
        let mut folder = roberta();
        folder.insert("config.json", r#"{"model_type": "gpt2"}"#);
        let found = tokenizer(&folder).place_tokens("hi", Some(" hi"), 64).expect("room enough");
        assert_eq!(found.iter().map(|token| token.id).collect::<Vec<_>>(), [7, 8]);
        assert!(found.iter().enumerate().all(|(index, token)| token.place.is_some_and(|place| place.text == index)));
    }

    proptest! {
        #[test]
        fn the_tokens_are_those_that_a_model_reads(
            first in any::<String>(),
            second in proptest::option::of(any::<String>()),
            max_seq_length in 5_usize..20,
        ) {
            let mut left = bert();
            left.insert("tokenizer_config.json", r#"{"truncation_side": "left"}"#);
            for tokenizer in [tokenizer(&bert()), tokenizer(&left), tokenizer(&roberta())] {
                let expected = match &second {
                    Some(second) => tokenizer.encode_pair(&first, second, max_seq_length),
                    None => tokenizer.encode(&first, max_seq_length),
                };
                let found = tokenizer.place_tokens(&first, second.as_deref(), max_seq_length).expect("room enough");
                let ids: Vec<u32> = found.iter().map(|token| token.id).collect();
                prop_assert_eq!(ids, expected.expect("room enough").ids);
                for place in found.iter().filter_map(|token| token.place) {
                    let text = if place.text == 0 { first.as_str() } else { second.as_deref().unwrap_or_default() };
                    prop_assert!(place.bytes.0 <= place.bytes.1 && place.bytes.1 <= text.len());
                }
            }
        }
    }
}
