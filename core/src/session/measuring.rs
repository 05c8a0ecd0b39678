//! What a model measures and answers, with a run and without one: its labels, the length it reads, the columns it was
//! trained on.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::SessionError;
use super::model::{LoadedModel, describe, fits_problem, task_of_problem};
use super::protocol::Weights;
use super::run::{Data, Session};
use super::weights::trains_head;
use crate::checkpoint::ModelReader;
use crate::config::{JOB_FILE, Job, PromptFormat, ReadOptions, RunConfig, SplitConfig};
use crate::data::{DataFiles, TrainedRead, read_as_trained};
use crate::event::Split;
use crate::model::{Model, ProblemType};
use crate::task::{
    DataReport, Evaluation, PredictRequest, Prediction, Purpose, RowPredictions, TEMPERATURE, TaskInput, TaskRows,
};
use crate::train::{Evaluator, predict};

/// Longest window in which a decoder's texts are measured, in tokens: attention to all of a model's hundred thousand would
/// need more memory than there is.
const MAX_WINDOW: usize = 1024;

/// The command of tasks whose models answer inputs.
const PREDICT: &str = "predict";

/// Tokens of a text that a model reads where no run and no job file says: as many as its config and its tokenizer allow;
/// none of a model that reads images.
fn input_limit(model: &LoadedModel) -> usize {
    let ModelReader::Texts(tokenizer) = &model.pretrained.reader else { return 0 };
    let own = tokenizer.model_max_length().unwrap_or(usize::MAX).min(model.pretrained.config.max_tokens());
    if model.task.spec().writes() { own.min(MAX_WINDOW) } else { own }
}

impl Session {
    /// Checks that the model answers inputs, as it is for that or is trained for it.
    ///
    /// # Errors
    /// When no model is there, it answers in another way, or its head is for another problem.
    pub fn check_answers(&self) -> Result<(), SessionError> {
        if self.task()?.spec().command != PREDICT {
            return Err(self.other_task());
        }
        self.check_own_head()
    }

    /// Checks that the head of the loaded model, or of its adapter, is one for the problem of its task.
    ///
    /// # Errors
    /// When no model is there, or it is not.
    pub fn check_own_head(&self) -> Result<(), SessionError> {
        self.check_head(if self.is_trained() { Weights::Tuned } else { Weights::Base })
    }

    /// Labels that the loaded model and its adapter give; none where its head is fresh, or has no labels.
    #[must_use]
    pub fn model_labels(&self) -> &[String] {
        if self.has_own_head() { self.known_labels() } else { &[] }
    }

    /// Whether the loaded model, or its adapter, holds the head of its task; else that is fresh, and what it answers is
    /// arbitrary.
    #[must_use]
    pub fn has_own_head(&self) -> bool {
        let Some(model) = &self.model else { return false };
        let brings_head = trains_head(model.task) && !model.task.spec().has_labels;
        model.has_head || self.adapter.as_ref().is_some_and(|adapter| adapter.labels.is_some() || brings_head)
    }

    /// Refuses to answer with a head for another problem: what is made of its outputs would be wrong without a word. A
    /// run's head is its own, and so is the fresh one that it is compared with.
    pub(super) fn check_head(&self, weights: Weights) -> Result<(), SessionError> {
        let model = self.loaded()?;
        if self.trainer.is_some() {
            return Ok(());
        }
        let adapter = self.adapter.as_ref().filter(|_| weights == Weights::Tuned);
        let of_adapter = adapter.and_then(|adapter| adapter.problem(&model.pretrained.config));
        let other = match of_adapter {
            Some(problem) => (!fits_problem(model.task, problem)).then_some(problem),
            None => model.other_problem(),
        };
        other.map_or(Ok(()), |problem| Err(refuse(problem)))
    }

    /// How a file is read that goes with the loaded model: by the columns that it was trained on, where `asked` names no
    /// others and the file has them.
    #[must_use]
    pub fn read_as_trained(&self, name: &str, bytes: &[u8], asked: &ReadOptions) -> TrainedRead {
        let trained = self.own_job().map(|job| job.read).unwrap_or_default();
        read_as_trained(name, bytes, asked, &trained)
    }

