//! How far the layers of Mistral and of the Qwens see.

use serde_json::{Value, json};

use super::super::{BackboneConfig, ModelConfig};

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
        (attention.has_qkv_bias, attention.has_output_bias, attention.has_qk_norm)
    };
    for attention_bias in [false, true] {
        for model_type in ["llama", "mistral"] {
            assert_eq!(attention(model_type, attention_bias), (attention_bias, attention_bias, false));
        }
        assert_eq!(attention("qwen2", attention_bias), (true, false, false));
        assert_eq!(attention("qwen3", attention_bias), (attention_bias, attention_bias, true));
    }
}
