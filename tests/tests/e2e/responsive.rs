//! The page answers while its worker trains as fast as it can.

use std::time::Duration;

use serde_json::Value;

use hone_tests::browser::WebGpu;

use crate::site::Site;

/// Milliseconds within which the page answers, 99 times in a hundred.
const ANSWER_MS: f64 = 100.0;
/// Milliseconds between two ticks of the clock that measures it.
const TICK_MS: f64 = 20.0;

#[test]
fn page_stays_responsive_while_training() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    site.load_rows(160);
    site.set_recipe(&[("num_train_epochs", "400"), ("batch_size", "16"), ("learning_rate", "1e-5")]);
    site.start();
    let script = "window.__gaps = []; let last = performance.now(); setInterval(() => { const now = performance.now(); \
        window.__gaps.push(now - last); last = now; }, arguments[0])";
    let _ = site.browser.script(script, vec![TICK_MS.into()]);
    std::thread::sleep(Duration::from_secs(10));
    let gaps = site.browser.script("return window.__gaps", Vec::new());
    assert!(!site.browser.has("run-finished"), "the run goes on while it is measured");
    let mut gaps: Vec<f64> = gaps.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    gaps.sort_by(f64::total_cmp);
    assert!(gaps.len() >= 100, "only {} ticks", gaps.len());
    let (p99, longest) = (gaps[gaps.len() * 99 / 100], gaps[gaps.len() - 1]);
    eprintln!("{} ticks of {TICK_MS} ms: p99 {p99:.1} ms, longest {longest:.1} ms", gaps.len());
    assert!(p99 < ANSWER_MS, "p99 of the gaps is {p99} ms, the longest {longest} ms");
    site.browser.click("stop");
    site.finish();
}
