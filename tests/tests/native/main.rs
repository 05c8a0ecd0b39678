//! What runs natively and shares a process: agreement with PyTorch, transformers and PEFT, files of strangers, reading.
//!
//! One binary, because each would be linked with the whole engine. Runs that draw dropout and are compared stand in binaries of
//! their own (`resume.rs`, `resume_texts.rs`): a process has one generator for it.

mod adapters;
mod attributions;
mod bad_pairs;
mod bad_texts;
mod copies;
mod decoder_heads;
mod decoders;
mod dtype;
mod encoder_heads;
mod encoders;
mod fuzz;
mod gpu_matmul;
mod labels;
mod limits;
mod masked_lm;
mod measured;
mod multi_label;
mod parity;
mod parity_heads;
mod parity_pairs;
mod parity_tokens;
mod peft;
mod plan;
mod python;
mod question_answering;
mod reading;
mod regression;
mod reshape;
mod sentence_embedding;
mod seq2seq;
mod several;
mod texts;
mod token_classification;
mod vision;
mod weights;

/// Counts what each thread holds, so that the readers of damaged files can be held to what those justify.
#[global_allocator]
static ALLOCATOR: fuzz::memory::Counting = fuzz::memory::Counting;
