//! Rows of labeled texts as a task has them. In: what a room knows of its labels ([`LabeledTexts`]). Out: its
//! [`TaskData`] and [`FindingRows`], of which [`TextData`] answers all that has to do with texts alone.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;

use super::texts::{PreparedTexts, TextData};
use super::{DataReport, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows};
use crate::config::{ReadOptions, RunConfig};
use crate::data::Augmented;
use crate::data::findings::{FindingRow, FindingRows, LabelKind};

/// What a room says of its rows, beside what all rows of texts have in common.
pub(super) trait LabeledTexts: Debug + 'static {
    /// The label of a row.
    type Label: Clone + 'static;

    /// Which task.
    const TASK: Task;

    /// What its labels are to the search for findings.
    const LABELS_ARE: LabelKind;

    /// The rows.
    fn texts(&self) -> &TextData<Self::Label>;

    /// The rows, to tokenise them.
    fn texts_mut(&mut self) -> &mut TextData<Self::Label>;

    /// Names of the outputs in the order of their ids.
    fn label_names(&self) -> &[String];

    /// Fills the columns of the labels into the options that read the rows; `read` has those of the texts.
    fn fill_in_labels(&self, read: ReadOptions) -> ReadOptions;

    /// As [`TaskData::adopt_labels`].
    fn number_labels_as(&mut self, known: &[String]);

    /// As [`TaskData::report`].
    fn make_report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> DataReport;

    /// Refuses rows of which nothing can be learned.
    ///
    /// # Errors
    /// Says why.
    fn check_to_prepare(&self) -> Result<(), TaskError> {
        Ok(())
    }

    /// The rows for a run.
    fn make_rows(&self, texts: PreparedTexts<Self::Label>, run: &RunConfig) -> Box<dyn TaskRows>;

    /// A row's label in words: one for each label that it has.
    fn spell_label<'a>(&'a self, label: &'a Self::Label) -> Vec<Cow<'a, str>>;
}

impl<T: LabeledTexts> TaskData for T {
    fn task(&self) -> Task {
        T::TASK
    }

    fn labels(&self) -> &[String] {
        self.label_names()
    }

    fn num_rows(&self) -> [usize; 3] {
        self.texts().num_rows()
    }

    fn places(&self) -> RowPlaces {
        self.texts().places()
    }

    fn read_options(&self) -> ReadOptions {
        self.fill_in_labels(self.texts().read_options())
    }

    fn adopt_labels(&mut self, known: &[String]) {
        self.number_labels_as(known);
    }

    fn adopt_tokens(&mut self, before: &dyn TaskData, model: &TaskModel<'_>, run: &RunConfig) {
        if let Some(before) = before.as_any().downcast_ref::<T>() {
            self.texts_mut().adopt_tokens(before.texts(), model.limit(run));
        }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        self.texts_mut().encode_part(model, run)
    }

    fn progress(&self) -> (usize, usize) {
        self.texts().progress()
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        Ok(self.make_report(model, run))
    }

    fn sample_texts(&self) -> Vec<&str> {
        self.texts().sample_texts()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        self.check_to_prepare()?;
        Ok(self.make_rows(self.texts().prepare(model, run)?, run))
    }

    fn prepare_to_train(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        self.check_to_prepare()?;
        Ok(self.make_rows(self.texts().prepare_to_train(model, run)?, run))
    }

    fn prepare_part(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Option<(usize, usize)>, TaskError> {
        self.texts().prepare_part(model, run)
    }

    fn augment(&self, run: &RunConfig, max_rows: usize) -> Option<Augmented> {
        Some(self.texts().augment(run, max_rows))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<T: LabeledTexts> FindingRows for T {
    fn labels_are(&self) -> LabelKind {
        T::LABELS_ARE
    }

    fn has_own_file(&self) -> [bool; 2] {
        self.texts().summary.has_own_file
    }

    fn sizes(&self) -> [usize; 3] {
        self.texts().num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        self.texts().finding_row(split, index, |label| self.spell_label(label))
    }
}
