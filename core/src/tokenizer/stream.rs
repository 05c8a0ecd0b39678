//! Ids to text one at a time, while a model writes.
//!
//! In: ids in order. Out: the text that each adds; all of it together is what the ids decode to at once. A token alone
//! does not decode as it does within its text, so each kind of decoder is followed in its own way:
//!
//! - byte-level (GPT-2, Qwen): tokens are bytes, handed out as soon as they are whole characters;
//! - byte fallback (Llama 2): a run of byte tokens is text only if all of it is UTF-8, so a run is held until it ends;
//! - others: a token is decoded behind the one before it, and the difference handed out.

use tokenizers::DecoderWrapper;

use super::{Tokenizer, TokenizerError};

/// Most tokens that are held because a character may be incomplete, where the decoder is not known.
const MAX_PENDING: usize = 4;

/// What a byte that is no UTF-8 (yet) decodes to.
const REPLACEMENT: char = '\u{fffd}';

/// How a tokenizer's decoder treats bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    /// Every token is bytes, in an alphabet of 256 characters.
    Level,
    /// Tokens such as `<0x0A>` are bytes.
    Fallback,
    /// Not known, or none.
    Other,
}

impl Bytes {
    pub(super) fn of(decoder: Option<&DecoderWrapper>) -> Self {
        match decoder {
            Some(DecoderWrapper::ByteLevel(_)) => Self::Level,
            Some(decoder) if has_fallback(decoder) => Self::Fallback,
            _ => Self::Other,
        }
    }
}

fn has_fallback(decoder: &DecoderWrapper) -> bool {
    match decoder {
        DecoderWrapper::ByteFallback(_) => true,
        DecoderWrapper::Sequence(steps) => steps.get_decoders().iter().any(has_fallback),
        _ => false,
    }
}

/// Decodes a growing list of ids.
#[derive(Debug, Clone)]
pub struct TextStream<'t> {
    tokenizer: &'t Tokenizer,
    skip_special_tokens: bool,
    held: Held,
}

/// What was not handed out yet.
#[derive(Debug, Clone)]
enum Held {
    /// Bytes of an incomplete character.
    Bytes(Vec<u8>),
    /// The token before, if there is one, and tokens whose text is not known yet.
    Tokens {
        ids: Vec<u32>,
        /// How many of `ids` were handed out.
        num_given: usize,
    },
}

impl<'t> TextStream<'t> {
    /// Starts behind the tokens of a prompt (none: at the start of a text).
    #[must_use]
    pub fn new(tokenizer: &'t Tokenizer, prompt: &[u32], skip_special_tokens: bool) -> Self {
        let mut stream = Self { tokenizer, skip_special_tokens, held: Held::Bytes(Vec::new()) };
        if tokenizer.bytes != Bytes::Level {
            // A byte token alone may be no text to stand behind.
            let has_text = |id: &&u32| stream.token(**id).is_some_and(|token| !token.is_empty() && !is_byte(&token));
            let before: Vec<u32> = prompt.iter().rev().find(has_text).copied().into_iter().collect();
            stream.held = Held::Tokens { num_given: before.len(), ids: before };
        }
        stream
    }

    /// Takes the next id; returns the text it adds: nothing while a character is incomplete.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        let Some(token) = self.token(id) else { return Ok(String::new()) };
        let kind = self.tokenizer.bytes;
        let (ids, num_given) = match &mut self.held {
            Held::Bytes(bytes) => {
                bytes.extend(level_bytes(&token));
                return Ok(take_text(bytes));
            }
            Held::Tokens { ids, num_given } => (ids, num_given),
        };
        ids.push(id);
        if kind == Bytes::Fallback && is_byte(&token) {
            return Ok(String::new());
        }
        let (given, all) = decode(self.tokenizer, ids, *num_given)?;
        let is_incomplete = kind == Bytes::Other && all.ends_with(REPLACEMENT);
        if is_incomplete && ids.len() - *num_given < MAX_PENDING {
            return Ok(String::new());
        }
        let text = rest(&given, all);
        if !text.is_empty() {
            ids.drain(..*num_given);
            *num_given = ids.len();
        }
        Ok(text)
    }

    /// The text of what is still incomplete.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn finish(self) -> Result<String, TokenizerError> {
        match self.held {
            Held::Bytes(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Held::Tokens { ids, num_given } => {
                let (given, all) = decode(self.tokenizer, &ids, num_given)?;
                Ok(rest(&given, all))
            }
        }
    }

    /// The token of an id, unless it adds nothing.
    fn token(&self, id: u32) -> Option<String> {
        let inner = &self.tokenizer.inner;
        let is_skipped =
            |token: &String| self.skip_special_tokens && inner.get_added_vocabulary().is_special_token(token);
        inner.id_to_token(id).filter(|token| !is_skipped(token))
    }
}

