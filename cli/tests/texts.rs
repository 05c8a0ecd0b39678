//! A language model through the binary: train an adapter, stop and resume it, write on, measure, merge.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{hone, run, tiny_encoder};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn tiny_decoder() -> PathBuf {
    fixture("tiny_decoder")
}

fn write_rows(path: &Path) {
    let places = [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Egypt", "Cairo")];
    let rows: String = (0..12)
        .flat_map(|turn| {
            places.map(|(land, town)| format!("{{\"prompt\":\"{turn} {land}:\",\"completion\":\" {town}\"}}\n"))
        })
        .collect();
    fs::write(path, rows).expect("writes");
}

#[test]
fn an_adapter_is_trained_used_and_merged() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.jsonl"));
    let model = tiny_decoder().display().to_string();
    let flags = ["--method", "lora", "--lora-rank", "4", "--target-modules", "all-linear", "--learning-rate", "5e-3"];
    let line = ["train", "--model", &model, "--data", "rows.jsonl", "--device", "cpu", "--task", "causal-lm"];
    let more = ["--batch-size", "4", "--epochs", "3", "--max-seq-length", "64", "--json", "--compare"];
    let train = |output: &str, extra: &[&str]| {
        run(hone(home.path()).args(line).args(flags).args(more).args(["--output", output]).args(extra))
    };
    let (code, stdout, stderr) = train("adapter", &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("prompt_completion; prompt \"prompt\", completion \"completion\""), "{stderr}");
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect();
    let measured = |weights: &str| {
        let of = events.iter().find(|event| event["split"] == "test" && event["weights"] == weights);
        of.expect("it was measured")["evaluation"]["loss"].as_f64().expect("a figure")
    };
    assert!(measured("tuned") < 0.7 * measured("base"), "{} and {}", measured("tuned"), measured("base"));
    let steps_of = |name: &str| {
        let of = events.iter().filter(|event| event["event"] == name);
        of.map(|event| event["step"].as_u64().expect("a step")).collect::<Vec<_>>()
    };
    for name in ["sampled", "general_measured"] {
        let steps = steps_of(name);
        assert!(steps.first() == Some(&0) && steps.last() > Some(&0) && steps.is_sorted(), "{name}: {steps:?}");
    }
    let general: Vec<_> = events.iter().filter(|event| event["event"] == "evaluated_general").collect();
    assert_eq!(general.iter().map(|event| &event["weights"]).collect::<Vec<_>>(), ["base", "tuned"]);
    assert!(general.iter().all(|event| event["text"] == "general text" && event["elapsed_secs"].is_f64()));
    let loss = |event: &Value| event["evaluation"]["loss"].as_f64().expect("a figure");
    assert!((loss(general[0]) - loss(general[1])).abs() > 1e-3, "the run changed nothing: {general:?}");
    for name in ["adapter_config.json", "adapter_model.safetensors", "README.md", "hone.json", "tokenizer.json"] {
        assert!(home.path().join("adapter").join(name).is_file(), "{name} is missing");
    }

    let write = |model: &[&str]| {
        let line = ["generate", "--prompt", "1 Spain:", "--max-new-tokens", "8", "--device", "cpu", "--json"];
        let (code, stdout, stderr) = run(hone(home.path()).args(line).arg("--model").args(model));
        assert_eq!(code, 0, "{stderr}");
        let answers = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON Lines"));
        answers.map(|answer| answer["text"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let both = write(&[&model, "--adapter", "adapter", "--compare"]);
    assert_eq!(both.len(), 2);
    assert_ne!(both[0], both[1], "the adapter changes what is written");
    assert_eq!(write(&[&model])[0], both[0]);

    let export = ["export", "--model", &model, "--adapter", "adapter", "--format", "merged", "--output", "merged"];
    let (code, _, stderr) = run(hone(home.path()).args(export));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(write(&["merged"])[0], both[1], "merged, it writes the same");

    // Each row of a file gets what a prompt of its own gets, and a row that can't be used is said.
    let prompts = "{\"prompt\": [\"turns\"]}\n{\"prompt\": \"1 Spain:\"}\n";
    fs::write(home.path().join("prompts.jsonl"), prompts).expect("writes");
    let whole =
        ["generate", "--model", "merged", "--data", "prompts.jsonl", "--max-new-tokens", "8", "--device", "cpu"];
    let (code, stdout, stderr) = run(hone(home.path()).args(whole).arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).expect("one line");
    assert_eq!((&answer["row"], &answer["generated"]), (&json!(2), &json!(both[1])));
    assert!(stderr.contains("row 1 is left out: the prompt holds an object or array"), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(whole).args(["--output", "written.csv"]));
    assert!(code == 0 && stderr.contains("1 row answered: written.csv"), "{stderr}");
    let written = fs::read_to_string(home.path().join("written.csv")).expect("it is written");
    assert!(written.starts_with("row,prompt,generated,finish_reason\n2,1 Spain:,"), "{written}");
    let (code, _, stderr) = run(hone(home.path()).args(whole).args(["--output", "prompts.jsonl"]));
    assert!(code == 1 && stderr.contains("--output is a file that is read here"), "{stderr}");

    let is_word = |char: char| char.is_alphanumeric();
    let word = both[1].split(|char| !is_word(char)).find(|word| !word.is_empty()).expect("it writes a word");
    let blocked = ["generate", "--prompt", "1 Spain:", "--max-new-tokens", "8", "--device", "cpu", "--json"];
    let rules = ["--model", "merged", "--replacement", "***", "--block-word", word];
    let (code, stdout, stderr) = run(hone(home.path()).args(blocked).args(rules));
    assert_eq!(code, 0, "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).expect("JSON");
    let (text, counts) = (answer["text"].as_str().expect("a text"), &answer["filtered"]);
    assert!(text.contains("***") && !text.split(|char| !is_word(char)).any(|part| part == word), "{text:?}");
    assert!(counts["words"].as_u64() > Some(0) && counts["personal_data"] == 0, "{counts}");

    let eval = ["eval", "--model", "merged", "--data", "rows.jsonl", "--device", "cpu", "--generate", "4", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval).args(["--save-texts", "texts.jsonl"]));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    let texts = fs::read_to_string(home.path().join("texts.jsonl")).expect("they are saved");
    assert!(texts.lines().count() == 4 && texts.contains("\"generated\":"), "{texts}");
    assert_eq!((&figures["texts"]["num_rows"], &figures["styles"]["written"]["num_texts"]), (&json!(4), &json!(4)));
    assert!(figures["tokens"]["perplexity"].as_f64().expect("a figure") < 20.0, "{stdout}");
    let ends = &figures["tokens"]["intervals"]["perplexity"];
    assert!(ends[0].is_number() && ends[1].is_number(), "{stdout}");
    assert!(figures["text_intervals"].get("chrf").is_some(), "it may be the same in every draw: {stdout}");
    let (code, stdout, stderr) = run(hone(home.path()).args(["compare", "texts.jsonl", "texts.jsonl"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("4 rows: A and B have the same chrF: neither is better"), "{stdout}");

    follows_its_own_file(home.path());
    rate(home.path(), &model);

    let (code, _, stderr) = train("merged-at-once", &["--format", "merged", "--epochs", "1"]);
    assert_ne!(code, 0, "a flag is given twice: {stderr}");
}

/// What is not typed is as the model's generation_config.json says, where it is measured and where it writes.
fn follows_its_own_file(home: &Path) {
    let file = home.join("merged/generation_config.json");
    let own = json!({ "do_sample": true, "top_k": 1, "min_new_tokens": 3, "max_new_tokens": 3 });
    fs::write(&file, own.to_string()).expect("writes");
    let line = ["eval", "--model", "merged", "--data", "rows.jsonl", "--device", "cpu", "--generate", "4", "--json"];
    let (code, stdout, stderr) = run(hone(home).args(line));
    let says =
        "as generation_config.json of the model says: do_sample true, max_new_tokens 3, top_k 1, min_new_tokens 3";
    assert!(code == 0 && stderr.contains(says), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        figures["styles"]["written"]["mean_length"],
        json!(3.0),
        "no text ends before, and none goes on: {stdout}"
    );
    let how = "drawing tokens (temperature 1, top_k 1, top_p 1, seed 0), 3 tokens at most";
    assert_eq!(figures["how"], json!(how));
    let line = ["generate", "--model", "merged", "--device", "cpu", "--prompt", "1 Spain:", "--json"];
    let (code, stdout, stderr) = run(hone(home).args(line));
    assert!(code == 0 && stderr.contains(says), "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&answer["num_tokens"], &answer["finish_reason"]), (&json!(3), &json!("length")));
    let (_, _, stderr) = run(hone(home).args(line).args(["--temperature", "0", "--max-new-tokens", "4"]));
    assert!(stderr.contains("says: min_new_tokens 3 (what is typed"), "{stderr}");
    // A setting of beams is for those of the file.
    let with_beams = json!({ "num_beams": 2, "max_new_tokens": 3 });
    fs::write(&file, with_beams.to_string()).expect("writes");
    let (code, _, stderr) = run(hone(home).args(line).args(["--length-penalty", "2"]));
    assert!(code == 0 && stderr.contains("says: num_beams 2, max_new_tokens 3 (what is typed"), "{stderr}");
    fs::remove_file(file).expect("removes");
    let (code, _, stderr) = run(hone(home).args(line).args(["--length-penalty", "2"]));
    assert!(code == 2 && stderr.contains("--length-penalty: has no effect without beams, and neither"), "{stderr}");
}

/// The base beside what was trained of it, rated in two goes.
fn rate(home: &Path, model: &str) {
    let line = ["rate", model, "merged", "--data", "rows.jsonl", "--device", "cpu", "--pairs", "5", "--json"];
    let go = |keys: &str| {
        fs::write(home.join("keys.txt"), keys).expect("writes");
        let more = ["--max-new-tokens", "8", "--answers", "keys.txt", "--output", "votes.jsonl"];
        let (code, stdout, stderr) = run(hone(home).args(line).args(more));
        assert_eq!(code, 0, "{stderr}");
        (serde_json::from_str::<Value>(&stdout).expect("JSON"), stderr)
    };
    let (found, _) = go("1\n=\nq\n");
    let num_pairs = found["num_pairs"].as_u64().expect("a number");
    assert!(num_pairs > 2 && num_pairs + found["num_same"].as_u64().expect("a number") == 5, "{found}");
    assert_eq!((&found["num_rated"], &found["votes"]), (&json!(2), &json!(null)), "nobody is told before the end");
    let (found, stderr) = go(&"2\n".repeat(num_pairs as usize - 2));
    assert!(stderr.contains("goes on with rating.json: 2 of") && !stderr.contains("device:"), "{stderr}");
    assert_eq!((&found["num_rated"], &found["votes"]["ties"]), (&json!(num_pairs), &json!(1)));
    let votes = fs::read_to_string(home.join("votes.jsonl")).expect("they are saved");
    assert_eq!(votes.lines().count() as u64, num_pairs, "{votes}");
    assert!(votes.contains("\"text_1_by\":\"merged\"") || votes.contains("\"text_2_by\":\"merged\""), "{votes}");

    // An adapter whose base lies elsewhere than it says.
    let line = ["rate", model, "adapter", "--base", model, "--data", "rows.jsonl", "--device", "cpu", "--pairs", "5"];
    let more = ["--max-new-tokens", "8", "--answers", "keys.txt", "--state", "adapter.json"];
    let (code, _, stderr) = run(hone(home).args(line).args(more));
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn prompt_and_answer_are_joined_alike_everywhere() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let rows = "{\"question\":\"Japan?\",\"answer\":\"Tokyo\"}\n{\"question\":\"Peru?\",\"answer\":\"Lima\"}\n";
    fs::write(home.path().join("rows.jsonl"), rows.repeat(4)).expect("writes");
    let model = tiny_decoder().display().to_string();
    let line =
        ["train", "--model", &model, "--data", "rows.jsonl", "--device", "cpu", "--epochs", "1", "--method", "lora"];
    let more = ["--max-seq-length", "64", "--valid-fraction", "0", "--test-fraction", "0", "--output"];
    let train = |output: &str, extra: &[&str]| run(hone(home.path()).args(line).args(more).arg(output).args(extra));
    let format = |output: &str| {
        let job = fs::read(home.path().join(output).join("hone.json")).expect("a job file");
        serde_json::from_slice::<Value>(&job).expect("JSON")["read"]["prompt_format"].clone()
    };
    let (code, _, stderr) = train("guessed", &[]);
    assert!(code == 0 && stderr.contains("prompt and answer are joined by a line break (a guess"), "{stderr}");
    assert_eq!(format("guessed"), "newline");
    let (code, _, stderr) = train("own", &["--prompt-format", "F: {prompt}\\nA: {completion}"]);
    assert_eq!((code, format("own")), (0, json!("F: {prompt}\nA: {completion}")), "{stderr}");
    let (code, _, stderr) = train("bad", &["--prompt-format", "F: {prompt}"]);
    assert!(code == 2 && stderr.contains("--prompt-format: {completion} is missing"), "{stderr}");
    let (code, _, stderr) = train("bad", &["--prompt-format", "qa", "--shape", "text", "--text-column", "answer"]);
    assert!(code == 1 && stderr.contains("prompt_format qa has no effect on text rows"), "{stderr}");

    let generate = |extra: &[&str]| {
        let line = ["generate", "--model", &model, "--adapter", "own", "--device", "cpu", "--max-new-tokens", "2"];
        run(hone(home.path()).args(line).args(["--prompt", "Japan?"]).args(extra))
    };
    let (code, _, stderr) = generate(&[]);
    assert!(code == 0 && stderr.contains("the prompt is given to the model as \"F: {prompt}"), "{stderr}");
    let (code, _, stderr) = generate(&["--seed", "7"]);
    assert!(code == 2 && stderr.contains("--seed: has no effect where nothing is drawn"), "{stderr}");
    let (code, _, stderr) = generate(&["--prompt-format", "plain"]);
    assert!(code == 0 && !stderr.contains("the prompt is given"), "{stderr}");
}

#[test]
fn what_does_not_fit_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let model = tiny_decoder().display().to_string();
    fs::write(home.path().join("empty.jsonl"), "{\"prompt\":\"a\",\"completion\":\"\"}\n").expect("writes");
    let train = |flags: &[&str]| {
        let line = ["train", "--model", &model, "--device", "cpu", "--output", "out", "--max-seq-length", "64"];
        run(hone(home.path()).args(line).args(flags))
    };
    let (code, _, stderr) = train(&["--data", "empty.jsonl"]);
    assert!(code == 1 && stderr.contains("the data in empty.jsonl"), "{stderr}");
    assert!(stderr.contains("row 1") && stderr.contains("the completion is empty"), "{stderr}");
    write_rows(&home.path().join("rows.jsonl"));
    let long = format!("{{\"prompt\":\"{}\",\"completion\":\" b\"}}\n", "so long a prompt ".repeat(20));
    fs::write(home.path().join("long.jsonl"), long.repeat(2)).expect("writes");
    let more =
        ["--epochs", "1", "--valid-fraction", "0", "--test-fraction", "0", "--output", "long", "--model", &model];
    let line = ["train", "--device", "cpu", "--max-seq-length", "64", "--data", "long.jsonl"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(more));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("  row 2: ") && stderr.contains("prompt"), "what is cut is named by row: {stderr}");
    let (code, _, stderr) = train(&["--data", "rows.jsonl", "--task", "question-answering"]);
    assert!(code == 1 && stderr.contains("gpt2"), "{stderr}");
    let (code, _, stderr) = train(&["--data", "rows.jsonl", "--shape", "poem"]);
    assert!(code == 2 && stderr.contains("--shape"), "{stderr}");
    let (code, _, stderr) = train(&["--data", "rows.jsonl", "--method", "lora", "--target-modules", "q_proj"]);
    assert!(code == 1 && stderr.contains("c_attn"), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(["generate", "--model", &model, "--prompt", "a", "--compare"]));
    assert!(code == 1 && stderr.contains("no adapter"), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(["generate", "--model", &model, "--chat", "--prompt", "a"]));
    assert!(code == 1 && stderr.contains("no chat template"), "{stderr}");
    let line = ["generate", "--model", &model, "--prompt", "a", "--device", "cpu", "--adapter"];
    let (code, _, stderr) = run(hone(home.path()).args(line).arg(fixture("gpt2_lora").join("adapter")));
    assert!(code == 1 && stderr.contains("has shape [4, 64]") && stderr.contains("needs [4, 128]"), "{stderr}");
    let encoder = tiny_encoder();
    fs::write(home.path().join("labels.csv"), "text,label\na b c,up\nd e f,down\n").expect("writes");
    let line = ["train", "--data", "labels.csv", "--output", "out", "--device", "cpu", "--compare", "--general-text"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(["labels.csv", "--model"]).arg(&encoder));
    let says = "--general-text: has no effect: this model labels texts (sequence-classification)";
    assert!(code == 2 && stderr.contains(says), "{stderr}");
}

#[test]
fn a_broken_chat_template_bars_conversations_only() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let broken = home.path().join("broken");
    fs::create_dir(&broken).expect("makes");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(tiny_decoder().join(name), broken.join(name)).expect("copies");
    }
    let config = json!({ "eos_token": "<|endoftext|>", "chat_template": "{% for m in messages %}\n{% endfr %}" });
    fs::write(broken.join("tokenizer_config.json"), config.to_string()).expect("writes");
    let line = ["generate", "--model", "broken", "--device", "cpu", "--max-new-tokens", "2", "--prompt", "a"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(line).arg("--chat"));
    assert!(code == 1 && stderr.contains("the chat template is broken: line 2"), "{stderr}");
}

#[test]
fn forgetting_is_measured_on_a_text_of_ones_own() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.jsonl"));
    fs::write(home.path().join("own.txt"), "Call me Ishmael. Some years ago I went to sea.\n").expect("writes");
    let line = ["train", "--data", "rows.jsonl", "--output", "out", "--device", "cpu", "--epochs", "1"];
    let more = ["--max-seq-length", "64", "--compare", "--general-text", "own.txt", "--model"];
    let (code, stdout, stderr) = run(hone(home.path()).args(line).args(more).arg(tiny_decoder()));
    assert_eq!(code, 0, "{stderr}");
    let table = stdout.split_once("own.txt  ").expect("a table of its own").1;
    assert!(table.contains("  loss  ") && table.contains("  perplexity  "), "{stdout}");
}
