//! What a model's own `generation_config.json` says of how it writes: `transformers` follows it wherever nothing else is typed. Where
//! there is none, the same settings count in `config.json`, where they stood until 2022.
//!
//! In: the settings that were typed, and the file. Out: the settings with the file's in the gaps, and a sentence on each thing that
//! counts, or that is not followed.

use serde_json::{Map, Value};

use super::{EarlyStopping, SamplingConfig, TokenRules};
use crate::folder::Folder;
use crate::hub::{CONFIG, GENERATION_CONFIG};

/// Settings that change the text and that are not followed, wherever they are given and no zero or empty list.
const NOT_FOLLOWED: [&str; 6] = [
    "force_words_ids",
    "exponential_decay_length_penalty",
    "sequence_bias",
    "stop_strings",
    "encoder_no_repeat_ngram_size",
    "penalty_alpha",
];

/// Factors and counts that are not followed; 1 changes nothing.
const SCALES_NOT_FOLLOWED: [&str; 3] = ["encoder_repetition_penalty", "guidance_scale", "num_beam_groups"];

/// Settings that are not followed and that count only where tokens are drawn; 1 changes nothing.
const DRAWS_NOT_FOLLOWED: [&str; 3] = ["typical_p", "epsilon_cutoff", "eta_cutoff"];

/// `max_length` of a file that nobody wrote it into: `transformers` saves it with all its defaults.
const DEFAULT_MAX_LENGTH: u32 = 20;

/// Settings that say how beams are searched: who types one wants the beams that the file has.
const OF_BEAMS: [&str; 2] = ["length_penalty", "early_stopping"];

/// The file of a model folder that says how the model writes: `generation_config.json`, or `config.json` where there is none.
#[must_use]
pub fn generation_file(folder: &Folder) -> Option<&[u8]> {
    folder.get(GENERATION_CONFIG).or_else(|| folder.get(CONFIG))
}

/// Takes what was not typed from the file (see [`generation_file`]); says what was taken, and what of it is not followed. Of a
/// `config.json`, which is told by its `model_type`, only what a `generation_config.json` may hold is read. A file that can't be read,
/// or whose settings do not go with the others, changes nothing, and that is said. Whether the settings go together, and each has an
/// effect, is checked after this: those that were typed may be meant for the file's beams.
pub fn adopt_generation_config(
    sampling: &mut SamplingConfig,
    json: &[u8],
    is_typed: impl Fn(&str) -> bool,
) -> Vec<String> {
    let file = match serde_json::from_slice::<Value>(json) {
        Ok(Value::Object(file)) => file,
        Ok(_) => return vec![format!("{GENERATION_CONFIG} of the model is no JSON object: nothing is taken from it")],
        Err(error) => {
            return vec![format!("{GENERATION_CONFIG} of the model can't be read, nothing is taken from it: {error}")];
        }
    };
    let name = if file.contains_key("model_type") { CONFIG } else { GENERATION_CONFIG };
    let (own, taken) = fill_from(sampling, &file, &is_typed);
    let mut notes = Vec::new();
    // What was typed and has no effect with this file either is no fault of the file's, and is refused by who asked.
    if let Err(problems) = without_idle_beams(&own).check() {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let problems = problems.join("; ");
        return vec![format!(
            "{name} has settings for writing that can't be used together: none of them is taken ({problems})"
        )];
    }
    if !taken.is_empty() {
        let taken = taken.join(", ");
        notes.push(format!("as {name} of the model says: {taken} (what is typed goes before)"));
    }
    let others = find_not_followed(&file, own.do_sample);
    if !others.is_empty() {
        let others = others.join(", ");
        notes.push(format!(
            "{name} also asks for {others}, which Hone does not follow: transformers may write another text"
        ));
    }
    notes.extend(find_not_drawn(&file, name, &own, &is_typed));
    *sampling = own;
    notes
}

/// The settings, without those of beams where none are searched.
fn without_idle_beams(sampling: &SamplingConfig) -> SamplingConfig {
    let defaults = SamplingConfig::default();
    let (length_penalty, early_stopping) = match sampling.num_beams {
        1 => (defaults.length_penalty, defaults.early_stopping),
        _ => (sampling.length_penalty, sampling.early_stopping),
    };
    SamplingConfig { length_penalty, early_stopping, ..sampling.clone() }
}

