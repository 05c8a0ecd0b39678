//! What labels can be told without training: by the vectors of the model as it was loaded, a row has the label of the
//! nearest examples (few-shot), or that whose name is nearest (zero-shot).
//!
//! In: rows with one label each. Out: which of them are examples and which are to be labeled ([`FewShotRows`]), and, once
//! their vectors are there, how many got their label ([`FewShotReport`]).

use serde::{Deserialize, Serialize};

use super::{PredictRequest, Prediction, Predictor, TaskError, TaskInput, TaskModel, TaskRows, sentence_embedding};
use crate::config::RunConfig;
use crate::data::{Split, generator, shuffle};
use crate::metrics::{choose_few_shot, predict_nearest, predict_nearest_of};

/// Numbers of examples a label that are tried.
const SHOTS: [usize; 3] = [1, 5, 20];

/// So often examples are drawn; the accuracies are averaged.
const NUM_DRAWS: u64 = 3;

/// Examples, and rows to be labeled, at most: the time grows with the product of the two.
const MAX_ROWS: usize = 4000;

/// Nearest examples that vote, where there are so many of a label.
const MAX_NEIGHBOURS: usize = 5;

/// Stream of the seed that examples are drawn from.
const STREAM: u64 = 0x7368_6F74;

/// Shares of rows that got their label without training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShotReport {
    /// Rows that were labeled: all of the split, or some thousands spread over it.
    pub num_rows: usize,
    /// By the names of the labels alone; `None` where they are no words.
    pub zero_shot: Option<f64>,
    /// By the nearest examples, few of them first.
    pub shots: Vec<FewShot>,
}

/// With a number of examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShot {
    /// Examples of each label, or as many as there are; `None` where all are taken.
    pub per_label: Option<usize>,
    /// Examples in all.
    pub num_examples: usize,
    /// Share of rows that got their label; the mean of several draws.
    pub accuracy: f64,
}

/// Which rows are examples, and which are labeled by them.
#[derive(Debug)]
pub struct FewShotRows {
    /// Indices of training rows.
    examples: Vec<usize>,
    example_labels: Vec<usize>,
    /// Indices of rows of the split.
    rows: Vec<usize>,
    row_labels: Vec<usize>,
    /// The names of the labels as texts; none where they are no words.
    names: Vec<TaskInput>,
    seed: u64,
}

impl FewShotRows {
    /// Chooses examples from the training rows, and the rows of `split` that are labeled. `None` where rows do not have one
    /// label each, or there are none.
    #[must_use]
    pub fn choose(rows: &dyn TaskRows, split: Split, seed: u64) -> Option<Self> {
        let (train, labeled) = (rows.label_ids(Split::Train)?, rows.label_ids(split)?);
        if train.is_empty() || labeled.is_empty() {
            return None;
        }
        let mut examples: Vec<usize> = (0..train.len()).collect();
        shuffle(&mut examples, &mut generator(seed, STREAM));
        examples.truncate(MAX_ROWS);
        let num_rows = labeled.len().min(MAX_ROWS);
        let rows_to_label: Vec<usize> = (0..num_rows).map(|index| index * labeled.len() / num_rows).collect();
        let names: Option<Vec<TaskInput>> = rows.labels().iter().map(|label| name_of(label)).collect();
        Some(Self {
            example_labels: examples.iter().map(|&row| train[row]).collect(),
            examples,
            row_labels: rows_to_label.iter().map(|&row| labeled[row]).collect(),
            rows: rows_to_label,
            names: names.unwrap_or_default(),
            seed,
        })
    }

    /// Indices of the training rows that are examples.
    #[must_use]
    pub fn examples(&self) -> &[usize] {
        &self.examples
    }

    /// Indices of the rows of the split that are labeled.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Prepares to give vectors to the names of the labels.
    ///
    /// # Errors
    /// When the tokenizer fails on one.
    pub fn name_predictor(&self, model: TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn Predictor>, TaskError> {
        sentence_embedding::predictor(&PredictRequest { inputs: &self.names, labels: &[], model, run })
    }

    /// Labels the rows. Vectors stand one after the other, those of `examples` and `rows` in the order of these, and
    /// `names` are what [`Self::name_predictor`] gave.
    ///
    /// # Panics
    /// When there are not as many vectors as examples and rows.
    #[must_use]
    pub fn report(&self, examples: &[f32], rows: &[f32], names: Vec<Prediction>) -> FewShotReport {
        let dim = (rows.len() / self.rows.len().max(1)).max(1);
        let accuracy = |predicted: &[usize]| {
            let num_right =
                predicted.iter().zip(&self.row_labels).filter(|(predicted, label)| predicted == label).count();
            num_right as f64 / self.row_labels.len().max(1) as f64
        };
        let drawn: Vec<(Option<usize>, Vec<usize>)> = SHOTS
            .into_iter()
            .flat_map(|per_label| (0..NUM_DRAWS).map(move |draw| (per_label, draw)))
            .map(|(per_label, draw)| (Some(per_label), self.draw(per_label, draw)))
            // With as many as there are it is the last choice.
            .filter(|(_, chosen)| chosen.len() < self.examples.len())
            .chain([(None, (0..self.examples.len()).collect())])
            .collect();
        let neighbours = |per_label: Option<usize>| per_label.unwrap_or(MAX_NEIGHBOURS).min(MAX_NEIGHBOURS);
        let choices: Vec<(&[usize], usize)> =
            drawn.iter().map(|(per_label, chosen)| (chosen.as_slice(), neighbours(*per_label))).collect();
        let predicted = predict_nearest_of((examples, &self.example_labels), rows, dim, &choices);
        let mut shots: Vec<FewShot> = Vec::new();
        for per_label in SHOTS.into_iter().map(Some).chain([None]) {
            let of_shot = || drawn.iter().zip(&predicted).filter(|((own, _), _)| *own == per_label);
            let Some(((_, chosen), _)) = of_shot().next() else { continue };
            let mean = of_shot().map(|(_, predicted)| accuracy(predicted)).sum::<f64>() / of_shot().count() as f64;
            shots.push(FewShot { per_label, num_examples: chosen.len(), accuracy: mean });
        }
        let names: Vec<f32> = names.into_iter().flat_map(vector_of).collect();
        let zero_shot = (!names.is_empty()).then(|| {
            let ids: Vec<usize> = (0..names.len() / dim).collect();
            accuracy(&predict_nearest(&names, &ids, rows, dim, 1))
        });
        FewShotReport { num_rows: self.rows.len(), zero_shot, shots }
    }

    /// Draws examples of each label: positions among [`Self::examples`].
    fn draw(&self, per_label: usize, draw: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.examples.len()).collect();
        shuffle(&mut order, &mut generator(self.seed, STREAM + 1 + draw));
        choose_few_shot(&self.example_labels, &order, per_label)
    }
}

