//! Opened safetensors files: names, shapes and values, without a module. Of a file that stays where it is only the header is read when
//! it is opened; the values of a tensor are when they are asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::{Dtype, SafeTensors, View};

use super::file_tensor::{FileTensor, read};
use super::notes::cut;
use super::tensor_parts::read_header;
use super::{CheckpointError, TensorParts};
use crate::folder::{Folder, StoredBytes};

/// Values of a matrix that are compared at a time.
const COMPARED_VALUES: usize = 1 << 20;

/// A tensor on the host, in the layout of a checkpoint file.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Sizes.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

impl View for &HostTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

/// Opened weights: one file, or the shards of one model.
pub struct WeightFile<'a> {
    tensors: BTreeMap<String, FileTensor<'a>>,
}

/// The tensors of a file, by their names.
type NamedTensors<'a> = Vec<(String, FileTensor<'a>)>;

impl<'a> WeightFile<'a> {
    /// Checks the header and the length.
    ///
    /// # Errors
    /// When the bytes are not a whole safetensors file.
    pub fn open(file: &str, bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        Self::open_all([(file, bytes)])
    }

    /// Checks header and length of each file.
    ///
    /// # Errors
    /// When one is not a whole safetensors file, or a name is in two of them.
    pub fn open_all<'b>(files: impl IntoIterator<Item = (&'b str, &'a [u8])>) -> Result<Self, CheckpointError> {
        Self::join(files.into_iter().map(|(file, bytes)| (file, in_memory(file, bytes))))
    }

    /// Checks header and length of files of a folder. Values of those that stay where they are are read later.
    ///
    /// # Errors
    /// When one is not there, or not a whole safetensors file, or a name is in two of them.
    pub fn open_in<'b>(folder: &'a Folder, names: impl IntoIterator<Item = &'b str>) -> Result<Self, CheckpointError> {
        Self::join(names.into_iter().map(|name| {
            let tensors = match (folder.stored(name), folder.get(name)) {
                (Some((name, file)), _) => stored(name, file),
                (None, Some(bytes)) => in_memory(name, bytes),
                (None, None) => Err(CheckpointError::MissingShard { file: name.to_owned() }),
            };
            (name, tensors)
        }))
    }

    /// A file of a checkpoint, which lies in memory or stays where it is.
    ///
    /// # Errors
    /// As [`Self::open_in`].
    pub(crate) fn open_file(folder: &'a Folder, file: &'static str) -> Result<Self, CheckpointError> {
        if folder.has(file) { Self::open_in(folder, [file]) } else { Err(CheckpointError::MissingFile { file }) }
    }

    fn join<'b>(
        files: impl Iterator<Item = (&'b str, Result<NamedTensors<'a>, CheckpointError>)>,
    ) -> Result<Self, CheckpointError> {
        let mut tensors = BTreeMap::new();
        for (file, found) in files {
            for (name, tensor) in found? {
                if tensors.contains_key(&name) {
                    return Err(CheckpointError::Twice { key: cut(&name), place: format!("in {file}") });
                }
                tensors.insert(name, tensor);
            }
        }
        Ok(Self { tensors })
    }

    /// Some tensors of a file.
    pub(super) fn of_tensors(tensors: BTreeMap<String, FileTensor<'a>>) -> Self {
        Self { tensors }
    }

    /// The same tensors under other names.
    ///
    /// # Errors
    /// When two get the same name.
    pub(super) fn renamed(self, rename: impl Fn(&str) -> String) -> Result<Self, CheckpointError> {
        let mut tensors = BTreeMap::new();
        for (name, view) in self.tensors {
            let key = rename(&name);
            if tensors.contains_key(&key) {
                return Err(CheckpointError::Twice { key: cut(&key), place: format!("as {}", cut(&name)) });
            }
            tensors.insert(key, view);
        }
        Ok(Self { tensors })
    }

    /// Names in the files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether a name is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.tensor(key).is_some()
    }

    /// Shape of a tensor.
    #[must_use]
    pub fn shape(&self, key: &str) -> Option<Vec<usize>> {
        self.tensor(key).map(|tensor| tensor.shape().to_vec())
    }

    /// A tensor as f32.
    ///
    /// # Errors
    /// When it holds something other than F32, F64, F16 or BF16, or a value that is not finite as f32, or its file can't be read.
    pub fn read(&self, key: &str) -> Result<Option<HostTensor>, CheckpointError> {
        let Some(tensor) = self.tensor(key) else { return Ok(None) };
        let values = to_f32(key, tensor.dtype(), &tensor.bytes()?)?;
        Ok(Some(HostTensor { shape: tensor.shape().to_vec(), values }))
    }

    /// Number format of a tensor.
    pub(super) fn dtype(&self, key: &str) -> Option<Dtype> {
        self.tensor(key).map(FileTensor::dtype)
    }

    /// Some rows of a matrix as f32; `None` if there is no such matrix.
    pub(super) fn read_rows(&self, key: &str, rows: Range<usize>) -> Result<Option<HostTensor>, CheckpointError> {
        let Some(tensor) = self.tensor(key) else { return Ok(None) };
        let &[_, columns] = tensor.shape() else { return Ok(None) };
        let values = to_f32(key, tensor.dtype(), &bytes_of_rows(tensor, &rows)?)?;
        Ok(Some(HostTensor { shape: vec![rows.len(), columns], values }))
    }

    /// Whether two matrices hold the same numbers, in whatever format.
    ///
    /// # Errors
    /// When one holds something other than F32, F64, F16 or BF16, or a value that is not finite as f32, or a file can't be read.
    pub(super) fn are_equal(&self, one: &str, other: &str) -> Result<bool, CheckpointError> {
        let (Some(first), Some(second)) = (self.tensor(one), self.tensor(other)) else { return Ok(false) };
        if first.shape() != second.shape() {
            return Ok(false);
        }
        if first.num_bytes() == 0 {
            return Ok(true);
        }
        let is_same_format = first.dtype() == second.dtype();
        let &[count, columns] = first.shape() else { return Ok(is_same_format && first.bytes()? == second.bytes()?) };
        let step = (COMPARED_VALUES / columns.max(1)).max(1);
        for start in (0..count).step_by(step) {
            let rows = start..(start + step).min(count);
            let is_same = is_same_format && bytes_of_rows(first, &rows)? == bytes_of_rows(second, &rows)?;
            if !is_same && self.read_rows(one, rows.clone())? != self.read_rows(other, rows)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A tensor of 64-bit ids, as i32: (shape, values). `None` if it is not there or holds something else.
    #[must_use]
    pub fn read_ids(&self, key: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        let tensor = self.tensor(key).filter(|tensor| tensor.dtype() == Dtype::I64)?;
        let bytes = tensor.bytes().ok()?;
        let (words, _) = bytes.as_chunks::<8>();
        let ids = words.iter().map(|word| i32::try_from(i64::from_le_bytes(*word)).ok()).collect::<Option<_>>()?;
        Some((tensor.shape().to_vec(), ids))
    }

    /// A tensor as it is in its file.
    pub(super) fn tensor(&self, key: &str) -> Option<&FileTensor<'a>> {
        self.tensors.get(key)
    }
}

