//! Ctrl-C (and SIGTERM): the first asks the run to stop at a step boundary, the second quits at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;

use crate::failure::INTERRUPTED;

static PRESSED: AtomicUsize = AtomicUsize::new(0);

/// Whether someone asked to stop. There is one keyboard, so there is one of these in a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupt(());

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        ctrlc::set_handler(|| {
            if PRESSED.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(i32::from(INTERRUPTED));
            }
            eprintln!("\nstopping after this step; press Ctrl-C again to quit at once");
        })
        .context("can't listen for Ctrl-C")?;
        Ok(Self(()))
    }

    /// Ctrl-C was pressed.
    pub(crate) fn pressed(self) -> bool {
        PRESSED.load(Ordering::SeqCst) > 0
    }
}
