//! Every architecture with every head: names of its parameters, shapes of its outputs, and what is trained.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::config::tests::{BERT, config_of};
use super::{Head, LayerCounts, Model, ModelConfig, checkpoint_key, is_trained, possible_keys};
use crate::batch::BatchInputs;
use crate::config::{Freeze, LoraConfig, Method, Pooling};
use crate::data::{HostInputs, HostText, Padding, TextRow};
use crate::nn::{Init, ParamPath};
use crate::task::HeadKind;

const ENCODERS: [&str; 3] = ["bert", "distilbert", "roberta"];
const HEADS: [HeadKind; 5] =
    [HeadKind::Sequence, HeadKind::Token, HeadKind::Span, HeadKind::MaskedLm, HeadKind::Pooled];

/// Modules of a layer, and of the embeddings, as `state_dict` of `transformers` 5.24 has them.
const BERT_LAYER: [&str; 8] = [
    "attention.output.LayerNorm",
    "attention.output.dense",
    "attention.self.key",
    "attention.self.query",
    "attention.self.value",
    "intermediate.dense",
    "output.LayerNorm",
    "output.dense",
];
const DISTILBERT_LAYER: [&str; 8] = [
    "attention.k_lin",
    "attention.out_lin",
    "attention.q_lin",
    "attention.v_lin",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
    "sa_layer_norm",
];
const BERT_TABLES: [&str; 3] = ["word_embeddings", "position_embeddings", "token_type_embeddings"];

#[derive(Default)]
struct Paths {
    path: ParamPath,
    found: Vec<String>,
}

impl ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.found.push(self.path.join());
    }
}

fn config(model_type: &str, head: HeadKind) -> ModelConfig {
    config_of(model_type).with_head(head).expect("the architecture has it")
}

fn model(config: &ModelConfig, pooling: Pooling) -> Model {
    Model::new(config, pooling, 3, &mut Init::new(1), &Device::flex())
}

fn paths(model: &Model) -> Vec<String> {
    let mut paths = Paths::default();
    model.visit(&mut paths);
    paths.found
}

/// Modules of a head, the bare ones of a bias alone included, as `save_pretrained` of `transformers` 5.24 writes them.
fn head_keys(model_type: &str, head: HeadKind) -> Vec<&'static str> {
    match (model_type, head) {
        ("bert", HeadKind::Sequence) => vec!["bert.pooler.dense", "classifier"],
        ("distilbert", HeadKind::Sequence) => vec!["pre_classifier", "classifier"],
        (_, HeadKind::Sequence) => vec!["classifier.dense", "classifier.out_proj"],
        (_, HeadKind::Token) => vec!["classifier"],
        (_, HeadKind::Span) => vec!["qa_outputs"],
        ("bert", HeadKind::MaskedLm) => vec!["cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"],
        ("distilbert", HeadKind::MaskedLm) => vec!["vocab_transform", "vocab_layer_norm"],
        (_, HeadKind::MaskedLm) => vec!["lm_head.dense", "lm_head.layer_norm"],
        _ => Vec::new(),
    }
}

/// The bias of the vocabulary.
fn vocabulary_bias(model_type: &str) -> &'static str {
    match model_type {
        "bert" => "cls.predictions.bias",
        "distilbert" => "vocab_projector.bias",
        _ => "lm_head.bias",
    }
}

/// All keys that `save_pretrained` writes of a model of one layer; a bare model's own pooler left out.
fn expected_keys(model_type: &str, head: HeadKind) -> BTreeSet<String> {
    let prefix = if head == HeadKind::Pooled { String::new() } else { format!("{model_type}.") };
    let (layer, layers, num_tables) = match model_type {
        "distilbert" => (DISTILBERT_LAYER, "transformer.layer.0", 2),
        _ => (BERT_LAYER, "encoder.layer.0", 3),
    };
    let both = |module: String| [format!("{module}.weight"), format!("{module}.bias")];
    let mut keys: BTreeSet<String> =
        layer.iter().flat_map(|module| both(format!("{prefix}{layers}.{module}"))).collect();
    keys.extend(BERT_TABLES[..num_tables].iter().map(|table| format!("{prefix}embeddings.{table}.weight")));
    keys.extend(both(format!("{prefix}embeddings.LayerNorm")));
    keys.extend(head_keys(model_type, head).into_iter().flat_map(|module| both(module.to_owned())));
    if head == HeadKind::MaskedLm {
        keys.insert(vocabulary_bias(model_type).to_owned());
    }
    keys
}

