//! The architectures, one file each: a const [`ArchitectureSpec`] with all that is particular to it. A new one is a file,
//! and a line in the list here.

use super::spec::ArchitectureSpec;

mod albert;
mod bert;
mod camembert;
mod deberta_v2;
mod dinov2;
mod distilbert;
mod electra;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neo;
mod granite;
mod llama;
mod mistral;
mod modernbert;
mod mpnet;
mod mt5;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;
mod roberta;
mod smollm3;
mod t5;
mod vit;
mod xlm_roberta;

/// All of them.
pub(super) static ALL: [&ArchitectureSpec; 26] = [
    &bert::SPEC,
    &distilbert::SPEC,
    &roberta::SPEC,
    &xlm_roberta::SPEC,
    &camembert::SPEC,
    &electra::SPEC,
    &mpnet::SPEC,
    &albert::SPEC,
    &deberta_v2::SPEC,
    &modernbert::SPEC,
    &gpt2::SPEC,
    &gpt_neo::SPEC,
    &llama::SPEC,
    &mistral::SPEC,
    &qwen2::SPEC,
    &qwen3::SPEC,
    &granite::SPEC,
    &smollm3::SPEC,
    &olmo2::SPEC,
    &phi3::SPEC,
    &gemma2::SPEC,
    &gemma3::SPEC,
    &t5::SPEC,
    &mt5::SPEC,
    &vit::SPEC,
    &dinov2::SPEC,
];

#[cfg(test)]
mod tests;
