//! Reading rows: what a spreadsheet exports, before there is a model and with one, a large file that is given up, and
//! files and cells that are dropped and pasted anywhere.

use hone_tests::browser::WebGpu;
use hone_tests::paths::fixture;
use hone_tests::{rows, tagged};
use serde_json::{Value, json};

use crate::axe;
use crate::site::{READ_SECS, Site};

const ROWS: usize = 60;
/// Rows that take a good while to be tokenised.
const MANY: usize = 120_000;

/// Rows as an old spreadsheet exports them: Windows-1252, semicolons, a title above the header.
fn export() -> Vec<u8> {
    let row = |index: usize| {
        let (text, label) = rows::row(index);
        format!("{index};{text} für Müller;{label}\n")
    };
    let table = format!("Tickets für März;;\nNr;text;label\n{}", (0..ROWS).map(row).collect::<String>());
    table.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect()
}

/// Drags files over an element of the page, and lets go of them.
fn drop_files(site: &Site, files: &[(&str, String)]) {
    let files: Vec<Value> = files.iter().map(|(name, text)| json!([name, text])).collect();
    let script = "window.__dragged = new DataTransfer(); \
        for (const [name, text] of arguments[0]) window.__dragged.items.add(new File([text], name)); \
        window.__drag = kind => document.querySelector('.rail').dispatchEvent( \
            new DragEvent(kind, { dataTransfer: window.__dragged, bubbles: true, cancelable: true })); \
        return window.__drag('dragover')";
    let goes_there = site.browser.script(script, vec![json!(files)]);
    assert_eq!(goes_there, json!(false), "the browser itself must not go to the file");
    site.browser.wait_for("page-drop", READ_SECS);
    assert_eq!(site.browser.text("page-drop"), "Drop it to read it");
    let _ = site.browser.script("window.__drag('drop')", Vec::new());
}

fn wait_for_file(site: &Site, name: &str) {
    let script = "return document.querySelector('.drop-title')?.textContent.startsWith(arguments[0]) && \
        !!document.querySelector('[data-testid=data-report]')";
    site.browser.wait_until(&format!("{name} is read"), READ_SECS, script, vec![json!(name)]);
}

#[test]
fn a_spreadsheets_export_is_read_before_there_is_a_model() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.choose_rows(&site.file("export.csv", export()));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS), ("usable", ROWS)]);
    assert_eq!(site.browser.held("encoding"), "windows-1252");
    assert_eq!(site.browser.held("header-row"), "2");
    let shown = browser.text("all-columns");
    assert!(shown.contains("für Müller") && shown.contains("Nr"), "{shown}");
    let script = "return [...document.querySelectorAll('[data-testid=all-columns] th')].map(th => th.textContent)";
    assert_eq!(
        browser.script(script, Vec::new()),
        json!(["Nr", "texttext", "labellabel"]),
        "columns in use are marked"
    );
    assert!(browser.has("lengths-unknown") && !browser.has("count-truncated"), "there is no tokenizer yet");

    // What was found can be changed: the first row becomes the header.
    browser.select("header-row", "3");
    let script = "return document.querySelector('[data-testid=count-rows]')?.dataset.value === arguments[0]";
    browser.wait_until("a row less", READ_SECS, script, vec![json!((ROWS - 1).to_string())]);
    browser.click("reset-header-row");
    browser.wait_until("all rows again", READ_SECS, script, vec![json!(ROWS.to_string())]);

    // The newest rows are held out by one choice, and drawn again by a step back.
    let newest = "const notes = document.querySelector('[data-testid=data-notes]')?.textContent ?? ''; \
        return notes.includes('newest rows by \"Nr\" are held out') === arguments[0] && \
            document.querySelector('[data-testid=time-column]')?.value === (arguments[0] ? 'Nr' : '')";
    browser.select("time-column", "Nr");
    browser.wait_until("the newest rows are held out", READ_SECS, newest, vec![json!(true)]);
    let can_undo = "const button = document.querySelector('[data-testid=undo]'); \
        return button.textContent === 'Undo: How the rows are shared out' && !button.hasAttribute('aria-disabled')";
    browser.wait_until("the choice can be undone", READ_SECS, can_undo, Vec::new());
    browser.click("undo");
    browser.wait_until("they are drawn again", READ_SECS, newest, vec![json!(false)]);
    browser.select("encoding", "windows-1250");
    let is_asked = "return !!document.querySelector('[data-testid=encoding] option[value=\"\"]')";
    browser.wait_until("the other encoding is read", READ_SECS, is_asked, Vec::new());

    site.load_tiny();
    browser.go_to("data");
    browser.wait_for("count-truncated", READ_SECS);
    assert_eq!(site.browser.held("encoding"), "windows-1250", "what was chosen before holds");
    check_labels(&site);
    site.check_requests();
}

