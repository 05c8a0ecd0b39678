//! Whether a tokenizer knows the language of some texts. In: texts. Out: what to warn of, in figures.
//!
//! A model is no better than its tokenizer: a language that was not in its training is spelled letter by letter, or byte
//! by byte, or becomes unknown tokens, and little can be learned from either. Measured are the words of two letters and
//! more, as [`Coverage::measure`] cuts them out, so that code, numbers and emoji do not count. Tokens a letter and
//! unknown tokens, measured with support messages of about 40 words, special tokens left out:
//!
//! | | MiniLM (WordPiece, uncased) | GPT-2 (byte-level BPE) |
//! |---|---|---|
//! | English | 0.23 | 0.22 |
//! | English with many typing errors | 0.51 | 0.48 |
//! | code (Rust, C, SQL), JSON | 0.32 | 0.28 |
//! | German; long German compounds | 0.42; 0.37 | 0.41; 0.41 |
//! | French, Spanish, Italian, Dutch, Portuguese | 0.38 to 0.40 | 0.38 to 0.42 |
//! | Polish, Czech, Hungarian, Turkish, Finnish | 0.42 to 0.51 | 0.50 to 0.64 |
//! | Vietnamese | 0.50 | 1.17 |
//! | Russian, Ukrainian, Greek | 0.94 to 0.98 | 1.27 to 1.32 |
//! | Arabic, Hebrew | 1.0 | 1.2 to 1.5 |
//! | Hindi | 1.2, and 6 % unknown | 3.0 |
//! | Thai | 100 % unknown | 2.8 |
//! | Chinese | 1.0, and 72 % unknown | 2.1 |
//! | Japanese | 1.0, and 21 % unknown | 1.5 |
//! | Korean | 1.7, and 4 % unknown | 2.8 |
//!
//! Between 0.64 and 0.94 lies nothing, hence [`TOKENS_A_LETTER`]. A character of Chinese, Japanese or Korean is a
//! syllable or a word, and one token of a model that knows it, hence [`TOKENS_A_CJK_CHARACTER`].

use std::fmt;

use super::{Tokenizer, TokenizerError};

/// Tokens a letter from which a text counts as spelled.
const TOKENS_A_LETTER: f64 = 0.8;
/// The same for a character of Chinese, Japanese or Korean.
const TOKENS_A_CJK_CHARACTER: f64 = 1.25;
/// Share of unknown tokens from which a text counts as unknown.
const UNKNOWN_SHARE: f64 = 0.1;
/// Share of texts that must be spelled or unknown before that is a warning: a few may be in another language.
const POOR_SHARE: f64 = 0.2;
/// Tokens under which a vocabulary spells every language: that of a model of letters or bytes.
const SMALLEST_VOCABULARY: usize = 2_000;
/// Texts that are looked at, and characters of each.
const MAX_TEXTS: usize = 256;
const MAX_CHARS: usize = 400;

/// How a tokenizer reads texts whose language it does not know; figures are of these texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Texts that were looked at and have words.
    num_texts: usize,
    /// Those of which the tokenizer knows too little.
    num_poor: usize,
    /// Tokens for a letter, in the poor ones.
    tokens_per_letter: f64,
    /// Share of unknown tokens, in the poor ones.
    unknown_share: f64,
}

/// What the words of one text, or of some, became.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    letters: usize,
    cjk: usize,
    tokens: usize,
    unknown: usize,
}

impl Coverage {
    /// Looks at up to 256 of the texts, evenly spaced, and at the first 400 characters of each. `None`: the tokenizer
    /// knows them well enough, or spells every language.
    ///
    /// # Errors
    /// When the tokenizer fails on a text.
    pub fn measure(tokenizer: &Tokenizer, texts: &[&str]) -> Result<Option<Self>, TokenizerError> {
        if tokenizer.vocab_size() < SMALLEST_VOCABULARY {
            return Ok(None);
        }
        let unknown_id = tokenizer.unknown_token_id();
        let (mut num_texts, mut num_poor, mut sum) = (0, 0, Counts::default());
        for text in texts.iter().step_by(texts.len().div_ceil(MAX_TEXTS).max(1)) {
            let words = words(text);
            if words.is_empty() {
                continue;
            }
            num_texts += 1;
            let counts = count(tokenizer, &words, unknown_id)?;
            if counts.is_poor() {
                num_poor += 1;
                sum.letters += counts.letters;
                sum.tokens += counts.tokens;
                sum.unknown += counts.unknown;
            }
        }
        if num_poor == 0 || (num_poor as f64) < POOR_SHARE * num_texts as f64 {
            return Ok(None);
        }
        let tokens_per_letter = sum.tokens as f64 / sum.letters.max(1) as f64;
        let unknown_share = sum.unknown as f64 / sum.tokens.max(1) as f64;
        Ok(Some(Self { num_texts, num_poor, tokens_per_letter, unknown_share }))
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { num_texts, num_poor, tokens_per_letter, unknown_share } = self;
        write!(f, "this model hardly knows the language of {num_poor} of the {num_texts} texts that were looked at: ")?;
        if *unknown_share >= UNKNOWN_SHARE {
            write!(f, "{:.0} % of their tokens are unknown to it", 100.0 * unknown_share)
        } else {
            write!(f, "it needs {tokens_per_letter:.1} tokens for a letter (0.2 to 0.5 in a language that it knows)")
        }
    }
}

