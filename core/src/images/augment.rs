//! Augmentation: training pictures that differ a little in every epoch, as torchvision's transforms make them.
//!
//! The order is that of timm's `transforms_imagenet_train` and of the Hugging Face example `run_image_classification.py`:
//! random crop, mirror, and then colours, with the rotation before the colours so that its black corners count as pixels.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::grey::grey;
use super::processor::ImageProcessor;
use super::resize::resize;
use super::{CHANNELS, Picture};

/// Width by height of a random crop, as `RandomResizedCrop` has them.
const RATIOS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// How often `RandomResizedCrop` tries before it takes the middle.
const TRIES: usize = 10;

/// What is changed at random in a training picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Mirrors half of the pictures left to right (`RandomHorizontalFlip`).
    pub horizontal_flip: bool,
    /// Least share of the picture's area that a random part has, 0 to 1; the part is resized to the model's size
    /// (`RandomResizedCrop`, ratios 3/4 to 4/3). 1: no crop, the picture is processed as for a prediction.
    pub random_resized_crop: f64,
    /// Brightness, contrast and saturation are each multiplied by 1 - x to 1 + x, in a random order (`ColorJitter`). 0: none.
    pub color_jitter: f64,
    /// Turns by up to this many degrees either way, bilinear, with black corners (`RandomRotation`). 0: none.
    pub rotation: f64,
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Augmentation {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.horizontal_flip && self.random_resized_crop >= 1.0 && self.color_jitter <= 0.0 && self.rotation <= 0.0
    }

    /// A picture of `processor.size()`, changed as `random` has it; with nothing chosen it is `processor.process(picture)`.
    #[must_use]
    pub fn apply(&self, picture: &Picture, processor: &ImageProcessor, random: &mut ChaCha8Rng) -> Picture {
        let result = if self.random_resized_crop < 1.0 {
            let Part { top, left, height, width } = self.random_part(picture, random);
            let [to_height, to_width] = processor.size();
            resize(&picture.cut(top, left, height, width), to_height, to_width, processor.filter())
        } else {
            processor.process(picture)
        };
        self.change(result, random)
    }

    /// What [`Self::apply`] does to a picture that the processor made already, where nothing is cropped: its turn of
    /// `random` is the same.
    #[must_use]
    pub fn change(&self, picture: Picture, random: &mut ChaCha8Rng) -> Picture {
        let mut result = picture;
        if self.horizontal_flip && random.next_u64() >> 63 == 1 {
            result = result.mirrored();
        }
        if self.rotation > 0.0 {
            result = rotated(&result, between(-self.rotation, self.rotation, random));
        }
        if self.color_jitter > 0.0 {
            jitter(&mut result, self.color_jitter, random);
        }
        result
    }

    /// `RandomResizedCrop.get_params`: a share of the area and the logarithm of the ratio are drawn evenly; what does not
    /// fit is drawn again, and after ten times the largest part in the middle with a ratio that is allowed is taken.
    fn random_part(&self, picture: &Picture, random: &mut ChaCha8Rng) -> Part {
        let (height, width) = (picture.height, picture.width);
        let (tall, broad) = (height as f64, width as f64);
        let [narrow, wide] = RATIOS;
        for _ in 0..TRIES {
            let area = tall * broad * between(self.random_resized_crop, 1.0, random);
            let ratio = between(narrow.ln(), wide.ln(), random).exp();
            let part_width = (area * ratio).sqrt().round_ties_even() as usize;
            let part_height = (area / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&part_width) && (1..=height).contains(&part_height) {
                let top = below(height - part_height + 1, random);
                let left = below(width - part_width + 1, random);
                return Part { top, left, height: part_height, width: part_width };
            }
        }
        let ratio = broad / tall;
        let (part_height, part_width) = if ratio < narrow {
            (((broad / narrow).round_ties_even() as usize).clamp(1, height), width)
        } else if ratio > wide {
            (height, ((tall * wide).round_ties_even() as usize).clamp(1, width))
        } else {
            (height, width)
        };
        Part { top: (height - part_height) / 2, left: (width - part_width) / 2, height: part_height, width: part_width }
    }
}

/// Evenly from 0, below 1.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Evenly from `low`, below `high`.
fn between(low: f64, high: f64, random: &mut ChaCha8Rng) -> f64 {
    low + (high - low) * unit(random)
}

/// A number from 0, below `bound`.
fn below(bound: usize, random: &mut ChaCha8Rng) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

/// Turned anticlockwise about its middle by `degrees`, at its own size: Pillow's `Image.rotate` with `BILINEAR`.
fn rotated(picture: &Picture, degrees: f64) -> Picture {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (middle_x, middle_y) = (picture.width as f64 / 2.0, picture.height as f64 / 2.0);
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for row in 0..picture.height {
        for column in 0..picture.width {
            let (x, y) = (column as f64 + 0.5 - middle_x, row as f64 + 0.5 - middle_y);
            let from = [cos * x + sin * y + middle_x, cos * y - sin * x + middle_y];
            pixels.extend_from_slice(&bilinear(picture, from));
        }
    }
    Picture { width: picture.width, height: picture.height, pixels }
}

