//! Pixels in memory, and what a file says of them.

use crate::ImageFormat;

/// Most pixels of an image: Pillow refuses more, for a small file may say that it is huge.
pub const MAX_PIXELS: usize = 178_956_970;

/// Bytes of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// What the first bytes of an image file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// Its format, whatever its name says.
    pub format: ImageFormat,
    /// Pixels in a row, once it is turned as EXIF says.
    pub width: usize,
    /// Rows, once it is turned as EXIF says.
    pub height: usize,
}

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
    /// `height` rows of `width` pixels, from row `top` and column `left`.
    ///
    /// # Panics
    /// When not all of them are in the picture.
    #[must_use]
    pub fn cut(&self, top: usize, left: usize, height: usize, width: usize) -> Self {
        let rows = self.pixels.chunks_exact(self.width * CHANNELS).skip(top).take(height);
        let pixels: Vec<u8> = rows.flat_map(|row| &row[left * CHANNELS..(left + width) * CHANNELS]).copied().collect();
        debug_assert_eq!(pixels.len(), height * width * CHANNELS);
        Self { width, height, pixels }
    }

    /// The picture of `[width, height]` whose pixel at column `x` and row `y` is the one of `self` at `source(x, y)`.
    ///
    /// # Panics
    /// When `source` gives a place that is not in the picture.
    #[must_use]
    pub fn rearranged(&self, [width, height]: [usize; 2], source: impl Fn(usize, usize) -> [usize; 2]) -> Self {
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
    #[must_use]
    pub fn mirrored(&self) -> Self {
        self.rearranged([self.width, self.height], |x, y| [self.width - 1 - x, y])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_and_a_mirror_keep_whole_pixels() {
        let picture = Picture { width: 3, height: 2, pixels: (0..18).collect() };
        assert_eq!(picture.cut(1, 1, 1, 2).pixels, [12, 13, 14, 15, 16, 17]);
        assert_eq!(picture.mirrored().pixels[..9], [6, 7, 8, 3, 4, 5, 0, 1, 2]);
    }
}
