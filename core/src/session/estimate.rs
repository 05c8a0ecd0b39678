//! What a run costs, before it starts: planned from the loaded model and rows, calibrated by two steps that are timed.
//!
//! In: settings, a clock, what the device holds and has. Out: [`Estimate`]. Nothing of the session changes but that it remembers
//! how long steps take: another batch size, more epochs or other rows need no other measurement.

use super::SessionError;
use super::model::default_targets;
use super::protocol::Weights;
use super::run::{Session, check_run, groups_of};
use super::weights::trains_head;
use crate::config::{Dtype, Freeze, LoraConfig, Method, RunConfig, Techniques};
use crate::data::DataFiles;
use crate::kernels::{kernels_of, num_threads};
use crate::model::Model;
use crate::plan::{
    Alternatives, Batches, Estimate, Inputs, Kernels, Limits, Measured, MemoryParts, estimate, lighter_methods, predict,
};
use crate::task::{HeadKind, TaskRows};
use crate::train::{StepTimes, TimedModel, check_targets, chosen_figure, time_steps};

/// Bytes of a step from which on what the device allocates for it says something about larger ones.
const TELLING_BYTES: u64 = 32 << 20;

/// How much more than predicted a step may be seen to allocate: above it, something else was allocated.
const MAX_BYTES_FACTOR: f64 = 1.5;

/// What a driver measures with, for core has neither a clock nor a view of the process.
pub struct Meter<'a> {
    /// Milliseconds by any clock.
    pub now_ms: &'a dyn Fn() -> f64,
    /// Bytes that are held for what the device computes with: of a CPU by the process; `None` where that is not known.
    pub held_bytes: &'a dyn Fn() -> Option<u64>,
    /// Bytes of the program's code, its libraries' and the drivers', that lie in the memory of the process; 0 where they lie elsewhere.
    pub code_bytes: u64,
    /// What the device has.
    pub limits: Limits,
}

/// The settings that decide how long an operation takes and what a step keeps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeasuredFor {
    method: Method,
    freeze: Freeze,
    lora: LoraConfig,
    dtype: Dtype,
    gradient_checkpointing: bool,
    dropout: Option<f64>,
    /// Of these some take a second pass.
    techniques: Techniques,
}

impl MeasuredFor {
    fn of(run: &RunConfig) -> Self {
        Self {
            method: run.method,
            freeze: run.freeze,
            lora: run.lora.clone(),
            dtype: run.dtype,
            gradient_checkpointing: run.gradient_checkpointing,
            dropout: run.dropout,
            techniques: run.techniques,
        }
    }
}

fn size_of_files(files: &DataFiles) -> u64 {
    let own = [&files.valid, &files.test].into_iter().flatten();
    std::iter::once(&files.train).chain(own).map(|(_, bytes)| bytes.len() as u64).sum()
}

