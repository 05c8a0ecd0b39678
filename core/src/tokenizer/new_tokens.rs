//! Words that become tokens of their own, as `add_tokens` of `transformers` adds them.
//!
//! In: a model folder, its tokenizer, and words. Out: the tokenizer's files with the words in them, the id of each, and
//! the tokens that it was before. A word is written where `AutoTokenizer` of transformers 5 looks for it: in the
//! `added_tokens` of `tokenizer.json`, in the `added_tokens_decoder` of `tokenizer_config.json` where that has one, and in
//! `added_tokens.json` beside a bare vocabulary. All else in these files stays as it is written.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokenizers::{NormalizedString, Normalizer};

use super::added;
use super::load::JSON;
use super::settings::{ADDED, CONFIG};
use super::{Tokenizer, TokenizerError};
use crate::folder::Folder;

/// A word that became a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The word.
    pub word: String,
    /// Its id.
    pub id: u32,
    /// Ids of the tokens that it was before.
    pub pieces: Vec<u32>,
}

/// Words that were added to a tokenizer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTokens {
    /// The files that are another now.
    pub files: Folder,
    /// The new tokens; their ids follow one upon the other.
    pub tokens: Vec<NewToken>,
    /// Words that are one token already.
    pub known: Vec<String>,
    /// Words that the tokenizer takes for another one of them, or for a token that was added before.
    pub same: Vec<String>,
    /// New tokens whose pieces are, in part, unknown to the vocabulary.
    pub unknown: Vec<String>,
}

impl Tokenizer {
    /// Adds words as tokens to the files that this tokenizer was built from.
    ///
    /// # Errors
    /// When a word can't be a token, or the files give no id to a new one.
    pub fn with_words(&self, folder: &Folder, words: &[String]) -> Result<NewTokens, TokenizerError> {
        let mut new = NewTokens::default();
        if words.is_empty() {
            return Ok(new);
        }
        let first = self.first_free_id()?;
        let mut forms = self.added_forms()?;
        for word in words {
            let form = self.normalized(word)?;
            let pieces = self.encode_with_offsets(word)?.ids;
            if form.trim().is_empty() || pieces.is_empty() {
                let reason = "nothing is left of it after the tokenizer's normalization".to_owned();
                return Err(TokenizerError::Word { word: word.clone(), reason });
            }
            if self.is_one_token(word, &pieces)? {
                new.known.push(word.clone());
            } else if !forms.insert(form) {
                new.same.push(word.clone());
            } else {
                if pieces.iter().any(|&id| Some(id) == self.unknown_token_id()) {
                    new.unknown.push(word.clone());
                }
                let id = first + u32::try_from(new.tokens.len()).expect("there are fewer words than ids");
                new.tokens.push(NewToken { word: word.clone(), id, pieces });
            }
        }
        if !new.tokens.is_empty() {
            new.files = files_with(folder, &new.tokens)?;
            check_loads(folder, &new, self.pad_token_id)?;
        }
        Ok(new)
    }

    /// The id that the next new token gets.
    fn first_free_id(&self) -> Result<u32, TokenizerError> {
        let next = u32::try_from(added::next_id(&self.inner)).ok();
        next.filter(|&id| id as usize == self.vocab_size).ok_or(TokenizerError::Gaps)
    }

    /// How texts hold the tokens that were added before.
    fn added_forms(&self) -> Result<HashSet<String>, TokenizerError> {
        let added = self.inner.get_added_tokens_decoder();
        added.values().filter(|token| token.normalized).map(|token| self.normalized(&token.content)).collect()
    }

    fn normalized(&self, word: &str) -> Result<String, TokenizerError> {
        let mut text = NormalizedString::from(word);
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut text).map_err(|source| TokenizerError::Text { source })?;
        }
        Ok(text.get().to_owned())
    }

    /// Whether a word is a token already: by itself, or as it stands within a text.
    fn is_one_token(&self, word: &str, pieces: &[u32]) -> Result<bool, TokenizerError> {
        let is_known = |ids: &[u32]| matches!(ids, [id] if Some(*id) != self.unknown_token_id());
        let is_listed = self.inner.token_to_id(word).is_some();
        Ok(is_listed || is_known(pieces) || is_known(&self.encode_word(word)?))
    }
}

