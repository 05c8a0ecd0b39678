//! Module to safetensors and back, through an architecture's [`KeyMap`].
//!
//! Linear weights are `[in, out]` in a module and `[out, in]` in a file; the host transposes them on the way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData, Transaction};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};

use super::CheckpointError;
use crate::model::{KeyMap, checkpoint_key};

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

/// Reads all parameters back in one transfer: (path, tensor in file layout).
///
/// # Errors
/// When the device fails.
pub async fn read_weights<M: Module>(module: &M) -> Result<Vec<(String, HostTensor)>, CheckpointError> {
    let mut found = Collect { path: Vec::new(), parameters: Vec::new(), transaction: Transaction::default() };
    module.visit(&mut found);
    let data = found.transaction.execute_async().await.map_err(CheckpointError::Device)?;
    let tensors = found.parameters.into_iter().zip(data).map(|((path, is_linear), data)| {
        let shape: Vec<usize> = data.shape().iter().copied().collect();
        let values = data.try_into_vec::<f32>().expect("weights are f32 in a module");
        let tensor = if is_linear { transpose(values, shape[0], shape[1]) } else { HostTensor { shape, values } };
        (path, tensor)
    });
    Ok(tensors.collect())
}

/// A `model.safetensors` with `transformers`' keys.
///
/// # Errors
/// When a weight is not finite, or a parameter has no key.
pub fn weights_to_safetensors(map: &KeyMap, weights: &[(String, HostTensor)]) -> Result<Vec<u8>, CheckpointError> {
    let mut named = BTreeMap::new();
    for (path, tensor) in weights {
        let key = checkpoint_key(map, path).unwrap_or_else(|| path.clone());
        if !tensor.values.iter().all(|value| value.is_finite()) {
            return Err(CheckpointError::NotFinite { key });
        }
        named.insert(key, tensor);
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(named, Some(metadata)).expect("shapes and lengths agree by construction"))
}

/// An opened weights file.
pub struct WeightFile<'a> {
    tensors: SafeTensors<'a>,
}

impl<'a> WeightFile<'a> {
    /// Checks the header and the length.
    ///
    /// # Errors
    /// When the bytes are not a whole safetensors file.
    pub fn open(file: &str, bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|source| CheckpointError::Safetensors {
            file: file.to_owned(),
            bytes: bytes.len(),
            source,
        })?;
        Ok(Self { tensors })
    }

    /// Names in the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names().into_iter()
    }

    /// Whether a name is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.tensors.tensor(key).is_ok()
    }

    /// Shape of a tensor.
    #[must_use]
    pub fn shape(&self, key: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(key).ok().map(|view| view.shape().to_vec())
    }

    /// A tensor as f32.
    ///
    /// # Errors
    /// When it holds something other than F32, F16 or BF16, or a value that is not finite.
    pub fn read(&self, key: &str) -> Result<Option<HostTensor>, CheckpointError> {
        let Ok(view) = self.tensors.tensor(key) else { return Ok(None) };
        let values = to_f32(key, &view)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(CheckpointError::NotFinite { key: key.to_owned() });
        }
        Ok(Some(HostTensor { shape: view.shape().to_vec(), values }))
    }

    /// A tensor of 64-bit ids, as i32: (shape, values). `None` if it is not there or holds something else.
    #[must_use]
    pub fn read_ids(&self, key: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        let view = self.tensors.tensor(key).ok().filter(|view| view.dtype() == Dtype::I64)?;
        let (words, _) = view.data().as_chunks::<8>();
        let ids = words.iter().map(|word| i32::try_from(i64::from_le_bytes(*word)).ok()).collect::<Option<_>>()?;
        Some((view.shape().to_vec(), ids))
    }

    /// Puts the file's tensors into `module`: keys are tried with and without the architecture's prefix, and under
    /// LayerNorm's old names. Returns the module, the paths that were not in the file, and the keys not used.
    ///
    /// # Errors
    /// When a shape or a number format does not fit.
    pub fn load<M: Module>(&self, map: &KeyMap, module: M) -> Result<(M, Vec<String>, Vec<String>), CheckpointError> {
        let mut fill = Fill {
            path: Vec::new(),
            is_linear: Vec::new(),
            file: self,
            map,
            missing: Vec::new(),
            used: BTreeSet::new(),
            error: None,
        };
        let module = module.map(&mut fill);
        if let Some(error) = fill.error {
            return Err(error);
        }
        let unused = self.names().filter(|name| !fill.used.contains(*name)).map(str::to_owned).collect();
        Ok((module, fill.missing, unused))
    }

    fn find(&self, map: &KeyMap, path: &str) -> Option<String> {
        let key = checkpoint_key(map, path)?;
        let bare = key.strip_prefix(map.prefix).map(str::to_owned);
        let candidates = [Some(key), bare].into_iter().flatten();
        candidates.flat_map(|key| [old_norm_name(&key), key]).find(|key| self.has(key))
    }
}

