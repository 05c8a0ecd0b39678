//! Files that come in pieces, so that a checkpoint or an export is written without a copy of the model in memory: tensors are
//! read from the device a few at a time, while somebody writes them.
//!
//! In: tensors on the device, and files that are bytes already. Out, by name: each file with its size, which its header
//! follows from, then its bytes. It is pulled, so that whoever writes may wait for a disk between two pieces.

use std::collections::{BTreeMap, HashMap, VecDeque};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::CheckpointError;
use super::pending::{F32, PIECE_BYTES, PendingPart, PendingTensor, read_parts};
use crate::folder::Folder;

/// What comes next of some files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePiece {
    /// The next file begins; the one before is whole.
    Begins {
        /// Its name, with `/` for sub-folders.
        name: String,
        /// Bytes that it will have.
        bytes: u64,
    },
    /// The next bytes of the file that began last.
    Bytes(Vec<u8>),
}

/// A safetensors file of f32, of which nothing was read yet.
pub(crate) struct TensorFile {
    header: Vec<u8>,
    num_bytes: usize,
    parts: VecDeque<(String, PendingPart)>,
    must_be_finite: bool,
}

impl TensorFile {
    /// Tensors by their names in the file, as `safetensors` itself writes them. `must_be_finite`: a value that is no number is an
    /// error.
    pub(crate) fn new(
        tensors: BTreeMap<String, PendingTensor>,
        metadata: Option<HashMap<String, String>>,
        must_be_finite: bool,
    ) -> Self {
        let (mut infos, mut parts) = (Vec::with_capacity(tensors.len()), VecDeque::with_capacity(tensors.len()));
        for (name, tensor) in tensors {
            infos.push((name.clone(), tensor.num_bytes(), tensor.shape));
            parts.extend(tensor.parts.into_iter().map(|part| (name.clone(), part)));
        }
        let (header, num_values_bytes) = header(infos, metadata);
        Self { num_bytes: header.len() + num_values_bytes, header, parts, must_be_finite }
    }

    /// Bytes that a file of vectors has, of these lengths by their names, in the order of which they are.
    pub(crate) fn bytes_of_vectors(lengths: &BTreeMap<String, usize>) -> usize {
        let infos = lengths.iter().map(|(name, length)| (name.clone(), length * F32, vec![*length])).collect();
        let (header, num_values_bytes) = header(infos, None);
        header.len() + num_values_bytes
    }

    /// The whole file, written over `room`, whose memory it takes as far as that is enough.
    ///
    /// # Errors
    /// When the device fails, or a value is no number that has to be one.
    pub(crate) async fn write_over(mut self, mut room: Vec<u8>) -> Result<Vec<u8>, CheckpointError> {
        room.clear();
        room.reserve_exact(self.num_bytes);
        room.append(&mut self.header);
        while let Some(read) = self.read_some().await? {
            for values in read {
                append(&mut room, &values);
            }
        }
        Ok(room)
    }

    /// Reads all of it, and keeps nothing.
    ///
    /// # Errors
    /// As [`Self::write_over`].
    pub(crate) async fn check(mut self) -> Result<(), CheckpointError> {
        while self.read_some().await?.is_some() {}
        Ok(())
    }

    /// The next values: some of a large tensor, or as many small tensors as a piece has; `None` after the last.
    async fn read_some(&mut self) -> Result<Option<Vec<Vec<f32>>>, CheckpointError> {
        let (mut names, mut some, mut num_values) = (Vec::new(), Vec::new(), 0);
        while let Some((_, next)) = self.parts.front()
            && (some.is_empty() || (num_values + next.num_values) * F32 <= PIECE_BYTES)
            && let Some((name, part)) = self.parts.pop_front()
        {
            num_values += part.num_values;
            names.push(name);
            some.push(part);
        }
        if some.is_empty() {
            return Ok(None);
        }
        let read = read_parts(some).await?;
        for (values, key) in read.iter().zip(names) {
            if self.must_be_finite && !values.iter().all(|value| value.is_finite()) {
                return Err(CheckpointError::NotFinite { key });
            }
        }
        Ok(Some(read))
    }
}

