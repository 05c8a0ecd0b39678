//! Tensors of a file that is made of another one: its bytes as they are, with rows put in, and fresh values. Out: that file, which is read
//! where its parts lie, so that no copy of the weights is made.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::rc::Rc;

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::rows::TableRows;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::file_tensor::FileTensor;
use crate::checkpoint::stream::header_of;
use crate::folder::{Folder, StoredBytes};

/// A tensor of the new file.
pub(super) struct NewTensor {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Its bytes, one part after another.
    parts: Vec<Part>,
}

/// Some bytes of the new file.
#[derive(Debug)]
enum Part {
    /// Those of another file, which stays where it is.
    Kept {
        file: Rc<dyn StoredBytes>,
        range: Range<u64>,
    },
    Fresh(Vec<u8>),
}

impl NewTensor {
    /// A tensor as it was, in one of these files, each of which stays where it is.
    ///
    /// # Errors
    /// When its file is not among them.
    pub(super) fn kept(tensor: &FileTensor<'_>, files: &Folder) -> Result<Self, CheckpointError> {
        let parts = vec![Part::kept(tensor, files, 0..tensor.num_bytes())?];
        Ok(Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), parts })
    }

    /// A table, or a list with a number a token, with the rows of new tokens.
    ///
    /// # Errors
    /// As [`Self::kept`].
    pub(super) fn with_rows(table: &FileTensor<'_>, files: &Folder, rows: &TableRows) -> Result<Self, CheckpointError> {
        let (length, bytes_a_row) = (table.num_bytes(), rows.bytes_a_row());
        let start = (rows.first * bytes_a_row).min(length);
        let end = (start + rows.bytes.len()).min(length);
        let mut shape = table.shape().to_vec();
        shape[0] = rows.vocab_size;
        let fresh = Part::Fresh(rows.bytes.clone());
        let parts = vec![Part::kept(table, files, 0..start)?, fresh, Part::kept(table, files, end..length)?];
        Ok(Self { dtype: table.dtype(), shape, parts })
    }

    /// Values in a number format.
    ///
    /// # Errors
    /// When it is none of F32, F64, F16 and BF16; names the tensor that it was to be like.
    pub(super) fn fresh(like: &str, dtype: Dtype, shape: &[usize], values: &[f32]) -> Result<Self, CheckpointError> {
        let bytes = to_bytes(like, dtype, values)?;
        Ok(Self { dtype, shape: shape.to_vec(), parts: vec![Part::Fresh(bytes)] })
    }

    fn num_bytes(&self) -> u64 {
        self.parts.iter().map(Part::num_bytes).sum()
    }
}

impl Part {
    /// Some bytes of a tensor.
    fn kept(tensor: &FileTensor<'_>, files: &Folder, range: Range<usize>) -> Result<Self, CheckpointError> {
        let (name, start) = tensor.place().expect("files in memory are shared as such that stay where they are");
        let file = files.share(name).ok_or_else(|| CheckpointError::MissingShard { file: name.to_owned() })?;
        Ok(Self::Kept { file, range: start + range.start as u64..start + range.end as u64 })
    }

    fn num_bytes(&self) -> u64 {
        match self {
            Self::Kept { range, .. } => range.end - range.start,
            Self::Fresh(bytes) => bytes.len() as u64,
        }
    }

    fn read(&self, part: Range<u64>) -> io::Result<Vec<u8>> {
        match self {
            Self::Kept { file, range } => file.read(range.start + part.start..range.start + part.end),
            Self::Fresh(bytes) => StoredBytes::read(bytes, part),
        }
    }
}

/// A file of weights in parts, as `safetensors` itself writes it.
#[derive(Debug)]
pub(super) struct FileOfParts {
    /// The parts, each with where it ends.
    parts: Vec<(u64, Part)>,
    num_bytes: u64,
}

impl FileOfParts {
    /// Puts tensors together by their names.
    pub(super) fn new(tensors: BTreeMap<String, NewTensor>, metadata: Option<HashMap<String, String>>) -> Self {
        let mut tensors: Vec<(String, NewTensor)> = tensors.into_iter().collect();
        tensors.sort_by_key(|(_, tensor)| Reverse(tensor.dtype)); // the widest numbers first, then by name
        let mut end = 0;
        let info = |(name, tensor): &(String, NewTensor)| {
            let start = end;
            end += tensor.num_bytes() as usize;
            let (dtype, shape) = (tensor.dtype, tensor.shape.clone());
            (name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
        };
        let header = header_of(tensors.iter().map(info).collect(), metadata);
        let (mut parts, mut num_bytes) = (Vec::new(), 0);
        let of_tensors = tensors.into_iter().flat_map(|(_, tensor)| tensor.parts);
        for part in [Part::Fresh(header)].into_iter().chain(of_tensors).filter(|part| part.num_bytes() > 0) {
            num_bytes += part.num_bytes();
            parts.push((num_bytes, part));
        }
        Self { parts, num_bytes }
    }
}

impl StoredBytes for FileOfParts {
    fn num_bytes(&self) -> u64 {
        self.num_bytes
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        if range.start > range.end || range.end > self.num_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let first = self.parts.partition_point(|(end, _)| *end <= range.start);
        let (mut bytes, mut start) = (Vec::new(), range.start);
        for (end, part) in &self.parts[first..] {
            if start == range.end {
                break;
            }
            let (begin, until) = (end - part.num_bytes(), range.end.min(*end));
            let read = part.read(start - begin..until - begin)?;
            if read.len() as u64 != until - start {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // Most of what is read lies in one part.
            bytes = if bytes.is_empty() { read } else { [bytes, read].concat() };
            start = until;
        }
        Ok(bytes)
    }
}

/// Values in a number format.
pub(super) fn to_bytes(key: &str, dtype: Dtype, values: &[f32]) -> Result<Vec<u8>, CheckpointError> {
    let values = values.iter();
    Ok(match dtype {
        Dtype::F32 => values.flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::F64 => values.flat_map(|value| f64::from(*value).to_le_bytes()).collect(),
        Dtype::F16 => values.flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect(),
        Dtype::BF16 => values.flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect(),
        other => return Err(CheckpointError::Dtype { key: key.to_owned(), dtype: other.to_string() }),
    })
}
