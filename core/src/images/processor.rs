//! The image processor of a model: pictures of any size become bytes of one size, and those the values that it reads.

use std::borrow::Cow;

use hone_images::transparent_color;

use super::error::ImageError;
use super::preprocessor_config::{MAX_EDGE, Settings, Size, setting};
use super::resize::{Filter, resize};
use super::{CHANNELS, Picture, decode};
use crate::folder::Folder;

/// The file that says how images are prepared.
pub const PREPROCESSOR_CONFIG: &str = "preprocessor_config.json";

/// Most pixels of a resized picture: as many as the largest size that settings may ask for.
const MAX_RESIZED_PIXELS: u64 = MAX_EDGE * MAX_EDGE;

/// How the images of a model are prepared: resized, cropped, rescaled, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageProcessor {
    /// Pixels of the one transparent colour that a file may name become white.
    do_convert_rgb: bool,
    resize: Option<Size>,
    filter: Filter,
    /// Height and width of the middle that stays.
    crop: Option<[usize; 2]>,
    /// What bytes are multiplied by.
    rescale: Option<f64>,
    /// Means and standard deviations of the channels.
    normalize: Option<[[f32; CHANNELS]; 2]>,
    /// Height and width of what comes out.
    size: [usize; 2],
}

impl ImageProcessor {
    /// Reads `preprocessor_config.json` of a model's folder. A folder without one gets one that says what `transformers`
    /// does by default for `model_type`, at `image_size` (pixels of an edge), and a note tells so.
    ///
    /// # Errors
    /// When the file can't be followed or leaves images at sizes of their own, and without a file where `model_type` has no
    /// defaults.
    pub fn from_folder(
        folder: &mut Folder,
        model_type: &str,
        image_size: usize,
    ) -> Result<(Self, Option<String>), ImageError> {
        if let Some(json) = folder.get(PREPROCESSOR_CONFIG) {
            return Ok((Self::new(&Settings::read(json, model_type)?)?, None));
        }
        let settings = Settings::of_model(model_type, image_size)?;
        let processor = Self::new(&settings)?;
        folder.insert(PREPROCESSOR_CONFIG, settings.to_json());
        let note = format!(
            "there is no {PREPROCESSOR_CONFIG}: images are prepared as transformers' {} does by default, {image_size} x {image_size} \
             pixels with mean {:?} and standard deviation {:?}, and so says what is saved; add the model's own file if it was trained otherwise",
            settings.kind.name(),
            settings.image_mean,
            settings.image_std,
        );
        Ok((processor, Some(note)))
    }

    fn new(settings: &Settings) -> Result<Self, ImageError> {
        let resize = settings.do_resize.then_some(settings.size);
        let crop = settings.do_center_crop.then_some(settings.crop_size);
        let size = match (crop, resize) {
            (Some(size), _) | (None, Some(Size::Exact(size))) => size,
            (None, Some(Size::Shortest { shortest, .. })) => {
                return Err(setting(
                    "do_center_crop",
                    format!(
                        "is false and \"size\" only gives edges, so images keep different sizes; write true and \
                         \"crop_size\": {shortest}, or \"size\": {{\"height\": {shortest}, \"width\": {shortest}}}"
                    ),
                ));
            }
            (None, None) => {
                return Err(setting(
                    "do_resize",
                    "is false and nothing is cropped, so images keep different sizes; write true and \"size\": \
                     {\"height\": 224, \"width\": 224}, with the model's own numbers"
                        .to_owned(),
                ));
            }
        };
        Ok(Self {
            do_convert_rgb: settings.do_convert_rgb,
            resize,
            filter: settings.resample,
            crop,
            rescale: settings.do_rescale.then_some(settings.rescale_factor),
            normalize: settings.do_normalize.then_some([settings.image_mean, settings.image_std]),
            size,
        })
    }

