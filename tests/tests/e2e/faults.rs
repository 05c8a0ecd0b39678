//! Faults of the browser's storage and of the worker, one after the other in one browser: each is said in words, and the run that
//! was saved ends as one that was left alone. `docs/faults.md` has all faults, with what came of each.

use std::time::{Duration, Instant, SystemTime};

use hone_core::session::protocol::{Command, NamedBlob};
use hone_core::splitmix64::SplitMix64;
use hone_core::task::TaskInput;
use hone_tests::browser::WebGpu;
use hone_tests::page_scripts::before_workers;
use serde_json::json;

use crate::device_loss::{ask, kill_worker, rehearse};
use crate::kept_run::{reload, same_end, shown, wait_until_saved, wait_until_saved_whole};
use crate::site::{READ_SECS, Site, TRAIN_SECS};

/// Long enough that it is cut off five times and its worker is stopped twice before its end: each takes a few epochs, and what is
/// left is trained to its end, twice.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "50"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];

/// Milliseconds that a run goes on at most before it is cut off at a moment that nobody chose: longer than an epoch takes, saving
/// included.
const MAX_MOMENT_MS: u64 = 400;

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
const spoil = bytes => { bytes[0] = 122; return bytes; }; // no JSON begins with a z
const mend = bytes => { bytes[0] = 123; return bytes; };
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
        case 'spoil each step': case 'mend each step':
            for (const [, folder] of steps) await change(folder, 'saved.json', what.startsWith('spoil') ? spoil : mend);
            break;
        case 'spoil the projects': case 'mend the projects': {
            const projects = await root.getDirectoryHandle('projects');
            for (const id of await names(projects)) {
                const project = await projects.getDirectoryHandle(id);
                for (const name of await names(project)) {
                    await change(project, name, what.startsWith('spoil') ? spoil : mend);
                }
            }
            break;
        }
        case 'flip a bit of the rows': case 'flip a bit of the model': {
            const files = await runs.getDirectoryHandle('files');
            for (const name of await names(files)) {
                const file = await (await files.getFileHandle(name)).getFile();
                const isRows = (await file.slice(0, 5).text()) === 'text,';
                if (isRows ? what.endsWith('rows') : what.endsWith('model') && file.size > 1e6) {
                    await change(files, name, flip);
                }
            }
            break;
        }
        case 'take the hashes out':
            await change(newest, 'manifest.json', bytes => {
                const manifest = JSON.parse(new TextDecoder().decode(bytes));
                for (const file of Object.values(manifest.files)) Object.assign(file, { sha256: null, hashes: [] });
                return new TextEncoder().encode(JSON.stringify(manifest));
            });
            break;
        case 'take the manifests out':
            for (const [, folder] of steps) await folder.removeEntry('manifest.json');
            break;
        case 'remove the run':
            await runs.removeEntry((await names(runs)).filter(name => /^\d+$/.test(name)).at(-1), { recursive: true });
            break;
        case 'count the runs': return (await names(runs)).filter(name => /^\d+$/.test(name));
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

