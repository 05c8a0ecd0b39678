//! Names that wrappers put around those of a model: `_orig_mod.` of `torch.compile`, `module.` of data parallelism, a
//! model that is a field of another one. They are found by the token table (of a model of images by
//! the class token), whose own name is known, and taken off.

use std::collections::BTreeSet;

use super::notes::quoted;
use super::{CheckpointError, WeightFile};
use crate::model::{KeyMap, checkpoint_key};

/// Parts that wrappers of PyTorch and Lightning put before the module that they hold, wherever in a name that is.
const WRAPPERS: [&str; 6] =
    ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_fpw_module", "_forward_module"];

/// Names of encoders: before the names of another one they are no wrapper, the file is another model's.
const ENCODERS: [&str; 5] = ["bert", "roberta", "distilbert", "vit", "dinov2"];

/// PEFT's wrapper.
const PEFT: &str = "base_model.model.";

/// The file under the names of the model itself, and a note on what was taken off.
///
/// # Errors
/// When two tensors would have one name, or there are two models in the file.
pub(super) fn unwrapped<'a>(
    file: WeightFile<'a>,
    map: &KeyMap,
) -> Result<(WeightFile<'a>, Vec<String>), CheckpointError> {
    let mut notes = Vec::new();
    let found: BTreeSet<&str> = file.names().flat_map(|name| name.split('.')).filter(|part| is_wrapper(part)).collect();
    let parts: Vec<String> = found.into_iter().map(|part| format!("{part}.")).collect();
    let file = match parts.is_empty() {
        true => file,
        false => {
            let is_first = file.names().all(|name| name.split('.').next().is_some_and(is_wrapper));
            let verb = if is_first { "begin with" } else { "hold" };
            notes.push(format!("the weights' names {verb} {}, which is taken off", quoted(&parts)));
            file.renamed(without_wrappers)?
        }
    };
    let Some(prefix) = prefix(&file, map)? else { return Ok((file, notes)) };
    let whose = if prefix.starts_with(PEFT) { " (PEFT's wrapper)" } else { "" };
    notes.push(format!(
        "the weights' names begin with {}{whose}, which is taken off",
        quoted(std::slice::from_ref(&prefix))
    ));
    let file = file.renamed(|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned())?;
    Ok((file, notes))
}

fn is_wrapper(part: &str) -> bool {
    WRAPPERS.contains(&part)
}

fn without_wrappers(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').filter(|part| !is_wrapper(part)).collect();
    parts.join(".")
}

/// What stands before the name of the token table or the class token, with or without the architecture's own prefix.
fn prefix(file: &WeightFile<'_>, map: &KeyMap) -> Result<Option<String>, CheckpointError> {
    let paths = [
        "backbone.embeddings.word_embeddings.weight",
        "backbone.embed_tokens.weight",
        "head.lm_head.weight",
        "backbone.embeddings.cls_token",
    ];
    for path in paths {
        let Some(key) = checkpoint_key(map, path) else { continue };
        let own = if path.starts_with("backbone.") { map.prefix } else { "" };
        let bare = key.strip_prefix(own).unwrap_or(&key); // a bare class writes none
        let before = |name: &str| {
            let before = name.strip_suffix(bare)?;
            let is_whole = before.is_empty() || before.ends_with('.');
            is_whole.then(|| before.strip_suffix(own).unwrap_or(before).to_owned())
        };
        let found: BTreeSet<String> = file.names().filter_map(before).collect();
        if found.contains("") {
            return Ok(None);
        }
        let found: Vec<String> = found.into_iter().filter(|prefix| !is_other_model(prefix, map)).collect();
        match found.as_slice() {
            [] => {}
            [prefix] => return Ok(Some(prefix.clone())),
            _ => return Err(CheckpointError::SeveralModels { prefixes: quoted(&found) }),
        }
    }
    Ok(None)
}

