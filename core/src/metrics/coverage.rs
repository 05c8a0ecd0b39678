//! Coverage against accuracy: how many rows are answered, and how many of them rightly, where those whose probability is below a
//! threshold are left to a person.

use serde::{Deserialize, Serialize};

/// Thresholds of a table: 0, 0.01 and so on to 0.99.
pub const NUM_THRESHOLDS: usize = 100;

/// What a threshold leaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoveragePoint {
    /// Rows whose highest probability is below this are unsure.
    pub threshold: f64,
    /// Rows that are not unsure.
    pub num_sure: usize,
    /// Of these the ones that are predicted right.
    pub num_right: usize,
    /// All rows.
    pub num_rows: usize,
}

impl CoveragePoint {
    /// Share of rows that are answered; 0 without rows.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        if self.num_rows == 0 { 0.0 } else { self.num_sure as f64 / self.num_rows as f64 }
    }

    /// Share of the answered rows that are right; `None` where none is answered.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.num_sure > 0).then(|| self.num_right as f64 / self.num_sure as f64)
    }
}

/// The table of rows whose highest probability is this, and that are right or not.
pub(super) fn coverage(rows: impl IntoIterator<Item = (f64, bool)>) -> Vec<CoveragePoint> {
    let mut rows: Vec<(f64, bool)> = rows.into_iter().collect();
    rows.sort_by(|left, right| left.0.total_cmp(&right.0));
    let num_rows = rows.len();
    let mut num_right = rows.iter().filter(|row| row.1).count();
    let mut below = 0;
    let point = |index: usize| {
        let threshold = index as f64 / NUM_THRESHOLDS as f64;
        while rows.get(below).is_some_and(|row| row.0 < threshold) {
            num_right -= usize::from(rows[below].1);
            below += 1;
        }
        CoveragePoint { threshold, num_sure: num_rows - below, num_right, num_rows }
    };
    (0..NUM_THRESHOLDS).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_threshold_answers_fewer_rows() {
        let points = coverage([(0.9, true), (0.5, false), (0.75, true), (0.5, true)]);
        assert_eq!(points.len(), NUM_THRESHOLDS);
        let at = |index: usize| (points[index].num_sure, points[index].num_right);
        assert_eq!([at(0), at(50), at(51), at(75), at(76), at(91)], [(4, 3), (4, 3), (2, 2), (2, 2), (1, 1), (0, 0)]);
        assert_eq!((points[51].coverage(), points[51].accuracy()), (0.5, Some(1.0)));
        assert_eq!((points[99].coverage(), points[99].accuracy()), (0.0, None));
        assert!(coverage([]).iter().all(|point| point.coverage() == 0.0 && point.accuracy().is_none()));
    }
}
