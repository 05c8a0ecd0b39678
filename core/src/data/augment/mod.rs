//! Augmentation: changed copies of texts that a run also trains on, after EDA (Wei and Zou 2019,
//! <https://arxiv.org/abs/1901.11196>), and typing noise.
//!
//! In: the texts of training rows, each with its row number, and the settings of a run. Out: the copies, each changed in one way.
//! What a row becomes follows from the seed, its number and its texts alone: not from other rows, nor from their order. A word is
//! what stands between spaces, without the punctuation around it (`words`); addresses, numbers, emoji and words of scripts that
//! are written without spaces are never changed, so that a text of nothing else has no copy. `order` swaps and leaves out words,
//! `synonyms` replaces them, `typos` mistypes them, and of `blanks` a model makes other words.

mod blanks;
mod order;
mod synonyms;
mod typos;
mod words;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

pub(crate) use self::blanks::BlankedText;
use self::order::{leave_out, swap_words};
use self::synonyms::Synonyms;
use self::typos::mistype;
use self::words::Words;
use super::random::{below, generator};
use crate::config::{AugmentKind, RunConfig, SwapPairs};

/// What the seed of a run is mixed with, so that rows are changed apart from all else that is drawn from it.
const SEED: u64 = 0x6175_676D_656E_7421;

/// So often a copy is drawn that came out like the text or like an earlier copy.
const TRIES: usize = 5;

/// A changed copy of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRow {
    /// Index of the row among those that were given.
    pub index: usize,
    /// Number of the row in its file.
    pub row: usize,
    /// How it was changed.
    pub kind: AugmentKind,
    /// Its texts, as many as the row has.
    pub texts: Vec<String>,
}

/// The copies of some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Augmented {
    /// The copies, in the order of their rows.
    pub added: Vec<AddedRow>,
    /// Rows that were given.
    pub num_rows: usize,
    /// Rows of which there is no copy: nothing in them could be changed.
    pub num_unchanged: usize,
}

/// Makes changed copies of rows.
#[derive(Debug)]
pub(crate) struct Augmenter<'a> {
    kinds: &'a [AugmentKind],
    num_copies: usize,
    share: f64,
    seed: u64,
    synonyms: Synonyms,
    pairs: SwapPairs,
}

impl<'a> Augmenter<'a> {
    /// As a run has it.
    pub(crate) fn new(run: &'a RunConfig) -> Self {
        let own = &run.augmentation;
        Self {
            kinds: &own.augment_texts,
            num_copies: own.augment_copies as usize,
            share: own.augment_share,
            seed: run.seed ^ SEED,
            synonyms: Synonyms::bundled(),
            pairs: SwapPairs::parse(&own.augment_pairs).unwrap_or_default(), // checked with the settings
        }
    }

