//! Why a model's folder lacks a file that is needed: what lies there in its place, and what to do then.
//!
//! In: the folder and the name of the file. Out: words for the end of an error, or none.

use std::fs;
use std::path::Path;

use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS};
use hone_core::hub::MODULES;

use crate::model_files::CONFIG;

/// Words in brackets, after a space; empty where nothing is known.
pub(crate) fn why_missing(dir: &Path, name: &str) -> String {
    let is_adapter = [ADAPTER_CONFIG, ADAPTER_WEIGHTS].into_iter().any(|file| dir.join(file).is_file());
    match name {
        CONFIG | WEIGHTS if is_adapter => format!(
            " (there is only an adapter: hone export --model {} --format merged --output WHOLE makes a whole model of it and its base, \
             for --model WHOLE)",
            dir.display()
        ),
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
    let whole = |name: &str| is_there(name).then(|| name.to_owned());
    let torch = whole("pytorch_model.bin").or_else(|| find_shard(dir, "pytorch_model-", ".bin"));
    if let Some(name) = torch.or_else(|| whole("pytorch_model.bin.index.json")) {
        return format!(
            " (there is only {name}, of PyTorch: load it in transformers with from_pretrained(folder), and save it again with \
             save_pretrained)"
        );
    }
    if find_shard(dir, "model-", ".safetensors").is_some() {
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

/// The first of several files of weights that lie there: `model-00001-of-00002.safetensors`.
fn find_shard(dir: &Path, start: &str, end: &str) -> Option<String> {
    let is_shard = |name: &String| name.starts_with(start) && name.contains("-of-") && name.ends_with(end);
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_shard).min()
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
        let index = "pytorch_model.bin.index.json";
        for name in [index, "pytorch_model-00002-of-00002.bin", "pytorch_model-00001-of-00002.bin"] {
            fs::write(dir.path().join(name), "x").expect("writes");
            let why = why_missing(dir.path(), WEIGHTS);
            assert!(why.contains(&format!("there is only {name}, of PyTorch")), "{why}");
        }
        fs::write(dir.path().join(ADAPTER_WEIGHTS), "x").expect("writes");
        for file in [WEIGHTS, CONFIG] {
            let why = why_missing(dir.path(), file);
            let command = format!("hone export --model {} --format merged", dir.path().display());
            assert!(why.contains("only an adapter") && why.contains(&command), "{file}: {why}");
        }
        fs::remove_file(dir.path().join(ADAPTER_WEIGHTS)).expect("removes");
        let inner = dir.path().join("0_Transformer");
        fs::create_dir(&inner).expect("creates");
        fs::write(inner.join(CONFIG), "{}").expect("writes");
        let modules = r#"[{"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]"#;
        fs::write(dir.path().join(MODULES), modules).expect("writes");
        assert!(why_missing(dir.path(), CONFIG).contains("lie in 0_Transformer: name that folder"));
    }
}
