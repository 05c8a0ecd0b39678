//! The Hugging Face folder: `config.json`, `model.safetensors`, tokenizer files; what `from_pretrained` reads.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::{CardFacts, CheckpointError, WeightFile, model_card, read_weights, weights_to_safetensors};
use crate::config::{JOB_FILE, Job, Pooling, RunConfig};
use crate::folder::Folder;
use crate::model::{ModelConfig, SequenceClassifier};
use crate::nn::Init;
use crate::tokenizer::Tokenizer;

/// What loading had to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// Parameter paths that were not in the file and hold fresh values (the head).
    pub fresh: Vec<String>,
    /// Keys of the file that the model has no place for.
    pub unused: Vec<String>,
}

/// A pretrained model's files, checked.
#[derive(Debug, Clone)]
pub struct PretrainedModel {
    /// config.json.
    pub config: ModelConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The files as they came.
    pub folder: Folder,
    /// The settings that its `hone.json` names, if it was exported by Hone: pooling and `max_seq_length` matter.
    pub run: RunConfig,
}

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";

impl PretrainedModel {
    /// Checks config, tokenizer and the weights' header; loads nothing onto a device yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(folder: Folder) -> Result<Self, CheckpointError> {
        let config = ModelConfig::from_json(folder.get(CONFIG).ok_or(CheckpointError::MissingFile { file: CONFIG })?)?;
        let weights = folder.get(WEIGHTS).ok_or(CheckpointError::MissingFile { file: WEIGHTS })?;
        WeightFile::open(WEIGHTS, weights)?;
        let tokenizer = Tokenizer::from_folder(&folder, Some(config.pad_token_id))?;
        tokenizer.check_vocab(config.encoder.vocab_size)?;
        let run = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok()).map(|job| job.run);
        Ok(Self { config, tokenizer, folder, run: run.unwrap_or_default() })
    }

    /// Builds the classifier on `device` and fills it from the file. A head of another size, or none, stays fresh.
    ///
    /// # Errors
    /// When the encoder is not all there or a shape does not fit.
    pub fn build(
        &self,
        pooling: Pooling,
        num_labels: usize,
        seed: u64,
        device: &Device,
    ) -> Result<(SequenceClassifier, LoadReport), CheckpointError> {
        let bytes = self.folder.get(WEIGHTS).ok_or(CheckpointError::MissingFile { file: WEIGHTS })?;
        let file = WeightFile::open(WEIGHTS, bytes)?;
        let model = SequenceClassifier::new(&self.config, pooling, num_labels, &mut Init::new(seed), device);
        let SequenceClassifier { encoder, head } = model;
        let map = self.config.key_map();
        let (wrapped, missing, unused) = file.load(map, EncoderOnly { encoder })?;
        if !missing.is_empty() {
            return Err(CheckpointError::MissingTensors {
                count: missing.len(),
                total: missing.len() + file.names().count() - unused.len(),
                first: crate::model::checkpoint_key(map, &missing[0]).unwrap_or_else(|| missing[0].clone()),
                model_type: self.config.model_type(),
            });
        }
        let (head, mut fresh, unused_by_head) = self.load_head(&file, head, num_labels)?;
        fresh.sort();
        let unused = unused.into_iter().filter(|key| unused_by_head.contains(key)).collect();
        Ok((SequenceClassifier { encoder: wrapped.encoder, head }, LoadReport { fresh, unused }))
    }

    fn load_head(
        &self,
        file: &WeightFile<'_>,
        head: crate::model::Head,
        num_labels: usize,
    ) -> Result<(crate::model::Head, Vec<String>, Vec<String>), CheckpointError> {
        let map = self.config.key_map();
        let classifier = crate::model::checkpoint_key(map, "head.classifier.bias");
        let fits = classifier.and_then(|key| file.shape(&key)).is_some_and(|shape| shape == [num_labels]);
        if fits {
            let (loaded, missing, unused) = file.load(map, HeadOnly { head })?;
            return Ok((loaded.head, missing, unused));
        }
        // A pooler that was trained with the encoder is worth keeping even where the classifier must be fresh.
        let fresh = head.clone();
        let (dense, mut missing, unused) = file.load(map, DenseOnly { head: head.dense_part() })?;
        missing.extend(["head.classifier.weight".to_owned(), "head.classifier.bias".to_owned()]);
        Ok((fresh.with_dense(dense.head), missing, unused))
    }
}

// Wrappers that give each part the path it has in the whole model.
#[derive(burn::module::Module, Debug)]
struct EncoderOnly {
    encoder: crate::nn::Encoder,
}
#[derive(burn::module::Module, Debug)]
struct HeadOnly {
    head: crate::model::Head,
}
#[derive(burn::module::Module, Debug)]
struct DenseOnly {
    head: crate::model::DensePart,
}

/// The folder that `from_pretrained` loads: the tuned weights beside the files as they came.
///
/// # Errors
/// When the device fails or a weight is not finite.
pub async fn export_folder(
    pretrained: &PretrainedModel,
    model: &SequenceClassifier,
    labels: &[String],
    job: &Job,
    facts: &CardFacts,
) -> Result<Folder, CheckpointError> {
    let mut folder = Folder::new();
    for (name, bytes) in pretrained.folder.iter() {
        let is_tokenizer = name.contains("token") || name.starts_with("vocab") || name == "merges.txt";
        if is_tokenizer {
            folder.insert(name, bytes);
        }
    }
    let weights = read_weights(model).await?;
    folder.insert(WEIGHTS, weights_to_safetensors(pretrained.config.key_map(), &weights)?);
    folder.insert(CONFIG, pretty(&config_json(pretrained, labels)));
    folder.insert(JOB_FILE, job.to_json());
    folder.insert("README.md", model_card(&pretrained.config, labels, job, facts));
    Ok(folder)
}

/// The file as it came, with the architecture that now loads it and the labels.
fn config_json(pretrained: &PretrainedModel, labels: &[String]) -> Value {
    let mut config = pretrained.config.json.clone();
    config["architectures"] = json!([pretrained.config.class_name()]);
    config["problem_type"] = json!("single_label_classification");
    config["id2label"] = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect();
    config["label2id"] = labels.iter().enumerate().map(|(id, label)| (label.clone(), json!(id))).collect();
    let object = config.as_object_mut().expect("ModelConfig checked that it is an object");
    let dtype = if object.contains_key("dtype") { "dtype" } else { "torch_dtype" };
    object.insert(dtype.to_owned(), json!("float32"));
    object.remove("num_labels");
    config
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values serialize");
    text.push('\n');
    text
}
