//! Which tokenizer class of `transformers` reads a folder, and what it takes from it.
//!
//! A class of transformers 5 builds its tokenizer itself: it takes the vocabulary, the merges and (some of them) the
//! post-processor from `tokenizer.json`, and everything else from its own code and `tokenizer_config.json`. Only
//! `TokenizersBackend` (`PreTrainedTokenizerFast`) takes the file as it is written. Follows
//! `models/auto/tokenization_auto.py` and `models/{bert,roberta,gpt2,qwen2,llama}/tokenization_*.py` of transformers
//! 5.24; classes that are not listed here are read as written.

use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper};

use super::from_vocab::pieces::{Pieces, from_template};
use super::settings::{NAMED, Settings};

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bert,
    Roberta,
    Gpt2,
    Qwen2,
    Llama,
    /// From a SentencePiece file: with a tokenizer.json these classes are read as written.
    SentencePiece(Pieces),
    /// `tokenizer.json` as it is.
    AsWritten,
}

/// How Qwen 2 cuts a text into words.
pub(super) const QWEN2_WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Longest JSON that a note quotes.
const MAX_QUOTE: usize = 300;

impl Class {
    /// The class that `AutoTokenizer` takes; `json` is the content of tokenizer.json.
    pub(super) fn of(settings: &Settings, json: Option<&Value>) -> Self {
        let model_type = settings.model_type.as_deref();
        let class = match (settings.tokenizer_class.as_deref(), model_type) {
            (None, _) => Self::of_model_type(model_type).unwrap_or(Self::AsWritten),
            // What Qwen 2 checkpoints name is known to be wrong; the others have no class.
            (Some(_), Some("qwen2" | "mistral" | "granite" | "olmo2" | "phi3")) => {
                Self::of_model_type(model_type).unwrap_or(Self::AsWritten)
            }
            (Some(name), _) => Self::named(name),
        };
        let Some(json) = json else { return class };
        let has_byte_level = ["pre_tokenizer", "decoder"].iter().any(|part| has_step(&json[part], "ByteLevel"));
        let fits = class.model() == model_kind(&json["model"]) && !(class == Self::Llama && has_byte_level);
        if fits { class } else { Self::AsWritten }
    }

    fn of_model_type(model_type: Option<&str>) -> Option<Self> {
        match model_type? {
            "bert" | "distilbert" | "electra" => Some(Self::Bert),
            "roberta" => Some(Self::Roberta),
            "gpt2" | "gpt_neo" => Some(Self::Gpt2),
            "qwen2" | "qwen3" => Some(Self::Qwen2),
            _ => None,
        }
    }

    fn named(name: &str) -> Self {
        match name.strip_suffix("Fast").unwrap_or(name) {
            "BertTokenizer"
            | "DistilBertTokenizer"
            | "ElectraTokenizer"
            | "MobileBertTokenizer"
            | "SqueezeBertTokenizer"
            | "LayoutLMTokenizer" => Self::Bert,
            "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" => Self::Roberta,
            "GPT2Tokenizer" => Self::Gpt2,
            "Qwen2Tokenizer" => Self::Qwen2,
            "LlamaTokenizer" => Self::Llama,
            _ => Self::AsWritten,
        }
    }

    /// The class that reads `vocab.json` with `merges.txt`: a folder without a model type is taken for RoBERTa's.
    ///
    /// # Errors
    /// The model type, when it cuts texts by rules that only its tokenizer.json has.
    pub(super) fn of_byte_pairs(settings: &Settings) -> Result<Self, String> {
        let byte_level = |class: &Self| matches!(class, Self::Roberta | Self::Gpt2 | Self::Qwen2);
        let model_type = settings.model_type.as_deref();
        let class = Some(Self::of(settings, None)).filter(byte_level);
        match (class.or_else(|| Self::of_model_type(model_type).filter(byte_level)), model_type) {
            (Some(class), _) => Ok(class),
            (None, None) => Ok(Self::Roberta),
            (None, Some(other)) => Err(other.to_owned()),
        }
    }

