//! A run as the page knows it. The only way to change it is [`RunState::apply`], a pure function of what was known and
//! what happened: no clock, no browser, tested natively.

use std::collections::VecDeque;

use hone_core::event::{Phase, Split, StopReason, TrainEvent};

use super::measurement::LossCurve;
pub(crate) use super::measurement::{MEAN_LOSS_LABEL, MEAN_LOSS_LINE, Measurement, Sample, index_of_best};

/// Samples that are kept; beyond it, the oldest are dropped.
const MAX_SAMPLES: usize = 60;

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
    /// A checkpoint was written, or not, and why.
    Checkpoint { step: u32, error: Option<&'a str> },
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
            Input::Checkpoint { step, error: None } => {
                (self.checkpoint_step, self.checkpoint_error) = (Some(step), None)
            }
            Input::Checkpoint { error: Some(error), .. } => self.checkpoint_error = Some(error.into()),
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
        self.is_finished() && self.checkpoint_step == Some(self.step)
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
            TrainEvent::Sampled { step, prompt, expected, generated } => {
                let (prompt, expected, generated) = (prompt.clone(), expected.clone(), generated.clone());
                self.samples.push_back(Sample { step: *step, prompt, expected, generated });
                if self.samples.len() > MAX_SAMPLES {
                    self.samples.pop_front();
                }
            }
            TrainEvent::CheckpointDue { .. } => {}
            TrainEvent::Finished { step, reason, weights_of_step } => {
                self.leave_evaluation();
                (self.step, self.status, self.phase) = (*step, Status::Finished(*reason), None);
                self.weights_of_step = Some(*weights_of_step);
            }
        }
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
mod tests {
    use hone_core::metrics::Figure;
    use hone_core::task::Task;

    use super::*;
    use crate::tasks::fixtures::evaluation;

    fn feed(run: &mut RunState, elapsed_secs: f64, event: TrainEvent) {
        run.apply(Input::Event { elapsed_secs, event: &event });
    }

    fn progress(step: u32) -> TrainEvent {
        TrainEvent::Progress { step, rows: u64::from(step) * 16, tokens: u64::from(step) * 400 }
    }

    /// The losses of the steps that end with `step`, read together.
    fn read_at(step: u32, losses: Vec<f64>) -> TrainEvent {
        let (rows, tokens) = (u64::from(step) * 16, u64::from(step) * 400);
        TrainEvent::Step { step, epoch: 1.0, loss: 2.0, losses, learning_rate: 1e-4, grad_norm: 0.5, rows, tokens }
    }

    fn started(step: u32) -> TrainEvent {
        let num_rows = [160, 20, 20];
        TrainEvent::Started {
            total_steps: 30,
            steps_per_epoch: 10,
            step,
            num_rows,
            num_parameters: 9,
            num_trainable: 4,
        }
    }

    fn evaluated(step: u32, accuracy: f64) -> TrainEvent {
        let figures = vec![Figure::lower("loss", 1.0), Figure::higher("accuracy", accuracy)];
        let evaluation = evaluation(Task::default(), figures);
        TrainEvent::Evaluated { step, epoch: 1.0, split: Split::Valid, evaluation, is_best: true }
    }

    fn running() -> RunState {
        let mut run = RunState::default();
        run.apply(Input::Requested);
        feed(&mut run, 0.0, started(0));
        feed(&mut run, 0.0, TrainEvent::Phase { phase: Phase::FirstStep });
        run
    }

    #[test]
    fn the_first_step_does_not_count_for_the_time_left() {
        let mut run = running();
        feed(&mut run, 60.0, progress(1));
        assert_eq!((run.first_step_secs, run.secs_left()), (Some(60.0), None));
        assert_eq!(run.phase, Some(Phase::Training));
        feed(&mut run, 61.0, progress(2));
        feed(&mut run, 62.0, progress(3));
        assert_eq!((run.secs_left(), run.epoch), (Some(27.0), 0.3));
        assert_eq!((run.rows_per_sec, run.tokens_per_sec), (Some(16.0), Some(400.0)));
    }

