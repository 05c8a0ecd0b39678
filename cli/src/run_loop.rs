//! The loop of a run: from one event to the next, saving when it is due, until the run ends, is asked to stop, or comes to
//! where it is to pause.
//!
//! In: a session with a run. Out: how the loop ended; a run that did not end goes on from the checkpoint in its folder.

use std::path::{Path, PathBuf};

use hone_core::checkpoint::CheckpointError;
use hone_core::event::{StopReason, TrainEvent};
use hone_core::session::{Session, SessionError};
use hone_core::sweep::Budget;
use hone_core::train::{SavePace, TrainError};

use crate::checkpoint_dir::{self, Inputs};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::signals::Interrupt;

/// How far a run is, and what the driver must know of it.
#[derive(Debug, Default)]
pub(crate) struct RunFacts {
    pub(crate) step: u32,
    pub(crate) total_steps: u32,
    pub(crate) steps_per_epoch: u32,
    pub(crate) num_rows: [usize; 3],
    /// Where the loop pauses, with a checkpoint that it goes on from; a whole run does not.
    pub(crate) pause_at: Budget,
}

/// How the loop ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Interrupted,
    /// It came to [`RunFacts::pause_at`], and goes on from its checkpoint.
    Paused,
    /// The run diverged at `step`; the model holds the best weights, those of `weights_of_step`, which `measured` says
    /// the figure of.
    Diverged {
        step: u32,
        weights_of_step: u32,
        measured: String,
    },
}

/// The loop: pull an event, show it, save when it is due, stop when asked.
pub(crate) async fn train(
    session: &mut Session,
    plan: &Plan,
    output: &Path,
    progress: &mut Progress,
    interrupt: Interrupt,
    facts: &mut RunFacts,
) -> anyhow::Result<End> {
    let mut end = End::Finished;
    let mut pace = SavePace::new(progress.elapsed_secs());
    while let Some(event) = session.next_event().await? {
        progress.event(&event);
        facts.follow(&event);
        if let TrainEvent::Finished { step, reason: StopReason::Diverged, weights_of_step } = event {
            let metric = plan.settings.run.metric_for_best_model.as_str();
            let value = session.weights_of_step().and_then(|(_, measured)| measured?.figure(metric));
            let measured = value.map_or_else(String::new, |value| format!(" (validation {metric} {value:.4})"));
            end = End::Diverged { step, weights_of_step, measured };
        }
        // A checkpoint between any two events restores the run exactly; one that is over needs none.
        let stops = interrupt.pressed() && !matches!(event, TrainEvent::Finished { .. });
        let pauses = facts.is_at_pause() && session.is_between_steps();
        // After the last step it is saved in any case: measuring takes a while, and the model is written after it.
        let is_last = matches!(event, TrainEvent::CheckpointDue { step } if step == facts.total_steps);
        let began_secs = progress.elapsed_secs();
        if stops || pauses || is_last || pace.is_due(&event, session.is_between_steps(), began_secs) {
            let inputs = plan.inputs([facts.step, facts.total_steps], began_secs);
            let mut written = save(session, output, &inputs).await;
            if (stops || pauses || is_last) && written.as_ref().is_err_and(checkpoint_dir::is_of_disk) {
                written = save(session, output, &inputs).await; // the checkpoint before the newest made room
            }
            pace.note_saving(began_secs, progress.elapsed_secs());
            match written {
                Ok(_) if stops => return Ok(End::Interrupted),
                Ok(_) if pauses => return Ok(End::Paused),
                Ok(_) => {}
                // Nobody could go on from it: the run ends now, with its best weights where it has any.
                Err(error) if stops && is_divergence(&error) => session.stop(true),
                Err(error) if stops => return Err(error.context("stopped, but the checkpoint could not be written")),
                Err(error) if pauses => {
                    return Err(error.context("the run can't pause: its checkpoint could not be written"));
                }
                Err(error) => progress.note(&format!("warning: no checkpoint at step {}: {error:#}", facts.step)),
            }
        }
    }
    Ok(end)
}

/// Writes where the run stands, and returns where that lies.
async fn save(session: &mut Session, output: &Path, inputs: &Inputs) -> anyhow::Result<PathBuf> {
    let files = session.stream_checkpoint().await?;
    checkpoint_dir::write(output, files, inputs).await
}

impl RunFacts {
    /// A run that pauses there.
    pub(crate) fn until(pause_at: Budget) -> Self {
        Self { pause_at, ..Self::default() }
    }

    fn is_at_pause(&self) -> bool {
        let until = self.pause_at.steps(self.steps_per_epoch, self.total_steps);
        until < self.total_steps && self.step >= until
    }

    pub(crate) fn follow(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Started { total_steps, steps_per_epoch, step, num_rows, .. } => {
                let (total_steps, steps_per_epoch) = (*total_steps, *steps_per_epoch);
                *self =
                    Self { step: *step, total_steps, steps_per_epoch, num_rows: *num_rows, pause_at: self.pause_at };
            }
            TrainEvent::Progress { step, .. }
            | TrainEvent::Step { step, .. }
            | TrainEvent::Evaluated { step, .. }
            | TrainEvent::GeneralMeasured { step, .. }
            | TrainEvent::Sampled { step, .. }
            | TrainEvent::CheckpointDue { step }
            | TrainEvent::RolledBack { to_step: step, .. }
            | TrainEvent::BatchesCut { step, .. }
            | TrainEvent::Finished { step, .. } => self.step = *step,
            TrainEvent::Augmented { .. } | TrainEvent::Phase { .. } | TrainEvent::EvaluationProgress { .. } => {}
        }
    }
}

/// Whether a loss, an output or a weight is not a number any more.
pub(crate) fn is_divergence(error: &anyhow::Error) -> bool {
    let Some(SessionError::Train(error)) = error.downcast_ref::<SessionError>() else { return false };
    matches!(
        error,
        TrainError::Diverged { .. }
            | TrainError::Spike { .. }
            | TrainError::NotFinite { .. }
            | TrainError::Checkpoint(CheckpointError::NotFinite { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_follow_the_events() {
        let mut facts = RunFacts::default();
        facts.follow(&TrainEvent::Started {
            total_steps: 30,
            steps_per_epoch: 10,
            step: 7,
            num_rows: [1, 2, 3],
            num_parameters: 5,
            num_trainable: 5,
        });
        assert_eq!((facts.step, facts.total_steps, facts.num_rows), (7, 30, [1, 2, 3]));
        facts.follow(&TrainEvent::Progress { step: 8, rows: 0, tokens: 0 });
        assert_eq!(facts.step, 8);
    }

    #[test]
    fn a_run_pauses_where_it_is_to_and_not_at_its_end() {
        let mut facts = RunFacts::until(Budget::Epochs(0.5));
        assert!(!facts.is_at_pause(), "nothing is known of it yet");
        let started = |step| TrainEvent::Started {
            total_steps: 30,
            steps_per_epoch: 10,
            step,
            num_rows: [1, 2, 3],
            num_parameters: 5,
            num_trainable: 5,
        };
        facts.follow(&started(0));
        assert!(!facts.is_at_pause());
        facts.follow(&TrainEvent::Progress { step: 5, rows: 0, tokens: 0 });
        assert!(facts.is_at_pause());
        for whole in [Budget::Whole, Budget::Epochs(3.0)] {
            let mut facts = RunFacts::until(whole);
            facts.follow(&started(30));
            assert!(!facts.is_at_pause());
        }
    }
}
