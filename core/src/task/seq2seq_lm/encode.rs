//! Rows to tokens: sources behind their prefix, and targets that end with the token which ends a text.

use std::borrow::Cow;

use super::read::TextPair;
use crate::config::RunConfig;
use crate::task::{TaskError, TaskModel};
use crate::tokenizer::{EncodedText, TokenizerError};
use crate::words::plural;

/// Tokens after which texts are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) source: usize,
    pub(super) target: usize,
}

impl Limits {
    /// Those of a run, which no model reads more than; before there is a model the run's own.
    pub(super) fn of(model: Option<&TaskModel<'_>>, run: &RunConfig) -> Self {
        let most = model.map_or(usize::MAX, |model| model.max_tokens);
        let limit = |asked: u32| most.min(asked as usize);
        Self { source: limit(run.max_seq_length), target: limit(run.max_target_length) }
    }
}

/// A row as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodedPair {
    /// What the encoder reads, special tokens included.
    pub(super) source_ids: Vec<u32>,
    /// What the decoder learns to write, the token that ends it included.
    pub(super) target_ids: Vec<u32>,
    /// Tokens that the source would have had without truncation; at least so many where `is_lower_bound` says so.
    pub(super) num_source_untruncated: usize,
    /// The same of the target.
    pub(super) num_target_untruncated: usize,
    /// Only a part of a text was tokenised, because it is far longer than what is kept of it.
    pub(super) is_lower_bound: bool,
}

/// Source and prefix as the model reads them.
pub(super) fn with_prefix<'t>(prefix: &str, source: &'t str) -> Cow<'t, str> {
    if prefix.is_empty() { Cow::Borrowed(source) } else { Cow::Owned([prefix, source].concat()) }
}

impl EncodedPair {
    /// Tokenises a row; `prefix` stands before its source.
    ///
    /// # Errors
    /// When a limit has no room for the special tokens, or the tokenizer fails on a text; names the row.
    pub(super) fn encode(
        model: &TaskModel<'_>,
        pair: &TextPair,
        prefix: &str,
        limits: Limits,
    ) -> Result<Self, TaskError> {
        let source = model.tokenizer().encode(&with_prefix(prefix, &pair.source), limits.source);
        let source = source.map_err(|source| TaskError::of_row(pair.row, source))?;
        let target = encode_target(model, &pair.target, limits.target);
        let target = target.map_err(|source| in_target(pair.row, source))?;
        Ok(Self {
            source_ids: source.ids,
            target_ids: target.ids,
            num_source_untruncated: source.num_tokens_untruncated,
            num_target_untruncated: target.num_tokens_untruncated,
            is_lower_bound: source.is_lower_bound || target.is_lower_bound,
        })
    }
}

/// Tokenises a target. Where the tokenizer does not end a text by itself, the token that does is put behind it, unless the
/// target brings it.
fn encode_target(model: &TaskModel<'_>, target: &str, limit: usize) -> Result<EncodedText, TokenizerError> {
    let ends = |id: Option<&u32>| id.is_some_and(|id| model.eos_token_ids.contains(id));
    let Some(&end) = model.eos_token_ids.first() else { return model.tokenizer().encode(target, limit) };
    if ends(model.tokenizer().special_suffix().last()) {
        return model.tokenizer().encode(target, limit);
    }
    let mut encoded = model.tokenizer().encode(target, limit.saturating_sub(1))?;
    if !ends(encoded.ids.last()) {
        encoded.ids.push(end);
        encoded.type_ids.push(0);
        encoded.num_tokens_untruncated += 1;
    }
    Ok(encoded)
}

