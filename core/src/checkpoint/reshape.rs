//! A pretrained folder with other layers and a larger vocabulary: what `config.json`, the tokenizer's files and the weights
//! say of both, changed together. In: a model's files, and what is to be changed. Out: files of a model of the same
//! architecture, which `transformers` loads as it loads any other, and what was done, in sentences.
//!
//! What stays is byte for byte what it was, in its own number format; what is fresh has the format of its neighbours. The new file of
//! weights is none in memory: what stays of the others is read where it lies (ADR 49).

mod rows;
mod tensors;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::export::pretty;
use super::hf::{CONFIG, WEIGHTS, open_weights};
use super::notes::cut;
use super::{CheckpointError, INDEX, ModelReader, PretrainedModel, WeightFile, shard_names};
use crate::config::ModelChanges;
use crate::folder::Folder;
use crate::model::{BackboneConfig, ModelConfig};
use crate::nn::{Init, VisionConfig};
use crate::tokenizer::{NewToken, NewTokens};
use crate::words::{list, plural};

use rows::NewRows;
use tensors::{FileOfParts, NewTensor};

/// Most bytes that fresh layers and new tokens may add to the weights.
const MAX_ADDED_BYTES: u64 = 4 << 30;

/// Names that a note lists.
const LISTED: usize = 10;

/// Sets the stream of fresh layers apart from those of heads and adapters, which are drawn from the same seed.
const SEED_OF_LAYERS: u64 = 0x4C61_7965;

/// The model's files, changed; `seed` decides the values of fresh layers.
///
/// # Errors
/// When the model has no such layers, a word can't be a token, a field of `config.json` can't follow, or what is added
/// would be too large. Says which wish it is.
pub fn reshape(
    model: &PretrainedModel,
    changes: &ModelChanges,
    seed: u64,
) -> Result<(Folder, Vec<String>), CheckpointError> {
    if let Some(problem) = changes.check().into_iter().next() {
        return Err(CheckpointError::Change { field: problem.field, reason: problem.message });
    }
    if !model.has_weights {
        let reason = "the model was loaded without weights, so there is nothing to keep: change its config.json".into();
        return Err(CheckpointError::Change { field: changes.first_wish().into(), reason });
    }
    // The file's own head: another one may have been chosen meanwhile.
    let before = model.config.with_head(model.config.own_head().kind)?;
    let kept = kept_layers(changes, before.num_hidden_layers())?;
    let added = changes.add_layers as usize;
    let new = match &model.reader {
        ModelReader::Texts(tokenizer) => tokenizer.with_words(&model.folder, &changes.add_tokens)?,
        ModelReader::Images(_) if changes.add_tokens.is_empty() => NewTokens::default(),
        ModelReader::Images(_) => {
            let reason = "this model reads images: it has no tokens".to_owned();
            return Err(CheckpointError::Change { field: "add_tokens".into(), reason });
        }
    };
    let vocab_size = new.tokens.last().map_or(0, |token| token.id as usize + 1).max(before.vocab_size());
    let after = before.with_layers(&kept, added)?;
    let after = if vocab_size == before.vocab_size() { after } else { after.with_vocab_size(vocab_size)? };

    let files = with_stored_weights(&model.folder)?;
    let (file, _) = open_weights(&files, &before)?;
    let rows = NewRows::new(&before, &file, &new.tokens, vocab_size)?;
    check_size(&before, &file, &kept, added, &rows)?;
    let mut tensors = kept_tensors(&before, (&file, &files), &kept, &rows)?;
    for (name, tensor) in fresh_layers(&before, &after, &file, &kept, seed)? {
        insert(&mut tensors, name, tensor)?;
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut folder = without_weights(&model.folder)?;
    folder.insert_stored(WEIGHTS, Rc::new(FileOfParts::new(tensors, Some(metadata))));
    folder.insert(CONFIG, pretty(&after.json));
    let notes = notes(&before, &kept, added, &new);
    for (name, bytes) in new.files {
        folder.insert(name, bytes);
    }
    Ok((folder, notes))
}

/// The layers that stay, as indices.
fn kept_layers(changes: &ModelChanges, before: usize) -> Result<Vec<usize>, CheckpointError> {
    if changes.keep_layers.is_empty() {
        return Ok((0..before).collect());
    }
    let kept: Vec<usize> = changes.keep_layers.iter().map(|&layer| layer as usize).collect();
    match kept.iter().find(|&&layer| layer >= before) {
        None => Ok(kept),
        Some(layer) => {
            let layers = plural(before, "layer");
            let reason = format!("there is no layer {layer}: this model has {layers}, 0 to {}", before - 1);
            Err(CheckpointError::Change { field: "keep_layers".into(), reason })
        }
    }
}

/// Compares what is added, as the headers have it, with the most that may be.
fn check_size(
    config: &ModelConfig,
    file: &WeightFile<'_>,
    kept: &[usize],
    added: usize,
    rows: &NewRows,
) -> Result<(), CheckpointError> {
    let template = template(config, file, kept);
    let of_layer: u64 = template.iter().map(|(_, key)| num_bytes(file, key)).sum();
    let of_layers = of_layer.saturating_mul(added as u64);
    let (bytes, field) =
        if of_layers > rows.num_bytes() { (of_layers, "add_layers") } else { (rows.num_bytes(), "add_tokens") };
    let most = MAX_ADDED_BYTES.min(isize::MAX as u64);
    if bytes <= most {
        return Ok(());
    }
    let reason = format!("would add {} MiB to the weights, at most {} MiB can be added", bytes >> 20, most >> 20);
    Err(CheckpointError::Change { field: field.into(), reason })
}

fn num_bytes(file: &WeightFile<'_>, key: &str) -> u64 {
    file.tensor(key).map_or(0, |tensor| tensor.num_bytes() as u64)
}

/// The parameters of the last layer that stays, which fresh layers are like: what stands around the layer's number, and
/// the whole key.
fn template<'a>(config: &ModelConfig, file: &'a WeightFile<'_>, kept: &[usize]) -> Vec<((&'a str, &'a str), &'a str)> {
    let map = config.key_map();
    let of_last = |name: &'a str| {
        let key = map.layer_key(name).filter(|key| Some(&key.layer) == kept.last())?;
        map.module_in_layer(&key).map(|_| ((key.before, key.rest), name))
    };
    file.names().filter_map(of_last).collect()
}

