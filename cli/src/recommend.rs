//! Says which settings are recommended for a task and so many rows, where a run has others that nobody chose. In: what was typed, what
//! is learned, how much the model reads, how many rows there are. Out: a line, or nothing.

use hone_core::config::{RunConfig, setting};
use hone_core::task::{Recommended, Task};
use hone_core::words::plural;

use crate::args::TrainArgs;

/// What is recommended and other in a run; `None` where nothing is, or a job, a checkpoint or a project decides.
pub(crate) fn note(
    args: &TrainArgs,
    (task, hidden_size, longest): (Task, usize, usize),
    run: &RunConfig,
    num_rows: usize,
) -> Option<String> {
    if args.job.is_some() || args.resume || args.project.is_some() {
        return None;
    }
    let other = task.spec().recipe.other_in(run, (hidden_size, num_rows), |name| args.has_typed(name));
    let other: Vec<Recommended> = other.into_iter().filter_map(|one| within(one, longest)).collect();
    (!other.is_empty()).then(|| in_words(&other, num_rows))
}

/// A length in tokens within what the model reads, as on the page; `None` where the run has just that.
fn within(one: Recommended, longest: usize) -> Option<Recommended> {
    if one.name != "max_seq_length" || one.value.parse().is_ok_and(|length: usize| length <= longest) {
        return Some(one);
    }
    let value = longest.to_string();
    (value != one.found).then_some(Recommended { value, ..one })
}

fn in_words(other: &[Recommended], num_rows: usize) -> String {
    let flag = |one: &Recommended| {
        let name = setting(one.name).map_or_else(|| one.name.to_owned(), |setting| setting.flag_name());
        format!("--{name} {}", one.value)
    };
    let flags = other.iter().map(flag).collect::<Vec<_>>().join(" ");
    let found = other.iter().map(|one| one.found.as_str()).collect::<Vec<_>>().join(", ");
    // A plain text is one row, however long it is.
    let what = match num_rows {
        1 => "this task and this model".to_owned(),
        _ => format!("this task, this model and {}", plural(num_rows, "training row")),
    };
    format!("recommended for {what}: {flags} (the page opens with them; they were not typed, so this run has {found})")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn noted(flags: &[&str], num_rows: usize) -> Option<String> {
        let line = ["hone", "train", "--model", "m", "--data", "x.csv", "--output", "out"];
        let Command::Train(args) = Cli::parse_from(line.iter().chain(flags)).command else { panic!("not train") };
        note(&args, (Task::default(), 768, 512), &RunConfig::default(), num_rows)
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
        let of_one = noted(&[], 1).expect("the epochs are others");
        assert!(of_one.starts_with("recommended for this task and this model: --"), "{of_one}");
        assert_eq!(noted(&["--job", "hone.json"], 3000), None);
    }

    #[test]
    fn no_length_is_recommended_that_the_model_does_not_read() {
        let one = |name| Recommended { name, value: "384".to_owned(), found: "128".to_owned() };
        let value = |name, longest| within(one(name), longest).map(|one| one.value);
        assert_eq!(value("max_seq_length", 512).as_deref(), Some("384"));
        assert_eq!(value("max_seq_length", 256).as_deref(), Some("256"));
        assert_eq!(value("max_seq_length", 128), None, "the run has it");
        assert_eq!(value("batch_size", 128).as_deref(), Some("384"));
    }
}
