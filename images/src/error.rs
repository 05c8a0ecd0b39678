//! Why an image file can't be read.

use std::error::Error;

use crate::ImageFormat;

/// A file that can't be read as an image. Messages go on after the file's name: "photo.jpg is a PNG file that is cut off".
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// An image in none of the formats that are read, or no image at all.
    #[error("is no image in a format that is read: save it as JPEG or PNG")]
    NoImage,
    /// The file ends before its pixels do.
    #[error("is a {} file that is cut off: copy or download it again", .format.name())]
    CutOff {
        /// Its format.
        format: ImageFormat,
    },
    /// More than [`MAX_PIXELS`](crate::MAX_PIXELS), by what its header says.
    #[error("{width} x {height} pixels are more than 178,956,970: make it smaller")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The file breaks the rules of its format, or uses a part of it that is not read.
    #[error("is a {} file that can't be read ({source}): save it again as JPEG or PNG", .format.name())]
    Damaged {
        /// Its format.
        format: ImageFormat,
        /// What the decoder said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What codecs said that are no part of this crate.
    #[error("{message}")]
    Told {
        /// One of the messages above, or why there is no other.
        message: String,
    },
    /// This build has no codecs, and was given none.
    #[error("can't be read: what decodes images is not loaded")]
    NoCodecs,
}
