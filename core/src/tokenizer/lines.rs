//! Where a long text may be cut so that the tokens of its parts are those of the whole.
//!
//! Byte-level BPE tokenises words one by one, and a pattern says what a word is. The patterns listed here never put a
//! line feed into one word with a visible character after it, take a line feed that stands alone for the same word
//! whatever follows, and do not look behind; NFC joins nothing to a line feed. So a text may be cut after a line feed
//! that stands between two visible characters. Of other tokenizers this is not known: their texts stay whole.

use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;

use super::class::QWEN2_WORDS;

/// How Llama 3 cuts a text into words.
const LLAMA3_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Whether texts may be cut at lines.
pub(super) fn is_cuttable(inner: &tokenizers::Tokenizer) -> bool {
    let ModelWrapper::BPE(bpe) = inner.get_model() else { return false };
    let added = inner.get_added_tokens_decoder();
    let is_plain = added
        .values()
        .all(|token| !(token.lstrip || token.rstrip || token.single_word || token.content.contains('\n')));
    if bpe.dropout.is_some() || !is_plain {
        return false;
    }
    let normalizer = serde_json::to_value(inner.get_normalizer());
    let is_known = normalizer.is_ok_and(|normalizer| normalizer.is_null() || normalizer["type"] == "NFC");
    is_known && serde_json::to_value(inner.get_pre_tokenizer()).is_ok_and(|words| has_known_words(&words))
}

fn has_known_words(pre_tokenizer: &Value) -> bool {
    let is_byte_level = |step: &Value, has_pattern: bool| {
        let is_one = step["type"] == "ByteLevel" && step["add_prefix_space"] == json!(false);
        is_one && step["use_regex"] == json!(has_pattern)
    };
    match pre_tokenizer["pretokenizers"].as_array().map(Vec::as_slice) {
        None => is_byte_level(pre_tokenizer, true), // the pattern of GPT-2
        Some([split, bytes]) => {
            let pattern = split["pattern"]["Regex"].as_str();
            let is_known = pattern.is_some_and(|pattern| [QWEN2_WORDS, LLAMA3_WORDS].contains(&pattern));
            let is_split =
                split["type"] == "Split" && split["behavior"] == "Isolated" && split["invert"] == json!(false);
            is_known && is_split && is_byte_level(bytes, false)
        }
        Some(_) => false,
    }
}

/// The end of the first part of a text: the first place to cut it at `size` bytes or later, else its end.
pub(super) fn part_end(text: &str, size: usize) -> usize {
    if size >= text.len() {
        return text.len();
    }
    let start = text.floor_char_boundary(size.saturating_sub(1));
    let is_between = |end: &usize| {
        let before = text[..end - 1].chars().next_back();
        before.is_some_and(is_visible) && text[*end..].chars().next().is_some_and(is_visible)
    };
    let mut ends = text[start..].match_indices('\n').map(|(at, _)| start + at + 1);
    ends.find(is_between).unwrap_or(text.len())
}

/// Letters, digits and common punctuation: nothing that a pattern could take for white space.
fn is_visible(c: char) -> bool {
    let is_punctuation = matches!(c, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{ff01}'..='\u{ff0f}');
    c.is_alphanumeric() || c.is_ascii_punctuation() || is_punctuation
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tokenizer;
    use super::*;
    use crate::folder::Folder;

    /// Merges that would show a line feed in another word.
    fn tokenizer(normalizer: &Value, pre_tokenizer: &Value, lstrip: bool) -> Tokenizer {
        let tokens =
            ["<e>", "Ġ", "Ċ", "a", "b", "1", "!", "'", "s", "ĊĊ", "ĠĊ", "Ċa", "!Ċ", "ab", "Ġa", "ĊĠ", "'s", "aĊ"];
        let vocab: serde_json::Map<String, Value> =
            tokens.into_iter().enumerate().map(|(id, token)| (token.to_owned(), id.into())).collect();
        let merges = [
            ["Ċ", "Ċ"],
            ["Ġ", "Ċ"],
            ["Ċ", "a"],
            ["!", "Ċ"],
            ["a", "b"],
            ["Ġ", "a"],
            ["Ċ", "Ġ"],
            ["'", "s"],
            ["a", "Ċ"],
        ];
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": normalizer,
            "added_tokens": [{"id": 0, "content": "<e>", "single_word": false, "lstrip": lstrip, "rstrip": false,
                "normalized": false, "special": true}],
            "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": null,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                "vocab": vocab, "merges": merges},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        Tokenizer::from_folder(&folder, None).expect("a good folder")
    }

    fn byte_level(has_pattern: bool, add_prefix_space: bool) -> Value {
        json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": has_pattern})
    }

    fn split(pattern: &str) -> Value {
        let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        json!({"type": "Sequence", "pretokenizers": [split, byte_level(false, false)]})
    }

    fn known() -> [Tokenizer; 3] {
        [byte_level(true, false), split(QWEN2_WORDS), split(LLAMA3_WORDS)]
            .map(|words| tokenizer(&json!({"type": "NFC"}), &words, false))
    }

    #[test]
    fn only_tokenizers_whose_words_are_known_are_cut() {
        let text = "a\nb\na";
        let end = |tokenizer: &Tokenizer| tokenizer.part_end(text, 1);
        assert!(known().iter().all(|tokenizer| end(tokenizer) == 2));
        let others = [
            (Value::Null, byte_level(true, true), false),
            (Value::Null, byte_level(false, false), false),
            (Value::Null, split(r"\s+|\S+"), false),
            (Value::Null, Value::Null, false),
            (Value::Null, json!({"type": "Whitespace"}), false),
            (json!({"type": "Lowercase"}), byte_level(true, false), false),
            (Value::Null, byte_level(true, false), true),
        ];
        for (normalizer, words, lstrip) in others {
            let tokenizer = tokenizer(&normalizer, &words, lstrip);
            assert_eq!(end(&tokenizer), text.len(), "{normalizer} {words} {lstrip}");
        }
    }

    #[test]
    fn a_text_is_cut_after_a_line_feed_between_visible_characters() {
        assert_eq!([part_end("a\n\nb\nc", 0), part_end("a \nb\nc", 0), part_end("a\n b\nc", 0)], [5, 5, 5]);
        assert_eq!([part_end("a\nb\nc", 0), part_end("a\nb\nc", 3), part_end("a\nb\nc", 9)], [2, 4, 5]);
        assert_eq!([part_end("a\r\nb", 0), part_end("", 0), part_end("é\n你", 1)], [4, 0, 3]);
    }

    proptest! {
        #[test]
        fn parts_have_the_tokens_of_the_whole(text in "([ab1!'s \n]|<e>){0,60}", size in 0_usize..12) {
            for tokenizer in known() {
                let tokens = |text: &str| tokenizer.encode_with_offsets(text).expect("any text").ids;
                let (mut rest, mut parts) = (text.as_str(), Vec::new());
                while !rest.is_empty() {
                    let (part, after) = rest.split_at(tokenizer.part_end(rest, size));
                    parts.extend(tokens(part));
                    rest = after;
                }
                prop_assert_eq!(parts, tokens(&text));
            }
        }
    }
}
