//! Tagged sentences that a very small model learns in a few epochs: made, not drawn, so that every run has the same.

/// Who did something: two words each.
const WHO: [&str; 4] = ["old man", "great king", "good woman", "little child"];
/// When: a word each.
const WHEN: [&str; 4] = ["day", "night", "hour", "year"];
/// Words that sentences begin with.
const FIRST: [&str; 5] = ["and", "but", "now", "so", "then"];
/// Frames around them.
const FRAMES: [&str; 4] = [
    "the {who} came to me that {when}",
    "all {when} the {who} was in the house",
    "there was no word of the {who} before the {when}",
    "the {when} is better than the {who} said",
];

/// Sentence `index`: its words, each with its tag. The first 320 differ.
#[must_use]
pub fn sentence(index: usize) -> Vec<(String, &'static str)> {
    let (frame, rest) = (FRAMES[index % 4], index / 4);
    let (who, when, first) = (WHO[rest % 4], WHEN[rest / 4 % 4], FIRST[rest / 16 % 5]);
    let mut words = vec![(first.to_owned(), "O")];
    for word in frame.split(' ') {
        match word {
            "{who}" => {
                let tags = ["B-who", "I-who"];
                words.extend(who.split(' ').map(str::to_owned).zip(tags));
            }
            "{when}" => words.push((when.to_owned(), "B-when")),
            other => words.push((other.to_owned(), "O")),
        }
    }
    words
}

/// A CoNLL file of `count` sentences.
#[must_use]
pub fn conll(count: usize) -> String {
    let line = |(word, tag): (String, &str)| format!("{word}\t{tag}\n");
    let sentence = |index| sentence(index).into_iter().map(line).chain(["\n".to_owned()]).collect::<String>();
    (0..count).map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{conll, sentence};

    #[test]
    fn sentences_differ_and_are_tagged() {
        let sentences: HashSet<_> = (0..320).map(sentence).collect();
        assert_eq!(sentences.len(), 320);
        assert!(conll(1).starts_with("and\tO\nthe\tO\nold\tB-who\nman\tI-who\ncame\tO\n"));
    }
}