/// Text of the tokens handed out, and of all.
fn decode(tokenizer: &Tokenizer, ids: &[u32], num_given: usize) -> Result<(String, String), TokenizerError> {
    Ok((tokenizer.decode(&ids[..num_given], false)?, tokenizer.decode(ids, false)?))
}

/// What `all` has more than `given`.
fn rest(given: &str, all: String) -> String {
    if given.is_empty() { all } else { all.get(given.len()..).unwrap_or_default().to_owned() }
}

/// Whether a token is a byte, as the crate tells it.
fn is_byte(token: &str) -> bool {
    let digits = token.get(3..5).filter(|_| token.len() == 6 && token.starts_with("<0x") && token.ends_with('>'));
    digits.is_some_and(|digits| u8::from_str_radix(digits, 16).is_ok())
}

/// Takes what is decided off the front: all but a character whose last bytes may still come.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let mut end = 0;
    while let Err(error) = std::str::from_utf8(&bytes[end..]) {
        end += error.valid_up_to();
        match error.error_len() {
            Some(length) => end += length,
            None => {
                let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
                bytes.drain(..end);
                return text;
            }
        }
    }
    String::from_utf8_lossy(&std::mem::take(bytes)).into_owned()
}

/// Bytes of a token of a byte-level vocabulary; a token that has other characters is its own text.
fn level_bytes(token: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = token.chars().map(level_byte).collect();
    bytes.unwrap_or_else(|| token.as_bytes().to_vec())
}

