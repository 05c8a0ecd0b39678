//! An exported folder loads in `transformers`, and a classifier's adapter in PEFT, and gives the same probabilities within
//! 1e-4 on 50 texts, or on images; what turns texts into others writes the same there, token by token and with beams; and the
//! golden of every architecture, and of every kind of adapter, loaded and written by Hone, gives the golden's logits there.
//!
//! Runs where Python has transformers and torch (`HONE_PYTHON` names another interpreter); skips loudly elsewhere.

use std::fmt::Write as _;
use std::path::Path;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{PretrainedModel, export_adapter, export_folder, load_adapter, lora_of_adapter};
use hone_core::config::{ExportFormat, Job, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::images::{Picture, encode_png, pack_zip};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, TaskInput};
use hone_tests::classes::predict;
use hone_tests::texts::drain;
use hone_tests::{dates, paths, python, rows};
use serde_json::json;

/// Rows of which two steps of 16 are trained, and texts that are compared.
const ROWS: usize = 40;
const TEXTS: usize = 50;

/// Images that are compared, of the formats that every decoder reads to the same pixels.
const IMAGES: [&str; 10] = [
    "rgb.png",
    "rgba.png",
    "grey16.png",
    "palette_alpha.png",
    "exif_6.png",
    "exif_6.webp",
    "large.png",
    "rgb.bmp",
    "two_frames.gif",
    "lossless.webp",
];

/// Goldens of architectures whose folders are written by Hone and read by `transformers`.
const GOLDENS: [&str; 23] = [
    "roberta_pair_tiny",
    "xlm_roberta_pair_tiny",
    "electra_pair_tiny",
    "mpnet_pair_tiny",
    "albert_pair_tiny",
    "deberta_v2_pair_tiny",
    "modernbert_pair_tiny",
    "gpt2_tiny",
    "gpt_neo_tiny",
    "llama_tiny",
    "qwen2_tiny",
    "qwen3_tiny",
    "granite_tiny",
    "smollm3_tiny",
    "olmo2_tiny",
    "phi3_tiny",
    "gemma2_tiny",
    "gemma3_tiny",
    "t5_tiny",
    "t5_gated_tiny",
    "vit_tiny",
    "dinov2_tiny",
    "dinov2_swiglu_tiny",
];

#[test]
fn exported_folder_agrees_with_transformers() {
    let Some(python) = python::with("transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (export, predictions) = (folder.path().join("export"), folder.path().join("predictions.csv"));
    train_and_export(Method::Full, ExportFormat::Merged, &export, &predictions);
    let said = python::run(&python, "tests/python/check_export.py", &[&export, &predictions]);
    assert!(said.contains(&format!("{TEXTS} texts")), "{said}");
}

#[test]
fn a_classifiers_adapter_agrees_with_peft() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (export, predictions) = (folder.path().join("adapter"), folder.path().join("predictions.csv"));
    train_and_export(Method::Lora, ExportFormat::Adapter, &export, &predictions);
    let base = paths::fixture("tiny_encoder");
    let arguments = [&export, &predictions, Path::new("--base"), &base];
    let said = python::run(&python, "tests/python/check_export.py", &arguments);
    assert!(said.contains(&format!("{TEXTS} texts")), "{said}");
}

fn train_and_export(method: Method, format: ExportFormat, export: &Path, predictions: &Path) {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "tiny".into() };
    session.load_model(source, paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let run = RunConfig { method, num_train_epochs: 1, batch_size: 16, learning_rate: 1e-3, ..RunConfig::default() };
    let data = DataFiles { train: ("rows.csv".into(), rows::csv(ROWS).into_bytes()), ..DataFiles::default() };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("the run starts");
    while block_on(session.next_event()).expect("the run goes on").is_some() {}

    let folder = block_on(session.export(format)).expect("a trained model can be exported");
    paths::write_folder(&folder, export);

    // As `hone predict` writes it. The last texts are long, odd, or empty of known words.
    let mut texts: Vec<String> = (0..TEXTS - 4).map(|index| rows::row(7 * index + 3).0).collect();
    texts.extend(["word ".repeat(300), "Ünïcödé, 東京 and 🙂!".into(), "?".into(), "  spaces   between  ".into()]);
    let probabilities = predict(&mut session, &texts, Weights::Tuned).expect("it predicts");
    write_predictions(predictions, "text", &texts, &probabilities, session.labels());
}

