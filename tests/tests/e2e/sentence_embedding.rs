//! Texts that belong together on the page: pairs, a run, how many are found, two texts to compare and the rows nearest to
//! one; and the zip says the same natively. Then rows with labels, and what can be told of them without training.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use serde_json::{Value, json};

use crate::axe;
use crate::site::{READ_SECS, Site, check_losses};

const THINGS: [&str; 10] = ["bread", "soup", "song", "drum", "rain", "storm", "house", "word", "night", "day"];
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "4"), ("batch_size", "16"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// Largest difference of a similarity between page and native.
const SAME: f32 = 1e-3;
const TEXT: &str = "we spoke of the rain and the song";
const SECOND: &str = "after the song there is always rain";

/// Ninety pairs of sentences about the same two things.
pub(crate) fn pairs() -> String {
    let mut text = String::from("anchor,positive\n");
    for first in THINGS {
        for second in THINGS.iter().filter(|second| **second != first) {
            text.push_str(&format!("we spoke of the {first} and the {second},after the {first} is the {second}\n"));
        }
    }
    text
}

#[test]
fn texts_that_belong_together_are_found_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "sentence_embedding");
    site.choose_rows(&site.file("pairs.csv", pairs() + "lonely,\n"));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", 91), ("usable", 90)]);
    assert_eq!(browser.attribute("row-shape", "data-value").as_deref(), Some("pairs"));
    let shown = browser.text("data-report");
    assert!(shown.contains("the second text is empty (column \"positive\")"), "{shown}");

    axe::check(&site, "similar texts, data");
    site.set_recipe(RECIPE);
    site.start();
    check_losses(&site.finish());
    site.evaluate("mrr");
    let [_, found] = site.figure("mrr");
    let [before, after] = site.figure("loss");
    assert!(found > 0.8 && after < before, "mean reciprocal rank {found}, loss {after}, before training {before}");
    assert!(browser.has("mean-similarity") && browser.has("worst-rows"));

    axe::check(&site, "similar texts, evaluate");
    browser.go_to("try");
    browser.type_into("try-second", SECOND);
    browser.type_into("try-text", TEXT);
    browser.click("try-run");
    let script = "const quoted = [...document.querySelectorAll('.quoted')].map(one => one.textContent); \
        return quoted[0] === arguments[0] && quoted[1] === arguments[1] && \
        document.querySelector('[data-testid=try-result-tuned]')?.dataset.value";
    let found = browser.wait_until("the answer is there", READ_SECS, script, vec![json!(TEXT), json!(SECOND)]);
    let found: f32 = found.as_str().and_then(|text| text.parse().ok()).expect("a number");

    browser.click("find-nearest");
    browser.wait_for("nearest-tuned", READ_SECS);
    assert!(browser.text("nearest-searched").contains("all training rows"), "{}", browser.text("nearest-searched"));
    let script = "return [...document.querySelectorAll('[data-testid=nearest-tuned] tbody tr')].map(row => \
        Number(row.cells[0].textContent))";
    let near = browser.script(script, Vec::new());
    let near: Vec<f64> = near.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    assert!(near.len() == 5 && near.is_sorted_by(|one, next| one >= next), "the nearest come first: {near:?}");
    axe::check(&site, "similar texts, try");
    let folder = site.export();
    assert!(folder.get("modules.json").is_some() && folder.get("1_Pooling/config.json").is_some());
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!(info.task, Task::SentenceEmbedding);
    let input = TaskInput { text: TEXT.into(), second: Some(SECOND.into()), image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it compares");
    let [Prediction::SentenceEmbedding(own)] = predictions.as_slice() else { panic!("of this task") };
    let similarity = own.similarity.expect("there are two texts");
    assert!((similarity - found).abs() < SAME, "{similarity} is not {found}");
    site.check_requests();
}

#[test]
fn what_labels_can_be_told_without_training_stands_in_the_evaluation() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(90);
    browser.go_to("evaluate");
    browser.click("evaluate-run");
    browser.wait_for("measure-few-shot", READ_SECS);
    browser.click("measure-few-shot");
    browser.wait_for("few-shot", READ_SECS);
    let by_all = browser.number("few-shot-all");
    assert!((0.0..=1.0).contains(&by_all) && browser.has("few-shot-0") && browser.has("few-shot-1"), "{by_all}");
    assert!(!browser.has("few-shot-tuned"), "nothing was trained");
    assert_eq!(browser.problem(), None);
    site.check_requests();
}
