//! The Hugging Face folder, written: what `from_pretrained` loads.

use burn::tensor::FloatDType;
use serde_json::{Value, json};

use super::hf::{CONFIG, WEIGHTS, open_weights, placeholder};
use super::input_names::name_inputs;
use super::padding::{is_judged_by_last_token, name_padding};
use super::sentence_transformers::sentence_transformers_files;
use super::text_length::name_length;
use super::{
    CardFacts, CheckpointError, FileStream, HostTensor, PendingTensor, PretrainedModel, RESULTS_FILE, WeightFile,
    model_card, pending_weights, results_json, weights_file,
};
use crate::config::{JOB_FILE, Job, Pooling};
use crate::folder::Folder;
use crate::hub::{CHAT_TEMPLATE, DEFAULT_CHAT_TEMPLATE, GENERATION_CONFIG, SENTENCEPIECE_FILES};
use crate::images::PREPROCESSOR_CONFIG;
use crate::model::{Model, ModelConfig};
use crate::task::{HeadKind, Task};

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
    stream_folder(pretrained, model, labels, job, facts)?.into_folder().await
}

/// As [`export_folder`], in pieces: the weights are read from the device as they are pulled.
///
/// # Errors
/// When the model's files are damaged; a weight that is not finite is found when it is pulled.
pub fn stream_folder(
    pretrained: &PretrainedModel,
    model: &Model,
    labels: &[String],
    job: &Job,
    facts: Option<&CardFacts>,
) -> Result<FileStream, CheckpointError> {
    let mut folder = tokenizer_files(pretrained);
    let config = pretrained.config.with_head(model.head.kind())?;
    let map = config.key_map();
    name_padding(&mut folder, pretrained, &config);
    name_length(&mut folder, pretrained, &config, job);
    name_inputs(&mut folder, pretrained);
    let (base, _) = open_weights(&pretrained.folder, &config)?;
    let mut model = base.widen(map, model.clone())?;
    let mut adapted = model.take_adapted();
    let with_adapter = |(path, tensor): (String, PendingTensor)| match adapted.remove(&path) {
        // An adapter is added when the turn of its weight comes: there is one such sum at a time.
        Some(layer) => (path, tensor.replaced_by(move || layer.merged().weight.val().inner())),
        None => (path, tensor),
    };
    let mut weights: Vec<_> = pending_weights(&model, map, |_, _| true).into_iter().map(with_adapter).collect();
    assert!(adapted.is_empty(), "each layer with an adapter has a weight");
    weights.extend(kept(&config, &base)?.into_iter().map(|(path, tensor)| (path, PendingTensor::of_host(tensor))));
    folder.insert(CONFIG, pretty(&config_json(&config, &model, labels, job)));
    if config.head_kind() == HeadKind::Pooled {
        for (name, text) in sentence_transformers_files(&config, &job.run) {
            folder.insert(name, text);
        }
    }
    folder.insert(JOB_FILE, job.to_json());
    folder.insert("README.md", model_card(&config, labels, job, facts, false));
    if let Some(facts) = facts {
        folder.insert(RESULTS_FILE, results_json(&job.run, facts));
    }
    let mut files = FileStream::from(folder);
    files.insert_tensors(WEIGHTS, weights_file(map, weights));
    Ok(files)
}

/// A model for inference as its files compute it: in f32, with the file's values where it holds rounded ones.
///
/// # Errors
/// When the model's files are damaged.
pub fn in_full_precision(pretrained: &PretrainedModel, model: Model) -> Result<Model, CheckpointError> {
    let config = pretrained.config.with_head(model.head.kind())?;
    let (base, _) = open_weights(&pretrained.folder, &config)?;
    let mut model = base.widen(config.key_map(), model)?;
    for (_, linear) in model.linears_mut() {
        linear.dtype = FloatDType::F32;
    }
    Ok(model.for_inference()) // DoRA's norms are those of the widened weights
}

/// The task of a job; of a job that names none, the first one that trains such a head.
pub(super) fn task_of(job: &Job, head: HeadKind) -> Task {
    let of_head = || Task::ALL.iter().copied().find(|task| task.spec().head == head);
    job.task.or_else(of_head).unwrap_or_default()
}

