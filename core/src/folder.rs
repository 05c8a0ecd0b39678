//! Named byte blobs: a Hugging Face folder, a checkpoint or an export, held in memory.
//!
//! In: whatever a driver read (files, OPFS, a zip). Out: whatever a driver writes. No IO happens here.

mod unzip;

use std::collections::{BTreeMap, btree_map};
use std::io::{self, Cursor, Seek, Write};
use std::iter::Map;
use std::sync::Arc;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use self::unzip::MAX_FILES;
pub(crate) use self::unzip::check_ends;
pub use self::unzip::{ZipFiles, ZipPieces};

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// A zip that can't be taken for a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not a zip, cut off, or a file in it is damaged.
    #[error("the zip can't be read: {0}")]
    Malformed(#[from] ZipError),
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

/// File name (with `/` for sub-folders) to content. A clone shares the contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl Folder {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), Arc::new(bytes.into()));
    }

    /// Adds or replaces a file by one of another folder, whose content both share; whether that is there.
    pub fn insert_shared(&mut self, name: impl Into<String>, other: &Self, other_name: &str) -> bool {
        let content = other.files.get(other_name);
        content.map(|content| self.files.insert(name.into(), Arc::clone(content))).is_some()
    }

    /// The content of `name`, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|content| content.as_slice())
    }

    /// Takes a file out; copies it where another folder shares it.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name).map(Arc::unwrap_or_clone)
    }

    /// Takes the byte order mark off JSON files: some editors write it there, and JSON has none.
    pub fn unmark_json(&mut self) {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        for (name, content) in &mut self.files {
            if name.ends_with(".json")
                && let Some(unmarked) = content.strip_prefix(MARK)
            {
                *content = Arc::new(unmarked.to_vec());
            }
        }
    }

    /// Names and contents in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Sum of all file sizes in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.files.values().map(|content| content.len()).sum()
    }

    /// The folder as a zip: weights stored (they do not compress), everything else deflated, every date 1980-01-01, so
    /// that the same folder gives the same bytes.
    #[must_use]
    pub fn to_zip(&self) -> Vec<u8> {
        // A zip that grows is copied, and weights take what they take.
        let stored_bytes: usize = self.iter().filter(|(name, _)| is_stored(name)).map(|(_, bytes)| bytes.len()).sum();
        let capacity = stored_bytes + (self.total_bytes() - stored_bytes) / 8 + 1024;
        let mut zip = FolderZip::new(Cursor::new(Vec::with_capacity(capacity)));
        zip.append_folder(self).expect("names are unique and memory does not fail");
        zip.finish().expect("memory does not fail").into_inner()
    }

    /// Reads a zip back.
    ///
    /// # Errors
    /// When it is not a zip, is damaged, holds a path that leaves the folder, or unpacks to more than 4 GiB.
    pub fn from_zip(bytes: &[u8]) -> Result<Self, FolderError> {
        Self::from_zip_if(bytes, MAX_UNPACKED_BYTES, |_, _| Ok(()))
    }

    /// As [`Self::from_zip`], of at most `limit` bytes. Before anything is unpacked, `check` is asked about the name of each file
    /// and the size that the zip claims for it; no file is read further than that.
    ///
    /// # Errors
    /// As [`Self::from_zip`], when a size is not what was claimed, and what `check` says.
    pub fn from_zip_if<E: From<FolderError>>(
        bytes: &[u8],
        limit: u64,
        check: impl Fn(&str, u64) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut zip = ZipFiles::open_if(Cursor::new(bytes), limit, check)?;
        let names: Vec<String> = zip.files().map(|(name, _)| name.to_owned()).collect();
        let mut folder = Self::new();
        for name in names {
            let content = zip.read(&name)?;
            folder.insert(name, content);
        }
        Ok(folder)
    }
}

/// A zip that is written a file at a time, and each of them in pieces: with the files of a folder in the order of their names
/// it is [`Folder::to_zip`].
pub struct FolderZip<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> FolderZip<W> {
    /// A zip without files, written to `to`.
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new(to))
    }

    /// Begins a file of so many bytes, which [`Self::append`] adds.
    ///
    /// # Errors
    /// When there is a file of this name already, or the bytes can't be written.
    pub fn begin(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let method = if is_stored(name) { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644)
            .large_file(u32::try_from(bytes).is_err());
        Ok(self.0.start_file(name, options)?)
    }

    /// Adds bytes to the file that began last.
    ///
    /// # Errors
    /// When no file began, or the bytes can't be written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Adds all files of a folder.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn append_folder(&mut self, folder: &Folder) -> io::Result<()> {
        for (name, bytes) in folder.iter() {
            self.begin(name, bytes.len() as u64)?;
            self.append(bytes)?;
        }
        Ok(())
    }

    /// Closes the zip.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.0.finish()?)
    }
}

