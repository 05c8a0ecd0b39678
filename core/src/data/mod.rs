//! Bytes to host batches: plain Rust, no tensors. `parse` reads a file into a [`Table`]; `columns` guesses what is
//! text and what is label; `rows` reads the rows of all files, whatever a row is, and shares them out; `test_labels` says
//! which test files have no labels; `report` has parts of what is said of rows, `reading` how the file was read, `advice`
//! what a person may want to change; `sampler` orders; `host_batch` pads; `augment` makes changed copies of texts to train on;
//! `cleaning` reads texts without what they are to be rid of; `findings` seeks what may be wrong with rows. What a row is to
//! a task, and its tokens, are in `task`.

mod added_columns;
mod advice;
mod augment;
mod cleaning;
mod columns;
mod edits;
mod error;
mod file_names;
pub mod findings;
mod host_batch;
mod image_cells;
mod label_column;
mod labels;
mod literal;
mod parse;
mod random;
mod reading;
mod repeats;
mod report;
mod rows;
mod sampler;
mod sharing;
mod split;
mod test_labels;
mod time;
mod trained_columns;

pub use added_columns::{AddedCells, WidenedFile, add_columns};
pub use advice::{Advice, AdviceKind, advise_on_classes, similar_labels};
pub use augment::{AddedRow, Augmented};
pub(crate) use augment::{Augmenter, BlankedText};
pub(crate) use cleaning::{clean_table, clean_text};
pub use columns::{Columns, TextColumns, choose_columns, choose_text_columns, find_column};
pub use edits::{
    AppendedRow, CleanedFile, EditOutcome, EditedLabel, Move, RowFilter, RowId, RowQuery, RowSort, RowSource, RowState,
    RowTable, RowView, RowWindow, UnlabeledRow, append_rows, apply_edits, clean_file, edited_labels, edits_by_file,
    splits_by_hand,
};
pub use error::DataError;
pub use file_names::{are_parts, is_packed, is_packed_name, share_out_by_names, split_of_name};
pub use host_batch::{
    HostBatch, HostInputs, HostPixels, HostTargets, HostText, Outputs, Padding, PositionIds, TextRow,
};
pub use label_column::{LabelColumn, add_label_column};
pub use labels::{Merges, sort_labels, sorted_labels};
pub(crate) use literal::read_literal;
pub use parse::{
    BadRow, DecodedText, Format, LINES_COLUMN, Row, Table, is_conll_u, is_tag, is_tagged_conll, parse,
    parse_keeping_nested, parse_lines, parse_sentences, parse_tagged, read_text,
};
pub(crate) use parse::{SENTENCE_NAMES, TAG_NAMES, TOKEN_NAMES, best_named, extension, name_rank, whole_start};
pub(crate) use random::{below, generator, shuffle};
pub use reading::{FileReading, TablePreview};
pub(crate) use repeats::{LEAKED, SAME_TEXT};
pub use repeats::{count_repeats, warn_of_leaks};
pub use report::{LengthHistogram, list_rows};
pub use rows::{
    BadCell, ChooseColumns, DataFiles, NO_VALIDATION_ROWS, ParseTable, ReadRow, ReadRows, ReadSummary, RowFormat,
    RowReader, SourceRow, UsedColumn, read_rows, share_out, share_out_groups, take_filled,
};
pub(crate) use rows::{BadRows, in_file_of};
pub use sampler::{BatchSampler, SamplerState, rows_an_epoch};
pub use sharing::{FOLD_NOTE, RowKeys};
pub(crate) use split::note_on_parts;
pub use split::{Split, grouped_folds, grouped_split, split_by_time, stratified_folds, stratified_split};
pub(crate) use test_labels::{LabelMarks, leave_out_test, why_unlabeled};
pub use trained_columns::{TrainedRead, read_as_trained};
