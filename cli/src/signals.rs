//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop at a step boundary, the second quits at once. A terminal
//! that went away (a dropped connection, a closed window) is no such wish: training goes on, as under `nohup`.

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::failure::INTERRUPTED;
use crate::progress::say;

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
        let mut hang_up = HangUp { had_terminal: has_terminal(), seen: None };
        ctrlc::set_handler(move || {
            if hang_up.explains(Instant::now(), has_terminal()) {
                return say("the terminal was closed; training goes on");
            }
            if PRESSED.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(i32::from(INTERRUPTED));
            }
            say("\nstopping after this step; press Ctrl-C again to quit at once");
        })
        .context("can't listen for Ctrl-C")?;
        Ok(Self(()))
    }

    /// Ctrl-C was pressed.
    pub(crate) fn pressed(self) -> bool {
        PRESSED.load(Ordering::SeqCst) > 0
    }
}

/// Tells the signal of a lost terminal from others. The handler is not told which signal came, but a process that had a
/// terminal and finds it gone has just been hung up.
#[derive(Debug)]
struct HangUp {
    had_terminal: bool,
    seen: Option<Instant>,
}

impl HangUp {
    /// The kernel and the shell may each send one.
    const ECHO: Duration = Duration::from_secs(3);

    fn explains(&mut self, now: Instant, has_terminal: bool) -> bool {
        if !self.had_terminal || has_terminal {
            return false;
        }
        let seen = *self.seen.get_or_insert(now);
        now.duration_since(seen) < Self::ECHO
    }
}

/// Whether the process has a controlling terminal; where the system has no such file, it never has.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_terminal_explains_the_signals_that_come_with_it() {
        let start = Instant::now();
        let after = |secs| start + Duration::from_secs(secs);
        let mut here = HangUp { had_terminal: true, seen: None };
        assert!(!here.explains(after(1), true), "Ctrl-C, with the terminal still there");
        assert!(here.explains(after(5), false), "it is gone");
        assert!(here.explains(after(6), false), "and the shell says so as well");
        assert!(!here.explains(after(60), false), "a later signal is somebody's wish");
        let mut server = HangUp { had_terminal: false, seen: None };
        assert!(!server.explains(after(1), false), "there was none: it is a SIGTERM");
    }
}
