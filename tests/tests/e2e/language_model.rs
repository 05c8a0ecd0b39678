//! A language model, from the token view to the adapter: the zip is loaded natively and must write the same.

use std::fmt::Write as _;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::data::causal_lm::{LmReport, TokenPreview};
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::session::{Report, Session};
use hone_tests::browser::WebGpu;
use hone_tests::paths;
use serde_json::json;

use crate::site::{READ_SECS, Site, TRAIN_SECS, decoder_files};

/// The last losses must be below this share of the first.
const LOSS_FALLS_TO: f64 = 0.8;

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
    assert_eq!(chosen(&site, "field-method"), "lora", "adapters without a word");
    site.start();
    let losses = site.finish();
    check_losses(&losses);
    assert!(browser.number("valid-perplexity") > 1.0, "the validation rows were measured");
    assert!(browser.has("evaluations") && browser.has("train-samples"));

    let (before, after) = evaluate(&site);
    eprintln!("loss a token {before} before, {after} after; losses {losses:?}");
    assert!(after < before, "a token's loss was {before} and is {after}");
    let perplexity = browser.number("eval-perplexity-tuned");
    assert!((perplexity.ln() - after).abs() < 1e-6, "perplexity {perplexity} of the loss {after}");
    assert!(browser.has("eval-bleu-tuned") && browser.has("eval-samples"), "prompts were written on from");

    let written = write(&site);
    let adapter = site.export_by("export-adapter");
    for name in ["adapter_config.json", "adapter_model.safetensors", "README.md"] {
        assert!(adapter.get(name).is_some_and(|bytes| !bytes.is_empty()), "the zip holds {name}");
    }
    assert!(browser.text("python-adapter").contains("AutoPeftModelForCausalLM"));
    check_natively(adapter, &written);

    let requests = site.server.requests();
    assert!(requests.iter().all(|line| line.starts_with("GET ") || line.starts_with("HEAD ")), "{requests:?}");
    assert_eq!(browser.console_errors(), Vec::<String>::new(), "the console has no errors");
}

#[test]
fn a_model_of_another_task_reads_the_rows_anew() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(60);
    assert!(browser.text("data-report").contains("classes"));
    site.choose_model(&decoder_files());
    browser.wait_for("data-note", READ_SECS);
    browser.go_to("data");
    browser.wait_for("token-view", READ_SECS);
    assert!(browser.text("data-note").contains("read anew"), "{}", browser.text("data-note"));
    let report = browser.text("data-report");
    assert!(!report.contains("classes"), "nothing is left of the report on labels: {report}");
    assert_eq!((chosen(&site, "shape"), browser.number("count-usable")), ("text".to_owned(), 60.0));
    browser.go_to("recipe");
    assert!(browser.has("field-lora_r") && !browser.has("field-class_weights"), "the settings are a language model's");

    // Labels can be learned as answers: the text is the prompt.
    browser.go_to("data");
    browser.select("shape", "prompt_completion");
    let reread = "return document.querySelector('[data-testid=shape]')?.value === 'prompt_completion' && \
        document.querySelector('[data-testid=completion-column]')?.value === 'label'";
    browser.wait_until("prompts and answers are read", READ_SECS, reread, Vec::new());
    assert_eq!(chosen(&site, "prompt-column"), "text");
    assert_eq!(browser.problem(), None);
}

/// What a select shows.
fn chosen(site: &Site, id: &str) -> String {
    let script = "return document.querySelector(`[data-testid=\"${arguments[0]}\"]`)?.value ?? ''";
    site.browser.script(script, vec![json!(id)]).as_str().unwrap_or_default().to_owned()
}

/// The page's report is the one that the native library writes, token by token.
fn check_report(site: &Site, report: &LmReport) {
    let [train, valid, test] = report.num_encoded;
    let figures = [
        ("rows", report.num_rows),
        ("usable", report.num_usable),
        ("training", train),
        ("validation", valid),
        ("test", test),
        ("tokens", report.num_tokens),
        ("learned", report.num_loss_tokens),
        ("duplicates", report.num_duplicates),
        ("leaks", report.num_leaks),
        ("truncated", report.num_truncated),
    ];
    assert_eq!((report.num_rows, report.num_truncated), (THINGS.len() * FRAMES.len(), 0));
    for (name, expected) in figures {
        assert_eq!(site.browser.number(&format!("count-{name}")), expected as f64, "{name}");
    }
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
    let expected: Vec<_> = report.preview.iter().map(texts).collect();
    assert!(!expected.is_empty() && expected.iter().all(|[all, learned]| all != learned && !learned.is_empty()));
    assert_eq!(shown, json!(expected), "the tokens, and those that carry loss");
}

fn check_losses(losses: &[f64]) {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    assert!(losses.len() >= 4, "the loss was seen to move: {losses:?}");
    let third = losses.len().div_ceil(3).min(5);
    let (first, last) = (mean(&losses[..third]), mean(&losses[losses.len() - third..]));
    assert!(last < LOSS_FALLS_TO * first, "the loss falls, from {first} to {last}: {losses:?}");
}

/// Measures both models; returns their loss a token, before and after.
pub(crate) fn evaluate(site: &Site) -> (f64, f64) {
    site.browser.go_to("evaluate");
    site.browser.click("evaluate-run");
    let script = "return document.querySelector('[data-testid=eval-loss-tuned]')?.dataset.value || \
        document.querySelector('[data-testid=problem-message]')?.textContent || false";
    site.browser.wait_until("the evaluation is there", TRAIN_SECS, script, Vec::new());
    (site.browser.number("eval-loss-base"), site.browser.number("eval-loss-tuned"))
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

/// The exported adapter on the model, on the native CPU: the same letters.
fn check_natively(adapter: Folder, written: &[String; 2]) {
    let (mut session, _) = native();
    session.load_adapter(adapter).expect("the exported adapter fits the model");
    let prompt = Prompt::Text(PROMPT.into());
    let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
    for (weights, shown) in [Weights::Base, Weights::Tuned].into_iter().zip(written) {
        let generated = block_on(session.generate(&prompt, weights, &sampling, async |_: &str| true));
        let text = generated.expect("the model writes").text;
        assert_eq!(text, *shown, "native and page write the same with {weights:?}");
    }
    assert_ne!(written[0], written[1], "training changed what it writes");
    eprintln!("native and page agree: {PROMPT:?} goes on with {written:?}");
}

/// The same files in the native library.
fn native() -> (Session, LmReport) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_decoder"))).expect("the fixture loads");
    let files = DataFiles { train: ("colours.jsonl".into(), rows().into_bytes()), ..DataFiles::default() };
    let run = RunConfig { max_seq_length: WINDOW, ..RunConfig::default() };
    match session.load_data(files, &ReadOptions::default(), &run).expect("the rows load") {
        Report::Texts(report) => (session, *report),
        Report::Classes(_) => panic!("the fixture is a language model"),
    }
}
