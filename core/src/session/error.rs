//! What can go wrong in a session, and what to do about it.

use super::protocol::{Problem, ProblemKind};
use crate::checkpoint::CheckpointError;
use crate::config::ConfigProblem;
use crate::data::DataError;
use crate::event::Split;
use crate::generate::GenerateError;
use crate::model::ModelError;
use crate::task::TaskError;
use crate::tokenizer::TokenizerError;
use crate::tokenizer::chat_template::ChatError;
use crate::train::TrainError;

const CORRECT_FILE: &str = "correct the file or choose other columns; nothing was lost";

/// What can go wrong in a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No model was loaded yet.
    #[error("no model is loaded")]
    NoModel,
    /// No data was loaded yet.
    #[error("no data is loaded")]
    NoData,
    /// No run was started yet.
    #[error("nothing has been trained")]
    NotTrained,
    /// An adapter was brought while there is a run.
    #[error("there is a run, and its weights answer: an adapter can't be put beside it")]
    AdapterBesideRun,
    /// An adapter was asked for and there is none.
    #[error("this run trained no adapter")]
    NoAdapter,
    /// An adapter alone was asked for, of a model that was changed before it was trained.
    #[error("the model was changed before it was trained: an adapter alone fits no model that there is elsewhere")]
    ChangedBase,
    /// One of several tasks.
    #[error("{name}: {source}")]
    Part {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: Box<SessionError>,
    },
    /// A task that is learned by itself.
    #[error("{task} can't be learned beside other tasks: it has no head of its own on a shared encoder")]
    OnlyAlone {
        /// Which.
        task: &'static str,
    },
    /// An answer was asked for, of a run of several tasks.
    #[error("this run has several tasks: say by the name of one which of them answers")]
    SeveralTasks,
    /// None of several tasks has this name.
    #[error("none of the run's tasks is called {name:?}: there are {known}")]
    NoPart {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// An adapter alone was asked for, which several tasks share.
    #[error("the tasks of this run share one adapter, which is written for none of them alone")]
    SharedAdapter,
    /// The split has no rows.
    #[error("the {split:?} split has no rows")]
    EmptySplit {
        /// Which.
        split: Split,
    },
    /// A setting does not fit the model.
    #[error("max_seq_length {asked} is more than the {limit} tokens that this model reads")]
    TooLong {
        /// What was asked.
        asked: u32,
        /// What the model reads.
        limit: usize,
    },
    /// A head whose scores mean something else to another task.
    #[error("this model's head is for {head} (config.json: problem_type): choose the task {}", .task.replace('_', "-"))]
    OtherHead {
        /// What it is for.
        head: &'static str,
        /// The task that it is for.
        task: &'static str,
    },
    /// A task that the architecture has no head for.
    #[error("this {model_type} model has no head for {task}; it can be used for {known}")]
    NoHeadFor {
        /// What the model is.
        model_type: &'static str,
        /// What was asked for.
        task: &'static str,
        /// What it has heads for.
        known: String,
    },
    /// Rows with labels that the weights in question do not know.
    #[error("the labels of the rows are not those of the model")]
    OtherLabels,
    /// Settings that can't be used, or that this run has no use for.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<ConfigProblem>),
    /// What was asked for is not what models of this task do.
    #[error("this {model_type} model {does}")]
    OtherTask {
        /// What the model is.
        model_type: &'static str,
        /// What it does instead.
        does: &'static str,
    },
    /// Vectors of rows were asked for.
    #[error("this {model_type} model makes no vector of a row")]
    NoVectors {
        /// What the model is.
        model_type: &'static str,
    },
    /// What speaks for an answer was asked for, where nothing can be told of it.
    #[error("answers of this {model_type} model are not explained by words: {reason}")]
    Unexplained {
        /// What the model is.
        model_type: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// Copies of rows were asked of a model that makes none in this way.
    #[error("this {model_type} model makes no copies of rows: {reason}")]
    NoCopies {
        /// What the model is.
        model_type: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// What speaks for an output was asked for that the model does not have.
    #[error("the model has no output {output}: it has {num_outputs}, counted from 0")]
    NoOutput {
        /// What was asked for.
        output: usize,
        /// How many there are.
        num_outputs: usize,
    },
    /// Something was asked for that only rows with one label each have.
    #[error("the rows do not have one label each, or are fewer than learn from each other")]
    NotLabeled,
    /// A general text of which nothing can be measured.
    #[error("the general text is empty, or too short to predict anything of it")]
    NoGeneralText,
    /// A conversation, and a model that knows none.
    #[error("this model has no chat template, so it can't be talked with")]
    NoChatTemplate,
    /// A chat template that can't be read.
    #[error("{0}")]
    BrokenTemplate(String),
    /// Rows or inputs that the task can't use.
    #[error(transparent)]
    Task(TaskError),
    /// A chat template.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// A text could not be written.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A data file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Model folder or checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The run.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl SessionError {
    /// Whether the device failed as one does that has too little memory.
    #[must_use]
    pub fn is_of_memory(&self) -> bool {
        matches!(self, Self::Train(error) if error.is_of_memory())
    }

    /// The error as the page shows it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (kind, hint) = match self {
            Self::NoModel => (ProblemKind::Model, "choose a model first"),
            Self::NoData => (ProblemKind::Data, "choose a data file first"),
            Self::NotTrained => (ProblemKind::Config, "start a run first"),
            Self::AdapterBesideRun => {
                (ProblemKind::Config, "load the model again, which drops the run, and then the adapter")
            }
            Self::NoAdapter => (ProblemKind::Config, "export the merged model, or train with the method lora"),
            Self::ChangedBase => (ProblemKind::Config, "export the merged model"),
            Self::Part { source, .. } => {
                return Problem { message: self.to_string(), ..source.problem() };
            }
            Self::OnlyAlone { .. } => (ProblemKind::Config, "leave this task out, or run it alone"),
            Self::SeveralTasks | Self::NoPart { .. } => (ProblemKind::Config, "name one of the run's tasks"),
            Self::SharedAdapter => (ProblemKind::Config, "export merged models: one for each task, whole"),
            Self::EmptySplit { .. } => (ProblemKind::Data, "give a file for it, or set its share of rows above 0"),
            Self::TooLong { .. } => (ProblemKind::Config, "set max_seq_length to the model's limit or less"),
            Self::OtherLabels => {
                (ProblemKind::Data, "choose rows with the labels of the model, or start a run on these")
            }
            Self::Settings(_) => (ProblemKind::Config, "correct these settings, or leave them out"),
            Self::Data(DataError::NoTemplateForFormat) => {
                (ProblemKind::Config, "choose another way to join prompts and answers, or a model with a chat template")
            }
            Self::OtherHead { .. } => (ProblemKind::Config, "choose that task, or a model for this one"),
            Self::NoHeadFor { .. } => (ProblemKind::Config, "choose another task, or another model"),
            Self::OtherTask { .. } => (ProblemKind::Config, "choose a model of the other kind"),
            Self::NoVectors { .. } => (ProblemKind::Model, "choose an encoder of texts, or a model that reads images"),
            Self::Unexplained { .. } => {
                (ProblemKind::Config, "choose a model that labels texts or predicts numbers of them")
            }
            Self::NoCopies { .. } => (ProblemKind::Model, "choose a model that does, such as a base with its own head"),
            Self::NoOutput { .. } => (ProblemKind::Config, "choose one of its labels or numbers"),
            Self::NotLabeled => (ProblemKind::Data, "choose labeled rows, a few of them at least, or another task"),
            Self::NoGeneralText => (ProblemKind::Data, "choose a text of a few sentences or more"),
            Self::Task(error) => of_task(error),
            Self::NoChatTemplate => {
                (ProblemKind::Model, "give it a text to write on from, or choose an instruction-tuned model")
            }
            Self::Chat(_) | Self::BrokenTemplate(_) => {
                (ProblemKind::Model, "choose a model whose chat template works, or data without turns")
            }
            Self::Generate(GenerateError::Device(_)) => {
                (ProblemKind::Device, "restart, then load the model and the rows again; the settings are kept")
            }
            Self::Generate(_) => (ProblemKind::Config, "change the prompt or the settings of generation"),
            Self::Data(_) => (ProblemKind::Data, CORRECT_FILE),
            Self::Tokenizer(_) => (ProblemKind::Model, "choose the tokenizer files that belong to this model"),
            Self::Checkpoint(CheckpointError::Device(_))
            | Self::Train(TrainError::Device(_) | TrainError::Generate(GenerateError::Device(_))) => {
                (ProblemKind::Device, "restart, then load the model and the rows again; the settings are kept")
            }
            Self::Checkpoint(CheckpointError::Change { .. }) => {
                (ProblemKind::Config, "change this wish, or leave the model as it is")
            }
            Self::Checkpoint(CheckpointError::Tokenizer(TokenizerError::Word { .. } | TokenizerError::Gaps)) => {
                (ProblemKind::Config, "leave these words out")
            }
            Self::Checkpoint(CheckpointError::Adapter { .. }) => {
                (ProblemKind::Model, "choose another adapter, or the base model that this one was made for")
            }
            Self::Checkpoint(CheckpointError::Read { .. })
            | Self::Train(TrainError::Checkpoint(CheckpointError::Read { .. })) => {
                (ProblemKind::Storage, "load the model again: its files were moved, changed or deleted meanwhile")
            }
            Self::Checkpoint(CheckpointError::Model(ModelError::Unsupported { .. })) => {
                (ProblemKind::Model, "choose a model of a kind that is supported")
            }
            Self::Checkpoint(CheckpointError::Model(ModelError::Field { .. })) => (
                ProblemKind::Model,
                "choose a model with another value there, or correct config.json where it does not tell what the model is",
            ),
            Self::Checkpoint(CheckpointError::Quantized { .. }) => {
                (ProblemKind::Model, "choose weights in f32, f16 or bf16")
            }
            Self::Checkpoint(CheckpointError::ImageProcessor(_)) => (
                ProblemKind::Model,
                "correct preprocessor_config.json, which says how images are prepared, or choose another model",
            ),
            Self::Checkpoint(_) | Self::Train(TrainError::Checkpoint(_)) => (
                ProblemKind::Model,
                "choose config.json, model.safetensors and the tokenizer of one and the same model",
            ),
            Self::Train(TrainError::Diverged { .. } | TrainError::Spike { .. } | TrainError::NotFinite { .. }) => {
                (ProblemKind::Diverged, "lower the learning rate or raise the warm-up, then start again")
            }
            Self::Train(TrainError::NoTargets { .. }) => {
                (ProblemKind::Config, "name modules that this model has, or leave the names to the default")
            }
            Self::Train(TrainError::Generate(_)) => {
                (ProblemKind::Diverged, "lower the learning rate or raise the warm-up, then start again")
            }
            Self::Train(TrainError::Tokenizer(_)) => {
                (ProblemKind::Model, "choose the tokenizer files that belong to this model")
            }
            Self::Train(TrainError::NoDtype { .. }) => {
                (ProblemKind::Config, "choose a dtype that the device has; every device has f32")
            }
            Self::Train(TrainError::UnknownFigure { .. }) => (ProblemKind::Config, "name one of the task's figures"),
            Self::Train(TrainError::NoHead) => (ProblemKind::Config, "choose another method"),
            Self::Train(TrainError::NoDropout { .. }) => (ProblemKind::Config, "set dropout, or rdrop_alpha to 0"),
            Self::Train(TrainError::NoRows) => (ProblemKind::Data, "choose a file with more rows"),
            Self::Train(TrainError::OtherRun { .. }) => {
                (ProblemKind::Config, "resume with the model, data and settings that the run began with")
            }
        };
        Problem { kind, message: self.to_string(), hint: hint.into() }
    }
}

