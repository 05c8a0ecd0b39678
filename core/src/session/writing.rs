//! Writing on from a prompt, and measuring what is written: completions of a split's prompts, and the next tokens of a
//! general text.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::SessionError;
use super::model::LoadedModel;
use super::protocol::{Prompt, Weights, WritingEvaluation};
use super::run::Session;
use crate::config::{ReadOptions, RunConfig, SplitConfig};
use crate::data::DataFiles;
use crate::event::Split;
use crate::generate::{
    FilterCounts, FinishReason, FinishedText, GenerateError, Generation, PromptRoom, SamplingConfig, TextGeneration,
    adopt_generation_config, encode_to_fit, generation_file,
};
use crate::metrics::{TextSample, TextStyles, WrittenText, evaluate_with_intervals, text_style};
use crate::model::Model;
use crate::task::causal_lm::{GENERAL_TEXT, GENERAL_TOKENS_AT_EVALUATIONS, MAX_GENERAL_TOKENS, rows_of_text};
use crate::task::{Evaluation, HeadKind, PromptRow, Purpose, TaskRows};
use crate::words::plural;

/// What a model wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The text, without the prompt.
    pub text: String,
    /// Its tokens.
    pub num_tokens: usize,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens of the model's window, where that was full and the settings would have let the text go on.
    pub filled_window: Option<usize>,
    /// What the rules for it replaced.
    pub filtered: FilterCounts,
}

/// Tokens of a text that was written, and of the one in the file; and whether the model ended its own.
type TextIds = (Vec<u32>, Vec<u32>, bool);

/// Most tokens of a completion that is measured, where nothing says.
const COMPLETION_TOKENS: u32 = 64;

/// Most tokens of a text that is measured where only the model's own file says how many: those of windows, such as 4096, would make an
/// evaluation last for hours.
const MOST_OWN_TOKENS: u32 = 256;

/// What was written after prompts.
struct WrittenTexts {
    samples: Vec<TextSample>,
    ids: Vec<TextIds>,
    /// As it was written, in words.
    how: String,
    /// What of that the model's own file says.
    notes: Vec<String>,
}

impl Session {
    /// Checks that the model can be talked with.
    ///
    /// # Errors
    /// When it has no chat template, or a broken one.
    pub fn check_chat(&self) -> Result<(), SessionError> {
        self.loaded()?.template().map(|_| ())
    }

    /// Most tokens that training read of a source, where this one is longer: it is read whole all the same. `None` of others, of models
    /// without a job, and of those that write on from a prompt.
    ///
    /// # Errors
    /// When no model is loaded, or its tokenizer fails.
    pub fn longer_than_trained(&self, prompt: &Prompt) -> Result<Option<u32>, SessionError> {
        let Prompt::Text(text) = prompt else { return Ok(None) };
        if !matches!(self.task()?.spec().head, HeadKind::Seq2seqLm) {
            return Ok(None);
        }
        let Some(job) = self.own_job() else { return Ok(None) };
        let limit = job.run.max_seq_length;
        let encoded = self.loaded()?.pretrained.tokenizer().encode(text, limit as usize)?;
        Ok((encoded.num_tokens_untruncated > limit as usize).then_some(limit))
    }

    /// Writes on from a prompt; `show` gets each piece of text and says whether to go on. With beams the pieces are empty
    /// until the search is over; one that is ended before has no text. With rules for the finished text they are empty until it
    /// is.
    ///
    /// # Errors
    /// When the model does not write, the prompt does not fit, or the device fails.
    pub async fn generate(
        &mut self,
        prompt: &Prompt,
        weights: Weights,
        sampling: &SamplingConfig,
        mut show: impl AsyncFnMut(&str) -> bool,
    ) -> Result<Generated, SessionError> {
        let decoder = self.writing_model(weights)?;
        let LoadedModel { pretrained: model, eos_token_ids, .. } = self.loaded()?;
        let window = model.config.max_tokens();
        let ids = self.prompt_ids(&decoder, prompt, window)?;
        let tokens = Generation::new(&decoder, ids, sampling, eos_token_ids, window, &self.device)?;
        let mut generation = TextGeneration::new(tokens, model.tokenizer(), sampling);
        let (filters, mut text) = (&sampling.filters, String::new());
        while let Some(piece) = generation.next_piece().await? {
            text.push_str(&piece);
            // A word that is to be replaced may come in two pieces.
            let shown = if filters.is_empty() { piece.as_str() } else { "" };
            if !show(shown).await {
                break;
            }
        }
        let (num_tokens, finish_reason) = (generation.num_tokens(), generation.finish_reason());
        let filled_window = generation.fills_window().then_some(window);
        let (text, filtered) = filters.apply(&text);
        if !filters.is_empty() {
            show(&text).await;
        }
        Ok(Generated { text, num_tokens, finish_reason, filled_window, filtered })
    }

