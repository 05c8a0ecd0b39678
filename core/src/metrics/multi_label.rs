//! Figures of rows that have any number of labels, with scikit-learn's meaning.
//!
//! In: a probability and a truth for each label of each row, and a threshold a label. Out: a [`MultiLabelEvaluation`],
//! and the thresholds that suit some rows best. A label counts as predicted where its probability is at least its
//! threshold. Undefined ratios are 0 (`zero_division=0`).

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::ranking::ranking_notes;
use super::ratios::{Counts, PrecisionRecallF1, macro_average, micro_average, ratio, weighted_average};

/// The threshold of a label of which nothing is known.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// Figures of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelMetrics {
    /// Name of the label.
    pub label: String,
    /// Of the rows predicted to have it, the share that do.
    pub precision: f64,
    /// Of the rows that have it, the share predicted to.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Rows that have it.
    pub support: usize,
    /// Area under its precision-recall curve; `None` where no row has the label.
    pub average_precision: Option<f64>,
    /// The threshold it was measured at.
    pub threshold: f64,
}

/// Figures of a split whose rows have any number of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiLabelEvaluation {
    /// All labels' counts together.
    pub micro_avg: PrecisionRecallF1,
    /// Unweighted means over the labels; one that no row has and none is predicted to have is left out.
    pub macro_avg: PrecisionRecallF1,
    /// Means over the labels, weighted by the number of rows that have them.
    pub weighted_avg: PrecisionRecallF1,
    /// Means over the rows.
    pub samples_avg: PrecisionRecallF1,
    /// Share of rows whose labels are all predicted right.
    pub subset_accuracy: f64,
    /// Share of labels, over all rows, that are predicted wrong.
    pub hamming_loss: f64,
    /// Mean average precision over the labels that have one; `None` if none has.
    pub average_precision: Option<f64>,
    /// Rows measured.
    pub num_rows: usize,
    /// One entry a label, in label order.
    pub per_label: Vec<LabelMetrics>,
    /// Figures that are undefined for these rows and were left out, or are means over fewer labels, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl MultiLabelEvaluation {
    /// The figures by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::higher("micro_f1", self.micro_avg.f1),
            Figure::higher("macro_f1", self.macro_avg.f1),
            Figure::higher("weighted_f1", self.weighted_avg.f1),
            Figure::higher("samples_f1", self.samples_avg.f1),
            Figure::higher("micro_precision", self.micro_avg.precision),
            Figure::higher("micro_recall", self.micro_avg.recall),
            Figure::higher("macro_precision", self.macro_avg.precision),
            Figure::higher("macro_recall", self.macro_avg.recall),
            Figure::higher("subset_accuracy", self.subset_accuracy),
            Figure::lower("hamming_loss", self.hamming_loss),
        ];
        figures.extend(self.average_precision.map(|value| Figure::higher("average_precision", value)));
        figures
    }
}

/// The figures of `probabilities` against `targets`, both row by row with one value a label, at one threshold a label.
///
/// # Panics
/// When there is not one threshold a label, not one target a probability, or not a whole number of rows.
#[must_use]
pub fn evaluate_multi_label<P: Copy + Into<f64>>(
    labels: &[String],
    probabilities: &[P],
    targets: &[bool],
    thresholds: &[f64],
) -> MultiLabelEvaluation {
    let num_labels = labels.len();
    assert_eq!(num_labels, thresholds.len(), "each label has one threshold");
    let num_rows = count_rows(probabilities.len(), targets.len(), num_labels);
    let mut by_label = vec![Counts::default(); num_labels];
    let mut by_row = Vec::with_capacity(num_rows);
    let mut num_right_rows = 0;
    let mut num_wrong = 0;
    for (scores, truths) in probabilities.chunks_exact(num_labels).zip(targets.chunks_exact(num_labels)) {
        let mut row = Counts::default();
        let mut is_right = true;
        for (id, (&score, &truth)) in scores.iter().zip(truths).enumerate() {
            let score: f64 = score.into();
            let predicted = score >= thresholds[id];
            let counts = Counts {
                hits: usize::from(predicted && truth),
                predicted: usize::from(predicted),
                support: usize::from(truth),
            };
            by_label[id].add(counts);
            row.add(counts);
            num_wrong += usize::from(predicted != truth);
            is_right &= predicted == truth;
        }
        by_row.push(row);
        num_right_rows += usize::from(is_right);
    }
    let per_label: Vec<LabelMetrics> = labels
        .iter()
        .enumerate()
        .map(|(id, label)| {
            let PrecisionRecallF1 { precision, recall, f1 } = by_label[id].ratios();
            LabelMetrics {
                label: label.clone(),
                precision,
                recall,
                f1,
                support: by_label[id].support,
                average_precision: average_precision_of(ranked(probabilities, targets, id, num_labels)),
                threshold: thresholds[id],
            }
        })
        .collect();
    let known: Vec<f64> = per_label.iter().filter_map(|label| label.average_precision).collect();
    let supports: Vec<(&str, usize)> = per_label.iter().map(|label| (label.label.as_str(), label.support)).collect();
    let notes = ranking_notes(&supports, num_rows);
    let is_measured = |counts: &Counts| counts.support + counts.predicted > 0;
    let measured: Vec<Counts> = by_label.iter().copied().filter(is_measured).collect();
    MultiLabelEvaluation {
        micro_avg: micro_average(&by_label),
        macro_avg: macro_average(&measured),
        weighted_avg: weighted_average(&by_label),
        samples_avg: macro_average(&by_row),
        subset_accuracy: ratio(num_right_rows, num_rows),
        hamming_loss: ratio(num_wrong, targets.len()),
        average_precision: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        num_rows,
        per_label,
        notes,
    }
}

