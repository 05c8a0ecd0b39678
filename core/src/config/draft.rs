//! What a person typed, as text; resolved once, at the edge, with every problem named at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::SETTINGS;
use super::{Freeze, LoraConfig, Method, RunConfig};

/// Settings as typed, by their names. What is blank, or not there, keeps the base value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunDraft(BTreeMap<String, String>);

/// One thing wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ConfigProblem {
    /// Name of the setting.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl RunDraft {
    /// A draft of some settings: `[("learning_rate", "1e-4")]`.
    #[must_use]
    pub fn from_typed<'a>(typed: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(typed.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }

    /// The settings of a run that are not those of the default, as they would be typed.
    #[must_use]
    pub fn of(run: &RunConfig) -> Self {
        let mut draft = Self::default();
        for setting in SETTINGS {
            let text = (setting.get)(run);
            if text != setting.default_text() {
                draft.set(setting.name, Some(text));
            }
        }
        draft
    }

    /// What was typed for a setting.
    #[must_use]
    pub fn typed(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Types a setting, or clears it.
    pub fn set(&mut self, name: &str, text: Option<String>) {
        match text {
            Some(text) => self.0.insert(name.to_owned(), text),
            None => self.0.remove(name),
        };
    }

    /// All that was typed: (name, text).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The draft laid over `base`.
    ///
    /// # Errors
    /// Every setting that can't be used, with what would be right.
    pub fn resolve(&self, base: &RunConfig) -> Result<RunConfig, Vec<ConfigProblem>> {
        let mut run = base.clone();
        let mut problems = Vec::new();
        let unknown = self.0.keys().filter(|name| SETTINGS.iter().all(|setting| setting.name != name.as_str()));
        problems.extend(
            unknown.map(|name| ConfigProblem { field: name.clone(), message: "there is no such setting".into() }),
        );
        for setting in SETTINGS {
            let Some(text) = self.typed(setting.name).map(str::trim).filter(|text| !text.is_empty()) else { continue };
            if let Err(message) = (setting.set)(&mut run, text) {
                problems.push(ConfigProblem { field: setting.name.into(), message });
            } else if setting.name == "method" {
                // The base's adapters go with its method, and so does what it freezes.
                if run.method != Method::Lora {
                    run.lora = LoraConfig::default();
                }
                if run.method != Method::Full {
                    run.freeze = Freeze::None;
                }
            }
        }
        // What only shows in the whole: shares that do not go together, or a base that was never checked.
        for problem in run.check() {
            if problems.iter().all(|known| known.field != problem.field) {
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(run) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft<'a>(typed: &[(&'a str, &'a str)]) -> RunDraft {
        RunDraft::from_typed(typed.iter().copied())
    }

    #[test]
    fn a_blank_draft_is_the_base() {
        let base = RunConfig { batch_size: 7, ..RunConfig::default() };
        assert_eq!(draft(&[("learning_rate", "  ")]).resolve(&base).expect("nothing typed"), base);
    }

    #[test]
    fn a_run_is_typed_by_what_is_not_the_default() {
        assert_eq!(RunDraft::of(&RunConfig::default()), RunDraft::default());
        let typed = draft(&[("method", "last:2"), ("learning_rate", "1e-3"), ("seed", "7")]);
        let run = typed.resolve(&RunConfig::default()).expect("all good");
        assert_eq!(RunDraft::of(&run), typed);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let typed =
            [("method", "lora?"), ("learning_rate", "-1"), ("batch_size", "many"), ("dropout", "1"), ("rank", "2")];
        let problems = draft(&typed).resolve(&RunConfig::default()).expect_err("five things are wrong");
        let fields: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["rank", "method", "batch_size", "learning_rate", "dropout"]);
        assert!(problems[1].to_string().contains("full, head"));
    }

    #[test]
    fn another_method_drops_the_adapters_of_the_base_and_what_it_freezes() {
        let lora = LoraConfig { r: 4, use_dora: true, ..LoraConfig::default() };
        let base = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        assert_eq!(draft(&[("method", "full")]).resolve(&base).expect("all good"), RunConfig::default());
        assert_eq!(draft(&[("method", "lora")]).resolve(&base).expect("all good"), base);
        let base = RunConfig { freeze: Freeze::Layers(2), ..RunConfig::default() };
        let head = draft(&[("method", "head")]).resolve(&base).expect("all good");
        assert_eq!(head, RunConfig { method: Method::Head, ..RunConfig::default() });
        let typed = draft(&[("method", "full"), ("freeze", "embeddings")]).resolve(&base).expect("all good");
        assert_eq!(typed.freeze, Freeze::Embeddings);
        let problems = draft(&[("freeze", "many")]).resolve(&base).expect_err("neither a word nor a number");
        assert!(problems[0].message.contains("none or embeddings"), "{}", problems[0]);
    }

    #[test]
    fn shares_are_checked_together() {
        let problems =
            draft(&[("valid_fraction", "0.95")]).resolve(&RunConfig::default()).expect_err("too much is held out");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "valid_fraction");
    }

    #[test]
    fn not_a_number_is_refused() {
        assert!(draft(&[("learning_rate", "NaN")]).resolve(&RunConfig::default()).is_err());
    }
}
