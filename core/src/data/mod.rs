//! Bytes to host batches: plain Rust, no tensors. `parse` reads a file into a [`Table`]; `columns` guesses what is
//! text and what is label; `dataset` makes labeled splits; `report` says what is in them, `reading` how the file was read,
//! `advice` what a person may want to change; `encode` tokenises; `sampler` orders; `collate` pads. `causal_lm` does the same for language models: examples of which parts carry loss.

mod advice;
pub mod causal_lm;
mod collate;
mod columns;
mod dataset;
mod encode;
mod error;
mod labels;
mod parse;
mod random;
mod reading;
mod repeats;
mod report;
mod sampler;
mod split;
mod trained_columns;

pub use advice::{Advice, AdviceKind};
pub use collate::{HostBatch, Padding, PositionIds, collate};
pub use columns::{Columns, choose_columns, choose_text_column};
pub(crate) use dataset::NO_VALIDATION_ROWS;
pub use dataset::{DataFiles, Dataset, Example, ReadSummary, SourceFile, build_dataset};
pub use encode::{Encoded, encode_text, encode_texts};
pub use error::DataError;
pub use parse::{BadRow, DecodedText, Format, Row, Table, parse, read_text};
pub use reading::{FileReading, TablePreview};
pub use report::{ClassCount, DataReport, LengthHistogram, PreviewRow, list_rows, report};
pub use sampler::{BatchSampler, SamplerState};
pub use split::stratified_split;
pub use trained_columns::{TrainedRead, read_as_trained};
