//! Models by their hub id: redirects, hashes, resumed downloads, and the cache that makes a second visit free.

use hone_tests::browser::WebGpu;
use hone_tests::hub::{Fault, Hub};
use hone_tests::paths;
use serde_json::json;

use crate::site::{READ_SECS, Site, tiny_files};

const ID: &str = "hone-tests/tiny-encoder";
const WEIGHTS: &str = "model.safetensors";

fn load(site: &Site, id: &str) {
    site.open_more_models();
    site.browser.type_into("hub-id", id);
    site.browser.click("load-model");
}

fn problem(site: &Site) -> String {
    let message = site.browser.wait_for_problem(READ_SECS);
    eprintln!("{message}");
    assert!(!site.browser.has("model-ready"), "nothing is loaded: {message}");
    site.browser.dismiss_problem();
    message
}

#[test]
fn models_come_from_the_hub_once() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };

    load(&site, "hone-tests/no-such-model");
    let message = problem(&site);
    assert!(message.contains("no-such-model"), "{message}");
    load(&site, "not an id");
    let message = problem(&site);
    assert!(message.contains("owner/name"), "{message}");

    hub.set_fault(Fault::WebPage);
    load(&site, ID);
    let message = problem(&site);
    assert!(message.contains("web page"), "{message}");

    hub.set_fault(Fault::ChangedByte);
    load(&site, ID);
    let message = problem(&site);
    assert!(message.contains(WEIGHTS) && message.contains("do not match their checksum"), "{message}");

    // Half of it comes; the next try goes on from there.
    hub.set_fault(Fault::BrokenHalfWay);
    load(&site, ID);
    let message = problem(&site);
    assert!(message.contains(WEIGHTS), "{message}");
    hub.set_fault(Fault::None);
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    let last = hub.requests().into_iter().rfind(|request| request.path == format!("/store/{WEIGHTS}"));
    let from = last.expect("the weights were asked for").from;
    assert!(from.is_some_and(|from| from > 0), "the download went on where it broke: {from:?}");

    // A second visit asks the hub for no file.
    let before = hub.downloads(WEIGHTS);
    site.reload();
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    assert_eq!(hub.downloads(WEIGHTS), before, "the weights came from the cache");
    let shown = site.browser.text("downloads");
    assert!(shown.contains("from this machine's cache"), "{shown}");

    // And works when the hub is gone.
    drop(hub);
    site.reload();
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    site.load_rows(60);
}

#[test]
fn nothing_but_the_model_is_asked_for() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    let before = hub.requests().len();
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "1"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    let requests = hub.requests();
    assert_eq!(requests.len(), before, "rows cause no request: {requests:?}");
    assert!(requests.iter().all(|request| request.sent_bytes == 0 && request.method != "POST"), "{requests:?}");
    // An address that is not in the policy can't be reached, whatever script asks for it.
    let script = "const done = arguments[1]; fetch(arguments[0]).then(() => done('reached'), () => done('blocked'))";
    let outcome = site.browser.script_async(script, vec![json!("http://192.0.2.1/")]);
    assert_eq!(outcome, "blocked");
}

#[test]
fn a_full_disk_costs_the_cache_and_not_the_work() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    let quota = json!({ "origin": site.server.url(), "quotaSize": 100_000 });
    site.browser.devtools("Storage.overrideQuotaForOrigin", quota);
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    let shown = site.browser.text("model-ready");
    assert!(shown.contains("can't be kept"), "{shown}");
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "2"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    let shown = site.browser.script("return document.querySelector('main').textContent", Vec::new());
    let shown = shown.as_str().unwrap_or_default();
    assert!(shown.contains("could not be written; the run goes on"), "{shown}");
}
