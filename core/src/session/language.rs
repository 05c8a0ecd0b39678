//! What a data report says of texts in a language that the model does not know.

use super::model::LoadedModel;
use crate::checkpoint::ModelReader;
use crate::hub::KNOWN_MODELS;
use crate::tokenizer::{Coverage, TokenizerError};

/// What the tokenizer does not know of some texts of the rows, and what helps; `None` where it knows them.
pub(super) fn warn_of_language(model: &LoadedModel, texts: &[&str]) -> Result<Option<String>, TokenizerError> {
    let ModelReader::Texts(tokenizer) = &model.pretrained.reader else { return Ok(None) };
    let Some(coverage) = Coverage::measure(tokenizer, texts)? else { return Ok(None) };
    let family = model.task.spec().family();
    let other = KNOWN_MODELS.iter().find(|known| known.is_multilingual && known.family == family);
    let remedy = other.map_or_else(String::new, |known| format!(", for example {} ({})", known.title, known.id));
    Ok(Some(format!("{coverage}: choose a model that knows it{remedy}")))
}
