//! What a model that writes makes of a few validation prompts, so that one can read how it changes.

use burn::tensor::Device;

use super::TrainError;
use crate::generate::{FinishedText, Generation, PromptRoom, SamplingConfig, TextGeneration, encode_to_fit};
use crate::model::{Model, ModelConfig};
use crate::task::PromptRow;
use crate::tokenizer::Tokenizer;

/// Most tokens of what is written.
const MAX_NEW_TOKENS: u32 = 32;

/// What a model needs besides its weights to write text.
#[derive(Debug, Clone)]
pub struct SampleWriter {
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// Tokens that end a text.
    pub eos_token_ids: Vec<u32>,
    /// Tokens after which a source is cut off.
    pub max_source: usize,
}

impl SampleWriter {
    /// What comes after a prompt, or is made of a source, greedily. `model` must be one for inference.
    pub(super) async fn write(
        &self,
        prompt: &PromptRow,
        model: &Model,
        config: &ModelConfig,
        device: &Device,
    ) -> Result<FinishedText, TrainError> {
        let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
        let (window, max_source) = (config.max_tokens(), self.max_source);
        let room = PromptRoom { window, max_source, max_new_tokens: MAX_NEW_TOKENS };
        let ids = encode_to_fit(model, &self.tokenizer, &prompt.prompt, prompt.is_chat, room)?;
        let tokens = Generation::new(model, ids, &sampling, &self.eos_token_ids, window, device)?;
        Ok(TextGeneration::new(tokens, &self.tokenizer, &sampling).rest().await?)
    }
}
