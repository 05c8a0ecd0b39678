//! A text some of whose words are blanks, which a model that fills in blanks makes others of.
//!
//! In: a text; then what is offered for each blank, the likeliest first. Out: the text with blanks; then a text with other words. A
//! word that no offered one can replace stays.

use rand_chacha::ChaCha8Rng;

use super::super::random::shuffle;
use super::index_below;
use super::synonyms::in_case_of;
use super::words::Words;

/// Words from the beginning that may be blanks: of more, some may be past what a model reads.
const MAX_WORDS: usize = 100;

/// Blanks of a text, at most.
const MAX_BLANKS: usize = 20;

/// Of the words that are offered for a blank, so many of the likeliest may take its place.
const NUM_LIKELIEST: usize = 5;

/// A text some of whose words are blanks.
#[derive(Debug)]
pub(crate) struct BlankedText {
    text: String,
    /// Places of these words, ascending.
    blanks: Vec<usize>,
}

impl BlankedText {
    /// Draws the blanks: a share of the words, at least one where there is any.
    pub(crate) fn draw(text: &str, share: f64, random: &mut ChaCha8Rng) -> Self {
        let num_words = Words::of(text).len().min(MAX_WORDS);
        let num_blanks = ((num_words as f64 * share).round() as usize).clamp(1, MAX_BLANKS);
        let mut blanks: Vec<usize> = (0..num_words).collect();
        shuffle(&mut blanks, random);
        blanks.truncate(num_blanks);
        blanks.sort_unstable();
        Self { text: text.to_owned(), blanks }
    }

    /// How many blanks it has.
    pub(crate) fn num_blanks(&self) -> usize {
        self.blanks.len()
    }

    /// The text as it was.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text with `blank` in the place of each of them.
    pub(crate) fn with_blanks(&self, blank: &str) -> String {
        let mut words = Words::of(&self.text);
        for &index in &self.blanks {
            words.words[index].word = blank.to_owned().into();
        }
        words.to_text()
    }

    /// The text with other words: for each blank one of the likeliest that are offered for it.
    pub(crate) fn fill(&self, offered: &[Vec<&str>], random: &mut ChaCha8Rng) -> String {
        let mut words = Words::of(&self.text);
        for (&index, offered) in self.blanks.iter().zip(offered) {
            let word = &mut words.words[index].word;
            let is_other = |other: &&&str| {
                other.chars().all(char::is_alphabetic)
                    && !other.is_empty()
                    && other.to_lowercase() != word.to_lowercase()
            };
            let others: Vec<&str> = offered.iter().filter(is_other).take(NUM_LIKELIEST).copied().collect();
            if !others.is_empty() {
                let other = others[index_below(others.len(), random)];
                *word = in_case_of(word, other).into();
            }
        }
        words.to_text()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::generator;
    use super::*;

    #[test]
    fn words_become_blanks_and_blanks_become_other_words() {
        let text = "The movie, which I saw at 8:30, was good.";
        let blanked = BlankedText::draw(text, 0.3, &mut generator(1, 2));
        assert_eq!((blanked.num_blanks(), blanked.text()), (2, text), "of eight words");
        let with_blanks = blanked.with_blanks("[MASK]");
        assert_eq!(with_blanks.matches("[MASK]").count(), 2);
        assert!(with_blanks.contains("8:30,") && with_blanks.ends_with('.'), "{with_blanks}");
        let offered = vec![vec!["##ing", ".", "", "film", "thing"]; 2];
        let filled = blanked.fill(&offered, &mut generator(1, 3)).to_lowercase();
        let changed = filled.matches("film").count() + filled.matches("thing").count();
        assert_eq!(changed, 2, "{filled}");
    }

    #[test]
    fn a_word_stays_where_nothing_else_is_offered() {
        let blanked = BlankedText::draw("Good", 0.1, &mut generator(1, 2));
        assert_eq!(blanked.with_blanks("<mask>"), "<mask>");
        assert_eq!(blanked.fill(&[vec!["good", "##s", "7"]], &mut generator(1, 3)), "Good");
        assert_eq!(blanked.fill(&[vec!["good", "bad"]], &mut generator(1, 3)), "Bad");
        assert_eq!(BlankedText::draw("12 \u{4eca}\u{5929}", 0.5, &mut generator(1, 2)).num_blanks(), 0);
    }
}
