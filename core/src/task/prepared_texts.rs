//! Rows of texts with their tokens, as a run trains on them and is measured on them. In: rows as they were read, and their tokens; the
//! copies that augmentation makes of those to train on. Out: padded batches, counts, and a hash of all that is trained on.

use std::rc::Rc;

use super::AddedRows;
use super::augmented::AddedTexts;
use super::texts::{EncodedTexts, LabeledText, index_of, pad_texts};
use crate::data::{HostBatch, HostInputs, HostTargets, Padding, Split};

/// Rows with their tokens.
#[derive(Debug)]
pub(super) struct PreparedTexts<L> {
    pub(super) splits: Rc<[Vec<LabeledText<L>>; 3]>,
    pub(super) tokens: Rc<[Vec<EncodedTexts>; 3]>,
    padding: Padding,
    /// Rows to train on as they were read; behind them stand those that augmentation added.
    num_trained: usize,
    /// Of these, rows to which it added none.
    num_unchanged: usize,
}

impl<L> PreparedTexts<L> {
    /// Rows as they were read, with the tokens of each.
    pub(super) fn new(
        splits: Rc<[Vec<LabeledText<L>>; 3]>,
        tokens: Rc<[Vec<EncodedTexts>; 3]>,
        padding: Padding,
    ) -> Self {
        let num_trained = splits[0].len();
        Self { splits, tokens, padding, num_trained, num_unchanged: 0 }
    }

    /// The same with changed copies behind the rows to train on.
    pub(super) fn with_added(self, added: &AddedTexts<L>) -> Self {
        let (splits, tokens) = (Rc::clone(&added.splits), Rc::clone(&added.tokens));
        Self { splits, tokens, num_unchanged: added.num_unchanged, ..self }
    }

    /// Rows of each split.
    pub(super) fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    /// The same as they were read.
    pub(super) fn num_read(&self) -> [usize; 3] {
        let [_, valid, test] = self.num_rows();
        [self.num_trained, valid, test]
    }

    /// Rows of a split; of training the copies behind them, too.
    pub(super) fn rows(&self, split: Split) -> &[LabeledText<L>] {
        &self.splits[index_of(split)]
    }

    /// Rows of a split, as read.
    pub(super) fn rows_as_read(&self, split: Split) -> &[LabeledText<L>] {
        &self.rows(split)[..self.num_read()[index_of(split)]]
    }

    /// What augmentation added, with the rows of each label, which are counted by `labels`; `None` where the run has none.
    pub(super) fn added(&self, labels: impl FnOnce(&[LabeledText<L>]) -> Vec<(String, usize)>) -> Option<AddedRows> {
        let rows = self.rows(Split::Train);
        let (num_rows, num_unchanged) = (self.num_trained, self.num_unchanged);
        let num_added = rows.len() - num_rows;
        let is_augmented = num_added + num_unchanged > 0;
        is_augmented.then(|| AddedRows { num_rows, num_added, num_unchanged, labels: labels(rows) })
    }

    /// Tokens of each row of a split.
    pub(super) fn lengths(&self, split: Split) -> Vec<usize> {
        self.tokens[index_of(split)].iter().map(|row| row.input_ids.len()).collect()
    }

    /// The rows at `indices` of a split, padded, with what is to be learned of them.
    pub(super) fn batch(&self, split: Split, indices: &[usize], targets: HostTargets, weight: f64) -> HostBatch {
        let tokens = &self.tokens[index_of(split)];
        let text = pad_texts(indices.iter().map(|&index| &tokens[index]), &self.padding);
        let (num_rows, num_tokens) = (indices.len(), text.num_tokens());
        HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows, num_tokens }
    }

    /// SHA-256 over the tokens to train on, each row after the bytes of its label.
    pub(super) fn fingerprint(&self, label: impl Fn(&L) -> Vec<u8>) -> String {
        let mut bytes = Vec::new();
        for (row, tokens) in self.splits[0].iter().zip(&self.tokens[0]) {
            bytes.extend(label(&row.label));
            bytes.extend((tokens.input_ids.len() as u32).to_le_bytes());
            bytes.extend(tokens.input_ids.iter().flat_map(|id| id.to_le_bytes()));
            if row.input.second.is_some() {
                bytes.extend(tokens.token_type_ids.iter().flat_map(|id| id.to_le_bytes()));
            }
        }
        crate::hub::sha256_hex(&bytes)
    }
}
