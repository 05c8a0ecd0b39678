//! Settings that are recommended for a task: those that hold where a person sets none on the page, and named sets over them. The page
//! opens with them; the terminal says them where a run has others. Plain data: a task names one of these in its `SPEC`.

use crate::config::{RunConfig, RunDraft, SETTINGS, setting};

/// The preset that suits most files.
const BALANCED: &str = "balanced";

/// The preset for few rows.
const FEW_ROWS: &str = "few_rows";

/// Models whose states are narrower than this, such as MiniLM, learn at a higher rate than those of 768 and more.
const NARROW: usize = 512;

/// A setting by its name, as it is typed.
pub type TypedSetting = (&'static str, &'static str);

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in tests and on the way from task to task.
    pub id: &'static str,
    /// Its name on the page.
    pub title: &'static str,
    /// When to take it.
    pub hint: &'static str,
    /// What it sets, over the base.
    pub values: &'static [TypedSetting],
}

/// What is recommended for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Settings that are other than the defaults of all runs, whatever the preset.
    pub base: &'static [TypedSetting],
    /// Over the base, for models whose hidden size is below 512.
    pub narrow: &'static [TypedSetting],
    /// Named sets over them.
    pub presets: &'static [Preset],
    /// With fewer training rows than these, the preset for few rows is recommended.
    pub few_rows_below: usize,
}

/// A setting that a run has otherwise than it is recommended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommended {
    /// Its name.
    pub name: &'static str,
    /// What is recommended, as it is typed.
    pub value: String,
    /// What the run has.
    pub found: String,
}

impl Recipe {
    /// The settings that hold where nothing is typed, for a model of such a width (`None`: which one, is not known yet).
    ///
    /// # Panics
    /// Never: a test resolves every recipe.
    #[must_use]
    pub fn base_run(&self, hidden_size: Option<usize>) -> RunConfig {
        let draft = RunDraft::from_typed(self.base_for(hidden_size));
        draft.resolve(&RunConfig::default()).expect("a test resolves every recipe")
    }

    fn base_for(&self, hidden_size: Option<usize>) -> impl Iterator<Item = TypedSetting> {
        let narrow = if hidden_size.is_some_and(|size| size < NARROW) { self.narrow } else { &[] };
        self.base.iter().chain(narrow).copied()
    }

    /// The preset that suits so many training rows.
    #[must_use]
    pub fn preset_for(&self, num_rows: usize) -> Option<&'static Preset> {
        let wanted = if num_rows < self.few_rows_below { FEW_ROWS } else { BALANCED };
        self.presets.iter().find(|preset| preset.id == wanted)
    }

    /// What is recommended for a model of a width and so many training rows, and other in a run; `is_own` says of which
    /// settings a person decided otherwise.
    #[must_use]
    pub fn other_in(
        &self,
        run: &RunConfig,
        (hidden_size, num_rows): (usize, usize),
        is_own: impl Fn(&str) -> bool,
    ) -> Vec<Recommended> {
        let preset = self.preset_for(num_rows).map_or(&[][..], |preset| preset.values);
        let draft = RunDraft::from_typed(self.base_for(Some(hidden_size)).chain(preset.iter().copied()));
        let Ok(recommended) = draft.resolve(&RunConfig::default()) else { return Vec::new() };
        let method = |run: &RunConfig| setting("method").map(|setting| (setting.get)(run));
        if is_own("method") && method(&recommended) != method(run) {
            return Vec::new(); // its rate and its batches are those of another method
        }
        // How often losses are read is no matter of how well a model learns.
        let counts = |name: &str| name != "logging_steps" && draft.typed(name).is_some() && !is_own(name);
        let other = SETTINGS.iter().filter(|setting| counts(setting.name)).filter_map(|setting| {
            let (value, found) = ((setting.get)(&recommended), (setting.get)(run));
            (value != found).then_some(Recommended { name: setting.name, value, found })
        });
        other.collect()
    }
}

/// Of models with a head of their own on an encoder.
/// The rate of narrow models is one at which both TREC-6 and Banking77 are learned well (docs/LOG.md, 2026-11-30).
pub(super) const WITH_HEAD: Recipe = Recipe {
    base: &[("learning_rate", "1e-4")],
    narrow: &[("learning_rate", "2e-4")],
    presets: HEAD_PRESETS,
    few_rows_below: 1000,
};

