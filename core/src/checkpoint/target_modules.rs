//! Which modules an adapter's settings name, by PEFT's rules: names, ends of names, regular expressions, and numbers of
//! layers.
//!
//! Reference: PEFT 0.21 `tuners/tuners_utils.py` (`check_target_module_exists`) and `utils/other.py` (`get_pattern_key`).
//! Python's `re.match` and `re.fullmatch` become searches that begin at `\A`, and end at `\z`.

use std::collections::BTreeMap;

use fancy_regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::CheckpointError;
use super::adapter_fields::check_count;
use super::peft::ADAPTER_CONFIG;
use crate::config::LoraConfig;
use crate::model::LinearModule;

/// Longest regular expression; those that tools write have a few hundred bytes.
const MAX_PATTERN_BYTES: usize = 10_000;

/// Steps back that matching one name may take.
const MAX_BACKTRACKS: usize = 100_000;

/// Size of a compiled expression that stands alone.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// Size of a compiled expression of a table or a list, which may have two thousand of them; a usual one takes a few KiB.
const MAX_COMPILED_BYTES_IN_TABLE: usize = 256 << 10;

/// Most names of a list: one for each layer's each matrix of a large model is some thousand.
const MAX_NAMES: usize = 16_384;

/// A regular expression of a field of the settings.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    field: &'static str,
    regex: Regex,
}

/// Names of modules, or their ends after a dot; or a regular expression that whole names match.
#[derive(Debug, Clone)]
pub(super) enum Names {
    List(Vec<String>),
    Regex(Pattern),
}

/// Numbers of the layers that are adapted; each pattern finds the number in a name as its group `idx`.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    numbers: Vec<u64>,
    patterns: Vec<Pattern>,
}

impl Pattern {
    /// `re.fullmatch(text, name)`.
    pub(super) fn whole(field: &'static str, text: &str) -> Result<Self, CheckpointError> {
        Self::compile(field, text, text, MAX_COMPILED_BYTES)?; // by itself: `a)|(b` would be sound between parentheses
        Self::compile(field, text, &format!(r"\A(?:{text})\z"), MAX_COMPILED_BYTES)
    }

    /// A key of `rank_pattern` or `alpha_pattern`: the whole name matches it, or its end after a dot.
    pub(super) fn end(field: &'static str, text: &str) -> Result<Self, CheckpointError> {
        Self::compile(field, text, &format!(r"\A(?:(.*\.)?({text})$)"), MAX_COMPILED_BYTES_IN_TABLE)
    }

    /// An entry of `modules_to_save`: the module, or one inside it.
    pub(super) fn inside(field: &'static str, text: &str) -> Result<Self, CheckpointError> {
        Self::compile(field, text, &format!(r"\A(?:(^|.*\.){text}($|\..*))"), MAX_COMPILED_BYTES_IN_TABLE)
    }

    /// `text` is what stands in the file, `pattern` what is made of it.
    fn compile(
        field: &'static str,
        text: &str,
        pattern: &str,
        max_compiled_bytes: usize,
    ) -> Result<Self, CheckpointError> {
        if text.len() > MAX_PATTERN_BYTES {
            let reason = format!(
                "{ADAPTER_CONFIG}: {field}: an expression has {} bytes, at most {MAX_PATTERN_BYTES} are read",
                text.len()
            );
            return Err(refused(reason));
        }
        let regex = RegexBuilder::new(pattern)
            .backtrack_limit(MAX_BACKTRACKS)
            .delegate_size_limit(max_compiled_bytes)
            .build()
            .map_err(|error| {
                let shown: String = text.chars().take(200).collect();
                refused(format!("{ADAPTER_CONFIG}: {field}: {shown:?} is not a regular expression: {error}"))
            })?;
        Ok(Self { field, regex })
    }

    pub(super) fn matches(&self, module: &str) -> Result<bool, CheckpointError> {
        self.regex.is_match(module).map_err(|error| self.failed(module, &error))
    }

    fn failed(&self, module: &str, error: &fancy_regex::Error) -> CheckpointError {
        refused(format!("{ADAPTER_CONFIG}: {}: matching {module:?} failed: {error}", self.field))
    }
}

