//! The commands that ask a model: measure, predict, write, hand out.

use std::collections::BTreeMap;
use std::rc::Rc;

use hone_core::config::{ExportFormat, ModelChanges, RunConfig};
use hone_core::event::Split;
use hone_core::generate::{FinishReason, SamplingConfig};
use hone_core::session::protocol::{FromWorker, Problem, Prompt, RateTest, Reply, RequestId, Weights};
use hone_core::session::{Generated, Session, SessionError, read_general_text};
use hone_core::task::TaskInput;
use hone_core::train::RateRange;
use web_sys::Blob;

use super::Worker;
use crate::clock::{Clock, now_ms};
use crate::kept::NamedBytes;
use crate::macrotask::Macrotask;
use crate::mailbox::{Mailbox, post};
use crate::{errors, export};

impl Worker {
    pub(super) async fn evaluate(
        &mut self,
        weights: Weights,
        split: Split,
        num_prompts: usize,
    ) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let measured = measure(session, weights, split, num_prompts).await;
        let measured = measured.map_err(|error| error.problem());
        let reply = self.trust(measured).await?;
        if let Reply::Evaluated { evaluation, rows, writing, .. } = &reply {
            self.record.note_measured(weights, split, (evaluation, rows), writing.as_deref());
        }
        Ok(reply)
    }

    pub(super) async fn few_shot(&mut self, split: Split) -> Result<Reply, Problem> {
        let measured = self.ready()?.few_shot(split, &mut show_progress).await;
        let report = self.trust(measured.map_err(|error| error.problem())).await?;
        Ok(Reply::FewShot { report })
    }

    pub(super) async fn quick_baseline(&mut self, split: Split) -> Result<Reply, Problem> {
        let (session, macrotask, mailbox) = self.ready_to_learn()?;
        let now_secs = || now_ms() / 1000.0;
        let show = async |done: usize, total: usize| goes_on(macrotask, mailbox, done, total).await;
        let measured = session.quick_baseline(split, &now_secs, show).await.map_err(|error| error.problem());
        let baseline = self.trust(measured).await?;
        Ok(baseline.map_or(Reply::Done, |baseline| Reply::QuickBaseline { baseline: Box::new(baseline) }))
    }

    pub(super) async fn find_label_errors(&mut self, num_folds: Option<usize>) -> Result<Reply, Problem> {
        let (session, macrotask, mailbox) = self.ready_to_learn()?;
        let show = async |done: usize, total: usize| goes_on(macrotask, mailbox, done, total).await;
        let found = match num_folds {
            Some(num_folds) => session.label_errors(num_folds, show).await.map(|found| found.map(|(found, _)| found)),
            None => session.label_errors_of_run(show).await,
        };
        let found = self.trust(found.map_err(|error| error.problem())).await?;
        Ok(found.map_or(Reply::Done, |found| Reply::LabelErrors { found: Box::new(found) }))
    }

    /// Tries learning rates. A run that is loaded makes room for it, but where the settings are refused before that.
    pub(super) async fn find_learning_rate(
        &mut self,
        run: RunConfig,
        changes: &ModelChanges,
    ) -> Result<Reply, Problem> {
        let answer = self.try_rates(run, changes).await;
        let is_trained = self.session.as_ref().is_some_and(Session::is_trained);
        match answer {
            Err(problem) if is_trained && self.device_fault().is_none() => Ok(Reply::Refused { problem }),
            answer => answer,
        }
    }

    async fn try_rates(&mut self, run: RunConfig, changes: &ModelChanges) -> Result<Reply, Problem> {
        self.leave_parts();
        let (range, session) = (RateRange::default(), self.ready()?);
        session.change_model(changes, run.seed).map_err(|error| error.problem())?;
        let mut finder = session.rate_finder(run, range).map_err(|error| error.problem())?;
        self.record.forget_run();
        let total = range.steps as usize;
        let tried = loop {
            match finder.next_point().await {
                Ok(None) => break Ok(()),
                Err(error) => break Err(SessionError::from(error).problem()),
                Ok(Some(_)) => {}
            }
            let done = finder.curve().points.len();
            if !goes_on(&self.macrotask, &self.mailbox, done, total).await {
                break Ok(());
            }
        };
        self.trust(tried).await?;
        Ok(Reply::LearningRates { test: Box::new(RateTest::from(finder.curve())) })
    }

    /// The session, on a device without faults, beside what lets messages in.
    fn ready_to_learn(&mut self) -> Result<(&mut Session, &Macrotask, &Mailbox), Problem> {
        self.ready()?;
        let session = self.session.as_mut().ok_or_else(errors::no_model)?;
        Ok((session, &self.macrotask, &*self.mailbox))
    }

    pub(super) async fn predict(&mut self, inputs: &[TaskInput]) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let predicted = async {
            let (base, cut) = session.predict(inputs, Weights::Base).await?;
            let tuned =
                if session.is_trained() { session.predict(inputs, Weights::Tuned).await?.0 } else { Vec::new() };
            let max_tokens = session.max_tokens()?;
            let (labels, warnings) = (session.labels().to_vec(), session.warnings());
            Ok(Reply::Predicted { labels, base, tuned, max_tokens, cut, warnings })
        };
        let predicted = predicted.await.map_err(|error: SessionError| error.problem());
        self.trust(predicted).await
    }

    pub(super) async fn find_nearest(&mut self, text: &str) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let found = async {
            let base = session.nearest(text, Weights::Base).await?;
            let tuned = if session.is_trained() { Some(session.nearest(text, Weights::Tuned).await?) } else { None };
            Ok(Reply::Nearest { base, tuned })
        };
        let found = found.await.map_err(|error: SessionError| error.problem());
        self.trust(found).await
    }

    pub(super) async fn evaluate_general(
        &mut self,
        weights: Weights,
        text: Option<NamedBytes>,
    ) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let read = text.map(|(name, bytes)| read_general_text(&name, &bytes.to_vec()));
        let (text, note) = read.transpose().map_err(|error| error.problem())?.unzip();
        let measured = session.evaluate_general(weights, text.as_deref(), &mut show_progress).await;
        let evaluation = self.trust(measured.map_err(|error| error.problem())).await?;
        Ok(Reply::EvaluatedGeneral { evaluation, note: note.flatten() })
    }

    pub(super) async fn generate(
        &mut self,
        id: RequestId,
        prompt: &Prompt,
        weights: Weights,
        sampling: &SamplingConfig,
    ) -> Result<Reply, Problem> {
        let (mailbox, clock) = (Rc::clone(&self.mailbox), Clock::start());
        let macrotask = &self.macrotask;
        let session = match (&self.device, self.session.as_mut()) {
            (None, _) => return Err(errors::no_device()),
            (Some(_), None) => return Err(errors::no_model()),
            (Some(_), Some(session)) => session,
        };
        let show = async |piece: &str| {
            post(&FromWorker::Generated { id, piece: piece.to_owned() }, Vec::new());
            macrotask.pass().await; // lets messages in
            match mailbox.take_stop() {
                None => true,
                Some(stop) => {
                    post(&FromWorker::Reply { id: stop, result: Ok(Reply::Done) }, Vec::new());
                    false
                }
            }
        };
        let written = session.generate(prompt, weights, sampling, show).await.map_err(|error| error.problem());
        let Generated { text, num_tokens, finish_reason, filtered, .. } = self.trust(written).await?;
        let is_complete = finish_reason == FinishReason::Stop;
        let elapsed_secs = clock.elapsed_secs();
        Ok(Reply::Generated { weights, text, num_tokens, elapsed_secs, is_complete, filtered })
    }

    /// Packs the tuned model. Where that `is_verified`, the zip is opened again, and kept back if it does not answer alike.
    pub(super) async fn export(
        &mut self,
        format: ExportFormat,
        thresholds: BTreeMap<String, f64>,
        is_verified: bool,
    ) -> Result<(Reply, Blob), Problem> {
        let session = self.ready()?;
        session.choose_thresholds(thresholds);
        let exported = async {
            let mut unchecked = String::new();
            let given = match is_verified {
                false => None,
                true => match session.answers_to_compare(format, &now_ms).await {
                    Err(error) if error.is_of_memory() => {
                        unchecked = format!(" The device has too little memory for that: {error}.");
                        None
                    }
                    given => Some(given.map_err(|error| error.problem())?),
                },
            };
            let files = session.stream_export(format).await.map_err(|error| error.problem())?;
            let (zip, checked) = export::zipped_and_checked(files, given).await?;
            Ok::<_, Problem>((zip, checked + &unchecked))
        };
        let exported = exported.await;
        let (zip, checked) = self.trust(exported).await?;
        Ok((Reply::Exported { damage: None, checked: Some(checked) }, zip))
    }
}

