//! A file of prompts and completions, and a session that the tiny decoder is loaded into.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::TrainEvent;
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::{Evaluation, EvaluationDetail, ReportDetail};

use crate::paths;

const PLACES: [(&str, &str); 6] = [
    ("France", "Paris"),
    ("Italy", "Rome"),
    ("Spain", "Madrid"),
    ("Egypt", "Cairo"),
    ("Peru", "Lima"),
    ("Cuba", "Havana"),
];

/// Forty-eight short rows: a land and its capital.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn data() -> DataFiles {
    let mut lines = String::new();
    for turn in 0..8 {
        for (land, town) in PLACES {
            let (prompt, completion) = (format!("{turn}. The capital of {land} is"), format!(" {town}."));
            lines.push_str(&serde_json::json!({ "prompt": prompt, "completion": completion }).to_string());
            lines.push('\n');
        }
    }
    DataFiles { train: ("capitals.jsonl".into(), lines.into_bytes()), ..DataFiles::default() }
}

/// LoRA on every linear layer, four epochs, the rest as usual.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn run() -> RunConfig {
    RunConfig {
        method: Method::Lora,
        lora: LoraConfig { r: 4, lora_alpha: 16.0, target_modules: vec!["all-linear".into()], ..LoraConfig::default() },
        num_train_epochs: 4,
        batch_size: 8,
        learning_rate: 3e-3,
        max_seq_length: 64,
        logging_steps: 2,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
        ..RunConfig::default()
    }
}

/// A session with the tiny decoder on the CPU.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn loaded() -> Session {
    loaded_on(&Device::flex())
}

fn loaded_on(device: &Device) -> Session {
    let mut session = Session::new(device.clone());
    let folder = paths::read_folder(&paths::fixture("tiny_decoder"));
    session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
    session
}

/// A session with model and rows, ready to start `run`.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn ready(run: &RunConfig) -> Session {
    ready_on(run, &Device::flex())
}

/// As [`ready`], on any device.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn ready_on(run: &RunConfig, device: &Device) -> Session {
    let mut session = loaded_on(device);
    let report = session.load_data(data(), &ReadOptions::default(), run).expect("the rows load");
    let ReportDetail::CausalLm(detail) = &report.detail else { panic!("the fixture writes texts") };
    assert_eq!(report.num_usable, 48);
    assert!(detail.num_loss_tokens * 3 < detail.num_tokens, "only completions are learned");
    session
}

/// All events of the run until it is over.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn drain(session: &mut Session) -> Vec<TrainEvent> {
    let mut events = Vec::new();
    while let Some(event) = block_on(session.next_event()).expect("the run goes on") {
        events.push(event);
    }
    events
}

/// The adapter of such a run.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn adapter() -> Folder {
    let mut session = ready(&run());
    session.start(run()).expect("it starts");
    let _ = drain(&mut session);
    block_on(session.export(ExportFormat::Adapter)).expect("it exports")
}

/// Twelve letters after a prompt, greedily.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn write(session: &mut Session, weights: Weights) -> String {
    let sampling = SamplingConfig { max_new_tokens: 12, ..SamplingConfig::default() };
    let prompt = Prompt::Text("3. The capital of Spain is".into());
    block_on(session.generate(&prompt, weights, &sampling, async |_: &str| true)).expect("it writes").text
}

/// Validation losses in order.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn valid_losses(events: &[TrainEvent]) -> Vec<f64> {
    let loss_of = |event: &TrainEvent| match event {
        TrainEvent::Evaluated { evaluation, .. } => Some(loss(evaluation)),
        _ => None,
    };
    events.iter().filter_map(loss_of).collect()
}

/// The loss of an evaluation.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn loss(evaluation: &Evaluation) -> f64 {
    evaluation.figure("loss").expect("every task has a loss")
}

/// Tokens that an evaluation of a language model scored.
///
/// # Panics
/// When it is one of another task.
#[must_use]
pub fn num_tokens(evaluation: &Evaluation) -> u64 {
    let EvaluationDetail::CausalLm(detail) = &evaluation.detail else { panic!("the model writes texts") };
    detail.num_tokens
}
