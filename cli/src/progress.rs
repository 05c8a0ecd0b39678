//! A run as it goes: a bar on a terminal, plain lines in a log file, one JSON event a line for programs.
//!
//! Standard output is for results (and for the events of `--json`); everything else goes to standard error. Neither of
//! them can end a run: whoever reads along may go away, and a disk may be full.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

use hone_core::event::{Phase, StopReason, TrainEvent};
use hone_core::session::protocol::Weights;
use hone_core::words::{duration, plural};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::failure;
use crate::pace::Pace;
use crate::run_log::RunLog;
use crate::tables::{evaluation_json, in_line};

/// Writes a line to standard error. Where nobody can be told, nothing else can be done about it.
pub(crate) fn say(text: &str) {
    let line = format!("{text}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Shows a run.
pub(crate) struct Progress {
    started: Instant,
    /// Seconds trained before this process (resumed runs).
    before_secs: f64,
    pace: Pace,
    show: Show,
    total_steps: u32,
    last_loss: Option<f64>,
    /// Evaluations of the validation rows since the run, or this part of it, began.
    num_evaluations: u32,
    /// One of them was the best so far.
    has_best: bool,
    /// Why nothing is written to standard output any more.
    fault: Option<io::Error>,
    /// It is one of many runs: of its events only warnings are said.
    is_one_of_many: bool,
    /// What all events are written to, one a line.
    record: Option<File>,
    /// What a report and TensorBoard are made of.
    log: Option<RunLog>,
}

enum Show {
    Bar(ProgressBar),
    Lines,
    Json,
}

/// An event as `--json` writes it: flat, its name under `event`, figures by their names. `weights` only where the driver
/// measured something itself, after the run.
fn line(elapsed_secs: f64, weights: Option<Weights>, event: &TrainEvent) -> serde_json::Result<Value> {
    let mut line = Map::from_iter([("elapsed_secs".to_owned(), json!(elapsed_secs))]);
    if let Some(weights) = weights {
        line.insert("weights".into(), json!(weights));
    }
    if let Value::Object(named) = serde_json::to_value(event)? {
        for (name, fields) in named {
            line.insert("event".into(), json!(name));
            line.extend(fields.as_object().cloned().unwrap_or_default());
        }
    }
    if let TrainEvent::Evaluated { evaluation, .. } | TrainEvent::GeneralMeasured { evaluation, .. } = event {
        line.insert("evaluation".into(), evaluation_json(evaluation));
    }
    Ok(Value::Object(line))
}

/// What to say of a run without best weights although the validation rows were measured: the figure that decides is undefined on them,
/// such as a correlation where all numbers are equal.
fn warning_of_no_best(num_evaluations: u32, has_best: bool) -> Option<String> {
    if num_evaluations == 0 || has_best {
        return None;
    }
    let evaluations = plural(num_evaluations as usize, "evaluation");
    Some(format!(
        "warning: the figure that decides which weights are best could not be measured in {evaluations}: these are the weights of the \
         last step, and early stopping had nothing to go by; --metric-for-best loss decides by another"
    ))
}

impl Progress {
    /// A run that starts now; `before_secs` were trained earlier.
    pub(crate) fn new(json: bool, before_secs: f64) -> Self {
        let show = if json {
            Show::Json
        } else if io::stderr().is_terminal() {
            Show::Bar(bar())
        } else {
            Show::Lines
        };
        Self {
            started: Instant::now(),
            before_secs,
            pace: Pace::default(),
            show,
            total_steps: 0,
            last_loss: None,
            num_evaluations: 0,
            has_best: false,
            fault: None,
            is_one_of_many: false,
            record: None,
            log: None,
        }
    }

    /// One of many runs, of which the driver says what came of it; its events go into `record`.
    pub(crate) fn of_one_of_many(before_secs: f64, record: File) -> Self {
        Self { is_one_of_many: true, record: Some(record), ..Self::new(false, before_secs) }
    }

    /// Seconds of this run, those before a resume included.
    pub(crate) fn elapsed_secs(&self) -> f64 {
        self.before_secs + self.started.elapsed().as_secs_f64()
    }

    /// A line for the person.
    pub(crate) fn note(&self, text: &str) {
        match &self.show {
            Show::Bar(bar) => bar.suspend(|| say(text)),
            Show::Lines | Show::Json => say(text),
        }
    }

    /// Writes results to standard output. A fault there is said once and kept for the end; the run goes on.
    pub(crate) fn print(&mut self, text: &str) {
        if self.fault.is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return };
        drop(out);
        self.note(&format!("warning: nothing more goes to standard output: {}; the run goes on", reason(&error)));
        self.fault = Some(error);
        if matches!(self.show, Show::Json) {
            self.show = Show::Lines;
        }
    }

    /// Why results are lost that somebody still waits for: a reader that went away does not.
    pub(crate) fn lost_results(&self) -> Option<String> {
        self.fault.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe).map(reason)
    }

    /// A line for the person that a driver of many runs has in its own.
    fn remark(&self, text: &str) {
        if !self.is_one_of_many {
            self.note(text);
        }
    }

    /// Writes an event into the record. A fault there is said once; the run goes on.
    fn keep(&mut self, event: &TrainEvent) {
        let line = line(self.elapsed_secs(), None, event).expect("events are plain data");
        let Some(record) = &mut self.record else { return };
        if let Err(error) = record.write_all(format!("{line}\n").as_bytes()) {
            self.record = None;
            self.note(&format!("warning: events are recorded no more: {}; the run goes on", reason(&error)));
        }
    }

    /// Also logs what the run says from now on.
    pub(crate) fn attach(&mut self, log: RunLog) {
        self.log = Some(log);
    }

    /// Logs something, with the seconds of the run. A fault is said once; the run goes on.
    pub(crate) fn log(&mut self, put: impl FnOnce(&mut RunLog, f64) -> anyhow::Result<()>) {
        let elapsed_secs = self.elapsed_secs();
        let Some(log) = &mut self.log else { return };
        if let Err(error) = put(log, elapsed_secs) {
            self.log = None;
            self.note(&format!("warning: the run is logged no more: {error:#}; it goes on"));
        }
    }

    /// Shows an event of the run.
    pub(crate) fn event(&mut self, event: &TrainEvent) {
        self.measure(event);
        self.log(|log, elapsed_secs| log.note(elapsed_secs, event));
        if self.record.is_some() {
            self.keep(event);
        }
        match self.show {
            Show::Json => self.json(event, None),
            Show::Bar(_) | Show::Lines => self.tell(event),
        }
        if let TrainEvent::Finished { step, weights_of_step, .. } = event
            && let Some(warning) = warning_of_no_best(self.num_evaluations, self.has_best || weights_of_step != step)
        {
            self.note(&warning);
        }
    }

    /// Writes a measurement that the driver took after the run, where programs read along.
    pub(crate) fn measured(&mut self, event: &TrainEvent, weights: Weights) {
        if matches!(self.show, Show::Json) {
            self.json(event, Some(weights));
        }
    }

    /// Shows `done` of `total` rows of something that is not training.
    pub(crate) fn rows(&self, doing: &str, done: usize, total: usize) {
        if let Show::Bar(bar) = &self.show {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(doing.to_owned());
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }

    fn measure(&mut self, event: &TrainEvent) {
        let now = self.started.elapsed();
        match event {
            TrainEvent::Started { total_steps, step, .. } => {
                self.total_steps = *total_steps;
                self.pace = Pace::default();
                if let Show::Bar(bar) = &self.show {
                    bar.reset();
                    bar.set_length(u64::from(*total_steps));
                    bar.set_position(u64::from(*step));
                }
            }
            TrainEvent::Progress { step, rows, .. } => self.pace.queued(now, *step, *rows),
            TrainEvent::Step { step, rows, loss, .. } => {
                self.pace.read(now, *step, *rows);
                self.last_loss = Some(*loss);
            }
            TrainEvent::RolledBack { .. } => self.pace = Pace::default(),
            TrainEvent::Phase { phase: Phase::Evaluating } => self.pace.pause(now),
            // After the validation rows, a general text may be measured and texts written.
            TrainEvent::Phase { phase: Phase::Training } => self.pace.resume(now),
            TrainEvent::Evaluated { is_best, .. } => {
                self.num_evaluations += 1;
                self.has_best |= *is_best;
            }
            TrainEvent::Augmented { .. }
            | TrainEvent::Phase { .. }
            | TrainEvent::EvaluationProgress { .. }
            | TrainEvent::GeneralMeasured { .. }
            | TrainEvent::Sampled { .. }
            | TrainEvent::CheckpointDue { .. }
            | TrainEvent::BatchesCut { .. }
            | TrainEvent::Finished { .. } => {}
        }
    }

    fn json(&mut self, event: &TrainEvent, weights: Option<Weights>) {
        let line = line(self.elapsed_secs(), weights, event).expect("events are plain data");
        self.print(&format!("{line}\n"));
    }

    fn tell(&self, event: &TrainEvent) {
        match event {
            TrainEvent::Started { total_steps, steps_per_epoch, step, num_parameters, num_trainable, .. } => {
                let from = if *step > 0 { format!(", going on at step {step}") } else { String::new() };
                let trained = trained_words(*num_trainable, *num_parameters);
                let steps = plural(*total_steps as usize, "step");
                self.remark(&format!("training {trained}: {steps}, {steps_per_epoch} an epoch{from}"));
            }
            TrainEvent::Augmented { rows, .. } => self.remark(&rows.in_words()),
            TrainEvent::Phase { phase: Phase::FirstStep } => self.message("first step (compiling kernels)"),
            TrainEvent::Phase { phase: Phase::Training } => self.tick(),
            TrainEvent::Phase { phase: Phase::Evaluating } => self.message("measuring the validation rows"),
            TrainEvent::Phase { phase: Phase::Sampling } => {
                self.message("looking at what the model does before training")
            }
            TrainEvent::Progress { step, .. } => {
                self.position(*step);
                self.tick();
            }
            TrainEvent::Step { step, epoch, loss, learning_rate, grad_norm, .. } => {
                self.position(*step);
                self.tick();
                if matches!(self.show, Show::Lines) && !self.is_one_of_many {
                    let total = self.total_steps;
                    let rate = self.rate_and_left(*step);
                    say(&format!(
                        "step {step}/{total}  epoch {epoch:.2}  loss {loss:.4}  rate {learning_rate:.2e}  \
                         norm {grad_norm:.3}{rate}"
                    ));
                }
                if self.total_steps == 1 && *learning_rate == 0.0 {
                    self.remark(
                        "warning: the rate begins at 0, and there is no other step: nothing was learned; more epochs, a smaller \
                         --batch-size or --warmup-ratio 0 change that",
                    );
                }
            }
            TrainEvent::EvaluationProgress { done, total } => {
                self.message(&format!("measuring the validation rows, {done} of {total}"));
            }
            TrainEvent::Evaluated { step, epoch, evaluation, is_best, .. } => {
                let best = if *is_best { "  best so far" } else { "" };
                let figures = in_line(evaluation);
                self.remark(&format!("step {step}  epoch {epoch:.2}  validation: {figures}{best}"));
            }
            TrainEvent::GeneralMeasured { evaluation, .. } => {
                self.remark(&format!("  general text: {}", in_line(evaluation)));
            }
            TrainEvent::Sampled { prompt, generated, .. } => {
                self.remark(&format!("  sample: {:?} -> {:?}", shortened(prompt), shortened(generated)));
            }
            TrainEvent::CheckpointDue { .. } => {}
            TrainEvent::BatchesCut { step, rows_at_once, micro_batches } => {
                self.note(&format!(
                    "the device had too little memory: from step {step} on {} at once are computed and {} make a step, which \
                     is of the same rows as before",
                    plural(*rows_at_once as usize, "row"),
                    plural(*micro_batches as usize, "micro-batch")
                ));
            }
            TrainEvent::RolledBack { from_step, to_step, learning_rate_factor, why } => {
                self.position(*to_step);
                self.note(&format!(
                    "warning: the run diverged at step {from_step} ({}): it goes back to step {to_step} and on from there, at \
                     {learning_rate_factor} times the learning rate",
                    why.in_words()
                ));
            }
            TrainEvent::Finished { step, reason, weights_of_step } => {
                let why = reason_words(*reason);
                let kept = if weights_of_step == step {
                    String::new()
                } else {
                    format!(", keeping the best weights (step {weights_of_step})")
                };
                self.clear();
                self.remark(&format!("{why} at step {step} after {}{kept}", duration(self.elapsed_secs())));
            }
        }
    }

    fn position(&self, step: u32) {
        if let Show::Bar(bar) = &self.show {
            bar.set_position(u64::from(step));
        }
    }

    fn message(&self, text: &str) {
        if let Show::Bar(bar) = &self.show {
            bar.set_message(text.to_owned());
        }
    }

    fn tick(&self) {
        if let Show::Bar(bar) = &self.show {
            let loss = self.last_loss.map_or_else(String::new, |loss| format!("loss {loss:.4}"));
            let step = u32::try_from(bar.position()).unwrap_or(u32::MAX);
            bar.set_message(format!("{loss}{}", self.rate_and_left(step)));
        }
    }

    fn rate_and_left(&self, step: u32) -> String {
        let Some(rate) = self.pace.rows_per_sec() else { return String::new() };
        let left = self.pace.secs_left(self.total_steps.saturating_sub(step));
        format!("  {rate:.1} rows/s{}", left.map_or_else(String::new, |secs| format!("  {} left", duration(secs))))
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Why standard output takes nothing.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::BrokenPipe => "its reader went away".into(),
        ErrorKind::StorageFull => "no space left on device".into(),
        _ => failure::reason(error),
    }
}

fn trained_words(num_trainable: usize, num_parameters: usize) -> String {
    match num_trainable == num_parameters {
        true => format!("all {} parameters", short_count(num_parameters)),
        false => format!("{} of {} parameters", short_count(num_trainable), short_count(num_parameters)),
    }
}

fn reason_words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Completed => "finished",
        StopReason::EarlyStopping => "stopped early (no improvement)",
        StopReason::Stopped => "stopped",
        StopReason::Diverged => "diverged",
    }
}

