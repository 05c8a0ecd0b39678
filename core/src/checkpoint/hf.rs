//! The Hugging Face folder: `config.json`, `model.safetensors`, tokenizer files; what `from_pretrained` reads.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::{CardFacts, CheckpointError, WeightFile, model_card, read_weights, weights_to_safetensors};
use crate::config::{JOB_FILE, Job, Pooling, RunConfig, Task};
use crate::folder::Folder;
use crate::model::{Body, CausalLm, Model, ModelConfig, SequenceClassifier};
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

/// Weights in one file.
pub const WEIGHTS: &str = "model.safetensors";
pub(super) const CONFIG: &str = "config.json";

/// Our path of a classifier's bias: one number a label.
pub(super) const CLASSIFIER: &str = "head.classifier.bias";

/// Names the shards of weights that are in several files.
pub const INDEX: &str = "model.safetensors.index.json";

/// Buffers that older versions of `transformers` wrote and that hold nothing learned.
const BUFFERS: [&str; 5] =
    [".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"];

/// File names of the shards that an index names, in order.
///
/// # Errors
/// When it is not a weight index.
pub fn shard_names(index: &[u8]) -> Result<Vec<String>, CheckpointError> {
    let bad = |reason: String| CheckpointError::State { file: INDEX.into(), reason };
    let json: Value = serde_json::from_slice(index).map_err(|error| bad(error.to_string()))?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| bad("has no weight_map".into()))?;
    let mut names: Vec<String> = map.values().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

