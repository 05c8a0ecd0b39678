//! What a run is after what happened.

use hone_core::event::Divergence;
use hone_core::metrics::Figure;
use hone_core::task::{Evaluation, Task};

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
    TrainEvent::Started { total_steps: 30, steps_per_epoch: 10, step, num_rows, num_parameters: 9, num_trainable: 4 }
}

fn of_figures(accuracy: f64) -> Evaluation {
    evaluation(Task::default(), vec![Figure::lower("loss", 1.0), Figure::higher("accuracy", accuracy)])
}

fn evaluated(step: u32, accuracy: f64) -> TrainEvent {
    let evaluation = of_figures(accuracy);
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
    let shape = None;
    for step in 0..=MAX_SAMPLES as u32 + 2 {
        let [prompt, expected, generated] = ["q", "a", "b"].map(String::from);
        feed(&mut run, f64::from(step), TrainEvent::Sampled { step, prompt, expected, generated, shape });
    }
    let steps: Vec<u32> = run.samples.iter().map(|sample| sample.step).collect();
    assert_eq!((steps.len(), &steps[..3]), (MAX_SAMPLES, &[0, 4, 5][..]), "those from before training stay");
    let [prompt, expected, generated] = ["q", "a", "b"].map(String::from);
    let last = Sample { step: MAX_SAMPLES as u32 + 2, prompt, expected, generated, shape };
    assert_eq!(run.samples.back(), Some(&last));
    assert_eq!(run.status, Status::Running);
}

#[test]
fn what_is_looked_at_before_the_first_step_is_no_part_of_it() {
    let mut run = RunState::default();
    run.apply(Input::Requested);
    feed(&mut run, 0.0, started(0));
    feed(&mut run, 0.0, TrainEvent::Phase { phase: Phase::Sampling });
    feed(&mut run, 30.0, TrainEvent::GeneralMeasured { step: 0, evaluation: of_figures(0.5) });
    feed(&mut run, 40.0, TrainEvent::Phase { phase: Phase::FirstStep });
    feed(&mut run, 45.0, progress(1));
    assert_eq!((run.first_step_secs, run.general.as_slice()), (Some(5.0), &[(0.0, 1.0)][..]));
    feed(&mut run, 50.0, TrainEvent::GeneralMeasured { step: 10, evaluation: of_figures(0.5) });
    run.go_back_to(5);
    assert_eq!(run.general, [(0.0, 1.0)], "what was measured of steps that are taken once more");
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
    run.apply(Input::Checkpoint { step: Some(10), error: Some("disk full") });
    assert_eq!((run.checkpoint_step, run.checkpoint_error.as_deref()), (None, Some("disk full")));
    run.apply(Input::Checkpoint { step: Some(20), error: None });
    assert_eq!((run.checkpoint_step, run.checkpoint_error.as_deref()), (Some(20), None));
    run.apply(Input::Checkpoint { step: Some(30), error: Some("disk full") });
    assert_eq!(run.checkpoint_step, Some(20), "what was written stays");
    run.apply(Input::Checkpoint { step: None, error: Some("deleted") });
    assert_eq!((run.checkpoint_step, run.checkpoint_error.as_deref()), (None, Some("deleted")));
}

#[test]
fn a_held_run_says_at_which_step_and_whether_that_is_saved() {
    let mut run = running();
    feed(&mut run, 1.0, progress(12));
    run.apply(Input::Checkpoint { step: Some(10), error: None });
    run.apply(Input::Held);
    assert_eq!(run.paused_words(), "Paused at step 12", "what was saved is older");
    run.apply(Input::Checkpoint { step: Some(12), error: Some("disk full") });
    assert_eq!((run.status, run.paused_words().as_str()), (Status::Paused, "Paused at step 12; not saved"));
    run.apply(Input::Checkpoint { step: Some(12), error: None });
    assert_eq!((run.status, run.paused_words().as_str()), (Status::Paused, "Paused at step 12; saved"));
}

#[test]
fn a_run_whose_end_was_not_written_is_not_saved_whole() {
    let mut run = running();
    run.apply(Input::Checkpoint { step: Some(30), error: None });
    assert!(!run.is_saved_whole(), "it goes on");
    feed(&mut run, 9.0, TrainEvent::Finished { step: 30, reason: StopReason::Completed, weights_of_step: 20 });
    run.apply(Input::Checkpoint { step: Some(30), error: Some("disk full") });
    assert!(!run.is_saved_whole(), "the checkpoint of the last step is there, and not its end");
    run.apply(Input::Checkpoint { step: Some(30), error: None });
    assert!(run.is_saved_whole());
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

#[test]
fn a_run_that_went_back_shows_what_still_holds_and_says_so() {
    let mut run = running();
    feed(&mut run, 10.0, read_at(10, vec![2.0; 10]));
    feed(&mut run, 11.0, evaluated(10, 0.5));
    feed(&mut run, 20.0, read_at(20, vec![3.0; 10]));
    feed(&mut run, 21.0, evaluated(15, 0.9));
    let worse = TrainEvent::Evaluated {
        step: 20,
        epoch: 2.0,
        split: Split::Valid,
        evaluation: of_figures(0.1),
        is_best: false,
    };
    feed(&mut run, 22.0, worse);
    let (why, learning_rate_factor) = (Divergence::Loss, 0.5);
    feed(&mut run, 23.0, TrainEvent::RolledBack { from_step: 21, to_step: 10, learning_rate_factor, why });
    assert_eq!((run.step, run.epoch, run.losses.each.len(), run.losses.mean()), (10, 1.0, 10, Some(2.0)));
    let steps: Vec<u32> = run.measurements.iter().map(|one| one.step).collect();
    assert_eq!(steps, [10, 15], "the best stays the best");
    assert_eq!(run.rollbacks, [Rollback { from_step: 21, to_step: 10, learning_rate_factor, why }]);
    assert_eq!(run.status, Status::Running);
    feed(&mut run, 24.0, read_at(11, vec![1.0]));
    assert_eq!((run.step, run.losses.each.last()), (11, Some(&(11.0, 1.0))));
    assert_eq!(run.losses.mean(), Some(1.9), "of the last ten that hold");
}

#[test]
fn batches_that_are_computed_in_parts_are_said_until_another_run_starts() {
    let mut run = running();
    feed(&mut run, 1.0, TrainEvent::BatchesCut { step: 10, rows_at_once: 8, micro_batches: 2 });
    assert_eq!((run.batches_cut, run.status), (Some((10, 8)), Status::Running));
    run.apply(Input::Requested);
    assert_eq!(run.batches_cut, None);
}
