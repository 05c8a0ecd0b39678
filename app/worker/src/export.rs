//! The tuned model as one download: a zip that is made while its weights are read from the device, and opened again before it is
//! handed over.

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::folder::{Folder, FolderError, FolderZip, ZipFiles};
use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::session::{GivenAnswers, SessionError};
use js_sys::Uint8Array;

use crate::clock::now_ms;
use crate::device::wasm_bytes;
use crate::errors;
use crate::heap_file::HeapFile;

/// Bytes that the worker can address, less some for all else.
const ADDRESSABLE: u64 = (4 << 30) - (256 << 20);

/// Zips the files of a model, and opens the zip again where there are answers to compare. Gives its parts, one after the other, and
/// what there is to say of the comparison; the page names it.
///
/// # Errors
/// When the device fails, a weight is not finite, or what was packed does not answer like the model in memory.
pub(crate) async fn zipped_and_checked(
    files: FileStream,
    given: Option<GivenAnswers>,
) -> Result<(Vec<Uint8Array>, String), Problem> {
    let zip = zipped(files).await?;
    let (zip, checked) = match given {
        None => (zip, "It was not opened again and compared.".to_owned()),
        Some(given) => check(zip, given).await?,
    };
    Ok((zip.into_parts(), checked))
}

async fn zipped(mut files: FileStream) -> Result<HeapFile, Problem> {
    let mut zip = FolderZip::new(HeapFile::default());
    while let Some(piece) = files.next_piece().await.map_err(|error| SessionError::from(error).problem())? {
        let added = match &piece {
            FilePiece::Begins { name, bytes } => zip.begin(name, *bytes),
            FilePiece::Bytes(bytes) => zip.append(bytes),
        };
        added.map_err(|error| not_packed(&error))?;
    }
    zip.finish().map_err(|error| not_packed(&error))
}

/// Opens the zip, and compares its answers.
async fn check(zip: HeapFile, given: GivenAnswers) -> Result<(HeapFile, String), Problem> {
    let needed = given.bytes_to_open(zip.num_bytes());
    if wasm_bytes() + needed > ADDRESSABLE {
        let text = format!(
            "It was not opened again: that would need {} MB beside the model, more than this browser has left.",
            needed / 1_000_000
        );
        return Ok((zip, text));
    }
    let (folder, zip) = unzipped(zip)?;
    let found = given.compare(folder, &now_ms).await;
    if found.is_alike {
        return Ok((zip, format!("Opened again in {:.1} s: {}.", found.secs, found.text)));
    }
    let message = format!("what was packed is not the model that was trained, so it is kept back: {}", found.text);
    Err(errors::problem(ProblemKind::Bug, message, "export it again; if this comes again, please report it"))
}

/// All files of the zip, and the zip.
fn unzipped(zip: HeapFile) -> Result<(Folder, HeapFile), Problem> {
    let read = |error: FolderError| {
        let message = format!("what was packed can't be read, so it is kept back: {error}");
        errors::problem(ProblemKind::Bug, message, "export it again; if this comes again, please report it")
    };
    let mut files = ZipFiles::open_if(zip, ADDRESSABLE, |_, _| Ok::<(), FolderError>(())).map_err(read)?;
    let names: Vec<String> = files.files().map(|(name, _)| name.to_owned()).collect();
    let mut folder = Folder::new();
    for name in names {
        let bytes = files.read(&name).map_err(read)?;
        folder.insert(name, bytes);
    }
    Ok((folder, files.into_inner()))
}

/// Why a zip could not be made.
pub(crate) fn not_packed(error: &std::io::Error) -> Problem {
    let message = format!("the file could not be packed: {error}");
    errors::problem(ProblemKind::Storage, message, "close other tabs, and try again")
}
