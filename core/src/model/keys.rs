//! Parameter paths to checkpoint keys, as data.

use super::several::is_of_further_head;

/// Rules of one class: the first rule whose left side is the path, or a part of it up to a point, wins; `{i}` stands for a
/// layer's number. What follows in the path (`.weight`, `.bias`) follows on both sides.
#[derive(Debug, Clone, Copy)]
pub struct KeyMap {
    /// What checkpoints with a head put before the backbone's keys; bare backbones leave it out.
    pub prefix: &'static str,
    /// The class is a bare backbone.
    pub is_bare: bool,
    /// (our path, the checkpoint's path without the prefix)
    pub backbone: &'static [(&'static str, &'static str)],
    /// (our path, the checkpoint's path)
    pub head: &'static [(&'static str, &'static str)],
    /// (our path, the name in memory without the prefix) of modules that `transformers` 5 calls otherwise in memory than in
    /// files: adapters have their names in memory.
    pub modules: &'static [(&'static str, &'static str)],
    /// How the checkpoint stores the weights of the backbone's linear layers; those of heads are `[out, in]` everywhere.
    pub linear: LinearLayout,
}

/// Order of a linear weight's dimensions in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearLayout {
    /// `[out, in]`, PyTorch's `nn.Linear`.
    OutIn,
    /// `[in, out]`, GPT-2's `Conv1D`.
    InOut,
}

/// Where a tensor of a layer stands: `bert.encoder.layer.` and 3 and `output.dense.bias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerKey<'a> {
    /// Before the layer's number.
    pub(crate) before: &'a str,
    /// Number of the layer.
    pub(crate) layer: usize,
    /// After its number and the point.
    pub(crate) rest: &'a str,
}

impl KeyMap {
    /// One of the backbone's keys as the class writes it.
    pub(crate) fn with_prefix(&self, key: &str) -> String {
        if self.is_bare { key.to_owned() } else { format!("{}{key}", self.prefix) }
    }

    /// The same keys, where modules have their names in files: those that they had in memory in `transformers` 4, and in
    /// adapters that were made with it.
    pub(crate) fn of_transformers_4(self) -> Self {
        Self { modules: &[], ..self }
    }

    /// The parts of a key, with the architecture's prefix or without, of a tensor that belongs to a layer.
    pub(crate) fn layer_key<'a>(&self, key: &'a str) -> Option<LayerKey<'a>> {
        let (_, theirs) = self.backbone.iter().find(|(ours, _)| ours.contains("{i}"))?;
        let (start, _) = theirs.split_once("{i}")?;
        let bare = key.strip_prefix(self.prefix).unwrap_or(key);
        let (number, rest) = bare.strip_prefix(start)?.split_once('.')?;
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        let layer = number.parse::<usize>().ok().filter(|_| is_number)?;
        Some(LayerKey { before: &key[..key.len() - number.len() - 1 - rest.len()], layer, rest })
    }

    /// Our name within a layer of the module that a key is of, and the last part of the key; `None` for what is no
    /// parameter.
    pub(crate) fn module_in_layer<'a>(&self, key: &LayerKey<'a>) -> Option<(&'static str, &'a str)> {
        let (module, field) = key.rest.rsplit_once('.')?;
        let is_it = |theirs: &str| theirs.split_once("{i}.").is_some_and(|(_, theirs)| theirs == module);
        let (ours, _) = self.backbone.iter().find(|(_, theirs)| is_it(theirs))?;
        Some((ours.split_once("{i}.")?.1, field))
    }
}

/// The checkpoint's key for one of our parameter paths, as the class writes it.
#[must_use]
pub fn checkpoint_key(map: &KeyMap, path: &str) -> Option<String> {
    match find(map.backbone, path) {
        Some(key) => Some(map.with_prefix(&key)),
        None => find(map.head, path),
    }
}

/// As [`checkpoint_key`], with the name that the module has in memory: that of an adapter's file.
#[must_use]
pub fn module_key(map: &KeyMap, path: &str) -> Option<String> {
    match find(map.modules, path) {
        Some(key) => Some(map.with_prefix(&key)),
        None => checkpoint_key(map, path),
    }
}

