//! From rows without labels to a second run: rows are labeled by keys, a label is corrected in the list of rows that the model gets
//! wrong, and the second run goes on from the weights of the first, on the same rows.

use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::json;

use crate::kept_run::reload;
use crate::rows::{click_when_ready, wait_for_text};
use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Hardly anything is learned: there are mistakes to correct.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "1"), ("batch_size", "8"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];

/// Presses a key on an element, which gets the focus.
pub(crate) fn press(site: &Site, id: &str, key: &str) {
    let script = "const box = document.getElementById(arguments[0]); box.focus(); \
        box.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[1], bubbles: true, cancelable: true }))";
    let _ = site.browser.script(script, vec![json!(id), json!(key)]);
}

/// Three rows without labels: one is labeled by a digit, one by its first letter, one stays as it is.
fn label_rows(site: &Site) {
    wait_for_text(site, "num-unlabeled", "3 rows have no label");
    click_when_ready(site, "label-rows");
    wait_for_text(site, "labeling-place", "1 of 3");
    press(site, "label-box", "2");
    wait_for_text(site, "labeling-place", "1 labeled here");
    press(site, "label-box", "w");
    wait_for_text(site, "label-box-typed", "Enter takes “weather”");
    press(site, "label-box", "Enter");
    wait_for_text(site, "labeling-place", "2 labeled here");
    wait_for_text(site, "num-unlabeled", "1 row has no label");
    wait_for_text(site, "labeling-counts", "music31");
}

#[test]
fn a_corrected_label_leads_to_a_second_run_on_the_same_rows() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    let unlabeled = "a tune nobody knew,\nit will snow tonight,\nwhat is this about,\n";
    site.choose_rows(&site.file("rows.csv", rows::csv(90) + unlabeled));
    browser.wait_for("data-report", READ_SECS);
    label_rows(&site);
    site.set_recipe(RECIPE);
    site.start();
    site.finish();
    site.evaluate("loss");
    let before = browser.text("eval-accuracy-tuned");

    // The first row of the list gets the label that the model predicts.
    let script = "const row = document.querySelector('[data-testid=wrong-rows] tbody tr'); \
        row.cells[2].querySelector('button.cell').click(); return row.cells[3].textContent";
    let predicted = browser.script(script, Vec::new());
    let predicted = predicted.as_str().expect("a label");
    let has_focus = "return document.activeElement?.id === 'correct-box'";
    browser.wait_until("the box has the focus", READ_SECS, has_focus, Vec::new());
    let place = rows::LABELS.iter().position(|label| *label == predicted).expect("one of the labels");
    press(&site, "correct-box", &(place + 1).to_string());
    wait_for_text(&site, "corrections", "1 label corrected");
    let measured = browser.text("corrections-measured");
    assert!(measured.contains("test rows run 1 has an accuracy of ") && measured.contains(&before), "{measured}");
    let number = |text: &str| text.trim_end_matches(" %").parse::<f64>().expect("a share");
    let after = measured.split("an accuracy of ").nth(1).and_then(|rest| rest.split(" by the").next());
    let after = after.expect("the figure by the corrected labels").to_owned();
    assert!(number(&after) > number(&before), "{measured}");

    // The second run begins with the weights of the first: what it had before training are the answers of the first run.
    click_when_ready(&site, "train-from-here");
    let is_over = "return (!!document.querySelector('[data-testid=run-2]') && \
        !!document.querySelector('[data-testid=run-finished]')) || \
        document.querySelector('[data-testid=problem-message]')?.textContent || false";
    let over = browser.wait_until("the second run is over", TRAIN_SECS, is_over, Vec::new());
    assert_eq!(over, json!(true));
    let changed = browser.text("changed-2");
    assert!(changed.contains("1 more edit of rows") && browser.has("run-1"), "{changed}");
    site.evaluate("loss");
    assert_eq!(browser.text("eval-accuracy-base"), after, "the same answers by the same labels");
    let beside = browser.text("beside-first-run");
    let own = browser.text("eval-accuracy-tuned");
    assert!(beside.contains(&format!("run 1 {after}, run 2 {own} (accuracy)")), "{beside}");

    // What was corrected stays when the first run is opened again, which knew nothing of it.
    reload(&site);
    browser.go_to("train");
    click_when_ready(&site, "open-1");
    browser.wait_for("evaluate-run", READ_SECS);
    click_when_ready(&site, "evaluate-run");
    browser.wait_for("eval-accuracy-tuned", TRAIN_SECS);
    wait_for_text(&site, "corrections", "1 label corrected");
    wait_for_text(&site, "corrections-measured", &measured);
    site.check_requests();
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
