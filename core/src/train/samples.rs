//! What a language model makes of a few validation prompts, so that one can read how it changes.

use burn::tensor::Device;

use super::{TokenInputs, TrainError, TrainInputs};
use crate::generate::{Generation, SamplingConfig, TextGeneration};
use crate::model::{CausalLm, ModelConfig};

/// Prompts.
const SAMPLES: usize = 2;

/// Most tokens of what is written.
const MAX_NEW_TOKENS: u32 = 32;

/// Characters of a text without a prompt of its own that are taken for one.
const PROMPT_CHARS: usize = 48;

/// A prompt, what stands in the file after it, and what the model wrote.
pub(super) struct Sample {
    pub(super) prompt: String,
    pub(super) expected: String,
    pub(super) generated: String,
}

impl TrainInputs {
    /// Prompts that are sampled after an evaluation.
    pub(super) fn num_samples(&self) -> usize {
        match self {
            Self::Classes(_) => 0,
            Self::Tokens(inputs) => inputs.valid.examples.len().min(SAMPLES),
        }
    }
}

impl TokenInputs {
    /// Writes on, greedily, from the prompt of a validation example. `model` must be one for inference.
    pub(super) async fn sample(
        &self,
        index: usize,
        model: &CausalLm,
        config: &ModelConfig,
        device: &Device,
    ) -> Result<Sample, TrainError> {
        let example = &self.valid.examples[index];
        let (prompt, expected) = if example.is_text() {
            let text = example.text();
            let cut = text.char_indices().nth(PROMPT_CHARS).map_or(text.len(), |(at, _)| at);
            let rest = text[cut..].chars().take(2 * PROMPT_CHARS).collect();
            (text[..cut].to_owned(), rest)
        } else {
            (example.prompt(), example.completion().to_owned())
        };
        let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
        let mut ids = self.tokenizer.encode_prompt(&prompt, !example.is_chat())?;
        self.tokenizer.make_room(&mut ids, config.max_tokens(), MAX_NEW_TOKENS as usize);
        let tokens = Generation::new(model, ids, &sampling, &self.eos_token_ids, config.max_tokens(), device)?;
        let generated = TextGeneration::new(tokens, &self.tokenizer, &sampling).rest().await?;
        Ok(Sample { prompt, expected, generated })
    }
}
