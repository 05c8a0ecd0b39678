//! The Hugging Face folder: `config.json`, `model.safetensors`, tokenizer files; what `from_pretrained` reads.

use std::collections::BTreeSet;

use burn::tensor::Device;
use serde_json::{Value, json};

use super::notes::cut;
use super::prefix::unwrapped;
use super::quantized::{check_merged, check_not_quantized};
use super::sizes::check_sizes;
use super::{CardFacts, CheckpointError, LoadReport, WeightFile, model_card, read_weights, weights_to_safetensors};
use crate::config::{JOB_FILE, Job, Pooling, RunConfig, Task};
use crate::folder::Folder;
use crate::hub::check_weight_file_name;
use crate::model::{Body, CausalLm, MAX_LABELS, Model, ModelConfig, ProblemType, SequenceClassifier, checkpoint_key};
use crate::nn::Init;
use crate::tokenizer::Tokenizer;

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
    /// What was decided against `config.json` or the names of the weights, a sentence each.
    pub notes: Vec<String>,
}

/// Weights in one file.
pub const WEIGHTS: &str = "model.safetensors";
pub(super) const CONFIG: &str = "config.json";

/// Our path of a classifier's bias: one number a label.
pub(super) const CLASSIFIER: &str = "head.classifier.bias";

/// Our paths of a language model's tables: the one that tokens are looked up in, and the one that scores them.
const TOKEN_TABLE: &str = "decoder.embed_tokens.weight";
const LM_HEAD: &str = "lm_head.weight";

/// Most files of one model's weights.
const MAX_SHARDS: usize = 10_000;

/// Names the shards of weights that are in several files.
pub const INDEX: &str = "model.safetensors.index.json";

/// Buffers that older versions of `transformers` wrote and that hold nothing learned.
const BUFFERS: [&str; 5] =
    [".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"];

/// File names of the shards that an index names, in order. The index may come from a stranger: each name is a plain file
/// name, which leads nowhere but into the model's folder.
///
/// # Errors
/// When it is not a weight index, or a name is no plain file name.
pub fn shard_names(index: &[u8]) -> Result<Vec<String>, CheckpointError> {
    let bad = |reason: String| CheckpointError::State { file: INDEX.into(), reason };
    let json: Value = serde_json::from_slice(index).map_err(|error| bad(error.to_string()))?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| bad("has no weight_map".into()))?;
    let mut names = BTreeSet::new();
    for (key, name) in map {
        let name = name.as_str().ok_or_else(|| bad(format!("the file of {} is not a text", cut(key))))?;
        if names.contains(name) {
            continue;
        }
        check_weight_file_name(name).map_err(|error| bad(error.to_string()))?;
        names.insert(name.to_owned());
        if names.len() > MAX_SHARDS {
            return Err(bad(format!("names more than {MAX_SHARDS} files")));
        }
    }
    match names.is_empty() {
        true => Err(bad("names no file".into())),
        false => Ok(names.into_iter().collect()),
    }
}

