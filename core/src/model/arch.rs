//! `config.json` to an architecture, or the reason why not.

use serde_json::Value;

use super::{HeadConfig, HeadKind, KeyMap, bert, distilbert, gpt_neo, gpt2, llama, roberta};
use crate::config::{Pooling, Task};
use crate::data::PositionIds;
use crate::nn::{DecoderConfig, EncoderConfig};

/// Why a `config.json` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not JSON, or not an object.
    #[error("config.json is not a JSON object: {0}")]
    Malformed(String),
    /// No `model_type`.
    #[error("config.json has no \"model_type\": is this a transformers model?")]
    NoModelType,
    /// An architecture that Hone does not have.
    #[error("config.json: model_type {found:?} is not supported; supported are {}", supported())]
    Unsupported {
        /// What it says.
        found: String,
    },
    /// A field is missing or of the wrong kind.
    #[error("config.json: {field}: {reason}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// BERT, any size.
    Bert,
    /// DistilBERT.
    Distilbert,
    /// RoBERTa.
    Roberta,
    /// GPT-2, DistilGPT-2.
    Gpt2,
    /// GPT-Neo.
    GptNeo,
    /// Llama, SmolLM, TinyLlama.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen2, Qwen2.5.
    Qwen2,
    /// Qwen3.
    Qwen3,
}

/// Sizes and rates of what is built.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// An encoder with a sequence-classification head.
    Classifier {
        /// Sizes and rates.
        encoder: EncoderConfig,
        /// The head as `transformers` builds it; `classifier_dropout` resolved.
        head: HeadConfig,
    },
    /// A decoder that predicts the next token.
    CausalLm(DecoderConfig),
}

/// What `config.json` says, in one vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Which one.
    pub architecture: Architecture,
    /// Sizes and rates.
    pub body: Body,
    /// Padding token.
    pub pad_token_id: u32,
    /// Tokens that end a text; the first is the one that is appended.
    pub eos_token_ids: Vec<u32>,
    /// Labels in the order of their ids; empty where the file has only placeholders (`LABEL_0`, ...) or none.
    pub labels: Vec<String>,
    /// The file as it came, for export.
    pub json: Value,
}

impl Architecture {
    const ALL: [Self; 9] = [
        Self::Bert,
        Self::Distilbert,
        Self::Roberta,
        Self::Gpt2,
        Self::GptNeo,
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
    ];

    /// `model_type` as `transformers` spells it.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Distilbert => "distilbert",
            Self::Roberta => "roberta",
            Self::Gpt2 => "gpt2",
            Self::GptNeo => "gpt_neo",
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    fn class_name(self) -> &'static str {
        match self {
            Self::Bert => "BertForSequenceClassification",
            Self::Distilbert => "DistilBertForSequenceClassification",
            Self::Roberta => "RobertaForSequenceClassification",
            Self::Gpt2 => "GPT2LMHeadModel",
            Self::GptNeo => "GPTNeoForCausalLM",
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    fn key_map(self) -> &'static KeyMap {
        match self {
            Self::Bert => &bert::KEY_MAP,
            Self::Distilbert => &distilbert::KEY_MAP,
            Self::Roberta => &roberta::KEY_MAP,
            Self::Gpt2 => &gpt2::KEY_MAP,
            Self::GptNeo => &gpt_neo::KEY_MAP,
            Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3 => &llama::KEY_MAP,
        }
    }

    fn body(self, fields: &Fields<'_>) -> Result<Body, ModelError> {
        Ok(match self {
            Self::Bert => Body::Classifier { encoder: bert::encoder(fields)?, head: bert::head(fields)? },
            Self::Distilbert => {
                Body::Classifier { encoder: distilbert::encoder(fields)?, head: distilbert::head(fields)? }
            }
            Self::Roberta => Body::Classifier { encoder: roberta::encoder(fields)?, head: roberta::head(fields)? },
            Self::Gpt2 => Body::CausalLm(gpt2::decoder(fields)?),
            Self::GptNeo => Body::CausalLm(gpt_neo::decoder(fields)?),
            Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3 => Body::CausalLm(llama::decoder(fields, self)?),
        })
    }

    /// Modules that LoRA adapts where none are named, as PEFT's table for this `model_type` has them
    /// (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING`).
    #[must_use]
    pub fn default_target_modules(self) -> &'static [&'static str] {
        match self {
            Self::Bert | Self::Roberta => &["query", "value"],
            Self::Distilbert => &["q_lin", "v_lin"],
            Self::Gpt2 => &["c_attn"],
            Self::GptNeo | Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3 => &["q_proj", "v_proj"],
        }
    }
}