/// What of drawing the file of this name asks for and does not get, because a search with beams draws nothing here.
fn find_not_drawn(
    file: &Map<String, Value>,
    name: &str,
    own: &SamplingConfig,
    is_typed: impl Fn(&str) -> bool,
) -> Option<String> {
    let draws = file.get("do_sample").and_then(Value::as_bool) == Some(true) && !is_typed("do_sample");
    let beams = file.get("num_beams").and_then(Value::as_u64).filter(|&beams| beams > 1 && !is_typed("num_beams"));
    match (draws, own.do_sample, beams) {
        (true, false, _) => Some(format!(
            "{name} asks to draw tokens: a search with beams (num_beams) looks for the likeliest text and draws none"
        )),
        (_, true, Some(beams)) => {
            Some(format!("{name} asks for num_beams {beams}, which has no effect here while tokens are drawn"))
        }
        _ => None,
    }
}

/// The settings with those of the file, and which of them change something.
fn fill_from(
    sampling: &SamplingConfig,
    file: &Map<String, Value>,
    is_typed: impl Fn(&str) -> bool,
) -> (SamplingConfig, Vec<String>) {
    let find = |name: &str| file.get(name).filter(|_| !is_typed(name));
    let number = |name: &str| find(name).and_then(Value::as_f64);
    let count = |name: &str| find(name).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
    let mut own = sampling.clone();
    let mut taken = Vec::new();
    let has_beams = count("num_beams").is_some_and(|beams| beams > 1);
    let wants_beams = has_beams && OF_BEAMS.into_iter().any(&is_typed);
    let draws = find("do_sample").and_then(Value::as_bool) == Some(true);
    if draws && own.num_beams == 1 && !own.do_sample && !wants_beams {
        own.do_sample = true;
        taken.push("do_sample true".to_owned());
    }
    if let Some(penalty) = number("repetition_penalty").filter(|&penalty| penalty != 1.0) {
        own.repetition_penalty = penalty;
        taken.push(format!("repetition_penalty {penalty}"));
    }
    if let Some(size) = count("no_repeat_ngram_size").filter(|&size| size > 0) {
        own.no_repeat_ngram_size = size;
        taken.push(format!("no_repeat_ngram_size {size}"));
    }
    if let Some(beams) = count("num_beams").filter(|&beams| beams > 1 && !own.do_sample) {
        own.num_beams = beams;
        taken.push(format!("num_beams {beams}"));
    }
    let max_length = count("max_length").filter(|&length| length > 0 && length != DEFAULT_MAX_LENGTH);
    match (count("max_new_tokens").filter(|&tokens| tokens > 0), max_length) {
        (Some(tokens), _) if tokens == own.max_new_tokens => {}
        (Some(tokens), _) => {
            own.max_new_tokens = tokens;
            taken.push(format!("max_new_tokens {tokens}"));
        }
        (None, Some(length)) => {
            own.max_length = length;
            taken.push(format!("max_length {length}"));
        }
        (None, None) => {}
    }
    if own.num_beams > 1 {
        if let Some(penalty) = number("length_penalty").filter(|&penalty| penalty != 1.0) {
            own.length_penalty = penalty;
            taken.push(format!("length_penalty {penalty}"));
        }
        let early: Option<EarlyStopping> =
            find("early_stopping").and_then(|value| serde_json::from_value(value.clone()).ok());
        if let Some(early) = early.filter(|&early| early != EarlyStopping::False) {
            own.early_stopping = early;
            taken.push(format!("early_stopping {}", early.name()));
        }
    }
    if own.do_sample {
        if let Some(temperature) = number("temperature").filter(|&temperature| temperature != own.temperature) {
            own.temperature = temperature;
            taken.push(format!("temperature {temperature}"));
        }
        if let Some(k) = count("top_k").filter(|&k| k != own.top_k) {
            own.top_k = k;
            taken.push(format!("top_k {k}"));
        }
        if let Some(p) = number("top_p").filter(|&p| p != own.top_p) {
            own.top_p = p;
            taken.push(format!("top_p {p}"));
        }
        if let Some(p) = number("min_p").filter(|&p| p != own.min_p) {
            own.min_p = p;
            taken.push(format!("min_p {p}"));
        }
    }
    own.rules = rules_of(file);
    taken.extend(describe_rules(&own.rules));
    (own, taken)
}

