//! Parquet to JSON lines. In: the bytes of a file. Out: a line for each row, in the order of the file, with the columns' names as
//! keys: lists are arrays, structs objects, null is null, a date is text as Python writes it, a class that the file names is its name.
//!
//! Rows are put together by the `parquet` crate, pages are unpacked here (`pages.rs`): so zstd needs no C compiler, and no page
//! takes memory that only its header claims. The crate takes what the footer says of the schema at its word, and calls itself as
//! deep as that is nested: `footer.rs` looks at it first.

mod class_labels;
mod footer;
mod json;
mod pages;

use std::collections::BTreeSet;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::record::reader::TreeBuilder;

use self::class_labels::ClassNames;
use self::json::RowWriter;
use self::pages::{Budget, Group, codec_name};
use crate::{Limits, ReadError, ReadFile};

/// Values of all columns together that are made room for before any is read.
const MAX_BUFFERED: usize = 1 << 20;

/// Reads a Parquet file.
///
/// # Errors
/// When it is damaged, encrypted, packed in a way that is not read, or its rows are too large.
pub(crate) fn read(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<ReadFile, ReadError> {
    footer::check(&bytes).map_err(|reason| failed(None, reason))?;
    let file = Bytes::from(bytes);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|error| failed(None, error))?;
    check_chunks(&metadata, file.len() as u64).map_err(|reason| failed(None, reason))?;
    let limit = limits.unpacked(file.len() as u64);
    let budget = Budget::new(limit, file.len() as u64);
    let schema = metadata.file_metadata().schema_descr_ptr();
    let class_names = ClassNames::of_columns(metadata.file_metadata().key_value_metadata().map(Vec::as_slice));
    let mut writer = RowWriter::new(schema.root_schema(), &class_names);
    // Each column has room for a batch.
    let batch_size = (MAX_BUFFERED / schema.num_columns().max(1)).clamp(16, 1024);
    let mut num_rows = 0;
    for index in 0..metadata.num_row_groups() {
        let group = Group::new(file.clone(), metadata.row_group(index), &budget);
        let rows = TreeBuilder::new().with_batch_size(batch_size).as_iter(schema.clone(), &group);
        let rows = rows.map_err(|error| failed(Some(num_rows + 1), error))?;
        for row in rows {
            num_rows += 1;
            writer.write(&row.map_err(|error| failed(Some(num_rows), error))?);
            if writer.num_bytes() > limit {
                return Err(ReadError::TooLarge { limit });
            }
        }
    }
    let codec =
        metadata.row_groups().iter().flat_map(|group| group.columns()).next().map(|column| column.compression());
    let columns = schema.root_schema().get_fields();
    let num_columns = columns.len();
    let mut names = BTreeSet::new();
    let repeated: Vec<&str> = columns.iter().map(|column| column.name()).filter(|name| !names.insert(*name)).collect();
    let is_column = |name: &str| columns.iter().any(|column| column.name() == name);
    let named: Vec<String> = class_names
        .iter()
        .filter(|(column, _)| is_column(column))
        .map(|(column, names)| {
            let (classes, ids) = (names.describe(), names.say_of_ids());
            format!("{name}: numbers of {column:?} are read as the classes that it names{classes}{ids}")
        })
        .collect();
    let packed = codec.map(|codec| format!(", {}", codec_name(codec))).unwrap_or_default();
    let (bytes, unreadable) = writer.finish();
    let s = |is_one: bool| if is_one { "" } else { "s" };
    let (rows, columns) = (s(num_rows == 1), s(num_columns == 1));
    let mut notes = vec![format!("{name} is Parquet: {num_rows} row{rows}, {num_columns} column{columns}{packed}")];
    notes.extend(named);
    if !repeated.is_empty() {
        notes.push(format!("{name} has several columns of one name, of which one is read: {}", repeated.join(", ")));
    }
    if !unreadable.is_empty() {
        let columns = unreadable.join(", ");
        notes
            .push(format!(
                "{name}: bytes that are no text (images are read from folders and zips of image files alone), and numbers that are \
                 too large, are left empty: {columns}"
            ));
    }
    Ok(ReadFile { name: name.to_owned(), bytes, notes })
}

fn failed(row: Option<usize>, reason: impl ToString) -> ReadError {
    ReadError::Parquet { row, reason: reason.to_string() }
}

/// Whether each part of a column lies in the file: the crate takes it at its word.
fn check_chunks(metadata: &ParquetMetaData, num_bytes: u64) -> Result<(), String> {
    let num_columns = metadata.file_metadata().schema_descr().num_columns();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if group.columns().len() != num_columns || group.num_rows() < 0 {
            return Err(format!("group {} of its rows is damaged", index + 1));
        }
        for column in group.columns() {
            let path = column.column_path().string();
            if column.file_path().is_some() {
                return Err(format!("its column {path:?} lies in another file"));
            }
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let end = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
            if end.and_then(|(start, size)| start.checked_add(size)).is_none_or(|end| end > num_bytes) {
                return Err(format!("its column {path:?} lies outside of the file, which is damaged or cut off"));
            }
        }
    }
    Ok(())
}
