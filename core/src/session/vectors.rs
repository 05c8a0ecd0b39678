//! Vectors of rows, by the model as it was loaded or one that a run has trained: of texts pooled states, of images what the head reads.
//!
//! In: rows, and which of them. Out: a vector each, a batch at a time, so that a driver can show how far it is.

use std::cmp::Reverse;

use burn::tensor::Device;

use super::SessionError;
use super::run::{Data, Session};
use crate::config::Pooling;
use crate::data::{HostBatch, HostTargets, Outputs};
use crate::event::Split;
use crate::model::Model;
use crate::task::{HeadKind, TaskRows};
use crate::train::{TrainError, read_vectors};

/// Texts in a batch, and images.
const BATCH_SIZE: usize = 64;
const IMAGE_BATCH_SIZE: usize = 16;

/// Outputs of a head whose outputs are not asked for.
const NUM_OUTPUTS: usize = 2;

/// Rows that are getting their vectors.
pub(super) struct Embedding<'r> {
    model: Model,
    rows: &'r dyn TaskRows,
    places: Vec<(Split, usize)>,
    /// Places in the order in which they are computed: a split after the other, like lengths together, so that little is padded.
    order: Vec<usize>,
    num_done: usize,
    batch_size: usize,
    /// Of each place, one after the other.
    vectors: Vec<f32>,
}

impl<'r> Embedding<'r> {
    /// Rows at some places, whose vectors a model makes that is for inference.
    pub(super) fn new(model: Model, rows: &'r dyn TaskRows, places: Vec<(Split, usize)>) -> Self {
        let lengths = [Split::Train, Split::Valid, Split::Test].map(|split| rows.lengths(split));
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|&at| {
            let (split, index) = places[at];
            (split, Reverse(lengths[split as usize][index]))
        });
        let batch_size = if model.head.kind() == HeadKind::Image { IMAGE_BATCH_SIZE } else { BATCH_SIZE };
        Self { model, rows, places, order, num_done: 0, batch_size, vectors: Vec::new() }
    }

    /// What makes the vectors.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Rows that have their vectors, and all of them.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.num_done, self.places.len())
    }

    /// Computes a batch; `false` once all rows have their vectors.
    ///
    /// # Errors
    /// When the device fails, or a vector is not finite; names the row.
    pub(super) async fn advance(&mut self, device: &Device) -> Result<bool, SessionError> {
        let Some(&first) = self.order.get(self.num_done) else { return Ok(false) };
        let split = self.places[first].0;
        let left = self.order[self.num_done..].iter().copied();
        let chunk: Vec<usize> = left.take(self.batch_size).take_while(|&at| self.places[at].0 == split).collect();
        let indices: Vec<usize> = chunk.iter().map(|&at| self.places[at].1).collect();
        let batch = HostBatch { targets: HostTargets::None, ..self.rows.batch(split, &indices, None) };
        if let Outputs::Rows { values, width } = read_vectors(&self.model, &batch, device).await? {
            self.vectors.resize(self.places.len() * width, 0.0);
            for (&at, vector) in chunk.iter().zip(values.chunks(width.max(1))) {
                if !vector.iter().all(|number| number.is_finite()) {
                    return Err(TrainError::NotFinite { row: self.rows.row_number(split, self.places[at].1) }.into());
                }
                self.vectors[at * width..(at + 1) * width].copy_from_slice(vector);
            }
        }
        self.num_done += chunk.len();
        Ok(self.num_done < self.order.len())
    }

    /// The vectors in the order of their places, one after the other.
    pub(super) fn finish(self) -> Vec<f32> {
        self.vectors
    }
}

impl Session {
    /// Begins to compute the vectors of rows at some places.
    ///
    /// # Errors
    /// When no model is there, it makes no vector of a row, or it can't be built.
    pub(super) fn embed<'r>(
        &self,
        rows: &'r dyn TaskRows,
        places: Vec<(Split, usize)>,
    ) -> Result<Embedding<'r>, SessionError> {
        let loaded = self.loaded()?;
        let reads_images = loaded.task.spec().head == HeadKind::Image;
        let head = if reads_images { HeadKind::Image } else { HeadKind::Pooled };
        let config = &loaded.pretrained.config;
        if !config.has_head(head) {
            return Err(SessionError::NoVectors { model_type: config.model_type() });
        }
        let (model, _) = loaded.pretrained.build(head, Pooling::default(), NUM_OUTPUTS, 0, &self.device)?;
        Ok(Embedding::new(model.for_inference(), rows, places))
    }

    /// The rows that were read, whatever a run that is loaded was trained on.
    ///
    /// # Errors
    /// When model or rows are missing, or the rows can't be prepared for it.
    pub(super) fn rows_as_read(&self) -> Result<(Box<dyn TaskRows>, &Data), SessionError> {
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        Ok((self.loaded()?.with_task_model(|text| data.rows.prepare(text, &data.run))?, data))
    }
}
