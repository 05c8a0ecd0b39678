//! Buttons are there while they can be pressed, the focus outlives them, and figures fit a phone.

use hone_tests::browser::WebGpu;

use crate::site::{READ_SECS, Site};

const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "3"), ("batch_size", "8"), ("learning_rate", "1e-4"), ("max_seq_length", "32")];

#[test]
fn buttons_come_and_go_with_what_they_are_for() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    for (step, button) in [("evaluate", "evaluate-run"), ("try", "try-run"), ("export", "export-job")] {
        browser.go_to(step);
        assert!(!browser.has(button), "without a model there is no {button}");
    }
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(RECIPE);
    browser.go_to("export");
    assert!(browser.has("export-job") && !browser.has("export-zip"), "there are no weights yet");
    assert!(browser.text("job-note").contains("Saved before a run"), "{}", browser.text("job-note"));

    // The run ends by itself while the focus is on Stop.
    let focus = "window.__focus = setInterval(() => document.querySelector('[data-testid=stop]')?.focus(), 5)";
    let _ = browser.script(focus, Vec::new());
    site.start();
    site.finish();
    let _ = browser.script("clearInterval(window.__focus)", Vec::new());
    let kept = "return document.activeElement?.dataset.testid === 'phase'";
    browser.wait_until("the focus is on how the run stands", READ_SECS, kept, Vec::new());

    site.evaluate("loss");
    assert_eq!(browser.text("evaluate-run"), "Evaluate", "it can be pressed again");
    site.in_all_views(|view| {
        let width = "const box = document.querySelector('[aria-label=\"Before and after\"]'); \
            return [box.scrollWidth, box.clientWidth]";
        let widths = browser.script(width, Vec::new());
        assert!(widths[0].as_f64() <= widths[1].as_f64(), "{view}: all figures are in view: {widths}");
    });
    browser.go_to("export");
    assert!(browser.has("export-zip"));
    assert_eq!(browser.text("job-note"), "", "the job file knows its rows now");
    site.check_requests();
}
