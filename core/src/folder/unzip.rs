//! A zip that is unpacked a file at a time, each in pieces, with limits that are checked before anything is unpacked.
//!
//! In: whatever can be read and sought in, such as bytes, or a file that stays where it is. Out: names and sizes, and of each file
//! its bytes as they are pulled.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use zip::read::ZipFile;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::{FolderError, MAX_UNPACKED_BYTES};

/// Most files that a zip may hold.
pub(super) const MAX_FILES: usize = 10_000;

/// Ends of a directory that may stand in a zip: its own, and those of zips (or office documents) that are stored in it.
const MAX_ENDS: u64 = 4096;

/// Most bytes that may be looked through for all of them: 64 times the largest zip.
const MAX_SEARCHED_BYTES: u64 = 64 * MAX_UNPACKED_BYTES;

/// Bytes that are looked through at once for them.
const SEARCHED_AT_ONCE: usize = 1 << 16;

/// Bytes that deflate makes of one, at most.
const MOST_OF_A_BYTE: u64 = 1032;

/// Bytes of a piece of a file in a zip, at most.
const PIECE_BYTES: u64 = 8 << 20;

/// A zip whose files are unpacked one at a time, each in pieces: neither the zip nor any file of it has to lie in memory.
pub struct ZipFiles<R: Read + Seek> {
    archive: ZipArchive<R>,
    /// Index in the zip and size of each file, by its name.
    files: BTreeMap<String, (usize, u64)>,
}

impl<R: Read + Seek> ZipFiles<R> {
    /// Looks through the directory of a zip, whose files may have `limit` bytes together. `check` is asked about the name of each
    /// file and the size that the zip claims for it; nothing is unpacked.
    ///
    /// # Errors
    /// When it is no zip, holds a path that leaves the folder, claims too much, and what `check` says.
    pub fn open_if<E: From<FolderError>>(
        mut reader: R,
        limit: u64,
        check: impl Fn(&str, u64) -> Result<(), E>,
    ) -> Result<Self, E> {
        check_ends_in(&mut reader).map_err(FolderError::from)?;
        let mut archive = ZipArchive::new(reader).map_err(FolderError::from)?;
        if archive.len() > MAX_FILES {
            return Err(FolderError::TooManyFiles { found: archive.len() }.into());
        }
        let (mut files, mut claimed) = (BTreeMap::new(), 0_u64);
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(FolderError::from)?;
            let (name, size) = (file.name(), file.size());
            if !stays_inside(name) || file.is_symlink() {
                return Err(FolderError::UnsafePath { name: name.to_owned() }.into());
            }
            if !file.is_dir() {
                claimed = claimed.saturating_add(size);
                if claimed > limit {
                    return Err(FolderError::TooLarge { limit }.into());
                }
                check(name, size)?;
                files.insert(name.to_owned(), (index, size));
            }
        }
        Ok(Self { archive, files })
    }

    /// Names and sizes of the files, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(name, (_, bytes))| (name.as_str(), *bytes))
    }

    /// Whether there is a file of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Where in the zip the bytes of a file lie, which is packed as it is; `None` of another.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn range_of(&mut self, name: &str) -> Result<Option<Range<u64>>, FolderError> {
        let &(index, bytes) = self.files.get(name).ok_or(ZipError::FileNotFound)?;
        let file = self.archive.by_index_raw(index)?;
        let is_plain = file.compression() == CompressionMethod::Stored && file.compressed_size() == bytes;
        let start = file.data_start();
        Ok((is_plain && !file.encrypted()).then(|| start..start + bytes))
    }

    /// A file, which is unpacked as its pieces are pulled.
    ///
    /// # Errors
    /// When it is not there, or packed in a way that this build does not know.
    pub fn pieces(&mut self, name: &str) -> Result<ZipPieces<'_, R>, FolderError> {
        let &(index, bytes) = self.files.get(name).ok_or(ZipError::FileNotFound)?;
        Ok(ZipPieces { name: name.to_owned(), bytes, done: 0, file: self.archive.by_index(index)? })
    }

    /// What it was read from.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.archive.into_inner()
    }

    /// A whole file.
    ///
    /// # Errors
    /// As [`Self::pieces`] and [`ZipPieces::next_piece`].
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>, FolderError> {
        let mut pieces = self.pieces(name)?;
        let mut content = Vec::new();
        while let Some(piece) = pieces.next_piece()? {
            if content.is_empty() {
                content = piece;
                // A zip may claim more than there is room for: then it grows as the bytes come.
                let _ = content.try_reserve_exact(usize::try_from(pieces.estimate_rest()).unwrap_or(0));
            } else {
                content.extend_from_slice(&piece);
            }
        }
        Ok(content)
    }
}

/// A file of a zip, as it is unpacked.
pub struct ZipPieces<'a, R: Read + Seek> {
    name: String,
    /// What the zip claims, and what came of it.
    bytes: u64,
    done: u64,
    file: ZipFile<'a, R>,
}

