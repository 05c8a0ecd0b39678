//! Named byte blobs in and out: the Hugging Face folder layout, weights under `transformers`' keys, and everything a
//! run needs to go on as if nothing had happened.

mod adapter_fields;
mod adapter_keys;
mod card;
mod card_code;
mod card_parts;
mod error;
mod export;
mod hf;
mod load_report;
mod notes;
mod padding;
mod peft;
mod peft_config;
mod prefix;
mod quantized;
mod reshape;
mod results;
mod scratch;
mod sentence_transformers;
mod sizes;
mod state;
mod stream;
mod target_modules;
mod tensor_parts;
mod weight_file;
mod weights;

pub use card::{CardFacts, model_card};
pub use error::CheckpointError;
pub use export::{export_folder, in_full_precision, stream_folder};
pub use hf::{HeadRequest, INDEX, ModelReader, PretrainedModel, WEIGHTS, shard_names};
pub use load_report::LoadReport;
pub use peft::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_labels, export_adapter, load_adapter, lora_of_adapter};
pub use peft_config::{AdapterConfig, read_adapter_config};
pub use reshape::reshape;
pub use results::{RESULTS_FILE, results_json};
pub(crate) use state::current_name;
pub use state::{LossLevel, STATE_FILE, TrainState, read_job, read_state, read_tensors, write_tensors};
pub use stream::{FilePiece, FileStream};
pub(crate) use stream::{PendingTensor, TensorFile};
pub use tensor_parts::TensorParts;
pub use weight_file::{HostTensor, WeightFile};
pub(crate) use weights::{pending_weights, weights_file};
pub use weights::{read_weights, weights_to_safetensors};
