//! Adapters in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`, both ways.
//!
//! Reference: PEFT 0.21 `tuners/lora/config.py` (`LoraConfig`) and `utils/save_and_load.py`: keys are
//! `base_model.model.<module>.lora_A.weight` (`[rank, in]`) and `.lora_B.weight` (`[out, rank]`), with DoRA
//! `.lora_magnitude_vector` (`[out]`; PEFT takes its `.weight` off, and loads it with one as well); modules that were
//! trained whole (a classifier's head) are saved beside them under their own names.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::hf::{CLASSIFIER, CONFIG, config_json, numbered_labels, pretty, tokenizer_files};
use super::weights::named_to_safetensors;
use super::{CardFacts, CheckpointError, PretrainedModel, WeightFile, model_card, read_weights};
use crate::config::{JOB_FILE, Job, LoraConfig, Task};
use crate::folder::Folder;
use crate::model::{KeyMap, LinearLayout, Model, ModelConfig, checkpoint_key};
use crate::nn::Init;

/// An adapter's settings.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
/// An adapter's weights.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";

/// The folder that `PeftModel.from_pretrained` loads, with the tokenizer beside it.
///
/// # Errors
/// When the device fails or a weight is not finite.
pub async fn export_adapter(
    pretrained: &PretrainedModel,
    model: &Model,
    labels: &[String],
    job: &Job,
    facts: Option<&CardFacts>,
) -> Result<Folder, CheckpointError> {
    let mut folder = tokenizer_files(pretrained);
    let map = pretrained.config.key_map();
    let weights = read_weights(model, map, |path, _| path.contains(".lora.") || path.starts_with("head.")).await?;
    folder.insert(ADAPTER_WEIGHTS, named_to_safetensors(&weights, |path| adapter_key(map, path))?);
    folder.insert(ADAPTER_CONFIG, pretty(&adapter_config(&pretrained.config, job)));
    if pretrained.config.task() == Task::SequenceClassification {
        // PEFT's own files do not say how many labels there are, nor what they are called.
        folder.insert(CONFIG, pretty(&config_json(pretrained, labels)));
    }
    folder.insert(JOB_FILE, job.to_json());
    folder.insert("README.md", model_card(&pretrained.config, labels, job, facts, true));
    Ok(folder)
}

/// Puts an adapter's branches into `model` and its head, if it has one, in the place of the model's.
///
/// # Errors
/// When the adapter is of a kind that Hone does not have, or belongs to another model.
pub fn load_adapter(
    config: &ModelConfig,
    mut model: Model,
    adapter: &Folder,
    device: &Device,
) -> Result<Model, CheckpointError> {
    let lora = read_adapter_config(adapter)?;
    let bytes = adapter.get(ADAPTER_WEIGHTS).ok_or(CheckpointError::MissingFile { file: ADAPTER_WEIGHTS })?;
    let file = WeightFile::open(ADAPTER_WEIGHTS, bytes)?;
    let map = config.key_map();
    let refused = |reason: String| CheckpointError::Adapter { reason };
    let adapted = model.add_lora(map, &lora, &lora.target_modules, &mut Init::new(0), device);
    if adapted.is_empty() {
        let known = model.module_names(map).join(", ");
        return Err(refused(format!(
            "its target modules {} are none of this {} model's: {known}",
            lora.target_modules.join(", "),
            config.model_type()
        )));
    }
    let find = |path: &str| {
        let key = adapter_key(map, path)?;
        [format!("{key}.weight"), key].into_iter().find(|key| file.has(key))
    };
    let (model, missing, unused) = file.load_named(map, model, &find).map_err(|error| match error {
        CheckpointError::Shape { key, found, expected } => refused(format!(
            "{key} has shape {found:?}, this {} model needs {expected:?}: it was made for another base model",
            config.model_type()
        )),
        other => other,
    })?;
    if let Some(path) = missing.iter().find(|path| path.contains(".lora.")) {
        let key = adapter_key(map, path).unwrap_or_else(|| path.clone());
        return Err(refused(format!("it has no {key}: it was made for another base model")));
    }
    if let Some(key) = unused.first() {
        return Err(refused(format!("this {} model has no place for its {key}", config.model_type())));
    }
    Ok(model)
}

/// What an adapter's head tells apart: the labels of the `config.json` beside it, else (PEFT writes none) a placeholder for
/// each row of its classifier. `None` where it has no head, as a language model's.
///
/// # Errors
/// When its weights can't be opened.
pub fn adapter_labels(config: &ModelConfig, adapter: &Folder) -> Result<Option<Vec<String>>, CheckpointError> {
    let bytes = adapter.get(ADAPTER_WEIGHTS).ok_or(CheckpointError::MissingFile { file: ADAPTER_WEIGHTS })?;
    let file = WeightFile::open(ADAPTER_WEIGHTS, bytes)?;
    let numbered = numbered_labels(&file, adapter_key(config.key_map(), CLASSIFIER));
    if numbered.is_empty() {
        return Ok(None);
    }
    let beside = adapter.get(CONFIG).and_then(|bytes| ModelConfig::from_json(bytes).ok());
    let named = [beside.map(|beside| beside.labels), Some(config.labels.clone())];
    let named = named.into_iter().flatten().find(|labels| labels.len() == numbered.len());
    Ok(Some(named.unwrap_or(numbered)))
}

