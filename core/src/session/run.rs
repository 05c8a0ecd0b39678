//! One model, one task, one data set, one run: what every driver drives (terminal, worker, server).

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Device;

use super::SessionError;
use super::adapter::LoadedAdapter;
use super::estimate::MeasuredFor;
use super::facts::{card_facts, hashes_of, names_of};
use super::model::{LoadedModel, default_targets};
use super::nearest_rows::RowVectors;
use super::protocol::Weights;
use super::several::Part;
use super::weights::{Built, HeadSettings, check_readable, trains_head};
use crate::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, FileStream, RESULTS_FILE, TensorParts, export_adapter, lora_of_adapter, read_job,
    stream_folder,
};
use crate::config::{ConfigProblem, ExportFormat, JOB_FILE, Job, Method, ReadOptions, RunConfig};
use crate::data::DataFiles;
use crate::event::{Split, TrainEvent};
use crate::folder::Folder;
use crate::plan::{HeldBytes, Measured};
use crate::task::{ColumnsOfRows, Evaluation, Task, TaskData, TaskRows};
use crate::train::{Restoring, SampleWriter, Trainer, check_targets, check_tasks};

/// Rows that were read.
pub(super) struct Data {
    /// Shared with a reading of them again.
    pub(super) files: Rc<DataFiles>,
    /// The rows, and their tokens by the tokenizer of the loaded model.
    pub(super) rows: Box<dyn TaskData>,
    pub(super) read: ReadOptions,
    pub(super) run: RunConfig,
}

/// A run that is being taken up from its checkpoint, a file at a time.
pub struct Resuming {
    restoring: Restoring,
    job: Job,
}

impl Resuming {
    /// The file of the checkpoint that it needs next; `None` once it has all of them.
    #[must_use]
    pub fn next_file(&self) -> Option<&'static str> {
        self.restoring.next_file()
    }

    /// Whether that is a file of tensors, which [`Self::put_part`] takes a few at a time.
    #[must_use]
    pub fn takes_parts(&self) -> bool {
        self.restoring.takes_parts()
    }

    /// Takes the next tensors of that file, whose bytes they are. Once `parts` needs no more, [`Self::end_file`].
    ///
    /// # Errors
    /// When they are damaged, or do not belong to the model.
    pub fn put_part(&mut self, parts: &mut TensorParts, bytes: &[u8]) -> Result<(), SessionError> {
        Ok(self.restoring.put_part(parts, bytes)?)
    }

    /// All tensors of that file were taken.
    ///
    /// # Errors
    /// When one is missing.
    pub fn end_file(&mut self) -> Result<(), SessionError> {
        Ok(self.restoring.end_file()?)
    }

    /// Takes that file, which is one of `files`.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn put(&mut self, files: &Folder) -> Result<(), SessionError> {
        Ok(self.restoring.put(files)?)
    }
}

/// One model, one task, one data set, one run.
pub struct Session {
    pub(super) device: Device,
    pub(super) model: Option<LoadedModel>,
    /// An adapter that was loaded, not trained here.
    pub(super) adapter: Option<LoadedAdapter>,
    /// What answers while there is no run.
    pub(super) built: Option<Built>,
    pub(super) data: Option<Data>,
    /// Several tasks with their rows, in the place of `data`; none where there is one task.
    pub(super) parts: Vec<Part>,
    pub(super) trainer: Option<Trainer>,
    /// What the run's weights were measured at on its test rows.
    pub(super) test: Option<Evaluation>,
    /// Thresholds that a person chose, which go over those that the run found.
    pub(super) chosen_thresholds: BTreeMap<String, f64>,
    /// The person's own general text, which a run measures at each evaluation; `None` takes a bundled one.
    pub(super) general_text: Option<String>,
    /// How long steps take on the device, and with which settings that was measured.
    pub(super) measured: Option<(MeasuredFor, Measured)>,
    /// Vectors of training rows, once nearest rows were sought with the weights that there are.
    pub(super) row_vectors: Option<RowVectors>,
}

