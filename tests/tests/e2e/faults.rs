//! Faults of the browser's storage and of the worker, one after the other in one browser: each is said in words, and the run that
//! was saved ends as one that was left alone. `docs/faults.md` has all faults, with what came of each.

use std::time::{Duration, Instant};

use hone_core::session::protocol::Command;
use hone_tests::browser::WebGpu;
use serde_json::json;

use crate::device_loss::rehearse;
use crate::kept_run::{reload, same_end, shown, wait_until_saved, wait_until_saved_whole};
use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Long enough that it is cut off and gone on with many times before its end.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "150"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];

/// Does to the files of the run that began last what a failing disk does. Out: the names of its steps that are whole by their
/// manifests, before that, the newest last.
const DISK: &str = r"
const [what, done] = arguments;
const names = async folder => {
    const found = [];
    for await (const name of folder.keys()) found.push(name);
    return found.sort();
};
const change = async (folder, name, changed) => {
    const file = await folder.getFileHandle(name);
    const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
    const writer = await file.createWritable();
    await writer.write(changed(bytes));
    await writer.close();
};
const flip = bytes => { bytes[bytes.length >> 1] ^= 1; return bytes; };
(async () => {
    const root = await navigator.storage.getDirectory();
    if (what === 'clear') {
        // The worker may be writing to a file.
        for (let left = 100; ; left--) {
            try { await root.removeEntry('runs', { recursive: true }); return []; } catch (error) {
                if (left === 0) throw error;
                await new Promise(resolve => setTimeout(resolve, 50));
            }
        }
    }
    const runs = await root.getDirectoryHandle('runs');
    const run = await runs.getDirectoryHandle((await names(runs)).filter(name => /^\d+$/.test(name)).at(-1));
    const steps = [];
    for (const name of (await names(run)).filter(name => name.startsWith('step-'))) {
        const folder = await run.getDirectoryHandle(name);
        if ((await names(folder)).includes('manifest.json')) steps.push([name, folder]);
    }
    const newest = steps.at(-1)?.[1];
    switch (what) {
        case 'look': break;
        case 'flip a bit of the newest': await change(newest, 'model.safetensors', flip); break;
        case 'flip a bit of each':
            for (const [, folder] of steps) await change(folder, 'model.safetensors', flip);
            break;
        case 'cut the newest short':
            await change(newest, 'optimizer.safetensors', bytes => bytes.subarray(0, bytes.length - 1));
            break;
        case 'of another version':
            await change(newest, 'saved.json', bytes => { bytes.fill(32); bytes.set([123, 125]); return bytes; });
            break;
        case 'half-written': {
            await newest.removeEntry('manifest.json');
            const half = await run.getDirectoryHandle('step-99999999', { create: true });
            await change(half, (await half.getFileHandle('model.safetensors', { create: true })).name, () => 'half');
            break;
        }
        default: throw new Error(what);
    }
    return steps.map(([name]) => name);
})().then(done, error => done(String(error)));";

