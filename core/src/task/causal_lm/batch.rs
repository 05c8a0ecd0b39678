//! Tokenised texts, packed or not, to one padded batch of plain integers.

use super::encode::Encoded;
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding};

/// Segment of padding.
const NO_SEGMENT: i32 = -1;

/// Pads rows, each of one or several segments, to the longest of them, rounded up to a multiple but not above the
/// maximum. Positions count from 0 in every segment, and are 0 for padding; a target is a token that carries loss and
/// stands behind another of its segment, and is predicted from that one.
///
/// `segment_ids` are left out where every row is one segment: then causal attention alone keeps tokens from seeing
/// padding.
///
/// # Panics
/// When a row is longer than `padding.max_length`: encoding and packing keep to it.
#[must_use]
pub(super) fn make_batch(rows: &[Vec<&Encoded>], padding: &Padding) -> HostBatch {
    let length = |row: &Vec<&Encoded>| row.iter().map(|segment| segment.num_tokens()).sum::<usize>();
    let longest = rows.iter().map(length).max().unwrap_or(0);
    assert!(longest <= padding.max_length, "encoding and packing keep to the maximum length");
    let seq = longest.next_multiple_of(padding.multiple_of.max(1)).min(padding.max_length);
    let cells = rows.len() * seq;
    let is_packed = rows.iter().any(|row| row.len() > 1);
    let mut segment_ids = Vec::with_capacity(if is_packed { cells } else { 0 });
    let (mut positions, mut ids) = (Vec::new(), Vec::new());
    let mut text = HostText {
        input_ids: Vec::with_capacity(cells),
        attention_mask: Vec::with_capacity(cells),
        token_type_ids: vec![0; cells],
        position_ids: Vec::with_capacity(cells),
        segment_ids: None,
        batch: rows.len(),
        seq,
    };
    for (index, row) in rows.iter().enumerate() {
        for (number, segment) in row.iter().enumerate() {
            let start = text.input_ids.len();
            text.input_ids.extend(segment.input_ids.iter().map(|&id| id as i32));
            text.position_ids.extend(0..segment.num_tokens() as i32);
            if is_packed {
                segment_ids.resize(text.input_ids.len(), number as i32);
            }
            for (token, _) in segment.loss_mask.iter().enumerate().skip(1).filter(|(_, has_loss)| **has_loss) {
                positions.push((start + token - 1) as i32);
                ids.push(segment.input_ids[token] as i32);
            }
        }
        text.attention_mask.resize(text.input_ids.len(), 1);
        let end = (index + 1) * seq;
        text.input_ids.resize(end, padding.pad_token_id as i32);
        text.attention_mask.resize(end, 0);
        text.position_ids.resize(end, 0);
        if is_packed {
            segment_ids.resize(end, NO_SEGMENT);
        }
    }
    text.segment_ids = is_packed.then_some(segment_ids);
    HostBatch {
        inputs: HostInputs::Text(text),
        weight: ids.len() as f64,
        targets: HostTargets::Ids { positions, ids, label_smoothing: 0.0 },
        num_rows: rows.len(),
        num_tokens: rows.iter().map(length).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack::{one_a_row, pack};
    use super::*;
    use crate::data::PositionIds;
    use proptest::prelude::*;

    const PAD: u32 = 99;

    fn encoded(input_ids: Vec<u32>, loss_mask: Vec<bool>, example: usize) -> Encoded {
        let num_tokens_untruncated = input_ids.len();
        let (prompt_was_cut, lost_completion) = (false, false);
        Encoded { input_ids, loss_mask, example, num_tokens_untruncated, prompt_was_cut, lost_completion }
    }

    fn padding(multiple_of: usize, max_length: usize) -> Padding {
        Padding { pad_token_id: PAD, multiple_of, max_length, positions: PositionIds::FromZero }
    }

    fn parts(batch: HostBatch) -> (HostText, Vec<i32>, Vec<i32>) {
        let text = batch.inputs.text().clone();
        let HostTargets::Ids { positions, ids, .. } = batch.targets else { panic!("tokens are predicted") };
        (text, positions, ids)
    }

    #[test]
    fn targets_stand_behind_the_states_that_predict_them() {
        let first = encoded(vec![1, 2, 3], vec![false, false, true], 4);
        let second = encoded(vec![5, 6, 7, 8, 9], vec![true, false, true, true, false], 2);
        let batch = make_batch(&[vec![&first], vec![&second]], &padding(4, 100));
        assert_eq!((batch.num_rows, batch.num_tokens, batch.weight), (2, 8, 3.0));
        let (text, positions, ids) = parts(batch);
        assert_eq!((text.batch, text.seq, text.num_tokens()), (2, 8, 8));
        assert_eq!(text.input_ids[..8], [1, 2, 3, 99, 99, 99, 99, 99]);
        assert_eq!(text.attention_mask, [1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]);
        assert_eq!(text.token_type_ids, [0; 16]);
        assert_eq!(text.position_ids[8..], [0, 1, 2, 3, 4, 0, 0, 0]);
        assert_eq!(text.segment_ids, None);
        assert_eq!((positions, ids), (vec![1, 9, 10], vec![3, 7, 8]));
    }

    #[test]
    fn segments_start_again_and_do_not_predict_each_other() {
        let first = encoded(vec![1, 2], vec![true, true], 0);
        let second = encoded(vec![3, 4, 5], vec![true, true, true], 1);
        let batch = make_batch(&[vec![&first, &second], vec![&first]], &padding(8, 6));
        assert_eq!((batch.num_rows, batch.num_tokens), (2, 7));
        let (text, positions, ids) = parts(batch);
        assert_eq!(text.seq, 6);
        assert_eq!(text.position_ids, [0, 1, 0, 1, 2, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(text.segment_ids, Some(vec![0, 0, 1, 1, 1, -1, 0, 0, -1, -1, -1, -1]));
        assert_eq!((positions, ids), (vec![0, 2, 3, 6], vec![2, 4, 5, 2]));
    }

    #[test]
    fn no_rows_are_an_empty_batch() {
        let (text, positions, ids) = parts(make_batch(&[], &padding(8, 64)));
        assert_eq!((text.batch, text.seq, text.input_ids.len(), positions.len(), ids.len()), (0, 0, 0, 0, 0));
    }

    proptest! {
        #[test]
        fn lengths_agree_and_padding_is_never_scored(
            masks in prop::collection::vec(prop::collection::vec(any::<bool>(), 1..=30), 0..20),
            multiple_of in 0_usize..12,
            spare in 0_usize..30,
            is_packed in any::<bool>(),
        ) {
            let rows: Vec<Encoded> = masks.iter().enumerate()
                .map(|(index, mask)| encoded((0..mask.len() as u32).map(|at| at % 50).collect(), mask.clone(), index))
                .collect();
            let max = 30 + spare;
            let lengths: Vec<usize> = rows.iter().map(Encoded::num_tokens).collect();
            let plan = if is_packed { pack(&lengths, max) } else { one_a_row(rows.len()) };
            let packed: Vec<Vec<&Encoded>> =
                plan.iter().map(|row| row.iter().map(|&index| &rows[index]).collect()).collect();
            let batch = make_batch(&packed, &padding(multiple_of, max));
            let num_tokens = batch.num_tokens;
            prop_assert_eq!(num_tokens, lengths.iter().sum::<usize>());
            let (text, positions, ids) = parts(batch);
            let cells = text.batch * text.seq;
            for values in [&text.input_ids, &text.attention_mask, &text.token_type_ids, &text.position_ids] {
                prop_assert_eq!(values.len(), cells);
            }
            prop_assert!(text.seq <= max);
            prop_assert!(text.seq.is_multiple_of(multiple_of.max(1)) || text.seq == max);
            prop_assert_eq!(text.num_tokens(), num_tokens);
            for (&id, &attended) in text.input_ids.iter().zip(&text.attention_mask) {
                prop_assert_eq!(id != PAD as i32, attended == 1);
            }
            let scored: usize = rows.iter().map(Encoded::num_loss_tokens).sum();
            prop_assert_eq!((ids.len(), positions.len()), (scored, scored));
            for (&at, &id) in positions.iter().zip(&ids) {
                let at = at as usize;
                prop_assert_eq!(text.input_ids[at + 1], id);
                prop_assert!(id != PAD as i32 && text.input_ids[at] != PAD as i32);
                prop_assert_eq!(at / text.seq, (at + 1) / text.seq);
                prop_assert_eq!(text.position_ids[at + 1], text.position_ids[at] + 1);
            }
            prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(text.segment_ids.is_some(), plan.iter().any(|row| row.len() > 1));
            if let Some(segments) = &text.segment_ids {
                for (cell, &segment) in segments.iter().enumerate() {
                    prop_assert_eq!(segment == NO_SEGMENT, text.input_ids[cell] == PAD as i32);
                }
                for &at in &positions {
                    prop_assert_eq!(segments[at as usize], segments[at as usize + 1]);
                }
            }
        }
    }
}
