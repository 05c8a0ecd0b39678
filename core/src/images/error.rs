//! Why a file is no image that can be read, and what in `preprocessor_config.json` can't be followed.

use hone_images::ImageFileError;

/// A file that is no image, or a model's settings for images that can't be followed.
///
/// Messages about files go on after the file's name: "photo.jpg is a web page (HTML), not an image".
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of 0 bytes.
    #[error("is empty (0 bytes)")]
    Empty,
    /// No image at all.
    #[error("is {found}, not an image")]
    NotAnImage {
        /// What it is, with its article.
        found: &'static str,
    },
    /// An image in a format that this build does not read.
    #[error("is {found}, which can't be read: save it as JPEG or PNG")]
    OtherFormat {
        /// What it is, with its article.
        found: &'static str,
    },
    /// An image in a format that is read, and that can't be read all the same.
    #[error(transparent)]
    File(#[from] ImageFileError),
    /// A line, which would be far too long once its shorter edge has the size that the model reads.
    #[error(
        "has {width} x {height} pixels, which the model's settings make {to_width} x {to_height}: cut it, its shorter edge is too \
         short for its longer one"
    )]
    TooLong {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Pixels in a row after it would be resized.
        to_width: usize,
        /// Rows after it would be resized.
        to_height: usize,
    },
    /// `preprocessor_config.json` is not JSON.
    #[error("preprocessor_config.json is not a JSON object: {source}")]
    ConfigJson {
        /// What reading it said.
        source: serde_json::Error,
    },
    /// A setting in `preprocessor_config.json` that can't be followed.
    #[error("preprocessor_config.json: {key:?} {problem}")]
    ConfigSetting {
        /// Which setting.
        key: String,
        /// What is wrong with it, and what to write.
        problem: String,
    },
    /// There is no `preprocessor_config.json`, and the kind of model does not say how its images are prepared.
    #[error(
        "how images are prepared is not known for the model type {model_type:?}: add the model's preprocessor_config.json"
    )]
    NoProcessor {
        /// `model_type` of `config.json`.
        model_type: String,
    },
}
