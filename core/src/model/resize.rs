//! `config.json` of a model with other layers or a larger vocabulary.

use serde_json::{Value, json};

use super::{BackboneConfig, ModelConfig, ModelError};
use crate::nn::{DecoderConfig, Positions, RopeConfig};

/// Lists of `config.json` that say something of each layer in order.
const LAYER_LISTS: [&str; 3] = ["layer_types", "attention_layers", "no_rope_layers"];

/// Fields of DINOv2 that name all layers, and those whose states another class gives: without them the last.
const STAGES: [&str; 3] = ["stage_names", "out_features", "out_indices"];

impl ModelConfig {
    /// `config.json` of a model that has these of the layers, in this order, and `added` more like the last of them.
    ///
    /// # Errors
    /// When it would have no layer or too many, or a field that says something of each layer can't follow.
    pub fn with_layers(&self, kept: &[usize], added: usize) -> Result<Self, ModelError> {
        if kept.iter().copied().eq(0..self.num_hidden_layers()) && added == 0 {
            return Ok(self.clone());
        }
        let order = self.order_of_layers(kept, added)?;
        let mut json = self.json_of_layers(&order);
        if let Some(name) = self.unknown_layer_list() {
            return Err(self
                .bad_layers(&format!("the layers can't be changed: {name} says something of each that is not known")));
        }
        let (windows, ropes) = (of_order(self.windows(), &order), of_order(self.ropes(), &order));
        let agree = |changed: &Self| (changed.windows() == windows, changed.ropes() == ropes);
        let changed = Self::from_json(json.to_string().as_bytes())?;
        let (windows_agree, ropes_agree) = agree(&changed);
        if windows_agree && ropes_agree {
            return Ok(changed);
        }
        // Which layers have a sliding window, or no rotary positions, may be said by their number, which is another now.
        if !windows_agree {
            let kinds = windows.iter().map(|window| window.map_or("full_attention", |_| "sliding_attention"));
            json["layer_types"] = kinds.collect();
        }
        if !ropes_agree && (ropes.contains(&None) || changed.ropes().contains(&None)) {
            json["no_rope_layers"] = ropes.iter().map(|rope| u8::from(rope.is_some())).collect();
        }
        let changed = Self::from_json(json.to_string().as_bytes())?;
        if agree(&changed) != (true, true) {
            return Err(self.bad_layers(
                "the layers can't be changed: they see differently far, or differ in their positions, and no field can say so",
            ));
        }
        Ok(changed)
    }

    /// The layers of the changed model, each by the layer of this one that it is like.
    fn order_of_layers(&self, kept: &[usize], added: usize) -> Result<Vec<usize>, ModelError> {
        match &self.backbone {
            BackboneConfig::EncoderDecoder(_) => {
                return Err(self.bad_layers("the layers of a model with an encoder and a decoder can't be changed"));
            }
            BackboneConfig::Encoder(encoder) if encoder.shares_layers => {
                let reason = "the layers of this model are one with the same weights: none can be left out or added";
                return Err(self.bad_layers(reason));
            }
            BackboneConfig::ModernEncoder(_) if kept.first() != Some(&0) || (kept.len() == 1 && added > 0) => {
                let reason = "the first layer of this model has one norm less: it has to stay the first, and no layer can \
                              be like it";
                return Err(self.bad_layers(reason));
            }
            BackboneConfig::Encoder(_)
            | BackboneConfig::ModernEncoder(_)
            | BackboneConfig::Decoder(_)
            | BackboneConfig::Vision(_) => {}
        }
        let before = self.num_hidden_layers();
        if let Some(layer) = kept.iter().find(|&&layer| layer >= before) {
            return Err(self.bad_layers(&format!("there is no layer {layer}: the last one is {}", before - 1)));
        }
        let Some(&last) = kept.last() else { return Err(self.bad_layers("no layer is left")) };
        Ok(kept.iter().copied().chain(std::iter::repeat_n(last, added)).collect())
    }

    /// `config.json` with what it says of the number of layers and of each of them, for layers in another order.
    fn json_of_layers(&self, order: &[usize]) -> Value {
        let (before, field) = (self.num_hidden_layers(), self.architecture.field_name("num_hidden_layers"));
        let mut json = self.json.clone();
        // Some files have the number under the name that other architectures have for it, too.
        for name in [field, "num_hidden_layers"] {
            if name == field || json.get(name).is_some() {
                json[name] = json!(order.len());
            }
        }
        for name in LAYER_LISTS {
            if let Some(list) = self.json.get(name).and_then(Value::as_array).filter(|list| list.len() == before) {
                json[name] = order.iter().map(|&layer| list[layer].clone()).collect();
            }
        }
        if let (BackboneConfig::Vision(_), Some(fields)) = (&self.backbone, json.as_object_mut()) {
            STAGES.iter().for_each(|&name| drop(fields.shift_remove(name)));
        }
        if self.json.get("attention_types").is_some() {
            let windows = of_order(self.windows(), order);
            let kinds: Vec<&str> = windows.iter().map(|window| window.map_or("global", |_| "local")).collect();
            json["attention_types"] = json!([[kinds, 1]]);
        }
        json
    }

