//! Flags of `hone sweep`, and how its file is written.

use std::path::PathBuf;

use clap::Args;

/// A file, for the help.
pub(super) const EXAMPLE: &str = r#"A sweep file (TOML, or JSON with the same names):
  [run]                            # the flags of hone train, without the dashes; paths
                                   # as there
  model = "models/minilm"
  data = "rows.csv"
  num_train_epochs = 3
  metric_for_best_model = "macro_f1"

  [space]                          # any setting of hone train
  learning_rate = { log_uniform = [1e-5, 1e-3] }
  dropout = { uniform = [0.0, 0.3] }
  batch_size = [8, 16, 32]         # a list, or { whole = [4, 32] }

  [search]
  way = "halving"                  # grid (every combination of lists), random, or halving
  count = 27                       # trials that are drawn, of each range one from
                                   # each of 27 parts; without it halving takes every
                                   # combination
  seed = 1                         # what they are drawn by
  eta = 3                          # one trial of so many is promoted, and goes so many
                                   # times as far
  min_epochs = 1                   # how far each goes at first, or min_steps; without
                                   # either a third of its steps
  folds = 5                        # k-fold cross-validation: stratified by label, by
                                   # group with group_column
  seeds = [1, 2, 3]                # each trial is run with each

Cross-validation of one job is a file without [space], with folds or seeds in [search]. The test rows are in no fold.
Every run has the learning-rate schedule of its whole length; halving stops it on the way and goes on from its checkpoint.
Ctrl-C stops; the same command goes on. Each trial has its job (job.json), events and figures in its folder.
DIR/best.json is the job of the best trial: hone train --job DIR/best.json --data FILE"#;

/// `hone sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// What is run: a TOML or JSON file with the tables run, space and search
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Folder for the trials, each in a folder of its own, and sweep.json, by which the sweep goes on
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Say which trials there are and how many steps they take, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep the weights of all trials [default: those of the best]
    #[arg(long)]
    pub(crate) keep_all: bool,
    /// Drop the sweep that --output holds, and begin anew
    #[arg(long)]
    pub(crate) force: bool,
    /// Write what came of it, or with --dry-run what it would take, as JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}
