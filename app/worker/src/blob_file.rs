//! A file of the person's that stays where it is: it is read a block at a time, while nothing else is done, so that it can be larger
//! than memory.

use std::io::{self, Read, Seek, SeekFrom};

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

use crate::errors;

/// Bytes of a block; the last one may have fewer.
const BLOCK: u64 = 1 << 20;

/// A file that the page handed over unread.
#[derive(Debug)]
pub(crate) struct BlobFile {
    blob: Blob,
    reader: FileReaderSync,
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
        let reader = FileReaderSync::new().map_err(|error| errors::js_text(&error))?;
        let length = blob.size() as u64;
        Ok(Self { blob, reader, length, position: 0, block: Vec::new(), block_start: 0 })
    }

    /// Takes the block in which the position is.
    fn load_block(&mut self) -> io::Result<()> {
        let start = self.position - self.position % BLOCK;
        let end = self.length.min(start + BLOCK);
        let read = || -> Result<Vec<u8>, JsValue> {
            let part = self.blob.slice_with_f64_and_f64(start as f64, end as f64)?;
            let buffer = self.reader.read_as_array_buffer(&part)?;
            Ok(Uint8Array::new(&buffer).to_vec())
        };
        let block = read().map_err(|error| io::Error::other(errors::js_text(&error)))?;
        if block.len() as u64 != end - start {
            return Err(io::Error::other("it changed while it was read"));
        }
        (self.block, self.block_start) = (block, start);
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
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
