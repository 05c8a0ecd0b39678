//! Tokenizer files that are changed at random: whatever is read and tokenised with them, nothing panics.

use proptest::prelude::*;

use super::tests::word_piece_json;
use super::{TextStream, Tokenizer, class, settings};
use crate::folder::Folder;

/// A mutation of a file: `place` chooses a value in it, `change` what becomes of it.
fn mutate(json: &mut serde_json::Value, place: usize, change: usize) {
    use serde_json::{Value, json};
    fn places(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| places(item, format!("{at}/{i}"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    places(field, format!("{at}/{name}"), found);
                });
            }
            _ => {}
        }
        found.push(at);
    }
    let mut found = Vec::new();
    places(json, String::new(), &mut found);
    let at = found[place % found.len()].clone();
    let other = json.pointer(&found[change % found.len()]).cloned().unwrap_or_default();
    let values = json!([
        null,
        0,
        1,
        -1,
        4_000_000_000_u64,
        u64::MAX,
        1e30,
        "",
        "x",
        "é",
        "▁",
        [],
        {},
        true,
        "(a*)*b",
        "$B",
        "ByteFallback",
        "ByteLevel",
        "TemplateProcessing",
        "Precompiled"
    ]);
    match change % 3 {
        0 => *json.pointer_mut(&at).expect("a place in it") = other,
        1 => *json.pointer_mut(&at).expect("a place in it") = values[change / 3 % 20].clone(),
        _ => {
            let (parent, name) = at.rsplit_once('/').unwrap_or_default();
            match json.pointer_mut(parent) {
                Some(Value::Array(items)) => {
                    let item = name.parse::<usize>().ok().and_then(|index| items.get(index).cloned());
                    items.extend(item);
                }
                Some(Value::Object(fields)) => drop(fields.shift_remove(name)),
                _ => {}
            }
        }
    }
}

/// Files of several kinds, to be changed.
fn originals() -> Vec<serde_json::Value> {
    let pairs = serde_json::json!({"<unk>": 0, "<s>": 1, "a": 2, "b": 3, "▁": 4, "ab": 5, "▁ab": 6, "<0x61>": 7});
    let settings = settings::Settings::default();
    let llama = class::Class::Llama.build(pairs.clone(), serde_json::json!([["a", "b"], ["▁", "ab"]]), &settings);
    let qwen = class::Class::Qwen2.build(pairs, serde_json::json!([["a", "b"]]), &settings);
    let unigram = serde_json::json!({
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": true, "rstrip": true,
            "normalized": true, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
            {"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "Prepend", "prepend": "a"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
            {"type": "FixedLength", "length": 5}, {"type": "Punctuation", "behavior": "Isolated"},
            {"type": "Digits", "individual_digits": true}]},
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}]},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
            "vocab": [["<unk>", 0.0], ["<s>", 0.0], ["a", -1.0], ["▁the", -2.0], ["t", -3.5]]},
    });
    vec![word_piece_json(), llama, qwen, unigram]
}

#[test]
fn the_originals_are_good() {
    for json in originals() {
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        Tokenizer::from_folder(&folder, None).expect("a good file");
    }
}

proptest! {
    #[test]
    fn changed_files_never_panic(
        kind in 0_usize..4,
        changes in prop::collection::vec((any::<usize>(), any::<usize>()), 1..4),
        class in prop_oneof![
            "BertTokenizer", "LlamaTokenizer", "Qwen2Tokenizer", "PreTrainedTokenizerFast", "XLMRobertaTokenizer", "GemmaTokenizer",
        ],
    ) {
        let mut json = originals().swap_remove(kind);
        for (place, change) in changes {
            mutate(&mut json, place, change);
        }
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        folder.insert("tokenizer_config.json", format!(r#"{{"tokenizer_class": "{class}"}}"#));
        if let Ok(tokenizer) = Tokenizer::from_folder(&folder, None) {
            for text in ["", "hello ab  the 12 é 你 <s>[MASK] <unk> xx", "\u{301}a   ", "tttttt"] {
                if let Ok(encoded) = tokenizer.encode(text, 64) {
                    prop_assert!(encoded.ids.len() <= 64);
                    let _ = tokenizer.decode(&encoded.ids, false);
                }
                let _ = tokenizer.encode_with_offsets(text);
            }
            let mut stream = TextStream::new(&tokenizer, &[2, 3], true);
            for id in 0..12 {
                let _ = stream.push(id);
            }
            let _ = (stream.finish(), tokenizer.decode(&[7, u32::MAX, 0], true));
        }
    }

    #[test]
    fn cut_off_files_never_panic(length in 0_usize..800) {
        let mut json = word_piece_json().to_string();
        let whole = json.len();
        json.truncate(length);
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json);
        prop_assert_eq!(Tokenizer::from_folder(&folder, None).is_ok(), length >= whole);
    }
}
