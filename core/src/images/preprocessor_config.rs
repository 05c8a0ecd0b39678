//! `preprocessor_config.json`: how the images of a model are prepared, as `transformers` 5 reads it.
//!
//! Three kinds of image processor are known, whose defaults differ: those of ViT, DeiT and BiT (which DINOv2 uses).

use serde_json::{Map, Value, json};

use super::error::ImageError;
use super::resize::Filter;
use crate::words::count;

/// Longest edge that images are resized or cropped to.
pub(super) const MAX_EDGE: u64 = 8192;

/// The size that images are resized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Height and width, whatever the image's are.
    Exact([usize; 2]),
    /// The shorter edge; the other one keeps the ratio. Both become smaller where the longer one would be more than `longest`.
    Shortest {
        /// Of the shorter edge.
        shortest: usize,
        /// Most of the longer edge.
        longest: Option<usize>,
    },
}

impl Size {
    /// Height and width that an image of `height` and `width` is resized to, at least 1 (where `transformers` fails).
    pub(super) fn of(self, height: usize, width: usize) -> [usize; 2] {
        let (low, high) = (height.min(width), height.max(width));
        let upright = |short: usize, long: usize| if width <= height { [long, short] } else { [short, long] };
        match self {
            Self::Exact(size) => size,
            Self::Shortest { shortest, longest: None } => {
                // In 64 bits, for the product may be more than a browser's 32.
                let long = (shortest as u64).saturating_mul(high as u64) / low as u64;
                upright(shortest, usize::try_from(long).unwrap_or(usize::MAX).max(1))
            }
            Self::Shortest { shortest, longest: Some(longest) } => {
                let (low_f, high_f) = (low as f64, high as f64);
                let exact = if high_f / low_f * shortest as f64 > longest as f64 {
                    longest as f64 * low_f / high_f
                } else {
                    shortest as f64
                };
                let short = exact.round_ties_even() as usize;
                if short == low {
                    return [height, width];
                }
                let long = ((exact * high_f / low_f) as usize).max(1);
                // A square takes the other order here, which shows where rounding made its edges unequal.
                if width < height { [long, short.max(1)] } else { [short.max(1), long] }
            }
        }
    }
}

/// An image processor of `transformers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Vit,
    Deit,
    Bit,
}

impl Kind {
    /// The kind that goes with a `model_type`.
    fn of_model(model_type: &str) -> Result<Self, ImageError> {
        match model_type {
            "vit" => Ok(Self::Vit),
            "deit" => Ok(Self::Deit),
            "dinov2" => Ok(Self::Bit),
            _ => Err(ImageError::NoProcessor { model_type: model_type.to_owned() }),
        }
    }

    /// By a name such as `ViTImageProcessor`, `ViTImageProcessorFast` or, of before 2022, `ViTFeatureExtractor`.
    fn named(key: &str, name: &str) -> Result<Self, ImageError> {
        let plain = ["Fast", "Pil"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        match ["ImageProcessor", "FeatureExtractor"].iter().find_map(|end| plain.strip_suffix(end)) {
            Some("ViT") => Ok(Self::Vit),
            Some("DeiT") => Ok(Self::Deit),
            Some("Bit") => Ok(Self::Bit),
            _ => Err(setting(
                key,
                format!(
                    "is {name:?}, which is not known here and may prepare images in another way; known are \
                     ViTImageProcessor, DeiTImageProcessor and BitImageProcessor (of DINOv2)"
                ),
            )),
        }
    }

    /// As `transformers` writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Vit => "ViTImageProcessor",
            Self::Deit => "DeiTImageProcessor",
            Self::Bit => "BitImageProcessor",
        }
    }
}

/// What `preprocessor_config.json` says, with the defaults of its kind for what it leaves out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) kind: Kind,
    /// Pixels of the one transparent colour that a file may name become white; every image is RGB here in any case.
    pub(super) do_convert_rgb: bool,
    pub(super) do_resize: bool,
    pub(super) size: Size,
    pub(super) resample: Filter,
    pub(super) do_center_crop: bool,
    pub(super) crop_size: [usize; 2],
    pub(super) do_rescale: bool,
    pub(super) rescale_factor: f64,
    pub(super) do_normalize: bool,
    pub(super) image_mean: [f32; 3],
    pub(super) image_std: [f32; 3],
}

