//! One run: micro-batch, step, evaluation, best weights, early stopping, end.

use std::collections::VecDeque;

use burn::tensor::{Device, Tensor};

use super::dtype::gradient_scale;
use super::evaluator::Evaluator;
use super::samples::Sample;
use super::{MicroBatch, MicroStep, TrainError, TrainInputs, float_dtype};
use crate::config::{EvalStrategy, Job, Method, MetricForBest};
use crate::data::BatchSampler;
use crate::event::{Phase, Split, StopReason, TrainEvent};
use crate::generate::{GenerateError, SamplingError};
use crate::metrics::Figures;
use crate::model::{Model, ModelConfig};
use crate::nn::{Encoder, Init};
use crate::optim::{AdamW, AdamWConfig, GradientSum, clip_factor, learning_rate, warmup_steps};

/// A run. Pull it with [`Trainer::next_event`].
pub struct Trainer {
    pub(super) job: Job,
    pub(super) inputs: TrainInputs,
    pub(super) config: ModelConfig,
    pub(super) device: Device,
    pub(super) model: Model,
    pub(super) frozen: Option<Encoder>,
    pub(super) optimizer: AdamW,
    pub(super) sampler: BatchSampler,
    pub(super) warmup: u32,
    pub(super) steps_per_epoch: u32,
    pub(super) total_steps: u32,
    pub(super) num_parameters: [usize; 2],
    pub(super) step: u32,
    pub(super) micro_batches: u64,
    pub(super) rows: u64,
    pub(super) tokens: u64,
    /// Losses of steps not read yet, and those read before a checkpoint.
    pub(super) window: Vec<Tensor<1>>,
    pub(super) window_read: Vec<f64>,
    pub(super) grad_norm: Option<Tensor<1>>,
    pub(super) last_learning_rate: f64,
    pub(super) best: Option<Best>,
    pub(super) evaluations_since_best: u32,
    pub(super) evaluated_at: Option<u32>,
    pub(super) evaluator: Option<Evaluator>,
    /// Validation prompts that are still to be written on from, after an evaluation.
    pub(super) samples_due: Option<VecDeque<usize>>,
    pub(super) last_valid: Option<Figures>,
    pub(super) queue: VecDeque<TrainEvent>,
    pub(super) stop: Option<(StopReason, bool)>,
    pub(super) is_over: bool,
    pub(super) weights_of_step: u32,
}

pub(super) struct Best {
    pub(super) value: f64,
    pub(super) step: u32,
    pub(super) evaluation: Figures,
    pub(super) model: Model,
}

impl Trainer {
    /// Prepares a run of `model`, which must live on an autodiff device and is adapted and frozen as the method asks.
    ///
    /// # Errors
    /// When there is nothing to train on, nothing that the method could train, or the device lacks the number format.
    pub fn new(
        job: Job,
        mut inputs: TrainInputs,
        config: ModelConfig,
        mut model: Model,
        device: Device,
    ) -> Result<Self, TrainError> {
        let run = &job.run;
        let dtype = float_dtype(run.dtype, &device)?;
        let lengths = inputs.train_lengths();
        if lengths.is_empty() {
            return Err(TrainError::NoRows);
        }
        inputs.set_loss(run);
        model.set_dropout(run.dropout);
        let num_base_parameters = burn::module::Module::num_params(&model);
        if run.method == Method::Lora {
            // A stream of its own: adapters are the same whatever else was drawn from the seed.
            let mut init = Init::new(run.seed ^ 0x4C6F_5241);
            let adapted = model.add_lora(config.key_map(), &run.lora, &run.lora.target_modules, &mut init, &device);
            if adapted.is_empty() {
                return Err(TrainError::NoTargets {
                    names: run.lora.target_modules.join(", "),
                    model_type: config.model_type(),
                    known: model.module_names(config.key_map()).join(", "),
                });
            }
        }
        let model = model.frozen_for(run.method).with_dtype(dtype);
        if run.method == Method::Head && matches!(model, Model::CausalLm(_)) {
            return Err(TrainError::NoHead);
        }
        let sampler = BatchSampler::new(lengths, run.batch_size as usize, run.seed);
        let steps_per_epoch = (sampler.num_batches() as u32).div_ceil(run.gradient_accumulation_steps);
        let total_steps = steps_per_epoch.saturating_mul(run.num_train_epochs);
        let trainable = model.num_trained();
        let frozen = match (&model, run.method) {
            (Model::Classifier(_), Method::Head) => match model.for_inference() {
                Model::Classifier(copy) => Some(copy.encoder),
                Model::CausalLm(_) => None,
            },
            _ => None,
        };
        let optimizer = AdamW::new(AdamWConfig {
            beta1: run.adam_beta1,
            beta2: run.adam_beta2,
            epsilon: run.adam_epsilon,
            weight_decay: run.weight_decay,
        });
        Ok(Self {
            warmup: warmup_steps(total_steps, run.warmup_ratio),
            num_parameters: [num_base_parameters, trainable],
            job,
            inputs,
            config,
            device,
            model,
            frozen,
            optimizer,
            sampler,
            steps_per_epoch,
            total_steps,
            step: 0,
            micro_batches: 0,
            rows: 0,
            tokens: 0,
            window: Vec::new(),
            window_read: Vec::new(),
            grad_norm: None,
            last_learning_rate: 0.0,
            best: None,
            evaluations_since_best: 0,
            evaluated_at: None,
            evaluator: None,
            samples_due: None,
            last_valid: None,
            queue: VecDeque::new(),
            stop: None,
            is_over: false,
            weights_of_step: 0,
        }
        .begun())
    }

