//! `hone.json`: everything needed to run the same job again, here or on a server. It never holds the data itself, but for the cells that
//! were edited, each with what stood there before (ADR 32): without that nobody could tell the file that they were edited in from another;
//! and for copies of training rows that a model made (ADR 43).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, JobPart, ModelChanges, ReadOptions, RunConfig, Split, check_part_names};
use crate::file_text::{NotText, text_of};
use crate::task::Task;

/// File name of a job in an exported folder.
pub const JOB_FILE: &str = "hone.json";

/// Among [`Job::thresholds`] of a model that gives one label: by which its logits are divided.
pub const TEMPERATURE: &str = "temperature";

/// Among them: answers whose highest probability is below this are unsure.
pub const UNSURE_BELOW: &str = "unsure_below";

/// Where the pretrained model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// A hub repository such as `sentence-transformers/all-MiniLM-L6-v2`, at a revision (`main` if not named).
    Hub {
        /// `owner/name`.
        id: String,
        /// Branch, tag or commit.
        revision: String,
    },
    /// Files that the person chose.
    Local {
        /// Folder or file name, for display only.
        name: String,
    },
}

impl ModelSource {
    /// A hub repository at `main`.
    #[must_use]
    pub fn hub(id: impl Into<String>) -> Self {
        Self::Hub { id: id.into(), revision: "main".into() }
    }

    /// What `hone train --model` takes: a hub id, pinned to its revision where that is not `main`, or the folder's name.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::Hub { id, revision } if revision != "main" => format!("{id}@{revision}"),
            Self::Hub { id, .. } => id.clone(),
            Self::Local { name } => name.clone(),
        }
    }

    /// The name a person knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Hub { id, .. } => id,
            Self::Local { name } => name,
        }
    }
}

/// SHA-256 (lower-case hex) of the files that a job's rows were read from; `None` where there was no such file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataHashes {
    /// Of the training file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<String>,
    /// Of the file of validation rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<String>,
    /// Of the file of test rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
}

impl DataHashes {
    /// Nothing is known of the files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Which of `found` are not the files that these are the hashes of; none where nothing is known of them.
    #[must_use]
    pub fn differing(&self, found: &Self) -> Vec<&'static str> {
        if self.is_empty() {
            return Vec::new();
        }
        let files = [
            (Split::Train, &self.train, &found.train),
            (Split::Valid, &self.valid, &found.valid),
            (Split::Test, &self.test, &found.test),
        ];
        files.into_iter().filter(|(_, own, found)| own != found).map(|(split, ..)| split.words()).collect()
    }
}

/// The job file. Unknown fields are refused, so that a typing error is not silently a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Version of this file's layout.
    pub hone: u32,
    /// The pretrained model.
    pub model: ModelSource,
    /// What is changed of the model before it learns.
    #[serde(default, skip_serializing_if = "ModelChanges::is_empty")]
    pub changes: ModelChanges,
    /// What it learns; of a file without it the model's architecture decides, as it did before there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Name of the training file, for the reader; its path is given to the driver.
    #[serde(default)]
    pub data_file: Option<String>,
    /// Name of the file of validation rows, where they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_file: Option<String>,
    /// Name of the file of test rows, where they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<String>,
    /// What the files of rows were: whoever runs the job on others is warned.
    #[serde(default, skip_serializing_if = "DataHashes::is_empty")]
    pub data_sha256: DataHashes,
    /// How the file is read.
    #[serde(default)]
    pub read: ReadOptions,
    /// The settings.
    #[serde(default)]
    pub run: RunConfig,
    /// Of a trained model that gives several labels: the probability from which on it gives each, as its validation rows
    /// suit it best. Of one that was trained on questions some of which have no answer: `no_answer`, how much better than
    /// the best answer none must score. Of one that gives one label: `temperature`, by which logits are divided before
    /// probabilities are made of them, and `unsure_below`, the probability below which an answer is unsure, where a person chose
    /// one. No setting: a run of the job finds its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f64>,
    /// Several tasks that are learned at once, each from files of its own; none where there is one task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<JobPart>,
}

