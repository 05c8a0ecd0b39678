//! What a data report says of texts in a language that the model does not know.

use crate::checkpoint::PretrainedModel;
use crate::data::Dataset;
use crate::data::causal_lm::LmDataset;
use crate::hub::KNOWN_MODELS;
use crate::tokenizer::{Coverage, TokenizerError};

/// The warning of labeled rows, if there is one.
pub(super) fn warn_of_rows(model: &PretrainedModel, dataset: &Dataset) -> Result<Option<String>, TokenizerError> {
    let rows = [&dataset.train, &dataset.valid, &dataset.test].into_iter().flatten();
    warn(model, rows.map(|row| row.text.as_str()))
}

/// The warning of texts for a language model, if there is one.
pub(super) fn warn_of_texts(model: &PretrainedModel, dataset: &LmDataset) -> Result<Option<String>, TokenizerError> {
    let rows = [&dataset.train, &dataset.valid, &dataset.test].into_iter().flatten();
    warn(model, rows.flat_map(|row| &row.pieces).map(|piece| piece.text.as_str()))
}

/// What the tokenizer does not know, and what helps.
fn warn<'a>(model: &PretrainedModel, texts: impl Iterator<Item = &'a str>) -> Result<Option<String>, TokenizerError> {
    let texts: Vec<&str> = texts.collect();
    let Some(coverage) = Coverage::measure(&model.tokenizer, &texts)? else { return Ok(None) };
    let task = model.config.task();
    let other = KNOWN_MODELS.iter().find(|known| known.task == task && known.is_multilingual);
    let remedy = other.map_or_else(String::new, |known| format!(", for example {} ({})", known.title, known.id));
    Ok(Some(format!("{coverage}: choose a model that knows it{remedy}")))
}
