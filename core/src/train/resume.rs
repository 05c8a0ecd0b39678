//! A run to bytes and back: after [`Trainer::restore`] it goes on as if it had never stopped.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};

use super::evaluations::Best;
use super::trainer::Progress;
use super::{TrainError, Trainer};
use crate::checkpoint::{
    CheckpointError, HostTensor, STATE_FILE, TrainState, WeightFile, read_state, read_tensors, read_weights,
    weights_to_safetensors, write_tensors,
};
use crate::config::{Job, RunConfig};
use crate::event::StopReason;
use crate::folder::Folder;
use crate::model::{KeyMap, Model, is_trained};
use crate::optim::Moments;
use crate::task::Task;

const MODEL_FILE: &str = "model.safetensors";
const BEST_FILE: &str = "best.safetensors";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";

impl Trainer {
    /// Everything that restores this run exactly.
    ///
    /// # Errors
    /// When the device fails or a weight is not finite.
    pub async fn checkpoint(&mut self) -> Result<Folder, TrainError> {
        let window = self.readings.keep().await?.to_vec();
        let mut folder = Folder::new();
        let map = self.config.key_map();
        let (run, layers) = (&self.job.run, self.model.backbone.layer_counts());
        let trained = |path: &str, _| is_trained(run.method, run.freeze, path, layers);
        folder.insert(MODEL_FILE, weights_to_safetensors(map, &read_weights(&self.model, map, trained).await?)?);
        if let Some(best) = &self.evaluations.best {
            folder.insert(BEST_FILE, weights_to_safetensors(map, &read_weights(&best.model, map, trained).await?)?);
        }
        let mut moments = BTreeMap::new();
        for (path, pair) in &self.optimizer.moments {
            for (name, tensor) in [("first", &pair.first), ("second", &pair.second)] {
                let data = tensor.to_data_async().await.map_err(TrainError::Device)?;
                let values = data.try_into_vec::<f32>().expect("moments are f32");
                moments.insert(format!("{name}.{path}"), HostTensor { shape: vec![values.len()], values });
            }
        }
        folder.insert(OPTIMIZER_FILE, write_tensors(&moments));
        let state = TrainState {
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
        };
        folder.insert(STATE_FILE, serde_json::to_vec_pretty(&state).expect("plain values serialize"));
        Ok(folder)
    }

    /// Puts a fresh trainer of the same job and data where the checkpoint stands.
    ///
    /// # Errors
    /// When the checkpoint is damaged or belongs to another run.
    pub fn restore(mut self, folder: &Folder) -> Result<Self, TrainError> {
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
        let map = self.config.key_map();
        let run = &self.job.run;
        self.model = load(map, folder, MODEL_FILE, self.model, run)?;
        self.evaluations.best = match state.best {
            Some((value, step, evaluation)) => {
                let model = load(map, folder, BEST_FILE, self.model.clone(), run)?;
                Some(Best { value, step, evaluation, model })
            }
            None => None,
        };
        let plain = self.device.clone().without_autodiff();
        let mut tensors = read_tensors(folder, OPTIMIZER_FILE)?;
        let first: Vec<String> =
            tensors.keys().filter_map(|name| name.strip_prefix("first.").map(str::to_owned)).collect();
        for path in first {
            let mut take = |name: &str| {
                let file = OPTIMIZER_FILE.to_owned();
                let tensor = tensors.remove(&format!("{name}.{path}")).ok_or_else(|| CheckpointError::State {
                    file,
                    reason: format!("{name} moment of {path} is missing"),
                })?;
                Ok::<_, CheckpointError>(Tensor::<1>::from_data(TensorData::new(tensor.values, tensor.shape), &plain))
            };
            let moments = Moments { first: take("first")?, second: take("second")? };
            self.optimizer.moments.insert(path, moments);
        }
        self.optimizer.step = state.step;
        self.optimizer.skipped = state.skipped;
        self.progress =
            Progress { step: state.step, micro_batches: state.micro_batches, rows: state.rows, tokens: state.tokens };
        self.sampler.restore(state.sampler);
        self.readings.read = state.window;
        self.evaluations.since_best = state.evaluations_since_best;
        self.evaluations.last_step = state.evaluated_at;
        self.evaluations.last = state.last;
        self.begin();
        if self.progress.step > 0 && self.evaluation_is_due() {
            self.start_evaluation(); // the checkpoint was taken between the step and its evaluation
        } else if self.patience_is_over() {
            self.stage = self.ending(StopReason::EarlyStopping);
        }
        Ok(self)
    }
}

/// What a job learns: the name and the task of each part; one without a name where it has one task, none where it says
/// nothing of it.
fn tasks_of(job: &Job) -> Vec<(&str, Task)> {
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

/// Puts a checkpoint's weights into `model`; what the method does not train is not in the file.
fn load(
    map: &KeyMap,
    folder: &Folder,
    file: &'static str,
    model: Model,
    run: &RunConfig,
) -> Result<Model, CheckpointError> {
    let bytes = folder.get(file).ok_or(CheckpointError::MissingFile { file })?;
    let layers = model.backbone.layer_counts();
    let (model, missing, _) = WeightFile::open(file, bytes)?.load(map, model)?;
    match missing.iter().find(|path| is_trained(run.method, run.freeze, path, layers)) {
        None => Ok(model),
        Some(path) => Err(CheckpointError::State { file: file.into(), reason: format!("{path} is missing") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{JobPart, ModelSource, ReadOptions};

    #[test]
    fn a_run_of_another_task_is_refused_by_name() {
        let [first, second] = [Task::ALL[0], Task::ALL[1]];
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert!(check_tasks(&job, &[("", first)]).is_ok(), "an earlier version did not say it");
        let one = Job { task: Some(first), ..job.clone() };
        assert!(check_tasks(&one, &tasks_of(&one)).is_ok());
        let error = check_tasks(&one, &[("", second)]).expect_err("another task").to_string();
        let expected =
            format!("this checkpoint belongs to another run: it learns {}, not {}", first.name(), second.name());
        assert_eq!(error, expected);
        let part = |name: &str| JobPart::new(name, first);
        let several = Job { parts: vec![part("a"), part("b")], ..job };
        assert!(check_tasks(&several, &tasks_of(&several)).is_ok());
        assert!(check_tasks(&several, &[("a", first), ("c", first)]).is_err());
        assert!(check_tasks(&several, &[("", first)]).is_err() && check_tasks(&one, &tasks_of(&several)).is_err());
    }
}
