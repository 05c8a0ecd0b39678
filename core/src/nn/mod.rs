//! Layers used by two or more models, and nothing else.

mod dropout;
mod embedding;
mod encoder;
mod gelu;
mod init;
mod layer_norm;
mod linear;

pub use dropout::Dropout;
pub use embedding::Embedding;
pub use encoder::{Activation, Encoder, EncoderConfig, EncoderLayer, attention_bias};
pub use gelu::gelu;
pub use init::Init;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
