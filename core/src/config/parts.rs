//! Several tasks in one job: what each is called, what it is and where its rows come from.

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, DataHashes, ReadOptions};
use crate::task::Task;

/// Most tasks of a job.
const MAX_PARTS: usize = 32;

/// Most bytes of a name.
const MAX_NAME: usize = 64;

/// Names that folders beside those of the parts have, and the figure that all parts share.
const RESERVED: [&str; 2] = ["checkpoint", "loss"];

/// One of several tasks that are learned at once, on one encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobPart {
    /// Its name, which figures and the exported folder have.
    pub name: String,
    /// What is learned.
    pub task: Task,
    /// Name of the training file, for the reader.
    #[serde(default)]
    pub data_file: Option<String>,
    /// Name of the file of validation rows, where they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_file: Option<String>,
    /// Name of the file of test rows, where they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<String>,
    /// What the files of rows were.
    #[serde(default, skip_serializing_if = "DataHashes::is_empty")]
    pub data_sha256: DataHashes,
    /// How the file is read.
    #[serde(default)]
    pub read: ReadOptions,
}

impl JobPart {
    /// A task of which no file is known, and that is read by guesses.
    #[must_use]
    pub fn new(name: impl Into<String>, task: Task) -> Self {
        let (data_sha256, read) = (DataHashes::default(), ReadOptions::default());
        Self { name: name.into(), task, data_file: None, valid_file: None, test_file: None, data_sha256, read }
    }
}

/// What is wrong with the names of several tasks; nothing where they can be used.
#[must_use]
pub fn check_part_names(names: &[&str]) -> Vec<ConfigProblem> {
    let problem = |message: String| ConfigProblem { field: "part".into(), message };
    let mut problems = Vec::new();
    if names.len() < 2 {
        problems.push(problem("several tasks are two at the least: leave it out and name the file as the data".into()));
    }
    if names.len() > MAX_PARTS {
        problems.push(problem(format!("there are {} tasks, at most {MAX_PARTS} can be learned at once", names.len())));
        return problems; // each name is compared with each
    }
    for (index, name) in names.iter().enumerate() {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if name.is_empty() || name.len() > MAX_NAME || !is_plain || name.starts_with('-') {
            let may = "is no name: it may have letters from a to z, digits, - and _, at most 64";
            problems.push(problem(format!("{name:?} {may}")));
        } else if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            problems.push(problem(format!("{name:?} means something else here: choose another name")));
        }
        // Folders of names that differ only in case would be one on some machines.
        if names[..index].iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
            problems.push(problem(format!("two tasks have the name {name:?}")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::{Job, ModelSource, RunConfig};
    use super::*;

    fn first(names: &[&str]) -> String {
        check_part_names(names).first().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn names_are_those_of_folders_and_differ() {
        assert_eq!(first(&["topic", "spam_2", "x-y"]), "");
        assert!(first(&["topic"]).starts_with("part: several tasks are two"), "{}", first(&["topic"]));
        assert!(first(&["topic", "Topic"]).contains("two tasks have the name \"Topic\""));
        let long = "x".repeat(65);
        for name in ["", "a/b", "..", "a b", "ä", "-a", long.as_str()] {
            assert!(first(&["topic", name]).contains("is no name"), "{name:?}");
        }
        for name in ["loss", "Checkpoint"] {
            assert!(first(&[name, "topic"]).contains("choose another name"), "{name}");
        }
        let many: Vec<String> = (0..33).map(|index| format!("part{index}")).collect();
        assert!(first(&many.iter().map(String::as_str).collect::<Vec<_>>()).contains("33 tasks, at most 32"));
    }

    #[test]
    fn parts_are_in_the_file_only_where_there_are_some_and_are_checked() {
        let plain = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert!(!plain.to_json().contains("parts") && !plain.to_json().contains("task_temperature"));
        let part = |name: &str| JobPart {
            data_file: Some(format!("{name}.csv")),
            test_file: Some(format!("{name}-test.csv")),
            data_sha256: DataHashes { train: Some("a".repeat(64)), ..DataHashes::default() },
            read: ReadOptions { delimiter: Some(';'), ..ReadOptions::default() },
            ..JobPart::new(name, Task::default())
        };
        let run = RunConfig { task_temperature: 2.0, ..RunConfig::default() };
        let job = Job { parts: vec![part("topic"), part("spam")], run, ..plain };
        assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);
        assert!(!job.to_json().contains("valid_file"), "no part has such a file");
        let twice = Job { parts: vec![part("topic"), part("topic")], ..job };
        let error = Job::from_json(twice.to_json().as_bytes()).expect_err("equal names").to_string();
        assert!(error.contains("two tasks have the name"), "{error}");
        let unknown = twice.to_json().replacen("sequence_classification", "ranking", 1);
        assert!(Job::from_json(unknown.as_bytes()).is_err(), "there is no such task");
    }
}
