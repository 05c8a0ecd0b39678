//! What a person is shown of why a model answers as it does: the words of a text with what each adds to a score, and the training
//! rows that are most like the text.
//!
//! In: tokens with their places, and a number for each. Out: the texts in parts, each a word, or what stands between words.

use serde::{Deserialize, Serialize};

use crate::tokenizer::{InputToken, TokenPlace};

/// Of a difference that is less than this no share is told.
const LEAST_DIFFERENCE: f64 = 1e-6;

/// What a score of a text is made of, by integrated gradients: the text is compared with one of the same length whose tokens are all
/// padding, special tokens kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which output is explained: the id of a label, or the place of a number.
    pub output: usize,
    /// What it is called.
    pub label: String,
    /// The output with the highest score, of several numbers the first.
    pub predicted: usize,
    /// The score: of a label before probabilities are made of it, of a number the number itself.
    pub score: f64,
    /// The same of the text that it is compared with.
    pub baseline_score: f64,
    /// What all tokens add together.
    pub sum: f64,
    /// Points between both texts at which gradients were taken.
    pub num_steps: usize,
    /// The text, and the second text of a pair: all of each, in parts.
    pub texts: Vec<Vec<TextPart>>,
    /// The text is longer than the model reads: the parts that are left out add nothing.
    pub is_cut: bool,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextPart {
    /// It.
    pub text: String,
    /// What it adds to the score; `None` of what no token stands for: what is between words, and what was not read.
    pub attribution: Option<f64>,
    /// Tokens that stand for it.
    pub num_tokens: usize,
}

/// The training rows that are most like a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestRows {
    /// Training rows that were compared with it.
    pub num_searched: usize,
    /// All training rows.
    pub num_rows: usize,
    /// They are of a file that was read since the run, which was not trained on them.
    pub are_others: bool,
    /// The most similar first.
    pub rows: Vec<NearRow>,
}

/// A training row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearRow {
    /// Row number in its file.
    pub row: usize,
    /// Its text, or the two.
    pub texts: Vec<String>,
    /// Its label, labels or numbers.
    pub label: String,
    /// Cosine of the two vectors, from -1 to 1.
    pub similarity: f32,
}

impl Explanation {
    /// How far what the tokens add is from the difference of the two scores, as a share of it.
    #[must_use]
    pub fn completeness_error(&self) -> f64 {
        let difference = self.score - self.baseline_score;
        (self.sum - difference).abs() / difference.abs().max(LEAST_DIFFERENCE)
    }

    /// The words with what they add, each with the text that it stands in (0 or 1), in their order.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str, f64)> {
        self.texts.iter().enumerate().flat_map(|(index, parts)| {
            parts.iter().filter_map(move |part| Some((index, part.text.as_str(), part.attribution?)))
        })
    }

    /// How much the words add up to, and what that is compared with, as a sentence.
    #[must_use]
    pub fn completeness(&self) -> String {
        let Self { score, baseline_score, sum, num_steps, .. } = self;
        let difference = score - baseline_score;
        let off = match difference.abs() < LEAST_DIFFERENCE {
            true => "which is next to nothing".to_owned(),
            false => format!("{:.2} % off", self.completeness_error() * 100.0),
        };
        format!(
            "the words add up to {sum:+.4}; the score is {score:.4}, and {baseline_score:.4} where padding stands in their place: a \
             difference of {difference:+.4} ({off}, from gradients at {num_steps} points)"
        )
    }
}

/// Tokens that are shown as one.
struct Group {
    bytes: (usize, usize),
    word: Option<u32>,
    attribution: f64,
    num_tokens: usize,
}

/// Takes texts apart into words, each with the sum of what its tokens add; `attributions` has a number for each token.
///
/// Tokens of a word are shown together, but for those of scripts that put no spaces between words. What tokens add that stand for no
/// character, or for white space alone, is added to the word after them (after the last word, to that).
#[must_use]
pub fn text_parts(texts: &[&str], tokens: &[InputToken], attributions: &[f64]) -> Vec<Vec<TextPart>> {
    let part = |(index, text): (usize, &&str)| {
        let own = tokens.iter().zip(attributions).filter_map(|(token, &attribution)| {
            let place = token.place.filter(|place| place.text == index)?;
            Some((place, attribution))
        });
        parts_of_text(text, own)
    };
    texts.iter().enumerate().map(part).collect()
}

