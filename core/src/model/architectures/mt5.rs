//! mT5 (<https://arxiv.org/abs/2010.11934>): T5 1.1 for a hundred languages, under a name of its own.
//!
//! Reference: `transformers` v5.24 `models/mt5/modeling_mt5.py`, `MT5ForConditionalGeneration`.

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::t5;
use crate::nn::EncoderDecoderConfig;

pub(super) const SPEC: ArchitectureSpec =
    ArchitectureSpec { model_type: "mt5", backbone, heads: &[t5::head("MT5ForConditionalGeneration")], ..t5::SPEC };

/// Its states are never scaled, whatever the file says of its tables.
fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let config = t5::encoder_decoder(fields, "gated-gelu")?;
    Ok(BackboneConfig::EncoderDecoder(EncoderDecoderConfig { scale_decoder_outputs: false, ..config }))
}
