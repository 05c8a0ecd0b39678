//! Why a model's folder lacks a file that is needed: what lies there in its place, and what to do then.
//!
//! In: the folder and the name of the file. Out: words for the end of an error, or none.

use std::fs;
use std::path::Path;

use hone_core::checkpoint::WEIGHTS;
use hone_core::hub::MODULES;

use crate::model_files::CONFIG;

/// Words in brackets, after a space; empty where nothing is known.
pub(crate) fn why_missing(dir: &Path, name: &str) -> String {
    match name {
        CONFIG => inner_folder(dir).map_or_else(String::new, |inner| {
            format!(" (it is a model of sentence-transformers whose files lie in {inner}: name that folder)")
        }),
        WEIGHTS => why_no_weights(dir),
        _ => String::new(),
    }
}

/// The folder within that the first module of `sentence-transformers` lies in, where that is not the folder itself.
fn inner_folder(dir: &Path) -> Option<String> {
    let modules: serde_json::Value = serde_json::from_slice(&fs::read(dir.join(MODULES)).ok()?).ok()?;
    let path = modules.get(0)?.get("path")?.as_str()?;
    (!path.is_empty() && dir.join(path).join(CONFIG).is_file()).then(|| path.to_owned())
}

fn why_no_weights(dir: &Path) -> String {
    let is_there = |name: &str| dir.join(name).is_file();
    if is_there("adapter_model.safetensors") {
        return " (there is only an adapter: name it with --adapter and its model with --model)".to_owned();
    }
    if ["pytorch_model.bin", "pytorch_model.bin.index.json"].into_iter().any(is_there) {
        return " (there is only pytorch_model.bin: save it again with transformers' save_pretrained)".to_owned();
    }
    if has_shards(dir) {
        return " (there are parts of it, and no model.safetensors.index.json that names them)".to_owned();
    }
    let others = [("tf_model.h5", "from_tf"), ("flax_model.msgpack", "from_flax")];
    others.into_iter().find(|(name, _)| is_there(name)).map_or_else(String::new, |(name, flag)| {
        format!(
            " (there is only {name}: load it in transformers 4, with from_pretrained(folder, {flag}=True), and save it again with \
             save_pretrained)"
        )
    })
}

/// Whether weights in several files lie there: `model-00001-of-00002.safetensors`.
fn has_shards(dir: &Path) -> bool {
    let is_shard = |name: &str| name.starts_with("model-") && name.contains("-of-") && name.ends_with(".safetensors");
    let mut entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_str().is_some_and(is_shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_place_of_a_file_is_said() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(why_missing(dir.path(), WEIGHTS) + &why_missing(dir.path(), CONFIG), "");
        fs::write(dir.path().join("tf_model.h5"), "x").expect("writes");
        assert!(
            why_missing(dir.path(), WEIGHTS).contains("tf_model.h5") && why_missing(dir.path(), "vocab.txt").is_empty()
        );
        let inner = dir.path().join("0_Transformer");
        fs::create_dir(&inner).expect("creates");
        fs::write(inner.join(CONFIG), "{}").expect("writes");
        let modules = r#"[{"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]"#;
        fs::write(dir.path().join(MODULES), modules).expect("writes");
        assert!(why_missing(dir.path(), CONFIG).contains("lie in 0_Transformer: name that folder"));
    }
}
