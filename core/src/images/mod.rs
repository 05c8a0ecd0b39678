//! Images: the bytes of a file become RGB pixels, and those become the numbers that a vision model reads, both as Pillow 13
//! and the Pillow backend of `transformers` compute them (ADR 17, "Images"), to the last level.
//!
//! In: files (JPEG, PNG, WebP, GIF, BMP), `preprocessor_config.json`, archives of files. Out: [`Picture`]s, values
//! `[channels, height, width]`, or the reason why a file can't be read. The decoders are `hone-images`: part of this crate with the
//! feature `codecs`, else those that are installed before the first image is read (ADR 42).

mod archive;
mod augment;
mod error;
mod format;
mod grey;
mod hash;
mod preprocessor_config;
mod processor;
mod resize;

pub use archive::{Archive, ArchiveError, EntryError, ImageZip, pack_zip};
pub use augment::Augmentation;
pub use error::ImageError;
pub use format::is_image_name;
pub use hash::difference_hash;
pub use hone_images::{
    Codecs, ImageFileError, ImageFormat, ImageHeader, MAX_PIXELS, Picture, encode_png, install as install_codecs,
};
pub use processor::{ImageProcessor, PREPROCESSOR_CONFIG};
pub use resize::{Filter, resize};

use format::check_format;
use hone_images::CHANNELS;

/// Reads format and size; decodes no pixels.
///
/// # Errors
/// When the file is no image that can be read, is cut off, or has more than [`MAX_PIXELS`] pixels. A file that passes may
/// still have damaged pixels, which [`decode`] finds.
pub fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageError> {
    check_format(bytes)?;
    Ok(hone_images::read_header(bytes)?)
}

/// Decodes the first frame.
///
/// # Errors
/// As [`read_header`], and when the pixels are damaged.
pub fn decode(bytes: &[u8]) -> Result<Picture, ImageError> {
    check_format(bytes)?;
    Ok(hone_images::decode(bytes)?)
}
