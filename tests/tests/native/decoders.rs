//! Granite, SmolLM3, OLMo 2, Phi-3, Gemma 2 and Gemma 3 beyond their goldens' figures: runs with the architecture's own
//! targets, whose adapters go out and come in again and whose merged models load; half precision; and fresh layers.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::{BatchInputs, TextBatch};
use hone_core::checkpoint::{ADAPTER_CONFIG, PretrainedModel, WEIGHTS, WeightFile, load_adapter, reshape};
use hone_core::config::{
    Dtype, ExportFormat, LoraConfig, Method, ModelChanges, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig,
};
use hone_core::data::DataFiles;
use hone_core::event::TrainEvent;
use hone_core::folder::Folder;
use hone_core::model::Model;
use hone_core::session::Session;
use hone_core::task::HeadKind;
use hone_tests::figure::demand;
use hone_tests::golden::values;
use hone_tests::half::{HALF, all_losses, compare_losses};
use hone_tests::paths;
use hone_tests::texts::{drain, valid_losses};
use serde_json::{Value, json};

/// The goldens' models, and what LoRA adapts where nothing is named.
const MODELS: [(&str, &[&str]); 6] = [
    ("granite_tiny", &["q_proj", "v_proj"]),
    ("smollm3_tiny", &["q_proj", "v_proj"]),
    ("olmo2_tiny", &["q_proj", "v_proj"]),
    ("phi3_tiny", &["qkv_proj"]),
    ("gemma2_tiny", &["q_proj", "v_proj"]),
    ("gemma3_tiny", &["q_proj", "v_proj"]),
];

const WORDS: [(&str, &str); 6] =
    [("sky", "blue"), ("sun", "yellow"), ("grass", "green"), ("snow", "white"), ("coal", "black"), ("rose", "red")];

/// Largest difference of a logit that is to be the same.
const SAME: f32 = 1e-4;

/// Tokens of a text whose logits are compared.
const IDS: [u32; 12] = [5, 17, 29, 8, 8, 21, 3, 30, 11, 26, 14, 9];

/// A golden's model with a tokenizer of single letters.
fn folder(name: &str) -> Folder {
    let golden = paths::read_folder(&paths::fixture(name));
    let mut folder = Folder::new();
    for file in ["config.json", WEIGHTS] {
        folder.insert(file, golden.get(file).expect("the fixture is whole"));
    }
    let mut vocab = json!({ "<pad>": 0, "<s>": 1, "<|endoftext|>": 2 });
    for (index, letter) in ('a'..='z').enumerate() {
        vocab[letter.to_string()] = json!(3 + index);
    }
    vocab["Ġ"] = json!(29);
    vocab["th"] = json!(30);
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let special = |id: u32, content: &str| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true })
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [special(0, "<pad>"), special(1, "<s>"), special(2, "<|endoftext|>")],
        "pre_tokenizer": byte_level, "decoder": byte_level,
        "model": { "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
            "merges": [["t", "h"]] },
    });
    folder.insert("tokenizer.json", tokenizer.to_string());
    let settings = json!({ "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "pad_token": "<pad>",
        "eos_token": "<|endoftext|>" });
    folder.insert("tokenizer_config.json", settings.to_string());
    folder
}

fn run(dtype: Dtype) -> RunConfig {
    RunConfig {
        method: Method::Lora,
        lora: LoraConfig { r: 4, lora_dropout: 0.0, ..LoraConfig::default() },
        dtype,
        num_train_epochs: 2,
        batch_size: 6,
        learning_rate: 2e-3,
        max_seq_length: 32,
        logging_steps: 2,
        split: SplitConfig { valid_fraction: 0.25, test_fraction: 0.0 },
        ..RunConfig::default()
    }
}

fn trained(name: &str, run: &RunConfig) -> (Session, Vec<TrainEvent>) {
    let mut lines = String::new();
    for turn in 'a'..='d' {
        for (thing, color) in WORDS {
            let row = json!({ "prompt": format!("{turn} the {thing} is"), "completion": format!(" {color}") });
            lines.push_str(&format!("{row}\n"));
        }
    }
    let data = DataFiles { train: ("colors.jsonl".into(), lines.into_bytes()), ..DataFiles::default() };
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: name.into() }, folder(name)).expect("the model loads");
    session.load_data(data, &ReadOptions::default(), run).expect("the rows load");
    session.start(run.clone()).expect("it starts");
    let events = drain(&mut session);
    (session, events)
}

fn build(pretrained: &PretrainedModel) -> Model {
    pretrained.build(HeadKind::CausalLm, Pooling::Cls, 0, 0, &Device::flex()).expect("the weights fit").0
}

