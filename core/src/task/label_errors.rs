//! Rows whose labels may be wrong: by probabilities that a model gives which did not see the row.
//!
//! In: rows with one label each and their vectors, from which a logistic regression on the other folds tells each row's label
//! ([`LabelErrorRows`]); or probabilities of a trained run ([`label_errors_of`], [`label_errors_of_run`]). Out: [`LabelErrors`], a list to
//! be looked through by a person, the least likely labels first.

use serde::{Deserialize, Serialize};

use super::vector_rows::{LogisticRounds, VectorRows};
use super::{RowPredictions, TaskRows};
use crate::data::Split;
use crate::metrics::{LabelErrorFilter, SuspectLabel, confident_joint, find_label_errors, num_estimated_errors};
use crate::words::plural;

/// Labels that are named where several can't be judged.
const MAX_NAMED: usize = 5;

/// What probabilities of one run are worth.
const OF_ONE_RUN: &str = "these probabilities are of one run and not cross-validated: rows that it learned from are left out, and its \
    weights were chosen by the validation rows, so that it may believe their labels more than it should";

/// A row whose label may be wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelError {
    /// The file that it stands in: that of training rows, or an own file of another split.
    pub file: Split,
    /// Row number in that file.
    pub row: usize,
    /// The split that it is used in.
    pub split: Split,
    /// Index in that split; `None` where the rows themselves were not read.
    pub index: Option<usize>,
    /// The label that it has.
    pub label: String,
    /// The label that it more likely has.
    pub suggested: String,
    /// Probability of the label that it has.
    pub self_confidence: f64,
    /// Probability of the one that is suggested.
    pub confidence: f64,
    /// From 0 (wrong for certain) to 1.
    pub normalized_margin: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelErrors {
    /// Rows that were looked at.
    pub num_rows: usize,
    /// Folds that told each other's labels; `None` where the probabilities are those of a run.
    pub num_folds: Option<usize>,
    /// How many labels seem to be wrong, by the counts alone.
    pub num_estimated: usize,
    /// The rows, those whose labels are least likely first.
    pub errors: Vec<LabelError>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// Probabilities of rows, each by a model that did not see the row.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// Names of the labels.
    pub names: Vec<String>,
    /// Numbers of the rows in their files.
    pub rows: Vec<usize>,
    /// The label of each, as a place among the names.
    pub labels: Vec<usize>,
    /// Row after row, one a name.
    pub probabilities: Vec<f64>,
}

/// The rows of all splits, each with one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelErrorRows {
    /// Split and index.
    places: Vec<(Split, usize)>,
    /// File and number.
    ids: Vec<(Split, usize)>,
    labels: Vec<usize>,
    names: Vec<String>,
    num_folds: usize,
    seed: u64,
}

impl LabelErrorRows {
    /// All rows of the three splits. `has_own_file` says whether the validation rows, and the test rows, come from a file of their own.
    /// `None` where rows do not have one label each, or there are fewer rows than folds.
    #[must_use]
    pub fn choose(rows: &dyn TaskRows, has_own_file: [bool; 2], (num_folds, seed): (usize, u64)) -> Option<Self> {
        let (mut places, mut ids, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for split in Split::ALL {
            let file = split.usual_file(has_own_file);
            for (index, label) in rows.label_ids(split)?.into_iter().enumerate() {
                places.push((split, index));
                ids.push((file, rows.row_number(split, index)));
                labels.push(label);
            }
        }
        let names = rows.labels().to_vec();
        (labels.len() >= num_folds.max(2)).then_some(Self { places, ids, labels, names, num_folds, seed })
    }

    /// The rows whose vectors are needed, in their order.
    #[must_use]
    pub fn places(&self) -> &[(Split, usize)] {
        &self.places
    }

    /// Begins to learn from vectors, which stand one after the other in the order of [`Self::places`].
    ///
    /// # Panics
    /// When there is not one for each.
    #[must_use]
    pub fn with_vectors(&self, vectors: Vec<f32>) -> LabelErrorVectors<'_> {
        assert!(vectors.len().is_multiple_of(self.labels.len()), "each row has a vector");
        let folds = (self.num_folds, self.seed);
        LabelErrorVectors {
            chosen: self,
            rows: VectorRows::in_folds(vectors, self.labels.clone(), self.names.len(), folds),
        }
    }
}

