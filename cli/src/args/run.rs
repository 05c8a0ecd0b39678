//! Flags that are settings of a run: one for each line of the table of settings.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use hone_core::config::{ConfigProblem, Kind, RunDraft, SETTINGS, Setting, setting};

/// The settings of a run, as typed.
#[derive(Debug, Default)]
pub(crate) struct RunArgs {
    draft: RunDraft,
}

impl RunArgs {
    pub(super) fn draft(&self) -> &RunDraft {
        &self.draft
    }
}

impl Args for RunArgs {
    fn augment_args(command: Command) -> Command {
        let flags = SETTINGS.iter().filter(|setting| !setting.is_of_job_files).map(flag);
        command.next_help_heading("Recipe").args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in SETTINGS.iter().filter(|setting| !setting.is_of_job_files) {
            if let Some(text) = matches.get_one::<String>(setting.name) {
                self.draft.set(setting.name, Some(text.clone()));
            }
        }
        Ok(())
    }
}

/// The flag of a setting.
fn flag(setting: &Setting) -> Arg {
    let default = match setting.shows_default {
        true => format!(" [default: {}]", setting.default_text()),
        false => String::new(),
    };
    let arg = Arg::new(setting.name)
        .long(setting.flag_name())
        .value_name(setting.value_name)
        .help(format!("{}{default}", setting.help))
        .allow_hyphen_values(setting.kind != Kind::Switch);
    let arg = arg.aliases(other_spellings(setting));
    if setting.kind == Kind::Switch { arg.num_args(0..=1).default_missing_value("true") } else { arg }
}

/// The flag as people know it who come from the scripts of `transformers`: `--num_train_epochs`, `--num-train-epochs`.
fn other_spellings(setting: &Setting) -> Vec<String> {
    let of_transformers: &[&str] = match setting.name {
        "batch_size" => &["per_device_train_batch_size"],
        "lora_r" => &["lora_rank"],
        "target_modules" => &["lora_target_modules"],
        _ => &[],
    };
    let flag = setting.flag_name();
    let mut spellings = vec![flag.replace('-', "_")];
    for name in of_transformers.iter().chain([&setting.name]) {
        spellings.extend([(*name).to_owned(), name.replace('_', "-")]);
    }
    spellings.sort();
    spellings.dedup();
    spellings.retain(|spelling| *spelling != flag);
    spellings
}

/// Settings that were typed as nothing.
pub(super) fn blank_fields(draft: &RunDraft) -> impl Iterator<Item = &str> {
    draft.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| name)
}

/// Settings of adapters that were typed and ask for something.
pub(super) fn lora_fields(draft: &RunDraft) -> Vec<&'static str> {
    let of_adapters = SETTINGS.iter().filter(|setting| setting.method == "lora").map(|setting| setting.name);
    let asks = |name: &&str| draft.typed(name).is_some_and(|text| text != "false" && !text.trim().is_empty());
    of_adapters.filter(asks).collect()
}

/// A problem of a setting that is a number, with one that can be used where none was typed: the one that was probably
/// meant, else the default.
pub(super) fn with_example(draft: &RunDraft, mut problem: ConfigProblem) -> ConfigProblem {
    let of_number = setting(&problem.field).filter(|setting| matches!(setting.kind, Kind::Real | Kind::Whole));
    let (Some(setting), Some(typed)) = (of_number, draft.typed(&problem.field)) else { return problem };
    if typed.trim().parse::<f64>().is_ok() {
        return problem; // out of its range, which the message says
    }
    let is_whole = setting.kind == Kind::Whole;
    let is_number = |text: &String| if is_whole { text.parse::<u64>().is_ok() } else { text.parse::<f64>().is_ok() };
    let meant = typed.trim().trim_end_matches([',', ';']);
    let meant = if is_whole { meant.to_owned() } else { meant.replace(',', ".") };
    let examples = [meant, setting.default_text()].into_iter().find(is_number);
    // A word, such as off, is the default of some.
    let example = examples.unwrap_or_else(|| if is_whole { "2" } else { "0.1" }.to_owned());
    let where_point = if is_whole { "" } else { "a point stands before decimals, " };
    let such_as = if is_whole { "such as" } else { "such as in" };
    problem.message.push_str(&format!(" ({where_point}{such_as} {example})"));
    problem
}

/// The flag of a setting, or of a wish about the data.
pub(super) fn flag_of(field: &str) -> String {
    match (setting(field), field) {
        (Some(setting), _) => format!("--{}", setting.flag_name()),
        (None, "merge_labels") => "--merge-label".into(),
        (None, "label_columns") => "--label-column".into(),
        (None, other) => format!("--{}", other.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::RunConfig;

    use super::*;

    fn problem(name: &str, typed: &str) -> String {
        let draft = RunDraft::from_typed([(name, typed)]);
        let problem = draft.resolve(&RunConfig::default()).expect_err("it is mistyped").remove(0);
        with_example(&draft, problem).message
    }

    fn typed(flags: &[&str]) -> RunDraft {
        let matches = RunArgs::augment_args(Command::new("train").no_binary_name(true)).get_matches_from(flags);
        RunArgs::from_arg_matches(&matches).expect("all are flags").draft
    }

    #[test]
    fn flags_are_taken_as_transformers_spells_them() {
        let ours = typed(&["--epochs", "2", "--batch-size", "8", "--learning-rate", "1e-4", "--use-rslora"]);
        let theirs =
            ["--num_train_epochs=2", "--per_device_train_batch_size=8", "--learning_rate=1e-4", "--use_rslora"];
        let dashed = [
            "--num-train-epochs",
            "2",
            "--per-device-train-batch-size",
            "8",
            "--learning-rate",
            "1e-4",
            "--use-rslora",
        ];
        assert_eq!(typed(&theirs), ours);
        assert_eq!(typed(&["--lora_target_modules=all-linear"]), typed(&["--target-modules", "all-linear"]));
        assert_eq!(typed(&dashed), ours);
    }

    #[test]
    fn no_two_settings_share_a_spelling() {
        RunArgs::augment_args(Command::new("train")).debug_assert();
    }

    #[test]
    fn a_number_that_is_mistyped_is_shown_as_it_should_be() {
        for (typed, meant) in [("5e-5,", "5e-5"), ("0,00005", "0.00005"), ("5e-5x", "5e-5"), ("1.000,5", "5e-5")] {
            let hint = format!("(a point stands before decimals, such as in {meant})");
            let expected = format!("{typed:?} is not a number from 1e-12 to 1 {hint}");
            assert_eq!(problem("learning_rate", typed), expected);
        }
        let expected = "\"three\" is not a whole number from 1 to 10000 (such as 3)";
        assert_eq!(problem("num_train_epochs", "three"), expected);
        assert!(problem("batch_size", "32,").ends_with("(such as 32)"));
        assert!(problem("dropout", "0,2").ends_with("such as in 0.2)"));
        assert!(problem("eval_strategy", "all").ends_with("(such as 2)"));
        assert_eq!(problem("learning_rate", "30"), "\"30\" is not a number from 1e-12 to 1");
        assert!(problem("method", "half").ends_with("is not one of full, head, lora, last"));
    }
}
