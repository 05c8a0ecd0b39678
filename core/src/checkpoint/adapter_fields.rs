//! Typed access to the fields of `adapter_config.json`: a value of the wrong kind, or out of range, is named.

use serde_json::{Map, Value};

use super::CheckpointError;
use super::peft::ADAPTER_CONFIG;
use super::target_modules::refused;
use crate::config::LoraConfig;

/// Most entries of a pattern table: one for each layer of a large model is several hundred.
const MAX_PATTERNS: usize = 2048;

/// Typed access to the file's fields.
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl Fields<'_> {
    pub(super) fn is_set(&self, field: &str) -> bool {
        match self.0.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(values)) => !values.is_empty(),
            Some(Value::Object(values)) => !values.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        }
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<&str>, CheckpointError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(refused(format!("{ADAPTER_CONFIG}: {field}: {other} is not a text"))),
        }
    }

    pub(super) fn flag(&self, field: &str) -> Result<bool, CheckpointError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(refused(format!("{ADAPTER_CONFIG}: {field}: {other} is neither true nor false"))),
        }
    }

    pub(super) fn number(&self, field: &str) -> Result<Option<f64>, CheckpointError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => number(field, value).map(Some),
        }
    }

    pub(super) fn dropout(&self) -> Result<f64, CheckpointError> {
        let dropout = self.number("lora_dropout")?.unwrap_or(0.0);
        match (0.0..1.0).contains(&dropout) {
            true => Ok(dropout),
            false => Err(refused(format!("{ADAPTER_CONFIG}: lora_dropout: {dropout} is not in [0, 1)"))),
        }
    }
}

pub(super) fn rank(field: &str, value: Option<&Value>) -> Result<u32, CheckpointError> {
    let value = value.filter(|value| !value.is_null()).ok_or_else(|| missing(field))?;
    let rank = value.as_u64().and_then(|rank| u32::try_from(rank).ok());
    rank.filter(|rank| (1..=LoraConfig::MAX_RANK).contains(rank)).ok_or_else(|| {
        refused(format!("{ADAPTER_CONFIG}: {field}: {value} is not a rank from 1 to {}", LoraConfig::MAX_RANK))
    })
}

/// A number that has a place among the weights, which are f32.
pub(super) fn number(field: &str, value: &Value) -> Result<f64, CheckpointError> {
    let number = value.as_f64().filter(|&number| (number as f32).is_finite());
    number.ok_or_else(|| refused(format!("{ADAPTER_CONFIG}: {field}: {value} is not a number of f32's range")))
}

pub(super) fn check_count(field: &str, count: usize) -> Result<(), CheckpointError> {
    match count <= MAX_PATTERNS {
        true => Ok(()),
        false => {
            Err(refused(format!("{ADAPTER_CONFIG}: {field} has {count} entries, at most {MAX_PATTERNS} are read")))
        }
    }
}

pub(super) fn missing(field: &str) -> CheckpointError {
    refused(format!("{ADAPTER_CONFIG} has no {field}"))
}
