//! What goes on, for as long as it keeps something else from beginning, and how that is said. The kinds are plain values,
//! tested natively.

use leptos::prelude::*;

use super::run::RunState;
use super::{Store, WorkerStatus};

/// What the page is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// The part that trains is starting, or has stopped.
    Starting,
    /// A model is being loaded.
    Loading,
    /// Rows are being read.
    Reading,
    /// A run is going, or held.
    Training,
    /// A split is being measured.
    Measuring,
    /// A text is being written.
    Writing,
    /// Many inputs are being answered.
    Answering,
    /// An answer is being explained.
    Explaining,
}

impl Activity {
    /// When something can begin that waits for the end of this: `Training can start when the model is loaded.`
    pub(crate) fn then(self, what: &str) -> String {
        let end = match self {
            Self::Starting => "the page is ready",
            Self::Loading => "the model is loaded",
            Self::Reading => "the rows have been read",
            Self::Training => "the run has ended",
            Self::Measuring => "the evaluation is done",
            Self::Writing => "the model has finished writing",
            Self::Answering => "all inputs have their answers",
            Self::Explaining => "the answer is explained",
        };
        format!("{what} when {end}.")
    }
}

impl Store {
    /// What goes on now; `None` where anything can begin.
    pub(crate) fn activity(self) -> Option<Activity> {
        let going = [
            (self.worker.get() != WorkerStatus::Ready, Activity::Starting),
            (self.model.loading.get(), Activity::Loading),
            (self.data.loading.get(), Activity::Reading),
            (self.run.with(RunState::is_active) || self.sweep.is_going(), Activity::Training),
            (self.measuring.get().is_some(), Activity::Measuring),
            (self.writing.with(|writing| writing.current.is_some()), Activity::Writing),
            (self.batch.going.get().is_some() || self.labeling.ranking.get(), Activity::Answering),
            (self.explaining.going.get().is_some(), Activity::Explaining),
        ];
        going.into_iter().find(|(is_going, _)| *is_going).map(|(_, activity)| activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_says_until_when() {
        assert_eq!(Activity::Loading.then("Training can start"), "Training can start when the model is loaded.");
        assert_eq!(Activity::Training.then("You can evaluate"), "You can evaluate when the run has ended.");
    }
}
