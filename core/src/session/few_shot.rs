//! What labels can be told without training, by the vectors of the model as it was loaded: what a run is measured
//! against.

use super::SessionError;
use super::run::Session;
use crate::event::Split;
use crate::task::{FewShotReport, FewShotRows, HeadKind};
use crate::train::predict;

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
        let reads_images = loaded.task.spec().head == HeadKind::Image;
        let has_vectors = loaded.pretrained.config.has_head(HeadKind::Pooled) && !reads_images;
        let Some(chosen) = FewShotRows::choose(rows.as_ref(), split, run.seed).filter(|_| has_vectors) else {
            return Ok(None);
        };
        let (examples, labeled) = (chosen.examples().iter(), chosen.rows().iter());
        let places = examples.map(|&row| (Split::Train, row)).chain(labeled.map(|&row| (split, row))).collect();
        let mut embedding = self.embed(rows.as_ref(), places)?;
        loop {
            let goes_on = embedding.advance(&self.device).await?;
            let (done, total) = embedding.progress();
            progress(done, total);
            if !goes_on {
                break;
            }
        }
        let mut names = loaded.with_task_model(|text| chosen.name_predictor(*text, &run))?;
        predict(embedding.model(), names.as_mut(), &self.device).await?;
        let vectors = embedding.finish();
        let num_rows = chosen.examples().len() + chosen.rows().len();
        let (examples, labeled) = vectors.split_at(chosen.examples().len() * (vectors.len() / num_rows));
        Ok(Some(chosen.report(examples, labeled, names.finish())))
    }
}
