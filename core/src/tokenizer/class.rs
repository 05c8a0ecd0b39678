//! Which tokenizer class of `transformers` reads a folder, and what it takes from it.
//!
//! A class of transformers 5 builds its tokenizer itself: it takes the vocabulary, the merges and (some of them) the
//! post-processor from `tokenizer.json`, and everything else from its own code and `tokenizer_config.json`. Only
//! `TokenizersBackend` (`PreTrainedTokenizerFast`) takes the file as it is written. Follows
//! `models/auto/tokenization_auto.py` and `models/{bert,mpnet,roberta,gpt2,qwen2,llama}/tokenization_*.py` of transformers
//! 5.24, and those of `from_vocab::pieces`; classes that are not listed here are read as written.

mod differences;

use serde_json::{Map, Value, json};
use tokenizers::AddedToken;

use super::from_vocab::pieces::{Pieces, from_template};
use super::settings::{NAMED, Settings};

pub(super) use differences::differences;

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bert,
    Mpnet,
    Roberta,
    Gpt2,
    Qwen2,
    Llama,
    /// Made for a SentencePiece file.
    SentencePiece(Pieces),
    /// `tokenizer.json` as it is.
    AsWritten,
}

/// How Qwen 2 cuts a text into words.
pub(super) const QWEN2_WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Classes that give the model `token_type_ids` (`model_input_names` of transformers 5.24), as files name them; some are other
/// names of `BertTokenizer`.
const GIVE_TYPE_IDS: [&str; 12] = [
    "BertTokenizer",
    "ElectraTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
    "LayoutLMTokenizer",
    "LxmertTokenizer",
    "ConvBertTokenizer",
    "DPRContextEncoderTokenizer",
    "DPRQuestionEncoderTokenizer",
    "DebertaTokenizer",
    "DebertaV2Tokenizer",
    "FNetTokenizer",
];

impl Class {
    /// The class that `AutoTokenizer` takes; `json` is the content of tokenizer.json.
    pub(super) fn of(settings: &Settings, json: Option<&Value>) -> Self {
        let class = match Self::name_that_counts(settings) {
            Some(name) => Self::named(name),
            None => Self::of_model_type(settings.model_type.as_deref()).unwrap_or(Self::AsWritten),
        };
        let Some(json) = json else { return class };
        let has_byte_level = ["pre_tokenizer", "decoder"].iter().any(|part| has_step(&json[part], "ByteLevel"));
        let fits = class.model() == model_kind(&json["model"]) && !(class == Self::Llama && has_byte_level);
        if fits { class } else { Self::AsWritten }
    }

    /// The class that the files name; `None` where they name none, and where `AutoTokenizer` goes by the model type whatever
    /// they name.
    fn name_that_counts(settings: &Settings) -> Option<&str> {
        match settings.model_type.as_deref() {
            // What Qwen 2 checkpoints name is known to be wrong; the others have no class.
            Some("qwen2" | "mistral" | "granite" | "olmo2" | "phi3" | "modernbert") => None,
            _ => settings.tokenizer_class.as_deref(),
        }
    }

    /// Whether the model is given the segments of tokens: by `model_input_names` of tokenizer_config.json, else by the class
    /// that the files name, else by that of the model type; without any of them by the class that reads a bare vocabulary.
    /// A name counts also where the class can't read the file's kind of model, as in `AutoTokenizer`.
    pub(super) fn gives_type_ids(self, settings: &Settings) -> bool {
        if let Some(is_named) = settings.names_type_ids {
            return is_named;
        }
        let class = match (Self::name_that_counts(settings), settings.model_type.as_deref()) {
            (Some(name), _) => return GIVE_TYPE_IDS.contains(&name.strip_suffix("Fast").unwrap_or(name)),
            (None, None) => Some(self),
            (None, model_type) => Self::of_model_type(model_type),
        };
        matches!(class, Some(Self::Bert | Self::SentencePiece(Pieces::DebertaV2)))
    }

