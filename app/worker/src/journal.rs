//! What a run has said, as lines of JSON beside its checkpoint, so that a page that goes on with it draws the same curves.
//!
//! Kept is every event but those that only say how far something is: progress of an evaluation, and of steps all but the
//! newest before another event, since the next loss that is read covers those before it.

use hone_core::event::TrainEvent;
use hone_core::session::RunSummarizer;
use hone_core::session::protocol::RunSummary;
use serde::{Deserialize, Serialize};

/// An event of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Seconds since the run began, pauses not counted.
    pub(crate) elapsed_secs: f64,
    pub(crate) event: TrainEvent,
}

/// The events of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Whole lines.
    lines: Vec<u8>,
    /// The newest progress that no other event followed.
    progress: Option<Line>,
    /// What they come to.
    summarizer: RunSummarizer,
}

impl Journal {
    /// Notes an event.
    pub(crate) fn note(&mut self, elapsed_secs: f64, event: &TrainEvent) {
        self.summarizer.note(event);
        let line = || Line { elapsed_secs, event: event.clone() };
        match event {
            TrainEvent::EvaluationProgress { .. } | TrainEvent::CheckpointDue { .. } => {}
            TrainEvent::Progress { .. } => self.progress = Some(line()),
            TrainEvent::Step { .. } => {
                self.progress = None;
                append(&mut self.lines, &line());
            }
            _ => {
                if let Some(progress) = self.progress.take() {
                    append(&mut self.lines, &progress);
                }
                append(&mut self.lines, &line());
            }
        }
    }

    /// All that was noted, in short.
    pub(crate) fn summary(&self) -> RunSummary {
        self.summarizer.summary()
    }

    /// All that was noted.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.lines.clone();
        if let Some(progress) = &self.progress {
            append(&mut bytes, progress);
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] gave: the journal to go on with, and its events.
    ///
    /// # Errors
    /// Where a line is no event.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<(Self, Vec<Line>), serde_json::Error> {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let events: Vec<Line> = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        let mut summarizer = RunSummarizer::default();
        events.iter().for_each(|line| summarizer.note(&line.event));
        Ok((Self { lines: bytes, progress: None, summarizer }, events))
    }
}

fn append(lines: &mut Vec<u8>, line: &Line) {
    lines.extend(serde_json::to_vec(line).expect("events hold only plain values"));
    lines.push(b'\n');
}