impl Names {
    /// A string or a list of strings; `None` where there is neither, or an empty one.
    pub(super) fn read(field: &'static str, value: Option<&Value>) -> Result<Option<Self>, CheckpointError> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(Self::Regex(Pattern::whole(field, text)?))),
            Some(value) => {
                let names = strings(field, value)?;
                if names.len() > MAX_NAMES {
                    let found = names.len();
                    let reason = format!("{ADAPTER_CONFIG}: {field} has {found} names, at most {MAX_NAMES} are read");
                    return Err(refused(reason));
                }
                Ok((!names.is_empty()).then_some(Self::List(names)))
            }
        }
    }

    pub(super) fn matches(&self, module: &str) -> Result<bool, CheckpointError> {
        match self {
            Self::List(names) => Ok(names.iter().any(|name| LoraConfig::is_named(module, name))),
            Self::Regex(pattern) => pattern.matches(module),
        }
    }

    /// Whether a list has the whole name, which then counts whatever its layer is.
    pub(super) fn has_whole(&self, module: &str) -> bool {
        matches!(self, Self::List(names) if names.iter().any(|name| name == module))
    }
}

impl Layers {
    /// `layers_to_transform` with `layers_pattern`; `None` where all layers count.
    pub(super) fn read(numbers: Option<&Value>, pattern: Option<&Value>) -> Result<Option<Self>, CheckpointError> {
        const FIELD: &str = "layers_to_transform";
        let wrong = |value: &Value| refused(format!("{ADAPTER_CONFIG}: {FIELD}: {value} is not the number of a layer"));
        let number = |value: &Value| value.as_u64().ok_or_else(|| wrong(value));
        let numbers = match numbers {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values.iter().map(number).collect::<Result<_, _>>()?,
            Some(value) => vec![number(value)?],
        };
        let texts = match pattern {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(value) => strings("layers_pattern", value)?,
        };
        check_count(FIELD, numbers.len())?;
        check_count("layers_pattern", texts.len())?;
        if numbers.is_empty() {
            let is_alone = !texts.is_empty();
            let reason = || format!("{ADAPTER_CONFIG} has layers_pattern, and no {FIELD} that it could find");
            return if is_alone { Err(refused(reason())) } else { Ok(None) };
        }
        let mut patterns = Vec::new();
        for text in &texts {
            let pattern = format!(r"\A(?:(?:^|.*?\.){text}\.(?P<idx>\d+)\.)");
            patterns.push(Pattern::compile("layers_pattern", text, &pattern, MAX_COMPILED_BYTES_IN_TABLE)?);
        }
        if patterns.is_empty() {
            let usual = r"\A(?:.*?\.[^.]*\.(?P<idx>\d+)\.)";
            patterns.push(Pattern::compile(FIELD, "", usual, MAX_COMPILED_BYTES_IN_TABLE)?);
        }
        Ok(Some(Self { numbers, patterns }))
    }

    /// Whether the layer that a module is of is one of them.
    pub(super) fn have(&self, module: &str) -> Result<bool, CheckpointError> {
        for pattern in &self.patterns {
            let found = pattern.regex.captures(module).map_err(|error| pattern.failed(module, &error))?;
            if let Some(found) = found {
                let number = found.name("idx").and_then(|number| number.as_str().parse::<u64>().ok());
                return Ok(number.is_some_and(|number| self.numbers.contains(&number)));
            }
        }
        Ok(false)
    }
}

