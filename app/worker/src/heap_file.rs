//! A file that grows on JavaScript's heap, in parts of which the browser makes one file: it takes none of the worker's own memory, of
//! which a model leaves little.

use std::io::{self, Read, Seek, SeekFrom, Write};

use js_sys::Uint8Array;

/// Bytes of a part; the last one has fewer.
const PART: u64 = 16 << 20;

/// What was written so far.
#[derive(Debug, Default)]
pub(crate) struct HeapFile {
    /// All of full size.
    parts: Vec<Uint8Array>,
    length: u64,
    position: u64,
}

impl HeapFile {
    /// Bytes that were written.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.length
    }

    /// The parts, one after the other.
    pub(crate) fn into_parts(self) -> Vec<Uint8Array> {
        let Self { mut parts, length, .. } = self;
        let rest = (length % PART) as u32;
        if rest > 0
            && let Some(last) = parts.last_mut()
        {
            *last = last.slice(0, rest);
        }
        parts
    }
}

impl Write for HeapFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (index, start) = ((self.position / PART) as usize, self.position % PART);
        let count = bytes.len().min((PART - start) as usize);
        if count == 0 {
            return Ok(0);
        }
        while self.parts.len() <= index {
            self.parts.push(Uint8Array::new_with_length(PART as u32));
        }
        let start = start as u32;
        self.parts[index].subarray(start, start + count as u32).copy_from(&bytes[..count]);
        self.position += count as u64;
        self.length = self.length.max(self.position);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for HeapFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (index, start) = ((self.position / PART) as usize, self.position % PART);
        let left = self.length.saturating_sub(self.position).min(PART - start);
        let count = buffer.len().min(left as usize);
        if count == 0 {
            return Ok(0);
        }
        let start = start as u32;
        self.parts[index].subarray(start, start + count as u32).copy_to(&mut buffer[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for HeapFile {
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
