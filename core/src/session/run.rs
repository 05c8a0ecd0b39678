//! One model, one data set, one run: what every driver drives (terminal, worker, server).

use std::borrow::Cow;

use burn::tensor::Device;

use super::facts::hashes_of;
use super::protocol::{ModelInfo, Weights};
use super::reading::Tokens;
use super::weights::{Built, HeadSettings};
use super::{SessionError, classes, texts};
use crate::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, CardFacts, PretrainedModel, adapter_labels, export_adapter, export_folder,
    lora_of_adapter, read_adapter_config, read_job,
};
use crate::config::{ExportFormat, JOB_FILE, Job, Method, ModelSource, ReadOptions, RunConfig, Task};
use crate::data::causal_lm::{LmDataset, LmReport};
use crate::data::{DataError, DataFiles, DataReport, Dataset, Padding};
use crate::event::{Split, TrainEvent};
use crate::folder::Folder;
use crate::metrics::{Evaluation, Figures, RowPrediction};
use crate::model::ModelConfig;
use crate::train::{ClassEvaluator, TrainInputs, TrainSplit, Trainer};

/// What a data set holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// Texts with labels.
    Classes(Box<DataReport>),
    /// Texts to go on with.
    Texts(Box<LmReport>),
}

/// Rows of a data set.
pub(super) enum Rows {
    Classes(Dataset),
    Texts(LmDataset),
}

pub(super) struct Data {
    pub(super) files: DataFiles,
    pub(super) rows: Rows,
    /// Of the rows, by the tokenizer of the loaded model and for the length of `run`.
    pub(super) tokens: Option<Tokens>,
    pub(super) read: ReadOptions,
    pub(super) run: RunConfig,
}

/// An adapter in PEFT's layout, and what it says about itself.
pub(super) struct LoadedAdapter {
    pub(super) folder: Folder,
    /// Of its head, if it has one.
    pub(super) labels: Option<Vec<String>>,
    /// How it was trained, if Hone trained it.
    pub(super) job: Option<Job>,
}

/// One model, one data set, one run.
pub struct Session {
    pub(super) device: Device,
    pub(super) model: Option<(ModelSource, PretrainedModel)>,
    /// The model's file holds the head that its labels belong to.
    has_head: bool,
    /// What the file's head is for, where that is nothing that texts are labeled with.
    pub(super) unsupported_head: Option<&'static str>,
    /// An adapter that was loaded, not trained here.
    pub(super) adapter: Option<LoadedAdapter>,
    /// What answers while there is no run.
    pub(super) built: Option<Built>,
    pub(super) data: Option<Data>,
    pub(super) trainer: Option<Trainer>,
    pub(super) test: Option<Figures>,
}

impl Session {
    /// An empty session on `device` (without autodiff).
    #[must_use]
    pub fn new(device: Device) -> Self {
        let device = device.without_autodiff();
        Self {
            device,
            model: None,
            has_head: false,
            unsupported_head: None,
            adapter: None,
            built: None,
            data: None,
            trainer: None,
            test: None,
        }
    }

    /// Checks a model's files and keeps them. A run that was there is dropped.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; what was loaded before stays.
    pub fn load_model(&mut self, source: ModelSource, folder: Folder) -> Result<ModelInfo, SessionError> {
        let pretrained = PretrainedModel::open(folder)?;
        self.release_built();
        // Built here so that missing or misshapen weights are told now and not at the start of a run.
        let head = HeadSettings::new(&pretrained, &pretrained.run, pretrained.config.labels.len());
        let (mut model, loaded) = head.build(&pretrained, &self.device)?;
        let config = &pretrained.config;
        let mut notes = Vec::new();
        let unsupported_head = config.unsupported_head().filter(|_| pretrained.has_classifier());
        if let Some(head) = unsupported_head {
            notes.push(format!("its head is for {head}, which is not supported yet: a run begins with a fresh one"));
        }
        notes.extend(loaded.sentences());
        notes.extend(pretrained.tokenizer.notes().iter().cloned());
        if let Some(Err(error)) = pretrained.folder.get(JOB_FILE).map(Job::from_json) {
            let unknown = "the settings that it was trained with are not known";
            notes.push(format!("{JOB_FILE} can't be used, so {unknown}: {error}"));
        }
        // Without its chat template a model still writes on from a text.
        let has_chat_template = texts::chat_template(&pretrained).map(|template| template.is_some());
        let has_chat_template = has_chat_template.unwrap_or_else(|error| {
            notes.push(format!("it can't be talked with: {error}"));
            false
        });
        let has_head = !loaded.fresh.iter().any(|path| path.starts_with("head.classifier"));
        let info = ModelInfo {
            source: source.clone(),
            task: config.task(),
            model_type: config.model_type().into(),
            num_parameters: burn::module::Module::num_params(&model),
            hidden_size: config.hidden_size(),
            num_hidden_layers: config.num_hidden_layers(),
            max_position_embeddings: config.max_tokens(),
            vocab_size: config.vocab_size(),
            labels: if has_head { config.labels.clone() } else { Vec::new() },
            module_names: model.module_names(config.key_map()),
            target_modules: default_targets(config),
            has_chat_template,
            notes,
        };
        self.model = Some((source, pretrained));
        if let Some(data) = &mut self.data {
            data.tokens = None; // they were another tokenizer's
        }
        self.has_head = has_head;
        self.unsupported_head = unsupported_head;
        self.built = Some(Built::new(head, model, loaded));
        self.adapter = None;
        self.trainer = None;
        self.test = None;
        Ok(info)
    }