/// A job file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Packed, or in an encoding that is not read.
    #[error("the job file is {0}")]
    NotText(#[from] NotText),
    /// Not JSON, or a field is unknown or of the wrong kind.
    #[error("job file: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer Hone.
    #[error("job file has layout {found}, this build reads up to {}: update hone", Job::LAYOUT)]
    TooNew {
        /// Layout found.
        found: u32,
    },
    /// Settings that can't be used.
    #[error("job file: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<ConfigProblem>),
}

impl Job {
    /// The layout that this build writes.
    pub const LAYOUT: u32 = 1;

    /// A job of this layout, of files that nothing is known of but the first one's name.
    #[must_use]
    pub fn new(model: ModelSource, data_file: Option<String>, read: ReadOptions, run: RunConfig) -> Self {
        let (changes, data_sha256) = (ModelChanges::default(), DataHashes::default());
        let (task, valid_file, test_file, thresholds, parts) = (None, None, None, BTreeMap::new(), Vec::new());
        let hone = Self::LAYOUT;
        Self { hone, model, changes, task, data_file, valid_file, test_file, data_sha256, read, run, thresholds, parts }
    }

    /// Whether it was run: it names the rows that it was run on. One that is written beside another's adapter does not.
    #[must_use]
    pub fn was_run(&self) -> bool {
        self.data_file.is_some() || !self.data_sha256.is_empty()
    }

    /// Reads a job file, of UTF-8 or of UTF-16 with its byte order mark.
    ///
    /// # Errors
    /// When it is not JSON, has an unknown field, holds settings that can't be used, or was written by a newer Hone.
    pub fn from_json(bytes: &[u8]) -> Result<Self, JobError> {
        let job: Self = serde_json::from_str(&text_of(bytes)?)?;
        if job.hone > Self::LAYOUT {
            return Err(JobError::TooNew { found: job.hone });
        }
        let mut problems = [job.run.check(), job.read.check(), job.changes.check(), job.check_thresholds()].concat();
        if !job.parts.is_empty() {
            problems.extend(check_part_names(&job.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>()));
            problems.extend(job.parts.iter().flat_map(|part| part.read.check()));
        }
        if problems.is_empty() { Ok(job) } else { Err(JobError::Settings(problems)) }
    }

    /// Refuses what no logits can be divided by, and a share that is none, of tasks that give one label. Those of other tasks are
    /// named after labels.
    fn check_thresholds(&self) -> Vec<ConfigProblem> {
        let gives_one_label =
            |task: Option<Task>| matches!(task, None | Some(Task::SequenceClassification | Task::ImageClassification));
        let mut problems = Vec::new();
        let mut check = |place: &str, task: Option<Task>| {
            let named = |name: &str| self.thresholds.get(&format!("{place}{name}")).filter(|_| gives_one_label(task));
            let mut refuse = |name: &str, value: f64, must: &str| {
                let field = format!("thresholds: {place}{name}");
                problems.push(ConfigProblem { field, message: format!("{value} must be {must}") });
            };
            if let Some(&value) = named(TEMPERATURE).filter(|value| !(value.is_finite() && **value > 0.0)) {
                refuse(TEMPERATURE, value, "above 0");
            }
            if let Some(&value) = named(UNSURE_BELOW).filter(|value| !(0.0..=1.0).contains(*value)) {
                refuse(UNSURE_BELOW, value, "from 0 to 1");
            }
        };
        if self.parts.is_empty() {
            check("", self.task);
        }
        self.parts.iter().for_each(|part| check(&format!("{}/", part.name), Some(part.task)));
        problems
    }

