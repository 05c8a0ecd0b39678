//! Figures of vectors that were read back: the loss as in training, in f64 on the host; how high the right text stands
//! among all, how similarities follow scores, and what the nearest other texts say of a label.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::contrast::{Contrast, TextIndex, texts_of};
use super::draws::{FIGURES, NUM_SUMS, RECALLS, sums_of};
use super::read::TextSet;
use super::rows::Content;
use super::{EvaluationDetail, RowPrediction, RowShape};
use crate::data::{HostBatch, Outputs, Split, generator, shuffle};
use crate::metrics::{
    Figure, RowSums, add_intervals, add_number_intervals, cosine_similarity, evaluate_retrieval_of,
    evaluate_similarity, predict_among_others,
};
use crate::task::texts::{index_of, output_rows};
use crate::task::{self, Evaluation, Measure, RowPredictions};

/// Rows that are compared with each other, in one go: the time grows with the square of their number, and with vectors of
/// 384 numbers it is 900 million multiplications. An evaluation says how many there were.
const MAX_COMPARED: usize = 1500;

/// Nearest other texts that vote on a label.
const NUM_NEIGHBOURS: usize = 5;

/// Rows of a split on their way to figures.
pub(super) struct EmbeddingMeasure {
    rows: Rc<Content>,
    split: Split,
    vectors: Vectors,
    is_in_full: bool,
}

/// The vectors of each row's texts, one after the other; nothing for a row that was not measured.
struct Vectors {
    of_rows: Vec<Vec<f32>>,
    /// Numbers of a vector.
    dim: usize,
}

impl Vectors {
    fn get(&self, (row, text): TextIndex) -> &[f32] {
        self.of_rows[row].get(text * self.dim..(text + 1) * self.dim).unwrap_or_default()
    }

    /// Vectors of texts, one after the other.
    fn collect(&self, texts: impl Iterator<Item = TextIndex>) -> Vec<f32> {
        texts.flat_map(|text| self.get(text).iter().copied()).collect()
    }

    /// Their cosine: vectors are of length 1.
    fn similarity(&self, left: TextIndex, right: TextIndex) -> f64 {
        self.get(left).iter().zip(self.get(right)).map(|(&left, &right)| f64::from(left) * f64::from(right)).sum()
    }

    fn sum(&self, texts: impl Iterator<Item = TextIndex>) -> Vec<f64> {
        let mut sum = vec![0.0; self.dim];
        for text in texts {
            sum.iter_mut().zip(self.get(text)).for_each(|(sum, &number)| *sum += f64::from(number));
        }
        sum
    }
}

impl EmbeddingMeasure {
    pub(super) fn new(rows: Rc<Content>, split: Split) -> Self {
        let of_rows = vec![Vec::new(); rows.rows(split).len()];
        Self { rows, split, vectors: Vectors { of_rows, dim: 0 }, is_in_full: false }
    }

    fn sets(&self) -> &[TextSet] {
        self.rows.rows(self.split)
    }

    /// The mean of the losses of batches as a run has them, and the loss of each row; none where the pairs of a batch have one
    /// together. Which rows share a batch is always the same.
    fn loss(&self, measured: &[usize]) -> (f64, HashMap<usize, f64>) {
        let (shape, rows, vectors) = (self.rows.dataset.shape, self.sets(), &self.vectors);
        let mut order = measured.to_vec();
        // Files are often sorted by what is to be told apart.
        shuffle(&mut order, &mut generator(0, 0));
        let num_batches = order.len().div_ceil(self.rows.batch_size.max(2)).max(1);
        let batches = (0..num_batches)
            .map(|index| &order[index * order.len() / num_batches..(index + 1) * order.len() / num_batches]);
        if shape == RowShape::ScoredPairs {
            let loss = |batch: &[usize]| {
                let scored = batch.iter().map(|&row| {
                    let cosine = vectors.similarity((row, 0), (row, 1));
                    (f64::from(rows[row].score.unwrap_or(0.0)), cosine * self.rows.scale)
                });
                cosent(&scored.collect::<Vec<_>>())
            };
            return (batches.map(loss).sum::<f64>() / num_batches as f64, HashMap::new());
        }
        let partners = &self.rows.partners[index_of(self.split)];
        let mut losses = Vec::with_capacity(order.len());
        for batch in batches {
            let contrast = Contrast::new(shape, rows, batch, |row| partners.next(row, rows[row].label));
            losses.extend(in_batch_losses(&contrast, vectors, &contrast.ignored(rows), self.rows.scale));
        }
        let mean = losses.iter().sum::<f64>() / order.len().max(1) as f64;
        (mean, order.iter().copied().zip(losses).collect())
    }