impl Session {
    /// An empty session on `device` (without autodiff).
    #[must_use]
    pub fn new(device: Device) -> Self {
        let device = device.without_autodiff();
        let (data, parts) = (None, Vec::new());
        let (trainer, test, measured) = (None, None, None);
        let chosen_thresholds = BTreeMap::new();
        Self {
            device,
            model: None,
            adapter: None,
            built: None,
            data,
            parts,
            trainer,
            test,
            chosen_thresholds,
            general_text: None,
            measured,
            row_vectors: None,
        }
    }

    /// Starts a run; a run that was there is dropped.
    ///
    /// # Errors
    /// When model or data are missing, or a setting does not fit them: where that is known before a model is built for the
    /// run, the run that was there stays.
    pub fn start(&mut self, run: RunConfig) -> Result<Job, SessionError> {
        if !self.parts.is_empty() {
            self.forget_run();
        }
        let (trainer, job) = self.prepare(run, true)?;
        self.trainer = Some(trainer);
        Ok(job)
    }

    /// Drops the run, if there is one: one that failed has nothing to say.
    pub fn forget_run(&mut self) {
        (self.trainer, self.test, self.row_vectors) = (None, None, None);
        self.forget_fresh();
        self.chosen_thresholds.clear();
    }

    /// Goes on with a run from its checkpoint; model, task and data must be as at its start.
    ///
    /// # Errors
    /// When the checkpoint is damaged or belongs to another run, such as one of another task; nothing is changed then.
    pub fn resume(&mut self, checkpoint: &Folder) -> Result<Job, SessionError> {
        let mut resuming = self.begin_resume(checkpoint)?;
        while resuming.next_file().is_some() {
            resuming.put(checkpoint)?;
        }
        Ok(self.finish_resume(resuming))
    }

    /// As [`Self::resume`], a file at a time; of the checkpoint, `state` needs
    /// [`STATE_FILE`](crate::checkpoint::STATE_FILE). Then [`Resuming::put`] as long as it asks for a file, and
    /// [`Self::finish_resume`]: until then, a run that is there stays.
    ///
    /// # Errors
    /// When the state is damaged or belongs to another run.
    pub fn begin_resume(&mut self, state: &Folder) -> Result<Resuming, SessionError> {
        let saved = read_job(state)?;
        check_tasks(&saved, &self.tasks()?)?;
        self.change_model(&saved.changes, saved.run.seed)?;
        let (trainer, job) = self.prepare(saved.run, false)?;
        Ok(Resuming { restoring: trainer.begin_restore(state)?, job })
    }

    /// Takes a run up that has all of its checkpoint.
    pub fn finish_resume(&mut self, Resuming { restoring, job }: Resuming) -> Job {
        self.trainer = Some(restoring.finish());
        (self.test, self.row_vectors) = (None, None);
        job
    }

    /// Goes on with a run for whose batches the device had too little memory: from its `checkpoint`, or without one from the
    /// start, each batch in twice as many parts. False where its batches can't be cut any more; then the run is as it was.
    ///
    /// # Errors
    /// When there is no run, or as [`Self::resume`] and [`Self::start`].
    pub fn go_on_in_parts(&mut self, checkpoint: Option<&Folder>) -> Result<bool, SessionError> {
        let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
        let Some(parts) = trainer.more_parts() else { return Ok(false) };
        let run = trainer.job().run.clone();
        self.forget_run(); // what it holds on the device makes room
        self.device.memory_cleanup();
        match checkpoint {
            Some(checkpoint) => self.resume(checkpoint)?,
            None => self.start(run)?,
        };
        if let Some(trainer) = &mut self.trainer {
            trainer.cut_batches(parts);
        }
        Ok(true)
    }

    /// Computes the batches of a run that was just taken up in twice as many parts: there was too little memory for them. False
    /// where they can't be cut any further; then the run is as it was.
    pub fn cut_batches(&mut self) -> bool {
        let Some(trainer) = &mut self.trainer else { return false };
        let Some(parts) = trainer.more_parts() else { return false };
        trainer.cut_batches(parts);
        true
    }

