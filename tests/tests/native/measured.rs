//! What a model answers and measures without a run: by the labels that its head has, cut where it was trained to be cut.

use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, JOB_FILE, LoraConfig, Method, ReadOptions, RunConfig};
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::Task;
use hone_tests::classes::{files, inputs, loaded, predict};
use hone_tests::paths::text_in;
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
    let texts = inputs(&["we spoke of rain and snow ".repeat(5), "we spoke of rain".to_owned()]);
    let limit_and_cut = |session: &mut Session| {
        let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
        let (_, cut) = block_on(session.predict(&texts, weights)).expect("it predicts");
        (session.max_tokens().expect("there is a model"), cut)
    };
    let mut session = loaded();
    assert_eq!(limit_and_cut(&mut session), (MODEL_LIMIT, Vec::new()));
    let mut adapter = adapter();
    session.load_adapter(adapter.clone()).expect("it fits");
    assert_eq!(limit_and_cut(&mut session), (TRAINED_LIMIT, vec![0]));
    let report = session.load_rows_to_measure(files(rows::csv(30)), &ReadOptions::default()).expect("known labels");
    assert_eq!((report.max_seq_length, report.num_usable), (TRAINED_LIMIT, 30));
    // As PEFT saves one.
    adapter.remove(JOB_FILE);
    session.load_adapter(adapter).expect("it fits");
    assert_eq!(limit_and_cut(&mut session), (MODEL_LIMIT, Vec::new()));
}

#[test]
fn an_adapters_head_for_another_task_is_refused() {
    let mut adapter = adapter();
    let config = text_in(&adapter, "config.json");
    assert!(config.contains("single_label_classification"), "{config}");
    adapter.insert("config.json", config.replace("single_label", "multi_label"));
    let mut session = loaded();
    session.load_adapter(adapter).expect("it fits");
    let refused = session.check_answers().expect_err("its scores are no probabilities of labels").to_string();
    assert!(refused.contains("multi-label classification") && refused.contains("the task multi-label"), "{refused}");
    let texts = ["we spoke of rain".to_owned()];
    let predicted = predict(&mut session, &texts, Weights::Tuned).expect_err("refused").to_string();
    assert_eq!(predicted, refused);
    predict(&mut session, &texts, Weights::Base).expect("the base's head is fresh, for labels");
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

#[test]
fn a_task_that_the_architecture_has_no_head_for_is_refused_and_all_stays_as_it_is() {
    let (read, run) = (ReadOptions::default(), RunConfig::default());
    let mut session = loaded();
    session.load_data(files(rows::csv(30)), &read, &run).expect("the rows load");
    let own = session.task().expect("there is a model");
    let error = session.set_task(Task::CausalLm).expect_err("an encoder does not write").to_string();
    assert!(error.contains("bert") && error.contains("causal_lm") && error.contains(own.name()), "{error}");
    assert_eq!(session.task().expect("there is a model"), own);
    session.set_task(own).expect("what it is for");
    assert_eq!(session.reread_data(&read, &run).expect("the rows are still there").num_usable, 30);
}
