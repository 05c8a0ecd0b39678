//! How vectors are written, and which columns of a file are the texts.

use serde_json::{Map, Value, json};

use super::super::Prediction;
use super::super::answers::{AnswerForm, Answers, Inputs, TEXTS};
use super::{Prediction as Vectors, text_columns};
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn};

const FORM: AnswerForm = AnswerForm { columns, cells, fields };

/// Inputs and answers.
pub static ANSWERS: Answers =
    Answers { inputs: Inputs::Rows { file: TEXTS, choose: inputs }, in_file: FORM, in_row: FORM };

fn inputs(table: &Table, read: &ReadOptions, _labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    text_columns(table, read)
}

fn vectors(prediction: &Prediction) -> Option<&Vectors> {
    match prediction {
        Prediction::SentenceEmbedding(vectors) => Some(vectors),
        _ => None,
    }
}

fn columns(_labels: &[String]) -> Vec<String> {
    ["similarity", "embedding"].map(str::to_owned).to_vec()
}

/// The similarity of a pair, and the vector of the text as a JSON array.
fn cells(prediction: &Prediction, _labels: &[String]) -> Vec<String> {
    let Some(Vectors { embedding, similarity }) = vectors(prediction) else { return vec![String::new(); 2] };
    let numbers: Vec<String> = embedding.iter().map(ToString::to_string).collect();
    let similarity = similarity.map_or_else(String::new, |similarity| format!("{similarity:.6}"));
    vec![similarity, format!("[{}]", numbers.join(","))]
}

fn fields(prediction: &Prediction, _labels: &[String]) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(Vectors { embedding, similarity }) = vectors(prediction) {
        fields.extend(similarity.map(|similarity| ("similarity".to_owned(), json!(similarity))));
        fields.insert("embedding".to_owned(), json!(embedding));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_a_similarity_and_a_vector() {
        let predicted = |similarity| Prediction::SentenceEmbedding(Vectors { embedding: vec![0.5, -0.25], similarity });
        assert_eq!(cells(&predicted(Some(0.75)), &[]), ["0.750000", "[0.5,-0.25]"]);
        assert_eq!(cells(&predicted(None), &[]), ["", "[0.5,-0.25]"]);
        assert_eq!(columns(&[]).len(), 2);
        let fields = fields(&predicted(None), &[]);
        assert_eq!((fields.get("similarity"), &fields["embedding"]), (None, &json!([0.5, -0.25])));
    }
}