/// Whether a file is stored as it is: weights do not compress.
fn is_stored(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".zip")
}

fn own_file((name, content): (String, Arc<Vec<u8>>)) -> (String, Vec<u8>) {
    (name, Arc::unwrap_or_clone(content))
}

/// Files one after the other, as [`Folder::remove`] takes them out.
type IntoFiles = Map<btree_map::IntoIter<String, Arc<Vec<u8>>>, fn((String, Arc<Vec<u8>>)) -> (String, Vec<u8>)>;

impl IntoIterator for Folder {
    type Item = (String, Vec<u8>);
    type IntoIter = IntoFiles;

    fn into_iter(self) -> Self::IntoIter {
        self.files.into_iter().map(own_file as fn((String, Arc<Vec<u8>>)) -> (String, Vec<u8>))
    }
}

impl FromIterator<(String, Vec<u8>)> for Folder {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(iter: I) -> Self {
        Self { files: iter.into_iter().map(|(name, bytes)| (name, Arc::new(bytes))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zip::ZipArchive;

    use super::*;

    fn example() -> Folder {
        let mut folder = Folder::new();
        folder.insert("config.json", "{}".repeat(500));
        folder.insert("model.safetensors", vec![7; 3000]);
        folder.insert("1_Pooling/config.json", "{}");
        folder.insert("empty.txt", "");
        folder
    }

    #[test]
    fn clones_share_contents_and_what_is_taken_out_is_its_own() {
        let folder = example();
        let mut copy = folder.clone();
        let [one, other] = [&folder, &copy].map(|folder| folder.get("model.safetensors").expect("is there").as_ptr());
        assert_eq!(one, other);
        assert!(copy.insert_shared("good.safetensors", &folder, "model.safetensors"));
        assert_eq!(copy.get("good.safetensors").map(<[u8]>::as_ptr), Some(one));
        assert!(!copy.insert_shared("x", &folder, "missing") && copy.get("x").is_none());
        assert_eq!(copy.remove("model.safetensors"), Some(vec![7; 3000]));
        assert_eq!((folder.total_bytes(), folder.into_iter().count()), (4002, 4));
    }

    #[test]
    fn byte_order_marks_are_taken_off_json_alone() {
        let mut folder = Folder::new();
        folder.insert("config.json", "\u{feff}{\"a\": 1}");
        folder.insert("vocab.txt", "\u{feff}x");
        folder.unmark_json();
        assert_eq!(folder.get("config.json"), Some(b"{\"a\": 1}".as_slice()));
        assert_eq!(folder.get("vocab.txt"), Some("\u{feff}x".as_bytes()));
    }

    #[test]
    fn a_zip_may_hold_many_zips() {
        let inner = zip_with("x", b"x");
        let mut folder = Folder::new();
        for index in 0..200 {
            folder.insert(format!("{index}.zip"), inner.clone());
        }
        assert_eq!(Folder::from_zip(&folder.to_zip()).expect("reads its own zip"), folder);
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
        let unzip = |limit| Folder::from_zip_if(&bomb, limit, |_, _| Ok::<(), FolderError>(()));
        assert!(matches!(unzip(1 << 19), Err(FolderError::TooLarge { .. })));
        assert!(unzip(1 << 20).is_ok());
    }

    #[test]
    fn what_is_not_wanted_is_refused_before_it_is_unpacked() {
        let zip = example().to_zip();
        let wanted = |name: &str, bytes: u64| match bytes > 1000 {
            true => Err(FolderError::UnsafePath { name: format!("{name}: {bytes}") }),
            false => Ok(()),
        };
        let error = Folder::from_zip_if(&zip, 1 << 20, wanted).expect_err("weights").to_string();
        assert!(error.contains("model.safetensors: 3000"), "{error}");
    }

    #[test]
    fn a_zip_of_nothing_but_ends_is_not_read_for_each_of_them() {
        let ends = b"PK\x05\x06".repeat(10_000);
        let error = Folder::from_zip(&ends).expect_err("no zip").to_string();
        assert!(error.contains("10000 directories seem to end in it"), "{error}");
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
