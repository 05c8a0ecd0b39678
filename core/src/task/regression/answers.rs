//! How numbers are written, and which columns of a file are the texts.

use serde_json::{Map, Value, json};

use super::super::Prediction;
use super::super::answers::{AnswerForm, Answers, Inputs, TEXTS, texts_beside_labels};

const FORM: AnswerForm = AnswerForm {
    columns: <[String]>::to_vec,
    cells: |prediction, _| numbers(prediction).iter().map(|number| format!("{number:.6}")).collect(),
    fields,
};

/// Inputs and answers.
pub static ANSWERS: Answers =
    Answers { inputs: Inputs::Rows { file: TEXTS, choose: texts_beside_labels }, in_file: FORM, in_row: FORM };

fn numbers(prediction: &Prediction) -> &[f32] {
    match prediction {
        Prediction::Regression(prediction) => &prediction.numbers,
        _ => &[],
    }
}

fn fields(prediction: &Prediction, labels: &[String]) -> Map<String, Value> {
    let all = labels.iter().cloned().zip(numbers(prediction).iter().map(|number| json!(number))).collect();
    Map::from_iter([("numbers".to_owned(), Value::Object(all))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_numbers_by_their_names() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let prediction = Prediction::Regression(super::super::Prediction { numbers: vec![0.25, -3.0] });
        assert_eq!((FORM.columns)(&labels), labels);
        assert_eq!((FORM.cells)(&prediction, &labels), ["0.250000", "-3.000000"]);
        assert_eq!(fields(&prediction, &labels)["numbers"], json!({ "a": 0.25, "b": -3.0 }));
    }
}
