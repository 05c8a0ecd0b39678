//! A batch is passed a second time by a model that is moved to where its loss is higher; the model itself stays as it is. A batch
//! that is computed in parts is moved part by part.
//!
//! FGM, the fast gradient method on token vectors (Miyato et al. 2017, <https://arxiv.org/abs/1605.07725>): they are moved by
//! `epsilon g / |g|`, `g` being their gradient in the first pass; the gradients of both passes are added up. The paper moves the
//! vectors of each row; here it is the table that moves, as is usual since then, so that a token is moved the same way wherever it
//! stands in the batch, and tokens that the batch does not hold are not moved.
//!
//! AWP, adversarial weight perturbation (Wu et al. 2020, <https://arxiv.org/abs/2004.05884>): every matrix of weights is moved by
//! `gamma |w| g / |g|`; the step takes the gradients of the second pass alone. As in the authors' code, vectors (biases, norms) are
//! not moved.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::kernels::square_sum;
use crate::model::Model;
use crate::nn::ParamPath;
use crate::optim::GradientSum;

/// Added to the norm before dividing: where there is no gradient nothing moves.
const NORM_EPS: f64 = 1e-12;

/// The model with its token vectors moved along their gradients; `None` where they have none.
pub(super) fn moved_along(model: &Model, gradients: &GradientSum, epsilon: f64) -> Option<Model> {
    let of_tables: Vec<(&str, &Tensor<1>)> = gradients.tensors().filter(|(path, _)| is_token_table(path)).collect();
    let squares: Vec<Tensor<1>> = of_tables.iter().map(|(_, gradient)| square_sum(gradient)).collect();
    if squares.is_empty() {
        return None;
    }
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    let factor = norm.add_scalar(NORM_EPS).recip().mul_scalar(epsilon);
    let factors = of_tables.into_iter().map(|(path, _)| (path.to_owned(), factor.clone())).collect();
    Some(moved(model, gradients, factors))
}

/// The model with each of its matrices moved along its gradient, by `gamma` of its own norm; `None` where none has a gradient.
pub(super) fn perturbed(model: &Model, gradients: &GradientSum, gamma: f64) -> Option<Model> {
    let mut squares = Squares { path: ParamPath::default(), gradients, found: BTreeMap::new() };
    model.visit(&mut squares);
    let mut of_matrices: BTreeMap<&str, [Tensor<1>; 2]> = BTreeMap::new();
    for (path, [weight, gradient]) in &squares.found {
        let sum = of_matrices.remove(matrix_of(path));
        let sum = match sum {
            Some([weights, gradients]) => [weights + weight.clone(), gradients + gradient.clone()],
            None => [weight.clone(), gradient.clone()],
        };
        of_matrices.insert(matrix_of(path), sum);
    }
    let factor = |path: &String| {
        let [weight, gradient] = &of_matrices[matrix_of(path)];
        (weight.clone().sqrt() / gradient.clone().sqrt().add_scalar(NORM_EPS)).mul_scalar(gamma)
    };
    let factors: BTreeMap<String, Tensor<1>> = squares.found.keys().map(|path| (path.clone(), factor(path))).collect();
    (!factors.is_empty()).then(|| moved(model, gradients, factors))
}

/// Whether tokens are looked up in the parameter at a path.
fn is_token_table(path: &str) -> bool {
    path == "backbone.embeddings.word_embeddings.weight" || path.starts_with("backbone.embed_tokens.")
}

/// The matrix that a parameter is, or is a part of: a token table may lie in shards.
fn matrix_of(path: &str) -> &str {
    path.split_once(".shards.").map_or(path, |(table, _)| table)
}

/// The model with the parameters that `factors` names moved by so many times their gradients.
fn moved(model: &Model, gradients: &GradientSum, factors: BTreeMap<String, Tensor<1>>) -> Model {
    model.clone().map(&mut Move { path: ParamPath::default(), gradients, factors })
}

/// Sums of squares of each matrix that has a gradient, and of that, `[1]` each, by path.
struct Squares<'a> {
    path: ParamPath,
    gradients: &'a GradientSum,
    found: BTreeMap<String, [Tensor<1>; 2]>,
}

