//! A run outlives its page: after a reload it goes on to the same end, or its weights are opened again; one that was deleted is
//! gone, and one of another tab is left alone. Several stay side by side.

use std::fs;
use std::path::PathBuf;

use burn::tensor::Device;
use hone_core::config::JOB_FILE;
use hone_core::data::DataFiles;
use hone_core::event::TrainEvent;
use hone_core::project::{Project, ProjectReader, ProjectRows};
use hone_core::session::Session;
use hone_tests::browser::WebGpu;
use hone_tests::texts::drain;
use serde_json::json;

use crate::axe;
use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Long enough that a page is reloaded before its end.
pub(crate) const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "15"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// Of a loss that went through JSON, which may take its last bit.
const LOSS: f64 = 1e-9;
/// Of a loss that the native build computes, which adds in another order.
const NATIVE_LOSS: f64 = 1e-2;

/// Opens the page anew although the browser would ask first.
pub(crate) fn reload(site: &Site) {
    let silence = "addEventListener('beforeunload', event => event.stopImmediatePropagation(), true)";
    let _ = site.browser.script(silence, Vec::new());
    site.reload();
}

/// What the page shows of a run that is over: its evaluations, its curves and its last loss.
pub(crate) fn shown(site: &Site) -> (String, String, f64) {
    site.browser.go_to("train");
    site.browser.wait_for("run-finished", TRAIN_SECS);
    // Without those of the runs that are ticked in the table.
    let curves = "return [...document.querySelectorAll('.chart path.line')]\
        .filter(line => !line.closest('[data-testid=drawn-runs]')).map(line => line.getAttribute('d')).join('|')";
    let curves = site.browser.script(curves, Vec::new());
    let curves = curves.as_str().expect("lines have points").to_owned();
    (site.browser.text("evaluations"), curves, site.browser.number("last-loss"))
}

#[track_caller]
pub(crate) fn same_end(site: &Site, expected: &(String, String, f64)) {
    let (evaluations, curves, loss) = shown(site);
    assert_eq!(evaluations, expected.0, "the same figures at every epoch");
    assert_eq!(curves, expected.1, "the same curves, from the first step");
    assert!((loss - expected.2).abs() <= LOSS, "the last loss is {loss}, not {}", expected.2);
}

/// Waits until what was done is in the browser's storage.
pub(crate) fn wait_until_saved(site: &Site) {
    let saved = "return !!document.querySelector('[data-testid=checkpoint]')";
    site.browser.wait_until("the run is saved", TRAIN_SECS, saved, Vec::new());
}

/// Waits until all of a run that is over is in the browser's storage.
pub(crate) fn wait_until_saved_whole(site: &Site) {
    let script = "const last = document.querySelector('[data-testid=step-count]').textContent.split(' ').at(-1); \
        return !!document.querySelector('[data-testid=checkpoint]')?.textContent.includes(`up to step ${last}:`)";
    site.browser.wait_until("the end of the run is saved", READ_SECS, script, Vec::new());
}

