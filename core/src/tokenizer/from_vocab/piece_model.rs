//! The model file of SentencePiece, which folders of T5, ALBERT, XLM-R, DeBERTa v2, Llama, Mistral and Gemma have in the place
//! of (or beside) a tokenizer.json.
//!
//! In: the bytes of `spiece.model`, `sentencepiece.bpe.model`, `spm.model` or `tokenizer.model`, a protobuf message
//! (`sentencepiece_model.proto` of <https://github.com/google/sentencepiece>). Out: [`PieceModel`], its pieces and those of its
//! settings that a tokenizer needs.

/// Largest file that is read; that of Gemma 3 has 5 MB.
const MAX_BYTES: usize = 16 << 20;

/// Most pieces; Gemma 3 has 262,144.
const MAX_PIECES: usize = 1 << 20;

/// Longest piece: merges are sought by cutting each piece in two in every way.
const MAX_PIECE_BYTES: usize = 256;

const CUT_OFF: &str = "it is cut off";

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text.
    Normal,
    /// Stands for a sign and not for a text: `<s>`.
    Control,
    /// A text that is never cut.
    UserDefined,
    /// The unknown token, a byte, or a piece that is not used.
    Other,
}

/// A token of the vocabulary; its index is its id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) score: f32,
    pub(super) kind: Kind,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PieceModel<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    /// Unigram, not BPE.
    pub(super) is_unigram: bool,
    pub(super) byte_fallback: bool,
    /// Negative where there is none, as the two after it.
    pub(super) unk_id: i32,
    pub(super) bos_id: i32,
    pub(super) eos_id: i32,
    pub(super) unk_piece: &'a str,
    pub(super) bos_piece: &'a str,
    pub(super) eos_piece: &'a str,
    /// Which characters are replaced by which; empty where none are.
    pub(super) charsmap: &'a [u8],
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
    pub(super) escape_whitespaces: bool,
}

/// A value of a protobuf message.
enum Wire<'a> {
    Number(u64),
    Four([u8; 4]),
    Bytes(&'a [u8]),
    /// Of a kind that no field here has.
    Eight,
}

