//! Several tasks at once on the page: labels, then numbers beside them, a run with the figures of both, each of them tried; and
//! the zip has a folder for each, which says the same natively. The run is kept as any other: it is opened once it is over, and
//! goes on after a reload to the same end.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, Job, ModelSource};
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::{Value, json};

use crate::kept_run::{reload, same_end, shown, wait_until_saved, wait_until_saved_whole};
use crate::site::{READ_SECS, Site, check_losses};

/// Rows with labels, and rows with numbers.
const ROWS: [usize; 2] = [160, 120];
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "8"), ("batch_size", "8"), ("learning_rate", "2e-3"), ("max_seq_length", "32")];
/// Accuracy, and the correlation of numbers, that the tiny model must reach on rows it never saw.
const LEARNED: f64 = 0.7;
/// Of a figure of the same weights, measured again.
const KEPT: f64 = 1e-9;
/// Largest difference of an answer between page and native.
const SAME: f64 = 1e-3;
const TEXT: &str = "thunder and rain came with the wind";

#[test]
fn two_tasks_are_learned_at_once_on_the_page() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    assert!(!browser.has("keep-part"), "there are no rows yet");
    site.load_rows(ROWS[0]);
    browser.click("keep-part");
    browser.wait_for("parts", READ_SECS);
    assert!(!browser.has("data-report") && browser.text("data-note").contains("rows"), "its rows make room for others");
    browser.select("task", "regression");
    site.choose_rows(&site.file("scores.csv", rows::numbers_csv(ROWS[1])));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS[1]), ("usable", ROWS[1])]);
    name_parts(&site);

    site.set_recipe(RECIPE);
    assert!(browser.text("plan").starts_with("2 tasks at once"), "{}", browser.text("plan"));
    assert!(browser.has("field-task_temperature"));
    site.start();
    check_losses(&site.finish());
    let uninterrupted = shown(&site);
    wait_until_saved_whole(&site);
    assert!(browser.number("valid-topic-accuracy") > 0.0 && browser.number("valid-mood-mse") > 0.0);
    let table = browser.text("evaluations");
    assert!(table.contains("topic/accuracy") && table.contains("mood/pearson"), "{table}");

    site.evaluate("pearson");
    let correlation = browser.number("eval-pearson-tuned");
    assert!(correlation >= LEARNED && browser.has("scatter"), "correlation {correlation}");
    browser.select("shown-part", "topic");
    browser.wait_for("eval-accuracy-tuned", READ_SECS);
    let [before, after] = site.figure("accuracy");
    assert!(after >= LEARNED && browser.has("per-class"), "accuracy {after}, before training {before}");

    browser.go_to("try");
    let probabilities = site.try_text(TEXT);
    browser.select("shown-part", "mood");
    let number = try_number(&site);

    let folder = site.export();
    assert!(browser.text("folders").contains("mood/") && browser.text("python").contains("folder/mood"));
    let job = Job::from_json(folder.get(JOB_FILE).expect("the job of both")).expect("a job file");
    assert_eq!(job.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["mood", "topic"]);
    for part in ["topic", "mood"] {
        for name in ["config.json", "tokenizer.json", "model.safetensors", "README.md", JOB_FILE] {
            let path = format!("{part}/{name}");
            assert!(folder.get(&path).is_some_and(|bytes| !bytes.is_empty()), "the zip holds {path}");
        }
    }
    let Prediction::Regression(own) = answer(&folder, "mood", Task::Regression) else { panic!("of that task") };
    assert!((f64::from(own.numbers[0]) - number).abs() <= SAME, "{} is not {number}", own.numbers[0]);
    let Prediction::SequenceClassification(own) = answer(&folder, "topic", Task::default()) else {
        panic!("of that task")
    };
    assert_eq!(probabilities.len(), rows::LABELS.len());
    for (label, shown) in &probabilities {
        let id = rows::LABELS.iter().position(|known| known == label).expect("a label of the page");
        assert!((f64::from(own.probabilities[id]) - shown).abs() <= SAME, "{label}: {shown}, {own:?}");
    }
    site.check_requests();
    check_opened(&site, &uninterrupted, correlation);
    check_resumed(&site, &uninterrupted);
}

/// What the tasks that are learned at once are called on the step Data.
fn names_of_parts(site: &Site) -> Value {
    let script =
        "return [...document.querySelectorAll('[data-testid=parts] input[type=text]')].map(input => input.value)";
    site.browser.script(script, Vec::new())
}