    /// Kind of model that the class has; none for files that are read as written.
    fn model(self) -> Option<&'static str> {
        match self {
            Self::Bert => Some("WordPiece"),
            Self::Roberta | Self::Gpt2 | Self::Qwen2 | Self::Llama => Some("BPE"),
            Self::SentencePiece(_) | Self::AsWritten => None,
        }
    }

    /// The name that `transformers` has for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bert => "BertTokenizer",
            Self::Roberta => "RobertaTokenizer",
            Self::Gpt2 => "GPT2Tokenizer",
            Self::Qwen2 => "Qwen2Tokenizer",
            Self::Llama => "LlamaTokenizer",
            Self::SentencePiece(pieces) => pieces.name(),
            Self::AsWritten => "TokenizersBackend",
        }
    }

    /// Its special tokens where the files name none.
    fn usual(self) -> &'static [(&'static str, &'static str)] {
        const END: &str = "<|endoftext|>";
        match self {
            Self::Bert => &[
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Roberta => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Self::Gpt2 => &[("bos_token", END), ("eos_token", END), ("unk_token", END)],
            Self::Qwen2 => &[("eos_token", END), ("unk_token", END), ("pad_token", END)],
            Self::Llama => &[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")],
            Self::SentencePiece(pieces) => pieces.usual(),
            Self::AsWritten => &[],
        }
    }

    /// A special token by its name, and whether a file names it.
    pub(super) fn token(self, settings: &Settings, name: &'static str) -> Option<(AddedToken, bool)> {
        if let Some(token) = settings.named.get(name) {
            return token.clone().map(|token| (token, true));
        }
        let (_, content) = self.usual().iter().find(|(usual, _)| *usual == name)?;
        Some((AddedToken::from(*content, true), false))
    }

    /// All special tokens that have a name, in the order in which they are added.
    pub(super) fn tokens(self, settings: &Settings) -> Vec<(AddedToken, bool)> {
        let named = NAMED.iter().filter_map(|name| self.token(settings, name));
        named.chain(settings.model_tokens.iter().map(|token| (token.clone(), true))).collect()
    }

    /// Text of a special token that the class needs.
    pub(super) fn text(self, settings: &Settings, name: &'static str) -> String {
        let usual = || self.usual().iter().find(|(usual, _)| *usual == name).map(|&(_, content)| content.to_owned());
        self.token(settings, name).map(|(token, _)| token.content).or_else(usual).unwrap_or_default()
    }

    /// The tokenizer.json of the class, from a vocabulary and merges; without added tokens and post-processor, which come
    /// last.
    pub(super) fn build(self, vocab: Value, merges: Value, settings: &Settings) -> Value {
        let [normalizer, pre_tokenizer, decoder] = self.steps(settings);
        let mut json = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [],
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": null,
            "decoder": decoder,
            "model": self.empty_model(settings),
        });
        json["model"]["vocab"] = vocab;
        if self != Self::Bert {
            json["model"]["merges"] = merges;
        }
        json
    }

    /// Normalizer, pre-tokenizer and decoder.
    fn steps(self, settings: &Settings) -> [Value; 3] {
        let add_prefix_space = settings.add_prefix_space.unwrap_or(self == Self::Llama);
        let byte_level = |add_prefix_space: bool, use_regex: bool| {
            json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true,
                "use_regex": use_regex})
        };
        match self {
            Self::Bert => {
                let normalizer = json!({
                    "type": "BertNormalizer",
                    "clean_text": true,
                    "handle_chinese_chars": settings.tokenize_chinese_chars.unwrap_or(true),
                    "strip_accents": settings.strip_accents,
                    "lowercase": settings.do_lower_case.unwrap_or(true),
                });
                let decoder = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
                [normalizer, json!({"type": "BertPreTokenizer"}), decoder]
            }
            Self::Qwen2 => {
                let words = json!({"type": "Split", "pattern": {"Regex": QWEN2_WORDS}, "behavior": "Isolated",
                    "invert": false});
                let steps = json!({"type": "Sequence", "pretokenizers": [words, byte_level(add_prefix_space, false)]});
                [json!({"type": "NFC"}), steps, byte_level(true, true)]
            }
            Self::Llama => {
                let scheme = match (add_prefix_space, settings.legacy) {
                    (false, _) => "never",
                    (true, Some(true)) => "always",
                    (true, _) => "first",
                };
                let mut steps = vec![
                    json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
                    json!({"type": "ByteFallback"}),
                    json!({"type": "Fuse"}),
                ];
                if add_prefix_space {
                    steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
                }
                let pre_tokenizer =
                    json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
                [Value::Null, pre_tokenizer, json!({"type": "Sequence", "decoders": steps})]
            }
            Self::Roberta | Self::Gpt2 | Self::SentencePiece(_) | Self::AsWritten => {
                [Value::Null, byte_level(add_prefix_space, true), byte_level(true, true)]
            }
        }
    }

    /// The model without vocabulary and merges.
    fn empty_model(self, settings: &Settings) -> Value {
        match self {
            Self::Bert => json!({
                "type": "WordPiece",
                "unk_token": self.text(settings, "unk_token"),
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
            }),
            _ => json!({
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": self == Self::Llama,
                "byte_fallback": self == Self::Llama,
            }),
        }
    }

    /// The post-processor that the class makes itself; `id` finds the id of a token. `Ok(None)`: that of tokenizer.json
    /// counts.
    ///
    /// # Errors
    /// A token that has no id.
    pub(super) fn post_processor(
        self,
        settings: &Settings,
        has_json: bool,
        id: impl Fn(&str) -> Option<u32>,
    ) -> Result<Option<Value>, String> {
        let pair = |name: &'static str| {
            let token = self.text(settings, name);
            id(&token).map(|id| json!([token, id])).ok_or(token)
        };
        if let Self::SentencePiece(pieces) = self
            && let Some(template) = pieces.template()
        {
            return from_template(template, |name| self.text(settings, name), &id).map(Some);
        }
        match self {
            Self::Bert => {
                Ok(Some(json!({"type": "BertProcessing", "sep": pair("sep_token")?, "cls": pair("cls_token")?})))
            }
            Self::Roberta => Ok(Some(json!({
                "type": "RobertaProcessing",
                "sep": pair("sep_token")?,
                "cls": pair("cls_token")?,
                "trim_offsets": true,
                "add_prefix_space": settings.add_prefix_space.unwrap_or(false),
            }))),
            // With a tokenizer.json the two settings are not read.
            _ if has_json || !(settings.add_bos_token || settings.add_eos_token) => Ok(None),
            _ => {
                let text = |id: &str, type_id: u32| vec![json!({"Sequence": {"id": id, "type_id": type_id}})];
                let (mut pieces, mut second, mut tokens) = (text("A", 0), text("B", 1), Map::new());
                let ends = [("bos_token", settings.add_bos_token, 0), ("eos_token", settings.add_eos_token, 1)];
                for (name, is_added, at_end) in ends {
                    let content = self.token(settings, name).map(|(token, _)| token.content);
                    let Some(content) = content.filter(|_| is_added) else { continue };
                    let id = id(&content).ok_or_else(|| content.clone())?;
                    for (pieces, type_id) in [(&mut pieces, 0), (&mut second, 1)] {
                        let index = pieces.len() * at_end;
                        pieces.insert(index, json!({"SpecialToken": {"id": content, "type_id": type_id}}));
                    }
                    tokens.insert(content.clone(), json!({"id": content, "ids": [id], "tokens": [content]}));
                }
                let pair = [pieces.as_slice(), &second].concat();
                Ok(Some(
                    json!({"type": "TemplateProcessing", "single": pieces, "pair": pair, "special_tokens": tokens}),
                ))
            }
        }
    }
}

