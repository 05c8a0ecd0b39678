//! Presets on the page: what they set of what was typed, and what they are called there. Plain data over [`RunDraft`]; the sets
//! themselves are those of core, for each task its own.

use hone_core::config::RunDraft;
use hone_core::task::{Preset, Task};

use super::recipe::{METRIC, fields, set_typed, typed};

/// The presets of a task.
pub(crate) fn presets(task: Task) -> &'static [Preset] {
    task.spec().recipe.presets
}

/// The one that suits most files; the page opens with it.
pub(crate) fn balanced(task: Task) -> Option<&'static Preset> {
    presets(task).iter().find(|preset| preset.id == "balanced")
}

/// Fields that presets decide; choosing one clears the others of these.
const PRESET_FIELDS: &[&str] =
    &["method", "num_train_epochs", "learning_rate", "batch_size", "logging_steps", "early_stopping_patience"];

/// What a preset is to the fields of the page.
pub(crate) trait PresetFields {
    /// Lays the preset over what was typed; fields that no preset touches stay.
    fn apply_to(&self, draft: &mut RunDraft);

    /// What it sets, in the words of the page: `Epochs: 5; Learning rate: 3e-5`; empty where it leaves all as it is.
    fn summary(&self, task: Task) -> String;

    /// Whether the draft says exactly this, as far as presets go.
    fn matches(&self, draft: &RunDraft) -> bool;
}

impl PresetFields for Preset {
    fn apply_to(&self, draft: &mut RunDraft) {
        for name in PRESET_FIELDS {
            set_typed(draft, name, None);
        }
        for (name, value) in self.values {
            set_typed(draft, name, Some((*value).into()));
        }
    }

    fn summary(&self, task: Task) -> String {
        let fields = fields(task);
        let words = |(name, value): &(&str, &'static str)| {
            let spec = fields.iter().find(|spec| spec.name == *name)?;
            Some(format!("{}: {}", spec.label, spec.words_of(value)))
        };
        self.values.iter().filter_map(words).collect::<Vec<_>>().join("; ")
    }

    fn matches(&self, draft: &RunDraft) -> bool {
        PRESET_FIELDS.iter().all(|name| {
            let wanted = self.values.iter().find(|(field, _)| field == name).map(|(_, value)| *value);
            typed(draft, name) == wanted
        })
    }
}

/// A preset that the page laid, and for how many training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaidPreset {
    pub id: &'static str,
    pub num_rows: usize,
}

/// Whether the page lays a preset for the rows of a training file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PresetTurn {
    /// The file is new, and no preset was laid for its rows.
    is_due: bool,
    /// A person chose a preset: none is laid from then on.
    is_chosen: bool,
}

impl PresetTurn {
    /// Another training file is taken.
    pub(super) fn take_file(&mut self) {
        self.is_due = true;
    }

    /// A preset was laid, or the file before is back; or the person changed a setting, perhaps while the file is read: laid after that, a
    /// preset would be undone with the setting.
    pub(super) fn end(&mut self) {
        self.is_due = false;
    }

    /// The person chose a preset.
    pub(super) fn choose(&mut self) {
        self.is_chosen = true;
    }

    /// Another project begins: nobody chose a preset there.
    pub(super) fn forget_chosen(&mut self) {
        self.is_chosen = false;
    }

    /// Whether one may be laid now.
    pub(super) fn is_open(self) -> bool {
        self.is_due && !self.is_chosen
    }
}

/// The preset for so many training rows, where the draft has one that goes by rows still, and not this one.
pub(crate) fn preset_to_lay(draft: &RunDraft, task: Task, num_rows: usize) -> Option<&'static Preset> {
    let recipe = task.spec().recipe;
    let wanted = recipe.preset_for(num_rows)?;
    let mut by_rows = [0, usize::MAX].into_iter().filter_map(|rows| recipe.preset_for(rows));
    (by_rows.any(|preset| preset.matches(draft)) && !wanted.matches(draft)).then_some(wanted)
}

/// Goes over to another task: the preset of the same name, else the balanced one. A figure that the other task does not
/// measure can't choose its best weights; what else was typed stays.
pub(crate) fn change_task(draft: &mut RunDraft, from: Task, to: Task) {
    let chosen = presets(from).iter().find(|preset| preset.matches(draft)).map_or("balanced", |preset| preset.id);
    let named = presets(to).iter().find(|preset| preset.id == chosen);
    if let Some(preset) = named.or_else(|| balanced(to)) {
        preset.apply_to(draft);
    }
    if typed(draft, METRIC).is_some_and(|figure| to.spec().figure(figure).is_none()) {
        set_typed(draft, METRIC, None);
    }
}

