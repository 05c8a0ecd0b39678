//! Choosing the next tokens, and knowing when to stop: plain numbers and text; the loop over a model is in `decoding`.
//!
//! A decoder loop reads rows of logits back and asks a [`Sampler`] for the next id, or a [`BeamSearch`] which texts run on.
//! It decodes what is decided and passes the text through a [`StopDetector`]; rules for the finished text are [`OutputFilters`].

mod beam_search;
mod config;
#[cfg(feature = "engine")]
mod decoding;
mod filter;
#[cfg(feature = "engine")]
mod next_token_model;
mod own_config;
#[cfg(feature = "engine")]
mod prompt;
mod sampling;
mod stop;
mod token_rules;
mod translation;

pub use beam_search::{BeamSearch, BeamStep, Hypothesis};
pub use config::{EarlyStopping, SamplingConfig};
#[cfg(feature = "engine")]
pub use decoding::{FinishReason, FinishedText, GenerateError, Generation, TextGeneration};
pub use filter::{FilterCounts, OutputFilters};
pub use own_config::{adopt_generation_config, generation_file};
#[cfg(feature = "engine")]
pub use prompt::{PromptRoom, encode_to_fit};
pub use sampling::{
    Sampler, SamplingError, argmax, forbid_repeated_ngrams, keep_min_p, keep_top_k, keep_top_p, penalize_repetition,
    scale_by_temperature, softmax,
};
pub use stop::StopDetector;
pub use token_rules::TokenRules;
