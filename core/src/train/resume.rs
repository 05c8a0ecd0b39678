//! A run to bytes and back: after [`Trainer::restore`] it goes on as if it had never stopped.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};

use super::trainer::Best;
use super::{TrainError, Trainer};
use crate::checkpoint::{
    CheckpointError, HostTensor, STATE_FILE, TrainState, WeightFile, read_state, read_tensors, read_weights,
    weights_to_safetensors, write_tensors,
};
use crate::config::Method;
use crate::event::StopReason;
use crate::folder::Folder;
use crate::model::{KeyMap, Model, is_trained};
use crate::optim::Moments;

const MODEL_FILE: &str = "model.safetensors";
const BEST_FILE: &str = "best.safetensors";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";

impl Trainer {
    /// Everything that restores this run exactly.
    ///
    /// # Errors
    /// When the device fails or a weight is not finite.
    pub async fn checkpoint(&mut self) -> Result<Folder, TrainError> {
        let window = std::mem::take(&mut self.window);
        if !window.is_empty() {
            let data = Tensor::cat(window, 0).into_data_async().await.map_err(TrainError::Device)?;
            self.window_read.extend(data.iter::<f32>().map(f64::from));
        }
        let mut folder = Folder::new();
        let map = self.config.key_map();
        let (method, layers) = (self.job.run.method, self.model.num_layers());
        let trained = |path: &str, _| is_trained(method, path, layers);
        folder.insert(MODEL_FILE, weights_to_safetensors(map, &read_weights(&self.model, map, trained).await?)?);
        if let Some(best) = &self.best {
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
            labels: self.inputs.labels().to_vec(),
            data_fingerprint: self.inputs.fingerprint(),
            step: self.step,
            micro_batches: self.micro_batches,
            sampler: self.sampler.state(),
            rows: self.rows,
            tokens: self.tokens,
            window: self.window_read.clone(),
            best: self.best.as_ref().map(|best| (best.value, best.step, best.evaluation.clone())),
            evaluations_since_best: self.evaluations_since_best,
            evaluated_at: self.evaluated_at,
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
        let differs = |what: &str| TrainError::OtherRun { reason: format!("{what} differ") };
        if state.labels != self.inputs.labels() {
            return Err(differs("the labels"));
        }
        if state.data_fingerprint != self.inputs.fingerprint() {
            return Err(differs("the training rows (or the tokenizer)"));
        }
        if state.job.run != self.job.run {
            return Err(differs("the settings"));
        }
        let map = self.config.key_map();
        let method = self.job.run.method;
        self.model = load(map, folder, MODEL_FILE, self.model, method)?;
        self.best = match state.best {
            Some((value, step, evaluation)) => {
                let model = load(map, folder, BEST_FILE, self.model.clone(), method)?;
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
        self.step = state.step;
        self.micro_batches = state.micro_batches;
        self.sampler.restore(state.sampler);
        self.rows = state.rows;
        self.tokens = state.tokens;
        self.window_read = state.window;
        self.evaluations_since_best = state.evaluations_since_best;
        self.evaluated_at = state.evaluated_at;
        self.queue.clear();
        let mut restored = self.begun();
        let run = &restored.job.run;
        if run.early_stopping_patience.is_some_and(|patience| restored.evaluations_since_best >= patience) {
            restored.stop = Some((StopReason::EarlyStopping, run.load_best_model_at_end));
        }
        if restored.step > 0 && restored.evaluation_is_due() {
            restored.start_evaluation(); // the checkpoint was taken between the step and its evaluation
        }
        Ok(restored)
    }
}

/// Puts a checkpoint's weights into `model`; what the method does not train is not in the file.
fn load(
    map: &KeyMap,
    folder: &Folder,
    file: &'static str,
    model: Model,
    method: Method,
) -> Result<Model, CheckpointError> {
    let bytes = folder.get(file).ok_or(CheckpointError::MissingFile { file })?;
    let layers = model.num_layers();
    let (model, missing, _) = WeightFile::open(file, bytes)?.load(map, model)?;
    match missing.iter().find(|path| is_trained(method, path, layers)) {
        None => Ok(model),
        Some(path) => Err(CheckpointError::State { file: file.into(), reason: format!("{path} is missing") }),
    }
}
