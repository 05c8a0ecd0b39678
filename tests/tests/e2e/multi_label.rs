//! Several labels on the page: a table, a run, the figures and thresholds, a text to try; and the zip says the same
//! natively.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, Job, ModelSource};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::json;

use crate::axe;
use crate::corrections::press;
use crate::rows::{click_when_ready, wait_for_text};
use crate::site::{READ_SECS, Site, check_losses};

const ROWS: usize = 180;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "8"), ("batch_size", "8"), ("learning_rate", "2e-3"), ("max_seq_length", "32")];
/// F1 over all labels that the tiny model must reach on rows it never saw.
const MICRO_F1: f64 = 0.7;
const TEXT: &str = "the choir sang a tune and the storm brought snow";

#[test]
fn several_labels_are_given_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "multi_label");
    site.choose_rows(&site.file("labels.csv", rows::several_csv(ROWS) + "a choir sang in the snow,\n"));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS + 1), ("usable", ROWS), ("unlabeled", 0)]);
    assert_eq!((browser.held("labels-column"), browser.held("label-separator")), ("labels".to_owned(), ";".to_owned()));
    let shown = browser.text("data-report");
    assert!(shown.contains("3 labels") && rows::LABELS.iter().all(|label| shown.contains(label)), "{shown}");

    label_row(&site);
    axe::check(&site, "several labels, data");
    site.set_recipe(RECIPE);
    check_copies(&site);
    site.start();
    check_losses(&site.finish());
    site.evaluate("micro-f1");
    let [before, after] = site.figure("micro-f1");
    assert!(after >= MICRO_F1 && after > before, "micro F1 {after}, before training {before}");
    assert!(browser.has("per-label") && browser.has("wrong-rows"));

    axe::check(&site, "several labels, evaluate");
    browser.go_to("try");
    browser.type_into("try-text", TEXT);
    browser.click("try-run");
    let script = "const result = document.querySelector('[data-testid=try-result-tuned]'); \
        return document.querySelector('.quoted')?.textContent === arguments[0] && result !== null && \
        [result.dataset.value]";
    let found = browser.wait_until("the answer is there", READ_SECS, script, vec![json!(TEXT)]);
    let found = found[0].as_str().expect("labels").to_owned();

    axe::check(&site, "several labels, try");
    let folder = site.export();
    let job = Job::from_json(folder.get(JOB_FILE).expect("it has one")).expect("a job file");
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!((info.task, info.labels.as_slice()), (Task::MultiLabel, &rows::LABELS.map(str::to_owned)[..]));
    assert!(info.labels.iter().all(|label| job.thresholds.contains_key(label)), "{:?}", job.thresholds);
    let input = TaskInput { text: TEXT.into(), second: None, image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    let [Prediction::MultiLabel(own)] = predictions.as_slice() else { panic!("of this task") };
    let given: Vec<&str> = own.given().into_iter().map(|id| rows::LABELS[id]).collect();
    assert_eq!(found, given.join(";"));
    site.check_requests();
}

/// The row without labels gets the second and the third, by keys, and is used from then on.
fn label_row(site: &Site) {
    wait_for_text(site, "num-unlabeled", "1 row has no label");
    click_when_ready(site, "label-rows");
    wait_for_text(site, "labeling-place", "1 of 1");
    for key in ["1", "2", "1", "3", "Enter"] {
        press(site, "label-box", key);
    }
    wait_for_text(site, "labeling-place", "1 labeled here");
    wait_for_text(site, "num-unlabeled", "Every row has a label");
    let is_used = "return document.querySelector('[data-testid=count-usable]')?.dataset.value === arguments[0]";
    let all = json!((ROWS + 1).to_string());
    site.browser.wait_until("the row is used", READ_SECS, is_used, vec![all]);
}

/// Changed copies of training rows are shown beside the settings, three rows at a time; the run is without them.
fn check_copies(site: &Site) {
    let browser = &site.browser;
    browser.type_into("field-augment_texts", "swap");
    let script = "const table = document.querySelector('[data-testid=augmented-rows]'); \
        const rows = [...(table?.querySelectorAll('tbody tr') ?? [])].map((row) => row.textContent).join(); \
        return rows !== '' && rows !== arguments[0] && rows";
    let shown = browser.wait_until("rows and their copies", READ_SECS, script, vec![json!("")]);
    assert_eq!(shown.as_str().map(|rows| rows.matches("swap").count()), Some(3), "{shown}");
    let counted = browser.text("augmented-count");
    assert!(counted.contains(" rows are added to ") && counted.ends_with(" training rows."), "{counted}");
    axe::check(site, "copies of rows");
    browser.click("other-rows");
    browser.wait_until("other rows", READ_SECS, script, vec![shown]);
    browser.type_into("field-augment_texts", "none");
}
