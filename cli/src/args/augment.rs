//! Flags of `hone data augment`.

use std::path::PathBuf;

use clap::Args;
use hone_core::config::{ReadOptions, RunConfig, RunDraft, SplitConfig};
use hone_core::task::Task;

use super::read::ReadArgs;
use super::using::device_and_read;
use super::{as_flags, parse_task, task_help};
use crate::device::DeviceChoice;
use crate::failure::Usage;

/// Rows that are shown where nothing was typed, and nothing is written.
const PREVIEW: usize = 5;

/// `hone data augment`.
#[derive(Debug, Args)]
pub(crate) struct DataAugmentArgs {
    /// Rows of texts with labels or numbers, as hone train reads them; all of them are augmented, so hold the rows to be measured out
    /// before
    #[arg(value_name = "FILE|DIR")]
    pub(crate) file: PathBuf,
    #[arg(
        long, value_name = "TASK", value_parser = parse_task,
        help = task_help("What the rows are for", Task::ALL, "guessed from the data")
    )]
    pub(crate) task: Option<Task>,
    /// How copies are changed, with commas between: synonyms (English), swap, deletion, typos
    #[arg(long, value_name = "KINDS", default_value = "synonyms, swap, deletion")]
    augment_texts: String,
    /// Masked language model that fills in words of the copies, in the place of --augment-texts: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID", conflicts_with = "augment_texts")]
    pub(crate) masked_by: Option<String>,
    /// What computes with --masked-by: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto", requires = "masked_by")]
    device: String,
    /// Changed copies of each row [default: 1]
    #[arg(long, value_name = "N")]
    augment_copies: Option<String>,
    /// Share of the words of a text that are changed in a copy, at least one [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    augment_share: Option<String>,
    /// Seed of what is changed; hone train makes the same copies with it [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Show so many rows before and after [default: 5; 0 with --output]
    #[arg(long, value_name = "N")]
    preview: Option<usize>,
    /// Write the file with the copies behind its rows, in the format that it came in
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file that --output names
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl DataAugmentArgs {
    /// Rows that are shown.
    pub(crate) fn num_shown(&self) -> usize {
        self.preview.unwrap_or(if self.output.is_some() { 0 } else { PREVIEW })
    }

    /// Device, how rows are read, and the settings of the copies, checked. No row is held out.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions, RunConfig), Usage> {
        let (device, read) = device_and_read(&self.device, &self.read)?;
        let mut problems = Vec::new();
        let typed = [
            ("augment_texts", Some(&self.augment_texts)),
            ("augment_copies", self.augment_copies.as_ref()),
            ("augment_share", self.augment_share.as_ref()),
            ("seed", self.seed.as_ref()),
        ];
        let typed = typed.into_iter().filter_map(|(name, text)| Some((name, text?.as_str())));
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = RunDraft::from_typed(typed).resolve(&RunConfig { split, ..RunConfig::default() });
        let run = run.unwrap_or_else(|found| {
            problems.extend(as_flags(&found));
            RunConfig::default()
        });
        if problems.is_empty() && run.augmentation.is_none() {
            problems.push("--augment-texts: names no way in which texts are changed".to_owned());
        }
        if problems.is_empty() { Ok((device, read, run)) } else { Err(Usage(problems)) }
    }
}
