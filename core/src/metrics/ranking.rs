//! How well probabilities put the rows that have a label before those that have not: area under the ROC curve and average
//! precision, with scikit-learn's meaning.
//!
//! In: the probability and the truth of each label for each row, and how often each row counts. Out: [`RankingFigures`]. Rows are
//! sorted once, then each set of counts takes one pass over them: intervals draw a thousand. [`ranking_notes`] says what is undefined.

use crate::words::plural;

/// Probabilities that are counted anew for the draws of intervals, at most: of more, which would take seconds, the figures of the
/// order have no interval.
pub(super) const MAX_RANKED: usize = 400_000_000;

/// Figures of the order that probabilities put rows in.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct RankingFigures {
    /// Area under the ROC curve: of two labels that of the second, of more the unweighted mean over the labels that some rows
    /// have and some have not (`multi_class="ovr", average="macro"`).
    pub(super) roc_auc: Option<f64>,
    /// The same weighted by the rows of each label.
    pub(super) weighted_roc_auc: Option<f64>,
    /// Average precision: of two labels that of the second, of more the unweighted mean over the labels that a row has.
    pub(super) average_precision: Option<f64>,
}

/// The rows in the order of the probabilities of each label.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    labels: Vec<RankedLabel>,
}

/// Rows of one label, the most probable first.
#[derive(Debug, Clone, Default)]
struct RankedLabel {
    rows: Vec<u32>,
    groups: Vec<Group>,
}

/// Where a group of rows of the same probability lies of which some have the label; what lies before it and behind the group
/// before has not. Such rows are only counted, whatever their probabilities.
#[derive(Debug, Clone, Copy)]
struct Group {
    start: usize,
    /// From `start` to here rows have the label, from here to `end` they have not.
    end_of_hits: usize,
    end: usize,
}

impl Ranking {
    /// Of rows that each have one of so many labels; `probabilities` are row by row. Of two labels only the second is ranked: the
    /// other one's order is the same from its end.
    pub(super) fn of_classes(num_classes: usize, labels: &[usize], probabilities: &[f64]) -> Self {
        let first = usize::from(num_classes == 2);
        let ranked = |id: usize| {
            let scores = probabilities.iter().skip(id).step_by(num_classes).copied();
            RankedLabel::new(scores.zip(labels.iter().map(|&label| label == id)).collect())
        };
        Self { labels: (first..num_classes).map(ranked).collect() }
    }

    /// Of rows with any number of labels; both are row by row.
    pub(super) fn of_labels<P: Copy + Into<f64>>(num_labels: usize, probabilities: &[P], targets: &[bool]) -> Self {
        let ranked = |id: usize| {
            let scores = probabilities.iter().skip(id).step_by(num_labels).copied().map(Into::<f64>::into);
            RankedLabel::new(scores.zip(targets.iter().skip(id).step_by(num_labels).copied()).collect())
        };
        Self { labels: (0..num_labels).map(ranked).collect() }
    }

    /// The figures where each row counts so often.
    pub(super) fn figures(&self, times: &[u32]) -> RankingFigures {
        let (mut areas, mut precisions) = (Mean::default(), Mean::default());
        let mut weighted = Mean::default();
        let num_rows = sum(times);
        for label in &self.labels {
            let Ranked { support, area, precision } = label.rank(times, num_rows);
            if let Some(area) = area {
                areas.add(area, 1.0);
                weighted.add(area, support);
            }
            if let Some(precision) = precision {
                precisions.add(precision, 1.0);
            }
        }
        RankingFigures {
            roc_auc: areas.value(),
            weighted_roc_auc: weighted.value(),
            average_precision: precisions.value(),
        }
    }
}

/// Which of these figures are undefined, or means over fewer labels, each with the reason. `labels` are those that are ranked, each with
/// how many of the `num_rows` rows have it.
pub(crate) fn ranking_notes(labels: &[(&str, usize)], num_rows: usize) -> Vec<String> {
    let all = labels.len();
    if num_rows == 0 || all == 0 {
        return Vec::new();
    }
    let num_told = labels.iter().filter(|(_, support)| (1..num_rows).contains(support)).count();
    let num_had = labels.iter().filter(|(_, support)| *support > 0).count();
    let without = |count: usize| format!("{} of {all} left out", plural(all - count, "label"));
    let area = match num_told {
        0 => Some("is undefined and left out: no label has both rows that have it and rows that have not".to_owned()),
        _ if num_told < all => {
            Some(format!("is the mean over the labels that some rows have and some have not: {}", without(num_told)))
        }
        _ => None,
    };
    let precision = match (num_had, labels) {
        (0, [(name, _)]) => Some(format!("is undefined and left out: no row has the label {name:?}")),
        (0, _) => Some("is undefined and left out: no row has a label".to_owned()),
        _ if num_had < all => Some(format!("is the mean over the labels that have rows: {}", without(num_had))),
        _ => None,
    };
    let named = [("ROC AUC", area), ("Average precision", precision)];
    named.into_iter().filter_map(|(name, what)| Some(format!("{name} {}", what?))).collect()
}

fn sum(times: &[u32]) -> u64 {
    times.iter().map(|&times| u64::from(times)).sum()
}

/// What the order of one label's rows gives.
struct Ranked {
    /// Rows that have the label.
    support: f64,
    area: Option<f64>,
    precision: Option<f64>,
}

