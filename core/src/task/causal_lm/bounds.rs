//! How much of an example is tokenised: work is bounded by what is kept of it.

use std::borrow::Cow;

use super::examples::Example;
use crate::tokenizer::{Piece, Tokenizer};

/// Bytes of a prompt, and of what follows it, that are tokenised at most, and for each token of a row: where a cell
/// holds fifty megabytes, work is bounded by what is kept of it.
const MAX_BYTES: usize = 1 << 20;
const MAX_BYTES_A_TOKEN: usize = 256;

/// How many bytes of a prompt, and of what follows it, are tokenised.
pub(super) fn max_bytes(max_seq_length: usize) -> usize {
    MAX_BYTES.max(max_seq_length.saturating_mul(MAX_BYTES_A_TOKEN))
}

/// Bytes before the first piece that carries loss, and from it on.
pub(super) fn num_bytes(pieces: &[Piece]) -> (usize, usize) {
    let first = pieces.iter().position(|piece| piece.has_loss).unwrap_or(pieces.len());
    let length = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.len()).sum();
    (length(&pieces[..first]), length(&pieces[first..]))
}

/// The pieces that are tokenised: all of them, unless there is far more text than fits. Then a prompt loses its
/// beginning (not the token that begins a conversation), and what follows it its end, as encoding cuts them.
pub(super) fn read_pieces<'e>(tokenizer: &Tokenizer, example: &'e Example, max_seq_length: usize) -> Cow<'e, [Piece]> {
    let limit = max_bytes(max_seq_length);
    let (prompt, rest) = num_bytes(&example.pieces);
    if prompt <= limit && rest <= limit {
        return Cow::Borrowed(&example.pieces);
    }
    let first = example.pieces.iter().position(|piece| piece.has_loss).unwrap_or(example.pieces.len());
    let (before, after) = example.pieces.split_at(first);
    let mut room = limit;
    let mut pieces = Vec::new();
    for piece in before.iter().rev() {
        let start = piece.text.ceil_char_boundary(piece.text.len().saturating_sub(room));
        room = room.saturating_sub(piece.text.len());
        pieces.push(Piece { text: piece.text[start..].to_owned(), has_loss: false });
    }
    let begin = tokenizer.bos_token().filter(|bos| {
        let is_cut = prompt > limit;
        is_cut && example.is_chat() && before.first().is_some_and(|piece| piece.text.starts_with(*bos))
    });
    pieces.extend(begin.map(|bos| Piece { text: bos.to_owned(), has_loss: false }));
    pieces.reverse();
    let mut room = limit;
    for piece in after {
        let end = piece.text.floor_char_boundary(room);
        room = room.saturating_sub(piece.text.len());
        pieces.push(Piece { text: piece.text[..end].to_owned(), has_loss: piece.has_loss });
    }
    Cow::Owned(pieces)
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::{example, tokenizer};
    use super::super::encode::{EncodeSettings, cut_rows, encode_examples};
    use super::*;
    use crate::tokenizer::{Role, Turn};

    #[test]
    fn work_is_bounded_by_what_is_kept() {
        let (long, limit) = ("ab".repeat(MAX_BYTES), MAX_BYTES);
        let tokenizer = tokenizer(true);
        let settings = EncodeSettings { max_seq_length: 8, eos_token_ids: vec![1], cut_texts_into_passages: false };
        let pieces = |parts: &[(&str, bool)]| read_pieces(&tokenizer, &example(parts), 8).into_owned();
        let lengths = |parts: &[(&str, bool)]| pieces(parts).iter().map(|piece| piece.text.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[("!", false), (long.as_str(), false), ("c", true)]), [0, limit, 1]);
        assert_eq!(lengths(&[("!", false), (long.as_str(), true), ("c", true)]), [1, limit, 0]);
        let mut chat = example(&[("<s>b", false), (long.as_str(), false), ("c", true)]);
        chat.turns = vec![Turn::new(Role::User, "b")];
        assert_eq!(read_pieces(&tokenizer, &chat, 8)[0].text, "<s>");
        let rows = [example(&[(long.as_str(), false), ("c", true)]), example(&[("b", false), (long.as_str(), true)])];
        let encoded = encode_examples(&tokenizer, &rows, &settings).expect("room");
        assert_eq!((encoded[0].input_ids[0], encoded[0].input_ids[6..].to_vec()), (0, vec![7, 1]));
        assert_eq!((encoded[1].num_tokens(), encoded[1].num_tokens_untruncated), (8, limit + 3));
        let reasons: Vec<String> = cut_rows(&rows, &encoded).into_iter().map(|row| row.reason).collect();
        let expected = |whose: &str, part: &str| {
            format!("{whose} has 2097152 bytes, of which the {part} 1048576 were read: 8 tokens fit (max_seq_length)")
        };
        assert_eq!(reasons, [expected("the prompt", "last"), expected("the answer", "first")]);
    }
}