impl Settings {
    /// What `transformers` does without a file, for images of `edge` pixels rather than of 224.
    fn defaults(kind: Kind, edge: usize) -> Self {
        let half = [0.5; 3];
        let vit = Self {
            kind,
            do_convert_rgb: false,
            do_resize: true,
            size: Size::Exact([edge; 2]),
            resample: Filter::Bilinear,
            do_center_crop: false,
            crop_size: [edge; 2],
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: half,
            image_std: half,
        };
        match kind {
            Kind::Vit => vit,
            // 256 for a crop of 224.
            Kind::Deit => {
                Self { size: Size::Exact([edge * 8 / 7; 2]), resample: Filter::Bicubic, do_center_crop: true, ..vit }
            }
            // Means and deviations are those of CLIP.
            Kind::Bit => Self {
                do_convert_rgb: true,
                size: Size::Shortest { shortest: edge, longest: None },
                resample: Filter::Bicubic,
                do_center_crop: true,
                image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
                image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
                ..vit
            },
        }
    }

    /// The defaults for a model without `preprocessor_config.json`.
    ///
    /// # Errors
    /// When the model type has none.
    pub(super) fn of_model(model_type: &str, edge: usize) -> Result<Self, ImageError> {
        Ok(Self::defaults(Kind::of_model(model_type)?, edge))
    }

    /// The file that says this.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let size = match self.size {
            Size::Exact([height, width]) => json!({ "height": height, "width": width }),
            Size::Shortest { shortest, longest: None } => json!({ "shortest_edge": shortest }),
            Size::Shortest { shortest, longest: Some(longest) } => {
                json!({ "shortest_edge": shortest, "longest_edge": longest })
            }
        };
        let [crop_height, crop_width] = self.crop_size;
        let mut file = json!({
            "image_processor_type": self.kind.name(),
            "do_convert_rgb": self.do_convert_rgb,
            "do_resize": self.do_resize,
            "size": size,
            "resample": self.resample.number(),
            "do_center_crop": self.do_center_crop,
            "do_rescale": self.do_rescale,
            "rescale_factor": self.rescale_factor,
            "do_normalize": self.do_normalize,
            "image_mean": self.image_mean,
            "image_std": self.image_std,
        });
        if self.do_center_crop {
            file["crop_size"] = json!({ "height": crop_height, "width": crop_width });
        }
        serde_json::to_vec_pretty(&file).expect("JSON values serialize")
    }

    /// Reads the file. `model_type` says the kind where the file does not.
    ///
    /// # Errors
    /// When it is not a JSON object, names another kind, asks for a step that is not known, or has a value that can't be
    /// followed.
    pub(super) fn read(json: &[u8], model_type: &str) -> Result<Self, ImageError> {
        let map: Map<String, Value> =
            serde_json::from_slice(json).map_err(|source| ImageError::ConfigJson { source })?;
        let config = Config(map);
        let kind = match config.name()? {
            Some((key, name)) => Kind::named(key, name)?,
            None => Kind::of_model(model_type)?,
        };
        config.refuse_other_steps()?;
        let defaults = Self::defaults(kind, 224);
        Ok(Self {
            kind,
            do_convert_rgb: config.switch("do_convert_rgb", defaults.do_convert_rgb)?,
            do_resize: config.switch("do_resize", defaults.do_resize)?,
            size: config.size(kind)?.unwrap_or(defaults.size),
            resample: config.filter()?.unwrap_or(defaults.resample),
            do_center_crop: config.switch("do_center_crop", defaults.do_center_crop)?,
            crop_size: config.crop_size()?.unwrap_or(defaults.crop_size),
            do_rescale: config.switch("do_rescale", defaults.do_rescale)?,
            rescale_factor: config.rescale_factor()?.unwrap_or(defaults.rescale_factor),
            do_normalize: config.switch("do_normalize", defaults.do_normalize)?,
            image_mean: config.channels("image_mean")?.unwrap_or(defaults.image_mean),
            image_std: config.channels("image_std")?.unwrap_or(defaults.image_std),
        })
    }
}

/// Steps that are known.
const STEPS: [&str; 5] = ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"];

/// The object in the file. `null` counts as left out.
struct Config(Map<String, Value>);

impl Config {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The processor's name and the key that it stands under.
    fn name(&self) -> Result<Option<(&'static str, &str)>, ImageError> {
        for key in ["image_processor_type", "feature_extractor_type"] {
            if let Some(value) = self.get(key) {
                let name = value.as_str().ok_or_else(|| setting(key, format!("is {value}, not a name")))?;
                return Ok(Some((key, name)));
            }
        }
        Ok(None)
    }

    /// A step such as `do_pad` that is switched on and would be left out.
    fn refuse_other_steps(&self) -> Result<(), ImageError> {
        let asks = |(key, value): &(&String, &Value)| {
            key.starts_with("do_")
                && !STEPS.contains(&key.as_str())
                && !matches!(value, Value::Null | Value::Bool(false))
        };
        match self.0.iter().find(asks) {
            Some((key, value)) => {
                Err(setting(key, format!("is {value}, a step that is not known here; write false if it is not needed")))
            }
            None => Ok(()),
        }
    }

