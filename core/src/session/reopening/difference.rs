//! How far two answers to the same rows are from each other. In: outputs of a model in memory and of what was written of it, a row
//! after the other. Out: the largest difference, of which row, and how many rows agree within a tolerance.

use crate::data::Outputs;
use crate::metrics::{find_highest, softmax};
use crate::model::ProblemType;
use crate::task::{HeadKind, Task};

/// Largest difference of answers, both computed in f32: merging adapters, and the order of sums on a GPU, move the last digits.
pub(super) const F32_TOLERANCE: f64 = 1e-4;

/// The same on a device that rounds what it multiplies to 11 bits (TF32 of NVIDIA's GPUs): an adapter beside its weights and one that
/// was added to them are rounded in other places.
pub(super) const TF32_TOLERANCE: f64 = 1e-2;

/// What is compared of two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Probabilities of labels, or of tokens, of which one is given.
    Labels,
    /// Probabilities of labels that each hold or not.
    SeveralLabels,
    /// Vectors, by the cosine between them.
    Vectors,
    /// Numbers, and losses: relative to the largest of the row where that is more than 1.
    Numbers,
}

/// What came of comparing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    tolerance: f64,
    reading: Reading,
    pub(super) num_rows: usize,
    pub(super) num_alike: usize,
    /// Rows within the tolerance whose highest label is another.
    pub(super) num_ties: usize,
    /// The largest difference, and the name of its row.
    pub(super) largest: Option<(f64, String)>,
}

impl Reading {
    /// What is compared of the answers of a task.
    pub(super) fn of_task(task: Task) -> Self {
        let spec = task.spec();
        match spec.head {
            HeadKind::Sequence => match spec.problem_type.and_then(ProblemType::from_name) {
                Some(ProblemType::Regression) => Self::Numbers,
                Some(ProblemType::MultiLabelClassification) => Self::SeveralLabels,
                Some(ProblemType::SingleLabelClassification) | None => Self::Labels,
            },
            HeadKind::Token | HeadKind::Image => Self::Labels,
            HeadKind::Span => Self::Numbers,
            HeadKind::Pooled => Self::Vectors,
            HeadKind::MaskedLm | HeadKind::CausalLm | HeadKind::Seq2seqLm => Self::Labels,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Labels | Self::SeveralLabels => "largest difference of a probability",
            Self::Vectors => "largest distance of two vectors, by their cosine",
            Self::Numbers => "largest difference of a number, beside the size of those of its row",
        }
    }

    /// Difference of two rows of outputs, of which `size` is the largest number or 1; not a number where one of them is none.
    fn difference(self, before: &[f32], after: &[f32], size: f64) -> f64 {
        match self {
            Self::Labels => largest(&softmax(before, 1.0), &softmax(after, 1.0), |a, b| (a - b).abs()),
            Self::SeveralLabels => largest(&sigmoids(before), &sigmoids(after), |a, b| (a - b).abs()),
            Self::Vectors => 1.0 - cosine(before, after),
            Self::Numbers => largest(&doubles(before), &doubles(after), |a, b| relative(a, b, size)),
        }
    }
}

impl Compared {
    pub(super) fn new(reading: Reading, tolerance: f64) -> Self {
        Self { tolerance, reading, num_rows: 0, num_alike: 0, num_ties: 0, largest: None }
    }

    /// Compares the outputs of a batch of rows with these names.
    pub(super) fn add(&mut self, names: &[String], before: &Outputs, after: &Outputs) {
        if let (Outputs::Tokens { .. }, Outputs::Tokens { .. }) = (before, after) {
            self.reading = Reading::Numbers;
        }
        for (index, name) in names.iter().enumerate() {
            let (difference, is_tie) = self.of_row(index, names.len(), before, after);
            self.num_rows += 1;
            // What is not a number is no row that agrees.
            if difference <= self.tolerance {
                self.num_alike += 1;
                self.num_ties += usize::from(is_tie);
            }
            let known = self.largest.as_ref().map_or(-1.0, |(largest, _)| *largest);
            if difference > known || difference.is_nan() {
                let difference = if difference.is_nan() { f64::INFINITY } else { difference };
                self.largest = Some((difference, name.clone()));
            }
        }
    }

