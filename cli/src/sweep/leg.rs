//! One leg of a sweep: a run of a trial, from its beginning or its checkpoint, to its end or to where it is to pause.
//!
//! In: a session with the model, and the leg. Out: the figure on the validation rows; in the folder of the run its job, its
//! events, its figures, and a checkpoint or the model.

use std::path::Path;
use std::rc::Rc;

use anyhow::Context;
use futures_lite::future::block_on;
use hone_core::checkpoint::CheckpointError;
use hone_core::config::{Fold, ReadOptions, RunConfig};
use hone_core::data::{DataFiles, FOLD_NOTE};
use hone_core::event::Split;
use hone_core::session::protocol::Weights;
use hone_core::session::{Session, SessionError};
use hone_core::sweep::{Leg, RunResult};
use hone_core::task::{Evaluation, LOSS};
use hone_core::train::TrainError;
use hone_core::words::plural;
use serde_json::Value;

use super::folder::SweepFolder;
use crate::args::{TrainArgs, as_flags};
use crate::checkpoint_dir::{self, Found};
use crate::failure::Usage;
use crate::memory::train_in_memory;
use crate::output::make_dir;
use crate::plan::Plan;
use crate::progress::{Progress, say};
use crate::reopen;
use crate::run_loop::{End, RunFacts, is_divergence};
use crate::signals::Interrupt;
use crate::tables::evaluation_json;
use crate::train::format_of;

/// Trains the legs of a sweep, one after the other, in one session.
pub(super) struct Runner<'a> {
    pub(super) args: &'a TrainArgs,
    /// The job of the sweep; its settings are those of the leg that is trained.
    pub(super) plan: Plan,
    pub(super) session: Session,
    pub(super) files: Rc<DataFiles>,
    pub(super) base: RunConfig,
    pub(super) base_read: ReadOptions,
    pub(super) folder: &'a SweepFolder,
    pub(super) interrupt: Interrupt,
    /// Fold and seed that the rows of the session are shared out by.
    pub(super) loaded: Option<(Option<Fold>, u64)>,
}

