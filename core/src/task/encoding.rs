//! Rows as tokens, made a part at a time: between two parts a driver can show how far it is, hear what it is asked for,
//! and drop the reading.
//!
//! In: how many rows each split has, and a function that encodes one of them. Out: what was encoded, in the order of the
//! rows, with the limit at which it was cut.

use std::rc::Rc;

use super::TaskError;

/// Bytes of text that are tokenised in one go: some tens of milliseconds in a browser.
pub(super) const PART_BYTES: usize = 32 << 10;

/// What a row counts at least, however short it is.
pub(super) const MIN_ROW_BYTES: usize = 64;

/// What the rows of training, validation and test were encoded as, as far as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedSplits<E> {
    /// Shared with the runs that train on them.
    splits: Rc<[Vec<E>; 3]>,
    /// The split and the index of the row that come next.
    next: (usize, usize),
    limit: usize,
}

impl<E> EncodedSplits<E> {
    /// Nothing yet; rows will be cut at `limit` tokens.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { splits: Rc::new([Vec::new(), Vec::new(), Vec::new()]), next: (0, 0), limit }
    }

    /// Encodes the next rows, some tens of kilobytes of text; `false` once all are done. `sizes` are the rows of each
    /// split; `encode` gets a split (0, 1 or 2) and the index of a row in it, and says how many bytes of text it tokenised.
    ///
    /// # Errors
    /// When `encode` fails on a row.
    pub fn advance(
        &mut self,
        sizes: [usize; 3],
        mut encode: impl FnMut(usize, usize) -> Result<(E, usize), TaskError>,
    ) -> Result<bool, TaskError>
    where
        E: Clone,
    {
        let mut num_bytes = 0;
        while num_bytes < PART_BYTES && !self.is_done(sizes) {
            let (split, index) = self.next;
            if index >= sizes[split] {
                self.next = (split + 1, 0);
                continue;
            }
            let (encoded, row_bytes) = encode(split, index)?;
            Rc::make_mut(&mut self.splits)[split].push(encoded);
            num_bytes += row_bytes.max(MIN_ROW_BYTES);
            self.next = (split, index + 1);
        }
        Ok(!self.is_done(sizes))
    }

    /// Rows that are encoded.
    #[must_use]
    pub fn progress(&self) -> usize {
        self.splits.iter().map(Vec::len).sum()
    }

    /// Whether all rows of splits of these sizes are encoded.
    #[must_use]
    pub fn is_done(&self, sizes: [usize; 3]) -> bool {
        self.progress() >= sizes.iter().sum()
    }

    /// Tokens after which rows are cut.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What was encoded of training, validation and test.
    #[must_use]
    pub fn splits(&self) -> &[Vec<E>; 3] {
        &self.splits
    }

    /// The same, to be kept: nothing is copied.
    #[must_use]
    pub fn share(&self) -> Rc<[Vec<E>; 3]> {
        Rc::clone(&self.splits)
    }

    /// What was encoded of all splits, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.splits.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_encoded_part_by_part_in_their_order() {
        let sizes = [3, 0, 2];
        let mut encoded = EncodedSplits::new(8);
        let mut rounds = 0;
        while encoded
            .advance(sizes, |split, index| Ok(((split, index), PART_BYTES / 2)))
            .expect("encoding does not fail")
        {
            rounds += 1;
            assert_eq!(encoded.progress(), 2 * rounds);
        }
        assert_eq!((rounds, encoded.progress(), encoded.limit()), (2, 5, 8));
        assert_eq!(encoded.splits(), &[vec![(0, 0), (0, 1), (0, 2)], vec![], vec![(2, 0), (2, 1)]]);
        assert!(!encoded.advance(sizes, |_, _| unreachable!("all are done")).expect("nothing is left"));
    }

    #[test]
    fn a_failure_leaves_what_was_done_and_no_rows_are_done_at_once() {
        let mut encoded = EncodedSplits::new(8);
        let fail = |_, index| if index == 1 { Err(TaskError::Model("no".into())) } else { Ok((index, 1)) };
        assert!(encoded.advance([2, 0, 0], fail).is_err());
        assert_eq!(encoded.progress(), 1);
        let mut none = EncodedSplits::<usize>::new(8);
        assert!(!none.advance([0; 3], |_, _| unreachable!("there is none")).expect("no rows"));
        assert!(none.is_done([0; 3]) && none.iter().next().is_none());
    }
}
