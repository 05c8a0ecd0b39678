//! Mixout (Lee et al. 2020, <https://arxiv.org/abs/1909.11299>): in each pass some neurons have their pretrained weights.
//!
//! As dropout leaves a neuron out, mixout gives all weights that leave it the values `u` that the run began with, with probability
//! `p`, and scales so that the mean over all masks is the weight itself: `u + m (w - u) / (1 - p)`, where `m` is 0 or 1 for each
//! input of a layer. Gradients by `w` are those by the mixed weight times `m / (1 - p)`. As in the paper's experiments it is the
//! weight matrices of the pretrained layers that are mixed; biases, norms, embeddings and the head are not. Measuring takes the
//! weights as they are.
//!
//! Masks are drawn on the host from the seed of the micro-batch, so that a run that is taken up, or goes back, draws the same. A
//! second pass over the same rows (R-Drop, FGM, AWP) has the masks of the first.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use crate::config::RunConfig;
use crate::model::Model;
use crate::nn::{Init, ParamPath};
use crate::optim::{GradientSum, trained_weights};

/// Draws masks apart from whatever else is drawn from a seed.
const STREAM: u64 = 0x4D69_786F_7574;

/// What is mixed in, and how often.
pub(super) struct Mixout {
    /// The paper's `p`.
    probability: f64,
    /// Weights that the run began with, `[in * out]` each, by path, without autodiff.
    towards: BTreeMap<String, Tensor<1>>,
}

/// A model for one pass.
pub(super) struct Mixed {
    pub(super) model: Model,
    /// What gradients of rows of each mixed weight are multiplied with, `[in, 1]`, by path.
    kept: BTreeMap<String, Tensor<2>>,
}

impl Mixout {
    /// Of a run of `model`, whose weights are those that the run begins with; `None` where the run asks for none.
    pub(super) fn of_run(run: &RunConfig, model: &Model) -> Option<Self> {
        let probability = run.techniques.mixout;
        if probability == 0.0 {
            return None;
        }
        let mut copy = model.clone(); // shares all weights
        let matrices: BTreeSet<String> = copy.linears_mut().map(|(path, _)| format!("{path}.weight")).collect();
        let is_mixed = |path: &str| matrices.contains(path);
        Some(Self { probability, towards: trained_weights(model, is_mixed) })
    }

    /// The model with some of its weights replaced by those of the beginning, as the seed draws.
    pub(super) fn mix(&self, model: &Model, seed: u64) -> Mixed {
        let (path, init) = (ParamPath::default(), Init::new(seed ^ STREAM));
        let mut mix = Mix { path, init, mixout: self, kept: BTreeMap::new() };
        let model = model.clone().map(&mut mix);
        Mixed { model, kept: mix.kept }
    }
}

impl Mixed {
    /// Gradients by the weights that are trained, of those by the mixed ones.
    pub(super) fn by_own_weights(&self, mut gradients: GradientSum) -> GradientSum {
        for (path, kept) in &self.kept {
            if let Some(gradient) = gradients.remove(path) {
                gradients.add_gradient(path.clone(), scale_rows(gradient, kept));
            }
        }
        gradients
    }
}

/// # Shapes
/// - `matrix`: `[in * out]`
/// - `kept`: `[in, 1]`
/// - returns: `[in * out]`
fn scale_rows(matrix: Tensor<1>, kept: &Tensor<2>) -> Tensor<1> {
    let rows = kept.dims()[0];
    let columns = matrix.dims()[0] / rows;
    (matrix.reshape([rows, columns]) * kept.clone()).reshape([rows * columns])
}

struct Mix<'a> {
    path: ParamPath,
    init: Init,
    mixout: &'a Mixout,
    kept: BTreeMap<String, Tensor<2>>,
}

