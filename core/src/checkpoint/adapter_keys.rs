//! Names of tensors in an adapter's file, without what PEFT, its versions and a compiled model put around them.
//!
//! In: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight`. Out:
//! `model.layers.0.self_attn.q_proj.lora_A.weight`.

use std::collections::{BTreeMap, BTreeSet};

use super::target_modules::refused;
use super::{CheckpointError, WeightFile};

/// What PEFT puts before the names of the model's modules.
pub(super) const PREFIX: &str = "base_model.model.";

/// What wrappers put before that.
const WRAPPERS: [&str; 3] = [PREFIX, "module.", "_orig_mod."];

/// Names of modules to the keys of a file.
#[derive(Debug)]
pub(super) struct AdapterKeys {
    by_name: BTreeMap<String, String>,
    copies: BTreeSet<String>,
}

impl AdapterKeys {
    /// The keys of an adapter's file. PEFT saves a bias of a module that is trained whole twice (`bias` "all").
    ///
    /// # Errors
    /// When there are two tensors for one place that differ, or one can't be read.
    pub(super) fn of(file: &WeightFile<'_>) -> Result<Self, CheckpointError> {
        let (mut by_name, mut copies) = (BTreeMap::new(), BTreeSet::new());
        for key in file.names() {
            let Some(name) = plain_name(key) else { continue };
            if let Some(other) = by_name.insert(name, key.to_owned()) {
                if file.read(&other)? != file.read(key)? {
                    return Err(refused(format!("it holds two tensors for one place: {other} and {key}")));
                }
                copies.insert(other);
            }
        }
        Ok(Self { by_name, copies })
    }

    /// Whether a key that no parameter took belongs to no place: a copy of another, or of the base model's.
    pub(super) fn is_spare(&self, key: &str) -> bool {
        self.copies.contains(key) || plain_name(key).is_none()
    }

    /// The file's key for a name.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }
}

/// The name of a tensor in the model's own terms; `None` for copies of the base model's.
pub(super) fn plain_name(key: &str) -> Option<String> {
    let mut rest = key;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| rest.strip_prefix(wrapper)) {
        rest = inner;
    }
    let parts: Vec<&str> = rest.split('.').filter(|part| !matches!(*part, "base_layer" | "_orig_mod")).collect();
    if parts.contains(&"original_module") {
        return None;
    }
    if let Some(at) = parts.iter().position(|part| part.starts_with("lora_")) {
        let (module, after) = (parts[..at].join("."), &parts[at + 1..]);
        // Behind the factor stands the adapter's name, in files of old versions.
        let is_known = after.len() <= 2;
        return Some(match parts[at] {
            factor @ ("lora_A" | "lora_B") if is_known && after.last() == Some(&"weight") => {
                format!("{module}.{factor}.weight")
            }
            factor @ "lora_magnitude_vector" if is_known => format!("{module}.{factor}"),
            _ => parts.join("."),
        });
    }
    let mut plain = Vec::with_capacity(parts.len());
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            "modules_to_save" => {
                let _ = parts.next_if_eq(&"default"); // the adapter's name
            }
            part => plain.push(part),
        }
    }
    Some(plain.join("."))
}

#[cfg(test)]
mod tests {
    use super::super::HostTensor;
    use super::*;

    #[test]
    fn a_tensor_that_is_saved_twice_counts_once() {
        let file = |second: f32| {
            let tensor = |value: f32| HostTensor { shape: vec![1], values: vec![value] };
            let (first, second) = (tensor(1.0), tensor(second));
            let tensors = [("m.classifier.bias", &first), ("m.classifier.modules_to_save.bias", &second)];
            safetensors::serialize(tensors, None).expect("plain tensors")
        };
        let same = file(1.0);
        let keys = AdapterKeys::of(&WeightFile::open("a", &same).expect("good")).expect("one is a copy");
        assert_eq!(keys.by_name.len(), 1);
        assert!(keys.is_spare("m.classifier.bias") != keys.is_spare("m.classifier.modules_to_save.bias"));
        let other = file(2.0);
        let error = AdapterKeys::of(&WeightFile::open("a", &other).expect("good")).expect_err("they differ");
        assert!(error.to_string().contains("two tensors for one place"), "{error}");
    }

    #[test]
    fn names_are_the_models_own() {
        for (key, expected) in [
            ("base_model.model.model.layers.0.q_proj.lora_A.weight", "model.layers.0.q_proj.lora_A.weight"),
            ("base_model.model.model.layers.0.q_proj.lora_A.default.weight", "model.layers.0.q_proj.lora_A.weight"),
            ("model.layers.0.q_proj.lora_B.mine.weight", "model.layers.0.q_proj.lora_B.weight"),
            ("module.base_model.model.h.0.c_attn.lora_magnitude_vector", "h.0.c_attn.lora_magnitude_vector"),
            ("h.0.c_attn.lora_magnitude_vector.default.weight", "h.0.c_attn.lora_magnitude_vector"),
            ("base_model.model._orig_mod.h.0.c_attn.lora_A.weight", "h.0.c_attn.lora_A.weight"),
            ("base_model.model.classifier.modules_to_save.default.dense.weight", "classifier.dense.weight"),
            ("base_model.model.classifier.modules_to_save.weight", "classifier.weight"),
            ("base_model.model.bert.pooler.dense.base_layer.bias", "bert.pooler.dense.bias"),
            ("base_model.model.q_proj.lora_B.bias", "q_proj.lora_B.bias"),
            ("base_model.model.wte.lora_embedding_A", "wte.lora_embedding_A"),
        ] {
            assert_eq!(plain_name(key).as_deref(), Some(expected), "{key}");
        }
        assert_eq!(plain_name("base_model.model.classifier.original_module.weight"), None);
    }
}
