//! A large file that stays on the disk: what needs some of its bytes reads them there, so that it never lies in memory as a whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use hone_core::folder::StoredBytes;

use crate::failure::io_error;
use crate::output::size_of;

/// A file that is kept open, so that it stays the same where another one is put in its place.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    bytes: u64,
}

impl DiskFile {
    /// Opens a file, of which nothing is read yet; `doing` says for what, in errors.
    ///
    /// # Errors
    /// `can't {doing}: reason: path`.
    pub(crate) fn open(doing: &str, path: &Path) -> anyhow::Result<Self> {
        let bytes = size_of(doing, path)?;
        let file = File::open(path).map_err(|e| io_error(doing, &e, path))?;
        Ok(Self { file, bytes })
    }
}

impl StoredBytes for DiskFile {
    fn num_bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let length = range.end.saturating_sub(range.start);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        file.take(length).read_to_end(&mut bytes)?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut while it was open")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_also_of_a_file_that_another_one_took_the_place_of() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&path, b"0123456789").expect("writes");
        let file = DiskFile::open("read it", &path).expect("it is there");
        assert_eq!(file.num_bytes(), 10);
        assert_eq!(file.read(7..10).expect("it is whole"), b"789");
        assert_eq!(file.read(2..4).expect("it is whole"), b"23");
        assert_eq!(file.read(5..5).expect("nothing"), b"");
        assert!(file.read(8..11).is_err(), "there are no more");
        std::fs::write(&other, b"another one").expect("writes");
        if std::fs::rename(&other, &path).is_ok() {
            assert_eq!(file.read(0..3).expect("it is still open"), b"012");
        }
        let message = DiskFile::open("read it", dir.path()).expect_err("a folder").to_string();
        assert!(message.starts_with("can't read it: it is a folder"), "{message}");
    }
}
