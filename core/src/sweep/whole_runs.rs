//! A sweep of whole runs: as a driver keeps it that trains each leg from its beginning, and not from a checkpoint, so that every leg
//! is a run of its own with a job file that alone repeats it. In: a [`Sweep`], and what all of its runs share. Out: the settings and
//! the reading of each leg; it is plain data, written after each leg.
//!
//! A leg that ends early has fewer epochs, and the schedule of these: what is compared at a rung are finished runs.

use serde::{Deserialize, Serialize};

use super::plan::Budget;
use super::search::{Leg, Sweep};
use crate::config::{ConfigProblem, ModelChanges, ReadOptions, RunConfig, RunDraft};

/// A sweep with what its runs share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepOfRuns {
    /// How far it is.
    pub sweep: Sweep,
    /// What tells its model and its files from others, in words.
    pub of: String,
    /// The settings that trials differ from, where they are not those of the default.
    pub base: RunDraft,
    /// What was typed for them.
    pub typed: RunDraft,
    /// What is changed of the model before each run.
    pub changes: ModelChanges,
    /// What was typed for that.
    pub typed_changes: RunDraft,
    /// How the rows are read, but for the folds.
    pub read: ReadOptions,
    /// Name of the figure by which trials are compared.
    pub metric: String,
    /// The runs that were trained, in their order.
    pub runs: Vec<TrainedLeg>,
}

/// A run that was trained for a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedLeg {
    /// Index of the trial.
    pub trial: usize,
    /// How often it was promoted before.
    pub rung: usize,
    /// Which run of the trial.
    pub run: usize,
    /// The number that the driver gave it.
    pub number: u32,
}

impl SweepOfRuns {
    /// The settings that trials differ from.
    ///
    /// # Errors
    /// When they are of a version with other settings.
    pub fn base_run(&self) -> Result<RunConfig, Vec<ConfigProblem>> {
        self.base.resolve(&RunConfig::default())
    }

    /// The settings of a leg, and whether it is run to its end; an earlier end is a whole number of epochs, at least one.
    ///
    /// # Errors
    /// Every setting that can't be used.
    pub fn run_of(&self, leg: &Leg) -> Result<(RunConfig, bool), Vec<ConfigProblem>> {
        let mut run = leg.settings.resolve(&self.base_run()?)?;
        run.seed = leg.seed.unwrap_or(run.seed);
        let whole = run.num_train_epochs;
        run.num_train_epochs = epochs_of(leg.until, whole);
        let is_whole = run.num_train_epochs == whole;
        Ok((run, is_whole))
    }

    /// How the rows of a leg are read. Seeds are compared on the same rows: no test row of one is trained on by another.
    ///
    /// # Errors
    /// When the settings are of a version with others.
    pub fn read_of(&self, leg: &Leg) -> Result<ReadOptions, Vec<ConfigProblem>> {
        let mut read = self.read.clone();
        if leg.seed.is_some() {
            read.sharing.split_seed = read.sharing.split_seed.or(Some(self.base_run()?.seed));
        }
        if leg.fold.is_some() {
            read.sharing.fold = leg.fold;
        }
        let problems = read.check();
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    /// Epochs of all runs of each rung, and how many trials are in it, from the beginning.
    ///
    /// # Errors
    /// The first setting of a trial that can't be used, with the number of the trial from 1.
    pub fn epochs_ahead(&self) -> Result<Vec<(usize, u64)>, (usize, ConfigProblem)> {
        let base = self.base_run().map_err(|problems| (0, first(problems)))?;
        let epochs = |(index, trial): (usize, &super::Trial)| match trial.settings.resolve(&base) {
            Ok(run) => Ok((1, run.num_train_epochs)),
            Err(problems) => Err((index + 1, first(problems))),
        };
        let sizes = self.sweep.trials.iter().enumerate().map(epochs).collect::<Result<Vec<_>, _>>()?;
        Ok(self.sweep.forecast_anew(&sizes))
    }

    /// Gives its runs the numbers that they have now: (before, now) of each; without any they stay as they are. One that is not among
    /// them did not come along, and is named no more: its number may be that of another run here.
    pub fn renumber(&mut self, numbers: &[(u32, u32)]) {
        if numbers.is_empty() {
            return;
        }
        self.runs.retain_mut(|run| {
            let now = numbers.iter().find(|(before, _)| *before == run.number).map(|(_, now)| *now);
            run.number = now.unwrap_or(run.number);
            now.is_some()
        });
    }

    /// Optimizer steps of all runs, of those too whose trials were promoted since.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let of_trial = |trial: &super::Trial| -> u64 {
            let is_copy = |rung: usize, run: usize| {
                rung.checked_sub(1)
                    .is_some_and(|before| trial.results(before).get(run).is_some_and(|told| told.is_over))
            };
            let of_rung = |rung: usize| -> u64 {
                let own = trial.results(rung).iter().enumerate().filter(|(run, _)| !is_copy(rung, *run));
                own.map(|(_, told)| u64::from(told.step)).sum()
            };
            (0..trial.rungs.len()).map(of_rung).sum()
        };
        self.sweep.trials.iter().map(of_trial).sum()
    }
}

/// Epochs of a run that ends at a budget, of so many in all.
fn epochs_of(until: Budget, whole: u32) -> u32 {
    until.steps(1, whole)
}