/// The quick baseline of rows of which one in twenty has a wrong label, and the list of these, which is gone through with keys.
fn check_labels(site: &Site) {
    const PLANTED: usize = 300;
    let browser = &site.browser;
    let class = |index: usize| if index % 20 == 7 { (index + 1) % 3 } else { index % 3 };
    let row = |index: usize| format!("{},{}\n", rows::row(index).0, rows::LABELS[class(index)]);
    let table = format!("text,label\n{}", (0..PLANTED).map(row).collect::<String>());
    site.choose_rows(&site.file("planted.csv", table));
    let click_when_ready = |id: &str| {
        let script = "const button = document.querySelector(`[data-testid=${arguments[0]}]`); \
            return !!button && !button.disabled && !button.hasAttribute('aria-disabled')";
        browser.wait_until(&format!("{id} can be pressed"), READ_SECS, script, vec![json!(id)]);
        browser.click(id);
    };
    let script = "return document.querySelector('[data-testid=count-rows]')?.dataset.value === arguments[0]";
    browser.wait_until("the rows are read", READ_SECS, script, vec![json!(PLANTED.to_string())]);
    click_when_ready("quick-baseline");
    browser.wait_for("baseline-note", READ_SECS);
    let [majority, logistic] =
        ["baseline-majority-accuracy", "baseline-logistic-accuracy"].map(|id| browser.number(id));
    assert!(majority < 0.5 && logistic > majority + 0.2, "{majority} and {logistic}");

    click_when_ready("find-label-errors");
    browser.wait_for("label-errors", READ_SECS);
    let count = browser.number("label-errors-count");
    assert!((10.0..=25.0).contains(&count), "fifteen labels are wrong, and {count} are listed");
    axe::check(site, "data, labels that may be wrong");
    let press = |key: &str| {
        let script = "const list = document.getElementById('label-errors'); list.focus(); list.dispatchEvent( \
            new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }))";
        let _ = browser.script(script, vec![json!(key)]);
    };
    let decided = |what: &str, decisions: [&str; 2]| {
        let script = "const all = [...document.querySelectorAll('[data-testid=label-decision]')]; \
            return all[0]?.textContent === arguments[0] && all[1]?.textContent === arguments[1]";
        browser.wait_until(what, READ_SECS, script, vec![json!(decisions[0]), json!(decisions[1])]);
    };
    press("Enter");
    decided("the first label is taken", ["new label", ""]);
    press(" ");
    decided("the second stays, for the keys go on to it", ["new label", "kept"]);
    let script =
        "return document.querySelector('[data-testid=data-report]')?.textContent.includes('1 row read otherwise')";
    browser.wait_until("the row is read with its new label", READ_SECS, script, Vec::new());
}

