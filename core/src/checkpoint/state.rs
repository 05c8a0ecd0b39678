//! Everything besides weights that a run needs to go on exactly: written beside them as `state.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckpointError, HostTensor, WeightFile};
use crate::config::Job;
use crate::data::SamplerState;
use crate::folder::Folder;
use crate::task::Evaluation;

/// File name of a run's state.
pub const STATE_FILE: &str = "state.json";

/// What the loss of a run is usually, by which one that runs away is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LossLevel {
    /// Losses that `usual` is the mean of, as far as they are counted.
    pub seen: u32,
    /// Mean of the last losses, those that stand out left out.
    pub usual: f64,
    /// Losses that stand out, one after the other, up to now.
    pub in_a_row: u32,
}

impl LossLevel {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// What is run.
    pub job: Job,
    /// Labels, in the order of their ids.
    pub labels: Vec<String>,
    /// Fingerprint of the encoded training rows: a resume on other data is refused.
    pub data_fingerprint: String,
    /// Optimizer steps taken.
    pub step: u32,
    /// Micro-batches trained; seeds the dropout of the next.
    pub micro_batches: u64,
    /// Position in the data.
    pub sampler: SamplerState,
    /// Rows seen.
    pub rows: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Losses of the steps since the last reading.
    pub window: Vec<f64>,
    /// Best validation figure so far, its step and its evaluation.
    pub best: Option<(f64, u32, Evaluation)>,
    /// Evaluations since the best.
    pub evaluations_since_best: u32,
    /// Step of the last evaluation.
    pub evaluated_at: Option<u32>,
    /// The last evaluation, where it is not the best; a state of an earlier version lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Evaluation>,
    /// Steps in which a parameter that is trained had no gradient, by its path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, u32>,
    /// Of a run that is over, the step whose weights it holds; it goes on no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<u32>,
    /// Of a run that diverged, the step at which it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged_at: Option<u32>,
    /// How often the run went back to a good state: each time halved the learning rate.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollbacks: u32,
    /// What the loss is usually.
    #[serde(default, skip_serializing_if = "LossLevel::is_unknown")]
    pub loss_level: LossLevel,
    /// In how many parts a batch is computed, where the device had too little memory for it as a whole.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch_parts: u32,
    /// The state that the run goes back to if it diverges, where that is an earlier one than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Box<Self>>,
}

/// The job of a checkpoint, without loading it.
///
/// # Errors
/// When the state file is missing or damaged.
pub fn read_job(folder: &Folder) -> Result<Job, CheckpointError> {
    read_state(folder).map(|state| state.job)
}

/// The state of a checkpoint.
///
/// # Errors
/// When the state file is missing or damaged.
pub fn read_state(folder: &Folder) -> Result<TrainState, CheckpointError> {
    let bytes = folder.get(STATE_FILE).ok_or(CheckpointError::MissingFile { file: STATE_FILE })?;
    let damaged = |reason: String| CheckpointError::State { file: STATE_FILE.into(), reason };
    let state: TrainState = match serde_json::from_slice(bytes) {
        Ok(state) => state,
        Err(_) if is_of_earlier_version(bytes) => {
            return Err(damaged("it was written by an earlier version of Hone: start the run again".into()));
        }
        Err(error) => return Err(damaged(error.to_string())),
    };
    match state.job.run.check().first() {
        Some(problem) => Err(damaged(problem.to_string())),
        None => Ok(state),
    }
}

/// Whether the best evaluation is in the form that it had before figures had names.
fn is_of_earlier_version(bytes: &[u8]) -> bool {
    let Ok(state) = serde_json::from_slice::<Value>(bytes) else { return false };
    let figures = state.pointer("/best/2").and_then(Value::as_object);
    figures.is_some_and(|figures| figures.contains_key("classes") || figures.contains_key("tokens"))
}

/// Tensors by path, as a safetensors file.
#[must_use]
pub fn write_tensors(tensors: &BTreeMap<String, HostTensor>) -> Vec<u8> {
    safetensors::serialize(tensors.iter(), None).expect("shapes and lengths agree by construction")
}

/// Reads what [`write_tensors`] wrote; paths of an earlier version get today's names.
///
/// # Errors
/// When the file is missing or damaged.
pub fn read_tensors(folder: &Folder, file: &'static str) -> Result<BTreeMap<String, HostTensor>, CheckpointError> {
    let opened = WeightFile::open_file(folder, file)?;
    let mut tensors = BTreeMap::new();
    for name in opened.names() {
        let tensor = opened.read(name)?.expect("the name comes from the file");
        tensors.insert(current_name(name), tensor);
    }
    Ok(tensors)
}

/// The name of a moment by the path that its parameter has now: models had an `encoder` or a `decoder` in the place of
/// their `backbone`, and an `lm_head` beside it.
pub(crate) fn current_name(name: &str) -> String {
    let (moment, path) = name.split_once('.').unwrap_or(("", name));
    for (before, now) in [("encoder.", "backbone."), ("decoder.", "backbone."), ("lm_head.", "head.lm_head.")] {
        if let Some(rest) = path.strip_prefix(before) {
            return format!("{moment}.{now}{rest}");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_an_earlier_version_belong_to_todays_paths() {
        let cases = [
            ("first.encoder.layers.0.query.weight", "first.backbone.layers.0.query.weight"),
            ("second.decoder.embed_tokens.shards.1", "second.backbone.embed_tokens.shards.1"),
            ("first.lm_head.shards.0", "first.head.lm_head.shards.0"),
            ("first.head.dense.bias", "first.head.dense.bias"),
            ("second.backbone.norm.weight", "second.backbone.norm.weight"),
            ("first", "first"),
        ];
        for (name, expected) in cases {
            assert_eq!(current_name(name), expected);
        }
        let tensor = HostTensor { shape: vec![1], values: vec![2.0] };
        let mut folder = Folder::new();
        let bytes = write_tensors(&BTreeMap::from([("first.encoder.layers.0.key.bias".to_owned(), tensor.clone())]));
        folder.insert("optimizer.safetensors", bytes);
        let read = read_tensors(&folder, "optimizer.safetensors").expect("just written");
        assert_eq!(read.get("first.backbone.layers.0.key.bias"), Some(&tensor));
    }

    #[test]
    fn a_state_of_an_earlier_version_is_told_from_a_damaged_one() {
        let error = |text: &str| {
            let mut folder = Folder::new();
            folder.insert(STATE_FILE, text);
            read_state(&folder).expect_err("it can't be read").to_string()
        };
        assert!(
            error(r#"{"step": 3, "best": [0.5, 3, {"classes": {"loss": 1}}]}"#).contains("earlier version of Hone")
        );
        assert!(!error(r#"{"step": 3, "best": null}"#).contains("earlier version"));
        assert!(!error("{").contains("earlier version"));
    }
}
