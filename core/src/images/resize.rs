//! Resizing as Pillow 13's `Image.resize` does it (`Resample.c`), bit by bit.
//!
//! Weights are whole numbers with 22 bits after the point. Crates for resizing round theirs otherwise (`fast_image_resize`
//! to 15 bits), so that their bytes are others.

use std::f64::consts::PI;

use super::{CHANNELS, Picture};

/// Bits after the point of a weight.
const PRECISION: u32 = 32 - 8 - 2;

/// Half of the last bit that stays: sums start with it, so that cutting them off rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// How pixels between pixels are computed; the numbers of Pillow and of `resample` stand behind the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 0: the pixel that is there.
    Nearest,
    /// 1: a sinc in a window of three pixels.
    Lanczos,
    /// 2: a straight line between two pixels.
    Bilinear,
    /// 3: a cubic with a = -0.5.
    Bicubic,
    /// 4: the mean.
    Box,
    /// 5: a raised cosine.
    Hamming,
}

impl Filter {
    /// The filter with this number in `resample`.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        let all = [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming];
        all.get(usize::try_from(number).ok()?).copied()
    }

    /// Its number in `resample`.
    pub(super) fn number(self) -> u64 {
        self as u64
    }

    /// How far from its centre the filter sees, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of a pixel at this distance from the centre.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Nearest => 0.0,
            Self::Box => f64::from(u8::from(distance > -0.5 && distance <= 0.5)),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Hamming if x == 0.0 => 1.0,
            Self::Hamming if x >= 1.0 => 0.0,
            // The constants are floats in C.
            Self::Hamming => sinc(x) * (f64::from(0.54_f32) + f64::from(0.46_f32) * (x * PI).cos()),
            Self::Bicubic if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Self::Bicubic => 0.0,
            Self::Lanczos if (-3.0..3.0).contains(&distance) => sinc(distance) * sinc(distance / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// What each output of an axis is made of.
struct Taps {
    /// For each output the first input, and where its weights end in `weights`.
    spans: Vec<(usize, usize)>,
    weights: Vec<i32>,
}

impl Taps {
    /// Weights for an axis of `before` pixels that becomes one of `after`.
    fn new(before: usize, after: usize, filter: Filter) -> Self {
        let scale = before as f64 / after as f64;
        let stretch = scale.max(1.0); // a filter widens where an image shrinks
        let support = filter.support() * stretch;
        let inverse = 1.0 / stretch;
        let mut taps = Self { spans: Vec::with_capacity(after), weights: Vec::new() };
        let mut exact = Vec::new();
        for index in 0..after {
            let center = (index as f64 + 0.5) * scale;
            // Casts cut off, and what is below 0 becomes 0.
            let first = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(before);
            exact.clear();
            exact.extend((first..end).map(|x| filter.weight((x as f64 - center + 0.5) * inverse)));
            let mut sum = 0.0;
            for weight in &exact {
                sum += weight;
            }
            let divisor = if sum == 0.0 { 1.0 } else { sum };
            taps.weights.extend(exact.iter().map(|weight| whole(weight / divisor)));
            taps.spans.push((first, taps.weights.len()));
        }
        taps
    }

    /// For each output the first input and the weights from there on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut start = 0;
        self.spans.iter().map(move |&(first, end)| {
            let weights = &self.weights[start..end];
            start = end;
            (first, weights)
        })
    }
}

