//! The step Model: a load that fails takes nothing away, trained weights go only when the person agrees, a hub's branch is
//! pinned to its commit, a model is changed before a run, and the button that loads is in view.

use burn::tensor::Device;
use hone_core::config::{Job, ModelSource};
use hone_core::session::Session;
use hone_core::task::Task;
use hone_tests::browser::WebGpu;
use hone_tests::hub::{COMMIT, Hub};
use hone_tests::paths;
use serde_json::{Value, json};

use crate::site::{READ_SECS, Site, tiny_files};

const ID: &str = "hone-tests/tiny-encoder";
const TEXT: &str = "thunder and rain came with the wind";

/// The text of the whole problem, what to do included; then it is put away.
fn problem(site: &Site) -> String {
    site.browser.wait_for_problem(READ_SECS);
    let text = site.browser.text("problem");
    eprintln!("{text}");
    site.browser.dismiss_problem();
    text
}

#[test]
fn a_load_that_fails_takes_nothing_away() {
    drop(tiny_files());
    let hub = Hub::serve(ID, &paths::fixture("tiny_encoder"));
    let Some(site) = Site::open_with(WebGpu::NoAdapter, Some(&hub.url())) else { return };
    let browser = &site.browser;
    // As it is pasted from the address bar; Enter loads.
    site.open_more_models();
    browser.type_into("hub-id", &format!("{}/{ID}/tree/main", hub.url()));
    browser.press_enter("hub-id");
    browser.wait_for("model-ready", READ_SECS);
    let shown = browser.text("model-ready");
    assert!(shown.contains(ID) && shown.contains(&COMMIT[..8]), "{shown}");
    assert!(hub.requests().iter().any(|request| request.path.ends_with(&format!("/resolve/{COMMIT}/config.json"))));
    site.load_rows(60);
    site.set_recipe(&[("num_train_epochs", "1"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    browser.go_to("try");
    let before = site.try_text(TEXT);

    // The weights are not exported: the person is asked, and keeps them.
    site.open_more_models();
    browser.type_into("hub-id", "hone-tests/tiny-encodr");
    browser.click("load-model");
    browser.wait_for("weights-question", READ_SECS);
    let focused = "return document.activeElement?.id === 'weights-question'";
    browser.wait_until("the question has the focus", READ_SECS, focused, Vec::new());
    browser.click("keep-weights");
    assert!(!browser.has("weights-question"));

    // A typing error: all of it is still there.
    browser.click("load-model");
    browser.click("lose-weights");
    let message = problem(&site);
    assert!(message.contains("tiny-encodr does not exist on 127.0.0.1"), "{message}");
    assert!(message.contains(&format!("{ID} is still loaded, with the weights you trained")), "{message}");
    assert!(browser.has("model-ready"));
    browser.go_to("data");
    assert!(browser.has("data-report"), "the rows are still read");
    browser.go_to("try");
    site.try_text("butter and salt on warm bread");
    assert_eq!(site.try_text(TEXT), before, "the trained weights still answer");

    // A hub that is gone is named in words.
    let host = hub.url().replace("http://", "");
    drop(hub);
    site.open_more_models();
    browser.type_into("hub-id", "hone-tests/another");
    browser.click("load-model");
    browser.click("lose-weights");
    let message = problem(&site);
    assert!(message.contains(&format!("Couldn't reach {host}")) && message.contains("connection"), "{message}");
    assert!(message.contains("is still loaded"), "{message}");

    let folder = site.export();
    let job = folder.get(hone_core::config::JOB_FILE).expect("the zip holds the job");
    let job = Job::from_json(job).expect("the job can be read");
    assert_eq!(job.model, ModelSource::Hub { id: ID.into(), revision: COMMIT.into() });
    // Exported weights may go without a question.
    site.choose_model(&tiny_files());
    browser.wait_for("model-ready", READ_SECS);
    assert!(!browser.has("weights-question"));
}

#[test]
fn layers_and_tokens_are_changed_before_a_run() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(40);
    site.set_recipe(&[("num_train_epochs", "1"), ("max_seq_length", "32")]);
    let unfold = "document.querySelector('[data-testid=change-model]').open = true";
    let _ = browser.script(unfold, Vec::new());
    browser.type_into("field-keep_layers", "5");
    let is_refused = "return document.querySelector('[data-testid=change-model]').textContent.includes('wrong')";
    browser.wait_until("there is no such layer", READ_SECS, is_refused, Vec::new());
    browser.type_into("field-keep_layers", "1");
    browser.type_into("field-add_tokens", "thunderstorm");
    site.start();
    site.finish();
    let said = browser.text("model-changes");
    assert!(said.contains("layer 1 of 2 kept, 1 left out"), "{said}");
    assert!(said.contains("1 new token") && said.contains("\"thunderstorm\""), "{said}");

    let (before, folder) = (config(&std::fs::read(&tiny_files()[0]).expect("its config.json")), site.export());
    let after = config(folder.get("config.json").expect("the zip holds it"));
    let number = |config: &Value, key: &str| config[key].as_u64().expect("a number");
    assert_eq!((number(&before, "num_hidden_layers"), number(&after, "num_hidden_layers")), (2, 1));
    assert_eq!(number(&after, "vocab_size"), number(&before, "vocab_size") + 1);
    let mut session = Session::new(Device::flex());
    let info = session.load_model(ModelSource::Local { name: "export".into() }, folder).expect("the folder loads");
    assert_eq!((info.num_hidden_layers, info.task), (1, Task::default()));
    site.check_requests();
}

fn config(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn the_button_that_loads_is_in_view() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    for (width, height, is_phone) in [(1280, 800, false), (360, 740, true)] {
        site.browser.set_view(width, height, is_phone, false);
        site.browser.go_to("model");
        let script = "window.scrollTo(0, 0); \
            const box = document.querySelector('[data-testid=load-model]').getBoundingClientRect(); \
            return [box.left, box.top, box.right, box.bottom]";
        let found = site.browser.script(script, Vec::new());
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| found[side].as_f64().expect("a number"));
        assert!(left >= 0.0 && top >= 0.0, "{found}");
        assert!(right <= f64::from(width) && bottom <= f64::from(height), "{width} x {height}: {found}");
    }
    let nested = "return document.querySelectorAll('label button').length";
    assert_eq!(site.browser.script(nested, Vec::new()), json!(0), "a button is no part of another control's label");
}