    /// What the next run learns: the task of the model, or each of several with its name.
    fn tasks(&self) -> Result<Vec<(&str, Task)>, SessionError> {
        if self.parts.is_empty() { Ok(vec![("", self.task()?)]) } else { Ok(self.part_tasks()) }
    }

    /// Builds what a run needs. `drops_run`: the one that is there makes room for it.
    pub(super) fn prepare(&mut self, mut run: RunConfig, drops_run: bool) -> Result<(Trainer, Job), SessionError> {
        let problems = run.check();
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        if !self.parts.is_empty() {
            return self.prepare_parts(run, drops_run);
        }
        self.redraw_changes(run.seed)?;
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        if data.run.split != run.split || data.run.seed != run.seed {
            let read = data.read.clone();
            self.reread_data(&read, &run)?;
        }
        let model = self.loaded()?;
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        check_run(model, &run, data.rows.num_rows()[1] > 0)?;
        let (config, changes) = (&model.pretrained.config, model.changes());
        if run.method == Method::Lora && run.lora.target_modules.is_empty() {
            run.lora.target_modules = default_targets(config); // so that the job file says what was adapted
        }
        let rows: Rc<dyn TaskRows> = model.with_task_model(|text| data.rows.prepare_to_train(text, &run))?.into();
        let groups = groups_of(data, rows.as_ref(), &run.balance_column)?;
        let head = HeadSettings::new(model.task, &run, rows.labels().len()).of_run(&run);
        let device = self.device.clone().autodiff();
        if !run.from_scratch {
            // Before the old run is dropped: a model that can't be read would leave neither.
            check_readable(&model.pretrained.folder)?;
        }
        if let Some(trainer) = self.trainer.as_ref().filter(|_| drops_run) {
            // The old run's model has the same layer names, so this is known before it is dropped.
            check_targets(trainer.model(), &run, config)?;
        }
        self.built = None; // the run has weights of its own
        if drops_run {
            self.forget_run();
        }
        let model = self.loaded()?;
        let (built, loaded) = head.build(&model.pretrained, &device)?;
        if drops_run {
            check_targets(&built, &run, &model.pretrained.config)?;
        }
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let ([data_file, valid_file, test_file], data_sha256) = (names_of(&data.files), hashes_of(&data.files));
        let job = Job::new(model.source.clone(), data_file, data.read.clone(), run);
        let job = Job { valid_file, test_file, data_sha256, changes, task: Some(model.task), ..job };
        let trainer = Trainer::new(job.clone(), rows, model.pretrained.config.clone(), built, device)?;
        let mut trainer = trainer.with_fresh(&loaded.fresh);
        if let Some(groups) = groups {
            trainer = trainer.with_groups(groups);
        }
        // No run fails for it: of a text that the tokenizer can't take, `evaluate_general` says why.
        let general = self.general_rows(&job.run).ok().flatten();
        let max_source = job.run.max_seq_length as usize;
        let writer = trainer.model().head.kind().writes().then(|| SampleWriter {
            tokenizer: model.pretrained.tokenizer().clone(),
            eos_token_ids: model.eos_token_ids.clone(),
            max_source,
        });
        Ok((trainer.with_watched(writer, general), job))
    }

    /// Advances the run by at most one micro-batch; `None` when it is over.
    ///
    /// # Errors
    /// When the run can't go on.
    pub async fn next_event(&mut self) -> Result<Option<TrainEvent>, SessionError> {
        let trainer = self.trainer.as_mut().ok_or(SessionError::NotTrained)?;
        Ok(trainer.next_event().await?)
    }

    /// Whether [`Self::checkpoint`] would stand between two optimizer steps now, with every event before it told.
    #[must_use]
    pub fn is_between_steps(&self) -> bool {
        self.trainer.as_ref().is_some_and(Trainer::is_between_steps)
    }

    /// Everything that restores the run exactly; of one that is over, its weights and what was measured.
    ///
    /// # Errors
    /// When the device fails, or a loss or a weight is not finite.
    pub async fn checkpoint(&mut self) -> Result<Folder, SessionError> {
        let trainer = self.trainer.as_mut().ok_or(SessionError::NotTrained)?;
        Ok(trainer.checkpoint().await?)
    }

