//! Figures of rows with one label each, out of the outputs of a model: the loss in f64 on the host, and what was predicted.

use std::collections::BTreeMap;

use super::class_answers::ClassAnswers;
use super::outputs::{find_highest, log_softmax, probabilities};
use super::{FigureSpec, LOSS};
use crate::metrics::{ClassScores, Confusion, Evaluation, Figure, figure, ranking_notes};

/// What is measured of such rows. The loss is scikit-learn's `log_loss`; `roc_auc` and `average_precision` are, of two labels, those
/// of the model's second, of more the means over the labels against all others; top-k accuracies are measured where there are more labels
/// than k; the calibration error has 15 bins.
pub(super) const CLASS_FIGURES: &[FigureSpec] = &[
    LOSS,
    FigureSpec::share("accuracy", "Accuracy"),
    FigureSpec::score("macro_precision", "Macro precision"),
    FigureSpec::score("macro_recall", "Macro recall"),
    FigureSpec::score("macro_f1", "Macro F1"),
    FigureSpec::score("weighted_precision", "Weighted precision"),
    FigureSpec::score("weighted_recall", "Weighted recall"),
    FigureSpec::score("weighted_f1", "Weighted F1"),
    FigureSpec::score("matthews_correlation", "Matthews correlation"),
    FigureSpec::score("cohen_kappa", "Cohen’s kappa"),
    FigureSpec::score("roc_auc", "ROC AUC"),
    FigureSpec::score("weighted_roc_auc", "Weighted ROC AUC"),
    FigureSpec::score("average_precision", "Average precision"),
    FigureSpec::share("top_3_accuracy", "Top-3 accuracy"),
    FigureSpec::share("top_5_accuracy", "Top-5 accuracy"),
    FigureSpec::error("brier_score", "Brier score"),
    FigureSpec::error("expected_calibration_error", "Expected calibration error"),
];

/// What was predicted for a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassPrediction {
    /// Label id with the highest probability.
    pub(super) predicted: usize,
    /// Probabilities in label order, of the logits as they are.
    pub(super) probabilities: Vec<f32>,
}

/// Sums over the rows of a split.
pub(super) struct ClassSums {
    confusion: Confusion,
    loss_sum: f64,
    /// The label id that the rows to train on have most.
    most_frequent_label: Option<usize>,
    num_labels: usize,
    labels: Vec<usize>,
    /// Row by row.
    logits: Vec<f32>,
    answers: ClassAnswers,
    is_in_full: bool,
}

impl ClassSums {
    /// Nothing yet.
    pub(super) fn new(labels: &[String], most_frequent_label: Option<usize>) -> Self {
        Self {
            confusion: Confusion::new(labels),
            loss_sum: 0.0,
            most_frequent_label,
            num_labels: labels.len(),
            labels: Vec::new(),
            logits: Vec::new(),
            answers: ClassAnswers::default(),
            is_in_full: false,
        }
    }

    /// How logits are answered with, as [`ClassAnswers`] has it.
    pub(super) fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.answers = ClassAnswers::of(thresholds);
    }

    /// Also the intervals of the figures, bins of probabilities and what thresholds leave.
    pub(super) fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    /// Adds a row of this label id; `None` where a number is not finite.
    pub(super) fn add(&mut self, label: usize, logits: &[f32]) -> Option<ClassPrediction> {
        let log_probabilities = log_softmax(logits)?;
        let predicted = find_highest(logits);
        self.loss_sum -= log_probabilities[label];
        self.confusion.add(label, predicted);
        self.labels.push(label);
        self.logits.extend_from_slice(logits);
        Some(ClassPrediction { predicted, probabilities: probabilities(&log_probabilities) })
    }

    /// The figures of a split of `num_rows` rows, and the rest, beside what one gets without a model.
    pub(super) fn finish(&self, num_rows: usize) -> (Vec<Figure>, Evaluation) {
        let mut evaluation = self.confusion.finish(self.loss_sum / num_rows.max(1) as f64);
        if let Some(label) = self.most_frequent_label {
            evaluation.set_baseline(label);
        }
        if self.labels.is_empty() {
            return (evaluation.figures(), evaluation);
        }
        let scores = ClassScores::new(self.num_labels, &self.labels, &self.logits);
        let figures = if self.is_in_full { scores.figures_with_intervals() } else { scores.figures() };
        evaluation.calibration = Some(scores.calibration(self.answers.temperature, self.is_in_full));
        evaluation.notes = notes(&evaluation);
        let is_open = |name: &str| figure(&figures, name).is_some_and(|figure| figure.interval.is_none());
        if self.is_in_full && (is_open("roc_auc") || is_open("average_precision")) {
            let reason = "of so many rows and labels it would take too long, or it is undefined in most draws";
            evaluation.notes.push(format!("ROC AUC or average precision has no interval: {reason}"));
        }
        (figures, evaluation)
    }
}

