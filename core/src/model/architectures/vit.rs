//! ViT (<https://arxiv.org/abs/2010.11929>), and DeiT without a distillation token (<https://arxiv.org/abs/2012.12877>), whose
//! files have the same `model_type`.
//!
//! Reference: `transformers` v5.24 `models/vit/modeling_vit.py`. `ViTForImageClassification`: classifier on the class token
//! after the last norm, without the pooler that files of `ViTModel` hold. Files have the names that `transformers` 4 gave to
//! modules, adapters of `transformers` 5 those of that one (`conversion_mapping.py`). A `model_type` of `deit` always has a
//! distillation token, and is refused.

use super::super::fields::{Fields, activation, only_whole};
use super::super::heads::{HeadConfig, ImageHeadConfig};
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use crate::nn::{VisionConfig, VisionMlpKind};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "vit",
    backbone,
    heads: &[HeadSpec {
        kind: HeadKind::Image,
        class_name: "ViTForImageClassification",
        key_map: KeyMap {
            prefix: "vit.",
            is_bare: false,
            backbone: BACKBONE,
            head: &[("head.classifier", "classifier")],
            modules: MODULES,
            linear: LinearLayout::OutIn,
        },
        config: image,
        tied_keys: &[],
        kept_keys: &[],
    }],
    default_target_modules: TARGET_MODULES,
    is_in_peft_table: false,
    field_names: &[],
    pad_token: PadToken::None,
};

/// Queries and values, as elsewhere: PEFT 0.21 names none for this model type.
pub(super) const TARGET_MODULES: &[&str] = &["q_proj", "v_proj"];

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.cls_token", "embeddings.cls_token"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.patch_embeddings", "embeddings.patch_embeddings.projection"),
    ("backbone.layers.{i}.attention_norm", "encoder.layer.{i}.layernorm_before"),
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.attention.query"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.attention.key"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.attention.value"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.output.dense"),
    ("backbone.layers.{i}.mlp_norm", "encoder.layer.{i}.layernorm_after"),
    ("backbone.layers.{i}.mlp.fc1", "encoder.layer.{i}.intermediate.dense"),
    ("backbone.layers.{i}.mlp.fc2", "encoder.layer.{i}.output.dense"),
    ("backbone.norm", "layernorm"),
];

const MODULES: &[(&str, &str)] = &[
    ("backbone.layers.{i}.attention_norm", "layers.{i}.layernorm_before"),
    ("backbone.layers.{i}.query", "layers.{i}.attention.q_proj"),
    ("backbone.layers.{i}.key", "layers.{i}.attention.k_proj"),
    ("backbone.layers.{i}.value", "layers.{i}.attention.v_proj"),
    ("backbone.layers.{i}.attention_output", "layers.{i}.attention.o_proj"),
    ("backbone.layers.{i}.mlp_norm", "layers.{i}.layernorm_after"),
    ("backbone.layers.{i}.mlp.fc1", "layers.{i}.mlp.fc1"),
    ("backbone.layers.{i}.mlp.fc2", "layers.{i}.mlp.fc2"),
];

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let usual = Usual { patch_size: 16, layer_norm_eps: 1e-12 };
    encoder(fields, fields.whole("intermediate_size")?, &usual).map(BackboneConfig::Vision)
}

/// What a file means that does not say it.
pub(super) struct Usual {
    pub(super) patch_size: usize,
    pub(super) layer_norm_eps: f64,
}

/// Sizes and rates, which DINOv2's files name alike but for the width of the feed-forward's inside.
pub(super) fn encoder(
    fields: &Fields<'_>,
    intermediate_size: usize,
    usual: &Usual,
) -> Result<VisionConfig, ModelError> {
    only_whole(fields, "num_channels", 3)?;
    Ok(VisionConfig {
        hidden_size: fields.whole("hidden_size")?,
        num_hidden_layers: fields.whole("num_hidden_layers")?,
        num_attention_heads: fields.whole("num_attention_heads")?,
        mlp: VisionMlpKind::Plain(activation(fields, "hidden_act")?),
        intermediate_size,
        has_qkv_bias: fields.flag_or("qkv_bias", true)?,
        image_size: fields.side_or("image_size", 224)?,
        always_interpolates: false,
        patch_size: fields.side_or("patch_size", usual.patch_size)?,
        num_channels: 3,
        layer_norm_eps: fields.real_or("layer_norm_eps", usual.layer_norm_eps)?,
        layer_scale: None,
        hidden_dropout_prob: fields.real_or("hidden_dropout_prob", 0.0)?,
        drops_residuals: true,
        attention_probs_dropout_prob: fields.real_or("attention_probs_dropout_prob", 0.0)?,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

fn image(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Image(ImageHeadConfig { has_patch_mean: false }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::ModelConfig;
    use super::*;
    use crate::nn::Activation;

    fn config(more: &Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "vit", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 16,
        });
        json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    fn vision(more: &Value) -> VisionConfig {
        let config = config(more).expect("usable");
        let BackboneConfig::Vision(vision) = config.backbone else { panic!("it reads images") };
        vision
    }

    #[test]
    fn what_is_not_said_is_as_in_the_reference() {
        let plain = vision(&json!({}));
        assert_eq!((plain.image_size, plain.patch_size, plain.num_positions()), (224, 16, 197));
        assert_eq!((plain.layer_norm_eps, plain.has_qkv_bias, plain.layer_scale), (1e-12, true, None));
        assert_eq!((plain.hidden_dropout_prob, plain.attention_probs_dropout_prob), (0.0, 0.0));
        assert_eq!(plain.mlp, VisionMlpKind::Plain(Activation::Gelu));
        assert!(plain.drops_residuals && !plain.always_interpolates);
        let other = vision(&json!({"image_size": [32, 32], "patch_size": 5, "qkv_bias": false, "hidden_act": "relu"}));
        assert_eq!((other.num_positions(), other.has_qkv_bias), (37, false), "what is beside 6 x 6 patches is cut off");
        assert_eq!(other.mlp, VisionMlpKind::Plain(Activation::Relu));
    }

    #[test]
    fn a_model_of_images_has_no_tokens() {
        let config = config(&json!({"image_size": 16})).expect("one patch is enough");
        assert_eq!((config.vocab_size(), config.hidden_size(), config.num_hidden_layers()), (0, 8, 2));
        assert_eq!(config.heads().collect::<Vec<_>>(), [HeadKind::Image]);
        assert!(config.with_head(HeadKind::Sequence).is_err() && !config.head_kind().writes());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (field, value) in [
            ("num_channels", json!(1)),
            ("image_size", json!([32, 16])),
            ("image_size", json!(8)),
            ("image_size", json!(1_000_000)),
            ("patch_size", json!([16, 8])),
            ("patch_size", json!(0)),
            ("hidden_act", json!("laplace")),
            ("num_attention_heads", json!(3)),
            ("qkv_bias", json!("yes")),
        ] {
            let mut more = json!({});
            more[field] = value;
            let error = config(&more).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
        let error = config(&json!({"model_type": "deit"})).expect_err("it has another token").to_string();
        assert!(error.contains("distillation token") && error.contains("\"vit\""), "{error}");
    }
}