    /// As [`Self::checkpoint`], in pieces that are read from the device as they are pulled: see
    /// [`Trainer::stream_checkpoint`].
    ///
    /// # Errors
    /// When the device fails, or a loss is not finite.
    pub async fn stream_checkpoint(&mut self) -> Result<FileStream, SessionError> {
        let trainer = self.trainer.as_mut().ok_or(SessionError::NotTrained)?;
        Ok(trainer.stream_checkpoint().await?)
    }

    /// What the run holds between two steps; nothing without one.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        self.trainer.as_ref().map(Trainer::held_bytes).unwrap_or_default()
    }

    /// The step whose weights the run holds, and their validation figures where they were measured; `None` without a run.
    #[must_use]
    pub fn weights_of_step(&self) -> Option<(u32, Option<&Evaluation>)> {
        self.trainer.as_ref().map(Trainer::weights_of_step)
    }

    /// Ends the run at the next poll.
    pub fn stop(&mut self, keep_best: bool) {
        if let Some(trainer) = &mut self.trainer {
            trainer.stop(keep_best);
        }
    }

    /// Whether there is a tuned model: a run's, or an adapter that was loaded.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.trainer.is_some() || self.adapter.is_some()
    }

    /// Names of the model's outputs, in their order; none for a task without labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        let has_own_head = self.adapter.as_ref().is_some_and(|adapter| adapter.labels.is_some());
        match (&self.trainer, &self.data) {
            (Some(trainer), _) => trainer.rows().labels(),
            (None, Some(data)) if !has_own_head && !data.rows.labels().is_empty() => data.rows.labels(),
            (None, _) => self.known_labels(),
        }
    }

    /// The tuned model as a folder: weights as `transformers` loads them, or an adapter as PEFT does. Of several tasks it
    /// holds a folder for each, under its name.
    ///
    /// # Errors
    /// When nothing was trained, an adapter is asked for and there is none, or the device fails.
    pub async fn export(&mut self, format: ExportFormat) -> Result<Folder, SessionError> {
        Ok(self.stream_export(format).await?.into_folder().await?)
    }

    /// As [`Self::export`], in pieces: the weights of a whole model are read from the device as they are pulled.
    ///
    /// # Errors
    /// When nothing was trained, or an adapter is asked for and there is none; a device that fails later is heard of when
    /// weights are pulled.
    pub async fn stream_export(&mut self, format: ExportFormat) -> Result<FileStream, SessionError> {
        if self.is_of_several() {
            return self.export_parts(format);
        }
        let weights = self.weights(Weights::Tuned)?;
        let LoadedModel { source, pretrained: model, task, .. } = self.loaded()?;
        let (job, facts) = match (&self.trainer, &self.adapter) {
            (Some(trainer), _) => {
                let (_, valid) = trainer.weights_of_step();
                let facts = card_facts(trainer, trainer.rows().as_ref(), valid, self.test.as_ref());
                (Job { thresholds: self.thresholds(Weights::Tuned), ..trainer.job().clone() }, Some(facts))
            }
            // Its own job file says how it was trained; PEFT's adapters have none.
            (None, Some(LoadedAdapter { folder, job, .. })) => {
                let other = || Job::new(source.clone(), None, ReadOptions::default(), self.run_config());
                let job = job.clone().unwrap_or_else(other);
                let lora = lora_of_adapter(&model.config, &weights, folder)?;
                let run = RunConfig { method: Method::Lora, lora, ..job.run };
                let thresholds = self.thresholds(Weights::Tuned);
                (Job { run, thresholds, task: job.task.or(Some(*task)), ..job }, None)
            }
            (None, None) => return Err(SessionError::NotTrained),
        };
        let is_adapted = job.run.method == Method::Lora;
        let (labels, facts) = (self.labels(), facts.as_ref());
        match format {
            ExportFormat::Adapter if !is_adapted => Err(SessionError::NoAdapter),
            ExportFormat::Adapter if !job.changes.is_empty() => Err(SessionError::ChangedBase),
            ExportFormat::Adapter => {
                let mut folder = export_adapter(model, &weights, labels, &job, facts).await?;
                // It is the same adapter: it stays as it is, with what its makers said of it.
                let own = self.adapter.as_ref().filter(|_| self.trainer.is_none()).map(|adapter| &adapter.folder);
                for name in [JOB_FILE, "README.md", RESULTS_FILE, ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
                    let is_same = name != JOB_FILE || self.chosen_thresholds.is_empty();
                    if let Some(bytes) = own.and_then(|own| own.get(name)).filter(|_| is_same) {
                        folder.insert(name, bytes);
                    }
                }
                Ok(folder.into())
            }
            ExportFormat::Merged => Ok(stream_folder(model, &weights, labels, &job, facts)?),
        }
    }

    /// The settings in force: the run's, else those the data was read with, with the model's pooling, else the model's own.
    pub(super) fn run_config(&self) -> RunConfig {
        if let Some(trainer) = &self.trainer {
            return trainer.job().run.clone();
        }
        let own = self.own_run();
        match &self.data {
            Some(data) => RunConfig { pooling: own.pooling, ..data.run.clone() },
            None => own,
        }
    }
}

