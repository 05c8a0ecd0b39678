//! How logits of labels that exclude each other become answers: divided by a temperature, so that their probabilities can be
//! believed more, and unsure below a probability. The likeliest label stays the likeliest.
//!
//! Both travel where the thresholds of other tasks do, from the evaluation that they were found by to the job file and back, by the
//! names [`TEMPERATURE`] and [`UNSURE_BELOW`] (ADR 27).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::outputs::class_probabilities;
use super::row_predictor::RowPredictor;
use super::{Evaluation, EvaluationDetail, Prediction, Predictor};
use crate::config::{TEMPERATURE, UNSURE_BELOW};
use crate::data::{HostBatch, Outputs};
use crate::metrics::Evaluation as ClassEvaluation;

/// Fewest validation rows that a temperature is taken from: of a few it says more of them than of the model, and answers would
/// differ from those of other programs for nothing.
const MIN_TEMPERATURE_ROWS: usize = 50;

/// How logits become answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ClassAnswers {
    /// `None` leaves logits as they are.
    pub(super) temperature: Option<f64>,
    /// `None` calls no answer unsure.
    pub(super) unsure_below: Option<f64>,
}

impl ClassAnswers {
    /// As thresholds of a run or a job file say. A temperature that is not above 0, which no job file may hold, is none.
    pub(super) fn of(thresholds: &BTreeMap<String, f64>) -> Self {
        let named = |name: &str| thresholds.get(name).copied();
        Self {
            temperature: named(TEMPERATURE).filter(|value| value.is_finite() && *value > 0.0),
            unsure_below: named(UNSURE_BELOW),
        }
    }
}

/// What the measured rows say of how answers are made.
pub(super) fn thresholds_of_classes(evaluation: &ClassEvaluation) -> BTreeMap<String, f64> {
    let fitted = evaluation.calibration.as_ref().and_then(|calibration| calibration.fitted);
    let fitted = fitted.filter(|_| evaluation.num_rows >= MIN_TEMPERATURE_ROWS);
    fitted.map(|fit| (TEMPERATURE.to_owned(), fit.temperature)).into_iter().collect()
}

/// What a model card says of how logits become answers, to go on after a sentence; empty where they are taken as they are.
pub(super) fn card_note(thresholds: &BTreeMap<String, f64>) -> String {
    let ClassAnswers { temperature, unsure_below } = ClassAnswers::of(thresholds);
    let mut note = String::new();
    if let Some(temperature) = temperature {
        note.push_str(&format!(
            " Its probabilities can be believed more where its logits are divided by {temperature:.4}, the temperature that \
             gives the validation rows the highest likelihood (in full in `hone.json`); no label changes by that. The weights \
             are as they were trained: `hone predict` divides, other programs have to."
        ));
    }
    if let Some(below) = unsure_below {
        note.push_str(&format!(
            " An answer whose highest probability is below {below} is unsure: `hone predict` marks it."
        ));
    }
    note
}

/// Makes a prediction of probabilities, and of the probability below which it is unsure.
type MakePrediction = fn(Vec<f32>, Option<f64>) -> Prediction;

/// Answers inputs with labels that exclude each other.
pub(super) struct ClassPredictor {
    rows: RowPredictor,
    answers: Rc<Cell<ClassAnswers>>,
}

impl ClassPredictor {
    /// `rows` makes the predictor of the rows, given what makes an answer of a row of outputs.
    ///
    /// # Errors
    /// As `rows`.
    pub(super) fn new<Error>(
        make: MakePrediction,
        rows: impl FnOnce(Box<dyn Fn(&[f32]) -> Option<Prediction>>) -> Result<RowPredictor, Error>,
    ) -> Result<Self, Error> {
        // How answers are made is known after the inputs were tokenised.
        let answers = Rc::new(Cell::new(ClassAnswers::default()));
        let own = Rc::clone(&answers);
        let answer = move |logits: &[f32]| {
            let ClassAnswers { temperature, unsure_below } = own.get();
            Some(make(class_probabilities(logits, temperature.unwrap_or(1.0))?, unsure_below))
        };
        Ok(Self { rows: rows(Box::new(answer))?, answers })
    }
}