    fn switch(&self, key: &str, default: bool) -> Result<bool, ImageError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| setting(key, format!("is {value}: write true or false")))
    }

    fn size(&self, kind: Kind) -> Result<Option<Size>, ImageError> {
        let Some(value) = self.get("size") else { return Ok(None) };
        if value.is_number() {
            let edge = length("size", value)?;
            let shortest = Size::Shortest { shortest: edge, longest: None };
            return Ok(Some(if kind == Kind::Bit { shortest } else { Size::Exact([edge; 2]) }));
        }
        let edge =
            |name: &str| value.get(name).filter(|edge| !edge.is_null()).map(|edge| length("size", edge)).transpose();
        match [edge("height")?, edge("width")?, edge("shortest_edge")?, edge("longest_edge")?] {
            [Some(height), Some(width), None, None] => Ok(Some(Size::Exact([height, width]))),
            [None, None, Some(shortest), longest] => Ok(Some(Size::Shortest { shortest, longest })),
            _ => Err(setting("size", format!("is {value}: write a number, height and width, or shortest_edge"))),
        }
    }

    fn crop_size(&self) -> Result<Option<[usize; 2]>, ImageError> {
        let Some(value) = self.get("crop_size") else { return Ok(None) };
        if value.is_number() {
            return Ok(Some([length("crop_size", value)?; 2]));
        }
        match (value.get("height"), value.get("width")) {
            (Some(height), Some(width)) => Ok(Some([length("crop_size", height)?, length("crop_size", width)?])),
            _ => Err(setting("crop_size", format!("is {value}: write a number, or height and width"))),
        }
    }

    fn filter(&self) -> Result<Option<Filter>, ImageError> {
        let Some(value) = self.get("resample") else { return Ok(None) };
        // transformers 5.24 computes every name as bilinear: of others than this one it is not known what was meant.
        let is_bilinear = value.as_str() == Some("bilinear");
        let found = value.as_u64().and_then(Filter::from_number).or(is_bilinear.then_some(Filter::Bilinear));
        let filter = found.ok_or_else(|| {
            let known = "0 (nearest), 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (Hamming)";
            let names = if value.is_string() { "; transformers takes every name as bilinear" } else { "" };
            setting("resample", format!("is {value}: write {known}{names}"))
        })?;
        Ok(Some(filter))
    }

    fn rescale_factor(&self) -> Result<Option<f64>, ImageError> {
        let key = "rescale_factor";
        let Some(value) = self.get(key) else { return Ok(None) };
        let factor = value.as_f64().ok_or_else(|| setting(key, format!("is {value}, not a number")))?;
        if !((factor * 255.0) as f32).is_finite() {
            return Err(setting(key, format!("is {value}: pixels times it are not finite; 1/255 is usual")));
        }
        Ok(Some(factor))
    }

    /// A number for each of red, green and blue, or one for all.
    fn channels(&self, key: &str) -> Result<Option<[f32; 3]>, ImageError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = |problem: &str| setting(key, format!("is {value}: {problem}"));
        let numbers = match value {
            Value::Number(_) => [value; 3],
            _ => {
                let list = value.as_array().map(Vec::as_slice);
                let Some([red, green, blue]) = list else { return Err(wrong("write three numbers, or one")) };
                [red, green, blue]
            }
        };
        let mut found = [0.0; 3];
        for (into, number) in found.iter_mut().zip(numbers) {
            *into = number.as_f64().ok_or_else(|| wrong("write three numbers"))? as f32;
            if !into.is_finite() {
                return Err(wrong("its numbers are too large"));
            }
        }
        if key == "image_std" && found.contains(&0.0) {
            return Err(wrong("values are divided by it, so 0 is not allowed"));
        }
        Ok(Some(found))
    }
}

/// A count of pixels.
fn length(key: &str, value: &Value) -> Result<usize, ImageError> {
    let pixels = value.as_u64().filter(|pixels| (1..=MAX_EDGE).contains(pixels));
    pixels
        .map(|pixels| pixels as usize)
        .ok_or_else(|| setting(key, format!("is {value}: write 1 to {} pixels", count(MAX_EDGE as usize))))
}

