//! Two models that were measured, side by side: the one before training, and runs since the page was opened. In: what was measured. Out:
//! which of two is better, by how much, and whether that could be luck.

use std::sync::Arc;

use hone_core::report::Examined;
use hone_core::task::{MeasuredRun, RunComparison, compare_runs};
use leptos::prelude::*;

use super::Store;
use super::evaluation::Measured;
use super::several::measured_part;

/// Models whose answers are kept, at most; beyond it, the oldest is let go.
pub(crate) const MAX_KEPT: usize = 8;

/// The same of large files: as many as are compared.
const MIN_KEPT: usize = 2;

/// Rows of all kept models together: each is there with its text, and the page has one memory with the model.
pub(crate) const MAX_KEPT_ROWS: usize = 40_000;

/// A model with its answers.
pub(crate) type Kept = (String, Arc<Measured>);

/// Signals of models that are compared.
#[derive(Clone, Copy)]
pub(crate) struct ComparingState {
    /// By their names, the one that was measured last behind the others.
    pub kept: RwSignal<Vec<Kept>>,
    /// Names of those whose answers were let go.
    pub let_go: RwSignal<Vec<String>>,
    /// Names of the two that are chosen; empty where nobody chose.
    pub chosen: RwSignal<[String; 2]>,
}

impl ComparingState {
    pub(super) fn new() -> Self {
        let (kept, let_go) = (RwSignal::new(Vec::new()), RwSignal::new(Vec::new()));
        Self { kept, let_go, chosen: RwSignal::new(Default::default()) }
    }
}

/// Keeps a model in the place of what was measured of it before, and lets the oldest go where there are too many, or too many rows of them;
/// the names of these are added to `let_go`.
fn keep(kept: &mut Vec<Kept>, let_go: &mut Vec<String>, new: Kept) {
    kept.retain(|(own, _)| *own != new.0);
    let_go.retain(|own| *own != new.0);
    kept.push(new);
    let count = |kept: &[Kept]| kept.iter().map(|(_, measured)| measured.evaluation.num_rows).sum::<usize>();
    while kept.len() > MAX_KEPT || kept.len() > MIN_KEPT && count(kept) > MAX_KEPT_ROWS {
        let_go.push(kept.remove(0).0);
    }
}

/// The two that stand side by side: as chosen, else the last one with the one before it.
pub(crate) fn sides(names: &[String], chosen: &[String; 2]) -> Option<[usize; 2]> {
    let place = |name: &String| names.iter().position(|own| own == name);
    let second = place(&chosen[1]).or(names.len().checked_sub(1))?;
    let first = place(&chosen[0]).filter(|&first| first != second);
    let first =
        first.or_else(|| (0..second).next_back()).or_else(|| (second + 1 < names.len()).then_some(second + 1))?;
    Some([first, second])
}

impl Store {
    /// Keeps what was measured of a model, in the place of what was measured of it before.
    pub(super) fn note_measured(self, is_trained: bool, measured: &Arc<Measured>) {
        let name = self.name_of_measured(is_trained);
        let new = (name, Arc::clone(measured));
        self.comparing.let_go.update(|let_go| self.comparing.kept.update(|kept| keep(kept, let_go, new)));
    }

    /// Leaves the models of another project.
    pub(super) fn leave_comparisons(self) {
        self.comparing.kept.set(Vec::new());
        self.comparing.let_go.set(Vec::new());
        self.comparing.chosen.set(Default::default());
    }

    /// Compares the two that are chosen, of several tasks in the one that is shown.
    pub(crate) fn compare_chosen(self) -> Option<Result<RunComparison, String>> {
        let part = self.measured_part.get_untracked();
        let of_part = |(name, measured): &Kept| {
            let own = part.as_ref().and_then(|part| measured_part(measured, &part.name)).map(Arc::new);
            (name.clone(), own.unwrap_or_else(|| Arc::clone(measured)))
        };
        let pair = self.comparing.kept.with_untracked(|kept| {
            let names: Vec<String> = kept.iter().map(|(name, _)| name.clone()).collect();
            let sides = self.comparing.chosen.with_untracked(|chosen| sides(&names, chosen))?;
            Some(sides.map(|place| of_part(&kept[place])))
        });
        let [first, second] = pair?;
        let found = compare_runs(&run_of(&first), &run_of(&second));
        if let Ok(comparison) = &found {
            self.note_for_report(Examined::Comparison(comparison.clone()));
        }
        Some(found)
    }
}

fn run_of((name, measured): &Kept) -> MeasuredRun<'_> {
    MeasuredRun { name, split: measured.split, evaluation: &measured.evaluation, rows: &measured.rows }
}

#[cfg(test)]
mod tests {
    use hone_core::task::{Evaluation, Task};

    use super::*;
    use crate::tasks::fixtures;

    #[test]
    fn of_large_files_fewer_are_kept_and_those_that_were_let_go_are_named() {
        let measured = |num_rows: usize| {
            let evaluation = Evaluation { num_rows, ..fixtures::evaluation(Task::default(), Vec::new()) };
            Arc::new(fixtures::measured(evaluation))
        };
        let (mut kept, mut let_go) = (Vec::new(), Vec::new());
        for number in 1..=9 {
            keep(&mut kept, &mut let_go, (format!("Run {number}"), measured(100)));
        }
        assert_eq!((kept.len(), let_go.as_slice()), (MAX_KEPT, ["Run 1".to_owned()].as_slice()));
        for number in 10..=11 {
            keep(&mut kept, &mut let_go, (format!("Run {number}"), measured(MAX_KEPT_ROWS)));
        }
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Run 10", "Run 11"], "two are compared, however large");
        assert_eq!(let_go.len(), 9);
        keep(&mut kept, &mut let_go, ("Run 1".into(), measured(100)));
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Run 11", "Run 1"], "it was measured again");
        assert!(!let_go.contains(&"Run 1".to_owned()) && let_go.contains(&"Run 10".to_owned()));
    }

    #[test]
    fn the_last_one_stands_beside_the_one_before_it_unless_others_are_chosen() {
        let names = ["gpt2 before training", "Run 1", "Run 2"].map(str::to_owned);
        let sides = |names: &[String], first: &str, second: &str| sides(names, &[first.to_owned(), second.to_owned()]);
        assert_eq!(sides(&names, "", ""), Some([1, 2]));
        assert_eq!(sides(&names, "gpt2 before training", ""), Some([0, 2]));
        assert_eq!(sides(&names, "Run 2", "Run 1"), Some([2, 1]));
        assert_eq!(sides(&names, "Run 1", "Run 1"), Some([0, 1]), "none stands beside itself");
        assert_eq!(sides(&names, "", "gpt2 before training"), Some([1, 0]));
        assert_eq!(sides(&names, "Run 9", "Run 9"), Some([1, 2]), "it was dropped since");
        assert_eq!((sides(&names[..1], "", ""), sides(&[], "", "")), (None, None));
    }
}
