//! Answers images that a person gives.

use std::ops::Range;

use super::rows::host_pixels;
use super::{Prediction, SPEC};
use crate::data::HostInputs;
use crate::images::{ImageError, Picture};
use crate::task::class_answers::ClassPredictor;
use crate::task::row_predictor::RowPredictor;
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
        let of_image = |reason: ImageError| error(format!("{} {reason}", input.text).trim().to_owned());
        let picture = processor.decode(bytes).map_err(of_image)?;
        processor.check_size(picture.width, picture.height).map_err(of_image)?;
        Ok(processor.process(&picture))
    };
    let pictures = request.inputs.iter().enumerate().map(decode_input).collect::<Result<Vec<Picture>, _>>()?;
    let (size, processor) = ([pictures.len(), SPEC.eval_batch_size], processor.clone());
    let inputs = move |range: Range<usize>| {
        let pixels = host_pixels(&processor, pictures[range].iter());
        let num_tokens = pixels.batch; // an image has one label
        (HostInputs::Pixels(pixels), num_tokens)
    };
    let make = |probabilities: Vec<f32>, unsure_below: Option<f64>| {
        super::super::Prediction::ImageClassification(Prediction { probabilities, unsure_below })
    };
    Ok(Box::new(ClassPredictor::new(make, |answer| Ok::<_, TaskError>(RowPredictor::new(size, inputs, answer)))?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SIDE, model, png, processor};
    use super::*;
    use crate::config::RunConfig;
    use crate::data::{HostTargets, Outputs};

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
        let own = Prediction { probabilities: vec![0.5, 0.5], unsure_below: None };
        assert_eq!(predictor.finish(), vec![super::super::super::Prediction::ImageClassification(own); 32]);
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
