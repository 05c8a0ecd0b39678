//! Encoders beside BERT, DistilBERT and RoBERTa: they agree with PyTorch, transformers and PEFT (logits 2e-5, loss 1e-5,
//! gradients 1e-4 relative, twenty AdamW losses 4e-5), their files leave as they came, and they learn adapters in half
//! precision.

use std::collections::BTreeSet;

use burn::tensor::{Device, FloatDType};
use futures_lite::future::block_on;
use hone_core::batch::BatchInputs;
use hone_core::checkpoint::{PretrainedModel, WEIGHTS, WeightFile, load_adapter, read_weights, weights_to_safetensors};
use hone_core::config::{
    Dtype, ExportFormat, LoraConfig, Method, ModelChanges, ModelSource, Pooling, ReadOptions, RunConfig,
};
use hone_core::data::{HostInputs, HostText, Padding, TextRow};
use hone_core::folder::Folder;
use hone_core::model::{Model, ModelConfig};
use hone_core::nn::Init;
use hone_core::session::Session;
use hone_core::task::HeadKind;
use hone_tests::classes::files;
use hone_tests::golden::{Golden, Pass, values};
use hone_tests::parity::NARROW_HEADS;
use hone_tests::texts::drain;
use hone_tests::{devices, paths, rows};
use serde_json::json;

const PAIRS: [&str; 6] = [
    "xlm_roberta_pair_tiny",
    "electra_pair_tiny",
    "mpnet_pair_tiny",
    "albert_pair_tiny",
    "deberta_v2_pair_tiny",
    "modernbert_pair_tiny",
];

/// Largest difference of a logit in f16, relative to the largest logit.
const HALF: f32 = 2e-2;
/// Largest difference of a logit between a merged model and its base with the adapter.
const SAME: f32 = 1e-4;