/// The colour at a point of a picture whose pixels have their middles at halves; black outside. Fractions are cut off.
fn bilinear(picture: &Picture, [x, y]: [f64; 2]) -> [u8; CHANNELS] {
    let (width, height) = (picture.width, picture.height);
    if x < 0.0 || y < 0.0 || x >= width as f64 || y >= height as f64 {
        return [0; CHANNELS];
    }
    let (x, y) = (x - 0.5, y - 0.5);
    let (part_x, part_y) = (x - x.floor(), y - y.floor());
    // Behind an edge the pixel at the edge counts; the casts make -1 a 0.
    let [left, right] = [x.floor(), x.floor() + 1.0].map(|x| (x as usize).min(width - 1));
    let [top, bottom] = [y.floor(), y.floor() + 1.0].map(|y| (y as usize).min(height - 1));
    std::array::from_fn(|channel| {
        let at = |row: usize, column: usize| f64::from(picture.pixels[(row * width + column) * CHANNELS + channel]);
        let mix = |a: f64, b: f64, part: f64| a + (b - a) * part;
        let [above, under] = [top, bottom].map(|row| mix(at(row, left), at(row, right), part_x));
        mix(above, under, part_y) as u8
    })
}

/// Brightness, contrast and saturation by factors from `1 - most` (at least 0) to `1 + most`, in a random order.
fn jitter(picture: &mut Picture, most: f64, random: &mut ChaCha8Rng) {
    let changes: [fn(&mut Picture, f32); 3] = [brighten, contrast, saturate];
    let mut order = [0, 1, 2];
    for last in (1..order.len()).rev() {
        order.swap(last, below(last + 1, random));
    }
    let factors: [f32; 3] = std::array::from_fn(|_| between((1.0 - most).max(0.0), 1.0 + most, random) as f32);
    for index in order {
        changes[index](picture, factors[index]);
    }
}

/// `from` at factor 0, `byte` at factor 1, and beyond it above 1: Pillow's `Image.blend`, which cuts fractions off.
fn blend(from: u8, byte: u8, factor: f32) -> u8 {
    // The cast keeps what is beyond a byte at its ends.
    (f32::from(from) + factor * (f32::from(byte) - f32::from(from))) as u8
}

/// From black (`ImageEnhance.Brightness`).
fn brighten(picture: &mut Picture, factor: f32) {
    for byte in &mut picture.pixels {
        *byte = blend(0, *byte, factor);
    }
}

/// From the picture's mean grey (`ImageEnhance.Contrast`).
fn contrast(picture: &mut Picture, factor: f32) {
    let sum: u64 = picture.pixels.chunks_exact(CHANNELS).map(|pixel| u64::from(grey(pixel))).sum();
    let mean = (sum as f64 / (picture.width * picture.height) as f64 + 0.5) as u8;
    for byte in &mut picture.pixels {
        *byte = blend(mean, *byte, factor);
    }
}

