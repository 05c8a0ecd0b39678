//! Dates in words, each with its year alone; and a session that the tiny T5 is loaded into, which was made to write the whole
//! date in digits.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::ReportDetail;
use serde_json::{Value, json};

use crate::paths;

/// What stands before every source.
pub const PREFIX: &str = "year: ";

/// Rows of a file.
pub const ROWS: usize = 60;

/// Tokens that are written at most; a whole date has twelve, with the one that ends it, and a year has six.
pub const MAX_NEW_TOKENS: u32 = 16;

/// Dates that no row of the file has.
pub const SOURCES: [&str; 5] = [
    "the fifth of May 2011",
    "March the twentieth, 1998",
    "October 3rd, 2023",
    "on the 21st of August nineteen ninety-four",
    "Tuesday, the thirteenth of June 2006",
];

/// The first rows of the sample that comes with the page, as JSON Lines: `{"source": "May 29th, 2014", "target":
/// "2014-05-29"}`.
///
/// # Panics
/// When the sample can't be read.
#[must_use]
pub fn sample(count: usize) -> String {
    let path = paths::root().join("public/samples/dates.jsonl");
    let sample = std::fs::read_to_string(path).expect("the sample can be read");
    sample.lines().take(count).map(|line| format!("{line}\n")).collect()
}

/// The same rows with the year alone: `{"source": "May 29th, 2014", "target": "2014"}`.
///
/// # Panics
/// When the sample is damaged.
#[must_use]
pub fn jsonl(count: usize) -> String {
    let with_year = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("the sample is JSON");
        let (year, _) = row["target"].as_str().and_then(|date| date.split_once('-')).expect("a date");
        format!("{}\n", json!({ "source": row["source"], "target": year }))
    };
    sample(count).lines().map(with_year).collect()
}

/// A training file of these rows, and no other.
#[must_use]
pub fn files(jsonl: String) -> DataFiles {
    DataFiles { train: ("dates.jsonl".into(), jsonl.into_bytes()), ..DataFiles::default() }
}

/// Sources behind their prefix.
#[must_use]
pub fn read() -> ReadOptions {
    ReadOptions { source_prefix: Some(PREFIX.into()), ..ReadOptions::default() }
}

/// LoRA on every linear layer, three epochs of five steps. No dropout, whose generator a process shares.
#[must_use]
pub fn run() -> RunConfig {
    let target_modules = vec!["all-linear".into()];
    RunConfig {
        method: Method::Lora,
        lora: LoraConfig { lora_dropout: 0.0, target_modules, ..LoraConfig::default() },
        num_train_epochs: 3,
        batch_size: 8,
        learning_rate: 5e-3,
        max_seq_length: 48,
        max_target_length: MAX_NEW_TOKENS,
        logging_steps: 1,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 },
        ..RunConfig::default()
    }
}

/// The files of the tiny T5.
///
/// # Panics
/// When the fixture is missing.
#[must_use]
pub fn model() -> Folder {
    paths::read_folder(&paths::fixture("tiny_t5"))
}

/// A session with a model on the CPU.
///
/// # Panics
/// When its files can't be used.
#[must_use]
pub fn open(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the model loads");
    session
}

/// A session with the tiny T5 and its rows, ready to start `run`.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn ready(run: &RunConfig) -> Session {
    let mut session = open(model());
    let report = session.load_data(files(jsonl(ROWS)), &read(), run).expect("the rows load");
    let ReportDetail::Seq2seqLm(detail) = &report.detail else { panic!("the fixture turns texts into others") };
    assert_eq!((report.num_usable, report.num_truncated, detail.num_targets_cut), (ROWS, 0, 0));
    session
}

/// What a model makes of the [`SOURCES`] behind their prefix, the likeliest token each time, or with beams.
///
/// # Panics
/// When it does not write.
#[must_use]
pub fn write(session: &mut Session, weights: Weights, num_beams: u32) -> Vec<String> {
    let sampling = SamplingConfig { num_beams, max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
    let write_one = |source: &str| {
        let prompt = Prompt::Text([PREFIX, source].concat());
        block_on(session.generate(&prompt, weights, &sampling, async |_: &str| true)).expect("it writes").text
    };
    SOURCES.into_iter().map(write_one).collect()
}
