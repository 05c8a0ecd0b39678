//! Text to token ids and back: the only room that names the `tokenizers` crate.
//!
//! In: the tokenizer files of a model folder, and texts. Out: ids with the special tokens the model expects, cut to a
//! maximum. Truncation and padding that `tokenizer.json` bakes in are switched off: rows are cut here as
//! `transformers` does with `truncation=True, max_length=…`, and padded when batches are made. Language models need
//! more: ids with their places in the text, the tokens that open and close a text, ids back to text ([`TextStream`]
//! one at a time), and conversations to text (`chat_template`, with the feature `chat`).

#[cfg(feature = "chat")]
pub mod chat_template;
mod error;
mod from_vocab;
#[cfg(feature = "chat")]
mod jinja;
mod stream;

use serde::Deserialize;
use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token};

use crate::folder::Folder;

use from_vocab::{BytePairs, END_OF_TEXT};

pub use error::TokenizerError;
pub use stream::TextStream;

/// A tokenised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Segment of each token; as long as `ids`.
    pub type_ids: Vec<u32>,
    /// Tokens it would have without truncation, special tokens included.
    pub num_tokens_untruncated: usize,
}

/// A text as tokens and their places, without special tokens around it and not cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedTokens {
    /// Token ids. The text of a special token within the text is that token.
    pub ids: Vec<u32>,
    /// Bytes of the text that each token stands for, from and up to; as long as `ids`.
    pub offsets: Vec<(usize, usize)>,
}

/// A model's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    post_processor: Option<PostProcessorWrapper>,
    direction: TruncationDirection,
    pad_token_id: u32,
    vocab_size: usize,
    bos: Option<(String, u32)>,
    eos: Option<(String, u32)>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
}

impl Tokenizer {
    /// Builds the tokenizer of a model folder: from `tokenizer.json`, else from `vocab.txt` (BERT's WordPiece), else
    /// from `vocab.json` and `merges.txt` (the byte-level BPE of RoBERTa, GPT-2 and GPT-Neo).
    ///
    /// `pad_token_id` is the model's own, from `config.json`; without it the tokenizer's padding token is taken, and
    /// without one of those 0.
    ///
    /// # Errors
    /// When the files are missing, broken, or lack a special token.
    pub fn from_folder(folder: &Folder, pad_token_id: Option<u32>) -> Result<Self, TokenizerError> {
        let mut settings = from_vocab::Settings::read(folder)?;
        let built;
        let (file, bytes) = if let Some(bytes) = folder.get("tokenizer.json") {
            ("tokenizer.json", bytes)
        } else if let Some(bytes) = folder.get("vocab.txt") {
            built = from_vocab::word_piece(bytes, &settings)?;
            ("vocab.txt", built.as_slice())
        } else if let (Some(vocab), Some(merges)) = (folder.get("vocab.json"), folder.get("merges.txt")) {
            let of = BytePairs::of(folder)?;
            built = from_vocab::byte_level_bpe(vocab, merges, &settings, of)?;
            if of == BytePairs::Gpt2 {
                for token in [&mut settings.bos_token, &mut settings.eos_token] {
                    token.get_or_insert_with(|| END_OF_TEXT.to_owned());
                }
            }
            ("vocab.json", built.as_slice())
        } else {
            return Err(TokenizerError::Missing);
        };
        let malformed = |source| TokenizerError::Malformed { file, source };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(malformed)?;
        let baked_in = inner.get_truncation().map(|truncation| truncation.direction).unwrap_or_default();
        let direction = match settings.truncation_side.as_deref() {
            Some("left") => TruncationDirection::Left,
            Some("right") => TruncationDirection::Right,
            _ => baked_in,
        };
        inner.with_truncation(None).map_err(malformed)?;
        inner.with_padding(None);
        let post_processor = inner.get_post_processor().cloned();
        inner.with_post_processor(None::<PostProcessorWrapper>);
        let vocab_size = inner.get_vocab(true).into_values().max().map_or(0, |largest| largest as usize + 1);
        let pad_token = || settings.pad_token.as_deref().into_iter().chain(["[PAD]", "<pad>"]);
        let pad_token_id = pad_token_id.or_else(|| pad_token().find_map(|token| inner.token_to_id(token))).unwrap_or(0);
        let (prefix, suffix) = match &post_processor {
            Some(processor) => special_around(processor).map_err(malformed)?,
            None => (Vec::new(), Vec::new()),
        };
        let known = |token: Option<String>| token.and_then(|token| inner.token_to_id(&token).map(|id| (token, id)));
        let (bos, eos) = (known(settings.bos_token), known(settings.eos_token));
        Ok(Self { inner, post_processor, direction, pad_token_id, vocab_size, bos, eos, prefix, suffix })
    }