/// What of tokenizer.json is not used, because the class builds `own` instead: a sentence each.
pub(super) fn differences(class: Class, json: &Value, own: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    let parts = [
        ("normalizer", canonical::<NormalizerWrapper> as fn(&Value) -> Value),
        ("pre_tokenizer", canonical::<PreTokenizerWrapper> as fn(&Value) -> Value),
        ("decoder", canonical::<DecoderWrapper> as fn(&Value) -> Value),
    ];
    for (part, canonical) in parts {
        let (theirs, ours) = (canonical(&json[part]), canonical(&own[part]));
        // A byte-level decoder has settings, and no use for them.
        let is_byte_level = |decoder: &Value| part == "decoder" && decoder["type"] == "ByteLevel";
        if theirs != ours && !(is_byte_level(&theirs) && is_byte_level(&ours)) {
            notes.push(format!(
                "{part} of tokenizer.json is not used: it has {}, {} has {}, and transformers reads it so",
                quote(&theirs),
                class.name(),
                quote(&ours)
            ));
        }
    }
    for setting in ["continuing_subword_prefix", "end_of_word_suffix", "ignore_merges", "byte_fallback"] {
        let value = |json: &Value| json["model"].get(setting).filter(|value| !is_nothing(value)).cloned();
        let (theirs, ours) = (value(json), value(own));
        if theirs != ours {
            let text = |value: Option<Value>| value.map_or_else(|| "none".to_owned(), |value| quote(&value));
            notes.push(format!(
                "{setting} of tokenizer.json is not used: it is {}, {} has {}, and transformers reads it so",
                text(theirs),
                class.name(),
                text(ours)
            ));
        }
    }
    notes
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value == ""
}

fn quote(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > MAX_QUOTE {
        text.truncate(text.floor_char_boundary(MAX_QUOTE));
        text.push('…');
    }
    text
}

