//! Rows of new tokens, in every tensor that has one a token: the table that tokens are looked up in, tables that score
//! them, and biases of those scores.

use std::collections::{BTreeMap, BTreeSet};

use super::tensors::to_bytes;
use crate::checkpoint::{CheckpointError, WeightFile};
use crate::model::{ModelConfig, possible_keys};
use crate::tokenizer::NewToken;

/// The rows of all tensors, by the tensor's name.
pub(super) struct NewRows {
    by_key: BTreeMap<String, TableRows>,
}

/// The rows of one tensor.
pub(super) struct TableRows {
    /// Id of the first new token.
    pub(super) first: usize,
    /// The rows, in the tensor's number format.
    pub(super) bytes: Vec<u8>,
    /// Rows of the tensor once these are in it.
    pub(super) vocab_size: usize,
    num_rows: usize,
}

impl TableRows {
    /// Bytes of a row.
    pub(super) fn bytes_a_row(&self) -> usize {
        self.bytes.len() / self.num_rows.max(1)
    }
}

impl NewRows {
    /// Makes the rows of `tokens`: in a table the mean of its rows for the token's pieces, in a bias 0. Ids that the table
    /// has rows for already, which no token had, get theirs there.
    ///
    /// # Errors
    /// When a tensor has not as many rows as the vocabulary has tokens, or a number format that is not known.
    pub(super) fn new(
        config: &ModelConfig,
        file: &WeightFile<'_>,
        tokens: &[NewToken],
        vocab_size: usize,
    ) -> Result<Self, CheckpointError> {
        let mut by_key = BTreeMap::new();
        let Some(first) = tokens.first().map(|token| token.id as usize) else { return Ok(Self { by_key }) };
        for key in vocabulary_keys(config, file) {
            let table = file.tensor(&key).expect("the key is in the file");
            let shape = table.shape();
            if shape.first() != Some(&config.vocab_size()) || shape.len() > 2 {
                let mut expected = shape.to_vec();
                expected.truncate(2);
                expected.resize(expected.len().max(1), 0);
                expected[0] = config.vocab_size();
                return Err(CheckpointError::Shape { key, found: shape.to_vec(), expected });
            }
            let values = match shape {
                [_, columns] => mean_rows(file, &key, tokens, *columns)?,
                _ => vec![0.0; tokens.len()],
            };
            let bytes = to_bytes(&key, table.dtype(), &values)?;
            by_key.insert(key, TableRows { first, bytes, vocab_size, num_rows: tokens.len() });
        }
        Ok(Self { by_key })
    }

    /// The rows of a tensor, if it has one a token.
    pub(super) fn of(&self, key: &str) -> Option<&TableRows> {
        self.by_key.get(key)
    }

    /// Bytes of all rows.
    pub(super) fn num_bytes(&self) -> u64 {
        self.by_key.values().map(|rows| rows.bytes.len() as u64).sum()
    }
}

/// The tensors with a row a token: of the backbone, and of whichever heads the file has.
fn vocabulary_keys(config: &ModelConfig, file: &WeightFile<'_>) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> = file.find(config.key_map(), config.backbone.word_table()).into_iter().collect();
    for head in config.architecture.heads {
        let scores = ["head.lm_head.weight", "head.lm_head.bias"];
        let own = scores.into_iter().flat_map(|path| possible_keys(&head.key_map, path));
        let tied = head.tied_keys.iter().map(|&key| key.to_owned());
        keys.extend(own.chain(tied).filter(|key| file.has(key)));
    }
    keys
}

/// The mean of a table's rows for the pieces of each token, row after row.
fn mean_rows(
    file: &WeightFile<'_>,
    key: &str,
    tokens: &[NewToken],
    columns: usize,
) -> Result<Vec<f32>, CheckpointError> {
    let mut values = Vec::with_capacity(tokens.len() * columns);
    let mut sum = vec![0.0_f64; columns];
    for token in tokens {
        sum.fill(0.0);
        for &piece in &token.pieces {
            let row = file.read_rows(key, piece as usize..piece as usize + 1)?.expect("it is a matrix of the file");
            sum.iter_mut().zip(row.values).for_each(|(sum, value)| *sum += f64::from(value));
        }
        let count = token.pieces.len().max(1) as f64;
        values.extend(sum.iter().map(|sum| (sum / count) as f32));
    }
    Ok(values)
}