/// `22.7 M`, `9.3 K`, `512`.
pub(crate) fn short_count(n: usize) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1} K", n as f64 / 1e3),
        _ => format!("{:.1} M", n as f64 / 1e6),
    }
}

/// The end of a long prompt, the beginning of nothing: what fits a line.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    let count = text.chars().count();
    let rest: String = text.chars().skip(count.saturating_sub(SHOWN)).collect();
    if count > SHOWN { format!("…{rest}") } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_whose_deciding_figure_is_never_measured_says_so() {
        assert_eq!([warning_of_no_best(0, false), warning_of_no_best(3, true)], [None, None]);
        let warning = warning_of_no_best(1, false).expect("nothing was the best");
        assert!(
            warning.contains("could not be measured in 1 evaluation: these are the weights of the last step"),
            "{warning}"
        );
    }

    #[test]
    fn large_counts_read_well() {
        assert_eq!(short_count(512), "512");
        assert_eq!(short_count(22_713_216), "22.7 M");
    }

    #[test]
    fn a_json_line_is_the_event_and_its_time() {
        let event = TrainEvent::Progress { step: 3, rows: 48, tokens: 900 };
        let text = line(1.5, None, &event).expect("plain data").to_string();
        assert_eq!(text, r#"{"elapsed_secs":1.5,"event":"progress","step":3,"rows":48,"tokens":900}"#);
    }
}
