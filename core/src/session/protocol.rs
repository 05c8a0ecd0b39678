//! Messages between the page and its worker. Enums are matched exhaustively on both sides; bytes over a few KB travel
//! beside the message as transferred `ArrayBuffer`s ("blobs") and are named here by their index.
//!
//! The worker posts [`FromWorker::Ready`] first. Each [`Request`] gets exactly one [`FromWorker::Reply`] with its
//! [`RequestId`]; a run's events carry its [`RunId`].

mod answers;
mod command;
mod command_parts;
mod early;
mod explained;
mod kept;
mod problem;
mod projects;

use serde::{Deserialize, Serialize};

use crate::config::{MadeCopies, RowEdit};
use crate::data::RowWindow;
use crate::data::findings::ShownFindings;
use crate::event::{Split, TrainEvent};
use crate::generate::FilterCounts;
use crate::plan::Estimate;
use crate::task::{
    AnswerSummary, AugmentationPreview, DataReport, Evaluation, Explanation, FewShotReport, LabelErrors, NearestRows,
    NearestTexts, Prediction, QuickBaseline, RankedRows, RowPredictions, Slicing, SwapReport, Task,
};

pub use self::answers::{MemoryReport, ModelInfo, OpenedPart, OpenedRun, RateTest, RecordedRun};
pub use self::command::Command;
pub use self::command_parts::{NamedBlob, PartFiles, Prompt, Weights, WriteAs};
pub use self::early::{EarlyMessage, EarlyReply};
pub use self::explained::{NearTo, ToExplain};
pub use self::kept::{KeptRuns, RunSummary, SavedRun};
pub use self::problem::{Problem, ProblemKind};
pub use self::projects::{
    CachedModel, KeptModels, KeptProjects, OpenedProject, ProjectFiles, ProjectState, RenamedRun, SavedProject,
    StoragePlace,
};
pub use crate::device_report::{Backend, DeviceCheck, DeviceReport};
pub use crate::metrics::WritingEvaluation;

/// Pairs a reply with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId(pub u32);

/// Names a run; events of an earlier run are recognised and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId(pub u32);

/// What the page sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the page.
    pub id: RequestId,
    /// What to do.
    pub command: Command,
}