#[test]
fn what_the_model_should_learn_is_a_choice() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_rows(ROWS);
    assert_eq!(browser.held("task"), "sequence_classification", "that of the model that is chosen");
    browser.select("task", "causal_lm");
    browser.wait_for("token-view", READ_SECS);
    assert_eq!((browser.held("task").as_str(), browser.has("label-column")), ("causal_lm", false));
    browser.go_to("recipe");
    assert_eq!(browser.held("field-method"), "lora", "the settings are those of the task");

    // A model that can't do that has the rows read for what it can do, and the page says so.
    site.load_tiny();
    browser.go_to("data");
    browser.wait_for("label-column", READ_SECS);
    assert_eq!(browser.held("task"), "sequence_classification");
    assert!(browser.text("data-note").contains("read again"), "{}", browser.text("data-note"));
    let offered = "return [...document.querySelectorAll('[data-testid=task] option')].map(option => option.value)";
    let offered = browser.script(offered, Vec::new());
    assert!(!offered.to_string().contains("causal_lm"), "only what it has a head for: {offered}");

    // Files that are no text are read by a module of their own, which comes with the first of them.
    let rows_of = |name: &str| {
        site.choose_rows(&fixture("readers").join(name));
        let is_read = "return document.querySelector('[data-testid=data-notes]')?.textContent.includes(arguments[0])";
        browser.wait_until(&format!("{name} is read"), READ_SECS, is_read, vec![json!(name)]);
        site.check_counts(&[("rows", 24), ("usable", 24)]);
        let shown = browser.text("all-columns");
        assert!(shown.contains("pay number 0") && shown.contains("refund"), "{shown}");
        browser.text("data-notes")
    };
    let said = rows_of("tickets.parquet");
    assert!(said.contains("tickets.parquet is Parquet: 24 rows, 2 columns, packed with zstd"), "{said}");
    let said = rows_of("tickets.xlsx");
    assert!(said.contains("its sheet \"Sheet\" is read") && browser.held("sheet") == "Sheet", "{said}");
    site.check_requests();
}

/// Waits until a file is read and the rows are taken for a task.
fn wait_for_task(site: &Site, file: &str, task: &str) {
    wait_for_file(site, file);
    let script = "return document.querySelector('[data-testid=task]')?.value === arguments[0]";
    site.browser.wait_until(&format!("{file} is read for {task}"), READ_SECS, script, vec![json!(task)]);
}

#[test]
fn the_task_is_guessed_from_the_file_until_a_person_chooses_it() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    drop_files(&site, &[("names.conll", tagged::conll(ROWS))]);
    wait_for_task(&site, "names.conll", "token_classification");
    let said = browser.text("task-guess");
    assert!(said.starts_with("Read for a model that") && said.contains("a guess from the file"), "{said}");
    site.check_counts(&[("rows", ROWS), ("usable", ROWS)]);
    browser.go_to("recipe");
    assert!(browser.has("field-doc_stride"), "the settings are those of the task");
    browser.type_into("field-num_train_epochs", "7");

    // The model comes after it, and is used for it; another file, another guess.
    site.load_tiny();
    browser.go_to("data");
    browser.wait_for("count-truncated", READ_SECS);
    assert_eq!(browser.held("task"), "token_classification");
    drop_files(&site, &[("labels.csv", rows::csv(ROWS))]);
    wait_for_task(&site, "labels.csv", "sequence_classification");
    assert!(browser.has("label-column") && browser.has("task-guess"));

    // Chosen by hand, it stays, and what was typed for it before is still there.
    browser.select("task", "token_classification");
    browser.wait_for_problem(READ_SECS);
    assert!(browser.text("data-note").contains("change back to"), "{}", browser.text("data-note"));
    browser.go_to("recipe");
    assert_eq!(browser.held("field-num_train_epochs"), "7");
    browser.go_to("data");
    assert!(!browser.has("task-guess"), "nothing is guessed any more");
    browser.select("task", "sequence_classification");
    wait_for_task(&site, "labels.csv", "sequence_classification");
    site.check_counts(&[("rows", ROWS), ("usable", ROWS)]);
    drop_files(&site, &[("again.conll", tagged::conll(ROWS))]);
    let script = "return document.querySelector('.drop-title')?.textContent.startsWith('again.conll') && \
        !document.querySelector('[data-testid=read-progress]')";
    browser.wait_until("the file was looked at", READ_SECS, script, Vec::new());
    assert_eq!(browser.held("task"), "sequence_classification");
    browser.select("task", "");
    wait_for_task(&site, "again.conll", "token_classification");
    site.check_requests();
}

