//! DINOv2 (<https://arxiv.org/abs/2304.07193>).
//!
//! Reference: `transformers` v5.24 `models/dinov2/modeling_dinov2.py`. ViT's layers; what each adds is multiplied
//! (`layer_scale1`, `layer_scale2`), without a dropout, and the feed-forward may have a gate (`use_swiglu_ffn`). The position
//! table is interpolated for any image. `Dinov2ForImageClassification`: classifier on the class token beside the mean of the
//! patches, after the last norm. `mask_token`, which hides patches in pretraining, stays as it came. Depth that is dropped at
//! random (`drop_path_rate`), which no published model has, is refused. `weights_in` is one layer in files and two in
//! memory in `transformers` 5 (`gate_proj`, `up_proj`): it takes no adapter.

use super::super::fields::Fields;
use super::super::heads::{HeadConfig, ImageHeadConfig};
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::vit;
use crate::nn::{VisionConfig, VisionMlpKind};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "dinov2",
    backbone,
    heads: &[HeadSpec {
        kind: HeadKind::Image,
        class_name: "Dinov2ForImageClassification",
        key_map: KeyMap {
            prefix: "dinov2.",
            is_bare: false,
            backbone: BACKBONE,
            head: &[("head.classifier", "classifier")],
            modules: MODULES,
            linear: LinearLayout::OutIn,
        },
        config: image,
        tied_keys: &[],
        kept_keys: &["embeddings.mask_token"],
    }],
    default_target_modules: vit::TARGET_MODULES,
    is_in_peft_table: false,
    field_names: &[("intermediate_size", "hidden_size x mlp_ratio")],
    pad_token: PadToken::None,
};

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.cls_token", "embeddings.cls_token"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.patch_embeddings", "embeddings.patch_embeddings.projection"),
    ("backbone.layers.{i}.attention_norm", "encoder.layer.{i}.norm1"),
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.attention.query"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.attention.key"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.attention.value"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.output.dense"),
    ("backbone.layers.{i}.attention_scale", "encoder.layer.{i}.layer_scale1"),
    ("backbone.layers.{i}.mlp_norm", "encoder.layer.{i}.norm2"),
    ("backbone.layers.{i}.mlp.fc1", "encoder.layer.{i}.mlp.fc1"),
    ("backbone.layers.{i}.mlp.fc2", "encoder.layer.{i}.mlp.fc2"),
    ("backbone.layers.{i}.mlp.weights_in", "encoder.layer.{i}.mlp.weights_in"),
    ("backbone.layers.{i}.mlp.weights_out", "encoder.layer.{i}.mlp.weights_out"),
    ("backbone.layers.{i}.mlp_scale", "encoder.layer.{i}.layer_scale2"),
    ("backbone.norm", "layernorm"),
];

const MODULES: &[(&str, &str)] = &[
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.q_proj"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.k_proj"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.v_proj"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.o_proj"),
    ("backbone.layers.{i}.mlp.weights_out", "encoder.layer.{i}.mlp.down_proj"),
];

/// Widest inside of a feed-forward.
const MAX_INTERMEDIATE: f64 = 1_048_576.0;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    if fields.real_or("drop_path_rate", 0.0)? > 0.0 {
        let reason = "a share of layers that is left out at random is not supported; only 0 is".to_owned();
        return Err(ModelError::Field { field: "drop_path_rate", reason });
    }
    let usual = vit::Usual { patch_size: 14, layer_norm_eps: 1e-6 };
    let inner = intermediate_size(fields, fields.whole("hidden_size")?)?;
    let encoder = vit::encoder(fields, inner, &usual)?;
    let (mlp, intermediate_size) = match fields.flag_or("use_swiglu_ffn", false)? {
        // Two thirds, for a gate costs as much as half of them, and a multiple of 8.
        true => (VisionMlpKind::SwiGlu, (inner * 2 / 3).next_multiple_of(8)),
        false => (encoder.mlp, inner),
    };
    Ok(BackboneConfig::Vision(VisionConfig {
        mlp,
        intermediate_size,
        layer_scale: Some(fields.real_or("layerscale_value", 1.0)?),
        drops_residuals: false,
        always_interpolates: true,
        ..encoder
    }))
}

/// `mlp_ratio` times a state's width, rounded down.
fn intermediate_size(fields: &Fields<'_>, hidden_size: usize) -> Result<usize, ModelError> {
    const FIELD: &str = "mlp_ratio";
    let ratio = fields.real_or(FIELD, 4.0)?;
    let inner = (hidden_size as f64 * ratio).floor();
    match (1.0..=MAX_INTERMEDIATE).contains(&inner) {
        true => Ok(inner as usize),
        false => {
            let reason = format!(
                "{ratio} x hidden_size {hidden_size} is no width from 1 to {MAX_INTERMEDIATE} of the feed-forward"
            );
            Err(ModelError::Field { field: FIELD, reason })
        }
    }
}

fn image(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Image(ImageHeadConfig { has_patch_mean: true }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::ModelConfig;
    use super::*;

    fn config(more: &Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
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
        assert_eq!((plain.image_size, plain.patch_size, plain.num_positions()), (224, 14, 257));
        assert_eq!((plain.layer_norm_eps, plain.has_qkv_bias, plain.layer_scale), (1e-6, true, Some(1.0)));
        assert_eq!((plain.intermediate_size, plain.mlp_width()), (128, 128));
        assert!(!plain.drops_residuals && plain.always_interpolates);
    }

    #[test]
    fn the_inside_of_the_feed_forward_is_as_wide_as_in_the_reference() {
        // (int(int(hidden * ratio) * 2 / 3) + 7) // 8 * 8
        for (hidden, ratio, plain, gated) in [
            (32, json!(4), 128, 88),
            (1536, json!(4), 6144, 4096),
            (32, json!(2.7), 86, 64),
            (384, json!(4.0), 1536, 1024),
        ] {
            let fields = |use_swiglu_ffn| {
                vision(&json!({"hidden_size": hidden, "mlp_ratio": ratio, "use_swiglu_ffn": use_swiglu_ffn}))
            };
            assert_eq!((fields(false).intermediate_size, fields(true).intermediate_size), (plain, gated), "{hidden}");
            assert_eq!((fields(true).mlp, fields(true).mlp_width()), (VisionMlpKind::SwiGlu, 2 * gated));
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (field, value) in [
            ("drop_path_rate", json!(0.1)),
            ("mlp_ratio", json!(0.01)),
            ("mlp_ratio", json!(1e9)),
            ("layerscale_value", json!(-1)),
            ("num_channels", json!(4)),
            ("image_size", json!([28, 14])),
        ] {
            let mut more = json!({});
            more[field] = value;
            let error = config(&more).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
