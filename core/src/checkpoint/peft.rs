//! Adapters in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`, both ways.
//!
//! Reference: PEFT 0.21 `tuners/lora/config.py` (`LoraConfig`) and `utils/save_and_load.py`: keys are
//! `base_model.model.<module>.lora_A.weight` (`[rank, in]`) and `.lora_B.weight` (`[out, rank]`), with DoRA
//! `.lora_magnitude_vector` (`[out]`; PEFT takes its `.weight` off, and loads it with one as well); modules that were
//! trained whole (a head with labels, or that of spans) are saved beside them under their own names.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use serde_json::{Value, json};

use super::adapter_keys::{AdapterKeys, PREFIX, plain_name};
use super::export::{config_json, pretty, task_of, tokenizer_files};
use super::hf::{CLASSIFIER, CONFIG, numbered_labels};
use super::input_names::name_inputs;
use super::padding::name_padding;
use super::peft_config::{AdapterConfig, MERGE_IT, read_adapter_config};
use super::target_modules::{refused, short_names};
use super::text_length::name_length;
use super::weights::named_to_safetensors;
use super::{
    CardFacts, CheckpointError, PretrainedModel, RESULTS_FILE, WeightFile, model_card, read_weights, results_json,
};
use crate::config::{Freeze, JOB_FILE, Job, LoraConfig, Method, ModelSource};
use crate::folder::Folder;
pub use crate::hub::{ADAPTER_CONFIG, ADAPTER_WEIGHTS};
use crate::model::{KeyMap, LinearLayout, LinearModule, Model, ModelConfig, checkpoint_key, is_trained, module_key};
use crate::nn::Init;
use crate::task::HeadKind;

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
    let config = pretrained.config.with_head(model.head.kind())?;
    name_padding(&mut folder, pretrained, &config);
    name_length(&mut folder, pretrained, &config, job);
    name_inputs(&mut folder, pretrained);
    let map = config.key_map();
    let modules = model.linear_modules(map);
    let is_frozen = |path: &str| {
        let module =
            modules.iter().find(|module| path.strip_prefix(&module.path).is_some_and(|end| end.starts_with('.')));
        module.is_some_and(|module| module.is_adapted)
    };
    let layers = model.backbone.layer_counts();
    let is_trained = |path: &str| is_trained(Method::Lora, Freeze::None, path, layers);
    let is_written = |path: &str, _: bool| path.contains(".lora.") || (is_trained(path) && !is_frozen(path));
    let weights = read_weights(model, map, is_written).await?;
    let name = |path: &str| adapter_name(map, path).map(|name| format!("{PREFIX}{name}"));
    folder.insert(ADAPTER_WEIGHTS, named_to_safetensors(&weights, name)?);
    let saved = weights.iter().map(|(path, _)| path.as_str()).filter(|path| !path.contains(".lora."));
    let saved: BTreeSet<String> =
        saved.filter_map(|path| Some(whole_module(map, &checkpoint_key(map, path)?)?.to_owned())).collect();
    folder.insert(ADAPTER_CONFIG, pretty(&adapter_config(&config, job, &modules, &saved)));
    if model.head.num_labels().is_some() {
        // PEFT's own files do not say how many labels there are, nor what they are called.
        folder.insert(CONFIG, pretty(&config_json(&config, model, labels, job)));
    }
    folder.insert(JOB_FILE, job.to_json());
    folder.insert("README.md", model_card(&config, labels, job, facts, true));
    if let Some(facts) = facts {
        folder.insert(RESULTS_FILE, results_json(&job.run, facts));
    }
    Ok(folder)
}

