//! One text, token by token, with the keys and values of the tokens so far kept.

use burn::tensor::{Device, ExecutionError};

use super::{Sampler, SamplingConfig, SamplingError, StopDetector};
use crate::batch::TextBatch;
use crate::config::ConfigProblem;
use crate::model::{CausalLm, Model};
use crate::nn::KvCache;
use crate::tokenizer::{TextStream, Tokenizer, TokenizerError};

/// Why a text can't be started or continued.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Settings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigProblem>),
    /// The prompt fills the window.
    #[error("the prompt has {tokens} tokens, this model reads {limit}: shorten it")]
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens that the model reads.
        limit: usize,
    },
    /// The model does something else.
    #[error("this model has no head that predicts the next token")]
    NoHead,
    /// There is nothing to go on from.
    #[error("the prompt is empty, and this tokenizer has no token that begins a text")]
    EmptyPrompt,
    /// Logits that can't be drawn from.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// Tokens to text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, or a stop string came.
    Stop,
    /// `max_new_tokens`, or the model's window.
    Length,
}

/// A text in the making.
pub struct Generation<'a> {
    model: CausalLm<'a>,
    device: &'a Device,
    sampler: Sampler,
    eos_token_ids: &'a [u32],
    /// Prompt and what came after it.
    ids: Vec<u32>,
    prompt_len: usize,
    max_len: usize,
    cache: KvCache,
    is_over: bool,
}

impl<'a> Generation<'a> {
    /// Begins after `prompt`; `model` must be one for inference. `max_tokens` is the model's window.
    ///
    /// # Errors
    /// When the model does not write, a setting can't be used, or the prompt is empty or fills the window.
    pub fn new(
        model: &'a Model,
        prompt: Vec<u32>,
        config: &SamplingConfig,
        eos_token_ids: &'a [u32],
        max_tokens: usize,
        device: &'a Device,
    ) -> Result<Self, GenerateError> {
        let model = model.causal_lm().ok_or(GenerateError::NoHead)?;
        if prompt.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        if prompt.len() >= max_tokens {
            return Err(GenerateError::PromptTooLong { tokens: prompt.len(), limit: max_tokens });
        }
        let sampler = Sampler::new(config).map_err(GenerateError::Config)?;
        let prompt_len = prompt.len();
        let max_len = max_tokens.min(prompt_len + config.max_new_tokens as usize);
        let cache = KvCache::default();
        Ok(Self { model, device, sampler, eos_token_ids, ids: prompt, prompt_len, max_len, cache, is_over: false })
    }

    /// The next token; `None` at the end of the text (the token that ends it is not handed out).
    ///
    /// # Errors
    /// When the device fails or its logits are not numbers.
    pub async fn next_token(&mut self) -> Result<Option<u32>, GenerateError> {
        if self.is_over || self.ids.len() >= self.max_len {
            return Ok(None);
        }
        let past = self.cache.len();
        let batch = TextBatch::continuation(&self.ids[past..], past, self.device);
        let logits = self.model.next_logits(&batch, &mut self.cache);
        let data = logits.into_data_async().await.map_err(GenerateError::Device)?;
        let mut logits = data.try_into_vec::<f32>().expect("logits are f32");
        let id = self.sampler.next(&mut logits, &self.ids)?;
        if self.eos_token_ids.contains(&id) {
            self.is_over = true;
            return Ok(None);
        }
        self.ids.push(id);
        Ok(Some(id))
    }

    /// What was written so far.
    #[must_use]
    pub fn new_ids(&self) -> &[u32] {
        &self.ids[self.prompt_len..]
    }

    /// Why there is no next token.
    #[must_use]
    pub fn finish_reason(&self) -> FinishReason {
        if self.is_over { FinishReason::Stop } else { FinishReason::Length }
    }
}

/// A text in the making, as text: whole characters only, cut off before a stop string.
pub struct TextGeneration<'a> {
    tokens: Generation<'a>,
    /// `None` once the text has ended.
    open: Option<(TextStream<'a>, StopDetector)>,
    is_stopped: bool,
}

impl<'a> TextGeneration<'a> {
    /// As text, with the stop strings of `config`.
    #[must_use]
    pub fn new(tokens: Generation<'a>, tokenizer: &'a Tokenizer, config: &SamplingConfig) -> Self {
        let stream = TextStream::new(tokenizer, &tokens.ids, true);
        Self { tokens, open: Some((stream, StopDetector::new(&config.stop))), is_stopped: false }
    }

    /// The next piece of text, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// See [`Generation::next_token`].
    pub async fn next_piece(&mut self) -> Result<Option<String>, GenerateError> {
        let Some((mut stream, mut stop)) = self.open.take() else { return Ok(None) };
        let Some(id) = self.tokens.next_token().await? else {
            let (mut piece, stopped) = stop.push(&stream.finish()?);
            self.is_stopped = stopped;
            if !stopped {
                piece.push_str(&stop.finish());
            }
            return Ok((!piece.is_empty()).then_some(piece));
        };
        let (piece, stopped) = stop.push(&stream.push(id)?);
        self.is_stopped = stopped;
        if !stopped {
            self.open = Some((stream, stop));
        }
        Ok(Some(piece))
    }

    /// Everything that is still to be written.
    ///
    /// # Errors
    /// See [`Generation::next_token`].
    pub async fn rest(mut self) -> Result<String, GenerateError> {
        let mut text = String::new();
        while let Some(piece) = self.next_piece().await? {
            text.push_str(&piece);
        }
        Ok(text)
    }

    /// Tokens written so far.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.tokens.new_ids().len()
    }

    /// Why the text ended.
    #[must_use]
    pub fn finish_reason(&self) -> FinishReason {
        if self.is_stopped { FinishReason::Stop } else { self.tokens.finish_reason() }
    }
}
