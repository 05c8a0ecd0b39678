//! What of a `tokenizer.json` a class does not follow. In: the file's content, and what the class builds instead. Out: a sentence for
//! each part or setting that is another.

use serde_json::Value;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper};

use super::super::from_vocab::pieces::Pieces;
use super::Class;

/// Longest JSON that a note quotes.
const MAX_QUOTE: usize = 300;

/// What of tokenizer.json is not used, because the class builds `own` instead: a sentence each.
pub(in crate::tokenizer) fn differences(class: Class, json: &Value, own: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    let cuts_at_spaces = match class {
        Class::SentencePiece(pieces) => !matches!(pieces, Pieces::DebertaV2 | Pieces::Gemma),
        _ => false,
    };
    let parts = [
        ("normalizer", canonical::<NormalizerWrapper> as fn(&Value) -> Value),
        ("pre_tokenizer", canonical::<PreTokenizerWrapper> as fn(&Value) -> Value),
        ("decoder", canonical::<DecoderWrapper> as fn(&Value) -> Value),
    ];
    for (part, canonical) in parts {
        let (theirs, ours) = (canonical(&json[part]), canonical(&own[part]));
        // A byte-level decoder has settings, and no use for them.
        let is_byte_level = |decoder: &Value| part == "decoder" && decoder["type"] == "ByteLevel";
        let do_the_same =
            cuts_at_spaces && part == "normalizer" && steps_that_count(&theirs) == steps_that_count(&ours);
        if theirs != ours && !(is_byte_level(&theirs) && is_byte_level(&ours)) && !do_the_same {
            notes.push(format!(
                "{part} of tokenizer.json is not used: it has {}, {} has {}, and transformers reads it so",
                quote(&theirs),
                class.name(),
                quote(&ours)
            ));
        }
    }
    for setting in ["continuing_subword_prefix", "end_of_word_suffix", "ignore_merges", "byte_fallback"] {
        let value = |json: &Value| json["model"].get(setting).filter(|value| !is_nothing(value)).cloned();
        let (theirs, ours) = (value(json), value(own));
        if theirs != ours {
            let text = |value: Option<Value>| value.map_or_else(|| "none".to_owned(), |value| quote(&value));
            notes.push(format!(
                "{setting} of tokenizer.json is not used: it is {}, {} has {}, and transformers reads it so",
                text(theirs),
                class.name(),
                text(ours)
            ));
        }
    }
    notes
}

/// The steps of a normalizer, without the one that makes one space of several: words are cut at white space anyway.
fn steps_that_count(normalizer: &Value) -> Vec<&Value> {
    let steps = match normalizer["normalizers"].as_array() {
        Some(steps) => steps.as_slice(),
        None => std::slice::from_ref(normalizer),
    };
    let is_of_spaces = |step: &Value| step["type"] == "Replace" && step["pattern"]["Regex"] == " {2,}";
    steps.iter().filter(|step| !step.is_null() && !is_of_spaces(step)).collect()
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value == ""
}

fn quote(value: &Value) -> String {
    let mut value = value.clone();
    drop_field(&mut value, "precompiled_charsmap");
    let mut text = value.to_string();
    if text.len() > MAX_QUOTE {
        text.truncate(text.floor_char_boundary(MAX_QUOTE));
        text.push('…');
    }
    text
}

/// A part as the crate writes it, so that left-out fields and old spellings don't differ; `trim_offsets` has no effect
/// on ids.
fn canonical<T: serde::de::DeserializeOwned + serde::Serialize>(value: &Value) -> Value {
    let read = serde_json::from_str::<Option<T>>(&value.to_string());
    let mut value = read.ok().and_then(|part| serde_json::to_value(part).ok()).unwrap_or_else(|| value.clone());
    drop_field(&mut value, "trim_offsets");
    value
}

fn drop_field(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| drop_field(item, name)),
        Value::Object(fields) => {
            fields.shift_remove(name);
            fields.values_mut().for_each(|field| drop_field(field, name));
        }
        _ => {}
    }
}
