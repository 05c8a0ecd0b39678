//! What a room is asked, and what it gives: requests to read rows and to answer inputs, and the traits of rows that were read
//! ([`TaskData`]), of rows for a run ([`TaskRows`]), of measuring ([`Measure`]) and of answering ([`Predictor`]).

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{
    AddedRows, DataReport, Evaluation, Prediction, PromptRow, RowPredictions, Task, TaskError, TaskModel, several,
};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{Finding, FindingRows, LabelRows};
use crate::data::{Augmented, DataFiles, HostBatch, Outputs, Split, UnlabeledRow};

/// What rows are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be trained on; training, validation and test rows.
    Train,
    /// To measure a model that is trained already: all rows are in [`Split::Train`], and labels are the model's.
    Measure,
}

/// Rows to be read.
#[derive(Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The files. Rows that are large keep them, rather than a copy of what is in them.
    pub files: &'a Rc<DataFiles>,
    /// How a person wants them read; what is `None` is guessed.
    pub read: &'a ReadOptions,
    /// The seed and the shares of the split.
    pub run: &'a RunConfig,
    /// Labels that the model tells apart; none where it has no head for this task.
    pub known_labels: &'a [String],
    /// What for.
    pub purpose: Purpose,
    /// The model; `None` before there is one.
    pub model: Option<TaskModel<'a>>,
}

impl<'a> ReadRequest<'a> {
    /// Rows to train on, before there is a model.
    #[must_use]
    pub fn to_train(files: &'a Rc<DataFiles>, read: &'a ReadOptions, run: &'a RunConfig) -> Self {
        Self { files, read, run, known_labels: &[], purpose: Purpose::Train, model: None }
    }
}

/// Inputs that a person typed or a file holds, to be answered.
#[derive(Clone, Copy)]
pub struct PredictRequest<'a> {
    /// The inputs.
    pub inputs: &'a [TaskInput],
    /// Names of the model's outputs.
    pub labels: &'a [String],
    /// The model.
    pub model: TaskModel<'a>,
    /// Settings in force: how long an input may be.
    pub run: &'a RunConfig,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskInput {
    /// The text; of a pair the first, of a question the question.
    pub text: String,
    /// The second text of a pair; the context of a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The bytes of an image's file, whose name `text` is. They travel beside a message.
    #[serde(skip)]
    pub image: Option<Vec<u8>>,
}

/// Of training, validation and test: the number of each row in its file, and its tokens where those are known.
pub type RowPlaces = [Vec<(usize, Option<usize>)>; 3];

/// Rows of one task as read, and as tokens once they were made.
pub trait TaskData: Debug {
    /// Which task.
    fn task(&self) -> Task;

    /// Names of the outputs in the order of their ids; none where the task has none.
    fn labels(&self) -> &[String];

    /// Rows of training, validation and test, as read.
    fn num_rows(&self) -> [usize; 3];

    /// The options that read the rows, with what was guessed filled in, so that a job says it.
    fn read_options(&self) -> ReadOptions;

    /// Numbers the labels as a model does that knows them all; else changes nothing.
    fn adopt_labels(&mut self, _known: &[String]) {}

    /// Takes over the tokens of rows that `before` has too.
    fn adopt_tokens(&mut self, _before: &dyn TaskData, _model: &TaskModel<'_>, _run: &RunConfig) {}

    /// Tokenises some tens of kilobytes; `false` once nothing is left.
    ///
    /// # Errors
    /// When the tokenizer fails on a row.
    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError>;

    /// How much was tokenised, and how much there is in all (rows, or bytes where a row may be a whole file).
    fn progress(&self) -> (usize, usize);

    /// What is in the rows; lengths only after they were tokenised.
    ///
    /// # Errors
    /// When the tokenizer can't decode what it encoded.
    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError>;

    /// The numbers of the rows of training, validation and test in their files, in order, each with its tokens where those are
    /// known; none where rows can't be looked through in a table.
    fn places(&self) -> RowPlaces {
        RowPlaces::default()
    }

    /// Some texts of the rows, to guess their language from.
    fn sample_texts(&self) -> Vec<&str>;

    /// The rows as findings are sought in them ([`FindingSearch`](super::FindingSearch)); `None` where rows are no texts.
    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        None
    }