/// Goes back to the settings that a task had when it was left, `kept`: those that presets decide, and the figure that
/// chooses the best weights.
pub(crate) fn restore(draft: &mut RunDraft, kept: &RunDraft) {
    for name in PRESET_FIELDS.iter().chain([&METRIC]) {
        draft.set(name, kept.typed(name).map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{base, in_force};
    use super::*;

    #[test]
    fn presets_resolve_and_are_recognised() {
        for &task in Task::ALL {
            assert!(balanced(task).is_some(), "{task:?}");
            for preset in presets(task) {
                let mut draft = RunDraft::from_typed([("seed", "7")]);
                preset.apply_to(&mut draft);
                let run = in_force(&draft, &fields(task), &base(task)).resolve(&base(task)).expect("a preset is valid");
                assert_eq!(run.seed, 7, "{} keeps what it does not decide", preset.id);
                let recognised: Vec<_> = presets(task).iter().filter(|p| p.matches(&draft)).map(|p| p.id).collect();
                assert_eq!(recognised, [preset.id]);
            }
        }
    }

    #[test]
    fn a_preset_follows_the_rows_until_a_person_decides() {
        for &task in Task::ALL {
            let few = task.spec().recipe.few_rows_below - 1;
            let mut draft = RunDraft::from_typed([("seed", "7")]);
            balanced(task).expect("every task has it").apply_to(&mut draft);
            assert_eq!(preset_to_lay(&draft, task, few + 1), None, "it is there");
            let for_few = preset_to_lay(&draft, task, few).expect("every task has one for few rows");
            for_few.apply_to(&mut draft);
            assert_eq!((for_few.id, typed(&draft, "seed")), ("few_rows", Some("7")));
            assert_eq!(preset_to_lay(&draft, task, few), None);
            assert_eq!(preset_to_lay(&draft, task, few + 1), balanced(task));
            set_typed(&mut draft, "num_train_epochs", Some("77".into()));
            assert_eq!(preset_to_lay(&draft, task, few + 1), None, "a person decided");
        }
    }

    #[test]
    fn what_is_typed_while_a_file_is_read_keeps_a_preset_from_being_laid_for_it() {
        let mut turn = PresetTurn::default();
        assert!(!turn.is_open(), "there is no file");
        turn.end();
        turn.take_file();
        assert!(turn.is_open(), "what was typed before is no part of the step that took the file");
        turn.end();
        assert!(!turn.is_open(), "one step back would take both");
        turn.take_file();
        assert!(turn.is_open(), "another file");
        turn.choose();
        turn.take_file();
        assert!(!turn.is_open(), "the person chose");
        turn.forget_chosen();
        assert!(turn.is_open());
        turn.end();
        assert!(!turn.is_open());
    }

    #[test]
    fn texts_that_are_told_apart_in_a_batch_have_large_ones_and_no_head_to_train_alone() {
        let task = Task::SentenceEmbedding;
        let summary = balanced(task).map(|preset| preset.summary(task));
        assert_eq!(summary.as_deref(), Some("Epochs: 2; Batch size: 32"));
        assert!(presets(task).iter().all(|preset| preset.values.iter().all(|(name, _)| *name != "method")));
    }

    #[test]
    fn presets_say_what_they_set() {
        for &task in Task::ALL {
            for preset in presets(task) {
                let parts = preset.values.len();
                let labels = fields(task).iter().filter(|spec| preset.summary(task).contains(spec.label)).count();
                assert!(labels >= parts, "{} names all {parts} fields", preset.id);
            }
        }
    }

    #[test]
    fn another_task_keeps_the_preset_of_that_name_and_drops_a_figure_that_it_lacks() {
        for (&from, &to) in Task::ALL.iter().zip(Task::ALL.iter().rev()) {
            let mut draft = RunDraft::from_typed([("metric_for_best_model", "no such figure"), ("seed", "7")]);
            presets(from)[0].apply_to(&mut draft);
            change_task(&mut draft, from, to);
            assert_eq!((typed(&draft, "metric_for_best_model"), typed(&draft, "seed")), (None, Some("7")));
            assert!(presets(to).iter().any(|preset| preset.matches(&draft)), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn what_was_typed_for_a_task_comes_back_with_it_and_all_else_stays_as_it_is_now() {
        let kept = RunDraft::from_typed([("method", "last:2"), ("num_train_epochs", "7"), ("seed", "1")]);
        let mut draft = RunDraft::from_typed([("learning_rate", "1"), ("seed", "2")]);
        restore(&mut draft, &kept);
        assert_eq!(draft, RunDraft::from_typed([("method", "last:2"), ("num_train_epochs", "7"), ("seed", "2")]));
    }
}