/// `gamma` and `beta` of checkpoints converted from TensorFlow.
fn old_norm_name(key: &str) -> String {
    key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
}

fn to_f32(key: &str, view: &TensorView<'_>) -> Result<Vec<f32>, CheckpointError> {
    let bytes = view.data();
    let pairs = || bytes.as_chunks::<2>().0.iter();
    match view.dtype() {
        Dtype::F32 => Ok(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()),
        Dtype::F16 => Ok(pairs().map(|pair| half::f16::from_le_bytes(*pair).to_f32()).collect()),
        Dtype::BF16 => Ok(pairs().map(|pair| half::bf16::from_le_bytes(*pair).to_f32()).collect()),
        other => Err(CheckpointError::Dtype { key: key.to_owned(), dtype: format!("{other:?}") }),
    }
}

fn transpose(values: Vec<f32>, rows: usize, columns: usize) -> HostTensor {
    let mut turned = vec![0f32; values.len()];
    const TILE: usize = 32;
    for row_tile in (0..rows).step_by(TILE) {
        for column_tile in (0..columns).step_by(TILE) {
            for row in row_tile..(row_tile + TILE).min(rows) {
                for column in column_tile..(column_tile + TILE).min(columns) {
                    turned[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    HostTensor { shape: vec![columns, rows], values: turned }
}

const LINEAR: &str = "Struct:Linear";

struct Collect {
    path: Vec<(String, bool)>,
    parameters: Vec<(String, bool)>,
    transaction: Transaction,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.to_owned(), container_type == LINEAR));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let is_linear = D == 2 && self.path.iter().any(|(_, is_linear)| *is_linear);
        self.parameters.push((path.join("."), is_linear));
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.register(param.val().inner());
    }
}

struct Fill<'a, 'b> {
    path: Vec<String>,
    is_linear: Vec<bool>,
    file: &'a WeightFile<'b>,
    map: &'a KeyMap,
    missing: Vec<String>,
    used: BTreeSet<String>,
    error: Option<CheckpointError>,
}

impl Fill<'_, '_> {
    fn value(&mut self, path: &str, shape: &[usize]) -> Result<Option<TensorData>, CheckpointError> {
        let Some(key) = self.file.find(self.map, path) else {
            self.missing.push(path.to_owned());
            return Ok(None);
        };
        let is_linear = shape.len() == 2 && self.is_linear.contains(&true);
        let expected: Vec<usize> = if is_linear { vec![shape[1], shape[0]] } else { shape.to_vec() };
        let found = self.file.shape(&key).unwrap_or_default();
        if found != expected {
            return Err(CheckpointError::Shape { key, found, expected });
        }
        let tensor = self.file.read(&key)?.expect("found above");
        self.used.insert(key);
        let tensor = if is_linear { transpose(tensor.values, expected[0], expected[1]) } else { tensor };
        Ok(Some(TensorData::new(tensor.values, tensor.shape)))
    }
}

impl ModuleMapper for Fill<'_, '_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.is_linear.push(container_type == LINEAR);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.is_linear.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let path = self.path.join(".");
        let (id, old, mapper) = param.consume();
        let value = match self.value(&path, &old.dims()) {
            Ok(Some(data)) => {
                let fresh = Tensor::from_data(data, &old.device());
                if old.is_require_grad() { fresh.require_grad() } else { fresh }
            }
            Ok(None) => old,
            Err(error) => {
                self.error = Some(error);
                old
            }
        };
        Param::from_mapped_value(id, value, mapper)
    }
}
