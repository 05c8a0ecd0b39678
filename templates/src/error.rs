//! Why a template can't be used, at all or on a conversation.

use serde::{Deserialize, Serialize};

/// A template that can't be used. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TemplateError {
    /// Not Jinja, or Jinja that this build does not know.
    #[error("line {line}: {message}")]
    Broken {
        /// Where.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// It refuses what it is given, or fails on it.
    #[error("line {line}: {message}")]
    Refused {
        /// Where.
        line: usize,
        /// What the template or the renderer said.
        message: String,
    },
    /// It asks for more than any conversation needs.
    #[error("{message}: line {line}")]
    Excessive {
        /// Where.
        line: usize,
        /// What there is too much of.
        message: String,
    },
    /// There is nothing that renders templates, or it stopped.
    #[error("{message}")]
    NotRendered {
        /// Why.
        message: String,
    },
}
