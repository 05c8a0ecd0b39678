//! A file that grows as a blob of the browser, part after part: neither the worker's own memory nor JavaScript's heap ever has more of
//! it than a part, and the page gets it as it is.

use std::io::{self, Seek, SeekFrom, Write};

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use web_sys::Blob;

use crate::errors;
use crate::seeking::position_after;

/// Bytes of a part; the last one has fewer.
const PART: usize = 8 << 20;

/// What was written so far.
#[derive(Debug, Default)]
pub(crate) struct GrowingBlob {
    /// Parts of full size.
    parts: Vec<Blob>,
    /// What comes after them.
    last: Vec<u8>,
    position: u64,
}

impl GrowingBlob {
    /// The whole file.
    ///
    /// # Errors
    /// When the browser has no room for it.
    pub(crate) fn into_blob(self) -> io::Result<Blob> {
        let parts: Array = self.parts.iter().collect();
        parts.push(&Uint8Array::from(self.last.as_slice()));
        Blob::new_with_buffer_source_sequence(&parts).map_err(|error| explain_refusal(&error))
    }

    /// Bytes of the parts of full size.
    fn full_bytes(&self) -> u64 {
        (self.parts.len() * PART) as u64
    }

    /// Writes over bytes of a part of full size; how many.
    fn patch(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        let (index, start) = ((self.position / PART as u64) as usize, (self.position % PART as u64) as usize);
        let count = bytes.len().min(PART - start);
        let part = &self.parts[index];
        let pieces = Array::of3(
            &part.slice_with_f64_and_f64(0.0, start as f64)?.into(),
            &Uint8Array::from(&bytes[..count]),
            &part.slice_with_f64((start + count) as f64)?.into(),
        );
        self.parts[index] = Blob::new_with_buffer_source_sequence(&pieces)?;
        Ok(count)
    }

    /// Writes at `start` of what comes after the parts of full size; how many bytes.
    fn write_last(&mut self, bytes: &[u8], start: usize) -> Result<usize, JsValue> {
        let count = bytes.len().min(PART - start);
        let end = start + count;
        if end > self.last.len() {
            self.last.resize(end, 0);
        }
        self.last[start..end].copy_from_slice(&bytes[..count]);
        if self.last.len() == PART {
            let part = Array::of1(&Uint8Array::from(self.last.as_slice()));
            self.parts.push(Blob::new_with_buffer_source_sequence(&part)?);
            self.last.clear();
        }
        Ok(count)
    }
}

fn explain_refusal(error: &JsValue) -> io::Error {
    io::Error::other(errors::js_text(error))
}

impl Write for GrowingBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.position.checked_sub(self.full_bytes()) {
            None => self.patch(bytes),
            Some(start) if start <= self.last.len() as u64 => self.write_last(bytes, start as usize),
            Some(_) => return Err(io::ErrorKind::InvalidInput.into()), // nobody leaves holes
        };
        let count = written.map_err(|error| explain_refusal(&error))?;
        self.position += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for GrowingBlob {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.full_bytes() + self.last.len() as u64;
        self.position = position_after(to, self.position, length)?;
        Ok(self.position)
    }
}
