//! The seven steps of the path, in order: their names, their keys, and how the page's address and title name them.

use super::run::{RunState, Status};

/// A step of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Choose and load a pretrained model.
    Model,
    /// Drop in labeled rows.
    Data,
    /// Choose the settings.
    Recipe,
    /// Run.
    Train,
    /// See how good it is.
    Evaluate,
    /// Type and see.
    Try,
    /// Take it home.
    Export,
}

impl Step {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 7] =
        [Self::Model, Self::Data, Self::Recipe, Self::Train, Self::Evaluate, Self::Try, Self::Export];

    /// Name on the page.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Model => "Model",
            Self::Data => "Data",
            Self::Recipe => "Recipe",
            Self::Train => "Train",
            Self::Evaluate => "Evaluate",
            Self::Try => "Try",
            Self::Export => "Export",
        }
    }

    /// Name in the page's ids.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data",
            Self::Recipe => "recipe",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Try => "try",
            Self::Export => "export",
        }
    }

    /// The step of a digit key, `1` to `7`, given as the key's code.
    pub(crate) fn of_key_code(code: &str) -> Option<Self> {
        let digit: usize = code.strip_prefix("Digit")?.parse().ok()?;
        Self::ALL.get(digit.checked_sub(1)?).copied()
    }

    /// The step that the fragment of the page's address names: `#data`; the first where there is none, `None` where it
    /// names something else.
    pub(crate) fn of_hash(hash: &str) -> Option<Self> {
        match hash.trim_start_matches('#') {
            "" => Some(Self::Model),
            id => Self::ALL.into_iter().find(|step| step.id() == id),
        }
    }

    /// What the tab is called: how the run stands, until what comes after it is looked at; else the step.
    pub(crate) fn page_title(self, run: &RunState) -> String {
        let is_after_the_run = matches!(self, Self::Evaluate | Self::Try | Self::Export);
        match run.status {
            Status::Starting => "Starting · Hone".into(),
            Status::Running => format!("{} % · Hone", run.percent_done()),
            Status::Paused => "Paused · Hone".into(),
            Status::Stopping => "Stopping · Hone".into(),
            Status::Finished(_) if !is_after_the_run => "Done · Hone".into(),
            Status::Failed if !is_after_the_run => "Failed · Hone".into(),
            Status::Idle | Status::Finished(_) | Status::Failed | Status::Gone => format!("{} · Hone", self.title()),
        }
    }
}

#[cfg(test)]
mod tests {
    use hone_core::event::StopReason;

    use super::*;

    #[test]
    fn digits_one_to_seven_are_steps() {
        assert_eq!(Step::of_key_code("Digit1"), Some(Step::Model));
        assert_eq!(Step::of_key_code("Digit7"), Some(Step::Export));
        assert_eq!(Step::of_key_code("Digit0"), None);
        assert_eq!(Step::of_key_code("Digit8"), None);
        assert_eq!(Step::of_key_code("KeyA"), None);
    }

    #[test]
    fn every_step_has_an_address_of_its_own() {
        for step in Step::ALL {
            assert_eq!(Step::of_hash(&format!("#{}", step.id())), Some(step));
        }
        assert_eq!([Step::of_hash(""), Step::of_hash("#")], [Some(Step::Model); 2]);
        assert_eq!([Step::of_hash("#main"), Step::of_hash("#Data"), Step::of_hash("#data/2")], [None; 3]);
    }

    #[test]
    fn the_title_says_how_the_run_stands() {
        let mut run = RunState::default();
        (run.step, run.total_steps) = (129, 300);
        let title = |run: &RunState, step: Step| step.page_title(run);
        assert_eq!(title(&run, Step::Data), "Data · Hone");
        run.status = Status::Running;
        assert_eq!(title(&run, Step::Data), "43 % · Hone");
        run.step = 299;
        assert_eq!(title(&run, Step::Train), "99 % · Hone", "all of it only when it is done");
        run.status = Status::Paused;
        assert_eq!(title(&run, Step::Train), "Paused · Hone");
        run.status = Status::Finished(StopReason::Completed);
        assert_eq!([title(&run, Step::Train), title(&run, Step::Try)], ["Done · Hone", "Try · Hone"]);
        run.status = Status::Gone;
        assert_eq!(title(&run, Step::Train), "Train · Hone");
    }
}
