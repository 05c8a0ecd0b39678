//! What a task must know of the model that its rows are for.

use std::fmt::{Debug, Formatter};

use crate::config::RunConfig;
use crate::data::{Padding, PositionIds};
use crate::images::ImageProcessor;
use crate::tokenizer::{Conversation, RenderedConversation, Tokenizer};

/// Writes conversations as a model's chat template does; an error says why it can't.
pub type RenderTurns<'a> = dyn Fn(&Conversation) -> Result<RenderedConversation, String> + 'a;

/// What a task must know of the model that its rows are for, without its weights.
#[derive(Clone, Copy)]
pub struct TaskModel<'a> {
    /// What turns rows into what it reads.
    pub reads: Reads<'a>,
    /// Longest input in tokens.
    pub max_tokens: usize,
    /// Token that fills up.
    pub pad_token_id: u32,
    /// How positions are counted.
    pub position_ids: PositionIds,
    /// Tokens that end a text; the first is the one that is appended.
    pub eos_token_ids: &'a [u32],
    /// Token with which a target begins in the decoder; `None` where there is no decoder beside an encoder.
    pub decoder_start_token_id: Option<u32>,
    /// Its chat template; `None` where it has none.
    pub render: Option<&'a RenderTurns<'a>>,
    /// Why its chat template can't be used, where it has one that is broken.
    pub broken_template: Option<&'a str>,
}

#[cfg(test)]
impl<'a> TaskModel<'a> {
    /// A model for tests: token 0 fills up, and there is neither a decoder nor a chat template.
    pub(crate) fn to_test(reads: Reads<'a>, max_tokens: usize) -> Self {
        Self {
            reads,
            max_tokens,
            pad_token_id: 0,
            position_ids: PositionIds::FromZero,
            eos_token_ids: &[],
            decoder_start_token_id: None,
            render: None,
            broken_template: None,
        }
    }
}

/// What turns rows into what a model reads.
#[derive(Clone, Copy)]
pub enum Reads<'a> {
    /// Texts, by a tokenizer.
    Texts(&'a Tokenizer),
    /// Images, as its image processor makes them.
    Images(&'a ImageProcessor),
}

impl<'a> TaskModel<'a> {
    /// Its tokenizer.
    ///
    /// # Panics
    /// Of a model that reads images: no session gives rows of texts to one.
    #[must_use]
    pub fn tokenizer(&self) -> &'a Tokenizer {
        match self.reads {
            Reads::Texts(tokenizer) => tokenizer,
            Reads::Images(_) => panic!("a model that reads images has no tokenizer"),
        }
    }

    /// Its image processor.
    ///
    /// # Panics
    /// Of a model that reads texts: no session gives images to one.
    #[must_use]
    pub fn images(&self) -> &'a ImageProcessor {
        match self.reads {
            Reads::Images(processor) => processor,
            Reads::Texts(_) => panic!("a model that reads texts has no image processor"),
        }
    }

    /// Tokens after which an input is cut off.
    #[must_use]
    pub fn limit(&self, run: &RunConfig) -> usize {
        self.max_tokens.min(run.max_seq_length as usize)
    }

    /// How batches are padded.
    #[must_use]
    pub fn padding(&self, run: &RunConfig) -> Padding {
        Padding {
            pad_token_id: self.pad_token_id,
            multiple_of: run.pad_to_multiple_of.max(1) as usize,
            max_length: self.limit(run),
            positions: self.position_ids,
        }
    }
}

impl Debug for TaskModel<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskModel").field("max_tokens", &self.max_tokens).finish_non_exhaustive()
    }
}