impl Body {
    fn check(&self) -> Result<(), ModelError> {
        let divides = |field, inner: usize, outer: usize, name: &str| match inner > 0 && outer.is_multiple_of(inner) {
            true => Ok(()),
            false => Err(ModelError::Field { field, reason: format!("{inner} does not divide {name} {outer}") }),
        };
        match self {
            Self::Classifier { encoder, .. } => {
                divides("num_attention_heads", encoder.num_attention_heads, encoder.hidden_size, "hidden_size")
            }
            Self::CausalLm(decoder) => {
                let (heads, keys) = (decoder.num_attention_heads, decoder.num_key_value_heads);
                divides("num_key_value_heads", keys, heads, "num_attention_heads")?;
                divides("head_dim", 2, decoder.head_dim, "head_dim")
            }
        }
    }
}

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// Says which architecture or field can't be used, and why.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ModelError> {
        let json: Value = serde_json::from_slice(bytes).map_err(|error| ModelError::Malformed(error.to_string()))?;
        if !json.is_object() {
            return Err(ModelError::Malformed("it holds something else".into()));
        }
        let model_type = json.get("model_type").and_then(Value::as_str).ok_or(ModelError::NoModelType)?.to_owned();
        let fields = Fields { json: &json };
        let architecture = Architecture::ALL
            .into_iter()
            .find(|architecture| architecture.model_type() == model_type)
            .ok_or(ModelError::Unsupported { found: model_type })?;
        let body = architecture.body(&fields)?;
        body.check()?;
        let eos_token_ids = eos_token_ids(&json);
        let default_pad = match &body {
            Body::Classifier { .. } => usize::from(architecture == Architecture::Roberta),
            Body::CausalLm(_) => eos_token_ids.first().map_or(0, |&id| id as usize), // never scored
        };
        let pad_token_id = fields.whole_or("pad_token_id", default_pad)? as u32;
        let labels = labels(&json);
        Ok(Self { architecture, body, pad_token_id, eos_token_ids, labels, json })
    }

    /// What the model is for.
    #[must_use]
    pub fn task(&self) -> Task {
        match self.body {
            Body::Classifier { .. } => Task::SequenceClassification,
            Body::CausalLm(_) => Task::CausalLm,
        }
    }

    /// `model_type` as `transformers` spells it.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        self.architecture.model_type()
    }

    /// The `transformers` class that loads the exported folder.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        self.architecture.class_name()
    }

    /// Parameter paths to checkpoint keys.
    #[must_use]
    pub fn key_map(&self) -> &'static KeyMap {
        self.architecture.key_map()
    }

    /// How positions are numbered.
    #[must_use]
    pub fn position_ids(&self) -> PositionIds {
        match self.architecture {
            Architecture::Roberta => PositionIds::AfterPad(self.pad_token_id),
            _ => PositionIds::FromZero,
        }
    }

    /// Longest input in tokens (RoBERTa's table holds two rows that no token uses).
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        match (&self.body, self.architecture) {
            (Body::Classifier { encoder, .. }, Architecture::Roberta) => {
                encoder.max_position_embeddings.saturating_sub(self.pad_token_id as usize + 1)
            }
            (Body::Classifier { encoder, .. }, _) => encoder.max_position_embeddings,
            (Body::CausalLm(decoder), _) => decoder.max_position_embeddings,
        }
    }

    /// Tokens in the vocabulary.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        match &self.body {
            Body::Classifier { encoder, .. } => encoder.vocab_size,
            Body::CausalLm(decoder) => decoder.vocab_size,
        }
    }

    /// Width of a token state.
    #[must_use]
    pub fn hidden_size(&self) -> usize {
        match &self.body {
            Body::Classifier { encoder, .. } => encoder.hidden_size,
            Body::CausalLm(decoder) => decoder.hidden_size,
        }
    }

    /// Transformer layers.
    #[must_use]
    pub fn num_hidden_layers(&self) -> usize {
        match &self.body {
            Body::Classifier { encoder, .. } => encoder.num_hidden_layers,
            Body::CausalLm(decoder) => decoder.num_hidden_layers,
        }
    }

    /// Encoder and head for a pooling; `None` where the model is no classifier.
    #[must_use]
    pub fn classifier(&self, pooling: Pooling) -> Option<(&EncoderConfig, HeadConfig)> {
        let Body::Classifier { encoder, head } = &self.body else { return None };
        let head = match pooling {
            Pooling::Cls => *head,
            Pooling::Mean => HeadConfig { kind: HeadKind::Mean, ..*head },
        };
        Some((encoder, head))
    }
}

fn supported() -> String {
    Architecture::ALL.map(Architecture::model_type).join(", ")
}

/// `eos_token_id`: a number or a list.
fn eos_token_ids(json: &Value) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match json.get("eos_token_id") {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        Some(value) => id(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// `id2label` in order of ids, unless all are placeholders.
fn labels(json: &Value) -> Vec<String> {
    let Some(map) = json.get("id2label").and_then(Value::as_object) else { return Vec::new() };
    let mut pairs: Vec<(usize, String)> =
        map.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label.as_str()?.to_owned()))).collect();
    pairs.sort();
    let is_numbered = pairs.iter().enumerate().all(|(index, (id, _))| index == *id) && pairs.len() == map.len();
    let is_placeholder = pairs.iter().all(|(id, label)| *label == format!("LABEL_{id}"));
    if !is_numbered || is_placeholder {
        return Vec::new();
    }
    pairs.into_iter().map(|(_, label)| label).collect()
}

