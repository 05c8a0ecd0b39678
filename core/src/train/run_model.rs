//! The model of a run: its optimizer writes weights where they lie, and copies of them that are to stay have memory of their own. A
//! copy that measures shares them, and is dropped before the next step.
//!
//! In: a model, and what makes another of it. Out: that model. Were the one before kept until the other is there, each step would write
//! its weights to new places, between activations that go, and memory would have holes and grow (ADR 49).

use std::ops::{Deref, DerefMut};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use crate::kernels::own_copy;
use crate::model::Model;

/// A model that somebody may take for a moment.
pub(super) struct RunModel(Option<Model>);

impl RunModel {
    pub(super) fn new(model: Model) -> Self {
        Self(Some(model))
    }

    /// Makes another model of it. Nobody has this one meanwhile, so that weights that are in no other model can be written over.
    pub(super) fn update(&mut self, make: impl FnOnce(Model) -> Model) {
        self.0 = self.0.take().map(make);
    }
}

impl Deref for RunModel {
    type Target = Model;

    fn deref(&self) -> &Model {
        self.0.as_ref().expect("whoever takes it gives one back")
    }
}

impl DerefMut for RunModel {
    fn deref_mut(&mut self) -> &mut Model {
        self.0.as_mut().expect("whoever takes it gives one back")
    }
}

/// The model of a run as it is measured, prepared for inference when it is first asked for. It shares the weights of the run and has
/// DoRA's norms of them, so it must be dropped before they change: it lies in the stage that measures, and goes with that.
#[derive(Default)]
pub(super) struct InferenceModel(Option<Box<Model>>);

impl InferenceModel {
    /// `model`, prepared for inference; the first time decides of which model.
    pub(super) fn of(&mut self, model: &Model) -> &Model {
        self.0.get_or_insert_with(|| Box::new(model.for_inference()))
    }
}

/// The model with memory of its own for what is trained, where steps write over that; all else is shared.
pub(super) fn copy_trained(model: &Model) -> Model {
    model.clone().map(&mut CopyTrained)
}

struct CopyTrained;

impl ModuleMapper for CopyTrained {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        let (id, weight, mapper) = param.consume();
        Param::from_mapped_value(id, own_copy(weight.inner()).autodiff().require_grad(), mapper)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::ModuleVisitor;
    use burn_flex::Flex;
    use futures_lite::future::block_on;

    use super::*;
    use crate::event::TrainEvent;
    use crate::train::Trainer;
    use crate::train::tiny_run::{drain, settings, trainer};
    use crate::train::trainer::Stage;

    /// Where each weight that is trained lies, and its values.
    #[derive(Default)]
    struct Places(Vec<(usize, Vec<f32>)>);

    impl ModuleVisitor for Places {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                let flex = param.val().inner().try_into_primitive::<Flex>().expect("it lies on the CPU");
                self.0.push((flex.bytes().as_ptr() as usize, flex.storage::<f32>().to_vec()));
            }
        }
    }

    fn look(model: &Model) -> (Vec<usize>, Vec<Vec<f32>>) {
        let mut places = Places::default();
        model.visit(&mut places);
        places.0.into_iter().unzip()
    }

    /// Pulls until so many steps were taken and measured.
    fn pull_to(run: &mut Trainer, step: u32) {
        while !(run.is_between_steps() && run.num_steps()[0] == step) {
            block_on(run.next_event()).expect("it goes on").expect("it is not over");
        }
    }

    #[test]
    fn steps_write_weights_where_they_lie_also_where_the_best_are_kept() {
        for has_valid_rows in [false, true] {
            let mut run = trainer(settings(1e-2), has_valid_rows);
            pull_to(&mut run, 1); // the first step, of the warm-up, moves nothing
            let (places, before) = look(run.model());
            pull_to(&mut run, 4);
            let (found, after) = look(run.model());
            assert!(!places.is_empty() && before != after, "weights moved");
            assert_eq!(found, places, "validation rows: {has_valid_rows}");
            drain(&mut run);
        }
    }

    #[test]
    fn a_model_is_prepared_for_inference_once() {
        let run = trainer(settings(1e-2), true);
        let mut prepared = InferenceModel::default();
        let first: *const Model = prepared.of(run.model());
        let again: *const Model = prepared.of(run.model());
        assert_eq!(first, again);
    }

    #[test]
    fn an_evaluation_keeps_its_prepared_model_to_its_end_and_steps_still_write_weights_where_they_lie() {
        let mut run = trainer(settings(1e-2), true);
        run.cut_batches(32); // an image in each batch
        pull_to(&mut run, 1);
        let (places, before) = look(run.model());
        let mut num_kept = 0;
        while !(run.is_between_steps() && run.num_steps()[0] == 4) {
            let event = block_on(run.next_event()).expect("it goes on").expect("it is not over");
            if matches!(event, TrainEvent::EvaluationProgress { .. }) {
                num_kept += usize::from(matches!(&run.stage, Stage::Evaluating(_, prepared) if prepared.0.is_some()));
            }
        }
        assert_eq!(num_kept, 9, "three evaluations of four images: the last batch of each says no progress");
        let (found, after) = look(run.model());
        assert_ne!(after, before, "weights moved");
        assert_eq!(found, places);
    }

    #[test]
    fn a_copy_stays_as_it_was_made() {
        let mut run = trainer(settings(1e-2), false);
        pull_to(&mut run, 1);
        let copy = copy_trained(run.model());
        let (places, before) = look(&copy);
        assert!(look(run.model()).0.iter().all(|place| !places.contains(place)), "in memory of its own");
        pull_to(&mut run, 4);
        assert_eq!(look(&copy), (places, before.clone()));
        assert_ne!(look(run.model()).1, before);
    }
}
