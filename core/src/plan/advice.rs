//! Other settings that fit, or that take less time: searched with the same prediction.
//!
//! In: what a run is planned from. Out: [`Suggestion`]s: settings that can be set as they stand, half of the rows, the quick baseline.

use super::estimate::Calibrated;
use super::{Alternatives, Batches, FORWARD_SHARE, Inputs, Limits, Measured, Plan, Suggestion, SuggestionKind};
use crate::config::{Freeze, LoraConfig, Method, RunConfig, setting};

/// Seconds from which a run takes long.
const LONG_SECS: f64 = 3600.0;

/// Share of the time that something else may take to be worth a line.
const WORTH: f64 = 0.75;

/// What a run may be changed into.
pub(super) struct Offered<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) run: &'a RunConfig,
    pub(super) measured: Option<&'a Measured>,
    pub(super) limits: Limits,
    pub(super) alternatives: Alternatives<'a>,
}

impl Offered<'_> {
    fn suggest(&self, run: &RunConfig) -> (Calibrated, Suggestion) {
        let planned = Calibrated::new(self.inputs, run, self.measured, self.limits);
        let (kind, settings) = (SuggestionKind::Settings, differences(self.run, run));
        let suggestion = Suggestion { kind, settings, secs: planned.secs, bytes: planned.bytes };
        (planned, suggestion)
    }

    /// An epoch of half of the batches, and half of the validation rows.
    fn halved(&self) -> Option<Suggestion> {
        let batches = self.inputs.batches;
        if batches.num_batches < 2 {
            return None;
        }
        let half = Batches {
            num_batches: batches.num_batches.div_ceil(2),
            num_valid_rows: batches.num_valid_rows.div_ceil(2),
            ..batches.clone()
        };
        let inputs = Inputs { batches: &half, ..*self.inputs };
        let Calibrated { secs, bytes, .. } = Calibrated::new(&inputs, self.run, self.measured, self.limits);
        Some(Suggestion { kind: SuggestionKind::HalfOfTheRows, settings: Vec::new(), secs, bytes })
    }

    /// Each row goes through the model once, and nothing of that is trained. What is then learned from its vectors takes next to
    /// nothing beside it.
    fn quick_baseline(&self, planned: &Calibrated) -> Option<Suggestion> {
        let measured = self.measured.filter(|_| self.alternatives.has_one_label)?;
        let batches = self.inputs.batches;
        let rows_a_batch = f64::from(batches.batch_size.min(self.run.batch_size).max(1));
        let forwards = planned.plan.micro_batches as f64 + batches.num_valid_rows as f64 / rows_a_batch;
        let all_flops = forwards * planned.plan.forward_flops;
        let plan = Plan { steps: 0, passes: forwards * FORWARD_SHARE, all_flops, ..planned.plan };
        let (secs, bytes) = (Some(measured.secs_of(&plan)), planned.bytes);
        Some(Suggestion { kind: SuggestionKind::QuickBaseline, settings: Vec::new(), secs, bytes })
    }
}

/// The nearest settings that fit: fewer rows at a time, as many in a step; then blocks computed again; then another method.
pub(super) fn fitting(offered: &Offered<'_>) -> Option<Suggestion> {
    let mut bases = vec![offered.run.clone()];
    if offered.inputs.shape.can_checkpoint && !offered.run.gradient_checkpointing {
        bases.push(RunConfig { gradient_checkpointing: true, ..offered.run.clone() });
    }
    bases.extend(offered.alternatives.other_methods.iter().cloned());
    for mut run in bases {
        loop {
            let (planned, suggestion) = offered.suggest(&run);
            if planned.fits() {
                return Some(suggestion);
            }
            // Halves of an odd number would be another number of rows in a step.
            if !offered.alternatives.can_cut || run.batch_size < 2 || !run.batch_size.is_multiple_of(2) {
                break;
            }
            run.batch_size /= 2;
            run.gradient_accumulation_steps = run.gradient_accumulation_steps.saturating_mul(2);
        }
    }
    None
}

/// What takes less time than a run that takes long: another method, one epoch, half of the rows, the quick baseline.
pub(super) fn shorter(offered: &Offered<'_>, planned: &Calibrated) -> Vec<Suggestion> {
    let Some(secs) = planned.secs.filter(|&secs| secs >= LONG_SECS) else { return Vec::new() };
    let others = offered.alternatives.other_methods.iter();
    let mut found: Vec<Suggestion> = others.map(|run| offered.suggest(run).1).collect();
    if offered.run.num_train_epochs > 1 {
        found.push(offered.suggest(&RunConfig { num_train_epochs: 1, ..offered.run.clone() }).1);
    }
    found.extend(offered.halved());
    found.extend(offered.quick_baseline(planned));
    found.retain(|one| one.secs.is_some_and(|other| other < WORTH * secs));
    found
}

/// Settings in which a run differs from another, as they are typed.
fn differences(from: &RunConfig, to: &RunConfig) -> Vec<(String, String)> {
    let mut names = vec!["batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "num_train_epochs"];
    if from.method != to.method {
        names.push("method");
    }
    let changed = |name: &str| {
        let get = setting(name)?.get;
        let text = get(to);
        (text != get(from)).then(|| (name.to_owned(), text))
    };
    names.into_iter().filter_map(changed).collect()
}

/// Runs that train less than a run does, and spare memory and time by it: adapters of `targets` beside frozen weights, where
/// the model can have them, and the head alone, if it has one of its own. None of a run whose model begins with fresh weights.
#[must_use]
pub fn lighter_methods(run: &RunConfig, targets: Option<&[String]>, has_head: bool) -> Vec<RunConfig> {
    let trains_more = |than: Method| match run.method {
        Method::Full | Method::LastLayers(_) => true,
        Method::Lora => than == Method::Head,
        Method::Head => false,
    };
    let base = || RunConfig { freeze: Freeze::None, ..run.clone() };
    let mut lighter = Vec::new();
    if let Some(targets) = targets.filter(|_| trains_more(Method::Lora)) {
        let lora = LoraConfig { target_modules: targets.to_vec(), ..run.lora.clone() };
        lighter.push(RunConfig { method: Method::Lora, lora, ..base() });
    }
    if has_head && trains_more(Method::Head) {
        lighter.push(RunConfig { method: Method::Head, ..base() });
    }
    if run.from_scratch { Vec::new() } else { lighter }
}
