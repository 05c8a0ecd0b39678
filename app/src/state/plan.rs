//! What a run would cost, asked of the worker once model, rows and recipe are there, nothing else goes on, and the person looks at
//! the recipe or at training. An answer to what holds no more is not taken. The words are plain, tested natively.

use std::sync::Arc;

use hone_core::config::RunConfig;
use hone_core::plan::{Estimate, about};
use hone_core::session::protocol::{Command, Reply};
use leptos::prelude::*;

use super::reading::ReadFor;
use super::{Step, Store, unexpected};
use crate::{browser, format};

/// Milliseconds without another edit after which a plan is asked for.
const DELAY_MS: u32 = 300;

/// Signals of the plan.
#[derive(Clone, Copy)]
pub(crate) struct PlanState {
    /// What the run would cost that could start now; `None` until that is known.
    pub estimate: RwSignal<Option<Arc<Estimate>>>,
    /// Why it is not known.
    problem: RwSignal<Option<String>>,
    /// It was asked for, or is about to be.
    is_asked: RwSignal<bool>,
}

/// What a plan is of.
#[derive(Debug, Clone, PartialEq)]
struct Planned {
    run: RunConfig,
    /// Tells the rows from those read before.
    report: usize,
}

impl PlanState {
    pub(super) fn new() -> Self {
        Self { estimate: RwSignal::new(None), problem: RwSignal::new(None), is_asked: RwSignal::new(false) }
    }

    /// Whether it is asked for and not answered yet.
    pub(crate) fn is_being_made(self) -> bool {
        self.is_asked.get() && self.estimate.with(Option::is_none) && self.problem.with(Option::is_none)
    }

    /// How long the run takes, in a sentence.
    pub(crate) fn time_in_words(self) -> String {
        self.estimate.with(|estimate| {
            self.problem.with(|problem| time_in_words(estimate.as_deref(), problem.as_deref(), self.is_asked.get()))
        })
    }
}

fn time_in_words(estimate: Option<&Estimate>, problem: Option<&str>, is_asked: bool) -> String {
    match (estimate, problem) {
        (Some(Estimate { secs: Some(secs), .. }), _) => format!("{} on this device.", format::sentence(&about(*secs))),
        (Some(Estimate { fits: false, .. }), _) => "How long it takes is not measured, because it does not fit.".into(),
        (None, Some(problem)) => format!("How long it takes could not be measured: {problem}."),
        (None, None) if is_asked => "How long it takes on this device is being measured.".into(),
        _ => "How long it takes on this device is measured when the run starts.".into(),
    }
}

impl Store {
    /// Asks for a plan whenever there is another run to plan.
    pub(crate) fn plan_ahead(self) {
        let wanted = Memo::new(move |_| self.to_plan());
        Effect::new(move |_| {
            let now = wanted.get();
            self.plan.estimate.set(None);
            self.plan.problem.set(None);
            self.plan.is_asked.set(now.is_some());
            let Some(now) = now else { return };
            browser::after(DELAY_MS, move || self.ask_for_plan(now, wanted));
        });
    }

    /// What could start now; `None` where that is planned when it starts.
    fn to_plan(self) -> Option<Planned> {
        let is_looked_at = matches!(self.step.get(), Step::Recipe | Step::Train);
        // Changes of the model are made when the run starts, and several tasks are read then.
        let is_plain = self.changed.with(|changed| changed.as_ref().is_ok_and(|changes| changes.is_empty()))
            && !self.parts.are_several();
        if !is_looked_at || !is_plain || self.activity().is_some() || self.model.info.with(Option::is_none) {
            return None;
        }
        let report = self.data.report.with(|report| report.as_ref().map(|report| Arc::as_ptr(report) as usize))?;
        let run = self.resolved.get().ok()?;
        Some(Planned { run, report })
    }

    fn ask_for_plan(self, now: Planned, wanted: Memo<Option<Planned>>) {
        let is_current = move |now: &Planned| wanted.try_get_untracked().flatten().as_ref() == Some(now);
        // Rows that are about to be read for these settings are planned then.
        if !is_current(&now) || self.data.used.get_value() != Some(ReadFor::of(&now.run)) {
            return;
        }
        let command = Command::Estimate { run: now.run.clone() };
        self.client().send(command, Vec::new(), move |answer| {
            if !is_current(&now) {
                return;
            }
            let problem = match answer {
                Ok((Reply::Estimated { estimate }, _)) => return self.plan.estimate.set(Some(Arc::from(estimate))),
                // Something else came between; what was made for it is there the next time.
                Ok((Reply::Done, _)) => {
                    browser::after(DELAY_MS, move || self.ask_for_plan(now, wanted));
                    return;
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.plan.problem.set(Some(problem.message));
        });
    }
}

#[cfg(test)]
mod tests {
    use hone_core::plan::MemoryParts;

    use super::*;

    fn estimate(secs: Option<f64>, fits: bool) -> Estimate {
        Estimate {
            steps: 480,
            secs,
            memory: MemoryParts::default(),
            on_gpu: false,
            bytes: 0,
            limit: None,
            too_large_tensor: None,
            fits,
            fitting: None,
            shorter: Vec::new(),
            writes_samples: false,
        }
    }

    #[test]
    fn the_time_is_said_or_why_it_is_not() {
        let said = |estimate: Option<Estimate>, problem, is_asked| time_in_words(estimate.as_ref(), problem, is_asked);
        assert_eq!(said(Some(estimate(Some(1500.0), true)), None, true), "About 25 minutes on this device.");
        assert!(said(Some(estimate(None, false)), None, true).ends_with("because it does not fit."));
        assert!(said(Some(estimate(None, true)), None, true).ends_with("is measured when the run starts."));
        assert!(said(None, None, true).ends_with("is being measured."));
        assert!(said(None, None, false).ends_with("is measured when the run starts."));
        assert!(said(None, Some("the device is gone"), true).ends_with("measured: the device is gone."));
    }
}
