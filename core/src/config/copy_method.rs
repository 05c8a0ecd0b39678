//! How a model makes copies of training rows, before a run.

use serde::{Deserialize, Serialize};

/// How a model makes copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum CopyMethod {
    /// Words become what it fills into blanks.
    Masked,
    /// Texts are translated into another language and back.
    Translated(Translation),
}

/// How a text is translated, and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Translation {
    /// Written before a text, to the letter, so that it is translated.
    pub there: String,
    /// Written before the translation, so that it is translated back.
    pub back: String,
    /// Tokens are drawn at this temperature; `None` takes the likeliest text.
    pub temperature: Option<f64>,
    /// Texts that are searched side by side for the likeliest; 1 takes the likeliest token each time.
    pub num_beams: u32,
}

impl Default for Translation {
    /// With the prefixes that T5 was trained with, drawn so that copies differ.
    fn default() -> Self {
        Self {
            there: "translate English to German: ".to_owned(),
            back: "translate German to English: ".to_owned(),
            temperature: Some(0.7),
            num_beams: 1,
        }
    }
}
