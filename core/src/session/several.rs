//! Several tasks at once: files of rows for each, one run on one encoder with a head for each, and a folder for each.
//!
//! What there is of a run of one task is the same here, but for what depends on the head: the rows of all parts are one set
//! ([`SeveralRows`]), and the model has as many heads as there are parts.

#[cfg(all(test, feature = "cpu"))]
mod tests;

use std::rc::Rc;

use burn::tensor::Device;

use super::SessionError;
use super::facts::{card_facts, hashes_of, names_of};
use super::model::{LoadedModel, default_targets};
use super::protocol::Weights;
use super::reading_parts::PartRequest;
use super::run::{Data, Session, check_head_of_run};
use super::weights::HeadSettings;
use crate::checkpoint::{FileStream, RESULTS_FILE, results_json, stream_folder};
use crate::config::{
    ConfigProblem, ExportFormat, JOB_FILE, Job, JobPart, Method, ReadOptions, RunConfig, TaskSettings,
};
use crate::data::rows_an_epoch;
use crate::event::Split;
use crate::model::{Model, path_in_whole};
use crate::task::several::{PartRows, SeveralRows, figure_names, settings_of, thresholds_of};
use crate::task::{
    Evaluation, EvaluationDetail, PredictRequest, Prediction, RowPredictions, Task, TaskData, TaskError, TaskInput,
    TaskModel, TaskRows,
};
use crate::train::{Trainer, check_targets, predict};

/// How much of one of several tasks an epoch has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSize {
    /// Its name.
    pub name: String,
    /// Its training rows.
    pub num_rows: usize,
    /// Rows that an epoch trains on: fewer where it leaves some out, more where they come again.
    pub rows_an_epoch: usize,
}

/// One of several tasks, as its rows were read.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) task: Task,
    /// The model's file holds the head of the task.
    pub(super) has_head: bool,
    pub(super) data: Data,
}

impl Session {
    /// The parts that a run learns at once, and how much of each an epoch has; none where there is no such run.
    #[must_use]
    pub fn part_sizes(&self) -> Vec<PartSize> {
        let Some(trainer) = &self.trainer else { return Vec::new() };
        let Some(several) = trainer.rows().as_several() else { return Vec::new() };
        let sizes = several.sizes(Split::Train);
        let of_epoch = rows_an_epoch(&sizes, trainer.job().run.task_temperature);
        let parts = several.parts().iter().zip(sizes).zip(of_epoch);
        parts
            .map(|((part, num_rows), rows_an_epoch)| PartSize { name: part.name.clone(), num_rows, rows_an_epoch })
            .collect()
    }

    /// Each of several tasks with its name.
    pub(super) fn part_tasks(&self) -> Vec<(&str, Task)> {
        self.parts.iter().map(|part| (part.name.as_str(), part.task)).collect()
    }

    /// Whether the run is one of several tasks.
    pub(super) fn is_of_several(&self) -> bool {
        self.trainer.as_ref().is_some_and(|trainer| trainer.rows().as_several().is_some())
    }

    /// As [`Session::prepare`], of several tasks.
    pub(super) fn prepare_parts(
        &mut self,
        mut run: RunConfig,
        drops_run: bool,
    ) -> Result<(Trainer, Job), SessionError> {
        self.reread_parts(&run)?;
        let model = self.loaded()?;
        let config = &model.pretrained.config;
        let problems = self.problems_of_parts(&run, config.num_hidden_layers());
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        for part in &self.parts {
            check_head_of_run(model, part.task, part.has_head, &run).map_err(|error| in_part(&part.name, error))?;
        }
        let limit = config.max_tokens();
        if run.max_seq_length as usize > limit {
            return Err(SessionError::TooLong { asked: run.max_seq_length, limit });
        }
        if run.method == Method::Lora && run.lora.target_modules.is_empty() {
            run.lora.target_modules = default_targets(config); // so that the job file says what was adapted
        }
        let rows = self.prepare_rows(|rows, text| rows.prepare_to_train(text, &run))?;
        let device = self.device.clone().autodiff();
        self.built = None; // the run has weights of its own
        let (built, fresh) = self.build_parts(&rows, &run, &device)?;
        let model = self.loaded()?;
        if drops_run {
            check_targets(&built, &run, &model.pretrained.config)?;
        }
        let of_job = |part: &Part| {
            let (name, task, read) = (part.name.clone(), part.task, part.data.read.clone());
            let [data_file, valid_file, test_file] = names_of(&part.data.files);
            let data_sha256 = hashes_of(&part.data.files);
            JobPart { name, task, data_file, valid_file, test_file, data_sha256, read }
        };
        let parts = self.parts.iter().map(of_job);
        let job = Job::new(model.source.clone(), None, ReadOptions::default(), run);
        let job = Job { changes: model.changes(), parts: parts.collect(), ..job };
        let rows: Rc<dyn TaskRows> = Rc::new(rows);
        let trainer = Trainer::new(job.clone(), rows, model.pretrained.config.clone(), built, device)?;
        Ok((trainer.with_fresh(&fresh), job))
    }

