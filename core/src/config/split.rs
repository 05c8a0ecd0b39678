//! The names of the three splits, as settings, edits of rows and messages spell them.

use serde::{Deserialize, Serialize};

/// One of the three splits, or the file of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Rows trained on.
    Train,
    /// Rows that choose the best weights and stop the run early.
    Valid,
    /// Rows looked at once, at the end.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// Where it stands among the three.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Train => 0,
            Self::Valid => 1,
            Self::Test => 2,
        }
    }

    /// The file that its rows come from, unless a person moved them: its own where it has one, else that of the training rows.
    #[must_use]
    pub fn usual_file(self, [has_valid, has_test]: [bool; 2]) -> Self {
        match self {
            Self::Valid if has_valid => Self::Valid,
            Self::Test if has_test => Self::Test,
            _ => Self::Train,
        }
    }

    /// As a person calls it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Valid => "validation",
            Self::Test => "test",
        }
    }
}
