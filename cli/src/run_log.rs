//! The log of a run on disk: `run_log.jsonl` beside the model, for `hone report`, without texts of rows, for the folder of a model
//! is given away; and, where `--log-dir` names a folder, all of it there with event files for TensorBoard.
//!
//! Each line and each record goes out at once: what is there when a process is killed can be read.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf, absolute};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use hone_core::event::{Split, TrainEvent};
use hone_core::report::{
    Beginning, Examined, LogEntry, LogLine, MeasuredSplit, RUN_LOG_FILE, event_records, restart_record, version_record,
};
use hone_core::session::protocol::Weights;
use hone_core::task::{Evaluation, RowPredictions, worst_rows};

use crate::failure::io_error;
use crate::output::{make_dir, names_in};

/// How the names of event files begin.
const EVENTS: &str = "events.out.tfevents.";

/// Where a run is logged.
#[derive(Debug)]
pub(crate) struct RunLog {
    /// `run_log.jsonl` beside the model.
    bare: (PathBuf, File),
    /// The same with texts of rows.
    whole: Option<(PathBuf, File)>,
    board: Option<(PathBuf, File)>,
}

/// Refuses a folder for the log that is part of the output folder, which is replaced whole, or that has the log of another run.
///
/// # Errors
/// Says what to do.
pub(crate) fn check(log_dir: Option<&Path>, output: &Path, is_resumed: bool, force: bool) -> anyhow::Result<()> {
    let Some(dir) = log_dir else { return Ok(()) };
    if dir.as_os_str().is_empty() {
        bail!("--log-dir is empty: name a folder");
    }
    if dir.exists() && !dir.is_dir() {
        bail!("--log-dir is a file, not a folder: {}", dir.display());
    }
    if let (Ok(whole), Ok(output)) = (absolute(dir), absolute(output))
        && whole.starts_with(output)
    {
        bail!("--log-dir is in the output folder, which is replaced whole: name another: {}", dir.display());
    }
    if dir.exists() && !is_resumed && !force && names_in(dir)?.iter().any(|name| is_log(name)) {
        bail!(
            "--log-dir has the log of another run: name another folder, or replace that log with --force: {}",
            dir.display()
        );
    }
    Ok(())
}

fn is_log(name: &str) -> bool {
    name == RUN_LOG_FILE || name.starts_with(EVENTS)
}

impl RunLog {
    /// A log that begins; of a run that goes on it is added to, with an event file of its own, and `step` is where it goes on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn open(output: &Path, log_dir: Option<&Path>, resumed_at: Option<u32>) -> anyhow::Result<Self> {
        let is_resumed = resumed_at.is_some();
        let Some(dir) = log_dir else {
            return Ok(Self { bare: open_lines(output, is_resumed)?, whole: None, board: None });
        };
        make_dir(dir)?;
        if !is_resumed {
            for name in names_in(dir)?.into_iter().filter(|name| is_log(name)) {
                let path = dir.join(name);
                fs::remove_file(&path).map_err(|e| io_error("remove the log of another run", &e, &path))?;
            }
        }
        let whole = Some(open_lines(dir, is_resumed)?);
        let now = now();
        let path = dir.join(format!("{EVENTS}{}.hone.{}", now as u64, std::process::id()));
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|e| io_error("write the event file", &e, &path))?;
        // The output folder comes last: a run that is refused for its --log-dir leaves nothing there.
        let bare = open_lines(output, is_resumed)?;
        let mut log = Self { bare, whole, board: Some((path, file)) };
        // The steps since its checkpoint come again.
        let restart = resumed_at.map(|step| restart_record(now, step + 1)).unwrap_or_default();
        log.put_records(&[version_record(now), restart].concat()).context("the run can't be logged")?;
        Ok(log)
    }

    /// What the run begins with.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn begin(&mut self, elapsed_secs: f64, step: u32, beginning: Beginning) -> anyhow::Result<()> {
        self.put_line(LogLine { time: None, elapsed_secs, step, entry: LogEntry::Began(Box::new(beginning)) })
    }

    /// An event of the run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn note(&mut self, elapsed_secs: f64, event: &TrainEvent) -> anyhow::Result<()> {
        LogLine::of_event(elapsed_secs, event).map_or(Ok(()), |line| self.put_line(line))
    }

    /// A measurement after the run; of the model before training it is no curve of this run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn note_measured(
        &mut self,
        (elapsed_secs, step): (f64, u32),
        (weights, split): (Weights, Split),
        evaluation: &Evaluation,
        rows: &RowPredictions,
    ) -> anyhow::Result<()> {
        let (before_training, worst) = (weights == Weights::Base, worst_rows(evaluation, rows));
        let measured = MeasuredSplit { before_training, split, evaluation: evaluation.clone(), worst, writing: None };
        let entry = LogEntry::Measured(Box::new(measured));
        self.put_line(LogLine { time: None, elapsed_secs, step, entry })
    }

    /// What was looked at besides the figures.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn note_examined(&mut self, elapsed_secs: f64, step: u32, examined: Examined) -> anyhow::Result<()> {
        self.put_line(LogLine { time: None, elapsed_secs, step, entry: LogEntry::Examined(Box::new(examined)) })
    }

    /// A line of both logs, and its numbers as records.
    fn put_line(&mut self, line: LogLine) -> anyhow::Result<()> {
        let time = now();
        let whole = LogLine { time: Some(time), ..line };
        let bare = whole.without_texts();
        let sinks = [(Some(&mut self.bare), bare.as_ref()), (self.whole.as_mut(), Some(&whole))];
        for ((path, file), line) in sinks.into_iter().filter_map(|(sink, line)| sink.zip(line)) {
            file.write_all(line.to_json_line().as_bytes()).map_err(|e| io_error("write the log", &e, path))?;
        }
        self.put_records(&event_records(time, &whole))
    }

    fn put_records(&mut self, records: &[u8]) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.board else { return Ok(()) };
        file.write_all(records).map_err(|e| io_error("write the event file", &e, path))
    }
}

