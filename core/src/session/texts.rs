//! Texts of a session: reading, reporting, encoding; and writing on from a prompt.

use std::borrow::Cow;

use burn::tensor::Device;
use serde_json::{Map, Value};

use super::SessionError;
use super::protocol::{Prompt, Weights};
use super::run::{Rows, Session};
use crate::checkpoint::PretrainedModel;
use crate::config::{ReadOptions, RunConfig, Task};
use crate::data::causal_lm::{
    Conversation, LmDataset, LmEncodeSettings, LmEncoded, LmExample, LmPadding, LmReport, LmSummary, Piece,
    RenderTurns, Turn, Written, build_lm_dataset, encode_examples, lm_report,
};
use crate::data::{DataError, DataFiles};
use crate::event::Split;
use crate::generate::{FinishReason, Generation, SamplingConfig, TextGeneration};
use crate::metrics::{Figures, LmEvaluation, TextEvaluation, TextSample, evaluate_texts};
use crate::model::CausalLm;
use crate::tokenizer::chat_template::{ChatTemplate, TemplateDate};
use crate::train::{TokenEvaluator, TokenInputs, TokenSplit, TrainInputs, Trainer};

/// What a model wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The text, without the prompt.
    pub text: String,
    /// Its tokens.
    pub num_tokens: usize,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// The day that templates are told: core has no clock, and the same run must read the same text on any day.
const TEMPLATE_DATE: TemplateDate = TemplateDate { year: 2026, month: 1, day: 1 };

/// Bytes of the general text that are read, and tokens of it that are measured: the figure moves no more after so many.
const MAX_GENERAL_BYTES: usize = 256 << 10;
const MAX_GENERAL_TOKENS: usize = 16_384;

/// Beginnings of public-domain books and speeches.
const GENERAL_TEXT: &str = include_str!("general_text.txt");

/// The model's chat template, if it has one; an error if that is broken.
pub(super) fn chat_template(model: &PretrainedModel) -> Result<Option<ChatTemplate>, SessionError> {
    Ok(ChatTemplate::from_folder(&model.folder, TEMPLATE_DATE)?)
}

