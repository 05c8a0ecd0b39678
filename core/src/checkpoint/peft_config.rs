//! `adapter_config.json` as PEFT writes it: what it adapts, with which ranks, and what of it Hone does not have.
//!
//! Reference: PEFT 0.21 `tuners/lora/config.py` (`LoraConfig`) and `tuners/lora/layer.py` (`update_layer`). A field that is
//! set and not known is refused: it may change what the adapter computes.

use serde_json::Value;

use super::CheckpointError;
use super::adapter_fields::{Fields, check_count, missing, number, rank};
use super::peft::ADAPTER_CONFIG;
use super::target_modules::{Layers, Names, Pattern, refused, strings};
use crate::config::LoraConfig;
use crate::folder::Folder;
use crate::model::{Architecture, LinearModule, ModelConfig};

/// Fields that are read here, and those that change nothing of what a trained adapter computes.
const KNOWN: [&str; 30] = [
    "peft_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "bias",
    "init_lora_weights",
    "use_rslora",
    "use_dora",
    // What it belongs to, and who wrote it.
    "task_type",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "auto_mapping",
    "peft_version",
    // PEFT corrects it where it is wrong, and factors are stored alike either way.
    "fan_in_fan_out",
    // How fresh factors were made (a way that changes the base model is refused by its name).
    "loftq_config",
    "eva_config",
    "corda_config",
    "lora_ga_config",
    // Settings of what is switched off, or of the machine.
    "megatron_core",
    "qalora_group_size",
    "runtime_config",
    // Of tied embeddings, which are refused where an adapter changes them.
    "ensure_weight_tying",
];

/// Values of `init_lora_weights` that leave the base model as it is.
const PLAIN_INITS: [&str; 4] = ["gaussian", "eva", "orthogonal", "mica"];

/// The settings of an adapter that PEFT or Hone wrote.
#[derive(Debug, Clone)]
pub struct AdapterConfig {
    /// Without names and patterns, which depend on the model.
    lora: LoraConfig,
    targets: Targets,
    exclude: Option<Names>,
    layers: Option<Layers>,
    rank_pattern: Vec<(Pattern, u32)>,
    alpha_pattern: Vec<(Pattern, f64)>,
    /// `modules_to_save`, which are in the file whole.
    saved: Vec<Pattern>,
    /// Those that PEFT adds for a classifier, whether the file has them or not.
    heads: Vec<Pattern>,
}

#[derive(Debug, Clone)]
enum Targets {
    /// The architecture's.
    Default,
    AllLinear,
    Names(Names),
}

/// The settings of an adapter.
///
/// # Errors
/// When it is not LoRA, or uses a part of it that Hone does not have.
pub fn read_adapter_config(adapter: &Folder) -> Result<AdapterConfig, CheckpointError> {
    let bytes = adapter.get(ADAPTER_CONFIG).ok_or(CheckpointError::MissingFile { file: ADAPTER_CONFIG })?;
    let json: Value =
        serde_json::from_slice(bytes).map_err(|error| refused(format!("{ADAPTER_CONFIG} is not JSON: {error}")))?;
    let fields = json.as_object().ok_or_else(|| refused(format!("{ADAPTER_CONFIG} is not a JSON object")))?;
    AdapterConfig::read(&Fields(fields))
}

