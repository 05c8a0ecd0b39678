//! What a model that turns texts into others can't use is named: the row, the column, the setting, the field; and what it is not
//! for is refused.

use std::fmt::Display;

use futures_lite::future::block_on;
use hone_core::config::{LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::BadRow;
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::session::{Session, SessionError};
use hone_core::task::{DataReport, ReportDetail, Task, TaskInput};
use hone_core::tokenizer::{Role, Turn};
use hone_tests::dates::{MAX_NEW_TOKENS, files, model, open, ready, run, write};
use hone_tests::texts::drain;
use serde_json::{Value, json};

/// Twenty-four tokens.
const LONG: &str = "Wednesday, the twenty-seventh of September, nineteen ninety-seven";

fn pair(source: &str, target: &str) -> Value {
    json!({ "source": source, "target": target })
}

fn jsonl(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn load(session: &mut Session, rows: &[Value], run: &RunConfig) -> Result<DataReport, SessionError> {
    session.load_data(files(jsonl(rows)), &ReadOptions::default(), run)
}

/// All rows are trained on, and texts are cut after so many tokens.
fn cut_at(max_seq_length: u32, max_target_length: u32) -> RunConfig {
    let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    RunConfig { max_seq_length, max_target_length, split, num_train_epochs: 1, ..run() }
}

fn assert_names(error: impl Display, words: &[&str]) {
    let error = error.to_string();
    for word in words {
        assert!(error.contains(word), "{error:?} does not name {word:?}");
    }
}

#[test]
fn a_row_that_lacks_a_text_is_named() {
    let mut session = open(model());
    let rows = [
        pair("May 1st, 2001", "01-05-2001"),
        pair("May 2nd, 2001", " "),
        json!({ "source": "May 3rd, 2001" }),
        pair("", "04-05-2001"),
        pair("May 5th, 2001", "05-05-2001"),
    ];
    let report = load(&mut session, &rows, &run()).expect("two rows are good");
    assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows, report.num_empty), (5, 2, 3, 3));
    let found: Vec<(usize, &str)> =
        report.bad_rows.iter().map(|BadRow { row, reason }| (*row, reason.as_str())).collect();
    let lacks_target = "the target is empty (column \"target\")";
    let expected = [(2, lacks_target), (3, lacks_target), (4, "the source is empty (column \"source\")")];
    assert_eq!(found, expected);

    let error = load(&mut session, &rows[1..3], &run()).expect_err("there is nothing to learn");
    assert_names(error, &["2 rows", "row 1", lacks_target]);
    let error = load(&mut session, &[json!({ "a": "May 1st", "b": "01-05", "c": 1 })], &run()).expect_err("which?");
    assert_names(error, &["text_column", "target_column", "\"a\", \"b\", \"c\""]);
    let mut wish = |read: &ReadOptions| {
        session.load_data(files(jsonl(&rows)), read, &run()).expect_err("there is no such column").to_string()
    };
    let target = ReadOptions { target_column: Some("answer".into()), ..ReadOptions::default() };
    assert_names(wish(&target), &["no column \"answer\"", "\"source\", \"target\""]);
    let same = ReadOptions { target_column: Some("source".into()), text_column: Some("source".into()), ..target };
    assert_names(wish(&same), &["column \"source\" can't be both the source and the target"]);
}

#[test]
fn what_is_cut_is_named_by_its_row_and_trained_on() {
    let mut session = open(model());
    let rows = [
        pair("May 1st, 2001", "01-05-2001"),
        pair(LONG, "27-09-1997"),
        pair("May 3rd, 2001", "the third of May, or 03-05-2001"),
        pair("May 5th, 2001", "05-05-2001"),
    ];
    let short = cut_at(16, 12);
    let report = load(&mut session, &rows, &short).expect("they are read");
    let said = report.warnings.join("\n");
    assert_names(
        &said,
        &[
            "1 of 4 rows is longer than 16 tokens and is shortened: rows 2",
            "1 of 4 rows has a target that is longer than 12 tokens (max_target_length) and is shortened: rows 3",
        ],
    );
    let ReportDetail::Seq2seqLm(detail) = &report.detail else { panic!("the fixture turns texts into others") };
    assert_eq!((report.num_truncated, report.lengths.max > 16, detail.num_targets_cut), (1, true, 1));
    assert_eq!((detail.cut_targets.as_slice(), detail.max_target_length), (&["3".to_owned()][..], 12));
    session.start(short).expect("what is left is learned");
    assert!(!drain(&mut session).is_empty());

    let error = ready(&run()).start(RunConfig { max_seq_length: 4096, ..run() });
    assert_names(error.expect_err("it reads less"), &["max_seq_length 4096", "2048 tokens"]);
    let error = ready(&run()).start(RunConfig { max_target_length: 4096, ..run() });
    assert_names(error.expect_err("it writes less"), &["max_target_length: is 4096", "2048 tokens"]);
    let long = Prompt::Text("1 ".repeat(2048));
    let error = block_on(session.generate(&long, Weights::Base, &SamplingConfig::default(), async |_: &str| true));
    assert_names(error.expect_err("it reads less"), &["the prompt has", "this model reads 2048"]);
    for (none, field) in [(cut_at(16, 1), "max_target_length: "), (cut_at(1, 12), "max_seq_length: ")] {
        assert_names(session.start(none).expect_err("there is no room"), &[field]);
    }
}

