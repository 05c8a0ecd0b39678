//! The parts of a project file: which path is which part, how large each may be, and names of files that every file system takes.

use super::{EVENTS_FILE, ProjectError, SAVED_FILE};
use crate::hub::check_weight_file_name;

/// What the project is.
pub(super) const HEADER: &str = "project.json";

/// Where files of training, validation and test rows lie, one in each; of several tasks those of the first.
pub(super) const ROWS: [&str; 3] = ["data/train/", "data/valid/", "data/test/"];

/// What the places of [`ROWS`] begin with.
const DATA: &str = "data/";

/// Where the files of the model lie.
pub(super) const MODEL: &str = "model/";

/// Where the run lies.
pub(super) const RUN: &str = "run/";

/// The trainer's own file in a checkpoint.
const STATE_FILE: &str = "state.json";

/// Most bytes of the header, and of the line that says how far a run came.
const MAX_HEADER_BYTES: u64 = 4 << 20;
const MAX_SAVED_BYTES: u64 = 4 << 20;

/// Most bytes of what a run has said, and of the trainer's state.
const MAX_EVENTS_BYTES: u64 = 512 << 20;
const MAX_STATE_BYTES: u64 = 64 << 20;

/// Most tasks that a run can learn at once.
const MAX_TASKS: usize = 1000;

/// Longest name of a file, in bytes as file systems count, and in characters of one that is given.
const MAX_NAME_BYTES: usize = 255;
const MAX_NAME_CHARS: usize = 60;

/// What a name loses: signs with a meaning to some file system.
const SIGNS: &str = "<>:\"|?*";

/// A part of a project file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Header,
    /// Of which task, the first being 0; of training, validation or test rows, by the index in [`ROWS`]; its name.
    Rows(usize, usize, &'a str),
    Model(&'a str),
    Run(&'a str),
}

impl<'a> Part<'a> {
    /// Which part a path is; `None` where it is none.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if path == HEADER {
            return Some(Self::Header);
        }
        if let Some(name) = path.strip_prefix(MODEL) {
            return is_plain(name).then_some(Self::Model(name));
        }
        if let Some(name) = path.strip_prefix(RUN) {
            return is_of_run(name).then_some(Self::Run(name));
        }
        let (task, path) = split_task(path.strip_prefix(DATA)?);
        let found = ROWS
            .into_iter()
            .enumerate()
            .find_map(|(slot, place)| Some((slot, path.strip_prefix(&place[DATA.len()..])?)));
        let (slot, name) = found?;
        is_plain(name).then_some(Self::Rows(task, slot, name))
    }
}

/// Where rows of a task lie, the first being 0: those of the second begin with `data/2/`.
pub(super) fn place_of_rows(task: usize, slot: usize) -> String {
    match task {
        0 => ROWS[slot].to_owned(),
        task => format!("{DATA}{}/{}", task + 1, &ROWS[slot][DATA.len()..]),
    }
}

/// The task of a path below `data/`, the first being 0, and the path within it.
fn split_task(path: &str) -> (usize, &str) {
    let numbered = path.split_once('/').and_then(|(first, rest)| {
        let number: usize = first.parse().ok().filter(|number| (2..=MAX_TASKS).contains(number))?;
        (number.to_string() == first).then_some((number - 1, rest))
    });
    numbered.unwrap_or((0, path))
}

/// Whether a path is a part, and no larger than that can be.
///
/// # Errors
/// When it is not.
pub(super) fn check_part(path: &str, bytes: u64) -> Result<(), ProjectError> {
    let limit = match Part::of(path) {
        None => return Err(ProjectError::Foreign { name: path.to_owned() }),
        Some(Part::Header) => MAX_HEADER_BYTES,
        Some(Part::Run(SAVED_FILE)) => MAX_SAVED_BYTES,
        Some(Part::Run(EVENTS_FILE)) => MAX_EVENTS_BYTES,
        Some(Part::Run(STATE_FILE)) => MAX_STATE_BYTES,
        Some(Part::Rows(..) | Part::Model(_) | Part::Run(_)) => return Ok(()),
    };
    if bytes > limit {
        return Err(ProjectError::TooLarge { name: path.to_owned(), bytes, limit });
    }
    Ok(())
}

