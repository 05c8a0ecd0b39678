//! What can be wrong with a model folder or a checkpoint.

use burn::tensor::ExecutionError;

use crate::images::ImageError;
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
    /// The model can't be changed as it was asked for.
    #[error("{field}: {reason}")]
    Change {
        /// The wish.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `config.json`.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Tokenizer files.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// `preprocessor_config.json`.
    #[error(transparent)]
    ImageProcessor(#[from] ImageError),
    /// Images are not of the size that the model has positions for.
    #[error(
        "preprocessor_config.json makes images of {} x {} pixels (height x width), but config.json says image_size {own}: write {own} in the one, or {} in the other together with a table of positions for it",
        size[0], size[1], size[0]
    )]
    ImageSize {
        /// What images become: height, width.
        size: [usize; 2],
        /// Height and width that the model has positions for.
        own: usize,
    },
    /// Images are smaller than a patch.
    #[error(
        "preprocessor_config.json makes images of {} x {} pixels, and config.json says patch_size {patch_size}: an image must hold a patch",
        size[0], size[1]
    )]
    SmallImages {
        /// What images become: height, width.
        size: [usize; 2],
        /// Height and width of a patch.
        patch_size: usize,
    },
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
    /// A file that stays where it is can't be read there.
    #[error("{file} can't be read any more: {source}")]
    Read {
        /// Which file.
        file: String,
        /// What reading it said.
        source: std::io::Error,
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
    /// A tensor of the weights has another shape than the sizes in `config.json` make.
    #[error(
        "model.safetensors: {key} has shape {found:?}, config.json asks for {expected:?} ({says}): these files do not belong together"
    )]
    Sizes {
        /// Name in the file.
        key: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the config asks for.
        expected: Vec<usize>,
        /// The fields that ask for it.
        says: String,
    },
    /// A tensor that `config.json` asks for is not there.
    #[error("model.safetensors has no {key}, config.json asks for it ({asked_by}): these files do not belong together")]
    Lacks {
        /// Its name.
        key: String,
        /// The field that asks for it.
        asked_by: String,
    },
    /// The weights are quantized.
    #[error(
        "these weights are quantized ({how}), which Hone does not read: load the model in transformers without quantization, or dequantize() it, and save it again"
    )]
    Quantized {
        /// By what.
        how: String,
    },
    /// The weights are those of a model with an adapter in it.
    #[error(
        "model.safetensors: {key} belongs to an adapter that is not merged: call merge_and_unload() in PEFT and save the model again, or save the adapter by itself"
    )]
    NotMerged {
        /// Name of a tensor of the adapter.
        key: String,
    },
    /// Two tensors of one name.
    #[error("the weights hold {key} twice, the second time {place}")]
    Twice {
        /// The name.
        key: String,
        /// Where it is for the second time.
        place: String,
    },
    /// The token table of more than one model.
    #[error(
        "model.safetensors holds more than one model, their names begin with {prefixes}: save one of them by itself"
    )]
    SeveralModels {
        /// Before the names of each.
        prefixes: String,
    },
    /// Weights of the encoder are not in the file.
    #[error(
        "model.safetensors lacks {count} of the model's {total} tensors, the first is {first}: {}",
        why_lacking(*count, *total, model_type)
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
    #[error("model.safetensors: {key} is {dtype}; only F32, F64, F16 and BF16 are read: save it again as one of these")]
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

/// What to think of weights that lack so many of their tensors.
fn why_lacking(count: usize, total: usize, model_type: &str) -> String {
    match count * 2 < total {
        true => "the rest is there, so the file is incomplete; fetch or save it again".to_owned(),
        false => format!("it is not a {model_type} model"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_lack_little_are_incomplete_and_others_are_another_models() {
        let error = |count| {
            let first = "a.weight".to_owned();
            CheckpointError::MissingTensors { count, total: 41, first, model_type: "bert" }.to_string()
        };
        assert!(error(1).contains("lacks 1 of the model's 41 tensors") && error(1).contains("the file is incomplete"));
        assert!(error(40).ends_with("it is not a bert model"), "{}", error(40));
    }
}
