//! Models with other layers, new tokens and frozen parts: a student computes what its layers computed, learns, goes on from
//! a checkpoint, and loads in `transformers`.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use futures_lite::future::block_on;
use hone_core::batch::BatchInputs;
use hone_core::checkpoint::{PretrainedModel, WEIGHTS, WeightFile, reshape};
use hone_core::config::{ExportFormat, Freeze, Method, ModelChanges, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::{HostInputs, HostText, Padding, PositionIds, TextRow};
use hone_core::folder::Folder;
use hone_core::model::{Backbone, Model};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::HeadKind;
use hone_tests::classes::{files, loaded, predict};
use hone_tests::{paths, python, rows};
use serde_json::json;

const TABLE: &str = "bert.embeddings.word_embeddings.weight";

fn open(name: &str) -> PretrainedModel {
    PretrainedModel::open(paths::read_folder(&paths::fixture(name))).expect("the fixture is whole")
}

fn changes(keep_layers: &[u32], add_layers: u32, words: &[&str]) -> ModelChanges {
    let add_tokens = words.iter().map(|&word| word.to_owned()).collect();
    ModelChanges { keep_layers: keep_layers.to_vec(), add_layers, add_tokens }
}

fn changed(model: &PretrainedModel, wishes: &ModelChanges) -> PretrainedModel {
    let (folder, _) = reshape(model, wishes, 1).expect("it can be changed");
    PretrainedModel::open(folder).expect("what leaves is whole")
}

fn build(model: &PretrainedModel, head: HeadKind) -> Model {
    model.build(head, Pooling::Cls, 3, 1, &Device::flex()).expect("the weights fit").0.for_inference()
}

fn ids(model: &PretrainedModel, text: &str) -> Vec<u32> {
    model.tokenizer().encode(text, 64).expect("a short text").ids
}

fn inputs(model: &PretrainedModel, text: &str) -> BatchInputs {
    let ids = ids(model, text);
    let padding = Padding {
        pad_token_id: model.config.pad_token_id,
        multiple_of: 1,
        max_length: 64,
        positions: PositionIds::FromZero,
    };
    let host = HostText::pad(&[TextRow { input_ids: &ids, token_type_ids: &[] }], &padding);
    BatchInputs::new(&HostInputs::Text(host), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A tensor of the weights in a folder, which may be those of a bare model.
fn weight(folder: &Folder, key: &str) -> Vec<f32> {
    let file = WeightFile::open_in(folder, [WEIGHTS]).expect("whole");
    let names = [key, key.trim_start_matches("bert.")];
    let name = names.into_iter().find(|name| file.has(name)).unwrap_or_else(|| panic!("no {key}"));
    file.read(name).expect("numbers").expect("it is there").values
}

#[test]
fn a_student_computes_what_its_layers_computed() {
    const TEXT: &str = "the king spoke of the rain and the storm";
    let original = open("tiny_decoder");
    let student = changed(&original, &changes(&[0, 2], 0, &[]));
    let read = inputs(&original, TEXT);
    let text = read.text();
    let Backbone::Decoder(decoder) = build(&original, HeadKind::CausalLm).backbone else { panic!("a decoder") };
    let context = decoder.attention_context(&text.layout, &Device::flex());
    let states = [0, 2].into_iter().fold(decoder.embed(text), |x, layer| decoder.block(layer, x, &context, None));
    let found = build(&student, HeadKind::CausalLm).backbone.forward(&read);
    assert_eq!(values(found), values(decoder.finish(states)));

    let original = open("tiny_encoder");
    let student = changed(&original, &changes(&[1], 0, &[]));
    let read = inputs(&original, TEXT);
    let Backbone::Encoder(mut encoder) = build(&original, HeadKind::Sequence).backbone else { panic!("an encoder") };
    encoder.layers = encoder.layers.split_off(1);
    let text = read.text();
    let found = build(&student, HeadKind::Sequence).backbone.forward(&read);
    assert_eq!(values(found), values(encoder.forward(text)));
}

#[test]
fn a_new_token_begins_as_the_mean_of_its_pieces_and_changes_nothing_else() {
    let original = open("tiny_encoder");
    let grown = changed(&original, &changes(&[], 0, &["violinist", "thunderclap"]));
    let (before, after) = (weight(&original.folder, TABLE), weight(&grown.folder, TABLE));
    let hidden = original.config.hidden_size();
    assert_eq!(after[..before.len()], before[..], "the tokens that were there keep their vectors");
    for (place, word) in ["violinist", "thunderclap"].into_iter().enumerate() {
        let pieces = original.tokenizer().encode_with_offsets(word).expect("a word").ids;
        assert!(pieces.len() > 1, "{word} was no token");
        let id = 1000 + place;
        assert_eq!(ids(&grown, word), [2, u32::try_from(id).expect("a small id"), 3]);
        for column in 0..hidden {
            let sum: f32 = pieces.iter().map(|&piece| before[piece as usize * hidden + column]).sum();
            let (found, mean) = (after[id * hidden + column], sum / pieces.len() as f32);
            // The table is in half precision.
            assert!((found - mean).abs() <= mean.abs() * 1e-3 + 1e-6, "{word}, column {column}: {found}, not {mean}");
        }
    }
    let text = "the old man remembered the bread";
    let (same, other) = (ids(&original, text), ids(&grown, text));
    assert_eq!(same, other);
    let outputs = |model: &PretrainedModel| values(build(model, HeadKind::Sequence).outputs(&inputs(model, text)));
    assert_eq!(outputs(&grown), outputs(&original));
}

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 6,
        early_stopping_patience: None, // all steps are taken
        batch_size: 16,
        learning_rate: 1e-3,
        dropout: Some(0.0),
        max_seq_length: 48,
        ..RunConfig::default()
    }
}

fn finish(session: &mut Session) {
    while block_on(session.next_event()).expect("the run goes on").is_some() {}
}

fn student() -> ModelChanges {
    changes(&[1], 2, &["violin", "sunshine", "kettle"])
}

/// Texts that were not trained on, and whether each is labeled rightly.
fn score(session: &mut Session) -> (Vec<String>, usize) {
    let rows: Vec<(String, &str)> = (0..40).map(|index| rows::row(7 * index + 500)).collect();
    let texts: Vec<String> = rows.iter().map(|(text, _)| text.clone()).collect();
    let probabilities = predict(session, &texts, Weights::Tuned).expect("it predicts");
    let labels = session.labels().to_vec();
    let is_right = |(row, (_, label)): (&Vec<f32>, &(String, &str))| {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("there are labels");
        labels[best] == *label
    };
    let right = probabilities.iter().zip(&rows).filter(|&pair| is_right(pair)).count();
    (texts, right)
}

#[test]
fn a_student_of_a_session_learns_and_leaves_as_it_is() {
    let mut session = loaded();
    let run = run();
    session.load_data(files(rows::csv(150)), &ReadOptions::default(), &run).expect("the rows load");
    let info = session.change_model(&student(), run.seed).expect("it can be changed").expect("it is another");
    assert_eq!((info.num_hidden_layers, info.vocab_size), (3, 1003));
    assert!(info.notes.iter().any(|note| note.contains("layer 1 of 2 kept")), "{:?}", info.notes);
    assert!(session.change_model(&student(), run.seed).expect("nothing to do").is_none());
    let job = session.start(run).expect("the run starts");
    assert_eq!(job.changes, student());
    finish(&mut session);
    let (texts, right) = score(&mut session);
    assert!(right >= 36, "{right} of {} are right", texts.len());

    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let tuned = predict(&mut session, &texts, Weights::Tuned).expect("it predicts");
    let mut again = Session::new(Device::flex());
    let info = again.load_model(ModelSource::Local { name: "student".into() }, folder).expect("it loads");
    assert_eq!((info.num_hidden_layers, info.vocab_size), (3, 1003));
    let found = predict(&mut again, &texts, Weights::Base).expect("it predicts");
    let pairs = found.iter().flatten().zip(tuned.iter().flatten());
    let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-5, "{difference}");

    let info = session.change_model(&ModelChanges::default(), 1).expect("it goes back").expect("it is another");
    assert_eq!((info.num_hidden_layers, info.vocab_size), (2, 1000));
}

