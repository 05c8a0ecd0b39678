//! The only place where host ids become tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::data::HostBatch;

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
}

impl Batch {
    /// Copies a host batch to `device`.
    #[must_use]
    pub fn new(host: &HostBatch, device: &Device) -> Self {
        let shape = [host.batch, host.seq];
        let ids = |values: &[i32]| Tensor::<2, Int>::from_data(TensorData::new(values.to_vec(), shape), device);
        let mask: Vec<f32> = host.attention_mask.iter().map(|&bit| bit as f32).collect();
        Self {
            input_ids: ids(&host.input_ids),
            attention_mask: Tensor::from_data(TensorData::new(mask, shape), device),
            token_type_ids: ids(&host.token_type_ids),
            position_ids: ids(&host.position_ids),
            labels: Tensor::from_data(TensorData::new(host.labels.clone(), [host.batch]), device),
            is_dense: host.attention_mask.iter().all(|&bit| bit == 1),
        }
    }
}

impl Batch {
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
        }
    }
}
