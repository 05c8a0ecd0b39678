//! What can be taken home of a run that is over, beside its model: the report, the log, an event file.
//!
//! In: what the worker knows of the run, and what was looked at on the page. Out: a file that the browser saves. It is made here, by code
//! that is fetched later, and not in the worker, which is fetched whole before anything can be trained.

use std::iter;

use hone_core::config::Job;
use hone_core::event::TrainEvent;
use hone_core::report::{Beginning, Examined, LogEntry, LogLine, MeasuredSplit, RunReport, event_file};
use hone_core::session::protocol::{Command, Problem, ProblemKind, RecordedRun, Reply};
use js_sys::{ArrayBuffer, JSON, Reflect, Uint8Array};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;

use super::{Step, Store, unexpected};
use crate::browser;
use crate::format;

/// What can be taken home of a run that is over, beside its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunFile {
    /// The report: HTML in one file.
    Report,
    /// The log, as JSON Lines.
    Log,
    /// The numbers of the log, as an event file for TensorBoard.
    Events,
}

/// What was looked at, and what is to be known of that.
#[derive(Debug, Default)]
struct Besides {
    examined: Vec<Examined>,
    notes: Vec<String>,
}

impl Store {
    /// Saves the report on the last run, or its log.
    pub(crate) fn save_of_run(self, file: RunFile) {
        if self.exporting.get_untracked() {
            return;
        }
        self.dismiss(Step::Export);
        self.exporting.set(true);
        spawn_local(async move {
            let answer = self.request(Command::Report, Vec::new()).await;
            self.exporting.set(false);
            match answer {
                Ok((Reply::Recorded { run }, blobs)) => {
                    if let Err(problem) = self.write_of_run(file, &run, &blobs) {
                        self.report(Step::Export, problem);
                    }
                }
                Ok((other, _)) => self.report(Step::Export, unexpected(&other)),
                Err(problem) => self.report(Step::Export, problem),
            }
        });
    }

    fn write_of_run(self, file: RunFile, run: &RecordedRun, blobs: &[ArrayBuffer]) -> Result<(), Problem> {
        let bytes: Vec<u8> = blobs.iter().flat_map(|blob| Uint8Array::new(blob).to_vec()).collect();
        let text = String::from_utf8_lossy(&bytes);
        let Besides { examined, notes } = self.looked_at_besides();
        let (what, ending, media_type) = match file {
            RunFile::Report => ("report", "html", "text/html"),
            RunFile::Log => ("run_log", "jsonl", "application/jsonl"),
            // TensorBoard seeks files with this word in their names.
            RunFile::Events => ("events", "tfevents", "application/octet-stream"),
        };
        let (content, said): (Vec<u8>, String) = match file {
            RunFile::Report => (report(run, &text, examined, notes)?.into_bytes(), String::new()),
            RunFile::Log => {
                let (lines, _) = read_lines(&text); // those that can't be read stand in the log as they came
                (log(run, &text, &examined, end_of(&lines)).into_bytes(), notes.join(" "))
            }
            RunFile::Events => {
                let (lines, num_unread) = read_lines(&text);
                (event_file(&lines), said_of_unread(num_unread).unwrap_or_default())
            }
        };
        let name = self.file_name(what, ending);
        self.export_checked.set(said);
        if self.save(Step::Export, &name, &Uint8Array::from(content.as_slice()).into(), media_type) {
            self.exported.set(Some((name, content.len() as f64)));
        }
        Ok(())
    }