/// Answers; which one belongs to which command is said there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The device is open.
    Device {
        /// What it is.
        device: DeviceReport,
    },
    /// A model is loaded.
    Model {
        /// What it is.
        model: ModelInfo,
    },
    /// What a file is for.
    Task {
        /// The task.
        task: Task,
    },
    /// Rows were looked through for those that are most like a text.
    Nearest {
        /// By the model before training.
        base: NearestTexts,
        /// By the trained one; `None` before a run.
        tuned: Option<NearestTexts>,
    },
    /// The data is read.
    Data {
        /// What is in it.
        report: Box<DataReport>,
    },
    /// A run began.
    Started {
        /// Its name.
        run: RunId,
        /// It trains an adapter, which can be taken home alone.
        has_adapter: bool,
        /// Labels that it tells apart; 0 for a task without labels.
        num_labels: usize,
        /// What was changed of the model before, in sentences.
        notes: Vec<String>,
        /// What runs, as the text of its job file: the page only hands it on.
        job: String,
        /// Id under which it is kept in the browser's storage; `None` where it is not.
        kept_as: Option<String>,
    },
    /// A run was not started, or not opened, or rates were not tried, and what was loaded before is as it was.
    Refused {
        /// Why.
        problem: Problem,
    },
    /// The storage was looked through.
    Runs {
        /// What is in it.
        kept: KeptRuns,
    },
    /// The runs of a project file are kept.
    Imported {
        /// Id of the one that is opened where nobody chooses; `None` where there is none.
        id: Option<String>,
        /// How many there are.
        num_runs: u32,
        /// Id of the project that was made of it; `None` where it was a run alone.
        project: Option<String>,
    },
    /// The storage was looked through for projects.
    Projects {
        /// What is in it.
        kept: KeptProjects,
    },
    /// A project was opened.
    Project {
        /// How it stands.
        opened: Box<OpenedProject>,
    },
    /// The storage was looked through for models.
    Models {
        /// What is in it.
        kept: KeptModels,
    },
    /// A kept run is loaded.
    Opened {
        /// What it is.
        opened: Box<OpenedRun>,
    },
    /// A split was measured.
    Evaluated {
        /// Which weights.
        weights: Weights,
        /// Which rows.
        split: Split,
        /// The figures.
        evaluation: Evaluation,
        /// Every row, in file order, with what was predicted.
        rows: RowPredictions,
        /// What was written after prompts, if anything was.
        writing: Option<Box<WritingEvaluation>>,
        /// What makes these answers worthless, if anything does.
        warnings: Vec<String>,
    },
    /// The general text was measured.
    EvaluatedGeneral {
        /// The figures.
        evaluation: Evaluation,
        /// What there is to say about how it was read.
        note: Option<String>,
    },
    /// What labels can be told without training was measured.
    FewShot {
        /// What was measured; `None` where rows do not have one label each, or the model makes no vectors of texts.
        report: Option<FewShotReport>,
    },
    /// What can be told in seconds without training was measured.
    QuickBaseline {
        /// What was measured.
        baseline: Box<QuickBaseline>,
    },
    /// Rows were looked through for labels that may be wrong.
    LabelErrors {
        /// What was found.
        found: Box<LabelErrors>,
    },
    /// A text was written.
    Generated {
        /// Which weights.
        weights: Weights,
        /// The text, without the prompt.
        text: String,
        /// Its tokens.
        num_tokens: usize,
        /// Seconds it took.
        elapsed_secs: f64,
        /// The model ended it; else it was stopped, or grew as long as it may.
        is_complete: bool,
        /// What the rules for it replaced.
        filtered: FilterCounts,
    },
    /// The inputs were answered.
    Predicted {
        /// Names of the model's outputs; none where the task has none.
        labels: Vec<String>,
        /// An answer an input, before training.
        base: Vec<Prediction>,
        /// An answer an input, after training; empty before a run.
        tuned: Vec<Prediction>,
        /// Tokens that the model reads of an input.
        max_tokens: usize,
        /// Indices of inputs that are longer, and were cut.
        cut: Vec<usize>,
        /// What makes these answers worthless, if anything does.
        warnings: Vec<String>,
    },
    /// What speaks for an answer was found.
    Explained {
        /// It.
        explanation: Box<Explanation>,
    },
    /// Training rows that are like a text were found.
    NearestRows {
        /// They.
        found: Box<NearestRows>,
    },
    /// A file of inputs was looked at.
    Inputs {
        /// Its columns.
        columns: Vec<String>,
        /// Those that are read, each with its role.
        used: Vec<(String, String)>,
        /// Inputs in it.
        num_inputs: usize,
        /// What a person should know.
        notes: Vec<String>,
    },
    /// All inputs of a file were answered.
    Labeled {
        /// Name of the file of answers, whose bytes are the blob.
        name: String,
        /// Counts and first answers.
        summary: AnswerSummary,
        /// What a person should know: what was left out, cut or called otherwise.
        notes: Vec<String>,
    },
    /// Unlabeled rows were put in order.
    Ranked {
        /// The first of them.
        ranked: Box<RankedRows>,
    },
    /// Rows were taken apart.
    Sliced {
        /// Columns by which they can be.
        columns: Vec<String>,
        /// What was found; `None` where nothing was asked for.
        slicing: Option<Box<Slicing>>,
    },
    /// Texts were asked about with words swapped.
    Swapped {
        /// What was found.
        report: SwapReport,
    },
    /// A window of the rows.
    Rows {
        /// What is in it.
        window: Box<RowWindow>,
    },
    /// A file of rows was cleaned.
    Cleaned {
        /// Its name.
        name: String,
        /// Index of its blob.
        blob: usize,
        /// Rows in it.
        num_rows: usize,
        /// What a person should know about it.
        notes: Vec<String>,
    },
    /// The rows were looked through for what may be wrong with them.
    Findings {
        /// What was found.
        found: Box<ShownFindings>,
    },
    /// What the action of a finding does.
    Mended {
        /// Edits of rows: one step of their log.
        edits: Vec<RowEdit>,
        /// Labels that are read as the first of them from then on; none where rows are edited.
        merged: Vec<String>,
        /// Rows that should change, and can't be edited.
        num_left: usize,
    },
    /// Images were put into one file.
    Packed {
        /// Index of its blob.
        blob: usize,
    },
    /// Images, in the order in which they were asked for.
    Images {
        /// Their files; `None` where there is no such row.
        images: Vec<Option<NamedBlob>>,
    },
    /// Training texts before and after augmentation.
    AugmentedTexts {
        /// What was made of them; `None` where there are no rows, or rows of their task are not augmented.
        preview: Option<Box<AugmentationPreview>>,
    },
    /// Copies of training rows were made. They are no part of the rows until these are read with them.
    CopiesMade {
        /// The copies.
        made: Box<MadeCopies>,
        /// What was left out, a sentence each without capital and full stop.
        notes: Vec<String>,
    },
    /// A run that is over, with one blob: what it said and what was measured since, as lines of its log (`core/src/report/log.rs`) without
    /// its beginning.
    Recorded {
        /// What else is known of it.
        run: Box<RecordedRun>,
    },
    /// A file: a zip of a model or of a project. All that travels beside it, one after the other, is its bytes.
    Exported {
        /// What was saved last of the run was damaged, so that the project has it as it was saved before.
        damage: Option<Problem>,
        /// Of a model, whether its file was opened again and answers alike, as a sentence.
        checked: Option<String>,
    },
    /// A run was planned.
    Estimated {
        /// What it would cost.
        estimate: Box<Estimate>,
    },
    /// Learning rates were tried.
    LearningRates {
        /// What was found.
        test: Box<RateTest>,
    },
    /// Memory figures.
    Memory {
        /// The figures.
        memory: MemoryReport,
    },
    /// Nothing to say but that it was done.
    Done,
}

