//! Questions on texts on the page: SQuAD's JSON, a run, the figures and mistakes, a question to try; and the zip says the
//! same natively.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::asked;
use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::axe;
use crate::site::{READ_SECS, Site, check_losses};

const SENTENCES: usize = 80;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "5"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// Exact match that the tiny model must reach on sentences it never saw.
const EXACT: f64 = 60.0;
const QUESTION: &str = "who is it ?";

#[test]
fn questions_are_answered_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "question_answering");
    let path = site.file("train.json", asked::squad(SENTENCES));
    site.choose_rows(&path);
    browser.wait_for("data-report", READ_SECS);
    let rows = asked::num_questions(SENTENCES);
    site.check_counts(&[("rows", rows), ("usable", rows)]);
    let shown = browser.text("data-report");
    assert!(shown.contains("no article is in two splits"), "{shown}");
    let first = browser.text("first-rows");
    assert!(first.contains("who is it ?") && first.contains("old man") && first.contains("no answer"), "{first}");

    axe::check(&site, "questions, data");
    site.set_recipe(RECIPE);
    site.start();
    check_losses(&site.finish());
    site.evaluate("f1");
    let [before, after] = site.figure("exact-match");
    assert!(after >= EXACT && after > before, "exact match {after}, before training {before}");
    assert!(browser.has("by-answer") && browser.has("wrong-rows"));

    axe::check(&site, "questions, evaluate");
    browser.go_to("try");
    let text = asked::context(200);
    browser.type_into("try-second", &text);
    browser.type_into("try-text", QUESTION);
    browser.click("try-run");
    let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
        document.querySelector('[data-testid=try-result-tuned]')?.dataset.value";
    let found = browser.wait_until("the answer is there", READ_SECS, script, vec![json!(QUESTION)]);
    let found = found.as_str().unwrap_or_default().to_owned();

    axe::check(&site, "questions, try");
    let folder = site.export();
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!(info.task, Task::QuestionAnswering);
    let input = TaskInput { text: QUESTION.into(), second: Some(text), image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    let [Prediction::QuestionAnswering(own)] = predictions.as_slice() else { panic!("of this task") };
    assert_eq!(own.given().map(|answer| answer.text.as_str()), Some(found.as_str()));
    site.check_requests();
}
