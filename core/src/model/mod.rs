//! Architectures, backbones and heads: `config.json` decides which. An architecture is a file of data;
//! [`Model`] is what they all become: a backbone that makes states of tokens or of patches, and a head that makes outputs of
//! states.

mod architectures;
mod backbone;
mod config;
mod depth;
mod fields;
mod heads;
mod keys;
mod labels;
mod padding;
mod plan_shape;
mod resize;
mod several;
mod spec;
mod whole;

#[cfg(all(test, feature = "cpu"))]
mod tests;

pub use backbone::{Backbone, LayerCounts};
pub use config::{ModelConfig, ModelError};
pub use depth::{depth_of, top_depth};
pub use heads::{
    CausalLmHead, DenseActivation, DenseConfig, Head, HeadConfig, ImageHead, ImageHeadConfig, MaskedLmConfig,
    MaskedLmHead, PooledHead, PredictionConfig, RowVector, SequenceConfig, SequenceHead, SpanHead, TokenHead,
};
pub(crate) use keys::possible_keys;
pub use keys::{KeyMap, LinearLayout, checkpoint_key, module_key};
pub use labels::{MAX_LABELS, ProblemType, adopt_labels};
pub(crate) use several::is_of_head;
pub use several::path_in_whole;
pub use spec::{ArchitectureSpec, BackboneConfig, HeadSpec};
pub use whole::{CausalLm, LinearModule, Model, Seq2seqLm, is_trained};
