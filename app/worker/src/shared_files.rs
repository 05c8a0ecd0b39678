//! The files that kept runs began with, under their SHA-256 in `runs/files/`: what several runs have is stored once. Which of
//! them a run has is said by the run; what no run has any more is removed.

use std::collections::BTreeSet;

use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder};
use crate::hash::sha256_hex_of_js;

/// Their folder, beside those of the runs.
const FILES: &str = "files";

/// A file that a run began with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SharedFile {
    /// As the person knows it.
    pub(crate) name: String,
    /// Lower-case hex.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// The folder of the files.
#[derive(Debug)]
pub(crate) struct SharedFiles(DiskFolder);

impl SharedFiles {
    /// The folder beside the `runs`; made if it is not there.
    pub(crate) async fn open(runs: &DiskFolder) -> Result<Self, DiskError> {
        Ok(Self(runs.folder(FILES).await?))
    }

    /// Stores a file, if it is not there as it is.
    pub(crate) async fn keep(&self, name: &str, bytes: &Uint8Array) -> Result<SharedFile, DiskError> {
        let sha256 = sha256_hex_of_js(bytes).await;
        let file = SharedFile { name: name.to_owned(), sha256, bytes: u64::from(bytes.length()) };
        let is_there = self.has(&file).await? && self.is_whole(&file).await?;
        if !is_there {
            self.0.write_js(&file.sha256, bytes).await?;
        }
        Ok(file)
    }

    /// Whether a file is there in its full size.
    pub(crate) async fn has(&self, file: &SharedFile) -> Result<bool, DiskError> {
        Ok(self.0.size(&file.sha256).await? == Some(file.bytes))
    }

    /// A whole file on JavaScript's heap.
    ///
    /// # Errors
    /// Also where it is not there, or is not what was written.
    pub(crate) async fn read(&self, file: &SharedFile) -> Result<Uint8Array, DiskError> {
        let bytes = self.0.read_js(&file.sha256).await?;
        if sha256_hex_of_js(&bytes).await != file.sha256 {
            return Err(DiskError::Damaged(format!("{} is not what was written", file.name)));
        }
        Ok(bytes)
    }

    /// Whether what is there under the hash of a file has that hash.
    async fn is_whole(&self, file: &SharedFile) -> Result<bool, DiskError> {
        Ok(sha256_hex_of_js(&self.0.read_js(&file.sha256).await?).await == file.sha256)
    }

    /// Removes all files but those with these hashes.
    pub(crate) async fn keep_only(&self, used: &BTreeSet<String>) -> Result<(), DiskError> {
        for name in self.0.names().await? {
            if !used.contains(&name) {
                self.0.remove(&name).await?;
            }
        }
        Ok(())
    }
}
