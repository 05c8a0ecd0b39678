//! Answers images that a person gives.

use super::rows::CHANNELS;
use super::{Prediction, SPEC};
use crate::data::{HostBatch, HostInputs, HostPixels, HostTargets, Outputs};
use crate::images::{ImageProcessor, Picture, decode};
use crate::task::outputs::{log_softmax, probabilities};
use crate::task::texts::output_rows;
use crate::task::{PredictRequest, Predictor, TaskError, TaskInput};

/// Prepares to label images; all are decoded now.
///
/// # Errors
/// When an input has no image, or one that can't be decoded: names it.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let processor = request.model.images();
    let decode_input = |(index, input): (usize, &TaskInput)| -> Result<Picture, TaskError> {
        let error = |reason: String| TaskError::Input { index: index + 1, reason };
        let bytes = input.image.as_ref().ok_or_else(|| error("an image is needed, and this is a text".into()))?;
        let picture = decode(bytes).map_err(|reason| error(format!("{} {reason}", input.text).trim().to_owned()))?;
        Ok(processor.process(&picture))
    };
    let pictures = request.inputs.iter().enumerate().map(decode_input).collect::<Result<Vec<Picture>, _>>()?;
    Ok(Box::new(ImagePredictor { pictures, processor: processor.clone(), next: 0, predictions: Vec::new() }))
}

/// Images that wait for their labels.
struct ImagePredictor {
    pictures: Vec<Picture>,
    processor: ImageProcessor,
    /// Images that were given out.
    next: usize,
    predictions: Vec<super::super::Prediction>,
}

impl Predictor for ImagePredictor {
    fn next_batch(&mut self) -> Option<HostBatch> {
        let end = (self.next + SPEC.eval_batch_size).min(self.pictures.len());
        let pictures = &self.pictures[self.next..end];
        if pictures.is_empty() {
            return None;
        }
        let [height, width] = self.processor.size();
        let num_rows = pictures.len();
        let mut values = Vec::with_capacity(num_rows * CHANNELS * height * width);
        for picture in pictures {
            self.processor.push_values(picture, &mut values);
        }
        self.next = end;
        let inputs = HostInputs::Pixels(HostPixels { values, batch: num_rows, channels: CHANNELS, height, width });
        let (targets, weight) = (HostTargets::None, num_rows as f64);
        Some(HostBatch { inputs, targets, weight, num_rows, num_tokens: num_rows })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        for logits in output_rows(outputs) {
            let found = probabilities(&log_softmax(logits).ok_or(self.predictions.len())?);
            self.predictions.push(super::super::Prediction::ImageClassification(Prediction { probabilities: found }));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<super::super::Prediction> {
        self.predictions
    }

    fn cut_inputs(&self) -> &[usize] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SIDE, model, png, processor};
    use super::*;
    use crate::config::RunConfig;

    fn input(name: &str, image: Option<Vec<u8>>) -> TaskInput {
        TaskInput { text: name.to_owned(), image, ..TaskInput::default() }
    }

    fn predictor_of(inputs: &[TaskInput]) -> Result<Box<dyn Predictor>, TaskError> {
        let (processor, run) = (processor(), RunConfig::default());
        predictor(&PredictRequest { inputs, labels: &[], model: model(&processor), run: &run })
    }

    #[test]
    fn images_of_any_size_get_probabilities_in_their_order() {
        let inputs: Vec<TaskInput> =
            (0..33).map(|kind| input("x.png", Some(png(kind, 20 + kind as usize, 9)))).collect();
        let mut predictor = predictor_of(&inputs).expect("good images");
        let batch = predictor.next_batch().expect("the first images");
        let HostInputs::Pixels(pixels) = &batch.inputs else { panic!("not images") };
        assert_eq!((pixels.batch, pixels.channels, pixels.height, pixels.width), (32, 3, SIDE, SIDE));
        assert_eq!((pixels.values.len(), batch.targets), (32 * 3 * SIDE * SIDE, HostTargets::None));
        predictor.add(&Outputs::Rows { values: [1.0, 1.0].repeat(32), width: 2 }).expect("finite");
        assert_eq!(predictor.next_batch().map(|batch| batch.num_rows), Some(1));
        assert!(predictor.next_batch().is_none() && predictor.cut_inputs().is_empty());
        assert_eq!(predictor.add(&Outputs::Rows { values: vec![f32::NAN; 2], width: 2 }), Err(32));
        let answer = super::super::super::Prediction::ImageClassification(Prediction { probabilities: vec![0.5, 0.5] });
        assert_eq!(predictor.finish(), vec![answer; 32]);
    }

    #[test]
    fn an_input_without_a_good_image_is_named() {
        let error = |one: TaskInput| {
            let inputs = [input("a.png", Some(png(1, 9, 9))), one];
            predictor_of(&inputs).err().expect("no image").to_string()
        };
        assert_eq!(error(input("a text", None)), "input 2: an image is needed, and this is a text");
        let text = include_bytes!("../../../../tests/fixtures/images/text.png").to_vec();
        assert_eq!(error(input("text.png", Some(text))), "input 2: text.png is a text, not an image");
    }
}
