//! Messages between the page and its worker. Enums are matched exhaustively on both sides; bytes over a few KB travel
//! beside the message as transferred `ArrayBuffer`s ("blobs") and are named here by their index.
//!
//! The worker posts [`FromWorker::Ready`] first. Each [`Request`] gets exactly one [`FromWorker::Reply`] with its
//! [`RequestId`]; a run's events carry its [`RunId`].

use serde::{Deserialize, Serialize};

use crate::config::{ExportFormat, ModelSource, PromptFormat, ReadOptions, RunConfig, Task};
use crate::data::DataReport;
use crate::data::causal_lm::{LmReport, Role, Turn};
use crate::event::{Split, TrainEvent};
use crate::generate::SamplingConfig;
use crate::metrics::{Evaluation, LmEvaluation, RowPrediction, TextEvaluation, TextSample};

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

/// A file whose bytes travel beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedBlob {
    /// File name as the person knows it.
    pub name: String,
    /// Index into the transferred buffers.
    pub blob: usize,
}

/// Which weights answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// The pretrained model with a fresh head, before training.
    Base,
    /// The model as trained.
    Tuned,
}

/// What a language model writes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// A text.
    Text(String),
    /// A conversation, written by the model's chat template.
    Turns(Vec<Turn>),
}

impl Prompt {
    /// A bare prompt as a model is given it that was trained on rows of a format.
    #[must_use]
    pub fn from_bare(format: &PromptFormat, prompt: &str) -> Self {
        match format.prompt(prompt) {
            Some(text) => Self::Text(text),
            None => Self::Turns(vec![Turn::new(Role::User, prompt)]),
        }
    }
}

/// What the worker is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Open a device, check its arithmetic and report it. Reply: [`Reply::Device`].
    OpenDevice {
        /// `None` lets the worker choose.
        prefer: Option<Backend>,
    },
    /// Fetch a model's files (own origin or hub), verify, cache, load. Progress comes as [`FromWorker::Download`].
    /// Reply: [`Reply::Model`].
    FetchModel {
        /// Where from.
        source: ModelSource,
        /// Folder URL of a model that this origin serves; `None` asks the hub.
        base_url: Option<String>,
        /// `https://…` of the hub.
        hub_url: String,
        /// SHA-256 of files that are known in advance: (file name, lower-case hex).
        sha256: Vec<(String, String)>,
        /// Milliseconds without a byte after which a connection counts as broken.
        stall_ms: u32,
    },
    /// Load a model from files the person chose. Reply: [`Reply::Model`].
    LoadModel {
        /// config.json, model.safetensors, tokenizer.json or vocab.txt, …
        files: Vec<NamedBlob>,
    },
    /// Read the data: for the loaded model, or before there is one for a task, without its tokens. Progress comes as
    /// [`FromWorker::ReadProgress`]. Reply: [`Reply::Data`] or [`Reply::Texts`]; [`Reply::Done`] where the reading was
    /// ended before, and what was read before it stays.
    LoadData {
        /// What the rows are for while there is no model.
        task: Task,
        /// Rows to train on (and to split, if no other file is given).
        train: NamedBlob,
        /// The person's own validation rows.
        valid: Option<NamedBlob>,
        /// The person's own test rows.
        test: Option<NamedBlob>,
        /// How to read them.
        read: ReadOptions,
        /// For the split (fractions, seed) and the length report.
        run: RunConfig,
    },
    /// Read the loaded files again with other options. Progress and reply as of `LoadData`.
    RereadData {
        /// How to read them.
        read: ReadOptions,
        /// For the split and the length report.
        run: RunConfig,
    },
    /// End the reading that goes on. Reply: [`Reply::Done`]; then that of `LoadData` or `RereadData`.
    CancelReading,
    /// Start a run. Reply: [`Reply::Started`]; then events.
    Train {
        /// The settings.
        run: RunConfig,
    },
    /// Hold after the micro-batch in flight. Reply: [`Reply::Done`].
    Pause,
    /// Go on. Reply: [`Reply::Done`].
    Resume,
    /// End the run. Reply: [`Reply::Done`]; then [`TrainEvent::Finished`].
    Stop {
        /// Hand back the best weights rather than the last.
        keep_best: bool,
    },
    /// Measure a split. Progress comes as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::Evaluated`].
    Evaluate {
        /// Which weights.
        weights: Weights,
        /// Which rows.
        split: Split,
    },
    /// Probabilities of texts, base beside tuned (tuned only after a run). Reply: [`Reply::Predicted`].
    Predict {
        /// The texts.
        texts: Vec<String>,
    },
    /// Measure how well a split's next tokens are predicted and, for the first so many prompts, what is written after
    /// them. Progress comes as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::EvaluatedTexts`].
    EvaluateTexts {
        /// Which weights.
        weights: Weights,
        /// Which texts.
        split: Split,
        /// Prompts that are written on from; 0 measures next tokens only.
        num_prompts: usize,
        /// Most tokens of what is written.
        max_new_tokens: u32,
    },
    /// Measure a language model on a text that has nothing to do with its task, to see what it forgets. Progress comes
    /// as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::EvaluatedGeneral`].
    EvaluateGeneral {
        /// Which weights.
        weights: Weights,
        /// The person's own text; `None` takes a bundled one.
        text: Option<NamedBlob>,
    },
    /// Write on from a prompt. Text comes as [`FromWorker::Generated`]. Reply: [`Reply::Generated`].
    Generate {
        /// The prompt.
        prompt: Prompt,
        /// Which weights.
        weights: Weights,
        /// How tokens are chosen.
        sampling: SamplingConfig,
    },
    /// End the text that is being written. Reply: [`Reply::Done`]; then that of `Generate`.
    StopGenerating,
    /// The tuned model as a zip. Reply: [`Reply::Exported`], with one blob.
    Export {
        /// A whole model, or an adapter alone.
        format: ExportFormat,
    },
    /// Memory figures. Reply: [`Reply::Memory`].
    Memory,
    /// Destroy the GPU device, to rehearse its loss. Reply: [`Reply::Done`].
    LoseDevice,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The GPU, through WebGPU.
    Webgpu,
    /// The CPU, in wasm with SIMD (burn-flex).
    Cpu,
}

