//! What a model answers and measures without a run: by the labels that its head has, cut where it was trained to be cut.

use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, JOB_FILE, LoraConfig, Method, ReadOptions, RunConfig};
use hone_core::folder::Folder;
use hone_core::session::Report;
use hone_core::session::protocol::Weights;
use hone_tests::classes::{files, loaded};
use hone_tests::{rows, texts};

/// Tokens that the tiny encoder reads.
const MODEL_LIMIT: usize = 128;
/// Tokens that the adapter was trained with.
const TRAINED_LIMIT: usize = 16;

fn adapter() -> Folder {
    let run = RunConfig {
        method: Method::Lora,
        lora: LoraConfig { r: 2, ..LoraConfig::default() },
        num_train_epochs: 1,
        max_seq_length: TRAINED_LIMIT as u32,
        ..RunConfig::default()
    };
    let mut session = loaded();
    session.load_data(files(rows::csv(30)), &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("it starts");
    let _ = texts::drain(&mut session);
    block_on(session.export(ExportFormat::Adapter)).expect("it exports")
}

#[test]
fn texts_are_cut_where_the_adapter_was_trained_to_be_cut_else_where_the_model_ends() {
    let inputs = ["we spoke of rain and snow ".repeat(5), "we spoke of rain".to_owned()];
    let mut session = loaded();
    assert_eq!(session.find_cut_texts(&inputs).expect("a tokenizer"), (MODEL_LIMIT, Vec::new()));
    let mut adapter = adapter();
    session.load_adapter(adapter.clone()).expect("it fits");
    assert_eq!(session.find_cut_texts(&inputs).expect("a tokenizer"), (TRAINED_LIMIT, vec![0]));
    let report = session.load_rows_to_measure(files(rows::csv(30)), &ReadOptions::default()).expect("known labels");
    let Report::Classes(report) = report else { panic!("a classifier reads labels") };
    assert_eq!((report.max_seq_length, report.num_usable), (TRAINED_LIMIT, 30));
    // As PEFT saves one.
    adapter.remove(JOB_FILE);
    session.load_adapter(adapter).expect("it fits");
    assert_eq!(session.find_cut_texts(&inputs).expect("a tokenizer"), (MODEL_LIMIT, Vec::new()));
}

#[test]
fn an_adapters_head_for_another_task_is_refused() {
    let mut adapter = adapter();
    let config = String::from_utf8(adapter.get("config.json").expect("labels").to_vec()).expect("text");
    assert!(config.contains("single_label_classification"), "{config}");
    adapter.insert("config.json", config.replace("single_label", "multi_label"));
    let mut session = loaded();
    session.load_adapter(adapter).expect("it fits");
    let refused = session.answer_labels().expect_err("its scores are no probabilities of labels").to_string();
    assert!(refused.contains("multi-label classification") && refused.contains("not supported"), "{refused}");
    let texts = ["we spoke of rain".to_owned()];
    let predicted = block_on(session.predict(&texts, Weights::Tuned)).expect_err("refused").to_string();
    assert_eq!(predicted, refused);
    block_on(session.predict(&texts, Weights::Base)).expect("the base's head is fresh, for labels");
    let strange = files("text,label\na b,x\nc d,y\n".into());
    session.load_rows_to_measure(strange, &ReadOptions::default()).expect_err("refused before the rows are read");
}

#[test]
fn labels_that_the_model_does_not_know_are_named_with_their_row() {
    let mut session = loaded();
    session.load_adapter(adapter()).expect("it fits");
    let strange = files("text,label\nwe spoke of rain,weather\nof bread,bakery\nof rolls,bakery\n".into());
    let error = session.load_rows_to_measure(strange, &ReadOptions::default()).expect_err("unknown").to_string();
    assert!(error.starts_with("row 3, column \"label\": label \"bakery\" is not one of the model's"), "{error}");
    assert!(error.contains("such labels: 2") && error.contains("\"kitchen\", \"music\", \"weather\""), "{error}");
}
