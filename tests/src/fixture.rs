//! What all goldens share: the tensors and facts of a fixture, and the checks against them.

use burn::module::Module;
use burn::tensor::Tensor;
use hone_core::checkpoint::{HostTensor, WeightFile};
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor};
use serde_json::Value;

use crate::figure::Figure;
use crate::paths;

/// Largest absolute difference of a logit.
const LOGITS: f64 = 2e-5;
/// Largest absolute difference of the loss.
const LOSS: f64 = 1e-5;
/// Largest difference of a gradient, relative to the largest value of its tensor.
const GRADIENT: f64 = 1e-4;
/// Largest absolute difference of the loss over twenty AdamW steps: decay on biases and norms alone moves it by 6e-5.
const CURVE: f64 = 4e-5;

/// Gradient norm above which the golden's gradients were scaled down.
const MAX_GRAD_NORM: f64 = 1.0;

/// Texts that a golden of embeddings compares, the anchors first.
pub(crate) const COLUMNS: [&str; 2] = ["anchor", "positive"];

/// A folder under `tests/fixtures` that `make_golden.py` wrote.
pub(crate) struct Fixture {
    pub(crate) meta: Value,
    tensors: Vec<u8>,
}

/// A file of a folder under `tests/fixtures`.
pub(crate) fn read_file(folder: &str, file: &str) -> Vec<u8> {
    let path = paths::fixture(folder).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
}

impl Fixture {
    pub(crate) fn read(name: &str) -> Self {
        let meta = serde_json::from_slice(&read_file(name, "meta.json")).expect("meta.json is JSON");
        Self { meta, tensors: read_file(name, "fixture.safetensors") }
    }

    fn file(&self) -> WeightFile<'_> {
        WeightFile::open("fixture.safetensors", &self.tensors).expect("the fixture can be opened")
    }

    pub(crate) fn find(&self, name: &str) -> Option<HostTensor> {
        self.file().read(name).expect("the fixture holds f32")
    }

    pub(crate) fn tensor(&self, name: &str) -> HostTensor {
        self.find(name).unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    /// Shape and values of a tensor of ids.
    pub(crate) fn find_ids(&self, name: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        self.file().read_ids(name)
    }

    /// Logits, of those that count.
    pub(crate) fn logits(&self, found: &[f32], counts: impl Fn(usize) -> bool) -> Figure {
        let expected = self.outputs();
        assert_eq!(found.len(), expected.len(), "logits");
        let pairs = found.iter().zip(&expected).enumerate().filter(|(place, _)| counts(*place));
        Figure::new("logits", largest_difference(pairs.map(|(_, pair)| pair)), LOGITS)
    }

    /// Logits under another name than the usual one.
    pub(crate) fn logits_of(&self, name: &str, found: &[f32]) -> Figure {
        let expected = self.tensor(name).values;
        assert_eq!(found.len(), expected.len(), "{name}");
        Figure::new("logits", largest_difference(found.iter().zip(&expected)), LOGITS)
    }

    /// Logits; of spans both ends of each token, of embeddings those of [`COLUMNS`].
    fn outputs(&self) -> Vec<f32> {
        if let Some(logits) = self.find("logits") {
            return logits.values;
        }
        if let (Some(starts), Some(ends)) = (self.find("start_logits"), self.find("end_logits")) {
            return starts.values.into_iter().zip(ends.values).flat_map(|(start, end)| [start, end]).collect();
        }
        COLUMNS.into_iter().flat_map(|column| self.tensor(&format!("{column}_embedding")).values).collect()
    }

    pub(crate) fn loss(&self, found: f64) -> Figure {
        self.loss_of(found, self.meta["loss"].as_f64().expect("meta.json has the loss"))
    }

    /// The same of a loss that is not the first in meta.json.
    pub(crate) fn loss_of(&self, found: f64, expected: f64) -> Figure {
        Figure::new("loss", (found - expected).abs(), LOSS)
    }

    /// Whether a gradient is zero but for rounding.
    pub(crate) fn is_zero(&self, key: &str) -> bool {
        let listed = self.meta["analytically_zero_grads"].as_array().into_iter().flatten();
        listed.filter_map(Value::as_str).any(|zero| zero == key)
    }

    /// Names of its tensors.
    pub(crate) fn names(&self) -> Vec<String> {
        self.file().names().map(str::to_owned).collect()
    }

    /// The parameters whose gradients it holds.
    pub(crate) fn gradients(&self) -> impl Iterator<Item = String> {
        self.names().into_iter().filter_map(|name| name.strip_prefix("grad.").map(str::to_owned))
    }

    /// The losses of twenty AdamW steps, without decay on biases and norms and clipped at 1, as `section` of meta.json has
    /// them. `step` gives the loss of a batch and adds its gradients.
    pub(crate) fn curve<M: Module, B>(
        &self,
        section: &str,
        mut model: M,
        batches: &[B],
        step: impl Fn(&M, &B, &mut GradientSum) -> f64,
    ) -> Figure {
        let train = &self.meta[section];
        let rate = train["lr"].as_f64().expect("meta.json has the rate");
        let expected = train["losses_wd_excl_bias_norm_clip1"].as_array().expect("the curve is there");
        let expected: Vec<f64> = expected.iter().filter_map(Value::as_f64).collect();
        assert_eq!((batches.len(), expected.len()), (20, 20));
        let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
        let mut differences = Vec::with_capacity(expected.len());
        for (index, (batch, expected)) in batches.iter().zip(expected).enumerate() {
            let mut gradients = GradientSum::default();
            let found = step(&model, batch, &mut gradients);
            differences.push((format!("step {index}: {found}, not {expected}"), (found - expected).abs()));
            let clip = clip_factor(&gradients, MAX_GRAD_NORM).expect("there are gradients");
            model = optimizer.step(model, gradients, &clip, rate);
        }
        Figure::worst("20 steps", CURVE, differences)
    }
}

/// Gradients that were compared: the parameter, and how far its gradient is off, relative to its largest value.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    differences: Vec<(String, f64)>,
}

impl Compared {
    /// Compares the gradient of a parameter.
    pub(crate) fn add(&mut self, key: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{key}");
        let scale = expected.iter().fold(0f32, |max, value| max.max(value.abs()));
        let error = largest_difference(found.iter().zip(expected)) / f64::from(scale);
        self.differences.push((key.to_owned(), error));
    }

    /// The worst of them; every gradient that there was to compare must have been compared.
    pub(crate) fn finish(self, what: &str, all: usize) -> Figure {
        assert_eq!(self.differences.len(), all, "gradients that were compared, and those of the golden");
        Figure::worst(what, GRADIENT, self.differences)
    }
}

/// Not a number where a value is none.
fn largest_difference<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f64 {
    pairs.map(|(a, b)| f64::from((a - b).abs())).max_by(f64::total_cmp).unwrap_or(0.0)
}

/// Values of a tensor on the host.
#[must_use]
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// `values` of `[in, out]` as `[out, in]`; `columns` is `in`.
pub(crate) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let mut turned = vec![0f32; values.len()];
    for i in 0..columns {
        for o in 0..rows {
            turned[o * columns + i] = values[i * rows + o];
        }
    }
    turned
}
