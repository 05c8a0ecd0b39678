//! Flags of `hone report`.

use std::path::PathBuf;

use clap::Args;

/// `hone report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Output folder of hone train, or the folder that its --log-dir named, whose log has texts of rows
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Where the page goes, HTML in one file without scripts [default: report.html in DIR]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also show what is in this file: what hone eval --json (slices, swaps), hone compare --json, hone rate --json or hone data report
    /// --json printed; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) add: Vec<PathBuf>,
}