/// The lines of a run that goes on are added to, but for a last one that was cut off.
fn open_lines(dir: &Path, is_resumed: bool) -> anyhow::Result<(PathBuf, File)> {
    make_dir(dir)?;
    let path = dir.join(RUN_LOG_FILE);
    let failed = |e: std::io::Error| io_error("write the log", &e, &path);
    let is_cut = is_resumed && fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|&last| last != b'\n'));
    let mut file = if is_resumed {
        File::options().create(true).append(true).open(&path).map_err(failed)?
    } else {
        File::create(&path).map_err(failed)?
    };
    if is_cut {
        file.write_all(b"\n").map_err(failed)?;
    }
    Ok((path, file))
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use hone_core::report::read_log;

    use super::*;

    fn step(step: u32) -> TrainEvent {
        let (losses, learning_rate, grad_norm) = (vec![0.5], 1e-3, 1.0);
        TrainEvent::Step { step, epoch: 0.1, loss: 0.5, losses, learning_rate, grad_norm, rows: 8, tokens: 80 }
    }

    #[test]
    fn a_run_that_goes_on_adds_to_its_log() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (output, logs) = (home.path().join("out"), home.path().join("logs"));
        let mut log = RunLog::open(&output, Some(&logs), None).expect("opens");
        log.note(1.0, &step(1)).expect("writes");
        log.note(1.1, &TrainEvent::Progress { step: 1, rows: 1, tokens: 1 }).expect("nothing to write");
        fs::write(output.join(RUN_LOG_FILE), "{\"cut off").expect("as if it was killed");
        let mut log = RunLog::open(&output, Some(&logs), Some(1)).expect("opens again");
        log.note(2.0, &step(2)).expect("writes");
        let read = |dir: &Path| read_log(&fs::read(dir.join(RUN_LOG_FILE)).expect("is there"));
        let (lines, num_unread) = read(&output);
        assert_eq!((lines.len(), lines[0].step, num_unread), (1, 2, 1));
        let (lines, _) = read(&logs);
        assert_eq!(lines.iter().map(|line| line.step).collect::<Vec<_>>(), [1, 2]);
        assert!(lines[0].time.is_some_and(|time| time > 1.6e9));
        assert!(names_in(&logs).expect("reads").iter().any(|name| name.starts_with(EVENTS)));
        RunLog::open(&output, Some(&logs), None).expect("a new run begins anew");
        assert!(read(&logs).0.is_empty());
    }

    #[test]
    fn a_folder_that_cant_be_made_leaves_nothing_in_the_output_folder() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (output, file) = (home.path().join("out"), home.path().join("file"));
        fs::write(&file, "").expect("writes");
        RunLog::open(&output, Some(&file.join("logs")), None).expect_err("a file has no folders");
        assert!(!output.exists());
    }

    #[test]
    fn a_folder_with_another_log_is_refused() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (output, logs) = (home.path().join("out"), home.path().join("logs"));
        let refused = |dir: &Path, is_resumed, force| check(Some(dir), &output, is_resumed, force).err();
        assert!(refused(&logs, false, false).is_none(), "it is not there");
        fs::create_dir(&logs).expect("makes");
        fs::write(logs.join(RUN_LOG_FILE), "").expect("writes");
        assert!(refused(&logs, false, false).is_some_and(|error| error.to_string().contains("--force")));
        assert!(refused(&logs, true, false).is_none() && refused(&logs, false, true).is_none());
        let within = refused(&output.join("logs"), false, true).expect("it would be replaced");
        assert!(within.to_string().contains("in the output folder"), "{within}");
        let file = refused(&logs.join(RUN_LOG_FILE), true, true).expect("nothing can be written into it");
        assert!(file.to_string().starts_with("--log-dir is a file, not a folder: "), "{file}");
    }
}
