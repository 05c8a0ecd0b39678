//! The files that kept runs began with, under their SHA-256 in `runs/files/`: what several runs have is stored once. Which of
//! them a run has is said by the run; what no run has any more is removed.

use std::collections::BTreeSet;

use hone_core::hub::Sha256Pieces;
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder, FileWriter, HASHED_BYTES};
use crate::hash::sha256_hex_of_js;

/// Their folder, beside those of the runs.
const FILES: &str = "files";

/// Bytes of a file up to which it is looked at as a whole.
const MAX_WHOLE_BYTES: u64 = 64 << 20;

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
        if !self.is_kept(&file).await? {
            self.0.write_js(&file.sha256, bytes).await?;
        }
        Ok(file)
    }

    /// Whether a file is there as it is.
    pub(crate) async fn is_kept(&self, file: &SharedFile) -> Result<bool, DiskError> {
        Ok(self.has(file).await? && self.is_whole(file).await?)
    }

    /// Writes a file that is not there, or not whole. Its bytes must have its hash.
    pub(crate) async fn writer(&self, file: &SharedFile) -> Result<FileWriter, DiskError> {
        self.0.writer(&file.sha256, 0).await
    }

    /// Whether a file is there in its full size.
    pub(crate) async fn has(&self, file: &SharedFile) -> Result<bool, DiskError> {
        Ok(self.0.size(&file.sha256).await? == Some(file.bytes))
    }

    /// Whether each of them is there in its full size.
    pub(crate) async fn has_all(&self, files: &[SharedFile]) -> Result<bool, DiskError> {
        for file in files {
            if !self.has(file).await? {
                return Ok(false);
            }
        }
        Ok(true)
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

    /// Some bytes of a file, unchecked.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn read_part(&self, file: &SharedFile, start: u64, end: u64) -> Result<Vec<u8>, DiskError> {
        self.0.read_part(&file.sha256, start, end).await
    }

    /// Whether what is there under the hash of a file has that hash. The browser's own code is several times faster, and takes
    /// only what lies in memory as a whole.
    async fn is_whole(&self, file: &SharedFile) -> Result<bool, DiskError> {
        if file.bytes <= MAX_WHOLE_BYTES {
            return Ok(sha256_hex_of_js(&self.0.read_js(&file.sha256).await?).await == file.sha256);
        }
        let (mut hash, mut start) = (Sha256Pieces::default(), 0);
        while start < file.bytes {
            let end = file.bytes.min(start + HASHED_BYTES as u64);
            hash.add(&self.read_part(file, start, end).await?);
            start = end;
        }
        Ok(hash.into_hex() == file.sha256)
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
