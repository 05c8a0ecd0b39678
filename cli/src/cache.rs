//! Models that were fetched: `~/.cache/hone/models/<owner>/<name>/<revision>/` (or under `XDG_CACHE_HOME`).
//!
//! `fetched.json` is written last and lists every file with size and hash: a folder without it is not whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hone_core::hub::{check_revision, is_commit, redact};
use serde::{Deserialize, Serialize};

use crate::hub_env;
use crate::output::{remove_file, write_file};

const MANIFEST: &str = "fetched.json";

/// What lies in a cached folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) id: String,
    pub(crate) revision: String,
    /// Address of the hub it came from, without a password; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hub: Option<String>,
    /// Commit that the hub resolved the revision to.
    pub(crate) commit: Option<String>,
    pub(crate) files: BTreeMap<String, CachedFile>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedFile {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// The hub named the same hash.
    pub(crate) verified: bool,
}

impl Manifest {
    /// Sum of the sizes.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

/// The folder above all cached models.
///
/// # Errors
/// When the system names no home folder.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .context("no place for the model cache: neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("hone").join("models"))
}

/// Where a model is kept, whether or not it is there.
///
/// # Errors
/// When the system names no home folder, or `revision` can't be one.
pub(crate) fn dir_of(id: &str, revision: &str) -> anyhow::Result<PathBuf> {
    dir_in(&root()?, id, revision)
}

fn dir_in(root: &Path, id: &str, revision: &str) -> anyhow::Result<PathBuf> {
    // Refuses `.` and `..`, which would climb.
    check_revision(revision)?;
    let mut name = String::with_capacity(revision.len());
    for byte in revision.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            name.push(byte as char);
        } else {
            // Two revisions never share a folder: `v/1` and `v+1` stay apart.
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(id.split('/').fold(root.to_owned(), |dir, part| dir.join(part)).join(name))
}

/// The folder of a cached model and what is known of it, if it is whole and came from the hub that is asked now: a mirror's
/// files never answer for another hub. Manifests of earlier versions name no hub, and answer for the public one.
///
/// # Errors
/// When the system names no home folder, the hub's address can't be used, or `revision` can't be one.
pub(crate) fn find(id: &str, revision: &str) -> anyhow::Result<Option<(PathBuf, Manifest)>> {
    find_in(&root()?, id, revision, &redact(&hub_env::endpoint()?))
}

fn find_in(root: &Path, id: &str, revision: &str, hub: &str) -> anyhow::Result<Option<(PathBuf, Manifest)>> {
    let dir = dir_in(root, id, revision)?;
    let is_of_hub =
        |manifest: &Manifest| manifest.id == id && manifest.hub.as_deref().unwrap_or(hub_env::DEFAULT_HUB) == hub;
    // A disk that does not tell capitals apart has one folder for `V1` and `v1`.
    if let Some(manifest) = read(&dir).filter(|manifest| is_of_hub(manifest) && manifest.revision == revision) {
        return Ok(Some((dir, manifest)));
    }
    if !is_commit(revision) {
        return Ok(None);
    }
    // A branch or tag may have been fetched when it stood at this commit.
    let repository = id.split('/').fold(root.to_owned(), |dir, part| dir.join(part));
    let mut of_commit = below(&repository, 1).into_iter().filter_map(|dir| Some((read(&dir)?, dir)));
    let found = of_commit.find(|(manifest, _)| is_of_hub(manifest) && manifest.commit.as_deref() == Some(revision));
    Ok(found.map(|(manifest, dir)| (dir, manifest)))
}

/// The manifest of a cached folder whose files all have the size they should have.
pub(crate) fn read(dir: &Path) -> Option<Manifest> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(dir.join(MANIFEST)).ok()?).ok()?;
    let is_whole =
        |(name, file): (&String, &CachedFile)| fs::metadata(dir.join(name)).is_ok_and(|m| m.len() == file.bytes);
    manifest.files.iter().all(is_whole).then_some(manifest)
}

/// Declares a folder whole.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn finish(dir: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(manifest).context("can't describe the fetched files")?;
    write_file(&json, &dir.join(MANIFEST))
}

/// Takes that back, before files of it are replaced: should that break off, the folder is not taken for a whole one.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn unseal(dir: &Path) -> anyhow::Result<()> {
    remove_file(&dir.join(MANIFEST))
}

