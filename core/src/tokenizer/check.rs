//! Refuses a tokenizer.json that would make the `tokenizers` crate panic, or work without bound.
//!
//! In: the file's JSON. Out: what is wrong with it. The crate checks what it deserialises only in part: templates that
//! name missing tokens, merges of unknown tokens, damaged character maps and deep nesting end in a panic, and a few
//! steps that each double a text ask for any amount of memory.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::TokenizerError;
use super::charsmap;
use super::check_places;

/// Largest file that is read.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 32;

/// Most steps and patterns of a normalizer, pre-tokenizer, post-processor or decoder.
const MAX_STEPS: usize = 256;

/// Longest text of a setting (patterns, what a pattern is replaced by), character maps excepted.
const MAX_SETTING_BYTES: usize = 4096;

/// Most regular expressions of such a part: each may take 10 MB once it is compiled.
const MAX_EXPRESSIONS: usize = 16;

/// How many times longer all replacements together may make a text.
const MAX_GROWTH: usize = 4096;

/// Largest id: many times the largest vocabulary that there is.
const MAX_ID: u64 = 1 << 24;

/// Most characters of a word that WordPiece looks for pieces of: its time grows with the square.
const MAX_WORD_CHARS: u64 = 1000;

/// Fields of a step that are no steps, and have limits of their own.
const CHECKED: [&str; 4] = ["precompiled_charsmap", "single", "pair", "special_tokens"];

/// Fields that are lists of steps.
const STEP_LISTS: [&str; 4] = ["normalizers", "pretokenizers", "processors", "decoders"];

/// Most pieces of a template, and most ids of a special token in it.
const MAX_TEMPLATE: usize = 64;

const MODELS: [&str; 4] = ["BPE", "WordPiece", "WordLevel", "Unigram"];

const PARTS: [&str; 4] = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];

/// Parses a tokenizer.json.
///
/// # Errors
/// When it is too large, not JSON, or gives a field twice.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, TokenizerError> {
    let malformed =
        |source: Box<dyn std::error::Error + Send + Sync>| TokenizerError::Malformed { file: "tokenizer.json", source };
    if bytes.len() > MAX_BYTES {
        let message = format!("it has {} bytes, at most {MAX_BYTES} are read", bytes.len());
        return Err(malformed(message.into()));
    }
    let json: Value = serde_json::from_slice(bytes).map_err(|source| malformed(source.into()))?;
    if !json.is_object() {
        return Err(malformed("it is not a JSON object".into()));
    }
    // Of a field that is there twice, `Value` keeps the last, and the crate reads both.
    let fields: Fields = serde_json::from_slice(bytes).map_err(|source| malformed(source.into()))?;
    let mut seen = HashSet::new();
    match fields.0.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(malformed(format!("it has two fields {name:?}").into())),
        None => Ok(json),
    }
}

