//! What is learned of labels in seconds. In: the loaded model, or a run that is over, and the rows that were read. Out: the quick baseline,
//! and rows whose labels may be wrong, which a person goes through one by one; a label that is taken becomes an edit of its row.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hone_core::config::{MadeCopies, ReadOptions, RowEdits, Split};
use hone_core::data::{RowFilter, RowId, RowQuery, RowView};
use hone_core::session::protocol::{Command, Problem, Reply, Weights};
use hone_core::task::{HeadKind, LabelError, LabelErrors, QuickBaseline, Task};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::origin::{Beside, Origin as RunOrigin};
use super::rows::set_cells;
use super::run::RunState;
use super::{Step, Store, unexpected};
use crate::browser::FileIdentity;

/// Rows that are shown at most; each is looked at by a person.
const MAX_SHOWN: usize = 200;

/// Folds whose rows tell each other's labels.
const NUM_FOLDS: usize = 5;

/// What is being learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learning {
    /// The quick baseline.
    Baseline,
    /// Rows whose labels may be wrong: by the probabilities of a run, or else by the other rows.
    Errors(Option<u32>),
}

/// Model and files that something was learned of, and how these are read, whatever rows are edited: a label that is suggested belongs
/// into the column that labels were read from.
type Origin = (Option<String>, [Option<FileIdentity>; 3], Task, ReadOptions);

/// Rows whose labels may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundErrors {
    pub found: LabelErrors,
    /// The run whose probabilities told them; `None` where rows of other folds did.
    pub by_run: Option<u32>,
    /// Those that are shown, each with what is in it where rows can be looked through.
    pub shown: Vec<(LabelError, Option<RowView>)>,
}

/// Signals of what is learned of labels.
#[derive(Clone, Copy)]
pub(crate) struct LabelCheckState {
    pub learning: RwSignal<Option<Learning>>,
    baseline: RwSignal<Option<(Origin, Arc<QuickBaseline>)>>,
    found: RwSignal<Option<(Origin, Arc<FoundErrors>)>>,
    /// Rows whose labels the person left as they are.
    pub kept: RwSignal<HashSet<RowId>>,
    /// The row that keys act on, by its place in the list.
    pub active: RwSignal<usize>,
    /// Why the label that is suggested could not be taken.
    pub refused: RwSignal<Option<String>>,
}

/// The row that an error is of.
pub(crate) fn id_of(error: &LabelError) -> RowId {
    RowId { file: error.file, row: error.row }
}

/// The next row after `from` that nobody decided on, from the first again after the last; `None` where there is none.
pub(crate) fn next_undecided(from: usize, is_decided: &[bool]) -> Option<usize> {
    let count = is_decided.len();
    (1..=count).map(|step| (from + step) % count).find(|&index| !is_decided[index])
}

/// Where rows are read for a task, whatever is edited or copied of them.
fn origin_of(model: Option<String>, files: [Option<FileIdentity>; 3], task: Task, read: &ReadOptions) -> Origin {
    let (edits, copies) = (RowEdits::default(), MadeCopies::default()); // neither changes what is looked at
    (model, files, task, ReadOptions { edits, copies, ..read.clone() })
}

/// The number of a run that learned one task from the rows that there are now; `None` of any other.
fn run_on(run: &RunOrigin, now: &Origin) -> Option<u32> {
    let made_of = &run.made_of;
    let then = origin_of(Some(run.model.clone()), made_of.files.clone(), run.task, &made_of.read);
    (then == *now && made_of.beside == Beside::default()).then_some(run.number)
}

/// Whether what is in a row is what a run was given of it: it still has that label, or a cell was edited.
fn is_as_given(error: &LabelError, cells: &[String], label_column: Option<usize>, edits: &RowEdits) -> bool {
    let label = label_column.and_then(|column| cells.get(column));
    let is_edited = || edits.of_file(error.file).get(&error.row).is_some_and(|row| !row.cells.is_empty());
    label.is_some_and(|label| label.trim() == error.label.trim()) || is_edited()
}