/// Writes answers as `hone predict` does; `column` is what `inputs` are called.
fn write_predictions(path: &Path, column: &str, inputs: &[String], probabilities: &[Vec<f32>], labels: &[String]) {
    let mut table = format!("row,{column},label,probability,{}\n", labels.join(","));
    for (index, (input, row)) in inputs.iter().zip(probabilities).enumerate() {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("there are labels");
        let all: Vec<_> = row.iter().map(|value| format!("{value:.6}")).collect();
        writeln!(table, "{},\"{input}\",{},{:.6},{}", index + 1, labels[best], row[best], all.join(","))
            .expect("writing to a string does not fail");
    }
    std::fs::write(path, table).expect("the folder is ours");
}

#[test]
fn exported_image_models_agree_with_the_pipeline_of_transformers() {
    let Some(python) = python::with("transformers, torch, PIL") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    for name in ["vit_tiny", "dinov2_tiny"] {
        let mut session = Session::new(Device::flex());
        let source = ModelSource::Local { name: name.into() };
        session.load_model(source, paths::read_folder(&paths::fixture(name))).expect("the fixture loads");
        let run = RunConfig { num_train_epochs: 1, batch_size: 8, learning_rate: 1e-3, ..RunConfig::default() };
        let data = DataFiles { train: ("drawn.zip".into(), drawn()), ..DataFiles::default() };
        session.load_data(data, &ReadOptions::default(), &run).expect("the images load");
        session.start(run).expect("the run starts");
        let _ = drain(&mut session);
        let export = temporary.path().join(name);
        let folder = block_on(session.export(ExportFormat::Merged)).expect("a trained model can be exported");
        paths::write_folder(&folder, &export);

        let images: Vec<String> =
            IMAGES.iter().map(|name| paths::fixture("images").join(name).display().to_string()).collect();
        let input = |path: &String| TaskInput {
            text: path.clone(),
            second: None,
            image: Some(std::fs::read(path).expect("the fixture can be read")),
        };
        let inputs: Vec<TaskInput> = images.iter().map(input).collect();
        let (answers, _) = block_on(session.predict(&inputs, Weights::Tuned)).expect("it predicts");
        let probabilities = |answer| match answer {
            Prediction::ImageClassification(answer) => answer.probabilities,
            other => panic!("no probabilities of labels: {other:?}"),
        };
        let probabilities: Vec<Vec<f32>> = answers.into_iter().map(probabilities).collect();
        let predictions = temporary.path().join(format!("{name}.csv"));
        write_predictions(&predictions, "file", &images, &probabilities, session.labels());
        let said = python::run(&python, "tests/python/check_export.py", &[&export, &predictions]);
        assert!(said.contains(&format!("{} images", IMAGES.len())), "{said}");
    }
}

/// A zip of images of one colour, a folder a colour, each a little darker than the one before.
fn drawn() -> Vec<u8> {
    let mut files = Vec::new();
    for (channel, label) in ["red", "green", "blue"].into_iter().enumerate() {
        for number in 0..16_u8 {
            let mut pixels = vec![0; 12 * 12 * 3];
            pixels.iter_mut().skip(channel).step_by(3).for_each(|value| *value = 250 - 8 * number);
            let picture = Picture { width: 12, height: 12, pixels };
            files.push((format!("{label}/{number}.png"), encode_png(&picture).expect("a PNG")));
        }
    }
    pack_zip(&files)
}

#[test]
fn exports_of_every_architecture_give_the_goldens_logits_in_transformers() {
    let Some(python) = python::with("transformers, torch") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    for name in GOLDENS {
        let pretrained = PretrainedModel::open(with_tokenizer(name)).expect("the fixture is whole");
        let (head, labels) = (pretrained.config.head_kind(), pretrained.config.labels.clone());
        let built = pretrained.build(head, Pooling::Cls, labels.len(), 0, &Device::flex());
        let (model, _) = built.expect("the weights fit");
        let job =
            Job::new(ModelSource::Local { name: name.into() }, None, ReadOptions::default(), RunConfig::default());
        let folder = block_on(export_folder(&pretrained, &model, &labels, &job, None)).expect("it exports");
        let export = temporary.path().join(name);
        paths::write_folder(&folder, &export);
        let golden = paths::fixture(name).join("fixture.safetensors");
        let said = python::run(&python, "tests/python/check_export.py", &[&export, &golden]);
        assert!(said.contains("logits within"), "{name}: {said}");
    }
}

/// Adapters of PEFT's, which Hone reads and writes: the names of what they hold are then Hone's.
const ADAPTERS: [(&str, &str); 9] = [
    ("phi3_lora", "phi3_tiny"),
    ("gemma3_lora", "gemma3_tiny"),
    ("llama_cls_lora", "llama_cls_tiny"),
    ("albert_pair_lora", "albert_pair_tiny"),
    ("deberta_v2_pair_lora", "deberta_v2_pair_tiny"),
    ("mpnet_ner_lora", "encoder_heads/mpnet_ner"),
    ("modernbert_ner_lora", "encoder_heads/modernbert_ner"),
    ("vit_lora", "vit_tiny"),
    ("t5_lora", "t5_tiny"),
];

