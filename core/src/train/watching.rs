//! What is looked at of a model that predicts tokens besides the figures of its rows, before the first step and after each evaluation:
//! a text that has nothing to do with the rows, which says what it forgets, and, where it writes, what it makes of a few validation
//! prompts.
//!
//! In: a [`SampleWriter`] and the rows of a general text. Out: [`TrainEvent::GeneralMeasured`] and [`TrainEvent::Sampled`].

use std::collections::VecDeque;
use std::rc::Rc;

use super::run_model::InferenceModel;
use super::trainer::Stage;
use super::{Evaluator, SampleWriter, TrainError, Trainer};
use crate::event::{Phase, Split, StopReason, TrainEvent};
use crate::metrics::TextShape;
use crate::task::{PromptRow, TaskRows};

/// What is looked at; nothing of a model that does not predict tokens.
#[derive(Default)]
pub(super) struct Watched {
    /// Writes on from validation prompts.
    writer: Option<SampleWriter>,
    /// Rows of a general text ([`Split::Train`]).
    general: Option<Rc<dyn TaskRows>>,
}

impl Trainer {
    /// Lets a model that writes go on from a few validation prompts before the first step and after each evaluation, and measures
    /// `general`, rows of a text that has nothing to do with those of the run, as often.
    #[must_use]
    pub fn with_watched(mut self, writer: Option<SampleWriter>, general: Option<Rc<dyn TaskRows>>) -> Self {
        self.watched = Watched { writer, general };
        self.look_before_the_first_step();
        self
    }

    /// Of a run that took no step yet, after its first events: looks before it takes one. One that was cut off meanwhile does so
    /// again, from the start.
    pub(super) fn look_before_the_first_step(&mut self) {
        let Watched { writer, general } = &self.watched;
        let is_watched = general.is_some() || (writer.is_some() && self.job.run.eval_samples > 0);
        // Without validation rows there are no evaluations to compare the beginning with.
        let has_evaluations = self.rows.num_rows()[Split::Valid as usize] > 0;
        if self.progress.step == 0 && has_evaluations && is_watched {
            self.events.retain(|event| !matches!(event, TrainEvent::Phase { .. })); // the first step comes after it
            self.events.push_back(TrainEvent::Phase { phase: Phase::Sampling });
            self.stage = Stage::Beginning;
        }
    }

    /// Looks at the rows alone again, of a run that has not begun.
    pub(super) fn without_watched(mut self) -> Self {
        (self.watched, self.stage) = (Watched::default(), Stage::Training);
        self
    }

    /// What follows the figures of the rows: the general text where there is one, then what the model writes.
    pub(super) fn after_rows(&self) -> Stage {
        match &self.watched.general {
            Some(rows) => {
                let evaluator = Evaluator::new(rows.as_ref(), Split::Train).in_parts(self.batch_parts);
                Stage::General(Rc::clone(rows), evaluator, InferenceModel::default())
            }
            None => self.sampling(),
        }
    }

    fn sampling(&self) -> Stage {
        let count = self.job.run.eval_samples as usize;
        let prompts = match self.watched.writer {
            Some(_) if count > 0 => self.rows.prompts(Split::Valid, count),
            _ => Vec::new(),
        };
        Stage::Sampling(prompts.into(), InferenceModel::default())
    }

    /// Measures the next batch of the general text.
    pub(super) async fn measure_general(
        &mut self,
        rows: Rc<dyn TaskRows>,
        mut evaluator: Evaluator,
        mut prepared: InferenceModel,
    ) -> Result<(), TrainError> {
        let device = self.device.clone().without_autodiff();
        if evaluator.advance(prepared.of(&self.model), rows.as_ref(), &device).await? {
            self.stage = Stage::General(rows, evaluator, prepared);
            return Ok(());
        }
        let (evaluation, _) = evaluator.finish();
        self.events.push_back(TrainEvent::GeneralMeasured { step: self.progress.step, evaluation });
        self.stage = self.sampling();
        Ok(())
    }

    /// Writes on from one validation prompt; after the last, what follows an evaluation, or the first step.
    pub(super) async fn sample(
        &mut self,
        mut prompts: VecDeque<PromptRow>,
        mut prepared: InferenceModel,
    ) -> Result<(), TrainError> {
        let step = self.progress.step;
        if let (Some(prompt), Some(writer)) = (prompts.pop_front(), &self.watched.writer) {
            let device = self.device.clone().without_autodiff();
            let written = writer.write(&prompt, prepared.of(&self.model), &self.config, &device).await?;
            let shape = Some(TextShape::new(&written.ids, written.is_complete));
            let (PromptRow { prompt, expected, .. }, generated) = (prompt, written.text);
            self.events.push_back(TrainEvent::Sampled { step, prompt, expected, generated, shape });
            self.stage = Stage::Sampling(prompts, prepared);
            return Ok(());
        }
        if step == 0 {
            self.events.push_back(TrainEvent::Phase { phase: Phase::FirstStep });
            return Ok(());
        }
        // A run that stops early within an epoch gets no checkpoint here: losses still wait to be read, and it is saved when it ends.
        if self.is_epoch_end() || !self.patience_is_over() {
            self.events.push_back(TrainEvent::CheckpointDue { step });
        }
        if self.patience_is_over() {
            self.stage = self.ending(StopReason::EarlyStopping);
        } else if step < self.num_steps()[1] {
            self.events.push_back(TrainEvent::Phase { phase: Phase::Training });
        }
        Ok(())
    }
}
