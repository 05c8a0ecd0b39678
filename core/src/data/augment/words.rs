//! A text as it is changed: its words, and what stands between them, which stays where it is.
//!
//! In: a text. Out: its words that may be changed, and the text with the changes. A word is what stands between white space without
//! the punctuation and emoji around it. What has anything else than letters in it (a digit, a slash, a dot, an emoji), and words of
//! scripts that are written without spaces, belong to what stands between.

use std::borrow::Cow;

/// Scripts that put no spaces between words: Thai and Lao, Tibetan, Burmese, Khmer, Chinese and Japanese.
const WITHOUT_SPACES: [(char, char); 11] = [
    ('\u{E00}', '\u{EFF}'),
    ('\u{F00}', '\u{FFF}'),
    ('\u{1000}', '\u{109F}'),
    ('\u{1780}', '\u{17FF}'),
    ('\u{2E80}', '\u{2FDF}'),
    ('\u{3005}', '\u{30FF}'),
    ('\u{31F0}', '\u{31FF}'),
    ('\u{3400}', '\u{9FFF}'),
    ('\u{F900}', '\u{FAFF}'),
    ('\u{FF66}', '\u{FF9F}'),
    ('\u{20000}', '\u{3FFFF}'),
];

/// A word that may be changed, and what stands before it.
#[derive(Debug, Clone)]
pub(super) struct Word<'t> {
    pub(super) before: Cow<'t, str>,
    pub(super) word: Cow<'t, str>,
}

/// A text, word by word.
#[derive(Debug)]
pub(super) struct Words<'t> {
    pub(super) words: Vec<Word<'t>>,
    /// What stands after the last word.
    pub(super) tail: Cow<'t, str>,
}

impl<'t> Words<'t> {
    /// The words of a text.
    pub(super) fn of(text: &'t str) -> Self {
        let (mut words, mut at) = (Vec::new(), 0);
        for (start, word) in chunks(text).filter_map(|(start, chunk)| word_in(start, chunk)) {
            words.push(Word { before: Cow::Borrowed(&text[at..start]), word: Cow::Borrowed(word) });
            at = start + word.len();
        }
        Self { words, tail: Cow::Borrowed(&text[at..]) }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The text, with what was changed.
    pub(super) fn to_text(&self) -> String {
        let parts = self.words.iter().flat_map(|Word { before, word }| [&**before, &**word]);
        parts.chain([&*self.tail]).collect()
    }

    /// Leaves out the words that `is_left_out` names, which has one for each.
    pub(super) fn leave_out(&mut self, is_left_out: &[bool]) {
        let words = std::mem::take(&mut self.words);
        // From the last to the first, so that what stands behind a word is what is left there.
        for (index, (word, &is_left_out)) in words.into_iter().zip(is_left_out).enumerate().rev() {
            if is_left_out {
                let after = self.words.last_mut().map_or(&mut self.tail, |next| &mut next.before);
                *after = Cow::Owned(join(&word.before, after, index == 0));
            } else {
                self.words.push(word);
            }
        }
        self.words.reverse();
    }
}

/// What stood before and after a word, once that is left out: of the white space one side goes, of two marks that would meet (`,.`)
/// the first, and marks by themselves that would begin the text.
fn join(before: &str, after: &str, is_first: bool) -> String {
    if is_first && before.trim().is_empty() {
        // But `.5` and `:)` stay whole.
        let after_marks = after.trim_start().trim_start_matches(is_mark);
        let stands_alone = after_marks.is_empty() || after_marks.starts_with(char::is_whitespace);
        format!("{before}{}", if stands_alone { after_marks } else { after }.trim_start())
    } else if after.starts_with(is_mark) {
        format!("{}{after}", before.trim_end().trim_end_matches(is_mark))
    } else if before.ends_with(char::is_whitespace) {
        format!("{before}{}", after.trim_start())
    } else {
        format!("{before}{after}")
    }
}

/// What ends a sentence or a part of one.
fn is_mark(character: char) -> bool {
    matches!(character, '.' | ',' | ';' | ':' | '!' | '?')
}

/// What stands between white space, each with the byte that it starts at.
fn chunks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(move |chunk| (chunk.as_ptr() as usize - start, chunk))
}

/// The word in a chunk that starts at a byte, with the byte that it starts at itself; `None` where the chunk stays whole.
fn word_in(start: usize, chunk: &str) -> Option<(usize, &str)> {
    let from_word = chunk.trim_start_matches(stands_around);
    let word = from_word.trim_end_matches(stands_around);
    let is_whole = chunk.chars().any(|character| character.is_numeric() || is_of_address(character));
    let has_inside = |character: char| stands_around(character) && !matches!(character, '\'' | '\u{2019}' | '-');
    let is_word = !is_whole
        && word.chars().any(char::is_alphabetic)
        && !word.chars().any(|character| has_inside(character) || is_without_spaces(character));
    is_word.then_some((start + chunk.len() - from_word.len(), word))
}

