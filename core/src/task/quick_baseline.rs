//! What a model can do in seconds, before any training: its vectors with logistic regression and nearest neighbours, beside always
//! answering with the most frequent label. What fine-tuning has to beat.
//!
//! In: rows with one label each, and their vectors. Out: [`QuickBaseline`], figures of the validation rows (or of another split), or of
//! the training rows in folds where there are none.

use serde::{Deserialize, Serialize};

use super::TaskRows;
use super::vector_rows::{LogisticRounds, NearestRounds, VectorRows};
use crate::data::{Split, generator, shuffle};
use crate::metrics::{Confusion, most_frequent};

/// Rows that teach, and rows that are asked, at most: the time of nearest neighbours grows with the product of the two.
const MAX_ROWS: usize = 4000;

/// Folds where no rows are held out.
const NUM_FOLDS: usize = 5;

/// Numbers of nearest rows that vote.
const NEIGHBOURS: [usize; 2] = [1, 5];

/// Stream of the seed that rows are drawn from.
const STREAM: u64 = 0x7175_6963;

/// How a label is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuickMethod {
    /// Always the label that most rows have.
    MajorityClass,
    /// That of the most similar row.
    Nearest1,
    /// That which most of the five most similar rows have.
    Nearest5,
    /// The likeliest by a logistic regression.
    LogisticRegression,
}

impl QuickMethod {
    /// In words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MajorityClass => "majority class",
            Self::Nearest1 => "nearest neighbour",
            Self::Nearest5 => "5 nearest neighbours",
            Self::LogisticRegression => "logistic regression",
        }
    }
}

/// Figures of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuickFigures {
    /// Which.
    pub method: QuickMethod,
    /// Share of rows that got their label.
    pub accuracy: f64,
    /// Unweighted mean of the labels' F1.
    pub macro_f1: f64,
    /// Seconds that it took, without those of the vectors.
    pub elapsed_secs: f64,
}

/// What can be told without training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuickBaseline {
    /// The rows that were asked for: where these are the training rows, they were shared out into folds.
    pub split: Split,
    /// Folds, where there were no other rows than those to train on.
    pub num_folds: Option<usize>,
    /// Rows that were asked.
    pub num_rows: usize,
    /// Rows that the split has.
    pub num_of_split: usize,
    /// Rows that teach; with folds those of all rounds together.
    pub num_examples: usize,
    /// Training rows that there are.
    pub num_train: usize,
    /// Seconds that the vectors took.
    pub vectors_secs: f64,
    /// A line for each method, the simplest first.
    pub methods: Vec<QuickFigures>,
}

/// Which rows teach, and which are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct QuickRows {
    /// Indices of training rows.
    examples: Vec<usize>,
    /// Indices of rows of `split`; none where the examples are shared out into folds.
    asked: Vec<usize>,
    split: Split,
    labels: Vec<usize>,
    num_classes: usize,
    num_of_split: usize,
    num_train: usize,
    names: Vec<String>,
    seed: u64,
}

impl QuickRows {
    /// Chooses rows: some thousands at most on both sides. Where `split` has no rows, or is that of training, the training rows ask
    /// each other. `None` where rows do not have one label each, or fewer than two of them could learn from each other.
    #[must_use]
    pub fn choose(rows: &dyn TaskRows, split: Split, seed: u64) -> Option<Self> {
        let train = rows.label_ids(Split::Train)?;
        let held_out = rows.label_ids(split).filter(|labels| split != Split::Train && !labels.is_empty());
        let least = if held_out.is_some() { 1 } else { 2 };
        if train.len() < least {
            return None;
        }
        let mut examples: Vec<usize> = (0..train.len()).collect();
        shuffle(&mut examples, &mut generator(seed, STREAM));
        examples.truncate(MAX_ROWS);
        let split = if held_out.is_some() { split } else { Split::Train };
        let num_of_split = held_out.as_ref().map_or(train.len(), Vec::len);
        let count = held_out.as_ref().map_or(0, Vec::len).min(MAX_ROWS);
        let asked: Vec<usize> = (0..count).map(|index| index * num_of_split / count).collect();
        let of_asked = asked.iter().filter_map(|&row| held_out.as_ref()?.get(row).copied());
        let labels = examples.iter().map(|&row| train[row]).chain(of_asked).collect();
        let (num_classes, num_train, names) = (rows.labels().len(), train.len(), rows.labels().to_vec());
        Some(Self { examples, asked, split, labels, num_classes, num_of_split, num_train, names, seed })
    }