#[test]
fn that_there_is_no_second_text_is_remembered() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    let row = |index: usize| {
        let (text, label) = rows::row(index);
        format!("{text},{index} things were said,{label}\n")
    };
    let table = format!("premise,hypothesis,label\n{}", (0..ROWS).map(row).collect::<String>());
    site.choose_rows(&site.file("pairs.csv", table));
    browser.wait_for("data-report", READ_SECS);
    assert_eq!(browser.held("text-pair-column"), "hypothesis");
    browser.select("text-pair-column", "");
    let is_none = "return document.querySelector('[data-testid=text-pair-column]')?.value === '' && \
        !document.querySelector('[data-testid=read-progress]')";
    browser.wait_until("the second text is left out", READ_SECS, is_none, Vec::new());
    // The columns are looked for again.
    browser.select("header-row", "1");
    let is_asked = "return !!document.querySelector('[data-testid=reset-header-row]')";
    browser.wait_until("the header is read again", READ_SECS, is_asked, Vec::new());
    assert_eq!(browser.held("text-pair-column"), "");
    site.check_requests();
}

#[test]
fn a_large_file_that_is_given_up_leaves_the_rows_before_it() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    site.load_rows(ROWS);
    site.set_recipe(&[("num_train_epochs", "1"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    site.evaluate("loss");
    site.choose_rows(&site.file("large.csv", rows::csv(MANY)));
    let script = "const text = document.querySelector('[data-testid=read-progress]')?.textContent ?? ''; \
        if (!/^[1-9][0-9,]* of 120,000 rows$/.test(text)) return false; \
        document.querySelector('[data-testid=cancel-reading]').click(); return text";
    let seen = site.browser.wait_until("it says how far it is", READ_SECS, script, Vec::new());
    eprintln!("cancelled at {seen}");
    wait_for_file(&site, "rows.csv");
    site.check_counts(&[("rows", ROWS)]);
    assert!(!site.browser.has("problem"));
    site.browser.go_to("evaluate");
    assert!(site.browser.has("eval-loss-tuned"), "the figures of the run are still there");
    assert!(!site.browser.has("out-of-date"), "its rows are those that are read");
}

#[test]
fn a_worker_that_dies_before_it_had_a_model_leaves_the_rows_alone_to_be_read_again() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_rows(ROWS);
    // As a browser says that a worker's script failed.
    let _ = browser.script("window.__workers.at(-1).dispatchEvent(new Event('error'))", Vec::new());
    browser.wait_for("revive-worker", READ_SECS);
    browser.click("revive-worker");
    site.wait_for_device();
    browser.click("load-again");
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", ROWS)]);
    browser.go_to("model");
    assert!(!browser.has("model-ready") && !browser.has("problem"), "no model was loaded, and none was tried");
    let requests = site.server.requests();
    assert!(!requests.iter().any(|line| line.contains("/models/")), "{requests:?}");
}

#[test]
fn files_and_cells_are_taken_wherever_they_are_dropped_and_pasted() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    drop_files(&site, &[("dropped.csv", rows::csv(ROWS))]);
    wait_for_file(&site, "dropped.csv");
    assert_eq!(
        browser.attribute("step-data", "aria-current").as_deref(),
        Some("step"),
        "the page goes where it is read"
    );

    drop_files(&site, &[("my_test.csv", rows::csv(12)), ("my_train.csv", rows::csv(ROWS))]);
    wait_for_file(&site, "my_train.csv");
    assert_eq!(browser.text("data-note"), "By their names: my_train.csv for training, my_test.csv as test rows.");
    site.check_counts(&[("test", 12)]);

    browser.go_to("model");
    let cells = rows::csv(ROWS).replace(',', "\t");
    let paste = "const data = new DataTransfer(); data.setData('text/plain', arguments[0]); \
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))";
    let _ = browser.script(paste, vec![json!("a sentence that is no table")]);
    assert_eq!(browser.attribute("step-model", "aria-current").as_deref(), Some("step"));
    let _ = browser.script(paste, vec![json!(cells)]);
    wait_for_file(&site, "pasted.tsv");
    assert_eq!(site.browser.held("delimiter"), "\t");
}
