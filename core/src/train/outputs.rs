//! What a model gives for a batch, read back. Models must be those for inference.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::TrainError;
use crate::batch::BatchInputs;
use crate::data::{HostBatch, HostTargets, Outputs};
use crate::loss::measure_tokens;
use crate::model::Model;
use crate::task::Predictor;

/// Answers all inputs of a predictor, batch by batch.
///
/// # Errors
/// When the device fails or an output is not finite.
pub async fn predict(model: &Model, predictor: &mut dyn Predictor, device: &Device) -> Result<(), TrainError> {
    while let Some(batch) = predictor.next_batch() {
        let outputs = read_outputs(model, &batch, device).await?;
        predictor.add(&outputs).map_err(|index| TrainError::NotFinite { row: index + 1 })?;
    }
    Ok(())
}

/// All outputs of a batch, or those that its targets ask for.
///
/// # Errors
/// When the device fails.
pub async fn read_outputs(model: &Model, batch: &HostBatch, device: &Device) -> Result<Outputs, TrainError> {
    let inputs = BatchInputs::new(&batch.inputs, device);
    let scores = match &batch.targets {
        HostTargets::Ids { ids, .. } if ids.is_empty() => {
            return Ok(Outputs::Tokens { losses: Vec::new(), are_right: Vec::new() });
        }
        HostTargets::Ids { positions, ids, .. } => {
            let picked = states_at(model, &inputs, positions, device);
            let score = |states| model.scores_of_tokens(states);
            if let Some((losses, correct)) = measure_tokens(picked, ids, model.backbone.vocab_size(), score) {
                let read = Tensor::cat(vec![losses, correct], 0).into_data_async().await.map_err(TrainError::Device)?;
                let mut losses: Vec<f32> = read.iter::<f32>().collect();
                let are_right = losses.split_off(ids.len()).into_iter().map(|correct| correct > 0.5).collect();
                return Ok(Outputs::Tokens { losses, are_right });
            }
            None
        }
        HostTargets::Positions(positions) => model.scores_of_tokens(states_at(model, &inputs, positions, device)),
        _ => None,
    };
    // A head without a vocabulary gives all that it has.
    read_rows(scores.unwrap_or_else(|| model.outputs(&inputs))).await
}

/// A vector of each row of a batch: what its head reads, where that is one, else all that the head gives.
///
/// # Errors
/// When the device fails.
pub async fn read_vectors(model: &Model, batch: &HostBatch, device: &Device) -> Result<Outputs, TrainError> {
    let inputs = BatchInputs::new(&batch.inputs, device);
    let states = model.backbone.forward(&inputs);
    let vectors = model.head.features(states.clone(), &inputs);
    read_rows(vectors.unwrap_or_else(|| model.head.outputs(states, &inputs, &model.backbone))).await
}

/// Outputs of rows, read back.
///
/// # Shapes
/// - `outputs`: `[rows, width]`
///
/// # Errors
/// When the device fails.
pub(super) async fn read_rows(outputs: Tensor<2>) -> Result<Outputs, TrainError> {
    let data = outputs.into_data_async().await.map_err(TrainError::Device)?;
    let width = data.shape()[1];
    let values = data.try_into_vec::<f32>().expect("outputs are f32");
    Ok(Outputs::Rows { values, width })
}

/// States at some positions of the flattened batch.
///
/// # Shapes
/// - returns: `[positions, hidden]`
fn states_at(model: &Model, inputs: &BatchInputs, positions: &[i32], device: &Device) -> Tensor<2> {
    let states = model.backbone.forward(inputs);
    let [batch, seq, hidden] = states.dims();
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions.to_vec(), [positions.len()]), device);
    states.reshape([batch * seq, hidden]).select(0, positions)
}
