//! The tuned model, or any files, as one download: a zip that is made while its weights are read from the device.

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::folder::FolderZip;
use hone_core::session::SessionError;
use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::Uint8Array;

use crate::errors;
use crate::heap_file::HeapFile;

/// Zips files; the page names it. Gives its parts, one after the other.
///
/// # Errors
/// When the device fails, or a weight is not finite.
pub(crate) async fn zipped(mut files: FileStream) -> Result<Vec<Uint8Array>, Problem> {
    let mut zip = FolderZip::new(HeapFile::default());
    while let Some(piece) = files.next_piece().await.map_err(|error| SessionError::from(error).problem())? {
        let added = match &piece {
            FilePiece::Begins { name, bytes } => zip.begin(name, *bytes),
            FilePiece::Bytes(bytes) => zip.append(bytes),
        };
        added.map_err(|error| not_packed(&error))?;
    }
    Ok(zip.finish().map_err(|error| not_packed(&error))?.into_parts())
}

/// Why a zip could not be made.
pub(crate) fn not_packed(error: &std::io::Error) -> Problem {
    let message = format!("the file could not be packed: {error}");
    errors::problem(ProblemKind::Storage, message, "close other tabs, and try again")
}