/// The shortest names, by PEFT's rule for lists, that mean the adapted modules and no others: their last parts, and whole
/// names where a module without an adapter ends alike.
pub(super) fn short_names(modules: &[LinearModule]) -> Vec<String> {
    fn last(module: &LinearModule) -> &str {
        module.name.rsplit('.').next().unwrap_or_default()
    }
    let mut is_clear: BTreeMap<&str, bool> = BTreeMap::new();
    for module in modules {
        *is_clear.entry(last(module)).or_insert(true) &= module.is_adapted;
    }
    let adapted = modules.iter().filter(|module| module.is_adapted);
    let name = |module: &LinearModule| {
        if is_clear[last(module)] { last(module).to_owned() } else { module.name.clone() }
    };
    let mut names: Vec<String> = adapted.map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// A list of strings.
pub(super) fn strings(field: &str, value: &Value) -> Result<Vec<String>, CheckpointError> {
    let names =
        value.as_array().and_then(|values| values.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| refused(format!("{ADAPTER_CONFIG}: {field} is not a list of names")))
}

pub(super) fn refused(reason: String) -> CheckpointError {
    CheckpointError::Adapter { reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const Q: &str = "model.layers.1.self_attn.q_proj";

    fn names(value: Value) -> Names {
        Names::read("target_modules", Some(&value)).expect("they can be read").expect("there are some")
    }

    #[test]
    fn a_list_names_ends_after_a_dot_and_a_string_is_matched_whole() {
        for (value, expected) in [
            (json!(["q_proj"]), true),
            (json!([Q]), true),
            (json!(["_proj"]), false),
            (json!([".*q_proj"]), false),
            (json!("q_proj"), false),
            (json!(".*q_proj"), true),
            (json!(".*layers"), false),
            (json!(r"model\.layers\.\d+\.self_attn\.(q|v)_proj"), true),
            (json!(r".*\.(?P<name>q|v)_proj"), true),
            (json!("a|.*q_proj"), true),
            (json!("(?i).*Q_PROJ"), true),
            (json!(r"(?!.*layers\.1\.).*q_proj"), false),
            (json!(r"(?!.*layers\.2\.).*q_proj"), true),
        ] {
            assert_eq!(names(value.clone()).matches(Q).expect("it can be matched"), expected, "{value}");
        }
    }

    #[test]
    fn layers_are_found_as_peft_finds_them() {
        let have = |numbers: Value, pattern: Value, module: &str| {
            let layers = Layers::read(Some(&numbers), Some(&pattern)).expect("they can be read");
            layers.expect("there are some").have(module).expect("they can be matched")
        };
        assert!(have(json!(1), Value::Null, Q));
        assert!(have(json!([0, 1]), json!("layers"), Q));
        assert!(have(json!([1]), json!(["h", "layers"]), Q));
        assert!(!have(json!([0, 11]), json!([]), Q));
        assert!(!have(json!([1]), json!("h"), Q), "its layers have another name");
        assert!(!have(json!([0]), Value::Null, "model.layers.1.experts.0.q_proj"), "the first number counts");
        assert!(have(json!([0]), Value::Null, "bert.encoder.layer.0.attention.self.query"));
        assert!(!have(json!([0]), Value::Null, "layers.0.q_proj"), "PEFT wants a name before that of the layers");
        assert!(Layers::read(Some(&json!([])), None).expect("all of them").is_none());
        assert!(Layers::read(None, Some(&json!("layers"))).is_err());
        assert!(Layers::read(Some(&json!("1")), None).is_err());
    }

    #[test]
    fn keys_of_patterns_and_saved_modules_are_matched_as_peft_does() {
        let end = |text: &str| Pattern::end("rank_pattern", text).expect("a pattern").matches(Q).expect("matches");
        assert!(end("q_proj") && end(Q) && end("^model.*q_proj") && end(r"layers\.1\..*") && end("k_proj|q_proj"));
        assert!(!end("_proj") && !end("self_attn"));
        let inside = |text: &str, module: &str| {
            Pattern::inside("modules_to_save", text).expect("a pattern").matches(module).expect("matches")
        };
        assert!(inside("classifier", "classifier") && inside("classifier", "classifier.dense"));
        assert!(inside("pooler", "bert.pooler.dense") && !inside("classifier", "pre_classifier"));
    }

    #[test]
    fn a_bad_or_endless_expression_is_named() {
        for text in ["(", "*", "a)|(b", &"(".repeat(5_000), &"a".repeat(MAX_PATTERN_BYTES + 1), r"\w{99999}"] {
            let error = Names::read("target_modules", Some(&json!(text))).expect_err("it is none").to_string();
            assert!(error.contains("target_modules") && error.contains("expression"), "{error}");
        }
        let many =
            Names::read("target_modules", Some(&json!(vec!["q"; MAX_NAMES + 1]))).expect_err("too many").to_string();
        assert!(many.contains("16385 names"), "{many}");
        assert!(Layers::read(Some(&json!(vec![1; 10_000])), None).is_err());
        assert!(Pattern::end("rank_pattern", r"\w{1000}").is_err(), "there may be thousands of them");
        let endless = names(json!("(a|b|ab)*(?>c)"));
        let error = endless.matches(&"ab".repeat(60)).expect_err("it goes back for ever").to_string();
        assert!(error.contains("matching"), "{error}");
    }

    #[test]
    fn short_names_mean_what_is_adapted_and_nothing_else() {
        let modules = |is_adapted: &dyn Fn(&str) -> bool| -> Vec<LinearModule> {
            let names =
                (0..2).flat_map(|layer| ["q", "k", "v"].map(|part| format!("model.layers.{layer}.{part}_proj")));
            let module =
                |name: String| LinearModule { is_adapted: is_adapted(&name), path: String::new(), shape: [8, 8], name };
            names.map(module).collect()
        };
        assert_eq!(short_names(&modules(&|name| !name.contains("k_"))), ["q_proj", "v_proj"]);
        let some = modules(&|name| name.contains("v_") || name.contains("1.q"));
        assert_eq!(short_names(&some), ["model.layers.1.q_proj", "v_proj"]);
    }
}