    /// Difference of the row at `index` of so many, and whether its highest label is another.
    fn of_row(&self, index: usize, num_rows: usize, before: &Outputs, after: &Outputs) -> (f64, bool) {
        match (before, after) {
            (Outputs::Tokens { losses: before, .. }, Outputs::Tokens { losses: after, .. }) => {
                let [before, after] = [before, after].map(|losses| doubles(losses).iter().sum::<f64>());
                (relative(before, after, before.abs().max(1.0)), false)
            }
            (Outputs::Rows { values: before, width }, Outputs::Rows { values: after, width: other })
                if width == other && before.len() == after.len() && *width > 0 =>
            {
                let outputs = self.outputs_of(index, num_rows, before.len() / width);
                let cells = |output: usize| output * width..(output + 1) * width;
                let sizes = outputs.iter().flat_map(|&output| &before[cells(output)]);
                let size =
                    sizes.filter(|value| value.is_finite()).fold(1.0, |most, value| f64::from(value.abs()).max(most));
                let mut largest = 0.0_f64;
                let mut is_tie = false;
                for output in outputs {
                    let (before, after) = (&before[cells(output)], &after[cells(output)]);
                    let difference = self.reading.difference(before, after, size);
                    if difference.is_nan() {
                        return (f64::NAN, false);
                    }
                    largest = largest.max(difference);
                    is_tie |= self.reading == Reading::Labels && find_highest(before) != find_highest(after);
                }
                (largest, is_tie)
            }
            _ => (f64::INFINITY, false),
        }
    }

    /// Which outputs of a batch are those of the row at `index`. A row of the file may have many: one for each of its tokens, side by
    /// side, or a vector of each of its texts, first the first texts of all rows.
    fn outputs_of(&self, index: usize, num_rows: usize, num_outputs: usize) -> Vec<usize> {
        match self.reading {
            Reading::Vectors if num_outputs.is_multiple_of(num_rows) => {
                (index..num_outputs).step_by(num_rows).collect()
            }
            _ => ((index * num_outputs / num_rows)..((index + 1) * num_outputs / num_rows)).collect(),
        }
    }

    pub(super) fn is_alike(&self) -> bool {
        self.num_alike == self.num_rows
    }

    /// `largest difference of a probability 2.1e-7, 1e-4 is allowed`
    pub(super) fn words(&self) -> String {
        let largest = self.largest.as_ref().map_or(0.0, |(largest, _)| *largest);
        let mut text = format!("{} {}, {:e} is allowed", self.reading.words(), short(largest), self.tolerance);
        if self.tolerance > F32_TOLERANCE {
            text.push_str(" on this device, which multiplies 11 bits of each number (TF32)");
        }
        if self.num_ties > 0 {
            text.push_str(&format!("; at {} two labels were as likely, and the other came first", self.num_ties));
        }
        text
    }
}

/// A number with two digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 {
        "0".into()
    } else if value.is_finite() {
        format!("{value:.1e}")
    } else {
        "not a number, or of another form".into()
    }
}

fn relative(before: f64, after: f64, size: f64) -> f64 {
    // Infinite scores of what can't be chosen are the same.
    if before == after { 0.0 } else { (before - after).abs() / size }
}

