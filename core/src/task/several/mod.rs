//! Several tasks at once: data sets with a task and a head each, on one shared encoder. No room of the table: it wraps the
//! rows of rooms, so that whoever trains and measures sees one set of rows, of which each batch is of one part.
//!
//! In: the prepared rows of each part. Out: rows whose indices follow each other part by part; figures as
//! `part/figure`, and the evaluations of the parts.

mod measure;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::measure::SeveralMeasure;
pub use self::measure::thresholds_of;
pub use self::settings::{goes_with_others, settings_of};
use super::{AddedRows, Evaluation, FigureSpec, LOSS, Measure, Task, TaskRows};
use crate::data::{HostBatch, Split};
use crate::hub::sha256_hex;

/// Between the name of a part and that of its figure, or of its label.
pub const SEPARATOR: char = '/';

/// The evaluations of the parts that had rows, by their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// (name, evaluation), in the order of the parts.
    pub parts: Vec<(String, Evaluation)>,
}

/// One of several tasks.
#[derive(Debug)]
pub struct PartRows {
    /// Its name, which figures and exported folders have.
    pub name: String,
    /// Its rows.
    pub rows: Box<dyn TaskRows>,
}

/// The rows of several tasks, one part after the other; part `i` is of head `i`.
#[derive(Debug)]
pub struct SeveralRows {
    parts: Vec<PartRows>,
    /// Those of all parts.
    labels: Vec<String>,
}

impl EvaluationDetail {
    /// The task of the first part.
    pub(super) fn task(&self) -> Task {
        self.parts.first().map_or_else(Task::default, |(_, evaluation)| evaluation.task())
    }

    /// The evaluation of a part.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Evaluation> {
        self.parts.iter().find(|(own, _)| own == name).map(|(_, evaluation)| evaluation)
    }

    /// The thresholds of all parts; a label stands behind the name of its part.
    pub(super) fn thresholds(&self) -> BTreeMap<String, f64> {
        let of_part = |(name, evaluation): &(String, Evaluation)| {
            evaluation
                .thresholds()
                .into_iter()
                .map(|(label, value)| (full_name(name, &label), value))
                .collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(of_part).collect()
    }
}

impl SeveralRows {
    /// The rows of these parts, of which there is at least one.
    #[must_use]
    pub fn new(parts: Vec<PartRows>) -> Self {
        let labels = parts.iter().flat_map(|part| part.rows.labels().iter().cloned()).collect();
        Self { parts, labels }
    }

    /// The parts, in the order of their heads.
    #[must_use]
    pub fn parts(&self) -> &[PartRows] {
        &self.parts
    }

    /// Rows of each part in a split.
    #[must_use]
    pub fn sizes(&self, split: Split) -> Vec<usize> {
        self.parts.iter().map(|part| part.rows.num_rows()[split as usize]).collect()
    }

    /// The part that a row of a split is of.
    #[must_use]
    pub fn part_of(&self, split: Split, index: usize) -> usize {
        self.locate(split, index).0
    }

    /// The figure that a setting names: `loss`, the mean over the parts, or `part/figure`.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&'static FigureSpec> {
        if name == LOSS.name {
            return Some(&LOSS);
        }
        let (part, figure) = name.split_once(SEPARATOR)?;
        let rows = &self.parts.iter().find(|own| own.name == part)?.rows;
        let spec = rows.task().spec();
        spec.figure(figure).filter(|_| spec.measures(figure, rows.labels().len()))
    }

    /// Names of the figures that may choose the best weights.
    #[must_use]
    pub fn figure_names(&self) -> Vec<String> {
        let names = figure_names(self.parts.iter().map(|part| (part.name.as_str(), part.rows.task())));
        names.into_iter().filter(|name| self.figure(name).is_some()).collect()
    }

    /// Part, and index within it, of a row of a split; of one that is not there the last part's.
    fn locate(&self, split: Split, index: usize) -> (usize, usize) {
        let mut start = 0;
        for (part, of_part) in self.parts.iter().enumerate() {
            let size = of_part.rows.num_rows()[split as usize];
            if index < start + size {
                return (part, index - start);
            }
            start += size;
        }
        (self.parts.len().saturating_sub(1), index - start)
    }
}

/// Names of the figures of several tasks: `loss`, the mean over the parts, and `part/figure`.
#[must_use]
pub fn figure_names<'a>(parts: impl IntoIterator<Item = (&'a str, Task)>) -> Vec<String> {
    let of_part = |(name, task): (&'a str, Task)| {
        task.spec().figures.iter().map(move |figure| full_name(name, figure.name)).collect::<Vec<_>>()
    };
    std::iter::once(LOSS.name.to_owned()).chain(parts.into_iter().flat_map(of_part)).collect()
}

/// The head that a row of a split is of: the first where there is one task.
#[must_use]
pub fn head_of(rows: &dyn TaskRows, split: Split, index: usize) -> usize {
    rows.as_several().map_or(0, |several| several.part_of(split, index))
}

/// The task that a head of these rows is for.
#[must_use]
pub fn task_of_head(rows: &dyn TaskRows, head: usize) -> Task {
    rows.as_several().map_or_else(|| rows.task(), |several| several.parts[head].rows.task())
}

/// `part/figure`
fn full_name(part: &str, name: &str) -> String {
    format!("{part}{SEPARATOR}{name}")
}

impl TaskRows for SeveralRows {
    /// That of the first part; see [`task_of_head`].
    fn task(&self) -> Task {
        self.parts[0].rows.task()
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        [Split::Train, Split::Valid, Split::Test].map(|split| self.sizes(split).iter().sum())
    }

    fn num_read(&self) -> [usize; 3] {
        [0, 1, 2].map(|split| self.parts.iter().map(|part| part.rows.num_read()[split]).sum())
    }

    /// A label stands behind the name of its part.
    fn added(&self) -> Option<AddedRows> {
        let parts = self.parts.iter().filter_map(|part| Some((part.name.as_str(), part.rows.added()?)));
        let add = |sum: Option<AddedRows>, (name, added)| {
            Some(sum.unwrap_or_default().with_part(added, |label| full_name(name, label)))
        };
        parts.fold(None, add)
    }

    /// A threshold stands behind the name of its part.
    fn thresholds(&self) -> BTreeMap<String, f64> {
        let of_part = |part: &PartRows| {
            let own = part.rows.thresholds().into_iter();
            own.map(|(name, value)| (full_name(&part.name, &name), value)).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(of_part).collect()
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.parts.iter().flat_map(|part| part.rows.lengths(split)).collect()
    }

    /// # Panics
    /// When the rows are not all of one part.
    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch {
        let places: Vec<(usize, usize)> = indices.iter().map(|&index| self.locate(split, index)).collect();
        let part = places.first().map_or(0, |(part, _)| *part);
        assert!(places.iter().all(|(other, _)| *other == part), "a batch is of one task");
        let own: Vec<usize> = places.into_iter().map(|(_, index)| index).collect();
        self.parts[part].rows.batch(split, &own, seed)
    }

    fn fingerprint(&self) -> String {
        let parts: Vec<String> =
            self.parts.iter().map(|part| format!("{} {}", part.name, part.rows.fingerprint())).collect();
        sha256_hex(parts.join("\n").as_bytes())
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        let (part, own) = self.locate(split, index);
        self.parts[part].rows.row_number(split, own)
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(SeveralMeasure::new(&self.parts, split))
    }

    fn as_several(&self) -> Option<&SeveralRows> {
        Some(self)
    }
}
