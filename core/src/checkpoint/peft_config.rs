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
use crate::model::{BackboneConfig, LinearModule, ModelConfig, module_key};
use crate::task::HeadKind;
use crate::words::list;

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

/// The module of a head that finds spans.
const SPAN_MODULE: &str = "qa_outputs";

/// Most characters of a name that are shown.
const MAX_NAME: usize = 120;

/// Most modules that are named in words.
const MAX_NAMED: usize = 8;

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
    /// Those that PEFT adds for its `task_type`, whether the file has them or not.
    heads: Vec<Pattern>,
    /// The head that it was trained with, where that is said.
    head: Option<HeadKind>,
    /// `task_type` is PEFT's of question answering.
    is_of_peft_questions: bool,
    /// `base_model_name_or_path`.
    base: Option<String>,
}

#[derive(Debug, Clone)]
enum Targets {
    /// The architecture's.
    Default,
    AllLinear,
    Names(Names),
}

/// What helps where PEFT knows more than Hone.
pub(super) const MERGE_IT: &str =
    ": merge it into its base in PEFT, model.merge_and_unload().save_pretrained(folder), and take that folder";

/// The same of branches with biases.
const IF_BIASED: &str = ": where all the layers that it adapts have a bias, merge it into its base in PEFT, \
                         model.merge_and_unload().save_pretrained(folder), and take that folder";

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
            other => {
                let kind = other.unwrap_or("missing");
                let can_merge = other.is_some_and(|kind| {
                    !["PROMPT", "PREFIX", "P_TUNING", "ADAPTION"].iter().any(|no| kind.contains(no))
                });
                let remedy = if can_merge { MERGE_IT } else { "" };
                return Err(refused(format!("{ADAPTER_CONFIG}: peft_type is {kind}, only LORA is supported{remedy}")));
            }
        }
        let task_type = fields.text("task_type")?;
        if let Some(field) = fields.0.keys().find(|field| !KNOWN.contains(&field.as_str()) && fields.is_set(field)) {
            let remedy = match field.as_str() {
                "alora_invocation_tokens" | "layer_replication" => "", // PEFT can't merge, or not save, it
                "lora_bias" => IF_BIASED,
                _ => MERGE_IT,
            };
            return Err(refused(format!("{ADAPTER_CONFIG} sets {field}, which is not supported{remedy}")));
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
        let heads: &[&str] = match task_type {
            Some("SEQ_CLS" | "TOKEN_CLS") => &["classifier", "score"],
            Some("QUESTION_ANS") => &[SPAN_MODULE],
            _ => &[],
        };
        let head = match task_type {
            // As Hone writes it, because PEFT's own class for it drops token types.
            None => saved.iter().any(|name| name == SPAN_MODULE).then_some(HeadKind::Span),
            Some(task_type) => head_of(task_type),
        };
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
            head,
            is_of_peft_questions: task_type == Some("QUESTION_ANS"),
            base: fields
                .text("base_model_name_or_path")
                .ok()
                .flatten()
                .filter(|base| !base.is_empty())
                .map(str::to_owned),
        })
    }

    /// The model that it names as its base, where that is none of the name `loaded`: folders of hubs and of machines that end alike count
    /// as one. Of a long name the beginning.
    #[must_use]
    pub fn other_base(&self, loaded: Option<&str>) -> Option<String> {
        let is_loaded = |base: &&str| loaded.is_some_and(|loaded| last_part(loaded) == last_part(base));
        self.base.as_deref().filter(|base| !is_loaded(base)).map(beginning)
    }

    /// What it is, in words: `a LoRA adapter of rank 8 (alpha 16) on q_proj, v_proj`.
    #[must_use]
    pub fn describe(&self) -> String {
        let LoraConfig { r, lora_alpha, use_dora, .. } = &self.lora;
        let kind = if *use_dora { "DoRA" } else { "LoRA" };
        let others = if self.rank_pattern.is_empty() { "" } else { " and others" };
        let modules = match &self.targets {
            Targets::Default => "what PEFT adapts in such a model".to_owned(),
            Targets::AllLinear => "all linear layers".to_owned(),
            Targets::Names(Names::List(names)) => {
                let shown: Vec<String> = names.iter().take(MAX_NAMED).map(|name| beginning(name)).collect();
                list(&shown, names.len())
            }
            Targets::Names(Names::Regex(_)) => "layers that a regular expression names".to_owned(),
        };
        format!("a {kind} adapter of rank {r}{others} (alpha {lora_alpha}) on {modules}")
    }

    /// The head that it was trained with, where `task_type` says it, or the module of spans is saved with it.
    #[must_use]
    pub fn head(&self) -> Option<HeadKind> {
        self.head
    }

    /// Whether PEFT runs `config`'s model without its token types: `PeftModelForQuestionAnswering.forward` takes
    /// `token_type_ids` and does not hand them on (PEFT 0.21), so that all are 0.
    #[must_use]
    pub fn drops_token_types(&self, config: &ModelConfig) -> bool {
        let has_types = matches!(&config.backbone, BackboneConfig::Encoder(encoder) if encoder.type_vocab_size > 1);
        self.is_of_peft_questions && has_types
    }

    /// The module of the table that both halves of an encoder-decoder read, where `modules_to_save` names it. PEFT puts the
    /// trained copy in the place of that module alone, and the halves go on reading the base's table.
    ///
    /// # Errors
    /// When matching a name fails.
    pub fn unread_table(&self, config: &ModelConfig) -> Result<Option<String>, CheckpointError> {
        let BackboneConfig::EncoderDecoder(_) = config.backbone else { return Ok(None) };
        let Some(key) = module_key(config.key_map(), config.backbone.word_table()) else { return Ok(None) };
        let module = key.trim_end_matches(".weight");
        Ok(self.saves(module)?.then(|| module.to_owned()))
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

/// The head of a `task_type` of PEFT.
fn head_of(task_type: &str) -> Option<HeadKind> {
    match task_type {
        "SEQ_CLS" => Some(HeadKind::Sequence),
        "TOKEN_CLS" => Some(HeadKind::Token),
        "QUESTION_ANS" => Some(HeadKind::Span),
        "CAUSAL_LM" => Some(HeadKind::CausalLm),
        "SEQ_2_SEQ_LM" => Some(HeadKind::Seq2seqLm),
        "FEATURE_EXTRACTION" => Some(HeadKind::Pooled),
        _ => None,
    }
}

/// As much of a name as is shown: the file may be a stranger's.
fn beginning(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// `distilgpt2` of `distilbert/distilgpt2` and of `C:\models\DistilGPT2\`.
fn last_part(path: &str) -> Option<String> {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).map(str::to_lowercase)
}

/// PEFT's names for a model type whose adapter names none.
fn default_targets(config: &ModelConfig) -> Result<Names, CheckpointError> {
    if !config.architecture.is_in_peft_table {
        let model_type = config.model_type();
        return Err(refused(format!(
            "{ADAPTER_CONFIG} has no target_modules, and PEFT has no default for {model_type}"
        )));
    }
    let names = config.architecture.default_target_modules;
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
    let remedy = match lower.starts_with("loftq") {
        // Its base was quantized: the fresh adapter is no measure of what was changed.
        true => "; merge it in PEFT into the base that it was trained on",
        false => {
            "; convert it in PEFT: \
             model.save_pretrained(folder, path_initial_model_for_weight_conversion=folder_of_the_fresh_adapter), or \
             merge it there"
        }
    };
    Err(refused(if changes_base {
        format!(
            "{ADAPTER_CONFIG}: init_lora_weights {name:?} changed the weights of the base model before training, so that \
             it does not fit the base as it was{remedy}"
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
mod tests;
