//! Bare vocabularies to the `tokenizer.json` that `transformers` would convert them to.
//!
//! In: `vocab.txt`, or `vocab.json` and `merges.txt`, with what `tokenizer_config.json` and `special_tokens_map.json`
//! say. Out: JSON bytes for the `tokenizers` crate.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::TokenizerError;
use crate::folder::Folder;

/// What the small files beside a vocabulary say; absent fields are the architecture's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) do_lower_case: Option<bool>,
    pub(super) strip_accents: Option<bool>,
    pub(super) tokenize_chinese_chars: Option<bool>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) truncation_side: Option<String>,
    pub(super) bos_token: Option<String>,
    pub(super) eos_token: Option<String>,
    pub(super) unk_token: Option<String>,
    pub(super) cls_token: Option<String>,
    pub(super) sep_token: Option<String>,
    pub(super) pad_token: Option<String>,
    pub(super) mask_token: Option<String>,
}

/// A token by its text, or as an object that has the text and flags.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenText {
    Plain(String),
    Added { content: String },
    Other(serde::de::IgnoredAny),
}

impl Settings {
    /// Reads both files; `tokenizer_config.json` wins.
    pub(super) fn read(folder: &Folder) -> Result<Self, TokenizerError> {
        let mut fields = Map::new();
        for file in ["special_tokens_map.json", "tokenizer_config.json"] {
            let Some(bytes) = folder.get(file) else { continue };
            let map: Map<String, Value> = serde_json::from_slice(bytes)
                .map_err(|source| TokenizerError::Malformed { file, source: source.into() })?;
            fields.extend(map.into_iter().filter(|(_, value)| !value.is_null()));
        }
        let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
        let token = |name: &str| match TokenText::deserialize(fields.get(name)?).ok()? {
            TokenText::Plain(content) | TokenText::Added { content } => Some(content),
            TokenText::Other(_) => None,
        };
        Ok(Self {
            do_lower_case: flag("do_lower_case"),
            strip_accents: flag("strip_accents"),
            tokenize_chinese_chars: flag("tokenize_chinese_chars"),
            add_prefix_space: flag("add_prefix_space"),
            truncation_side: token("truncation_side"),
            bos_token: token("bos_token"),
            eos_token: token("eos_token"),
            unk_token: token("unk_token"),
            cls_token: token("cls_token"),
            sep_token: token("sep_token"),
            pad_token: token("pad_token"),
            mask_token: token("mask_token"),
        })
    }
}

fn or(token: &Option<String>, usual: &str) -> String {
    token.clone().unwrap_or_else(|| usual.to_owned())
}

/// BERT's tokenizer from `vocab.txt`: one token a line, its id the line.
pub(super) fn word_piece(vocab: &[u8], settings: &Settings) -> Result<Vec<u8>, TokenizerError> {
    const FILE: &str = "vocab.txt";
    let text =
        std::str::from_utf8(vocab).map_err(|source| TokenizerError::Malformed { file: FILE, source: source.into() })?;
    let mut ids = Map::new();
    for (id, token) in text.lines().enumerate() {
        ids.insert(token.to_owned(), id.into());
    }
    let unk = or(&settings.unk_token, "[UNK]");
    let find = |token: &str| find(&ids, FILE, token);
    find(&unk)?;
    let (cls, sep) = (or(&settings.cls_token, "[CLS]"), or(&settings.sep_token, "[SEP]"));
    let (cls_id, sep_id) = (find(&cls)?, find(&sep)?);
    let special = [or(&settings.pad_token, "[PAD]"), unk.clone(), cls.clone(), sep.clone()];
    let mask = or(&settings.mask_token, "[MASK]");
    let added_tokens = added_tokens(&ids, special.into_iter().chain([mask]), None);
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": settings.tokenize_chinese_chars.unwrap_or(true),
            "strip_accents": settings.strip_accents,
            "lowercase": settings.do_lower_case.unwrap_or(true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": [sep, sep_id], "cls": [cls, cls_id]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": unk,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    });
    Ok(json.to_string().into_bytes())
}

/// What becomes of a `vocab.json` with `merges.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BytePairs {
    /// A text stands as it is.
    Gpt2,
    /// A text stands between `<s>` and `</s>`.
    Roberta,
}

impl BytePairs {
    /// Whose they are, by the `model_type` of config.json; a folder without one is taken for RoBERTa's.
    ///
    /// # Errors
    /// When the model cuts texts by rules that only its tokenizer.json has.
    pub(super) fn of(folder: &Folder) -> Result<Self, TokenizerError> {
        let config: Option<Value> = folder.get("config.json").and_then(|bytes| serde_json::from_slice(bytes).ok());
        match config.as_ref().and_then(|config| config["model_type"].as_str()) {
            Some("gpt2" | "gpt_neo") => Ok(Self::Gpt2),
            Some("roberta") | None => Ok(Self::Roberta),
            Some(other) => Err(TokenizerError::NeedsTokenizerJson { model_type: other.to_owned() }),
        }
    }
}

