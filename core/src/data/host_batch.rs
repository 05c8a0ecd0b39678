//! A batch on the host: what a model reads and what it is to give back, as plain vectors and dimensions. The last room
//! before tensors; every task makes these, and nothing behind it asks which task it was.

/// How positions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionIds {
    /// 0, 1, 2, … over the whole row, padding included (BERT, DistilBERT).
    FromZero,
    /// Tokens count from the padding id (given) plus 1, padding has the padding id (RoBERTa).
    AfterPad(u32),
}

/// How rows are padded, on the right.
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

/// Rows to be trained on or measured.
#[derive(Debug, Clone, PartialEq)]
pub struct HostBatch {
    /// What the model reads.
    pub inputs: HostInputs,
    /// What it is to give back.
    pub targets: HostTargets,
    /// What the sum of the losses is divided by, together with that of the other micro-batches of a step, for their mean:
    /// rows, scored tokens, or weights of classes.
    pub weight: f64,
    /// Rows of the data set, for the rate (a row may be several rows of text).
    pub num_rows: usize,
    /// Tokens in all, padding not included.
    pub num_tokens: usize,
}

/// What a model reads.
#[derive(Debug, Clone, PartialEq)]
pub enum HostInputs {
    /// Tokens.
    Text(HostText),
    /// Tokens of sources, and of the targets that a decoder reads beside them, as many rows of each.
    TextToText {
        /// What an encoder reads.
        source: HostText,
        /// What a decoder reads: targets, shifted right.
        target: HostText,
    },
    /// Images.
    Pixels(HostPixels),
}

/// Images of one size, as numbers.
///
/// # Shapes
/// - `values`: `[batch, channels, height, width]`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostPixels {
    /// Rescaled and normalised.
    pub values: Vec<f32>,
    /// Images.
    pub batch: usize,
    /// Colours of a pixel.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Pixels of such a row.
    pub width: usize,
}

impl HostInputs {
    /// The tokens that outputs belong to: of sources and targets the targets.
    ///
    /// # Panics
    /// Of images, which no task of texts is given.
    #[must_use]
    pub fn text(&self) -> &HostText {
        match self {
            Self::Text(text) | Self::TextToText { target: text, .. } => text,
            Self::Pixels(_) => panic!("images have no tokens"),
        }
    }
}

/// Rows of tokens, padded on the right.
///
/// # Shapes
/// - `input_ids`, `attention_mask`, `token_type_ids`, `position_ids`, `segment_ids`: `[batch, seq]`, row after row
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostText {
    /// Token ids.
    pub input_ids: Vec<i32>,
    /// 1 for a token, 0 for padding.
    pub attention_mask: Vec<i32>,
    /// Segment of each token for models that have token types; 0 for padding.
    pub token_type_ids: Vec<i32>,
    /// Position of each token.
    pub position_ids: Vec<i32>,
    /// Where several texts share a row (packing): the text of each token, from 0, and -1 for padding.
    pub segment_ids: Option<Vec<i32>>,
    /// Rows.
    pub batch: usize,
    /// Tokens a row, padding included.
    pub seq: usize,
}

