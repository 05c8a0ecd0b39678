//! Pairs of words that take each other's place: names, pronouns, whatever should make no difference. In: pairs as they are typed, and
//! texts. Out: the texts with each word of a pair in the place of the other.
//!
//! Words are swapped as wholes and both ways at once ("he" for "she", and "she" for "he"), and keep their case: `He`, `HE`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Pairs of English pronouns. "her" stands for "him" and for "his": "his" becomes "her", and "her" becomes "him" before nothing but
/// an end, a comma or a small word, else "his".
const PRONOUNS: [(&str, &str); 5] =
    [("he", "she"), ("him", "her"), ("his", "her"), ("himself", "herself"), ("hers", "his")];

/// Words after which "her" was no possessive: what follows it is no noun.
const AFTER_HIM: [&str; 22] = [
    "a", "about", "after", "again", "and", "as", "at", "because", "before", "but", "for", "from", "in", "is", "of",
    "on", "or", "that", "the", "to", "was", "with",
];

/// What is swapped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwapPairs {
    /// Lower-case words with what takes their place.
    words: HashMap<String, String>,
    has_pronouns: bool,
}

impl SwapPairs {
    /// Pairs as they are typed: `he=she`, or `pronouns` for a list of English ones. A word may stand in one pair.
    ///
    /// # Errors
    /// Says which pair can't be used, and why.
    pub fn parse(typed: &[String]) -> Result<Self, String> {
        let mut pairs = Self::default();
        for one in typed.iter().map(|one| one.trim()).filter(|one| !one.is_empty()) {
            if one.eq_ignore_ascii_case("pronouns") {
                pairs.has_pronouns = true;
                continue;
            }
            let Some((first, second)) = one.split_once('=') else {
                return Err(format!("{one:?} is not of the form WORD=WORD, nor \"pronouns\""));
            };
            let (first, second) = (first.trim(), second.trim());
            for (from, to) in [(first, second), (second, first)] {
                if from.is_empty() || !from.chars().all(is_of_word) {
                    return Err(format!("{from:?} in {one:?} is not one word"));
                }
                let from = from.to_lowercase();
                if from == to.to_lowercase() {
                    return Err(format!("{one:?} swaps a word with itself"));
                }
                if pairs.words.insert(from.clone(), to.to_owned()).is_some() {
                    return Err(format!("{from:?} stands in two pairs: a word is swapped with one other"));
                }
            }
        }
        if pairs.has_pronouns
            && let Some(word) = PRONOUNS.iter().flat_map(|(a, b)| [*a, *b]).find(|word| pairs.words.contains_key(*word))
        {
            return Err(format!("{word:?} stands in a pair, and in the list \"pronouns\": leave one of them out"));
        }
        Ok(pairs)
    }

    /// Whether nothing is swapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.has_pronouns
    }

    /// A text with its words swapped; `None` where it has none of them.
    #[must_use]
    pub fn swap(&self, text: &str) -> Option<String> {
        let all: Vec<(usize, &str)> = words_of(text).collect();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (index, &(start, word)) in all.iter().enumerate() {
            let end = start + word.len();
            let next = all.get(index + 1).filter(|(next, _)| text[end..*next].chars().all(char::is_whitespace));
            let Some(other) = self.other(word, next.map(|(_, next)| *next)) else { continue };
            out.push_str(&text[at..start]);
            out.push_str(&in_case_of(word, &other));
            at = end;
        }
        (at > 0).then(|| out + &text[at..])
    }

    /// What takes the place of a word, before the word that follows it in its clause.
    fn other(&self, word: &str, next: Option<&str>) -> Option<String> {
        let lower = word.to_lowercase();
        if let Some(other) = self.words.get(&lower) {
            return Some(other.clone());
        }
        if !self.has_pronouns {
            return None;
        }
        let has_noun = next.is_some_and(|next| !AFTER_HIM.contains(&next.to_lowercase().as_str()));
        let other = match lower.as_str() {
            "her" if has_noun => "his",
            "her" => "him",
            "his" if !has_noun => "hers",
            "his" => "her",
            other => {
                let own = PRONOUNS.iter().find_map(|&(he, she)| match other {
                    word if word == he => Some(she),
                    word if word == she => Some(he),
                    _ => None,
                });
                own?
            }
        };
        Some(other.to_owned())
    }
}

/// Whether a character is part of a word. An apostrophe is none: "he's" is "he" and "s".
pub(crate) fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '-' || character == '_'
}

/// The words of a text, each with the byte that it starts at.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_of_word)?;
        let rest = &text[start..];
        let length = rest.find(|character: char| !is_of_word(character)).unwrap_or(rest.len());
        at = start + length;
        Some((start, &text[start..at]))
    })
}

/// A word in the case of another: `He` and `HE`; else as it was typed.
fn in_case_of(word: &str, other: &str) -> String {
    let letters = || word.chars().filter(|character| character.is_alphabetic());
    let is_upper = letters().count() > 1 && letters().all(char::is_uppercase);
    let is_title = letters().next().is_some_and(char::is_uppercase);
    let mut rest = other.chars();
    match rest.next() {
        _ if is_upper => other.to_uppercase(),
        Some(first) if is_title => first.to_uppercase().chain(rest).collect(),
        // A name that was typed with a capital loses it where the text has its partner without one.
        Some(first) if letters().next().is_some_and(char::is_lowercase) => first.to_lowercase().chain(rest).collect(),
        _ => other.to_owned(),
    }
}
