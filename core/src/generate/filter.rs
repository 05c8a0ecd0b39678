//! Rules for what is written, applied to a text once it is finished, and counted: words that are replaced, and personal data.
//!
//! In: a text. Out: the text with what was found replaced, and how much that was. The rules are no part of a model: they hold where
//! Hone writes, and no other program that loads the model applies them. Words are compared as whole words, whatever their case, and
//! not as tokens: to forbid the tokens of a word (`bad_words_ids` of transformers) would forbid every word that begins with them, and
//! nobody could say how often it happened (ADR 40). Personal data are what the search for findings takes for them
//! ([`replace_personal`]): mail addresses, phone numbers, account and card numbers, and no names.

use serde::{Deserialize, Serialize};

use crate::config::ConfigProblem;
use crate::data::findings::replace_personal;
use crate::words::plural;

/// What stands for what was removed, where nobody says.
const REMOVED: &str = "[removed]";

/// Rules for what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputFilters {
    /// Words and phrases that are replaced.
    pub words: Vec<String>,
    /// Personal data are replaced.
    pub personal_data: bool,
    /// What stands in their place.
    pub replacement: String,
}

/// How much was replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterCounts {
    /// Words and phrases.
    pub words: usize,
    /// Mail addresses, numbers.
    pub personal_data: usize,
}

impl Default for OutputFilters {
    fn default() -> Self {
        Self { words: Vec::new(), personal_data: false, replacement: REMOVED.into() }
    }
}

impl FilterCounts {
    /// As a sentence; `None` where nothing was replaced.
    #[must_use]
    pub fn in_words(self) -> Option<String> {
        let words = (self.words > 0).then(|| plural(self.words, "blocked word"));
        let personal = (self.personal_data > 0).then(|| match self.personal_data {
            1 => "1 mail address or number".to_owned(),
            _ => plural(self.personal_data, "mail addresses or number"),
        });
        let found: Vec<String> = words.into_iter().chain(personal).collect();
        (!found.is_empty()).then(|| format!("Replaced: {}.", found.join(", ")))
    }
}

impl OutputFilters {
    /// Nothing is replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.personal_data
    }

    /// Whether the rules can be used.
    ///
    /// # Errors
    /// Every rule that can't be used, with what would be right.
    pub fn check(&self) -> Result<(), Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: &str| {
            problems.push(ConfigProblem { field: field.into(), message: message.into() });
        };
        if self.words.iter().any(|word| !word.chars().any(char::is_alphanumeric)) {
            problem("blocked_words", "a blocked word needs a letter or a digit");
        }
        let replaced = self.replace_words(&self.replacement).1;
        if replaced > 0 {
            problem("replacement", "it has a blocked word in it: choose another text");
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The text with all that the rules find replaced, and how much that was.
    #[must_use]
    pub fn apply(&self, text: &str) -> (String, FilterCounts) {
        let (text, num_personal) = match self.personal_data {
            true => replace_personal(text, &self.replacement),
            false => (text.to_owned(), 0),
        };
        let (text, num_words) = self.replace_words(&text);
        (text, FilterCounts { words: num_words, personal_data: num_personal })
    }

    /// Replaces words, of those that begin alike the longest.
    fn replace_words(&self, text: &str) -> (String, usize) {
        let (mut replaced, mut count, mut rest) = (String::with_capacity(text.len()), 0, text);
        let mut before: Option<char> = None;
        while let Some(char) = rest.chars().next() {
            let found = self.words.iter().filter_map(|word| length_of_word(before, rest, word)).max();
            let len = found.unwrap_or(char.len_utf8());
            match found {
                Some(_) => {
                    replaced.push_str(&self.replacement);
                    count += 1;
                }
                None => replaced.push(char),
            }
            before = rest[..len].chars().next_back();
            rest = &rest[len..];
        }
        (replaced, count)
    }
}