    /// Decodes some images without a model, so that what stands twice among them is known; `false` once nothing is left. Of texts
    /// there is nothing to do.
    ///
    /// # Errors
    /// When all images fail as a whole; one that can't be decoded is a bad row.
    fn look_part(&mut self) -> Result<bool, TaskError> {
        Ok(false)
    }

    /// What stands twice among images, with its rows; `None` before all of them are decoded, and where rows are no images.
    fn image_findings(&self) -> Option<Vec<Finding>> {
        None
    }

    /// Whether the validation rows, and the test rows, were given apart from the training rows: as a file, or as a folder in theirs.
    fn splits_are_given(&self) -> [bool; 2] {
        self.finding_rows().map_or([false; 2], |rows| rows.has_own_file())
    }

    /// The labels with their rows, the most frequent first, where rows are no texts and have one each; those of texts are counted in their
    /// [`Self::finding_rows`].
    fn label_rows(&self) -> Vec<LabelRows> {
        Vec::new()
    }

    /// The texts of the training rows that a person's own text is compared with, each once, with the number of its row;
    /// none where the task makes no vectors.
    fn texts_to_search(&self) -> Vec<(usize, &str)> {
        Vec::new()
    }

    /// Name and bytes of the file of a row's image, where rows are images; `index` counts the rows of the split.
    fn image(&self, _split: Split, _index: usize) -> Option<(String, Vec<u8>)> {
        None
    }

    /// The images of the training file that have no label, each with its path as its text; of texts none, which are found in their table
    /// ([`RowTable::unlabeled`](crate::data::RowTable::unlabeled)).
    fn unlabeled_images(&self) -> Vec<UnlabeledRow> {
        Vec::new()
    }

    /// Name and bytes of the image that a row of the training file has, by the number of the row, whether it has a label or not.
    fn image_of_row(&self, _row: usize) -> Option<(String, Vec<u8>)> {
        None
    }

    /// The labels of the images of the training file, with edits made, as JSON Lines that are read as a table beside them, and how many
    /// there are; `None` where rows are no images.
    fn labels_as_table(&self) -> Option<(Vec<u8>, usize)> {
        None
    }

    /// A training row's image as it is trained on with some seed, as a PNG; `None` where rows are no images.
    fn augmented(&self, _index: usize, _model: &TaskModel<'_>, _run: &RunConfig, _seed: u64) -> Option<Vec<u8>> {
        None
    }

    /// The rows for a run, or to be measured. Tokens are those that were made, where `run` cuts at the same length; else
    /// rows are tokenised now.
    ///
    /// # Errors
    /// When there is nothing to train on, or the tokenizer fails.
    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError>;

    /// As [`Self::prepare`], to be trained on: with the rows that augmentation adds, where the settings ask for any.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    fn prepare_to_train(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        self.prepare(model, run)
    }

    /// Makes some of what [`Self::prepare_to_train`] adds, which may take long: rows done, and rows in all; `None` once nothing is left.
    ///
    /// # Errors
    /// When the tokenizer fails.
    fn prepare_part(&self, _model: &TaskModel<'_>, _run: &RunConfig) -> Result<Option<(usize, usize)>, TaskError> {
        Ok(None)
    }

    /// What augmentation adds to the training rows with these settings; of more than `max_rows` to so many that are spread over all
    /// of them evenly. `None` where rows of the task are not augmented.
    fn augment(&self, _run: &RunConfig, _max_rows: usize) -> Option<Augmented> {
        None
    }

    /// For [`Self::adopt_tokens`], which knows its own kind.
    fn as_any(&self) -> &dyn Any;
}

/// Rows as a run trains on them and is measured on them. Cheap to ask, shared by reference counting inside.
pub trait TaskRows: Debug {
    /// Which task.
    fn task(&self) -> Task;

    /// Names of the outputs; none where the task has none.
    fn labels(&self) -> &[String];

    /// Rows of training, validation and test as a model gets them (of a long text several).
    fn num_rows(&self) -> [usize; 3];

    /// The same as they were read: of tasks that cut a row into windows, and without what augmentation added.
    fn num_read(&self) -> [usize; 3] {
        self.num_rows()
    }

