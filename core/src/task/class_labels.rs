//! Labels of the rows and labels of a model, where each row has one: numbered as the model numbers them, and none that it
//! does not know.

use std::collections::{BTreeMap, BTreeSet};

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

/// What pandas, spreadsheets and databases write where nothing is. `NA` and `None` are not among them: both are labels of many
/// files.
const MISSING: [&str; 9] = ["nan", "NaN", "NAN", "<NA>", "#N/A", "N/A", "n/a", "NULL", "null"];

/// Says which labels may stand for none, since they are classes like others.
pub(super) fn note_missing(labels: &[String]) -> Option<String> {
    let has_mark = is_minus_one_a_mark(labels);
    let is_missing = |label: &&str| MISSING.contains(label) || (has_mark && *label == "-1");
    let found: Vec<&str> = labels.iter().map(String::as_str).filter(is_missing).collect();
    (!found.is_empty()).then(|| {
        let names = found.join(", ");
        format!(
            "labels that may stand for a missing one are read as classes: {names}; leave their cells empty if they do"
        )
    })
}

/// Whether -1 stands before the ids of three classes or more, as data sets of the hub mark rows without a label (SNLI, and the test rows
/// of GLUE); -1, 0 and 1 are a scale.
fn is_minus_one_a_mark(labels: &[String]) -> bool {
    let mut ids: Vec<i64> = labels.iter().filter_map(|label| label.parse().ok()).collect();
    ids.sort_unstable();
    ids.len() == labels.len() && ids.len() > 3 && ids.iter().zip(-1..).all(|(&id, expected)| id == expected)
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
/// for `LABEL_k`, and that is said. Numbers stand in the file as they stand in the names: `1.0` and `01` are none. Of other labels
/// those that are written in two ways count as one ([`take_for_same`]).
pub(super) fn name_numbers(labels: &mut [String], of_model: &[String]) -> Option<String> {
    let is_id = |label: &String| label.parse().is_ok_and(|id: usize| id < of_model.len() && id.to_string() == *label);
    if !are_numbered(of_model) || !labels.iter().all(is_id) {
        return take_for_same(labels, of_model);
    }
    for label in labels {
        *label = format!("LABEL_{label}");
    }
    let shown = of_model.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if of_model.len() > 2 { ", .." } else { "" };
    Some(format!("the model calls its labels {shown}{more}: label k of the file is taken for LABEL_k"))
}

/// Where the model has each label of the rows, if not so written, the model's way is taken, and that is said.
fn take_for_same(labels: &mut [String], of_model: &[String]) -> Option<String> {
    let found = known_as(labels, of_model)?;
    let changed = labels.iter().zip(&found).find(|(label, same)| label != same);
    let note = changed.map(|(label, same)| {
        format!("the label {label} of the file is taken for the model's {same}, and so are others like it")
    });
    labels.clone_from_slice(&found);
    note
}

/// As [`take_for_same`], of the labels of an own validation or test file, one a row, and those of the training file.
pub(super) fn take_for_trained<'r>(rows: impl Iterator<Item = &'r mut String>, trained: &[String]) -> Option<String> {
    let rows: Vec<&mut String> = rows.collect();
    let distinct: BTreeSet<&str> = rows.iter().map(|label| label.as_str()).collect();
    let before: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    let after = known_as(&before, trained)?;
    let same: BTreeMap<&String, &String> = before.iter().zip(&after).filter(|(own, same)| own != same).collect();
    let note = same.iter().next().map(|(own, same)| {
        format!("the label {own} is taken for the {same} of the training file, and so are others like it")
    });
    for label in rows {
        if let Some(&same) = same.get(&*label) {
            label.clone_from(same);
        }
    }
    note
}

/// As which of the known labels each of these counts: `1.0`, which pandas makes of 1 in a column with gaps, is 1, and `True` of
/// Python is the `true` of JSON. `None` where one is none of them, or two would be one.
fn known_as(labels: &[String], known: &[String]) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::with_capacity(labels.len());
    for label in labels {
        let same = known.iter().find(|known| *known == label);
        let same = same.or_else(|| known.iter().find(|known| plain(known) == plain(label)))?;
        if found.contains(same) {
            return None;
        }
        found.push(same.clone());
    }
    Some(found)
}

/// A label without the ways of writing that mean nothing: a whole number with `.0`, and letters of a truth.
fn plain(label: &str) -> String {
    let whole = label.split_once('.').filter(|(whole, rest)| {
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte == b'0')
    });
    match whole {
        Some((whole, _)) => whole.to_owned(),
        None if label.eq_ignore_ascii_case("true") || label.eq_ignore_ascii_case("false") => label.to_ascii_lowercase(),
        None => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_rows_without_a_label_is_told_from_a_scale() {
        let note = |labels: &[&str]| note_missing(&labels.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(note(&["-1", "0", "1", "2"]).is_some_and(|note| note.contains("read as classes: -1;")));
        for others in
            [&["-1", "0", "1"][..], &["-2", "-1", "0", "1"], &["-1", "0", "1", "3"], &["-1", "a", "b", "c"], &[]]
        {
            assert_eq!(note(others), None, "{others:?}");
        }
    }

    #[test]
    fn a_label_that_is_written_in_two_ways_is_one() {
        for (of_rows, of_model) in
            [(["1.0", "2.0"], ["1", "2"]), (["0", "-1"], ["-1.0", "0.0"]), (["True", "False"], ["false", "true"])]
        {
            let (mut labels, of_model) = (owned(&of_rows), owned(&of_model));
            let said = name_numbers(&mut labels, &of_model).expect("it is said");
            assert!(labels.iter().all(|label| of_model.contains(label)), "{labels:?}");
            assert!(said.contains(&format!("the label {} of the file", of_rows[0])), "{said}");
        }
        for (of_rows, of_model) in [(["1", "1.0"], ["1", "2"]), (["01", "2"], ["1", "2"]), (["1.5", "2"], ["1", "2"])] {
            let mut labels = owned(&of_rows);
            assert_eq!((name_numbers(&mut labels, &owned(&of_model)), labels), (None, owned(&of_rows)));
        }
        let mut same = owned(&["2", "1"]);
        assert_eq!((name_numbers(&mut same, &owned(&["1", "2"])), same), (None, owned(&["2", "1"])));
    }

    #[test]
    fn labels_of_own_files_are_those_of_the_training_file() {
        let take = |rows: &[&str], trained: &[&str]| {
            let mut rows = owned(rows);
            let note = take_for_trained(rows.iter_mut(), &owned(trained));
            (rows, note)
        };
        let (rows, note) = take(&["1.0", "2.0", "1.0"], &["1", "2", "3"]);
        assert_eq!(rows, ["1", "2", "1"]);
        assert!(note.is_some_and(|note| note.contains("the label 1.0 is taken for the 1 of the training file")));
        for rows in [&["1", "2"][..], &["1", "1.0"], &["2.0", "4.0"]] {
            assert_eq!(take(rows, &["1", "2", "3"]), (owned(rows), None), "{rows:?}");
        }
    }

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn labels_that_may_stand_for_none_are_said() {
        let note = note_missing(&owned(&["spam", "nan", "N/A"])).expect("two of them");
        assert!(note.contains("classes: nan, N/A;"), "{note}");
        assert_eq!(note_missing(&owned(&["NA", "EU", "None", "banana"])), None);
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
