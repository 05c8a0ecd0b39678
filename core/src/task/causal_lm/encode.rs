//! Examples to token ids of which some carry loss, cut to the maximum length.
//!
//! The whole text is tokenised at once, so that its tokens are those of inference, and a token carries loss if it ends
//! in a piece that does. Where the prompt alone tokenises to the start of the whole (it nearly always does), this is
//! the prefix rule of TRL's `SFTTrainer`.

use std::borrow::Cow;

use super::bounds::{max_bytes, num_bytes, read_pieces};
use super::examples::Example;
use crate::config::RunConfig;
use crate::data::BadRow;
use crate::task::{TaskError, TaskModel};
use crate::tokenizer::{Piece, Tokenizer, TokenizerError};

/// Fewest tokens that a row has: one that is read and one that is predicted.
pub(super) const MIN_TOKENS: usize = 2;

/// How examples are tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodeSettings {
    /// Tokens after which a row is cut off, special tokens included.
    pub(super) max_seq_length: usize,
    /// Ids that end a sequence, of which the first is appended where none stands yet
    /// ([`Tokenizer::eos_token_ids`]); none: nothing is appended.
    pub(super) eos_token_ids: Vec<u32>,
    /// Texts that are longer are cut into passages of `max_seq_length`, of which nothing is lost; else they lose their
    /// end. Other examples are not texts, and never cut into passages.
    pub(super) cut_texts_into_passages: bool,
}

impl EncodeSettings {
    /// As a model trains on texts and is measured on them.
    #[must_use]
    pub(super) fn of(model: &TaskModel<'_>, run: &RunConfig) -> Self {
        Self {
            max_seq_length: model.limit(run),
            eos_token_ids: model.eos_token_ids.to_vec(),
            cut_texts_into_passages: true,
        }
    }

    /// Whether all of an example is tokenised, and cut into passages.
    pub(super) fn cuts_into_passages(&self, example: &Example) -> bool {
        self.cut_texts_into_passages && example.is_text() && !example.is_chat()
    }
}

/// A tokenised example, or a passage of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Token ids, special tokens included.
    pub(super) input_ids: Vec<u32>,
    /// Whether the model learns to predict the token; as long as `input_ids`. The first token is predicted by nothing.
    pub(super) loss_mask: Vec<bool>,
    /// Index into its split.
    pub(super) example: usize,
    /// Tokens it would have had without truncation, special tokens included.
    pub(super) num_tokens_untruncated: usize,
    /// The prompt lost its beginning, so that some of the completion fits.
    pub(super) prompt_was_cut: bool,
    /// Nothing is left to learn.
    pub(super) lost_completion: bool,
}

impl Encoded {
    /// Tokens, special tokens included.
    #[must_use]
    pub(super) fn num_tokens(&self) -> usize {
        self.input_ids.len()
    }

    /// Tokens that are predicted and carry loss.
    #[must_use]
    pub(super) fn num_loss_tokens(&self) -> usize {
        self.loss_mask.iter().skip(1).filter(|&&has_loss| has_loss).count()
    }

    /// Whether some of it did not fit.
    #[must_use]
    pub(super) fn is_truncated(&self) -> bool {
        self.num_tokens_untruncated > self.input_ids.len()
    }

    fn new(input_ids: Vec<u32>, loss_mask: Vec<bool>, example: usize, num_tokens_untruncated: usize) -> Self {
        let lost_completion = !loss_mask.iter().skip(1).any(|&has_loss| has_loss);
        Self { input_ids, loss_mask, example, num_tokens_untruncated, prompt_was_cut: false, lost_completion }
    }
}

/// Tokenises examples in order; a text may give several rows.
///
/// # Errors
/// When `max_seq_length` has no room, or the tokenizer fails on an example.
pub(super) fn encode_examples(
    tokenizer: &Tokenizer,
    examples: &[Example],
    settings: &EncodeSettings,
) -> Result<Vec<Encoded>, TaskError> {
    let mut rows = Vec::with_capacity(examples.len());
    for (index, example) in examples.iter().enumerate() {
        rows.extend(encode_example(tokenizer, example, index, settings)?);
    }
    Ok(rows)
}

