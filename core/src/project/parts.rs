//! The parts of a project file: which path is which part, how large each may be, and names of files that every file system takes.

use super::{EVENTS_FILE, ProjectError, SAVED_FILE};
use crate::hub::{MODEL_FILES, check_weight_file_name, is_sha256};

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

/// Where several runs lie, each in a folder of its number, from 1 on.
const RUNS: &str = "runs/";

/// What each of several runs is.
pub(super) const RUN_FILE: &str = "run.json";

/// Where several runs have their rows and models, each file in a folder of its SHA-256: what two have is there once.
const SHARED: &str = "files/";

/// The trainer's own file in a checkpoint.
const STATE_FILE: &str = "state.json";

/// Most bytes of the header, and of the line that says how far a run came.
const MAX_HEADER_BYTES: u64 = 4 << 20;
const MAX_SAVED_BYTES: u64 = 4 << 20;

/// Most bytes of what a run has said, and of the trainer's state.
const MAX_EVENTS_BYTES: u64 = 512 << 20;
const MAX_STATE_BYTES: u64 = 64 << 20;

/// Most runs of a project file.
const MAX_RUNS: usize = 1000;

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
    /// Of which of several runs, the first being 0; its name.
    RunOf(usize, &'a str),
    /// A file of several runs: its SHA-256, its name.
    Shared(&'a str, &'a str),
    /// What a Mac adds to a zip that was unpacked and packed again: nothing of the project.
    OfSystem,
}

impl<'a> Part<'a> {
    /// Which part a path is; `None` where it is none.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if path == HEADER {
            return Some(Self::Header);
        }
        if is_of_system(path) {
            return Some(Self::OfSystem);
        }
        if let Some(name) = path.strip_prefix(MODEL) {
            return is_of_model(name).then_some(Self::Model(name));
        }
        if let Some(name) = path.strip_prefix(RUN) {
            return is_of_run(name).then_some(Self::Run(name));
        }
        if let Some(path) = path.strip_prefix(RUNS) {
            let (number, name) = path.split_once('/')?;
            let number = plain_number(number).filter(|number| (1..=MAX_RUNS).contains(number))?;
            return (name == RUN_FILE || is_of_run(name)).then_some(Self::RunOf(number - 1, name));
        }
        if let Some(path) = path.strip_prefix(SHARED) {
            let (sha256, name) = path.split_once('/')?;
            return (is_sha256(sha256) && is_plain(name)).then_some(Self::Shared(sha256, name));
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

/// Whether it is a file that a Mac adds. Among the files of a model one of such a name may be the person's, and is known by its hash.
fn is_of_system(path: &str) -> bool {
    let is_of_model = path.starts_with(MODEL) || path.strip_prefix(SHARED).is_some_and(|path| path.contains('/'));
    path.starts_with("__MACOSX/") || !is_of_model && path.rsplit('/').next() == Some(".DS_Store")
}

/// Where rows of a task lie, the first being 0: those of the second begin with `data/2/`.
pub(super) fn place_of_rows(task: usize, slot: usize) -> String {
    match task {
        0 => ROWS[slot].to_owned(),
        task => format!("{DATA}{}/{}", task + 1, &ROWS[slot][DATA.len()..]),
    }
}

/// Where a file of one of several runs lies, the first being 0.
pub(super) fn path_of_run(run: usize, name: &str) -> String {
    format!("{RUNS}{}/{name}", run + 1)
}

/// Where a file of several runs lies: its folder.
pub(super) fn place_of_shared(sha256: &str) -> String {
    format!("{SHARED}{sha256}/")
}

/// A number as it is written, without zeros before it.
fn plain_number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

/// The task of a path below `data/`, the first being 0, and the path within it.
fn split_task(path: &str) -> (usize, &str) {
    let numbered = path.split_once('/').and_then(|(first, rest)| {
        let number = plain_number(first).filter(|number| (2..=MAX_TASKS).contains(number))?;
        Some((number - 1, rest))
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
        Some(Part::Header | Part::RunOf(_, RUN_FILE)) => MAX_HEADER_BYTES,
        Some(Part::Run(SAVED_FILE) | Part::RunOf(_, SAVED_FILE)) => MAX_SAVED_BYTES,
        Some(Part::Run(EVENTS_FILE) | Part::RunOf(_, EVENTS_FILE)) => MAX_EVENTS_BYTES,
        Some(Part::Run(STATE_FILE) | Part::RunOf(_, STATE_FILE)) => MAX_STATE_BYTES,
        Some(Part::Rows(..) | Part::Model(_) | Part::Run(_) | Part::RunOf(..) | Part::Shared(..) | Part::OfSystem) => {
            return Ok(());
        }
    };
    if bytes > limit {
        return Err(ProjectError::TooLarge { name: path.to_owned(), bytes, limit });
    }
    Ok(())
}

/// Whether it is the name of a file, and no path.
pub(super) fn is_plain(name: &str) -> bool {
    let is_step = matches!(name, "" | "." | "..");
    !is_step && name.len() <= MAX_NAME_BYTES && !name.contains(['/', '\\', ':', '\0'])
}

/// Whether a model's folder has a file of this name: one of its own, or a known one such as `1_Pooling/config.json`.
pub(super) fn is_of_model(name: &str) -> bool {
    is_plain(name) || MODEL_FILES.iter().any(|(known, _)| *known == name)
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
        for name in ["vocab.txt", "1_Pooling/config.json"] {
            assert_eq!(Part::of(&format!("model/{name}")), Some(Part::Model(name)));
        }
        assert_eq!(Part::of("run/optimizer.safetensors"), Some(Part::Run("optimizer.safetensors")));
        assert_eq!(Part::of(&path_of_run(1, "state.json")), Some(Part::RunOf(1, "state.json")));
        assert_eq!(Part::of("runs/1000/run.json"), Some(Part::RunOf(999, RUN_FILE)));
        let sha256 = "0a".repeat(32);
        let shared = format!("{}x.csv", place_of_shared(&sha256));
        assert_eq!(Part::of(&shared), Some(Part::Shared(&sha256, "x.csv")));
        for path in
            ["__MACOSX/._project.json", ".DS_Store", "data/train/.DS_Store", "runs/1/.DS_Store", "files/.DS_Store"]
        {
            assert_eq!(Part::of(path), Some(Part::OfSystem), "{path}");
        }
        for path in [
            "runs/0/run.json",
            "runs/01/run.json",
            "runs/1001/run.json",
            "runs/1/manifest.json",
            "runs/1/a/state.json",
            "run/run.json",
            "files/x.csv",
            "files/abc/x.csv",
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
        assert!(check_part("runs/2/saved.json", MAX_SAVED_BYTES + 1).is_err());
        assert!(check_part("runs/2/run.json", MAX_HEADER_BYTES + 1).is_err());
        let error = check_part("Thumbs.db", 1).expect_err("foreign").to_string();
        assert_eq!(error, "\"Thumbs.db\" is no part of a project file");
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
