//! What a run trains, whatever the task; adapters and freezing work on it.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use super::several::{is_of_head, path_of_one_head};
use super::{Backbone, Head, KeyMap, LayerCounts, ModelConfig, module_key};
use crate::batch::{BatchInputs, TextBatch};
use crate::config::{Freeze, LoraConfig, Method, Pooling};
use crate::nn::{Decoder, EncoderDecoder, Init, KvCache, Linear, Lora, ParamPath, Source, TokenTable};

/// A backbone with a head.
#[derive(Module, Debug)]
pub struct Model {
    /// Makes states of tokens or of patches.
    pub backbone: Backbone,
    /// Makes outputs of states.
    pub head: Head,
    /// Beside it, heads of other tasks; none where there is one task.
    pub more_heads: Vec<Head>,
}

/// A model that predicts the next token, as far as writing texts needs it.
#[derive(Debug, Clone, Copy)]
pub struct CausalLm<'a> {
    /// Token states.
    pub decoder: &'a Decoder,
    /// Scores tokens.
    pub output_table: &'a TokenTable,
}

/// A model that turns a text into another, as far as writing it needs it.
#[derive(Debug, Clone, Copy)]
pub struct Seq2seqLm<'a> {
    /// States of sources and targets.
    pub model: &'a EncoderDecoder,
    /// Scores tokens.
    pub output_table: &'a TokenTable,
}

/// A linear layer that an adapter can stand beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearModule {
    /// Its whole name in `transformers`, as adapters have it.
    pub name: String,
    /// Its path in the model.
    pub path: String,
    /// `[in, out]`
    pub shape: [usize; 2],
    /// It has an adapter.
    pub is_adapted: bool,
}

impl CausalLm<'_> {
    /// Logits after the last token of each text of a continuation, `[batch, vocab]`.
    #[must_use]
    pub fn next_logits(&self, text: &TextBatch, cache: &mut KvCache) -> Tensor<2> {
        let states = self.decoder.forward(text, Some(cache));
        let [batch, seq, hidden] = states.dims();
        let last = states.narrow(1, seq - 1, 1).reshape([batch, hidden]);
        self.decoder.capped(self.output_table.logits(last))
    }
}

impl Seq2seqLm<'_> {
    /// Logits after the last token of each continuation of a target, `[batch, vocab]`.
    #[must_use]
    pub fn next_logits(&self, target: &TextBatch, source: &Source, cache: &mut KvCache) -> Tensor<2> {
        let states = self.model.decode(target, source, Some(cache));
        let [batch, seq, hidden] = states.dims();
        self.output_table.logits(states.narrow(1, seq - 1, 1).reshape([batch, hidden]))
    }
}

impl Model {
    /// Fresh weights with the config's chosen head; a checkpoint replaces those it has. `num_outputs` are the labels of a
    /// head that has labels; `pooling` matters to the head of a sequence.
    #[must_use]
    pub fn new(config: &ModelConfig, pooling: Pooling, num_outputs: usize, init: &mut Init, device: &Device) -> Self {
        // The head first: its values then depend on the seed alone, not on the size of the backbone.
        let head = Head::new(config, pooling, num_outputs, init, device);
        init.begin_backbone();
        Self { backbone: Backbone::new(&config.backbone, init, device), head, more_heads: Vec::new() }
    }

    /// Outputs of rows or tokens, as the head gives them.
    ///
    /// # Shapes
    /// - returns: as [`Head::outputs`]
    #[must_use]
    pub fn outputs(&self, inputs: &BatchInputs) -> Tensor<2> {
        self.head.outputs(self.backbone.forward(inputs), inputs, &self.backbone)
    }

    /// As [`Self::outputs`], of the states that `frozen` makes, a backbone that takes no gradient and drops nothing out.
    ///
    /// # Shapes
    /// - returns: as [`Head::outputs`]
    #[must_use]
    pub fn outputs_of_frozen(&self, frozen: &Backbone, inputs: &BatchInputs) -> Tensor<2> {
        self.head.outputs(frozen.forward(inputs).autodiff(), inputs, &self.backbone)
    }

