//! Files of the disk that are written in pieces, with the hashes by which damage is known later: SHA-256 of every eight megabytes,
//! which the browser's own code computes, and for which neither writing nor checking has the whole file in memory. What waits to be
//! hashed lies on JavaScript's heap, which gives memory back: the worker's own never does.

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::session::SessionError;
use hone_core::session::protocol::Problem;
use js_sys::Uint8Array;

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
        let Some(FilePiece::Begins { name, bytes }) = piece else { return Ok(()) };
        let file = HashedFile::create(folder, &name, bytes).await?;
        open = Some((name, file));
    }
}

/// A file that is being written.
pub(crate) struct HashedFile {
    writer: FileWriter,
    /// Bytes that were hashed and written.
    bytes: u64,
    /// Room for as many as are hashed together.
    waiting: Uint8Array,
    /// Bytes in it.
    num_waiting: u32,
    hashes: Vec<String>,
}

impl HashedFile {
    /// Begins it, in the place of what was there under its name; `bytes` is how many it will have.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) async fn create(folder: &DiskFolder, name: &str, bytes: u64) -> Result<Self, DiskError> {
        let writer = folder.writer(name, 0).await?;
        let waiting = Uint8Array::new_with_length(bytes.min(HASHED_BYTES as u64) as u32);
        Ok(Self { writer, bytes: 0, waiting, num_waiting: 0, hashes: Vec::new() })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub(crate) async fn append(&mut self, mut bytes: &[u8]) -> Result<(), DiskError> {
        while !bytes.is_empty() {
            if self.num_waiting == self.waiting.length() {
                self.make_room().await?;
            }
            let start = self.num_waiting;
            let (next, rest) = bytes.split_at(bytes.len().min((self.waiting.length() - start) as usize));
            self.num_waiting += next.len() as u32;
            self.waiting.subarray(start, self.num_waiting).copy_from(next);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes what waits, where it is as much as is hashed together; else there are more bytes than were told, and more may wait.
    async fn make_room(&mut self) -> Result<(), DiskError> {
        if self.waiting.length() == HASHED_BYTES as u32 {
            return self.write_waiting().await;
        }
        let larger = Uint8Array::new_with_length(HASHED_BYTES as u32);
        larger.set(&self.waiting, 0);
        self.waiting = larger;
        Ok(())
    }

    async fn write_waiting(&mut self) -> Result<(), DiskError> {
        let bytes = self.waiting.subarray(0, self.num_waiting);
        self.hashes.push(hash::sha256_hex_of_js(&bytes).await);
        self.writer.append_js(&bytes).await?;
        self.bytes += u64::from(self.num_waiting);
        self.num_waiting = 0;
        Ok(())
    }

    /// What the manifest says of it, once the disk has it.
    ///
    /// # Errors
    /// When the disk does not take the rest.
    pub(crate) async fn finish(mut self) -> Result<StoredFile, DiskError> {
        if self.num_waiting > 0 {
            self.write_waiting().await?;
        }
        let Self { writer, bytes, hashes, .. } = self;
        writer.finish().await?;
        Ok(StoredFile { bytes, sha256: None, hashes })
    }
}
