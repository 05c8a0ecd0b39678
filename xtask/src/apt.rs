//! Debian and its children: installs packages when run by root, else says the exact command to run.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

use crate::proc;

static UPDATED: AtomicBool = AtomicBool::new(false);

/// Held by the thread that installs: apt refuses a second installation at the same time.
static TURN: Mutex<()> = Mutex::new(());

/// Whether this machine has apt.
#[must_use]
pub fn here() -> bool {
    Path::new("/etc/debian_version").exists() && proc::find("apt-get").is_some()
}

/// Makes sure that `packages` are installed; `why` completes the sentence "needed for …".
///
/// # Errors
/// Where there is no apt, where the caller is not root (the message has the command), or when apt fails.
pub fn ensure(packages: &[&str], why: &str) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !here() {
        bail!(
            "missing: {list} (needed for {why}), and there is no apt-get here: install them with your system's packages"
        );
    }
    if !is_root() {
        bail!("missing packages, needed for {why}; install them with: sudo apt-get install {list}");
    }
    proc::say(format!("installing Debian packages, needed for {why}: {list}"));
    if !UPDATED.swap(true, Ordering::Relaxed) {
        proc::run(apt().arg("update").arg("-q"))?;
    }
    proc::run(apt().args(["install", "-y", "-q", "--no-install-recommends"]).args(&missing))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn installed(package: &str) -> bool {
    proc::output(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn is_root() -> bool {
    proc::output(Command::new("id").arg("-u")).is_ok_and(|uid| uid == "0")
}
