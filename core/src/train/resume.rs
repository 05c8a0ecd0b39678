//! A run to bytes, from which `restoring` makes it again: after [`Trainer::restore`] it goes on as if it had never stopped.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::readings::Readings;
use super::trainer::{Progress, Stage};
use super::{TrainError, Trainer};
use crate::checkpoint::{
    CheckpointError, FileStream, PendingTensor, STATE_FILE, TensorFile, TrainState, WeightFile, pending_weights,
    read_tensors, weights_file,
};
use crate::config::{Job, RunConfig};
use crate::folder::Folder;
use crate::model::{KeyMap, Model, is_trained};
use crate::optim::{Moments, trained_weights};
use crate::task::Task;

pub(super) const MODEL_FILE: &str = "model.safetensors";
pub(super) const BEST_FILE: &str = "best.safetensors";
pub(super) const OPTIMIZER_FILE: &str = "optimizer.safetensors";
/// The files of the state that a run goes back to if it diverges: as they are called in a checkpoint of a later step, and in
/// one of their own.
pub(super) const GOOD_FILES: [(&str, &str); 2] =
    [("good.safetensors", MODEL_FILE), ("good_optimizer.safetensors", OPTIMIZER_FILE)];

impl Trainer {
    /// Whether a checkpoint taken now stands between two optimizer steps with nothing left to say: every event up to it was
    /// pulled, and none comes again after [`Self::restore`] but [`TrainEvent::Started`](crate::event::TrainEvent::Started),
    /// what augmentation added, and the phase.
    #[must_use]
    pub fn is_between_steps(&self) -> bool {
        self.progress.step > 0 && self.events.is_empty() && matches!(self.stage, Stage::Training)
    }

    /// Everything that restores this run exactly; of one that is over, its weights and what was measured.
    ///
    /// # Errors
    /// When the device fails, or a loss or a weight is not finite.
    pub async fn checkpoint(&mut self) -> Result<Folder, TrainError> {
        self.stream_checkpoint().await?.into_folder().await.map_err(of_reading)
    }

    /// As [`Self::checkpoint`], in pieces: weights and moments are read from the device as they are pulled. Until all are, the
    /// run waits.
    ///
    /// # Errors
    /// When the device fails, or a loss is not finite; a weight that is not is found when it is pulled.
    pub async fn stream_checkpoint(&mut self) -> Result<FileStream, TrainError> {
        let over = match self.stage {
            Stage::Over { weights_of_step } => Some(weights_of_step),
            _ => None,
        };
        let window = match over {
            Some(_) => Vec::new(), // nobody reads them any more
            None => self.readings.keep().await?.to_vec(),
        };
        if let Some(index) = window.iter().position(|loss| !loss.is_finite()) {
            let first = self.progress.step + 1 - window.len() as u32;
            return Err(TrainError::Diverged { step: first + index as u32, loss: window[index] });
        }
        if matches!(self.stage, Stage::Training) {
            self.keep_if_due().await?;
        }
        let step = self.progress.step;
        let (same, earlier) = match self.good.as_ref().filter(|_| over.is_none()) {
            Some(good) if good.state.step == step => (Some(good), None),
            good => (None, good),
        };
        let mut files = match same {
            Some(good) => FileStream::from(good.files.clone()), // just read; its bytes are shared
            None => self.stream_files(over.is_none()),
        };
        if let (Some(best), None) = (&self.evaluations.best, over) {
            files.insert_tensors(BEST_FILE, self.trained_file(&best.model));
        }
        let mut state = self.state(window, over);
        if let Some(good) = earlier {
            for (name, own) in GOOD_FILES {
                assert!(files.insert_shared(name, &good.files, own), "it has both files");
            }
            state.good = Some(Box::new(good.state.clone()));
        }
        files.insert(STATE_FILE, serde_json::to_vec_pretty(&state).expect("plain values serialize"));
        Ok(files)
    }

