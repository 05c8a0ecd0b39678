//! One run: micro-batch, step, evaluation, best weights, early stopping, end.

use std::collections::VecDeque;
use std::rc::Rc;

use burn::tensor::{Device, Tensor};

use super::batches::{Draw, Drawn, next_batches, seed_of, sums_of_draws};
use super::dtype::gradient_scale;
use super::evaluations::Evaluations;
use super::features::Features;
use super::mixout::Mixout;
use super::prepared::{optimizer_of, prepare, sampler_of};
use super::readings::{Reading, Readings};
use super::roll_back::GoodState;
use super::run_model::{InferenceModel, RunModel};
use super::unfreezing::drop_frozen;
use super::watching::Watched;
use super::{Evaluator, MicroStep, TrainError, float_dtype};
use crate::checkpoint::LossLevel;
use crate::config::{EvalStrategy, Job, Method, RunConfig};
use crate::data::{BatchSampler, HostBatch};
use crate::event::{Phase, Split, StopReason, TrainEvent};
use crate::model::{Backbone, Model, ModelConfig, path_in_whole};
use crate::optim::{AdamW, GradientSum, clip_factor, learning_rate, warmup_steps};
use crate::task::{Evaluation, FigureSpec, PromptRow, TaskRows};

/// A run. Pull it with [`Trainer::next_event`].
pub struct Trainer {
    pub(super) job: Job,
    pub(super) rows: Rc<dyn TaskRows>,
    pub(super) config: ModelConfig,
    pub(super) device: Device,
    pub(super) model: RunModel,
    /// The backbone, without autodiff, of a model whose head alone is trained.
    frozen: Option<Backbone>,
    /// What the head reads of rows, where it alone is trained and a row is the same in every batch.
    features: Option<Features>,
    pub(super) optimizer: AdamW,
    /// Mixes pretrained weights into those of a pass, if the run asks for it.
    mixout: Option<Mixout>,
    pub(super) sampler: BatchSampler,
    plan: Plan,
    pub(super) progress: Progress,
    pub(super) readings: Readings,
    pub(super) evaluations: Evaluations,
    /// Step at which the run diverged, if it did.
    pub(super) diverged_at: Option<u32>,
    /// What the run goes back to if it diverges.
    pub(super) good: Option<GoodState>,
    pub(super) rollbacks: u32,
    pub(super) loss_level: LossLevel,
    /// In how many parts a batch is computed.
    pub(super) batch_parts: u32,
    /// What is looked at besides the rows, of a model that predicts tokens.
    pub(super) watched: Watched,
    pub(super) events: VecDeque<TrainEvent>,
    /// Step that this trainer began at: 0, or that of a checkpoint.
    began_at: u32,
    pub(super) stage: Stage,
}

/// What the run does next.
pub(super) enum Stage {
    /// The next optimizer step.
    Training,
    /// The next batch of the validation split.
    Evaluating(Evaluator, InferenceModel),
    /// What is looked at before the first step.
    Beginning,
    /// The next batch of these rows, which are of a general text.
    General(Rc<dyn TaskRows>, Evaluator, InferenceModel),
    /// The next of these validation prompts.
    Sampling(VecDeque<PromptRow>, InferenceModel),
    /// The last reading, then the end.
    Ending { reason: StopReason, keep_best: bool },
    /// Nothing; the model holds the weights of this step.
    Over { weights_of_step: u32 },
}

/// What is known beforehand.
struct Plan {
    steps_per_epoch: u32,
    total_steps: u32,
    warmup_steps: u32,
    num_parameters: usize,
    num_trainable: usize,
    /// The figure that decides which weights are the best.
    figure: &'static FigureSpec,
}

/// How far the run is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) step: u32,
    pub(super) micro_batches: u64,
    pub(super) rows: u64,
    /// Padding not included.
    pub(super) tokens: u64,
}

