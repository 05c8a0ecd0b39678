//! Named byte blobs: a Hugging Face folder, a checkpoint or an export, held in memory.
//!
//! In: whatever a driver read (files, OPFS, a zip). Out: whatever a driver writes. No IO happens here.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// Most files that a zip may hold.
const MAX_FILES: usize = 10_000;

/// A zip that can't be taken for a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not a zip, cut off, or a file in it is damaged.
    #[error("the zip can't be read: {0}")]
    Malformed(#[from] zip::result::ZipError),
    /// A file in it is damaged or packed in a way this build does not know.
    #[error("the zip is damaged at {name:?}: {source}")]
    Damaged {
        /// Which file.
        name: String,
        /// What reading it said.
        source: std::io::Error,
    },
    /// A path that would leave the folder.
    #[error("the zip holds a file whose path leaves the folder: {name:?}")]
    UnsafePath {
        /// The path.
        name: String,
    },
    /// A zip bomb, or simply too much.
    #[error("the zip unpacks to more than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: u64,
    },
    /// Too many files.
    #[error("the zip holds {found} files, at most {MAX_FILES} are read")]
    TooManyFiles {
        /// How many there are.
        found: usize,
    },
}

/// File name (with `/` for sub-folders) to content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    files: BTreeMap<String, Vec<u8>>,
}

impl Folder {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), bytes.into());
    }

    /// The content of `name`, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Takes a file out.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name)
    }

    /// Names and contents in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Sum of all file sizes in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// The folder as a zip: weights stored (they do not compress), everything else deflated, every date 1980-01-01, so
    /// that the same folder gives the same bytes.
    #[must_use]
    pub fn to_zip(&self) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(self.total_bytes() / 8 + 1024)));
        for (name, bytes) in &self.files {
            let stored = name.ends_with(".safetensors") || name.ends_with(".zip");
            let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
            let options = SimpleFileOptions::default()
                .compression_method(method)
                .last_modified_time(zip::DateTime::default())
                .unix_permissions(0o644)
                .large_file(u32::try_from(bytes.len()).is_err());
            writer.start_file(name.as_str(), options).expect("names are unique and memory does not fail");
            writer.write_all(bytes).expect("memory does not fail and large files are announced");
        }
        writer.finish().expect("memory does not fail").into_inner()
    }

    /// Reads a zip back.
    ///
    /// # Errors
    /// When it is not a zip, is damaged, holds a path that leaves the folder, or unpacks to more than 4 GiB.
    pub fn from_zip(bytes: &[u8]) -> Result<Self, FolderError> {
        Self::unzip(bytes, MAX_UNPACKED_BYTES)
    }

    fn unzip(bytes: &[u8], limit: u64) -> Result<Self, FolderError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        if archive.len() > MAX_FILES {
            return Err(FolderError::TooManyFiles { found: archive.len() });
        }
        let mut folder = Self::new();
        let mut left = limit;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index)?;
            let name = file.name().to_owned();
            if !stays_inside(&name) || file.is_symlink() {
                return Err(FolderError::UnsafePath { name });
            }
            if file.is_dir() {
                continue;
            }
            if file.size() > left {
                return Err(FolderError::TooLarge { limit });
            }
            // The size in the header is a claim: read at most one byte more than is left.
            let mut content = Vec::new();
            let read = file.by_ref().take(left + 1).read_to_end(&mut content);
            read.map_err(|source| FolderError::Damaged { name: name.clone(), source })?;
            left = left.checked_sub(content.len() as u64).ok_or(FolderError::TooLarge { limit })?;
            folder.insert(name, content);
        }
        Ok(folder)
    }
}

/// Relative, with `/`, no `.` or `..`, no drive letter.
fn stays_inside(name: &str) -> bool {
    let path = name.strip_suffix('/').unwrap_or(name);
    !path.contains(['\\', ':', '\0']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl IntoIterator for Folder {
    type Item = (String, Vec<u8>);
    type IntoIter = std::collections::btree_map::IntoIter<String, Vec<u8>>;

    fn into_iter(self) -> Self::IntoIter {
        self.files.into_iter()
    }
}

impl FromIterator<(String, Vec<u8>)> for Folder {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(iter: I) -> Self {
        Self { files: iter.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Folder {
        let mut folder = Folder::new();
        folder.insert("config.json", "{}".repeat(500));
        folder.insert("model.safetensors", vec![7; 3000]);
        folder.insert("1_Pooling/config.json", "{}");
        folder.insert("empty.txt", "");
        folder
    }

    fn zip_with(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, SimpleFileOptions::default()).expect("a new name");
        writer.write_all(bytes).expect("memory");
        writer.finish().expect("memory").into_inner()
    }

    #[test]
    fn a_folder_survives_its_zip_and_the_zip_is_deterministic() {
        let folder = example();
        let bytes = folder.to_zip();
        assert_eq!(Folder::from_zip(&bytes).expect("reads its own zip"), folder);
        assert_eq!(example().to_zip(), bytes);
    }

    #[test]
    fn weights_are_stored_and_text_is_deflated() {
        let bytes = example().to_zip();
        let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
        let method = |archive: &mut ZipArchive<_>, name| archive.by_name(name).expect("is there").compression();
        assert_eq!(method(&mut archive, "model.safetensors"), CompressionMethod::Stored);
        assert_eq!(method(&mut archive, "config.json"), CompressionMethod::Deflated);
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for name in ["../x", "a/../../x", "/etc/x", "C:/x", "..\\x", "a//x", "./x"] {
            let error = Folder::from_zip(&zip_with(name, b"x")).expect_err(name);
            assert!(matches!(error, FolderError::UnsafePath { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_zip_bomb_is_refused() {
        let bomb = zip_with("zeros", &vec![0; 1 << 20]);
        assert!(bomb.len() < 1 << 14);
        assert!(matches!(Folder::unzip(&bomb, 1 << 19), Err(FolderError::TooLarge { .. })));
        assert!(Folder::unzip(&bomb, 1 << 20).is_ok());
    }

    #[test]
    fn what_is_not_a_zip_is_named() {
        let error = Folder::from_zip(b"not a zip").expect_err("not a zip").to_string();
        assert!(error.starts_with("the zip can't be read"), "{error}");
        let mut cut = example().to_zip();
        cut.truncate(cut.len() - 40);
        assert!(Folder::from_zip(&cut).is_err());
    }

    proptest! {
        #[test]
        fn damaged_zips_never_panic(at in 0_usize..4000, byte in any::<u8>()) {
            let mut bytes = example().to_zip();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Folder::from_zip(&bytes);
        }
    }
}