    /// Scores of the vocabulary at some tokens; `None` where the head has no vocabulary.
    ///
    /// # Shapes
    /// - `picked`: states of the backbone, `[rows, hidden]`
    /// - returns: `[rows, vocab]`
    #[must_use]
    pub fn scores_of_tokens(&self, picked: Tensor<2>) -> Option<Tensor<2>> {
        self.head.scores_of_tokens(picked, &self.backbone)
    }

    /// Path and table that score the next token; `None` where the head does not predict it.
    #[must_use]
    pub fn output_table(&self) -> Option<(String, &TokenTable)> {
        let (Head::CausalLm(head) | Head::Seq2seqLm(head)) = &self.head else { return None };
        match &head.lm_head {
            Some(table) => Some(("head.lm_head".to_owned(), table)),
            None => Some(("backbone.embed_tokens".to_owned(), self.backbone.token_table()?)),
        }
    }

    /// The model as one that writes texts; `None` where it does not predict the next token.
    #[must_use]
    pub fn causal_lm(&self) -> Option<CausalLm<'_>> {
        let Backbone::Decoder(decoder) = &self.backbone else { return None };
        let (_, output_table) = self.output_table()?;
        Some(CausalLm { decoder, output_table })
    }

    /// The model as one that turns a text into another; `None` where it does not.
    #[must_use]
    pub fn seq2seq_lm(&self) -> Option<Seq2seqLm<'_>> {
        let Backbone::EncoderDecoder(model) = &self.backbone else { return None };
        let (_, output_table) = self.output_table()?;
        Some(Seq2seqLm { model, output_table })
    }

    /// Replaces every dropout rate of the model itself; `None` keeps them.
    pub fn set_dropout(&mut self, rate: Option<f64>) {
        if let Some(rate) = rate {
            self.backbone.set_dropout(rate);
            self.head.set_dropout(rate);
            self.more_heads.iter_mut().for_each(|head| head.set_dropout(rate));
        }
    }

    /// A copy for measuring: no dropout, no autodiff.
    #[must_use]
    pub fn for_inference(&self) -> Self {
        let mut copy = self.clone().valid();
        copy.set_dropout(Some(0.0));
        for (_, linear) in copy.adaptable_mut() {
            if let Some(lora) = &mut linear.lora {
                lora.prepare_for_inference(linear.weight.val());
            }
        }
        copy
    }

    /// Puts LoRA branches beside the backbone's linear layers that `target_modules` name (`all-linear` names all).
    /// Returns the layers' paths.
    pub fn add_lora(
        &mut self,
        map: &KeyMap,
        config: &LoraConfig,
        target_modules: &[String],
        init: &mut Init,
        device: &Device,
    ) -> Vec<String> {
        let mut adapted = Vec::new();
        for (path, linear) in adaptable(&mut self.backbone) {
            let module = module_name(map, &path);
            if target_modules.iter().any(|target| LoraConfig::is_target(&module, target)) {
                adapt(linear, &module, config, init, device);
                adapted.push(path);
            }
        }
        adapted
    }

    /// As [`Self::add_lora`], beside the layers with these whole names, of which a head's dense layer may be one.
    pub fn add_lora_to(
        &mut self,
        map: &KeyMap,
        config: &LoraConfig,
        modules: &BTreeSet<&str>,
        init: &mut Init,
        device: &Device,
    ) {
        for (path, linear) in self.adaptable_mut() {
            let module = module_name(map, &path);
            if modules.contains(module.as_str()) {
                adapt(linear, &module, config, init, device);
            }
        }
    }

    /// Every linear layer that an adapter can stand beside: the backbone's, and a head's dense layer.
    #[must_use]
    pub fn linear_modules(&self, map: &KeyMap) -> Vec<LinearModule> {
        let mut copy = self.clone(); // shares all weights
        let modules = copy.adaptable_mut().map(|(path, linear)| LinearModule {
            name: module_name(map, &path),
            path,
            shape: linear.weight.dims(),
            is_adapted: linear.lora.is_some(),
        });
        modules.collect()
    }

    /// The last part of the name of every linear layer of the backbone that an adapter can stand beside, as adapters have it.
    #[must_use]
    pub fn module_names(&self, map: &KeyMap) -> Vec<String> {
        let mut copy = self.clone(); // shares all weights
        let mut names: Vec<String> = adaptable(&mut copy.backbone)
            .filter_map(|(path, _)| Some(module_name(map, &path).rsplit_once('.')?.1.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Those of some target modules that name no linear layer of the backbone.
    #[must_use]
    pub fn unknown_targets(&self, map: &KeyMap, target_modules: &[String]) -> Vec<String> {
        let mut copy = self.clone(); // shares all weights
        let modules: Vec<String> = adaptable(&mut copy.backbone).map(|(path, _)| module_name(map, &path)).collect();
        let is_unknown = |target: &&String| !modules.iter().any(|module| LoraConfig::is_target(module, target));
        target_modules.iter().filter(is_unknown).cloned().collect()
    }

    /// Freezes every parameter except those whose path `is_trained` accepts.
    #[must_use]
    pub fn freeze(self, is_trained: impl Fn(&str) -> bool) -> Self {
        self.map(&mut SetTrained { path: ParamPath::default(), is_trained })
    }

    /// Freezes what a method does not train, and what of the rest is to be frozen.
    #[must_use]
    pub fn frozen_for(self, method: Method, freeze: Freeze) -> Self {
        let layers = self.backbone.layer_counts();
        self.freeze(|path| is_trained(method, freeze, path, layers))
    }

    /// Computes the products of the backbone's linear layers in `dtype`, and holds in it every matrix that takes no
    /// gradient: half the bytes in half precision. What is trained, norms, biases, adapters and heads stay f32, and so do the layers that
    /// `transformers` keeps so (`FULL_PRECISION`).
    #[must_use]
    pub fn with_dtype(mut self, dtype: FloatDType) -> Self {
        if dtype == FloatDType::F32 {
            return self;
        }
        for (path, linear) in self.linears_mut() {
            if !path.ends_with(FULL_PRECISION) {
                linear.dtype = dtype;
            }
        }
        self.map(&mut Hold { path: ParamPath::default(), dtype })
    }

    /// Parameters that take gradients.
    #[must_use]
    pub fn num_trained(&self) -> usize {
        let mut count = CountTrained(0);
        self.visit(&mut count);
        count.0
    }

    /// Switches all adapters on or off.
    pub fn enable_adapters(&mut self, enabled: bool) {
        for (_, linear) in self.adaptable_mut() {
            if let Some(lora) = &mut linear.lora {
                lora.enabled = enabled;
            }
        }
    }

    /// Takes all adapters off: each layer that had one, with it, by the path of its weight.
    pub(crate) fn take_adapted(&mut self) -> BTreeMap<String, Linear> {
        let adapted = self.adaptable_mut().filter(|(_, linear)| linear.lora.is_some());
        adapted
            .map(|(path, linear)| {
                let layer = linear.clone();
                linear.lora = None;
                (format!("{path}.weight"), layer)
            })
            .collect()
    }

    /// The model with its adapters added to the weights.
    #[must_use]
    pub fn merged(mut self) -> Self {
        for (_, linear) in self.adaptable_mut() {
            *linear = linear.clone().merged();
        }
        self
    }

    /// Every linear layer of the backbone with its path.
    pub fn linears_mut(&mut self) -> Box<dyn Iterator<Item = (String, &mut Linear)> + '_> {
        self.backbone.linears_mut()
    }

    /// Those of them that an adapter can stand beside, and a head's dense layer.
    fn adaptable_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        adaptable(&mut self.backbone).chain(self.head.dense_mut())
    }
}