    /// The rows of all parts, with their tokens, each prepared by `prepare`.
    fn prepare_rows(
        &self,
        prepare: impl Fn(&dyn TaskData, &TaskModel<'_>) -> Result<Box<dyn TaskRows>, TaskError>,
    ) -> Result<SeveralRows, SessionError> {
        let model = self.loaded()?;
        let mut rows = Vec::with_capacity(self.parts.len());
        for Part { name, data, .. } in &self.parts {
            let prepared = model.with_task_model(|text| prepare(data.rows.as_ref(), text));
            let prepared = prepared.map_err(|error| in_part(name, error.into()))?;
            if prepared.num_rows()[Split::Train as usize] == 0 {
                return Err(in_part(name, SessionError::EmptySplit { split: Split::Train }));
            }
            rows.push(PartRows { name: name.clone(), rows: prepared });
        }
        Ok(SeveralRows::new(rows))
    }

    /// Measures the model on a split of several tasks whose rows were read, before there is a run: with the heads that a run
    /// of these settings begins with. `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When no rows of several tasks were read, they have none in this split or none to train on, or the device fails.
    pub async fn evaluate_parts(
        &mut self,
        run: &RunConfig,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Evaluation, RowPredictions), SessionError> {
        if self.parts.is_empty() {
            return Err(SessionError::NoData);
        }
        self.built = None; // room for the one with all heads
        let rows = self.prepare_rows(|rows, text| rows.prepare(text, run))?;
        let model = self.build_parts(&rows, run, &self.device)?.0.for_inference();
        self.measure(&model, &rows, split, &self.thresholds(Weights::Base), progress).await
    }

    /// Reads the parts again where a run shares them out in another way than they were read for; on an error they are gone.
    fn reread_parts(&mut self, run: &RunConfig) -> Result<(), SessionError> {
        let parts = std::mem::take(&mut self.parts);
        self.redraw_changes(run.seed)?;
        let is_same = |part: &Part| part.data.run.split == run.split && part.data.run.seed == run.seed;
        if parts.iter().all(is_same) {
            self.parts = parts;
            return Ok(());
        }
        let requests = parts.into_iter().map(|Part { name, task, data, .. }| {
            let Data { files, read, .. } = data;
            PartRequest { name, task: Some(task), files: Rc::unwrap_or_clone(files), read }
        });
        self.load_parts(requests.collect(), run).map(drop)
    }

    /// Every setting that a run of these parts has no use for, or could not follow.
    fn problems_of_parts(&self, run: &RunConfig, num_hidden_layers: usize) -> Vec<ConfigProblem> {
        let settings = settings_of(self.parts.iter().map(|part| part.task));
        let figures = figure_names(self.parts.iter().map(|part| (part.name.as_str(), part.task)));
        let figures: Vec<&str> = figures.iter().map(String::as_str).collect();
        let does = "learns several tasks at once, which have no use for it";
        let task = TaskSettings { does, settings: &settings, columns: &[], figures: &figures };
        let has_valid_rows = self.parts.iter().any(|part| part.data.rows.num_rows()[Split::Valid as usize] > 0);
        let changes = self.loaded().map(LoadedModel::changes).unwrap_or_default();
        let mut problems = run.check_for(&task, num_hidden_layers, has_valid_rows);
        problems.extend(changes.check_for(run, num_hidden_layers));
        problems
    }

    /// The encoder as it was loaded, with a head for each part; and the paths of what no file holds.
    fn build_parts(
        &self,
        rows: &SeveralRows,
        run: &RunConfig,
        device: &Device,
    ) -> Result<(Model, Vec<String>), SessionError> {
        let pretrained = &self.loaded()?.pretrained;
        let (mut whole, mut fresh) = (None::<Model>, Vec::new());
        for (index, part) in rows.parts().iter().enumerate() {
            // Heads of the same form begin with values of their own.
            let own = RunConfig { seed: run.seed.wrapping_add(index as u64), ..run.clone() };
            let head = HeadSettings::new(part.rows.task(), &own, part.rows.labels().len());
            let (built, loaded) = head.build(pretrained, device).map_err(|error| in_part(&part.name, error.into()))?;
            fresh.extend(loaded.fresh.iter().map(|path| path_in_whole(path, index).into_owned()));
            match &mut whole {
                None => whole = Some(built),
                Some(whole) => whole.more_heads.push(built.head),
            }
        }
        Ok((whole.ok_or(SessionError::NoData)?, fresh))
    }

    /// A model for inference with the heads of all parts.
    pub(super) fn weights_of_parts(&self, weights: Weights) -> Result<Model, SessionError> {
        let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
        let mut found = match (weights, trainer.rows().as_several()) {
            (Weights::Base, Some(several)) => self.build_parts(several, &trainer.job().run, &self.device)?.0,
            _ => trainer.model().clone(),
        };
        found.enable_adapters(weights == Weights::Tuned);
        Ok(found.for_inference())
    }

    /// As [`Session::predict`], by the head of one of several tasks.
    ///
    /// # Errors
    /// When there is no run of several tasks, or none of them has this name; else as [`Session::predict`].
    pub async fn predict_part(
        &mut self,
        part: &str,
        inputs: &[TaskInput],
        weights: Weights,
    ) -> Result<(Vec<Prediction>, Vec<usize>), SessionError> {
        let rows = Rc::clone(self.trainer.as_ref().ok_or(SessionError::NotTrained)?.rows());
        let parts = rows.as_several().map(SeveralRows::parts).unwrap_or_default();
        let Some(head) = parts.iter().position(|own| own.name == part) else {
            let names: Vec<&str> = parts.iter().map(|own| own.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(SessionError::NoPart { name: part.to_owned(), known });
        };
        let own = &parts[head].rows;
        let model = self.weights(weights)?.of_head(head);
        let run = self.run_config();
        let mut predictor = self.loaded()?.with_task_model(|text| {
            own.task().predictor(&PredictRequest { inputs, labels: own.labels(), model: *text, run: &run })
        })?;
        predictor.set_thresholds(&thresholds_of(&self.thresholds(weights), part));
        predict(&model, predictor.as_mut(), &self.device).await?;
        let cut = predictor.cut_inputs().to_vec();
        Ok((predictor.finish(), cut))
    }

    /// A folder for each part, under its name: a whole model that loads alone, with the same encoder in all of them. Beside
    /// them the job that trained them.
    pub(super) fn export_parts(&mut self, format: ExportFormat) -> Result<FileStream, SessionError> {
        if format == ExportFormat::Adapter {
            return Err(SessionError::SharedAdapter);
        }
        let weights = self.weights(Weights::Tuned)?;
        let thresholds = self.thresholds(Weights::Tuned);
        let pretrained = &self.loaded()?.pretrained;
        let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
        let ((_, valid), job) = (trainer.weights_of_step(), trainer.job());
        let parts = trainer.rows().as_several().map(SeveralRows::parts).unwrap_or_default();
        let mut files = FileStream::new();
        files.insert(JOB_FILE, job.to_json());
        let facts = card_facts(trainer, trainer.rows().as_ref(), valid, self.test.as_ref());
        files.insert(RESULTS_FILE, results_json(&job.run, &facts));
        for (head, (part, of_job)) in parts.iter().zip(&job.parts).enumerate() {
            let valid = valid.and_then(|whole| evaluation_of(whole, &part.name));
            let test = self.test.as_ref().and_then(|whole| evaluation_of(whole, &part.name));
            let facts = card_facts(trainer, part.rows.as_ref(), valid, test);
            let JobPart { name: _, task, data_file, valid_file, test_file, data_sha256, read } = of_job.clone();
            let (task, thresholds) = (Some(task), thresholds_of(&thresholds, &part.name));
            let own = Job { task, data_file, valid_file, test_file, data_sha256, read, thresholds, ..job.clone() };
            let model = weights.of_head(head);
            files.extend(&part.name, stream_folder(pretrained, &model, part.rows.labels(), &own, Some(&facts))?);
        }
        Ok(files)
    }
}

/// The evaluation of a part.
fn evaluation_of<'a>(whole: &'a Evaluation, part: &str) -> Option<&'a Evaluation> {
    match &whole.detail {
        EvaluationDetail::Several(detail) => detail.part(part),
        _ => None,
    }
}

pub(super) fn in_part(name: &str, error: SessionError) -> SessionError {
    SessionError::Part { name: name.to_owned(), source: Box::new(error) }
}
