//! Files that can't be used: the page says what is wrong with them, and goes on working.

use std::path::Path;

use hone_tests::browser::WebGpu;
use hone_tests::{paths, rows};
use serde_json::{Value, json};

use crate::language_model;
use crate::site::{READ_SECS, Site, decoder_files, tiny_files};

const ROWS: usize = 60;

/// The problem names all of `words` (whatever their case); then it is put away.
fn expect_problem(site: &Site, case: &str, words: &[&str]) {
    let message = site.browser.wait_for_problem(READ_SECS);
    eprintln!("{case}: {message}");
    for word in words {
        if !message.to_lowercase().contains(&word.to_lowercase()) {
            site.browser.fail(&format!("{case}: the page says {message:?}, which does not name {word:?}"));
        }
    }
    site.browser.dismiss_problem();
}

#[test]
fn bad_rows_are_named_and_the_page_goes_on() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    let refuse = |case: &str, name: &str, content: &[u8], words: &[&str]| {
        let path = site.file(name, content);
        site.choose_rows(&path);
        expect_problem(&site, case, words);
        assert!(!site.browser.has("data-report"), "{case}: there is no report");
    };
    refuse("empty file", "empty.csv", b"", &["empty"]);
    let picture = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 255, 254, 1, 0, 128].repeat(500)].concat();
    refuse("binary file", "picture.csv", &picture, &["not text"]);
    refuse("header alone", "header.csv", b"text,label\n", &["no rows"]);
    let one: String = (0..40).map(|index| format!("{},same\n", rows::row(index).0)).collect();
    refuse("one class", "one.csv", format!("text,label\n{one}").as_bytes(), &["same", "at least two"]);
    refuse("broken JSON", "rows.json", b"[{\"text\": \"a\", \"label\": ", &["JSON"]);

    // Some rows are bad: they are listed, and the rest is used.
    let mixed = format!("{}no label here,\n,music\n", rows::csv(ROWS));
    site.choose_rows(&site.file("mixed.csv", mixed));
    site.browser.wait_for("data-report", READ_SECS);
    assert_eq!(site.browser.number("count-rows"), (ROWS + 2) as f64);
    assert_eq!(site.browser.number("count-usable"), ROWS as f64);
    assert_eq!(["empty", "waiting"].map(|name| site.browser.number(&format!("count-{name}"))), [1.0, 1.0]);
    assert!(site.browser.has("bad-rows"), "the bad rows are listed");

    // A validation file without the columns of the training file, and one with a label nobody trained on.
    let other = site.file("other.csv", "message,kind\nhello there,music\nrain again,weather\n");
    site.browser.choose_files("valid-file", &[other]);
    expect_problem(&site, "missing column", &["no column", "text", "message"]);
    let unknown = site.file("unknown.csv", "text,label\nhello there,music\nrain again,politics\n");
    site.browser.choose_files("valid-file", &[unknown]);
    expect_problem(&site, "unknown label", &["politics"]);

    // A fresh file of its own is good again, once the validation file is taken away.
    let remove = "const button = [...document.querySelectorAll('main button')].find(b => b.textContent === 'Remove'); \
        button?.click(); return !button";
    site.browser.wait_until("the validation file is removed", READ_SECS, remove, Vec::new());
    site.load_rows(ROWS);
    assert_eq!(site.browser.number("count-usable"), ROWS as f64);
}

#[test]
fn columns_can_be_chosen_and_a_bad_choice_can_be_undone() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    let table: String = (0..ROWS)
        .map(|index| {
            let (text, label) = rows::row(index);
            format!("{label},{text},note {index}\n")
        })
        .collect();
    site.choose_rows(&site.file("columns.csv", format!("kind,message,note\n{table}")));
    site.browser.wait_for("data-report", READ_SECS);
    let chosen = || [site.browser.held("text-column"), site.browser.held("label-column")];
    assert_eq!(chosen(), ["message", "kind"], "guessed right");

    site.browser.select("text-column", "note");
    let reread = "return document.querySelector('[data-testid=text-column]')?.value === 'note' && \
        document.querySelector('[data-testid=first-rows]')?.textContent.includes('note 0')";
    site.browser.wait_until("the other column is read", READ_SECS, reread, Vec::new());

    // The two change places; notes are no labels, so that is refused, and the reading before stands with its controls.
    site.browser.select("text-column", "kind");
    expect_problem(&site, "notes as labels", &["note", "60 different values"]);
    site.browser.wait_for("data-report", READ_SECS);
    assert_eq!(chosen(), ["note", "kind"], "as before");
    site.browser.select("text-column", "message");
    let reread = "return document.querySelector('[data-testid=text-column]')?.value === 'message' && \
        document.querySelector('[data-testid=first-rows]')?.textContent.includes('the bread')";
    site.browser.wait_until("the right column is read again", READ_SECS, reread, Vec::new());
    assert_eq!(site.browser.number("count-usable"), ROWS as f64);

    // Columns that can't be guessed can be named: six texts have six labels here.
    let table =
        "sentence,sky\nthe rain,wet\nthe snow,cold\nthe sun,warm\nmore rain,wet\nmore snow,cold\nmore sun,warm\n";
    site.choose_rows(&site.file("short.csv", table));
    let read_or_not = "return !!document.querySelector('[data-testid=problem], [data-testid=data-report]')";
    site.browser.wait_until("the short file is read or refused", READ_SECS, read_or_not, Vec::new());
    if site.browser.has("problem") {
        site.browser.type_into("name-text-column", "sentence");
        site.browser.type_into("name-label-column", "sky");
        site.browser.click("read-again");
    }
    site.browser.wait_for("data-report", READ_SECS);
    assert_eq!(chosen(), ["sentence", "sky"]);
}

