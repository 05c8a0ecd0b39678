//! Vectors of texts: learning them from pairs, from labels, from scores and from texts alone; what is exported gives the
//! same vectors, in Hone and in `sentence-transformers`; and what labels can be told without training.

use std::path::Path;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::{Split, TrainEvent};
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Evaluation, Prediction, Task, TaskInput};
use hone_tests::classes::{files, loaded};
use hone_tests::paths::text_in;
use hone_tests::texts::{drain, loss, valid_losses};
use hone_tests::{paths, python, rows};
use serde_json::Value;

/// Rows of labeled texts.
const ROWS: usize = 300;

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 3,
        batch_size: 16,
        learning_rate: 1e-3,
        max_seq_length: 32,
        logging_steps: 5,
        dropout: Some(0.0), // runs are compared, and other tests of this process draw too
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 },
        ..RunConfig::default()
    }
}

/// A hundred and thirty-two pairs of sentences about the same two things.
pub(crate) fn pairs() -> DataFiles {
    let things = ["bread", "soup", "song", "drum", "rain", "storm", "house", "word", "night", "day", "salt", "piano"];
    let pairs = (0..12).flat_map(|first| (0..12).map(move |second| (first, second)));
    let pairs = pairs.filter(|(first, second)| first != second);
    let line = |(first, second): (usize, usize)| {
        let (first, second) = (things[first], things[second]);
        format!("we spoke of the {first} and the {second} all day,after the {first} there is always {second}\n")
    };
    files(String::from("anchor,positive\n") + &pairs.map(line).collect::<String>())
}

/// The session of a finished run.
fn trained(mut session: Session, data: DataFiles, run: RunConfig) -> (Session, Vec<TrainEvent>) {
    session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
    session.load_data(data, &ReadOptions::default(), &run).expect("texts that belong together");
    session.start(run).expect("it starts");
    let events = drain(&mut session);
    (session, events)
}

fn measure(session: &mut Session, weights: Weights) -> Evaluation {
    block_on(session.evaluate(weights, Split::Test, &mut |_, _| {})).expect("there are rows").0
}

fn inputs(texts: &[&str]) -> Vec<TaskInput> {
    texts.iter().map(|&text| TaskInput { text: text.into(), second: None, image: None }).collect()
}

fn vectors(session: &mut Session, texts: &[&str], weights: Weights) -> Vec<Vec<f32>> {
    let (predictions, _) = block_on(session.predict(&inputs(texts), weights)).expect("it makes vectors");
    let vector = |prediction| match prediction {
        Prediction::SentenceEmbedding(prediction) => prediction.embedding,
        other => panic!("no vector: {other:?}"),
    };
    predictions.into_iter().map(vector).collect()
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
    }
}

fn opened(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "tuned".into() }, folder).expect("it opens");
    session
}

const TEXTS: [&str; 3] = ["we spoke of rain", "there was a song", "the oven and the bread"];

/// Of an encoder that sentence-transformers pools by the first token, or by the mean (`tests/python/make_vector_goldens.py`).
#[test]
fn a_folder_of_sentence_transformers_gives_its_vectors() {
    let field = paths::fixture("field");
    let golden = std::fs::read(field.join("vectors.json")).expect("it is there");
    let golden: Value = serde_json::from_slice(&golden).expect("JSON");
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).expect("texts");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for way in ["cls", "mean"] {
        let mut folder = paths::read_folder(&field.join("encoder"));
        folder.insert("1_Pooling/config.json", golden[way]["pooling"].to_string());
        folder.insert("modules.json", golden[way]["modules"].to_string());
        let mut session = opened(folder);
        assert_eq!(session.task_of_own_head(), Some(Task::SentenceEmbedding), "{way}");
        session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
        let notes = session.model_info().expect("it is loaded").notes;
        assert!(!notes.iter().any(|note| note.contains("sentence-transformers")), "{notes:?}");
        let expected: Vec<Vec<f32>> = serde_json::from_value(golden[way]["vectors"].clone()).expect("vectors");
        assert_close(&vectors(&mut session, &texts, Weights::Base), &expected);
    }
}