/// Of spans: a question and most contexts stand in a window of 384 tokens.
pub(super) const OF_SPANS: Recipe = Recipe {
    base: &[("learning_rate", "1e-4"), ("max_seq_length", "384"), ("batch_size", "8")],
    narrow: &[],
    presets: HEAD_PRESETS,
    few_rows_below: 1000,
};

const HEAD_PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1")],
    },
    Preset {
        id: BALANCED,
        title: "Balanced",
        hint: "Three passes over all weights: right for most files.",
        values: &[("num_train_epochs", "3")],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "3e-5"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: FEW_ROWS,
        title: "Few rows",
        hint: "Small batches and more passes, for fewer than about 1,000 rows.",
        values: &[("num_train_epochs", "6"), ("batch_size", "8"), ("logging_steps", "1")],
    },
    Preset {
        id: "head",
        title: "Head only",
        hint: "Only the part that gives the answer is trained: quickest and lightest.",
        values: &[("method", "head"), ("num_train_epochs", "5"), ("learning_rate", "3e-3")],
    },
];

/// Of texts that are told apart within a batch: the larger it is, the more there is to learn. The head has no weights.
pub(super) const OF_VECTORS: Recipe = Recipe {
    base: &[],
    narrow: &[],
    presets: &[
        Preset {
            id: "quick",
            title: "Quick look",
            hint: "One pass: does it learn at all?",
            values: &[("num_train_epochs", "1"), ("batch_size", "32")],
        },
        Preset {
            id: BALANCED,
            title: "Balanced",
            hint: "Two passes in large batches: right for most files.",
            values: &[("num_train_epochs", "2"), ("batch_size", "32")],
        },
        Preset {
            id: "careful",
            title: "Careful",
            hint: "More passes at a lower rate; stops when it gets no better.",
            values: &[
                ("num_train_epochs", "5"),
                ("learning_rate", "2e-5"),
                ("batch_size", "32"),
                ("early_stopping_patience", "2"),
            ],
        },
        Preset {
            id: FEW_ROWS,
            title: "Few rows",
            hint: "More passes, for fewer than about 1,000 rows.",
            values: &[("num_train_epochs", "6"), ("logging_steps", "1")],
        },
    ],
    few_rows_below: 1000,
};

/// Of vision transformers: those of the examples of `transformers` and PEFT for image classification.
pub(super) const OF_IMAGES: Recipe = Recipe {
    base: &[("num_train_epochs", "3"), ("learning_rate", "5e-5"), ("batch_size", "8")],
    narrow: &[],
    presets: &[
        Preset {
            id: "quick",
            title: "Quick look",
            hint: "One pass: does it learn at all?",
            values: &[("num_train_epochs", "1")],
        },
        Preset {
            id: BALANCED,
            title: "Balanced",
            hint: "Three passes over all weights: right for most sets of images.",
            values: &[],
        },
        Preset {
            id: "careful",
            title: "Careful",
            hint: "More passes at a lower rate; stops when it gets no better.",
            values: &[("num_train_epochs", "8"), ("learning_rate", "2e-5"), ("early_stopping_patience", "2")],
        },
        Preset {
            id: FEW_ROWS,
            title: "Few images",
            hint: "Small batches and more passes, for fewer than about 500 images.",
            values: &[("num_train_epochs", "8"), ("batch_size", "4"), ("logging_steps", "1")],
        },
        Preset {
            id: "head",
            title: "Head only",
            hint: "Each image is looked at once, and only what tells the classes apart is trained: by far the quickest.",
            values: &[("method", "head"), ("num_train_epochs", "20"), ("learning_rate", "1e-3")],
        },
        Preset {
            id: "lora",
            title: "Adapters",
            hint: "Learns nearly as much as all weights with less memory, and can be taken home alone.",
            values: &[("method", "lora"), ("num_train_epochs", "5"), ("learning_rate", "1e-3")],
        },
    ],
    few_rows_below: 500,
};

