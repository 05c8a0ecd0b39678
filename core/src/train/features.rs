//! What a head reads of each row, as a frozen backbone makes it: computed when a row is first met, and kept. A run that
//! trains its head alone then passes each row through the backbone once, not once an epoch.

use burn::tensor::{Device, Tensor, TensorData};

use super::TrainError;
use crate::batch::BatchInputs;
use crate::data::{HostInputs, Split};
use crate::model::{Backbone, Head};

/// Vectors of the rows that were met so far, on the host: as many numbers a row as the head reads.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// Of training, validation and test.
    splits: [Vec<Option<Box<[f32]>>>; 3],
}

impl Features {
    /// What the head reads of the rows at `indices` of a split, whose inputs are `inputs`; `None` where it reads more than
    /// one vector a row.
    ///
    /// # Shapes
    /// - returns: `[rows, width]`, without autodiff
    ///
    /// # Errors
    /// When the device fails.
    pub(super) async fn of_batch(
        &mut self,
        (split, indices): (Split, &[usize]),
        inputs: &HostInputs,
        (backbone, head): (&Backbone, &Head),
        device: &Device,
    ) -> Result<Option<Tensor<2>>, TrainError> {
        let known = &mut self.splits[split as usize];
        let needed = indices.iter().max().map_or(0, |last| last + 1);
        known.resize_with(known.len().max(needed), || None);
        if indices.iter().any(|&index| known[index].is_none()) {
            let inputs = BatchInputs::new(inputs, device);
            let Some(made) = head.features(backbone.forward(&inputs), &inputs) else { return Ok(None) };
            let data = made.into_data_async().await.map_err(TrainError::Device)?;
            let width = data.shape()[1];
            let values = data.try_into_vec::<f32>().expect("states are f32");
            for (&index, vector) in indices.iter().zip(values.chunks(width)) {
                known[index].get_or_insert_with(|| vector.into());
            }
        }
        let rows = indices.iter().filter_map(|&index| known[index].as_deref());
        let values: Vec<f32> = rows.flatten().copied().collect();
        let width = values.len() / indices.len().max(1);
        Ok(Some(Tensor::from_data(TensorData::new(values, [indices.len(), width]), device)))
    }
}
