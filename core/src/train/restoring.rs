//! A run out of its checkpoint, a file at a time, so that none of them has to lie in memory beside the others.
//!
//! In: a fresh trainer of the same job and rows, and the files as they are asked for. Out: the trainer, where the checkpoint stands.

use std::collections::VecDeque;

use super::evaluations::Best;
use super::resume::{BEST_FILE, GOOD_FILES, MODEL_FILE, OPTIMIZER_FILE, check_tasks, load, load_moments, tasks_of};
use super::roll_back::GoodState;
use super::trainer::Stage;
use super::{TrainError, Trainer};
use crate::checkpoint::{CheckpointError, TrainState, read_state};
use crate::event::StopReason;
use crate::folder::Folder;
use crate::model::Model;

/// A trainer into which files of a checkpoint are put.
pub struct Restoring {
    trainer: Trainer,
    state: TrainState,
    /// Files that are still missing, in the order in which they are put in.
    waiting: VecDeque<&'static str>,
    best: Option<Model>,
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
    pub fn begin_restore(self, folder: &Folder) -> Result<Restoring, TrainError> {
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
        Ok(Restoring { trainer: self, state, waiting, best: None, good: Folder::new() })
    }
}

impl Restoring {
    /// The file of the checkpoint that is put in next; `None` once it has all of them.
    #[must_use]
    pub fn next_file(&self) -> Option<&'static str> {
        self.waiting.front().copied()
    }

    /// Puts the next file in, which is one of `files`.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn put(&mut self, files: &Folder) -> Result<(), TrainError> {
        let Some(file) = self.next_file() else { return Ok(()) };
        let trainer = &mut self.trainer;
        let (map, run) = (trainer.config.key_map(), &trainer.job.run);
        match file {
            MODEL_FILE => trainer.model = load(map, files, MODEL_FILE, trainer.model.clone(), run)?,
            BEST_FILE => self.best = Some(load(map, files, BEST_FILE, trainer.model.clone(), run)?),
            OPTIMIZER_FILE => {
                trainer.optimizer.moments.clear(); // room for those that come
                trainer.optimizer.moments = load_moments(files, &trainer.device.clone().without_autodiff())?;
            }
            file => {
                let own = GOOD_FILES.iter().find(|(name, _)| *name == file).map_or(file, |(_, own)| *own);
                if !self.good.insert_shared(own, files, file) {
                    return Err(CheckpointError::MissingFile { file }.into());
                }
            }
        }
        self.waiting.pop_front();
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
