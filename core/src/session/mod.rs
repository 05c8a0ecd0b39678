//! A session: one model, one task, one data set, one run. [`protocol`] is what the page and its worker say to each other
//! (plain data); the loop that owns a trainer and answers it needs tensors and lives behind the feature `engine`.

pub mod protocol;
mod summary;

#[cfg(feature = "engine")]
mod adapter;
#[cfg(feature = "engine")]
mod answering;
#[cfg(feature = "engine")]
mod changes;
#[cfg(feature = "engine")]
mod copies;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
mod estimate;
#[cfg(feature = "engine")]
mod explaining;
#[cfg(feature = "engine")]
mod facts;
#[cfg(feature = "engine")]
mod few_shot;
#[cfg(feature = "engine")]
mod find_rate;
#[cfg(feature = "engine")]
mod language;
#[cfg(feature = "engine")]
mod measuring;
#[cfg(feature = "engine")]
mod model;
#[cfg(feature = "engine")]
mod nearest;
#[cfg(feature = "engine")]
mod nearest_rows;
#[cfg(feature = "engine")]
mod parts;
#[cfg(feature = "engine")]
mod quick_labels;
#[cfg(feature = "engine")]
mod reading;
#[cfg(feature = "engine")]
mod reading_parts;
#[cfg(feature = "engine")]
mod reopening;
#[cfg(feature = "engine")]
mod run;
#[cfg(feature = "engine")]
mod several;
#[cfg(feature = "engine")]
mod swapping;
#[cfg(all(test, feature = "cpu"))]
pub(crate) mod tiny;
#[cfg(feature = "engine")]
mod vectors;
#[cfg(feature = "engine")]
mod weights;
#[cfg(feature = "engine")]
mod writing;

#[cfg(feature = "engine")]
pub use answering::{Answered, Answering};
#[cfg(feature = "engine")]
pub use copies::CopyMaker;
#[cfg(feature = "engine")]
pub use error::SessionError;
#[cfg(feature = "engine")]
pub use estimate::Meter;
#[cfg(feature = "engine")]
pub use facts::hashes_of;
#[cfg(feature = "engine")]
pub use model::with_model_of_rows;
#[cfg(feature = "engine")]
pub use reading::{Reading, Survey, read_general_text};
#[cfg(feature = "engine")]
pub use reading_parts::{PartReport, PartRequest, PartsReading};
#[cfg(feature = "engine")]
pub use reopening::{GivenAnswers, Reopened};
#[cfg(feature = "engine")]
pub use run::{Resuming, Session};
#[cfg(feature = "engine")]
pub use several::PartSize;
pub use summary::RunSummarizer;
#[cfg(feature = "engine")]
pub use swapping::Swapping;
#[cfg(feature = "engine")]
pub use writing::Generated;