#[test]
fn adapters_and_fresh_layers_go_together_only_where_that_makes_sense() {
    let mut session = loaded();
    let lora = RunConfig { method: Method::Lora, num_train_epochs: 1, ..run() };
    session.load_data(files(rows::csv(40)), &ReadOptions::default(), &lora).expect("the rows load");
    session.change_model(&changes(&[], 1, &[]), lora.seed).expect("it can be changed");
    let error = session.start(lora.clone()).expect_err("they would stay random").to_string();
    assert!(error.starts_with("add_layers: ") && error.contains("stay random"), "{error}");

    session.change_model(&changes(&[1], 0, &["violin"]), lora.seed).expect("it can be changed");
    session.start(lora).expect("the run starts");
    finish(&mut session);
    let error = block_on(session.export(ExportFormat::Adapter)).expect_err("it fits no base").to_string();
    assert!(error.contains("changed before it was trained"), "{error}");
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    assert_eq!(PretrainedModel::open(merged).expect("it is whole").config.num_hidden_layers(), 1);
}

#[test]
fn a_wish_that_can_not_be_leaves_all_as_it_was() {
    let mut session = loaded();
    let run = run();
    session.load_data(files(rows::csv(40)), &ReadOptions::default(), &run).expect("the rows load");
    let error = session.change_model(&changes(&[0, 2], 0, &[]), 1).expect_err("it has two").to_string();
    assert!(error.contains("there is no layer 2"), "{error}");
    session.start(RunConfig { num_train_epochs: 1, ..run }).expect("the rows are still there");
}