impl ModuleVisitor for Squares<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join();
        let Some(gradient) = self.gradients.get(&path).filter(|_| D >= 2) else { return };
        let weight = square_sum(&param.val().inner().flatten::<1>(0, D - 1));
        self.found.insert(path, [weight, square_sum(gradient)]);
    }
}

struct Move<'a> {
    path: ParamPath,
    gradients: &'a GradientSum,
    /// `[1]` each, by path.
    factors: BTreeMap<String, Tensor<1>>,
}

impl ModuleMapper for Move<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join();
        let (Some(gradient), Some(factor)) = (self.gradients.get(&path), self.factors.get(&path)) else {
            return param;
        };
        let shape = param.shape();
        let (id, weight, mapper) = param.consume();
        let moved = weight.inner().flatten::<1>(0, D - 1) + gradient.clone() * factor.clone();
        Param::from_mapped_value(id, moved.reshape::<D, _>(shape).autodiff().require_grad(), mapper)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::config::{Pooling, Techniques};
    use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, PositionIds, TextRow};
    use crate::loss::goldens::{golden, number, numbers};
    use crate::model::{Backbone, ModelConfig};
    use crate::nn::Init;
    use crate::train::MicroStep;

    // Weights are large enough for a loss that has a slope.
    const CONFIG: &[u8] = br#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"],
        "initializer_range": 0.5, "vocab_size": 5, "hidden_size": 3, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": 6, "max_position_embeddings": 8, "type_vocab_size": 1,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": 0}"#;
    const TABLE: &str = "backbone.embeddings.word_embeddings.weight";

    fn model(device: &Device) -> Model {
        let config = ModelConfig::from_json(CONFIG).expect("usable");
        Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), device)
    }

    fn table(model: &Model) -> Vec<f32> {
        let Backbone::Encoder(encoder) = &model.backbone else { panic!("an encoder") };
        encoder.embeddings.word_table().into_data().iter::<f32>().collect()
    }

    #[test]
    fn token_vectors_move_along_their_gradient_by_epsilon() {
        let device = Device::flex().autodiff();
        let plain = device.clone().without_autodiff();
        for case in golden("fgm") {
            let model = model(&device);
            let gradient = numbers(&case, "gradient");
            let mut gradients = GradientSum::default();
            let data = TensorData::new(gradient.clone(), [gradient.len()]);
            gradients.add_gradient(TABLE.to_owned(), Tensor::<1>::from_data(data, &plain));
            let moved = moved_along(&model, &gradients, number(&case, "epsilon")).expect("there is a gradient");
            let (begin, end) = (numbers(&case, "table"), numbers(&case, "moved"));
            let expected =
                table(&model).into_iter().zip(begin.iter().zip(&end)).map(|(own, (begin, end))| own + end - begin);
            for (found, expected) in table(&moved).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        }
        assert!(moved_along(&model(&device), &GradientSum::default(), 1.0).is_none());
    }

    #[test]
    fn matrices_move_by_gamma_of_their_norm_and_vectors_stay() {
        const BIAS: &str = "head.classifier.bias";
        let device = Device::flex().autodiff();
        let plain = device.clone().without_autodiff();
        for case in golden("awp") {
            // The table of the case, moved by the same share of its norm, is the model's moved by that of its own.
            let model = model(&device);
            let (begin, end, gradient) = (numbers(&case, "table"), numbers(&case, "moved"), numbers(&case, "gradient"));
            let mut gradients = GradientSum::default();
            let data = TensorData::new(gradient.clone(), [gradient.len()]);
            gradients.add_gradient(TABLE.to_owned(), Tensor::<1>::from_data(data, &plain));
            gradients.add_gradient(BIAS.to_owned(), Tensor::<1>::from_data([3.0_f32, -1.0], &plain));
            let moved = perturbed(&model, &gradients, number(&case, "gamma")).expect("there is a gradient");
            let norm = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
            let own = table(&model);
            let scale = norm(&own) / norm(&begin);
            for (index, found) in table(&moved).into_iter().enumerate() {
                let expected = own[index] + scale * (end[index] - begin[index]);
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
            let bias = |model: &Model| {
                let mut found = BiasOfHead::default();
                model.visit(&mut found);
                found.values
            };
            assert!(!bias(&model).is_empty() && bias(&model) == bias(&moved), "a vector is not moved");
        }
        assert!(perturbed(&model(&device), &GradientSum::default(), 1.0).is_none());
    }

    #[derive(Default)]
    struct BiasOfHead {
        path: ParamPath,
        values: Vec<f32>,
    }

    impl ModuleVisitor for BiasOfHead {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.path.join() == "head.classifier.bias" {
                self.values = param.val().into_data().iter::<f32>().collect();
            }
        }
    }

    #[test]
    fn a_table_in_shards_is_one_matrix() {
        assert_eq!(matrix_of("backbone.embed_tokens.shards.3"), "backbone.embed_tokens");
        assert_eq!(matrix_of("head.classifier.weight"), "head.classifier.weight");
    }

    #[test]
    fn both_passes_of_fgm_add_up_that_of_awp_counts_alone_and_the_model_stays_as_it_is() {
        let device = Device::flex().autodiff();
        let model = model(&device);
        let padding = Padding { pad_token_id: 0, multiple_of: 1, max_length: 8, positions: PositionIds::FromZero };
        let rows: [&[u32]; 2] = [&[1, 2, 3], &[4, 3]];
        let rows = rows.map(|input_ids| TextRow { input_ids, token_type_ids: &[] });
        let batch = HostBatch {
            inputs: HostInputs::Text(HostText::pad(&rows, &padding)),
            targets: HostTargets::Distributions { values: vec![1.0, 0.0, 0.0, 1.0], width: 2 },
            weight: 2.0,
            num_rows: 2,
            num_tokens: 5,
        };
        let pass = |model: &Model, techniques: Techniques| -> (f32, GradientSum) {
            let mut gradients = GradientSum::default();
            let step = MicroStep {
                model,
                frozen: None,
                features: None,
                weight_sum: 2.0,
                gradient_checkpointing: false,
                techniques,
                seed: 1,
                device: &device,
            };
            (step.run(&batch, &mut gradients).into_scalar::<f32>(), gradients)
        };
        let [none, fgm, awp] = [(0.0, 0.0), (0.001, 0.0), (0.0, 0.001)].map(|(fgm_epsilon, awp_gamma)| Techniques {
            fgm_epsilon,
            awp_gamma,
            ..Techniques::default()
        });
        let before = table(&model);
        let (plain_loss, first) = pass(&model, none);
        let moved = moved_along(&model, &first, 0.001).expect("there is a gradient");
        let (moved_loss, second) = pass(&moved, none);
        assert!(moved_loss > plain_loss, "the loss is higher there: {moved_loss}, {plain_loss}");
        let (loss, both) = pass(&model, fgm);
        assert_eq!(
            (loss, table(&model)),
            (plain_loss, before.clone()),
            "what is told is the loss of the rows as they are"
        );
        let values = |sum: &GradientSum| -> Vec<f32> {
            sum.tensors().flat_map(|(_, one)| one.clone().into_data().iter::<f32>().collect::<Vec<_>>()).collect()
        };
        let perturbed = perturbed(&model, &first, 0.001).expect("there is a gradient");
        let (perturbed_loss, expected) = pass(&perturbed, none);
        assert!(perturbed_loss > plain_loss, "the loss is higher there, too: {perturbed_loss}, {plain_loss}");
        let (loss, found) = pass(&model, awp);
        assert_eq!((loss, table(&model)), (plain_loss, before), "the loss of the weights as they are");
        assert_eq!(values(&found), values(&expected), "the gradients of the second pass alone");
        let (first, second, both) = (values(&first), values(&second), values(&both));
        assert_eq!(both.len(), first.len());
        for (index, both) in both.iter().enumerate() {
            assert!((both - first[index] - second[index]).abs() < 1e-6, "gradient {index}");
        }
    }
}
