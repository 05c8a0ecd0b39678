//! A run as the page knows it. The only way to change it is [`RunState::apply`], a pure function of what was known and
//! what happened: no clock, no browser, tested natively.

use std::collections::VecDeque;

use hone_core::event::{Phase, Split, StopReason, TrainEvent};
pub(crate) use hone_core::report::side_by_side::Sample;
use hone_core::task::{AddedRows, LOSS};

use super::measurement::LossCurve;
pub(crate) use super::measurement::{MEAN_LOSS_LABEL, MEAN_LOSS_LINE, Measurement, Rollback, index_of_best};
use crate::format;

/// Samples that are kept; beyond it, the oldest after those from before training are dropped.
const MAX_SAMPLES: usize = 400;

/// Seconds over which the rates are measured.
const RATE_WINDOW_SECS: f64 = 10.0;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// None was started.
    #[default]
    Idle,
    /// Asked for, nothing heard yet.
    Starting,
    /// Going.
    Running,
    /// Held.
    Paused,
    /// Asked to end.
    Stopping,
    /// Over; the worker holds its weights.
    Finished(StopReason),
    /// Ended by a problem.
    Failed,
    /// Over, but its weights are no longer loaded.
    Gone,
}

/// What changes a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input<'a> {
    /// The person asked for a run.
    Requested,
    /// The worker's trainer said something, so many seconds into the run (pauses not counted).
    Event { elapsed_secs: f64, event: &'a TrainEvent },
    /// The worker holds the run.
    Held,
    /// The worker goes on.
    Released,
    /// The worker will end the run at the next step.
    Stopping,
    /// A checkpoint was written, or not, and why; of no step: what was written is not there any more.
    Checkpoint { step: Option<u32>, error: Option<&'a str> },
    /// The person ended the reading of the rows that the run was to learn.
    NotStarted,
    /// The run can't go on.
    Failed,
    /// The worker is gone.
    WorkerGone,
    /// A model was loaded, or is used for another task: the weights that were trained before are gone.
    ModelLoaded { is_other_task: bool },
    /// A change of task failed: the run before it is still what the worker holds.
    TakenBack { run: &'a RunState },
}

/// A mark on the way: seconds, steps, rows, tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Mark {
    secs: f64,
    step: u32,
    rows: u64,
    tokens: u64,
}

/// A run: its plan, where it is, and what it has measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RunState {
    pub status: Status,
    pub phase: Option<Phase>,
    pub total_steps: u32,
    pub steps_per_epoch: u32,
    pub step: u32,
    pub epoch: f64,
    /// Rows in the training, validation and test split.
    pub num_rows: [usize; 3],
    pub num_parameters: usize,
    pub num_trainable: usize,
    pub elapsed_secs: f64,
    /// Seconds of the first step, shader compilation included.
    pub first_step_secs: Option<f64>,
    pub learning_rate: Option<f64>,
    pub grad_norm: Option<f64>,
    pub losses: LossCurve,
    pub measurements: Vec<Measurement>,
    /// In the order in which they were written, at most [`MAX_SAMPLES`].
    pub samples: VecDeque<Sample>,
    /// Loss on a text that has nothing to do with the rows: (step, loss).
    pub general: Vec<(f64, f64)>,
    /// What augmentation added to the rows to train on.
    pub added: Option<AddedRows>,
    /// In the order in which they came.
    pub rollbacks: Vec<Rollback>,
    /// The step since which batches are computed in parts, for the device had too little memory, and the rows of a part.
    pub batches_cut: Option<(u32, u32)>,
    /// Rows measured and to measure, while a split is being measured.
    pub evaluation_progress: Option<(usize, usize)>,
    pub rows_per_sec: Option<f64>,
    pub tokens_per_sec: Option<f64>,
    /// Step of the last checkpoint that was written.
    pub checkpoint_step: Option<u32>,
    /// Why the last checkpoint could not be written.
    pub checkpoint_error: Option<String>,
    pub weights_of_step: Option<u32>,
    /// Seconds and steps of training proper, without the first step.
    trained: (f64, u32),
    evaluation_secs: f64,
    last: Mark,
    window: VecDeque<Mark>,
}

