//! What loading a model had to say, and which of its parts no file holds.

use std::collections::BTreeSet;

use super::adapter_keys::plain_name;
use super::hf::OUTPUTS;
use super::notes::listed;
use super::{ADAPTER_WEIGHTS, WeightFile};
use crate::folder::Folder;
use crate::model::{KeyMap, checkpoint_key};

/// What loading had to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// Parameter paths that were not in the file and hold fresh values (the head).
    pub fresh: Vec<String>,
    /// The modules of those parameters, as checkpoints name them: `bert.pooler.dense`.
    pub fresh_modules: Vec<String>,
    /// Keys of the file that the model has no place for.
    pub unused: Vec<String>,
    /// What was decided against `config.json` or the names in the file, a sentence each.
    pub notes: Vec<String>,
}

impl LoadReport {
    /// A report on fresh parameters and unused keys.
    pub(super) fn new(map: &KeyMap, mut fresh: Vec<String>, unused: Vec<String>, notes: Vec<String>) -> Self {
        fresh.sort();
        let mut fresh_modules: Vec<String> = fresh.iter().filter_map(|path| module_name(map, path)).collect();
        fresh_modules.sort();
        fresh_modules.dedup();
        Self { fresh, fresh_modules, unused, notes }
    }

    /// All of it in sentences; of long lists the beginning.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.sentences_beside(None)
    }

    /// As [`Self::sentences`], without the modules that `adapter` brings.
    #[must_use]
    pub fn sentences_beside(&self, adapter: Option<&Folder>) -> Vec<String> {
        let mut sentences = self.notes.clone();
        let fresh = self.modules_in_no_file(adapter);
        if !fresh.is_empty() {
            sentences.push(format!("fresh weights for {}", listed(&fresh)));
        }
        if !self.unused.is_empty() {
            sentences.push(format!("not used: {}", listed(&self.unused)));
        }
        sentences
    }

    /// Modules with random values that a trained head's outputs are made of: they are neither in the model's files nor in
    /// those of `adapter`. None where the outputs themselves are fresh, for then the head is yet to be trained.
    #[must_use]
    pub fn untrained_parts(&self, map: &KeyMap, adapter: Option<&Folder>) -> Vec<String> {
        let random = self.modules_in_no_file(adapter);
        let outputs = OUTPUTS.iter().find_map(|path| module_name(map, path));
        if random.iter().any(|module| Some(module) == outputs.as_ref()) { Vec::new() } else { random }
    }

    /// The fresh modules that an adapter does not hold either.
    fn modules_in_no_file(&self, adapter: Option<&Folder>) -> Vec<String> {
        let file = adapter.and_then(|adapter| WeightFile::open_in(adapter, [ADAPTER_WEIGHTS]).ok());
        let held: BTreeSet<String> = file.iter().flat_map(|file| file.names().filter_map(plain_name)).collect();
        let is_held = |module: &str| held.contains(&format!("{module}.weight"));
        self.fresh_modules.iter().filter(|module| !is_held(module)).cloned().collect()
    }
}

/// The checkpoint's name of the module that a parameter belongs to.
fn module_name(map: &KeyMap, path: &str) -> Option<String> {
    let key = checkpoint_key(map, path)?;
    Some(key.rsplit_once('.')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::super::hf::CLASSIFIER;
    use super::*;
    use crate::model::ModelConfig;

    const CONFIG: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;

    fn map() -> &'static KeyMap {
        ModelConfig::from_json(CONFIG.as_bytes()).expect("usable").key_map()
    }

    fn adapter(names: &[&str]) -> Folder {
        let mut tensors = BTreeMap::new();
        for name in names {
            let view = TensorView::new(Dtype::F32, vec![0], &[]).expect("nothing is in it");
            tensors.insert((*name).to_owned(), view);
        }
        let mut folder = Folder::new();
        folder.insert(ADAPTER_WEIGHTS, safetensors::serialize(tensors, None).expect("it serializes"));
        folder
    }

    fn report(paths: &[&str]) -> LoadReport {
        let fresh = paths.iter().map(|path| (*path).to_owned()).collect();
        LoadReport::new(map(), fresh, Vec::new(), Vec::new())
    }

    const POOLER: [&str; 2] = ["head.dense.weight", "head.dense.bias"];

    #[test]
    fn a_fresh_part_under_a_trained_classifier_is_named() {
        let both = report(&[POOLER[0], POOLER[1], CLASSIFIER, "head.classifier.bias"]);
        assert_eq!(both.fresh_modules, ["bert.pooler.dense", "classifier"]);
        assert!(both.untrained_parts(map(), None).is_empty(), "the whole head is yet to be trained");
        assert_eq!(report(&POOLER).untrained_parts(map(), None), ["bert.pooler.dense"]);

        let classifier = adapter(&["base_model.model.classifier.weight", "base_model.model.classifier.bias"]);
        assert_eq!(both.untrained_parts(map(), Some(&classifier)), ["bert.pooler.dense"]);
        assert_eq!(both.sentences_beside(Some(&classifier)), ["fresh weights for bert.pooler.dense"]);
        let branch = "base_model.model.bert.pooler.dense.lora_A.weight";
        let branch = adapter(&["base_model.model.classifier.weight", branch]);
        assert_eq!(both.untrained_parts(map(), Some(&branch)), ["bert.pooler.dense"], "what it adds to is random");
        let whole = adapter(&["base_model.model.classifier.weight", "base_model.model.bert.pooler.dense.weight"]);
        assert!(both.untrained_parts(map(), Some(&whole)).is_empty());
        assert!(report(&[]).untrained_parts(map(), Some(&classifier)).is_empty());
    }

    #[test]
    fn a_hundred_thousand_unused_names_are_one_short_sentence() {
        let unused = (0..100_000).map(|index| format!("extra.{index}")).collect();
        let sentences = LoadReport::new(map(), vec![CLASSIFIER.into()], unused, vec!["said".into()]).sentences();
        assert_eq!(sentences[..2], ["said", "fresh weights for classifier"]);
        assert!(sentences[2].len() < 200 && sentences[2].ends_with("and 99992 more"), "{}", sentences[2]);
    }
}