/// Of language models: adapters, and their rate.
pub(super) const OF_WRITING: Recipe = Recipe {
    base: &[
        ("method", "lora"),
        ("num_train_epochs", "3"),
        ("learning_rate", "2e-4"),
        ("batch_size", "4"),
        ("max_seq_length", "256"),
    ],
    narrow: &[],
    presets: &[
        Preset {
            id: "quick",
            title: "Quick look",
            hint: "One pass: does it learn at all?",
            values: &[("num_train_epochs", "1")],
        },
        Preset {
            id: BALANCED,
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
            id: FEW_ROWS,
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
    ],
    few_rows_below: 500,
};

/// Of models of T5's kind: adapters, at a higher rate than other models learn at.
pub(super) const OF_TEXT_TO_TEXT: Recipe = Recipe {
    base: &[
        ("method", "lora"),
        ("num_train_epochs", "3"),
        ("learning_rate", "5e-4"),
        ("batch_size", "8"),
        ("max_seq_length", "256"),
    ],
    narrow: &[],
    presets: &[
        Preset {
            id: "quick",
            title: "Quick look",
            hint: "One pass: does it learn at all?",
            values: &[("num_train_epochs", "1"), ("learning_rate", "1e-3")],
        },
        Preset {
            id: BALANCED,
            title: "Balanced",
            hint: "Three passes with adapters: right for most files.",
            values: &[],
        },
        Preset {
            id: "careful",
            title: "Careful",
            hint: "More passes at a lower rate; stops when it gets no better.",
            values: &[("num_train_epochs", "6"), ("learning_rate", "3e-4"), ("early_stopping_patience", "2")],
        },
        Preset {
            id: FEW_ROWS,
            title: "Few rows",
            hint: "Small batches and more passes, for fewer than about 500 rows.",
            values: &[
                ("num_train_epochs", "8"),
                ("batch_size", "4"),
                ("learning_rate", "1e-3"),
                ("logging_steps", "1"),
            ],
        },
        Preset {
            id: "full",
            title: "All weights",
            hint: "Learns the most, but needs the most memory and forgets the most.",
            values: &[("method", "full"), ("learning_rate", "1e-4")],
        },
    ],
    few_rows_below: 500,
};

#[cfg(test)]
mod tests {
    use super::super::Task;
    use super::*;
    use crate::config::Method;

    #[test]
    fn every_recipe_resolves_and_has_a_preset_for_few_rows_and_for_others() {
        for &task in Task::ALL {
            let recipe = task.spec().recipe;
            for base in [None, Some(NARROW - 1), Some(NARROW)].map(|width| recipe.base_run(width)) {
                for preset in recipe.presets {
                    let draft = RunDraft::from_typed(preset.values.iter().copied());
                    assert!(draft.resolve(&base).is_ok(), "{}: {}", task.name(), preset.id);
                }
            }
            let ids = [0, recipe.few_rows_below].map(|rows| recipe.preset_for(rows).map(|preset| preset.id));
            assert_eq!(ids, [Some(FEW_ROWS), Some(BALANCED)], "{}", task.name());
        }
    }

    #[test]
    fn what_a_run_has_otherwise_is_named_unless_a_person_decided_it() {
        let (plain, none) = (RunConfig::default(), |_: &str| false);
        let told = |found: Vec<Recommended>| -> Vec<(&str, String)> {
            found.into_iter().map(|one| (one.name, one.value)).collect()
        };
        assert_eq!(told(WITH_HEAD.other_in(&plain, (768, 5000), none)), [("learning_rate", "1e-4".to_owned())]);
        assert_eq!(told(WITH_HEAD.other_in(&plain, (384, 5000), none)), [("learning_rate", "2e-4".to_owned())]);
        let few = told(WITH_HEAD.other_in(&plain, (768, 200), none));
        assert!(
            few.contains(&("num_train_epochs", "6".into())) && few.contains(&("batch_size", "8".into())),
            "{few:?}"
        );
        assert!(few.iter().all(|(name, _)| *name != "logging_steps"));
        assert!(told(WITH_HEAD.other_in(&plain, (768, 5000), |name| name == "learning_rate")).is_empty());
        let head = RunConfig { method: Method::Head, ..RunConfig::default() };
        assert!(
            told(WITH_HEAD.other_in(&head, (768, 5000), |name| name == "method")).is_empty(),
            "another method has its own"
        );
        let writing = told(OF_WRITING.other_in(&plain, (768, 5000), none));
        assert!(writing.iter().any(|(name, value)| *name == "method" && value == "lora"), "{writing:?}");
        assert!(OF_WRITING.other_in(&OF_WRITING.base_run(Some(768)), (768, 5000), none).is_empty());
    }
}