fn count_rows(num_probabilities: usize, num_targets: usize, num_labels: usize) -> usize {
    assert_eq!(num_probabilities, num_targets, "each probability has one target");
    assert!(num_labels > 0 && num_targets.is_multiple_of(num_labels), "rows are whole");
    num_targets / num_labels
}

/// Rows with the same score, and how many of them have the label.
struct Step {
    score: f64,
    rows: usize,
    hits: usize,
}

/// The distinct scores of a label, the highest first.
fn ranked<P: Copy + Into<f64>>(probabilities: &[P], targets: &[bool], id: usize, num_labels: usize) -> Vec<Step> {
    let scores = probabilities.iter().skip(id).step_by(num_labels).copied().map(Into::<f64>::into);
    let truths = targets.iter().skip(id).step_by(num_labels);
    let mut rows: Vec<(f64, bool)> = scores.zip(truths.copied()).collect();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    rows.chunk_by(|left, right| left.0 == right.0)
        .map(|rows| Step { score: rows[0].0, rows: rows.len(), hits: rows.iter().filter(|row| row.1).count() })
        .collect()
}

/// scikit-learn's `average_precision_score` of one label: the mean of the precisions at each distinct score, weighted by
/// the recall that the score adds. `None` where no row has the label.
///
/// # Panics
/// When there are not as many targets as scores.
#[must_use]
pub fn average_precision<P: Copy + Into<f64>>(scores: &[P], targets: &[bool]) -> Option<f64> {
    count_rows(scores.len(), targets.len(), 1);
    average_precision_of(ranked(scores, targets, 0, 1))
}

fn average_precision_of(steps: Vec<Step>) -> Option<f64> {
    let support: usize = steps.iter().map(|step| step.hits).sum();
    if support == 0 {
        return None;
    }
    let mut predicted = 0;
    let mut hits = 0;
    let mut sum = 0.0;
    for step in steps {
        predicted += step.rows;
        hits += step.hits;
        sum += step.hits as f64 * ratio(hits, predicted);
    }
    Some(sum / support as f64)
}

/// For each label the threshold that gives the highest F1 on these rows: half-way between two neighbouring scores, or
/// between 0 and the lowest. Of equals the one nearest to 0.5 is taken, and 0.5 for a label that no row has.
///
/// # Panics
/// When there is not one target a probability, or not a whole number of rows.
#[must_use]
pub fn best_thresholds<P: Copy + Into<f64>>(probabilities: &[P], targets: &[bool], num_labels: usize) -> Vec<f64> {
    count_rows(probabilities.len(), targets.len(), num_labels);
    (0..num_labels).map(|id| best_threshold(&ranked(probabilities, targets, id, num_labels))).collect()
}

