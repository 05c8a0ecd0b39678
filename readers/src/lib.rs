//! Files of rows that are no text: Parquet, XLSX and ODS, gzip or zip around any file of rows, and files that are read as one. In: a
//! file's name and bytes. Out: what Hone's core reads, or why there is nothing: JSON lines of a Parquet file (line 7 is its row 7),
//! delimited text of a sheet (row 7 is its row 7), and all else as it came. Plain Rust, native and wasm.
//!
//! The bytes may be made to do harm: sizes are limited before memory is taken, and a panic of a foreign reader comes out as an
//! error (natively; in wasm it ends the module, which the worker starts anew for each file).

mod card;
mod error;
mod glob;
mod kind;
mod parquet_rows;
mod sheet;
mod unpack;
mod wholes;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::error::ReadError;
use self::kind::Kind;
pub use self::unpack::{MAX_FILES, MAX_PARTS};
pub use self::wholes::{Plan, Whole, append, names_files, plan};

/// What may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that a file unpacks to, and that its rows take: of all files of a zip together.
    pub max_bytes: u64,
    /// Most entries of a zip, whatever they are.
    pub max_entries: usize,
    /// A file unpacks to at most so many times its bytes, once it unpacks to more than [`Limits::free_bytes`].
    pub max_ratio: u64,
    /// What any file may unpack to, however small it is.
    pub free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 512 << 20, max_entries: 200_000, max_ratio: 400, free_bytes: 64 << 20 }
    }
}

impl Limits {
    /// Most bytes that so many unpack to.
    fn unpacked(&self, packed: u64) -> u64 {
        packed.saturating_mul(self.max_ratio).max(self.free_bytes).min(self.max_bytes)
    }
}

/// How a file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Name of the sheet of a workbook; without it the first with rows is taken.
    pub sheet: Option<String>,
    /// What may be taken.
    pub limits: Limits,
}

/// A file of rows that core reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// Its name, for messages; of a workbook with the sheet's.
    pub name: String,
    /// Text that core reads, or what the file held as it was.
    pub bytes: Vec<u8>,
    /// Sentences about how it was read: what it was packed as, which sheet, what was left out.
    pub notes: Vec<String>,
}

/// Reads a file: one file of rows, or of a zip all of them, in the order of their names. What is neither packed nor of another
/// format comes back as it is, a zip of images too.
///
/// # Errors
/// When it is damaged, too large, or holds no rows.
pub fn read(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Vec<ReadFile>, ReadError> {
    let result = catch_unwind(AssertUnwindSafe(|| read_any(name, bytes, options)));
    result.unwrap_or(Err(ReadError::Panicked))
}

fn read_any(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Vec<ReadFile>, ReadError> {
    match Kind::of(&bytes)? {
        Kind::Zip => unpack::read_zip(name, bytes, options),
        Kind::Gzip => {
            let inner = unpack::gunzip(&bytes, &options.limits)?;
            let inner_name = unpack::without_gz(name);
            let note = format!("{name} is packed with gzip: {inner_name} in it is read");
            let mut file = read_one(&inner_name, inner, options)?;
            file.notes.insert(0, note);
            Ok(vec![file])
        }
        _ => Ok(vec![read_one(name, bytes, options)?]),
    }
}

/// Reads a file that holds no others.
fn read_one(name: &str, bytes: Vec<u8>, options: &Options) -> Result<ReadFile, ReadError> {
    let kind = Kind::of(&bytes)?;
    let mut file = match kind {
        Kind::Parquet => parquet_rows::read(name, bytes, &options.limits)?,
        Kind::Xlsx | Kind::Ods => sheet::read(name, &bytes, kind, options)?,
        Kind::Other | Kind::Zip | Kind::Gzip => ReadFile { name: name.to_owned(), bytes, notes: Vec::new() },
    };
    if let (Some(sheet), Kind::Other | Kind::Parquet) = (&options.sheet, kind) {
        file.notes.push(format!("{name} has no sheets: that {sheet:?} was asked for has no effect"));
    }
    Ok(file)
}
