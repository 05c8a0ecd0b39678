//! Figures of predicted tokens, as tasks show them whose models score a vocabulary.

use hone_core::task::Evaluation;

/// Their names, in the order of tables.
pub(super) const FIGURES: &[&str] = &["loss", "perplexity", "token_accuracy"];

/// All of them in a line.
pub(super) fn line(evaluation: &Evaluation) -> String {
    let figure = |name: &str| evaluation.figure(name).unwrap_or(f64::NAN);
    let (loss, accuracy) = (figure("loss"), figure("token_accuracy"));
    // Of a loss above 709 it is above all numbers, and left out.
    let perplexity = evaluation.figure("perplexity");
    let perplexity = perplexity.map_or_else(|| "above 1e308".to_owned(), |value| format!("{value:.2}"));
    format!("loss {loss:.4}  perplexity {perplexity}  token accuracy {accuracy:.4}")
}