/// The fixture with a change to its config.
fn changed(change: impl FnOnce(&mut Value)) -> Folder {
    let mut folder = model();
    let mut config = serde_json::from_slice(folder.get("config.json").expect("it has one")).expect("it is JSON");
    change(&mut config);
    folder.insert("config.json", config.to_string());
    folder
}

#[test]
fn a_config_that_can_not_be_computed_is_named() {
    let mut session = open(model());
    let expected = write(&mut session, Weights::Base, 1);
    let unknown = changed(|config| config["feed_forward_proj"] = json!("gated-hardswish"));
    let buckets = changed(|config| config["relative_attention_num_buckets"] = json!(2));
    let layers = changed(|config| config["num_decoder_layers"] = json!(3));
    let vocabulary = changed(|config| config["vocab_size"] = json!(100));
    for (folder, words) in [
        (unknown, &["config.json: feed_forward_proj", "\"hardswish\" is not supported", "relu, silu"][..]),
        (buckets, &["config.json: relative_attention_num_buckets", "can't be told apart"]),
        (layers, &["decoder.block.2."]),
        (vocabulary, &["shared.weight", "[100, 128]", "do not belong together"]),
    ] {
        let source = ModelSource::Local { name: "changed".into() };
        assert_names(session.load_model(source, folder).expect_err("it can't be computed"), words);
        assert_eq!(write(&mut session, Weights::Base, 1), expected, "the model before goes on");
    }
}

#[test]
fn a_run_that_does_not_fit_the_model_is_named() {
    let mut session = ready(&run());
    let plain = RunConfig { lora: LoraConfig::default(), method: Method::Full, ..run() };
    let foreign = LoraConfig { target_modules: vec!["c_attn".into()], ..LoraConfig::default() };
    for (wrong, words) in [
        (RunConfig { method: Method::Head, ..plain.clone() }, &["no head of its own", "full, lora or last:N"][..]),
        (RunConfig { method: Method::LastLayers(5), ..plain.clone() }, &["last:5", "4 layers"]),
        (RunConfig { lora: foreign, ..run() }, &["c_attn", "t5", "wi_0"]),
        (RunConfig { packing: true, ..plain.clone() }, &["packing: has no effect", "turns one text into another"]),
        (RunConfig { from_scratch: true, ..run() }, &["from_scratch: needs the method full"]),
        (RunConfig { metric_for_best_model: "bleu".into(), ..plain }, &["\"bleu\" is not one of loss"]),
    ] {
        assert_names(session.start(wrong).expect_err("it does not fit"), words);
    }
    session.start(RunConfig { metric_for_best_model: "token_accuracy".into(), ..run() }).expect("that one fits");
}

#[test]
fn what_such_a_model_is_not_for_is_refused() {
    let does = ["t5", "turns one text into another"];
    let mut session = ready(&run());
    let general = block_on(session.evaluate_general(Weights::Base, None, &mut |_, _| {}));
    assert_names(general.expect_err("it goes on from no text"), &does);
    let input = TaskInput { text: "May 1st, 2001".into(), second: None, image: None };
    assert_names(block_on(session.predict(&[input], Weights::Base)).expect_err("it writes"), &does);
    let turns = Prompt::Turns(vec![Turn::new(Role::User, "May 1st, 2001")]);
    let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
    let talk = block_on(session.generate(&turns, Weights::Base, &sampling, async |_: &str| true));
    assert_names(talk.expect_err("it knows no turns"), &["no chat template"]);
    for task in [Task::CausalLm, Task::SequenceClassification] {
        let error = session.set_task(task).expect_err("it has no such head");
        assert_names(error, &["t5", task.name(), "it can be used for seq2seq_lm"]);
    }
    assert_eq!(session.task().expect("it is loaded"), Task::Seq2seqLm);
}
