//! Which files are for this task.

use crate::task::guess::is_plain_text;

/// Whether a file is a plain text.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    is_plain_text(name, bytes)
}
