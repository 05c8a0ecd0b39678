//! Labels of the rows and labels of a model, where each row has one: numbered as the model numbers them, and none that it
//! does not know.

use crate::data::DataError;

/// Where the model already tells these labels apart, its numbering is kept; `ids` are the label ids of all rows.
pub(super) fn adopt_labels<'a>(labels: &mut Vec<String>, ids: impl Iterator<Item = &'a mut usize>, known: &[String]) {
    let id = |label: &String| known.iter().position(|known| known == label);
    let Some(map) = labels.iter().map(id).collect::<Option<Vec<usize>>>() else { return };
    for id in ids {
        *id = map[*id];
    }
    *labels = known.to_vec();
}

/// Checks that a model which tells `known` labels apart can be measured on all rows; `rows` are their numbers and label
/// ids, and `column` is that of the labels.
///
/// # Errors
/// Names the first row with another label.
pub(super) fn check_labels(
    labels: &[String],
    rows: impl Iterator<Item = (usize, usize)>,
    known: &[String],
    column: &str,
) -> Result<(), DataError> {
    let is_known: Vec<bool> = labels.iter().map(|label| known.contains(label)).collect();
    let unknown: Vec<(usize, usize)> = rows.filter(|&(_, label)| !is_known[label]).collect();
    let Some(&(row, label)) = unknown.iter().min() else { return Ok(()) };
    Err(DataError::UnknownToModel {
        row,
        column: column.to_owned(),
        label: labels[label].clone(),
        num_rows: unknown.len(),
        known: known.to_vec(),
    })
}

/// What labels of rows may be called that a model with these labels is measured on: as it calls them, and their numbers
/// where it has no names for them ([`name_numbers`]).
pub(super) fn known_to_rows(of_model: &[String]) -> Vec<String> {
    let num_numbers = if are_numbered(of_model) { of_model.len() } else { 0 };
    of_model.iter().cloned().chain((0..num_numbers).map(|id| id.to_string())).collect()
}

/// Whether labels are nothing but their ids: `LABEL_0`, `LABEL_1`, ...
fn are_numbered(labels: &[String]) -> bool {
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

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn numbers_are_the_ids_of_a_head_that_numbers_its_labels() {
        let of_model = owned(&["LABEL_0", "LABEL_1", "LABEL_2"]);
        assert_eq!(known_to_rows(&of_model)[2..], owned(&["LABEL_2", "0", "1", "2"]));
        let (mut labels, mut ids) = (owned(&["0", "2"]), [0, 1]);
        let said = name_numbers(&mut labels, &of_model).expect("it is said");
        assert_eq!(said, "the model calls its labels LABEL_0, LABEL_1, ..: label k of the file is taken for LABEL_k");
        adopt_labels(&mut labels, ids.iter_mut(), &of_model);
        assert_eq!((ids, labels.len()), ([0, 2], 3), "2 is LABEL_2 although 1 does not occur");
    }

    #[test]
    fn other_labels_are_left_as_they_stand() {
        for other in [&["0", "3"], &["0", "1.0"], &["00", "1"], &["1", "LABEL_0"]] {
            let mut labels = owned(other);
            assert_eq!(name_numbers(&mut labels, &owned(&["LABEL_0", "LABEL_1", "LABEL_2"])), None, "{other:?}");
            assert_eq!(labels, owned(other));
        }
        assert_eq!(name_numbers(&mut owned(&["0", "1"]), &owned(&["ham", "spam"])), None, "these have names");
        assert_eq!(known_to_rows(&owned(&["ham", "spam"])), ["ham", "spam"]);
    }

    #[test]
    fn labels_that_the_model_does_not_all_know_keep_their_numbers() {
        let (mut labels, mut ids) = (owned(&["a", "b"]), [1]);
        adopt_labels(&mut labels, ids.iter_mut(), &owned(&["b", "c"]));
        assert_eq!((labels, ids), (owned(&["a", "b"]), [1]));
    }

    #[test]
    fn an_unknown_label_is_named_with_at_most_twenty_known_ones() {
        let known: Vec<String> = (0..30).map(|i| format!("class{i}")).collect();
        let rows = [(2, 0), (9, 1), (5, 1)];
        let error = check_labels(&owned(&["class0", "neither"]), rows.into_iter(), &known, "label");
        let error = error.expect_err("unknown").to_string();
        let start = "row 5, column \"label\": label \"neither\" is not one of the model's (rows with such labels: 2)";
        assert!(error.starts_with(start), "{error}");
        assert!(error.ends_with("\"class19\" and 10 more"), "{error}");
        assert!(check_labels(&owned(&["class0"]), [(2, 0)].into_iter(), &known, "label").is_ok());
    }
}
