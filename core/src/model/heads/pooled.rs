//! One vector of length 1 a row, without parameters: the mean of its tokens' states or the state of its first token, as
//! `sentence-transformers` pools and normalises them.

use burn::module::Module;
use burn::tensor::Tensor;

use super::sequence::{RowVector, first_token};

/// Least squared length that a vector is divided by.
const LEAST_SQUARE: f64 = 1e-24;

/// Token states to a vector a row.
#[derive(Module, Debug)]
pub struct PooledHead {
    #[module(skip)]
    row_vector: RowVector,
}

impl PooledHead {
    /// Vectors of a kind. The last token is of no use to encoders: their mean is taken in its place.
    #[must_use]
    pub fn new(row_vector: RowVector) -> Self {
        Self { row_vector }
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`
    /// - `attention_mask`: `[batch, seq]`
    /// - returns: `[batch, hidden]`
    pub(super) fn forward(&self, states: Tensor<3>, attention_mask: &Tensor<2>) -> Tensor<2> {
        let pooled = match self.row_vector {
            RowVector::FirstToken => first_token(states),
            RowVector::Mean | RowVector::LastToken => mean_pool(states, attention_mask),
        };
        let length = pooled.clone().square().sum_dim(1).clamp_min(LEAST_SQUARE).sqrt(); // [batch, 1]
        pooled / length
    }
}

/// Mean of the states of real tokens.
///
/// # Shapes
/// - `states`: `[batch, seq, hidden]`
/// - `attention_mask`: `[batch, seq]`
/// - returns: `[batch, hidden]`
pub(super) fn mean_pool(states: Tensor<3>, attention_mask: &Tensor<2>) -> Tensor<2> {
    let [batch, _, hidden] = states.dims();
    let mask = attention_mask.clone().unsqueeze_dim::<3>(2); // [batch, seq, 1]
    let count = mask.clone().sum_dim(1).clamp_min(1.0); // [batch, 1, 1]
    ((states * mask).sum_dim(1) / count).reshape([batch, hidden])
}
