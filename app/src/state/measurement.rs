//! What a run measured on the way.

use hone_core::event::Split;

/// One measurement of a split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    pub step: u32,
    pub epoch: f64,
    pub split: Split,
    pub loss: f64,
    /// Share of rows, or of a language model's tokens, that were predicted right.
    pub accuracy: f64,
    /// Of classes.
    pub macro_f1: Option<f64>,
    /// Of next tokens.
    pub perplexity: Option<f64>,
    pub is_best: bool,
}

/// What a language model made of a validation prompt on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub step: u32,
    pub prompt: String,
    pub expected: String,
    pub generated: String,
}

impl Measurement {
    /// Of which only the loss is known yet.
    pub(super) fn of_loss(step: u32, epoch: f64, split: Split, loss: f64, is_best: bool) -> Self {
        Self { step, epoch, split, loss, accuracy: 0.0, macro_f1: None, perplexity: None, is_best }
    }
}

/// Pairs of neighbours as their means.
pub(super) fn halved(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mean = |pair: &[(f64, f64)]| {
        let share = 1.0 / pair.len() as f64;
        pair.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 * share, sum.1 + point.1 * share))
    };
    points.chunks(2).map(mean).collect()
}
