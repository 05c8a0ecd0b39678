//! An adapter that Hone exports loads in PEFT, and a merged folder in `transformers`, with the same logits within 1e-4.
//! (The other way round, adapters that PEFT saved, is in `parity_tokens.rs`.)
//!
//! Runs where Python has peft and torch (`HONE_PYTHON` names another interpreter); skips loudly elsewhere.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::{BatchInputs, TextBatch};
use hone_core::checkpoint::{PretrainedModel, load_adapter};
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::task::HeadKind;
use hone_tests::golden::values;
use hone_tests::{paths, python};

const TEXTS: [&str; 3] = ["To be, or not to be: that is the ques", "The quality of mercy is not strain'd", "now"];

#[test]
fn peft_and_transformers_agree_with_what_hone_exports() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let base = paths::fixture("tiny_decoder");
    for use_dora in [false, true] {
        check(&python, &base, &train(&base, use_dora));
    }
}

#[test]
fn the_code_of_a_card_runs() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let base = paths::fixture("tiny_decoder");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let local = temporary.path().join("local");
    let source = ModelSource::Local { name: "tiny decoder".into() };
    let (adapter, whole) = train_from(source, &base, false);
    paths::write_folder(&adapter, &local);
    let said = python::run(&python, "tests/python/run_card.py", &[&local, &base]);
    assert!(said.contains("ran: logits"), "{said}");

    let merged = temporary.path().join("merged");
    paths::write_folder(&whole, &merged);
    let said = python::run(&python, "tests/python/run_card.py", &[&merged]);
    assert!(said.contains("ran: a pipeline"), "{said}");

    // A base of the hub stands under its id, here in the adapter's own folder: there is no hub.
    let hub = temporary.path().join("hub");
    paths::write_folder(&train_from(ModelSource::hub("tiny/decoder"), &base, false).0, &hub);
    paths::write_folder(&paths::read_folder(&base), &hub.join("tiny/decoder"));
    let said = python::run(&python, "tests/python/run_card.py", &[&hub]);
    assert!(said.contains("ran: logits"), "{said}");
}

fn check(python: &OsStr, base: &Path, (adapter, merged): &(Folder, Folder)) {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| temporary.path().join(name);
    paths::write_folder(adapter, &at("adapter"));
    paths::write_folder(merged, &at("merged"));
    let (rows, logits) = logits(base, adapter);
    std::fs::write(at("rows.json"), rows).expect("the folder is ours");
    std::fs::write(at("logits.json"), logits).expect("the folder is ours");
    for folders in [vec![base.to_path_buf(), at("adapter")], vec![at("merged")]] {
        let mut arguments: Vec<OsString> = folders.into_iter().map(OsString::from).collect();
        arguments.extend(["--inputs".into(), at("rows.json").into(), "--expect".into(), at("logits.json").into()]);
        arguments.extend(["--tolerance".into(), "1e-4".into()]);
        python::run(python, "tests/goldens/check_peft.py", &arguments);
    }
}

/// The adapter of a short run, and the model it merges to.
fn train(base: &Path, use_dora: bool) -> (Folder, Folder) {
    train_from(ModelSource::Local { name: base.display().to_string() }, base, use_dora)
}

fn train_from(source: ModelSource, base: &Path, use_dora: bool) -> (Folder, Folder) {
    let mut session = Session::new(Device::flex());
    session.load_model(source, paths::read_folder(base)).expect("the fixture loads");
    let run = RunConfig {
        method: Method::Lora,
        lora: LoraConfig {
            r: 4,
            target_modules: vec!["c_attn".into(), "c_fc".into()],
            use_dora,
            ..LoraConfig::default()
        },
        num_train_epochs: 3,
        batch_size: 4,
        learning_rate: 5e-3,
        max_seq_length: 64,
        ..RunConfig::default()
    };
    let rows: String = (0..40).map(|row| format!("{{\"prompt\":\"{row} and\",\"completion\":\" one\"}}\n")).collect();
    let data = DataFiles { train: ("sums.jsonl".into(), rows.into_bytes()), valid: None, test: None };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("the run starts");
    while block_on(session.next_event()).expect("the run goes on").is_some() {}
    let mut export = |format| block_on(session.export(format)).expect("a trained model can be exported");
    (export(ExportFormat::Adapter), export(ExportFormat::Merged))
}

/// Rows of ids and the logits of base and adapter, as JSON.
fn logits(base: &Path, adapter: &Folder) -> (String, String) {
    let device = Device::flex();
    let pretrained = PretrainedModel::open(paths::read_folder(base)).expect("the fixture is whole");
    let (model, _) = pretrained.build(HeadKind::CausalLm, Pooling::Cls, 0, 0, &device).expect("the weights fit");
    let model = load_adapter(&pretrained.config, model, adapter, &device).expect("the adapter fits").for_inference();
    let rows: Vec<Vec<u32>> =
        TEXTS.iter().map(|text| pretrained.tokenizer().encode_prompt(text, true).expect("it tokenises")).collect();
    let longest = rows.iter().map(Vec::len).max().expect("there are texts");
    let vocab = pretrained.config.vocab_size();
    let logits: Vec<Vec<Vec<f32>>> = rows
        .iter()
        .map(|ids| {
            let all = values(model.outputs(&BatchInputs::Text(TextBatch::continuation(ids, 0, &device))));
            let mut rows: Vec<Vec<f32>> = all.chunks(vocab).map(<[f32]>::to_vec).collect();
            rows.resize(longest, vec![0.0; vocab]);
            rows
        })
        .collect();
    (serde_json::json!(rows).to_string(), serde_json::json!({ "logits": logits }).to_string())
}
