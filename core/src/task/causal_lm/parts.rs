//! Long texts are tokenised a part at a time, so that whoever reads them can do something else in between. The tokens
//! are those of the whole.

use super::encode::{EncodeSettings, Encoded, MIN_TOKENS, encode_example, passages, with_special_tokens};
use super::examples::Example;
use crate::task::TaskError;
use crate::tokenizer::{Piece, Tokenizer};

/// An example that is tokenised a part at a time: of a long text that is cut into passages more than one, where its
/// tokenizer allows it ([`Tokenizer::part_end`]).
#[derive(Debug, Default)]
pub(super) struct PartEncoder {
    ids: Vec<u32>,
    num_bytes: usize,
}

impl PartEncoder {
    /// Tokenises about `size` bytes more of the example. Gives how many there were and, once nothing is left, its rows,
    /// which are those of [`encode_example`]; then another example can follow.
    ///
    /// # Errors
    /// As of [`encode_example`].
    pub(super) fn advance(
        &mut self,
        tokenizer: &Tokenizer,
        example: &Example,
        index: usize,
        settings: &EncodeSettings,
        size: usize,
    ) -> Result<(usize, Option<Vec<Encoded>>), TaskError> {
        let at_once = || {
            let num_bytes: usize = example.pieces.iter().map(|piece| piece.text.len()).sum();
            encode_example(tokenizer, example, index, settings).map(|rows| (num_bytes, Some(rows)))
        };
        let [Piece { text, has_loss }] = example.pieces.as_slice() else { return at_once() };
        let rest = text.get(self.num_bytes..).unwrap_or_default();
        let end = tokenizer.part_end(rest, size);
        if !settings.cuts_into_passages(example) || settings.max_seq_length < MIN_TOKENS || end == text.len() {
            return at_once();
        }
        let failed = |source| TaskError::Row { row: example.row, source };
        self.ids.extend(tokenizer.encode_with_offsets(&rest[..end]).map_err(failed)?.ids);
        if end < rest.len() {
            self.num_bytes += end;
            return Ok((end, None));
        }
        let ids = std::mem::take(self).ids;
        let marks = vec![*has_loss; ids.len()];
        let (ids, loss) =
            with_special_tokens(tokenizer, example, &example.pieces, &settings.eos_token_ids, (ids, marks));
        Ok((end, Some(passages(ids, loss, index, settings.max_seq_length))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::{example, tokenizer};
    use super::*;

    #[test]
    fn a_text_that_is_tokenised_in_parts_has_the_same_rows() {
        for (bos, max) in [(true, 5), (false, 5), (true, 1000)] {
            let tokenizer = tokenizer(bos);
            let settings =
                EncodeSettings { max_seq_length: max, eos_token_ids: vec![1], cut_texts_into_passages: true };
            let mut parts = PartEncoder::default();
            let mut num_parts = Vec::new();
            for text in ["ab a\nb c!\n\n a\nc", "abc", "a\nb"] {
                let text = example(&[(text, true)]);
                let (mut count, mut read) = (0, 0);
                let rows = loop {
                    let (num_bytes, rows) = parts.advance(&tokenizer, &text, 3, &settings, 2).expect("room");
                    (count, read) = (count + 1, read + num_bytes);
                    if let Some(rows) = rows {
                        break rows;
                    }
                };
                assert_eq!(read, text.pieces[0].text.len());
                num_parts.push(count);
                assert_eq!(rows, encode_example(&tokenizer, &text, 3, &settings).expect("room"));
            }
            assert_eq!(num_parts, [3, 1, 2]);
        }
    }
}
