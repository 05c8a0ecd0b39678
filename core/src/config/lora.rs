//! Settings of LoRA.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Settings of LoRA, under the names of PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of an adapter.
    pub r: u32,
    /// Weight of an adapter: its output is scaled by `lora_alpha / r`.
    pub lora_alpha: f64,
    /// Dropout on an adapter's input.
    pub lora_dropout: f64,
    /// Names (or ends of names) of the linear layers that get one; empty takes the architecture's default,
    /// `all-linear` takes all.
    pub target_modules: Vec<String>,
    /// Ranks of layers that have another than `r`, by name or end of name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "ranks")]
    pub rank_pattern: BTreeMap<String, u32>,
    /// Weights of layers that have another than `lora_alpha`, by name or end of name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Scale by `lora_alpha / sqrt(r)` (<https://arxiv.org/abs/2312.03732>).
    pub use_rslora: bool,
    /// Train each output's magnitude apart from its direction (DoRA, <https://arxiv.org/abs/2402.09353>).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub use_dora: bool,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            r: 8,
            lora_alpha: 16.0,
            lora_dropout: 0.05,
            target_modules: Vec::new(),
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            use_rslora: false,
            use_dora: false,
        }
    }
}

impl LoraConfig {
    /// Largest rank of an adapter.
    pub const MAX_RANK: u32 = 4096;

    /// The target module that names all linear layers.
    pub const ALL_LINEAR: &'static str = "all-linear";

    /// Rank of a layer's adapter; `module` is the layer's whole name.
    #[must_use]
    pub fn rank_of(&self, module: &str) -> u32 {
        find(&self.rank_pattern, module).unwrap_or(self.r)
    }

    /// What the output of a layer's adapter is multiplied with.
    #[must_use]
    pub fn scaling_of(&self, module: &str) -> f64 {
        let rank = f64::from(self.rank_of(module));
        let alpha = find(&self.alpha_pattern, module).unwrap_or(self.lora_alpha);
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }

    /// Whether a target module names the layer of a whole name: by PEFT's rule, or as one of all linear layers.
    #[must_use]
    pub fn is_target(module: &str, target: &str) -> bool {
        target == Self::ALL_LINEAR || Self::is_named(module, target)
    }

    /// PEFT's rule: `name` is the whole name of a module or its end after a dot.
    #[must_use]
    pub fn is_named(module: &str, name: &str) -> bool {
        module == name || module.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
    }
}

/// The value of the first name that is a module's.
fn find<T: Copy>(by_name: &BTreeMap<String, T>, module: &str) -> Option<T> {
    by_name.iter().find(|(name, _)| LoraConfig::is_named(module, name)).map(|(_, &value)| value)
}

fn ranks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u32>, D::Error> {
    let ranks = BTreeMap::<String, u32>::deserialize(deserializer)?;
    match ranks.iter().find(|(_, rank)| !(1..=LoraConfig::MAX_RANK).contains(*rank)) {
        None => Ok(ranks),
        Some((name, rank)) => {
            let reason = format!("rank_pattern: {rank} is not a rank from 1 to {}: {name}", LoraConfig::MAX_RANK);
            Err(serde::de::Error::custom(reason))
        }
    }
}
