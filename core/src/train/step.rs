//! What a run works on: encoded splits, padding, loss; and the fingerprint that ties a checkpoint to its data.

use crate::data::{Encoded, Example, HostBatch, Padding, collate};
use crate::loss::LossConfig;

/// A split: rows as read, and as tokens.
#[derive(Debug, Clone, Default)]
pub struct TrainSplit {
    /// Rows as read.
    pub examples: Vec<Example>,
    /// The same rows as tokens.
    pub encoded: Vec<Encoded>,
}

/// All that a run is given besides the model and the settings.
#[derive(Debug, Clone)]
pub struct TrainInputs {
    /// Labels, in the order of their ids.
    pub labels: Vec<String>,
    /// Rows to train on.
    pub train: TrainSplit,
    /// Rows that choose the best weights.
    pub valid: TrainSplit,
    /// Rows for the end.
    pub test: TrainSplit,
    /// How batches are padded.
    pub padding: Padding,
    /// The loss.
    pub loss: LossConfig,
}

impl TrainSplit {
    /// Pads the rows at `indices`.
    #[must_use]
    pub fn collate(&self, indices: &[usize], padding: &Padding) -> HostBatch {
        let rows: Vec<&Encoded> = indices.iter().map(|&index| &self.encoded[index]).collect();
        collate(&rows, padding)
    }

    /// Rows in the split.
    #[must_use]
    pub fn len(&self) -> usize {
        self.encoded.len()
    }

    /// No rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }
}

/// SHA-256 over tokens and labels, in order.
#[must_use]
pub fn fingerprint(rows: &[Encoded]) -> String {
    let mut bytes = Vec::with_capacity(rows.iter().map(|row| 4 * row.input_ids.len() + 8).sum());
    for row in rows {
        bytes.extend((row.label as u32).to_le_bytes());
        bytes.extend((row.input_ids.len() as u32).to_le_bytes());
        bytes.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
    }
    crate::hub::sha256_hex(&bytes)
}
