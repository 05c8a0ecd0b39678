//! Parts of reports on rows: their lengths as a histogram, and row numbers in a sentence.

use serde::{Deserialize, Serialize};

use crate::words::list;

/// Bars of the histogram, at most.
const MAX_BUCKETS: usize = 32;

/// Rows that a sentence names; the rest is counted.
const MAX_NAMED_ROWS: usize = 10;

/// Rows by their number of tokens (special tokens included, before truncation).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LengthHistogram {
    /// Tokens that a bucket spans: bucket `i` counts lengths from `i * bucket_width`, below `(i + 1) * bucket_width`.
    pub bucket_width: usize,
    /// Rows in each bucket.
    pub counts: Vec<usize>,
    /// Longest row in tokens.
    pub max: usize,
    /// Mean length in tokens.
    pub mean: f64,
}

/// Row numbers for a sentence: the first ten, and how many more there are.
#[must_use]
pub fn list_rows(rows: &[String]) -> String {
    list(&rows[..rows.len().min(MAX_NAMED_ROWS)], rows.len())
}

impl LengthHistogram {
    /// Counts lengths in at most 32 buckets whose width is a power of two.
    #[must_use]
    pub fn of(lengths: &[usize]) -> Self {
        let max = lengths.iter().copied().max().unwrap_or(0);
        let mut bucket_width = 1;
        while max / bucket_width >= MAX_BUCKETS {
            bucket_width *= 2;
        }
        let mut counts = vec![0; if lengths.is_empty() { 0 } else { max / bucket_width + 1 }];
        for length in lengths {
            counts[length / bucket_width] += 1;
        }
        let total: u64 = lengths.iter().map(|&length| length as u64).sum();
        let mean = if lengths.is_empty() { 0.0 } else { total as f64 / lengths.len() as f64 };
        Self { bucket_width, counts, max, mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_fall_into_buckets_whose_width_is_a_power_of_two() {
        let lengths: Vec<usize> = (0..20).map(|i| 5 + i).collect();
        let found = LengthHistogram::of(&lengths);
        assert_eq!((found.bucket_width, found.max, found.mean), (1, 24, 14.5));
        assert_eq!(LengthHistogram::of(&[100, 3]).bucket_width, 4);
        assert_eq!(LengthHistogram::of(&[]), LengthHistogram { bucket_width: 1, ..LengthHistogram::default() });
    }

    #[test]
    fn a_sentence_names_ten_rows_and_counts_the_rest() {
        let rows: Vec<String> = (0..12).map(|row| row.to_string()).collect();
        assert_eq!(list_rows(&rows), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(list_rows(&rows[..2]), "0, 1");
    }

    proptest! {
        #[test]
        fn every_row_is_in_a_bucket(lengths in prop::collection::vec(0_usize..100_000, 0..100)) {
            let histogram = LengthHistogram::of(&lengths);
            prop_assert_eq!(histogram.counts.iter().sum::<usize>(), lengths.len());
            prop_assert!(histogram.counts.len() <= MAX_BUCKETS);
            prop_assert!(histogram.counts.last() != Some(&0));
        }
    }
}