    /// What was looked at besides the figures. What is of other rows, or of other weights, is left out and said.
    fn looked_at_besides(self) -> Besides {
        let mut besides = Besides::default();
        let now = untrack(|| (self.data.read.get(), self.data.identities()));
        let has_its_rows = self.started.with_untracked(|started| {
            started
                .as_ref()
                .is_some_and(|run| (&run.origin.made_of.read, &run.origin.made_of.files) == (&now.0, &now.1))
        });
        let findings = self.rows.findings;
        match findings.found.get_untracked().filter(|_| findings.is_current.get_untracked()) {
            Some(found) if has_its_rows => {
                let found = Examined::of_shown_findings(&found.findings, &found.not_applied, &found.notes);
                besides.examined.push(found);
            }
            Some(_) => besides.notes.push(
                "What may be wrong with the rows is left out: other rows, or the same read in another way, are loaded by now.".into(),
            ),
            None => {}
        }
        let few_shot = self.few_shot.get_untracked().map(|report| Examined::FewShot((*report).clone()));
        besides.examined.extend(few_shot);
        besides.examined.extend(self.examined.all());
        let comes_from = self.rating.comes_from.get_untracked();
        if let Some(rating) = self.rating.current.get_untracked().filter(|rating| rating.progress().0 > 0) {
            match (comes_from, Examined::of_rating(&rating)) {
                (Some(_), _) => besides.notes.push(
                    "The votes on texts are left out: they were given before this project, or this page, was opened.".into(),
                ),
                (None, Some(rated)) => besides.examined.push(rated),
                (None, None) => besides.notes.push(
                    "The votes on texts are left out: whose texts they are for is not shown before the last pair, or until you ask.".into(),
                ),
            }
        }
        besides
    }
}

/// The report, as `hone report` writes it.
fn report(run: &RecordedRun, text: &str, examined: Vec<Examined>, besides: Vec<String>) -> Result<String, Problem> {
    let job = Job::from_json(run.job.as_bytes()).map_err(|error| Problem {
        kind: ProblemKind::Bug,
        message: format!("the job file of the run can't be read: {error}"),
        hint: "Save the run log, which needs none.".into(),
    })?;
    let (events, num_unread) = read_lines(text);
    let (elapsed_secs, step) = end_of(&events);
    let is_tuned = |line: &LogLine| matches!(&line.entry, LogEntry::Measured(measured) if !measured.before_training);
    let mut notes: Vec<String> = said_of_unread(num_unread).into_iter().collect();
    if !events.iter().any(is_tuned) {
        notes.push(
            "Nothing was measured after the run: the figures are those of the validation rows on the way.".to_owned(),
        );
    }
    notes.extend(besides);
    let (version, device, data) = (env!("CARGO_PKG_VERSION").to_owned(), run.device.clone(), run.data.clone());
    let began = LogEntry::Began(Box::new(Beginning { version, device, job: job.clone(), data }));
    let line = |entry: LogEntry| LogLine { time: None, elapsed_secs, step, entry };
    let began = LogLine { elapsed_secs: 0.0, step: 0, ..line(began) };
    let examined = examined.into_iter().map(|one| line(LogEntry::Examined(Box::new(one))));
    let lines: Vec<LogLine> = iter::once(began).chain(events).chain(examined).collect();
    let (version, made_secs) = (env!("CARGO_PKG_VERSION"), browser::now_ms() / 1000.0);
    Ok(RunReport { job: &job, lines: &lines, results: None, version, made_secs, notes: &notes }.to_html())
}

/// The log, as `hone train` writes it: what the worker sent stands in it as it came. `end` is the last second and step of the run, after
/// which the rest was looked at.
fn log(run: &RecordedRun, text: &str, examined: &[Examined], (elapsed_secs, step): (f64, u32)) -> String {
    let json = |text: &str| serde_json::to_string(text).expect("a text can be written");
    let (version, device) = (json(env!("CARGO_PKG_VERSION")), json(&run.device));
    let data = serde_json::to_string(&run.data).expect("summaries hold only plain values");
    let job = run.job.replace('\n', " "); // no text in it has a line break of its own: they are escaped
    let mut log = format!(
        "{{\"elapsed_secs\":0.0,\"step\":0,\"began\":{{\"version\":{version},\"device\":{device},\"job\":{job},\"data\":{data}}}}}\n"
    );
    log.push_str(text);
    for one in examined {
        let one = serde_json::to_string(one).expect("it holds only plain values");
        log.push_str(&format!("{{\"elapsed_secs\":{elapsed_secs:?},\"step\":{step},\"examined\":{one}}}\n"));
    }
    log
}

