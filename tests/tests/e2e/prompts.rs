//! How prompt and answer are joined: guessed and said, changed and seen in the preview, followed in training and on Try.
//! And the sample for language models, in one click.

use std::fmt::Write as _;

use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::site::{READ_SECS, Site, decoder_files};

const THINGS: [(&str, &str); 6] =
    [("leaf", "green"), ("snow", "white"), ("coal", "black"), ("rose", "red"), ("sky", "blue"), ("lemon", "yellow")];

/// 24 questions and answers of which none brings a space.
fn rows() -> String {
    let mut lines = String::new();
    for frame in ["what colour is {}?", "the colour of {}?", "how does {} look?", "paint {} in?"] {
        for (thing, colour) in THINGS {
            let row = json!({ "question": frame.replace("{}", thing), "answer": colour });
            writeln!(lines, "{row}").expect("writing to a string does not fail");
        }
    }
    lines
}

/// Waits until the first row of the preview begins so.
fn wait_for_preview(site: &Site, beginning: &str) {
    let script = "return !!document.querySelector('[data-testid=token-view] .tokens')?.textContent\
        .startsWith(arguments[0])";
    site.browser.wait_until(&format!("a preview with {beginning:?}"), READ_SECS, script, vec![json!(beginning)]);
}

#[test]
fn a_chosen_join_is_followed_from_the_preview_to_try() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.choose_model(&decoder_files());
    browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file("colours.jsonl", rows()));
    browser.wait_for("token-view", READ_SECS);
    assert_eq!(site.browser.held("prompt-format"), "newline");
    let note = browser.text("prompt-format-note");
    assert!(note.contains("by a line break") && note.contains("a guess"), "{note}");

    browser.select("prompt-format", "own");
    wait_for_preview(&site, "Question: ");
    browser.type_into("prompt-text", "F: {prompt}");
    let script = "return document.getElementById('prompt-text-error').textContent";
    let error = browser.script(script, Vec::new());
    assert!(error.as_str().is_some_and(|error| error.starts_with("{completion} is missing")), "{error}");
    browser.type_into("prompt-text", "F: {prompt}\\nA: {completion}");
    browser.click("use-prompt-text");
    wait_for_preview(&site, "F: ");
    browser.select("prompt-format", "qa");
    wait_for_preview(&site, "Q: ");

    site.set_recipe(&[("num_train_epochs", "2"), ("batch_size", "8"), ("learning_rate", "3e-3")]);
    site.start();
    assert!(!site.finish().is_empty());
    browser.go_to("try");
    browser.type_into("try-text", "what colour is snow?");
    let given = browser.text("given");
    assert!(given.contains("Q: what colour is snow?") && given.contains("A:"), "{given}");
    let _ = browser.script("document.querySelector('[data-testid=sampling]').open = true", Vec::new());
    browser.type_into("field-max_new_tokens", "8");
    browser.click("write");
    browser.wait_for("ending-tuned", READ_SECS);
    assert_eq!(browser.problem(), None);
}

#[test]
fn answers_can_be_tried_with_one_click() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    site.browser.click("try-text-sample");
    site.browser.wait_for("field-learning_rate", READ_SECS);
    assert_eq!(site.browser.held("field-learning_rate"), "3e-3");
    site.browser.go_to("data");
    site.browser.wait_for("token-view", READ_SECS);
    assert_eq!((site.browser.held("prompt-format").as_str(), site.browser.number("count-truncated")), ("newline", 0.0));
    assert_eq!(site.browser.number("count-usable"), 120.0);
}
