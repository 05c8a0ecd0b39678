//! How a text is written: settings under the names and with the meaning of transformers' `GenerationConfig`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{OutputFilters, TokenRules};
use crate::config::ConfigProblem;

/// Most beams: each is a row that the model computes, with keys and values of its own.
const MAX_BEAMS: u32 = 128;

/// How the next token is chosen and when to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingConfig {
    /// Draw by probability; else take the highest logit.
    pub do_sample: bool,
    /// Logits are divided by this before they are drawn from; above 0.
    pub temperature: f64,
    /// Only the highest `top_k` logits are drawn from; 0 is off.
    pub top_k: u32,
    /// Only the likeliest ids that together reach `top_p` are drawn from; above 0, and 1 is off.
    pub top_p: f64,
    /// Only ids at least `min_p` times as likely as the likeliest are drawn from; from 0, which is off, to 1.
    pub min_p: f64,
    /// What came before gets less likely above 1 and more likely below; 1 is off
    /// (<https://arxiv.org/abs/1909.05858>).
    pub repetition_penalty: f64,
    /// No sequence of so many tokens comes twice, those of the prompt counted; 0 is off.
    pub no_repeat_ngram_size: u32,
    /// Texts that are searched side by side for the likeliest as a whole; 1 is off. With beams nothing is drawn, and the
    /// text is known only when the search is over.
    pub num_beams: u32,
    /// With beams: a text's score is the sum of its tokens' log-probabilities divided by their number to the power of this.
    /// Above 0 long texts score better, below 0 short ones.
    pub length_penalty: f64,
    /// With beams: when the search ends.
    pub early_stopping: EarlyStopping,
    /// Tokens to make at most; from 1.
    pub max_new_tokens: u32,
    /// Tokens of prompt and text together at most, in the place of `max_new_tokens`; of a model that turns a text into another those of
    /// the target with the one that begins it. 0 is off.
    pub max_length: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// Texts at which to stop; they are not part of the answer. Beams are searched to their end, and the best text is cut.
    pub stop: Vec<String>,
    /// Tokens that may not come, or must.
    pub rules: TokenRules,
    /// Rules for the finished text; with any, nothing of it is shown before.
    pub filters: OutputFilters,
}

/// When a search that has finished as many texts as it has beams ends. In JSON `false`, `true` or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// When no text that runs on would score better at its present length.
    #[default]
    False,
    /// At once.
    True,
    /// When no text that runs on can score better at any length.
    Never,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            do_sample: false,
            temperature: 1.0,
            top_k: 50,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            no_repeat_ngram_size: 0,
            num_beams: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
            max_new_tokens: 64,
            max_length: 0,
            seed: 0,
            stop: Vec::new(),
            rules: TokenRules::default(),
            filters: OutputFilters::default(),
        }
    }
}

