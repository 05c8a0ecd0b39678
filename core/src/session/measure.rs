//! What a model answers and measures without a run: its labels, the length it reads, the columns it was trained on.

use super::protocol::Weights;
use super::reading::Tokens;
use super::run::{Data, Report, Rows, Session};
use super::{SessionError, classes, texts};
use crate::checkpoint::PretrainedModel;
use crate::config::{DataShape, JOB_FILE, Job, PromptFormat, ReadOptions, RunConfig, SplitConfig, Task};
use crate::data::{DataError, DataFiles, NO_VALIDATION_ROWS, TrainedRead, read_as_trained};
use crate::model::ModelConfig;

/// Longest window in which texts are measured, in tokens: attention to all of a model's hundred thousand would need more
/// memory than there is.
const MAX_WINDOW: usize = 1024;

/// Larger values of `model_max_length` say that the tokenizer knows no limit.
const NO_LIMIT: f64 = 1e9;

/// Tokens of a text that a model reads where no run and no job file says: as many as its config and its tokenizer allow.
fn input_limit(model: &PretrainedModel) -> usize {
    let own = model_limit(model);
    match model.config.task() {
        Task::SequenceClassification => own,
        Task::CausalLm => own.min(MAX_WINDOW),
    }
}

fn model_limit(model: &PretrainedModel) -> usize {
    let json = model.folder.get("tokenizer_config.json");
    let json = json.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    let limit = json.and_then(|json| json.get("model_max_length")?.as_f64());
    let limit = limit.filter(|limit| (1.0..NO_LIMIT).contains(limit)).map(|limit| limit as usize);
    limit.unwrap_or(usize::MAX).min(model.config.max_tokens())
}

/// The columns that texts were really read from, guessed ones too; a plain text has none.
pub(super) fn with_used_columns(mut read: ReadOptions, used: &[(String, String)]) -> ReadOptions {
    for (column, role) in used {
        let (shape, wish) = match role.as_str() {
            "text" => (Some(DataShape::Text), &mut read.text_column),
            "prompt" => (Some(DataShape::PromptCompletion), &mut read.prompt_column),
            "instruction" => (Some(DataShape::Instruction), &mut read.prompt_column),
            "input" => (None, &mut read.input_column),
            "completion" | "output" => (None, &mut read.completion_column),
            "messages" => (Some(DataShape::Messages), &mut read.messages_column),
            _ => continue,
        };
        *wish = Some(column.clone());
        read.shape = shape.or(read.shape);
    }
    read
}

impl Session {
    /// Labels that the loaded model and its adapter give texts; none where its head is fresh.
    ///
    /// # Errors
    /// When no model is there, it writes texts, or its head is for another task.
    pub fn answer_labels(&self) -> Result<&[String], SessionError> {
        if self.task()? != Task::SequenceClassification {
            return Err(self.other_task());
        }
        self.check_head(if self.is_trained() { Weights::Tuned } else { Weights::Base })?;
        Ok(self.model_labels())
    }

    /// Refuses to answer with a head that does not give each text one label: softmax over it would be wrong without a
    /// word. A run's head is its own, and so is the fresh one that it is compared with.
    pub(super) fn check_head(&self, weights: Weights) -> Result<(), SessionError> {
        if self.trainer.is_some() {
            return Ok(());
        }
        let adapter = self.adapter.as_ref().filter(|_| weights == Weights::Tuned);
        let head = match adapter.and_then(|adapter| Some((&adapter.folder, adapter.labels.as_ref()?))) {
            Some((_, labels)) if labels.len() == 1 => Some("regression"),
            Some((folder, _)) => {
                let beside = folder.get("config.json").and_then(|bytes| ModelConfig::from_json(bytes).ok());
                let config = beside.as_ref().unwrap_or(&self.pretrained()?.config);
                // How many labels the base has says nothing of this head.
                let is_said = config.json.get("problem_type").is_some_and(|value| !value.is_null());
                config.unsupported_head().filter(|_| is_said)
            }
            None => self.unsupported_head,
        };
        head.map_or(Ok(()), |head| Err(SessionError::UnsupportedHead { head }))
    }

    /// How a file is read that goes with the loaded model: by the columns that it was trained on, where `asked` names no
    /// others and the file has them.
    #[must_use]
    pub fn read_as_trained(&self, name: &str, bytes: &[u8], asked: &ReadOptions) -> TrainedRead {
        let trained = self.own_job().map(|job| job.read).unwrap_or_default();
        read_as_trained(name, bytes, asked, &trained)
    }

