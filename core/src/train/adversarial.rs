//! FGM, the fast gradient method on token vectors (Miyato et al. 2017, <https://arxiv.org/abs/1605.07725>): a batch is passed a
//! second time by a model whose token vectors are moved by `epsilon g / |g|`, `g` being their gradient in the first pass, to
//! where the loss is higher; the gradients of both passes are added up.
//!
//! The paper moves the vectors of each row; here it is the table that moves, as is usual since then, so that a token is moved the
//! same way wherever it stands in the batch, and tokens that the batch does not hold are not moved. The model itself stays as it
//! is. A batch that is computed in parts is moved part by part.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use crate::kernels::square_sum;
use crate::model::Model;
use crate::nn::ParamPath;
use crate::optim::GradientSum;

/// Added to the norm before dividing: where there is no gradient nothing moves.
const NORM_EPS: f64 = 1e-12;

/// The model with its token vectors moved along their gradients; `None` where they have none.
pub(super) fn moved_along(model: &Model, gradients: &GradientSum, epsilon: f64) -> Option<Model> {
    let of_tables = gradients.tensors().filter(|(path, _)| is_token_table(path));
    let squares: Vec<Tensor<1>> = of_tables.map(|(_, gradient)| square_sum(gradient)).collect();
    if squares.is_empty() {
        return None;
    }
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    let factor = norm.add_scalar(NORM_EPS).recip().mul_scalar(epsilon);
    Some(model.clone().map(&mut Move { path: ParamPath::default(), gradients, factor }))
}

/// Whether tokens are looked up in the parameter at a path.
fn is_token_table(path: &str) -> bool {
    path == "backbone.embeddings.word_embeddings.weight" || path.starts_with("backbone.embed_tokens.")
}

struct Move<'a> {
    path: ParamPath,
    gradients: &'a GradientSum,
    /// `[1]`
    factor: Tensor<1>,
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
        let found = self.gradients.tensors().find(|(own, _)| *own == path && is_token_table(own));
        let Some((_, gradient)) = found else { return param };
        let shape = param.shape();
        let (id, weight, mapper) = param.consume();
        let moved = weight.inner().flatten::<1>(0, D - 1) + gradient.clone() * self.factor.clone();
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
    fn both_passes_add_up_and_the_model_stays_as_it_is() {
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
        let pass = |model: &Model, fgm_epsilon: f64| -> (f32, GradientSum) {
            let mut gradients = GradientSum::default();
            let step = MicroStep {
                model,
                frozen: None,
                features: None,
                weight_sum: 2.0,
                gradient_checkpointing: false,
                techniques: Techniques { fgm_epsilon, ..Techniques::default() },
                seed: 1,
                device: &device,
            };
            (step.run(&batch, &mut gradients).into_scalar::<f32>(), gradients)
        };
        let before = table(&model);
        let (plain_loss, first) = pass(&model, 0.0);
        let moved = moved_along(&model, &first, 0.001).expect("there is a gradient");
        let (moved_loss, second) = pass(&moved, 0.0);
        assert!(moved_loss > plain_loss, "the loss is higher there: {moved_loss}, {plain_loss}");
        let (loss, both) = pass(&model, 0.001);
        assert_eq!((loss, table(&model)), (plain_loss, before), "what is told is the loss of the rows as they are");
        let values = |sum: &GradientSum| -> Vec<f32> {
            sum.tensors().flat_map(|(_, one)| one.clone().into_data().iter::<f32>().collect::<Vec<_>>()).collect()
        };
        let (first, second, both) = (values(&first), values(&second), values(&both));
        assert_eq!(both.len(), first.len());
        for (index, both) in both.iter().enumerate() {
            assert!((both - first[index] - second[index]).abs() < 1e-6, "gradient {index}");
        }
    }
}
