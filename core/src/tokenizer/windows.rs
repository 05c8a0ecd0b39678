//! A long text behind another, read in windows: how two texts are joined, so that each window can be made of tokens that
//! were made once; and which tokens each window has, as `transformers` cuts with `truncation="only_second"`,
//! `return_overflowing_tokens=True` and `stride`. Windows begin at the start of the text, whichever side is cut elsewhere.

use std::ops::Range;

use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token};

use super::{Tokenizer, TokenizerError};

/// Stand for the tokens of the two texts: ids that no vocabulary has.
const MARKERS: [u32; 2] = [u32::MAX - 1, u32::MAX];

/// How two texts become one sequence: the special tokens before, between and after them, and the segments of all tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairLayout {
    /// Each with its segment.
    before: Vec<(u32, u32)>,
    between: Vec<(u32, u32)>,
    after: Vec<(u32, u32)>,
    /// Segments of the two texts.
    type_ids: [u32; 2],
}

impl PairLayout {
    /// Special tokens of a pair.
    #[must_use]
    pub fn num_special_tokens(&self) -> usize {
        self.before.len() + self.between.len() + self.after.len()
    }

    /// Position of the second text's first token, behind a first text of so many.
    #[must_use]
    pub fn second_position(&self, num_first: usize) -> usize {
        self.before.len() + num_first + self.between.len()
    }

    /// The ids of both texts with the special tokens, and the segment of each.
    #[must_use]
    pub fn join(&self, first: &[u32], second: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let [first_type, second_type] = self.type_ids;
        let special = |tokens: &[(u32, u32)]| tokens.to_vec();
        let text = |ids: &[u32], type_id: u32| ids.iter().map(|&id| (id, type_id)).collect::<Vec<_>>();
        let parts = [
            special(&self.before),
            text(first, first_type),
            special(&self.between),
            text(second, second_type),
            special(&self.after),
        ];
        parts.into_iter().flatten().unzip()
    }
}

impl Tokenizer {
    /// How the post-processor joins two texts.
    ///
    /// # Errors
    /// When it can't, does so in another order, or the model has no segment for the second text.
    pub fn pair_layout(&self) -> Result<PairLayout, TokenizerError> {
        self.check_pair_type_ids()?;
        let joined = join_markers(self.post_processor.as_ref()).map_err(|source| TokenizerError::Text { source })?;
        let tokens: Vec<(u32, u32)> = joined.get_ids().iter().copied().zip(self.type_ids_of(&joined)).collect();
        let find = |marker: u32| tokens.iter().position(|&(id, _)| id == marker);
        let (Some(first), Some(second)) = (find(MARKERS[0]), find(MARKERS[1])) else { return Err(not_joined()) };
        let num_markers = tokens.iter().filter(|(id, _)| MARKERS.contains(id)).count();
        if first > second || num_markers != MARKERS.len() {
            return Err(not_joined());
        }
        Ok(PairLayout {
            before: tokens[..first].to_vec(),
            between: tokens[first + 1..second].to_vec(),
            after: tokens[second + 1..].to_vec(),
            type_ids: [tokens[first].1, tokens[second].1],
        })
    }
}

/// Two texts of one marker each, joined.
fn join_markers(processor: Option<&PostProcessorWrapper>) -> tokenizers::Result<Encoding> {
    let text =
        |index: usize| Encoding::from_tokens(vec![Token::new(MARKERS[index], String::new(), (0, 0))], index as u32);
    match processor {
        Some(processor) => processor.process(text(0), Some(text(1)), true),
        None => Ok(Encoding::merge([text(0), text(1)], false)),
    }
}

/// Largest segment of tokens of two texts; 0 where they can't be joined, which [`Tokenizer::pair_layout`] says.
pub(super) fn max_pair_type_id(processor: Option<&PostProcessorWrapper>) -> u32 {
    let joined = join_markers(processor).ok();
    joined.and_then(|joined| joined.get_type_ids().iter().copied().max()).unwrap_or(0)
}

/// A post-processor that has no use for two texts.
pub(super) fn not_joined() -> TokenizerError {
    let source = "its post-processor (tokenizer.json) does not say how two texts are joined".into();
    TokenizerError::Text { source }
}