impl RunState {
    /// What is known after `input`.
    pub(crate) fn apply(&mut self, input: Input<'_>) {
        match input {
            Input::Requested => *self = Self { status: Status::Starting, ..Self::default() },
            Input::Event { elapsed_secs, event } => self.event(elapsed_secs, event),
            Input::Held if self.status == Status::Running => self.status = Status::Paused,
            Input::Released if self.status == Status::Paused => self.status = Status::Running,
            Input::Stopping if self.is_active() => self.status = Status::Stopping,
            Input::Held | Input::Released | Input::Stopping => {}
            Input::Checkpoint { step, error: None } => (self.checkpoint_step, self.checkpoint_error) = (step, None),
            Input::Checkpoint { step, error: Some(error) } => {
                // What was written before stays, unless that is what went wrong.
                self.checkpoint_step = self.checkpoint_step.filter(|_| step.is_some());
                self.checkpoint_error = Some(error.into());
            }
            Input::NotStarted if self.status == Status::Starting => *self = Self::default(),
            Input::NotStarted => {}
            Input::Failed => (self.status, self.evaluation_progress) = (Status::Failed, None),
            Input::WorkerGone => match self.status {
                Status::Idle | Status::Gone => {}
                Status::Finished(_) => self.status = Status::Gone,
                _ => (self.status, self.evaluation_progress) = (Status::Failed, None),
            },
            // Figures of another kind would stand beside the settings of this one.
            Input::ModelLoaded { is_other_task: true } => *self = Self::default(),
            Input::ModelLoaded { .. } if self.is_finished() => self.status = Status::Gone,
            Input::ModelLoaded { .. } => {}
            Input::TakenBack { run } => self.clone_from(run),
        }
    }