#[test]
fn keys_are_those_that_transformers_writes() {
    for model_type in ENCODERS {
        for head in HEADS {
            let config = config(model_type, head);
            let paths = paths(&model(&config, Pooling::Cls));
            let key = |path: &String| checkpoint_key(config.key_map(), path).expect("every parameter has a key");
            let found: BTreeSet<String> = paths.iter().map(key).collect();
            assert_eq!(found.len(), paths.len(), "{model_type} {head:?}: no two have one key");
            assert_eq!(found, expected_keys(model_type, head), "{model_type} {head:?}");
            for path in &paths {
                assert!(possible_keys(config.key_map(), path).contains(&key(path)), "{path}");
            }
        }
    }
}

/// Modules of a layer of an encoder of images, and the parameters of DINOv2 that are no weight and no bias.
const VIT_LAYER: [&str; 8] = [
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
    "attention.output.dense",
    "layernorm_before",
    "intermediate.dense",
    "output.dense",
    "layernorm_after",
];
const DINOV2_LAYER: [&str; 8] = [
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
    "attention.output.dense",
    "norm1",
    "mlp.fc1",
    "mlp.fc2",
    "norm2",
];
const DINOV2_SCALES: [&str; 2] = ["layer_scale1.lambda1", "layer_scale2.lambda1"];

#[test]
fn keys_of_models_of_images_are_those_that_transformers_writes() {
    for (model_type, layer, scales) in [("vit", VIT_LAYER, &[][..]), ("dinov2", DINOV2_LAYER, &DINOV2_SCALES[..])] {
        let config = config(model_type, HeadKind::Image);
        let both = |module: String| [format!("{module}.weight"), format!("{module}.bias")];
        let of_layer = layer.into_iter().flat_map(|module| both(format!("{model_type}.encoder.layer.0.{module}")));
        let mut expected: BTreeSet<String> = of_layer.collect();
        expected.extend(scales.iter().map(|name| format!("{model_type}.encoder.layer.0.{name}")));
        let tables = ["cls_token", "position_embeddings"];
        expected.extend(tables.map(|name| format!("{model_type}.embeddings.{name}")));
        expected.extend(both(format!("{model_type}.embeddings.patch_embeddings.projection")));
        expected.extend(both(format!("{model_type}.layernorm")));
        expected.extend(both("classifier".to_owned()));
        let paths = paths(&model(&config, Pooling::Cls));
        let key = |path: &String| checkpoint_key(config.key_map(), path).expect("every parameter has a key");
        let found: BTreeSet<String> = paths.iter().map(key).collect();
        assert_eq!((found.len(), &found), (paths.len(), &expected), "{model_type}");
        for path in &paths {
            assert!(possible_keys(config.key_map(), path).contains(&key(path)), "{path}");
        }
    }
}

#[test]
fn an_image_has_a_row_of_outputs_which_its_features_give_too() {
    let pixels = Tensor::<4>::ones([2, 3, 224, 224], &Device::flex());
    let inputs = BatchInputs::Pixels(pixels);
    for (model_type, width) in [("vit", 8), ("dinov2", 16)] {
        let model = model(&config(model_type, HeadKind::Image), Pooling::Mean).for_inference();
        let outputs = model.outputs(&inputs);
        assert_eq!((outputs.dims(), model.head.num_labels(), model.head.kind()), ([2, 3], Some(3), HeadKind::Image));
        let features = model.head.features(model.backbone.forward(&inputs), &inputs).expect("a vector an image");
        assert_eq!(features.dims(), [2, width]);
        assert_eq!(values(model.head.outputs_of_features(features)), values(outputs));
        assert!(matches!(model.head, Head::Image(_)) && model.output_table().is_none());
        assert_eq!(model.backbone.vocab_size(), 0);
    }
}

