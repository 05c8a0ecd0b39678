//! ELECTRA (<https://arxiv.org/abs/2003.10555>), discriminator and generator.
//!
//! Reference: `transformers` v5.24 `models/electra/modeling_electra.py`. BERT's layers; where `embedding_size` is not
//! `hidden_size`, `embeddings_project` makes states of what the tables hold. `ElectraForSequenceClassification`: dropout,
//! dense, GELU, dropout, out_proj on token 0. Tokens and spans as BERT. `ElectraForMaskedLM`, which the generator was trained
//! as: dense to `embedding_size`, GELU whatever `hidden_act` says, LayerNorm, and the word table with a bias of its own;
//! `save_pretrained` writes `generator_lm_head.bias` and not `generator_lm_head.weight`, which is tied.

use super::super::fields::Fields;
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, SequenceConfig};
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::{bert, roberta};
use crate::nn::EncoderConfig;
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "electra",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "ElectraForSequenceClassification",
            key_map: key_map(&[("head.dense", "classifier.dense"), ("head.classifier", "classifier.out_proj")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "ElectraForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: bert::token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "ElectraForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "ElectraForMaskedLM",
            key_map: key_map(&[
                ("head.lm_head.dense", "generator_predictions.dense"),
                ("head.lm_head.layer_norm", "generator_predictions.LayerNorm"),
                ("head.lm_head", "generator_lm_head"), // its bias
            ]),
            config: roberta::masked_lm,
            tied_keys: &["generator_lm_head.weight"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "ElectraModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: &[],
        },
    ],
    default_target_modules: &["query", "value"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::Id(0),
};

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap {
        prefix: "electra.",
        is_bare: false,
        backbone: bert::BACKBONE,
        head,
        modules: &[],
        linear: LinearLayout::OutIn,
    }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    bert::check_sees_all(fields)?;
    let encoder = bert::encoder(fields)?;
    let embedding_size = fields.whole_or("embedding_size", 128)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        embedding_size: Some(embedding_size).filter(|&width| width != encoder.hidden_size),
        ..encoder
    }))
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Gelu, is_dropped_before: true };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, bert::classifier_dropout(fields)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ModelConfig;
    use super::*;

    #[test]
    fn only_tables_of_another_width_have_a_layer_after_them() {
        for (width, expected) in [(json!(4), Some(4)), (json!(8), None), (json!(null), Some(128))] {
            let json = json!({
                "model_type": "electra", "vocab_size": 100, "embedding_size": width, "hidden_size": 8,
                "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
                "max_position_embeddings": 64,
            });
            let config = ModelConfig::from_json(json.to_string().as_bytes()).expect("usable");
            let BackboneConfig::Encoder(encoder) = &config.backbone else { panic!("an encoder") };
            assert_eq!(encoder.embedding_size, expected);
            assert_eq!(config.backbone.table_width(), expected.unwrap_or(8));
        }
    }
}