/// Names of an object's fields.
struct Fields(Vec<String>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Fields;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    names.push(name);
                }
                Ok(Fields(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

/// Whether the `tokenizers` crate can be given this JSON.
///
/// # Errors
/// Says what is wrong.
pub(super) fn check(json: &Value) -> Result<(), String> {
    check_depth(json, MAX_DEPTH)?;
    for part in PARTS {
        let mut steps = Steps { part, count: 0, num_adding: 0, num_expressions: 0, growth: 1 };
        if !json[part].is_null() {
            steps.check_object(&json[part])?;
        }
    }
    check_added_tokens(&json["added_tokens"])?;
    let model = json["model"].as_object().ok_or("it has no model")?;
    check_model(model)
}

fn check_depth(value: &Value, left: usize) -> Result<(), String> {
    if left == 0 {
        return Err(format!("its lists and objects nest deeper than {MAX_DEPTH}"));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_depth(item, left - 1)),
        Value::Object(fields) => fields.values().try_for_each(|field| check_depth(field, left - 1)),
        _ => Ok(()),
    }
}

/// The steps of one part.
struct Steps {
    part: &'static str,
    count: usize,
    /// Those that put special tokens around a text.
    num_adding: usize,
    num_expressions: usize,
    /// How many times longer they may make a text.
    growth: usize,
}

impl Steps {
    /// A step is an object. The crate also takes a list of its values, which the checks below would not know by their names.
    fn check_object(&mut self, step: &Value) -> Result<(), String> {
        match step {
            Value::Object(step) => self.check_step(step),
            _ => Err(format!("its {} has a step that is no JSON object", self.part)),
        }
    }

    fn check(&mut self, value: &Value) -> Result<(), String> {
        let part = self.part;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.check(item)),
            Value::Object(step) => self.check_step(step),
            Value::String(text) if text.len() > MAX_SETTING_BYTES => {
                Err(format!("its {part} has a text of {} bytes, at most {MAX_SETTING_BYTES} are read", text.len()))
            }
            _ => Ok(()),
        }
    }

    fn check_step(&mut self, step: &Map<String, Value>) -> Result<(), String> {
        let part = self.part;
        let is_zero = |name: &str| step.get(name).is_none_or(|number| number.as_u64() == Some(0));
        self.count += 1;
        if self.count > MAX_STEPS {
            return Err(format!("its {part} has more than {MAX_STEPS} steps"));
        }
        let is_kind = |name: &str| step.get("type").is_some_and(|kind| kind == name);
        if step.contains_key("precompiled_charsmap") || is_kind("Precompiled") {
            check_charsmap(step).map_err(|message| format!("its {part} has a character map that {message}"))?;
        }
        // A second one would be given the parts of the first, and the crate knows one text or two.
        self.num_adding += usize::from(step.contains_key("single") || step.contains_key("cls"));
        if self.num_adding > 1 {
            return Err(format!("its {part} adds special tokens in more than one step"));
        }
        if step.contains_key("single") {
            check_template(step).map_err(|message| format!("its {part} has a template that {message}"))?;
        }
        for name in ["sep", "cls"] {
            if let Some(id) = step.get(name).and_then(|pair| pair.get(1)) {
                check_id(id).map_err(|message| format!("the token {name:?} of its {part} {message}"))?;
            }
        }
        // What is put before a text without being a character takes the first one's place: see `check_places`.
        if step.get("prepend").and_then(Value::as_str).is_some_and(str::is_empty) {
            return Err(format!("its {part} puts an empty text before each text"));
        }
        if let Some(pattern) = step.get("pattern") {
            self.check_pattern(pattern, step.get("content"))?;
        }
        // The byte-level alphabet writes a byte outside ASCII as two.
        if is_kind("ByteLevel") {
            self.grow(2)?;
        }
        // The crate counts back from the end of a text, also of an empty one.
        if part == "decoder" && !is_zero("stop") {
            return Err("its decoder strips the end of texts, which is not supported".to_owned());
        }
        if step.contains_key("length") && is_zero("length") {
            return Err(format!("its {part} cuts texts into pieces of length 0"));
        }
        for (name, value) in step.iter().filter(|(name, _)| !CHECKED.contains(&name.as_str())) {
            match value {
                Value::Array(steps) if STEP_LISTS.contains(&name.as_str()) => {
                    steps.iter().try_for_each(|step| self.check_object(step))?;
                }
                _ => self.check(value)?,
            }
        }
        Ok(())
    }

    fn check_pattern(&mut self, pattern: &Value, content: Option<&Value>) -> Result<(), String> {
        let literal = pattern.as_str().or_else(|| pattern.get("String").and_then(Value::as_str));
        if literal == Some("") {
            return Err(format!("its {} looks for an empty text", self.part));
        }
        let content = content.and_then(Value::as_str).unwrap_or_default();
        let factor = match literal {
            Some(text) => content.len().div_ceil(text.len()).max(1),
            // A regular expression may match a single character, or nothing before each.
            None => {
                self.num_expressions += 1;
                content.len() + 1
            }
        };
        if self.num_expressions > MAX_EXPRESSIONS {
            return Err(format!("its {} has more than {MAX_EXPRESSIONS} regular expressions", self.part));
        }
        if self.part == "normalizer"
            && let Some(expression) = pattern.get("Regex").and_then(Value::as_str)
        {
            check_places::check_replacement(expression, content)?;
        }
        self.grow(factor)
    }

    fn grow(&mut self, factor: usize) -> Result<(), String> {
        self.growth = self.growth.saturating_mul(factor);
        if self.growth > MAX_GROWTH {
            return Err(format!("its {} makes texts more than {MAX_GROWTH} times longer", self.part));
        }
        Ok(())
    }
}