impl SamplingConfig {
    /// Whether the settings can be used.
    ///
    /// # Errors
    /// Every field that can't be used, with what would be right.
    pub fn check(&self) -> Result<(), Vec<ConfigProblem>> {
        let mut problems = self.check_values().err().unwrap_or_default();
        self.check_together(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Whether each setting for itself can be used. Whether they go together is known only once those of the model's own file are
    /// among them: its beams may be what a `length_penalty` is for.
    ///
    /// # Errors
    /// Every field that can't be used, with what would be right.
    pub fn check_values(&self) -> Result<(), Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            problem(
                "temperature",
                format!("{} is not a number above 0; greedy is do_sample = false", self.temperature),
            );
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            problem("top_p", format!("{} is not a number above 0 and at most 1 (1 is off)", self.top_p));
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            problem("min_p", format!("{} is not a number from 0 (off) to 1", self.min_p));
        }
        if !(self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0) {
            problem("repetition_penalty", format!("{} is not a number above 0 (1 is off)", self.repetition_penalty));
        }
        if !(1..=MAX_BEAMS).contains(&self.num_beams) {
            problem("num_beams", format!("{} is not a whole number from 1 (off) to {MAX_BEAMS}", self.num_beams));
        }
        if !self.length_penalty.is_finite() {
            problem("length_penalty", format!("{} is not a number", self.length_penalty));
        }
        if self.max_new_tokens == 0 {
            problem("max_new_tokens", "0 is not a whole number from 1".into());
        }
        if self.stop.iter().any(String::is_empty) {
            problem("stop", "an empty text would stop before the first token".into());
        }
        problems.extend(self.filters.check().err().into_iter().flatten());
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// How tokens are chosen and how many there are at most, in words: what a reader of figures has to know of the texts behind them.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut how = if self.num_beams > 1 {
            format!("with {} beams (length_penalty {})", self.num_beams, self.length_penalty)
        } else if self.do_sample {
            let Self { temperature, top_k, top_p, min_p, seed, .. } = self;
            let min_p = if *min_p > 0.0 { format!(", min_p {min_p}") } else { String::new() };
            format!("drawing tokens (temperature {temperature}, top_k {top_k}, top_p {top_p}{min_p}, seed {seed})")
        } else {
            "always taking the likeliest token".to_owned()
        };
        if self.repetition_penalty != 1.0 {
            how.push_str(&format!(", repetition_penalty {}", self.repetition_penalty));
        }
        if self.no_repeat_ngram_size > 0 {
            how.push_str(&format!(", no_repeat_ngram_size {}", self.no_repeat_ngram_size));
        }
        let limit = match self.max_length {
            0 => format!(", {} tokens at most", self.max_new_tokens),
            length => format!(", {length} tokens at most, those of the prompt among them"),
        };
        how + &limit
    }

    /// Adds what does not go together, of fields with which nothing else is wrong.
    fn check_together(&self, problems: &mut Vec<ConfigProblem>) {
        let &Self { num_beams, length_penalty, early_stopping, max_new_tokens, .. } = self;
        let no_effect = "has no effect without beams (num_beams above 1)";
        let is_too_far = max_new_tokens > 0 && !(f64::from(max_new_tokens).powf(length_penalty) as f32).is_normal();
        let found = [
            (
                "num_beams",
                num_beams > 1 && self.do_sample,
                "beam sampling is not offered: search with beams or draw tokens (do_sample, a temperature)".to_owned(),
            ),
            ("length_penalty", num_beams == 1 && length_penalty != 1.0, no_effect.to_owned()),
            (
                "length_penalty",
                is_too_far,
                format!("{length_penalty} is too far from 0 for texts of {max_new_tokens} tokens"),
            ),
            ("early_stopping", num_beams == 1 && early_stopping != EarlyStopping::False, no_effect.to_owned()),
        ];
        for (field, is_wrong, message) in found {
            if is_wrong && problems.iter().all(|known| known.field != field) {
                problems.push(ConfigProblem { field: field.to_owned(), message });
            }
        }
    }
}

impl EarlyStopping {
    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::True => "true",
            Self::Never => "never",
        }
    }
}

impl FromStr for EarlyStopping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::False, Self::True, Self::Never].into_iter().find(|one| one.name() == text);
        known.ok_or_else(|| format!("{text:?} is none of false, true and never"))
    }
}

impl Serialize for EarlyStopping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::False => serializer.serialize_bool(false),
            Self::True => serializer.serialize_bool(true),
            Self::Never => serializer.serialize_str(self.name()),
        }
    }
}

