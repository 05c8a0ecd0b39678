//! What R-Drop makes of a step: the same where nothing is dropped out, more where answers differ. For tests.

use burn::tensor::{Device, Tensor};

use super::MicroStep;
use crate::config::{Pooling, Techniques};
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, PositionIds, TextRow};
use crate::model::{Model, ModelConfig};
use crate::nn::Init;
use crate::optim::GradientSum;

const CONFIG: &[u8] = br#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"],
    "initializer_range": 0.5, "vocab_size": 10, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "max_position_embeddings": 8, "type_vocab_size": 1, "pad_token_id": 0}"#;

fn batch() -> HostBatch {
    let padding = Padding { pad_token_id: 0, multiple_of: 1, max_length: 8, positions: PositionIds::FromZero };
    let rows: [&[u32]; 2] = [&[1, 2, 3], &[4, 3, 9]];
    let rows = rows.map(|input_ids| TextRow { input_ids, token_type_ids: &[] });
    HostBatch {
        inputs: HostInputs::Text(HostText::pad(&rows, &padding)),
        targets: HostTargets::Distributions { values: vec![1.0, 0.0, 0.0, 1.0], width: 2 },
        weight: 2.0,
        num_rows: 2,
        num_tokens: 6,
    }
}

/// Loss and all gradients of a step.
fn step(dropout: f64, rdrop_alpha: f64) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let config = ModelConfig::from_json(CONFIG).expect("usable");
    let mut model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
    model.set_dropout(Some(dropout));
    let step = MicroStep {
        model: &model,
        frozen: None,
        features: None,
        weight_sum: 2.0,
        gradient_checkpointing: false,
        techniques: Techniques { rdrop_alpha, ..Techniques::default() },
        seed: 1,
        device: &device,
    };
    let mut gradients = GradientSum::default();
    let loss = step.run(&batch(), &mut gradients).into_scalar::<f32>();
    let values = |tensor: &Tensor<1>| tensor.clone().into_data().iter::<f32>().collect::<Vec<f32>>();
    (loss, gradients.tensors().flat_map(|(_, tensor)| values(tensor)).collect())
}

#[test]
fn two_passes_without_dropout_are_one() {
    let (one, two) = (step(0.0, 0.0), step(0.0, 5.0));
    assert!((one.0 - two.0).abs() < 1e-6, "{} and {}", one.0, two.0);
    assert_eq!(one.1.len(), two.1.len());
    for (one, two) in one.1.iter().zip(&two.1) {
        assert!((one - two).abs() < 1e-5, "{one} and {two}");
    }
}

/// The generator that dropout draws from is shared by all tests of a process: nothing is said of a number.
#[test]
fn answers_that_differ_by_their_dropout_cost_more() {
    let (plain, apart) = (step(0.5, 0.0), step(0.5, 1e5));
    assert!(plain.0.is_finite() && apart.0 > 10.0 * plain.0, "{} and {}", plain.0, apart.0);
    assert!(apart.1.iter().all(|gradient| gradient.is_finite()));
}
