//! A language model, from the token view to the adapter: the zip is loaded natively and must write the same.

use std::fmt::Write as _;

use futures_lite::future::block_on;
use hone_core::config::{ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::causal_lm::TokenPreview;
use hone_core::task::{DataReport, ReportDetail};
use hone_tests::browser::WebGpu;
use hone_tests::texts;
use serde_json::json;

use crate::axe;
use crate::device_loss::wait_for_loss;
use crate::site::{READ_SECS, Site, check_losses, decoder_files};

/// Largest difference of a loss between page and native.
const GENERAL_LOSS: f64 = 1e-3;

pub(crate) const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "10"), ("batch_size", "4"), ("learning_rate", "3e-3")];
/// Tokens that the model may write: of the tiny decoder, letters.
const MAX_NEW_TOKENS: u32 = 12;
/// Tokens that the tiny decoder reads.
const WINDOW: u32 = 64;

const THINGS: [(&str, &str); 12] = [
    ("leaf", "green"),
    ("frog", "green"),
    ("snow", "white"),
    ("milk", "white"),
    ("coal", "black"),
    ("crow", "black"),
    ("blood", "red"),
    ("rose", "red"),
    ("sky", "blue"),
    ("sea", "blue"),
    ("lemon", "yellow"),
    ("chick", "yellow"),
];
const FRAMES: [&str; 4] = ["the colour of {} is", "they say that {} looks", "we paint the {} in", "you ask for {}:"];
/// A general text of a person's own.
const OWN_TEXT: &str =
    "It was the best of times, it was the worst of times.\nCall me Ishmael. Some years ago I went to sea.\n";
/// A prompt of which every word, but not the whole, may have been trained on.
const PROMPT: &str = "the colour of snow is";

/// 48 rows of a prompt and its completion.
pub(crate) fn rows() -> String {
    let mut lines = String::new();
    for frame in FRAMES {
        for (thing, colour) in THINGS {
            let row = json!({ "prompt": frame.replace("{}", thing), "completion": format!(" {colour}") });
            writeln!(lines, "{row}").expect("writing to a string does not fail");
        }
    }
    lines
}

#[test]
fn cpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    site.choose_model(&decoder_files());
    browser.wait_for("model-ready", READ_SECS);
    assert!(browser.text("model-ready").contains("write texts"), "{}", browser.text("model-ready"));
    site.choose_rows(&site.file("colours.jsonl", rows()));
    browser.wait_for("data-report", READ_SECS);
    check_report(&site, &native().1);

    site.set_recipe(RECIPE);
    assert_eq!(site.browser.held("field-method"), "lora", "adapters without a word");
    site.start();
    let losses = site.finish();
    check_losses(&losses);
    assert!(browser.number("valid-perplexity") > 1.0, "the validation rows were measured");
    assert!(browser.has("evaluations") && browser.has("train-samples") && browser.has("general-chart"));
    let samples = browser.text("train-samples");
    for words in ["Before training", "the best", "Step ", "In the file: ", "tokens"] {
        assert!(samples.contains(words), "{words}: {samples}");
    }

    site.evaluate("general-loss");
    let [before, after] = site.figure("loss");
    eprintln!("loss a token {before} before, {after} after; losses {losses:?}");
    assert!(after < before, "a token's loss was {before} and is {after}");
    let perplexity = browser.number("eval-perplexity-tuned");
    assert!((perplexity.ln() - after).abs() < 1e-6, "perplexity {perplexity} of the loss {after}");
    assert!(browser.has("eval-bleu-tuned") && browser.has("eval-samples"), "prompts were written on from");
    let general = forgetting(&site);
    rate(&site);

    let written = write(&site);
    let adapter = site.export_by("export-adapter");
    for name in ["adapter_config.json", "adapter_model.safetensors", "README.md"] {
        assert!(adapter.get(name).is_some_and(|bytes| !bytes.is_empty()), "the zip holds {name}");
    }
    assert!(browser.text("python-adapter").contains("AutoPeftModelForCausalLM"));
    put_on(&site, &adapter, &written);
    check_natively(adapter, &written, &general);
    site.check_requests();
}

