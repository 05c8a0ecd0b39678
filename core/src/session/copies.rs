//! Copies of training rows that the loaded model makes before a run: it fills in words, or translates texts and translates them back.
//!
//! In: [`ModelCopies`], which know what is asked. Out: the same with what the model said, a part at a time, so that a driver shows how
//! far it is and can end it. What is asked of is the model as it was loaded, whatever was trained since.

use super::SessionError;
use super::model::LoadedModel;
use super::protocol::Weights;
use super::run::{Data, Session};
use super::weights::HeadSettings;
use crate::config::{CopyMethod, RunConfig, Translation};
use crate::generate::{FinishedText, Generation, TextGeneration};
use crate::model::Model;
use crate::task::{
    CopyQuestions, HeadKind, ModelCopies, PredictRequest, Prediction, Task, TaskError, TaskInput, Translated,
};
use crate::train::predict;

/// Tokens that a translation may have for each of its text, and beside these.
const MAX_TOKENS_PER_TOKEN: usize = 2;
const MORE_TOKENS: usize = 16;

/// Why a model whose architecture could fill in words does not.
const NO_HEAD: &str = "its files hold no head that fills in words, and a fresh one knows none";

/// A model that makes copies.
#[derive(Debug)]
pub struct CopyMaker {
    model: Model,
}

/// Which way a text is translated.
#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Back,
}

impl Session {
    /// Builds the loaded model to make copies.
    ///
    /// # Errors
    /// When no model is loaded, or its files hold no head that makes copies in this way.
    pub fn copy_maker(&mut self, method: &CopyMethod) -> Result<CopyMaker, SessionError> {
        let model = match method {
            CopyMethod::Masked => self.model_that_fills_blanks()?,
            CopyMethod::Translated(_) if self.loaded()?.task.spec().head == HeadKind::Seq2seqLm => {
                self.weights(Weights::Base)?
            }
            CopyMethod::Translated(_) => return Err(self.no_copies("it does not turn one text into another")),
        };
        Ok(CopyMaker { model })
    }

    fn model_that_fills_blanks(&mut self) -> Result<Model, SessionError> {
        let model = self.loaded()?;
        if !model.pretrained.config.has_head(HeadKind::MaskedLm) {
            return Err(self.no_copies("it has no head that fills in words"));
        }
        if !model.fills_blanks() {
            return Err(self.no_copies(NO_HEAD));
        }
        self.release_built(); // room for this one; the next question builds it again
        let model = &self.loaded()?.pretrained;
        let (built, loaded) = HeadSettings::new(masked_task(), &model.run, 0).build(model, &self.device)?;
        if loaded.fresh.iter().any(|path| path.starts_with("head.")) {
            return Err(self.no_copies(NO_HEAD));
        }
        Ok(built.for_inference())
    }

    fn no_copies(&self, reason: &'static str) -> SessionError {
        match self.loaded() {
            Ok(model) => SessionError::NoCopies { model_type: model.pretrained.config.model_type(), reason },
            Err(error) => error,
        }
    }

    /// Makes the next copies; `false` once there is nothing left to ask. `back` is what translates back, where that is another model.
    ///
    /// # Errors
    /// When the tokenizer or the device fails.
    pub async fn make_copies(
        &self,
        maker: &CopyMaker,
        back: Option<(&Self, &CopyMaker)>,
        copies: &mut ModelCopies,
    ) -> Result<bool, SessionError> {
        match copies.ask() {
            None => return Ok(false),
            Some(CopyQuestions::Blanks(inputs)) => {
                let answers = self.fill_blanks(&maker.model, &inputs).await?;
                copies.take_filled(&answers);
            }
            Some(CopyQuestions::Texts(texts)) => {
                let CopyMethod::Translated(translation) = copies.method().clone() else { return Ok(false) };
                let (back_session, back_maker) = back.unwrap_or((self, maker));
                let mut made = Vec::with_capacity(texts.len());
                for (text, seed) in texts {
                    let there = self.translate(&maker.model, &translation, Way::There, (&text, seed)).await?;
                    made.push(match there {
                        Translated::NotEnded => Translated::NotEnded,
                        Translated::Text(there) => {
                            let text = (there.as_str(), seed.wrapping_add(1));
                            back_session.translate(&back_maker.model, &translation, Way::Back, text).await?
                        }
                    });
                }
                copies.take_translated(made);
            }
        }
        let (done, total) = copies.progress();
        Ok(done < total)
    }