    #[test]
    fn measuring_counts_for_the_time_left_but_not_for_the_rate() {
        let mut run = running();
        feed(&mut run, 5.0, progress(1));
        for step in 2..=10 {
            feed(&mut run, 4.0 + f64::from(step), progress(step));
        }
        feed(&mut run, 14.0, TrainEvent::Phase { phase: Phase::Evaluating });
        feed(&mut run, 16.0, TrainEvent::EvaluationProgress { done: 10, total: 20 });
        assert_eq!(run.evaluation_progress, Some((10, 20)));
        feed(&mut run, 24.0, evaluated(10, 0.75));
        feed(&mut run, 24.0, TrainEvent::Phase { phase: Phase::Training });
        assert_eq!(run.evaluation_progress, None);
        assert_eq!(run.last_valid().and_then(|measured| measured.value("accuracy")), Some(0.75));
        // One second a step, and ten seconds of measuring every ten steps.
        assert_eq!(run.secs_left(), Some(40.0));
        feed(&mut run, 25.0, progress(11));
        feed(&mut run, 26.0, progress(12));
        assert_eq!(run.rows_per_sec, Some(16.0));
    }

    #[test]
    fn a_measurement_keeps_all_figures_and_ends_the_measuring() {
        let mut run = running();
        feed(&mut run, 5.0, progress(1));
        feed(&mut run, 14.0, TrainEvent::Phase { phase: Phase::Evaluating });
        feed(&mut run, 16.0, TrainEvent::EvaluationProgress { done: 1, total: 2 });
        feed(&mut run, 18.0, evaluated(10, 0.8));
        let figures = vec![Figure::lower("loss", 1.0), Figure::higher("accuracy", 0.8)];
        let expected = Measurement { step: 10, epoch: 1.0, split: Split::Valid, figures, is_best: true };
        assert_eq!((run.last_valid(), run.evaluation_progress), (Some(&expected), None));
        assert_eq!(expected.value("perplexity"), None, "it was not measured");
        assert_eq!(run.evaluation_secs, 4.0);
    }

    #[test]
    fn the_last_samples_are_kept_in_order() {
        let mut run = running();
        for step in 1..=MAX_SAMPLES as u32 + 2 {
            let [prompt, expected, generated] = ["q", "a", "b"].map(String::from);
            feed(&mut run, f64::from(step), TrainEvent::Sampled { step, prompt, expected, generated });
        }
        assert_eq!((run.samples.len(), run.samples.front().map(|s| s.step)), (MAX_SAMPLES, Some(3)));
        let [prompt, expected, generated] = ["q", "a", "b"].map(String::from);
        let last = Sample { step: MAX_SAMPLES as u32 + 2, prompt, expected, generated };
        assert_eq!(run.samples.back(), Some(&last));
        assert_eq!(run.status, Status::Running);
    }

    #[test]
    fn another_model_takes_the_weights_and_another_task_the_figures_too() {
        let mut run = running();
        feed(&mut run, 3.0, evaluated(1, 0.5));
        run.apply(Input::ModelLoaded { is_other_task: false });
        assert_eq!(run.status, Status::Running);
        feed(&mut run, 9.0, TrainEvent::Finished { step: 30, reason: StopReason::Completed, weights_of_step: 20 });
        run.apply(Input::ModelLoaded { is_other_task: false });
        assert_eq!((run.status, run.measurements.len()), (Status::Gone, 1));
        run.apply(Input::ModelLoaded { is_other_task: true });
        assert_eq!(run, RunState::default());
    }

    #[test]
    fn a_hundred_percent_is_all_of_it() {
        let at = |step| RunState { step, total_steps: 300, ..RunState::default() }.percent_done();
        assert_eq!([at(0), at(129), at(299), at(300)], [0, 43, 99, 100]);
        assert_eq!(RunState::default().percent_done(), 0);
    }

    #[test]
    fn losses_are_placed_at_their_own_steps() {
        let mut run = running();
        feed(&mut run, 1.0, read_at(10, vec![3.0, 2.0, 1.0]));
        assert_eq!(run.losses.each, [(8.0, 3.0), (9.0, 2.0), (10.0, 1.0)]);
        assert_eq!((run.losses.mean(), run.step), (Some(2.0), 10));
    }