/// Puts an adapter's branches into `model`, and what it holds whole (a head, embeddings, biases) in the place of the
/// model's.
///
/// # Errors
/// When the adapter is of a kind that Hone does not have, or belongs to another model.
pub fn load_adapter(
    config: &ModelConfig,
    mut model: Model,
    adapter: &Folder,
    device: &Device,
) -> Result<Model, CheckpointError> {
    let config = &config.with_head(model.head.kind())?;
    let settings = read_adapter_config(adapter)?;
    let file = open_weights(adapter)?;
    let keys = AdapterKeys::of(&file)?;
    let map = &names_of(&keys, &model, config.key_map());
    let modules = model.linear_modules(map);
    let lora = settings.resolve(config, &modules)?;
    if lora.target_modules.is_empty() {
        let known = model.module_names(map).join(", ");
        return Err(refused(format!(
            "its target modules {} are none of this {} model's: {known}",
            settings.describe_targets(),
            config.model_type()
        )));
    }
    let adapted: BTreeSet<&str> = lora.target_modules.iter().map(String::as_str).collect();
    for module in modules.iter().filter(|module| adapted.contains(module.name.as_str())) {
        check_factors(config, &file, &keys, &lora, module)?; // before room is made for them
    }
    let tied = TiedTable::of(config, map, &model);
    check_tied(&settings, config, tied.as_ref())?;
    let unread = settings.unread_table(config)?;
    let is_unread = |name: &str| unread.as_deref().is_some_and(|table| name.strip_suffix(".weight") == Some(table));
    model.add_lora_to(map, &lora, &adapted, &mut Init::new(0), device);
    let find = |path: &str| {
        let name = adapter_name(map, path)?;
        if is_unread(&name) { None } else { keys.find(&name).map(str::to_owned) }
    };
    let (model, missing, unused) = file.load_named(map, model, &find).map_err(|error| match error {
        CheckpointError::Shape { key, found, expected } => misshapen(config, &key, &found, &expected),
        other => other,
    })?;
    for path in &missing {
        let name = adapter_name(map, path).unwrap_or_else(|| path.clone());
        let module = name.rsplit_once('.').map_or(name.as_str(), |(module, _)| module);
        if !is_unread(&name) && (path.contains(".lora.") || settings.saves(module)?) {
            return Err(lacks(&name));
        }
    }
    let is_left = |module: &str| !adapted.contains(module) && modules.iter().any(|own| own.name == module);
    for key in unused.iter().filter(|key| !keys.is_spare(key)) {
        let name = plain_name(key).unwrap_or_else(|| key.clone());
        let is_copy = match &tied {
            Some(tied) => tied.is_copy(&file, &keys, &name, key)?,
            None => false,
        };
        if !is_unread(&name) && !is_copy {
            return Err(no_place(config, &is_left, tied.as_ref(), key, &name));
        }
    }
    Ok(model)
}

/// An adapter's settings ask for a tensor that its file does not have.
fn lacks(name: &str) -> CheckpointError {
    let other = match name.ends_with(".lora_magnitude_vector") {
        true => "it is no DoRA adapter",
        false => "it was made for another base model",
    };
    refused(format!("it has no {PREFIX}{name}, which {ADAPTER_CONFIG} asks for: its file is not whole, or {other}"))
}

/// Why a tensor of an adapter, by its `key` in the file and its `name` in the model, has no place, and what helps. `is_left` tells
/// modules that could be adapted and are not.
fn no_place(
    config: &ModelConfig,
    is_left: &dyn Fn(&str) -> bool,
    tied: Option<&TiedTable>,
    key: &str,
    name: &str,
) -> CheckpointError {
    let model_type = config.model_type();
    let module = name.split_once(".lora_").map_or(name.trim_end_matches(".weight"), |(module, _)| module);
    if name.contains(".lora_") && is_left(module) {
        return refused(format!(
            "it has {key}, and {ADAPTER_CONFIG} adapts no {module}: its settings are not those that it was trained with, put back what \
             target_modules, exclude_modules and layers_to_transform were"
        ));
    }
    let Some(tied) = tied.filter(|tied| tied.modules().any(|own| own == module)) else {
        // In PEFT a branch beside the table of an encoder-decoder changes nothing before it is merged.
        let is_of_halves = config.head_kind() == HeadKind::Seq2seqLm && name.contains(".lora_embedding_");
        let remedy = if is_of_halves { "" } else { MERGE_IT };
        return refused(format!("this {model_type} model has no place for its {key}{remedy}"));
    };
    let why = "and it reads and scores tokens with one table, of which PEFT's merge would change both uses";
    let remedy = match &tied.scores {
        Some(scores) if config.head_kind() == HeadKind::CausalLm => format!(
            ": give the base two tables before it gets the adapter in PEFT, base.config.tie_word_embeddings = False and \
             base.{scores}.weight = torch.nn.Parameter(base.{scores}.weight.detach().clone()), then \
             model.merge_and_unload().save_pretrained(folder), and take that folder"
        ),
        _ => String::new(),
    };
    refused(format!("this {model_type} model has no place for its {key}, {why}{remedy}"))
}

/// The names by which an adapter calls the modules of a model: those that they have in memory, where it has none of these
/// those that `transformers` 4 had there.
fn names_of(keys: &AdapterKeys, model: &Model, map: &KeyMap) -> KeyMap {
    let has_any = |map: &KeyMap| {
        let modules = model.linear_modules(map);
        modules.iter().any(|module| keys.find(&format!("{}.lora_A.weight", module.name)).is_some())
    };
    let before = map.of_transformers_4();
    if !has_any(map) && has_any(&before) { before } else { *map }
}