    /// Height and width of every processed picture.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// How pictures are resized.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter
    }

    /// Decodes the first frame of a file, as the model's processor is to see it: with `do_convert_rgb` the one transparent colour that
    /// a PNG or GIF may name is white, as `transformers` 5.24 has it.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(&self, bytes: &[u8]) -> Result<Picture, ImageError> {
        let mut picture = decode(bytes)?;
        if let Some(color) = transparent_color(bytes).filter(|_| self.do_convert_rgb) {
            picture.whiten(color);
        }
        Ok(picture)
    }

    /// Refuses a size of which [`Self::process`] would make millions of pixels on the way: of a line of 1 x 10,000 whose shorter
    /// edge is to have 224 pixels, the longer one would have two million.
    ///
    /// # Errors
    /// When the resized picture would have more pixels than the largest size that settings may ask for.
    pub fn check_size(&self, width: usize, height: usize) -> Result<(), ImageError> {
        let [to_height, to_width] = self.resize.map_or([1, 1], |size| size.of(height, width));
        match (to_height as u64).saturating_mul(to_width as u64) <= MAX_RESIZED_PIXELS {
            true => Ok(()),
            false => Err(ImageError::TooLong { width, height, to_width, to_height }),
        }
    }

    /// Resizes and crops; what a crop needs beyond the picture is black. Gives a picture of [`Self::size`].
    #[must_use]
    pub fn process(&self, picture: &Picture) -> Picture {
        let resized = match self.resize {
            Some(size) => {
                let [height, width] = size.of(picture.height, picture.width);
                Cow::Owned(resize(picture, height, width, self.filter))
            }
            None => Cow::Borrowed(picture),
        };
        match self.crop {
            Some([height, width]) => center_crop(&resized, height, width),
            None => resized.into_owned(),
        }
    }

    /// Appends the values of a processed picture: `f32(f64(byte) * factor)`, then `(value - mean) / std` in f32.
    ///
    /// # Shapes
    /// - `picture`: `[height, width, 3]`, of [`Self::size`]
    /// - appends: `[3, height, width]`
    pub fn push_values(&self, picture: &Picture, into: &mut Vec<f32>) {
        debug_assert_eq!([picture.height, picture.width], self.size);
        into.reserve(picture.pixels.len());
        for channel in 0..CHANNELS {
            let values: [f32; 256] = std::array::from_fn(|byte| self.value(byte as f64, channel));
            let bytes = picture.pixels.iter().skip(channel).step_by(CHANNELS);
            into.extend(bytes.map(|&byte| values[usize::from(byte)]));
        }
    }

    /// What becomes of a byte.
    fn value(&self, byte: f64, channel: usize) -> f32 {
        let value = (byte * self.rescale.unwrap_or(1.0)) as f32;
        self.normalize.map_or(value, |[mean, std]| (value - mean[channel]) / std[channel])
    }
}