/// What is undefined of these rows, and why; and of which label a figure is where that is not the one to expect.
fn notes(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
    if evaluation.cohen_kappa.is_none() {
        let reason = "all rows have one label and are predicted to have it";
        notes.push(format!("Cohen’s kappa is undefined and left out: {reason}"));
    }
    let labels: Vec<(&str, usize)> =
        evaluation.per_class.iter().map(|class| (class.label.as_str(), class.support)).collect();
    // Of two labels only the second is ranked. scikit-learn takes the second in the order of the alphabet, which is that of models
    // that Hone trained.
    let ranked = if labels.len() == 2 { &labels[1..] } else { labels.as_slice() };
    notes.extend(ranking_notes(ranked, evaluation.num_rows));
    if let [(first, _), (second, 1..)] = labels.as_slice()
        && first > second
    {
        notes.push(format!("Average precision is that of the label {second:?}, the model's second"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_for_all_figures_and_one_that_is_not_finite_for_none() {
        let mut sums = ClassSums::new(&["a".into(), "b".into()], Some(1));
        assert_eq!(sums.add(0, &[f32::NAN, 0.0]), None);
        let found = sums.add(1, &[0.0, 0.0]).expect("finite");
        assert_eq!(found, ClassPrediction { predicted: 0, probabilities: vec![0.5, 0.5] });
        let (figures, evaluation) = sums.finish(1);
        assert_eq!((evaluation.num_rows, evaluation.accuracy), (1, 0.0));
        assert!((evaluation.loss - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(evaluation.baseline.map(|baseline| baseline.accuracy), Some(1.0));
        assert!(figures.iter().all(|figure| figure.value.is_finite() && figure.interval.is_none()), "{figures:?}");
        assert!(figure(&figures, "roc_auc").is_none() && evaluation.notes[0].starts_with("ROC AUC is undefined"));
    }

    #[test]
    fn every_figure_is_one_of_the_task_and_stands_in_its_order() {
        let labels: Vec<String> = (0..6).map(|label| label.to_string()).collect();
        let mut sums = ClassSums::new(&labels, None);
        for row in 0..12 {
            let logits: Vec<f32> =
                (0..6).map(|label| if label == row % 5 { 1.5 } else { label as f32 / 8.0 }).collect();
            sums.add(row % 6, &logits).expect("finite");
        }
        sums.measure_in_full();
        let (figures, evaluation) = sums.finish(12);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_ref()).collect();
        assert_eq!(names, CLASS_FIGURES.iter().map(|figure| figure.name).collect::<Vec<_>>());
        let alike = |(figure, spec): (&Figure, &FigureSpec)| figure.higher_is_better == spec.higher_is_better;
        assert!(figures.iter().zip(CLASS_FIGURES).all(alike) && figures.iter().all(|figure| figure.interval.is_some()));
        for own in evaluation.figures() {
            let found = figure(&figures, &own.name).expect("it is measured");
            assert!((found.value - own.value).abs() < 1e-12, "{} and {own:?}", found.value);
        }
        assert!(evaluation.notes.is_empty(), "{:?}", evaluation.notes);
    }

    #[test]
    fn a_figure_is_measured_where_its_task_says_so() {
        let spec = crate::task::Task::SequenceClassification.spec();
        for num_labels in 2..8 {
            let labels: Vec<String> = (0..num_labels).map(|label| label.to_string()).collect();
            let mut sums = ClassSums::new(&labels, None);
            for label in 0..num_labels {
                let logits: Vec<f32> = (0..num_labels).map(|other| if other == label { 1.0 } else { 0.0 }).collect();
                sums.add(label, &logits).expect("finite");
            }
            let (figures, _) = sums.finish(num_labels);
            let found: Vec<&str> = figures.iter().map(|figure| figure.name.as_ref()).collect();
            let names = CLASS_FIGURES.iter().map(|figure| figure.name);
            let expected: Vec<&str> = names.filter(|name| spec.measures(name, num_labels)).collect();
            assert_eq!(found, expected, "{num_labels} labels");
        }
    }

    #[test]
    fn labels_without_rows_are_said() {
        let mut sums = ClassSums::new(&["a".into(), "b".into(), "c".into()], None);
        sums.add(0, &[1.0, 0.0, 0.0]).expect("finite");
        sums.add(1, &[1.0, 0.0, 0.0]).expect("finite");
        let (_, evaluation) = sums.finish(2);
        let expected = [
            "ROC AUC is the mean over the labels that some rows have and some have not: 1 label of 3 left out",
            "Average precision is the mean over the labels that have rows: 1 label of 3 left out",
        ];
        assert_eq!(evaluation.notes, expected);
    }

    #[test]
    fn average_precision_without_a_row_of_its_label_is_said_as_is_a_label_out_of_order() {
        let notes = |labels: [&str; 2], row: usize| {
            let mut sums = ClassSums::new(&labels.map(str::to_owned), None);
            sums.add(row, &[0.0, 1.0]).expect("finite");
            sums.add(0, &[1.0, 0.0]).expect("finite");
            sums.finish(2).1.notes
        };
        let undefined = notes(["a", "b"], 0);
        let said = "Average precision is undefined and left out: no row has the label \"b\"";
        assert!(undefined.len() == 2 && undefined[1] == said, "{undefined:?}");
        assert_eq!(notes(["a", "b"], 1), [""; 0]);
        assert_eq!(
            notes(["zeta", "alpha"], 1),
            ["Average precision is that of the label \"alpha\", the model's second"]
        );
    }

    #[test]
    fn a_temperature_changes_what_is_sure_and_no_figure() {
        let measure = |thresholds: &[(&str, f64)]| {
            let mut sums = ClassSums::new(&["a".into(), "b".into()], None);
            sums.set_thresholds(&thresholds.iter().map(|&(name, value)| (name.to_owned(), value)).collect());
            sums.measure_in_full();
            for (label, logit) in [(0, 2.0), (0, 3.0), (1, 2.5), (1, -1.0)] {
                sums.add(label, &[logit, 0.0]).expect("finite");
            }
            sums.finish(4)
        };
        let (plain, cooled) = (measure(&[]), measure(&[("temperature", 4.0)]));
        assert_eq!(plain.0, cooled.0);
        let [plain, cooled] = [plain.1, cooled.1].map(|evaluation| evaluation.calibration.expect("there are rows"));
        assert_eq!((plain.bins.len(), plain.bins_applied.len(), cooled.bins_applied.len()), (15, 0, 15));
        assert_eq!((plain.coverage[70].num_sure, cooled.coverage[70].num_sure), (4, 0));
        assert_eq!((plain.fitted, plain.applied), (cooled.fitted, None));
        assert_eq!(cooled.applied.map(|applied| applied.temperature), Some(4.0));
    }
}
