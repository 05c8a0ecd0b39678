//! Flags of the commands that look at rows: `hone data report`; those of `hone data label-errors` and `hone data rank` are in
//! `labels`, of `hone data augment` in `augment`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hone_core::config::{ReadOptions, RunConfig};
use hone_core::task::Task;

use super::read::ReadArgs;
use super::{DataAugmentArgs, LabelErrorArgs, RankArgs, parse_task, task_help};
use crate::failure::Usage;

/// `hone data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Find what may be wrong with rows: leaks, conflicts, duplicates and near-duplicates, damaged characters, personal data
    Report(DataReportArgs),
    /// Find rows whose labels may be wrong, before any training or by the answers of a trained model: confident learning
    LabelErrors(LabelErrorArgs),
    /// Put rows without labels in the order in which they are best labeled: those that a model is least sure of first
    Rank(RankArgs),
    /// Make changed copies of rows (synonyms, swapped and left out words, typos), as hone train does with --augment-texts: see them, or
    /// write a file with them
    Augment(DataAugmentArgs),
}

/// `hone data report`.
#[derive(Debug, Args)]
pub(crate) struct DataReportArgs {
    /// Rows, as hone train reads them
    #[arg(value_name = "FILE|DIR")]
    pub(crate) file: PathBuf,
    /// Validation rows of your own [default: a share of FILE]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) valid: Option<PathBuf>,
    /// Test rows of your own [default: a share of FILE; none with --valid]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) test: Option<PathBuf>,
    #[arg(
        long, value_name = "TASK", value_parser = parse_task,
        help = task_help("What the rows are for", Task::ALL, "guessed from the data")
    )]
    pub(crate) task: Option<Task>,
    /// Model whose tokenizer counts tokens, a folder or a hub id; its weights are not needed
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: Option<String>,
    /// Tokens after which a row is cut [default: 128]
    #[arg(long, value_name = "N", requires = "model")]
    max_seq_length: Option<u32>,
    /// Write all that was found as JSON (docs/data-report.md)
    #[arg(long, conflicts_with = "html")]
    pub(crate) json: bool,
    /// Write a page to read and print, in one file without scripts, with beginnings of the rows
    #[arg(long)]
    pub(crate) html: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl DataReportArgs {
    /// How the rows are read, and the settings of a run on them, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(ReadOptions, RunConfig), Usage> {
        let mut problems = Vec::new();
        let read = self.read.over(&ReadOptions::default(), &mut problems);
        let usual = RunConfig::default();
        let run = RunConfig { max_seq_length: self.max_seq_length.unwrap_or(usual.max_seq_length), ..usual };
        if problems.is_empty() { Ok((read, run)) } else { Err(Usage(problems)) }
    }
}
