//! A run that outlives a device with too little memory: it goes on from its last checkpoint with fewer rows at a time.
//!
//! That memory ran out is known by the error of the reading that waits for the device, on CUDA and wgpu. On a CPU the system
//! ends the process, and a device that is lost can't be opened again by it: such a run is gone on with by `--resume`.

use std::path::Path;

use hone_core::session::{Session, SessionError};
use hone_core::train::TrainError;

use crate::checkpoint_dir;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run_loop::{End, RunFacts, train};
use crate::signals::Interrupt;

/// Runs the loop, and runs it again as often as the device has too little memory and a batch can be cut.
///
/// # Errors
/// As [`train`]; of memory when a batch can't be cut any more.
pub(crate) async fn train_in_memory(
    session: &mut Session,
    plan: &Plan,
    output: &Path,
    progress: &mut Progress,
    interrupt: Interrupt,
    facts: &mut RunFacts,
) -> anyhow::Result<End> {
    let mut was_torn_down = false;
    loop {
        let error = match train(session, plan, output, progress, interrupt, facts).await {
            Err(error) if is_of_memory(&error, was_torn_down) => error,
            ended => return ended,
        };
        was_torn_down |= run_error(&error).is_some_and(TrainError::is_torn_down);
        let checkpoint = checkpoint_dir::read_newest(output)?;
        if !session.go_on_in_parts(checkpoint.as_ref().map(|found| &found.folder))? {
            return Err(error
                .context("its batches can't be cut any further: lower --max-seq-length, or choose another --method"));
        }
        if let Some(damaged) = checkpoint.and_then(|found| found.damaged) {
            damaged.move_aside()?;
        }
        progress.note(&format!("warning: {error:#}"));
    }
}

/// Whether the device had too little memory. A launch that panicked may have had any other reason: smaller batches are tried
/// once for it.
fn is_of_memory(error: &anyhow::Error, was_torn_down: bool) -> bool {
    run_error(error).is_some_and(|error| error.is_of_memory() && !(was_torn_down && error.is_torn_down()))
}

fn run_error(error: &anyhow::Error) -> Option<&TrainError> {
    match error.downcast_ref::<SessionError>()? {
        SessionError::Train(error) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::ExecutionError;

    use super::*;

    #[test]
    fn only_errors_of_the_run_are_of_memory() {
        assert!(!is_of_memory(&anyhow::anyhow!("out of device memory"), false), "nobody knows whose");
        assert!(!is_of_memory(&SessionError::Train(TrainError::NoRows).into(), false));
        assert!(!is_of_memory(&SessionError::NotTrained.into(), false));
    }

    #[test]
    fn a_launch_that_panicked_is_tried_again_once() {
        let of = |reason: &str| SessionError::Train(TrainError::Device(ExecutionError::with_context(reason))).into();
        let torn_down: anyhow::Error = of("it was torn down before it could say what went wrong");
        assert!(is_of_memory(&torn_down, false) && !is_of_memory(&torn_down, true));
        let full: anyhow::Error = of("out of device memory");
        assert!(is_of_memory(&full, false) && is_of_memory(&full, true));
    }
}
