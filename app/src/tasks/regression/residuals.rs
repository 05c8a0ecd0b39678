//! How far predictions are from the true numbers: points to draw, the rows that are furthest off, and all rows as a file.
//! Plain data, tested natively.

use hone_core::task::regression::RowPrediction;

use crate::format;

/// The true and the predicted number of a row; `None` where it has no such output.
pub(super) fn pair(row: &RowPrediction, output: usize) -> Option<(f64, f64)> {
    let (number, predicted) = (row.numbers.get(output)?, row.predicted.get(output)?);
    Some((*number, f64::from(*predicted)))
}

/// (true, predicted) of every row.
pub(super) fn points(rows: &[RowPrediction], output: usize) -> Vec<(f64, f64)> {
    rows.iter().filter_map(|row| pair(row, output)).collect()
}

/// The rows with their (true, predicted), those that are furthest off first; at most `limit`.
pub(super) fn furthest(rows: &[RowPrediction], output: usize, limit: usize) -> Vec<(&RowPrediction, (f64, f64))> {
    let mut rows: Vec<_> = rows.iter().filter_map(|row| Some((row, pair(row, output)?))).collect();
    let error = |(number, predicted): (f64, f64)| (predicted - number).abs();
    rows.sort_by(|(_, a), (_, b)| error(*b).total_cmp(&error(*a)));
    rows.truncate(limit);
    rows
}

/// Whether any of the rows is a pair of texts.
pub(super) fn has_pairs(rows: &[RowPrediction]) -> bool {
    rows.iter().any(|row| row.second.is_some())
}

/// All rows as a CSV file: of each number the true and the predicted one.
pub(super) fn rows_csv(rows: &[RowPrediction], labels: &[String]) -> String {
    let has_pairs = has_pairs(rows);
    let second = has_pairs.then(|| "second_text".to_owned());
    let names = labels.iter().flat_map(|label| [label.clone(), format!("predicted {label}")]);
    let heads = ["row", "text"].map(str::to_owned).into_iter().chain(second).chain(names);
    let mut csv = heads.map(|head| format::csv_field(&head)).collect::<Vec<_>>().join(",") + "\n";
    for row in rows {
        let second = has_pairs.then(|| row.second.clone().unwrap_or_default());
        let texts = [row.row.to_string(), row.text.clone()].into_iter().chain(second);
        let numbers = row.numbers.iter().zip(&row.predicted).flat_map(|(a, b)| [a.to_string(), b.to_string()]);
        csv.push_str(&texts.chain(numbers).map(|field| format::csv_field(&field)).collect::<Vec<_>>().join(","));
        csv.push('\n');
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<RowPrediction> {
        let row = |row, numbers: [f64; 2], predicted: [f32; 2]| RowPrediction {
            row,
            text: format!("row, {row}"),
            second: None,
            numbers: numbers.to_vec(),
            predicted: predicted.to_vec(),
        };
        vec![row(2, [1.0, 5.0], [1.5, 5.0]), row(3, [2.0, 6.0], [0.0, 7.5])]
    }

    #[test]
    fn each_number_has_its_own_points_and_order() {
        assert_eq!(points(&rows(), 0), [(1.0, 1.5), (2.0, 0.0)]);
        assert_eq!(points(&rows(), 2), []);
        let rows = rows();
        let order = |output, limit| furthest(&rows, output, limit).iter().map(|(row, _)| row.row).collect::<Vec<_>>();
        assert_eq!(order(0, 9), [3, 2]);
        assert_eq!(order(1, 1), [3]);
        assert_eq!(order(2, 9), [0; 0]);
    }

    #[test]
    fn the_csv_has_true_and_predicted_numbers_side_by_side() {
        let mut rows = rows();
        let labels = ["a".to_owned(), "b".to_owned()];
        let expected = "row,text,a,predicted a,b,predicted b\n2,\"row, 2\",1,1.5,5,5\n3,\"row, 3\",2,0,6,7.5\n";
        assert_eq!(rows_csv(&rows, &labels), expected);
        rows[0].second = Some("x".into());
        assert!(rows_csv(&rows, &labels).starts_with("row,text,second_text,a,predicted a"));
    }
}