/// Tokenises one example, `index` of its split.
///
/// # Errors
/// When `max_seq_length` has no room, or the tokenizer fails on the example.
pub(super) fn encode_example(
    tokenizer: &Tokenizer,
    example: &Example,
    index: usize,
    settings: &EncodeSettings,
) -> Result<Vec<Encoded>, TaskError> {
    let max = settings.max_seq_length;
    if max < MIN_TOKENS {
        let reason = format!("leaves nothing to predict: take at least {MIN_TOKENS}");
        return Err(TaskError::TooShort { max_seq_length: max, reason });
    }
    let is_cut_into_passages = settings.cuts_into_passages(example);
    let pieces =
        if is_cut_into_passages { Cow::Borrowed(&example.pieces[..]) } else { read_pieces(tokenizer, example, max) };
    let (ids, loss) = tokens(tokenizer, example, &pieces, &settings.eos_token_ids)
        .map_err(|source| TaskError::Row { row: example.row, source })?;
    let length = ids.len();
    if length <= max || is_cut_into_passages {
        return Ok(passages(ids, loss, index, max));
    }
    let num_first = num_first(tokenizer, example, &ids);
    let (kept, prompt_was_cut) = fit(&loss, num_first, max);
    let ids = kept.iter().map(|&index| ids[index]).collect();
    let loss = kept.iter().map(|&index| loss[index]).collect();
    Ok(vec![Encoded { prompt_was_cut, ..Encoded::new(ids, loss, index, length) }])
}

/// The tokens of a text as rows of at most `max`.
pub(super) fn passages(ids: Vec<u32>, loss: Vec<bool>, index: usize, max: usize) -> Vec<Encoded> {
    if ids.len() <= max {
        let length = ids.len();
        return vec![Encoded::new(ids, loss, index, length)];
    }
    let passages = ids.chunks(max).zip(loss.chunks(max)).filter(|(ids, _)| ids.len() >= MIN_TOKENS);
    let passage = |(ids, loss): (&[u32], &[bool])| Encoded::new(ids.to_vec(), loss.to_vec(), index, ids.len());
    passages.map(passage).collect()
}

/// All tokens of an example's pieces, and whether each carries loss.
fn tokens(
    tokenizer: &Tokenizer,
    example: &Example,
    pieces: &[Piece],
    eos_token_ids: &[u32],
) -> Result<(Vec<u32>, Vec<bool>), TokenizerError> {
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let placed = tokenizer.encode_with_offsets(&text)?;
    let marks = marks(pieces, &placed.offsets);
    if example.is_chat() {
        return Ok((placed.ids, marks));
    }
    Ok(with_special_tokens(tokenizer, example, pieces, eos_token_ids, (placed.ids, marks)))
}

/// Tokens of a text and their marks, with the special tokens around them.
pub(super) fn with_special_tokens(
    tokenizer: &Tokenizer,
    example: &Example,
    pieces: &[Piece],
    eos_token_ids: &[u32],
    (ids, marks): (Vec<u32>, Vec<bool>),
) -> (Vec<u32>, Vec<bool>) {
    let (prefix, suffix) = (tokenizer.special_prefix(), tokenizer.special_suffix());
    // What follows an empty prompt is predicted from the token that begins a text.
    let begin = tokenizer
        .bos_token_id()
        .filter(|bos| prefix.is_empty() && !example.is_text() && num_bytes(pieces).0 == 0 && ids.first() != Some(bos));
    let prefix = begin.as_ref().map_or(prefix, std::slice::from_ref);
    let mut ids = [prefix, &ids].concat();
    let mut loss = vec![false; prefix.len()];
    loss.extend(marks);
    // What closes a text is learned too: it is how the model stops.
    for &id in suffix.iter().chain(eos_token_ids.first()) {
        if ids.last().is_none_or(|last| *last != id && !eos_token_ids.contains(last)) {
            ids.push(id);
            loss.push(true);
        }
    }
    (ids, loss)
}

/// For each token whether the piece that its last byte stands in carries loss.
fn marks(pieces: &[Piece], offsets: &[(usize, usize)]) -> Vec<bool> {
    let ends: Vec<usize> = pieces
        .iter()
        .scan(0, |end, piece| {
            *end += piece.text.len();
            Some(*end)
        })
        .collect();
    let piece_of = |byte: usize| ends.partition_point(|&end| end <= byte);
    let has_loss = |&(start, end): &(usize, usize)| {
        let byte = if end > start { end - 1 } else { start };
        pieces.get(piece_of(byte)).or(pieces.last()).is_some_and(|piece| piece.has_loss)
    };
    offsets.iter().map(has_loss).collect()
}

