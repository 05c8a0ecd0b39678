//! The only place where host ids become tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::data::HostBatch;
use crate::data::causal_lm::LmHostBatch;
use crate::nn::SeqLayout;

/// A padded micro-batch on a device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[batch, seq]`
    pub input_ids: Tensor<2, Int>,
    /// `[batch, seq]`, 1.0 on tokens and 0.0 on padding.
    pub attention_mask: Tensor<2>,
    /// `[batch, seq]`
    pub token_type_ids: Tensor<2, Int>,
    /// `[batch, seq]`
    pub position_ids: Tensor<2, Int>,
    /// `[batch]`
    pub labels: Tensor<1, Int>,
    /// Whether every row fills the batch: then no attention mask is needed.
    pub is_dense: bool,
    /// Ids of the tokens that are attended to, on the host.
    token_ids: Vec<i32>,
}

impl Batch {
    /// Copies a host batch to `device`.
    #[must_use]
    pub fn new(host: &HostBatch, device: &Device) -> Self {
        let shape = [host.batch, host.seq];
        let ids = |values: &[i32]| Tensor::<2, Int>::from_data(TensorData::new(values.to_vec(), shape), device);
        let mask: Vec<f32> = host.attention_mask.iter().map(|&bit| bit as f32).collect();
        let tokens = host.input_ids.iter().zip(&host.attention_mask).filter(|(_, bit)| **bit == 1);
        Self {
            input_ids: ids(&host.input_ids),
            attention_mask: Tensor::from_data(TensorData::new(mask, shape), device),
            token_type_ids: ids(&host.token_type_ids),
            position_ids: ids(&host.position_ids),
            labels: Tensor::from_data(TensorData::new(host.labels.clone(), [host.batch]), device),
            is_dense: host.attention_mask.iter().all(|&bit| bit == 1),
            token_ids: tokens.map(|(&id, _)| id).collect(),
        }
    }

    /// Whether a token of this id is attended to.
    #[must_use]
    pub fn holds(&self, id: usize) -> bool {
        self.token_ids.iter().any(|&token| token as usize == id)
    }

    /// The same batch for a model that takes no gradient.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        Self {
            input_ids: self.input_ids.without_autodiff(),
            attention_mask: self.attention_mask.without_autodiff(),
            token_type_ids: self.token_type_ids.without_autodiff(),
            position_ids: self.position_ids.without_autodiff(),
            labels: self.labels.without_autodiff(),
            is_dense: self.is_dense,
            token_ids: self.token_ids,
        }
    }
}

/// Tokens of a decoder on a device.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// `[batch, seq]`
    pub input_ids: Tensor<2, Int>,
    /// `[batch, seq]`
    pub position_ids: Tensor<2, Int>,
    /// Where the tokens stand.
    pub layout: SeqLayout,
    /// `input_ids` on the host, padding included.
    token_ids: Vec<i32>,
}

impl TokenBatch {
    /// Copies a host batch to `device`.
    #[must_use]
    pub fn new(host: &LmHostBatch, device: &Device) -> Self {
        let layout = SeqLayout {
            batch: host.batch,
            seq: host.seq,
            past: 0,
            position_ids: host.position_ids.clone(),
            segment_ids: host.segment_ids.clone(),
        };
        Self::of(host.input_ids.clone(), layout, device)
    }

    /// One text's next tokens, after `past` that a cache holds.
    #[must_use]
    pub fn continuation(ids: &[u32], past: usize, device: &Device) -> Self {
        let position_ids = (past..past + ids.len()).map(|at| at as i32).collect();
        let layout = SeqLayout { batch: 1, seq: ids.len(), past, position_ids, segment_ids: None };
        Self::of(ids.iter().map(|&id| id as i32).collect(), layout, device)
    }

    /// The same batch for a model that takes no gradient.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        Self {
            input_ids: self.input_ids.without_autodiff(),
            position_ids: self.position_ids.without_autodiff(),
            layout: self.layout,
            token_ids: self.token_ids,
        }
    }

    /// Whether there is a token of this id.
    #[must_use]
    pub fn holds(&self, id: usize) -> bool {
        self.token_ids.iter().any(|&token| token as usize == id)
    }

    fn of(input_ids: Vec<i32>, layout: SeqLayout, device: &Device) -> Self {
        let shape = [layout.batch, layout.seq];
        let ids = |values: Vec<i32>| Tensor::<2, Int>::from_data(TensorData::new(values, shape), device);
        Self {
            input_ids: ids(input_ids.clone()),
            position_ids: ids(layout.position_ids.clone()),
            layout,
            token_ids: input_ids,
        }
    }
}
