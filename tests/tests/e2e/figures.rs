//! Figures beside what one gets without a model, tables that are sorted, mistakes that are looked at, and what all of it is
//! of.

use hone_core::event::TrainEvent;
use hone_core::report::{LogEntry, LogLine, read_log};
use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::{Value, json};

use crate::site::{READ_SECS, Site};
use crate::whole_path::open;

/// Rows that are trained on, and those that are measured, each of two channels in turn.
const ROWS: [usize; 2] = [90, 30];

/// Hardly anything is learned: there are mistakes to look at.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "2"), ("batch_size", "8"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];

#[test]
fn figures_say_what_they_are_of_and_lead_to_their_rows() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    load_rows_of_channels(&site);
    site.set_recipe(RECIPE);
    site.start();
    site.finish();
    site.evaluate("loss");

    // Three classes take turns in the rows: whichever is the most frequent is about a third of them.
    let baseline = browser.number("eval-accuracy-baseline");
    assert!(baseline > 0.1 && baseline < 0.6, "always answering one of three labels: {baseline}");
    let gain = (browser.number("eval-accuracy-tuned") - baseline) * 100.0;
    let shown = browser.text("eval-accuracy-gain");
    assert!(shown.ends_with(" points") && shown.contains(&format!("{:.1}", gain.abs())), "{shown} is not {gain}");
    let of_run = browser.text("of-run");
    assert!(of_run.starts_with("Of run 1 on rows.csv (") && of_run.contains("2 epochs, rate 1e-7"), "{of_run}");
    assert!(of_run.contains("test rows: "), "{of_run}");
    let accuracy = browser.text("eval-accuracy-tuned");

    check_spread(&site);
    check_slices(&site);
    check_comparison(&site);
    check_sorting(&site);
    check_mistakes(&site);
    check_explanation(&site);
    check_big_screen(&site);
    check_starting_again(&site);
    check_names(&site);
    check_report(&site, &accuracy);
    check_labels_by_run(&site);
    check_out_of_date(&site);
    site.check_requests();
}

/// Chooses rows, and test rows beside them, that have the channel by which they came.
fn load_rows_of_channels(site: &Site) {
    let file = |name: &str, from: usize, count: usize| {
        let row = |index: usize| {
            let (text, label) = rows::row(index);
            format!("{text},{label},{}\n", ["web", "mail"][index / rows::LABELS.len() % 2])
        };
        site.file(name, format!("text,label,channel\n{}", (from..from + count).map(row).collect::<String>()))
    };
    site.choose_rows(&file("rows.csv", 0, ROWS[0]));
    site.browser.wait_for("data-report", READ_SECS);
    site.browser.choose_files("test-file", &[file("test.csv", ROWS[0], ROWS[1])]);
    let is_read = "return document.querySelector('[data-testid=count-test]')?.dataset.value === arguments[0]";
    site.browser.wait_until("the test rows are read", READ_SECS, is_read, vec![json!(ROWS[1].to_string())]);
}

/// The figures of a channel and of all other rows make up that of all; one press has the channels learned equally, and is undone.
fn check_slices(site: &Site) {
    let browser = &site.browser;
    open(site, "slices");
    browser.click("slice-run");
    let find = "const row = [...document.querySelectorAll('[data-testid=slices-table] tbody tr')] \
        .find(row => row.cells[0].textContent === 'channel: web'); \
        return !!row && [1, 2, 4].map(cell => Number(row.cells[cell].dataset.value ?? row.cells[cell].textContent))";
    let found = browser.wait_until("a channel is compared", READ_SECS, find, Vec::new());
    let [own, value, rest] = [0_usize, 1, 2].map(|cell| found[cell].as_f64().expect("a number"));
    let all = ROWS[1] as f64;
    assert_eq!(own, all / 2.0, "of either channel there are as many");
    let accuracy = (own * value + (all - own) * rest) / all;
    assert!((accuracy - browser.number("eval-accuracy-tuned")).abs() < 1e-9, "{found} make {accuracy}");
    browser.select("slice-by", "channel");
    browser.wait_for("even-out", READ_SECS);
    browser.click("even-out");
    let is_said =
        "return document.querySelector('[data-testid=even-out-said]')?.textContent.startsWith('The recipe has it')";
    browser.wait_until("the recipe has it", READ_SECS, is_said, Vec::new());
    browser.go_to("recipe");
    assert_eq!(browser.text("undo"), "Undo: Even out a column channel");
    assert_eq!(browser.held("field-balance_column"), "channel");
    browser.click("undo");
    let is_undone = "return document.querySelector('[data-testid=field-balance_column]')?.value === 'none'";
    browser.wait_until("the recipe has it no more", READ_SECS, is_undone, Vec::new());
    browser.go_to("evaluate");
}

