//! One run: micro-batch, step, evaluation, best weights, early stopping, end.

use std::collections::VecDeque;

use burn::tensor::{Device, Tensor};

use super::{Evaluator, TrainError, TrainInputs};
use crate::batch::Batch;
use crate::config::{ClassWeights, EvalStrategy, Job, Method, MetricForBest};
use crate::data::BatchSampler;
use crate::event::{Phase, Split, StopReason, TrainEvent};
use crate::loss::{LossConfig, cross_entropy_sum};
use crate::metrics::Evaluation;
use crate::model::{KeyMap, SequenceClassifier};
use crate::nn::Encoder;
use crate::optim::{AdamW, AdamWConfig, GradientSum, clip_factor, learning_rate, warmup_steps};

/// A run. Pull it with [`Trainer::next_event`].
pub struct Trainer {
    pub(super) job: Job,
    pub(super) inputs: TrainInputs,
    pub(super) key_map: &'static KeyMap,
    pub(super) device: Device,
    pub(super) model: SequenceClassifier,
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
    pub(super) last_valid: Option<Evaluation>,
    pub(super) queue: VecDeque<TrainEvent>,
    pub(super) stop: Option<(StopReason, bool)>,
    pub(super) is_over: bool,
    pub(super) weights_of_step: u32,
}

pub(super) struct Best {
    pub(super) value: f64,
    pub(super) step: u32,
    pub(super) evaluation: Evaluation,
    pub(super) model: SequenceClassifier,
}

impl Trainer {
    /// Prepares a run of `model`, which must live on an autodiff device.
    ///
    /// # Errors
    /// When there is nothing to train on.
    pub fn new(
        job: Job,
        mut inputs: TrainInputs,
        key_map: &'static KeyMap,
        mut model: SequenceClassifier,
        device: Device,
    ) -> Result<Self, TrainError> {
        let run = &job.run;
        if inputs.train.is_empty() {
            return Err(TrainError::NoRows);
        }
        model.set_dropout(run.dropout);
        let num_labels = inputs.labels.len();
        let train_labels = inputs.train.encoded.iter().map(|row| row.label);
        inputs.loss = LossConfig {
            num_labels,
            label_smoothing: run.label_smoothing_factor,
            class_weights: match run.class_weights {
                ClassWeights::None => None,
                ClassWeights::Balanced => Some(LossConfig::balanced(train_labels, num_labels)),
            },
        };
        let lengths = inputs.train.encoded.iter().map(|row| row.input_ids.len()).collect();
        let sampler = BatchSampler::new(lengths, run.batch_size as usize, run.seed);
        let steps_per_epoch = (sampler.num_batches() as u32).div_ceil(run.gradient_accumulation_steps);
        let total_steps = steps_per_epoch * run.num_train_epochs;
        let all = burn::module::Module::num_params(&model);
        let trainable = match run.method {
            Method::Full => all,
            Method::Head => burn::module::Module::num_params(&model.head),
        };
        let frozen = (run.method == Method::Head).then(|| model.for_inference().encoder);
        let optimizer = AdamW::new(AdamWConfig {
            beta1: run.adam_beta1,
            beta2: run.adam_beta2,
            epsilon: run.adam_epsilon,
            weight_decay: run.weight_decay,
        });
        Ok(Self {
            warmup: warmup_steps(total_steps, run.warmup_ratio),
            num_parameters: [all, trainable],
            job,
            inputs,
            key_map,
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
            num_rows: [self.inputs.train.len(), self.inputs.valid.len(), self.inputs.test.len()],
            num_parameters: self.num_parameters[0],
            num_trainable: self.num_parameters[1],
        });
        self.queue.push_back(TrainEvent::Phase { phase: Phase::FirstStep });
        self
    }

