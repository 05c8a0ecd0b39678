//! Presets: named sets of settings, for each task its own. Plain data over [`RunDraft`].

use hone_core::config::{RunDraft, Task};

use super::recipe::{fields, set_typed, typed};

/// A named set of settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset {
    pub id: &'static str,
    pub title: &'static str,
    /// When to take it.
    pub hint: &'static str,
    /// (field, value).
    values: &'static [(&'static str, &'static str)],
}

/// The presets of a task.
pub(crate) fn presets(task: Task) -> &'static [Preset] {
    match task {
        Task::SequenceClassification => CLASS_PRESETS,
        Task::CausalLm => TEXT_PRESETS,
    }
}

const CLASS_PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1"), ("learning_rate", "1e-4")],
    },
    BALANCED,
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "3e-5"), ("early_stopping_patience", "2")],
    },
    FEW_ROWS,
    Preset {
        id: "head",
        title: "Head only",
        hint: "Only the part that chooses the label is trained: quickest and lightest.",
        values: &[("method", "head"), ("num_train_epochs", "5"), ("learning_rate", "3e-3")],
    },
];

/// What suits most files of labeled rows; the page opens with it.
pub(crate) const BALANCED: Preset = Preset {
    id: "balanced",
    title: "Balanced",
    hint: "Three passes over all weights: right for most files.",
    values: &[("num_train_epochs", "3"), ("learning_rate", "1e-4")],
};

/// What suits files of a few hundred labeled rows.
const FEW_ROWS: Preset = Preset {
    id: "few_rows",
    title: "Few rows",
    hint: "Small batches and more passes, for fewer than about 1,000 rows.",
    values: &[("num_train_epochs", "6"), ("learning_rate", "1e-4"), ("batch_size", "8"), ("logging_steps", "1")],
};

/// Laid over [`super::recipe::base`], which has adapters and their rate.
const TEXT_PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1")],
    },
    Preset {
        id: "balanced",
        title: "Balanced",
        hint: "Three passes with adapters: right for most files.",
        values: &[],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "1e-4"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: "few_rows",
        title: "Few rows",
        hint: "Small batches and more passes, for fewer than about 500 rows.",
        values: &[("num_train_epochs", "6"), ("batch_size", "2"), ("logging_steps", "1")],
    },
    Preset {
        id: "full",
        title: "All weights",
        hint: "Learns the most, but needs the most memory and forgets the most.",
        values: &[("method", "full"), ("learning_rate", "5e-5")],
    },
];

/// Fields that presets decide; choosing one clears the others of these.
const PRESET_FIELDS: &[&str] =
    &["method", "num_train_epochs", "learning_rate", "batch_size", "logging_steps", "early_stopping_patience"];

impl Preset {
    /// Lays the preset over what was typed; fields that no preset touches stay.
    pub(crate) fn apply_to(&self, draft: &mut RunDraft) {
        for name in PRESET_FIELDS {
            set_typed(draft, name, None);
        }
        for (name, value) in self.values {
            set_typed(draft, name, Some((*value).into()));
        }
    }

    /// What it sets, in the words of the page: `Epochs: 3; Learning rate: 1e-4`; empty where it leaves all as it is.
    pub(crate) fn summary(&self, task: Task) -> String {
        let words = |(name, value): &(&str, &'static str)| {
            let spec = fields(task).find(|spec| spec.name == *name)?;
            let words = spec.choices.iter().find(|(choice, _)| choice == value).map_or(*value, |(_, words)| *words);
            // What else they say stands beside the field.
            let value = words.split(';').next().unwrap_or(words);
            Some(format!("{}: {value}", spec.label))
        };
        self.values.iter().filter_map(words).collect::<Vec<_>>().join("; ")
    }

    /// Whether the draft says exactly this, as far as presets go.
    pub(crate) fn matches(&self, draft: &RunDraft) -> bool {
        PRESET_FIELDS.iter().all(|name| {
            let wanted = self.values.iter().find(|(field, _)| field == name).map(|(_, value)| *value);
            typed(draft, name) == wanted
        })
    }
}

/// Goes over to another task: the preset of the same name, else the balanced one. What was typed elsewhere stays.
pub(crate) fn change_task(draft: &mut RunDraft, from: Task, to: Task) {
    let chosen = presets(from).iter().find(|preset| preset.matches(draft)).map_or("balanced", |preset| preset.id);
    let named = |id: &str| presets(to).iter().find(|preset| preset.id == id);
    if let Some(preset) = named(chosen).or_else(|| named("balanced")) {
        preset.apply_to(draft);
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::Method;

    use super::super::recipe::{base, in_force};
    use super::*;

    const TASKS: [Task; 2] = [Task::SequenceClassification, Task::CausalLm];

    #[test]
    fn presets_resolve_and_are_recognised() {
        for task in TASKS {
            for preset in presets(task) {
                let mut draft = RunDraft { seed: Some("7".into()), ..RunDraft::default() };
                preset.apply_to(&mut draft);
                let run = in_force(&draft, task, &base(task)).resolve(&base(task)).expect("a preset is valid");
                assert_eq!(run.seed, 7, "{} keeps what it does not decide", preset.id);
                let recognised: Vec<_> = presets(task).iter().filter(|p| p.matches(&draft)).map(|p| p.id).collect();
                assert_eq!(recognised, [preset.id]);
            }
        }
    }

    #[test]
    fn presets_say_what_they_set() {
        let [classes, texts] = TASKS;
        assert_eq!(BALANCED.summary(classes), "Epochs: 3; Learning rate: 1e-4");
        let summary_of =
            |id: &str, task| presets(task).iter().find(|preset| preset.id == id).map(|preset| preset.summary(task));
        let head = summary_of("head", classes).expect("there is one");
        assert_eq!(head, "What is trained: Head only; Epochs: 5; Learning rate: 3e-3");
        assert_eq!(summary_of("balanced", texts).as_deref(), Some(""));
        for task in TASKS {
            for preset in presets(task) {
                let parts = preset.values.len();
                let labels = fields(task).filter(|spec| preset.summary(task).contains(spec.label)).count();
                assert!(labels >= parts, "{} names all {parts} fields", preset.id);
            }
        }
    }

    #[test]
    fn a_language_model_gets_adapters_without_a_word() {
        let base = base(Task::CausalLm);
        let mut draft = RunDraft::default();
        BALANCED.apply_to(&mut draft);
        change_task(&mut draft, Task::SequenceClassification, Task::CausalLm);
        assert_eq!(draft, RunDraft::default());
        let run = draft.resolve(&base).expect("nothing typed");
        assert_eq!((run.method, run.learning_rate, run.batch_size, run.max_seq_length), (Method::Lora, 2e-4, 4, 256));
        change_task(&mut draft, Task::CausalLm, Task::SequenceClassification);
        assert!(BALANCED.matches(&draft));
        draft.method = Some("head".into());
        change_task(&mut draft, Task::SequenceClassification, Task::CausalLm);
        assert_eq!(draft.method, None, "a method that a task does not have is dropped");
    }
}
