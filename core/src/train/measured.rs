//! Steps that are taken to see how long they take, before a run: nothing of them is kept.
//!
//! In: a model, rows, a clock. Out: seconds of a forward and backward pass of few rows and of more, and of the optimizer. What is
//! random in a step follows from the seed that it is given, so that a run after this is the run that it would be without.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::prepared::prepare;
use super::{MicroStep, TrainError, float_dtype, gradient_scale};
use crate::config::{Method, RunConfig};
use crate::data::Split;
use crate::model::{Backbone, Model, ModelConfig};
use crate::optim::{AdamW, AdamWConfig, ClipFactor, GradientSum, clip_factor};
use crate::plan::BatchShape;
use crate::task::TaskRows;

/// Rows of the smaller step: losses that compare rows need two.
const FEW_ROWS: usize = 2;

/// Milliseconds that the larger step may take; where all rows of a batch would take longer, it has fewer.
const LARGE_STEP_MS: f64 = 2000.0;

/// How many times the rows of the smaller step the larger one may have on a device of which nobody knows how much memory it
/// has.
const UNKNOWN_ROOM: usize = 4;

/// A first step that took as long as this is the only one.
const LONG_MS: f64 = 10_000.0;

/// A step that took less than this is taken once more, and the shorter one counts: whatever else the machine did meanwhile only
/// makes a step longer.
const SHORT_MS: f64 = 500.0;

/// Numbers of the gradients that the optimizer is timed with: it works on each number alike.
const TIMED_NUMBERS: usize = 2 << 20;

/// What is timed.
#[derive(Clone, Copy)]
pub struct TimedModel<'a> {
    /// The model, without autodiff.
    pub model: &'a Model,
    /// What it is.
    pub config: &'a ModelConfig,
    /// The rows.
    pub rows: &'a dyn TaskRows,
    /// Training rows of a batch.
    pub indices: &'a [usize],
    /// The settings.
    pub run: &'a RunConfig,
    /// The device; autodiff is put on it.
    pub device: &'a Device,
    /// Pixels along a patch of an image; 0 of texts.
    pub patch_size: u64,
    /// It is known how much memory the device has, and that a step of the whole batch fits in it.
    pub is_known_to_fit: bool,
}

/// What it took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepTimes {
    /// Sizes of the batch, and seconds, of few rows, then of more.
    pub steps: Vec<(BatchShape, f64)>,
    /// Seconds of the optimizer for all that is trained.
    pub optimizer_secs: f64,
    /// Parameters that are trained.
    pub num_trained: u64,
}

/// Steps that are taken: what [`MicroStep`] needs besides rows.
struct Timed<'a> {
    of: TimedModel<'a>,
    model: Model,
    frozen: Option<Backbone>,
    device: Device,
    now_ms: &'a dyn Fn() -> f64,
}

/// Times steps of a model with the method of a run. `now_ms` is a clock. The model stays as it is; its weights are shared, not
/// copied, but for those that the run holds in half precision, and the few numbers that the optimizer is timed with.
///
/// Where the device has too little memory for more rows, few are all that is timed.
///
/// # Errors
/// When the method can't be used, or the device fails.
pub async fn time_steps(of: TimedModel<'_>, now_ms: &dyn Fn() -> f64) -> Result<StepTimes, TrainError> {
    let dtype = float_dtype(of.run.dtype, of.device)?;
    let device = of.device.clone().autodiff();
    let model = prepare(of.model.clone().train(), of.run, of.config, dtype, &device)?;
    let frozen = (of.run.method == Method::Head).then(|| model.for_inference().backbone);
    let timed = Timed { of, model, frozen, device, now_ms };
    let few = &of.indices[..of.indices.len().min(FEW_ROWS)];
    if few.is_empty() {
        return Err(TrainError::NoRows);
    }
    let compiling = timed.step(few).await?;
    let is_long = compiling.secs * 1000.0 > LONG_MS;
    let first = match is_long {
        true => compiling,
        false => {
            drop(compiling); // its gradients make room
            timed.shorter_step(few).await?
        }
    };
    let mut steps = vec![(first.shape, first.secs)];
    let affordable = (few.len() as f64 * LARGE_STEP_MS / (first.secs * 1000.0).max(0.1)) as usize;
    let most = if of.is_known_to_fit { affordable } else { affordable.min(UNKNOWN_ROOM * few.len()) };
    let more = &of.indices[..of.indices.len().min(most.max(few.len()))];
    let gradients = match more.len() > few.len() && !is_long {
        false => first.gradients,
        true => {
            drop(first.gradients);
            match timed.second_step(more).await {
                Ok(last) => {
                    steps.push((last.shape, last.secs));
                    last.gradients
                }
                Err(error) if error.is_of_memory() => {
                    of.device.memory_cleanup();
                    timed.step(few).await?.gradients
                }
                Err(error) => return Err(error),
            }
        }
    };
    let optimizer_secs = timed.optimizer_secs(gradients).await?;
    Ok(StepTimes { steps, optimizer_secs, num_trained: timed.model.num_trained() as u64 })
}