/// What the worker sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// Listening. Sent once, first.
    Ready {
        /// Version of the worker; the page checks that it is its own.
        version: String,
    },
    /// Answer to a request.
    Reply {
        /// To which.
        id: RequestId,
        /// What came of it.
        result: Result<Reply, Problem>,
    },
    /// A file is on its way.
    Download {
        /// File name.
        file: String,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, if the server said.
        total: Option<u64>,
        /// Came from the cache.
        cached: bool,
    },
    /// A request went out, or bytes of its answer came in: what the page's list of requests adds up.
    Traffic {
        /// Address, without a password.
        url: String,
        /// Requests to it since the last message about it.
        requests: usize,
        /// Bytes received since then.
        received: u64,
    },
    /// A run said something.
    Event {
        /// Which run.
        run: RunId,
        /// Seconds since the run began, pauses not counted.
        elapsed_secs: f64,
        /// What.
        event: TrainEvent,
    },
    /// A `Generate` request wrote on.
    Generated {
        /// Which request.
        id: RequestId,
        /// What it wrote since the last message.
        piece: String,
    },
    /// A request to read rows is part done.
    ReadProgress {
        /// Of several tasks the one whose rows are read.
        part: Option<String>,
        /// Rows tokenised; where a row may be a whole file, bytes.
        done: usize,
        /// As many in all.
        total: usize,
    },
    /// The search for what may be wrong with rows is part done.
    FindingProgress {
        /// Rows looked at.
        done: usize,
        /// Rows in all.
        total: usize,
    },
    /// A request to measure something is part done.
    EvaluationProgress {
        /// Rows measured.
        done: usize,
        /// Rows to measure.
        total: usize,
    },
    /// A checkpoint is being written, of which nothing is said before [`FromWorker::CheckpointWritten`].
    CheckpointBegun {
        /// Optimizer steps taken.
        step: u32,
    },
    /// A checkpoint was written to disk, or could not be (the run goes on, or stays paused).
    CheckpointWritten {
        /// Optimizer steps taken.
        step: u32,
        /// What was written of the run before is not there any more: it is written no more.
        is_gone: bool,
        /// What went wrong, if it did.
        problem: Option<Problem>,
    },
    /// The run, or the worker, can't go on.
    Failed {
        /// The run it happened in.
        run: Option<RunId>,
        /// What happened.
        problem: Problem,
        /// The device failed as one does that has too little memory: a kept run has to go on in smaller parts.
        lacks_memory: bool,
    },
}
