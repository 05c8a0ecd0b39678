//! A safetensors file that is read a few tensors at a time, as `stream` writes them, so that it never lies in memory as a whole.
//!
//! In: its header, and the size of the file. Out: which bytes come next, and the tensors that are made of them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use safetensors::SafeTensorError;
use safetensors::tensor::{Metadata, TensorInfo, TensorView};

use super::file_tensor::FileTensor;
use super::{CheckpointError, WeightFile};

/// Bytes of tensors that are read together, at most; a larger tensor comes alone. In a browser memory that was taken is never given back.
const PART_BYTES: usize = 8 << 20;

/// Bytes that say how long the header is.
const LENGTH_BYTES: u64 = 8;

/// Most bytes of a header, as the format's own crate has it.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The tensors of a file that are still to be read, those together that are read at once.
pub struct TensorParts {
    file: String,
    file_bytes: u64,
    /// Where the values begin.
    start: u64,
    waiting: VecDeque<Vec<(String, TensorInfo)>>,
}

impl TensorParts {
    /// The bytes at which the header of a file begins and ends that starts with these.
    ///
    /// # Errors
    /// When no such header can be in it.
    pub fn header_range(file: &str, first: &[u8], file_bytes: u64) -> Result<Range<u64>, CheckpointError> {
        let no_file = |source| damaged(file, file_bytes, source);
        let first = first.first_chunk().ok_or_else(|| no_file(SafeTensorError::HeaderTooSmall))?;
        let length = u64::from_le_bytes(*first);
        if length > MAX_HEADER_BYTES {
            return Err(no_file(SafeTensorError::HeaderTooLarge));
        }
        let end = LENGTH_BYTES + length;
        if end > file_bytes {
            return Err(no_file(SafeTensorError::InvalidHeaderLength));
        }
        Ok(LENGTH_BYTES..end)
    }

    /// A file by its header, the bytes of [`Self::header_range`].
    ///
    /// # Errors
    /// When it is none, or does not go with the size of the file.
    pub fn open(file: &str, header: &[u8], file_bytes: u64) -> Result<Self, CheckpointError> {
        Self::open_in_parts(file, header, file_bytes, PART_BYTES)
    }

    fn open_in_parts(file: &str, header: &[u8], file_bytes: u64, part_bytes: usize) -> Result<Self, CheckpointError> {
        let (metadata, start) = read_header(file, header, file_bytes)?;
        let (mut waiting, mut num_bytes) = (VecDeque::<Vec<_>>::new(), 0);
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name).cloned() else { continue };
            let bytes = info.data_offsets.1 - info.data_offsets.0;
            match waiting.back_mut() {
                Some(part) if num_bytes + bytes <= part_bytes => part.push((name, info)),
                _ => {
                    num_bytes = 0;
                    waiting.push_back(vec![(name, info)]);
                }
            }
            num_bytes += bytes;
        }
        Ok(Self { file: file.to_owned(), file_bytes, start, waiting })
    }

    /// The bytes of the file that are needed next; `None` after the last.
    #[must_use]
    pub fn next_range(&self) -> Option<Range<u64>> {
        let part = self.waiting.front()?;
        let (first, last) = (&part.first()?.1, &part.last()?.1);
        Some(self.start + first.data_offsets.0 as u64..self.start + last.data_offsets.1 as u64)
    }

    /// The tensors whose bytes were needed.
    ///
    /// # Errors
    /// When there are fewer of them.
    pub fn next_tensors<'a>(&mut self, bytes: &'a [u8]) -> Result<WeightFile<'a>, CheckpointError> {
        let part = self.waiting.pop_front().unwrap_or_default();
        let start = part.first().map_or(0, |(_, info)| info.data_offsets.0);
        let mut tensors = BTreeMap::new();
        for (name, TensorInfo { dtype, shape, data_offsets: (first, end) }) in part {
            let values = bytes.get(first - start..end - start).ok_or(SafeTensorError::MetadataIncompleteBuffer);
            let view = values.and_then(|values| TensorView::new(dtype, shape, values));
            let view = view.map_err(|source| damaged(&self.file, self.file_bytes, source))?;
            tensors.insert(name, FileTensor::in_memory(&view));
        }
        Ok(WeightFile::of_tensors(tensors))
    }
}