impl<'de> Deserialize<'de> for EarlyStopping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl Visitor<'_> for Value {
            type Value = EarlyStopping;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, true or \"never\"")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<EarlyStopping, E> {
                Ok(if value { EarlyStopping::True } else { EarlyStopping::False })
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<EarlyStopping, E> {
                value.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: &SamplingConfig) -> Vec<(String, String)> {
        let problems = config.check().expect_err("something is wrong");
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let config = SamplingConfig {
            temperature: 0.0,
            top_p: f64::NAN,
            min_p: f64::NAN,
            repetition_penalty: -1.0,
            num_beams: 0,
            length_penalty: f64::INFINITY,
            max_new_tokens: 0,
            stop: vec!["\n".into(), String::new()],
            ..SamplingConfig::default()
        };
        let fields: Vec<_> = problems(&config).into_iter().map(|(field, _)| field).collect();
        let expected = ["temperature", "top_p", "min_p", "repetition_penalty", "num_beams", "length_penalty"];
        assert_eq!(fields, [&expected[..], &["max_new_tokens", "stop"]].concat());
        let alone: Vec<_> = config.check_values().expect_err("the same").into_iter().map(|one| one.field).collect();
        assert_eq!(alone, fields, "each is wrong by itself");
        assert_eq!(SamplingConfig::default().check(), Ok(()));
    }

    #[test]
    fn what_has_no_effect_without_beams_is_refused() {
        let early_stopping = EarlyStopping::Never;
        let config = SamplingConfig { length_penalty: 2.0, early_stopping, ..SamplingConfig::default() };
        let no_effect = "has no effect without beams (num_beams above 1)";
        let expected = ["length_penalty", "early_stopping"].map(|field| (field.to_owned(), no_effect.to_owned()));
        assert_eq!(problems(&config), expected);
        assert_eq!(config.check_values(), Ok(()), "the model's own file may have beams");
        let beams = SamplingConfig { num_beams: 4, ..config };
        assert_eq!(beams.check(), Ok(()));
        let drawn = SamplingConfig { do_sample: true, ..beams };
        assert!(problems(&drawn)[0].1.starts_with("beam sampling is not offered"), "{:?}", problems(&drawn));
    }

    #[test]
    fn a_length_penalty_leaves_scores_that_can_be_told_apart() {
        let with = |length_penalty| SamplingConfig { num_beams: 2, length_penalty, ..SamplingConfig::default() };
        for length_penalty in [40.0, -40.0] {
            assert_eq!(problems(&with(length_penalty)).len(), 1, "64^40 is not a number of 32 bits");
        }
        for length_penalty in [5.0, 0.0, -5.0] {
            assert_eq!(with(length_penalty).check(), Ok(()));
        }
    }

    #[test]
    fn how_a_text_is_written_is_said() {
        let greedy = SamplingConfig { repetition_penalty: 1.1, max_length: 90, ..SamplingConfig::default() };
        let said = "always taking the likeliest token, repetition_penalty 1.1, 90 tokens at most, those of the prompt among them";
        assert_eq!(greedy.describe(), said);
        let drawn = SamplingConfig { do_sample: true, temperature: 0.7, ..SamplingConfig::default() };
        assert_eq!(drawn.describe(), "drawing tokens (temperature 0.7, top_k 50, top_p 1, seed 0), 64 tokens at most");
        let drawn = SamplingConfig { min_p: 0.1, ..drawn };
        assert!(drawn.describe().contains("top_p 1, min_p 0.1, seed 0"), "{}", drawn.describe());
        let beams = SamplingConfig { num_beams: 4, no_repeat_ngram_size: 3, ..SamplingConfig::default() };
        let said = "with 4 beams (length_penalty 1), no_repeat_ngram_size 3, 64 tokens at most";
        assert_eq!(beams.describe(), said);
    }

    #[test]
    fn missing_settings_are_the_defaults() {
        let config: SamplingConfig = serde_json::from_str(r#"{"do_sample": true}"#).expect("all fields are optional");
        assert_eq!(config, SamplingConfig { do_sample: true, ..SamplingConfig::default() });
        assert_eq!((config.top_k, config.top_p, config.max_new_tokens), (50, 1.0, 64));
        assert_eq!((config.num_beams, config.length_penalty, config.no_repeat_ngram_size), (1, 1.0, 0));
    }

    #[test]
    fn early_stopping_is_spelled_as_transformers_spells_it() {
        for (value, json) in
            [(EarlyStopping::False, "false"), (EarlyStopping::True, "true"), (EarlyStopping::Never, "\"never\"")]
        {
            assert_eq!(serde_json::to_string(&value).expect("it is plain"), json);
            assert_eq!(serde_json::from_str::<EarlyStopping>(json).expect("it is read back"), value);
            assert_eq!(value.name().parse(), Ok(value));
        }
        let error = serde_json::from_str::<EarlyStopping>("\"soon\"").expect_err("no such word").to_string();
        assert!(error.contains("\"soon\" is none of false, true and never"), "{error}");
    }
}
