//! What the small files beside a vocabulary say, read as `transformers` reads them.
//!
//! In: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, `config.json`, the added tokens of
//! `tokenizer.json`, and the length of texts of a folder of `sentence-transformers`. Out: [`Settings`]. Follows
//! `PreTrainedTokenizerBase._from_pretrained` of transformers 5: where `tokenizer_config.json` has an `added_tokens_decoder`, the two
//! other files are not read; where it has none, the map wins over it, and added tokens come from `added_tokens.json` and
//! `tokenizer.json`.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::TokenizerError;
use crate::folder::Folder;
use crate::hub::{GENERATION_CONFIG, MODULES, SENTENCE_LENGTH};

/// The special tokens that have a name, in the order in which they are added.
pub(super) const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// From here on a `model_max_length` means that there is none.
const NO_LIMIT: f64 = 1e9;

pub(super) const CONFIG: &str = "tokenizer_config.json";
const MAP: &str = "special_tokens_map.json";
pub(super) const ADDED: &str = "added_tokens.json";

/// What the files say; absent fields are the tokenizer class's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    /// `tokenizer_class` of tokenizer_config.json, else of config.json.
    pub(super) tokenizer_class: Option<String>,
    /// `model_type` of config.json.
    pub(super) model_type: Option<String>,
    /// Rows of the model's token table, by config.json.
    pub(super) vocab_size: Option<u64>,
    /// `bos_token_id` of generation_config.json, else of config.json.
    pub(super) bos_token_id: Option<u32>,
    pub(super) do_lower_case: Option<bool>,
    pub(super) strip_accents: Option<bool>,
    pub(super) tokenize_chinese_chars: Option<bool>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) keep_accents: Option<bool>,
    pub(super) split_by_punct: Option<bool>,
    /// Sentinels of T5.
    pub(super) extra_ids: Option<u64>,
    pub(super) legacy: Option<bool>,
    pub(super) add_bos_token: bool,
    pub(super) add_eos_token: bool,
    pub(super) split_special_tokens: bool,
    /// Whether `model_input_names` has `token_type_ids`; without the key the tokenizer class decides.
    pub(super) names_type_ids: Option<bool>,
    pub(super) truncation_side: Option<String>,
    pub(super) model_max_length: Option<usize>,
    /// Special tokens that the files name; `None`: they say that there is none.
    pub(super) named: BTreeMap<&'static str, Option<AddedToken>>,
    /// Special tokens under names of the model's own.
    pub(super) model_tokens: Vec<AddedToken>,
    /// Special tokens without a name.
    pub(super) extra: Vec<AddedToken>,
    /// Tokens that were added to the vocabulary, by the id that the file gives them.
    pub(super) added: BTreeMap<u64, AddedToken>,
}

impl Settings {
    /// Reads the files; `json` is the content of tokenizer.json.
    ///
    /// # Errors
    /// When a file is not JSON, or has an added token that is none.
    pub(super) fn read(folder: &Folder, json: Option<&Value>) -> Result<Self, TokenizerError> {
        let mut fields = read_map(folder, CONFIG)?.unwrap_or_default();
        let mut settings = Self::default();
        settings.read_model(folder, fields.get("tokenizer_class").and_then(Value::as_str));
        let has_decoder = fields.get("added_tokens_decoder").is_some_and(|decoder| !decoder.is_null());
        let mut extra = list(&fields, "extra_special_tokens");
        if extra.is_empty() {
            extra = list(&fields, "additional_special_tokens");
        }
        if has_decoder {
            settings.added = decoder(&fields)?;
        } else if let Some(map) = read_map(folder, MAP)? {
            let mut known: HashSet<AddedToken> = extra.iter().cloned().collect();
            let further = list(&map, "extra_special_tokens").into_iter();
            extra.extend(further.filter(|token| known.insert(token.clone())));
            fields.extend(map.into_iter().map(|(name, value)| (name, as_special(value))));
        }
        settings.read_names(&fields);
        if !has_decoder {
            settings.read_added(folder, &extra, json)?;
        }
        if extra.is_empty() {
            extra = list(&fields, "additional_special_tokens");
        }
        settings.extra = extra;
        settings.use_added_flags();
        settings.read_flags(&fields);
        settings.read_sentence_length(folder);
        Ok(settings)
    }