impl<'a> PieceModel<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(format!("it has {} bytes, at most {MAX_BYTES} are read", bytes.len()));
        }
        let mut model = Self {
            pieces: Vec::new(),
            is_unigram: true,
            byte_fallback: false,
            unk_id: 0,
            bos_id: 1,
            eos_id: 2,
            unk_piece: "<unk>",
            bos_piece: "<s>",
            eos_piece: "</s>",
            charsmap: &[],
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        };
        let mut rest = bytes;
        while let Some((field, value)) = next_field(&mut rest)? {
            match (field, value) {
                (1, Wire::Bytes(piece)) if model.pieces.len() < MAX_PIECES => model.pieces.push(read_piece(piece)?),
                (1, Wire::Bytes(_)) => return Err(format!("it has more than {MAX_PIECES} pieces")),
                (2, Wire::Bytes(spec)) => model.read_trainer(spec)?,
                (3, Wire::Bytes(spec)) => model.read_normalizer(spec)?,
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err("it is no SentencePiece model: it has no pieces".to_owned());
        }
        Ok(model)
    }

    /// `TrainerSpec`.
    fn read_trainer(&mut self, mut rest: &'a [u8]) -> Result<(), String> {
        while let Some((field, value)) = next_field(&mut rest)? {
            match (field, value) {
                (3, Wire::Number(1)) => self.is_unigram = true,
                (3, Wire::Number(2)) => self.is_unigram = false,
                (3, Wire::Number(_)) => {
                    return Err("it cuts texts into words or letters, neither Unigram nor BPE".to_owned());
                }
                (35, Wire::Number(number)) => self.byte_fallback = number != 0,
                (40, Wire::Number(number)) => self.unk_id = number as i32,
                (41, Wire::Number(number)) => self.bos_id = number as i32,
                (42, Wire::Number(number)) => self.eos_id = number as i32,
                (45, Wire::Bytes(text)) => self.unk_piece = read_text(text)?,
                (46, Wire::Bytes(text)) => self.bos_piece = read_text(text)?,
                (47, Wire::Bytes(text)) => self.eos_piece = read_text(text)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `NormalizerSpec`.
    fn read_normalizer(&mut self, mut rest: &'a [u8]) -> Result<(), String> {
        while let Some((field, value)) = next_field(&mut rest)? {
            match (field, value) {
                (2, Wire::Bytes(map)) => self.charsmap = map,
                (3, Wire::Number(number)) => self.add_dummy_prefix = number != 0,
                (4, Wire::Number(number)) => self.remove_extra_whitespaces = number != 0,
                (5, Wire::Number(number)) => self.escape_whitespaces = number != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

fn read_piece(mut rest: &[u8]) -> Result<Piece<'_>, String> {
    let mut piece = Piece { text: "", score: 0.0, kind: Kind::Normal };
    while let Some((field, value)) = next_field(&mut rest)? {
        match (field, value) {
            (1, Wire::Bytes(text)) => piece.text = read_text(text)?,
            (2, Wire::Four(bytes)) => piece.score = f32::from_le_bytes(bytes),
            (3, Wire::Number(1)) => piece.kind = Kind::Normal,
            (3, Wire::Number(3)) => piece.kind = Kind::Control,
            (3, Wire::Number(4)) => piece.kind = Kind::UserDefined,
            (3, Wire::Number(_)) => piece.kind = Kind::Other,
            _ => {}
        }
    }
    Ok(piece)
}

fn read_text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_PIECE_BYTES {
        return Err(format!("it has a piece of {} bytes, at most {MAX_PIECE_BYTES} are read", bytes.len()));
    }
    std::str::from_utf8(bytes).map_err(|_| "it has a piece that is not UTF-8".to_owned())
}

/// The next field of a message, its number and its value, taken off `rest`; `None` at the end.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, Wire<'a>)>, String> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = next_number(rest)?;
    let value = match key & 7 {
        0 => Wire::Number(next_number(rest)?),
        1 => {
            take(rest, 8)?;
            Wire::Eight
        }
        2 => {
            let length = usize::try_from(next_number(rest)?).map_err(|_| CUT_OFF)?;
            Wire::Bytes(take(rest, length)?)
        }
        5 => Wire::Four(take(rest, 4)?.try_into().map_err(|_| CUT_OFF)?),
        _ => return Err("it is no SentencePiece model".to_owned()),
    };
    Ok(Some((key >> 3, value)))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, after) = rest.split_at_checked(length).ok_or(CUT_OFF)?;
    *rest = after;
    Ok(taken)
}

/// A number in as many bytes as it needs, seven bits in each.
fn next_number(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(CUT_OFF)?;
        *rest = after;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("it is no SentencePiece model".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A field with bytes.
    fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
        let length = u8::try_from(value.len()).expect("a short value");
        assert!(field < 16 && length < 0x80);
        [[field << 3 | 2, length].as_slice(), value].concat()
    }

    fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
        let score = [[2 << 3 | 5_u8].as_slice(), score.to_le_bytes().as_slice()].concat();
        bytes(1, &[bytes(1, text.as_bytes()), score, vec![3 << 3, kind]].concat())
    }

    #[test]
    fn pieces_and_settings_are_read() {
        // -1 has ten bytes; field 35 is byte_fallback, 41 bos_id, 46 bos_piece.
        let minus_one = [0xFF_u8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        let head = [3 << 3, 2, 0x98, 2, 1, 0xC8, 2_u8];
        let trainer = [head.as_slice(), minus_one.as_slice(), [0xF2, 2, 1, b'x'].as_slice()].concat();
        let normalizer = [bytes(2, b"map"), vec![3 << 3, 0]].concat();
        let file = [
            piece("<unk>", 0.0, 2),
            piece("<s>", 0.0, 3),
            piece("\u{2581}a", -1.5, 1),
            piece("(", -2.0, 4),
            bytes(2, &trainer),
            bytes(3, &normalizer),
        ]
        .concat();
        let found = PieceModel::read(&file).expect("a good file");
        let kinds: Vec<Kind> = found.pieces.iter().map(|piece| piece.kind).collect();
        assert_eq!(kinds, [Kind::Other, Kind::Control, Kind::Normal, Kind::UserDefined]);
        assert_eq!((found.pieces[2].text, found.pieces[2].score), ("\u{2581}a", -1.5));
        assert!(!found.is_unigram && found.byte_fallback && !found.add_dummy_prefix && found.escape_whitespaces);
        assert_eq!((found.unk_id, found.bos_id, found.bos_piece, found.eos_piece), (0, -1, "x", "</s>"));
        assert_eq!(found.charsmap, b"map");
        let fail = |file: &[u8]| PieceModel::read(file).expect_err("not usable");
        assert_eq!(fail(&file[..file.len() - 1]), "it is cut off");
        let none = "it is no SentencePiece model";
        assert!(fail(b"IQ== 0\nIg== 1\n").starts_with(none), "the tokenizer.model of Llama 3");
        assert!(fail(b"").starts_with(none) && fail(&[7, 0]).starts_with(none));
        assert_eq!(fail(&bytes(2, &[3 << 3, 3])), "it cuts texts into words or letters, neither Unigram nor BPE");
        assert_eq!(fail(&bytes(1, &bytes(1, &[0xFF]))), "it has a piece that is not UTF-8");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = PieceModel::read(&bytes);
        }
    }
}
