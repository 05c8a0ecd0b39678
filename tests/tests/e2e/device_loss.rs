//! A GPU that is lost while it trains: said loudly, never a wrong number, and one can go on.

use hone_core::session::protocol::{Command, Request, RequestId};
use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::site::{READ_SECS, Site};

/// Tells the worker to destroy its GPU device: the one command that the page itself never sends. The page drops the
/// answer, as it knows no such request.
fn lose_device(site: &Site) {
    let request = Request { id: RequestId(u32::MAX), command: Command::LoseDevice };
    let json = serde_json::to_string(&request).expect("a command is plain data");
    let script = "window.__workers.at(-1).postMessage({ json: arguments[0], blobs: [] })";
    let _ = site.browser.script(script, vec![json.into()]);
}

#[test]
fn a_lost_device_is_said_and_the_work_goes_on() {
    let Some(site) = Site::open(WebGpu::Software) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    let long = [("num_train_epochs", "200"), ("batch_size", "8"), ("learning_rate", "1e-4"), ("max_seq_length", "32")];
    site.set_recipe(&long);
    site.start();

    lose_device(&site);
    let message = browser.wait_for_problem(READ_SECS);
    eprintln!("after the loss: {message}");
    assert!(message.contains("GPU") && message.contains("lost"), "{message}");
    assert!(!browser.has("run-finished"), "a failed run is not a finished one");
    let phase = browser.text("phase");
    assert!(phase.contains("Failed"), "{phase}");

    // What is left can't be trusted, and nothing of it comes out.
    browser.go_to("export");
    let closed = browser.script(
        "return document.querySelector(arguments[0])?.disabled ?? true",
        vec![json!("[data-testid=export-zip]")],
    );
    assert_eq!(closed, true, "there is nothing to export");

    browser.go_to("train");
    browser.click("restart-worker");
    site.wait_for_device();
    assert_eq!(site.backend(), "webgpu");
    browser.click("load-again");
    let again = "return !document.querySelector('[data-testid=load-again]') && \
        document.querySelector('[data-testid=start]')?.disabled === false";
    browser.wait_until("model and rows are loaded again", READ_SECS, again, Vec::new());
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "8"), ("max_seq_length", "32")]);
    site.start();
    let losses = site.finish();
    assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
}
