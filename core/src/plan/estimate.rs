//! What is said of a run before it starts: seconds, bytes, whether it fits, and what would.
//!
//! In: a plan, two steps that were timed on the device ([`Measured`]), what the device has ([`Limits`]). Out: [`Estimate`], plain
//! data for the page and the terminal.

use serde::{Deserialize, Serialize};

use super::advice::{Offered, fitting, shorter};
use super::{Inputs, Kernels, MemoryParts, Plan, predict};
use crate::config::RunConfig;

/// Least share of the slope through the origin that the slope between two measured steps counts as: two steps that take equally
/// long, because launching kernels does, still say that larger ones take longer.
const LEAST_SLOPE: f64 = 0.1;

/// What was measured on the device with the method of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// (operations, seconds) of a forward and backward pass, of few rows and of more.
    pub steps: Vec<(f64, f64)>,
    /// Seconds that the optimizer takes for all that is trained.
    pub optimizer_secs: f64,
    /// Parameters that are trained.
    pub num_trained: u64,
    /// What was seen to be allocated for a step beside what was predicted for it; 1 where that is not known.
    pub bytes_factor: f64,
}

/// What a device has; `None` where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of memory that this process can have: a page's wasm 4 GiB, natively the machine's memory.
    pub process: Option<u64>,
    /// Bytes of the largest tensor on the device.
    pub tensor: Option<u64>,
}

/// What is said of a run before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Optimizer steps.
    pub steps: u64,
    /// Seconds, evaluations on the way included; `None` where no step was timed.
    pub secs: Option<f64>,
    /// Bytes, by what they are for.
    pub memory: MemoryParts,
    /// It is computed on a GPU, which has memory of its own.
    pub on_gpu: bool,
    /// Bytes at the peak on the device; on the CPU all of them.
    pub bytes: u64,
    /// Bytes that `bytes` has to fit in; `None` where that is not known.
    pub limit: Option<u64>,
    /// Bytes of the largest tensor, and of the largest that the device takes, where it is too large.
    pub too_large_tensor: Option<(u64, u64)>,
    /// Nothing is known to be in its way.
    pub fits: bool,
    /// The nearest settings that fit, where these do not.
    pub fitting: Option<Suggestion>,
    /// What takes less time, where it takes long.
    pub shorter: Vec<Suggestion>,
    /// The run writes samples after each evaluation, whose time is not counted: nobody knows before how long they get.
    pub writes_samples: bool,
}

/// What may be done instead of a run as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// A run of other settings.
    Settings,
    /// A run of half of the rows.
    HalfOfTheRows,
    /// No run: labels are learned from what the model makes of each row without training.
    QuickBaseline,
}

/// What may be done instead of a run as it is, and what that costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What it is.
    pub kind: SuggestionKind,
    /// Settings that are other, by name, as they are typed.
    pub settings: Vec<(String, String)>,
    /// Seconds.
    pub secs: Option<f64>,
    /// Bytes, as of [`Estimate::bytes`]; of the quick baseline those of the run, which it stays below.
    pub bytes: u64,
}

/// What may take the place of a run, beside fewer epochs and fewer rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alternatives<'a> {
    /// Its batches can be computed in parts.
    pub can_cut: bool,
    /// Its rows have one label each, which the quick baseline learns.
    pub has_one_label: bool,
    /// Runs that differ in the settings of method and adapters.
    pub other_methods: &'a [RunConfig],
}

impl Measured {
    /// Seconds of a run.
    #[must_use]
    pub fn secs_of(&self, plan: &Plan) -> f64 {
        let [overhead, rate] = self.line();
        let optimizer = self.optimizer_secs * plan.num_trained as f64 / self.num_trained.max(1) as f64;
        plan.passes * overhead + plan.all_flops * rate + plan.steps as f64 * optimizer
    }

    /// Seconds of a micro-batch of no operations, and of an operation: the line through both measured steps.
    fn line(&self) -> [f64; 2] {
        let (Some(&(few, short)), Some(&(many, long))) = (self.steps.first(), self.steps.last()) else {
            return [0.0; 2];
        };
        let through_origin = long.max(0.0) / many.max(1.0);
        if many <= few {
            return [0.0, through_origin];
        }
        let rate = ((long - short) / (many - few)).clamp(LEAST_SLOPE * through_origin, through_origin);
        [(long - rate * many).max(0.0), rate]
    }
}

