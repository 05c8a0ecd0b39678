//! Choosing the next token, and knowing when to stop: plain numbers and text; the loop over a model is in `decoding`.
//!
//! A decoder loop reads a row of logits back, asks a [`Sampler`] for the next id, decodes it, and passes the text
//! through a [`StopDetector`].

#[cfg(feature = "engine")]
mod decoding;
mod sampling;
mod stop;

#[cfg(feature = "engine")]
pub use decoding::{FinishReason, GenerateError, Generation, TextGeneration};
pub use sampling::{
    Sampler, SamplingConfig, SamplingError, argmax, keep_top_k, keep_top_p, penalize_repetition, scale_by_temperature,
    softmax,
};
pub use stop::StopDetector;
