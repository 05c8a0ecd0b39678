//! The architectures, one file each: a const [`ArchitectureSpec`] with all that is particular to it. A new one is a file,
//! and a line in the list here.

use super::spec::ArchitectureSpec;

mod bert;
mod distilbert;
mod gpt2;
mod gpt_neo;
mod llama;
mod mistral;
mod mt5;
mod qwen2;
mod qwen3;
mod roberta;
mod t5;

/// All of them.
pub(super) static ALL: [&ArchitectureSpec; 11] = [
    &bert::SPEC,
    &distilbert::SPEC,
    &roberta::SPEC,
    &gpt2::SPEC,
    &gpt_neo::SPEC,
    &llama::SPEC,
    &mistral::SPEC,
    &qwen2::SPEC,
    &qwen3::SPEC,
    &t5::SPEC,
    &mt5::SPEC,
];

#[cfg(test)]
mod tests;