/// What a model is to give back, as far as its loss needs it. Losses are sums; [`HostBatch::weight`] makes means of them.
#[derive(Debug, Clone, PartialEq)]
pub enum HostTargets {
    /// Nothing: the outputs are only read.
    None,
    /// Nothing, and only the outputs at these positions of the flattened batch (`row * seq + token`) are read.
    Positions(Vec<i32>),
    /// Cross-entropy with a distribution for every output row (of a token that is not scored: zeros). Class weights and
    /// label smoothing are in the numbers.
    Distributions {
        /// `[rows, width]`
        values: Vec<f32>,
        /// Labels.
        width: usize,
    },
    /// Mean squared error (the sum over all numbers; the weight is their count).
    Numbers {
        /// `[rows, width]`
        values: Vec<f32>,
        /// Numbers a row.
        width: usize,
    },
    /// Binary cross-entropy of each output: `-(positive * ln sigmoid(x) + negative * ln sigmoid(-x))`, summed over all.
    Binary {
        /// `[rows, width]`: 1 where the label holds, times the weight of positives.
        positive: Vec<f32>,
        /// `[rows, width]`: 1 where it does not.
        negative: Vec<f32>,
        /// Labels.
        width: usize,
    },
    /// Focal loss of a distribution for every output row: `-sum t (1 - p)^gamma ln p`. Class weights are in the numbers.
    Focal {
        /// `[rows, width]`
        values: Vec<f32>,
        /// Labels.
        width: usize,
        /// How much less a row counts that is answered rightly.
        gamma: f64,
    },
    /// Focal loss of each output, as [`Self::Binary`] has it: either answer's share of the loss times `(1 - p)^gamma`.
    FocalBinary {
        /// `[rows, width]`: 1 where the label holds, times the weight of positives.
        positive: Vec<f32>,
        /// `[rows, width]`: 1 where it does not.
        negative: Vec<f32>,
        /// Labels.
        width: usize,
        /// How much less an output counts that is right.
        gamma: f64,
    },
    /// Cross-entropy over the vocabulary at some positions of the flattened batch (`row * seq + token`).
    Ids {
        /// Where.
        positions: Vec<i32>,
        /// Which token; one a position.
        ids: Vec<i32>,
        /// Share of each target that is spread over the whole vocabulary, from 0 to below 1.
        label_smoothing: f64,
    },
    /// Half the sum of two cross-entropies over the tokens of a row, one for where a span begins and one for where it
    /// ends.
    Spans {
        /// `[batch]`
        starts: Vec<i32>,
        /// `[batch]`
        ends: Vec<i32>,
    },
    /// Rows of text that belong together: the first `anchors` rows are compared with all others (in-batch negatives),
    /// cross-entropy of the cosine times `scale`; row `i` belongs to candidate `targets[i]`.
    InBatchNegatives {
        /// Rows that are compared; the others are candidates.
        anchors: usize,
        /// Index of the candidate of each anchor, counted from the first candidate.
        targets: Vec<i32>,
        /// Candidates of the same label or text as the anchor, which are neither right nor wrong:
        /// `[anchors, candidates]`, 1 where one is left out. Empty where there are none.
        ignored: Vec<f32>,
        /// Inverse temperature.
        scale: f32,
    },
    /// CoSENT over pairs (rows `i` and `i + pairs`): `ln(1 + sum exp(scale * (cos_j - cos_i)))` over all `i, j` with
    /// `scores[i] > scores[j]`.
    Scores {
        /// One a pair.
        scores: Vec<f32>,
        /// Inverse temperature.
        scale: f32,
    },
}

/// What a model gave, read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Outputs {
    /// Numbers of every output row (or of the positions asked for).
    Rows {
        /// `[rows, width]`
        values: Vec<f32>,
        /// Numbers a row.
        width: usize,
    },
    /// Of scores of a vocabulary only what is measured is read, of each target, in their order.
    Tokens {
        /// Cross-entropies, in nats.
        losses: Vec<f32>,
        /// Whether the target had the highest score.
        are_right: Vec<bool>,
    },
}

/// A tokenised row, as far as padding needs it.
#[derive(Debug, Clone, Copy)]
pub struct TextRow<'a> {
    /// Token ids, special tokens included.
    pub input_ids: &'a [u32],
    /// Segment of each token; as long as `input_ids`, or empty for all 0.
    pub token_type_ids: &'a [u32],
}

