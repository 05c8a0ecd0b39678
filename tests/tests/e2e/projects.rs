//! Projects: rows and recipe are there again after a reload, also before any run; they are renamed, copied, deleted, and left alone
//! where another tab has them open. Where a browser has no private files for the page, all is kept in its database.

use std::time::{Duration, Instant};

use hone_tests::browser::WebGpu;
use hone_tests::page_scripts::before_workers;
use serde_json::json;

use crate::axe;
use crate::kept_run::{RECIPE, reload, same_end, shown, wait_until_saved, wait_until_saved_whole};
use crate::site::{READ_SECS, Site};

/// All that is written of projects, as one text.
const WRITTEN: &str = "const done = arguments[arguments.length - 1]; (async () => { \
    const root = await navigator.storage.getDirectory(), texts = []; \
    for await (const project of (await root.getDirectoryHandle('projects')).values()) \
        for await (const file of project.values()) texts.push(await (await file.getFile()).text()); \
    return texts.join('|'); })().then(done, () => done(''))";

/// Names of what lies among runs in the browser's private files.
const PRIVATE_RUNS: &str = "const done = arguments[arguments.length - 1]; (async () => { const names = []; \
    const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle('runs', { create: true }); \
    for await (const name of runs.keys()) names.push(name); \
    return names; })().then(done, error => done(String(error)))";

/// Takes the private files out of a worker.
const TAKE_FILES_OUT: &str = "delete StorageManager.prototype.getDirectory";

/// Another tab that has the project open that is opened here next.
const HOLD: &str = "navigator.locks.request('hone-project-' + localStorage.getItem('hone-project'), \
    () => new Promise(() => {}))";

/// The page offers the model that is kept with the project.
const KEPT_MODEL: &str =
    "return document.querySelector('[data-testid=load-model]')?.textContent.includes('that are kept')";

/// Waits until these words are written of a project.
pub(crate) fn wait_until_kept(site: &Site, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(READ_SECS);
    loop {
        let written = site.browser.script_async(WRITTEN, Vec::new());
        if written.as_str().is_some_and(|written| written.contains(words)) {
            return;
        }
        if Instant::now() > deadline {
            site.browser.fail(&format!("{words:?} is not kept: {written}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Goes to the list of projects, and unfolds it.
fn open_list(site: &Site) {
    site.browser.go_to("model");
    site.browser.wait_for("projects-panel", READ_SECS);
    let _ = site.browser.script("document.querySelector('[data-testid=projects-panel]').open = true", Vec::new());
}

/// Waits until the line about the open project has these words.
fn wait_for_line(site: &Site, words: &str) {
    let script = "return document.querySelector('[data-testid=project-line]')?.textContent.includes(arguments[0])";
    site.browser.wait_until(&format!("the project's line says {words:?}"), READ_SECS, script, vec![json!(words)]);
}

#[test]
fn a_project_is_there_again_before_any_run() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    assert!(!browser.has("projects-panel") && !browser.has("project-line"), "nothing is kept");
    site.load_tiny();
    site.load_rows(60);
    wait_for_line(&site, "“rows”. It is kept");
    site.set_recipe(&[("num_train_epochs", "7"), ("learning_rate", "2e-3")]);
    wait_until_kept(&site, "2e-3");

    // Where it was: at the recipe, with its rows; the model of one's own files is loaded again from what is kept with it.
    reload(&site);
    browser.wait_until("the step is shown", READ_SECS, "return location.hash === '#recipe'", Vec::new());
    wait_for_line(&site, "“rows”. It is kept");
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    site.open_more_models();
    browser.wait_until("the model is kept", READ_SECS, KEPT_MODEL, Vec::new());
    browser.click("load-model");
    browser.wait_for("model-ready", READ_SECS);
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    assert!(browser.text("data-report").contains("3 classes"), "{}", browser.text("data-report"));
    browser.go_to("recipe");
    assert_eq!(["learning_rate", "num_train_epochs"].map(|name| browser.held(&format!("field-{name}"))), ["2e-3", "7"]);

    // Renamed, and copied.
    open_list(&site);
    browser.wait_for("project-1", READ_SECS);
    assert!(browser.text("project-runs-1").contains("no run yet"), "{}", browser.text("project-runs-1"));
    browser.type_into("project-name-1", "for the talk");
    browser.press_enter("project-name-1");
    wait_for_line(&site, "“for the talk”");
    wait_until_kept(&site, "\"for the talk\"");
    browser.click("copy-project-1");
    browser.wait_for("project-2", READ_SECS);
    assert_eq!(browser.held("project-name-2"), "for the talk (copy)");
    axe::check(&site, "projects");
    browser.set_view(360, 740, true, false);
    let width = browser.script("return document.documentElement.scrollWidth - innerWidth", Vec::new());
    assert_eq!(width, 0, "only the table scrolls sideways");
    browser.set_view(1280, 900, false, false);

    // A new one has nothing of it; the copy has all.
    open_list(&site);
    browser.click("new-project");
    let is_new = "return location.hash === '#data' && !document.querySelector('[data-testid=project-line]')";
    browser.wait_until("a new project begins", READ_SECS, is_new, Vec::new());
    assert!(!browser.has("data-report"), "it has no rows");
    open_list(&site);
    browser.click("open-project-2");
    wait_for_line(&site, "“for the talk (copy)”");
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);

    // Deleted after a second press, which says what goes.
    open_list(&site);
    browser.click("delete-project-2");
    let loss = browser.text("project-loss");
    assert!(loss.starts_with("Its rows") && (loss.contains("become free") || loss.contains("becomes free")), "{loss}");
    browser.click("delete-for-good-project-2");
    let is_gone = "return !document.querySelector('[data-testid=project-line]')";
    browser.wait_until("the copy is gone", READ_SECS, is_gone, Vec::new());
    open_list(&site);
    browser.wait_for("project-1", READ_SECS);
    assert!(!browser.has("project-2") && !browser.has("data-report"));

    // Another tab has it open: it is shown, and not changed.
    browser.click("open-project-1");
    wait_for_line(&site, "“for the talk”. It is kept");
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HOLD }));
    reload(&site);
    wait_for_line(&site, "open in another tab");
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn without_private_files_a_run_goes_on_from_the_database() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": before_workers(TAKE_FILES_OUT) }));
    site.reload();
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(RECIPE);
    site.start();
    let uninterrupted = shown(&site);
    wait_until_saved_whole(&site);
    let says_where = "return document.querySelector('[data-testid=storage-place]')?.textContent.includes('IndexedDB')";
    browser.wait_until("the page says where it is kept", READ_SECS, says_where, Vec::new());
    assert_eq!(browser.script_async(PRIVATE_RUNS, Vec::new()), json!([]), "nothing lies elsewhere");

    // Cut off: it goes on in another page to the same end.
    browser.click("start");
    browser.click("lose-weights");
    browser.wait_for("pause", READ_SECS);
    wait_until_saved(&site);
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    wait_for_line(&site, "“rows”. It is kept");
    assert!(browser.text("saved-run").contains("was cut off"), "{}", browser.text("saved-run"));
    browser.click("open-run");
    browser.wait_for("pause", READ_SECS);
    same_end(&site, &uninterrupted);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
