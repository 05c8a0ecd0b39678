//! What a person types at `hone rate`. In: lines, from the keyboard or a file. Out: votes, each kept at once; pair by pair what is
//! shown, in words that nothing a model wrote can pass for.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use anyhow::anyhow;
use hone_core::file_text::text_of;
use hone_core::metrics::{Rating, RatingInput, ShownPair};
use hone_core::words::{count, plural};

use crate::output::read_data_file;
use crate::progress::say;

/// What is asked below each pair.
pub(super) const ASKED: &str =
    "1, 2 or = and Enter (u: the last vote back, f: what stands in the file, n: the names, q: leave)";

/// What is asked after the last pair, whose vote could not be taken back once the names are known.
const ASKED_LAST: &str = "all pairs are rated: Enter shows whose texts they are, u takes the last vote back";

/// What a line that was typed says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Rate(RatingInput),
    ShowExpected,
    Leave,
}

/// The key that a line stands for, if it does.
pub(super) fn key_of(line: &str) -> Option<Key> {
    Some(match line.trim() {
        "1" => Key::Rate(RatingInput::One),
        "2" => Key::Rate(RatingInput::Two),
        "=" | "0" => Key::Rate(RatingInput::Tie),
        "u" | "U" => Key::Rate(RatingInput::Undo),
        "n" | "N" => Key::Rate(RatingInput::Open),
        "f" | "F" => Key::ShowExpected,
        "q" | "Q" => Key::Leave,
        _ => return None,
    })
}

/// The keys in a file, a line each.
pub(super) fn read_answers(path: &Path) -> anyhow::Result<Vec<Key>> {
    let bytes = read_data_file("read the answers", path)?;
    let text = text_of(&bytes).map_err(|error| anyhow!("the answers are {error}: {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let key = |(index, line): (usize, &str)| {
        key_of(line).ok_or_else(|| anyhow!("line {} is none of 1, 2, =, u, f, n, q: {}", index + 1, path.display()))
    };
    lines.map(key).collect()
}

/// The next key that is typed; `None` where the keyboard is closed.
pub(super) fn read_key(lines: &mut impl Iterator<Item = io::Result<String>>) -> anyhow::Result<Option<Key>> {
    loop {
        let Some(line) = lines.next().transpose()? else { return Ok(None) };
        match key_of(&line) {
            Some(key) => return Ok(Some(key)),
            None => say(ASKED),
        }
    }
}

/// Whether the last vote is to be taken back, before it is said whose the texts are. A keyboard that is closed takes nothing back.
pub(super) fn takes_back(lines: &mut impl Iterator<Item = io::Result<String>>) -> anyhow::Result<bool> {
    loop {
        say(ASKED_LAST);
        match lines.next().transpose()?.as_deref().map(str::trim) {
            None | Some("" | "q" | "Q") => return Ok(false),
            Some("u" | "U") => return Ok(true),
            Some(_) => {}
        }
    }
}

/// Shows pair after pair and takes what is said of each, until all are rated, or the person leaves. `keep` gets the rating after each key.
/// Returns the rating as it was before the last of all votes, where that was given.
pub(super) fn rate(
    rating: &mut Rating,
    next_key: &mut dyn FnMut() -> anyhow::Result<Option<Key>>,
    show: &dyn Fn(&str),
    keep: &dyn Fn(&Rating) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Rating>> {
    keep(rating)?;
    while let Some(pair) = rating.shown() {
        show(&in_words(rating, &pair));
        loop {
            match next_key()? {
                None | Some(Key::Leave) => return Ok(None),
                Some(Key::ShowExpected) => show(&format!("--- in the file\n{}", indent(&pair.expected))),
                Some(Key::Rate(input)) => {
                    let before = rating.clone();
                    rating.apply(input);
                    keep(rating)?;
                    if rating.shown().is_none() {
                        return Ok(Some(before));
                    }
                    break;
                }
            }
        }
    }
    Ok(None)
}

/// A pair, with what is asked below it.
fn in_words(rating: &Rating, pair: &ShownPair) -> String {
    let (done, all) = rating.progress();
    let mut words = format!("\n=== {} of {}\n{}\n", count(done + 1), plural(all, "pair"), indent(&pair.prompt));
    for (index, text) in pair.texts.iter().enumerate() {
        let name = pair.names.as_ref().map_or_else(String::new, |names| format!(", {}", names[index]));
        writeln!(words, "--- text {}{name}\n{}", index + 1, indent(text)).expect("writing to a string does not fail");
    }
    words + ASKED
}

/// A text as it can be shown in a terminal: no line of it passes for one of ours, and nothing in it drives the terminal.
fn indent(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if plain.trim().is_empty() {
        return "  (nothing)".to_owned();
    }
    plain.trim_end().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_vote_is_taken_back_before_the_names_are_known() {
        let takes_back = |typed: &[&str]| {
            let mut lines = typed.iter().map(|line| Ok::<_, io::Error>((*line).to_owned()));
            takes_back(&mut lines).expect("nothing fails")
        };
        assert!(takes_back(&["1", " u "]));
        assert!([&[""][..], &["q"], &[]].into_iter().all(|typed| !takes_back(typed)));
    }

    #[test]
    fn what_a_model_wrote_does_not_drive_the_terminal() {
        assert_eq!(indent("a\u{1b}[2J\r\n--- text 2\n\n"), "  a [2J \n  --- text 2");
        assert_eq!(indent(" \n"), "  (nothing)");
    }
}
