//! Questions and contexts to tokens, and contexts to windows: each window has the question, a part of the context, and
//! where in it the answer stands.

use std::ops::Range;

use crate::config::RunConfig;
use crate::task::TaskModel;
use crate::tokenizer::{PairLayout, Tokenizer, TokenizerError, window_ranges};

/// Tokens of the context that a window must have room for.
pub(super) const MIN_ROOM: usize = 8;

/// How contexts are read in windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowSettings {
    /// Tokens of a window, the question and special tokens included.
    pub(super) limit: usize,
    /// Tokens of the context that a window shares with the one before.
    pub(super) stride: usize,
}

impl WindowSettings {
    pub(super) fn of(model: &TaskModel<'_>, run: &RunConfig) -> Self {
        Self { limit: model.limit(run), stride: run.doc_stride as usize }
    }
}

/// A context as tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EncodedContext {
    pub(super) input_ids: Vec<u32>,
    /// Bytes of the context that each token stands for, without spaces around them.
    pub(super) offsets: Vec<(u32, u32)>,
}

impl EncodedContext {
    /// # Errors
    /// When the tokenizer fails on the text.
    pub(super) fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Self, TokenizerError> {
        let placed = tokenizer.encode_with_offsets(text)?;
        let trim = |&(start, end): &(usize, usize)| {
            let Some(token) = text.get(start..end) else { return (start as u32, end as u32) };
            let after = token.trim_start_matches(' ');
            let start = end - after.len();
            (start as u32, (start + after.trim_end_matches(' ').len()) as u32)
        };
        Ok(Self { input_ids: placed.ids, offsets: placed.offsets.iter().map(trim).collect() })
    }

    /// The first and the last token of some bytes, among those of a window; `None` where it does not have all of them.
    fn tokens_of(&self, window: &Range<usize>, (start, end): (usize, usize)) -> Option<(usize, usize)> {
        let (start, end) = (start as u32, end as u32);
        let offsets = &self.offsets[window.clone()];
        let (first, last) = (offsets.first()?, offsets.last()?);
        if first.0 > start || last.1 < end {
            return None;
        }
        let from = offsets.iter().position(|token| token.1 > start)?;
        let to = offsets.iter().rposition(|token| token.0 < end)?;
        (from <= to).then_some((window.start + from, window.start + to))
    }
}

/// A window of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// Its tokens of the context.
    pub(super) tokens: Range<usize>,
    /// First and last token of the answer among those of the context; `None` where the window does not have all of it.
    pub(super) answer: Option<(usize, usize)>,
}

/// The windows of a context for one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    /// None where the question leaves no room for the context, or the context has no tokens.
    pub(super) windows: Vec<Window>,
    /// `stride` would have left nothing new in a window: half of the room was taken.
    pub(super) is_stride_lowered: bool,
}

impl Windows {
    /// Cuts a context for a question of so many tokens; `answer` is in bytes.
    pub(super) fn cut(
        num_question: usize,
        context: &EncodedContext,
        answer: Option<(usize, usize)>,
        layout: &PairLayout,
        settings: WindowSettings,
    ) -> Self {
        let num_tokens = context.input_ids.len();
        let room = room_for_context(num_question, layout, settings.limit);
        if room < MIN_ROOM.min(num_tokens) {
            return Self { windows: Vec::new(), is_stride_lowered: false };
        }
        let is_stride_lowered = settings.stride >= room && num_tokens > room;
        let stride = if settings.stride >= room { room / 2 } else { settings.stride };
        let window = |tokens: Range<usize>| {
            let answer = answer.and_then(|bytes| context.tokens_of(&tokens, bytes));
            Window { tokens, answer }
        };
        let windows = window_ranges(num_tokens, room, stride).into_iter().map(window).collect();
        Self { windows, is_stride_lowered }
    }
}