    /// Reads rows that the loaded model, or its adapter, is measured on: all of them ([`Split::Train`]), by the columns
    /// that it was trained on and cut where it was trained to be cut. Labels are those of the model.
    ///
    /// [`Split::Train`]: crate::event::Split::Train
    ///
    /// # Errors
    /// Says what is wrong, with row and column, also where a row has a label that the model does not know; what was loaded
    /// before stays.
    pub fn load_rows_to_measure(&mut self, files: DataFiles, asked: &ReadOptions) -> Result<Report, SessionError> {
        let model = self.pretrained()?;
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = RunConfig { split, ..self.own_run() };
        let trained = self.read_as_trained(&files.train.0, &files.train.1, asked);
        let (rows, tokens, read, report) = match model.config.task() {
            Task::SequenceClassification => {
                let labels = self.answer_labels()?;
                let (dataset, summary) = classes::parse_to_measure(labels, &files, &trained.read, &run)?;
                let limit = classes::limit(model, &run);
                let tokens = classes::encode_all(model, &dataset, limit)?;
                let mut report = classes::report(&dataset, &summary, &tokens, limit);
                let read = classes::with_columns(&trained.read, &report);
                report.warnings.retain(|warning| warning != NO_VALIDATION_ROWS);
                report.warnings.extend(trained.missing_texts(&[report.text_column.as_str()]));
                report.warnings.extend(trained.missing_labels(&report.label_column));
                (Rows::Classes(dataset), Tokens::Classes(tokens), read, Report::Classes(Box::new(report)))
            }
            Task::CausalLm => {
                let parsed = texts::parse(Some(model), &files, &trained.read, &run);
                // Rows without prompts have no use for the way in which those of the training were joined.
                let is_unused = matches!(&parsed, Err(SessionError::Data(DataError::UnusedPromptFormat { .. })));
                let is_dropped = is_unused && asked.prompt_format.is_none();
                let without = ReadOptions { prompt_format: None, ..trained.read.clone() };
                let (dataset, summary) = match parsed {
                    Err(_) if is_dropped => texts::parse(Some(model), &files, &without, &run)?,
                    parsed => parsed?,
                };
                let tokens = texts::encode_all(model, &dataset, &run)?;
                let mut report = texts::report(Some(model), &dataset, &summary, &tokens, texts::limit(model, &run))?;
                report.warnings.retain(|warning| warning != NO_VALIDATION_ROWS);
                let used: Vec<&str> = report.used_columns.iter().map(|(column, _)| column.as_str()).collect();
                report.warnings.extend(trained.missing_texts(&used));
                let dropped = "the model was trained on prompts and answers, and these rows have none: they are read as they \
                               stand";
                report.warnings.extend(is_dropped.then(|| dropped.to_owned()));
                if report.num_truncated > 0 && report.max_seq_length < model_limit(model) {
                    let (limit, window) = (model_limit(model), report.max_seq_length);
                    report.warnings.push(format!("this model reads {limit} tokens; rows are measured up to {window}"));
                }
                let read = ReadOptions { prompt_format: report.prompt_format.clone(), ..without };
                (Rows::Texts(dataset), Tokens::Texts(tokens), read, Report::Texts(Box::new(report)))
            }
        };
        self.data = Some(Data { files, rows, tokens: Some(tokens), read, run });
        Ok(report)
    }

    /// How a bare prompt is given to the model: as the rows were that it was trained on; as it stands where nothing says.
    #[must_use]
    pub fn prompt_format(&self) -> PromptFormat {
        match &self.trainer {
            Some(trainer) => trainer.job().read.format_of_prompts(),
            None => self.own_job().map(|job| job.read.format_of_prompts()).unwrap_or_default(),
        }
    }

    /// Texts that are longer than [`Session::predict`] reads: how many tokens it reads, and their indices.
    ///
    /// # Errors
    /// When no model is there, or the tokenizer fails.
    pub fn find_cut_texts(&self, inputs: &[String]) -> Result<(usize, Vec<usize>), SessionError> {
        let model = self.pretrained()?;
        let limit = texts::limit(model, &self.answer_config());
        let encoded = classes::encode(model, inputs, limit)?;
        let cut = encoded.iter().enumerate().filter(|(_, row)| row.num_tokens_untruncated > limit);
        Ok((limit, cut.map(|(index, _)| index).collect()))
    }

    /// Settings under which texts are labeled: the run's, else those of data and model, cut where the model's own job says
    /// or the model ends.
    pub(super) fn answer_config(&self) -> RunConfig {
        let run = self.run_config();
        if self.trainer.is_some() {
            return run;
        }
        RunConfig { max_seq_length: self.own_run().max_seq_length, ..run }
    }

    /// Settings that the model, or its adapter, was trained with; what its job file does not say is the model's own limit.
    pub(super) fn own_run(&self) -> RunConfig {
        let Some((_, model)) = &self.model else { return RunConfig::default() };
        match self.own_job() {
            Some(job) => job.run,
            None => {
                RunConfig { max_seq_length: u32::try_from(input_limit(model)).unwrap_or(u32::MAX), ..model.run.clone() }
            }
        }
    }

    /// The job that trained what answers: the adapter's where there is one, else the model's.
    fn own_job(&self) -> Option<Job> {
        match &self.adapter {
            Some(adapter) => adapter.job.clone(),
            None => {
                let (_, model) = self.model.as_ref()?;
                model.folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessed_columns_are_kept() {
        let role = |column: &str, role: &str| (column.to_owned(), role.to_owned());
        let read = with_used_columns(ReadOptions::default(), &[role("frage", "prompt"), role("antwort", "completion")]);
        assert_eq!(read.shape, Some(DataShape::PromptCompletion));
        assert_eq!(
            (read.prompt_column.as_deref(), read.completion_column.as_deref()),
            (Some("frage"), Some("antwort"))
        );
        let used = [role("a", "instruction"), role("b", "input"), role("c", "output")];
        let as_chat = ReadOptions { prompt_format: Some(PromptFormat::Chat), ..ReadOptions::default() };
        let read = with_used_columns(as_chat, &used);
        assert_eq!((read.shape, read.prompt_format), (Some(DataShape::Instruction), Some(PromptFormat::Chat)));
        assert_eq!(read.input_column.as_deref(), Some("b"));
        assert_eq!(
            with_used_columns(ReadOptions::default(), &[]),
            ReadOptions::default(),
            "a plain text has no columns"
        );
    }
}
