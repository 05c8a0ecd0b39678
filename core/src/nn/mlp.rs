//! The feed-forward part of a decoder's block: two linear layers with an activation between them, or three of which one is a gate;
//! Phi-3 makes gate and inner values with one layer.
//!
//! In: states. Out: what is added to them. References: `transformers` v5.23 `models/gpt2/modeling_gpt2.py` (`GPT2MLP`),
//! `models/llama/modeling_llama.py` (`LlamaMLP`), `models/phi3/modeling_phi3.py` (`Phi3MLP`).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Activation, DecoderConfig, Init, Linear};

/// The feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpKind {
    /// `W2 activation(W1 x)`, with biases.
    Plain(Activation),
    /// `W3 (activation(W1 x) * W2 x)` (<https://arxiv.org/abs/2002.05202>).
    Gated {
        /// Of the gate: with SiLU it is SwiGLU, with GELU GeGLU.
        activation: Activation,
        /// Its layers have biases.
        has_bias: bool,
        /// `W1` and `W2` are one layer, `W1` first (Phi-3's `gate_up_proj`).
        is_fused: bool,
    },
}

/// Feed-forward; without a gate it is GPT's.
#[derive(Module, Debug)]
pub(super) struct Mlp {
    gate_up_proj: Option<Linear>,
    gate_proj: Option<Linear>,
    up_proj: Option<Linear>,
    down_proj: Linear,
    #[module(skip)]
    kind: MlpKind,
}

/// A layer with a bias or without.
pub(super) fn linear(input: usize, output: usize, bias: bool, std: f64, init: &mut Init, device: &Device) -> Linear {
    match bias {
        true => Linear::new(input, output, std, init, device),
        false => Linear::without_bias(input, output, std, init, device),
    }
}

impl MlpKind {
    /// The layer before the activation has the gate in it.
    #[must_use]
    pub fn is_fused(self) -> bool {
        matches!(self, Self::Gated { is_fused: true, .. })
    }
}

impl Mlp {
    pub(super) fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let (has_gate, bias, is_fused) = match config.mlp {
            MlpKind::Plain(_) => (false, true, false),
            MlpKind::Gated { has_bias, is_fused, .. } => (true, has_bias, is_fused),
        };
        Self {
            gate_up_proj: is_fused.then(|| linear(hidden, 2 * inner, bias, std, init, device)),
            gate_proj: (has_gate && !is_fused).then(|| linear(hidden, inner, bias, std, init, device)),
            up_proj: (!is_fused).then(|| linear(hidden, inner, bias, std, init, device)),
            down_proj: linear(inner, hidden, bias, config.residual_std(), init, device),
            kind: config.mlp,
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match self.kind {
            MlpKind::Plain(activation) => activation.forward(up(&self.up_proj, x)),
            MlpKind::Gated { activation, .. } => {
                let [gate, inner] = self.gate_and_inner(x);
                activation.forward(gate) * inner
            }
        };
        self.down_proj.forward(inner)
    }

    /// # Shapes
    /// - returns: `[batch, seq, intermediate]` each
    fn gate_and_inner(&self, x: Tensor<3>) -> [Tensor<3>; 2] {
        match &self.gate_up_proj {
            Some(gate_up_proj) => {
                let both = gate_up_proj.forward(x); // [batch, seq, 2 * intermediate]
                let width = both.dims()[2] / 2;
                [both.clone().narrow(2, 0, width), both.narrow(2, width, width)]
            }
            None => [up(&self.gate_proj, x.clone()), up(&self.up_proj, x)],
        }
    }

    /// Every linear layer that there is, with its name.
    pub(super) fn linears_mut(&mut self) -> [(&'static str, Option<&mut Linear>); 4] {
        [
            ("mlp.gate_up_proj", self.gate_up_proj.as_mut()),
            ("mlp.gate_proj", self.gate_proj.as_mut()),
            ("mlp.up_proj", self.up_proj.as_mut()),
            ("mlp.down_proj", Some(&mut self.down_proj)),
        ]
    }
}

/// A layer that the kind says is there.
fn up(layer: &Option<Linear>, x: Tensor<3>) -> Tensor<3> {
    layer.as_ref().expect("a layer for gate and inner values, or one each").forward(x)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::Param;

    use super::*;

    #[test]
    fn one_layer_for_gate_and_inner_values_gives_what_two_give() {
        let device = Device::flex();
        let mut init = Init::new(3);
        let x = init.normal([5, 6], 1.0, &device).reshape([1, 5, 6]);
        for activation in [Activation::Silu, Activation::GeluNew] {
            let kind = |is_fused| MlpKind::Gated { activation, has_bias: false, is_fused };
            let mut layer = |output| Linear::without_bias(6, output, 0.5, &mut init, &device);
            let (gate, inner) = (layer(8), layer(8));
            let mut both = layer(16);
            both.weight = Param::from_tensor(Tensor::cat(vec![gate.weight.val(), inner.weight.val()], 1));
            let down_proj = Linear::without_bias(8, 6, 0.5, &mut init, &device);
            let apart = Mlp {
                gate_up_proj: None,
                gate_proj: Some(gate),
                up_proj: Some(inner),
                down_proj: down_proj.clone(),
                kind: kind(false),
            };
            let fused = Mlp { gate_up_proj: Some(both), gate_proj: None, up_proj: None, down_proj, kind: kind(true) };
            let worst = (fused.forward(x.clone()) - apart.forward(x.clone())).abs().max().into_scalar::<f32>();
            assert!(worst < 1e-5, "{activation:?}: {worst:e}");
        }
    }
}
