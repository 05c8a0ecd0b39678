//! What answers of the worker are made of: a model, a run, and memory.

use serde::{Deserialize, Serialize};

use super::{NamedBlob, Problem, ProjectState, RunId};
use crate::config::{ModelSource, ReadOptions};
use crate::plan::HeldBytes;
use crate::report::DataSummary;
use crate::task::{DataReport, Task};

/// A model that was loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Where it came from.
    pub source: ModelSource,
    /// What its architecture has heads for.
    pub tasks: Vec<Task>,
    /// What its own head is for; where that is no task, the first that it has a head for.
    pub task: Task,
    /// `model_type` of config.json.
    pub model_type: String,
    /// All parameters.
    pub num_parameters: usize,
    /// Width of a token state.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Longest input in tokens.
    pub max_position_embeddings: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Labels of the head that came with the model; empty where that is fresh for `task`, or has no labels.
    pub labels: Vec<String>,
    /// Names of its linear layers: what LoRA can adapt.
    pub module_names: Vec<String>,
    /// Those that LoRA adapts where none are named.
    pub target_modules: Vec<String>,
    /// It comes with a chat template.
    pub has_chat_template: bool,
    /// Its files hold a head that fills in words, whatever the model is used for.
    #[serde(default)]
    pub fills_blanks: bool,
    /// Its generation_config.json, else its config.json, of a model that writes: how it writes where nothing is typed.
    #[serde(default)]
    pub generation_config: Option<String>,
    /// What loading had to say (weights not used, a fresh head, …).
    pub notes: Vec<String>,
}

/// A kept run that was loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenedRun {
    /// Its model.
    pub model: ModelInfo,
    /// Its rows.
    pub report: DataReport,
    /// Training rows; then the person's own validation and test rows, if there are any.
    pub train: NamedBlob,
    /// Validation rows.
    pub valid: Option<NamedBlob>,
    /// Test rows.
    pub test: Option<NamedBlob>,
    /// How they were read.
    pub read: ReadOptions,
    /// The name of the task that these rows are for, of several that the run learns at once; `None` where it learns one.
    pub name: Option<String>,
    /// The others of several tasks, in their order.
    pub beside: Vec<OpenedPart>,
    /// Its name from now on.
    pub run: RunId,
    /// Its number on the page.
    pub number: u32,
    /// It trains an adapter, which can be taken home alone.
    pub has_adapter: bool,
    /// Labels that it tells apart; 0 for a task without labels.
    pub num_labels: usize,
    /// What was changed of the model before, in sentences.
    pub notes: Vec<String>,
    /// What runs, as the text of its job file.
    pub job: String,
    /// What the page gave with [`Command::Train`](super::Command::Train).
    pub page: String,
    /// The project that the run is of, as it was last kept; `None` where it is of none that can be read.
    pub project: Option<ProjectState>,
    /// That project has the run's files of rows, whatever is edited in them.
    pub has_rows_of_project: bool,
    /// What was saved last was damaged, so that it was opened as it was saved before.
    pub damage: Option<Problem>,
}

/// One of the tasks of a kept run that learns several at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenedPart {
    /// Its name, which figures and the exported folder have.
    pub name: String,
    /// Its rows.
    pub report: DataReport,
    /// Training rows; then the person's own validation and test rows, if there are any.
    pub train: NamedBlob,
    /// Validation rows.
    pub valid: Option<NamedBlob>,
    /// Test rows.
    pub test: Option<NamedBlob>,
    /// How they were read.
    pub read: ReadOptions,
}

/// What the worker knows of a run that is over, for a report on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedRun {
    /// What was run, as the text of its job file.
    pub job: String,
    /// What computes.
    pub device: String,
    /// The rows; of several tasks those of each.
    pub data: Vec<DataSummary>,
}

/// Bytes in use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MemoryReport {
    /// GPU memory held by the allocator.
    pub gpu_reserved: u64,
    /// Of which in use.
    pub gpu_in_use: u64,
    /// The worker's wasm memory.
    pub wasm: u64,
    /// What a run holds between two steps.
    #[serde(default)]
    pub held: HeldBytes,
}

/// What the learning-rate range test found (Smith 2017).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RateTest {
    /// (learning rate of a step, loss of its batch before the weights were changed), by rising rate.
    pub points: Vec<(f64, f64)>,
    /// The losses, each the mean of those around it.
    pub smoothed: Vec<f64>,
    /// The loss ran away before the last rate was tried.
    pub diverged: bool,
    /// The rate at which the loss falls fastest; `None` where it falls nowhere, or there are too few points.
    pub steepest: Option<f64>,
    /// A tenth of the rate at which the loss is lowest.
    pub tenth_of_lowest: Option<f64>,
}
