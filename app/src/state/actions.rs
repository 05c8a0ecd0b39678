//! What can be asked of loaded weights: measure a split, write on from a prompt, export.

use std::sync::Arc;

use hone_core::config::{ConfigProblem, ExportFormat, Job, PromptFormat, ReadOptions};
use hone_core::event::Split;
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{Command, NamedBlob, Problem, ProblemKind, Prompt, Reply, Weights};
use hone_core::task::{Evaluation, EvaluationDetail, HeadKind};
use hone_core::tokenizer::{Role, Turn};
use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::Blob;

use super::evaluation::{Measured, num_prompts};
use super::run::RunState;
use super::writing::{self, Ending, SamplingDraft, Writing, WritingInput};
use super::{Step, Store, bug, origin, unexpected, unreadable};
use crate::browser::{self, PickedFile};
use crate::client::Answer;
use crate::tasks;

impl Store {
    /// Measures the model before training, and after it where there was a run, on rows that were not trained on; one that
    /// goes on writing a text also on a general one.
    pub(crate) fn evaluate(self) {
        self.measure_all(true);
    }

    /// Takes another general text, `None` the bundled one, and measures it.
    pub(crate) fn choose_general_text(self, file: Option<PickedFile>) {
        self.general_text.set(file);
        self.general_note.set(None);
        for weights in [Weights::Base, Weights::Tuned] {
            self.note_general(weights, None);
        }
        self.measure_all(false);
    }

    /// Rows of the splits that are measured: a run's own where there is one, for among rows that were read since may be some
    /// that it was trained on.
    pub(crate) fn measured_sizes(self) -> Option<[usize; 3]> {
        let of_run = self.run.with(|run| run.is_finished().then_some(run.num_rows));
        of_run.or_else(|| match self.parts.are_several() {
            true => self.sizes_of_splits(),
            false => self.data.report.with(|report| report.as_ref().map(|report| report.num_encoded)),
        })
    }

    /// Measures what is not known yet, the tuned model on the rows also `again`.
    fn measure_all(self, again: bool) {
        let Some([_, _, num_test]) = untrack(|| self.measured_sizes()) else { return };
        let split = if num_test > 0 { Split::Test } else { Split::Valid };
        let has_run = self.run.with_untracked(|run| run.is_finished());
        let all: &[Weights] = if has_run { &[Weights::Base, Weights::Tuned] } else { &[Weights::Base] };
        self.dismiss(Step::Evaluate);
        spawn_local(async move {
            for &weights in all {
                let measured = self.measured(weights).get_untracked();
                let is_known = measured.is_some_and(|measured| measured.split == split);
                let is_due = !is_known || (again && weights == Weights::Tuned);
                if is_due && !self.measure(weights, split).await {
                    return;
                }
            }
            let goes_on = self.model.task.get_untracked().spec().head == HeadKind::CausalLm;
            for &weights in all.iter().filter(|_| goes_on) {
                let measured = self.measured(weights).get_untracked();
                let is_due = measured.is_some_and(|measured| measured.general.is_none());
                if is_due && !self.measure_general(weights).await {
                    return;
                }
            }
        });
    }

    /// The model answers by writing.
    pub(crate) fn writes(self) -> bool {
        self.model.task.get_untracked().spec().writes()
    }

    async fn measure(self, weights: Weights, split: Split) -> bool {
        let has_run = self.run.with_untracked(RunState::is_finished);
        // A run has its own rows of several tasks; before one they are read to be measured.
        let to_read = if has_run { Vec::new() } else { untrack(|| self.parts_to_run()) };
        let answer = if to_read.is_empty() {
            let task = self.model.task.get_untracked();
            let command = Command::Evaluate { weights, split, num_prompts: num_prompts(task) };
            self.ask_to_measure(weights, command, Vec::new()).await
        } else {
            self.ask_to_measure_parts(split).await
        };
        let problem = match answer {
            Ok((Reply::Evaluated { split, evaluation, rows, writing, warnings, .. }, _)) => {
                // An answer may come after another model was asked for: these figures are not that model's.
                let has_model = self.model.info.with_untracked(Option::is_some);
                let fits_task = match evaluation.detail {
                    EvaluationDetail::Several(_) if has_run => self.shown_part.with_untracked(Option::is_some),
                    EvaluationDetail::Several(_) => untrack(|| self.parts_to_run()) == to_read,
                    _ => evaluation.task() == self.model.task.get_untracked(),
                };
                let fits = has_model && fits_task;
                let writing = writing.map(|writing| *writing);
                let measured = Measured { split, evaluation, rows, writing, general: None, warnings };
                if fits {
                    self.parts.measured.set(to_read);
                    if let Some(writing) = &measured.writing {
                        self.note_written(weights == Weights::Tuned, &writing.samples);
                    }
                }
                let measured = Arc::new(measured);
                if fits {
                    self.note_measured(weights == Weights::Tuned, &measured);
                }
                self.measured(weights).set(fits.then_some(measured));
                return fits;
            }
            Ok((Reply::Done, _)) if !to_read.is_empty() => return false, // the person ended the reading
            Ok((other, _)) => unexpected(&other),
            Err(problem) => problem,
        };
        self.report(Step::Evaluate, problem);
        false
    }

