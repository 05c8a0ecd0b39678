//! Dates in words, of which the tiny T5 learns to write the year alone, behind a prefix; the adapter is loaded natively and must
//! write the same, token by token and with beams.

use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, Job, ReadOptions, RunConfig};
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::{DataReport, ReportDetail, Task};
use hone_tests::browser::WebGpu;
use hone_tests::dates::{self, MAX_NEW_TOKENS, PREFIX, ROWS};
use serde_json::{Value, json};

use crate::axe;
use crate::device_loss::wait_for_loss;
use crate::site::{READ_SECS, Site, check_losses, t5_files};

pub(crate) const RECIPE: &[(&str, &str)] = &[
    ("num_train_epochs", "6"),
    ("batch_size", "4"),
    ("learning_rate", "5e-3"),
    ("max_seq_length", "48"),
    ("max_target_length", "16"),
];
/// Tokens of a source that are kept where nothing is typed.
const MAX_SEQ_LENGTH: u32 = 256;
/// A date that no row has.
const TEXT: &str = "October 3rd, 2023";

#[test]
fn cpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    open(&site, ROWS);
    check_report(&site);
    axe::check(&site, "text to text, data");

    site.set_recipe(RECIPE);
    assert_eq!(browser.held("field-method"), "lora", "adapters without a word");
    assert!(!browser.has("field-packing") && !browser.has("field-pooling"), "the settings are its own");
    translate_some(&site);
    site.start();
    check_losses(&site.finish());
    assert!(browser.number("valid-perplexity") > 1.0, "the validation rows were measured");
    let samples = browser.text("train-samples");
    assert!(samples.contains(PREFIX), "sources are written from while it trains: {samples}");

    check_figures(&site);
    axe::check(&site, "text to text, evaluate");
    let greedy = write(&site, 1);
    let beams = write(&site, 4);
    check_whole_file(&site, &beams[1]);
    axe::check(&site, "text to text, try");
    let adapter = site.export_by("export-adapter");
    for name in ["adapter_config.json", "adapter_model.safetensors", "README.md", "tokenizer.json"] {
        assert!(adapter.get(name).is_some_and(|bytes| !bytes.is_empty()), "the zip holds {name}");
    }
    let python = browser.text("python-adapter");
    assert!(python.contains("AutoPeftModelForSeq2SeqLM") && python.contains("\"year: your text here\""), "{python}");
    check_natively(adapter, &[(1, greedy), (4, beams)]);
    site.check_requests();
}

/// Sources are translated and back until that is ended; what was made by then is dropped again.
fn translate_some(site: &Site) {
    let browser = &site.browser;
    let script = "const make = document.querySelector('[data-testid=make-copies]'); \
        return make && make.ariaDisabled !== 'true' && (make.click(), true)";
    browser.wait_until("the rows are read for these settings", READ_SECS, script, Vec::new());
    let script = "document.querySelector('[data-testid=stop-copies]')?.click(); \
        const said = document.querySelector('[data-testid=made-copies]')?.textContent ?? ''; \
        return /were asked for|translated and back by/.test(said) && said";
    browser.wait_until("some copies are made", READ_SECS, script, Vec::new());
    let script = "const drop = document.querySelector('[data-testid=drop-copies]'); drop?.click(); \
        return !drop && !!document.querySelector('[data-testid=model-copies]')";
    browser.wait_until("the copies are gone", READ_SECS, script, Vec::new());
}

/// On a software adapter a step takes a second, and so does a token: less is trained and written than on the CPU, and in one
/// epoch with one sample, since samples are written before it and after each.
#[test]
fn webgpu_end_to_end() {
    let Some(site) = Site::open(WebGpu::Software) else { return };
    open(&site, 24);
    site.set_recipe(&[
        ("num_train_epochs", "1"),
        ("batch_size", "2"),
        ("learning_rate", "1e-2"),
        ("max_seq_length", "48"),
        ("max_target_length", "16"),
    ]);
    site.set_advanced("eval_samples", "1");
    site.start();
    check_losses(&site.finish());
    let written = write(&site, 1);
    check_natively(site.export_by("export-adapter"), &[(1, written)]);
    site.check_requests();

    // At last the GPU is lost while a model is loaded: it is not said to be there.
    site.browser.fail_gpu("lost", "load_model");
    site.choose_model(&t5_files());
    wait_for_loss(&site);
}

