//! What a run of a sweep came to, and how a sweep is told: which run is next, how the trials stand. Plain values in, plain values and
//! words out.

use hone_core::config::{Fold, RunDraft};
use hone_core::event::{Split, StopReason};
use hone_core::plan::about;
use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::sweep::{Leg, RunResult, Standing, SweepOfRuns, Trial, Way};
use hone_core::task::LOSS;

use super::super::run::{Measurement, RunState, Status};
use super::draft::label_of;
use crate::format;

/// What is known after a run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// What it came to.
    Told(RunResult),
    /// It has to be made again, once the sweep goes on; and why it does not now.
    Waits(Option<String>),
}

/// What a run came to that is over, or why that is not known. `problem` is that of a run that failed.
pub(super) fn outcome_of(
    run: &RunState,
    metric: &str,
    is_whole: bool,
    problem: Option<&Problem>,
    is_stopping: bool,
) -> Outcome {
    let result = |[figure, loss]: [Option<f64>; 2], failed: Option<String>| RunResult {
        figure,
        loss,
        step: run.step,
        total_steps: run.total_steps,
        secs: run.elapsed_secs,
        is_over: is_whole || failed.is_some(),
        failed,
    };
    match run.status {
        Status::Finished(StopReason::Stopped) if is_stopping => Outcome::Waits(None),
        Status::Finished(reason) => {
            let step = run.weights_of_step.unwrap_or(run.step);
            let of_weights = |one: &&Measurement| one.split == Split::Valid && one.step == step;
            let found = run.measurements.iter().rev().find(of_weights);
            let value = |name: &str| found.and_then(|one| one.value(name)).filter(|value| value.is_finite());
            let figure = value(metric);
            let failed = match (reason, figure) {
                (StopReason::Diverged, _) => Some(format!("diverged at step {}, weights of step {step}", run.step)),
                (StopReason::Stopped, _) => Some(format!("stopped by hand at step {}", run.step)),
                (_, None) => Some("its validation rows were not measured".into()),
                _ => None,
            };
            Outcome::Told(result([figure, value(LOSS.name)], failed))
        }
        Status::Failed => match problem {
            Some(problem) if is_of_run(problem.kind) => Outcome::Told(result([None; 2], Some(problem.message.clone()))),
            Some(problem) => Outcome::Waits(Some(sentences(problem))),
            None => Outcome::Waits(Some("Its run was ended.".into())),
        },
        // The making of copies of its rows was ended.
        Status::Idle => Outcome::Waits((!is_stopping).then(|| "Its run was ended before it began.".into())),
        _ => Outcome::Waits(Some("The weights of its run are gone.".into())),
    }
}

/// What happened, and what to do.
pub(super) fn sentences(problem: &Problem) -> String {
    let sentence = |text: &str| format!("{}.", format::sentence(text.trim_end_matches('.')));
    format!("{} {}", sentence(&problem.message), sentence(&problem.hint))
}

/// Whether a problem is of the run's settings, and not of the device, the disk, or the model and rows that all runs share: others may
/// do better.
fn is_of_run(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::Config | ProblemKind::Diverged)
}

/// What a run came to whose settings can't be used.
pub(super) fn unusable(why: String) -> RunResult {
    RunResult { figure: None, loss: None, step: 0, total_steps: 0, secs: 0.0, is_over: true, failed: Some(why) }
}

/// There are runs to come.
pub(crate) fn is_unfinished(of: &SweepOfRuns) -> bool {
    of.sweep.peek_leg().is_some()
}

/// The settings of a trial: `Learning rate 3e-5, Batch size 16`.
pub(crate) fn trial_words(settings: &RunDraft) -> String {
    let words: Vec<String> = settings.iter().map(|(name, value)| format!("{} {value}", label_of(name))).collect();
    if words.is_empty() { "the recipe as it is".into() } else { words.join(", ") }
}

