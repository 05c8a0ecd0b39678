//! What the worker says by itself: that it listens, how far it is, what a run comes to, that it is gone. In: a notice. Out: the
//! signals that it concerns.

use std::sync::Arc;

use hone_core::session::protocol::{Command, FromWorker, Reply};
use leptos::prelude::*;

use super::silence::Silence;
use super::writing::WritingInput;
use super::{Download, Step, Store, WorkerStatus, unexpected};
use crate::client::Notice;

impl Store {
    fn open_device(self) {
        let command = Command::OpenDevice { prefer: self.prefer.get_value() };
        self.client().send(command, Vec::new(), move |answer| {
            let problem = match answer {
                Ok((Reply::Device { device }, _)) => {
                    self.device.set(Some(Arc::new(device)));
                    return self.end_waiting(true);
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.end_waiting(false);
            self.report(Step::Model, problem);
        });
    }

    /// Takes what the worker, or its end, says by itself.
    pub(super) fn hear(self, notice: Notice) {
        match notice {
            Notice::Ready => {
                self.worker.set(WorkerStatus::Ready);
                self.list_runs();
                self.open_device();
            }
            // After a panic the worker has said itself why; the browser then says that it has stopped.
            Notice::Dead { .. } if self.worker.get_untracked() == WorkerStatus::Dead => {}
            Notice::Dead { problem, lacks_memory } => self.hear_of_failure(None, problem, lacks_memory),
            Notice::Message(message) => self.hear_message(*message),
            Notice::Waits => self.note_unread(),
        }
    }

    fn hear_message(self, message: FromWorker) {
        match message {
            FromWorker::Download { file, received, total, cached } => {
                self.model.note_download(Download { file, received, total, cached });
            }
            FromWorker::Traffic { url, requests, received } => self.network.note(&url, requests, received as f64),
            FromWorker::Event { run, elapsed_secs, event } => self.hear_event(run, elapsed_secs, &event),
            FromWorker::ReadProgress { part, done, total } => {
                self.data.progress.set((done, total));
                self.parts.reading.set(part);
            }
            FromWorker::EvaluationProgress { done, total } => {
                self.parts.reading.set(None); // all rows are there
                self.measuring_progress.set((done, total));
            }
            FromWorker::Generated { id, piece } => {
                if self.writing_id.get_value() == Some(id) {
                    self.writing.update(|writing| writing.apply(WritingInput::Piece(piece)));
                }
            }
            FromWorker::CheckpointBegun { .. } => self.silence.update_value(Silence::begin_saving),
            FromWorker::CheckpointWritten { step, is_gone, problem } => {
                self.silence.update_value(Silence::end_saving);
                self.hear_of_saving(step, is_gone, problem);
            }
            FromWorker::Failed { run, problem, lacks_memory } => self.hear_of_failure(run, problem, lacks_memory),
            FromWorker::FindingProgress { done, total } => self.rows.findings.progress.set((done, total)),
            FromWorker::Ready { .. } | FromWorker::Reply { .. } => {} // the client answers and greets by itself
        }
    }
}