#[test]
fn bad_models_are_named_and_the_page_goes_on() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let [config, tokenizer, weights] = <[_; 3]>::try_from(tiny_files()).expect("three files");
    let json = |path: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).expect("the fixture can be read")).expect("the fixture is JSON")
    };
    let refuse = |case: &str, name: &str, content: &[u8], words: &[&str]| {
        // Everything anew, so that only one file is bad.
        site.choose_model(&tiny_files());
        site.browser.wait_for("model-ready", READ_SECS);
        site.choose_model(&[site.file(name, content)]);
        expect_problem(&site, case, words);
        assert!(site.browser.has("model-ready"), "{case}: the model before is still loaded");
    };
    let whole = std::fs::read(&weights).expect("the fixture can be read");
    refuse("truncated weights", "model.safetensors", &whole[..whole.len() / 2], &["model.safetensors", "incomplete"]);
    refuse("empty weights", "model.safetensors", b"", &["model.safetensors"]);

    let mut other = json(&config);
    other["model_type"] = json!("xlnet");
    refuse("unsupported model", "config.json", other.to_string().as_bytes(), &["xlnet", "not supported", "bert"]);
    refuse("broken config", "config.json", b"{\"model_type\": ", &["config.json"]);
    let mut other = json(&config);
    other["hidden_size"] = json!(other["hidden_size"].as_u64().expect("a width") * 2);
    refuse("config of another model", "config.json", other.to_string().as_bytes(), &["shape"]);
    let mut other = json(&paths::fixture("llama_tiny").join("config.json"));
    other["rope_scaling"] = json!({ "rope_type": "longrope", "factor": 4.0 });
    let words = ["rope_scaling", "longrope", "supported are default, linear, dynamic, llama3, yarn"];
    refuse("unsupported rope scaling", "config.json", other.to_string().as_bytes(), &words);

    let mut other = json(&tokenizer);
    let vocab_size = json(&config)["vocab_size"].as_u64().expect("a vocabulary");
    let added = other["added_tokens"].as_array_mut().expect("a tokenizer has special tokens");
    let mut token = added.first().cloned().expect("a tokenizer has special tokens");
    token["id"] = json!(vocab_size + 7);
    token["content"] = json!("[ANOTHER]");
    added.push(token);
    match &mut other["model"]["vocab"] {
        Value::Object(vocab) => drop(vocab.insert("[ANOTHER]".into(), json!(vocab_size + 7))),
        vocab => panic!("a vocabulary of another kind: {vocab}"),
    }
    let words = ["[ANOTHER]", "resize_token_embeddings", &vocab_size.to_string()];
    refuse("a token that the model does not have", "tokenizer.json", other.to_string().as_bytes(), &words);
    refuse("broken tokenizer", "tokenizer.json", b"{}", &["tokenizer.json"]);

    site.load_tiny();
    site.load_rows(ROWS);
    assert_eq!(site.browser.number("count-usable"), ROWS as f64);
}

#[test]
fn bad_texts_are_named_and_the_page_goes_on() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let with_template = |template: &str| {
        let config = json!({ "eos_token": "<|endoftext|>", "chat_template": template });
        let mut files = decoder_files();
        files.retain(|file| !file.ends_with("tokenizer_config.json"));
        files.push(site.file("tokenizer_config.json", config.to_string()));
        files
    };
    site.choose_model(&with_template("{% for message in messages %}\n{% endfr %}"));
    site.browser.wait_for("model-ready", READ_SECS);
    let shown = site.browser.text("model-ready");
    assert!(shown.contains("chat template is broken: line 2"), "{shown}");
    assert!(!shown.contains("in conversations too"), "{shown}");
    let turns = json!([{ "role": "user", "content": "Hi" }, { "role": "assistant", "content": "Hello" }]);
    let talks = site.file("talks.jsonl", format!("{}\n", json!({ "messages": turns })).repeat(8));
    site.choose_rows(&talks);
    let words = ["the chat template is broken", "line 2", "tokenizer_config.json"];
    expect_problem(&site, "broken chat template", &words);

    let row = |index: usize| format!("{}\n", json!({ "prompt": format!("question {index}"), "completion": " " }));
    let unanswered: String = (0..4).map(row).collect();
    site.choose_rows(&site.file("unanswered.jsonl", &unanswered));
    expect_problem(&site, "no completion", &["4 rows", "row 1", "the completion is empty", "\"completion\""]);
    let good = language_model::rows();
    let num_good = good.lines().count();
    site.choose_rows(&site.file("mixed.jsonl", good + &unanswered));
    site.browser.wait_for("data-report", READ_SECS);
    assert_eq!(site.browser.number("count-usable"), num_good as f64);
    let listed = site.browser.text("bad-rows");
    assert!(listed.contains(&format!("{}the completion is empty", num_good + 1)), "{listed}");

    // A good template takes them. What renders it is a module beside the worker, which only models with a template need.
    let good = "{% for message in messages %}{{ message.role }}: {{ message.content | trim }}{{ eos_token }}{% endfor %}\
        {% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
    site.choose_model(&with_template(good));
    let script = "return document.querySelector('[data-testid=model-ready]')?.textContent.includes(arguments[0])";
    site.browser.wait_until("the template is good", READ_SECS, script, vec![json!("in conversations too")]);
    site.choose_rows(&talks);
    let script = "return document.querySelector('[data-testid=count-usable]')?.dataset.value === arguments[0]";
    site.browser.wait_until("the conversations are read", READ_SECS, script, vec![json!("8")]);
    let asked = site.server.requests();
    assert!(asked.iter().any(|asked| asked.contains("/hone-templates_bg.wasm")), "{asked:?}");
}
