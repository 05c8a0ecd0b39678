//! Texts turned into others through the binary: train an adapter behind a prefix, write with it, with beams too, measure,
//! merge; begin with fresh weights; and flags without a use.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{hone, run};

fn tiny_t5() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_t5")
}

/// Sixty dates in words, a line of JSON each, with its year alone, which the fixture has to learn.
fn rows() -> String {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/samples/dates.jsonl");
    let sample = fs::read_to_string(sample).expect("the sample can be read");
    let with_year = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("the sample is JSON");
        let (year, _) = row["target"].as_str().and_then(|date| date.split_once('-')).expect("a date");
        format!("{}\n", json!({ "source": row["source"], "target": year }))
    };
    sample.lines().take(60).map(with_year).collect()
}

fn write_rows(path: &Path) {
    fs::write(path, rows()).expect("writes");
}

fn train(home: &Path, model: &str, flags: &[&str]) -> (i32, String, String) {
    let line = ["train", "--model", model, "--device", "cpu", "--batch-size", "8", "--max-seq-length", "48"];
    run(hone(home).args(line).args(flags))
}

fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect()
}

/// What is written for a date, by each of the weights that answer.
fn write(home: &Path, flags: &[&str]) -> (Vec<String>, String) {
    let line = ["generate", "--prompt", "May 29th, 2014", "--max-new-tokens", "16", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home).args(line).args(flags));
    assert_eq!(code, 0, "{stderr}");
    let texts = events(&stdout).into_iter().map(|answer| answer["text"].as_str().expect("a text").to_owned());
    (texts.collect(), stderr)
}