    /// The copies of rows, each of which has its number and its texts.
    pub(crate) fn add_to<'t>(&mut self, rows: impl Iterator<Item = (usize, Vec<&'t str>)>) -> Augmented {
        let mut augmented = Augmented::default();
        for (index, (row, texts)) in rows.enumerate() {
            let copies = self.copies_of(row, &texts);
            augmented.num_rows += 1;
            augmented.num_unchanged += usize::from(copies.is_empty());
            let added = copies.into_iter().map(|(kind, texts)| AddedRow { index, row, kind, texts });
            augmented.added.extend(added);
        }
        augmented
    }

    /// The copies of a row: at most as many as the run asks for, no two alike, none like the row, and none with an empty text.
    fn copies_of(&mut self, row: usize, texts: &[&str]) -> Vec<(AugmentKind, Vec<String>)> {
        let swapped = self.swap_pairs(texts).map(|swapped| (AugmentKind::Pairs, swapped));
        let mut copies: Vec<(AugmentKind, Vec<String>)> = swapped.into_iter().collect();
        if self.kinds.is_empty() {
            return copies;
        }
        let mut random = generator(self.seed, row as u64);
        let first = below(self.kinds.len() as u64, &mut random) as usize;
        for copy in 0..self.num_copies {
            // The kinds take turns; where one can change nothing the next one does.
            let turns = (0..self.kinds.len()).map(|turn| self.kinds[(first + copy + turn) % self.kinds.len()]);
            let tries = turns.flat_map(|kind| std::iter::repeat_n(kind, TRIES)).collect::<Vec<_>>();
            let found = tries.into_iter().find_map(|kind| {
                let changed: Vec<String> = texts.iter().map(|text| self.change(kind, text, &mut random)).collect();
                let is_new = changed.iter().zip(texts).any(|(changed, text)| changed != text)
                    && copies.iter().all(|(_, known)| *known != changed);
                is_new.then_some((kind, changed))
            });
            match found {
                Some(copy) => copies.push(copy),
                None => break,
            }
        }
        copies
    }

    /// The texts of a row with the words of all pairs swapped; `None` where it has none of them.
    fn swap_pairs(&self, texts: &[&str]) -> Option<Vec<String>> {
        if self.pairs.is_empty() {
            return None;
        }
        let swapped: Vec<Option<String>> = texts.iter().map(|text| self.pairs.swap(text)).collect();
        if swapped.iter().all(Option::is_none) {
            return None;
        }
        Some(swapped.into_iter().zip(texts).map(|(new, old)| new.unwrap_or_else(|| (*old).to_owned())).collect())
    }

    /// A text changed in one way; as it was where nothing in it can be changed so.
    fn change(&mut self, kind: AugmentKind, text: &str, random: &mut ChaCha8Rng) -> String {
        let mut words = Words::of(text);
        let num_changes = ((words.len() as f64 * self.share).round() as usize).max(1);
        match kind {
            AugmentKind::Synonyms => self.synonyms.replace(text, &mut words, num_changes, random),
            AugmentKind::Swap => swap_words(&mut words, num_changes, random),
            AugmentKind::Deletion => leave_out(&mut words, self.share, random),
            AugmentKind::Typos => mistype(&mut words, num_changes, random),
            // Only a model can do that: it is asked before.
            AugmentKind::Masked | AugmentKind::Translated => return text.to_owned(),
            AugmentKind::Pairs => return self.pairs.swap(text).unwrap_or_else(|| text.to_owned()),
        }
        words.to_text()
    }
}