/// As [`DISK`] says; `None` where the worker changed something meanwhile.
fn try_disk(site: &Site, what: &str) -> Option<Vec<String>> {
    let found = site.browser.script_async(DISK, vec![json!(what)]);
    Some(found.as_array()?.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// The same while the worker does nothing. There are two steps.
fn disk(site: &Site, what: &str) {
    let steps = try_disk(site, what).unwrap_or_else(|| site.browser.fail(&format!("can't do to the disk: {what}")));
    assert!(steps.len() >= 2, "{what}: {steps:?}");
}

/// Waits until the run that goes on was saved once more and two steps of it are there; then cuts it off.
fn cut_off(site: &Site) {
    let deadline = Instant::now() + Duration::from_secs(TRAIN_SECS);
    let is_over = || site.browser.has("run-finished");
    let before = try_disk(site, "look").and_then(|steps| steps.last().cloned());
    loop {
        match try_disk(site, "look") {
            Some(steps) if steps.len() >= 2 && steps.last() != before.as_ref() => break,
            _ if is_over() => site.browser.fail("the run was over before it could be cut off: it needs more epochs"),
            _ if Instant::now() > deadline => site.browser.fail("the run is not saved"),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    reload(site);
    site.browser.wait_for("open-run", READ_SECS);
    assert!(site.browser.text("saved-run").contains("was cut off"), "{}", site.browser.text("saved-run"));
}

/// Opens the run whose newest step is damaged: it goes on from the one before, and the page says why.
fn goes_on_from_before(site: &Site, damage: &str) {
    site.browser.click("open-run");
    let message = site.browser.wait_for_problem(READ_SECS);
    eprintln!("{message}");
    assert!(message.contains("is damaged") && message.contains(damage) && message.contains("at step "), "{message}");
    site.browser.dismiss_problem();
    site.browser.wait_for("pause", READ_SECS);
}

/// Restarts the worker that has stopped, and goes on with the run.
fn goes_on_after_a_restart(site: &Site) {
    site.browser.click("restart-worker");
    site.wait_for_device();
    site.browser.wait_for("open-run", READ_SECS);
    site.browser.click("open-run");
    site.browser.wait_for("pause", READ_SECS);
}

/// Waits until the page shows a problem with these words, which another may come before.
fn wait_for_words(site: &Site, words: &str) {
    let script = "return document.querySelector('[data-testid=problem-message]')?.textContent.includes(arguments[0])";
    site.browser.wait_until(&format!("a problem says {words:?}"), READ_SECS, script, vec![json!(words)]);
}

/// Waits until the notes of the run have these words, or have them no more.
fn wait_for_note(site: &Site, words: &str, is_there: bool) {
    let script = "const notes = [...document.querySelectorAll('main p')].map(note => note.textContent).join('|'); \
        return notes.includes(arguments[0]) === arguments[1]";
    let what = format!("{words:?} is {}", if is_there { "said" } else { "said no more" });
    site.browser.wait_until(&what, READ_SECS, script, vec![json!(words), json!(is_there)]);
}

/// Starts the run once more.
fn start_again(site: &Site) {
    site.browser.go_to("train");
    site.browser.click("start");
    site.browser.click("lose-weights");
    site.browser.wait_for("pause", READ_SECS);
}

#[test]
fn what_a_disk_or_a_worker_does_wrong_costs_no_run() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    site.set_recipe(RECIPE);
    site.start();
    let uninterrupted = shown(&site);
    wait_until_saved_whole(&site);

    // What was saved last is damaged, in each way that a disk has.
    start_again(&site);
    cut_off(&site);
    disk(&site, "flip a bit of the newest");
    goes_on_from_before(&site, "model.safetensors is not what was written");
    cut_off(&site);
    disk(&site, "of another version");
    goes_on_from_before(&site, "saved.json is not as this version of Hone writes it");

    // All of it: refused with the reason, and nothing is taken away that may be repaired.
    cut_off(&site);
    disk(&site, "flip a bit of each");
    browser.click("open-run");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("can't be read") && message.matches("is not what was written").count() >= 2, "{message}");
    browser.dismiss_problem();
    disk(&site, "flip a bit of each");
    disk(&site, "cut the newest short");
    goes_on_from_before(&site, "a file is missing or cut short");

    // Half of a checkpoint was never said to be saved, so that there is nothing to say.
    cut_off(&site);
    disk(&site, "half-written");
    browser.click("open-run");
    browser.wait_for("pause", READ_SECS);

    rehearse(&site, Command::Panic);
    wait_for_words(&site, "to rehearse one");
    goes_on_after_a_restart(&site);
    rehearse(&site, Command::ExhaustMemory);
    wait_for_words(&site, "has stopped");
    goes_on_after_a_restart(&site);
    same_end(&site, &uninterrupted);
    wait_until_saved_whole(&site);
    full_and_cleared_storage(&site);
}

/// A run goes on unsaved where the storage is full, or is cleared while the page is open, and says so.
fn full_and_cleared_storage(site: &Site) {
    let browser = &site.browser;
    let (full, deleted) = ("storage for the site is full", "is no longer in the browser's storage");
    // It is stopped at the end: it must not be over before.
    site.set_recipe(&[&[("num_train_epochs", "3000")][..], &RECIPE[1..]].concat());
    start_again(site);
    wait_until_saved(site);
    let origin = site.server.url();
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1 }));
    wait_for_note(site, full, true);
    assert!(browser.has("checkpoint") && browser.has("pause"), "what was saved stays, and the run goes on");
    assert!(try_disk(site, "look").is_some_and(|steps| !steps.is_empty()), "what was saved stays");
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin }));
    wait_for_note(site, full, false);

    assert!(try_disk(site, "clear").is_some(), "it can be cleared");
    wait_for_note(site, deleted, true);
    assert!(!browser.has("checkpoint"), "it does not say that it is saved");
    browser.click("stop");
    browser.wait_for("run-finished", TRAIN_SECS);
    assert!(site.export().get("model.safetensors").is_some(), "the weights are there, and leave");
}