    /// `sentence-transformers` cuts texts where its own file says, whatever the tokenizer's says. A broken file says nothing.
    fn read_sentence_length(&mut self, folder: &Folder) {
        let bytes = folder.get(MODULES).and_then(|_| folder.get(SENTENCE_LENGTH));
        let json = bytes.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()).unwrap_or_default();
        let length = json["max_seq_length"].as_u64().filter(|&length| length > 0);
        if let Some(length) = length.and_then(|length| usize::try_from(length).ok()) {
            self.model_max_length = Some(length);
        }
    }

    /// Names are those of `transformers`: a token by its text has the flags of a special token.
    fn read_names(&mut self, fields: &Map<String, Value>) {
        for name in NAMED {
            match fields.get(name) {
                Some(Value::Null) => self.named.insert(name, None),
                Some(value) => special_token(value).and_then(|token| self.named.insert(name, Some(token))),
                None => None,
            };
        }
        let is_own = |name: &str| name.ends_with("_token") && !NAMED.contains(&name);
        let own = fields.iter().filter(|(name, _)| is_own(name)).map(|(_, value)| value);
        let by_name = fields.get("extra_special_tokens").and_then(Value::as_object);
        self.model_tokens = own.chain(by_name.into_iter().flat_map(Map::values)).filter_map(special_token).collect();
    }

    /// `added_tokens.json`, and the added tokens of tokenizer.json.
    fn read_added(
        &mut self,
        folder: &Folder,
        extra: &[AddedToken],
        json: Option<&Value>,
    ) -> Result<(), TokenizerError> {
        let special: HashSet<&str> =
            self.named.values().flatten().chain(extra).map(|token| token.content.as_str()).collect();
        for (content, id) in read_map(folder, ADDED)?.unwrap_or_default() {
            let malformed = || TokenizerError::Malformed {
                file: ADDED,
                source: format!("the id of {content:?} is not a whole number: {id}").into(),
            };
            let id = id.as_u64().ok_or_else(malformed)?;
            let is_special = special.contains(content.as_str());
            self.added.insert(id, AddedToken::from(content, is_special));
        }
        let tokens = json.and_then(|json| json["added_tokens"].as_array());
        for value in tokens.into_iter().flatten() {
            if let (Some(id), Some(token)) = (value["id"].as_u64(), added_token(value)) {
                self.added.insert(id, token);
            }
        }
        Ok(())
    }

    /// A named token that was added too has the flags it was added with.
    fn use_added_flags(&mut self) {
        let by_content: BTreeMap<&str, &AddedToken> =
            self.added.values().map(|token| (token.content.as_str(), token)).collect();
        for token in self.named.values_mut().flatten() {
            if let Some(added) = by_content.get(token.content.as_str()) {
                *token = (*added).clone();
            }
        }
    }

    fn read_flags(&mut self, fields: &Map<String, Value>) {
        let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
        self.do_lower_case = flag("do_lower_case");
        self.strip_accents = flag("strip_accents");
        self.tokenize_chinese_chars = flag("tokenize_chinese_chars");
        self.add_prefix_space = flag("add_prefix_space");
        self.keep_accents = flag("keep_accents");
        self.split_by_punct = flag("split_by_punct");
        self.extra_ids = fields.get("extra_ids").and_then(Value::as_u64);
        self.legacy = flag("legacy");
        self.add_bos_token = flag("add_bos_token") == Some(true);
        self.add_eos_token = flag("add_eos_token") == Some(true);
        self.split_special_tokens = flag("split_special_tokens") == Some(true);
        let inputs = fields.get("model_input_names").and_then(Value::as_array);
        self.names_type_ids = inputs.map(|names| names.iter().any(|name| name == "token_type_ids"));
        self.truncation_side = fields.get("truncation_side").and_then(Value::as_str).map(str::to_owned);
        let length = fields.get("model_max_length").or_else(|| fields.get("max_len")).and_then(Value::as_f64);
        self.model_max_length = length.filter(|length| (1.0..NO_LIMIT).contains(length)).map(|length| length as usize);
    }

    /// A broken config.json is the model's to report.
    fn read_model(&mut self, folder: &Folder, tokenizer_class: Option<&str>) {
        let read = |file| folder.get(file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let (config, generation) = (read("config.json"), read(GENERATION_CONFIG));
        let field = |name: &str| config.as_ref().map(|config| &config[name]);
        let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
        self.tokenizer_class = tokenizer_class.map(str::to_owned).or_else(|| text("tokenizer_class"));
        self.model_type = text("model_type");
        self.vocab_size = field("vocab_size").and_then(Value::as_u64);
        let begins = generation.as_ref().map(|config| &config["bos_token_id"]).filter(|id| !id.is_null());
        let begins = begins.or_else(|| field("bos_token_id")).and_then(Value::as_u64);
        self.bos_token_id = begins.and_then(|id| u32::try_from(id).ok());
    }
}

