//! Decoders that label texts and tokens: they agree with PyTorch, transformers and PEFT (logits 2e-5, loss 1e-5, gradients
//! 1e-4 relative, twenty AdamW losses 4e-5), their files leave as they came, and the tiny decoder learns labels and tags.

use std::collections::BTreeSet;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{
    ADAPTER_CONFIG, PretrainedModel, WEIGHTS, WeightFile, read_weights, weights_to_safetensors,
};
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::model::ModelConfig;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{HeadKind, Task};
use hone_tests::classes::{files, predict};
use hone_tests::golden::{Golden, Pass};
use hone_tests::parity::DECODER_HEADS;
use hone_tests::texts::{drain, valid_losses};
use hone_tests::{devices, paths, rows, tagged};
use serde_json::{Value, json};

const WHOLE: [&str; 4] = ["gpt2_cls_tiny", "llama_cls_tiny", "qwen3_cls_tiny", "gpt2_ner_tiny"];

/// Largest difference of a probability that is to be the same.
const SAME: f32 = 1e-5;

#[test]
fn decoders_that_label_agree_on_the_cpu() {
    for name in WHOLE {
        eprintln!("{name}");
        Golden::tiny(name).check_whole_and_parts(&devices::cpu());
    }
}

#[test]
fn every_class_that_labels_agrees_on_the_cpu() {
    for name in DECODER_HEADS {
        eprintln!("{name}");
        let golden = Golden::tiny(name);
        golden.check_forward(&devices::cpu());
        golden.check_gradients(Pass::Kept, &devices::cpu());
    }
}

#[test]
fn a_peft_adapter_with_its_score_agrees_on_the_cpu() {
    Golden::of("llama_cls_lora", "llama_cls_tiny").check_whole(&devices::cpu());
}

#[test]
fn decoders_that_label_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["gpt2_cls_tiny", "llama_cls_tiny", "gpt2_ner_tiny"] {
        eprintln!("{name}");
        Golden::tiny(name).check_whole(&device);
    }
}

fn file(folder: &str, name: &str) -> Vec<u8> {
    std::fs::read(paths::fixture(folder).join(name)).expect("the fixture is whole")
}

#[test]
fn files_are_written_with_the_keys_and_values_of_transformers() {
    for name in WHOLE.into_iter().chain(DECODER_HEADS) {
        let config = ModelConfig::from_json(&file(name, "config.json")).expect("it is supported");
        let json: Value = serde_json::from_slice(&file(name, "config.json")).expect("JSON");
        assert_eq!(json["architectures"], json!([config.class_name()]), "{name}");
        let model = Golden::tiny(name).model(&devices::cpu());
        let weights = block_on(read_weights(&model, config.key_map(), |_, _| true)).expect("they can be read");
        let written = weights_to_safetensors(config.key_map(), &weights).expect("all are finite");
        let written = WeightFile::open("written", &written).expect("it is whole");
        let original = file(name, WEIGHTS);
        let original = WeightFile::open(WEIGHTS, &original).expect("it is whole");
        let [found, expected] = [&written, &original].map(|file| file.names().collect::<BTreeSet<&str>>());
        assert_eq!(found, expected, "{name}");
        for key in expected {
            let [found, expected] = [&written, &original].map(|file| file.read(key).expect("it reads"));
            assert!(found == expected, "{name}: {key}");
        }
    }
}

fn source() -> ModelSource {
    ModelSource::Local { name: "tiny".into() }
}

fn run(method: Method) -> RunConfig {
    RunConfig {
        method,
        lora: match method {
            Method::Lora => LoraConfig { r: 4, lora_dropout: 0.0, ..LoraConfig::default() },
            _ => LoraConfig::default(),
        },
        dropout: Some(0.0), // other tests of this process draw too
        num_train_epochs: 4,
        batch_size: 8,
        learning_rate: if method == Method::Lora { 3e-3 } else { 1e-3 },
        max_seq_length: 64,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.0 },
        ..RunConfig::default()
    }
}

/// A session in which the tiny decoder has learned a task.
fn trained(task: Task, data: DataFiles, run: RunConfig) -> Session {
    let mut session = Session::new(Device::flex());
    let info = session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("it loads");
    assert_eq!(info.task, Task::CausalLm, "nobody has asked for anything else");
    assert!(info.tasks.contains(&task), "{:?}", info.tasks);
    session.set_task(task).expect("it has a head for it");
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("it starts");
    let losses = valid_losses(&drain(&mut session));
    assert!(losses.last() < losses.first(), "it learns: {losses:?}");
    session
}

fn export(session: &mut Session, format: ExportFormat) -> Folder {
    block_on(session.export(format)).expect("it exports")
}

fn json_of(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(folder.get(name).unwrap_or_else(|| panic!("no {name}"))).expect("JSON")
}

/// Texts of several lengths; the last one ends in the padding token, which is the token that ends a text.
fn questions() -> Vec<String> {
    let mut texts: Vec<String> = (0..5).map(|index| rows::row(index * 7 + 1).0).collect();
    texts.extend(["rain".to_owned(), "there is always soup<|endoftext|>".to_owned()]);
    texts
}

