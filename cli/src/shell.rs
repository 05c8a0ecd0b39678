//! `hone completions SHELL` and `hone man`: what a shell and `man` know about the command line, out of clap's own
//! description of it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;
use crate::failure::io_error;

/// Runs `hone completions`.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    // clap_complete panics where its output is closed early; a buffer never is.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hone", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `hone man`.
///
/// # Errors
/// When the pages cannot be written.
pub(crate) fn man(out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let pages = pages();
    match out {
        None => pages.iter().try_for_each(|page| page.render(&mut io::stdout()))?,
        Some(folder) => {
            let failed = |error: io::Error| io_error("write the manual pages", &error, folder);
            fs::create_dir_all(folder).map_err(failed)?;
            for page in pages {
                writeln!(io::stdout(), "{}", page.generate_to(folder).map_err(failed)?.display())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The page of `hone`, then those of its commands.
fn pages() -> Vec<Man> {
    fn add(command: &clap::Command, pages: &mut Vec<Man>) {
        pages.push(Man::new(command.clone()));
        command.get_subcommands().for_each(|below| add(below, pages));
    }
    // A page on how to get help for each command would say nothing.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages);
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_flags(command: &clap::Command, found: &mut Vec<String>) {
        let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
        found.extend(shown.filter_map(|flag| Some(format!("--{}", flag.get_long()?))));
        command.get_subcommands().for_each(|below| long_flags(below, found));
    }

    #[test]
    fn the_manual_has_every_option_of_every_command() {
        let mut text = Vec::new();
        pages().iter().for_each(|page| page.render(&mut text).expect("a buffer takes everything"));
        let text = String::from_utf8(text).expect("text").replace("\\-", "-");
        let mut flags = Vec::new();
        long_flags(&Cli::command(), &mut flags);
        assert!(flags.len() > 30, "{flags:?}");
        for flag in flags {
            assert!(text.contains(&flag), "{flag} is not in the manual");
        }
    }

    #[test]
    fn every_command_has_a_page_and_is_completed() {
        let names: Vec<String> = pages().iter().map(Man::get_filename).collect();
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::command(), "hone", &mut script);
        let script = String::from_utf8(script).expect("text");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(names.contains(&format!("hone-{name}.1")), "{names:?}");
            assert!(script.contains(&format!("__{name})")), "{name} is not completed");
        }
    }
}