fn read_map(folder: &Folder, file: &'static str) -> Result<Option<Map<String, Value>>, TokenizerError> {
    let Some(bytes) = folder.get(file) else { return Ok(None) };
    let map = serde_json::from_slice(bytes)
        .map_err(|source: serde_json::Error| TokenizerError::Malformed { file, source: source.into() })?;
    Ok(Some(map))
}

/// A list of special tokens without names.
fn list(fields: &Map<String, Value>, name: &str) -> Vec<AddedToken> {
    let tokens = fields.get(name).and_then(Value::as_array);
    tokens.into_iter().flatten().filter_map(special_token).collect()
}

/// `added_tokens_decoder` of tokenizer_config.json.
fn decoder(fields: &Map<String, Value>) -> Result<BTreeMap<u64, AddedToken>, TokenizerError> {
    let decoder = fields.get("added_tokens_decoder").and_then(Value::as_object);
    let read = |(id, value): (&String, &Value)| -> Result<(u64, AddedToken), TokenizerError> {
        let malformed = || TokenizerError::Malformed {
            file: CONFIG,
            source: format!("added_tokens_decoder has no token at {id:?}").into(),
        };
        Ok((id.trim().parse::<u64>().map_err(|_| malformed())?, added_token(value).ok_or_else(malformed)?))
    };
    decoder.into_iter().flatten().map(read).collect()
}

/// An object of special_tokens_map.json is a special token.
fn as_special(mut value: Value) -> Value {
    if let Some(token) = value.as_object_mut().filter(|token| token.contains_key("content")) {
        token.insert("special".to_owned(), true.into());
    }
    value
}

/// A token by its text, or as an object that has the text and flags.
fn special_token(value: &Value) -> Option<AddedToken> {
    match value {
        Value::String(content) => Some(AddedToken::from(content.clone(), true)),
        _ => added_token(value),
    }
}

