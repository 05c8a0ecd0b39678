//! A GPU that is lost, has too little memory, or computes wrongly: said loudly, never a wrong number, and one can go on. It is lost at
//! other moments at the end of other tests that have one.

use hone_core::session::protocol::{Command, Request, RequestId};
use hone_tests::browser::WebGpu;
use serde_json::{Value, json};

use crate::site::{DEVICE_SECS, READ_SECS, Site, TRAIN_SECS};

/// Tells the worker to destroy its GPU device.
pub(crate) fn lose_device(site: &Site) {
    rehearse(site, Command::LoseDevice);
}

/// Sends the worker a command that the page itself never sends. The page drops the answer, as it knows no such request.
pub(crate) fn rehearse(site: &Site, command: Command) {
    let request = Request { id: RequestId(u32::MAX), command };
    let json = serde_json::to_string(&request).expect("a command is plain data");
    let script = "window.__workers.at(-1).postMessage({ json: arguments[0], blobs: [] })";
    let _ = site.browser.script(script, vec![json.into()]);
}

/// Sends the worker a command, with files that hold these texts, and returns its answer; the page drops it as above.
pub(crate) fn ask(site: &Site, command: Command, files: &[&str]) -> Value {
    let request = Request { id: RequestId(u32::MAX), command };
    let json = serde_json::to_string(&request).expect("a command is plain data");
    let script = "const [json, id, files, done] = arguments, worker = window.__workers.at(-1); \
        const hear = event => { const { reply } = JSON.parse(event.data.json); if (reply?.id !== id) return; \
            worker.removeEventListener('message', hear); done(reply.result); }; \
        worker.addEventListener('message', hear); \
        const blobs = files.map(text => new TextEncoder().encode(text).buffer); worker.postMessage({ json, blobs }, blobs)";
    site.browser.script_async(script, vec![json.into(), json!(u32::MAX), json!(files)])
}

/// Ends the worker as a browser does, of which the page hears as of a script that failed.
pub(crate) fn kill_worker(site: &Site) {
    let kill = "const worker = window.__workers.at(-1); worker.terminate(); \
        worker.dispatchEvent(new ErrorEvent('error', { message: 'it was killed' }))";
    let _ = site.browser.script(kill, Vec::new());
    site.browser.wait_for_problem(READ_SECS);
}

/// Waits until the page says that the GPU was lost.
pub(crate) fn wait_for_loss(site: &Site) {
    let message = site.browser.wait_for_problem(READ_SECS);
    eprintln!("after the loss: {message}");
    assert!(message.starts_with("The GPU failed: "), "{message}");
}

#[test]
fn a_lost_device_is_said_and_the_work_goes_on() {
    let Some(site) = Site::open(WebGpu::Software) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(30);
    let long = [("num_train_epochs", "200"), ("batch_size", "8"), ("learning_rate", "1e-4"), ("max_seq_length", "32")];
    site.set_recipe(&long);
    site.start();
    let is_saved = "return !!document.querySelector('[data-testid=checkpoint]')";
    browser.wait_until("the run is saved", TRAIN_SECS, is_saved, Vec::new());

    browser.fail_gpu("full", "");
    let message = browser.wait_for_problem(READ_SECS);
    eprintln!("without memory: {message}");
    assert!(message.contains("GPU") && message.contains("out of GPU memory"), "{message}");
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

    // Another device takes the run up where it was saved, a batch in parts; then that one is lost.
    browser.go_to("train");
    let offered = "return !!document.querySelector('[data-testid=open-run]')";
    browser.wait_until("the run can go on", READ_SECS, offered, Vec::new());
    assert!(browser.text("open-run").contains("Go on from step "), "{}", browser.text("open-run"));
    browser.click("open-run");
    let goes_on = "return !!document.querySelector('[data-testid=pause]') && \
        !!document.querySelector('[data-testid=evaluations]')";
    browser.wait_until("the run goes on", DEVICE_SECS, goes_on, Vec::new());
    browser.wait_for("batches-cut", READ_SECS);
    assert!(browser.text("batches-cut").contains("in parts of 4 rows"), "{}", browser.text("batches-cut"));
    lose_device(&site);
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("GPU") && message.contains("lost"), "{message}");

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

    // Lost in the middle of an export: no file, and no figure and no answer comes from what is left.
    browser.fail_gpu("lost", "export");
    let asked = [
        ("export", "export-zip", "exported"),
        ("evaluate", "evaluate-run", "eval-accuracy-tuned"),
        ("try", "try-run", "try-result-tuned"),
    ];
    for (step, button, answer) in asked {
        browser.go_to(step);
        if step == "try" {
            browser.type_into("try-text", "is it there?");
        }
        browser.click(button);
        let message = browser.wait_for_problem(READ_SECS);
        assert!(message.contains("GPU") && message.contains("lost"), "{step}: {message}");
        assert!(!browser.has(answer), "{step}: there is no answer");
    }

    // One that computes wrongly from the start is not used.
    browser.run_before_workers("self.honeFault = { what: 'wrong' }");
    browser.click("restart-worker");
    site.wait_for_device();
    assert_eq!(site.backend(), "cpu");
    let said = browser.script("return document.querySelector('header .pop-body').textContent", Vec::new());
    let said = said.as_str().unwrap_or_default();
    assert!(said.contains("failed its check: it computes wrongly (linear "), "{said}");
}