/// Compares a module's factors with what the settings say, in the file's header.
fn check_factors(
    config: &ModelConfig,
    file: &WeightFile<'_>,
    keys: &AdapterKeys,
    lora: &LoraConfig,
    module: &LinearModule,
) -> Result<(), CheckpointError> {
    let LinearModule { name, shape: [input, output], .. } = module;
    let rank = lora.rank_of(name) as usize;
    for (factor, expected) in [("lora_A", [rank, *input]), ("lora_B", [*output, rank])] {
        let part = format!("{name}.{factor}.weight");
        let Some(key) = keys.find(&part) else {
            return Err(lacks(&part));
        };
        let found = file.shape(key).unwrap_or_default();
        let found_rank = match (factor, found.as_slice()) {
            ("lora_A", [rank, inner]) if inner == input => Some(rank),
            ("lora_B", [outer, rank]) if outer == output => Some(rank),
            _ => None,
        };
        match found_rank {
            Some(found) if *found == rank => {}
            Some(found) => {
                return Err(refused(format!("{key} has rank {found}, {ADAPTER_CONFIG} gives that module rank {rank}")));
            }
            None => return Err(misshapen(config, key, &found, &expected)),
        }
    }
    Ok(())
}

fn misshapen(config: &ModelConfig, key: &str, found: &[usize], expected: &[usize]) -> CheckpointError {
    let word_table = module_key(config.key_map(), config.backbone.word_table());
    let scores = config.head().tied_keys.first().map(|&key| key.to_owned());
    let is_table = plain_name(key).is_some_and(|name| word_table.into_iter().chain(scores).any(|table| table == name));
    if let ([rows, width], [own_rows, own_width]) = (found, expected)
        && is_table
        && width == own_width
    {
        return refused(format!(
            "{key} has {rows} rows, a row a token, and this {} model has {own_rows}: if tokens were added before the adapter was \
             trained, the base needs them too, model.resize_token_embeddings({rows}) and save_pretrained in transformers; else it was made \
             for another base model",
            config.model_type()
        ));
    }
    refused(format!(
        "{key} has shape {found:?}, this {} model needs {expected:?}: it was made for another base model",
        config.model_type()
    ))
}

/// The one table of a model that reads and scores tokens with it, by the names that adapters have for its two uses.
#[derive(Debug)]
struct TiedTable {
    /// `transformer.wte`.
    reads: Option<String>,
    /// `lm_head`.
    scores: Option<String>,
}

impl TiedTable {
    /// `None` of a model that scores no tokens, or with a table of their own.
    fn of(config: &ModelConfig, map: &KeyMap, model: &Model) -> Option<Self> {
        let is_tied = match model.output_table() {
            Some((path, _)) => path.starts_with("backbone."),
            None => config.head_kind() == HeadKind::MaskedLm,
        };
        let module = |key: String| key.trim_end_matches(".weight").to_owned();
        is_tied.then(|| Self {
            reads: module_key(map, config.backbone.word_table()).map(module),
            scores: config.head().tied_keys.first().map(|&key| module(key.to_owned())),
        })
    }

    fn modules(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().chain(&self.scores).map(String::as_str)
    }

    /// Whether a tensor of a file is the table once more, as what scores: PEFT saves both (`save_embedding_layers`).
    fn is_copy(
        &self,
        file: &WeightFile<'_>,
        keys: &AdapterKeys,
        name: &str,
        key: &str,
    ) -> Result<bool, CheckpointError> {
        let table = self.reads.as_ref().and_then(|table| keys.find(&format!("{table}.weight")));
        let is_of_scores = name.strip_suffix(".weight").is_some_and(|module| self.scores.as_deref() == Some(module));
        match table {
            Some(table) if is_of_scores => file.are_equal(table, key),
            _ => Ok(false),
        }
    }
}

/// PEFT trains a copy of a table that `modules_to_save` names; where one table reads and scores tokens, only the one use
/// of it changes.
fn check_tied(settings: &AdapterConfig, config: &ModelConfig, tied: Option<&TiedTable>) -> Result<(), CheckpointError> {
    for module in tied.into_iter().flat_map(TiedTable::modules) {
        if settings.saves(module)? {
            return Err(refused(format!(
                "{ADAPTER_CONFIG}: modules_to_save names {module}, and this {} model reads and scores tokens with one \
                 table: merge the adapter in PEFT and load the merged model",
                config.model_type()
            )));
        }
    }
    Ok(())
}

/// The weights of an adapter.
fn open_weights(adapter: &Folder) -> Result<WeightFile<'_>, CheckpointError> {
    match adapter.has(ADAPTER_WEIGHTS) {
        true => WeightFile::open_in(adapter, [ADAPTER_WEIGHTS]),
        false => Err(CheckpointError::MissingFile { file: ADAPTER_WEIGHTS }),
    }
}

