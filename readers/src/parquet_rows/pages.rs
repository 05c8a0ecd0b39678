//! Pages of a Parquet file, unpacked. In: a group of rows, whose columns are read as if they were not packed. Out: pages for the
//! `parquet` crate, unpacked within what the file may take.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use ruzstd::decoding::StreamingDecoder;

use crate::unpack::{Unpacked, read_within};

/// Most bytes of a page.
const MAX_PAGE: u64 = 256 << 20;

/// Snappy can't pack more than so many bytes into one.
const MAX_SNAPPY_RATIO: u64 = 64;

/// What the pages of lists may hold, whatever the size of the file; and for each byte of it. A run of equal values takes next to
/// no bytes, and a row of a list is put together in memory.
const FREE_VALUES: u64 = 4 << 20;
const VALUES_A_BYTE: u64 = 8;

/// What may still be taken, over all columns of a file.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: AtomicU64,
    limit: u64,
    /// Values of lists in one part of a column.
    values: u64,
}

impl Budget {
    /// Of a file of so many bytes, whose pages unpack to at most `limit`.
    pub(super) fn new(limit: u64, num_bytes: u64) -> Arc<Self> {
        let values = num_bytes.saturating_mul(VALUES_A_BYTE).saturating_add(FREE_VALUES);
        Arc::new(Self { bytes: AtomicU64::new(limit), limit, values })
    }

    fn left(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) {
        // Columns are read in turns, by one thread.
        self.bytes.store(self.left().saturating_sub(bytes), Ordering::Relaxed);
    }
}

/// How a codec is called.
pub(super) fn codec_name(codec: Compression) -> &'static str {
    match codec {
        Compression::UNCOMPRESSED => "not packed",
        Compression::SNAPPY => "packed with snappy",
        Compression::GZIP(_) => "packed with gzip",
        Compression::LZO => "packed with LZO",
        Compression::BROTLI(_) => "packed with brotli",
        Compression::LZ4 | Compression::LZ4_RAW => "packed with LZ4",
        Compression::ZSTD(_) => "packed with zstd",
    }
}

/// A group of rows.
pub(super) struct Group<'a> {
    file: Arc<Bytes>,
    metadata: &'a RowGroupMetaData,
    budget: Arc<Budget>,
}

impl<'a> Group<'a> {
    pub(super) fn new(file: Bytes, metadata: &'a RowGroupMetaData, budget: &Arc<Budget>) -> Self {
        Self { file: Arc::new(file), metadata, budget: Arc::clone(budget) }
    }
}

impl RowGroupReader for Group<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata.column(i);
        let as_stored = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let num_rows = usize::try_from(self.metadata.num_rows())?;
        let pages = SerializedPageReader::new(Arc::clone(&self.file), &as_stored, num_rows, None)?;
        let values_left = if column.column_descr().max_rep_level() > 0 { self.budget.values } else { u64::MAX };
        let column_name = column.column_path().string();
        let codec = column.compression();
        Ok(Box::new(Pages { pages, codec, column: column_name, budget: Arc::clone(&self.budget), values_left }))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of a part of a column.
struct Pages {
    pages: SerializedPageReader<Bytes>,
    codec: Compression,
    column: String,
    budget: Arc<Budget>,
    /// Values that pages may still have.
    values_left: u64,
}

impl Pages {
    fn unpacked(&mut self, page: Page) -> Result<Page> {
        let num_values = u64::from(page.num_values());
        if page.is_dictionary_page() {
            let unpacked = self.page_unpacked(page)?;
            // The crate makes room for what the header claims; no value of a dictionary takes less than a byte.
            return match num_values > unpacked.buffer().len() as u64 {
                true => Err(self.error("a dictionary claims values that it does not have")),
                false => Ok(unpacked),
            };
        }
        match self.values_left.checked_sub(num_values) {
            Some(left) => self.values_left = left,
            None => return Err(self.error("its lists have more values than a file of this size may have")),
        }
        self.page_unpacked(page)
    }

    fn page_unpacked(&self, page: Page) -> Result<Page> {
        if self.codec == Compression::UNCOMPRESSED {
            return Ok(page);
        }
        Ok(match page {
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
                let buf = self.unpack(&buf)?.into();
                Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
            }
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                Page::DictionaryPage { buf: self.unpack(&buf)?.into(), num_values, encoding, is_sorted }
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                statistics,
            } => {
                // The levels stand before what is packed.
                let levels = def_levels_byte_len as usize + rep_levels_byte_len as usize;
                if levels > buf.len() {
                    return Err(self.error("a page ends within its levels"));
                }
                let buf = if is_compressed {
                    let mut whole = buf[..levels].to_vec();
                    whole.extend(self.unpack(&buf[levels..])?);
                    whole.into()
                } else {
                    buf
                };
                Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed: false,
                    statistics,
                }
            }
        })
    }

    /// Unpacks bytes of a page. A page without values may have none.
    fn unpack(&self, packed: &[u8]) -> Result<Vec<u8>> {
        if packed.is_empty() {
            return Ok(Vec::new());
        }
        let limit = self.budget.left().min(MAX_PAGE);
        let bytes = match self.codec {
            Compression::SNAPPY => self.unpack_snappy(packed, limit),
            Compression::GZIP(_) => self.read_all(MultiGzDecoder::new(packed), limit),
            Compression::ZSTD(_) => {
                let decoder = StreamingDecoder::new(packed).map_err(|error| self.error(error))?;
                self.read_all(decoder, limit)
            }
            codec => Err(self.error(format!("it is {}: save it with snappy, gzip or zstd", codec_name(codec)))),
        }?;
        self.budget.take(bytes.len() as u64);
        Ok(bytes)
    }

    fn unpack_snappy(&self, packed: &[u8], limit: u64) -> Result<Vec<u8>> {
        let length = snap::raw::decompress_len(packed).map_err(|error| self.error(error))? as u64;
        if length > limit {
            return Err(self.too_large());
        }
        if length > packed.len() as u64 * MAX_SNAPPY_RATIO {
            return Err(self.error("a page claims more bytes than can be packed in it"));
        }
        snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| self.error(error))
    }

    fn read_all(&self, reader: impl Read, limit: u64) -> Result<Vec<u8>> {
        match read_within(reader, 0, limit).map_err(|error| self.error(error))? {
            Unpacked::Whole(bytes) => Ok(bytes),
            Unpacked::TooLarge => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> ParquetError {
        self.error(format!(
            "it unpacks to more than {} bytes, or a page of it to more than {MAX_PAGE}",
            self.budget.limit
        ))
    }

    fn error(&self, reason: impl ToString) -> ParquetError {
        ParquetError::General(format!("column {:?}: {}", self.column, reason.to_string()))
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        match self.pages.get_next_page()? {
            Some(page) => self.unpacked(page).map(Some),
            None => Ok(None),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
