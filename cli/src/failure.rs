//! How a command ends when it does not end well, and how that is said: lower case, paths last, a hint where there is one.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use hone_core::data::DataError;
use hone_core::session::SessionError;
use hone_core::task::{Task, TaskError};

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
  130  stopped by Ctrl-C or SIGTERM";

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
    match of_printing(error) {
        Some(error) => say(&format!("error: can't write to standard output: {}", reason(error))),
        None => say(&format!("error: {}", with_causes(error))),
    }
    if let Some(hint) = error.downcast_ref::<SessionError>().map(hint_of).filter(|hint| !hint.is_empty()) {
        say(&format!("hint: {hint}"));
    }
    if error.downcast_ref::<Usage>().is_some() {
        say("hint: --help behind the command, as in hone train --help, says what is possible");
        return ExitCode::from(USAGE);
    }
    match missing_column(error).is_some_and(|column| is_typed(column, words_of_line())) {
        true => ExitCode::from(USAGE),
        false => ExitCode::FAILURE,
    }
}

/// The error of a full disk behind standard output, where results are printed: one of a file has the file's name around it.
fn of_printing(error: &anyhow::Error) -> Option<&std::io::Error> {
    use std::io::ErrorKind;
    let first = error.chain().next()?.downcast_ref::<std::io::Error>()?;
    let is_full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge].contains(&first.kind());
    is_full.then_some(first)
}

/// The words of this command line.
fn words_of_line() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())
}

/// What to do about an error; where the model does something else, the command that it is for.
fn hint_of(error: &SessionError) -> String {
    let hint = error.problem().hint;
    let command = match error {
        SessionError::OtherTask { does, .. } => {
            Task::ALL.iter().map(|task| task.spec()).find(|spec| spec.does == *does).map(|spec| spec.command)
        }
        SessionError::Task(TaskError::NoAnswer(_)) => Some("generate"),
        _ => None,
    };
    match command {
        Some(command) => format!("use hone {command} with this model, or {hint}"),
        None => hint,
    }
}

/// The column that a file was to have and does not.
fn missing_column(error: &anyhow::Error) -> Option<&str> {
    let of_session = error.downcast_ref::<SessionError>().and_then(|error| match error {
        SessionError::Data(error) => Some(error),
        _ => None,
    });
    match of_session.or_else(|| error.downcast_ref::<DataError>()) {
        Some(DataError::MissingColumn { column, .. }) => Some(column.as_str()),
        _ => None,
    }
}

/// Whether a column is the value of a flag, as opposed to one that a job or a model's training names.
fn is_typed(column: &str, line: impl Iterator<Item = String>) -> bool {
    let mut was_flag = false;
    for word in line {
        let value = match word.split_once('=').filter(|(flag, _)| flag.starts_with("--")) {
            Some((_, value)) => Some(value),
            None => Some(word.as_str()).filter(|_| was_flag),
        };
        if value.is_some_and(|value| value.split(',').any(|name| name.trim() == column)) {
            return true;
        }
        was_flag = word.starts_with("--") && !word.contains('=');
    }
    false
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
    fn a_disk_that_is_full_is_that_of_standard_output_where_no_file_is_named() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(of_printing(&full().into()).is_some());
        assert!(of_printing(&anyhow::Error::from(full()).context("x.csv")).is_none());
        assert!(of_printing(&std::io::Error::from(std::io::ErrorKind::InvalidData).into()).is_none());
    }

    #[test]
    fn a_missing_column_is_a_mistyped_one_where_a_flag_names_it() {
        let is_in = |line: &str| is_typed("topic", line.split(' ').map(str::to_owned));
        assert!(is_in("train --data x.csv --label-column topic") && is_in("train --label-column=topic --data x.csv"));
        assert!(is_in("train --label-column urgency,topic"));
        assert!(!is_in("train --data x.csv --job topic.json") && !is_in("topic --data x.csv"));
        let missing = || DataError::MissingColumn { column: "topic".into(), columns: Vec::new() };
        assert_eq!(missing_column(&anyhow::Error::from(SessionError::Data(missing())).context("x")), Some("topic"));
        assert_eq!(missing_column(&anyhow::Error::from(missing()).context("x")), Some("topic"));
        assert_eq!(missing_column(&anyhow::anyhow!("x")), None);
    }

    #[test]
    fn a_model_that_does_something_else_is_led_to_its_command() {
        let hint = |does| hint_of(&SessionError::OtherTask { model_type: "x", does });
        assert!(hint("writes texts").starts_with("use hone generate with this model, or "), "{}", hint("writes texts"));
        assert!(hint("labels texts").starts_with("use hone predict with this model, or "), "{}", hint("labels texts"));
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
