//! Models by their hub id: redirects, hashes, resumed downloads, and the cache that makes a second visit free.

use std::time::Duration;

use hone_core::config::ModelSource;
use hone_core::session::protocol::{Command, Request, RequestId};
use hone_tests::browser::WebGpu;
use hone_tests::hub::{Fault, Hub};
use hone_tests::paths;
use serde_json::{Value, json};

use crate::site::{READ_SECS, Site, tiny_files};

/// The model of the stand-in.
pub(crate) const ID: &str = "hone-tests/tiny-encoder";
const WEIGHTS: &str = "model.safetensors";

/// Loads a model of the hub by its id.
pub(crate) fn load(site: &Site, id: &str) {
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

    // What is kept of it can be deleted, once it is not loaded.
    site.browser.go_to("train");
    site.browser.wait_for("kept-model-1", READ_SECS);
    let kept = site.browser.text("kept-model-1");
    assert!(kept.contains(ID) && kept.contains("loaded now") && kept.contains("less than a minute ago"), "{kept}");
    site.load_tiny();
    site.browser.go_to("train");
    let is_other =
        "return document.querySelector('[data-testid=kept-model-1]')?.textContent.includes('loaded now') === false";
    site.browser.wait_until("another model is loaded", READ_SECS, is_other, Vec::new());
    let _ = site.browser.script("document.querySelector('[data-testid=kept-models]').open = true", Vec::new());
    site.browser.click("delete-model-1");
    site.browser.click("delete-for-good-model-1");
    let gone = "return !document.querySelector('[data-testid=kept-model-1]')";
    site.browser.wait_until("its files are deleted", READ_SECS, gone, Vec::new());
}

/// Has the worker fetch the model, with less patience than the page's; returns its answer, which the page drops, as it
/// knows no such request.
fn fetch(site: &Site, hub: &Hub, stall_ms: u32) -> Value {
    let command = Command::FetchModel {
        source: ModelSource::hub(ID),
        base_url: None,
        hub_url: hub.url(),
        sha256: Vec::new(),
        stall_ms,
    };
    let request = Request { id: RequestId(u32::MAX), command };
    let json = serde_json::to_string(&request).expect("a command is plain data");
    let script = "const [json, id, done] = arguments, worker = window.__workers.at(-1); \
        const hear = event => { const { reply } = JSON.parse(event.data.json); if (reply?.id !== id) return; \
            worker.removeEventListener('message', hear); done(reply.result); }; \
        worker.addEventListener('message', hear); worker.postMessage({ json, blobs: [] })";
    site.browser.script_async(script, vec![json.into(), json!(u32::MAX)])
}

#[test]
fn a_hub_that_falls_silent_is_given_up_and_the_next_try_goes_on() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    hub.set_fault(Fault::SilentHalfWay);
    let answer = fetch(&site, &hub, 3_000);
    let message = answer["Err"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(WEIGHTS) && message.contains("nothing more came for 3 seconds"), "{answer}");
    hub.set_fault(Fault::None);
    let answer = fetch(&site, &hub, 60_000);
    assert!(!answer["Ok"]["model"].is_null(), "{answer}");
    let last = hub.requests().into_iter().rfind(|request| request.path == format!("/store/{WEIGHTS}"));
    assert!(last.is_some_and(|request| request.from.is_some_and(|from| from > 0)), "it goes on from what came");
}

#[test]
fn rows_are_not_measured_again_while_a_model_loads() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    site.load_tiny();
    site.load_rows(60);
    hub.set_fault(Fault::SilentHalfWay);
    load(&site, ID);
    site.browser.go_to("recipe");
    site.browser.type_into("field-max_seq_length", "16");
    // Longer than the page waits for more changes of the recipe.
    std::thread::sleep(Duration::from_millis(1_500));
    site.browser.go_to("data");
    assert!(site.browser.has("data-report") && !site.browser.has("read-progress"), "the rows wait for the model");
    assert!(!site.browser.has("problem"));
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
