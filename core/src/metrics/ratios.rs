//! Precision, recall and F1 from counts, and their means over classes. Undefined ratios are 0 (`zero_division=0`).

use serde::{Deserialize, Serialize};

/// Precision, recall and F1, of one class or averaged over several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallF1 {
    /// Of what was predicted, the share that is right.
    pub precision: f64,
    /// Of what is there, the share that was predicted.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// How often a class was there, was predicted, and was predicted where it was there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) hits: usize,
    pub(super) predicted: usize,
    pub(super) support: usize,
}

impl Counts {
    /// Adds another's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.predicted += other.predicted;
        self.support += other.support;
    }

    pub(super) fn ratios(self) -> PrecisionRecallF1 {
        let Self { hits, predicted, support } = self;
        PrecisionRecallF1 {
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            f1: ratio(2 * hits, support + predicted),
        }
    }
}

/// The figures of all classes' counts together.
pub(super) fn micro_average(classes: &[Counts]) -> PrecisionRecallF1 {
    let mut total = Counts::default();
    classes.iter().for_each(|&class| total.add(class));
    total.ratios()
}

/// Unweighted mean of the classes' figures; without classes it is 0.
pub(super) fn macro_average(classes: &[Counts]) -> PrecisionRecallF1 {
    mean_weighted_by(classes, |_| 1)
}

/// Mean of the classes' figures weighted by their support; without any support it is 0.
pub(super) fn weighted_average(classes: &[Counts]) -> PrecisionRecallF1 {
    mean_weighted_by(classes, |class| class.support)
}

fn mean_weighted_by(classes: &[Counts], weight: impl Fn(Counts) -> usize) -> PrecisionRecallF1 {
    let mut sum = PrecisionRecallF1::default();
    let mut total = 0;
    for &class in classes {
        let PrecisionRecallF1 { precision, recall, f1 } = class.ratios();
        let class_weight = weight(class);
        sum.precision += precision * class_weight as f64;
        sum.recall += recall * class_weight as f64;
        sum.f1 += f1 * class_weight as f64;
        total += class_weight;
    }
    let total = total.max(1) as f64;
    PrecisionRecallF1 { precision: sum.precision / total, recall: sum.recall / total, f1: sum.f1 / total }
}

/// `part / whole`, 0 where `whole` is.
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_differ_where_classes_are_of_unequal_size() {
        let classes = [Counts { hits: 3, predicted: 3, support: 3 }, Counts { hits: 0, predicted: 1, support: 1 }];
        assert_eq!(micro_average(&classes), PrecisionRecallF1 { precision: 0.75, recall: 0.75, f1: 0.75 });
        assert_eq!(macro_average(&classes), PrecisionRecallF1 { precision: 0.5, recall: 0.5, f1: 0.5 });
        assert_eq!(weighted_average(&classes), PrecisionRecallF1 { precision: 0.75, recall: 0.75, f1: 0.75 });
    }

    #[test]
    fn nothing_counted_is_zero() {
        for average in [micro_average, macro_average, weighted_average] {
            assert_eq!(average(&[]), PrecisionRecallF1::default());
            assert_eq!(average(&[Counts::default()]), PrecisionRecallF1::default());
        }
    }
}