fn check_charsmap(step: &Map<String, Value>) -> Result<(), String> {
    let text = step.get("precompiled_charsmap").and_then(Value::as_str).ok_or("is no text")?;
    charsmap::check(text)
}

/// The crate looks tokens up without asking, and puts in each sequence as often as it is named.
fn check_template(step: &Map<String, Value>) -> Result<(), String> {
    let tokens = step.get("special_tokens").and_then(Value::as_object);
    for (name, token) in tokens.into_iter().flatten() {
        if !token.is_object() {
            return Err(format!("has a token {name:?} that is no JSON object"));
        }
        let list = |field: &str| token.get(field).and_then(Value::as_array);
        let (ids, texts) = (list("ids").map_or(0, Vec::len), list("tokens").map_or(0, Vec::len));
        if ids != texts || ids > MAX_TEMPLATE {
            return Err(format!("has {ids} ids and {texts} tokens for {name:?}"));
        }
        for id in list("ids").into_iter().flatten() {
            check_id(id).map_err(|message| format!("has a token {name:?} that {message}"))?;
        }
    }
    for template in ["single", "pair"] {
        let pieces = step.get(template).and_then(Value::as_array).ok_or("has no list of pieces")?;
        if pieces.len() > MAX_TEMPLATE {
            return Err(format!("has {} pieces, at most {MAX_TEMPLATE} are read", pieces.len()));
        }
        let mut num_texts = 0;
        for piece in pieces {
            if let Some(token) = piece.get("SpecialToken") {
                let name = token["id"].as_str().ok_or("has a token without an id")?;
                if !tokens.is_some_and(|tokens| tokens.contains_key(name)) {
                    return Err(format!("names the token {name:?}, which it does not have"));
                }
            } else if piece.get("Sequence").is_some_and(|sequence| sequence["id"] == "A") {
                num_texts += 1;
            } else if template == "single" {
                return Err("has a piece that is neither the text nor a token".to_owned());
            }
        }
        if template == "single" && num_texts != 1 {
            return Err(format!("has the text {num_texts} times"));
        }
    }
    Ok(())
}

fn check_added_tokens(tokens: &Value) -> Result<(), String> {
    for token in tokens.as_array().into_iter().flatten() {
        if token["content"].as_str().is_some_and(|content| content.len() > MAX_SETTING_BYTES) {
            return Err(format!("it has an added token of more than {MAX_SETTING_BYTES} bytes"));
        }
        check_id(&token["id"]).map_err(|message| format!("its added token {} {message}", token["content"]))?;
    }
    Ok(())
}

fn check_id(id: &Value) -> Result<(), String> {
    match id.as_u64() {
        Some(id) if id < MAX_ID => Ok(()),
        _ => Err(format!("has the id {id}: ids are whole numbers below {MAX_ID}")),
    }
}