/// The files that name added tokens, with these after the others.
fn files_with(folder: &Folder, tokens: &[NewToken]) -> Result<Folder, TokenizerError> {
    let mut files = Folder::new();
    let object = |token: &NewToken| {
        json!({"content": token.word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": true,
            "special": false})
    };
    if let Some(bytes) = folder.get(JSON) {
        let fields = Fields::read(JSON, bytes)?;
        let mut list: Vec<Value> = fields.value(JSON, "added_tokens")?;
        check_ids(JSON, list.iter().filter_map(|token| token["id"].as_u64()), tokens)?;
        list.extend(tokens.iter().map(|token| {
            let mut with_id = json!({"id": token.id});
            for (name, value) in object(token).as_object().into_iter().flatten() {
                with_id[name] = value.clone();
            }
            with_id
        }));
        files.insert(JSON, fields.with("added_tokens", &raw(&list)));
    }
    let config = folder.get(CONFIG).map(|bytes| Fields::read(CONFIG, bytes)).transpose()?;
    let decoder = "added_tokens_decoder";
    match config {
        Some(fields) if fields.has(decoder) => {
            let mut by_id: serde_json::Map<String, Value> = fields.value(CONFIG, decoder)?;
            check_ids(CONFIG, by_id.keys().filter_map(|id| id.trim().parse().ok()), tokens)?;
            by_id.extend(tokens.iter().map(|token| (token.id.to_string(), object(token))));
            files.insert(CONFIG, fields.with(decoder, &raw(&by_id)));
        }
        _ if folder.get(ADDED).is_some() || folder.get(JSON).is_none() => {
            let known = folder.get(ADDED).map_or(Ok(serde_json::Map::new()), serde_json::from_slice);
            let mut by_word: serde_json::Map<String, Value> =
                known.map_err(|source| TokenizerError::Malformed { file: ADDED, source: source.into() })?;
            check_ids(ADDED, by_word.values().filter_map(Value::as_u64), tokens)?;
            by_word.extend(tokens.iter().map(|token| (token.word.clone(), token.id.into())));
            files.insert(ADDED, Value::Object(by_word).to_string());
        }
        _ => {}
    }
    Ok(files)
}

/// A file that gives one of these ids to another token does not say which id that has: what counts is the order.
fn check_ids(
    file: &'static str,
    mut known: impl Iterator<Item = u64>,
    tokens: &[NewToken],
) -> Result<(), TokenizerError> {
    let first = tokens.first().map_or(u64::MAX, |token| u64::from(token.id));
    match known.find(|&id| id >= first) {
        None => Ok(()),
        Some(id) => {
            let source = format!("an added token has the id {id}, which is not in the vocabulary").into();
            Err(TokenizerError::Malformed { file, source })
        }
    }
}

/// Reads the files as they are now, and looks whether each word is its token.
fn check_loads(folder: &Folder, new: &NewTokens, pad_token_id: u32) -> Result<(), TokenizerError> {
    let small = |name: &str| name.ends_with(".json") || name.ends_with(".txt");
    let files = folder.iter().filter(|(name, _)| small(name)).chain(new.files.iter());
    let all: Folder = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let tokenizer = Tokenizer::from_folder(&all, Some(pad_token_id))?;
    for token in &new.tokens {
        let ids = tokenizer.encode_with_offsets(&token.word)?.ids;
        if ids != [token.id] {
            let reason = format!("the tokenizer of these files reads it as {ids:?}, not as the new token {}", token.id);
            return Err(TokenizerError::Word { word: token.word.clone(), reason });
        }
    }
    Ok(())
}

fn raw(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("JSON values serialize")
}