/// A weight with [`PRECISION`] bits after the point, halves away from zero.
fn whole(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// A sum of bytes times weights as a byte.
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Resizes the rows.
fn across(picture: &Picture, width: usize, filter: Filter) -> Picture {
    let taps = Taps::new(picture.width, width, filter);
    let mut pixels = Vec::with_capacity(picture.height * width * CHANNELS);
    for row in picture.pixels.chunks_exact(picture.width * CHANNELS) {
        for (first, weights) in taps.iter() {
            let mut sums = [HALF; CHANNELS];
            for (pixel, weight) in row[first * CHANNELS..].chunks_exact(CHANNELS).zip(weights) {
                sums[0] += i32::from(pixel[0]) * weight;
                sums[1] += i32::from(pixel[1]) * weight;
                sums[2] += i32::from(pixel[2]) * weight;
            }
            pixels.extend_from_slice(&sums.map(to_byte));
        }
    }
    Picture { width, height: picture.height, pixels }
}

/// Resizes the columns.
fn down(picture: &Picture, height: usize, filter: Filter) -> Picture {
    let taps = Taps::new(picture.height, height, filter);
    let stride = picture.width * CHANNELS;
    let mut pixels = Vec::with_capacity(height * stride);
    let mut sums = vec![HALF; stride];
    for (first, weights) in taps.iter() {
        sums.fill(HALF);
        for (row, &weight) in picture.pixels[first * stride..].chunks_exact(stride).zip(weights) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
        pixels.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    Picture { width: picture.width, height, pixels }
}

/// For each output of an axis the input in its middle. The position is added up as Pillow does.
fn nearest(before: usize, after: usize) -> Vec<usize> {
    let scale = before as f64 / after as f64;
    let mut position = scale * 0.5;
    let mut next = || {
        let index = (position as usize).min(before - 1);
        position += scale;
        index
    };
    (0..after).map(|_| next()).collect()
}

/// The picture at another size. Each axis is resized by itself, with bytes between: rows first, but columns first where the
/// height shrinks by more than twice what the width does; an axis that keeps its size is left alone.
///
/// # Panics
/// When `height` or `width` is 0.
#[must_use]
pub fn resize(picture: &Picture, height: usize, width: usize, filter: Filter) -> Picture {
    assert!(height > 0 && width > 0, "a picture has at least one pixel");
    if [picture.height, picture.width] == [height, width] {
        return picture.clone();
    }
    if filter == Filter::Nearest {
        let [columns, rows] = [nearest(picture.width, width), nearest(picture.height, height)];
        return picture.rearranged([width, height], |x, y| [columns[x], rows[y]]);
    }
    let [lost_rows, lost_columns] =
        [(picture.height, height), (picture.width, width)].map(|(before, after)| before as i64 - after as i64);
    if height == picture.height {
        across(picture, width, filter)
    } else if width == picture.width {
        down(picture, height, filter)
    } else if lost_rows > (2 * lost_columns).max(0) {
        across(&down(picture, height, filter), width, filter)
    } else {
        down(&across(picture, width, filter), height, filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of grey levels.
    fn picture<const WIDTH: usize>(rows: &[[u8; WIDTH]]) -> Picture {
        let pixels = rows.iter().flatten().flat_map(|&level| [level; CHANNELS]).collect();
        Picture { width: WIDTH, height: rows.len(), pixels }
    }

    fn levels(picture: &Picture) -> Vec<u8> {
        picture.pixels.iter().copied().step_by(CHANNELS).collect()
    }

    const ALL: [Filter; 6] =
        [Filter::Nearest, Filter::Lanczos, Filter::Bilinear, Filter::Bicubic, Filter::Box, Filter::Hamming];

    #[test]
    fn filters_have_pillows_numbers() {
        assert_eq!(ALL.map(Some), [0, 1, 2, 3, 4, 5].map(Filter::from_number));
        assert_eq!(Filter::from_number(6), None);
    }

    #[test]
    fn an_even_picture_stays_even_in_every_size() {
        let even = picture(&[[201; 7]; 5]);
        for filter in ALL {
            for (height, width) in [(1, 1), (5, 3), (3, 7), (11, 13), (2, 20)] {
                let found = resize(&even, height, width, filter);
                assert_eq!([found.height, found.width], [height, width]);
                assert!(levels(&found).iter().all(|&level| level == 201), "{filter:?} {height} x {width}");
            }
        }
    }

    #[test]
    fn the_same_size_gives_the_same_bytes() {
        let given = picture(&[[0, 255, 3], [9, 77, 130]]);
        for filter in ALL {
            assert_eq!(resize(&given, 2, 3, filter), given);
        }
    }

    #[test]
    fn halving_takes_the_mean_and_nearest_takes_a_pixel() {
        let row = picture(&[[0, 10, 100, 101]]);
        assert_eq!(levels(&resize(&row, 1, 2, Filter::Box)), [5, 101]); // halves up
        assert_eq!(levels(&resize(&row, 1, 2, Filter::Nearest)), [10, 101]);
        assert_eq!(levels(&resize(&row, 1, 8, Filter::Nearest)), [0, 0, 10, 10, 100, 100, 101, 101]);
    }

    #[test]
    fn weights_add_up_to_one_but_for_rounding() {
        for filter in &ALL[1..] {
            for (before, after) in [(500, 224), (40, 16), (7, 100), (2, 1), (1, 3)] {
                for (first, weights) in Taps::new(before, after, *filter).iter() {
                    assert!(first + weights.len() <= before && !weights.is_empty());
                    let sum: i32 = weights.iter().sum();
                    assert!((sum - (1 << PRECISION)).unsigned_abs() as usize <= weights.len(), "{filter:?} {sum}");
                }
            }
        }
    }
}
