//! Module to safetensors and back, through an architecture's [`KeyMap`].
//!
//! Linear weights are `[in, out]` in a module and, with most architectures, `[out, in]` in a file; the host transposes
//! them on the way. A token table is in shards in a module and whole in a file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};

use super::pending::{PendingPart, PendingTensor, read_parts, transpose};
use super::stream::TensorFile;
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
    let (mut found, mut parts) = (Vec::new(), Vec::new());
    for (path, tensor) in pending_weights(module, map, select) {
        found.push((path, tensor.shape, tensor.parts.len()));
        parts.extend(tensor.parts);
    }
    let mut values = read_parts(parts).await?.into_iter();
    let whole = |(path, shape, num_parts): (String, Vec<usize>, usize)| {
        let joined = values.by_ref().take(num_parts).reduce(|mut table, shard| {
            table.extend(shard);
            table
        });
        (path, HostTensor { shape, values: joined.unwrap_or_default() })
    };
    Ok(found.into_iter().map(whole).collect())
}

/// As [`read_weights`], of which nothing is read yet.
pub(crate) fn pending_weights<M: Module>(
    module: &M,
    map: &KeyMap,
    select: impl Fn(&str, bool) -> bool,
) -> Vec<(String, PendingTensor)> {
    let mut collect = Collect { path: ParamPath::default(), map, select, found: Vec::new() };
    module.visit(&mut collect);
    let mut tensors: Vec<(String, PendingTensor)> = Vec::with_capacity(collect.found.len());
    for (path, tensor) in collect.found {
        match (whole_table(&path), tensors.last_mut()) {
            (Some((table, shard)), Some((last, whole))) if shard > 0 && *last == table => {
                whole.shape[0] += tensor.shape[0];
                whole.parts.extend(tensor.parts);
            }
            (Some((table, _)), _) => tensors.push((table, tensor)),
            (None, _) => tensors.push((path, tensor)),
        }
    }
    tensors
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

/// As [`weights_to_safetensors`], of weights that are read when the file is written.
pub(crate) fn weights_file(map: &KeyMap, weights: Vec<(String, PendingTensor)>) -> TensorFile {
    let named = |(path, tensor): (String, PendingTensor)| (checkpoint_key(map, &path).unwrap_or(path), tensor);
    TensorFile::new(weights.into_iter().map(named).collect(), Some(metadata()), true)
}

/// What `transformers` wants to read in a file of weights.
fn metadata() -> HashMap<String, String> {
    HashMap::from([("format".to_owned(), "pt".to_owned())])
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
    Ok(safetensors::serialize(named, Some(metadata())).expect("shapes and lengths agree by construction"))
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

struct Collect<'a, S> {
    path: ParamPath,
    map: &'a KeyMap,
    select: S,
    /// Shards of a table each by itself.
    found: Vec<(String, PendingTensor)>,
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
        let (tensor, is_turned) = (param.val().inner(), is_turned(&self.path, self.map, D));
        let mut shape = tensor.dims().to_vec();
        if is_turned {
            shape.reverse();
        }
        self.found.push((path, PendingTensor { shape, parts: PendingPart::cut(tensor, is_turned) }));
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
        let values = if is_turned { transpose(&tensor.values, expected[0], expected[1]) } else { tensor.values };
        Ok(Some(TensorData::new(values, shape.to_vec())))
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