#[test]
fn an_adapter_is_trained_used_measured_and_merged() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_rows(&home.join("rows.jsonl"));
    let model = tiny_t5().display().to_string();
    let lora = ["--method", "lora", "--target-modules", "all-linear", "--learning-rate", "5e-3", "--epochs", "3"];
    let read =
        ["--data", "rows.jsonl", "--source-prefix", "year: ", "--max-target-length", "16", "--output", "adapter"];
    let (code, stdout, stderr) = train(home, &model, &[&lora[..], &read, &["--compare", "--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    for said in ["source \"source\", target \"target\"", "\"year: \" stands before every source", "cut off at 16"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    let events = events(&stdout);
    let of_test = |weights: &str| {
        let of = events.iter().find(|event| event["split"] == "test" && event["weights"] == weights);
        of.expect("it was measured")["evaluation"]["loss"].as_f64().expect("a figure")
    };
    assert!(of_test("tuned") < 0.5 * of_test("base"), "{} and {}", of_test("tuned"), of_test("base"));
    let sample = events.iter().find(|event| event["event"] == "sampled").expect("samples are shown");
    assert!(sample["prompt"].as_str().expect("a text").starts_with("year: "), "{sample}");
    assert!(!events.iter().any(|event| event["event"] == "evaluated_general"), "it goes on from no text");
    for name in ["adapter_config.json", "adapter_model.safetensors", "README.md", "tokenizer.json"] {
        assert!(home.join("adapter").join(name).is_file(), "{name} is missing");
    }
    let job = fs::read(home.join("adapter/hone.json")).expect("a job file");
    let job: Value = serde_json::from_slice(&job).expect("JSON");
    assert_eq!((&job["task"], &job["run"]["max_target_length"]), (&json!("seq2seq_lm"), &json!(16)));
    assert_eq!((&job["read"]["source_prefix"], &job["read"]["target_column"]), (&json!("year: "), &json!("target")));

    let (both, stderr) = write(home, &["--model", &model, "--adapter", "adapter", "--compare"]);
    let [base, tuned] = both.as_slice() else { panic!("two texts: {both:?}") };
    assert_ne!(base, tuned, "the adapter changes what is written");
    assert!(stderr.contains("the prompt is given to the model as \"year: {prompt}"), "{stderr}");
    let plain = ["--model", &model, "--adapter", "adapter", "--prompt-format", "plain"];
    let (_, stderr) = write(home, &plain);
    assert!(!stderr.contains("the prompt is given"), "{stderr}");
    // A file of sources needs no targets, and each is written behind the same prefix.
    fs::write(home.join("sources.csv"), "note,source\n=1,\"May 29th, 2014\"\n").expect("writes");
    let whole = ["generate", "--data", "sources.csv", "--max-new-tokens", "16", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home).args(whole).args(["--model", &model, "--adapter", "adapter"]));
    assert_eq!(code, 0, "{stderr}");
    let line = &self::events(&stdout)[0];
    assert_eq!(
        (&line["row"], &line["source"], &line["generated"]),
        (&json!(2), &json!("May 29th, 2014"), &json!(tuned))
    );
    assert!(stderr.contains("the prompt is given to the model as \"year: {prompt}"), "{stderr}");

    // Training cut sources; what is written for a longer one is of all of it, and that is said.
    assert!(!stderr.contains("longer than"), "{stderr}");
    fs::write(home.join("sources.csv"), format!("source\nMay 1st\n{}\n", "May 29th ".repeat(30))).expect("writes");
    let (code, _, stderr) = run(hone(home).args(whole).args(["--model", &model, "--adapter", "adapter"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("1 text is longer than the ") && stderr.contains("is read whole: rows 3"), "{stderr}");

    let (beams, _) = write(home, &["--model", &model, "--adapter", "adapter", "--num-beams", "4"]);
    assert!(beams[0].starts_with("201"), "the year, or nearly: {beams:?}");

    let export = ["export", "--model", &model, "--adapter", "adapter", "--format", "merged", "--output", "merged"];
    let (code, _, stderr) = run(hone(home).args(export));
    assert_eq!(code, 0, "{stderr}");
    let (merged, stderr) = write(home, &["--model", "merged"]);
    assert_eq!(merged, [tuned.as_str()], "merged, it writes the same");
    assert!(stderr.contains("the prompt is given to the model as \"year: {prompt}"), "{stderr}");
    assert_eq!(write(home, &["--model", "merged", "--num-beams", "4"]).0, beams);
    measure(home);
}

/// The merged model on its rows: as it was trained, without a word about prefix and columns.
fn measure(home: &Path) {
    let eval = ["eval", "--model", "merged", "--data", "rows.jsonl", "--device", "cpu"];
    let (code, stdout, stderr) =
        run(hone(home).args(eval).args(["--generate", "10", "--max-new-tokens", "16", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("\"year: \" stands before every source"), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&figures["texts"]["num_rows"], &figures["tokens"]["num_rows"]), (&json!(10), &json!(60)));
    for name in ["bleu", "chrf", "rouge1", "rouge2", "rougeL"] {
        assert!(figures["texts"][name].is_number(), "{name}: {figures}");
    }
    assert!(figures["texts"]["exact_match"].as_f64().expect("a figure") > 0.0, "years are written: {figures}");
    let perplexity = figures["tokens"]["perplexity"].as_f64().expect("a figure");
    assert!(perplexity < 3.0, "it has learned: {figures}");
    let (code, stdout, stderr) = run(hone(home).args(eval).args(["--generate", "2", "--source-prefix", ""]));
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("stands before every source"), "{stderr}");
    assert!(stdout.contains(" tokens of targets") && stdout.contains("2 texts: BLEU"), "{stdout}");
    assert!(stdout.contains("chrF ") && stdout.contains("expected \"2027\""), "{stdout}");
}

#[test]
fn a_model_begins_with_fresh_weights() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_rows(&home.join("rows.jsonl"));
    let bare = home.join("bare");
    fs::create_dir(&bare).expect("makes");
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(tiny_t5().join(name), bare.join(name)).expect("copies");
    }
    let flags = ["--data", "rows.jsonl", "--epochs", "2", "--learning-rate", "2e-3", "--output", "fresh"];
    let (code, _, stderr) = train(home, "bare", &flags);
    assert!(code == 1 && stderr.contains("model.safetensors is missing"), "{stderr}");
    let (code, stdout, stderr) = train(home, "bare", &[&flags[..], &["--from-scratch"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("all weights are fresh") && stdout.contains("perplexity"), "{stdout}{stderr}");
    let (texts, stderr) = write(home, &["--model", "fresh"]);
    assert!(texts.len() == 1 && !stderr.contains("the prompt is given"), "no prefix was asked for: {stderr}");
}

/// Dates whose target is one of two words: labels, written.
#[test]
fn few_targets_are_labels_with_figures_of_their_own() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    let years = rows();
    let mut counts = [0_u64; 2];
    let with_century = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let is_new = row["target"].as_str().expect("a year").starts_with("20");
        counts[usize::from(is_new)] += 1;
        format!("{}\n", json!({ "source": row["source"], "target": if is_new { "2000" } else { "1900" } }))
    };
    let rows: String = years.lines().map(with_century).collect();
    fs::write(home.join("rows.jsonl"), rows).expect("writes");
    assert!(counts[0] > 0 && counts[1] > 0, "both targets are there: {counts:?}");

    let model = tiny_t5().display().to_string();
    let flags = ["--data", "rows.jsonl", "--max-target-length", "16", "--epochs", "6", "--learning-rate", "2e-3"];
    let (code, _, stderr) = train(home, &model, &[&flags[..], &["--output", "tuned"]].concat());
    assert_eq!(code, 0, "{stderr}");
    let eval = |model: &str, flags: &[&str]| {
        let line = ["eval", "--model", model, "--data", "rows.jsonl", "--device", "cpu", "--generate", "60"];
        let (code, stdout, stderr) = run(hone(home).args(line).args(["--max-new-tokens", "8"]).args(flags));
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let texts_of = |model: &str| -> Value {
        let figures: Value = serde_json::from_str(&eval(model, &["--json"])).expect("JSON");
        figures["texts"].clone()
    };
    let per_label = |texts: &Value| texts["labels"]["per_label"].as_array().expect("two targets are labels").clone();
    let recall = |of: &Value| of["recall"].as_f64().expect("a figure");
    let tuned = texts_of("tuned");
    let found = per_label(&tuned);
    let supports: Vec<_> = found.iter().map(|of| (of["label"].as_str(), of["support"].as_u64())).collect();
    assert_eq!(supports, [(Some("1900"), Some(counts[0])), (Some("2000"), Some(counts[1]))]);
    // Of one label a row, the hits over all labels are the exact matches.
    let hits: f64 = found.iter().zip(counts).map(|(of, count)| recall(of) * count as f64).sum();
    let exact = tuned["exact_match"].as_f64().expect("a figure");
    assert!((hits - 60.0 * exact).abs() < 1e-6 && found.iter().all(|of| recall(of) > 0.5), "{tuned}");
    let base = texts_of(&model);
    assert_eq!(base["labels"]["num_unknown"], 60, "it writes whole dates: {base}");
    assert!(per_label(&base).iter().all(|of| recall(of) <= 0.0), "{base}");

    let told = eval("tuned", &[]);
    assert!(told.contains("1900  precision") && told.contains("2000  precision"), "{told}");
}

#[test]
fn flags_without_a_use_are_refused() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_rows(&home.join("rows.jsonl"));
    let model = tiny_t5().display().to_string();
    let line = ["--data", "rows.jsonl", "--output", "out"];
    for flags in [
        &["--packing"][..],
        &["--doc-stride", "64"],
        &["--pooling", "mean"],
        &["--class-weights", "balanced"],
        &["--prompt-column", "source"],
        &["--label-column", "target"],
        &["--answer-column", "target"],
        &["--prompt-format", "qa"],
        &["--general-text", "rows.jsonl", "--compare"],
    ] {
        let (code, _, stderr) = train(home, &model, &[&line[..], flags].concat());
        let says = format!("{}: has no effect: this model turns one text into another (seq2seq-lm)", flags[0]);
        assert!(code == 2 && stderr.contains(&says), "{flags:?}: {stderr}");
    }
    for (flags, says) in [
        (&["--max-target-length", "1"][..], "--max-target-length: \"1\" is not a whole number from 2"),
        (&["--source-prefix", "a {prompt}"], "--source-prefix: can't hold {prompt}"),
        (&["--target-column", " "], "--target-column: is empty"),
        (&["--compare", "--test-fraction", "0"], "--compare: has no effect: there are no test rows"),
        (&["--metric-for-best", "exact_match"], "\"exact_match\" is not one of loss, perplexity, token_accuracy"),
        (&["--task", "causal-lm"], "this t5 model is for seq2seq-lm, not for causal-lm"),
        (&["--target-column", "year"], "no column \"year\""),
        (&["--method", "head"], "no head of its own"),
        (&["--method", "lora", "--target-modules", "c_attn"], "wi_0"),
    ] {
        let (code, _, stderr) = train(home, &model, &[&line[..], flags].concat());
        assert!(code != 0 && stderr.contains(says), "{flags:?}: {stderr}");
    }
    assert!(!home.join("out/config.json").exists());
}

#[test]
fn what_such_a_model_is_not_for_is_said() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    fs::write(home.join("empty.jsonl"), "{\"source\":\"May 1st, 2001\",\"target\":\"\"}\n").expect("writes");
    let model = tiny_t5().display().to_string();
    let (code, _, stderr) = train(home, &model, &["--data", "empty.jsonl", "--output", "out"]);
    assert!(code == 1 && stderr.contains("the data in empty.jsonl"), "{stderr}");
    assert!(stderr.contains("row 1") && stderr.contains("the target is empty (column \"target\")"), "{stderr}");
    for (line, says) in [
        (&["predict", "--text", "May 1st, 2001"][..], "this t5 model turns one text into another"),
        (&["generate", "--prompt", "May 1st, 2001", "--chat"], "no chat template"),
        (&["generate", "--prompt", "May 1st, 2001", "--compare"], "there is no adapter here"),
    ] {
        let (code, _, stderr) = run(hone(home).args(line).args(["--model", &model, "--device", "cpu"]));
        assert!(code == 1 && stderr.contains(says), "{line:?}: {stderr}");
    }
}

