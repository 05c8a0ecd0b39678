//! A model that begins with fresh weights: `config.json` and the tokenizer's files are all that it needs of a folder.

use std::collections::BTreeMap;

use burn::tensor::Device;

use super::hf::{WEIGHTS, check_ties, open_reader, open_weights, read_config};
use super::padding::adopt_padding;
use super::sentence_transformers::adopt_pooling;
use super::sizes::check_fresh;
use super::{CheckpointError, LoadReport, PretrainedModel, write_tensors};
use crate::config::{Pooling, RunConfig};
use crate::folder::Folder;
use crate::model::{BackboneConfig, Model};
use crate::nn::{Init, VisionConfig};
use crate::task::HeadKind;

impl PretrainedModel {
    /// As [`Self::open`], without weights: none are needed, and those among the files are not read. Whatever is built of it
    /// is fresh.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open_without_weights(mut folder: Folder) -> Result<Self, CheckpointError> {
        folder.insert(WEIGHTS, write_tensors(&BTreeMap::new()));
        folder.unmark_json();
        let mut config = read_config(&folder)?;
        let (_, mut notes) = open_weights(&folder, &config)?; // config.json may ask for what no fresh weights have
        check_fresh(&config)?;
        let (reader, note) = open_reader(&mut folder, &config)?;
        notes.extend(note);
        adopt_padding(&mut config, &reader);
        adopt_pooling(&mut config, &folder);
        Ok(Self { config, reader, folder, run: RunConfig::default(), notes, has_weights: false })
    }

    /// Builds the model with a head on `device` with fresh weights, whatever the files hold: as `transformers` draws them
    /// for a config.
    ///
    /// # Errors
    /// When the architecture has no such head, or config.json asks for what is not supported.
    pub fn build_from_scratch(
        &self,
        head: HeadKind,
        pooling: Pooling,
        num_outputs: usize,
        seed: u64,
        device: &Device,
    ) -> Result<(Model, LoadReport), CheckpointError> {
        let config = self.config.with_head(head)?;
        check_ties(&config)?;
        let model = Model::new(&config, pooling, num_outputs, &mut Init::new(seed), device);
        let drawn = match &config.backbone {
            BackboneConfig::EncoderDecoder(both) => {
                format!("normal as T5 begins, by the size of each (initializer_factor {})", both.initializer_factor)
            }
            BackboneConfig::Vision(VisionConfig { layer_scale: Some(value), initializer_range, .. }) => format!(
                "normal with standard deviation {initializer_range} (initializer_range), factors of what layers add {value} \
                 (layerscale_value)"
            ),
            backbone => format!("normal with standard deviation {} (initializer_range)", backbone.initializer_range()),
        };
        let mut notes = vec![format!("all weights are fresh: {drawn}, biases 0, norms that multiply with 1")];
        if config.json.get("sinusoidal_pos_embds").and_then(serde_json::Value::as_bool) == Some(true) {
            notes.push("config.json asks for positions of sines (sinusoidal_pos_embds): they are fresh instead".into());
        }
        Ok((model, LoadReport { notes, ..LoadReport::default() }))
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::Tensor;

    use super::*;
    use crate::model::ModelConfig;
    use crate::nn::ParamPath;

    const GPT2: &str = r#"{"model_type":"gpt2","vocab_size":40,"n_embd":32,"n_layer":8,"n_head":2,"n_positions":64,
        "eos_token_id":9}"#;
    const BERT: &str = r#"{"model_type":"bert","vocab_size":40,"hidden_size":32,"num_hidden_layers":2,
        "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":64,"initializer_range":0.05}"#;

    /// Mean and standard deviation of every parameter, by path.
    #[derive(Default)]
    struct Moments {
        path: ParamPath,
        found: Vec<(String, f64, f64)>,
    }

    impl ModuleVisitor for Moments {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values: Vec<f64> = param.val().into_data().iter::<f64>().collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            self.found.push((self.path.join(), mean, variance.sqrt()));
        }
    }

    fn folder(config: &str) -> Folder {
        let mut folder = Folder::new();
        folder.insert("config.json", config);
        let words: String = (5..40).map(|word| format!("w{word}\n")).collect();
        folder.insert("vocab.txt", format!("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n{words}"));
        folder
    }

    fn moments(pretrained: &PretrainedModel, head: HeadKind, seed: u64) -> Vec<(String, f64, f64)> {
        let built = pretrained.build(head, Pooling::Cls, 0, seed, &Device::flex());
        let (model, report) = built.expect("nothing is missing");
        assert!(report.notes[0].starts_with("all weights are fresh: "), "{report:?}");
        let mut found = Moments::default();
        model.visit(&mut found);
        found.found
    }

    #[test]
    fn fresh_weights_are_drawn_as_the_reference_draws_them() {
        let bert = PretrainedModel::open_without_weights(folder(BERT)).expect("no weights are needed");
        assert!(!bert.has_weights);
        let found = moments(&bert, HeadKind::MaskedLm, 1);
        assert!(found.iter().any(|(path, ..)| path == "head.lm_head.dense.weight"), "{found:?}");
        for (path, mean, std) in &found {
            let expected = match path {
                path if path.ends_with("bias") => (0.0, 0.0),
                path if path.contains("norm") => (1.0, 0.0),
                _ => (0.0, 0.05),
            };
            assert!((mean - expected.0).abs() < 0.02 && (std - expected.1).abs() < 0.02, "{path}: {mean}, {std}");
        }
        assert_eq!(found, moments(&bert, HeadKind::MaskedLm, 1), "the same seed, the same weights");
        assert_ne!(found, moments(&bert, HeadKind::MaskedLm, 2));
    }

    #[test]
    fn what_gpt2_adds_to_the_states_begins_smaller() {
        let config = ModelConfig::from_json(GPT2.as_bytes()).expect("usable");
        let model = Model::new(
            &config.with_head(HeadKind::CausalLm).expect("it has it"),
            Pooling::Cls,
            0,
            &mut Init::new(1),
            &Device::flex(),
        );
        let mut found = Moments::default();
        model.visit(&mut found);
        let std = |end: &str| found.found.iter().find(|(path, ..)| path.ends_with(end)).expect("it is there").2;
        assert!((std("self_attn.qkv_proj.weight") - 0.02).abs() < 0.002);
        for end in ["self_attn.o_proj.weight", "mlp.down_proj.weight"] {
            assert!((std(end) - 0.02 / 4.0).abs() < 0.001, "{end}: {}", std(end));
        }
    }

    #[test]
    fn padding_begins_at_nothing() {
        let bert = PretrainedModel::open_without_weights(folder(BERT)).expect("no weights are needed");
        let built = bert.build(HeadKind::MaskedLm, Pooling::Cls, 0, 1, &Device::flex());
        let crate::model::Backbone::Encoder(encoder) = built.expect("nothing is missing").0.backbone else {
            panic!("BERT is an encoder")
        };
        let table: Vec<f32> = encoder.embeddings.word_table().into_data().iter::<f32>().collect();
        assert!(table[..32].iter().all(|&value| value == 0.0) && table[32..64].iter().all(|&value| value != 0.0));
    }

    #[test]
    fn sizes_without_bound_and_files_that_lack_something_are_refused() {
        let refused = |config: &str| {
            PretrainedModel::open_without_weights(folder(config)).expect_err("it can't be built").to_string()
        };
        let huge = BERT.replace("\"vocab_size\":40", "\"vocab_size\":4194304");
        let huge = refused(&huge.replace("\"hidden_size\":32", "\"hidden_size\":65536"));
        assert!(huge.contains("fresh weights"), "{huge}");
        let small = refused(&BERT.replace("\"vocab_size\":40", "\"vocab_size\":20"));
        assert!(small.contains("ids up to 39"), "{small}");
        let mut bare = folder(BERT);
        bare.remove("vocab.txt");
        assert!(PretrainedModel::open_without_weights(bare).is_err(), "it has no tokenizer");
    }
}