    /// A run is going, held, or about to start or end.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.status, Status::Starting | Status::Running | Status::Paused | Status::Stopping)
    }

    /// The worker holds trained weights.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status, Status::Finished(_))
    }

    /// It is over, and saved as it ended.
    pub(crate) fn is_saved_whole(&self) -> bool {
        self.is_finished() && self.checkpoint_step == Some(self.step) && self.checkpoint_error.is_none()
    }

    /// What is said of a held run: `Paused at step 12; saved`. Nothing is said of saving where that is still to come.
    pub(crate) fn paused_words(&self) -> String {
        let saved = match (&self.checkpoint_error, self.checkpoint_step) {
            (Some(_), _) => "; not saved",
            (None, Some(step)) if step == self.step => "; saved",
            (None, _) => "",
        };
        format!("Paused at step {}{saved}", format::count(self.step as usize))
    }

    /// Share of the steps that are done, in `[0, 1]`.
    pub(crate) fn progress(&self) -> f64 {
        if self.total_steps == 0 { 0.0 } else { f64::from(self.step) / f64::from(self.total_steps) }
    }

    /// The same in whole hundredths: 100 only when all steps are done.
    pub(crate) fn percent_done(&self) -> u32 {
        if self.total_steps == 0 { 0 } else { (u64::from(self.step) * 100 / u64::from(self.total_steps)) as u32 }
    }

    /// Seconds left by what was measured so far; `None` before a step after the first was measured.
    pub(crate) fn secs_left(&self) -> Option<f64> {
        let (secs, steps) = self.trained;
        if !self.is_active() || steps == 0 {
            return None;
        }
        let per_step = secs / f64::from(steps);
        let measured_at = self.measurements.last().map_or(0, |m| m.step);
        let evaluation = if measured_at == 0 { 0.0 } else { self.evaluation_secs / f64::from(measured_at) };
        Some((per_step + evaluation) * f64::from(self.total_steps.saturating_sub(self.step)))
    }

    /// The last measurement of the validation split.
    pub(crate) fn last_valid(&self) -> Option<&Measurement> {
        self.measurements.iter().rev().find(|m| m.split == Split::Valid)
    }

    fn event(&mut self, elapsed_secs: f64, event: &TrainEvent) {
        self.elapsed_secs = elapsed_secs;
        match event {
            TrainEvent::Started { total_steps, steps_per_epoch, step, num_rows, num_parameters, num_trainable } => {
                (self.total_steps, self.steps_per_epoch, self.step) = (*total_steps, *steps_per_epoch, *step);
                (self.num_rows, self.num_parameters, self.num_trainable) = (*num_rows, *num_parameters, *num_trainable);
                self.last = Mark { secs: elapsed_secs, step: *step, ..Mark::default() };
                if self.status == Status::Starting {
                    self.status = Status::Running;
                }
            }
            TrainEvent::Augmented { rows, .. } => self.added = Some(rows.clone()),
            TrainEvent::Phase { phase } => self.turn_to(*phase),
            TrainEvent::Progress { step, rows, tokens } => self.advance(*step, *rows, *tokens),
            // Its `loss` is the mean of as many steps as were read together; the page's is always of as many.
            TrainEvent::Step { step, epoch, loss: _, losses, learning_rate, grad_norm, rows, tokens } => {
                self.advance(*step, *rows, *tokens);
                self.epoch = *epoch;
                (self.learning_rate, self.grad_norm) = (Some(*learning_rate), Some(*grad_norm));
                self.losses.extend(*step, losses);
            }
            TrainEvent::EvaluationProgress { done, total } => self.evaluation_progress = Some((*done, *total)),
            TrainEvent::Evaluated { step, epoch, split, evaluation, is_best } => {
                self.leave_evaluation();
                let figures = evaluation.figures.clone();
                let (step, epoch, split, is_best) = (*step, *epoch, *split, *is_best);
                self.measurements.push(Measurement { step, epoch, split, figures, is_best });
            }
            TrainEvent::GeneralMeasured { step, evaluation } => {
                self.general.extend(evaluation.figure(LOSS.name).map(|loss| (f64::from(*step), loss)));
            }
            TrainEvent::Sampled { .. } => {
                self.samples.extend(Sample::of_event(event));
                if self.samples.len() > MAX_SAMPLES {
                    let oldest = self.samples.iter().position(|sample| sample.step > 0);
                    self.samples.remove(oldest.unwrap_or_default());
                }
            }
            TrainEvent::CheckpointDue { .. } => {}
            TrainEvent::BatchesCut { step, rows_at_once, .. } => self.batches_cut = Some((*step, *rows_at_once)),
            TrainEvent::RolledBack { from_step, to_step, learning_rate_factor, why } => {
                let (from_step, to_step) = (*from_step, *to_step);
                let (learning_rate_factor, why) = (*learning_rate_factor, *why);
                self.go_back_to(to_step);
                self.rollbacks.push(Rollback { from_step, to_step, learning_rate_factor, why });
            }
            TrainEvent::Finished { step, reason, weights_of_step } => {
                self.leave_evaluation();
                (self.step, self.status, self.phase) = (*step, Status::Finished(*reason), None);
                self.weights_of_step = Some(*weights_of_step);
            }
        }
    }

    /// Forgets what was said of the steps after `step`, which are taken once more; the best weights stay the best.
    fn go_back_to(&mut self, step: u32) {
        self.leave_evaluation();
        self.step = step;
        self.epoch = f64::from(step) / f64::from(self.steps_per_epoch.max(1));
        self.last = Mark { secs: self.elapsed_secs, step, ..Mark::default() };
        self.losses.cut_after(step);
        let best = index_of_best(&self.measurements);
        let measured = std::mem::take(&mut self.measurements).into_iter().enumerate();
        let holds = measured.filter(|(index, one)| one.step <= step || Some(*index) == best);
        self.measurements = holds.map(|(_, one)| one).collect();
        self.samples.retain(|sample| sample.step <= step);
        self.general.retain(|point| point.0 <= f64::from(step));
    }

    fn turn_to(&mut self, phase: Phase) {
        if self.phase == Some(Phase::Evaluating) {
            self.leave_evaluation();
        }
        self.phase = Some(phase);
        self.last.secs = self.elapsed_secs;
        self.window.clear();
    }

    fn leave_evaluation(&mut self) {
        if self.phase == Some(Phase::Evaluating) {
            self.evaluation_secs += self.elapsed_secs - self.last.secs;
        }
        self.last.secs = self.elapsed_secs;
        self.evaluation_progress = None;
        self.window.clear();
    }

    /// A micro-batch was done: steps, rows and tokens since the start of the run.
    fn advance(&mut self, step: u32, rows: u64, tokens: u64) {
        let mark = Mark { secs: self.elapsed_secs, step, rows, tokens };
        let (secs, steps) = (mark.secs - self.last.secs, step.saturating_sub(self.last.step));
        if self.first_step_secs.is_none() || self.phase == Some(Phase::FirstStep) {
            // Its time says nothing about the next: on a GPU it is mostly shader compilation. A run that goes on has another.
            if steps == 0 {
                return;
            }
            self.first_step_secs.get_or_insert(secs);
            if self.phase == Some(Phase::FirstStep) {
                self.phase = Some(Phase::Training);
            }
        } else {
            self.trained.0 += secs;
            self.trained.1 += steps;
        }
        (self.step, self.last) = (step, mark);
        // Losses are read after several steps together: until then this says where the run is.
        self.epoch = f64::from(step) / f64::from(self.steps_per_epoch.max(1));
        self.window.push_back(mark);
        while self.window.len() > 2 && mark.secs - self.window[1].secs > RATE_WINDOW_SECS {
            self.window.pop_front();
        }
        let oldest = self.window.front().copied().unwrap_or(mark);
        let span_secs = mark.secs - oldest.secs;
        if span_secs > 0.0 {
            self.rows_per_sec = Some(rows.saturating_sub(oldest.rows) as f64 / span_secs);
            self.tokens_per_sec = Some(tokens.saturating_sub(oldest.tokens) as f64 / span_secs);
        }
    }
}

#[cfg(test)]
mod tests;
