//! Tokens that are added on top of a vocabulary, as `transformers` adds them.
//!
//! In: a tokenizer without (or with its own) added tokens, and the [`Settings`]. Out: the same tokenizer with the tokens
//! of `added_tokens_decoder` or `added_tokens.json` in the order of their ids, the named special tokens, and the others.
//! Follows `TokenizersBackend.__init__` of transformers 5: the ids that the files give are only an order, a token that
//! the vocabulary lacks gets the next free one.

use std::collections::{BTreeMap, HashSet};

use tokenizers::AddedToken;

use super::TokenizerError;
use super::class::Class;
use super::settings::Settings;

/// Most tokens that a note names.
const MAX_NAMES: usize = 5;

/// Where a token to add comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A list of added tokens.
    List,
    /// The settings name it.
    Settings,
    /// The class has it.
    Class,
}

/// Adds the tokens; notes say what of the files does not hold.
///
/// A named token that the vocabulary lacks and the model's table has no row for is left out, where `transformers` would
/// add it and fail on texts that have it.
///
/// # Errors
/// When the crate can't tell two of the tokens apart.
pub(super) fn add(
    inner: &mut tokenizers::Tokenizer,
    settings: &Settings,
    class: Class,
    notes: &mut Vec<String>,
) -> tokenizers::Result<()> {
    let wanted = wanted(inner, settings, class);
    let (mut next, mut new, mut left_out) = (next_id(inner), HashSet::<String>::new(), Vec::new());
    let mut tokens = Vec::with_capacity(wanted.len());
    for (token, source) in wanted {
        let is_new = inner.token_to_id(&token.content).is_none() && !new.contains(&token.content);
        if is_new && !has_row(next, source, settings.vocab_size) {
            if source == Source::Settings {
                left_out.push(token.content);
            }
            continue;
        }
        if is_new {
            next += 1;
            new.insert(token.content.clone());
        }
        tokens.push(token);
    }
    inner.add_tokens(tokens)?;
    if class == Class::Qwen2 {
        // The class adds its special tokens once more, without the flags that files give them.
        let special = class.tokens(settings).into_iter().map(|(token, _)| token).chain(settings.extra.clone());
        let known: Vec<AddedToken> = special
            .filter(|token| inner.token_to_id(&token.content).is_some())
            .map(|token| AddedToken::from(token.content, true))
            .collect();
        inner.add_tokens(known)?;
    }
    inner.set_encode_special_tokens(settings.split_special_tokens);
    if !left_out.is_empty() {
        notes.push(format!(
            "special tokens that are not in the vocabulary and have no row in the model's table are left out: {}",
            names(&left_out)
        ));
    }
    let moved = |(id, token): (&u64, &AddedToken)| {
        let own = inner.token_to_id(&token.content)?;
        (u64::from(own) != *id).then(|| format!("{} ({own}, not {id})", token.content))
    };
    let moved: Vec<String> = settings.added.iter().filter_map(moved).collect();
    if !moved.is_empty() {
        notes.push(format!("added tokens have other ids than their file says, as in transformers: {}", names(&moved)));
    }
    Ok(())
}

/// All tokens to add, in order.
fn wanted(inner: &tokenizers::Tokenizer, settings: &Settings, class: Class) -> Vec<(AddedToken, Source)> {
    let existing = inner.get_added_tokens_decoder();
    let by_content: BTreeMap<&str, &AddedToken> =
        existing.values().map(|token| (token.content.as_str(), token)).collect();
    let mut known: HashSet<&str> = by_content.keys().copied().collect();
    let mut tokens = Vec::new();
    for token in settings.added.values() {
        if by_content.get(token.content.as_str()) != Some(&token) {
            known.insert(&token.content);
            tokens.push((token.clone(), Source::List));
        }
    }
    let named = class.tokens(settings);
    let names: HashSet<&str> = named.iter().map(|(token, _)| token.content.as_str()).collect();
    let mut seen = HashSet::new();
    let special = named.iter().map(|(token, by_file)| (token, if *by_file { Source::Settings } else { Source::Class }));
    for (token, source) in special.chain(settings.extra.iter().map(|token| (token, Source::Settings))) {
        if !known.contains(token.content.as_str()) && seen.insert(token) {
            tokens.push((token.clone(), source));
        }
    }
    for (token, _) in &mut tokens {
        token.special |= names.contains(token.content.as_str());
    }
    tokens.retain(|(token, _)| !token.content.is_empty());
    tokens
}

/// The id that the next new token gets.
pub(super) fn next_id(inner: &tokenizers::Tokenizer) -> u64 {
    let size = inner.get_vocab_size(false) as u64;
    let largest = inner.get_added_tokens_decoder().keys().max().map(|&id| u64::from(id));
    match largest {
        Some(largest) if largest >= size || size == 0 => largest + 1,
        _ => size,
    }
}

/// Whether a token of a list counts anyway: a table that is too small for it is another model's.
fn has_row(id: u64, source: Source, vocab_size: Option<u64>) -> bool {
    match (source, vocab_size) {
        (Source::List, _) | (Source::Settings, None) => true,
        (Source::Class, None) => false,
        (_, Some(vocab_size)) => id < vocab_size,
    }
}

/// What is wrong with a tokenizer that has ids which a model with so many token embeddings has not.
pub(super) fn without_row(inner: &tokenizers::Tokenizer, pad_token_id: u32, model_vocab_size: usize) -> TokenizerError {
    let is_beyond = |id: u32| id as usize >= model_vocab_size;
    let added = inner.get_added_tokens_decoder();
    let vocab = inner.get_vocab(true);
    let largest_id = vocab.values().copied().max().unwrap_or(0).max(pad_token_id);
    let mut beyond: Vec<(u32, String)> =
        vocab.into_iter().filter(|&(_, id)| is_beyond(id)).map(|(token, id)| (id, token)).collect();
    if beyond.is_empty() || beyond.iter().any(|(id, _)| !added.contains_key(id)) {
        return TokenizerError::TooManyTokens { largest_id: largest_id as usize, model_vocab_size };
    }
    beyond.sort_unstable();
    let shown: Vec<String> = beyond.into_iter().map(|(id, token)| format!("{token} ({id})")).collect();
    TokenizerError::AddedWithoutRow { tokens: names(&shown), model_vocab_size }
}

/// A few names, and how many more there are.
pub(super) fn names(all: &[String]) -> String {
    let first = all[..all.len().min(MAX_NAMES)].join(", ");
    match all.len().saturating_sub(MAX_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
