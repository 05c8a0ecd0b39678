//! Texts without what does not make two of them differ: case, spaces, quotes, punctuation, and how accents are written.
//!
//! In: the texts of a row. Out: their characters, in buffers that are used again for the next row. Signs that carry meaning
//! (`+`, `#`, `%`, emoji) stay, as does punctuation before a digit (`3.5`, `-5`, `10:30`).

use tokenizers::NormalizedString;

/// The texts of a row, each as its characters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Normalized {
    /// One entry a text; none is empty unless its text is.
    pub(super) texts: Vec<Vec<char>>,
}

impl Normalized {
    /// Takes the texts of a row in the place of those before.
    pub(super) fn read(&mut self, texts: &[&str]) {
        self.texts.resize_with(texts.len(), Vec::new);
        for (chars, text) in self.texts.iter_mut().zip(texts) {
            chars.clear();
            push_normalized(text, chars);
        }
    }
}

fn push_normalized(text: &str, chars: &mut Vec<char>) {
    if !text.is_ascii() && text.chars().any(may_be_written_otherwise) {
        let mut same = NormalizedString::from(text);
        same.nfkc();
        push_plain(same.get(), chars);
    } else {
        push_plain(text, chars);
    }
    if chars.is_empty() {
        // Punctuation alone: then it is all there is to tell texts by.
        chars.extend(text.trim().chars());
    }
}

fn push_plain(text: &str, chars: &mut Vec<char>) {
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        if is_ignored(char) {
            continue;
        }
        let is_before_digit = rest.peek().is_some_and(char::is_ascii_digit);
        if char.is_whitespace() || is_pause(char) && !is_before_digit {
            if chars.last().is_some_and(|last| *last != ' ') {
                chars.push(' ');
            }
        } else if char.is_ascii() {
            chars.push(char.to_ascii_lowercase());
        } else {
            chars.extend(char.to_lowercase());
        }
    }
    if chars.last() == Some(&' ') {
        chars.pop();
    }
}

/// Whether Unicode has another way to write it (NFKC): marks beside their letters, wide and narrow forms, ligatures, numbers
/// in circles, jamo.
fn may_be_written_otherwise(char: char) -> bool {
    matches!(char,
        '\u{AA}' | '\u{B2}'..='\u{B5}' | '\u{B9}'..='\u{BE}' | '\u{132}' | '\u{133}' | '\u{13F}' | '\u{140}' | '\u{149}'
        | '\u{17F}' | '\u{300}'..='\u{36F}' | '\u{1100}'..='\u{11FF}' | '\u{2070}'..='\u{218F}' | '\u{2460}'..='\u{24FF}'
        | '\u{3099}'..='\u{309A}' | '\u{3130}'..='\u{33FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FB00}'..='\u{FDFF}'
        | '\u{FE30}'..='\u{FFEF}' | '\u{1D400}'..='\u{1D7FF}' | '\u{1F100}'..='\u{1F1FF}')
}

/// Quotes, and what is not seen.
fn is_ignored(char: char) -> bool {
    matches!(char,
        '\'' | '"' | '`' | '\u{B4}' | '\u{AB}' | '\u{BB}' | '\u{2018}'..='\u{201F}' | '\u{2039}' | '\u{203A}'
        | '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

/// What stands between words and sentences.
fn is_pause(char: char) -> bool {
    matches!(
        char,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '-'
            | '('
            | ')'
            | '['
            | ']'
            | '_'
            | '\u{A1}'
            | '\u{BF}'
            | '\u{B7}'
            | '\u{2010}'..='\u{2015}' | '\u{2026}' | '\u{3001}' | '\u{3002}' | '\u{30FB}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> String {
        let mut found = Normalized::default();
        found.read(&[text]);
        found.texts[0].iter().collect()
    }

    #[test]
    fn case_spaces_and_punctuation_make_no_difference() {
        assert_eq!(normalized("  Don't  PANIC, \u{201E}friend\u{201C}!\n"), "dont panic friend");
        assert_eq!(normalized("e\u{301}te\u{301}"), normalized("\u{c9}t\u{e9}"));
        assert_eq!(normalized("\u{FF21}\u{FF22}C \u{FB01}n"), "abc fin");
        assert_eq!(normalized("sof\u{AD}t"), "soft");
    }

    #[test]
    fn signs_with_a_meaning_stay() {
        assert_ne!(normalized("What is C#?"), normalized("What is C++?"));
        assert_ne!(normalized("-5 degrees"), normalized("5 degrees"));
        assert_eq!(normalized("3.5, at 10:30."), "3.5 at 10:30");
        assert_ne!(normalized("nice \u{1F600}"), normalized("nice \u{1F621}"));
        assert_eq!((normalized("?!").as_str(), normalized(" ").as_str()), ("?!", ""));
    }

    #[test]
    fn buffers_are_used_again() {
        let mut found = Normalized::default();
        found.read(&["One", "two"]);
        found.read(&["Three"]);
        assert_eq!(found.texts, [vec!['t', 'h', 'r', 'e', 'e']]);
    }
}