impl Counts {
    fn is_poor(&self) -> bool {
        let spelled = TOKENS_A_LETTER * (self.letters - self.cjk) as f64 + TOKENS_A_CJK_CHARACTER * self.cjk as f64;
        self.tokens as f64 > spelled || self.unknown as f64 >= UNKNOWN_SHARE * self.tokens.max(1) as f64
    }
}

/// The words of two letters and more at the beginning of a text, with a space between them.
fn words(text: &str) -> String {
    // Marks belong to the letters before them; those of most scripts lie in this range.
    let belongs = |c: char| c.is_alphabetic() || (('\u{300}'..'\u{2000}').contains(&c) && !c.is_numeric());
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(index, _)| index);
    let words = text[..end].split(|c: char| !belongs(c));
    let words = words.filter(|word| word.chars().filter(|c| c.is_alphabetic()).nth(1).is_some());
    words.collect::<Vec<_>>().join(" ")
}

fn count(tokenizer: &Tokenizer, words: &str, unknown_id: Option<u32>) -> Result<Counts, TokenizerError> {
    let ids = tokenizer.encode_prompt(words, false)?;
    let letters = || words.chars().filter(|c| c.is_alphabetic());
    Ok(Counts {
        letters: letters().count(),
        cjk: letters().filter(|&c| is_cjk(c)).count(),
        tokens: ids.len(),
        unknown: ids.iter().filter(|&&id| Some(id) == unknown_id).count(),
    })
}

/// Chinese characters, kana, hangul.
fn is_cjk(c: char) -> bool {
    let ranges = [
        '\u{1100}'..='\u{11ff}',
        '\u{2e80}'..='\u{a4cf}',
        '\u{ac00}'..='\u{d7af}',
        '\u{f900}'..='\u{faff}',
        '\u{ff66}'..='\u{ff9f}',
        '\u{20000}'..='\u{3ffff}',
    ];
    ranges.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use std::fmt::Write as _;

    /// A WordPiece vocabulary of some English words, the letters of English and Russian, and fillers.
    fn english(num_tokens: usize) -> Tokenizer {
        let mut vocab = String::from("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nprinter\nis\nout\nof\npaper\nagain\n");
        for letter in ('a'..='z').chain('а'..='я') {
            write!(vocab, "{letter}\n##{letter}\n").expect("writing to a string does not fail");
        }
        for filler in vocab.lines().count()..num_tokens {
            writeln!(vocab, "filler{filler}").expect("writing to a string does not fail");
        }
        let mut folder = Folder::new();
        folder.insert("vocab.txt", vocab);
        Tokenizer::from_folder(&folder, None).expect("a good folder")
    }

    fn measure(texts: &[&str]) -> Option<Coverage> {
        Coverage::measure(&english(3_000), texts).expect("plain texts")
    }

    #[test]
    fn a_language_that_is_known_is_no_warning() {
        assert_eq!(measure(&["The printer is out of paper again!", "the paper: 12 x 4711", "😀", ""]), None);
        assert_eq!(measure(&["(a[i] == b[j]) { x += 1; }", "7f3a 99c0 1b2d"]), None, "there are no words in it");
        assert_eq!(measure(&[]), None);
    }

    #[test]
    fn a_language_that_is_spelled_is_told_with_its_figure() {
        let found = measure(&["В принтере снова нет бумаги.", "Спасибо"]).expect("a warning");
        assert_eq!((found.num_texts, found.num_poor, found.unknown_share), (2, 2, 0.0));
        assert!(found.tokens_per_letter > 0.99, "{found:?}");
        assert!(
            found.to_string().contains("2 of the 2 texts") && found.to_string().contains("1.0 tokens for a letter")
        );
    }

    #[test]
    fn unknown_words_are_told_with_their_share() {
        let found = measure(&["三楼的打印机又没有纸了。"]).expect("a warning");
        assert_eq!(found.unknown_share, 1.0);
        assert!(found.to_string().ends_with("100 % of their tokens are unknown to it"), "{found}");
    }

    #[test]
    fn a_few_texts_in_another_language_are_no_warning() {
        let mut texts = vec!["the printer is out of paper"; 9];
        texts.push("Спасибо");
        assert_eq!(measure(&texts), None);
        texts.extend(["Спасибо"; 9]);
        assert_eq!(measure(&texts).expect("a warning").num_poor, 10);
    }

    #[test]
    fn many_texts_are_looked_at_from_the_first_to_the_last() {
        // Sorted, so that the first 256 are all English.
        let texts = [vec!["the printer"; 1_000], vec!["Спасибо"; 1_000]].concat();
        let found = measure(&texts).expect("a warning");
        assert_eq!((found.num_texts, found.num_poor), (250, 125));
    }

    #[test]
    fn a_vocabulary_of_letters_spells_by_design() {
        assert_eq!(Coverage::measure(&english(200), &["Спасибо"]).expect("plain texts"), None);
    }
}