impl ModuleMapper for Mix<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join();
        let Some(towards) = self.mixout.towards.get(&path) else { return param };
        let shape = param.shape();
        let (id, weight, mapper) = param.consume();
        let weight = weight.inner().flatten::<1>(0, D - 1);
        let kept = self.init.kept(shape[0], self.mixout.probability, &weight.device());
        let mixed = towards.clone() + scale_rows(weight - towards.clone(), &kept);
        self.kept.insert(path, kept);
        Param::from_mapped_value(id, mixed.reshape::<D, _>(shape).autodiff().require_grad(), mapper)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::Techniques;
    use crate::loss::goldens::{golden, number, numbers};
    use crate::train::Trainer;
    use crate::train::tiny_run::{settings, trainer};

    const LAYER: &str = "backbone.layers.0.mlp.fc1.weight";

    fn run(techniques: Techniques) -> RunConfig {
        RunConfig { techniques, warmup_ratio: 0.0, ..settings(1e-3) }
    }

    fn values(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.clone().into_data().iter::<f32>().collect()
    }

    fn weight_at(model: &Model, wanted: &str) -> Vec<f32> {
        values(&trained_weights(model, |path| path == wanted)[wanted])
    }

    fn mixed_paths(mixout: &Mixout) -> Vec<&str> {
        mixout.towards.keys().map(String::as_str).collect()
    }

    fn mixout_of(model: &Model, probability: f64) -> Mixout {
        let run = run(Techniques { mixout: probability, ..Techniques::default() });
        Mixout::of_run(&run, model).expect("it is asked for")
    }

    #[test]
    fn weights_and_gradients_are_those_of_pytorch() {
        let device = Device::flex();
        for case in golden("mixout") {
            let vector = |name: &str| {
                let values = numbers(&case, name);
                let count = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [count]), &device)
            };
            let factor = 1.0 / (1.0 - number(&case, "p"));
            let kept = vector("mask").mul_scalar(factor).reshape([4, 1]);
            let mixed = vector("start") + scale_rows(vector("weight") - vector("start"), &kept);
            let gradient = scale_rows(vector("by_mixed"), &kept);
            for (found, name) in [(mixed, "mixed"), (gradient, "gradient")] {
                for (found, expected) in values(&found).into_iter().zip(numbers(&case, name)) {
                    assert!((found - expected).abs() < 1e-5, "{name}: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn matrices_of_pretrained_layers_are_mixed_and_nothing_else() {
        let trainer = trainer(run(Techniques::default()), true);
        let mixout = mixout_of(trainer.model(), 0.5);
        let paths = mixed_paths(&mixout);
        assert!(paths.contains(&LAYER), "{paths:?}");
        let is_matrix_of_layer = |path: &&str| path.starts_with("backbone.layers.") && path.ends_with(".weight");
        assert!(paths.iter().all(is_matrix_of_layer) && !paths.iter().any(|path| path.contains("norm")), "{paths:?}");
    }

    /// Of a weight that is 1 away from where it began everywhere: rows are at the beginning or `1 / (1 - p)` away, and on
    /// average where they are.
    #[test]
    fn neurons_go_back_with_their_probability_and_the_mean_stays() {
        let trainer = trainer(run(Techniques::default()), true);
        let model = trainer.model();
        let mut mixout = mixout_of(model, 0.75);
        let before = weight_at(model, LAYER);
        assert_eq!(weight_at(&mixout.mix(model, 3).model, LAYER).len(), before.len());
        let start: Vec<f32> = before.iter().map(|value| value - 1.0).collect();
        let data = TensorData::new(start.clone(), [start.len()]);
        let shifted = Tensor::<1>::from_data(data, &Device::flex());
        mixout.towards.insert(LAYER.into(), shifted);
        let (mut rows, mut away) = (0_usize, 0_usize);
        for seed in 0..200 {
            let mixed = mixout.mix(model, seed);
            let kept = mixed.kept[LAYER].clone().into_data().iter::<f32>().collect::<Vec<_>>();
            let columns = before.len() / kept.len();
            let found = weight_at(&mixed.model, LAYER);
            for (index, value) in found.iter().enumerate() {
                let expected = start[index] + kept[index / columns];
                assert!((value - expected).abs() < 1e-5 && (kept[index / columns] - 2.0).abs() == 2.0);
            }
            rows += kept.len();
            away += kept.iter().filter(|&&factor| factor > 0.0).count();
        }
        let share = away as f64 / rows as f64;
        assert!((share - 0.25).abs() < 0.05, "{share} of {rows} rows");
        let again = [7, 7, 8].map(|seed| weight_at(&mixout.mix(model, seed).model, LAYER));
        assert!(again[0] == again[1] && again[0] != again[2], "a seed draws the same again, and another others");
    }

    /// Rows at the beginning take no gradient, others more.
    #[test]
    fn gradients_reach_what_takes_part() {
        let trainer = trainer(run(Techniques::default()), true);
        let mixed = mixout_of(trainer.model(), 0.5).mix(trainer.model(), 1);
        let kept = mixed.kept[LAYER].clone().into_data().iter::<f32>().collect::<Vec<_>>();
        let count = weight_at(trainer.model(), LAYER).len();
        let mut gradients = GradientSum::default();
        gradients.add_gradient(LAYER.into(), Tensor::<1>::ones([count], &Device::flex()));
        gradients.add_gradient("head.classifier.bias".into(), Tensor::<1>::ones([2], &Device::flex()));
        let found = mixed.by_own_weights(gradients);
        let of_layer = values(found.get(LAYER).expect("it has one"));
        let columns = count / kept.len();
        assert!(of_layer.iter().enumerate().all(|(index, value)| *value == kept[index / columns]));
        assert_eq!(values(found.get("head.classifier.bias").expect("it has one")), [1.0, 1.0]);
    }

    #[test]
    fn a_run_is_another_for_it_and_a_cut_one_ends_as_one_that_is_not() {
        let ended = |mut trainer: Trainer| {
            while block_on(trainer.next_event()).expect("it goes on").is_some() {}
            block_on(trainer.checkpoint()).expect("it is saved").remove("model.safetensors").expect("its weights")
        };
        let plain = ended(trainer(run(Techniques::default()), true));
        let of_mixout = Techniques { mixout: 0.5, ..Techniques::default() };
        let both = Techniques { awp_gamma: 0.01, ..of_mixout };
        for techniques in [of_mixout, both] {
            let expected = ended(trainer(run(techniques), true));
            assert!(expected != plain);
            for step in [1, 3, 5] {
                let mut cut = trainer(run(techniques), true);
                while !(cut.is_between_steps() && cut.num_steps()[0] == step) {
                    block_on(cut.next_event()).expect("it goes on").expect("it is not over");
                }
                let saved = block_on(cut.checkpoint()).expect("it is saved");
                let resumed = trainer(run(techniques), true).restore(&saved).expect("the same run");
                assert!(ended(resumed) == expected, "other weights after a cut at step {step}");
            }
        }
    }
}