    fn bad_layers(&self, reason: &str) -> ModelError {
        ModelError::Field { field: self.architecture.field_name("num_hidden_layers"), reason: reason.to_owned() }
    }

    /// `config.json` of a model with so many tokens.
    ///
    /// # Errors
    /// When there are too many.
    pub fn with_vocab_size(&self, vocab_size: usize) -> Result<Self, ModelError> {
        let mut json = self.json.clone();
        json["vocab_size"] = json!(vocab_size);
        Self::from_json(json.to_string().as_bytes())
    }

    /// How each layer of a decoder turns queries and keys; nothing where positions are no matter of layers.
    fn ropes(&self) -> &[Option<RopeConfig>] {
        match &self.backbone {
            BackboneConfig::Decoder(DecoderConfig { positions: Positions::Rotary(ropes), .. }) => ropes,
            BackboneConfig::Encoder(_)
            | BackboneConfig::ModernEncoder(_)
            | BackboneConfig::Decoder(_)
            | BackboneConfig::EncoderDecoder(_)
            | BackboneConfig::Vision(_) => &[],
        }
    }

    /// How far each layer of a decoder sees; nothing where all see everything.
    fn windows(&self) -> &[Option<usize>] {
        match &self.backbone {
            BackboneConfig::Encoder(_) | BackboneConfig::EncoderDecoder(_) | BackboneConfig::Vision(_) => &[],
            BackboneConfig::ModernEncoder(encoder) => &encoder.windows,
            BackboneConfig::Decoder(decoder) => &decoder.windows,
        }
    }

    /// A list as long as there are layers, whose name speaks of layers, and that is none of those above.
    fn unknown_layer_list(&self) -> Option<&str> {
        let fields = self.json.as_object().into_iter().flatten();
        let mut lists = fields.filter(|(_, value)| {
            value.as_array().is_some_and(|list| list.len() == self.num_hidden_layers() && !list.is_empty())
        });
        let is_unknown = |name: &str| name.contains("layer") && !LAYER_LISTS.contains(&name);
        lists.find(|(name, _)| is_unknown(name)).map(|(name, _)| name.as_str())
    }
}

