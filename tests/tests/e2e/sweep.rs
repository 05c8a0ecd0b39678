//! A learning rate is found, and a sweep of three rates on two folds outlives its page: it goes on after a reload, says which settings are
//! best, and leaves runs that are kept.

use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::axe;
use crate::kept_run::reload;
use crate::projects::wait_until_kept;
use crate::site::{READ_SECS, Site, TRAIN_SECS};
use crate::whole_path::open;

/// Runs of a second or less.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "2"), ("batch_size", "8"), ("learning_rate", "5e-4"), ("max_seq_length", "32")];

/// Rates that are tried.
const RATES: [&str; 3] = ["1e-3", "3e-4", "1e-4"];

/// Presses a button once nothing keeps it waiting.
fn press(site: &Site, id: &str) {
    let script = "const button = document.querySelector(`[data-testid=${arguments[0]}]`); \
        return !!button && button.getAttribute('aria-disabled') === null";
    site.browser.wait_until(&format!("{id} waits for nothing"), TRAIN_SECS, script, vec![json!(id)]);
    site.browser.click(id);
}

#[test]
fn a_sweep_outlives_its_page_and_says_which_settings_are_best() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    let few = browser.text("few-rows");
    assert!(few.contains("95 % interval") && few.contains("5 folds"), "{few}");
    site.set_recipe(RECIPE);

    // The rate at which the loss falls fastest, or that it falls nowhere; the curve either way.
    open(&site, "rates");
    press(&site, "find-rate");
    browser.wait_for("rates-found", TRAIN_SECS);
    let found = browser.text("rates-found");
    assert!(found.starts_with("The rate was raised in ") && browser.has("rates-chart"), "{found}");
    if browser.has("use-rate") {
        browser.click("use-rate");
        assert!(found.contains(&browser.held("field-learning_rate")), "{found}");
    }

    // Two folds instead of the five that are set up, and three rates.
    browser.go_to("data");
    browser.click("set-up-folds");
    let shown = "return location.hash === '#recipe' && document.activeElement?.id === 'page-title'";
    browser.wait_until("the recipe is shown", READ_SECS, shown, Vec::new());
    assert_eq!(browser.held("sweep-folds"), "5");
    browser.type_into("sweep-folds", "2");
    browser.select("sweep-setting", "learning_rate");
    browser.click("sweep-add");
    browser.type_into("sweep-values-learning_rate", &RATES.join(", "));
    let plan = browser.text("sweep-plan");
    assert!(plan.starts_with("6 runs (3 trials of 2 runs each), 12 epochs in all: "), "{plan}");
    press(&site, "sweep-start");

    // Stopped after a run, and gone on with by another page.
    let one_is_done = "return /^[1-6] of 6 /.test(document.querySelector('[data-testid=sweep-progress]')?.textContent) || \
        document.querySelector('[data-testid=sweep-problem], [data-testid=problem-message]')?.textContent || false";
    let done = browser.wait_until("a run of the sweep is done", TRAIN_SECS, one_is_done, Vec::new());
    assert_eq!(done, true, "the sweep goes on");
    browser.click("sweep-stop");
    browser.wait_for("sweep-go-on", TRAIN_SECS);
    wait_until_kept(&site, "is_over");
    reload(&site);
    browser.go_to("recipe");
    browser.wait_for("sweep-go-on", READ_SECS);
    site.load_tiny();
    browser.go_to("recipe");
    press(&site, "sweep-go-on");
    browser.wait_for("sweep-start", TRAIN_SECS); // another can be started: this one is over

    // Mean and spread of each, the best of which comes into the recipe.
    let means = [0, 1, 2].map(|trial| browser.number(&format!("sweep-mean-{trial}")));
    assert!(means.iter().all(|mean| mean.is_finite()), "{means:?}");
    let table = browser.text("sweep-table");
    assert!(table.contains("Standard deviation") && table.contains('±') && table.contains("(best)"), "{table}");
    assert!(browser.has("sweep-chart"));
    axe::check(&site, "recipe, a sweep");
    browser.click("use-best");
    let best = (0..RATES.len()).min_by(|a, b| means[*a].total_cmp(&means[*b])).expect("there are some");
    assert_eq!(browser.held("field-learning_rate"), RATES[best], "the lowest loss: {means:?}");

    // Each is a run as any other, on rows that are shared out by its fold.
    browser.go_to("train");
    let runs = "return document.querySelectorAll('tr[data-testid^=run-]').length >= 6";
    browser.wait_until("the runs are kept", READ_SECS, runs, Vec::new());
    let note = browser.held("note-1");
    assert!(note.starts_with("Sweep: Learning rate 1e-3, fold 1 of 2"), "{note}");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
