//! What a run is. [`RunDraft`] is what a person typed; [`RunDraft::resolve`] turns it into a checked [`RunConfig`] or
//! says everything that is wrong with it at once. A [`Job`] is a `RunConfig` with the model's name and the way the
//! data is read: the `hone.json` that the page exports and `hone train --job` runs.

mod augmentation;
mod changes;
mod check;
mod check_techniques;
mod copy_method;
mod draft;
mod encoding;
mod job;
mod lora;
mod made_copies;
mod parts;
mod prompt_format;
mod read;
mod row_edits;
mod run;
mod setting;
mod settings;
mod sharing;
mod split;
mod techniques;
mod text_cleaning;
mod word_pairs;

pub use augmentation::{AugmentKind, TextAugmentation};
pub use changes::ModelChanges;
pub use check::TaskSettings;
pub use copy_method::{CopyMethod, Translation};
pub use draft::{ConfigProblem, RunDraft};
pub use encoding::Encoding;
pub use job::{DataHashes, JOB_FILE, Job, JobError, ModelSource, TEMPERATURE, UNSURE_BELOW};
pub use lora::LoraConfig;
pub use made_copies::{MadeCopies, MadeCopy};
pub use parts::{JobPart, check_part_names};
pub use prompt_format::{OwnFormat, PromptFormat, PromptFormatError};
pub(crate) use prompt_format::{alpaca_prompt, with_input_below};
pub use read::{DataShape, ReadOptions};
pub use row_edits::{EditedCell, EditedRow, RowEdit, RowEdits};
pub use run::{
    ClassWeights, Dtype, EvalStrategy, ExportFormat, Freeze, LrSchedulerType, Method, OnDivergence, Pooling, RunConfig,
    SplitConfig, TrainSamplingStrategy,
};
pub use setting::{Kind, Of, Setting};
pub use settings::{DEFAULT_TARGETS, LAST, SETTINGS, setting};
pub use sharing::{Fold, MAX_FOLDS, RowSharing};
pub use split::Split;
pub use techniques::{ClassSampling, Techniques};
pub use text_cleaning::TextCleaning;
pub use word_pairs::SwapPairs;
pub(crate) use word_pairs::{is_of_word, words_of};