/// The fields of a JSON object in the order of the file, each value as it is written: numbers keep all their digits.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    fn read(file: &'static str, bytes: &'a [u8]) -> Result<Self, TokenizerError> {
        serde_json::from_slice(bytes).map_err(|source| TokenizerError::Malformed { file, source: source.into() })
    }

    /// The text of a field that is there and not null.
    fn text(&self, field: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == field)?;
        Some(value.get()).filter(|text| *text != "null")
    }

    fn has(&self, field: &str) -> bool {
        self.text(field).is_some()
    }

    /// A field's value; an empty one where it is missing.
    fn value<T: Default + serde::de::DeserializeOwned>(
        &self,
        file: &'static str,
        field: &str,
    ) -> Result<T, TokenizerError> {
        let Some(text) = self.text(field) else { return Ok(T::default()) };
        serde_json::from_str(text).map_err(|source| TokenizerError::Malformed { file, source: source.into() })
    }

    /// The object with another value of a field.
    fn with(&self, field: &str, value: &str) -> String {
        let mut parts: Vec<(&str, &str)> = self.0.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        match parts.iter_mut().find(|(name, _)| *name == field) {
            Some((_, text)) => *text = value,
            None => parts.push((field, value)),
        }
        let lines: Vec<String> = parts.iter().map(|(name, text)| format!("  {}: {text}", raw(name))).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, ids, roberta, tokenizer, word_piece_json};
    use super::*;

    fn add(folder: &Folder, words: &[&str]) -> Result<NewTokens, TokenizerError> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        tokenizer(folder).with_words(folder, &words)
    }

    fn with_files(folder: &Folder, new: &NewTokens) -> Folder {
        let files = folder.iter().chain(new.files.iter());
        files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect()
    }

    /// A folder with the words of `bert` in a tokenizer.json.
    fn bert_json(config: Option<&str>) -> Folder {
        let mut folder = Folder::new();
        folder.insert(JSON, word_piece_json().to_string());
        if let Some(config) = config {
            folder.insert(CONFIG, config);
        }
        folder
    }

    fn names(new: &NewTokens) -> Vec<&str> {
        new.files.iter().map(|(name, _)| name).collect()
    }

    const DECODER: &str = r#"{"tokenizer_class": "BertTokenizer", "model_max_length": 1e30,
        "added_tokens_decoder": {"0": {"content": "[PAD]", "special": true}, "4": {"content": "[MASK]", "special": true}}}"#;

    #[test]
    fn words_get_the_ids_after_the_vocabulary_and_are_tokens_then() {
        let cases: [(Folder, &[&str]); 4] = [
            (bert(), &[ADDED]),
            (bert_json(None), &[JSON]),
            (bert_json(Some(r#"{"tokenizer_class": "BertTokenizer"}"#)), &[JSON]),
            (bert_json(Some(DECODER)), &[JSON, CONFIG]),
        ];
        for (folder, files) in cases {
            let new = add(&folder, &["worldhello", "hello!"]).expect("new words");
            assert_eq!(new.tokens[0], NewToken { word: "worldhello".into(), id: 9, pieces: vec![1] });
            assert_eq!(new.tokens[1], NewToken { word: "hello!".into(), id: 10, pieces: vec![5, 8] });
            assert_eq!(new.unknown, ["worldhello"]);
            let mut expected = files.to_vec();
            expected.sort_unstable();
            assert_eq!(names(&new), expected);
            let grown = tokenizer(&with_files(&folder, &new));
            assert_eq!(ids(&grown, "Worldhello worlds hello!", 64), [2, 9, 6, 7, 10, 3], "{files:?}");
            assert_eq!(grown.vocab_size(), 11);
            assert!(grown.notes().is_empty(), "{:?}", grown.notes());
        }
    }

    #[test]
    fn a_byte_level_vocabulary_grows_alike() {
        let new = add(&roberta(), &["hihi", "hi"]).expect("new words");
        assert_eq!(new.tokens, [NewToken { word: "hihi".into(), id: 10, pieces: vec![7, 7] }]);
        assert_eq!(new.known, ["hi"]);
        let grown = tokenizer(&with_files(&roberta(), &new));
        assert_eq!(ids(&grown, "hihi hi", 64), [0, 10, 8, 2]);
    }

    #[test]
    fn words_that_are_tokens_or_each_other_are_named() {
        let new = add(&bert(), &["Hello", "worlds", "##s", "WORLDS", "[MASK]"]).expect("one of them is new");
        assert_eq!(new.known, ["Hello", "##s", "[MASK]"]);
        assert_eq!(new.same, ["WORLDS"]);
        assert_eq!((new.tokens.len(), new.tokens[0].pieces.as_slice()), (1, &[6, 7][..]));
        let folder = with_files(&bert(), &new);
        let more = add(&folder, &["Worlds", "hellos"]).expect("one of them is new");
        assert_eq!(more.known, ["Worlds"]);
        assert_eq!((more.tokens[0].id, names(&more)), (10, vec![ADDED]));
        let grown = tokenizer(&with_files(&folder, &more));
        assert_eq!(ids(&grown, "worlds hellos", 64), [2, 9, 10, 3]);
    }

    #[test]
    fn nothing_to_add_changes_no_file() {
        for words in [vec![], vec!["hello"]] {
            let new = add(&bert(), &words).expect("nothing to do");
            assert!(new.files.iter().next().is_none() && new.tokens.is_empty());
        }
    }

    #[test]
    fn what_is_no_token_or_has_no_id_is_refused() {
        let error = add(&bert(), &["\u{301}"]).expect_err("an accent alone").to_string();
        assert!(error.contains("nothing is left of it"), "{error}");
        let mut folder = roberta();
        let vocab = r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"i":5,"Ġ":6,"hi":7,"Ġhi":12,"<mask>":9}"#;
        folder.insert("vocab.json", vocab);
        let error = add(&folder, &["hihi"]).expect_err("a gap").to_string();
        assert!(error.contains("gaps"), "{error}");
        let config = DECODER.replace("\"4\"", "\"40\"");
        let error = add(&bert_json(Some(&config)), &["worlds"]).expect_err("a wrong id").to_string();
        assert!(error.contains(CONFIG) && error.contains("40"), "{error}");
    }

    #[test]
    fn everything_else_in_a_file_stays_as_it_is_written() {
        let new = add(&bert_json(Some(DECODER)), &["worlds"]).expect("a new word");
        let config = std::str::from_utf8(new.files.get(CONFIG).expect("it is another")).expect("a text");
        assert!(config.contains("\"model_max_length\": 1e30,") && config.contains("\"9\":"), "{config}");
        let odd = r#"{"a": 1.00, "b" : [ 1,2 ], "c\n": null}"#;
        let with = Fields::read(JSON, odd.as_bytes()).expect("an object").with("d", "{}");
        assert_eq!(with, "{\n  \"a\": 1.00,\n  \"b\": [ 1,2 ],\n  \"c\\n\": null,\n  \"d\": {}\n}\n");
        assert!(Fields::read(JSON, b"[]").is_err());
    }
}
