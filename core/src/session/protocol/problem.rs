//! What went wrong, as a person reads it.

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong, so that the page can offer the right way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A file, a column or a row.
    Data,
    /// config.json, weights or tokenizer.
    Model,
    /// A setting.
    Config,
    /// Fetching over the network.
    Network,
    /// A hub hands a model only to those whom it knows.
    Access,
    /// Disk full, quota, no permission.
    Storage,
    /// The GPU: lost, out of memory, a shader that does not compile, wrong arithmetic.
    Device,
    /// The loss is not a number.
    Diverged,
    /// A mistake in Hone.
    Bug,
}

/// An error as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For the way out.
    pub kind: ProblemKind,
    /// What happened, and where.
    pub message: String,
    /// What to do.
    pub hint: String,
}
