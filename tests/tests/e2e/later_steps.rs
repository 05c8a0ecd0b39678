//! The steps after the first are fetched while the first is shown, and again where that failed.

use std::path::{Path, PathBuf};

use hone_tests::browser::{Parts, WebGpu};
use serde_json::json;

use crate::site::{READ_SECS, Site};

/// The file in which they come.
const STEPS: &str = "split_steps.wasm";

/// A copy of the page without the models, and without the steps after the first; returns where those belong.
fn page_without_steps(from: &Path, to: &Path) -> PathBuf {
    let mut found = None;
    for entry in std::fs::read_dir(from).expect("the page is built") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("a name"));
        if !path.is_dir() {
            std::fs::copy(&path, &target).expect("the folder is ours");
        } else if path.join(STEPS).is_file() {
            std::fs::create_dir(&target).expect("the folder is ours");
            for file in ["start.js", "hone-app.js", "hone-app_bg.wasm", "__wasm_split.js"] {
                std::fs::copy(path.join(file), target.join(file)).expect("the folder is ours");
            }
            found = Some(target.join(STEPS));
        }
    }
    found.expect("the page has its steps in a file of their own")
}

#[test]
fn steps_that_could_not_be_fetched_are_fetched_again() {
    let Some(parts) = Parts::find() else { return };
    let dist = tempfile::tempdir().expect("a temporary folder");
    let missing = page_without_steps(&parts.dist, dist.path());
    let Some(site) = Site::open_from(WebGpu::NoAdapter, dist.path(), None) else { return };
    let browser = &site.browser;
    assert!(browser.has("load-model") || browser.has("more-models"), "the first step is there");
    browser.go_to("data");
    browser.wait_for("load-steps", READ_SECS);
    assert!(browser.text("load-steps").contains("Try again"));

    let steps = parts.dist.join(missing.strip_prefix(dist.path()).expect("it is inside"));
    std::fs::copy(steps, &missing).expect("the folder is ours");
    browser.click("load-steps");
    let drawn = "return !document.querySelector('[data-testid=load-steps]') && \
        document.querySelector('main').textContent.includes(arguments[0])";
    browser.wait_until("the step is drawn", READ_SECS, drawn, vec![json!("What the model should learn")]);
    let focused = "return document.activeElement?.id === 'page-title' || document.activeElement?.tagName === 'BODY'";
    assert_eq!(browser.script(focused, Vec::new()), true, "no control has the focus that is gone");
    for step in ["recipe", "train", "evaluate", "try", "export", "model"] {
        browser.go_to(step);
    }
}
