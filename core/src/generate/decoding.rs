//! One text, token by token, or with beams as a whole; what the model has read is kept.

use burn::tensor::{Device, ExecutionError};

use super::next_token_model::NextTokenModel;
use super::token_rules::TextBounds;
use super::{BeamSearch, BeamStep, Hypothesis, Sampler, SamplingConfig, SamplingError, StopDetector};
use crate::config::ConfigProblem;
use crate::model::Model;
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
    /// The prompt is as long as prompt and text together may be.
    #[error(
        "the prompt has {tokens} tokens, and prompt and text together may have {max_length} (max_length): say how many tokens to write \
         (max_new_tokens)"
    )]
    NoRoom {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens of prompt and text together at most.
        max_length: u32,
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
    /// `max_new_tokens` or `max_length`, or the model's window.
    Length,
}

/// A text in the making.
pub struct Generation<'a> {
    model: NextTokenModel<'a>,
    device: &'a Device,
    search: Search,
    eos_token_ids: &'a [u32],
    /// Prompt, and what was decided after it.
    ids: Vec<u32>,
    prompt_len: usize,
    max_len: usize,
    /// The settings allow more tokens than the model's window holds.
    is_cut: bool,
    /// What the model reads next, of each text that runs on: `[rows, seq]`.
    unread: Vec<u32>,
    /// Texts that run on: one, or with beams as many as they are.
    rows: usize,
    is_over: bool,
    /// The model ended it.
    is_complete: bool,
}

/// How tokens are chosen.
enum Search {
    /// One after another.
    Tokens(Box<Sampler>),
    /// Several texts side by side, of which one is taken.
    Beams(Box<BeamSearch>),
}

impl<'a> Generation<'a> {
    /// Begins after `prompt`, or, of a model that turns a text into another, the target of the source `prompt`; `model`
    /// must be one for inference. `max_tokens` is the model's window, of sources and targets each.
    ///
    /// # Errors
    /// When the model does not write, a setting can't be used, or the prompt is empty or leaves no room for a text.
    pub fn new(
        model: &'a Model,
        prompt: Vec<u32>,
        config: &SamplingConfig,
        eos_token_ids: &'a [u32],
        max_tokens: usize,
        device: &'a Device,
    ) -> Result<Self, GenerateError> {
        if prompt.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        // What a decoder writes has to fit beside the prompt; a source stands alone.
        let room_beside = usize::from(model.seq2seq_lm().is_none());
        if prompt.len() + room_beside > max_tokens {
            return Err(GenerateError::PromptTooLong { tokens: prompt.len(), limit: max_tokens });
        }
        let (model, prompt) = NextTokenModel::new(model, prompt, device).ok_or(GenerateError::NoHead)?;
        let prompt_len = prompt.len();
        let wanted_len = match config.max_length {
            0 => prompt_len + config.max_new_tokens as usize,
            max_length if max_length as usize > prompt_len => max_length as usize,
            max_length => return Err(GenerateError::NoRoom { tokens: prompt_len, max_length }),
        };
        let max_len = max_tokens.min(wanted_len);
        let search = if config.num_beams > 1 {
            let search = BeamSearch::new(config, &prompt, eos_token_ids, max_len - prompt_len);
            Search::Beams(Box::new(search.map_err(GenerateError::Config)?))
        } else {
            let bounds = TextBounds { prompt_len, max_len, eos_token_ids: eos_token_ids.to_vec() };
            Search::Tokens(Box::new(Sampler::new(config).map_err(GenerateError::Config)?.within(bounds)))
        };
        Ok(Self {
            model,
            device,
            search,
            eos_token_ids,
            unread: prompt.clone(),
            ids: prompt,
            prompt_len,
            max_len,
            is_cut: wanted_len > max_tokens,
            rows: 1,
            is_over: false,
            is_complete: false,
        })
    }

    /// Takes a step; returns the tokens that it decided: one, or with beams none until the last step decides all. `None`
    /// at the end of the text (the token that ends it is not handed out).
    ///
    /// # Errors
    /// When the device fails or its logits are not numbers.
    pub async fn next_tokens(&mut self) -> Result<Option<Vec<u32>>, GenerateError> {
        if self.is_over {
            return Ok(None);
        }
        let logits = self.model.next_logits(&self.unread, self.rows, self.device);
        let data = logits.into_data_async().await.map_err(GenerateError::Device)?;
        let mut logits = data.try_into_vec::<f32>().expect("logits are f32");
        let mut decided = match &mut self.search {
            Search::Tokens(sampler) => {
                let id = sampler.next(&mut logits, &self.ids)?;
                self.unread = vec![id];
                vec![id]
            }
            Search::Beams(search) => match search.step(&mut logits)? {
                BeamStep::GoOn { rows, tokens } => {
                    if !rows.iter().copied().eq(0..self.rows) {
                        self.model.select(&rows, self.device);
                    }
                    (self.rows, self.unread) = (rows.len(), tokens);
                    return Ok(Some(Vec::new()));
                }
                BeamStep::Finished => search.finished().first().map(|best| best.tokens.clone()).unwrap_or_default(),
            },
        };
        self.is_complete = decided.last().is_some_and(|id| self.eos_token_ids.contains(id));
        if self.is_complete {
            decided.pop();
        }
        self.ids.extend(&decided);
        self.is_over = self.is_complete || self.ids.len() >= self.max_len;
        Ok((!decided.is_empty()).then_some(decided))
    }

