//! Rows that were given wrong labels: which are missing, which should not be there, and all of them as a file. Plain data,
//! tested natively.

use std::cmp::Reverse;

use hone_core::metrics::LabelMetrics;
use hone_core::task::multi_label::RowPrediction;

use crate::format;

/// A row whose labels are not all right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrongRow {
    /// Its place among the rows that were measured.
    pub index: usize,
    pub row: usize,
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// Labels that it has and was given.
    pub right: Vec<String>,
    /// Labels that it has and was not given.
    pub missed: Vec<String>,
    /// Labels that it was given and does not have.
    pub wrong: Vec<String>,
}

impl WrongRow {
    /// Its labels, and those that it was given.
    pub(super) fn labels(&self) -> [Vec<String>; 2] {
        [&self.missed, &self.wrong].map(|others| [self.right.as_slice(), others.as_slice()].concat())
    }
}

/// Rows with wrong labels, those with the most of them first; `labels` are in the order of their ids.
pub(super) fn wrong_rows(rows: &[RowPrediction], labels: &[LabelMetrics]) -> Vec<WrongRow> {
    let names = |ids: &[usize], is_in: &dyn Fn(usize) -> bool| -> Vec<String> {
        let name = |&id: &usize| labels.get(id).map_or_else(|| id.to_string(), |label| label.label.clone());
        ids.iter().filter(|id| is_in(**id)).map(name).collect()
    };
    let wrong = rows.iter().enumerate().filter(|(_, row)| row.labels != row.predicted).map(|(index, row)| WrongRow {
        index,
        row: row.row,
        text: row.text.clone(),
        second: row.second.clone(),
        right: names(&row.labels, &|id| row.predicted.contains(&id)),
        missed: names(&row.labels, &|id| !row.predicted.contains(&id)),
        wrong: names(&row.predicted, &|id| !row.labels.contains(&id)),
    });
    let mut wrong: Vec<WrongRow> = wrong.collect();
    wrong.sort_by_key(|row| Reverse(row.missed.len() + row.wrong.len()));
    wrong
}

/// Whether any of the rows is a pair of texts.
pub(super) fn has_pairs(rows: &[WrongRow]) -> bool {
    rows.iter().any(|row| row.second.is_some())
}

/// The wrong rows as a CSV file.
pub(super) fn wrong_rows_csv(rows: &[WrongRow]) -> String {
    let has_pairs = has_pairs(rows);
    let second_column = if has_pairs { ",second_text" } else { "" };
    let mut csv = format!("row,text{second_column},right,missed,wrong\n");
    for row in rows {
        let second = has_pairs.then(|| row.second.clone().unwrap_or_default());
        let labels = [&row.right, &row.missed, &row.wrong].map(|labels| labels.join(";"));
        let fields = [row.row.to_string(), row.text.clone()].into_iter().chain(second).chain(labels);
        csv.push_str(&fields.map(|field| format::csv_field(&field)).collect::<Vec<_>>().join(","));
        csv.push('\n');
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong() -> Vec<WrongRow> {
        let label = |label: &str| LabelMetrics {
            label: label.into(),
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
            support: 1,
            average_precision: None,
            threshold: 0.5,
        };
        let row = |row, labels: &[usize], predicted: &[usize]| RowPrediction {
            row,
            text: format!("row, {row}"),
            second: None,
            labels: labels.to_vec(),
            predicted: predicted.to_vec(),
            probabilities: vec![0.5; 3],
        };
        let rows = [row(1, &[0, 1], &[0]), row(2, &[2], &[2]), row(3, &[0], &[1, 2])];
        wrong_rows(&rows, &[label("a"), label("b"), label("c")])
    }

    #[test]
    fn rows_with_the_most_wrong_labels_come_first() {
        let rows = wrong();
        let [first, second] = rows.as_slice() else { panic!("one of three is right: {rows:?}") };
        assert_eq!((first.row, &first.right, &first.missed), (3, &Vec::new(), &vec!["a".to_owned()]));
        assert_eq!((first.index, second.index), (2, 0));
        assert_eq!(first.wrong, ["b", "c"]);
        assert_eq!(first.labels(), [vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        assert_eq!(second.labels(), [vec!["a".to_owned(), "b".to_owned()], vec!["a".to_owned()]]);
        assert_eq!((second.row, second.right.join(";"), second.missed.join(";")), (1, "a".into(), "b".into()));
        assert!(second.wrong.is_empty());
    }

    #[test]
    fn the_csv_has_what_is_right_missed_and_wrong() {
        let csv = wrong_rows_csv(&wrong());
        assert_eq!(csv, "row,text,right,missed,wrong\n3,\"row, 3\",,a,b;c\n1,\"row, 1\",a,b,\n");
        let mut pair = wrong();
        pair[0].second = Some("x".into());
        assert!(wrong_rows_csv(&pair).starts_with("row,text,second_text,right,missed,wrong\n3,\"row, 3\",x,"));
    }
}