impl Trainer {
    /// Prepares a run of `model`, which must live on an autodiff device and is adapted and frozen as the method asks.
    ///
    /// # Errors
    /// When there is nothing to train on, nothing that the method could train, the device lacks the number format, or no
    /// figure has the name that is to choose the best weights.
    pub fn new(
        job: Job,
        rows: Rc<dyn TaskRows>,
        config: ModelConfig,
        model: Model,
        device: Device,
    ) -> Result<Self, TrainError> {
        let run = &job.run;
        let dtype = float_dtype(run.dtype, &device)?;
        if rows.num_rows()[Split::Train as usize] == 0 {
            return Err(TrainError::NoRows);
        }
        let figure = chosen_figure(rows.as_ref(), run)?;
        let num_parameters = burn::module::Module::num_params(&model);
        let model = prepare(model, run, &config, dtype, &device)?;
        let num_trainable = model.num_trained();
        let sampler = sampler_of(rows.as_ref(), run);
        let steps_per_epoch = (sampler.num_batches() as u32).div_ceil(run.gradient_accumulation_steps);
        let total_steps = steps_per_epoch.saturating_mul(run.num_train_epochs);
        let optimizer = optimizer_of(run, &model);
        let warmup_steps = warmup_steps(total_steps, run.warmup_ratio);
        let is_evaluated = rows.num_rows()[Split::Valid as usize] > 0;
        let evaluations = if is_evaluated { Evaluations::with_room(&model) } else { Evaluations::default() };
        let mut trainer = Self {
            frozen: (run.method == Method::Head).then(|| model.for_inference().backbone),
            features: (run.method == Method::Head && rows.is_fixed()).then(|| Features::new(rows.as_ref())),
            plan: Plan { steps_per_epoch, total_steps, warmup_steps, num_parameters, num_trainable, figure },
            mixout: Mixout::of_run(run, &model),
            job,
            rows,
            config,
            device,
            model: RunModel::new(model),
            optimizer,
            sampler,
            progress: Progress::default(),
            readings: Readings::default(),
            evaluations,
            diverged_at: None,
            good: None,
            rollbacks: 0,
            loss_level: LossLevel::default(),
            batch_parts: 1,
            watched: Watched::default(),
            events: VecDeque::new(),
            began_at: 0,
            stage: Stage::Training,
        };
        trainer.begin();
        Ok(trainer)
    }

    /// Events before the first step, also of a resumed run.
    pub(super) fn begin(&mut self) {
        self.began_at = self.progress.step;
        self.events = VecDeque::from([TrainEvent::Started {
            total_steps: self.plan.total_steps,
            steps_per_epoch: self.plan.steps_per_epoch,
            step: self.progress.step,
            num_rows: self.rows.num_read(),
            num_parameters: self.plan.num_parameters,
            num_trainable: self.plan.num_trainable,
        }]);
        let step = self.progress.step;
        self.events.extend(self.rows.added().map(|rows| TrainEvent::Augmented { step, rows }));
        self.events.push_back(TrainEvent::Phase { phase: Phase::FirstStep });
    }

