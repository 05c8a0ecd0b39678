//! Typed access to the fields of `config.json`, each within the limits that any usable model keeps.
//!
//! The file comes from anywhere and everything is built by it: a size is checked before it is multiplied, repeated or
//! asked memory for. What is out of bounds is refused by the field's name.

use serde_json::Value;

use super::ModelError;
use crate::nn::Activation;

/// (field, least, most) of whole numbers.
const WHOLE: [(&str, u64, u64); 33] = [
    ("vocab_size", 1, 4_194_304),
    ("hidden_size", 1, 65_536),
    ("embedding_size", 1, 65_536),
    ("dim", 1, 65_536),
    ("n_embd", 1, 65_536),
    ("head_dim", 1, 65_536),
    ("num_hidden_layers", 1, 1024),
    ("n_layers", 1, 1024),
    ("n_layer", 1, 1024),
    ("num_layers", 1, 1024),
    ("num_attention_heads", 1, 1024),
    ("num_key_value_heads", 1, 1024),
    ("n_heads", 1, 1024),
    ("n_head", 1, 1024),
    ("num_heads", 1, 1024),
    ("intermediate_size", 1, 1_048_576),
    ("hidden_dim", 1, 1_048_576),
    ("n_inner", 1, 1_048_576),
    ("max_position_embeddings", 1, 16_777_216),
    ("n_positions", 1, 16_777_216),
    ("type_vocab_size", 0, 65_536),
    ("position_buckets", 1, 65_536),
    ("window_size", 1, 16_777_216),
    ("sliding_window", 1, 16_777_216),
    ("local_attention", 1, 16_777_216),
    ("global_attn_every_n_layers", 1, 65_536),
    ("sliding_window_pattern", 1, 65_536),
    ("no_rope_layer_interval", 1, 65_536),
    ("max_window_layers", 0, 65_536),
    ("num_labels", 0, 1_048_576),
    ("image_size", 1, 16_384),
    ("patch_size", 1, 1024),
    ("num_channels", 1, 1024),
];

/// Characters of a value that an error shows.
const SHOWN: usize = 60;

/// The fields of one file.
pub(super) struct Fields<'a> {
    json: &'a Value,
}

impl<'a> Fields<'a> {
    pub(super) fn new(json: &'a Value) -> Self {
        Self { json }
    }

    /// A whole number that must be there.
    pub(super) fn whole(&self, field: &'static str) -> Result<usize, ModelError> {
        let value = self.present(field).ok_or_else(|| bad(field, "is missing".into()))?;
        whole_of(field, value)
    }

    pub(super) fn whole_or(&self, field: &'static str, default: usize) -> Result<usize, ModelError> {
        self.present(field).map_or(Ok(default), |value| whole_of(field, value))
    }

    /// Height and width of a square: one number, or two that are the same.
    pub(super) fn side_or(&self, field: &'static str, default: usize) -> Result<usize, ModelError> {
        match self.list(field).map(Vec::as_slice) {
            None => self.whole_or(field, default),
            Some([height, width]) if height == width => whole_of(field, height),
            Some(_) => Err(bad(field, "is no square: one number is supported, or two that are the same".into())),
        }
    }

    /// The id of a token; `None` where it is missing, null or negative (some files on the hub say -1 for none).
    pub(super) fn token_id(&self, field: &'static str) -> Result<Option<u32>, ModelError> {
        let Some(value) = self.present(field) else { return Ok(None) };
        match value.as_i64() {
            Some(id) if id < 0 => Ok(None),
            Some(id) => {
                u32::try_from(id).map(Some).map_err(|_| bad(field, format!("{id} is more than any vocabulary has")))
            }
            None => Err(bad(field, format!("{} is not a whole number", shown(value)))),
        }
    }