impl Predictor for ClassPredictor {
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.answers.set(ClassAnswers::of(thresholds));
    }

    fn next_batch(&mut self) -> Option<HostBatch> {
        self.rows.next_batch()
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        self.rows.add(outputs)
    }

    fn finish(self: Box<Self>) -> Vec<Prediction> {
        let Self { rows, .. } = *self;
        Box::new(rows).finish()
    }

    fn cut_inputs(&self) -> &[usize] {
        self.rows.cut_inputs()
    }
}

impl Prediction {
    /// Whether the answer is less probable than it has to be; `None` where nothing says how probable that is.
    #[must_use]
    pub fn is_unsure(&self) -> Option<bool> {
        let (probabilities, below) = match self {
            Self::SequenceClassification(own) => (&own.probabilities, own.unsure_below?),
            Self::ImageClassification(own) => (&own.probabilities, own.unsure_below?),
            _ => return None,
        };
        let highest = probabilities.iter().copied().fold(0.0, f32::max);
        Some(f64::from(highest) < below)
    }
}

impl Evaluation {
    /// Figures of classes with what is said of them, where rows have one label each.
    #[must_use]
    pub fn of_classes(&self) -> Option<&ClassEvaluation> {
        match &self.detail {
            EvaluationDetail::SequenceClassification(detail) | EvaluationDetail::ImageClassification(detail) => {
                Some(&**detail)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ClassScores, Confusion};
    use crate::task::sequence_classification;

    #[test]
    fn a_temperature_that_is_none_and_one_of_zero_leave_logits_as_they_are() {
        let of = |values: &[(&str, f64)]| {
            ClassAnswers::of(&values.iter().map(|&(name, value)| (name.to_owned(), value)).collect())
        };
        assert_eq!(of(&[]), ClassAnswers::default());
        assert_eq!(of(&[("temperature", 0.0), ("other", 3.0)]), ClassAnswers::default());
        let both = of(&[("temperature", 2.0), ("unsure_below", 0.75)]);
        assert_eq!(both, ClassAnswers { temperature: Some(2.0), unsure_below: Some(0.75) });
    }

    #[test]
    fn a_temperature_is_taken_from_fifty_rows_or_more() {
        let found = |num_rows: usize| {
            let mut measured = Confusion::new(&["no".to_owned(), "yes".to_owned()]);
            let labels: Vec<usize> = (0..num_rows).map(|row| usize::from(row % 4 == 0)).collect();
            labels.iter().for_each(|&label| measured.add(label, 0));
            let mut evaluation = measured.finish(0.5);
            let logits = [2.0, 0.0].repeat(num_rows);
            let scores = ClassScores::new(2, &labels, &logits);
            evaluation.calibration = Some(scores.calibration(None, false));
            thresholds_of_classes(&evaluation).get(TEMPERATURE).copied()
        };
        assert_eq!(found(49), None);
        assert!(found(50).is_some_and(|temperature| temperature > 1.0), "it is too sure of itself");
    }

    #[test]
    fn a_card_says_by_what_logits_are_divided() {
        assert_eq!(card_note(&BTreeMap::new()), "");
        let note = card_note(&[("temperature", 1.5), ("unsure_below", 0.7)].map(|(n, v)| (n.to_owned(), v)).into());
        assert!(note.contains("logits are divided by 1.5000") && note.contains("below 0.7 is unsure"), "{note}");
    }

    #[test]
    fn an_answer_is_unsure_below_its_threshold() {
        let answer = |unsure_below| {
            let probabilities = vec![0.25, 0.75];
            let own = sequence_classification::Prediction { probabilities, unsure_below };
            Prediction::SequenceClassification(own).is_unsure()
        };
        assert_eq!([None, Some(0.75), Some(0.76)].map(answer), [None, Some(false), Some(true)]);
    }
}
