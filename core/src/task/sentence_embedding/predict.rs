//! Vectors of texts that a person typed, and how similar two of them are.

use super::{Prediction, SPEC};
use crate::data::{HostBatch, HostInputs, HostTargets, Outputs, Padding};
use crate::metrics::cosine_similarity;
use crate::task::texts::{EncodedTexts, output_rows, pad_texts};
use crate::task::{self, PredictRequest, Predictor, TaskError};

/// Prepares to give vectors to inputs, each text for itself.
///
/// # Errors
/// When the tokenizer fails on a text.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let limit = request.model.limit(request.run);
    let mut texts = Vec::with_capacity(request.inputs.len());
    let mut num_texts = Vec::with_capacity(request.inputs.len());
    let mut cut = Vec::new();
    for (index, input) in request.inputs.iter().enumerate() {
        let before = texts.len();
        for text in [Some(&input.text), input.second.as_ref()].into_iter().flatten() {
            let encoded = request.model.tokenizer().encode(text, limit);
            texts.push(EncodedTexts::from(encoded.map_err(|source| TaskError::of_input(index, source))?));
        }
        let is_cut = texts[before..].iter().any(|text| text.num_tokens_untruncated > limit);
        cut.extend(is_cut.then_some(index));
        num_texts.push(texts.len() - before);
    }
    let padding = request.model.padding(request.run);
    Ok(Box::new(EmbeddingPredictor { texts, num_texts, cut, padding, given: 0, vectors: Vec::new() }))
}

struct EmbeddingPredictor {
    texts: Vec<EncodedTexts>,
    /// Texts of each input: one, or two.
    num_texts: Vec<usize>,
    cut: Vec<usize>,
    padding: Padding,
    /// Texts that were given out.
    given: usize,
    /// Those that came back.
    vectors: Vec<Vec<f32>>,
}

impl Predictor for EmbeddingPredictor {
    fn next_batch(&mut self) -> Option<HostBatch> {
        let end = (self.given + SPEC.eval_batch_size).min(self.texts.len());
        let texts = &self.texts[self.given..end];
        if texts.is_empty() {
            return None;
        }
        let text = pad_texts(texts, &self.padding);
        self.given = end;
        let (num_rows, num_tokens) = (text.batch, text.num_tokens());
        let (targets, weight) = (HostTargets::None, num_rows as f64);
        Some(HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows, num_tokens })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        for vector in output_rows(outputs) {
            if !vector.iter().all(|number| number.is_finite()) {
                let mut end = 0;
                let ends = self.num_texts.iter().map(|num_texts| {
                    end += num_texts;
                    end
                });
                return Err(ends.take_while(|&end| end <= self.vectors.len()).count());
            }
            self.vectors.push(vector.to_vec());
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<task::Prediction> {
        let Self { num_texts, vectors, .. } = *self;
        let mut vectors = vectors.into_iter();
        let predict = |num_texts: usize| {
            let embedding = vectors.next()?;
            let second = if num_texts > 1 { Some(vectors.next()?) } else { None };
            let similarity = second.map(|second| cosine_similarity(&embedding, &second) as f32);
            Some(task::Prediction::SentenceEmbedding(Prediction { embedding, similarity }))
        };
        num_texts.into_iter().map_while(predict).collect()
    }

    fn cut_inputs(&self) -> &[usize] {
        &self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::task::TaskInput;
    use crate::task::texts::tests::{model, tokenizer};

    fn input(text: &str, second: Option<&str>) -> TaskInput {
        TaskInput { text: text.into(), second: second.map(str::to_owned), image: None }
    }

    fn predict(inputs: &[TaskInput], vectors: &[[f32; 2]]) -> (Result<Vec<task::Prediction>, usize>, Vec<usize>) {
        let tokenizer = tokenizer();
        let run = &RunConfig { max_seq_length: 4, ..RunConfig::default() };
        let request = PredictRequest { inputs, labels: &[], model: model(&tokenizer), run };
        let mut predictor = predictor(&request).expect("room enough");
        let cut = predictor.cut_inputs().to_vec();
        let mut vectors = vectors.iter();
        while let Some(batch) = predictor.next_batch() {
            let values = vectors.by_ref().take(batch.num_rows).flatten().copied().collect();
            if let Err(index) = predictor.add(&Outputs::Rows { values, width: 2 }) {
                return (Err(index), cut);
            }
        }
        (Ok(predictor.finish()), cut)
    }

    #[test]
    fn texts_get_vectors_and_pairs_their_cosine() {
        let inputs = [input("hello", None), input("hello", Some("world hello world")), input("world", None)];
        let (found, cut) = predict(&inputs, &[[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0]]);
        let found: Vec<(Vec<f32>, Option<f32>)> = found
            .expect("finite")
            .into_iter()
            .map(|prediction| match prediction {
                task::Prediction::SentenceEmbedding(Prediction { embedding, similarity }) => (embedding, similarity),
                other => panic!("not of this task: {other:?}"),
            })
            .collect();
        assert_eq!(found[0], (vec![1.0, 0.0], None));
        assert_eq!(found[1].0, [0.6, 0.8]);
        assert!(found[1].1.is_some_and(|cosine| (cosine - 0.96).abs() < 1e-6));
        assert_eq!((found.len(), cut), (3, vec![1]));
    }

    #[test]
    fn more_texts_than_a_batch_holds_are_answered_and_what_is_no_number_is_named() {
        let inputs: Vec<TaskInput> = (0..40).map(|_| input("hello", Some("world"))).collect();
        let mut vectors = vec![[1.0, 0.0]; 80];
        assert_eq!(predict(&inputs, &vectors).0.expect("finite").len(), 40);
        vectors[71] = [f32::NAN, 0.0];
        assert_eq!(predict(&inputs, &vectors).0, Err(35));
    }
}