/// The file's rules on tokens; there is nothing to type in their place.
fn rules_of(file: &Map<String, Value>) -> TokenRules {
    let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
    let number = |name: &str| file.get(name).and_then(count);
    // A number, a list of numbers, or nothing; numbers that are no ids (-1) are none.
    let ids = |value: &Value| match value {
        Value::Array(list) => list.iter().filter_map(count).collect(),
        one => count(one).into_iter().collect::<Vec<u32>>(),
    };
    let list = |name: &str| file.get(name).map_or_else(Vec::new, ids);
    let words = file.get("bad_words_ids").and_then(Value::as_array).into_iter().flatten().map(ids);
    TokenRules {
        min_length: number("min_length").unwrap_or(0),
        min_new_tokens: number("min_new_tokens"),
        bad_words_ids: words.filter(|ids| !ids.is_empty()).collect(),
        suppress_tokens: list("suppress_tokens"),
        begin_suppress_tokens: list("begin_suppress_tokens"),
        forced_bos_token_id: number("forced_bos_token_id"),
        forced_eos_token_id: list("forced_eos_token_id"),
    }
}

/// Each rule that there is, in words.
fn describe_rules(rules: &TokenRules) -> Vec<String> {
    let shortest = match (rules.min_new_tokens, rules.min_length) {
        (Some(0), _) | (None, 0) => None,
        (Some(tokens), _) => Some(format!("min_new_tokens {tokens}")),
        (None, length) => Some(format!("min_length {length}")),
    };
    let first = rules.forced_bos_token_id.map(|id| format!("forced_bos_token_id {id}"));
    let lists = [
        ("bad_words_ids", rules.bad_words_ids.len()),
        ("suppress_tokens", rules.suppress_tokens.len()),
        ("begin_suppress_tokens", rules.begin_suppress_tokens.len()),
        ("forced_eos_token_id", rules.forced_eos_token_id.len()),
    ];
    let lists = lists.into_iter().filter(|&(_, len)| len > 0).map(|(name, len)| format!("{name} ({len} in all)"));
    shortest.into_iter().chain(first).chain(lists).collect()
}

