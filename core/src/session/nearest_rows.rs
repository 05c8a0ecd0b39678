//! The training rows that are most like a text, by the vectors of the model that answered it: what it may have learned the answer from.
//!
//! In: a text, and rows that were read. Out: the five nearest with their labels. Vectors of rows are computed once for the weights of a
//! run (or of the model before it) and kept until those change.

use super::SessionError;
use super::protocol::Weights;
use super::run::Session;
use super::vectors::Embedding;
use crate::data::findings::FindingRows;
use crate::data::{Outputs, Split};
use crate::hub::sha256_hex;
use crate::metrics::cosine_similarity;
use crate::model::{Head, Model, PooledHead};
use crate::task::{HeadKind, NearRow, NearestRows, PredictRequest, TaskInput};
use crate::train::{TrainError, read_vectors};

/// Training rows that are looked through; of more, so many that are spread over all of them evenly.
const MAX_SEARCHED: usize = 5000;

/// Rows that are given.
const NUM_NEAREST: usize = 5;

/// Vectors of training rows.
pub(super) struct RowVectors {
    of: VectorsOf,
    /// Places of the rows in the training split.
    places: Vec<usize>,
    /// Of each, one after the other.
    vectors: Vec<f32>,
    /// The run was trained on another file.
    are_others: bool,
}

/// Whose vectors they are.
#[derive(Debug, PartialEq, Eq)]
struct VectorsOf {
    weights: Weights,
    /// The step whose weights the run holds; `None` without a run.
    step: Option<u32>,
    /// Hash of the texts of these rows: a label that is corrected changes no vector.
    texts: String,
}

