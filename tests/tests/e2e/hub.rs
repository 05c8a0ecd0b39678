//! Models by their hub id: redirects, hashes, resumed downloads, and the cache that makes a second visit free.

use std::time::Duration;

use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::session::protocol::{Command, Request, RequestId};
use hone_tests::browser::WebGpu;
use hone_tests::hub::{COMMIT, Fault, Hub, POOLING};
use hone_tests::paths;
use serde_json::{Value, json};

use crate::kept_run::{reload, wait_until_saved_whole};
use crate::site::{READ_SECS, Site, tiny_files};

/// The model of the stand-in.
pub(crate) const ID: &str = "hone-tests/tiny-encoder";
const WEIGHTS: &str = "model.safetensors";
/// A token for that hub, which stands nowhere else.
const TOKEN: &str = "hf_markedTokenQ7x3Zk";

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

    a_run_waits_for_its_model(&site, &hub);

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
    make_room(&site);
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

/// Flips a bit of the weights that are kept of the model.
fn flip_kept_weights(site: &Site) {
    let script = "const done = arguments[0]; (async () => { let changed = 0; \
        const walk = async folder => { for await (const entry of folder.values()) { \
            if (entry.kind === 'directory') { await walk(entry); continue; } \
            if (entry.name !== 'model.safetensors') continue; \
            const bytes = new Uint8Array(await (await entry.getFile()).arrayBuffer()); bytes[bytes.length >> 1] ^= 1; \
            const writer = await entry.createWritable(); await writer.write(bytes); await writer.close(); changed++; } }; \
        await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle('models')); \
        return changed; })().then(done, error => done(String(error)))";
    assert_eq!(site.browser.script_async(script, Vec::new()), 1, "the weights of one model are kept");
}

/// A model that was changed on the disk is not used: a run that began with it waits until it was fetched again.
fn a_run_waits_for_its_model(site: &Site, hub: &Hub) {
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "8"), ("max_seq_length", "32")]);
    site.start();
    wait_until_saved_whole(site);
    let before = hub.downloads(WEIGHTS);
    flip_kept_weights(site);
    reload(site);
    site.browser.wait_for("open-run", READ_SECS);
    site.browser.click("open-run");
    let message = site.browser.wait_for_problem(READ_SECS);
    assert!(message.contains(ID) && message.contains("are not in the browser's storage"), "{message}");
    site.browser.dismiss_problem();
    load(site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    assert_eq!(hub.downloads(WEIGHTS), before + 1, "they are fetched again");
    site.browser.click("open-run");
    site.browser.wait_for("evaluate-run", READ_SECS);
    reload(site);
}

/// Where hardly any room is left that is said before a run, and a run that takes some can be deleted right there.
fn make_room(site: &Site) {
    let browser = &site.browser;
    assert!(!browser.has("storage-shortage"), "{}", browser.text("storage-shortage"));
    // Chromium says 10 GiB also where a test gives the page a smaller quota.
    let full = "window.__estimate = StorageManager.prototype.estimate; \
        StorageManager.prototype.estimate = async () => ({ usage: 1e9, quota: 1e9 })";
    let _ = browser.script(full, Vec::new());
    browser.go_to("recipe");
    browser.go_to("train");
    browser.wait_for("storage-shortage", READ_SECS);
    let said = browser.text("storage-shortage");
    assert!(said.starts_with("Little room is left in this browser's storage: 0 bytes of "), "{said}");
    assert!(said.contains("saving this run may take ") && said.contains("To make room, delete"), "{said}");
    let is_open = "return document.querySelector('[data-testid=kept-models]')?.open === true";
    browser.wait_until("what takes room is shown", READ_SECS, is_open, Vec::new());
    browser.click("delete-large-run-1");
    browser.click("delete-for-good-large-run-1");
    let is_gone = "return !document.querySelector('[data-testid=large-runs]')";
    browser.wait_until("the run is deleted", READ_SECS, is_gone, Vec::new());
    let _ = browser.script("StorageManager.prototype.estimate = window.__estimate", Vec::new());
    browser.go_to("recipe");
    browser.go_to("train");
    let is_over = "return !!document.querySelector('[data-testid=storage-room]')?.textContent && \
        !document.querySelector('[data-testid=storage-shortage]')";
    browser.wait_until("there is room again", READ_SECS, is_over, Vec::new());
}

/// Has no frame show what the page wants in it, as where a host forbids frames of its own site.
const FORBID_FRAMES: &str = "const make = document.createElement; document.createElement = (name, ...more) => { \
    const made = make.call(document, name, ...more); \
    if (name === 'iframe') Object.defineProperty(made, 'src', { set: () => made.setAttribute('src', 'data:,') }); \
    return made; }; window.__allowFrames = () => { document.createElement = make; }";

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
    let script = "const [json, id, url, done] = arguments, worker = window.__workers.at(-1), hub = honeHub.open(url, ''); \
        const hear = event => { const { reply } = JSON.parse(event.data.json); if (reply?.id !== id) return; \
            worker.removeEventListener('message', hear); done(reply.result); }; \
        worker.addEventListener('message', hear); worker.postMessage({ json, blobs: [], hub }, [hub])";
    site.browser.script_async(script, vec![json.into(), json!(u32::MAX), json!(hub.url())])
}

