//! A run that diverges goes back to its last good state and goes on from there at half the rate.
//!
//! PaLM's runs went back about a hundred steps and left out the rows that led to a spike (section 5.1 of
//! <https://arxiv.org/abs/2204.02311>). A fine-tune has few rows, and diverges mostly because its rate is too high: here the
//! rate is halved and the same rows come again, so that every row is seen as often as was planned, in the same order, and
//! all steps of the schedule are taken.
//!
//! The state is kept as bytes on the host, where neither the device nor the weights that diverged can spoil it: at the start,
//! at the end of each epoch, which is when drivers ask for a checkpoint (it shares the reading), and after so many readings
//! of the loss between. Which steps these are follows from the settings alone: the same seed gives the same run. There is one of it:
//! its memory is taken before the first step, and each state is written over the one before (ADR 49).

use super::spikes::find_spike;
use super::{TrainError, Trainer};
use crate::checkpoint::TrainState;
use crate::config::{OnDivergence, TrainSamplingStrategy};
use crate::event::{Divergence, Phase, TrainEvent};
use crate::folder::Folder;
use crate::generate::{GenerateError, SamplingError};
use crate::plan::{MAX_STATE_BYTES, STATE_BYTES};

/// How often a run goes back: then its rate is an eighth of what was asked for, and something else is wrong.
const MAX_ROLLBACKS: u32 = 3;

/// What the rate is multiplied with each time.
const RATE_FACTOR: f64 = 0.5;

/// Readings of the loss after which a state is kept within an epoch. What is trained is read back then, four numbers for
/// each: of 66 M parameters on a GPU that is more than a second after 500 steps at the usual ten a reading.
const READINGS_BETWEEN: u32 = 50;

/// A state that a run can go back to.
pub(super) struct GoodState {
    pub(super) state: TrainState,
    /// Weights and moments, as a checkpoint has them.
    pub(super) files: Folder,
}

impl Trainer {
    /// What the rate of every step is multiplied with.
    pub(super) fn learning_rate_factor(&self) -> f64 {
        RATE_FACTOR.powi(self.rollbacks as i32)
    }

    /// How often the run went back, and what its rate is multiplied with since; `None` where it never did.
    #[must_use]
    pub fn rollbacks(&self) -> Option<(u32, f64)> {
        (self.rollbacks > 0).then(|| (self.rollbacks, self.learning_rate_factor()))
    }

    fn keeping_is_due(&self) -> bool {
        let run = &self.job.run;
        let is_wanted = run.on_divergence == OnDivergence::RollBack && self.rollbacks < MAX_ROLLBACKS;
        // Of steps whose loss was not read, or stands out, nobody knows whether they are good.
        if !is_wanted || !self.readings.is_empty() || self.loss_level.in_a_row > 0 {
            return false;
        }
        let is_time = self.good.as_ref().is_none_or(|good| {
            let since = self.progress.step.saturating_sub(good.state.step);
            since > 0 && (self.is_epoch_end() || since >= run.logging_steps.saturating_mul(READINGS_BETWEEN))
        });
        is_time && self.model.num_trained() as u64 * STATE_BYTES <= MAX_STATE_BYTES
    }