/// What is trained next: `Learning rate 3e-5, fold 2 of 5, seed 1`.
pub(crate) fn leg_words(of: &SweepOfRuns, leg: &Leg) -> String {
    let mut words = vec![trial_words(&leg.settings)];
    words.extend(leg.fold.map(|Fold { index, count }| format!("fold {} of {count}", index + 1)));
    words.extend(leg.seed.map(|seed| format!("seed {seed}")));
    if let Ok((run, false)) = of.run_of(leg) {
        words.push(format!("for {}", format::plural(run.num_train_epochs as usize, "epoch")));
    }
    words.join(", ")
}

/// Mean seconds of the runs of a sweep that came to their end, where they tell how long a run of `next` takes: of the same model, files
/// and recipe, each of as many epochs.
pub(crate) fn mean_secs(kept: &SweepOfRuns, next: &SweepOfRuns) -> Option<f64> {
    let is_alike = (&kept.of, &kept.base, &kept.changes) == (&next.of, &next.base, &next.changes);
    let has_other_epochs = matches!(kept.sweep.plan.search.way, Way::Halving { .. })
        || kept.sweep.plan.space.iter().any(|axis| axis.setting == "num_train_epochs");
    if !is_alike || has_other_epochs {
        return None;
    }
    let runs = kept.sweep.trials.iter().flat_map(|trial| trial.rungs.iter().flatten());
    let secs: Vec<f64> = runs.filter(|run| run.failed.is_none() && run.is_over).map(|run| run.secs).collect();
    (!secs.is_empty()).then(|| secs.iter().sum::<f64>() / secs.len() as f64)
}

/// How many runs a sweep has and how long they take, where a run of the recipe takes `secs`; `is_measured` says that these are being
/// measured.
pub(crate) fn size_words(
    of: &SweepOfRuns,
    epochs_of_recipe: u32,
    secs: Option<f64>,
    is_measured: bool,
) -> Result<String, String> {
    let ahead = of.epochs_ahead().map_err(|(trial, problem)| {
        let label = label_of(&problem.field);
        format!("Trial {trial} can't be run: {label}: {}.", problem.message)
    })?;
    let num_runs = of.sweep.plan.search.num_runs();
    let runs: usize = ahead.iter().map(|(alive, _)| alive * num_runs).sum();
    let epochs: u64 = ahead.iter().map(|(_, epochs)| epochs).sum();
    let each = match num_runs {
        1 => String::new(),
        many => {
            format!(" ({} of {} each)", format::plural(of.sweep.trials.len(), "trial"), format::plural(many, "run"))
        }
    };
    let at_most = if ahead.len() > 1 { "At most " } else { "" };
    let time = match secs {
        Some(secs) => {
            let all = secs * epochs as f64 / f64::from(epochs_of_recipe.max(1));
            format!("{}, if an epoch takes as long as one of the recipe", about(all))
        }
        None if is_measured => "how long that takes is being measured".into(),
        None => "how long that takes is known once a run of the recipe was measured".into(),
    };
    let runs = format::plural(runs, "run");
    let epochs = format::plural(usize::try_from(epochs).unwrap_or(usize::MAX), "epoch");
    Ok(format!("{at_most}{runs}{each}, {epochs} in all: {time}.{}{}", fewer_words(of), loss_words(of)))
}

/// That there are not as many trials as were to be drawn.
fn fewer_words(of: &SweepOfRuns) -> &'static str {
    let (Way::Random { count, .. } | Way::Halving { count: Some(count), .. }) = of.sweep.plan.search.way else {
        return "";
    };
    if of.sweep.trials.len() < count { " These are all combinations that there are." } else { "" }
}

/// That trials can't be compared by a loss that is not the same for all of them.
fn loss_words(of: &SweepOfRuns) -> String {
    match of.sweep.plan.changes_loss().filter(|_| of.metric == LOSS.name) {
        Some(name) => format!(
            " Trials are compared by their loss, and {} changes what that is: choose another figure for the best weights above.",
            label_of(name)
        ),
        None => String::new(),
    }
}