    pub(super) fn real_or(&self, field: &'static str, default: f64) -> Result<f64, ModelError> {
        let Some(value) = self.present(field) else { return Ok(default) };
        let number = value.as_f64().ok_or_else(|| bad(field, format!("{} is not a number", shown(value))))?;
        let (least, below, interval) = real_limits(field);
        match number >= least && number < below {
            true => Ok(number),
            false => Err(bad(field, format!("{} is not in {interval}", shown(value)))),
        }
    }

    pub(super) fn text_or<'b>(&'b self, field: &'static str, default: &'b str) -> Result<&'b str, ModelError> {
        let Some(value) = self.present(field) else { return Ok(default) };
        value.as_str().ok_or_else(|| bad(field, format!("{} is not a text", shown(value))))
    }

    pub(super) fn flag_or(&self, field: &'static str, default: bool) -> Result<bool, ModelError> {
        let Some(value) = self.present(field) else { return Ok(default) };
        value.as_bool().ok_or_else(|| bad(field, format!("{} is neither true nor false", shown(value))))
    }

    /// Whether the field is there, with anything but null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.present(field).is_some()
    }

    /// Whether the field is there and null, which is not the same as missing.
    pub(super) fn is_null(&self, field: &str) -> bool {
        self.json.get(field).is_some_and(Value::is_null)
    }

    pub(super) fn list(&self, field: &str) -> Option<&Vec<Value>> {
        self.present(field).and_then(Value::as_array)
    }

    pub(super) fn object(&self, field: &str) -> Option<&serde_json::Map<String, Value>> {
        self.present(field).and_then(Value::as_object)
    }

    fn present(&self, field: &str) -> Option<&Value> {
        self.json.get(field).filter(|value| !value.is_null())
    }
}

fn bad(field: &'static str, reason: String) -> ModelError {
    ModelError::Field { field, reason }
}

fn whole_of(field: &'static str, value: &Value) -> Result<usize, ModelError> {
    let number = value.as_u64().ok_or_else(|| bad(field, format!("{} is not a whole number", shown(value))))?;
    let limits = WHOLE.iter().find(|(name, ..)| *name == field);
    let (least, most) = limits.map_or((0, u64::from(u32::MAX)), |&(_, least, most)| (least, most));
    match (least..=most).contains(&number) {
        true => Ok(number as usize),
        false => Err(bad(field, format!("{number} is not a whole number from {least} to {most}"))),
    }
}

/// Least value, first value that is too large, and both as an error shows them.
fn real_limits(field: &str) -> (f64, f64, &'static str) {
    // The least positive numbers are those that f32 still tells from zero.
    match field {
        _ if field.contains("drop") => (0.0, 1.0, "[0, 1)"),
        _ if field.ends_with("eps") || field.ends_with("epsilon") => (1e-37, 0.1, "(0, 0.1)"),
        "initializer_range" => (0.0, 10.0, "[0, 10)"),
        "rope_theta" | "rope_local_base_freq" | "query_pre_attn_scalar" => (1e-37, 1e15, "(0, 1e15)"),
        "global_rope_theta" | "local_rope_theta" => (1e-37, 1e15, "(0, 1e15)"),
        "logits_scaling" => (1e-37, 1e15, "(0, 1e15)"),
        "layerscale_value" => (0.0, 1e15, "[0, 1e15)"),
        "mlp_ratio" => (1e-3, 1024.0, "[0.001, 1024)"),
        _ if field.ends_with("_multiplier") || field.ends_with("softcapping") => (1e-37, 1e15, "(0, 1e15)"),
        _ => (f64::MIN, f64::INFINITY, "the range of numbers"),
    }
}

/// The beginning of a value as JSON.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut letters = text.chars();
    let beginning: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { format!("{beginning}...") } else { beginning }
}

pub(super) fn activation(fields: &Fields<'_>, field: &'static str) -> Result<Activation, ModelError> {
    activation_or(fields, field, "gelu")
}