/// The settings of an adapter.
///
/// # Errors
/// When it is not LoRA, or uses a part of it that Hone does not have.
pub fn read_adapter_config(adapter: &Folder) -> Result<LoraConfig, CheckpointError> {
    let refused = |reason: String| CheckpointError::Adapter { reason };
    let bytes = adapter.get(ADAPTER_CONFIG).ok_or(CheckpointError::MissingFile { file: ADAPTER_CONFIG })?;
    let json: Value =
        serde_json::from_slice(bytes).map_err(|error| refused(format!("{ADAPTER_CONFIG} is not JSON: {error}")))?;
    match json.get("peft_type").and_then(Value::as_str) {
        Some("LORA") => {}
        other => return Err(refused(format!("peft_type is {other:?}, only LORA is supported"))),
    }
    let is_set = |field: &str| match json.get(field) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(values)) => !values.is_empty(),
        Some(Value::Object(values)) => !values.is_empty(),
        Some(_) => true,
    };
    for field in ["rank_pattern", "alpha_pattern", "layers_to_transform", "lora_bias", "use_qalora"] {
        if is_set(field) {
            return Err(refused(format!("{ADAPTER_CONFIG} sets {field}, which is not supported")));
        }
    }
    if json.get("bias").and_then(Value::as_str).is_some_and(|bias| bias != "none") {
        return Err(refused(format!("{ADAPTER_CONFIG}: bias {} is not supported, only \"none\" is", json["bias"])));
    }
    let number = |field: &str| {
        json.get(field).and_then(Value::as_f64).ok_or_else(|| refused(format!("{ADAPTER_CONFIG} has no {field}")))
    };
    let target_modules = match json.get("target_modules") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => return Err(refused(format!("{ADAPTER_CONFIG} has no target_modules"))),
    };
    Ok(LoraConfig {
        r: number("r")? as u32,
        lora_alpha: number("lora_alpha")?,
        lora_dropout: json.get("lora_dropout").and_then(Value::as_f64).unwrap_or(0.0),
        target_modules,
        use_rslora: json.get("use_rslora").and_then(Value::as_bool).unwrap_or(false),
        use_dora: is_set("use_dora"),
    })
}

fn adapter_config(config: &ModelConfig, job: &Job) -> Value {
    let lora = &job.run.lora;
    let (task_type, modules_to_save) = match config.task() {
        Task::SequenceClassification => {
            let head = ["head.dense.weight", "head.classifier.weight"];
            let keys = head.iter().filter_map(|path| checkpoint_key(config.key_map(), path));
            let modules: Vec<String> = keys.filter_map(|key| Some(whole_module(&key)?.to_owned())).collect();
            ("SEQ_CLS", json!(modules))
        }
        Task::CausalLm => ("CAUSAL_LM", Value::Null),
    };
    let mut json = json!({
        "peft_type": "LORA",
        "task_type": task_type,
        "base_model_name_or_path": job.model.name(),
        "r": lora.r,
        "lora_alpha": lora.lora_alpha,
        "lora_dropout": lora.lora_dropout,
        "target_modules": lora.target_modules,
        "use_rslora": lora.use_rslora,
        "fan_in_fan_out": config.key_map().linear == LinearLayout::InOut,
        "bias": "none",
        "modules_to_save": modules_to_save,
        "init_lora_weights": true,
        "inference_mode": true,
    });
    if lora.use_dora {
        json["use_dora"] = json!(true);
    }
    json
}

/// `bert.pooler.dense.weight` to `pooler.dense`, `classifier.out_proj.weight` to `classifier`.
fn whole_module(key: &str) -> Option<&str> {
    let module = key.rsplit_once('.')?.0;
    let module = module.trim_start_matches("bert.").trim_start_matches("distilbert.");
    Some(if module.starts_with("classifier") { "classifier" } else { module })
}

/// PEFT's key for one of our paths.
fn adapter_key(map: &KeyMap, path: &str) -> Option<String> {
    if path.starts_with("head.") {
        return checkpoint_key(map, path).map(|key| format!("base_model.model.{key}"));
    }
    let (module, factor) = path.split_once(".lora.")?;
    let module = checkpoint_key(map, &format!("{module}.weight"))?;
    let factor = match factor {
        "lora_a" => "lora_A.weight",
        "lora_b" => "lora_B.weight",
        "lora_magnitude_vector" => "lora_magnitude_vector",
        _ => return None,
    };
    Some(format!("base_model.model.{}.{factor}", module.trim_end_matches(".weight")))
}
