//! Whether ten trials of successive halving find as good a learning rate as a grid of sixteen, in two fifths of its steps. In: what
//! sixteen runs were measured to come to. Out: passed, whatever the trials are drawn by.

use serde_json::json;

use super::{RunResult, Sweep, SweepPlan};

const STEPS_PER_EPOCH: u32 = 125;
const TOTAL_STEPS: u32 = 250;

/// How much less of the validation rows may be right than with the best rate of the grid.
const MAX_LOST: f64 = 0.005;

/// (learning rate, mean loss of the steps 71 to 95, validation accuracy at the end) of all-MiniLM-L6-v2 on 2,000 rows of TREC for two
/// epochs, batches of 16, 25 steps of warm-up, then linear decay. In the first epoch the rows of a step are new to the model.
const MEASURED: [(f64, f64, f64); 16] = [
    (3.16e-6, 1.779, 0.292),
    (5.01e-6, 1.769, 0.324),
    (7.94e-6, 1.753, 0.374),
    (1.26e-5, 1.720, 0.622),
    (2.00e-5, 1.651, 0.858),
    (3.16e-5, 1.459, 0.912),
    (5.01e-5, 1.116, 0.914),
    (7.94e-5, 0.828, 0.930),
    (1.26e-4, 0.665, 0.934),
    (2.00e-4, 0.598, 0.930),
    (3.16e-4, 0.664, 0.906),
    (5.01e-4, 0.773, 0.894),
    (7.94e-4, 0.926, 0.856),
    (1.26e-3, 1.399, 0.588),
    (2.00e-3, 1.678, 0.268),
    (3.16e-3, 1.681, 0.268),
];

/// (loss at a third, accuracy at the end) of a rate: on a line between those beside it, over the logarithm of the rate.
fn measured(rate: f64) -> (f64, f64) {
    let above = MEASURED.iter().position(|one| one.0 >= rate).unwrap_or(MEASURED.len() - 1).max(1);
    let (low, high) = (MEASURED[above - 1], MEASURED[above]);
    let share = (rate / low.0).ln() / (high.0 / low.0).ln();
    let between = |low: f64, high: f64| low + (high - low) * share;
    (between(low.1, high.1), between(low.2, high.2))
}

/// Runs a sweep to its end, and returns the accuracy of its best trial and its steps.
fn found(mut sweep: Sweep) -> (f64, u64) {
    let rate = |typed: Option<&str>| typed.and_then(|text| text.parse::<f64>().ok()).expect("a rate");
    while let Some(leg) = sweep.next_leg() {
        let step = leg.until.steps(STEPS_PER_EPOCH, TOTAL_STEPS);
        let is_over = step == TOTAL_STEPS;
        let (loss, accuracy) = measured(rate(leg.settings.typed("learning_rate")));
        // What is compared at a third are losses: of the accuracies there nothing is known.
        let figure = Some(if is_over { accuracy } else { -loss });
        let told = RunResult { figure, loss: None, step, total_steps: TOTAL_STEPS, secs: 1.0, is_over, failed: None };
        sweep.tell(&leg, told).expect("it is the next");
    }
    let best = sweep.best().expect("one came to its end");
    (measured(rate(sweep.trials[best].settings.typed("learning_rate"))).1, sweep.steps()[0])
}

#[test]
fn ten_trials_by_halving_find_as_good_a_rate_as_a_grid_of_sixteen_in_two_fifths_of_its_steps() {
    let space = json!({ "learning_rate": { "log_uniform": [3.16e-6, 3.16e-3] } });
    let best_of_grid = MEASURED.iter().map(|one| one.2).fold(0.0, f64::max);
    let steps_of_grid = MEASURED.len() as u64 * u64::from(TOTAL_STEPS);
    for seed in 0..50 {
        let search = json!({ "way": "halving", "count": 10, "seed": seed });
        let plan = SweepPlan::read(Some(&space), Some(&search)).expect("a good plan");
        let (accuracy, steps) = found(Sweep::new(plan, true).expect("it has an end"));
        assert!(best_of_grid - accuracy <= MAX_LOST, "seed {seed}: {accuracy} of {best_of_grid}");
        assert!(steps * 5 <= steps_of_grid * 2, "{steps} of {steps_of_grid}");
    }
}
