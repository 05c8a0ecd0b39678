//! Why a model answers a text as it does: what each of its words adds to a score ([`ComparedRow`]).
//!
//! In: an input as a person gives it, and which output. Out: its words with their numbers; between two parts of the work a driver
//! shows how far it is, and can end it.

use super::SessionError;
use super::protocol::{ToExplain, Weights};
use super::run::Session;
use crate::config::RunConfig;
use crate::data::HostInputs;
use crate::model::Model;
use crate::task::several::SeveralRows;
use crate::task::{Explanation, PredictRequest, Task, TaskError, text_parts};
use crate::tokenizer::InputToken;
use crate::train::{Attributions, ComparedRow};

/// Points at which gradients are taken; those after the first where what they give does not add up.
const NUM_STEPS: [usize; 2] = [50, 200];

/// It adds up where it is off by no more than this share.
const COMPLETE: f64 = 0.01;

/// What answers, with the names of its outputs.
struct Answerer {
    task: Task,
    labels: Vec<String>,
    run: RunConfig,
    model: Model,
}

impl Session {
    /// Says what each word of a text adds to a score. `show` gets (points done, points in all), once more from the beginning where more
    /// are needed, and says whether to go on. `None` where it was ended.
    ///
    /// # Errors
    /// When answers of the task are not explained, there is no such output, or as [`Session::predict`].
    pub async fn explain(
        &mut self,
        asked: &ToExplain,
        mut show: impl AsyncFnMut(usize, usize) -> bool,
    ) -> Result<Option<Explanation>, SessionError> {
        let Answerer { task, labels, run, model } = &self.explainable(asked.weights, asked.part.as_deref())?;
        let input = &asked.input;
        let (tokens, pad_token_id, mut predictor) = self.loaded()?.with_task_model(|text| {
            let inputs = std::slice::from_ref(input);
            let predictor = task.predictor(&PredictRequest { inputs, labels, model: *text, run })?;
            let placed = text.tokenizer().place_tokens(&input.text, input.second.as_deref(), text.limit(run));
            let tokens = placed.map_err(|source| TaskError::of_input(0, source))?;
            Ok::<_, TaskError>((tokens, text.pad_token_id, predictor))
        })?;
        let Some(HostInputs::Text(text)) = predictor.next_batch().map(|batch| batch.inputs) else {
            return Err(self.unexplained("it reads more than a text"));
        };
        let is_same = text.input_ids.iter().zip(&tokens).all(|(&read, token)| read == token.id as i32);
        if !is_same || text.batch != 1 || text.seq < tokens.len() {
            return Err(self.unexplained("its tokenizer does not say where each token stands in the text"));
        }
        let baseline_ids = baseline_of(&text.input_ids, &tokens, pad_token_id);
        let compared = ComparedRow::compare(model, text, &baseline_ids, &self.device).await?;
        let compared = compared.ok_or_else(|| self.unexplained("it looks no vectors of tokens up"))?;
        let predicted = if task.spec().predicts_numbers() { 0 } else { highest(compared.outputs()) };
        let (output, num_outputs) = (asked.output.unwrap_or(predicted), compared.outputs().len());
        if output >= num_outputs {
            return Err(SessionError::NoOutput { output, num_outputs });
        }
        let texts: Vec<&str> = std::iter::once(input.text.as_str()).chain(input.second.as_deref()).collect();
        let is_cut = predictor.cut_inputs().contains(&0);
        let mut found = None;
        for num_steps in NUM_STEPS {
            let mut integration = compared.integrate(output, num_steps);
            loop {
                let goes_on = integration.advance().await?;
                let (done, total) = integration.progress();
                if !show(done, total).await {
                    return Ok(None);
                }
                if !goes_on {
                    break;
                }
            }
            let Attributions { tokens: added, score, baseline_score, num_steps } = integration.finish();
            let explanation = Explanation {
                output,
                label: labels.get(output).cloned().unwrap_or_default(),
                predicted,
                score,
                baseline_score,
                sum: added.iter().sum(),
                num_steps,
                texts: text_parts(&texts, &tokens, &added),
                is_cut,
            };
            let is_complete = explanation.completeness_error() <= COMPLETE;
            found = Some(explanation);
            if is_complete {
                break;
            }
        }
        Ok(found)
    }

    /// What answers with these weights, for a task whose answers are explained.
    fn explainable(&mut self, weights: Weights, part: Option<&str>) -> Result<Answerer, SessionError> {
        let task = self.answering_task(part)?;
        if let Some(reason) = task.spec().unexplained() {
            return Err(self.unexplained(reason));
        }
        let Some(name) = part else {
            if self.is_of_several() {
                return Err(SessionError::SeveralTasks);
            }
            self.check_head(weights)?;
            let model = self.weights(weights)?;
            return Ok(Answerer { task, labels: self.labels().to_vec(), run: self.answer_config(), model });
        };
        let whole = self.weights(weights)?;
        let rows = self.trainer.as_ref().ok_or(SessionError::NotTrained)?.rows();
        let parts = rows.as_several().map(SeveralRows::parts).unwrap_or_default();
        let head = parts.iter().position(|own| own.name == name).ok_or(SessionError::NotTrained)?;
        let labels = parts[head].rows.labels().to_vec();
        Ok(Answerer { task, labels, run: self.run_config(), model: whole.of_head(head) })
    }

    /// Why nothing is explained.
    pub(super) fn unexplained(&self, reason: &'static str) -> SessionError {
        match self.loaded() {
            Ok(model) => SessionError::Unexplained { model_type: model.pretrained.config.model_type(), reason },
            Err(error) => error,
        }
    }
}

/// The ids of the row that a row is compared with: padding in the place of what texts hold, special tokens kept.
fn baseline_of(input_ids: &[i32], tokens: &[InputToken], pad_token_id: u32) -> Vec<i32> {
    let is_of_text = |index: usize| tokens.get(index).is_some_and(|token| token.place.is_some());
    let id = |(index, &id): (usize, &i32)| if is_of_text(index) { pad_token_id as i32 } else { id };
    input_ids.iter().enumerate().map(id).collect()
}

/// Index of the highest number; of several alike the first.
fn highest(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenPlace;

    #[test]
    fn special_tokens_are_kept_and_what_texts_hold_becomes_padding() {
        let place = TokenPlace { text: 0, bytes: (0, 1), word: None };
        let token = |id, place| InputToken { id, place };
        let tokens = [token(2, None), token(7, Some(place)), token(3, Some(place)), token(3, None)];
        assert_eq!(baseline_of(&[2, 7, 3, 3, 0, 0], &tokens, 9), [2, 9, 9, 3, 0, 0]);
    }

    #[test]
    fn the_first_of_the_highest_is_taken() {
        assert_eq!(highest(&[0.5, 2.0, 2.0, -1.0]), 1);
        assert_eq!(highest(&[-3.0]), 0);
    }
}
