//! Encoders of images: they agree with PyTorch, transformers and PEFT (logits 2e-5, loss 1e-5, gradients 1e-4 relative, twenty
//! AdamW losses 4e-5) at their own size and at others, adapters of either version of transformers fit, and files leave as they
//! came.

use burn::tensor::{Device, FloatDType};
use futures_lite::future::block_on;
use hone_core::batch::BatchInputs;
use hone_core::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, HostTensor, ModelReader, PretrainedModel, WEIGHTS, WeightFile, export_adapter,
    export_folder, load_adapter, lora_of_adapter, reshape,
};
use hone_core::config::{Job, Method, ModelChanges, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::folder::Folder;
use hone_core::model::{BackboneConfig, Model, ModelConfig};
use hone_core::task::HeadKind;
use hone_tests::golden::{Golden, Pass, values};
use hone_tests::{devices, paths};
use serde_json::{Value, json};

const ALL: [&str; 4] = ["vit_tiny", "deit_tiny", "dinov2_tiny", "dinov2_swiglu_tiny"];
const LABELS: [&str; 3] = ["circle", "square", "triangle"];

/// Largest difference of a logit in f16, relative to the largest logit.
const HALF: f32 = 2e-2;

#[test]
fn vit_agrees_on_the_cpu() {
    Golden::tiny("vit_tiny").check_whole_and_parts(&devices::cpu());
}

/// The golden that the project was given, of another size and with five labels (`copy_given.py`).
#[test]
fn the_given_vit_agrees_on_the_cpu() {
    Golden::tiny("vit_given").check_whole(&devices::cpu());
}

#[test]
fn a_vit_of_deit_agrees_on_the_cpu() {
    Golden::tiny("deit_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn dinov2_agrees_on_the_cpu() {
    Golden::tiny("dinov2_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn dinov2_with_a_gate_agrees_on_the_cpu() {
    Golden::tiny("dinov2_swiglu_tiny").check_whole_and_parts(&devices::cpu());
}

#[test]
fn images_of_other_sizes_agree_on_the_cpu() {
    for name in ["vit_tiny", "dinov2_tiny"] {
        eprintln!("{name}");
        Golden::tiny(name).check_resized(&devices::cpu());
    }
}

#[test]
fn a_peft_adapter_agrees_on_the_cpu() {
    Golden::of("vit_lora", "vit_tiny").check_whole(&devices::cpu());
}

#[test]
fn they_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["vit_tiny", "dinov2_tiny"] {
        eprintln!("{name}");
        let golden = Golden::tiny(name);
        golden.check_forward(&device);
        golden.check_gradients(Pass::Kept, &device);
        golden.check_resized(&device);
    }
}

#[test]
fn logits_in_half_precision_are_close() {
    let device = devices::cpu();
    for name in ALL {
        let golden = Golden::tiny(name);
        let inputs = BatchInputs::new(&golden.batch().inputs, &device);
        let model = golden.model(&device).freeze(|_| false);
        let [half, full] = [FloatDType::F16, FloatDType::F32]
            .map(|dtype| values(model.clone().with_dtype(dtype).for_inference().outputs(&inputs)));
        let error = difference(&half, &full) / full.iter().fold(0.0, |most, value| value.abs().max(most));
        assert!(error > 0.0 && error < HALF, "{name}: {error}");
    }
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

fn folder(name: &str) -> Folder {
    paths::read_folder(&paths::fixture(name))
}

fn open(folder: Folder) -> PretrainedModel {
    PretrainedModel::open(folder).expect("it is whole")
}

/// The model with its own head, and the keys that it has no place for.
fn build(pretrained: &PretrainedModel) -> (Model, Vec<String>) {
    let built = pretrained.build(HeadKind::Image, Pooling::Cls, LABELS.len(), 1, &Device::flex());
    let (model, report) = built.expect("the weights fit");
    (model, report.unused)
}

fn logits(model: &Model, golden: &Golden) -> Vec<f32> {
    values(model.for_inference().outputs(&BatchInputs::new(&golden.batch().inputs, &Device::flex())))
}

fn job(run: RunConfig) -> Job {
    Job::new(ModelSource::Local { name: "base".into() }, None, ReadOptions::default(), run)
}

fn tensors(folder: &Folder, file: &str) -> Vec<(String, HostTensor)> {
    let file = WeightFile::open_in(folder, [file]).expect("it is whole");
    let tensor = |name: &str| (name.to_owned(), file.read(name).expect("plain numbers").expect("it is there"));
    file.names().map(tensor).collect()
}

#[test]
fn configs_of_transformers_4_and_5_mean_the_same() {
    for name in ALL {
        let [hub, now] = ["config.json", "config_transformers5.json"].map(|file| {
            let bytes = folder(name).get(file).expect("it is there").to_vec();
            ModelConfig::from_json(&bytes).expect("it is supported")
        });
        assert_eq!((&hub.backbone, &hub.labels), (&now.backbone, &now.labels), "{name}");
        assert_eq!((hub.head_kind(), hub.labels), (HeadKind::Image, LABELS.map(str::to_owned).to_vec()));
    }
}

#[test]
fn files_are_written_with_the_keys_and_values_of_transformers() {
    let labels = LABELS.map(str::to_owned);
    for name in ALL {
        let pretrained = open(folder(name));
        let (model, unused) = build(&pretrained);
        assert!(unused.is_empty(), "{name}: {unused:?}");
        let exported = block_on(export_folder(&pretrained, &model, &labels, &job(RunConfig::default()), None));
        let exported = exported.expect("it exports");
        assert!(tensors(&exported, WEIGHTS) == tensors(&pretrained.folder, WEIGHTS), "{name}: its mask token, too");
        assert_eq!(exported.get("preprocessor_config.json"), pretrained.folder.get("preprocessor_config.json"));
        let config: Value = serde_json::from_slice(exported.get("config.json").expect("it has one")).expect("JSON");
        assert_eq!(config["architectures"], json!([pretrained.config.class_name()]));
        assert_eq!(config["id2label"], pretrained.config.json["id2label"]);
    }
}

#[test]
fn a_base_without_a_head_is_read_under_its_own_names_and_its_pooler_is_left_out() {
    let golden = Golden::tiny("vit_tiny");
    let whole = folder("vit_tiny");
    let mut bare = whole.clone();
    let mut weights: Vec<(String, HostTensor)> = tensors(&whole, WEIGHTS)
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("vit.")?.to_owned(), tensor)))
        .collect();
    weights.push(("pooler.dense.bias".into(), HostTensor { shape: vec![32], values: vec![0.5; 32] }));
    let map = open(whole.clone()).config.key_map();
    bare.insert(WEIGHTS, hone_core::checkpoint::weights_to_safetensors(map, &weights).expect("all are finite"));
    let pretrained = open(bare);
    let (model, unused) = build(&pretrained);
    assert_eq!(unused, ["pooler.dense.bias"]);
    assert!(!pretrained.holds_head(HeadKind::Image) && open(whole.clone()).holds_head(HeadKind::Image));
    let inputs = BatchInputs::new(&golden.batch().inputs, &Device::flex());
    let [found, expected] =
        [&model, &build(&open(whole)).0].map(|model| values(model.for_inference().backbone.forward(&inputs)));
    assert_eq!(found, expected);
}