/// The same while the worker may be writing, until nothing of it is in the way. There is one step at least.
fn busy_disk(site: &Site, what: &str) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(READ_SECS);
    loop {
        match try_disk(site, what).filter(|found| !found.is_empty()) {
            Some(found) => return found,
            None if Instant::now() > deadline => site.browser.fail(&format!("can't do to the disk: {what}")),
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Waits until the page has an element, whatever problem it shows.
fn wait_for_element(site: &Site, id: &str) {
    let script = "return !!document.querySelector(`[data-testid=${arguments[0]}]`)";
    site.browser.wait_until(&format!("{id} appears"), READ_SECS, script, vec![json!(id)]);
}

/// Waits until the line about the project says this.
fn wait_for_project_line(site: &Site, words: &str) {
    let script = "return document.querySelector('[data-testid=project-line]')?.textContent.includes(arguments[0])";
    site.browser.wait_until(&format!("the project's line says {words:?}"), READ_SECS, script, vec![json!(words)]);
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

/// Another number each time.
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    now.as_nanos() as u64
}

/// Leaves the run that goes on alone for a while that nobody chose.
fn wait_for_any_moment(moments: &mut SplitMix64) {
    let ms = moments.draw_below(MAX_MOMENT_MS);
    eprintln!("cut off {ms} ms after it goes on");
    std::thread::sleep(Duration::from_millis(ms));
}

/// Starts the run once more.
fn start_again(site: &Site) {
    start_over(site);
    site.browser.wait_for("pause", READ_SECS);
}

/// Starts a run in the place of one that is loaded.
fn start_over(site: &Site) {
    site.browser.go_to("train");
    site.browser.click("start");
    site.browser.click("lose-weights");
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

    // The page is reloaded, and its worker ended, whatever they are about to do.
    let mut moments = SplitMix64::new(seed_of_now());
    wait_for_any_moment(&mut moments);
    reload(&site);
    browser.wait_for("open-run", READ_SECS);
    browser.click("open-run");
    browser.wait_for("pause", READ_SECS);
    let _ = browser.script(LOOK_OFTEN, Vec::new());
    wait_for_any_moment(&mut moments);
    kill_worker(&site);
    goes_on_after_a_restart(&site);

    rehearse(&site, Command::Panic);
    wait_for_words(&site, "to rehearse one");
    goes_on_after_a_restart(&site);
    same_end(&site, &uninterrupted);
    wait_until_saved_whole(&site);
    full_and_cleared_storage(&site);
    what_is_kept_is_damaged(&site);
    less_than_a_browser_has(&site);
}

/// The page looks every ten seconds whether its worker says something: here a hundred times as often.
const LOOK_OFTEN: &str = "const wait = window.setTimeout; \
    window.setTimeout = (call, ms, ...given) => wait(call, ms === 10000 ? 100 : ms, ...given)";

/// The worker of a run that goes on ends without a word. A hundred times as fast as the clock, the page asks it, and says so.
fn end_in_silence(site: &Site) {
    let end = "window.__workers.at(-1).terminate(); const now = Date.now, start = now(); \
        Date.now = () => start + 100 * (now() - start); window.__setClockRight = () => { Date.now = now; }";
    let _ = site.browser.script(end, Vec::new());
    wait_for_words(site, "has said nothing for");
    let _ = site.browser.script("window.__setClockRight()", Vec::new());
}

/// What a run, a project began with or stands at is changed on the disk, or gone.
fn what_is_kept_is_damaged(site: &Site) {
    let browser = &site.browser;
    // A project that finds no room says so in its line.
    let origin = site.server.url();
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1 }));
    site.set_recipe(&[&[("num_train_epochs", "2")][..], &RECIPE[1..]].concat());
    wait_for_project_line(site, "It is not kept: ");
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin }));
    browser.go_to("train");
    browser.click("start");
    wait_until_saved_whole(site);
    wait_for_project_line(site, "It is kept");
    // What was changed last is kept a little later.
    std::thread::sleep(Duration::from_millis(1_500));

    // All of a run, and all of its project, as another version would have written them: said, and nothing is taken away.
    busy_disk(site, "spoil each step");
    busy_disk(site, "spoil the projects");
    reload(site);
    browser.go_to("model");
    wait_for_element(site, "projects-unread");
    browser.go_to("train");
    wait_for_element(site, "delete-unreadable");
    assert!(!browser.has("open-run"), "it can't be opened");
    busy_disk(site, "mend each step");
    busy_disk(site, "mend the projects");
    // From now on the clock of each worker stands a year back.
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": before_workers(CLOCK_BACK) }));
    reload(site);
    browser.wait_for("open-run", READ_SECS);

    for (what, file) in [("flip a bit of the rows", "rows.csv"), ("flip a bit of the model", "model.safetensors")] {
        busy_disk(site, what);
        browser.click("open-run");
        let message = browser.wait_for_problem(READ_SECS);
        assert!(message.contains(&format!("{file} is not what was written")), "{message}");
        browser.dismiss_problem();
        busy_disk(site, what);
    }
    // A checkpoint of a version that wrote no hashes is opened as it is.
    busy_disk(site, "take the hashes out");
    browser.click("open-run");
    browser.wait_for("evaluate-run", READ_SECS);

    // One without a manifest counts as never saved: it is gone once the next begins, whose name is a later one all the same.
    let before = busy_disk(site, "count the runs");
    busy_disk(site, "take the manifests out");
    start_over(site);
    wait_until_saved_whole(site);
    let runs = busy_disk(site, "count the runs");
    assert!(runs.len() == 1 && runs > before, "{before:?}, then {runs:?}");

    // What is listed may be gone by the time that it is opened.
    reload(site);
    browser.wait_for("open-run", READ_SECS);
    busy_disk(site, "remove the run");
    browser.click("open-run");
    let message = browser.wait_for_problem(READ_SECS);
    assert!(message.contains("is not in the browser's storage any more"), "{message}");
}

