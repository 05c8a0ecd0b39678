//! A run outlives its page: after a reload it goes on to the same end, or its weights are opened again; one that was deleted is
//! gone, and one of another tab is left alone.

use hone_core::config::JOB_FILE;
use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Long enough that a page is reloaded before its end.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "30"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// Of a loss that went through JSON, which may take its last bit.
const LOSS: f64 = 1e-9;

/// Opens the page anew although the browser would ask first.
fn reload(site: &Site) {
    let silence = "addEventListener('beforeunload', event => event.stopImmediatePropagation(), true)";
    let _ = site.browser.script(silence, Vec::new());
    site.reload();
}

/// What the page shows of a run that is over: its evaluations, its curves and its last loss.
fn shown(site: &Site) -> (String, String, f64) {
    site.browser.go_to("train");
    site.browser.wait_for("run-finished", TRAIN_SECS);
    let curves =
        "return [...document.querySelectorAll('.chart path.line')].map(line => line.getAttribute('d')).join('|')";
    let curves = site.browser.script(curves, Vec::new());
    let curves = curves.as_str().expect("lines have points").to_owned();
    (site.browser.text("evaluations"), curves, site.browser.number("last-loss"))
}

#[track_caller]
fn same_end(site: &Site, expected: &(String, String, f64)) {
    let (evaluations, curves, loss) = shown(site);
    assert_eq!(evaluations, expected.0, "the same figures at every epoch");
    assert_eq!(curves, expected.1, "the same curves, from the first step");
    assert!((loss - expected.2).abs() <= LOSS, "the last loss is {loss}, not {}", expected.2);
}

/// Waits until what was done is in the browser's storage.
fn wait_until_saved(site: &Site) {
    let saved = "return !!document.querySelector('[data-testid=checkpoint]')";
    site.browser.wait_until("the run is saved", TRAIN_SECS, saved, Vec::new());
}

/// Waits until all of a run that is over is in the browser's storage.
fn wait_until_saved_whole(site: &Site) {
    let script = "const last = document.querySelector('[data-testid=step-count]').textContent.split(' ').at(-1); \
        return !!document.querySelector('[data-testid=checkpoint]')?.textContent.includes(`up to step ${last}:`)";
    site.browser.wait_until("the end of the run is saved", READ_SECS, script, Vec::new());
}

#[test]
fn a_run_goes_on_after_a_reload_and_is_opened_once_it_is_over() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    assert!(!browser.has("saved-run"), "nothing is kept");
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(RECIPE);
    site.start();
    let uninterrupted = shown(&site);
    wait_until_saved_whole(&site);
    site.evaluate("accuracy");
    let figures = site.figure("accuracy");

    // Over: opened with its rows, its recipe, its curves and its weights.
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    let text = browser.text("saved-run");
    assert!(text.contains("on rows.csv finished"), "{text}");
    browser.click("open-run");
    browser.wait_for("evaluate-run", READ_SECS);
    same_end(&site, &uninterrupted);
    assert!(!browser.has("saved-run"), "it is loaded");
    site.evaluate("accuracy");
    assert_eq!(site.figure("accuracy"), figures);
    browser.go_to("data");
    assert!(browser.text("data-report").contains("3 classes"), "{}", browser.text("data-report"));

    // Cut off: the recipe that came back is started again, and goes on in another page to the same end.
    browser.go_to("train");
    browser.click("start");
    browser.click("lose-weights");
    browser.wait_for("pause", READ_SECS);
    wait_until_saved(&site);
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    let text = browser.text("saved-run");
    assert!(text.contains("on rows.csv was cut off. Step ") && text.contains(" of "), "{text}");
    browser.click("open-run");
    let goes_on = "return location.hash === '#train' && !!document.querySelector('[data-testid=evaluations]') || \
        document.querySelector('[data-testid=problem-message]')?.textContent || false";
    let found = browser.wait_until("the run goes on", READ_SECS, goes_on, Vec::new());
    if let Some(problem) = found.as_str() {
        browser.fail(&format!("instead of going on: {problem}"));
    }
    same_end(&site, &uninterrupted);
    wait_until_saved_whole(&site);
    let folder = site.export();
    assert!(folder.get(JOB_FILE).is_some() && folder.get("model.safetensors").is_some(), "the whole model leaves");

    // Deleted after a second press.
    reload(&site);
    browser.click("delete-run");
    browser.click("keep-run");
    browser.click("delete-run");
    browser.click("delete-for-good");
    let gone = "return !document.querySelector('[data-testid=saved-run]')";
    browser.wait_until("the run is deleted", READ_SECS, gone, Vec::new());
    reload(&site);
    browser.go_to("data");
    assert!(!browser.has("saved-run"), "nothing is kept");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_run_of_another_tab_is_left_alone() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(40);
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "8"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    wait_until_saved_whole(&site);

    // What the worker of another tab holds while it trains.
    let hold = "navigator.locks.request('hone-run', () => new Promise(() => {}))";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": hold }));
    reload(&site);
    browser.wait_for("saved-run", READ_SECS);
    assert!(browser.text("saved-run").contains("another tab"), "{}", browser.text("saved-run"));
    assert!(!browser.has("open-run") && !browser.has("delete-run"), "nothing can be done with it here");

    site.load_tiny();
    site.load_rows(40);
    browser.go_to("train");
    browser.click("start");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("another tab"), "{message}");
}