/// The middle of a picture. Of an odd number of rows or columns that go, one more goes after than before; of an odd number
/// that is missing, one more black one stands before than after.
fn center_crop(picture: &Picture, height: usize, width: usize) -> Picture {
    let kept_height = height.min(picture.height);
    let kept_width = width.min(picture.width);
    let kept =
        picture.cut((picture.height - kept_height) / 2, (picture.width - kept_width) / 2, kept_height, kept_width);
    if [kept_height, kept_width] == [height, width] {
        return kept;
    }
    let (top, left) = ((height - kept_height).div_ceil(2), (width - kept_width).div_ceil(2));
    let mut pixels = vec![0; height * width * CHANNELS];
    let rows = pixels.chunks_exact_mut(width * CHANNELS).skip(top);
    for (row, from) in rows.zip(kept.pixels.chunks_exact(kept_width * CHANNELS)) {
        row[left * CHANNELS..(left + kept_width) * CHANNELS].copy_from_slice(from);
    }
    Picture { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn from_config(config: &Value, model_type: &str) -> Result<ImageProcessor, String> {
        let mut folder = Folder::new();
        folder.insert(PREPROCESSOR_CONFIG, config.to_string());
        ImageProcessor::from_folder(&mut folder, model_type, 32)
            .map(|(processor, _)| processor)
            .map_err(|e| e.to_string())
    }

    /// One row of grey levels.
    fn row(levels: &[u8]) -> Picture {
        Picture { width: levels.len(), height: 1, pixels: levels.iter().flat_map(|&level| [level; CHANNELS]).collect() }
    }

    fn cropped(levels: &[u8], width: usize) -> Vec<u8> {
        center_crop(&row(levels), 1, width).pixels.into_iter().step_by(CHANNELS).collect()
    }

    #[test]
    fn without_a_file_the_defaults_of_the_model_are_taken_and_said() {
        for (model_type, name) in [("vit", "ViTImage"), ("deit", "DeiTImage"), ("dinov2", "BitImage")] {
            let mut folder = Folder::new();
            let (processor, note) = ImageProcessor::from_folder(&mut folder, model_type, 56).expect("defaults");
            let again = ImageProcessor::from_folder(&mut folder, model_type, 56).expect("the file that was made");
            assert_eq!(again, (processor.clone(), None));
            assert_eq!(processor.size(), [56, 56]);
            let note = note.expect("a note");
            assert!(note.contains(PREPROCESSOR_CONFIG) && note.contains(name) && note.contains("56 x 56"), "{note}");
        }
        assert!(ImageProcessor::from_folder(&mut Folder::new(), "bert", 56).is_err());
    }

    #[test]
    fn a_file_that_leaves_sizes_open_is_refused_with_what_to_write() {
        let error = from_config(&json!({"do_resize": false}), "vit").expect_err("no one size");
        assert!(error.contains("\"do_resize\" is false") && error.contains("\"height\": 224"), "{error}");
        let error = from_config(&json!({"size": 30, "do_center_crop": false}), "dinov2").expect_err("no one size");
        assert!(error.contains("\"do_center_crop\" is false") && error.contains("\"crop_size\": 30"), "{error}");
        let crop_alone = json!({"do_resize": false, "do_center_crop": true, "crop_size": 20});
        assert_eq!(from_config(&crop_alone, "vit").expect("a size").size(), [20, 20]);
    }

    #[test]
    fn a_line_that_would_be_resized_to_hundreds_of_megabytes_is_refused() {
        let shortest = from_config(&json!({"size": {"shortest_edge": 256}}), "dinov2").expect("settings");
        assert!(shortest.check_size(1_000, 30).is_ok() && shortest.check_size(13_000, 13_000).is_ok());
        for [width, height] in [[1, 3_000], [178_956_970, 1]] {
            let error = shortest.check_size(width, height).expect_err("too long").to_string();
            assert!(error.starts_with(&format!("has {width} x {height} pixels, which")), "{error}");
        }
        let exact = from_config(&json!({"size": {"height": 8192, "width": 8192}}), "vit").expect("settings");
        assert!(exact.check_size(1, 178_956_970).is_ok(), "a size that the settings give is the same for all");
    }

    #[test]
    fn numbers_that_make_pixels_infinite_are_refused() {
        for (key, value) in [
            ("rescale_factor", json!(1e308)),
            ("image_mean", json!([0.5, 1e300, 0.5])),
            ("image_std", json!([0.5, 0.5, -1e300])),
        ] {
            let error = from_config(&json!({ key: value }), "vit").expect_err("not finite");
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_crop_keeps_the_middle_and_fills_with_black() {
        assert_eq!(cropped(&[1, 2, 3, 4, 5], 2), [2, 3]);
        assert_eq!(cropped(&[1, 2, 3, 4], 2), [2, 3]);
        assert_eq!(cropped(&[1, 2], 5), [0, 0, 1, 2, 0]);
        assert_eq!(cropped(&[1, 2], 2), [1, 2]);
        let both = center_crop(&row(&[1, 2, 3, 4]), 3, 2); // one axis is cut, the other filled
        assert_eq!(both.pixels, [[0; 6], [2, 2, 2, 3, 3, 3], [0; 6]].concat());
    }

    #[test]
    fn values_stand_channel_by_channel() {
        let config = json!({"size": {"height": 1, "width": 2}, "image_mean": [0, 0.5, 1], "image_std": [1, 0.5, 2]});
        let processor = from_config(&config, "vit").expect("settings");
        let picture = Picture { width: 2, height: 1, pixels: vec![0, 0, 0, 255, 255, 255] };
        let mut values = vec![9.0];
        processor.push_values(&picture, &mut values);
        assert_eq!(values, [9.0, 0.0, 1.0, -1.0, 1.0, -0.5, 0.0]);
    }

    #[test]
    fn with_neither_scale_nor_mean_values_are_bytes() {
        let config = json!({"size": {"height": 1, "width": 1}, "do_rescale": false, "do_normalize": false});
        let mut values = Vec::new();
        let picture = Picture { width: 1, height: 1, pixels: vec![0, 7, 255] };
        from_config(&config, "vit").expect("settings").push_values(&picture, &mut values);
        assert_eq!(values, [0.0, 7.0, 255.0]);
    }
}