    /// The rows whose vectors are needed, in their order.
    pub fn places(&self) -> impl Iterator<Item = (Split, usize)> {
        let examples = self.examples.iter().map(|&row| (Split::Train, row));
        examples.chain(self.asked.iter().map(|&row| (self.split, row)))
    }

    /// Begins to measure. Vectors stand one after the other, in the order of [`Self::places`].
    ///
    /// # Panics
    /// When there is not one for each.
    #[must_use]
    pub fn with_vectors(&self, vectors: Vec<f32>) -> QuickVectors<'_> {
        assert!(vectors.len().is_multiple_of(self.labels.len()), "each row has a vector");
        let (labels, count) = (self.labels.clone(), self.num_classes);
        let rows = match self.asked.is_empty() {
            true => VectorRows::in_folds(vectors, labels, count, (NUM_FOLDS, self.seed)),
            false => VectorRows::held_out(vectors, labels, count, self.examples.len()),
        };
        QuickVectors { chosen: self, rows }
    }
}

/// Rows with their vectors, to be measured.
#[derive(Debug)]
pub struct QuickVectors<'c> {
    chosen: &'c QuickRows,
    rows: VectorRows,
}

impl QuickVectors<'_> {
    /// Begins to measure.
    #[must_use]
    pub fn measure(&self) -> QuickMeasure<'_> {
        QuickMeasure {
            nearest: Some(NearestRounds::new(&self.rows, &NEIGHBOURS)),
            logistic: Some(LogisticRounds::new(&self.rows)),
            of: self,
            figures: Vec::new(),
            elapsed_secs: 0.0,
        }
    }
}

/// A measurement under way.
#[derive(Debug)]
pub struct QuickMeasure<'q> {
    of: &'q QuickVectors<'q>,
    nearest: Option<NearestRounds<'q>>,
    logistic: Option<LogisticRounds<'q>>,
    figures: Vec<QuickFigures>,
    /// Seconds of the method under way.
    elapsed_secs: f64,
}

