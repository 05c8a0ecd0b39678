//! Folders of texts with a folder for each label, `train/pos/1.txt`, as IMDB's reviews and newsgroups come. In: a folder. Out: rows of
//! JSON with text and label, a file for each split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use hone_core::data::{read_text, split_of_name};
use indicatif::HumanBytes;
use serde_json::json;

use crate::failure::io_error;
use crate::output::MAX_DATA_BYTES;
use crate::progress::say;

/// What the folder of IMDB's texts without labels is called.
const UNLABELED: [&str; 3] = ["unsup", "unlabeled", "unlabelled"];

type NamedBytes = (String, Vec<u8>);

/// The rows of a folder whose `folders` have texts: a folder for each label, or such in folders of splits. `None` where it is no such
/// folder.
///
/// # Errors
/// When a text can't be read, or they are too large.
pub(crate) fn read(doing: &str, dir: &Path, folders: &[(String, PathBuf)]) -> anyhow::Result<Option<Vec<NamedBytes>>> {
    let are_splits = !folders.is_empty() && folders.iter().all(|(name, _)| split_of_name(name).is_some());
    let mut splits: BTreeMap<String, Vec<(String, PathBuf)>> = BTreeMap::new();
    if are_splits {
        for (name, path) in folders {
            splits.insert(
                name.clone(),
                list_folder(doing, path)?.into_iter().filter(|(_, path)| path.is_dir()).collect(),
            );
        }
    } else {
        let mut labels = folders.to_vec();
        labels.sort();
        splits.insert("rows".to_owned(), labels);
    }
    let (mut files, mut left) = (Vec::new(), MAX_DATA_BYTES);
    for (split, labels) in &splits {
        if labels.len() < 2 {
            return Ok(None);
        }
        let mut rows = String::new();
        for (label, path) in labels {
            if UNLABELED.contains(&label.as_str()) {
                say(&format!("{}: its texts have no label, and are left out", path.display()));
                continue;
            }
            let texts = list_folder(doing, path)?;
            let is_text = |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt"));
            if texts.is_empty() || !texts.iter().all(|(_, path)| path.is_file() && is_text(path)) {
                return Ok(None);
            }
            for (_, path) in texts {
                let bytes = std::fs::read(&path).map_err(|error| io_error(doing, &error, &path))?;
                let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                    bail!("can't {doing}: its texts have more than {}: {}", HumanBytes(MAX_DATA_BYTES), dir.display());
                };
                left = rest;
                // An empty text is a row that says so.
                let text = read_text(&bytes, None).map(|decoded| decoded.text.into_owned());
                rows += &json!({ "text": text.unwrap_or_default(), "label": label }).to_string();
                rows.push('\n');
            }
        }
        files.push((format!("{split}.jsonl"), rows.into_bytes()));
    }
    say(&format!("{}: each text is a row, and its label is the name of its folder", dir.display()));
    Ok(Some(files))
}

/// What a folder holds, by name; hidden files are left out.
fn list_folder(doing: &str, dir: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| io_error(doing, &error, dir))? {
        let path = entry.map_err(|error| io_error(doing, &error, dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(paths: &[&str]) -> Option<Vec<(String, String)>> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for path in paths {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("the folder is ours");
            std::fs::write(&path, "so it\ngoes").expect("the folder is ours");
        }
        let folders: Vec<(String, PathBuf)> = list_folder("read", dir.path()).expect("it is there");
        let folders: Vec<(String, PathBuf)> = folders.into_iter().filter(|(_, path)| path.is_dir()).collect();
        let files = read("read", dir.path(), &folders).expect("they can be read")?;
        Some(files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text"))).collect())
    }

    #[test]
    fn texts_get_the_names_of_their_folders_as_labels() {
        let row = |label: &str| format!("{{\"label\":\"{label}\",\"text\":\"so it\\ngoes\"}}\n");
        let both = [row("neg"), row("pos")].concat();
        let found =
            rows(&["test/neg/1.txt", "test/pos/1.txt", "train/neg/7.txt", "train/pos/1.txt", "train/unsup/0.txt"]);
        let values = |text: &str| -> Vec<serde_json::Value> {
            text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
        };
        let found = found.expect("rows");
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["test.jsonl", "train.jsonl"]);
        assert!(found.iter().all(|(_, text)| values(text) == values(&both)), "{found:?}");
        let found = rows(&["pos/1.txt", "neg/1.txt"]).expect("rows");
        assert_eq!((found.len(), found[0].0.as_str(), values(&found[0].1)), (1, "rows.jsonl", values(&both)));
        for paths in [&["pos/1.txt"][..], &["pos/1.txt", "neg/1.csv"], &["a.txt"], &["train/1.txt", "test/1.txt"]] {
            assert_eq!(rows(paths), None, "{paths:?}");
        }
    }
}