/// Sources that the fixture writes anew, and writes anew once more: that it knows no other language is of no matter.
#[test]
fn sources_are_translated_and_back_and_trained_on() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    let all = rows();
    let rows: String = all.lines().take(10).map(|line| format!("{line}\n")).collect();
    fs::write(home.join("rows.jsonl"), &rows).expect("writes");
    let model = tiny_t5().display().to_string();
    let augment = |flags: &[&str]| {
        let line = ["data", "augment", "rows.jsonl", "--translated-by", &model, "--device", "cpu"];
        run(hone(home).args(line).args(flags))
    };
    let likeliest = ["--temperature", "0", "--preview", "1"];
    let written = ["--output", "more.jsonl", "--copies", "copies.json"];
    let (code, stdout, stderr) = augment(&[&likeliest[..], &written].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains(" of 10 rows\n") && stdout.contains("  translated "), "{stdout}");
    let more = fs::read_to_string(home.join("more.jsonl")).expect("reads");
    let added = more.strip_prefix(&rows).expect("what was there stays");
    let mut targets = added.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["target"].clone());
    assert!(!added.is_empty() && targets.all(|target| target.as_str().is_some_and(|year| year.len() == 4)));

    let flags = ["--data", "rows.jsonl", "--copies", "copies.json", "--epochs", "1", "--output", "out"];
    let (code, _, stderr) =
        train(home, &model, &[&flags[..], &["--valid-fraction", "0", "--test-fraction", "0"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("augmentation adds ") && stderr.contains(" to 10 training rows"), "{stderr}");
    let job: Value = serde_json::from_slice(&fs::read(home.join("out/hone.json")).expect("reads")).expect("JSON");
    assert_eq!(job["read"]["copies"]["kind"], "translated", "another run has the same");

    for (flags, says) in [
        (&["--num-beams", "2", "--augment-copies", "2"][..], "--augment-copies: the likeliest translation is the same"),
        (&["--augment-share", "0.5"], "--augment-share: has no effect"),
        (&["--copies", "copies.json"], "there is such a file"),
    ] {
        let (code, _, stderr) = augment(flags);
        assert!(code != 0 && stderr.contains(says), "{flags:?}: {stderr}");
    }
}
