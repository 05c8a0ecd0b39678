//! Many inputs on their way to answers, some at a time: between two parts a driver can show how far it is, hear what it is asked
//! for, and drop the rest. In: inputs in the order of their file. Out: their answers in that order. Inputs of like length are
//! answered together, so that little is padded; a model that writes answers one at a time.

use super::SessionError;
use super::protocol::{Weights, WriteAs};
use super::run::Session;
use crate::config::ReadOptions;
use crate::data::{TrainedRead, read_as_trained};
use crate::generate::{FilterCounts, FinishReason, GenerateError};
use crate::images::read_header;
use crate::task::{Prediction, Task, TaskError, TaskInput, Written};

/// Inputs of which some were answered.
pub struct Answering {
    inputs: Vec<TaskInput>,
    /// Those that are answered one part after the other, the longest first.
    order: Vec<usize>,
    /// How many of `order` were given out.
    next: usize,
    part_size: usize,
    /// How texts are written; `None` of models that do not write.
    write_as: Option<WriteAs>,
    /// A text that can't be used is left out with the reason, as images are.
    leaves_out_texts: bool,
    answered: Answered,
}

/// What came of inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// An answer an input, in their order; `None` of images that can't be read, of prompts that do not fit, and of texts
    /// that were left out.
    pub predictions: Vec<Option<Prediction>>,
    /// Indices of inputs that are longer than the model reads, and were cut; ascending.
    pub cut: Vec<usize>,
    /// Indices of those without an answer, with the reason; ascending.
    pub bad: Vec<(usize, String)>,
    /// What the rules for what is written replaced.
    pub filtered: FilterCounts,
}

impl Answering {
    /// Of these inputs, at most `part_size` at a time. Images whose headers say that they can't be read are not tried.
    #[must_use]
    pub fn new(inputs: Vec<TaskInput>, part_size: usize) -> Self {
        let length = |index: &usize| match &inputs[*index] {
            TaskInput { image: Some(_), .. } => 0,
            TaskInput { text, second, .. } => text.len() + second.as_ref().map_or(0, String::len),
        };
        let mut bad = Vec::new();
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.retain(|&index| match inputs[index].image.as_deref().map(read_header) {
            Some(Err(reason)) => {
                bad.push((index, format!("{} {reason}", inputs[index].text)));
                false
            }
            _ => true,
        });
        order.sort_by_key(|index| std::cmp::Reverse(length(index)));
        let answered = Answered { predictions: vec![None; inputs.len()], bad, ..Answered::default() };
        Self { inputs, order, next: 0, part_size: part_size.max(1), write_as: None, leaves_out_texts: false, answered }
    }

    /// The same of a model that writes: what it writes after each input, one input at a time.
    #[must_use]
    pub fn writing(self, write_as: Option<WriteAs>) -> Self {
        Self { write_as, ..self }
    }

    /// The same of the rows of a file: a text that can't be used is left out with the reason, and is no error.
    #[must_use]
    pub fn leaving_out_texts(self, leaves_out_texts: bool) -> Self {
        Self { leaves_out_texts, ..self }
    }

    /// How many were answered, of how many.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.next, self.order.len())
    }

    /// The answers; of inputs that were not asked about yet there is none.
    #[must_use]
    pub fn finish(self) -> Answered {
        let Answered { predictions, mut cut, mut bad, filtered } = self.answered;
        cut.sort_unstable();
        bad.sort_unstable();
        Answered { predictions, cut, bad, filtered }
    }
}

impl Session {
    /// Answers the next inputs; `false` once all are answered. `part` names one of a run's several tasks.
    ///
    /// # Errors
    /// As [`Session::predict`] and [`Session::predict_part`]; of a text that can't be used, unless those are left
    /// out, with its number among all inputs, from 1.
    pub async fn answer_inputs(
        &mut self,
        answering: &mut Answering,
        weights: Weights,
        part: Option<&str>,
    ) -> Result<bool, SessionError> {
        if answering.write_as.is_some() {
            return self.write_next(answering, weights).await;
        }
        let end = (answering.next + answering.part_size).min(answering.order.len());
        let mut left = answering.order[answering.next..end].to_vec();
        // An image is given away, so that no more are held than are needed.
        let inputs = &mut answering.inputs;
        let take = |&index: &usize| {
            let image = inputs[index].image.take();
            TaskInput { image, ..inputs[index].clone() }
        };
        let mut batch: Vec<TaskInput> = left.iter().map(take).collect();
        while !batch.is_empty() {
            let answer = match part {
                Some(part) => self.predict_part(part, &batch, weights).await,
                None => self.predict(&batch, weights).await,
            };
            match answer {
                Ok((predictions, longer)) => {
                    let Answered { predictions: all, cut, .. } = &mut answering.answered;
                    cut.extend(longer.iter().map(|&at| left[at]));
                    left.iter().zip(predictions).for_each(|(&index, prediction)| all[index] = Some(prediction));
                    break;
                }
                Err(SessionError::Task(TaskError::Input { index, reason })) => {
                    let at = index.saturating_sub(1);
                    let Some(&of_all) = left.get(at) else {
                        return Err(TaskError::Input { index, reason }.into());
                    };
                    if batch[at].image.is_none() && !answering.leaves_out_texts {
                        return Err(TaskError::Input { index: of_all + 1, reason }.into());
                    }
                    answering.answered.bad.push((of_all, reason)); // of an image it names that
                    batch.remove(at);
                    left.remove(at);
                }
                Err(other) => return Err(other),
            }
        }
        answering.next = end;
        Ok(answering.next < answering.order.len())
    }

