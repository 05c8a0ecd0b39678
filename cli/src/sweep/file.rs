//! The file of a sweep: `[run]` is a command line of `hone train`, `[space]` and `[search]` are those of core.
//!
//! In: TOML, or JSON with the same names. Out: the command line, parsed, and a checked plan; or all that is wrong, of TOML with the
//! lines where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{anyhow, bail};
use clap::Parser;
use hone_core::config::{ConfigProblem, Kind, SETTINGS};
use hone_core::file_text::text_of;
use hone_core::sweep::{Axis, PlanError, SweepPlan};
use serde_json::{Map, Value};
use toml::de::DeTable;

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

/// The tables of a file.
const TABLES: [&str; 3] = ["run", "space", "search"];

/// What a file of a sweep says.
pub(super) struct SweepFile {
    /// `[run]`, as it would be typed after `hone train`.
    pub(super) line: Vec<String>,
    pub(super) plan: SweepPlan,
    /// Names in `[run]`, as they were typed.
    names: Vec<String>,
    lines: Lines,
}

/// The line of each table and of each name in one (of a table itself the name is empty); of JSON none is known.
#[derive(Debug, Default)]
struct Lines(BTreeMap<(String, String), usize>);

impl Lines {
    fn of_toml(text: &str) -> Self {
        let Ok(root) = DeTable::parse(text) else { return Self::default() };
        let line = |start: usize| text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
        let mut lines = BTreeMap::new();
        for (table, value) in root.get_ref().iter() {
            let name = table.get_ref().clone().into_owned();
            for (key, _) in value.get_ref().as_table().into_iter().flat_map(|table| table.iter()) {
                lines.insert((name.clone(), key.get_ref().clone().into_owned()), line(key.span().start));
            }
            lines.insert((name, String::new()), line(table.span().start));
        }
        Self(lines)
    }

    /// The line of a name, else of its table.
    fn find(&self, table: &str, name: &str) -> Option<usize> {
        let of = |name: &str| self.0.get(&(table.to_owned(), name.to_owned())).copied();
        of(name).or_else(|| of(""))
    }

    /// Words before what is said of a name: its line, where that is known, and its table.
    fn place(&self, table: &str, name: &str) -> String {
        let line = self.find(table, name).map_or_else(String::new, |line| format!("line {line}: "));
        if name.is_empty() { format!("{line}[{table}]") } else { format!("{line}[{table}] {name}") }
    }

    /// A problem of `[space]` or `[search]`, whose field is a name in one of them or one of both.
    fn locate(&self, problem: &ConfigProblem, space: Option<&Value>) -> String {
        let ConfigProblem { field, message } = problem;
        let place = match field.as_str() {
            table if TABLES.contains(&table) => self.place(table, ""),
            name => {
                let is_of_space = space.is_some_and(|space| space.get(name).is_some());
                self.place(if is_of_space { "space" } else { "search" }, name)
            }
        };
        format!("{place}: {message}")
    }
}

