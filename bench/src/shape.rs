//! The shapes that every bench uses, in Rust, JavaScript and Python alike: `shapes.json`.

use anyhow::{Context, Result};
use hone_core::model::ModelConfig;
use serde_json::Value;

/// A model's sizes, and the batch it is trained with.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) config: ModelConfig,
    pub(crate) batch: usize,
    pub(crate) seq: usize,
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
        Ok(Self {
            config: ModelConfig::from_json(shape["config"].to_string().as_bytes())?,
            batch: number("batch")? as usize,
            seq: number("seq")? as usize,
            num_labels: number("num_labels")? as usize,
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
        assert_eq!((minilm.batch, minilm.seq, minilm.config.encoder.hidden_size), (16, 64, 384));
        let small = Shape::find("small").expect("it is there");
        assert_eq!((small.batch, small.seq, small.config.encoder.vocab_size), (8, 64, 1000));
        assert!(Shape::find("huge").is_err());
    }
}