    /// Advances by at most one micro-batch (or one batch of an evaluation). `None` means the run is over.
    ///
    /// # Errors
    /// When the loss is not finite or the device fails; the run can't go on then.
    pub async fn next_event(&mut self) -> Result<Option<TrainEvent>, TrainError> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Some(event));
            }
            if self.is_over {
                return Ok(None);
            }
            if self.evaluator.is_some() {
                self.advance_evaluation().await?;
            } else if let Some((reason, keep_best)) = self.stop {
                self.read_window().await?;
                self.finish(reason, keep_best);
            } else if self.step >= self.total_steps {
                self.stop = Some((StopReason::Completed, self.job.run.load_best_model_at_end));
            } else {
                self.train_micro_batches().await?;
            }
        }
    }

    /// Ends the run at the next poll; `keep_best` hands back the best weights rather than the last.
    pub fn stop(&mut self, keep_best: bool) {
        self.stop = Some((StopReason::Stopped, keep_best));
        self.evaluator = None;
    }

    /// The model as it stands: after the end, the last or the best weights as asked.
    #[must_use]
    pub fn model(&self) -> &SequenceClassifier {
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
    pub fn weights_of_step(&self) -> (u32, Option<&Evaluation>) {
        let step = if self.is_over { self.weights_of_step } else { self.step };
        let best = self.best.as_ref().filter(|best| best.step == step).map(|best| &best.evaluation);
        (step, best.or_else(|| self.last_valid.as_ref().filter(|_| self.evaluated_at == Some(step))))
    }

    /// One optimizer step, in micro-batches; read top to bottom, this is the training loop.
    async fn train_micro_batches(&mut self) -> Result<(), TrainError> {
        let host_batches = self.next_step_batches();
        let weight_sum: f64 = host_batches.iter().map(|batch| self.inputs.loss.weight_sum(labels_of(batch))).sum();
        let mut gradients = GradientSum::default();
        let mut step_loss: Option<Tensor<1>> = None;
        for host in &host_batches {
            let batch = Batch::new(host, &self.device);
            self.seed_dropout();
            let logits = match &self.frozen {
                Some(frozen) => self.model.forward_frozen(frozen, &batch.clone().without_autodiff()),
                None => self.model.forward(&batch),
            };
            let targets = self.inputs.loss.targets(&host.labels, &self.device);
            // Divided by the weights of the whole step: accumulation gives the gradient of one large batch.
            let loss = cross_entropy_sum(logits, targets).div_scalar(weight_sum.max(f64::MIN_POSITIVE));
            let backward = loss.backward();
            gradients.add(&self.model, backward);
            let loss = loss.inner();
            step_loss = Some(match step_loss {
                Some(sum) => sum + loss,
                None => loss,
            });
            self.micro_batches += 1;
            self.rows += host.batch as u64;
            self.tokens += host.num_tokens as u64;
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
    fn next_step_batches(&mut self) -> Vec<crate::data::HostBatch> {
        let mut batches = Vec::new();
        while batches.len() < self.job.run.gradient_accumulation_steps as usize {
            match self.sampler.next_batch() {
                Some(rows) => batches.push(self.inputs.train.collate(&rows, &self.inputs.padding)),
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
        is_due && !self.inputs.valid.is_empty() && self.evaluated_at != Some(self.step)
    }

    pub(super) fn start_evaluation(&mut self) {
        self.queue.push_back(TrainEvent::Phase { phase: Phase::Evaluating });
        self.evaluator = Some(Evaluator::new(&self.inputs.valid, &self.inputs.labels));
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
        if evaluator.advance(&model, &self.inputs.valid, &self.inputs.padding, &device).await? {
            let (done, total) = evaluator.progress();
            self.queue.push_back(TrainEvent::EvaluationProgress { done, total });
            self.evaluator = Some(evaluator);
            return Ok(());
        }
        let (evaluation, _) = evaluator.finish();
        let value = match self.job.run.metric_for_best_model {
            MetricForBest::Loss => -evaluation.loss,
            MetricForBest::Accuracy => evaluation.accuracy,
            MetricForBest::MacroF1 => evaluation.macro_f1,
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
        self.queue.push_back(TrainEvent::Evaluated { step, epoch, split: Split::Valid, evaluation, is_best });
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

    fn finish(&mut self, reason: StopReason, keep_best: bool) {
        self.weights_of_step = self.step;
        if keep_best && let Some(best) = &self.best {
            self.model = best.model.clone();
            self.weights_of_step = best.step;
        }
        self.is_over = true;
        self.queue.push_back(TrainEvent::Finished { step: self.step, reason, weights_of_step: self.weights_of_step });
    }

    fn epoch(&self) -> f64 {
        f64::from(self.step) / f64::from(self.steps_per_epoch)
    }

    /// Makes the next draws of dropout a function of the run's seed and the micro-batch alone.
    fn seed_dropout(&self) {
        self.device.seed(self.job.run.seed ^ self.micro_batches.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
}

fn labels_of(batch: &crate::data::HostBatch) -> impl Iterator<Item = usize> {
    batch.labels.iter().map(|&label| label as usize)
}
