//! A model folder's files to its tokenizer, as `AutoTokenizer` of transformers 5 reads them.

use serde_json::Value;
use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token};

use super::added;
use super::check;
use super::check_places;
use super::class::{self, Class};
use super::from_vocab;
use super::from_vocab::pieces::rebuild;
use super::lines;
use super::settings::Settings;
use super::stream::Bytes;
use super::windows::max_pair_type_id;
use super::word_cache::WordCache;
use super::{Tokenizer, TokenizerError};
use crate::folder::Folder;
use crate::hub::GENERATION_CONFIG;

pub(super) const JSON: &str = "tokenizer.json";

/// What the crate builds of one file.
struct Built {
    file: &'static str,
    class: Class,
    inner: tokenizers::Tokenizer,
    notes: Vec<String>,
}

/// Reads the folder; see [`Tokenizer::from_folder`].
pub(super) fn load(folder: &Folder, pad_token_id: Option<u32>) -> Result<Tokenizer, TokenizerError> {
    let mut json = folder.get(JSON).map(check::parse).transpose()?;
    let mut settings = Settings::read(folder, json.as_ref())?;
    let Built { file, class, mut inner, mut notes } = match &mut json {
        Some(json) => from_json(folder, json, &settings)?,
        None => from_vocabulary(folder, &mut settings)?,
    };
    let malformed = |source| TokenizerError::Malformed { file, source };
    added::add(&mut inner, &settings, class, &mut notes).map_err(malformed)?;
    check_places::check_added(&inner).map_err(malformed)?;
    if let Some(json) = json.as_ref().filter(|_| class != Class::AsWritten) {
        notes.extend(lost_tokens(json, &inner, class));
    }
    let baked_in = inner.get_truncation().map(|truncation| truncation.direction).unwrap_or_default();
    let direction = match settings.truncation_side.as_deref() {
        Some("left") => TruncationDirection::Left,
        Some("right") => TruncationDirection::Right,
        _ => baked_in,
    };
    inner.with_truncation(None).map_err(malformed)?;
    inner.with_padding(None);
    let own = class
        .post_processor(&settings, json.as_ref(), |token| inner.token_to_id(token))
        .map_err(|token| TokenizerError::MissingToken { file, token })?;
    let post_processor = match own {
        Some(own) => Some(serde_json::from_value(own).map_err(|source| malformed(source.into()))?),
        None => inner.get_post_processor().cloned(),
    };
    inner.with_post_processor(None::<PostProcessorWrapper>);
    let Around { prefix, suffix, max_type_id } = match &post_processor {
        Some(processor) => special_around(processor).map_err(malformed)?,
        None => Around::default(),
    };
    let max_pair_type_id = max_pair_type_id(post_processor.as_ref());
    if let Some(id) = prefix.iter().chain(&suffix).find(|id| inner.id_to_token(**id).is_none()) {
        return Err(malformed(format!("its post-processor adds the id {id}, which is no token").into()));
    }
    let vocab_size = inner.get_vocab(true).into_values().max().map_or(0, |largest| largest as usize + 1);
    let content = |name| class.token(&settings, name).map(|(token, _)| token.content);
    let known = |token: String| inner.token_to_id(&token).map(|id| (token, id));
    let mut pad_tokens = content("pad_token").into_iter().chain(["[PAD]", "<pad>"].map(str::to_owned));
    let pad_token_id = pad_token_id.or_else(|| pad_tokens.find_map(|token| inner.token_to_id(&token)));
    let (bos, eos) = (content("bos_token").and_then(known), content("eos_token").and_then(known));
    let own_pad_token_id = content("pad_token").and_then(known).map(|(_, id)| id);
    let mut masks = content("mask_token").into_iter().chain(["[MASK]", "<mask>"].map(str::to_owned));
    let mask = masks.find_map(known);
    let configured = settings.bos_token_id.filter(|id| inner.id_to_token(*id).is_some());
    Ok(Tokenizer {
        first_id: bos.as_ref().map(|&(_, id)| id).or(configured),
        bytes: Bytes::of(inner.get_decoder()),
        is_cut_at_lines: lines::is_cuttable(&inner),
        word_cache: WordCache::for_tokenizer(&inner),
        inner,
        post_processor,
        direction,
        pad_token_id: pad_token_id.unwrap_or(0),
        own_pad_token_id,
        vocab_size,
        bos,
        eos,
        mask,
        prefix,
        suffix,
        has_type_ids: class.gives_type_ids(&settings),
        has_named_inputs: settings.names_type_ids.is_some(),
        max_type_id,
        max_pair_type_id,
        type_vocab_size: None,
        model_max_length: settings.model_max_length,
        notes,
    })
}