/// What the header of a file says of its tensors, and where their values begin. `header` is the bytes of
/// [`TensorParts::header_range`].
///
/// # Errors
/// When it is none, or does not go with the size of the file.
pub(super) fn read_header(file: &str, header: &[u8], file_bytes: u64) -> Result<(Metadata, u64), CheckpointError> {
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| damaged(file, file_bytes, SafeTensorError::InvalidHeaderDeserialization(error)))?;
    let start = LENGTH_BYTES + header.len() as u64;
    if start + metadata.data_len() as u64 != file_bytes {
        return Err(damaged(file, file_bytes, SafeTensorError::MetadataIncompleteBuffer));
    }
    Ok((metadata, start))
}

fn damaged(file: &str, file_bytes: u64, source: SafeTensorError) -> CheckpointError {
    let bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    CheckpointError::Safetensors { file: file.to_owned(), bytes, source }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::HostTensor;
    use super::*;

    fn file() -> (Vec<u8>, BTreeMap<String, HostTensor>) {
        let shapes =
            [("a", vec![2, 3]), ("b", vec![]), ("c", vec![0]), ("d", vec![40]), ("e", vec![3]), ("f", vec![1])];
        let tensor = |(index, (name, shape)): (usize, (&str, Vec<usize>))| {
            let values = vec![index as f32; shape.iter().product()];
            (name.to_owned(), HostTensor { shape, values })
        };
        let tensors: BTreeMap<_, _> = shapes.into_iter().enumerate().map(tensor).collect();
        let bytes = safetensors::serialize(tensors.iter().collect::<Vec<_>>(), None).expect("it serializes");
        (bytes, tensors)
    }

    /// Reads a file in parts of so many bytes: its tensors, and the sizes of the parts.
    fn read(bytes: &[u8], part_bytes: usize) -> Result<(BTreeMap<String, HostTensor>, Vec<usize>), CheckpointError> {
        let file_bytes = bytes.len() as u64;
        let cut = |range: Range<u64>| bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
        let header = TensorParts::header_range("x", bytes, file_bytes)?;
        let mut parts = TensorParts::open_in_parts("x", cut(header), file_bytes, part_bytes)?;
        let (mut tensors, mut sizes) = (BTreeMap::new(), Vec::new());
        while let Some(range) = parts.next_range() {
            let bytes = cut(range);
            let part = parts.next_tensors(bytes)?;
            sizes.push(bytes.len());
            for name in part.names() {
                tensors.insert(name.to_owned(), part.read(name)?.expect("it is named"));
            }
        }
        Ok((tensors, sizes))
    }

    #[test]
    fn a_file_in_parts_has_the_tensors_of_the_whole() {
        let (bytes, tensors) = file();
        for (part_bytes, expected) in [(1 << 20, vec![204]), (30, vec![28, 160, 16]), (1, vec![24, 4, 160, 12, 4])] {
            let (found, sizes) = read(&bytes, part_bytes).expect("it is whole");
            assert_eq!(found, tensors);
            let sizes: Vec<usize> = sizes.into_iter().filter(|&size| size > 0).collect();
            assert_eq!(sizes, expected, "in parts of {part_bytes} bytes");
        }
    }

    #[test]
    fn what_is_no_whole_file_is_refused() {
        let (bytes, _) = file();
        let refused = |bytes: &[u8]| read(bytes, 30).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused(&bytes[..bytes.len() - 1]).contains("x is damaged or incomplete"));
        assert!(refused(&bytes[..20]).contains("x is damaged") && refused(&bytes[..4]).contains("x is damaged"));
        let text = b"text,label\na,b\n";
        assert!(refused(text).contains("x is damaged"));
        assert!(refused(&[bytes, vec![0]].concat()).contains("x is damaged"));
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), part in 0_usize..300) {
            let (mut bytes, _) = file();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read(&bytes, part);
        }
    }
}
