//! The runs that are kept in the browser's storage, as the page lists, compares and draws them.

use serde::{Deserialize, Serialize};

use crate::config::{DataHashes, JobPart, ModelChanges, ModelSource, ReadOptions, RunDraft};
use crate::metrics::Figure;
use crate::task::Task;

/// All runs that are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KeptRuns {
    /// In the order in which they began, or came here in a project file.
    pub runs: Vec<SavedRun>,
    /// Ids of those that can't be read: they are damaged, or another version of Hone wrote them.
    pub unreadable: Vec<String>,
    /// Why some of the storage, or all of it, can't be read now: there may be more runs.
    pub unread_reason: Option<String>,
    /// Bytes of the files that several runs began with: each file is stored once.
    pub shared_bytes: u64,
    /// Another tab of this browser trains now: meanwhile no run can be opened or deleted here.
    pub is_elsewhere: bool,
}

/// A run that is kept in the browser's storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedRun {
    /// Its name in the storage.
    pub id: String,
    /// Its number on the page.
    pub number: u32,
    /// When it began, in milliseconds since 1970.
    pub began_ms: f64,
    /// When it was last saved, in milliseconds since 1970.
    pub saved_ms: f64,
    /// Seconds of the run until then, pauses not counted.
    pub elapsed_secs: f64,
    /// Optimizer steps taken when it was last saved.
    pub step: u32,
    /// Steps that it has in all.
    pub total_steps: u32,
    /// It was over: its weights wait to be measured and exported.
    pub is_finished: bool,
    /// The pretrained model.
    pub model: ModelSource,
    /// What was changed of the model before.
    pub changes: ModelChanges,
    /// Name of the training file; of several tasks those of all: `a.csv and b.csv`.
    pub file: String,
    /// What its files of rows were; of several tasks those of the first.
    pub data_sha256: DataHashes,
    /// How they were read.
    pub read: ReadOptions,
    /// What it learns; of several tasks the first.
    pub task: Task,
    /// The tasks that it learns at once, each with its rows, the first among them; none where it learns one.
    pub parts: Vec<JobPart>,
    /// Its settings that are not those of the default.
    pub settings: RunDraft,
    /// Its curves and figures.
    pub summary: RunSummary,
    /// Bytes that are free once it is deleted: files that other runs began with, too, are not among them. While there is a run
    /// that can't be read, the files that it began with stay.
    pub bytes: u64,
    /// What the person wrote about it.
    pub note: String,
}

/// What a list of runs shows of one; few numbers, however long the run is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSummary {
    /// Training loss: (step, mean over some steps up to it).
    pub losses: Vec<(f64, f64)>,
    /// Loss of the validation rows: (step, value).
    pub valid_losses: Vec<(f64, f64)>,
    /// The leading figure of the validation rows ([`TaskSpec::leading_figure`](crate::task::TaskSpec::leading_figure)), of
    /// several tasks that of the first: (step, value).
    pub valid_figures: Vec<(f64, f64)>,
    /// Figures of the validation rows: those of the weights that a finished run holds; where these were not measured, the last
    /// ones. Of a run that is not over, the best so far.
    pub figures: Vec<Figure>,
    /// The step at which they were measured; `None` where nothing was.
    pub measured_step: Option<u32>,
}
