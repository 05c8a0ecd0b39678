//! A run out of its checkpoint, a file at a time, and of weights and moments a few tensors at a time, so that none of them has to
//! lie in memory as a whole.
//!
//! In: a fresh trainer of the same job and rows, and the files as they are asked for. Out: the trainer, where the checkpoint stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::evaluations::Best;
use super::resume::{BEST_FILE, GOOD_FILES, MODEL_FILE, OPTIMIZER_FILE, check_tasks, missing_moment, tasks_of};
use super::roll_back::GoodState;
use super::trainer::Stage;
use super::{TrainError, Trainer};
use crate::checkpoint::{CheckpointError, TensorParts, TrainState, WeightFile, current_name, read_state};
use crate::event::StopReason;
use crate::folder::Folder;
use crate::model::{Model, is_trained};
use crate::nn::ParamPath;
use crate::optim::Moments;

/// A trainer into which files of a checkpoint are put.
pub struct Restoring {
    trainer: Trainer,
    state: TrainState,
    /// Files that are still missing, in the order in which they are put in.
    waiting: VecDeque<&'static str>,
    best: Option<Model>,
    /// Paths of the model that no part of the file had that is put in now; `None` before its first part.
    missing: Option<BTreeSet<String>>,
    /// First and second moments, by the paths of their parameters, of which the other did not come yet.
    halves: BTreeMap<String, [Option<Tensor<1>>; 2]>,
    /// How many values each parameter has, by its path: its moments have as many.
    sizes: BTreeMap<String, usize>,
    /// Of the state that the run goes back to if it diverges.
    good: Folder,
}

impl Trainer {
    /// Puts a fresh trainer of the same job and data where the checkpoint stands. One of a run that is over has its weights,
    /// and no event to tell.
    ///
    /// # Errors
    /// When the checkpoint is damaged or belongs to another run.
    pub fn restore(self, folder: &Folder) -> Result<Self, TrainError> {
        let mut restoring = self.begin_restore(folder)?;
        while restoring.next_file().is_some() {
            restoring.put(folder)?;
        }
        Ok(restoring.finish())
    }

    /// As [`Self::restore`], a file at a time; of the checkpoint, `folder` needs [`STATE_FILE`](crate::checkpoint::STATE_FILE).
    ///
    /// # Errors
    /// When that is damaged or belongs to another run.
    pub fn begin_restore(mut self, folder: &Folder) -> Result<Restoring, TrainError> {
        let state = read_state(folder)?;
        check_tasks(&state.job, &tasks_of(&self.job))?;
        let differs = |what: &str| TrainError::OtherRun { reason: format!("{what} differ") };
        if state.labels != self.rows.labels() {
            return Err(differs("the labels"));
        }
        if state.data_fingerprint != self.rows.fingerprint() {
            return Err(differs("the training rows (or the tokenizer)"));
        }
        if state.job.run != self.job.run {
            return Err(differs("the settings"));
        }
        if state.job.changes != self.job.changes {
            return Err(differs("the changes to the model"));
        }
        let mut waiting = VecDeque::from([MODEL_FILE, OPTIMIZER_FILE]);
        if state.best.is_some() && state.over.is_none() {
            waiting.push_back(BEST_FILE);
        }
        if state.good.is_some() {
            waiting.extend(GOOD_FILES.map(|(file, _)| file));
        }
        if state.best.is_some() || state.over.is_some() {
            self.evaluations.drop_room(); // the best weights come, or none any more
        }
        let (missing, halves, good) = (None, BTreeMap::new(), Folder::new());
        let mut sizes = Sizes::default();
        self.model.visit(&mut sizes);
        Ok(Restoring { trainer: self, state, waiting, best: None, missing, halves, sizes: sizes.found, good })
    }
}

