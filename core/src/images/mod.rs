//! Images: the bytes of a file become RGB pixels, and those become the numbers that a vision model reads, both as Pillow 13
//! and the Pillow backend of `transformers` compute them (ADR 17, "Images"). JPEG: up to 3 levels off in the fixtures.
//!
//! In: files (JPEG, PNG, WebP, GIF, BMP), `preprocessor_config.json`, archives of files. Out: [`Picture`]s, values
//! `[channels, height, width]`, or the reason why a file can't be read.

mod archive;
mod augment;
mod convert;
mod decode;
mod error;
mod format;
mod hash;
mod jpeg;
mod preprocessor_config;
mod processor;
mod resize;
mod structure;

pub use archive::{Archive, ArchiveError, EntryError, pack_zip};
pub use augment::Augmentation;
pub use decode::{ImageHeader, MAX_PIXELS, decode, read_header};
pub use error::ImageError;
pub use format::{ImageFormat, is_image_name};
pub use hash::difference_hash;
pub use processor::{ImageProcessor, PREPROCESSOR_CONFIG};
pub use resize::{Filter, resize};

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

/// Bytes of a pixel: red, green, blue.
const CHANNELS: usize = 3;

/// An image in memory: at least one pixel, 8 bits a channel, no alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// RGB, `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// `height` rows of `width` pixels, from row `top` and column `left`; all of them must be in the picture.
    fn cut(&self, top: usize, left: usize, height: usize, width: usize) -> Self {
        let rows = self.pixels.chunks_exact(self.width * CHANNELS).skip(top).take(height);
        let pixels: Vec<u8> = rows.flat_map(|row| &row[left * CHANNELS..(left + width) * CHANNELS]).copied().collect();
        debug_assert_eq!(pixels.len(), height * width * CHANNELS);
        Self { width, height, pixels }
    }

    /// The picture of `[width, height]` whose pixel at column `x` and row `y` is the one of `self` at `source(x, y)`.
    fn rearranged(&self, [width, height]: [usize; 2], source: impl Fn(usize, usize) -> [usize; 2]) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..height {
            for x in 0..width {
                let [from_x, from_y] = source(x, y);
                let at = (from_y * self.width + from_x) * CHANNELS;
                pixels.extend_from_slice(&self.pixels[at..at + CHANNELS]);
            }
        }
        Self { width, height, pixels }
    }

    /// Mirrored left to right.
    fn mirrored(&self) -> Self {
        self.rearranged([self.width, self.height], |x, y| [self.width - 1 - x, y])
    }
}

/// A PNG file of the picture, 8 bits a channel.
///
/// # Panics
/// Never for a picture that this room made: its sides are at least 1 and its bytes as many as they say.
#[must_use]
pub fn encode_png(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [width, height] = [picture.width, picture.height].map(|side| u32::try_from(side).expect("a side fits 32 bits"));
    PngEncoder::new(&mut bytes)
        .write_image(&picture.pixels, width, height, image::ExtendedColorType::Rgb8)
        .expect("memory does not fail and the picture has as many bytes as its sides say");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_of_a_picture_is_read_back() {
        let picture = Picture { width: 3, height: 2, pixels: (0..18).map(|byte| byte * 14).collect() };
        assert_eq!(decode(&encode_png(&picture)).expect("our own PNG"), picture);
    }

    #[test]
    fn a_cut_and_a_mirror_keep_whole_pixels() {
        let picture = Picture { width: 3, height: 2, pixels: (0..18).collect() };
        assert_eq!(picture.cut(1, 1, 1, 2).pixels, [12, 13, 14, 15, 16, 17]);
        assert_eq!(picture.mirrored().pixels[..9], [6, 7, 8, 3, 4, 5, 0, 1, 2]);
    }
}
