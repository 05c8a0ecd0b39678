//! Texts of a session: reading, reporting, encoding; and writing on from a prompt.

use burn::tensor::Device;

use super::SessionError;
use super::protocol::{Prompt, Weights};
use super::run::{Rows, Session};
use crate::checkpoint::PretrainedModel;
use crate::config::{ReadOptions, RunConfig};
use crate::data::DataFiles;
use crate::data::causal_lm::{
    LmDataset, LmEncodeSettings, LmEncoded, LmExample, LmPadding, LmReport, Piece, RenderTurns, Turn, build_lm_dataset,
    encode_examples, lm_report,
};
use crate::event::Split;
use crate::generate::{FinishReason, Generation, SamplingConfig, TextGeneration};
use crate::metrics::{LmEvaluation, TextEvaluation, TextSample, evaluate_texts};
use crate::model::CausalLm;
use crate::tokenizer::chat_template::{ChatTemplate, TemplateDate};
use crate::train::{TokenEvaluator, TokenInputs, TokenSplit, TrainInputs};

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

/// Beginnings of public-domain books and speeches.
const GENERAL_TEXT: &str = include_str!("general_text.txt");

/// The model's chat template, if it has one.
pub(super) fn chat_template(model: &PretrainedModel) -> Result<Option<ChatTemplate>, SessionError> {
    Ok(ChatTemplate::from_folder(&model.folder, TEMPLATE_DATE)?)
}

/// Texts, the options that read them, and what is in them.
pub(super) fn read(
    model: &PretrainedModel,
    files: &DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
) -> Result<(LmDataset, ReadOptions, LmReport), SessionError> {
    let template = chat_template(model)?;
    let render = template
        .as_ref()
        .map(|template| move |turns: &[Turn]| template.pieces(turns).map_err(|error| error.to_string()));
    let render = render.as_ref().map(|render| render as &RenderTurns<'_>);
    let (dataset, summary) = build_lm_dataset(files, read, render, &run.split, run.seed)?;
    let [train, valid, test] = [&dataset.train, &dataset.valid, &dataset.test].map(|rows| encode(model, rows, run));
    let limit = limit(model, run);
    let report = lm_report(&summary, &dataset, [&train?, &valid?, &test?], &model.tokenizer, limit)?;
    Ok((dataset, read.clone(), report))
}

pub(super) fn inputs(
    model: &PretrainedModel,
    dataset: &LmDataset,
    run: &RunConfig,
) -> Result<TrainInputs, SessionError> {
    Ok(TrainInputs::Tokens(Box::new(TokenInputs {
        train: split(model, dataset, Split::Train, run)?,
        valid: split(model, dataset, Split::Valid, run)?,
        test: split(model, dataset, Split::Test, run)?,
        padding: padding(model, run),
        tokenizer: model.tokenizer.clone(),
        eos_token_ids: eos_token_ids(model),
    })))
}

/// A split's texts as tokens; only training texts are packed.
pub(super) fn split(
    model: &PretrainedModel,
    dataset: &LmDataset,
    split: Split,
    run: &RunConfig,
) -> Result<TokenSplit, SessionError> {
    let examples = match split {
        Split::Train => &dataset.train,
        Split::Valid => &dataset.valid,
        Split::Test => &dataset.test,
    };
    let encoded = encode(model, examples, run)?;
    let packing = run.packing && split == Split::Train;
    Ok(TokenSplit::new(examples.clone(), encoded, packing, limit(model, run)))
}

fn encode(model: &PretrainedModel, examples: &[LmExample], run: &RunConfig) -> Result<Vec<LmEncoded>, SessionError> {
    let settings = LmEncodeSettings {
        max_seq_length: limit(model, run),
        eos_token_ids: eos_token_ids(model),
        cut_texts_into_windows: true,
    };
    Ok(encode_examples(&model.tokenizer, examples, &settings)?)
}

/// How batches of texts for a model are padded.
pub(super) fn padding(model: &PretrainedModel, run: &RunConfig) -> LmPadding {
    LmPadding {
        pad_token_id: model.config.pad_token_id,
        multiple_of: run.pad_to_multiple_of.max(1) as usize,
        max_length: limit(model, run),
    }
}

fn limit(model: &PretrainedModel, run: &RunConfig) -> usize {
    model.config.max_tokens().min(run.max_seq_length as usize)
}

fn eos_token_ids(model: &PretrainedModel) -> Vec<u32> {
    let configured = crate::tokenizer::configured_eos_ids(&model.folder);
    model.tokenizer.eos_token_ids(&configured)
}

impl Session {
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

    /// Measures a general text, the same always: a model that forgets while it learns does worse on it.
    ///
    /// # Errors
    /// When the model is no language model, or the device fails.
    pub async fn evaluate_general(&mut self, weights: Weights) -> Result<LmEvaluation, SessionError> {
        let decoder = self.language_model(weights)?;
        let (model, run) = (self.pretrained()?, self.run_config());
        let piece = Piece { text: GENERAL_TEXT.into(), has_loss: true };
        let example = LmExample { row: 1, pieces: vec![piece], turns: Vec::new() };
        let rows = TokenSplit::new(vec![example.clone()], encode(model, &[example], &run)?, false, limit(model, &run));
        let padding = padding(model, &run);
        let mut evaluator = TokenEvaluator::new(&rows);
        while evaluator.advance(&decoder, &rows, &padding, &self.device).await? {}
        Ok(evaluator.finish())
    }

    fn first_examples(&self, split: Split, count: usize) -> Result<Vec<LmExample>, SessionError> {
        let Rows::Texts(dataset) = &self.data.as_ref().ok_or(SessionError::NoData)?.rows else {
            return Err(self.is_classifier()?);
        };
        let examples = match split {
            Split::Train => &dataset.train,
            Split::Valid => &dataset.valid,
            Split::Test => &dataset.test,
        };
        let with_prompt = examples.iter().filter(|example| !example.is_text());
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
    let ids = model.tokenizer.encode_prompt(&example.prompt(), !example.is_chat())?;
    let eos = eos_token_ids(model);
    let tokens = Generation::new(decoder, ids, sampling, &eos, model.config.max_tokens(), device)?;
    Ok(TextGeneration::new(tokens, &model.tokenizer, sampling).rest().await?)
}

fn prompt_ids(model: &PretrainedModel, prompt: &Prompt) -> Result<Vec<u32>, SessionError> {
    Ok(match prompt {
        Prompt::Text(text) => model.tokenizer.encode_prompt(text, true)?,
        Prompt::Turns(turns) => {
            let template = chat_template(model)?.ok_or(SessionError::NoChatTemplate)?;
            model.tokenizer.encode_prompt(&template.render(turns, true)?, false)?
        }
    })
}