#[test]
fn modules_of_models_of_images_have_their_names_in_memory() {
    for (model_type, start, more) in [
        ("vit", "vit.layers.0.", &["fc1", "fc2"][..]),
        ("dinov2", "dinov2.encoder.layer.0.", &["fc1", "fc2"][..]),
        ("swiglu", "dinov2.encoder.layer.0.", &["down_proj"][..]),
    ] {
        let config = match model_type {
            "swiglu" => {
                let json = BERT.replace("\"bert\"", "\"dinov2\"").replacen('{', "{\"use_swiglu_ffn\":true,", 1);
                ModelConfig::from_json(json.as_bytes()).expect("usable")
            }
            _ => config(model_type, HeadKind::Image),
        };
        let (model, map) = (model(&config, Pooling::Cls), config.key_map());
        let mut expected: Vec<&str> =
            ["k_proj", "o_proj", "q_proj", "v_proj"].into_iter().chain(more.iter().copied()).collect();
        expected.sort_unstable();
        assert_eq!(model.module_names(map), expected, "{model_type}");
        for module in model.linear_modules(map) {
            assert!(module.name.starts_with(start), "{module:?}");
        }
        let mut adapted = model.clone();
        let lora = LoraConfig { r: 2, ..LoraConfig::default() };
        let all = ["all-linear".to_owned()];
        let paths = adapted.add_lora(map, &lora, &all, &mut Init::new(1), &Device::flex());
        assert_eq!(paths.len(), expected.len(), "{paths:?}");
    }
}

fn inputs(rows: &[&[u32]], config: &ModelConfig) -> BatchInputs {
    let rows: Vec<TextRow<'_>> = rows.iter().map(|row| TextRow { input_ids: row, token_type_ids: &[] }).collect();
    let padding = Padding {
        pad_token_id: config.pad_token_id,
        multiple_of: 1,
        max_length: config.max_tokens(),
        positions: config.position_ids(),
    };
    BatchInputs::new(&HostInputs::Text(HostText::pad(&rows, &padding)), &Device::flex())
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn outputs_have_a_row_for_a_text_or_for_a_token() {
    let rows: [&[u32]; 2] = [&[2, 3, 4, 5], &[6, 7]];
    for model_type in ENCODERS {
        for head in HEADS {
            let config = config(model_type, head);
            let inputs = inputs(&rows, &config);
            let model = model(&config, Pooling::Cls).for_inference();
            let expected = match head {
                HeadKind::Sequence => [2, 3],
                HeadKind::Token => [8, 3],
                HeadKind::Span => [8, 2],
                HeadKind::MaskedLm => [8, 10],
                _ => [2, 8],
            };
            assert_eq!(model.outputs(&inputs).dims(), expected, "{model_type} {head:?}");
            let states = model.backbone.forward(&inputs).reshape([8, 8]);
            let scores = model.scores_of_tokens(states);
            assert_eq!(scores.is_some(), head == HeadKind::MaskedLm);
            if let Some(scores) = scores {
                assert_eq!(values(scores), values(model.outputs(&inputs)));
            }
        }
    }
}

#[test]
fn a_pooled_vector_has_length_one_and_padding_takes_no_part_in_it() {
    let config = config("bert", HeadKind::Pooled);
    let model = model(&config, Pooling::Cls).for_inference();
    let both = values(model.outputs(&inputs(&[&[2, 3, 4, 5], &[6, 7]], &config)));
    let alone = values(model.outputs(&inputs(&[&[6, 7]], &config)));
    let length: f32 = alone.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() < 1e-6, "{length}");
    let differs = both[8..].iter().zip(&alone).any(|(padded, plain)| (padded - plain).abs() > 1e-6);
    assert!(!differs, "{both:?} {alone:?}");
}

#[test]
fn a_decoder_scores_tokens_with_the_table_that_it_names() {
    let config = config_of("gpt2");
    let tied = model(&config, Pooling::Cls).for_inference();
    assert_eq!(tied.output_table().expect("it predicts tokens").0, "backbone.embed_tokens");
    let mut untied = config.clone();
    untied.untie_word_embeddings();
    let untied = model(&untied, Pooling::Cls).for_inference();
    assert_eq!(untied.output_table().expect("it predicts tokens").0, "head.lm_head");
    let inputs = inputs(&[&[2, 3]], &config);
    for model in [tied, untied] {
        let causal_lm = model.causal_lm().expect("it predicts tokens");
        let text = inputs.text();
        let last = values(causal_lm.next_logits(text, &mut crate::nn::KvCache::default()));
        let all = values(model.outputs(&inputs));
        assert!(last.iter().zip(&all[10..]).all(|(last, all)| (last - all).abs() < 1e-6), "{last:?} {all:?}");
    }
    let encoder = model(&config_of("bert"), Pooling::Cls);
    assert!(encoder.output_table().is_none() && encoder.causal_lm().is_none());
}

