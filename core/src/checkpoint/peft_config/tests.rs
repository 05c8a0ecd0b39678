//! What is read of `adapter_config.json`, and what is refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(json: &Value) -> Result<AdapterConfig, CheckpointError> {
    let mut folder = Folder::new();
    folder.insert(ADAPTER_CONFIG, json.to_string());
    read_adapter_config(&folder)
}

/// As PEFT 0.21 writes it.
fn plain() -> Value {
    let text = r#"{
        "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
        "base_model_name_or_path": "a/b", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
        "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
        "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0,
        "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
        "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 4,
        "rank_pattern": {}, "revision": null, "target_modules": ["q_proj", "v_proj"], "target_parameters": null,
        "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
        "use_qalora": false, "use_rslora": false, "velora_config": null
    }"#;
    serde_json::from_str(text).expect("JSON")
}

fn with(changes: Value) -> Value {
    let mut json = plain();
    let changes = changes.as_object().expect("a table").clone();
    json.as_object_mut().expect("a table").extend(changes);
    json
}

fn llama() -> ModelConfig {
    let config = json!({
        "model_type": "llama", "vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16
    });
    ModelConfig::from_json(config.to_string().as_bytes()).expect("a config")
}

fn modules() -> Vec<LinearModule> {
    let name = |layer: usize, name: &str| format!("model.layers.{layer}.self_attn.{name}_proj");
    let names = (0..2).flat_map(|layer| ["q", "k", "v"].map(|part| name(layer, part)));
    let module = |name| LinearModule { name, path: String::new(), shape: [8, 8], is_adapted: false };
    names.map(module).collect()
}

fn resolve(json: &Value) -> LoraConfig {
    read(json).expect("it is LoRA").resolve(&llama(), &modules()).expect("it can be matched")
}

/// `0q` for the first layer's `q_proj`.
fn short(lora: &LoraConfig) -> Vec<String> {
    let part = |name: &String| name.replace("model.layers.", "").replace(".self_attn.", "").replace("_proj", "");
    lora.target_modules.iter().map(part).collect()
}

#[test]
fn modules_are_chosen_as_peft_chooses_them() {
    let cases: [(Value, &[&str]); 13] = [
        (json!({}), &["0q", "0v", "1q", "1v"]),
        (json!({"target_modules": null}), &["0q", "0v", "1q", "1v"]),
        (json!({"target_modules": r".*layers\.1\.self_attn\.(q|v)_proj"}), &["1q", "1v"]),
        (json!({"target_modules": "all-linear"}), &["0q", "0k", "0v", "1q", "1k", "1v"]),
        (json!({"target_modules": ["all-linear"]}), &["0q", "0k", "0v", "1q", "1k", "1v"]),
        (json!({"exclude_modules": r".*layers\.0\.self_attn\.q_proj"}), &["0v", "1q", "1v"]),
        (json!({"exclude_modules": ["v_proj"]}), &["0q", "1q"]),
        (json!({"target_modules": "all-linear", "exclude_modules": ["k_proj", "v_proj"]}), &["0q", "1q"]),
        (json!({"layers_to_transform": 1}), &["1q", "1v"]),
        (json!({"layers_to_transform": [0], "layers_pattern": "layers"}), &["0q", "0v"]),
        (json!({"layers_to_transform": [0], "layers_pattern": ["h"]}), &[]),
        (json!({"modules_to_save": ["layers.0"]}), &["1q", "1v"]),
        (json!({"target_modules": ["gate_proj"]}), &[]),
    ];
    for (changes, expected) in cases {
        assert_eq!(short(&resolve(&with(changes.clone()))), expected, "{changes}");
    }
}

