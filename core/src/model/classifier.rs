//! Encoder and head: logits per row.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use crate::batch::Batch;
use crate::nn::{Dropout, Encoder, EncoderConfig, Init, Linear, tanh};

/// How the head is built; each as `transformers` builds it for the architecture, and mean pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// Token 0, dense, tanh, dropout, classifier.
    Bert,
    /// Token 0, dropout, dense, tanh, dropout, classifier.
    Roberta,
    /// Token 0, dense, ReLU, dropout, classifier.
    Distilbert,
    /// Mean of the row's tokens, dropout, classifier.
    Mean,
}

/// The head's kind and dropout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadConfig {
    /// How it is built.
    pub kind: HeadKind,
    /// Dropout before the classifier.
    pub dropout: f64,
}

/// Token states to logits.
#[derive(Module, Debug)]
pub struct Head {
    dense: Option<Linear>,
    classifier: Linear,
    #[module(skip)]
    kind: HeadKind,
    #[module(skip)]
    dropout: Dropout,
}

/// The part of a head that does not depend on the labels: BERT's pooler, RoBERTa's dense, DistilBERT's pre_classifier.
#[derive(Module, Debug)]
pub struct DensePart {
    dense: Option<Linear>,
}

/// A model with a sequence-classification head.
#[derive(Module, Debug)]
pub struct SequenceClassifier {
    /// Token states.
    pub encoder: Encoder,
    /// Logits.
    pub head: Head,
}

impl Head {
    fn new(config: HeadConfig, hidden: usize, num_labels: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self {
            dense: (config.kind != HeadKind::Mean).then(|| Linear::new(hidden, hidden, std, init, device)),
            classifier: Linear::new(hidden, num_labels, std, init, device),
            kind: config.kind,
            dropout: Dropout { p: config.dropout },
        }
    }

    /// A copy of the label-independent part.
    #[must_use]
    pub fn dense_part(&self) -> DensePart {
        DensePart { dense: self.dense.clone() }
    }

    /// This head with another label-independent part.
    #[must_use]
    pub fn with_dense(self, part: DensePart) -> Self {
        Self { dense: part.dense, ..self }
    }

    /// The label-independent layer, if the head has one.
    pub fn dense_mut(&mut self) -> Option<&mut Linear> {
        self.dense.as_mut()
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`
    /// - returns logits: `[batch, labels]`
    #[must_use]
    pub fn forward(&self, states: Tensor<3>, batch: &Batch) -> Tensor<2> {
        let [rows, _, hidden] = states.dims();
        let pooled = match self.kind {
            HeadKind::Mean => mean_pool(states, &batch.attention_mask),
            _ => states.slice([0..rows, 0..1, 0..hidden]).reshape([rows, hidden]),
        };
        let dense = |x: Tensor<2>| match &self.dense {
            Some(dense) => dense.forward(x),
            None => x,
        };
        let pooled = match self.kind {
            HeadKind::Bert => tanh(dense(pooled)),
            HeadKind::Roberta => tanh(dense(self.dropout.forward(pooled))),
            HeadKind::Distilbert => activation::relu(dense(pooled)),
            HeadKind::Mean => pooled,
        };
        self.classifier.forward(self.dropout.forward(pooled))
    }
}

/// Mean of the states of real tokens.
fn mean_pool(states: Tensor<3>, attention_mask: &Tensor<2>) -> Tensor<2> {
    let [batch, _, hidden] = states.dims();
    let mask = attention_mask.clone().unsqueeze_dim::<3>(2); // [batch, seq, 1]
    let count = mask.clone().sum_dim(1).clamp_min(1.0); // [batch, 1, 1]
    ((states * mask).sum_dim(1) / count).reshape([batch, hidden])
}

impl SequenceClassifier {
    /// Fresh weights; a checkpoint replaces those it has.
    #[must_use]
    pub fn new(encoder: &EncoderConfig, head: HeadConfig, num_labels: usize, init: &mut Init, device: &Device) -> Self {
        let std = encoder.initializer_range;
        // The head first: its values then depend on the seed alone, not on the size of the encoder.
        let head = Head::new(head, encoder.hidden_size, num_labels, std, init, device);
        Self { encoder: Encoder::new(encoder, init, device), head }
    }

    /// # Shapes
    /// - returns logits: `[batch, labels]`
    #[must_use]
    pub fn forward(&self, batch: &Batch) -> Tensor<2> {
        self.head.forward(self.encoder.forward(batch), batch)
    }

    /// As [`Self::forward`], with an encoder that takes no gradient and drops nothing out.
    #[must_use]
    pub fn forward_frozen(&self, frozen: &Encoder, batch: &Batch) -> Tensor<2> {
        self.head.forward(frozen.forward(batch).autodiff(), batch)
    }

    /// Replaces every dropout rate; `None` keeps the model's own.
    pub fn set_dropout(&mut self, rate: Option<f64>) {
        if let Some(rate) = rate {
            self.encoder.set_dropout(rate, rate);
            self.head.dropout.p = rate;
        }
    }

    /// A copy for measuring: no dropout, no autodiff.
    #[must_use]
    pub fn for_inference(&self) -> Self {
        let mut copy = self.clone().valid();
        copy.set_dropout(Some(0.0));
        copy
    }
}
