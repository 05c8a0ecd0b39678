//! Architectures: `config.json` decides which one. One file each for its config, its head and its `KEY_MAP`;
//! [`Model`] is what they all become.

mod arch;
mod bert;
mod causal_lm;
mod classifier;
mod distilbert;
mod fields;
mod gpt2;
mod gpt_neo;
mod keys;
mod labels;
mod llama;
mod padding;
mod roberta;
mod whole;

pub use arch::{Architecture, Body, ModelConfig, ModelError};
pub use causal_lm::CausalLm;
pub use classifier::{DensePart, Head, HeadConfig, HeadKind, SequenceClassifier};
pub use keys::{KeyMap, LinearLayout, checkpoint_key};
pub use labels::{MAX_LABELS, ProblemType};
pub use whole::{LinearModule, Model, is_trained};
