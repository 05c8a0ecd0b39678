//! `cargo xtask tidy`: the house rules that no compiler checks. See ARCHITECTURE.md for what they protect.

mod layers;
mod rules;
mod source;

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::proc;

/// A broken rule and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path from the workspace's folder, with slashes.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Checks the workspace; findings are printed.
///
/// # Errors
/// When the files cannot be listed or read.
pub fn run() -> Result<ExitCode> {
    let findings = findings(&crate::root())?;
    for finding in &findings {
        proc::say(finding);
    }
    proc::say(format!("house rules broken: {}", findings.len()));
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Like [`run`], as a check that fails.
///
/// # Errors
/// When a rule is broken, or the files cannot be read.
pub fn check() -> Result<()> {
    let findings = findings(&crate::root())?;
    for finding in &findings {
        proc::say(finding);
    }
    if findings.is_empty() { Ok(()) } else { bail!("house rules broken: {}", findings.len()) }
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let listed = proc::output(Command::new("git").current_dir(root).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .context("git lists the files to check")?;
    let mut findings = Vec::new();
    for file in listed.lines() {
        // Binary files, and files deleted but not yet committed, have no text to check.
        if let Ok(text) = std::fs::read_to_string(root.join(file)) {
            findings.extend(rules::check(file, &text));
        }
    }
    let read = |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"));
    findings.extend(rules::pinned(&read("Trunk.toml")?, &read("Cargo.lock")?));
    Ok(findings)
}
