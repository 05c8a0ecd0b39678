//! How names and terms that were found are written: a line each in a file of answers, a list beside the row that they stand in.

use serde_json::{Map, Value, json};

use super::super::Prediction;
use super::super::answers::{AnswerForm, Answers, InputFile, Inputs};
use super::{Span, word_rows};

/// Inputs and answers.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Rows { file: InputFile { parse: word_rows::parse, names: &["text"] }, choose: word_rows::choose },
    in_file: AnswerForm {
        columns: |_| ["start", "end", "text", "label", "score"].map(str::to_owned).to_vec(),
        cells,
        fields,
    },
    in_row: AnswerForm {
        columns: |_| vec!["spans".to_owned()],
        cells: |prediction, labels| vec![fields(prediction, labels)["spans"].to_string()],
        fields,
    },
};

/// The text of a span, which counts characters.
fn covered(text: &str, span: &Span) -> String {
    text.chars().skip(span.start).take(span.end.saturating_sub(span.start)).collect()
}

fn found(prediction: &Prediction) -> (&str, &[Span]) {
    match prediction {
        Prediction::TokenClassification(own) => (&own.text, &own.spans),
        _ => ("", &[]),
    }
}

fn cells(prediction: &Prediction, _labels: &[String]) -> Vec<String> {
    let (text, spans) = found(prediction);
    let line = |span: &Span| {
        let score = span.score.map_or_else(String::new, |score| format!("{score:.6}"));
        [span.start.to_string(), span.end.to_string(), covered(text, span), span.label.clone(), score]
    };
    spans.iter().flat_map(line).collect()
}

fn fields(prediction: &Prediction, _labels: &[String]) -> Map<String, Value> {
    let (text, spans) = found(prediction);
    let object = |span: &Span| {
        let (start, end, label, score) = (span.start, span.end, &span.label, span.score);
        json!({ "start": start, "end": end, "text": covered(text, span), "label": label, "score": score })
    };
    Map::from_iter([("spans".to_owned(), spans.iter().map(object).collect())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_lines_of_a_file_and_a_list_beside_a_row() {
        let spans = vec![Span { start: 0, end: 3, label: "PER".into(), score: Some(0.5) }];
        let prediction =
            Prediction::TokenClassification(super::super::Prediction { text: "Zoë in Rome".into(), spans });
        assert_eq!(cells(&prediction, &[]), ["0", "3", "Zoë", "PER", "0.500000"]);
        let beside = (ANSWERS.in_row.cells)(&prediction, &[]);
        assert_eq!(beside, ["[{\"start\":0,\"end\":3,\"text\":\"Zoë\",\"label\":\"PER\",\"score\":0.5}]"]);
    }
}
