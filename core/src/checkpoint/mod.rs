//! Named byte blobs in and out: the Hugging Face folder layout, weights under `transformers`' keys, and everything a
//! run needs to go on as if nothing had happened.

mod card;
mod error;
mod hf;
mod peft;
mod state;
mod weights;

pub use card::{CardFacts, model_card};
pub use error::CheckpointError;
pub use hf::{INDEX, LoadReport, PretrainedModel, WEIGHTS, export_folder, shard_names};
pub use peft::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_labels, export_adapter, load_adapter, read_adapter_config};
pub use state::{STATE_FILE, TrainState, read_job, read_state, read_tensors, write_tensors};
pub use weights::{HostTensor, WeightFile, read_weights, weights_to_safetensors};
