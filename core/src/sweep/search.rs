//! The state of a sweep. In: what came of each run, told leg by leg. Out: the next leg, and how the trials stand. It is
//! plain data: written after each leg, a sweep that was killed goes on where it was.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::plan::{Budget, PlanError, SweepPlan, Way};
use super::spread::Spread;
use crate::config::{Fold, RunDraft};

/// A sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What it is.
    pub plan: SweepPlan,
    /// Its trials, in the order in which they are run.
    pub trials: Vec<Trial>,
    /// More of the figure is better.
    higher_is_better: bool,
    /// How often trials were promoted so far.
    rung: usize,
}

/// Settings that are tried, and what came of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Those in which it differs from the job, as they would be typed.
    pub settings: RunDraft,
    /// Of each rung what its runs came to, in their order.
    pub rungs: Vec<Vec<RunResult>>,
    /// Others were promoted.
    pub is_out: bool,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// The figure on the validation rows; `None` where there is none, for the run failed.
    pub figure: Option<f64>,
    /// The loss on the validation rows, which says which of two trials of the same figure is better; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Optimizer steps taken.
    pub step: u32,
    /// Those of the whole run.
    pub total_steps: u32,
    /// Seconds that it took, since its first step.
    pub secs: f64,
    /// It came to its end, and has nothing to go on with.
    pub is_over: bool,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What is to be trained next: a run of a trial, from where it is, up to a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Index of the trial.
    pub trial: usize,
    /// Which of its runs.
    pub run: usize,
    /// How often the trial was promoted.
    pub rung: usize,
    /// The settings of the trial.
    pub settings: RunDraft,
    /// Seed of the run; `None` leaves that of the job.
    pub seed: Option<u64>,
    /// Fold of the run.
    pub fold: Option<Fold>,
    /// How far it goes.
    pub until: Budget,
}

/// How a trial stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Index of the trial.
    pub trial: usize,
    /// The figure over the runs of its last rung; `None` where one of them failed, or none was made.
    pub spread: Option<Spread>,
    /// Optimizer steps of all its runs.
    pub steps: u64,
    /// Seconds of all its runs.
    pub secs: f64,
    /// All its runs came to their end.
    pub is_over: bool,
}

/// Something was told of another leg than the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not the run that the sweep is at: trial {trial}, run {run}")]
pub struct TellError {
    /// From 1.
    trial: usize,
    run: usize,
}

impl Sweep {
    /// A sweep that has not begun.
    ///
    /// # Errors
    /// When it has no end, or no trial.
    pub fn new(plan: SweepPlan, higher_is_better: bool) -> Result<Self, PlanError> {
        let settings = plan.trials().map_err(|problem| PlanError(vec![problem]))?;
        let trial = |settings| Trial { settings, rungs: Vec::new(), is_out: false };
        Ok(Self { plan, trials: settings.into_iter().map(trial).collect(), higher_is_better, rung: 0 })
    }

    /// What is to be trained next; `None` when the sweep is over. Asking again gives the same leg, until
    /// [`Self::tell`] says what came of it.
    #[must_use]
    pub fn next_leg(&mut self) -> Option<Leg> {
        loop {
            self.carry_over();
            let missing = self.missing();
            if missing.is_some() || !self.promote() {
                return missing;
            }
        }
    }

    /// What [`Self::next_leg`] would give; the sweep stays as it is, also where a rung is full.
    #[must_use]
    pub fn peek_leg(&self) -> Option<Leg> {
        self.clone().next_leg()
    }

    /// Takes what came of the leg that [`Self::next_leg`] gave.
    ///
    /// # Errors
    /// When it is another one; nothing is changed then.
    pub fn tell(&mut self, leg: &Leg, result: RunResult) -> Result<(), TellError> {
        let next = self.next_leg();
        let is_it = next.is_some_and(|next| (next.trial, next.run, next.rung) == (leg.trial, leg.run, leg.rung));
        if !is_it {
            return Err(TellError { trial: leg.trial + 1, run: leg.run + 1 });
        }
        let [figure, loss] = [result.figure, result.loss].map(|value| value.filter(|value| value.is_finite()));
        self.trials[leg.trial].push(leg.rung, RunResult { figure, loss, ..result });
        Ok(())
    }

