//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop at a step boundary, the second quits at once. A terminal
//! that went away (a dropped connection, a closed window) is no such wish: training goes on, as under `nohup`.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::checkpoint_dir;
use crate::failure::INTERRUPTED;
use crate::lock;
use crate::progress::say;
use crate::runs::command_of;
use crate::sweep::sweep_of;

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
                for dir in lock::release_all() {
                    say(&quit_words(&dir));
                }
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

/// What is left of a run, or of a sweep, that is quit at once, in its output folder.
fn quit_words(dir: &Path) -> String {
    let run = dir.join("run"); // a sweep holds the folder above those of its runs
    if sweep_of(&run).is_some() {
        return format!("quit; to go on with the sweep: {}", command_of(&run));
    }
    match checkpoint_dir::find(dir) {
        Some(_) => format!("quit; to go on from the last checkpoint: {}", command_of(dir)),
        None => format!("quit; no checkpoint of the run is there to go on from: {}", dir.display()),
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
    fn who_quits_is_told_what_is_left() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let words = quit_words(dir.path());
        assert!(words.starts_with("quit; no checkpoint of the run"), "{words}");
        std::fs::write(dir.path().join("sweep.json"), "{}").expect("writes");
        let words = quit_words(dir.path());
        assert!(words.starts_with("quit; to go on with the sweep: hone sweep FILE --output"), "{words}");
    }

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
