//! Opened safetensors files: names, shapes and values, without a module.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};

use super::CheckpointError;
use super::notes::cut;

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
    tensors: BTreeMap<String, TensorView<'a>>,
}

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
        let mut tensors = BTreeMap::new();
        for (file, bytes) in files {
            let opened = SafeTensors::deserialize(bytes).map_err(|source| CheckpointError::Safetensors {
                file: file.to_owned(),
                bytes: bytes.len(),
                source,
            })?;
            for (name, view) in opened.tensors() {
                if tensors.contains_key(&name) {
                    return Err(CheckpointError::Twice { key: cut(&name), place: format!("in {file}") });
                }
                tensors.insert(name, view);
            }
        }
        Ok(Self { tensors })
    }

    /// Some tensors of a file.
    pub(super) fn of_tensors(tensors: BTreeMap<String, TensorView<'a>>) -> Self {
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
        self.view(key).is_some()
    }

    /// Shape of a tensor.
    #[must_use]
    pub fn shape(&self, key: &str) -> Option<Vec<usize>> {
        self.view(key).map(|view| view.shape().to_vec())
    }

    /// A tensor as f32.
    ///
    /// # Errors
    /// When it holds something other than F32, F16 or BF16, or a value that is not finite.
    pub fn read(&self, key: &str) -> Result<Option<HostTensor>, CheckpointError> {
        let Some(view) = self.view(key) else { return Ok(None) };
        let shape = view.shape().to_vec();
        let values = to_f32(key, view.dtype(), view.data())?;
        Ok(Some(HostTensor { shape, values }))
    }

    /// Number format of a tensor.
    pub(super) fn dtype(&self, key: &str) -> Option<Dtype> {
        self.view(key).map(TensorView::dtype)
    }

    /// Some rows of a matrix as f32; `None` if there is no such matrix.
    pub(super) fn read_rows(&self, key: &str, rows: Range<usize>) -> Result<Option<HostTensor>, CheckpointError> {
        let Some(view) = self.view(key) else { return Ok(None) };
        let &[count, columns] = view.shape() else { return Ok(None) };
        let bytes_a_row = view.data().len() / count.max(1);
        let values = to_f32(key, view.dtype(), &view.data()[rows.start * bytes_a_row..rows.end * bytes_a_row])?;
        Ok(Some(HostTensor { shape: vec![rows.len(), columns], values }))
    }

    /// Whether two matrices hold the same numbers, in whatever format.
    ///
    /// # Errors
    /// When one holds something other than F32, F16 or BF16, or a value that is not finite.
    pub(super) fn are_equal(&self, one: &str, other: &str) -> Result<bool, CheckpointError> {
        let (Some(first), Some(second)) = (self.view(one), self.view(other)) else { return Ok(false) };
        if first.shape() != second.shape() {
            return Ok(false);
        }
        let is_same = first.dtype() == second.dtype() && first.data() == second.data();
        if is_same || first.data().is_empty() {
            return Ok(true);
        }
        let &[count, columns] = first.shape() else { return Ok(false) };
        let step = (COMPARED_VALUES / columns.max(1)).max(1);
        for start in (0..count).step_by(step) {
            let rows = start..(start + step).min(count);
            if self.read_rows(one, rows.clone())? != self.read_rows(other, rows)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A tensor of 64-bit ids, as i32: (shape, values). `None` if it is not there or holds something else.
    #[must_use]
    pub fn read_ids(&self, key: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        let view = self.view(key).filter(|view| view.dtype() == Dtype::I64)?;
        let (words, _) = view.data().as_chunks::<8>();
        let ids = words.iter().map(|word| i32::try_from(i64::from_le_bytes(*word)).ok()).collect::<Option<_>>()?;
        Some((view.shape().to_vec(), ids))
    }

    /// A tensor as it is in its file.
    pub(super) fn view(&self, key: &str) -> Option<&TensorView<'a>> {
        self.tensors.get(key)
    }
}

fn to_f32(key: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, CheckpointError> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    let values: Vec<f32> = match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
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
    use proptest::prelude::*;

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

    #[test]
    fn a_name_in_two_shards_is_refused() {
        let shard = file(&[("a.weight", Dtype::F32, vec![1], floats(&[1.0]))]);
        let files = [("one.safetensors", shard.as_slice()), ("two.safetensors", shard.as_slice())];
        let error = WeightFile::open_all(files).err().expect("it is there twice").to_string();
        assert!(error.contains("a.weight twice") && error.contains("two.safetensors"), "{error}");
    }

    #[test]
    fn equal_tables_are_told_by_their_numbers() {
        let table = [1.0_f32, -0.0, 2.5, 4.0];
        let halves: Vec<u8> = table.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
        let bytes = file(&[
            ("a", Dtype::F32, vec![2, 2], floats(&table)),
            ("same", Dtype::F32, vec![2, 2], floats(&[1.0, 0.0, 2.5, 4.0])),
            ("half", Dtype::F16, vec![2, 2], halves),
            ("other", Dtype::F32, vec![2, 2], floats(&[1.0, 0.0, 2.5, 4.5])),
            ("turned", Dtype::F32, vec![4, 1], floats(&table)),
        ]);
        let opened = WeightFile::open("x", &bytes).expect("whole");
        let is_equal = |other: &str| opened.are_equal("a", other).expect("plain numbers");
        assert!(["a", "same", "half"].into_iter().all(is_equal));
        assert!(!["other", "turned", "missing"].into_iter().any(is_equal));
    }

    #[test]
    fn odd_shapes_and_formats_are_named_and_never_panic() {
        let bytes = file(&[
            ("scalar", Dtype::F32, vec![], floats(&[1.0])),
            ("empty", Dtype::F32, vec![0, 1 << 40], vec![]),
            ("row", Dtype::F32, vec![2], floats(&[1.0, 2.0])),
            ("flags", Dtype::BOOL, vec![2, 1], vec![0, 1]),
        ]);
        let opened = WeightFile::open("x", &bytes).expect("whole");
        assert_eq!(opened.read("scalar").expect("a number").expect("it is there").values, [1.0]);
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
            if let Ok(opened) = WeightFile::open("x", &bytes) {
                for name in opened.names() {
                    let _ = (opened.read(name).is_ok(), opened.read_ids(name), opened.shape(name));
                    let _ = opened.are_equal(name, "a.weight").is_ok();
                }
            }
        }
    }
}
