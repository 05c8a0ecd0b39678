//! The page opens without a connection once it was opened with one, and trains a model that was loaded before; a newer version is
//! offered, never forced, and no page gets files of two.

use std::path::Path;
use std::time::Duration;

use hone_tests::browser::{Browser, Parts, WebGpu};
use hone_tests::hub::Hub;
use hone_tests::paths;
use serde_json::json;
use tempfile::TempDir;
use xtask::{offline, proc};

use crate::hub::{ID, load};
use crate::site::{READ_SECS, Site, tiny_files};

/// In which a tab that is closed is gone from the service worker's list, too.
const MOMENT: Duration = Duration::from_secs(1);

/// A copy of the page, without the models, that browsers keep; returns the name of its build, too.
fn kept_page(parts: &Parts) -> (TempDir, String) {
    let dist = tempfile::tempdir().expect("a temporary folder");
    proc::copy_tree(&parts.dist, dist.path(), &["models"]).expect("the page can be copied");
    let build = offline::keep(dist.path()).expect("it can be kept");
    (dist, build)
}

/// Waits until all of the page is in the browser, and this tab gets its files from there.
fn wait_until_kept(browser: &Browser) {
    let script = "return !!navigator.serviceWorker.controller && \
        document.querySelector('[data-testid=kept]').textContent.includes('opens without a connection')";
    browser.wait_until("the page is kept", READ_SECS, script, Vec::new());
}

/// The build of the page that is open.
fn build_of(browser: &Browser) -> String {
    let build = browser.script("return document.querySelector('script[data-build]').dataset.build", Vec::new());
    build.as_str().expect("it has a name").to_owned()
}

/// What the page gets when it fetches a file of its own.
fn fetched(browser: &Browser, name: &str) -> String {
    let script = "const [name, done] = arguments; \
        const signal = AbortSignal.timeout(5000); \
        fetch(name, { signal }).then(answer => answer.text()).then(done, () => done('no connection'))";
    browser.script_async(script, vec![json!(name)]).as_str().unwrap_or_default().to_owned()
}

fn write(dist: &Path, name: &str, text: &str) {
    proc::write(&dist.join(name), text).expect("the folder is ours");
}

#[test]
fn the_page_opens_without_a_connection_and_trains() {
    let Some(parts) = Parts::find() else { return };
    drop(tiny_files());
    let (dist, build) = kept_page(&parts);
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(mut site) = Site::open_from(WebGpu::NoAdapter, dist.path(), Some(&hub.url())) else { return };
    wait_until_kept(&site.browser);
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    let counted = "return [...document.querySelectorAll('details.pop')].some(panel => \
        panel.textContent.includes('(to open without a connection)'))";
    site.browser.wait_until("what was fetched is counted", READ_SECS, counted, Vec::new());
    site.check_requests();

    // This site and the hub are gone; the page, its worker, the samples and the model are not.
    drop(hub);
    site.server.stop();
    site.reload();
    assert_eq!(build_of(&site.browser), build);
    assert_eq!(
        fetched(&site.browser, "no-such-file"),
        "no connection",
        "what is no file of the page is asked of its server"
    );
    assert!(fetched(&site.browser, "samples/support-desk.csv").contains(','), "the samples are there");
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "16"), ("max_seq_length", "32")]);
    site.start();
    let losses = site.finish();
    assert!(!losses.is_empty() && losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
}

#[test]
fn a_newer_version_is_offered_and_never_mixed_in() {
    const FILE: &str = "samples/dates.jsonl";
    let Some(parts) = Parts::find() else { return };
    let (dist, old) = kept_page(&parts);
    write(dist.path(), FILE, "old");
    assert_ne!(offline::keep(dist.path()).expect("it can be kept"), old, "another byte, another build");
    let old = offline::keep(dist.path()).expect("it can be kept");
    let Some(site) = Site::open_from(WebGpu::NoAdapter, dist.path(), None) else { return };
    let browser = &site.browser;
    wait_until_kept(browser);
    assert!(!browser.has("update"), "there is none");

    // Half of an update: a file is newer than the list, or the other way round. The page stays as it is.
    write(dist.path(), FILE, "new");
    let new = offline::keep(dist.path()).expect("it can be kept");
    write(dist.path(), FILE, "newer");
    let ended = "const done = arguments[0]; navigator.serviceWorker.getRegistration().then(async found => { \
        await found.update(); const worker = found.installing; if (!worker) return done('none'); \
        worker.onstatechange = () => done(worker.state); })";
    assert_eq!(browser.script_async(ended, Vec::new()), "redundant", "what is not of one build is not kept");
    assert_eq!([build_of(browser), fetched(browser, FILE)], [old.clone(), "old".to_owned()]);

    // All of it: offered, and until it is used nothing of it is shown, after a reload neither.
    write(dist.path(), FILE, "new");
    site.reload();
    browser.wait_for("use-update", READ_SECS);
    assert!(browser.text("update").contains("A new version of Hone is there"), "{}", browser.text("update"));
    site.reload();
    browser.wait_for("use-update", READ_SECS);
    assert_eq!([build_of(browser), fetched(browser, FILE)], [old.clone(), "old".to_owned()]);

    // Not while another tab holds the old one.
    let _ = browser.script("window.__other = window.open('./?backend=cpu')", Vec::new());
    let is_there = "return !!window.__other.document.querySelector('[data-testid=update]')";
    browser.wait_until("the other tab has the page", READ_SECS, is_there, Vec::new());
    browser.click("use-update");
    let refused = "return document.querySelector('[data-testid=update]').textContent.includes('other tabs')";
    browser.wait_until("the other tab is named", READ_SECS, refused, Vec::new());
    assert_eq!(build_of(browser), old);
    let _ = browser.script("window.__other.close()", Vec::new());
    browser.wait_until("the other tab is closed", READ_SECS, "return window.__other.closed", Vec::new());
    std::thread::sleep(MOMENT);

    browser.click("use-update");
    let opened = "return document.readyState === 'complete' && \
        document.querySelector('script[data-build]')?.dataset.build === arguments[0]";
    browser.wait_until("the new version is open", READ_SECS, opened, vec![json!(new)]);
    site.wait_for_device();
    assert_eq!(fetched(browser, FILE), "new");
    assert!(!browser.has("update"));
    let caches =
        browser.script_async("const done = arguments[0]; caches.keys().then(names => done(names.length))", Vec::new());
    assert_eq!(caches, 1, "the old one is gone");
}