/// As [`activation`], where another than GELU is usual.
pub(super) fn activation_or(fields: &Fields<'_>, field: &'static str, usual: &str) -> Result<Activation, ModelError> {
    activation_named(field, fields.text_or(field, usual)?)
}

/// The activation of a name that stands in a field.
pub(super) fn activation_named(field: &'static str, name: &str) -> Result<Activation, ModelError> {
    match name {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        // One function by five names.
        "gelu_new" | "gelu_fast" | "gelu_accurate" | "gelu_pytorch_tanh" | "gelu_python_tanh" => {
            Ok(Activation::GeluNew)
        }
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        "quick_gelu" => Ok(Activation::QuickGelu),
        "tanh" => Ok(Activation::Tanh),
        "relu2" => Ok(Activation::Relu2),
        "mish" => Ok(Activation::Mish),
        other => {
            let known = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, quick_gelu, tanh, relu2, mish";
            Err(bad(field, format!("{other:?} is not supported; supported are {known}")))
        }
    }
}

/// A switch of which Hone has one position only.
pub(super) fn only(fields: &Fields<'_>, field: &'static str, supported: bool) -> Result<(), ModelError> {
    match fields.flag_or(field, supported)? == supported {
        true => Ok(()),
        false => Err(bad(field, format!("only {supported} is supported"))),
    }
}

/// A number of which Hone has one value only.
pub(super) fn only_whole(fields: &Fields<'_>, field: &'static str, supported: usize) -> Result<(), ModelError> {
    match fields.whole_or(field, supported)? {
        number if number == supported => Ok(()),
        other => Err(bad(field, format!("{other} is not supported; only {supported} is"))),
    }
}

