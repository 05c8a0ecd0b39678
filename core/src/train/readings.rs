//! Losses and gradient norms stay on the device until they are read: a reading waits for it, so there is none at every
//! step.

use burn::tensor::{Device, Tensor};

use super::TrainError;

/// What the steps since the last reading gave.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// Losses on the device, one a step.
    unread: Vec<Tensor<1>>,
    /// Losses of the steps before those, which were read for a checkpoint and not reported yet.
    pub(super) read: Vec<f64>,
    /// Of the last step.
    grad_norm: Option<Tensor<1>>,
    /// Of the last step.
    learning_rate: f64,
}

/// One reading.
pub(super) struct Reading {
    /// One a step.
    pub(super) losses: Vec<f64>,
    /// Of the last step, before clipping.
    pub(super) grad_norm: f64,
    /// Of the last step.
    pub(super) learning_rate: f64,
}

impl Readings {
    /// With losses that were read for a checkpoint and are to be reported.
    pub(super) fn of_read(read: Vec<f64>) -> Self {
        Self { read, ..Self::default() }
    }

    /// Notes a step; without gradients there is no norm.
    pub(super) fn add(&mut self, loss: Option<Tensor<1>>, grad_norm: Option<Tensor<1>>, learning_rate: f64) {
        self.unread.extend(loss);
        self.grad_norm = grad_norm.or(self.grad_norm.take());
        self.learning_rate = learning_rate;
    }

    /// Whether all that was noted was read and reported.
    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.read.is_empty()
    }

    /// Reads everything that was noted; `None` where there is nothing. `step` is the last one.
    ///
    /// # Errors
    /// When the device fails or a number is not finite.
    pub(super) async fn take(&mut self, step: u32, device: &Device) -> Result<Option<Reading>, TrainError> {
        if self.is_empty() {
            return Ok(None);
        }
        let grad_norm = self.grad_norm.take().unwrap_or_else(|| Tensor::zeros([1], &device.clone().without_autodiff()));
        let mut tensors = std::mem::take(&mut self.unread);
        tensors.push(grad_norm);
        let mut values = values_of(tensors).await?;
        let grad_norm = values.pop().expect("the norm was pushed last");
        let mut losses = std::mem::take(&mut self.read);
        losses.extend(values);
        let first = step + 1 - losses.len() as u32;
        if let Some((offset, &loss)) = losses.iter().enumerate().find(|(_, loss)| !loss.is_finite()) {
            return Err(TrainError::Diverged { step: first + offset as u32, loss });
        }
        if !grad_norm.is_finite() {
            return Err(TrainError::Diverged { step, loss: grad_norm });
        }
        Ok(Some(Reading { losses, grad_norm, learning_rate: self.learning_rate }))
    }

    /// Reads the losses without reporting them, so that a checkpoint can hold them.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) async fn keep(&mut self) -> Result<&[f64], TrainError> {
        let tensors = std::mem::take(&mut self.unread);
        if !tensors.is_empty() {
            self.read.extend(values_of(tensors).await?);
        }
        Ok(&self.read)
    }
}

async fn values_of(tensors: Vec<Tensor<1>>) -> Result<Vec<f64>, TrainError> {
    let data = Tensor::cat(tensors, 0).into_data_async().await.map_err(TrainError::Device)?;
    Ok(data.iter::<f32>().map(f64::from).collect())
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::TensorData;
    use futures_lite::future::block_on;

    use super::*;

    fn number(value: f32) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), &Device::flex())
    }

    #[test]
    fn a_checkpoint_between_two_readings_changes_neither() {
        let mut readings = Readings::default();
        assert!(block_on(readings.take(0, &Device::flex())).expect("it reads").is_none());
        readings.add(Some(number(1.5)), Some(number(0.5)), 1e-3);
        assert_eq!(block_on(readings.keep()).expect("it reads"), [1.5]);
        readings.add(Some(number(2.5)), Some(number(0.25)), 1e-4);
        let reading = block_on(readings.take(2, &Device::flex())).expect("it reads").expect("there were two steps");
        assert_eq!((reading.losses, reading.grad_norm, reading.learning_rate), (vec![1.5, 2.5], 0.25, 1e-4));
        assert!(block_on(readings.take(2, &Device::flex())).expect("it reads").is_none());
    }

    #[test]
    fn the_step_that_diverged_is_named() {
        let mut readings = Readings::default();
        for loss in [1.0, f32::NAN, 1.0] {
            readings.add(Some(number(loss)), Some(number(1.0)), 1e-3);
        }
        let error = block_on(readings.take(7, &Device::flex())).err().expect("a loss is not a number");
        assert!(matches!(error, TrainError::Diverged { step: 6, .. }), "{error}");
        readings.add(Some(number(1.0)), Some(number(f32::INFINITY)), 1e-3);
        let error = block_on(readings.take(8, &Device::flex())).err().expect("the norm is not a number");
        assert!(matches!(error, TrainError::Diverged { step: 8, .. }), "{error}");
    }
}