/// The header of a file of f32, and the bytes of all values after it; of each tensor its name, its bytes and its sizes, in the order in
/// which they lie in the file.
fn header(tensors: Vec<(String, usize, Vec<usize>)>, metadata: Option<HashMap<String, String>>) -> (Vec<u8>, usize) {
    let mut end = 0;
    let info = |(name, num_bytes, shape): (String, usize, Vec<usize>)| {
        let start = end;
        end += num_bytes;
        (name, TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, end) })
    };
    let infos: Vec<(String, TensorInfo)> = tensors.into_iter().map(info).collect();
    (header_of(infos, metadata), end)
}

/// The header of a safetensors file, as `safetensors` itself writes it, with the bytes before it that say how long it is; tensors in
/// the order in which they lie in the file.
pub(super) fn header_of(tensors: Vec<(String, TensorInfo)>, metadata: Option<HashMap<String, String>>) -> Vec<u8> {
    let metadata = Metadata::new(metadata, tensors).expect("shapes and lengths agree by construction");
    let mut json = serde_json::to_vec(&metadata).expect("names and numbers serialize");
    json.resize(json.len().next_multiple_of(8), b' ');
    [&(json.len() as u64).to_le_bytes()[..], &json].concat()
}

/// What a file of a stream holds.
enum Content {
    /// It lies among the bytes of the stream.
    Bytes,
    Tensors(TensorFile),
}

/// A file of which pieces were pulled.
enum Open {
    Bytes { name: String, done: usize },
    Tensors { file: TensorFile, read: VecDeque<Vec<f32>>, done: usize },
}

/// Files that are pulled one after the other, in the order of their names.
#[derive(Default)]
pub struct FileStream {
    files: BTreeMap<String, Content>,
    /// Files that are bytes.
    bytes: Folder,
    open: Option<Open>,
}

impl FileStream {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file that is bytes.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let name = name.into();
        self.bytes.insert(name.clone(), bytes);
        self.files.insert(name, Content::Bytes);
    }

    /// Adds or replaces a file by one of a folder, whose content both share; whether that is there.
    pub fn insert_shared(&mut self, name: impl Into<String>, other: &Folder, other_name: &str) -> bool {
        let name = name.into();
        let is_there = self.bytes.insert_shared(name.clone(), other, other_name);
        if is_there {
            self.files.insert(name, Content::Bytes);
        }
        is_there
    }

    /// Adds or replaces a file of tensors.
    pub(crate) fn insert_tensors(&mut self, name: impl Into<String>, file: TensorFile) {
        self.files.insert(name.into(), Content::Tensors(file));
    }

    /// Takes the files of another stream, of which nothing was pulled, into a folder of this one.
    pub(crate) fn extend(&mut self, folder: &str, other: Self) {
        for (name, content) in other.files {
            let path = format!("{folder}/{name}");
            match content {
                Content::Bytes => assert!(self.insert_shared(path, &other.bytes, &name), "it lies among its bytes"),
                Content::Tensors(file) => self.insert_tensors(path, file),
            }
        }
    }

    /// Sum of the sizes of all files of which nothing was pulled.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|(name, content)| self.size(name, content)).sum()
    }

    fn size(&self, name: &str, content: &Content) -> u64 {
        match content {
            Content::Bytes => self.bytes.size(name).unwrap_or(0),
            Content::Tensors(file) => file.num_bytes as u64,
        }
    }

    /// The next piece; `None` after the last. Where it fails, the file that began last stays a part of one.
    ///
    /// # Errors
    /// When the device fails, or a weight is not finite.
    pub async fn next_piece(&mut self) -> Result<Option<FilePiece>, CheckpointError> {
        if let Some(open) = &mut self.open {
            let piece = open.next(&self.bytes).await?;
            if !piece.is_empty() {
                return Ok(Some(FilePiece::Bytes(piece)));
            }
            self.open = None;
        }
        let Some((name, content)) = self.files.pop_first() else { return Ok(None) };
        let bytes = self.size(&name, &content);
        self.open = Some(match content {
            Content::Bytes => Open::Bytes { name: name.clone(), done: 0 },
            Content::Tensors(file) => Open::Tensors { file, read: VecDeque::new(), done: 0 },
        });
        Ok(Some(FilePiece::Begins { name, bytes }))
    }

    /// All files, in memory. What is bytes already is shared, not copied.
    ///
    /// # Errors
    /// As [`Self::next_piece`].
    pub async fn into_folder(mut self) -> Result<Folder, CheckpointError> {
        let mut folder = Folder::new();
        while let Some((name, content)) = self.files.pop_first() {
            match content {
                Content::Bytes => assert!(folder.insert_shared(name.clone(), &self.bytes, &name), "it lies there"),
                Content::Tensors(file) => folder.insert(name, file.write_over(Vec::new()).await?),
            }
        }
        Ok(folder)
    }
}