/// What GPT-2 has in place of every special token.
pub(super) const END_OF_TEXT: &str = "<|endoftext|>";

/// The byte-level tokenizer of `vocab.json` (token to id) and `merges.txt` (a pair a line, the most frequent first), as
/// `RobertaConverter` and `GPT2Converter` of transformers' `convert_slow_tokenizer.py` make it.
pub(super) fn byte_level_bpe(
    vocab: &[u8],
    merges: &[u8],
    settings: &Settings,
    of: BytePairs,
) -> Result<Vec<u8>, TokenizerError> {
    const FILE: &str = "vocab.json";
    let ids: Map<String, Value> = serde_json::from_slice(vocab)
        .map_err(|source| TokenizerError::Malformed { file: FILE, source: source.into() })?;
    let merges = read_merges(merges, &ids)?;
    let add_prefix_space = settings.add_prefix_space.unwrap_or(false);
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": true});
    let (added_tokens, post_processor) = match of {
        BytePairs::Gpt2 => {
            let own =
                [&settings.bos_token, &settings.eos_token, &settings.unk_token].map(|token| or(token, END_OF_TEXT));
            (added_tokens(&ids, own.into_iter().chain(settings.pad_token.clone()), None), Value::Null)
        }
        BytePairs::Roberta => {
            let (cls, sep) = (or(&settings.cls_token, "<s>"), or(&settings.sep_token, "</s>"));
            let (cls_id, sep_id) = (find(&ids, FILE, &cls)?, find(&ids, FILE, &sep)?);
            let (unk, pad) = (or(&settings.unk_token, "<unk>"), or(&settings.pad_token, "<pad>"));
            let mask = or(&settings.mask_token, "<mask>");
            let special = [cls.clone(), pad, sep.clone(), unk, mask.clone()];
            // RoBERTa's mask swallows the space before it.
            let added_tokens = added_tokens(&ids, special.into_iter(), Some(&mask));
            let processor = json!({
                "type": "RobertaProcessing",
                "sep": [sep, sep_id],
                "cls": [cls, cls_id],
                "trim_offsets": true,
                "add_prefix_space": add_prefix_space,
            });
            (added_tokens, processor)
        }
    };
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": post_processor,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "vocab": ids,
            "merges": merges,
        },
    });
    Ok(json.to_string().into_bytes())
}

/// Id of a token that must be there.
fn find(ids: &Map<String, Value>, file: &'static str, token: &str) -> Result<Value, TokenizerError> {
    let missing = || TokenizerError::MissingToken { file, token: token.to_owned() };
    ids.get(token).filter(|id| id.is_u64()).cloned().ok_or_else(missing)
}

/// The special tokens that the vocabulary has, in the order of their ids; `lstrip` names the one that takes the space
/// before it.
fn added_tokens(ids: &Map<String, Value>, tokens: impl Iterator<Item = String>, lstrip: Option<&str>) -> Vec<Value> {
    let mut found: Vec<(u64, String)> = tokens.filter_map(|token| Some((ids.get(&token)?.as_u64()?, token))).collect();
    found.sort();
    found.dedup();
    let entry = |(id, content): (u64, String)| {
        let lstrip = lstrip == Some(content.as_str());
        json!({"id": id, "content": content, "single_word": false, "lstrip": lstrip, "rstrip": false,
            "normalized": false, "special": true})
    };
    found.into_iter().map(entry).collect()
}

fn read_merges(merges: &[u8], ids: &Map<String, Value>) -> Result<Vec<Value>, TokenizerError> {
    let malformed = |source| TokenizerError::Malformed { file: "merges.txt", source };
    let text = std::str::from_utf8(merges).map_err(|source| malformed(source.into()))?;
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("#version") || line.trim().is_empty() {
            continue;
        }
        let parts: Vec<&str> = line.split(' ').collect();
        let [left, right] = parts[..] else {
            return Err(malformed(format!("line {} is not two tokens and a space", index + 1).into()));
        };
        if let Some(token) = [left, right, &[left, right].concat()].into_iter().find(|token| !ids.contains_key(*token))
        {
            return Err(malformed(format!("line {}: {token:?} is not in vocab.json", index + 1).into()));
        }
        pairs.push(json!([left, right]));
    }
    Ok(pairs)
}