impl PretrainedModel {
    /// Checks config, tokenizer and the weights' header; loads nothing onto a device yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(folder: Folder) -> Result<Self, CheckpointError> {
        let mut config =
            ModelConfig::from_json(folder.get(CONFIG).ok_or(CheckpointError::MissingFile { file: CONFIG })?)?;
        let weights = open_weights(&folder)?;
        if config.labels.is_empty() {
            config.labels = numbered_labels(&weights, crate::model::checkpoint_key(config.key_map(), CLASSIFIER));
        }
        let tokenizer = Tokenizer::from_folder(&folder, Some(config.pad_token_id))?;
        tokenizer.check_vocab(config.vocab_size())?;
        let run = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok()).map(|job| job.run);
        Ok(Self { config, tokenizer, folder, run: run.unwrap_or_default() })
    }

    /// Builds the model on `device` and fills it from the file. A classifier's head of another size, or none, stays
    /// fresh.
    ///
    /// # Errors
    /// When the backbone is not all there or a shape does not fit.
    pub fn build(
        &self,
        pooling: Pooling,
        num_labels: usize,
        seed: u64,
        device: &Device,
    ) -> Result<(Model, LoadReport), CheckpointError> {
        let file = open_weights(&self.folder)?;
        let map = self.config.key_map();
        let mut init = Init::new(seed);
        match (&self.config.body, self.config.classifier(pooling)) {
            (Body::CausalLm(decoder), _) => {
                let (model, missing, unused) = file.load(map, CausalLm::new(decoder, &mut init, device))?;
                self.check_missing(&file, &missing, &unused)?;
                let is_known = |key: &String| BUFFERS.iter().any(|end| key.ends_with(end));
                let tied = decoder.tie_word_embeddings.then_some("lm_head.weight");
                let unused = unused.into_iter().filter(|key| !is_known(key) && Some(key.as_str()) != tied).collect();
                Ok((Model::CausalLm(model), LoadReport { fresh: Vec::new(), unused }))
            }
            (Body::Classifier { .. }, Some((encoder, head))) => {
                let model = SequenceClassifier::new(encoder, head, num_labels, &mut init, device);
                let SequenceClassifier { encoder, head } = model;
                let (wrapped, missing, unused) = file.load(map, EncoderOnly { encoder })?;
                self.check_missing(&file, &missing, &unused)?;
                let (head, mut fresh, unused_by_head) = self.load_head(&file, head, num_labels)?;
                fresh.sort();
                let unused = unused.into_iter().filter(|key| unused_by_head.contains(key)).collect();
                let model = SequenceClassifier { encoder: wrapped.encoder, head };
                Ok((Model::Classifier(model), LoadReport { fresh, unused }))
            }
            (Body::Classifier { .. }, None) => unreachable!("a classifier's body has an encoder and a head"),
        }
    }

    fn check_missing(
        &self,
        file: &WeightFile<'_>,
        missing: &[String],
        unused: &[String],
    ) -> Result<(), CheckpointError> {
        let Some(first) = missing.first() else { return Ok(()) };
        Err(CheckpointError::MissingTensors {
            count: missing.len(),
            total: missing.len() + file.names().count() - unused.len(),
            first: crate::model::checkpoint_key(self.config.key_map(), first).unwrap_or_else(|| first.clone()),
            model_type: self.config.model_type(),
        })
    }

    fn load_head(
        &self,
        file: &WeightFile<'_>,
        head: crate::model::Head,
        num_labels: usize,
    ) -> Result<(crate::model::Head, Vec<String>, Vec<String>), CheckpointError> {
        let map = self.config.key_map();
        let classifier = crate::model::checkpoint_key(map, CLASSIFIER);
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

/// `LABEL_0`, `LABEL_1`, .. for each output of the classifier whose bias is at `key`; none where the file has no such key.
pub(super) fn numbered_labels(weights: &WeightFile<'_>, key: Option<String>) -> Vec<String> {
    let count = key.and_then(|key| weights.shape(&key)).and_then(|shape| shape.first().copied());
    (0..count.unwrap_or(0)).map(|id| format!("LABEL_{id}")).collect()
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

/// The weights of a folder: one file, or the shards that its index names.
fn open_weights(folder: &Folder) -> Result<WeightFile<'_>, CheckpointError> {
    if let Some(bytes) = folder.get(WEIGHTS) {
        return WeightFile::open(WEIGHTS, bytes);
    }
    let index = folder.get(INDEX).ok_or(CheckpointError::MissingFile { file: WEIGHTS })?;
    let names = shard_names(index)?;
    let mut files = Vec::with_capacity(names.len());
    for name in &names {
        let bytes = folder.get(name).ok_or_else(|| CheckpointError::MissingShard { file: name.clone() })?;
        files.push((name.as_str(), bytes));
    }
    WeightFile::open_all(files)
}

/// The folder that `from_pretrained` loads: the tuned weights, adapters added to them, beside the files as they came.
///
/// # Errors
/// When the device fails or a weight is not finite.
pub async fn export_folder(
    pretrained: &PretrainedModel,
    model: &Model,
    labels: &[String],
    job: &Job,
    facts: Option<&CardFacts>,
) -> Result<Folder, CheckpointError> {
    let mut folder = tokenizer_files(pretrained);
    let map = pretrained.config.key_map();
    let model = open_weights(&pretrained.folder)?.widen(map, model.clone())?.merged();
    let weights = read_weights(&model, map, |_, _| true).await?;
    folder.insert(WEIGHTS, weights_to_safetensors(map, &weights)?);
    folder.insert(CONFIG, pretty(&config_json(pretrained, labels)));
    folder.insert(JOB_FILE, job.to_json());
    folder.insert("README.md", model_card(&pretrained.config, labels, job, facts, false));
    Ok(folder)
}

/// The tokenizer's files and those of generation, as they came.
pub(super) fn tokenizer_files(pretrained: &PretrainedModel) -> Folder {
    let mut folder = Folder::new();
    for (name, bytes) in pretrained.folder.iter() {
        let is_tokenizer = name.contains("token") || name.starts_with("vocab") || name == "merges.txt";
        let is_generation = name == "generation_config.json" || name.ends_with(".jinja");
        if is_tokenizer || is_generation {
            folder.insert(name, bytes);
        }
    }
    folder
}

/// The file as it came, with the architecture that now loads it and, for a classifier, the labels.
pub(super) fn config_json(pretrained: &PretrainedModel, labels: &[String]) -> Value {
    let mut config = pretrained.config.json.clone();
    config["architectures"] = json!([pretrained.config.class_name()]);
    if pretrained.config.task() == Task::SequenceClassification {
        config["problem_type"] = json!("single_label_classification");
        config["id2label"] = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect();
        config["label2id"] = labels.iter().enumerate().map(|(id, label)| (label.clone(), json!(id))).collect();
    }
    let object = config.as_object_mut().expect("ModelConfig checked that it is an object");
    let dtype = if object.contains_key("dtype") { "dtype" } else { "torch_dtype" };
    object.insert(dtype.to_owned(), json!("float32"));
    object.remove("num_labels");
    config
}

pub(super) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values serialize");
    text.push('\n');
    text
}
