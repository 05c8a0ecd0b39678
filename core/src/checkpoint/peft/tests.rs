//! What of an adapter's file has a place in a model, and what is said of what has none.

use futures_lite::future::block_on;

use super::super::HostTensor;
use super::*;
use crate::config::Pooling;

const GPT2: &str = r#"{"model_type":"gpt2","vocab_size":12,"n_embd":8,"n_layer":1,"n_head":2,"n_positions":32,
    "architectures":["GPT2LMHeadModel"]}"#;
const T5: &str = r#"{"model_type":"t5","vocab_size":12,"d_model":8,"d_kv":4,"d_ff":16,"num_layers":1,"num_heads":2,
    "decoder_start_token_id":0,"pad_token_id":0,"tie_word_embeddings":false}"#;

const ATTENTION: &str = "transformer.h.0.attn.c_attn";
const WORDS: &str = "transformer.wte.weight";
const SCORES: &str = "lm_head.weight";

fn tensor(shape: [usize; 2], value: f32) -> HostTensor {
    HostTensor { shape: shape.to_vec(), values: vec![value; shape[0] * shape[1]] }
}

fn model(config: &str) -> (ModelConfig, Model) {
    let config = ModelConfig::from_json(config.as_bytes()).expect("a config");
    let model = Model::new(&config, Pooling::Cls, 0, &mut Init::new(1), &Device::flex());
    (config, model)
}

/// An adapter with these settings beside the usual ones and these tensors, by their names in the model.
fn adapter(settings: Value, tensors: Vec<(String, HostTensor)>) -> Folder {
    let mut json = json!({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["c_attn"]});
    json.as_object_mut().expect("a table").extend(settings.as_object().expect("a table").clone());
    let named: Vec<(String, HostTensor)> =
        tensors.into_iter().map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor)).collect();
    let views = named.iter().map(|(key, tensor)| (key.as_str(), tensor));
    let mut folder = Folder::new();
    folder.insert(ADAPTER_WEIGHTS, safetensors::serialize(views, None).expect("plain tensors"));
    folder.insert(ADAPTER_CONFIG, json.to_string());
    folder
}

/// Both factors of a branch of rank 2.
fn factors(module: &str, [input, output]: [usize; 2]) -> Vec<(String, HostTensor)> {
    vec![
        (format!("{module}.lora_A.weight"), tensor([2, input], 0.1)),
        (format!("{module}.lora_B.weight"), tensor([output, 2], 0.1)),
    ]
}

/// Loads an adapter of GPT-2's attention with more tensors; the message where it is refused.
fn load(more: Vec<(&str, HostTensor)>) -> Result<(), String> {
    let (config, model) = model(GPT2);
    let more = more.into_iter().map(|(name, tensor)| (name.to_owned(), tensor));
    let tensors = factors(ATTENTION, [8, 24]).into_iter().chain(more).collect();
    let loaded = load_adapter(&config, model, &adapter(json!({}), tensors), &Device::flex());
    loaded.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_tied_table_may_be_saved_under_both_its_names() {
    load(vec![]).expect("a plain adapter");
    load(vec![(WORDS, tensor([12, 8], 0.5)), (SCORES, tensor([12, 8], 0.5))]).expect("one is a copy");
    let error = load(vec![(WORDS, tensor([12, 8], 0.5)), (SCORES, tensor([12, 8], 0.25))]).expect_err("they differ");
    assert!(error.contains("base.config.tie_word_embeddings = False"), "{error}");
    let error = load(vec![(SCORES, tensor([12, 8], 0.5))]).expect_err("nothing says what it is a copy of");
    assert!(error.contains("no place for its base_model.model.lm_head.weight"), "{error}");
}

#[test]
fn merging_in_peft_is_advised_where_it_gives_the_same_model() {
    let branch = |name| vec![(name, tensor([2, 12], 0.1))];
    for name in ["transformer.wte.lora_embedding_A", "lm_head.lora_A.weight"] {
        let error = load(branch(name)).expect_err("a branch of the tied table");
        assert!(error.contains("change both uses") && error.contains("tie_word_embeddings = False"), "{error}");
    }
    let error = load(branch("transformer.wpe.lora_embedding_A")).expect_err("no branch of positions");
    assert!(error.contains("no place for its") && !error.contains("both uses"), "{error}");
    assert!(error.contains(": merge it into its base in PEFT"), "{error}");
}

#[test]
fn settings_that_do_not_fit_the_file_are_named_as_such() {
    let error =
        load(vec![("transformer.h.0.attn.c_proj.lora_A.weight", tensor([2, 8], 0.1))]).expect_err("not adapted");
    assert!(error.contains("adapts no transformer.h.0.attn.c_proj: its settings are not those"), "{error}");
    assert!(!error.contains("merge"), "{error}");

    let refused = |settings: Value, tensors: Vec<(String, HostTensor)>| {
        let (config, model) = model(GPT2);
        let loaded = load_adapter(&config, model, &adapter(settings, tensors), &Device::flex());
        loaded.map(drop).expect_err("a tensor is missing").to_string()
    };
    let half = factors(ATTENTION, [8, 24]).into_iter().take(1).collect();
    let error = refused(json!({}), half);
    assert!(error.contains("c_attn.lora_B.weight") && error.contains("its file is not whole"), "{error}");
    let error = refused(json!({"use_dora": true}), factors(ATTENTION, [8, 24]));
    assert!(error.contains("lora_magnitude_vector") && error.contains("no DoRA adapter"), "{error}");
}

#[test]
fn a_table_with_added_rows_is_told_from_that_of_another_model() {
    let error = load(vec![(WORDS, tensor([13, 8], 0.5))]).expect_err("a row too many");
    assert!(error.contains("has 13 rows") && error.contains("resize_token_embeddings(13)"), "{error}");
    let error = load(vec![(WORDS, tensor([12, 4], 0.5))]).expect_err("it is half as wide");
    assert!(error.contains("made for another base model") && !error.contains("resize"), "{error}");
}

#[test]
fn the_table_of_an_encoder_decoder_stays_the_bases() {
    const QUERY: &str = "encoder.block.0.layer.0.SelfAttention.q";
    let (config, model) = model(T5);
    let table = |model: &Model| {
        let is_table = |path: &str, _: bool| path.starts_with("backbone.embed_tokens");
        block_on(read_weights(model, config.key_map(), is_table)).expect("it can be read")
    };
    let before = table(&model);
    let mut tensors = factors(QUERY, [8, 8]);
    tensors.push(("shared.weight".to_owned(), tensor([12, 8], 0.5)));
    let settings = json!({"target_modules": [QUERY], "modules_to_save": ["shared"]});
    let tuned = load_adapter(&config, model, &adapter(settings, tensors), &Device::flex()).expect("it fits");
    assert_eq!(before.len(), 1);
    assert!(table(&tuned) == before, "PEFT replaces `shared` alone, which neither half reads");
}
