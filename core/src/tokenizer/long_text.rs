//! Which part of a long text is tokenised when only its first (or last) tokens are kept.
//!
//! Words are cut into tokens one by one, so what stands beyond the end of a piece changes at most the tokens at that end.
//! A piece is long enough when it has many times the tokens that are kept.

use tokenizers::utils::truncation::TruncationDirection;

/// Texts up to this many bytes are tokenised whole, so that their tokens are counted.
pub(super) const WHOLE_BYTES: usize = 256 << 10;

/// At most this much of a text is looked at: a text of a single word has no tokens to count.
const MOST_BYTES: usize = 1 << 20;

/// How far back a space is looked for, to end a piece between words.
const MAX_WORD_BYTES: usize = 4096;

/// Pieces of a text to try, each twice as long as the one before; the last is the text, or all that is looked at of it.
pub(super) fn pieces(text: &str, direction: TruncationDirection) -> impl Iterator<Item = &str> {
    let most = text.len().min(MOST_BYTES);
    let sizes = std::iter::successors(Some(WHOLE_BYTES.min(most)), move |&size| {
        (size < most).then(|| size.saturating_mul(2).min(most))
    });
    sizes.map(move |size| piece(text, size, direction))
}

/// Whether a piece of `num_tokens` tells the `kept` tokens of its text.
pub(super) fn is_enough(num_tokens: usize, kept: usize) -> bool {
    num_tokens >= kept.saturating_mul(2).saturating_add(64)
}

/// About `size` bytes of a text, from its start or (where the start is cut off) up to its end.
fn piece(text: &str, size: usize, direction: TruncationDirection) -> &str {
    if size >= text.len() {
        return text;
    }
    match direction {
        TruncationDirection::Right => {
            let end = text.floor_char_boundary(size);
            let mut near = text[..end].char_indices().rev().take_while(|(at, _)| at + MAX_WORD_BYTES >= end);
            let space = near.find(|(_, character)| character.is_whitespace());
            &text[..space.map_or(end, |(at, _)| at)]
        }
        TruncationDirection::Left => {
            let start = text.ceil_char_boundary(text.len() - size);
            let mut near = text[start..].char_indices().take_while(|(at, _)| *at <= MAX_WORD_BYTES);
            let space = near.find(|(_, character)| character.is_whitespace());
            &text[start + space.map_or(0, |(at, _)| at)..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_between_words_and_never_within_a_character() {
        let words = "wörter und ".repeat(80_000);
        let right: Vec<&str> = pieces(&words, TruncationDirection::Right).collect();
        assert!(right.iter().all(|piece| words.starts_with(piece)));
        assert_eq!(right.last().map(|piece| piece.len()), Some(words.len()));
        assert!(words[right[0].len()..].starts_with(' ') && right[0].len() > WHOLE_BYTES - 32);
        let left: Vec<&str> = pieces(&words, TruncationDirection::Left).collect();
        assert!(left.iter().all(|piece| words.ends_with(piece)) && left[0].starts_with(' '));
        let one_word = "你".repeat(200_000);
        for direction in [TruncationDirection::Right, TruncationDirection::Left] {
            let first = pieces(&one_word, direction).next().expect("a piece");
            assert!(first.len() > WHOLE_BYTES - 4 && first.len() <= WHOLE_BYTES);
        }
        assert_eq!(pieces("short", TruncationDirection::Right).collect::<Vec<_>>(), ["short"]);
        assert_eq!(pieces("", TruncationDirection::Left).collect::<Vec<_>>(), [""]);
    }
}
