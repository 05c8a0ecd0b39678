//! Labeled rows as a run trains on them and is measured on them.

use std::rc::Rc;

use super::SPEC;
use super::measure::ClassMeasure;
use crate::config::RunConfig;
use crate::data::{HostBatch, Split};
use crate::metrics::most_frequent;
use crate::task::targets::ClassTargets;
use crate::task::texts::PreparedTexts;
use crate::task::{AddedRows, Measure, Task, TaskRows};

/// Labeled rows with their tokens.
#[derive(Debug)]
pub(super) struct LabeledRows(Rc<Content>);

#[derive(Debug)]
pub(super) struct Content {
    pub(super) labels: Vec<String>,
    pub(super) texts: PreparedTexts<usize>,
    /// The label id that the rows to train on have most; where a file is only measured, those rows are its own.
    pub(super) most_frequent_label: Option<usize>,
    targets: ClassTargets,
}

impl LabeledRows {
    pub(super) fn new(labels: Vec<String>, texts: PreparedTexts<usize>, run: &RunConfig) -> Self {
        let targets = ClassTargets::new(labels.len(), texts.rows(Split::Train).iter().map(|row| row.label), run);
        let most_frequent_label = most_frequent(texts.rows_as_read(Split::Train).iter().map(|row| row.label));
        Self(Rc::new(Content { labels, texts, most_frequent_label, targets }))
    }
}

impl TaskRows for LabeledRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.0.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        self.0.texts.num_rows()
    }

    fn num_read(&self) -> [usize; 3] {
        self.0.texts.num_read()
    }

    fn added(&self) -> Option<AddedRows> {
        let labels = &self.0.labels;
        self.0.texts.added(|rows| {
            let mut counts = vec![0; labels.len()];
            rows.iter().for_each(|row| counts[row.label] += 1);
            labels.iter().cloned().zip(counts).collect()
        })
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.0.texts.lengths(split)
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let rows = self.0.texts.rows(split);
        let labels: Vec<usize> = indices.iter().map(|&index| rows[index].label).collect();
        let (targets, weight) = self.0.targets.of(&labels);
        self.0.texts.batch(split, indices, targets, weight)
    }

    fn fingerprint(&self) -> String {
        self.0.texts.fingerprint(|&label| (label as u32).to_le_bytes().to_vec())
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.texts.rows(split)[index].row
    }

    fn label_ids(&self, split: Split) -> Option<Vec<usize>> {
        Some(self.0.texts.rows_as_read(split).iter().map(|row| row.label).collect())
    }

    fn classes_to_train(&self) -> Option<Vec<usize>> {
        Some(self.0.texts.rows(Split::Train).iter().map(|row| row.label).collect())
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(ClassMeasure::new(Rc::clone(&self.0), split))
    }
}
