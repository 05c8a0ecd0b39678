//! A SentencePiece file to a tokenizer, as the tokenizer classes of `transformers` build theirs from it.
//!
//! In: a folder with such a file and no tokenizer.json, and its [`Settings`]. Out: the class, and what its tokenizer.json
//! would be, without the special tokens that have names and without post-processor, which come last. Follows
//! `_convert_from_sentencepiece` of `tokenization_utils_tokenizers.py` and `convert_slow_tokenizer.py` of transformers 5.24.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use tokenizers::AddedToken;

use super::super::TokenizerError;
use super::super::class::Class;
use super::super::settings::Settings;
use super::piece_model::{Kind, PieceModel};
use super::pieces::{Pieces, steps};
use crate::folder::Folder;
use crate::hub::SENTENCEPIECE_FILES;

/// Sentinels of T5 where its settings do not say how many, and most of them.
const SENTINELS: u64 = 100;
const MAX_SENTINELS: u64 = 10_000;

/// Most merges for each piece, and a few more; Gemma and Llama 2 have two.
const MERGES_A_PIECE: usize = 8;
const FREE_MERGES: usize = 1000;

/// Reads the folder's SentencePiece file; `None` without one. Special tokens that the file names, and no other file does, go
/// into the settings.
///
/// # Errors
/// When the file is broken, or the model's class builds its tokenizer from it by rules that are not known here.
pub(in crate::tokenizer) fn read(
    folder: &Folder,
    settings: &mut Settings,
) -> Result<Option<(&'static str, Class, Value)>, TokenizerError> {
    let found = SENTENCEPIECE_FILES.into_iter().find_map(|file| folder.get(file).map(|bytes| (file, bytes)));
    let Some((file, bytes)) = found else { return Ok(None) };
    let class = class_of(file, settings).map_err(|class| TokenizerError::NeedsConversion { file, class })?;
    let malformed = |message: String| TokenizerError::Malformed { file, source: message.into() };
    let model = PieceModel::read(bytes).map_err(malformed)?;
    let json = match class {
        Class::SentencePiece(pieces) => build(pieces, &model, settings),
        _ => build_llama(&model, settings),
    };
    Ok(Some((file, class, json.map_err(malformed)?)))
}

/// The class that `AutoTokenizer` takes.
///
/// # Errors
/// The name of a class that is not known here.
fn class_of(file: &str, settings: &Settings) -> Result<Class, String> {
    let model_type = settings.model_type.as_deref();
    let name = settings.tokenizer_class.as_deref().map(|name| name.strip_suffix("Fast").unwrap_or(name));
    let pieces = match (name, model_type) {
        // Whatever their files name, these have no class.
        (_, Some("mistral" | "phi3" | "granite" | "olmo2")) => Pieces::Plain,
        (Some("LlamaTokenizer"), _) => return Ok(Class::Llama),
        // Transformers 5 has no such class: it takes tokenizer.model as written, and no other file. Transformers 4 had it as T5's.
        (Some("MT5Tokenizer"), _) if file == "tokenizer.model" => Pieces::Plain,
        (Some("T5Tokenizer" | "MT5Tokenizer"), _) | (None, Some("t5" | "mt5")) => Pieces::T5,
        (Some("AlbertTokenizer"), _) | (None, Some("albert")) => Pieces::Albert,
        (Some("XLMRobertaTokenizer"), _) | (None, Some("xlm-roberta")) => Pieces::XlmRoberta,
        (Some("CamembertTokenizer"), _) | (None, Some("camembert")) => Pieces::Camembert,
        (Some("DebertaV2Tokenizer"), _) | (None, Some("deberta-v2")) => Pieces::DebertaV2,
        (Some("GemmaTokenizer"), _) | (None, Some("gemma2" | "gemma3_text")) => Pieces::Gemma,
        (None | Some("PreTrainedTokenizer" | "TokenizersBackend"), _) => Pieces::Plain,
        (Some(other), _) => return Err(other.to_owned()),
    };
    Ok(Class::SentencePiece(pieces))
}

fn build_llama(model: &PieceModel<'_>, settings: &Settings) -> Result<Value, String> {
    if model.is_unigram {
        return Err("it is a Unigram model, and LlamaTokenizer has BPE".to_owned());
    }
    let texts: Vec<&str> = model.pieces.iter().map(|piece| piece.text).collect();
    let ids = ids(&texts);
    let mut json = Class::Llama.build(vocabulary(&ids), merges_by_id(&texts, &ids)?, settings);
    json["added_tokens"] = added_tokens(Class::Llama, model, settings, &ids, &[]);
    Ok(json)
}

