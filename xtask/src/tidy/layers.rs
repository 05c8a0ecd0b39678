//! The rooms of core in one order: what may import what.
//!
//! In: a file's path, its code, and the paths that it names. Out: the imports that run upwards. Blocks of unit tests are
//! exempt, for they may set up what stands above them.

use super::source::test_modules;

/// Rooms of `core/src`, bottom to top: a room imports itself and the rooms before it, never one after it.
const ROOMS: [&str; 32] = [
    "words",
    "splitmix64",
    "spreadsheet",
    "file_signature",
    "file_text",
    "folder",
    "images",
    TASK_TABLE,
    "config",
    "hub",
    "project",
    "metrics",
    "device_report",
    "tokenizer",
    "data",
    "task",
    "event",
    "plan",
    "sweep",
    "report",
    FIRST_WITH_TENSORS,
    "kernels",
    "nn",
    "model",
    "loss",
    "optim",
    "device_check",
    "device_tune",
    "checkpoint",
    "generate",
    "train",
    "session",
];

/// The rooms before it are plain Rust.
const FIRST_WITH_TENSORS: &str = "batch";

/// The names of the tasks, which a job file and a list of models know, too.
const TASK_TABLE: &str = "task/table";

/// Plain Rust in a room that is not.
const PLAIN_FILES: [&str; 1] = ["core/src/session/protocol.rs"];

/// Whether a file must stay free of tensors.
pub(super) fn is_plain(file: &str) -> bool {
    let is_below = |room: usize| ROOMS[room..].contains(&FIRST_WITH_TENSORS) && ROOMS[room] != FIRST_WITH_TENSORS;
    PLAIN_FILES.contains(&file) || module_of(file).and_then(|module| room(&module)).is_some_and(is_below)
}

/// What is wrong with the imports of a file, with lines; `paths` are those of its `code`.
pub(super) fn upward_imports(file: &str, code: &str, paths: &[(usize, String)]) -> Vec<(usize, String)> {
    let Some(module) = module_of(file).filter(|module| module.last() != Some(&"tests")) else { return Vec::new() };
    let Some(own) = room(&module) else {
        return vec![(1, format!("the room {} is not in the order of xtask/src/tidy/layers.rs", module[0]))];
    };
    let tests = test_modules(code);
    let wrong = |(line, path): &(usize, String)| {
        let other = imported(&module, path).and_then(|target| room(&target)).filter(|other| *other > own)?;
        let is_tested = tests.iter().any(|lines| lines.contains(line));
        let message = format!("{} must not import {}, which stands above it: {path}", ROOMS[own], ROOMS[other]);
        (!is_tested).then_some((*line, message))
    };
    paths.iter().filter_map(wrong).collect()
}

/// The names of a file's module below `crate`; `None` for the crate's root and for what is not core.
fn module_of(file: &str) -> Option<Vec<&str>> {
    let mut names: Vec<&str> = file.strip_prefix("core/src/")?.strip_suffix(".rs")?.split('/').collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    (names != ["lib"]).then_some(names)
}

/// What a path names below `crate`; `None` for paths that do not begin with `crate`, `self` or `super`.
fn imported<'a>(module: &[&'a str], path: &'a str) -> Option<Vec<&'a str>> {
    let names: Vec<&str> = path.split("::").collect();
    let steps = names.iter().take_while(|name| **name == "super").count();
    let (base, rest) = match names[0] {
        "crate" => (0, &names[1..]),
        "self" => (module.len(), &names[1..]),
        "super" => (module.len().checked_sub(steps)?, &names[steps..]),
        _ => return None,
    };
    Some([&module[..base], rest].concat())
}

/// The index in [`ROOMS`] of a module or of what is in it.
fn room(names: &[&str]) -> Option<usize> {
    let (first, rest) = names.split_first()?;
    let name = match (*first, rest.first()) {
        ("task", Some(&"table" | &"Task")) => TASK_TABLE,
        (first, _) => first,
    };
    ROOMS.iter().position(|room| *room == name)
}

#[cfg(test)]
mod tests {
    use super::super::source::{code_only, paths};
    use super::*;

    fn found(file: &str, text: &str) -> Vec<(usize, String)> {
        let code = code_only(text);
        upward_imports(file, &code, &paths(&code))
    }