    /// How high the second text of each row stands among all second texts but those that belong to the same first text, too.
    fn rank(&self, compared: &[usize], found: &mut HashMap<usize, RowPrediction>, figures: &mut Vec<Figure>) {
        let (rows, vectors) = (self.sets(), &self.vectors);
        // Rows may share a second text, which then is right for all of them.
        let mut documents: Vec<usize> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut own = Vec::with_capacity(compared.len());
        let mut known_queries: HashMap<&str, usize> = HashMap::new();
        let mut texts = Vec::with_capacity(compared.len());
        for &row in compared {
            let next = known_queries.len();
            texts.push(*known_queries.entry(rows[row].texts[0].as_str()).or_insert(next));
            let index = *known.entry(rows[row].texts[1].as_str()).or_insert_with(|| {
                documents.push(row);
                documents.len() - 1
            });
            own.push(index);
        }
        let queries = vectors.collect(compared.iter().map(|&row| (row, 0)));
        let candidates = vectors.collect(documents.iter().map(|&row| (row, 1)));
        let retrieval = evaluate_retrieval_of(&queries, &candidates, vectors.dim, (&own, &texts), &RECALLS);
        let names = ["recall_at_1", "recall_at_10"];
        figures.extend(names.into_iter().zip(&retrieval.recall_at).map(|(name, at)| Figure::higher(name, at.recall)));
        figures.push(Figure::higher("mrr", retrieval.mrr));
        for ((row, rank), first) in compared.iter().zip(retrieval.ranks).zip(retrieval.first) {
            if let Some(prediction) = found.get_mut(row) {
                prediction.rank = Some(rank);
                prediction.nearest = Some(rows[documents[first]].texts[1].clone());
            }
        }
    }

    /// Of texts that do not belong to the first one of a row: those that are less similar to it than the one that does, and all.
    fn negatives(&self, row: usize) -> (usize, usize) {
        let (all, vectors) = (2..self.sets()[row].texts.len(), &self.vectors);
        let own = || vectors.similarity((row, 0), (row, 1));
        let is_right = |&negative: &usize| own() > vectors.similarity((row, 0), (row, negative));
        (all.clone().filter(is_right).count(), all.count())
    }

    /// The share of such texts that is less similar.
    fn triplet_accuracy(&self, measured: &[usize]) -> Option<Figure> {
        let sum = |(right, all): (usize, usize), (more_right, more): (usize, usize)| (right + more_right, all + more);
        let (num_right, num_all) = measured.iter().map(|&row| self.negatives(row)).fold((0, 0), sum);
        (num_all > 0).then(|| Figure::higher("triplet_accuracy", num_right as f64 / num_all as f64))
    }

    /// The most similar other text of each row and, where rows have labels, the label of the nearest.
    fn look_around(&self, compared: &[usize], found: &mut HashMap<usize, RowPrediction>) -> Option<Figure> {
        let rows = self.sets();
        let labels: Vec<usize> = compared.iter().map(|&row| rows[row].label.unwrap_or(0)).collect();
        let vectors = self.vectors.collect(compared.iter().map(|&row| (row, 0)));
        let nearest = predict_among_others(&vectors, &labels, self.vectors.dim, NUM_NEIGHBOURS);
        let has_labels = self.rows.dataset.shape == RowShape::LabeledTexts;
        let (mut num_right, mut num_all) = (0_usize, 0_usize);
        for ((row, &label), other) in compared.iter().zip(&labels).zip(nearest) {
            let (Some(other), Some(prediction)) = (other, found.get_mut(row)) else { continue };
            prediction.nearest = Some(rows[compared[other.index]].texts[0].clone());
            if has_labels {
                prediction.predicted = self.rows.dataset.labels.get(other.label).cloned();
                num_right += usize::from(other.label == label);
                num_all += 1;
            }
        }
        (num_all > 0).then(|| Figure::higher("nearest_accuracy", num_right as f64 / num_all as f64))
    }

