//! Which class reads a folder, and what it says of a tokenizer.json that it does not follow.

use super::*;

fn of(tokenizer_class: Option<&str>, model_type: &str, json: Option<&Value>) -> Class {
    let settings = Settings {
        tokenizer_class: tokenizer_class.map(str::to_owned),
        model_type: Some(model_type.to_owned()),
        ..Settings::default()
    };
    Class::of(&settings, json)
}

#[test]
fn the_class_is_that_of_auto_tokenizer() {
    let pairs = json!({"model": {"type": "BPE"}, "pre_tokenizer": null, "decoder": null});
    let bytes = json!({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Sequence",
        "pretokenizers": [{"type": "ByteLevel"}]}, "decoder": null});
    let words = json!({"model": {"type": "WordPiece"}});
    let old = json!({"model": {"vocab": {"a": 0}}});
    let pieces = json!({"model": {"type": "Unigram", "vocab": [["a", 0.0]]}});
    let old_pieces = json!({"model": {"unk_id": 0, "vocab": [["a", 0.0]]}});
    for (class, model_type, json, expected) in [
        (Some("BertTokenizerFast"), "bert", &words, Class::Bert),
        (None, "distilbert", &old, Class::Bert),
        (Some("PreTrainedTokenizerFast"), "bert", &words, Class::AsWritten),
        (Some("XLMRobertaTokenizer"), "bert", &words, Class::AsWritten),
        (None, "bert", &pairs, Class::AsWritten),
        (Some("PreTrainedTokenizerFast"), "qwen2", &bytes, Class::Qwen2),
        (Some("PreTrainedTokenizerFast"), "qwen3", &bytes, Class::AsWritten),
        (Some("LlamaTokenizer"), "llama", &pairs, Class::Llama),
        (Some("LlamaTokenizerFast"), "llama", &bytes, Class::AsWritten),
        (Some("LlamaTokenizer"), "mistral", &pairs, Class::AsWritten),
        (Some("GPT2Tokenizer"), "granite", &bytes, Class::AsWritten),
        (Some("GPT2TokenizerFast"), "olmo2", &bytes, Class::AsWritten),
        (Some("LlamaTokenizer"), "phi3", &pairs, Class::AsWritten),
        (Some("PreTrainedTokenizerFast"), "smollm3", &bytes, Class::AsWritten),
        (Some("GemmaTokenizer"), "gemma3_text", &pairs, Class::SentencePiece(Pieces::Gemma)),
        (Some("XLMRobertaTokenizerFast"), "xlm-roberta", &pieces, Class::SentencePiece(Pieces::XlmRoberta)),
        (Some("XLMRobertaTokenizer"), "bert", &pieces, Class::SentencePiece(Pieces::XlmRoberta)),
        (Some("PreTrainedTokenizerFast"), "albert", &pieces, Class::AsWritten),
        (None, "camembert", &old_pieces, Class::SentencePiece(Pieces::Camembert)),
        (None, "deberta-v2", &pieces, Class::SentencePiece(Pieces::DebertaV2)),
        (None, "mt5", &pieces, Class::SentencePiece(Pieces::T5)),
        (Some("MT5Tokenizer"), "mt5", &pieces, Class::AsWritten),
        (None, "t5", &words, Class::AsWritten),
        (Some("MPNetTokenizerFast"), "mpnet", &words, Class::Mpnet),
        (Some("BertTokenizer"), "modernbert", &words, Class::AsWritten),
        (None, "llama", &pairs, Class::AsWritten),
        (None, "gpt_neo", &bytes, Class::Gpt2),
    ] {
        assert_eq!(of(class, model_type, Some(json)), expected, "{class:?} {model_type} {json}");
    }
}

/// As `AutoTokenizer` of transformers 5.24 answers; `tests/fixtures/pair_types.json` holds the segments of whole folders.
#[test]
fn the_class_says_whether_the_model_is_given_segments() {
    for (name, model_type, expected) in [
        (None, "bert", true),
        (None, "electra", true),
        (None, "distilbert", true),
        (None, "deberta-v2", true),
        (None, "albert", false),
        (None, "mpnet", false),
        (None, "roberta", false),
        (None, "xlm-roberta", false),
        (None, "modernbert", false),
        (Some("BertTokenizerFast"), "albert", true),
        (Some("ElectraTokenizer"), "roberta", true),
        (Some("DebertaV2TokenizerFast"), "deberta-v2", true),
        (Some("AlbertTokenizer"), "albert", false),
        (Some("DistilBertTokenizerFast"), "bert", false),
        (Some("PreTrainedTokenizerFast"), "bert", false),
        (Some("TokenizersBackend"), "electra", false),
        (Some("NoSuchTokenizer"), "bert", false),
        (Some("BertTokenizer"), "modernbert", false),
    ] {
        for names_type_ids in [None, Some(true), Some(false)] {
            let settings = Settings {
                tokenizer_class: name.map(str::to_owned),
                model_type: Some(model_type.to_owned()),
                names_type_ids,
                ..Settings::default()
            };
            let found = Class::of(&settings, None).gives_type_ids(&settings);
            assert_eq!(found, names_type_ids.unwrap_or(expected), "{name:?} {model_type} {names_type_ids:?}");
        }
    }
    let unnamed = Settings::default();
    assert_eq!([Class::Bert, Class::AsWritten].map(|class| class.gives_type_ids(&unnamed)), [true, false]);
}

