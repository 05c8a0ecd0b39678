//! Whether the loss runs away although it still is a number: many steps in a row whose loss is far above the usual one.
//!
//! The rule is that of llm-foundry's `KillLossSpike`
//! (<https://github.com/mosaicml/llm-foundry/blob/main/llmfoundry/callbacks/kill_loss_spike_callback.py>), which ends a run
//! after five losses in a row of more than twice the mean of the last hundred. Batches of a fine-tune are smaller, and its
//! losses come close to zero, where twice is nothing: the limits here are wider, so that no run that learns is stopped.

use crate::checkpoint::LossLevel;

/// A loss stands out that is above this many times the usual one …
const SPIKE_FACTOR: f64 = 3.0;

/// … and by at least this much above it: a batch of hard rows is no divergence in a run whose loss is almost zero.
const SPIKE_MARGIN: f64 = 1.0;

/// Losses that stand out, one after the other, until the loss has run away: hard or mislabeled rows come one by one.
const SPIKE_STEPS: u32 = 10;

/// Losses whose mean is the usual one.
const USUAL_STEPS: u32 = 100;

/// Losses before which nothing is known to be usual.
const FIRST_STEPS: u32 = 20;

/// Notes the losses of steps, in their order; the index of the one at which the loss has run away, if it has.
pub(super) fn find_spike(level: &mut LossLevel, losses: &[f64]) -> Option<usize> {
    losses.iter().position(|&loss| {
        let limit = (SPIKE_FACTOR * level.usual).max(level.usual + SPIKE_MARGIN);
        if level.seen >= FIRST_STEPS && loss > limit {
            level.in_a_row += 1;
        } else {
            level.in_a_row = 0;
            level.seen = (level.seen + 1).min(USUAL_STEPS);
            level.usual += (loss - level.usual) / f64::from(level.seen);
        }
        level.in_a_row >= SPIKE_STEPS
    })
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    /// Where the losses of a run, read `at_once` at a time, are found to run away: the step, from 1.
    fn found_at(losses: &[f64], at_once: usize) -> Option<usize> {
        let mut level = LossLevel::default();
        losses
            .chunks(at_once)
            .enumerate()
            .find_map(|(read, losses)| find_spike(&mut level, losses).map(|index| read * at_once + index + 1))
    }

    #[test]
    fn a_loss_that_stays_far_above_the_usual_one_is_found_at_the_same_step_however_it_is_read() {
        let losses = [vec![2.5; 40], vec![9.0; 30]].concat();
        assert_eq!([1, 7, 10, 70].map(|at_once| found_at(&losses, at_once)), [Some(50); 4]);
        assert_eq!(found_at(&[vec![0.01; 40], vec![2.0; 10]].concat(), 10), Some(50), "also where it was almost zero");
    }

    #[test]
    fn what_happens_in_runs_that_learn_is_no_spike() {
        let nine_of_ten: Vec<f64> = (0..400).map(|step| if step % 10 == 9 { 0.01 } else { 8.0 }).collect();
        let cases: [(&str, Vec<f64>); 6] = [
            ("one that falls to almost nothing", (0..300).map(|step| 3.0 * 0.9_f64.powi(step)).collect()),
            ("hard rows after it", [vec![0.001; 100], vec![0.9; 50]].concat()),
            ("hard rows with easy ones among them", [vec![0.01; 50], nine_of_ten].concat()),
            ("one that doubles and stays", [vec![1.5; 50], vec![3.5; 100]].concat()),
            ("a short spike", [vec![2.5; 50], vec![40.0; 9], vec![2.5; 50]].concat()),
            ("nothing scored", vec![0.0; 100]),
        ];
        for (name, losses) in cases {
            assert_eq!(found_at(&losses, 10), None, "{name}");
        }
    }

    #[test]
    fn rows_one_by_one_whose_losses_differ_a_hundredfold_are_no_spike() {
        // Cross-entropy of single rows: exponentially distributed, one in twenty of them labeled wrongly.
        let mut generator = ChaCha8Rng::seed_from_u64(7);
        let mut loss = || match f64::from(generator.next_u32()) / f64::from(u32::MAX) {
            share if share < 0.05 => 6.0,
            share => -0.3 * share.ln(),
        };
        let losses: Vec<f64> = (0..20_000).map(|_| loss()).collect();
        assert_eq!(found_at(&losses, 10), None);
    }
}
