//! Damage to files, the same for the same seed: bits and bytes, cuts, parts of two files in one, words that a format stumbles
//! over; and of JSON, headers of safetensors and PNG files damage that leaves the file readable, so that what it says is
//! hostile rather than how it is written.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

/// Longest damaged file: what is found in a larger one is found in this, sooner.
const MAX_BYTES: usize = 1 << 20;

/// Longest part that is taken from another file.
const MAX_PART: usize = 4096;

/// What a file is to the mutator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Json,
    Safetensors,
    /// Images and archives.
    Binary,
}

/// Words that any parser of texts may stumble over.
const WORDS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "NaN",
    "Infinity",
    "1e308",
    "1e400",
    "-0.0",
    "2147483648",
    "4294967296",
    "4611686018427387904",
    "9223372036854775808",
    "10000000",
    "\"\"",
    "\"",
    "\"\"\"",
    "'",
    "[]",
    "{}",
    "{\"a\":",
    "[1,",
    "[[[[[[[[",
    "]]]]]]]]",
    "{{{{{{{{",
    "\"\\ud800\"",
    "\\u0000",
    "\u{feff}",
    "\r",
    "\r\n",
    "\n\n",
    "\0",
    ",",
    ";",
    "\t",
    "|",
    ":",
    " ",
    "..",
    "/",
    "\\",
    "%s",
    "\u{202e}",
    "\u{1f600}",
    "e\u{301}",
    "sep=;",
    "# ",
    "-DOCSTART-",
];

/// Bytes that are no UTF-8, marks of encodings, and numbers at the ends of their ranges.
const BYTES: &[&[u8]] = &[
    b"\xFF",
    b"\xC3",
    b"\xED\xA0\x80",
    b"\xF0\x9F\x98",
    b"\xFF\xFE",
    b"\xFE\xFF",
    b"\xEF\xBB\xBF",
    b"\x80\x80\x80\x80",
    b"\0\0",
    b"\xFF\xFF",
    b"\0\0\0\0",
    b"\xFF\xFF\xFF\xFF",
    b"\x7F\xFF\xFF\xFF",
    b"\xFF\xFF\xFF\x7F",
    b"\0\0\0\x80",
    b"\x80\0\0\0",
    b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
    b"\0\0\0\0\0\0\0\x01",
];

/// Damages files.
pub(crate) struct Mutator {
    kind: Kind,
    words: &'static [&'static str],
    files: Vec<Vec<u8>>,
    random: ChaCha8Rng,
}

