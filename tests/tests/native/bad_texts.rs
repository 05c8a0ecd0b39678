//! What a language model can't use is named: the row, the file, the tensor with its shape, the name; and what was
//! loaded before goes on working.

use std::fmt::Display;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS};
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, PromptFormat, ReadOptions, RunConfig};
use hone_core::data::{BadRow, DataFiles};
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{ModelInfo, Prompt, Weights};
use hone_core::session::{Generated, Session, SessionError};
use hone_core::task::{DataReport, ReportDetail};
use hone_core::tokenizer::{Role, Turn};
use hone_tests::classes::predict;
use hone_tests::paths;
use hone_tests::texts::{adapter, data, loaded, ready, run, write};
use serde_json::{Value, json};

/// Jinja that is broken in its third line.
const BROKEN: &str = "{% for message in messages %}\n{{ message['content'] }}\n{% endfr %}";

/// An adapter that PEFT saved.
fn peft(name: &str) -> Folder {
    paths::read_folder(&paths::fixture(name).join("adapter"))
}

/// A fixture with a change to one of its JSON files.
fn changed(fixture: &str, file: &str, change: impl FnOnce(&mut Value)) -> Folder {
    let mut folder = paths::read_folder(&paths::fixture(fixture));
    let mut json = serde_json::from_slice(folder.get(file).expect("it has the file")).expect("the file is JSON");
    change(&mut json);
    folder.insert(file, json.to_string());
    folder
}

fn load(session: &mut Session, folder: Folder) -> Result<ModelInfo, SessionError> {
    session.load_model(ModelSource::Local { name: "tiny".into() }, folder)
}

fn jsonl(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

fn files(rows: &[Value]) -> DataFiles {
    DataFiles { train: ("rows.jsonl".into(), jsonl(rows)), ..DataFiles::default() }
}

fn read(session: &mut Session, files: DataFiles) -> Result<DataReport, SessionError> {
    session.load_data(files, &ReadOptions::default(), &run())
}

fn generate(session: &mut Session, prompt: &Prompt) -> Result<Generated, SessionError> {
    block_on(session.generate(prompt, Weights::Base, &SamplingConfig::default(), async |_: &str| true))
}

fn pair(prompt: &str, completion: &str) -> Value {
    json!({ "prompt": prompt, "completion": completion })
}

fn talk(roles: &[&str]) -> Value {
    let turn = |role: &&str| json!({ "role": role, "content": format!("I, {role}.") });
    json!({ "messages": roles.iter().map(turn).collect::<Vec<_>>() })
}

fn numbers(rows: &[BadRow]) -> Vec<usize> {
    rows.iter().map(|bad| bad.row).collect()
}

fn assert_names(error: impl Display, words: &[&str]) {
    let error = error.to_string();
    for word in words {
        assert!(error.contains(word), "{error:?} does not name {word:?}");
    }
}

#[test]
fn a_row_without_a_completion_is_named() {
    let mut session = loaded();
    let rows = [pair("a", " b"), pair("c", " "), json!({ "prompt": "d" }), pair("e", " f")];
    let report = read(&mut session, files(&rows)).expect("two rows are good");
    assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows), (4, 2, 2));
    assert_eq!(numbers(&report.bad_rows), [2, 3]);
    for bad in &report.bad_rows {
        assert_names(&bad.reason, &["the completion is empty", "column \"completion\""]);
    }
    let error = read(&mut session, files(&rows[1..3])).expect_err("there is nothing to learn");
    assert_names(error, &["2 rows", "row 1", "the completion is empty", "column \"completion\""]);

    let with = |valid: &[Value]| DataFiles { valid: Some(("mine.jsonl".into(), jsonl(valid))), ..data() };
    let error = read(&mut session, with(&rows[1..2])).expect_err("there is nothing to measure");
    assert_names(error, &["validation file \"mine.jsonl\"", "row 1", "the completion is empty"]);
    let error = read(&mut session, with(&[json!({ "prompt": "a", "reply": " b" })])).expect_err("another column");
    assert_names(error, &["validation file \"mine.jsonl\"", "\"completion\"", "\"prompt\", \"reply\""]);
}

#[test]
fn a_prompt_longer_than_the_window_is_named() {
    let mut session = loaded();
    for length in [64, 70] {
        let error = generate(&mut session, &Prompt::Text("x".repeat(length))).expect_err("64 tokens are read");
        assert_names(error, &[format!("the prompt has {length} tokens").as_str(), "reads 64"]);
    }
    let rows = [pair("short", " a"), pair(&"x".repeat(100), " a")];
    let report = read(&mut session, files(&rows)).expect("they are read");
    let ReportDetail::CausalLm(detail) = &report.detail else { panic!("the fixture writes texts") };
    assert_eq!((report.num_usable, detail.num_prompt_cut, report.num_truncated), (2, 1, 1));
    assert_eq!(numbers(&detail.cut_rows), [2]);
    // A letter is a token, and one ends the text.
    assert_names(&detail.cut_rows[0].reason, &["the prompt lost its beginning", "103 tokens", "64 fit"]);
    assert_names(report.warnings.join("\n"), &["1 of 2 rows has a prompt"]);

    let error = ready(&run()).start(RunConfig { max_seq_length: 128, ..run() }).expect_err("the window is shorter");
    assert_names(error, &["max_seq_length 128", "64 tokens"]);
}

