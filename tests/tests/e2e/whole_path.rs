//! Model, data, recipe, train, evaluate, try, export; then the zip is loaded natively and must say the same.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{DataReport, Prediction, ReportDetail, TaskInput};
use hone_tests::browser::WebGpu;
use hone_tests::{paths, rows};

use crate::axe;
use crate::device_loss::wait_for_loss;
use crate::kept_run::reload;
use crate::site::{READ_SECS, Site, check_losses};

/// Largest difference of a probability between page and native. The page shows them to four digits.
const PROBABILITY: f64 = 1e-3;
/// Accuracy that the tiny model must reach on rows it never saw.
const ACCURACY: f64 = 0.7;

const ROWS: usize = 160;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "6"), ("batch_size", "16"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// Texts that are no rows.
const TEXTS: [&str; 4] = [
    "the choir sang a tune and the violin played",
    "butter and salt on warm bread",
    "thunder and rain came with the wind",
    "he walked home slowly",
];

#[test]
fn webgpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Software) else { return };
    assert!(site.browser.text("device-chip").contains("WebGPU"), "{}", site.browser.text("device-chip"));
    walk_the_path(&site);

    // At last the GPU is lost in the first step of another run.
    site.browser.fail_gpu("lost", "train");
    site.browser.go_to("train");
    site.browser.click("start");
    wait_for_loss(&site);
    let phase = site.browser.text("phase");
    assert!(phase.contains("Failed") && !site.browser.has("run-finished"), "{phase}");
}

#[test]
fn cpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let has_gpu = site.browser.script("return navigator.gpu !== undefined && navigator.gpu !== null", Vec::new());
    assert_eq!(has_gpu, false, "this browser was to have no WebGPU");
    assert!(site.browser.text("device-chip").contains("CPU"), "{}", site.browser.text("device-chip"));
    walk_the_path(&site);
}

fn walk_the_path(site: &Site) {
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(ROWS);
    check_report(site, &native().1);

    site.set_recipe(RECIPE);
    site.start();
    let losses = site.finish();
    check_losses(&losses);
    assert!(browser.number("valid-accuracy") > 0.0, "the validation rows were measured");

    site.evaluate("accuracy");
    let [before, after] = site.figure("accuracy");
    eprintln!("accuracy {before} before, {after} after; losses {losses:?}");
    assert!(after >= ACCURACY, "accuracy {after}, before training {before}");
    assert!(browser.has("confusion") && browser.has("per-class") && browser.has("wrong-rows"));

    check_slices(site);

    browser.go_to("try");
    let shown: Vec<_> = TEXTS.iter().map(|text| site.try_text(text)).collect();
    check_labeled_file(site, &shown);
    let folder = site.export();
    check_folder(&folder);
    check_natively(folder, &shown, after);

    assert!(browser.text("network-count").starts_with("0 bytes of your data sent"));
    site.check_requests();
}

/// Unfolds a panel.
pub(crate) fn open(site: &Site, id: &str) {
    let open = "document.querySelector(`[data-testid=\"${arguments[0]}\"]`).open = true";
    let _ = site.browser.script(open, vec![id.into()]);
}

/// Slices are looked at (of so few rows none is large enough), and words are swapped.
fn check_slices(site: &Site) {
    let browser = &site.browser;
    open(site, "slices");
    browser.click("slice-run");
    browser.wait_for("no-slices", READ_SECS);
    assert!(browser.text("slices").contains("Slices looked at: 0."), "{}", browser.text("slices"));
    browser.type_into("swap-pairs", "the=a");
    browser.click("swap-run");
    browser.wait_for("swapped", READ_SECS);
    assert!(browser.text("swapped").contains("get another answer"), "{}", browser.text("swapped"));
}

/// A file without labels comes back with them, and says what the model answers to the same texts one by one.
fn check_labeled_file(site: &Site, shown: &[Vec<(String, f64)>]) {
    let browser = &site.browser;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("new.csv");
    let lines: String = TEXTS.iter().take(3).enumerate().map(|(n, text)| format!("{n},{text},=own\n")).collect();
    std::fs::write(&path, format!("number,text,note\n{lines}")).expect("writes");
    open(site, "label-panel");
    browser.choose_files("label-file", &[path]);
    browser.wait_for("label-inputs", READ_SECS);
    assert_eq!(browser.text("label-inputs"), "3 rows to be answered.");
    browser.click("label-run");
    browser.wait_for("labeled", READ_SECS);
    let saved = browser.wait_for_download("new-labeled.csv", READ_SECS);
    let saved = std::fs::read_to_string(saved).expect("it was saved");
    let (header, rows) = saved.split_once('\n').expect("rows");
    assert_eq!(header, "number,text,note,label,score");
    for ((n, row), shown) in rows.lines().enumerate().zip(shown) {
        let best = shown.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("labels");
        assert!(row.starts_with(&format!("{n},{},=own,{},", TEXTS[n], best.0)), "{row} and {best:?}");
    }
    assert_eq!(rows.lines().count(), 3);
    if site.backend() == "cpu" {
        axe::check(site, "try, a whole file labeled");
    }
}