    /// The trials, the best first: those that came further before those that were left behind, and among these by their
    /// figures.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let mut all: Vec<usize> = (0..self.trials.len()).collect();
        let rungs = |trial: usize| self.trials[trial].rungs.len();
        all.sort_by(|&a, &b| rungs(b).cmp(&rungs(a)).then(self.compare(a, b)));
        all.into_iter().map(|trial| self.standing(trial)).collect()
    }

    /// The best trial of those that came to their end.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        let is_done = |standing: &Standing| standing.is_over && standing.spread.is_some();
        self.standings().into_iter().find(is_done).map(|standing| standing.trial)
    }

    /// Optimizer steps taken in all runs, and those that all trials would take if each were run to its end, as far as
    /// their lengths are known.
    #[must_use]
    pub fn steps(&self) -> [u64; 2] {
        let used = (0..self.trials.len()).map(|trial| self.standing(trial).steps).sum();
        let num_runs = self.plan.search.num_runs() as u64;
        let total = |trial: &Trial| trial.rungs.iter().flatten().next().map_or(0, |run| u64::from(run.total_steps));
        [used, self.trials.iter().map(|trial| total(trial) * num_runs).sum()]
    }

    /// Trials and at most so many steps of each rung that is still to come, from the beginning, where (steps of an epoch,
    /// steps in all) of the runs of each trial are known.
    #[must_use]
    pub fn forecast(&self, sizes: &[(u32, u32)]) -> Vec<(usize, u64)> {
        self.rungs_ahead(sizes, true)
    }

    /// As [`Self::forecast`], of a driver that has no checkpoints to go on from: a trial that is promoted begins anew.
    #[must_use]
    pub fn forecast_anew(&self, sizes: &[(u32, u32)]) -> Vec<(usize, u64)> {
        self.rungs_ahead(sizes, false)
    }

    fn rungs_ahead(&self, sizes: &[(u32, u32)], goes_on: bool) -> Vec<(usize, u64)> {
        let num_runs = self.plan.search.num_runs() as u64;
        let mut reached = vec![0; sizes.len()];
        let (mut alive, mut rungs) = (sizes.len(), Vec::new());
        while alive > 0 {
            let until = self.until(rungs.len(), alive);
            let ends: Vec<u32> = sizes.iter().map(|&(an_epoch, total)| until.steps(an_epoch, total)).collect();
            // What came to its end is not run again.
            let left = |(&end, &from): (&u32, &u32)| u64::from(if goes_on || end == from { end - from } else { end });
            let mut legs: Vec<u64> = ends.iter().zip(&reached).map(left).collect();
            legs.sort_unstable_by_key(|&steps| std::cmp::Reverse(steps));
            rungs.push((alive, legs[..alive].iter().sum::<u64>() * num_runs));
            let is_end = sizes.iter().zip(&ends).all(|((_, total), end)| end == total);
            let Way::Halving { eta, .. } = self.plan.search.way else { break };
            if is_end {
                break;
            }
            (alive, reached) = (num_promoted(alive, eta), ends);
        }
        rungs
    }

    fn standing(&self, trial: usize) -> Standing {
        let found = &self.trials[trial];
        let last: &[RunResult] = found.rungs.last().map(Vec::as_slice).unwrap_or_default();
        // Of a rung that is under way the runs that it has not come to stand where they were before.
        let before = found.rungs.len().checked_sub(2).map(|rung| found.results(rung)).unwrap_or_default();
        let runs = || last.iter().chain(before.iter().skip(last.len()));
        let figures: Option<Vec<f64>> = last.iter().map(|run| run.figure).collect();
        Standing {
            trial,
            spread: figures.and_then(|figures| Spread::of(&figures)),
            steps: runs().map(|run| u64::from(run.step)).sum(),
            secs: runs().map(|run| run.secs).sum(),
            is_over: last.len() == self.plan.search.num_runs() && last.iter().all(|run| run.is_over),
        }
    }

    /// The better trial first; one without a figure comes last. Of the same figures, as early ones of few rows are, the one with the
    /// lower loss comes first, and then the one that was run first.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let figure = |trial: usize| self.standing(trial).spread.map(|spread| spread.mean);
        let by_figure = better_first(figure(a), figure(b), self.higher_is_better);
        by_figure.then_with(|| better_first(self.loss(a), self.loss(b), false)).then(a.cmp(&b))
    }

    /// Mean loss over the runs of the last rung of a trial; `None` where one is not known, or trials differ in what the loss is.
    fn loss(&self, trial: usize) -> Option<f64> {
        if self.plan.changes_loss().is_some() {
            return None;
        }
        let losses: Option<Vec<f64>> = self.trials[trial].rungs.last()?.iter().map(|run| run.loss).collect();
        Spread::of(&losses?).map(|spread| spread.mean)
    }

    /// How far trials are run in a rung in which there are so many of them.
    fn until(&self, rung: usize, alive: usize) -> Budget {
        match self.plan.search.way {
            Way::Halving { eta, min, .. } if alive > 1 => min.times(f64::from(eta).powi(rung as i32)),
            _ => Budget::Whole,
        }
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.trials.len()).filter(|&trial| !self.trials[trial].is_out).collect()
    }

    /// Runs that came to their end in the rung before have nothing to do in this one.
    fn carry_over(&mut self) {
        let Some(before) = self.rung.checked_sub(1) else { return };
        let rung = self.rung;
        for trial in self.trials.iter_mut().filter(|trial| !trial.is_out) {
            while let Some(over) = trial.results(before).get(trial.results(rung).len()).filter(|run| run.is_over) {
                let over = over.clone();
                trial.push(rung, over);
            }
        }
    }

    fn missing(&self) -> Option<Leg> {
        let (rung, num_runs) = (self.rung, self.plan.search.num_runs());
        let alive = self.alive();
        let trial = alive.iter().copied().find(|&trial| self.trials[trial].results(rung).len() < num_runs)?;
        let run = self.trials[trial].results(rung).len();
        let (seed, fold) = self.plan.search.run(run);
        let settings = self.trials[trial].settings.clone();
        Some(Leg { trial, run, rung, settings, seed, fold, until: self.until(rung, alive.len()) })
    }

    /// Ends a rung; false where there is no other.
    fn promote(&mut self) -> bool {
        let Way::Halving { eta, .. } = self.plan.search.way else { return false };
        let mut alive = self.alive();
        if alive.iter().all(|&trial| self.standing(trial).is_over) {
            return false;
        }
        alive.sort_by(|&a, &b| self.compare(a, b));
        for &trial in &alive[num_promoted(alive.len(), eta)..] {
            self.trials[trial].is_out = true;
        }
        self.rung += 1;
        true
    }
}