/// What of the file changes the text and is not followed.
fn find_not_followed(file: &Map<String, Value>, draws: bool) -> Vec<&'static str> {
    let is_something = |name: &&str| match file.get(*name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Bool(true)) => true,
    };
    let is_scale = |name: &&str| is_something(name) && file.get(*name).and_then(Value::as_f64) != Some(1.0);
    let scales = SCALES_NOT_FOLLOWED.into_iter().chain(DRAWS_NOT_FOLLOWED.into_iter().filter(|_| draws));
    let others = NOT_FOLLOWED.into_iter().filter(is_something);
    others.chain(scales.filter(is_scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopt(sampling: &SamplingConfig, json: &str, typed: &[&str]) -> (SamplingConfig, Vec<String>) {
        let mut own = sampling.clone();
        let notes = adopt_generation_config(&mut own, json.as_bytes(), |name| typed.contains(&name));
        (own, notes)
    }

    #[test]
    fn settings_of_the_file_fill_what_was_not_typed() {
        let plain = SamplingConfig::default();
        let json = r#"{"repetition_penalty": 1.1, "no_repeat_ngram_size": 3, "num_beams": 4, "length_penalty": 2.0,
            "early_stopping": true, "top_k": 20, "max_length": 20, "do_sample": false}"#;
        let (own, notes) = adopt(&plain, json, &["no_repeat_ngram_size"]);
        let expected = SamplingConfig {
            repetition_penalty: 1.1,
            num_beams: 4,
            length_penalty: 2.0,
            early_stopping: EarlyStopping::True,
            ..plain.clone()
        };
        assert_eq!(own, expected);
        let said = "repetition_penalty 1.1, num_beams 4, length_penalty 2, early_stopping true";
        assert!(notes.len() == 1 && notes[0].contains(said), "{notes:?}");
        for nothing in ["{}", r#"{"repetition_penalty": 1.0, "num_beams": 1, "length_penalty": 0.5}"#] {
            assert_eq!(adopt(&plain, nothing, &[]), (plain.clone(), Vec::new()), "{nothing}");
        }
        let (own, notes) = adopt(&plain, r#"{"repetition_penalty": -1.0}"#, &[]);
        let says = "none of them is taken (repetition_penalty: -1 is not a number above 0";
        assert!(own == plain && notes[0].contains(says), "{notes:?}");
        for damaged in ["", "[]", r#"{"num_beams": 4"#] {
            let (own, notes) = adopt(&plain, damaged, &[]);
            assert!(own == plain && notes.len() == 1 && notes[0].contains("nothing is taken from it"), "{notes:?}");
        }
    }

    #[test]
    fn what_is_typed_of_beams_is_for_the_beams_of_the_file() {
        let typed =
            SamplingConfig { length_penalty: 2.0, early_stopping: EarlyStopping::Never, ..SamplingConfig::default() };
        let names = ["length_penalty", "early_stopping"];
        let beams = SamplingConfig { num_beams: 4, ..typed.clone() };
        let (own, notes) = adopt(&typed, r#"{"num_beams": 4, "length_penalty": 0.5, "early_stopping": true}"#, &names);
        assert_eq!((own.check(), own), (Ok(()), beams.clone()));
        assert!(notes.len() == 1 && notes[0].contains("says: num_beams 4 (what"), "{notes:?}");
        // Of a file that asks for both the part is followed that what was typed belongs to.
        let (own, notes) = adopt(&typed, r#"{"num_beams": 4, "do_sample": true, "temperature": 0.5}"#, &names);
        assert_eq!(own, beams);
        assert!(notes.len() == 2 && notes[1].contains("draws none"), "{notes:?}");
        // Without beams in the file it has no effect, for which the rest of the file is not to blame.
        let (own, notes) = adopt(&typed, r#"{"repetition_penalty": 1.1}"#, &names);
        assert_eq!(own, SamplingConfig { repetition_penalty: 1.1, ..typed.clone() });
        assert!(notes.len() == 1 && own.check().is_err_and(|found| found.len() == 2), "{notes:?}");
    }

    #[test]
    fn how_long_a_text_gets_is_taken_from_the_file() {
        let plain = SamplingConfig::default();
        let (own, notes) = adopt(&plain, r#"{"max_new_tokens": 256, "max_length": 512}"#, &[]);
        assert_eq!(own, SamplingConfig { max_new_tokens: 256, ..plain.clone() });
        assert!(notes.len() == 1 && notes[0].contains("says: max_new_tokens 256 (what"), "{notes:?}");
        let (own, notes) = adopt(&plain, r#"{"max_new_tokens": null, "max_length": 512}"#, &[]);
        assert_eq!(own, SamplingConfig { max_length: 512, ..plain.clone() });
        assert!(notes.len() == 1 && notes[0].contains("says: max_length 512 (what"), "{notes:?}");
        for nothing in
            [r#"{"max_length": 20}"#, r#"{"max_new_tokens": 64}"#, r#"{"max_new_tokens": 0, "max_length": 0}"#]
        {
            assert_eq!(adopt(&plain, nothing, &[]), (plain.clone(), Vec::new()), "{nothing}");
        }
        let typed = ["max_new_tokens", "max_length"];
        assert_eq!(adopt(&plain, r#"{"max_new_tokens": 256, "max_length": 512}"#, &typed), (plain, Vec::new()));
    }

    #[test]
    fn what_is_drawn_takes_the_files_temperature() {
        let json = r#"{"do_sample": false, "temperature": 0.7, "top_p": 0.8, "top_k": 20}"#;
        let draws = SamplingConfig { do_sample: true, ..SamplingConfig::default() };
        let (own, _) = adopt(&draws, json, &["do_sample", "top_p"]);
        assert_eq!(own, SamplingConfig { temperature: 0.7, top_k: 20, ..draws });
        let plain = SamplingConfig::default();
        assert_eq!(adopt(&plain, json, &[]), (plain, Vec::new()), "nothing is drawn");
    }

    #[test]
    fn a_file_that_draws_is_followed_unless_something_else_was_chosen() {
        let plain = SamplingConfig::default();
        let json = r#"{"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20}"#;
        let (own, notes) = adopt(&plain, json, &[]);
        let drawn = SamplingConfig { do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20, ..plain.clone() };
        assert_eq!(own, drawn);
        assert!(notes.len() == 1 && notes[0].contains("do_sample true, temperature 0.7, top_k 20"), "{notes:?}");
        assert_eq!(adopt(&plain, json, &["do_sample"]), (plain.clone(), Vec::new()), "greedy was chosen");
        let beams = SamplingConfig { num_beams: 4, ..plain.clone() };
        let (own, notes) = adopt(&beams, json, &["num_beams"]);
        assert!(own == beams && notes.len() == 1 && notes[0].contains("draws none"), "{notes:?}");
        let (own, notes) = adopt(&plain, r#"{"do_sample": true, "num_beams": 4, "length_penalty": 2.0}"#, &[]);
        assert_eq!(own, SamplingConfig { do_sample: true, ..plain });
        assert!(notes.len() == 2 && notes[1].contains("num_beams 4"), "{notes:?}");
    }

    #[test]
    fn what_is_not_followed_is_named() {
        let json = r#"{"force_words_ids": [[1]], "sequence_bias": [], "guidance_scale": 1.0, "encoder_repetition_penalty": 1.2,
            "min_p": 0.1}"#;
        let (_, notes) = adopt(&SamplingConfig::default(), json, &[]);
        let said = "asks for force_words_ids, encoder_repetition_penalty, which";
        assert!(notes.len() == 1 && notes[0].contains(said), "{notes:?}");
        let json = r#"{"do_sample": true, "typical_p": 1.0, "epsilon_cutoff": 0.1, "eta_cutoff": 0.0}"#;
        let (_, notes) = adopt(&SamplingConfig::default(), json, &[]);
        assert!(notes.len() == 2 && notes[1].contains("asks for epsilon_cutoff, which"), "{notes:?}");
    }

    #[test]
    fn min_p_is_followed_where_tokens_are_drawn() {
        let plain = SamplingConfig::default();
        let (own, notes) = adopt(&plain, r#"{"do_sample": true, "min_p": 1.0}"#, &[]);
        assert_eq!(own, SamplingConfig { do_sample: true, min_p: 1.0, ..plain.clone() });
        assert!(notes.len() == 1 && notes[0].contains("says: do_sample true, min_p 1 (what"), "{notes:?}");
        assert_eq!(adopt(&plain, r#"{"min_p": 0.1}"#, &[]), (plain.clone(), Vec::new()), "nothing is drawn");
        let (own, notes) = adopt(&plain, r#"{"do_sample": true, "min_p": 1.5}"#, &[]);
        assert!(own == plain && notes[0].contains("none of them is taken (min_p: 1.5 is not"), "{notes:?}");
    }

    #[test]
    fn config_json_counts_where_there_is_no_generation_config() {
        let mut folder = Folder::new();
        assert!(generation_file(&folder).is_none());
        let config = r#"{"model_type": "gpt2", "vocab_size": 100, "n_layer": 2, "num_beams": 3, "temperature": 1.0, "top_k": 50,
            "max_length": 20, "min_length": 0, "do_sample": false, "task_specific_params": {"a": {"do_sample": true}}}"#;
        folder.insert(CONFIG, config);
        let text =
            |folder: &Folder| String::from_utf8(generation_file(folder).expect("a file").to_vec()).expect("text");
        let plain = SamplingConfig::default();
        let (own, notes) = adopt(&plain, &text(&folder), &[]);
        assert_eq!(own, SamplingConfig { num_beams: 3, ..plain.clone() });
        assert_eq!(notes, ["as config.json of the model says: num_beams 3 (what is typed goes before)"]);
        folder.insert(GENERATION_CONFIG, r#"{"eos_token_id": 1}"#);
        assert_eq!(adopt(&plain, &text(&folder), &[]), (plain, Vec::new()), "config.json does not count beside it");
    }

    #[test]
    fn rules_on_tokens_are_followed() {
        let json = r#"{"min_length": 0, "min_new_tokens": 5, "bad_words_ids": [[1], [], [2, 3]], "suppress_tokens": [],
            "begin_suppress_tokens": [4], "forced_eos_token_id": 0, "forced_bos_token_id": null}"#;
        let (own, notes) = adopt(&SamplingConfig::default(), json, &[]);
        let expected = TokenRules {
            min_new_tokens: Some(5),
            bad_words_ids: vec![vec![1], vec![2, 3]],
            begin_suppress_tokens: vec![4],
            forced_eos_token_id: vec![0],
            ..TokenRules::default()
        };
        assert_eq!(own.rules, expected);
        let said = "min_new_tokens 5, bad_words_ids (2 in all), begin_suppress_tokens (1 in all), forced_eos_token_id (1 in all) (what";
        assert!(notes.len() == 1 && notes[0].contains(said), "{notes:?}");
    }
}