#[test]
fn differences_are_told_and_spellings_are_not() {
    let settings = Settings::default();
    let own = Class::Bert.build(json!({}), Value::Null, &settings);
    let file = json!({"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"continuing_subword_prefix": "##"}});
    assert_eq!(differences(Class::Bert, &file, &own), Vec::<String>::new());
    let mut cased = file;
    cased["normalizer"]["lowercase"] = false.into();
    let notes = differences(Class::Bert, &cased, &own);
    assert!(notes.len() == 1 && notes[0].starts_with("normalizer of tokenizer.json is not used"), "{notes:?}");
    let own = Class::Gpt2.build(json!({}), json!([]), &settings);
    let file = json!({"normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
        "trim_offsets": false}, "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
        "model": {"ignore_merges": false, "continuing_subword_prefix": null}});
    assert_eq!(differences(Class::Gpt2, &file, &own), Vec::<String>::new());
}

#[test]
fn a_vocab_txt_is_read_by_berts_rules_only_where_they_are_the_models() {
    let of = |name: Option<&str>, model_type: &str| {
        Class::of_word_pieces(&Settings {
            tokenizer_class: name.map(str::to_owned),
            model_type: Some(model_type.to_owned()),
            ..Settings::default()
        })
    };
    for (name, model_type, class) in [
        (None, "bert", Class::Bert),
        (None, "albert", Class::Bert),
        (None, "mpnet", Class::Mpnet),
        (Some("MPNetTokenizer"), "bert", Class::Mpnet),
        (Some("DistilBertTokenizerFast"), "distilbert", Class::Bert),
        (Some("ConvBertTokenizer"), "bert", Class::Bert),
        (Some("PreTrainedTokenizerFast"), "bert", Class::Bert),
    ] {
        assert_eq!(of(name, model_type), Ok(class), "{name:?} {model_type}");
    }
    for name in
        ["BertJapaneseTokenizer", "PhobertTokenizer", "BertweetTokenizer", "RoFormerTokenizer", "AlbertTokenizer"]
    {
        assert_eq!(of(Some(name), "bert"), Err(name.to_owned()));
    }
}

#[test]
fn spaces_that_a_normalizer_joins_are_no_difference_where_words_are_cut_at_them() {
    let join = json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "});
    let file = json!({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, join]},
        "pre_tokenizer": null, "decoder": null, "model": {}});
    let own = json!({"normalizer": {"type": "NFKC"}, "pre_tokenizer": null, "decoder": null, "model": {}});
    assert_eq!(differences(Class::SentencePiece(Pieces::T5), &file, &own), Vec::<String>::new());
    assert_eq!(differences(Class::SentencePiece(Pieces::DebertaV2), &file, &own).len(), 1);
    let own = json!({"normalizer": null, "pre_tokenizer": null, "decoder": null, "model": {}});
    assert_eq!(differences(Class::SentencePiece(Pieces::T5), &file, &own).len(), 1);
}

#[test]
fn albert_puts_its_own_tokens_around_texts_where_the_file_puts_none() {
    let id = |token: &str| ["[CLS]", "[SEP]"].iter().position(|known| *known == token).map(|index| index as u32);
    let of = |pieces: Pieces, file: Option<&Value>| {
        let own = Class::SentencePiece(pieces).post_processor(&Settings::default(), file, id);
        own.expect("both tokens have ids").is_some()
    };
    let (without, with) = (json!({"post_processor": null}), json!({"post_processor": {"type": "TemplateProcessing"}}));
    let files = [None, Some(&without), Some(&with)];
    assert_eq!(files.map(|file| of(Pieces::Albert, file)), [true, true, false]);
    assert_eq!(files.map(|file| of(Pieces::DebertaV2, file)), [true; 3], "its class writes them in any case");
}
