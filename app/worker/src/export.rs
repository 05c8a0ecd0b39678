//! The tuned model as one download.

use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::session::protocol::{NamedBlob, Reply};
use js_sys::Uint8Array;

/// Zips the folder and names it after the model.
pub(crate) fn zipped(folder: &Folder, source: &ModelSource) -> (Reply, Vec<Uint8Array>) {
    let zip = folder.to_zip();
    let file = NamedBlob { name: file_name(source), blob: 0 };
    (Reply::Exported { file }, vec![Uint8Array::from(zip.as_slice())])
}

/// The last part of the model's name, with what file systems refuse replaced.
fn file_name(source: &ModelSource) -> String {
    let name = source.name().rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let safe = safe.trim_matches(['-', '.']);
    format!("{}-tuned.zip", if safe.is_empty() { "model" } else { safe })
}
