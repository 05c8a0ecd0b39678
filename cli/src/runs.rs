//! `hone runs DIR`: the runs whose output folders lie in a folder, each with its state and its figures; or those of a project file.
//!
//! A run is known by what `hone train` leaves: a checkpoint while it is not over, the lock while it goes on, and then the
//! job (`hone.json`) and the figures (`all_results.json`) beside the model. They are only read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hone_core::checkpoint::{RESULTS_FILE, STATE_FILE, TrainState, read_state};
use hone_core::config::{JOB_FILE, Job, setting};
use hone_core::folder::Folder;
use hone_core::project::SAVED_FILE;
use hone_core::session::protocol::RunSummary;
use hone_core::words::plural;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::args::{RunsArgs, task_name};
use crate::checkpoint_dir;
use crate::lock::{self, LOCK};
use crate::output::{names_in, read_file};
use crate::project;
use crate::sweep::sweep_of;

/// Splits of figures: how their names begin in `all_results.json`, and what a person reads.
const SPLITS: [(&str, &str); 2] = [("eval_", "validation"), ("test_", "test")];
/// A number of `all_results.json` that is no figure: the rows of a split.
const SAMPLES: &str = "samples";

/// How far a run is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Finished,
    /// Over, because the loss was no number any more.
    Diverged,
    /// Broken off; `--resume` goes on with it.
    Unfinished,
    /// Of a project file: begun on the page and never saved, or without a checkpoint; it can only be started anew.
    NoCheckpoint,
    /// A process writes into the folder now.
    Running,
    /// What there is can't be read.
    Unreadable(String),
}

/// A run, as its folder tells of it.
#[derive(Debug)]
struct Run {
    path: PathBuf,
    state: State,
    job: Option<Job>,
    /// As in `all_results.json`; of a run that is not over the figures of the best measurement.
    results: Map<String, Value>,
    /// When the file was written that says so; of a run of a project file when it was saved, else when it began.
    changed: Option<SystemTime>,
    /// The project file that it lies in, where its path is its number there.
    in_project: Option<PathBuf>,
    /// What the person wrote about it on the page.
    note: String,
}

/// What a project file says of a run beside how far it came.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SavedRun {
    /// Milliseconds since 1970.
    saved_ms: Option<f64>,
    summary: RunSummary,
}

