//! Module to safetensors and back, through an architecture's [`KeyMap`].
//!
//! Linear weights are `[in, out]` in a module and, with most architectures, `[out, in]` in a file; the host transposes
//! them on the way. A token table is in shards in a module and whole in a file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, FloatDType, Tensor, TensorData, Transaction};

use super::{CheckpointError, HostTensor, WeightFile};
use crate::model::{KeyMap, LinearLayout, checkpoint_key, is_of_head, possible_keys};
use crate::nn::ParamPath;

/// Reads parameters back in one transfer, as f32: (path, tensor in file layout). `select` gets the path and whether the
/// parameter is trained.
///
/// # Errors
/// When the device fails.
pub async fn read_weights<M: Module>(
    module: &M,
    map: &KeyMap,
    select: impl Fn(&str, bool) -> bool,
) -> Result<Vec<(String, HostTensor)>, CheckpointError> {
    let mut found = Collect {
        path: ParamPath::default(),
        map,
        select,
        parameters: Vec::new(),
        transaction: Transaction::default(),
    };
    module.visit(&mut found);
    let data = found.transaction.execute_async().await.map_err(CheckpointError::Device)?;
    let mut tensors: Vec<(String, HostTensor)> = Vec::with_capacity(data.len());
    for ((path, is_turned), data) in found.parameters.into_iter().zip(data) {
        let shape: Vec<usize> = data.shape().iter().copied().collect();
        let values = data.try_into_vec::<f32>().expect("weights are cast to f32 before they are read");
        let tensor = if is_turned { transpose(values, shape[0], shape[1]) } else { HostTensor { shape, values } };
        match (whole_table(&path), tensors.last_mut()) {
            (Some((table, shard)), Some((last, whole))) if shard > 0 && *last == table => {
                whole.shape[0] += tensor.shape[0];
                whole.values.extend(tensor.values);
            }
            (Some((table, _)), _) => tensors.push((table, tensor)),
            (None, _) => tensors.push((path, tensor)),
        }
    }
    Ok(tensors)
}

/// Path of the table that a shard belongs to, and which shard it is.
fn whole_table(path: &str) -> Option<(String, usize)> {
    let (table, shard) = path.rsplit_once(".shards.")?;
    Some((format!("{table}.weight"), shard.parse().ok()?))
}

/// Whether the module holds the transpose of what a file holds.
fn is_turned(path: &ParamPath, map: &KeyMap, rank: usize) -> bool {
    let is_out_in = || map.linear == LinearLayout::OutIn || is_of_head(&path.join());
    rank == 2 && (path.is_field_of("Lora") || (path.is_field_of("Linear") && is_out_in()))
}

/// A `model.safetensors` with `transformers`' keys; what has none of our paths keeps its name.
///
/// # Errors
/// When a weight is not finite.
pub fn weights_to_safetensors(map: &KeyMap, weights: &[(String, HostTensor)]) -> Result<Vec<u8>, CheckpointError> {
    named_to_safetensors(weights, |path| checkpoint_key(map, path))
}

/// As [`weights_to_safetensors`], with keys that `name` gives for paths (the path itself where it gives none).
pub(super) fn named_to_safetensors(
    weights: &[(String, HostTensor)],
    name: impl Fn(&str) -> Option<String>,
) -> Result<Vec<u8>, CheckpointError> {
    let mut named = BTreeMap::new();
    for (path, tensor) in weights {
        let key = name(path).unwrap_or_else(|| path.clone());
        if !tensor.values.iter().all(|value| value.is_finite()) {
            return Err(CheckpointError::NotFinite { key });
        }
        named.insert(key, tensor);
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(named, Some(metadata)).expect("shapes and lengths agree by construction"))
}