#[test]
fn an_adapter_says_what_it_is_and_which_base_it_names() {
    let words = |changes: Value| read(&with(changes)).expect("it is LoRA").describe();
    assert_eq!(words(json!({})), "a LoRA adapter of rank 4 (alpha 8) on q_proj, v_proj");
    assert_eq!(
        words(json!({"use_dora": true, "target_modules": "all-linear"})),
        "a DoRA adapter of rank 4 (alpha 8) on all linear layers"
    );
    let many: Vec<String> = (0..20).map(|index| format!("{index}{}", "x".repeat(9_000))).collect();
    let long = words(json!({"target_modules": many}));
    assert!(long.ends_with(" and 12 more") && long.len() < 1_100, "{long}");

    let adapter = read(&with(json!({"base_model_name_or_path": "distilbert/distilgpt2"}))).expect("it is LoRA");
    for same in ["distilbert/distilgpt2", "DistilGPT2", "C:\\models\\distilgpt2\\"] {
        assert_eq!(adapter.other_base(Some(same)), None, "{same}");
    }
    for other in [Some("openai-community/gpt2"), Some(""), None] {
        assert_eq!(adapter.other_base(other).as_deref(), Some("distilbert/distilgpt2"), "{other:?}");
    }
    let nameless = read(&with(json!({"base_model_name_or_path": null}))).expect("it is LoRA");
    assert_eq!(nameless.other_base(None), None);
}

#[test]
fn a_long_base_is_known_by_its_end_and_shown_by_its_beginning() {
    let path = format!("/{}/distilgpt2", "folder/".repeat(30).trim_end_matches('/'));
    let adapter = read(&with(json!({"base_model_name_or_path": &path}))).expect("it is LoRA");
    assert_eq!(adapter.other_base(Some("distilbert/distilgpt2")), None);
    assert_eq!(adapter.other_base(Some("openai-community/gpt2")).as_deref(), Some(&path[..120]));
}

#[test]
fn a_whole_name_counts_whatever_its_layer_is() {
    let whole = "model.layers.0.self_attn.k_proj";
    let lora = resolve(&with(json!({"target_modules": ["q_proj", whole], "layers_to_transform": [1]})));
    assert_eq!(short(&lora), ["0k", "1q"]);
}

#[test]
fn patterns_give_modules_their_ranks_and_weights() {
    let lora = resolve(&with(json!({
        "rank_pattern": {r"layers\.0\..*": 2, "q_proj": 3},
        "alpha_pattern": {"^model.layers.1.self_attn.v_proj": 1.5}
    })));
    let of = |name: &str| {
        let module = format!("model.layers.{name}_proj");
        (lora.rank_of(&module), lora.scaling_of(&module))
    };
    assert_eq!(of("0.self_attn.q"), (2, 4.0));
    assert_eq!(of("1.self_attn.q"), (3, 8.0 / 3.0));
    assert_eq!(of("1.self_attn.v"), (4, 0.375));
}

