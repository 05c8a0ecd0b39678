//! An exported folder loads in `transformers` and gives the same probabilities within 1e-4 on 50 texts.
//!
//! Runs where Python has transformers and torch (`HONE_PYTHON` names another interpreter); skips loudly elsewhere.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::{paths, rows};

/// Rows of which two steps of 16 are trained, and texts that are compared.
const ROWS: usize = 40;
const TEXTS: usize = 50;

#[test]
fn exported_folder_agrees_with_transformers() {
    let python = std::env::var_os("HONE_PYTHON").unwrap_or_else(|| "python3".into());
    let imports = Command::new(&python)
        .args(["-c", "import transformers, torch"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !imports.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: {} has no transformers and torch (HONE_PYTHON can name another)", python.to_string_lossy());
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (export, predictions) = (folder.path().join("export"), folder.path().join("predictions.csv"));
    train_and_export(&export, &predictions);
    let output = Command::new(&python)
        .arg(paths::root().join("tests/python/check_export.py"))
        .args([&export, &predictions])
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("{TEXTS} texts")), "{said}");
    eprintln!("{}", said.trim());
}

fn train_and_export(export: &Path, predictions: &Path) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let run = RunConfig { num_train_epochs: 1, batch_size: 16, learning_rate: 1e-3, ..RunConfig::default() };
    let data = DataFiles { train: ("rows.csv".into(), rows::csv(ROWS).into_bytes()), valid: None, test: None };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("the run starts");
    while block_on(session.next_event()).expect("the run goes on").is_some() {}

    let folder = block_on(session.export(ExportFormat::Merged)).expect("a trained model can be exported");
    for (name, bytes) in folder.iter() {
        let path = export.join(name);
        std::fs::create_dir_all(path.parent().expect("the file lies in the folder")).expect("the folder is ours");
        std::fs::write(path, bytes).expect("the folder is ours");
    }

    // As `hone predict` writes it. The last texts are long, odd, or empty of known words.
    let mut texts: Vec<String> = (0..TEXTS - 4).map(|index| rows::row(7 * index + 3).0).collect();
    texts.extend(["word ".repeat(300), "Ünïcödé, 東京 and 🙂!".into(), "?".into(), "  spaces   between  ".into()]);
    let probabilities = block_on(session.predict(&texts, Weights::Tuned)).expect("it predicts");
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