    #[test]
    fn pausing_needs_a_running_run() {
        let mut run = running();
        run.apply(Input::Held);
        assert_eq!(run.status, Status::Paused);
        run.apply(Input::Released);
        assert_eq!(run.status, Status::Running);
        feed(&mut run, 9.0, TrainEvent::Finished { step: 30, reason: StopReason::Completed, weights_of_step: 20 });
        run.apply(Input::Held);
        assert_eq!(run.status, Status::Finished(StopReason::Completed));
        assert_eq!(run.weights_of_step, Some(20));
    }

    #[test]
    fn a_run_whose_rows_were_not_read_is_none() {
        let mut run = RunState::default();
        run.apply(Input::Requested);
        run.apply(Input::NotStarted);
        assert_eq!(run, RunState::default());
        let mut run = running();
        run.apply(Input::NotStarted);
        assert_eq!(run.status, Status::Running, "it had begun");
    }

    #[test]
    fn a_lost_worker_fails_a_running_run_and_keeps_its_curves() {
        let mut run = running();
        feed(&mut run, 3.0, evaluated(1, 0.5));
        run.apply(Input::WorkerGone);
        assert_eq!((run.status, run.measurements.len()), (Status::Failed, 1));
        let mut others = [Status::Idle, Status::Gone].map(|status| RunState { status, ..RunState::default() });
        others.iter_mut().for_each(|run| run.apply(Input::WorkerGone));
        assert_eq!(others.map(|run| run.status), [Status::Idle, Status::Gone]);
    }

    #[test]
    fn a_failed_checkpoint_is_remembered_until_one_is_written() {
        let mut run = running();
        run.apply(Input::Checkpoint { step: 10, error: Some("disk full") });
        assert_eq!((run.checkpoint_step, run.checkpoint_error.as_deref()), (None, Some("disk full")));
        run.apply(Input::Checkpoint { step: 20, error: None });
        assert_eq!((run.checkpoint_step, run.checkpoint_error), (Some(20), None));
    }

    #[test]
    fn a_resumed_run_measures_from_where_it_was() {
        let mut run = RunState::default();
        run.apply(Input::Requested);
        feed(&mut run, 100.0, started(10));
        feed(&mut run, 110.0, progress(11));
        assert_eq!((run.first_step_secs, run.step), (Some(10.0), 11));
        let losses = vec![4.0, 2.0];
        feed(&mut run, 120.0, read_at(12, losses));
        assert_eq!(run.losses.means, [(11.0, 4.0), (12.0, 3.0)], "the line begins where the run does");
        assert_eq!(run.losses.mean(), Some(3.0), "and ends at the figure");
    }

    #[test]
    fn a_run_that_goes_on_after_a_reload_is_known_from_its_first_step() {
        let mut run = running();
        feed(&mut run, 5.0, read_at(1, vec![4.0]));
        feed(&mut run, 14.0, read_at(10, vec![3.0; 9]));
        feed(&mut run, 14.0, started(10));
        feed(&mut run, 14.0, TrainEvent::Phase { phase: Phase::FirstStep });
        feed(&mut run, 74.0, progress(11));
        assert_eq!((run.first_step_secs, run.phase), (Some(5.0), Some(Phase::Training)));
        assert_eq!(run.secs_left(), Some(19.0), "the slow step after the reload says nothing of those that follow");
        assert_eq!((run.losses.each.len(), run.losses.each[0]), (10, (1.0, 4.0)));
    }

    #[test]
    fn a_held_run_goes_on_with_the_same_mean() {
        let (mut held, mut through) = (running(), running());
        for run in [&mut held, &mut through] {
            feed(run, 1.0, read_at(4, vec![9.0, 8.0, 7.0, 6.0]));
        }
        held.apply(Input::Held);
        held.apply(Input::Released);
        for run in [&mut held, &mut through] {
            feed(run, 2.0, read_at(6, vec![5.0, 4.0]));
        }
        assert_eq!(held.losses, through.losses);
        assert_eq!(held.losses.mean(), held.losses.means.last().map(|point| point.1));
    }
}
