//! A run, of one task or of several, until it is over, interrupted or broken. In: a session that holds its run. Out: how it ended, and
//! what there is to know of it; where it did not come to its end, words for what is left.

use std::path::Path;

use futures_lite::future::block_on;
use hone_core::session::Session;

use crate::checkpoint_dir;
use crate::memory::train_in_memory;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run_loop::{End, RunFacts, is_divergence};
use crate::signals::Interrupt;

/// Trains. Of a run that was interrupted it says how to go on.
///
/// # Errors
/// What broke the run, with what is left of it.
pub(crate) fn train_to_end(
    session: &mut Session,
    plan: &Plan,
    output: &Path,
    progress: &mut Progress,
) -> anyhow::Result<(End, RunFacts)> {
    let interrupt = Interrupt::listen()?;
    let mut facts = RunFacts::default();
    let end = block_on(train_in_memory(session, plan, output, progress, interrupt, &mut facts));
    let end = end.map_err(|error| explain_break(error, output))?;
    if end == End::Interrupted {
        let (step, output) = (facts.step, output.display());
        progress.note(&format!("stopped at step {step}; to go on: hone train --resume --output {output}"));
    }
    Ok((end, facts))
}

/// Adds to a run's error what is left of the run, and how to go on.
fn explain_break(error: anyhow::Error, output: &Path) -> anyhow::Error {
    if !is_divergence(&error) {
        return error.context(say_what_is_left(output));
    }
    let again = match checkpoint_dir::find(output) {
        Some(_) => "; going on from its checkpoint would end the same way, --force starts anew",
        None => "",
    };
    error.context(format!("no validation rows were measured before, so there are no weights to keep{again}"))
}

/// Says what is left of a run that broke off.
pub(crate) fn say_what_is_left(output: &Path) -> String {
    match checkpoint_dir::find(output).map(|dir| checkpoint_dir::step_of(&dir)) {
        Some(Some(step)) => {
            format!(
                "the run broke off, its checkpoint at step {step} is kept (hone train --resume --output {})",
                output.display()
            )
        }
        _ => "the run broke off before its first checkpoint".to_owned(),
    }
}
