//! Where a seek leads. In: how it is asked for, the position in a file and the file's length. Out: the position after it.

use std::io::{self, SeekFrom};

/// The position that is asked for, which may lie past the end.
///
/// # Errors
/// When it lies before the beginning.
pub(crate) fn position_after(to: SeekFrom, position: u64, length: u64) -> io::Result<u64> {
    let sought = match to {
        SeekFrom::Start(position) => Some(position),
        SeekFrom::End(offset) => length.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    };
    sought.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
