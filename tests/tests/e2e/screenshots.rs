//! Pictures of every step: wide and narrow, light and dark. Not a check; run it with
//! `cargo xtask test screenshots -- --ignored`, and look into `target/screenshots/`.

mod views;

use hone_tests::browser::WebGpu;
use hone_tests::dates::ROWS;
use hone_tests::{asked, rows, tagged};
use serde_json::json;

use crate::language_model::{self, RECIPE};
use crate::site::{READ_SECS, Site, decoder_files};
use crate::{masked_lm, sentence_embedding, text_to_text};

fn picture(site: &Site, step: &str) {
    picture_from(site, step, "window.scrollTo(0, 0)");
}

fn picture_from(site: &Site, step: &str, scroll: &str) {
    site.in_all_views(|how| {
        let _ = site.browser.script(scroll, Vec::new());
        shoot(site, &format!("{step}-{how}"));
    });
}

/// Saves what is seen, which must not be wider than the page.
fn shoot(site: &Site, name: &str) {
    let path = site.browser.screenshot(name);
    let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(site.browser.script(wider, Vec::new()), false, "{name} is wider than the page");
    eprintln!("{}", path.display());
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    picture(&site, "model");
    site.load_rows(240);
    picture(&site, "data");
    site.set_recipe(&[("num_train_epochs", "8"), ("batch_size", "16"), ("learning_rate", "5e-4")]);
    picture(&site, "recipe");
    site.start();
    site.finish();
    picture(&site, "train");
    site.evaluate("accuracy");
    picture(&site, "evaluate");
    site.browser.go_to("try");
    site.try_text("there was thunder before the rain came");
    picture(&site, "try");
    site.export();
    picture(&site, "export");
    site.set_recipe(&[("num_train_epochs", "4"), ("batch_size", "16"), ("learning_rate", "1e-3")]);
    site.start();
    site.finish();
    picture_from(&site, "runs", "document.getElementById('runs').scrollIntoView()");
    site.reload();
    picture(&site, "kept");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_a_language_model() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.choose_model(&decoder_files());
    site.browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file("colours.jsonl", language_model::rows()));
    site.browser.wait_for("data-report", READ_SECS);
    picture(&site, "lm-data");
    site.set_recipe(RECIPE);
    picture(&site, "lm-recipe");
    site.start();
    site.finish();
    picture(&site, "lm-train");
    site.evaluate("general-loss");
    picture(&site, "lm-evaluate");
    language_model::write(&site);
    picture(&site, "lm-try");
    site.export_by("export-adapter");
    picture(&site, "lm-export");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_text_to_text() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    text_to_text::open(&site, ROWS);
    picture(&site, "seq2seq_lm-data");
    site.set_recipe(text_to_text::RECIPE);
    picture(&site, "seq2seq_lm-recipe");
    site.start();
    site.finish();
    picture(&site, "seq2seq_lm-train");
    site.evaluate("exact-match");
    picture(&site, "seq2seq_lm-evaluate");
    let _ = text_to_text::write(&site, 4);
    picture(&site, "seq2seq_lm-try");
    site.export_by("export-adapter");
    picture(&site, "seq2seq_lm-export");
}

/// A task in pictures: its name, a file of its rows, a figure that is measured, and what is typed on the page Try.
type Room = (&'static str, &'static str, fn() -> String, &'static str, [&'static str; 2]);

