//! Layers used by two or more models, and nothing else.

mod attention;
mod decoder;
mod dropout;
mod embedding;
mod encoder;
mod encoder_decoder;
mod init;
mod kv_cache;
mod layer_norm;
mod linear;
mod lora;
mod path;
mod relative_bias;
mod rms_norm;
mod rope;
mod token_table;

pub use decoder::{AttentionConfig, AttentionContext, Decoder, DecoderConfig, MlpKind, NormKind, Positions};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use encoder::{Activation, Encoder, EncoderConfig, EncoderLayer};
pub use encoder_decoder::{EncoderDecoder, EncoderDecoderConfig, FeedForward, Source, StackContext};
pub use init::Init;
pub use kv_cache::KvCache;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lora::Lora;
pub use path::ParamPath;
pub use rms_norm::RmsNorm;
pub use rope::{RopeConfig, RopeScaling};
pub use token_table::TokenTable;