    /// Reads rows that the loaded model, or its adapter, is measured on: all of them ([`Split::Train`]), by the columns
    /// that it was trained on and cut where it was trained to be cut. Labels are those of the model.
    ///
    /// # Errors
    /// Says what is wrong, with row and column, also where a row has a label that the model does not know; what was loaded
    /// before stays.
    pub fn load_rows_to_measure(&mut self, files: DataFiles, asked: &ReadOptions) -> Result<DataReport, SessionError> {
        let model = self.loaded()?;
        self.check_own_head()?;
        let labels = self.model_labels();
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = RunConfig { split, ..self.own_run() };
        let trained = self.read_as_trained(&files.train.0, &files.train.1, asked);
        let files = Rc::new(files);
        let mut rows = self.parse_rows(&files, &trained.read, &run, labels, Purpose::Measure)?;
        while model.with_task_model(|text| rows.encode_part(text, &run))? {}
        let mut report = model.with_task_model(|text| rows.report(Some(text), &run))?;
        let inputs = report.used_columns.iter().filter(|(_, role)| !role.starts_with("label"));
        let inputs: Vec<&str> = inputs.map(|(column, _)| column.as_str()).collect();
        let mut warnings: Vec<String> = trained.missing_texts(&inputs).into_iter().collect();
        let of_labels = report.column_of("label").or(report.column_of("labels"));
        warnings.extend(of_labels.and_then(|column| trained.missing_labels(column)));
        report.warnings.extend(warnings);
        let read = rows.read_options();
        self.data = Some(Data { files, rows, read, run });
        Ok(report)
    }

    /// How a bare prompt is given to the model: as the rows were that it was trained on; as it stands where nothing says.
    #[must_use]
    pub fn prompt_format(&self) -> PromptFormat {
        match &self.trainer {
            Some(trainer) => trainer.job().read.format_of_prompts(),
            None => self.own_job().map(|job| job.read.format_of_prompts()).unwrap_or_default(),
        }
    }

    /// Measures a split with either weights; `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the split is empty, the model's head is for another problem, or the device fails.
    pub async fn evaluate(
        &mut self,
        weights: Weights,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Evaluation, RowPredictions), SessionError> {
        self.check_head(weights)?;
        let model = self.weights(weights)?;
        let rows = self.rows()?;
        let thresholds = self.thresholds(weights);
        let (evaluation, predictions) = self.measure(&model, rows.as_ref(), split, &thresholds, progress).await?;
        if weights == Weights::Tuned && split == Split::Test {
            self.test = Some(evaluation.clone());
        }
        Ok((evaluation, predictions))
    }

    /// Measures rows with a model for inference, at thresholds by label where the task has them.
    pub(super) async fn measure(
        &self,
        model: &Model,
        rows: &dyn TaskRows,
        split: Split,
        thresholds: &BTreeMap<String, f64>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Evaluation, RowPredictions), SessionError> {
        if rows.num_rows()[split as usize] == 0 {
            return Err(SessionError::EmptySplit { split });
        }
        let mut evaluator = Evaluator::new(rows, split).with_thresholds(thresholds).in_full();
        while evaluator.advance(model, rows, &self.device).await? {
            let (done, total) = evaluator.progress();
            progress(done, total);
        }
        Ok(evaluator.finish())
    }

    /// The rows to be measured. A run is measured on its own rows: among those that were read since may be some that it was
    /// trained on, or labels that it does not know.
    pub(super) fn rows(&self) -> Result<Rc<dyn TaskRows>, SessionError> {
        if let Some(trainer) = &self.trainer {
            return Ok(Rc::clone(trainer.rows()));
        }
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        if data.rows.labels() != self.labels() {
            return Err(SessionError::OtherLabels);
        }
        let run = self.run_config();
        Ok(self.loaded()?.with_task_model(|text| data.rows.prepare(text, &run))?.into())
    }

    /// Answers inputs, in their order; and the indices of those that are longer than [`Session::max_tokens`], and were cut.
    ///
    /// # Errors
    /// When no model is there, it answers in another way, its head is for another problem, or the device fails.
    pub async fn predict(
        &mut self,
        inputs: &[TaskInput],
        weights: Weights,
    ) -> Result<(Vec<Prediction>, Vec<usize>), SessionError> {
        if self.is_of_several() {
            return Err(SessionError::SeveralTasks);
        }
        if self.task()?.spec().command != PREDICT {
            return Err(self.other_task());
        }
        self.check_head(weights)?;
        let model = self.weights(weights)?;
        let (run, labels) = (self.answer_config(), self.labels());
        let loaded = self.loaded()?;
        let mut predictor = loaded.with_task_model(|text| {
            loaded.task.predictor(&PredictRequest { inputs, labels, model: *text, run: &run })
        })?;
        predictor.set_thresholds(&self.thresholds(weights));
        predict(&model, predictor.as_mut(), &self.device).await?;
        let cut = predictor.cut_inputs().to_vec();
        Ok((predictor.finish(), cut))
    }