#[test]
fn a_changed_model_with_frozen_parts_goes_on_from_its_checkpoint() {
    let run = RunConfig { num_train_epochs: 2, freeze: Freeze::Layers(1), ..run() };
    let prepared = || {
        let mut session = loaded();
        session.load_data(files(rows::csv(90)), &ReadOptions::default(), &run).expect("the rows load");
        session
    };
    let started = || {
        let mut session = prepared();
        session.change_model(&student(), run.seed).expect("it can be changed");
        session.start(run.clone()).expect("the run starts");
        session
    };
    let mut whole = started();
    finish(&mut whole);
    let (texts, _) = score(&mut whole);
    let expected = predict(&mut whole, &texts, Weights::Tuned).expect("it predicts");

    let mut first = started();
    for _ in 0..6 {
        block_on(first.next_event()).expect("goes on").expect("is not over");
    }
    let checkpoint = block_on(first.checkpoint()).expect("can be saved");
    let mut second = prepared();
    let job = second.resume(&checkpoint).expect("can be taken up");
    assert_eq!(job.changes, student());
    finish(&mut second);
    assert_eq!(predict(&mut second, &texts, Weights::Tuned).expect("it predicts"), expected);

    let exported = block_on(whole.export(ExportFormat::Merged)).expect("it exports");
    let (before, _) = reshape(&open("tiny_encoder"), &student(), run.seed).expect("it can be changed");
    let layer = |layer: usize| format!("bert.encoder.layer.{layer}.intermediate.dense.weight");
    for key in [TABLE.to_owned(), layer(0)] {
        assert_eq!(weight(&exported, &key), weight(&before, &key), "{key} is frozen");
    }
    for key in [layer(1), layer(2)] {
        assert_ne!(weight(&exported, &key), weight(&before, &key), "{key} is trained");
    }
}

/// Writes a folder, and beside it what the tokenizer and the model in it make of some texts.
fn write(folder: &Folder, head: HeadKind, to: &Path) {
    const TEXTS: [&str; 4] = [
        "The violinist and the violin!",
        "sunshine, kettle: Sunshines and thunder-kettles",
        "the old man remembered the concert",
        "violin",
    ];
    let model = PretrainedModel::open(folder.clone()).expect("what leaves is whole");
    let built = build(&model, head);
    let of = |text: &&str| {
        let logits = values(built.outputs(&inputs(&model, text)));
        json!({"text": text, "ids": ids(&model, text), "logits": logits})
    };
    let expected: Vec<serde_json::Value> = TEXTS.iter().map(of).collect();
    paths::write_folder(folder, to);
    std::fs::write(to.join("expected.json"), json!(expected).to_string()).expect("the folder is ours");
}

#[test]
fn changed_models_load_in_transformers() {
    let Some(python) = python::with("transformers, torch") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut session = loaded();
    let run = RunConfig { num_train_epochs: 1, ..run() };
    session.load_data(files(rows::csv(40)), &ReadOptions::default(), &run).expect("the rows load");
    session.change_model(&student(), run.seed).expect("it can be changed");
    session.start(run).expect("the run starts");
    finish(&mut session);
    let exported = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let decoder = changed(&open("tiny_decoder"), &changes(&[0, 2, 3], 1, &["violin", "sunshine", "kettle"]));

    // Of a vocabulary alone, as old checkpoints come.
    let mut bare = paths::read_folder(&paths::fixture("tiny_encoder"));
    let tokenizer = bare.remove("tokenizer.json").expect("it has one");
    let tokenizer: serde_json::Value = serde_json::from_slice(&tokenizer).expect("it is JSON");
    let vocab = tokenizer["model"]["vocab"].as_object().expect("it has a vocabulary");
    let mut words: Vec<(&String, u64)> =
        vocab.iter().map(|(word, id)| (word, id.as_u64().expect("a whole number"))).collect();
    words.sort_by_key(|(_, id)| *id);
    bare.insert("vocab.txt", words.iter().map(|(word, _)| format!("{word}\n")).collect::<String>());
    let bare = PretrainedModel::open(bare).expect("a vocabulary is enough");
    let bare = changed(&bare, &changes(&[0], 1, &["violin", "sunshine"]));

    for (name, folder, head) in [
        ("student", &exported, HeadKind::Sequence),
        ("decoder", &decoder.folder, HeadKind::CausalLm),
        ("bare", &bare.folder, HeadKind::Pooled),
    ] {
        let to = temporary.path().join(name);
        write(folder, head, &to);
        let said = python::run(&python, "tests/python/check_reshaped.py", &[&to]);
        assert!(said.contains("4 texts"), "{said}");
    }
}
