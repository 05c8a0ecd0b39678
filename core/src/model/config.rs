//! `config.json` to an architecture and one of its heads, or the reason why not.

use serde_json::Value;

use super::architectures;
use super::fields::Fields;
use super::heads::HeadConfig;
use super::labels::{MAX_LABELS, ProblemType, labels};
use super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::{KeyMap, RowVector, SequenceConfig};
use crate::config::Pooling;
use crate::data::PositionIds;
use crate::task::HeadKind;

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
    /// A head that the architecture does not have.
    #[error("a {model_type} model can't be used for this task; it can be a {classes}")]
    NoHead {
        /// The architecture.
        model_type: &'static str,
        /// The classes it has.
        classes: String,
    },
}

/// Tokens that a text may have at the least: with fewer there is no room beside the special ones.
const MIN_TOKENS: usize = 4;

/// What `config.json` says, in one vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Which one.
    pub architecture: &'static ArchitectureSpec,
    /// Sizes and rates.
    pub backbone: BackboneConfig,
    /// The chosen head.
    head: &'static HeadSpec,
    /// How it is built.
    head_config: HeadConfig,
    /// The head that the file names, or the architecture's first.
    own_head: &'static HeadSpec,
    /// Padding token; of no use to a model that reads images.
    pub pad_token_id: u32,
    /// Tokens that end a text; the first is the one that is appended.
    pub eos_token_ids: Vec<u32>,
    /// What stands for a text whose vector is asked for: the mean, unless a folder of `sentence-transformers` says otherwise.
    pub row_vector: RowVector,
    /// What the outputs of the model's own head mean; of no use where it has none.
    pub problem_type: ProblemType,
    /// Labels in the order of their ids; empty where the file has only placeholders (`LABEL_0`, ...) or none.
    pub labels: Vec<String>,
    /// The file, for export: as it came, but for what the weights prove wrong.
    pub json: Value,
}

