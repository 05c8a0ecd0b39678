//! Names in texts on the page: a CoNLL file, a run, the figures and mistakes, a text to try; and the zip says the same
//! natively.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use hone_tests::tagged;
use serde_json::json;

use crate::axe;
use crate::corrections::press;
use crate::rows::{click_when_ready, wait_for_text};
use crate::site::{READ_SECS, Site, TRAIN_SECS, check_losses};

const ROWS: usize = 120;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "8"), ("batch_size", "8"), ("learning_rate", "2e-3"), ("max_seq_length", "32")];
/// Hardly anything is learned: there are mistakes to correct.
const UNLEARNED: &[(&str, &str)] =
    &[("num_train_epochs", "1"), ("batch_size", "8"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];
/// F1 that the tiny model must reach on sentences it never saw.
const F1: f64 = 0.7;
const TEXT: &str = "now the great king came to me that night";

#[test]
fn names_are_found_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "token_classification");
    let bad = "lonely\nthe\tO\n\n";
    let path = site.file("train.conll", tagged::conll(ROWS) + bad);
    site.choose_rows(&path);
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS + 1), ("usable", ROWS)]);
    let shown = browser.text("data-report");
    assert!(shown.contains("2 types") && shown.contains("who") && shown.contains("BIO"), "{shown}");
    assert!(browser.text("first-rows").contains("old man"), "{}", browser.text("first-rows"));
    let problem = format!("line {} has 1 field", tagged::conll(ROWS).lines().count() + 1);
    assert!(shown.contains(&problem), "{problem} is not in {shown}");

    axe::check(&site, "names, data");
    site.set_recipe(RECIPE);
    site.start();
    check_losses(&site.finish());
    site.evaluate("f1");
    let [before, after] = site.figure("f1");
    assert!(after >= F1 && after > before, "F1 {after}, before training {before}");
    assert!(browser.has("per-type") && browser.has("wrong-rows"));

    axe::check(&site, "names, evaluate");
    browser.go_to("try");
    browser.type_into("try-text", TEXT);
    browser.click("try-run");
    let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
        document.querySelector('[data-testid=try-result-tuned]')?.dataset.value";
    let found = browser.wait_until("the answer is there", READ_SECS, script, vec![json!(TEXT)]);
    let found = found.as_str().unwrap_or_default().to_owned();

    axe::check(&site, "names, try");
    let folder = site.export();
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!(info.task, Task::TokenClassification);
    let input = TaskInput { text: TEXT.into(), second: None, image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    let [Prediction::TokenClassification(own)] = predictions.as_slice() else { panic!("of this task") };
    let names: Vec<String> =
        own.spans.iter().map(|span| format!("{}: {}", span.label, &TEXT[span.start..span.end])).collect();
    assert_eq!(found, names.join("; "));
    assert!(found.contains("night"), "{found}");
    site.check_requests();
}

/// Tags are corrected where they are wrong, word by word and by one key; a sentence of a CoNLL file is a row that can be edited, and the
/// second run is trained with it.
#[test]
fn corrected_tags_lead_to_a_second_run_on_the_same_rows() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "token_classification");
    site.choose_rows(&site.file("train.conll", tagged::conll(60)));
    browser.wait_for("data-report", READ_SECS);
    site.set_recipe(UNLEARNED);
    site.start();
    site.finish();
    site.evaluate("f1");

    click_when_ready(&site, "correct-tags");
    let has_focus = "return document.activeElement?.id === 'correct-box'";
    browser.wait_until("the box has the focus", READ_SECS, has_focus, Vec::new());
    press(&site, "correct-box", "Home");
    wait_for_text(&site, "correct-words-chosen", "Word 1 of");
    press(&site, "correct-box", "2");
    wait_for_text(&site, "correct-words-chosen", ", who");
    axe::check(&site, "names, a sentence is corrected");
    // Its tags are all as the model has them: by these it is right.
    press(&site, "correct-box", "=");
    press(&site, "correct-box", "Enter");
    wait_for_text(&site, "corrections", "1 row corrected");
    let measured = browser.text("corrections-measured");
    assert!(measured.contains("test rows run 1 has a share of rows in which all is found of "), "{measured}");

    click_when_ready(&site, "train-from-pretrained");
    let is_over = "return (!!document.querySelector('[data-testid=run-2]') && \
        !!document.querySelector('[data-testid=run-finished]')) || \
        document.querySelector('[data-testid=problem-message]')?.textContent || false";
    let over = browser.wait_until("the second run is over", TRAIN_SECS, is_over, Vec::new());
    assert_eq!(over, json!(true));
    assert!(browser.text("changed-2").contains("1 more edit of rows"), "{}", browser.text("changed-2"));
    site.check_requests();
}
