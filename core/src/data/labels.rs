//! Labels of rows: what can be classes, their order, and labels that are read as others.

use std::collections::{BTreeMap, HashSet};

use super::error::{DataError, quote_name};
use crate::config::ReadOptions;
use crate::words::plural;

/// Most classes that are told apart.
const MAX_CLASSES: usize = 1000;

/// So few classes are believed even where hardly two rows share one.
const FEW_CLASSES: usize = 10;

/// The classes, sorted; an error if they can't be classes. What a model knows as labels are some: where it knows half of
/// the rows, the others are mistaken labels rather than texts or ids. `found` has the label of each row, from `column`.
///
/// # Errors
/// When they are texts or ids rather than labels.
pub fn sorted_labels(found: &[&str], column: &str, known_labels: &[String]) -> Result<Vec<String>, DataError> {
    let distinct: HashSet<&str> = found.iter().copied().collect();
    let known: HashSet<&str> = known_labels.iter().map(String::as_str).collect();
    let (num_classes, num_rows) = (distinct.len(), found.len());
    let num_known = found.iter().filter(|label| known.contains(**label)).count();
    let too_many = num_classes > MAX_CLASSES && num_known < num_rows;
    let few_rows_each = num_classes > FEW_CLASSES && num_classes * 2 > num_rows && num_known * 2 < num_rows;
    if too_many || few_rows_each {
        return Err(DataError::TooManyClasses { column: column.to_owned(), num_classes, num_rows });
    }
    let mut labels: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    sort_labels(&mut labels);
    Ok(labels)
}

/// Sorts labels: as numbers if all are numbers, else as texts.
pub fn sort_labels(labels: &mut [String]) {
    let number = |label: &String| label.parse::<f64>().ok().filter(|number| number.is_finite());
    labels.sort_unstable();
    if labels.iter().all(|label| number(label).is_some()) {
        labels.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    }
}

/// Labels that are read as others, and how many rows had each.
#[derive(Debug)]
pub struct Merges<'r> {
    read: &'r ReadOptions,
    num_rows: BTreeMap<&'r str, usize>,
}

impl<'r> Merges<'r> {
    /// The merges that are asked for; no row had any of them yet.
    #[must_use]
    pub fn new(read: &'r ReadOptions) -> Self {
        Self { read, num_rows: read.merge_labels.keys().map(|from| (from.as_str(), 0)).collect() }
    }

    /// The label that a row gets.
    #[must_use]
    pub fn merge(&mut self, label: String) -> String {
        match self.num_rows.get_mut(label.as_str()) {
            Some(count) => {
                *count += 1;
                self.read.merged_label(&label).to_owned()
            }
            None => label,
        }
    }

    /// Says what was merged.
    #[must_use]
    pub fn merged(&self) -> Vec<String> {
        let merged = self.num_rows.iter().filter(|&(_, &count)| count > 0);
        let say = |(from, count): (&&str, &usize)| {
            let (from, to, rows) = (quote_name(from), self.target(from), plural(*count, "row"));
            format!("the label {from} of {rows} is read as {to}")
        };
        merged.map(say).collect()
    }

    /// Says which labels were to be merged and are not there.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        let unused = self.num_rows.iter().filter(|&(_, &count)| count == 0);
        let say = |(from, _): (&&str, &usize)| {
            format!("no row has the label {}, which is to be read as {}", quote_name(from), self.target(from))
        };
        unused.map(say).collect()
    }

    fn target(&self, from: &str) -> String {
        quote_name(self.read.merged_label(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(found: &[String], known_labels: &[String]) -> Result<Vec<String>, DataError> {
        sorted_labels(&found.iter().map(String::as_str).collect::<Vec<_>>(), "label", known_labels)
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class{i}")).collect()
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let labels = sorted(&(0..60).map(|i| (i % 12).to_string()).collect::<Vec<_>>(), &[]).expect("classes");
        assert_eq!(labels, (0..12).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn labels_that_a_model_knows_are_labels_however_few_rows_share_one() {
        let many = names(1500);
        assert!(matches!(sorted(&many, &[]), Err(DataError::TooManyClasses { .. })));
        assert_eq!(sorted(&many, &names(1500)).expect("all are known").len(), 1500);
        // Half of them are known: the others will be named, and are no texts or ids.
        let few = names(20);
        assert_eq!(sorted(&few, &names(10)).expect("half are known").len(), 20);
        assert!(matches!(sorted(&few, &names(9)), Err(DataError::TooManyClasses { .. })));
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
}
