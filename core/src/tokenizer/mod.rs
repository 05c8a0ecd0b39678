//! Text to token ids and back: the only room that names the `tokenizers` crate.
//!
//! In: the tokenizer files of a model folder, and texts. Out: ids with the special tokens the model expects, cut to a
//! maximum. Truncation and padding that `tokenizer.json` bakes in are switched off: rows are cut here as
//! `transformers` does with `truncation=True, max_length=…`, and padded when batches are made. Language models need
//! more: ids with their offsets in the text, the tokens that open and close a text, ids back to text ([`TextStream`]
//! one at a time), and conversations to text (`chat_template`, with the feature `chat`).

mod added;
mod charsmap;
#[cfg(feature = "chat")]
mod chat_pieces;
#[cfg(feature = "chat")]
pub mod chat_template;
mod check;
mod check_places;
mod class;
mod conversation;
mod error;
mod from_vocab;
#[cfg(test)]
mod hostile;
mod language;
mod lines;
mod load;
mod long_text;
mod new_tokens;
mod pair;
mod placed;
mod settings;
mod stream;
mod windows;
mod word_cache;
mod words;

use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper};

use crate::folder::Folder;

use stream::Bytes;
use word_cache::WordCache;

pub(crate) use conversation::{CALL_KEYS, WEIGHT_KEY};
pub use conversation::{Conversation, Piece, RenderedConversation, Role, Turn};
pub use error::TokenizerError;
pub use language::Coverage;
pub use load::configured_eos_ids;
pub use new_tokens::{NewToken, NewTokens};
pub use placed::{InputToken, TokenPlace};
pub use stream::TextStream;
pub use windows::{PairLayout, window_ranges};
pub use words::split_words;

/// A tokenised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Segment of each token; as long as `ids`.
    pub type_ids: Vec<u32>,
    /// Tokens it would have without truncation, special tokens included; at least so many where
    /// `is_lower_bound` says so.
    pub num_tokens_untruncated: usize,
    /// The text is so long that only a part of it was tokenised: it has more tokens than were counted, or is a word of
    /// many megabytes whose end was not looked at.
    pub is_lower_bound: bool,
}

/// A text as tokens and their offsets, without special tokens around it and not cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedTokens {
    /// Token ids. The text of a special token within the text is that token.
    pub ids: Vec<u32>,
    /// Bytes of the text that each token stands for, from and up to; as long as `ids`.
    pub offsets: Vec<(usize, usize)>,
    /// Index of the word that each token belongs to, as the tokenizer cuts texts into words; as long as `ids`.
    pub words: Vec<Option<u32>>,
}

/// A model's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    post_processor: Option<PostProcessorWrapper>,
    direction: TruncationDirection,
    pad_token_id: u32,
    own_pad_token_id: Option<u32>,
    vocab_size: usize,
    bos: Option<(String, u32)>,
    eos: Option<(String, u32)>,
    mask: Option<(String, u32)>,
    /// What an empty prompt begins with.
    first_id: Option<u32>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    /// The model is given the segments of tokens; else each token is of segment 0.
    has_type_ids: bool,
    /// `tokenizer_config.json` says whether it is.
    has_named_inputs: bool,
    /// Largest segment that the post-processor gives tokens of one text.
    max_type_id: u32,
    /// Largest segment that it gives tokens of two texts.
    max_pair_type_id: u32,
    /// Segments that the model has; `None` where it has none, or none are known.
    type_vocab_size: Option<usize>,
    model_max_length: Option<usize>,
    /// Texts may be cut at lines: their parts have the tokens of the whole.
    is_cut_at_lines: bool,
    /// Where the tokens of a text are those of its words.
    word_cache: Option<WordCache>,
    bytes: Bytes,
    notes: Vec<String>,
}

impl Tokenizer {
    /// Builds the tokenizer of a model folder: from `tokenizer.json`, else from `vocab.txt` (BERT's WordPiece), else
    /// from `vocab.json` and `merges.txt` (the byte-level BPE of RoBERTa, GPT-2, GPT-Neo and Qwen), else from SentencePiece's file.
    ///
    /// What the files say and what counts of it follows the tokenizer class that `AutoTokenizer` of transformers 5 takes;
    /// [`Self::notes`] says where that differs from `tokenizer.json`.
    ///
    /// `pad_token_id` is the model's own, from `config.json`; without it the tokenizer's padding token is taken, and
    /// without one of those 0.
    ///
    /// # Errors
    /// When the files are missing, broken, lack a special token, or would make work without bound.
    pub fn from_folder(folder: &Folder, pad_token_id: Option<u32>) -> Result<Self, TokenizerError> {
        load::load(folder, pad_token_id)
    }

