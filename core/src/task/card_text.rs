//! What a model card is made of: in, facts of a run; out, what its task adds to the card.

use crate::config::Job;

/// Facts for a model card.
#[derive(Clone, Copy)]
pub struct CardRequest<'a> {
    /// The class of `transformers` that loads the folder.
    pub class_name: &'static str,
    /// Names of the model's outputs.
    pub labels: &'a [String],
    /// What was run.
    pub job: &'a Job,
    /// The folder holds an adapter alone.
    pub is_adapter: bool,
}

/// What a task adds to a model card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardText {
    /// What the model does, to go on after ``A `Class` `` or ``A LoRA adapter for `Class` ``: ` that tells 3 labels
    /// apart: a, b and c.`
    pub what: String,
    /// Arguments of `pipe(…)` in Python.
    pub pipeline_arguments: String,
    /// Python that uses the model, where no pipeline of `transformers` does; takes the place of the usual lines.
    pub python: Option<String>,
    /// What follows `hone predict --model .`.
    pub hone_arguments: String,
}
