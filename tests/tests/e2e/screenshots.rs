//! Pictures of every step: wide and narrow, light and dark. Not a check; run it with
//! `cargo xtask test screenshots -- --ignored`, and look into `target/screenshots/`.

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
        let path = site.browser.screenshot(&format!("{step}-{how}"));
        let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(site.browser.script(wider, Vec::new()), false, "{step} is wider than the page ({how})");
        eprintln!("{}", path.display());
    });
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