#[test]
fn pairs_are_found_and_the_exported_folder_gives_the_same_vectors() {
    let (mut session, events) = trained(loaded(), pairs(), run());
    let losses = valid_losses(&events);
    assert!(losses.len() == 3 && losses[2] < losses[0], "{losses:?}");
    let (base, tuned) = (measure(&mut session, Weights::Base), measure(&mut session, Weights::Tuned));
    assert!(loss(&tuned) < loss(&base), "{} and {}", loss(&tuned), loss(&base));
    let recall = |evaluation: &Evaluation| evaluation.figure("recall_at_1").expect("it is measured");
    assert!(recall(&tuned) > 0.7 && recall(&tuned) > recall(&base), "{} and {}", recall(&tuned), recall(&base));
    assert_eq!(measure(&mut session, Weights::Tuned), tuned, "the same each time");

    let found = vectors(&mut session, &TEXTS, Weights::Tuned);
    let length: f32 = found[0].iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    for name in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
        assert!(folder.get(name).is_some(), "{name} is missing");
    }
    let config = text_in(&folder, "config.json");
    assert!(config.contains("\"BertModel\""), "{config}");
    let mut again = opened(folder);
    assert_eq!(again.task().expect("there is a model"), Task::SentenceEmbedding);
    assert_close(&vectors(&mut again, &TEXTS, Weights::Base), &found);
    let pair = TaskInput { text: TEXTS[0].into(), second: Some(TEXTS[1].into()), image: None };
    let (answers, _) = block_on(again.predict(&[pair], Weights::Base)).expect("it compares");
    let Prediction::SentenceEmbedding(answer) = &answers[0] else { panic!("no vector") };
    let cosine: f32 = found[0].iter().zip(&found[1]).map(|(a, b)| a * b).sum();
    assert!((answer.similarity.expect("of two texts") - cosine).abs() < 1e-5);
}

#[test]
fn texts_of_a_label_come_together_and_an_adapter_gives_the_same_vectors() {
    let (mut session, _) = trained(loaded(), files(rows::csv(ROWS)), run());
    let accuracy = |evaluation: Evaluation| evaluation.figure("nearest_accuracy").expect("it is measured");
    let base = accuracy(measure(&mut session, Weights::Base));
    let tuned = accuracy(measure(&mut session, Weights::Tuned));
    assert!(tuned > 0.9 && tuned > base, "{tuned}, and {base} before");

    let lora = LoraConfig { r: 4, ..LoraConfig::default() };
    let adapter = RunConfig { method: Method::Lora, lora, num_train_epochs: 1, ..run() };
    let (mut session, _) = trained(loaded(), files(rows::csv(ROWS)), adapter);
    let found = vectors(&mut session, &TEXTS, Weights::Tuned);
    let folder = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let settings = text_in(&folder, "adapter_config.json");
    assert!(settings.contains("FEATURE_EXTRACTION") && settings.contains("\"modules_to_save\": null"), "{settings}");
    let mut again = loaded();
    again.load_adapter(folder).expect("it fits");
    assert_eq!(again.task().expect("there is a model"), Task::SentenceEmbedding);
    assert_close(&vectors(&mut again, &TEXTS, Weights::Tuned), &found);
}

