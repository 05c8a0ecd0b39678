//! Rows of which the model is most wrong, the worst first. Plain data, tested natively.

use std::cmp::Reverse;

use hone_core::task::sentence_embedding::{RowPrediction, RowShape};

use crate::format;

/// The rows to look at: pairs whose second text is not the most similar one, pairs whose rank by similarity is far from
/// that by score, and texts whose nearest others have another label.
pub(super) fn worst(rows: &[RowPrediction], shape: RowShape) -> Vec<&RowPrediction> {
    match shape {
        RowShape::Pairs | RowShape::Triplets => {
            let mut found: Vec<_> = rows.iter().filter(|row| row.rank.is_some_and(|rank| rank > 1)).collect();
            found.sort_by_key(|row| Reverse(row.rank));
            found
        }
        RowShape::ScoredPairs => {
            let (by_score, by_similarity) = (ranks(rows, |row| row.score), ranks(rows, |row| row.similarity));
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|&index| Reverse(by_score[index].abs_diff(by_similarity[index])));
            order.into_iter().map(|index| &rows[index]).collect()
        }
        RowShape::LabeledTexts => {
            rows.iter().filter(|row| row.predicted.is_some() && row.predicted != row.label).collect()
        }
        RowShape::Texts => Vec::new(),
    }
}

/// Twice the mean rank of each row by a value, so that equal values share a rank.
fn ranks(rows: &[RowPrediction], value: impl Fn(&RowPrediction) -> Option<f32>) -> Vec<usize> {
    let values: Vec<f32> = rows.iter().map(|row| value(row).unwrap_or(f32::NEG_INFINITY)).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f32::total_cmp);
    let rank = |value: &f32| {
        let below = sorted.partition_point(|other| other.total_cmp(value).is_lt());
        below + sorted.partition_point(|other| other.total_cmp(value).is_le())
    };
    values.iter().map(rank).collect()
}

/// Rows as a CSV file.
pub(super) fn rows_csv(rows: &[&RowPrediction]) -> String {
    let mut csv = String::from("row,text,second_text,similarity,score,rank,label,predicted,nearest_text\n");
    for row in rows {
        let text = |text: Option<&String>| text.map_or_else(String::new, |text| format::csv_field(text));
        let number = |value: Option<f32>| value.map_or_else(String::new, |value| value.to_string());
        let fields = [
            row.row.to_string(),
            text(Some(&row.text)),
            text(row.second.as_ref()),
            number(row.similarity),
            number(row.score),
            row.rank.map_or_else(String::new, |rank| rank.to_string()),
            text(row.label.as_ref()),
            text(row.predicted.as_ref()),
            text(row.nearest.as_ref()),
        ];
        csv.push_str(&(fields.join(",") + "\n"));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize) -> RowPrediction {
        let (text, second) = (format!("text {row}"), None);
        let (similarity, score, rank, label, predicted, nearest) = (None, None, None, None, None, None);
        RowPrediction { row, text, second, similarity, score, rank, label, predicted, nearest }
    }

    fn numbers(rows: &[RowPrediction], shape: RowShape) -> Vec<usize> {
        worst(rows, shape).iter().map(|row| row.row).collect()
    }

    #[test]
    fn pairs_that_rank_low_come_first_and_right_ones_not_at_all() {
        let ranked = |number: usize, rank: usize| RowPrediction { rank: Some(rank), ..row(number) };
        let rows = [ranked(2, 3), ranked(3, 1), ranked(4, 9), row(5)];
        assert_eq!(numbers(&rows, RowShape::Pairs), [4, 2]);
    }

    #[test]
    fn pairs_are_as_wrong_as_their_places_differ() {
        let scored = |number: usize, score: f32, similarity: f32| RowPrediction {
            score: Some(score),
            similarity: Some(similarity),
            ..row(number)
        };
        // By similarity: 5, 4, 3, 2; by score: 2 and 3, then 4, then 5.
        let rows = [scored(2, 0.0, 0.9), scored(3, 0.0, 0.8), scored(4, 0.5, 0.7), scored(5, 1.0, 0.6)];
        assert_eq!(numbers(&rows, RowShape::ScoredPairs)[..2], [5, 2]);
        assert_eq!(ranks(&rows, |row| row.score), [2, 2, 5, 7]);
    }

    #[test]
    fn texts_among_those_of_another_label_are_shown_and_saved() {
        let labeled = |number: usize, predicted: &str| RowPrediction {
            label: Some("a".into()),
            predicted: Some(predicted.into()),
            nearest: Some("one, two".into()),
            ..row(number)
        };
        let rows = [labeled(2, "a"), labeled(3, "b"), row(4)];
        assert_eq!(numbers(&rows, RowShape::LabeledTexts), [3]);
        assert!(numbers(&rows, RowShape::Texts).is_empty());
        let csv = rows_csv(&worst(&rows, RowShape::LabeledTexts));
        assert!(csv.ends_with("\n3,text 3,,,,,a,b,\"one, two\"\n"), "{csv}");
    }
}
