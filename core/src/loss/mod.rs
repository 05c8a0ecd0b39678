//! What is made small: cross-entropy over classes, and over the tokens of a vocabulary.

mod classes;
mod tokens;

pub use classes::{LossConfig, cross_entropy_sum};
pub use tokens::{TokenLoss, measure_tokens, token_cross_entropy};
