//! What a run begins with: the model as it trains it (adapters beside its layers, what is not trained frozen, in the run's number
//! format), its optimizer, and the order of its rows.
//!
//! In: a model on an autodiff device, rows, settings. Out: what [`super::Trainer`] trains with, and that is timed before a run.

use burn::tensor::{Device, FloatDType};

use super::{TrainError, Trainer};
use crate::config::{ClassSampling, Method, RunConfig};
use crate::data::{BatchSampler, Split};
use crate::model::{Model, ModelConfig, is_of_head};
use crate::nn::Init;
use crate::optim::{AdamW, AdamWConfig, Pull};
use crate::task::TaskRows;

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
    if run.techniques.rdrop_alpha > 0.0 && !drops_out(run, config) {
        return Err(TrainError::NoDropout { model_type: config.model_type() });
    }
    if run.method == Method::Lora {
        // A stream of its own: adapters are the same whatever else was drawn from the seed.
        let mut init = Init::new(run.seed ^ 0x4C6F_5241);
        let adapted = model.add_lora(config.key_map(), &run.lora, &run.lora.target_modules, &mut init, device);
        if adapted.is_empty() {
            return Err(no_targets(&run.lora.target_modules, &model, config));
        }
    }
    let model = model.frozen_for(run.method, run.freeze).with_dtype(dtype);
    // A language model's output table is no head that could be trained for itself.
    if run.method == Method::Head && (model.output_table().is_some() || model.num_trained() == 0) {
        return Err(TrainError::NoHead);
    }
    Ok(model)
}

/// The order in which a run takes rows, at the start of its first epoch.
pub(super) fn sampler_of(rows: &dyn TaskRows, run: &RunConfig) -> BatchSampler {
    let (lengths, batch_size) = (rows.lengths(Split::Train), run.batch_size as usize);
    let sampler = match rows.as_several() {
        None => BatchSampler::new(lengths, batch_size, run.seed),
        Some(several) => {
            let sizes = several.sizes(Split::Train);
            BatchSampler::with_groups(lengths, &sizes, batch_size, run.seed, run.task_temperature)
        }
    };
    let sampler = match (run.techniques.class_sampling, rows.classes_to_train()) {
        (ClassSampling::None, _) | (_, None) => sampler,
        (sampling, Some(classes)) => sampler.with_classes(classes, sampling),
    };
    sampler.with_strategy(run.train_sampling_strategy)
}

impl Trainer {
    /// Of a run that has not begun, where it pulls weights back to those that it begins with (L2-SP): pulls all of them but `fresh`, the
    /// paths of those that no file holds and that were drawn for the run. Without this call no head is pulled.
    #[must_use]
    pub fn with_fresh(mut self, fresh: &[String]) -> Self {
        let strength = self.job.run.techniques.l2_sp;
        if strength > 0.0 {
            let model: &Model = &self.model;
            self.optimizer.pull = Some(Pull::to(model, strength, |path| !fresh.iter().any(|own| own == path)));
        }
        self
    }

    /// Of a run that has not begun: rows of each group come equally often, in as many rows an epoch as there are. `groups` are the
    /// groups of all training rows, from 0.
    #[must_use]
    pub fn with_groups(mut self, groups: Vec<usize>) -> Self {
        self.sampler = self.sampler.with_classes(groups, ClassSampling::Balanced);
        self
    }
}

/// The optimizer of a run of `model`, whose weights are those that the run begins with.
pub(super) fn optimizer_of(run: &RunConfig, model: &Model) -> AdamW {
    let mut optimizer = AdamW::new(AdamWConfig {
        beta1: run.adam_beta1,
        beta2: run.adam_beta2,
        epsilon: run.adam_epsilon,
        weight_decay: run.weight_decay,
    });
    if run.techniques.layerwise_lr_decay < 1.0 {
        optimizer.rate_scales = model.rate_scales(run.techniques.layerwise_lr_decay);
    }
    // A head may be new, as `Trainer::with_fresh` knows; all else was pretrained.
    if run.techniques.l2_sp > 0.0 {
        optimizer.pull = Some(Pull::to(model, run.techniques.l2_sp, |path| !is_of_head(path)));
    }
    optimizer
}

