//! Flags of the commands that learn of labels in seconds, before any training: `hone baseline` and `hone data label-errors`; and of
//! `hone data rank`, which says which rows to label next.

use std::path::PathBuf;

use clap::Args;
use hone_core::config::{ReadOptions, RunConfig, Split, SplitConfig};
use hone_core::task::Uncertainty;

use super::AUTO;
use super::read::ReadArgs;
use super::share::ShareArgs;
use super::using::device_and_read;
use crate::device::DeviceChoice;
use crate::failure::Usage;

/// Folds where nothing was typed.
const NUM_FOLDS: u32 = 5;

/// `hone baseline`.
#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    /// Pretrained model whose vectors are used, as they are: a folder, or a hub id; it reads texts or images
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Rows with one label each, as hone train reads them
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) data: PathBuf,
    /// Validation rows of your own [default: a share of --data]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) valid: Option<PathBuf>,
    /// Test rows of your own [default: a share of --data; none with --valid]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) test: Option<PathBuf>,
    /// Rows that are measured: valid or test; where there are none, the training rows measure each other in folds
    #[arg(long, value_name = "SPLIT", default_value = "valid", value_parser = parse_split)]
    pub(crate) on: Split,
    /// Tokens after which a row is cut [default: 128]
    #[arg(long, value_name = "N")]
    max_seq_length: Option<u32>,
    /// Seed of the split, and of the rows that are drawn where there are more than 4,000 [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    /// Write the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    share: ShareArgs,
}

/// `hone data label-errors`.
#[derive(Debug, Args)]
pub(crate) struct LabelErrorArgs {
    /// Rows with one label each, as hone train reads them; all are looked at
    #[arg(value_name = "FILE|DIR", required_unless_present = "predictions", conflicts_with = "predictions")]
    pub(crate) file: Option<PathBuf>,
    /// Pretrained model whose vectors tell each row's label from the rows of the other folds: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID", required_unless_present = "predictions", conflicts_with = "predictions")]
    pub(crate) model: Option<String>,
    /// What hone eval --predictions wrote, in the place of FILE and --model; of a model that was not trained on these rows
    #[arg(long, value_name = "FILE")]
    pub(crate) predictions: Option<PathBuf>,
    /// Folds, 2 to 100 [default: 5]
    #[arg(long, value_name = "N", conflicts_with = "predictions", value_parser = clap::value_parser!(u32).range(2..=100))]
    folds: Option<u32>,
    /// Tokens after which a row is cut [default: 128]
    #[arg(long, value_name = "N", conflicts_with = "predictions")]
    max_seq_length: Option<u32>,
    /// Seed of the folds [default: 42]
    #[arg(long, value_name = "N", conflicts_with = "predictions")]
    seed: Option<u64>,
    /// Also write the probabilities of each row that all follows from, as JSON Lines in the form of hone eval --predictions
    #[arg(long, value_name = "FILE", conflicts_with = "predictions")]
    pub(crate) save_probabilities: Option<PathBuf>,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    /// Write all rows that were found as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// `hone data rank`.
#[derive(Debug, Args)]
pub(crate) struct RankArgs {
    /// Rows, as hone train reads them: those whose label is empty, or all where there is no column of labels
    #[arg(value_name = "FILE|DIR")]
    pub(crate) file: PathBuf,
    /// Fine-tuned model that gives texts a label, or several: rows that it is least sure of come first [default: none, and rows come
    /// first that have little in common]
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: Option<String>,
    /// How it is told how unsure the model is: margin (between the two likeliest labels), entropy or least-confident
    #[arg(long, value_name = "NAME", default_value = "margin", value_parser = parse_uncertainty, requires = "model")]
    pub(crate) by: Uncertainty,
    /// Most rows that are written [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<usize>,
    /// Seed of the order of rows that have little in common [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    /// File for the result; its ending says how it is written: .csv, .json or .jsonl [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write JSON Lines instead of CSV
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl RankArgs {
    /// Device, and how rows are read, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions), Usage> {
        if self.model.is_none() && self.device != AUTO {
            return Err(Usage(vec!["--device: has no effect without --model".to_owned()]));
        }
        device_and_read(&self.device, &self.read)
    }

    /// The seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(RunConfig::default().seed)
    }
}

impl BaselineArgs {
    /// Device, how rows are read, and the settings that they are read for, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions, RunConfig), Usage> {
        let (device, mut read) = device_and_read(&self.device, &self.read)?;
        let mut problems = Vec::new();
        read.sharing = self.share.over(&read.sharing, self.valid.is_some(), &mut problems);
        let run = run_of(self.max_seq_length, self.seed);
        if problems.is_empty() { Ok((device, read, run)) } else { Err(Usage(problems)) }
    }
}

impl LabelErrorArgs {
    /// Into how many folds rows are shared out.
    pub(crate) fn num_folds(&self) -> usize {
        self.folds.unwrap_or(NUM_FOLDS) as usize
    }

    /// Device, how rows are read, and the settings that they are read for: none is held out. Checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions, RunConfig), Usage> {
        let (device, read) = device_and_read(&self.device, &self.read)?;
        if self.predictions.is_some() {
            let device = (self.device != AUTO).then_some("--device");
            let unused = self.read.typed_flags().into_iter().chain(device);
            let unused: Vec<String> = unused.map(|flag| format!("{flag}: has no effect with --predictions")).collect();
            if !unused.is_empty() {
                return Err(Usage(unused));
            }
        }
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        Ok((device, read, RunConfig { split, ..run_of(self.max_seq_length, self.seed) }))
    }
}

fn run_of(max_seq_length: Option<u32>, seed: Option<u64>) -> RunConfig {
    let usual = RunConfig::default();
    RunConfig {
        max_seq_length: max_seq_length.unwrap_or(usual.max_seq_length),
        seed: seed.unwrap_or(usual.seed),
        ..usual
    }
}

fn parse_uncertainty(text: &str) -> Result<Uncertainty, String> {
    let known = || Uncertainty::ALL.map(Uncertainty::name).join(", ");
    Uncertainty::ALL.into_iter().find(|by| by.name() == text).ok_or_else(|| format!("it is not one of {}", known()))
}

fn parse_split(text: &str) -> Result<Split, String> {
    match text {
        "valid" => Ok(Split::Valid),
        "test" => Ok(Split::Test),
        _ => Err("it is not one of valid, test".into()),
    }
}