/// The keys under which a file may hold one of our parameters: with the architecture's prefix and without. A
/// further head, which only a run's checkpoint holds, keeps its paths.
pub(crate) fn possible_keys(map: &KeyMap, path: &str) -> Vec<String> {
    if let Some(key) = find(map.backbone, path) {
        return vec![format!("{}{key}", map.prefix), key];
    }
    let Some(key) = find(map.head, path) else {
        return if is_of_further_head(path) { vec![path.to_owned()] } else { Vec::new() };
    };
    let bare = key.strip_prefix(map.prefix).map(str::to_owned);
    std::iter::once(key).chain(bare).collect()
}

fn find(rules: &[(&str, &str)], path: &str) -> Option<String> {
    rules.iter().find_map(|(ours, theirs)| rewrite(path, ours, theirs))
}

fn rewrite(path: &str, ours: &str, theirs: &str) -> Option<String> {
    let Some((before, after)) = ours.split_once("{i}") else {
        let rest = path.strip_prefix(ours)?;
        return ends_a_name(rest).then(|| format!("{theirs}{rest}"));
    };
    let rest = path.strip_prefix(before)?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let rest = rest.strip_prefix(number.as_str())?.strip_prefix(after)?;
    (ends_a_name(rest) && !number.is_empty()).then(|| format!("{}{rest}", theirs.replace("{i}", &number)))
}