    /// Tokenises a text to at most `max_seq_length` ids: what is too much is cut off the text, the special tokens stay.
    ///
    /// # Errors
    /// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on the text.
    pub fn encode(&self, text: &str, max_seq_length: usize) -> Result<EncodedText, TokenizerError> {
        let num_special = self.num_special_tokens();
        if max_seq_length <= num_special {
            return Err(TokenizerError::TooShort { max_seq_length, num_special });
        }
        let text_error = |source| TokenizerError::Text { source };
        let mut encoding = self.inner.encode_fast(text, false).map_err(text_error)?;
        let num_tokens_untruncated = encoding.len() + num_special;
        encoding.truncate(max_seq_length - num_special, 0, self.direction);
        encoding.take_overflowing();
        if let Some(processor) = &self.post_processor {
            encoding = processor.process(encoding, None, true).map_err(text_error)?;
        }
        let (ids, type_ids) = (encoding.get_ids().to_vec(), encoding.get_type_ids().to_vec());
        Ok(EncodedText { ids, type_ids, num_tokens_untruncated })
    }

    /// Tokenises a text as it stands: no special tokens around it, not cut off.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode_with_offsets(&self, text: &str) -> Result<PlacedTokens, TokenizerError> {
        let encoding = self.inner.encode(text, false).map_err(|source| TokenizerError::Text { source })?;
        Ok(PlacedTokens { ids: encoding.get_ids().to_vec(), offsets: encoding.get_offsets().to_vec() })
    }

    /// Tokenises what a language model continues: the special tokens before a text (`add_special_tokens`; a chat
    /// template has written its own) and the text, not what closes it.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode_prompt(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|source| TokenizerError::Text { source })?;
        let prefix = if add_special_tokens { self.prefix.as_slice() } else { &[] };
        Ok([prefix, encoding.get_ids()].concat())
    }

    /// Ids to text, with or without the special tokens among them. Bytes that are not UTF-8 are `\u{fffd}`.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, TokenizerError> {
        self.inner.decode(ids, skip_special_tokens).map_err(|source| TokenizerError::Text { source })
    }

    /// Special tokens that stand before every text; often the one that begins a sequence, or none.
    #[must_use]
    pub fn special_prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// Special tokens that stand after every text.
    #[must_use]
    pub fn special_suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// Text of the token that begins a sequence, as `tokenizer_config.json` or `special_tokens_map.json` names it.
    #[must_use]
    pub fn bos_token(&self) -> Option<&str> {
        self.bos.as_ref().map(|(token, _)| token.as_str())
    }

    /// Id of the token that begins a sequence.
    #[must_use]
    pub fn bos_token_id(&self) -> Option<u32> {
        self.bos.as_ref().map(|&(_, id)| id)
    }

    /// Text of the token that ends a sequence, as `tokenizer_config.json` or `special_tokens_map.json` names it.
    #[must_use]
    pub fn eos_token(&self) -> Option<&str> {
        self.eos.as_ref().map(|(token, _)| token.as_str())
    }

    /// Id of the token that ends a sequence.
    #[must_use]
    pub fn eos_token_id(&self) -> Option<u32> {
        self.eos.as_ref().map(|&(_, id)| id)
    }

    /// Cuts a prompt down so that `wanted` tokens, or as many as half of the `window`, can be written after it: what stands
    /// first is left out, but for the token that begins a sequence.
    pub fn make_room(&self, ids: &mut Vec<u32>, window: usize, wanted: usize) {
        let room = window.saturating_sub(wanted).max(window / 2);
        let kept = usize::from(self.bos_token_id().is_some_and(|bos| ids.first() == Some(&bos)));
        ids.drain(kept..(ids.len().saturating_sub(room) + kept).min(ids.len()));
    }

    /// Every id that ends a sequence: the tokenizer's own first, then those configured (see [`configured_eos_ids`]).
    #[must_use]
    pub fn eos_token_ids(&self, configured: &[u32]) -> Vec<u32> {
        let mut ids: Vec<u32> = self.eos_token_id().into_iter().collect();
        for &id in configured {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// Special tokens around every text.
    #[must_use]
    pub fn num_special_tokens(&self) -> usize {
        self.post_processor.as_ref().map_or(0, |processor| processor.added_tokens(false))
    }

    /// One more than the largest id.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Id that fills rows up.
    #[must_use]
    pub fn pad_token_id(&self) -> u32 {
        self.pad_token_id
    }

    /// The token of an id, as the vocabulary spells it.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Whether a model with so many token embeddings has one for every id.
    ///
    /// # Errors
    /// When it has not: the tokenizer belongs to another model.
    pub fn check_vocab(&self, model_vocab_size: usize) -> Result<(), TokenizerError> {
        if self.vocab_size <= model_vocab_size && (self.pad_token_id as usize) < model_vocab_size {
            return Ok(());
        }
        let largest_id = self.vocab_size.saturating_sub(1).max(self.pad_token_id as usize);
        Err(TokenizerError::TooManyTokens { largest_id, model_vocab_size })
    }
}

/// The special tokens that a post-processor puts before and after a text.
fn special_around(processor: &PostProcessorWrapper) -> tokenizers::Result<(Vec<u32>, Vec<u32>)> {
    let text = Encoding::from_tokens(vec![Token::new(0, "a".into(), (0, 1))], 0);
    let around = processor.process(text, None, true)?;
    let (ids, mask) = (around.get_ids(), around.get_special_tokens_mask());
    let place = mask.iter().position(|&special| special == 0).unwrap_or(ids.len());
    Ok((ids[..place].to_vec(), ids.get(place + 1..).unwrap_or_default().to_vec()))
}

/// The ids that end a sequence as `generation_config.json` and `config.json` give them: `eos_token_id`, a number or a
/// list, those of the former first. Files that are missing or broken give none.
#[must_use]
pub fn configured_eos_ids(folder: &Folder) -> Vec<u32> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TokenIds {
        One(u32),
        Many(Vec<u32>),
    }
    #[derive(Deserialize)]
    struct Config {
        eos_token_id: Option<TokenIds>,
    }
    let mut ids = Vec::new();
    for file in ["generation_config.json", "config.json"] {
        let config = folder.get(file).and_then(|bytes| serde_json::from_slice::<Config>(bytes).ok());
        let found = match config.and_then(|config| config.eos_token_id) {
            Some(TokenIds::One(id)) => vec![id],
            Some(TokenIds::Many(found)) => found,
            None => Vec::new(),
        };
        for id in found {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n!\n";

    fn bert() -> Folder {
        let mut folder = Folder::new();
        folder.insert("vocab.txt", WORDS);
        folder
    }

    fn roberta() -> Folder {
        let mut folder = Folder::new();
        let vocab = r#"{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"i":5,"Ġ":6,"hi":7,"Ġhi":8,"<mask>":9}"#;
        folder.insert("vocab.json", vocab);
        folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n");
        folder
    }

    fn tokenizer(folder: &Folder) -> Tokenizer {
        Tokenizer::from_folder(folder, None).expect("a good folder")
    }

    fn ids(tokenizer: &Tokenizer, text: &str, max_seq_length: usize) -> Vec<u32> {
        tokenizer.encode(text, max_seq_length).expect("room enough").ids
    }

    #[test]
    fn a_bert_vocabulary_alone_is_enough() {
        let tokenizer = tokenizer(&bert());
        assert_eq!(ids(&tokenizer, "Hello worlds! what [SEP]", 64), [2, 5, 6, 7, 8, 1, 3, 3]);
        assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id(), tokenizer.num_special_tokens()), (9, 0, 2));
        assert_eq!(tokenizer.token(6).as_deref(), Some("world"));
    }

    #[test]
    fn windows_line_ends_and_case_are_heeded() {
        let mut folder = bert();
        folder.insert("vocab.txt", WORDS.replace('\n', "\r\n"));
        folder.insert("tokenizer_config.json", r#"{"do_lower_case": false}"#);
        assert_eq!(ids(&tokenizer(&folder), "Hello hello", 64), [2, 1, 5, 3]);
    }

    #[test]
    fn a_roberta_vocabulary_with_merges_is_enough() {
        let tokenizer = tokenizer(&roberta());
        let encoded = tokenizer.encode("hi hi<mask>", 64).expect("room enough");
        assert_eq!(encoded.ids, [0, 7, 8, 9, 2]);
        assert_eq!(encoded.type_ids, [0; 5]);
        assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id()), (10, 1));
    }

    #[test]
    fn other_vocabularies_with_merges_need_a_tokenizer_json() {
        let mut folder = roberta();
        folder.insert("config.json", r#"{"model_type": "qwen2"}"#);
        let error = Tokenizer::from_folder(&folder, None).expect_err("its rules are not known").to_string();
        assert!(error.contains("\"qwen2\"") && error.contains("tokenizer.json"), "{error}");
    }

    #[test]
    fn truncation_keeps_the_special_tokens_and_baked_in_settings_do_not_count() {
        let mut json: serde_json::Value = serde_json::from_slice(
            &from_vocab::word_piece(WORDS.as_bytes(), &from_vocab::Settings::default()).expect("good words"),
        )
        .expect("JSON");
        json["truncation"] =
            serde_json::json!({"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
        json["padding"] = serde_json::json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        let left = tokenizer(&folder);
        assert_eq!(ids(&left, "hello world ! !", 64), [2, 5, 6, 8, 8, 3]);
        assert_eq!(ids(&left, "hello world !", 4), [2, 6, 8, 3]);
        folder.insert("tokenizer_config.json", r#"{"truncation_side": "right", "pad_token": {"content": "!"}}"#);
        let right = tokenizer(&folder);
        let encoded = right.encode("hello world !", 4).expect("room enough");
        assert_eq!((encoded.ids, encoded.num_tokens_untruncated), (vec![2, 5, 6, 3], 5));
        assert_eq!(right.pad_token_id(), 8);
        assert!(matches!(right.encode("hello", 2), Err(TokenizerError::TooShort { .. })));
    }

    #[test]
    fn a_tokenizer_of_another_model_is_named() {
        let tokenizer = tokenizer(&bert());
        tokenizer.check_vocab(9).expect("just fits");
        let error = tokenizer.check_vocab(8).expect_err("one too many").to_string();
        assert!(error.contains("ids up to 8, the model's vocabulary has 8 tokens"), "{error}");
        let padded = Tokenizer::from_folder(&bert(), Some(9)).expect("a good folder");
        assert!(padded.check_vocab(9).is_err());
    }

    #[test]
    fn tokens_know_their_places_and_texts_come_back() {
        let mut folder = roberta();
        folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>", "eos_token": {"content": "</s>"}}"#);
        let tokenizer = tokenizer(&folder);
        let placed = tokenizer.encode_with_offsets("hi hi</s>").expect("plain text");
        assert_eq!(placed.ids, [7, 8, 2]);
        assert_eq!(placed.offsets, [(0, 2), (2, 5), (5, 9)]);
        assert_eq!(tokenizer.decode(&placed.ids, true).expect("known ids"), "hi hi");
        assert_eq!(tokenizer.decode(&placed.ids, false).expect("known ids"), "hi hi</s>");
        assert_eq!((tokenizer.special_prefix(), tokenizer.special_suffix()), (&[0][..], &[2][..]));
        assert_eq!(tokenizer.encode_prompt("hi", true).expect("plain text"), [0, 7]);
        assert_eq!(tokenizer.encode_prompt("hi", false).expect("plain text"), [7]);
        assert_eq!((tokenizer.bos_token(), tokenizer.eos_token()), (Some("<s>"), Some("</s>")));
        assert_eq!((tokenizer.bos_token_id(), tokenizer.eos_token_id()), (Some(0), Some(2)));
    }

    #[test]
    fn every_id_that_ends_a_sequence_is_known_once() {
        let mut folder = roberta();
        folder.insert("tokenizer_config.json", r#"{"eos_token": "</s>", "bos_token": "<unheard of>"}"#);
        folder.insert("generation_config.json", r#"{"eos_token_id": [9, 2]}"#);
        folder.insert("config.json", r#"{"eos_token_id": 5, "vocab_size": 10}"#);
        let configured = configured_eos_ids(&folder);
        assert_eq!(configured, [9, 2, 5]);
        assert_eq!(tokenizer(&folder).eos_token_ids(&configured), [2, 9, 5]);
        assert_eq!(tokenizer(&folder).bos_token(), None);
        folder.insert("generation_config.json", "{");
        assert_eq!(configured_eos_ids(&folder), [5]);
    }

    #[test]
    fn missing_and_broken_files_are_named() {
        let fail = |folder: &Folder| Tokenizer::from_folder(folder, None).expect_err("not usable").to_string();
        assert!(fail(&Folder::new()).contains("no tokenizer"));
        let mut folder = bert();
        folder.insert("vocab.txt", "hello\nworld\n");
        assert_eq!(fail(&folder), "vocab.txt has no token \"[UNK]\"");
        folder.insert("tokenizer.json", r#"{"version": "1.0", "model": {"type": "WordPie"#);
        assert!(fail(&folder).starts_with("tokenizer.json can't be read: EOF"), "{}", fail(&folder));
        let mut folder = roberta();
        folder.insert("merges.txt", "h i\nno merge here\n");
        assert!(fail(&folder).starts_with("merges.txt can't be read: line 2"), "{}", fail(&folder));
        let mut folder = roberta();
        folder.insert("tokenizer_config.json", "{");
        assert!(fail(&folder).starts_with("tokenizer_config.json can't be read"));
    }

    proptest! {
        #[test]
        fn any_text_fits_and_keeps_its_special_tokens(text in any::<String>(), max_seq_length in 3_usize..20) {
            let (bert, roberta) = (tokenizer(&bert()), tokenizer(&roberta()));
            for (tokenizer, first, last) in [(&bert, 2, 3), (&roberta, 0, 2)] {
                let encoded = tokenizer.encode(&text, max_seq_length).expect("room enough");
                prop_assert!(encoded.ids.len() <= max_seq_length);
                prop_assert_eq!(encoded.ids.len(), encoded.num_tokens_untruncated.min(max_seq_length));
                prop_assert_eq!(encoded.type_ids.len(), encoded.ids.len());
                prop_assert_eq!((encoded.ids.first(), encoded.ids.last()), (Some(&first), Some(&last)));
                prop_assert!(encoded.ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
            }
        }

        #[test]
        fn cut_off_files_never_panic(length in 0_usize..800) {
            let settings = from_vocab::Settings::default();
            let mut json = from_vocab::word_piece(WORDS.as_bytes(), &settings).expect("good words");
            let whole = json.len();
            json.truncate(length);
            let mut folder = Folder::new();
            folder.insert("tokenizer.json", json);
            prop_assert_eq!(Tokenizer::from_folder(&folder, None).is_ok(), length >= whole);
        }
    }
}