#[test]
fn what_is_cut_or_missing_is_named_by_its_row() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.choose_model(&t5_files());
    browser.wait_for("model-ready", READ_SECS);
    let lacks = "{\"source\": \"May 1st, 2001\", \"target\": \" \"}\n";
    let long = "{\"source\": \"May 2nd, 2001\", \"target\": \"the second of May 2001\"}\n";
    site.choose_rows(&site.file("dates.jsonl", dates::jsonl(18) + lacks + long));
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", 20), ("usable", 19), ("empty", 1), ("targets cut", 0), ("truncated", 0)]);
    let bad = browser.text("bad-rows");
    assert!(bad.contains("19") && bad.contains("the target is empty (column \"target\")"), "{bad}");
    assert!(!browser.has("cut-targets"));

    site.set_recipe(&[("max_target_length", "8")]);
    browser.go_to("data");
    browser.wait_for("cut-targets", READ_SECS);
    site.check_counts(&[("targets cut", 1), ("truncated", 0)]);
    assert!(browser.text("cut-targets").contains("Rows: 20."), "{}", browser.text("cut-targets"));
    browser.go_to("recipe");
    browser.type_into("field-max_target_length", "1");
    let script = "return document.getElementById('field-max_target_length-error').textContent";
    let error = browser.script(script, Vec::new());
    assert!(error.as_str().is_some_and(|error| error.contains("not a whole number from 2")), "{error}");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

/// Loads the model and `count` rows, and writes the prefix before their sources.
pub(crate) fn open(site: &Site, count: usize) {
    let browser = &site.browser;
    site.choose_model(&t5_files());
    browser.wait_for("model-ready", READ_SECS);
    let ready = browser.text("model-ready");
    assert!(ready.contains("turn one text into another"), "{ready}");
    site.choose_rows(&site.file("dates.jsonl", dates::jsonl(count)));
    browser.wait_for("data-report", READ_SECS);
    assert_eq!(["source-column", "target-column"].map(|id| browser.held(id)), ["source", "target"]);
    browser.type_into("source-prefix", PREFIX);
    browser.press_enter("source-prefix");
    let script = "return !!document.querySelector('[data-testid=first-rows]')?.textContent.includes(arguments[0])";
    let first = [PREFIX, "on the 8th of July twenty twenty-seven"].concat();
    browser.wait_until("the first rows have the prefix", READ_SECS, script, vec![json!(first)]);
    assert_eq!(browser.text("source-with-prefix"), first);
    assert_eq!(browser.held("source-prefix"), PREFIX, "to the letter");
}

/// The page's report is the one that the native library writes.
fn check_report(site: &Site) {
    let report = native_report();
    let ReportDetail::Seq2seqLm(detail) = &report.detail else { panic!("the fixture turns texts into others") };
    assert_eq!((report.num_rows, report.num_usable, detail.source_prefix.as_str()), (ROWS, ROWS, PREFIX));
    let [train, valid, test] = report.num_encoded;
    site.check_counts(&[
        ("rows", report.num_rows),
        ("usable", report.num_usable),
        ("training", train),
        ("validation", valid),
        ("test", test),
        ("read", detail.num_source_tokens),
        ("learned", detail.num_target_tokens),
        ("targets cut", detail.num_targets_cut),
        ("truncated", report.num_truncated),
    ]);
    let script = "return [...document.querySelectorAll('[data-testid=first-rows] tbody tr')].map(row => \
        [...row.children].map(cell => cell.textContent))";
    let shown = site.browser.script(script, Vec::new());
    let expected: Vec<Value> = detail
        .preview
        .iter()
        .map(|row| {
            let [number, of_source, of_target] =
                [row.row, row.num_source_tokens, row.num_target_tokens].map(|count| count.to_string());
            json!([number, row.source, of_source, row.target, of_target])
        })
        .collect();
    assert_eq!(shown, json!(expected), "the first rows, as they are read and learned");
}

fn native_report() -> DataReport {
    let mut session = dates::open(dates::model());
    let run = RunConfig { max_seq_length: MAX_SEQ_LENGTH, ..RunConfig::default() };
    session.load_data(dates::files(dates::jsonl(ROWS)), &dates::read(), &run).expect("the rows load")
}

