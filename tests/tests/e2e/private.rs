//! Not one byte of a person's data leaves: the whole path is walked with marked rows, and the browser's own network log must know
//! none of the marks. The header's panel must list what that log has.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use hone_core::hub::sha256_hex;
use hone_core::project::ProjectReader;
use hone_tests::browser::{ENTER, WebGpu};
use hone_tests::hub::Hub;
use hone_tests::net_log::NetLog;
use hone_tests::{paths, rows};
use serde_json::json;

use crate::hub::{ID, load};
use crate::projects::wait_until_kept;
use crate::rows::wait_for_text;
use crate::site::{READ_SECS, Site, tiny_files};

/// Names of what is marked.
const MARKED: [&str; 5] = ["text", "label", "file name", "typed text", "corrected label"];
/// Files that the browser asks for by itself, for the tab and to install the page: no page hears of these.
const BROWSER_FILES: [&str; 5] =
    ["favicon.svg", "manifest.webmanifest", "icon-192.png", "icon-512.png", "icon-maskable-512.png"];
/// In which a browser that was ended has written the end of its log.
const LOG_SECS: u64 = 30;

/// Keeps what the policy of the page stops.
const KEEP_VIOLATIONS: &str = "window.__violations = []; addEventListener('securitypolicyviolation', \
    event => window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`), true)";

/// A word that stands nowhere else: letters and digits, new in each run.
fn mark(name: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    format!("q{}", &sha256_hex(format!("{name} {} {}", now.as_nanos(), std::process::id()).as_bytes())[..15])
}

/// Rows with a mark in each text, and one as the name of a class.
fn marked_rows(text: &str, label: &str) -> String {
    let csv = rows::csv(60);
    let (head, lines) = csv.split_once('\n').expect("it has a head");
    let line = |line: &str| {
        let (words, class) = line.rsplit_once(',').expect("it has two columns");
        let class = if class == rows::LABELS[0] { label } else { class };
        format!("{words} {text},{class}\n")
    };
    format!("{head}\n{}", lines.lines().map(line).collect::<String>())
}

/// Addresses in the header's panel, and how many requests went to each.
fn panel(site: &Site) -> Vec<(String, usize)> {
    let script = "return [...document.querySelectorAll('[data-testid=requests] tbody tr')].map(row => \
        [row.cells[0].textContent, row.cells[1].textContent])";
    let found = site.browser.script(script, Vec::new());
    let line = |line: &serde_json::Value| {
        let requests = line[1].as_str()?.replace(',', "").parse::<usize>().ok()?;
        Some((line[0].as_str()?.to_owned(), requests))
    };
    found.as_array().into_iter().flatten().filter_map(line).collect()
}

/// An address as the panel has it.
fn shown(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    after.split('#').next().unwrap_or_default().to_owned()
}

