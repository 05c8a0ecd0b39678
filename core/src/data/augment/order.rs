//! Words that change places, and words that are left out. In: the words of a text, and how many of them. Out: the same, changed;
//! a text with one word stays as it is.

use rand_chacha::ChaCha8Rng;

use super::words::Words;
use super::{index_below, unit};

/// Lets two words change places, so many times. What stands around a word stays where it is.
pub(super) fn swap_words(words: &mut Words<'_>, times: usize, random: &mut ChaCha8Rng) {
    if words.len() < 2 {
        return;
    }
    for _ in 0..times {
        let first = index_below(words.len(), random);
        // Any but the first, each as likely.
        let other = (first + 1 + index_below(words.len() - 1, random)) % words.len();
        let (low, high) = (first.min(other), first.max(other));
        let (before, from_high) = words.words.split_at_mut(high);
        std::mem::swap(&mut before[low].word, &mut from_high[0].word);
    }
}

/// Leaves out each word with a probability: at least one, and never the last that is left.
pub(super) fn leave_out(words: &mut Words<'_>, share: f64, random: &mut ChaCha8Rng) {
    if words.len() < 2 {
        return;
    }
    let mut is_left_out: Vec<bool> = (0..words.len()).map(|_| unit(random) < share).collect();
    let any = index_below(words.len(), random);
    let count = is_left_out.iter().filter(|is_left_out| **is_left_out).count();
    if count == 0 || count == words.len() {
        is_left_out[any] = count == 0;
    }
    words.leave_out(&is_left_out);
}

#[cfg(test)]
mod tests {
    use super::super::super::random::generator;
    use super::*;

    #[test]
    fn swapping_keeps_all_words_and_what_stands_between() {
        let mut words = Words::of("One, two (three) four!");
        swap_words(&mut words, 1, &mut generator(1, 0));
        let text = words.to_text();
        let mut found: Vec<&str> = words.words.iter().map(|word| word.word.as_ref()).collect();
        found.sort_unstable();
        assert_eq!(found, ["One", "four", "three", "two"]);
        assert!(text != "One, two (three) four!" && text.ends_with('!') && text.contains(", "), "{text}");
    }

    #[test]
    fn each_word_is_left_out_with_the_share_at_least_one_and_not_all() {
        let text = ["word"; 50].join(" ");
        let mut left = 0;
        for stream in 0..200 {
            let mut words = Words::of(&text);
            leave_out(&mut words, 0.2, &mut generator(3, stream));
            left += words.len();
        }
        let share = 1.0 - left as f64 / (200.0 * 50.0);
        assert!((share - 0.2).abs() < 0.02, "{share}");
        for stream in 0..20 {
            let mut words = Words::of("one two");
            leave_out(&mut words, 0.5, &mut generator(3, stream));
            assert_eq!(words.len(), 1);
            let mut alone = Words::of("one");
            leave_out(&mut alone, 0.5, &mut generator(3, stream));
            assert_eq!(alone.to_text(), "one");
        }
    }
}
