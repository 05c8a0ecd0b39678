//! Numbers for an image (`…ForImageClassification`): a classifier on the class token's state (ViT), or on that beside the mean
//! of the patches' (DINOv2). No dropout.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{Init, Linear};

/// How the head is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeadConfig {
    /// The mean of the patches' states stands beside the class token's.
    pub has_patch_mean: bool,
}

/// States of an image to its logits.
#[derive(Module, Debug)]
pub struct ImageHead {
    classifier: Linear,
    #[module(skip)]
    config: ImageHeadConfig,
}

impl ImageHead {
    pub(super) fn new(
        config: ImageHeadConfig,
        [hidden, num_labels]: [usize; 2],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let width = if config.has_patch_mean { 2 * hidden } else { hidden };
        Self { classifier: Linear::new(width, num_labels, std, init, device), config }
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    /// What the classifier reads of an image.
    ///
    /// # Shapes
    /// - `states`: `[batch, 1 + patches, hidden]`, that of the class token first
    /// - returns: `[batch, hidden]`, with the mean of the patches `[batch, 2 * hidden]`
    pub(super) fn features(&self, states: Tensor<3>) -> Tensor<2> {
        let [batch, seq, hidden] = states.dims();
        let class = states.clone().narrow(1, 0, 1).reshape([batch, hidden]);
        if !self.config.has_patch_mean {
            return class;
        }
        let mean = states.narrow(1, 1, seq - 1).mean_dim(1).reshape([batch, hidden]);
        Tensor::cat(vec![class, mean], 1) // [batch, 2 * hidden]
    }

    /// # Shapes
    /// - `features`: those of [`Self::features`]
    /// - returns logits: `[batch, labels]`
    pub(super) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.classifier.forward(features)
    }
}
