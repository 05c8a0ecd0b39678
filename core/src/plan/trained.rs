//! What of a model a run trains, by its settings: how many parameters, and from which layer on.
//!
//! In: a [`Shape`] and a run. Out: [`Trained`].

use super::{LinearShape, Shape, Stack};
use crate::config::{Freeze, LoraConfig, Method, RunConfig};

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trained<'a> {
    /// Parameters.
    pub(super) num_parameters: u64,
    /// Those of them that are adapters', which come to the model's own.
    pub(super) num_adapter_parameters: u64,
    /// Tables of tokens and positions take gradients.
    pub(super) embeddings: bool,
    /// First layer, of all stacks together, whose own weights take gradients.
    first_layer: u64,
    /// First layer through which gradients flow.
    first_flow: u64,
    /// Adapters, where there are any.
    lora: Option<&'a LoraConfig>,
}

/// How a layer takes part in the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Its own weights take gradients.
    pub(super) weights: bool,
    /// Gradients flow through it.
    pub(super) flow: bool,
}

impl<'a> Trained<'a> {
    pub(super) fn of(shape: &Shape, run: &'a RunConfig) -> Self {
        let parameters = shape.parameters;
        let num_layers = parameters.num_layers;
        let a_layer = parameters.layers / parameters.num_layers.max(1);
        let none = Self {
            num_parameters: 0,
            num_adapter_parameters: 0,
            embeddings: false,
            first_layer: 0,
            first_flow: 0,
            lora: None,
        };
        let heads = parameters.head + parameters.vocabulary;
        match run.method {
            Method::Full => {
                let frozen_layers = match run.freeze {
                    Freeze::Layers(count) => u64::from(count).min(num_layers),
                    Freeze::None | Freeze::Embeddings => 0,
                };
                let embeddings = run.freeze == Freeze::None;
                let frozen = if embeddings { 0 } else { parameters.embeddings } + a_layer * frozen_layers;
                let num_parameters = parameters.all.saturating_sub(frozen);
                Self { num_parameters, embeddings, first_layer: frozen_layers, first_flow: frozen_layers, ..none }
            }
            Method::Head => Self { num_parameters: heads, first_layer: num_layers, first_flow: num_layers, ..none },
            Method::LastLayers(count) => {
                let first = num_layers.saturating_sub(u64::from(count));
                let num_parameters = a_layer * (num_layers - first) + parameters.last_norm + heads;
                Self { num_parameters, first_layer: first, first_flow: first, ..none }
            }
            Method::Lora => {
                let lora = Self { first_layer: num_layers, lora: Some(&run.lora), ..none };
                let of_stack = |stack: &Stack| {
                    let of_layer: u64 = stack.linears.iter().map(|linear| lora.adapter_parameters(linear)).sum();
                    of_layer * stack.own_layers
                };
                let adapters: u64 = shape.stacks.iter().map(of_stack).sum();
                // What scores the vocabulary stays as it is.
                Self { num_parameters: adapters + parameters.head, num_adapter_parameters: adapters, ..lora }
            }
        }
    }

    /// How a layer takes part; `pass` counts within the stack, `before` are the layers of the stacks before it.
    pub(super) fn part(&self, stack: &Stack, pass: u64, before: u64) -> Part {
        let layer = before + pass * stack.own_layers / stack.layers.max(1);
        Part { weights: layer >= self.first_layer, flow: layer >= self.first_flow }
    }

    /// Rank of the adapter of a linear part; 0 where it has none.
    pub(super) fn rank(&self, linear: &LinearShape) -> u64 {
        let Some(lora) = self.lora else { return 0 };
        let is_target = |name: &String| LoraConfig::is_target(&linear.module, name);
        if lora.target_modules.iter().any(is_target) { u64::from(lora.rank_of(&linear.module)) } else { 0 }
    }

    /// Adapters have magnitudes (DoRA).
    pub(super) fn use_dora(&self) -> bool {
        self.lora.is_some_and(|lora| lora.use_dora)
    }

    /// Dropout of what adapters read.
    pub(super) fn lora_dropout(&self) -> f64 {
        self.lora.map_or(0.0, |lora| lora.lora_dropout)
    }

    fn adapter_parameters(&self, linear: &LinearShape) -> u64 {
        let rank = self.rank(linear);
        let magnitudes = if rank > 0 && self.use_dora() { linear.output } else { 0 };
        rank * (linear.input + linear.output) + magnitudes
    }
}
