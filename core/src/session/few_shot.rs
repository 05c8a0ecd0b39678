//! What labels can be told without training, by the vectors of the model as it was loaded: what a run is measured
//! against.

use std::cmp::Reverse;

use super::SessionError;
use super::run::Session;
use crate::config::Pooling;
use crate::data::{HostBatch, HostTargets, Outputs};
use crate::event::Split;
use crate::model::Model;
use crate::task::{FewShotReport, FewShotRows, HeadKind, TaskRows};
use crate::train::{TrainError, predict, read_outputs};

/// Rows in a batch.
const BATCH_SIZE: usize = 64;

impl Session {
    /// Labels the rows of a split by examples from the training rows and by the names of the labels; `progress` gets (rows
    /// done, rows in all). `None` where rows do not have one label each, or the model makes no vectors of texts.
    ///
    /// # Errors
    /// When model or rows are missing, or the device fails.
    pub async fn few_shot(
        &self,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Option<FewShotReport>, SessionError> {
        let (rows, run) = (self.rows()?, self.run_config());
        let loaded = self.loaded()?;
        let has_vectors = loaded.pretrained.config.has_head(HeadKind::Pooled);
        let Some(chosen) = FewShotRows::choose(rows.as_ref(), split, run.seed).filter(|_| has_vectors) else {
            return Ok(None);
        };
        let (model, _) = loaded.pretrained.build(HeadKind::Pooled, Pooling::default(), 0, 0, &self.device)?;
        let model = model.for_inference();
        let num_examples = chosen.examples().len();
        let total = num_examples + chosen.rows().len();
        let mut of_examples = |done: usize| progress(done, total);
        let examples = self.embed(&model, rows.as_ref(), Split::Train, chosen.examples(), &mut of_examples).await?;
        let mut of_rows = |done: usize| progress(num_examples + done, total);
        let labeled = self.embed(&model, rows.as_ref(), split, chosen.rows(), &mut of_rows).await?;
        let mut names = self.loaded()?.with_task_model(|text| chosen.name_predictor(*text, &run))?;
        predict(&model, names.as_mut(), &self.device).await?;
        Ok(Some(chosen.report(&examples, &labeled, names.finish())))
    }

    /// Vectors of the rows at `indices` of a split, in their order, one after the other; `progress` gets the rows done.
    async fn embed(
        &self,
        model: &Model,
        rows: &dyn TaskRows,
        split: Split,
        indices: &[usize],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>, SessionError> {
        let lengths = rows.lengths(split);
        // Like lengths together, so that little is padded.
        let mut order: Vec<usize> = (0..indices.len()).collect();
        order.sort_by_key(|&at| Reverse(lengths[indices[at]]));
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); indices.len()];
        for (part, chunk) in order.chunks(BATCH_SIZE).enumerate() {
            let of_batch: Vec<usize> = chunk.iter().map(|&at| indices[at]).collect();
            let batch = HostBatch { targets: HostTargets::None, ..rows.batch(split, &of_batch, None) };
            let Outputs::Rows { values, width } = read_outputs(model, &batch, &self.device).await? else { continue };
            for (&at, vector) in chunk.iter().zip(values.chunks(width.max(1))) {
                if !vector.iter().all(|number| number.is_finite()) {
                    return Err(TrainError::NotFinite { row: rows.row_number(split, indices[at]) }.into());
                }
                vectors[at] = vector.to_vec();
            }
            progress((part * BATCH_SIZE + chunk.len()).min(indices.len()));
        }
        Ok(vectors.concat())
    }
}