/// An error of one setting.
pub(super) fn setting(key: &str, problem: String) -> ImageError {
    ImageError::ConfigSetting { key: key.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &Value, model_type: &str) -> Result<Settings, String> {
        Settings::read(config.to_string().as_bytes(), model_type).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(config: &Value, words: &[&str]) {
        let error = read(config, "vit").expect_err("must be refused");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }

    #[test]
    fn kinds_have_their_own_defaults() {
        let vit = read(&json!({"image_processor_type": "ViTImageProcessorFast"}), "dinov2").expect("ViT's");
        assert_eq!(vit, Settings::defaults(Kind::Vit, 224));
        let deit = read(&json!({"feature_extractor_type": "DeiTFeatureExtractor"}), "vit").expect("DeiT's");
        assert_eq!([deit.size, Size::Exact(deit.crop_size)], [Size::Exact([256; 2]), Size::Exact([224; 2])]);
        let bit = read(&json!({}), "dinov2").expect("BiT's");
        assert_eq!(bit.size, Size::Shortest { shortest: 224, longest: None });
        assert!(bit.do_center_crop && deit.do_center_crop && !vit.do_center_crop);
        assert_eq!([vit.resample, deit.resample, bit.resample], [Filter::Bilinear, Filter::Bicubic, Filter::Bicubic]);
    }

    #[test]
    fn a_number_is_a_square_but_the_shortest_edge_of_bit() {
        assert_eq!(read(&json!({"size": 32}), "vit").expect("a size").size, Size::Exact([32; 2]));
        let shortest = Size::Shortest { shortest: 32, longest: None };
        assert_eq!(read(&json!({"size": 32}), "dinov2").expect("a size").size, shortest);
        assert_eq!(read(&json!({"size": null}), "vit").expect("a default").size, Size::Exact([224; 2]));
    }

    #[test]
    fn one_number_is_that_of_all_channels_and_bilinear_may_be_named() {
        let json = json!({"image_mean": 0.25, "image_std": 0.75, "resample": "bilinear"});
        let read = read(&json, "dinov2").expect("usable");
        assert_eq!((read.image_mean, read.image_std, read.resample), ([0.25; 3], [0.75; 3], Filter::Bilinear));
    }

    #[test]
    fn other_processors_are_refused_by_name() {
        for name in ["CLIPImageProcessor", "ConvNextImageProcessor", "ViTHybridImageProcessor", "ViT"] {
            refused(
                &json!({"image_processor_type": name}),
                &["\"image_processor_type\" is", name, "ViTImageProcessor"],
            );
        }
        refused(&json!({"feature_extractor_type": "BeitFeatureExtractor"}), &["feature_extractor_type", "Beit"]);
        let error = read(&json!({}), "swin").expect_err("unknown");
        assert!(error.contains("\"swin\"") && error.contains("preprocessor_config.json"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_followed_are_refused_with_what_to_write() {
        refused(&json!({"resample": 6}), &["\"resample\" is 6", "3 (bicubic)"]);
        refused(
            &json!({"resample": "bicubic"}),
            &["\"resample\" is \"bicubic\"", "3 (bicubic)", "every name as bilinear"],
        );
        refused(&json!({"size": 0}), &["\"size\" is 0", "1 to 8,192"]);
        refused(&json!({"size": {"longest_edge": 5}}), &["\"size\"", "shortest_edge"]);
        refused(&json!({"size": {"height": 5}}), &["\"size\"", "height and width"]);
        refused(&json!({"crop_size": {"shortest_edge": 5}}), &["\"crop_size\"", "height and width"]);
        refused(&json!({"do_resize": "yes"}), &["\"do_resize\"", "true or false"]);
        refused(&json!({"do_pad": true}), &["\"do_pad\" is true", "not known here"]);
        refused(&json!({"image_mean": [0.5]}), &["\"image_mean\"", "three numbers"]);
        refused(&json!({"image_mean": {"red": 0.5}}), &["\"image_mean\"", "three numbers, or one"]);
        refused(&json!({"image_std": [0.5, 0, 0.5]}), &["\"image_std\"", "0 is not allowed"]);
        refused(&json!({"image_std": 0}), &["\"image_std\"", "0 is not allowed"]);
        refused(&json!({"rescale_factor": "1/255"}), &["\"rescale_factor\"", "not a number"]);
        refused(&json!([1]), &["not a JSON object"]);
        assert!(
            Settings::read(b"{\"size\": ", "vit").is_err_and(|error| error.to_string().contains("not a JSON object"))
        );
        assert!(read(&json!({"do_pad": false, "do_convert_rgb": true, "processor_class": "x"}), "vit").is_ok());
    }

    #[test]
    fn the_other_edge_is_cut_off_and_the_longest_edge_counts() {
        let shortest = Size::Shortest { shortest: 18, longest: None };
        assert_eq!([shortest.of(30, 40), shortest.of(40, 30), shortest.of(2, 400)], [[18, 24], [24, 18], [18, 3600]]);
        assert_eq!(shortest.of(7, 10), [18, 25]); // 25.7
        let both = Size::Shortest { shortest: 16, longest: Some(22) };
        assert_eq!([both.of(30, 40), both.of(200, 300), both.of(16, 20)], [[16, 21], [15, 22], [16, 20]]);
        assert_eq!(both.of(2, 400), [1, 22]); // transformers fails here
    }
}