/// A plan with what was measured.
pub(super) struct Calibrated {
    pub(super) plan: Plan,
    pub(super) secs: Option<f64>,
    pub(super) bytes: u64,
    limit: Option<u64>,
    too_large_tensor: Option<(u64, u64)>,
}

impl Calibrated {
    pub(super) fn new(inputs: &Inputs<'_>, run: &RunConfig, measured: Option<&Measured>, limits: Limits) -> Self {
        let plan = predict(inputs, run);
        let factor = measured.map_or(1.0, |measured| measured.bytes_factor);
        let grown = (plan.memory.of_step() as f64 * (factor - 1.0).max(0.0)) as u64;
        // What a GPU has in all no browser and no driver tells; what lies beside it is little.
        let (bytes, limit) = match inputs.kernels {
            Kernels::Own => (plan.memory.of_process() + grown, limits.process),
            Kernels::Composed => (plan.memory.on_device() + grown, None),
        };
        let too_large_tensor =
            limits.tensor.filter(|&most| plan.largest_tensor > most).map(|most| (plan.largest_tensor, most));
        Self { secs: measured.map(|measured| measured.secs_of(&plan)), plan, bytes, limit, too_large_tensor }
    }

    pub(super) fn fits(&self) -> bool {
        self.too_large_tensor.is_none() && self.limit.is_none_or(|limit| self.bytes <= limit)
    }
}

/// What is said of a run before it starts, as one that writes no samples.
#[must_use]
pub fn estimate(
    inputs: &Inputs<'_>,
    run: &RunConfig,
    measured: Option<&Measured>,
    limits: Limits,
    alternatives: Alternatives<'_>,
) -> Estimate {
    let planned = Calibrated::new(inputs, run, measured, limits);
    let offered = Offered { inputs, run, measured, limits, alternatives };
    let fits = planned.fits();
    Estimate {
        steps: planned.plan.steps,
        secs: planned.secs,
        memory: planned.plan.memory,
        on_gpu: inputs.kernels == Kernels::Composed,
        bytes: planned.bytes,
        limit: planned.limit,
        too_large_tensor: planned.too_large_tensor,
        fits,
        fitting: if fits { None } else { fitting(&offered) },
        shorter: if fits { shorter(&offered, &planned) } else { Vec::new() },
        writes_samples: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(steps: &[(f64, f64)]) -> Measured {
        Measured { steps: steps.to_vec(), optimizer_secs: 0.5, num_trained: 100, bytes_factor: 1.0 }
    }

    fn plan(flops: f64, passes: f64, steps: u64) -> Plan {
        Plan {
            micro_batches: steps,
            steps,
            num_trained: 50,
            forward_flops: 0.0,
            backward_flops: 0.0,
            all_flops: flops,
            passes,
            memory: MemoryParts::default(),
            largest_tensor: 0,
        }
    }

    #[test]
    fn seconds_are_those_of_the_line_through_both_steps() {
        // A second for a micro-batch, another for every 100 operations; a quarter for the optimizer's half.
        let both = measured(&[(100.0, 2.0), (300.0, 4.0)]);
        assert!((both.secs_of(&plan(1000.0, 4.0, 2)) - (4.0 + 10.0 + 0.5)).abs() < 1e-9);
        let alone = measured(&[(100.0, 2.0)]);
        assert!((alone.secs_of(&plan(1000.0, 4.0, 0)) - 20.0).abs() < 1e-9, "in proportion");
    }

    #[test]
    fn larger_batches_never_cost_nothing() {
        let alike = measured(&[(100.0, 2.0), (300.0, 1.9)]);
        let [overhead, rate] = alike.line();
        assert!(rate > 0.0 && (overhead + 300.0 * rate - 1.9).abs() < 1e-9);
        assert_eq!(measured(&[]).secs_of(&plan(1.0, 1.0, 0)), 0.0);
        let steeper = measured(&[(100.0, 0.1), (300.0, 3.0)]).line();
        assert_eq!(steeper, [0.0, 0.01], "no negative overhead");
    }
}