fn check_model(model: &Map<String, Value>) -> Result<(), String> {
    let kind = match model.get("type") {
        None => "",
        Some(Value::String(kind)) if MODELS.contains(&kind.as_str()) => kind.as_str(),
        Some(other) => return Err(format!("its model has the type {other}, known are {}", MODELS.join(", "))),
    };
    for (name, value) in model {
        if value.as_str().is_some_and(|text| text.len() > MAX_SETTING_BYTES) {
            return Err(format!("the {name:?} of its model has more than {MAX_SETTING_BYTES} bytes"));
        }
    }
    match model.get("vocab") {
        Some(Value::Object(vocab)) => {
            for (token, id) in vocab {
                check_id(id).map_err(|message| format!("its token {token:?} {message}"))?;
            }
            check_merges(model, vocab)?;
        }
        Some(Value::Array(_)) if matches!(kind, "" | "Unigram") => {}
        _ => return Err("its model has no vocabulary".to_owned()),
    }
    if model.get("dropout").is_some_and(|dropout| !dropout.is_null() && dropout.as_f64() != Some(0.0)) {
        return Err("its model drops merges at random (dropout): the same text would have other tokens".to_owned());
    }
    let chars = model.get("max_input_chars_per_word");
    if chars.is_some_and(|chars| chars.as_u64().is_none_or(|chars| chars > MAX_WORD_CHARS)) {
        return Err(format!("its max_input_chars_per_word is not a whole number up to {MAX_WORD_CHARS}"));
    }
    Ok(())
}

