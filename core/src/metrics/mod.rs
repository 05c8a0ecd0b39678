//! Figures of predictions, from plain numbers and texts: of classes, of next tokens and of generated texts.

mod bleu;
mod classification;
mod language_model;
mod rouge;
mod text;

pub use bleu::{Bleu, MAX_NGRAM_ORDER};
pub use classification::{Baseline, ClassMetrics, Confusion, Evaluation, RowPrediction, most_frequent};
pub use language_model::{LmAccumulator, LmEvaluation};
pub use rouge::{mean_rouge_l, rouge_l};
pub use text::{TextEvaluation, TextSample, evaluate_texts, is_exact_match};

use serde::{Deserialize, Serialize};

/// What an evaluation during a run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figures {
    /// Of a classifier.
    Classes(Box<Evaluation>),
    /// Of a language model.
    Tokens(LmEvaluation),
}