#[test]
fn scores_and_texts_alone_can_be_learned() {
    let score = |first: usize, second: usize| if first % 3 == second % 3 { 4.5 } else { 0.5 };
    let line = |index: usize| {
        let other = index + 1 + index % 5;
        format!("{},{},{}\n", rows::row(index).0, rows::row(other).0, score(index, other))
    };
    let scored = String::from("sentence1,sentence2,score\n") + &(0..ROWS).map(line).collect::<String>();
    let (mut session, _) = trained(loaded(), files(scored), run());
    let spearman = |evaluation: Evaluation| evaluation.figure("spearman").expect("it is measured");
    let base = spearman(measure(&mut session, Weights::Base));
    let tuned = spearman(measure(&mut session, Weights::Tuned));
    assert!(tuned > 0.4 && tuned > base, "{tuned}, and {base} before");

    let texts = (0..60).map(|index| rows::row(index).0 + "\n").collect::<String>();
    let data = DataFiles { train: ("lines.txt".into(), texts.into_bytes()), ..DataFiles::default() };
    let alone = RunConfig { num_train_epochs: 1, dropout: None, ..run() };
    let (mut session, events) = trained(loaded(), data, alone);
    let losses = events.iter().filter_map(|event| match event {
        TrainEvent::Step { losses, .. } => Some(losses.clone()),
        _ => None,
    });
    let losses: Vec<f64> = losses.flatten().collect();
    assert!(!losses.is_empty() && losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{losses:?}");
    assert!(loss(&measure(&mut session, Weights::Tuned)).is_finite());
}

#[test]
fn a_resumed_run_draws_the_same_partners() {
    let data = || files(rows::csv(61)); // one row is left over at the end of an epoch
    let run = || RunConfig {
        num_train_epochs: 2,
        batch_size: 9,
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.0 },
        ..run()
    };
    let (_, events) = trained(loaded(), data(), run());
    let whole = valid_losses(&events);
    let start = || {
        let mut session = loaded();
        session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
        session.load_data(data(), &ReadOptions::default(), &run()).expect("labeled texts");
        session
    };
    let mut session = start();
    session.start(run()).expect("it starts");
    while let Some(event) = block_on(session.next_event()).expect("it goes on") {
        if matches!(event, TrainEvent::CheckpointDue { .. }) {
            break;
        }
    }
    let checkpoint = block_on(session.checkpoint()).expect("it is written");
    let mut session = start();
    session.resume(&checkpoint).expect("it goes on");
    let resumed = valid_losses(&drain(&mut session));
    assert_eq!((whole.len(), resumed.as_slice()), (2, &whole[1..]));
}

#[test]
fn a_batch_of_one_and_a_head_alone_are_refused() {
    let refusal = |run: RunConfig| {
        let mut session = loaded();
        session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
        session.load_data(pairs(), &ReadOptions::default(), &run).expect("pairs");
        session.start(run).map(drop).expect_err("nothing could be learned").to_string()
    };
    let error = refusal(RunConfig { batch_size: 1, ..run() });
    assert!(error.contains("batch_size: a batch of 1"), "{error}");
    refusal(RunConfig { method: Method::Head, ..run() });
}

#[test]
fn labels_are_told_without_training_better_by_more_examples() {
    let mut session = loaded();
    session.load_data(files(rows::csv(ROWS)), &ReadOptions::default(), &run()).expect("labeled rows");
    let mut told = (0, 0);
    let report = block_on(session.few_shot(Split::Test, &mut |done, total| told = (done, total)));
    let report = report.expect("it measures").expect("rows have labels");
    assert_eq!((report.num_rows, told), (60, (240, 240)));
    assert!(report.zero_shot.is_some());
    let shots: Vec<Option<usize>> = report.shots.iter().map(|shot| shot.per_label).collect();
    assert_eq!(shots, [Some(1), Some(5), Some(20), None]);
    let accuracy = |index: usize| report.shots[index].accuracy;
    assert!(accuracy(3) > 0.4 && accuracy(3) >= accuracy(0), "{report:?}");
    // Texts without labels have nothing to tell.
    session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
    session.load_data(pairs(), &ReadOptions::default(), &run()).expect("pairs");
    assert_eq!(block_on(session.few_shot(Split::Test, &mut |_, _| {})).expect("it is asked"), None);
}

