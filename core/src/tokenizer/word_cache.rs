//! Tokens of the words of texts, each word tokenised once: for BERT's tokenizers, whose model keeps no words (byte pairs and Unigram do).
//!
//! In: texts as they stand. Out: the tokens that the whole text has. BERT's tokenizers cut texts at spaces before all else, and what
//! they do to a character (cleaning, accents, case, Chinese characters) hangs on no other beyond a space. So the tokens of a text are
//! those of its words, one after the other; where a tokenizer is not known to be one of these, there is no cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokenizers::{Encoding, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

use super::{Tokenizer, TokenizerError, long_text};

/// Words that are kept: with their tokens some megabytes.
const MAX_WORDS: usize = 1 << 15;

/// Longer words are seldom met twice.
const MAX_WORD_BYTES: usize = 48;

/// What BERT's tokenizers take for a space. Others of Unicode's are, too, but of these they take some away (form feeds), which joins
/// what stands around them.
const SPACES: [char; 4] = [' ', '\n', '\r', '\t'];

/// Words with their tokens.
type Words = HashMap<Box<str>, Box<[u32]>>;

/// The words that were met. Clones share them: they are of one tokenizer.
#[derive(Debug, Clone, Default)]
pub(super) struct WordCache(Arc<Mutex<Words>>);

impl WordCache {
    /// `None` where the tokens of a text may be others than those of its words.
    pub(super) fn for_tokenizer(inner: &tokenizers::Tokenizer) -> Option<Self> {
        let is_bert = matches!(inner.get_model(), ModelWrapper::WordPiece(_))
            && matches!(inner.get_normalizer(), Some(NormalizerWrapper::BertNormalizer(_)))
            && matches!(inner.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        let added = inner.get_added_tokens_decoder();
        // One that is sought in the normalized text may have got spaces there.
        let is_within_word =
            added.values().all(|token| !token.normalized && !token.content.contains(char::is_whitespace));
        (is_bert && is_within_word).then(Self::default)
    }

    /// The tokens of a text, without special tokens around it.
    fn encode(&self, inner: &tokenizers::Tokenizer, text: &str) -> tokenizers::Result<Encoding> {
        // Where another thread has the words, this text goes without them.
        let Ok(mut known) = self.0.try_lock() else { return inner.encode_fast(text, false) };
        let mut ids: Vec<u32> = Vec::new();
        for word in text.split(SPACES).filter(|word| !word.is_empty()) {
            if let Some(found) = known.get(word) {
                ids.extend_from_slice(found);
                continue;
            }
            let encoded = inner.encode_fast(word, false)?;
            ids.extend_from_slice(encoded.get_ids());
            if word.len() <= MAX_WORD_BYTES && known.len() < MAX_WORDS {
                known.insert(word.into(), encoded.get_ids().into());
            }
        }
        // As `encode_fast` has them: without texts and offsets.
        Ok(ids.into_iter().map(|id| (id, String::new(), (0, 0), None, 0)).collect())
    }
}

impl Tokenizer {
    /// The tokens of a text, or of so much of it that the first (or last) `kept` of them are those of the whole; and
    /// whether it was the whole.
    pub(super) fn tokens_to_keep(&self, text: &str, kept: usize) -> Result<(Encoding, bool), TokenizerError> {
        let encode = |piece: &str| match &self.word_cache {
            Some(words) => words.encode(&self.inner, piece),
            None => self.inner.encode_fast(piece, false),
        };
        let mut pieces = long_text::pieces(text, self.direction).peekable();
        loop {
            let piece = pieces.next().unwrap_or(text);
            let found = encode(piece).map_err(|source| TokenizerError::Text { source })?;
            if pieces.peek().is_none() || long_text::is_enough(found.len(), kept) {
                return Ok((found, piece.len() == text.len()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{bert, roberta, tokenizer, word_piece_json};
    use super::*;
    use crate::folder::Folder;

    /// BERT's tokenizer with a token that is sought in texts, normalized or not, and these fields of its normalizer.
    fn with_added((id, content, normalized): (u32, &str, bool), fields: &[(&str, bool)]) -> Tokenizer {
        let mut json = word_piece_json();
        json["added_tokens"] = serde_json::json!([{"id": id, "content": content, "single_word": false, "lstrip": true,
            "rstrip": false, "normalized": normalized, "special": !normalized}]);
        for (name, value) in fields {
            json["normalizer"][*name] = (*value).into();
        }
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        tokenizer(&folder)
    }

    fn cached(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        let words = tokenizer.word_cache.as_ref().expect("BERT's tokenizers have one");
        words.encode(&tokenizer.inner, text).expect("a text").get_ids().to_vec()
    }

    fn whole(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.inner.encode_fast(text, false).expect("a text").get_ids().to_vec()
    }

    #[test]
    fn words_are_kept_and_give_the_same_tokens_again() {
        let tokenizer = tokenizer(&bert());
        let text = "Hello worlds! what\thello\n[SEP]worlds world\u{c}s";
        let first = cached(&tokenizer, text);
        assert_eq!(first, whole(&tokenizer, text));
        let words = tokenizer.word_cache.as_ref().expect("there is one");
        let num_known = || words.0.lock().expect("nobody else has it").len();
        assert_eq!(num_known(), 6);
        assert_eq!(cached(&tokenizer.clone(), text), first);
        assert_eq!(num_known(), 6, "a clone knows the words, and adds none");
        assert_eq!(cached(&tokenizer, &"x".repeat(MAX_WORD_BYTES + 1)), [1], "unknown, as it is");
        assert_eq!(num_known(), 6, "nor are long ones kept");
        assert_eq!((cached(&tokenizer, ""), cached(&tokenizer, " \n")), (Vec::new(), Vec::new()));
    }

    #[test]
    fn other_tokenizers_have_no_words() {
        assert!(tokenizer(&roberta()).word_cache.is_none());
        assert!(with_added((9, "new", true), &[]).word_cache.is_none(), "it is sought in the normalized text");
        assert!(with_added((9, "a b", false), &[]).word_cache.is_none(), "it has a space");
        assert!(with_added((9, "<new>", false), &[]).word_cache.is_some());
    }

    proptest! {
        #[test]
        fn tokens_are_those_of_the_whole_text(
            texts in prop::collection::vec(
                "(\\[SEP\\]|[helowrds! \n\t]|[\u{300}-\u{303}\u{e9}\u{c9}\u{4f60}\u{c}\u{a0}\u{0}\u{fffd}\u{2028}]|\\PC){0,40}",
                1..6,
            ),
            lowercase in any::<bool>(),
            clean_text in any::<bool>(),
        ) {
            let tokenizer = with_added((3, "[SEP]", false), &[("lowercase", lowercase), ("clean_text", clean_text)]);
            for text in &texts {
                prop_assert_eq!(cached(&tokenizer, text), whole(&tokenizer, text), "{:?}", text);
            }
        }
    }
}