impl Runner<'_> {
    /// Makes the settings of a leg those of the plan.
    ///
    /// # Errors
    /// When they can't be used.
    pub(super) fn take_settings(&mut self, leg: &Leg) -> Result<(), Usage> {
        let mut run = leg.settings.resolve(&self.base).map_err(|problems| Usage(as_flags(&problems)))?;
        run.seed = leg.seed.unwrap_or(run.seed);
        let mut read = self.base_read.clone();
        // Seeds are compared on the same rows: no test row of one is trained on by another.
        read.sharing.split_seed = read.sharing.split_seed.or(leg.seed.map(|_| self.base.seed));
        read.sharing.fold = leg.fold;
        let problems = read.check();
        if !problems.is_empty() {
            return Err(Usage(as_flags(&problems)));
        }
        (self.plan.settings.run, self.plan.settings.read) = (run, read);
        Ok(())
    }

    /// Reads the rows as the leg shares them out.
    ///
    /// # Errors
    /// When they can't be used, or none is left to compare by.
    pub(super) fn load_rows(&mut self, leg: &Leg) -> anyhow::Result<()> {
        let run = self.plan.settings.run.clone();
        let key = Some((leg.fold, run.seed));
        if self.loaded == key {
            return Ok(());
        }
        let report = self
            .session
            .load_data(Rc::clone(&self.files), &self.plan.settings.read, &run)
            .with_context(|| format!("can't use the data in {}", self.plan.data.display()))?;
        if report.split_sizes[1] == 0 {
            let [num_train, ..] = report.split_sizes;
            return Err(match leg.fold {
                Some(fold) => Usage(vec![format!(
                    "[search] folds: {} are more than the {} that are not test rows, or than the groups of these: take fewer",
                    fold.count,
                    plural(num_train, "row")
                )])
                .into(),
                None => {
                    let more = "raise valid_fraction in [run], or name a file with valid there";
                    anyhow::anyhow!("there are no validation rows, by which trials are compared: {more}")
                }
            });
        }
        if leg.fold.is_some() && !report.notes.iter().any(|note| note.starts_with(FOLD_NOTE)) {
            anyhow::bail!(
                "folds have no effect, take them out of [search]: the data says itself which rows are for validation"
            );
        }
        self.loaded = key;
        Ok(())
    }

    /// Trains a leg; `None` where Ctrl-C stopped it: the next time it goes on from its checkpoint.
    ///
    /// # Errors
    /// When the device or the disk fails. A run that diverges, or for which there is too little memory, is a result.
    pub(super) fn run(&mut self, leg: &Leg) -> anyhow::Result<Option<RunResult>> {
        let dir = self.folder.run(leg);
        if let Some(result) = self.folder.ended(leg) {
            if result.is_over {
                checkpoint_dir::remove(&dir)?;
            }
            return Ok(Some(result));
        }
        self.take_settings(leg)?;
        self.load_rows(leg)?;
        make_dir(&dir)?;
        let Some((step, before_secs)) = self.begin(leg, &dir)? else {
            return self.fail(leg, &RunFacts::default(), 0.0, "its settings can't be used".to_owned()).map(Some);
        };
        let mut progress = Progress::of_one_of_many(before_secs, self.folder.events(leg, step)?);
        let mut facts = RunFacts::until(leg.until);
        let Self { session, plan, interrupt, .. } = self;
        let end = block_on(train_in_memory(session, plan, &dir, &mut progress, *interrupt, &mut facts));
        progress.clear();
        let secs = progress.elapsed_secs();
        let ended = match end {
            Err(error) => Err(error),
            Ok(End::Interrupted) => return Ok(None),
            Ok(End::Paused) => checkpoint_dir::drop_older(&dir).and_then(|()| self.pause(leg, &facts, secs)),
            Ok(End::Finished) => self.save(leg, &dir, &facts, secs, None),
            Ok(End::Diverged { step, weights_of_step, .. }) => {
                let why = format!("diverged at step {step}, figures of step {weights_of_step}");
                self.save(leg, &dir, &facts, secs, Some(why))
            }
        };
        match ended {
            Err(error) if is_of_run(&error) => self.fail(leg, &facts, secs, format!("{error:#}")).map(Some),
            Err(error) => Err(error.context(format!("the run broke off: {}", dir.display()))),
            Ok(result) => Ok(Some(result)),
        }
    }

    /// Starts a run, or goes on with it: the step that it is at, and the seconds that it took. `None` where its settings do
    /// not fit the model.
    fn begin(&mut self, leg: &Leg, dir: &Path) -> anyhow::Result<Option<(u32, f64)>> {
        let found = checkpoint_dir::read_newest(dir).unwrap_or_else(|error| {
            say(&format!("warning: the run begins anew: {error:#}"));
            None
        });
        if let Some(Found { folder, inputs, damaged, .. }) = found {
            self.session.forget_run(); // the one before makes room
            self.session.resume(&folder).context("can't go on from the checkpoint")?;
            if let Some(damaged) = damaged {
                damaged.move_aside()?;
            }
            return Ok(Some((inputs.step, inputs.elapsed_secs)));
        }
        checkpoint_dir::remove(dir)?;
        match self.session.start(self.plan.settings.run.clone()) {
            Ok(job) => self.folder.save_job(leg, &job.to_json()).map(|()| Some((0, 0.0))),
            Err(
                error @ (SessionError::Settings(_)
                | SessionError::TooLong { .. }
                | SessionError::Train(TrainError::NoDropout { .. } | TrainError::NoHead)),
            ) => {
                say(&format!("warning: trial {}: {error}", leg.trial + 1));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the model of a run that is over, and its figures; then its checkpoint is needed no more.
    fn save(
        &mut self,
        leg: &Leg,
        dir: &Path,
        facts: &RunFacts,
        secs: f64,
        failed: Option<String>,
    ) -> anyhow::Result<RunResult> {
        let evaluation = self.figures()?;
        let format = format_of(self.args, &self.plan.settings);
        let written = reopen::export(&mut self.session, format, (dir, false), !self.args.no_verify);
        written.context("can't write the model of a trial")?;
        let result = RunResult { is_over: true, ..self.result(facts, secs, Some(&evaluation), failed) };
        self.folder.end(leg, &result, evaluation_json(&evaluation))?;
        checkpoint_dir::remove(dir)?;
        Ok(result)
    }

    /// Writes the figures of a run that goes on from its checkpoint.
    fn pause(&mut self, leg: &Leg, facts: &RunFacts, secs: f64) -> anyhow::Result<RunResult> {
        let evaluation = self.figures()?;
        let result = self.result(facts, secs, Some(&evaluation), None);
        self.folder.end(leg, &result, evaluation_json(&evaluation))?;
        Ok(result)
    }

    fn fail(&self, leg: &Leg, facts: &RunFacts, secs: f64, why: String) -> anyhow::Result<RunResult> {
        let result = RunResult { is_over: true, ..self.result(facts, secs, None, Some(why)) };
        self.folder.end(leg, &result, Value::Null)?;
        Ok(result)
    }

    fn result(
        &self,
        facts: &RunFacts,
        secs: f64,
        evaluation: Option<&Evaluation>,
        failed: Option<String>,
    ) -> RunResult {
        let metric = self.plan.settings.run.metric_for_best_model.as_str();
        let [figure, loss] = [metric, LOSS.name].map(|name| evaluation.and_then(|evaluation| evaluation.figure(name)));
        let (step, total_steps) = (facts.step, facts.total_steps);
        RunResult { figure, loss, step, total_steps, secs, is_over: false, failed }
    }

    /// What the weights that the run has come to on the validation rows: as the run measured them, else measured now.
    fn figures(&mut self) -> anyhow::Result<Evaluation> {
        if let Some((_, Some(measured))) = self.session.weights_of_step() {
            return Ok(measured.clone());
        }
        Ok(block_on(self.session.evaluate(Weights::Tuned, Split::Valid, &mut |_, _| {}))?.0)
    }
}

/// Whether an error is of the run's settings, not of the machine: others may do better.
fn is_of_run(error: &anyhow::Error) -> bool {
    let is_of_it = match error.downcast_ref::<SessionError>() {
        Some(SessionError::Train(error)) => error.is_of_memory(),
        Some(SessionError::Checkpoint(CheckpointError::NotFinite { .. })) => true, // a weight, when the model is written
        _ => false,
    };
    is_of_it || is_divergence(error)
}
