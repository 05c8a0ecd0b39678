//! Rows that were given a wrong label: in what order they are looked at, those of one pair of labels alone, and as a file.
//! Plain data, tested natively.

use std::cmp::Reverse;

use hone_core::metrics::ClassMetrics;
use hone_core::task::sequence_classification::RowPrediction;

use crate::format;

/// A row that was predicted wrongly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrongRow {
    pub row: usize,
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
    pub label: String,
    pub predicted: String,
    /// Of the predicted label.
    pub probability: f32,
}

/// Rows predicted wrongly, the most confident first; `classes` are in the order of the label ids.
pub(super) fn wrong_rows(rows: &[RowPrediction], classes: &[ClassMetrics]) -> Vec<WrongRow> {
    let name = |id: usize| classes.get(id).map_or_else(|| id.to_string(), |class| class.label.clone());
    let wrong = rows.iter().filter(|row| row.label != row.predicted).map(|row| WrongRow {
        row: row.row,
        text: row.text.clone(),
        second: row.second.clone(),
        label: name(row.label),
        predicted: name(row.predicted),
        probability: row.probabilities.get(row.predicted).copied().unwrap_or(f32::NAN),
    });
    let mut wrong: Vec<_> = wrong.collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    wrong
}

/// The wrong rows of a pair of labels, (true, predicted); all of them without one.
pub(super) fn of_pair<'a>(rows: &'a [WrongRow], pair: Option<(&str, &str)>) -> Vec<&'a WrongRow> {
    let is_of = |row: &WrongRow| pair.is_none_or(|(label, predicted)| row.label == label && row.predicted == predicted);
    rows.iter().filter(|row| is_of(row)).collect()
}

/// (true label, predicted label, rows) of the pairs of label ids that are mixed up most, at most `limit`.
pub(super) fn confused_pairs(confusion: &[Vec<u32>], limit: usize) -> Vec<(usize, usize, u32)> {
    let mut pairs = Vec::new();
    for (truth, row) in confusion.iter().enumerate() {
        for (predicted, &rows) in row.iter().enumerate() {
            if truth != predicted && rows > 0 {
                pairs.push((truth, predicted, rows));
            }
        }
    }
    pairs.sort_by_key(|&(truth, predicted, rows)| (Reverse(rows), truth, predicted));
    pairs.truncate(limit);
    pairs
}

/// Whether any of the rows is a pair of texts.
pub(super) fn has_pairs(rows: &[WrongRow]) -> bool {
    rows.iter().any(|row| row.second.is_some())
}

/// The wrong rows as a CSV file.
pub(super) fn wrong_rows_csv(rows: &[WrongRow]) -> String {
    let has_pairs = has_pairs(rows);
    let second_column = if has_pairs { ",second_text" } else { "" };
    let mut csv = format!("row,text{second_column},label,predicted,probability\n");
    for row in rows {
        let second = has_pairs.then(|| row.second.as_deref().unwrap_or_default());
        let texts = [Some(row.text.as_str()), second, Some(row.label.as_str()), Some(row.predicted.as_str())];
        let fields: Vec<_> = texts.into_iter().flatten().map(format::csv_field).collect();
        csv.push_str(&format!("{},{},{}\n", row.row, fields.join(","), row.probability));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong() -> Vec<WrongRow> {
        let class =
            |label: &str| ClassMetrics { label: label.into(), precision: 0.0, recall: 0.0, f1: 0.0, support: 1 };
        let row = |row, label, predicted, probability: f32| {
            let mut probabilities = vec![1.0 - probability; 2];
            probabilities[predicted] = probability;
            RowPrediction { row, text: format!("row, {row}"), second: None, label, predicted, probabilities }
        };
        let rows = [row(1, 0, 1, 0.6), row(2, 0, 0, 0.9), row(3, 1, 0, 0.8)];
        wrong_rows(&rows, &[class("yes"), class("no")])
    }

    #[test]
    fn wrong_rows_come_most_confident_first() {
        let wrong = wrong();
        let seen: Vec<_> = wrong.iter().map(|w| (w.row, w.label.as_str(), w.predicted.as_str())).collect();
        assert_eq!(seen, [(3, "no", "yes"), (1, "yes", "no")]);
    }

    #[test]
    fn wrong_rows_of_one_pair_can_be_looked_at_alone() {
        let wrong = wrong();
        let rows = |pair| of_pair(&wrong, pair).iter().map(|row| row.row).collect::<Vec<_>>();
        assert_eq!(rows(None), [3, 1]);
        assert_eq!(rows(Some(("yes", "no"))), [1]);
        assert_eq!(rows(Some(("yes", "yes"))), [0; 0]);
    }

    #[test]
    fn the_csv_quotes_texts_and_has_the_second_of_a_pair() {
        let mut wrong = wrong();
        let csv = wrong_rows_csv(&wrong);
        assert_eq!(csv, "row,text,label,predicted,probability\n3,\"row, 3\",no,yes,0.8\n1,\"row, 1\",yes,no,0.6\n");
        wrong[0].second = Some("b".into());
        let csv = wrong_rows_csv(&wrong[..1]);
        assert_eq!(csv, "row,text,second_text,label,predicted,probability\n3,\"row, 3\",b,no,yes,0.8\n");
    }

    #[test]
    fn pairs_are_sorted_by_rows_and_leave_out_the_diagonal() {
        let pairs = confused_pairs(&[vec![9, 1, 0], vec![4, 9, 0], vec![0, 1, 9]], 2);
        assert_eq!(pairs, [(1, 0, 4), (0, 1, 1)]);
    }
}
