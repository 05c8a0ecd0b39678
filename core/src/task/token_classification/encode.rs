//! Words to tokens, and sentences that are longer than the limit to windows.
//!
//! Words that come one by one are tokenised one by one, as `transformers` does with `is_split_into_words=True`; a text is
//! tokenised whole, and its words are found by the offsets of the tokens. A word is judged by its first token.

use crate::config::RunConfig;
use crate::task::TaskModel;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A token of no word, or a word without a token.
const NONE: u32 = u32::MAX;

/// A sentence as tokens, without special tokens and not cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct EncodedSentence {
    /// Token ids.
    pub(super) ids: Vec<u32>,
    /// The word of each token: the first that it holds a part of.
    word_of: Vec<u32>,
    /// The token by which each word is judged.
    token_of: Vec<u32>,
}

/// Tokens that are read together, and the words that are judged by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// Its first token, and the token after its last.
    pub(super) tokens: (usize, usize),
    /// Words of which it has most of what stands around them; none without a token.
    pub(super) words: Vec<u32>,
}

/// How sentences are cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowSize {
    /// Tokens of a window, special tokens not included.
    pub(super) content: usize,
    /// Tokens that two neighbours share.
    pub(super) shared: usize,
}

impl WindowSize {
    /// As a run has it. Neighbours share at most half of a window: else there is hardly anything new in the next one.
    ///
    /// # Errors
    /// When there is no room for a token beside the special ones.
    pub(super) fn of(model: &TaskModel<'_>, run: &RunConfig) -> Result<Self, TokenizerError> {
        let (max_seq_length, num_special) = (model.limit(run), model.tokenizer().num_special_tokens());
        if max_seq_length <= num_special {
            return Err(TokenizerError::TooShort { max_seq_length, num_special });
        }
        let content = max_seq_length - num_special;
        Ok(Self { content, shared: (run.doc_stride as usize).min(content / 2) })
    }
}

