//! The tuned model as one download: a zip that is made while its weights are read from the device, and opened again, where it is, before
//! it is handed over.

use std::rc::Rc;

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::folder::{Folder, FolderError, FolderZip, ZipFiles};
use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::session::{GivenAnswers, SessionError};
use web_sys::Blob;

use crate::blob_file::BlobFile;
use crate::clock::now_ms;
use crate::device::wasm_bytes;
use crate::errors;
use crate::growing_blob::GrowingBlob;
use crate::outside_bytes::BlobBytes;
use crate::received::is_weights;

/// Bytes that the worker can address, less some for all else.
const ADDRESSABLE: u64 = (4 << 30) - (256 << 20);

/// Zips the files of a model, and opens the zip again where there are answers to compare. Gives it, and what there is to say of the
/// comparison; the page names it.
///
/// # Errors
/// When the device fails, a weight is not finite, or what was packed does not answer like the model in memory.
pub(crate) async fn zipped_and_checked(
    files: FileStream,
    given: Option<GivenAnswers>,
) -> Result<(Blob, String), Problem> {
    let zip = zipped(files).await?;
    let checked = match given {
        None => "It was not opened again and compared.".to_owned(),
        Some(given) => check(&zip, given).await?,
    };
    Ok((zip, checked))
}

async fn zipped(mut files: FileStream) -> Result<Blob, Problem> {
    let mut zip = FolderZip::new(GrowingBlob::default());
    while let Some(piece) = files.next_piece().await.map_err(|error| SessionError::from(error).problem())? {
        let added = match &piece {
            FilePiece::Begins { name, bytes } => zip.begin(name, *bytes),
            FilePiece::Bytes(bytes) => zip.append(bytes),
        };
        added.map_err(|error| not_packed(&error))?;
    }
    zip.finish().and_then(GrowingBlob::into_blob).map_err(|error| not_packed(&error))
}

/// Opens the zip, and compares its answers.
async fn check(zip: &Blob, given: GivenAnswers) -> Result<String, Problem> {
    let needed = given.bytes_to_open(zip.size() as u64);
    if wasm_bytes() + needed > ADDRESSABLE {
        let text = format!(
            "It was not opened again: that would need {} MB beside the model, more than this browser has left.",
            needed / 1_000_000
        );
        return Ok(text);
    }
    let found = given.compare(unzipped(zip)?, &now_ms).await;
    if found.is_alike {
        return Ok(format!("Opened again in {:.1} s: {}.", found.secs, found.text));
    }
    let message = format!("what was packed is not the model that was trained, so it is kept back: {}", found.text);
    Err(errors::problem(ProblemKind::Bug, message, "export it again; if this comes again, please report it"))
}

/// The files of the zip. Weights, which are packed as they are, stay in it; their checksums are compared here.
fn unzipped(zip: &Blob) -> Result<Folder, Problem> {
    let unread = |error: String| {
        let message = format!("what was packed can't be read, so it is kept back: {error}");
        errors::problem(ProblemKind::Bug, message, "export it again; if this comes again, please report it")
    };
    let read = |error: FolderError| unread(error.to_string());
    let file = BlobFile::open(zip.clone()).map_err(unread)?;
    let mut files = ZipFiles::open_if(file, ADDRESSABLE, |_, _| Ok::<(), FolderError>(())).map_err(read)?;
    let names: Vec<String> = files.files().map(|(name, _)| name.to_owned()).collect();
    let mut folder = Folder::new();
    for name in names {
        let Some(range) = files.range_of(&name).map_err(read)?.filter(|_| is_weights(&name)) else {
            let bytes = files.read(&name).map_err(read)?;
            folder.insert(name, bytes);
            continue;
        };
        let mut pieces = files.pieces(&name).map_err(read)?;
        while pieces.next_piece().map_err(read)?.is_some() {}
        let part = zip.slice_with_f64_and_f64(range.start as f64, range.end as f64);
        let part = part.map_err(|error| unread(errors::js_text(&error)))?;
        folder.insert_stored(name, Rc::new(BlobBytes::open(part).map_err(unread)?));
    }
    Ok(folder)
}

/// Why a zip could not be made.
pub(crate) fn not_packed(error: &std::io::Error) -> Problem {
    let message = format!("the file could not be packed: {error}");
    errors::problem(ProblemKind::Storage, message, "close other tabs, and try again")
}
