//! Asking both models about one input, and for the rows that are nearest to one.

use std::sync::Arc;

use hone_core::session::protocol::{Command, NamedBlob, Reply};
use hone_core::task::{NearestTexts, Prediction, TaskInput};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Step, Store, unexpected, unreadable};
use crate::browser::FileIdentity;

/// Answers to one input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tried {
    /// The text, or the name of the image.
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// The image, where that is what was asked about.
    pub image: Option<FileIdentity>,
    /// Names of the model's outputs; none where the task has none.
    pub labels: Vec<String>,
    pub base: Option<Prediction>,
    /// `None` before a run.
    pub tuned: Option<Prediction>,
    /// Tokens of the input that the model reads, where it has more.
    pub cut_at: Option<usize>,
    /// What makes the answers worthless, if anything does.
    pub warnings: Vec<String>,
}

/// Rows whose texts are most like one that was typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nearest {
    pub text: String,
    /// By the model before training.
    pub base: NearestTexts,
    /// `None` before a run.
    pub tuned: Option<NearestTexts>,
}

impl Store {
    /// Asks both models about the input; one that changes meanwhile is asked about next.
    pub(crate) fn predict(self) {
        if self.predicting.get_untracked() {
            return self.predict_again.set_value(true);
        }
        self.predict_again.set_value(false);
        if untrack(|| self.tries_images()) {
            return self.predict_image();
        }
        let text = self.try_text.get_untracked();
        if text.trim().is_empty() {
            return self.tried.set(None);
        }
        let has_second = untrack(|| self.has_second_text());
        let second = Some(self.try_second.get_untracked()).filter(|second| has_second && !second.trim().is_empty());
        self.ask_models(TaskInput { text, second, ..TaskInput::default() }, None, Vec::new());
    }

    /// Asks both models about the image that was chosen.
    fn predict_image(self) {
        let Some(file) = self.images.tried.get_untracked() else { return self.tried.set(None) };
        self.predicting.set(true);
        spawn_local(async move {
            match file.read().await {
                Ok(bytes) => {
                    let input = TaskInput { text: file.name.clone(), ..TaskInput::default() };
                    self.ask_models(input, Some(file.identity()), vec![bytes]);
                }
                Err(error) => {
                    self.predicting.set(false);
                    self.report(Step::Try, unreadable(error));
                }
            }
        });
    }

    /// Asks both models about an input; the bytes of an image go along.
    fn ask_models(self, input: TaskInput, image: Option<FileIdentity>, blobs: Vec<ArrayBuffer>) {
        self.dismiss(Step::Try);
        self.predicting.set(true);
        let images = image.iter().map(|image| NamedBlob { name: image.name.clone(), blob: 0 }).collect();
        let part = self.shown_part.get_untracked().map(|part| part.name);
        let TaskInput { text, second, .. } = input.clone();
        let command = Command::Predict { inputs: vec![input], part, images };
        self.client().send(command, blobs, move |answer| {
            self.predicting.set(false);
            match answer {
                Ok((Reply::Predicted { labels, base, tuned, max_tokens, cut, warnings }, _)) => {
                    let cut_at = (!cut.is_empty()).then_some(max_tokens);
                    let (base, tuned) = (base.into_iter().next(), tuned.into_iter().next());
                    let tried = Tried { text, second, image, labels, base, tuned, cut_at, warnings };
                    self.tried.set(Some(Arc::new(tried)));
                }
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => self.report(Step::Try, problem),
            }
            if self.predict_again.get_value() {
                self.predict();
            }
        });
    }

    /// Looks for the rows that are most like what was typed, and shows them, unless the page of `found` is gone.
    pub(crate) fn find_nearest(self, found: RwSignal<Option<Arc<Nearest>>>) {
        let text = self.try_text.get_untracked();
        if self.predicting.get_untracked() || text.trim().is_empty() {
            return;
        }
        self.dismiss(Step::Try);
        self.predicting.set(true);
        self.client().send(Command::FindNearest { text: text.clone() }, Vec::new(), move |answer| {
            self.predicting.set(false);
            match answer {
                Ok((Reply::Nearest { base, tuned }, _)) => {
                    let _ = found.try_set(Some(Arc::new(Nearest { text, base, tuned })));
                }
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => self.report(Step::Try, problem),
            }
            // What was typed meanwhile.
            if self.predict_again.get_value() {
                self.predict();
            }
        });
    }
}
