//! What a head reads of each row, as a frozen backbone makes it: computed when a row is first met, and kept. A run that
//! trains its head alone then passes each row through the backbone once, not once an epoch.

use burn::tensor::{Device, Tensor, TensorData};

use super::TrainError;
use crate::batch::BatchInputs;
use crate::data::{HostInputs, Split};
use crate::model::{Backbone, Head};
use crate::task::TaskRows;

/// Vectors of the rows that were met so far, on the host: as many numbers a row as the head reads.
#[derive(Debug)]
pub(super) struct Features {
    /// Of training, validation and test.
    splits: [Vectors; 3],
}

/// Those of a split.
#[derive(Debug, Default)]
struct Vectors {
    num_rows: usize,
    /// Which rows were met; empty before the first is.
    known: Vec<bool>,
    /// `[num_rows, width]`
    values: Vec<f32>,
}

impl Vectors {
    /// Takes memory for all rows, so that it does not grow while they are met.
    fn take_memory(&mut self, width: usize) {
        if self.known.is_empty() {
            (self.known, self.values) = (vec![false; self.num_rows], vec![0.0; self.num_rows * width]);
        }
    }
}

impl Features {
    /// Of these rows, none of which was met.
    pub(super) fn new(rows: &dyn TaskRows) -> Self {
        Self { splits: rows.num_rows().map(|num_rows| Vectors { num_rows, ..Vectors::default() }) }
    }

    /// Whether all rows at `indices` of a split were met before: then nothing asks for their inputs.
    pub(super) fn know(&self, split: Split, indices: &[usize]) -> bool {
        let known = &self.splits[split as usize].known;
        indices.iter().all(|&index| known.get(index) == Some(&true))
    }

    /// What the head reads of the rows at `indices` of a split, whose inputs are `inputs` and only read where a row is new;
    /// `None` where it reads more than one vector a row.
    ///
    /// # Shapes
    /// - returns: `[rows, width]`, without autodiff
    ///
    /// # Errors
    /// When the device fails.
    pub(super) async fn of_batch(
        &mut self,
        split: Split,
        indices: &[usize],
        inputs: &HostInputs,
        backbone: &Backbone,
        head: &Head,
        device: &Device,
    ) -> Result<Option<Tensor<2>>, TrainError> {
        if !self.know(split, indices) {
            let inputs = BatchInputs::new(inputs, device);
            let Some(made) = head.features(backbone.forward(&inputs), &inputs) else { return Ok(None) };
            let data = made.into_data_async().await.map_err(TrainError::Device)?;
            let width = data.shape()[1];
            let values = data.try_into_vec::<f32>().expect("states are f32");
            // Those that a run measures come as certainly as those that it trains on.
            for split in [Split::Train, Split::Valid, split] {
                self.splits[split as usize].take_memory(width);
            }
            let Vectors { num_rows, known, values: all } = &mut self.splits[split as usize];
            if all.len() != *num_rows * width {
                // The head of another task reads more or less: its rows are computed each time.
                return Ok(Some(Tensor::from_data(TensorData::new(values, [indices.len(), width]), device)));
            }
            for (&index, vector) in indices.iter().zip(values.chunks(width)) {
                if !std::mem::replace(&mut known[index], true) {
                    all[index * width..(index + 1) * width].copy_from_slice(vector);
                }
            }
        }
        let Vectors { num_rows, values: all, .. } = &self.splits[split as usize];
        let width = all.len() / (*num_rows).max(1);
        let rows = indices.iter().flat_map(|&index| &all[index * width..(index + 1) * width]);
        let values: Vec<f32> = rows.copied().collect();
        Ok(Some(Tensor::from_data(TensorData::new(values, [indices.len(), width]), device)))
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::{Freeze, Method, Pooling, Techniques};
    use crate::data::HostBatch;
    use crate::model::{Model, ModelConfig};
    use crate::nn::Init;
    use crate::optim::GradientSum;
    use crate::train::MicroStep;
    use crate::train::batches::batch_of;
    use crate::train::tiny_run::{CONFIG, rows, settings};

    #[test]
    fn rows_that_were_met_need_no_pixels_and_train_the_head_as_before() {
        let (rows, device) = (rows(&settings(1e-3), false), Device::flex().autodiff());
        let config = ModelConfig::from_json(CONFIG).expect("usable");
        let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
        let model = model.frozen_for(Method::Head, Freeze::None);
        let frozen = model.for_inference().backbone;
        let train = |batch: &HostBatch, features: Option<Tensor<2>>| -> (f32, Vec<f32>) {
            let mut gradients = GradientSum::default();
            let (model, frozen, weight_sum) = (&model, Some(&frozen), batch.weight);
            let (gradient_checkpointing, techniques) = (false, Techniques::default());
            let (seed, device) = (1, &device);
            let step =
                MicroStep { model, frozen, features, weight_sum, gradient_checkpointing, techniques, seed, device };
            let loss = step.run(batch, &mut gradients).into_scalar::<f32>();
            let values = |tensor: &Tensor<1>| tensor.clone().into_data().iter::<f32>().collect::<Vec<f32>>();
            (loss, gradients.tensors().flat_map(|(_, tensor)| values(tensor)).collect())
        };
        let (split, indices) = (Split::Train, [2, 0, 3]);
        let expected = train(&rows.batch(split, &indices, Some(7)), None);
        assert!(expected.1.iter().any(|&gradient| gradient != 0.0), "there is something to compare");
        let mut features = Features::new(rows.as_ref());
        for is_met in [false, true] {
            assert_eq!(features.know(split, &indices), is_met);
            let batch = batch_of(rows.as_ref(), Some(&features), split, &indices, Some(7));
            let HostInputs::Pixels(pixels) = &batch.inputs else { panic!("not images") };
            assert_eq!(pixels.values.is_empty(), is_met);
            let plain = device.clone().without_autodiff();
            let known = features.of_batch(split, &indices, &batch.inputs, &frozen, &model.head, &plain);
            let known = block_on(known).expect("it reads");
            assert!(known.is_some() && train(&batch, known) == expected, "to the bit");
        }
        assert!(!features.know(split, &[0, 1]) && !features.know(Split::Valid, &[0]));
    }
}
