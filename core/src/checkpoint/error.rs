//! What can be wrong with a model folder or a checkpoint.

use burn::tensor::ExecutionError;

use crate::model::ModelError;
use crate::tokenizer::TokenizerError;

/// Why a folder can't be used or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file that must be there is not.
    #[error("the model folder has no {file}")]
    MissingFile {
        /// Its name.
        file: &'static str,
    },
    /// A shard that the index names is not there.
    #[error("the model folder has no {file}, which {} names", super::INDEX)]
    MissingShard {
        /// Its name.
        file: String,
    },
    /// An adapter can't be used with this model.
    #[error("this adapter can't be used: {reason}")]
    Adapter {
        /// What does not fit.
        reason: String,
    },
    /// `config.json`.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Tokenizer files.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Not a safetensors file, or one that was cut off.
    #[error("{file} is damaged or incomplete ({bytes} bytes): {source}; fetch or choose it again")]
    Safetensors {
        /// Which file.
        file: String,
        /// Its size.
        bytes: usize,
        /// What the reader says.
        source: safetensors::SafeTensorError,
    },
    /// A tensor has another shape than `config.json` says.
    #[error(
        "model.safetensors: {key} has shape {found:?}, config.json asks for {expected:?}: these files do not belong together"
    )]
    Shape {
        /// Name in the file.
        key: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the config asks for.
        expected: Vec<usize>,
    },
    /// Weights of the encoder are not in the file.
    #[error(
        "model.safetensors lacks {count} of the model's {total} tensors, the first is {first}: it is not a {model_type} model"
    )]
    MissingTensors {
        /// How many.
        count: usize,
        /// Of how many.
        total: usize,
        /// Name of the first.
        first: String,
        /// What config.json says.
        model_type: &'static str,
    },
    /// A number format that Hone does not read.
    #[error("model.safetensors: {key} is {dtype}; only F32, F16 and BF16 are read")]
    Dtype {
        /// Name in the file.
        key: String,
        /// Its format.
        dtype: String,
    },
    /// A weight is NaN or infinite.
    #[error("{key} holds a value that is not a number: the file is damaged or the training diverged")]
    NotFinite {
        /// Name in the file.
        key: String,
    },
    /// A checkpoint's state file can't be read.
    #[error("checkpoint: {file}: {reason}")]
    State {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Reading from the device failed.
    #[error("reading weights from the device failed: {0:?}")]
    Device(ExecutionError),
}
