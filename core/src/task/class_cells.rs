//! How an answer of labels that exclude each other is written: the likeliest label with its probability, and that of each label.

use serde_json::{Map, Value, json};

/// The label with the highest probability, the first of equals.
fn best<'a>(probabilities: &[f32], labels: &'a [String]) -> (&'a str, f32) {
    let higher = |best: usize, index: usize| if probabilities[index] > probabilities[best] { index } else { best };
    let best = (0..probabilities.len()).fold(0, higher);
    (labels.get(best).map_or("", String::as_str), probabilities.get(best).copied().unwrap_or(0.0))
}

/// Columns of an answer: the likeliest label, its probability, and that of each label.
pub(super) fn columns(labels: &[String]) -> Vec<String> {
    ["label", "probability"].map(str::to_owned).into_iter().chain(labels.iter().cloned()).collect()
}

/// Cells of an answer.
pub(super) fn cells(probabilities: &[f32], labels: &[String]) -> Vec<String> {
    let (label, probability) = best(probabilities, labels);
    let first = [label.to_owned(), format!("{probability:.6}")];
    first.into_iter().chain(probabilities.iter().map(|p| format!("{p:.6}"))).collect()
}

/// An answer as JSON.
pub(super) fn fields(probabilities: &[f32], labels: &[String]) -> Map<String, Value> {
    let (label, probability) = best(probabilities, labels);
    let all: Map<String, Value> = labels.iter().cloned().zip(probabilities.iter().map(|p| json!(p))).collect();
    Map::from_iter([
        ("label".to_owned(), json!(label)),
        ("probability".to_owned(), json!(probability)),
        ("probabilities".to_owned(), Value::Object(all)),
    ])
}

/// Columns beside a row: the likeliest label and its probability.
pub(super) fn columns_in_row(_labels: &[String]) -> Vec<String> {
    ["label", "score"].map(str::to_owned).to_vec()
}

/// Cells beside a row.
pub(super) fn cells_in_row(probabilities: &[f32], labels: &[String]) -> Vec<String> {
    let (label, probability) = best(probabilities, labels);
    vec![label.to_owned(), format!("{probability:.6}")]
}

/// The same as JSON.
pub(super) fn fields_in_row(probabilities: &[f32], labels: &[String]) -> Map<String, Value> {
    let (label, probability) = best(probabilities, labels);
    Map::from_iter([("label".to_owned(), json!(label)), ("score".to_owned(), json!(probability))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_likeliest_label() {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let probabilities = [0.25, 0.75];
        assert_eq!(columns(&labels), ["label", "probability", "no", "yes"]);
        assert_eq!(cells(&probabilities, &labels), ["yes", "0.750000", "0.250000", "0.750000"]);
        let json = Value::Object(fields(&probabilities, &labels));
        assert_eq!((&json["label"], &json["probabilities"]["no"]), (&json!("yes"), &json!(0.25)));
        assert_eq!((columns_in_row(&labels).len(), cells_in_row(&probabilities, &labels)[0].as_str()), (2, "yes"));
        let json = Value::Object(fields_in_row(&probabilities, &labels));
        assert_eq!(json, json!({ "label": "yes", "score": 0.75 }));
    }
}
