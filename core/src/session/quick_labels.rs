//! What is learned of labels in seconds: the quick baseline before any training, and rows whose labels may be wrong, before it or by what
//! a run says of the rows that it did not learn from.

use std::rc::Rc;

use super::SessionError;
use super::protocol::Weights;
use super::run::Session;
use crate::event::Split;
use crate::task::{LabelErrorRows, LabelErrors, OutOfFold, QuickBaseline, QuickRows, TaskRows, label_errors_of_run};
use crate::train::Evaluator;

impl Session {
    /// Measures what can be told without training: on the rows of `split`, or where it has none on the training rows in folds.
    /// `now_secs` are seconds by any clock; `show` gets (rows that have their vectors, all of them) and says whether to go on. `None` where
    /// it was ended.
    ///
    /// # Errors
    /// When model or rows are missing, rows do not have one label each, the model makes no vectors of them, or the device fails.
    pub async fn quick_baseline(
        &self,
        split: Split,
        now_secs: &dyn Fn() -> f64,
        mut show: impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<QuickBaseline>, SessionError> {
        let (rows, data) = self.rows_as_read()?;
        let chosen = QuickRows::choose(rows.as_ref(), split, data.run.seed).ok_or(SessionError::NotLabeled)?;
        let begin = now_secs();
        let places: Vec<(Split, usize)> = chosen.places().collect();
        let total = places.len();
        let Some(vectors) = self.vectors(rows.as_ref(), places, &mut show).await? else { return Ok(None) };
        let vectors_secs = now_secs() - begin;
        let vectors = chosen.with_vectors(vectors);
        let mut measure = vectors.measure();
        while measure.advance(now_secs) {
            if !show(total, total).await {
                return Ok(None);
            }
        }
        Ok(Some(measure.finish(vectors_secs)))
    }

    /// Seeks rows whose labels may be wrong, in all splits: each row's label is told by a logistic regression on the vectors of the rows
    /// of the other folds. `show` and `None` as of [`Self::quick_baseline`].
    ///
    /// # Errors
    /// As [`Self::quick_baseline`]; when there are fewer rows than folds.
    pub async fn label_errors(
        &self,
        num_folds: usize,
        mut show: impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<(LabelErrors, OutOfFold)>, SessionError> {
        let (rows, data) = self.rows_as_read()?;
        let has_own_file = [data.files.valid.is_some(), data.files.test.is_some()];
        let chosen = LabelErrorRows::choose(rows.as_ref(), has_own_file, (num_folds, data.run.seed));
        let chosen = chosen.ok_or(SessionError::NotLabeled)?;
        let total = chosen.places().len();
        let vectors = self.vectors(rows.as_ref(), chosen.places().to_vec(), &mut show).await?;
        let Some(vectors) = vectors else { return Ok(None) };
        let vectors = chosen.with_vectors(vectors);
        let mut search = vectors.learn();
        while search.advance() {
            if !show(total, total).await {
                return Ok(None);
            }
        }
        Ok(Some(search.finish()))
    }

    /// Seeks them by the probabilities of the run, among its own validation and test rows, as they were when it began. `show` and `None` as
    /// of [`Self::quick_baseline`].
    ///
    /// # Errors
    /// When there is no run, it has several tasks or no rows but those that it learned from, rows do not have one label each, or the device
    /// fails.
    pub async fn label_errors_of_run(
        &mut self,
        mut show: impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<LabelErrors>, SessionError> {
        if self.is_of_several() {
            return Err(SessionError::SeveralTasks);
        }
        let trainer = self.trainer.as_ref().ok_or(SessionError::NotTrained)?;
        let (rows, job) = (Rc::clone(trainer.rows()), trainer.job());
        let has_own_file = [job.valid_file.is_some(), job.test_file.is_some()];
        if rows.label_ids(Split::Valid).is_none() {
            return Err(SessionError::NotLabeled);
        }
        let num_rows = rows.num_rows();
        let counts = [Split::Valid, Split::Test].map(|split| (split, num_rows[split.index()]));
        let total: usize = counts.iter().map(|(_, count)| count).sum();
        if total == 0 {
            return Err(SessionError::EmptySplit { split: Split::Valid });
        }
        let model = self.weights(Weights::Tuned)?;
        let (mut predicted, mut done) = (Vec::new(), 0);
        for (split, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let mut evaluator = Evaluator::new(rows.as_ref(), split);
            loop {
                let goes_on = evaluator.advance(&model, rows.as_ref(), &self.device).await?;
                if !show(done + evaluator.progress().0, total).await {
                    return Ok(None);
                }
                if !goes_on {
                    break;
                }
            }
            done += count;
            predicted.push((split, evaluator.finish().1));
        }
        let found = label_errors_of_run(&predicted, rows.labels(), has_own_file);
        found.map(Some).ok_or(SessionError::NotLabeled)
    }

    /// Vectors of rows; `None` where `show` ended it.
    async fn vectors(
        &self,
        rows: &dyn TaskRows,
        places: Vec<(Split, usize)>,
        show: &mut impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<Vec<f32>>, SessionError> {
        let mut embedding = self.embed(rows, places)?;
        loop {
            let goes_on = embedding.advance(&self.device).await?;
            let (done, total) = embedding.progress();
            if !(*show)(done, total).await {
                return Ok(None);
            }
            if !goes_on {
                return Ok(Some(embedding.finish()));
            }
        }
    }
}
