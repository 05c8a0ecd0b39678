//! Architectures: `config.json` decides which one. One file each for its config, its head and its `KEY_MAP`;
//! [`SequenceClassifier`] is what they all become.

mod arch;
mod bert;
mod classifier;
mod distilbert;
mod keys;
mod roberta;

pub use arch::{Architecture, ModelConfig, ModelError};
pub use classifier::{DensePart, Head, HeadConfig, HeadKind, SequenceClassifier};
pub use keys::{KeyMap, checkpoint_key};
