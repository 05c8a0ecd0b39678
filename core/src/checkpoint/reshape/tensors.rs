//! Tensors of a file that is written: bytes of another file as they are, with rows put in, or fresh values.

use std::borrow::Cow;

use safetensors::{Dtype, View};

use super::rows::TableRows;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::file_tensor::FileTensor;

/// A tensor to be written.
pub(super) struct NewTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Its bytes, one part after another.
    parts: Vec<Cow<'a, [u8]>>,
}

impl<'a> NewTensor<'a> {
    /// A tensor as it was.
    ///
    /// # Errors
    /// When its file can't be read.
    pub(super) fn kept(tensor: &FileTensor<'a>) -> Result<Self, CheckpointError> {
        Ok(Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), parts: vec![tensor.bytes()?] })
    }

    /// A table, or a list with a number a token, with the rows of new tokens.
    ///
    /// # Errors
    /// When its file can't be read.
    pub(super) fn with_rows(table: &FileTensor<'a>, rows: &'a TableRows) -> Result<Self, CheckpointError> {
        let (length, bytes_a_row) = (table.num_bytes(), rows.bytes_a_row());
        let start = (rows.first * bytes_a_row).min(length);
        let end = (start + rows.bytes.len()).min(length);
        let mut shape = table.shape().to_vec();
        shape[0] = rows.vocab_size;
        let parts = vec![table.bytes_of(0..start)?, Cow::Borrowed(&*rows.bytes), table.bytes_of(end..length)?];
        Ok(Self { dtype: table.dtype(), shape, parts })
    }

    /// Values in a number format.
    ///
    /// # Errors
    /// When it is none of F32, F16 and BF16; names the tensor that it was to be like.
    pub(super) fn fresh(like: &str, dtype: Dtype, shape: &[usize], values: &[f32]) -> Result<Self, CheckpointError> {
        let bytes = to_bytes(like, dtype, values)?;
        Ok(Self { dtype, shape: shape.to_vec(), parts: vec![Cow::Owned(bytes)] })
    }
}

impl View for NewTensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.parts.as_slice() {
            [whole] => Cow::Borrowed(whole),
            parts => Cow::Owned(parts.concat()),
        }
    }

    fn data_len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// Values in a number format.
pub(super) fn to_bytes(key: &str, dtype: Dtype, values: &[f32]) -> Result<Vec<u8>, CheckpointError> {
    let values = values.iter();
    Ok(match dtype {
        Dtype::F32 => values.flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::F16 => values.flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect(),
        Dtype::BF16 => values.flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect(),
        other => return Err(CheckpointError::Dtype { key: key.to_owned(), dtype: other.to_string() }),
    })
}