impl PretrainedModel {
    /// Checks config, tokenizer and the weights' header; loads nothing onto a device yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(folder: Folder) -> Result<Self, CheckpointError> {
        let mut config =
            ModelConfig::from_json(folder.get(CONFIG).ok_or(CheckpointError::MissingFile { file: CONFIG })?)?;
        let (weights, mut notes) = open_weights(&folder, &config)?;
        adopt_head(&mut config, &weights);
        let tokenizer = Tokenizer::from_folder(&folder, Some(config.pad_token_id))?;
        tokenizer.check_vocab(config.vocab_size())?;
        if let Body::Classifier { encoder, .. } = &config.body
            && encoder.type_vocab_size > 0
        {
            tokenizer.check_type_ids(encoder.type_vocab_size)?;
        }
        check_sizes(&config, &weights)?;
        notes.extend(adopt_lm_head(&mut config, &weights)?);
        drop(weights);
        let run = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok()).map(|job| job.run);
        Ok(Self { config, tokenizer, folder, run: run.unwrap_or_default(), notes })
    }

    /// Builds the model on `device` and fills it from the file. A classifier's head of another size, for another problem, or
    /// none, stays fresh.
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
        let (file, _) = open_weights(&self.folder, &self.config)?;
        let map = self.config.key_map();
        let mut init = Init::new(seed);
        match (&self.config.body, self.config.classifier(pooling)) {
            (Body::CausalLm(decoder), _) => {
                let (model, missing, unused) = file.load(map, CausalLm::new(decoder, &mut init, device))?;
                self.check_missing(&file, &missing, &unused)?;
                let is_known = |key: &String| BUFFERS.iter().any(|end| key.ends_with(end));
                let tied = decoder.tie_word_embeddings.then_some(LM_HEAD);
                let unused = unused.into_iter().filter(|key| !is_known(key) && Some(key.as_str()) != tied).collect();
                Ok((Model::CausalLm(model), LoadReport::new(map, Vec::new(), unused, self.notes.clone())))
            }
            (Body::Classifier { .. }, Some((encoder, head))) => {
                let model = SequenceClassifier::new(encoder, head, num_labels, &mut init, device);
                let SequenceClassifier { encoder, head } = model;
                let (wrapped, missing, unused) = file.load(map, EncoderOnly { encoder })?;
                self.check_missing(&file, &missing, &unused)?;
                let (head, fresh, unused_by_head) = self.load_head(&file, head, num_labels)?;
                let unused_by_head: BTreeSet<String> = unused_by_head.into_iter().collect();
                let unused = unused.into_iter().filter(|key| unused_by_head.contains(key)).collect();
                let model = SequenceClassifier { encoder: wrapped.encoder, head };
                Ok((Model::Classifier(model), LoadReport::new(map, fresh, unused, self.notes.clone())))
            }
            (Body::Classifier { .. }, None) => unreachable!("a classifier's body has an encoder and a head"),
        }
    }

    /// Whether the file holds a classifier: an encoder alone has none, whatever its config says of labels.
    #[must_use]
    pub fn has_classifier(&self) -> bool {
        let key = checkpoint_key(self.config.key_map(), CLASSIFIER);
        let file = open_weights(&self.folder, &self.config);
        file.is_ok_and(|(file, _)| key.and_then(|key| file.shape(&key)).is_some())
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
            first: checkpoint_key(self.config.key_map(), first).unwrap_or_else(|| first.clone()),
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
        let classifier = checkpoint_key(map, CLASSIFIER);
        let fits = classifier.and_then(|key| file.shape(&key)).is_some_and(|shape| shape == [num_labels]);
        if fits && self.config.unsupported_head().is_none() {
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
    let count = num_outputs(weights, key).filter(|&count| count <= MAX_LABELS).unwrap_or(0);
    (0..count).map(|id| format!("LABEL_{id}")).collect()
}

/// Outputs of the classifier whose bias is at `key`.
fn num_outputs(weights: &WeightFile<'_>, key: Option<String>) -> Option<usize> {
    match weights.shape(&key?)?.as_slice() {
        &[count] => Some(count),
        _ => None,
    }
}

/// Labels and problem type of the head that is in the file, where `config.json` does not say.
fn adopt_head(config: &mut ModelConfig, weights: &WeightFile<'_>) {
    let key = || checkpoint_key(config.key_map(), CLASSIFIER);
    let (outputs, numbered) = (num_outputs(weights, key()), numbered_labels(weights, key()));
    if config.labels.is_empty() {
        config.labels = numbered;
    }
    let is_said = config.json.get("problem_type").is_some_and(Value::is_string);
    if let Some(outputs) = outputs.filter(|_| !is_said) {
        let one = outputs == 1;
        config.problem_type = if one { ProblemType::Regression } else { ProblemType::SingleLabelClassification };
    }
}

/// Follows the file where it holds a table for the scores that differs from the token table although `config.json` says
/// that they are one, as `transformers` 5 does; the note says so.
fn adopt_lm_head(config: &mut ModelConfig, weights: &WeightFile<'_>) -> Result<Option<String>, CheckpointError> {
    let is_tied = matches!(&config.body, Body::CausalLm(decoder) if decoder.tie_word_embeddings);
    let map = config.key_map();
    let (Some(table), Some(head)) = (weights.find(map, TOKEN_TABLE), weights.find(map, LM_HEAD)) else {
        return Ok(None);
    };
    if !is_tied || weights.are_equal(&table, &head)? {
        return Ok(None);
    }
    config.untie_word_embeddings();
    check_sizes(config, weights)?;
    Ok(Some(format!(
        "{CONFIG} says tie_word_embeddings, but {head} differs from {table}: {head} is used, and what is saved says so"
    )))
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

/// The weights of a folder under the names of its architecture, and notes on names that were changed for that.
fn open_weights<'a>(
    folder: &'a Folder,
    config: &ModelConfig,
) -> Result<(WeightFile<'a>, Vec<String>), CheckpointError> {
    let file = open_files(folder)?;
    check_not_quantized(&config.json, &file)?;
    check_merged(&file)?;
    let map = config.key_map();
    let (file, mut notes) = unwrapped(file, map)?;
    let is_tied = matches!(&config.body, Body::CausalLm(decoder) if decoder.tie_word_embeddings);
    if !is_tied || file.find(map, TOKEN_TABLE).is_some() || !file.has(LM_HEAD) {
        return Ok((file, notes));
    }
    // Tied tables may be saved under either name.
    let table = checkpoint_key(map, TOKEN_TABLE).expect("every language model has a token table");
    notes.push(format!("{LM_HEAD} is used as {table}, which is not in the file: {CONFIG} says that they are one"));
    let file = file.renamed(|name| if name == LM_HEAD { table.clone() } else { name.to_owned() })?;
    Ok((file, notes))
}

/// One file, or the shards that the index names.
fn open_files(folder: &Folder) -> Result<WeightFile<'_>, CheckpointError> {
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
    let (base, _) = open_weights(&pretrained.folder, &pretrained.config)?;
    let model = base.widen(map, model.clone())?.merged();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(names: &[Value]) -> Vec<u8> {
        let map: serde_json::Map<String, Value> =
            names.iter().enumerate().map(|(at, name)| (format!("tensor.{at}"), name.clone())).collect();
        json!({ "weight_map": map }).to_string().into_bytes()
    }

    #[test]
    fn an_index_names_each_file_once_and_in_order() {
        let names = ["b.safetensors", "a-00001-of-00002.safetensors", "b.safetensors"].map(|name| json!(name));
        assert_eq!(
            shard_names(&index(&names)).expect("plain names"),
            ["a-00001-of-00002.safetensors", "b.safetensors"]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let names = [
            "../a.safetensors",
            "/etc/a.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            "C:a.safetensors",
            "..",
            ".",
            "",
            ".a.safetensors",
            "a.bin",
            "a\0.safetensors",
            "hone.json",
        ];
        for name in names {
            let error = shard_names(&index(&[json!(name)])).expect_err(name).to_string();
            assert!(error.contains(INDEX), "{error}");
        }
        for name in [json!(1), json!(null), json!(["a.safetensors"])] {
            let error = shard_names(&index(&[json!("a.safetensors"), name])).expect_err("no text").to_string();
            assert!(error.contains("tensor.1"), "{error}");
        }
        let many: Vec<Value> = (0..=MAX_SHARDS).map(|at| json!(format!("{at}.safetensors"))).collect();
        assert!(shard_names(&index(&many)).expect_err("too many").to_string().contains("10000"));
        for text in ["", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":[]}"#] {
            shard_names(text.as_bytes()).expect_err("no index");
        }
    }

    proptest! {
        #[test]
        fn no_name_leads_out_of_the_folder(names in prop::collection::vec("[a./\\\\:~\u{0}-]{0,6}(\\.safetensors)?", 1..4)) {
            let names: Vec<Value> = names.into_iter().map(Value::from).collect();
            for name in shard_names(&index(&names)).unwrap_or_default() {
                prop_assert!(!name.contains(['/', '\\', ':', '\0']) && !name.starts_with('.') && !name.is_empty());
            }
        }

        #[test]
        fn damaged_indexes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = index(&[json!("a.safetensors"), json!("b.safetensors")]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = shard_names(&bytes);
        }
    }
}