/// A trial in the table of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrialRow {
    /// Index of the trial.
    pub trial: usize,
    pub is_best: bool,
    /// All of its runs came to their end.
    pub is_over: bool,
    pub settings: String,
    /// Mean of its figure over its runs.
    pub mean: Option<f64>,
    /// Standard deviation of it.
    pub std_dev: Option<f64>,
    /// Half the width of the interval of its mean.
    pub interval: Option<f64>,
    /// `run 4, run 5`.
    pub runs: String,
    /// How it stands, in words.
    pub state: String,
}

/// The trials as they stand, the best first.
pub(crate) fn trial_rows(of: &SweepOfRuns) -> Vec<TrialRow> {
    let best = of.sweep.best();
    let num_runs = of.sweep.plan.search.num_runs();
    let row = |standing: Standing| {
        let trial = &of.sweep.trials[standing.trial];
        let numbers: Vec<String> =
            of.runs.iter().filter(|run| run.trial == standing.trial).map(|run| format!("run {}", run.number)).collect();
        let last: &[RunResult] = trial.rungs.last().map(Vec::as_slice).unwrap_or_default();
        let failed = last.iter().find_map(|run| run.failed.clone());
        let state = match failed {
            Some(why) => why,
            None if trial.is_out => format!("left behind after {}", format::plural(trial.rungs.len(), "round")),
            None if standing.is_over => "done".into(),
            None if last.is_empty() => "waits".into(),
            None if last.len() < num_runs => format!("{} of {num_runs} done", last.len()),
            None => "goes further".into(),
        };
        TrialRow {
            trial: standing.trial,
            is_best: best == Some(standing.trial),
            is_over: standing.is_over,
            settings: trial_words(&trial.settings),
            mean: standing.spread.map(|spread| spread.mean),
            std_dev: standing.spread.and_then(|spread| spread.std_dev),
            interval: standing.spread.and_then(|spread| spread.interval),
            runs: if numbers.is_empty() { "–".into() } else { numbers.join(", ") },
            state,
        }
    };
    of.sweep.standings().into_iter().map(row).collect()
}

/// For each setting that is tried its label and, of each trial, the value as it would be typed.
pub(crate) fn coordinate_values(of: &SweepOfRuns) -> Vec<(String, Vec<String>)> {
    let axis = |name: &str| {
        let value = |trial: &Trial| trial.settings.typed(name).unwrap_or_default().to_owned();
        (label_of(name).to_owned(), of.sweep.trials.iter().map(value).collect())
    };
    of.sweep.plan.space.iter().map(|one| axis(&one.setting)).collect()
}

#[cfg(test)]
mod tests {
    use hone_core::config::{ModelChanges, ReadOptions, RunConfig};
    use hone_core::event::TrainEvent;
    use hone_core::metrics::Figure;
    use hone_core::sweep::{Sweep, TrainedLeg};

    use super::super::super::run::Input;
    use super::super::draft::{SweepDraft, Tried};
    use super::*;

    fn of_draft(draft: &SweepDraft) -> SweepOfRuns {
        let recipe = RunConfig { num_train_epochs: 3, ..RunConfig::default() };
        let plan = draft.plan(&recipe).expect("a good plan");
        SweepOfRuns {
            sweep: Sweep::new(plan, true).expect("it has an end"),
            of: "tiny on rows.csv".into(),
            base: RunDraft::of(&recipe),
            typed: RunDraft::default(),
            changes: ModelChanges::default(),
            typed_changes: RunDraft::default(),
            read: ReadOptions::default(),
            metric: "accuracy".into(),
            runs: Vec::new(),
        }
    }

    fn rates() -> SweepDraft {
        SweepDraft { axes: vec![("learning_rate", "1e-4 1e-3 1e-2".into())], ..SweepDraft::default() }
    }

    fn tell(of: &mut SweepOfRuns, figure: Option<f64>, is_over: bool, failed: Option<String>) {
        let leg = of.sweep.next_leg().expect("there is another");
        let result = RunResult { figure, loss: None, step: 10, total_steps: 10, secs: 1.0, is_over, failed };
        of.sweep.tell(&leg, result).expect("it is the next");
        let number = of.runs.len() as u32 + 1;
        of.runs.push(TrainedLeg { trial: leg.trial, rung: leg.rung, run: leg.run, number });
    }

