//! Checks the character map of a `Precompiled` normalizer, which SentencePiece writes and the `tokenizers` crate follows
//! without looking where it leads.
//!
//! In: the map in Base64: the size of a double array of 4-byte units, the units, and texts that end in a zero byte. Out:
//! whether every way through the array stays inside, and every value points at a text.

/// Checks a map.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn check(base64: &str) -> Result<(), String> {
    let bytes = decode(base64).ok_or("is not Base64")?;
    let (size, rest) = bytes.split_first_chunk::<4>().ok_or("is cut off")?;
    let num_units = u32::from_le_bytes(*size) as usize / 4;
    let (array, texts) = rest.split_at_checked(num_units * 4).ok_or("is cut off")?;
    let texts = std::str::from_utf8(texts).map_err(|_| "has texts that are not UTF-8")?;
    let units: Vec<u32> = array.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    if units.is_empty() {
        return Err("is empty".to_owned());
    }
    walk(&units, texts)
}

/// Follows every byte from every unit that can be reached.
fn walk(units: &[u32], texts: &str) -> Result<(), String> {
    let outside = || "leads outside itself".to_owned();
    let mut seen = vec![false; units.len()];
    // Places that children are counted from.
    let mut open = vec![offset(units[0])];
    while let Some(base) = open.pop() {
        for byte in 1..=0xFF_usize {
            let index = base ^ byte;
            let unit = *units.get(index).ok_or_else(outside)?;
            if unit & (1 << 31 | 0xFF) != byte as u32 || seen[index] {
                continue;
            }
            seen[index] = true;
            let next = index ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = *units.get(next).ok_or_else(outside)? & !(1 << 31);
                if !texts.is_char_boundary(value as usize) {
                    return Err("points outside its texts".to_owned());
                }
            }
            open.push(next);
        }
    }
    Ok(())
}

/// What leads from a unit to its children, as the crate computes it.
fn offset(unit: u32) -> usize {
    let unit = unit as usize;
    (unit >> 10) << ((unit & 1 << 9) >> 6)
}

/// Base64 with the usual alphabet, padded.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut num_bits) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        num_bits += 6;
        if num_bits >= 8 {
            num_bits -= 8;
            bytes.push((bits >> num_bits & 0xFF) as u8);
            bits &= (1 << num_bits) - 1;
        }
    }
    Some(bytes)
}

/// Bytes in Base64, padded.
pub(super) fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain([&0, &0]).take(3).fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        for index in 0..=chunk.len() {
            text.push(LETTERS[(bits >> (18 - 6 * index) & 63) as usize] as char);
        }
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A map of so many units, of which `changed` are not zero.
    fn map(num_units: u32, changed: &[(usize, u32)], texts: &str) -> String {
        let mut units = vec![0_u32; num_units as usize];
        changed.iter().for_each(|&(index, unit)| units[index] = unit);
        let mut bytes = (num_units * 4).to_le_bytes().to_vec();
        units.iter().for_each(|unit| bytes.extend(unit.to_le_bytes()));
        bytes.extend(texts.as_bytes());
        encode(&bytes)
    }

    #[test]
    fn ways_stay_inside_and_values_point_at_texts() {
        // "a" becomes "b": its unit has the label, a leaf, and an offset to the value.
        let leaf = |value: u32| [(0x61, 2 << 10 | 1 << 8 | 0x61), (0x61 ^ 2, 1 << 31 | value)];
        check(&map(256, &leaf(0), "b\0")).expect("a good map");
        assert_eq!(check(&map(256, &leaf(9), "b\0")), Err("points outside its texts".to_owned()));
        assert_eq!(check(&map(256, &leaf(1), "é\0")), Err("points outside its texts".to_owned()));
        assert_eq!(check(&map(256, &[(0, 512 << 10)], "")), Err("leads outside itself".to_owned()));
        assert_eq!(check(&map(16, &[], "")), Err("leads outside itself".to_owned()));
        assert_eq!(check(&map(0, &[], "")), Err("is empty".to_owned()));
        assert_eq!(check("AAA"), Err("is cut off".to_owned()));
        assert_eq!(check("A-B"), Err("is not Base64".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z0-9+/]{0,80}") {
            let _ = check(&text);
        }

        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