/// The tensors of a file in memory.
fn in_memory<'a>(file: &str, bytes: &'a [u8]) -> Result<NamedTensors<'a>, CheckpointError> {
    let opened = SafeTensors::deserialize(bytes).map_err(|source| CheckpointError::Safetensors {
        file: file.to_owned(),
        bytes: bytes.len(),
        source,
    })?;
    Ok(opened.tensors().into_iter().map(|(name, view)| (name, FileTensor::in_memory(&view))).collect())
}

/// The tensors of a file that stays where it is.
fn stored<'a>(name: &'a str, file: &'a dyn StoredBytes) -> Result<NamedTensors<'a>, CheckpointError> {
    let file_bytes = file.num_bytes();
    let first = read(name, file, 0..file_bytes.min(8))?;
    let header = read(name, file, TensorParts::header_range(name, &first, file_bytes)?)?;
    let (metadata, start) = read_header(name, &header, file_bytes)?;
    let tensors = metadata.tensors().into_iter();
    Ok(tensors.map(|(key, info)| (key, FileTensor::stored(name, file, start, info))).collect())
}

/// The bytes of some rows of a matrix.
fn bytes_of_rows<'a>(matrix: &FileTensor<'a>, rows: &Range<usize>) -> Result<Cow<'a, [u8]>, CheckpointError> {
    let count = matrix.shape().first().copied().unwrap_or(1);
    let bytes_a_row = matrix.num_bytes() / count.max(1);
    matrix.bytes_of(rows.start * bytes_a_row..rows.end * bytes_a_row)
}

