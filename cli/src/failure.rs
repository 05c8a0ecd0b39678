//! How a command ends when it does not end well, and how that is said: lower case, paths last, a hint where there is one.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use hone_core::session::SessionError;

use crate::progress::say;

/// Exit code of a run that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;
/// Exit code of a run that diverged and wrote its best weights.
pub(crate) const DIVERGED: u8 = 3;
/// Exit code of a command line that can't be used.
const USAGE: u8 = 2;
/// What the exit codes mean, for the help.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0    done
  1    an error
  2    a command line that can't be used
  3    the run diverged; its best weights were written
  130  stopped by Ctrl-C";

/// Flags that can't be used, all of them.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) Vec<String>);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "{} settings can't be used", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Usage {}

/// An IO error with what was being done before it and the path after it.
pub(crate) fn io_error(doing: &str, error: &std::io::Error, path: &Path) -> anyhow::Error {
    anyhow::anyhow!("can't {doing}: {}: {}", reason(error), path.display())
}

/// An IO error in plain words.
pub(crate) fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        ErrorKind::IsADirectory => "it is a folder, not a file".to_owned(),
        ErrorKind::NotADirectory => "it is a file, not a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// Says what went wrong on standard error and picks the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    say(&format!("error: {}", with_causes(error)));
    if let Some(problem) = error.downcast_ref::<SessionError>().map(SessionError::problem)
        && !problem.hint.is_empty()
    {
        say(&format!("hint: {}", problem.hint));
    }
    if error.downcast_ref::<Usage>().is_some() {
        say("hint: --help behind the command, as in hone train --help, says what is possible");
        return ExitCode::from(USAGE);
    }
    ExitCode::FAILURE
}

/// An error and its causes, without those that the one before has in its own words.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The reader of our output went away (`hone … | head`): nothing to complain about.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let inner = anyhow::anyhow!("row 5: no such label");
        let outer = inner.context("test file \"t.csv\": row 5: no such label").context("can't use the data");
        assert_eq!(with_causes(&outer), "can't use the data: test file \"t.csv\": row 5: no such label");
        assert_eq!(with_causes(&anyhow::anyhow!("b").context("a")), "a: b");
    }

    #[test]
    fn the_path_comes_last() {
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        let text = io_error("read the data", &error, Path::new("rows.csv")).to_string();
        assert_eq!(text, "can't read the data: no such file or folder: rows.csv");
    }

    #[test]
    fn one_problem_stands_in_one_line() {
        assert_eq!(Usage(vec!["--device: x".into()]).to_string(), "--device: x");
        assert_eq!(Usage(vec!["a".into(), "b".into()]).to_string(), "2 settings can't be used\n  a\n  b");
    }

    #[test]
    fn the_help_names_every_exit_code() {
        for code in [USAGE, DIVERGED, INTERRUPTED] {
            assert!(EXIT_CODES.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))), "{code}");
        }
    }
}
