//! The file of a sweep: `[run]` is a command line of `hone train`, `[space]` and `[search]` are those of core.
//!
//! In: TOML, or JSON with the same names. Out: the command line, parsed, and a checked plan; or all that is wrong.

use std::path::Path;

use anyhow::bail;
use clap::Parser;
use hone_core::config::{Kind, SETTINGS};
use hone_core::sweep::{PlanError, SweepPlan};
use serde_json::{Map, Value};

use crate::args::{Cli, Command, TrainArgs};
use crate::failure::Usage;
use crate::output::read_file;

/// Flags of `hone train` that have no place in `[run]`, and why.
const NOT_IN_RUN: [(&str, &str); 11] = [
    ("output", "every trial has a folder of its own in the one that --output of hone sweep names"),
    ("resume", "a sweep goes on by itself, when the same command is given again"),
    ("plan", "hone sweep --dry-run says what a sweep takes"),
    ("find-learning-rate", "it is a command of its own: hone train --find-learning-rate"),
    ("force", "--force of hone sweep begins anew"),
    ("compare", "the test rows stay out of a sweep: train the best job, DIR/best.json, with --compare"),
    ("general-text", "the test rows stay out of a sweep: train the best job, DIR/best.json, with --compare"),
    ("json", "it is a flag of hone sweep"),
    ("part", "trials are compared by the figure of one task"),
    ("project", "name the model and the files that it holds"),
    ("seed", "list seeds in [search], be it one"),
];

/// What a file of a sweep says.
pub(super) struct SweepFile {
    /// `[run]`, as it would be typed after `hone train`.
    pub(super) line: Vec<String>,
    pub(super) plan: SweepPlan,
}

impl SweepFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read, or what is wrong with it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = read_file("read the sweep file", path)?;
        let Ok(text) = String::from_utf8(bytes) else { bail!("the sweep file is not UTF-8: {}", path.display()) };
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let value = match is_json {
            true => serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()),
            false => toml::from_str::<Value>(&text).map_err(|error| error.to_string()),
        };
        match value {
            Ok(value) => Self::of(&value),
            Err(error) => bail!("the sweep file can't be read: {}: {}", error.trim_end(), path.display()),
        }
    }

    fn of(value: &Value) -> anyhow::Result<Self> {
        let mut problems = Vec::new();
        let parts = ["run", "space", "search"];
        let fields: Vec<&String> = value.as_object().map(|table| table.keys().collect()).unwrap_or_default();
        let unknown = fields.into_iter().filter(|name| !parts.contains(&name.as_str()));
        problems.extend(unknown.map(|name| format!("{name}: is not one of [run], [space], [search]")));
        let empty = Map::new();
        let line = match value.get("run") {
            Some(Value::Object(run)) => command_line(run, &mut problems),
            None => command_line(&empty, &mut problems),
            Some(_) => {
                problems.push("run: is not a table of flags of hone train".to_owned());
                Vec::new()
            }
        };
        match SweepPlan::read(value.get("space"), value.get("search")) {
            Ok(plan) if problems.is_empty() => Ok(Self { line, plan }),
            Ok(_) => Err(Usage(problems).into()),
            Err(PlanError(found)) => {
                problems.extend(found.iter().map(ToString::to_string));
                Err(Usage(problems).into())
            }
        }
    }

    /// The command line, parsed; `output` is where it would write.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn args(&self, output: &Path) -> anyhow::Result<TrainArgs> {
        let output = format!("--output={}", output.display());
        let line = ["hone", "train"].into_iter().map(str::to_owned).chain(self.line.iter().cloned()).chain([output]);
        match Cli::try_parse_from(line) {
            Ok(Cli { command: Command::Train(args) }) => Ok(*args),
            Ok(_) => bail!("[run] is no run"),
            Err(error) => {
                let text = error.to_string();
                let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                Err(Usage(vec![format!("[run]: {what}")]).into())
            }
        }
    }
}

/// `[run]` as it would be typed.
fn command_line(run: &Map<String, Value>, problems: &mut Vec<String>) -> Vec<String> {
    let mut line = Vec::new();
    for (name, value) in run {
        let (flag, is_switch) = flag_of(name);
        if let Some((_, why)) = NOT_IN_RUN.iter().find(|(name, _)| *name == flag) {
            problems.push(format!("[run] {name}: {why}"));
            continue;
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            match value {
                Value::Bool(true) => line.push(format!("--{flag}")),
                Value::Bool(false) if is_switch => line.push(format!("--{flag}=false")),
                Value::Bool(false) => {} // a flag that is not given
                Value::Number(number) => line.push(format!("--{flag}={number}")),
                Value::String(text) => line.push(format!("--{flag}={text}")),
                other => problems.push(format!("[run] {name}: {other} is no value of a flag")),
            }
        }
    }
    line
}

/// The flag that a name stands for, a setting's name or its flag's, and whether it is a setting that is true or false.
fn flag_of(name: &str) -> (String, bool) {
    let spelled = name.replace('-', "_");
    match SETTINGS.iter().find(|setting| setting.name == spelled) {
        Some(setting) => (setting.flag_name(), setting.kind == Kind::Switch),
        None => (name.replace('_', "-"), false),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    const FILE: &str = r#"
[run]
model = "m"
data = "rows.csv"
num_train_epochs = 2
lora_r = 4
method = "lora"
use_dora = false
label-column = ["a", "b"]
dedupe = true

[space]
learning_rate = { log_uniform = [1e-5, 1e-3] }

[search]
way = "random"
count = 3
"#;

    fn file(text: &str) -> anyhow::Result<SweepFile> {
        SweepFile::of(&toml::from_str::<Value>(text).expect("TOML"))
    }

    #[test]
    fn a_file_is_a_command_line_and_a_plan() {
        let found = file(FILE).expect("a good file");
        for typed in ["--epochs=2", "--lora-rank=4", "--use-dora=false", "--dedupe", "--label-column=b", "--model=m"] {
            assert!(found.line.iter().any(|flag| flag == typed), "{typed}: {:?}", found.line);
        }
        let args = found.args(Path::new("out")).expect("it parses");
        assert_eq!((args.model.as_deref(), args.output.as_path()), (Some("m"), Path::new("out")));
        assert_eq!(found.plan.trials().expect("three").len(), 3);
        let as_json: Value = toml::from_str(FILE).expect("TOML");
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("s.json"), as_json.to_string()).expect("writes");
        let again = SweepFile::read(&dir.path().join("s.json")).expect("the same as JSON");
        assert_eq!(again.plan, found.plan);
    }

    #[test]
    fn what_can_not_be_is_said() {
        let error = |text: &str| file(text).err().expect("it is wrong").to_string();
        let text = error("[run]\nresume = true\nseed = 3\nmodel = {}\n[spaces]\n[search]\nfolds = 1\n");
        for part in ["spaces: is not one of", "[run] resume: a sweep goes on", "[run] seed: list", "folds: is not"] {
            assert!(text.contains(part), "{text}");
        }
        let found = file("[run]\nmodel = 'm'\nepoch = 3\n").expect("only clap knows the flags");
        let error = found.args(Path::new("out")).map(drop).expect_err("there is no such flag").to_string();
        assert!(error.starts_with("[run]: unexpected argument '--epoch'"), "{error}");
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("s.toml"), "[run\n").expect("writes");
        let error = SweepFile::read(&dir.path().join("s.toml")).err().expect("no TOML").to_string();
        assert!(error.starts_with("the sweep file can't be read: ") && error.ends_with("s.toml"), "{error}");
    }
}