#[test]
fn a_broken_chat_template_bars_conversations_only() {
    let expected = write(&mut loaded(), Weights::Base);
    let in_config = changed("tiny_decoder", "tokenizer_config.json", |json| json["chat_template"] = json!(BROKEN));
    let mut in_file = paths::read_folder(&paths::fixture("tiny_decoder"));
    in_file.insert("chat_template.jinja", BROKEN);
    let places = ["(tokenizer_config.json, chat_template)", "(chat_template.jinja)"];
    for (folder, place) in [in_config, in_file].into_iter().zip(places) {
        let words = ["the chat template is broken", "line 3", "endfr", place];
        let mut session = Session::new(Device::flex());
        let info = load(&mut session, folder).expect("the model loads all the same");
        assert!(!info.has_chat_template);
        assert_names(info.notes.join("\n"), &words);

        assert_names(session.check_chat().expect_err("it is broken"), &words);
        let turns = Prompt::Turns(vec![Turn::new(Role::User, "Hi")]);
        assert_names(generate(&mut session, &turns).expect_err("it is broken"), &words);
        let talks = files(&[talk(&["user", "assistant"])]);
        assert_names(read(&mut session, talks.clone()).expect_err("it is broken"), &words);
        let valid = DataFiles { valid: Some(talks.train.clone()), ..talks };
        assert_names(read(&mut session, valid).expect_err("it is broken"), &words);
        let as_chat = ReadOptions { prompt_format: Some(PromptFormat::Chat), ..ReadOptions::default() };
        assert_names(session.load_data(data(), &as_chat, &run()).expect_err("it is broken"), &words);

        assert_eq!(write(&mut session, Weights::Base), expected, "a prompt needs no template");
        assert_eq!(read(&mut session, data()).expect("nor do prompts and completions").num_usable, 48);
        session.start(run()).expect("a run starts");
    }
}

#[test]
fn a_conversation_that_can_not_be_written_is_named_with_its_row() {
    let template = "{% for message in messages %}{% if message['role'] == 'system' %}\
        {{ raise_exception('no system turns') }}{% endif %}{{ message['content'] }}{% endfor %}";
    let folder = changed("tiny_decoder", "tokenizer_config.json", |json| json["chat_template"] = json!(template));
    let mut session = Session::new(Device::flex());
    assert!(load(&mut session, folder).expect("the model loads").has_chat_template);
    let (good, refused) = (talk(&["user", "assistant"]), talk(&["system", "user", "assistant"]));
    let open = talk(&["user"]);
    let report = read(&mut session, files(&[good, refused.clone(), open])).expect("one row is good");
    assert_eq!((report.num_usable, numbers(&report.bad_rows)), (1, vec![2, 3]));
    assert_names(&report.bad_rows[0].reason, &["does not take this conversation", "line 1", "no system turns"]);
    assert_names(&report.bad_rows[1].reason, &["no turn is the assistant's", "column \"messages\""]);
    let error = read(&mut session, files(std::slice::from_ref(&refused))).expect_err("it is the only one");
    assert_names(error, &["row 1", "no system turns"]);

    let error = read(&mut loaded(), files(&[refused])).expect_err("there is no template");
    assert_names(error, &["no chat template", "tokenizer_config.json"]);
    let error = generate(&mut loaded(), &Prompt::Turns(Vec::new())).expect_err("there is no template");
    assert_names(error, &["no chat template"]);
    assert_names(loaded().check_chat().expect_err("there is no template"), &["no chat template"]);
}