#[test]
fn exported_adapters_of_every_kind_give_the_goldens_logits_in_peft() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let device = Device::flex();
    for (name, base) in ADAPTERS {
        let pretrained = PretrainedModel::open(with_tokenizer(base)).expect("the fixture is whole");
        let (head, labels) = (pretrained.config.head_kind(), pretrained.config.labels.clone());
        let built = pretrained.build(head, Pooling::Cls, labels.len(), 0, &device);
        let (model, _) = built.expect("the weights fit");
        let adapter = paths::read_folder(&paths::fixture(name).join("adapter"));
        let model = load_adapter(&pretrained.config, model, &adapter, &device).expect("it fits");
        let lora = lora_of_adapter(&pretrained.config, &model, &adapter).expect("it is read once more");
        let run = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        let job = Job::new(ModelSource::Local { name: base.into() }, None, ReadOptions::default(), run);
        let folder = block_on(export_adapter(&pretrained, &model, &labels, &job, None)).expect("it exports");
        let export = temporary.path().join(name);
        paths::write_folder(&folder, &export);
        let (golden, base) = (paths::fixture(name).join("fixture.safetensors"), paths::fixture(base));
        let arguments = [&export, &golden, Path::new("--base"), &base];
        let said = python::run(&python, "tests/python/check_export.py", &arguments);
        assert!(said.contains("logits within"), "{name}: {said}");
    }
}

/// The files of a golden's model; one that reads texts gets a tokenizer of a few words, which are in no golden.
fn with_tokenizer(name: &str) -> Folder {
    let golden = paths::read_folder(&paths::fixture(name));
    let mut folder = Folder::new();
    for file in ["config.json", "model.safetensors", "preprocessor_config.json"] {
        if let Some(bytes) = golden.get(file) {
            folder.insert(file, bytes);
        }
    }
    if folder.get("preprocessor_config.json").is_none() {
        let vocab = json!({ "<pad>": 0, "<unk>": 1, "a": 2, "b": 3 });
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" },
        });
        folder.insert("tokenizer.json", tokenizer.to_string());
        let settings = json!({ "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>" });
        folder.insert("tokenizer_config.json", settings.to_string());
    }
    folder
}

#[test]
fn texts_are_turned_into_others_as_in_transformers_and_peft() {
    let Some(python) = python::with("peft, transformers, torch") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (lora, base) = (dates::run(), paths::fixture("tiny_t5"));
    let full = RunConfig { method: Method::Full, lora: LoraConfig::default(), learning_rate: 1e-3, ..lora.clone() };
    for (run, formats) in
        [(full, &[ExportFormat::Merged][..]), (lora, &[ExportFormat::Merged, ExportFormat::Adapter][..])]
    {
        let mut session = dates::ready(&run);
        session.start(run.clone()).expect("the run starts");
        let _ = drain(&mut session);
        let [greedy, beams] = [1, 4].map(|num_beams| dates::write(&mut session, Weights::Tuned, num_beams));
        let row = |index: usize| {
            let source = [dates::PREFIX, dates::SOURCES[index]].concat();
            json!({ "source": source, "greedy": greedy[index], "beams": beams[index] })
        };
        let rows: Vec<_> = (0..dates::SOURCES.len()).map(row).collect();
        let expected = temporary.path().join("expected.json");
        let text = json!({ "max_new_tokens": dates::MAX_NEW_TOKENS, "rows": rows }).to_string();
        std::fs::write(&expected, text).expect("the folder is ours");
        for &format in formats {
            let export = temporary.path().join(format!("{:?} {format:?}", run.method));
            let folder = block_on(session.export(format)).expect("a trained model can be exported");
            paths::write_folder(&folder, &export);
            let (mut of_writing, mut of_card) = (vec![export.clone(), expected.clone()], vec![export]);
            if format == ExportFormat::Adapter {
                of_writing.extend(["--base".into(), base.clone()]);
                of_card.push(base.clone());
            }
            let said = python::run(&python, "tests/python/check_writing.py", &of_writing);
            assert!(said.ends_with("5 sources, greedy and with beams: 0 texts differ"), "{said}");
            let said = python::run(&python, "tests/python/run_card.py", &of_card);
            assert!(said.ends_with("ran: logits [1, 1, 133]"), "{said}");
        }
    }
}
