//! Says which settings are recommended for a task and so many rows, where a run has others that nobody chose. In: what was typed, what
//! is learned, how many rows there are. Out: a line, or nothing.

use hone_core::config::{RunConfig, setting};
use hone_core::task::{Recommended, Task};
use hone_core::words::plural;

use crate::args::TrainArgs;

/// What is recommended and other in a run; `None` where nothing is, or a job, a checkpoint or a project decides.
pub(crate) fn note(
    args: &TrainArgs,
    (task, hidden_size): (Task, usize),
    run: &RunConfig,
    num_rows: usize,
) -> Option<String> {
    if args.job.is_some() || args.resume || args.project.is_some() {
        return None;
    }
    let other = task.spec().recipe.other_in(run, (hidden_size, num_rows), |name| args.has_typed(name));
    (!other.is_empty()).then(|| in_words(&other, num_rows))
}

fn in_words(other: &[Recommended], num_rows: usize) -> String {
    let flag = |one: &Recommended| {
        let name = setting(one.name).map_or_else(|| one.name.to_owned(), |setting| setting.flag_name());
        format!("--{name} {}", one.value)
    };
    let flags = other.iter().map(flag).collect::<Vec<_>>().join(" ");
    let found = other.iter().map(|one| one.found.as_str()).collect::<Vec<_>>().join(", ");
    format!(
        "recommended for this task, this model and {}: {flags} (the page opens with them; they were not typed, so this run has {found})",
        plural(num_rows, "training row")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn noted(flags: &[&str], num_rows: usize) -> Option<String> {
        let line = ["hone", "train", "--model", "m", "--data", "x.csv", "--output", "out"];
        let Command::Train(args) = Cli::parse_from(line.iter().chain(flags)).command else { panic!("not train") };
        note(&args, (Task::default(), 768), &RunConfig::default(), num_rows)
    }

    #[test]
    fn what_is_recommended_is_said_where_nobody_decided_otherwise() {
        let text = noted(&[], 3000).expect("the rate is another");
        let expected = "recommended for this task, this model and 3,000 training rows: --learning-rate 1e-4 ";
        assert!(text.starts_with(expected) && text.ends_with("so this run has 5e-5)"), "{text}");
        assert!(
            noted(&[], 100).is_some_and(|text| text.contains("--epochs 6") || text.contains("--num-train-epochs 6"))
        );
        assert_eq!(noted(&["--learning-rate", "5e-5"], 3000), None);
        assert_eq!(noted(&["--job", "hone.json"], 3000), None);
    }
}