/// Evenly from 0, below 1.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// An index below `bound`, which is not 0.
fn index_below(bound: usize, random: &mut ChaCha8Rng) -> usize {
    below(bound as u64, random) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TextAugmentation;

    fn run(kinds: &[AugmentKind], augment_copies: u32, augment_share: f64) -> RunConfig {
        let augmentation = TextAugmentation {
            augment_texts: kinds.to_vec(),
            augment_copies,
            augment_share,
            ..TextAugmentation::default()
        };
        RunConfig { augmentation, ..RunConfig::default() }
    }

    fn augment(run: &RunConfig, rows: &[(usize, Vec<&str>)]) -> Augmented {
        Augmenter::new(run).add_to(rows.iter().cloned())
    }

    /// The copies of one text.
    fn copies(kinds: &[AugmentKind], num_copies: u32, text: &str) -> Vec<String> {
        let found = augment(&run(kinds, num_copies, 0.2), &[(2, vec![text])]);
        found.added.into_iter().map(|mut added| added.texts.remove(0)).collect()
    }

    const TEXT: &str = "The big movie was really good, and my friend was very happy about it!";

    #[test]
    fn the_same_seed_gives_the_same_copies_in_any_order_of_the_rows() {
        let rows = [(2, vec![TEXT]), (3, vec!["I purchased a new phone yesterday"]), (9, vec!["Please cancel my job"])];
        let run = run(&AugmentKind::ALL, 3, 0.1);
        let found = augment(&run, &rows);
        assert_eq!(augment(&run, &rows), found);
        let mut turned = rows.to_vec();
        turned.reverse();
        let of_row = |found: &Augmented, row: usize| -> Vec<Vec<String>> {
            found.added.iter().filter(|added| added.row == row).map(|added| added.texts.clone()).collect()
        };
        for (row, _) in &rows {
            assert_eq!(of_row(&augment(&run, &turned), *row), of_row(&found, *row));
            assert_eq!(of_row(&found, *row).len(), 3);
        }
        let other = augment(&RunConfig { seed: 7, ..run }, &rows);
        assert_ne!(other.added, found.added);
    }

    #[test]
    fn copies_are_counted_differ_and_are_never_empty() {
        let rows = [
            (2, vec![TEXT]),
            (3, vec!["ok"]),
            (4, vec!["\u{4eca}\u{5929}\u{5929}\u{6c14}\u{5f88}\u{597d}"]),
            (5, vec![""]),
        ];
        let found = augment(&run(&[AugmentKind::Swap, AugmentKind::Deletion], 4, 0.3), &rows);
        assert_eq!((found.num_rows, found.num_unchanged, found.added.len()), (4, 3, 4), "one word, no spaces, nothing");
        for added in &found.added {
            assert!(added.index == 0 && added.texts[0] != TEXT && !added.texts[0].trim().is_empty(), "{added:?}");
        }
        let mut texts: Vec<&String> = found.added.iter().map(|added| &added.texts[0]).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 4, "no two are alike");
        assert!(augment(&run(&[], 4, 0.3), &rows).added.is_empty());
        assert_eq!(copies(&[AugmentKind::Swap], 16, "one two").len(), 1, "there are no more ways");
    }

    #[test]
    fn kinds_take_turns_and_one_that_can_change_nothing_leaves_its_turn_to_the_next() {
        let found = augment(&run(&AugmentKind::ALL, 4, 0.1), &[(2, vec![TEXT])]);
        let mut kinds: Vec<&str> = found.added.iter().map(|added| added.kind.name()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["deletion", "swap", "synonyms", "typos"]);
        let rows = [(2, vec!["qwzx fgh"])];
        let found = augment(&run(&[AugmentKind::Synonyms, AugmentKind::Swap], 1, 0.1), &rows);
        assert_eq!((found.added[0].kind, found.added[0].texts[0].as_str()), (AugmentKind::Swap, "fgh qwzx"));
    }

    #[test]
    fn words_of_pairs_are_swapped_once_in_each_row_that_has_one() {
        let augment_pairs = vec!["he=she".to_owned(), "John=Mary".to_owned()];
        let augmentation = TextAugmentation { augment_pairs, ..TextAugmentation::default() };
        let run = RunConfig { augmentation, ..RunConfig::default() };
        let rows = [(2, vec!["He met John", "a dog"]), (3, vec!["nobody"]), (4, vec!["a cat", "she slept"])];
        let found = augment(&run, &rows);
        assert_eq!((found.num_rows, found.num_unchanged), (3, 1));
        let texts: Vec<(usize, Vec<String>)> =
            found.added.iter().map(|added| (added.row, added.texts.clone())).collect();
        let expected = [(2, ["She met Mary", "a dog"]), (4, ["a cat", "he slept"])];
        assert_eq!(texts, expected.map(|(row, texts)| (row, texts.map(str::to_owned).to_vec())));
        assert!(found.added.iter().all(|added| added.kind == AugmentKind::Pairs));
    }

    #[test]
    fn each_text_of_a_pair_is_changed_by_itself() {
        let rows = [(2, vec!["one two three", "four five six"])];
        for added in augment(&run(&[AugmentKind::Swap], 4, 0.1), &rows).added {
            let sorted = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(sorted(&added.texts[0]), ["one", "three", "two"]);
            assert_eq!(sorted(&added.texts[1]), ["five", "four", "six"]);
        }
        let rows = [(2, vec!["one two three", "42"])];
        let found = augment(&run(&[AugmentKind::Swap], 1, 0.1), &rows);
        assert_eq!(found.added[0].texts[1], "42", "one of the two is enough");
    }

    #[test]
    fn addresses_numbers_and_emoji_stay_whole() {
        let kept = [
            "https://a.example/x?y=1",
            "me@b.example",
            "1,234.50",
            "#great",
            "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
            "v2.0",
        ];
        let text = format!(
            "Please see {} or write big letters to {} about {} dollars {} {} in {}",
            kept[0], kept[1], kept[2], kept[3], kept[4], kept[5]
        );
        let all = copies(&AugmentKind::ALL, 16, &text);
        assert_eq!(all.len(), 16);
        for copy in all {
            let at: Vec<Option<usize>> = kept.iter().map(|part| copy.find(part)).collect();
            assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{copy}");
        }
    }

    #[test]
    fn words_of_scripts_without_spaces_stay_and_those_beside_them_do_not() {
        assert!(
            copies(
                &AugmentKind::ALL,
                4,
                "\u{30ab}\u{30fc}\u{30c9}\u{304c}\u{4f7f}\u{3048}\u{306a}\u{3044} \u{0e44}\u{0e17}\u{0e22}"
            )
            .is_empty()
        );
        let mixed = copies(&[AugmentKind::Swap], 1, "\u{4eca}\u{5929} hello world");
        assert_eq!(mixed, ["\u{4eca}\u{5929} world hello"]);
        let korean = copies(&[AugmentKind::Swap], 1, "\u{ce74}\u{b4dc}\u{b97c} \u{c4f8}");
        assert_eq!(korean, ["\u{c4f8} \u{ce74}\u{b4dc}\u{b97c}"], "it is written with spaces");
    }
}
