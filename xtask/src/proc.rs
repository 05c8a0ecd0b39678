//! Runs other programs: says what it runs, and says plainly how it ended.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One line to the person at the terminal.
pub fn say(text: impl Display) {
    eprintln!("xtask: {text}");
}

/// Runs `command`, its output going straight to the terminal.
///
/// # Errors
/// When it cannot be started or ends with a status other than 0.
pub fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("     $ {line}");
    let status = command.status().with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("failed ({status}): {line}");
    }
    Ok(())
}

/// Runs a `command` of cargo and reads its progress bar: `seen` hears how many units of how many are compiled. Warnings
/// and errors go to the terminal, the list of crates does not.
///
/// # Errors
/// When it cannot be started or ends with a status other than 0.
pub fn run_counted(command: &mut Command, mut seen: impl FnMut(usize, usize)) -> Result<()> {
    let line = shown(command);
    eprintln!("     $ {line}");
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    command.env("CARGO_TERM_PROGRESS_TERM_INTEGRATION", "false");
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start: {line}"))?;
    let errors = child.stderr.take().expect("standard error is piped");
    let mut piece = Vec::new();
    for byte in BufReader::new(errors).bytes() {
        let byte = byte.with_context(|| format!("cannot read what it says: {line}"))?;
        if byte != b'\n' && byte != b'\r' {
            piece.push(byte);
            continue;
        }
        let text = String::from_utf8_lossy(&piece);
        if let Some((done, total)) = units(&text) {
            seen(done, total);
        } else if !is_routine(&text) {
            if byte == b'\r' {
                continue; // of a line end that is two characters
            }
            eprintln!("{text}");
        }
        piece.clear();
    }
    let status = child.wait().with_context(|| format!("cannot wait for: {line}"))?;
    if !status.success() {
        bail!("failed ({status}): {line}");
    }
    Ok(())
}

/// What cargo's progress bar says: `Building [==>   ] 12/300: burn, cubecl` -> 12 of 300.
fn units(text: &str) -> Option<(usize, usize)> {
    let (name, rest) = text.split_once(" [")?;
    let (_, rest) = rest.split_once("] ")?;
    let (done, total) = rest.split(':').next()?.trim().split_once('/')?;
    name.contains("Building").then_some((done.parse().ok()?, total.parse().ok()?))
}

/// Whether cargo says this of every crate, or it is blank.
fn is_routine(text: &str) -> bool {
    const WORDS: [&str; 15] = [
        "Adding",
        "Checking",
        "Compiling",
        "Downloaded",
        "Downloading",
        "Executable",
        "Fetch",
        "Finished",
        "Fresh",
        "Installed",
        "Installing",
        "Locking",
        "Replaced",
        "Replacing",
        "Updating",
    ];
    let mut rest = text.trim_start();
    while let Some((_, after)) = rest.strip_prefix('\u{1b}').and_then(|escape| escape.split_once('m')) {
        rest = after.trim_start();
    }
    let word = rest.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    rest.is_empty() || WORDS.contains(&word)
}

/// Runs `command` and returns what it wrote to standard output, trimmed.
///
/// # Errors
/// When it cannot be started or ends with a status other than 0; the message carries its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start: {line}"))?;
    if !output.status.success() {
        bail!("failed ({}): {line}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Like [`output`], with standard error going straight to the terminal: for long runs that tell how far they are.
///
/// # Errors
/// When it cannot be started or ends with a status other than 0.
pub fn output_while_saying(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = command.spawn().and_then(std::process::Child::wait_with_output);
    let output = output.with_context(|| format!("cannot start: {line}"))?;
    if !output.status.success() {
        bail!("failed ({}): {line}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `command` starts and succeeds; its output is dropped.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Where `program` lies on the search path.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// The search path with `first` before everything else.
#[must_use]
pub fn path_with(first: &[PathBuf]) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all = first.iter().cloned().chain(std::env::split_paths(&rest));
    std::env::join_paths(all).unwrap_or(rest)
}

/// Writes `text` to `path`, making the folders above it.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make folder {}", parent.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies a folder with all that is in it, but for the names of its own entries in `without`. Links are followed.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path, without: &[&str]) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot make folder {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let name = entry.file_name();
        if without.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if source.is_dir() {
            copy_tree(&source, &target, &[])?;
        } else {
            std::fs::copy(&source, &target).with_context(|| format!("cannot copy {}", source.display()))?;
        }
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        if argument.contains(' ') {
            line.push_str(&format!("'{argument}'"));
        } else {
            line.push_str(&argument);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_bar_is_counted() {
        assert_eq!(units("    Building [=====>      ] 12/300: burn, cubecl(build)"), Some((12, 300)));
        assert_eq!(units("\u{1b}[1m\u{1b}[96m    Building\u{1b}[0m [=> ] 1/2: a"), Some((1, 2)));
        assert_eq!(units("warning: unused [1/2] 3/4: x"), None);
        assert_eq!(units("   Compiling burn v0.22.1"), None);
    }

    #[test]
    fn only_what_is_said_of_every_crate_is_left_out() {
        assert!(is_routine("   Compiling burn v0.22.1"));
        assert!(is_routine("\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m burn v0.22.1"));
        assert!(is_routine("      ") && is_routine(""));
        assert!(!is_routine("warning: unused variable"));
        assert!(!is_routine("12 |     Adding(x)"));
        assert!(!is_routine("    Blocking waiting for file lock on package cache"));
    }

    #[cfg(unix)]
    #[test]
    fn a_counted_command_passes_on_its_status() {
        let mut seen = Vec::new();
        let script = "printf '    Building [> ] 1/2: a\\r    Building [=>] 2/2: b\\r' >&2";
        run_counted(Command::new("sh").args(["-c", script]), |done, total| seen.push((done, total)))
            .expect("it ends well");
        assert_eq!(seen, [(1, 2), (2, 2)]);
        let failed = run_counted(Command::new("sh").args(["-c", "exit 3"]), |_, _| {});
        assert!(failed.expect_err("it ends badly").to_string().contains('3'));
    }
}