    /// Mean similarity of texts that belong together, and of texts that do not.
    fn mean_similarities(&self, measured: &[usize]) -> [Option<f64>; 2] {
        let (shape, rows, vectors) = (self.rows.dataset.shape, self.sets(), &self.vectors);
        let count = measured.len() as f64;
        let firsts = |rows: &[usize]| vectors.sum(rows.iter().map(|&row| (row, 0)));
        let mean = |sum: f64, num_pairs: f64| (num_pairs > 0.5).then(|| sum / num_pairs);
        match shape {
            RowShape::ScoredPairs => [None, None],
            RowShape::Pairs | RowShape::Triplets => {
                let same: f64 = measured.iter().map(|&row| vectors.similarity((row, 0), (row, 1))).sum();
                let seconds = vectors.sum(measured.iter().map(|&row| (row, 1)));
                let all = dot(&firsts(measured), &seconds);
                [mean(same, count), mean(all - same, count * count - count)]
            }
            RowShape::LabeledTexts | RowShape::Texts => {
                let all = firsts(measured);
                let mut of_labels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
                for &row in measured {
                    // A text alone is all that there is of its kind.
                    of_labels.entry(rows[row].label.unwrap_or(row)).or_default().push(row);
                }
                let (mut same, mut num_same) = (0.0, 0.0);
                for rows in of_labels.values() {
                    let sum = firsts(rows);
                    same += dot(&sum, &sum);
                    num_same += (rows.len() * rows.len()) as f64;
                }
                let others = mean(dot(&all, &all) - same, count * count - num_same);
                [mean(same - count, num_same - count), others]
            }
        }
    }

    /// Gives the figures their intervals; `losses` are those of rows that have one.
    fn draw(&self, figures: &mut [Figure], found: &BTreeMap<usize, &RowPrediction>, losses: &HashMap<usize, f64>) {
        let mut sums = RowSums::new(NUM_SUMS);
        for (&row, prediction) in found {
            sums.push(&sums_of(prediction, losses.get(&row).copied(), self.negatives(row)));
        }
        add_intervals(figures, &sums, &FIGURES);
        if self.rows.dataset.shape == RowShape::ScoredPairs {
            let similarity = |&row: &usize| cosine_similarity(self.vectors.get((row, 0)), self.vectors.get((row, 1)));
            let similarities: Vec<f64> = found.keys().map(similarity).collect();
            let scores: Vec<f64> = found.keys().map(|&row| f64::from(self.sets()[row].score.unwrap_or(0.0))).collect();
            add_number_intervals(figures, &similarities, &scores, 1);
        }
    }

    fn prediction(&self, row: usize) -> RowPrediction {
        let (set, shape) = (&self.sets()[row], self.rows.dataset.shape);
        let label = set.label.and_then(|label| self.rows.dataset.labels.get(label)).cloned();
        RowPrediction {
            row: set.row,
            text: set.texts[0].clone(),
            second: set.texts.get(1).cloned(),
            similarity: (set.texts.len() > 1).then(|| self.vectors.similarity((row, 0), (row, 1)) as f32),
            score: set.score,
            rank: None,
            label: label.filter(|_| shape == RowShape::LabeledTexts),
            predicted: None,
            nearest: None,
        }
    }
}