/// What the tokenizer said of a target; that a setting leaves no room is said of the setting.
fn in_target(row: usize, source: TokenizerError) -> TaskError {
    match source {
        TokenizerError::TooShort { num_special, .. } => TaskError::Setting {
            setting: "max_target_length",
            reason: format!("leaves no room for a target beside {}", plural(num_special, "special token")),
        },
        source => TaskError::of_row(row, source),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::task::Reads;
    use crate::tokenizer::Tokenizer;

    /// Ids of the tokenizer's words, after `<pad>`, `</s>` and `<unk>`.
    pub(in crate::task::seq2seq_lm) const WORDS: [&str; 5] = ["sum", ":", "one", "two", "three"];

    /// A tokenizer of a few words that stand apart by spaces; whether it ends texts with `</s>` (id 1) by itself.
    pub(in crate::task::seq2seq_lm) fn tokenizer(ends_texts: bool) -> Tokenizer {
        let special = ["<pad>", "</s>", "<unk>"];
        let words = special.into_iter().chain(WORDS).enumerate();
        let vocab: serde_json::Map<String, serde_json::Value> =
            words.map(|(id, word)| (word.to_owned(), id.into())).collect();
        let added: Vec<serde_json::Value> = special
            .iter()
            .enumerate()
            .map(|(id, token)| {
                serde_json::json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true})
            })
            .collect();
        let template = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        });
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": if ends_texts { template } else { serde_json::Value::Null },
            "decoder": null,
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        folder.insert("tokenizer_config.json", r#"{"eos_token": "</s>", "pad_token": "<pad>"}"#);
        Tokenizer::from_folder(&folder, Some(0)).expect("a good folder")
    }

    /// A model of 64 tokens whose decoder begins with `<pad>`.
    pub(in crate::task::seq2seq_lm) fn model(tokenizer: &Tokenizer) -> TaskModel<'_> {
        let own = TaskModel::to_test(Reads::Texts(tokenizer), 64);
        TaskModel { eos_token_ids: &[1], decoder_start_token_id: Some(0), ..own }
    }

    fn encode(ends_texts: bool, source: &str, target: &str, limits: [usize; 2]) -> Result<EncodedPair, TaskError> {
        let tokenizer = tokenizer(ends_texts);
        let pair = TextPair { row: 7, source: source.into(), target: target.into() };
        let [source, target] = limits;
        EncodedPair::encode(&model(&tokenizer), &pair, "sum: ", Limits { source, target })
    }

    #[test]
    fn the_prefix_is_read_and_a_target_ends_once() {
        let found = encode(true, "one two", "three", [8, 8]).expect("room");
        assert_eq!((found.source_ids, found.target_ids), (vec![3, 4, 5, 6, 1], vec![7, 1]));
        assert_eq!((found.num_source_untruncated, found.num_target_untruncated, found.is_lower_bound), (5, 2, false));
        let found = encode(false, "one two", "three", [8, 8]).expect("room");
        assert_eq!((found.source_ids, found.target_ids), (vec![3, 4, 5, 6], vec![7, 1]));
        assert_eq!(encode(false, "one", "three</s>", [8, 8]).expect("room").target_ids, [7, 1], "it brings its end");
    }

    #[test]
    fn texts_are_cut_each_at_its_own_limit_and_keep_their_end() {
        for ends_texts in [true, false] {
            let found = encode(ends_texts, "one two three", "one two three", [4, 3]).expect("room");
            assert_eq!(found.target_ids, [5, 6, 1]);
            assert_eq!(found.source_ids, if ends_texts { [3, 4, 5, 1] } else { [3, 4, 5, 6] });
            assert_eq!((found.num_source_untruncated, found.num_target_untruncated), (5 + usize::from(ends_texts), 4));
        }
        let error = encode(true, "one", "two", [8, 1]).expect_err("no room").to_string();
        assert_eq!(error, "max_target_length: leaves no room for a target beside 1 special token");
        let error = encode(true, "one", "two", [1, 8]).expect_err("no room").to_string();
        assert!(error.starts_with("max_seq_length 1 leaves no room"), "{error}");
    }

    #[test]
    fn limits_are_those_of_the_run_and_of_the_model() {
        let run = RunConfig { max_seq_length: 100, max_target_length: 20, ..RunConfig::default() };
        assert_eq!(Limits::of(None, &run), Limits { source: 100, target: 20 });
        assert_eq!(Limits::of(Some(&model(&tokenizer(true))), &run), Limits { source: 64, target: 20 });
    }
}
