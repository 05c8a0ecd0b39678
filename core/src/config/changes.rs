//! Changes to a pretrained model before it is trained: which of its layers stay, how many fresh ones follow, and which
//! words become tokens of their own. In: what was typed. Out: [`ModelChanges`], checked.

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, Freeze, Method, RunConfig};
use crate::words::plural;

/// Most layers of a model.
const MAX_LAYERS: u32 = 1024;

/// Most words that become tokens.
const MAX_WORDS: usize = 10_000;

/// Most bytes of such a word.
const MAX_WORD_BYTES: usize = 256;

/// What is changed of a pretrained model before a run; by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelChanges {
    /// The layers that stay, counted from 0, in their order; empty keeps them all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_layers: Vec<u32>,
    /// Fresh layers that follow them.
    #[serde(skip_serializing_if = "is_zero")]
    pub add_layers: u32,
    /// Words that become tokens of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_tokens: Vec<String>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ModelChanges {
    /// Nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Layers as they are typed: `0,2,4` or `0-5`, or both.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse_layers(text: &str) -> Result<Vec<u32>, String> {
        let bad = |part: &str| format!("{part:?} is no layer, nor a range of layers such as 0-5");
        let number = |part: &str| part.trim().parse::<u32>().ok().filter(|&layer| layer < MAX_LAYERS);
        let mut layers = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once('-') {
                None => layers.push(number(part).ok_or_else(|| bad(part))?),
                Some((first, last)) => {
                    let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
                    let (first, last) = range.ok_or_else(|| bad(part))?;
                    layers.extend(first..=last);
                }
            }
        }
        Ok(layers)
    }

    /// The words of a text, one a line; lines with nothing in them are no words.
    #[must_use]
    pub fn words_of_lines(text: &str) -> Vec<String> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        lines.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// Layers of a model that had so many.
    #[must_use]
    pub fn num_layers(&self, before: usize) -> usize {
        let kept = if self.keep_layers.is_empty() { before } else { self.keep_layers.len() };
        kept + self.add_layers as usize
    }

    /// Name of the first wish; empty where nothing is changed.
    #[must_use]
    pub fn first_wish(&self) -> &'static str {
        match self {
            Self { keep_layers, .. } if !keep_layers.is_empty() => "keep_layers",
            Self { add_layers: 1.., .. } => "add_layers",
            Self { add_tokens, .. } if !add_tokens.is_empty() => "add_tokens",
            _ => "",
        }
    }

    /// Everything that can't be asked of any model.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        if let Some(pair) = self.keep_layers.windows(2).find(|pair| pair[0] >= pair[1]) {
            let message = format!("layers are named once and in their order: {} comes after {}", pair[1], pair[0]);
            add("keep_layers", message);
        }
        if self.add_layers >= MAX_LAYERS {
            add("add_layers", format!("{} is not a whole number from 0 to {}", self.add_layers, MAX_LAYERS - 1));
        }
        if self.add_tokens.len() > MAX_WORDS {
            let message = format!("{}, at most {MAX_WORDS} can be added", plural(self.add_tokens.len(), "word"));
            add("add_tokens", message);
        }
        let wrong = |word: &&String| word_problem(word).is_some();
        if let Some((index, word)) = self.add_tokens.iter().enumerate().find(|(_, word)| wrong(word)) {
            let reason = word_problem(word).unwrap_or_default();
            add("add_tokens", format!("word {}, {:?}, {reason}", index + 1, cut(word)));
        }
        problems
    }

    /// What a run with these settings would leave untrained of the fresh layers; `num_hidden_layers` counts those of the
    /// changed model.
    #[must_use]
    pub fn check_for(&self, run: &RunConfig, num_hidden_layers: usize) -> Vec<ConfigProblem> {
        let trained = match (run.method, run.freeze) {
            (Method::Full, Freeze::Layers(frozen)) => num_hidden_layers.saturating_sub(frozen as usize),
            (Method::Full, Freeze::None | Freeze::Embeddings) => num_hidden_layers,
            (Method::LastLayers(last), _) => last as usize,
            (Method::Head | Method::Lora, _) => 0,
        };
        if trained >= self.add_layers as usize {
            return Vec::new();
        }
        let message = format!(
            "of {} only {trained} would be trained, and the others stay random: train all weights (method full), or at \
             least so many of the last layers",
            plural(self.add_layers as usize, "fresh layer")
        );
        vec![ConfigProblem { field: "add_layers".into(), message }]
    }
}

/// Why a word can't be a token.
fn word_problem(word: &str) -> Option<&'static str> {
    if word.trim().is_empty() {
        Some("is empty")
    } else if word.trim() != word {
        Some("begins or ends with white space")
    } else if word.chars().any(char::is_control) {
        Some("holds a control character")
    } else if word.len() > MAX_WORD_BYTES {
        Some("has more than 256 bytes")
    } else {
        None
    }
}

