//! Hone's library: bytes become a stream of training events and a Hugging Face folder.
//!
//! It never touches a file, a socket, a clock or a thread. `app` and `cli` fetch the bytes, own the device, drive
//! the stream and draw it. Read the rooms in the order of the pipeline:
//!
//! ```text
//! bytes -> Table -> rows -> HostBatch -> BatchInputs -> states -> outputs -> loss -> gradients -> model' -> Folder
//!   data/parse   task/<name>       batch.rs             model/           loss/  train/       optim/  checkpoint/
//! |------ plain Rust, no burn -------|-------------------------- burn, feature `engine` -------------------------|
//!
//! figures, details, predictions <- task/<name> <- Outputs <- outputs, read back
//! ```
//!
//! Rows of images become values of their own kind before they meet the rest in a `HostBatch`: file -> `Picture` -> values
//! (images/).
#![warn(missing_docs)]

pub mod config;
pub mod data;
pub mod device_report;
pub mod event;
mod file_signature;
pub mod file_text;
pub mod folder;
pub mod generate;
pub mod hub;
pub mod images;
pub mod metrics;
pub mod plan;
pub mod project;
pub mod report;
pub mod session;
pub mod splitmix64;
pub mod spreadsheet;
pub mod sweep;
pub mod task;
pub mod tokenizer;
pub mod words;

#[cfg(feature = "engine")]
pub mod batch;
#[cfg(feature = "engine")]
pub mod checkpoint;
#[cfg(feature = "engine")]
pub mod device_check;
#[cfg(feature = "gpu")]
pub mod device_tune;
#[cfg(feature = "engine")]
pub mod kernels;
#[cfg(feature = "engine")]
pub mod loss;
#[cfg(feature = "engine")]
pub mod model;
#[cfg(feature = "engine")]
pub mod nn;
#[cfg(feature = "engine")]
pub mod optim;
#[cfg(feature = "engine")]
pub mod train;