impl ModelConfig {
    /// Reads `config.json`. The head is the one that `architectures` names, else the architecture's first.
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
        let architecture = architectures::ALL
            .into_iter()
            .find(|architecture| architecture.model_type == model_type)
            .ok_or_else(|| unsupported(model_type))?;
        let backbone = (architecture.backbone)(&fields)?;
        backbone.check()?;
        let head = named_head(architecture, &fields);
        let head_config = (head.config)(&fields)?;
        let eos_token_ids = eos_token_ids(&json);
        let pad_token_id = pad_token_id(&fields, architecture, &backbone, &eos_token_ids)?;
        let problem_type = ProblemType::from_fields(&fields)?;
        let labels = labels(&json);
        if labels.len() > MAX_LABELS {
            let reason = format!("names {} labels, at most {MAX_LABELS} are possible", labels.len());
            return Err(ModelError::Field { field: "id2label", reason });
        }
        let config = Self {
            architecture,
            backbone,
            head,
            head_config,
            own_head: head,
            pad_token_id,
            eos_token_ids,
            row_vector: RowVector::Mean,
            problem_type,
            labels,
            json,
        };
        let reads_texts = !matches!(config.backbone, BackboneConfig::Vision(_));
        if reads_texts && config.max_tokens() < MIN_TOKENS {
            return Err(ModelError::Field {
                field: architecture.field_name("max_position_embeddings"),
                reason: format!("leaves a text {} tokens, {MIN_TOKENS} are needed", config.max_tokens()),
            });
        }
        Ok(config)
    }

    /// The same backbone with another of the architecture's heads.
    ///
    /// # Errors
    /// When the architecture does not have it, or a field of `config.json` can't be used.
    pub fn with_head(&self, kind: HeadKind) -> Result<Self, ModelError> {
        let Some(head) = self.architecture.head(kind) else {
            let classes: Vec<&str> = self.architecture.heads.iter().map(|head| head.class_name).collect();
            return Err(ModelError::NoHead { model_type: self.model_type(), classes: classes.join(", ") });
        };
        let head_config = (head.config)(&Fields::new(&self.json))?;
        Ok(Self { head, head_config, ..self.clone() })
    }

    /// The chosen head.
    #[must_use]
    pub fn head(&self) -> &'static HeadSpec {
        self.head
    }

    /// What the chosen head gives.
    #[must_use]
    pub fn head_kind(&self) -> HeadKind {
        self.head.kind
    }

    /// The head that the file names, else the architecture's first.
    #[must_use]
    pub fn own_head(&self) -> &'static HeadSpec {
        self.own_head
    }

    /// Whether the architecture has a head of this kind.
    #[must_use]
    pub fn has_head(&self, kind: HeadKind) -> bool {
        self.architecture.head(kind).is_some()
    }

    /// The heads that the architecture has.
    pub fn heads(&self) -> impl Iterator<Item = HeadKind> + use<> {
        self.architecture.heads.iter().map(|head| head.kind)
    }

    /// `model_type` as `transformers` spells it.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        self.architecture.model_type
    }

    /// The `transformers` class that loads the exported folder.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        self.head.class_name
    }

    /// Parameter paths to checkpoint keys.
    #[must_use]
    pub fn key_map(&self) -> &'static KeyMap {
        &self.head.key_map
    }

    /// How the chosen head is built for a pooling, which matters to a sequence only.
    #[must_use]
    pub fn head_config(&self, pooling: Pooling) -> HeadConfig {
        match (self.head_config, pooling) {
            (HeadConfig::Sequence(head), Pooling::Mean) => {
                HeadConfig::Sequence(SequenceConfig { row_vector: RowVector::Mean, dense: None, ..head })
            }
            (head, _) => head,
        }
    }

    /// How positions are numbered.
    #[must_use]
    pub fn position_ids(&self) -> PositionIds {
        match self.architecture.pad_token {
            PadToken::NumbersPositions(_) => PositionIds::AfterPad(self.pad_token_id),
            PadToken::Id(_) | PadToken::EndOfText | PadToken::None => PositionIds::FromZero,
        }
    }

    /// Longest input in tokens (RoBERTa's table holds two rows that no token uses); of images, rows of the position table.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        let rows = self.backbone.max_position_embeddings();
        match self.position_ids() {
            PositionIds::AfterPad(pad) => rows.saturating_sub(pad as usize).saturating_sub(1),
            PositionIds::FromZero => rows,
        }
    }

    /// Tokens in the vocabulary; 0 of a model that reads images.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.backbone.vocab_size()
    }

    /// Width of a state.
    #[must_use]
    pub fn hidden_size(&self) -> usize {
        self.backbone.hidden_size()
    }

    /// Transformer layers.
    #[must_use]
    pub fn num_hidden_layers(&self) -> usize {
        self.backbone.num_hidden_layers()
    }

    /// Whether anything is dropped out in training, unless a run says otherwise.
    #[must_use]
    pub fn has_dropout(&self) -> bool {
        let of_head = match self.head_config {
            HeadConfig::Sequence(SequenceConfig { dropout, .. })
            | HeadConfig::Token { dropout, .. }
            | HeadConfig::Span { dropout, .. } => dropout > 0.0,
            _ => false,
        };
        of_head || self.backbone.has_dropout()
    }

    /// Gives the tokens' scores a table of their own, here and in the file that is exported.
    pub fn untie_word_embeddings(&mut self) {
        match &mut self.backbone {
            BackboneConfig::Encoder(_) | BackboneConfig::ModernEncoder(_) | BackboneConfig::Vision(_) => return,
            BackboneConfig::Decoder(decoder) => decoder.tie_word_embeddings = false,
            BackboneConfig::EncoderDecoder(both) => {
                both.tie_word_embeddings = false;
                // Where it is missing, that tables are tied says it.
                self.json["scale_decoder_outputs"] = Value::Bool(both.scale_decoder_outputs);
            }
        }
        self.json["tie_word_embeddings"] = Value::Bool(false);
    }
}

/// Why an architecture can't be used.
fn unsupported(found: String) -> ModelError {
    match found.as_str() {
        "deit" => ModelError::Field {
            field: "model_type",
            reason:
                "\"deit\" is not supported, for such a model reads a distillation token beside the class token; a DeiT \
                     without it has model_type \"vit\" (facebook/deit-tiny-patch16-224)"
                    .into(),
        },
        _ => ModelError::Unsupported { found },
    }
}

fn supported() -> String {
    architectures::ALL.map(|architecture| architecture.model_type).join(", ")
}

/// The head whose class `architectures` names, else the first.
fn named_head(architecture: &'static ArchitectureSpec, fields: &Fields<'_>) -> &'static HeadSpec {
    let names = || fields.list("architectures").into_iter().flatten().filter_map(Value::as_str);
    let named = architecture.heads.iter().find(|head| names().any(|name| name == head.class_name));
    named.unwrap_or(&architecture.heads[0])
}

