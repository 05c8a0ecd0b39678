//! Pictures of what is some steps away: a token for a hub, projects, few rows, rows labeled by keys, a plan, the rate finder, a sweep,
//! corrected labels, the big screen, texts side by side, a blind rating, and the report as a page of its own. Most are of one panel, all
//! of it. Run as the pictures of the steps are, with them; in: small rows and the tiny models. Out: files in `target/screenshots/`.

use hone_tests::browser::WebGpu;
use hone_tests::hub::Hub;
use hone_tests::{paths, rows};
use serde_json::json;

use super::{picture, picture_from, shoot};
use crate::corrections::press;
use crate::hub::{ID, load};
use crate::language_model::{self, RECIPE};
use crate::rows::{click_when_ready, wait_for_text};
use crate::site::{READ_SECS, Site, TRAIN_SECS, decoder_files};
use crate::whole_path::open;

/// A token for the stand-in of a hub.
const TOKEN: &str = "hf_aTokenOfNoHubButOurs";

/// Texts without labels, one of which fills some lines on a phone.
const UNLABELED: [&str; 5] = [
    "a tune nobody knew",
    "it will snow tonight",
    "what is this about",
    "the kettle was still warm when my brother came home from the concert and the thunder over the hill would not end",
    "salt",
];

/// A run of a second that learns hardly anything: there are mistakes to correct.
const UNLEARNED: &[(&str, &str)] =
    &[("num_train_epochs", "1"), ("batch_size", "8"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];

/// All of an element, however high it is.
fn whole_of(site: &Site, selector: &str, step: &str) {
    let script = "const part = document.querySelector(arguments[0]); part.scrollIntoView(); \
        return Math.min(8000, Math.max(844, Math.ceil(part.getBoundingClientRect().height) + 160))";
    for (view, width, is_phone) in [("desktop", 1280, false), ("phone", 390, true)] {
        for (theme, is_dark) in [("light", false), ("dark", true)] {
            site.browser.set_view(width, 844, is_phone, is_dark);
            let height = site.browser.script(script, vec![json!(selector)]).as_u64();
            let height = height.and_then(|height| u32::try_from(height).ok()).unwrap_or(844);
            site.browser.set_view(width, height, is_phone, is_dark);
            let _ = site.browser.script(script, vec![json!(selector)]);
            shoot(site, &format!("{step}-{view}-{theme}"));
        }
    }
    site.browser.set_view(1280, 900, false, false);
}

/// The same of what has a test id.
fn panel(site: &Site, id: &str, step: &str) {
    whole_of(site, &format!("[data-testid={id}]"), step);
}

/// Waits until a plan says how long the run takes.
fn wait_for_plan(site: &Site, id: &str) {
    let script = "return /(About [^:]+|Less than a minute) on this device/ \
        .test(document.querySelector(`[data-testid=${arguments[0]}]`)?.textContent)";
    site.browser.wait_until("the plan says how long the run takes", TRAIN_SECS, script, vec![json!(id)]);
}

/// The run for the front of a room, also as large as a projector shows it.
fn big_screen(site: &Site, step: &str) {
    let browser = &site.browser;
    browser.go_to("train");
    // What fills the screen would have its size, and not that of the views.
    let _ = browser.script("delete Element.prototype.requestFullscreen", Vec::new());
    browser.click("big-screen-open");
    browser.wait_for("big-screen", READ_SECS);
    picture(site, step);
    browser.set_view(1920, 1080, false, true);
    shoot(site, &format!("{step}-projector"));
    browser.set_view(1280, 900, false, false);
    browser.click("big-screen-close");
}

/// The report of the run as it is read: a file that the browser opens. The page of Hone is gone then.
fn report(site: &Site, step: &str) {
    let browser = &site.browser;
    browser.go_to("export");
    browser.click("export-report");
    let path = browser.wait_for_download(".html", READ_SECS);
    // The page would ask before it goes.
    let silence = "addEventListener('beforeunload', event => event.stopImmediatePropagation(), true)";
    let _ = browser.script(silence, Vec::new());
    browser.open(&format!("file://{}", path.display()));
    whole_of(site, "main", step);
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_a_token_and_of_projects() {
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    hub.ask_for_token(TOKEN);
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    let browser = &site.browser;
    load(&site, ID);
    eprintln!("{}", browser.wait_for_problem(READ_SECS));
    panel(&site, "more-models", "token-asked");
    browser.dismiss_problem();
    browser.type_into("hub-token", TOKEN);
    panel(&site, "more-models", "token-given");
    load(&site, ID);
    browser.wait_for("model-ready", READ_SECS);

    site.load_rows(60);
    wait_for_text(&site, "project-line", "It is kept");
    browser.go_to("model");
    browser.wait_for("projects-panel", READ_SECS);
    open(&site, "projects-panel");
    for number in 1..3 {
        browser.click(&format!("copy-project-{number}"));
        browser.wait_for(&format!("project-{}", number + 1), READ_SECS);
    }
    browser.type_into("project-name-2", "Tickets of the support desk by topic, without those of the spring");
    browser.press_enter("project-name-2");
    panel(&site, "projects-panel", "projects");
    browser.click("delete-project-3");
    browser.wait_for("project-loss", READ_SECS);
    panel(&site, "projects-panel", "projects-delete");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_few_rows_and_of_their_run() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    let unlabeled = UNLABELED.map(|text| format!("{text},\n")).concat();
    site.choose_rows(&site.file("rows.csv", rows::csv(90) + &unlabeled));
    browser.wait_for("data-report", READ_SECS);
    panel(&site, "few-rows", "few-rows");
    click_when_ready(&site, "label-rows");
    wait_for_text(&site, "labeling-place", "1 of 5");
    press(&site, "label-box", "2");
    wait_for_text(&site, "labeling-place", "1 labeled here");
    press(&site, "label-box", "w");
    wait_for_text(&site, "label-box-typed", "Enter takes");
    panel(&site, "labeling", "labeling");

    // So long that a shorter one is offered.
    site.set_recipe(&[("num_train_epochs", "10000"), ("batch_size", "4"), ("learning_rate", "5e-4")]);
    wait_for_plan(&site, "plan");
    picture_from(&site, "plan", "document.querySelector('[data-testid=plan]').scrollIntoView()");
    browser.type_into("field-num_train_epochs", "3");
    open(&site, "rates");
    click_when_ready(&site, "find-rate");
    browser.wait_for("rates-found", TRAIN_SECS);
    panel(&site, "rates", "rates");

    browser.go_to("train");
    wait_for_plan(&site, "run-plan");
    picture(&site, "train-before");
    site.start();
    site.finish();
    big_screen(&site, "big-screen");
    site.evaluate("accuracy");
    report(&site, "report");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_a_sweep() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(&[
        ("num_train_epochs", "1"),
        ("batch_size", "8"),
        ("learning_rate", "5e-4"),
        ("max_seq_length", "32"),
    ]);
    open(&site, "sweep");
    for (setting, values) in [("learning_rate", "1e-3 3e-4 1e-4"), ("batch_size", "8 16")] {
        browser.select("sweep-setting", setting);
        browser.click("sweep-add");
        browser.type_into(&format!("sweep-values-{setting}"), values);
    }
    browser.type_into("sweep-folds", "2");
    wait_for_text(&site, "sweep-plan", "12 runs");
    panel(&site, "sweep", "sweep-typed");
    click_when_ready(&site, "sweep-start");
    browser.wait_for("sweep-stop", TRAIN_SECS);
    panel(&site, "sweep", "sweep-going");
    browser.wait_for("sweep-start", TRAIN_SECS); // another can be started: this one is over
    panel(&site, "sweep", "sweep-result");
    browser.go_to("train");
    browser.wait_for("run-1", READ_SECS);
    picture_from(&site, "sweep-runs", "document.getElementById('runs').scrollIntoView()");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_corrected_labels() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    browser.go_to("data");
    browser.select("task", "multi_label");
    site.choose_rows(&site.file("labels.csv", rows::several_csv(120) + "a choir sang in the snow,\n"));
    browser.wait_for("data-report", READ_SECS);
    click_when_ready(&site, "label-rows");
    wait_for_text(&site, "labeling-place", "1 of 1");
    press(&site, "label-box", "2");
    press(&site, "label-box", "3");
    panel(&site, "labeling", "labeling-of-labels");
    site.set_recipe(UNLEARNED);
    site.start();
    site.finish();
    site.evaluate("micro-f1");
    let correct =
        "document.querySelector('[data-testid=wrong-rows] tbody tr').cells[1].querySelector('button.cell').click()";
    let _ = browser.script(correct, Vec::new());
    browser.wait_for("correction", READ_SECS);
    press(&site, "correct-box", "1");
    press(&site, "correct-box", "n");
    wait_for_text(&site, "correct-box-typed", "Enter makes it a new one");
    panel(&site, "correction", "correction-of-labels");
    press(&site, "correct-box", "Escape");
    press(&site, "correct-box", "Enter");
    browser.wait_for("corrections", READ_SECS);
    panel(&site, "corrections", "corrections-of-labels");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_what_a_model_writes() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.choose_model(&decoder_files());
    browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file("colours.jsonl", language_model::rows()));
    browser.wait_for("data-report", READ_SECS);
    site.set_recipe(RECIPE);
    site.start();
    site.finish();
    panel(&site, "train-samples", "side-by-side");
    big_screen(&site, "big-screen-texts");
    site.evaluate("general-loss");
    browser.type_into("rating-seed", "7");
    browser.click("rating-start");
    browser.wait_for("rating-text-2", READ_SECS);
    panel(&site, "rating", "rating");
    press(&site, "rating-pair", "1");
    wait_for_text(&site, "rating-progress", "1 of");
    press(&site, "rating-pair", "2");
    wait_for_text(&site, "rating-progress", "2 of");
    browser.click("rating-open");
    wait_for_text(&site, "rating-verdict", "Run 1: ");
    panel(&site, "rating", "rating-named");
    report(&site, "report-texts");
}