/// Tensors of the file that the class has and that nothing here computes with, under the class's keys.
fn kept(config: &ModelConfig, base: &WeightFile<'_>) -> Result<Vec<(String, HostTensor)>, CheckpointError> {
    let mut tensors = Vec::new();
    for &key in config.head().kept_keys {
        let names = [format!("{}{key}", config.key_map().prefix), key.to_owned()];
        if let Some(name) = names.iter().find(|name| base.has(name)) {
            tensors.extend(base.read(name)?.map(|tensor| (config.key_map().with_prefix(key), tensor)));
        }
    }
    Ok(tensors)
}

/// The files of the tokenizer or the image processor and those of generation, as they came.
pub(super) fn tokenizer_files(pretrained: &PretrainedModel) -> Folder {
    let mut folder = Folder::new();
    for (name, _) in pretrained.folder.iter() {
        let is_tokenizer = name.contains("token") || name.starts_with("vocab") || name == "merges.txt";
        let is_tokenizer = is_tokenizer || SENTENCEPIECE_FILES.contains(&name);
        let is_generation = name == GENERATION_CONFIG || name.ends_with(".jinja");
        if is_tokenizer || is_generation || name == PREPROCESSOR_CONFIG {
            folder.insert_shared(name, &pretrained.folder, name);
        }
    }
    // What leaves lies in one folder.
    if folder.remove(DEFAULT_CHAT_TEMPLATE).is_some() {
        folder.insert_shared(CHAT_TEMPLATE, &pretrained.folder, DEFAULT_CHAT_TEMPLATE);
    }
    folder
}

/// The file as it came, with the class that now loads it and, for a head with labels, their names. What the file says of
/// the labels of another head is taken out.
pub(super) fn config_json(config: &ModelConfig, model: &Model, labels: &[String], job: &Job) -> Value {
    let mut json = config.json.clone();
    json["architectures"] = json!([config.class_name()]);
    let head = config.head_kind();
    let is_other = config.own_head().kind != head || head == HeadKind::Span; // which has two outputs, whatever is said
    let object = json.as_object_mut().expect("ModelConfig checked that it is an object");
    let mut set_or_remove = |field: &str, value: Option<Value>| match value {
        Some(value) => drop(object.insert(field.to_owned(), value)),
        None if is_other => drop(object.shift_remove(field)),
        None => {}
    };
    set_or_remove("problem_type", task_of(job, head).spec().problem_type.map(|name| json!(name)));
    let label = |id: usize| labels.get(id).cloned().unwrap_or_else(|| placeholder(id));
    let num_labels = model.head.num_labels();
    set_or_remove("id2label", num_labels.map(|n| (0..n).map(|id| (id.to_string(), json!(label(id)))).collect()));
    set_or_remove("label2id", num_labels.map(|n| (0..n).map(|id| (label(id), json!(id))).collect()));
    // Where the file says how rows are pooled, it has to say what was trained.
    if let Some(pooling) = object.get_mut("classifier_pooling")
        && job.run.pooling == Pooling::Mean
    {
        *pooling = json!("mean");
    }
    if is_judged_by_last_token(config) {
        object.insert("pad_token_id".to_owned(), json!(config.pad_token_id));
    }
    // transformers 5 reads the first, 4 the second: a file may have both.
    let has_first = object.contains_key("dtype");
    if has_first {
        object.insert("dtype".to_owned(), json!("float32"));
    }
    if !has_first || object.contains_key("torch_dtype") {
        object.insert("torch_dtype".to_owned(), json!("float32"));
    }
    object.remove("num_labels");
    json
}

