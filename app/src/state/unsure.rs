//! Below which probability answers are unsure, as the person chose it at the step Evaluate: one threshold for each task that is
//! learned beside others, else one. It stays chosen for the next run, is kept with the project, and leaves with an export.

use std::collections::BTreeMap;

use hone_core::task::UNSURE_BELOW;
use leptos::prelude::*;

use super::Store;
use super::several::{RunPart, full_name};

/// The thresholds by the names of tasks; that of one task alone has none.
pub(super) type Unsure = BTreeMap<String, f64>;

impl Store {
    /// The threshold of the task whose figures are shown.
    pub(crate) fn unsure_below(self) -> Option<f64> {
        let part = self.measured_part.get();
        self.unsure.with(|unsure| unsure.get(&name_of(part.as_ref())).copied())
    }

    /// Chooses the threshold of the task whose figures are shown; `None` and 0 take it away.
    pub(crate) fn choose_unsure_below(self, threshold: Option<f64>) {
        let name = name_of(self.measured_part.get_untracked().as_ref());
        self.unsure.update(|unsure| match threshold.filter(|threshold| *threshold > 0.0) {
            Some(threshold) => {
                unsure.insert(name, threshold);
            }
            None => {
                unsure.remove(&name);
            }
        });
    }

    /// The thresholds that leave with the model of the last run.
    pub(super) fn chosen_thresholds(self) -> BTreeMap<String, f64> {
        let task = self.model.task.get_untracked();
        let parts = self.run_parts.get_untracked();
        self.unsure.with_untracked(|unsure| thresholds(unsure, task.spec().gives_one_label(), &parts))
    }
}

fn name_of(part: Option<&RunPart>) -> String {
    part.map(|part| part.name.clone()).unwrap_or_default()
}

/// By their names in a job file: those of tasks that give one label.
fn thresholds(unsure: &Unsure, gives_one_label: bool, parts: &[RunPart]) -> BTreeMap<String, f64> {
    let named = |name: &str, full: String| unsure.get(name).map(|threshold| (full, *threshold));
    if parts.is_empty() {
        return named("", UNSURE_BELOW.to_owned()).filter(|_| gives_one_label).into_iter().collect();
    }
    let labeled = parts.iter().filter(|part| part.task.spec().gives_one_label());
    labeled.filter_map(|part| named(&part.name, full_name(&part.name, UNSURE_BELOW))).collect()
}

#[cfg(test)]
mod tests {
    use hone_core::task::Task;

    use super::*;

    #[test]
    fn thresholds_leave_by_the_names_of_their_tasks_and_only_where_one_label_is_given() {
        let unsure: Unsure =
            [("", 0.5), ("topic", 0.75), ("gone", 0.25)].map(|(name, at)| (name.to_owned(), at)).into();
        let named = |pairs: &[(&str, f64)]| -> BTreeMap<String, f64> {
            pairs.iter().map(|&(name, at)| (name.to_owned(), at)).collect()
        };
        assert_eq!(thresholds(&unsure, true, &[]), named(&[("unsure_below", 0.5)]));
        assert_eq!(thresholds(&unsure, false, &[]), named(&[]));
        let part = |name: &str, task| RunPart { name: name.into(), task, has_second: false };
        let other = Task::ALL.iter().copied().find(|task| !task.spec().gives_one_label()).expect("tasks differ");
        let parts = [part("topic", Task::default()), part("mood", Task::default()), part("gone", other)];
        assert_eq!(thresholds(&unsure, true, &parts), named(&[("topic/unsure_below", 0.75)]));
    }
}