impl EncodedSentence {
    /// Tokenises words of a text; `is_split` says that they came one by one.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub(super) fn encode(
        tokenizer: &Tokenizer,
        text: &str,
        words: &[(usize, usize)],
        is_split: bool,
    ) -> Result<Self, TokenizerError> {
        let mut encoded = Self { token_of: vec![NONE; words.len()], ..Self::default() };
        if is_split {
            for (word, &(start, end)) in words.iter().enumerate() {
                let ids = tokenizer.encode_word(&text[start..end])?;
                if !ids.is_empty() {
                    encoded.token_of[word] = encoded.ids.len() as u32;
                }
                encoded.ids.extend(ids);
                encoded.word_of.resize(encoded.ids.len(), word as u32);
            }
            return Ok(encoded);
        }
        let placed = tokenizer.encode_with_offsets(text)?;
        for (token, &(start, end)) in placed.offsets.iter().enumerate() {
            let first = words.partition_point(|word| word.1 <= start);
            let held = words[first..].iter().take_while(|word| word.0 < end).count();
            encoded.word_of.push(if held == 0 { NONE } else { first as u32 });
            // A token may hold several words, such as a row of dots: they are all judged by it.
            for of_word in &mut encoded.token_of[first..first + held] {
                if *of_word == NONE {
                    *of_word = token as u32;
                }
            }
        }
        encoded.ids = placed.ids;
        Ok(encoded)
    }

    /// The token by which a word is judged; `None` where the tokenizer has none for it.
    pub(super) fn token_of(&self, word: usize) -> Option<usize> {
        let token = self.token_of[word];
        (token != NONE).then_some(token as usize)
    }

    /// The word of a token; `None` for white space and the like.
    pub(super) fn word_of(&self, token: usize) -> Option<usize> {
        let word = self.word_of[token];
        (word != NONE).then_some(word as usize)
    }

    /// Words without a token.
    pub(super) fn num_unseen(&self) -> usize {
        self.token_of.iter().filter(|&&token| token == NONE).count()
    }

    /// Whether a word has more tokens than a window.
    pub(super) fn has_word_longer_than(&self, content: usize) -> bool {
        self.word_of.chunk_by(|a, b| a == b).any(|tokens| tokens[0] != NONE && tokens.len() > content)
    }

    /// Cuts the sentence into windows. Each word is judged in the window where the nearest border that is not one of the
    /// sentence is farthest from its token. Windows in which no word is judged are left out.
    pub(super) fn windows(&self, size: WindowSize) -> Vec<Window> {
        let num_tokens = self.ids.len();
        let step = size.content - size.shared;
        let num_windows = 1 + num_tokens.saturating_sub(size.content).div_ceil(step);
        let bounds = |window: usize| (window * step, (window * step + size.content).min(num_tokens));
        let context = |window: usize, token: usize| {
            let (start, end) = bounds(window);
            let left = if start == 0 { usize::MAX } else { token - start };
            let right = if end == num_tokens { usize::MAX } else { end - 1 - token };
            left.min(right)
        };
        let mut windows: Vec<Window> =
            (0..num_windows).map(|window| Window { tokens: bounds(window), words: Vec::new() }).collect();
        for word in 0..self.token_of.len() {
            let Some(token) = self.token_of(word) else { continue };
            let first = (token + 1).saturating_sub(size.content).div_ceil(step);
            let last = (token / step).min(num_windows - 1);
            let best = (first..=last).rev().max_by_key(|&window| context(window, token));
            windows[best.expect("every token is in a window")].words.push(word as u32);
        }
        windows.retain(|window| !window.words.is_empty());
        windows
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::tokenizer::split_words;
    use proptest::prelude::*;

    /// Letters and a few pieces; what else there is has no token of its own.
    pub(in super::super) fn bert() -> Tokenizer {
        let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "##a", "##b", "##c", "paris", ".", "-", "x"];
        let mut folder = Folder::new();
        folder.insert("vocab.txt", words.join("\n"));
        Tokenizer::from_folder(&folder, None).expect("a good vocabulary")
    }

    fn roberta() -> Tokenizer {
        let mut folder = Folder::new();
        let vocab =
            r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"i":5,"Ġ":6,"hi":7,"Ġhi":8,".":9,"..":10,"<mask>":11}"#;
        folder.insert("vocab.json", vocab);
        folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n. .\n");
        Tokenizer::from_folder(&folder, None).expect("a good vocabulary")
    }

    fn of_text(tokenizer: &Tokenizer, text: &str) -> EncodedSentence {
        EncodedSentence::encode(tokenizer, text, &split_words(text), false).expect("a text")
    }

    fn of_words(tokenizer: &Tokenizer, words: &[&str]) -> EncodedSentence {
        let text = words.join(" ");
        let mut at = 0;
        let places: Vec<(usize, usize)> = words
            .iter()
            .map(|word| {
                let place = (at, at + word.len());
                at += word.len() + 1;
                place
            })
            .collect();
        EncodedSentence::encode(tokenizer, &text, &places, true).expect("words")
    }

    fn tokens_of(encoded: &EncodedSentence) -> Vec<Option<usize>> {
        (0..encoded.token_of.len()).map(|word| encoded.token_of(word)).collect()
    }

    #[test]
    fn words_are_judged_by_their_first_token() {
        let encoded = of_words(&bert(), &["abc", "Paris", "\u{200b}", "."]);
        assert_eq!(encoded.ids, [4, 8, 9, 10, 11]);
        assert_eq!(tokens_of(&encoded), [Some(0), Some(3), None, Some(4)]);
        assert_eq!((encoded.word_of(2), encoded.word_of(3), encoded.num_unseen()), (Some(0), Some(1), 1));
        assert!(encoded.has_word_longer_than(2) && !encoded.has_word_longer_than(3));
    }

    #[test]
    fn texts_and_their_words_have_the_same_tokens_where_words_stand_alone() {
        let text = "abc-x in Paris.";
        let whole = of_text(&bert(), text);
        let apart = of_words(&bert(), &["abc", "-", "x", "in", "Paris", "."]);
        assert_eq!(whole, apart);
    }

    #[test]
    fn byte_pairs_have_a_space_before_words_that_come_one_by_one() {
        assert_eq!(of_words(&roberta(), &["hi", "hi"]).ids, [8, 8]);
        assert_eq!(of_text(&roberta(), "hi hi").ids, [7, 8]);
        let dots = of_text(&roberta(), "hi  hi..");
        assert_eq!(dots.ids, [7, 6, 8, 10]);
        assert_eq!(tokens_of(&dots), [Some(0), Some(2), Some(3), Some(3)], "both dots are one token");
        assert_eq!([dots.word_of(1), dots.word_of(3)], [None, Some(2)]);
    }

    #[test]
    fn long_sentences_are_read_in_windows_with_context_on_both_sides() {
        let words = vec!["a"; 10];
        let encoded = of_words(&bert(), &words);
        let windows = encoded.windows(WindowSize { content: 6, shared: 3 });
        let found: Vec<_> = windows.iter().map(|window| (window.tokens, window.words.as_slice())).collect();
        let expected = [((0, 6), &[0_u32, 1, 2, 3, 4][..]), ((3, 9), &[5, 6, 7][..]), ((6, 10), &[8, 9][..])];
        assert_eq!(found, expected);
        let whole = encoded.windows(WindowSize { content: 10, shared: 5 });
        assert_eq!((whole.len(), whole[0].words.len()), (1, 10));
        assert!(of_words(&bert(), &["\u{200b}"]).windows(WindowSize { content: 6, shared: 3 }).is_empty());
    }

    proptest! {
        #[test]
        fn every_word_with_a_token_is_judged_once(
            words in prop::collection::vec("[abc]{1,5}|\u{200b}", 1..40),
            content in 1_usize..12,
            shared in 0_usize..12,
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let encoded = of_words(&bert(), &words);
            let windows = encoded.windows(WindowSize { content, shared: shared.min(content / 2) });
            let judged: Vec<u32> = windows.iter().flat_map(|window| window.words.clone()).collect();
            let seen: Vec<u32> = (0..words.len()).filter(|&word| encoded.token_of(word).is_some()).map(|word| word as u32).collect();
            prop_assert_eq!(judged, seen);
            for window in &windows {
                let (start, end) = window.tokens;
                prop_assert!(end - start <= content && end <= encoded.ids.len());
                let is_inside = |&word: &u32| encoded.token_of(word as usize).is_some_and(|at| (start..end).contains(&at));
                prop_assert!(window.words.iter().all(is_inside));
            }
        }
    }
}
