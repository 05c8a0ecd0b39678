//! How labels of texts are written, and which columns of a file are the texts.

use super::super::answers::{AnswerForm, Answers, Inputs, TEXTS};
use super::super::{Prediction, class_cells};
use crate::data::choose_text_columns;

/// Inputs and answers.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Rows {
        file: TEXTS,
        choose: |table, read, labels| Ok(choose_text_columns(table, read, labels)?.used()),
    },
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
        Prediction::SequenceClassification(prediction) => &prediction.probabilities,
        _ => &[],
    }
}