fn build(class: Pieces, model: &PieceModel<'_>, settings: &mut Settings) -> Result<Value, String> {
    let is_unigram = class.is_unigram().unwrap_or(model.is_unigram);
    if is_unigram != model.is_unigram {
        let [own, theirs] = if is_unigram { ["Unigram", "BPE"] } else { ["BPE", "Unigram"] };
        return Err(format!("it is a {theirs} model, and {} has {own}", class.name()));
    }
    match class {
        Pieces::Plain => take_names(model, settings),
        // The class takes the space before its mask away.
        Pieces::Camembert => {
            let mask = AddedToken::from("<mask>", true).lstrip(true);
            settings.named.entry("mask_token").or_insert(Some(mask));
        }
        _ => {}
    }
    let sentinels: Vec<String> = if class == Pieces::T5 {
        let number = settings.extra_ids.unwrap_or(SENTINELS).min(MAX_SENTINELS);
        (0..number).rev().map(|number| format!("<extra_id_{number}>")).collect()
    } else {
        Vec::new()
    };
    let named = |name: &'static str| Class::SentencePiece(class).text(settings, name);
    let (names, unk) =
        (["bos_token", "pad_token", "eos_token", "unk_token", "mask_token"].map(&named), named("unk_token"));
    let scored = scored_pieces(class, model, &names, &sentinels);
    let texts: Vec<&str> = scored.iter().map(|&(text, _)| text).collect();
    let (model_json, ids) = if is_unigram {
        let unk_id = match class {
            Pieces::T5 => Some(2),
            Pieces::Albert => Some(1),
            Pieces::XlmRoberta => Some(3),
            Pieces::Camembert => texts.iter().position(|&text| text == unk),
            Pieces::DebertaV2 => scored.iter().position(|&(text, score)| text == unk && score == 0.0),
            _ => None,
        };
        let unk_id = unk_id.or_else(|| usize::try_from(model.unk_id).ok());
        let byte_fallback = class == Pieces::Plain && model.byte_fallback;
        let json = json!({"type": "Unigram", "unk_id": unk_id, "vocab": scored, "byte_fallback": byte_fallback});
        (json, ids(&texts))
    } else if class == Pieces::Gemma {
        let ids = ids(&texts);
        (byte_pairs(&ids, merges_by_id(&texts, &ids)?, &unk, true, false), ids)
    } else {
        let texts = renamed(&texts, settings);
        let ids = ids(&texts);
        let has_whole = model.pieces.iter().any(|piece| piece.kind == Kind::UserDefined);
        (byte_pairs(&ids, merges_by_score(model, &texts)?, model.unk_piece, model.byte_fallback, has_whole), ids)
    };
    let added_tokens = added_tokens(Class::SentencePiece(class), model, settings, &ids, &sentinels);
    let [normalizer, pre_tokenizer, decoder] = steps(class, model, settings);
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": null,
        "decoder": decoder,
        "model": model_json,
    }))
}

/// The special tokens of the file, where the settings name none; added tokens count in the text as it is typed.
fn take_names(model: &PieceModel<'_>, settings: &mut Settings) {
    let own = [
        ("bos_token", model.bos_id, model.bos_piece),
        ("eos_token", model.eos_id, model.eos_piece),
        ("unk_token", model.unk_id, model.unk_piece),
    ];
    for (name, id, text) in own {
        if id >= 0 && !text.is_empty() {
            settings.named.entry(name).or_insert_with(|| Some(AddedToken::from(text, true)));
        }
    }
    if model.add_dummy_prefix {
        settings.added.values_mut().for_each(|token| token.normalized = false);
    }
}

/// Pieces and scores in the order of their ids, with what the class puts before and after those of the file; `names` are the
/// texts of its beginning, padding, end, unknown token and mask.
fn scored_pieces<'a>(
    class: Pieces,
    model: &PieceModel<'a>,
    names: &'a [String; 5],
    sentinels: &'a [String],
) -> Vec<(&'a str, f64)> {
    let [bos, pad, eos, unk, mask] = names.each_ref().map(String::as_str);
    let (first, num_left_out, last) = match class {
        Pieces::XlmRoberta => (vec![(bos, 0.0), (pad, 0.0), (eos, 0.0), (unk, 0.0)], 3, Some(mask)),
        Pieces::Camembert => {
            let first = [("<s>NOTUSED", 0.0), (pad, 0.0), ("</s>NOTUSED", 0.0), (unk, 0.0), ("<unk>NOTUSED", -100.0)];
            (first.to_vec(), 1, Some(mask))
        }
        _ => (Vec::new(), 0, None),
    };
    let own = model.pieces.iter().skip(num_left_out).map(|piece| (piece.text, f64::from(piece.score)));
    let after = last.into_iter().chain(sentinels.iter().map(String::as_str)).map(|text| (text, 0.0));
    first.into_iter().chain(own).chain(after).collect()
}

