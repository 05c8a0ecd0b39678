//! Flags of the commands that list what is there: runs, models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `hone runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Folder that holds output folders of hone train, or is one; or a project file (.hone)
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Write JSON, with all figures
    #[arg(long)]
    pub(crate) json: bool,
}

/// `hone models`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Models that are known to work, and what is in the cache
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a model into the cache
    Fetch {
        /// owner/name, or owner/name@revision
        #[arg(value_name = "ID")]
        id: String,
        /// Fetch it again even if it is there
        #[arg(long)]
        force: bool,
    },
}
