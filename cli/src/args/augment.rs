//! Flags of `hone data augment`.

use std::path::PathBuf;

use clap::Args;
use hone_core::config::{CopyMethod, ReadOptions, RunConfig, RunDraft, SplitConfig, Translation};
use hone_core::task::Task;

use super::read::ReadArgs;
use super::using::device_and_read;
use super::{AUTO, as_flags, parse_task, task_help};
use crate::device::DeviceChoice;
use crate::failure::Usage;

/// Rows that are shown where nothing was typed, and nothing is written.
const PREVIEW: usize = 5;

/// `hone data augment`.
#[derive(Debug, Args)]
pub(crate) struct DataAugmentArgs {
    /// Rows of texts with labels or numbers, or with targets, as hone train reads them; all of them are augmented, so hold the rows to be
    /// measured out before
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
    /// Model of text to text that translates the texts and translates them back, in the place of --augment-texts: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID", conflicts_with_all = ["augment_texts", "masked_by"])]
    pub(crate) translated_by: Option<String>,
    /// Another model for the way back: a folder, or a hub id [default: that of --translated-by]
    #[arg(long, value_name = "DIR|ID", requires = "translated_by")]
    pub(crate) translated_back_by: Option<String>,
    /// What is written before a text to have it translated, to the letter; empty for a model of one pair of languages
    /// [default: "translate English to German: ", as T5 was trained]
    #[arg(long, value_name = "TEXT", requires = "translated_by")]
    prefix_there: Option<String>,
    /// The same before a translation, for the way back [default: "translate German to English: "]
    #[arg(long, value_name = "TEXT", requires = "translated_by")]
    prefix_back: Option<String>,
    /// Translations are drawn at this temperature; 0 takes the likeliest each time [default: 0.7; 0 with --num-beams]
    #[arg(long, value_name = "T", requires = "translated_by")]
    temperature: Option<f64>,
    /// Translations are searched with so many beams, and not drawn [default: 1, which is off]
    #[arg(long, value_name = "N", requires = "translated_by", conflicts_with = "temperature")]
    num_beams: Option<u32>,
    /// What computes with --masked-by and --translated-by: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
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
    /// Show so many rows before and after [default: 5; 0 with --output or --copies]
    #[arg(long, value_name = "N")]
    preview: Option<usize>,
    /// Write the file with the copies behind its rows, in the format that it came in
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the copies alone, as a file for hone train --copies, which trains on those of its training rows
    #[arg(long, value_name = "FILE")]
    pub(crate) copies: Option<PathBuf>,
    /// Replace the files that --output and --copies name
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl DataAugmentArgs {
    /// Rows that are shown.
    pub(crate) fn num_shown(&self) -> usize {
        self.preview.unwrap_or(if self.output.is_some() || self.copies.is_some() { 0 } else { PREVIEW })
    }

    /// The model that makes the copies, and how; `None` where none does.
    pub(crate) fn model(&self) -> Option<(&str, CopyMethod)> {
        if let Some(model) = &self.masked_by {
            return Some((model.as_str(), CopyMethod::Masked));
        }
        Some((self.translated_by.as_deref()?, CopyMethod::Translated(self.translation())))
    }

    fn translation(&self) -> Translation {
        let usual = Translation::default();
        let temperature = if self.num_beams.is_some() { None } else { self.temperature.or(usual.temperature) };
        Translation {
            there: self.prefix_there.clone().unwrap_or(usual.there),
            back: self.prefix_back.clone().unwrap_or(usual.back),
            temperature: temperature.filter(|temperature| *temperature != 0.0),
            num_beams: self.num_beams.unwrap_or(usual.num_beams),
        }
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
        match self.model() {
            None if self.copies.is_some() => {
                problems.push("--copies: has no effect without --masked-by or --translated-by".to_owned());
            }
            None if self.device != AUTO => {
                problems.push("--device: has no effect without --masked-by or --translated-by".to_owned());
            }
            Some((_, CopyMethod::Translated(_))) if self.augment_share.is_some() => {
                problems.push("--augment-share: has no effect: whole texts are translated".to_owned());
            }
            Some((_, CopyMethod::Translated(translation))) => {
                problems.extend(as_flags(&translation.check(run.augmentation.augment_copies)));
            }
            _ => {}
        }
        if self.output.is_some() && self.output == self.copies {
            problems.push("--copies: names the file of --output: give each its own".to_owned());
        }
        if self.force && self.output.is_none() && self.copies.is_none() {
            problems.push("--force: has no effect without --output or --copies".to_owned());
        }
        if problems.is_empty() { Ok((device, read, run)) } else { Err(Usage(problems)) }
    }
}
