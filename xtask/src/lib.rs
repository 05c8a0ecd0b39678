//! Everything behind `cargo xtask`: brings the tools, builds the page, serves it, tests it, keeps the house rules.
//!
//! A library so that the end-to-end tests serve the built page through the same [`server`] that a person uses.

pub mod apt;
pub mod bench;
mod bundle;
pub mod cache;
pub mod ci;
pub mod fuzz;
pub mod gpu_kit;
mod http;
mod integrity;
pub mod model;
pub mod offline;
pub mod parts;
mod policy;
pub mod proc;
pub mod server;
pub mod setup;
pub mod size;
pub mod soak;
pub mod test;
pub mod tidy;
pub mod toolchain;
pub mod tools;
mod wasm;
pub mod web;

use std::path::{Path, PathBuf};

/// The workspace's folder: the parent of this crate's.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}
