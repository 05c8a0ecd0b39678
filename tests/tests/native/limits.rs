//! A model's files from anywhere: what is nested without end, claims a header without end, or names absurd sizes is refused, by
//! a message of a readable length and without the memory that it asks for. (Zips: `core/src/folder.rs`, `core/src/images/archive.rs`;
//! rows: `core/src/data/parse/json`; chat templates: `core/src/tokenizer`.)

use burn::tensor::Device;
use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_tests::paths;
use serde_json::{Value, json};

/// Lists in one another: far beyond any limit, and what a reader that calls itself could not read.
const DEPTH: usize = 200_000;
/// Longest message, in bytes.
const MAX_MESSAGE: usize = 2_000;

fn load(folder: Folder) -> Result<(), String> {
    let source = ModelSource::Local { name: "foreign".into() };
    Session::new(Device::flex()).load_model(source, folder).map(drop).map_err(|error| error.to_string())
}

fn model() -> Folder {
    paths::read_folder(&paths::fixture("tiny_encoder"))
}

/// Why the model is refused with another content of one file.
fn refusal(name: &str, bytes: Vec<u8>) -> String {
    let mut folder = model();
    folder.insert(name, bytes);
    let message = load(folder).expect_err(name);
    assert!(message.len() <= MAX_MESSAGE, "{name}: {} bytes: {message:.200}", message.len());
    message
}

/// config.json of the model with another value of a field.
fn config(field: &str, value: Value) -> Vec<u8> {
    let folder = model();
    let mut config: Value = serde_json::from_slice(folder.get("config.json").expect("it is there")).expect("JSON");
    config[field] = value;
    config.to_string().into_bytes()
}

#[test]
fn the_model_itself_loads() {
    load(model()).expect("it is a good one");
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH)).into_bytes();
    for name in ["config.json", "tokenizer.json"] {
        eprintln!("{}", refusal(name, deep.clone()));
    }
    let header = [(deep.len() as u64).to_le_bytes().to_vec(), deep].concat();
    eprintln!("{}", refusal("model.safetensors", header));
}

#[test]
fn headers_without_end_are_refused() {
    for length in [1 << 28, 1 << 40, u64::MAX] {
        let bytes = [length.to_le_bytes().to_vec(), b"{\"a\": 1}".to_vec()].concat();
        eprintln!("{}", refusal("model.safetensors", bytes));
    }
}

#[test]
fn absurd_sizes_are_refused_by_the_name_of_their_field() {
    for field in ["vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings"] {
        for value in [json!(u64::MAX), json!(1_u64 << 40), json!(-1), json!(1e300)] {
            let message = refusal("config.json", config(field, value));
            assert!(message.contains(field), "{message}");
        }
    }
}
