//! Numbers on the page: a table, a run, the plot of predicted against true, a text to try; and the zip says the same
//! natively.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::json;

use crate::axe;
use crate::rows::wait_for_text;
use crate::site::{READ_SECS, Site, check_losses};

const ROWS: usize = 150;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "8"), ("batch_size", "8"), ("learning_rate", "2e-3"), ("max_seq_length", "32")];
/// Correlation that the tiny model must reach on rows it never saw.
const PEARSON: f64 = 0.7;
/// Largest difference of a number between page and native.
const SAME: f32 = 1e-3;
const TEXT: &str = "thunder and rain came with the wind";

#[test]
fn numbers_are_predicted_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "regression");
    site.choose_rows(&site.file("scores.csv", rows::numbers_csv(ROWS) + "some rain,high\nmore rain,NaN\n"));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS + 2), ("usable", ROWS)]);
    let shown = browser.text("data-report");
    assert!(shown.contains("\"high\" is not a number") && shown.contains("\"NaN\" is not a number"), "{shown}");
    assert!(browser.text("number-ranges").contains("score") && browser.has("one-column-score"));

    axe::check(&site, "numbers, data");
    site.set_recipe(RECIPE);
    site.start();
    check_losses(&site.finish());
    site.evaluate("pearson");
    let after = browser.number("eval-pearson-tuned");
    let [mae_before, mae_after] = site.figure("mae");
    assert!(after >= PEARSON && mae_after < mae_before, "correlation {after}, error {mae_after}, was {mae_before}");
    assert!(browser.has("scatter") && browser.has("worst-rows") && browser.has("by-number"));

    axe::check(&site, "numbers, evaluate");
    browser.go_to("try");
    browser.type_into("try-text", TEXT);
    browser.click("try-run");
    let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
        document.querySelector('[data-testid=try-result-tuned]')?.dataset.value";
    let found = browser.wait_until("the answer is there", READ_SECS, script, vec![json!(TEXT)]);
    let found: f32 = found.as_str().and_then(|text| text.parse().ok()).expect("a number");

    axe::check(&site, "numbers, try");
    let folder = site.export();
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!((info.task, info.labels), (Task::Regression, vec!["score".to_owned()]));
    let input = TaskInput { text: TEXT.into(), second: None, image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    let [Prediction::Regression(own)] = predictions.as_slice() else { panic!("of this task") };
    assert!((own.numbers[0] - found).abs() < SAME, "{} is not {found}", own.numbers[0]);
    correct_a_number(&site);
    site.check_requests();
}

/// The row that is furthest off gets the number that is predicted for it.
fn correct_a_number(site: &Site) {
    let browser = &site.browser;
    browser.go_to("evaluate");
    browser.wait_for("worst-rows", READ_SECS);
    let script = "const row = document.querySelector('[data-testid=worst-rows] tbody tr'); \
        row.cells[1].querySelector('button.cell').click(); return row.cells[2].textContent";
    let predicted = browser.script(script, Vec::new());
    let has_focus = "return document.activeElement?.id === 'correct-box'";
    browser.wait_until("the field has the focus", READ_SECS, has_focus, Vec::new());
    browser.type_into("correct-box", predicted.as_str().expect("a number"));
    browser.click("correction-keep");
    wait_for_text(site, "corrections", "1 row corrected");
    let measured = browser.text("corrections-measured");
    assert!(measured.contains("run 1 has a mean absolute error of "), "{measured}");
}