/// Rows with their vectors.
#[derive(Debug)]
pub struct LabelErrorVectors<'c> {
    chosen: &'c LabelErrorRows,
    rows: VectorRows,
}

impl LabelErrorVectors<'_> {
    /// Begins to learn.
    #[must_use]
    pub fn learn(&self) -> LabelErrorSearch<'_> {
        LabelErrorSearch { of: self, logistic: LogisticRounds::new(&self.rows) }
    }
}

/// A search under way.
#[derive(Debug)]
pub struct LabelErrorSearch<'s> {
    of: &'s LabelErrorVectors<'s>,
    logistic: LogisticRounds<'s>,
}

impl LabelErrorSearch<'_> {
    /// A part of a fit; `false` once all folds are learned from.
    pub fn advance(&mut self) -> bool {
        self.logistic.advance()
    }

    /// Folds that are done, and all of them.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.logistic.num_done(), self.of.rows.rounds().len())
    }

    /// What was found, and the probabilities that it was found by.
    #[must_use]
    pub fn finish(self) -> (LabelErrors, OutOfFold) {
        let LabelErrorRows { places, ids, labels, names, num_folds, .. } = self.of.chosen;
        let probabilities = self.logistic.finish();
        let name = |found: &SuspectLabel| {
            let ((split, index), (file, row)) = (places[found.row], ids[found.row]);
            (file, row, split, Some(index))
        };
        let found = collect(labels, &probabilities, names, Some(*num_folds), name);
        let rows = ids.iter().map(|(_, row)| *row).collect();
        (found, OutOfFold { names: names.clone(), rows, labels: labels.clone(), probabilities })
    }
}

/// The same by given probabilities: of rows with their numbers and labels, which are places among `names`; probabilities stand row after
/// row, one a name.
///
/// # Panics
/// When there is not a number and a label for each row, or not a probability for each of its names.
#[must_use]
pub fn label_errors_of(rows: &[usize], labels: &[usize], probabilities: &[f64], names: &[String]) -> LabelErrors {
    assert_eq!(rows.len(), labels.len(), "each row has a label");
    let name = |found: &SuspectLabel| (Split::Train, rows[found.row], Split::Train, None);
    collect(labels, probabilities, names, None, name)
}