/// The run is over: it is opened with both tasks, their rows, their names, their curves and their weights.
fn check_opened(site: &Site, uninterrupted: &(String, String, f64), correlation: f64) {
    let browser = &site.browser;
    reload(site);
    browser.wait_for("open-run", READ_SECS);
    let text = browser.text("saved-run");
    assert!(text.contains("on scores.csv and rows.csv finished"), "{text}");
    browser.go_to("data");
    browser.wait_for("parts", READ_SECS);
    assert_eq!(names_of_parts(site), json!(["mood", "topic"]), "both tasks are kept with the project, too");
    assert!(browser.has("part-name-1"), "the project was opened once; an opened run counts on");
    browser.click("open-run");
    browser.wait_for("evaluate-run", READ_SECS);
    same_end(site, uninterrupted);
    let figures = browser.text("run-1");
    assert!(figures.contains("topic/accuracy") && figures.contains("mood/"), "{figures}");
    site.evaluate("pearson");
    let again = browser.number("eval-pearson-tuned");
    assert!((again - correlation).abs() <= KEPT, "correlation {again}, not {correlation}");
    browser.go_to("data");
    assert_eq!(names_of_parts(site), json!(["mood", "topic"]));
    assert_eq!(browser.held("task"), "regression");
}

/// It is started again from what was opened, cut off by a reload, and goes on to the same end.
fn check_resumed(site: &Site, uninterrupted: &(String, String, f64)) {
    let browser = &site.browser;
    browser.go_to("train");
    browser.click("start");
    browser.click("lose-weights");
    browser.wait_for("pause", READ_SECS);
    wait_until_saved(site);
    reload(site);
    browser.wait_for("open-run", READ_SECS);
    assert!(browser.text("saved-run").contains("was cut off. Step "), "{}", browser.text("saved-run"));
    browser.click("open-run");
    browser.wait_for("evaluations", READ_SECS);
    same_end(site, uninterrupted);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

/// Tasks are named after their files, by names that differ.
fn name_parts(site: &Site) {
    let browser = &site.browser;
    assert_eq!([browser.held("part-name-own"), browser.held("part-name-1")], ["scores", "rows"]);
    assert!(browser.text("parts").contains(&format!("rows.csv, {} rows", ROWS[0])), "{}", browser.text("parts"));
    browser.type_into("part-name-1", "topic");
    browser.type_into("part-name-own", "topic");
    let problem = browser.text("parts-problem");
    assert!(problem.contains("two tasks have the name"), "{problem}");
    browser.type_into("part-name-own", "mood");
    assert!(!browser.has("parts-problem"), "{}", browser.text("parts-problem"));
}

/// The number that the tuned model gives the text.
fn try_number(site: &Site) -> f64 {
    site.browser.type_into("try-text", TEXT);
    site.browser.click("try-run");
    let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
        document.querySelector('[data-testid=try-result-tuned]')?.dataset.value";
    let found = site.browser.wait_until("the answer is there", READ_SECS, script, vec![json!(TEXT)]);
    found.as_str().and_then(|text| text.parse().ok()).expect("a number")
}

/// What the model in the folder of a task says to the text.
fn answer(whole: &Folder, part: &str, task: Task) -> Prediction {
    let start = format!("{part}/");
    let own = whole.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&start)?.to_owned(), bytes.to_vec())));
    let mut session = Session::new(Device::flex());
    let info = session.load_model(ModelSource::Local { name: part.into() }, own.collect()).expect("the folder loads");
    assert_eq!(info.task, task, "{part}");
    let input = TaskInput { text: TEXT.into(), second: None, image: None };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    predictions.into_iter().next().expect("one input, one answer")
}

#[test]
fn a_task_that_was_kept_comes_back_when_the_other_is_removed() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(ROWS[0]);
    browser.click("keep-part");
    browser.wait_for("parts", READ_SECS);
    browser.select("task", "regression");
    site.choose_rows(&site.file("scores.csv", rows::numbers_csv(ROWS[1])));
    browser.wait_for("data-report", READ_SECS);
    // Before a run both are measured, with the heads that one begins with.
    browser.go_to("evaluate");
    browser.click("evaluate-run");
    browser.wait_for("eval-mse-base", READ_SECS);
    assert_eq!(browser.held("shown-part"), "scores");
    browser.select("shown-part", "rows");
    browser.wait_for("eval-accuracy-base", READ_SECS);
    assert!(!browser.has("measure-few-shot") && !browser.has("cancel-reading"), "only the heads are measured");
    browser.go_to("try");
    assert!(!browser.has("shown-part"), "before a run the rows of one task are those of the model");
    browser.go_to("data");
    browser.click("remove-part-own");
    let script = "return !document.querySelector('[data-testid=parts]') && \
        document.querySelector('[data-testid=count-rows]')?.dataset.value === arguments[0]";
    let rows = ROWS[0].to_string();
    browser.wait_until("the rows with labels are back", READ_SECS, script, vec![json!(rows)]);
    assert_eq!(browser.held("task"), "sequence_classification");
    browser.go_to("recipe");
    assert!(!browser.has("field-task_temperature"), "one task has none");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
