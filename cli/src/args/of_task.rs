//! Flags that a task has no use for: each is named, with the task that is in its way.

use hone_core::config::{ConfigProblem, Of, ReadOptions, SETTINGS, TaskSettings, TextAugmentation};
use hone_core::task::Task;

use super::{TrainArgs, task_name, task_names};

/// The setting that several tasks at once have, and no task alone.
const OF_SEVERAL: &str = "task_temperature";

/// What a model of a task does, to go on after "this model": in words, and by the task's name.
pub(crate) fn describe(task: Task) -> String {
    format!("{} ({})", task.spec().does, task_name(task))
}

/// A flag that has no effect on a task.
pub(crate) fn no_effect(field: &str, task: Task) -> ConfigProblem {
    let why = TextAugmentation::why_of_whole_texts(field);
    ConfigProblem { field: field.to_owned(), message: format!("has no effect: this model {}{why}", describe(task)) }
}

/// Wishes about columns and labels that rows of a task have no use for.
pub(crate) fn unused_columns(read: &ReadOptions, task: Task) -> Vec<ConfigProblem> {
    let (spec, does) = (task.spec(), describe(task));
    let mut problems = read.check_for(&TaskSettings { does: &does, ..spec.settings_for_check(&[]) });
    let takes_one = spec.columns.contains(&"label_column");
    for problem in problems.iter_mut().filter(|problem| takes_one && problem.field == "label_columns") {
        let several = Task::ALL.iter().copied().filter(|task| task.spec().columns.contains(&"label_columns"));
        let several = task_names(&several.collect::<Vec<_>>());
        let task = task_name(task);
        problem.message =
            format!("is given more than once, and {task} learns one column: several are learned by {several}");
    }
    problems
}

impl TrainArgs {
    /// Settings that were typed and that none of these tasks has, also where what was typed is the default.
    pub(crate) fn unused_settings(&self, tasks: &[Task]) -> Vec<ConfigProblem> {
        let asks = |name: &str| self.run.draft().typed(name).is_some_and(|text| text.trim() != "false");
        let is_used = |name: &'static str| match name {
            OF_SEVERAL => tasks.len() > 1,
            name => tasks.iter().any(|task| task.spec().settings.contains(&name)),
        };
        let unused = SETTINGS.iter().filter(|setting| setting.of == Of::SomeTasks && asks(setting.name));
        let unused = unused.map(|setting| setting.name).filter(|&name| !is_used(name));
        let problem = |name: &str| match tasks {
            [_] if name == OF_SEVERAL => {
                ConfigProblem { field: name.to_owned(), message: "has no effect without --part".to_owned() }
            }
            [task] => no_effect(name, *task),
            tasks => {
                let message = format!("has no effect: none of the tasks has it ({})", task_names(tasks));
                ConfigProblem { field: name.to_owned(), message }
            }
        };
        unused.map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn task(name: &str) -> Task {
        Task::from_name(name).expect("there is one")
    }

    fn unused(flags: &[&str], tasks: &[&str]) -> Vec<String> {
        let line = ["hone", "train", "--model", "m", "--data", "d.csv", "--output", "o"];
        let tasks: Vec<Task> = tasks.iter().map(|name| task(name)).collect();
        match Cli::try_parse_from(line.iter().chain(flags)).expect("parses").command {
            Command::Train(args) => args.unused_settings(&tasks).iter().map(ToString::to_string).collect(),
            other => panic!("not train: {other:?}"),
        }
    }

    #[test]
    fn a_typed_setting_belongs_to_a_task_even_at_its_default() {
        let flags = ["--doc-stride", "128", "--epochs", "3", "--packing=false"];
        let found = unused(&flags, &["multi_label"]);
        assert!(found.len() == 1 && found[0].starts_with("doc_stride: has no effect: this model "), "{found:?}");
        assert!(found[0].ends_with(" (multi-label)"), "{found:?}");
        assert!(unused(&flags, &["token_classification"]).is_empty());
        let alone = unused(&["--task-temperature", "1"], &["regression"]);
        assert_eq!(alone, ["task_temperature: has no effect without --part"]);
    }

    #[test]
    fn of_several_tasks_one_must_have_it() {
        let flags = ["--doc-stride", "64", "--task-temperature", "2", "--pooling", "mean"];
        assert!(unused(&flags, &["regression", "question_answering"]).is_empty());
        let found = unused(&flags, &["token_classification", "question_answering"]);
        let expected = "pooling: has no effect: none of the tasks has it (token-classification, question-answering)";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn columns_of_other_tasks_are_named_with_the_task() {
        let fields = |read: &ReadOptions, name: &str| -> Vec<String> {
            unused_columns(read, task(name)).iter().map(ToString::to_string).collect()
        };
        let pair = ReadOptions { text_pair_column: Some("b".into()), ..ReadOptions::default() };
        let found = fields(&pair, "token_classification");
        assert!(found[0].starts_with("text_pair_column: has no effect: this model "), "{found:?}");
        assert!(found.len() == 1 && found[0].ends_with(" (token-classification)"), "{found:?}");
        assert!(fields(&pair, "regression").is_empty());
        let several = ReadOptions { label_columns: vec!["a".into(), "b".into()], ..ReadOptions::default() };
        let found = fields(&several, "sequence_classification");
        let expected = "label_columns: is given more than once, and sequence-classification learns one column: several are learned by \
                        regression, multi-label";
        assert_eq!(found[0], expected);
        assert!(fields(&several, "question_answering")[0].starts_with("label_columns: has no effect"));
        assert!(fields(&several, "multi_label").is_empty());
    }
}
