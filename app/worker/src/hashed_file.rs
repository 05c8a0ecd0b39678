//! Files of the disk that are written in pieces, with the hashes by which damage is known later: SHA-256 of every eight megabytes,
//! which the browser's own code computes, and for which neither writing nor checking has the whole file in memory.

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::session::SessionError;
use hone_core::session::protocol::Problem;

use crate::disk::{DiskError, DiskFolder, FileWriter, HASHED_BYTES, Manifest, StoredFile};
use crate::hash;

/// Why files were not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The disk did not take them.
    Disk(DiskError),
    /// What was to be written could not be read from the device, or is not to be kept.
    Source(Problem),
}

impl From<DiskError> for WriteError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// Writes files into a folder as they come, and notes them in its manifest.
///
/// # Errors
/// When a piece can't be had or is not taken: some of the files may be there then.
pub(crate) async fn write_files(
    folder: &DiskFolder,
    mut files: FileStream,
    manifest: &mut Manifest,
) -> Result<(), WriteError> {
    let mut open: Option<(String, HashedFile)> = None;
    loop {
        let piece = files.next_piece().await;
        let piece = piece.map_err(|error| WriteError::Source(SessionError::from(error).problem()))?;
        if let Some(FilePiece::Bytes(bytes)) = &piece {
            if let Some((_, file)) = &mut open {
                file.append(bytes).await?;
            }
            continue;
        }
        if let Some((name, file)) = open.take() {
            manifest.files.insert(name, file.finish().await?);
        }
        let Some(FilePiece::Begins { name, .. }) = piece else { return Ok(()) };
        let file = HashedFile::create(folder, &name).await?;
        open = Some((name, file));
    }
}

/// A file that is being written.
pub(crate) struct HashedFile {
    writer: FileWriter,
    /// Bytes that were hashed and written.
    bytes: u64,
    /// Those that wait for as many as are hashed together.
    waiting: Vec<u8>,
    hashes: Vec<String>,
}

impl HashedFile {
    /// Begins it, in the place of what was there under its name.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) async fn create(folder: &DiskFolder, name: &str) -> Result<Self, DiskError> {
        let writer = folder.writer(name, 0).await?;
        Ok(Self { writer, bytes: 0, waiting: Vec::new(), hashes: Vec::new() })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub(crate) async fn append(&mut self, mut bytes: &[u8]) -> Result<(), DiskError> {
        while !bytes.is_empty() {
            let (next, rest) = bytes.split_at(bytes.len().min(HASHED_BYTES - self.waiting.len()));
            self.waiting.extend_from_slice(next);
            bytes = rest;
            if self.waiting.len() == HASHED_BYTES {
                self.write_waiting().await?;
            }
        }
        Ok(())
    }

    async fn write_waiting(&mut self) -> Result<(), DiskError> {
        self.hashes.push(hash::sha256_hex(&self.waiting).await);
        self.writer.append(&self.waiting).await?;
        self.bytes += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// What the manifest says of it, once the disk has it.
    ///
    /// # Errors
    /// When the disk does not take the rest.
    pub(crate) async fn finish(mut self) -> Result<StoredFile, DiskError> {
        if !self.waiting.is_empty() {
            self.write_waiting().await?;
        }
        let Self { writer, bytes, hashes, .. } = self;
        writer.finish().await?;
        Ok(StoredFile { bytes, sha256: None, hashes })
    }
}
