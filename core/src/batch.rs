//! The only place where ids and pixels on the host become tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::data::{HostInputs, HostText};

/// What a model reads, on a device.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and the ids lie elsewhere")]
pub enum BatchInputs {
    /// Tokens.
    Text(TextBatch),
    /// Tokens of sources and targets.
    TextToText {
        /// What an encoder reads.
        source: TextBatch,
        /// What a decoder reads.
        target: TextBatch,
    },
    /// Images: `[batch, channels, height, width]`
    Pixels(Tensor<4>),
}

/// Rows of tokens on a device, padded on the right.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[batch, seq]`
    pub input_ids: Tensor<2, Int>,
    /// `[batch, seq]`, 1.0 on tokens and 0.0 on padding.
    pub attention_mask: Tensor<2>,
    /// `[batch, seq]`
    pub token_type_ids: Tensor<2, Int>,
    /// `[batch, seq]`
    pub position_ids: Tensor<2, Int>,
    /// Where the tokens stand.
    pub layout: SeqLayout,
    /// Whether every row fills the batch: then no attention mask is needed.
    pub is_dense: bool,
    /// Ids of the tokens that gradients reach, on the host: those that are attended to.
    token_ids: Vec<i32>,
    /// `[batch, seq]`, how large the noise on each token's vector is at most, times the square root of its width; 0 on padding.
    /// `None` where there is none.
    pub(crate) noise: Option<Tensor<2>>,
    /// `[batch, seq, width]`, the vectors of the tokens in place of those that the model looks up; `None` where it looks them up.
    pub(crate) word_vectors: Option<Tensor<3>>,
}

/// Where the tokens of a batch stand, on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqLayout {
    /// Rows.
    pub batch: usize,
    /// Tokens a row.
    pub seq: usize,
    /// Tokens that the cache already holds.
    pub past: usize,
    /// Position of each token in its text, `[batch, seq]`.
    pub position_ids: Vec<i32>,
    /// Text that each token belongs to, `[batch, seq]`; `None` where every row holds one text.
    pub segment_ids: Option<Vec<i32>>,
}

impl BatchInputs {
    /// Copies inputs to `device`.
    #[must_use]
    pub fn new(host: &HostInputs, device: &Device) -> Self {
        match host {
            HostInputs::Text(text) => Self::Text(TextBatch::new(text, device)),
            HostInputs::TextToText { source, target } => {
                Self::TextToText { source: TextBatch::new(source, device), target: TextBatch::new(target, device) }
            }
            HostInputs::Pixels(pixels) => {
                let shape = [pixels.batch, pixels.channels, pixels.height, pixels.width];
                Self::Pixels(Tensor::from_data(TensorData::new(pixels.values.clone(), shape), device))
            }
        }
    }

    /// The tokens that states belong to: of sources and targets the targets.
    ///
    /// # Panics
    /// Of images, which no model of texts is given.
    #[must_use]
    pub fn text(&self) -> &TextBatch {
        match self {
            Self::Text(text) | Self::TextToText { target: text, .. } => text,
            Self::Pixels(_) => panic!("images have no tokens"),
        }
    }

    /// Rows, and tokens a row (of an image, which has one label, 1).
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Text(TextBatch { layout, .. }) | Self::TextToText { target: TextBatch { layout, .. }, .. } => {
                [layout.batch, layout.seq]
            }
            Self::Pixels(pixels) => [pixels.dims()[0], 1],
        }
    }

    /// The same inputs where outputs of padding take part in the loss, too: then the padding token counts as one of the
    /// tokens that gradients reach.
    #[must_use]
    pub fn with_scored_padding(mut self, host: &HostInputs) -> Self {
        if let Self::Text(text) = &mut self {
            text.token_ids.clone_from(&host.text().input_ids);
        }
        self
    }

    /// The same inputs with noise on the vectors of their tokens, of up to `alpha / sqrt(tokens of the row * width)` in each
    /// number (NEFTune, <https://arxiv.org/abs/2310.05914>); drawn anew wherever vectors are looked up. Of images none.
    #[must_use]
    pub fn with_noise(self, host: &HostInputs, alpha: f64, device: &Device) -> Self {
        match (self, host) {
            (Self::Text(text), HostInputs::Text(own)) => Self::Text(text.with_noise(own, alpha, device)),
            (Self::TextToText { source, target }, HostInputs::TextToText { source: of_source, target: of_target }) => {
                Self::TextToText {
                    source: source.with_noise(of_source, alpha, device),
                    target: target.with_noise(of_target, alpha, device),
                }
            }
            (inputs, _) => inputs,
        }
    }

    /// The same inputs for a model that takes no gradient.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.without_autodiff()),
            Self::TextToText { source, target } => {
                Self::TextToText { source: source.without_autodiff(), target: target.without_autodiff() }
            }
            Self::Pixels(pixels) => Self::Pixels(pixels.without_autodiff()),
        }
    }
}