impl QuickMeasure<'_> {
    /// Computes a part, which takes some hundredths of a second; `false` once all is measured. `now_secs` are seconds by any clock.
    pub fn advance(&mut self, now_secs: &dyn Fn() -> f64) -> bool {
        let begin = now_secs();
        if let Some(mut nearest) = self.nearest.take() {
            let goes_on = nearest.advance();
            self.elapsed_secs += now_secs() - begin;
            if goes_on {
                self.nearest = Some(nearest);
            } else {
                // Similarities, which take nearly all of the time, are computed once for both.
                for (method, predicted) in
                    [QuickMethod::Nearest1, QuickMethod::Nearest5].into_iter().zip(nearest.finish())
                {
                    self.add(method, &predicted);
                }
                self.elapsed_secs = 0.0;
            }
            return true;
        }
        let Some(mut logistic) = self.logistic.take() else { return false };
        let goes_on = logistic.advance();
        self.elapsed_secs += now_secs() - begin;
        if goes_on {
            self.logistic = Some(logistic);
            return true;
        }
        let probabilities = logistic.finish();
        let likeliest =
            |row: &[f64]| (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        let predicted: Vec<usize> =
            probabilities.chunks_exact(self.of.rows.num_classes().max(1)).map(likeliest).collect();
        self.add(QuickMethod::LogisticRegression, &predicted);
        false
    }

    /// What was measured; `vectors_secs` are the seconds that the vectors took.
    #[must_use]
    pub fn finish(mut self, vectors_secs: f64) -> QuickBaseline {
        self.elapsed_secs = 0.0;
        let rows = &self.of.rows;
        let mut always = vec![0; rows.labels().len()];
        for round in rows.rounds() {
            let label = most_frequent(round.taught_by.iter().map(|&row| rows.labels()[row])).unwrap_or(0);
            round.asked.iter().for_each(|&row| always[row] = label);
        }
        self.add(QuickMethod::MajorityClass, &always);
        self.figures.rotate_right(1); // the simplest first
        let QuickRows { split, num_of_split, num_train, examples, asked, .. } = self.of.chosen;
        QuickBaseline {
            split: *split,
            num_folds: asked.is_empty().then(|| rows.rounds().len()),
            num_rows: rows.rounds().iter().map(|round| round.asked.len()).sum(),
            num_of_split: *num_of_split,
            num_examples: examples.len(),
            num_train: *num_train,
            vectors_secs,
            methods: self.figures,
        }
    }

    /// Adds the figures of what a method says to each row.
    fn add(&mut self, method: QuickMethod, predicted: &[usize]) {
        let rows = &self.of.rows;
        let mut confusion = Confusion::new(&self.of.chosen.names);
        for &row in rows.rounds().iter().flat_map(|round| &round.asked) {
            confusion.add(rows.labels()[row], predicted[row]);
        }
        let found = confusion.finish(0.0);
        let (accuracy, macro_f1, elapsed_secs) = (found.accuracy, found.macro_f1, self.elapsed_secs);
        self.figures.push(QuickFigures { method, accuracy, macro_f1, elapsed_secs });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::texts::tests::{model, tokenizer};
    use super::super::vector_rows::two_groups;
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::{ReadOptions, RunConfig, SplitConfig};
    use crate::data::DataFiles;

    /// Forty rows of two labels, of which a share is held out.
    fn rows(task: Task, test_fraction: f64) -> Box<dyn TaskRows> {
        let row = |i: usize| format!("text number {i},{}\n", ["a", "b", "a"][i % 3]);
        let text = String::from("text,label\n") + &(0..40).map(row).collect::<String>();
        let files = &DataFiles { train: ("x.csv".into(), text.into_bytes()), ..DataFiles::default() }.into();
        let split = SplitConfig { valid_fraction: 0.0, test_fraction };
        let (read, run, tokenizer) =
            (&ReadOptions::default(), &RunConfig { split, ..RunConfig::default() }, tokenizer());
        let request = ReadRequest::to_train(files, read, run);
        task.read(&request).expect("good rows").prepare(&model(&tokenizer), run).expect("enough rows")
    }

    fn measured(chosen: &QuickRows) -> QuickBaseline {
        let vectors = chosen.with_vectors(two_groups(&chosen.labels));
        let mut measure = vectors.measure();
        let ticks = Cell::new(0.0);
        let now = || {
            ticks.set(ticks.get() + 1.0);
            ticks.get()
        };
        while measure.advance(&now) {}
        measure.finish(2.5)
    }

    #[test]
    fn held_out_rows_are_told_by_training_rows() {
        let rows = rows(Task::SequenceClassification, 0.25);
        let chosen = QuickRows::choose(rows.as_ref(), Split::Test, 7).expect("rows have labels");
        assert_eq!(chosen.places().count(), 40);
        let found = measured(&chosen);
        assert_eq!((found.split, found.num_folds, found.num_rows, found.num_examples), (Split::Test, None, 10, 30));
        assert_eq!((found.num_of_split, found.num_train, found.vectors_secs), (10, 30, 2.5));
        let methods: Vec<QuickMethod> = found.methods.iter().map(|figures| figures.method).collect();
        use QuickMethod::{LogisticRegression, MajorityClass, Nearest1, Nearest5};
        assert_eq!(methods, [MajorityClass, Nearest1, Nearest5, LogisticRegression]);
        assert!(found.methods[0].accuracy < 0.8 && found.methods[0].elapsed_secs == 0.0, "{found:?}");
        assert!(found.methods[1..].iter().all(|figures| figures.accuracy == 1.0 && figures.macro_f1 == 1.0));
        assert!(found.methods[1..].iter().all(|figures| figures.elapsed_secs > 0.0));
        let json = serde_json::to_string(&found).expect("plain values");
        assert_eq!(serde_json::from_str::<QuickBaseline>(&json).expect("its own JSON"), found);
    }

    #[test]
    fn without_held_out_rows_training_rows_tell_each_other_in_folds() {
        let rows = rows(Task::SequenceClassification, 0.0);
        let chosen = QuickRows::choose(rows.as_ref(), Split::Valid, 7).expect("rows have labels");
        let found = measured(&chosen);
        assert_eq!((found.split, found.num_folds, found.num_rows), (Split::Train, Some(5), 40));
        assert!(found.methods[3].accuracy == 1.0 && found.methods[0].accuracy < 0.8, "{found:?}");
    }

    #[test]
    fn rows_without_one_label_each_have_no_baseline() {
        let rows = rows(Task::SentenceEmbedding, 0.25);
        assert_eq!(QuickRows::choose(rows.as_ref(), Split::Test, 1), None);
    }
}
