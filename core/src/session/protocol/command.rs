//! What the worker is asked to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::{FromWorker, Reply};
use super::{NamedBlob, NearTo, PartFiles, ProjectFiles, ProjectState, Prompt, ToExplain, Weights, WriteAs};
use crate::config::{CopyMethod, ExportFormat, ModelChanges, ModelSource, ReadOptions, RowEdits, RunConfig};
use crate::data::{RowQuery, RowSource};
use crate::device_report::Backend;
use crate::event::Split;
use crate::generate::SamplingConfig;
use crate::task::{MeasuredRows, SliceBy, Task, TaskInput, Uncertainty};

/// What the worker is asked to do. Its name stands before its fields: if it stood among them, all of them would be read into a tree
/// first and out of that once more, and each type that a command holds would have a second reader in the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Load a model from files the person chose, or put an adapter on the loaded one. Reply: [`Reply::Model`].
    LoadModel {
        /// config.json, model.safetensors, tokenizer.json or vocab.txt, …; of an adapter its files, or a zip of them.
        files: Vec<NamedBlob>,
    },
    /// Guess which of some tasks a file is for. Reply: [`Reply::Task`].
    GuessTask {
        /// The beginning of the file: [`GUESS_BYTES`](crate::task::GUESS_BYTES), or all of a smaller one.
        file: NamedBlob,
        /// Those that it can be.
        tasks: Vec<Task>,
        /// The one that it is where its content does not tell.
        own: Task,
    },
    /// Read the data for a task: with the tokens of the loaded model, or before there is one without. Progress comes as
    /// [`FromWorker::ReadProgress`]. Reply: [`Reply::Data`]; [`Reply::Done`] where the reading was ended before, and what
    /// was read before it stays.
    LoadData {
        /// What the rows are for. Once they are read the loaded model is used for it.
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
    /// Read the loaded files again, for another task or with other options. Progress and reply as of `LoadData`.
    RereadData {
        /// What the rows are for.
        task: Task,
        /// How to read them.
        read: ReadOptions,
        /// For the split and the length report.
        run: RunConfig,
    },
    /// End the reading that goes on, the answering of many inputs, or the explaining of one. Reply: [`Reply::Done`]; then that of the
    /// command that has rows read, answered or explained.
    CancelReading,
    /// Look through the rows that were read. Reply: [`Reply::Rows`].
    RowsWindow {
        /// How the files are taken apart.
        source: RowSource,
        /// Which rows.
        query: RowQuery,
        /// Edits that hold from now on; `None` where they are as they were.
        edits: Option<RowEdits>,
    },
    /// Write a file with the edits of its rows made. Reply: [`Reply::Cleaned`], with one blob.
    CleanFile {
        /// Which file.
        file: Split,
        /// How the files are taken apart; `None` of images, whose labels are written as a table that is put beside them.
        source: Option<RowSource>,
        /// How they are read, with the edits.
        read: ReadOptions,
        /// Only the rows of this split; `None` writes all of the file.
        split: Option<Split>,
    },
    /// Look through the rows that were read for what may be wrong with them. That goes on between other commands, waits while a run
    /// goes on, and ends where rows are read anew or another search is asked for. Progress comes as
    /// [`FromWorker::FindingProgress`]. Reply: [`Reply::Findings`]; [`Reply::Done`] where it was ended before.
    SeekFindings,
    /// The rows of a finding. Reply: [`Reply::Rows`], with their ids alone; [`Reply::Done`] where other rows were read since.
    RowsOfFinding {
        /// Its place among those that were found last.
        finding: usize,
    },
    /// Say what the action of a finding does. Nothing is changed. Reply: [`Reply::Mended`]; [`Reply::Done`] where other rows were
    /// read since.
    MendFinding {
        /// Its place among those that were found last.
        finding: usize,
        /// How the files are taken apart; `None` where their rows can't be looked through.
        source: Option<RowSource>,
        /// The edits of rows that hold.
        edits: RowEdits,
    },
    /// Start a run. The making of copies of its rows is told as [`FromWorker::ReadProgress`], and [`Command::CancelReading`] ends it.
    /// Reply: [`Reply::Started`]; then events. [`Reply::Refused`] where it is not started and a run before is still loaded;
    /// [`Reply::Done`] where it was ended before, and all is as it was.
    Train {
        /// Its number on the page.
        number: u32,
        /// The settings.
        run: RunConfig,
        /// What is changed of the model before, from its files as they were loaded.
        changes: ModelChanges,
        /// What the page wants back when it goes on with the run after a reload: kept as it is.
        page: String,
    },
    /// Say what a run of the loaded model and rows would cost. The first time for a method, two steps are timed, and dropped.
    /// Reply: [`Reply::Estimated`]; [`Reply::Done`] where something else is asked for before the copies of its rows are made: then it
    /// is asked for once more.
    Estimate {
        /// The settings.
        run: RunConfig,
    },
    /// Raise the learning rate from step to step and see how the loss moves. The weights that the steps leave are dropped, and so is
    /// a run that is loaded. Progress comes as [`FromWorker::EvaluationProgress`], `StopLearningLabels` ends it with what there is.
    /// Reply: [`Reply::LearningRates`]; [`Reply::Refused`] where the settings are, and the run is still loaded.
    FindLearningRate {
        /// The settings.
        run: RunConfig,
        /// What is changed of the model before.
        changes: ModelChanges,
    },
    /// List the runs that are kept in the browser's storage. Reply: [`Reply::Runs`].
    ListRuns,
    /// Load model, rows and weights of a kept run, and go on with it. Progress comes as of `FetchModel` and `LoadData`.
    /// Reply: [`Reply::Opened`], with a blob for each file of rows; then the events of the run up to its checkpoint, as they
    /// came the first time, and its [`FromWorker::CheckpointWritten`]; then those that follow, if it is not over.
    /// [`Reply::Refused`] where what was loaded before still is.
    OpenRun {
        /// Which.
        id: String,
        /// How often each of its batches is cut into twice as many parts, where it goes on: as often as the device had too
        /// little memory for it since it was saved.
        cuts: u32,
    },
    /// Delete a kept run. Reply: [`Reply::Done`].
    DropRun {
        /// Which.
        id: String,
    },
    /// Note what the person writes about a kept run, in the place of what was noted before. Reply: [`Reply::Done`].
    NoteRun {
        /// Which.
        id: String,
        /// Their words.
        note: String,
    },
    /// List the projects that are kept in the browser's storage; runs that belong to none are put into projects made of them.
    /// Reply: [`Reply::Projects`].
    ListProjects,
    /// Keep a project as it stands, in the place of what was kept of it. Runs that are started from now on are its. Reply:
    /// [`Reply::Done`].
    KeepProject {
        /// How it stands.
        state: ProjectState,
        /// Its rows; `None` where they are those that are kept of it.
        files: Option<ProjectFiles>,
    },
    /// Open a project, and leave the one that is open. Reply: [`Reply::Project`], with a blob for each file of rows.
    OpenProject {
        /// Which.
        id: String,
    },
    /// Leave the project that is open: runs that are started from now on are of none. Reply: [`Reply::Done`].
    CloseProject,
    /// Give a project another name. Reply: [`Reply::Done`].
    NameProject {
        /// Which.
        id: String,
        /// The name.
        name: String,
    },
    /// Keep a copy of a project: rows, how they are read and recipe, without its runs. Reply: [`Reply::Done`].
    DuplicateProject {
        /// Which.
        id: String,
        /// Name of the copy.
        name: String,
    },
    /// Delete a project with its runs. Reply: [`Reply::Done`].
    DropProject {
        /// Which.
        id: String,
    },
    /// List the models that are kept in the browser's storage. Reply: [`Reply::Models`].
    ListModels,
    /// Delete the files of a kept model. Reply: [`Reply::Done`].
    DropModel {
        /// What stands for the address that it came from.
        address: String,
        /// `owner/name`.
        id: String,
        /// Branch, tag or commit.
        revision: String,
    },
    /// Put a kept run with all that it needs into a project file. Reply: [`Reply::Exported`], with its parts as blobs.
    SaveProject {
        /// Which.
        id: String,
    },
    /// Put a kept project with all of its runs into a project file. Reply: [`Reply::Exported`], with its parts as blobs.
    PackProject {
        /// Which.
        id: String,
        /// Id of the run that is taken where nobody chooses: the best. `None` takes the last.
        best: Option<String>,
    },
    /// Keep the runs of a project file. Reply: [`Reply::Imported`]; then they can be opened as any other.
    ImportProject {
        /// The project file, by its index among the files that travel beside the message unread.
        file: NamedBlob,
        /// Number on the page of the first run; the others are counted on from it.
        number: u32,
    },
    /// Load the model of a kept project, whose files are the person's own and kept with it. Reply: [`Reply::Model`].
    LoadKeptModel {
        /// Id of the project.
        project: String,
    },
    /// Read the rows of several tasks and start a run that learns them at once. Progress of the reading comes as
    /// [`FromWorker::ReadProgress`]. Reply: [`Reply::Started`], then events; [`Reply::Done`] where the reading was ended
    /// before: then there is no run, nor the one before.
    TrainParts {
        /// Its number on the page.
        number: u32,
        /// The tasks; the model is used for the first from now on.
        parts: Vec<PartFiles>,
        /// The settings.
        run: RunConfig,
        /// What is changed of the model before.
        changes: ModelChanges,
        /// What the page wants back when it goes on with the run after a reload: kept as it is.
        page: String,
    },
    /// Hold after the micro-batch in flight, and save the run. Reply: [`Reply::Done`] as soon as it holds.
    Pause,
    /// Go on. Reply: [`Reply::Done`].
    Resume,
    /// End the run. Reply: [`Reply::Done`]; then [`crate::event::TrainEvent::Finished`].
    Stop {
        /// Hand back the best weights rather than the last.
        keep_best: bool,
    },
    /// Measure a split and, where the model writes, what it writes after the split's first prompts, as its generation_config.json says.
    /// Progress comes as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::Evaluated`].
    Evaluate {
        /// Which weights.
        weights: Weights,
        /// Which rows.
        split: Split,
        /// Prompts that are written on from; 0 measures the rows only.
        num_prompts: usize,
    },
    /// Read the rows of several tasks and measure a split of them with the model before training, while there is no run.
    /// Progress comes as [`FromWorker::ReadProgress`], then as [`FromWorker::EvaluationProgress`]. Reply:
    /// [`Reply::Evaluated`]; [`Reply::Done`] where the reading was ended before.
    EvaluateParts {
        /// The tasks.
        parts: Vec<PartFiles>,
        /// For the splits, and the heads that such a run begins with.
        run: RunConfig,
        /// Which rows.
        split: Split,
    },
    /// Measure what labels can be told without training, on rows of a split. Progress comes as
    /// [`FromWorker::EvaluationProgress`]. Reply: [`Reply::FewShot`].
    FewShot {
        /// Which rows.
        split: Split,
    },
    /// Measure in seconds what can be told without training, on rows of a split, or where it has none on training rows in folds. Progress
    /// comes as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::QuickBaseline`]; [`Reply::Done`] where it was ended before.
    QuickBaseline {
        /// Which rows.
        split: Split,
    },
    /// Look through the rows of all splits for labels that may be wrong, or through those that the run did not learn from. Progress comes
    /// as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::LabelErrors`]; [`Reply::Done`] where it was ended before.
    FindLabelErrors {
        /// Folds whose rows tell each other's labels; `None` takes what the run says of its own validation and test rows.
        num_folds: Option<usize>,
    },
    /// End what learns of labels, of the two commands before, or the test of learning rates. Reply: [`Reply::Done`]; then that of the
    /// command.
    StopLearningLabels,
    /// Put images into one file, which is read as if it had been dropped: a zip with a folder for each class. Reply:
    /// [`Reply::Packed`], with the zip as a file of the browser's.
    PackImages {
        /// The images, under their paths (`circle/1.png`).
        files: Vec<NamedBlob>,
    },
    /// The files of images among the rows that were read. Reply: [`Reply::Images`], with a blob for each.
    RowImages {
        /// Split, and place of the row in it.
        rows: Vec<(Split, usize)>,
    },
    /// The files of images in rows of the training file, whether these have labels or not. Reply: [`Reply::Images`], with a blob for each.
    ImagesOfFile {
        /// The numbers of the rows.
        rows: Vec<usize>,
    },
    /// Training rows as they are trained on with a seed. Reply: [`Reply::Images`], PNG files.
    PreviewAugmentation {
        /// Places in the training split.
        rows: Vec<usize>,
        /// Another one draws anew.
        seed: u64,
        /// The settings.
        run: RunConfig,
    },
    /// What augmentation would make of some training texts. Reply: [`Reply::AugmentedTexts`].
    PreviewAugmentedTexts {
        /// Which of the rows that have copies comes first.
        first: usize,
        /// How many rows.
        count: usize,
        /// The settings.
        run: RunConfig,
    },
    /// Have the loaded model make copies of the training rows. Progress comes as of [`Command::LabelFile`], in copies; what was made
    /// until it is ended stays. Reply: [`Reply::CopiesMade`].
    MakeCopies {
        /// How.
        method: CopyMethod,
        /// How many, with how many other words, and the seed.
        run: RunConfig,
    },
    /// Answers to inputs, base beside tuned (tuned only after a run). Reply: [`Reply::Predicted`].
    Predict {
        /// The inputs.
        inputs: Vec<TaskInput>,
        /// Their images, one an input; none where inputs are texts.
        images: Vec<NamedBlob>,
        /// Which of a run's several tasks answers; `None` where there is one.
        part: Option<String>,
    },
    /// Look at a file of inputs: which columns it has, and which are read. Reply: [`Reply::Inputs`].
    LookAtInputs {
        /// The file.
        file: NamedBlob,
        /// How it is to be read; what is `None` is as of the rows that were learned from, else guessed.
        read: ReadOptions,
        /// Which of a run's several tasks answers; `None` where there is one.
        part: Option<String>,
    },
    /// Answer all inputs of a file with the trained model, or with the one before training where there is no run. Progress comes as
    /// [`FromWorker::EvaluationProgress`], and [`Command::CancelReading`] ends it. Reply:
    /// [`Reply::Labeled`], with one blob; [`Reply::Done`] where it was ended before.
    LabelFile {
        /// The file of rows; of images one zip, or each of them.
        files: Vec<NamedBlob>,
        /// How rows are to be read, as of [`Command::LookAtInputs`].
        read: ReadOptions,
        /// Which of a run's several tasks answers; `None` where there is one.
        part: Option<String>,
        /// Thresholds that the person chose, as of [`Command::Export`].
        thresholds: BTreeMap<String, f64>,
        /// How texts are written; `None` of models that do not write.
        write_as: Option<WriteAs>,
    },
    /// Put the rows of the training file that have no label in the order in which they are best labeled: those that the trained model is
    /// least sure of first, else rows that have little in common (of images, paths). Progress and end as of [`Command::LabelFile`]. Reply:
    /// [`Reply::Ranked`]; [`Reply::Done`] where it was ended before.
    RankUnlabeled {
        /// How the files are taken apart; `None` of images, which are those that were read last.
        source: Option<RowSource>,
        /// The edits of rows that hold.
        edits: RowEdits,
        /// By what it is told how unsure a model is.
        by: Uncertainty,
        /// Another one draws otherwise.
        seed: u64,
    },
    /// Add an empty column for labels to a file that has none. Reply: [`Reply::Cleaned`], with one blob.
    AddLabelColumn {
        /// The file.
        file: NamedBlob,
        /// How it is read.
        read: ReadOptions,
    },
    /// Say by which columns rows that were measured can be taken apart, and compare parts of them. Reply: [`Reply::Sliced`].
    Slice {
        /// The split that they are of.
        split: Split,
        /// The rows.
        measured: MeasuredRows,
        /// By what they are taken apart; none asks for the columns alone.
        by: Vec<SliceBy>,
        /// Of which of a run's several tasks they are; `None` where there is one.
        part: Option<String>,
    },
    /// Ask about texts again with words swapped. Progress and end as of [`Command::LabelFile`]. Reply: [`Reply::Swapped`].
    SwapWords {
        /// The texts.
        inputs: Vec<TaskInput>,
        /// Pairs as they were typed: `he=she`, `pronouns`.
        pairs: Vec<String>,
        /// Which of a run's several tasks answers; `None` where there is one.
        part: Option<String>,
    },
    /// Say what each word of a text adds to a score. Progress and end as of [`Command::LabelFile`]. Reply: [`Reply::Explained`].
    Explain(ToExplain),
    /// Find the training rows that are most like a text. Progress and end as of [`Command::LabelFile`]. Reply:
    /// [`Reply::NearestRows`].
    FindNearestRows(NearTo),
    /// Find the rows whose texts are most like a text. Reply: [`Reply::Nearest`].
    FindNearest {
        /// The text.
        text: String,
    },
    /// Measure a model that writes on a text that has nothing to do with its task, to see what it forgets. Progress comes
    /// as [`FromWorker::EvaluationProgress`]. Reply: [`Reply::EvaluatedGeneral`].
    EvaluateGeneral {
        /// Which weights.
        weights: Weights,
        /// The person's own text; `None` takes a bundled one.
        text: Option<NamedBlob>,
    },
    /// Write on from a prompt. Text comes as [`FromWorker::Generated`], with beams once they have been searched: until then
    /// the pieces are empty. Reply: [`Reply::Generated`].
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
    /// The tuned model as a zip. Reply: [`Reply::Exported`], with its parts as blobs.
    Export {
        /// A whole model, or an adapter alone.
        format: ExportFormat,
        /// Thresholds that the person chose, which leave with the model: see `Session::choose_thresholds`.
        thresholds: BTreeMap<String, f64>,
        /// The zip is opened again, and its answers compared with those of the model in memory.
        is_verified: bool,
    },
    /// Say what is known of the run that is over: the page makes its report and its log. Reply: [`Reply::Recorded`], with one blob.
    Report,
    /// Take the trained model, adapters added to its weights, for the loaded one, so that another run can go on from it.
    /// The rows are dropped. Reply: [`Reply::Model`].
    ContinueFromRun,
    /// Memory figures. Reply: [`Reply::Memory`].
    Memory,
    /// Destroy the GPU device, to rehearse its loss. Reply: [`Reply::Done`].
    LoseDevice,
    /// Panic, to rehearse a mistake in Hone. No reply: [`FromWorker::Failed`].
    Panic,
    /// Ask for memory until there is none, to rehearse that. No reply: the worker ends without a word.
    ExhaustMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_its_name_before_its_fields() {
        for (command, expected) in [
            (Command::Stop { keep_best: true }, r#"{"stop":{"keep_best":true}}"#),
            (Command::ListRuns, r#""list_runs""#),
        ] {
            let json = serde_json::to_string(&command).expect("plain values");
            assert_eq!(json, expected);
            let read: Command = serde_json::from_slice(json.as_bytes()).expect("its own JSON");
            assert_eq!(serde_json::to_string(&read).expect("plain values"), json);
        }
    }
}
