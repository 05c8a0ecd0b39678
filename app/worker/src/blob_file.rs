//! A file of the person's that stays where it is: it is read a block at a time, while nothing else is done, so that it can be larger
//! than memory.

use std::io::{self, Read, Seek, SeekFrom};

use hone_core::folder::StoredBytes;
use web_sys::Blob;

use crate::outside_bytes::BlobBytes;
use crate::seeking::position_after;

/// Bytes of a block; the last one may have fewer.
const BLOCK: u64 = 1 << 20;

/// A file that the page handed over unread.
#[derive(Debug)]
pub(crate) struct BlobFile {
    bytes: BlobBytes,
    length: u64,
    position: u64,
    block: Vec<u8>,
    block_start: u64,
}

impl BlobFile {
    /// Opens it.
    ///
    /// # Errors
    /// In words, where the browser has no reader for it.
    pub(crate) fn open(blob: Blob) -> Result<Self, String> {
        let bytes = BlobBytes::open(blob)?;
        let length = bytes.num_bytes();
        Ok(Self { bytes, length, position: 0, block: Vec::new(), block_start: 0 })
    }

    /// Takes the block in which the position is.
    fn load_block(&mut self) -> io::Result<()> {
        let start = self.position - self.position % BLOCK;
        let end = self.length.min(start + BLOCK);
        (self.block, self.block_start) = (self.bytes.read(start..end)?, start);
        Ok(())
    }
}

impl Read for BlobFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.position >= self.length {
            return Ok(0);
        }
        let is_there = self.position.checked_sub(self.block_start).is_some_and(|at| at < self.block.len() as u64);
        if !is_there {
            self.load_block()?;
        }
        let rest = &self.block[(self.position - self.block_start) as usize..];
        let count = into.len().min(rest.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for BlobFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = position_after(to, self.position, self.length)?;
        Ok(self.position)
    }
}