/// Typed access to the file's fields.
pub(super) struct Fields<'a> {
    json: &'a Value,
}

impl Fields<'_> {
    pub(super) fn whole(&self, field: &'static str) -> Result<usize, ModelError> {
        self.present(field).ok_or_else(|| ModelError::Field { field, reason: "is missing".into() }).and_then(|value| {
            value
                .as_u64()
                .filter(|&number| number > 0 && number < 1 << 24)
                .map(|number| number as usize)
                .ok_or_else(|| ModelError::Field { field, reason: format!("{value} is not a usable whole number") })
        })
    }

    pub(super) fn whole_or(&self, field: &'static str, default: usize) -> Result<usize, ModelError> {
        match self.present(field) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .map(|number| number as usize)
                .ok_or_else(|| ModelError::Field { field, reason: format!("{value} is not a whole number") }),
        }
    }

    pub(super) fn real_or(&self, field: &'static str, default: f64) -> Result<f64, ModelError> {
        match self.present(field) {
            None => Ok(default),
            Some(value) => {
                value.as_f64().ok_or_else(|| ModelError::Field { field, reason: format!("{value} is not a number") })
            }
        }
    }

    pub(super) fn text_or<'b>(&'b self, field: &'static str, default: &'b str) -> &'b str {
        self.present(field).and_then(Value::as_str).unwrap_or(default)
    }

    pub(super) fn flag_or(&self, field: &'static str, default: bool) -> Result<bool, ModelError> {
        match self.present(field) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| ModelError::Field { field, reason: format!("{value} is neither true nor false") }),
        }
    }

    pub(super) fn list(&self, field: &str) -> Option<&Vec<Value>> {
        self.present(field).and_then(Value::as_array)
    }

    pub(super) fn object(&self, field: &str) -> Option<&serde_json::Map<String, Value>> {
        self.present(field).and_then(Value::as_object)
    }

    fn present(&self, field: &str) -> Option<&Value> {
        self.json.get(field).filter(|value| !value.is_null())
    }
}

pub(super) fn activation(fields: &Fields<'_>, field: &'static str) -> Result<crate::nn::Activation, ModelError> {
    match fields.text_or(field, "gelu") {
        "gelu" => Ok(crate::nn::Activation::Gelu),
        "relu" => Ok(crate::nn::Activation::Relu),
        other => {
            Err(ModelError::Field { field, reason: format!("{other:?} is not supported; supported are gelu, relu") })
        }
    }
}

/// `gelu_new`, the only activation of GPT models that Hone has.
pub(super) fn gelu_new(fields: &Fields<'_>, field: &'static str) -> Result<(), ModelError> {
    match fields.text_or(field, "gelu_new") {
        "gelu_new" => Ok(()),
        other => Err(ModelError::Field { field, reason: format!("{other:?} is not supported; only gelu_new is") }),
    }
}

/// A switch of which Hone has one position only.
pub(super) fn only(fields: &Fields<'_>, field: &'static str, supported: bool) -> Result<(), ModelError> {
    match fields.flag_or(field, supported)? == supported {
        true => Ok(()),
        false => Err(ModelError::Field { field, reason: format!("only {supported} is supported") }),
    }
}

pub(super) fn absolute_positions(fields: &Fields<'_>) -> Result<(), ModelError> {
    match fields.text_or("position_embedding_type", "absolute") {
        "absolute" => Ok(()),
        other => Err(ModelError::Field {
            field: "position_embedding_type",
            reason: format!("{other:?} is not supported; only absolute is"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;

    #[test]
    fn an_unsupported_architecture_is_named() {
        let error = ModelConfig::from_json(br#"{"model_type":"t5"}"#).expect_err("not an encoder we have").to_string();
        assert!(error.contains("\"t5\"") && error.contains("distilbert"), "{error}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = ModelConfig::from_json(br#"{"model_type":"bert"}"#).expect_err("no sizes").to_string();
        assert!(error.contains("vocab_size: is missing"), "{error}");
    }

    #[test]
    fn heads_must_divide_the_width() {
        let text = BERT.replace("\"num_attention_heads\":2", "\"num_attention_heads\":3");
        assert!(ModelConfig::from_json(text.as_bytes()).is_err());
    }

    #[test]
    fn placeholder_labels_are_no_labels() {
        let with = |labels: &str| BERT.replacen('{', &format!("{{\"id2label\":{labels},"), 1);
        let read = |text: String| ModelConfig::from_json(text.as_bytes()).expect("usable").labels;
        assert!(read(with(r#"{"0":"LABEL_0","1":"LABEL_1"}"#)).is_empty());
        assert_eq!(read(with(r#"{"1":"b","0":"a"}"#)), ["a", "b"]);
    }
}