/// What is said of each of these layers; nothing where nothing is.
fn of_order<T: Copy>(of_layers: &[T], order: &[usize]) -> Vec<T> {
    order.iter().filter_map(|&layer| of_layers.get(layer).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{config_of, with};
    use super::*;

    fn decoder(model_type: &str, fields: &Value) -> ModelConfig {
        let mut config = json!({
            "model_type": model_type, "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 4,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64,
        });
        config.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        ModelConfig::from_json(config.to_string().as_bytes()).expect("usable")
    }

    #[test]
    fn the_number_of_layers_has_the_architectures_name() {
        for (model_type, name) in [("bert", "num_hidden_layers"), ("distilbert", "n_layers"), ("gpt2", "n_layer")] {
            let config = config_of(model_type).with_layers(&[0], 2).expect("three layers");
            assert_eq!((config.num_hidden_layers(), &config.json[name]), (3, &json!(3)), "{model_type}");
            assert_eq!(config.json.get("num_hidden_layers").is_some(), name == "num_hidden_layers");
        }
        let same = config_of("bert").with_layers(&[0], 0).expect("as it was");
        assert_eq!(same, config_of("bert"));
        let error = config_of("bert").with_layers(&[], 1).expect_err("nothing to be like").to_string();
        assert!(error.contains("num_hidden_layers"), "{error}");
        let error = config_of("bert").with_layers(&[1], 0).expect_err("it has one").to_string();
        assert!(error.contains("no layer 1"), "{error}");
        assert!(config_of("bert").with_layers(&[0], 5000).is_err(), "too many");
        let error = config_of("albert").with_layers(&[0], 1).expect_err("it has one for all").to_string();
        assert!(error.contains("the same weights"), "{error}");
    }

    #[test]
    fn lists_of_layers_follow() {
        let kinds = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"];
        let fields = json!({"sliding_window": 16, "use_sliding_window": true, "layer_types": kinds});
        let config = decoder("qwen3", &fields).with_layers(&[0, 1, 2], 1).expect("four layers");
        let expected = json!(["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]);
        assert_eq!(config.json["layer_types"], expected);

        let neo = json!({"num_layers": 4, "num_heads": 2, "attention_types": [[["global", "local"], 2]],
            "attention_layers": ["global", "local", "global", "local"], "window_size": 8});
        let config = decoder("gpt_neo", &neo).with_layers(&[1, 2], 1).expect("three layers");
        assert_eq!(config.json["attention_types"], json!([[["local", "global", "global"], 1]]));
        assert_eq!(config.json["attention_layers"], json!(["local", "global", "global"]));
        assert_eq!((config.windows(), config.json["num_layers"].as_u64()), (&[Some(8), None, None][..], Some(3)));
    }

    #[test]
    fn layers_that_slide_by_their_place_are_named() {
        let fields = json!({"sliding_window": 16, "use_sliding_window": true, "max_window_layers": 2});
        let qwen = decoder("qwen2", &fields);
        let config = qwen.with_layers(&[0, 3], 1).expect("three layers");
        assert_eq!(config.json["layer_types"], json!(["full_attention", "sliding_attention", "sliding_attention"]));
        assert_eq!(config.windows(), [None, Some(16), Some(16)]);
        let config = qwen.with_layers(&[0, 1, 2], 0).expect("three layers");
        assert_eq!(config.json.get("layer_types"), None, "their numbers say it");
        let mistral = decoder("mistral", &json!({"sliding_window": 16})).with_layers(&[0, 3], 1).expect("three layers");
        assert_eq!(mistral.json.get("layer_types"), None, "all are alike");
    }

    /// Which layers turn queries and keys.
    fn turned(config: &ModelConfig) -> Vec<bool> {
        config.ropes().iter().map(Option::is_some).collect()
    }

    #[test]
    fn layers_without_rotary_positions_keep_none() {
        let heads = json!({"num_key_value_heads": 2});
        let smollm3 = decoder("smollm3", &heads);
        assert_eq!(turned(&smollm3), [true, true, true, false], "every fourth");
        let config = smollm3.with_layers(&[0, 3], 1).expect("three layers");
        assert_eq!((turned(&config), &config.json["no_rope_layers"]), (vec![true, false, false], &json!([1, 0, 0])));
        let config = smollm3.with_layers(&[0, 1], 0).expect("two layers");
        assert_eq!(config.json.get("no_rope_layers"), None, "their numbers say it");
        let config = smollm3.with_layers(&[0, 1, 2], 1).expect("four layers");
        assert_eq!((turned(&config), &config.json["no_rope_layers"]), (vec![true; 4], &json!([1, 1, 1, 1])));

        let mut fields = heads.clone();
        fields["no_rope_layers"] = json!([0, 1, 0, 1]);
        let config = decoder("smollm3", &fields).with_layers(&[1, 2], 1).expect("three layers");
        assert_eq!((turned(&config), &config.json["no_rope_layers"]), (vec![true, false, false], &json!([1, 0, 0])));
        fields["no_rope_layers"] = json!([0, 1, 0, 1, 1]);
        let config = decoder("smollm3", &fields).with_layers(&[1, 2], 0).expect("two layers");
        assert_eq!((turned(&config), &config.json["no_rope_layers"]), (vec![true, false], &json!([1, 0])), "too long");
    }

    #[test]
    fn local_and_global_layers_of_gemma_keep_their_windows_and_their_angles() {
        let fields = json!({"num_key_value_heads": 1, "sliding_window": 8, "sliding_window_pattern": 2});
        let gemma3 = decoder("gemma3_text", &fields);
        assert_eq!(gemma3.windows(), [Some(8), None, Some(8), None]);
        let config = gemma3.with_layers(&[1, 2], 1).expect("three layers");
        assert_eq!(config.json["layer_types"], json!(["full_attention", "sliding_attention", "sliding_attention"]));
        assert_eq!(config.windows(), [None, Some(8), Some(8)]);
        let thetas: Vec<f64> = config.ropes().iter().flatten().map(|rope| rope.theta).collect();
        assert_eq!(thetas, [1e6, 1e4, 1e4]);
    }

    #[test]
    fn stages_of_dinov2_are_those_of_its_layers() {
        let json = json!({
            "model_type": "dinov2", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "stage_names": ["stem", "stage1", "stage2"], "out_features": ["stage2"], "out_indices": [2],
        });
        let before = ModelConfig::from_json(json.to_string().as_bytes()).expect("usable");
        let config = before.with_layers(&[0], 0).expect("one layer");
        assert_eq!(config.num_hidden_layers(), 1);
        assert!(STAGES.iter().all(|&name| config.json.get(name).is_none()), "the reference counts them itself");
        assert_eq!(before.with_layers(&[0, 1], 0).expect("as it was").json, json);
    }

    #[test]
    fn a_list_of_layers_that_is_not_known_is_refused_by_name() {
        let error = with(r#""layer_scales":[1]"#).with_layers(&[0], 1).expect_err("what of the second?").to_string();
        assert!(error.contains("layer_scales"), "{error}");
        with(r#""eos_token_id":[1]"#).with_layers(&[0], 1).expect("no list of layers");
    }

    #[test]
    fn a_vocabulary_grows() {
        let config = config_of("gpt2").with_vocab_size(12).expect("two more");
        assert_eq!((config.vocab_size(), &config.json["vocab_size"]), (12, &json!(12)));
        assert!(config_of("gpt2").with_vocab_size(1 << 40).is_err());
    }
}
