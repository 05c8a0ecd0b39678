//! The model that answers: a run's, or one that is built from its file and kept for the next question.

use burn::tensor::Device;

use super::SessionError;
use super::protocol::Weights;
use super::run::Session;
use crate::checkpoint::{CheckpointError, LoadReport, PretrainedModel, load_adapter};
use crate::config::{Method, Pooling, RunConfig};
use crate::folder::Folder;
use crate::model::{Backbone, Model};
use crate::task::{HeadKind, Task};

/// Outputs of a head of labels while none are known.
const DEFAULT_LABELS: usize = 2;

/// What a head is made with where the file has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadSettings {
    task: Task,
    pooling: Pooling,
    num_outputs: usize,
    seed: u64,
    /// All weights are fresh.
    is_from_scratch: bool,
}

/// A model that was built from its file.
pub(super) struct Built {
    head: HeadSettings,
    pub(super) base: Model,
    /// What was in its file and what was not.
    pub(super) loaded: LoadReport,
    /// With the loaded adapter on it; all other weights are shared with `base`.
    tuned: Option<Model>,
}

impl HeadSettings {
    /// The head of a task, for so many labels where it has any.
    pub(super) fn new(task: Task, run: &RunConfig, num_labels: usize) -> Self {
        let spec = task.spec();
        let num_outputs = match (spec.has_labels, num_labels) {
            (false, _) => spec.num_outputs,
            (true, 0) => DEFAULT_LABELS,
            (true, num_labels) => num_labels,
        };
        Self {
            task,
            pooling: if spec.head == HeadKind::Sequence { run.pooling } else { Pooling::default() },
            num_outputs,
            seed: if spec.writes() { 0 } else { run.seed }, // all of it is in the file
            is_from_scratch: false,
        }
    }

    /// The same for a run, which may begin with fresh weights.
    pub(super) fn of_run(self, run: &RunConfig) -> Self {
        let seed = if run.from_scratch { run.seed } else { self.seed };
        Self { seed, is_from_scratch: run.from_scratch, ..self }
    }

    pub(super) fn build(
        self,
        model: &PretrainedModel,
        device: &Device,
    ) -> Result<(Model, LoadReport), CheckpointError> {
        let Self { task, pooling, num_outputs, seed, is_from_scratch } = self;
        match is_from_scratch {
            true => model.build_from_scratch(task.spec().head, pooling, num_outputs, seed, device),
            false => model.build(task.spec(), pooling, num_outputs, seed, device),
        }
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

    /// Drops a model that was built with fresh weights, as a run that is dropped began.
    pub(super) fn forget_fresh(&mut self) {
        self.built.take_if(|built| built.head.is_from_scratch);
    }

    /// What makes the answers of the model that was loaded worthless: a part below its head that no file holds. None while
    /// there is a run, which trains the whole head.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let (Some(model), Some(built), None) = (&self.model, &self.built, &self.trainer) else {
            return Vec::new();
        };
        let adapter = self.adapter.as_ref().map(|adapter| &adapter.folder);
        let parts = built.loaded.untrained_parts(model.pretrained.config.key_map(), adapter);
        let files = if adapter.is_some() { "the model's files nor the adapter's" } else { "the model's files" };
        let neither = if adapter.is_some() { "neither in" } else { "not in" };
        let warn = |part: String| {
            format!("{part} holds random values, because it is {neither} {files}: what this model answers is arbitrary")
        };
        parts.into_iter().map(warn).collect()
    }

    /// A model for inference with these weights.
    pub(super) fn weights(&mut self, weights: Weights) -> Result<Model, SessionError> {
        if self.is_of_several() {
            return self.weights_of_parts(weights);
        }
        let Some(trainer) = &self.trainer else { return Ok(self.kept(weights)?.for_inference()) };
        // Adapters stand beside the base's own weights, unless its head is trained whole.
        let keeps_base = trainer.job().run.method == Method::Lora && !trains_head(self.task()?);
        let mut found = match weights {
            // A run of other weights holds none of the base's: beside it they are built once, for all questions until another begins.
            Weights::Base if !keeps_base => return Ok(self.kept(Weights::Base)?.for_inference()),
            _ => trainer.model().clone(),
        };
        found.enable_adapters(weights == Weights::Tuned);
        Ok(found.for_inference())
    }

    /// The model as it is before a run: built once, then kept until something else is loaded or a run begins.
    pub(super) fn kept(&mut self, weights: Weights) -> Result<Model, SessionError> {
        let head = self.head()?;
        if weights == Weights::Tuned && self.adapter.is_none() {
            return Err(SessionError::NotTrained);
        }
        let kept = self.built.take().filter(|built| built.head == head); // another is gone before this one is built
        let model = &self.model.as_ref().ok_or(SessionError::NoModel)?.pretrained;
        let built = match kept {
            Some(built) => built,
            None => {
                let (base, loaded) = head.build(model, &self.device)?;
                Built::new(head, base, loaded)
            }
        };
        let built = self.built.insert(built);
        let (Weights::Tuned, Some(adapter)) = (weights, &self.adapter) else {
            return Ok(built.base.clone());
        };
        if let Some(tuned) = &built.tuned {
            return Ok(tuned.clone());
        }
        let mut tuned = load_adapter(&model.config, built.base.clone(), &adapter.folder, &self.device)?;
        if let Backbone::Encoder(encoder) = &mut tuned.backbone
            && adapter.drops_token_types(&model.config)
        {
            encoder.ignore_token_types();
        }
        Ok(built.tuned.insert(tuned).clone())
    }

    fn head(&self) -> Result<HeadSettings, SessionError> {
        let run = self.run_config();
        let head = HeadSettings::new(self.task()?, &run, self.labels().len());
        // What a model was trained with says how it began, not how its files are read.
        Ok(if self.trainer.is_some() { head.of_run(&run) } else { head })
    }
}