fn best_threshold(steps: &[Step]) -> f64 {
    let support: usize = steps.iter().map(|step| step.hits).sum();
    let mut counts = Counts { support, ..Counts::default() };
    let mut best = (0.0, DEFAULT_THRESHOLD);
    for (index, step) in steps.iter().enumerate() {
        counts.predicted += step.rows;
        counts.hits += step.hits;
        let below = steps.get(index + 1).map_or(0.0, |next| next.score);
        let middle = f64::midpoint(below, step.score);
        // Between two neighbouring numbers there is none: the step itself must stay above the threshold.
        let threshold = if middle > below { middle } else { step.score };
        let f1 = counts.ratios().f1;
        let is_nearer = (threshold - DEFAULT_THRESHOLD).abs() < (best.1 - DEFAULT_THRESHOLD).abs();
        if f1 > best.0 || (f1 > 0.0 && f1 == best.0 && is_nearer) {
            best = (f1, threshold);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::super::figure::figure;
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_average_has_its_own_meaning() {
        let targets = [true, false, true, true, false, false];
        let found =
            evaluate_multi_label(&labels(&["a", "b"]), &[0.9_f32, 0.6, 0.2, 0.5, 0.1, 0.4], &targets, &[0.5, 0.5]);
        assert_eq!(found.micro_avg, PrecisionRecallF1 { precision: 2.0 / 3.0, recall: 2.0 / 3.0, f1: 4.0 / 6.0 });
        assert_eq!(found.macro_avg, PrecisionRecallF1 { precision: 0.75, recall: 0.75, f1: 2.0 / 3.0 });
        assert!((found.samples_avg.f1 - 4.0 / 9.0).abs() < 1e-12);
        assert_eq!((found.subset_accuracy, found.num_rows), (1.0 / 3.0, 3));
        assert!((found.hamming_loss - 2.0 / 6.0).abs() < 1e-12);
        assert_eq!(found.per_label[0].average_precision, Some(1.0));
        assert_eq!(found.per_label[1].average_precision, Some(0.5));
        assert_eq!(found.average_precision, Some(0.75));
        assert!(figure(&found.figures(), "hamming_loss").is_some_and(|figure| !figure.higher_is_better));
        let json = serde_json::to_string(&found).expect("figures are finite");
        assert_eq!(serde_json::from_str::<MultiLabelEvaluation>(&json).expect("just written"), found);
    }

    #[test]
    fn a_label_that_no_row_has_has_no_average_precision_and_keeps_its_threshold() {
        let probabilities = [0.9, 0.8, 0.1, 0.7];
        let targets = [true, false, false, false];
        let found = evaluate_multi_label(&labels(&["a", "b"]), &probabilities, &targets, &[0.5, 0.5]);
        assert_eq!(found.per_label[1].average_precision, None);
        assert_eq!(found.average_precision, Some(1.0));
        assert_eq!(best_thresholds(&probabilities, &targets, 2), [0.5, 0.5]);
        assert_eq!(found.macro_avg.f1, 0.5, "it was predicted, wrongly");
        let found = evaluate_multi_label(&labels(&["a", "b"]), &probabilities, &targets, &[0.5, 0.9]);
        assert_eq!(found.macro_avg.f1, 1.0, "where it is not predicted either it is left out");
    }

    #[test]
    fn equal_scores_are_one_step() {
        assert_eq!(average_precision(&[0.5, 0.5, 0.5, 0.5], &[true, false, false, true]), Some(0.5));
        assert_eq!(average_precision::<f32>(&[], &[]), None);
    }

    #[test]
    fn thresholds_lie_between_scores_and_near_a_half() {
        assert_eq!(best_thresholds(&[0.25, 0.125, 0.0625], &[true, false, false], 1), [0.1875]);
        // F1 is 2/3 with the first score alone and with all four.
        let targets = [true, false, false, true];
        assert_eq!(best_thresholds(&[1.0, 0.75, 0.5, 0.4375], &targets, 1), [0.21875]);
        assert_eq!(best_thresholds(&[0.75, 0.5, 0.25, 0.125], &targets, 1), [0.625]);
        assert_eq!(best_thresholds(&[0.5, 0.75], &[true, true], 1), [0.25]);
        assert_eq!(best_thresholds::<f32>(&[], &[], 3), [0.5; 3]);
    }

    #[test]
    fn a_best_threshold_gives_the_f1_it_was_chosen_for() {
        let probabilities = [0.31, 0.72, 0.31, 0.55, 0.9, 0.12, 0.05, 0.55];
        let targets = [true, true, false, true, false, false, false, true];
        let name = labels(&["a"]);
        let f1 = |threshold: f64| evaluate_multi_label(&name, &probabilities, &targets, &[threshold]).macro_avg.f1;
        let best = f1(best_thresholds(&probabilities, &targets, 1)[0]);
        assert!(probabilities.iter().all(|&threshold| f1(threshold) <= best));
    }

    #[test]
    fn no_rows_is_zero_everywhere() {
        let found = evaluate_multi_label::<f32>(&labels(&["a"]), &[], &[], &[0.5]);
        assert_eq!((found.micro_avg.f1, found.samples_avg.f1, found.subset_accuracy), (0.0, 0.0, 0.0));
        assert_eq!((found.hamming_loss, found.average_precision, found.num_rows), (0.0, None, 0));
    }
}
