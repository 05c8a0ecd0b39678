//! `--part`: one of several tasks that are learned at once.

use std::path::PathBuf;

use hone_core::config::{ExportFormat, check_part_names};
use hone_core::task::Task;

use super::{TrainArgs, as_flags, parse_task};

/// One of several tasks, as typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartArg {
    /// Its name.
    pub(crate) name: String,
    /// What is learned, where it was said.
    pub(crate) task: Option<Task>,
    /// The rows.
    pub(crate) file: PathBuf,
}

/// `topic:sequence-classification:topics.csv`; the task may be left out between the colons.
pub(super) fn parse_part(text: &str) -> Result<PartArg, String> {
    let mut fields = text.splitn(3, ':');
    match (fields.next(), fields.next(), fields.next()) {
        (Some(name), Some(task), Some(file)) if !file.is_empty() => {
            let task = if task.is_empty() { None } else { Some(parse_task(task)?) };
            Ok(PartArg { name: name.to_owned(), task, file: file.into() })
        }
        _ => Err("it is not NAME:TASK:FILE, such as topic:regression:topics.csv (TASK may be empty)".into()),
    }
}

impl TrainArgs {
    /// What is wrong with `--part`, and flags that go with one task alone.
    pub(super) fn problems_of_parts(&self) -> Vec<String> {
        if self.part.is_empty() {
            return Vec::new();
        }
        let names: Vec<&str> = self.part.iter().map(|part| part.name.as_str()).collect();
        let mut problems = as_flags(&check_part_names(&names));
        problems.extend(self.flags_of_one_task());
        problems
    }

    /// Flags that were typed and go with one task alone.
    pub(crate) fn flags_of_one_task(&self) -> Vec<String> {
        let of_one_task = [
            ("--data", self.data.is_some()),
            ("--valid", self.valid.is_some()),
            ("--test", self.test.is_some()),
            ("--task", self.task.is_some()),
            ("--edits", self.edits.is_some()),
            ("--copies", self.copies.is_some()),
            ("--general-text", self.general_text.is_some()),
        ];
        let given = of_one_task.into_iter().filter(|(_, is_given)| *is_given);
        let mut problems: Vec<String> =
            given.map(|(flag, _)| format!("{flag}: goes with one task, not with several")).collect();
        if self.format == Some(ExportFormat::Adapter) {
            problems.push("--format: several tasks share one adapter: choose merged".to_owned());
        }
        let alone = |flag| format!("{flag}: goes with one task; a job file has it for each of several");
        problems.extend(self.read.typed_flags().into_iter().chain(self.share.typed_flags()).map(alone));
        problems
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command, Settings};
    use super::*;
    use crate::failure::Usage;

    #[test]
    fn a_part_is_a_name_a_task_and_a_file() {
        let part = parse_part("topic:sequence-classification:topics.csv").expect("all there");
        assert_eq!((part.name.as_str(), part.task), ("topic", Some(Task::default())));
        let guessed = parse_part("topic::C:\\rows\\topics.csv").expect("all there");
        assert_eq!((guessed.task, guessed.file), (None, PathBuf::from("C:\\rows\\topics.csv")));
        for text in ["", "topics.csv", "topic:topics.csv", "topic::"] {
            assert!(parse_part(text).expect_err(text).starts_with("it is not NAME:TASK:FILE"));
        }
        assert!(parse_part("topic:ranking:x.csv").expect_err("there is none").starts_with("it is not one of"));
    }

    fn problems(flags: &[&str]) -> Vec<String> {
        let line = ["hone", "train", "--model", "m", "--output", "o"];
        match Cli::try_parse_from(line.iter().chain(flags)).expect("parses").command {
            Command::Train(args) => match args.settings(&Settings::default()) {
                Ok(_) => Vec::new(),
                Err(Usage(found)) => found,
            },
            other => panic!("not train: {other:?}"),
        }
    }

    #[test]
    fn several_tasks_take_the_place_of_the_data() {
        let two = ["--part", "topic::t.csv", "--part", "spam::s.csv"];
        assert_eq!(problems(&two), [""; 0]);
        assert!(problems(&two[..2])[0].starts_with("--part: several tasks are two at the least"));
        assert!(problems(&["--part", "x::t.csv", "--part", "x::s.csv"])[0].contains("two tasks have the name"));
        let found = problems(&[&two[..], &["--data", "d.csv", "--task", "regression", "--delimiter", "tab"]].concat());
        let starts: Vec<&str> = found.iter().map(|problem| problem.split(':').next().unwrap_or_default()).collect();
        assert_eq!(starts, ["--data", "--task", "--delimiter"]);
        assert_eq!(problems(&[&two[..], &["--format", "adapter", "--method", "lora"]].concat()).len(), 1);
    }
}
