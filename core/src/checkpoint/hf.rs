//! The Hugging Face folder, read: `config.json`, `model.safetensors`, files of the tokenizer or the image processor; what
//! `from_pretrained` reads.

use burn::tensor::Device;
use serde_json::Value;

use super::file_notes::{note_on_doubles, note_on_half, note_on_image_head, note_on_layers};
use super::padding::adopt_padding;
use super::prefix::unwrapped;
use super::quantized::{check_merged, check_not_quantized};
use super::sentence_transformers::adopt_pooling;
use super::shards::shard_names;
use super::sizes::check_sizes;
use super::{CheckpointError, LoadReport, WeightFile};
use crate::config::{JOB_FILE, Job, Pooling, RunConfig};
use crate::folder::Folder;
pub(super) use crate::hub::CONFIG;
pub use crate::hub::{INDEX, WEIGHTS};
use crate::images::ImageProcessor;
use crate::model::{
    BackboneConfig, KeyMap, MAX_LABELS, Model, ModelConfig, ModelError, ProblemType, adopt_labels, checkpoint_key,
    possible_keys,
};
use crate::nn::Init;
use crate::task::{HeadKind, TaskSpec};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A pretrained model's files, checked.
#[derive(Debug, Clone)]
pub struct PretrainedModel {
    /// config.json.
    pub config: ModelConfig,
    /// What turns rows into what it reads.
    pub reader: ModelReader,
    /// The files as they came.
    pub folder: Folder,
    /// The settings that its `hone.json` names, if it was exported by Hone: pooling and `max_seq_length` matter.
    pub run: RunConfig,
    /// What was decided against `config.json` or the names of the weights, a sentence each.
    pub notes: Vec<String>,
    /// Its weights are those of its files; else all are fresh.
    pub has_weights: bool,
}

/// What turns rows into what a model reads.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, beside the weights")]
pub enum ModelReader {
    /// Texts, by its tokenizer.
    Texts(Tokenizer),
    /// Images, by its image processor.
    Images(ImageProcessor),
}

/// The head that a model is to be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRequest {
    /// What it gives.
    pub kind: HeadKind,
    /// What its outputs are to mean; `None` takes those of the file whatever they mean.
    pub problem_type: Option<ProblemType>,
}

/// Our path of a classifier's weight: in a file a row a label.
pub(super) const CLASSIFIER: &str = "head.classifier.weight";
/// Our path of the weight of both ends of a span.
const ENDS: &str = "head.qa_outputs.weight";
/// Our path of the bias of a masked language model: one number a token.
const VOCABULARY: &str = "head.lm_head.bias";
/// Our path of the table that scores the next token.
const LM_HEAD: &str = "head.lm_head.weight";

/// What heads end in.
pub(super) const OUTPUTS: [&str; 3] = [CLASSIFIER, ENDS, VOCABULARY];

/// Buffers that older versions of `transformers` wrote and that hold nothing learned.
const BUFFERS: [&str; 5] =
    [".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"];

impl From<HeadKind> for HeadRequest {
    fn from(kind: HeadKind) -> Self {
        Self { kind, problem_type: None }
    }
}

impl From<&TaskSpec> for HeadRequest {
    fn from(task: &TaskSpec) -> Self {
        Self { kind: task.head, problem_type: task.problem_type.and_then(ProblemType::from_name) }
    }
}

