//! Bare vocabularies to what a tokenizer class takes.
//!
//! In: `vocab.txt`, or `vocab.json` and `merges.txt`. Out: the vocabulary (token to id) and the merges as JSON. What
//! SentencePiece writes is in rooms of its own.

mod piece_model;
pub(super) mod pieces;
pub(super) mod sentencepiece;

use serde_json::{Map, Value, json};

use super::TokenizerError;

/// `vocab.txt`: one token a line, its id the line.
///
/// # Errors
/// When it is not UTF-8.
pub(super) fn word_pieces(vocab: &[u8]) -> Result<Value, TokenizerError> {
    let text = std::str::from_utf8(vocab)
        .map_err(|source| TokenizerError::Malformed { file: "vocab.txt", source: source.into() })?;
    let mut ids = Map::new();
    for (id, token) in text.lines().enumerate() {
        ids.insert(token.trim_end().to_owned(), id.into());
    }
    Ok(Value::Object(ids))
}

/// `vocab.json` (token to id) and `merges.txt` (a pair a line, the most frequent first).
///
/// # Errors
/// When one of them is broken, or a merge is of a token that the vocabulary does not have.
pub(super) fn byte_pairs(vocab: &[u8], merges: &[u8]) -> Result<(Value, Value), TokenizerError> {
    let ids: Map<String, Value> = serde_json::from_slice(vocab)
        .map_err(|source| TokenizerError::Malformed { file: "vocab.json", source: source.into() })?;
    let merges = read_merges(merges, &ids)?;
    Ok((Value::Object(ids), Value::Array(merges)))
}

fn read_merges(merges: &[u8], ids: &Map<String, Value>) -> Result<Vec<Value>, TokenizerError> {
    let malformed = |source| TokenizerError::Malformed { file: "merges.txt", source };
    let text = std::str::from_utf8(merges).map_err(|source| malformed(source.into()))?;
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("#version") || line.trim().is_empty() {
            continue;
        }
        let parts: Vec<&str> = line.split(' ').collect();
        let [left, right] = parts[..] else {
            return Err(malformed(format!("line {} is not two tokens and a space", index + 1).into()));
        };
        if let Some(token) = [left, right, &[left, right].concat()].into_iter().find(|token| !ids.contains_key(*token))
        {
            return Err(malformed(format!("line {}: {token:?} is not in vocab.json", index + 1).into()));
        }
        pairs.push(json!([left, right]));
    }
    Ok(pairs)
}