/// The model before training and the run stand side by side, with the accuracies that the table above has.
fn check_comparison(site: &Site) {
    let browser = &site.browser;
    open(site, "compare-runs");
    browser.click("compare-run");
    browser.wait_for("compare-figures", READ_SECS);
    let numbers = "const { cells } = document.querySelector('[data-testid=compare-figures] tbody tr'); \
        return [1, 2].map(cell => Number(cells[cell].dataset.value))";
    let found = browser.script(numbers, Vec::new());
    for (cell, id) in ["eval-accuracy-base", "eval-accuracy-tuned"].into_iter().enumerate() {
        let accuracy = found[cell].as_f64().expect("a number");
        assert!((accuracy - browser.number(id)).abs() < 1e-9, "{id} is not {accuracy}");
    }
    let (verdict, test) = (browser.text("compare-verdict"), browser.text("compare-test"));
    assert!(verdict.contains("McNemar p = ") && test.contains("Only Run 1 right: "), "{verdict} {test}");
}

/// Intervals, the figures behind the others, the diagrams with their words, and the threshold for unsure rows.
fn check_spread(site: &Site) {
    let browser = &site.browser;
    let told = browser.text("intervals");
    assert!(
        told.starts_with("Accuracy ") && told.contains(", 95 % between ") && told.contains("; macro F1 "),
        "{told}"
    );
    assert!(browser.number("eval-roc-auc-tuned") > 0.0 && browser.has("more-figures"), "more are behind a press");
    let label = browser.attribute("reliability", "aria-label").expect("a text for those who do not see it");
    assert!(label.starts_with("Reliability diagram. Most answers ("), "{label}");
    assert!(browser.text("temperature").to_lowercase().contains("temperature"), "{}", browser.text("temperature"));
    let move_handle = "const handle = document.querySelector('[data-testid=unsure-below]'); handle.value = '99'; \
        handle.dispatchEvent(new Event('input', { bubbles: true }))";
    let _ = browser.script(move_handle, Vec::new());
    let is_said = "return document.querySelector('[data-testid=unsure-words]').textContent.startsWith('Below 99 %: ')";
    browser.wait_until("the threshold is said", READ_SECS, is_said, Vec::new());
}

