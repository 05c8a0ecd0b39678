//! Bytes that stay where they are, such as a file of a disk: a part of them is read when it is needed, so that they never lie in
//! memory as a whole.
//!
//! A driver says how they are read. That takes the time of a disk, and nothing else is done meanwhile.

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// A file that is read a part at a time. Its bytes are to stay the same while it is in use: a read that finds them gone fails.
pub trait StoredBytes: Debug {
    /// Bytes of the file.
    fn num_bytes(&self) -> u64;

    /// All bytes of a range.
    ///
    /// # Errors
    /// When they can't be read, or some of them are not there.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>>;
}

/// A file that lies in memory after all, and that others share.
impl StoredBytes for Arc<Vec<u8>> {
    fn num_bytes(&self) -> u64 {
        (**self).num_bytes()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        StoredBytes::read(&**self, range)
    }
}

/// A file that lies in memory after all.
impl StoredBytes for Vec<u8> {
    fn num_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let end = |byte: u64| usize::try_from(byte).ok();
        let part = end(range.start).zip(end(range.end)).and_then(|(start, end)| self.get(start..end));
        part.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