/// Every linear layer of a backbone that an adapter can stand beside, with its path.
fn adaptable(backbone: &mut Backbone) -> impl Iterator<Item = (String, &mut Linear)> {
    backbone.linears_mut().filter(|(path, _)| !path.ends_with(TWO_IN_MEMORY))
}

/// Name in `transformers` of the linear layer at a path.
pub(super) fn module_name(map: &KeyMap, path: &str) -> String {
    let key = module_key(map, &format!("{path}.weight")).unwrap_or_default();
    key.trim_end_matches(".weight").to_owned()
}

fn adapt(linear: &mut Linear, module: &str, config: &LoraConfig, init: &mut Init, device: &Device) {
    let rank = config.rank_of(module) as usize;
    let lora = Lora::new(linear.weight.dims(), rank, config.scaling_of(module), config.lora_dropout, init, device);
    linear.lora = Some(if config.use_dora { lora.with_magnitudes(linear.weight.val()) } else { lora });
}

/// The layer of T5 whose inputs leave the range of f16 (`_keep_in_fp32_modules` of its class in `transformers`).
const FULL_PRECISION: &str = ".mlp.wo";

/// The layer of DINOv2 that is one in files and two in `transformers`: no adapter of it would fit both.
const TWO_IN_MEMORY: &str = ".mlp.weights_in";

