//! Models that the hub's own tools (`transformers`, `hf download`) have fetched, in their cache's layout:
//! `models--owner--name/refs/<revision>` holds a commit, `snapshots/<commit>/` the files, as links to blobs.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use hone_core::checkpoint::{INDEX, WEIGHTS, shard_names};
use hone_core::hub::{SENTENCEPIECE_FILES, is_commit};

use crate::hub_env;
use crate::model_files::{CONFIG, path_in, read_model_file, reads_images};

/// The folder of a model's files, if all that loading needs is in it.
pub(crate) fn find(id: &str, revision: &str) -> Option<PathBuf> {
    find_in(&hub_env::cache_dir()?, id, revision)
}

fn find_in(cache: &Path, id: &str, revision: &str) -> Option<PathBuf> {
    let repo = cache.join(format!("models--{}", id.replace('/', "--")));
    let commit = if is_commit(revision) { revision.to_owned() } else { read_ref(&repo.join("refs").join(revision))? };
    let dir = repo.join("snapshots").join(commit);
    is_whole(&dir).then_some(dir)
}

/// The commit that a branch or tag stood at when it was fetched.
fn read_ref(path: &Path) -> Option<String> {
    // Opening a pipe would wait for ever.
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut text = String::new();
    File::open(path).ok()?.take(100).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| is_commit(text))
}

/// Whether config, weights and a tokenizer, unless the model reads images, are there; tools fetch only the files that they
/// were asked for.
fn is_whole(dir: &Path) -> bool {
    let has = |name: &str| path_in(dir, name).is_ok_and(|path| path.is_file());
    let has_pieces = SENTENCEPIECE_FILES.into_iter().any(&has);
    let has_tokenizer =
        has("tokenizer.json") || has("vocab.txt") || (has("vocab.json") && has("merges.txt")) || has_pieces;
    let needs_none = || read_model_file("read the model", dir, CONFIG).is_ok_and(|config| reads_images(&config));
    has(CONFIG) && (has_tokenizer || needs_none()) && (has(WEIGHTS) || has_shards(dir, &has))
}

fn has_shards(dir: &Path, has: &dyn Fn(&str) -> bool) -> bool {
    let Ok(index) = read_model_file("read the index of the weights", dir, INDEX) else { return false };
    shard_names(&index).is_ok_and(|shards| shards.iter().all(|shard| has(shard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("has a folder")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    #[test]
    fn a_snapshot_is_found_by_branch_and_by_commit_once_it_is_whole() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let root = cache.path();
        let find = |revision: &str| find_in(root, "a/b", revision);
        assert_eq!(find("main"), None);
        put(root, "models--a--b/refs/main", COMMIT);
        put(root, "models--a--b/refs/refs/pr/1", &format!("{COMMIT}\n"));
        let snapshot = format!("models--a--b/snapshots/{COMMIT}");
        put(root, &format!("{snapshot}/config.json"), "{}");
        put(root, &format!("{snapshot}/tokenizer.json"), "{}");
        assert_eq!(find("main"), None, "there are no weights");
        put(
            root,
            &format!("{snapshot}/{INDEX}"),
            r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#,
        );
        put(root, &format!("{snapshot}/one.safetensors"), "x");
        assert_eq!(find("main"), None, "half of the weights is not there");
        put(root, &format!("{snapshot}/two.safetensors"), "x");
        let dir = Some(root.join(snapshot));
        assert_eq!([find("main"), find("refs/pr/1"), find(COMMIT)], [dir.clone(), dir.clone(), dir]);
        assert_eq!(find("v2"), None);
    }

    #[test]
    fn a_model_that_reads_images_is_whole_without_a_tokenizer() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        for (id, config) in [
            ("a--vit", include_str!("../../tests/fixtures/vit_tiny/config.json")),
            ("a--bert", include_str!("../../tests/fixtures/tiny_encoder/config.json")),
        ] {
            let snapshot = format!("models--{id}/snapshots/{COMMIT}");
            put(cache.path(), &format!("models--{id}/refs/main"), COMMIT);
            put(cache.path(), &format!("{snapshot}/{CONFIG}"), config);
            put(cache.path(), &format!("{snapshot}/{WEIGHTS}"), "x");
        }
        assert!(find_in(cache.path(), "a/vit", "main").is_some());
        assert_eq!(find_in(cache.path(), "a/bert", "main"), None);
    }

    #[test]
    fn a_reference_that_climbs_leads_nowhere() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        put(cache.path(), "models--a--b/refs/main", "../../../elsewhere");
        for name in ["config.json", "tokenizer.json", WEIGHTS] {
            put(cache.path(), &format!("elsewhere/{name}"), "{}");
        }
        assert_eq!(find_in(cache.path(), "a/b", "main"), None);
    }
}
