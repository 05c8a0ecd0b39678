//! What the commands ask that explain an answer: what of a text speaks for it, and which training rows are like the text.

use serde::{Deserialize, Serialize};

use super::Weights;
use crate::task::TaskInput;

/// An answer that is to be explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToExplain {
    /// The text, or the pair of texts.
    pub input: TaskInput,
    /// Id of the label, or place of the number; `None` takes the label that is given, or the first number.
    pub output: Option<usize>,
    /// Which weights.
    pub weights: Weights,
    /// Which of a run's several tasks answers; `None` where there is one.
    pub part: Option<String>,
}

/// A text whose like are sought among the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearTo {
    /// The text, or the pair of texts.
    pub input: TaskInput,
    /// Which weights make the vectors.
    pub weights: Weights,
    /// The training row that the text is, by its place in the split; `None` where it is none.
    pub except: Option<usize>,
}