impl HostText {
    /// Pads rows to the longest of them, rounded up to a multiple but not above the maximum.
    ///
    /// # Panics
    /// When a row is longer than `padding.max_length`: encoding cuts rows to it.
    #[must_use]
    pub fn pad(rows: &[TextRow<'_>], padding: &Padding) -> Self {
        let longest = rows.iter().map(|row| row.input_ids.len()).max().unwrap_or(0);
        assert!(longest <= padding.max_length, "encoding cuts rows to the maximum length");
        let seq = longest.next_multiple_of(padding.multiple_of.max(1)).min(padding.max_length);
        let cells = rows.len() * seq;
        let mut text = Self {
            input_ids: Vec::with_capacity(cells),
            attention_mask: Vec::with_capacity(cells),
            token_type_ids: Vec::with_capacity(cells),
            position_ids: Vec::with_capacity(cells),
            segment_ids: None,
            batch: rows.len(),
            seq,
        };
        for (index, row) in rows.iter().enumerate() {
            let (length, end) = (row.input_ids.len(), (index + 1) * seq);
            text.input_ids.extend(row.input_ids.iter().map(|&id| id as i32));
            text.input_ids.resize(end, padding.pad_token_id as i32);
            text.attention_mask.resize(end - seq + length, 1);
            text.attention_mask.resize(end, 0);
            text.token_type_ids.extend(row.token_type_ids.iter().map(|&id| id as i32));
            text.token_type_ids.resize(end, 0);
            match padding.positions {
                PositionIds::FromZero => text.position_ids.extend(0..seq as i32),
                PositionIds::AfterPad(pad) => {
                    // As transformers counts: a padding token inside the text has no position either.
                    let mut next = pad as i32;
                    text.position_ids.extend(row.input_ids.iter().map(|&id| {
                        next += i32::from(id != pad);
                        if id == pad { pad as i32 } else { next }
                    }));
                    text.position_ids.resize(end, pad as i32);
                }
            }
        }
        text
    }

    /// Tokens in all, padding not included.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.attention_mask.iter().filter(|&&bit| bit == 1).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BERT: Padding = Padding { pad_token_id: 0, multiple_of: 8, max_length: 20, positions: PositionIds::FromZero };

    fn row(input_ids: &[u32]) -> TextRow<'_> {
        TextRow { input_ids, token_type_ids: &[] }
    }

    #[test]
    fn rows_are_padded_to_a_multiple_below_the_maximum() {
        let text = HostText::pad(&[row(&[5; 3]), row(&[6; 9])], &BERT);
        assert_eq!((text.batch, text.seq, text.num_tokens()), (2, 16, 12));
        assert_eq!(text.input_ids[..5], [5, 5, 5, 0, 0]);
        assert_eq!(text.attention_mask[..5], [1, 1, 1, 0, 0]);
        assert_eq!(HostText::pad(&[row(&[6; 18])], &BERT).seq, 20);
    }

    /// `create_position_ids_from_input_ids` of RoBERTa, with padding id 1.
    #[test]
    fn roberta_counts_after_the_padding_id() {
        let positions = PositionIds::AfterPad(1);
        let padding = Padding { pad_token_id: 1, multiple_of: 4, max_length: 512, positions };
        let text = HostText::pad(&[row(&[0, 9, 1, 8, 2])], &padding);
        assert_eq!(text.input_ids, [0, 9, 1, 8, 2, 1, 1, 1]);
        assert_eq!(text.position_ids, [2, 3, 1, 4, 5, 1, 1, 1]);
        assert_eq!(text.attention_mask, [1, 1, 1, 1, 1, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn lengths_agree_and_padding_is_never_attended(
            lengths in prop::collection::vec(1_usize..=30, 0..10),
            multiple_of in 0_usize..12,
            spare in 0_usize..10,
            roberta in any::<bool>(),
        ) {
            let ids: Vec<Vec<u32>> = lengths.iter().map(|&length| vec![9; length]).collect();
            let rows: Vec<TextRow<'_>> = ids.iter().map(|ids| row(ids)).collect();
            let longest = lengths.iter().copied().max().unwrap_or(0);
            let positions = if roberta { PositionIds::AfterPad(1) } else { PositionIds::FromZero };
            let padding = Padding { pad_token_id: 1, multiple_of, max_length: longest + spare, positions };
            let text = HostText::pad(&rows, &padding);
            prop_assert!(text.seq >= longest && text.seq <= padding.max_length);
            prop_assert!(text.seq.is_multiple_of(multiple_of.max(1)) || text.seq == padding.max_length);
            let cells = text.batch * text.seq;
            for values in [&text.input_ids, &text.attention_mask, &text.token_type_ids, &text.position_ids] {
                prop_assert_eq!(values.len(), cells);
            }
            prop_assert_eq!(text.num_tokens(), lengths.iter().sum::<usize>());
            for (cell, &attended) in text.attention_mask.iter().enumerate() {
                let is_token = cell % text.seq < lengths[cell / text.seq];
                prop_assert_eq!(attended == 1, is_token);
                prop_assert_eq!(text.input_ids[cell] == 1, !is_token);
                let highest = text.seq as i32 + i32::from(roberta);
                prop_assert!((0..=highest).contains(&text.position_ids[cell]));
            }
        }
    }
}
