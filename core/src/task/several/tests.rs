//! Two parts of rows that know nothing but their numbers.

use super::*;
use crate::data::{HostInputs, HostTargets, HostText, Outputs};
use crate::metrics::{Confusion, Figure};
use crate::task::{EvaluationDetail as Detail, RowPredictions};

/// Rows of which there are so many in each split; the batch has their numbers as tokens.
#[derive(Debug)]
struct Numbered {
    num_rows: [usize; 3],
    first: usize,
}

/// What was added, as the loss.
struct Count(Vec<usize>);

impl TaskRows for Numbered {
    fn task(&self) -> Task {
        Task::default()
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.num_rows
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        (0..self.num_rows[split as usize]).map(|index| self.first + index).collect()
    }

    fn batch(&self, _split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let input_ids = indices.iter().map(|&index| (self.first + index) as i32).collect();
        let inputs = HostInputs::Text(HostText { input_ids, ..HostText::default() });
        HostBatch { inputs, targets: HostTargets::None, weight: 1.0, num_rows: indices.len(), num_tokens: 0 }
    }

    fn fingerprint(&self) -> String {
        format!("{self:?}")
    }

    fn row_number(&self, _split: Split, index: usize) -> usize {
        self.first + index
    }

    fn measure(&self, _split: Split) -> Box<dyn Measure> {
        Box::new(Count(Vec::new()))
    }
}

impl Measure for Count {
    fn add(&mut self, indices: &[usize], _batch: &HostBatch, _outputs: &Outputs) -> Result<(), usize> {
        self.0.extend(indices);
        match indices.contains(&9) {
            true => Err(9),
            false => Ok(()),
        }
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let detail = Detail::SequenceClassification(Box::new(Confusion::new(&[]).finish(0.0)));
        let figures = vec![Figure::lower("loss", self.0.len() as f64), Figure::higher("accuracy", 0.5)];
        (Evaluation { figures, num_rows: self.0.len(), detail }, RowPredictions::SequenceClassification(Vec::new()))
    }
}

fn several() -> SeveralRows {
    let part =
        |name: &str, num_rows, first| PartRows { name: name.into(), rows: Box::new(Numbered { num_rows, first }) };
    SeveralRows::new(vec![part("topic", [5, 2, 0], 100), part("spam", [3, 4, 1], 200)])
}

fn ids(batch: &HostBatch) -> &[i32] {
    let text = batch.inputs.text();
    &text.input_ids
}

#[test]
fn rows_follow_each_other_part_by_part() {
    let rows = several();
    assert_eq!((rows.num_rows(), rows.sizes(Split::Train)), ([8, 6, 1], vec![5, 3]));
    assert_eq!(rows.lengths(Split::Valid), [100, 101, 200, 201, 202, 203]);
    assert_eq!([0, 4, 5, 7].map(|index| rows.part_of(Split::Train, index)), [0, 0, 1, 1]);
    assert_eq!((rows.part_of(Split::Test, 0), rows.row_number(Split::Train, 6)), (1, 201));
    assert_eq!(ids(&rows.batch(Split::Train, &[1, 4], None)), [101, 104]);
    assert_eq!(ids(&rows.batch(Split::Train, &[5, 7], None)), [200, 202]);
    assert_eq!([head_of(&rows, Split::Valid, 1), head_of(&rows, Split::Valid, 2)], [0, 1]);
    assert_eq!(head_of(&Numbered { num_rows: [9; 3], first: 0 }, Split::Train, 8), 0, "one task has one head");
}

#[test]
#[should_panic(expected = "a batch is of one task")]
fn a_batch_never_mixes_tasks() {
    let _ = several().batch(Split::Train, &[4, 5], None);
}

#[test]
fn the_fingerprint_knows_every_part_and_its_name() {
    let other = |name: &str, first| {
        let parts = vec![PartRows { name: name.into(), rows: Box::new(Numbered { num_rows: [5, 2, 0], first }) }];
        SeveralRows::new(parts).fingerprint()
    };
    assert_eq!(other("topic", 1), other("topic", 1));
    assert_ne!(other("topic", 1), other("topic", 2));
    assert_ne!(other("topic", 1), other("spam", 1));
}

#[test]
fn figures_are_named_after_their_part_and_the_loss_is_the_mean() {
    let rows = several();
    let mut measure = rows.measure(Split::Valid);
    let outputs = Outputs::Rows { values: Vec::new(), width: 1 };
    for indices in [&[0, 1][..], &[2, 3, 5], &[4]] {
        let batch = rows.batch(Split::Valid, indices, None);
        measure.add(indices, &batch, &outputs).expect("finite");
    }
    let (evaluation, found) = measure.finish();
    assert_eq!((evaluation.num_rows, evaluation.figure("loss")), (6, Some(3.0)), "of 2 and 4");
    assert_eq!((evaluation.figure("topic/loss"), evaluation.figure("spam/loss")), (Some(2.0), Some(4.0)));
    assert_eq!(evaluation.figure("spam/accuracy"), Some(0.5));
    let Detail::Several(detail) = &evaluation.detail else { panic!("of several") };
    assert_eq!(detail.part("spam").map(|part| part.num_rows), Some(4));
    assert!(matches!(found, RowPredictions::Several(parts) if parts.len() == 2));
}

#[test]
fn a_part_without_rows_is_left_out_of_the_mean() {
    let rows = several();
    let mut measure = rows.measure(Split::Test);
    let outputs = Outputs::Rows { values: Vec::new(), width: 1 };
    measure.add(&[0], &rows.batch(Split::Test, &[0], None), &outputs).expect("finite");
    let (evaluation, _) = measure.finish();
    assert_eq!((evaluation.figure("loss"), evaluation.figure("topic/loss")), (Some(1.0), None));
}

#[test]
fn the_row_that_is_not_finite_is_named_among_all() {
    let part = |name: &str| PartRows { name: name.into(), rows: Box::new(Numbered { num_rows: [10; 3], first: 0 }) };
    let rows = SeveralRows::new(vec![part("a"), part("b")]);
    let outputs = Outputs::Rows { values: Vec::new(), width: 1 };
    let batch = rows.batch(Split::Train, &[19], None);
    assert_eq!(rows.measure(Split::Train).add(&[19], &batch, &outputs), Err(19));
}

#[test]
fn settings_name_figures_by_their_part() {
    let rows = several();
    assert_eq!(rows.figure("loss"), Some(&LOSS));
    assert_eq!(rows.figure("spam/accuracy").map(|figure| figure.name), Some("accuracy"));
    for unknown in ["accuracy", "mood/accuracy", "spam/bleu", "spam"] {
        assert_eq!(rows.figure(unknown), None, "{unknown}");
    }
    let names = rows.figure_names();
    assert_eq!(names[0], "loss");
    assert!(names.iter().all(|name| rows.figure(name).is_some()), "{names:?}");
}

#[test]
fn thresholds_are_those_of_a_part() {
    let named = |values: &[(&str, f64)]| -> BTreeMap<String, f64> {
        values.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    };
    let all = named(&[("a/x", 0.1), ("a/b/x", 0.2), ("ab/x", 0.3)]);
    assert_eq!(thresholds_of(&all, "a"), named(&[("x", 0.1), ("b/x", 0.2)]));
    assert_eq!(thresholds_of(&all, "ab"), named(&[("x", 0.3)]));
}