#[test]
fn what_changes_the_base_or_the_computation_is_refused_by_name() {
    for (changes, words) in [
        (json!({"init_lora_weights": "pissa"}), ["init_lora_weights", "pissa"]),
        (json!({"init_lora_weights": "pissa_niter_16"}), ["pissa_niter_16", "convert it"]),
        (json!({"init_lora_weights": "olora"}), ["olora", "convert it"]),
        (json!({"init_lora_weights": "corda"}), ["corda", "convert it"]),
        (json!({"init_lora_weights": "loftq"}), ["loftq", "merge it in PEFT into the base"]),
        (json!({"init_lora_weights": "lora_ga"}), ["lora_ga", "convert it"]),
        (json!({"init_lora_weights": "newest"}), ["init_lora_weights", "newest"]),
        (json!({"alora_invocation_tokens": [1, 2]}), ["sets", "alora_invocation_tokens"]),
        (json!({"trainable_token_indices": [1]}), ["sets", "trainable_token_indices"]),
        (json!({"lora_bias": true}), ["sets", "lora_bias"]),
        (json!({"use_qalora": true}), ["sets", "use_qalora"]),
        (json!({"use_bdlora": {"nblocks": 2}}), ["sets", "use_bdlora"]),
        (json!({"kasa_config": {"beta": 1}}), ["sets", "kasa_config"]),
        (json!({"velora_config": {"scale": 1}}), ["sets", "velora_config"]),
        (json!({"layer_replication": [[0, 1]]}), ["sets", "layer_replication"]),
        (json!({"target_parameters": ["a"]}), ["sets", "target_parameters"]),
        (json!({"a_field_of_tomorrow": 3}), ["sets", "a_field_of_tomorrow"]),
        (json!({"peft_type": "IA3"}), ["peft_type is IA3", "merge_and_unload"]),
        (json!({"bias": "some"}), ["bias", "some"]),
        (json!({"target_modules": []}), ["target_modules", "empty"]),
        (json!({"target_modules": [1]}), ["target_modules", "list of names"]),
        (json!({"target_modules": "("}), ["target_modules", "regular expression"]),
        (json!({"target_modules": ".*", "layers_to_transform": [1]}), ["layers_to_transform", "list"]),
        (json!({"r": 0}), ["r: 0", "4096"]),
        (json!({"r": 8.5}), ["r: 8.5", "4096"]),
        (json!({"r": 1_000_000}), ["1000000", "4096"]),
        (json!({"rank_pattern": {"q_proj": 0}}), ["rank_pattern", "4096"]),
        (json!({"rank_pattern": {"(": 1}}), ["rank_pattern", "regular expression"]),
        (json!({"lora_alpha": "8"}), ["lora_alpha", "number"]),
        (json!({"lora_alpha": 1e39}), ["lora_alpha", "number"]),
        (json!({"alpha_pattern": {"q_proj": null}}), ["alpha_pattern", "number"]),
        (json!({"lora_dropout": 1.0}), ["lora_dropout", "[0, 1)"]),
    ] {
        let error = read(&with(changes.clone())).expect_err("it is refused").to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{changes}: {error}");
    }
}

#[test]
fn the_task_type_names_the_head_and_what_peft_saves_of_it() {
    let head = |task_type: &str| read(&with(json!({ "task_type": task_type }))).expect("it is LoRA").head();
    assert_eq!((head("SEQ_CLS"), head("TOKEN_CLS")), (Some(HeadKind::Sequence), Some(HeadKind::Token)));
    assert_eq!((head("QUESTION_ANS"), head("CAUSAL_LM")), (Some(HeadKind::Span), Some(HeadKind::CausalLm)));
    assert_eq!(head("SEQ_2_SEQ_LM"), Some(HeadKind::Seq2seqLm));
    assert_eq!(read(&with(json!({"task_type": null}))).expect("it is LoRA").head(), None);
    let by_module = read(&with(json!({"task_type": null, "modules_to_save": ["qa_outputs"]}))).expect("it is LoRA");
    assert_eq!(by_module.head(), Some(HeadKind::Span), "as Hone writes it");
    let head = |name: &str| LinearModule { name: name.into(), path: String::new(), shape: [8, 8], is_adapted: false };
    let modules = ["qa_outputs", "classifier", "dense"].map(head);
    for (task_type, expected) in [("QUESTION_ANS", 2), ("TOKEN_CLS", 2), ("CAUSAL_LM", 3)] {
        let all = read(&with(json!({"task_type": task_type, "target_modules": "all-linear"}))).expect("it is LoRA");
        let lora = all.resolve(&llama(), &modules).expect("it can be matched");
        assert_eq!(lora.target_modules.len(), expected, "{task_type}: a saved head is not adapted");
    }
}

