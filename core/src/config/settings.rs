//! The table of settings: an entry here and a field of [`RunConfig`](super::RunConfig) are a new setting.
//!
//! What was typed, its check, the flags of the command line, the fields of the page and what a job file may hold all follow
//! from it: what a setting is called, what it may be, what it belongs to, and what is said of it. The table has four
//! parts, in the order in which settings are shown: `usual`, `of_tasks`, `advanced` and `techniques`.

mod adapters;
mod advanced;
mod of_tasks;
mod techniques;
mod usual;

use super::setting::Setting;
use advanced::ADVANCED;
use of_tasks::OF_TASKS;
use techniques::TECHNIQUES;
use usual::USUAL;

/// The word for adapters where the model's architecture names them.
pub const DEFAULT_TARGETS: &str = "default";

/// How [`Method::LastLayers`](super::Method::LastLayers) is typed, before the number of layers.
pub const LAST: &str = "last:";

/// All settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &join::<{ USUAL.len() + OF_TASKS.len() + ADVANCED.len() + TECHNIQUES.len() }>([
    USUAL, OF_TASKS, ADVANCED, TECHNIQUES,
]);

/// The parts of the table, one after the other; `N` settings in all.
const fn join<const N: usize>(parts: [&[Setting]; 4]) -> [Setting; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut index, mut next) = (0, 0, 0);
    while part < parts.len() {
        if index < parts[part].len() {
            all[next] = parts[part][index];
            (index, next) = (index + 1, next + 1);
        } else {
            (part, index) = (part + 1, 0);
        }
    }
    all
}

/// A setting by its name.
#[must_use]
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::RunConfig;
    use super::*;

    #[test]
    fn every_setting_gives_back_what_it_was_set_to() {
        let default = RunConfig::default();
        for setting in SETTINGS {
            let text = (setting.get)(&default);
            let mut run = RunConfig::default();
            (setting.set)(&mut run, &text).expect("the default can be used");
            assert_eq!(run, default, "{}", setting.name);
            let is_offered = setting.choices.is_empty() || setting.choices.iter().any(|(value, _)| *value == text);
            assert!(is_offered, "{} offers its default", setting.name);
        }
    }

    #[test]
    fn names_and_flags_are_unique_and_everything_is_explained() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let flags: BTreeSet<_> = SETTINGS.iter().map(Setting::flag_name).collect();
        assert_eq!((names.len(), flags.len()), (SETTINGS.len(), SETTINGS.len()));
        for setting in SETTINGS.iter().filter(|setting| !setting.is_of_job_files) {
            assert!(
                !setting.help.is_empty() && !setting.label.is_empty() && !setting.hint.is_empty(),
                "{}",
                setting.name
            );
        }
    }
}
