//! What all steps share: the address and the title, the path by keys alone, the buttons of a run, numbers with a comma, reading off a
//! chart.

use hone_tests::browser::{ENTER, ESCAPE, WebGpu};
use hone_tests::rows;
use serde_json::json;

use crate::site::{READ_SECS, Site, TRAIN_SECS, tiny_files};

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

/// From the page as it opens to the button that starts a run, by Tab, Enter and digits. Windows in which files are chosen are the
/// browser's own: what stands for them here is given once their button has the focus.
fn walk_by_keys(site: &Site) {
    let browser = &site.browser;
    browser.tab_to(".skip");
    browser.press(ENTER);
    let is_in = "return document.activeElement?.id === 'main'";
    browser.wait_until("the header and the steps are skipped", READ_SECS, is_in, Vec::new());
    browser.tab_to("[data-testid=more-models] > summary");
    browser.press(ENTER);
    browser.tab_to("[data-testid=local-files]");
    browser.choose_files("local-files", &tiny_files());
    browser.tab_to("[data-testid=load-model]");
    browser.press(ENTER);
    browser.wait_for("model-ready", READ_SECS);
    assert!(has_focus(site, "load-model"), "the button that loads keeps the focus");
    go_on_by_keys(site, "data");

    browser.tab_to("[data-testid=data-file]");
    browser.choose_files("data-file", &[site.file("rows.csv", rows::csv(60))]);
    browser.wait_for("data-report", READ_SECS);
    go_on_by_keys(site, "recipe");

    browser.tab_to("[data-testid=preset-few_rows]");
    browser.press(ENTER);
    browser.tab_to("[data-testid=field-num_train_epochs]");
    browser.press("400");
    go_on_by_keys(site, "train");
    tab_to_start(site);
}

/// Whether a control has the focus.
fn has_focus(site: &Site, id: &str) -> bool {
    site.browser.script("return document.activeElement?.dataset.testid === arguments[0]", vec![json!(id)]) == true
}

/// Presses the button at the foot of a step by keys; the heading of the next has the focus then.
fn go_on_by_keys(site: &Site, step: &str) {
    site.browser.tab_to("[data-testid=next]");
    site.browser.press(ENTER);
    wait_for_step(site, step);
    let script = "return document.activeElement?.id === 'page-title'";
    site.browser.wait_until(&format!("the step {step} has the focus"), READ_SECS, script, Vec::new());
}

/// Goes by keys to the button that starts a run, once it can be pressed.
fn tab_to_start(site: &Site) {
    let script = "return document.querySelector('[data-testid=start]')?.disabled === false";
    site.browser.wait_until("a run can start", READ_SECS, script, Vec::new());
    site.browser.tab_to("[data-testid=start]");
}

#[test]
fn a_run_shows_what_can_be_done_now_and_a_comma_is_a_point() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    walk_by_keys(&site);
    browser.go_to("recipe");
    assert_eq!(browser.held("field-num_train_epochs"), "400");
    assert_eq!(
        browser.attribute("preset-few_rows", "aria-pressed").as_deref(),
        Some("false"),
        "400 epochs are no preset's"
    );
    for (name, value) in [("early_stopping_patience", "off"), ("batch_size", "8"), ("max_seq_length", "32")] {
        browser.type_into(&format!("field-{name}"), value);
    }
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
    tab_to_start(&site);
    browser.press(ENTER);
    wait_for_title(&site, "^[0-9]+ % · Hone$");
    assert!(has_focus(&site, "pause"), "the button that started the run pauses it");
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
    assert!(has_focus(&site, "resume"), "the focus stays on the button");
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

    // The question before weights go takes the focus, and gives it back.
    browser.go_to("train");
    tab_to_start(&site);
    browser.press(ENTER);
    let is_asked = "return document.activeElement?.id === 'weights-question'";
    browser.wait_until("the question has the focus", READ_SECS, is_asked, Vec::new());
    browser.press(ESCAPE);
    let is_back = "return !document.querySelector('[data-testid=weights-question]') && \
        document.activeElement?.dataset.testid === 'start'";
    browser.wait_until("the button that asked has the focus", READ_SECS, is_back, Vec::new());
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
