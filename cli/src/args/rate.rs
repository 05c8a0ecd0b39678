//! Flags of `hone rate`.

use std::path::PathBuf;

use clap::Args;
use hone_core::config::ReadOptions;

use super::AUTO;
use super::read::ReadArgs;
use super::using::device_and_read;
use crate::device::DeviceChoice;
use crate::failure::Usage;

/// Seed of the prompts that are drawn and of the sides, where none is given.
const SEED: u64 = 42;

/// What is shown below the flags.
pub(super) const KEYS: &str = "Keys, each followed by Enter: 1 or 2 is better, = neither, u takes the last vote back, f shows what \
    stands in the file, n shows the names (votes after that are no longer blind), q leaves; the same command goes on.";

/// `hone rate`.
#[derive(Debug, Args)]
pub(crate) struct RateArgs {
    /// Model that writes: a folder (also one that holds an adapter), or a hub id; or texts that hone eval --save-texts wrote
    #[arg(value_name = "A")]
    pub(crate) first: String,
    /// Another model, or its texts for the same rows
    #[arg(value_name = "B")]
    pub(crate) second: String,
    /// Rows with the prompts that both models write for, in the form of those that they were trained on
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Base model of A or B where that is an adapter, if it does not lie where the adapter says: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) base: Option<String>,
    /// Most pairs that are rated, drawn by the seed
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pairs: u32,
    /// Seed of the rows that are drawn, of their order, and of which model is text 1 [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Most tokens of a text [default: as generation_config.json of the model says, up to 256; else 64, of one text turned into another
    /// as many as a target had in training]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_new_tokens: Option<u32>,
    /// File for the votes with their texts and names, as the page saves them: .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// File that keeps pairs and votes from one vote to the next; where it is there, the rating goes on
    #[arg(long, value_name = "FILE", default_value = "rating.json")]
    pub(crate) state: PathBuf,
    /// Keys out of a file, one a line, in the place of a keyboard
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Write the tally as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    #[command(flatten)]
    read: ReadArgs,
}

impl RateArgs {
    /// Device and reading options, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions), Usage> {
        device_and_read(&self.device, &self.read)
    }

    /// The seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(SEED)
    }

    /// Flags that only models have a use for, of those that were typed.
    pub(crate) fn flags_of_models(&self) -> Vec<&'static str> {
        let own = [
            ("--data", self.data.is_some()),
            ("--base", self.base.is_some()),
            ("--max-new-tokens", self.max_new_tokens.is_some()),
            ("--device", self.device != AUTO),
        ];
        let own = own.into_iter().filter(|(_, is_typed)| *is_typed).map(|(flag, _)| flag);
        own.chain(self.read.typed_flags()).collect()
    }
}
