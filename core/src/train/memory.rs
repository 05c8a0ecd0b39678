//! A device that has too little memory for a batch gets it in parts: half as many rows at a time, as often as it takes.
//!
//! The gradients of the parts are added up, so that a step is one of the same rows as before: the optimizer, the schedule, the
//! order of rows and a checkpoint know nothing of it, and the job file stays what it was. Numbers differ by rounding, and by what
//! is drawn for a micro-batch (dropout, hidden tokens). `transformers` calls its way `auto_find_batch_size`; that one changes
//! the batch. Batches of evaluations are cut, too.

use burn::tensor::ExecutionError;

use super::{TrainError, Trainer};
use crate::checkpoint::CheckpointError;
use crate::config::RunConfig;
use crate::event::{Split, TrainEvent};
use crate::task::several::SeveralRows;
use crate::task::{HeadKind, Task};

/// What devices say that have no room for a buffer: CUDA and Vulkan, kernels of CUDA, and any buffer that is larger than a
/// device allows (`IoError` and `LaunchError` of cubecl).
const NO_MEMORY: [&str; 3] = ["out of device memory", "out-of-memory error", "can't allocate buffer"];

/// What is left of a panic in a launch: of a lack of wgpu's own memory, but of any other fault, too.
const TORN_DOWN: &str = "torn down before it could say";

/// The number of parts of a batch where so many were too few: half the rows in each, rounded up. `None` where a part has no
/// more than `least` rows.
fn more_parts(batch_size: u32, parts: u32, least: u32) -> Option<u32> {
    (rows_of_part(batch_size, parts, least) > least).then(|| parts.saturating_mul(2))
}

/// Rows of a part, at most: a multiple of `least`, of rows that stay together.
pub(super) fn rows_of_part(batch_size: u32, parts: u32, least: u32) -> u32 {
    batch_size.div_ceil(parts.max(1)).max(1).next_multiple_of(least)
}

/// Rows of a batch that are computed together in any case: two where images are mixed in pairs.
pub(super) fn rows_kept_together(run: &RunConfig) -> u32 {
    if run.mixup_alpha > 0.0 { 2 } else { 1 }
}

impl TrainError {
    /// Whether the device failed as one does that has too little memory.
    #[must_use]
    pub fn is_of_memory(&self) -> bool {
        self.is_torn_down()
            || self.device_reason().is_some_and(|reason| NO_MEMORY.iter().any(|sign| reason.contains(sign)))
    }

    /// Whether a launch on the device panicked: perhaps for want of memory, which it can't say.
    #[must_use]
    pub fn is_torn_down(&self) -> bool {
        self.device_reason().is_some_and(|reason| reason.contains(TORN_DOWN))
    }

    /// What a device said that failed, and that this process can still use.
    fn device_reason(&self) -> Option<&str> {
        let (Self::Device(error) | Self::Checkpoint(CheckpointError::Device(error))) = self else { return None };
        match error {
            ExecutionError::WithContext { reason } | ExecutionError::Generic { reason, .. } => Some(reason.as_str()),
            ExecutionError::DevicePoisoned { .. } => None,
        }
    }
}

impl Trainer {
    /// In how many parts each batch, of training or of an evaluation, would have to be computed to need half the memory;
    /// `None` where neither can be cut: it has a single row, its rows are compared with each other or mixed in pairs, so that
    /// fewer would be another loss.
    #[must_use]
    pub fn more_parts(&self) -> Option<u32> {
        let run = &self.job.run;
        if self.compares_rows() {
            return None;
        }
        let of_batch = more_parts(run.batch_size, self.batch_parts, rows_kept_together(run));
        of_batch.or_else(|| more_parts(self.eval_batch_size(), self.batch_parts, 1))
    }