impl Restoring {
    /// The file of the checkpoint that is put in next; `None` once it has all of them.
    #[must_use]
    pub fn next_file(&self) -> Option<&'static str> {
        self.waiting.front().copied()
    }

    /// Whether the next file is one of tensors, which [`Self::put_part`] takes a few at a time.
    #[must_use]
    pub fn takes_parts(&self) -> bool {
        self.next_file().is_some_and(|file| [MODEL_FILE, BEST_FILE, OPTIMIZER_FILE].contains(&file))
    }

    /// Puts the next file in, which is one of `files`: of one that stays where it is a tensor at a time is read.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn put(&mut self, files: &Folder) -> Result<(), TrainError> {
        let Some(file) = self.next_file() else { return Ok(()) };
        if self.takes_parts() {
            self.put_tensors(&WeightFile::open_file(files, file)?)?;
            return self.end_file();
        }
        let own = GOOD_FILES.iter().find(|(name, _)| *name == file).map_or(file, |(_, own)| *own);
        match files.stored(file) {
            // It is kept as long as the run goes on, and a file may go.
            Some((name, bytes)) => {
                let read = bytes.read(0..bytes.num_bytes());
                let read = read.map_err(|source| CheckpointError::Read { file: name.to_owned(), source })?;
                self.good.insert(own, read);
            }
            None if self.good.insert_shared(own, files, file) => {}
            None => return Err(CheckpointError::MissingFile { file }.into()),
        }
        self.waiting.pop_front();
        Ok(())
    }

    /// Puts the next tensors of the next file in, whose bytes they are. Once `parts` needs no more, [`Self::end_file`].
    ///
    /// # Errors
    /// When they are damaged, or do not belong to the model.
    pub fn put_part(&mut self, parts: &mut TensorParts, bytes: &[u8]) -> Result<(), TrainError> {
        self.put_tensors(&parts.next_tensors(bytes)?)
    }

    /// All tensors of the next file were put in.
    ///
    /// # Errors
    /// When one is missing.
    pub fn end_file(&mut self) -> Result<(), TrainError> {
        let Some(file) = self.next_file() else { return Ok(()) };
        if file == OPTIMIZER_FILE {
            if let Some((path, [first, _])) = self.halves.pop_first() {
                return Err(missing_moment(if first.is_none() { "first" } else { "second" }, &path).into());
            }
        } else {
            if self.missing.is_none() {
                self.put_tensors(&WeightFile::open_all([])?)?; // of a file without tensors each is missing
            }
            let (run, layers) = (&self.trainer.job.run, self.trainer.model.backbone.layer_counts());
            let missing = self.missing.take().unwrap_or_default();
            if let Some(path) = missing.iter().find(|path| is_trained(run.method, run.freeze, path, layers)) {
                let reason = format!("{path} is missing");
                return Err(CheckpointError::State { file: file.into(), reason }.into());
            }
            if file == MODEL_FILE {
                self.trainer.optimizer.moments.clear(); // room for those that come
            }
        }
        self.waiting.pop_front();
        Ok(())
    }

    /// Puts tensors of the next file in.
    fn put_tensors(&mut self, tensors: &WeightFile<'_>) -> Result<(), TrainError> {
        let Some(file) = self.next_file() else { return Ok(()) };
        if file == OPTIMIZER_FILE {
            return self.put_moments(tensors);
        }
        let trainer = &mut self.trainer;
        let map = trainer.config.key_map();
        let before = match file {
            BEST_FILE => self.best.take().unwrap_or_else(|| trainer.model.clone()),
            _ => trainer.model.clone(),
        };
        let (model, missing, _) = tensors.load(map, before)?;
        match file {
            BEST_FILE => self.best = Some(model),
            _ => *trainer.model = model,
        }
        let missing: BTreeSet<String> = missing.into_iter().collect();
        self.missing = Some(match self.missing.take() {
            Some(before) => before.intersection(&missing).cloned().collect(),
            None => missing,
        });
        Ok(())
    }

    fn put_moments(&mut self, tensors: &WeightFile<'_>) -> Result<(), TrainError> {
        let device = self.trainer.device.clone().without_autodiff();
        for name in tensors.names() {
            let name_now = current_name(name);
            let (half, path) = match name_now.split_once('.') {
                Some(("first", path)) => (0, path.to_owned()),
                Some(("second", path)) => (1, path.to_owned()),
                _ => continue, // it is the name of no moment
            };
            let Some(tensor) = tensors.read(name)? else { continue };
            let (expected, found) = (self.sizes.get(&path), tensor.values.len());
            if tensor.shape.len() != 1 || expected.is_some_and(|expected| *expected != found) {
                let reason = format!("{name} has the shape {:?}, which does not fit its parameter", tensor.shape);
                return Err(CheckpointError::State { file: OPTIMIZER_FILE.into(), reason }.into());
            }
            let tensor = Tensor::<1>::from_data(TensorData::new(tensor.values, tensor.shape), &device);
            let mut halves = self.halves.remove(&path).unwrap_or_default();
            halves[half] = Some(tensor);
            match halves {
                [Some(first), Some(second)] => {
                    self.trainer.optimizer.moments.insert(path, Moments { first, second });
                }
                halves => drop(self.halves.insert(path, halves)),
            }
        }
        Ok(())
    }

    /// The trainer.
    ///
    /// # Panics
    /// Where a file is missing still.
    #[must_use]
    pub fn finish(self) -> Trainer {
        assert!(self.waiting.is_empty(), "all files were put in");
        let Self { mut trainer, state, best, good, .. } = self;
        trainer.count_from(&state);
        trainer.diverged_at = state.diverged_at;
        trainer.rollbacks = state.rollbacks;
        trainer.batch_parts = state.batch_parts;
        // Of a run that is over nothing goes back to the best weights any more.
        let model = best.unwrap_or_else(|| trainer.model.clone());
        trainer.evaluations.best = state.best.map(|(value, step, evaluation)| Best { value, step, evaluation, model });
        trainer.good = state.good.map(|state| GoodState { state: *state, files: good });
        trainer.begin();
        trainer.stage = Stage::Training;
        trainer.look_before_the_first_step();
        if let Some(weights_of_step) = state.over {
            trainer.events.clear();
            trainer.stage = Stage::Over { weights_of_step };
        } else if trainer.progress.step > 0 && trainer.evaluation_is_due() {
            trainer.start_evaluation(); // the checkpoint was taken between the step and its evaluation
        } else if trainer.patience_is_over() {
            trainer.stage = trainer.ending(StopReason::EarlyStopping);
        }
        trainer
    }
}

/// Counts the values of each parameter, by its path.
#[derive(Default)]
struct Sizes {
    path: ParamPath,
    found: BTreeMap<String, usize>,
}

impl ModuleVisitor for Sizes {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join(), param.shape().num_elements());
    }
}
