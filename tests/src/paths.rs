//! Where fixtures and models lie.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hone_core::folder::Folder;

use crate::missing::skip;

/// A folder laid out as the repository, where the repository itself is not at hand.
static ELSEWHERE: OnceLock<PathBuf> = OnceLock::new();

/// Takes fixtures and models from `folder`, which is laid out as the repository, from now on; the first call counts.
pub fn use_root(folder: PathBuf) {
    ELSEWHERE.get_or_init(|| folder);
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    ELSEWHERE.get().cloned().unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")))
}

/// A folder under `tests/fixtures`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

fn minilm_folder() -> PathBuf {
    root().join("public/models/sentence-transformers/all-MiniLM-L6-v2")
}

/// Whether all-MiniLM-L6-v2 is there.
#[must_use]
pub fn has_minilm() -> bool {
    minilm_folder().join("model.safetensors").is_file()
}

/// all-MiniLM-L6-v2, which set-up fetches; tests that need it skip, loudly, where it is absent.
#[must_use]
pub fn minilm() -> Option<PathBuf> {
    let path = minilm_folder();
    let is_there = has_minilm();
    if !is_there {
        skip(&format!("{} is absent; run `cargo xtask setup`", path.display()));
    }
    is_there.then_some(path)
}

/// The data sets that may not be shipped; tests that need them skip, loudly, where they are absent.
#[must_use]
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(name);
    if !path.is_dir() {
        eprintln!("SKIPPED: data set {name} is absent");
        return None;
    }
    Some(path)
}

/// All files of a folder (not of its sub-folders).
///
/// # Panics
/// When the folder can't be read.
#[must_use]
pub fn read_folder(path: &Path) -> Folder {
    let mut folder = Folder::new();
    for entry in std::fs::read_dir(path).expect("the folder can be listed") {
        let entry = entry.expect("an entry can be read");
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).expect("a file can be read");
            folder.insert(entry.file_name().to_string_lossy(), bytes);
        }
    }
    folder
}

/// Writes all files of a folder to `path`, which is made if it is not there.
///
/// # Panics
/// When the disk refuses.
pub fn write_folder(folder: &Folder, path: &Path) {
    for name in folder.names() {
        let bytes = folder.read(name, 0..folder.size(name).unwrap_or(0)).expect("a file can be read");
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a file lies in a folder")).expect("the folder can be made");
        std::fs::write(file, bytes).expect("a file can be written");
    }
}

/// A file of text in a folder.
///
/// # Panics
/// When it is not there, or no text.
#[must_use]
pub fn text_in(folder: &Folder, name: &str) -> String {
    let bytes = folder.get(name).unwrap_or_else(|| panic!("the folder has no {name}"));
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|error| panic!("{name} is no text: {error}"))
}