impl SweepFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read, or what is wrong with it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = read_file("read the sweep file", path)?;
        let text = text_of(&bytes).map_err(|error| anyhow!("the sweep file is {error}: {}", path.display()))?;
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let value = match is_json {
            true => serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()),
            false => toml::from_str::<Value>(&text).map_err(|error| error.to_string()),
        };
        let lines = if is_json { Lines::default() } else { Lines::of_toml(&text) };
        match value {
            Ok(value) => Self::of(&value, lines),
            Err(error) => bail!("the sweep file can't be read: {}: {}", error.trim_end(), path.display()),
        }
    }

    fn of(value: &Value, lines: Lines) -> anyhow::Result<Self> {
        let mut problems = Vec::new();
        let empty = Map::new();
        let fields = value.as_object().unwrap_or_else(|| {
            problems.push("it is no object with run, space and search".to_owned());
            &empty
        });
        for name in fields.keys().filter(|name| !TABLES.contains(&name.as_str())) {
            let line = lines.find(name, "").map_or_else(String::new, |line| format!("line {line}: "));
            problems.push(format!("{line}{name}: is not one of [run], [space], [search]"));
        }
        let run = match value.get("run") {
            Some(Value::Object(run)) => run,
            None => &empty,
            Some(_) => {
                problems.push(format!("{}: is not a table of flags of hone train", lines.place("run", "")));
                &empty
            }
        };
        let line = command_line(run, &lines, &mut problems);
        match SweepPlan::read(value.get("space"), value.get("search")) {
            Ok(plan) => {
                if plan.space.is_empty() && plan.search.folds.is_none() && plan.search.seeds.is_empty() {
                    let nothing = "has nothing to try: list values of a setting, or folds or seeds in [search]";
                    problems.push(format!("{}: {nothing}", lines.place("space", "")));
                }
                match problems.is_empty() {
                    true => Ok(Self { line, plan, names: run.keys().cloned().collect(), lines }),
                    false => Err(Usage(problems).into()),
                }
            }
            Err(PlanError(found)) => {
                problems.extend(found.iter().map(|problem| lines.locate(problem, value.get("space"))));
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
                // clap names the flag in quotes, perhaps with its value behind it.
                let named = what.split("'--").nth(1).and_then(|rest| rest.split(['\'', '=', ' ']).next());
                let name = named.and_then(|flag| self.name_of(flag)).unwrap_or_default();
                Err(Usage(vec![format!("{}: {what}", self.place("run", name))]).into())
            }
        }
    }

    /// Words before what is said of a name in a table, or of a table, whose name is empty.
    pub(super) fn place(&self, table: &str, name: &str) -> String {
        self.lines.place(table, name)
    }

    /// A problem of a flag, under the name that the flag has in `[run]`, if it is one of those.
    pub(super) fn locate(&self, problem: String) -> String {
        let named = problem.strip_prefix("--").and_then(|rest| rest.split_once(": "));
        match named.and_then(|(flag, message)| Some((self.name_of(flag)?, message))) {
            Some((name, message)) => format!("{}: {message}", self.place("run", name)),
            None => problem,
        }
    }

    /// The same of all problems of flags in an error.
    pub(super) fn locate_all(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Usage>() {
            Ok(Usage(problems)) => Usage(problems.into_iter().map(|problem| self.locate(problem)).collect()).into(),
            Err(error) => error,
        }
    }

    /// The name in `[run]` that stands for a flag.
    fn name_of(&self, flag: &str) -> Option<&str> {
        self.names.iter().find(|name| flag_of(name).0 == flag).map(String::as_str)
    }

    /// What tells `[run]`, `[space]` and `[search]` from those that a sweep began with.
    pub(super) fn find_change(&self, line: &[String], plan: &SweepPlan) -> Option<String> {
        if line != self.line {
            let [here, there] = [(&*self.line, line), (line, &*self.line)].map(|(own, others)| {
                own.iter().filter(|flag| !others.contains(flag)).map(String::as_str).collect::<Vec<_>>()
            });
            let flag = here.first().map(|flag| flag.trim_start_matches("--"));
            let name = flag.and_then(|flag| self.name_of(flag.split('=').next()?)).unwrap_or_default();
            let words = |flags: &[&str]| if flags.is_empty() { "nothing".to_owned() } else { flags.join(" ") };
            let place = self.place("run", name);
            return Some(match here.is_empty() && there.is_empty() {
                true => format!("{place} is another: its flags stand in another order"),
                false => format!("{place} is another: {} where it began with {}", words(&here), words(&there)),
            });
        }
        if plan.space != self.plan.space {
            let is_other = |axis: &&Axis| !plan.space.contains(axis);
            let name = self.plan.space.iter().find(is_other).map_or("", |axis| axis.setting.as_str());
            return Some(format!("{} is another", self.place("space", name)));
        }
        (plan.search != self.plan.search).then(|| format!("{} is another", self.place("search", "")))
    }
}

/// `[run]` as it would be typed.
fn command_line(run: &Map<String, Value>, lines: &Lines, problems: &mut Vec<String>) -> Vec<String> {
    let mut line = Vec::new();
    for (name, value) in run {
        let (flag, is_switch) = flag_of(name);
        let mut problem = |message: &str| problems.push(format!("{}: {message}", lines.place("run", name)));
        if let Some((_, why)) = NOT_IN_RUN.iter().find(|(name, _)| *name == flag) {
            problem(why);
            continue;
        }
        let values = match value {
            Value::Array(values) if values.is_empty() => {
                problem("is an empty list: list some values, or leave it out");
                continue;
            }
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
                other => problem(&format!("{} is no value of a flag", kind_of(other))),
            }
        }
    }
    line
}