/// The settings of an adapter that is on `model`, its modules under the shortest names that mean them.
///
/// # Errors
/// As [`load_adapter`].
pub fn lora_of_adapter(config: &ModelConfig, model: &Model, adapter: &Folder) -> Result<LoraConfig, CheckpointError> {
    let config = &config.with_head(model.head.kind())?;
    let file = open_weights(adapter)?;
    let map = config.key_map();
    let named = model.linear_modules(&names_of(&AdapterKeys::of(&file)?, model, map));
    let modules = model.linear_modules(map);
    let lora = read_adapter_config(adapter)?.resolve(config, &named)?;
    Ok(LoraConfig {
        target_modules: short_names(&modules),
        rank_pattern: renamed(lora.rank_pattern, &named, &modules),
        alpha_pattern: renamed(lora.alpha_pattern, &named, &modules),
        ..lora
    })
}

/// What is said of modules by the names that one list has for them, by those that the other one has for the same modules.
fn renamed<T>(of_modules: BTreeMap<String, T>, from: &[LinearModule], to: &[LinearModule]) -> BTreeMap<String, T> {
    let name = |name: String| from.iter().zip(to).find(|(from, _)| from.name == name).map(|(_, to)| to.name.clone());
    of_modules.into_iter().filter_map(|(module, value)| Some((name(module)?, value))).collect()
}

/// What an adapter's head tells apart: the labels of the `config.json` beside it, else (PEFT writes none) a placeholder for
/// each row of its classifier. `None` where it has no head with labels, as a language model's.
///
/// # Errors
/// When its weights can't be opened.
pub fn adapter_labels(config: &ModelConfig, adapter: &Folder) -> Result<Option<Vec<String>>, CheckpointError> {
    let file = open_weights(adapter)?;
    let keys = AdapterKeys::of(&file)?;
    // The config may have chosen another head than the adapter's.
    let maps = config.architecture.heads.iter().map(|head| &head.key_map);
    let weight = maps.filter_map(|map| adapter_name(map, CLASSIFIER)).find_map(|name| keys.find(&name));
    let numbered = numbered_labels(&file, weight.map(str::to_owned));
    if numbered.is_empty() {
        return Ok(None);
    }
    let beside = adapter.get(CONFIG).and_then(|bytes| ModelConfig::from_json(bytes).ok());
    let named = [beside.map(|beside| beside.labels), Some(config.labels.clone())];
    let named = named.into_iter().flatten().find(|labels| labels.len() == numbered.len());
    Ok(Some(named.unwrap_or(numbered)))
}

fn adapter_config(config: &ModelConfig, job: &Job, modules: &[LinearModule], saved: &BTreeSet<String>) -> Value {
    let lora = &job.run.lora;
    let is_all = lora.target_modules.iter().any(|name| name == "all-linear");
    let revision = match &job.model {
        ModelSource::Hub { revision, .. } if revision != "main" => json!(revision),
        _ => Value::Null,
    };
    let mut json = json!({
        "peft_type": "LORA",
        "task_type": task_of(job, config.head_kind()).spec().peft_task_type,
        "base_model_name_or_path": job.model.name(),
        "revision": revision,
        "r": lora.r,
        "lora_alpha": lora.lora_alpha,
        "lora_dropout": lora.lora_dropout,
        // PEFT would take the word in a list for the name of a module.
        "target_modules": if is_all { short_names(modules) } else { lora.target_modules.clone() },
        "rank_pattern": lora.rank_pattern,
        "alpha_pattern": lora.alpha_pattern,
        "use_rslora": lora.use_rslora,
        "fan_in_fan_out": config.key_map().linear == LinearLayout::InOut,
        "bias": "none",
        "modules_to_save": if saved.is_empty() { Value::Null } else { json!(saved) },
        "init_lora_weights": true,
        "inference_mode": true,
    });
    if lora.use_dora {
        json["use_dora"] = json!(true);
    }
    json
}

/// `bert.pooler.dense.weight` to `pooler.dense`, `classifier.out_proj.weight` to `classifier`.
fn whole_module<'a>(map: &KeyMap, key: &'a str) -> Option<&'a str> {
    let module = key.rsplit_once('.')?.0;
    let module = module.strip_prefix(map.prefix).unwrap_or(module);
    Some(if module.starts_with("classifier") { "classifier" } else { module })
}

/// The name in an adapter's file, without PEFT's prefix, of one of our paths.
fn adapter_name(map: &KeyMap, path: &str) -> Option<String> {
    let Some((module, factor)) = path.split_once(".lora.") else { return module_key(map, path) };
    let module = module_key(map, &format!("{module}.weight"))?;
    let factor = match factor {
        "lora_a" => "lora_A.weight",
        "lora_b" => "lora_B.weight",
        "lora_magnitude_vector" => "lora_magnitude_vector",
        _ => return None,
    };
    Some(format!("{}.{factor}", module.trim_end_matches(".weight")))
}

#[cfg(all(test, feature = "cpu"))]
mod tests;