    fn of_model_type(model_type: Option<&str>) -> Option<Self> {
        match model_type? {
            "bert" | "distilbert" | "electra" => Some(Self::Bert),
            "roberta" => Some(Self::Roberta),
            "gpt2" | "gpt_neo" => Some(Self::Gpt2),
            "qwen2" | "qwen3" => Some(Self::Qwen2),
            "mpnet" => Some(Self::Mpnet),
            "t5" | "mt5" => Some(Self::SentencePiece(Pieces::T5)),
            "albert" => Some(Self::SentencePiece(Pieces::Albert)),
            "xlm-roberta" => Some(Self::SentencePiece(Pieces::XlmRoberta)),
            "camembert" => Some(Self::SentencePiece(Pieces::Camembert)),
            "deberta-v2" => Some(Self::SentencePiece(Pieces::DebertaV2)),
            "gemma2" | "gemma3_text" => Some(Self::SentencePiece(Pieces::Gemma)),
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
            | "LayoutLMTokenizer"
            | "LxmertTokenizer" => Self::Bert,
            "MPNetTokenizer" => Self::Mpnet,
            "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" => Self::Roberta,
            "GPT2Tokenizer" => Self::Gpt2,
            "Qwen2Tokenizer" => Self::Qwen2,
            "LlamaTokenizer" => Self::Llama,
            "T5Tokenizer" => Self::SentencePiece(Pieces::T5),
            "AlbertTokenizer" => Self::SentencePiece(Pieces::Albert),
            "XLMRobertaTokenizer" => Self::SentencePiece(Pieces::XlmRoberta),
            "CamembertTokenizer" => Self::SentencePiece(Pieces::Camembert),
            "DebertaV2Tokenizer" => Self::SentencePiece(Pieces::DebertaV2),
            "GemmaTokenizer" => Self::SentencePiece(Pieces::Gemma),
            _ => Self::AsWritten,
        }
    }

    /// The class that reads `vocab.txt`.
    ///
    /// # Errors
    /// The name of a class that cuts texts by other rules than BERT's.
    pub(super) fn of_word_pieces(settings: &Settings) -> Result<Self, String> {
        let model_type = settings.model_type.as_deref();
        let Some(name) = settings.tokenizer_class.as_deref() else {
            let is_mpnet = Self::of_model_type(model_type) == Some(Self::Mpnet);
            return Ok(if is_mpnet { Self::Mpnet } else { Self::Bert });
        };
        match (Self::named(name), name.strip_suffix("Fast").unwrap_or(name)) {
            (class @ (Self::Bert | Self::Mpnet), _) => Ok(class),
            (_, "PreTrainedTokenizer" | "TokenizersBackend" | "ConvBertTokenizer") => Ok(Self::Bert),
            (_, dense) if dense.starts_with("DPR") => Ok(Self::Bert),
            _ => Err(name.to_owned()),
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
            Self::Bert | Self::Mpnet => Some("WordPiece"),
            Self::Roberta | Self::Gpt2 | Self::Qwen2 | Self::Llama => Some("BPE"),
            Self::SentencePiece(pieces) => pieces.is_unigram().map(|is_it| if is_it { "Unigram" } else { "BPE" }),
            Self::AsWritten => None,
        }
    }

    /// The name that `transformers` has for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bert => "BertTokenizer",
            Self::Mpnet => "MPNetTokenizer",
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
            Self::Mpnet => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "[UNK]"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
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
        if !matches!(self, Self::Bert | Self::Mpnet) {
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
            Self::Bert | Self::Mpnet => {
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
            Self::Bert | Self::Mpnet => json!({
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

    /// The post-processor that the class makes itself; `file` is the content of tokenizer.json, `id` finds the id of a token.
    /// `Ok(None)`: that of the file counts.
    ///
    /// # Errors
    /// A token that has no id.
    pub(super) fn post_processor(
        self,
        settings: &Settings,
        file: Option<&Value>,
        id: impl Fn(&str) -> Option<u32>,
    ) -> Result<Option<Value>, String> {
        let pair = |name: &'static str| {
            let token = self.text(settings, name);
            id(&token).map(|id| json!([token, id])).ok_or(token)
        };
        let has_own = file.is_some_and(|json| !json["post_processor"].is_null());
        // ALBERT's class writes its own before that of tokenizer.json, where it has one, is put in its place.
        if let Self::SentencePiece(pieces) = self
            && let Some(template) = pieces.template().filter(|_| !(has_own && pieces == Pieces::Albert))
        {
            return from_template(template, |name| self.text(settings, name), &id).map(Some);
        }
        match self {
            Self::Bert => {
                Ok(Some(json!({"type": "BertProcessing", "sep": pair("sep_token")?, "cls": pair("cls_token")?})))
            }
            Self::Roberta | Self::Mpnet => Ok(Some(json!({
                "type": "RobertaProcessing",
                "sep": pair("sep_token")?,
                "cls": pair("cls_token")?,
                "trim_offsets": true,
                "add_prefix_space": settings.add_prefix_space.unwrap_or(false),
            }))),
            // With a tokenizer.json the two settings are not read.
            _ if file.is_some() || !(settings.add_bos_token || settings.add_eos_token) => Ok(None),
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

/// Kind of a model; files before the field `type` have merges or not.
fn model_kind(model: &Value) -> Option<&str> {
    match model.get("type") {
        Some(kind) => kind.as_str(),
        None if model["vocab"].is_array() => Some("Unigram"),
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
mod tests;
