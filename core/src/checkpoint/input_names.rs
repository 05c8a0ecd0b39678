//! What a tokenizer gives an encoder beside the ids: `transformers` gives it `token_type_ids`, the segments of two texts, only
//! where `model_input_names` lists them. That is a key of `tokenizer_config.json`; without it each tokenizer class has a list of
//! its own, and some classes (`AlbertTokenizer`, `PreTrainedTokenizerFast`) list them in one version of `transformers` and not in
//! another. A model that was trained without segments, because its class lists none, says so in what is saved.

use serde_json::{Value, json};

use super::PretrainedModel;
use super::export::pretty;
use super::hf::ModelReader;
use crate::folder::Folder;
use crate::task::HeadKind;

/// Where a tokenizer's inputs of the model are named.
const FILE: &str = "tokenizer_config.json";

/// Names what the model was given in the tokenizer's files, where they don't and its class gives it no segments of two texts.
pub(super) fn name_inputs(folder: &mut Folder, pretrained: &PretrainedModel) {
    let ModelReader::Texts(tokenizer) = &pretrained.reader else { return };
    if !tokenizer.drops_type_ids() {
        return;
    }
    let found = folder.get(FILE).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let mut settings = found.filter(Value::is_object).unwrap_or_else(|| json!({}));
    settings["model_input_names"] = json!(["input_ids", "attention_mask"]);
    folder.insert(FILE, pretty(&settings));
}

impl PretrainedModel {
    /// What is said of a model that may read two texts, has segments for them, and is not given these.
    #[must_use]
    pub fn type_ids_note(&self) -> Option<String> {
        let ModelReader::Texts(tokenizer) = &self.reader else { return None };
        let reads_pairs = matches!(self.config.head_kind(), HeadKind::Sequence | HeadKind::Span);
        (reads_pairs && tokenizer.drops_type_ids()).then(|| {
            format!(
                "of two texts, all tokens have token type 0, as in transformers: the tokenizer class gives the model \
                 no token_type_ids, and Hone writes that into what it saves; if the model was trained with them, add \
                 \"model_input_names\": [\"input_ids\", \"token_type_ids\", \"attention_mask\"] to {FILE}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BERT of so many segments with these settings of its tokenizer.
    fn pretrained(type_vocab_size: usize, settings: Option<&str>) -> PretrainedModel {
        let mut folder = Folder::new();
        let config = json!({"model_type": "bert", "vocab_size": 7, "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32,
            "type_vocab_size": type_vocab_size, "architectures": ["BertForSequenceClassification"]});
        folder.insert("config.json", config.to_string());
        folder.insert("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n");
        if let Some(settings) = settings {
            folder.insert(FILE, settings);
        }
        PretrainedModel::open_without_weights(folder).expect("no weights are needed")
    }

    /// The tokenizer's settings as they are saved; `None` where they stay as they came.
    fn saved(pretrained: &PretrainedModel) -> Option<String> {
        let mut folder = Folder::new();
        if let Some(bytes) = pretrained.folder.get(FILE) {
            folder.insert(FILE, bytes);
        }
        name_inputs(&mut folder, pretrained);
        let is_same = folder.get(FILE) == pretrained.folder.get(FILE);
        let bytes = folder.get(FILE).filter(|_| !is_same)?;
        Some(String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8"))
    }

    #[test]
    fn what_the_model_was_given_is_named_where_only_the_class_says_that_it_is_given_no_segments() {
        let generic = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}"#;
        let model = pretrained(2, Some(generic));
        let note = model.type_ids_note().expect("a note");
        assert!(note.contains("token type 0") && note.contains("\"token_type_ids\""), "{note}");
        let settings = saved(&model).expect("another file");
        let found: Value = serde_json::from_str(&settings).expect("JSON");
        let expected = json!({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]",
            "model_input_names": ["input_ids", "attention_mask"]});
        assert_eq!(found, expected);

        let again = pretrained(2, Some(&settings));
        let pair = again.tokenizer().encode_pair("hello", "world", 8).expect("room enough");
        assert_eq!(pair.type_ids, [0; 5], "it is read as it was trained");
        assert_eq!((again.type_ids_note(), saved(&again)), (None, None), "the file says it");
    }

    #[test]
    fn elsewhere_the_files_stay_as_they_came() {
        let with = r#"{"tokenizer_class": "PreTrainedTokenizerFast",
            "model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}"#;
        let without = r#"{"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]}"#;
        let generic = r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
        let cases = [
            (2, None, 1),
            (2, Some(r#"{"tokenizer_class": "BertTokenizer"}"#), 1),
            (2, Some(with), 1),
            (2, Some(without), 0),
            (1, Some(generic), 0),
        ];
        for (type_vocab_size, settings, second) in cases {
            let model = pretrained(type_vocab_size, settings);
            assert_eq!((model.type_ids_note(), saved(&model)), (None, None), "{settings:?}");
            let pair = model.tokenizer().encode_pair("hello", "world", 8).expect("room enough");
            assert_eq!(pair.type_ids, [0, 0, 0, second, second], "{settings:?}");
        }
    }

    #[test]
    fn the_note_is_for_heads_that_read_two_texts() {
        let mut model = pretrained(2, Some(r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#));
        for (head, is_told) in [(HeadKind::Span, true), (HeadKind::Token, false), (HeadKind::MaskedLm, false)] {
            model.config = model.config.with_head(head).expect("BERT has it");
            assert_eq!(model.type_ids_note().is_some(), is_told, "{head:?}");
        }
    }

    #[test]
    fn a_pair_for_a_model_of_one_segment_is_refused_and_a_text_is_not() {
        let model = pretrained(1, Some(r#"{"tokenizer_class": "BertTokenizer"}"#));
        assert!(model.tokenizer().encode("hello", 8).is_ok());
        let error = model.tokenizer().encode_pair("hello", "world", 8).expect_err("one segment").to_string();
        assert!(error.contains("type_vocab_size of config.json is 1"), "{error}");
    }
}