/// The group of each training row by the value that it has in a column; `None` where no column is evened out.
pub(super) fn groups_of(data: &Data, rows: &dyn TaskRows, column: &str) -> Result<Option<Vec<usize>>, SessionError> {
    if column.is_empty() {
        return Ok(None);
    }
    let (name, bytes) = &data.files.train;
    let table = ColumnsOfRows::read((name.as_str(), bytes.as_slice()), &data.read)?;
    let all = rows.lengths(Split::Train).len();
    let numbers = (0..all).map(|index| rows.row_number(Split::Train, index));
    let groups = table
        .groups_of_rows(column, numbers)
        .map_err(|message| SessionError::Settings(vec![ConfigProblem { field: "balance_column".to_owned(), message }]));
    groups.map(Some)
}

/// Refuses settings that a run of the model's task has no use for or can't follow, as far as that is known before anything is
/// built.
pub(super) fn check_run(model: &LoadedModel, run: &RunConfig, has_valid_rows: bool) -> Result<(), SessionError> {
    let (config, spec) = (&model.pretrained.config, model.task.spec());
    let (figures, layers) = (spec.figure_names(), config.num_hidden_layers());
    let mut problems = run.check_for(&spec.settings_for_check(&figures), layers, has_valid_rows);
    problems.extend(model.changes().check_for(run, layers));
    if !problems.is_empty() {
        return Err(SessionError::Settings(problems));
    }
    check_head_of_run(model, model.task, model.has_head, run)?;
    let limit = config.max_tokens();
    if spec.settings.contains(&"max_seq_length") && run.max_seq_length as usize > limit {
        return Err(SessionError::TooLong { asked: run.max_seq_length, limit });
    }
    if spec.settings.contains(&"max_target_length") && run.max_target_length as usize > limit {
        let message = format!("is {}, and a target of this model has at most {limit} tokens", run.max_target_length);
        return Err(SessionError::Settings(vec![ConfigProblem { field: "max_target_length".into(), message }]));
    }
    Ok(())
}

/// Refuses a run of a task that would train beside weights that are, and stay, random; `has_head` where the model's files
/// hold the head of the task.
pub(super) fn check_head_of_run(
    model: &LoadedModel,
    task: Task,
    has_head: bool,
    run: &RunConfig,
) -> Result<(), SessionError> {
    let refused = |field: &str, message: String| {
        Err(SessionError::Settings(vec![ConfigProblem { field: field.to_owned(), message }]))
    };
    if !model.pretrained.has_weights && !run.from_scratch {
        return refused("from_scratch", "must be true: the model was loaded without weights".into());
    }
    if run.method == Method::Lora && !trains_head(task) && !has_head {
        let task = task.name();
        return refused(
            "method",
            format!(
                "lora keeps the head as it is, and the model's files have none for {task}: choose full, which trains it"
            ),
        );
    }
    Ok(())
}
