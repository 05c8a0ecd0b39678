//! `hone report DIR`: all that a run has to say as one page, from what `hone train` left in its output folder: the log
//! (`run_log.jsonl`), the job (`hone.json`) and the figures (`all_results.json`); or from a folder that `--log-dir` named, which has
//! the log alone, with texts of rows. They are only read. What other commands printed of the model is added (`added`).

mod added;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use hone_core::config::{JOB_FILE, Job};
use hone_core::report::{LogEntry, LogLine, RUN_LOG_FILE, RunReport, read_log};
use hone_core::words::plural;

use crate::args::ReportArgs;
use crate::lock;
use crate::output::{read_file, write_file};
use crate::progress::say;
use crate::result_file::check_file;
use crate::runs::read_results;

/// Where the page goes.
const REPORT_FILE: &str = "report.html";

/// Runs `hone report`.
///
/// # Errors
/// When the folder is that of no run, or the page can't be written.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let dir = &args.dir;
    let mut notes = Vec::new();
    if dir.is_dir() && lock::check_free(dir).is_err() {
        notes.push("The run still goes on: this is what it has said so far.".to_owned());
    }
    let mut lines = read_lines(dir, &mut notes)?;
    if lacks_texts(&lines) {
        let path = "hone train --log-dir DIR logs them, and hone report DIR shows them";
        notes.push(format!("The log beside a model, which may be given away, has no texts of rows: {path}."));
    }
    let job = find_job(dir, &lines)?;
    for path in &args.add {
        let (elapsed_secs, step) = lines.last().map_or((0.0, 0), |line| (line.elapsed_secs, line.step));
        let entries = added::read(path)?.into_iter().map(|one| LogEntry::Examined(Box::new(one)));
        lines.extend(entries.map(|entry| LogLine { time: None, elapsed_secs, step, entry }));
    }
    let results = read_results(dir);
    let made_secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let (version, results) = (env!("CARGO_PKG_VERSION"), results.as_ref());
    let report = RunReport { job: &job, lines: &lines, results, version, made_secs, notes: &notes };
    let path = args.output.clone().unwrap_or_else(|| dir.join(REPORT_FILE));
    check_file("--output", Some(&path), &[])?;
    write_file(report.to_html().as_bytes(), &path)?;
    notes.iter().for_each(|note| say(&format!("note: {note}")));
    say(&format!("the report is in {}", path.display()));
    Ok(ExitCode::SUCCESS)
}

/// The log; none of a run that left none, which is said.
fn read_lines(dir: &Path, notes: &mut Vec<String>) -> anyhow::Result<Vec<LogLine>> {
    let path = dir.join(RUN_LOG_FILE);
    if !path.is_file() {
        notes.push(format!("The run left no {RUN_LOG_FILE}: its curves, its rows and its mistakes are not known."));
        return Ok(Vec::new());
    }
    let (lines, num_unread) = read_log(&read_file("read the log", &path)?);
    if num_unread > 0 {
        let count = plural(num_unread, "line");
        notes.push(format!("{count} of {RUN_LOG_FILE} could not be read, and what was in them is missing here."));
    }
    Ok(lines)
}

/// Whether mistakes were logged without their texts.
fn lacks_texts(lines: &[LogLine]) -> bool {
    let measured = lines.iter().filter_map(|line| match &line.entry {
        LogEntry::Measured(measured) => Some(measured),
        LogEntry::Began(_) | LogEntry::Event(_) | LogEntry::Examined(_) => None,
    });
    let tuned = measured.filter(|measured| !measured.before_training);
    tuned.flat_map(|measured| &measured.worst).any(|row| row.text.is_empty())
}

/// The job of the run, as it left with the model; before that as it began.
fn find_job(dir: &Path, lines: &[LogLine]) -> anyhow::Result<Job> {
    let path = dir.join(JOB_FILE);
    if path.is_file() {
        let job = Job::from_json(&read_file("read the job file", &path)?);
        return job.with_context(|| format!("can't use the job file: {}", path.display()));
    }
    let began = lines.iter().rev().find_map(|line| match &line.entry {
        LogEntry::Began(beginning) => Some(beginning.job.clone()),
        LogEntry::Event(_) | LogEntry::Measured(_) | LogEntry::Examined(_) => None,
    });
    let Some(job) = began else {
        bail!("no run has its output there, for there is neither {JOB_FILE} nor {RUN_LOG_FILE}: {}", dir.display());
    };
    Ok(job)
}
