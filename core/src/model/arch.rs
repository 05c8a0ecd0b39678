//! `config.json` to an architecture, or the reason why not.

use serde_json::Value;

use super::{HeadConfig, HeadKind, KeyMap, bert, distilbert, roberta};
use crate::config::Pooling;
use crate::data::PositionIds;
use crate::nn::EncoderConfig;

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
    #[error("config.json: model_type {found:?} is not supported; supported are bert, distilbert, roberta")]
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
}

/// What `config.json` says, in one vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Which one.
    pub architecture: Architecture,
    /// Sizes and rates.
    pub encoder: EncoderConfig,
    /// The head as `transformers` builds it; `classifier_dropout` resolved.
    pub head: HeadConfig,
    /// Padding token.
    pub pad_token_id: u32,
    /// Labels in the order of their ids; empty where the file has only placeholders (`LABEL_0`, ...) or none.
    pub labels: Vec<String>,
    /// The file as it came, for export.
    pub json: Value,
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
        let (architecture, encoder, head) = match model_type.as_str() {
            "bert" => (Architecture::Bert, bert::encoder(&fields)?, bert::head(&fields)?),
            "distilbert" => (Architecture::Distilbert, distilbert::encoder(&fields)?, distilbert::head(&fields)?),
            "roberta" => (Architecture::Roberta, roberta::encoder(&fields)?, roberta::head(&fields)?),
            _ => return Err(ModelError::Unsupported { found: model_type }),
        };
        if encoder.hidden_size % encoder.num_attention_heads != 0 {
            return Err(ModelError::Field {
                field: "num_attention_heads",
                reason: format!("{} does not divide hidden_size {}", encoder.num_attention_heads, encoder.hidden_size),
            });
        }
        let default_pad = if architecture == Architecture::Roberta { 1 } else { 0 };
        let pad_token_id = fields.whole_or("pad_token_id", default_pad)? as u32;
        let labels = labels(&json);
        Ok(Self { architecture, encoder, head, pad_token_id, labels, json })
    }

    /// `model_type` as `transformers` spells it.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        match self.architecture {
            Architecture::Bert => "bert",
            Architecture::Distilbert => "distilbert",
            Architecture::Roberta => "roberta",
        }
    }

    /// The `transformers` class that loads the exported folder.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        match self.architecture {
            Architecture::Bert => "BertForSequenceClassification",
            Architecture::Distilbert => "DistilBertForSequenceClassification",
            Architecture::Roberta => "RobertaForSequenceClassification",
        }
    }

    /// Parameter paths to checkpoint keys.
    #[must_use]
    pub fn key_map(&self) -> &'static KeyMap {
        match self.architecture {
            Architecture::Bert => &bert::KEY_MAP,
            Architecture::Distilbert => &distilbert::KEY_MAP,
            Architecture::Roberta => &roberta::KEY_MAP,
        }
    }

    /// How positions are numbered.
    #[must_use]
    pub fn position_ids(&self) -> PositionIds {
        match self.architecture {
            Architecture::Bert | Architecture::Distilbert => PositionIds::FromZero,
            Architecture::Roberta => PositionIds::AfterPad(self.pad_token_id),
        }
    }

    /// Longest input in tokens (RoBERTa's table holds two rows that no token uses).
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        match self.architecture {
            Architecture::Bert | Architecture::Distilbert => self.encoder.max_position_embeddings,
            Architecture::Roberta => {
                self.encoder.max_position_embeddings.saturating_sub(self.pad_token_id as usize + 1)
            }
        }
    }

    /// The head for a pooling.
    #[must_use]
    pub fn head_for(&self, pooling: Pooling) -> HeadConfig {
        match pooling {
            Pooling::Cls => self.head,
            Pooling::Mean => HeadConfig { kind: HeadKind::Mean, ..self.head },
        }
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