/// On a software adapter a step takes a second, and so do a few letters: less is trained and written than on the CPU, and in
/// one epoch with one sample, since samples are written before it and after each.
#[test]
fn webgpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Software) else { return };
    let browser = &site.browser;
    site.choose_model(&decoder_files());
    browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file("colours.jsonl", rows()));
    browser.wait_for("data-report", READ_SECS);
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "3"), ("learning_rate", "5e-3")]);
    site.set_advanced("eval_samples", "1");
    site.start();
    let losses = site.finish();
    check_losses(&losses);
    let written = write(&site);
    let adapter = site.export_by("export-adapter");
    check_natively(adapter, &written, &[]);
    site.check_requests();

    // At last the GPU is lost while a text is written.
    browser.fail_gpu("lost", "generate");
    browser.go_to("try");
    browser.click("write");
    wait_for_loss(&site);
    assert!(!browser.has("ending-base") && !browser.has("ending-tuned"), "no text is whole");
}

#[test]
fn a_model_of_another_task_reads_the_rows_anew() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    assert!(browser.text("data-report").contains("classes"));
    site.choose_model(&decoder_files());
    let is_loaded = "return document.querySelector('[data-testid=model-ready]')?.textContent.includes('gpt2')";
    browser.wait_until("the decoder is loaded", READ_SECS, is_loaded, Vec::new());
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    assert_eq!(browser.held("task"), "sequence_classification", "it labels texts, too, and these have labels");
    browser.select("task", "causal_lm");
    browser.wait_for("token-view", READ_SECS);
    let report = browser.text("data-report");
    assert!(!report.contains("3 classes"), "nothing is left of the report on labels: {report}");
    assert_eq!((site.browser.held("shape"), browser.number("count-usable")), ("text".to_owned(), 60.0));
    browser.go_to("recipe");
    assert!(browser.has("field-lora_r") && !browser.has("field-class_weights"), "the settings are a language model's");

    // Labels can be learned as answers: the text is the prompt.
    browser.go_to("data");
    browser.select("shape", "prompt_completion");
    let reread = "return document.querySelector('[data-testid=shape]')?.value === 'prompt_completion' && \
        document.querySelector('[data-testid=completion-column]')?.value === 'label'";
    browser.wait_until("prompts and answers are read", READ_SECS, reread, Vec::new());
    assert_eq!(site.browser.held("prompt-column"), "text");
    assert_eq!(browser.problem(), None);
}

/// The page's report is the one that the native library writes, token by token.
fn check_report(site: &Site, report: &DataReport) {
    let ReportDetail::CausalLm(detail) = &report.detail else { panic!("the fixture is a language model") };
    let [train, valid, test] = report.num_encoded;
    assert_eq!((report.num_rows, report.num_truncated), (THINGS.len() * FRAMES.len(), 0));
    site.check_counts(&[
        ("rows", report.num_rows),
        ("usable", report.num_usable),
        ("training", train),
        ("validation", valid),
        ("test", test),
        ("tokens", detail.num_tokens),
        ("learned", detail.num_loss_tokens),
        ("truncated", report.num_truncated),
    ]);
    let script = "return [...document.querySelectorAll('[data-testid=token-view] .tokens')].map(row => \
        [row.textContent, [...row.querySelectorAll('.learned')].map(token => token.textContent).join('')])";
    let shown = site.browser.script(script, Vec::new());
    let texts = |row: &TokenPreview| -> [String; 2] {
        let learned = row.tokens.iter().filter(|token| token.has_loss);
        [
            row.tokens.iter().map(|token| token.text.as_str()).collect(),
            learned.map(|token| token.text.as_str()).collect(),
        ]
    };
    let expected: Vec<_> = detail.preview.iter().map(texts).collect();
    assert!(!expected.is_empty() && expected.iter().all(|[all, learned]| all != learned && !learned.is_empty()));
    assert_eq!(shown, json!(expected), "the tokens, and those that carry loss");
}