    /// Advances by at most one optimizer step (or one batch of an evaluation, or one sample). `None` means the run is over.
    /// A run that diverges goes back a few times, if its settings say so; then it ends with its best weights and
    /// [`StopReason::Diverged`].
    ///
    /// # Errors
    /// When it ends so and there are no best weights yet, or the device fails; the run can't go on then.
    pub async fn next_event(&mut self) -> Result<Option<TrainEvent>, TrainError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let is_ending = matches!(self.stage, Stage::Ending { .. });
            match self.advance().await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) if !is_ending && self.roll_back(&error)? => {}
                Err(error) => self.keep_best_of_diverged(error)?,
            }
        }
    }

    /// One part of the run; false when it is over.
    async fn advance(&mut self) -> Result<bool, TrainError> {
        // A part that is not done puts its stage back; after the others the run trains on, unless they say what follows.
        match std::mem::replace(&mut self.stage, Stage::Training) {
            Stage::Training if self.progress.step >= self.plan.total_steps => {
                self.stage = self.ending(StopReason::Completed);
            }
            Stage::Training => {
                self.keep_if_due().await?;
                self.train_step().await?;
            }
            Stage::Evaluating(evaluator, prepared) => self.evaluate(evaluator, prepared).await?,
            Stage::Beginning => self.stage = self.after_rows(),
            Stage::General(rows, evaluator, prepared) => self.measure_general(rows, evaluator, prepared).await?,
            Stage::Sampling(prompts, prepared) => self.sample(prompts, prepared).await?,
            Stage::Ending { reason, keep_best } => {
                match self.report_losses().await {
                    Err(TrainError::Spike { .. }) => {} // it ends
                    read => read?,
                }
                self.finish(self.progress.step, reason, keep_best);
            }
            over @ Stage::Over { .. } => {
                self.stage = over;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One optimizer step, in micro-batches; read top to bottom, this is the training loop.
    async fn train_step(&mut self) -> Result<(), TrainError> {
        let run = &self.job.run;
        let (rows, features) = (self.rows.as_ref(), self.features.as_ref());
        let done = self.progress.micro_batches;
        let batches = next_batches(&mut self.sampler, rows, features, run, self.batch_parts, done);
        let draws = sums_of_draws(&batches);
        let weight_sum: f64 = draws.iter().map(|draw| draw.weight).sum();
        let num_rows: usize = draws.iter().map(|draw| draw.num_rows).sum();
        let is_of_several = self.rows.as_several().is_some();
        let scale = gradient_scale(run.dtype, weight_sum);
        let mut gradients = GradientSum::default();
        let mut step_loss: Option<Tensor<1>> = None;
        for drawn in &batches {
            // Weights of one task are rows, of another tokens: the means of several are averaged by their rows.
            // Each is the mean of a batch as it was drawn, also where that is computed in parts.
            let weight_sum = if is_of_several {
                let Draw { weight, num_rows: of_draw } = draws[drawn.draw];
                weight * num_rows as f64 / of_draw.max(1) as f64
            } else {
                weight_sum
            };
            let loss = self.micro_step(drawn, weight_sum / scale, &mut gradients).await?;
            step_loss = Some(match step_loss {
                Some(sum) => sum + loss,
                None => loss,
            });
            self.progress.add(&drawn.batch);
        }
        if scale != 1.0 {
            gradients = gradients.scaled(1.0 / scale);
            step_loss = step_loss.map(|loss| loss.div_scalar(scale));
        }
        let run = &self.job.run;
        let Plan { warmup_steps, total_steps, steps_per_epoch, .. } = self.plan;
        let (layers, every) = (self.model.backbone.layer_counts(), run.techniques.gradual_unfreezing);
        drop_frozen(&mut gradients, layers, every, self.progress.step, steps_per_epoch);
        let (schedule, peak) = (run.lr_scheduler_type, run.learning_rate * self.learning_rate_factor());
        let rate = learning_rate(schedule, peak, self.progress.step, warmup_steps, total_steps);
        let clip = clip_factor(&gradients, run.max_grad_norm);
        if let Some(clip) = &clip {
            self.model.update(|model| self.optimizer.step(model, gradients, clip, rate));
        }
        self.readings.add(step_loss, clip.map(|clip| clip.norm), rate);
        self.progress.step += 1;
        self.after_step().await
    }

    /// One forward and backward: adds to `gradients` and returns the part of the step's loss, `[1]`.
    async fn micro_step(
        &mut self,
        Drawn { head, indices, batch, .. }: &Drawn,
        weight_sum: f64,
        gradients: &mut GradientSum,
    ) -> Result<Tensor<1>, TrainError> {
        let run = &self.job.run;
        let other = (*head > 0).then(|| self.model.of_head(*head));
        let model = other.as_ref().unwrap_or(&self.model);
        let seed = seed_of(run.seed, self.progress.micro_batches);
        let mixed = self.mixout.as_ref().map(|mixout| mixout.mix(model, seed));
        let model = mixed.as_ref().map_or(model, |mixed| &mixed.model);
        let features = match (&mut self.features, &self.frozen) {
            (Some(features), Some(frozen)) => {
                let device = self.device.clone().without_autodiff();
                features.of_batch(Split::Train, indices, &batch.inputs, frozen, &model.head, &device).await?
            }
            _ => None,
        };
        let step = MicroStep {
            model,
            frozen: self.frozen.as_ref(),
            features,
            weight_sum,
            gradient_checkpointing: run.gradient_checkpointing,
            techniques: run.techniques,
            seed,
            device: &self.device,
        };
        if *head == 0 && mixed.is_none() {
            return Ok(step.run(batch, gradients));
        }
        let mut own = GradientSum::default();
        let loss = step.run(batch, &mut own);
        if let Some(mixed) = &mixed {
            own = mixed.by_own_weights(own);
        }
        gradients.add_all(own, |path| path_in_whole(path, *head).into_owned());
        Ok(loss)
    }

    async fn after_step(&mut self) -> Result<(), TrainError> {
        let Progress { step, rows, tokens, .. } = self.progress;
        let is_epoch_end = self.is_epoch_end();
        let is_last = step == self.plan.total_steps;
        let is_first = step == 1;
        if is_first || is_last || is_epoch_end || step.is_multiple_of(self.job.run.logging_steps) {
            self.report_losses().await?;
        } else {
            self.events.push_back(TrainEvent::Progress { step, rows, tokens });
        }
        if step == self.began_at + 1 {
            self.events.push_back(TrainEvent::Phase { phase: Phase::Training });
        }
        if self.evaluation_is_due() {
            self.start_evaluation();
        } else if is_epoch_end {
            self.events.push_back(TrainEvent::CheckpointDue { step });
        }
        Ok(())
    }

    pub(super) fn evaluation_is_due(&self) -> bool {
        let step = self.progress.step;
        let is_due = match self.job.run.eval_strategy {
            EvalStrategy::Epoch => self.is_epoch_end(),
            EvalStrategy::Steps(steps) => step.is_multiple_of(steps) || step == self.plan.total_steps,
        };
        is_due && self.rows.num_rows()[1] > 0 && self.evaluations.last_step != Some(step)
    }

    pub(super) fn start_evaluation(&mut self) {
        self.events.push_back(TrainEvent::Phase { phase: Phase::Evaluating });
        let evaluator = Evaluator::new(self.rows.as_ref(), Split::Valid).in_parts(self.batch_parts);
        self.stage = Stage::Evaluating(evaluator, InferenceModel::default());
    }

    async fn evaluate(&mut self, mut evaluator: Evaluator, mut prepared: InferenceModel) -> Result<(), TrainError> {
        let model = prepared.of(&self.model);
        let device = self.device.clone().without_autodiff();
        if evaluator.advance_by(model, self.rows.as_ref(), self.features.as_mut(), &device).await? {
            let (done, total) = evaluator.progress();
            self.events.push_back(TrainEvent::EvaluationProgress { done, total });
            self.stage = Stage::Evaluating(evaluator, prepared);
            return Ok(());
        }
        let (evaluation, _) = evaluator.finish();
        let (step, epoch) = (self.progress.step, self.epoch());
        let figure = (self.job.run.metric_for_best_model.as_str(), self.plan.figure);
        let is_best = self.evaluations.add(&evaluation, figure, step, &self.model);
        self.events.push_back(TrainEvent::Evaluated { step, epoch, split: Split::Valid, evaluation, is_best });
        self.stage = self.after_rows();
        Ok(())
    }

    pub(super) fn patience_is_over(&self) -> bool {
        self.job.run.early_stopping_patience.is_some_and(|patience| self.evaluations.since_best >= patience)
    }

    /// Reads the losses since the last reading: a wait for the device, so not at every step.
    async fn report_losses(&mut self) -> Result<(), TrainError> {
        let Progress { step, rows, tokens, .. } = self.progress;
        let Some(reading) = self.readings.take(step, &self.device).await? else { return Ok(()) };
        let Reading { losses, grad_norm, learning_rate } = reading;
        let watched = self.watch_losses(&losses);
        self.events.push_back(TrainEvent::Step {
            step,
            epoch: self.epoch(),
            loss: losses.iter().sum::<f64>() / losses.len() as f64,
            losses,
            learning_rate,
            grad_norm,
            rows,
            tokens,
        });
        watched
    }

    pub(super) fn ending(&self, reason: StopReason) -> Stage {
        Stage::Ending { reason, keep_best: self.job.run.load_best_model_at_end }
    }

    pub(super) fn finish(&mut self, step: u32, reason: StopReason, keep_best: bool) {
        let mut weights_of_step = self.progress.step;
        if keep_best && let Some(best) = &self.evaluations.best {
            *self.model = best.model.clone();
            weights_of_step = best.step;
            self.evaluations.last = None; // it measured other weights, perhaps at that step, too
        }
        self.end(weights_of_step);
        self.events.push_back(TrainEvent::Finished { step, reason, weights_of_step });
    }

    /// Nothing is done any more: what only a step needs makes room.
    pub(super) fn end(&mut self, weights_of_step: u32) {
        self.stage = Stage::Over { weights_of_step };
        self.good = None;
        self.evaluations.drop_room();
        self.optimizer.moments.clear();
        self.optimizer.pull = None;
        self.mixout = None;
    }

    /// Ends the run at the next poll; `keep_best` hands back the best weights rather than the last.
    pub fn stop(&mut self, keep_best: bool) {
        if !matches!(self.stage, Stage::Over { .. }) {
            self.stage = Stage::Ending { reason: StopReason::Stopped, keep_best };
        }
    }

    /// The model as it stands: after the end, the last or the best weights as asked.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What the run trains on and is measured on.
    #[must_use]
    pub fn rows(&self) -> &Rc<dyn TaskRows> {
        &self.rows
    }

    /// What is run.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The step whose weights [`Self::model`] holds, and their validation figures where they were measured.
    #[must_use]
    pub fn weights_of_step(&self) -> (u32, Option<&Evaluation>) {
        let step = match self.stage {
            Stage::Over { weights_of_step } => weights_of_step,
            _ => self.progress.step,
        };
        (step, self.evaluations.of_step(step))
    }

    /// Optimizer steps taken, and those of the whole run.
    #[must_use]
    pub fn num_steps(&self) -> [u32; 2] {
        [self.progress.step, self.plan.total_steps]
    }

    pub(super) fn is_epoch_end(&self) -> bool {
        self.progress.step.is_multiple_of(self.plan.steps_per_epoch)
    }

    fn epoch(&self) -> f64 {
        f64::from(self.progress.step) / f64::from(self.plan.steps_per_epoch)
    }
}

impl Progress {
    fn add(&mut self, batch: &HostBatch) {
        self.micro_batches += 1;
        self.rows += batch.num_rows as u64;
        self.tokens += batch.num_tokens as u64;
    }
}

/// The figure that a run names: one that rows with so many labels have.
///
/// # Errors
/// [`TrainError::UnknownFigure`] with those that there are.
pub(crate) fn chosen_figure(rows: &dyn TaskRows, run: &RunConfig) -> Result<&'static FigureSpec, TrainError> {
    let (spec, several) = (rows.task().spec(), rows.as_several());
    let name = run.metric_for_best_model.as_str();
    let has = |name: &str| spec.measures(name, rows.labels().len());
    let own = || spec.figure(name).filter(|_| has(name));
    let figure = several.map_or_else(own, |several| several.figure(name));
    figure.ok_or_else(|| {
        let own = || spec.figure_names().into_iter().filter(|name| has(name)).collect::<Vec<_>>().join(", ");
        let known = several.map_or_else(own, |several| several.figure_names().join(", "));
        TrainError::UnknownFigure { name: name.to_owned(), known }
    })
}
