//! What a run holds between two steps, so that who measures memory can say what it is. In: a run. Out: bytes, which stay the same from
//! the first step to the last.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor};

use super::Trainer;
use crate::plan::HeldBytes;

/// Bytes of an f32.
const FLOAT: u64 = 4;

impl Trainer {
    /// What the run holds now.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        let mut weights = Weights(0);
        self.model.visit(&mut weights);
        let length = |moment: &Tensor<1>| moment.dims()[0] as u64;
        let pairs = self.optimizer.moments.values();
        let of_trained = FLOAT * self.model.num_trained() as u64;
        HeldBytes {
            weights: weights.0,
            optimizer: pairs.map(|pair| FLOAT * (length(&pair.first) + length(&pair.second))).sum(),
            best: if self.evaluations.holds_weights() { of_trained } else { 0 },
            state: self.good.as_ref().map_or(0, |good| good.files.memory_bytes()),
            num_states: u32::from(self.good.is_some()),
        }
    }
}

/// Bytes of all parameters.
struct Weights(u64);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let of_number = if matches!(param.dtype(), DType::F16 | DType::BF16) { FLOAT / 2 } else { FLOAT };
        self.0 += of_number * param.shape().num_elements() as u64;
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::plan::STATE_BYTES;
    use crate::train::tiny_run::{settings, trainer};

    #[test]
    fn a_run_holds_the_same_at_its_first_step_and_at_each_later_one() {
        for has_valid_rows in [false, true] {
            let mut run = trainer(settings(1e-3), has_valid_rows);
            let trained = run.model.num_trained() as u64;
            let begin = run.held_bytes();
            let best = if has_valid_rows { FLOAT * trained } else { 0 };
            assert_eq!((begin.optimizer, begin.best, begin.num_states), (0, best, 0), "nothing was computed yet");
            let mut found = Vec::new();
            for step in 1..6 {
                while !(run.is_between_steps() && run.num_steps()[0] == step) {
                    block_on(run.next_event()).expect("it goes on").expect("it is not over");
                }
                found.push(run.held_bytes());
            }
            assert_eq!(found, [found[0]; 5]);
            let HeldBytes { weights, optimizer, state, num_states, .. } = found[0];
            assert_eq!((weights, num_states), (begin.weights, 1));
            assert!(optimizer > FLOAT * trained && optimizer <= 2 * FLOAT * trained, "{optimizer}");
            // Names and shapes are some kilobytes of a state so small.
            assert!((STATE_BYTES * trained..STATE_BYTES * trained + 32_000).contains(&state), "{state}");
            while block_on(run.next_event()).expect("it goes on").is_some() {}
            let over = run.held_bytes();
            assert_eq!((over.optimizer, over.state, over.num_states), (0, 0, 0));
        }
    }
}