/// A part as the crate writes it, so that left-out fields and old spellings don't differ; `trim_offsets` has no effect
/// on ids.
fn canonical<T: serde::de::DeserializeOwned + serde::Serialize>(value: &Value) -> Value {
    let read = serde_json::from_str::<Option<T>>(&value.to_string());
    let mut value = read.ok().and_then(|part| serde_json::to_value(part).ok()).unwrap_or_else(|| value.clone());
    drop_field(&mut value, "trim_offsets");
    value
}

fn drop_field(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| drop_field(item, name)),
        Value::Object(fields) => {
            fields.shift_remove(name);
            fields.values_mut().for_each(|field| drop_field(field, name));
        }
        _ => {}
    }
}

/// Kind of a model; files before the field `type` have merges or not.
fn model_kind(model: &Value) -> Option<&str> {
    match model.get("type") {
        Some(kind) => kind.as_str(),
        None if !model["vocab"].is_object() => None,
        None => Some(if model.get("merges").is_some() { "BPE" } else { "WordPiece" }),
    }
}

/// Whether a part, or one of its steps, is of a type.
fn has_step(part: &Value, kind: &str) -> bool {
    match part {
        Value::Array(items) => items.iter().any(|item| has_step(item, kind)),
        Value::Object(fields) => {
            fields.get("type").is_some_and(|own| own == kind) || fields.values().any(|field| has_step(field, kind))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tokenizer_class: Option<&str>, model_type: &str, json: Option<&Value>) -> Class {
        let settings = Settings {
            tokenizer_class: tokenizer_class.map(str::to_owned),
            model_type: Some(model_type.to_owned()),
            ..Settings::default()
        };
        Class::of(&settings, json)
    }

    #[test]
    fn the_class_is_that_of_auto_tokenizer() {
        let pairs = json!({"model": {"type": "BPE"}, "pre_tokenizer": null, "decoder": null});
        let bytes = json!({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Sequence",
            "pretokenizers": [{"type": "ByteLevel"}]}, "decoder": null});
        let words = json!({"model": {"type": "WordPiece"}});
        let old = json!({"model": {"vocab": {"a": 0}}});
        for (class, model_type, json, expected) in [
            (Some("BertTokenizerFast"), "bert", &words, Class::Bert),
            (None, "distilbert", &old, Class::Bert),
            (Some("PreTrainedTokenizerFast"), "bert", &words, Class::AsWritten),
            (Some("XLMRobertaTokenizer"), "bert", &words, Class::AsWritten),
            (None, "bert", &pairs, Class::AsWritten),
            (Some("PreTrainedTokenizerFast"), "qwen2", &bytes, Class::Qwen2),
            (Some("PreTrainedTokenizerFast"), "qwen3", &bytes, Class::AsWritten),
            (Some("LlamaTokenizer"), "llama", &pairs, Class::Llama),
            (Some("LlamaTokenizerFast"), "llama", &bytes, Class::AsWritten),
            (Some("LlamaTokenizer"), "mistral", &pairs, Class::AsWritten),
            (Some("GPT2Tokenizer"), "granite", &bytes, Class::AsWritten),
            (Some("GPT2TokenizerFast"), "olmo2", &bytes, Class::AsWritten),
            (Some("LlamaTokenizer"), "phi3", &pairs, Class::AsWritten),
            (Some("PreTrainedTokenizerFast"), "smollm3", &bytes, Class::AsWritten),
            (Some("GemmaTokenizer"), "gemma3_text", &pairs, Class::AsWritten),
            (None, "llama", &pairs, Class::AsWritten),
            (None, "gpt_neo", &bytes, Class::Gpt2),
        ] {
            assert_eq!(of(class, model_type, Some(json)), expected, "{class:?} {model_type} {json}");
        }
    }

    #[test]
    fn differences_are_told_and_spellings_are_not() {
        let settings = Settings::default();
        let own = Class::Bert.build(json!({}), Value::Null, &settings);
        let file = json!({"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"continuing_subword_prefix": "##"}});
        assert_eq!(differences(Class::Bert, &file, &own), Vec::<String>::new());
        let mut cased = file;
        cased["normalizer"]["lowercase"] = false.into();
        let notes = differences(Class::Bert, &cased, &own);
        assert!(notes.len() == 1 && notes[0].starts_with("normalizer of tokenizer.json is not used"), "{notes:?}");
        let own = Class::Gpt2.build(json!({}), json!([]), &settings);
        let file = json!({"normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
            "trim_offsets": false}, "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
            "model": {"ignore_merges": false, "continuing_subword_prefix": null}});
        assert_eq!(differences(Class::Gpt2, &file, &own), Vec::<String>::new());
    }
}