/// Each merge is of two tokens of the vocabulary and makes a third: the crate copies the third into room for the longest
/// token, and cuts the prefix off the second, without looking.
fn check_merges(model: &Map<String, Value>, vocab: &Map<String, Value>) -> Result<(), String> {
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or_default();
    let merges = model.get("merges").and_then(Value::as_array);
    for (index, merge) in merges.into_iter().flatten().enumerate() {
        let bad = |message: String| Err(format!("merge {} of its model {message}", index + 1));
        let pair = match merge {
            Value::String(text) => text.split_once(' ').filter(|(_, right)| !right.contains(' ')),
            Value::Array(pair) if pair.len() == 2 => pair[0].as_str().zip(pair[1].as_str()),
            _ => None,
        };
        let Some((left, right)) = pair else { return bad("is not two tokens".to_owned()) };
        let Some(rest) = right.strip_prefix(prefix) else {
            return bad(format!("is of {right:?}, which does not begin with {prefix:?}"));
        };
        let whole = [left, rest].concat();
        if let Some(token) = [left, right, &whole].into_iter().find(|token| !vocab.contains_key(*token)) {
            return bad(format!("is of {token:?}, which is not in its vocabulary"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(part: &str, value: Value) -> Value {
        let mut file = json!({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null,
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}});
        file[part] = value;
        file
    }

    fn fail(part: &str, value: Value) -> String {
        check(&with(part, value)).expect_err("not usable")
    }

    #[test]
    fn templates_have_every_token_that_they_name() {
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let cls = json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}});
        let template = |single: Value, tokens: Value| {
            let mut template = json!({"type": "TemplateProcessing", "pair": [], "special_tokens": tokens});
            template["single"] = single;
            template
        };
        let known = json!({"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}});
        check(&with("post_processor", template(json!([cls, text]), known.clone()))).expect("a good template");
        assert!(fail("post_processor", template(json!([cls, text]), json!({}))).contains("[CLS]"));
        assert!(fail("post_processor", template(json!([text, text]), known.clone())).contains("2 times"));
        let second = json!([text, {"Sequence": {"id": "B", "type_id": 1}}]);
        assert!(fail("post_processor", template(second, known)).contains("neither"));
        let values = json!({"[CLS]": ["[CLS]", [1], ["[CLS]"]]});
        assert!(fail("post_processor", template(json!([cls, text]), values)).contains("no JSON object"));
        let odd = json!({"[CLS]": {"id": "[CLS]", "ids": [1, 2], "tokens": ["[CLS]"]}});
        assert!(fail("post_processor", template(json!([cls, text]), odd)).contains("2 ids and 1 tokens"));
        let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]});
        let twice = json!({"type": "Sequence", "processors": [bert, bert]});
        assert!(fail("post_processor", twice).contains("more than one step"));
        let far = json!({"[CLS]": {"id": "[CLS]", "ids": [4_000_000_000_u64], "tokens": ["[CLS]"]}});
        assert!(fail("post_processor", template(json!([cls, text]), far)).contains("4000000000"));
    }

    #[test]
    fn nesting_and_steps_have_limits() {
        let mut nested = json!({"type": "NFC"});
        for _ in 0..MAX_DEPTH {
            nested = json!({"type": "Sequence", "normalizers": [nested]});
        }
        assert!(fail("normalizer", nested).contains("nest deeper"));
        let many = vec![json!({"type": "Fuse"}); 3000];
        assert!(fail("decoder", json!({"type": "Sequence", "decoders": many})).contains("more than 256 steps"));
        let double = vec![json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}); 20];
        assert!(fail("normalizer", json!({"type": "Sequence", "normalizers": double})).contains("times longer"));
        assert!(fail("decoder", json!({"type": "Strip", "content": "a", "start": 0, "stop": 2})).contains("end"));
        assert!(fail("pre_tokenizer", json!({"type": "FixedLength", "length": 0})).contains("length 0"));
        assert!(fail("normalizer", json!({"type": "Precompiled"})).contains("character map"));
        let empty = json!({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false});
        assert!(fail("pre_tokenizer", empty).contains("empty text"));
        let expression =
            json!({"type": "Split", "pattern": {"Regex": r"\w{500}"}, "behavior": "Isolated", "invert": false});
        let many = json!({"type": "Sequence", "pretokenizers": vec![expression; MAX_EXPRESSIONS + 1]});
        assert!(fail("pre_tokenizer", many).contains("regular expressions"));
    }

    #[test]
    fn steps_are_objects_and_put_nothing_before_a_text_that_is_no_character() {
        let list = json!({"type": "Sequence", "normalizers": [["x"]]});
        for bare in [json!([["x"]]), json!("NFC"), list] {
            assert!(fail("normalizer", bare).contains("no JSON object"));
        }
        check(&with("normalizer", json!({"type": "Prepend", "prepend": "x"}))).expect("a good step");
        assert!(fail("normalizer", json!({"type": "Prepend", "prepend": ""})).contains("an empty text before"));
        let replace = |expression: &str, content: &str| {
            let step = json!({"type": "Replace", "pattern": {"Regex": expression}, "content": content});
            check(&with("normalizer", json!({"type": "Sequence", "normalizers": [step]})))
        };
        replace(" {2,}", " ").expect("it matches characters");
        let error = replace("^", "x").expect_err("it matches before the text");
        assert!(error.contains("\"^\""), "{error}");
        // In a decoder there are no places to lose.
        let step = json!({"type": "Replace", "pattern": {"Regex": "^"}, "content": "x"});
        check(&with("decoder", step)).expect("a good step");
    }

    #[test]
    fn models_are_whole() {
        let model = |change: Value| {
            let mut model = with("decoder", Value::Null)["model"].clone();
            for (name, value) in change.as_object().expect("an object") {
                model[name] = value.clone();
            }
            fail("model", model)
        };
        assert!(model(json!({"type": "Neural"})).contains("\"Neural\""));
        assert!(model(json!({"merges": [["a", "c"]]})).contains("\"c\""));
        assert!(model(json!({"merges": [["b", "a"]]})).contains("\"ba\""));
        assert!(model(json!({"merges": ["a b c"]})).contains("two tokens"));
        assert!(model(json!({"continuing_subword_prefix": "##"})).contains("\"##\""));
        assert!(model(json!({"vocab": {"a": 4_000_000_000_u64}})).contains("4000000000"));
        assert!(model(json!({"vocab": {"a": -1}})).contains("-1"));
        assert!(model(json!({"vocab": null})).contains("no vocabulary"));
        assert!(model(json!({"dropout": 0.1})).contains("at random"));
        assert!(model(json!({"max_input_chars_per_word": 1_000_000})).contains("1000"));
        assert!(fail("added_tokens", json!([{"id": 1e9, "content": "x"}])).contains("\"x\""));
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let error = parse(br#"{"model": {}, "decoder": null, "model": {}}"#).expect_err("twice").to_string();
        assert_eq!(error, "tokenizer.json can't be read: it has two fields \"model\"");
        assert!(parse(b"[]").is_err() && parse(b"{").is_err());
        parse(br#"{"model": {}}"#).expect("an object");
    }
}