/// Tokens that begin the sequence and stay where the prompt is cut.
fn num_first(tokenizer: &Tokenizer, example: &Example, ids: &[u32]) -> usize {
    if example.is_chat() {
        usize::from(ids.first().is_some_and(|&first| Some(first) == tokenizer.bos_token_id()))
    } else {
        tokenizer.special_prefix().len()
    }
}

/// Indices of the tokens that stay of a row that is too long, and whether its prompt lost some.
///
/// The end is cut off, unless too little of the completion would be left: at least a quarter of the row is kept for it
/// (or all of it), by cutting the beginning of the prompt off, behind the `num_first` tokens that begin the sequence.
fn fit(loss: &[bool], num_first: usize, max: usize) -> (Vec<usize>, bool) {
    let length = loss.len();
    let prompt = loss.iter().position(|&has_loss| has_loss).unwrap_or(length);
    let completion = (length - prompt).min((max / 4).max(1));
    let room = max - completion;
    if prompt <= room {
        return ((0..max).collect(), false);
    }
    let num_first = num_first.min(room);
    let rest = room - num_first;
    ((0..num_first).chain(prompt - rest..prompt + completion).collect(), true)
}

/// Rows whose prompt was cut or whose completion was lost, and those of which only a part was tokenised, for a person
/// to look at: `examples` are those that were encoded.
#[must_use]
pub(super) fn cut_rows(examples: &[Example], encoded: &[Encoded]) -> Vec<BadRow> {
    let list_row = |row: &Encoded| {
        let example = examples.get(row.example)?;
        let (tokens, kept) = (row.num_tokens_untruncated, row.num_tokens());
        let is_cut_into_passages = example.is_text() && !example.is_chat();
        let (prompt, rest) = num_bytes(&example.pieces);
        let (limit, most) = (max_bytes(kept), prompt.max(rest));
        let reason = if row.lost_completion {
            format!(
                "nothing is left to learn of its {tokens} tokens: is the completion blank, or max_seq_length too small?"
            )
        } else if !is_cut_into_passages && most > limit && row.is_truncated() {
            let (part, whose) = if prompt > rest { ("last", "the prompt") } else { ("first", "the answer") };
            format!(
                "{whose} has {most} bytes, of which the {part} {limit} were read: {kept} tokens fit (max_seq_length)"
            )
        } else if row.prompt_was_cut {
            format!("the prompt lost its beginning: {tokens} tokens, {kept} fit (max_seq_length)")
        } else {
            return None;
        };
        Some(BadRow { row: example.row, reason })
    };
    encoded.iter().filter_map(list_row).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::task::Reads;
    use crate::tokenizer::{Role, Turn};
    use proptest::prelude::*;

    /// A byte-level BPE of a few bytes with a merge over the space; `<s>` before texts if `bos`.
    pub(in crate::task::causal_lm) fn tokenizer(bos: bool) -> Tokenizer {
        let mut vocab = serde_json::Map::new();
        for (id, token) in ["<s>", "</s>", "Ġ", "a", "b", "Ġa", "Ċ", "c", "!", "Ã", "©"].into_iter().enumerate() {
            vocab.insert(token.into(), id.into());
        }
        let special = |id: usize, text: &str| {
            serde_json::json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true})
        };
        let template = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
        });
        let byte_level = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": [special(0, "<s>"), special(1, "</s>")],
            "normalizer": null,
            "pre_tokenizer": byte_level,
            "post_processor": if bos { template } else { serde_json::Value::Null },
            "decoder": byte_level,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
                "merges": [["Ġ", "a"]]},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>", "eos_token": "</s>"}"#);
        Tokenizer::from_folder(&folder, None).expect("a good folder")
    }

    /// A model of these tokens that reads `max_tokens` of them and knows no conversations.
    pub(in crate::task::causal_lm) fn text_model(tokenizer: &Tokenizer, max_tokens: usize) -> TaskModel<'_> {
        TaskModel { pad_token_id: 1, eos_token_ids: &[1], ..TaskModel::to_test(Reads::Texts(tokenizer), max_tokens) }
    }

    pub(in crate::task::causal_lm) fn example(parts: &[(&str, bool)]) -> Example {
        let piece = |&(text, has_loss): &(&str, bool)| Piece { text: text.into(), has_loss };
        Example { row: 7, pieces: parts.iter().map(piece).collect(), turns: Vec::new() }
    }

    fn settings(max_seq_length: usize) -> EncodeSettings {
        EncodeSettings { max_seq_length, eos_token_ids: vec![1], cut_texts_into_passages: false }
    }

    fn encode(bos: bool, parts: &[(&str, bool)], max_seq_length: usize) -> Encoded {
        let mut rows = encode_examples(&tokenizer(bos), &[example(parts)], &settings(max_seq_length)).expect("room");
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    fn lossy(row: &Encoded) -> Vec<u32> {
        row.input_ids.iter().zip(&row.loss_mask).filter(|(_, has_loss)| **has_loss).map(|(id, _)| *id).collect()
    }

    #[test]
    fn only_the_completion_and_the_end_carry_loss() {
        let row = encode(true, &[("b!", false), ("ac", true)], 64);
        assert_eq!(row.input_ids, [0, 4, 8, 3, 7, 1]);
        assert_eq!(row.loss_mask, [false, false, false, true, true, true]);
        assert_eq!((row.num_tokens_untruncated, row.num_loss_tokens()), (6, 3));
        assert!(!row.prompt_was_cut && !row.lost_completion && !row.is_truncated());
        let row = encode(false, &[("b!", false), (" ac", true)], 64);
        assert_eq!((row.input_ids, row.loss_mask), (vec![4, 8, 5, 7, 1], vec![false, false, true, true, true]));
    }

    #[test]
    fn a_token_over_the_border_belongs_to_the_completion() {
        let row = encode(false, &[("b ", false), ("ac", true)], 64);
        assert_eq!(row.input_ids, [4, 5, 7, 1]);
        assert_eq!(row.loss_mask, [false, true, true, true]);
    }

    #[test]
    fn an_end_that_is_there_is_not_doubled() {
        let row = encode(true, &[("b", false), ("a</s>", true)], 64);
        assert_eq!((row.input_ids, row.loss_mask), (vec![0, 4, 3, 1], vec![false, false, true, true]));
        let mut none = settings(64);
        none.eos_token_ids.clear();
        let rows = encode_examples(&tokenizer(true), &[example(&[("b", true)])], &none).expect("room");
        assert_eq!(rows[0].input_ids, [0, 4]);
    }

    #[test]
    fn chats_get_no_special_tokens_but_their_own() {
        let mut chat = example(&[("<s>b", false), ("a</s>", true), ("b", false), ("c</s>!", true)]);
        chat.turns = vec![Turn::new(Role::User, "b")];
        let rows = encode_examples(&tokenizer(true), &[chat], &settings(64)).expect("room");
        assert_eq!(rows[0].input_ids, [0, 4, 3, 1, 4, 7, 1, 8]);
        assert_eq!(rows[0].loss_mask, [false, false, true, true, false, true, true, true]);
    }

    #[test]
    fn characters_of_several_bytes_keep_their_piece() {
        let row = encode(false, &[("aé", false), ("éa", true)], 64);
        assert_eq!(row.input_ids, [3, 9, 10, 9, 10, 3, 1]);
        assert_eq!(row.loss_mask, [false, false, false, true, true, true, true]);
    }

    #[test]
    fn too_long_a_completion_loses_its_end_and_too_long_a_prompt_its_beginning() {
        let row = encode(true, &[("bb", false), ("aaaaaaaa", true)], 8);
        assert_eq!((row.input_ids.as_slice(), row.prompt_was_cut), (&[0, 4, 4, 3, 3, 3, 3, 3][..], false));
        assert_eq!(row.num_tokens_untruncated, 12);
        let row = encode(true, &[("cbbbbbbbbbb!", false), ("aaa", true)], 8);
        assert_eq!((row.input_ids.as_slice(), row.prompt_was_cut), (&[0, 4, 4, 4, 4, 8, 3, 3][..], true));
        assert!(row.is_truncated() && !row.lost_completion);
        let row = encode(true, &[("cbbbbb!", false), ("", true)], 8);
        assert_eq!((row.input_ids.as_slice(), lossy(&row)), (&[0, 4, 4, 4, 4, 4, 8, 1][..], vec![1]));
    }

    #[test]
    fn an_empty_prompt_is_the_token_that_begins_a_text() {
        for bos in [true, false] {
            let row = encode(bos, &[("", false), ("ac", true)], 64);
            assert_eq!((row.input_ids, row.loss_mask), (vec![0, 3, 7, 1], vec![false, true, true, true]));
        }
        let text = encode(false, &[("ac", true)], 64);
        assert_eq!(text.input_ids, [3, 7, 1], "a text has no prompt");
    }

    #[test]
    fn cut_and_lost_rows_are_listed() {
        let examples = [example(&[("bbbbbbbbbb", false), ("aaaa", true)]), example(&[("b", false), ("a", true)])];
        let rows = encode_examples(&tokenizer(true), &examples, &settings(8)).expect("room");
        let reason = "the prompt lost its beginning: 16 tokens, 8 fit (max_seq_length)".to_owned();
        assert_eq!(cut_rows(&examples, &rows), [BadRow { row: 7, reason }]);
        let mut none = settings(8);
        none.eos_token_ids.clear();
        let rows = encode_examples(&tokenizer(true), &[example(&[("b", false)])], &none).expect("room");
        assert!(rows[0].lost_completion);
        assert_eq!(cut_rows(&examples, &rows).len(), 1);
        let error = encode_examples(&tokenizer(true), &examples, &settings(1)).expect_err("no room").to_string();
        assert_eq!(error, "max_seq_length 1 leaves nothing to predict: take at least 2");
    }

    #[test]
    fn long_texts_are_cut_into_passages_that_lose_nothing() {
        let passages = EncodeSettings { cut_texts_into_passages: true, ..settings(4) };
        let text = example(&[("abcabcabc", true)]);
        let rows = encode_examples(&tokenizer(true), std::slice::from_ref(&text), &passages).expect("room");
        let ids: Vec<u32> = rows.iter().flat_map(|row| row.input_ids.clone()).collect();
        assert_eq!(ids, [0, 3, 4, 7, 3, 4, 7, 3, 4, 7, 1]);
        assert_eq!(rows.iter().map(Encoded::num_tokens).collect::<Vec<_>>(), [4, 4, 3]);
        assert!(rows.iter().all(|row| row.example == 0 && !row.is_truncated()));
        let rows = encode_examples(&tokenizer(true), &[text], &settings(4)).expect("room");
        assert_eq!((rows.len(), rows[0].input_ids.as_slice()), (1, &[0, 3, 4, 7][..]));
    }

    proptest! {
        #[test]
        fn rows_fit_and_keep_something_to_learn(
            prompt in "[abc! é]{0,40}",
            completion in "[abc!é]{1,40}",
            max in 4_usize..24,
            bos in any::<bool>(),
        ) {
            let row = encode(bos, &[(prompt.as_str(), false), (completion.as_str(), true)], max);
            prop_assert!(row.num_tokens() <= max);
            prop_assert_eq!(row.num_tokens(), row.num_tokens_untruncated.min(max));
            prop_assert_eq!(row.loss_mask.len(), row.num_tokens());
            prop_assert!(row.num_loss_tokens() > 0 && !row.lost_completion);
            let whole = encode(bos, &[(prompt.as_str(), false), (completion.as_str(), true)], 1000);
            let all = lossy(&whole);
            prop_assert!(lossy(&row).len() >= all.len().min(max / 4));
            prop_assert_eq!(lossy(&row), &all[..lossy(&row).len()]);
            if bos {
                prop_assert_eq!(row.input_ids[0], 0);
            }
        }

        #[test]
        fn passages_hold_every_token_once(text in "[abc! é]{1,200}", max in 2_usize..20) {
            let text = example(&[(text.as_str(), true)]);
            let passages = EncodeSettings { cut_texts_into_passages: true, ..settings(max) };
            let tokenizer = tokenizer(true);
            let rows = encode_examples(&tokenizer, std::slice::from_ref(&text), &passages).expect("room");
            let whole = encode_examples(&tokenizer, &[text], &settings(10_000)).expect("room").remove(0);
            let ids: Vec<u32> = rows.iter().flat_map(|row| row.input_ids.clone()).collect();
            // A last token alone predicts nothing.
            prop_assert!(ids == whole.input_ids || ids[..] == whole.input_ids[..whole.input_ids.len() - 1]);
        }
    }
}