/// Sets the clock of a worker back.
const CLOCK_BACK: &str = "{ const now = Date.now; Date.now = () => now() - 3e10; }";

/// A worker of another version; then one that can't fetch at first what it loads later, and has no place to keep anything.
fn less_than_a_browser_has(site: &Site) {
    let browser = &site.browser;
    browser.run_before_workers(
        r#"const post = self.postMessage; self.postMessage = (message, ...more) => {
            if (message?.json?.startsWith('{"ready"')) message.json = message.json.replace(/"version":"[^"]*"/, '"version":"0.0.0"');
            return post.call(self, message, ...more); }"#,
    );
    rehearse(site, Command::Panic);
    wait_for_words(site, "to rehearse one");
    browser.click("revive-worker");
    wait_for_words(site, "is version 0.0.0");

    browser.run_before_workers(
        "delete StorageManager.prototype.getDirectory; Object.defineProperty(self, 'indexedDB', { value: undefined }); \
        for (const name of ['honeLoadImages', 'honeLoadTemplates']) { let load, hasFailed = false; \
            const fail = async () => { hasFailed = true; throw new TypeError('Failed to fetch'); }; \
            Object.defineProperty(self, name, { set: given => { load = given; }, get: () => hasFailed ? load : fail }); }",
    );
    browser.click("revive-worker");
    site.wait_for_device();
    let blob = |name: &str| vec![NamedBlob { name: name.into(), blob: 0 }];
    let images = Command::Predict { inputs: vec![TaskInput::default()], images: blob("a.png"), part: None };
    let template = Command::LoadModel { files: blob("tokenizer_config.json") };
    let text = r#"{"chat_template": "{{ messages }}"}"#;
    for (command, words) in [
        (images, "images can't be read: what decodes them was not loaded"),
        (template, "the model's chat template can't be used: what renders it was not loaded"),
    ] {
        let said = ask(site, command.clone(), &[text])["Err"]["message"].to_string();
        assert!(said.contains(words), "{said}");
        let said = ask(site, command, &[text])["Err"]["message"].to_string();
        assert!(said != "null" && !said.contains("was not loaded"), "the next try fetches it: {said}");
    }

    site.load_tiny();
    site.load_rows(60);
    browser.go_to("train");
    browser.click("start");
    browser.wait_for("run-finished", TRAIN_SECS);
    wait_for_note(site, "could not be written; the run goes on", true);
    let is_said = "return document.querySelector('[data-testid=storage-place]')?.textContent.includes('keeps nothing')";
    browser.wait_until("the page says that nothing is kept", READ_SECS, is_said, Vec::new());
}

/// A run goes on unsaved where the storage is full, or is cleared while the page is open, and says so.
fn full_and_cleared_storage(site: &Site) {
    let browser = &site.browser;
    let (full, deleted) = ("storage for the site is full", "is no longer in the browser's storage");
    // It is stopped at the end: it must not be over before.
    site.set_recipe(&[&[("num_train_epochs", "3000")][..], &RECIPE[1..]].concat());
    start_again(site);
    wait_until_saved(site);
    // A run that lacked memory is gone on with in parts, whose sums round otherwise: its end is not that of the first.
    rehearse(site, Command::ExhaustMemory);
    wait_for_words(site, "has stopped");
    goes_on_after_a_restart(site);
    browser.wait_for("batches-cut", READ_SECS);
    assert!(browser.text("batches-cut").contains("in parts of 4 rows"), "{}", browser.text("batches-cut"));
    end_in_silence(site);
    goes_on_after_a_restart(site);
    let origin = site.server.url();
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1 }));
    wait_for_note(site, full, true);
    assert!(browser.has("checkpoint") && browser.has("pause"), "what was saved stays, and the run goes on");
    busy_disk(site, "look");
    browser.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin }));
    wait_for_note(site, full, false);

    assert!(try_disk(site, "clear").is_some(), "it can be cleared");
    wait_for_note(site, deleted, true);
    assert!(!browser.has("checkpoint"), "it does not say that it is saved");
    browser.click("stop");
    browser.wait_for("run-finished", TRAIN_SECS);
    assert!(site.export().get("model.safetensors").is_some(), "the weights are there, and leave");
}
