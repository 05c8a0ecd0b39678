//! Gradual unfreezing, as ULMFiT has it (Howard and Ruder 2018, <https://arxiv.org/abs/1801.06146>, section 3.3): the head
//! is trained alone at first, then one more layer each time, from the top, and last the embeddings.
//!
//! How far it is follows from the step alone, so that a run that is taken up, or goes back, is where it was. What is still
//! frozen has its gradients dropped before their norm is measured: it takes neither a step nor weight decay, and its first
//! step of AdamW is its own. The backward pass goes through all layers all the same, so that no step is quicker.

use crate::model::{LayerCounts, depth_of, top_depth};
use crate::optim::GradientSum;

/// Drops the gradients of what is not trained yet at a step, where one more part is after each `every` epochs; 0 trains all.
pub(super) fn drop_frozen(
    gradients: &mut GradientSum,
    layers: LayerCounts,
    every: f64,
    step: u32,
    steps_per_epoch: u32,
) {
    if every > 0.0 {
        let lowest = lowest_depth(top_depth(layers), every, step, steps_per_epoch);
        gradients.retain(|path| depth_of(path, layers) >= lowest);
    }
}

/// The depth from which on parameters are trained at a step.
fn lowest_depth(top: usize, every: f64, step: u32, steps_per_epoch: u32) -> usize {
    let steps = (every * f64::from(steps_per_epoch)).max(f64::MIN_POSITIVE);
    // A tenth of ten steps is a little more than one, as f64 has it.
    let parts = (f64::from(step) / steps + 1e-9).floor();
    top.saturating_sub(parts.min(top as f64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_layer_is_trained_each_time_from_the_top() {
        let at = |every: f64, step: u32| lowest_depth(4, every, step, 10);
        let of_steps = |every: f64, steps: &[u32]| steps.iter().map(|&step| at(every, step)).collect::<Vec<_>>();
        assert_eq!(of_steps(1.0, &[0, 9, 10, 19, 20, 30, 40, 400]), [4, 4, 3, 3, 2, 1, 0, 0]);
        assert_eq!(of_steps(0.1, &[0, 1, 2, 3, 4, 5]), [4, 3, 2, 1, 0, 0]);
        assert_eq!(of_steps(0.25, &[2, 3, 4, 5, 8]), [4, 3, 3, 2, 1]);
        assert_eq!(of_steps(1e-6, &[0, 1]), [4, 0], "less than a step");
    }
}

#[cfg(all(test, feature = "cpu"))]
mod runs {
    use futures_lite::future::block_on;

    use crate::config::{RunConfig, Techniques};
    use crate::folder::Folder;
    use crate::train::Trainer;
    use crate::train::tiny_run::{settings, trainer};

    /// Of three epochs of two steps: the head, after the first the layer, after the second the embeddings, too.
    fn run() -> RunConfig {
        let techniques = Techniques { gradual_unfreezing: 1.0, ..Techniques::default() };
        // Without a warm-up the first step moves weights, too.
        RunConfig { techniques, warmup_ratio: 0.0, ..settings(1e-3) }
    }

    fn pull_to(trainer: &mut Trainer, step: u32) -> Folder {
        while !(trainer.is_between_steps() && trainer.num_steps()[0] == step) {
            block_on(trainer.next_event()).expect("it goes on").expect("it is not over");
        }
        block_on(trainer.checkpoint()).expect("it is saved")
    }

    /// Paths of the parameters that took a step, by the moments that they have.
    fn stepped(trainer: &Trainer, start: &str) -> usize {
        trainer.optimizer.moments.keys().filter(|path| path.starts_with(start)).count()
    }

    #[test]
    fn layers_follow_the_head_and_their_first_steps_are_their_own() {
        let mut whole = trainer(run(), true);
        let count = |trainer: &Trainer| {
            ["head.", "backbone.layers.", "backbone.embeddings."].map(|start| stepped(trainer, start) > 0)
        };
        pull_to(&mut whole, 1);
        assert_eq!(count(&whole), [true, false, false]);
        pull_to(&mut whole, 3);
        assert_eq!(count(&whole), [true, true, false]);
        pull_to(&mut whole, 5);
        assert_eq!(count(&whole), [true, true, true]);
        let skipped = |start: &str| {
            let mut found: Vec<u32> =
                whole.optimizer.skipped.iter().filter(|(path, _)| path.starts_with(start)).map(|(_, at)| *at).collect();
            found.dedup();
            found
        };
        assert_eq!((skipped("backbone.layers."), skipped("backbone.embeddings.")), (vec![2], vec![4]));
        assert!(skipped("head.").is_empty());
    }

    #[test]
    fn a_run_that_is_cut_between_two_layers_ends_as_one_that_is_not() {
        let ended = |mut trainer: Trainer| {
            while block_on(trainer.next_event()).expect("it goes on").is_some() {}
            block_on(trainer.checkpoint()).expect("it is saved").remove("model.safetensors").expect("its weights")
        };
        let expected = ended(trainer(run(), true));
        for step in [1, 2, 3, 4] {
            let saved = pull_to(&mut trainer(run(), true), step);
            let resumed = trainer(run(), true).restore(&saved).expect("the same run");
            assert!(ended(resumed) == expected, "other weights after a cut at step {step}");
        }
    }
}