/// Rows that have the label that is suggested for them, by edits.
fn accepted(errors: &[(LabelError, Option<RowView>)], edits: &RowEdits, column: &str) -> BTreeSet<RowId> {
    let files = [Split::Train, Split::Valid, Split::Test].map(|file| edits.of_file(file));
    let is_accepted = |error: &LabelError| {
        let edited = files[error.file.index()].get(&error.row);
        let cell = edited.and_then(|row| row.cells.iter().find(|cell| cell.column == column));
        cell.is_some_and(|cell| cell.value == error.suggested)
    };
    errors.iter().filter(|(error, _)| is_accepted(error)).map(|(error, _)| id_of(error)).collect()
}

impl LabelCheckState {
    pub(super) fn new() -> Self {
        Self {
            learning: RwSignal::new(None),
            baseline: RwSignal::new(None),
            found: RwSignal::new(None),
            kept: RwSignal::new(HashSet::new()),
            active: RwSignal::new(0),
            refused: RwSignal::new(None),
        }
    }
}

impl Store {
    /// Whether something can be learned of the labels of the rows that were read: they have one each, and the loaded model makes
    /// vectors of them.
    pub(crate) fn can_learn_labels(self) -> bool {
        let task = self.data.task.get();
        let makes_vectors = self.model.info.with(|info| {
            let makes = |kind: HeadKind| {
                info.as_ref().is_some_and(|info| info.tasks.iter().any(|task| task.spec().head == kind))
            };
            if task.spec().head == HeadKind::Image { makes(HeadKind::Image) } else { makes(HeadKind::Pooled) }
        });
        makes_vectors && task.spec().gives_one_label() && self.data.report.with(Option::is_some)
    }

    /// What was measured of the loaded model and the chosen files.
    pub(crate) fn quick_baseline(self) -> Option<Arc<QuickBaseline>> {
        let origin = self.origin_of_labels();
        self.label_check
            .baseline
            .with(|kept| kept.as_ref().filter(|(of, _)| *of == origin).map(|(_, found)| Arc::clone(found)))
    }

    /// What was found of the loaded model and the chosen files.
    pub(crate) fn label_errors(self) -> Option<Arc<FoundErrors>> {
        let origin = self.origin_of_labels();
        self.label_check
            .found
            .with(|kept| kept.as_ref().filter(|(of, _)| *of == origin).map(|(_, found)| Arc::clone(found)))
    }

    /// Rows of the list that have the label that is suggested for them.
    pub(crate) fn accepted_labels(self, errors: &FoundErrors) -> BTreeSet<RowId> {
        let column = self.row_source().and_then(|source| {
            let place = source.label_column()?;
            source.columns.get(place).map(|(name, _)| name.clone())
        });
        column.map_or_else(BTreeSet::new, |column| {
            self.data.read.with(|read| accepted(&errors.shown, &read.edits, &column))
        })
    }

    fn origin_of_labels(self) -> Origin {
        let model = self.model.info.with(|info| info.as_ref().map(|info| info.source.name().to_owned()));
        let (files, task) = (self.data.identities(), self.data.task.get());
        self.data.read.with(|read| origin_of(model, files, task, read))
    }

    /// The run that can tell which labels may be wrong: one that is over, of these rows, which have one label each.
    pub(crate) fn run_that_tells_labels(self) -> Option<u32> {
        let has_labels = self.data.task.get().spec().gives_one_label() && self.data.report.with(Option::is_some);
        if !has_labels || !self.run.with(RunState::is_finished) {
            return None;
        }
        let now = self.origin_of_labels();
        self.started.with(|started| run_on(&started.as_ref()?.origin, &now))
    }

    /// Measures what can be told without training.
    pub(crate) fn measure_quick_baseline(self) {
        self.learn(Learning::Baseline, Command::QuickBaseline { split: Split::Valid });
    }

    /// Seeks rows whose labels may be wrong.
    pub(crate) fn find_label_errors(self) {
        self.learn(Learning::Errors(None), Command::FindLabelErrors { num_folds: Some(NUM_FOLDS) });
    }

    /// Seeks them by what the run says of the rows that it did not learn from.
    pub(crate) fn find_label_errors_of_run(self) {
        let Some(run) = untrack(|| self.run_that_tells_labels()) else { return };
        self.learn(Learning::Errors(Some(run)), Command::FindLabelErrors { num_folds: None });
    }

    /// Ends what is being learned.
    pub(crate) fn stop_learning_labels(self) {
        self.client().send(Command::StopLearningLabels, Vec::new(), |_| {});
    }