impl Tokenizer {
    /// Id of the token that `transformers` fills rows up with, as the tokenizer's own files or its class name it; `None` where
    /// they name none, as GPT-2's.
    #[must_use]
    pub fn own_pad_token_id(&self) -> Option<u32> {
        self.own_pad_token_id
    }
}

/// Vocabulary and merges are taken out of `json` once they were read: they may be a hundred megabytes.
fn from_json(folder: &Folder, json: &mut Value, settings: &Settings) -> Result<Built, TokenizerError> {
    check_and_name(json, JSON)?;
    let class = Class::of(settings, Some(&*json));
    if class == Class::AsWritten {
        let bytes = folder.get(JSON).ok_or(TokenizerError::Missing)?;
        // The crate reads it once more, and nothing else does.
        json["model"] = Value::Null;
        let inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|source| TokenizerError::Malformed { file: JSON, source })?;
        return Ok(Built { file: JSON, class, inner, notes: Vec::new() });
    }
    let [vocab, merges] = ["vocab", "merges"].map(|part| json["model"][part].take());
    let mut own = match class {
        Class::SentencePiece(pieces) => {
            let unk = class.text(settings, "unk_token");
            rebuild(pieces, &json["normalizer"], [vocab, merges], settings, &unk)
        }
        _ => class.build(vocab, merges, settings),
    };
    let notes = class::differences(class, json, &own);
    for part in ["truncation", "padding", "post_processor"] {
        own[part] = json.get(part).cloned().unwrap_or_default();
    }
    Ok(Built { file: JSON, class, inner: build(own, JSON)?, notes })
}

fn from_vocabulary(folder: &Folder, settings: &mut Settings) -> Result<Built, TokenizerError> {
    let (file, class, json) = if let Some(bytes) = folder.get("vocab.txt") {
        let class = Class::of_word_pieces(settings).map_err(|class| TokenizerError::OtherWordPieces { class })?;
        let vocab = from_vocab::word_pieces(bytes)?;
        let unk = class.text(settings, "unk_token");
        if vocab.get(&unk).is_none() {
            return Err(TokenizerError::MissingToken { file: "vocab.txt", token: unk });
        }
        ("vocab.txt", class, class.build(vocab, Value::Null, settings))
    } else if let (Some(vocab), Some(merges)) = (folder.get("vocab.json"), folder.get("merges.txt")) {
        let class =
            Class::of_byte_pairs(settings).map_err(|model_type| TokenizerError::NeedsTokenizerJson { model_type })?;
        let (vocab, merges) = from_vocab::byte_pairs(vocab, merges)?;
        ("vocab.json", class, class.build(vocab, merges, settings))
    } else if let Some(found) = from_vocab::sentencepiece::read(folder, settings)? {
        found
    } else {
        return Err(TokenizerError::Missing);
    };
    Ok(Built { file, class, inner: build(json, file)?, notes: Vec::new() })
}

/// Takes the JSON, whose memory is free again before the crate takes its own.
fn build(json: Value, file: &'static str) -> Result<tokenizers::Tokenizer, TokenizerError> {
    check_and_name(&json, file)?;
    let text = json.to_string();
    drop(json);
    tokenizers::Tokenizer::from_bytes(text).map_err(|source| TokenizerError::Malformed { file, source })
}

fn check_and_name(json: &Value, file: &'static str) -> Result<(), TokenizerError> {
    check::check(json).map_err(|message| TokenizerError::Malformed { file, source: message.into() })
}

/// Added tokens of tokenizer.json that tokenizer_config.json does not list.
fn lost_tokens(json: &Value, inner: &tokenizers::Tokenizer, class: Class) -> Option<String> {
    let tokens = json["added_tokens"].as_array().into_iter().flatten();
    let contents = tokens.filter_map(|token| token["content"].as_str());
    let known = inner.get_added_vocabulary().get_vocab();
    let lost: Vec<String> = contents.filter(|content| !known.contains_key(*content)).map(str::to_owned).collect();
    (!lost.is_empty()).then(|| {
        let (names, class) = (added::names(&lost), class.name());
        format!(
            "added tokens of tokenizer.json that tokenizer_config.json does not list are not used, as {class} of \
             transformers reads it: {names}"
        )
    })
}

/// What a post-processor puts around a text.
#[derive(Default)]
struct Around {
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    max_type_id: u32,
}

