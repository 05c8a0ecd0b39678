//! Words that mean the same, from a table of English ones that comes with Hone (`synonyms.txt`, in the public domain).
//!
//! In: the words of a text, and how many of them. Out: the same, some of those that the table has replaced, in their case. A text that
//! is plainly of another language stays as it is: words may be written alike and mean something else.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;

use super::super::findings::TextLanguage;
use super::super::random::shuffle;
use super::index_below;
use super::words::Words;

/// Groups of words, a line each; lines that begin with `#` say what it is.
const TABLE: &str = include_str!("synonyms.txt");

/// The language of the table.
const LANGUAGE: &str = "English";

/// The table, by its words.
#[derive(Debug)]
pub(super) struct Synonyms {
    groups: HashMap<&'static str, Vec<&'static str>>,
    language: TextLanguage,
}

impl Synonyms {
    /// The table that comes with Hone.
    pub(super) fn bundled() -> Self {
        let mut groups = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let group: Vec<&'static str> = line.split(' ').collect();
            for &word in &group {
                groups.insert(word, group.iter().copied().filter(|other| *other != word).collect());
            }
        }
        Self { groups, language: TextLanguage::new() }
    }

    /// Replaces so many of the words of a text that the table has, or all of them.
    pub(super) fn replace(&mut self, text: &str, words: &mut Words<'_>, num_changes: usize, random: &mut ChaCha8Rng) {
        let mut known: Vec<usize> = (0..words.len()).filter(|&index| !self.others(words, index).is_empty()).collect();
        if known.is_empty() || self.language.of(text).is_some_and(|language| language != LANGUAGE) {
            return;
        }
        shuffle(&mut known, random);
        for index in known.into_iter().take(num_changes) {
            let others = self.others(words, index);
            // The word before may have become another one; then there may be none left that goes with it.
            if !others.is_empty() {
                let other = others[index_below(others.len(), random)];
                let word = &mut words.words[index].word;
                *word = in_case_of(word, other).into();
            }
        }
    }

    /// What can take the place of a word: after "a" and "an" only what goes with it.
    fn others(&self, words: &Words<'_>, index: usize) -> Vec<&'static str> {
        let word = words.words[index].word.to_lowercase();
        let Some(others) = self.groups.get(word.as_str()) else { return Vec::new() };
        let before = index.checked_sub(1).map(|before| words.words[before].word.to_lowercase());
        let fits = |other: &&&str| match before.as_deref() {
            Some("a") => !sounds_like_vowel(other),
            Some("an") => sounds_like_vowel(other),
            _ => true,
        };
        others.iter().filter(fits).copied().collect()
    }
}

/// Whether a word of the table goes with "an": "an honest", but "a useful".
fn sounds_like_vowel(word: &str) -> bool {
    let sounds_otherwise = ["use", "usu", "honest"].iter().any(|start| word.starts_with(start));
    word.starts_with(['a', 'e', 'i', 'o', 'u']) != sounds_otherwise
}

/// A word of the table in the case of another: `Big`, `BIG`.
pub(super) fn in_case_of(word: &str, other: &str) -> String {
    let is_upper = |letter: char| letter.is_uppercase();
    if word.chars().count() > 1 && word.chars().all(is_upper) {
        return other.to_uppercase();
    }
    let mut letters = other.chars();
    match letters.next() {
        Some(first) if word.starts_with(is_upper) => first.to_uppercase().chain(letters).collect(),
        _ => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::generator;
    use super::*;

    fn replaced(text: &str, num_changes: usize) -> Vec<String> {
        let of_stream = |stream| {
            let mut words = Words::of(text);
            Synonyms::bundled().replace(text, &mut words, num_changes, &mut generator(1, stream));
            words.to_text()
        };
        (0..20).map(of_stream).collect()
    }

    #[test]
    fn each_word_of_the_table_stands_in_one_group_in_small_letters() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ')).collect();
        assert!(words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())));
        let synonyms = Synonyms::bundled();
        assert_eq!(synonyms.groups.len(), words.len(), "no word stands twice");
        assert!(lines.len() > 500 && synonyms.groups.values().all(|others| !others.is_empty()));
        assert!(TABLE.contains("public domain"));
    }

    #[test]
    fn words_are_replaced_in_their_case_and_others_stay() {
        let found = replaced("The BIG Movie, oh!", 2);
        assert!(found.iter().all(|text| text == "The LARGE Film, oh!"), "{found:?}");
        let one = replaced("big movie", 1);
        assert!(one.contains(&"large movie".to_owned()) && one.contains(&"big film".to_owned()), "{one:?}");
    }

    #[test]
    fn an_article_keeps_a_word_that_goes_with_it() {
        for text in replaced("a big idea, an enormous one", 3) {
            assert!(text.starts_with("a large ") && text.contains("an immense"), "{text}");
        }
        for text in replaced("an honest answer, a helpful one", 2) {
            assert!(text.starts_with("an honest ") && !text.contains("a helpful"), "{text}");
        }
        assert!(replaced("a helpful one", 1).contains(&"a useful one".to_owned()));
    }

    #[test]
    fn texts_of_other_languages_stay() {
        let text = "Die Karte ist nicht da, und ich kann das nicht mit dem Hotel oder der Bank machen; job problem";
        assert!(replaced(text, 5).iter().all(|found| found == text));
    }
}
