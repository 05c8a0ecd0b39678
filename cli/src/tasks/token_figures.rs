//! Figures of predicted tokens, as tasks show them whose models score a vocabulary.

use hone_core::task::Evaluation;

/// Their names, in the order of tables.
pub(super) const FIGURES: &[&str] = &["loss", "perplexity", "token_accuracy"];

/// All of them in a line.
pub(super) fn line(evaluation: &Evaluation) -> String {
    let figure = |name: &str| evaluation.figure(name).unwrap_or(f64::NAN);
    let (loss, perplexity, accuracy) = (figure("loss"), figure("perplexity"), figure("token_accuracy"));
    format!("loss {loss:.4}  perplexity {perplexity:.2}  token accuracy {accuracy:.4}")
}