fn parts_of_text(text: &str, tokens: impl Iterator<Item = (TokenPlace, f64)>) -> Vec<TextPart> {
    let mut groups: Vec<Group> = Vec::new();
    let mut waiting = (0.0, 0);
    for (place, attribution) in tokens {
        let (from, to) = filled(text, place.bytes);
        let (attribution, num_tokens) = (waiting.0 + attribution, waiting.1 + 1);
        if from == to {
            waiting = (attribution, num_tokens);
            continue;
        }
        waiting = (0.0, 0);
        match groups.last_mut().filter(|group| is_one(text, group, (from, to), place.word)) {
            Some(group) => {
                group.bytes.1 = group.bytes.1.max(to);
                group.attribution += attribution;
                group.num_tokens += num_tokens;
            }
            None => groups.push(Group { bytes: (from, to), word: place.word, attribution, num_tokens }),
        }
    }
    if waiting.1 > 0 {
        match groups.last_mut() {
            Some(group) => {
                group.attribution += waiting.0;
                group.num_tokens += waiting.1;
            }
            None => {
                let (attribution, num_tokens) = waiting;
                groups.push(Group { bytes: (0, text.len()), word: None, attribution, num_tokens });
            }
        }
    }
    let mut parts = Vec::new();
    let mut end = 0;
    let between =
        |from: usize, to: usize| TextPart { text: text[from..to].to_owned(), attribution: None, num_tokens: 0 };
    for Group { bytes: (from, to), attribution, num_tokens, .. } in groups {
        if from > end {
            parts.push(between(end, from));
        }
        parts.push(TextPart { text: text[from..to].to_owned(), attribution: Some(attribution), num_tokens });
        end = to;
    }
    if end < text.len() {
        parts.push(between(end, text.len()));
    }
    parts
}

/// Bytes of a token without white space around them, between characters.
fn filled(text: &str, (from, to): (usize, usize)) -> (usize, usize) {
    let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
    let inside = &text[from..to.max(from)];
    let start = from + (inside.len() - inside.trim_start().len());
    (start, start + inside.trim().len())
}

/// Whether a token that begins at some byte goes on with the word before it.
fn is_one(text: &str, group: &Group, (from, _): (usize, usize), word: Option<u32>) -> bool {
    let end = group.bytes.1;
    if from < end {
        return true; // bytes of one character
    }
    let meets = |place: &str, last: bool| if last { place.chars().next_back() } else { place.chars().next() };
    let around = [meets(&text[..end], true), meets(&text[from..], false)];
    from == end && word.is_some() && word == group.word && !around.into_iter().flatten().any(stands_alone)
}