#[test]
fn a_chat_template_that_asks_for_too_much_is_named() {
    let cases = [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does too much work"),
        ("{{ messages[0].content | indent(10000000000, true) }}", "writes too much text"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "is nested too deeply"),
    ];
    for (template, what) in cases {
        let folder = changed("tiny_decoder", "tokenizer_config.json", |json| json["chat_template"] = json!(template));
        let mut session = Session::new(Device::flex());
        load(&mut session, folder).expect("the model loads");
        let error = read(&mut session, files(&[talk(&["user", "assistant"])])).expect_err("it is too much");
        assert_names(error, &["row 1", "the chat template", what, "line 1"]);
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    let folder = changed("tiny_decoder", "tokenizer_config.json", |json| json["chat_template"] = json!(deep));
    let mut session = Session::new(Device::flex());
    let info = load(&mut session, folder).expect("the model loads all the same");
    assert!(!info.has_chat_template);
    assert_names(info.notes.join("\n"), &["the chat template is nested too deeply", "line 1"]);
}

#[test]
fn an_adapter_of_another_base_is_named() {
    let mut session = loaded();
    let error = session.load_adapter(peft("gpt2_lora")).expect_err("its base is half as wide");
    let key = "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight";
    assert_names(error, &[key, "[4, 64]", "gpt2", "[4, 128]", "another base model"]);
    let error = session.load_adapter(peft("llama_lora")).expect_err("its base has other layers");
    assert_names(error, &["q_proj, v_proj", "gpt2", "c_attn"]);
    let mut encoder = Session::new(Device::flex());
    load(&mut encoder, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let error = encoder.load_adapter(adapter()).expect_err("its base is a decoder");
    assert_names(error, &["c_attn, c_fc, c_proj", "none of this bert model's", "query"]);

    let mut other = peft("gpt2_lora");
    other.insert(ADAPTER_CONFIG, r#"{"peft_type":"IA3"}"#);
    assert_names(session.load_adapter(other).expect_err("it is not LoRA"), &["IA3", "LORA"]);
    for file in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
        let mut other = peft("gpt2_lora");
        other.remove(file);
        assert_names(session.load_adapter(other).expect_err("a file is missing"), &[file]);
    }
    assert!(!session.is_trained(), "none of them is kept");
}

#[test]
fn a_vocabulary_of_another_model_is_named() {
    let mut session = loaded();
    let expected = write(&mut session, Weights::Base);
    let tokenizer = |json: &mut Value| json["model"]["vocab"]["extra"] = json!(264);
    let vocab_size = |size: u32| move |json: &mut Value| json["vocab_size"] = json!(size);
    let mismatch = "the tokenizer does not belong to this model";
    let table = ["model.safetensors", "transformer.wte.weight"];
    let cases = [
        (changed("tiny_decoder", "tokenizer.json", tokenizer), vec![mismatch, "ids up to 264", "257 tokens"]),
        (
            changed("tiny_decoder", "config.json", vocab_size(200)),
            vec![table[0], table[1], "[257, 128]", "[200, 128]", "do not belong together"],
        ),
        (
            changed("tiny_decoder", "config.json", vocab_size(300)),
            vec![table[0], table[1], "[257, 128]", "[300, 128]", "do not belong together"],
        ),
        (
            changed("tiny_decoder", "config.json", |json| json["n_embd"] = json!(256)),
            vec![table[0], table[1], "[257, 128]", "[257, 256]"],
        ),
    ];
    for (folder, words) in cases {
        assert_names(load(&mut session, folder).expect_err("its files are of two models"), &words);
        assert_eq!(write(&mut session, Weights::Base), expected, "the model before goes on");
    }
}

#[test]
fn an_unsupported_rope_scaling_is_named() {
    let cases = [
        (
            json!({ "rope_type": "longrope", "factor": 4.0 }),
            ["\"longrope\" is not supported", "default, linear, dynamic"],
        ),
        (json!({ "type": "proportional" }), ["\"proportional\" is not supported", "llama3, yarn"]),
        (json!({ "rope_type": "linear" }), ["linear needs a number", "factor"]),
    ];
    let mut session = loaded();
    for (scaling, words) in cases {
        let old = changed("llama_tiny", "config.json", |json| json["rope_scaling"] = scaling.clone());
        let new = changed("llama_tiny", "config.json", |json| json["rope_parameters"] = scaling);
        for folder in [old, new] {
            let error = load(&mut session, folder).expect_err("it can't be computed").to_string();
            assert_names(&error, &["config.json: rope_"]);
            assert_names(&error, &words);
        }
    }
}

#[test]
fn a_run_that_does_not_fit_the_model_is_named() {
    let mut session = ready(&run());
    let wrong = RunConfig { lora: LoraConfig { target_modules: vec!["q_proj".into()], ..run().lora }, ..run() };
    assert_names(session.start(wrong).expect_err("GPT-2 has no q_proj"), &["q_proj", "gpt2", "c_attn"]);
    let head = RunConfig { method: Method::Head, ..run() };
    assert_names(session.start(head).expect_err("it has no head"), &["lora"]);
    let labels = predict(&mut session, &["a".into()], Weights::Base).expect_err("it has no labels");
    assert_names(labels, &["gpt2", "writes texts"]);
    let nothing = block_on(session.export(ExportFormat::Adapter)).expect_err("nothing was trained");
    assert_names(nothing, &["nothing has been trained"]);
}