/// Bytes of `word` at the beginning of `text`, whatever its case; `None` where it does not stand there as a whole word. `before` is
/// what stands before the text.
fn length_of_word(before: Option<char>, text: &str, word: &str) -> Option<usize> {
    let word = word.trim();
    let mut wanted = word.chars().flat_map(char::to_lowercase).peekable();
    let mut len = 0;
    for char in text.chars() {
        if wanted.peek().is_none() {
            break;
        }
        for lower in char.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
        len += char.len_utf8();
    }
    let is_whole = wanted.peek().is_none() && len > 0;
    // A word that ends in a sign, such as "C++", ends there whatever follows.
    let goes_on = |inner: Option<char>, outer: Option<char>| {
        inner.is_some_and(char::is_alphanumeric) && outer.is_some_and(char::is_alphanumeric)
    };
    let is_alone =
        !goes_on(word.chars().next(), before) && !goes_on(word.chars().next_back(), text[len..].chars().next());
    (is_whole && is_alone).then_some(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filters(words: &[&str], personal_data: bool) -> OutputFilters {
        let words = words.iter().map(ToString::to_string).collect();
        OutputFilters { words, personal_data, replacement: "***".into() }
    }

    fn applied(words: &[&str], text: &str) -> (String, usize) {
        let (text, counts) = filters(words, false).apply(text);
        (text, counts.words)
    }

    #[test]
    fn whole_words_are_replaced_whatever_their_case() {
        let words = ["darn", "Straße", "old man", "old", "c++"];
        for (text, expected, count) in [
            ("Darn it, DARN!", "*** it, ***!", 2),
            ("darned undarn darn2", "darned undarn darn2", 0),
            ("darn", "***", 1),
            ("the old man is old", "the *** is ***", 2),
            ("in der STRAßE", "in der ***", 1),
            ("C++11 and c++", "***11 and ***", 2),
            ("", "", 0),
            ("dar", "dar", 0),
        ] {
            assert_eq!(applied(&words, text), (expected.to_owned(), count), "{text:?}");
        }
    }

    #[test]
    fn personal_data_are_replaced_and_counted() {
        let (text, counts) = filters(&["call"], true).apply("Call 030 1234567 or write to a.b@example.org now.");
        assert_eq!(text, "*** *** or write to *** now.");
        assert_eq!(counts, FilterCounts { words: 1, personal_data: 2 });
        assert_eq!(counts.in_words().as_deref(), Some("Replaced: 1 blocked word, 2 mail addresses or numbers."));
        assert_eq!(FilterCounts::default().in_words(), None);
    }

    #[test]
    fn without_rules_a_text_stays_as_it_is() {
        let none = OutputFilters::default();
        assert!(none.is_empty() && none.check().is_ok() && !filters(&[], true).is_empty());
        let text = "Call 030 1234567.";
        assert_eq!(none.apply(text), (text.to_owned(), FilterCounts::default()));
        assert_eq!(serde_json::from_str::<OutputFilters>("{}").expect("all is optional"), none);
    }

    #[test]
    fn rules_that_cannot_be_used_are_refused() {
        let fields = |filters: OutputFilters| {
            let problems = filters.check().expect_err("something is wrong");
            problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(filters(&["ok", " - "], false)), ["blocked_words"]);
        let replacement = "no darn word".into();
        assert_eq!(fields(OutputFilters { replacement, ..filters(&["darn"], false) }), ["replacement"]);
    }

    proptest! {
        #[test]
        fn no_blocked_word_is_left(text in "[abc A]{0,30}", word in "[abc]{1,3}") {
            let (replaced, count) = applied(&[&word], &text);
            let is_word = |part: &str| part.to_lowercase() == word;
            prop_assert!(!replaced.split(|char: char| !char.is_alphanumeric()).any(is_word), "{replaced:?}");
            prop_assert_eq!(count, text.split(' ').filter(|part| is_word(part)).count());
        }

        #[test]
        fn any_text_passes_without_panic(text in ".{0,40}", word in ".{0,6}") {
            let _ = applied(&[&word], &text);
        }
    }
}
