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
use crate::task::{HeadKind, TaskRows};

/// Rows of the smaller step: losses that compare rows need two.
const FEW_ROWS: usize = 2;

/// Milliseconds that the larger step may take; where all rows of a batch would take longer, it has fewer. Where even twice the few
/// would, a step of a single row is the other one: two sizes tell what a step takes whatever its rows, and what each row takes.
const LARGE_STEP_MS: f64 = 2000.0;

/// How many times the rows of the smaller step the larger one may have on a device of which nobody knows how much memory it
/// has.
const UNKNOWN_ROOM: usize = 4;

/// A first step that took as long as this is the only one.
const LONG_MS: f64 = 10_000.0;

/// Milliseconds until which a step is taken again, at most `MOST_TIMES`, and the shortest counts: whatever else the machine did
/// meanwhile only makes a step longer.
const REPEATED_MS: f64 = 1500.0;
const MOST_TIMES: usize = 4;

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
            timed.shortest_step(few).await?
        }
    };
    let mut steps = vec![(first.shape, first.secs)];
    let other = if is_long { None } else { timed.rows_of_other(few.len(), first.secs) };
    let gradients = match other {
        None => first.gradients,
        Some(other) => {
            drop(first.gradients);
            match timed.second_step(other).await {
                Ok(second) => {
                    let place = usize::from(other.len() > few.len()); // fewer rows first
                    steps.insert(place, (second.shape, second.secs));
                    second.gradients
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

/// How many rows the other step has beside that of few, which took so many milliseconds, of a batch of so many; `None` where few are all
/// of them. `room`: how many the device may be asked for. `takes_one`: one row has a loss.
fn num_of_other(few: usize, millis: f64, num_rows: usize, room: usize, takes_one: bool) -> Option<usize> {
    let affordable = (few as f64 * LARGE_STEP_MS / millis.max(0.1)) as usize;
    let more = affordable.min(room).min(num_rows);
    let has_one = takes_one && few > 1;
    match num_rows > few {
        true if more >= 2 * few || more == num_rows || (more > few && !has_one) => Some(more),
        true if has_one => Some(1),
        _ => None,
    }
}

impl Timed<'_> {
    /// The rows of the other step.
    fn rows_of_other(&self, few: usize, secs: f64) -> Option<&[usize]> {
        let TimedModel { indices, rows, run, is_known_to_fit, .. } = self.of;
        let room = if is_known_to_fit { usize::MAX } else { UNKNOWN_ROOM * few };
        let takes_one = rows.task().spec().head != HeadKind::Pooled && run.mixup_alpha == 0.0;
        let count = num_of_other(few, secs * 1000.0, indices.len(), room, takes_one)?;
        Some(&indices[..count])
    }

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
        self.shortest_step(indices).await
    }

    /// One that is taken several times if it is short: its shortest time.
    async fn shortest_step(&self, indices: &[usize]) -> Result<Step, TrainError> {
        let mut step = self.step(indices).await?;
        let (mut shortest, mut sum) = (step.secs, step.secs);
        for _ in 1..MOST_TIMES {
            if sum * 1000.0 >= REPEATED_MS {
                break;
            }
            drop(step); // its gradients make room
            step = self.step(indices).await?;
            shortest = shortest.min(step.secs);
            sum += step.secs;
        }
        Ok(Step { secs: shortest, ..step })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sizes_of_steps_are_timed_wherever_there_are_two() {
        let of = |millis: f64, num_rows: usize| num_of_other(2, millis, num_rows, usize::MAX, true);
        assert_eq!((of(100.0, 16), of(500.0, 16)), (Some(16), Some(8)), "as many as two seconds allow");
        assert_eq!(of(500.0, 3), Some(3), "the whole batch");
        assert_eq!((of(1500.0, 16), of(9000.0, 4)), (Some(1), Some(1)), "too long for more");
        assert_eq!(num_of_other(2, 10.0, 64, UNKNOWN_ROOM * 2, true), Some(8));
        assert_eq!((of(10.0, 2), num_of_other(1, 10.0, 1, usize::MAX, true)), (None, None), "few are all");
        // Losses that compare rows: more, or nothing.
        let compared = |millis: f64| num_of_other(2, millis, 16, usize::MAX, false);
        assert_eq!((compared(1300.0), compared(3000.0)), (Some(3), None));
    }
}
