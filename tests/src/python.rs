//! A Python that a test compares with, where there is one.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::paths;

/// An interpreter that can import `modules`, as `import` takes them: `python3`, or the one that `HONE_PYTHON` names;
/// `None`, loudly, where it can't.
#[must_use]
pub fn with(modules: &str) -> Option<OsString> {
    let python = std::env::var_os("HONE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(&python);
    command.args(["-c", &format!("import {modules}")]).stdin(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED: {} can't import {modules} (HONE_PYTHON can name another)", python.to_string_lossy());
    None
}

/// Runs a script of the repository, shows what it says and returns it.
///
/// # Panics
/// When it fails.
pub fn run<A: AsRef<OsStr>>(python: &OsStr, script: impl AsRef<Path>, arguments: &[A]) -> String {
    let output = Command::new(python).arg(paths::root().join(script)).args(arguments).output();
    let output = output.expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    eprintln!("{said}");
    said
}