#[test]
fn adapters_have_the_names_of_transformers_5_and_those_of_4_are_read() {
    let golden = Golden::tiny("vit_tiny");
    let pretrained = open(folder("vit_tiny"));
    let base = build(&pretrained).0;
    let now = folder("vit_lora/adapter");
    let device = Device::flex();
    let expected = {
        let model = load_adapter(&pretrained.config, base.clone(), &now, &device).expect("it fits");
        logits(&model, &golden)
    };
    assert!(difference(&expected, &logits(&base, &golden)) > 0.1, "it changes what the base says");
    let mut before = folder("vit_lora/adapter_transformers4");
    let mut config: Value =
        serde_json::from_slice(before.get(ADAPTER_CONFIG).expect("it has settings")).expect("it is JSON");
    config["alpha_pattern"] = json!({"layer.0.attention.attention.query": 8.0});
    before.insert(ADAPTER_CONFIG, config.to_string());
    for adapter in [&now, &before] {
        let model = load_adapter(&pretrained.config, base.clone(), adapter, &device).expect("it fits");
        assert_eq!(logits(&model, &golden), expected);
        let lora = lora_of_adapter(&pretrained.config, &model, adapter).expect("it is read once more");
        assert_eq!(lora.target_modules, ["q_proj", "v_proj"]);
        let patterns: Vec<&str> = lora.alpha_pattern.keys().map(String::as_str).collect();
        let expected_patterns: &[&str] = if adapter == &before { &["vit.layers.0.attention.q_proj"] } else { &[] };
        assert_eq!(patterns, expected_patterns);
        let run = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        let exported = block_on(export_adapter(&pretrained, &model, &LABELS.map(str::to_owned), &job(run), None))
            .expect("exports");
        assert!(tensors(&exported, ADAPTER_WEIGHTS) == tensors(&now, ADAPTER_WEIGHTS));
        let settings: Value = serde_json::from_slice(exported.get(ADAPTER_CONFIG).expect("settings")).expect("JSON");
        assert_eq!(settings["target_modules"], json!(["q_proj", "v_proj"]));
        assert_eq!(settings["modules_to_save"], json!(["classifier"]));
    }
    let other = open(folder("dinov2_tiny"));
    let error = load_adapter(&other.config, build(&other).0, &now, &device).expect_err("of another model").to_string();
    assert!(error.contains("q_proj") && error.contains("another base model"), "{error}");
}

