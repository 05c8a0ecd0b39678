//! Edits of the recipe and of the choices about the rows are undone and redone, by button and by key; not while a run goes on.
//! Beside it stand the boxes for a person who looks elsewhere meanwhile.

use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::json;

use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Waits until a button says what it does, and can be pressed.
fn wait_for_step(site: &Site, id: &str, text: &str) {
    let script = "const button = document.querySelector(`[data-testid=${arguments[0]}]`); \
        return button?.textContent === arguments[1] && !button.hasAttribute('aria-disabled')";
    site.browser.wait_until(&format!("{id} says {text:?}"), READ_SECS, script, vec![json!(id), json!(text)]);
}

/// Waits until a control of a form holds a value.
fn wait_for_held(site: &Site, id: &str, value: &str) {
    let script = "return document.querySelector(`[data-testid=${arguments[0]}]`)?.value === arguments[1]";
    site.browser.wait_until(&format!("{id} holds {value:?}"), READ_SECS, script, vec![json!(id), json!(value)]);
}

/// Waits until the rows of a file are read in an encoding.
fn wait_for_rows(site: &Site, file: &str, encoding: &str) {
    let script = "return document.querySelector('.drop-title')?.textContent.startsWith(arguments[0]) && \
        document.querySelector('[data-testid=data-report] [data-testid=encoding]')?.value === arguments[1]";
    let what = format!("{file} is read as {encoding}");
    site.browser.wait_until(&what, READ_SECS, script, vec![json!(file), json!(encoding)]);
}

/// Presses a key with the control key held, on an element; returns whether the page took it.
fn press(site: &Site, selector: &str, key: &str, with_shift: bool) -> bool {
    let script = "const [selector, key, shiftKey] = arguments; \
        const event = new KeyboardEvent('keydown', { key, shiftKey, ctrlKey: true, bubbles: true, cancelable: true }); \
        return !document.querySelector(selector).dispatchEvent(event)";
    site.browser.script(script, vec![json!(selector), json!(key), json!(with_shift)]) == true
}

#[test]
fn edits_are_undone_and_redone() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(40);

    // A field: all that is typed into it is one step.
    browser.go_to("recipe");
    let said = browser.text("laid-preset");
    assert!(said.contains("Few rows") && said.contains("training rows"), "{said}");
    let before = browser.held("field-learning_rate");
    wait_for_step(&site, "undo", "Undo: Training file rows.csv");
    browser.type_into("field-learning_rate", "5e-5");
    wait_for_step(&site, "undo", "Undo: Learning rate 5e-5");
    assert!(!press(&site, "[data-testid=field-learning_rate]", "z", false), "in a text it is the browser's key");
    browser.click("undo");
    wait_for_held(&site, "field-learning_rate", &before);
    wait_for_step(&site, "redo", "Redo: Learning rate 5e-5");
    browser.click("redo");
    wait_for_held(&site, "field-learning_rate", "5e-5");
    assert_eq!(browser.text("redo"), "Redo", "there is nothing more");

    // A preset, by key.
    browser.click("preset-careful");
    wait_for_step(&site, "undo", "Undo: Preset Careful");
    let is_chosen = || browser.attribute("preset-careful", "aria-pressed").as_deref() == Some("true");
    assert!(is_chosen() && press(&site, "body", "z", false));
    wait_for_held(&site, "field-learning_rate", "5e-5");
    assert!(!is_chosen() && press(&site, "body", "Z", true));
    wait_for_held(&site, "field-learning_rate", "3e-5");
    assert!(is_chosen() && press(&site, "body", "z", false) && press(&site, "body", "y", false));
    wait_for_held(&site, "field-learning_rate", "3e-5");

    // How rows are read; and a file, which comes back as it was read.
    browser.go_to("data");
    let guessed = browser.held("encoding");
    browser.select("encoding", "windows-1252");
    wait_for_step(&site, "undo", "Undo: Encoding");
    wait_for_rows(&site, "rows.csv", "windows-1252");
    assert!(press(&site, "body", "z", false));
    wait_for_rows(&site, "rows.csv", &guessed);
    wait_for_step(&site, "redo", "Redo: Encoding");
    browser.click("redo");
    wait_for_rows(&site, "rows.csv", "windows-1252");
    browser.choose_files("data-file", &[site.file("other.csv", rows::csv(50))]);
    wait_for_rows(&site, "other.csv", &guessed);
    wait_for_step(&site, "undo", "Undo: Training file other.csv");
    browser.click("undo");
    wait_for_rows(&site, "rows.csv", "windows-1252");
    site.check_counts(&[("rows", 40)]);

    // For who looks elsewhere: what the browser can do is offered, and nothing else.
    browser.go_to("train");
    let can = browser.script("return ['wakeLock' in navigator, 'Notification' in window]", Vec::new());
    assert_eq!(json!([browser.has("keep-screen-on"), browser.has("tell-end")]), can);
    let is_said =
        "return document.querySelector('[data-testid=storage-room]')?.textContent.includes('lets the page keep')";
    browser.wait_until("how much is kept is said", READ_SECS, is_said, Vec::new());

    // While a run goes on nothing is undone.
    site.set_recipe(&[("num_train_epochs", "200")]);
    site.start();
    browser.go_to("recipe");
    assert_eq!(browser.attribute("undo", "aria-disabled").as_deref(), Some("true"));
    assert!(press(&site, "body", "z", false), "the key does nothing else either");
    assert_eq!(browser.held("field-num_train_epochs"), "200");
    browser.go_to("train");
    browser.click("stop");
    browser.wait_for("run-finished", TRAIN_SECS);
    browser.go_to("recipe");
    wait_for_step(&site, "undo", "Undo: Epochs 200");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