impl Measure for EmbeddingMeasure {
    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], _batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let rows = self.rows.rows(self.split);
        for ((row, text), vector) in texts_of(rows, indices).into_iter().zip(output_rows(outputs)) {
            if !vector.iter().all(|number| number.is_finite()) {
                return Err(row);
            }
            let dim = vector.len();
            self.vectors.dim = dim;
            let of_row = &mut self.vectors.of_rows[row];
            of_row.resize(rows[row].texts.len() * dim, 0.0);
            of_row[text * dim..(text + 1) * dim].copy_from_slice(vector);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let shape = self.rows.dataset.shape;
        let is_measured = |&row: &usize| !self.vectors.of_rows[row].is_empty();
        let measured: Vec<usize> = (0..self.vectors.of_rows.len()).filter(is_measured).collect();
        let num_compared = measured.len().min(MAX_COMPARED);
        let compared: Vec<usize> =
            (0..num_compared).map(|index| measured[index * measured.len() / num_compared]).collect();
        let mut found: HashMap<usize, RowPrediction> =
            measured.iter().map(|&row| (row, self.prediction(row))).collect();
        let (loss, losses) = self.loss(&measured);
        let mut figures = vec![Figure::lower("loss", loss)];
        if !measured.is_empty() {
            match shape {
                RowShape::Pairs | RowShape::Triplets => {
                    self.rank(&compared, &mut found, &mut figures);
                    figures.extend(self.triplet_accuracy(&measured));
                }
                RowShape::ScoredPairs => {
                    let side = |text: usize| self.vectors.collect(measured.iter().map(move |&row| (row, text)));
                    let scores: Vec<f32> = measured.iter().map(|&row| self.sets()[row].score.unwrap_or(0.0)).collect();
                    figures.extend(evaluate_similarity(&side(0), &side(1), self.vectors.dim, &scores).figures());
                }
                RowShape::LabeledTexts | RowShape::Texts => figures.extend(self.look_around(&compared, &mut found)),
            }
        }
        if self.is_in_full {
            let found: BTreeMap<usize, &RowPrediction> =
                found.iter().map(|(&row, prediction)| (row, prediction)).collect();
            self.draw(&mut figures, &found, &losses);
        }
        let [similarity_of_same, similarity_of_others] = self.mean_similarities(&measured);
        let (num_compared, num_neighbours) = match shape {
            RowShape::ScoredPairs => (0, 0),
            RowShape::LabeledTexts => (num_compared, NUM_NEIGHBOURS),
            RowShape::Pairs | RowShape::Triplets | RowShape::Texts => (num_compared, 0),
        };
        let detail = EvaluationDetail { shape, num_compared, num_neighbours, similarity_of_same, similarity_of_others };
        let detail = task::EvaluationDetail::SentenceEmbedding(Box::new(detail));
        let rows: Vec<RowPrediction> = measured.iter().filter_map(|row| found.remove(row)).collect();
        let num_rows = rows.len();
        (Evaluation { figures, num_rows, detail }, RowPredictions::SentenceEmbedding(rows))
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The cross-entropy of each anchor.
fn in_batch_losses(contrast: &Contrast, vectors: &Vectors, ignored: &[f32], scale: f64) -> Vec<f64> {
    let num_candidates = contrast.candidates.len();
    let loss = |(index, &anchor): (usize, &TextIndex)| {
        let is_left = |other: &usize| ignored.get(index * num_candidates + other).is_none_or(|&ignored| ignored == 0.0);
        let score = |other: usize| scale * vectors.similarity(anchor, contrast.candidates[other]);
        let scores: Vec<f64> = (0..num_candidates).filter(is_left).map(score).collect();
        log_sum_exp(&scores) - score(index)
    };
    contrast.anchors.iter().enumerate().map(loss).collect()
}

/// `ln(1 + sum exp(cosine_j - cosine_i))` over all pairs of which `i` has the higher score; cosines are scaled.
fn cosent(scored: &[(f64, f64)]) -> f64 {
    let of_pair = |&(higher, high): &(f64, f64)| {
        let lower = scored.iter().filter(move |(score, _)| *score < higher);
        lower.map(move |(_, low)| low - high)
    };
    let differences: Vec<f64> = scored.iter().flat_map(of_pair).chain([0.0]).collect();
    log_sum_exp(&differences)
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + values.iter().map(|value| (value - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, RunConfig, SplitConfig};
    use crate::data::DataFiles;
    use crate::task::texts::tests::{model, tokenizer};
    use crate::task::{ReadRequest, TaskRows};

    fn rows(text: &str) -> Box<dyn TaskRows> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = &RunConfig { split, similarity_scale: 2.0, ..RunConfig::default() };
        let (read, tokenizer) = (&ReadOptions::default(), tokenizer());
        let request = ReadRequest::to_train(files, read, run);
        super::super::read(&request).expect("good rows").prepare(&model(&tokenizer), run).expect("enough rows")
    }

    /// Measures all rows with these vectors, in the order of [`texts_of`].
    fn measure(text: &str, vectors: &[[f32; 2]]) -> (Evaluation, Vec<RowPrediction>) {
        let rows = rows(text);
        let indices: Vec<usize> = (0..rows.num_rows()[0]).collect();
        let mut measure = rows.measure(Split::Train);
        measure.measure_in_full();
        let batch = rows.batch(Split::Train, &indices, None);
        let outputs = Outputs::Rows { values: vectors.concat(), width: 2 };
        measure.add(&indices, &batch, &outputs).expect("finite");
        let (evaluation, RowPredictions::SentenceEmbedding(found)) = measure.finish() else {
            panic!("not of this task")
        };
        let is_scored = detail(&evaluation).shape == RowShape::ScoredPairs;
        for Figure { name, value, interval, .. } in &evaluation.figures {
            assert_eq!(interval.is_none(), is_scored && name == "loss", "{name}");
            let [low, high] = interval.unwrap_or([*value; 2]);
            assert!(low <= value + 1e-9 && value - 1e-9 <= high, "{name}: {value} is not between {low} and {high}");
        }
        (evaluation, found)
    }

    fn detail(evaluation: &Evaluation) -> &EvaluationDetail {
        let task::EvaluationDetail::SentenceEmbedding(detail) = &evaluation.detail else { panic!("not of this task") };
        detail
    }

    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-6), "{found:?}, not {expected}");
    }

    #[test]
    fn pairs_are_ranked_and_their_loss_is_that_of_training() {
        let text = "anchor,positive\nhello,world\nhello world,world hello\nworld world,hello hello\n";
        // The second row's own text is less similar than that of the first.
        let vectors = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
        let (evaluation, found) = measure(text, &vectors);
        // Cosines: [1, .6, 0], [.8, .96, .6], [0, .8, 1]
        let row = |own: f64, others: [f64; 2]| {
            ((2.0 * own).exp() + others.map(|other| (2.0 * other).exp()).iter().sum::<f64>()).ln() - 2.0 * own
        };
        let expected = (row(1.0, [0.6, 0.0]) + row(0.96, [0.8, 0.6]) + row(1.0, [0.0, 0.8])) / 3.0;
        close(evaluation.figure("loss"), expected);
        assert_eq!((evaluation.figure("recall_at_1"), evaluation.figure("mrr")), (Some(1.0), Some(1.0)));
        assert_eq!((found[1].rank, found[1].nearest.as_deref(), found[1].row), (Some(1), Some("world hello"), 3));
        close(detail(&evaluation).similarity_of_same, (1.0 + 0.96 + 1.0) / 3.0);
        close(detail(&evaluation).similarity_of_others, (0.6 + 0.0 + 0.8 + 0.6 + 0.0 + 0.8) / 6.0);
        assert_eq!(detail(&evaluation).num_compared, 3);

        let vectors = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
        let (evaluation, found) = measure(text, &vectors);
        assert_eq!((found[1].rank, found[1].nearest.as_deref()), (Some(2), Some("world")));
        assert_eq!(evaluation.figure("recall_at_1"), Some(2.0 / 3.0));
        assert_eq!((evaluation.figure("recall_at_10"), evaluation.figure("mrr")), (Some(1.0), Some(2.5 / 3.0)));
        assert_eq!(evaluation.figure("triplet_accuracy"), None);
    }

    #[test]
    fn triplets_are_right_where_the_negative_is_less_similar() {
        let text = "anchor,positive,negative\nhello,world,hello hello\nworld world,hello world,world hello\n";
        let vectors = [[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [0.0, 1.0]];
        let (evaluation, _) = measure(text, &vectors);
        assert_eq!(evaluation.figure("triplet_accuracy"), Some(0.5));
        // Anchors against both positives and both negatives.
        let first = (2.0_f64 * 0.8).exp() + (2.0_f64 * 0.6).exp() + 2.0;
        let second = (2.0_f64 * 0.6).exp() + (2.0_f64 * 0.8).exp() + 2.0 * 2.0_f64.exp();
        close(evaluation.figure("loss"), (first.ln() - 1.6 + second.ln() - 1.6) / 2.0);
    }

    /// The vectors and the loss are those of the test of the loss on a device.
    #[test]
    fn scores_are_followed() {
        let text = "sentence1,sentence2,score\nhello,world,0.25\nworld,hello,1\nhello world,world world,0.25\n";
        let vectors = [
            [0.894_427_2, 0.447_213_6],
            [0.447_213_6, -0.894_427_2],
            [0.242_535_64, 0.970_142_5],
            [0.970_142_5, 0.242_535_64],
            [0.447_213_6, 0.894_427_2],
            [0.8, -0.6],
        ];
        let (evaluation, found) = measure(text, &vectors);
        let cosines: Vec<f64> = found.iter().map(|row| f64::from(row.similarity.expect("of two texts"))).collect();
        let expected = (1.0 + (2.0 * (cosines[0] - cosines[1])).exp() + (2.0 * (cosines[2] - cosines[1])).exp()).ln();
        close(evaluation.figure("loss"), expected);
        close(evaluation.figure("loss"), 3.254_992_5);
        assert!(evaluation.figure("spearman").is_some_and(|spearman| spearman < 0.0));
        assert_eq!((found[1].score, found[1].rank, detail(&evaluation).num_compared), (Some(1.0), None, 0));
    }

    #[test]
    fn labels_are_those_of_the_nearest_other_texts() {
        let text = "text,label\nhello,a\nhello hello,a\nworld,b\nworld world,b\n";
        let vectors = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.0, 1.0]];
        let (evaluation, found) = measure(text, &vectors);
        // Of four rows the three others vote: two of them have the other label.
        assert_eq!(evaluation.figure("nearest_accuracy"), Some(0.0));
        assert_eq!((found[0].predicted.as_deref(), found[0].label.as_deref()), (Some("b"), Some("a")));
        assert_eq!(
            (found[0].nearest.as_deref(), found[2].nearest.as_deref()),
            (Some("hello hello"), Some("world world"))
        );
        close(detail(&evaluation).similarity_of_same, (0.8 + 1.0) / 2.0);
        close(detail(&evaluation).similarity_of_others, (0.0 + 0.0 + 0.6 + 0.6) / 4.0);
        assert_eq!(detail(&evaluation).num_neighbours, NUM_NEIGHBOURS);
        // Each against its partner and the two of the other label; partners of its own label are left out.
        let row = |own: f64, other: f64| ((2.0 * own).exp() + 2.0 * (2.0 * other).exp()).ln() - 2.0 * own;
        let mixed = |other: [f64; 2], own: f64| {
            ((2.0 * own).exp() + other.map(|other| (2.0 * other).exp()).iter().sum::<f64>()).ln() - 2.0 * own
        };
        let expected = row(0.8, 0.0) + row(0.8, 0.6) + 2.0 * mixed([0.6, 0.0], 1.0);
        close(evaluation.figure("loss"), expected / 4.0);
    }

    #[test]
    fn texts_alone_are_measured_and_what_is_no_number_is_named() {
        let (evaluation, found) = measure("text\nhello\nworld\n", &[[1.0, 0.0], [0.0, 1.0]]);
        close(evaluation.figure("loss"), (2.0_f64.exp() + 1.0).ln() - 2.0);
        assert_eq!((evaluation.figures.len(), found[0].nearest.as_deref()), (1, Some("world")));
        close(detail(&evaluation).similarity_of_others, 0.0);
        assert_eq!(detail(&evaluation).similarity_of_same, None);
        let rows = rows("text\nhello\nworld\n");
        let batch = rows.batch(Split::Train, &[1, 0], None);
        let outputs = Outputs::Rows { values: vec![1.0, 0.0, f32::NAN, 0.0], width: 2 };
        assert_eq!(rows.measure(Split::Train).add(&[1, 0], &batch, &outputs), Err(0));
    }
}