/// The loss a token of the text that comes with Hone, before and after training, then of one of our own.
fn forgetting(site: &Site) -> [[f64; 2]; 2] {
    let browser = &site.browser;
    let look = || {
        let (losses, perplexities) = (site.figure("general-loss"), site.figure("general-perplexity"));
        for (loss, perplexity) in losses.into_iter().zip(perplexities) {
            assert!(loss.is_finite() && (perplexity.ln() - loss).abs() < 1e-6, "{perplexity} of the loss {loss}");
        }
        losses
    };
    let bundled = look();
    browser.choose_files("general-file", &[site.file("own.txt", OWN_TEXT)]);
    let script = "const loss = which => Number(\
            document.querySelector(`[data-testid=eval-general-loss-${which}]`)?.dataset.value); \
        const isNew = (which, old) => loss(which) > 0 && loss(which) !== old; \
        return (isNew('base', arguments[0]) && isNew('tuned', arguments[1])) || \
            document.querySelector('[data-testid=problem-message]')?.textContent || false";
    browser.wait_until("the own text is measured", READ_SECS, script, vec![json!(bundled[0]), json!(bundled[1])]);
    let shown = browser.script("return document.querySelector('main').textContent", Vec::new());
    assert!(shown.as_str().is_some_and(|shown| shown.contains("own.txt")), "the text is named: {shown}");
    [bundled, look()]
}

/// What both models wrote is described, and rated without their names; the votes are saved with the seed.
fn rate(site: &Site) {
    let browser = &site.browser;
    for which in ["file", "base", "tuned"] {
        assert!(browser.number(&format!("eval-style-length-{which}")) > 0.0, "{which}");
        assert_eq!(browser.number(&format!("eval-style-refusals-{which}")), 0.0, "{which}");
    }
    browser.type_into("rating-seed", "7");
    browser.click("rating-start");
    browser.wait_for("rating-text-2", READ_SECS);
    let verdict = || browser.text("rating-verdict");
    assert!(verdict().is_empty() && !browser.text("rating-pair").contains("before training"), "nobody is named");
    axe::check(site, "texts, rated");
    let press = |key: &str, done: &str| {
        let script = "document.getElementById('rating-pair').dispatchEvent( \
            new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }))";
        let _ = browser.script(script, vec![json!(key)]);
        let script =
            "return document.querySelector('[data-testid=rating-progress]')?.textContent.startsWith(arguments[0])";
        browser.wait_until(&format!("{done} after {key}"), READ_SECS, script, vec![json!(done)]);
    };
    press("1", "1 of");
    press("2", "2 of");
    press("u", "1 of");
    press("=", "2 of");
    browser.click("rating-open");
    let is_named = "return document.querySelector('[data-testid=rating-verdict]')?.textContent.includes('Run 1: ')";
    browser.wait_until("the names are shown", READ_SECS, is_named, Vec::new());
    assert!(verdict().contains("1 tie") && verdict().contains("1 vote"), "{}", verdict());
    browser.click("rating-jsonl");
    let saved = std::fs::read_to_string(browser.wait_for_download("rating.jsonl", READ_SECS)).expect("a file");
    let votes: Vec<serde_json::Value> =
        saved.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert!(votes.len() == 2 && votes.iter().all(|vote| vote["seed"] == 7 && vote["blind"] == true), "{saved}");
    assert_eq!(votes[0]["preferred"], votes[0]["text_1_by"]);
    assert!(votes[1]["preferred"].is_null(), "{saved}");
}

