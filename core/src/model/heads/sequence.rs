//! Numbers for a row, from one vector a row (`…ForSequenceClassification`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::pooled::mean_pool;
use super::prediction::{Prediction, PredictionConfig};
use crate::batch::TextBatch;
use crate::kernels::{gelu, tanh};
use crate::nn::{Dropout, Init, Linear};

/// How the head is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequenceConfig {
    /// What stands for a row.
    pub row_vector: RowVector,
    /// A layer on that; `None` has no such layer.
    pub dense: Option<DenseConfig>,
    /// A dense layer and a norm on that (ModernBERT).
    pub prediction: Option<PredictionConfig>,
    /// Dropout before the classifier.
    pub dropout: f64,
    /// The classifier has a bias; that of decoders has none.
    pub has_bias: bool,
}

/// What stands for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowVector {
    /// The state of its first token.
    FirstToken,
    /// The mean of the states of its tokens.
    Mean,
    /// The state of its last token, which alone has seen all others in a decoder.
    LastToken,
}

impl SequenceConfig {
    /// A dense layer on the first token's state.
    pub(in crate::model) fn of_dense(dense: DenseConfig, dropout: f64) -> Self {
        let row_vector = RowVector::FirstToken;
        Self { row_vector, dense: Some(dense), prediction: None, dropout, has_bias: true }
    }

    /// The last token's state alone, and no bias: the classes of decoders (`GenericForSequenceClassification` of
    /// `transformers` 5.24).
    pub(in crate::model) const OF_LAST_TOKEN: Self =
        Self { row_vector: RowVector::LastToken, dense: None, prediction: None, dropout: 0.0, has_bias: false };
}

/// The layer before the classifier: the pooler of BERT and ALBERT, dense of RoBERTa, ELECTRA and MPNet, DistilBERT's
/// pre_classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseConfig {
    /// After it.
    pub activation: DenseActivation,
    /// The dropout stands before it too (RoBERTa, ELECTRA, MPNet).
    pub is_dropped_before: bool,
}

/// What comes after the dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// Exact GELU.
    Gelu,
    /// Rectified linear unit.
    Relu,
}

