//! The padding token of decoders that label texts: `transformers` tells a text's last token, which it is judged by, from
//! padding by `pad_token_id` of `config.json` (`GenericForSequenceClassification`; without one it refuses batches), and
//! pads with the tokenizer's `pad_token`. Where the files name one of them alone, or none, what is saved names both.

use serde_json::{Value, json};

use super::PretrainedModel;
use super::export::pretty;
use super::hf::{CONFIG, ModelReader};
use crate::folder::Folder;
use crate::model::{BackboneConfig, ModelConfig};
use crate::task::HeadKind;

/// Where a tokenizer's special tokens are named, and whether the file is written where it is missing. The second may win over
/// the first.
const SPECIAL_TOKENS: [(&str, bool); 2] = [("tokenizer_config.json", true), ("special_tokens_map.json", false)];

/// Whether a model judges a text by its last token.
pub(super) fn is_judged_by_last_token(config: &ModelConfig) -> bool {
    is_decoder(config) && config.head_kind() == HeadKind::Sequence
}

/// Whether `config.json` names a padding token.
pub(super) fn names_padding(config: &ModelConfig) -> bool {
    config.json.get("pad_token_id").is_some_and(Value::is_u64)
}

fn is_decoder(config: &ModelConfig) -> bool {
    matches!(config.backbone, BackboneConfig::Decoder(_))
}

/// Takes the tokenizer's padding token for a decoder whose `config.json` names none; without one its token that ends a text,
/// where `config.json` names none of those either.
pub(super) fn adopt_padding(config: &mut ModelConfig, reader: &ModelReader) {
    let ModelReader::Texts(tokenizer) = reader else { return };
    let ends_text = || if config.eos_token_ids.is_empty() { tokenizer.eos_token_id() } else { None };
    let own = tokenizer.own_pad_token_id().or_else(ends_text);
    let own = own.filter(|&id| is_decoder(config) && !names_padding(config) && (id as usize) < config.vocab_size());
    if let Some(id) = own {
        config.pad_token_id = id;
    }
}

/// Names the padding token in the tokenizer's files: of a model that judges texts by their last token where they name another or
/// none, of one that judges each token where they name none, for without one `transformers` refuses batches.
pub(super) fn name_padding(folder: &mut Folder, pretrained: &PretrainedModel, config: &ModelConfig) {
    let ModelReader::Texts(tokenizer) = &pretrained.reader else { return };
    let id = config.pad_token_id;
    // A token that stands for a piece of text must not become a special one.
    let is_special =
        names_padding(config) || config.eos_token_ids.contains(&id) || tokenizer.eos_token_id() == Some(id);
    let own = tokenizer.own_pad_token_id();
    let is_needed = match config.head_kind() {
        HeadKind::Sequence => is_decoder(config) && own != Some(id),
        HeadKind::Token => is_decoder(config) && own.is_none(),
        _ => false,
    };
    let Some(token) = tokenizer.token(id).filter(|_| is_needed && is_special) else { return };
    for (file, is_needed) in SPECIAL_TOKENS {
        let found = folder.get(file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let settings = found.filter(Value::is_object).or_else(|| is_needed.then(|| json!({})));
        if let Some(mut settings) = settings {
            settings["pad_token"] = json!(token);
            folder.insert(file, pretty(&settings));
        }
    }
}

impl PretrainedModel {
    /// What is said of a model that judges texts by their last token and whose `config.json` names no padding token.
    #[must_use]
    pub fn padding_note(&self) -> Option<String> {
        let ModelReader::Texts(tokenizer) = &self.reader else { return None };
        let id = self.config.pad_token_id;
        let is_guessed = is_judged_by_last_token(&self.config) && !names_padding(&self.config);
        is_guessed.then(|| {
            let token = tokenizer.token(id).unwrap_or_default();
            format!(
                "texts are judged by their last token, and {CONFIG} names no padding token to tell it from: {token:?} ({id}) \
                 is taken, and what is saved says so"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: &str = r#"{"model_type":"gpt2","vocab_size":12,"n_embd":8,"n_layer":1,"n_head":2,"n_positions":32"#;

    fn pretrained(fields: &str, settings: &str) -> PretrainedModel {
        let mut folder = Folder::new();
        folder.insert(CONFIG, format!("{GPT2}{fields}}}"));
        let vocab = r#"{"<|endoftext|>":0,"h":1,"i":2,"Ġ":3,"hi":4,"Ġhi":5,"<pad>":6,"!":7}"#;
        folder.insert("vocab.json", vocab);
        folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n");
        folder.insert("tokenizer_config.json", settings);
        PretrainedModel::open_without_weights(folder).expect("no weights are needed")
    }

    /// `pad_token` of the tokenizer's files that are saved with a head.
    fn saved(pretrained: &PretrainedModel, head: HeadKind) -> Option<String> {
        let config = pretrained.config.with_head(head).expect("GPT-2 has it");
        let mut folder = Folder::new();
        name_padding(&mut folder, pretrained, &config);
        let settings: Value = serde_json::from_slice(folder.get("tokenizer_config.json")?).expect("JSON");
        settings["pad_token"].as_str().map(str::to_owned)
    }

    #[test]
    fn the_padding_token_is_that_of_config_json_else_the_tokenizers_else_the_one_that_ends_a_text() {
        const EOS: &str = r#"{"eos_token": "<|endoftext|>"}"#;
        const PAD: &str = r#"{"eos_token": "<|endoftext|>", "pad_token": "<pad>"}"#;
        let cases = [
            (r#","pad_token_id":6,"eos_token_id":0"#, EOS, 6, Some("<pad>")),
            (r#","eos_token_id":0"#, PAD, 6, None),
            (r#","eos_token_id":0,"pad_token_id":null"#, EOS, 0, Some("<|endoftext|>")),
            ("", EOS, 0, Some("<|endoftext|>")),
            (r#","pad_token_id":0"#, PAD, 0, Some("<|endoftext|>")),
        ];
        for (fields, settings, id, named) in cases {
            let model = pretrained(fields, settings);
            assert_eq!(model.config.pad_token_id, id, "{fields} {settings}");
            assert_eq!(saved(&model, HeadKind::Sequence).as_deref(), named, "{fields} {settings}");
            let of_tokens = named.filter(|_| settings == EOS);
            assert_eq!(saved(&model, HeadKind::Token).as_deref(), of_tokens, "{settings}: it fills up batches alone");
            assert_eq!(saved(&model, HeadKind::CausalLm), None, "nothing hangs on it");
        }
    }

    #[test]
    fn a_guessed_padding_token_is_told_where_it_matters() {
        let note = |fields: &str, head| {
            let mut model = pretrained(fields, r#"{"eos_token": "<|endoftext|>"}"#);
            model.config = model.config.with_head(head).expect("GPT-2 has it");
            model.padding_note()
        };
        let guessed = note(r#","eos_token_id":0"#, HeadKind::Sequence).expect("a note");
        assert!(guessed.contains("\"<|endoftext|>\" (0)"), "{guessed}");
        assert_eq!(note(r#","eos_token_id":0"#, HeadKind::CausalLm), None);
        assert_eq!(note(r#","pad_token_id":6"#, HeadKind::Sequence), None);
    }
}