impl WeightFile<'_> {
    /// Puts the file's tensors into `module`: keys are tried with and without the architecture's prefix, and under
    /// LayerNorm's old names. Returns the module, the paths that were not in the file, and the keys not used.
    ///
    /// # Errors
    /// When a shape or a number format does not fit.
    pub fn load<M: Module>(&self, map: &KeyMap, module: M) -> Result<(M, Vec<String>, Vec<String>), CheckpointError> {
        self.load_named(map, module, &|path| self.find(map, path))
    }

    /// Puts what `module` holds in half precision back in f32, with the file's values rather than those rounded.
    ///
    /// # Errors
    /// When a shape or a number format does not fit.
    pub(super) fn widen<M: Module>(&self, map: &KeyMap, module: M) -> Result<M, CheckpointError> {
        let mut half = HalfPaths::default();
        module.visit(&mut half);
        if half.found.is_empty() {
            return Ok(module);
        }
        let find = |path: &str| if half.found.contains(path) { self.find(map, path) } else { None };
        Ok(self.load_named(map, module, &find)?.0)
    }

    /// As [`Self::load`], with keys that `find` gives for paths.
    pub(super) fn load_named<M: Module>(
        &self,
        map: &KeyMap,
        module: M,
        find: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(M, Vec<String>, Vec<String>), CheckpointError> {
        let mut fill = Fill {
            path: ParamPath::default(),
            file: self,
            map,
            find,
            missing: Vec::new(),
            used: BTreeSet::new(),
            rows_of_tables: BTreeMap::new(),
            error: None,
        };
        let module = module.map(&mut fill);
        if let Some(error) = fill.error {
            return Err(error);
        }
        for (key, (rows, columns)) in fill.rows_of_tables {
            let (found, expected) = (self.shape(&key).unwrap_or_default(), vec![rows, columns]);
            if found != expected {
                return Err(CheckpointError::Shape { key, found, expected });
            }
        }
        let unused = self.names().filter(|name| !fill.used.contains(*name)).map(str::to_owned).collect();
        Ok((module, fill.missing, unused))
    }

    /// The name in the file of a parameter's path.
    pub(super) fn find(&self, map: &KeyMap, path: &str) -> Option<String> {
        let candidates = possible_keys(map, path).into_iter();
        candidates.flat_map(|key| [old_norm_name(&key), key]).find(|key| self.has(key))
    }
}

/// `gamma` and `beta` of checkpoints converted from TensorFlow.
fn old_norm_name(key: &str) -> String {
    key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
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

struct Collect<'a, S> {
    path: ParamPath,
    map: &'a KeyMap,
    select: S,
    parameters: Vec<(String, bool)>,
    transaction: Transaction,
}

impl<S: Fn(&str, bool) -> bool> ModuleVisitor for Collect<'_, S> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join();
        if !(self.select)(&path, param.is_require_grad()) {
            return;
        }
        self.parameters.push((path, is_turned(&self.path, self.map, D)));
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.register(param.val().inner().cast(FloatDType::F32));
    }
}

/// Paths of what is held in half precision; of a table in shards, the table's.
#[derive(Default)]
struct HalfPaths {
    path: ParamPath,
    found: BTreeSet<String>,
}

impl ModuleVisitor for HalfPaths {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if matches!(param.dtype(), DType::F16 | DType::BF16) {
            let path = self.path.join();
            self.found.insert(whole_table(&path).map_or(path, |(table, _)| table));
        }
    }
}

struct Fill<'a, 'b> {
    path: ParamPath,
    file: &'a WeightFile<'b>,
    map: &'a KeyMap,
    find: &'a dyn Fn(&str) -> Option<String>,
    missing: Vec<String>,
    used: BTreeSet<String>,
    /// (rows, columns) of the shards so far, by the table's key.
    rows_of_tables: BTreeMap<String, (usize, usize)>,
    error: Option<CheckpointError>,
}

impl Fill<'_, '_> {
    fn value(&mut self, path: &str, shape: &[usize]) -> Result<Option<TensorData>, CheckpointError> {
        if let Some((table, _)) = whole_table(path) {
            return self.rows(&table, shape);
        }
        let Some(key) = (self.find)(path) else {
            self.missing.push(path.to_owned());
            return Ok(None);
        };
        let is_turned = is_turned(&self.path, self.map, shape.len());
        let expected: Vec<usize> = if is_turned { vec![shape[1], shape[0]] } else { shape.to_vec() };
        let found = self.file.shape(&key).unwrap_or_default();
        if found != expected {
            return Err(CheckpointError::Shape { key, found, expected });
        }
        let tensor = self.file.read(&key)?.expect("found above");
        self.used.insert(key);
        let tensor = if is_turned { transpose(tensor.values, expected[0], expected[1]) } else { tensor };
        Ok(Some(TensorData::new(tensor.values, tensor.shape)))
    }

    /// The next shard of a table.
    fn rows(&mut self, table: &str, shape: &[usize]) -> Result<Option<TensorData>, CheckpointError> {
        let Some(key) = (self.find)(table) else {
            if self.missing.last().is_none_or(|last| last != table) {
                self.missing.push(table.to_owned());
            }
            return Ok(None);
        };
        let found = self.file.shape(&key).unwrap_or_default();
        let (first, _) = self.rows_of_tables.get(&key).copied().unwrap_or_default();
        let end = first + shape[0];
        if found.len() != 2 || found[1] != shape[1] || found[0] < end {
            return Err(CheckpointError::Shape { key, found, expected: vec![end, shape[1]] });
        }
        let tensor = self.file.read_rows(&key, first..end)?.expect("found above");
        self.used.insert(key.clone());
        self.rows_of_tables.insert(key, (end, shape[1]));
        Ok(Some(TensorData::new(tensor.values, tensor.shape)))
    }
}

impl ModuleMapper for Fill<'_, '_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let path = self.path.join();
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
