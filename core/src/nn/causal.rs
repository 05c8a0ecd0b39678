//! Who may attend to whom in a decoder, as numbers added to the scores.

use burn::tensor::{Device, Tensor, TensorData};

/// Added to the scores of keys that a query must not see: finite, so that no row becomes NaN.
pub(super) const MASKED: f64 = -1e9;

/// Where the tokens of a batch stand, on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqLayout {
    /// Rows.
    pub batch: usize,
    /// Tokens a row.
    pub seq: usize,
    /// Tokens that the cache already holds.
    pub past: usize,
    /// Place of each token in its text, `[batch, seq]`.
    pub position_ids: Vec<i32>,
    /// Text that each token belongs to, `[batch, seq]`; `None` where every row holds one text.
    pub segment_ids: Option<Vec<i32>>,
}

/// Past tokens whose keys and values a layer keeps: all, or with a sliding window (which counts the token itself) those
/// that the next token can still see (one at least, since no tensor is empty).
#[must_use]
pub(super) fn kept_past(past: usize, window: Option<usize>) -> usize {
    window.map_or(past, |window| past.min(window.saturating_sub(1).max(1)))
}

impl SeqLayout {
    /// Added to the scores: 0 on the token itself and those before it in the same text, at most `window` of them;
    /// a large negative number elsewhere. `None` where nothing is masked.
    ///
    /// # Shapes
    /// - returns: `[batch or 1, 1, seq, kept + seq]`, where `kept` are the past tokens that the cache holds for this
    ///   window
    #[must_use]
    pub fn bias(&self, window: Option<usize>, device: &Device) -> Option<Tensor<4>> {
        let kept = kept_past(self.past, window);
        let keys = kept + self.seq;
        let window = window.unwrap_or(usize::MAX);
        if self.seq == 1 && window >= keys {
            return None;
        }
        let rows = if self.segment_ids.is_some() { self.batch } else { 1 };
        let mut values = vec![MASKED as f32; rows * self.seq * keys];
        for (index, row) in values.chunks_mut(keys).enumerate() {
            let (text, query) = (index / self.seq, kept + index % self.seq);
            for (key, value) in row.iter_mut().enumerate().take(query + 1) {
                let same_text = self
                    .segment_ids
                    .as_ref()
                    .is_none_or(|segments| segments[text * self.seq + key] == segments[text * self.seq + query]);
                if same_text && query - key < window {
                    *value = 0.0;
                }
            }
        }
        Some(Tensor::from_data(TensorData::new(values, [rows, 1, self.seq, keys]), device))
    }

    /// The positions of one row where all rows are alike, else of all: (positions, rows).
    #[must_use]
    pub fn distinct_positions(&self) -> (&[i32], usize) {
        let first = &self.position_ids[..self.seq];
        match self.position_ids.chunks(self.seq).all(|row| row == first) {
            true => (first, 1),
            false => (&self.position_ids, self.batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_keeps_what_the_next_token_can_see() {
        assert_eq!(kept_past(10, None), 10);
        assert_eq!(kept_past(10, Some(4)), 3);
        assert_eq!(kept_past(2, Some(4)), 2);
        assert_eq!(kept_past(10, Some(1)), 1);
    }
}