    /// Puts an adapter in PEFT's layout on the loaded model: it answers as the tuned model until a run is started, with the
    /// labels of its own head, if it has one.
    ///
    /// # Errors
    /// When it does not fit the model; the one before stays.
    pub fn load_adapter(&mut self, folder: Folder) -> Result<(), SessionError> {
        read_adapter_config(&folder)?;
        let labels = adapter_labels(&self.pretrained()?.config, &folder)?;
        let job = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok());
        let before = self.adapter.replace(LoadedAdapter { folder, labels, job });
        if let Some(built) = &mut self.built {
            built.forget_adapter();
        }
        if let Err(error) = self.weights(Weights::Tuned) {
            self.adapter = before;
            return Err(error);
        }
        let known = self.known_labels().to_vec();
        if let Some(Data { rows: Rows::Classes(dataset), .. }) = &mut self.data {
            classes::adopt_labels(dataset, &known);
        }
        Ok(())
    }

    /// Starts a run; a run that was there is dropped.
    ///
    /// # Errors
    /// When model or data are missing, or a setting does not fit them.
    pub fn start(&mut self, run: RunConfig) -> Result<Job, SessionError> {
        self.forget_run();
        let (trainer, job) = self.prepare(run)?;
        self.trainer = Some(trainer);
        Ok(job)
    }

    /// Drops the run, if there is one: one that failed has nothing to say.
    pub fn forget_run(&mut self) {
        (self.trainer, self.test) = (None, None);
    }

    /// Goes on with a run from its checkpoint; model and data must be loaded as at its start.
    ///
    /// # Errors
    /// When the checkpoint is damaged or belongs to another run.
    pub fn resume(&mut self, checkpoint: &Folder) -> Result<Job, SessionError> {
        let saved = read_job(checkpoint)?;
        let (trainer, job) = self.prepare(saved.run)?;
        self.trainer = Some(trainer.restore(checkpoint)?);
        self.test = None;
        Ok(job)
    }

    fn prepare(&mut self, mut run: RunConfig) -> Result<(Trainer, Job), SessionError> {
        let problems = run.check();
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        if data.run.split != run.split || data.run.seed != run.seed {
            let read = data.read.clone();
            self.reread_data(&read, &run)?;
        }
        let (source, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let num_valid = match &data.rows {
            Rows::Classes(dataset) => dataset.valid.len(),
            Rows::Texts(dataset) => dataset.valid.len(),
        };
        let problems = run.check_for(model.config.task(), model.config.num_hidden_layers(), num_valid > 0);
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        let limit = model.config.max_tokens();
        if run.max_seq_length as usize > limit {
            return Err(SessionError::TooLong { asked: run.max_seq_length, limit });
        }
        if run.method == Method::Lora && run.lora.target_modules.is_empty() {
            run.lora.target_modules = default_targets(&model.config); // so that the job file says what was adapted
        }
        let (inputs, num_labels) = match &data.rows {
            Rows::Classes(dataset) => {
                if let [label] = dataset.labels.as_slice() {
                    let num_rows = dataset.train.len();
                    return Err(DataError::OneClass { label: label.clone(), num_rows }.into());
                }
                let known = self.class_tokens(classes::limit(model, &run));
                (classes::inputs(model, dataset, known, &run)?, dataset.labels.len())
            }
            Rows::Texts(dataset) => {
                let known = self.text_tokens(texts::limit(model, &run));
                (texts::inputs(model, dataset, known, &run)?, 0)
            }
        };
        let device = self.device.clone().autodiff();
        self.built = None; // the run has weights of its own
        let (built, _) = model.build(run.pooling, num_labels, run.seed, &device)?;
        let data_sha256 = hashes_of(&data.files);
        let job = Job::new(source.clone(), Some(data.files.train.0.clone()), data.read.clone(), run);
        let job = Job { data_sha256, ..job };
        let trainer = Trainer::new(job.clone(), inputs, model.config.clone(), built, device)?;
        Ok((trainer, job))
    }

    /// Advances the run by at most one micro-batch; `None` when it is over.
    ///
    /// # Errors
    /// When the run can't go on.
    pub async fn next_event(&mut self) -> Result<Option<TrainEvent>, SessionError> {
        let trainer = self.trainer.as_mut().ok_or(SessionError::NotTrained)?;
        Ok(trainer.next_event().await?)
    }

    /// Everything that restores the run exactly.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn checkpoint(&mut self) -> Result<Folder, SessionError> {
        let trainer = self.trainer.as_mut().ok_or(SessionError::NotTrained)?;
        Ok(trainer.checkpoint().await?)
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

    /// What the loaded model is for.
    ///
    /// # Errors
    /// When none is loaded.
    pub fn task(&self) -> Result<Task, SessionError> {
        Ok(self.pretrained()?.config.task())
    }

    /// Labels that the loaded model and its adapter tell apart; none where its head is fresh.
    #[must_use]
    pub fn model_labels(&self) -> &[String] {
        let of_adapter = self.adapter.as_ref().is_some_and(|adapter| adapter.labels.is_some());
        if self.has_head || of_adapter { self.known_labels() } else { &[] }
    }

    /// Labels by their places in the adapter's head, else those that the model's config names.
    pub(super) fn known_labels(&self) -> &[String] {
        let of_adapter = self.adapter.as_ref().and_then(|adapter| adapter.labels.as_deref());
        of_adapter.or(self.model.as_ref().map(|(_, model)| model.config.labels.as_slice())).unwrap_or_default()
    }

    /// Labels in the order of the logits; none for a language model.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        let has_own_head = self.adapter.as_ref().is_some_and(|adapter| adapter.labels.is_some());
        match (&self.trainer, &self.data) {
            (Some(trainer), _) => trainer.inputs().labels(),
            (None, Some(Data { rows: Rows::Classes(dataset), .. })) if !has_own_head => &dataset.labels,
            (None, _) => self.known_labels(),
        }
    }

    /// Measures a split of labeled rows with either weights; `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the split is empty, the model is no classifier or has a head for another task, or the device fails.
    pub async fn evaluate(
        &mut self,
        weights: Weights,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Evaluation, Vec<RowPrediction>), SessionError> {
        self.check_head(weights)?;
        let classifier = self.classifier(weights)?;
        let (rows, padding) = self.labeled(split)?;
        if rows.is_empty() {
            return Err(SessionError::EmptySplit { split });
        }
        let mut evaluator = ClassEvaluator::new(&rows, self.labels());
        while evaluator.advance(&classifier, &rows, &padding, &self.device).await? {
            let (done, total) = evaluator.progress();
            progress(done, total);
        }
        let (mut evaluation, predictions) = evaluator.finish();
        if let Some(id) = self.most_frequent_label() {
            evaluation.set_baseline(id);
        }
        if weights == Weights::Tuned && split == Split::Test {
            self.test = Some(Figures::Classes(Box::new(evaluation.clone())));
        }
        Ok((evaluation, predictions))
    }

    /// The rows of a split, and how they are padded. A run is measured on its own rows: among those that were read since
    /// may be some that it was trained on, or labels that it does not know.
    fn labeled(&self, split: Split) -> Result<(Cow<'_, TrainSplit>, Padding), SessionError> {
        if let Some(trainer) = &self.trainer {
            return match trainer.inputs() {
                TrainInputs::Classes(inputs) => Ok((Cow::Borrowed(inputs.split(split)), inputs.padding)),
                TrainInputs::Tokens(_) => Err(self.other_task()),
            };
        }
        let Rows::Classes(dataset) = &self.data.as_ref().ok_or(SessionError::NoData)?.rows else {
            return Err(self.other_task());
        };
        if dataset.labels != self.labels() {
            return Err(SessionError::OtherLabels);
        }
        let padding = self.padding(&self.run_config())?;
        let known = self.class_tokens(padding.max_length);
        let rows = classes::split(self.pretrained()?, dataset, known, split, padding.max_length)?;
        Ok((Cow::Owned(rows), padding))
    }

    /// Probabilities of texts, in the order of the labels. Texts that are too long are cut: see
    /// [`Session::find_cut_texts`].
    ///
    /// # Errors
    /// When no model is there, it is no classifier or has a head for another task, or the device fails.
    pub async fn predict(&mut self, inputs: &[String], weights: Weights) -> Result<Vec<Vec<f32>>, SessionError> {
        self.check_head(weights)?;
        let padding = self.padding(&self.answer_config())?;
        let encoded = classes::encode(self.pretrained()?, inputs, padding.max_length)?;
        let classifier = self.classifier(weights)?;
        Ok(crate::train::predict(&classifier, &encoded, &padding, &self.device).await?)
    }

    /// The tuned model as a folder: weights as `transformers` loads them, or an adapter as PEFT does.
    ///
    /// # Errors
    /// When nothing was trained, an adapter is asked for and there is none, or the device fails.
    pub async fn export(&mut self, format: ExportFormat) -> Result<Folder, SessionError> {
        let weights = self.weights(Weights::Tuned)?;
        let (source, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let (job, facts) = match (&self.trainer, &self.adapter) {
            (Some(trainer), _) => {
                let (step, valid) = trainer.weights_of_step();
                let num_rows = trainer.inputs().num_rows();
                let valid = valid.cloned().map(|figures| self.with_baseline(figures));
                let facts = CardFacts { num_rows, step, valid, test: self.test.clone() };
                (trainer.job().clone(), Some(facts))
            }
            // Its own job file says how it was trained; PEFT's adapters have none.
            (None, Some(LoadedAdapter { folder, job, .. })) => {
                let other = || Job::new(source.clone(), None, ReadOptions::default(), self.run_config());
                let job = job.clone().unwrap_or_else(other);
                let lora = lora_of_adapter(&model.config, &weights, folder)?;
                let run = RunConfig { method: Method::Lora, lora, ..job.run };
                (Job { run, ..job }, None)
            }
            (None, None) => return Err(SessionError::NotTrained),
        };
        let is_adapted = job.run.method == Method::Lora;
        let (labels, facts) = (self.labels(), facts.as_ref());
        match format {
            ExportFormat::Adapter if !is_adapted => Err(SessionError::NoAdapter),
            ExportFormat::Adapter => {
                let mut folder = export_adapter(model, &weights, labels, &job, facts).await?;
                // It is the same adapter: it stays as it is, with what its makers said of it.
                let own = self.adapter.as_ref().filter(|_| self.trainer.is_none()).map(|adapter| &adapter.folder);
                for name in [JOB_FILE, "README.md", ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
                    if let Some(bytes) = own.and_then(|own| own.get(name)) {
                        folder.insert(name, bytes);
                    }
                }
                Ok(folder)
            }
            ExportFormat::Merged => Ok(export_folder(model, &weights, labels, &job, facts).await?),
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

    /// The loaded model.
    pub(super) fn pretrained(&self) -> Result<&PretrainedModel, SessionError> {
        self.model.as_ref().map(|(_, model)| model).ok_or(SessionError::NoModel)
    }

    fn padding(&self, run: &RunConfig) -> Result<Padding, SessionError> {
        Ok(padding(self.pretrained()?, run))
    }
}

/// How batches for a model are padded.
pub(super) fn padding(model: &PretrainedModel, run: &RunConfig) -> Padding {
    Padding {
        pad_token_id: model.config.pad_token_id,
        multiple_of: run.pad_to_multiple_of.max(1) as usize,
        max_length: texts::limit(model, run),
        positions: model.config.position_ids(),
    }
}

fn default_targets(config: &ModelConfig) -> Vec<String> {
    config.architecture.default_target_modules().iter().map(|&name| name.to_owned()).collect()
}
