//! How labels of images are written.

use super::super::answers::{AnswerForm, Answers, Inputs};
use super::super::{Prediction, class_cells};

/// Inputs and answers.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Images,
    in_file: AnswerForm {
        columns: class_cells::columns,
        cells: |prediction, labels| class_cells::cells(probabilities(prediction), labels),
        fields: |prediction, labels| class_cells::fields(probabilities(prediction), labels),
    },
    in_row: AnswerForm {
        columns: class_cells::columns_in_row,
        cells: |prediction, labels| class_cells::cells_in_row(probabilities(prediction), labels),
        fields: |prediction, labels| class_cells::fields_in_row(probabilities(prediction), labels),
    },
};

fn probabilities(prediction: &Prediction) -> &[f32] {
    match prediction {
        Prediction::ImageClassification(prediction) => &prediction.probabilities,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::Prediction as Labels;
    use super::*;

    #[test]
    fn an_answer_has_the_probability_of_each_label() {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let own = Labels { probabilities: vec![0.25, 0.75], unsure_below: None };
        let prediction = Prediction::ImageClassification(own);
        assert_eq!(ANSWERS.inputs.names(), ["file"]);
        assert_eq!((ANSWERS.in_file.columns)(&labels), ["label", "probability", "no", "yes"]);
        assert_eq!((ANSWERS.in_file.cells)(&prediction, &labels), ["yes", "0.750000", "0.250000", "0.750000"]);
        assert_eq!((ANSWERS.in_row.cells)(&prediction, &labels), ["yes", "0.750000"]);
    }
}