    /// Takes what nobody chose from the model's generation_config.json, else from its config.json, as `transformers` does; says
    /// what was taken, and what of the file is not followed. `is_typed` says of a setting whether it was chosen.
    ///
    /// # Errors
    /// When no model is loaded.
    pub fn follow_generation_config(
        &self,
        sampling: &mut SamplingConfig,
        is_typed: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, SessionError> {
        let file = generation_file(&self.loaded()?.pretrained.folder);
        Ok(file.map_or_else(Vec::new, |json| adopt_generation_config(sampling, json, is_typed)))
    }

    /// Most tokens of a text that is measured, where nobody says: of a target as many as in training.
    fn usual_new_tokens(&self) -> u32 {
        match self.task().map(|task| task.spec().head) {
            Ok(HeadKind::Seq2seqLm) => self.run_config().max_target_length,
            _ => COMPLETION_TOKENS,
        }
    }

    /// How texts are written that are measured, and which of it the model's own file says.
    fn sampling_to_measure(&self, max_new_tokens: Option<u32>) -> Result<(SamplingConfig, Vec<String>), SessionError> {
        let usual = self.usual_new_tokens();
        let max_new = max_new_tokens.unwrap_or(usual);
        let mut sampling = SamplingConfig { max_new_tokens: max_new, ..SamplingConfig::default() };
        let is_chosen = |name: &str| max_new_tokens.is_some() && matches!(name, "max_new_tokens" | "max_length");
        let mut notes = self.follow_generation_config(&mut sampling, is_chosen)?;
        let most = usual.max(MOST_OWN_TOKENS);
        if max_new_tokens.is_none() && sampling.max_new_tokens.max(sampling.max_length) > most {
            sampling.max_new_tokens = sampling.max_new_tokens.min(most);
            notes.push(format!(
                "{most} tokens at most were written of each text that is measured, however many the file allows"
            ));
        }
        Ok((sampling, notes))
    }

    /// Writes completions of a split's first prompts, as the model's generation_config.json says and else with the likeliest token each
    /// time, and scores them against the file's; `max_new_tokens` is the length that was chosen, if any; `progress` gets (prompts done,
    /// prompts in all).
    ///
    /// # Errors
    /// When the split has no prompts, the model does not write, or the device fails.
    pub async fn evaluate_writing(
        &mut self,
        weights: Weights,
        split: Split,
        count: usize,
        max_new_tokens: Option<u32>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<WritingEvaluation, SessionError> {
        self.check_writes()?;
        let mut prompts = self.rows()?.prompts(split, count);
        prompts.retain(|prompt| !prompt.is_text);
        let written = self.write_prompts(weights, split, prompts, max_new_tokens, progress).await?;
        let WrittenTexts { samples, ids, how, notes } = written;
        let pairs = samples.iter().map(|sample| (sample.generated.as_str(), sample.expected.as_str()));
        let (figures, intervals) = evaluate_with_intervals(pairs);
        let styles = styles_of(&samples, &ids);
        Ok(WritingEvaluation { figures, intervals, styles, samples, how, notes })
    }

    /// Numbers in their file of the rows of a split that have a prompt, or whose text has a beginning to go on from.
    ///
    /// # Errors
    /// When the model does not write, or no rows were read.
    pub fn prompt_rows(&self, split: Split) -> Result<Vec<usize>, SessionError> {
        self.check_writes()?;
        Ok(self.rows()?.prompts(split, usize::MAX).into_iter().map(|prompt| prompt.row).collect())
    }

    /// Writes for chosen rows of a split, by their numbers, as [`Self::evaluate_writing`] does; also returns how, in words. `progress`
    /// gets (prompts done, prompts in all).
    ///
    /// # Errors
    /// When none of the rows has a prompt, the model does not write, or the device fails.
    pub async fn write_for_rows(
        &mut self,
        weights: Weights,
        split: Split,
        rows: &[usize],
        max_new_tokens: Option<u32>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Vec<TextSample>, Vec<String>), SessionError> {
        self.check_writes()?;
        let mut prompts = self.rows()?.prompts(split, usize::MAX);
        prompts.retain(|prompt| rows.contains(&prompt.row));
        let written = self.write_prompts(weights, split, prompts, max_new_tokens, progress).await?;
        let words = [format!("written {}", written.how)].into_iter().chain(written.notes);
        Ok((written.samples, words.collect()))
    }

    /// What a model writes after prompts, and of each the tokens of both texts with whether the model ended its own.
    async fn write_prompts(
        &mut self,
        weights: Weights,
        split: Split,
        prompts: Vec<PromptRow>,
        max_new_tokens: Option<u32>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<WrittenTexts, SessionError> {
        if prompts.is_empty() {
            return Err(SessionError::EmptySplit { split });
        }
        let decoder = self.writing_model(weights)?;
        let (sampling, mut notes) = self.sampling_to_measure(max_new_tokens)?;
        let total = prompts.len();
        let (mut samples, mut ids, mut num_long) = (Vec::with_capacity(total), Vec::with_capacity(total), 0);
        for (index, prompt) in prompts.into_iter().enumerate() {
            progress(index, total);
            let (finished, leaves_no_room) = self.complete(&decoder, &prompt, &sampling).await?;
            num_long += usize::from(leaves_no_room);
            let FinishedText { text, ids: written, is_complete } = finished;
            let PromptRow { row, prompt, expected, .. } = prompt;
            ids.push((written, self.loaded()?.pretrained.tokenizer().encode_prompt(&expected, false)?, is_complete));
            samples.push(TextSample { row, prompt, expected, generated: text });
        }
        progress(total, total);
        if num_long > 0 {
            let SamplingConfig { max_length, max_new_tokens, .. } = sampling;
            let prompts = plural(num_long, "prompt");
            notes.push(format!(
                "{prompts} left no room within {max_length} tokens (max_length): {max_new_tokens} tokens at most were written there"
            ));
        }
        Ok(WrittenTexts { samples, ids, how: sampling.describe(), notes })
    }

    /// Measures a text that has nothing to do with the task, before and after the same: a model that forgets while it
    /// learns does worse on it. `text` is the person's own, of which the beginning is measured; `None` takes a bundled
    /// one. `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the text has nothing to predict, the model does not write, or the device fails.
    pub async fn evaluate_general(
        &mut self,
        weights: Weights,
        text: Option<&str>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Evaluation, SessionError> {
        if self.task()?.spec().head != HeadKind::CausalLm {
            return Err(self.other_task());
        }
        let run = self.run_config();
        let rows = self.loaded()?.with_task_model(|model| rows_of_text(text, model, &run, MAX_GENERAL_TOKENS))?;
        if rows.num_rows()[Split::Train as usize] == 0 {
            return Err(SessionError::NoGeneralText);
        }
        let decoder = self.writing_model(weights)?;
        let none = BTreeMap::new();
        let (evaluation, _) = self.measure(&decoder, rows.as_ref(), Split::Train, &none, progress).await?;
        Ok(evaluation)
    }

    /// Takes a general text of the person's own for the runs that are started from now on; `None` takes a bundled one.
    pub fn set_general_text(&mut self, text: Option<String>) {
        self.general_text = text;
    }

    /// The beginning of the general text, for a run that measures it at each evaluation: of a model that goes on from any text, and,
    /// of the bundled one, of a model that fills in blanks. `None` of others, or where there is nothing to predict.
    pub(super) fn general_rows(&self, run: &RunConfig) -> Result<Option<Rc<dyn TaskRows>>, SessionError> {
        let model = self.loaded()?;
        let (text, max_tokens) = (self.general_text.as_deref(), GENERAL_TOKENS_AT_EVALUATIONS);
        let rows = match model.task.spec().head {
            HeadKind::CausalLm => model.with_task_model(|model| rows_of_text(text, model, run, max_tokens))?,
            HeadKind::MaskedLm => self.general_passages(run)?,
            _ => return Ok(None),
        };
        Ok((rows.num_rows()[Split::Train as usize] > 0).then(|| rows.into()))
    }

    /// Passages of the bundled general text. Which of their tokens are hidden is the same each time.
    fn general_passages(&self, run: &RunConfig) -> Result<Box<dyn TaskRows>, SessionError> {
        let train = ("general.txt".to_owned(), GENERAL_TEXT.as_bytes().to_vec());
        let files = Rc::new(DataFiles { train, ..DataFiles::default() });
        let run = RunConfig { split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 }, ..run.clone() };
        let mut rows = self.parse_rows(&files, &ReadOptions::default(), &run, &[], Purpose::Measure)?;
        let model = self.loaded()?;
        while model.with_task_model(|model| rows.encode_part(model, &run))? {}
        Ok(model.with_task_model(|model| rows.prepare(model, &run))?)
    }

    fn check_writes(&self) -> Result<(), SessionError> {
        if self.task()?.spec().writes() { Ok(()) } else { Err(self.other_task()) }
    }

    fn writing_model(&mut self, weights: Weights) -> Result<Model, SessionError> {
        self.check_writes()?;
        self.weights(weights)
    }

    /// The model's completion of a prompt, without special tokens; and whether the prompt is as long as both may be (`max_length`).
    async fn complete(
        &self,
        decoder: &Model,
        prompt: &PromptRow,
        sampling: &SamplingConfig,
    ) -> Result<(FinishedText, bool), SessionError> {
        let LoadedModel { pretrained: model, eos_token_ids, .. } = self.loaded()?;
        let (window, max_source) = (model.config.max_tokens(), self.run_config().max_seq_length as usize);
        let room = PromptRoom { window, max_source, max_new_tokens: sampling.max_new_tokens };
        let ids = encode_to_fit(decoder, model.tokenizer(), &prompt.prompt, prompt.is_chat, room)?;
        let begun = if decoder.seq2seq_lm().is_some() { 1 } else { ids.len() };
        let leaves_no_room = (1..=begun).contains(&(sampling.max_length as usize));
        let sampling = with_room_beside(sampling, begun);
        let tokens = Generation::new(decoder, ids, &sampling, eos_token_ids, window, &self.device)?;
        Ok((TextGeneration::new(tokens, model.tokenizer(), &sampling).rest().await?, leaves_no_room))
    }

    /// The tokens of a prompt.
    fn prompt_ids(&self, writer: &Model, prompt: &Prompt, window: usize) -> Result<Vec<u32>, SessionError> {
        let model = self.loaded()?;
        let tokenizer = model.pretrained.tokenizer();
        Ok(match prompt {
            Prompt::Text(text) if writer.seq2seq_lm().is_some() => {
                let encoded = tokenizer.encode(text, window)?;
                if encoded.num_tokens_untruncated > window {
                    // Of a long text no more than its beginning was tokenised.
                    let tokens = tokenizer.encode_prompt(text, true)?.len() + tokenizer.special_suffix().len();
                    return Err(GenerateError::PromptTooLong { tokens, limit: window }.into());
                }
                encoded.ids
            }
            Prompt::Text(text) => tokenizer.encode_prompt(text, true)?,
            Prompt::Turns(turns) => tokenizer.encode_prompt(&model.template()?.render(turns, true)?, false)?,
        })
    }
}

/// Settings for a text that begins with so many tokens: of a limit for all of them (`max_length`) what is left. A prompt that is longer
/// gets as many as where no file says anything, so that one row does not end an evaluation.
fn with_room_beside(sampling: &SamplingConfig, begun: usize) -> SamplingConfig {
    let left = (sampling.max_length as usize).saturating_sub(begun);
    let left = u32::try_from(left).unwrap_or(u32::MAX).min(MOST_OWN_TOKENS.max(sampling.max_new_tokens));
    let max_new_tokens = if left > 0 { left } else { sampling.max_new_tokens };
    SamplingConfig { max_new_tokens, max_length: 0, ..sampling.clone() }
}

/// What was written beside what stands in the file.
fn styles_of(samples: &[TextSample], ids: &[TextIds]) -> TextStyles {
    let both = || samples.iter().zip(ids);
    let written: Vec<WrittenText<'_>> = both()
        .map(|(sample, (ids, _, is_complete))| WrittenText {
            text: &sample.generated,
            ids,
            is_complete: Some(*is_complete),
        })
        .collect();
    let expected: Vec<WrittenText<'_>> =
        both().map(|(sample, (_, ids, _))| WrittenText { text: &sample.expected, ids, is_complete: None }).collect();
    TextStyles { written: text_style(&written), expected: text_style(&expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_prompt_and_text_leaves_what_the_prompt_does_not_take() {
        let new_tokens = |max_length, begun| {
            let sampling = SamplingConfig { max_length, max_new_tokens: 64, ..SamplingConfig::default() };
            let own = with_room_beside(&sampling, begun);
            assert_eq!(own.max_length, 0);
            own.max_new_tokens
        };
        assert_eq!([new_tokens(0, 10), new_tokens(30, 10), new_tokens(4096, 10)], [64, 20, MOST_OWN_TOKENS]);
        assert_eq!([new_tokens(30, 30), new_tokens(30, 31)], [64, 64], "no room is left");
        let long = SamplingConfig { max_length: 4096, max_new_tokens: 400, ..SamplingConfig::default() };
        assert_eq!(with_room_beside(&long, 10).max_new_tokens, 400, "targets that were longer in training");
    }
}