#[test]
fn token_types_are_dropped_where_pefts_class_of_questions_drops_them() {
    let bert = |num_types: usize| {
        let config = json!({
            "model_type": "bert", "vocab_size": 10, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 32, "type_vocab_size": num_types
        });
        ModelConfig::from_json(config.to_string().as_bytes()).expect("a config")
    };
    let drops = |task_type: Value, config: &ModelConfig| {
        let json = with(json!({ "task_type": task_type, "modules_to_save": ["qa_outputs"] }));
        read(&json).expect("it is LoRA").drops_token_types(config)
    };
    assert!(drops(json!("QUESTION_ANS"), &bert(2)));
    assert!(!drops(json!("QUESTION_ANS"), &bert(1)) && !drops(json!("QUESTION_ANS"), &llama()), "there is one type");
    assert!(!drops(Value::Null, &bert(2)) && !drops(json!("SEQ_CLS"), &bert(2)), "these are handed on");
}

#[test]
fn the_table_that_two_halves_share_is_not_read_from_an_adapter() {
    let t5 = json!({
        "model_type": "t5", "vocab_size": 8, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2,
        "decoder_start_token_id": 0, "pad_token_id": 0
    });
    let t5 = ModelConfig::from_json(t5.to_string().as_bytes()).expect("a config");
    let unread = |saved: Value, config: &ModelConfig| {
        read(&with(json!({ "modules_to_save": saved }))).expect("it is LoRA").unread_table(config).expect("it matches")
    };
    assert_eq!(unread(json!(["shared"]), &t5).as_deref(), Some("shared"));
    assert_eq!(unread(json!(["lm_head"]), &t5), None);
    assert_eq!(unread(json!(["embed_tokens"]), &llama()), None, "a decoder reads the trained copy");
}

#[test]
fn merging_in_peft_is_advised_only_where_it_can_be_done() {
    let said = |changes: Value| read(&with(changes)).expect_err("it is refused").to_string();
    for changes in [json!({"alora_invocation_tokens": [1]}), json!({"layer_replication": [[0, 1]]})] {
        assert!(!said(changes.clone()).contains("merge"), "{changes}");
    }
    assert!(said(json!({"lora_bias": true})).contains("where all the layers that it adapts have a bias, merge it"));
    assert!(said(json!({"trainable_token_indices": [1]})).contains("merge_and_unload"));
}

#[test]
fn a_start_that_leaves_the_base_alone_is_taken() {
    for init in [json!(true), json!(false), json!("gaussian"), json!("eva"), json!("orthogonal"), json!("mica")] {
        read(&with(json!({ "init_lora_weights": init }))).expect("only how it began");
    }
    read(&with(json!({"auto_mapping": {"unsloth_fixed": true}, "fan_in_fan_out": true}))).expect("no matter");
}

proptest! {
    #[test]
    fn reading_never_panics(text in any::<String>(), position in 0..2000usize, bytes in prop::collection::vec(any::<u8>(), 0..6)) {
        let mut folder = Folder::new();
        folder.insert(ADAPTER_CONFIG, text);
        let _ = read_adapter_config(&folder);
        let mut damaged = plain().to_string().into_bytes();
        let at = position % damaged.len();
        let end = (at + bytes.len()).min(damaged.len());
        drop(damaged.splice(at..end, bytes));
        folder.insert(ADAPTER_CONFIG, damaged);
        if let Ok(config) = read_adapter_config(&folder) {
            let _ = config.resolve(&llama(), &modules());
        }
    }

    #[test]
    fn values_of_any_kind_never_panic(field in prop::sample::select(KNOWN.to_vec()), kind in 0..9usize, text in "[a-z.*+?()\\[\\]{}|\\\\0-9^$<>=!:P]{0,24}") {
        let value = match kind {
            0 => json!(text),
            1 => json!([text]),
            2 => json!({ text: 2 }),
            3 => json!([[text]]),
            4 => json!(-1),
            5 => json!(u64::MAX),
            6 => json!(1e300),
            7 => Value::Null,
            _ => json!({ "a": { "b": [text] } }),
        };
        if let Ok(config) = read(&with(json!({ field: value }))) {
            let _ = config.resolve(&llama(), &modules());
        }
    }
}