/// Texts of a column of a table.
fn column(site: &Site, table: &str, index: usize) -> Vec<String> {
    let script = "return [...document.querySelectorAll(`[data-testid=${arguments[0]}] tbody tr`)]\
        .map(row => row.cells[arguments[1]].textContent)";
    let texts = site.browser.script(script, vec![json!(table), json!(index)]);
    texts.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check_sorting(site: &Site) {
    let classes = || column(site, "per-class", 0);
    assert_eq!(classes(), ["kitchen", "music", "weather"]);
    let press = "document.querySelector('[data-testid=per-class] thead button').click()";
    let sorted = "return document.querySelector('[data-testid=per-class] thead th').getAttribute('aria-sort') === \
        arguments[0]";
    for (order, expected) in
        [("ascending", ["kitchen", "music", "weather"]), ("descending", ["weather", "music", "kitchen"])]
    {
        let _ = site.browser.script(press, Vec::new());
        site.browser.wait_until(&format!("classes are {order}"), READ_SECS, sorted, vec![json!(order)]);
        assert_eq!(classes(), expected);
    }
}

fn check_mistakes(site: &Site) {
    let browser = &site.browser;
    let all = column(site, "wrong-rows", 0).len();
    assert!(all > 0, "a model that learned nothing makes mistakes");
    let find = "return document.querySelector('[data-testid^=confused-]')?.dataset.testid || false";
    let cell = browser.wait_until("a mistake can be pressed", READ_SECS, find, Vec::new());
    let cell = cell.as_str().expect("it has an id").to_owned();
    let count: usize = browser.text(&cell).trim().parse().expect("a number of rows");
    browser.click(&cell);
    let is_chosen = "return document.activeElement?.dataset.testid === 'wrong-rows-title' && \
        !!document.querySelector('[data-testid=wrong-rows-all]')";
    browser.wait_until("the rows of the pair are shown", READ_SECS, is_chosen, Vec::new());
    let (labels, predicted) = (column(site, "wrong-rows", 2), column(site, "wrong-rows", 3));
    assert_eq!(labels.len(), count, "as many as the cell says");
    let title = browser.text("wrong-rows-title");
    for (label, predicted) in labels.iter().zip(&predicted) {
        assert!(title.ends_with(&format!("true “{label}”, predicted “{predicted}”")), "{title}: {label}, {predicted}");
    }
    assert_eq!(browser.attribute(&cell, "aria-pressed").as_deref(), Some("true"));
    browser.click("wrong-rows-all");
    let is_whole = "return document.querySelectorAll('[data-testid=wrong-rows] tbody tr').length === arguments[0]";
    browser.wait_until("all wrong rows are back", READ_SECS, is_whole, vec![json!(all)]);
}

/// What the model looks at in the first wrong row, for the label that it was given and for its own; and the rows nearest to it.
fn check_explanation(site: &Site) {
    let browser = &site.browser;
    let first = |index: usize| column(site, "wrong-rows", index).swap_remove(0);
    let (label, predicted, text) = (first(2), first(3), first(4));
    let press = "document.querySelector('[data-testid=wrong-rows] tbody tr').cells[0].querySelector('button').click()";
    let _ = browser.script(press, Vec::new());
    browser.wait_for("nearest-rows", READ_SECS);
    assert_eq!(browser.text("explained-words"), text, "all of the text is shown");
    assert!(browser.number("explained-words") < 0.05, "its words add up: {}", browser.text("explained-sum"));
    let words = "return document.querySelectorAll('[data-testid=explained-words] .word[title]').length";
    let num_words = browser.script(words, Vec::new()).as_u64().expect("a number");
    assert!(num_words > 3 && column(site, "explained-table", 0).len() as u64 == num_words, "{num_words} words");
    let similar = column(site, "nearest-rows", 1);
    assert!(similar.len() == 5 && similar.is_sorted_by(|a, b| a >= b), "{similar:?}");
    let explains =
        "return document.querySelector('[data-testid=explained]').textContent.includes(`score of “${arguments[0]}”`)";
    browser.wait_until("the label that was given is explained", READ_SECS, explains, vec![json!(predicted)]);
    // The label of the file comes second.
    let second = "return document.querySelector('[data-testid=explained-output]').options[1].value";
    let own = browser.script(second, Vec::new());
    browser.select("explained-output", own.as_str().expect("a value"));
    browser.wait_until("the label of the row is explained", READ_SECS, explains, vec![json!(label)]);
    browser.click("explained-close");
    let is_closed =
        "return !document.querySelector('[data-testid=explained]') && document.activeElement?.id === 'explained'";
    browser.wait_until("the row is closed", READ_SECS, is_closed, Vec::new());
}

/// The run for the front of a room: large numbers, and Escape leaves.
fn check_big_screen(site: &Site) {
    let browser = &site.browser;
    browser.go_to("train");
    browser.click("big-screen-open");
    browser.wait_for("big-screen", READ_SECS);
    let shown = browser.text("big-screen");
    assert!(shown.contains("Finished") && shown.contains("Time left") && shown.contains("Loss"), "{shown}");
    assert!(browser.number("big-valid-accuracy") >= 0.0, "the figure of the validation rows is there");
    let escape = "document.querySelector('[data-testid=big-screen]').dispatchEvent(\
        new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))";
    let _ = browser.script(escape, Vec::new());
    let is_gone = "return !document.querySelector('[data-testid=big-screen]') && !document.fullscreenElement && \
        document.activeElement.id === 'run-phase'";
    browser.wait_until("the big screen is left, and how the run stands has the focus", READ_SECS, is_gone, Vec::new());
}

/// The report has what the page shows, texts of rows are no elements of it, and nothing in it runs or is fetched.
fn check_report(site: &Site, accuracy: &str) {
    let browser = &site.browser;
    browser.go_to("export");
    browser.click("export-report");
    let path = browser.wait_for_download(".html", READ_SECS);
    let html = std::fs::read_to_string(&path).expect("the download can be read");
    for part in [accuracy, "rows.csv", "95 % between", "Which label is taken for which", "<svg", "<td>1e-7</td>"] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(html.contains("The rows that are most wrong"), "there are mistakes");
    for looked_at in ["Where it is worse than elsewhere", "channel: web", "Beside another run, on the same rows"] {
        assert!(html.contains(looked_at), "{looked_at} is not in\n{html}");
    }
    check_log(site);
}

/// The log has what the report is made of, and the curves are a file that TensorBoard knows by its name and its first record.
fn check_log(site: &Site) {
    let browser = &site.browser;
    let saved = |id: &str, ending: &str| {
        browser.click(id);
        std::fs::read(browser.wait_for_download(ending, READ_SECS)).expect("the download can be read")
    };
    let (lines, num_unread) = read_log(&saved("export-log", "run_log.jsonl"));
    assert!(num_unread == 0 && matches!(lines[0].entry, LogEntry::Began(_)), "{num_unread} of {lines:?}");
    let losses = lines.iter().filter(|line| matches!(line.entry, LogEntry::Event(TrainEvent::Step { .. }))).count();
    let end = lines.iter().rfind(|line| matches!(line.entry, LogEntry::Event(TrainEvent::Finished { .. })));
    let end = end.expect("the run is over");
    let mut after = lines.iter().filter(|line| match &line.entry {
        LogEntry::Measured(measured) => !measured.before_training,
        LogEntry::Examined(_) => true,
        LogEntry::Began(_) | LogEntry::Event(_) => false,
    });
    let is_of_end = |line: &LogLine| line.step == end.step && (line.elapsed_secs - end.elapsed_secs).abs() < 1e-6;
    assert!(after.clone().any(|line| matches!(line.entry, LogEntry::Measured(_))) && losses > 0, "{lines:?}");
    assert!(end.step > 0 && after.all(is_of_end), "{lines:?}");
    let curves = saved("export-events", ".tfevents");
    let has = |text: &str| curves.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(["brain.Event:2", "train/loss", "eval/accuracy", "test/accuracy"].into_iter().all(has));
}

/// The run tells which labels of the rows that it did not learn from may be wrong, and what that is worth.
fn check_labels_by_run(site: &Site) {
    let browser = &site.browser;
    browser.go_to("data");
    browser.click("find-label-errors-of-run");
    browser.wait_for("label-errors-count", READ_SECS);
    let told = browser.text("label-check");
    assert!(told.contains("that run 1 did not learn from"), "{told}");
    assert!(told.contains("not cross-validated"), "{told}");
}

/// Another run takes the weights of the one before: the person is asked.
fn check_starting_again(site: &Site) {
    let browser = &site.browser;
    browser.go_to("train");
    browser.click("start");
    browser.wait_for("weights-question", READ_SECS);
    assert_eq!(browser.text("lose-weights"), "Start anyway");
    browser.click("keep-weights");
    assert!(!browser.has("weights-question") && browser.has("run-finished"), "nothing was started");
}

fn check_names(site: &Site) {
    let exported = site.export();
    assert!(site.browser.text("export-unsure").starts_with("Answers below 99 % are marked as unsure"));
    let job = exported.get("hone.json").expect("a job file");
    let job: Value = serde_json::from_slice(job).expect("JSON");
    assert_eq!(job["thresholds"]["unsure_below"], json!(0.99));
    let path = site.browser.wait_for_download(".zip", READ_SECS);
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    assert!(name.starts_with("local-model-text-classification-") && !name.contains("run"), "{name}");
    assert!(site.browser.text("exported").contains(&name), "{name}: {}", site.browser.text("exported"));
    let checked = site.browser.text("export-checked");
    assert!(checked.contains("it answers like the model in memory on "), "{checked}");
}

fn check_out_of_date(site: &Site) {
    let browser = &site.browser;
    assert!(!browser.has("out-of-date"), "nothing has changed yet");
    browser.go_to("recipe");
    browser.type_into("field-num_train_epochs", "3");
    for step in ["evaluate", "try", "export"] {
        browser.go_to(step);
        assert!(browser.text("out-of-date").contains("since run 1, the recipe was changed"), "{step}");
    }
    browser.go_to("recipe");
    browser.type_into("field-num_train_epochs", "2");
    browser.go_to("evaluate");
    assert!(!browser.has("out-of-date"), "the recipe is again that of the run");
    site.choose_rows(&site.file("others.csv", rows::csv(60)));
    browser.wait_for("data-report", READ_SECS);
    browser.go_to("evaluate");
    assert!(browser.text("out-of-date").contains("other rows were chosen"), "{}", browser.text("out-of-date"));
    assert!(browser.has("eval-loss-tuned"), "the figures of the run stay beside that");
    site.choose_rows(&site.folder.path().join("rows.csv"));
    browser.wait_for("data-report", READ_SECS);
    browser.go_to("evaluate");
    assert!(!browser.has("out-of-date"), "the very file of the run is chosen again");
}