impl From<Folder> for FileStream {
    fn from(bytes: Folder) -> Self {
        let files = bytes.names().map(|name| (name.to_owned(), Content::Bytes)).collect();
        Self { files, bytes, open: None }
    }
}

impl Open {
    /// The next bytes; none after the last.
    async fn next(&mut self, bytes: &Folder) -> Result<Vec<u8>, CheckpointError> {
        match self {
            Self::Bytes { name, done } => {
                let start = *done as u64;
                let end = bytes.size(name).unwrap_or(0).min(start + PIECE_BYTES as u64);
                let read = bytes.read(name, start..end);
                let piece = read.map_err(|source| CheckpointError::Read { file: name.clone(), source })?;
                *done += piece.len();
                Ok(piece)
            }
            Self::Tensors { file, read, done } => {
                let mut piece = std::mem::take(&mut file.header);
                loop {
                    if read.is_empty() {
                        read.extend(file.read_some().await?.into_iter().flatten());
                    }
                    let is_last = read.is_empty();
                    fill(&mut piece, read, done);
                    if is_last || !piece.is_empty() {
                        return Ok(piece);
                    }
                }
            }
        }
    }
}

/// Moves values into a piece, until it is full or none are left; of the first, `done` were moved before.
fn fill(piece: &mut Vec<u8>, read: &mut VecDeque<Vec<f32>>, done: &mut usize) {
    while let Some(values) = read.front()
        && piece.len() + F32 <= PIECE_BYTES
    {
        let end = values.len().min(*done + (PIECE_BYTES - piece.len()) / F32);
        append(piece, &values[*done..end]);
        *done = end;
        if end == values.len() {
            read.pop_front();
            *done = 0;
        }
    }
}