impl Mutator {
    /// Over files that are right; `words` are the format's own. Another `name` and another `seed` give other damage.
    pub(crate) fn new(name: &str, kind: Kind, words: &'static [&'static str], files: Vec<Vec<u8>>, seed: u64) -> Self {
        let seed = name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Self { kind, words, files, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next damaged file.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let which = self.below(self.files.len());
        let mut bytes = self.files[which].clone();
        let kind = self.kind;
        let is_rewritten = match kind {
            Kind::Json if self.below(3) > 0 => change_json(&mut bytes, |value| self.change_values(value)),
            Kind::Safetensors if self.below(4) > 0 => self.change_header(&mut bytes),
            _ => false,
        };
        // What was rewritten is mostly left as it is: one flipped bit would hide what it says.
        let num_damages = if is_rewritten && self.below(4) > 0 { 0 } else { 1 + self.below(4) };
        for _ in 0..num_damages {
            self.damage(&mut bytes);
        }
        bytes.truncate(MAX_BYTES);
        if self.kind == Kind::Binary && self.below(4) > 0 {
            repair_png(&mut bytes);
        }
        bytes
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random.next_u64() % limit.max(1) as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        let own = self.below(self.words.len() * 2 + WORDS.len());
        self.words.get(own / 2).copied().unwrap_or_else(|| WORDS[own % WORDS.len()])
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let to = (at + self.below(64)).min(bytes.len());
        match self.below(12) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let word = self.word().as_bytes();
                drop(bytes.splice(at..to, word.iter().copied()));
            }
            3 => {
                let word = self.word().repeat(1 << self.below(10));
                drop(bytes.splice(at..at, word.into_bytes()));
            }
            4 => {
                let part = bytes[at..to].repeat(1 + self.below(2000));
                drop(bytes.splice(at..at, part));
            }
            5 => self.splice(bytes, at, to),
            6 => self.replace_field(bytes),
            7 => {
                let other = BYTES[self.below(BYTES.len())];
                let to = if self.below(2) == 0 { at } else { (at + other.len()).min(bytes.len()) };
                drop(bytes.splice(at..to, other.iter().copied()));
            }
            8 | 9 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.random.next_u32() % 8);
                }
            }
            10 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.random.next_u32() as u8;
                }
            }
            _ => bytes.insert(at, self.random.next_u32() as u8),
        }
    }

    /// A part of another file, or all of it from somewhere on, takes the place of what stands there.
    fn splice(&mut self, bytes: &mut Vec<u8>, at: usize, to: usize) {
        let which = self.below(self.files.len());
        let from = self.below(self.files[which].len() + 1);
        let length = if self.below(2) == 0 { MAX_PART } else { self.below(200) };
        let other = &self.files[which];
        let part = other[from..(from + length).min(other.len())].to_vec();
        drop(bytes.splice(at..to, part));
    }

    /// What stands behind a colon becomes a word, however broken the rest is.
    fn replace_field(&mut self, bytes: &mut Vec<u8>) {
        let colons: Vec<usize> = (0..bytes.len().min(1 << 16)).filter(|&at| bytes[at] == b':').collect();
        if colons.is_empty() {
            return;
        }
        let from = colons[self.below(colons.len())] + 1;
        let ends = |byte: u8| matches!(byte, b',' | b'}' | b']' | b'\n');
        let to = bytes[from..].iter().position(|&byte| ends(byte)).map_or(bytes.len(), |length| from + length);
        let word = self.word().as_bytes();
        drop(bytes.splice(from..to, word.iter().copied()));
    }

    fn change_values(&mut self, value: &mut Value) {
        for _ in 0..=self.below(3) {
            self.change_value(value);
        }
    }

    /// Goes down into a JSON value at random, and changes what it comes to.
    fn change_value(&mut self, value: &mut Value) {
        let num_children = match value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        if num_children > 0 && self.below(5) > 0 {
            let index = self.below(num_children);
            let child = match value {
                Value::Array(items) => items.get_mut(index),
                Value::Object(fields) => fields.values_mut().nth(index),
                _ => None,
            };
            if let Some(child) = child {
                return self.change_value(child);
            }
        }
        self.replace(value, num_children);
    }

    fn replace(&mut self, value: &mut Value, num_children: usize) {
        let (index, other, name) = (self.below(num_children), self.absurd_value(), self.word());
        match (self.below(8), &mut *value) {
            (0, Value::Array(items)) if num_children > 0 => drop(items.remove(index)),
            (0, Value::Object(fields)) => {
                let key = fields.keys().nth(index).cloned();
                drop(key.and_then(|key| fields.shift_remove(&key)));
            }
            (1, Value::Array(items)) => items.push(other),
            (1, Value::Object(fields)) => drop(fields.insert(name.to_owned(), other)),
            (2, Value::Array(items)) if num_children > 0 => {
                let item = items[index].clone();
                items.extend(std::iter::repeat_n(item, 1 + index % 300));
            }
            (2, Value::String(text)) => *text = text.repeat(1 + self.below(300)),
            (3, _) => {
                for _ in 0..1_usize << self.below(7) {
                    *value = Value::Array(vec![value.take()]);
                }
            }
            _ => *value = other,
        }
    }

    /// A value of any kind, at the end of a range more often than not.
    fn absurd_value(&mut self) -> Value {
        match self.below(22) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(false),
            3 => json!(0),
            4 => json!(1),
            5 => json!(-1),
            6 => json!(2_147_483_648_u64),
            7 => json!(4_294_967_296_u64),
            8 => json!(u64::MAX),
            9 => json!(i64::MIN),
            10 => json!(1e308),
            11 => json!(-1e-320),
            12 => json!(0.5),
            13 => json!(self.random.next_u32() % 300),
            14 => json!(""),
            15 => json!("e\u{301}\u{1f600}\0"),
            16 => json!("x".repeat(1 << self.below(14))),
            17 => json!([]),
            18 => json!({}),
            _ => json!(self.word()),
        }
    }

    /// Changes the header of a safetensors file, whose length then is right, or only its length, which then is wrong.
    fn change_header(&mut self, bytes: &mut Vec<u8>) -> bool {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
        let length = u64::from_le_bytes(*length);
        let Some((header, data)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) else {
            return false;
        };
        let (mut header, data) = (header.to_vec(), data.to_vec());
        let mut length = length;
        if self.below(6) == 0 {
            length =
                [0, 1, length.wrapping_sub(1), length.wrapping_add(1), 100_000_001, 1 << 40, u64::MAX][self.below(7)];
        } else {
            change_json(&mut header, |value| self.change_values(value));
            length = header.len() as u64;
        }
        *bytes = [&length.to_le_bytes()[..], &header, &data].concat();
        true
    }
}

/// Changes what a JSON file says; `false` where it is none.
fn change_json(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Value)) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return false };
    change(&mut value);
    *bytes = value.to_string().into_bytes();
    true
}

/// Gives the chunks of a PNG file the checksums of what is in them: without, a decoder looks no further than the first.
fn repair_png(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG") {
        return;
    }
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes) {
        let end = at.saturating_add(8).saturating_add(length as usize);
        let Some(sum) = bytes.get(at + 4..end).map(crc32) else { return };
        match bytes.get_mut(end..end + 4) {
            Some(place) => place.copy_from_slice(&sum.to_be_bytes()),
            None => return,
        }
        at = end + 4;
    }
}

/// The checksum of PNG and zip.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

#[test]
fn damage_is_the_same_for_the_same_seed_only() {
    let inputs = |name: &str, seed: u64| {
        let files = vec![b"{\"a\": [1, 2, {\"b\": \"c\"}]}".to_vec(), b"{\"d\": 1.5}".to_vec()];
        let mut mutator = Mutator::new(name, Kind::Json, &[], files, seed);
        (0..200).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs("a", 1), inputs("a", 1));
    assert_ne!(inputs("a", 1), inputs("a", 2));
    assert_ne!(inputs("a", 1), inputs("b", 1));
    let is_json = |bytes: &&Vec<u8>| serde_json::from_slice::<Value>(bytes).is_ok();
    assert!(inputs("a", 1).iter().filter(is_json).count() > 50, "much of what is damaged stays JSON");
}

#[test]
fn checksums_of_a_damaged_png_are_put_right() {
    let picture = hone_core::images::Picture { width: 2, height: 1, pixels: vec![1, 2, 3, 4, 5, 6] };
    let whole = hone_core::images::encode_png(&picture).expect("a PNG");
    let mut damaged = whole.clone();
    damaged[29..33].fill(0); // the checksum of the header
    repair_png(&mut damaged);
    assert_eq!(damaged, whole);
}