    pub(super) fn begun(mut self) -> Self {
        self.queue.push_back(TrainEvent::Started {
            total_steps: self.total_steps,
            steps_per_epoch: self.steps_per_epoch,
            step: self.step,
            num_rows: self.inputs.num_rows(),
            num_parameters: self.num_parameters[0],
            num_trainable: self.num_parameters[1],
        });
        self.queue.push_back(TrainEvent::Phase { phase: Phase::FirstStep });
        self
    }

    /// Advances by at most one micro-batch (or one batch of an evaluation). `None` means the run is over. A run that
    /// diverges after an evaluation ends with its best weights and [`StopReason::Diverged`].
    ///
    /// # Errors
    /// When the loss is not finite and there are no best weights yet, or the device fails; the run can't go on then.
    pub async fn next_event(&mut self) -> Result<Option<TrainEvent>, TrainError> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Some(event));
            }
            if self.is_over {
                return Ok(None);
            }
            if let Err(error) = self.advance().await {
                self.keep_best_of_diverged(error)?;
            }
        }
    }

    async fn advance(&mut self) -> Result<(), TrainError> {
        if self.evaluator.is_some() {
            self.advance_evaluation().await
        } else if self.samples_due.is_some() {
            self.sample_next().await
        } else if let Some((reason, keep_best)) = self.stop {
            self.read_window().await?;
            self.finish(self.step, reason, keep_best);
            Ok(())
        } else if self.step >= self.total_steps {
            self.stop = Some((StopReason::Completed, self.job.run.load_best_model_at_end));
            Ok(())
        } else {
            self.train_micro_batches().await
        }
    }

    /// Ends a run whose numbers are none any more with the weights of its best evaluation; gives the error back where it
    /// is another one, or nothing was evaluated.
    fn keep_best_of_diverged(&mut self, error: TrainError) -> Result<(), TrainError> {
        let step = match &error {
            TrainError::Diverged { step, .. } => *step,
            TrainError::NotFinite { .. } => self.step,
            TrainError::Generate(GenerateError::Sampling(SamplingError::NotFinite { .. })) => self.step,
            _ => return Err(error),
        };
        if self.best.is_none() {
            return Err(error);
        }
        (self.evaluator, self.samples_due) = (None, None);
        self.finish(step, StopReason::Diverged, true);
        Ok(())
    }

    /// Ends the run at the next poll; `keep_best` hands back the best weights rather than the last.
    pub fn stop(&mut self, keep_best: bool) {
        self.stop = Some((StopReason::Stopped, keep_best));
        (self.evaluator, self.samples_due) = (None, None);
    }

    /// The model as it stands: after the end, the last or the best weights as asked.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What the run was given.
    #[must_use]
    pub fn inputs(&self) -> &TrainInputs {
        &self.inputs
    }

    /// What is run.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The step whose weights [`Self::model`] holds, and their validation figures where they were measured.
    #[must_use]
    pub fn weights_of_step(&self) -> (u32, Option<&Figures>) {
        let step = if self.is_over { self.weights_of_step } else { self.step };
        let best = self.best.as_ref().filter(|best| best.step == step).map(|best| &best.evaluation);
        (step, best.or_else(|| self.last_valid.as_ref().filter(|_| self.evaluated_at == Some(step))))
    }

    /// One optimizer step, in micro-batches; read top to bottom, this is the training loop.
    async fn train_micro_batches(&mut self) -> Result<(), TrainError> {
        let micro_batches = self.next_step_batches();
        let weight_sum: f64 = micro_batches.iter().map(|micro| micro.weight(&self.inputs)).sum();
        let scale = gradient_scale(self.job.run.dtype, weight_sum);
        let mut gradients = GradientSum::default();
        let mut step_loss: Option<Tensor<1>> = None;
        for micro in &micro_batches {
            let step = MicroStep {
                model: &self.model,
                frozen: self.frozen.as_ref(),
                class_loss: self.inputs.class_loss(),
                weight_sum: weight_sum / scale,
                gradient_checkpointing: self.job.run.gradient_checkpointing,
                seed: self.dropout_seed(),
                device: &self.device,
            };
            let loss = step.run(micro, &mut gradients);
            step_loss = Some(match step_loss {
                Some(sum) => sum + loss,
                None => loss,
            });
            let (rows, tokens) = micro.size();
            self.micro_batches += 1;
            self.rows += rows as u64;
            self.tokens += tokens as u64;
        }
        if scale != 1.0 {
            gradients = gradients.scaled(1.0 / scale);
            step_loss = step_loss.map(|loss| loss.div_scalar(scale));
        }
        let run = &self.job.run;
        self.last_learning_rate =
            learning_rate(run.lr_scheduler_type, run.learning_rate, self.step, self.warmup, self.total_steps);
        if let Some(clip) = clip_factor(&gradients, run.max_grad_norm) {
            self.model = self.optimizer.step(self.model.clone(), gradients, &clip, self.last_learning_rate);
            self.grad_norm = Some(clip.norm);
        }
        self.window.extend(step_loss);
        self.step += 1;
        self.after_step().await
    }

    /// The micro-batches of the next optimizer step; the last step of an epoch may have fewer.
    fn next_step_batches(&mut self) -> Vec<MicroBatch> {
        let mut batches = Vec::new();
        while batches.len() < self.job.run.gradient_accumulation_steps as usize {
            match self.sampler.next_batch() {
                Some(rows) => batches.push(self.inputs.micro_batch(&rows)),
                None if batches.is_empty() => {
                    let next = self.sampler.state().epoch + 1;
                    self.sampler.start_epoch(next);
                }
                None => break,
            }
        }
        batches
    }

    async fn after_step(&mut self) -> Result<(), TrainError> {
        let is_epoch_end = self.step.is_multiple_of(self.steps_per_epoch);
        let is_last = self.step == self.total_steps;
        let is_first = self.step == 1;
        if is_first || is_last || is_epoch_end || self.step.is_multiple_of(self.job.run.logging_steps) {
            self.read_window().await?;
        } else {
            self.queue.push_back(TrainEvent::Progress { step: self.step, rows: self.rows, tokens: self.tokens });
        }
        if is_first {
            self.queue.push_back(TrainEvent::Phase { phase: Phase::Training });
        }
        if self.evaluation_is_due() {
            self.start_evaluation();
        } else if is_epoch_end {
            self.queue.push_back(TrainEvent::CheckpointDue { step: self.step });
        }
        Ok(())
    }

    pub(super) fn evaluation_is_due(&self) -> bool {
        let is_due = match self.job.run.eval_strategy {
            EvalStrategy::Epoch => self.step.is_multiple_of(self.steps_per_epoch),
            EvalStrategy::Steps(steps) => self.step.is_multiple_of(steps) || self.step == self.total_steps,
        };
        is_due && self.inputs.num_rows()[1] > 0 && self.evaluated_at != Some(self.step)
    }

    pub(super) fn start_evaluation(&mut self) {
        self.queue.push_back(TrainEvent::Phase { phase: Phase::Evaluating });
        self.evaluator = Some(Evaluator::of_valid(&self.inputs));
    }

    /// Reads the losses since the last reading: a wait for the device, so not at every step.
    async fn read_window(&mut self) -> Result<(), TrainError> {
        if self.window.is_empty() && self.window_read.is_empty() {
            return Ok(());
        }
        let grad_norm =
            self.grad_norm.take().unwrap_or_else(|| Tensor::zeros([1], &self.device.clone().without_autodiff()));
        let mut read = self.window.split_off(0);
        read.push(grad_norm);
        let data = Tensor::cat(read, 0).into_data_async().await.map_err(TrainError::Device)?;
        let mut values: Vec<f64> = data.iter::<f32>().map(f64::from).collect();
        let grad_norm = values.pop().expect("the norm was pushed last");
        let mut losses = std::mem::take(&mut self.window_read);
        losses.extend(values);
        let first = self.step + 1 - losses.len() as u32;
        if let Some((offset, &loss)) = losses.iter().enumerate().find(|(_, loss)| !loss.is_finite()) {
            return Err(TrainError::Diverged { step: first + offset as u32, loss });
        }
        if !grad_norm.is_finite() {
            return Err(TrainError::Diverged { step: self.step, loss: grad_norm });
        }
        self.queue.push_back(TrainEvent::Step {
            step: self.step,
            epoch: self.epoch(),
            loss: losses.iter().sum::<f64>() / losses.len() as f64,
            losses,
            learning_rate: self.last_learning_rate,
            grad_norm,
            rows: self.rows,
            tokens: self.tokens,
        });
        Ok(())
    }

    async fn advance_evaluation(&mut self) -> Result<(), TrainError> {
        let mut evaluator = self.evaluator.take().expect("called only while one is there");
        let model = self.model.for_inference();
        let device = self.device.clone().without_autodiff();
        if evaluator.advance(&model, &self.inputs, &device).await? {
            let (done, total) = evaluator.progress();
            self.queue.push_back(TrainEvent::EvaluationProgress { done, total });
            self.evaluator = Some(evaluator);
            return Ok(());
        }
        let evaluation = evaluator.finish();
        let value = match (&evaluation, self.job.run.metric_for_best_model) {
            (Figures::Tokens(evaluation), _) => -evaluation.loss,
            (Figures::Classes(evaluation), MetricForBest::Loss) => -evaluation.loss,
            (Figures::Classes(evaluation), MetricForBest::Accuracy) => evaluation.accuracy,
            (Figures::Classes(evaluation), MetricForBest::MacroF1) => evaluation.macro_f1,
        };
        let is_best = self.best.as_ref().is_none_or(|best| value > best.value);
        if is_best {
            self.evaluations_since_best = 0;
            self.best =
                Some(Best { value, step: self.step, evaluation: evaluation.clone(), model: self.model.clone() });
        } else {
            self.evaluations_since_best += 1;
        }
        self.evaluated_at = Some(self.step);
        self.last_valid = Some(evaluation.clone());
        let (step, epoch) = (self.step, self.epoch());
        self.queue.push_back(match evaluation {
            Figures::Classes(evaluation) => {
                TrainEvent::Evaluated { step, epoch, split: Split::Valid, evaluation: *evaluation, is_best }
            }
            Figures::Tokens(evaluation) => {
                TrainEvent::EvaluatedTokens { step, epoch, split: Split::Valid, evaluation, is_best }
            }
        });
        self.samples_due = Some((0..self.inputs.num_samples()).collect());
        Ok(())
    }

    /// Writes on from one validation prompt; after the last, what follows an evaluation.
    async fn sample_next(&mut self) -> Result<(), TrainError> {
        let next = self.samples_due.as_mut().and_then(VecDeque::pop_front);
        if let (Some(index), TrainInputs::Tokens(inputs), Model::CausalLm(model)) =
            (next, &self.inputs, self.model.for_inference())
        {
            let device = self.device.clone().without_autodiff();
            let Sample { prompt, expected, generated } = inputs.sample(index, &model, &self.config, &device).await?;
            self.queue.push_back(TrainEvent::Sampled { step: self.step, prompt, expected, generated });
            return Ok(());
        }
        self.samples_due = None;
        let step = self.step;
        if self.step.is_multiple_of(self.steps_per_epoch) {
            self.queue.push_back(TrainEvent::CheckpointDue { step });
        }
        if self.job.run.early_stopping_patience.is_some_and(|patience| self.evaluations_since_best >= patience) {
            self.stop = Some((StopReason::EarlyStopping, self.job.run.load_best_model_at_end));
        } else if self.step < self.total_steps {
            self.queue.push_back(TrainEvent::Phase { phase: Phase::Training });
        }
        Ok(())
    }

    fn finish(&mut self, step: u32, reason: StopReason, keep_best: bool) {
        self.weights_of_step = self.step;
        if keep_best && let Some(best) = &self.best {
            self.model = best.model.clone();
            self.weights_of_step = best.step;
        }
        self.is_over = true;
        self.queue.push_back(TrainEvent::Finished { step, reason, weights_of_step: self.weights_of_step });
    }

    fn epoch(&self) -> f64 {
        f64::from(self.step) / f64::from(self.steps_per_epoch)
    }

    /// Makes dropout a function of the run's seed and the micro-batch alone.
    fn dropout_seed(&self) -> u64 {
        self.job.run.seed ^ self.micro_batches.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}