/// The lines that the worker sent, and how many of them can't be read.
fn read_lines(text: &str) -> (Vec<LogLine>, usize) {
    let (mut lines, mut num_unread): (Vec<LogLine>, usize) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match read_line(line) {
            Some(read) => lines.extend(read),
            None => num_unread += 1,
        }
    }
    (lines, num_unread)
}

/// Seconds and optimizer steps of a run at its last event; 0 where it has none.
fn end_of(lines: &[LogLine]) -> (f64, u32) {
    let last = lines.iter().rfind(|line| matches!(line.entry, LogEntry::Event(_)));
    last.map_or((0.0, 0), |line| (line.elapsed_secs, line.step))
}

/// A line; `Some(None)` of what is not logged. It is read as messages of the worker are, so that no type has a second reader.
fn read_line(line: &str) -> Option<Option<LogLine>> {
    let line = JSON::parse(line).ok()?;
    let field = |name: &str| Reflect::get(&line, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined());
    let elapsed_secs = field("elapsed_secs")?.as_f64()?;
    if let Some(event) = field("event") {
        let event = serde_wasm_bindgen::from_value::<TrainEvent>(event).ok()?;
        return Some(LogLine::of_event(elapsed_secs, &event));
    }
    let step = field("step")?.as_f64()? as u32;
    let measured = serde_wasm_bindgen::from_value::<MeasuredSplit>(field("measured")?).ok()?;
    Some(Some(LogLine { time: None, elapsed_secs, step, entry: LogEntry::Measured(Box::new(measured)) }))
}

fn said_of_unread(num_unread: usize) -> Option<String> {
    let count = format::plural(num_unread, "event");
    (num_unread > 0).then(|| format!("{count} of the run could not be read, and what was in them is missing here."))
}

#[cfg(test)]
mod tests {
    use hone_core::config::{ModelSource, ReadOptions, RunConfig};
    use hone_core::report::{DataSummary, read_log};
    use hone_core::task::FewShotReport;

    use super::*;

    #[test]
    fn the_log_is_one_that_hone_report_reads() {
        let job =
            Job::new(ModelSource::hub("a/b"), Some("rows.csv".into()), ReadOptions::default(), RunConfig::default());
        let (device, data) = ("a \"cpu\"".to_owned(), vec![DataSummary::default()]);
        let run = RecordedRun { job: job.to_json(), device: device.clone(), data };
        let step = TrainEvent::Step {
            step: 3,
            epoch: 0.5,
            loss: 0.25,
            losses: vec![0.25],
            learning_rate: 1e-3,
            grad_norm: 1.0,
            rows: 24,
            tokens: 100,
        };
        let line = |event: &TrainEvent| {
            let event = serde_json::to_string(event).expect("plain values");
            format!("{{\"elapsed_secs\":1.5,\"event\":{event}}}\n")
        };
        let text = line(&step) + &line(&TrainEvent::Progress { step: 4, rows: 1, tokens: 1 });
        let few_shot = Examined::FewShot(FewShotReport { num_rows: 8, zero_shot: Some(0.25), shots: Vec::new() });
        let written = log(&run, &text, std::slice::from_ref(&few_shot), (2.0, 4));
        let (lines, num_unread) = read_log(written.as_bytes());
        assert_eq!(end_of(&lines), (1.5, 3), "of the last event, and not of what was looked at after it");
        assert_eq!((lines.len(), num_unread), (3, 0), "{lines:?}");
        let LogEntry::Began(began) = &lines[0].entry else { panic!("{lines:?}") };
        assert_eq!((&began.job, &began.device), (&job, &device));
        assert_eq!((lines[1].step, lines[1].elapsed_secs, &lines[1].entry), (3, 1.5, &LogEntry::Event(step)));
        let looked_at = LogEntry::Examined(Box::new(few_shot));
        assert_eq!((lines[2].step, lines[2].elapsed_secs, &lines[2].entry), (4, 2.0, &looked_at));
    }
}