/// Before training it writes whole dates, and after it years.
fn check_figures(site: &Site) {
    let browser = &site.browser;
    site.evaluate("exact-match");
    let [before, after] = site.figure("loss");
    assert!(after < 0.5 * before, "a token's loss was {before} and is {after}");
    let perplexity = browser.number("eval-perplexity-tuned");
    assert!((perplexity.ln() - after).abs() < 1e-6, "perplexity {perplexity} of the loss {after}");
    for name in ["token-accuracy", "chrf", "exact-match", "rouge1", "rouge-l"] {
        let [before, after] = site.figure(name);
        assert!(after > before, "{name} was {before} and is {after}");
    }
    for name in ["bleu", "rouge2"] {
        let [before, after] = site.figure(name);
        assert!(before.is_finite() && after.is_finite(), "one word has no pairs of words");
    }
    let samples = browser.text("eval-samples");
    assert!(samples.contains("Source") && samples.contains(PREFIX), "{samples}");
    assert!(!browser.has("eval-general-loss-tuned") && !browser.has("general-file"), "it goes on from no text");
}

/// What both models make of the text, before and after training, with so many beams.
pub(crate) fn write(site: &Site, num_beams: u32) -> [String; 2] {
    let browser = &site.browser;
    browser.go_to("try");
    browser.type_into("try-text", TEXT);
    assert_eq!(browser.text("given"), [PREFIX, TEXT].concat(), "it is given as the rows were");
    let _ = browser.script("document.querySelector('[data-testid=sampling]').open = true", Vec::new());
    browser.type_into("field-max_new_tokens", &MAX_NEW_TOKENS.to_string());
    browser.type_into("field-num_beams", &num_beams.to_string());
    browser.click("write");
    browser.wait_for("ending-tuned", READ_SECS);
    assert!(browser.text("ending-base").contains("The model ended it."), "{}", browser.text("ending-base"));
    ["written-base", "written-tuned"].map(|id| browser.text(id))
}

/// A file of sources comes back with what the trained model makes of each, by the settings that were typed.
fn check_whole_file(site: &Site, written: &str) {
    let browser = &site.browser;
    crate::whole_path::open(site, "label-panel");
    browser.choose_files("label-file", &[site.file("sources.csv", format!("id,source\n7,\"{TEXT}\"\n"))]);
    browser.wait_for("label-source-column", READ_SECS);
    browser.click("label-run");
    browser.wait_for("labeled", READ_SECS);
    let saved = browser.wait_for_download("sources-written.csv", READ_SECS);
    let saved = std::fs::read_to_string(saved).expect("it was saved");
    assert!(saved.starts_with(&format!("id,source,generated,finish_reason\n7,\"{TEXT}\",")), "{saved}");
    assert!(saved.contains(written.trim()), "{written:?} is not in {saved}");
}

/// The exported adapter on the model, on the native CPU: what was chosen on the page is in its job, and it writes the same.
fn check_natively(adapter: Folder, written: &[(u32, [String; 2])]) {
    let job = Job::from_json(adapter.get(JOB_FILE).expect("it has a job")).expect("its own file");
    let ReadOptions { text_column, target_column, source_prefix, .. } = &job.read;
    let read = [text_column, target_column, source_prefix].map(Option::as_deref);
    assert_eq!(read, [Some("source"), Some("target"), Some(PREFIX)]);
    assert_eq!((job.task, job.run.max_target_length), (Some(Task::Seq2seqLm), 16));
    let mut session = dates::open(dates::model());
    session.load_adapter(adapter).expect("the exported adapter fits the model");
    let prompt = Prompt::from_bare(&session.prompt_format(), TEXT);
    assert_eq!(prompt, Prompt::Text([PREFIX, TEXT].concat()));
    for (num_beams, shown) in written {
        let sampling =
            SamplingConfig { num_beams: *num_beams, max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
        for (weights, shown) in [Weights::Base, Weights::Tuned].into_iter().zip(shown) {
            let generated = block_on(session.generate(&prompt, weights, &sampling, async |_: &str| true));
            let text = generated.expect("the model writes").text;
            assert_eq!(text, *shown, "native and page write the same with {weights:?} and {num_beams} beams");
        }
        assert_ne!(shown[0], shown[1], "training changed what it writes");
    }
    eprintln!("native and page agree: of {TEXT:?} they make {written:?}");
}
