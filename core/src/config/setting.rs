//! What a setting is: a line of the table in `settings`, and how the kinds of them are read.

use super::RunConfig;

/// What a setting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Every task.
    EveryTask,
    /// The tasks that name it.
    SomeTasks,
}

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that may have decimals.
    Real,
    /// A whole number.
    Whole,
    /// One of some words.
    Choice,
    /// `true` or `false`.
    Switch,
    /// A text, or names.
    Words,
}

/// A setting of a run: its names, what it may be, what it belongs to and what is said of it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// As job files spell it, after `transformers.TrainingArguments` and PEFT where they have it.
    pub name: &'static str,
    /// Its flag without the dashes, where that is not the name.
    pub flag: &'static str,
    /// What stands for the value in the help of the command line.
    pub value_name: &'static str,
    /// What is typed.
    pub kind: Kind,
    /// (value, words) that the page offers; empty where something is typed.
    pub choices: &'static [(&'static str, &'static str)],
    /// The tasks that have it.
    pub of: Of,
    /// The method that has it; empty for all.
    pub method: &'static str,
    /// It does nothing without validation rows.
    pub needs_valid: bool,
    /// Shown only when asked for.
    pub is_advanced: bool,
    /// It can be set in a job file only.
    pub is_of_job_files: bool,
    /// The help of the command line ends with the default.
    pub shows_default: bool,
    /// Help of the command line.
    pub help: &'static str,
    /// Its name on the page.
    pub label: &'static str,
    /// What it is counted in on the page.
    pub unit: &'static str,
    /// What it does, and when to change it.
    pub hint: &'static str,
    /// The value in the form in which it would be typed.
    pub get: fn(&RunConfig) -> String,
    /// Takes a typed value, or says what would be right.
    pub set: fn(&mut RunConfig, &str) -> Result<(), String>,
}

impl Setting {
    /// Its flag without the dashes.
    #[must_use]
    pub fn flag_name(&self) -> String {
        if self.flag.is_empty() { self.name.replace('_', "-") } else { self.flag.to_owned() }
    }

    /// Its value where nothing is typed.
    #[must_use]
    pub fn default_text(&self) -> String {
        (self.get)(&RunConfig::default())
    }
}

const PLAIN: Setting = Setting {
    name: "",
    flag: "",
    value_name: "N",
    kind: Kind::Words,
    choices: &[],
    of: Of::EveryTask,
    method: "",
    needs_valid: false,
    is_advanced: false,
    is_of_job_files: false,
    shows_default: true,
    help: "",
    label: "",
    unit: "",
    hint: "",
    get: |_| String::new(),
    set: |_, _| Ok(()),
};

/// A text, or names.
pub(super) const fn words(name: &'static str) -> Setting {
    Setting { name, ..PLAIN }
}

/// Takes a value that was read.
pub(super) fn put<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

/// A setting that is a field of the run and has its name. In: its kind, the field, and the least and the most that a number may be:
/// `field!(whole, doc_stride, 1, 65_536)`, `field!(switch, lora.use_dora)`.
macro_rules! field {
    ($kind:ident, $field:ident $(, $bound:expr)*) => {
        Setting {
            get: |run| run.$field.to_string(),
            set: |run, text| put(&mut run.$field, $kind::parse(text $(, $bound)*)),
            ..$kind::named(stringify!($field))
        }
    };
    ($kind:ident, $group:ident.$field:ident $(, $bound:expr)*) => {
        Setting {
            get: |run| run.$group.$field.to_string(),
            set: |run, text| put(&mut run.$group.$field, $kind::parse(text $(, $bound)*)),
            ..$kind::named(stringify!($field))
        }
    };
}
pub(super) use field;

/// A setting of adapters.
pub(super) const fn lora(setting: Setting) -> Setting {
    Setting { method: "lora", ..setting }
}

/// Whole numbers.
pub(super) mod whole {
    use std::fmt::Display;
    use std::str::FromStr;

    use super::{Kind, PLAIN, Setting};

    pub(in super::super) const fn named(name: &'static str) -> Setting {
        Setting { name, kind: Kind::Whole, ..PLAIN }
    }

    pub(in super::super) const fn of_job_files(name: &'static str) -> Setting {
        Setting { is_of_job_files: true, ..named(name) }
    }

    pub(in super::super) fn parse<T: FromStr + PartialOrd + Display>(
        text: &str,
        least: T,
        most: T,
    ) -> Result<T, String> {
        let value = text.parse::<T>().ok().filter(|value| (&least..=&most).contains(&value));
        value.ok_or_else(|| format!("{text:?} is not a whole number from {least} to {most}"))
    }
}

/// Numbers with decimals.
pub(super) mod real {
    use super::{Kind, PLAIN, Setting};

    pub(in super::super) const fn named(name: &'static str) -> Setting {
        Setting { name, kind: Kind::Real, value_name: "NUMBER", ..PLAIN }
    }

    pub(in super::super) const fn of_job_files(name: &'static str) -> Setting {
        Setting { is_of_job_files: true, ..named(name) }
    }

    pub(in super::super) fn parse(text: &str, least: f64, most: f64) -> Result<f64, String> {
        let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
        value.ok_or_else(|| {
            // Nobody counts a dozen zeros.
            let least = if least > 0.0 && least < 1e-4 { format!("{least:e}") } else { least.to_string() };
            format!("{text:?} is not a number from {least} to {most}")
        })
    }
}

/// One of some words.
pub(super) mod choice {
    use super::{Kind, PLAIN, Setting};

    pub(in super::super) const fn named(name: &'static str) -> Setting {
        Setting { name, kind: Kind::Choice, ..PLAIN }
    }

    pub(in super::super) fn parse<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is not one of {}", names.join(", "))
        })
    }
}

/// Yes or no.
pub(super) mod switch {
    use super::{Kind, PLAIN, Setting, choice};

    /// All of them are advanced.
    pub(in super::super) const fn named(name: &'static str) -> Setting {
        Setting {
            name,
            kind: Kind::Switch,
            value_name: "YES",
            choices: &[("false", "No"), ("true", "Yes")],
            is_advanced: true,
            shows_default: false,
            ..PLAIN
        }
    }

    pub(in super::super) fn parse(text: &str) -> Result<bool, String> {
        choice::parse(text, &[("true", true), ("false", false), ("yes", true), ("no", false)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_says_what_would_be_right() {
        assert_eq!(real::parse("30", 1e-12, 1.0), Err("\"30\" is not a number from 1e-12 to 1".into()));
        assert_eq!(real::parse("NaN", 0.0, 0.5), Err("\"NaN\" is not a number from 0 to 0.5".into()));
        assert_eq!(whole::parse::<u32>("-1", 1, 9), Err("\"-1\" is not a whole number from 1 to 9".into()));
        assert_eq!(switch::parse("maybe"), Err("\"maybe\" is not one of true, false, yes, no".into()));
    }
}