impl PretrainedModel {
    /// Checks config, tokenizer or image processor, and the weights' header; loads nothing onto a device yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(mut folder: Folder) -> Result<Self, CheckpointError> {
        folder.unmark_json();
        let mut config = read_config(&folder)?;
        let opened = open_reader(&mut folder, &config);
        let (reader, note) = opened.map_err(|error| find_wrong_size(error, &folder, &config))?;
        let (weights, mut notes) = open_weights(&folder, &config)?;
        notes.extend(note);
        notes.extend(note_on_doubles(&weights));
        notes.extend(adopt_head(&mut config, &weights));
        notes.extend(note_on_image_head(&config, &weights));
        adopt_padding(&mut config, &reader);
        adopt_pooling(&mut config, &folder);
        check_sizes(&config, &weights)?;
        notes.extend(adopt_lm_head(&mut config, &weights)?);
        notes.extend(note_on_layers(&config));
        drop(weights);
        let run = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok()).map(|job| job.run);
        Ok(Self { config, reader, folder, run: run.unwrap_or_default(), notes, has_weights: true })
    }

    /// Builds the model with a head on `device` and fills it from the file. Labels of another number or for another
    /// problem, and a head that the file does not have, stay fresh; without weights all of it does.
    ///
    /// # Errors
    /// When the backbone is not all there, a shape does not fit, or the architecture has no such head.
    pub fn build(
        &self,
        head: impl Into<HeadRequest>,
        pooling: Pooling,
        num_outputs: usize,
        seed: u64,
        device: &Device,
    ) -> Result<(Model, LoadReport), CheckpointError> {
        let request = head.into();
        if !self.has_weights {
            return self.build_from_scratch(request.kind, pooling, num_outputs, seed, device);
        }
        let config = self.config.with_head(request.kind)?;
        let (file, _) = open_weights(&self.folder, &config)?;
        check_vocabulary(&config, &file)?;
        let map = config.key_map();
        let model = Model::new(&config, pooling, num_outputs, &mut Init::for_file(seed), device);
        // A pooler that was trained with the encoder is worth keeping even where the classifier must be fresh.
        let fresh_module = match own_outputs_fit(&self.config, &file, &config, request, num_outputs) {
            true => None,
            false => output_weight(request.kind).and_then(|weight| weight.strip_suffix("weight")),
        };
        let is_fresh = |path: &str| fresh_module.is_some_and(|module| path.starts_with(module));
        let find = |path: &str| if is_fresh(path) { None } else { file.find(map, path) };
        let (model, missing, unused) = file.load_named(map, model, &find)?;
        let must_be_there = |path: &String| path.starts_with("backbone.") || request.kind.writes();
        let (lacking, fresh): (Vec<String>, Vec<String>) = missing.into_iter().partition(must_be_there);
        if let Some(first) = lacking.first() {
            return Err(CheckpointError::MissingTensors {
                count: lacking.len(),
                total: lacking.len() + file.names().count() - unused.len(),
                first: checkpoint_key(map, first).unwrap_or_else(|| first.clone()),
                model_type: config.model_type(),
            });
        }
        let unused = unused.into_iter().filter(|key| !is_known(&config, key)).collect();
        let mut notes = self.notes.clone();
        notes.extend(fresh.iter().filter_map(|path| note_on_half(map, path, &find)));
        Ok((model, LoadReport::new(map, fresh, unused, notes)))
    }

    /// Its tokenizer.
    ///
    /// # Panics
    /// Of a model that reads images: nothing that needs texts is done with one.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        match &self.reader {
            ModelReader::Texts(tokenizer) => tokenizer,
            ModelReader::Images(_) => panic!("a model that reads images has no tokenizer"),
        }
    }

    /// Whether the file holds a head of this kind: an encoder alone has none, whatever its config says of labels.
    #[must_use]
    pub fn holds_head(&self, kind: HeadKind) -> bool {
        let Ok(config) = self.config.with_head(kind) else { return false };
        let Ok((file, _)) = open_weights(&self.folder, &config) else { return false };
        match output_weight(kind).or((kind == HeadKind::MaskedLm).then_some(VOCABULARY)) {
            None => true,
            Some(path) => {
                is_own(&self.config, config.key_map(), kind, path) && file.find(config.key_map(), path).is_some()
            }
        }
    }
}

/// The model's config.
pub(super) fn read_config(folder: &Folder) -> Result<ModelConfig, CheckpointError> {
    Ok(ModelConfig::from_json(folder.get(CONFIG).ok_or(CheckpointError::MissingFile { file: CONFIG })?)?)
}

/// The model's tokenizer or image processor, and what was guessed of that.
pub(super) fn open_reader(
    folder: &mut Folder,
    config: &ModelConfig,
) -> Result<(ModelReader, Option<String>), CheckpointError> {
    let BackboneConfig::Vision(vision) = &config.backbone else {
        return Ok((ModelReader::Texts(read_tokenizer(folder, config)?), None));
    };
    let (processor, note) = ImageProcessor::from_folder(folder, config.model_type(), vision.image_size)?;
    let (size, own) = (processor.size(), [vision.image_size; 2]);
    if size != own && !vision.always_interpolates {
        return Err(CheckpointError::ImageSize { size, own: vision.image_size });
    }
    if size.iter().any(|&side| side < vision.patch_size) {
        return Err(CheckpointError::SmallImages { size, patch_size: vision.patch_size });
    }
    Ok((ModelReader::Images(processor), note))
}