impl RankedLabel {
    fn new(scored: Vec<(f64, bool)>) -> Self {
        let mut order: Vec<u32> = (0..scored.len() as u32).collect();
        let score = |row: u32| scored[row as usize].0;
        let is_hit = |row: u32| scored[row as usize].1;
        order.sort_by(|&left, &right| score(right).total_cmp(&score(left)));
        let mut ranked = Self { rows: Vec::with_capacity(order.len()), groups: Vec::new() };
        for tied in order.chunk_by(|&left, &right| score(left) == score(right)) {
            let start = ranked.rows.len();
            ranked.rows.extend(tied.iter().copied().filter(|&row| is_hit(row)));
            let end_of_hits = ranked.rows.len();
            ranked.rows.extend(tied.iter().copied().filter(|&row| !is_hit(row)));
            if end_of_hits > start {
                ranked.groups.push(Group { start, end_of_hits, end: ranked.rows.len() });
            }
        }
        ranked
    }

    /// One pass, down to the last row that has the label: of those behind it only the number counts, which is what is left of
    /// `num_rows`, the sum of all counts. The area is the share of pairs of a row with the label and one without in which the first
    /// is the more probable; one that is as probable counts half.
    fn rank(&self, times: &[u32], num_rows: u64) -> Ranked {
        let count = |from: usize, to: usize| -> u64 {
            self.rows[from..to].iter().map(|&row| u64::from(times[row as usize])).sum()
        };
        let (mut hits, mut others, mut twice_the_pairs) = (0_u64, 0_u64, 0_u64);
        let (mut precisions, mut done) = (0.0, 0);
        for &Group { start, end_of_hits, end } in &self.groups {
            let before = count(done, start);
            let (own_hits, own_others) = (count(start, end_of_hits), count(end_of_hits, end));
            twice_the_pairs += 2 * before * hits + own_others * (2 * hits + own_hits);
            hits += own_hits;
            others += before + own_others;
            if own_hits > 0 {
                precisions += own_hits as f64 * hits as f64 / (hits + others) as f64;
            }
            done = end;
        }
        let behind = num_rows - hits - others;
        twice_the_pairs += 2 * behind * hits;
        others += behind;
        let is_ranked = hits > 0 && others > 0;
        Ranked {
            support: hits as f64,
            area: is_ranked.then(|| twice_the_pairs as f64 / (2.0 * hits as f64 * others as f64)),
            precision: (hits > 0).then(|| precisions / hits as f64),
        }
    }
}

/// A weighted mean.
#[derive(Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(probabilities: &[f64], targets: &[bool]) -> RankingFigures {
        Ranking::of_labels(1, probabilities, targets).figures(&vec![1; targets.len()])
    }

    /// `roc_auc_score` and `average_precision_score` of scikit-learn 1.9: `[0, 0, 1, 1]` with `[0.1, 0.4, 0.35, 0.8]`.
    #[test]
    fn the_example_of_scikit_learn() {
        let found = figures(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
        assert_eq!(found.roc_auc, Some(0.75));
        assert!((found.average_precision.expect("rows have it") - 0.833_333_333_333_333_3).abs() < 1e-12);
    }

    #[test]
    fn a_tie_counts_half_and_what_all_or_no_rows_have_is_undefined() {
        assert_eq!(figures(&[0.5, 0.5, 0.5], &[true, false, false]).roc_auc, Some(0.5));
        let all = figures(&[0.5, 0.25], &[true, true]);
        assert_eq!((all.roc_auc, all.average_precision), (None, Some(1.0)));
        assert_eq!(figures(&[0.5, 0.25], &[false, false]), RankingFigures::default());
        assert_eq!(figures(&[], &[]), RankingFigures::default());
    }

    #[test]
    fn what_is_undefined_is_said_with_the_reason() {
        assert_eq!(ranking_notes(&[("a", 1), ("b", 2)], 3), [""; 0]);
        assert_eq!(ranking_notes(&[("a", 0)], 0), [""; 0], "without rows nothing is measured");
        let none = "ROC AUC is undefined and left out: no label has both rows that have it and rows that have not";
        assert_eq!(
            ranking_notes(&[("b", 0)], 3),
            [none, "Average precision is undefined and left out: no row has the label \"b\""]
        );
        assert_eq!(
            ranking_notes(&[("a", 0), ("b", 0)], 3),
            [none, "Average precision is undefined and left out: no row has a label"]
        );
        assert_eq!(
            ranking_notes(&[("a", 0), ("b", 3), ("c", 1)], 3),
            [
                "ROC AUC is the mean over the labels that some rows have and some have not: 2 labels of 3 left out",
                "Average precision is the mean over the labels that have rows: 1 label of 3 left out"
            ]
        );
    }

    #[test]
    fn a_row_that_counts_twice_is_as_two_rows() {
        let (scores, targets) = ([0.9, 0.5, 0.5, 0.2], [true, false, true, false]);
        let weighted = Ranking::of_labels(1, &scores, &targets).figures(&[1, 2, 1, 0]);
        assert_eq!(weighted, figures(&[0.9, 0.5, 0.5, 0.5], &[true, false, false, true]));
    }

    #[test]
    fn of_two_classes_the_second_is_ranked_and_of_three_all() {
        let two = Ranking::of_classes(2, &[0, 1], &[0.75, 0.25, 0.5, 0.5]);
        assert_eq!((two.labels.len(), two.figures(&[1, 1]).roc_auc), (1, Some(1.0)));
        let three = Ranking::of_classes(3, &[0, 1], &[0.5, 0.25, 0.25, 0.25, 0.5, 0.25]);
        assert_eq!(three.labels.len(), 3);
    }
}