/// Adds values, as a file has them.
fn append(to: &mut Vec<u8>, values: &[f32]) {
    to.reserve(values.len() * F32);
    for value in values {
        to.extend_from_slice(&value.to_le_bytes());
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use burn::tensor::{Device, Tensor, TensorData};
    use futures_lite::future::block_on;

    use super::super::pending::transpose;
    use super::super::{HostTensor, write_tensors};
    use super::*;

    fn on_device(shape: [usize; 2], start: f32) -> (Tensor<2>, Vec<f32>) {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|index| start + index as f32).collect();
        (Tensor::from_data(TensorData::new(values.clone(), shape), &Device::flex()), values)
    }

    fn pending(tensor: Tensor<2>, is_turned: bool) -> PendingTensor {
        let mut shape = tensor.dims().to_vec();
        if is_turned {
            shape.reverse();
        }
        PendingTensor { shape, parts: PendingPart::cut(tensor, is_turned) }
    }

    /// All pieces, none larger than it may be: (name, size that was told, bytes).
    fn pull(mut stream: FileStream) -> Vec<(String, u64, Vec<u8>)> {
        let mut files: Vec<(String, u64, Vec<u8>)> = Vec::new();
        while let Some(piece) = block_on(stream.next_piece()).expect("it can be read") {
            match piece {
                FilePiece::Begins { name, bytes } => files.push((name, bytes, Vec::new())),
                FilePiece::Bytes(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES, "{} bytes", piece.len());
                    files.last_mut().expect("a file began").2.extend(piece);
                }
            }
        }
        files
    }

    #[test]
    fn a_file_in_pieces_is_the_one_that_is_written_whole() {
        // Larger than a piece, turned; a table in shards; one of nothing; one that lies on the host.
        let (large, large_values) = on_device([1500, 2000], 0.0);
        let (first, first_values) = on_device([2, 3], 7.0);
        let (second, second_values) = on_device([1, 3], -4.0);
        let table = PendingTensor {
            shape: vec![3, 3],
            parts: PendingPart::cut(first, false).into_iter().chain(PendingPart::cut(second, false)).collect(),
        };
        let host = HostTensor { shape: vec![2], values: vec![0.5, -0.0] };
        let nothing = HostTensor { shape: vec![0, 4], values: Vec::new() };
        let turned = HostTensor { shape: vec![2000, 1500], values: transpose(&large_values, 1500, 2000) };
        let whole = HostTensor { shape: vec![3, 3], values: [first_values, second_values].concat() };
        let expected = BTreeMap::from([
            ("b.large".to_owned(), turned),
            ("a \"table\"".to_owned(), whole),
            ("c".to_owned(), host.clone()),
            ("0".to_owned(), nothing.clone()),
        ]);
        let tensors = BTreeMap::from([
            ("b.large".to_owned(), pending(large, true)),
            ("a \"table\"".to_owned(), table),
            ("c".to_owned(), PendingTensor::of_host(host)),
            ("0".to_owned(), PendingTensor::of_host(nothing)),
        ]);
        let mut stream = FileStream::new();
        stream.insert_tensors("x.safetensors", TensorFile::new(tensors, None, true));
        stream.insert("a.json", "{}");
        stream.insert("z.txt", vec![1; PIECE_BYTES + 1]);
        let total = stream.total_bytes();
        let files = pull(stream);
        assert_eq!(
            files.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(),
            ["a.json", "x.safetensors", "z.txt"]
        );
        assert!(files.iter().all(|(_, told, bytes)| *told == bytes.len() as u64), "each has the size that was told");
        assert_eq!(files.iter().map(|(_, told, _)| told).sum::<u64>(), total);
        assert!(files[1].2 == write_tensors(&expected), "other bytes");
    }

    #[test]
    fn a_stream_becomes_the_folder_that_it_was_made_of() {
        let mut folder = Folder::new();
        folder.insert("a", "one");
        folder.insert("b/c", "");
        let again = block_on(FileStream::from(folder.clone()).into_folder()).expect("it is bytes");
        assert_eq!(again, folder);
        let mut elsewhere = Folder::new();
        elsewhere.insert_stored("z", std::rc::Rc::new(vec![1_u8; PIECE_BYTES + 1]));
        let pulled = pull(FileStream::from(elsewhere));
        assert_eq!(pulled, [("z".to_owned(), PIECE_BYTES as u64 + 1, vec![1; PIECE_BYTES + 1])]);
        let [own, other] = [&folder, &again].map(|folder| folder.get("a").map(<[u8]>::as_ptr));
        assert_eq!(own, other, "it is shared");
        let mut stream = FileStream::new();
        let (tensor, _) = on_device([4, 2], 1.0);
        let tensors = || BTreeMap::from([("w".to_owned(), pending(tensor.clone(), false))]);
        stream.insert_tensors("w.safetensors", TensorFile::new(tensors(), None, true));
        assert!(!stream.insert_shared("d", &folder, "missing") && stream.insert_shared("d", &folder, "a"));
        let mut outer = FileStream::new();
        outer.extend("part", stream);
        let in_pieces: Vec<_> = pull(outer).into_iter().map(|(name, _, bytes)| (name, bytes)).collect();
        let mut stream = FileStream::new();
        stream.insert_tensors("part/w.safetensors", TensorFile::new(tensors(), None, true));
        stream.insert("part/d", "one");
        let at_once = block_on(stream.into_folder()).expect("it can be read");
        assert_eq!(in_pieces, at_once.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_large_tensor_is_read_some_rows_at_a_time_however_it_lies() {
        let (tensor, values) = on_device([1500, 2000], 0.5);
        for is_turned in [false, true] {
            let parts = PendingPart::cut(tensor.clone(), is_turned);
            let sizes: Vec<usize> = parts.iter().map(|part| part.num_values * F32).collect();
            assert!(sizes.len() > 5 && sizes.iter().all(|&size| size <= PIECE_BYTES), "{sizes:?}");
            let read =
                parts.into_iter().flat_map(|part| block_on(read_parts([part])).expect("it can be read")).flatten();
            let expected = if is_turned { transpose(&values, 1500, 2000) } else { values.clone() };
            assert!(read.eq(expected), "turned: {is_turned}");
        }
        let (wide, _) = on_device([2, 700_000], 0.0);
        assert_eq!(PendingPart::cut(wide, false).len(), 2, "a row is not cut");
        assert!(PendingPart::cut(Tensor::<1>::zeros([0], &Device::flex()), false).is_empty());
    }

    #[test]
    fn a_matrix_that_is_made_for_a_file_is_made_once_and_not_before_it_is_read() {
        let (tensor, values) = on_device([1500, 2000], 0.5);
        for is_turned in [false, true] {
            let made = Rc::new(Cell::new(0));
            let (count, sum) = (Rc::clone(&made), tensor.clone());
            let other = pending(tensor.clone().mul_scalar(0.0), is_turned);
            let replaced = other.replaced_by(move || {
                count.set(count.get() + 1);
                sum
            });
            assert_eq!((made.get(), replaced.num_bytes()), (0, values.len() * F32));
            let parts = replaced.parts.into_iter();
            let read: Vec<f32> =
                parts.flat_map(|part| block_on(read_parts([part])).expect("it can be read")).flatten().collect();
            let expected = if is_turned { transpose(&values, 1500, 2000) } else { values.clone() };
            assert!(read == expected && made.get() == 1, "turned: {is_turned}, made {} times", made.get());
        }
    }

    #[test]
    fn a_file_is_written_over_one_of_its_size_where_that_lies() {
        let (tensor, _) = on_device([40, 50], 1.0);
        let other = tensor.clone().mul_scalar(2.0);
        let file = |tensor: &Tensor<2>| {
            let flat = PendingTensor::of_vector(tensor.clone().reshape([2000]));
            TensorFile::new(BTreeMap::from([("w".to_owned(), flat)]), None, true)
        };
        let bytes = TensorFile::bytes_of_vectors(&BTreeMap::from([("w".to_owned(), 2000)]));
        let room = Vec::with_capacity(bytes);
        let place = room.as_ptr();
        let first = block_on(file(&tensor).write_over(room)).expect("it can be read");
        assert_eq!((first.len(), first.as_ptr()), (bytes, place), "its size was known before");
        let copy = first.clone();
        let second = block_on(file(&other).write_over(first)).expect("it can be read");
        assert_eq!((second.len(), second.as_ptr()), (bytes, place));
        assert!(copy != second && block_on(file(&tensor).write_over(second)).expect("it can be read") == copy);
        let bad = Tensor::<2>::from_floats([[f32::NAN, 1.0]], &Device::flex()).reshape([2]);
        let bad = BTreeMap::from([("w".to_owned(), PendingTensor::of_vector(bad))]);
        assert!(block_on(TensorFile::new(bad, None, true).check()).is_err() && block_on(file(&tensor).check()).is_ok());
    }

    #[test]
    fn a_weight_that_is_no_number_is_named_once_its_turn_comes() {
        let (good, _) = on_device([2, 2], 0.0);
        let bad = Tensor::<1>::from_floats([1.0, f32::NAN], &Device::flex());
        let file = |must_be_finite| {
            let tensors = BTreeMap::from([
                ("a".to_owned(), pending(good.clone(), false)),
                ("b".to_owned(), PendingTensor::of_vector(bad.clone())),
            ]);
            let mut stream = FileStream::new();
            stream.insert_tensors("w", TensorFile::new(tensors, None, must_be_finite));
            stream
        };
        assert!(matches!(
            block_on(file(true).into_folder()),
            Err(CheckpointError::NotFinite { key }) if key == "b"
        ));
        assert!(block_on(file(false).into_folder()).is_ok(), "moments are not looked at");
    }
}
