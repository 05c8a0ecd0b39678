//! The tuned model as one download.

use hone_core::folder::Folder;
use hone_core::session::protocol::Reply;
use js_sys::Uint8Array;

/// Zips the folder; the page names it.
pub(crate) fn zipped(folder: &Folder) -> (Reply, Vec<Uint8Array>) {
    let zip = folder.to_zip();
    (Reply::Exported { blob: 0 }, vec![Uint8Array::from(zip.as_slice())])
}