/// The beginning of a word that may be long.
fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(40)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> ModelChanges {
        ModelChanges { add_tokens: words.iter().map(|&word| word.to_owned()).collect(), ..ModelChanges::default() }
    }

    fn problem(changes: &ModelChanges) -> String {
        changes.check().first().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn layers_are_typed_as_a_list_or_as_a_range() {
        assert_eq!(ModelChanges::parse_layers("0,2, 4"), Ok(vec![0, 2, 4]));
        assert_eq!(ModelChanges::parse_layers("0-3,8"), Ok(vec![0, 1, 2, 3, 8]));
        for text in ["", "a", "1,", "-1", "3-1", "1-2-3", "0-99999999", "1.5"] {
            let error = ModelChanges::parse_layers(text).expect_err(text);
            assert!(error.contains("such as 0-5"), "{error}");
        }
    }

    #[test]
    fn words_stand_one_in_a_line() {
        let text = "\u{feff}angioplasty\r\n\n  New York \n1,2-dichloroethane";
        assert_eq!(ModelChanges::words_of_lines(text), ["angioplasty", "New York", "1,2-dichloroethane"]);
    }

    #[test]
    fn what_no_model_can_be_is_named() {
        let keep = |layers: &[u32]| problem(&ModelChanges { keep_layers: layers.to_vec(), ..ModelChanges::default() });
        assert_eq!(keep(&[0, 5, 3]), "keep_layers: layers are named once and in their order: 3 comes after 5");
        assert!(keep(&[1, 1]).contains("1 comes after 1"));
        assert_eq!(keep(&[0, 2, 4]), "");
        let add = ModelChanges { add_layers: 1024, ..ModelChanges::default() };
        assert!(problem(&add).starts_with("add_layers: 1024"));
        assert_eq!(problem(&words(&["New York", "stent"])), "");
        assert_eq!(problem(&words(&["stent", " "])), "add_tokens: word 2, \" \", is empty");
        assert!(problem(&words(&["", "x"])).contains("word 1"));
        assert!(problem(&words(&[" x"])).contains("white space"));
        assert!(problem(&words(&["a\nb"])).contains("control character"));
        assert!(problem(&words(&["ä".repeat(129).as_str()])).contains("256 bytes"));
        let many = ModelChanges { add_tokens: vec!["x".into(); MAX_WORDS + 1], ..ModelChanges::default() };
        assert!(problem(&many).contains("10,001 words, at most 10000"));
    }

    #[test]
    fn fresh_layers_are_trained_or_refused() {
        let changes = ModelChanges { add_layers: 2, ..ModelChanges::default() };
        let run = |method, freeze| RunConfig { method, freeze, ..RunConfig::default() };
        for run in [
            run(Method::Full, Freeze::None),
            run(Method::Full, Freeze::Embeddings),
            run(Method::Full, Freeze::Layers(4)),
            run(Method::LastLayers(2), Freeze::None),
        ] {
            assert!(changes.check_for(&run, 6).is_empty(), "{:?} {:?}", run.method, run.freeze);
        }
        for run in [
            run(Method::Full, Freeze::Layers(5)),
            run(Method::LastLayers(1), Freeze::None),
            run(Method::Head, Freeze::None),
            run(Method::Lora, Freeze::None),
        ] {
            let problems = changes.check_for(&run, 6);
            assert!(problems.len() == 1 && problems[0].message.contains("stay random"), "{problems:?}");
            assert!(ModelChanges::default().check_for(&run, 6).is_empty());
        }
    }

    #[test]
    fn layers_are_counted_and_wishes_named() {
        let changes = ModelChanges { keep_layers: vec![0, 3], add_layers: 1, ..ModelChanges::default() };
        assert_eq!((changes.num_layers(6), ModelChanges::default().num_layers(6)), (3, 6));
        assert_eq!((changes.first_wish(), words(&["x"]).first_wish()), ("keep_layers", "add_tokens"));
    }

    #[test]
    fn only_what_is_changed_is_in_the_file() {
        let text = |changes: &ModelChanges| serde_json::to_string(changes).expect("plain values");
        assert_eq!(text(&ModelChanges::default()), "{}");
        let changes = ModelChanges { keep_layers: vec![0, 3], ..words(&["stent"]) };
        assert_eq!(text(&changes), r#"{"keep_layers":[0,3],"add_tokens":["stent"]}"#);
        assert_eq!(serde_json::from_str::<ModelChanges>(&text(&changes)).expect("its own"), changes);
    }
}
