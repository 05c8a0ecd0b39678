//! What each tokenizer class of `transformers` that is built from a SentencePiece file adds to the file: special tokens, what
//! stands around texts, normalizer, pre-tokenizer and decoder.
//!
//! In: a class, the file's [`PieceModel`] and the folder's [`Settings`]. Out: parts of a tokenizer.json; or all of it, made of the
//! vocabulary of another tokenizer.json ([`rebuild`]). Follows
//! `models/{t5,albert,xlm_roberta,camembert,deberta_v2,gemma}/tokenization_*.py` and, for [`Pieces::Plain`], `SpmConverter` of
//! `convert_slow_tokenizer.py`, of transformers 5.24.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::super::charsmap;
use super::super::settings::Settings;
use super::piece_model::{Kind, PieceModel};

/// The special tokens before and after a text and a pair of texts, by their names; "A" and "B" are the texts. With each its
/// token type.
pub(in crate::tokenizer) type Template = [&'static [(&'static str, u32)]; 2];

/// Tokenizer classes that are built from a SentencePiece file; that of Llama is a class of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokenizer) enum Pieces {
    T5,
    Albert,
    XlmRoberta,
    Camembert,
    DebertaV2,
    Gemma,
    /// `TokenizersBackend`, which does what the file says: Mistral, Phi 3, and models without a class.
    Plain,
}

