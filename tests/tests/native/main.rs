//! What runs natively and shares a process: agreement with PyTorch, transformers and PEFT, files of strangers, reading.
//!
//! One binary, because each would be linked with the whole engine. Runs that draw dropout and are compared stand in binaries of
//! their own (`resume.rs`, `resume_texts.rs`): a process has one generator for it.

mod adapters;
mod bad_texts;
mod dtype;
mod gpu_matmul;
mod measured;
mod parity;
mod parity_tokens;
mod peft;
mod python;
mod reading;
mod texts;
mod weights;