#[test]
fn a_run_goes_on_after_a_reload_and_is_opened_once_it_is_over() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    assert!(!browser.has("saved-run"), "nothing is kept");
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(RECIPE);
    site.start();
    let uninterrupted = shown(&site);
    wait_until_saved_whole(&site);
    site.evaluate("accuracy");
    let figures = site.figure("accuracy");

    // Over: opened with its rows, its recipe, its curves and its weights.
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    let text = browser.text("saved-run");
    assert!(text.contains("on rows.csv finished"), "{text}");
    browser.click("open-run");
    browser.wait_for("evaluate-run", READ_SECS);
    same_end(&site, &uninterrupted);
    assert!(!browser.has("saved-run"), "it is loaded");
    site.evaluate("accuracy");
    assert_eq!(site.figure("accuracy"), figures);
    browser.go_to("data");
    assert!(browser.text("data-report").contains("3 classes"), "{}", browser.text("data-report"));

    // Cut off: the recipe that came back is started again, and goes on in another page to the same end.
    browser.go_to("train");
    browser.click("start");
    browser.click("lose-weights");
    browser.wait_for("pause", READ_SECS);
    wait_until_saved(&site);
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    let text = browser.text("saved-run");
    assert!(text.contains("on rows.csv was cut off. Step ") && text.contains(" of "), "{text}");
    browser.click("open-run");
    let goes_on = "return location.hash === '#train' && !!document.querySelector('[data-testid=evaluations]') || \
        document.querySelector('[data-testid=problem-message]')?.textContent || false";
    let found = browser.wait_until("the run goes on", READ_SECS, goes_on, Vec::new());
    if let Some(problem) = found.as_str() {
        browser.fail(&format!("instead of going on: {problem}"));
    }
    same_end(&site, &uninterrupted);
    wait_until_saved_whole(&site);
    let folder = site.export();
    assert!(folder.get(JOB_FILE).is_some() && folder.get("model.safetensors").is_some(), "the whole model leaves");

    // Deleted after a second press, each of the two.
    reload(&site);
    browser.click("delete-run");
    browser.click("keep-run");
    browser.click("delete-run");
    browser.click("delete-for-good-run");
    let next = "return !document.querySelector('[data-testid=delete-for-good-run]')";
    browser.wait_until("the run is deleted, and the one before is offered", READ_SECS, next, Vec::new());
    browser.click("delete-run");
    browser.click("delete-for-good-run");
    let gone = "return !document.querySelector('[data-testid=saved-run]')";
    browser.wait_until("that run is deleted", READ_SECS, gone, Vec::new());
    reload(&site);
    browser.go_to("data");
    assert!(!browser.has("saved-run"), "nothing is kept");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_run_of_another_tab_is_left_alone() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(40);
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "8"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    wait_until_saved_whole(&site);

    // What the worker of another tab holds while it trains.
    let hold = "navigator.locks.request('hone-run', () => new Promise(() => {}))";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": hold }));
    reload(&site);
    browser.wait_for("saved-run", READ_SECS);
    assert!(browser.text("saved-run").contains("another tab"), "{}", browser.text("saved-run"));
    assert!(!browser.has("open-run") && !browser.has("delete-run"), "nothing can be done with it here");

    site.load_tiny();
    site.load_rows(40);
    browser.go_to("train");
    browser.click("start");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("another tab"), "{message}");
}

#[test]
fn several_runs_stay_side_by_side_until_each_is_deleted() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    browser.go_to("train");
    assert!(browser.has("no-runs"), "it says so where none is kept");
    set_rate(&site, "1e-3");
    site.start();
    browser.wait_for("run-1", TRAIN_SECS);
    let first = shown(&site);
    set_rate(&site, "1e-7");
    browser.go_to("train");
    browser.click("start");
    browser.click("lose-weights");
    browser.wait_for("run-2", TRAIN_SECS);

    // Both are told apart.
    let changed = browser.text("changed-2");
    assert_eq!(changed, "Learning rate 1e-3 \u{2192} 1e-7");
    assert!(browser.number("run-1-loss") < browser.number("run-2-loss"), "one of them learned");
    assert!(browser.has("best-1"), "{}", browser.text("run-1"));
    assert!(browser.text("runs-room").contains("which are stored once"), "{}", browser.text("runs-room"));
    browser.click("draw-1");
    browser.click("draw-2");
    let lines = "return document.querySelectorAll('[data-testid=drawn-runs] path.line[d^=M]').length === 6";
    browser.wait_until("the curves of both are drawn", READ_SECS, lines, Vec::new());
    browser.set_view(390, 844, true, false);
    let width = browser.script("return document.documentElement.scrollWidth - innerWidth", Vec::new());
    assert_eq!(width, 0, "only the table scrolls sideways");
    browser.set_view(1280, 900, false, false);
    axe::check(&site, "train, two runs");
    browser.type_into("note-1", "for the talk");

    // A start that is refused costs nothing.
    let second = browser.text("evaluations");
    let hold = "navigator.locks.request('hone-run', () => new Promise(release => { window.__release = release; })); \
        return true";
    let _ = browser.script(hold, Vec::new());
    browser.wait_until("the lock is held", READ_SECS, "return !!window.__release", Vec::new());
    browser.click("start");
    browser.click("lose-weights");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("another tab"), "{message}");
    assert!(browser.has("run-finished") && browser.has("run-1") && browser.has("run-2"), "all are as they were");
    assert_eq!(browser.text("evaluations"), second);
    browser.dismiss_problem();

    // Nor does one that is not opened.
    browser.click("open-1");
    browser.click("lose-weights");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("another tab"), "{message}");
    assert!(browser.has("run-finished"), "what is loaded stays");
    assert_eq!(browser.text("evaluations"), second);
    let _ = browser.script("window.__release()", Vec::new());
    browser.dismiss_problem();
    site.evaluate("accuracy");

    // Another page opens the first, and deletes the second.
    reload(&site);
    browser.go_to("train");
    browser.wait_for("run-1", READ_SECS);
    assert_eq!(browser.held("note-1"), "for the talk");
    browser.click("open-1");
    browser.wait_for("evaluate-run", READ_SECS);
    same_end(&site, &first);
    assert!(browser.text("run-1").contains("open"), "{}", browser.text("run-1"));
    site.set_recipe(&[("learning_rate", "7e-4")]); // typed, and not run yet
    let whole = save_project(&site);
    browser.click("delete-2");
    browser.click("delete-for-good-2");
    let gone = "return !document.querySelector('[data-testid=run-2]') && \
        !document.querySelector('[data-testid=runs-room]').textContent.includes('stored once')";
    browser.wait_until("the second is deleted", READ_SECS, gone, Vec::new());
    assert!(browser.has("run-finished") && browser.held("note-1") == "for the talk", "the first stays");

    // Alone as one file it trains without a browser; with the other it comes back into one that knows nothing of them.
    browser.click("save-1");
    let path = browser.wait_for_download("classification.hone", READ_SECS);
    let project = Project::from_zip(&fs::read(&path).expect("the download can be read")).expect("a project file");
    browser.click("delete-1");
    browser.click("delete-for-good-1");
    let gone = "return !!document.querySelector('[data-testid=no-runs]')";
    browser.wait_until("no run is kept", READ_SECS, gone, Vec::new());
    reload(&site);
    browser.go_to("model");
    let before = browser.script("return localStorage.getItem('hone-project')", Vec::new());
    browser.choose_files("project-file", &[whole]);
    let is_open = "return localStorage.getItem('hone-project') !== arguments[0]";
    browser.wait_until("the project of the file is open", READ_SECS, is_open, vec![before]);
    browser.go_to("recipe");
    assert_eq!(browser.held("field-learning_rate"), "7e-4", "the recipe is as it was left, and no run's");
    browser.go_to("train");
    browser.wait_for("open-1", READ_SECS);
    browser.click("open-1");
    browser.wait_for("evaluate-run", READ_SECS);
    same_end(&site, &first);
    assert!(browser.held("note-1") == "for the talk" && browser.has("run-2"), "both are kept");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
    let loss = last_loss_natively(project);
    assert!((loss - first.2).abs() < NATIVE_LOSS, "natively the last loss is {loss}, on the page {}", first.2);
}