/// Waits for the end of the log, and reads it.
fn read_log(path: &Path) -> NetLog {
    for _ in 0..LOG_SECS * 10 {
        let log = std::fs::read(path).unwrap_or_default();
        if log.trim_ascii_end().ends_with(b"}]\n}") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    NetLog::read(path)
}

/// A row that the model gets wrong gets a label that is new, typed by keys; project and report are saved, and have the marks.
fn take_work_home(site: &Site, file: &str, label: &str, corrected: &str) {
    let browser = &site.browser;
    browser.go_to("export");
    browser.click("export-report");
    let report = std::fs::read_to_string(browser.wait_for_download(".html", READ_SECS)).expect("the report is text");
    assert!(report.contains(file) && report.contains(label), "{report}");

    browser.go_to("evaluate");
    let press = "document.querySelector('[data-testid=wrong-rows] tbody tr').cells[2].querySelector('button').click()";
    let _ = browser.script(press, Vec::new());
    let takes_keys = "return document.activeElement?.id === 'correct-box' && \
        !document.activeElement.querySelector('[aria-disabled]')";
    browser.wait_until("the box takes keys", READ_SECS, takes_keys, Vec::new());
    browser.press(&format!("{corrected}{ENTER}"));
    wait_for_text(site, "corrections", "1 label corrected");
    wait_until_kept(site, corrected);

    browser.go_to("model");
    browser.wait_for("projects-panel", READ_SECS);
    let _ = browser.script("document.querySelector('[data-testid=projects-panel]').open = true", Vec::new());
    browser.click("save-project-1");
    let saved = std::fs::File::open(browser.wait_for_download(".hone", READ_SECS)).expect("the project can be read");
    assert_eq!(ProjectReader::open(saved).expect("a project file").name(), Some(file));
}

#[test]
fn not_one_byte_of_marked_data_goes_out() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("net.json");
    let Some(site) = Site::open_logged(WebGpu::NoAdapter, &hub.url(), &log) else { return };
    let browser = &site.browser;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": KEEP_VIOLATIONS }));
    site.reload();

    let [text, label, file, typed, corrected] = MARKED.map(mark);
    load(&site, ID);
    browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file(&format!("{file}.csv"), marked_rows(&text, &label)));
    browser.wait_for("data-report", READ_SECS);
    assert!(browser.text("data-report").contains(&label), "the marked class is there");
    // Hardly anything is learned, so that there is a label to correct.
    let recipe = [("num_train_epochs", "1"), ("batch_size", "8"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];
    site.set_recipe(&recipe);
    site.start();
    site.finish();
    site.evaluate("accuracy");
    browser.go_to("try");
    assert!(site.try_text(&format!("rain and wind {typed}")).iter().any(|(class, _)| *class == label));
    let config = site.export().get("config.json").map(<[u8]>::to_vec).expect("the model leaves for the downloads");
    assert!(String::from_utf8_lossy(&config).contains(&label), "and knows the marked class");
    take_work_home(&site, &file, &label, &corrected);

    // Nothing was stopped by the policy, neither in the page nor (by the console) in the worker.
    assert_eq!(browser.script("return window.__violations", Vec::new()), json!([]));
    site.check_requests();
    assert_eq!(browser.script("return document.querySelectorAll('script:not([src])').length", Vec::new()), 0);
    let panel = panel(&site);
    let is_kept = browser.script("return !!document.querySelector('script[data-build]')", Vec::new()) == true;

    // What is sent on purpose must be found by the same search: in an address, and as a body.
    let [in_address, in_body] = ["in an address", "in a body"].map(mark);
    let send = "const [address, body, done] = arguments; \
        fetch(`/?${address}`).then(() => fetch('/', { method: 'POST', body: btoa(body) })) \
            .catch(() => 'refused').then(() => done())";
    let _ = browser.script_async(send, vec![json!(in_address), json!(in_body)]);

    let (page, hub_url) = (site.server.url(), hub.url());
    drop(site);
    let log = read_log(&log);
    assert!(log.holds(&in_address) && log.holds(&in_body), "the log holds what is sent");
    for (name, mark) in MARKED.iter().zip([&text, &label, &file, &typed, &corrected]) {
        assert!(!log.holds(mark), "the marked {name} went out");
    }

    // To nobody else: no byte over any socket, no request of the page, no name looked up for it.
    let own = [&page, &hub_url].map(|origin| shown(origin));
    for sent in &log.sent {
        assert!(own.contains(&sent.to), "bytes went to {:?}: {}", sent.to, String::from_utf8_lossy(&sent.bytes));
    }
    let requests = log.requests_of(&page);
    let is_own = |url: &str| [&page, &hub_url].iter().any(|origin| url.starts_with(&format!("{origin}/")));
    for request in &requests {
        assert!(is_own(&request.url), "{request:?}");
    }
    for name in log.lookups_of(&page) {
        assert!(is_own(&format!("{name}/")), "{name} was looked up");
    }
    let with_body: Vec<_> = requests.iter().filter(|request| request.has_body || request.method != "GET").collect();
    assert!(with_body.len() == 1 && with_body[0].method == "POST" && with_body[0].has_body, "{with_body:?}");

    // The panel lists what the log has, but for what was sent on purpose, the page itself and what the browser asks for by itself.
    let logged: Vec<_> = requests.iter().map(|request| shown(&request.url)).collect();
    let (of_page, of_hub) = (format!("{}/", own[0]), format!("{}/", own[1]));
    for name in ["hone-worker_bg.wasm", "policy.js"] {
        assert!(logged.contains(&format!("{of_page}{name}")), "the log has the page's files: {logged:?}");
    }
    assert!(logged.contains(&format!("{of_hub}store/model.safetensors")), "the log has the hub's files: {logged:?}");
    let should_be_listed = |address: &&String| match address.strip_prefix(&of_page) {
        Some(name) => !name.is_empty() && !name.starts_with('?') && !BROWSER_FILES.contains(&name),
        None => true,
    };
    let known: BTreeSet<_> = logged.iter().filter(should_be_listed).collect();
    let files = panel.iter().map(|(address, _)| address).filter(|address| !address.contains(' '));
    let listed: BTreeSet<_> = files.filter(should_be_listed).collect();
    assert!(listed.is_subset(&known), "the panel lists what nobody asked for: {listed:?}, {known:?}");
    // A page that is kept is fetched a second time by its service worker, file by file; the panel has one line for all of that.
    assert!(is_kept || listed == known, "the panel leaves requests out: {listed:?}, {known:?}");
    let from_hub = |address: &&String| address.starts_with(&of_hub);
    let counted: usize = panel.iter().filter(|(address, _)| from_hub(&address)).map(|(_, requests)| requests).sum();
    assert_eq!(counted, logged.iter().filter(from_hub).count(), "requests to the hub, in the panel and in the log");
}