    fn finished(reason: StopReason, weights_of_step: u32) -> RunState {
        let mut run = RunState::default();
        let (total_steps, steps_per_epoch, step, num_rows) = (20, 10, 0, [8, 2, 0]);
        let (num_parameters, num_trainable) = (1, 1);
        let started =
            TrainEvent::Started { total_steps, steps_per_epoch, step, num_rows, num_parameters, num_trainable };
        run.apply(Input::Event { elapsed_secs: 0.0, event: &started });
        for (step, value) in [(10, 0.75), (20, 0.5)] {
            let figures = vec![Figure::higher("accuracy", value), Figure::lower("loss", 1.0 - value)];
            run.measurements.push(Measurement { step, epoch: 1.0, split: Split::Valid, figures, is_best: step == 10 });
        }
        run.apply(Input::Event {
            elapsed_secs: 4.0,
            event: &TrainEvent::Finished { step: 20, reason, weights_of_step },
        });
        run
    }

    #[test]
    fn a_run_came_to_the_figure_of_the_weights_that_it_has() {
        let told = |run: &RunState| match outcome_of(run, "accuracy", true, None, false) {
            Outcome::Told(result) => result,
            waits => panic!("{waits:?}"),
        };
        let result = told(&finished(StopReason::Completed, 10));
        assert_eq!((result.figure, result.loss), (Some(0.75), Some(0.25)));
        assert_eq!((result.step, result.total_steps, result.secs), (20, 20, 4.0));
        assert!(result.is_over && result.failed.is_none());
        assert_eq!(told(&finished(StopReason::Completed, 20)).figure, Some(0.5));
        let diverged = told(&finished(StopReason::Diverged, 10));
        assert_eq!(diverged.failed.as_deref(), Some("diverged at step 20, weights of step 10"));
        assert!(told(&finished(StopReason::Completed, 15)).failed.is_some_and(|why| why.contains("not measured")));
        let stopped = finished(StopReason::Stopped, 20);
        assert_eq!(outcome_of(&stopped, "accuracy", true, None, true), Outcome::Waits(None), "the sweep was stopped");
        assert_eq!(told(&stopped).figure, Some(0.5), "this run alone was");
    }

    #[test]
    fn a_failure_of_settings_is_a_result_and_one_of_the_device_is_not() {
        let mut run = RunState::default();
        run.apply(Input::Failed);
        let outcome = |kind| {
            let problem = Problem { kind, message: "it broke".into(), hint: "try again".into() };
            outcome_of(&run, "accuracy", false, Some(&problem), false)
        };
        assert_eq!(outcome(ProblemKind::Config), Outcome::Told(unusable("it broke".into())));
        for kind in [ProblemKind::Device, ProblemKind::Bug, ProblemKind::Storage, ProblemKind::Model, ProblemKind::Data]
        {
            assert_eq!(outcome(kind), Outcome::Waits(Some("It broke. Try again.".into())));
        }
        assert!(matches!(outcome_of(&RunState::default(), "accuracy", true, None, false), Outcome::Waits(Some(_))));
        assert_eq!(outcome_of(&RunState::default(), "accuracy", true, None, true), Outcome::Waits(None));
    }

    #[test]
    fn a_sweep_says_how_large_it_is() {
        let folds = SweepDraft { folds: "2".into(), ..rates() };
        let words = size_words(&of_draft(&folds), 3, Some(60.0), false).expect("all can be run");
        assert!(words.starts_with("6 runs (3 trials of 2 runs each), 18 epochs in all: about 6 minutes"), "{words}");
        let halving = SweepDraft { tried: Tried::Halving, ..rates() };
        let words = size_words(&of_draft(&halving), 3, None, false).expect("all can be run");
        assert!(words.starts_with("At most 4 runs, 6 epochs in all: how long"), "{words}");
        let words = size_words(&of_draft(&halving), 3, None, true).expect("all can be run");
        assert!(words.ends_with("how long that takes is being measured."), "{words}");
    }

