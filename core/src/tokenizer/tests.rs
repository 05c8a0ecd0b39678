//! Tests of tokenizers as they are loaded and asked; the small vocabularies are shared with the tests of the files beside.

use super::*;
use proptest::prelude::*;

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n!\n";

pub(super) fn bert() -> Folder {
    let mut folder = Folder::new();
    folder.insert("vocab.txt", WORDS);
    folder
}

/// The tokenizer.json of the same words.
pub(super) fn word_piece_json() -> serde_json::Value {
    let vocab = from_vocab::word_pieces(WORDS.as_bytes()).expect("good words");
    let mut json = class::Class::Bert.build(vocab, serde_json::Value::Null, &settings::Settings::default());
    json["post_processor"] = serde_json::json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]});
    json
}

pub(super) fn roberta() -> Folder {
    let mut folder = Folder::new();
    let vocab = r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"i":5,"Ġ":6,"hi":7,"Ġhi":8,"<mask>":9}"#;
    folder.insert("vocab.json", vocab);
    folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n");
    folder
}

pub(super) fn tokenizer(folder: &Folder) -> Tokenizer {
    Tokenizer::from_folder(folder, None).expect("a good folder")
}

pub(super) fn ids(tokenizer: &Tokenizer, text: &str, max_seq_length: usize) -> Vec<u32> {
    tokenizer.encode(text, max_seq_length).expect("room enough").ids
}

#[test]
fn a_bert_vocabulary_alone_is_enough() {
    let tokenizer = tokenizer(&bert());
    assert_eq!(ids(&tokenizer, "Hello worlds! what [SEP]", 64), [2, 5, 6, 7, 8, 1, 3, 3]);
    assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id(), tokenizer.num_special_tokens()), (9, 0, 2));
    assert_eq!(tokenizer.token(6).as_deref(), Some("world"));
    assert_eq!((tokenizer.mask_token(), tokenizer.mask_token_id()), (Some("[MASK]"), Some(4)));
    let placed = tokenizer.encode_with_offsets("worlds !").expect("a text");
    assert_eq!((placed.ids, placed.words), (vec![6, 7, 8], vec![Some(0), Some(0), Some(1)]));
}

#[test]
fn windows_line_ends_and_case_are_heeded() {
    let mut folder = bert();
    folder.insert("vocab.txt", WORDS.replace('\n', "\r\n"));
    folder.insert("tokenizer_config.json", r#"{"do_lower_case": false}"#);
    assert_eq!(ids(&tokenizer(&folder), "Hello hello", 64), [2, 1, 5, 3]);
}

#[test]
fn a_roberta_vocabulary_with_merges_is_enough() {
    let tokenizer = tokenizer(&roberta());
    let encoded = tokenizer.encode("hi hi<mask>", 64).expect("room enough");
    assert_eq!(encoded.ids, [0, 7, 8, 9, 2]);
    assert_eq!(encoded.type_ids, [0; 5]);
    assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id()), (10, 1));
}

