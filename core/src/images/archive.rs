//! A zip of images: its files by their index, read one at a time out of bytes that are not copied; and files packed as one.
//!
//! In: bytes that a person dropped, which may be damaged or made to do harm. Out: the names of the files in them, and the
//! bytes of one file, or why it can't be read. Names are shown and compared only: nothing is ever written under them.

use std::collections::HashSet;
use std::fmt::{Debug, Formatter};
use std::io::{self, Cursor, Read, Seek, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::file_signature::Signature;
use crate::folder::check_ends;
use crate::words::count;

/// Most entries of a zip.
const MAX_ENTRIES: usize = 200_000;

/// Most bytes that one file of a zip unpacks to.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Bytes that are made room for before a file is read: the size that a zip claims for it may be wrong.
const MAX_CLAIMED: u64 = 1 << 20;

/// Bytes that can't be used as a zip of images.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Something else.
    #[error("the file is no zip: it looks like {kind}")]
    NotZip {
        /// What it looks like, and what to do.
        kind: &'static str,
    },
    /// A zip that is cut off or damaged.
    #[error("the zip can't be read, it is damaged or cut off: {0}")]
    Malformed(#[source] ZipError),
    /// More than can be handled.
    #[error("the zip has {} entries, at most {} are read", count(*.found), count(MAX_ENTRIES))]
    TooManyEntries {
        /// How many there are.
        found: usize,
    },
}

/// Why one file of a zip can't be read: a reason that goes on after the file's name.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It needs a password.
    #[error("is encrypted: pack the zip without a password")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("is packed in a way that is not read: pack the zip as other programs do (deflate)")]
    Unsupported,
    /// It unpacks to more than is read.
    #[error("unpacks to more than {} MiB", MAX_FILE_BYTES >> 20)]
    TooLarge,
    /// What the zip says of it is wrong.
    #[error("can't be found in the zip: {0}")]
    Malformed(#[source] ZipError),
    /// Its bytes are wrong.
    #[error("is damaged in the zip: {0}")]
    Damaged(#[source] io::Error),
}

/// A zip, with the bytes that it was opened from. A clone shares what was read of its directory.
#[derive(Clone)]
pub struct Archive<B> {
    zip: ZipArchive<Cursor<B>>,
}

impl<B: AsRef<[u8]> + Clone> Archive<B> {
    /// Reads the directory of a zip.
    ///
    /// # Errors
    /// When the bytes are no zip, or one that is damaged or has too many entries.
    pub fn open(bytes: B) -> Result<Self, ArchiveError> {
        Self::open_within(bytes, MAX_ENTRIES)
    }

    fn open_within(bytes: B, max_entries: usize) -> Result<Self, ArchiveError> {
        if let Some(kind) = kind_of_other(bytes.as_ref()) {
            return Err(ArchiveError::NotZip { kind });
        }
        check_ends(bytes.as_ref()).map_err(ArchiveError::Malformed)?;
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(ArchiveError::Malformed)?;
        if zip.len() > max_entries {
            return Err(ArchiveError::TooManyEntries { found: zip.len() });
        }
        Ok(Self { zip })
    }

    /// Index and name of every file in the order of the zip, without folders; names as they stand in it.
    pub fn files(&self) -> impl Iterator<Item = (usize, &str)> {
        let names = (0..self.zip.len()).filter_map(|index| Some((index, self.zip.name_for_index(index)?)));
        names.filter(|(_, name)| !name.ends_with(['/', '\\']))
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// When it is encrypted, packed in another way, too large or damaged.
    pub fn read(&self, index: usize) -> Result<Vec<u8>, EntryError> {
        self.read_within(index, MAX_FILE_BYTES)
    }

    fn read_within(&self, index: usize, limit: u64) -> Result<Vec<u8>, EntryError> {
        let mut zip = self.zip.clone();
        let mut file = zip.by_index(index).map_err(|error| match error {
            ZipError::UnsupportedArchive(reason) if reason == ZipError::PASSWORD_REQUIRED => EntryError::Encrypted,
            ZipError::UnsupportedArchive(_) => EntryError::Unsupported,
            error => EntryError::Malformed(error),
        })?;
        let claimed = file.size().min(limit).min(MAX_CLAIMED);
        let mut bytes = Vec::with_capacity(claimed as usize);
        // The size in the header is a claim: read at most one byte more than is allowed.
        file.by_ref().take(limit + 1).read_to_end(&mut bytes).map_err(EntryError::Damaged)?;
        if bytes.len() as u64 > limit { Err(EntryError::TooLarge) } else { Ok(bytes) }
    }
}

impl<B> Debug for Archive<B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").finish_non_exhaustive()
    }
}

/// What bytes are that are plainly no zip.
fn kind_of_other(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("nothing, it is empty");
    }
    if bytes.starts_with(b"PK") {
        return None;
    }
    let kind = match Signature::of(bytes) {
        Some(Signature::Image) => {
            "an image; put images into a folder for each label, and drop the folders or a zip of them"
        }
        Some(Signature::Gzip | Signature::Bzip2 | Signature::Xz | Signature::Zstandard) => {
            "an archive of another kind; unpack it, and pack the folders as a zip"
        }
        Some(Signature::Pdf) => "a PDF",
        Some(Signature::OldWorkbook) => "an old Excel workbook",
        Some(Signature::Parquet | Signature::Arrow | Signature::Sqlite) => {
            "a table; save the images as files, in a folder for each label"
        }
        Some(Signature::LfsPointer) => "a Git LFS pointer and not the file itself; fetch it with git lfs pull",
        Some(Signature::WebPage) => "a web page; is the address right, and did the download need a log-in?",
        Some(Signature::Xml) => "XML",
        Some(Signature::Zip) => return None,
        None if is_text(bytes) => {
            "a text or a table alone; give the folder that holds the table and its images, or a zip of it"
        }
        None => "something else; pack folders of images as a zip",
    };
    Some(kind)
}

fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(512)];
    // A letter may be cut in two at the end of these.
    !start.contains(&0) && std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// A zip of images that is written a file at a time, so that no more than one of them need be held beside it. Files are stored as they
/// are: images do not shrink. A path that stood before gets a number. The same files give the same bytes.
pub struct ImageZip<W: Write + Seek> {
    writer: ZipWriter<W>,
    paths: HashSet<String>,
}

impl<W: Write + Seek> ImageZip<W> {
    /// A zip without files, written to `to`.
    pub fn new(to: W) -> Self {
        Self { writer: ZipWriter::new(to), paths: HashSet::new() }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When its path has more than 65,535 bytes, or the bytes can't be written.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = unique(path, &mut self.paths);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644)
            .large_file(u32::try_from(bytes.len()).is_err());
        self.writer.start_file(path.as_str(), options)?;
        self.writer.write_all(bytes)
    }

    /// Closes the zip.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.writer.finish()?)
    }
}

impl ImageZip<Cursor<Vec<u8>>> {
    /// A zip in memory, with room for files of these paths that have so many bytes in all.
    pub fn with_room<'p>(paths: impl Iterator<Item = &'p str>, num_bytes: u64) -> Self {
        let room = num_bytes + paths.map(|path| 2 * path.len() as u64 + 128).sum::<u64>();
        Self::new(Cursor::new(Vec::with_capacity(usize::try_from(room).unwrap_or_default())))
    }
}

impl<W: Write + Seek> Debug for ImageZip<W> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageZip").field("num_files", &self.paths.len()).finish_non_exhaustive()
    }
}

/// Packs files that lie in memory as an [`ImageZip`].
///
/// # Panics
/// When a path has more than 65,535 bytes.
#[must_use]
pub fn pack_zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let num_bytes = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let mut zip = ImageZip::with_room(files.iter().map(|(path, _)| path.as_str()), num_bytes);
    for (path, bytes) in files {
        zip.add(path, bytes).expect("paths are short and unique, and memory does not fail");
    }
    zip.finish().expect("memory does not fail").into_inner()
}

