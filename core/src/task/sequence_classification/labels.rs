//! Labels of the rows and labels of a model: numbered as it numbers them, and none that it does not know.

use super::read::Dataset;
use crate::data::DataError;
use crate::task::texts::LabeledText;

/// Where the model already tells these labels apart, its numbering is kept.
pub(super) fn adopt_labels(labels: &mut Vec<String>, splits: &mut [Vec<LabeledText<usize>>; 3], known: &[String]) {
    let id = |label: &String| known.iter().position(|known| known == label);
    let Some(map) = labels.iter().map(id).collect::<Option<Vec<usize>>>() else { return };
    for row in splits.iter_mut().flatten() {
        row.label = map[row.label];
    }
    *labels = known.to_vec();
}

/// Checks that a model which tells `known` labels apart can be measured on all rows; `column` is that of the labels.
///
/// # Errors
/// Names the first row with another label.
pub(super) fn check_labels(dataset: &Dataset, known: &[String], column: &str) -> Result<(), DataError> {
    let is_known: Vec<bool> = dataset.labels.iter().map(|label| known.contains(label)).collect();
    let unknown = || dataset.splits.iter().flatten().filter(|row| !is_known[row.label]);
    let Some(first) = unknown().min_by_key(|row| row.row) else { return Ok(()) };
    Err(DataError::UnknownToModel {
        row: first.row,
        column: column.to_owned(),
        label: dataset.labels[first.label].clone(),
        num_rows: unknown().count(),
        known: known.to_vec(),
    })
}

/// Whether labels are nothing but their ids: `LABEL_0`, `LABEL_1`, ...
pub(super) fn are_numbered(labels: &[String]) -> bool {
    labels.iter().enumerate().all(|(id, label)| *label == format!("LABEL_{id}"))
}

/// Where a model's labels are `LABEL_0`, `LABEL_1`, ... and all labels of the rows are such numbers, the number k is taken
/// for `LABEL_k`, and that is said. Numbers stand in the file as they stand in the names: `1.0` and `01` are none.
pub(super) fn name_numbers(labels: &mut [String], of_model: &[String]) -> Option<String> {
    let is_id = |label: &String| label.parse().is_ok_and(|id: usize| id < of_model.len() && id.to_string() == *label);
    if !are_numbered(of_model) || !labels.iter().all(is_id) {
        return None;
    }
    for label in labels {
        *label = format!("LABEL_{label}");
    }
    let shown = of_model.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if of_model.len() > 2 { ", .." } else { "" };
    Some(format!("the model calls its labels {shown}{more}: label k of the file is taken for LABEL_k"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::TaskInput;

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    fn row(row: usize, label: usize) -> LabeledText<usize> {
        LabeledText { row, input: TaskInput { text: "a text".into(), second: None }, label }
    }

    fn dataset(labels: &[&str], train: Vec<LabeledText<usize>>) -> Dataset {
        let splits = [train, Vec::new(), Vec::new()];
        Dataset { labels: owned(labels), splits, num_conflicts: 0, preview: Vec::new() }
    }

    #[test]
    fn numbers_are_the_ids_of_a_head_that_numbers_its_labels() {
        let labels = owned(&["LABEL_0", "LABEL_1", "LABEL_2"]);
        let mut rows = dataset(&["0", "2"], vec![row(2, 0), row(3, 1)]);
        let said = name_numbers(&mut rows.labels, &labels).expect("it is said");
        assert_eq!(said, "the model calls its labels LABEL_0, LABEL_1, ..: label k of the file is taken for LABEL_k");
        adopt_labels(&mut rows.labels, &mut rows.splits, &labels);
        assert_eq!((rows.splits[0][1].label, rows.labels.len()), (2, 3), "2 is LABEL_2 although 1 does not occur");
    }

    #[test]
    fn other_labels_are_left_as_they_stand() {
        for other in [&["0", "3"], &["0", "1.0"], &["00", "1"], &["1", "LABEL_0"]] {
            let mut labels = owned(other);
            assert_eq!(name_numbers(&mut labels, &owned(&["LABEL_0", "LABEL_1", "LABEL_2"])), None, "{other:?}");
            assert_eq!(labels, owned(other));
        }
        assert_eq!(name_numbers(&mut owned(&["0", "1"]), &owned(&["ham", "spam"])), None, "these have names");
    }

    #[test]
    fn labels_that_the_model_does_not_all_know_keep_their_numbers() {
        let mut rows = dataset(&["a", "b"], vec![row(2, 1)]);
        adopt_labels(&mut rows.labels, &mut rows.splits, &owned(&["b", "c"]));
        assert_eq!((rows.labels, rows.splits[0][0].label), (owned(&["a", "b"]), 1));
    }

    #[test]
    fn an_unknown_label_is_named_with_at_most_twenty_known_ones() {
        let dataset = dataset(&["class0", "neither"], vec![row(2, 0), row(9, 1), row(5, 1)]);
        let known: Vec<String> = (0..30).map(|i| format!("class{i}")).collect();
        let error = check_labels(&dataset, &known, "label").expect_err("unknown").to_string();
        assert!(error.starts_with("row 5, column \"label\": label \"neither\" is not one of the model's"), "{error}");
        assert!(error.ends_with("\"class19\" and 10 more"), "{error}");
    }
}