impl Pieces {
    pub(in crate::tokenizer) fn name(self) -> &'static str {
        match self {
            Self::T5 => "T5Tokenizer",
            Self::Albert => "AlbertTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Camembert => "CamembertTokenizer",
            Self::DebertaV2 => "DebertaV2Tokenizer",
            Self::Gemma => "GemmaTokenizer",
            Self::Plain => "TokenizersBackend",
        }
    }

    /// Its special tokens where the files name none.
    pub(in crate::tokenizer) fn usual(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::T5 => &[("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")],
            Self::Albert => &[
                ("bos_token", "[CLS]"),
                ("eos_token", "[SEP]"),
                ("unk_token", "<unk>"),
                ("sep_token", "[SEP]"),
                ("pad_token", "<pad>"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::XlmRoberta | Self::Camembert => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Self::DebertaV2 => &[
                ("bos_token", "[CLS]"),
                ("eos_token", "[SEP]"),
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Gemma => &[
                ("bos_token", "<bos>"),
                ("eos_token", "<eos>"),
                ("unk_token", "<unk>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Self::Plain => &[],
        }
    }

    /// What the class puts around texts; none of those that add a token only where the settings say so.
    pub(in crate::tokenizer) fn template(self) -> Option<Template> {
        let template: Template = match self {
            Self::T5 => [&[("A", 0), ("eos_token", 0)], &[("A", 0), ("eos_token", 0), ("B", 0), ("eos_token", 0)]],
            Self::Albert | Self::DebertaV2 => [
                &[("cls_token", 0), ("A", 0), ("sep_token", 0)],
                &[("cls_token", 0), ("A", 0), ("sep_token", 0), ("B", 1), ("sep_token", 1)],
            ],
            Self::XlmRoberta | Self::Camembert => [
                &[("bos_token", 0), ("A", 0), ("eos_token", 0)],
                &[("bos_token", 0), ("A", 0), ("eos_token", 0), ("eos_token", 0), ("B", 0), ("eos_token", 0)],
            ],
            Self::Gemma | Self::Plain => return None,
        };
        Some(template)
    }

    /// Whether its model is a Unigram, whatever the file holds; `None`: the file says it.
    pub(in crate::tokenizer) fn is_unigram(self) -> Option<bool> {
        match self {
            Self::Gemma => Some(false),
            Self::Plain => None,
            _ => Some(true),
        }
    }
}

/// A template with the tokens that it names; `text` gives the text of a token by its name, `id` the id of a text.
///
/// # Errors
/// A token that has no id.
pub(in crate::tokenizer) fn from_template(
    [single, pair]: Template,
    text: impl Fn(&'static str) -> String,
    id: impl Fn(&str) -> Option<u32>,
) -> Result<Value, String> {
    let mut tokens = Map::new();
    let mut pieces = |parts: &[(&'static str, u32)]| -> Result<Vec<Value>, String> {
        let mut pieces = Vec::with_capacity(parts.len());
        for &(name, type_id) in parts {
            if matches!(name, "A" | "B") {
                pieces.push(json!({"Sequence": {"id": name, "type_id": type_id}}));
                continue;
            }
            let token = text(name);
            let number = id(&token).ok_or_else(|| token.clone())?;
            pieces.push(json!({"SpecialToken": {"id": token, "type_id": type_id}}));
            tokens.insert(token.clone(), json!({"id": token, "ids": [number], "tokens": [token]}));
        }
        Ok(pieces)
    };
    let (single, pair) = (pieces(single)?, pieces(pair)?);
    Ok(json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}))
}

/// Normalizer, pre-tokenizer and decoder.
pub(super) fn steps(class: Pieces, model: &PieceModel<'_>, settings: &Settings) -> [Value; 3] {
    match class {
        Pieces::Plain => plain_steps(model, settings),
        _ => steps_of_class(class, precompiled(model), settings),
    }
}

/// The steps of a class that does not do what its file says; `precompiled` is the file's own normalization.
fn steps_of_class(class: Pieces, precompiled: Option<Value>, settings: &Settings) -> [Value; 3] {
    let has_prefix = settings.add_prefix_space.unwrap_or(true) || class == Pieces::T5;
    match class {
        Pieces::T5 | Pieces::XlmRoberta | Pieces::Camembert | Pieces::Plain => {
            let [pre_tokenizer, decoder] = word_steps(has_prefix);
            [precompiled.unwrap_or(Value::Null), pre_tokenizer, decoder]
        }
        Pieces::Albert => {
            let [pre_tokenizer, decoder] = word_steps(has_prefix);
            [albert_normalizer(precompiled, settings), pre_tokenizer, decoder]
        }
        Pieces::DebertaV2 => deberta_v2_steps(settings, has_prefix),
        Pieces::Gemma => gemma_steps(),
    }
}

/// The tokenizer.json that a class makes of another one: it takes the vocabulary, the merges and, of its normalizer, the rules of
/// SentencePiece (`Precompiled`), and everything else from its own code and the settings. `unk` is the unknown token. Without added
/// tokens and post-processor, which come last.
pub(in crate::tokenizer) fn rebuild(
    class: Pieces,
    normalizer: &Value,
    [vocab, merges]: [Value; 2],
    settings: &Settings,
    unk: &str,
) -> Value {
    let [normalizer, pre_tokenizer, decoder] = steps_of_class(class, first_precompiled(normalizer), settings);
    let mut json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": null,
        "decoder": decoder,
        "model": {"type": "Unigram", "unk_id": unknown_id(class, &vocab, unk), "byte_fallback": false},
    });
    if class == Pieces::Gemma {
        json["model"] = json!({"type": "BPE", "dropout": null, "unk_token": unk, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": true, "byte_fallback": true});
        json["model"]["merges"] = merges;
    }
    json["model"]["vocab"] = vocab;
    json
}

/// Where a class expects its unknown token among the pieces, or finds it.
fn unknown_id(class: Pieces, vocab: &Value, unk: &str) -> usize {
    let pieces = || vocab.as_array().into_iter().flatten();
    match class {
        Pieces::T5 => 2,
        Pieces::XlmRoberta => 3,
        Pieces::Camembert => pieces().position(|piece| piece[0] == unk).unwrap_or(0),
        Pieces::DebertaV2 => pieces().position(|piece| piece[0] == unk && piece[1].as_f64() == Some(0.0)).unwrap_or(1),
        Pieces::Albert | Pieces::Gemma | Pieces::Plain => 1,
    }
}

/// The first step of a normalizer that has SentencePiece's rules.
fn first_precompiled(normalizer: &Value) -> Option<Value> {
    let steps = match normalizer["normalizers"].as_array() {
        Some(steps) => steps.as_slice(),
        None => std::slice::from_ref(normalizer),
    };
    steps.iter().find(|step| step["type"] == "Precompiled" && step["precompiled_charsmap"].is_string()).cloned()
}

/// The file's own normalization, where it has one.
fn precompiled(model: &PieceModel<'_>) -> Option<Value> {
    let has_one = !model.charsmap.is_empty();
    has_one.then(|| json!({"type": "Precompiled", "precompiled_charsmap": charsmap::encode(model.charsmap)}))
}

fn replace(pattern: &Value, content: &str) -> Value {
    json!({"type": "Replace", "pattern": pattern, "content": content})
}

fn literal(text: &str) -> Value {
    json!({"String": text})
}

fn regex(text: &str) -> Value {
    json!({"Regex": text})
}

fn metaspace(scheme: &str, is_split: bool) -> Value {
    json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": is_split})
}

/// Steps one after the other; `field` is their name in the plural.
fn sequence(field: &str, steps: Vec<Value>) -> Value {
    let mut sequence = json!({"type": "Sequence"});
    sequence[field] = Value::Array(steps);
    sequence
}

/// Pre-tokenizer and decoder of classes that cut texts at white space.
fn word_steps(has_prefix: bool) -> [Value; 2] {
    let metaspace = metaspace(if has_prefix { "always" } else { "never" }, true);
    [sequence("pretokenizers", vec![json!({"type": "WhitespaceSplit"}), metaspace.clone()]), metaspace]
}

fn albert_normalizer(precompiled: Option<Value>, settings: &Settings) -> Value {
    let mut normalizers = vec![replace(&literal("``"), "\""), replace(&literal("''"), "\"")];
    if settings.keep_accents != Some(true) {
        normalizers.extend([json!({"type": "NFKD"}), json!({"type": "StripAccents"})]);
    }
    if settings.do_lower_case.unwrap_or(true) {
        normalizers.push(json!({"type": "Lowercase"}));
    }
    normalizers.extend(precompiled);
    sequence("normalizers", normalizers)
}

fn deberta_v2_steps(settings: &Settings, has_prefix: bool) -> [Value; 3] {
    let lowercase = (settings.do_lower_case == Some(true)).then(|| json!({"type": "Lowercase"}));
    let mut normalizers: Vec<Value> = lowercase.into_iter().collect();
    normalizers.extend([
        replace(&regex(r"\s{2,}|[\n\r\t]"), " "),
        json!({"type": "NFC"}),
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
    ]);
    let metaspace = metaspace(if has_prefix { "always" } else { "first" }, true);
    let marks = (settings.split_by_punct == Some(true)).then(|| json!({"type": "Punctuation", "behavior": "Isolated"}));
    let pre_tokenizers = marks.into_iter().chain([metaspace.clone()]).collect();
    [sequence("normalizers", normalizers), sequence("pretokenizers", pre_tokenizers), metaspace]
}

fn gemma_steps() -> [Value; 3] {
    let split = json!({"type": "Split", "pattern": literal(" "), "behavior": "MergedWithPrevious", "invert": false});
    let decoders = vec![replace(&literal("▁"), " "), json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
    [replace(&literal(" "), "▁"), split, sequence("decoders", decoders)]
}

fn plain_steps(model: &PieceModel<'_>, settings: &Settings) -> [Value; 3] {
    let is_legacy = settings.legacy.unwrap_or(true);
    let mut normalizers: Vec<Value> = precompiled(model).into_iter().collect();
    if model.remove_extra_whitespaces {
        normalizers.extend([replace(&regex(r"\A +| +\z"), ""), replace(&regex(" {2,}"), " ")]);
    }
    if model.escape_whitespaces {
        normalizers.push(replace(&literal(" "), "▁"));
    }
    let mut pre_tokenizers = Vec::new();
    if model.add_dummy_prefix {
        // `Metaspace` adds none to a text that begins with one.
        if is_legacy {
            normalizers.push(replace(&regex(r"\A▁"), "▁▁"));
        }
        pre_tokenizers.push(metaspace(if is_legacy { "always" } else { "first" }, false));
    }
    pre_tokenizers.extend(
        whole_pieces(model).map(
            |pattern| json!({"type": "Split", "pattern": regex(&pattern), "behavior": "Isolated", "invert": false}),
        ),
    );
    let has_none = pre_tokenizers.is_empty();
    let pre_tokenizer = if has_none { Value::Null } else { sequence("pretokenizers", pre_tokenizers) };
    [sequence("normalizers", normalizers), pre_tokenizer, plain_decoder(model)]
}

fn plain_decoder(model: &PieceModel<'_>) -> Value {
    let mut decoders = vec![replace(&literal("▁"), " ")];
    if model.byte_fallback {
        decoders.push(json!({"type": "ByteFallback"}));
    }
    if model.add_dummy_prefix || model.byte_fallback {
        decoders.push(json!({"type": "Fuse"}));
    }
    if model.add_dummy_prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    sequence("decoders", decoders)
}

/// What finds the pieces that are never cut, the longest first; `None` without any.
fn whole_pieces(model: &PieceModel<'_>) -> Option<String> {
    let own = model.pieces.iter().filter(|piece| piece.kind == Kind::UserDefined && !piece.text.is_empty());
    let mut texts: Vec<&str> = own.map(|piece| piece.text).collect();
    texts.sort_by_key(|text| Reverse(text.chars().count()));
    let escaped: Vec<String> = texts.into_iter().map(escape).collect();
    (!escaped.is_empty()).then(|| escaped.join("|"))
}

/// A text as a regular expression that matches nothing else.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(class: Pieces, normalizer: &Value, settings: &Settings) -> Value {
        let vocab = json!([["<s>", 0.0], ["<unk>", -1.0], ["▁a", -2.0], ["[UNK]", 0.0]]);
        let unk = if class == Pieces::DebertaV2 { "[UNK]" } else { "<unk>" };
        rebuild(class, normalizer, [vocab, Value::Null], settings, unk)
    }

    #[test]
    fn of_another_tokenizer_json_a_class_takes_pieces_and_the_rules_of_sentencepiece_alone() {
        let rules = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
        let both = json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, rules.clone()]});
        let settings = Settings::default();
        for class in [Pieces::T5, Pieces::XlmRoberta, Pieces::Camembert] {
            for (normalizer, expected) in [(&both, &rules), (&rules, &rules), (&json!({"type": "NFKC"}), &Value::Null)]
            {
                let json = rebuilt(class, normalizer, &settings);
                assert_eq!(&json["normalizer"], expected, "{class:?}");
                assert_eq!(json["pre_tokenizer"]["pretokenizers"][0]["type"], "WhitespaceSplit");
                assert_eq!(json["model"]["vocab"][2][0], "▁a");
            }
        }
        let unk_id = |class| rebuilt(class, &Value::Null, &settings)["model"]["unk_id"].clone();
        let all = [Pieces::T5, Pieces::XlmRoberta, Pieces::Camembert, Pieces::Albert, Pieces::DebertaV2].map(unk_id);
        assert_eq!(all, [2, 3, 1, 1, 3].map(Value::from));
    }

    #[test]
    fn settings_decide_what_a_class_does_whatever_its_tokenizer_json_says() {
        let lowers = |class, settings: &Settings| {
            rebuilt(class, &json!({"type": "NFC"}), settings)["normalizer"].to_string().contains("Lowercase")
        };
        let [unsaid, cased, lower] =
            [None, Some(false), Some(true)].map(|do_lower_case| Settings { do_lower_case, ..Settings::default() });
        assert_eq!([&unsaid, &cased, &lower].map(|settings| lowers(Pieces::Albert, settings)), [true, false, true]);
        assert_eq!([&unsaid, &cased, &lower].map(|settings| lowers(Pieces::DebertaV2, settings)), [false, false, true]);
        let marks = Settings { split_by_punct: Some(true), ..Settings::default() };
        let steps = rebuilt(Pieces::DebertaV2, &Value::Null, &marks)["pre_tokenizer"]["pretokenizers"].clone();
        assert_eq!(steps[0]["type"], "Punctuation");
    }

    #[test]
    fn gemma_keeps_its_pairs() {
        let pairs = [json!({"a": 0, "b": 1, "ab": 2}), json!([["a", "b"]])];
        let own = rebuild(Pieces::Gemma, &Value::Null, pairs, &Settings::default(), "<unk>");
        assert_eq!(own["normalizer"], json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}));
        assert_eq!(
            (&own["model"]["merges"], &own["model"]["byte_fallback"]),
            (&json!([["a", "b"]]), &Value::Bool(true))
        );
    }
}
