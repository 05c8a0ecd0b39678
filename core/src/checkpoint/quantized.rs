//! Weights that are not plain numbers: quantized ones, and those of an adapter that is not merged. Both are refused by
//! name, for a model that was filled from them in part would answer all the same.

use safetensors::Dtype;
use serde_json::Value;

use super::notes::cut;
use super::{CheckpointError, WeightFile};

/// Ends of tensor names that only one way of quantizing writes.
const QUANTIZED_NAMES: [(&str, &str); 12] = [
    (".qweight", "GPTQ or AWQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".absmax", "bitsandbytes"),
    (".nested_absmax", "bitsandbytes"),
    (".quant_map", "bitsandbytes"),
    (".bitsandbytes__nf4", "bitsandbytes"),
    (".bitsandbytes__fp4", "bitsandbytes"),
    (".SCB", "bitsandbytes"),
    (".weight_format", "bitsandbytes"),
    (".weight_packed", "compressed-tensors"),
    (".weight_scale", "fp8 or compressed-tensors"),
    (".weight_scale_inv", "fp8"),
];

/// Parts of tensor names that PEFT writes beside those of the model.
const ADAPTER_PARTS: [&str; 8] = [
    "lora_A",
    "lora_B",
    "lora_embedding_A",
    "lora_embedding_B",
    "lora_magnitude_vector",
    "base_layer",
    "modules_to_save",
    "original_module",
];

/// Refuses weights that are quantized, by `config.json` or by what they are.
pub(super) fn check_not_quantized(config: &Value, file: &WeightFile<'_>) -> Result<(), CheckpointError> {
    let by_name = || {
        let ends = |name: &str| QUANTIZED_NAMES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, how)| *how);
        file.names().find_map(ends).map(str::to_owned)
    };
    let by_dtype = || {
        let weights = file.names().filter(|name| name.ends_with(".weight"));
        weights.filter_map(|name| file.dtype(name)).find(|dtype| is_quantized(*dtype)).map(|dtype| dtype.to_string())
    };
    match method(config).or_else(by_name).or_else(by_dtype) {
        None => Ok(()),
        Some(how) => Err(CheckpointError::Quantized { how }),
    }
}

/// Refuses a model that was saved with an adapter in it.
pub(super) fn check_merged(file: &WeightFile<'_>) -> Result<(), CheckpointError> {
    let is_part = |name: &&str| name.split('.').any(|part| ADAPTER_PARTS.contains(&part));
    match file.names().find(is_part) {
        None => Ok(()),
        Some(key) => Err(CheckpointError::NotMerged { key: cut(key) }),
    }
}

/// How `config.json` says that the weights are quantized.
fn method(config: &Value) -> Option<String> {
    let section = |field: &str| config.get(field).and_then(Value::as_object).filter(|section| !section.is_empty());
    if let Some(section) = section("quantization_config").or_else(|| section("compression_config")) {
        let is_set = |field: &str| section.get(field).and_then(Value::as_bool) == Some(true);
        return Some(match section.get("quant_method").and_then(Value::as_str) {
            Some(method) => method.chars().take(40).collect(),
            None if is_set("load_in_4bit") || is_set("load_in_8bit") => "bitsandbytes".into(),
            None => "config.json has a quantization_config".into(),
        });
    }
    section("quantization").map(|_| "mlx".into())
}

fn is_quantized(dtype: Dtype) -> bool {
    use Dtype::{F4, F6_E2M3, F6_E3M2, F8_E4M3, F8_E4M3FNUZ, F8_E5M2, F8_E5M2FNUZ, F8_E8M0, I8, I32, U8, U32};
    matches!(
        dtype,
        F4 | F6_E2M3 | F6_E3M2 | F8_E4M3 | F8_E4M3FNUZ | F8_E5M2 | F8_E5M2FNUZ | F8_E8M0 | I8 | I32 | U8 | U32
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::tensor::TensorView;
    use serde_json::json;

    use super::*;

    fn file(name: &str, dtype: Dtype) -> Vec<u8> {
        let data = vec![0; dtype.bitsize()]; // eight numbers
        let view = TensorView::new(dtype, vec![8], &data).expect("eight numbers");
        safetensors::serialize(BTreeMap::from([(name.to_owned(), view)]), None).expect("it serializes")
    }

    fn checked(config: &Value, name: &str, dtype: Dtype) -> Result<(), CheckpointError> {
        let bytes = file(name, dtype);
        check_not_quantized(config, &WeightFile::open("x.safetensors", &bytes)?)
    }

    #[test]
    fn quantized_weights_are_refused_by_their_method() {
        let plain = json!({ "quantization_config": null });
        checked(&plain, "h.0.attn.weight", Dtype::BF16).expect("plain numbers");
        checked(&plain, "h.0.attn.bias", Dtype::U8).expect("an old mask, not a weight");
        let configs = [
            (json!({ "quantization_config": { "quant_method": "gptq", "bits": 4 } }), "gptq"),
            (json!({ "quantization_config": { "quant_method": "awq" } }), "awq"),
            (json!({ "quantization_config": { "load_in_4bit": true } }), "bitsandbytes"),
            (json!({ "compression_config": { "quant_method": "compressed-tensors" } }), "compressed-tensors"),
            (json!({ "quantization": { "bits": 4, "group_size": 64 } }), "mlx"),
        ];
        for (config, how) in configs {
            let error = checked(&config, "a.weight", Dtype::F16).expect_err(how).to_string();
            assert!(error.contains("quantized") && error.contains(how), "{error}");
        }
        let files = [
            ("model.layers.0.mlp.up_proj.qweight", Dtype::I32, "GPTQ or AWQ"),
            ("model.layers.0.mlp.up_proj.weight.absmax", Dtype::F32, "bitsandbytes"),
            ("model.layers.0.mlp.up_proj.SCB", Dtype::F32, "bitsandbytes"),
            ("model.layers.0.mlp.up_proj.weight_scale", Dtype::F32, "fp8"),
            ("model.layers.0.mlp.up_proj.weight", Dtype::F8_E4M3, "F8_E4M3"),
            ("model.layers.0.mlp.up_proj.weight", Dtype::I8, "I8"),
        ];
        for (name, dtype, how) in files {
            let error = checked(&plain, name, dtype).expect_err(how).to_string();
            assert!(error.contains("quantized") && error.contains(how), "{error}");
        }
    }

    #[test]
    fn a_model_with_an_adapter_in_it_is_refused() {
        let name = "base_model.model.bert.encoder.layer.0.attention.self.query.base_layer.weight";
        let bytes = file(name, Dtype::F32);
        let error = check_merged(&WeightFile::open("x", &bytes).expect("whole")).expect_err("not merged").to_string();
        assert!(error.contains("merge_and_unload") && error.contains("query.base_layer"), "{error}");
    }
}