/// What a value is that no flag takes.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Object(fields) if fields.keys().any(|name| name.starts_with("$__toml")) => "a date without quotes",
        Value::Object(_) => "a table",
        Value::Array(_) => "a list in a list",
        _ => "nan, inf or null",
    }
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
        SweepFile::of(&toml::from_str::<Value>(text).expect("TOML"), Lines::of_toml(text))
    }

    fn error(text: &str) -> String {
        file(text).err().expect("it is wrong").to_string()
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
    fn what_can_not_be_is_said_with_its_line() {
        let text = error(
            "[run]\nresume = true\nseed = 3\nmodel = {}\nlabel-column = []\nlog-dir = 2026-01-02\n[spaces]\n[space]\n\
             dropout = [0.1, 0.10]\n[search]\nfolds = 1\nway = \"best\"\n",
        );
        let parts = [
            "line 7: spaces: is not one of [run], [space], [search]",
            "line 2: [run] resume: a sweep goes on by itself",
            "line 3: [run] seed: list seeds",
            "line 4: [run] model: a table is no value",
            "line 5: [run] label-column: is an empty list",
            "line 6: [run] log-dir: a date without quotes is no value",
            "line 9: [space] dropout: lists ",
            "line 11: [search] folds: is not",
            "line 12: [search] way: \"best\" is not one of",
        ];
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(error("run = 3\n[space]\ndropout = [0.1]\n").contains("line 1: [run]: is not a table"));
        let text = error("[space]\nlearning-rat = [1]\n[search]\n\ncount = \"3\"\nseads = 3\n");
        for part in ["line 2: [space] learning-rat: there is no such", "line 5: [search] count: \"3\" is not a whole"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("line 6: [search] seads: is not one of way, count"), "{text}");
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("s.toml"), "[run\n").expect("writes");
        let error = SweepFile::read(&dir.path().join("s.toml")).err().expect("no TOML").to_string();
        assert!(error.starts_with("the sweep file can't be read: ") && error.ends_with("s.toml"), "{error}");
        assert!(error.contains("line 1"), "{error}");
        std::fs::write(dir.path().join("s.json"), "[]").expect("writes");
        let error = SweepFile::read(&dir.path().join("s.json")).err().expect("no object").to_string();
        assert!(error.contains("it is no object with run, space and search"), "{error}");
    }

    #[test]
    fn a_sweep_of_nothing_is_refused() {
        for nothing in ["", "[run]\nmodel = 'm'\n", "[space]\n", "[search]\nway = \"random\"\ncount = 3\n"] {
            let text = error(nothing);
            assert!(text.contains("[space]: has nothing to try: list values"), "{nothing}: {text}");
        }
        assert!(error("[search]\nseeds = []\n").contains("line 2: [search] seeds: has no seeds"));
        assert!(error("[space]\ndropout = []\n").contains("line 2: [space] dropout: has no values"));
        file("[search]\nseeds = [7]\n").expect("one run, of a seed that was chosen");
    }

    #[test]
    fn problems_of_flags_stand_under_their_names_in_the_file() {
        let found = file("[run]\nmodel = 'm'\nepoch = 3\n[space]\ndropout = [0.1]\n").expect("clap knows the flags");
        let error = found.args(Path::new("out")).map(drop).expect_err("there is no such flag").to_string();
        assert!(error.starts_with("line 3: [run] epoch: unexpected argument '--epoch'"), "{error}");
        let found =
            file("[run]\nnum_train_epochs = 0\n[space]\ndropout = [0.1]\n").expect("settings are checked later");
        let usage = Usage(vec!["--epochs: is 0".to_owned(), "--device: no such".to_owned(), "x".to_owned()]);
        let located = found.locate_all(usage.into()).to_string();
        let expected = "3 settings can't be used\n  line 2: [run] num_train_epochs: is 0\n  --device: no such\n  x";
        assert_eq!(located, expected);
        assert_eq!(found.locate_all(anyhow::anyhow!("x")).to_string(), "x");
    }

    #[test]
    fn what_was_changed_in_a_file_is_named() {
        let began = file(FILE).expect("a good file");
        let change = |from: &str, to: &str| {
            let now = file(&FILE.replace(from, to)).expect("a good file");
            now.find_change(&began.line, &began.plan)
        };
        assert_eq!(change("x", "x"), None);
        let said = "line 5: [run] num_train_epochs is another: --epochs=3 where it began with --epochs=2";
        assert_eq!(change("epochs = 2", "epochs = 3").as_deref(), Some(said));
        let said = "line 2: [run] is another: nothing where it began with --dedupe";
        assert_eq!(change("dedupe = true", "").as_deref(), Some(said));
        assert_eq!(change("1e-3", "1e-2").as_deref(), Some("line 13: [space] learning_rate is another"));
        assert_eq!(change("count = 3", "count = 4").as_deref(), Some("line 15: [search] is another"));
    }
}
