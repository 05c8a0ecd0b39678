//! The page answers while its worker trains as fast as it can.

use std::time::Duration;

use hone_tests::browser::WebGpu;
use serde_json::Value;

use crate::site::Site;

/// Milliseconds within which the page answers, 99 times in a hundred.
const ANSWER_MS: f64 = 100.0;
/// Milliseconds between two ticks of the clock that measures it.
const TICK_MS: f64 = 20.0;

/// Seconds of measuring.
const MEASURE: Duration = Duration::from_secs(5);

/// Gaps between the ticks of a clock in the page, in milliseconds: the one of 99 in a hundred, and the longest.
fn gaps(site: &Site) -> (f64, f64) {
    let script = "window.__gaps = []; let last = performance.now(); window.__ticks = setInterval(() => { \
        const now = performance.now(); window.__gaps.push(now - last); last = now; }, arguments[0])";
    let _ = site.browser.script(script, vec![TICK_MS.into()]);
    std::thread::sleep(MEASURE);
    let gaps = site.browser.script("clearInterval(window.__ticks); return window.__gaps", Vec::new());
    let mut gaps: Vec<f64> = gaps.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    gaps.sort_by(f64::total_cmp);
    assert!(!gaps.is_empty(), "the clock never ticked");
    (gaps[gaps.len() * 99 / 100], gaps[gaps.len() - 1])
}

#[test]
fn page_stays_responsive_while_training() {
    let Some(site) = Site::open_alone(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    site.load_rows(160);
    site.set_recipe(&[("num_train_epochs", "400"), ("batch_size", "16"), ("learning_rate", "1e-5")]);
    let (idle, _) = gaps(&site);
    site.start();
    let (p99, longest) = gaps(&site);
    assert!(!site.browser.has("run-finished"), "the run goes on while it is measured");
    site.browser.click("stop");
    site.finish();
    let (idle_after, _) = gaps(&site);
    eprintln!("p99 {p99:.1} ms, longest {longest:.1} ms; without a run {idle:.1} and {idle_after:.1} ms");
    if idle.max(idle_after) > ANSWER_MS / 2.0 {
        eprintln!("SKIPPED: this machine is too busy to measure it, the page waits even without a run");
        return;
    }
    assert!(p99 < ANSWER_MS, "p99 of the gaps is {p99} ms, the longest {longest} ms");
}
