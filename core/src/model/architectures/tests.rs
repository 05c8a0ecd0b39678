//! How far the layers of decoders see, and what each decoder has of its own.

use serde_json::{Value, json};

use super::super::{BackboneConfig, HeadConfig, ModelConfig, SequenceConfig, checkpoint_key};
use crate::config::Pooling;
use crate::nn::{
    Activation, DecoderConfig, FeedForward, MlpKind, NormKind, NormPlacement, Positions, QkNorm, RopeScaling, Scales,
};
use crate::task::HeadKind;

fn config(extra: &Value) -> Value {
    let mut config = json!({
        "model_type": "mistral", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 3,
        "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64,
    });
    let fields = extra.as_object().expect("an object").clone();
    config.as_object_mut().expect("an object").extend(fields);
    config
}

fn windows(extra: &Value) -> Vec<Option<usize>> {
    let config = ModelConfig::from_json(config(extra).to_string().as_bytes()).expect("a good config");
    assert_eq!(config.max_tokens(), 64, "a window is no limit");
    let BackboneConfig::Decoder(decoder) = config.backbone else { panic!("a decoder") };
    decoder.windows
}

#[test]
fn windows_are_those_of_the_reference() {
    assert_eq!(windows(&json!({"sliding_window": 16})), [Some(16); 3]);
    assert_eq!(windows(&json!({"sliding_window": null})), [None; 3]);
    assert_eq!(windows(&json!({})), [Some(4096); 3], "MistralConfig's default");
    let ministral =
        json!({"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention", "full_attention"]});
    assert_eq!(windows(&ministral), [Some(16), None, None]);
    let llama = json!({"model_type": "llama", "sliding_window": 16});
    assert_eq!(windows(&llama), [None; 3], "Llama has none");
    let unused = json!({"model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1});
    assert_eq!(windows(&unused), [None; 3], "use_sliding_window is false where it is missing");
    let used = json!({
        "model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1, "use_sliding_window": true,
    });
    assert_eq!(windows(&used), [None, Some(16), Some(16)]);
    let typed = json!({
        "model_type": "qwen3", "sliding_window": 16, "use_sliding_window": true,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    });
    assert_eq!(windows(&typed), [Some(16), None, Some(16)]);
}

#[test]
fn unknown_kinds_of_layers_are_refused() {
    let config = config(&json!({"model_type": "qwen3", "layer_types": ["chunked_attention", "a", "b"]}));
    let error = ModelConfig::from_json(config.to_string().as_bytes()).expect_err("unknown").to_string();
    assert!(error.contains("layer_types") && error.contains("chunked_attention"), "{error}");
}

#[test]
fn qwen2_has_biases_where_llama_has_none_and_qwen3_norms_its_heads() {
    let attention = |model_type: &str, attention_bias: bool| {
        let config = config(&json!({"model_type": model_type, "attention_bias": attention_bias}));
        let config = ModelConfig::from_json(config.to_string().as_bytes()).expect("a good config");
        let BackboneConfig::Decoder(decoder) = config.backbone else { panic!("a decoder") };
        let attention = decoder.attention;
        (attention.has_qkv_bias, attention.has_output_bias, attention.qk_norm)
    };
    for attention_bias in [false, true] {
        assert_eq!(attention("llama", attention_bias), (attention_bias, attention_bias, QkNorm::None));
        assert_eq!(attention("mistral", attention_bias), (false, false, QkNorm::None), "its classes have none");
        assert_eq!(attention("qwen2", attention_bias), (true, false, QkNorm::None));
        assert_eq!(attention("qwen3", attention_bias), (attention_bias, attention_bias, QkNorm::PerHead));
    }
}

fn decoder(extra: &Value) -> DecoderConfig {
    let config = ModelConfig::from_json(config(extra).to_string().as_bytes()).expect("a good config");
    let BackboneConfig::Decoder(decoder) = config.backbone else { panic!("a decoder") };
    decoder
}

fn refused(extra: &Value) -> String {
    ModelConfig::from_json(config(extra).to_string().as_bytes()).expect_err("it is not supported").to_string()
}

/// Base and turned values of each layer; none where it turns nothing.
fn ropes(decoder: &DecoderConfig) -> Vec<Option<(f64, usize)>> {
    let Positions::Rotary(ropes) = &decoder.positions else { panic!("rotary positions") };
    ropes.iter().map(|rope| rope.map(|rope| (rope.theta, rope.dim))).collect()
}

#[test]
fn granite_has_four_factors() {
    let plain = decoder(&json!({"model_type": "granite"}));
    assert_eq!((plain.scales, plain.attention.scale), (Scales::default(), 1.0), "its config's defaults");
    let fields = json!({"model_type": "granite", "embedding_multiplier": 12.0, "attention_multiplier": 0.015_625,
        "residual_multiplier": 0.22, "logits_scaling": 8.0});
    let granite = decoder(&fields);
    let scales = Scales { embedding: 12.0, residual: 0.22, logits: 8.0, ..Scales::default() };
    assert_eq!((granite.scales, granite.attention.scale), (scales, 0.015_625));
    for field in ["embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"] {
        let mut fields = fields.clone();
        fields[field] = json!(0.0);
        let error = refused(&fields);
        assert!(error.contains(field) && error.contains("(0, 1e15)"), "{error}");
    }
}

#[test]
fn layers_of_smollm3_have_rotary_positions_or_none() {
    let smollm3 = |extra: Value| {
        let mut fields = json!({"model_type": "smollm3", "num_key_value_heads": 2});
        fields.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        fields
    };
    let turned = |extra: Value| {
        let ropes = ropes(&decoder(&smollm3(extra)));
        ropes.into_iter().map(|rope| rope.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(turned(json!({})), [true, true, true], "every fourth has none");
    assert_eq!(turned(json!({"no_rope_layer_interval": 2})), [true, false, true]);
    assert_eq!(turned(json!({"no_rope_layers": [0, 1, 0, 1], "no_rope_layer_interval": 2})), [false, true, false]);
    assert_eq!(ropes(&decoder(&smollm3(json!({}))))[0], Some((2e6, 4)), "its config's base");
    for (value, word) in [(json!([0, 1]), "2 layers"), (json!([0, 1, 2]), "neither 0 nor 1")] {
        let error = refused(&smollm3(json!({"no_rope_layers": value})));
        assert!(error.contains("no_rope_layers") && error.contains(word), "{error}");
    }
    let sliding = json!({"no_rope_layers": [1, 0, 1], "use_sliding_window": true, "sliding_window": 8});
    assert_eq!(decoder(&smollm3(sliding)).windows, [None, Some(8), None], "layers without rotary positions slide");
    assert_eq!(decoder(&smollm3(json!({"sliding_window": 8}))).windows, [None; 3], "none is in use");
}

#[test]
fn olmo2_norms_what_its_layers_give() {
    let olmo2 = decoder(&json!({"model_type": "olmo2"}));
    assert_eq!((olmo2.norm_placement, olmo2.attention.qk_norm), (NormPlacement::After, QkNorm::Whole));
    assert_eq!((olmo2.norm_eps, olmo2.padding_idx), (1e-5, Some(1)), "its config's defaults");
}

#[test]
fn phi3_has_fused_layers_and_turns_a_part_of_each_head() {
    let phi3 = |extra: Value| {
        let mut fields = json!({"model_type": "phi3"});
        fields.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        fields
    };
    let plain = decoder(&phi3(json!({})));
    assert!(plain.attention.has_fused_qkv && plain.mlp.is_fused() && !plain.shrinks_residual_std);
    assert_eq!((ropes(&plain)[0], plain.windows.clone()), (Some((1e4, 4)), vec![None; 3]));
    for fields in [
        json!({"partial_rotary_factor": 0.5, "sliding_window": 7}),
        json!({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}, "sliding_window": 7}),
    ] {
        let phi3 = decoder(&phi3(fields));
        assert_eq!((ropes(&phi3), phi3.windows), (vec![Some((1e4, 2)); 3], vec![Some(7); 3]));
    }
    let long = json!({"type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [2.0, 2.0]});
    let cases = [
        (json!({"rope_scaling": long}), "\"longrope\" is not supported of a Phi-3; supported is default:"),
        (json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), "supported is default:"),
        (json!({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}), "supported is default:"),
        (json!({"partial_rotary_factor": 0.25}), "no even number"),
        (json!({"partial_rotary_factor": 1.5}), "partial_rotary_factor"),
    ];
    for (fields, word) in cases {
        let error = refused(&phi3(fields));
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn gemma2_caps_its_scores_and_sees_a_window_by_turns() {
    let fields = json!({"model_type": "gemma2", "num_key_value_heads": 1, "hidden_size": 16});
    let gemma2 = decoder(&fields);
    assert_eq!((gemma2.norm, gemma2.norm_placement), (NormKind::OnePlusRmsNorm, NormPlacement::Around));
    let scales = Scales { embedding: 4.0, rounds_embedding: true, final_softcap: Some(30.0), ..Scales::default() };
    assert_eq!((gemma2.scales, gemma2.attention.softcap), (scales, Some(50.0)));
    assert_eq!((gemma2.head_dim, gemma2.attention.scale), (256, 1.0 / 16.0), "its config's defaults");
    assert_eq!(gemma2.windows, [Some(4096), None, Some(4096)]);
    let gate = MlpKind::Gated { activation: Activation::GeluNew, has_bias: false, is_fused: false };
    assert_eq!((gemma2.mlp, gemma2.tie_word_embeddings), (gate, true));
    assert_eq!((gemma2.fresh_norm(), decoder(&json!({})).fresh_norm()), (0.0, 1.0), "one is added to it");

    let with = |name: &str, value: Value| {
        let mut fields = fields.clone();
        fields[name] = value;
        fields
    };
    assert_eq!(decoder(&with("final_logit_softcapping", json!(null))).scales.final_softcap, None);
    assert_eq!(decoder(&with("attn_logit_softcapping", json!(null))).attention.softcap, None);
    let typed = json!(["full_attention", "sliding_attention", "full_attention"]);
    assert_eq!(decoder(&with("layer_types", typed)).windows, [None, Some(4096), None]);
    let cases = [
        ("use_bidirectional_attention", json!(true)),
        ("final_logit_softcapping", json!(0.0)),
        ("hidden_activation", json!("laplace")),
        ("sliding_window", json!(null)),
        ("query_pre_attn_scalar", json!(0)),
    ];
    for (name, value) in cases {
        let error = refused(&with(name, value));
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn layers_of_gemma3_that_see_all_have_another_base() {
    let gemma3 = |extra: Value| {
        let mut fields = json!({"model_type": "gemma3_text", "num_key_value_heads": 1, "num_hidden_layers": 7,
            "sliding_window": 9, "head_dim": 4});
        fields.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        fields
    };
    let plain = decoder(&gemma3(json!({})));
    assert_eq!(plain.windows, [Some(9), Some(9), Some(9), Some(9), Some(9), None, Some(9)], "every sixth sees all");
    let (near, all) = (Some((1e4, 4)), Some((1e6, 4)));
    assert_eq!(ropes(&plain), [near, near, near, near, near, all, near]);
    assert_eq!((plain.attention.qk_norm, plain.scales.final_softcap), (QkNorm::PerHead, None));

    let hub = json!({"sliding_window_pattern": 2, "rope_theta": 5e5, "rope_local_base_freq": 2e4});
    let transformers5 = json!({"sliding_window_pattern": 2, "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 5e5},
        "sliding_attention": {"rope_type": "default", "rope_theta": 2e4},
    }});
    let read = [hub, transformers5].map(|fields| ropes(&decoder(&gemma3(fields))));
    assert_eq!(read[0], read[1]);
    assert_eq!(read[0][..2], [Some((2e4, 4)), Some((5e5, 4))]);

    for (name, value) in [
        ("attn_logit_softcapping", json!(50.0)),
        ("use_bidirectional_attention", json!(true)),
        ("sliding_window_pattern", json!(0)),
        ("rope_parameters", json!({"full_attention": 7})),
    ] {
        let error = refused(&gemma3(json!({ name: value })));
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn gpt2_alone_shrinks_fresh_weights_with_its_depth() {
    let gpt2 = json!({"model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 64});
    let [gpt2, phi3] = [gpt2, json!({"model_type": "phi3"})].map(|fields| decoder(&fields).residual_std());
    assert_eq!((gpt2, phi3), (0.01, 0.02));
}

#[test]
fn decoders_have_the_classes_that_transformers_has() {
    let llama = |model_type: &str| config(&json!({"model_type": model_type, "num_key_value_heads": 1, "head_dim": 4}));
    let gpt2 =
        json!({"model_type": "gpt2", "vocab_size": 100, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 64});
    let both = [HeadKind::CausalLm, HeadKind::Sequence, HeadKind::Token];
    let cases: [(Value, &[HeadKind], &str); 8] = [
        (gpt2, &both, "GPT2ForSequenceClassification"),
        (llama("llama"), &both, "LlamaForSequenceClassification"),
        (llama("qwen3"), &both, "Qwen3ForSequenceClassification"),
        (llama("smollm3"), &both, "SmolLM3ForSequenceClassification"),
        (llama("gemma2"), &both, "Gemma2ForSequenceClassification"),
        (llama("gemma3_text"), &both[..2], "Gemma3TextForSequenceClassification"),
        (llama("olmo2"), &both[..2], "Olmo2ForSequenceClassification"),
        (llama("granite"), &both[..1], ""),
    ];
    for (json, heads, class_name) in cases {
        let config = ModelConfig::from_json(json.to_string().as_bytes()).expect("a good config");
        assert_eq!(config.head_kind(), HeadKind::CausalLm, "where none is named");
        assert_eq!(config.heads().collect::<Vec<_>>(), heads, "{}", config.model_type());
        let Ok(labels) = config.with_head(HeadKind::Sequence) else { continue };
        assert_eq!(labels.class_name(), class_name);
        assert_eq!(checkpoint_key(labels.key_map(), "head.classifier.weight").as_deref(), Some("score.weight"));
        let HeadConfig::Sequence(head) = labels.head_config(Pooling::Cls) else { panic!("a sequence's head") };
        assert_eq!(head, SequenceConfig::OF_LAST_TOKEN);
    }
}

#[test]
fn dropout_before_the_labels_of_tokens_is_that_of_the_reference() {
    let dropout = |extra: Value| {
        let config = ModelConfig::from_json(config(&extra).to_string().as_bytes()).expect("a good config");
        let labels = config.with_head(HeadKind::Token).map_err(|error| error.to_string())?;
        match labels.head_config(Pooling::Cls) {
            HeadConfig::Token { dropout, .. } => Ok(dropout),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(dropout(json!({})), Ok(0.1));
    assert_eq!(dropout(json!({"hidden_dropout": 0.3})), Ok(0.3));
    assert_eq!(dropout(json!({"hidden_dropout": 0.3, "classifier_dropout": 0.2})), Ok(0.2));
    let error: String = dropout(json!({"token_classification_bias": false})).expect_err("it has one here");
    assert!(error.contains("token_classification_bias"), "{error}");
}

#[test]
fn biases_of_the_feed_forward_part_are_those_of_the_classes() {
    for (model_type, expected) in
        [("llama", true), ("smollm3", true), ("mistral", false), ("qwen2", false), ("qwen3", false)]
    {
        let fields = json!({"model_type": model_type, "mlp_bias": true, "num_key_value_heads": 2});
        let MlpKind::Gated { has_bias, .. } = decoder(&fields).mlp else { panic!("it has a gate") };
        assert_eq!(has_bias, expected, "{model_type}");
    }
}

#[test]
fn activations_count_by_all_their_names() {
    let of_gate = |hidden_act: &str| match decoder(&json!({"model_type": "llama", "hidden_act": hidden_act})).mlp {
        MlpKind::Gated { activation, .. } => activation,
        MlpKind::Plain(_) => panic!("it has a gate"),
    };
    assert_eq!(["silu", "swish"].map(of_gate), [Activation::Silu; 2]);
    assert_eq!(["gelu", "gelu_python"].map(of_gate), [Activation::Gelu; 2]);
    let by_tanh = ["gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh"];
    assert_eq!(by_tanh.map(of_gate), [Activation::GeluNew; 5]);
    let gpt2 = |name: &str| {
        let sizes = json!({"model_type": "gpt2", "n_embd": 8, "n_layer": 3, "n_head": 2, "n_positions": 64});
        let mut fields = config(&sizes);
        fields["activation_function"] = json!(name);
        ModelConfig::from_json(fields.to_string().as_bytes())
    };
    let BackboneConfig::Decoder(cerebras) = gpt2("gelu").expect("usable").backbone else { panic!("a decoder") };
    assert_eq!(cerebras.mlp, MlpKind::Plain(Activation::Gelu));
    let others = [
        ("quick_gelu", Activation::QuickGelu),
        ("tanh", Activation::Tanh),
        ("relu2", Activation::Relu2),
        ("mish", Activation::Mish),
    ];
    for (name, activation) in others {
        assert_eq!(of_gate(name), activation);
    }
    let error = gpt2("laplace").expect_err("not one we have").to_string();
    assert!(error.contains("activation_function") && error.contains("gelu_pytorch_tanh"), "{error}");
}

#[test]
fn rotary_positions_are_scaled_as_their_type_says() {
    let scaling = |extra: Value| match decoder(&extra).positions {
        Positions::Rotary(ropes) => ropes[0].expect("it is turned").scaling,
        Positions::Learned => panic!("it has rotary positions"),
    };
    assert_eq!(scaling(json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}})), RopeScaling::None);
    let yarn = |more: Value| {
        let mut parameters = json!({"rope_type": "yarn", "factor": 4.0});
        parameters.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        match scaling(json!({"rope_scaling": parameters})) {
            RopeScaling::Yarn { original_max_position_embeddings, attention_factor, .. } => {
                (original_max_position_embeddings, (attention_factor * 1e6).round())
            }
            other => panic!("{other:?} is not YaRN"),
        }
    };
    // As `_compute_yarn_parameters` of transformers 5.24 gives it.
    assert_eq!(yarn(json!({})), (64.0, 1_138_629.0), "max_position_embeddings, where nothing says another number");
    assert_eq!(yarn(json!({"original_max_position_embeddings": 16, "attention_factor": 1.5})), (16.0, 1_500_000.0));
    assert_eq!(yarn(json!({"mscale": 0.8, "mscale_all_dim": 0.5})), (64.0, 1_038_893.0));
}

#[test]
fn an_encoder_that_would_be_a_decoder_is_refused_where_its_class_would_be_one() {
    let read = |model_type: &str| {
        let fields = json!({"model_type": model_type, "is_decoder": true, "pad_token_id": 1, "embedding_size": 8});
        ModelConfig::from_json(config(&fields).to_string().as_bytes())
    };
    for model_type in ["bert", "roberta", "xlm-roberta", "camembert", "electra"] {
        let error = read(model_type).expect_err("each token would see only those before it").to_string();
        assert!(error.contains("is_decoder") && error.contains("write false"), "{error}");
    }
    for model_type in ["mpnet", "albert"] {
        assert!(read(model_type).is_ok(), "{model_type} does not read the field");
    }
}

#[test]
fn feed_forward_parts_of_t5_are_told_by_their_names() {
    let of = |kind: &str| {
        let sizes = json!({"model_type": "t5", "num_layers": 2, "d_model": 8, "num_heads": 2, "d_kv": 4, "d_ff": 16,
            "feed_forward_proj": kind});
        let config = ModelConfig::from_json(config(&sizes).to_string().as_bytes()).expect("a good config");
        let BackboneConfig::EncoderDecoder(both) = config.backbone else { panic!("an encoder and a decoder") };
        both.feed_forward
    };
    assert_eq!(["relu", "gelu"].map(of), [Activation::Relu, Activation::Gelu].map(FeedForward::Plain));
    assert_eq!(
        of("gated-gelu"),
        FeedForward::Gated(Activation::GeluNew),
        "the name came first, the kind of GELU later"
    );
    assert_eq!(["gated-silu", "gated-relu"].map(of), [Activation::Silu, Activation::Relu].map(FeedForward::Gated));
    // T5Config sets what the file has of these after it took the name apart.
    let with = |kind: &str, more: Value| {
        let mut fields =
            config(&json!({"model_type": "t5", "num_layers": 2, "d_model": 8, "num_heads": 2, "d_kv": 4, "d_ff": 16,
            "feed_forward_proj": kind}));
        fields.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let config = ModelConfig::from_json(fields.to_string().as_bytes()).expect("a good config");
        let BackboneConfig::EncoderDecoder(both) = config.backbone else { panic!("an encoder and a decoder") };
        both.feed_forward
    };
    assert_eq!(with("relu", json!({"dense_act_fn": "gelu_new"})), FeedForward::Plain(Activation::GeluNew));
    assert_eq!(with("gated-gelu", json!({"dense_act_fn": "relu"})), FeedForward::Gated(Activation::Relu));
    assert_eq!(with("gated-gelu", json!({"dense_act_fn": null})), FeedForward::Gated(Activation::GeluNew));
    assert_eq!(with("relu", json!({"is_gated_act": true})), FeedForward::Gated(Activation::Relu));
    assert_eq!(with("gated-silu", json!({"is_gated_act": false})), FeedForward::Plain(Activation::Silu));
}
