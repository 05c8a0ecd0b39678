//! An adapter that Hone exports loads in PEFT, and a merged folder in `transformers`, with the same logits within 1e-4.
//! (The other way round, adapters that PEFT saved, is in `parity_tokens.rs`.)
//!
//! Runs where Python has peft and torch (`HONE_PYTHON` names another interpreter); skips loudly elsewhere.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::{BatchInputs, TextBatch};
use hone_core::checkpoint::{ADAPTER_CONFIG, PretrainedModel, load_adapter};
use hone_core::config::{ExportFormat, JOB_FILE, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::{DataFiles, HostInputs, HostText, Padding, TextRow};
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::task::{HeadKind, Task};
use hone_tests::classes::{loaded, repeatable_run};
use hone_tests::golden::values;
use hone_tests::texts::drain;
use hone_tests::{asked, paths, python};

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

/// PEFT's class for question answering does not hand token types on: Hone's adapters are of no such class, and one of that class is read
/// as PEFT reads it.
#[test]
fn questions_get_the_same_scores_through_pefts_own_wrapper() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let mut session = loaded();
    session.set_task(Task::QuestionAnswering).expect("an encoder finds answers");
    let lora = LoraConfig { r: 4, target_modules: vec!["all-linear".into()], ..LoraConfig::default() };
    let run = RunConfig { method: Method::Lora, lora, num_train_epochs: 1, learning_rate: 1e-2, ..repeatable_run() };
    let data = DataFiles { train: ("train.json".into(), asked::squad(40).into_bytes()), ..DataFiles::default() };
    session.load_data(data, &ReadOptions::default(), &run).expect("good questions");
    session.start(run).expect("it starts");
    let _ = drain(&mut session);
    let own = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let with_types = span_scores(&block_on(session.export(ExportFormat::Merged)).expect("it exports"));
    check_spans(&python, &own, &with_types, "PeftModel:");

    // The same weights as PEFT itself would save them.
    let mut foreign = own.clone();
    let config = paths::text_in(&own, ADAPTER_CONFIG).replace(r#""task_type": null"#, r#""task_type": "QUESTION_ANS""#);
    foreign.insert(ADAPTER_CONFIG, config);
    foreign.remove(JOB_FILE).expect("Hone writes one");
    let mut again = loaded();
    again.load_adapter(foreign.clone()).expect("it fits");
    assert_eq!(again.task().expect("the adapter says it"), Task::QuestionAnswering);
    let notes = again.peft_notes();
    assert!(notes.len() == 1 && notes[0].contains("token types 0"), "{notes:?}");
    let without = span_scores(&block_on(again.export(ExportFormat::Merged)).expect("it exports"));
    check_spans(&python, &foreign, &without, "PeftModelForQuestionAnswering:");
    assert!(worst(&without, &with_types) > 1e-2, "the types matter here");

    // Written again by Hone it is still PEFT's.
    let mut rewritten = loaded();
    rewritten.load_adapter(block_on(again.export(ExportFormat::Adapter)).expect("it exports")).expect("it fits");
    let scores = span_scores(&block_on(rewritten.export(ExportFormat::Merged)).expect("it exports"));
    assert!(worst(&scores, &without) < 1e-6);
}

/// A question with its context, as tokens and their types.
fn question(pretrained: &PretrainedModel, index: usize) -> (Vec<u32>, Vec<u32>) {
    let encoded = pretrained.tokenizer().encode_pair("who is it ?", &asked::context(index), 64).expect("room enough");
    assert!(encoded.type_ids.contains(&1), "the second text has a type of its own");
    (encoded.ids, encoded.type_ids)
}

const QUESTIONS: [usize; 3] = [200, 201, 202];

/// The scores of a folder's model: start and end of each token, question after question.
fn span_scores(folder: &Folder) -> Vec<f32> {
    let device = Device::flex();
    let pretrained = PretrainedModel::open(folder.clone()).expect("the export is whole");
    let (model, _) = pretrained.build(HeadKind::Span, Pooling::Cls, 2, 0, &device).expect("the weights fit");
    let (model, config) = (model.for_inference(), &pretrained.config);
    let scores = |index: usize| {
        let (ids, types) = question(&pretrained, index);
        let padding = Padding {
            pad_token_id: config.pad_token_id,
            multiple_of: 1,
            max_length: config.max_tokens(),
            positions: config.position_ids(),
        };
        let host = HostText::pad(&[TextRow { input_ids: &ids, token_type_ids: &types }], &padding);
        values(model.outputs(&BatchInputs::new(&HostInputs::Text(host), &device)))
    };
    QUESTIONS.into_iter().flat_map(scores).collect()
}

/// Compares scores with those of PEFT's `wrapper` around the base with an adapter.
fn check_spans(python: &OsStr, adapter: &Folder, expected: &[f32], wrapper: &str) {
    let base = paths::fixture("tiny_encoder");
    let pretrained = PretrainedModel::open(paths::read_folder(&base)).expect("the fixture is whole");
    let row = |index: usize| {
        let (ids, types) = question(&pretrained, index);
        serde_json::json!({ "input_ids": ids, "token_type_ids": types })
    };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let [folder, inputs, scores] = ["adapter", "inputs.json", "scores.json"].map(|name| temporary.path().join(name));
    paths::write_folder(adapter, &folder);
    let rows: Vec<serde_json::Value> = QUESTIONS.into_iter().map(row).collect();
    std::fs::write(&inputs, serde_json::json!(rows).to_string()).expect("the folder is ours");
    let said = python::run(python, "tests/python/ask_adapter.py", &[&base, &folder, &inputs, &scores]);
    assert!(said.contains(wrapper), "{said}");
    let scores = std::fs::read_to_string(&scores).expect("the script wrote it");
    let scores: Vec<Vec<[f32; 2]>> = serde_json::from_str(&scores).expect("pairs of numbers");
    let found: Vec<f32> = scores.into_iter().flatten().flatten().collect();
    assert!(worst(&found, expected) < 1e-4, "{found:?} is not {expected:?}");
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
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
    let data = DataFiles { train: ("sums.jsonl".into(), rows.into_bytes()), ..DataFiles::default() };
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
