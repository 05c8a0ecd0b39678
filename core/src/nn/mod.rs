//! Layers used by two or more models, and nothing else.

mod causal;
mod decoder;
mod dropout;
mod embedding;
mod encoder;
mod gelu;
mod init;
mod kv_cache;
mod layer_norm;
mod linear;
mod lora;
mod matmul;
mod path;
mod rms_norm;
mod rope;
mod token_table;

pub use causal::SeqLayout;
pub use decoder::{AttentionConfig, Decoder, DecoderConfig, MlpKind, NormKind, Positions, Surroundings};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use encoder::{Activation, Encoder, EncoderConfig, EncoderLayer, attention_bias};
pub use gelu::{gelu, gelu_tanh, silu, tanh};
pub use init::Init;
pub use kv_cache::KvCache;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lora::Lora;
pub use matmul::matmul;
#[cfg(feature = "gpu")]
pub use matmul::{MatmulKernel, set_matmul_kernel};
pub use path::ParamPath;
pub use rms_norm::RmsNorm;
pub use rope::{RopeConfig, RopeScaling};
pub use token_table::TokenTable;