#[test]
fn truncation_keeps_the_special_tokens_and_baked_in_settings_do_not_count() {
    let mut json = word_piece_json();
    json["truncation"] =
        serde_json::json!({"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = serde_json::json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    let mut folder = Folder::new();
    folder.insert("tokenizer.json", json.to_string());
    let left = tokenizer(&folder);
    assert_eq!(ids(&left, "hello world ! !", 64), [2, 5, 6, 8, 8, 3]);
    assert_eq!(ids(&left, "hello world !", 4), [2, 6, 8, 3]);
    folder.insert("tokenizer_config.json", r#"{"truncation_side": "right", "pad_token": {"content": "!"}}"#);
    let right = tokenizer(&folder);
    let encoded = right.encode("hello world !", 4).expect("room enough");
    assert_eq!((encoded.ids, encoded.num_tokens_untruncated), (vec![2, 5, 6, 3], 5));
    assert_eq!(right.pad_token_id(), 8);
    assert!(matches!(right.encode("hello", 2), Err(TokenizerError::TooShort { .. })));
}

#[test]
fn a_tokenizer_of_another_model_is_named() {
    let tokenizer = tokenizer(&bert());
    tokenizer.check_vocab(9).expect("just fits");
    let error = tokenizer.check_vocab(8).expect_err("one too many").to_string();
    assert!(error.contains("ids up to 8, the model's vocabulary has 8 tokens"), "{error}");
    let padded = Tokenizer::from_folder(&bert(), Some(9)).expect("a good folder");
    assert!(padded.check_vocab(9).is_err());
}

#[test]
fn tokens_know_their_places_and_texts_come_back() {
    let mut folder = roberta();
    folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>", "eos_token": {"content": "</s>"}}"#);
    let tokenizer = tokenizer(&folder);
    let placed = tokenizer.encode_with_offsets("hi hi</s>").expect("plain text");
    assert_eq!(placed.ids, [7, 8, 2]);
    assert_eq!(placed.offsets, [(0, 2), (2, 5), (5, 9)]);
    assert_eq!(tokenizer.decode(&placed.ids, true).expect("known ids"), "hi hi");
    assert_eq!(tokenizer.decode(&placed.ids, false).expect("known ids"), "hi hi</s>");
    assert_eq!((tokenizer.special_prefix(), tokenizer.special_suffix()), (&[0][..], &[2][..]));
    assert_eq!(tokenizer.encode_prompt("hi", true).expect("plain text"), [0, 7]);
    assert_eq!(tokenizer.encode_prompt("hi", false).expect("plain text"), [7]);
    assert_eq!((tokenizer.bos_token(), tokenizer.eos_token()), (Some("<s>"), Some("</s>")));
    assert_eq!((tokenizer.bos_token_id(), tokenizer.eos_token_id()), (Some(0), Some(2)));
}

#[test]
fn an_empty_prompt_begins_with_the_first_token() {
    let mut folder = roberta();
    folder.insert("config.json", r#"{"model_type": "gpt2"}"#);
    assert_eq!(tokenizer(&folder).encode_prompt("", true).expect("no text"), [0_u32; 0], "it has no first token");
    folder.insert("config.json", r#"{"model_type": "gpt2", "bos_token_id": 2}"#);
    assert_eq!(tokenizer(&folder).encode_prompt("", true).expect("no text"), [2]);
    folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>"}"#);
    let tokenizer = tokenizer(&folder);
    assert_eq!(tokenizer.encode_prompt("", true).expect("no text"), [0]);
    assert_eq!(tokenizer.encode_prompt("hi", true).expect("a text"), [7]);
    assert_eq!(tokenizer.encode_prompt("", false).expect("no text"), [0_u32; 0]);
}

#[test]
fn a_very_long_text_has_the_tokens_of_the_whole() {
    let text = "hello worlds! what hello ".repeat(24_000);
    assert!(text.len() > 2 * long_text::WHOLE_BYTES);
    let mut folder = bert();
    let whole = tokenizer(&folder).encode_with_offsets(&text).expect("any text").ids;
    for (side, max) in [("right", 16), ("left", 16), ("right", 50_000)] {
        folder.insert("tokenizer_config.json", format!(r#"{{"truncation_side": "{side}"}}"#));
        let found = tokenizer(&folder).encode(&text, max).expect("room enough");
        let kept = match side {
            "left" => &whole[whole.len() - (max - 2)..],
            _ => &whole[..max - 2],
        };
        assert_eq!(found.ids[1..max - 1], *kept, "{side}");
        assert!(found.is_lower_bound && found.num_tokens_untruncated >= max, "{side}");
    }
    // A word without end is one token, whatever is looked at of it.
    let word = "x".repeat(long_text::WHOLE_BYTES * 3);
    let found = tokenizer(&bert()).encode(&word, 16).expect("room enough");
    assert_eq!((found.ids, found.num_tokens_untruncated, found.is_lower_bound), (vec![2, 1, 3], 3, false));
}

proptest! {
    #[test]
    fn any_text_fits_and_keeps_its_special_tokens(text in any::<String>(), max_seq_length in 3_usize..20) {
        let (bert, roberta) = (tokenizer(&bert()), tokenizer(&roberta()));
        for (tokenizer, first, last) in [(&bert, 2, 3), (&roberta, 0, 2)] {
            let encoded = tokenizer.encode(&text, max_seq_length).expect("room enough");
            prop_assert!(encoded.ids.len() <= max_seq_length);
            prop_assert_eq!(encoded.ids.len(), encoded.num_tokens_untruncated.min(max_seq_length));
            prop_assert_eq!(encoded.type_ids.len(), encoded.ids.len());
            prop_assert_eq!((encoded.ids.first(), encoded.ids.last()), (Some(&first), Some(&last)));
            prop_assert!(encoded.ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
        }
    }
}
