//! The one transparent colour that a PNG or GIF file may name, read without decoding a pixel.
//!
//! In: the bytes of a file. Out: the colour as Pillow 13 has it in an image's `info` once it was converted to RGB, where `convert_to_rgb`
//! of `transformers` 5.24 finds it and makes its pixels white. Alpha channels and palettes with several alphas leave no such colour.

use crate::{CHANNELS, ImageFormat, Picture};

/// What becomes of transparent pixels.
const WHITE: [u8; CHANNELS] = [255; CHANNELS];

/// Sizes in a GIF: its signature with the description of its screen, and of a frame what stands before its own palette.
const GIF_HEAD: usize = 13;
const GIF_FRAME: usize = 10;

/// The transparent colour of a file's first frame; `None` where it names none, or is in another format.
#[must_use]
pub fn transparent_color(bytes: &[u8]) -> Option<[u8; CHANNELS]> {
    match ImageFormat::of(bytes)? {
        ImageFormat::Png => of_png(bytes),
        ImageFormat::Gif => of_gif(bytes),
        ImageFormat::Bmp | ImageFormat::Jpeg | ImageFormat::WebP => None,
    }
}

impl Picture {
    /// Makes the pixels of this colour white.
    pub fn whiten(&mut self, color: [u8; CHANNELS]) {
        for pixel in self.pixels.chunks_exact_mut(CHANNELS).filter(|pixel| **pixel == color) {
            pixel.copy_from_slice(&WHITE);
        }
    }
}

/// Of the chunks before the pixels.
fn of_png(bytes: &[u8]) -> Option<[u8; CHANNELS]> {
    let (mut header, mut palette, mut transparent) = (None, None, None);
    let mut rest = bytes.get(8..)?;
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
        let data = after.get(..length)?;
        match &head[4..] {
            b"IHDR" => header = Some(data),
            b"PLTE" => palette = Some(data),
            b"tRNS" => transparent = Some(data),
            b"IDAT" => break,
            _ => {}
        }
        rest = after.get(length + 4..)?; // a checksum follows
    }
    let (header, transparent) = (header?, transparent?);
    match header.get(8..10)? {
        [_, 3] => entry(palette?, only_transparent(transparent)?),
        // Pillow keeps 0 or 255 as red alone, which only black can be equal to.
        [1, 0] => (transparent.get(..2)? == [0, 0]).then_some([0; CHANNELS]),
        // The same, cut to a byte.
        [16, 0] => (*transparent.get(1)? == 0).then_some([0; CHANNELS]),
        // The number as it stands: with 2 or 4 bits it is not made wider as the pixels are.
        [_, 0] => {
            let grey = u8::try_from(u16::from_be_bytes(*transparent.first_chunk()?)).ok()?;
            Some([grey; CHANNELS])
        }
        [_, 2] => {
            let numbers = transparent.get(..6)?;
            Some([numbers[1], numbers[3], numbers[5]])
        }
        _ => None,
    }
}

/// The index of the one entry that is transparent; `None` where others are not opaque.
fn only_transparent(alphas: &[u8]) -> Option<usize> {
    let index = alphas.iter().position(|alpha| *alpha != 255)?;
    (alphas[index] == 0 && alphas[index + 1..].iter().all(|alpha| *alpha == 255)).then_some(index)
}

/// Of the extensions before the first frame.
fn of_gif(bytes: &[u8]) -> Option<[u8; CHANNELS]> {
    let (palette, index, _) = first_frame(bytes)?;
    entry(palette, index?)
}

/// What Pillow fills the screen of a GIF with before its first frame, and the frame's left, top, width and height: the transparent entry
/// of the frame's palette, else the first one.
#[cfg(feature = "codecs")]
pub(crate) fn gif_ground(bytes: &[u8]) -> Option<([u8; CHANNELS], [usize; 4])> {
    let (palette, index, place) = first_frame(bytes)?;
    Some((entry(palette, index.unwrap_or(0))?, place))
}

/// Of the first frame of a GIF its palette, the index that is transparent, and its left, top, width and height.
fn first_frame(bytes: &[u8]) -> Option<(&[u8], Option<usize>, [usize; 4])> {
    let (head, mut rest) = bytes.split_at_checked(GIF_HEAD)?;
    let palette = take_palette(head[10], &mut rest)?;
    let mut index = None;
    loop {
        match rest {
            [b'!', kind, first @ ..] => {
                if let ([_, flags, _, _, of_color, ..], 0xF9) = (first, *kind)
                    && flags & 1 == 1
                {
                    index = Some(usize::from(*of_color));
                }
                rest = behind_blocks(first)?;
            }
            [b',', ..] => {
                let (frame, mut after) = rest.split_at_checked(GIF_FRAME)?;
                let own = take_palette(frame[9], &mut after)?;
                let place = [1, 3, 5, 7].map(|at| usize::from(u16::from_le_bytes([frame[at], frame[at + 1]])));
                return Some((if own.is_empty() { palette } else { own }, index, place));
            }
            [b';', ..] | [] => return None,
            // Bytes that are nothing are passed over, as Pillow does.
            [_, after @ ..] => rest = after,
        }
    }
}

/// Takes the palette that flags tell of off what follows; an empty one where there is none.
fn take_palette<'a>(flags: u8, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = if flags & 0x80 == 0 { 0 } else { CHANNELS << ((flags & 7) + 1) };
    let (palette, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(palette)
}

/// What follows the blocks of an extension, each with its length before it, the last an empty one.
fn behind_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, after) = rest.split_first()?;
        rest = after.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(rest);
        }
    }
}

/// A colour of a palette.
fn entry(palette: &[u8], index: usize) -> Option<[u8; CHANNELS]> {
    palette.get(index * CHANNELS..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIF: &[u8] = include_bytes!("../../tests/fixtures/transparent_images/own_palette.gif");
    const PNG: &[u8] = include_bytes!("../../tests/fixtures/transparent_images/palette_second.png");

    #[test]
    fn files_that_are_cut_off_or_damaged_name_a_colour_or_none() {
        assert_eq!([transparent_color(GIF), transparent_color(PNG)], [Some([70, 80, 90]), Some([250, 30, 30])]);
        for whole in [GIF, PNG] {
            for length in 0..whole.len() {
                let _ = transparent_color(&whole[..length]);
                for byte in [0, 0x7F, 0xFF] {
                    let mut damaged = whole.to_vec();
                    damaged[length] = byte;
                    let _ = transparent_color(&damaged);
                }
            }
        }
        assert_eq!(transparent_color(&GIF[..12]), None);
        assert_eq!(transparent_color(b"\xFF\xD8\xFF\xE0"), None);
    }

    #[test]
    fn a_palette_has_one_transparent_entry_or_others_count_not() {
        assert_eq!(only_transparent(&[255, 0, 255]), Some(1));
        let others: [&[u8]; 6] = [&[], &[255], &[128], &[0, 0], &[0, 128], &[128, 0]];
        for alphas in others {
            assert_eq!(only_transparent(alphas), None, "{alphas:?}");
        }
    }

    #[test]
    fn pixels_of_the_colour_become_white() {
        let mut picture = Picture { width: 3, height: 1, pixels: vec![1, 2, 3, 1, 2, 4, 1, 2, 3] };
        picture.whiten([1, 2, 3]);
        assert_eq!(picture.pixels, [255, 255, 255, 1, 2, 4, 255, 255, 255]);
    }
}
