//! The index of a model whose weights are in several files. In: its bytes. Out: the names of these files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::CheckpointError;
use super::notes::cut;
use crate::hub::{INDEX, check_weight_file_name};

/// Most files of one model's weights.
const MAX_SHARDS: usize = 10_000;

/// File names of the shards that an index names, in order. The index may come from a stranger: each name is a plain file
/// name, which leads nowhere but into the model's folder.
///
/// # Errors
/// When it is not a weight index, or a name is no plain file name.
pub fn shard_names(index: &[u8]) -> Result<Vec<String>, CheckpointError> {
    let bad = |reason: String| CheckpointError::State { file: INDEX.into(), reason };
    let json: Value = serde_json::from_slice(index).map_err(|error| bad(error.to_string()))?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| bad("has no weight_map".into()))?;
    let mut names = BTreeSet::new();
    for (key, name) in map {
        let name = name.as_str().ok_or_else(|| bad(format!("the file of {} is not a text", cut(key))))?;
        if names.contains(name) {
            continue;
        }
        check_weight_file_name(name).map_err(|error| bad(error.to_string()))?;
        names.insert(name.to_owned());
        if names.len() > MAX_SHARDS {
            return Err(bad(format!("names more than {MAX_SHARDS} files")));
        }
    }
    match names.is_empty() {
        true => Err(bad("names no file".into())),
        false => Ok(names.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn index(names: &[Value]) -> Vec<u8> {
        let map: serde_json::Map<String, Value> =
            names.iter().enumerate().map(|(at, name)| (format!("tensor.{at}"), name.clone())).collect();
        json!({ "weight_map": map }).to_string().into_bytes()
    }

    #[test]
    fn an_index_names_each_file_once_and_in_order() {
        let names = ["b.safetensors", "a-00001-of-00002.safetensors", "b.safetensors"].map(|name| json!(name));
        assert_eq!(
            shard_names(&index(&names)).expect("plain names"),
            ["a-00001-of-00002.safetensors", "b.safetensors"]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let names = [
            "../a.safetensors",
            "/etc/a.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            "C:a.safetensors",
            "..",
            ".",
            "",
            ".a.safetensors",
            "a.bin",
            "a\0.safetensors",
            "hone.json",
        ];
        for name in names {
            let error = shard_names(&index(&[json!(name)])).expect_err(name).to_string();
            assert!(error.contains(INDEX), "{error}");
        }
        for name in [json!(1), json!(null), json!(["a.safetensors"])] {
            let error = shard_names(&index(&[json!("a.safetensors"), name])).expect_err("no text").to_string();
            assert!(error.contains("tensor.1"), "{error}");
        }
        let many: Vec<Value> = (0..=MAX_SHARDS).map(|at| json!(format!("{at}.safetensors"))).collect();
        assert!(shard_names(&index(&many)).expect_err("too many").to_string().contains("10000"));
        for text in ["", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":[]}"#] {
            shard_names(text.as_bytes()).expect_err("no index");
        }
    }

    proptest! {
        #[test]
        fn no_name_leads_out_of_the_folder(names in prop::collection::vec("[a./\\\\:~\u{0}-]{0,6}(\\.safetensors)?", 1..4)) {
            let names: Vec<Value> = names.into_iter().map(Value::from).collect();
            for name in shard_names(&index(&names)).unwrap_or_default() {
                prop_assert!(!name.contains(['/', '\\', ':', '\0']) && !name.starts_with('.') && !name.is_empty());
            }
        }

        #[test]
        fn damaged_indexes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = index(&[json!("a.safetensors"), json!("b.safetensors")]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = shard_names(&bytes);
        }
    }
}