fn to_f32(key: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, CheckpointError> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    let values: Vec<f32> = match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        Dtype::F64 => bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word) as f32).collect(),
        Dtype::F16 => pairs().map(|pair| half::f16::from_le_bytes(*pair).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|pair| half::bf16::from_le_bytes(*pair).to_f32()).collect(),
        other => return Err(CheckpointError::Dtype { key: key.to_owned(), dtype: other.to_string() }),
    };
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(CheckpointError::NotFinite { key: key.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    use proptest::prelude::*;
    use safetensors::tensor::TensorView;

    use super::*;

    fn file(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
        let mut named = BTreeMap::new();
        for (name, dtype, shape, data) in tensors {
            named.insert((*name).to_owned(), TensorView::new(*dtype, shape.clone(), data).expect("sizes agree"));
        }
        safetensors::serialize(named, None).expect("it serializes")
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn doubles(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect()
    }

    #[test]
    fn a_name_in_two_shards_is_refused() {
        let shard = file(&[("a.weight", Dtype::F32, vec![1], floats(&[1.0]))]);
        let files = [("one.safetensors", shard.as_slice()), ("two.safetensors", shard.as_slice())];
        let error = WeightFile::open_all(files).err().expect("it is there twice").to_string();
        assert!(error.contains("a.weight twice") && error.contains("two.safetensors"), "{error}");
    }

    /// Bytes that note which of them were read.
    #[derive(Debug)]
    struct Watched {
        bytes: Vec<u8>,
        read: Rc<RefCell<Vec<u64>>>,
    }

    impl StoredBytes for Watched {
        fn num_bytes(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
            self.read.borrow_mut().push(range.end - range.start);
            self.bytes.read(range)
        }
    }

    #[test]
    fn of_a_file_that_stays_where_it_is_only_what_is_asked_for_is_read() {
        let table: Vec<f32> = (0..400).map(|value| value as f32).collect();
        let bytes = file(&[
            ("table", Dtype::F32, vec![100, 4], floats(&table)),
            ("copy", Dtype::F32, vec![100, 4], floats(&table)),
            ("bias", Dtype::F32, vec![3], floats(&[1.0, 2.0, 3.0])),
            ("ids", Dtype::I64, vec![1], 7_i64.to_le_bytes().to_vec()),
        ]);
        let read = Rc::new(RefCell::new(Vec::new()));
        let mut folder = Folder::new();
        folder.insert_stored("x", Rc::new(Watched { bytes: bytes.clone(), read: Rc::clone(&read) }));
        folder.insert("in_memory", bytes.as_slice());
        let stored = WeightFile::open_in(&folder, ["x"]).expect("whole");
        assert!(read.borrow().iter().sum::<u64>() < 400, "the header alone: {:?}", read.borrow());
        read.borrow_mut().clear();
        let whole = WeightFile::open_in(&folder, ["in_memory"]).expect("whole");
        assert!(stored.names().eq(whole.names()));
        for name in whole.names() {
            assert_eq!(stored.read(name).ok(), whole.read(name).ok(), "{name}");
        }
        assert_eq!(*read.borrow(), [12, 1600, 8, 1600], "each tensor once, in the order of their names");
        read.borrow_mut().clear();
        assert_eq!(stored.read_rows("table", 7..9).expect("numbers").expect("a matrix").values, table[28..36]);
        assert_eq!(*read.borrow(), [32]);
        assert!(stored.are_equal("table", "copy").expect("numbers"));
        assert_eq!(stored.read_ids("ids"), Some((vec![1], vec![7])));
        let error = WeightFile::open_in(&folder, ["y"]).err().expect("it is missing").to_string();
        assert!(error.contains('y'), "{error}");
    }

    #[test]
    fn a_file_that_was_cut_since_it_was_opened_is_an_error() {
        #[derive(Debug)]
        struct Cut(Vec<u8>);
        impl StoredBytes for Cut {
            fn num_bytes(&self) -> u64 {
                self.0.len() as u64
            }
            fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
                self.0.read(range).map(|bytes| bytes[..bytes.len().min(90)].to_vec())
            }
        }
        let mut folder = Folder::new();
        let values = floats(&[0.5; 100]);
        folder.insert_stored("x", Rc::new(Cut(file(&[("a", Dtype::F32, vec![100], values)]))));
        let opened = WeightFile::open_in(&folder, ["x"]).expect("its header is whole");
        let error = opened.read("a").expect_err("values are missing").to_string();
        assert!(error.starts_with("x can't be read any more"), "{error}");
    }

    #[test]
    fn equal_tables_are_told_by_their_numbers() {
        let table = [1.0_f32, -0.0, 2.5, 4.0];
        let halves: Vec<u8> = table.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
        let bytes = file(&[
            ("a", Dtype::F32, vec![2, 2], floats(&table)),
            ("same", Dtype::F32, vec![2, 2], floats(&[1.0, 0.0, 2.5, 4.0])),
            ("half", Dtype::F16, vec![2, 2], halves),
            ("double", Dtype::F64, vec![2, 2], doubles(&table)),
            ("other", Dtype::F32, vec![2, 2], floats(&[1.0, 0.0, 2.5, 4.5])),
            ("turned", Dtype::F32, vec![4, 1], floats(&table)),
        ]);
        let opened = WeightFile::open("x", &bytes).expect("whole");
        let is_equal = |other: &str| opened.are_equal("a", other).expect("plain numbers");
        assert!(["a", "same", "half", "double"].into_iter().all(is_equal));
        assert!(!["other", "turned", "missing"].into_iter().any(is_equal));
    }

    #[test]
    fn odd_shapes_and_formats_are_named_and_never_panic() {
        let bytes = file(&[
            ("scalar", Dtype::F32, vec![], floats(&[1.0])),
            ("empty", Dtype::F32, vec![0, 1 << 40], vec![]),
            ("row", Dtype::F32, vec![2], floats(&[1.0, 2.0])),
            ("flags", Dtype::BOOL, vec![2, 1], vec![0, 1]),
            ("double", Dtype::F64, vec![2], doubles(&[0.25, -3.0])),
            ("huge", Dtype::F64, vec![1], 1e300_f64.to_le_bytes().to_vec()),
        ]);
        let opened = WeightFile::open("x", &bytes).expect("whole");
        assert_eq!(opened.read("scalar").expect("a number").expect("it is there").values, [1.0]);
        assert_eq!(opened.read("double").expect("numbers").expect("it is there").values, [0.25, -3.0]);
        let error = opened.read("huge").expect_err("f32 has no such number").to_string();
        assert!(error.contains("huge holds a value that is not a number"), "{error}");
        for name in ["scalar", "empty", "row", "missing"] {
            assert!(opened.read_rows(name, 0..0).expect("nothing to read").is_none_or(|rows| rows.values.is_empty()));
        }
        let error = opened.read("flags").expect_err("no numbers").to_string();
        assert!(error.contains("flags is BOOL"), "{error}");
        assert!(opened.read_ids("row").is_none());
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = file(&[
                ("a.weight", Dtype::F32, vec![2, 2], floats(&[1.0, 2.0, 3.0, 4.0])),
                ("ids", Dtype::I64, vec![2], vec![0; 16]),
            ]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(bytes.len() - end.index(bytes.len()) % 3);
            let mut folder = Folder::new();
            folder.insert_stored("x", Rc::new(bytes.clone()));
            let stored = WeightFile::open_in(&folder, ["x"]);
            prop_assert_eq!(stored.is_ok(), WeightFile::open("x", &bytes).is_ok());
            for opened in [WeightFile::open("x", &bytes), stored].into_iter().flatten() {
                for name in opened.names() {
                    let _ = (opened.read(name).is_ok(), opened.read_ids(name), opened.shape(name));
                    let _ = opened.are_equal(name, "a.weight").is_ok();
                }
            }
        }
    }
}