    fn learn(self, what: Learning, command: Command) {
        let check = self.label_check;
        if check.learning.get_untracked().is_some() || untrack(|| self.activity()).is_some() {
            return;
        }
        self.dismiss(Step::Data);
        check.learning.set(Some(what));
        spawn_local(async move {
            let origin = untrack(|| self.origin_of_labels());
            let by_run = if let Learning::Errors(run) = what { run } else { None };
            let weights = if by_run.is_some() { Weights::Tuned } else { Weights::Base };
            let answer = self.ask_to_measure(weights, command, Vec::new()).await;
            let problem: Option<Problem> = match answer {
                Ok((Reply::QuickBaseline { baseline }, _)) => {
                    check.baseline.set(Some((origin, Arc::new(*baseline))));
                    None
                }
                Ok((Reply::LabelErrors { found }, _)) => {
                    let shown = self.with_rows(&found, by_run.is_some()).await;
                    check.kept.set(HashSet::new());
                    check.active.set(0);
                    check.refused.set(None);
                    check.found.set(Some((origin, Arc::new(FoundErrors { found: *found, by_run, shown }))));
                    None
                }
                Ok((Reply::Done, _)) => None, // it was ended
                Ok((other, _)) => Some(unexpected(&other)),
                Err(problem) => Some(problem),
            };
            check.learning.set(None);
            if let Some(problem) = problem {
                self.report(Step::Data, problem);
            }
        });
    }

    /// The first rows that were found with what is in them. Of a run's rows, which were read before it began, only where that is the same
    /// still: a label would be given to another row.
    async fn with_rows(self, found: &LabelErrors, are_of_run: bool) -> Vec<(LabelError, Option<RowView>)> {
        let errors = &found.errors[..found.errors.len().min(MAX_SHOWN)];
        let mut views: HashMap<RowId, RowView> = HashMap::new();
        let mut label_column = None;
        if let Some(source) = untrack(|| self.row_source()).filter(|_| !errors.is_empty()) {
            label_column = source.label_column();
            let filter = RowFilter { rows: Some(errors.iter().map(id_of).collect()), ..RowFilter::default() };
            let query = RowQuery { count: MAX_SHOWN, filter, ..RowQuery::default() };
            let edits = Some(self.data.read.with_untracked(|read| read.edits.clone()));
            let answer = self.request(Command::RowsWindow { source, query, edits }, Vec::new()).await;
            if let Ok((Reply::Rows { window }, _)) = answer {
                views.extend(window.rows.into_iter().map(|row| (row.id, row)));
            }
        }
        let with_row = |error: &LabelError| {
            let view = views.remove(&id_of(error)).filter(|view| {
                let is_same =
                    || self.data.read.with_untracked(|read| is_as_given(error, &view.cells, label_column, &read.edits));
                !are_of_run || is_same()
            });
            (error.clone(), view)
        };
        errors.iter().map(with_row).collect()
    }

    /// Gives the active row the label that is suggested for it, and goes to the next that nobody decided on.
    pub(crate) fn accept_label(self) {
        let Some((errors, index)) = self.active_error() else { return };
        let (error, Some(view)) = &errors.shown[index] else { return };
        let source = untrack(|| self.row_source()).filter(|_| untrack(|| self.can_edit_rows()));
        let Some((source, column)) = source.and_then(|source| source.label_column().map(|column| (source, column)))
        else {
            return;
        };
        let mut edits = Vec::new();
        if !untrack(|| self.accepted_labels(&errors)).contains(&id_of(error)) {
            let mut values = view.cells.clone();
            values[column].clone_from(&error.suggested);
            edits = set_cells(&source, view, &values);
        }
        if let Err(reason) = self.try_edit_rows(edits) {
            return self.label_check.refused.set(Some(reason));
        }
        self.label_check.refused.set(None);
        self.label_check.kept.update(|kept| {
            kept.remove(&id_of(error));
        });
        self.go_to_undecided(&errors, index);
    }

    /// Leaves the active row as it is, and goes to the next that nobody decided on.
    pub(crate) fn keep_label(self) {
        let Some((errors, index)) = self.active_error() else { return };
        self.label_check.refused.set(None);
        self.label_check.kept.update(|kept| {
            kept.insert(id_of(&errors.shown[index].0));
        });
        self.go_to_undecided(&errors, index);
    }