#[test]
fn xlm_roberta_agrees_on_the_cpu() {
    Golden::tiny("xlm_roberta_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn electra_agrees_on_the_cpu() {
    Golden::tiny("electra_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn mpnet_agrees_on_the_cpu() {
    Golden::tiny("mpnet_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn albert_agrees_on_the_cpu() {
    Golden::tiny("albert_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn deberta_agrees_on_the_cpu() {
    Golden::tiny("deberta_v2_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn modernbert_agrees_on_the_cpu() {
    Golden::tiny("modernbert_pair_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn every_other_head_agrees_on_the_cpu() {
    for name in NARROW_HEADS {
        eprintln!("{name}");
        let golden = Golden::tiny(name);
        golden.check_forward(&devices::cpu());
        golden.check_gradients(Pass::Kept, &devices::cpu());
    }
}

#[test]
fn peft_adapters_agree_on_the_cpu() {
    for (name, model) in [
        ("albert_pair_lora", "albert_pair_tiny"),
        ("deberta_v2_pair_lora", "deberta_v2_pair_tiny"),
        ("mpnet_ner_lora", "encoder_heads/mpnet_ner"),
        ("modernbert_ner_lora", "encoder_heads/modernbert_ner"),
    ] {
        eprintln!("{name}");
        Golden::of(name, model).check_whole(&devices::cpu());
    }
}

#[test]
fn they_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["mpnet_pair_tiny", "deberta_v2_pair_tiny", "modernbert_pair_tiny"] {
        eprintln!("{name}");
        let golden = Golden::tiny(name);
        golden.check_forward(&device);
        golden.check_gradients(Pass::Kept, &device);
    }
}

fn file(folder: &str, name: &str) -> Vec<u8> {
    std::fs::read(paths::fixture(folder).join(name)).expect("the fixture is whole")
}

#[test]
fn files_are_written_with_the_keys_and_values_of_transformers() {
    for name in PAIRS.into_iter().chain(NARROW_HEADS) {
        let config = ModelConfig::from_json(&file(name, "config.json")).expect("it is supported");
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

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

#[test]
fn logits_in_half_precision_are_close() {
    let device = devices::cpu();
    for name in PAIRS {
        let golden = Golden::tiny(name);
        let inputs = BatchInputs::new(&golden.batch().inputs, &device);
        let model = golden.model(&device).freeze(|_| false);
        let [half, full] = [FloatDType::F16, FloatDType::F32]
            .map(|dtype| values(model.clone().with_dtype(dtype).for_inference().outputs(&inputs)));
        let error = difference(&half, &full) / largest(&full);
        assert!(error > 0.0 && error < HALF, "{name}: {error}");
    }
}

/// A small model of fresh weights with the tiny encoder's tokenizer.
pub(crate) fn small(model_type: &str) -> Folder {
    let mut folder = paths::read_folder(&paths::fixture("tiny_encoder"));
    let embedding_size = if model_type == "deberta-v2" { 32 } else { 24 };
    let json = json!({
        "model_type": model_type, "vocab_size": 1000, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64, "type_vocab_size": 2,
        "initializer_range": 0.2, "pad_token_id": 1, "embedding_size": embedding_size, "relative_attention": true,
        "share_att_key": true, "position_biased_input": false, "norm_rel_ebd": "layer_norm", "pos_att_type": "p2c|c2p",
        "position_buckets": 16,
    });
    let config = ModelConfig::from_json(json.to_string().as_bytes()).expect("it is supported");
    let config = config.with_head(HeadKind::Pooled).expect("every encoder has this class");
    let model = Model::new(&config, Pooling::Cls, 0, &mut Init::new(3), &Device::flex());
    let weights = block_on(read_weights(&model, config.key_map(), |_, _| true)).expect("they can be read");
    folder.insert(WEIGHTS, weights_to_safetensors(config.key_map(), &weights).expect("all are finite"));
    folder.insert("config.json", json.to_string());
    folder
}

/// Logits of one text of a few tokens.
fn logits(model: &Model, config: &ModelConfig) -> Vec<f32> {
    let row = TextRow { input_ids: &[2, 20, 300, 41, 999, 3], token_type_ids: &[] };
    let padding = Padding {
        pad_token_id: config.pad_token_id,
        multiple_of: 1,
        max_length: config.max_tokens(),
        positions: config.position_ids(),
    };
    let host = HostInputs::Text(HostText::pad(&[row], &padding));
    values(model.for_inference().outputs(&BatchInputs::new(&host, &Device::flex())))
}

fn build(pretrained: &PretrainedModel) -> Model {
    pretrained.build(HeadKind::Sequence, Pooling::Cls, 3, 1, &Device::flex()).expect("the weights fit").0
}

#[test]
fn an_adapter_learned_in_half_precision_fits_its_base_and_what_was_not_trained_leaves_as_it_came() {
    let run = RunConfig {
        method: Method::Lora,
        dtype: Dtype::F16,
        lora: LoraConfig { lora_dropout: 0.0, ..LoraConfig::default() },
        dropout: Some(0.0), // other tests of this process draw too
        num_train_epochs: 1,
        batch_size: 8,
        learning_rate: 5e-3,
        max_seq_length: 32,
        ..RunConfig::default()
    };
    for (model_type, prefix, targets) in [
        ("xlm-roberta", "roberta.", vec!["query", "value"]),
        ("electra", "electra.", vec!["query", "value"]),
        ("mpnet", "mpnet.", vec!["q", "v"]),
        ("albert", "albert.", vec!["query", "value"]),
        ("deberta-v2", "deberta.", vec!["query_proj", "value_proj"]),
        ("modernbert", "model.", vec!["Wqkv"]),
    ] {
        eprintln!("{model_type}");
        let folder = small(model_type);
        let mut session = Session::new(Device::flex());
        session.load_model(ModelSource::Local { name: model_type.into() }, folder.clone()).expect("it loads");
        session.load_data(files(rows::csv(60)), &ReadOptions::default(), &run).expect("the rows load");
        let job = session.start(run.clone()).expect("it starts");
        assert_eq!(job.run.lora.target_modules, targets, "where none are named");
        let _ = drain(&mut session);
        let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
        let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");

        let base = PretrainedModel::open(folder.clone()).expect("it is whole");
        let adapted = load_adapter(&base.config, build(&base), &adapter, &Device::flex()).expect("it fits");
        let whole = PretrainedModel::open(merged.clone()).expect("it is whole");
        let [found, expected] = [&adapted, &build(&whole)].map(|model| logits(model, &base.config));
        assert!(difference(&found, &expected) < SAME, "{model_type}: {found:?}, merged {expected:?}");

        let [merged, base] = [&merged, &folder].map(|folder| folder.get(WEIGHTS).expect("it has weights"));
        let merged = WeightFile::open("merged", merged).expect("it is whole");
        let base = WeightFile::open("base", base).expect("it is whole");
        for key in base.names() {
            let found = merged.read(&format!("{prefix}{key}")).expect("it reads");
            let is_adapted = targets.iter().any(|target| key.ends_with(&format!(".{target}.weight")));
            assert_eq!(found == base.read(key).expect("it reads"), !is_adapted, "{model_type}: {key}");
        }
    }
}

#[test]
fn an_albert_has_one_layer_to_train_to_freeze_and_to_keep() {
    let mut session = Session::new(Device::flex());
    let info = session.load_model(ModelSource::Local { name: "albert".into() }, small("albert")).expect("it loads");
    assert!(info.notes.iter().any(|note| note.contains("its 2 layers are one")), "{:?}", info.notes);
    let run = |method| RunConfig { method, num_train_epochs: 1, max_seq_length: 32, ..RunConfig::default() };
    let last = run(Method::LastLayers(1));
    session.load_data(files(rows::csv(40)), &ReadOptions::default(), &last).expect("the rows load");
    let error = session.start(run(Method::LastLayers(2))).expect_err("it has one").to_string();
    assert!(error.contains("last:2"), "{error}");
    let wish = ModelChanges { add_layers: 1, ..ModelChanges::default() };
    let error = session.change_model(&wish, 1).expect_err("all share its weights").to_string();
    assert!(error.contains("the same weights"), "{error}");
    session.start(last).expect("the one layer can be trained");
}
