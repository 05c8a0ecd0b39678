//! The shapes that every bench uses, in Rust, JavaScript and Python alike: `shapes.json`.

use anyhow::{Context, Result};
use hone_core::model::ModelConfig;
use hone_core::task::HeadKind;
use serde_json::Value;

/// A model's sizes, and the batch it is trained with.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// With the head that is trained: the one that the shape names, else that of a text where there are labels.
    pub(crate) config: ModelConfig,
    pub(crate) batch: usize,
    pub(crate) seq: usize,
    /// Tokens of a target; 0 where there is none.
    pub(crate) target_seq: usize,
    /// Channels, height and width of an image, where rows are images; `seq` then counts patches and the class token.
    pub(crate) image: Option<[usize; 3]>,
    /// 0 where the head has none.
    pub(crate) num_labels: usize,
    /// Dropout everywhere.
    pub(crate) dropout: f64,
    /// Global gradient norm above which gradients are scaled down; 0 switches clipping off.
    pub(crate) max_grad_norm: f64,
}

impl Shape {
    /// The shape called `name`.
    pub(crate) fn find(name: &str) -> Result<Self> {
        let shapes: Value = serde_json::from_str(include_str!("../shapes.json")).context("shapes.json")?;
        let shape = shapes.get(name).with_context(|| format!("shapes.json has no shape {name:?}"))?;
        let number = |field: &str| shape[field].as_f64().with_context(|| format!("shapes.json: {name}: {field}"));
        let count = |field: &str| shape.get(field).and_then(Value::as_u64).unwrap_or(0) as usize;
        let num_labels = count("num_labels");
        let size = |field: &str| shape["config"][field].as_u64().map(|size| size as usize);
        let image = size("num_channels").zip(size("image_size")).map(|(channels, side)| [channels, side, side]);
        let config = ModelConfig::from_json(shape["config"].to_string().as_bytes())?;
        let config = match shape.get("head") {
            Some(head) => config.with_head(serde_json::from_value(head.clone()).context("shapes.json: head")?)?,
            None if num_labels > 0 => config.with_head(HeadKind::Sequence)?,
            None => config,
        };
        Ok(Self {
            config,
            batch: number("batch")? as usize,
            seq: number("seq")? as usize,
            target_seq: count("target_seq"),
            image,
            num_labels,
            dropout: number("dropout")?,
            max_grad_norm: number("max_grad_norm")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_are_those_of_the_issue() {
        let minilm = Shape::find("minilm").expect("it is there");
        assert_eq!((minilm.batch, minilm.seq, minilm.config.hidden_size()), (16, 64, 384));
        let small = Shape::find("small").expect("it is there");
        assert_eq!((small.batch, small.seq, small.config.vocab_size()), (8, 64, 1000));
        let distilgpt2 = Shape::find("distilgpt2_b8").expect("it is there");
        assert_eq!((distilgpt2.batch, distilgpt2.seq, distilgpt2.config.num_hidden_layers()), (8, 128, 6));
        let llama = Shape::find("llama_135m").expect("it is there");
        assert_eq!((llama.batch, llama.seq, llama.config.num_hidden_layers()), (4, 256, 30));
        for (name, head) in [("minilm_token", HeadKind::Token), ("minilm_span", HeadKind::Span)] {
            let shape = Shape::find(name).expect("it is there");
            assert_eq!((shape.config.head_kind(), shape.batch, shape.seq), (head, minilm.batch, minilm.seq));
            assert_eq!(shape.config.backbone, minilm.config.backbone, "the same encoder");
        }
        let t5 = Shape::find("t5_small").expect("it is there");
        assert_eq!((t5.batch, t5.seq, t5.target_seq, t5.config.num_hidden_layers()), (8, 128, 32, 12));
        let vit = Shape::find("vit_tiny").expect("it is there");
        assert_eq!((vit.batch, vit.seq, vit.num_labels, vit.image), (8, 14 * 14 + 1, 10, Some([3, 224, 224])));
        assert_eq!((vit.config.head_kind(), minilm.image), (HeadKind::Image, None));
        for name in ["minilm_32x128", "distilgpt2_1x512", "encoder_tiny", "decoder_tiny", "llama_tiny"] {
            assert!(Shape::find(name).is_ok(), "{name}");
        }
        assert!(Shape::find("huge").is_err());
    }
}