/// Tokens of the context that stand in a window beside a question of so many tokens.
pub(super) fn room_for_context(num_question: usize, layout: &PairLayout, limit: usize) -> usize {
    limit.saturating_sub(layout.num_special_tokens() + num_question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::task::texts::tests::tokenizer;

    /// Twelve tokens.
    const TEXT: &str = "hello world hello  world hello world hello world hello world hello world";

    fn cut(limit: usize, stride: usize, answer: Option<(usize, usize)>) -> Windows {
        let tokenizer = tokenizer();
        let context = EncodedContext::encode(&tokenizer, TEXT).expect("any text");
        let layout = tokenizer.pair_layout().expect("it joins two texts");
        Windows::cut(2, &context, answer, &layout, WindowSettings { limit, stride })
    }

    #[test]
    fn a_window_has_the_answer_or_it_has_not() {
        let windows = cut(13, 1, Some((43, 54))).windows;
        let found: Vec<_> = windows.into_iter().map(|window| (window.tokens, window.answer)).collect();
        assert_eq!(found, [(0..8, None), (7..12, Some((7, 8)))]);
        let within = cut(64, 0, Some((7, 8))).windows;
        assert_eq!(within[0].answer, Some((1, 1)), "a part of a word is the word");
        assert_eq!(cut(64, 0, None).windows, [Window { tokens: 0..12, answer: None }]);
    }

    #[test]
    fn a_stride_that_leaves_nothing_new_is_half_of_the_room() {
        let found = cut(13, 128, None);
        let ranges: Vec<_> = found.windows.into_iter().map(|window| window.tokens).collect();
        assert_eq!((ranges, found.is_stride_lowered), (vec![0..8, 4..12], true));
        assert!(!cut(64, 128, None).is_stride_lowered, "one window shares nothing");
    }

    #[test]
    fn a_question_that_leaves_no_room_has_no_windows() {
        let tokenizer = tokenizer();
        let context = EncodedContext::encode(&tokenizer, &"hello ".repeat(20)).expect("any text");
        let layout = tokenizer.pair_layout().expect("it joins two texts");
        let settings = WindowSettings { limit: 16, stride: 2 };
        let num_windows = |question| Windows::cut(question, &context, None, &layout, settings).windows.len();
        assert_eq!((num_windows(5), num_windows(6), num_windows(60)), (3, 0, 0));
    }

    /// Tokens of a byte-level BPE begin with the space before a word, which is no part of an answer.
    #[test]
    fn spaces_are_no_part_of_a_token() {
        let mut folder = Folder::new();
        folder.insert(
            "vocab.json",
            r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"i":5,"Ġ":6,"hi":7,"Ġhi":8,"<mask>":9}"#,
        );
        folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n");
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good vocabulary");
        let context = EncodedContext::encode(&tokenizer, "hi hi  hi").expect("any text");
        assert_eq!(context.input_ids, [7, 8, 6, 8]);
        assert_eq!(context.offsets, [(0, 2), (3, 5), (6, 6), (7, 9)]);
        let layout = tokenizer.pair_layout().expect("it joins two texts");
        let settings = WindowSettings { limit: 64, stride: 0 };
        let answer = |bytes| Windows::cut(1, &context, Some(bytes), &layout, settings).windows[0].answer;
        assert_eq!((answer((3, 5)), answer((7, 9)), answer((3, 9))), (Some((1, 1)), Some((3, 3)), Some((1, 3))));
    }

    /// A character of several bytes may be several tokens that all stand for it.
    #[test]
    fn an_answer_of_one_character_may_have_several_tokens() {
        let context = EncodedContext { input_ids: vec![9; 4], offsets: vec![(0, 1), (1, 5), (1, 5), (5, 6)] };
        assert_eq!(context.tokens_of(&(0..4), (1, 5)), Some((1, 2)));
        assert_eq!(context.tokens_of(&(0..4), (1, 6)), Some((1, 3)));
        assert_eq!(context.tokens_of(&(2..4), (0, 1)), None);
    }
}
