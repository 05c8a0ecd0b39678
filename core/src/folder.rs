//! Named byte blobs: a Hugging Face folder, a checkpoint or an export, held in memory; large files may stay where they are (`stored`).
//!
//! In: whatever a driver read (files, OPFS, a zip). Out: whatever a driver writes. No IO happens here.

mod stored;
mod unzip;

use std::collections::{BTreeMap, btree_map};
use std::io::{self, Cursor, Seek, Write};
use std::iter::Map;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub use self::stored::StoredBytes;
use self::unzip::MAX_FILES;
pub(crate) use self::unzip::check_ends;
pub use self::unzip::{ZipFiles, ZipPieces};

/// Most bytes that a zip may unpack to.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// A zip that can't be taken for a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not a zip, cut off, or a file in it is damaged.
    #[error("the zip can't be read: it is damaged or cut off, or no zip ({0})")]
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

/// File name (with `/` for sub-folders) to content. A clone shares the contents. Files that stay where they are are found by
/// [`Self::stored`] alone: whatever else is said of files is said of those in memory.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    files: BTreeMap<String, Arc<Vec<u8>>>,
    /// Files that stay where they are; none of them is in memory, too.
    stored: BTreeMap<String, Rc<dyn StoredBytes>>,
}

impl Folder {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.insert_content(name.into(), Arc::new(bytes.into()));
    }

    fn insert_content(&mut self, name: String, content: Arc<Vec<u8>>) {
        self.stored.remove(&name);
        self.files.insert(name, content);
    }

    /// Adds or replaces a file by one of another folder, whose content both share; whether that is there.
    pub fn insert_shared(&mut self, name: impl Into<String>, other: &Self, other_name: &str) -> bool {
        if let Some(bytes) = other.stored.get(other_name) {
            self.insert_stored(name, Rc::clone(bytes));
            return true;
        }
        let content = other.files.get(other_name);
        content.map(|content| self.insert_content(name.into(), Arc::clone(content))).is_some()
    }

    /// Adds or replaces a file by one that stays where it is.
    pub fn insert_stored(&mut self, name: impl Into<String>, bytes: Rc<dyn StoredBytes>) {
        let name = name.into();
        self.files.remove(&name);
        self.stored.insert(name, bytes);
    }

    /// The content of `name`, if it is there, and in memory.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|content| content.as_slice())
    }

    /// A file that stays where it is, with its name.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<(&str, &dyn StoredBytes)> {
        self.stored.get_key_value(name).map(|(name, bytes)| (name.as_str(), &**bytes))
    }

    /// A file as one that stays where it is; of one in memory the content is shared.
    #[must_use]
    pub fn share(&self, name: &str) -> Option<Rc<dyn StoredBytes>> {
        let in_memory = |content: &Arc<Vec<u8>>| Rc::new(Arc::clone(content)) as Rc<dyn StoredBytes>;
        self.stored.get(name).cloned().or_else(|| self.files.get(name).map(in_memory))
    }

    /// Whether there is a file of this name, in memory or elsewhere.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.stored.contains_key(name)
    }

    /// Size of a file in bytes, in memory or elsewhere.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<u64> {
        let elsewhere = || self.stored.get(name).map(|bytes| bytes.num_bytes());
        self.files.get(name).map(|content| content.len() as u64).or_else(elsewhere)
    }

    /// Some bytes of a file, in memory or elsewhere.
    ///
    /// # Errors
    /// When there is no such file, or the bytes can't be read.
    pub fn read(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        match (self.stored.get(name), self.files.get(name)) {
            (Some(bytes), _) => bytes.read(range),
            (None, Some(content)) => StoredBytes::read(&**content, range),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The names of all files, those in memory first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().chain(self.stored.keys()).map(String::as_str)
    }

    /// Takes a file out of memory; copies it where another folder shares it.
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

    /// Names and contents of the files in memory, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Sum of all file sizes in bytes, also of those that stay where they are.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.names().filter_map(|name| self.size(name)).sum()
    }

    /// Bytes of memory that the files in it have, which may be more than is in them.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.files.values().map(|content| content.capacity() as u64).sum()
    }

    /// The folder as a zip: weights stored (they do not compress), everything else deflated, every date 1980-01-01, so
    /// that the same folder gives the same bytes.
    #[must_use]
    pub fn to_zip(&self) -> Vec<u8> {
        // A zip that grows is copied, and weights take what they take.
        let taken = |(name, bytes): (&str, &[u8])| if is_stored(name) { bytes.len() } else { bytes.len() / 8 };
        let capacity = self.iter().map(taken).sum::<usize>() + 1024;
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
    fn from_zip_if<E: From<FolderError>>(
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
    fn append_folder(&mut self, folder: &Folder) -> io::Result<()> {
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
        let files = iter.into_iter().map(|(name, bytes)| (name, Arc::new(bytes))).collect();
        Self { files, stored: BTreeMap::new() }
    }
}

/// Files that stay where they are are the same only where they are one.
impl PartialEq for Folder {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.stored.iter().zip(&other.stored);
        self.files == other.files
            && self.stored.len() == other.stored.len()
            && pairs.all(|((name, file), (other_name, other))| {
                name == other_name && std::ptr::addr_eq(Rc::as_ptr(file), Rc::as_ptr(other))
            })
    }
}

impl Eq for Folder {}

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
    fn a_file_lies_in_memory_or_elsewhere_and_clones_share_it_there_too() {
        let mut folder = example();
        folder.insert_stored("model.safetensors", Rc::new(vec![7_u8; 5000]));
        assert!(folder.has("model.safetensors") && folder.get("model.safetensors").is_none());
        assert_eq!((folder.total_bytes(), folder.iter().count(), folder.names().count()), (6002, 3, 4));
        let copy = folder.clone();
        assert!(copy == folder && folder != example());
        let (name, bytes) = copy.stored("model.safetensors").expect("it was put there");
        let part = bytes.read(4998..5000).expect("it is there");
        assert_eq!((name, bytes.num_bytes(), part), ("model.safetensors", 5000, vec![7, 7]));
        assert!(bytes.read(4999..5001).is_err(), "it has no more");
        let mut other = Folder::new();
        assert!(other.insert_shared("good.safetensors", &folder, "model.safetensors"));
        assert!(other.stored("good.safetensors").is_some());
        folder.insert("model.safetensors", vec![7; 3000]);
        assert_eq!(folder, example(), "it came in the place of the other");
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