    /// What of the tokenizer's files does not count, or counts otherwise than it seems: a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
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
        let kept = max_seq_length - num_special;
        let (mut encoding, is_whole) = self.tokens_to_keep(text, kept)?;
        let num_tokens_untruncated = encoding.len() + num_special;
        encoding.truncate(kept, 0, self.direction);
        encoding.take_overflowing();
        if let Some(processor) = &self.post_processor {
            let processed = processor.process(encoding, None, true);
            encoding = processed.map_err(|source| TokenizerError::Text { source })?;
        }
        let (ids, type_ids) = (encoding.get_ids().to_vec(), self.type_ids_of(&encoding));
        Ok(EncodedText { ids, type_ids, num_tokens_untruncated, is_lower_bound: !is_whole })
    }

    /// Tokenises a text as it stands: no special tokens around it, not cut off.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode_with_offsets(&self, text: &str) -> Result<PlacedTokens, TokenizerError> {
        let encoding = self.inner.encode(text, false).map_err(|source| TokenizerError::Text { source })?;
        Ok(PlacedTokens {
            ids: encoding.get_ids().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
            words: encoding.get_word_ids().to_vec(),
        })
    }

    /// The end of a part of a text, from its start, that can be tokenised before the rest is: together they have the tokens
    /// of the whole. It is the first such place at `size` bytes or later, and the end of the text where there is none.
    #[must_use]
    pub fn part_end(&self, text: &str, size: usize) -> usize {
        if self.is_cut_at_lines { lines::part_end(text, size) } else { text.len() }
    }

    /// Tokenises what a language model continues: the special tokens before a text (`add_special_tokens`; a chat
    /// template has written its own) and the text, not what closes it. Where both are empty, the token that begins a
    /// sequence, as `generate` of transformers begins; nothing where there is none.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode_prompt(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|source| TokenizerError::Text { source })?;
        let prefix = if add_special_tokens { self.prefix.as_slice() } else { &[] };
        let ids = [prefix, encoding.get_ids()].concat();
        let is_empty = ids.is_empty() && add_special_tokens;
        Ok(if is_empty { self.first_id.into_iter().collect() } else { ids })
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

    /// Text of the token that stands for a hidden word: as `tokenizer_config.json` or `special_tokens_map.json` names it,
    /// else as BERT or RoBERTa do.
    #[must_use]
    pub fn mask_token(&self) -> Option<&str> {
        self.mask.as_ref().map(|(token, _)| token.as_str())
    }

    /// Id of the token that stands for a hidden word.
    #[must_use]
    pub fn mask_token_id(&self) -> Option<u32> {
        self.mask.as_ref().map(|&(_, id)| id)
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

    /// Tokens after which texts are cut, by `tokenizer_config.json`; none where it says so, or nothing.
    #[must_use]
    pub fn model_max_length(&self) -> Option<usize> {
        self.model_max_length
    }

    /// Id of the token for what the vocabulary does not hold, as BERT or SentencePiece name it; a byte-level BPE has none.
    fn unknown_token_id(&self) -> Option<u32> {
        ["[UNK]", "<unk>"].iter().find_map(|token| self.inner.token_to_id(token))
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
        Err(added::without_row(&self.inner, self.pad_token_id, model_vocab_size))
    }

    /// The tokenizer of a model with so many segment embeddings: where tokens of two texts have others, it refuses pairs.
    ///
    /// # Errors
    /// When tokens of a single text have others.
    pub fn with_type_vocab_size(mut self, type_vocab_size: usize) -> Result<Self, TokenizerError> {
        if self.has_type_ids && self.max_type_id as usize >= type_vocab_size {
            return Err(TokenizerError::TypeIdOutside { largest: self.max_type_id, type_vocab_size });
        }
        self.type_vocab_size = Some(type_vocab_size);
        Ok(self)
    }

    /// Whether two texts would have segments of their own, which the model has, and its tokenizer class does not give it them:
    /// `transformers` then gives it 0 for each token, and so is it here. Never where `model_input_names` of
    /// `tokenizer_config.json` says what the model is given.
    #[must_use]
    pub fn drops_type_ids(&self) -> bool {
        let has_segments = self.type_vocab_size.is_some_and(|size| size > 1);
        has_segments && self.max_pair_type_id > 0 && !self.has_type_ids && !self.has_named_inputs
    }

    /// The segments of tokens as the model is given them.
    fn type_ids_of(&self, encoding: &Encoding) -> Vec<u32> {
        if self.has_type_ids { encoding.get_type_ids().to_vec() } else { vec![0; encoding.len()] }
    }
}

#[cfg(test)]
mod tests;