    /// Whether all weights that are trained are numbers. No copy of them is made.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) async fn has_finite_weights(&self) -> Result<bool, TrainError> {
        match self.trained_file(&self.model).check().await {
            Ok(()) => Ok(true),
            Err(CheckpointError::NotFinite { .. }) => Ok(false),
            Err(error) => Err(of_reading(error)),
        }
    }

    /// The weights that are trained and the moments of the optimizer, written over those of a state before. Without one they take
    /// the memory that all later states will have, also where there are no moments yet.
    ///
    /// # Errors
    /// When the device fails, or a weight is not finite.
    pub(super) async fn read_state(&self, room: Option<Folder>) -> Result<Folder, TrainError> {
        let mut files = room.unwrap_or_else(|| {
            let mut room = Folder::new();
            room.insert(OPTIMIZER_FILE, Vec::<u8>::with_capacity(self.moments_bytes()));
            room
        });
        for (name, file) in [(MODEL_FILE, self.trained_file(&self.model)), (OPTIMIZER_FILE, self.moments_file(true))] {
            let room = files.remove(name).unwrap_or_default();
            files.insert(name, file.write_over(room).await.map_err(of_reading)?);
        }
        Ok(files)
    }

    /// Bytes of the file of moments once all that is trained has some.
    fn moments_bytes(&self) -> usize {
        let trained = trained_weights(&*self.model, |_| true);
        let of_weight = |(path, weight): (String, Tensor<1>)| {
            let length = weight.dims()[0];
            ["first", "second"].map(|name| (format!("{name}.{path}"), length))
        };
        TensorFile::bytes_of_vectors(&trained.into_iter().flat_map(of_weight).collect())
    }

    /// The weights that are trained, and the moments of the optimizer, none of a run that is over; nothing of them is read yet.
    fn stream_files(&self, has_moments: bool) -> FileStream {
        let mut files = FileStream::new();
        files.insert_tensors(MODEL_FILE, self.trained_file(&self.model));
        files.insert_tensors(OPTIMIZER_FILE, self.moments_file(has_moments));
        files
    }

    fn moments_file(&self, has_moments: bool) -> TensorFile {
        let mut moments = BTreeMap::new();
        for (path, pair) in self.optimizer.moments.iter().filter(|_| has_moments) {
            for (name, tensor) in [("first", &pair.first), ("second", &pair.second)] {
                moments.insert(format!("{name}.{path}"), PendingTensor::of_vector(tensor.clone()));
            }
        }
        TensorFile::new(moments, None, false)
    }

    /// What the run trains of a model, as a file.
    fn trained_file(&self, model: &Model) -> TensorFile {
        let map = self.config.key_map();
        let (run, layers) = (&self.job.run, self.model.backbone.layer_counts());
        let trained = |path: &str, _| is_trained(run.method, run.freeze, path, layers);
        weights_file(map, pending_weights(model, map, trained))
    }

    /// Where the run stands, weights and moments apart. `window` has the losses since the last reading.
    pub(super) fn state(&self, window: Vec<f64>, over: Option<u32>) -> TrainState {
        TrainState {
            job: self.job.clone(),
            labels: self.rows.labels().to_vec(),
            data_fingerprint: self.rows.fingerprint(),
            step: self.progress.step,
            micro_batches: self.progress.micro_batches,
            sampler: self.sampler.state(),
            rows: self.progress.rows,
            tokens: self.progress.tokens,
            window,
            best: self.evaluations.best.as_ref().map(|best| (best.value, best.step, best.evaluation.clone())),
            evaluations_since_best: self.evaluations.since_best,
            evaluated_at: self.evaluations.last_step,
            last: self.evaluations.last.clone(),
            skipped: self.optimizer.skipped.clone(),
            over,
            diverged_at: self.diverged_at,
            rollbacks: self.rollbacks,
            loss_level: self.loss_level,
            batch_parts: self.batch_parts,
            good: None,
        }
    }

    /// Puts weights, optimizer and everything that counts where a state stands; `files` hold its weights and moments.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub(super) fn go_to(&mut self, state: &TrainState, files: &Folder) -> Result<(), TrainError> {
        *self.model = load(self.config.key_map(), files, MODEL_FILE, self.model.clone(), &self.job.run)?;
        self.optimizer.moments.clear(); // room for those that come
        self.optimizer.moments = load_moments(files, &self.device.clone().without_autodiff())?;
        self.count_from(state);
        Ok(())
    }

    /// Puts everything that counts where a state stands.
    pub(super) fn count_from(&mut self, state: &TrainState) {
        self.optimizer.step = state.step;
        self.optimizer.skipped = state.skipped.clone();
        let &TrainState { step, micro_batches, rows, tokens, .. } = state;
        self.progress = Progress { step, micro_batches, rows, tokens };
        self.sampler.restore(state.sampler);
        self.readings = Readings::of_read(state.window.clone());
        self.evaluations.since_best = state.evaluations_since_best;
        self.evaluations.last_step = state.evaluated_at;
        self.evaluations.last = state.last.clone();
        self.loss_level = state.loss_level;
    }
}

