//! What all steps share: the address and the title, the buttons of a run, numbers with a comma, reading off a chart.

use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::site::{READ_SECS, Site, TRAIN_SECS};

fn wait_for_step(site: &Site, step: &str) {
    let script = "return document.querySelector(arguments[0])?.getAttribute('aria-current') === 'step'";
    let selector = json!(format!("[data-testid=step-{step}]"));
    site.browser.wait_until(&format!("the step {step} is shown"), READ_SECS, script, vec![selector]);
}

fn wait_for_title(site: &Site, pattern: &str) {
    let script = "return new RegExp(arguments[0]).test(document.title)";
    site.browser.wait_until(&format!("the title is {pattern}"), READ_SECS, script, vec![json!(pattern)]);
}

#[test]
fn the_address_names_the_step_and_leads_back() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    let address = || browser.script("return location.search + location.hash", Vec::new());
    browser.open(&format!("{}/?kept=1#train", site.server.url()));
    site.wait_for_device();
    wait_for_step(&site, "train");
    browser.go_to("data");
    browser.go_to("recipe");
    assert_eq!(address(), "?kept=1#recipe");
    wait_for_title(&site, "^Recipe · Hone$");
    let _ = browser.script("history.back()", Vec::new());
    wait_for_step(&site, "data");
    wait_for_title(&site, "^Data · Hone$");
    let _ = browser.script("history.forward()", Vec::new());
    wait_for_step(&site, "recipe");

    // What is no step is left alone, and so is the address when one skips to the content.
    let script = "const done = arguments[0]; addEventListener('hashchange', () => setTimeout(done, 50), { once: true }); \
        location.hash = 'nothing'";
    let _ = browser.script_async(script, Vec::new());
    wait_for_step(&site, "recipe");
    browser.go_to("model");
    let _ = browser.script("document.querySelector('.skip').click()", Vec::new());
    assert_eq!(browser.script("return document.activeElement.id", Vec::new()), "main");
    assert_eq!(address(), "?kept=1#model");
}

#[test]
fn a_run_shows_what_can_be_done_now_and_a_comma_is_a_point() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "400"), ("batch_size", "8"), ("max_seq_length", "32")]);
    browser.type_into("field-learning_rate", "1,000");
    let refused = "return document.querySelector('[data-testid=plan]')?.textContent.includes('Learning rate')";
    browser.wait_until("a doubtful number is refused", READ_SECS, refused, Vec::new());
    browser.type_into("field-learning_rate", "0,0001");
    let _ = browser.script("document.activeElement.blur()", Vec::new());
    let read = "return document.querySelector('[data-testid=field-learning_rate]').value === '0.0001'";
    browser.wait_until("the comma is read as a point", READ_SECS, read, Vec::new());

    browser.go_to("train");
    assert!(browser.text("run-plan").contains("8 a step"), "{}", browser.text("run-plan"));
    let planned = "const plan = document.querySelector('[data-testid=run-plan]')?.textContent ?? ''; \
        return /(About [0-9]+ (minutes?|hours?|days?)|Less than a minute) on this device/.test(plan)";
    browser.wait_until("the plan says how long the run takes", TRAIN_SECS, planned, Vec::new());
    assert!(browser.text("run-memory").starts_with("It needs about"), "{}", browser.text("run-memory"));
    assert!(browser.has("start") && !browser.has("pause") && !browser.has("stop"), "there is no run yet");
    site.start();
    wait_for_title(&site, "^[0-9]+ % · Hone$");
    assert!(browser.has("pause") && !browser.has("resume") && !browser.has("start"), "a run can be paused");
    let asks = "const leave = new Event('beforeunload', { cancelable: true }); dispatchEvent(leave); \
        return leave.defaultPrevented";
    assert_eq!(browser.script(asks, Vec::new()), true, "leaving asks first");
    let measured = "return document.querySelectorAll('[data-testid=evaluations] tbody tr').length >= 3";
    browser.wait_until("the rows were measured", TRAIN_SECS, measured, Vec::new());

    browser.click("pause");
    browser.wait_for("resume", READ_SECS);
    wait_for_title(&site, "^Paused · Hone$");
    assert!(!browser.has("pause"), "a held run can't be paused");
    let focus = "return document.activeElement?.dataset.testid ?? ''";
    assert_eq!(browser.script(focus, Vec::new()), "resume", "the focus stays on the button");
    let best = "return [...document.querySelectorAll('[data-testid=evaluations] td')] \
        .filter(cell => cell.textContent.startsWith('best')).length";
    assert_eq!(browser.script(best, Vec::new()), 1, "one evaluation is the best");
    let read_off = "const handle = document.querySelector('.readout input'); handle.value = '1'; \
        handle.dispatchEvent(new Event('input', { bubbles: true }))";
    let _ = browser.script(read_off, Vec::new());
    let shown = "return document.querySelector('.readout').textContent.includes('validation loss not yet measured')";
    browser.wait_until("a step is read off without what came later", READ_SECS, shown, Vec::new());

    browser.click("resume");
    browser.click("stop");
    browser.wait_for("run-finished", READ_SECS);
    wait_for_title(&site, "^Done · Hone$");
    assert!(browser.has("start") && !browser.has("stop") && !browser.has("keep-best"), "the run is over");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