impl<R: Read + Seek> ZipPieces<'_, R> {
    /// Bytes to make room for after the first piece: what the zip claims, but no more than its packed bytes can hold.
    fn estimate_rest(&self) -> u64 {
        let is_whole = self.done < PIECE_BYTES;
        let credible = self.file.compressed_size().saturating_mul(MOST_OF_A_BYTE);
        if is_whole { 0 } else { self.bytes.min(credible).saturating_sub(self.done) }
    }

    /// The next bytes, eight megabytes at most; `None` after the last.
    ///
    /// # Errors
    /// When the file is damaged, or has not the size that the zip claims.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, FolderError> {
        let most = PIECE_BYTES.min(self.bytes.saturating_sub(self.done) + 1);
        let mut piece = Vec::new();
        let read = self.file.by_ref().take(most).read_to_end(&mut piece);
        self.done += piece.len() as u64;
        let is_over = piece.is_empty() && self.done == self.bytes;
        let read = read.and_then(|_| match is_over || !piece.is_empty() && self.done <= self.bytes {
            true => Ok(()),
            false => Err(io::Error::other("it has not the size that the zip says")),
        });
        read.map_err(|source| FolderError::Damaged { name: self.name.clone(), source })?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// Refuses bytes in which many directories seem to end. The `zip` crate tries one after the other, from the last to the first,
/// and may look through all bytes before it for each.
///
/// # Errors
/// When there are too many.
pub(crate) fn check_ends(bytes: &[u8]) -> Result<(), ZipError> {
    check_ends_in(&mut Cursor::new(bytes))
}

/// As [`check_ends`], of what is read a part at a time.
fn check_ends_in(reader: &mut (impl Read + Seek)) -> Result<(), ZipError> {
    reader.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; SEARCHED_AT_ONCE];
    let (mut num_ends, mut num_bytes, mut kept) = (0_u64, 0_u64, 0);
    loop {
        let read = match reader.read(&mut buffer[kept..]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        num_bytes += read as u64;
        let filled = kept + read;
        num_ends += buffer[..filled].windows(4).filter(|four| four == b"PK\x05\x06").count() as u64;
        // The last three bytes may begin one.
        kept = filled.min(3);
        buffer.copy_within(filled - kept..filled, 0);
    }
    if num_ends <= MAX_ENDS && num_ends.saturating_mul(num_bytes) <= MAX_SEARCHED_BYTES {
        return Ok(());
    }
    Err(ZipError::InvalidArchive(format!("{num_ends} directories seem to end in it").into()))
}

/// Relative, with `/`, no `.` or `..`, no drive letter.
fn stays_inside(name: &str) -> bool {
    let path = name.strip_suffix('/').unwrap_or(name);
    !path.contains(['\\', ':', '\0']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::super::Folder;
    use super::*;

    #[test]
    fn a_file_of_a_zip_comes_in_pieces_and_is_no_larger_than_it_claims() {
        let num_bytes = 2 * usize::try_from(PIECE_BYTES).expect("fits") + 5;
        let mut folder = Folder::new();
        folder.insert("config.json", "{}".repeat(500));
        folder.insert("empty.txt", "");
        folder.insert("large.safetensors", (0..num_bytes).map(|index| index as u8).collect::<Vec<_>>());
        let zip = folder.to_zip();
        let mut files = ZipFiles::open_if(Cursor::new(&zip), 1 << 30, |_, _| Ok::<(), FolderError>(())).expect("a zip");
        assert_eq!(files.files().count(), 3);
        let mut pieces = files.pieces("large.safetensors").expect("is there");
        let sizes = std::iter::from_fn(|| pieces.next_piece().expect("whole")).map(|piece| piece.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [PIECE_BYTES as usize, PIECE_BYTES as usize, 5]);
        drop(pieces);
        assert_eq!(files.read("large.safetensors").ok().as_deref(), folder.get("large.safetensors"));
        assert_eq!(files.read("empty.txt").expect("whole"), Vec::<u8>::new());
        let range = files.range_of("large.safetensors").expect("is there").expect("weights are packed as they are");
        assert_eq!(zip.get(range.start as usize..range.end as usize), folder.get("large.safetensors"));
        assert!(files.range_of("config.json").expect("is there").is_none() && files.range_of("missing").is_err());
        assert!(files.read("missing").is_err());
        files.files.insert("config.json".into(), (files.files["config.json"].0, 999));
        for claimed in [999, 1 << 40] {
            files.files.insert("config.json".into(), (files.files["config.json"].0, claimed));
            let error = files.read("config.json").expect_err("it has 1000").to_string();
            assert!(error.contains("it has not the size that the zip says"), "{error}");
        }
    }

    #[test]
    fn ends_are_counted_across_the_parts_in_which_a_zip_is_read() {
        for before in [SEARCHED_AT_ONCE - 4, SEARCHED_AT_ONCE - 2, SEARCHED_AT_ONCE - 1, SEARCHED_AT_ONCE] {
            let bytes = [vec![0; before], b"PK\x05\x06".repeat(5000)].concat();
            let error = check_ends(&bytes).expect_err("too many").to_string();
            assert!(error.contains("5000 directories seem to end in it"), "{error}");
        }
    }
}
