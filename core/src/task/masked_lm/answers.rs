//! How what fills blanks is written, and which column of a file is the text.

use serde_json::{Map, Value, json};

use super::super::Prediction;
use super::super::answers::{AnswerForm, Answers, Inputs, TEXTS};
use super::Fill;
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn, choose_text_columns};

/// Between what is said of several blanks.
const BETWEEN: &str = "; ";

const FORM: AnswerForm = AnswerForm { columns, cells, fields };

/// Inputs and answers.
pub static ANSWERS: Answers =
    Answers { inputs: Inputs::Rows { file: TEXTS, choose: inputs }, in_file: FORM, in_row: FORM };

fn inputs(table: &Table, read: &ReadOptions, _labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    let index = choose_text_columns(table, read, &[])?.text;
    Ok(vec![UsedColumn { role: "text", index }])
}

fn blanks(prediction: &Prediction) -> &[Vec<Fill>] {
    match prediction {
        Prediction::MaskedLm(prediction) => &prediction.blanks,
        _ => &[],
    }
}

fn columns(_labels: &[String]) -> Vec<String> {
    ["tokens", "probabilities", "candidates"].map(str::to_owned).to_vec()
}

/// The best token of each blank, how likely it is, and all that are likely.
fn cells(prediction: &Prediction, _labels: &[String]) -> Vec<String> {
    let best = |write: fn(&Fill) -> String| {
        let cells = blanks(prediction).iter().map(|fills| fills.first().map(write).unwrap_or_default());
        cells.collect::<Vec<_>>().join(BETWEEN)
    };
    let candidates = blanks(prediction).iter().map(|fills| {
        let fills = fills.iter().map(|fill| format!("{} {:.4}", fill.token, fill.probability));
        fills.collect::<Vec<_>>().join(", ")
    });
    let candidates = candidates.collect::<Vec<_>>().join(BETWEEN);
    vec![best(|fill| fill.token.clone()), best(|fill| format!("{:.6}", fill.probability)), candidates]
}

fn fields(prediction: &Prediction, _labels: &[String]) -> Map<String, Value> {
    let blanks = blanks(prediction).iter().map(|fills| {
        let fills = fills.iter().map(|fill| json!({ "token": fill.token, "probability": fill.probability }));
        fills.collect::<Value>()
    });
    Map::from_iter([("blanks".to_owned(), blanks.collect::<Value>())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_best_token_of_each_blank_and_its_rivals() {
        let fill = |token: &str, probability| Fill { token: token.to_owned(), probability };
        let blanks = vec![vec![fill("sea", 0.75), fill("lake", 0.125)], vec![fill("calm", 0.5)]];
        let prediction = Prediction::MaskedLm(super::super::Prediction { blanks });
        let cells = cells(&prediction, &[]);
        assert_eq!(cells.len(), columns(&[]).len());
        assert_eq!(cells, ["sea; calm", "0.750000; 0.500000", "sea 0.7500, lake 0.1250; calm 0.5000"]);
        let json = Value::Object(fields(&prediction, &[]));
        assert_eq!(json["blanks"][0][1], json!({ "token": "lake", "probability": 0.125 }));
    }
}