/// The model's tokenizer, whose ids its tables have rows for.
fn read_tokenizer(folder: &Folder, config: &ModelConfig) -> Result<Tokenizer, CheckpointError> {
    let tokenizer = Tokenizer::from_folder(folder, Some(config.pad_token_id))?;
    tokenizer.check_vocab(config.vocab_size())?;
    match &config.backbone {
        BackboneConfig::Encoder(encoder) if encoder.type_vocab_size > 0 => {
            Ok(tokenizer.with_type_vocab_size(encoder.type_vocab_size)?)
        }
        _ => Ok(tokenizer),
    }
}

/// The error, but where the tokenizer has more tokens than `config.json` says and the weights contradict that file too: then its size
/// is what is wrong.
fn find_wrong_size(error: CheckpointError, folder: &Folder, config: &ModelConfig) -> CheckpointError {
    let is_of_size = matches!(
        error,
        CheckpointError::Tokenizer(TokenizerError::TooManyTokens { .. } | TokenizerError::AddedWithoutRow { .. })
    );
    let sizes = open_weights(folder, config).and_then(|(weights, _)| check_sizes(config, &weights));
    match sizes {
        Err(sizes @ CheckpointError::Sizes { .. }) if is_of_size => sizes,
        _ => error,
    }
}

/// Our path of the weight that a head ends in, where it has labels or ends of spans.
fn output_weight(kind: HeadKind) -> Option<&'static str> {
    match kind {
        HeadKind::Sequence | HeadKind::Token | HeadKind::Image => Some(CLASSIFIER),
        HeadKind::Span => Some(ENDS),
        HeadKind::MaskedLm | HeadKind::CausalLm | HeadKind::Seq2seqLm | HeadKind::Pooled => None,
    }
}

/// Whether what lies under the key of `path` is a head of this kind: those of rows and of tokens, with ModernBERT of spans
/// too, may have one key, and then `config.json` says which of them it is.
fn is_own(own: &ModelConfig, map: &KeyMap, kind: HeadKind, path: &str) -> bool {
    let (file_head, key) = (own.own_head(), checkpoint_key(map, path));
    file_head.kind == kind || OUTPUTS.iter().all(|other| checkpoint_key(&file_head.key_map, other) != key)
}

/// Whether the outputs of the head in the file are as many as asked for, and mean the same.
fn own_outputs_fit(
    own: &ModelConfig,
    file: &WeightFile<'_>,
    config: &ModelConfig,
    request: HeadRequest,
    num_outputs: usize,
) -> bool {
    let Some(weight) = output_weight(request.kind) else { return true };
    let map = config.key_map();
    let expected = if request.kind == HeadKind::Span { 2 } else { num_outputs };
    let means_the_same = !matches!(request.kind, HeadKind::Sequence | HeadKind::Image)
        || request.problem_type.is_none_or(|problem_type| problem_type == own.problem_type);
    is_own(own, map, request.kind, weight)
        && num_outputs_of(file, file.find(map, weight)) == Some(expected)
        && means_the_same
}

/// Whether a key that no parameter took is no news: a buffer, a copy of what is tied, or what goes on as it came.
fn is_known(config: &ModelConfig, key: &str) -> bool {
    let head = config.head();
    let is_tied = match head.tied_keys.iter().position(|&tied| tied == key) {
        Some(0) => config.backbone.ties_word_embeddings(),
        copy => copy.is_some(),
    };
    let bare = key.strip_prefix(head.key_map.prefix).unwrap_or(key);
    is_tied || head.kept_keys.contains(&bare) || BUFFERS.iter().any(|end| key.ends_with(end))
}

/// `LABEL_0`, `LABEL_1`, .. for each output of the classifier whose weight is at `key`; none where the file has no such key.
pub(super) fn numbered_labels(weights: &WeightFile<'_>, key: Option<String>) -> Vec<String> {
    let count = num_outputs_of(weights, key).filter(|&count| count <= MAX_LABELS).unwrap_or(0);
    (0..count).map(placeholder).collect()
}

/// The name of a label that has none.
pub(super) fn placeholder(id: usize) -> String {
    format!("LABEL_{id}")
}

/// Outputs of the linear layer whose weight, `[out, in]`, is at `key`.
fn num_outputs_of(weights: &WeightFile<'_>, key: Option<String>) -> Option<usize> {
    match weights.shape(&key?)?.as_slice() {
        &[count, _] => Some(count),
        _ => None,
    }
}