/// One comparison of the device with the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheck {
    /// Operation and shape, e.g. `matmul [16, 64, 384] x [384, 1536]`.
    pub name: String,
    /// Largest absolute difference from the CPU, relative to the largest value.
    pub error: f64,
    /// Within tolerance.
    pub passed: bool,
}

/// The device in use, what was found on the way to it, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// What computes.
    pub backend: Backend,
    /// E.g. `nvidia (ampere)`, `SwiftShader`, `CPU (wasm, SIMD)`.
    pub name: String,
    /// The WebGPU adapter is a software rasteriser.
    pub is_software: bool,
    /// There is a WebGPU adapter at all.
    pub has_webgpu: bool,
    /// Why this backend, in one sentence.
    pub reason: String,
    /// Largest buffer in bytes (0 where there is no adapter).
    pub max_buffer_size: u64,
    /// Largest storage binding in bytes.
    pub max_storage_buffer_binding_size: u64,
    /// The adapter can compute in f16.
    pub has_shader_f16: bool,
    /// The adapter has subgroups.
    pub has_subgroups: bool,
    /// The comparisons with the CPU; empty on the CPU.
    pub checks: Vec<DeviceCheck>,
}

/// A model that was loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Where it came from.
    pub source: ModelSource,
    /// What it is for.
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
    /// Labels of a head that came with the model; empty for a bare encoder.
    pub labels: Vec<String>,
    /// Names of its linear layers: what LoRA can adapt.
    pub module_names: Vec<String>,
    /// Those that LoRA adapts where none are named.
    pub target_modules: Vec<String>,
    /// It comes with a chat template.
    pub has_chat_template: bool,
    /// What loading had to say (weights not used, a fresh head, …).
    pub notes: Vec<String>,
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
    /// The data is read.
    Data {
        /// What is in it.
        report: Box<DataReport>,
    },
    /// Texts for a language model are read.
    Texts {
        /// What is in them.
        report: Box<LmReport>,
    },
    /// A run began.
    Started {
        /// Its name.
        run: RunId,
        /// It trains an adapter, which can be taken home alone.
        has_adapter: bool,
        /// Labels that it tells apart; 0 for a language model.
        num_labels: usize,
        /// What runs, as the text of its job file: the page only hands it on.
        job: String,
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
        rows: Vec<RowPrediction>,
        /// What makes these answers worthless, if anything does.
        warnings: Vec<String>,
    },
    /// A split's texts were measured.
    EvaluatedTexts {
        /// Which weights.
        weights: Weights,
        /// Which texts.
        split: Split,
        /// Of next tokens.
        tokens: LmEvaluation,
        /// Of what was written, if anything was.
        texts: Option<TextEvaluation>,
        /// What was written.
        samples: Vec<TextSample>,
    },
    /// The general text was measured; with what there is to say about how it was read.
    EvaluatedGeneral(LmEvaluation, Option<String>),
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
    },
    /// Probabilities in the order of the labels.
    Predicted {
        /// The labels.
        labels: Vec<String>,
        /// A row per text, before training.
        base: Vec<Vec<f32>>,
        /// A row per text, after training; empty before a run.
        tuned: Vec<Vec<f32>>,
        /// Tokens that the model reads of a text.
        max_tokens: usize,
        /// Indices of texts that are longer, and were cut.
        cut: Vec<usize>,
        /// What makes these answers worthless, if anything does.
        warnings: Vec<String>,
    },
    /// A zip.
    Exported {
        /// Index of its blob.
        blob: usize,
    },
    /// Memory figures.
    Memory {
        /// The figures.
        memory: MemoryReport,
    },
    /// Nothing to say but that it was done.
    Done,
}

/// What kind of thing went wrong, so that the page can offer the right way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A file, a column or a row.
    Data,
    /// config.json, weights or tokenizer.
    Model,
    /// A setting.
    Config,
    /// Fetching over the network.
    Network,
    /// Disk full, quota, no permission.
    Storage,
    /// The GPU: lost, out of memory, a shader that does not compile, wrong arithmetic.
    Device,
    /// The loss is not a number.
    Diverged,
    /// A mistake in Hone.
    Bug,
}

/// An error as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For the way out.
    pub kind: ProblemKind,
    /// What happened, and where.
    pub message: String,
    /// What to do.
    pub hint: String,
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
        /// Rows tokenised; of texts for a language model, bytes.
        done: usize,
        /// As many in all.
        total: usize,
    },
    /// A request to measure something is part done.
    EvaluationProgress {
        /// Rows measured.
        done: usize,
        /// Rows to measure.
        total: usize,
    },
    /// A checkpoint was written to disk, or could not be (the run goes on).
    CheckpointWritten {
        /// Optimizer steps taken.
        step: u32,
        /// What went wrong, if it did.
        problem: Option<Problem>,
    },
    /// The run, or the worker, can't go on.
    Failed {
        /// The run it happened in.
        run: Option<RunId>,
        /// What happened.
        problem: Problem,
    },
}
