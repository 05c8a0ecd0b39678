//! A number by which pictures that look alike are found.

use super::grey::grey;
use super::resize::{Filter, resize};
use super::{CHANNELS, Picture};

/// Columns and rows that are compared: each pixel but the last of its row with its right neighbour gives 64 bits.
const COLUMNS: usize = 9;
const ROWS: usize = 8;

/// Difference hash (dHash): shrinks to 9 x 8 grey pixels; a bit is set where the right neighbour is brighter. From the
/// highest bit, row by row. Copies in another size, format or quality differ in few of the 64 bits.
///
/// Source: <https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html>
#[must_use]
pub fn difference_hash(picture: &Picture) -> u64 {
    let small = resize(picture, ROWS, COLUMNS, Filter::Bilinear);
    let greys: Vec<u8> = small.pixels.chunks_exact(CHANNELS).map(grey).collect();
    let pairs = greys.chunks_exact(COLUMNS).flat_map(|row| row.windows(2));
    pairs.fold(0, |hash, pair| (hash << 1) | u64::from(pair[1] > pair[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, level: impl Fn(usize, usize) -> usize) -> Picture {
        let at = |index: usize| level(index % width, index / width) as u8;
        Picture { width, height, pixels: (0..width * height).flat_map(|index| [at(index); CHANNELS]).collect() }
    }

    #[test]
    fn a_slope_sets_all_bits_and_its_mirror_none() {
        let slope = picture(90, 40, |x, _| x * 2);
        assert_eq!(difference_hash(&slope), u64::MAX);
        assert_eq!(difference_hash(&slope.mirrored()), 0);
        assert_eq!(difference_hash(&picture(1, 1, |_, _| 7)), 0);
    }

    #[test]
    fn a_copy_in_another_size_is_near_and_another_picture_is_far() {
        let wave = |at: f64| 50.0 * at.sin();
        let waves = picture(96, 64, |x, y| {
            let (x, y) = (x as f64, y as f64);
            (128.0 + wave(x / 11.0) + wave(x / 17.0 + y / 9.0)) as usize
        });
        let near = difference_hash(&waves) ^ difference_hash(&resize(&waves, 80, 120, Filter::Bicubic));
        let far = difference_hash(&waves) ^ difference_hash(&waves.mirrored());
        assert!(near.count_ones() <= 6, "{near:064b}");
        assert!(far.count_ones() >= 20, "{far:064b}");
    }
}
