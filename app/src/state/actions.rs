//! What can be asked of loaded weights: measure a split, predict texts, export.

use std::sync::Arc;

use hone_core::config::{JOB_FILE, Job};
use hone_core::event::Split;
use hone_core::session::protocol::{Command, Problem, ProblemKind, Reply, Weights};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::evaluation::{Measured, WrongRow, wrong_rows_csv};
use super::{Step, Store, bug, unexpected};
use crate::browser;

/// Probabilities of one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prediction {
    pub text: String,
    pub labels: Vec<String>,
    /// In the order of the labels; empty where there is no answer.
    pub base: Vec<f32>,
    /// Empty before a run.
    pub tuned: Vec<f32>,
}

impl Store {
    /// Measures the model before training, and after it where there was a run, on rows that were not trained on.
    pub(crate) fn evaluate(self) {
        let sizes = self.data.report.with_untracked(|report| report.as_ref().map(|report| report.split_sizes));
        let Some([_, _, num_test]) = sizes else { return };
        let split = if num_test > 0 { Split::Test } else { Split::Valid };
        self.dismiss(Step::Evaluate);
        spawn_local(async move {
            let is_known = |measured: RwSignal<Option<Arc<Measured>>>| {
                measured.with_untracked(|m| m.as_ref().is_some_and(|m| m.split == split))
            };
            if !is_known(self.measured_base) && !self.measure(Weights::Base, split).await {
                return;
            }
            if self.run.with_untracked(|run| run.is_finished()) {
                self.measure(Weights::Tuned, split).await;
            }
        });
    }

    async fn measure(self, weights: Weights, split: Split) -> bool {
        self.measuring_progress.set((0, 0));
        self.measuring.set(Some(weights));
        let answer = self.request(Command::Evaluate { weights, split }, Vec::new()).await;
        self.measuring.set(None);
        match answer {
            Ok((Reply::Evaluated { weights, split, evaluation, rows }, _)) => {
                let measured = Some(Arc::new(Measured { split, evaluation, rows }));
                match weights {
                    Weights::Base => self.measured_base.set(measured),
                    Weights::Tuned => self.measured_tuned.set(measured),
                }
                true
            }
            Ok((other, _)) => {
                self.report(Step::Evaluate, unexpected(&other));
                false
            }
            Err(problem) => {
                self.report(Step::Evaluate, problem);
                false
            }
        }
    }

    /// Asks both models about the text; a text that changes meanwhile is asked about next.
    pub(crate) fn predict(self) {
        if self.predicting.get_untracked() {
            return self.predict_again.set_value(true);
        }
        let text = self.try_text.get_untracked();
        if text.trim().is_empty() {
            return self.prediction.set(None);
        }
        self.dismiss(Step::Try);
        self.predict_again.set_value(false);
        self.predicting.set(true);
        let command = Command::Predict { texts: vec![text.clone()] };
        self.client().send(command, Vec::new(), move |answer| {
            self.predicting.set(false);
            match answer {
                Ok((Reply::Predicted { labels, base, tuned }, _)) => {
                    let first = |rows: Vec<Vec<f32>>| rows.into_iter().next().unwrap_or_default();
                    let prediction = Prediction { text, labels, base: first(base), tuned: first(tuned) };
                    self.prediction.set(Some(Arc::new(prediction)));
                    if self.predict_again.get_value() {
                        self.predict();
                    }
                }
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => self.report(Step::Try, problem),
            }
        });
    }

    /// Builds the zip and saves it.
    pub(crate) fn export(self) {
        if self.exporting.get_untracked() {
            return;
        }
        self.dismiss(Step::Export);
        self.exporting.set(true);
        spawn_local(async move {
            let answer = self.request(Command::Export, Vec::new()).await;
            self.exporting.set(false);
            match answer {
                Ok((Reply::Exported { file }, blobs)) => match blobs.get(file.blob) {
                    Some(buffer) => {
                        let size_bytes = f64::from(buffer.byte_length());
                        if self.save(Step::Export, &file.name, buffer, "application/zip") {
                            self.exported.set(Some((file.name, size_bytes)));
                        }
                    }
                    None => self.report(Step::Export, bug("the export came without its bytes".into())),
                },
                Ok((other, _)) => self.report(Step::Export, unexpected(&other)),
                Err(problem) => self.report(Step::Export, problem),
            }
        });
    }

    /// Saves the job file of the last run, or of the recipe as it stands.
    pub(crate) fn save_job(self) {
        let planned = || {
            let source = self.model.info.with_untracked(|info| info.as_ref().map(|info| info.source.clone()))?;
            let run = self.resolved.get_untracked().ok()?;
            let data_file = self.data.train.with_untracked(|file| file.as_ref().map(|file| file.name.clone()));
            Some(Arc::new(Job::new(source, data_file, self.data.read.get_untracked(), run)))
        };
        if let Some(job) = self.job.get_untracked().or_else(planned) {
            self.save(Step::Export, JOB_FILE, &job.to_json().into(), "application/json");
        }
    }

    /// Saves the wrong rows as a table.
    pub(crate) fn save_wrong_rows(self, rows: &[WrongRow]) {
        self.save(Step::Evaluate, "wrong-rows.csv", &wrong_rows_csv(rows).into(), "text/csv");
    }

    fn save(self, step: Step, name: &str, content: &wasm_bindgen::JsValue, media_type: &str) -> bool {
        match browser::save_file(name, content, media_type) {
            Ok(()) => true,
            Err(message) => {
                let hint = "Free some memory or disk space and try again.".into();
                self.report(step, Problem { kind: ProblemKind::Storage, message, hint });
                false
            }
        }
    }

    /// Figures of the tuned weights belong to the last run only.
    pub(super) fn forget_tuned(self) {
        self.measured_tuned.set(None);
        self.exported.set(None);
        self.prediction.set(None);
    }

    /// Figures belong to one model and one file.
    pub(super) fn forget_figures(self) {
        self.measured_base.set(None);
        self.forget_tuned();
    }
}
