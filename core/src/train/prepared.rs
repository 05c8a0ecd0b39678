//! A model as a run trains it: adapters beside its layers, what is not trained frozen, in the run's number format.
//!
//! In: a model on an autodiff device, settings. Out: the model that [`super::Trainer`] trains, and that is timed before a run.

use burn::tensor::{Device, FloatDType};

use super::TrainError;
use crate::config::{Method, RunConfig};
use crate::model::{Model, ModelConfig};
use crate::nn::Init;

/// Adapts and freezes a model as a run asks.
///
/// # Errors
/// When there is nothing that the method could train.
pub(super) fn prepare(
    mut model: Model,
    run: &RunConfig,
    config: &ModelConfig,
    dtype: FloatDType,
    device: &Device,
) -> Result<Model, TrainError> {
    model.set_dropout(run.dropout);
    if run.method == Method::Lora {
        // A stream of its own: adapters are the same whatever else was drawn from the seed.
        let mut init = Init::new(run.seed ^ 0x4C6F_5241);
        let adapted = model.add_lora(config.key_map(), &run.lora, &run.lora.target_modules, &mut init, device);
        if adapted.is_empty() {
            return Err(TrainError::NoTargets {
                names: run.lora.target_modules.join(", "),
                model_type: config.model_type(),
                known: model.module_names(config.key_map()).join(", "),
            });
        }
    }
    let model = model.frozen_for(run.method, run.freeze).with_dtype(dtype);
    // A language model's output table is no head that could be trained for itself.
    if run.method == Method::Head && (model.output_table().is_some() || model.num_trained() == 0) {
        return Err(TrainError::NoHead);
    }
    Ok(model)
}
