//! Whose weights answer: the base's, an adapter's or a run's, and never those of what was loaded before.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::ADAPTER_CONFIG;
use hone_core::config::{ExportFormat, ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::texts::{adapter, loaded, ready, run, write};
use hone_tests::{paths, rows};
use serde_json::{Value, json};

fn source() -> ModelSource {
    ModelSource::Local { name: "tiny".into() }
}

/// The adapter, scaled by nothing: with it the model writes as without.
fn without_effect(adapter: &Folder) -> Folder {
    let mut folder = adapter.clone();
    let config = folder.get(ADAPTER_CONFIG).expect("it has settings");
    let mut config: Value = serde_json::from_slice(config).expect("they are JSON");
    config["lora_alpha"] = json!(0.0);
    folder.insert(ADAPTER_CONFIG, config.to_string());
    folder
}

fn assert_no_tuned_model(session: &mut Session) {
    let measured = block_on(session.evaluate_general(Weights::Tuned, None, &mut |_, _| {}));
    let error = measured.expect_err("there is no tuned model").to_string();
    assert!(!session.is_trained() && error.contains("nothing has been trained"), "{error}");
}

#[test]
fn what_was_loaded_last_answers() {
    let adapter = adapter();
    let mut session = loaded();
    let base = write(&mut session, Weights::Base);
    assert_no_tuned_model(&mut session);

    session.load_adapter(adapter.clone()).expect("it fits");
    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, base);
    for _ in 0..2 {
        assert_eq!(write(&mut session, Weights::Base), base, "the base is untouched");
        assert_eq!(write(&mut session, Weights::Tuned), tuned);
    }
    session.load_adapter(without_effect(&adapter)).expect("it fits");
    assert_eq!(write(&mut session, Weights::Tuned), base, "another adapter takes the place of the first");
    session.load_adapter(adapter).expect("it fits");
    assert_eq!(write(&mut session, Weights::Tuned), tuned);
    let other = paths::read_folder(&paths::fixture("gpt2_lora").join("adapter"));
    session.load_adapter(other).expect_err("it is for another model");
    assert_eq!(write(&mut session, Weights::Tuned), tuned, "one that does not fit leaves the one before");
    session.release_built();
    assert_eq!([Weights::Tuned, Weights::Base].map(|which| write(&mut session, which)), [tuned.clone(), base.clone()]);

    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    session.load_model(source(), merged).expect("the merged model loads");
    assert_eq!(write(&mut session, Weights::Base), tuned, "another model drops the one before");
    assert_no_tuned_model(&mut session);
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("the fixture loads");
    assert_eq!(write(&mut session, Weights::Base), base);
}

#[test]
fn a_run_takes_the_place_of_an_adapter_and_a_model_that_of_a_run() {
    let mut session = ready(&run());
    let base = write(&mut session, Weights::Base);
    session.load_adapter(adapter()).expect("it fits");
    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, base);
    session.start(run()).expect("it starts");
    let both = [Weights::Tuned, Weights::Base].map(|which| write(&mut session, which));
    assert_eq!(both, [base.clone(), base.clone()], "a fresh adapter changes nothing yet");
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("the fixture loads");
    assert_eq!(write(&mut session, Weights::Base), base);
    assert_no_tuned_model(&mut session);
}

#[test]
fn a_head_is_as_wide_as_the_rows_have_labels() {
    let mut session = Session::new(Device::flex());
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let texts = ["we spoke of the soup".to_owned()];
    let width = |session: &mut Session| {
        block_on(session.predict(&texts, Weights::Base)).expect("it predicts").first().map(Vec::len)
    };
    assert_eq!(width(&mut session), Some(2), "no labels are known yet");
    let files = DataFiles { train: ("rows.csv".into(), rows::csv(60).into_bytes()), ..DataFiles::default() };
    let run = RunConfig { max_seq_length: 32, ..RunConfig::default() };
    session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
    assert_eq!(width(&mut session), Some(rows::LABELS.len()));
}