impl AdapterConfig {
    fn read(fields: &Fields<'_>) -> Result<Self, CheckpointError> {
        match fields.text("peft_type")? {
            Some("LORA") => {}
            other => return Err(refused(format!("peft_type is {other:?}, only LORA is supported"))),
        }
        if let Some(task @ ("TOKEN_CLS" | "QUESTION_ANS" | "SEQ_2_SEQ_LM")) = fields.text("task_type")? {
            return Err(refused(format!("{ADAPTER_CONFIG}: task_type {task} is not supported")));
        }
        if let Some(field) = fields.0.keys().find(|field| !KNOWN.contains(&field.as_str()) && fields.is_set(field)) {
            return Err(refused(format!("{ADAPTER_CONFIG} sets {field}, which is not supported")));
        }
        check_init(fields.0.get("init_lora_weights"))?;
        match fields.text("bias")? {
            None | Some("none" | "all" | "lora_only") => {}
            Some(other) => return Err(refused(format!("{ADAPTER_CONFIG}: bias {other:?} is not known"))),
        }
        let saved = match fields.0.get("modules_to_save") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => strings("modules_to_save", value)?,
        };
        check_count("modules_to_save", saved.len())?;
        let inside = |name: &str| Pattern::inside("modules_to_save", name);
        let is_classifier = fields.text("task_type")? == Some("SEQ_CLS");
        let heads: &[&str] = if is_classifier { &["classifier", "score"] } else { &[] };
        Ok(Self {
            lora: LoraConfig {
                r: rank("r", fields.0.get("r"))?,
                lora_alpha: fields.number("lora_alpha")?.ok_or_else(|| missing("lora_alpha"))?,
                lora_dropout: fields.dropout()?,
                use_rslora: fields.flag("use_rslora")?,
                use_dora: fields.flag("use_dora")?,
                ..LoraConfig::default()
            },
            targets: targets(fields)?,
            exclude: Names::read("exclude_modules", fields.0.get("exclude_modules"))?,
            layers: layers(fields)?,
            rank_pattern: patterns(fields, "rank_pattern", |value| rank("rank_pattern", Some(value)))?,
            alpha_pattern: patterns(fields, "alpha_pattern", |value| number("alpha_pattern", value))?,
            saved: saved.iter().map(|name| inside(name)).collect::<Result<_, _>>()?,
            heads: heads.iter().map(|name| inside(name)).collect::<Result<_, _>>()?,
        })
    }

    /// The settings with the whole names of those `modules` of a model that it adapts; they may be none.
    pub(super) fn resolve(
        &self,
        config: &ModelConfig,
        modules: &[LinearModule],
    ) -> Result<LoraConfig, CheckpointError> {
        let mut lora = self.lora.clone();
        for LinearModule { name, .. } in modules {
            if !self.adapts(config, name)? {
                continue;
            }
            lora.target_modules.push(name.clone());
            if let Some(rank) = first(&self.rank_pattern, name)? {
                lora.rank_pattern.insert(name.clone(), rank);
            }
            if let Some(alpha) = first(&self.alpha_pattern, name)? {
                lora.alpha_pattern.insert(name.clone(), alpha);
            }
        }
        Ok(lora)
    }

    fn adapts(&self, config: &ModelConfig, module: &str) -> Result<bool, CheckpointError> {
        if let Some(exclude) = &self.exclude
            && exclude.matches(module)?
        {
            return Ok(false);
        }
        for pattern in self.saved.iter().chain(&self.heads) {
            if pattern.matches(module)? {
                return Ok(false);
            }
        }
        let default;
        let names = match &self.targets {
            Targets::AllLinear => return Ok(true),
            Targets::Default => {
                default = default_targets(config)?;
                &default
            }
            Targets::Names(names) => names,
        };
        if !names.matches(module)? {
            return Ok(false);
        }
        match &self.layers {
            Some(layers) if !names.has_whole(module) => layers.have(module),
            _ => Ok(true),
        }
    }

    /// Whether `modules_to_save` names a module, or one that it is inside of.
    pub(super) fn saves(&self, module: &str) -> Result<bool, CheckpointError> {
        for pattern in &self.saved {
            if pattern.matches(module)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it adapts, for a message.
    pub(super) fn describe_targets(&self) -> String {
        match &self.targets {
            Targets::Default => "of the architecture".into(),
            Targets::AllLinear => "all-linear".into(),
            Targets::Names(Names::List(names)) => names.join(", "),
            Targets::Names(Names::Regex(_)) => "(a regular expression)".into(),
        }
    }
}

/// PEFT's names for a model type whose adapter names none.
fn default_targets(config: &ModelConfig) -> Result<Names, CheckpointError> {
    if config.architecture == Architecture::Distilbert {
        return Err(refused(format!("{ADAPTER_CONFIG} has no target_modules, and PEFT has no default for distilbert")));
    }
    let names = config.architecture.default_target_modules();
    Ok(Names::List(names.iter().map(|&name| name.to_owned()).collect()))
}

fn targets(fields: &Fields<'_>) -> Result<Targets, CheckpointError> {
    const FIELD: &str = "target_modules";
    let is_all = |name: &str| name.eq_ignore_ascii_case("all-linear");
    match fields.0.get(FIELD) {
        None | Some(Value::Null) => Ok(Targets::Default),
        Some(Value::String(text)) if is_all(text) => Ok(Targets::AllLinear),
        value => match Names::read(FIELD, value)? {
            // As earlier versions of Hone wrote it.
            Some(Names::List(names)) if names.iter().any(|name| is_all(name)) => Ok(Targets::AllLinear),
            Some(names) => Ok(Targets::Names(names)),
            None => Err(refused(format!("{ADAPTER_CONFIG}: {FIELD} is empty: it adapts nothing"))),
        },
    }
}

fn layers(fields: &Fields<'_>) -> Result<Option<Layers>, CheckpointError> {
    let layers = Layers::read(fields.0.get("layers_to_transform"), fields.0.get("layers_pattern"))?;
    let is_string = fields.0.get("target_modules").is_some_and(Value::is_string);
    match layers {
        Some(_) if is_string => Err(refused(format!(
            "{ADAPTER_CONFIG}: layers_to_transform goes with a list of target_modules only, as in PEFT"
        ))),
        layers => Ok(layers),
    }
}

/// A start that changes the base model is not undone by its factors alone: the base on disk is not the one they belong to.
fn check_init(value: Option<&Value>) -> Result<(), CheckpointError> {
    let name = match value {
        None | Some(Value::Null | Value::Bool(_)) => return Ok(()),
        Some(Value::String(name)) => name.as_str(),
        Some(other) => return Err(refused(format!("{ADAPTER_CONFIG}: init_lora_weights {other} is not known"))),
    };
    let lower = name.to_ascii_lowercase();
    if PLAIN_INITS.contains(&lower.as_str()) {
        return Ok(());
    }
    let changes_base = ["pissa", "corda", "olora", "loftq", "lora_ga"].iter().any(|start| lower.starts_with(start));
    Err(refused(if changes_base {
        format!(
            "{ADAPTER_CONFIG}: init_lora_weights {name:?} changed the weights of the base model before training, so that \
             it does not fit the base as it was; convert it in PEFT: \
             model.save_pretrained(folder, path_initial_model_for_weight_conversion=folder_of_the_fresh_adapter), or \
             merge it there"
        )
    } else {
        format!("{ADAPTER_CONFIG}: init_lora_weights {name:?} is not known")
    }))
}

fn patterns<T>(
    fields: &Fields<'_>,
    field: &'static str,
    value_of: impl Fn(&Value) -> Result<T, CheckpointError>,
) -> Result<Vec<(Pattern, T)>, CheckpointError> {
    let entries = match fields.0.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(refused(format!("{ADAPTER_CONFIG}: {field} is not a table of names"))),
    };
    check_count(field, entries.len())?;
    entries.iter().map(|(name, value)| Ok((Pattern::end(field, name)?, value_of(value)?))).collect()
}