    /// Asks for the figures of several tasks before a run. Their files are read for it.
    async fn ask_to_measure_parts(self, split: Split) -> Answer {
        let run = self.run_to_read_for();
        self.measuring_progress.set((0, 0));
        self.measuring.set(Some(Weights::Base));
        let answer = match self.files_of_parts().await {
            Ok(Some((parts, blobs))) => self.request(Command::EvaluateParts { parts, run, split }, blobs).await,
            Ok(None) => Ok((Reply::Done, Vec::new())),
            Err(problem) => Err(problem),
        };
        self.parts.reading.set(None);
        self.measuring.set(None);
        answer
    }

    async fn measure_general(self, weights: Weights) -> bool {
        let (mut text, mut blobs) = (None, Vec::new());
        if let Some(file) = self.general_text.get_untracked() {
            match file.read().await {
                Ok(buffer) => blobs.push(buffer),
                Err(error) => {
                    self.report(Step::Evaluate, unreadable(error));
                    return false;
                }
            }
            text = Some(NamedBlob { name: file.name, blob: 0 });
        }
        let command = Command::EvaluateGeneral { weights, text };
        let problem = match self.ask_to_measure(weights, command, blobs).await {
            Ok((Reply::EvaluatedGeneral { evaluation, note }, _)) => {
                self.general_note.set(note);
                self.note_general(weights, Some(evaluation));
                return true;
            }
            Ok((other, _)) => unexpected(&other),
            Err(problem) => problem,
        };
        self.report(Step::Evaluate, problem);
        false
    }