/// The same by what a run predicted for rows that it did not learn from, all those of each split. `names` are its labels;
/// `has_own_file` says whether the validation rows, and the test rows, come from a file of their own. `None` where rows do not have one
/// label each.
#[must_use]
pub fn label_errors_of_run(
    held_out: &[(Split, RowPredictions)],
    names: &[String],
    has_own_file: [bool; 2],
) -> Option<LabelErrors> {
    let (mut places, mut labels, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
    for (split, predictions) in held_out {
        let file = split.usual_file(has_own_file);
        for (index, (row, label, given)) in label_probabilities(predictions)?.into_iter().enumerate() {
            places.push((file, row, *split, Some(index)));
            labels.push(label);
            probabilities.extend(given.iter().copied().map(f64::from));
        }
    }
    let name = |found: &SuspectLabel| places[found.row];
    let mut found = collect(&labels, &probabilities, names, None, name);
    found.notes.insert(0, OF_ONE_RUN.to_owned());
    Some(found)
}

/// Number, label and probabilities of each row; `None` where rows do not have one label each.
fn label_probabilities(rows: &RowPredictions) -> Option<Vec<(usize, usize, &[f32])>> {
    match rows {
        RowPredictions::SequenceClassification(rows) => {
            Some(rows.iter().map(|row| (row.row, row.label, row.probabilities.as_slice())).collect())
        }
        RowPredictions::ImageClassification(rows) => {
            Some(rows.iter().map(|row| (row.row, row.label, row.probabilities.as_slice())).collect())
        }
        _ => None,
    }
}

fn collect(
    labels: &[usize],
    probabilities: &[f64],
    names: &[String],
    num_folds: Option<usize>,
    name: impl Fn(&SuspectLabel) -> (Split, usize, Split, Option<usize>),
) -> LabelErrors {
    let found = find_label_errors(labels, probabilities, names.len(), LabelErrorFilter::default());
    let error = |suspect: &SuspectLabel| {
        let (file, row, split, index) = name(suspect);
        LabelError {
            file,
            row,
            split,
            index,
            label: names[labels[suspect.row]].clone(),
            suggested: names[suspect.suggested].clone(),
            self_confidence: suspect.self_confidence,
            confidence: suspect.confidence,
            normalized_margin: suspect.normalized_margin(),
        }
    };
    LabelErrors {
        num_rows: labels.len(),
        num_folds,
        num_estimated: num_estimated_errors(&confident_joint(labels, probabilities, names.len())),
        errors: found.iter().map(error).collect(),
        notes: note_on_rare(labels, names).into_iter().collect(),
    }
}

/// Labels of a single row, which can't be learned from the others.
fn note_on_rare(labels: &[usize], names: &[String]) -> Option<String> {
    let mut counts = vec![0_usize; names.len()];
    labels.iter().for_each(|&label| counts[label] += 1);
    let rare: Vec<&str> =
        names.iter().zip(&counts).filter(|(_, count)| **count == 1).map(|(name, _)| name.as_str()).collect();
    let shown = rare[..rare.len().min(MAX_NAMED)].join(", ");
    let and_more = if rare.len() > MAX_NAMED { ", …" } else { "" };
    let what = plural(rare.len(), "label");
    let has = if rare.len() == 1 { "has" } else { "have" };
    (!rare.is_empty()).then(|| format!("{what} {has} one row only, which can't be judged by others: {shown}{and_more}"))
}

#[cfg(test)]
mod tests {
    use super::super::texts::tests::{model, tokenizer};
    use super::super::vector_rows::two_groups;
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::{ReadOptions, RunConfig, SplitConfig};
    use crate::data::DataFiles;

    /// Rows of two groups, of which these have the label of the other.
    const WRONG: [usize; 3] = [4, 17, 30];

    fn truth(row: usize) -> usize {
        row % 2
    }

    fn rows() -> Box<dyn TaskRows> {
        let row =
            |i: usize| format!("text number {i},{}\n", ["a", "b"][(truth(i) + usize::from(WRONG.contains(&i))) % 2]);
        let text = String::from("text,label\n") + &(0..60).map(row).collect::<String>();
        let files = &DataFiles { train: ("x.csv".into(), text.into_bytes()), ..DataFiles::default() }.into();
        let split = SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 };
        let (read, run, tokenizer) =
            (&ReadOptions::default(), &RunConfig { split, ..RunConfig::default() }, tokenizer());
        let read_rows = Task::SequenceClassification.read(&ReadRequest::to_train(files, read, run)).expect("good rows");
        read_rows.prepare(&model(&tokenizer), run).expect("enough rows")
    }

    #[test]
    fn rows_with_the_label_of_the_other_group_are_found_in_every_split() {
        let rows = rows();
        let chosen = LabelErrorRows::choose(rows.as_ref(), [false; 2], (5, 7)).expect("rows have labels");
        assert_eq!(chosen.places().len(), 60);
        let first = chosen.ids.iter().map(|&(_, row)| row).min().expect("there are rows");
        let truths: Vec<usize> = chosen.ids.iter().map(|&(_, row)| truth(row - first)).collect();
        let vectors = chosen.with_vectors(two_groups(&truths));
        let mut search = vectors.learn();
        while search.advance() {}
        assert_eq!(search.progress(), (5, 5));
        let (found, used) = search.finish();
        assert_eq!((found.num_rows, found.num_folds, used.probabilities.len()), (60, Some(5), 120));
        assert_eq!((used.names.len(), used.rows.len(), used.labels.len()), (2, 60, 60));
        let mut numbers: Vec<usize> = found.errors.iter().map(|error| error.row).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, WRONG.map(|row| row + first), "{found:?}");
        assert!(found.errors.iter().all(|error| error.file == Split::Train && error.label != error.suggested));
        assert!(found.errors.iter().all(|error| error.confidence > 0.5 && error.normalized_margin < 0.5));
        let json = serde_json::to_string(&found).expect("plain values");
        assert_eq!(serde_json::from_str::<LabelErrors>(&json).expect("its own JSON"), found);
    }

    #[test]
    fn a_row_of_an_own_file_is_named_by_it() {
        let chosen = LabelErrorRows::choose(rows().as_ref(), [false, true], (5, 7)).expect("rows have labels");
        let pairs = chosen.places.iter().zip(&chosen.ids);
        assert!(pairs.into_iter().all(|((split, _), (file, _))| (*split == Split::Test) == (*file == Split::Test)));
        assert_eq!(LabelErrorRows::choose(rows().as_ref(), [false; 2], (61, 7)), None, "fewer rows than folds");
    }

    #[test]
    fn a_run_tells_of_rows_that_it_did_not_learn_from() {
        use super::super::sequence_classification::RowPrediction;

        let names = ["no", "yes"].map(str::to_owned);
        let predictions = |first: usize, rows: &[(usize, f32)]| {
            let row = |(index, &(label, yes)): (usize, &(usize, f32))| RowPrediction {
                row: first + index,
                text: String::new(),
                second: None,
                label,
                predicted: usize::from(yes > 0.5),
                probabilities: vec![1.0 - yes, yes],
            };
            RowPredictions::SequenceClassification(rows.iter().enumerate().map(row).collect())
        };
        let valid = predictions(10, &[(0, 0.125), (0, 0.25), (1, 0.875), (1, 0.75)]);
        let test = predictions(2, &[(1, 0.75), (0, 0.875), (0, 0.125)]);
        let held_out = [(Split::Valid, valid), (Split::Test, test)];
        let found = label_errors_of_run(&held_out, &names, [false, true]).expect("one label each");
        let places: Vec<_> =
            found.errors.iter().map(|error| (error.file, error.row, error.split, error.index)).collect();
        assert_eq!(places, [(Split::Test, 3, Split::Test, Some(1))], "{found:?}");
        assert_eq!((found.num_rows, found.num_folds), (7, None));
        assert!(found.notes[0].contains("not cross-validated"), "{:?}", found.notes);
        let in_one_file = label_errors_of_run(&held_out, &names, [false, false]).expect("one label each");
        assert_eq!(in_one_file.errors[0].file, Split::Train);
        let numbers = [(Split::Valid, RowPredictions::Regression(Vec::new()))];
        assert_eq!(label_errors_of_run(&numbers, &names, [false; 2]), None, "they have no labels");
    }

    #[test]
    fn given_probabilities_tell_the_same_way() {
        let names = ["no", "yes", "maybe"].map(str::to_owned);
        let labels = [0, 0, 0, 1, 1, 1, 2];
        let sure = |label: usize| if label == 0 { [0.9, 0.1, 0.0] } else { [0.1, 0.9, 0.0] };
        let probabilities: Vec<f64> = [0, 0, 1, 1, 1, 1, 1].into_iter().flat_map(sure).collect();
        let found = label_errors_of(&[2, 3, 4, 5, 6, 7, 8], &labels, &probabilities, &names);
        let first = &found.errors[0];
        assert_eq!((found.errors.len(), first.row, first.index), (1, 4, None));
        assert_eq!((first.label.as_str(), first.suggested.as_str()), ("no", "yes"));
        assert!((first.normalized_margin - 0.1).abs() < 1e-12);
        assert_eq!(found.notes, ["1 label has one row only, which can't be judged by others: maybe"]);
    }
}