#[test]
fn sentence_transformers_gives_the_same_vectors() {
    let Some(python) = python::with("sentence_transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let short = RunConfig { num_train_epochs: 1, max_seq_length: 16, ..run() };
    let (mut session, _) = trained(loaded(), pairs(), short);
    let long = "rain and snow ".repeat(40);
    let texts = [TEXTS[0], TEXTS[1], TEXTS[2], long.as_str(), "Ünïcödé, 東京 and 🙂!"];
    let lines: String = texts
        .iter()
        .zip(vectors(&mut session, &texts, Weights::Tuned))
        .map(|(text, embedding)| serde_json::json!({ "text": text, "embedding": embedding }).to_string() + "\n")
        .collect();
    let (export, expected) = (folder.path().join("export"), folder.path().join("vectors.jsonl"));
    std::fs::write(&expected, lines).expect("the folder is ours");
    let whole = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    paths::write_folder(&whole, &export);
    let said = python::run(&python, "tests/python/check_embeddings.py", &[&export, &expected]);
    assert!(said.starts_with("5 texts"), "{said}");
    let said = python::run(&python, "tests/python/run_card.py", &[&export]);
    assert!(said.contains("ran: vectors"), "{said}");
}

#[test]
fn the_code_of_an_adapters_card_gives_vectors() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let adapter = RunConfig { method: Method::Lora, num_train_epochs: 1, ..run() };
    let (mut session, _) = trained(loaded(), pairs(), adapter);
    let export = folder.path().join("adapter");
    paths::write_folder(&block_on(session.export(ExportFormat::Adapter)).expect("it exports"), &export);
    let base = paths::fixture("tiny_encoder");
    let arguments: [&Path; 2] = [&export, &base];
    let said = python::run(&python, "tests/python/run_card.py", &arguments);
    assert!(said.contains("ran: vectors"), "{said}");
}

#[test]
fn the_rows_nearest_to_a_text_begin_with_those_that_say_the_same() {
    let run = RunConfig { split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 }, ..run() };
    let mut session = loaded();
    session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
    session.load_data(pairs(), &ReadOptions::default(), &run).expect("texts that belong together");
    let text = "we spoke of the bread and the soup all day";
    let found = block_on(session.nearest(text, Weights::Base)).expect("there are rows");
    assert_eq!((found.num_searched, found.num_texts, found.nearest.len()), (264, 264, 5), "each text once");
    assert_eq!((found.nearest[0].text.as_str(), found.nearest[0].row), (text, 2));
    assert!(
        found.nearest[0].similarity > 0.999
            && found.nearest.is_sorted_by(|one, next| one.similarity >= next.similarity)
    );
    session.set_task(Task::SequenceClassification).expect("it labels texts, too");
    assert!(block_on(session.nearest(text, Weights::Base)).is_err(), "there are no rows");
}

#[test]
fn rows_that_can_not_be_read_for_another_task_leave_all_as_it_was() {
    let run = run();
    let mut session = loaded();
    session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
    session.load_data(pairs(), &ReadOptions::default(), &run).expect("texts that belong together");
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    let refused = session.begin_reading_for(Task::TokenClassification, pairs(), &ReadOptions::default(), &run);
    assert!(refused.is_err(), "there are no tags");
    let labeled = files(rows::csv(ROWS));
    let given_up = session.begin_reading_for(Task::SequenceClassification, labeled, &ReadOptions::default(), &run);
    drop(given_up.expect("it begins"));
    assert!(session.is_trained() && session.task().expect("loaded") == Task::SentenceEmbedding);
    assert!(measure(&mut session, Weights::Tuned).num_rows > 0, "the rows are there");

    let labeled = files(rows::csv(ROWS));
    let reading = session.begin_reading_for(Task::SequenceClassification, labeled, &ReadOptions::default(), &run);
    let mut reading = reading.expect("it begins");
    while session.advance_reading(&mut reading).expect("texts") {}
    let report = session.finish_reading(reading).expect("good rows");
    assert_eq!((report.task(), session.task().expect("loaded")), (Task::SequenceClassification, report.task()));
    assert!(!session.is_trained(), "the run was of the task before");
}