/// Characters of addresses, paths, tags and code: what has one is no word.
fn is_of_address(character: char) -> bool {
    matches!(
        character,
        '@' | '#' | '/' | '\\' | '_' | '<' | '>' | '=' | '{' | '}' | '[' | ']' | '|' | '$' | '%' | '&' | '~' | '^'
    )
}

/// Punctuation, symbols and emoji. Marks on letters are none.
fn stands_around(character: char) -> bool {
    match character {
        '\0'..='\u{7F}' => !character.is_ascii_alphabetic(),
        // The joiners of emoji are also letters of Indian words and Persian ones: what ends with one stays whole.
        '\u{200C}' | '\u{200D}' => false,
        '\u{80}'..='\u{BF}' => !matches!(character, '\u{AA}' | '\u{B5}' | '\u{BA}'),
        '\u{D7}' | '\u{F7}' => true,
        // Points of Greek, Armenian, Arabic and Indian texts.
        '\u{37E}' | '\u{387}' | '\u{589}' | '\u{60C}' | '\u{61B}' | '\u{61F}' | '\u{6D4}' | '\u{964}' | '\u{965}' => {
            true
        }
        '\u{2000}'..='\u{206F}' | '\u{20A0}'..='\u{20CF}' | '\u{20D0}'..='\u{20FF}' => true,
        '\u{2190}'..='\u{2BFF}' | '\u{2E00}'..='\u{2E7F}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' => true,
        '\u{FE00}'..='\u{FE0F}' | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' => true,
        '\u{1F000}'..='\u{1FAFF}' | '\u{E0000}'..='\u{E01EF}' => true,
        _ => false,
    }
}

fn is_without_spaces(character: char) -> bool {
    WITHOUT_SPACES.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let found = Words::of(text);
        assert_eq!(found.to_text(), text, "nothing is lost");
        found.words.iter().map(|word| word.word.clone().into_owned()).collect()
    }

    fn without(text: &str, index: usize) -> String {
        let mut words = Words::of(text);
        let is_left_out: Vec<bool> = (0..words.len()).map(|other| other == index).collect();
        words.leave_out(&is_left_out);
        words.to_text()
    }

    #[test]
    fn words_stand_between_spaces_without_what_is_around_them() {
        assert_eq!(
            words("  \"Well,\" he said: don't (please) re-open it\u{2026}"),
            ["Well", "he", "said", "don't", "please", "re-open", "it"]
        );
        assert_eq!(words("Stra\u{df}e cafe\u{301} na\u{ef}ve"), ["Stra\u{df}e", "cafe\u{301}", "na\u{ef}ve"]);
        assert_eq!(words("great\u{1F600}! \u{2764}\u{FE0F} \u{1F1E9}\u{1F1EA}"), ["great"]);
    }

    #[test]
    fn what_has_more_than_letters_in_it_is_no_word() {
        for text in [
            "https://a.example",
            "me@b.example",
            "1st",
            "12:30",
            "a.b",
            "U.S.A",
            "and/or",
            "#tag",
            "@me",
            "x_y",
            "<br>",
            "50%",
        ] {
            assert!(words(text).is_empty(), "{text}");
        }
        assert!(words("\u{4eca}\u{5929} \u{e44}\u{e17}\u{e22} abc\u{4eca}").is_empty());
        assert!(words("a\u{1F600}b great\u{1F468}\u{200D}\u{1F469} ... !").is_empty());
    }

    #[test]
    fn leaving_a_word_out_leaves_one_space_and_one_mark() {
        assert_eq!(without("a big dog", 1), "a dog");
        assert_eq!(without("a big dog", 0), "big dog");
        assert_eq!(without("a big dog.", 2), "a big.");
        assert_eq!(without("good movie, really.", 2), "good movie.");
        assert_eq!(without("Well, yes", 0), "yes");
        assert_eq!(without("Well , yes", 0), "yes");
        assert_eq!(without("see .5 :) now", 0), ".5 :) now");
        assert_eq!(without("see http://a.b now", 0), "http://a.b now");
        assert_eq!(without("see (this) now", 1), "see () now");
        let mut words = Words::of("so, a big, loud dog.");
        words.leave_out(&[true, false, true, true, false]);
        assert_eq!((words.to_text().as_str(), words.len()), ("a, dog.", 2));
    }
}