/// Where the parameters of heads that score a vocabulary lie.
pub(super) const VOCABULARY: &str = "head.lm_head.";

/// Where the parameters of embeddings lie, and of what makes states of them.
pub(super) const EMBEDDINGS: [&str; 4] =
    ["backbone.embeddings.", "backbone.projection.", "backbone.embed_tokens.", "backbone.position_embeddings."];

/// Where the parameters of the norm after the last layer lie.
pub(super) const LAST_NORMS: [&str; 2] = ["backbone.norm.", "backbone.decoder.norm."];

/// Whether a method trains the parameter at a path, in a model of so many layers. Beside adapters a head is trained
/// whole, except one that scores a vocabulary, which PEFT leaves as it is.
#[must_use]
pub fn is_trained(method: Method, freeze: Freeze, path: &str, layers: LayerCounts) -> bool {
    let is_head = is_of_head(path);
    match method {
        Method::Full => !is_frozen(freeze, path, layers),
        Method::Head => is_head,
        Method::Lora => path.contains(".lora.") || (is_head && !path_of_one_head(path).starts_with(VOCABULARY)),
        Method::LastLayers(count) => {
            let is_last = layer_of(path, layers).is_some_and(|layer| layer + count as usize >= layers.all);
            is_last || is_head || LAST_NORMS.iter().any(|start| path.starts_with(start))
        }
    }
}

/// Whether a parameter stays as it is although all weights are trained.
fn is_frozen(freeze: Freeze, path: &str, layers: LayerCounts) -> bool {
    let is_embedding = EMBEDDINGS.iter().any(|start| path.starts_with(start));
    match freeze {
        Freeze::None => false,
        Freeze::Embeddings => is_embedding,
        Freeze::Layers(count) => is_embedding || layer_of(path, layers).is_some_and(|layer| layer < count as usize),
    }
}

/// The layer that a parameter belongs to; the last norm of an encoder before a decoder to its last layer, numbers and
/// vectors for distances to the first layer that reads them.
pub(super) fn layer_of(path: &str, layers: LayerCounts) -> Option<usize> {
    if path.starts_with("backbone.relative_") {
        return Some(0);
    }
    if path.starts_with("backbone.encoder.norm.") {
        return layers.before_decoder.checked_sub(1);
    }
    let (stack, rest) = path.split_once(".layers.")?;
    let index: usize = rest.split('.').next()?.parse().ok()?;
    Some(if stack == "backbone.decoder" { layers.before_decoder + index } else { index })
}

struct CountTrained(usize);

impl ModuleVisitor for CountTrained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.0 += param.shape().num_elements();
        }
    }
}

struct SetTrained<F> {
    path: ParamPath,
    is_trained: F,
}

impl<F: Fn(&str) -> bool> ModuleMapper for SetTrained<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_trained = (self.is_trained)(&self.path.join());
        param.set_require_grad(is_trained)
    }
}

struct Hold {
    path: ParamPath,
    dtype: FloatDType,
}

impl ModuleMapper for Hold {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join();
        // A table of tokens is widened while it is used; the layers of a head are not.
        let is_head = is_of_head(&path) && !path.contains(".shards.");
        let is_full = path.strip_suffix(".weight").is_some_and(|module| module.ends_with(FULL_PRECISION));
        let stays = D != 2 || param.is_require_grad() || path.contains(".lora.") || is_head || is_full;
        if stays { param } else { param.map(|tensor| tensor.cast(self.dtype)) }
    }
}