/// What both models write greedily after the prompt, before and after training.
pub(crate) fn write(site: &Site) -> [String; 2] {
    let browser = &site.browser;
    browser.go_to("try");
    browser.type_into("try-text", PROMPT);
    let _ = browser.script("document.querySelector('[data-testid=sampling]').open = true", Vec::new());
    browser.type_into("field-max_new_tokens", &MAX_NEW_TOKENS.to_string());
    browser.click("write");
    browser.wait_for("ending-tuned", READ_SECS);
    assert!(browser.text("ending-base").contains("tokens"), "{}", browser.text("ending-base"));
    ["written-base", "written-tuned"].map(|id| browser.text(id))
}

/// The exported adapter is put on the model in the page, which writes what the run wrote; and is taken off again.
fn put_on(site: &Site, adapter: &Folder, [base, tuned]: &[String; 2]) {
    let browser = &site.browser;
    let shown =
        "return document.querySelector('[data-testid=model-ready]')?.textContent.includes(arguments[0]) ?? false";
    let has_button = "return !!document.querySelector('[data-testid=take-adapter-off]') === arguments[0]";
    assert!(!browser.has("take-adapter-off"));
    site.choose_model(&[site.file("colours.zip", adapter.to_zip())]);
    browser.wait_until("the adapter is on it", READ_SECS, shown, vec![json!("with-colours")]);
    let said = browser.text("model-ready");
    assert!(said.contains("A LoRA adapter of rank ") && said.contains("was added to local model"), "{said}");
    writes(site, tuned);
    browser.go_to("model");
    browser.click("take-adapter-off");
    browser.wait_until("it is taken off", READ_SECS, has_button, vec![json!(false)]);
    writes(site, base);
}

/// Without a run the loaded model writes this after the prompt.
fn writes(site: &Site, expected: &str) {
    let browser = &site.browser;
    browser.go_to("try");
    browser.type_into("try-text", PROMPT);
    let _ = browser.script("document.querySelector('[data-testid=sampling]').open = true", Vec::new());
    browser.type_into("field-max_new_tokens", &MAX_NEW_TOKENS.to_string());
    let can_write = "return document.querySelector('[data-testid=write]')?.disabled === false";
    browser.wait_until("the model can write", READ_SECS, can_write, Vec::new());
    browser.click("write");
    let is_written = "return !!document.querySelector('[data-testid=ending-base]') && \
        document.querySelector('[data-testid=written-base]')?.textContent === arguments[0]";
    browser.wait_until("the answer is the same", READ_SECS, is_written, vec![json!(expected)]);
}

/// The exported adapter on the model, on the native CPU: the same letters, and the same losses of the general texts.
fn check_natively(adapter: Folder, written: &[String; 2], general: &[[f64; 2]]) {
    let (mut session, _) = native();
    session.load_adapter(adapter).expect("the exported adapter fits the model");
    let prompt = Prompt::Text(PROMPT.into());
    let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
    for (weights, shown) in [Weights::Base, Weights::Tuned].into_iter().zip(written) {
        let generated = block_on(session.generate(&prompt, weights, &sampling, async |_: &str| true));
        let text = generated.expect("the model writes").text;
        assert_eq!(text, *shown, "native and page write the same with {weights:?}");
    }
    for (text, shown) in [None, Some(OWN_TEXT)].into_iter().zip(general) {
        for (weights, shown) in [Weights::Base, Weights::Tuned].into_iter().zip(shown) {
            let measured = block_on(session.evaluate_general(weights, text, &mut |_, _| {}));
            let loss = texts::loss(&measured.expect("the text is measured"));
            assert!((loss - shown).abs() < GENERAL_LOSS, "{weights:?}: {loss} is not {shown}");
        }
    }
    assert_ne!(written[0], written[1], "training changed what it writes");
    eprintln!("native and page agree: {PROMPT:?} goes on with {written:?}");
}

/// The same files in the native library.
fn native() -> (Session, DataReport) {
    let mut session = texts::loaded();
    let files = DataFiles { train: ("colours.jsonl".into(), rows().into_bytes()), ..DataFiles::default() };
    let run = RunConfig { max_seq_length: WINDOW, ..RunConfig::default() };
    let report = session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
    (session, report)
}