impl TextBatch {
    /// Copies rows to `device`.
    #[must_use]
    pub fn new(host: &HostText, device: &Device) -> Self {
        let shape = [host.batch, host.seq];
        let ids = |values: &[i32]| Tensor::<2, Int>::from_data(TensorData::new(values.to_vec(), shape), device);
        let mask: Vec<f32> = host.attention_mask.iter().map(|&bit| bit as f32).collect();
        let tokens = host.input_ids.iter().zip(&host.attention_mask).filter(|(_, bit)| **bit == 1);
        Self {
            input_ids: ids(&host.input_ids),
            attention_mask: Tensor::from_data(TensorData::new(mask, shape), device),
            token_type_ids: ids(&host.token_type_ids),
            position_ids: ids(&host.position_ids),
            layout: SeqLayout {
                batch: host.batch,
                seq: host.seq,
                past: 0,
                position_ids: host.position_ids.clone(),
                segment_ids: host.segment_ids.clone(),
            },
            is_dense: host.attention_mask.iter().all(|&bit| bit == 1),
            token_ids: tokens.map(|(&id, _)| id).collect(),
            noise: None,
            word_vectors: None,
        }
    }

    fn with_noise(self, host: &HostText, alpha: f64, device: &Device) -> Self {
        let of_row = |mask: &[i32]| -> Vec<f32> {
            let length = mask.iter().filter(|&&bit| bit == 1).count().max(1);
            let size = (alpha / (length as f64).sqrt()) as f32;
            mask.iter().map(|&bit| if bit == 1 { size } else { 0.0 }).collect()
        };
        let values: Vec<f32> = host.attention_mask.chunks(host.seq.max(1)).flat_map(of_row).collect();
        let noise = Tensor::from_data(TensorData::new(values, [host.batch, host.seq]), device);
        Self { noise: Some(noise), ..self }
    }

    /// The same batch with the vectors of its tokens given: the model looks none up, so that a gradient by them can be taken.
    /// All else that depends on the ids, such as which token is the last, still does.
    ///
    /// # Shapes
    /// - `vectors`: `[batch, seq, width]`, as `Backbone::word_vectors` gives them
    #[must_use]
    pub fn with_word_vectors(self, vectors: Tensor<3>) -> Self {
        Self { word_vectors: Some(vectors), ..self }
    }

    /// One text's next tokens, after `past` that a cache holds.
    #[must_use]
    pub fn continuation(ids: &[u32], past: usize, device: &Device) -> Self {
        Self::continuations(ids, 1, past, device)
    }

    /// The next tokens of `rows` texts, as many of each, after `past` that a cache holds of each.
    ///
    /// # Shapes
    /// - `ids`: `[rows, seq]`, row after row
    #[must_use]
    pub fn continuations(ids: &[u32], rows: usize, past: usize, device: &Device) -> Self {
        let seq = ids.len() / rows;
        let text = HostText {
            input_ids: ids.iter().map(|&id| id as i32).collect(),
            attention_mask: vec![1; ids.len()],
            token_type_ids: vec![0; ids.len()],
            position_ids: (0..ids.len()).map(|index| (past + index % seq) as i32).collect(),
            segment_ids: None,
            batch: rows,
            seq,
        };
        let mut batch = Self::new(&text, device);
        batch.layout.past = past;
        batch
    }

    /// The same batch for a model that takes no gradient.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        Self {
            input_ids: self.input_ids.without_autodiff(),
            attention_mask: self.attention_mask.without_autodiff(),
            token_type_ids: self.token_type_ids.without_autodiff(),
            position_ids: self.position_ids.without_autodiff(),
            layout: self.layout,
            is_dense: self.is_dense,
            token_ids: self.token_ids,
            noise: self.noise.map(Tensor::without_autodiff),
            word_vectors: self.word_vectors.map(Tensor::without_autodiff),
        }
    }

    /// Whether there is a token of this id that gradients reach.
    #[must_use]
    pub fn holds(&self, id: usize) -> bool {
        self.token_ids.iter().any(|&token| token as usize == id)
    }
}

impl SeqLayout {
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

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::data::{Padding, PositionIds, TextRow};

    #[test]
    fn padding_is_neither_held_nor_dense() {
        let padding = Padding { pad_token_id: 7, multiple_of: 1, max_length: 8, positions: PositionIds::FromZero };
        let row = |input_ids| TextRow { input_ids, token_type_ids: &[] };
        let batch = |rows: &[TextRow<'_>]| TextBatch::new(&HostText::pad(rows, &padding), &Device::flex());
        let padded = batch(&[row(&[1, 2, 3]), row(&[4])]);
        assert!(!padded.is_dense && padded.holds(4) && !padded.holds(7));
        assert_eq!(padded.layout.distinct_positions(), ([0, 1, 2].as_slice(), 1));
        let full = batch(&[row(&[1, 7])]);
        assert!(full.is_dense && full.holds(7), "a padding token within a text is a token");
    }

    #[test]
    fn a_continuation_counts_on_from_the_past() {
        let batch = TextBatch::continuation(&[5, 6], 3, &Device::flex());
        let layout = SeqLayout { batch: 1, seq: 2, past: 3, position_ids: vec![3, 4], segment_ids: None };
        assert_eq!((batch.layout, batch.is_dense), (layout, true));
        assert_eq!(batch.position_ids.into_data().iter::<i32>().collect::<Vec<_>>(), [3, 4]);
        let two = TextBatch::continuations(&[5, 6, 7, 8], 2, 3, &Device::flex());
        let position_ids = vec![3, 4, 3, 4];
        assert_eq!(two.layout, SeqLayout { batch: 2, seq: 2, past: 3, position_ids, segment_ids: None });
        assert_eq!(two.input_ids.into_data().iter::<i32>().collect::<Vec<_>>(), [5, 6, 7, 8]);
    }
}
