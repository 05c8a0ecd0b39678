//! What comes of a file over the network, and where it goes: into memory and onto the disk; weights, for which memory has room once, onto
//! the disk alone, else to the browser.

use std::io::Write;

use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder, FileWriter};
use crate::growing_blob::GrowingBlob;
use crate::outside_bytes;

/// The bytes of a file that came.
pub(crate) enum Body {
    Memory(Vec<u8>),
    /// On the disk alone: how many.
    OnDisk(u64),
    /// On JavaScript's heap.
    OnHeap(Uint8Array),
}

impl Body {
    pub(crate) fn num_bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::OnDisk(bytes) => *bytes,
            Self::OnHeap(bytes) => u64::from(bytes.length()),
        }
    }
}

/// What a partial file on the disk is a part of; stands beside it until the folder is whole.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) url: String,
    pub(crate) etag: String,
    pub(crate) total: u64,
}

/// A file of which the disk has the beginning.
pub(crate) struct Partial {
    pub(crate) part: Part,
    /// Bytes that are there.
    pub(crate) length: u64,
    /// The bytes themselves; none where they are weights, which stay on the disk.
    pub(crate) bytes: Vec<u8>,
}

/// Why no more is taken.
pub(crate) enum Refusal {
    /// Memory, or the browser, has no room.
    Memory,
    /// The disk does not take weights, of which nothing else has the bytes.
    Disk(DiskError),
}

/// Whether a file is one of weights, which never lies in the worker's memory as a whole.
pub(crate) fn is_weights(name: &str) -> bool {
    name.ends_with(".safetensors")
}

/// Name of the note beside a partial file.
pub(crate) fn part_note(name: &str) -> String {
    format!("{name}.part.json")
}

impl Partial {
    /// What the disk has of a file. `None` where there is nothing of it, or nobody knows of what it is a part.
    pub(crate) async fn find(disk: &DiskFolder, name: &str) -> Option<Self> {
        let part = disk.read_json(&part_note(name)).await.ok()??;
        let (length, bytes) = match is_weights(name) {
            true => (disk.size(name).await.ok()??, Vec::new()),
            false => disk.read(name).await.ok()?.map(|bytes| (bytes.len() as u64, bytes))?,
        };
        Some(Self { part, length, bytes })
    }

    /// The file, where the disk has all of it.
    pub(crate) fn whole(self, name: &str) -> Body {
        if is_weights(name) { Body::OnDisk(self.length) } else { Body::Memory(self.bytes) }
    }
}

/// What came of a file so far.
pub(crate) struct Received {
    place: Place,
    length: u64,
    keeper: Keeper,
}

/// Where the bytes lie.
enum Place {
    /// In memory, and on the disk as far as that takes it.
    Memory(Vec<u8>),
    /// On the disk alone.
    Disk,
    /// With the browser: there is no disk.
    Blob(GrowingBlob),
}

impl Received {
    /// Begins a file with the first `length` bytes of it, which the disk has. `bytes` are these, where they are not weights.
    ///
    /// # Errors
    /// Of weights, where the disk does not take more.
    pub(crate) fn begin(name: &str, length: u64, bytes: Vec<u8>, keeper: Keeper) -> Result<Self, DiskError> {
        let Keeper { writer, failed } = keeper;
        let (place, failed) = match (is_weights(name), &writer, failed) {
            (false, _, failed) => (Place::Memory(bytes), failed),
            (true, _, Some(error)) => return Err(error),
            (true, Some(_), None) => (Place::Disk, None),
            (true, None, None) => (Place::Blob(GrowingBlob::default()), None),
        };
        Ok(Self { place, length, keeper: Keeper { writer, failed } })
    }

    /// Bytes that came.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.length
    }

    /// Whether there is room for that many bytes more.
    pub(crate) fn reserve(&mut self, more: u64) -> bool {
        match &mut self.place {
            Place::Memory(bytes) => usize::try_from(more).is_ok_and(|more| bytes.try_reserve_exact(more).is_ok()),
            Place::Disk | Place::Blob(_) => true,
        }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) async fn append(&mut self, chunk: &Uint8Array) -> Result<(), Refusal> {
        let count = chunk.length() as usize;
        match &mut self.place {
            Place::Memory(bytes) => {
                let start = bytes.len();
                bytes.try_reserve(count).map_err(|_| Refusal::Memory)?;
                bytes.resize(start + count, 0);
                chunk.copy_to(&mut bytes[start..]);
                self.keeper.append(&bytes[start..]).await;
            }
            Place::Disk => self.keeper.append_js(chunk).await.map_err(Refusal::Disk)?,
            Place::Blob(blob) => blob.write_all(&chunk.to_vec()).map_err(|_| Refusal::Memory)?,
        }
        self.length += count as u64;
        Ok(())
    }

    /// The whole file, and, where the disk does not have it, why.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(crate) async fn finish(self) -> Result<(Body, Option<DiskError>), Refusal> {
        let Self { place, length, keeper } = self;
        let not_kept = keeper.finish().await;
        match (place, not_kept) {
            (Place::Memory(bytes), not_kept) => Ok((Body::Memory(bytes), not_kept)),
            (Place::Disk, None) => Ok((Body::OnDisk(length), None)),
            (Place::Disk, Some(error)) => Err(Refusal::Disk(error)),
            (Place::Blob(blob), not_kept) => {
                let blob = blob.into_blob().map_err(|_| Refusal::Memory)?;
                let whole = outside_bytes::read_whole(&blob).map_err(|_| Refusal::Memory)?;
                Ok((Body::OnHeap(whole), not_kept))
            }
        }
    }
}

/// Writes onto the disk what comes; gives up on the first error and leaves nothing half-written behind the note's back.
pub(crate) struct Keeper {
    writer: Option<FileWriter>,
    failed: Option<DiskError>,
}

impl Keeper {
    /// Goes on with a file after the first `have` bytes; `part` is what it is a part of, as far as that is known.
    pub(crate) async fn new(disk: Option<&DiskFolder>, name: &str, have: u64, part: Option<Part>) -> Self {
        let Some(disk) = disk else { return Self { writer: None, failed: None } };
        match Self::open(disk, name, have, part).await {
            Ok(writer) => Self { writer: Some(writer), failed: None },
            Err(error) => Self { writer: None, failed: Some(error) },
        }
    }

    async fn open(disk: &DiskFolder, name: &str, have: u64, part: Option<Part>) -> Result<FileWriter, DiskError> {
        let note = part_note(name);
        match part {
            // Without a validator a rest can't be told from the rest of another file.
            Some(part) if !part.etag.is_empty() => {
                let json = serde_json::to_vec(&part).expect("a note holds only plain values");
                disk.write(&note, &json).await?;
            }
            _ => disk.remove(&note).await?,
        }
        disk.writer(name, have).await
    }

    async fn append(&mut self, bytes: &[u8]) {
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.append(bytes).await
        {
            self.writer = None;
            self.failed = Some(error);
        }
    }

    async fn append_js(&mut self, bytes: &Uint8Array) -> Result<(), DiskError> {
        match &mut self.writer {
            Some(writer) => writer.append_js(bytes).await,
            None => Err(DiskError::Missing),
        }
    }

    async fn finish(self) -> Option<DiskError> {
        match self.writer {
            Some(writer) => writer.finish().await.err(),
            None => self.failed,
        }
    }
}