fn is_other_model(prefix: &str, map: &KeyMap) -> bool {
    let own = map.prefix.trim_end_matches('.');
    prefix.split('.').any(|part| part != own && ENCODERS.contains(&part))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::model::ModelConfig;

    const BERT: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;

    /// Names after taking off what `model_type`'s tokens stand behind, and the notes.
    fn names(model_type: &str, names: &[&str]) -> Result<(Vec<String>, Vec<String>), CheckpointError> {
        let config = match model_type {
            "llama" | "bert" | "roberta" | "vit" | "dinov2" => BERT.replace("\"bert\"", &format!("\"{model_type}\"")),
            _ => panic!("an architecture of these tests"),
        };
        let config = ModelConfig::from_json(config.as_bytes()).expect("usable");
        let view = |name: &&str| {
            let view = TensorView::new(Dtype::F32, vec![0], &[]).expect("nothing is in it");
            ((*name).to_owned(), view)
        };
        let tensors: BTreeMap<String, TensorView<'_>> = names.iter().map(view).collect();
        let bytes = safetensors::serialize(tensors, None).expect("it serializes");
        let (file, notes) = unwrapped(WeightFile::open("x", &bytes)?, config.key_map())?;
        Ok((file.names().map(str::to_owned).collect(), notes))
    }

    const TABLE: &str = "bert.embeddings.word_embeddings.weight";

    #[test]
    fn a_prefix_is_taken_off_backbone_and_head_alike() {
        for prefix in ["_orig_mod.", "module.", "_fsdp_wrapped_module.", "net.encoder.", "base_model.model.", "bert."] {
            let given = [TABLE, "classifier.weight"].map(|name| format!("{prefix}{name}"));
            let (found, notes) = names("bert", &given.each_ref().map(String::as_str)).expect("one model");
            assert_eq!(found, [TABLE, "classifier.weight"], "{prefix}");
            assert!(notes.len() == 1 && notes[0].contains(&format!("begin with \"{prefix}\"")), "{notes:?}");
        }
        let (_, notes) = names("bert", &["base_model.model.embeddings.word_embeddings.weight"]).expect("one model");
        assert!(notes[0].contains("PEFT"), "{notes:?}");
    }

    #[test]
    fn wrappers_within_names_are_taken_out() {
        let given =
            ["_orig_mod.module.bert.embeddings.word_embeddings.weight", "bert.encoder._orig_mod.layer.0.output.weight"];
        let (found, notes) = names("bert", &given).expect("one model");
        assert_eq!(found, [TABLE, "bert.encoder.layer.0.output.weight"]);
        assert!(notes[0].contains("\"_orig_mod.\", \"module.\""), "{notes:?}");
    }

    #[test]
    fn the_architectures_own_prefix_is_no_wrapper() {
        let plain = ["lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"];
        assert_eq!(names("llama", &plain).expect("plain"), (plain.map(str::to_owned).to_vec(), vec![]));
        let bare = ["embed_tokens.weight", "norm.weight"];
        assert_eq!(names("llama", &bare).expect("bare"), (bare.map(str::to_owned).to_vec(), vec![]));
        let twice = ["model.lm_head.weight", "model.model.embed_tokens.weight", "model.model.norm.weight"];
        assert_eq!(names("llama", &twice).expect("twice").0, plain);
        let half = ["lm_head.weight", "model.model.embed_tokens.weight", "model.model.norm.weight"];
        assert_eq!(names("llama", &half).expect("the head has no prefix").0, plain);
    }

    #[test]
    fn the_class_token_says_what_stands_before_the_names_of_a_model_of_images() {
        let own = ["classifier.bias", "vit.embeddings.cls_token"];
        assert_eq!(names("vit", &own).expect("plain"), (own.map(str::to_owned).to_vec(), vec![]));
        let (found, notes) = names("vit", &["net.classifier.bias", "net.vit.embeddings.cls_token"]).expect("one model");
        assert_eq!(found, own);
        assert!(notes[0].contains("begin with \"net.\""), "{notes:?}");
        let bare = ["embeddings.cls_token", "pooler.dense.bias"];
        assert_eq!(names("vit", &bare).expect("bare").0, bare);
        assert_eq!(names("dinov2", &own).expect("it is a ViT").0, own);
    }

    #[test]
    fn two_models_and_names_of_another_model_are_not_guessed_at() {
        let two = ["student.bert.embeddings.word_embeddings.weight", "teacher.bert.embeddings.word_embeddings.weight"];
        let error = names("bert", &two).expect_err("which one?").to_string();
        assert!(error.contains("\"student.\", \"teacher.\""), "{error}");
        assert_eq!(names("roberta", &[TABLE]).expect("it is a BERT").0, [TABLE]);
        let same = ["module.classifier.weight", "classifier.weight", "module.bert.embeddings.word_embeddings.weight"];
        let error = names("bert", &same).expect_err("two of one name").to_string();
        assert!(error.contains("classifier.weight twice"), "{error}");
    }
}