/// The page's report is the one that the native library writes.
fn check_report(site: &Site, report: &DataReport) {
    let ReportDetail::SequenceClassification(detail) = &report.detail else { panic!("the fixture is a classifier") };
    let [train, valid, test] = report.split_sizes;
    assert_eq!((report.num_rows, detail.classes.len()), (ROWS, rows::LABELS.len()));
    site.check_counts(&[
        ("rows", report.num_rows),
        ("usable", report.num_usable),
        ("training", train),
        ("validation", valid),
        ("test", test),
        ("empty", report.num_empty - detail.num_unlabeled),
    ]);
    let shown = site.browser.text("data-report");
    assert!(shown.contains(&format!("{} classes", rows::LABELS.len())), "{shown}");
    for class in &detail.classes {
        assert!(shown.contains(&class.label), "{} is shown", class.label);
    }
}

fn check_folder(folder: &Folder) {
    for name in ["config.json", "tokenizer.json", "model.safetensors", "README.md", JOB_FILE] {
        assert!(folder.get(name).is_some_and(|bytes| !bytes.is_empty()), "the zip holds {name}");
    }
    let config: serde_json::Value =
        serde_json::from_slice(folder.get("config.json").expect("it is there")).expect("config.json is JSON");
    assert_eq!(config["id2label"]["0"], rows::LABELS[0]);
    assert_eq!(config["label2id"][rows::LABELS[2]], 2);
    assert!(config["architectures"][0].as_str().is_some_and(|name| name.ends_with("ForSequenceClassification")));
}

/// The exported folder, on the native CPU: same probabilities, same accuracy on the same rows.
fn check_natively(folder: Folder, shown: &[Vec<(String, f64)>], accuracy: f64) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    session.load_model(source, folder).expect("the exported folder loads");
    let inputs = TEXTS.map(|text| TaskInput { text: text.into(), second: None, image: None });
    let (predicted, _) = block_on(session.predict(&inputs, Weights::Base)).expect("it predicts");
    let labels = session.labels().to_vec();
    assert_eq!(labels, rows::LABELS);
    let mut worst = 0f64;
    for (answer, shown) in predicted.iter().zip(shown) {
        let Prediction::SequenceClassification(answer) = answer else { panic!("the fixture is a classifier") };
        assert_eq!(shown.len(), labels.len());
        for (label, probability) in shown {
            let id = labels.iter().position(|known| known == label).expect("a label of the page");
            worst = worst.max((f64::from(answer.probabilities[id]) - probability).abs());
        }
    }
    assert!(worst <= PROBABILITY, "probabilities differ by {worst:e}: {predicted:?} and {shown:?}");

    session.load_data(data(), &ReadOptions::default(), &run()).expect("the rows load");
    let (evaluation, _) = block_on(session.evaluate(Weights::Base, Split::Test, &mut |_, _| {})).expect("it measures");
    let measured = evaluation.figure("accuracy").expect("it is a figure of the task");
    assert!((measured - accuracy).abs() < 1e-9, "{measured} is not {accuracy}");
    eprintln!("native and page agree: probabilities within {worst:.1e}, accuracy {accuracy}");
}

/// The same files in the native library.
fn native() -> (Session, DataReport) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let report = session.load_data(data(), &ReadOptions::default(), &run()).expect("the rows load");
    (session, report)
}

fn data() -> DataFiles {
    DataFiles { train: ("rows.csv".into(), rows::csv(ROWS).into_bytes()), ..DataFiles::default() }
}

fn run() -> RunConfig {
    RunConfig { max_seq_length: 32, ..RunConfig::default() }
}

/// Pauses the run and waits until the page says that it is saved at its step; returns how many steps are done.
fn pause(site: &Site) -> String {
    site.browser.click("pause");
    let held = "const step = document.querySelector('[data-testid=step-count]')?.textContent.split(' ')[0]; \
        return document.querySelector('[data-testid=phase]')?.textContent === `Paused at step ${step}; saved`";
    site.browser.wait_until("the run is held and saved", READ_SECS, held, Vec::new());
    site.browser.text("step-count")
}

#[test]
fn pausing_and_stopping_work() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(ROWS);
    site.set_recipe(&[("num_train_epochs", "400"), ("batch_size", "16"), ("learning_rate", "1e-4")]);
    site.start();
    let step = pause(&site);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(browser.text("step-count"), step, "a held run stays where it is");
    browser.click("resume");
    let moved = "return document.querySelector('[data-testid=step-count]')?.textContent !== arguments[0]";
    browser.wait_until("the run goes on", READ_SECS, moved, vec![step.into()]);

    // A tab that is closed then costs no step.
    let step = pause(&site);
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    let offered = browser.text("saved-run");
    assert!(offered.contains(&format!("Step {step} was saved")), "{step}: {offered}");
    browser.click("open-run");
    browser.wait_for("pause", READ_SECS);
    browser.click("stop");
    browser.wait_for("run-finished", READ_SECS);
    assert!(browser.text("phase").contains("Stopped"), "{}", browser.text("phase"));
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