#[test]
fn the_head_is_drawn_before_the_backbone_and_its_dense_layer_before_its_classifier() {
    let config = config_of("bert");
    let device = Device::flex();
    let mut init = Init::new(7);
    let model = Model::new(&config, Pooling::Cls, 3, &mut Init::new(7), &device);
    let mut expected = vec![init.normal([8, 8], 0.02, &device), init.normal([8, 3], 0.02, &device)];
    expected.push(init.table([10, 8], 0.02, Some(0), &device)); // words
    let found = Matrices::of(&model);
    for (path, expected) in ["head.dense.weight", "head.classifier.weight"].iter().zip(&expected) {
        assert_eq!(found.value(path), values(expected.clone()), "{path}");
    }
    let words = "backbone.embeddings.word_embeddings.weight";
    assert_eq!(found.value(words), values(expected[2].clone()));
    let mean = Matrices::of(&Model::new(&config, Pooling::Mean, 3, &mut Init::new(7), &device));
    let first = values(Init::new(7).normal([8, 3], 0.02, &device));
    assert_eq!(mean.value("head.classifier.weight"), first, "it has no dense layer");
}

/// Parameters that are no vectors, by path.
#[derive(Default)]
struct Matrices {
    path: ParamPath,
    found: Vec<(String, Vec<f32>)>,
}

impl Matrices {
    fn of(model: &Model) -> Self {
        let mut found = Self::default();
        model.visit(&mut found);
        found
    }

    fn value(&self, path: &str) -> Vec<f32> {
        self.found.iter().find(|(found, _)| found == path).expect("it has it").1.clone()
    }
}

impl ModuleVisitor for Matrices {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 2 {
            let values = param.val().into_data().iter::<f32>().collect();
            self.found.push((self.path.join(), values));
        }
    }
}

