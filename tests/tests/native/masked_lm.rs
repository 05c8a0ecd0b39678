//! Hidden tokens of plain texts: learning them, filling blanks, what the model is then a base for, and models that begin
//! with fresh weights.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::{Split, TrainEvent};
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::classes::{files, loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::texts::{drain, loss, valid_losses};
use hone_tests::{paths, texts};

pub(crate) const THINGS: [&str; 5] = ["day", "house", "man", "word", "night"];

/// A text of short sentences that are all made alike.
pub(crate) fn prose() -> DataFiles {
    let adjectives = ["good", "great", "kind", "dark"];
    let sentence = |n: usize| {
        let (thing, other) = (THINGS[n % 5], THINGS[n / 5 % 5]);
        format!("the {thing} was {} and the {other} too\n", adjectives[n % 4])
    };
    let text: String = (0..400).map(sentence).collect();
    DataFiles { train: ("sea.txt".into(), text.into_bytes()), ..DataFiles::default() }
}

pub(crate) fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 10,
        logging_steps: 10,
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.1 },
        ..repeatable_run()
    }
}

pub(crate) fn source() -> ModelSource {
    ModelSource::Local { name: "tiny".into() }
}

/// The session of a finished run on the prose.
pub(crate) fn trained(mut session: Session, run: RunConfig) -> (Session, Vec<f64>) {
    session.set_task(Task::MaskedLm).expect("an encoder fills blanks");
    session.load_data(prose(), &ReadOptions::default(), &run).expect("a text");
    session.start(run).expect("it starts");
    let events = drain(&mut session);
    let losses = valid_losses(&events);
    let is_general = |event: &&TrainEvent| matches!(event, TrainEvent::GeneralMeasured { .. });
    assert_eq!(
        events.iter().filter(is_general).count(),
        losses.len() + 1,
        "before the first step and at each evaluation"
    );
    (session, losses)
}

pub(crate) fn exported(session: &mut Session) -> Folder {
    block_on(session.export(ExportFormat::Merged)).expect("it exports")
}

/// The likeliest tokens of the blank of a text.
fn fills(session: &mut Session, text: &str, weights: Weights) -> Vec<(String, f32)> {
    let input = TaskInput { text: text.into(), second: None, image: None };
    let (predictions, cut) = block_on(session.predict(&[input], weights)).expect("it has a blank");
    assert!(cut.is_empty());
    let Some(Prediction::MaskedLm(prediction)) = predictions.into_iter().next() else { panic!("it fills blanks") };
    let blank = prediction.blanks.into_iter().next().expect("one blank");
    blank.into_iter().map(|fill| (fill.token, fill.probability)).collect()
}

const BLANK: &str = "[MASK] day was good and the night too";

#[test]
fn a_model_learns_a_text_and_its_folder_fills_the_same_blanks() {
    let (mut session, losses) = trained(loaded(), run());
    let mut measure = |weights| block_on(session.evaluate(weights, Split::Test, &mut |_, _| {})).expect("rows").0;
    let (base, tuned) = (measure(Weights::Base), measure(Weights::Tuned));
    assert!(loss(&tuned) < 0.6 * loss(&base), "{} and {}", loss(&tuned), loss(&base));
    assert!(losses.len() == 10 && losses[9] < losses[0], "{losses:?}");
    let perplexity = tuned.figure("perplexity").expect("it is measured");
    assert!((perplexity.ln() - loss(&tuned)).abs() < 1e-6, "{tuned:?}");
    assert_eq!(measure(Weights::Tuned), tuned, "the same tokens are hidden each time");

    let found = fills(&mut session, BLANK, Weights::Tuned);
    assert_eq!(found.len(), 10);
    assert!(found[..3].iter().any(|(token, _)| token == "the"), "{found:?}");
    let folder = exported(&mut session);
    let config = text_in(&folder, "config.json");
    assert!(config.contains("BertForMaskedLM") && !config.contains("id2label"), "{config}");
    let mut again = Session::new(Device::flex());
    let info = again.load_model(source(), folder).expect("it opens");
    assert_eq!((info.task, info.labels.len()), (Task::MaskedLm, 0), "{:?}", info.notes);
    assert!(again.has_own_head());
    let reread = fills(&mut again, &BLANK.replace("[MASK]", "<mask>"), Weights::Base);
    for ((token, probability), (expected, of_run)) in reread.iter().zip(&found) {
        assert!(token == expected && (probability - of_run).abs() < 1e-5, "{reread:?}, expected {found:?}");
    }
}

#[test]
fn the_same_seed_hides_the_same_tokens_and_whole_words_are_harder() {
    let short = RunConfig { num_train_epochs: 2, ..run() };
    let (_, losses) = trained(loaded(), short.clone());
    assert_eq!(trained(loaded(), short.clone()).1, losses);
    assert_ne!(trained(loaded(), RunConfig { whole_word_masking: true, ..short }).1, losses);
}