/// `pad_token_id`; where it names no token, the architecture's.
fn pad_token_id(
    fields: &Fields<'_>,
    architecture: &ArchitectureSpec,
    backbone: &BackboneConfig,
    eos_token_ids: &[u32],
) -> Result<u32, ModelError> {
    if let Some(id) = fields.token_id("pad_token_id")? {
        return Ok(id);
    }
    match architecture.pad_token {
        PadToken::Id(id) => Ok(id),
        PadToken::NumbersPositions(_) if fields.has("pad_token_id") => Err(ModelError::Field {
            field: "pad_token_id",
            reason: format!("is negative, and positions of a {} model are numbered from it", architecture.model_type),
        }),
        PadToken::NumbersPositions(id) => Ok(id),
        PadToken::None => Ok(0),
        PadToken::EndOfText => {
            let is_token = |id: &u32| (*id as usize) < backbone.vocab_size();
            Ok(eos_token_ids.iter().copied().find(is_token).unwrap_or(0))
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
pub(in crate::model) mod tests {
    use super::*;

    /// The configuration of a tiny BERT.
    pub(in crate::model) const BERT: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,
        "num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;

    /// That configuration with more fields.
    pub(in crate::model) fn with(fields: &str) -> ModelConfig {
        let text = BERT.replacen('{', &format!("{{{fields},"), 1);
        ModelConfig::from_json(text.as_bytes()).expect("usable")
    }

    /// The configuration of a tiny model.
    pub(in crate::model) fn config_of(model_type: &str) -> ModelConfig {
        let text = match model_type {
            "distilbert" => BERT
                .replace("hidden_size", "dim")
                .replace("num_hidden_layers", "n_layers")
                .replace("num_attention_heads", "n_heads")
                .replace("intermediate_size", "hidden_dim"),
            "gpt2" => BERT
                .replace("hidden_size", "n_embd")
                .replace("num_hidden_layers", "n_layer")
                .replace("num_attention_heads", "n_head")
                .replace("max_position_embeddings", "n_positions"),
            _ => BERT.to_owned(),
        };
        let text = text.replace("\"bert\"", &format!("{model_type:?}"));
        ModelConfig::from_json(text.as_bytes()).expect("usable")
    }

    #[test]
    fn an_unsupported_architecture_is_named() {
        let error = ModelConfig::from_json(br#"{"model_type":"xlnet"}"#).expect_err("not one we have").to_string();
        assert!(error.contains("\"xlnet\"") && error.contains("distilbert"), "{error}");
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

    #[test]
    fn the_file_names_its_head_and_another_can_be_chosen() {
        assert_eq!(config_of("bert").head_kind(), HeadKind::Sequence, "the first, where none is named");
        assert_eq!(config_of("gpt2").head_kind(), HeadKind::CausalLm);
        let unknown = with(r#""architectures":["BertForNextSentencePrediction"]"#);
        assert_eq!(unknown.class_name(), "BertForSequenceClassification");
        let tagger = with(r#""architectures":["BertForTokenClassification"]"#);
        assert_eq!((tagger.head_kind(), tagger.class_name()), (HeadKind::Token, "BertForTokenClassification"));
        let chosen = tagger.with_head(HeadKind::MaskedLm).expect("BERT has it");
        assert_eq!((chosen.class_name(), chosen.own_head().kind), ("BertForMaskedLM", HeadKind::Token));
        assert!(tagger.has_head(HeadKind::Span) && !tagger.has_head(HeadKind::CausalLm));
        assert_eq!(tagger.heads().count(), 5);
        let error = config_of("gpt2").with_head(HeadKind::MaskedLm).expect_err("a decoder").to_string();
        assert!(error.contains("gpt2") && error.contains("GPT2LMHeadModel"), "{error}");
    }

    #[test]
    fn positions_of_roberta_are_numbered_from_the_padding_token() {
        let roberta = config_of("roberta");
        assert_eq!((roberta.position_ids(), roberta.max_tokens()), (PositionIds::AfterPad(1), 30));
        let bert = config_of("bert");
        assert_eq!((bert.position_ids(), bert.max_tokens()), (PositionIds::FromZero, 32));
    }

    #[test]
    fn mean_pooling_has_no_dense_layer_and_changes_no_other_head() {
        let sequence = config_of("bert");
        let HeadConfig::Sequence(mean) = sequence.head_config(Pooling::Mean) else { panic!("a sequence's head") };
        assert_eq!((mean.dense, mean.dropout), (None, 0.1));
        let token = sequence.with_head(HeadKind::Token).expect("BERT has it");
        assert_eq!(token.head_config(Pooling::Mean), HeadConfig::Token { dropout: 0.1, prediction: None });
    }

    #[test]
    fn dropout_of_heads_is_that_of_the_reference() {
        let head = |config: &ModelConfig, kind| config.with_head(kind).expect("it has it").head_config(Pooling::Cls);
        let distilbert = config_of("distilbert");
        assert_eq!(
            head(&distilbert, HeadKind::Span),
            HeadConfig::Span { dropout: 0.1, prediction: None },
            "qa_dropout"
        );
        let bert = with(r#""hidden_dropout_prob":0.3"#);
        assert_eq!(head(&bert, HeadKind::Token), HeadConfig::Token { dropout: 0.3, prediction: None });
        assert_eq!(head(&bert, HeadKind::Span), HeadConfig::Span { dropout: 0.0, prediction: None });
        let own = with(r#""hidden_dropout_prob":0.3,"classifier_dropout":0.2"#);
        assert_eq!(head(&own, HeadKind::Token), HeadConfig::Token { dropout: 0.2, prediction: None });
    }
}