/// The better of two values first; none comes last.
fn better_first(a: Option<f64>, b: Option<f64>, higher_is_better: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if higher_is_better => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// How many of so many trials go on.
fn num_promoted(alive: usize, eta: u32) -> usize {
    (alive / eta as usize).max(1)
}

impl Trial {
    /// What its runs came to in a rung, as far as they were made.
    #[must_use]
    pub fn results(&self, rung: usize) -> &[RunResult] {
        self.rungs.get(rung).map(Vec::as_slice).unwrap_or_default()
    }

    fn push(&mut self, rung: usize, result: RunResult) {
        if self.rungs.len() <= rung {
            self.rungs.resize(rung + 1, Vec::new());
        }
        self.rungs[rung].push(result);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const STEPS_AN_EPOCH: u32 = 30;
    const TOTAL: u32 = 270;

    /// What a run would come to: a rate near 1e-4 learns the most, and all the more, the longer it learns.
    fn accuracy(rate: f64, step: u32) -> f64 {
        let fit = (-((rate / 1e-4).log10() / 0.8).powi(2)).exp();
        fit * (1.0 - (-f64::from(step) / 40.0).exp())
    }

    fn result(rate: f64, until: Budget) -> RunResult {
        let step = until.steps(STEPS_AN_EPOCH, TOTAL);
        let figure = Some((accuracy(rate, step) * 1024.0).round() / 1024.0); // JSON gives it back to the last bit
        RunResult { figure, loss: None, step, total_steps: TOTAL, secs: 1.0, is_over: step == TOTAL, failed: None }
    }

    fn sweep(space: &Value, search: &Value) -> Sweep {
        Sweep::new(SweepPlan::read(Some(space), Some(search)).expect("a good plan"), true).expect("it has an end")
    }

    fn rate_of(leg: &Leg) -> f64 {
        leg.settings.typed("learning_rate").and_then(|text| text.parse().ok()).expect("a rate")
    }

    /// Runs the sweep to its end and returns its legs.
    fn run(sweep: &mut Sweep) -> Vec<Leg> {
        let mut legs = Vec::new();
        while let Some(leg) = sweep.next_leg() {
            sweep.tell(&leg, result(rate_of(&leg), leg.until)).expect("it is the next");
            legs.push(leg);
        }
        legs
    }

    fn rates() -> Value {
        json!({ "learning_rate": [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2] })
    }

    fn best_rate(sweep: &Sweep) -> &str {
        sweep.trials[sweep.best().expect("one came to its end")].settings.typed("learning_rate").expect("a rate")
    }

    #[test]
    fn a_grid_runs_every_trial_to_its_end() {
        let mut grid = sweep(&rates(), &json!({}));
        assert_eq!((run(&mut grid).len(), best_rate(&grid)), (9, "1e-4"));
        assert_eq!(grid.steps(), [9 * 270; 2]);
        assert_eq!(grid.forecast(&[(30, 270); 9]), [(9, 9 * 270)]);
    }

    #[test]
    fn halving_finds_the_best_rate_in_two_fifths_of_the_steps_of_a_grid() {
        let mut halving = sweep(&rates(), &json!({ "way": "halving", "min_epochs": 1 }));
        let legs = run(&mut halving);
        assert_eq!((legs.len(), best_rate(&halving)), (9 + 3 + 1, "1e-4"));
        let [used, full] = halving.steps();
        assert_eq!((used, full), (9 * 30 + 3 * 60 + 180, 9 * 270));
        assert!(used * 5 <= full * 2, "{used} of {full}");
        assert_eq!(halving.forecast(&[(30, 270); 9]), [(9, 270), (3, 180), (1, 180)]);
        assert_eq!(
            halving.forecast_anew(&[(30, 270); 9]),
            [(9, 270), (3, 270), (1, 270)],
            "each rung from its beginning"
        );
        assert_eq!(halving.trials.iter().filter(|trial| trial.is_out).count(), 8);
    }

    #[test]
    fn trials_first_go_a_third_of_their_steps_unless_something_else_is_said() {
        let space = json!({ "learning_rate": { "log_uniform": [1e-5, 1e-3] } });
        let halving = sweep(&space, &json!({ "way": "halving", "count": 10 }));
        let two_fifths_of_16 = 16 * 250 * 2 / 5;
        for (rungs, expected) in [
            (halving.forecast(&[(125, 250); 10]), [(10, 830), (3, 501)]),
            (halving.forecast_anew(&[(125, 250); 10]), [(10, 830), (3, 750)]),
        ] {
            assert_eq!(rungs, expected);
            assert!(rungs.iter().map(|(_, steps)| steps).sum::<u64>() <= two_fifths_of_16);
        }
    }

    #[test]
    fn of_the_same_figures_the_lower_loss_is_better() {
        let promoted = |space: &Value| {
            let mut halving = sweep(space, &json!({ "way": "halving" }));
            for loss in [Some(1.75), Some(f64::NAN), Some(1.5)] {
                let leg = halving.next_leg().expect("the first rung");
                let told = RunResult { figure: Some(0.25), loss, ..result(1e-4, leg.until) };
                halving.tell(&leg, told).expect("it is the next");
            }
            halving.next_leg().expect("one is promoted").trial
        };
        assert_eq!(promoted(&json!({ "learning_rate": [1e-5, 1e-4, 1e-3] })), 2);
        assert_eq!(promoted(&json!({ "label_smoothing_factor": [0, 0.1, 0.2] })), 0, "their losses are not the same");
    }

    #[test]
    fn a_sweep_that_is_written_and_read_goes_on_where_it_was() {
        let search = json!({ "way": "halving", "min_steps": 20, "eta": 2, "seeds": [1, 2], "folds": 2 });
        let (mut whole, mut torn) = (sweep(&rates(), &search), sweep(&rates(), &search));
        let legs = run(&mut whole);
        let mut seen = Vec::new();
        while let Some(leg) = torn.peek_leg() {
            assert_eq!(torn.next_leg().as_ref(), Some(&leg), "peeking sees the next");
            assert_eq!(torn.next_leg().as_ref(), Some(&leg), "asking changes nothing");
            torn.tell(&leg, result(rate_of(&leg), leg.until)).expect("it is the next");
            torn.tell(&leg, result(1.0, leg.until)).expect_err("it was told");
            seen.push(leg);
            let json = serde_json::to_string(&torn).expect("plain values");
            torn = serde_json::from_str(&json).expect("its own JSON");
        }
        assert_eq!(torn.next_leg(), None);
        assert_eq!((seen, torn), (legs, whole));
    }

    #[test]
    fn runs_that_are_over_are_not_run_again_and_failed_ones_come_last() {
        let mut halving =
            sweep(&json!({ "learning_rate": [1e-4, 3e-4, 1e-3] }), &json!({ "way": "halving", "eta": 2 }));
        let mut count = 0;
        while let Some(leg) = halving.next_leg() {
            count += 1;
            let told = match leg.trial {
                0 => RunResult {
                    figure: None,
                    is_over: true,
                    failed: Some("diverged".into()),
                    ..result(1e-4, leg.until)
                },
                1 => RunResult { figure: Some(0.9), is_over: true, ..result(3e-4, leg.until) },
                _ => result(1e-3, leg.until),
            };
            halving.tell(&leg, told).expect("it is the next");
        }
        assert_eq!((count, halving.best()), (3, Some(1)));
        let order: Vec<usize> = halving.standings().iter().map(|standing| standing.trial).collect();
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn of_folds_and_seeds_the_mean_decides() {
        let mut sweep = sweep(&json!({ "learning_rate": [1e-4, 1e-3] }), &json!({ "folds": 2, "seeds": [3, 4] }));
        let mut figures = [0.9, 0.1, 0.9, 0.1, 0.6, 0.6, 0.6, 0.6].into_iter();
        let mut runs = Vec::new();
        while let Some(leg) = sweep.next_leg() {
            runs.push((leg.seed.expect("one of two"), leg.fold.expect("one of two").index));
            sweep.tell(&leg, RunResult { figure: figures.next(), ..result(1e-4, leg.until) }).expect("it is the next");
        }
        assert_eq!(runs[..4], [(3, 0), (3, 1), (4, 0), (4, 1)]);
        assert_eq!(sweep.best(), Some(1));
        let spread = sweep.standings()[1].spread.expect("four runs");
        assert_eq!((spread.count, spread.mean), (4, 0.5));
    }
}