/// Measures a split and, where the model writes, what it writes after the first prompts.
async fn measure(
    session: &mut Session,
    weights: Weights,
    split: Split,
    num_prompts: usize,
) -> Result<Reply, SessionError> {
    let (evaluation, rows) = session.evaluate(weights, split, &mut show_progress).await?;
    let writing = match num_prompts {
        0 => None,
        count => match session.evaluate_writing(weights, split, count, None, &mut show_progress).await {
            Ok(writing) => Some(Box::new(writing)),
            // It does not write, or the rows have no prompts.
            Err(SessionError::OtherTask { .. } | SessionError::EmptySplit { .. }) => None,
            Err(error) => return Err(error),
        },
    };
    let warnings = session.warnings();
    Ok(Reply::Evaluated { weights, split, evaluation, rows, writing, warnings })
}

/// Shows how far something is that learns of labels, lets messages in, and says whether to go on.
async fn goes_on(macrotask: &Macrotask, mailbox: &Mailbox, done: usize, total: usize) -> bool {
    show_progress(done, total);
    macrotask.pass().await;
    let Some(stop) = mailbox.take_stop_of_labels() else { return true };
    post(&FromWorker::Reply { id: stop, result: Ok(Reply::Done) }, Vec::new());
    false
}

pub(super) fn show_progress(done: usize, total: usize) {
    post(&FromWorker::EvaluationProgress { done, total }, Vec::new());
}
