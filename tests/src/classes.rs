//! A session that the tiny encoder is loaded into, and files of labeled rows for it.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ModelSource, RunConfig};
use hone_core::data::DataFiles;
use hone_core::session::protocol::Weights;
use hone_core::session::{Session, SessionError};
use hone_core::task::{Prediction, TaskInput};

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

/// A run on short texts that takes all of its steps, each time to the same weights: it has no dropout, whose generator the other tests of a
/// process draw from, too.
#[must_use]
pub fn repeatable_run() -> RunConfig {
    RunConfig {
        early_stopping_patience: None,
        batch_size: 8,
        learning_rate: 2e-3,
        max_seq_length: 32,
        dropout: Some(0.0),
        ..RunConfig::default()
    }
}

/// Texts as inputs.
#[must_use]
pub fn inputs(texts: &[String]) -> Vec<TaskInput> {
    texts.iter().map(|text| TaskInput { text: text.clone(), second: None, image: None }).collect()
}

/// Probabilities of texts, in the order of the labels.
///
/// # Errors
/// As of [`Session::predict`].
///
/// # Panics
/// When the model gives anything but one label.
pub fn predict(session: &mut Session, texts: &[String], weights: Weights) -> Result<Vec<Vec<f32>>, SessionError> {
    let (predictions, _) = block_on(session.predict(&inputs(texts), weights))?;
    let probabilities = |prediction| match prediction {
        Prediction::SequenceClassification(prediction) => prediction.probabilities,
        other => panic!("no probabilities of labels: {other:?}"),
    };
    Ok(predictions.into_iter().map(probabilities).collect())
}

/// A training file of these rows, and no other.
#[must_use]
pub fn files(csv: String) -> DataFiles {
    DataFiles { train: ("rows.csv".into(), csv.into_bytes()), ..DataFiles::default() }
}
