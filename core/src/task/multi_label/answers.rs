//! How any number of labels is written, and which columns of a file are the texts.

use serde_json::{Map, Value, json};

use super::super::Prediction;
use super::super::answers::{AnswerForm, Answers, Inputs, TEXTS, texts_beside_labels};
use super::Prediction as Labels;

/// Between the labels of a cell.
const SEPARATOR: char = ';';

const FORM: AnswerForm = AnswerForm {
    columns: |labels| ["labels".to_owned()].into_iter().chain(labels.iter().cloned()).collect(),
    cells,
    fields,
};

/// Inputs and answers.
pub static ANSWERS: Answers =
    Answers { inputs: Inputs::Rows { file: TEXTS, choose: texts_beside_labels }, in_file: FORM, in_row: FORM };

fn answer(prediction: &Prediction) -> Option<&Labels> {
    match prediction {
        Prediction::MultiLabel(prediction) => Some(prediction),
        _ => None,
    }
}

/// The labels that are given.
fn given(prediction: &Labels, labels: &[String]) -> Vec<String> {
    prediction.given().into_iter().filter_map(|id| labels.get(id).cloned()).collect()
}

/// Names in one cell, as they can be read again: a list where one of them holds what separates them.
fn join(given: &[String]) -> String {
    let is_plain = |label: &String| !label.contains(SEPARATOR) && !label.starts_with('[');
    match given.iter().all(is_plain) {
        true => given.join(&SEPARATOR.to_string()),
        false => json!(given).to_string(),
    }
}

fn cells(prediction: &Prediction, labels: &[String]) -> Vec<String> {
    let Some(prediction) = answer(prediction) else { return Vec::new() };
    let probabilities = prediction.probabilities.iter().map(|p| format!("{p:.6}"));
    [join(&given(prediction, labels))].into_iter().chain(probabilities).collect()
}

fn fields(prediction: &Prediction, labels: &[String]) -> Map<String, Value> {
    let Some(prediction) = answer(prediction) else { return Map::new() };
    let by_label = |values: Vec<Value>| Value::Object(labels.iter().cloned().zip(values).collect());
    Map::from_iter([
        ("labels".to_owned(), json!(given(prediction, labels))),
        ("probabilities".to_owned(), by_label(prediction.probabilities.iter().map(|p| json!(p)).collect())),
        ("thresholds".to_owned(), by_label(prediction.thresholds.iter().map(|t| json!(t)).collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn answers_have_the_labels_whose_probability_reaches_their_threshold() {
        let labels = owned(&["a", "b;c", "d"]);
        let answer = |thresholds: [f64; 3]| {
            let prediction = Labels { probabilities: vec![0.5, 0.25, 0.75], thresholds: thresholds.to_vec() };
            Prediction::MultiLabel(prediction)
        };
        assert_eq!((FORM.columns)(&labels), owned(&["labels", "a", "b;c", "d"]));
        let plain = answer([0.5; 3]);
        assert_eq!(cells(&plain, &labels), owned(&["a;d", "0.500000", "0.250000", "0.750000"]));
        let tuned = answer([0.75, 0.25, 0.75]);
        assert_eq!(cells(&tuned, &labels)[0], "[\"b;c\",\"d\"]");
        let fields = fields(&tuned, &labels);
        assert_eq!((&fields["labels"], &fields["thresholds"]["a"]), (&json!(["b;c", "d"]), &json!(0.75)));
        assert_eq!(fields["probabilities"]["b;c"], json!(0.25));
        assert_eq!(cells(&answer([0.9; 3]), &labels)[0], "", "there may be none");
    }
}