/// The value of the first pattern that a name matches.
fn first<T: Copy>(patterns: &[(Pattern, T)], module: &str) -> Result<Option<T>, CheckpointError> {
    for (pattern, value) in patterns {
        if pattern.matches(module)? {
            return Ok(Some(*value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Result<AdapterConfig, CheckpointError> {
        let mut folder = Folder::new();
        folder.insert(ADAPTER_CONFIG, json.to_string());
        read_adapter_config(&folder)
    }

    /// As PEFT 0.21 writes it.
    fn plain() -> Value {
        let text = r#"{
            "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
            "base_model_name_or_path": "a/b", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
            "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
            "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0,
            "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
            "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 4,
            "rank_pattern": {}, "revision": null, "target_modules": ["q_proj", "v_proj"], "target_parameters": null,
            "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
            "use_qalora": false, "use_rslora": false, "velora_config": null
        }"#;
        serde_json::from_str(text).expect("JSON")
    }

    fn with(changes: Value) -> Value {
        let mut json = plain();
        let changes = changes.as_object().expect("a table").clone();
        json.as_object_mut().expect("a table").extend(changes);
        json
    }

    fn llama() -> ModelConfig {
        let config = json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 16
        });
        ModelConfig::from_json(config.to_string().as_bytes()).expect("a config")
    }

    fn modules() -> Vec<LinearModule> {
        let name = |layer: usize, name: &str| format!("model.layers.{layer}.self_attn.{name}_proj");
        let names = (0..2).flat_map(|layer| ["q", "k", "v"].map(|part| name(layer, part)));
        let module = |name| LinearModule { name, path: String::new(), shape: [8, 8], is_adapted: false };
        names.map(module).collect()
    }

    fn resolve(json: &Value) -> LoraConfig {
        read(json).expect("it is LoRA").resolve(&llama(), &modules()).expect("it can be matched")
    }

    /// `0q` for the first layer's `q_proj`.
    fn short(lora: &LoraConfig) -> Vec<String> {
        let part = |name: &String| name.replace("model.layers.", "").replace(".self_attn.", "").replace("_proj", "");
        lora.target_modules.iter().map(part).collect()
    }

    #[test]
    fn modules_are_chosen_as_peft_chooses_them() {
        let cases: [(Value, &[&str]); 13] = [
            (json!({}), &["0q", "0v", "1q", "1v"]),
            (json!({"target_modules": null}), &["0q", "0v", "1q", "1v"]),
            (json!({"target_modules": r".*layers\.1\.self_attn\.(q|v)_proj"}), &["1q", "1v"]),
            (json!({"target_modules": "all-linear"}), &["0q", "0k", "0v", "1q", "1k", "1v"]),
            (json!({"target_modules": ["all-linear"]}), &["0q", "0k", "0v", "1q", "1k", "1v"]),
            (json!({"exclude_modules": r".*layers\.0\.self_attn\.q_proj"}), &["0v", "1q", "1v"]),
            (json!({"exclude_modules": ["v_proj"]}), &["0q", "1q"]),
            (json!({"target_modules": "all-linear", "exclude_modules": ["k_proj", "v_proj"]}), &["0q", "1q"]),
            (json!({"layers_to_transform": 1}), &["1q", "1v"]),
            (json!({"layers_to_transform": [0], "layers_pattern": "layers"}), &["0q", "0v"]),
            (json!({"layers_to_transform": [0], "layers_pattern": ["h"]}), &[]),
            (json!({"modules_to_save": ["layers.0"]}), &["1q", "1v"]),
            (json!({"target_modules": ["gate_proj"]}), &[]),
        ];
        for (changes, expected) in cases {
            assert_eq!(short(&resolve(&with(changes.clone()))), expected, "{changes}");
        }
    }

    #[test]
    fn a_whole_name_counts_whatever_its_layer_is() {
        let whole = "model.layers.0.self_attn.k_proj";
        let lora = resolve(&with(json!({"target_modules": ["q_proj", whole], "layers_to_transform": [1]})));
        assert_eq!(short(&lora), ["0k", "1q"]);
    }

    #[test]
    fn patterns_give_modules_their_ranks_and_weights() {
        let lora = resolve(&with(json!({
            "rank_pattern": {r"layers\.0\..*": 2, "q_proj": 3},
            "alpha_pattern": {"^model.layers.1.self_attn.v_proj": 1.5}
        })));
        let of = |name: &str| {
            let module = format!("model.layers.{name}_proj");
            (lora.rank_of(&module), lora.scaling_of(&module))
        };
        assert_eq!(of("0.self_attn.q"), (2, 4.0));
        assert_eq!(of("1.self_attn.q"), (3, 8.0 / 3.0));
        assert_eq!(of("1.self_attn.v"), (4, 0.375));
    }

    #[test]
    fn what_changes_the_base_or_the_computation_is_refused_by_name() {
        for (changes, words) in [
            (json!({"init_lora_weights": "pissa"}), ["init_lora_weights", "pissa"]),
            (json!({"init_lora_weights": "pissa_niter_16"}), ["pissa_niter_16", "convert it"]),
            (json!({"init_lora_weights": "olora"}), ["olora", "convert it"]),
            (json!({"init_lora_weights": "corda"}), ["corda", "convert it"]),
            (json!({"init_lora_weights": "loftq"}), ["loftq", "convert it"]),
            (json!({"init_lora_weights": "lora_ga"}), ["lora_ga", "convert it"]),
            (json!({"init_lora_weights": "newest"}), ["init_lora_weights", "newest"]),
            (json!({"alora_invocation_tokens": [1, 2]}), ["sets", "alora_invocation_tokens"]),
            (json!({"trainable_token_indices": [1]}), ["sets", "trainable_token_indices"]),
            (json!({"lora_bias": true}), ["sets", "lora_bias"]),
            (json!({"use_qalora": true}), ["sets", "use_qalora"]),
            (json!({"use_bdlora": {"nblocks": 2}}), ["sets", "use_bdlora"]),
            (json!({"kasa_config": {"beta": 1}}), ["sets", "kasa_config"]),
            (json!({"velora_config": {"scale": 1}}), ["sets", "velora_config"]),
            (json!({"layer_replication": [[0, 1]]}), ["sets", "layer_replication"]),
            (json!({"target_parameters": ["a"]}), ["sets", "target_parameters"]),
            (json!({"a_field_of_tomorrow": 3}), ["sets", "a_field_of_tomorrow"]),
            (json!({"peft_type": "IA3"}), ["IA3", "LORA"]),
            (json!({"task_type": "TOKEN_CLS"}), ["task_type", "TOKEN_CLS"]),
            (json!({"bias": "some"}), ["bias", "some"]),
            (json!({"target_modules": []}), ["target_modules", "empty"]),
            (json!({"target_modules": [1]}), ["target_modules", "list of names"]),
            (json!({"target_modules": "("}), ["target_modules", "regular expression"]),
            (json!({"target_modules": ".*", "layers_to_transform": [1]}), ["layers_to_transform", "list"]),
            (json!({"r": 0}), ["r: 0", "4096"]),
            (json!({"r": 8.5}), ["r: 8.5", "4096"]),
            (json!({"r": 1_000_000}), ["1000000", "4096"]),
            (json!({"rank_pattern": {"q_proj": 0}}), ["rank_pattern", "4096"]),
            (json!({"rank_pattern": {"(": 1}}), ["rank_pattern", "regular expression"]),
            (json!({"lora_alpha": "8"}), ["lora_alpha", "number"]),
            (json!({"lora_alpha": 1e39}), ["lora_alpha", "number"]),
            (json!({"alpha_pattern": {"q_proj": null}}), ["alpha_pattern", "number"]),
            (json!({"lora_dropout": 1.0}), ["lora_dropout", "[0, 1)"]),
        ] {
            let error = read(&with(changes.clone())).expect_err("it is refused").to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{changes}: {error}");
        }
    }

    #[test]
    fn a_start_that_leaves_the_base_alone_is_taken() {
        for init in [json!(true), json!(false), json!("gaussian"), json!("eva"), json!("orthogonal"), json!("mica")] {
            read(&with(json!({ "init_lora_weights": init }))).expect("only how it began");
        }
        read(&with(json!({"auto_mapping": {"unsloth_fixed": true}, "fan_in_fan_out": true}))).expect("no matter");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>(), position in 0..2000usize, bytes in prop::collection::vec(any::<u8>(), 0..6)) {
            let mut folder = Folder::new();
            folder.insert(ADAPTER_CONFIG, text);
            let _ = read_adapter_config(&folder);
            let mut damaged = plain().to_string().into_bytes();
            let at = position % damaged.len();
            let end = (at + bytes.len()).min(damaged.len());
            drop(damaged.splice(at..end, bytes));
            folder.insert(ADAPTER_CONFIG, damaged);
            if let Ok(config) = read_adapter_config(&folder) {
                let _ = config.resolve(&llama(), &modules());
            }
        }

        #[test]
        fn values_of_any_kind_never_panic(field in prop::sample::select(KNOWN.to_vec()), kind in 0..9usize, text in "[a-z.*+?()\\[\\]{}|\\\\0-9^$<>=!:P]{0,24}") {
            let value = match kind {
                0 => json!(text),
                1 => json!([text]),
                2 => json!({ text: 2 }),
                3 => json!([[text]]),
                4 => json!(-1),
                5 => json!(u64::MAX),
                6 => json!(1e300),
                7 => Value::Null,
                _ => json!({ "a": { "b": [text] } }),
            };
            if let Ok(config) = read(&with(json!({ field: value }))) {
                let _ = config.resolve(&llama(), &modules());
            }
        }
    }
}
