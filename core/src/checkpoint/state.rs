//! Everything besides weights that a run needs to go on exactly: written beside them as `state.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckpointError, HostTensor, WeightFile};
use crate::config::Job;
use crate::data::SamplerState;
use crate::folder::Folder;
use crate::metrics::Figures;

/// File name of a run's state.
pub const STATE_FILE: &str = "state.json";

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
    pub best: Option<(f64, u32, Figures)>,
    /// Evaluations since the best.
    pub evaluations_since_best: u32,
    /// Step of the last evaluation.
    pub evaluated_at: Option<u32>,
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
    let state: TrainState = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    match state.job.run.check().first() {
        Some(problem) => Err(damaged(problem.to_string())),
        None => Ok(state),
    }
}

/// Tensors by path, as a safetensors file.
#[must_use]
pub fn write_tensors(tensors: &BTreeMap<String, HostTensor>) -> Vec<u8> {
    safetensors::serialize(tensors.iter(), None).expect("shapes and lengths agree by construction")
}

/// Reads what [`write_tensors`] wrote.
///
/// # Errors
/// When the file is missing or damaged.
pub fn read_tensors(folder: &Folder, file: &'static str) -> Result<BTreeMap<String, HostTensor>, CheckpointError> {
    let bytes = folder.get(file).ok_or(CheckpointError::MissingFile { file })?;
    let opened = WeightFile::open(file, bytes)?;
    let mut tensors = BTreeMap::new();
    for name in opened.names() {
        let tensor = opened.read(name)?.expect("the name comes from the file");
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}