/// The byte that a character of the byte-level alphabet stands for: printable ones stand for themselves, the 68 others
/// follow from 256 on.
fn level_byte(character: char) -> Option<u8> {
    let code = u32::from(character);
    let byte = match code {
        33..=126 | 161..=172 | 174..=255 => code,
        256..=288 => code - 256,
        289..=322 => code - 289 + 127,
        323 => 173,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use proptest::prelude::*;

    /// GPT-2's bytes as characters, each a token of its own (its id the byte), and two special tokens.
    fn bytes_tokenizer() -> Tokenizer {
        let mut next = 256;
        let mut vocab = serde_json::Map::new();
        for byte in 0_u32..256 {
            let printable = (33..=126).contains(&byte) || (161..=172).contains(&byte) || byte >= 174;
            let code = if printable { byte } else { next };
            next += u32::from(!printable);
            vocab.insert(char::from_u32(code).expect("a character").to_string(), byte.into());
        }
        vocab.insert("<s>".into(), 256.into());
        vocab.insert("</s>".into(), 257.into());
        let mut folder = Folder::new();
        folder.insert("vocab.json", serde_json::Value::Object(vocab).to_string());
        folder.insert("merges.txt", "#version: 0.2\n");
        Tokenizer::from_folder(&folder, None).expect("a good folder")
    }

    fn stream(tokenizer: &Tokenizer, ids: &[u32], prompt: &[u32]) -> Vec<String> {
        let mut stream = TextStream::new(tokenizer, prompt, true);
        let mut parts: Vec<String> = ids.iter().map(|&id| stream.push(id).expect("known ids")).collect();
        parts.push(stream.finish().expect("known ids"));
        parts
    }

    #[test]
    fn a_character_comes_when_its_last_byte_does() {
        let tokenizer = bytes_tokenizer();
        let parts = stream(&tokenizer, &[0x68, 0xC3, 0xA9, 0x20, 0x21], &[]);
        assert_eq!(parts, ["h", "", "é", " ", "!", ""]);
        assert_eq!(stream(&tokenizer, &[0xF0, 0x9F, 0x98, 0x80], &[0x68]), ["", "", "", "😀", ""]);
        assert_eq!(stream(&tokenizer, &[0x68, 257, 0x69], &[]), ["h", "", "i", ""]);
    }

    #[test]
    fn broken_bytes_do_not_hold_the_rest_up() {
        let tokenizer = bytes_tokenizer();
        let parts = stream(&tokenizer, &[0xFF, 0xFE, 0xFF, 0xFE, 0x61], &[]);
        assert_eq!(parts.concat(), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}a");
        assert_eq!(parts[5], "");
        assert_eq!(stream(&tokenizer, &[0x61, 0xC3], &[]), ["a", "", "\u{fffd}"]);
        let ids = [0xFF, 0xF0, 0x9F, 0x98, 0x80];
        assert_eq!(stream(&tokenizer, &ids, &[]).concat(), "\u{fffd}😀");
        let ids = tokenizer.encode_with_offsets("\u{fffd}ਲ").expect("any text").ids;
        assert_eq!(stream(&tokenizer, &ids, &[]).concat(), "\u{fffd}ਲ");
    }

    /// A tokenizer as Llama 2 has it: bytes, and a few words.
    fn fallback_tokenizer() -> Tokenizer {
        let mut vocab = serde_json::Map::new();
        for byte in 0_u32..256 {
            vocab.insert(format!("<0x{byte:02X}>"), byte.into());
        }
        for (index, token) in ["<s>", "</s>", "▁", "▁the", "ld", ""].into_iter().enumerate() {
            vocab.insert(token.into(), (256 + index).into());
        }
        let special = |id: u32, content: &str| {
            serde_json::json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true})
        };
        let json = serde_json::json!({
            "version": "1.0",
            "added_tokens": [special(256, "<s>"), special(257, "</s>")],
            "normalizer": null, "pre_tokenizer": null, "post_processor": null,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ]},
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "vocab": vocab, "merges": []},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        Tokenizer::from_folder(&folder, None).expect("a good folder")
    }

    #[test]
    fn words_after_invalid_bytes_are_written() {
        let tokenizer = fallback_tokenizer();
        let parts = stream(&tokenizer, &[0xF0, 0xF0, 0x9F, 0x9F, 0x9F, 259], &[]);
        assert_eq!(parts, ["", "", "", "", "", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd} the", ""]);
        let parts = stream(&tokenizer, &[259, 0xF0, 0x9F, 0x98, 0x80, 259], &[256]);
        assert_eq!(parts, ["the", "", "", "", "", "😀 the", ""]);
        // One byte that is none spoils the whole run, also over a special token that is not written.
        let parts = stream(&tokenizer, &[0x41, 257, 0xFF], &[]);
        assert_eq!(parts.concat(), "\u{fffd}\u{fffd}");
        assert_eq!(stream(&tokenizer, &[259, 0x41], &[260, 0xE4]).concat(), " theA");
    }

    #[test]
    fn the_alphabet_of_bytes_is_that_of_the_crate() {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let mut bytes: Vec<u8> = alphabet.into_iter().filter_map(level_byte).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!((level_byte('Ġ'), level_byte('Ċ'), level_byte('ń')), (Some(b' '), Some(b'\n'), None));
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(text in any::<String>(), prompt in "[a-zé ]{0,12}") {
            let tokenizer = bytes_tokenizer();
            let ids = tokenizer.encode_with_offsets(&text).expect("any text").ids;
            let prompt = tokenizer.encode_with_offsets(&prompt).expect("any text").ids;
            let parts = stream(&tokenizer, &ids, &prompt);
            prop_assert_eq!(parts.concat(), tokenizer.decode(&ids, true).expect("known ids"));
        }

        #[test]
        fn any_ids_stream_to_what_they_decode_to(
            bytes in prop::collection::vec(0_u32..300, 0..40),
            fallback in prop::collection::vec(prop_oneof![0_u32..300, 250_u32..262], 0..40),
            skip in any::<bool>(),
        ) {
            for (tokenizer, ids) in [(bytes_tokenizer(), bytes), (fallback_tokenizer(), fallback)] {
                let mut stream = TextStream::new(&tokenizer, &[], skip);
                let mut text = String::new();
                for &id in &ids {
                    text += &stream.push(id).expect("any ids");
                }
                text += &stream.finish().expect("any ids");
                prop_assert_eq!(text, tokenizer.decode(&ids, skip).expect("any ids"), "{:?}", ids);
            }
        }
    }
}