/// Every whole model in the cache, with its folder, by id.
///
/// # Errors
/// When the system names no home folder.
pub(crate) fn all() -> anyhow::Result<Vec<(Manifest, PathBuf)>> {
    let mut found: Vec<_> = below(&root()?, 3).into_iter().filter_map(|dir| Some((read(&dir)?, dir))).collect();
    found.sort_by(|a, b| (&a.0.id, &a.0.revision).cmp(&(&b.0.id, &b.0.revision)));
    Ok(found)
}

/// Folders exactly `depth` levels below `dir`.
fn below(dir: &Path, depth: usize) -> Vec<PathBuf> {
    if depth == 0 {
        return vec![dir.to_owned()];
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).flat_map(|path| below(&path, depth - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_revision_leaves_the_cache() {
        let root = Path::new("root");
        let dir = |revision: &str| dir_in(root, "a/b", revision).expect(revision);
        assert_eq!(dir("main"), Path::new("root/a/b/main"));
        assert_eq!(dir("refs/pr/1"), Path::new("root/a/b/refs%2Fpr%2F1"));
        for revision in ["", ".", "..", "a/../b"] {
            let message = dir_in(root, "a/b", revision).expect_err("climbs").to_string();
            assert!(message.contains("can't be a revision"), "{message}");
        }
    }

    #[test]
    fn two_revisions_have_two_folders() {
        let dirs = ["v/1", "v+1", "v%1", "v1", "v%2F1", "V/1"]
            .map(|revision| dir_in(Path::new("root"), "a/b", revision).expect("a revision"));
        for (at, dir) in dirs.iter().enumerate() {
            assert!(!dirs[..at].contains(dir), "{}", dir.display());
        }
    }

    #[test]
    fn a_commit_is_found_where_a_branch_was_fetched() {
        const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
        const HUB: &str = "https://hub.example";
        let root = tempfile::tempdir().expect("a temporary folder");
        let find = |revision: &str| {
            let found = find_in(root.path(), "a/b", revision, HUB).expect("a revision");
            found.map(|(dir, manifest)| (dir, manifest.revision))
        };
        let put = |revision: &str, hub: &str, commit: &str| {
            let dir = dir_in(root.path(), "a/b", revision).expect("a revision");
            fs::create_dir_all(&dir).expect("makes");
            let (hub, commit) = (Some(hub.to_owned()), Some(commit.to_owned()));
            let manifest =
                Manifest { id: "a/b".into(), revision: revision.into(), hub, commit, files: BTreeMap::new() };
            finish(&dir, &manifest).expect("finishes");
            dir
        };
        put("v1", "https://mirror.example", COMMIT);
        put("v2", HUB, &COMMIT.replace('0', "f"));
        assert_eq!(find(COMMIT), None, "another hub's, and another commit");
        let main = put("main", HUB, COMMIT);
        assert_eq!(find(COMMIT), Some((main.clone(), "main".into())));
        assert_eq!(find("main"), Some((main, "main".into())));
        assert_eq!(find("v1"), None);
        let own = put(COMMIT, HUB, COMMIT);
        assert_eq!(find(COMMIT), Some((own, COMMIT.into())));
    }

    #[test]
    fn what_an_earlier_version_fetched_is_the_public_hubs() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let dir = dir_in(root.path(), "a/b", "main").expect("a revision");
        fs::create_dir_all(&dir).expect("makes");
        let (revision, files) = ("main".to_owned(), BTreeMap::new());
        finish(&dir, &Manifest { id: "a/b".into(), revision, hub: None, commit: None, files }).expect("finishes");
        let is_found = |hub: &str| find_in(root.path(), "a/b", "main", hub).expect("a revision").is_some();
        assert!(is_found(hub_env::DEFAULT_HUB) && !is_found("https://mirror.example"));
    }

    #[test]
    fn a_truncated_file_is_not_whole() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = CachedFile { bytes: 4, sha256: "x".into(), verified: true };
        let files = [("config.json".to_owned(), file)].into_iter().collect();
        let manifest = Manifest { id: "a/b".into(), revision: "main".into(), hub: None, commit: None, files };
        fs::write(dir.path().join("config.json"), "{  }").expect("writes");
        assert_eq!(read(dir.path()), None, "not finished yet");
        finish(dir.path(), &manifest).expect("finishes");
        assert_eq!(read(dir.path()), Some(manifest));
        fs::write(dir.path().join("config.json"), "{ ").expect("writes");
        assert_eq!(read(dir.path()), None);
    }
}