fn special_around(processor: &PostProcessorWrapper) -> tokenizers::Result<Around> {
    let text = Encoding::from_tokens(vec![Token::new(0, "a".into(), (0, 1))], 0);
    let around = processor.process(text, None, true)?;
    let (ids, mask) = (around.get_ids(), around.get_special_tokens_mask());
    let index = mask.iter().position(|&special| special == 0).unwrap_or(ids.len());
    Ok(Around {
        prefix: ids[..index].to_vec(),
        suffix: ids.get(index + 1..).unwrap_or_default().to_vec(),
        max_type_id: around.get_type_ids().iter().copied().max().unwrap_or(0),
    })
}

/// The ids that end a sequence as `generation_config.json` and `config.json` give them: `eos_token_id`, a number or a
/// list. As in `transformers` the latter counts only where the former says nothing, and a `null` of the former says that there are none.
/// Numbers that are no ids (-1, null) and files that are missing or broken give none.
#[must_use]
pub fn configured_eos_ids(folder: &Folder) -> Vec<u32> {
    let mut ids = Vec::new();
    for file in [GENERATION_CONFIG, "config.json"] {
        let config = folder.get(file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let Some(found) = config.as_ref().and_then(|config| config.get("eos_token_id")) else { continue };
        if file == GENERATION_CONFIG && found.is_null() {
            break;
        }
        let found = found.as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
        for id in found.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok()) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if !ids.is_empty() {
            break;
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, ids, roberta, tokenizer, word_piece_json};
    use super::*;

    #[test]
    fn other_vocabularies_with_merges_need_a_tokenizer_json() {
        let mut folder = roberta();
        folder.insert("config.json", r#"{"model_type": "mistral"}"#);
        let error = Tokenizer::from_folder(&folder, None).expect_err("its rules are not known").to_string();
        assert!(error.contains("\"mistral\"") && error.contains("tokenizer.json"), "{error}");
    }

    #[test]
    fn a_mask_takes_no_space_unless_a_file_says_so() {
        let mut folder = roberta();
        assert_eq!(ids(&tokenizer(&folder), "hi <mask>", 64), [0, 7, 6, 9, 2]);
        folder.insert("special_tokens_map.json", r#"{"mask_token": {"content": "<mask>", "lstrip": true}}"#);
        assert_eq!(ids(&tokenizer(&folder), "hi <mask>", 64), [0, 7, 9, 2]);
    }

    #[test]
    fn tokens_that_were_added_to_the_tokenizer_alone_are_named() {
        let mut folder = bert();
        folder.insert("added_tokens.json", r#"{"[E1]": 9, "[E2]": 10}"#);
        tokenizer(&folder).check_vocab(11).expect("each has a row");
        let error = tokenizer(&folder).check_vocab(9).expect_err("two have none").to_string();
        assert!(error.contains("[E1] (9), [E2] (10)") && error.contains("resize_token_embeddings"), "{error}");
        let error = tokenizer(&folder).check_vocab(5).expect_err("words have none either").to_string();
        assert!(error.contains("does not belong to this model") && error.contains("ids up to 10"), "{error}");
    }

    #[test]
    fn numbers_that_are_no_ids_end_no_sequence() {
        let mut folder = Folder::new();
        folder.insert("config.json", r#"{"eos_token_id": [-1, 7, null, 5000000000, 8]}"#);
        assert_eq!(configured_eos_ids(&folder), [7, 8]);
        for none in ["-1", "null", "\"</s>\"", "{}"] {
            folder.insert("config.json", format!(r#"{{"eos_token_id": {none}}}"#));
            assert_eq!(configured_eos_ids(&folder), [0_u32; 0], "{none}");
        }
    }

    #[test]
    fn settings_that_win_over_the_file_are_told() {
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", word_piece_json().to_string());
        assert_eq!(ids(&tokenizer(&folder), "Hello", 64), [2, 5, 3]);
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": false}"#);
        let cased = tokenizer(&folder);
        assert_eq!(ids(&cased, "Hello", 64), [2, 1, 3]);
        assert!(cased.notes().len() == 1 && cased.notes()[0].contains("normalizer"), "{:?}", cased.notes());
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "BertTokenizer", "model_max_length": 32}"#);
        let usual = tokenizer(&folder);
        assert_eq!((usual.notes(), usual.model_max_length()), (&[] as &[String], Some(32)));
    }

    #[test]
    fn a_class_made_for_sentencepiece_reads_a_tokenizer_json_by_its_own_rules() {
        let vocab = serde_json::json!([
            ["<s>", 0.0],
            ["<pad>", 0.0],
            ["</s>", 0.0],
            ["<unk>", 0.0],
            ["▁A", -1.0],
            ["▁a", -2.0],
            ["<mask>", 0.0]
        ]);
        let metaspace = serde_json::json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always",
            "split": true});
        let json = serde_json::json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": {"type": "Lowercase"}, "pre_tokenizer": metaspace, "post_processor": null,
            "decoder": null, "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab, "byte_fallback": false}});
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        assert_eq!(ids(&tokenizer(&folder), "A", 64), [5], "without a class it is read as written");
        folder.insert("config.json", r#"{"model_type": "xlm-roberta", "vocab_size": 7}"#);
        let own = tokenizer(&folder);
        assert_eq!(ids(&own, "A", 64), [0, 4, 2]);
        assert!(own.notes().iter().any(|note| note.starts_with("normalizer of tokenizer.json is not used")));
    }

    #[test]
    fn a_vocab_txt_of_a_class_with_rules_of_its_own_is_refused_by_its_name() {
        let mut folder = bert();
        folder.insert("config.json", r#"{"model_type": "bert", "tokenizer_class": "BertJapaneseTokenizer"}"#);
        let error = Tokenizer::from_folder(&folder, None).expect_err("words are cut otherwise").to_string();
        assert!(error.contains("BertJapaneseTokenizer") && error.contains("tokenizer.json"), "{error}");
    }

    #[test]
    fn a_segment_that_the_model_has_not_is_named() {
        let mut json = word_piece_json();
        let piece = |kind: &str, id: &str, type_id: u32| serde_json::json!({kind: {"id": id, "type_id": type_id}});
        json["post_processor"] = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [piece("SpecialToken", "[CLS]", 0), piece("Sequence", "A", 2)],
            "pair": [],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        let with_segments = |folder: &Folder, size| tokenizer(folder).with_type_vocab_size(size);
        let without = with_segments(&folder, 1).expect("the model is given no segments");
        assert_eq!(without.encode("hello", 8).expect("room enough").type_ids, [0; 2]);
        assert_eq!(without.add_special_tokens(&[5]).expect("a good template"), (vec![2, 5], vec![0; 2]));
        let names = r#"{"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}"#;
        folder.insert("tokenizer_config.json", names);
        let with = with_segments(&folder, 3).expect("just fits");
        assert_eq!(with.encode("hello", 8).expect("room enough").type_ids, [0, 2]);
        let error = with_segments(&folder, 2).expect_err("one too many").to_string();
        assert!(error.contains("segment 2") && error.contains("2 segments"), "{error}");
        json["post_processor"]["special_tokens"]["[CLS]"]["ids"][0] = 77.into();
        folder.insert("tokenizer.json", json.to_string());
        let error = Tokenizer::from_folder(&folder, None).expect_err("no such token").to_string();
        assert!(error.contains("the id 77"), "{error}");
    }

    #[test]
    fn missing_and_broken_files_are_named() {
        let fail = |folder: &Folder| Tokenizer::from_folder(folder, None).expect_err("not usable").to_string();
        assert!(fail(&Folder::new()).contains("no tokenizer"));
        let mut folder = bert();
        folder.insert("vocab.txt", "hello\nworld\n");
        assert_eq!(fail(&folder), "vocab.txt has no token \"[UNK]\"");
        folder.insert("tokenizer.json", r#"{"version": "1.0", "model": {"type": "WordPie"#);
        assert!(fail(&folder).starts_with("tokenizer.json can't be read: EOF"), "{}", fail(&folder));
        let mut folder = roberta();
        folder.insert("merges.txt", "h i\nno merge here\n");
        assert!(fail(&folder).starts_with("merges.txt can't be read: line 2"), "{}", fail(&folder));
        let mut folder = roberta();
        folder.insert("tokenizer_config.json", "{");
        assert!(fail(&folder).starts_with("tokenizer_config.json can't be read"));
    }

    #[test]
    fn every_id_that_ends_a_sequence_is_known_once() {
        let mut folder = roberta();
        folder.insert("tokenizer_config.json", r#"{"eos_token": "</s>", "bos_token": "<unheard of>"}"#);
        folder.insert("generation_config.json", r#"{"eos_token_id": [9, 2]}"#);
        folder.insert("config.json", r#"{"eos_token_id": 5, "vocab_size": 10}"#);
        let configured = configured_eos_ids(&folder);
        assert_eq!(configured, [9, 2], "config.json counts where generation_config.json says nothing");
        assert_eq!(tokenizer(&folder).eos_token_ids(&configured), [2, 9]);
        assert_eq!(tokenizer(&folder).bos_token(), None);
        folder.insert("generation_config.json", r#"{"eos_token_id": null}"#);
        assert_eq!(configured_eos_ids(&folder), [0_u32; 0], "it says that there are none");
        folder.insert("generation_config.json", "{");
        assert_eq!(configured_eos_ids(&folder), [5]);
    }
}
