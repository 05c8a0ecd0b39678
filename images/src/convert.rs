//! Pixels as decoders give them, to RGB bytes as Pillow's `convert("RGB")` makes them, turned as EXIF says.

use image::ColorType;

use crate::{CHANNELS, Picture};

/// RGB of 8 bits. Alpha is dropped and not blended. Of 16 bits the high byte stays, but 16-bit grey (`is_grey16`, which
/// is the file's own kind: a transparent colour of a PNG makes the decoder add alpha) is cut at 255.
///
/// # Shapes
/// - `raw`: `[height, width, channels of color]`, 16 bits in the machine's order of bytes
/// - returns: `[height, width, 3]`
pub(crate) fn to_rgb(raw: Vec<u8>, color: ColorType, is_grey16: bool) -> Vec<u8> {
    let high = |pair: &[u8]| (u16::from_ne_bytes([pair[0], pair[1]]) >> 8) as u8;
    let cut = |pair: &[u8]| u16::from_ne_bytes([pair[0], pair[1]]).min(255) as u8;
    let pixels = raw.chunks_exact(usize::from(color.bytes_per_pixel()));
    match color {
        ColorType::Rgb8 => raw,
        ColorType::L8 | ColorType::La8 => pixels.flat_map(|pixel| [pixel[0]; CHANNELS]).collect(),
        ColorType::Rgba8 => pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        ColorType::L16 | ColorType::La16 if is_grey16 => pixels.flat_map(|pixel| [cut(pixel); CHANNELS]).collect(),
        ColorType::L16 | ColorType::La16 => pixels.flat_map(|pixel| [high(pixel); CHANNELS]).collect(),
        ColorType::Rgb16 | ColorType::Rgba16 => {
            pixels.flat_map(|pixel| [high(pixel), high(&pixel[2..]), high(&pixel[4..])]).collect()
        }
        _ => unreachable!("no format that is read has floats"),
    }
}

/// The picture turned upright; `orientation` is EXIF's number, 1 to 8.
pub(crate) fn upright(picture: Picture, orientation: u8) -> Picture {
    let (width, height) = (picture.width, picture.height);
    let (right, bottom) = (width - 1, height - 1);
    let same = [width, height];
    let turned = [height, width];
    match orientation {
        2 => picture.mirrored(),
        3 => picture.rearranged(same, |x, y| [right - x, bottom - y]),
        4 => picture.rearranged(same, |x, y| [x, bottom - y]),
        5 => picture.rearranged(turned, |x, y| [y, x]),
        6 => picture.rearranged(turned, |x, y| [y, bottom - x]),
        7 => picture.rearranged(turned, |x, y| [right - y, bottom - x]),
        8 => picture.rearranged(turned, |x, y| [right - y, x]),
        _ => picture,
    }
}

/// Whether this orientation exchanges width and height.
pub(crate) fn turns(orientation: u8) -> bool {
    (5..=8).contains(&orientation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_ne_bytes()).collect()
    }

    #[test]
    fn alpha_is_dropped() {
        assert_eq!(to_rgb(vec![1, 2, 3, 0], ColorType::Rgba8, false), [1, 2, 3]);
        assert_eq!(to_rgb(vec![7, 0], ColorType::La8, false), [7, 7, 7]);
        assert_eq!(to_rgb(bytes(&[0x0102, 0x0304, 0x0506, 0]), ColorType::Rgba16, false), [1, 3, 5]);
    }

    #[test]
    fn grey_of_16_bits_is_cut_and_colours_keep_their_high_byte() {
        assert_eq!(to_rgb(bytes(&[3, 256]), ColorType::L16, true), [3, 3, 3, 255, 255, 255]);
        assert_eq!(to_rgb(bytes(&[3, 0, 0x0456, 9]), ColorType::La16, true), [3, 3, 3, 255, 255, 255]);
        assert_eq!(to_rgb(bytes(&[0x0456, 9]), ColorType::La16, false), [4, 4, 4]);
        assert_eq!(to_rgb(bytes(&[0x01FF, 0x0203, 0xFF00]), ColorType::Rgb16, false), [1, 2, 255]);
    }

    #[test]
    fn orientations_turn_a_picture() {
        // a b c
        // d e f
        let picture = Picture { width: 3, height: 2, pixels: b"abcdef".iter().flat_map(|&byte| [byte; 3]).collect() };
        for (orientation, expected) in [
            (1, ["abc", "def"].as_slice()),
            (2, &["cba", "fed"]),
            (3, &["fed", "cba"]),
            (4, &["def", "abc"]),
            (5, &["ad", "be", "cf"]),
            (6, &["da", "eb", "fc"]),
            (7, &["fc", "eb", "da"]),
            (8, &["cf", "be", "ad"]),
        ] {
            let found = upright(picture.clone(), orientation);
            let letters: Vec<u8> = found.pixels.iter().copied().step_by(3).collect();
            assert_eq!(String::from_utf8_lossy(&letters), expected.concat(), "orientation {orientation}");
            assert_eq!([found.height, found.width], [expected.len(), expected[0].len()], "orientation {orientation}");
            assert_eq!(turns(orientation), found.width == 2);
        }
    }
}
