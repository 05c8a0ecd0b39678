//! Encoded rows, packed or not, to one padded batch of plain integers: the last room before tensors.

use super::encode::LmEncoded;

/// Segment of padding.
const NO_SEGMENT: i32 = -1;

/// How rows are padded, on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LmPadding {
    /// Token that fills up.
    pub pad_token_id: u32,
    /// Lengths are rounded up to this, so that a device sees few shapes (0 is taken as 1).
    pub multiple_of: usize,
    /// Longest row; rounding up stops here.
    pub max_length: usize,
}

/// A batch on the host.
///
/// # Shapes
/// - `input_ids`, `position_ids`, `segment_ids`: `[batch, seq]`, row after row
/// - `target_positions`, `targets`: one a token that carries loss and is predicted
/// - `rows`: one a segment
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmHostBatch {
    /// Token ids.
    pub input_ids: Vec<i32>,
    /// Place of each token in its segment, from 0; 0 for padding.
    pub position_ids: Vec<i32>,
    /// Segment of each token in its row, from 0, and -1 for padding; `None` if every row is one segment: then causal
    /// attention alone keeps tokens from seeing padding.
    pub segment_ids: Option<Vec<i32>>,
    /// Flat place (`row * seq + place`) of the state that predicts each target.
    pub target_positions: Vec<i32>,
    /// The token behind it, which carries loss and is of the same segment.
    pub targets: Vec<i32>,
    /// Rows.
    pub batch: usize,
    /// Tokens a row, padding included.
    pub seq: usize,
    /// Tokens in all, padding not included.
    pub num_tokens: usize,
    /// Index of each segment's example in its split, row after row.
    pub rows: Vec<usize>,
}