impl Session {
    /// Looks through the training rows that were read for those that are most like a text: through all of them, or 5000 that are
    /// spread over them evenly. `except` is the place in the training split of a row that is not meant: the text's own. `show` gets
    /// (rows that have their vectors, all of them) and says whether to go on. `None` where it was ended.
    ///
    /// # Errors
    /// When there are no training rows, the run is one of several tasks, the task's answers are not explained, the model makes no
    /// vectors of texts, or the device fails.
    pub async fn nearest_rows(
        &mut self,
        input: &TaskInput,
        weights: Weights,
        except: Option<usize>,
        mut show: impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<NearestRows>, SessionError> {
        if self.is_of_several() {
            return Err(SessionError::SeveralTasks);
        }
        if let Some(reason) = self.task()?.spec().unexplained() {
            return Err(self.unexplained(reason));
        }
        let config = &self.loaded()?.pretrained.config;
        if !config.has_head(HeadKind::Pooled) {
            return Err(SessionError::NoVectors { model_type: config.model_type() });
        }
        let row_vector = config.row_vector;
        let (rows, data) = self.rows_as_read()?;
        let num_rows = rows.num_rows()[Split::Train as usize];
        if num_rows == 0 {
            return Err(SessionError::EmptySplit { split: Split::Train });
        }
        let places: Vec<usize> = (0..num_rows).step_by(num_rows.div_ceil(MAX_SEARCHED)).collect();
        let texts = data.rows.finding_rows().ok_or(SessionError::NoData)?;
        let texts = hash_of(texts, &places, data.run.max_seq_length);
        let of = VectorsOf { weights, step: self.weights_of_step().map(|(step, _)| step), texts };
        let Model { backbone, .. } = self.weights(weights)?;
        let model = Model { backbone, head: Head::Pooled(PooledHead::new(row_vector)), more_heads: Vec::new() };
        if self.row_vectors.as_ref().is_none_or(|kept| kept.of != of) {
            self.row_vectors = None; // room for the others
            let in_split = places.iter().map(|&index| (Split::Train, index)).collect();
            let mut embedding = Embedding::new(model.clone(), rows.as_ref(), in_split);
            loop {
                let goes_on = embedding.advance(&self.device).await?;
                let (done, total) = embedding.progress();
                if !show(done, total).await {
                    return Ok(None);
                }
                if !goes_on {
                    break;
                }
            }
            let (vectors, are_others) = (embedding.finish(), self.was_trained_on_others(weights));
            self.row_vectors = Some(RowVectors { of, places, vectors, are_others });
        }
        let own = self.vector_of(&model, input).await?;
        let kept = self.row_vectors.as_ref().ok_or(SessionError::NoData)?;
        let nearest = rank(&own, kept, except);
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let shown = data.rows.finding_rows().ok_or(SessionError::NoData)?;
        let row = |(index, similarity): (usize, f32)| {
            let row = shown.row_at(Split::Train as usize, index);
            let texts = row.texts.iter().map(|&text| text.to_owned()).collect();
            NearRow { row: row.row, texts, label: row.labels.join(", "), similarity }
        };
        let num_searched = kept.places.iter().filter(|&&place| Some(place) != except).count();
        let rows = nearest.into_iter().map(row).collect();
        Ok(Some(NearestRows { num_searched, num_rows, are_others: kept.are_others, rows }))
    }

    /// Whether the weights are those of a run, and another file was read since.
    fn was_trained_on_others(&self, weights: Weights) -> bool {
        let (Weights::Tuned, Some(trainer), Some(data)) = (weights, &self.trainer, &self.data) else { return false };
        let trained = trainer.job().data_sha256.train.as_ref();
        trained.is_some_and(|trained| *trained != sha256_hex(&data.files.train.1))
    }

    /// The vector of a text.
    async fn vector_of(&self, model: &Model, input: &TaskInput) -> Result<Vec<f32>, SessionError> {
        let (loaded, run) = (self.loaded()?, self.answer_config());
        let mut predictor = loaded.with_task_model(|text| {
            let inputs = std::slice::from_ref(input);
            loaded.task.predictor(&PredictRequest { inputs, labels: self.labels(), model: *text, run: &run })
        })?;
        let batch = predictor.next_batch().ok_or(SessionError::NoData)?;
        match read_vectors(model, &batch, &self.device).await? {
            Outputs::Rows { values, .. } if values.iter().all(|value| value.is_finite()) => Ok(values),
            Outputs::Rows { .. } => Err(TrainError::NotFinite { row: 1 }.into()),
            Outputs::Tokens { .. } => Ok(Vec::new()),
        }
    }
}

/// Hash of what a model reads of some training rows.
fn hash_of(rows: &dyn FindingRows, places: &[usize], max_seq_length: u32) -> String {
    let mut bytes = max_seq_length.to_le_bytes().to_vec();
    for &place in places {
        let texts = rows.row_at(Split::Train as usize, place).texts;
        bytes.extend((texts.len() as u32).to_le_bytes());
        bytes.extend(texts.into_iter().flat_map(|text| sha256_hex(text.as_bytes()).into_bytes()));
    }
    sha256_hex(&bytes)
}

/// Places of the rows whose vectors are nearest to another, with the cosine, the most similar first.
fn rank(own: &[f32], kept: &RowVectors, except: Option<usize>) -> Vec<(usize, f32)> {
    let vectors = kept.vectors.chunks_exact(own.len().max(1));
    let all = kept.places.iter().zip(vectors).filter(|&(&place, _)| Some(place) != except);
    let mut near: Vec<(usize, f32)> =
        all.map(|(&place, vector)| (place, cosine_similarity(own, vector) as f32)).collect();
    near.sort_by(|one, other| other.1.total_cmp(&one.1));
    near.truncate(NUM_NEAREST);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rows_come_first_and_the_text_itself_is_not_one_of_them() {
        let of = VectorsOf { weights: Weights::Tuned, step: Some(3), texts: "a".into() };
        let vectors = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0], [0.8, 0.6], [0.0, -1.0]];
        let kept = RowVectors {
            of,
            places: (0..7).map(|index| index * 2).collect(),
            vectors: vectors.concat(),
            are_others: false,
        };
        let places = |except| rank(&[2.0, 0.0], &kept, except).iter().map(|near| near.0).collect::<Vec<_>>();
        assert_eq!(places(None), [0, 6, 10, 4, 2], "of those that are equally similar the first in the file");
        assert_eq!(places(Some(0)), [6, 10, 4, 2, 12]);
        assert!((rank(&[2.0, 0.0], &kept, None)[2].1 - 0.8).abs() < 1e-6);
    }
}
