//! The length at which texts are cut, in the files of a tokenizer. A head that judges whole texts was trained on texts that were cut
//! at the run's `max_seq_length`; with `truncation=True` `transformers` cuts at `model_max_length` of `tokenizer_config.json`, and
//! the `tokenizers` library alone at `truncation` of `tokenizer.json`.

use serde_json::{Value, json};

use super::PretrainedModel;
use super::export::pretty;
use super::hf::ModelReader;
use crate::config::Job;
use crate::folder::Folder;
use crate::model::ModelConfig;
use crate::task::HeadKind;

/// Settings of a tokenizer.
const SETTINGS: &str = "tokenizer_config.json";

/// The tokenizer itself.
const TOKENIZER: &str = "tokenizer.json";

/// Writes the length that a run cut texts at into a tokenizer's files, where the head judges whole texts. A shorter one of theirs is
/// replaced too: the run did not follow it, and it may be that of the run before.
pub(super) fn name_length(folder: &mut Folder, pretrained: &PretrainedModel, config: &ModelConfig, job: &Job) {
    let reads_texts = matches!(pretrained.reader, ModelReader::Texts(_));
    if !reads_texts || config.head_kind() != HeadKind::Sequence || !job.was_run() {
        return;
    }
    let length = config.max_tokens().min(job.run.max_seq_length as usize);
    let settings = folder.get(SETTINGS).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let mut settings = settings.filter(Value::is_object).unwrap_or_else(|| json!({}));
    if settings.get("model_max_length").and_then(Value::as_u64) != Some(length as u64) {
        settings["model_max_length"] = json!(length);
        folder.insert(SETTINGS, pretty(&settings));
    }
    if let Some(text) = folder.get(TOKENIZER).and_then(|file| with_truncation(file, length)) {
        folder.insert(TOKENIZER, text);
    }
}

/// A `tokenizer.json` whose `truncation` has this length; `None` where it has it already, or no truncation. All else stays byte for
/// byte: a vocabulary is long, and its scores must not be rounded.
fn with_truncation(file: &[u8], length: usize) -> Option<String> {
    const FIELD: &str = "\"truncation\"";
    let text = std::str::from_utf8(file).ok()?;
    let after = text.find(FIELD)? + FIELD.len();
    let start = after + text[after..].find(':')? + 1;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    let mut truncation = values.next()?.ok()?;
    let end = start + values.byte_offset();
    let max_length = truncation.get_mut("max_length")?;
    if max_length.as_u64() == Some(length as u64) {
        return None;
    }
    *max_length = json!(length);
    if let Some(stride) = truncation.get_mut("stride") {
        *stride = json!(0); // one that is as long as a text is refused
    }
    Some(format!("{} {truncation}{}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelSource, ReadOptions, RunConfig};

    const TRUNCATED: &str = r#"{"version": "1.0", "truncation": {"direction": "Right", "max_length": 128, "strategy":
        "LongestFirst", "stride": 4}, "padding": null, "model": {"scores": [0.10000000000000000001]}}"#;

    fn pretrained(settings: &str) -> PretrainedModel {
        let mut folder = Folder::new();
        folder.insert("config.json", include_bytes!("../../../tests/fixtures/tiny_encoder/config.json"));
        folder.insert(TOKENIZER, include_bytes!("../../../tests/fixtures/tiny_encoder/tokenizer.json"));
        folder.insert(SETTINGS, settings);
        PretrainedModel::open_without_weights(folder).expect("no weights are needed")
    }

    /// The files of a tokenizer with these settings, as they leave after a run with texts of so many tokens.
    fn written(settings: &str, head: HeadKind, max_seq_length: u32, rows: Option<&str>) -> (Option<Value>, bool) {
        let pretrained = pretrained(settings);
        let config = pretrained.config.with_head(head).expect("BERT has it");
        let run = RunConfig { max_seq_length, ..RunConfig::default() };
        let job = Job::new(ModelSource::hub("a/b"), rows.map(str::to_owned), ReadOptions::default(), run);
        let mut folder = Folder::new();
        folder.insert(SETTINGS, settings);
        folder.insert(TOKENIZER, TRUNCATED);
        name_length(&mut folder, &pretrained, &config, &job);
        let json: Value = serde_json::from_slice(folder.get(SETTINGS).expect("it is there")).expect("JSON");
        let is_same = folder.get(TOKENIZER) == Some(TRUNCATED.as_bytes());
        (json.get("model_max_length").cloned(), is_same)
    }

    #[test]
    fn texts_are_cut_where_the_run_cut_them() {
        const SHORT: &str = r#"{"tokenizer_class": "BertTokenizer", "model_max_length": 32}"#;
        const ENDLESS: &str = r#"{"tokenizer_class": "BertTokenizer", "model_max_length": 1e30}"#;
        const UNSAID: &str = r#"{"tokenizer_class": "BertTokenizer"}"#;
        let rows = Some("rows.csv");
        assert_eq!(written(ENDLESS, HeadKind::Sequence, 64, rows), (Some(json!(64)), false));
        assert_eq!(written(UNSAID, HeadKind::Sequence, 64, rows), (Some(json!(64)), false));
        assert_eq!(written(SHORT, HeadKind::Sequence, 64, rows), (Some(json!(64)), false), "a shorter run came before");
        assert_eq!(written(SHORT, HeadKind::Sequence, 32, rows), (Some(json!(32)), false), "each file has its length");
        assert_eq!(written(ENDLESS, HeadKind::Token, 64, rows), (Some(json!(1e30)), true), "long texts are windows");
        assert_eq!(
            written(ENDLESS, HeadKind::Sequence, 64, None),
            (Some(json!(1e30)), true),
            "nobody knows the length"
        );
    }

    #[test]
    fn of_a_tokenizer_nothing_but_its_truncation_changes() {
        let text = with_truncation(TRUNCATED.as_bytes(), 64).expect("it has one");
        assert!(text.ends_with(r#", "padding": null, "model": {"scores": [0.10000000000000000001]}}"#), "{text}");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({"direction": "Right", "max_length": 64, "strategy": "LongestFirst", "stride": 0});
        assert_eq!((&json["version"], &json["truncation"]), (&json!("1.0"), &expected));
        assert_eq!(with_truncation(TRUNCATED.as_bytes(), 128), None, "it has this length");
        for none in [r#"{"truncation": null}"#, r#"{"model": {"vocab": {"truncation": 7, ":": 8}}}"#, "{}", "{"] {
            assert_eq!(with_truncation(none.as_bytes(), 64), None, "{none}");
        }
    }
}