/// Whether a name ends before the rest of a path; some parameters have no name but their module's.
fn ends_a_name(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::config_of;
    use super::*;
    use crate::task::HeadKind;

    fn map(model_type: &str, head: HeadKind) -> &'static KeyMap {
        config_of(model_type).with_head(head).expect("the architecture has it").key_map()
    }

    #[test]
    fn paths_become_transformers_keys() {
        let key = |map, path| checkpoint_key(map, path).expect("mapped");
        let bert = map("bert", HeadKind::Sequence);
        assert_eq!(
            key(bert, "backbone.layers.11.attention_norm.bias"),
            "bert.encoder.layer.11.attention.output.LayerNorm.bias"
        );
        assert_eq!(
            key(bert, "backbone.layers.1.attention_output.weight"),
            "bert.encoder.layer.1.attention.output.dense.weight"
        );
        assert_eq!(key(bert, "head.dense.weight"), "bert.pooler.dense.weight");
        assert_eq!(key(map("roberta", HeadKind::Sequence), "head.classifier.bias"), "classifier.out_proj.bias");
        assert_eq!(
            key(map("distilbert", HeadKind::Sequence), "backbone.layers.0.output.weight"),
            "distilbert.transformer.layer.0.ffn.lin2.weight"
        );
        assert_eq!(
            key(map("gpt2", HeadKind::CausalLm), "backbone.layers.3.self_attn.qkv_proj.lora.lora_a"),
            "transformer.h.3.attn.c_attn.lora.lora_a"
        );
        let llama = map("llama", HeadKind::CausalLm);
        assert_eq!(key(llama, "backbone.embed_tokens.weight"), "model.embed_tokens.weight");
        assert_eq!(key(llama, "head.lm_head.weight"), "lm_head.weight");
        assert_eq!(checkpoint_key(bert, "backbone.layers.x.query.weight"), None);
    }

    #[test]
    fn a_parameter_may_be_named_by_a_rule_alone() {
        let vit = map("vit", HeadKind::Image);
        for (path, key) in [
            ("backbone.embeddings.cls_token", "embeddings.cls_token"),
            ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
            ("backbone.embeddings.patch_embeddings.weight", "embeddings.patch_embeddings.projection.weight"),
        ] {
            assert_eq!(checkpoint_key(vit, path), Some(format!("vit.{key}")));
            assert_eq!(possible_keys(vit, path), [format!("vit.{key}"), key.to_owned()]);
        }
        for other in ["backbone.embeddings.cls_tokens", "backbone.embeddings.cls", "backbone.embeddings"] {
            assert_eq!(checkpoint_key(vit, other), None, "{other}");
        }
    }

    #[test]
    fn modules_may_have_another_name_in_memory() {
        let keys =
            |map: &KeyMap, path| [checkpoint_key(map, path), module_key(map, path)].map(|key| key.expect("mapped"));
        let (file, memory) =
            ("vit.encoder.layer.11.attention.attention.query.weight", "vit.layers.11.attention.q_proj.weight");
        let (vit, path) = (map("vit", HeadKind::Image), "backbone.layers.11.query.weight");
        assert_eq!(keys(vit, path), [file, memory]);
        assert_eq!(keys(&vit.of_transformers_4(), path), [file, file]);
        assert_eq!(keys(vit, "head.classifier.bias"), ["classifier.bias", "classifier.bias"]);
        let bert = "bert.encoder.layer.2.attention.self.key.bias";
        assert_eq!(keys(map("bert", HeadKind::Sequence), "backbone.layers.2.key.bias"), [bert, bert]);
    }

    #[test]
    fn keys_of_layers_are_told_apart() {
        let bert = map("bert", HeadKind::Sequence);
        let key = bert.layer_key("bert.encoder.layer.11.attention.output.LayerNorm.gamma").expect("a layer's");
        let parts = ("bert.encoder.layer.", 11, "attention.output.LayerNorm.gamma");
        assert_eq!((key.before, key.layer, key.rest), parts);
        assert_eq!(bert.module_in_layer(&key), Some(("attention_norm", "gamma")));
        let bare = bert.layer_key("encoder.layer.0.output.dense.weight").expect("a layer's");
        assert_eq!((bare.before, bert.module_in_layer(&bare)), ("encoder.layer.", Some(("output", "weight"))));
        for other in ["bert.pooler.dense.weight", "bert.encoder.layer.x.output.dense.weight", "encoder.layer.1"] {
            assert_eq!(bert.layer_key(other), None, "{other}");
        }
        let gpt2 = map("gpt2", HeadKind::CausalLm);
        let mask = gpt2.layer_key("transformer.h.1.attn.bias").expect("a layer's");
        assert_eq!(gpt2.module_in_layer(&mask), None, "a buffer");
        let dense = gpt2.layer_key("h.1.attn.c_proj.bias").expect("a layer's");
        assert_eq!(gpt2.module_in_layer(&dense), Some(("self_attn.o_proj", "bias")));
    }

    #[test]
    fn all_layers_of_an_architecture_have_one_place() {
        let encoders = ["bert", "distilbert", "roberta", "electra", "mpnet", "albert", "vit", "dinov2"];
        let types = encoders.into_iter().chain(["gpt2", "llama", "mistral", "qwen2", "qwen3"]);
        for config in types.map(config_of) {
            let map = config.key_map();
            let of_layers = map.backbone.iter().filter(|(ours, _)| ours.contains("{i}"));
            let starts = of_layers.map(|(_, theirs)| theirs.split_once("{i}.").expect("a point follows").0);
            let starts: std::collections::BTreeSet<&str> = starts.collect();
            assert_eq!(starts.len(), 1, "{}: {starts:?}", config.model_type());
        }
    }

    #[test]
    fn a_bare_class_writes_no_prefix_and_files_may_have_one_or_none() {
        let path = "backbone.embeddings.layer_norm.bias";
        let (whole, bare) = ("bert.embeddings.LayerNorm.bias", "embeddings.LayerNorm.bias");
        for (head, written) in [(HeadKind::Pooled, bare), (HeadKind::Sequence, whole)] {
            let map = map("bert", head);
            assert_eq!(checkpoint_key(map, path).as_deref(), Some(written));
            assert_eq!(possible_keys(map, path), [whole, bare]);
        }
        let keys = possible_keys(map("bert", HeadKind::Sequence), "head.dense.bias");
        assert_eq!(keys, ["bert.pooler.dense.bias", "pooler.dense.bias"]);
    }
}