    #[track_caller]
    fn wrong(file: &str, text: &str, line: usize, rooms: [&str; 2]) {
        let found = found(file, text);
        assert_eq!(found.len(), 1, "{found:?}");
        let [own, other] = rooms;
        assert_eq!(found[0].0, line);
        assert!(found[0].1.starts_with(&format!("{own} must not import {other}, ")), "{found:?}");
    }

    #[track_caller]
    fn fine(file: &str, text: &str) {
        let found = found(file, text);
        assert!(found.is_empty(), "{file}: {found:?}");
    }

    #[test]
    fn imports_run_downwards() {
        fine(
            "core/src/data/split.rs",
            "use crate::{config, tokenizer::Tokenizer, words};\nuse crate::data::columns;\n",
        );
        fine("core/src/session/run.rs", "use crate::train::Trainer;\nuse crate::words::plural;\n");
        fine("core/src/hub.rs", "use crate::task::Task;\n");
        fine("core/src/config/job.rs", "use crate::task::{Task};\n");
        fine("core/src/lib.rs", "pub use crate::session::Session;\n");
        fine("cli/src/main.rs", "use crate::session;\n");
        fine("core/src/data/split.rs", "// crate::model\nlet text = \"crate::model\";\nuse burn::train::x;\n");
    }

    #[test]
    fn imports_that_run_upwards_are_named_with_both_rooms() {
        wrong("core/src/data/split.rs", "use crate::{\n    config,\n    model::bert,\n};\n", 3, ["data", "model"]);
        wrong("core/src/tokenizer/conversation.rs", "\nuse crate::data::Turn;\n", 2, ["tokenizer", "data"]);
        wrong("core/src/batch.rs", "use crate::nn::SeqLayout;\n", 1, ["batch", "nn"]);
        wrong("core/src/kernels/cpu/adamw.rs", "fn f() { crate::optim::step() }\n", 1, ["kernels", "optim"]);
        wrong("core/src/device_check.rs", "use crate::session::protocol::X;\n", 1, ["device_check", "session"]);
    }

    #[test]
    fn steps_upwards_in_a_path_count_where_they_leave_the_room() {
        wrong("core/src/data/split.rs", "fn f() { super::super::model::x() }\n", 1, ["data", "model"]);
        wrong("core/src/batch.rs", "use super::nn::Linear;\n", 1, ["batch", "nn"]);
        wrong("core/src/data/mod.rs", "use super::train::Trainer;\n", 1, ["data", "train"]);
        fine("core/src/data/parse/json/mod.rs", "use super::super::model::x;\n");
        fine("core/src/data/split.rs", "use super::model;\nuse super::super::config;\n");
    }

    #[test]
    fn tasks_are_plain_and_stand_below_the_tensors() {
        for file in ["core/src/task/causal_lm/mod.rs", "core/src/task/spec.rs"] {
            wrong(file, "use crate::model::Model;\n", 1, ["task", "model"]);
            fine(file, "use crate::data::HostBatch;\n");
        }
        wrong("core/src/hub.rs", "use crate::task::spec::TaskSpec;\n", 1, ["hub", "task"]);
        fine("core/src/train/step.rs", "use crate::task::TaskRows;\n");
    }

    #[test]
    fn unit_tests_may_import_what_they_like() {
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::session;\n    fn f() {}\n}\n";
        fine("core/src/nn/linear.rs", tests);
        wrong("core/src/nn/linear.rs", &format!("{tests}use crate::session;\n"), 6, ["nn", "session"]);
        fine("core/src/data/findings/tests.rs", "use crate::session;\n");
    }

    #[test]
    fn every_room_has_its_place() {
        let found = found("core/src/attic/mod.rs", "");
        assert!(found[0].1.starts_with("the room attic is not in the order"), "{found:?}");
    }

    #[test]
    fn rooms_below_the_tensors_are_plain() {
        for file in ["core/src/words.rs", "core/src/hub/address.rs", "core/src/task/spec.rs", PLAIN_FILES[0]] {
            assert!(is_plain(file), "{file}");
        }
        for file in ["core/src/batch.rs", "core/src/train/step.rs", "core/src/lib.rs", "app/src/main.rs"] {
            assert!(!is_plain(file), "{file}");
        }
    }
}
