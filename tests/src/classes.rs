//! A session that the tiny encoder is loaded into, and files of labeled rows for it.

use burn::tensor::Device;
use hone_core::config::ModelSource;
use hone_core::data::DataFiles;
use hone_core::session::Session;

use crate::paths;

/// A session with the tiny encoder on the CPU.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn loaded() -> Session {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    session
}

/// A training file of these rows, and no other.
#[must_use]
pub fn files(csv: String) -> DataFiles {
    DataFiles { train: ("rows.csv".into(), csv.into_bytes()), ..DataFiles::default() }
}
