//! One model, one data set, one run: what every driver drives (terminal, worker, server).

use burn::tensor::Device;

use super::protocol::{ModelInfo, Problem, ProblemKind, Weights};
use crate::checkpoint::{CardFacts, CheckpointError, PretrainedModel, export_folder, read_job};
use crate::config::{Job, ModelSource, ReadOptions, RunConfig};
use crate::data::{
    DataError, DataFiles, DataReport, Dataset, Encoded, Example, Padding, ReadSummary, build_dataset, encode_texts,
    report,
};
use crate::event::{Split, TrainEvent};
use crate::folder::Folder;
use crate::loss::LossConfig;
use crate::metrics::{Evaluation, RowPrediction};
use crate::model::SequenceClassifier;
use crate::tokenizer::TokenizerError;
use crate::train::{Evaluator, TrainError, TrainInputs, TrainSplit, Trainer, predict};

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
    /// The error as the page shows it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (kind, hint) = match self {
            Self::NoModel => (ProblemKind::Model, "choose a model first"),
            Self::NoData => (ProblemKind::Data, "choose a data file first"),
            Self::NotTrained => (ProblemKind::Config, "start a run first"),
            Self::EmptySplit { .. } => (ProblemKind::Data, "give a file for it, or set its share of rows above 0"),
            Self::TooLong { .. } => (ProblemKind::Config, "set max_seq_length to the model's limit or less"),
            Self::Data(_) => (ProblemKind::Data, "correct the file or choose other columns; nothing was lost"),
            Self::Tokenizer(_) => (ProblemKind::Model, "choose the tokenizer files that belong to this model"),
            Self::Checkpoint(CheckpointError::Device(_)) | Self::Train(TrainError::Device(_)) => {
                (ProblemKind::Device, "restart the worker; data, settings and the last checkpoint are kept")
            }
            Self::Checkpoint(_) | Self::Train(TrainError::Checkpoint(_)) => (
                ProblemKind::Model,
                "choose config.json, model.safetensors and the tokenizer of one and the same model",
            ),
            Self::Train(TrainError::Diverged { .. } | TrainError::NotFinite { .. }) => {
                (ProblemKind::Diverged, "lower the learning rate or raise the warm-up, then start again")
            }
            Self::Train(TrainError::NoRows) => (ProblemKind::Data, "choose a file with more rows"),
            Self::Train(TrainError::OtherRun { .. }) => {
                (ProblemKind::Config, "resume with the model, data and settings that the run began with")
            }
        };
        Problem { kind, message: self.to_string(), hint: hint.into() }
    }
}

struct Data {
    files: DataFiles,
    dataset: Dataset,
    read: ReadOptions,
    run: RunConfig,
}

/// One model, one data set, one run.
pub struct Session {
    device: Device,
    model: Option<(ModelSource, PretrainedModel)>,
    data: Option<Data>,
    trainer: Option<Trainer>,
    test: Option<Evaluation>,
}

impl Session {
    /// An empty session on `device` (without autodiff).
    #[must_use]
    pub fn new(device: Device) -> Self {
        Self { device: device.without_autodiff(), model: None, data: None, trainer: None, test: None }
    }

    /// Checks a model's files and keeps them. A run that was there is dropped.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; what was loaded before stays.
    pub fn load_model(&mut self, source: ModelSource, folder: Folder) -> Result<ModelInfo, SessionError> {
        let pretrained = PretrainedModel::open(folder)?;
        let num_labels = pretrained.config.labels.len().max(2);
        // Built once here so that missing or misshapen weights are told now and not at the start of a run.
        let (model, loaded) = pretrained.build(pretrained.run.pooling, num_labels, 0, &self.device)?;
        let config = &pretrained.config;
        let mut notes = Vec::new();
        if !loaded.fresh.is_empty() {
            notes.push(format!("fresh weights for {}", loaded.fresh.join(", ")));
        }
        if !loaded.unused.is_empty() {
            notes.push(format!("not used: {}", loaded.unused.join(", ")));
        }
        let has_head = !loaded.fresh.iter().any(|path| path.starts_with("head.classifier"));
        let info = ModelInfo {
            source: source.clone(),
            model_type: config.model_type().into(),
            num_parameters: burn::module::Module::num_params(&model),
            hidden_size: config.encoder.hidden_size,
            num_hidden_layers: config.encoder.num_hidden_layers,
            max_position_embeddings: config.max_tokens(),
            vocab_size: config.encoder.vocab_size,
            labels: if has_head { config.labels.clone() } else { Vec::new() },
            notes,
        };
        self.model = Some((source, pretrained));
        self.trainer = None;
        self.test = None;
        Ok(info)
    }