    /// What is likely in the blanks of texts; `None` of a text that can't be asked about, such as one that is too long.
    async fn fill_blanks(&self, model: &Model, inputs: &[TaskInput]) -> Result<Vec<Option<Prediction>>, SessionError> {
        match self.fill_all(model, inputs).await {
            Ok(found) => return Ok(found.into_iter().map(Some).collect()),
            // One of them can't be asked about: then each is by itself.
            Err(SessionError::Task(TaskError::Input { .. })) => {}
            Err(error) => return Err(error),
        }
        let mut answers = Vec::with_capacity(inputs.len());
        for input in inputs {
            answers.push(match self.fill_all(model, std::slice::from_ref(input)).await {
                Ok(mut found) => found.pop(),
                Err(SessionError::Task(TaskError::Input { .. })) => None,
                Err(error) => return Err(error),
            });
        }
        Ok(answers)
    }

    async fn fill_all(&self, model: &Model, inputs: &[TaskInput]) -> Result<Vec<Prediction>, SessionError> {
        let run = &self.own_run();
        let mut predictor = self.loaded()?.with_task_model(|text| {
            masked_task().predictor(&PredictRequest { inputs, labels: &[], model: *text, run })
        })?;
        predict(model, predictor.as_mut(), &self.device).await?;
        Ok(predictor.finish())
    }

    /// Makes some of the copies that augmentation adds to the rows of a run, so that its start or its plan need not wait for all of
    /// them: rows done, and rows in all. `None` once nothing is left, or where rows are read anew for these settings first.
    ///
    /// # Errors
    /// When no model is loaded, or its tokenizer fails.
    pub fn prepare_part(&self, run: &RunConfig) -> Result<Option<(usize, usize)>, SessionError> {
        let model = self.loaded()?;
        let is_of_rows = |data: &&Data| data.run.split == run.split && data.run.seed == run.seed;
        let Some(data) = self.data.as_ref().filter(is_of_rows).filter(|_| run.check().is_empty()) else {
            return Ok(None);
        };
        Ok(model.with_task_model(|text| data.rows.prepare_part(text, run))?)
    }

    /// One text, translated one way with its seed. One without a word stays as it is.
    async fn translate(
        &self,
        model: &Model,
        translation: &Translation,
        way: Way,
        (text, seed): (&str, u64),
    ) -> Result<Translated, SessionError> {
        if text.trim().is_empty() {
            return Ok(Translated::Text(text.to_owned()));
        }
        let prefix = match way {
            Way::There => &translation.there,
            Way::Back => &translation.back,
        };
        let LoadedModel { pretrained, eos_token_ids, .. } = self.loaded()?;
        let (window, tokenizer) = (pretrained.config.max_tokens(), pretrained.tokenizer());
        let encoded = tokenizer.encode(&format!("{prefix}{text}"), window)?;
        if encoded.num_tokens_untruncated > window {
            return Ok(Translated::NotEnded);
        }
        let max_new_tokens = encoded.ids.len() * MAX_TOKENS_PER_TOKEN + MORE_TOKENS;
        let sampling = translation.sampling(seed, u32::try_from(max_new_tokens).unwrap_or(u32::MAX));
        let tokens = Generation::new(model, encoded.ids, &sampling, eos_token_ids, window, &self.device)?;
        let written = TextGeneration::new(tokens, tokenizer, &sampling).rest().await?;
        Ok(match written {
            FinishedText { text, is_complete: true, .. } => Translated::Text(text.trim().to_owned()),
            FinishedText { .. } => Translated::NotEnded,
        })
    }
}

/// The task whose head fills in words.
fn masked_task() -> Task {
    let fills = |task: &Task| task.spec().head == HeadKind::MaskedLm;
    Task::ALL.iter().copied().find(fills).expect("there is such a task")
}
