//! `--project`: what goes with it, and what starts its run anew.

use super::TrainArgs;

impl TrainArgs {
    /// Whether a setting was typed: of reading, of the model's changes, of the run, or what is learned.
    pub(crate) fn gives_settings(&self) -> bool {
        let is_none =
            self.run.draft().is_empty() && self.read.is_empty() && self.share.is_empty() && self.changes.is_empty();
        !is_none || self.edits.is_some() || self.copies.is_some() || self.task.is_some()
    }

    /// Whether something was typed that says how rows are read, or for what.
    pub(crate) fn gives_reading(&self) -> bool {
        let edits = self.edits.is_some() || self.copies.is_some();
        !self.read.is_empty() || !self.share.is_empty() || edits || self.task.is_some()
    }

    /// Flags that have no place beside `--project`.
    pub(super) fn problems_of_project(&self) -> Vec<String> {
        if self.project.is_none() {
            return Vec::new();
        }
        let own = [
            ("--job", self.job.is_some()),
            ("--data", self.data.is_some()),
            ("--valid", self.valid.is_some()),
            ("--test", self.test.is_some()),
            ("--part", !self.part.is_empty()),
        ];
        let given = own.into_iter().filter(|(_, is_given)| *is_given);
        let mut problems: Vec<String> =
            given.map(|(flag, _)| format!("{flag}: --project brings its own job and rows")).collect();
        if self.resume {
            problems
                .push("--project: --resume goes on from the checkpoint in --output, which names its project".into());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command, Settings, Usage};
    use super::*;

    fn train(flags: &[&str]) -> TrainArgs {
        let line = ["hone", "train", "--project", "run.hone", "--output", "o"];
        match Cli::try_parse_from(line.iter().chain(flags)).expect("parses").command {
            Command::Train(args) => *args,
            other => panic!("not train: {other:?}"),
        }
    }

    #[test]
    fn a_project_needs_nothing_else_and_takes_settings() {
        for (flags, gives_settings) in [
            (&[][..], false),
            (&["--model", "mine", "--device", "cpu", "--json"], false),
            (&["--epochs", "2"], true),
            (&["--delimiter", "tab"], true),
            (&["--keep-layers", "0"], true),
            (&["--task", "regression"], true),
        ] {
            let args = train(flags);
            args.settings(&Settings::default()).expect("all good");
            assert_eq!(args.gives_settings(), gives_settings, "{flags:?}");
        }
    }

    #[test]
    fn what_a_project_brings_itself_is_refused() {
        let args = train(&["--data", "rows.csv", "--job", "hone.json", "--resume"]);
        let Usage(problems) = args.settings(&Settings::default()).expect_err("three are wrong");
        for flag in ["--job: --project brings", "--data: --project brings", "--project: --resume goes on"] {
            assert!(problems.iter().any(|problem| problem.starts_with(flag)), "{problems:?}");
        }
    }
}
