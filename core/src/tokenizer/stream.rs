//! Ids to text one at a time, while a model writes.
//!
//! In: ids in order. Out: the text that each adds. A token alone does not decode as it does within its text (spaces at
//! the start, characters of several tokens), so each is decoded behind the ones before it and the difference handed
//! out, as vLLM and text-generation-inference do.

use super::{Tokenizer, TokenizerError};

/// Most tokens that a character can be spread over: UTF-8 has at most four bytes.
const MAX_PENDING: usize = 4;

/// Tokens of a prompt that the first new one is decoded behind.
const CONTEXT: usize = 8;

/// What a byte that is no UTF-8 (yet) decodes to.
const REPLACEMENT: char = '\u{fffd}';

/// Decodes a growing list of ids.
#[derive(Debug, Clone)]
pub struct TextStream<'t> {
    tokenizer: &'t Tokenizer,
    skip_special_tokens: bool,
    /// Tokens handed out last, then those not handed out yet.
    ids: Vec<u32>,
    /// How many of `ids` were handed out.
    num_told: usize,
}

impl<'t> TextStream<'t> {
    /// Starts behind the tokens of a prompt (none: at the start of a text).
    #[must_use]
    pub fn new(tokenizer: &'t Tokenizer, prompt: &[u32], skip_special_tokens: bool) -> Self {
        let ids = prompt[prompt.len().saturating_sub(CONTEXT)..].to_vec();
        Self { tokenizer, skip_special_tokens, num_told: ids.len(), ids }
    }

    /// Takes the next id; returns the text it adds: nothing while a character is incomplete.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.ids.push(id);
        let (told, all) = self.decode()?;
        if all.len() <= told.len() {
            return Ok(String::new());
        }
        let mut end = self.ids.len();
        if all.ends_with(REPLACEMENT) {
            if end - self.num_told < MAX_PENDING {
                return Ok(String::new());
            }
            end = self.first_break(&all)?;
        }
        let text = rest(&told, self.text(&self.ids[..end])?);
        self.ids.drain(..self.num_told);
        self.num_told = end - self.num_told;
        Ok(text)
    }

    /// The first place behind the tokens handed out at which the ids can be parted without parting a character; the end
    /// if there is none.
    fn first_break(&self, all: &str) -> Result<usize, TokenizerError> {
        for end in self.num_told + 1..self.ids.len() {
            let (before, after) = (self.text(&self.ids[..end])?, self.text(&self.ids[end..])?);
            if all.strip_prefix(&before) == Some(&after) {
                return Ok(end);
            }
        }
        Ok(self.ids.len())
    }

    /// The text of what is still incomplete.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn finish(self) -> Result<String, TokenizerError> {
        let (told, all) = self.decode()?;
        Ok(rest(&told, all))
    }

    /// Text of the tokens handed out, and of all.
    fn decode(&self) -> Result<(String, String), TokenizerError> {
        Ok((self.text(&self.ids[..self.num_told])?, self.text(&self.ids)?))
    }

    fn text(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.tokenizer.decode(ids, self.skip_special_tokens)
    }
}

/// What `all` has more than `told`.
fn rest(told: &str, all: String) -> String {
    if told.is_empty() { all } else { all.get(told.len()..).unwrap_or_default().to_owned() }
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
        fn no_bytes_panic(ids in prop::collection::vec(0_u32..300, 0..40)) {
            stream(&bytes_tokenizer(), &ids, &[]);
        }
    }
}
