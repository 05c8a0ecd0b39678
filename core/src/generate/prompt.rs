//! A prompt as tokens: what a model writes on from, or the source of what it writes.

use crate::model::Model;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// How much of a prompt a model can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptRoom {
    /// Tokens that the model reads.
    pub window: usize,
    /// Tokens after which a source is cut off, as it was when the model was trained.
    pub max_source: usize,
    /// Tokens that are to be written.
    pub max_new_tokens: u32,
}

/// The tokens of a prompt, cut down to what there is room for: of a source what stands last is left out, as in training,
/// and else what stands first. `is_chat` where a chat template wrote it, which brings its own special tokens.
///
/// # Errors
/// When the tokenizer fails on the text.
pub fn encode_to_fit(
    model: &Model,
    tokenizer: &Tokenizer,
    prompt: &str,
    is_chat: bool,
    room: PromptRoom,
) -> Result<Vec<u32>, TokenizerError> {
    let PromptRoom { window, max_source, max_new_tokens } = room;
    if model.seq2seq_lm().is_some() {
        return Ok(tokenizer.encode(prompt, max_source.min(window))?.ids);
    }
    let mut ids = tokenizer.encode_prompt(prompt, !is_chat)?;
    tokenizer.make_room(&mut ids, window, max_new_tokens as usize);
    Ok(ids)
}