/// A label's name as a text: `card_arrival` is read as two words. `None` where it is a number, or `LABEL_0`.
fn name_of(label: &str) -> Option<TaskInput> {
    let is_numbered =
        label.strip_prefix("LABEL_").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let text = label.replace(['_', '-'], " ").trim().to_owned();
    (!is_numbered && text.contains(char::is_alphabetic)).then_some(TaskInput { text, second: None, image: None })
}

/// The vector of an answer; empty where it is none of vectors.
pub(super) fn vector_of(prediction: Prediction) -> Vec<f32> {
    match prediction {
        Prediction::SentenceEmbedding(prediction) => prediction.embedding,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sentence_embedding::Prediction as Vectors;
    use super::super::texts::tests::{model, tokenizer};
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::DataFiles;

    fn rows(task: Task, text: &str) -> Box<dyn TaskRows> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.25 };
        let (read, run, tokenizer) =
            (&ReadOptions::default(), &RunConfig { split, ..RunConfig::default() }, tokenizer());
        let request = ReadRequest::to_train(files, read, run);
        task.read(&request).expect("good rows").prepare(&model(&tokenizer), run).expect("enough rows")
    }

    /// Forty rows, thirty of them to train on.
    fn labeled(labels: [&str; 2]) -> String {
        let row = |i: usize| format!("text number {i},{}\n", labels[i % 2]);
        String::from("text,label\n") + &(0..40).map(row).collect::<String>()
    }

    #[test]
    fn rows_get_the_label_of_the_nearest_examples_and_of_the_nearest_name() {
        let rows = rows(Task::SequenceClassification, &labeled(["card_arrival", "top-up"]));
        let chosen = FewShotRows::choose(rows.as_ref(), Split::Test, 7).expect("rows have labels");
        assert_eq!((chosen.examples().len(), chosen.rows().len()), (30, 10));
        let names: Vec<&str> = chosen.names.iter().map(|name| name.text.as_str()).collect();
        assert_eq!(names, ["card arrival", "top up"]);
        let vectors = |labels: &[usize]| -> Vec<f32> {
            labels.iter().flat_map(|&label| if label == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect()
        };
        let name = |embedding: [f32; 2]| {
            Prediction::SentenceEmbedding(Vectors { embedding: embedding.to_vec(), similarity: None })
        };
        // The names are taken for each other's.
        let names = vec![name([0.1, 1.0]), name([1.0, 0.1])];
        let report = chosen.report(&vectors(&chosen.example_labels), &vectors(&chosen.row_labels), names);
        assert_eq!((report.num_rows, report.zero_shot), (10, Some(0.0)));
        let shots: Vec<(Option<usize>, usize, f64)> =
            report.shots.iter().map(|shot| (shot.per_label, shot.num_examples, shot.accuracy)).collect();
        assert_eq!(shots, [(Some(1), 2, 1.0), (Some(5), 10, 1.0), (None, 30, 1.0)], "twenty a label are all");
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<FewShotReport>(&json).expect("its own JSON"), report);
    }

    #[test]
    fn the_seed_alone_says_which_examples_are_drawn() {
        let rows = rows(Task::SequenceClassification, &labeled(["a", "b"]));
        let of = |seed: u64| FewShotRows::choose(rows.as_ref(), Split::Test, seed).expect("rows have labels");
        assert_eq!((of(1).examples, of(1).draw(5, 0)), (of(1).examples, of(1).draw(5, 0)));
        assert_ne!(of(1).examples, of(2).examples);
        assert_ne!(of(1).draw(5, 0), of(1).draw(5, 1));
    }

    #[test]
    fn numbers_are_no_names_and_other_rows_have_no_labels() {
        assert_eq!(name_of("5"), None);
        assert_eq!(name_of("LABEL_5"), None);
        assert_eq!(name_of("Spam").map(|name| name.text).as_deref(), Some("Spam"));
        let rows_of = |labels| rows(Task::SequenceClassification, &labeled(labels));
        let numbered = FewShotRows::choose(rows_of(["0", "1"]).as_ref(), Split::Test, 1).expect("rows have labels");
        assert!(numbered.names.is_empty());
        let texts = rows(Task::SentenceEmbedding, &labeled(["a", "b"]));
        assert!(FewShotRows::choose(texts.as_ref(), Split::Test, 1).is_none());
    }
}