#[test]
fn a_hub_that_falls_silent_is_given_up_and_the_next_try_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in tiny_files() {
        std::fs::copy(&file, folder.path().join(file.file_name().expect("a name"))).expect("a file can be copied");
    }
    let mut pooling = Folder::new();
    pooling.insert("modules.json", r#"[{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#);
    pooling.insert(POOLING, r#"{"pooling_mode": "cls"}"#);
    paths::write_folder(&pooling, folder.path());
    let hub = Hub::serve(ID, folder.path());
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
    // The file of a folder in it is kept with the others.
    let answer = fetch(&site, &hub, 60_000);
    assert!(!answer["Ok"]["model"].is_null(), "{answer}");
    assert_eq!([hub.downloads(POOLING), hub.downloads("modules.json")], [1, 1], "the second time they are here");
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

/// Whether a text stands in what the browser keeps for the page, or in the page.
fn is_kept(site: &Site, text: &str) -> bool {
    let script = "const [text, done] = arguments, texts = [JSON.stringify([localStorage, sessionStorage])]; \
        texts.push(document.documentElement.outerHTML, location.href); \
        const bytes = async entry => (await entry.getFile()).arrayBuffer(); \
        const walk = async folder => { for await (const entry of folder.values()) { \
            if (entry.kind === 'directory') await walk(entry); \
            else texts.push(new TextDecoder('latin1').decode(await bytes(entry).catch(() => new ArrayBuffer(0)))); } }; \
        navigator.storage.getDirectory().then(walk) \
            .then(() => done([texts.length, texts.some(kept => kept.includes(text))]), error => done([0, `${error}`]))";
    let found = site.browser.script_async(script, vec![json!(text)]);
    assert!(found[0].as_u64() > Some(8) && found[1].is_boolean(), "model, rows and run are kept: {found}");
    found[1] == true
}

/// What comes of a request by the way to the hub `chosen`.
fn ask(site: &Site, chosen: &str, url: &str) -> Value {
    let script = "const [chosen, url, done] = arguments, port = honeHub.open(chosen, ''), line = new MessageChannel(); \
        line.port1.onmessage = ({ data }) => { honeHub.close(); done(data.failed ?? data.status); }; \
        port.postMessage({ url }, [line.port2])";
    site.browser.script_async(script, vec![json!(chosen), json!(url)])
}

#[test]
fn nothing_but_the_model_is_asked_for() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    hub.ask_for_token(TOKEN);
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    let _ = site.browser.script(FORBID_FRAMES, Vec::new());
    load(&site, ID);
    let message = problem(&site);
    assert!(message.contains("could not be opened in a frame") && hub.requests().is_empty(), "{message}");
    let _ = site.browser.script("window.__allowFrames()", Vec::new());
    load(&site, ID);
    let message = problem(&site);
    assert!(message.contains("refuses access (HTTP 401)") && message.contains("is gated"), "{message}");
    let is_open = "return document.querySelector('[data-testid=hub-token-box]').open";
    assert_eq!(site.browser.script(is_open, Vec::new()), true, "the field for a token is shown");
    assert!(hub.requests().iter().all(|request| request.authorization.is_none()), "there was none");
    site.browser.type_into("hub-token", TOKEN);
    load(&site, ID);
    site.browser.wait_for("model-ready", READ_SECS);
    assert_eq!(site.browser.script("return frames.length", Vec::new()), 0, "the way to the hub is closed");
    let before = hub.requests().len();
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "1"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    let requests = hub.requests();
    assert_eq!(requests.len(), before, "rows cause no request: {requests:?}");
    assert!(requests.iter().all(|request| request.sent_bytes == 0 && request.method != "POST"), "{requests:?}");
    let fetched = requests.iter().rfind(|request| request.path.starts_with("/store/") && request.method == "GET");
    let shown = fetched.and_then(|request| request.authorization.clone());
    assert_eq!(shown, Some(format!("Bearer {TOKEN}")), "the hub's own store is of its origin");
    assert!(!is_kept(&site, TOKEN), "the token is in memory alone");

    // Neither the page nor a worker of its kind reaches the hub, whatever script asks for it; by the way to a hub no other is
    // reached, though the server's policy allows both.
    let script = "const [url, done] = arguments; fetch(url).then(() => done('reached'), () => done('blocked'))";
    assert_eq!(site.browser.script_async(script, vec![json!(hub.url())]), "blocked");
    let script = "const [url, done] = arguments, code = `fetch('${url}').then(() => postMessage('reached'), \
        () => postMessage('blocked'))`, blob = new Blob([code], { type: 'text/javascript' }); \
        new Worker(URL.createObjectURL(blob)).onmessage = ({ data }) => done(data)";
    assert_eq!(site.browser.script_async(script, vec![json!(hub.url())]), "blocked");
    assert_eq!(ask(&site, "https://huggingface.co", &hub.url()), "SecurityError");
    assert_eq!(ask(&site, &hub.url(), "https://huggingface.co/"), "SecurityError");
    assert_eq!(hub.requests().len(), before);
    let stopped = "return /content security policy stopped: [3-9]/.test(document.body.textContent)";
    site.browser.wait_until("the page counts what was stopped in it", READ_SECS, stopped, Vec::new());

    // A hub that sends the page elsewhere takes neither it nor the token there.
    let other = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    hub.send_elsewhere(&other.url());
    site.open_more_models();
    load(&site, &format!("{ID}@{COMMIT}"));
    site.browser.click("lose-weights");
    let message = site.browser.wait_for_problem(READ_SECS);
    assert!(message.contains("or the host that it redirects to"), "{message}");
    assert!(other.requests().is_empty(), "{:?}", other.requests());

    site.browser.click("keep-hub-token");
    let says = "return document.querySelector('[data-testid=hub-token-place]').textContent.includes(arguments[0])";
    site.browser.wait_until("the token is kept", READ_SECS, says, vec![json!("kept in this browser")]);
    assert!(is_kept(&site, TOKEN));
    site.browser.click("remove-hub-token");
    site.browser.wait_until("it is gone", READ_SECS, says, vec![json!("No token")]);
    assert!(!is_kept(&site, TOKEN) && site.browser.held("hub-token").is_empty());
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
