//! Why a file can't be read. Messages leave its name to who asked for it.

use std::io;

use zip::result::ZipError;

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A gzip that is cut off or damaged.
    #[error("the gzip is damaged or cut off: {0}")]
    Gzip(#[source] io::Error),
    /// A zip that is cut off or damaged.
    #[error("the zip is damaged or cut off: {0}")]
    Zip(#[source] ZipError),
    /// A file of a zip that can't be unpacked.
    #[error("{name} in the zip can't be unpacked: {reason}")]
    Entry {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// More than can be handled.
    #[error(
        "it unpacks to more than {limit} bytes, which is the most that is read of a file of this size: save it in parts"
    )]
    TooLarge {
        /// What can be handled.
        limit: u64,
    },
    /// More than can be handled.
    #[error("the zip has {found} entries, at most {limit} are read")]
    TooManyEntries {
        /// How many there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// More files than splits can be made of.
    #[error("it holds {found} files of rows, at most {limit} are read: put those of a split into one file")]
    TooManyFiles {
        /// How many there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// The card of a data set has several configurations.
    #[error(
        "the card (README.md) has several configurations and none of them is the default: {}; write `default: true` below the one \
         to read, or give its files without the card",
        quoted(.names)
    )]
    ManyConfigs {
        /// Their names.
        names: Vec<String>,
    },
    /// The card of a data set names files that are not there.
    #[error(
        "the card (README.md) reads {pattern:?} in its configuration {config:?}, and there is no such file of rows"
    )]
    NoFiles {
        /// The configuration.
        config: String,
        /// The pattern of paths.
        pattern: String,
    },
    /// The card of a data set has more or longer patterns than are followed.
    #[error(
        "the card (README.md) has more than {limit} patterns of files in its configuration {config:?}, or one that is very long: give \
         the files without the card"
    )]
    TooManyPatterns {
        /// The configuration.
        config: String,
        /// How many are followed.
        limit: usize,
    },
    /// The card of a data set names no split that is known.
    #[error("no split of the card's (README.md) configuration {config:?} is called train, validation or test: {}", quoted(.splits))]
    NoSplits {
        /// The configuration.
        config: String,
        /// Its splits.
        splits: Vec<String>,
    },
    /// Files of one split can't be put together.
    #[error(
        "{second} can't be read behind {first}, with which it is one split: they are not alike; save them as one file"
    )]
    CanNotJoin {
        /// The first of them.
        first: String,
        /// The one that does not fit.
        second: String,
    },
    /// Something that looks like a workbook, and is another file of an office.
    #[error("it is {what}: save its table as .xlsx or .csv")]
    NoWorkbook {
        /// What it is.
        what: &'static str,
    },
    /// A Parquet file that is cut off, damaged, or has what is not read.
    #[error("the Parquet file is damaged, or has what is not read{}: {reason}", at_row(.row))]
    Parquet {
        /// The row at which it ended, from 1.
        row: Option<usize>,
        /// Why.
        reason: String,
    },
    /// A workbook that is cut off or damaged.
    #[error("the workbook is damaged or cut off: {reason}")]
    Workbook {
        /// Why.
        reason: String,
    },
    /// A sheet that can't be read.
    #[error("the sheet {sheet:?} is damaged{}: {reason}", at_row(.row))]
    Sheet {
        /// Its name.
        sheet: String,
        /// The row at which it ended, from 1.
        row: Option<usize>,
        /// Why.
        reason: String,
    },
    /// A sheet that was asked for is not there.
    #[error("there is no sheet {asked:?}; the sheets are {}", quoted(.sheets))]
    NoSheet {
        /// What was asked for.
        asked: String,
        /// What there is.
        sheets: Vec<String>,
    },
    /// Nothing stands in any sheet, or in the one that was asked for.
    #[error("no rows stand in {}", quoted(.sheets))]
    NoRows {
        /// The sheets that were looked at.
        sheets: Vec<String>,
    },
    /// A foreign reader panicked.
    #[error("the file is damaged in a way that its reader does not know: save it anew, or as .csv")]
    Panicked,
}

/// Names that a message has; the rest is counted.
const MAX_NAMES: usize = 8;

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("{name:?}")).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + &more }
}

fn at_row(row: &Option<usize>) -> String {
    row.map(|row| format!(" (row {row})")).unwrap_or_default()
}