/// The path, with a number before its ending where it is taken.
fn unique(path: &str, taken: &mut HashSet<String>) -> String {
    let name_start = path.rfind('/').map_or(0, |slash| slash + 1);
    let ending = path[name_start..].rfind('.').filter(|&dot| dot > 0).map_or(path.len(), |dot| name_start + dot);
    let mut found = path.to_owned();
    let mut number = 2;
    while !taken.insert(found.clone()) {
        found = format!("{} ({number}){}", &path[..ending], &path[ending..]);
        number += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Vec<u8> {
        let file = |path: &str, bytes: &[u8]| (path.to_owned(), bytes.to_vec());
        pack_zip(&[file("circle/1.png", b"one"), file("square/2.png", b"two"), file("circle/1.png", b"three")])
    }

    fn open(bytes: Vec<u8>) -> Archive<Vec<u8>> {
        Archive::open(bytes).expect("a zip")
    }

    /// Sets bytes at an offset of the local header of the first file and of its entry in the directory.
    fn patch(bytes: &mut [u8], in_local: usize, in_directory: usize, with: &[u8]) {
        let find = |bytes: &[u8], sought: &[u8]| bytes.windows(4).position(|four| four == sought).expect("a zip");
        for (at, offset) in [(find(bytes, b"PK\x03\x04"), in_local), (find(bytes, b"PK\x01\x02"), in_directory)] {
            bytes[at + offset..at + offset + with.len()].copy_from_slice(with);
        }
    }

    #[test]
    fn files_come_back_under_their_paths_and_a_path_that_stands_twice_gets_a_number() {
        let archive = open(example());
        let files: Vec<(usize, &str)> = archive.files().collect();
        assert_eq!(files, [(0, "circle/1.png"), (1, "square/2.png"), (2, "circle/1 (2).png")]);
        assert_eq!([0, 1, 2].map(|index| archive.read(index).expect("stored")), [&b"one"[..], b"two", b"three"]);
        assert_eq!(example(), example());
        assert_eq!(open(pack_zip(&[])).files().count(), 0);
    }

    #[test]
    fn a_zip_in_memory_has_the_room_it_needs_from_the_start() {
        let (paths, file) = (["circle/1.png", "square/2.png", "circle/1.png"], vec![7_u8; 100_000]);
        let mut zip = ImageZip::with_room(paths.into_iter(), 300_000);
        for path in paths {
            zip.add(path, &file).expect("memory does not fail");
        }
        let bytes = zip.finish().expect("memory does not fail").into_inner();
        let most = 300_000 + paths.map(|path| 2 * path.len() + 128).iter().sum::<usize>();
        assert!(bytes.len() <= most && bytes.capacity() <= most, "{} of {most} bytes", bytes.capacity());
        assert_eq!(open(bytes).read(2).expect("it is stored"), file);
    }

    #[test]
    fn folders_are_no_files() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_directory("circle", SimpleFileOptions::default()).expect("a new name");
        writer.start_file("circle/1.png", SimpleFileOptions::default()).expect("a new name");
        let archive = open(writer.finish().expect("memory").into_inner());
        assert_eq!(archive.files().collect::<Vec<_>>(), [(1, "circle/1.png")]);
    }

    #[test]
    fn what_is_no_zip_says_what_it_is() {
        let error = |bytes: &[u8]| Archive::open(bytes.to_vec()).expect_err("no zip").to_string();
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "an image; put"),
            (b"\x1F\x8B\x08\0", "an archive of another kind"),
            (b"file_name,label\n1.png,a\n", "a text or a table alone; give the folder that holds the table"),
            (b"", "nothing, it is empty"),
            (b"\0\0\0\0\0\0", "something else"),
        ] {
            let found = error(bytes);
            assert!(found.starts_with(&format!("the file is no zip: it looks like {kind}")), "{found}");
        }
        let mut cut = example();
        cut.truncate(cut.len() - 30);
        assert!(error(&cut).starts_with("the zip can't be read, it is damaged or cut off: "), "{}", error(&cut));
    }

    #[test]
    fn more_entries_than_are_read_are_refused() {
        assert!(matches!(Archive::open_within(example(), 2), Err(ArchiveError::TooManyEntries { found: 3 })));
        assert!(Archive::open_within(example(), 3).is_ok());
    }

    #[test]
    fn a_file_unpacks_to_no_more_than_the_limit_whatever_it_claims() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("zeros", SimpleFileOptions::default()).expect("a new name");
        writer.write_all(&vec![0; 1 << 20]).expect("memory");
        let mut bytes = writer.finish().expect("memory").into_inner();
        assert!(bytes.len() < 1 << 14);
        for claimed in [u32::to_le_bytes(1 << 20), u32::to_le_bytes(5), u32::to_le_bytes(0xFFFF_FFF0)] {
            patch(&mut bytes, 22, 24, &claimed);
            let archive = open(bytes.clone());
            assert!(matches!(archive.read_within(0, (1 << 20) - 1), Err(EntryError::TooLarge)), "{claimed:?}");
            assert_eq!(archive.read(0).expect("it is not too large").len(), 1 << 20);
        }
    }

    #[test]
    fn a_file_that_can_not_be_read_is_an_error_of_its_own() {
        let mut encrypted = example();
        patch(&mut encrypted, 6, 8, &[1, 0]);
        let archive = open(encrypted);
        assert!(matches!(archive.read(0), Err(EntryError::Encrypted)));
        assert_eq!(archive.read(1).expect("the others are there"), b"two");
        let mut packed = example();
        patch(&mut packed, 8, 10, &[12, 0]);
        assert!(matches!(open(packed).read(0), Err(EntryError::Unsupported)));
        let mut damaged = example();
        let at = damaged.windows(3).position(|three| three == b"one").expect("stored");
        damaged[at] ^= 1;
        assert!(matches!(open(damaged).read(0), Err(EntryError::Damaged(_))), "its check sum is wrong");
        assert!(matches!(open(example()).read(9), Err(EntryError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn damaged_zips_never_panic(at in 0_usize..400, byte in any::<u8>()) {
            let mut bytes = example();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(archive) = Archive::open(bytes) {
                for (index, _) in archive.files() {
                    let _ = archive.read(index);
                }
            }
        }
    }
}