fn largest(before: &[f64], after: &[f64], difference: impl Fn(f64, f64) -> f64) -> f64 {
    let all = before.iter().zip(after).map(|(before, after)| difference(*before, *after));
    all.fold(0.0, |most, value| if value.is_nan() || most.is_nan() { f64::NAN } else { most.max(value) })
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn sigmoids(logits: &[f32]) -> Vec<f64> {
    logits.iter().map(|&value| 1.0 / (1.0 + (-f64::from(value)).exp())).collect()
}

fn cosine(before: &[f32], after: &[f32]) -> f64 {
    if before == after {
        return 1.0;
    }
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    product(before, after) / (product(before, before) * product(after, after)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32], width: usize) -> Outputs {
        Outputs::Rows { values: values.to_vec(), width }
    }

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("row {number}")).collect()
    }

    fn compared(reading: Reading, count: usize, before: &Outputs, after: &Outputs) -> Compared {
        let mut found = Compared::new(reading, F32_TOLERANCE);
        found.add(&names(count), before, after);
        found
    }

    #[test]
    fn the_same_answers_agree_whatever_they_are() {
        let outputs = rows(&[1.0, -2.0, 0.5, f32::NEG_INFINITY], 2);
        for reading in [Reading::Labels, Reading::SeveralLabels, Reading::Vectors, Reading::Numbers] {
            let found = compared(reading, 2, &outputs, &outputs);
            assert!(found.is_alike() && found.num_rows == 2, "{reading:?}: {found:?}");
            assert!(found.words().contains(" 0, 1e-4 is allowed"), "{}", found.words());
        }
        let loss = Outputs::Tokens { losses: vec![12.5, 0.5], are_right: vec![false, true] };
        assert!(compared(Reading::Labels, 1, &loss, &loss).is_alike());
    }

    #[test]
    fn the_row_that_differs_is_named_with_how_far() {
        let (before, after) = (rows(&[0.0, 0.0, 0.0, 0.0], 2), rows(&[0.0, 0.0, 2.0, 0.0], 2));
        let found = compared(Reading::Labels, 2, &before, &after);
        assert_eq!((found.num_alike, found.is_alike()), (1, false));
        let (largest, name) = found.largest.expect("one differs");
        assert_eq!(name, "row 2");
        assert!((largest - 0.380_797).abs() < 1e-5, "{largest}");
        // A row of the file with two rows of outputs.
        let found = compared(Reading::Labels, 1, &before, &after);
        assert_eq!((found.num_rows, found.num_alike), (1, 0));
        // Two rows with two vectors each: the second texts stand behind the first of both.
        let (before, after) = (rows(&[1.0; 8], 2), rows(&[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0], 2));
        let found = compared(Reading::Vectors, 2, &before, &after);
        assert_eq!((found.num_alike, found.largest.expect("one differs").1.as_str()), (1, "row 1"));
    }

    #[test]
    fn each_kind_of_answer_has_its_own_measure() {
        let far = |reading, before: &[f32], after: &[f32]| {
            let width = before.len();
            compared(reading, 1, &rows(before, width), &rows(after, width)).largest.expect("a row").0
        };
        assert!((far(Reading::Vectors, &[1.0, 0.0], &[0.0, 1.0]) - 1.0).abs() < 1e-9);
        assert!(far(Reading::Vectors, &[1.0, 1.0], &[2.0, 2.0]).abs() < 1e-9, "their length does not matter");
        assert!((far(Reading::Numbers, &[100.0], &[101.0]) - 0.01).abs() < 1e-9);
        assert!((far(Reading::Numbers, &[100.0, 1.0], &[100.0, 1.5]) - 0.005).abs() < 1e-9, "beside the largest");
        assert!((far(Reading::SeveralLabels, &[0.0, 0.0], &[0.0, 100.0]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_number_or_of_another_shape_never_agrees() {
        let whole = rows(&[1.0, 2.0], 2);
        let others = [
            rows(&[f32::NAN, 2.0], 2),
            rows(&[1.0, 2.0, 3.0], 3),
            Outputs::Tokens { losses: vec![1.0], are_right: vec![false] },
        ];
        for other in others {
            for reading in [Reading::Labels, Reading::SeveralLabels, Reading::Vectors, Reading::Numbers] {
                let found = compared(reading, 1, &whole, &other);
                assert!(!found.is_alike() && found.words().contains("not a number"), "{reading:?}: {other:?}");
            }
        }
    }

    #[test]
    fn another_label_within_the_tolerance_is_a_tie_and_a_device_of_fewer_digits_has_a_tolerance_of_its_own() {
        let (before, after) = (rows(&[0.0, 1e-5], 2), rows(&[1e-5, 0.0], 2));
        let found = compared(Reading::Labels, 1, &before, &after);
        assert!(found.is_alike() && found.num_ties == 1 && found.words().contains("as likely"), "{}", found.words());
        let off = rows(&[0.0, 0.01], 2);
        let mut fewer = Compared::new(Reading::Labels, TF32_TOLERANCE);
        fewer.add(&names(1), &before, &off);
        assert!(fewer.is_alike() && fewer.words().contains("TF32"), "{}", fewer.words());
        assert!(!compared(Reading::Labels, 1, &before, &off).is_alike());
    }

    #[test]
    fn every_task_has_something_to_compare() {
        for &task in Task::ALL {
            let reading = Reading::of_task(task);
            assert_eq!(reading == Reading::Vectors, task.spec().head == HeadKind::Pooled, "{}", task.name());
        }
    }
}
