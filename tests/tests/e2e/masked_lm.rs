//! A plain text that the tiny encoder learns to fill blanks in; the zip is loaded natively and must fill the same. Then it
//! goes on, without leaving the page, as the base of a model that labels rows.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, TaskInput};
use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::axe;
use crate::site::{READ_SECS, Site, check_losses};

/// Largest difference of a probability between page and native. The page shows them to four digits.
const PROBABILITY: f64 = 2e-3;
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "5"), ("batch_size", "8"), ("learning_rate", "2e-3"), ("max_seq_length", "32")];
const BLANK: &str = "[MASK] day was good and the night too";

pub(crate) fn prose() -> String {
    let things = ["day", "house", "man", "word", "night"];
    let adjectives = ["good", "great", "kind", "dark"];
    let line =
        |n: usize| format!("the {} was {} and the {} too\n", things[n % 5], adjectives[n % 4], things[n / 5 % 5]);
    (0..240).map(line).collect()
}

#[test]
fn blanks_are_learned_and_labels_after_them() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "masked_lm");
    site.choose_rows(&site.file("sea.txt", prose()));
    browser.wait_for("data-report", READ_SECS);
    let report = browser.text("data-report");
    assert!(report.contains("passages to train on") && report.contains("[MASK]"), "{report}");
    assert!(browser.number("count-tokens") > 1000.0 && browser.number("count-training") > 10.0, "{report}");

    axe::check(&site, "blanks, data");
    site.set_recipe(RECIPE);
    assert!(browser.has("field-mlm_probability") && !browser.has("field-class_weights"), "its own settings");
    site.start();
    check_losses(&site.finish());
    site.evaluate("perplexity");
    let [before, after] = site.figure("loss");
    assert!(after < 0.7 * before, "a token's loss was {before} and is {after}");

    axe::check(&site, "blanks, evaluate");
    browser.go_to("try");
    let shown = site.try_text(BLANK);
    assert_eq!(shown.len(), 10, "{shown:?}");
    axe::check(&site, "blanks, try");
    check_natively(site.export(), &shown);

    browser.click("go-on-with-labels");
    let script = "return document.querySelector('[data-testid=task]')?.value === 'sequence_classification'";
    browser.wait_until("rows with labels are asked for", READ_SECS, script, Vec::new());
    assert!(
        !browser.has("data-report") && !browser.has("weights-question"),
        "the text is gone, the model was exported"
    );
    browser.go_to("model");
    assert!(browser.text("model-ready").contains("-tuned"), "{}", browser.text("model-ready"));
    site.load_rows(160);
    assert!(browser.text("data-report").contains("3 classes"));
    site.set_recipe(&[("num_train_epochs", "6"), ("learning_rate", "1e-3"), ("max_seq_length", "32")]);
    make_copies(&site);
    site.start();
    check_losses(&site.finish());
    assert_eq!(browser.problem(), None);
    site.check_requests();
}

/// Copies whose words the trained model fills in, shown and counted; the run learns from them, too.
fn make_copies(site: &Site) {
    let browser = &site.browser;
    let script = "const make = document.querySelector('[data-testid=make-copies]'); \
        return make && make.ariaDisabled !== 'true' && (make.click(), true)";
    browser.wait_until("the rows are read for these settings", READ_SECS, script, Vec::new());
    let script = "return !!document.querySelector('[data-testid=made-copies]')?.textContent.includes(arguments[0])";
    let made = "are trained on beside the rows: words filled in by ";
    browser.wait_until("copies are made", READ_SECS, script, vec![json!(made)]);
    browser.wait_for("augmented-rows", READ_SECS);
    let shown = browser.text("augmented-rows");
    assert!(shown.contains("masked"), "{shown}");
    assert!(browser.text("plan").contains("Augmentation adds up to "), "{}", browser.text("plan"));
    axe::check(site, "copies that the model makes");
}

/// The exported folder, on the native CPU: the same tokens, as likely.
fn check_natively(folder: Folder, shown: &[(String, f64)]) {
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "export".into() }, folder).expect("the exported folder loads");
    let input = TaskInput { text: BLANK.into(), second: None, image: None };
    let (predicted, _) = block_on(session.predict(&[input], Weights::Base)).expect("it fills blanks");
    let Some(Prediction::MaskedLm(prediction)) = predicted.first() else { panic!("it fills blanks") };
    for (fill, (token, probability)) in prediction.blanks[0].iter().zip(shown) {
        let difference = (f64::from(fill.probability) - probability).abs();
        assert!(difference < PROBABILITY, "{token} has {probability} on the page, {} natively", fill.probability);
    }
    assert_eq!(prediction.blanks[0][0].token, shown[0].0, "{shown:?}");
}