/// What stays of the weights: layers under their new numbers, and tables with a row for each new token. `file` are the weights in
/// `files`.
fn kept_tensors(
    config: &ModelConfig,
    (file, files): (&WeightFile<'_>, &Folder),
    kept: &[usize],
    rows: &NewRows,
) -> Result<BTreeMap<String, NewTensor>, CheckpointError> {
    let mut tensors = BTreeMap::new();
    for name in file.names() {
        let before = file.tensor(name).expect("the name comes from the file");
        let tensor = match rows.of(name) {
            Some(of_table) => NewTensor::with_rows(before, files, of_table)?,
            None => NewTensor::kept(before, files)?,
        };
        match config.key_map().layer_key(name) {
            None => insert(&mut tensors, name.to_owned(), tensor)?,
            Some(key) => {
                if let Some(index) = kept.iter().position(|&layer| layer == key.layer) {
                    insert(&mut tensors, format!("{}{index}.{}", key.before, key.rest), tensor)?;
                }
            }
        }
    }
    Ok(tensors)
}

/// The parameters of fresh layers: weights as `transformers` draws them, norms that multiply with 1, biases 0.
fn fresh_layers(
    before: &ModelConfig,
    after: &ModelConfig,
    file: &WeightFile<'_>,
    kept: &[usize],
    seed: u64,
) -> Result<Vec<(String, NewTensor)>, CheckpointError> {
    let mut init = Init::new(seed ^ SEED_OF_LAYERS);
    let mut tensors = Vec::new();
    let template = template(before, file, kept);
    for layer in kept.len()..after.num_hidden_layers() {
        for &((start, rest), key) in &template {
            let like = file.tensor(key).expect("the name comes from the file");
            let count: usize = like.shape().iter().product();
            let (module, field) = before
                .key_map()
                .layer_key(key)
                .and_then(|key| before.key_map().module_in_layer(&key))
                .expect("the template has parameters only");
            let values = match (field, like.shape().len()) {
                ("bias" | "beta", _) => vec![0.0; count],
                ("lambda1", _) => vec![fresh_scale(after); count],
                (_, 1) => vec![fresh_norm(after); count],
                _ => init.normal_values(count, std_of(after, module)),
            };
            let tensor = NewTensor::fresh(key, like.dtype(), like.shape(), &values)?;
            tensors.push((format!("{start}{layer}.{rest}"), tensor));
        }
    }
    Ok(tensors)
}

/// What the weight of a fresh norm holds.
fn fresh_norm(config: &ModelConfig) -> f32 {
    match &config.backbone {
        BackboneConfig::Decoder(decoder) => decoder.fresh_norm(),
        BackboneConfig::Encoder(_)
        | BackboneConfig::ModernEncoder(_)
        | BackboneConfig::EncoderDecoder(_)
        | BackboneConfig::Vision(_) => 1.0,
    }
}

/// What the fresh factors of what a layer of DINOv2 adds hold.
fn fresh_scale(config: &ModelConfig) -> f32 {
    match &config.backbone {
        BackboneConfig::Vision(VisionConfig { layer_scale: Some(value), .. }) => *value as f32,
        _ => 1.0,
    }
}

/// Standard deviation of a fresh weight within a layer.
fn std_of(config: &ModelConfig, module: &str) -> f64 {
    match &config.backbone {
        BackboneConfig::Decoder(decoder) if ["self_attn.o_proj", "mlp.down_proj"].contains(&module) => {
            decoder.residual_std()
        }
        BackboneConfig::ModernEncoder(encoder) if ["attention_output", "mlp_out"].contains(&module) => {
            encoder.residual_std()
        }
        backbone => backbone.initializer_range(),
    }
}

fn insert(tensors: &mut BTreeMap<String, NewTensor>, name: String, tensor: NewTensor) -> Result<(), CheckpointError> {
    if tensors.contains_key(&name) {
        let place = "once the layers are numbered anew".to_owned();
        return Err(CheckpointError::Twice { key: cut(&name), place });
    }
    tensors.insert(name, tensor);
    Ok(())
}

/// The files of weights that a folder may have.
fn weight_names(folder: &Folder) -> Result<Vec<String>, CheckpointError> {
    let mut names = folder.get(INDEX).map_or(Ok(Vec::new()), shard_names)?;
    names.push(WEIGHTS.to_owned());
    Ok(names)
}

/// A folder whose weights stay where they are, also those in memory, which are shared.
fn with_stored_weights(folder: &Folder) -> Result<Folder, CheckpointError> {
    let mut files = folder.clone();
    for name in weight_names(folder)? {
        if let Some(bytes) = folder.share(&name) {
            files.insert_stored(name, bytes);
        }
    }
    Ok(files)
}

/// The files of a folder that hold no weights.
fn without_weights(folder: &Folder) -> Result<Folder, CheckpointError> {
    let weights = weight_names(folder)?;
    let is_weight = |name: &str| name == INDEX || weights.iter().any(|weights| weights == name);
    let mut others = Folder::new();
    for (name, _) in folder.iter().filter(|(name, _)| !is_weight(name)) {
        others.insert_shared(name, folder, name);
    }
    Ok(others)
}

/// What was done.
fn notes(before: &ModelConfig, kept: &[usize], added: usize, new: &NewTokens) -> Vec<String> {
    let mut notes = Vec::new();
    let layers = before.num_hidden_layers();
    if kept.len() < layers {
        let names: Vec<String> = kept.iter().map(ToString::to_string).collect();
        let (dropped, names) = (layers - kept.len(), list(&names[..names.len().min(LISTED)], names.len()));
        let what = if kept.len() == 1 { "layer" } else { "layers" };
        notes.push(format!("{what} {names} of {layers} kept, {dropped} left out"));
    }
    if added > 0 {
        notes.push(format!("{} added, drawn at random: train them well", plural(added, "fresh layer")));
    }
    let shown = |words: &[String]| {
        let quoted: Vec<String> = words.iter().take(LISTED).map(|word| format!("{word:?}")).collect();
        list(&quoted, words.len())
    };
    if !new.tokens.is_empty() {
        let words: Vec<String> = new.tokens.iter().map(|NewToken { word, .. }| word.clone()).collect();
        let count = plural(words.len(), "new token");
        notes.push(format!("{count}, which begin as the mean of the pieces before: {}", shown(&words)));
    }
    for (words, what) in [
        (&new.unknown, "of new tokens the vocabulary knew no or not all pieces, so that they begin as unknown"),
        (&new.known, "not added, because they are one token already"),
        (&new.same, "not added, because the tokenizer takes them for another new word"),
    ] {
        if !words.is_empty() {
            notes.push(format!("{what}: {}", shown(words)));
        }
    }
    notes
}

#[cfg(test)]
mod tests;