pub(super) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values serialize");
    text.push('\n');
    text
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::Device;

    use super::*;
    use crate::config::{ModelSource, ReadOptions, RunConfig};
    use crate::nn::Init;

    fn config(fields: &str) -> ModelConfig {
        let text = format!(
            r#"{{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
            "intermediate_size":16,"max_position_embeddings":32{fields}}}"#
        );
        ModelConfig::from_json(text.as_bytes()).expect("usable")
    }

    fn job() -> Job {
        Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default())
    }

    /// config.json of a model with this head and three outputs.
    fn exported(config: &ModelConfig, head: HeadKind, labels: &[&str]) -> Value {
        let config = config.with_head(head).expect("BERT has it");
        let model = Model::new(&config, Pooling::Cls, 3, &mut Init::new(1), &Device::flex());
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        config_json(&config, &model, &labels, &job())
    }

    #[test]
    fn each_name_of_the_number_format_says_what_is_written() {
        let dtypes = |fields: &str| {
            let json = exported(&config(fields), HeadKind::Sequence, &["a", "b", "c"]);
            ["dtype", "torch_dtype"].map(|field| json.get(field).cloned())
        };
        let written = || Some(json!("float32"));
        assert_eq!(dtypes(r#","dtype":"bfloat16","torch_dtype":"float16""#), [written(), written()]);
        assert_eq!(dtypes(r#","dtype":"bfloat16""#), [written(), None]);
        assert_eq!(dtypes(""), [None, written()]);
    }

    #[test]
    fn labels_and_problem_type_are_those_of_the_head_that_is_written() {
        let classes = config(
            r#","architectures":["BertForSequenceClassification"],"problem_type":"multi_label_classification",
            "id2label":{"0":"x","1":"y"},"label2id":{"x":0,"y":1},"num_labels":2"#,
        );
        let json = exported(&classes, HeadKind::Sequence, &["a", "b", "c"]);
        assert_eq!(json["architectures"], json!(["BertForSequenceClassification"]));
        assert_eq!(json["problem_type"], json!("single_label_classification"));
        assert_eq!(json["id2label"], json!({"0": "a", "1": "b", "2": "c"}));
        assert_eq!((&json["label2id"]["c"], json.get("num_labels")), (&json!(2), None));

        let unnamed = exported(&classes, HeadKind::Token, &["O"]);
        assert_eq!(unnamed["architectures"], json!(["BertForTokenClassification"]));
        assert_eq!(unnamed["id2label"], json!({"0": "O", "1": "LABEL_1", "2": "LABEL_2"}), "one for each output");
        let others = [
            (HeadKind::Span, "BertForQuestionAnswering"),
            (HeadKind::MaskedLm, "BertForMaskedLM"),
            (HeadKind::Pooled, "BertModel"),
        ];
        for (head, class_name) in others {
            let json = exported(&classes, head, &[]);
            assert_eq!(json["architectures"], json!([class_name]));
            for field in ["problem_type", "id2label", "label2id"] {
                assert!(json.get(field).is_none(), "{class_name}: {field} is of the head before");
            }
        }
    }

    #[test]
    fn what_a_file_says_of_its_own_head_without_labels_stays() {
        let masked = config(r#","architectures":["BertForMaskedLM"],"id2label":{"0":"x"}"#);
        assert_eq!(exported(&masked, HeadKind::MaskedLm, &[])["id2label"], json!({"0": "x"}));
    }

    #[test]
    fn a_bare_model_keeps_the_pooler_of_its_file_under_either_name() {
        let pooled = config("").with_head(HeadKind::Pooled).expect("BERT has it");
        let tensor = HostTensor { shape: vec![1], values: vec![2.0] };
        for name in ["bert.pooler.dense.bias", "pooler.dense.bias"] {
            let bytes = super::super::write_tensors(&BTreeMap::from([(name.to_owned(), tensor.clone())]));
            let file = WeightFile::open("x", &bytes).expect("whole");
            let found = kept(&pooled, &file).expect("plain numbers");
            assert_eq!(found, [("pooler.dense.bias".to_owned(), tensor.clone())], "{name}");
            assert!(kept(&config(""), &file).expect("plain numbers").is_empty(), "a classifier has trained its own");
        }
    }

    #[test]
    fn a_job_without_a_task_has_the_first_one_of_its_head() {
        for head in [HeadKind::Sequence, HeadKind::CausalLm] {
            assert_eq!(task_of(&job(), head).spec().head, head);
        }
        let named = Job { task: Some(Task::default()), ..job() };
        assert_eq!(task_of(&named, HeadKind::CausalLm), Task::default());
    }
}