/// A choice of which Hone has one only.
pub(super) fn only_text(fields: &Fields<'_>, field: &'static str, supported: &str) -> Result<(), ModelError> {
    match fields.text_or(field, supported)? {
        text if text == supported => Ok(()),
        other => Err(bad(field, format!("{other:?} is not supported; only {supported} is"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::ModelConfig;
    use super::*;

    const NEO_TYPES: &str = r#"[[["global","local"],1]]"#;

    /// A small valid config of each architecture.
    fn configs() -> Vec<Value> {
        let llama = |model_type: &str| {
            json!({
                "model_type": model_type, "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 2,
                "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 16,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "sliding_window": 16,
                "rope_scaling": { "rope_type": "linear", "factor": 2.0 }, "attention_dropout": 0.0,
                "initializer_range": 0.02, "pad_token_id": 0, "eos_token_id": [1, 2], "tie_word_embeddings": false,
            })
        };
        let llama_with = |model_type: &str, more: Value| {
            let mut config = llama(model_type);
            config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            config
        };
        let bert = |model_type: &str| {
            json!({
                "model_type": model_type, "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 2,
                "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64, "type_vocab_size": 2,
                "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
                "classifier_dropout": 0.2, "initializer_range": 0.02, "pad_token_id": 0, "hidden_act": "gelu",
                "id2label": { "0": "a", "1": 7 }, "problem_type": "single_label_classification",
            })
        };
        let bert_with = |model_type: &str, more: Value| {
            let mut config = bert(model_type);
            config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            config
        };
        vec![
            bert("bert"),
            bert("roberta"),
            json!({
                "model_type": "distilbert", "vocab_size": 100, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16,
                "max_position_embeddings": 64, "dropout": 0.1, "attention_dropout": 0.1, "seq_classif_dropout": 0.2,
                "activation": "gelu", "initializer_range": 0.02, "pad_token_id": 0,
            }),
            json!({
                "model_type": "gpt2", "vocab_size": 100, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_inner": 16,
                "n_positions": 64, "layer_norm_epsilon": 1e-5, "embd_pdrop": 0.1, "attn_pdrop": 0.1, "resid_pdrop": 0.1,
                "initializer_range": 0.02, "eos_token_id": 1, "activation_function": "gelu_new",
            }),
            json!({
                "model_type": "gpt_neo", "vocab_size": 100, "hidden_size": 8, "num_layers": 2, "num_heads": 2,
                "intermediate_size": 16, "max_position_embeddings": 64, "layer_norm_epsilon": 1e-5, "window_size": 8,
                "attention_types": serde_json::from_str::<Value>(NEO_TYPES).expect("JSON"), "embed_dropout": 0.0,
                "attention_dropout": 0.0, "resid_dropout": 0.0, "initializer_range": 0.02,
            }),
            llama("llama"),
            llama("mistral"),
            llama("qwen2"),
            llama("qwen3"),
            llama_with(
                "granite",
                json!({ "embedding_multiplier": 12.0, "attention_multiplier": 0.5, "residual_multiplier": 0.22,
                    "logits_scaling": 8.0 }),
            ),
            llama_with(
                "smollm3",
                json!({ "no_rope_layers": [1, 0], "no_rope_layer_interval": 2, "use_sliding_window": true }),
            ),
            llama("olmo2"),
            llama_with("phi3", json!({ "rope_scaling": null, "partial_rotary_factor": 0.5, "resid_pdrop": 0.0 })),
            llama_with(
                "gemma2",
                json!({ "query_pre_attn_scalar": 4, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
                    "layer_types": ["full_attention", "sliding_attention"], "hidden_activation": "gelu_pytorch_tanh" }),
            ),
            llama_with(
                "gemma3_text",
                json!({ "query_pre_attn_scalar": 4, "final_logit_softcapping": null, "sliding_window_pattern": 2,
                    "rope_local_base_freq": 10000.0, "rope_parameters": { "sliding_attention": null } }),
            ),
            llama_with(
                "modernbert",
                json!({ "local_attention": 8, "global_attn_every_n_layers": 2, "global_rope_theta": 160000.0,
                    "local_rope_theta": 10000.0, "norm_eps": 1e-5, "classifier_pooling": "mean", "rope_scaling": null,
                    "layer_types": ["full_attention", "sliding_attention"], "hidden_activation": "gelu" }),
            ),
            bert_with(
                "deberta-v2",
                json!({ "relative_attention": true, "share_att_key": true, "position_biased_input": false,
                    "norm_rel_ebd": "layer_norm", "pos_att_type": ["p2c", "c2p"], "position_buckets": 16,
                    "max_relative_positions": -1, "pooler_dropout": 0.0, "pooler_hidden_act": "gelu" }),
            ),
            bert_with("electra", json!({ "embedding_size": 4 })),
            bert_with("mpnet", json!({ "relative_attention_num_buckets": 32, "pad_token_id": 1 })),
            bert_with(
                "albert",
                json!({ "embedding_size": 4, "num_hidden_groups": 1, "inner_group_num": 1, "classifier_dropout_prob": 0.1,
                    "hidden_act": "gelu_new" }),
            ),
            bert_with("vit", json!({ "image_size": [32, 32], "patch_size": 8, "num_channels": 3, "qkv_bias": true })),
            bert_with(
                "dinov2",
                json!({ "image_size": 28, "patch_size": 14, "num_channels": 3, "mlp_ratio": 4, "use_swiglu_ffn": true,
                    "layerscale_value": 1.0, "drop_path_rate": 0.0, "out_indices": [2] }),
            ),
        ]
    }

    fn read(config: &Value) -> Result<ModelConfig, ModelError> {
        ModelConfig::from_json(config.to_string().as_bytes())
    }

    /// What a stranger may write in the place of a field.
    fn hostile() -> Vec<Value> {
        let nested = (0..50).fold(json!(1), |inner, _| json!([inner, 1_u64 << 62]));
        let whole = [0, 1, 3, 1 << 24, 10_000_000, 1 << 32, 1 << 53, 1 << 62, u64::MAX];
        let signed = [-1, -128, i64::MIN];
        let real = [0.0, -0.0, 12.0, 0.5, 1.0, 1e-320, 1e308, -1e308, 1e19];
        let other = [json!(null), json!(true), json!(""), json!("12"), json!([]), json!({}), nested];
        let numbers = whole.map(Value::from).into_iter().chain(signed.map(Value::from));
        numbers.chain(real.map(Value::from)).chain(other).collect()
    }

    #[test]
    fn the_small_configs_are_usable() {
        for config in configs() {
            read(&config).expect("usable");
        }
    }

    #[test]
    fn a_size_beyond_its_limit_is_refused_by_name_with_the_limit() {
        let cases: [(usize, &str, u64, &str); 10] = [
            (0, "num_hidden_layers", 10_000_000, "1024"),
            (0, "hidden_size", 1_000_000, "65536"),
            (0, "vocab_size", 1 << 62, "4194304"),
            (0, "type_vocab_size", 1 << 40, "65536"),
            (2, "n_heads", 1 << 20, "1024"),
            (3, "n_inner", 1 << 62, "1048576"),
            (3, "n_positions", 1 << 62, "16777216"),
            (4, "window_size", 0, "from 1"),
            (5, "num_key_value_heads", 0, "from 1"),
            (5, "head_dim", 0, "from 1"),
        ];
        for (config, field, number, limit) in cases {
            let mut config = configs().swap_remove(config);
            config[field] = json!(number);
            let error = read(&config).expect_err(field).to_string();
            assert!(error.contains(field) && error.contains(limit), "{error}");
        }
    }

    #[test]
    fn rates_and_epsilons_outside_their_interval_are_refused_by_name() {
        let cases = [
            (0, "hidden_dropout_prob", json!(1.0), "[0, 1)"),
            (0, "classifier_dropout", json!(-0.1), "[0, 1)"),
            (2, "seq_classif_dropout", json!(7), "[0, 1)"),
            (3, "attn_pdrop", json!(1e308), "[0, 1)"),
            (0, "layer_norm_eps", json!(1e308), "(0, 0.1)"),
            (5, "rms_norm_eps", json!(0.0), "(0, 0.1)"),
            (5, "initializer_range", json!(-1.0), "[0, 10)"),
            (0, "hidden_size", json!(12.0), "not a whole number"),
            (0, "hidden_size", json!("12"), "not a whole number"),
            (0, "hidden_size", json!(-12), "not a whole number"),
            (0, "hidden_act", json!(3), "not a text"),
        ];
        for (config, field, value, reason) in cases {
            let mut config = configs().swap_remove(config);
            config[field] = value;
            let error = read(&config).expect_err(field).to_string();
            assert!(error.contains(field) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let mut config = configs().swap_remove(0);
        config["hidden_size"] = json!("9".repeat(100_000));
        let error = read(&config).expect_err("it is a text").to_string();
        assert!(error.len() < 200, "{} bytes", error.len());
    }

    #[test]
    fn a_pattern_is_not_repeated_beyond_the_layers() {
        for types in [json!([[["global"], 1_u64 << 62]]), json!([[["global", "local"], 2]]), json!([[[], 1_u64 << 62]])]
        {
            let mut config = configs().swap_remove(4);
            config["attention_types"] = types;
            let error = read(&config).expect_err("it names other layers").to_string();
            assert!(error.contains("attention_types"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn hostile_fields_never_panic(
            architecture in 0..configs().len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        ) {
            let mut config = configs().swap_remove(architecture);
            for (field, value) in changes {
                let names: Vec<String> = config.as_object().expect("an object").keys().cloned().collect();
                let values = hostile();
                config[field.get(&names).as_str()] = value.get(&values).clone();
            }
            let _ = read(&config);
        }

        #[test]
        fn damaged_bytes_never_panic(
            architecture in 0..configs().len(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = configs().swap_remove(architecture).to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = ModelConfig::from_json(&bytes);
        }
    }
}