fn logits(model: &Model) -> Vec<f32> {
    let text = TextBatch::continuation(&IDS, 0, &Device::flex());
    values(model.for_inference().outputs(&BatchInputs::Text(text)))
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn adapters_go_out_and_come_in_again_and_merged_models_load() {
    for (name, targets) in MODELS {
        let run = RunConfig { learning_rate: 1e-2, num_train_epochs: 4, ..run(Dtype::F32) };
        let (mut session, events) = trained(name, &run);
        let losses = valid_losses(&events);
        assert!(losses.last() < losses.first(), "{name} learns: {losses:?}");
        let mut export = |format| block_on(session.export(format)).expect("it exports");
        let (adapter, merged) = (export(ExportFormat::Adapter), export(ExportFormat::Merged));

        let base = PretrainedModel::open(folder(name)).expect("the model is whole");
        let settings: Value =
            serde_json::from_slice(adapter.get(ADAPTER_CONFIG).expect("it has settings")).expect("JSON");
        assert_eq!(settings["target_modules"], json!(targets), "{name}");
        let plain = logits(&build(&base));
        let adapted = load_adapter(&base.config, build(&base), &adapter, &Device::flex()).expect("the adapter fits");
        let adapted = logits(&adapted);
        assert!(difference(&adapted, &plain) > 100.0 * SAME, "{name}: the adapter changes nothing");

        let whole = PretrainedModel::open(merged).expect("the merged model is whole");
        let off = difference(&logits(&build(&whole)), &adapted);
        assert!(off < SAME, "{name}: merged, a logit differs by {off:e}");
        assert_eq!(whole.config.backbone, base.config.backbone, "{name}: config.json says the same model");
        let names = |folder: &Folder| -> Vec<String> {
            let file = WeightFile::open(WEIGHTS, folder.get(WEIGHTS).expect("it has weights")).expect("whole");
            let mut names: Vec<String> = file.names().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(names(&whole.folder), names(&base.folder), "{name}: the keys of transformers");
    }
}

#[test]
fn losses_in_half_precision_stay_close_to_those_of_f32() {
    for (name, _) in MODELS {
        let losses = |dtype: Dtype| all_losses(&trained(name, &run(dtype)).1);
        let expected = losses(Dtype::F32);
        for (dtype, tolerance) in HALF {
            let found = losses(dtype);
            assert_ne!(found, expected, "{name} in {}: nothing was rounded", dtype.name());
            demand(&[compare_losses(&format!("{name} in {}", dtype.name()), &found, &expected, tolerance)]);
        }
    }
}

#[test]
fn recomputed_blocks_give_the_losses_of_kept_ones() {
    for name in ["smollm3_tiny", "gemma2_tiny", "gemma3_tiny"] {
        let losses = |gradient_checkpointing: bool| {
            all_losses(&trained(name, &RunConfig { gradient_checkpointing, ..run(Dtype::F32) }).1)
        };
        demand(&[compare_losses(name, &losses(true), &losses(false), 1e-4)]);
    }
}

#[test]
fn fresh_layers_begin_as_transformers_draws_them() {
    for (name, norm, fresh) in [
        ("olmo2_tiny", "post_feedforward_layernorm", 1.0),
        ("gemma2_tiny", "post_feedforward_layernorm", 0.0),
        ("gemma3_tiny", "self_attn.q_norm", 0.0),
        ("phi3_tiny", "input_layernorm", 1.0),
    ] {
        let base = PretrainedModel::open(folder(name)).expect("the model is whole");
        let wishes = ModelChanges { keep_layers: vec![0], add_layers: 1, add_tokens: Vec::new() };
        let (changed, _) = reshape(&base, &wishes, 1).expect("a fresh layer can be added");
        let changed = PretrainedModel::open(changed).expect("what leaves is whole");
        let file = WeightFile::open_in(&changed.folder, [WEIGHTS]).expect("whole");
        let of = |key: &str| file.read(key).expect("numbers").unwrap_or_else(|| panic!("no {key}")).values;
        let norm = of(&format!("model.layers.1.{norm}.weight"));
        assert!(norm.iter().all(|&value| value == fresh), "{name}: {norm:?}");
        let down = of("model.layers.1.mlp.down_proj.weight");
        let spread = (down.iter().map(|value| value * value).sum::<f32>() / down.len() as f32).sqrt();
        assert!((0.13..0.17).contains(&spread), "{name}: 0.15, not {spread}");
        let found = logits(&build(&changed));
        assert!(found.iter().all(|value| value.is_finite()), "{name}");
    }
}