/// From each pixel's grey (`ImageEnhance.Color`).
fn saturate(picture: &mut Picture, factor: f32) {
    for pixel in picture.pixels.chunks_exact_mut(CHANNELS) {
        let from = grey(pixel);
        for byte in pixel {
            *byte = blend(from, *byte, factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::folder::Folder;

    const NONE: Augmentation =
        Augmentation { horizontal_flip: false, random_resized_crop: 1.0, color_jitter: 0.0, rotation: 0.0 };

    fn random(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// ViT's, at 16 x 16.
    fn processor() -> ImageProcessor {
        ImageProcessor::from_folder(&mut Folder::new(), "vit", 16).expect("defaults").0
    }

    fn picture(width: usize, height: usize, color: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let pixels = (0..width * height).flat_map(|index| color(index % width, index / width)).collect();
        Picture { width, height, pixels }
    }

    /// Columns say where they are in red, rows in green.
    fn slopes(width: usize, height: usize) -> Picture {
        picture(width, height, |x, y| [(x * 255 / width) as u8, (y * 255 / height) as u8, 90])
    }

    fn apply(augmentation: Augmentation, picture: &Picture, seed: u64) -> Picture {
        augmentation.apply(picture, &processor(), &mut random(seed))
    }

    #[test]
    fn with_nothing_chosen_a_picture_is_processed_as_ever() {
        let given = slopes(40, 30);
        assert!(NONE.is_none());
        assert_eq!(apply(NONE, &given, 1), processor().process(&given));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let all = Augmentation { horizontal_flip: true, random_resized_crop: 0.3, color_jitter: 0.4, rotation: 20.0 };
        let given = slopes(40, 30);
        assert!(!all.is_none());
        let found = apply(all, &given, 5);
        assert_eq!([found.height, found.width], [16, 16]);
        assert_eq!(apply(all, &given, 5), found);
        assert_ne!(apply(all, &given, 6), found);
    }

    #[test]
    fn about_half_of_the_pictures_are_mirrored() {
        let flip = Augmentation { horizontal_flip: true, ..NONE };
        let given = slopes(16, 16);
        let results: Vec<Picture> = (0..200).map(|seed| apply(flip, &given, seed)).collect();
        let mirrored = results.iter().filter(|result| **result == given.mirrored()).count();
        let kept = results.iter().filter(|result| **result == given).count();
        assert_eq!(mirrored + kept, 200);
        assert!((70..=130).contains(&mirrored), "{mirrored} of 200");
    }

    #[test]
    fn random_parts_have_the_area_and_ratio_that_are_allowed() {
        let crop = Augmentation { random_resized_crop: 0.25, ..NONE };
        let given = slopes(400, 300);
        let mut random = random(3);
        let parts: Vec<Part> = (0..200).map(|_| crop.random_part(&given, &mut random)).collect();
        for part in &parts {
            assert!(part.top + part.height <= 300 && part.left + part.width <= 400, "{part:?}");
            let area = (part.height * part.width) as f64 / (400.0 * 300.0);
            let ratio = part.width as f64 / part.height as f64;
            assert!((0.245..=1.0).contains(&area) && (0.74..=1.35).contains(&ratio), "{part:?}");
        }
        let areas = parts.iter().map(|part| part.height * part.width);
        assert!(areas.clone().min().expect("parts") < 40_000 && areas.max().expect("parts") > 90_000);
    }

    #[test]
    fn a_picture_that_no_part_fits_gives_its_middle() {
        let crop = Augmentation { random_resized_crop: 0.9, ..NONE };
        let part = crop.random_part(&slopes(300, 30), &mut random(1));
        assert_eq!(part, Part { top: 0, left: 130, height: 30, width: 40 });
        let part = crop.random_part(&slopes(30, 301), &mut random(1));
        assert_eq!(part, Part { top: 130, left: 0, height: 40, width: 30 });
        assert_eq!(crop.random_part(&slopes(1, 1), &mut random(1)), Part { top: 0, left: 0, height: 1, width: 1 });
    }

    #[test]
    fn a_part_is_shown_larger() {
        let crop = Augmentation { random_resized_crop: 0.2, ..NONE };
        let reds = |picture: &Picture| {
            let reds = picture.pixels.iter().step_by(CHANNELS);
            (*reds.clone().min().expect("pixels"), *reds.max().expect("pixels"))
        };
        let (whole, part) = (reds(&slopes(400, 300)), reds(&apply(crop, &slopes(400, 300), 2)));
        assert!(part.1 - part.0 < whole.1 - whole.0, "{part:?} of {whole:?}");
    }

    #[test]
    fn a_rotation_turns_about_the_middle_with_black_corners() {
        let given = slopes(16, 16);
        assert_eq!(rotated(&given, 0.0), given);
        // Anticlockwise by a quarter: the column at the right becomes the row at the top.
        let quarter = given.rearranged([16, 16], |x, y| [15 - y, x]);
        let off = rotated(&given, 90.0).pixels.into_iter().zip(quarter.pixels).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off.is_some_and(|off| off <= 1), "{off:?}");
        let white = rotated(&picture(16, 16, |_, _| [255; 3]), 45.0);
        assert_eq!(white.pixels[..3], [0, 0, 0]);
        let middle = (8 * 16 + 8) * CHANNELS;
        assert_eq!(white.pixels[middle..middle + 3], [255, 255, 255]);
        let turn = Augmentation { rotation: 10.0, ..NONE };
        assert_ne!(apply(turn, &given, 1), apply(turn, &given, 2));
    }

    #[test]
    fn colours_are_blended_with_black_with_the_mean_and_with_grey() {
        let changed = |change: fn(&mut Picture, f32), factor: f32| {
            let mut result = picture(2, 1, |x, _| if x == 0 { [200, 100, 0] } else { [60, 60, 60] });
            change(&mut result, factor);
            result.pixels
        };
        assert_eq!(changed(brighten, 0.5), [100, 50, 0, 30, 30, 30]);
        assert_eq!(changed(brighten, 2.0), [255, 200, 0, 120, 120, 120]);
        // Greys are 118 and 60, their mean is 89.
        assert_eq!(changed(contrast, 0.0), [89; 6]);
        assert_eq!(changed(contrast, 2.0), [255, 111, 0, 31, 31, 31]);
        assert_eq!(changed(saturate, 0.0), [118, 118, 118, 60, 60, 60]);
        assert_eq!(changed(saturate, 2.0), [255, 82, 0, 60, 60, 60]);
        for change in [brighten, contrast, saturate] {
            assert_eq!(changed(change, 1.0), [200, 100, 0, 60, 60, 60]);
        }
    }

    #[test]
    fn a_jitter_stays_between_its_factors() {
        let grey = picture(16, 16, |_, _| [100; 3]);
        let jitter = Augmentation { color_jitter: 0.2, ..NONE };
        let levels: Vec<u8> = (0..100).map(|seed| apply(jitter, &grey, seed).pixels[0]).collect();
        // An even grey has no contrast and no colour: brightness alone shows.
        assert!(levels.iter().all(|level| (79..=120).contains(level)), "{levels:?}");
        assert!(levels.iter().any(|&level| level < 90) && levels.iter().any(|&level| level > 110), "{levels:?}");
    }
}
