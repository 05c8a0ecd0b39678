//! `config.json` to an architecture, or the reason why not.

use serde_json::Value;

use super::fields::Fields;
use super::labels::{MAX_LABELS, ProblemType, labels};
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

/// Tokens that a text may have at the least: with fewer there is no room beside the special ones.
const MIN_TOKENS: usize = 4;

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
    /// What the logits of the model's own head mean; of no use where it has none.
    pub problem_type: ProblemType,
    /// Labels in the order of their ids; empty where the file has only placeholders (`LABEL_0`, ...) or none.
    pub labels: Vec<String>,
    /// The file, for export: as it came, but for what the weights prove wrong.
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

    /// What `config.json` calls one of [`EncoderConfig`]'s or [`DecoderConfig`]'s fields (`attribute_map` of
    /// `transformers`).
    #[must_use]
    pub fn field_name(self, field: &'static str) -> &'static str {
        match (self, field) {
            (Self::Distilbert, "hidden_size") => "dim",
            (Self::Distilbert, "num_hidden_layers") => "n_layers",
            (Self::Distilbert, "intermediate_size") => "hidden_dim",
            (Self::Gpt2, "hidden_size") => "n_embd",
            (Self::Gpt2, "num_hidden_layers") => "n_layer",
            (Self::Gpt2, "intermediate_size") => "n_inner",
            (Self::Gpt2, "max_position_embeddings") => "n_positions",
            (Self::GptNeo, "num_hidden_layers") => "num_layers",
            (_, field) => field,
        }
    }

    /// Modules that LoRA adapts where none are named, as PEFT's table for this `model_type` has them
    /// (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING`). PEFT 0.21 has none for DistilBERT: there, as
    /// elsewhere, queries and values.
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
        let divides =
            |field, inner: usize, outer: usize, name: &str| match inner > 0 && outer > 0 && outer.is_multiple_of(inner)
            {
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
                match decoder.head_dim.is_multiple_of(2) {
                    true => Ok(()),
                    false => Err(ModelError::Field {
                        field: "head_dim",
                        reason: format!("{} is odd, and a head's values are turned in pairs", decoder.head_dim),
                    }),
                }
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
        let fields = Fields::new(&json);
        let architecture = Architecture::ALL
            .into_iter()
            .find(|architecture| architecture.model_type() == model_type)
            .ok_or(ModelError::Unsupported { found: model_type })?;
        let body = architecture.body(&fields)?;
        body.check()?;
        let eos_token_ids = eos_token_ids(&json);
        let pad_token_id = pad_token_id(&fields, architecture, &body, &eos_token_ids)?;
        let problem_type = ProblemType::from_fields(&fields)?;
        let labels = labels(&json);
        if labels.len() > MAX_LABELS {
            let reason = format!("names {} labels, at most {MAX_LABELS} are possible", labels.len());
            return Err(ModelError::Field { field: "id2label", reason });
        }
        let config = Self { architecture, body, pad_token_id, eos_token_ids, problem_type, labels, json };
        if config.max_tokens() < MIN_TOKENS {
            return Err(ModelError::Field {
                field: architecture.field_name("max_position_embeddings"),
                reason: format!("leaves a text {} tokens, {MIN_TOKENS} are needed", config.max_tokens()),
            });
        }
        Ok(config)
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
                encoder.max_position_embeddings.saturating_sub(self.pad_token_id as usize).saturating_sub(1)
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

    /// What the model's own head does, where Hone has no use for it: such a head neither predicts nor is trained on.
    #[must_use]
    pub fn unsupported_head(&self) -> Option<&'static str> {
        match (&self.body, self.problem_type) {
            (Body::CausalLm(_), _) => None,
            (_, ProblemType::MultiLabelClassification) => Some("multi-label classification"),
            (_, ProblemType::Regression) => Some("regression"),
            // The probability of a lone label is 1 whatever the text.
            (_, ProblemType::SingleLabelClassification) => (self.labels.len() == 1).then_some("regression"),
        }
    }

    /// Gives the tokens' scores a table of their own, here and in the file that is exported.
    pub fn untie_word_embeddings(&mut self) {
        if let Body::CausalLm(decoder) = &mut self.body {
            decoder.tie_word_embeddings = false;
            self.json["tie_word_embeddings"] = Value::Bool(false);
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

/// `pad_token_id`; where it names no token, one that does no harm.
fn pad_token_id(
    fields: &Fields<'_>,
    architecture: Architecture,
    body: &Body,
    eos_token_ids: &[u32],
) -> Result<u32, ModelError> {
    if let Some(id) = fields.token_id("pad_token_id")? {
        return Ok(id);
    }
    match body {
        Body::Classifier { .. } if architecture == Architecture::Roberta => match fields.has("pad_token_id") {
            true => Err(ModelError::Field {
                field: "pad_token_id",
                reason: "is negative; RoBERTa numbers its positions from it".into(),
            }),
            false => Ok(1),
        },
        Body::Classifier { .. } => Ok(0),
        // Never scored.
        Body::CausalLm(decoder) => {
            Ok(eos_token_ids.iter().copied().find(|&id| (id as usize) < decoder.vocab_size).unwrap_or(0))
        }
    }
}

/// `eos_token_id`: a number or a list; what is no id (-1) is left out.
fn eos_token_ids(json: &Value) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match json.get("eos_token_id") {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        Some(value) => id(value).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The configuration of a tiny BERT.
    pub(in crate::model) const BERT: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,
        "num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;

    /// That configuration with more fields.
    pub(in crate::model) fn with(fields: &str) -> ModelConfig {
        let text = BERT.replacen('{', &format!("{{{fields},"), 1);
        ModelConfig::from_json(text.as_bytes()).expect("usable")
    }

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
    fn ids_that_name_no_token_are_none() {
        for pad in ["-1", "null"] {
            assert_eq!(with(&format!("\"pad_token_id\":{pad}")).pad_token_id, 0);
        }
        assert_eq!(with(r#""pad_token_id":3,"eos_token_id":[5,-1,4]"#).eos_token_ids, [5, 4]);
        let gpt2 = r#"{"model_type":"gpt2","vocab_size":10,"n_embd":8,"n_layer":1,"n_head":2,"n_positions":32,"#;
        let pad = |eos: &str| {
            let text = format!("{gpt2}\"pad_token_id\":-1,\"eos_token_id\":{eos}}}");
            ModelConfig::from_json(text.as_bytes()).expect("usable").pad_token_id
        };
        assert_eq!([pad("7"), pad("[99,6]"), pad("-1"), pad("null")], [7, 6, 0, 0]);
        let roberta = BERT.replace("\"bert\"", "\"roberta\"").replacen('{', r#"{"pad_token_id":-1,"#, 1);
        let error = ModelConfig::from_json(roberta.as_bytes()).expect_err("positions hang on it").to_string();
        assert!(error.contains("pad_token_id"), "{error}");
        let huge = BERT.replacen('{', r#"{"pad_token_id":4294967296,"#, 1);
        assert!(ModelConfig::from_json(huge.as_bytes()).is_err());
    }
}