fn answers(session: &mut Session, weights: Weights) -> Vec<Vec<f32>> {
    predict(session, &questions(), weights).expect("it predicts")
}

fn assert_same(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    let lengths = |rows: &[Vec<f32>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(found), lengths(expected));
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= SAME, "probabilities differ by {worst:e}");
}

#[test]
fn a_decoder_learns_labels_of_texts_and_the_folder_gives_the_same_ones() {
    let mut session = trained(Task::SequenceClassification, files(rows::csv(90)), run(Method::Full));
    let tuned = answers(&mut session, Weights::Tuned);
    let alone = predict(&mut session, &questions()[5..6], Weights::Tuned).expect("it predicts");
    assert_same(&alone, &tuned[5..6]);
    let without_end = ["there is always soup".to_owned()];
    let without_end = predict(&mut session, &without_end, Weights::Tuned).expect("it predicts");
    assert_same(&without_end, &tuned[6..]);

    let folder = export(&mut session, ExportFormat::Merged);
    let config = json_of(&folder, "config.json");
    assert_eq!(config["architectures"], json!(["GPT2ForSequenceClassification"]));
    assert_eq!((&config["pad_token_id"], &config["id2label"]["2"]), (&json!(256), &json!("weather")));
    assert_eq!(json_of(&folder, "tokenizer_config.json")["pad_token"], json!("<|endoftext|>"));
    let weights = WeightFile::open(WEIGHTS, folder.get(WEIGHTS).expect("it has weights")).expect("whole");
    assert_eq!(weights.shape("score.weight"), Some(vec![3, 128]), "as nn.Linear stores it");
    let keys: Vec<&str> = weights.names().filter(|name| !name.starts_with("transformer.")).collect();
    assert_eq!(keys, ["score.weight"], "no bias, and no table that scores tokens");

    let mut again = Session::new(Device::flex());
    let info = again.load_model(source(), folder).expect("it loads");
    assert_eq!((info.task, info.labels), (Task::SequenceClassification, rows::LABELS.map(str::to_owned).to_vec()));
    assert!(info.notes.iter().all(|note| !note.contains("padding token")), "{:?}", info.notes);
    assert_same(&answers(&mut again, Weights::Base), &tuned);
}

#[test]
fn an_adapter_brings_the_score_that_was_trained_beside_it() {
    let mut session = trained(Task::SequenceClassification, files(rows::csv(90)), run(Method::Lora));
    let tuned = answers(&mut session, Weights::Tuned);
    let adapter = export(&mut session, ExportFormat::Adapter);
    let settings = json_of(&adapter, ADAPTER_CONFIG);
    assert_eq!((&settings["task_type"], &settings["modules_to_save"]), (&json!("SEQ_CLS"), &json!(["score"])));
    let card = String::from_utf8_lossy(adapter.get("README.md").expect("it has a card")).into_owned();
    assert!(card.contains("num_labels=3, pad_token_id=256"), "{card}");

    let mut again = Session::new(Device::flex());
    let base = paths::read_folder(&paths::fixture("tiny_decoder"));
    again.load_model(source(), base).expect("it loads");
    again.load_adapter(adapter).expect("it fits");
    assert_eq!(again.task().expect("a model is loaded"), Task::SequenceClassification);
    assert_same(&answers(&mut again, Weights::Tuned), &tuned);
}

#[test]
fn a_decoder_learns_tags_of_words_and_the_folder_loads() {
    let data = DataFiles { train: ("train.conll".into(), tagged::conll(60).into_bytes()), ..DataFiles::default() };
    let mut session = trained(Task::TokenClassification, data, run(Method::Full));
    let folder = export(&mut session, ExportFormat::Merged);
    assert_eq!(json_of(&folder, "config.json")["architectures"], json!(["GPT2ForTokenClassification"]));
    let whole = PretrainedModel::open(folder).expect("what leaves is whole");
    let names = ["transformer.h.0.attn.c_attn.weight", "classifier.weight", "classifier.bias"];
    let weights = WeightFile::open(WEIGHTS, whole.folder.get(WEIGHTS).expect("it has weights")).expect("whole");
    let shapes = names.map(|name| weights.shape(name).expect("it is there"));
    assert_eq!(shapes, [vec![128, 384], vec![4, 128], vec![4]], "Conv1D beside nn.Linear");
    let (_, report) = whole.build(HeadKind::Token, Pooling::Cls, 4, 0, &Device::flex()).expect("the weights fit");
    assert!(report.fresh.is_empty() && report.unused.is_empty(), "{report:?}");
}

#[test]
fn a_guessed_padding_token_is_told() {
    let mut session = Session::new(Device::flex());
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("it loads");
    let notes = |session: &Session| session.model_info().expect("a model is loaded").notes;
    let is_told = |notes: &[String]| notes.iter().any(|note| note.contains("\"<|endoftext|>\" (256)"));
    assert!(!is_told(&notes(&session)), "writing does without one");
    session.set_task(Task::SequenceClassification).expect("it has a head for it");
    assert!(is_told(&notes(&session)), "{:?}", notes(&session));
}