/// Pads rows, each of one or several segments, to the longest of them, rounded up to a multiple but not above the
/// maximum.
///
/// # Panics
/// When a row is longer than `padding.max_length`: encoding and packing keep to it.
#[must_use]
pub fn collate_lm(rows: &[Vec<&LmEncoded>], padding: &LmPadding) -> LmHostBatch {
    let length = |row: &Vec<&LmEncoded>| row.iter().map(|segment| segment.num_tokens()).sum::<usize>();
    let longest = rows.iter().map(length).max().unwrap_or(0);
    assert!(longest <= padding.max_length, "encoding and packing keep to the maximum length");
    let seq = longest.next_multiple_of(padding.multiple_of.max(1)).min(padding.max_length);
    let cells = rows.len() * seq;
    let is_packed = rows.iter().any(|row| row.len() > 1);
    let mut segment_ids = Vec::with_capacity(if is_packed { cells } else { 0 });
    let mut batch = LmHostBatch {
        input_ids: Vec::with_capacity(cells),
        position_ids: Vec::with_capacity(cells),
        segment_ids: None,
        target_positions: Vec::new(),
        targets: Vec::new(),
        batch: rows.len(),
        seq,
        num_tokens: rows.iter().map(length).sum(),
        rows: rows.iter().flatten().map(|segment| segment.example).collect(),
    };
    for (place, row) in rows.iter().enumerate() {
        for (number, segment) in row.iter().enumerate() {
            let start = batch.input_ids.len();
            batch.input_ids.extend(segment.input_ids.iter().map(|&id| id as i32));
            batch.position_ids.extend(0..segment.num_tokens() as i32);
            if is_packed {
                segment_ids.resize(batch.input_ids.len(), number as i32);
            }
            for (token, _) in segment.loss_mask.iter().enumerate().skip(1).filter(|(_, has_loss)| **has_loss) {
                batch.target_positions.push((start + token - 1) as i32);
                batch.targets.push(segment.input_ids[token] as i32);
            }
        }
        let end = (place + 1) * seq;
        batch.input_ids.resize(end, padding.pad_token_id as i32);
        batch.position_ids.resize(end, 0);
        if is_packed {
            segment_ids.resize(end, NO_SEGMENT);
        }
    }
    batch.segment_ids = is_packed.then_some(segment_ids);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::causal_lm::pack;
    use proptest::prelude::*;

    const PAD: u32 = 99;

    fn encoded(input_ids: Vec<u32>, loss_mask: Vec<bool>, example: usize) -> LmEncoded {
        let num_tokens_untruncated = input_ids.len();
        let (prompt_was_cut, lost_completion) = (false, false);
        LmEncoded { input_ids, loss_mask, example, num_tokens_untruncated, prompt_was_cut, lost_completion }
    }

    fn padding(multiple_of: usize, max_length: usize) -> LmPadding {
        LmPadding { pad_token_id: PAD, multiple_of, max_length }
    }

    #[test]
    fn targets_stand_behind_the_states_that_predict_them() {
        let first = encoded(vec![1, 2, 3], vec![false, false, true], 4);
        let second = encoded(vec![5, 6, 7, 8, 9], vec![true, false, true, true, false], 2);
        let batch = collate_lm(&[vec![&first], vec![&second]], &padding(4, 100));
        assert_eq!((batch.batch, batch.seq, batch.num_tokens), (2, 8, 8));
        assert_eq!(batch.input_ids[..8], [1, 2, 3, 99, 99, 99, 99, 99]);
        assert_eq!(batch.position_ids[8..], [0, 1, 2, 3, 4, 0, 0, 0]);
        assert_eq!(batch.segment_ids, None);
        assert_eq!((batch.target_positions, batch.targets), (vec![1, 9, 10], vec![3, 7, 8]));
        assert_eq!(batch.rows, [4, 2]);
    }

    #[test]
    fn segments_start_again_and_do_not_predict_each_other() {
        let first = encoded(vec![1, 2], vec![true, true], 0);
        let second = encoded(vec![3, 4, 5], vec![true, true, true], 1);
        let batch = collate_lm(&[vec![&first, &second], vec![&first]], &padding(8, 6));
        assert_eq!(batch.seq, 6);
        assert_eq!(batch.position_ids, [0, 1, 0, 1, 2, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(batch.segment_ids, Some(vec![0, 0, 1, 1, 1, -1, 0, 0, -1, -1, -1, -1]));
        assert_eq!((batch.target_positions, batch.targets), (vec![0, 2, 3, 6], vec![2, 4, 5, 2]));
        assert_eq!(batch.rows, [0, 1, 0]);
    }

    #[test]
    fn no_rows_are_an_empty_batch() {
        let batch = collate_lm(&[], &padding(8, 64));
        assert_eq!((batch.batch, batch.seq, batch.input_ids.len(), batch.targets.len()), (0, 0, 0, 0));
    }

    proptest! {
        #[test]
        fn lengths_agree_and_padding_is_never_scored(
            masks in prop::collection::vec(prop::collection::vec(any::<bool>(), 1..=30), 0..20),
            multiple_of in 0_usize..12,
            spare in 0_usize..30,
            is_packed in any::<bool>(),
        ) {
            let rows: Vec<LmEncoded> = masks.iter().enumerate()
                .map(|(index, mask)| encoded((0..mask.len() as u32).map(|at| at % 50).collect(), mask.clone(), index))
                .collect();
            let max = 30 + spare;
            let lengths: Vec<usize> = rows.iter().map(LmEncoded::num_tokens).collect();
            let plan = if is_packed { pack(&lengths, max) } else { crate::data::causal_lm::one_a_row(rows.len()) };
            let packed: Vec<Vec<&LmEncoded>> =
                plan.iter().map(|row| row.iter().map(|&index| &rows[index]).collect()).collect();
            let batch = collate_lm(&packed, &padding(multiple_of, max));
            let cells = batch.batch * batch.seq;
            prop_assert_eq!((batch.input_ids.len(), batch.position_ids.len()), (cells, cells));
            prop_assert!(batch.seq <= max);
            prop_assert!(batch.seq.is_multiple_of(multiple_of.max(1)) || batch.seq == max);
            prop_assert_eq!(batch.num_tokens, lengths.iter().sum::<usize>());
            prop_assert_eq!(batch.input_ids.iter().filter(|&&id| id != PAD as i32).count(), batch.num_tokens);
            let scored: usize = rows.iter().map(LmEncoded::num_loss_tokens).sum();
            prop_assert_eq!((batch.targets.len(), batch.target_positions.len()), (scored, scored));
            for (&at, &target) in batch.target_positions.iter().zip(&batch.targets) {
                let at = at as usize;
                prop_assert_eq!(batch.input_ids[at + 1], target);
                prop_assert!(target != PAD as i32 && batch.input_ids[at] != PAD as i32);
                prop_assert_eq!(at / batch.seq, (at + 1) / batch.seq);
                prop_assert_eq!(batch.position_ids[at + 1], batch.position_ids[at] + 1);
            }
            prop_assert!(batch.target_positions.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(batch.segment_ids.is_some(), plan.iter().any(|row| row.len() > 1));
            if let Some(segments) = &batch.segment_ids {
                for (cell, &segment) in segments.iter().enumerate() {
                    prop_assert_eq!(segment == NO_SEGMENT, batch.input_ids[cell] == PAD as i32);
                }
                for &at in &batch.target_positions {
                    prop_assert_eq!(segments[at as usize], segments[at as usize + 1]);
                }
            }
            let mut examples = batch.rows.clone();
            examples.sort_unstable();
            prop_assert_eq!(examples, (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
