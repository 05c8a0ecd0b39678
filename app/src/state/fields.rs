//! A field of the page: of a setting out of the table of settings, or one that the page alone has.

use hone_core::config::{Kind, Setting};

/// A field, in the words of the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSpec {
    /// Name of the setting.
    pub name: &'static str,
    /// In plain words.
    pub label: &'static str,
    /// What it is counted in; empty for choices.
    pub unit: &'static str,
    /// What it does, and when to change it.
    pub hint: &'static str,
    /// (value, words) to choose from; empty where something is typed.
    pub choices: &'static [(&'static str, &'static str)],
    /// What is typed.
    pub kind: Kind,
    /// Shown only when asked for.
    pub is_advanced: bool,
    /// The method that has it; empty for all.
    pub(super) method: &'static str,
}

impl FieldSpec {
    /// The field of a setting.
    pub(super) fn of(setting: &'static Setting) -> Self {
        let &Setting { name, label, unit, hint, choices, kind, is_advanced, method, .. } = setting;
        Self { name, label, unit, hint, choices, kind, is_advanced, method }
    }

    /// A value as the page calls it: of a choice its words, without what they say beside that.
    pub(super) fn words_of<'a>(&self, value: &'a str) -> &'a str {
        let words = self.choices.iter().find(|(choice, _)| *choice == value).map_or(value, |(_, words)| *words);
        words.split(';').next().unwrap_or(words)
    }
}

/// A field in which something is typed.
pub(super) const fn typed(
    kind: Kind,
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
) -> FieldSpec {
    FieldSpec { name, label, unit, hint, choices: &[], kind, is_advanced: false, method: "" }
}