/// The tasks that the other tests make no pictures of.
const ROOMS: [Room; 6] = [
    (
        "token_classification",
        "train.conll",
        || tagged::conll(120),
        "f1",
        ["now the great king came to me that night", ""],
    ),
    ("regression", "scores.csv", || rows::numbers_csv(120), "pearson", ["thunder and rain came with the wind", ""]),
    ("multi_label", "labels.csv", || rows::several_csv(120), "micro-f1", ["the choir sang and the storm came", ""]),
    ("question_answering", "train.json", || asked::squad(60), "f1", ["who is it ?", "the old man came to me that day"]),
    ("masked_lm", "sea.txt", masked_lm::prose, "perplexity", ["[MASK] day was good and the night too", ""]),
    (
        "sentence_embedding",
        "pairs.csv",
        sentence_embedding::pairs,
        "mrr",
        ["we spoke of the rain and the song", "after the song there is always rain"],
    ),
];

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_every_task() {
    for (task, file, rows, figure, [text, second]) in ROOMS {
        let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
        let browser = &site.browser;
        site.load_tiny();
        browser.go_to("data");
        browser.select("task", task);
        site.choose_rows(&site.file(file, rows()));
        browser.wait_for("data-report", READ_SECS);
        picture(&site, &format!("{task}-data"));
        site.set_recipe(&[("num_train_epochs", "3"), ("batch_size", "8"), ("max_seq_length", "32")]);
        site.start();
        site.finish();
        site.evaluate(figure);
        picture(&site, &format!("{task}-evaluate"));
        browser.go_to("try");
        if !second.is_empty() {
            browser.type_into("try-second", second);
        }
        browser.type_into("try-text", text);
        browser.click("try-run");
        let is_answered = "return !!document.querySelector('[data-testid=try-result-tuned]') && \
            document.querySelector('.quoted')?.textContent === arguments[0]";
        browser.wait_until("the answer is there", READ_SECS, is_answered, vec![json!(text)]);
        picture(&site, &format!("{task}-try"));
    }
}

/// The whole page, however long it is, with every panel unfolded.
fn whole(site: &Site, step: &str) {
    for (name, width, is_phone) in [("desktop", 1280, false), ("phone", 390, true)] {
        site.browser.set_view(width, 900, is_phone, name == "phone");
        let open = "document.querySelectorAll('main details').forEach(panel => { panel.open = true; }); \
            window.scrollTo(0, 0); return Math.min(document.documentElement.scrollHeight, 7000)";
        let height = site.browser.script(open, Vec::new()).as_u64().unwrap_or(900);
        site.browser.set_view(width, u32::try_from(height).unwrap_or(7000).max(900), is_phone, name == "phone");
        std::thread::sleep(std::time::Duration::from_millis(400));
        eprintln!("{}", site.browser.screenshot(&format!("{step}-whole-{name}")).display());
    }
    site.browser.set_view(1280, 900, false, false);
}

/// A file with much to be found in it: copies, another label for the same text, damaged letters, a mail address, no label.
fn faulty_rows() -> String {
    let more = "\"the violin played a slow tune, call anna.meier@example.com\",music\n\
        nobody agrees on this,music\nnobody agrees on this,food\nthe cafÃ© serves cold soup,food\n\
        a tune nobody knew,\nit will snow tonight,\n";
    let again: String = rows::csv(12).lines().skip(1).map(|line| format!("{line}\n")).collect();
    format!("{}{again}{more}", rows::csv(180))
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_the_studio() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.choose_rows(&site.file("faulty.csv", faulty_rows()));
    browser.wait_for("data-report", READ_SECS);
    browser.click("open-rows");
    let found = "return document.querySelector('[data-testid=findings]')?.dataset.current === 'true'";
    browser.wait_until("the rows are looked through", READ_SECS, found, Vec::new());
    whole(&site, "studio-data");
    site.set_recipe(&[("num_train_epochs", "3"), ("batch_size", "16"), ("learning_rate", "5e-4")]);
    browser.type_into("field-augment_texts", "swap,typos");
    std::thread::sleep(std::time::Duration::from_secs(2));
    whole(&site, "studio-recipe");
    site.start();
    site.finish();
    whole(&site, "studio-train");
    site.evaluate("accuracy");
    let explain = "const row = document.querySelector('[data-testid=wrong-rows] tbody tr'); row?.querySelector('button')?.click(); \
        return !!row";
    let _ = browser.script(explain, Vec::new());
    std::thread::sleep(std::time::Duration::from_secs(4));
    whole(&site, "studio-evaluate");
    site.reload();
    whole(&site, "studio-model");
}
