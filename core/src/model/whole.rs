//! What a run trains, whatever the task; adapters and freezing work on it.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use super::{CausalLm, KeyMap, SequenceClassifier, checkpoint_key};
use crate::config::{LoraConfig, Method};
use crate::nn::{Init, Linear, Lora, ParamPath};

/// A model with its head.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and their weights lie elsewhere")]
pub enum Model {
    /// Logits a row.
    Classifier(SequenceClassifier),
    /// Logits a token.
    CausalLm(CausalLm),
}

/// A linear layer that an adapter can stand beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearModule {
    /// Its whole name in `transformers`.
    pub name: String,
    /// Its path in the model.
    pub path: String,
    /// `[in, out]`
    pub shape: [usize; 2],
    /// It has an adapter.
    pub is_adapted: bool,
}

impl Model {
    /// Replaces every dropout rate of the model itself; `None` keeps them.
    pub fn set_dropout(&mut self, rate: Option<f64>) {
        match (self, rate) {
            (Self::Classifier(model), rate) => model.set_dropout(rate),
            (Self::CausalLm(model), Some(rate)) => model.decoder.set_dropout(rate),
            (Self::CausalLm(_), None) => {}
        }
    }

    /// A copy for measuring: no dropout, no autodiff.
    #[must_use]
    pub fn for_inference(&self) -> Self {
        let mut copy = self.clone().valid();
        copy.set_dropout(Some(0.0));
        for (_, linear) in copy.adaptable_mut() {
            if let Some(lora) = &mut linear.lora {
                lora.settle(linear.weight.val());
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
        for (path, linear) in self.linears_mut() {
            let module = module_name(map, &path);
            let is_target = |target: &String| target == "all-linear" || LoraConfig::is_named(&module, target);
            if target_modules.iter().any(is_target) {
                adapt(linear, &module, config, init, device);
                adapted.push(path);
            }
        }
        adapted
    }

    /// As [`Self::add_lora`], beside the layers with these whole names, of which a classifier's dense layer may be one.
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

    /// Every linear layer that an adapter can stand beside: the backbone's, and a classifier's dense layer.
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

    /// The last part of the name of every linear layer, as checkpoints have it: what LoRA can adapt.
    pub fn module_names(&mut self, map: &KeyMap) -> Vec<String> {
        let mut names: Vec<String> = self
            .linears_mut()
            .filter_map(|(path, _)| checkpoint_key(map, &format!("{path}.weight")))
            .filter_map(|key| Some(key.trim_end_matches(".weight").rsplit_once('.')?.1.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Takes gradients from every parameter whose path `is_trained` refuses.
    #[must_use]
    pub fn freeze(self, is_trained: impl Fn(&str) -> bool) -> Self {
        self.map(&mut Freeze { path: ParamPath::default(), is_trained })
    }

    /// Takes gradients from what a method does not train.
    #[must_use]
    pub fn frozen_for(self, method: Method) -> Self {
        let layers = self.num_layers();
        self.freeze(|path| is_trained(method, path, layers))
    }

    /// Computes the products of the backbone's linear layers in `dtype`, and holds in it every matrix that takes no
    /// gradient: half the bytes in half precision. What is trained, norms, biases, adapters and heads stay f32.
    #[must_use]
    pub fn with_dtype(mut self, dtype: FloatDType) -> Self {
        if dtype == FloatDType::F32 {
            return self;
        }
        for (_, linear) in self.linears_mut() {
            linear.dtype = dtype;
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

    /// The model with its adapters added to the weights.
    #[must_use]
    pub fn merged(mut self) -> Self {
        for (_, linear) in self.adaptable_mut() {
            *linear = linear.clone().merged();
        }
        self
    }

    /// Transformer layers.
    #[must_use]
    pub fn num_layers(&self) -> usize {
        match self {
            Self::Classifier(model) => model.encoder.layers.len(),
            Self::CausalLm(model) => model.decoder.layers.len(),
        }
    }

    /// Every linear layer of the backbone with its path.
    pub fn linears_mut(&mut self) -> Box<dyn Iterator<Item = (String, &mut Linear)> + '_> {
        match self {
            Self::Classifier(model) => Box::new(model.encoder.linears_mut()),
            Self::CausalLm(model) => Box::new(model.decoder.linears_mut()),
        }
    }

    /// As [`Self::linears_mut`], and a classifier's dense layer.
    fn adaptable_mut(&mut self) -> Box<dyn Iterator<Item = (String, &mut Linear)> + '_> {
        match self {
            Self::Classifier(SequenceClassifier { encoder, head }) => {
                let dense = head.dense_mut().map(|dense| ("head.dense".to_owned(), dense));
                Box::new(encoder.linears_mut().chain(dense))
            }
            Self::CausalLm(model) => Box::new(model.decoder.linears_mut()),
        }
    }
}

/// Name in `transformers` of the linear layer at a path.
fn module_name(map: &KeyMap, path: &str) -> String {
    let key = checkpoint_key(map, &format!("{path}.weight")).unwrap_or_default();
    key.trim_end_matches(".weight").to_owned()
}

fn adapt(linear: &mut Linear, module: &str, config: &LoraConfig, init: &mut Init, device: &Device) {
    let rank = config.rank_of(module) as usize;
    let lora = Lora::new(linear.weight.dims(), rank, config.scaling_of(module), config.lora_dropout, init, device);
    linear.lora = Some(if config.use_dora { lora.with_magnitudes(linear.weight.val()) } else { lora });
}

/// Whether a method trains the parameter at a path, in a model of so many layers.
#[must_use]
pub fn is_trained(method: Method, path: &str, layers: usize) -> bool {
    let is_head = path.starts_with("head.");
    match method {
        Method::Full => true,
        Method::Head => is_head,
        Method::Lora => is_head || path.contains(".lora."),
        Method::LastLayers(count) => {
            let layer = path.split_once(".layers.").and_then(|(_, rest)| rest.split('.').next()?.parse::<usize>().ok());
            let is_last = layer.is_some_and(|layer| layer + count as usize >= layers);
            is_last || is_head || path.starts_with("lm_head.") || path.starts_with("decoder.norm.")
        }
    }
}

struct CountTrained(usize);

impl ModuleVisitor for CountTrained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.0 += param.shape().num_elements();
        }
    }
}

struct Freeze<F> {
    path: ParamPath,
    is_trained: F,
}

impl<F: Fn(&str) -> bool> ModuleMapper for Freeze<F> {
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
        let stays = D != 2 || param.is_require_grad() || path.contains(".lora.") || path.starts_with("head.");
        if stays { param } else { param.map(|tensor| tensor.cast(self.dtype)) }
    }
}