    /// Writes what the model says to the next input. A prompt that is empty or too long is left out with the reason.
    async fn write_next(&mut self, answering: &mut Answering, weights: Weights) -> Result<bool, SessionError> {
        let task = self.task()?;
        let Answering { inputs, order, next, write_as, answered, .. } = answering;
        let (Some(&index), Some(write_as)) = (order.get(*next), write_as.as_ref()) else { return Ok(false) };
        let prompt = write_as.prompt(&inputs[index]);
        let goes_on = async |_: &str| -> bool { true };
        match self.generate(&prompt, weights, &write_as.sampling, goes_on).await {
            Ok(generated) => {
                let is_complete = generated.finish_reason == FinishReason::Stop;
                let written = Written { text: generated.text, is_complete };
                answered.predictions[index] = Some(written.into_prediction(task));
                answered.filtered.words += generated.filtered.words;
                answered.filtered.personal_data += generated.filtered.personal_data;
            }
            Err(SessionError::Generate(
                error @ (GenerateError::PromptTooLong { .. }
                | GenerateError::NoRoom { .. }
                | GenerateError::EmptyPrompt),
            )) => answered.bad.push((index, error.to_string())),
            Err(other) => return Err(other),
        }
        *next += 1;
        Ok(*next < order.len())
    }

    /// The task that answers: that of a run's part where one is named.
    ///
    /// # Errors
    /// When no model is there, or there is no such part.
    pub fn answering_task(&self, part: Option<&str>) -> Result<Task, SessionError> {
        let Some(name) = part else { return self.task() };
        let parts = self.trainer.as_ref().and_then(|trainer| trainer.rows().as_several());
        let parts = parts.map(crate::task::several::SeveralRows::parts).unwrap_or_default();
        let own = parts.iter().find(|own| own.name == name).map(|own| own.rows.task());
        let known = || parts.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ");
        own.ok_or_else(|| SessionError::NoPart { name: name.to_owned(), known: known() })
    }

    /// How a file of inputs is read: by the columns of the rows that the run learned from, or that were read, or that the model
    /// was trained on elsewhere; where `asked` names no others and the file has them.
    #[must_use]
    pub fn read_inputs_as_trained(
        &self,
        (name, bytes): (&str, &[u8]),
        asked: &ReadOptions,
        part: Option<&str>,
    ) -> TrainedRead {
        let of_run = self.trainer.as_ref().map(|trainer| trainer.job());
        let trained = match (of_run, part) {
            (Some(job), Some(part)) => job.parts.iter().find(|own| own.name == part).map(|own| own.read.clone()),
            (Some(job), None) => Some(job.read.clone()),
            (None, _) => self.data.as_ref().map(|data| data.read.clone()),
        };
        let trained = trained.or_else(|| self.own_job().map(|job| job.read)).unwrap_or_default();
        read_as_trained(name, bytes, asked, &without_written(trained))
    }
}

/// How rows were read to learn from, but for where what a model learned to write stood: inputs have no such columns.
fn without_written(trained: ReadOptions) -> ReadOptions {
    let (target_column, completion_column, messages_column) = (None, None, None);
    ReadOptions { shape: None, target_column, completion_column, messages_column, ..trained }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_inputs_come_first_and_images_that_are_none_not_at_all() {
        let text = |text: &str| TaskInput { text: text.into(), ..TaskInput::default() };
        let answering = Answering::new(vec![text("a"), text("long one"), text("two")], 2);
        assert_eq!((answering.order.as_slice(), answering.progress()), (&[1, 2, 0][..], (0, 3)));
        let image = TaskInput { image: Some(b"no image".to_vec()), ..text("x.png") };
        let found = Answering::new(vec![image], 2);
        assert_eq!(found.progress(), (0, 0));
        let answered = found.finish();
        assert_eq!((answered.predictions, answered.bad.len()), (vec![None], 1));
        assert!(answered.bad[0].1.starts_with("x.png "), "{:?}", answered.bad);
    }

    #[test]
    fn a_file_of_sources_needs_no_targets() {
        let trained = ReadOptions {
            text_column: Some("de".into()),
            target_column: Some("en".into()),
            source_prefix: Some("translate: ".into()),
            ..ReadOptions::default()
        };
        let asked = ReadOptions::default();
        let read = |trained: &ReadOptions| read_as_trained("x.csv", b"id,de\n1,ja\n", &asked, trained);
        assert_eq!(read(&trained).read.text_column, None, "of rows to learn from one is missing");
        let found = read(&without_written(trained));
        assert_eq!((found.read.text_column.as_deref(), found.missing.len()), (Some("de"), 0));
        assert_eq!(found.read.source_prefix.as_deref(), Some("translate: "));
    }
}