/// Which of `num_tokens` each window has, with room for `room` of them: each begins so that it shares `stride` tokens with
/// the one before, and the last ends where the text does. Nothing where there are no tokens or is no room; a `stride` that
/// leaves nothing new is taken as one less than the room.
#[must_use]
pub fn window_ranges(num_tokens: usize, room: usize, stride: usize) -> Vec<Range<usize>> {
    if num_tokens == 0 || room == 0 {
        return Vec::new();
    }
    let step = room.saturating_sub(stride).max(1);
    let num_windows = 1 + num_tokens.saturating_sub(room).div_ceil(step);
    (0..num_windows).map(|index| index * step..(index * step + room).min(num_tokens)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, roberta, tokenizer};
    use super::*;
    use crate::folder::Folder;
    use proptest::prelude::*;

    fn windows(tokenizer: &Tokenizer, max_seq_length: usize, stride: usize) -> Vec<Vec<u32>> {
        let layout = tokenizer.pair_layout().expect("it joins two texts");
        let ids = |text: &str| tokenizer.encode_with_offsets(text).expect("any text").ids;
        let (first, second) = (ids("hello"), ids("hello worlds ! hello world hello !"));
        let room = max_seq_length - layout.num_special_tokens() - first.len();
        let ranges = window_ranges(second.len(), room, stride);
        ranges.into_iter().map(|range| layout.join(&first, &second[range]).0).collect()
    }

    /// `BertTokenizer` of transformers 5.24 with `truncation="only_second"` and `return_overflowing_tokens=True`.
    #[test]
    fn windows_have_the_tokens_that_transformers_gives_them() {
        let tokenizer = tokenizer(&bert());
        let whole = vec![2, 5, 3, 5, 6, 7, 8, 5, 6, 5, 8, 3];
        assert_eq!(windows(&tokenizer, 64, 2), [whole]);
        let two = [vec![2, 5, 3, 5, 6, 7, 8, 5, 6, 3], vec![2, 5, 3, 5, 6, 5, 8, 3]];
        assert_eq!(windows(&tokenizer, 10, 2), two);
        let overlapping = [
            [2, 5, 3, 5, 6, 7, 8, 3],
            [2, 5, 3, 6, 7, 8, 5, 3],
            [2, 5, 3, 7, 8, 5, 6, 3],
            [2, 5, 3, 8, 5, 6, 5, 3],
            [2, 5, 3, 5, 6, 5, 8, 3],
        ];
        assert_eq!(windows(&tokenizer, 8, 3), overlapping);
        assert_eq!(windows(&tokenizer, 8, 0), [[2, 5, 3, 5, 6, 7, 8, 3], [2, 5, 3, 5, 6, 5, 8, 3]]);
    }

    #[test]
    fn pairs_are_joined_as_they_are_tokenised_together() {
        let mut plain = roberta();
        plain.insert("config.json", r#"{"model_type": "gpt2"}"#);
        for (folder, text) in [(bert(), "hello worlds"), (roberta(), "hi hi"), (plain, "hi hi")] {
            let tokenizer = tokenizer(&folder);
            let layout = tokenizer.pair_layout().expect("it joins two texts");
            let ids = tokenizer.encode_with_offsets(text).expect("any text").ids;
            let whole = tokenizer.encode_pair(text, text, 64).expect("room enough");
            assert_eq!(layout.join(&ids, &ids), (whole.ids.clone(), whole.type_ids));
            assert_eq!(layout.num_special_tokens() + 2 * ids.len(), whole.ids.len());
            let second = layout.second_position(ids.len());
            assert_eq!(whole.ids[second..second + ids.len()], ids);
        }
    }

    #[test]
    fn a_post_processor_that_drops_a_text_is_an_error() {
        let mut json = super::super::tests::word_piece_json();
        json["post_processor"] = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#);
        let error = tokenizer(&folder).pair_layout().expect_err("in another order").to_string();
        assert!(error.contains("does not say how two texts are joined"), "{error}");
    }

    proptest! {
        #[test]
        fn every_token_is_in_a_window(num_tokens in 0_usize..200, room in 0_usize..40, stride in 0_usize..50) {
            let ranges = window_ranges(num_tokens, room, stride);
            prop_assert_eq!(ranges.is_empty(), num_tokens == 0 || room == 0);
            let mut next = 0;
            for (index, range) in ranges.iter().enumerate() {
                prop_assert!(range.start <= next && range.end > next && range.len() <= room);
                prop_assert!(range.len() == room || index + 1 == ranges.len());
                if stride < room && index > 0 {
                    prop_assert_eq!(ranges[index - 1].end - range.start, stride);
                }
                next = range.end;
            }
            prop_assert_eq!(next, if ranges.is_empty() { 0 } else { num_tokens });
        }
    }
}
