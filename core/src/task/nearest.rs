//! The texts of rows that are most like a text of a person's own, by the vectors that a model gives them.

use serde::{Deserialize, Serialize};

use super::Prediction;
use super::few_shot::vector_of;
use crate::metrics::cosine_similarity;

/// Texts that are given.
const NUM_NEAREST: usize = 5;

/// What is most like a text among those of the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestTexts {
    /// Texts that were compared with it.
    pub num_searched: usize,
    /// Texts that the rows have, each counted once.
    pub num_texts: usize,
    /// The five that are most like it, the most similar first.
    pub nearest: Vec<NearText>,
}

/// A text of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearText {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// Cosine of the two vectors, from -1 to 1.
    pub similarity: f32,
}

/// Puts texts into the order of their similarity to another. `answers` are what a model said to that one, and then to each
/// of `texts` (row number and text); `num_texts` are all that the rows have.
///
/// # Panics
/// When vectors are of unequal length, or there is no answer to the text itself.
#[must_use]
pub fn rank_by_similarity(answers: Vec<Prediction>, texts: Vec<(usize, String)>, num_texts: usize) -> NearestTexts {
    let mut vectors = answers.into_iter().map(vector_of);
    let own = vectors.next().expect("the text itself was answered");
    let near = |(vector, (row, text)): (Vec<f32>, (usize, String))| {
        let similarity = cosine_similarity(&own, &vector) as f32;
        NearText { row, text, similarity }
    };
    let num_searched = texts.len();
    let mut nearest: Vec<NearText> = vectors.zip(texts).map(near).collect();
    nearest.sort_by(|one, other| other.similarity.total_cmp(&one.similarity));
    nearest.truncate(NUM_NEAREST);
    NearestTexts { num_searched, num_texts, nearest }
}

#[cfg(test)]
mod tests {
    use super::super::sentence_embedding::Prediction as Vectors;
    use super::*;

    #[test]
    fn the_most_similar_come_first_and_five_of_them() {
        let answer = |embedding: [f32; 2]| {
            Prediction::SentenceEmbedding(Vectors { embedding: embedding.to_vec(), similarity: None })
        };
        let vectors = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0], [0.8, 0.6], [0.0, -1.0]];
        let texts = (1..vectors.len()).map(|row| (row + 1, format!("text {row}"))).collect();
        let found = rank_by_similarity(Vec::from(vectors.map(answer)), texts, 90);
        assert_eq!((found.num_searched, found.num_texts), (6, 90));
        let rows: Vec<usize> = found.nearest.iter().map(|text| text.row).collect();
        assert_eq!(rows, [4, 6, 3, 2, 7], "of those that are equally similar the first in the file");
        assert!((found.nearest[1].similarity - 0.8).abs() < 1e-6);
        assert_eq!(found.nearest[0].text, "text 3");
    }
}