/// What failed while weights or moments were read: the device is told from a file.
fn of_reading(error: CheckpointError) -> TrainError {
    match error {
        CheckpointError::Device(error) => TrainError::Device(error),
        error => error.into(),
    }
}

/// What a job learns: the name and the task of each part; one without a name where it has one task, none where it says
/// nothing of it.
pub(super) fn tasks_of(job: &Job) -> Vec<(&str, Task)> {
    let parts = job.parts.iter().map(|part| (part.name.as_str(), part.task));
    job.task.map(|task| ("", task)).into_iter().chain(parts).collect()
}

/// Refuses to go on with a run that learns something else: `own` is what the model is used for now, with the names of
/// several tasks. A job of an earlier version may not say what it learns.
///
/// # Errors
/// Names both.
pub fn check_tasks(saved: &Job, own: &[(&str, Task)]) -> Result<(), TrainError> {
    let saved = tasks_of(saved);
    if saved.is_empty() || own.is_empty() || saved == own {
        return Ok(());
    }
    let spell = |(name, task): &(&str, Task)| match *name {
        "" => task.name().to_owned(),
        name => format!("{name} ({})", task.name()),
    };
    let list = |tasks: &[(&str, Task)]| tasks.iter().map(spell).collect::<Vec<_>>().join(", ");
    Err(TrainError::OtherRun { reason: format!("it learns {}, not {}", list(&saved), list(own)) })
}

/// The moments of the optimizer, by the paths of their parameters; `device` is without autodiff.
pub(super) fn load_moments(folder: &Folder, device: &Device) -> Result<BTreeMap<String, Moments>, CheckpointError> {
    let mut tensors = read_tensors(folder, OPTIMIZER_FILE)?;
    let first: Vec<String> = tensors.keys().filter_map(|name| name.strip_prefix("first.").map(str::to_owned)).collect();
    let mut moments = BTreeMap::new();
    for path in first {
        let mut take = |name: &str| {
            let tensor = tensors.remove(&format!("{name}.{path}")).ok_or_else(|| missing_moment(name, &path))?;
            Ok::<_, CheckpointError>(Tensor::<1>::from_data(TensorData::new(tensor.values, tensor.shape), device))
        };
        let pair = Moments { first: take("first")?, second: take("second")? };
        moments.insert(path, pair);
    }
    Ok(moments)
}

/// Why a checkpoint without a moment of a parameter can't be used.
pub(super) fn missing_moment(name: &str, path: &str) -> CheckpointError {
    CheckpointError::State { file: OPTIMIZER_FILE.to_owned(), reason: format!("{name} moment of {path} is missing") }
}

/// Puts a checkpoint's weights into `model`; what the method does not train is not in the file.
pub(super) fn load(
    map: &KeyMap,
    folder: &Folder,
    file: &'static str,
    model: Model,
    run: &RunConfig,
) -> Result<Model, CheckpointError> {
    let layers = model.backbone.layer_counts();
    let (model, missing, _) = WeightFile::open_file(folder, file)?.load(map, model)?;
    match missing.iter().find(|path| is_trained(run.method, run.freeze, path, layers)) {
        None => Ok(model),
        Some(path) => Err(CheckpointError::State { file: file.into(), reason: format!("{path} is missing") }),
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests;