#[test]
fn what_was_learned_is_a_base_for_labels() {
    let (mut session, _) = trained(loaded(), RunConfig { num_train_epochs: 3, ..run() });
    let folder = exported(&mut session);
    let mut next = Session::new(Device::flex());
    next.load_model(source(), folder).expect("it opens");
    next.set_task(Task::SequenceClassification).expect("an encoder labels texts");
    let notes = next.model_info().expect("nothing has taken it").notes.join("\n");
    assert!(notes.contains("fresh weights for bert.pooler.dense, classifier"), "{notes}");
    assert!(notes.contains("not used: cls.predictions.bias, cls.predictions.transform."), "{notes}");
    let row = |n: usize| {
        let (adjective, label) = [("good", "up"), ("dark", "down")][n % 2];
        format!("the {} was {adjective} and the {} too,{label}\n", THINGS[n % 5], THINGS[n / 5 % 5])
    };
    let rows: String = (0..120).map(row).collect();
    let run = RunConfig { num_train_epochs: 8, learning_rate: 1e-3, ..run() };
    next.load_data(files(format!("text,label\n{rows}")), &ReadOptions::default(), &run).expect("rows");
    next.start(run).expect("it starts");
    let _ = drain(&mut next);
    let (found, _) = block_on(next.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    assert!(found.figure("accuracy").expect("it is measured") > 0.9, "{found:?}");
    let config = String::from_utf8(exported(&mut next).get("config.json").expect("it has one").to_vec());
    assert!(config.expect("text").contains("BertForSequenceClassification"));
}

#[test]
fn adapters_are_refused_beside_a_random_head_and_train_beside_a_learned_one() {
    let lora = RunConfig { method: Method::Lora, num_train_epochs: 1, ..run() };
    let mut headless = loaded();
    headless.set_task(Task::MaskedLm).expect("an encoder fills blanks");
    headless.load_data(prose(), &ReadOptions::default(), &lora).expect("a text");
    let error = headless.start(lora.clone()).expect_err("its head is random").to_string();
    assert!(error.starts_with("method: lora keeps the head as it is") && error.contains("choose full"), "{error}");

    let (mut session, _) = trained(loaded(), RunConfig { num_train_epochs: 2, ..run() });
    let mut headed = Session::new(Device::flex());
    headed.load_model(source(), exported(&mut session)).expect("it opens");
    let (mut adapted, losses) = trained(headed, lora);
    assert_eq!(losses.len(), 1);
    let before = fills(&mut adapted, BLANK, Weights::Base);
    assert_ne!(fills(&mut adapted, BLANK, Weights::Tuned), before);
    let adapter = block_on(adapted.export(ExportFormat::Adapter)).expect("it exports");
    assert!(adapter.get("adapter_config.json").is_some());
}

/// What a model that begins with fresh weights needs of a fixture.
fn without_weights(fixture: &str) -> Folder {
    let mut folder = paths::read_folder(&paths::fixture(fixture));
    folder.remove("model.safetensors").expect("the fixture has weights");
    folder
}

#[test]
fn a_model_is_trained_from_scratch() {
    let scratch = RunConfig { from_scratch: true, ..run() };
    let mut session = Session::new(Device::flex());
    let info = session.load_model_without_weights(source(), without_weights("tiny_encoder")).expect("a config");
    assert!(info.notes.iter().any(|note| note.starts_with("all weights are fresh: ")), "{:?}", info.notes);
    session.set_task(Task::MaskedLm).expect("an encoder fills blanks");
    session.load_data(prose(), &ReadOptions::default(), &scratch).expect("a text");
    let error = session.start(run()).expect_err("it has no weights").to_string();
    assert!(error.starts_with("from_scratch: must be true"), "{error}");

    let (mut session, losses) = trained(session, scratch.clone());
    assert!(losses[9] < losses[0], "{losses:?}");
    let base = block_on(session.evaluate(Weights::Base, Split::Test, &mut |_, _| {})).expect("rows").0;
    // A model that knows nothing gives each of the thousand tokens about the same.
    assert!((loss(&base) - 1000_f64.ln()).abs() < 0.5, "{base:?}");
    let folder = exported(&mut session);
    let found = fills(&mut session, BLANK, Weights::Tuned);
    let mut again = Session::new(Device::flex());
    again.load_model(source(), folder).expect("what was trained is read, whatever it began with");
    assert_eq!(fills(&mut again, BLANK, Weights::Base)[0].0, found[0].0);

    // Files with weights begin in the same way: the weights follow from the seed alone.
    let (_, with_files) = trained(loaded(), scratch);
    assert_eq!(with_files, losses);
}

#[test]
fn a_language_model_is_trained_from_scratch() {
    let lora = LoraConfig::default();
    let run = RunConfig { method: Method::Full, lora, from_scratch: true, num_train_epochs: 3, ..texts::run() };
    let mut session = Session::new(Device::flex());
    session.load_model_without_weights(source(), without_weights("tiny_decoder")).expect("a config");
    session.load_data(texts::data(), &ReadOptions::default(), &run).expect("rows");
    session.start(run).expect("it starts");
    let losses = valid_losses(&drain(&mut session));
    assert!(losses[2] < losses[0] && losses[0] > 2.0, "{losses:?}");
    let mut again = Session::new(Device::flex());
    again.load_model(source(), exported(&mut session)).expect("it opens");
}