/// Runs `hone runs`.
///
/// # Errors
/// When the folder can't be listed or standard output can't be written.
pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<ExitCode> {
    let (runs, num_others) = if args.dir.is_file() { (in_project(&args.dir)?, 0) } else { find(&args.dir)? };
    let mut out = io::stdout().lock();
    if args.json {
        let runs: Vec<Value> = runs.iter().map(Run::to_json).collect();
        let value = json!({ "runs": runs, "passed_over": num_others });
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
    } else {
        write!(out, "{}", table(&runs, SystemTime::now()))?;
        let others = match num_others {
            0 => String::new(),
            count => format!("; {} passed over, no run", plural(count, "other entry")),
        };
        writeln!(out, "{} in {}{others}", plural(runs.len(), "run"), args.dir.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The figures that a run left in its folder; `None` where there are none, or they can't be read.
pub(crate) fn read_results(output: &Path) -> Option<Map<String, Value>> {
    serde_json::from_slice(&fs::read(output.join(RESULTS_FILE)).ok()?).ok()
}

/// The step at which a run with these figures diverged, if it did.
pub(crate) fn diverged_at(results: &Map<String, Value>) -> Option<u64> {
    results.get("diverged_at_step").and_then(Value::as_u64)
}

/// The command that goes on with the run in an output folder.
pub(crate) fn command_of(dir: &Path) -> String {
    match sweep_of(dir) {
        Some(sweep) => format!("hone sweep FILE --output {}", quoted(sweep)),
        None => format!("hone train --resume --output {}", quoted(dir)),
    }
}

/// A path as it is typed.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(char::is_whitespace) { format!("\"{path}\"") } else { path }
}

/// The run in `dir`, else those in the folders of `dir`, by name; and how many entries are none.
fn find(dir: &Path) -> anyhow::Result<(Vec<Run>, usize)> {
    let names = names_in(dir)?;
    if let Some(run) = Run::read(dir) {
        return Ok((vec![run], 0));
    }
    let num_entries = names.len();
    let runs: Vec<Run> = names.iter().filter_map(|name| Run::read(&dir.join(name))).collect();
    let num_others = num_entries - runs.len();
    Ok((runs, num_others))
}

/// The runs of a project file, each by its number.
fn in_project(path: &Path) -> anyhow::Result<Vec<Run>> {
    let mut file = project::open(path)?;
    let runs = file.runs().to_vec();
    let mut found = Vec::with_capacity(runs.len());
    for (index, run) in runs.iter().enumerate() {
        let mut results = Map::new();
        let mut changed = run.about.began_ms.and_then(time_of);
        if let (Some(saved), Some(packed)) = (run.saved, run.files.iter().find(|file| file.name == SAVED_FILE)) {
            let (_, json) = file.read(packed)?;
            let said: SavedRun = serde_json::from_slice(&json).unwrap_or_default();
            results.insert("global_step".into(), json!(saved.step));
            results.insert("max_steps".into(), json!(saved.total_steps));
            let figures = said.summary.figures.iter();
            results.extend(figures.map(|figure| (format!("eval_{}", figure.name), json!(figure.value))));
            changed = said.saved_ms.and_then(time_of).or(changed);
        }
        let state = match run.saved {
            Some(saved) if saved.is_finished => State::Finished,
            Some(_) if project::checkpoint_files(run).next().is_some() => State::Unfinished,
            _ => State::NoCheckpoint,
        };
        let number = PathBuf::from(project::number_of(&runs, index).to_string());
        let (job, in_project) = (Some(run.about.job.clone()), Some(path.to_owned()));
        let note = run.about.note.clone();
        found.push(Run { path: number, state, job, results, changed, in_project, note });
    }
    Ok(found)
}

/// A time in milliseconds since 1970; `None` of a number that is none.
fn time_of(ms: f64) -> Option<SystemTime> {
    (0.0..1e15).contains(&ms).then(|| UNIX_EPOCH + Duration::from_millis(ms as u64))
}

impl Run {
    /// The run whose output folder is `dir`; `None` where it is the folder of none.
    fn read(dir: &Path) -> Option<Self> {
        let checkpoint = checkpoint_dir::find(dir);
        let has_job = dir.join(JOB_FILE).is_file();
        let is_running = dir.is_dir() && lock::check_free(dir).is_err();
        let said_by = match &checkpoint {
            Some(checkpoint) => checkpoint.join(checkpoint_dir::INPUTS),
            None if has_job && !is_running => dir.join(JOB_FILE),
            None if is_running => dir.join(LOCK),
            None => return None,
        };
        let changed = fs::metadata(said_by).and_then(|found| found.modified()).ok();
        let (path, state, results) = (dir.to_owned(), State::Finished, Map::new());
        let mut run = Self { path, state, job: None, results, changed, in_project: None, note: String::new() };
        let read = match checkpoint {
            Some(checkpoint) => run.read_checkpoint(&checkpoint),
            None if is_running => Ok(()), // it has not come to its first checkpoint
            None => run.read_finished(),
        };
        match read {
            Err(error) => run.state = State::Unreadable(format!("{error:#}")),
            Ok(()) if is_running => run.state = State::Running,
            Ok(()) => {}
        }
        Some(run)
    }

    fn read_checkpoint(&mut self, checkpoint: &Path) -> anyhow::Result<()> {
        self.state = State::Unfinished;
        let mut folder = Folder::new();
        folder.insert(STATE_FILE, read_file("read the checkpoint", &checkpoint.join(STATE_FILE))?);
        let TrainState { job, step, best, .. } = read_state(&folder)?;
        let total_steps = checkpoint_dir::steps_of(checkpoint).and_then(|(_, total_steps)| total_steps);
        self.results.insert("global_step".into(), json!(step));
        self.results.insert("max_steps".into(), json!(total_steps));
        if let Some((_, weights_of_step, evaluation)) = best {
            self.results.insert("weights_of_step".into(), json!(weights_of_step));
            let figures = evaluation.figures.iter();
            self.results.extend(figures.map(|figure| (format!("eval_{}", figure.name), json!(figure.value))));
        }
        self.job = Some(job);
        Ok(())
    }

    fn read_finished(&mut self) -> anyhow::Result<()> {
        self.job = Some(Job::from_json(&read_file("read the job file", &self.path.join(JOB_FILE))?)?);
        self.results = read_results(&self.path).unwrap_or_default();
        if diverged_at(&self.results).is_some() {
            self.state = State::Diverged;
        }
        Ok(())
    }

    /// The figure that chooses the best weights, else the first that was measured, with the name of its split: of the
    /// validation rows, else of the test rows.
    fn key_figure(&self) -> Option<(&str, &str, f64)> {
        let metric = self.job.as_ref().map_or("loss", |job| job.run.metric_for_best_model.as_str());
        let of = |wanted: Option<&str>| {
            SPLITS.into_iter().find_map(|(prefix, split)| {
                self.results.iter().find_map(|(name, value)| {
                    let name = name.strip_prefix(prefix).filter(|name| *name != SAMPLES)?;
                    let is_wanted = wanted.is_none_or(|wanted| wanted == name);
                    is_wanted.then_some((split, name, value.as_f64()?))
                })
            })
        };
        of(Some(metric)).or_else(|| of(None))
    }

    /// What is learned; of several tasks each with its name.
    fn task(&self) -> String {
        let Some(job) = &self.job else { return String::new() };
        if job.parts.is_empty() {
            return job.task.map_or_else(String::new, task_name);
        }
        let parts = job.parts.iter().map(|part| format!("{} ({})", part.name, task_name(part.task)));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn model(&self) -> &str {
        self.job.as_ref().map_or("", |job| job.model.name())
    }

    /// As it is typed.
    fn method(&self) -> String {
        let text = |job: &Job| setting("method").map(|method| (method.get)(&job.run));
        self.job.as_ref().and_then(text).unwrap_or_default()
    }

    /// The command that goes on with it, of one that was broken off.
    fn resume(&self) -> Option<String> {
        (self.state == State::Unfinished).then(|| self.command())
    }

    /// The command that goes on with it, or starts it anew where there is nothing to go on from.
    fn command(&self) -> String {
        let number = self.path.display();
        match &self.in_project {
            Some(file) => format!("hone train --project {} --project-run {number} --output DIR", quoted(file)),
            None => command_of(&self.path),
        }
    }

    /// What stands below its line.
    fn lines_below(&self) -> String {
        let mut lines = String::new();
        if !self.note.trim().is_empty() {
            let words: Vec<&str> = self.note.split_whitespace().collect(); // on one line
            let plain: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
            lines.push_str(&format!("  note: {plain}\n"));
        }
        match self.state {
            State::Unfinished => lines.push_str(&format!("  to go on: {}\n", self.command())),
            State::NoCheckpoint => lines.push_str(&format!("  to start it anew: {}\n", self.command())),
            _ => {}
        }
        lines
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.results.get(name).and_then(Value::as_u64)
    }

    /// The state in words, with the steps where they are known.
    fn state_text(&self) -> String {
        let (step, total) = (self.number("global_step"), self.number("max_steps"));
        let of_total = total.map_or_else(String::new, |total| format!(" of {total}"));
        let at = step.map_or_else(String::new, |step| format!(" at step {step}{of_total}"));
        match &self.state {
            State::Finished => format!("finished{at}"),
            State::Diverged => match (diverged_at(&self.results), self.number("weights_of_step")) {
                (Some(step), Some(best)) => format!("diverged at step {step}{of_total}, weights of step {best}"),
                _ => "diverged".to_owned(),
            },
            State::Unfinished => format!("unfinished{at}"),
            State::NoCheckpoint if step.is_some() => format!("broken off{at}, no checkpoint"),
            State::NoCheckpoint => "never saved".to_owned(),
            State::Running if step.is_some() => format!("running, checkpoint{at}"),
            State::Running => "running, no checkpoint yet".to_owned(),
            State::Unreadable(reason) => format!("can't be read: {reason}"),
        }
    }

    fn to_json(&self) -> Value {
        let state = match &self.state {
            State::Finished => "finished",
            State::Diverged => "diverged",
            State::Unfinished => "unfinished",
            State::NoCheckpoint => "no_checkpoint",
            State::Running => "running",
            State::Unreadable(_) => "unreadable",
        };
        let reason = if let State::Unreadable(reason) = &self.state { Some(reason) } else { None };
        let parts = self.job.iter().flat_map(|job| &job.parts);
        let parts: Map<String, Value> = parts.map(|part| (part.name.clone(), json!(part.task))).collect();
        let figure = self.key_figure();
        let figure = figure.map(|(split, name, value)| json!({ "split": split, "name": name, "value": value }));
        let since_epoch = self.changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        json!({
            "path": self.path.display().to_string(),
            "state": state,
            "reason": reason,
            "resume": self.resume(),
            "task": self.job.as_ref().and_then(|job| job.task),
            "parts": parts,
            "model": self.job.as_ref().map(|_| self.model()),
            "method": self.job.as_ref().map(|_| self.method()),
            "figure": figure,
            "results": self.results,
            "note": (!self.note.is_empty()).then_some(&self.note),
            "changed_unix_secs": since_epoch.map(|passed| passed.as_secs()),
        })
    }
}

/// A line for each run, and one below for what can be done with it.
fn table(runs: &[Run], now: SystemTime) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let mut lines = vec![["name", "state", "task", "model", "method", "figure", "when"].map(str::to_owned)];
    for run in runs {
        let name = run.path.file_name().unwrap_or(run.path.as_os_str()).to_string_lossy().into_owned();
        let shown = |(split, name, value): (&str, &str, f64)| format!("{split} {} {value:.4}", name.replace('_', " "));
        let figure = run.key_figure().map(shown);
        let passed = run.changed.map(|changed| now.duration_since(changed).unwrap_or_default().as_secs());
        let when = passed.map_or_else(String::new, ago);
        let (model, figure) = (run.model().to_owned(), figure.unwrap_or_default());
        lines.push([name, run.state_text(), run.task(), model, run.method(), figure, when]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| {
            let cell = if cell.is_empty() { "-" } else { cell.as_str() };
            format!("{cell:<width$}")
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        if let Some(run) = index.checked_sub(1).map(|index| &runs[index]) {
            text.push_str(&run.lines_below());
        }
    }
    text
}

/// How long ago so many seconds are.
fn ago(secs: u64) -> String {
    let (count, noun) = match secs {
        0..60 => return "just now".to_owned(),
        60..3_600 => (secs / 60, "minute"),
        3_600..86_400 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    format!("{} ago", plural(usize::try_from(count).unwrap_or(usize::MAX), noun))
}

#[cfg(test)]
mod tests {
    use hone_core::config::{ModelSource, ReadOptions, RunConfig};
    use hone_core::task::Task;

    use super::*;

    fn job(metric: &str) -> Job {
        let run = RunConfig { metric_for_best_model: metric.into(), ..RunConfig::default() };
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
        Job { task: Some(Task::SequenceClassification), ..job }
    }

    /// A folder with a finished run of these figures.
    fn finished(dir: &Path, metric: &str, results: &Value) -> Run {
        fs::write(dir.join(JOB_FILE), job(metric).to_json()).expect("writes");
        fs::write(dir.join(RESULTS_FILE), results.to_string()).expect("writes");
        Run::read(dir).expect("it is a run")
    }

    #[test]
    fn the_figure_that_chose_the_weights_is_shown_of_the_rows_that_chose() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let results = json!({ "train_samples": 9, "eval_samples": 5, "eval_loss": 0.5, "eval_macro_f1": 0.75,
            "test_macro_f1": 0.25, "test_mcc": 0.125 });
        let figure = |metric: &str, results: &Value| {
            let run = finished(dir.path(), metric, results);
            run.key_figure().map(|(split, name, value)| (split.to_owned(), name.to_owned(), value))
        };
        let is = |split: &str, name: &str, value: f64| Some((split.to_owned(), name.to_owned(), value));
        assert_eq!(figure("macro_f1", &results), is("validation", "macro_f1", 0.75));
        assert_eq!(figure("mcc", &results), is("test", "mcc", 0.125), "the validation rows have none");
        assert_eq!(figure("absent", &results), is("validation", "loss", 0.5), "the first that was measured");
        assert_eq!(figure("loss", &json!({ "eval_loss": null, "test_samples": 5 })), None, "no number");
    }

    #[test]
    fn a_folder_is_finished_diverged_unreadable_or_none() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert!(Run::read(dir.path()).is_none());
        assert!(Run::read(&dir.path().join("nowhere")).is_none());
        let run = finished(dir.path(), "loss", &json!({ "global_step": 60, "max_steps": 60 }));
        assert_eq!((&run.state, run.state_text().as_str()), (&State::Finished, "finished at step 60 of 60"));
        let results = json!({ "max_steps": 60, "weights_of_step": 20, "diverged_at_step": 21 });
        let run = finished(dir.path(), "loss", &results);
        assert_eq!(run.state, State::Diverged);
        assert_eq!(run.state_text(), "diverged at step 21 of 60, weights of step 20");
        let held = lock::Lock::take(dir.path()).expect("it is free");
        assert_eq!(Run::read(dir.path()).map(|run| run.state), Some(State::Running));
        drop(held);
        fs::write(dir.path().join(JOB_FILE), "{").expect("writes");
        let run = Run::read(dir.path()).expect("it was one");
        assert!(run.state_text().starts_with("can't be read: job file: "), "{}", run.state_text());
        assert_eq!(run.resume(), None);
    }

    #[test]
    fn the_table_has_a_line_for_each_run_and_says_how_to_go_on() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let results = Map::from_iter([
            ("global_step".to_owned(), json!(20)),
            ("max_steps".to_owned(), json!(60)),
            ("eval_loss".to_owned(), json!(0.5)),
        ]);
        let before = |secs| Some(now - Duration::from_secs(secs));
        let (job, state) = (Some(job("loss")), State::Unfinished);
        let (changed, in_project, note) = (before(180), None, String::new());
        let unfinished = Run { path: "out/a b".into(), state, job, results, changed, in_project, note };
        let (job, state, results, changed, note) = (None, State::Running, Map::new(), before(7_200), String::new());
        let running = Run { path: "out/c".into(), state, job, results, changed, in_project: None, note };
        let expected = "\
name  state                        task                     model  method  figure                  when
a b   unfinished at step 20 of 60  sequence-classification  a/b    full    validation loss 0.5000  3 minutes ago
  to go on: hone train --resume --output \"out/a b\"
c     running, no checkpoint yet   -                        -      -       -                       2 hours ago
";
        assert_eq!(table(&[unfinished, running], now), expected);
        assert_eq!(table(&[], now), "");
        let (path, state, in_project) = ("4".into(), State::Unfinished, Some("two.hone".into()));
        let note = "best so\nfar\u{1b}[2J".to_owned();
        let packed = Run { path, state, job: None, results: Map::new(), changed: None, in_project, note };
        let command = "hone train --project two.hone --project-run 4 --output DIR";
        assert_eq!(packed.resume().as_deref(), Some(command));
        assert_eq!(packed.lines_below(), format!("  note: best so far[2J\n  to go on: {command}\n"));
        let unsaved = Run { state: State::NoCheckpoint, ..packed };
        assert_eq!((unsaved.resume(), unsaved.state_text().as_str()), (None, "never saved"));
        assert!(
            unsaved.lines_below().ends_with(&format!("  to start it anew: {command}\n")),
            "{}",
            unsaved.lines_below()
        );
        assert_eq!(unsaved.to_json()["state"], "no_checkpoint");
        let of_a_clock_set_back = Run { changed: Some(now + Duration::from_secs(7_200)), ..unsaved };
        let shown = table(&[of_a_clock_set_back], now);
        assert!(shown.contains("  just now\n"), "{shown}");
        assert_eq!([time_of(-1.0), time_of(f64::NAN), time_of(1e16)], [None; 3]);
        assert_eq!(time_of(1_500.0), Some(UNIX_EPOCH + Duration::from_millis(1_500)));
        assert_eq!([ago(59), ago(60), ago(200_000)], ["just now", "1 minute ago", "2 days ago"]);
    }
}
