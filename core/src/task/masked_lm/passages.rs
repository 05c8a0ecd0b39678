//! Texts to passages of tokens: each as long as the model reads, with special tokens around it, and nothing lost.
//!
//! A long text is tokenised a part at a time, so that whoever reads it can do something else in between. Parts end after a
//! line, or else before a space, which byte-level tokenizers take for the beginning of a word: no word is cut.

use crate::task::TaskError;
use crate::tokenizer::Tokenizer;

/// A token that belongs to no word.
pub(super) const NO_WORD: u32 = u32::MAX;

/// A part of a text as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    /// Token ids, special tokens included.
    pub(super) input_ids: Vec<u32>,
    /// Number of the word that each token belongs to; [`NO_WORD`] for special tokens.
    pub(super) words: Vec<u32>,
    /// Index of its row in its split.
    pub(super) row: usize,
}

/// A text that is tokenised a part at a time.
#[derive(Debug, Default)]
pub(super) struct PassageReader {
    ids: Vec<u32>,
    words: Vec<u32>,
    num_bytes: usize,
    num_words: u32,
}

impl PassageReader {
    /// Tokenises about `size` bytes more of the text of a row. Gives how many there were and, once nothing is left, its
    /// passages of at most `max_seq_length` tokens; then another text can follow.
    ///
    /// # Errors
    /// When `max_seq_length` has no room, or the tokenizer fails on the text.
    pub(super) fn advance(
        &mut self,
        tokenizer: &Tokenizer,
        (row, number): (usize, usize),
        text: &str,
        max_seq_length: usize,
        size: usize,
    ) -> Result<(usize, Option<Vec<Passage>>), TaskError> {
        let room = max_seq_length.saturating_sub(tokenizer.special_prefix().len() + tokenizer.special_suffix().len());
        if room == 0 {
            let reason = "leaves no room for a token beside the special tokens".to_owned();
            return Err(TaskError::TooShort { max_seq_length, reason });
        }
        let rest = text.get(self.num_bytes..).unwrap_or_default();
        let end = part_end(rest, size);
        let placed = tokenizer.encode_with_offsets(&rest[..end]).map_err(|source| TaskError::of_row(number, source))?;
        let mut num_words = self.num_words;
        for word in placed.words {
            let word = word.map_or(NO_WORD, |word| word.saturating_add(self.num_words));
            num_words = if word == NO_WORD { num_words } else { num_words.max(word + 1) };
            self.words.push(word);
        }
        self.ids.extend(placed.ids);
        self.num_words = num_words;
        if end < rest.len() {
            self.num_bytes += end;
            return Ok((end, None));
        }
        let Self { ids, words, .. } = std::mem::take(self);
        let (prefix, suffix) = (tokenizer.special_prefix(), tokenizer.special_suffix());
        let passage = |(ids, words): (&[u32], &[u32])| Passage {
            input_ids: [prefix, ids, suffix].concat(),
            words: [&vec![NO_WORD; prefix.len()][..], words, &vec![NO_WORD; suffix.len()][..]].concat(),
            row,
        };
        Ok((end, Some(ids.chunks(room).zip(words.chunks(room)).map(passage).collect())))
    }
}

/// Tokenises texts, each with its row number, in order.
///
/// # Errors
/// As of [`PassageReader::advance`].
pub(super) fn read_passages<'t>(
    tokenizer: &Tokenizer,
    texts: impl Iterator<Item = (usize, &'t str)>,
    max_seq_length: usize,
    size: usize,
) -> Result<Vec<Passage>, TaskError> {
    let mut passages = Vec::new();
    let mut reader = PassageReader::default();
    for (row, (number, text)) in texts.enumerate() {
        loop {
            let (_, found) = reader.advance(tokenizer, (row, number), text, max_seq_length, size)?;
            if let Some(found) = found {
                passages.extend(found);
                break;
            }
        }
    }
    Ok(passages)
}

/// The end of the first part of a text: where a line ends soon after `size` bytes, else where a word does, else the end of
/// the text.
fn part_end(text: &str, size: usize) -> usize {
    if text.len() <= size {
        return text.len();
    }
    let start = text.floor_char_boundary(size);
    let near = text.floor_char_boundary(size.saturating_mul(2));
    if let Some(found) = text[start..near].find('\n') {
        return start + found + 1;
    }
    let mut spaces =
        text[start..].char_indices().filter(|&(at, character)| start + at > 0 && character.is_whitespace());
    spaces.next().map_or(text.len(), |(at, _)| start + at)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::folder::Folder;

    /// A tokenizer of a few words, `worlds` of two tokens.
    pub(in crate::task::masked_lm) fn tokenizer() -> Tokenizer {
        let mut folder = Folder::new();
        folder.insert("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n!\nand\n");
        Tokenizer::from_folder(&folder, None).expect("a good vocabulary")
    }

    fn read(text: &str, max_seq_length: usize, size: usize) -> Vec<Passage> {
        read_passages(&tokenizer(), [(7, text)].into_iter(), max_seq_length, size).expect("room")
    }

    #[test]
    fn passages_lose_nothing_and_know_their_words() {
        let found = read("hello worlds ! hello and worlds", 6, 1000);
        let ids: Vec<&[u32]> = found.iter().map(|passage| passage.input_ids.as_slice()).collect();
        assert_eq!(ids, [&[2, 5, 6, 7, 8, 3][..], &[2, 5, 9, 6, 7, 3]]);
        assert_eq!(found[0].words, [NO_WORD, 0, 1, 1, 2, NO_WORD]);
        assert_eq!(found[1].words, [NO_WORD, 3, 4, 5, 5, NO_WORD]);
        assert!(read(" \n", 6, 1000).is_empty(), "there is no token in it");
    }

    #[test]
    fn a_text_that_is_tokenised_in_parts_has_the_same_passages() {
        for text in ["hello worlds\nand hello !\nworlds and", "hello hello hello hello worlds"] {
            let whole = read(text, 5, 1000);
            let tokenizer = tokenizer();
            let (mut reader, mut num_parts, mut num_bytes) = (PassageReader::default(), 0, 0);
            let found = loop {
                let (bytes, found) = reader.advance(&tokenizer, (0, 7), text, 5, 8).expect("room");
                (num_parts, num_bytes) = (num_parts + 1, num_bytes + bytes);
                if let Some(found) = found {
                    break found;
                }
            };
            assert_eq!((found, num_bytes), (whole, text.len()));
            assert!(num_parts > 1, "{num_parts}");
        }
    }

    #[test]
    fn no_room_is_an_error() {
        let error = read_passages(&tokenizer(), [(7, "hello")].into_iter(), 2, 8).expect_err("two special tokens");
        assert!(error.to_string().starts_with("max_seq_length 2 leaves no room"), "{error}");
    }
}