/// Characters of scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana and Chinese characters.
fn stands_alone(character: char) -> bool {
    matches!(
        u32::from(character),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
            | 0xF900..=0xFAFF | 0x2_0000..=0x2_FA1F
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(bytes: (usize, usize), word: u32) -> InputToken {
        InputToken { id: 9, place: Some(TokenPlace { text: 0, bytes, word: Some(word) }) }
    }

    const SPECIAL: InputToken = InputToken { id: 1, place: None };

    fn shown(text: &str, tokens: &[InputToken], attributions: &[f64]) -> Vec<(String, Option<f64>)> {
        let parts = text_parts(&[text], tokens, attributions).remove(0);
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), text, "all of it, in its order");
        parts.into_iter().map(|part| (part.text, part.attribution)).collect()
    }

    fn word(text: &str, attribution: f64) -> (String, Option<f64>) {
        (text.to_owned(), Some(attribution))
    }

    fn gap(text: &str) -> (String, Option<f64>) {
        (text.to_owned(), None)
    }

    #[test]
    fn word_pieces_are_summed_to_words_and_the_rest_of_the_text_is_there() {
        let tokens = [SPECIAL, token((0, 5), 0), token((6, 11), 1), token((11, 12), 1), token((12, 13), 2), SPECIAL];
        let found = shown("Hello worlds! unread", &tokens, &[0.0, 1.0, 2.0, 0.5, -1.0, 0.0]);
        let expected = [word("Hello", 1.0), gap(" "), word("worlds", 2.5), word("!", -1.0), gap(" unread")];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_space_before_a_word_is_no_part_of_it_and_tokens_without_characters_count_with_the_next_word() {
        // As a byte-level BPE and SentencePiece place them.
        let tokens = [token((0, 0), 0), token((0, 2), 0), token((2, 5), 1), token((5, 6), 2)];
        assert_eq!(
            shown("hi you ", &tokens, &[0.5, 1.0, 2.0, 4.0]),
            [word("hi", 1.5), gap(" "), word("yo", 2.0), word("u", 4.0), gap(" ")]
        );
        let last = [token((0, 2), 0), token((2, 3), 1)];
        assert_eq!(shown("hi ", &last, &[1.0, 2.0]), [word("hi", 3.0), gap(" ")]);
        assert_eq!(shown(" ", &[token((0, 1), 0)], &[1.0]), [word(" ", 1.0)]);
        assert!(shown("", &[SPECIAL], &[0.0]).is_empty());
    }

    #[test]
    fn bytes_of_one_character_are_shown_as_one_and_scripts_without_spaces_token_by_token() {
        let emoji = [token((0, 4), 0), token((0, 4), 0), token((4, 5), 1)];
        assert_eq!(shown("🙂!", &emoji, &[1.0, 2.0, 4.0]), [word("🙂", 3.0), word("!", 4.0)]);
        let chinese = [token((0, 3), 0), token((3, 9), 0)];
        assert_eq!(shown("我喜欢", &chinese, &[1.0, 2.0]), [word("我", 1.0), word("喜欢", 2.0)]);
    }

    #[test]
    fn the_error_is_told_as_a_share_of_the_difference() {
        let parts = text_parts(&["a", "b"], &[token((0, 1), 0)], &[1.5]);
        assert_eq!(parts[1], [TextPart { text: "b".into(), attribution: None, num_tokens: 0 }]);
        let (output, label, predicted) = (1, "yes".to_owned(), 1);
        let explanation = Explanation {
            output,
            label,
            predicted,
            score: 2.0,
            baseline_score: 0.5,
            sum: 1.53,
            num_steps: 50,
            texts: parts,
            is_cut: false,
        };
        assert!((explanation.completeness_error() - 0.02).abs() < 1e-12);
        assert_eq!(explanation.words().collect::<Vec<_>>(), [(0, "a", 1.5)]);
        let told = explanation.completeness();
        assert!(told.starts_with("the words add up to +1.5300;") && told.contains("(2.00 % off"), "{told}");
        let json = serde_json::to_string(&explanation).expect("plain values");
        assert_eq!(serde_json::from_str::<Explanation>(&json).expect("its own JSON"), explanation);
    }

    proptest! {
        #[test]
        fn no_text_is_lost_and_no_number(
            text in any::<String>(),
            places in proptest::collection::vec((0_usize..40, 0_usize..8, 0_u32..6, -1.0..1.0_f64), 0..12),
        ) {
            let mut places = places;
            places.sort_by_key(|(from, ..)| *from);
            let place = |&(from, length, word, _): &(usize, usize, u32, f64)| {
                token((from.min(text.len()), (from + length).min(text.len())), word)
            };
            let tokens: Vec<InputToken> = places.iter().map(place).collect();
            let numbers: Vec<f64> = places.iter().map(|(.., number)| *number).collect();
            let parts = text_parts(&[text.as_str()], &tokens, &numbers).remove(0);
            let sum: f64 = parts.iter().filter_map(|part| part.attribution).sum();
            prop_assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), text);
            prop_assert!((sum - numbers.iter().sum::<f64>()).abs() < 1e-9);
            prop_assert_eq!(parts.iter().map(|part| part.num_tokens).sum::<usize>(), tokens.len());
        }
    }
}