    /// Pretty JSON with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a job holds only plain values");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        AugmentKind, DataShape, Dtype, Encoding, Fold, Freeze, LoraConfig, LrSchedulerType, MadeCopies, MadeCopy,
        Method, PromptFormat, RowEdit, RowEdits, RowSharing, Split, TextCleaning,
    };
    use super::*;

    #[test]
    fn a_temperature_that_is_none_is_refused_where_one_label_is_given() {
        let refused = |task: &str, thresholds: &str| {
            let text = format!(
                r#"{{"hone": 1, "model": {{"local": {{"name": "m"}}}}, {task} "thresholds": {{{thresholds}}}}}"#
            );
            Job::from_json(text.as_bytes()).err().map(|error| error.to_string())
        };
        let one_label = r#""task": "sequence_classification","#;
        for wrong in ["0.0", "-1.5"] {
            let error = refused(one_label, &format!(r#""temperature": {wrong}"#)).expect("no logits are divided by it");
            assert!(error.contains("thresholds: temperature: ") && error.ends_with("must be above 0"), "{error}");
        }
        let error = refused("", r#""unsure_below": 1.5"#).expect("no probability is so high");
        assert!(error.ends_with("thresholds: unsure_below: 1.5 must be from 0 to 1"), "{error}");
        assert_eq!(refused(one_label, r#""temperature": 1.5, "unsure_below": 0.75"#), None);
        assert_eq!(refused(r#""task": "multi_label","#, r#""temperature": 0.0"#), None, "a label of that name");
        let part = r#""parts": [{"name": "topic", "task": "sequence_classification"}],"#;
        let error = refused(part, r#""topic/temperature": 0.0"#).expect("no logits are divided by it");
        assert!(error.contains("topic/temperature"), "{error}");
    }

    #[test]
    fn a_job_survives_its_file() {
        let job = Job::new(ModelSource::hub("a/b"), Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
        assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);
    }

    #[test]
    fn a_job_that_windows_saved_again_is_read() {
        let job = Job::new(ModelSource::hub("a/b"), Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
        let marked = format!("\u{feff}{}", job.to_json());
        let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [marked.as_bytes(), utf16.as_slice()] {
            assert_eq!(Job::from_json(bytes).expect("its text is the same"), job);
        }
        let error = Job::from_json(b"\x1F\x8B\x08").expect_err("packed").to_string();
        assert_eq!(error, "the job file is packed with gzip: unpack the file first");
    }

    /// A job in which nothing is as it would be by itself.
    fn full_job() -> Job {
        let name = |name: &str| Some(name.to_owned());
        let read = ReadOptions {
            text_column: name("text"),
            text_pair_column: name("second"),
            negative_column: name("negative"),
            label_column: name("label"),
            label_columns: vec!["a".into(), "b".into()],
            tokens_column: name("tokens"),
            sentence_column: name("sentence"),
            question_column: name("question"),
            context_column: name("context"),
            answer_column: name("answer"),
            target_column: name("ziel"),
            source_prefix: name("translate: "),
            image_column: name("bild"),
            shape: Some(DataShape::PromptCompletion),
            prompt_column: name("frage"),
            input_column: name("kontext"),
            completion_column: name("antwort"),
            messages_column: name("turns"),
            prompt_format: Some(PromptFormat::parse("F: {prompt}\nA: {completion}").expect("a good text")),
            delimiter: Some('\t'),
            has_header: Some(true),
            header_row: Some(3),
            encoding: Some(Encoding::Windows1252),
            sheet: name("Rows"),
            label_separator: Some('|'),
            merge_labels: [("biling".to_owned(), "Billing".to_owned())].into(),
            clean_texts: [TextCleaning::Damage].into(),
            sharing: RowSharing {
                group_column: name("kunde"),
                dedupe: true,
                fold: Some(Fold { index: 1, count: 5 }),
                ..RowSharing::default()
            },
            edits: RowEdits { log: vec![RowEdit::DropRows { file: Split::Train, rows: vec![7] }] },
            copies: MadeCopies {
                by: "translated and back by t5".into(),
                kind: AugmentKind::Translated,
                copies: vec![MadeCopy { row: 2, of: "0123".into(), texts: vec!["anders".into()] }].into(),
            },
        };
        let lora = LoraConfig {
            r: 4,
            target_modules: vec!["q_proj".into()],
            rank_pattern: [("q_proj".to_owned(), 2)].into(),
            alpha_pattern: [("q_proj".to_owned(), 0.5)].into(),
            use_rslora: true,
            use_dora: true,
            ..LoraConfig::default()
        };
        let run = RunConfig {
            method: Method::Lora,
            lora,
            dtype: Dtype::Bf16,
            learning_rate: 3e-4,
            lr_scheduler_type: LrSchedulerType::Cosine,
            dropout: Some(0.0),
            seed: u64::MAX,
            ..RunConfig::default()
        };
        let hash = |digit: &str| Some(digit.repeat(64));
        let data_sha256 = DataHashes { train: hash("a"), valid: hash("b"), test: hash("c") };
        let model = ModelSource::Hub { id: "a/b".into(), revision: "v2".into() };
        let changes = ModelChanges { keep_layers: vec![0, 2], add_layers: 1, add_tokens: vec!["Sturzregen".into()] };
        let thresholds = [("biling".to_owned(), 0.1), ("late".to_owned(), 1.0 / 3.0)].into();
        let job = Job::new(model, name("fragen.csv"), read, run);
        let (valid_file, test_file) = (name("fragen-dev.csv"), name("fragen-test.csv"));
        Job { changes, data_sha256, valid_file, test_file, task: Some(Task::default()), thresholds, ..job }
    }

    #[test]
    fn a_job_with_every_wish_survives_its_file() {
        let job = full_job();
        assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);
    }

    #[test]
    fn what_is_changed_and_frozen_is_in_the_file_only_where_something_is() {
        let plain = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        for absent in ["thresholds", "valid_file", "test_file"] {
            assert!(!plain.to_json().contains(absent), "{absent}: {}", plain.to_json());
        }
        assert!(!plain.to_json().contains("changes") && !plain.to_json().contains("freeze"), "{}", plain.to_json());
        let run = RunConfig { freeze: Freeze::Layers(2), ..RunConfig::default() };
        let frozen = Job { run, ..plain.clone() };
        assert_eq!(Job::from_json(frozen.to_json().as_bytes()).expect("reads its own file"), frozen);
        let changes = ModelChanges { keep_layers: vec![2, 1], ..ModelChanges::default() };
        let job = Job { changes, ..plain };
        let error = Job::from_json(job.to_json().as_bytes()).expect_err("out of order").to_string();
        assert!(error.contains("keep_layers"), "{error}");
    }

    #[test]
    fn jobs_of_earlier_builds_are_read() {
        // As the build before formats of prompts, encodings and hashes wrote it.
        let of_texts = r#"{
  "hone": 1,
  "model": { "hub": { "id": "distilbert/distilgpt2", "revision": "main" } },
  "data_file": "faq.jsonl",
  "read": {
    "text_column": null, "label_column": null, "shape": "prompt_completion", "prompt_column": "q",
    "input_column": null, "completion_column": "a", "messages_column": null, "as_chat": false,
    "delimiter": null, "has_header": null
  },
  "run": {
    "method": "lora",
    "lora": { "r": 8, "lora_alpha": 16.0, "lora_dropout": 0.05, "target_modules": [], "use_rslora": false },
    "packing": true, "gradient_checkpointing": false, "pooling": "cls", "num_train_epochs": 2, "batch_size": 16,
    "gradient_accumulation_steps": 1, "learning_rate": 5e-5, "weight_decay": 0.01, "adam_beta1": 0.9,
    "adam_beta2": 0.999, "adam_epsilon": 1e-8, "warmup_ratio": 0.1, "lr_scheduler_type": "linear",
    "max_grad_norm": 1.0, "label_smoothing_factor": 0.0, "class_weights": "none", "dropout": null,
    "max_seq_length": 128, "pad_to_multiple_of": 8, "eval_strategy": { "steps": 20 },
    "metric_for_best_model": "loss", "load_best_model_at_end": true, "early_stopping_patience": null,
    "logging_steps": 10, "seed": 42, "split": { "valid_fraction": 0.1, "test_fraction": 0.1 }
  }
}"#;
        let job = Job::from_json(of_texts.as_bytes()).expect("an earlier build's");
        assert_eq!(job.read.prompt_format, Some(PromptFormat::Plain), "there was nothing between prompt and answer");
        assert_eq!((job.run.method, job.run.packing, job.run.num_train_epochs), (Method::Lora, true, 2));
        assert!(job.data_sha256.is_empty() && job.read.encoding.is_none() && job.read.merge_labels.is_empty());
        assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);

        // As the first build wrote it, with the settings that it had.
        let of_labels = r#"{"hone":1,"model":{"local":{"name":"mini"}},"data_file":"mail.csv","read":{"text_column":"text",
            "label_column":"label","delimiter":",","has_header":true},"run":{"method":"head","num_train_epochs":5}}"#;
        let job = Job::from_json(of_labels.as_bytes()).expect("the first build's");
        assert_eq!((job.read.delimiter, job.read.prompt_format), (Some(','), None));
        assert_eq!((job.run.method, job.run.num_train_epochs, job.run.seed), (Method::Head, 5, 42));
    }

    #[test]
    fn only_a_format_that_was_chosen_is_in_the_file() {
        let job = |run| Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
        assert!(!job(RunConfig::default()).to_json().contains("dtype"), "files of f32 are as they always were");
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let half = job(RunConfig { dtype, ..RunConfig::default() });
            assert!(half.to_json().contains(&format!("\"dtype\": \"{}\"", dtype.name())), "{}", half.to_json());
            assert_eq!(Job::from_json(half.to_json().as_bytes()).expect("reads its own file"), half);
        }
    }

    #[test]
    fn dora_is_in_the_file_only_where_it_is_used() {
        for use_dora in [false, true] {
            let run = RunConfig { lora: LoraConfig { use_dora, ..LoraConfig::default() }, ..RunConfig::default() };
            let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
            assert_eq!(job.to_json().contains("\"use_dora\": true"), use_dora);
            assert_eq!(job.to_json().contains("use_dora"), use_dora);
            assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);
        }
    }

    #[test]
    fn files_that_differ_are_named() {
        let hashes = |train: &str, test: Option<&str>| DataHashes {
            train: Some(train.into()),
            valid: None,
            test: test.map(str::to_owned),
        };
        let known = hashes("aa", Some("bb"));
        assert_eq!(known.differing(&known), [""; 0]);
        assert_eq!(known.differing(&hashes("ab", Some("bb"))), ["training"]);
        assert_eq!(known.differing(&hashes("aa", None)), ["test"], "the job was made with test rows of its own");
        assert_eq!(DataHashes::default().differing(&known), [""; 0], "an old job knows of no files");

        let new = || Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert!(!new().to_json().contains("sha256"), "what is not known is not in the file");
        let job = Job { data_sha256: known, ..new() };
        assert_eq!(Job::from_json(job.to_json().as_bytes()).expect("reads its own file"), job);
    }

    #[test]
    fn a_model_is_named_with_its_revision() {
        let hub = |revision: &str| ModelSource::Hub { id: "a/b".into(), revision: revision.into() };
        assert_eq!([hub("main").argument(), hub("c0ffee").argument()], ["a/b", "a/b@c0ffee"]);
        assert_eq!(ModelSource::Local { name: "models/mine".into() }.argument(), "models/mine");
    }

    #[test]
    fn a_typing_error_is_refused() {
        let text = r#"{"hone":1,"model":{"local":{"name":"m"}},"run":{"learning_rat":1}}"#;
        let error = Job::from_json(text.as_bytes()).expect_err("unknown field").to_string();
        assert!(error.contains("learning_rat"), "{error}");
    }

    #[test]
    fn a_newer_layout_is_named() {
        let text = r#"{"hone":99,"model":{"local":{"name":"m"}}}"#;
        assert!(matches!(Job::from_json(text.as_bytes()), Err(JobError::TooNew { found: 99 })));
    }
}
