//! Encoded rows to one padded batch of plain integers: the last room before tensors.

use super::encode::Encoded;

/// How positions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionIds {
    /// 0, 1, 2, … over the whole row, padding included (BERT, DistilBERT).
    FromZero,
    /// Tokens count from the padding id (given) plus 1, padding has the padding id (RoBERTa).
    AfterPad(u32),
}

/// How rows are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Token that fills up.
    pub pad_token_id: u32,
    /// Lengths are rounded up to this, so that a device sees few shapes (0 is taken as 1).
    pub multiple_of: usize,
    /// Longest row; rounding up stops here.
    pub max_length: usize,
    /// How positions are counted.
    pub positions: PositionIds,
}

/// A batch on the host.
///
/// # Shapes
/// - `input_ids`, `attention_mask`, `token_type_ids`, `position_ids`: `[batch, seq]`, row after row
/// - `labels`, `rows`: `[batch]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBatch {
    /// Token ids.
    pub input_ids: Vec<i32>,
    /// 1 for a token, 0 for padding.
    pub attention_mask: Vec<i32>,
    /// Segment of each token; 0 for padding.
    pub token_type_ids: Vec<i32>,
    /// Place of each token.
    pub position_ids: Vec<i32>,
    /// Label id of each row.
    pub labels: Vec<i32>,
    /// Rows.
    pub batch: usize,
    /// Tokens a row, padding included.
    pub seq: usize,
    /// Tokens in all, padding not included.
    pub num_tokens: usize,
    /// Index of each row in its split.
    pub rows: Vec<usize>,
}

/// Pads rows to the longest of them, rounded up to a multiple but not above the maximum.
///
/// # Panics
/// When a row is longer than `padding.max_length`: encoding cuts rows to it.
#[must_use]
pub fn collate(rows: &[&Encoded], padding: &Padding) -> HostBatch {
    let longest = rows.iter().map(|row| row.input_ids.len()).max().unwrap_or(0);
    assert!(longest <= padding.max_length, "encoding cuts rows to the maximum length");
    let seq = longest.next_multiple_of(padding.multiple_of.max(1)).min(padding.max_length);
    let cells = rows.len() * seq;
    let mut batch = HostBatch {
        input_ids: Vec::with_capacity(cells),
        attention_mask: Vec::with_capacity(cells),
        token_type_ids: Vec::with_capacity(cells),
        position_ids: Vec::with_capacity(cells),
        labels: rows.iter().map(|row| row.label as i32).collect(),
        batch: rows.len(),
        seq,
        num_tokens: rows.iter().map(|row| row.input_ids.len()).sum(),
        rows: rows.iter().map(|row| row.example).collect(),
    };
    for (place, row) in rows.iter().enumerate() {
        let (length, end) = (row.input_ids.len(), (place + 1) * seq);
        batch.input_ids.extend(row.input_ids.iter().map(|&id| id as i32));
        batch.input_ids.resize(end, padding.pad_token_id as i32);
        batch.attention_mask.resize(end - seq + length, 1);
        batch.attention_mask.resize(end, 0);
        batch.token_type_ids.extend(row.token_type_ids.iter().map(|&id| id as i32));
        batch.token_type_ids.resize(end, 0);
        match padding.positions {
            PositionIds::FromZero => batch.position_ids.extend(0..seq as i32),
            PositionIds::AfterPad(pad) => {
                // As transformers counts: a padding token inside the text has no place either.
                let mut next = pad as i32;
                batch.position_ids.extend(row.input_ids.iter().map(|&id| {
                    if id == pad {
                        pad as i32
                    } else {
                        next += 1;
                        next
                    }
                }));
                batch.position_ids.resize(end, pad as i32);
            }
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(input_ids: Vec<u32>, label: usize, example: usize) -> Encoded {
        let token_type_ids = vec![0; input_ids.len()];
        let num_tokens_untruncated = input_ids.len();
        Encoded { input_ids, token_type_ids, label, example, num_tokens_untruncated, is_lower_bound: false }
    }

    const BERT: Padding = Padding { pad_token_id: 0, multiple_of: 8, max_length: 20, positions: PositionIds::FromZero };

    #[test]
    fn rows_are_padded_to_a_multiple_below_the_maximum() {
        let rows = [encoded(vec![5; 3], 1, 7), encoded(vec![6; 9], 0, 2)];
        let batch = collate(&[&rows[0], &rows[1]], &BERT);
        assert_eq!((batch.batch, batch.seq, batch.num_tokens), (2, 16, 12));
        assert_eq!(batch.input_ids[..5], [5, 5, 5, 0, 0]);
        assert_eq!(batch.attention_mask[..5], [1, 1, 1, 0, 0]);
        assert_eq!((batch.labels, batch.rows), (vec![1, 0], vec![7, 2]));
        let long = encoded(vec![6; 18], 0, 0);
        assert_eq!(collate(&[&long], &BERT).seq, 20);
    }

    /// `create_position_ids_from_input_ids` of RoBERTa, with padding id 1.
    #[test]
    fn roberta_counts_after_the_padding_id() {
        let positions = PositionIds::AfterPad(1);
        let padding = Padding { pad_token_id: 1, multiple_of: 4, max_length: 512, positions };
        let row = encoded(vec![0, 9, 1, 8, 2], 0, 0);
        let batch = collate(&[&row], &padding);
        assert_eq!(batch.input_ids, [0, 9, 1, 8, 2, 1, 1, 1]);
        assert_eq!(batch.position_ids, [2, 3, 1, 4, 5, 1, 1, 1]);
        assert_eq!(batch.attention_mask, [1, 1, 1, 1, 1, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn lengths_agree_and_padding_is_never_attended(
            lengths in prop::collection::vec(1_usize..=30, 0..10),
            multiple_of in 0_usize..12,
            spare in 0_usize..10,
            roberta in any::<bool>(),
        ) {
            let rows: Vec<Encoded> = lengths.iter().enumerate().map(|(i, &n)| encoded(vec![9; n], i % 3, i)).collect();
            let longest = lengths.iter().copied().max().unwrap_or(0);
            let positions = if roberta { PositionIds::AfterPad(1) } else { PositionIds::FromZero };
            let padding = Padding { pad_token_id: 1, multiple_of, max_length: longest + spare, positions };
            let batch = collate(&rows.iter().collect::<Vec<_>>(), &padding);
            prop_assert!(batch.seq >= longest && batch.seq <= padding.max_length);
            prop_assert!(batch.seq.is_multiple_of(multiple_of.max(1)) || batch.seq == padding.max_length);
            let cells = batch.batch * batch.seq;
            for values in [&batch.input_ids, &batch.attention_mask, &batch.token_type_ids, &batch.position_ids] {
                prop_assert_eq!(values.len(), cells);
            }
            prop_assert_eq!((batch.labels.len(), batch.rows.len()), (rows.len(), rows.len()));
            prop_assert_eq!(batch.num_tokens, lengths.iter().sum::<usize>());
            for (cell, &attended) in batch.attention_mask.iter().enumerate() {
                let is_token = cell % batch.seq < lengths[cell / batch.seq];
                prop_assert_eq!(attended == 1, is_token);
                prop_assert_eq!(batch.input_ids[cell] == 1, !is_token);
                let highest = batch.seq as i32 + i32::from(roberta);
                prop_assert!((0..=highest).contains(&batch.position_ids[cell]));
            }
        }
    }
}