/// Labels and problem type of the head that is in the file, where `config.json` does not say; and what is to be said of them.
fn adopt_head(config: &mut ModelConfig, weights: &WeightFile<'_>) -> Vec<String> {
    let found = num_outputs_of(weights, weights.find(config.key_map(), CLASSIFIER));
    let Some(outputs) = found else { return Vec::new() };
    let is_said = config.json.get("problem_type").is_some_and(Value::is_string);
    let said = if is_said { config.problem_type } else { ProblemType::SingleLabelClassification };
    config.problem_type = said.of_outputs(outputs);
    adopt_labels(config, outputs)
}

/// Follows the file where it holds a table for the scores that differs from the token table although `config.json` says
/// that they are one, as `transformers` 5 does; the note says so.
fn adopt_lm_head(config: &mut ModelConfig, weights: &WeightFile<'_>) -> Result<Option<String>, CheckpointError> {
    let is_tied = config.head_kind().writes() && config.backbone.ties_word_embeddings();
    let map = config.key_map();
    let (Some(table), Some(head)) = (weights.find(map, config.backbone.word_table()), weights.find(map, LM_HEAD))
    else {
        return Ok(None);
    };
    if !is_tied || weights.are_equal(&table, &head)? {
        return Ok(None);
    }
    config.untie_word_embeddings();
    check_sizes(config, weights)?;
    Ok(Some(format!(
        "{CONFIG} says tie_word_embeddings, but {head} differs from {table}: {head} is used, and what is saved says so"
    )))
}

/// Refuses a config of a masked language model whose scores have a table of their own.
pub(super) fn check_ties(config: &ModelConfig) -> Result<(), CheckpointError> {
    let is_untied = config.json.get("tie_word_embeddings") == Some(&Value::Bool(false));
    match config.head_kind() == HeadKind::MaskedLm && is_untied {
        true => Err(refuse_ties("false is not supported of a model that fills in masked tokens".into())),
        false => Ok(()),
    }
}

fn refuse_ties(reason: String) -> CheckpointError {
    ModelError::Field { field: "tie_word_embeddings", reason }.into()
}

/// Refuses a masked language model whose scores have a table of their own.
fn check_vocabulary(config: &ModelConfig, weights: &WeightFile<'_>) -> Result<(), CheckpointError> {
    check_ties(config)?;
    if config.head_kind() != HeadKind::MaskedLm {
        return Ok(());
    }
    let table = weights.find(config.key_map(), config.backbone.word_table());
    let scores = config.head().tied_keys.first().filter(|key| weights.has(key));
    match (table, scores) {
        (Some(table), Some(scores)) if !weights.are_equal(&table, scores)? => Err(refuse_ties(format!(
            "{scores} in {WEIGHTS} differs from {table}, which is not supported of a model that fills in masked tokens"
        ))),
        _ => Ok(()),
    }
}

/// The weights of a folder under the names of its architecture, and notes on names that were changed for that.
pub(super) fn open_weights<'a>(
    folder: &'a Folder,
    config: &ModelConfig,
) -> Result<(WeightFile<'a>, Vec<String>), CheckpointError> {
    let file = open_files(folder)?;
    check_not_quantized(&config.json, &file)?;
    check_merged(&file)?;
    let map = config.key_map();
    let (file, mut notes) = unwrapped(file, map)?;
    let word_table = config.backbone.word_table();
    if file.find(map, word_table).is_some() {
        return Ok((file, notes));
    }
    // Tables of both stacks are one whatever the file says of the scores.
    let of_stacks = config.head().tied_keys.iter().filter(|key| key.ends_with(".embed_tokens.weight"));
    let of_scores = config.head().tied_keys.first().filter(|_| config.backbone.ties_word_embeddings());
    let Some(&scores) = of_stacks.chain(of_scores).find(|key| file.has(key)) else { return Ok((file, notes)) };
    // Tied tables may be saved under either name.
    let table = possible_keys(map, word_table).into_iter().next().expect("every model has a table of tokens");
    let why = match scores.ends_with(".embed_tokens.weight") {
        true => "they are one in this architecture".to_owned(),
        false => format!("{CONFIG} says that they are one"),
    };
    notes.push(format!("{scores} is used as {table}, which is not in the file: {why}"));
    let file = file.renamed(|name| if name == scores { table.clone() } else { name.to_owned() })?;
    Ok((file, notes))
}

/// One file, or the shards that the index names.
fn open_files(folder: &Folder) -> Result<WeightFile<'_>, CheckpointError> {
    if folder.has(WEIGHTS) {
        return WeightFile::open_in(folder, [WEIGHTS]);
    }
    let index = folder.get(INDEX).ok_or(CheckpointError::MissingFile { file: WEIGHTS })?;
    WeightFile::open_in(folder, shard_names(index)?.iter().map(String::as_str))
}