    /// Rows of a batch of an evaluation, at most; 0 where none are measured.
    fn eval_batch_size(&self) -> u32 {
        let of_task = |task: Task| task.spec().eval_batch_size;
        let size = match self.rows.as_several() {
            _ if self.rows.num_rows()[Split::Valid as usize] == 0 => 0,
            None => of_task(self.rows.task()),
            Some(several) => tasks_of(several).map(of_task).max().unwrap_or(0),
        };
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// Computes each batch in so many parts from now on, and says so. For a trainer that was just made or restored.
    pub fn cut_batches(&mut self, parts: u32) {
        self.batch_parts = parts.max(1);
        let run = &self.job.run;
        let rows_at_once = rows_of_part(run.batch_size, self.batch_parts, rows_kept_together(run));
        let step = self.progress.step;
        let micro_batches = run.batch_size.div_ceil(rows_at_once).saturating_mul(run.gradient_accumulation_steps);
        self.events.push_back(TrainEvent::BatchesCut { step, rows_at_once, micro_batches });
    }

    fn compares_rows(&self) -> bool {
        let compares = |task: Task| task.spec().head == HeadKind::Pooled;
        match self.rows.as_several() {
            None => compares(self.rows.task()),
            Some(several) => tasks_of(several).any(compares),
        }
    }
}

fn tasks_of(several: &SeveralRows) -> impl Iterator<Item = Task> {
    several.parts().iter().map(|part| part.rows.task())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_halved_until_a_part_has_a_single_row() {
        let all = |batch_size: u32, least: u32| {
            let mut parts = vec![1];
            while let Some(more) = more_parts(batch_size, parts[parts.len() - 1], least) {
                parts.push(more);
            }
            parts.into_iter().map(|parts| rows_of_part(batch_size, parts, least)).collect::<Vec<_>>()
        };
        assert_eq!(all(16, 1), [16, 8, 4, 2, 1]);
        assert_eq!(all(15, 1), [15, 8, 4, 2, 1]);
        assert_eq!(all(3, 1), [3, 2, 1]);
        assert_eq!(all(1, 1), [1]);
        assert_eq!(all(16, 2), [16, 8, 4, 2]);
        assert_eq!(all(6, 2), [6, 4, 2], "pairs stay together");
        assert_eq!(all(4096, 1).last(), Some(&1));
    }

    #[test]
    fn a_lack_of_memory_is_told_from_other_faults() {
        let of = |reason: &str| TrainError::Device(ExecutionError::with_context(reason));
        for reason in [
            "An IO error happened\nCaused by:\n  out of device memory allocating 4294967296 bytes\n",
            "A launch error happened\nCaused by:\n  An out-of-memory error happened during launch\nCaused by:\n  x",
            "An IO error happened\nCaused by:\n  can't allocate buffer of size: 4294967296\n",
            "The work writing this buffer was torn down before it could say what went wrong",
        ] {
            assert!(of(reason).is_of_memory(), "{reason}");
        }
        assert!(of("… was torn down before it could say what went wrong").is_torn_down());
        assert!(!of("out of device memory").is_torn_down() && !TrainError::NoRows.is_torn_down());
        assert!(!of("A launch error happened\nCaused by:\n  the kernel can't be compiled").is_of_memory());
        assert!(!TrainError::Device(ExecutionError::DevicePoisoned { reason: "torn down".into() }).is_of_memory());
        assert!(!TrainError::NoRows.is_of_memory());
    }
}

#[cfg(all(test, feature = "cpu"))]
mod runs {
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::DataFiles;
    use crate::session::{PartRequest, tiny};
    use crate::train::tiny_run::{drain, settings, trainer};

    /// Sums in another order, in f32.
    const TOLERANCE: f64 = 1e-4;

    /// Four images in a step: those of a batch, twice.
    fn run() -> RunConfig {
        RunConfig { gradient_accumulation_steps: 2, ..settings(1e-3) }
    }

    /// Of each reading its step, its rows and its loss.
    fn readings(events: &[TrainEvent]) -> Vec<(u32, u64, f64)> {
        let of = |event: &TrainEvent| match event {
            TrainEvent::Step { step, rows, loss, .. } => Some((*step, *rows, *loss)),
            _ => None,
        };
        events.iter().filter_map(of).collect()
    }