/// Whether it is the name of a file, and no path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(['/', '\\', ':', '\0'])
}

/// Whether a run's folder has a file of this name.
fn is_of_run(name: &str) -> bool {
    [STATE_FILE, EVENTS_FILE, SAVED_FILE].contains(&name) || check_weight_file_name(name).is_ok()
}

/// The last part of a name, with what every file system takes; of a long one its end, which says what it is.
pub(super) fn plain_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let too_many = last.chars().count().saturating_sub(MAX_NAME_CHARS);
    let plain = |c: char| if c.is_control() || SIGNS.contains(c) { '_' } else { c };
    let name: String = last.chars().skip(too_many).map(plain).collect();
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() { "rows".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_path_is_one_part() {
        assert_eq!(Part::of("project.json"), Some(Part::Header));
        assert_eq!(Part::of("data/valid/dev.csv"), Some(Part::Rows(0, 1, "dev.csv")));
        assert_eq!(Part::of("data/3/train/x.csv"), Some(Part::Rows(2, 0, "x.csv")));
        for task in [0, 1, 9] {
            let path = format!("{}x.csv", place_of_rows(task, 2));
            assert_eq!(Part::of(&path), Some(Part::Rows(task, 2, "x.csv")), "{path}");
        }
        assert_eq!(Part::of("model/vocab.txt"), Some(Part::Model("vocab.txt")));
        assert_eq!(Part::of("run/optimizer.safetensors"), Some(Part::Run("optimizer.safetensors")));
        for path in [
            "data/x.csv",
            "data/train/",
            "data/train/a/b",
            "model/a/b",
            "run/manifest.json",
            "run/",
            "x",
            "",
            "data/1/train/x",
            "data/02/train/x",
            "data/2/x",
            "data/2/3/train/x",
        ] {
            assert_eq!(Part::of(path), None, "{path}");
        }
    }

    #[cfg(feature = "engine")]
    #[test]
    fn the_state_has_the_name_that_the_trainer_gives_it() {
        assert_eq!(STATE_FILE, crate::checkpoint::STATE_FILE);
    }

    #[test]
    fn parts_have_their_limits() {
        check_part("run/saved.json", MAX_SAVED_BYTES).expect("not too large");
        let error = check_part("run/saved.json", MAX_SAVED_BYTES + 1).expect_err("too large").to_string();
        assert_eq!(error, "run/saved.json of the project file has 4194305 bytes, at most 4194304 are read");
        check_part("data/train/x.csv", 3 << 30).expect("the sum has a limit");
        let error = check_part(".DS_Store", 1).expect_err("foreign").to_string();
        assert_eq!(error, "\".DS_Store\" is no part of a project file");
    }

    #[test]
    fn names_keep_what_they_are() {
        for (name, plain) in [
            ("tickets.csv", "tickets.csv"),
            ("häuser und gärten.jsonl", "häuser und gärten.jsonl"),
            ("folder/a.csv", "a.csv"),
            ("..\\..\\a.csv", "a.csv"),
            ("what: \"a\"?.csv", "what_ _a__.csv"),
            ("\u{1b}[31mred.csv", "_[31mred.csv"),
            (" .csv. ", "csv"),
            ("..", "rows"),
            ("", "rows"),
        ] {
            assert_eq!(plain_file_name(name), plain, "{name:?}");
        }
        assert_eq!(plain_file_name(&format!("{}.csv", "x".repeat(300))).len(), MAX_NAME_CHARS);
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_that_is_taken(name in any::<String>()) {
            let plain = plain_file_name(&name);
            prop_assert!(is_plain(&plain), "{plain:?}");
            prop_assert_eq!(plain_file_name(&plain), plain);
        }
    }
}