/// Refuses target modules of a run that begins where one names nothing. One that goes on has those that it began with.
///
/// # Errors
/// [`TrainError::NoTargets`] with those that name nothing.
pub(crate) fn check_targets(model: &Model, run: &RunConfig, config: &ModelConfig) -> Result<(), TrainError> {
    let unknown = match run.method {
        Method::Lora => model.unknown_targets(config.key_map(), &run.lora.target_modules),
        Method::Full | Method::Head | Method::LastLayers(_) => Vec::new(),
    };
    if unknown.is_empty() { Ok(()) } else { Err(no_targets(&unknown, model, config)) }
}

fn no_targets(names: &[String], model: &Model, config: &ModelConfig) -> TrainError {
    let known = model.module_names(config.key_map()).join(", ");
    TrainError::NoTargets { names: names.join(", "), model_type: config.model_type(), known }
}

/// Whether two passes over the same rows differ.
fn drops_out(run: &RunConfig, config: &ModelConfig) -> bool {
    let of_model = run.dropout.map_or_else(|| config.has_dropout(), |rate| rate > 0.0);
    of_model || (run.method == Method::Lora && run.lora.lora_dropout > 0.0)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::config::{LoraConfig, Pooling, Techniques};
    use crate::optim::trained_weights;
    use crate::train::tiny_run::{drain, settings, trainer};

    /// The weights of the head after a run that pulls strongly; `fresh` as it was said, if it was.
    fn head_after_a_pull(fresh: Option<&[String]>) -> Vec<f32> {
        let techniques = Techniques { l2_sp: 50.0, ..Techniques::default() };
        let run = trainer(RunConfig { techniques, ..settings(1e-2) }, false);
        let mut run = match fresh {
            Some(fresh) => run.with_fresh(fresh),
            None => run,
        };
        drain(&mut run);
        let head = trained_weights(run.model(), is_of_head);
        head.into_values().flat_map(|weight| weight.into_data().iter::<f32>().collect::<Vec<f32>>()).collect()
    }

    #[test]
    fn a_head_is_pulled_where_it_came_with_the_model() {
        let begun = trainer(settings(1e-2), false);
        let paths: Vec<String> = trained_weights(begun.model(), is_of_head).into_keys().collect();
        let [unknown, fresh, kept] = [None, Some(paths.as_slice()), Some(&[][..])].map(head_after_a_pull);
        assert_eq!(fresh, unknown, "what is not known is taken to be new");
        assert_ne!(kept, fresh);
    }

    #[test]
    fn each_target_module_names_a_layer() {
        let json = br#"{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "image_size": 8, "patch_size": 4}"#;
        let config = ModelConfig::from_json(json).expect("usable");
        let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &Device::flex());
        let check = |names: &[&str]| {
            let target_modules = names.iter().map(|name| (*name).to_owned()).collect();
            let lora = LoraConfig { target_modules, ..LoraConfig::default() };
            let run = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
            check_targets(&model, &run, &config).map_err(|error| error.to_string())
        };
        assert_eq!(check(&["q_proj", "v_proj"]), Ok(()));
        assert_eq!(check(&["all-linear"]), Ok(()));
        let error = check(&["q_proj", "query", "j_proj"]).expect_err("two are of other models");
        assert!(error.starts_with("target modules query, j_proj: no linear layer of this vit"), "{error}");
    }

    #[test]
    fn two_passes_of_a_model_that_drops_nothing_are_refused() {
        let json = br#"{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "image_size": 8, "patch_size": 4}"#;
        let config = ModelConfig::from_json(json).expect("usable");
        let device = Device::flex().autodiff();
        let prepared = |dropout: Option<f64>| {
            let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
            let techniques = Techniques { rdrop_alpha: 1.0, ..Techniques::default() };
            let run = RunConfig { techniques, dropout, ..RunConfig::default() };
            prepare(model, &run, &config, FloatDType::F32, &device).map(|_| ())
        };
        let error = prepared(None).expect_err("a ViT has no dropout of its own").to_string();
        assert!(error.starts_with("rdrop_alpha") && error.contains("dropout"), "{error}");
        assert!(prepared(Some(0.1)).is_ok());
    }
}
