//! The test of learning rates: how the loss moves while the rate rises, and the rate that follows of it. In: the recipe. Out: a curve of
//! the loaded model and rows, and a rate that can be taken into the recipe. What is said of it is plain, tested natively.

use std::sync::Arc;

use hone_core::config::Method;
use hone_core::session::protocol::{Command, RateTest, Reply, Weights};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::recipe::set_typed;
use super::run::{Input, RunState};
use super::{Step, Store, unexpected};
use crate::browser::FileIdentity;
use crate::format;

/// Name of the setting.
const LEARNING_RATE: &str = "learning_rate";

/// Model and files that rates were tried on; what is trained, and the rows of a step: with others another rate is right.
type Of = (Option<String>, [Option<FileIdentity>; 3], Option<(Method, u32, u32)>);

/// Signals of the test.
#[derive(Clone, Copy)]
pub(crate) struct RatesState {
    /// It goes on.
    pub is_going: RwSignal<bool>,
    found: RwSignal<Option<(Of, Arc<RateTest>)>>,
}

impl RatesState {
    pub(super) fn new() -> Self {
        Self { is_going: RwSignal::new(false), found: RwSignal::new(None) }
    }
}

/// A rate as it is typed: two digits say all that the test knows.
pub(crate) fn rate_text(rate: f64) -> String {
    format!("{rate:.1e}").replace(".0e", "e")
}

/// What the test found, in sentences.
pub(crate) fn in_words(test: &RateTest) -> String {
    let steps = format::plural(test.points.len(), "step");
    let ended = match (test.diverged, test.points.last()) {
        (true, Some((rate, _))) => format!(", until the loss ran away at {}", rate_text(*rate)),
        _ => String::new(),
    };
    let found = match test.steepest {
        Some(rate) => format!("The loss falls fastest at {} (Smith 2017).", rate_text(rate)),
        None => "The loss falls nowhere, so that no rate is suggested: look at the rows, or at what is trained.".into(),
    };
    let careful = match test.tenth_of_lowest {
        Some(rate) if test.steepest.is_some() => {
            format!(" A tenth of the rate with the lowest loss is {}.", rate_text(rate))
        }
        _ => String::new(),
    };
    format!(
        "The rate was raised in {steps}{ended}. {found}{careful} It is a help, not a proof: compare a few rates around it below."
    )
}

impl Store {
    /// What was found of the loaded model, the chosen files and the recipe.
    pub(crate) fn rate_test(self) -> Option<Arc<RateTest>> {
        let of = self.of_rates();
        self.rates.found.with(|found| found.as_ref().filter(|(one, _)| *one == of).map(|(_, test)| Arc::clone(test)))
    }

    fn of_rates(self) -> Of {
        let model = self.model.info.with(|info| info.as_ref().map(|info| info.source.name().to_owned()));
        let trained = self.resolved.with(|run| {
            let run = run.as_ref().ok()?;
            Some((run.method, run.batch_size, run.gradient_accumulation_steps))
        });
        (model, self.data.identities(), trained)
    }

    /// Tries rates with the recipe. Where trained weights would go that nothing else keeps, the person is asked first.
    pub(crate) fn find_learning_rate(self) {
        self.confirm_losing_weights("Try rates anyway", move || {
            if untrack(|| self.activity()).is_none() {
                self.find_learning_rate_now();
            }
        });
    }

    fn find_learning_rate_now(self) {
        let (Ok(run), Ok(changes)) = (self.resolved.get_untracked(), self.changed.get_untracked()) else { return };
        self.dismiss(Step::Recipe);
        self.rates.is_going.set(true);
        spawn_local(async move {
            let of = untrack(|| self.of_rates());
            let command = Command::FindLearningRate { run, changes };
            let answer = self.ask_to_measure(Weights::Base, command, Vec::new()).await;
            self.rates.is_going.set(false);
            let problem = match answer {
                Ok((Reply::LearningRates { test }, _)) => {
                    self.rates.found.set(Some((of, Arc::new(*test))));
                    None
                }
                // What was trained before is still loaded.
                Ok((Reply::Refused { problem }, _)) => return self.report(Step::Recipe, problem),
                Ok((other, _)) => Some(unexpected(&other)),
                Err(problem) => Some(problem),
            };
            if self.run.with_untracked(RunState::is_finished) {
                self.forget_tuned();
                self.list_runs(); // its weights can be opened again
                self.feed(Input::ModelLoaded { is_other_task: false });
            }
            if let Some(problem) = problem {
                self.report(Step::Recipe, problem);
            }
        });
    }

    /// Ends the test; what was tried by then is shown.
    pub(crate) fn stop_finding_rate(self) {
        self.client().send(Command::StopLearningLabels, Vec::new(), |_| {});
    }

    /// Takes a rate into the recipe.
    pub(crate) fn use_rate(self, rate: f64) {
        self.edit_recipe(None, |draft| set_typed(draft, LEARNING_RATE, Some(rate_text(rate))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_people_type_it() {
        assert_eq!([3.162e-5, 1e-4, 9.96e-4, 1.0].map(rate_text), ["3.2e-5", "1e-4", "1e-3", "1e0"]);
        assert!(rate_text(3.162e-5).parse::<f64>().is_ok_and(|rate| (rate - 3.2e-5).abs() < 1e-12));
    }

    #[test]
    fn what_was_found_is_said_and_that_nothing_was() {
        let points = vec![(1e-7, 1.0), (1e-6, 0.5)];
        let test = RateTest { points, smoothed: vec![1.0, 0.5], steepest: Some(3.2e-5), ..RateTest::default() };
        let said = in_words(&RateTest { diverged: true, tenth_of_lowest: Some(1e-3), ..test.clone() });
        assert!(said.starts_with("The rate was raised in 2 steps, until the loss ran away at 1e-6. "), "{said}");
        assert!(said.contains("falls fastest at 3.2e-5") && said.contains("lowest loss is 1e-3"), "{said}");
        let none = in_words(&RateTest { steepest: None, tenth_of_lowest: Some(1e-3), ..test });
        assert!(none.contains("no rate is suggested") && !none.contains("A tenth"), "{none}");
    }
}