impl Session {
    /// What a run of the loaded rows would cost. The first time for a method, two steps are timed with the loaded model, and
    /// dropped; not where the run is known not to fit, nor while another run has its weights: then an earlier measurement
    /// counts, or there are no seconds. Changes of the model are not made for it.
    ///
    /// # Errors
    /// When model or rows are missing, a setting can't be used or does not fit model and rows, as at the beginning of a run, or the
    /// device fails.
    pub async fn estimate(&mut self, mut run: RunConfig, meter: &Meter<'_>) -> Result<Estimate, SessionError> {
        let problems = run.check();
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        let (model, data) = (self.loaded()?, self.data.as_ref().ok_or(SessionError::NoData)?);
        // A run that shares the rows out in another way reads them again first.
        let has_valid_rows = match data.run.split == run.split {
            true => data.rows.num_rows()[1] > 0,
            false => data.files.valid.is_some() || run.split.valid_fraction > 0.0,
        };
        check_run(model, &run, has_valid_rows)?;
        let (task, has_head, config) = (model.task, model.has_head, model.pretrained.config.clone());
        let targets = default_targets(&config);
        if run.method == Method::Lora && run.lora.target_modules.is_empty() {
            run.lora.target_modules = targets.clone();
        }
        let of_model: u64 = model.pretrained.folder.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let of_data = size_of_files(&data.files);
        let rows = model.with_task_model(|text| data.rows.prepare_to_train(text, &run))?;
        let wanted = MeasuredFor::of(&run);
        let is_known = self.measured.as_ref().is_some_and(|(of, _)| *of == wanted);
        chosen_figure(rows.as_ref(), &run)?;
        if !is_known {
            groups_of(data, rows.as_ref(), &run.balance_column)?; // it reads the file again: once will do
        }
        let base = match &self.trainer {
            Some(trainer) => trainer.model().clone(),
            None => self.kept(Weights::Base)?,
        };
        check_targets(&base, &run, &config)?;
        let shape = base.plan_shape(&config, rows.labels().len().max(task.spec().num_outputs));
        let batches = Batches::of(rows.as_ref(), &run, shape.patch_size);
        let (kernels, num_threads) = (kernels_of(&self.device), num_threads() as u64);
        let file_bytes = meter.code_bytes + of_model + of_data + rows.held_bytes();
        let inputs = Inputs { shape: &shape, batches: &batches, kernels, num_threads, file_bytes, keeps_states: true };

        let has_own_head = trains_head(task);
        let targets = (has_own_head || has_head).then_some(targets.as_slice());
        let others = lighter_methods(&run, targets, has_own_head);
        let can_cut = task.spec().head != HeadKind::Pooled && run.mixup_alpha == 0.0;
        let has_one_label = task.spec().gives_one_label();
        let offered = Alternatives { can_cut, has_one_label, other_methods: &others };
        let writes_samples = task.spec().writes() && batches.num_valid_rows > 0;
        let said = |measured: Option<&Measured>| {
            let estimate = estimate(&inputs, &run, measured, meter.limits, offered);
            Estimate { writes_samples, ..estimate }
        };
        let unmeasured = said(None);
        if !is_known && (self.trainer.is_some() || !unmeasured.fits) {
            return Ok(unmeasured);
        }
        if !is_known {
            let timed = self.time_run(&base, rows.as_ref(), &inputs, &run, meter).await?;
            self.measured = Some((wanted, timed));
        }
        Ok(said(self.measured.as_ref().map(|(_, measured)| measured)))
    }

    /// Times steps, and what the device allocates for them.
    async fn time_run(
        &self,
        base: &Model,
        rows: &dyn TaskRows,
        inputs: &Inputs<'_>,
        run: &RunConfig,
        meter: &Meter<'_>,
    ) -> Result<Measured, SessionError> {
        let config = &self.loaded()?.pretrained.config;
        let patch_size = inputs.shape.patch_size;
        let indices = inputs.batches.typical.as_slice();
        // A run that is known not to fit is not timed; of a GPU's memory nothing is known.
        let is_known_to_fit = inputs.kernels == Kernels::Own && meter.limits.process.is_some();
        let device = &self.device;
        let of = TimedModel { model: base, config, rows, indices, run, device, patch_size, is_known_to_fit };
        let before = (meter.held_bytes)();
        let StepTimes { steps, optimizer_secs, num_trained } = time_steps(of, meter.now_ms).await?;
        let after = (meter.held_bytes)();
        self.device.memory_cleanup();
        let planned = |shape| {
            let batches = Batches { batch_size: run.batch_size, ..Batches::alike(shape, 1) };
            predict(&Inputs { batches: &batches, ..*inputs }, run)
        };
        // A heap has holes between what a step adds.
        let added = |memory: MemoryParts| memory.of_step() + memory.holes;
        let of_largest = steps.last().map_or(0, |(shape, _)| added(planned(*shape).memory));
        let grown = before.zip(after).map_or(0, |(before, after)| after.saturating_sub(before));
        // Memory that was free before hides what a step takes, so that it may take more than was seen and never less.
        let bytes_factor = match of_largest >= TELLING_BYTES {
            true => (grown as f64 / of_largest as f64).clamp(1.0, MAX_BYTES_FACTOR),
            false => 1.0,
        };
        let flops = |shape| {
            let plan = planned(shape);
            plan.forward_flops + plan.backward_flops
        };
        let steps = steps.into_iter().map(|(shape, secs)| (flops(shape), secs)).collect();
        Ok(Measured { steps, optimizer_secs, num_trained, bytes_factor })
    }
}
