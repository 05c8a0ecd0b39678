//! The model that answers: a run's, or one that is built from its file and kept for the next question.

use burn::tensor::Device;

use super::SessionError;
use super::protocol::Weights;
use super::run::{LoadedAdapter, Session};
use crate::checkpoint::{CheckpointError, LoadReport, PretrainedModel, load_adapter};
use crate::config::{Method, Pooling, RunConfig, Task};
use crate::model::{CausalLm, Model, SequenceClassifier};

/// What a classifier's head is made with where the file has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadSettings {
    pooling: Pooling,
    num_labels: usize,
    seed: u64,
}

/// A model that was built from its file.
pub(super) struct Built {
    head: HeadSettings,
    base: Model,
    /// What was in its file and what was not.
    loaded: LoadReport,
    /// With the loaded adapter on it; all other weights are shared with `base`.
    tuned: Option<Model>,
}

impl HeadSettings {
    pub(super) fn new(model: &PretrainedModel, run: &RunConfig, num_labels: usize) -> Self {
        match model.config.task() {
            Task::SequenceClassification => {
                Self { pooling: run.pooling, num_labels: num_labels.max(2), seed: run.seed }
            }
            Task::CausalLm => Self { pooling: Pooling::default(), num_labels: 0, seed: 0 }, // all of it is in the file
        }
    }

    pub(super) fn build(
        self,
        model: &PretrainedModel,
        device: &Device,
    ) -> Result<(Model, LoadReport), CheckpointError> {
        model.build(self.pooling, self.num_labels, self.seed, device)
    }
}

impl Built {
    pub(super) fn new(head: HeadSettings, base: Model, loaded: LoadReport) -> Self {
        Self { head, base, loaded, tuned: None }
    }

    /// The adapter on it is not the loaded one any more.
    pub(super) fn forget_adapter(&mut self) {
        self.tuned = None;
    }
}

impl Session {
    /// Gives back the memory of a model that was built to answer; the next question builds it again.
    pub fn release_built(&mut self) {
        self.built = None;
    }

    /// What makes the answers of the model that was loaded worthless: a part below its classifier that no file holds.
    /// None while there is a run, which trains the whole head.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let (Some((_, model)), Some(built), None) = (&self.model, &self.built, &self.trainer) else {
            return Vec::new();
        };
        let adapter = self.adapter.as_ref().map(|adapter| &adapter.folder);
        let parts = built.loaded.untrained_parts(model.config.key_map(), adapter);
        let files = if adapter.is_some() { "the model's files nor the adapter's" } else { "the model's files" };
        let neither = if adapter.is_some() { "neither in" } else { "not in" };
        let warn = |part: String| {
            format!("{part} holds random values, because it is {neither} {files}: what this model answers is arbitrary")
        };
        parts.into_iter().map(warn).collect()
    }

    /// A model for inference with these weights.
    pub(super) fn weights(&mut self, weights: Weights) -> Result<Model, SessionError> {
        let Some(trainer) = &self.trainer else { return Ok(self.kept(weights)?.for_inference()) };
        let is_adapted = trainer.job().run.method == Method::Lora && self.task()? == Task::CausalLm;
        let mut found = match weights {
            // A run of other weights holds none of the base's; beside it they are built for one question only.
            Weights::Base if !is_adapted => self.head()?.build(self.pretrained()?, &self.device)?.0,
            _ => trainer.model().clone(),
        };
        found.enable_adapters(weights == Weights::Tuned);
        Ok(found.for_inference())
    }

    /// The model without a run: built once, then kept until something else is loaded or a run begins.
    fn kept(&mut self, weights: Weights) -> Result<Model, SessionError> {
        let head = self.head()?;
        if weights == Weights::Tuned && self.adapter.is_none() {
            return Err(SessionError::NotTrained);
        }
        let kept = self.built.take().filter(|built| built.head == head); // another is gone before this one is built
        let (_, model) = self.model.as_ref().ok_or(SessionError::NoModel)?;
        let built = match kept {
            Some(built) => built,
            None => {
                let (base, loaded) = head.build(model, &self.device)?;
                Built::new(head, base, loaded)
            }
        };
        let built = self.built.insert(built);
        let (Weights::Tuned, Some(LoadedAdapter { folder: adapter, .. })) = (weights, &self.adapter) else {
            return Ok(built.base.clone());
        };
        if let Some(tuned) = &built.tuned {
            return Ok(tuned.clone());
        }
        let tuned = load_adapter(&model.config, built.base.clone(), adapter, &self.device)?;
        Ok(built.tuned.insert(tuned).clone())
    }

    fn head(&self) -> Result<HeadSettings, SessionError> {
        Ok(HeadSettings::new(self.pretrained()?, &self.run_config(), self.labels().len()))
    }

    pub(super) fn classifier(&mut self, weights: Weights) -> Result<SequenceClassifier, SessionError> {
        match self.weights(weights)? {
            Model::Classifier(model) => Ok(model),
            Model::CausalLm(_) => Err(self.other_task()),
        }
    }

    pub(super) fn language_model(&mut self, weights: Weights) -> Result<CausalLm, SessionError> {
        match self.weights(weights)? {
            Model::CausalLm(model) => Ok(model),
            Model::Classifier(_) => Err(self.other_task()),
        }
    }

    /// Why a model does not do what the other kind of model does.
    pub(super) fn other_task(&self) -> SessionError {
        let Ok(model) = self.pretrained() else { return SessionError::NoModel };
        let does = match model.config.task() {
            Task::SequenceClassification => "labels texts, it does not write them",
            Task::CausalLm => "writes texts, it does not label them",
        };
        SessionError::OtherTask { model_type: model.config.model_type(), does }
    }
}