    #[test]
    fn runs_that_came_to_their_end_tell_how_long_those_of_the_same_recipe_take() {
        let next = of_draft(&rates());
        let mut kept = of_draft(&rates());
        assert_eq!(mean_secs(&kept, &next), None, "none was made");
        tell(&mut kept, None, true, Some("diverged at step 2, weights of step 1".into()));
        assert_eq!(mean_secs(&kept, &next), None, "it ended early");
        tell(&mut kept, Some(0.5), true, None);
        assert_eq!(mean_secs(&kept, &next), Some(1.0));
        let other = SweepOfRuns { of: "tiny on others.csv".into(), ..next };
        assert_eq!(mean_secs(&kept, &other), None, "of other rows");
    }

    #[test]
    fn what_trials_can_not_be_compared_by_and_that_there_are_few_is_said() {
        let axes = vec![("class_weights", "none balanced".into())];
        let drawn = SweepDraft { tried: Tried::Random, count: "9".into(), axes, ..SweepDraft::default() };
        let mut of = of_draft(&drawn);
        let by_accuracy = size_words(&of, 3, None, false).expect("both can be run");
        assert!(
            by_accuracy.starts_with("2 runs") && by_accuracy.ends_with("all combinations that there are."),
            "{by_accuracy}"
        );
        of.metric = "loss".into();
        let by_loss = size_words(&of, 3, None, false).expect("both can be run");
        assert!(by_loss.contains("compared by their loss, and Class weights changes"), "{by_loss}");
    }

    #[test]
    fn trials_stand_best_first_with_what_became_of_them() {
        let mut of = of_draft(&rates());
        tell(&mut of, Some(0.5), true, None);
        tell(&mut of, None, true, Some("diverged at step 2, weights of step 1".into()));
        assert!(is_unfinished(&of) && of.sweep.best() == Some(0));
        let leg = of.sweep.next_leg().expect("one is left");
        assert_eq!(leg_words(&of, &leg), "Learning rate 0.01");
        tell(&mut of, Some(0.75), true, None);
        assert!(!is_unfinished(&of));
        let rows: Vec<(usize, bool, String, String)> =
            trial_rows(&of).into_iter().map(|row| (row.trial, row.is_best, row.runs, row.state)).collect();
        let diverged = "diverged at step 2, weights of step 1".to_owned();
        assert_eq!(
            rows,
            [
                (2, true, "run 3".to_owned(), "done".to_owned()),
                (0, false, "run 1".to_owned(), "done".to_owned()),
                (1, false, "run 2".to_owned(), diverged),
            ]
        );
        let [(label, values)] = &coordinate_values(&of)[..] else { panic!("one setting is tried") };
        assert_eq!((label.as_str(), values.join(" ")), ("Learning rate", "1e-4 1e-3 0.01".to_owned()));
    }

    #[test]
    fn folds_have_a_mean_and_a_spread_and_the_recipe_has_a_name() {
        let mut of = of_draft(&SweepDraft::of_folds(2));
        let leg = of.sweep.next_leg().expect("two folds");
        assert_eq!(leg_words(&of, &leg), "the recipe as it is, fold 1 of 2");
        tell(&mut of, Some(0.5), true, None);
        assert_eq!(trial_rows(&of)[0].state, "1 of 2 done");
        tell(&mut of, Some(0.75), true, None);
        let row = &trial_rows(&of)[0];
        assert_eq!((row.mean, row.runs.as_str(), row.is_best), (Some(0.625), "run 1, run 2", true));
        assert!(row.std_dev.is_some() && row.interval.is_some());
        let mut halving = of_draft(&SweepDraft { tried: Tried::Halving, ..rates() });
        let leg = halving.sweep.next_leg().expect("three trials");
        assert_eq!(leg_words(&halving, &leg), "Learning rate 1e-4, for 1 epoch");
        for _ in 0..3 {
            tell(&mut halving, Some(0.5), false, None);
        }
        let _ = halving.sweep.next_leg();
        let states: Vec<String> = trial_rows(&halving).into_iter().map(|row| row.state).collect();
        assert_eq!(states, ["goes further", "left behind after 1 round", "left behind after 1 round"]);
    }
}