    /// Measures what labels can be told without training.
    pub(crate) fn measure_few_shot(self, split: Split) {
        self.dismiss(Step::Evaluate);
        spawn_local(async move {
            let problem = match self.ask_to_measure(Weights::Base, Command::FewShot { split }, Vec::new()).await {
                Ok((Reply::FewShot { report }, _)) => return self.few_shot.set(report.map(Arc::new)),
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.report(Step::Evaluate, problem);
        });
    }

    pub(super) async fn ask_to_measure(self, weights: Weights, command: Command, blobs: Vec<ArrayBuffer>) -> Answer {
        self.measuring_progress.set((0, 0));
        self.measuring.set(Some(weights));
        let answer = self.request(command, blobs).await;
        self.measuring.set(None);
        answer
    }

    /// Puts the figures of the general text beside those of the rows, or takes them away.
    fn note_general(self, weights: Weights, general: Option<Evaluation>) {
        if let Some(measured) = self.measured(weights).get_untracked() {
            self.measured(weights).set(Some(Arc::new(Measured { general, ..(*measured).clone() })));
        }
    }

    fn measured(self, weights: Weights) -> RwSignal<Option<Arc<Measured>>> {
        match weights {
            Weights::Base => self.measured_base,
            Weights::Tuned => self.measured_tuned,
        }
    }

    /// How a bare prompt is given to the model: as the rows of the run were, else as those that were read would be. `None`
    /// where there are neither.
    pub(crate) fn prompt_format(self) -> Option<PromptFormat> {
        if self.run.with(RunState::is_finished) {
            let of_run = self.started.with(|started| started.as_ref()?.prompt_format.clone());
            if of_run.is_some() {
                return of_run;
            }
        }
        self.data.report.with(|report| tasks::row_facts(report.as_deref()?).prompt_format)
    }

    /// Whether the model is tried in a conversation: as chosen, else where it has them and was not trained on other texts.
    pub(crate) fn tries_chat(self) -> bool {
        let has_chat = self.model.has_chat_template();
        let by_rows = || self.prompt_format().is_none_or(|format| format == PromptFormat::Chat);
        has_chat && self.try_as_chat.get().unwrap_or_else(by_rows)
    }

    /// How what is typed is given to the model: a conversation by its chat template, a text in the format of the rows.
    pub(crate) fn format_to_try(self) -> PromptFormat {
        if self.tries_chat() {
            return PromptFormat::Chat;
        }
        // A text of which the template is to make no turns is given as it stands.
        self.prompt_format().filter(|format| *format != PromptFormat::Chat).unwrap_or_default()
    }

    /// The prompt and the settings, where both can be used.
    pub(crate) fn to_write(self) -> Option<(Prompt, SamplingConfig)> {
        let format = self.format_to_try();
        let prompt =
            self.try_text.with(|text| self.try_turns.with(|turns| writing::prompt(&format, text, turns.as_slice())));
        prompt.zip(self.sampling_now().ok().map(|(sampling, _)| sampling))
    }

    /// How texts are written: as typed, else as the model's own file says; and what of that file counts, in words.
    pub(crate) fn sampling_now(self) -> Result<(SamplingConfig, Vec<String>), Vec<ConfigProblem>> {
        self.with_sampling(|draft, own| draft.resolve(own))
    }

    /// Uses what was typed of how texts are written, and the model's generation_config.json.
    pub(crate) fn with_sampling<T>(self, use_it: impl FnOnce(&SamplingDraft, Option<&str>) -> T) -> T {
        self.model.info.with(|info| {
            let own = info.as_ref().and_then(|info| info.generation_config.as_deref());
            self.sampling.with(|draft| use_it(draft, own))
        })
    }

    /// Writes on from the prompt: the model before training, then the one after.
    pub(crate) fn write(self) {
        let is_idle = self.writing.with_untracked(|writing| writing.current.is_none());
        if is_idle && let Some((prompt, sampling)) = untrack(|| self.to_write()) {
            self.dismiss(Step::Try);
            self.write_with(Weights::Base, prompt, sampling);
        }
    }

    fn write_with(self, weights: Weights, prompt: Prompt, sampling: SamplingConfig) {
        self.note_writing(WritingInput::Started(weights));
        let command = Command::Generate { prompt: prompt.clone(), weights, sampling: sampling.clone() };
        let window = self.model.info.with_untracked(|info| info.as_ref().map(|info| info.max_position_embeddings));
        let id = self.client().send(command, Vec::new(), move |answer| {
            match answer {
                Ok((Reply::Generated { text, num_tokens, elapsed_secs, is_complete, filtered, .. }, _)) => {
                    let is_stopped = self.writing.with_untracked(|writing| writing.is_stopping);
                    let is_at_limit = match sampling.max_length as usize {
                        0 => num_tokens >= sampling.max_new_tokens as usize,
                        length => window.is_none_or(|window| length < window),
                    };
                    let ending = Ending { num_tokens, elapsed_secs, is_complete, is_stopped, is_at_limit, filtered };
                    self.note_writing(WritingInput::Ended(text, ending));
                    // Another model may have been asked for meanwhile.
                    let is_current = self.writing.with_untracked(|writing| writing.current == Some(weights));
                    let has_tuned = self.run.with_untracked(RunState::is_finished);
                    if weights == Weights::Base && has_tuned && is_current && !is_stopped {
                        return self.write_with(Weights::Tuned, prompt, sampling);
                    }
                }
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => self.report(Step::Try, problem),
            }
            self.note_writing(WritingInput::Over);
        });
        self.writing_id.set_value(Some(id));
    }

    /// Ends the text that is being written; what has come stays.
    pub(crate) fn stop_writing(self) {
        self.note_writing(WritingInput::Stopping);
        self.client().send(Command::StopGenerating, Vec::new(), move |answer| {
            if let Err(problem) = answer {
                self.report(Step::Try, problem);
            }
        });
    }

    fn note_writing(self, input: WritingInput) {
        self.writing.update(|writing| writing.apply(input));
    }

    /// Makes the answer a turn of the conversation, and leaves room for the next.
    pub(crate) fn go_on_from_answer(self) {
        let last =
            |writing: &Writing| writing.tuned.as_ref().or(writing.base.as_ref()).map(|written| written.text.clone());
        let Some(content) = self.writing.with_untracked(last) else { return };
        self.try_turns.update(|turns| {
            turns.push(Turn::new(Role::Assistant, content));
            turns.push(Turn::new(Role::User, ""));
        });
        self.writing.set(Writing::default());
    }

    /// Builds the zip and saves it.
    pub(crate) fn export(self, format: ExportFormat) {
        let num_parts = self.run_parts.with_untracked(Vec::len);
        let what = match format {
            ExportFormat::Adapter => "adapter".to_owned(),
            ExportFormat::Merged if num_parts > 0 => format!("{num_parts}-tasks"),
            ExportFormat::Merged => String::new(),
        };
        let (name, thresholds) = (self.file_name(&what, "zip"), self.chosen_thresholds());
        let is_verified = self.verifies_export.get_untracked();
        if self.exporting.get_untracked() {
            return;
        }
        self.dismiss(Step::Export);
        self.exporting.set(true);
        spawn_local(async move {
            let answer = self.request(Command::Export { format, thresholds, is_verified }, Vec::new()).await;
            self.exporting.set(false);
            match answer {
                Ok((Reply::Exported { checked, .. }, blobs)) => {
                    self.export_checked.set(checked.unwrap_or_default());
                    if let Some(size_bytes) = self.save_parts(Step::Export, &name, &blobs, "application/zip") {
                        self.exported.set(Some((name, size_bytes)));
                        self.model.pending.set(None); // nothing would be lost any more
                    }
                }
                Ok((other, _)) => self.report(Step::Export, unexpected(&other)),
                Err(problem) => self.report(Step::Export, problem),
            }
        });
    }

    /// Saves the job file of the last run, or of the recipe as it stands.
    pub(crate) fn save_job(self) {
        let planned = || {
            let source = self.model.info.with_untracked(|info| info.as_ref().map(|info| info.source.clone()))?;
            let (run, changes) = (self.resolved.get_untracked().ok()?, self.changed.get_untracked().ok()?);
            let [data_file, valid_file, test_file] = self.names_of_own_files();
            let job = match self.job_parts() {
                parts if parts.is_empty() => {
                    let job = Job::new(source, data_file, self.data.read.get_untracked(), run);
                    Job { valid_file, test_file, ..job }
                }
                parts => Job { parts, ..Job::new(source, None, ReadOptions::default(), run) },
            };
            Some(Job { changes, ..job }.to_json())
        };
        let of_run = self.started.with_untracked(|started| started.as_ref().map(|started| started.job.clone()));
        if let Some(job) = of_run.or_else(planned) {
            let name = self.file_name("hone", "json");
            self.save(Step::Export, &name, &wasm_bindgen::JsValue::from_str(&job), "application/json");
        }
    }

    /// Saves a table of what was measured; `what` it is stands in the file's name.
    pub(crate) fn save_table(self, what: &str, csv: &str) {
        let part = self.measured_part.get_untracked().map(|part| format!("{}-{what}", part.name));
        let name = self.file_name(part.as_deref().unwrap_or(what), "csv");
        self.save(Step::Evaluate, &name, &csv.into(), "text/csv");
    }

    /// Name of a file for the person's downloads: of the last run, else of the loaded model.
    pub(super) fn file_name(self, what: &str, ending: &str) -> String {
        let of_run = self.started.with_untracked(|started| Some(started.as_ref()?.origin.file_name(what, ending)));
        of_run.unwrap_or_else(|| {
            let model = self.model.loaded_name();
            let task = self.model.task.get_untracked();
            origin::file_name(&model.unwrap_or_default(), task, None, what, 0, ending)
        })
    }

    pub(super) fn save(self, step: Step, name: &str, content: &wasm_bindgen::JsValue, media_type: &str) -> bool {
        match browser::save_file(name, content, media_type) {
            Ok(()) => true,
            Err(message) => {
                let hint = "Free some memory or disk space and try again.".into();
                self.report(step, Problem { kind: ProblemKind::Storage, message, hint });
                false
            }
        }
    }

    /// As [`Self::save`], of a file that came in parts: its size in bytes, where it was saved.
    pub(super) fn save_parts(self, step: Step, name: &str, parts: &[ArrayBuffer], media_type: &str) -> Option<f64> {
        if parts.is_empty() {
            self.report(step, bug(format!("{name} came without its bytes")));
            return None;
        }
        let content: Array = parts.iter().collect();
        // What was packed comes as one blob among the buffers.
        let size =
            |part: &ArrayBuffer| part.dyn_ref::<Blob>().map_or_else(|| f64::from(part.byte_length()), Blob::size);
        let size_bytes = parts.iter().map(size).sum();
        self.save(step, name, &content, media_type).then_some(size_bytes)
    }

    /// Figures of the tuned weights belong to the last run only.
    pub(super) fn forget_tuned(self) {
        self.measured_tuned.set(None);
        self.examined.forget_trained();
        self.exported.set(None);
        self.export_checked.set(String::new());
        self.tried.set(None);
        self.batch.labeled.set(None);
        self.writing.set(Writing::default());
    }

    /// Figures belong to one model and one file.
    pub(super) fn forget_figures(self) {
        self.measured_base.set(None);
        self.parts.measured.set(Vec::new());
        self.few_shot.set(None);
        self.forget_tuned();
    }
}