    /// What was decided so far.
    #[must_use]
    pub fn new_ids(&self) -> &[u32] {
        &self.ids[self.prompt_len..]
    }

    /// Texts that a search with beams has finished, the best first; none without beams.
    #[must_use]
    pub fn hypotheses(&self) -> &[Hypothesis] {
        match &self.search {
            Search::Tokens(_) => &[],
            Search::Beams(search) => search.finished(),
        }
    }

    /// Whether the text ended because the model's window is full, where the settings would have let it go on.
    #[must_use]
    pub fn fills_window(&self) -> bool {
        self.is_cut && self.is_over && !self.is_complete
    }

    /// Why there are no further tokens.
    #[must_use]
    pub fn finish_reason(&self) -> FinishReason {
        if self.is_complete { FinishReason::Stop } else { FinishReason::Length }
    }
}

/// A text that was written to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedText {
    /// The text, without the prompt.
    pub text: String,
    /// Its tokens, without the one that ended it; those of a stop string are among them.
    pub ids: Vec<u32>,
    /// The model, or a stop string, ended it; else it grew as long as it may.
    pub is_complete: bool,
}

/// A text in the making, as text: whole characters only, cut off before a stop string. With beams nothing comes until the
/// search is over, and then all of it.
pub struct TextGeneration<'a> {
    tokens: Generation<'a>,
    /// `None` once the text has ended.
    open: Option<(TextStream<'a>, StopDetector)>,
    num_tokens: usize,
    is_stopped: bool,
}

impl<'a> TextGeneration<'a> {
    /// As text, with the stop strings of `config`.
    #[must_use]
    pub fn new(tokens: Generation<'a>, tokenizer: &'a Tokenizer, config: &SamplingConfig) -> Self {
        let stream = TextStream::new(tokenizer, &tokens.ids, true);
        Self { tokens, open: Some((stream, StopDetector::new(&config.stop))), num_tokens: 0, is_stopped: false }
    }

    /// The next piece of text, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// See [`Generation::next_tokens`].
    pub async fn next_piece(&mut self) -> Result<Option<String>, GenerateError> {
        let Some((mut stream, mut stop)) = self.open.take() else { return Ok(None) };
        let Some(ids) = self.tokens.next_tokens().await? else {
            let (mut piece, stopped) = stop.push(&stream.finish()?);
            self.is_stopped = stopped;
            if !stopped {
                piece.push_str(&stop.finish());
            }
            return Ok((!piece.is_empty()).then_some(piece));
        };
        let mut piece = String::new();
        for id in ids {
            let (text, stopped) = stop.push(&stream.push(id)?);
            piece.push_str(&text);
            self.num_tokens += 1;
            if stopped {
                self.is_stopped = true;
                return Ok(Some(piece));
            }
        }
        self.open = Some((stream, stop));
        Ok(Some(piece))
    }

    /// Everything that is still to be written.
    ///
    /// # Errors
    /// See [`Generation::next_tokens`].
    pub async fn rest(mut self) -> Result<FinishedText, GenerateError> {
        let mut text = String::new();
        while let Some(piece) = self.next_piece().await? {
            text.push_str(&piece);
        }
        let (ids, finish_reason) = (self.tokens.new_ids().to_vec(), self.finish_reason());
        Ok(FinishedText { text, ids, is_complete: finish_reason == FinishReason::Stop })
    }

    /// Tokens of the text so far, up to a stop string.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.num_tokens
    }

    /// Whether the text ended because the model's window is full, where the settings would have let it go on.
    #[must_use]
    pub fn fills_window(&self) -> bool {
        !self.is_stopped && self.tokens.fills_window()
    }

    /// Why the text ended.
    #[must_use]
    pub fn finish_reason(&self) -> FinishReason {
        if self.is_stopped { FinishReason::Stop } else { self.tokens.finish_reason() }
    }
}