/// A step that was taken.
struct Step {
    shape: BatchShape,
    secs: f64,
    gradients: GradientSum,
}

impl Timed<'_> {
    /// One forward and backward pass, waited for.
    async fn step(&self, indices: &[usize]) -> Result<Step, TrainError> {
        let run = self.of.run;
        let batch = self.of.rows.batch(Split::Train, indices, Some(run.seed));
        let scale = gradient_scale(run.dtype, batch.weight);
        let began_ms = (self.now_ms)();
        let step = MicroStep {
            model: &self.model,
            frozen: self.frozen.as_ref(),
            features: None,
            weight_sum: batch.weight / scale,
            gradient_checkpointing: run.gradient_checkpointing,
            techniques: run.techniques,
            seed: run.seed,
            device: &self.device,
        };
        let mut gradients = GradientSum::default();
        let loss = step.run(&batch, &mut gradients);
        // The norm is there once all gradients are.
        match clip_factor(&gradients, run.max_grad_norm) {
            Some(clip) => wait_for(clip.norm).await?,
            None => wait_for(loss).await?,
        }
        let secs = ((self.now_ms)() - began_ms) / 1000.0;
        Ok(Step { shape: BatchShape::of(&batch, self.of.patch_size), secs, gradients })
    }

    /// One that is taken again: the first time compiles.
    async fn second_step(&self, indices: &[usize]) -> Result<Step, TrainError> {
        drop(self.step(indices).await?);
        self.shorter_step(indices).await
    }

    /// One that is taken twice if it is short: the shorter of both.
    async fn shorter_step(&self, indices: &[usize]) -> Result<Step, TrainError> {
        let Step { secs, .. } = match self.step(indices).await? {
            step if step.secs * 1000.0 >= SHORT_MS => return Ok(step),
            step => step, // its gradients make room
        };
        let step = self.step(indices).await?;
        Ok(Step { secs: step.secs.min(secs), ..step })
    }

    /// Seconds of the optimizer for all gradients, measured with some of them.
    async fn optimizer_secs(&self, gradients: GradientSum) -> Result<f64, TrainError> {
        let all: usize = gradients.tensors().map(|(_, gradient)| gradient.dims()[0]).sum();
        let mut sizes: Vec<(String, usize)> =
            gradients.tensors().map(|(path, gradient)| (path.to_owned(), gradient.dims()[0])).collect();
        // Those of middling size first: many small ones take long on a GPU, and a large one takes memory.
        sizes.sort_by_key(|(_, size)| std::cmp::Reverse(if *size > TIMED_NUMBERS / 4 { 0 } else { *size }));
        let (mut taken, mut paths) = (0, Vec::new());
        for (path, size) in sizes {
            if taken == 0 || taken + size <= TIMED_NUMBERS {
                taken += size;
                paths.push(path);
            }
        }
        if taken == 0 {
            return Ok(0.0);
        }
        let part = || {
            let mut part = GradientSum::default();
            for (path, gradient) in gradients.tensors().filter(|(path, _)| paths.iter().any(|taken| taken == path)) {
                part.add_gradient(path.to_owned(), gradient.clone());
            }
            part
        };
        let run = self.of.run;
        let mut optimizer = AdamW::new(AdamWConfig {
            beta1: run.adam_beta1,
            beta2: run.adam_beta2,
            epsilon: run.adam_epsilon,
            weight_decay: run.weight_decay,
        });
        let mut secs = 0.0;
        for _ in 0..2 {
            // The first makes the moments.
            let part = part();
            let began_ms = (self.now_ms)();
            let Some(clip) = clip_factor(&part, run.max_grad_norm) else { return Ok(0.0) };
            self.update(&mut optimizer, part, &clip).await?;
            secs = ((self.now_ms)() - began_ms) / 1000.0;
        }
        Ok(secs * all as f64 / taken as f64)
    }

    /// An update whose weights are dropped.
    async fn update(&self, optimizer: &mut AdamW, part: GradientSum, clip: &ClipFactor) -> Result<(), TrainError> {
        let updated = optimizer.step(self.model.clone(), part, clip, 0.0);
        let moment = optimizer.moments.values().next_back().map(|moments| moments.first.clone().narrow(0, 0, 1));
        if let Some(moment) = moment {
            wait_for(moment).await?;
        }
        drop(updated);
        Ok(())
    }
}

async fn wait_for(tensor: Tensor<1>) -> Result<(), TrainError> {
    tensor.into_data_async().await.map(drop).map_err(TrainError::Device)
}