    /// Tokens that [`Session::predict`] reads of an input.
    ///
    /// # Errors
    /// When no model is there.
    pub fn max_tokens(&self) -> Result<usize, SessionError> {
        Ok(self.loaded()?.with_task_model(|text| text.limit(&self.answer_config())))
    }

    /// Why a model does not do what those of other tasks do.
    pub(super) fn other_task(&self) -> SessionError {
        let Ok(model) = self.loaded() else { return SessionError::NoModel };
        let (model_type, does) = (model.pretrained.config.model_type(), model.task.spec().does);
        SessionError::OtherTask { model_type, does }
    }

    /// Settings under which inputs are answered: the run's, else those of data and model, cut where the model's own job
    /// says or the model ends.
    pub(super) fn answer_config(&self) -> RunConfig {
        let run = self.run_config();
        if self.trainer.is_some() {
            return run;
        }
        RunConfig { max_seq_length: self.own_run().max_seq_length, ..run }
    }

    /// Settings that the model, or its adapter, was trained with; what its job file does not say is the model's own limit.
    pub(super) fn own_run(&self) -> RunConfig {
        let Some(model) = &self.model else { return RunConfig::default() };
        match self.own_job() {
            Some(job) => job.run,
            None => RunConfig {
                max_seq_length: u32::try_from(input_limit(model)).unwrap_or(u32::MAX),
                ..model.pretrained.run.clone()
            },
        }
    }

    /// The job that trained what answers: the adapter's where there is one, else the model's.
    pub(super) fn own_job(&self) -> Option<Job> {
        match &self.adapter {
            Some(adapter) => adapter.job.clone(),
            None => self.job_of_model(),
        }
    }

    /// The job that trained the loaded model, without its adapter.
    fn job_of_model(&self) -> Option<Job> {
        let folder = &self.model.as_ref()?.pretrained.folder;
        folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok())
    }

    /// Thresholds that a person chose for the model, which leave with it: [`UNSURE_BELOW`](crate::task::UNSURE_BELOW), of
    /// several tasks behind the name of a part. They take the place of those that were chosen before.
    pub fn choose_thresholds(&mut self, chosen: BTreeMap<String, f64>) {
        self.chosen_thresholds = chosen;
    }

    /// From which probability on these weights give each label: of a run as suits its validation rows best, else as the
    /// job file says that trained them; and what follows from a run's rows alone. What names no label has none.
    pub(super) fn thresholds(&self, weights: Weights) -> BTreeMap<String, f64> {
        let job = match (&self.trainer, &self.adapter, weights) {
            (Some(trainer), _, Weights::Tuned) => {
                let mut thresholds = trainer.rows().thresholds();
                thresholds.extend(trainer.weights_of_step().1.map(Evaluation::thresholds).unwrap_or_default());
                return self.with_chosen(thresholds);
            }
            (None, Some(adapter), Weights::Tuned) => adapter.job.clone(),
            _ => self.job_of_model(),
        };
        self.with_chosen(job.map(|job| job.thresholds).unwrap_or_default())
    }

    /// What a person chose goes over what a run found.
    fn with_chosen(&self, mut thresholds: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        thresholds.extend(self.chosen_thresholds.clone());
        thresholds
    }

    /// By which the logits of a model that gives one label are divided before they are answered with, where anything says it.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        let weights = if self.is_trained() { Weights::Tuned } else { Weights::Base };
        let gives_one_label = self.task().is_ok_and(|task| task.spec().gives_one_label());
        if gives_one_label { self.thresholds(weights).get(TEMPERATURE).copied() } else { None }
    }
}

/// Why a head for this problem does not answer.
fn refuse(problem: ProblemType) -> SessionError {
    SessionError::OtherHead { head: describe(problem), task: task_of_problem(problem).name() }
}