/// Whether the head is trained whole beside adapters: one that scores the vocabulary stays as it is, and a pooled one has
/// no weights.
pub(super) fn trains_head(task: Task) -> bool {
    match task.spec().head {
        HeadKind::Sequence | HeadKind::Token | HeadKind::Span | HeadKind::Image => true,
        HeadKind::MaskedLm | HeadKind::CausalLm | HeadKind::Seq2seqLm | HeadKind::Pooled => false,
    }
}

/// Whether the files of a model that stay where they are can still be read there: a byte of each is.
///
/// # Errors
/// Names the one that can't.
pub(super) fn check_readable(model: &Folder) -> Result<(), CheckpointError> {
    for name in model.names().filter(|name| model.stored(name).is_some_and(|(_, bytes)| bytes.num_bytes() > 0)) {
        model.read(name, 0..1).map_err(|source| CheckpointError::Read { file: name.to_owned(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::ops::Range;
    use std::rc::Rc;

    use futures_lite::future::block_on;

    use super::*;
    use crate::config::{ModelSource, ReadOptions};
    use crate::data::DataFiles;
    use crate::folder::StoredBytes;

    /// A file of a disk that may be deleted.
    #[derive(Debug)]
    struct OnDisk {
        bytes: &'static [u8],
        is_gone: Cell<bool>,
    }

    impl StoredBytes for OnDisk {
        fn num_bytes(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
            match self.is_gone.get() {
                true => Err(io::ErrorKind::NotFound.into()),
                false => Ok(self.bytes[range.start as usize..range.end as usize].to_vec()),
            }
        }
    }

    #[test]
    fn a_run_that_cannot_begin_costs_none_that_is_there() {
        let weights: &[u8] = include_bytes!("../../../tests/fixtures/tiny_encoder/model.safetensors");
        let disk = Rc::new(OnDisk { bytes: weights, is_gone: Cell::new(false) });
        let mut folder = Folder::new();
        folder.insert("config.json", include_bytes!("../../../tests/fixtures/tiny_encoder/config.json"));
        folder.insert("tokenizer.json", include_bytes!("../../../tests/fixtures/tiny_encoder/tokenizer.json"));
        let stored: Rc<dyn StoredBytes> = disk.clone();
        folder.insert_stored("model.safetensors", stored);
        let run = RunConfig { num_train_epochs: 1, batch_size: 8, max_seq_length: 16, ..RunConfig::default() };
        let rows: String = (0..40).map(|row| format!("my lord is come {row},{}\n", ["a", "b"][row % 2])).collect();
        let train = ("rows.csv".to_owned(), format!("text,label\n{rows}").into_bytes());
        let mut session = Session::new(Device::flex());
        session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
        let files = DataFiles { train, ..DataFiles::default() };
        session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
        session.start(run.clone()).expect("it starts");
        while block_on(session.next_event()).expect("the run goes on").is_some() {}

        disk.is_gone.set(true);
        let error = session.start(run.clone()).expect_err("there is nothing to begin with").to_string();
        assert!(error.contains("model.safetensors can't be read any more"), "{error}");
        assert!(session.is_trained() && session.weights_of_step().is_some(), "the run before is there");
        block_on(session.checkpoint()).expect("with its weights");
        disk.is_gone.set(false);
        session.start(run).expect("and the next one starts");
    }

    #[test]
    fn a_head_follows_its_task_its_labels_and_what_the_run_says_of_it() {
        let run = RunConfig { pooling: Pooling::Mean, seed: 7, ..RunConfig::default() };
        for &task in Task::ALL {
            let spec = task.spec();
            let (none, three) = (HeadSettings::new(task, &run, 0), HeadSettings::new(task, &run, 3));
            let expected = if spec.has_labels { [2, 3] } else { [spec.num_outputs; 2] };
            assert_eq!([none.num_outputs, three.num_outputs], expected, "{}", task.name());
            let has_pooling = spec.head == HeadKind::Sequence;
            assert_eq!(none.pooling == Pooling::Mean, has_pooling, "{}", task.name());
            assert_eq!(none.seed == 7, !spec.writes(), "{}", task.name());
            assert_eq!(none.of_run(&run), none, "{}", task.name());
            let fresh = none.of_run(&RunConfig { from_scratch: true, ..run.clone() });
            assert!(fresh.is_from_scratch && fresh.seed == 7, "{}", task.name());
        }
    }
}
