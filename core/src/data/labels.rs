//! Labels of rows: text to ids, what can be classes, and what a model knows.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::dataset::{Dataset, Example};
use super::error::{DataError, shorten};
use crate::config::ReadOptions;
use crate::words::plural;

/// Most classes that are told apart.
const MAX_CLASSES: usize = 1000;

/// So few classes are believed even where hardly two rows share one.
const FEW_CLASSES: usize = 10;

/// A row with its label still as text.
pub(super) struct Labeled {
    pub(super) row: usize,
    pub(super) text: String,
    pub(super) label: String,
}

impl Dataset {
    /// Checks that a model which tells `known` labels apart can be measured on all rows; `column` is that of the labels.
    ///
    /// # Errors
    /// Names the first row with another label.
    pub fn check_labels(&self, known: &[String], column: &str) -> Result<(), DataError> {
        let is_known: Vec<bool> = self.labels.iter().map(|label| known.contains(label)).collect();
        let splits = [&self.train, &self.valid, &self.test];
        let unknown = || splits.into_iter().flatten().filter(|row| !is_known[row.label]);
        let Some(first) = unknown().min_by_key(|row| row.row) else { return Ok(()) };
        Err(DataError::UnknownToModel {
            row: first.row,
            column: column.to_owned(),
            label: self.labels[first.label].clone(),
            num_rows: unknown().count(),
            known: known.to_vec(),
        })
    }
}

/// The classes, sorted; an error if they can't be classes. What a model knows as labels are some: where it knows half of
/// the rows, the others are mistaken labels rather than texts or ids.
pub(super) fn sorted_labels(rows: &[Labeled], column: &str, known_labels: &[String]) -> Result<Vec<String>, DataError> {
    let distinct: HashSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    let known: HashSet<&str> = known_labels.iter().map(String::as_str).collect();
    let (num_classes, num_rows) = (distinct.len(), rows.len());
    let num_known = rows.iter().filter(|row| known.contains(row.label.as_str())).count();
    let too_many = num_classes > MAX_CLASSES && num_known < num_rows;
    let few_rows_each = num_classes > FEW_CLASSES && num_classes * 2 > num_rows && num_known * 2 < num_rows;
    if too_many || few_rows_each {
        return Err(DataError::TooManyClasses { column: column.to_owned(), num_classes, num_rows });
    }
    let mut labels: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    let number = |label: &String| label.parse::<f64>().ok().filter(|number| number.is_finite());
    labels.sort_unstable();
    if labels.iter().all(|label| number(label).is_some()) {
        labels.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    }
    Ok(labels)
}

/// Labels to ids; an error at the first label that the training rows do not have.
pub(super) fn label_rows(
    rows: Vec<Labeled>,
    ids: &HashMap<&str, usize>,
    labels: &[String],
    column: &str,
) -> Result<Vec<Example>, DataError> {
    let label_row = |Labeled { row, text, label }| match ids.get(label.as_str()) {
        Some(&label) => Ok(Example { row, text, label }),
        None => Err(DataError::UnknownLabel { row, column: column.to_owned(), label, known: labels.to_vec() }),
    };
    rows.into_iter().map(label_row).collect()
}

/// Labels that are read as others, and how many rows had each.
pub(super) struct Merges<'r> {
    read: &'r ReadOptions,
    num_rows: BTreeMap<&'r str, usize>,
}

impl<'r> Merges<'r> {
    pub(super) fn new(read: &'r ReadOptions) -> Self {
        Self { read, num_rows: read.merge_labels.keys().map(|from| (from.as_str(), 0)).collect() }
    }

    /// The label that a row gets.
    pub(super) fn merge(&mut self, label: String) -> String {
        match self.num_rows.get_mut(label.as_str()) {
            Some(count) => {
                *count += 1;
                self.read.merged_label(&label).to_owned()
            }
            None => label,
        }
    }

    /// Says what was merged.
    pub(super) fn merged(&self) -> Vec<String> {
        let merged = self.num_rows.iter().filter(|&(_, &count)| count > 0);
        let say = |(from, count): (&&str, &usize)| {
            let (from, to, rows) = (shorten(from), self.target(from), plural(*count, "row"));
            format!("the label {from} of {rows} is read as {to}")
        };
        merged.map(say).collect()
    }

    /// Says which labels were to be merged and are not there.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self.num_rows.iter().filter(|&(_, &count)| count == 0);
        let say = |(from, _): (&&str, &usize)| {
            format!("no row has the label {}, which is to be read as {}", shorten(from), self.target(from))
        };
        unused.map(say).collect()
    }

    fn target(&self, from: &str) -> String {
        shorten(self.read.merged_label(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(labels: impl Iterator<Item = String>) -> Vec<Labeled> {
        labels.enumerate().map(|(row, label)| Labeled { row: row + 2, text: "a text".into(), label }).collect()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class{i}")).collect()
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let labels = sorted_labels(&rows((0..60).map(|i| (i % 12).to_string())), "label", &[]).expect("classes");
        assert_eq!(labels, (0..12).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn labels_that_a_model_knows_are_labels_however_few_rows_share_one() {
        let many = rows(names(1500).into_iter());
        assert!(matches!(sorted_labels(&many, "label", &[]), Err(DataError::TooManyClasses { .. })));
        assert_eq!(sorted_labels(&many, "label", &names(1500)).expect("all are known").len(), 1500);
        // Half of them are known: the others will be named, and are no texts or ids.
        let few = rows(names(20).into_iter());
        assert_eq!(sorted_labels(&few, "label", &names(10)).expect("half are known").len(), 20);
        assert!(matches!(sorted_labels(&few, "label", &names(9)), Err(DataError::TooManyClasses { .. })));
    }

    #[test]
    fn labels_are_merged_and_it_is_said() {
        let pairs = [("biling", "Billing"), ("billing", "biling"), ("bill", "Billing")];
        let merge_labels = pairs.map(|(from, to)| (from.to_owned(), to.to_owned())).into_iter().collect();
        let read = ReadOptions { merge_labels, ..ReadOptions::default() };
        let mut merges = Merges::new(&read);
        let merged = ["Billing", "biling", "access", "billing", "biling"].map(|label| merges.merge(label.into()));
        assert_eq!(merged, ["Billing", "Billing", "access", "Billing", "Billing"]);
        let notes = [
            "the label \"biling\" of 2 rows is read as \"Billing\"",
            "the label \"billing\" of 1 row is read as \"Billing\"",
        ];
        assert_eq!(merges.merged(), notes);
        assert_eq!(merges.unused(), ["no row has the label \"bill\", which is to be read as \"Billing\""]);
    }

    #[test]
    fn an_unknown_label_is_named_with_at_most_twenty_known_ones() {
        let row = |row: usize, label: usize| Example { row, text: "a text".into(), label };
        let train = vec![row(2, 0), row(9, 1), row(5, 1)];
        let labels = vec!["class0".to_owned(), "neither".to_owned()];
        let dataset = Dataset { labels, train, valid: Vec::new(), test: Vec::new() };
        let error = dataset.check_labels(&names(30), "label").expect_err("unknown").to_string();
        assert!(error.starts_with("row 5, column \"label\": label \"neither\" is not one of the model's"), "{error}");
        assert!(error.ends_with("\"class19\" and 10 more"), "{error}");
    }
}
