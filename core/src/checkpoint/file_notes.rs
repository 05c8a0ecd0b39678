//! What is said of a checkpoint that is opened: what its config and its weights are read as.

use safetensors::Dtype;

use super::WeightFile;
use super::hf::CLASSIFIER;
use crate::model::{BackboneConfig, KeyMap, ModelConfig, ProblemType, checkpoint_key};

/// Says that weights of 64 bits are read as 32.
pub(super) fn note_on_doubles(weights: &WeightFile<'_>) -> Option<String> {
    let doubles = weights.names().filter(|name| weights.dtype(name) == Some(Dtype::F64)).count();
    (doubles > 0).then(|| format!("tensors in F64, read as F32: {}", crate::words::count(doubles)))
}

/// Says that the head of a model that reads images gives something else than one label.
pub(super) fn note_on_image_head(config: &ModelConfig, weights: &WeightFile<'_>) -> Option<String> {
    let is_other = config.problem_type != ProblemType::SingleLabelClassification;
    let is_vision = matches!(config.backbone, BackboneConfig::Vision(_));
    let classifier = weights.find(config.key_map(), CLASSIFIER).filter(|_| is_vision && is_other)?;
    let problem = config.problem_type.name();
    Some(format!(
        "{classifier} is a head for {problem}, which is not supported of models that read images: they give one label an image, so it \
         is not used"
    ))
}

/// Says which half of a layer of a head the file holds, where it lacks the other.
pub(super) fn note_on_half(map: &KeyMap, path: &str, find: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (module, field) = path.rsplit_once('.')?;
    let other = match field {
        "bias" => "weight",
        "weight" => "bias",
        _ => return None,
    };
    let (held, lacking) = (find(&format!("{module}.{other}"))?, checkpoint_key(map, path)?);
    Some(format!("the weights hold {held} and lack {lacking}: the file is incomplete, fetch or save it again"))
}

/// Says that layers share their weights, so that they count as one.
pub(super) fn note_on_layers(config: &ModelConfig) -> Option<String> {
    let BackboneConfig::Encoder(encoder) = &config.backbone else { return None };
    let passes = encoder.num_hidden_layers;
    encoder.shares_layers.then(|| format!("its {passes} layers are one with the same weights, and count as one"))
}
