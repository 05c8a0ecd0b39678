//! Bytes outside of the worker's own memory, which core reads a part at a time while nothing else is done: a blob, such as a file of
//! the disk, or a buffer on JavaScript's heap.

use std::io;
use std::ops::Range;

use hone_core::folder::StoredBytes;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

use crate::errors;

/// A blob, which is read where it is.
#[derive(Debug)]
pub(crate) struct BlobBytes {
    blob: Blob,
    reader: FileReaderSync,
}

impl BlobBytes {
    /// Takes a blob, of which nothing is read yet.
    ///
    /// # Errors
    /// In words, where the browser has no reader for it.
    pub(crate) fn open(blob: Blob) -> Result<Self, String> {
        let reader = FileReaderSync::new().map_err(|error| errors::js_text(&error))?;
        Ok(Self { blob, reader })
    }
}

impl StoredBytes for BlobBytes {
    fn num_bytes(&self) -> u64 {
        self.blob.size() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let read = || -> Result<Vec<u8>, JsValue> {
            let part = self.blob.slice_with_f64_and_f64(range.start as f64, range.end as f64)?;
            let buffer = self.reader.read_as_array_buffer(&part)?;
            Ok(Uint8Array::new(&buffer).to_vec())
        };
        let bytes = read().map_err(|error| io::Error::other(errors::js_text(&error)))?;
        match bytes.len() as u64 == range.end - range.start {
            true => Ok(bytes),
            false => Err(io::Error::other("it changed while it was read")),
        }
    }
}

/// A whole blob on JavaScript's heap.
///
/// # Errors
/// When it can't be read, or has no room there.
pub(crate) fn read_whole(blob: &Blob) -> Result<Uint8Array, JsValue> {
    let buffer = FileReaderSync::new()?.read_as_array_buffer(blob)?;
    Ok(Uint8Array::new(&buffer))
}

/// A buffer on JavaScript's heap.
#[derive(Debug)]
pub(crate) struct HeapBytes(pub(crate) Uint8Array);

impl StoredBytes for HeapBytes {
    fn num_bytes(&self) -> u64 {
        u64::from(self.0.length())
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        match (u32::try_from(range.start), u32::try_from(range.end)) {
            (Ok(start), Ok(end)) if start <= end && end <= self.0.length() => Ok(self.0.subarray(start, end).to_vec()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
