//! Flags that are settings of a run: one for each line of the table of settings.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use hone_core::config::{Kind, RunDraft, SETTINGS, Setting, setting};

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
    if setting.kind == Kind::Switch { arg.num_args(0..=1).default_missing_value("true") } else { arg }
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

/// The flag of a setting, or of a wish about the data.
pub(super) fn flag_of(field: &str) -> String {
    match (setting(field), field) {
        (Some(setting), _) => format!("--{}", setting.flag_name()),
        (None, "merge_labels") => "--merge-label".into(),
        (None, "label_columns") => "--label-column".into(),
        (None, other) => format!("--{}", other.replace('_', "-")),
    }
}