/// Texts as the model's chat template writes them. Before there is a model, conversations are written plainly, to be
/// looked at.
pub(super) fn parse(
    model: Option<&PretrainedModel>,
    files: &DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
) -> Result<(LmDataset, LmSummary), SessionError> {
    let Some(model) = model else {
        return Ok(build_lm_dataset(files, read, Some(&write_plainly), &run.split, run.seed)?);
    };
    // A broken template stands in the way of conversations only.
    let (template, broken) = match chat_template(model) {
        Ok(template) => (template, None),
        Err(error) => (None, Some(error)),
    };
    let render = template.as_ref().map(|template| {
        move |conversation: &Conversation| template.pieces(conversation).map_err(|error| error.to_string())
    });
    let render = render.as_ref().map(|render| render as &RenderTurns<'_>);
    let built = build_lm_dataset(files, read, render, &run.split, run.seed);
    built.map_err(|error| match broken {
        Some(broken) if lacks_template(&error) => broken,
        _ => error.into(),
    })
}

/// A conversation with its speakers' names and all that stands beside the words.
fn write_plainly(conversation: &Conversation) -> Result<Written, String> {
    let json = |fields: Map<String, Value>| match fields.is_empty() {
        true => String::new(),
        false => Value::from(fields).to_string(),
    };
    let beside = Piece { text: json(conversation.variables.clone()), has_loss: false };
    let piece = |turn: &Turn| {
        let mut message = turn.to_message(turn.role.name());
        message.retain(|key, _| key != "role" && key != "content");
        let text = format!("{}: {}{}\n", turn.role.name(), turn.content, json(message));
        Piece { text, has_loss: turn.has_loss() }
    };
    Ok(Written {
        pieces: std::iter::once(beside).chain(conversation.turns.iter().map(piece)).collect(),
        only_last: false,
    })
}

/// What is in the texts. `tokens` are those of training, validation and test; none before there is a model.
pub(super) fn report(
    model: Option<&PretrainedModel>,
    dataset: &LmDataset,
    summary: &LmSummary,
    tokens: &[Vec<LmEncoded>; 3],
    limit: usize,
) -> Result<LmReport, SessionError> {
    let [train, valid, test] = tokens;
    Ok(lm_report(summary, dataset, [train, valid, test], model.map(|model| &model.tokenizer), limit)?)
}

/// All texts as tokens.
pub(super) fn encode_all(
    model: &PretrainedModel,
    dataset: &LmDataset,
    run: &RunConfig,
) -> Result<[Vec<LmEncoded>; 3], SessionError> {
    let [train, valid, test] = [&dataset.train, &dataset.valid, &dataset.test].map(|rows| encode(model, rows, run));
    Ok([train?, valid?, test?])
}

/// Whether there are conversations and nothing to write them with.
fn lacks_template(error: &DataError) -> bool {
    match error {
        DataError::NoChatTemplate => true,
        DataError::InFile { source, .. } => lacks_template(source),
        _ => false,
    }
}

pub(super) fn inputs(
    model: &PretrainedModel,
    dataset: &LmDataset,
    known: Option<&[Vec<LmEncoded>; 3]>,
    run: &RunConfig,
) -> Result<TrainInputs, SessionError> {
    Ok(TrainInputs::Tokens(Box::new(TokenInputs {
        train: split(model, dataset, known, Split::Train, run)?,
        valid: split(model, dataset, known, Split::Valid, run)?,
        test: split(model, dataset, known, Split::Test, run)?,
        padding: padding(model, run),
        tokenizer: model.tokenizer.clone(),
        eos_token_ids: eos_token_ids(model),
    })))
}

/// A split's texts as tokens, those that are `known` or made now; only training texts are packed.
pub(super) fn split(
    model: &PretrainedModel,
    dataset: &LmDataset,
    known: Option<&[Vec<LmEncoded>; 3]>,
    split: Split,
    run: &RunConfig,
) -> Result<TokenSplit, SessionError> {
    let examples = examples(dataset, split);
    let encoded = match (known, split) {
        (Some([train, _, _]), Split::Train) => train.clone(),
        (Some([_, valid, _]), Split::Valid) => valid.clone(),
        (Some([_, _, test]), Split::Test) => test.clone(),
        (None, _) => encode(model, examples, run)?,
    };
    let packing = run.packing && split == Split::Train;
    Ok(TokenSplit::new(examples.to_vec(), encoded, packing, limit(model, run)))
}

fn examples(dataset: &LmDataset, split: Split) -> &[LmExample] {
    match split {
        Split::Train => &dataset.train,
        Split::Valid => &dataset.valid,
        Split::Test => &dataset.test,
    }
}

fn encode(model: &PretrainedModel, examples: &[LmExample], run: &RunConfig) -> Result<Vec<LmEncoded>, SessionError> {
    Ok(encode_examples(&model.tokenizer, examples, &encode_settings(model, run))?)
}

/// How texts are tokenised.
pub(super) fn encode_settings(model: &PretrainedModel, run: &RunConfig) -> LmEncodeSettings {
    LmEncodeSettings {
        max_seq_length: limit(model, run),
        eos_token_ids: eos_token_ids(model),
        cut_texts_into_passages: true,
    }
}

/// How batches of texts for a model are padded.
pub(super) fn padding(model: &PretrainedModel, run: &RunConfig) -> LmPadding {
    LmPadding {
        pad_token_id: model.config.pad_token_id,
        multiple_of: run.pad_to_multiple_of.max(1) as usize,
        max_length: limit(model, run),
    }
}

/// Tokens after which a row is cut off.
pub(super) fn limit(model: &PretrainedModel, run: &RunConfig) -> usize {
    model.config.max_tokens().min(run.max_seq_length as usize)
}

fn eos_token_ids(model: &PretrainedModel) -> Vec<u32> {
    let configured = crate::tokenizer::configured_eos_ids(&model.folder);
    model.tokenizer.eos_token_ids(&configured)
}

impl Session {
    /// Checks that the model can be talked with.
    ///
    /// # Errors
    /// When it has no chat template, or a broken one.
    pub fn check_chat(&self) -> Result<(), SessionError> {
        talked_with(self.pretrained()?).map(|_| ())
    }

    /// Writes on from a prompt; `show` gets each piece of text and says whether to go on.
    ///
    /// # Errors
    /// When the model is no language model, the prompt does not fit, or the device fails.
    pub async fn generate(
        &mut self,
        prompt: &Prompt,
        weights: Weights,
        sampling: &SamplingConfig,
        mut show: impl AsyncFnMut(&str) -> bool,
    ) -> Result<Generated, SessionError> {
        let decoder = self.language_model(weights)?;
        let model = self.pretrained()?;
        let ids = prompt_ids(model, prompt)?;
        let eos = eos_token_ids(model);
        let window = model.config.max_tokens();
        let tokens = Generation::new(&decoder, ids, sampling, &eos, window, &self.device)?;
        let mut generation = TextGeneration::new(tokens, &model.tokenizer, sampling);
        let mut text = String::new();
        while let Some(piece) = generation.next_piece().await? {
            text.push_str(&piece);
            if !show(&piece).await {
                break;
            }
        }
        let (num_tokens, finish_reason) = (generation.num_tokens(), generation.finish_reason());
        Ok(Generated { text, num_tokens, finish_reason })
    }
}

impl Session {
    /// Measures how well the next tokens of a split are predicted; `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the split is empty, the model is no language model, or the device fails.
    pub async fn evaluate_tokens(
        &mut self,
        weights: Weights,
        split: Split,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<LmEvaluation, SessionError> {
        let decoder = self.language_model(weights)?;
        let rows = self.token_split(split)?;
        if rows.is_empty() {
            return Err(SessionError::EmptySplit { split });
        }
        let evaluation = self.evaluate_rows(&decoder, &rows, progress).await?;
        if weights == Weights::Tuned && split == Split::Test {
            self.test = Some(Figures::Tokens(evaluation.clone()));
        }
        Ok(evaluation)
    }

    /// Writes completions of a split's first prompts, greedily, and scores them against the file's; `progress` gets
    /// (prompts done, prompts in all).
    ///
    /// # Errors
    /// When the split is empty, the model is no language model, or the device fails.
    pub async fn evaluate_texts(
        &mut self,
        weights: Weights,
        split: Split,
        count: usize,
        max_new_tokens: u32,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(TextEvaluation, Vec<TextSample>), SessionError> {
        let examples = self.first_examples(split, count)?;
        let decoder = self.language_model(weights)?;
        let sampling = SamplingConfig { max_new_tokens, ..SamplingConfig::default() };
        let mut samples = Vec::with_capacity(examples.len());
        for (index, example) in examples.iter().enumerate() {
            progress(index, examples.len());
            let generated = complete(self.pretrained()?, &decoder, example, &sampling, &self.device).await?;
            samples.push(TextSample {
                row: example.row,
                prompt: example.prompt(),
                expected: example.completion().to_owned(),
                generated,
            });
        }
        progress(examples.len(), examples.len());
        let pairs = samples.iter().map(|sample| (sample.generated.as_str(), sample.expected.as_str()));
        Ok((evaluate_texts(pairs), samples))
    }

    /// Measures a text that has nothing to do with the task, before and after the same: a model that forgets while it
    /// learns does worse on it. `text` is the person's own, of which the beginning is measured; `None` takes a bundled
    /// one. `progress` gets (rows done, rows in all).
    ///
    /// # Errors
    /// When the text has nothing to predict, the model is no language model, or the device fails.
    pub async fn evaluate_general(
        &mut self,
        weights: Weights,
        text: Option<&str>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<LmEvaluation, SessionError> {
        let (model, run) = (self.pretrained()?, self.run_config());
        if model.config.task() != Task::CausalLm {
            return Err(self.other_task());
        }
        let text = text.unwrap_or(GENERAL_TEXT);
        let text = text[..text.floor_char_boundary(MAX_GENERAL_BYTES)].replace("\r\n", "\n"); // as models know line ends
        if text.trim().is_empty() {
            return Err(SessionError::NoGeneralText);
        }
        let example = LmExample { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() };
        let encoded = encode(model, std::slice::from_ref(&example), &run)?;
        let mut rows = TokenSplit::new(vec![example], encoded, false, limit(model, &run));
        if rows.is_empty() {
            return Err(SessionError::NoGeneralText);
        }
        rows.rows.truncate((MAX_GENERAL_TOKENS / limit(model, &run)).max(1));
        let decoder = self.language_model(weights)?;
        self.evaluate_rows(&decoder, &rows, progress).await
    }

    /// A split as tokens. A run is measured on its own: among texts that were read since may be some that it was trained
    /// on.
    fn token_split(&self, split: Split) -> Result<Cow<'_, TokenSplit>, SessionError> {
        match self.trainer.as_ref().map(Trainer::inputs) {
            Some(TrainInputs::Tokens(inputs)) => Ok(Cow::Borrowed(inputs.split(split))),
            Some(TrainInputs::Classes(_)) => Err(self.other_task()),
            None => {
                let (model, run) = (self.pretrained()?, self.run_config());
                let known = self.text_tokens(limit(model, &run));
                Ok(Cow::Owned(self::split(model, self.texts()?, known, split, &run)?))
            }
        }
    }

    async fn evaluate_rows(
        &self,
        decoder: &CausalLm,
        rows: &TokenSplit,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<LmEvaluation, SessionError> {
        let padding = padding(self.pretrained()?, &self.run_config());
        let mut evaluator = TokenEvaluator::new(rows);
        while evaluator.advance(decoder, rows, &padding, &self.device).await? {
            let (done, total) = evaluator.progress();
            progress(done, total);
        }
        Ok(evaluator.finish())
    }

    fn texts(&self) -> Result<&LmDataset, SessionError> {
        match &self.data.as_ref().ok_or(SessionError::NoData)?.rows {
            Rows::Texts(dataset) => Ok(dataset),
            Rows::Classes(_) => Err(self.other_task()),
        }
    }

    fn first_examples(&self, split: Split, count: usize) -> Result<Vec<LmExample>, SessionError> {
        let all = match self.trainer.as_ref().map(Trainer::inputs) {
            Some(TrainInputs::Tokens(inputs)) => &inputs.split(split).examples,
            _ => examples(self.texts()?, split),
        };
        let with_prompt = all.iter().filter(|example| !example.is_text());
        let found: Vec<LmExample> = with_prompt.take(count).cloned().collect();
        if found.is_empty() { Err(SessionError::EmptySplit { split }) } else { Ok(found) }
    }
}

/// The model's completion of an example's prompt, without special tokens.
async fn complete(
    model: &PretrainedModel,
    decoder: &CausalLm,
    example: &LmExample,
    sampling: &SamplingConfig,
    device: &Device,
) -> Result<String, SessionError> {
    let mut ids = model.tokenizer.encode_prompt(&example.prompt(), !example.is_chat())?;
    let eos = eos_token_ids(model);
    let window = model.config.max_tokens();
    model.tokenizer.make_room(&mut ids, window, sampling.max_new_tokens as usize);
    let tokens = Generation::new(decoder, ids, sampling, &eos, window, device)?;
    Ok(TextGeneration::new(tokens, &model.tokenizer, sampling).rest().await?)
}

fn talked_with(model: &PretrainedModel) -> Result<ChatTemplate, SessionError> {
    chat_template(model)?.ok_or(SessionError::NoChatTemplate)
}

fn prompt_ids(model: &PretrainedModel, prompt: &Prompt) -> Result<Vec<u32>, SessionError> {
    Ok(match prompt {
        Prompt::Text(text) => model.tokenizer.encode_prompt(text, true)?,
        Prompt::Turns(turns) => {
            let text = talked_with(model)?.render(turns, true)?;
            model.tokenizer.encode_prompt(&text, false)?
        }
    })
}
