//! How answers to questions are written, and which columns of a file are questions and contexts.

use serde_json::{Map, Value, json};

use super::super::Prediction as AnyPrediction;
use super::super::answers::{AnswerForm, Answers, InputFile, Inputs};
use super::{Prediction, choose_inputs, parse};
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn};

const FORM: AnswerForm =
    AnswerForm { columns: |_| ["answer", "start", "end", "score"].map(str::to_owned).to_vec(), cells, fields };

/// Inputs and answers.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Rows {
        // The text in which an answer stands is not repeated beside every question on it.
        file: InputFile { parse, names: &["question"] },
        choose: inputs,
    },
    in_file: FORM,
    in_row: FORM,
};

fn inputs(table: &Table, read: &ReadOptions, _labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    let (mut used, id) = choose_inputs(table, read)?;
    used.extend(id.map(|index| UsedColumn { role: "id", index }));
    Ok(used)
}

fn found(prediction: &AnyPrediction) -> Option<&Prediction> {
    match prediction {
        AnyPrediction::QuestionAnswering(prediction) => Some(prediction),
        _ => None,
    }
}

/// The answer, its characters and its score; of no answer only the score.
fn cells(prediction: &AnyPrediction, _labels: &[String]) -> Vec<String> {
    let Some(found) = found(prediction) else { return vec![String::new(); 4] };
    match found.given() {
        Some(best) => {
            vec![best.text.clone(), best.start.to_string(), best.end.to_string(), format!("{:.6}", best.score)]
        }
        None => vec![String::new(), String::new(), String::new(), format!("{:.6}", found.no_answer)],
    }
}

fn fields(prediction: &AnyPrediction, _labels: &[String]) -> Map<String, Value> {
    let Some(found) = found(prediction) else { return Map::new() };
    let given = found.given();
    Map::from_iter([
        ("answer".to_owned(), json!(given.map_or("", |best| best.text.as_str()))),
        ("start".to_owned(), json!(given.map(|best| best.start))),
        ("end".to_owned(), json!(given.map(|best| best.end))),
        ("score".to_owned(), json!(given.map_or(found.no_answer, |best| best.score))),
        ("no_answer_score".to_owned(), json!(found.no_answer)),
        ("answers".to_owned(), json!(found.answers)),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::FoundAnswer;
    use super::*;

    fn prediction(is_answered: bool) -> AnyPrediction {
        let answer = FoundAnswer { text: "Ann, 40".into(), start: 3, end: 10, score: 0.75 };
        AnyPrediction::QuestionAnswering(Prediction { answers: vec![answer], no_answer: 0.25, is_answered })
    }

    #[test]
    fn an_answer_has_its_place_and_no_answer_only_its_score() {
        assert_eq!(cells(&prediction(true), &[]), ["Ann, 40", "3", "10", "0.750000"]);
        assert_eq!(cells(&prediction(false), &[]), ["", "", "", "0.250000"]);
        let json = Value::Object(fields(&prediction(false), &[]));
        assert_eq!((&json["answer"], &json["start"], &json["score"]), (&json!(""), &json!(null), &json!(0.25)));
        assert_eq!(json["answers"][0]["text"], json!("Ann, 40"));
    }

    #[test]
    fn a_file_of_questions_has_their_names() {
        let squad = r#"{"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "x", "question": "q?"}]}]}]}"#;
        let table = parse("x.json", squad.as_bytes(), &ReadOptions::default()).expect("a table");
        let used = inputs(&table, &ReadOptions::default(), &[]).expect("both are there");
        let names: Vec<_> = used.iter().map(|used| (table.columns[used.index].as_str(), used.role)).collect();
        assert_eq!(names, [("question", "question"), ("context", "context"), ("id", "id")]);
    }
}