/// Token states to logits of rows.
#[derive(Module, Debug)]
pub struct SequenceHead {
    dense: Option<Linear>,
    prediction: Option<Prediction>,
    classifier: Linear,
    #[module(skip)]
    config: SequenceConfig,
    #[module(skip)]
    pad_token_id: u32,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl SequenceHead {
    /// `pad_token_id` matters where the last token stands for a row.
    pub(super) fn new(
        config: SequenceConfig,
        pad_token_id: u32,
        [hidden, num_labels]: [usize; 2],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self {
            dense: config.dense.map(|_| Linear::new(hidden, hidden, std, init, device)),
            prediction: config.prediction.map(|config| Prediction::new(config, hidden, std, init, device)),
            classifier: match config.has_bias {
                true => Linear::new(hidden, num_labels, std, init, device),
                false => Linear::without_bias(hidden, num_labels, std, init, device),
            },
            config,
            pad_token_id,
            dropout: Dropout { p: config.dropout },
        }
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    /// The layer before the classifier, with its name.
    pub(super) fn dense_mut(&mut self) -> Option<(&'static str, &mut Linear)> {
        match (&mut self.dense, &mut self.prediction) {
            (Some(dense), _) => Some(("dense", dense)),
            (None, Some(prediction)) => Some(("prediction.dense", &mut prediction.dense)),
            (None, None) => None,
        }
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`, those of `text`
    /// - returns logits: `[batch, labels]`
    pub(super) fn forward(&self, states: Tensor<3>, text: &TextBatch) -> Tensor<2> {
        self.of_row_vectors(self.row_vectors(states, text))
    }

    /// What stands for each row.
    ///
    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`, those of `text`
    /// - returns: `[batch, hidden]`
    fn row_vectors(&self, states: Tensor<3>, text: &TextBatch) -> Tensor<2> {
        match self.config.row_vector {
            RowVector::FirstToken => first_token(states),
            RowVector::Mean => mean_pool(states, &text.attention_mask),
            RowVector::LastToken => last_token(states, text, self.pad_token_id),
        }
    }

    /// # Shapes
    /// - `rows`: as [`Self::row_vectors`] gives them, `[batch, hidden]`
    /// - returns logits: `[batch, labels]`
    fn of_row_vectors(&self, rows: Tensor<2>) -> Tensor<2> {
        let rows = match (self.config.dense, &self.dense) {
            (Some(config), Some(dense)) => self.of_dense(config, dense, rows),
            _ => rows,
        };
        let rows = match &self.prediction {
            Some(prediction) => prediction.forward(rows),
            None => rows,
        };
        self.classifier.forward(self.dropout.forward(rows))
    }

    /// # Shapes
    /// - `rows`: `[batch, hidden]`
    /// - returns: the same
    fn of_dense(&self, config: DenseConfig, dense: &Linear, rows: Tensor<2>) -> Tensor<2> {
        let rows = if config.is_dropped_before { self.dropout.forward(rows) } else { rows };
        let inner = dense.forward(rows);
        match config.activation {
            DenseActivation::Tanh => tanh(inner),
            DenseActivation::Gelu => gelu(inner),
            DenseActivation::Relu => activation::relu(inner),
        }
    }
}

/// The state of the first token of each row.
///
/// # Shapes
/// - `states`: `[batch, seq, hidden]`
/// - returns: `[batch, hidden]`
pub(super) fn first_token(states: Tensor<3>) -> Tensor<2> {
    let [rows, _, hidden] = states.dims();
    states.slice([0..rows, 0..1, 0..hidden]).reshape([rows, hidden])
}

/// The last token that is not padding, as `transformers` finds it: `(input_ids != pad_token_id)`, the rightmost. The padding
/// token counts as padding wherever it stands: of a text that ends in it (where it is the token that ends a text, too) the
/// token before it is taken, and of a row that holds no other token the first one.
///
/// # Shapes
/// - `states`: `[batch, seq, hidden]`, those of `text`
/// - returns: `[batch, hidden]`
fn last_token(states: Tensor<3>, text: &TextBatch, pad_token_id: u32) -> Tensor<2> {
    let [batch, seq, hidden] = states.dims();
    let positions: Vec<f32> = (0..batch * seq).map(|cell| (cell % seq) as f32).collect();
    let positions = Tensor::<2>::from_data(TensorData::new(positions, [batch, seq]), &text.attention_mask.device());
    let is_padding = text.input_ids.clone().equal_elem(i64::from(pad_token_id));
    let of_text = (positions.clone() * text.attention_mask.clone()).mask_fill(is_padding, 0.0); // [batch, seq]
    let last = of_text.max_dim(1).expand([batch, seq]);
    let is_last = positions.equal(last).float().unsqueeze_dim::<3>(2); // [batch, seq, 1]
    (states * is_last).sum_dim(1).reshape([batch, hidden])
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::data::{HostText, Padding, PositionIds, TextRow};

    #[test]
    fn a_row_is_judged_by_its_last_token_that_is_not_the_padding_token() {
        let padding = Padding { pad_token_id: 9, multiple_of: 1, max_length: 8, positions: PositionIds::FromZero };
        let rows: [&[u32]; 5] = [&[1, 2, 3, 4], &[1, 9, 3], &[1, 2, 9], &[9, 9], &[]];
        let rows = rows.map(|input_ids| TextRow { input_ids, token_type_ids: &[] });
        let device = Device::flex();
        let text = TextBatch::new(&HostText::pad(&rows, &padding), &device);
        let states: Vec<f32> = (0..5 * 4).flat_map(|cell| [cell as f32, -(cell as f32)]).collect();
        let states = Tensor::<3>::from_data(TensorData::new(states, [5, 4, 2]), &device);
        let found: Vec<f32> = last_token(states, &text, 9).into_data().iter::<f32>().collect();
        assert_eq!(found, [3.0, -3.0, 6.0, -6.0, 9.0, -9.0, 12.0, -12.0, 16.0, -16.0]);
    }
}