    fn active_error(self) -> Option<(Arc<FoundErrors>, usize)> {
        let errors = untrack(|| self.label_errors())?;
        let index = self.label_check.active.get_untracked();
        (index < errors.shown.len()).then_some((errors, index))
    }

    fn go_to_undecided(self, errors: &FoundErrors, from: usize) {
        let accepted = untrack(|| self.accepted_labels(errors));
        let is_decided = self.label_check.kept.with_untracked(|kept| {
            let is_decided = |id: RowId| kept.contains(&id) || accepted.contains(&id);
            errors.shown.iter().map(|(error, _)| is_decided(id_of(error))).collect::<Vec<bool>>()
        });
        if let Some(next) = next_undecided(from, &is_decided) {
            self.label_check.active.set(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::RowEdit;

    use super::*;

    fn error(row: usize) -> (LabelError, Option<RowView>) {
        let (file, split, index) = (Split::Train, Split::Train, Some(0));
        let (label, suggested) = ("a".to_owned(), "b".to_owned());
        let (self_confidence, confidence, normalized_margin) = (0.1, 0.9, 0.1);
        let error =
            LabelError { file, row, split, index, label, suggested, self_confidence, confidence, normalized_margin };
        (error, None)
    }

    #[test]
    fn the_next_row_that_nobody_decided_on_comes_after_the_last_from_the_first_again() {
        assert_eq!(next_undecided(0, &[true, false, false]), Some(1));
        assert_eq!(next_undecided(2, &[false, true, true]), Some(0));
        assert_eq!(next_undecided(1, &[true, true]), None);
        assert_eq!(next_undecided(0, &[]), None);
    }

    #[test]
    fn a_run_tells_of_the_rows_that_it_was_of_whatever_was_edited_since() {
        let read = |column: &str, log: Vec<RowEdit>| ReadOptions {
            label_column: Some(column.into()),
            edits: RowEdits { log },
            ..ReadOptions::default()
        };
        let made_of = super::super::origin::MadeOf {
            run: None,
            changes: None,
            read: read("label", Vec::new()),
            files: [None, None, None],
            beside: Beside::default(),
        };
        let task = Task::SequenceClassification;
        let run = RunOrigin { number: 2, model: "m".into(), task, file: "x.csv".into(), made_of };
        let now = |model: &str, read: &ReadOptions| origin_of(Some(model.into()), [None, None, None], task, read);
        let set =
            RowEdit::SetCell { file: Split::Train, row: 3, column: "label".into(), was: "c".into(), value: "a".into() };
        let edited = read("label", vec![set]);
        assert_eq!(run_on(&run, &now("m", &edited)), Some(2));
        assert_eq!(run_on(&run, &now("m", &read("kind", Vec::new()))), None, "labels of another column");
        assert_eq!(run_on(&run, &now("other", &edited)), None);
        let mut of_two = run;
        of_two.made_of.beside.names = vec!["a".into(), "b".into()];
        assert_eq!(run_on(&of_two, &now("m", &edited)), None);

        let cells = ["some text".to_owned(), "a ".to_owned()];
        let (same, other) = (error(2).0, LabelError { label: "c".into(), ..error(2).0 });
        assert!(is_as_given(&same, &cells, Some(1), &RowEdits::default()));
        assert!(!is_as_given(&other, &cells, Some(1), &RowEdits::default()), "another row has this number now");
        assert!(is_as_given(&LabelError { row: 3, ..other }, &cells, Some(1), &edited.edits), "it was edited");
    }

    #[test]
    fn a_label_is_taken_while_its_edit_holds() {
        let set = |row: usize, was: &str, value: &str| RowEdit::SetCell {
            file: Split::Train,
            row,
            column: "label".into(),
            was: was.into(),
            value: value.into(),
        };
        let errors = [error(2), error(3), error(4)];
        let edits = RowEdits { log: vec![set(2, "a", "b"), set(3, "a", "c"), set(4, "a", "b"), set(4, "b", "a")] };
        let taken: Vec<usize> = accepted(&errors, &edits, "label").into_iter().map(|id| id.row).collect();
        assert_eq!(taken, [2], "3 has another label, and 4 has its own again");
        assert!(accepted(&errors, &edits, "text").is_empty());
    }
}