#[test]
fn layers_are_left_out_and_added_and_words_are_not() {
    let pretrained = open(folder("dinov2_tiny"));
    let wishes = ModelChanges { keep_layers: vec![1], add_layers: 1, ..ModelChanges::default() };
    let (changed, _) = reshape(&pretrained, &wishes, 7).expect("it can be changed");
    let changed = open(changed);
    let BackboneConfig::Vision(vision) = &changed.config.backbone else { panic!("it reads images") };
    assert_eq!((vision.num_hidden_layers, vision.layer_scale), (2, Some(0.5)));
    assert!(["stage_names", "out_features"].iter().all(|&name| changed.config.json.get(name).is_none()));
    let [before, after] = [&pretrained, &changed].map(|model| tensors(&model.folder, WEIGHTS));
    let value = |all: &[(String, HostTensor)], name: &str| {
        all.iter().find(|(found, _)| found == name).map(|(_, tensor)| tensor.values.clone()).expect("it is there")
    };
    let layer = |number: usize, name: &str| format!("dinov2.encoder.layer.{number}.{name}");
    for name in ["layer_scale1.lambda1", "norm2.bias", "mlp.fc1.weight"] {
        assert_eq!(value(&after, &layer(0, name)), value(&before, &layer(1, name)), "{name}");
    }
    assert_eq!(value(&after, &layer(1, "layer_scale2.lambda1")), [0.5; 32]);
    assert_eq!(value(&after, &layer(1, "norm1.weight")), [1.0; 32]);
    for name in ["dinov2.embeddings.mask_token", "dinov2.embeddings.position_embeddings"] {
        assert_eq!(value(&after, name), value(&before, name));
    }
    assert!(build(&changed).1.is_empty());
    let wishes = ModelChanges { add_tokens: vec!["violin".into()], ..ModelChanges::default() };
    let error = reshape(&pretrained, &wishes, 7).expect_err("it has no tokens").to_string();
    assert!(error.contains("add_tokens") && error.contains("reads images"), "{error}");
}

#[test]
fn sizes_that_are_not_those_of_the_file_are_named() {
    for (name, field, value, word) in [
        ("vit_tiny", "image_size", json!(32), "position_embeddings"),
        ("vit_tiny", "hidden_size", json!(16), "position_embeddings"),
        ("vit_tiny", "intermediate_size", json!(65), "intermediate_size 65"),
        ("dinov2_tiny", "mlp_ratio", json!(3), "hidden_size x mlp_ratio 96"),
        ("dinov2_swiglu_tiny", "use_swiglu_ffn", json!(false), "fc1"),
    ] {
        let mut wrong = folder(name);
        let mut config: Value = serde_json::from_slice(wrong.get("config.json").expect("it has one")).expect("JSON");
        config[field] = value;
        wrong.insert("config.json", config.to_string());
        // What it makes of images goes with the config: the weights are to be blamed.
        wrong.remove("preprocessor_config.json");
        let error = PretrainedModel::open(wrong).expect_err("they do not belong together").to_string();
        assert!(error.contains(word), "{name} {field}: {error}");
    }
}

#[test]
fn images_of_another_size_than_the_models_need_a_model_that_interpolates() {
    let with_images_of_24 = |name: &str| {
        let mut folder = folder(name);
        let file = folder.get("preprocessor_config.json").expect("it has one");
        let mut config: Value = serde_json::from_slice(file).expect("JSON");
        let field = if config["do_center_crop"] == true { "crop_size" } else { "size" };
        config[field] = json!({ "height": 24, "width": 24 });
        folder.insert("preprocessor_config.json", config.to_string());
        PretrainedModel::open(folder)
    };
    let error = with_images_of_24("vit_tiny").expect_err("it has positions for 16 x 16 pixels").to_string();
    let said =
        "preprocessor_config.json makes images of 24 x 24 pixels (height x width), but config.json says image_size 16";
    assert!(error.starts_with(said) && error.contains("write 16 in the one, or 24 in the other"), "{error}");
    let dinov2 = with_images_of_24("dinov2_tiny").expect("its class interpolates the table whatever the size");
    let ModelReader::Images(processor) = &dinov2.reader else { panic!("it reads images") };
    assert_eq!(processor.size(), [24, 24], "config.json says 15");
}