#[test]
fn what_a_method_trains() {
    let layers = LayerCounts { before_decoder: 0, all: 4 };
    // full, head, two last layers, LoRA
    let methods = [Method::Full, Method::Head, Method::LastLayers(2), Method::Lora];
    let cases = [
        ("backbone.embeddings.word_embeddings.weight", [true, false, false, false]),
        ("backbone.embeddings.layer_norm.weight", [true, false, false, false]),
        ("backbone.embeddings.cls_token", [true, false, false, false]),
        ("backbone.projection.weight", [true, false, false, false]),
        ("backbone.relative_attention_bias.weight", [true, false, false, false]),
        ("backbone.layers.1.query.weight", [true, false, false, false]),
        ("backbone.layers.2.query.weight", [true, false, true, false]),
        ("backbone.layers.3.self_attn.q_proj.weight", [true, false, true, false]),
        ("backbone.layers.0.query.lora.lora_a", [true, false, false, true]),
        ("backbone.norm.weight", [true, false, true, false]),
        ("head.dense.weight", [true, true, true, true]),
        ("head.classifier.bias", [true, true, true, true]),
        ("head.qa_outputs.weight", [true, true, true, true]),
        ("head.lm_head.shards.0", [true, true, true, false]),
        ("head.lm_head.dense.weight", [true, true, true, false]),
        ("head.lm_head.bias", [true, true, true, false]),
        ("head.lm_head.dense.lora.lora_b", [true, true, true, true]),
        ("more_heads.0.classifier.bias", [true, true, true, true]),
        ("more_heads.1.lm_head.bias", [true, true, true, false]),
    ];
    for (path, expected) in cases {
        let found = methods.map(|method| is_trained(method, Freeze::None, path, layers));
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn layers_of_a_decoder_come_after_those_of_its_encoder() {
    let layers = LayerCounts { before_decoder: 3, all: 5 };
    let methods = [Method::LastLayers(1), Method::LastLayers(2), Method::LastLayers(3)];
    let frozen = [Freeze::Embeddings, Freeze::Layers(1), Freeze::Layers(4)];
    let cases = [
        ("backbone.embed_tokens.shards.0", [false; 3], [false; 3]),
        ("backbone.encoder.layers.0.self_attn.relative_attention_bias.weight", [false; 3], [true, false, false]),
        ("backbone.encoder.layers.2.mlp.wo.weight", [false, false, true], [true, true, false]),
        ("backbone.encoder.norm.weight", [false, false, true], [true, true, false]),
        ("backbone.decoder.layers.0.cross_attn.q_proj.weight", [false, true, true], [true, true, false]),
        ("backbone.decoder.layers.1.mlp_norm.weight", [true; 3], [true; 3]),
        ("backbone.decoder.norm.weight", [true; 3], [true; 3]),
        ("head.lm_head.shards.0", [true; 3], [true; 3]),
    ];
    for (path, of_last, of_frozen) in cases {
        assert_eq!(methods.map(|method| is_trained(method, Freeze::None, path, layers)), of_last, "{path}");
        assert_eq!(frozen.map(|freeze| is_trained(Method::Full, freeze, path, layers)), of_frozen, "{path}");
    }
}

#[test]
fn what_is_frozen_of_all_weights() {
    let layers = LayerCounts { before_decoder: 0, all: 4 };
    let kinds = [Freeze::None, Freeze::Embeddings, Freeze::Layers(2)];
    let cases = [
        ("backbone.embeddings.token_type_embeddings.weight", [true, false, false]),
        ("backbone.embeddings.layer_norm.bias", [true, false, false]),
        ("backbone.projection.bias", [true, false, false]),
        ("backbone.embeddings.position_embeddings", [true, false, false]),
        ("backbone.layers.1.attention_scale.lambda1", [true, true, false]),
        ("backbone.relative_attention_bias.weight", [true, true, false]),
        ("backbone.relative_embeddings.weight", [true, true, false]),
        ("backbone.embed_tokens.shards.1", [true, false, false]),
        ("backbone.embed_tokens.weight", [true, false, false]),
        ("backbone.position_embeddings.weight", [true, false, false]),
        ("backbone.layers.0.query.weight", [true, true, false]),
        ("backbone.layers.1.mlp.up_proj.bias", [true, true, false]),
        ("backbone.layers.2.query.weight", [true, true, true]),
        ("backbone.norm.weight", [true, true, true]),
        ("head.classifier.bias", [true, true, true]),
        ("head.lm_head.shards.0", [true, true, true]),
    ];
    for (path, expected) in cases {
        assert_eq!(kinds.map(|freeze| is_trained(Method::Full, freeze, path, layers)), expected, "{path}");
        let head = |freeze| is_trained(Method::Head, freeze, path, layers);
        assert!(kinds.into_iter().all(|freeze| head(freeze) == head(Freeze::None)), "{path}: of all weights only");
    }
}

#[test]
fn a_model_with_two_heads_has_the_parameters_of_both_and_gives_each_alone() {
    let [first, second] = [HeadKind::Sequence, HeadKind::Token].map(|head| model(&config("bert", head), Pooling::Cls));
    let whole = Model { more_heads: vec![second.head.clone()], ..first.clone() };
    assert_eq!(paths(&whole.of_head(0)), paths(&first));
    assert_eq!(paths(&whole.of_head(1)), paths(&second));
    let all: BTreeSet<String> = paths(&whole).into_iter().collect();
    for head in [0, 1] {
        let in_whole = |path: &String| super::path_in_whole(path, head).into_owned();
        assert!(paths(&whole.of_head(head)).iter().map(in_whole).all(|path| all.contains(&path)), "{all:?}");
    }
    let key_map = config("bert", HeadKind::Sequence).key_map();
    let path = "more_heads.0.classifier.bias";
    assert!(all.contains(path) && possible_keys(key_map, path) == [path], "a checkpoint names it so");
    let trained = |model: Model| model.frozen_for(Method::Head, Freeze::None).num_trained();
    let device = Device::flex().autodiff();
    let fresh = |head| Model::new(&config("bert", head), Pooling::Cls, 3, &mut Init::new(1), &device);
    let (one, other) = (fresh(HeadKind::Sequence), fresh(HeadKind::Token));
    let both = Model { more_heads: vec![other.head.clone()], ..one.clone() };
    assert_eq!(trained(both), trained(one) + trained(other));
}

/// Parameters of each head, as a method leaves them to be trained.
#[test]
fn each_head_is_trained_by_the_methods_that_train_heads() {
    for (head, counts) in [
        // head, LoRA without adapters; of width 8 with 3 labels and 10 tokens
        (HeadKind::Sequence, [8 * 8 + 8 + 8 * 3 + 3, 8 * 8 + 8 + 8 * 3 + 3]),
        (HeadKind::Token, [8 * 3 + 3, 8 * 3 + 3]),
        (HeadKind::Span, [8 * 2 + 2, 8 * 2 + 2]),
        (HeadKind::MaskedLm, [8 * 8 + 8 + 8 + 8 + 10, 0]),
        (HeadKind::Pooled, [0, 0]),
    ] {
        for model_type in ENCODERS {
            let config = config(model_type, head);
            let fresh = || Model::new(&config, Pooling::Cls, 3, &mut Init::new(1), &Device::flex().autodiff());
            let found =
                [Method::Head, Method::Lora].map(|method| fresh().frozen_for(method, Freeze::None).num_trained());
            assert_eq!(found, counts, "{model_type} {head:?}");
        }
    }
}
