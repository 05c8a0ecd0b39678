//! Bytes to host batches for causal language models: plain Rust, no tensors. `shape` tells what a file's columns are;
//! `prompts` tells how prompt and answer are joined; `turns` and `conversation` read conversations; `examples` makes texts
//! of which parts carry loss; `encode` tokenises them, `parts` a part at a time; `pack` fills rows; `collate` pads;
//! `report` says what is there.

mod collate;
mod conversation;
mod encode;
mod examples;
mod pack;
mod parts;
mod prompts;
mod read;
mod report;
mod row;
mod shape;
mod splits;
mod turns;

pub use collate::{LmHostBatch, LmPadding, collate_lm};
pub use conversation::Written;
pub use encode::{LmEncodeError, LmEncodeSettings, LmEncoded, cut_rows, encode_example, encode_examples};
pub use examples::{LmDataset, LmExample, LmSummary, Piece, RenderTurns, build_lm_dataset};
pub use pack::{one_a_row, pack};
pub use parts::LmPartEncoder;
pub use report::{LmReport, PreviewToken, TokenPreview, lm_report};
pub use shape::{LmColumns, choose_lm_columns};
pub use turns::{Conversation, Role, Turn};