    fn assert_close(found: &[(u32, u64, f64)], expected: &[(u32, u64, f64)]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.0, found.1), (expected.0, expected.1));
            assert!((found.2 - expected.2).abs() < TOLERANCE, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn a_run_in_parts_takes_the_same_steps_on_the_same_rows() {
        let whole = readings(&drain(&mut trainer(run(), true)));
        assert_eq!(whole.len(), 3);
        let mut cut = trainer(run(), true);
        let parts = cut.more_parts().expect("a batch has two images");
        cut.cut_batches(parts);
        assert_eq!((parts, cut.more_parts()), (2, Some(4)), "evaluations have larger batches");
        let events = drain(&mut cut);
        let said = TrainEvent::BatchesCut { step: 0, rows_at_once: 1, micro_batches: 4 };
        assert!(events.contains(&said), "{events:?}");
        assert_close(&readings(&events), &whole);
        assert_eq!(cut.progress.micro_batches, 12, "of one image each");
    }

    #[test]
    fn evaluations_in_parts_measure_the_same() {
        let losses = |parts: u32| -> Vec<f64> {
            let mut run = trainer(run(), true);
            run.cut_batches(parts);
            let loss = |event: TrainEvent| match event {
                TrainEvent::Evaluated { evaluation, .. } => evaluation.figure("loss"),
                _ => None,
            };
            drain(&mut run).into_iter().filter_map(loss).collect()
        };
        let (whole, cut) = (losses(1), losses(32)); // of four images, and of one
        assert!(whole.len() == 3 && cut.len() == 3);
        for (whole, cut) in whole.iter().zip(&cut) {
            assert!((whole - cut).abs() < TOLERANCE, "{cut} is not {whole}");
        }
        let mut run = trainer(run(), true);
        run.cut_batches(32);
        assert_eq!(run.more_parts(), None);
    }

    fn file(name: &str, content: String) -> DataFiles {
        DataFiles { train: (name.into(), content.into_bytes()), ..DataFiles::default() }
    }

    /// Six sentences, no three of which have as many words as the others.
    fn tags() -> DataFiles {
        let word = |index: usize| if index.is_multiple_of(2) { "king\tB-who\n" } else { "is\tO\n" };
        let sentence = |count: usize| (0..count).map(word).collect::<String>() + "\n";
        file("tags.conll", [1, 2, 3, 4, 8, 16].map(sentence).concat())
    }

    fn labels() -> DataFiles {
        let row = |index: usize| format!("the king is {index},{}\n", ["come", "gone"][index % 2]);
        file("labels.csv", format!("text,label\n{}", (0..6).map(row).collect::<String>()))
    }

    /// Of each step its loss and the norm of its gradients; both steps are of the weights that the run begins with.
    fn steps(names: &[&str], parts: u32) -> Vec<(f64, f64)> {
        let run = RunConfig {
            num_train_epochs: 2,
            batch_size: 6,
            gradient_accumulation_steps: names.len() as u32,
            warmup_ratio: 0.5,
            split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 },
            ..settings(1e-3)
        };
        let run = RunConfig { eval_strategy: RunConfig::default().eval_strategy, load_best_model_at_end: true, ..run };
        let mut session = tiny::loaded();
        let of_name = |name: &&str| match *name {
            "tags" => (Task::TokenClassification, tags()),
            _ => (Task::SequenceClassification, labels()),
        };
        let read = ReadOptions::default();
        match names {
            [name] => {
                let (task, files) = of_name(name);
                session.set_task(task).expect("an encoder has it");
                session.load_data(files, &read, &run).expect("good rows");
            }
            names => {
                let request = |name: &&str| {
                    let (task, files) = of_name(name);
                    PartRequest { name: (*name).to_owned(), task: Some(task), files, read: read.clone() }
                };
                session.load_parts(names.iter().map(request).collect(), &run).expect("good rows");
            }
        }
        session.start(run).expect("it starts");
        if parts > 1 {
            session.cut_batches();
        }
        let mut steps = Vec::new();
        while let Some(event) = block_on(session.next_event()).expect("it goes on") {
            match event {
                TrainEvent::Step { loss, grad_norm, .. } => steps.push((loss, grad_norm)),
                TrainEvent::BatchesCut { rows_at_once, .. } => assert_eq!(rows_at_once, 3),
                _ => {}
            }
        }
        steps
    }

    #[test]
    fn gradients_of_parts_add_up_to_those_of_the_batch_whatever_its_rows_weigh() {
        for names in [&["tags"][..], &["labels", "tags"][..]] {
            let (whole, cut) = (steps(names, 1), steps(names, 2));
            assert!(whole.len() == 2 && cut.len() == 2, "{names:?}");
            for (whole, cut) in whole.iter().zip(&cut) {
                assert!((whole.0 - cut.0).abs() < TOLERANCE * whole.0, "{names:?}: loss {cut:?} is not {whole:?}");
                assert!((whole.1 - cut.1).abs() < TOLERANCE * whole.1, "{names:?}: norm {cut:?} is not {whole:?}");
            }
        }
    }

    #[test]
    fn a_run_goes_on_from_a_checkpoint_in_more_parts_than_it_began_with() {
        let mut whole = trainer(settings(1e-3), true);
        while !(whole.is_between_steps() && whole.num_steps()[0] == 3) {
            block_on(whole.next_event()).expect("it goes on");
        }
        let checkpoint = block_on(whole.checkpoint()).expect("it is saved");
        let expected = readings(&drain(&mut whole));
        let mut cut = trainer(settings(1e-3), true).restore(&checkpoint).expect("the same run");
        cut.cut_batches(2);
        while !cut.is_between_steps() {
            block_on(cut.next_event()).expect("it goes on");
        }
        let again = block_on(cut.checkpoint()).expect("it is saved");
        assert_close(&readings(&drain(&mut cut)), &expected);
        let resumed = trainer(settings(1e-3), true).restore(&again).expect("the same run");
        assert_eq!((resumed.batch_parts, resumed.job.run.batch_size), (2, 2), "how it is computed is no setting");
    }

    #[test]
    fn images_that_are_mixed_in_pairs_stay_in_pairs() {
        let mixed = |batch_size: u32| RunConfig { mixup_alpha: 0.2, batch_size, ..settings(1e-3) };
        assert_eq!(trainer(mixed(2), false).more_parts(), None);
        assert_eq!(trainer(mixed(4), false).more_parts(), Some(2));
        let mut cut = trainer(mixed(6), false);
        cut.cut_batches(2);
        let events = drain(&mut cut);
        assert!(events.contains(&TrainEvent::BatchesCut { step: 0, rows_at_once: 4, micro_batches: 2 }), "{events:?}");
    }
}
