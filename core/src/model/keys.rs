//! Parameter paths to checkpoint keys, as data.

/// Rules of one architecture: the first rule whose left side starts the path wins; `{i}` stands for a layer's number.
/// Paths end in `.weight` or `.bias` on both sides.
#[derive(Debug)]
pub struct KeyMap {
    /// What checkpoints with a head put before the backbone's keys; bare backbones leave it out.
    pub prefix: &'static str,
    /// (our path, the checkpoint's path without the prefix)
    pub backbone: &'static [(&'static str, &'static str)],
    /// (our path, the checkpoint's path)
    pub head: &'static [(&'static str, &'static str)],
    /// How the checkpoint stores the weights of linear layers.
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

/// The checkpoint's key for one of our parameter paths, with the architecture's prefix.
#[must_use]
pub fn checkpoint_key(map: &KeyMap, path: &str) -> Option<String> {
    let find = |rules: &[(&str, &str)]| rules.iter().find_map(|(ours, theirs)| rewrite(path, ours, theirs));
    find(map.backbone).map(|key| format!("{}{key}", map.prefix)).or_else(|| find(map.head))
}

fn rewrite(path: &str, ours: &str, theirs: &str) -> Option<String> {
    let Some((before, after)) = ours.split_once("{i}") else {
        let rest = path.strip_prefix(ours)?;
        return rest.starts_with('.').then(|| format!("{theirs}{rest}"));
    };
    let rest = path.strip_prefix(before)?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let rest = rest.strip_prefix(number.as_str())?.strip_prefix(after)?;
    (rest.starts_with('.') && !number.is_empty()).then(|| format!("{}{rest}", theirs.replace("{i}", &number)))
}

#[cfg(test)]
mod tests {
    use super::super::{bert, distilbert, gpt2, llama, roberta};
    use super::*;

    #[test]
    fn paths_become_transformers_keys() {
        let key = |map, path| checkpoint_key(map, path).expect("mapped");
        assert_eq!(
            key(&bert::KEY_MAP, "encoder.layers.11.attention_norm.bias"),
            "bert.encoder.layer.11.attention.output.LayerNorm.bias"
        );
        assert_eq!(
            key(&bert::KEY_MAP, "encoder.layers.1.attention_output.weight"),
            "bert.encoder.layer.1.attention.output.dense.weight"
        );
        assert_eq!(key(&bert::KEY_MAP, "head.dense.weight"), "bert.pooler.dense.weight");
        assert_eq!(key(&roberta::KEY_MAP, "head.classifier.bias"), "classifier.out_proj.bias");
        assert_eq!(
            key(&distilbert::KEY_MAP, "encoder.layers.0.output.weight"),
            "distilbert.transformer.layer.0.ffn.lin2.weight"
        );
        assert_eq!(
            key(&gpt2::KEY_MAP, "decoder.layers.3.self_attn.qkv_proj.lora.lora_a"),
            "transformer.h.3.attn.c_attn.lora.lora_a"
        );
        assert_eq!(key(&llama::KEY_MAP, "decoder.embed_tokens.weight"), "model.embed_tokens.weight");
        assert_eq!(key(&llama::KEY_MAP, "lm_head.weight"), "lm_head.weight");
        assert_eq!(checkpoint_key(&bert::KEY_MAP, "encoder.layers.x.query.weight"), None);
    }
}