    /// Keeps the state as it is, where it is time for that, in the memory of the one before. Weights that are no numbers are not
    /// kept: the next loss will say so.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) async fn keep_if_due(&mut self) -> Result<(), TrainError> {
        // They are read twice: the state before is written over only by weights that are known to be good.
        if self.keeping_is_due() && self.has_finite_weights().await? {
            let room = self.good.take().map(|good| good.files);
            let files = self.read_state(room).await?;
            self.good = Some(GoodState { state: self.state(Vec::new(), None), files });
        }
        Ok(())
    }

    /// Notes the losses of the steps up to this one, which were just read.
    ///
    /// # Errors
    /// When the loss has run away. Not of several tasks, whose losses are of different sizes, nor of rows in the order of
    /// their file, where the hard ones may come together; and not where there is neither a state to go back to nor weights that
    /// were measured: a loss that is a number still is better than none.
    pub(super) fn watch_losses(&mut self, losses: &[f64]) -> Result<(), TrainError> {
        let run = &self.job.run;
        let is_mixed = run.train_sampling_strategy != TrainSamplingStrategy::Sequential;
        let is_watched = run.on_divergence == OnDivergence::RollBack && is_mixed && self.rows.as_several().is_none();
        let has_way_out = self.good.is_some() || self.evaluations.best.is_some();
        if !is_watched || !has_way_out {
            return Ok(());
        }
        match find_spike(&mut self.loss_level, losses) {
            None => Ok(()),
            Some(index) => {
                let step = self.progress.step + 1 + index as u32 - losses.len() as u32;
                Err(TrainError::Spike { step, loss: losses[index], usual: self.loss_level.usual })
            }
        }
    }

    /// Goes back to the last good state because of `error`, if that is a divergence, the settings ask for it, there is a state
    /// and it was not done too often; says whether it did.
    ///
    /// # Errors
    /// When the state can't be read, although this run wrote it.
    pub(super) fn roll_back(&mut self, error: &TrainError) -> Result<bool, TrainError> {
        let Some((from_step, why)) = self.divergence_of(error) else { return Ok(false) };
        if self.job.run.on_divergence != OnDivergence::RollBack || self.rollbacks >= MAX_ROLLBACKS {
            return Ok(false);
        }
        let Some(good) = self.good.take() else { return Ok(false) };
        self.go_to(&good.state, &good.files)?;
        let to_step = good.state.step;
        // The best weights stay the best, also those of a step that is taken once more.
        if self.evaluations.best.as_ref().is_some_and(|best| best.step > to_step) {
            self.evaluations.since_best = 0;
        }
        self.rollbacks += 1;
        self.good = (self.rollbacks < MAX_ROLLBACKS).then_some(good); // it is gone back to no more
        let learning_rate_factor = self.learning_rate_factor();
        self.events.push_back(TrainEvent::RolledBack { from_step, to_step, learning_rate_factor, why });
        self.events.push_back(TrainEvent::Phase { phase: Phase::Training });
        Ok(true)
    }

    /// The step at which a run diverged, and by what that is known; `None` of another error.
    pub(super) fn divergence_of(&self, error: &TrainError) -> Option<(u32, Divergence)> {
        match error {
            TrainError::Diverged { step, .. } => Some((*step, Divergence::Loss)),
            TrainError::Spike { step, .. } => Some((*step, Divergence::Spike)),
            TrainError::NotFinite { .. }
            | TrainError::Generate(GenerateError::Sampling(SamplingError::NotFinite { .. })) => {
                Some((self.progress.step, Divergence::Output))
            }
            _ => None,
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::{Device, Tensor};
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::RunConfig;
    use crate::event::StopReason;
    use crate::train::tiny_run::{drain, settings, trainer};

    const WEIGHTS: &str = "model.safetensors";
    const OPTIMIZER: &str = "optimizer.safetensors";

    fn stopping(run: RunConfig) -> RunConfig {
        RunConfig { on_divergence: OnDivergence::Stop, ..run }
    }

    /// The weights of a run, which may be over.
    fn weights(trainer: &mut Trainer) -> Vec<u8> {
        block_on(trainer.checkpoint()).expect("they are numbers").remove(WEIGHTS).expect("they are in it")
    }

    /// Pulls a run until a checkpoint would stand between two steps, `step` of them taken.
    fn pull_to(trainer: &mut Trainer, step: u32) -> Vec<TrainEvent> {
        let mut events = Vec::new();
        while !(trainer.is_between_steps() && trainer.num_steps()[0] == step) {
            events.push(block_on(trainer.next_event()).expect("it goes on").expect("it is not over"));
        }
        events
    }

    /// What the device says of a step whose loss is no number.
    fn spoil(trainer: &mut Trainer) {
        let loss = Tensor::<1>::from_floats([f32::NAN], &Device::flex());
        trainer.readings.add(Some(loss), None, 0.0);
    }

    fn rollbacks(events: &[TrainEvent]) -> Vec<&TrainEvent> {
        events.iter().filter(|event| matches!(event, TrainEvent::RolledBack { .. })).collect()
    }

    /// Without phases and the plan, which a run that is taken up says once more.
    fn told(events: &[TrainEvent]) -> Vec<&TrainEvent> {
        let is_told = |event: &&TrainEvent| !matches!(event, TrainEvent::Phase { .. } | TrainEvent::Started { .. });
        events.iter().filter(is_told).collect()
    }

    /// Four steps of one epoch: the run can go back to its start alone.
    fn at_rate(power: i32) -> RunConfig {
        RunConfig { num_train_epochs: 1, batch_size: 1, ..settings(2.0_f64.powi(power)) }
    }

    /// Whether a run that stops when it diverges ends well at a rate of so many powers of two.
    fn ends_well(power: i32) -> bool {
        let mut run = trainer(stopping(at_rate(power)), true);
        let mut last = None;
        while let Ok(Some(event)) = block_on(run.next_event()) {
            last = Some(event);
        }
        matches!(last, Some(TrainEvent::Finished { reason: StopReason::Completed, .. }))
    }

    #[test]
    fn a_run_whose_rate_is_too_high_ends_as_one_of_half_the_rate() {
        // A power of two at which this run diverges, and at half of which it does not.
        let (mut well, mut too_high) = (-10, 126);
        assert!(ends_well(well) && !ends_well(too_high));
        while too_high - well > 1 {
            let middle = (well + too_high) / 2;
            if ends_well(middle) {
                well = middle;
            } else {
                too_high = middle;
            }
        }
        let mut fast = trainer(at_rate(too_high), true);
        let events = drain(&mut fast);
        let went_back = rollbacks(&events);
        assert!(
            matches!(went_back[..], [TrainEvent::RolledBack { to_step: 0, learning_rate_factor: 0.5, .. }]),
            "{went_back:?}"
        );
        assert!(matches!(events.last(), Some(TrainEvent::Finished { reason: StopReason::Completed, .. })));
        assert_eq!((fast.diverged_at(), fast.rollbacks()), (None, Some((1, 0.5))));
        let mut slow = trainer(stopping(at_rate(well)), true);
        drain(&mut slow);
        assert!(weights(&mut fast) == weights(&mut slow), "from the start on at half the rate it is that run");
    }

    #[test]
    fn a_run_that_diverges_at_any_rate_stops_after_its_tries_with_the_best_weights() {
        let mut run = trainer(settings(1e38), true);
        let events = drain(&mut run);
        assert_eq!(rollbacks(&events).len(), MAX_ROLLBACKS as usize);
        let Some(TrainEvent::Finished { reason, weights_of_step, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!((*reason, *weights_of_step), (StopReason::Diverged, 1), "those that nothing had moved");
        assert!(run.diverged_at().is_some() && !weights(&mut run).is_empty());
    }

    #[test]
    fn a_run_that_goes_well_is_the_same_with_and_without() {
        let mut runs = [settings(1e-3), stopping(settings(1e-3))].map(|run| trainer(run, true));
        let [with, without] = runs.each_mut().map(|run| (drain(run), weights(run)));
        assert_eq!(with.0, without.0);
        assert!(with.1 == without.1, "other weights");
    }

    #[test]
    fn a_run_that_went_back_takes_the_same_rows_at_half_the_rate_and_keeps_what_was_best() {
        let mut run = trainer(settings(1e-3), true);
        let before = pull_to(&mut run, 3);
        let best = run.evaluations.best.as_ref().map(|best| best.step);
        spoil(&mut run);
        let events = drain(&mut run);
        let (from_step, to_step, why) = (3, 2, Divergence::Loss);
        let expected = TrainEvent::RolledBack { from_step, to_step, learning_rate_factor: 0.5, why };
        assert_eq!(told(&events)[0], &expected);
        assert!(matches!(events.last(), Some(TrainEvent::Finished { step: 6, reason: StopReason::Completed, .. })));
        assert!(best.is_some() && run.evaluations.best.as_ref().map(|best| best.step) >= best);
        let third = |events: &[TrainEvent]| {
            events.iter().find_map(|event| match event {
                TrainEvent::Step { step: 3, losses, learning_rate, rows, .. } => {
                    Some((losses.clone(), *learning_rate, *rows))
                }
                _ => None,
            })
        };
        let (first, again) = (third(&before).expect("it was taken"), third(&events).expect("it was taken again"));
        assert_eq!((&first.0, first.1 * 0.5, first.2), (&again.0, again.1, again.2));
    }

    #[test]
    fn a_run_that_is_cut_before_or_after_it_went_back_ends_as_one_that_is_not() {
        let mut whole = trainer(settings(1e-3), true);
        pull_to(&mut whole, 3);
        let before = block_on(whole.checkpoint()).expect("it is saved");
        assert!(before.get("good.safetensors").is_some(), "the state of step 2 is in it");
        spoil(&mut whole);
        let mut events = pull_to(&mut whole, 4);
        let after = block_on(whole.checkpoint()).expect("it is saved");
        let rest = drain(&mut whole);
        let last = weights(&mut whole);

        let mut resumed = trainer(settings(1e-3), true).restore(&after).expect("the same run");
        assert_eq!(resumed.rollbacks(), Some((1, 0.5)));
        assert_eq!(told(&drain(&mut resumed)), told(&rest));
        assert!(weights(&mut resumed) == last, "other weights after a cut behind it");

        let mut resumed = trainer(settings(1e-3), true).restore(&before).expect("the same run");
        spoil(&mut resumed);
        events.extend(rest);
        assert_eq!(told(&drain(&mut resumed)), told(&events));
        assert!(weights(&mut resumed) == last, "other weights after a cut before it");
    }

    #[test]
    fn there_is_one_state_and_each_lies_where_the_one_before_lay() {
        let mut run = trainer(settings(1e-3), true);
        let mut places = Vec::new();
        for step in [0, 2, 4] {
            while run.good.as_ref().is_none_or(|good| good.state.step < step) {
                block_on(run.next_event()).expect("it goes on").expect("it is not over");
            }
            let files = &run.good.as_ref().expect("it is kept").files;
            assert_eq!(files.names().count(), 2);
            places.push([WEIGHTS, OPTIMIZER].map(|file| files.get(file).expect("it has both").as_ptr()));
        }
        assert_eq!(places, [places[0]; 3], "also that of the moments, of which there are none at step 0");
    }

    #[test]
    fn weights_that_are_no_numbers_leave_the_state_before_as_it_is() {
        let mut run = trainer(settings(1e-3), true);
        pull_to(&mut run, 1);
        let before = run.good.as_ref().map(|good| (good.state.step, good.files.clone())).expect("that of the start");
        let spoiled = run.model().clone().map(&mut Spoil);
        *run.model = spoiled;
        run.progress.step = 2; // the end of an epoch
        block_on(run.keep_if_due()).expect("the device is sound");
        let good = run.good.as_ref().expect("it stays");
        assert_eq!(good.state.step, before.0);
        assert!(good.files == before.1, "other bytes");
    }

    /// Makes weights that are no numbers.
    struct Spoil;

    impl ModuleMapper for Spoil {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.inner().mul_scalar(f32::NAN).autodiff().require_grad())
        }
    }

    #[test]
    fn a_loss_that_runs_away_counts_where_its_rows_are_mixed() {
        let away = [vec![0.5; 30], vec![9.0; 10]].concat();
        let found = |run: RunConfig| {
            let mut run = trainer(run, true);
            block_on(run.keep_if_due()).expect("its weights are numbers");
            run.progress.step = 40;
            run.watch_losses(&away).err()
        };
        let error = found(settings(1e-3)).expect("it ran away");
        assert!(matches!(error, TrainError::Spike { step: 40, loss: 9.0, usual: 0.5 }), "{error}");
        let in_order = TrainSamplingStrategy::Sequential;
        assert!(found(RunConfig { train_sampling_strategy: in_order, ..settings(1e-3) }).is_none());
        assert!(found(stopping(settings(1e-3))).is_none());
        let mut without_way_out = trainer(settings(1e-3), true);
        without_way_out.progress.step = 40;
        assert!(without_way_out.watch_losses(&away).is_ok(), "it would be an error");
    }
}