/// Kind and remedy of what a task can't use.
fn of_task(error: &TaskError) -> (ProblemKind, &'static str) {
    match error {
        TaskError::Data(_) | TaskError::Rows(_) => (ProblemKind::Data, CORRECT_FILE),
        TaskError::Tokenizer(_) | TaskError::Row { .. } => {
            (ProblemKind::Model, "choose the tokenizer files that belong to this model")
        }
        TaskError::TooShort { .. } => (ProblemKind::Config, "raise max_seq_length"),
        TaskError::Setting { .. } => (ProblemKind::Config, "change this setting, or leave it out"),
        TaskError::Model(_) => (ProblemKind::Model, "choose another model, or other rows"),
        TaskError::Input { .. } => (ProblemKind::Data, "change this input"),
        TaskError::NoAnswer(_) => (ProblemKind::Config, "choose a model of the other kind"),
    }
}

/// Errors of data and tokenizer read the same, whichever task found them.
impl From<TaskError> for SessionError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Data(error) => Self::Data(error),
            TaskError::Tokenizer(error) => Self::Tokenizer(error),
            other => Self::Task(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::ImageError;

    #[test]
    fn of_how_images_are_prepared_the_hint_names_the_file_that_says_it() {
        let error = ImageError::NoProcessor { model_type: "swin".into() };
        let problem = SessionError::Checkpoint(CheckpointError::ImageProcessor(error)).problem();
        assert!(problem.hint.contains("preprocessor_config.json"), "{}", problem.hint);
    }
}
