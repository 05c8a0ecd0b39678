//! What a model that writes is asked to go on from while it is trained or measured.

/// A prompt, and what stands in the file after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRow {
    /// Row number in its file.
    pub row: usize,
    /// The prompt.
    pub prompt: String,
    /// What stands after it.
    pub expected: String,
    /// A chat template wrote it: it brings its own special tokens.
    pub is_chat: bool,
    /// The prompt is only the beginning of a text without one of its own: good to look at, not to be scored.
    pub is_text: bool,
}
