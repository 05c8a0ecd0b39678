//! Examples to training, validation and test: at random, or by place where they are one text; and which stand twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::examples::{LmDataset, LmExample, LmSummary, Piece};
use crate::config::SplitConfig;
use crate::data::repeats::told_of_leaks;
use crate::data::split::stratified_split;

pub(super) type Splits = [Vec<LmExample>; 3];

pub(super) fn share_out(examples: Vec<LmExample>, fractions: &SplitConfig, seed: u64) -> Splits {
    let (_, valid, test) = stratified_split(&vec![0; examples.len()], 1, fractions, seed);
    let (mut valid, mut test) = (valid.into_iter().peekable(), test.into_iter().peekable());
    let mut splits = Splits::default();
    for (index, example) in examples.into_iter().enumerate() {
        let split = if valid.next_if_eq(&index).is_some() {
            1
        } else if test.next_if_eq(&index).is_some() {
            2
        } else {
            0
        };
        splits[split].push(example);
    }
    splits
}

/// Training, validation and test are a text's beginning, what follows, and its end, cut where a line ends.
pub(super) fn split_text(text: &str, fractions: &SplitConfig) -> Splits {
    let share = |fraction: f64| if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    let (valid, test) = (share(fractions.valid_fraction), share(fractions.test_fraction));
    let train_end = line_end(text, 1.0 - valid - test);
    let valid_end = if valid > 0.0 { line_end(text, 1.0 - test).max(train_end) } else { train_end };
    let mut splits = Splits::default();
    for (split, (from, to)) in [(0, train_end), (train_end, valid_end), (valid_end, text.len())].into_iter().enumerate()
    {
        if !text[from..to].trim().is_empty() {
            let row = 1 + text[..from].bytes().filter(|&byte| byte == b'\n').count();
            let pieces = vec![Piece { text: text[from..to].to_owned(), has_loss: true }];
            splits[split].push(LmExample { row, pieces, turns: Vec::new() });
        }
    }
    splits
}

/// Where the line ends that a share of the text ends in; where the share ends if that is the last line.
fn line_end(text: &str, share: f64) -> usize {
    let at = text.floor_char_boundary((text.len() as f64 * share.clamp(0.0, 1.0)).round() as usize);
    match text[at..].find('\n') {
        Some(found) if at + found + 1 < text.len() && at > 0 => at + found + 1,
        _ => at,
    }
}

/// Counts duplicates and leaks, and warns of the latter.
pub(super) fn count_repeats(dataset: &LmDataset, summary: &mut LmSummary) {
    // What an example says, to the split that said it first.
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for (place, split) in [&dataset.train, &dataset.valid, &dataset.test].into_iter().enumerate() {
        for example in split {
            let mut hasher = DefaultHasher::new();
            example.pieces.hash(&mut hasher);
            let first = match seen.entry(hasher.finish()) {
                Entry::Occupied(first) => *first.get(),
                Entry::Vacant(free) => {
                    free.insert(place);
                    continue;
                }
            };
            summary.num_duplicates += 1;
            summary.num_leaks += usize::from(first < place);
        }
    }
    if summary.num_leaks > 0 {
        summary.warnings.push(told_of_leaks(summary.num_leaks));
    }
}