    /// Reads the data files; needs a model, for its tokenizer.
    ///
    /// # Errors
    /// Says what is wrong, with row and column; what was loaded before stays.
    pub fn load_data(
        &mut self,
        files: DataFiles,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<DataReport, SessionError> {
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let (mut dataset, summary) = build_dataset(&files, read, &run.split, run.seed)?;
        adopt_model_labels(&mut dataset, &model.config.labels);
        let report = self.report(&dataset, &summary, run)?;
        let read = ReadOptions {
            text_column: Some(report.text_column.clone()),
            label_column: Some(report.label_column.clone()),
            ..read.clone()
        };
        self.data = Some(Data { files, dataset, read, run: run.clone() });
        Ok(report)
    }

    /// Reads the loaded files again with other options.
    ///
    /// # Errors
    /// As [`Self::load_data`]; the reading before stays.
    pub fn reread_data(&mut self, read: &ReadOptions, run: &RunConfig) -> Result<DataReport, SessionError> {
        let data = self.data.take().ok_or(SessionError::NoData)?;
        let files = data.files.clone();
        let result = self.load_data(files, read, run);
        if result.is_err() {
            self.data = Some(data);
        }
        result
    }

    fn report(&self, dataset: &Dataset, summary: &ReadSummary, run: &RunConfig) -> Result<DataReport, SessionError> {
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let limit = model.config.max_tokens().min(run.max_seq_length as usize);
        let mut lengths = Vec::new();
        for split in [&dataset.train, &dataset.valid, &dataset.test] {
            lengths.extend(encode(model, split, limit)?.iter().map(|row| row.num_tokens_untruncated));
        }
        Ok(report(summary, dataset, &lengths, limit))
    }

    /// Starts a run; a run that was there is dropped.
    ///
    /// # Errors
    /// When model or data are missing, or a setting does not fit them.
    pub fn start(&mut self, run: RunConfig) -> Result<Job, SessionError> {
        let (trainer, job) = self.prepare(run)?;
        self.trainer = Some(trainer);
        self.test = None;
        Ok(job)
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

    fn prepare(&mut self, run: RunConfig) -> Result<(Trainer, Job), SessionError> {
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        if data.run.split != run.split || data.run.seed != run.seed {
            let read = data.read.clone();
            self.reread_data(&read, &run)?;
        }
        let (source, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let limit = model.config.max_tokens();
        if run.max_seq_length as usize > limit {
            return Err(SessionError::TooLong { asked: run.max_seq_length, limit });
        }
        let labels = data.dataset.labels.clone();
        let max = run.max_seq_length as usize;
        let split = |rows: &[Example]| -> Result<TrainSplit, SessionError> {
            Ok(TrainSplit { examples: rows.to_vec(), encoded: encode(model, rows, max)? })
        };
        let inputs = TrainInputs {
            train: split(&data.dataset.train)?,
            valid: split(&data.dataset.valid)?,
            test: split(&data.dataset.test)?,
            padding: padding(model, &run),
            loss: LossConfig { num_labels: labels.len(), label_smoothing: 0.0, class_weights: None },
            labels,
        };
        let device = self.device.clone().autodiff();
        let (classifier, _) = model.build(run.pooling, inputs.labels.len(), run.seed, &device)?;
        let job = Job::new(source.clone(), Some(data.files.train.0.clone()), data.read.clone(), run);
        let trainer = Trainer::new(job.clone(), inputs, model.config.key_map(), classifier, device)?;
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

    /// Whether there is a trained model.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.trainer.is_some()
    }

    /// Labels in the order of the logits.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        match (&self.trainer, &self.data, &self.model) {
            (Some(trainer), _, _) => &trainer.inputs().labels,
            (None, Some(data), _) => &data.dataset.labels,
            (None, None, Some((_, model))) => &model.config.labels,
            (None, None, None) => &[],
        }
    }

    /// Measures a split with either weights; `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the split is empty or the device fails.
    pub async fn evaluate(
        &mut self,
        weights: Weights,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Evaluation, Vec<RowPrediction>), SessionError> {
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let run = self.run_config();
        let rows = match split {
            Split::Train => &data.dataset.train,
            Split::Valid => &data.dataset.valid,
            Split::Test => &data.dataset.test,
        };
        if rows.is_empty() {
            return Err(SessionError::EmptySplit { split });
        }
        let padding = padding(model, &run);
        let rows = TrainSplit { examples: rows.clone(), encoded: encode(model, rows, padding.max_length)? };
        let classifier = self.classifier(weights)?;
        let mut evaluator = Evaluator::new(&rows, self.labels());
        loop {
            let more = evaluator.advance(&classifier, &rows, &padding, &self.device).await?;
            let (done, total) = evaluator.progress();
            progress(done, total);
            if !more {
                break;
            }
        }
        let (evaluation, predictions) = evaluator.finish();
        if weights == Weights::Tuned && split == Split::Test {
            self.test = Some(evaluation.clone());
        }
        Ok((evaluation, predictions))
    }

    /// Probabilities of texts, in the order of the labels.
    ///
    /// # Errors
    /// When no model is there or the device fails.
    pub async fn predict(&mut self, texts: &[String], weights: Weights) -> Result<Vec<Vec<f32>>, SessionError> {
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let padding = padding(model, &self.run_config());
        let encoded = encode_texts(&model.tokenizer, texts.iter().map(|text| (text.as_str(), 0)), padding.max_length)?;
        Ok(predict(&self.classifier(weights)?, &encoded, &padding, &self.device).await?)
    }

    /// The tuned model as a Hugging Face folder.
    ///
    /// # Errors
    /// When nothing was trained or the device fails.
    pub async fn export(&mut self) -> Result<Folder, SessionError> {
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
        let inputs = trainer.inputs();
        let (step, valid) = trainer.weights_of_step();
        let facts = CardFacts {
            num_rows: [inputs.train.len(), inputs.valid.len(), inputs.test.len()],
            step,
            valid: valid.cloned(),
            test: self.test.clone(),
        };
        let labels = inputs.labels.clone();
        Ok(export_folder(model, &trainer.model().for_inference(), &labels, trainer.job(), &facts).await?)
    }

    /// The settings in force: the run's, else those the data was read with, else the defaults with the model's pooling.
    fn run_config(&self) -> RunConfig {
        if let Some(trainer) = &self.trainer {
            return trainer.job().run.clone();
        }
        let own = self.model.as_ref().map(|(_, model)| model.run.clone()).unwrap_or_default();
        match &self.data {
            Some(data) => RunConfig { pooling: own.pooling, ..data.run.clone() },
            None => own,
        }
    }

    fn classifier(&self, weights: Weights) -> Result<SequenceClassifier, SessionError> {
        match weights {
            Weights::Tuned => {
                let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
                Ok(trainer.model().for_inference())
            }
            Weights::Base => {
                let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
                let run = self.run_config();
                let num_labels = self.labels().len().max(2);
                Ok(model.build(run.pooling, num_labels, run.seed, &self.device)?.0.for_inference())
            }
        }
    }
}

fn encode(model: &PretrainedModel, rows: &[Example], max: usize) -> Result<Vec<Encoded>, TokenizerError> {
    encode_texts(&model.tokenizer, rows.iter().map(|row| (row.text.as_str(), row.label)), max)
}

fn padding(model: &PretrainedModel, run: &RunConfig) -> Padding {
    Padding {
        pad_token_id: model.config.pad_token_id,
        multiple_of: run.pad_to_multiple_of.max(1) as usize,
        max_length: model.config.max_tokens().min(run.max_seq_length as usize),
        positions: model.config.position_ids(),
    }
}

/// Where the model already tells these labels apart, its numbering is kept.
fn adopt_model_labels(dataset: &mut Dataset, model_labels: &[String]) {
    let position = |label: &String| model_labels.iter().position(|known| known == label);
    let Some(map) = dataset.labels.iter().map(position).collect::<Option<Vec<usize>>>() else { return };
    for split in [&mut dataset.train, &mut dataset.valid, &mut dataset.test] {
        for row in split.iter_mut() {
            row.label = map[row.label];
        }
    }
    dataset.labels = model_labels.to_vec();
}
