//! Labels of inputs that a person gives: the probability of each, and whether it reaches the label's threshold.

use std::collections::BTreeMap;

use super::{Prediction, SPEC, probabilities};
use crate::data::{HostBatch, Outputs};
use crate::task::row_predictor::RowPredictor;
use crate::task::texts::text_predictor;
use crate::task::thresholds::in_order;
use crate::task::{PredictRequest, Prediction as AnyPrediction, Predictor, TaskError};

/// Answers texts and pairs of texts with any number of labels.
pub(super) struct ManyLabelPredictor {
    texts: RowPredictor,
    labels: Vec<String>,
    /// One a label.
    thresholds: Vec<f64>,
}

impl ManyLabelPredictor {
    /// Tokenises the inputs.
    ///
    /// # Errors
    /// When the tokenizer fails on an input.
    pub(super) fn new(request: &PredictRequest<'_>) -> Result<Self, TaskError> {
        // The thresholds are known once the inputs are answered.
        let answer = |outputs: &[f32]| {
            let prediction = Prediction { probabilities: probabilities(outputs)?, thresholds: Vec::new() };
            Some(AnyPrediction::MultiLabel(prediction))
        };
        let texts = text_predictor(request, SPEC.eval_batch_size, answer)?;
        let thresholds = in_order(request.labels, &BTreeMap::new());
        Ok(Self { texts, labels: request.labels.to_vec(), thresholds })
    }
}

impl Predictor for ManyLabelPredictor {
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.thresholds = in_order(&self.labels, thresholds);
    }

    fn next_batch(&mut self) -> Option<HostBatch> {
        self.texts.next_batch()
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        self.texts.add(outputs)
    }

    fn finish(self: Box<Self>) -> Vec<AnyPrediction> {
        let Self { texts, thresholds, .. } = *self;
        let with_thresholds = |prediction| match prediction {
            AnyPrediction::MultiLabel(prediction) => {
                AnyPrediction::MultiLabel(Prediction { thresholds: thresholds.clone(), ..prediction })
            }
            other => other,
        };
        Box::new(texts).finish().into_iter().map(with_thresholds).collect()
    }

    fn cut_inputs(&self) -> &[usize] {
        self.texts.cut_inputs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::task::TaskInput;
    use crate::task::texts::tests::{model, tokenizer};

    #[test]
    fn a_label_is_given_from_its_own_threshold_on() {
        let (tokenizer, run) = (tokenizer(), RunConfig::default());
        let labels = ["a", "b", "c"].map(String::from);
        let inputs = [TaskInput { text: "hello".into(), second: None, image: None }];
        let request = PredictRequest { inputs: &inputs, labels: &labels, model: model(&tokenizer), run: &run };
        let answer = |thresholds: &[(&str, f64)]| {
            let mut predictor = Box::new(ManyLabelPredictor::new(&request).expect("room enough"));
            predictor.set_thresholds(&thresholds.iter().map(|&(label, value)| (label.to_owned(), value)).collect());
            assert_eq!(predictor.next_batch().map(|batch| batch.num_rows), Some(1));
            predictor.add(&Outputs::Rows { values: vec![0.0, -1.0, 1.0], width: 3 }).expect("finite");
            let AnyPrediction::MultiLabel(found) = predictor.finish().remove(0) else { panic!("not of this task") };
            found
        };
        assert_eq!(answer(&[]).given(), [0, 2], "half and more");
        let found = answer(&[("b", 0.25), ("c", 0.75)]);
        assert_eq!((found.given(), found.thresholds), (vec![0, 1], vec![0.5, 0.25, 0.75]));
    }
}