/// The id of each text; of a text that is there twice the last one.
fn ids<'a>(texts: &[&'a str]) -> HashMap<&'a str, usize> {
    texts.iter().enumerate().map(|(id, &text)| (text, id)).collect()
}

/// Added tokens of the file that lists them, in the place of the pieces' own names.
fn renamed<'a>(texts: &[&'a str], settings: &'a Settings) -> Vec<&'a str> {
    let name = |id: usize| settings.added.get(&(id as u64)).map(|token| token.content.as_str());
    let kept: HashSet<&str> =
        texts.iter().enumerate().filter(|&(id, _)| name(id).is_none()).map(|(_, &text)| text).collect();
    let new = |(id, &text): (usize, &&'a str)| name(id).filter(|name| !kept.contains(name)).unwrap_or(text);
    texts.iter().enumerate().map(new).collect()
}

fn vocabulary(ids: &HashMap<&str, usize>) -> Value {
    let mut order: Vec<(usize, &str)> = ids.iter().map(|(&text, &id)| (id, text)).collect();
    order.sort_unstable();
    Value::Object(order.into_iter().map(|(id, text)| (text.to_owned(), id.into())).collect())
}

fn byte_pairs(
    ids: &HashMap<&str, usize>,
    merges: Value,
    unk_token: &str,
    byte_fallback: bool,
    ignore_merges: bool,
) -> Value {
    json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unk_token,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": true,
        "byte_fallback": byte_fallback,
        "ignore_merges": ignore_merges,
        "vocab": vocabulary(ids),
        "merges": merges,
    })
}

/// Ways to cut a text in two that `is_piece` both, the shortest first part first.
fn cuts(text: &str, is_piece: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, &str)> {
    let cuts = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
    cuts.filter(move |(left, right)| is_piece(left) && is_piece(right))
}

/// Merges of the classes: of every pair of pieces that makes another, those of the piece with the lowest id first.
fn merges_by_id(texts: &[&str], ids: &HashMap<&str, usize>) -> Result<Value, String> {
    let own = texts.iter().enumerate().filter(|(id, text)| ids.get(*text) == Some(id));
    merge_list(own.flat_map(|(_, text)| cuts(text, move |part| ids.contains_key(part))), texts.len())
}

/// Merges as SentencePiece itself makes them: of normal pieces alone, those with the highest score first.
fn merges_by_score(model: &PieceModel<'_>, texts: &[&str]) -> Result<Value, String> {
    let mut normal: Vec<(f32, &str)> = Vec::new();
    for (piece, &text) in model.pieces.iter().zip(texts) {
        if piece.kind == Kind::Normal {
            normal.push((piece.score, text));
        }
    }
    let known: &HashSet<&str> = &normal.iter().map(|&(_, text)| text).collect();
    normal.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    merge_list(normal.iter().flat_map(|&(_, text)| cuts(text, move |part| known.contains(part))), texts.len())
}

/// Merges as JSON, of so many pieces.
///
/// # Errors
/// When they are many times more than the pieces, as no trained file has them.
fn merge_list<'a>(merges: impl Iterator<Item = (&'a str, &'a str)>, num_pieces: usize) -> Result<Value, String> {
    let limit = MERGES_A_PIECE * num_pieces + FREE_MERGES;
    let mut list = Vec::new();
    for (left, right) in merges {
        if list.len() == limit {
            return Err(format!("its {num_pieces} pieces are made of others in more than {limit} ways"));
        }
        list.push(json!([left, right]));
    }
    Ok(Value::Array(list))
}

/// Pieces that stand for signs, those that are never cut, and sentinels. Tokens with a name are added later, with the flags that
/// the settings give them.
fn added_tokens(
    class: Class,
    model: &PieceModel<'_>,
    settings: &Settings,
    ids: &HashMap<&str, usize>,
    sentinels: &[String],
) -> Value {
    let named: Vec<AddedToken> = class.tokens(settings).into_iter().map(|(token, _)| token).collect();
    let is_plain = class == Class::SentencePiece(Pieces::Plain);
    let own = model.pieces.iter().filter_map(|piece| match piece.kind {
        Kind::Control => Some((piece.text, true)),
        Kind::UserDefined if !is_plain => Some((piece.text, false)),
        _ => None,
    });
    let all = own.chain(sentinels.iter().map(|text| (text.as_str(), true)));
    let tokens =
        all.filter(|(text, _)| named.iter().all(|token| token.content != *text)).filter_map(|(text, special)| {
            let id = ids.get(text)?;
            Some(json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special}))
        });
    tokens.collect()
}
