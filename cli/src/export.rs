//! `hone export`: a model and an adapter as one model, or as the adapter alone.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use hone_core::session::Session;

use crate::args::ExportArgs;
use crate::device::{self, DeviceChoice};
use crate::inputs::say_warnings;
use crate::lock::Lock;
use crate::model_files;
use crate::output;
use crate::progress::say;
use crate::reopen;

/// Runs `hone export`.
///
/// # Errors
/// An adapter that does not fit, a folder that can't be written.
pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    output::check(&args.output, args.force)?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    let Some(adapter) = model.adapter else {
        anyhow::bail!("there is no adapter: name one with --adapter, or a --model folder that holds one");
    };
    let reads = [Path::new(&args.model), model.files.dir.as_path()].into_iter().chain(args.adapter.as_deref());
    output::check_apart(&args.output, reads.map(|dir| ("the model or its adapter", dir)))?;
    let mut session = Session::new(device::open(DeviceChoice::Cpu)?.device);
    session.load_model(model.files.source, model.files.folder)?;
    session.load_adapter(adapter)?;
    session.peft_notes().iter().for_each(|note| say(&format!("adapter: {note}")));
    say_warnings(&session);
    let _lock = Lock::take(&args.output)?;
    let written = reopen::export(&mut session, args.format, (&args.output, args.force), !args.no_verify)?;
    say(&written.told);
    writeln!(io::stdout(), "written: {}", args.output.display())?;
    Ok(ExitCode::SUCCESS)
}