fn added_token(value: &Value) -> Option<AddedToken> {
    let content = value.get("content")?.as_str()?.to_owned();
    let flag = |name: &str| value.get(name).and_then(Value::as_bool);
    let special = flag("special").unwrap_or(false);
    Some(AddedToken {
        content,
        single_word: flag("single_word").unwrap_or(false),
        lstrip: flag("lstrip").unwrap_or(false),
        rstrip: flag("rstrip").unwrap_or(false),
        normalized: flag("normalized").unwrap_or(!special),
        special,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(files: &[(&str, &str)]) -> Settings {
        let folder: Folder = files.iter().map(|&(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
        Settings::read(&folder, None).expect("good files")
    }

    fn contents<'a>(tokens: impl IntoIterator<Item = &'a AddedToken>) -> Vec<&'a str> {
        tokens.into_iter().map(|token| token.content.as_str()).collect()
    }

    #[test]
    fn a_decoder_leaves_the_other_files_unread() {
        let config = r#"{"added_tokens_decoder": {"7": {"content": "<a>", "special": true}, "30": {"content": "b"}},
            "mask_token": "<a>", "additional_special_tokens": ["<x>"]}"#;
        let map = r#"{"additional_special_tokens": ["<y>"], "pad_token": "<pad>"}"#;
        let read = settings(&[(CONFIG, config), (MAP, map), (ADDED, r#"{"<z>": 4}"#)]);
        assert_eq!(contents(read.added.values()), ["<a>", "b"]);
        assert_eq!(read.added.keys().copied().collect::<Vec<_>>(), [7, 30]);
        assert!(read.added[&30].normalized && !read.added[&7].normalized);
        assert_eq!(contents(&read.extra), ["<x>"]);
        assert_eq!(read.named.get("pad_token"), None);
    }

    #[test]
    fn without_a_decoder_the_map_wins() {
        let config = r#"{"pad_token": "p", "unk_token": null, "image_token": "<image>"}"#;
        let map = r#"{"pad_token": {"content": "q", "lstrip": true}, "additional_special_tokens": ["<e>"]}"#;
        let read = settings(&[(CONFIG, config), (MAP, map), (ADDED, r#"{"<e>": 9, "q": 8}"#)]);
        assert_eq!(read.named["unk_token"], None);
        let pad = read.named["pad_token"].as_ref().expect("a token");
        // It was added without the flag, and that counts.
        assert!(pad.content == "q" && pad.special && !pad.lstrip);
        assert!(!read.added[&9].special, "the map's list is not known where added_tokens.json is read");
        assert_eq!((contents(&read.extra), contents(&read.model_tokens)), (vec!["<e>"], vec!["<image>"]));
    }

    #[test]
    fn inputs_of_the_model_are_named_by_the_file_or_not_at_all() {
        let named = |fields: &str| settings(&[(CONFIG, fields)]).names_type_ids;
        assert_eq!(named(r#"{"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}"#), Some(true));
        assert_eq!(named(r#"{"model_input_names": ["input_ids", "attention_mask"]}"#), Some(false));
        assert_eq!((named("{}"), named(r#"{"model_input_names": null}"#)), (None, None));
    }

    #[test]
    fn a_length_without_limit_is_none() {
        let length =
            |value: &str| settings(&[(CONFIG, &format!(r#"{{"model_max_length": {value}}}"#))]).model_max_length;
        assert_eq!(length("512"), Some(512));
        for value in ["1000000000000000019884624838656", "1000000000", "-1", "null", "\"x\""] {
            assert_eq!(length(value), None, "{value}");
        }
        assert_eq!(settings(&[]).model_max_length, None);
    }

    #[test]
    fn sentence_transformers_has_a_length_of_its_own() {
        let config = (CONFIG, r#"{"model_max_length": 512}"#);
        let own = (SENTENCE_LENGTH, r#"{"max_seq_length": 256, "do_lower_case": false}"#);
        assert_eq!(settings(&[config, own, (MODULES, "[]")]).model_max_length, Some(256));
        assert_eq!(settings(&[config, own]).model_max_length, Some(512), "no model of sentence-transformers");
        for none in [r#"{"max_seq_length": null}"#, r#"{"max_seq_length": 0}"#, "[]", "{"] {
            let read = settings(&[config, (SENTENCE_LENGTH, none), (MODULES, "[]")]);
            assert_eq!(read.model_max_length, Some(512), "{none}");
        }
    }

    #[test]
    fn broken_tokens_are_named() {
        let fail = |name: &str, text: &str| {
            let mut folder = Folder::new();
            folder.insert(name, text);
            Settings::read(&folder, None).expect_err("not usable").to_string()
        };
        let error = fail(ADDED, r#"{"<a>": "7"}"#);
        assert!(error.contains("added_tokens.json") && error.contains("<a>"), "{error}");
        let error = fail(CONFIG, r#"{"added_tokens_decoder": {"x": {"content": "a"}}}"#);
        assert!(error.contains("tokenizer_config.json") && error.contains("\"x\""), "{error}");
    }
}