/// Saves the open project, of two runs, as one file; then the table of runs is shown again.
fn save_project(site: &Site) -> PathBuf {
    let browser = &site.browser;
    browser.go_to("model");
    browser.wait_for("projects-panel", READ_SECS);
    let _ = browser.script("document.querySelector('[data-testid=projects-panel]').open = true", Vec::new());
    browser.click("save-project-1");
    let path = browser.wait_for_download("rows.hone", READ_SECS);
    let file = fs::File::open(&path).expect("the download can be read");
    let project = ProjectReader::open(file).expect("a project file");
    let numbers: Vec<_> = project.runs().iter().map(|run| run.about.number).collect();
    assert_eq!((numbers, project.main(), project.name()), (vec![Some(1), Some(2)], 0, Some("rows")));
    browser.go_to("train");
    browser.wait_for("run-2", READ_SECS);
    path
}

/// The mean of the last ten losses of a project's run, trained from its start by the native build.
fn last_loss_natively(project: Project) -> f64 {
    let Project { job, model, rows: ProjectRows { train, valid, test }, .. } = project;
    let mut session = Session::new(Device::flex());
    session.load_model(job.model, model).expect("the model is in the file");
    session.set_task(job.task.expect("it is named")).expect("the model has a head for it");
    session
        .load_data(DataFiles { train, valid, test, ..DataFiles::default() }, &job.read, &job.run)
        .expect("the rows are in the file");
    session.start(job.run).expect("it starts");
    let losses = drain(&mut session).into_iter().flat_map(|event| match event {
        TrainEvent::Step { losses, .. } => losses,
        _ => Vec::new(),
    });
    let losses: Vec<f64> = losses.collect();
    let last = &losses[losses.len() - 10..];
    last.iter().sum::<f64>() / last.len() as f64
}

/// A short run at a learning rate.
fn set_rate(site: &Site, rate: &str) {
    let recipe = [("num_train_epochs", "3"), ("batch_size", "8"), ("learning_rate", rate), ("max_seq_length", "32")];
    site.set_recipe(&recipe);
}
