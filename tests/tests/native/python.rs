//! An exported folder loads in `transformers`, and a classifier's adapter in PEFT, and gives the same probabilities within
//! 1e-4 on 50 texts; and what turns texts into others writes the same there, token by token and with beams.
//!
//! Runs where Python has transformers and torch (`HONE_PYTHON` names another interpreter); skips loudly elsewhere.

use std::fmt::Write as _;
use std::path::Path;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::classes::predict;
use hone_tests::texts::drain;
use hone_tests::{dates, paths, python, rows};
use serde_json::json;

/// Rows of which two steps of 16 are trained, and texts that are compared.
const ROWS: usize = 40;
const TEXTS: usize = 50;

#[test]
fn exported_folder_agrees_with_transformers() {
    let Some(python) = python::with("transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (export, predictions) = (folder.path().join("export"), folder.path().join("predictions.csv"));
    train_and_export(Method::Full, ExportFormat::Merged, &export, &predictions);
    let said = python::run(&python, "tests/python/check_export.py", &[&export, &predictions]);
    assert!(said.contains(&format!("{TEXTS} texts")), "{said}");
}

#[test]
fn a_classifiers_adapter_agrees_with_peft() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (export, predictions) = (folder.path().join("adapter"), folder.path().join("predictions.csv"));
    train_and_export(Method::Lora, ExportFormat::Adapter, &export, &predictions);
    let base = paths::fixture("tiny_encoder");
    let arguments = [&export, &predictions, Path::new("--base"), &base];
    let said = python::run(&python, "tests/python/check_export.py", &arguments);
    assert!(said.contains(&format!("{TEXTS} texts")), "{said}");
}

fn train_and_export(method: Method, format: ExportFormat, export: &Path, predictions: &Path) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let run = RunConfig { method, num_train_epochs: 1, batch_size: 16, learning_rate: 1e-3, ..RunConfig::default() };
    let data = DataFiles { train: ("rows.csv".into(), rows::csv(ROWS).into_bytes()), valid: None, test: None };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("the run starts");
    while block_on(session.next_event()).expect("the run goes on").is_some() {}

    let folder = block_on(session.export(format)).expect("a trained model can be exported");
    paths::write_folder(&folder, export);

    // As `hone predict` writes it. The last texts are long, odd, or empty of known words.
    let mut texts: Vec<String> = (0..TEXTS - 4).map(|index| rows::row(7 * index + 3).0).collect();
    texts.extend(["word ".repeat(300), "Ünïcödé, 東京 and 🙂!".into(), "?".into(), "  spaces   between  ".into()]);
    let probabilities = predict(&mut session, &texts, Weights::Tuned).expect("it predicts");
    let mut table = format!("row,text,label,probability,{}\n", session.labels().join(","));
    for (index, (text, row)) in texts.iter().zip(&probabilities).enumerate() {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("there are labels");
        let all: Vec<_> = row.iter().map(|value| format!("{value:.6}")).collect();
        let label = &session.labels()[best];
        writeln!(table, "{},\"{text}\",{label},{:.6},{}", index + 1, row[best], all.join(","))
            .expect("writing to a string does not fail");
    }
    std::fs::write(predictions, table).expect("the folder is ours");
}

#[test]
fn texts_are_turned_into_others_as_in_transformers_and_peft() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (lora, base) = (dates::run(), paths::fixture("tiny_t5"));
    let full = RunConfig { method: Method::Full, lora: LoraConfig::default(), learning_rate: 1e-3, ..lora.clone() };
    for (run, formats) in
        [(full, &[ExportFormat::Merged][..]), (lora, &[ExportFormat::Merged, ExportFormat::Adapter][..])]
    {
        let mut session = dates::ready(&run);
        session.start(run.clone()).expect("the run starts");
        let _ = drain(&mut session);
        let [greedy, beams] = [1, 4].map(|num_beams| dates::write(&mut session, Weights::Tuned, num_beams));
        let row = |index: usize| {
            let source = [dates::PREFIX, dates::SOURCES[index]].concat();
            json!({ "source": source, "greedy": greedy[index], "beams": beams[index] })
        };
        let rows: Vec<_> = (0..dates::SOURCES.len()).map(row).collect();
        let expected = temporary.path().join("expected.json");
        let text = json!({ "max_new_tokens": dates::MAX_NEW_TOKENS, "rows": rows }).to_string();
        std::fs::write(&expected, text).expect("the folder is ours");
        for &format in formats {
            let export = temporary.path().join(format!("{:?} {format:?}", run.method));
            let folder = block_on(session.export(format)).expect("a trained model can be exported");
            paths::write_folder(&folder, &export);
            let (mut of_writing, mut of_card) = (vec![export.clone(), expected.clone()], vec![export]);
            if format == ExportFormat::Adapter {
                of_writing.extend(["--base".into(), base.clone()]);
                of_card.push(base.clone());
            }
            let said = python::run(&python, "tests/python/check_writing.py", &of_writing);
            assert!(said.ends_with("5 sources, greedy and with beams: 0 texts differ"), "{said}");
            let said = python::run(&python, "tests/python/run_card.py", &of_card);
            assert!(said.ends_with("ran: logits [1, 1, 133]"), "{said}");
        }
    }
}
