//! Typing noise: words with a slip of the fingers. In: the words of a text, and how many of them. Out: the same, each with one slip:
//! a key beside, a letter twice, a letter left out, or two letters in the wrong order.
//!
//! The first letter stays, as it mostly does where people type. Letters are those of scripts with capitals (Latin, Greek, Cyrillic
//! and the like), and those with an accent of its own behind them stay.

use rand_chacha::ChaCha8Rng;

use super::super::random::shuffle;
use super::index_below;
use super::words::Words;

/// Letters of a word that can have a slip, at least.
const MIN_LETTERS: usize = 3;

/// Keys of a keyboard in QWERTY layout, row by row; keys of two rows are beside each other as they stand here.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Mistypes so many words, or all that can be.
pub(super) fn mistype(words: &mut Words<'_>, num_changes: usize, random: &mut ChaCha8Rng) {
    let mut can_be: Vec<usize> =
        (0..words.len()).filter(|&index| words.words[index].word.chars().count() >= MIN_LETTERS).collect();
    shuffle(&mut can_be, random);
    for index in can_be.into_iter().take(num_changes) {
        let word = &mut words.words[index].word;
        if let Some(slipped) = slip(word, random) {
            *word = slipped.into();
        }
    }
}

/// A word with one slip; `None` where it has no letter for it.
fn slip(word: &str, random: &mut ChaCha8Rng) -> Option<String> {
    let mut letters: Vec<char> = word.chars().collect();
    let is_letter = |at: usize| letters.get(at).is_some_and(|letter| letter.is_lowercase() || letter.is_uppercase());
    // A letter with a mark behind it is one with that mark.
    let is_alone = |at: usize| letters.get(at + 1).is_none_or(|next| next.is_alphabetic() || next.is_ascii());
    let at: Vec<usize> = (1..letters.len()).filter(|&at| is_letter(at) && is_alone(at)).collect();
    if at.is_empty() {
        return None;
    }
    let at = at[index_below(at.len(), random)];
    let before_next = is_letter(at + 1) && is_alone(at + 1);
    match index_below(4, random) {
        0 => match beside(letters[at], random) {
            Some(key) => letters[at] = key,
            None => letters.insert(at, letters[at]),
        },
        1 => letters.insert(at, letters[at]),
        2 if before_next && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        _ => {
            letters.remove(at);
        }
    }
    Some(letters.into_iter().collect())
}

/// A letter whose key is beside that of a letter; `None` of letters that have no key here.
fn beside(letter: char, random: &mut ChaCha8Rng) -> Option<char> {
    let small = letter.to_ascii_lowercase();
    let (row, column) = ROWS.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(small)?)))?;
    let key = |row: Option<usize>, column: Option<usize>| {
        let keys = ROWS.get(row?)?;
        keys.as_bytes().get(column?).map(|&key| char::from(key))
    };
    let around = [
        key(Some(row), column.checked_sub(1)),
        key(Some(row), Some(column + 1)),
        key(row.checked_sub(1), Some(column)),
        key(row.checked_sub(1), Some(column + 1)),
        key(Some(row + 1), column.checked_sub(1)),
        key(Some(row + 1), Some(column)),
    ];
    let around: Vec<char> = around.into_iter().flatten().collect();
    let found = around[index_below(around.len(), random)];
    Some(if letter.is_uppercase() { found.to_ascii_uppercase() } else { found })
}

#[cfg(test)]
mod tests {
    use super::super::super::random::generator;
    use super::*;

    /// So many slips are drawn that each that can be comes.
    const MANY: u64 = 2000;

    fn slips(word: &str) -> Vec<String> {
        (0..MANY).filter_map(|stream| slip(word, &mut generator(5, stream))).collect()
    }

    #[test]
    fn a_slip_changes_one_place_and_not_the_first_letter() {
        let found = slips("Card");
        assert_eq!(found.len(), MANY as usize);
        for slipped in &found {
            assert!(slipped.starts_with('C') && (3..=5).contains(&slipped.chars().count()), "{slipped}");
        }
        for expected in ["Crad", "Cadr", "Caard", "Carrd", "Crd", "Cad", "Csrd", "Cafd"] {
            assert!(found.iter().any(|slipped| slipped == expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn neighbours_are_neighbours() {
        let around = |letter: char| {
            let mut found: Vec<char> =
                (0..200).filter_map(|stream| beside(letter, &mut generator(6, stream))).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        assert_eq!(around('g'), ['b', 'f', 'h', 't', 'v', 'y']);
        assert_eq!(around('Q'), ['A', 'W']);
        assert!(around('\u{436}').is_empty());
    }

    #[test]
    fn letters_keep_their_marks_and_words_without_case_stay() {
        for slipped in slips("cafe\u{301}s") {
            assert!(slipped.contains("e\u{301}"), "{slipped:?}");
        }
        assert!(slips("\u{0643}\u{062a}\u{0627}\u{0628}").is_empty(), "Arabic");
        assert_eq!(
            slips("\u{43a}\u{430}\u{440}\u{442}\u{430}").len(),
            MANY as usize,
            "Cyrillic letters are doubled, left out, swapped"
        );
        let mut short = Words::of("an ox");
        mistype(&mut short, 2, &mut generator(1, 1));
        assert_eq!(short.to_text(), "an ox");
    }
}
