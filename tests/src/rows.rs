//! Labeled rows that a very small model learns in a few epochs: made, not drawn, so that every run has the same.

use std::fmt::Write as _;

/// The classes, in label order.
pub const LABELS: [&str; 3] = ["kitchen", "music", "weather"];

/// Words of each class.
const WORDS: [[&str; 8]; 3] = [
    ["bread", "soup", "oven", "butter", "salt", "supper", "kettle", "flour"],
    ["song", "violin", "choir", "tune", "drum", "concert", "piano", "dance"],
    ["rain", "storm", "snow", "wind", "cloud", "thunder", "frost", "sunshine"],
];

/// Frames that say nothing about the class.
const FRAMES: [&str; 7] = [
    "we spoke of the {a} and the {b} all day",
    "there was {a} before the {b} came",
    "she said that the {a} was better than the {b}",
    "nobody had seen such {a} nor such {b}",
    "the old man remembered the {a} and the {b}",
    "after the {a} there is always {b}",
    "my brother wrote to me about {a} and {b}",
];

/// Row `index`: its text and its label. Classes take turns; the first 1176 texts differ.
#[must_use]
pub fn row(index: usize) -> (String, &'static str) {
    let (class, turn) = (index % LABELS.len(), index / LABELS.len());
    let (first, rest) = (turn % 8, turn / 8);
    let second = (first + 1 + rest % 7) % 8;
    let frame = FRAMES[(turn + rest / 7) % FRAMES.len()];
    let text = frame.replace("{a}", WORDS[class][first]).replace("{b}", WORDS[class][second]);
    (text, LABELS[class])
}

/// A CSV of `count` rows with the columns `text` and `label`.
#[must_use]
pub fn csv(count: usize) -> String {
    let mut table = String::from("text,label\n");
    for index in 0..count {
        let (text, label) = row(index);
        writeln!(table, "{text},{label}").expect("writing to a string does not fail");
    }
    table
}

/// Numbers of each class, in label order: what [`numbers_csv`] has for its rows.
pub const NUMBERS: [f64; 3] = [-1.5, 0.25, 2.0];

/// A CSV of `count` rows with the columns `text` and `score`: the number of each text's class.
#[must_use]
pub fn numbers_csv(count: usize) -> String {
    let mut table = String::from("text,score\n");
    for index in 0..count {
        let (text, _) = row(index);
        writeln!(table, "{text},{}", NUMBERS[index % LABELS.len()]).expect("writing to a string does not fail");
    }
    table
}

/// A CSV of `count` rows with the columns `text` and `labels`: of a text of one class, or of two, with `;` between.
#[must_use]
pub fn several_csv(count: usize) -> String {
    let mut table = String::from("text,labels\n");
    for index in 0..count {
        let (first, class) = row(index);
        // Every second row is of its own class alone.
        let line = match row(index + 1 + index / LABELS.len() % 2) {
            (second, other) if index % 2 == 1 => format!("{first} and {second},{class};{other}"),
            _ => format!("{first},{class}"),
        };
        writeln!(table, "{line}").expect("writing to a string does not fail");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::row;

    #[test]
    fn rows_differ() {
        let texts: HashSet<_> = (0..300).map(|index| row(index).0).collect();
        assert_eq!(texts.len(), 300);
    }
}
