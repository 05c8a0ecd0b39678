//! A tensor where it lies in a file of weights: in memory, or in a file that stays where it is, of which its bytes are read when they
//! are asked for.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use safetensors::Dtype;
use safetensors::tensor::{TensorInfo, TensorView};

use super::CheckpointError;
use crate::folder::StoredBytes;

/// Number format, sizes and bytes of a tensor.
#[derive(Debug, Clone)]
pub(super) struct FileTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: TensorBytes<'a>,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
enum TensorBytes<'a> {
    Memory(&'a [u8]),
    /// From byte `start` of a file.
    Stored {
        name: &'a str,
        file: &'a dyn StoredBytes,
        start: u64,
        length: usize,
    },
}

impl<'a> FileTensor<'a> {
    /// A tensor in memory.
    pub(super) fn in_memory(view: &TensorView<'a>) -> Self {
        Self { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: TensorBytes::Memory(view.data()) }
    }

    /// A tensor of a file that stays where it is; the values of all its tensors begin at byte `values_start`.
    pub(super) fn stored(name: &'a str, file: &'a dyn StoredBytes, values_start: u64, info: &TensorInfo) -> Self {
        let (first, end) = info.data_offsets;
        let bytes = TensorBytes::Stored { name, file, start: values_start + first as u64, length: end - first };
        Self { dtype: info.dtype, shape: info.shape.clone(), bytes }
    }

    /// Its number format.
    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its sizes.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many bytes it has.
    pub(super) fn num_bytes(&self) -> usize {
        match self.bytes {
            TensorBytes::Memory(bytes) => bytes.len(),
            TensorBytes::Stored { length, .. } => length,
        }
    }

    /// The file that it lies in, and its first byte there; `None` of one in memory.
    pub(super) fn place(&self) -> Option<(&'a str, u64)> {
        match self.bytes {
            TensorBytes::Memory(_) => None,
            TensorBytes::Stored { name, start, .. } => Some((name, start)),
        }
    }

    /// All of its bytes.
    ///
    /// # Errors
    /// When its file can't be read.
    pub(super) fn bytes(&self) -> Result<Cow<'a, [u8]>, CheckpointError> {
        self.bytes_of(0..self.num_bytes())
    }

    /// Some of its bytes.
    ///
    /// # Errors
    /// When its file can't be read.
    pub(super) fn bytes_of(&self, range: Range<usize>) -> Result<Cow<'a, [u8]>, CheckpointError> {
        match self.bytes {
            TensorBytes::Memory(bytes) => Ok(Cow::Borrowed(&bytes[range])),
            TensorBytes::Stored { name, file, start, .. } => {
                read(name, file, start + range.start as u64..start + range.end as u64).map(Cow::Owned)
            }
        }
    }
}

/// Bytes of a file that stays where it is.
///
/// # Errors
/// When they can't be read, or are not all there.
pub(super) fn read(name: &str, file: &dyn StoredBytes, range: Range<u64>) -> Result<Vec<u8>, CheckpointError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let expected = range.end - range.start;
    let read = file.read(range).and_then(|bytes| match bytes.len() as u64 == expected {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    });
    read.map_err(|source| CheckpointError::Read { file: name.to_owned(), source })
}