    /// What augmentation added to the rows to train on, behind those that were read; `None` where the run has none.
    fn added(&self) -> Option<AddedRows> {
        None
    }

    /// Tokens of each row of a split.
    fn lengths(&self, split: Split) -> Vec<usize>;

    /// The rows at `indices` of a split, padded. What is random in a batch follows from `seed`, the same for the same
    /// seed; an evaluation gives `None` and gets the same batch each time.
    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch;

    /// The same batch for whoever needs no inputs of rows that are fixed: these may be empty.
    fn targets(&self, split: Split, indices: &[usize]) -> HostBatch {
        self.batch(split, indices, None)
    }

    /// As [`TaskData::image`].
    fn image(&self, _split: Split, _index: usize) -> Option<(String, Vec<u8>)> {
        None
    }

    /// Whether a row gives the same inputs in every batch: then what a frozen backbone makes of it is computed once.
    fn is_fixed(&self) -> bool {
        false
    }

    /// Bytes of what is held of the rows, apart from their files: of a token four.
    fn held_bytes(&self) -> u64 {
        let of_split = |split| self.lengths(split).into_iter().sum::<usize>() as u64;
        4 * [Split::Train, Split::Valid, Split::Test].map(of_split).iter().sum::<u64>()
    }

    /// SHA-256 over the tokens to train on and what is to be learned of them, in order: ties a checkpoint to its data.
    fn fingerprint(&self) -> String;

    /// Number of a row in its file.
    fn row_number(&self, split: Split, index: usize) -> usize;

    /// Starts to measure a split.
    fn measure(&self, split: Split) -> Box<dyn Measure>;

    /// Thresholds that follow from the rows alone, before anything is measured.
    fn thresholds(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// Label id of each row of a split as it was read, where each has one.
    fn label_ids(&self, _split: Split) -> Option<Vec<usize>> {
        None
    }

    /// Label id of each row to train on, those that augmentation added among them, where a row has one label: by which classes
    /// are evened out.
    fn classes_to_train(&self) -> Option<Vec<usize>> {
        self.label_ids(Split::Train)
    }

    /// The same as rows of several tasks, where they are that.
    fn as_several(&self) -> Option<&several::SeveralRows> {
        None
    }

    /// Prompts of a split, for tasks whose models write: what comes after them is compared with the rows.
    fn prompts(&self, _split: Split, _count: usize) -> Vec<PromptRow> {
        Vec::new()
    }
}

/// Sums over the rows of a split as they are measured.
pub trait Measure {
    /// From which probability on each label is given, before anything is added; for tasks with thresholds. Labels that
    /// are not named keep 0.5. Where one label is given: [`TEMPERATURE`](super::TEMPERATURE).
    fn set_thresholds(&mut self, _thresholds: &BTreeMap<String, f64>) {}

    /// Also measures what a person looks at and a run does not need: intervals of the figures, bins of probabilities. For tasks
    /// that have them.
    fn measure_in_full(&mut self) {}

    /// Adds the outputs of the batch of the rows at `indices`.
    ///
    /// # Errors
    /// The index of a row (of the split) whose output is not finite.
    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize>;

    /// The figures, and what was predicted for every row.
    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions);
}

/// Answers inputs, a batch at a time.
pub trait Predictor {
    /// From which probability on each label is given; for tasks with thresholds. Labels that are not named keep 0.5. Where one
    /// label is given: [`TEMPERATURE`](super::TEMPERATURE) and [`UNSURE_BELOW`](super::UNSURE_BELOW).
    fn set_thresholds(&mut self, _thresholds: &BTreeMap<String, f64>) {}

    /// The next batch; `None` once all inputs were given.
    fn next_batch(&mut self) -> Option<HostBatch>;

    /// Takes the outputs of that batch.
    ///
    /// # Errors
    /// The index of an input whose output is not finite.
    fn add(&mut self, outputs: &Outputs) -> Result<(), usize>;

    /// The answers, in the order of the inputs.
    fn finish(self: Box<Self>) -> Vec<Prediction>;

    /// Indices of inputs that are longer than the model reads, and were cut.
    fn cut_inputs(&self) -> &[usize];
}