fn first(problems: Vec<ConfigProblem>) -> ConfigProblem {
    let none = || ConfigProblem { field: "settings".into(), message: "can't be used".into() };
    problems.into_iter().next().unwrap_or_else(none)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Fold;
    use crate::sweep::{RunResult, SweepPlan};

    fn sweep(space: &Value, search: &Value) -> SweepOfRuns {
        let plan = SweepPlan::read(Some(space), Some(search)).expect("a good plan");
        let base = RunConfig { num_train_epochs: 9, seed: 7, ..RunConfig::default() };
        SweepOfRuns {
            sweep: Sweep::new(plan, true).expect("it has an end"),
            of: "a model on rows.csv".into(),
            base: RunDraft::of(&base),
            typed: RunDraft::default(),
            changes: ModelChanges::default(),
            typed_changes: RunDraft::default(),
            read: ReadOptions::default(),
            metric: "accuracy".into(),
            runs: Vec::new(),
        }
    }

    fn result(step: u32, is_over: bool) -> RunResult {
        let figure = Some(f64::from(step));
        RunResult { figure, loss: None, step, total_steps: step, secs: 1.0, is_over, failed: None }
    }

    #[test]
    fn a_rung_is_a_run_of_fewer_epochs_from_its_beginning() {
        let space = json!({ "learning_rate": [1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 9e-5] });
        let usual = sweep(&space, &json!({ "way": "halving" }));
        assert_eq!(usual.epochs_ahead().expect("all can be run"), [(9, 27), (3, 27)], "a third, and all");
        let mut of_runs = sweep(&space, &json!({ "way": "halving", "min_epochs": 1 }));
        assert_eq!(of_runs.epochs_ahead().expect("all can be run"), [(9, 9), (3, 9), (1, 9)]);
        let mut epochs = Vec::new();
        while let Some(leg) = of_runs.sweep.next_leg() {
            let (run, is_whole) = of_runs.run_of(&leg).expect("it can be run");
            epochs.push(run.num_train_epochs);
            of_runs.sweep.tell(&leg, result(run.num_train_epochs * 10, is_whole)).expect("it is the next");
            of_runs.runs.push(TrainedLeg { trial: leg.trial, rung: leg.rung, run: leg.run, number: 1 });
            let json = serde_json::to_string(&of_runs).expect("plain values");
            assert_eq!(serde_json::from_str::<SweepOfRuns>(&json).expect("its own JSON"), of_runs);
        }
        assert_eq!(epochs, [1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 9]);
        assert_eq!(of_runs.steps(), 10 * 27, "steps that were taken twice count twice");
    }

    #[test]
    fn runs_that_come_under_other_numbers_are_found_by_these() {
        let mut of_runs = sweep(&json!({ "learning_rate": [1e-4] }), &json!({}));
        of_runs.runs = [2, 1, 9].map(|number| TrainedLeg { trial: 0, rung: 0, run: 0, number }).to_vec();
        let numbers = |of_runs: &SweepOfRuns| of_runs.runs.iter().map(|run| run.number).collect::<Vec<_>>();
        of_runs.renumber(&[]);
        assert_eq!(numbers(&of_runs), [2, 1, 9], "nothing was renamed");
        of_runs.renumber(&[(1, 2), (2, 3)]);
        assert_eq!(numbers(&of_runs), [3, 2], "the third did not come along");
    }

    #[test]
    fn runs_that_are_over_count_once() {
        let search = json!({ "way": "halving", "eta": 2, "min_epochs": 1 });
        let mut of_runs = sweep(&json!({ "num_train_epochs": [1, 9] }), &search);
        while let Some(leg) = of_runs.sweep.next_leg() {
            let (run, is_whole) = of_runs.run_of(&leg).expect("it can be run");
            of_runs
                .sweep
                .tell(&leg, RunResult { figure: Some(0.5), ..result(run.num_train_epochs, is_whole) })
                .expect("next");
        }
        assert_eq!(of_runs.sweep.best(), Some(0));
        assert_eq!(of_runs.steps(), 2, "each ran for an epoch; the first had no more");
    }

    #[test]
    fn folds_and_seeds_share_the_rows_out_by_the_seed_of_the_base() {
        let mut of_runs = sweep(&json!({}), &json!({ "folds": 2, "seeds": [3, 4] }));
        assert_eq!(of_runs.epochs_ahead().expect("it can be run"), [(1, 36)]);
        let mut seen = Vec::new();
        while let Some(leg) = of_runs.sweep.next_leg() {
            let (run, is_whole) = of_runs.run_of(&leg).expect("it can be run");
            let sharing = of_runs.read_of(&leg).expect("it can be read").sharing;
            seen.push((run.seed, sharing.fold, sharing.split_seed));
            of_runs.sweep.tell(&leg, result(9, is_whole)).expect("it is the next");
        }
        let fold = |index| Some(Fold { index, count: 2 });
        assert_eq!(seen, [(3, fold(0), Some(7)), (3, fold(1), Some(7)), (4, fold(0), Some(7)), (4, fold(1), Some(7))]);
        let mut plain = sweep(&json!({ "learning_rate": [1e-4] }), &json!({}));
        let leg = plain.sweep.next_leg().expect("one run");
        assert_eq!(plain.read_of(&leg).expect("it can be read"), ReadOptions::default(), "rows are read as ever");
    }

    #[test]
    fn a_trial_that_can_not_be_run_is_named() {
        let mut of_runs = sweep(&json!({ "method": ["full", "lora"] }), &json!({}));
        of_runs.base = RunDraft::of(&RunConfig { from_scratch: true, ..RunConfig::default() });
        let (trial, problem) = of_runs.epochs_ahead().expect_err("fresh weights are trained in full");
        assert_eq!((trial, problem.field.as_str()), (2, "from_scratch"));
    }
}
