//! Who reads and writes image files: the decoders of this crate, else those of a module beside it. In: files and pictures. Out: what
//! these make of them.

use std::sync::OnceLock;

use crate::{ImageFileError, ImageHeader, Picture};

/// What reads and writes image files.
#[derive(Debug, Clone, Copy)]
pub struct Codecs {
    /// Reads format and size; decodes no pixels.
    pub read_header: fn(&[u8]) -> Result<ImageHeader, ImageFileError>,
    /// Decodes the first frame.
    pub decode: fn(&[u8]) -> Result<Picture, ImageFileError>,
    /// Writes a PNG file.
    pub encode_png: fn(&Picture) -> Result<Vec<u8>, ImageFileError>,
}

/// Those of this crate.
#[cfg(feature = "codecs")]
const OWN: Option<Codecs> = Some(Codecs {
    read_header: crate::decode::read_header,
    decode: crate::decode::decode,
    encode_png: crate::png::encode,
});
#[cfg(not(feature = "codecs"))]
const OWN: Option<Codecs> = None;

/// Those of a module beside it.
static INSTALLED: OnceLock<Codecs> = OnceLock::new();

/// Hands over what files are read and written with, where this crate has no codecs of its own. The first that are handed over stay.
pub fn install(codecs: Codecs) {
    let _ = INSTALLED.set(codecs); // refused where some are there
}

/// Reads format and size; decodes no pixels.
///
/// # Errors
/// When the file is no image that can be read, is cut off, or has more than [`MAX_PIXELS`](crate::MAX_PIXELS) pixels; or no codecs are
/// there. A file that passes may still have damaged pixels, which [`decode`] finds.
pub fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageFileError> {
    (find()?.read_header)(bytes)
}

/// Decodes the first frame.
///
/// # Errors
/// As [`read_header`], and when the pixels are damaged.
pub fn decode(bytes: &[u8]) -> Result<Picture, ImageFileError> {
    (find()?.decode)(bytes)
}

/// A PNG file of the picture, 8 bits a channel.
///
/// # Errors
/// When no codecs are there, or they fail; those of this crate never do.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, ImageFileError> {
    (find()?.encode_png)(picture)
}

fn find() -> Result<Codecs, ImageFileError> {
    OWN.or_else(|| INSTALLED.get().copied()).ok_or(ImageFileError::NoCodecs)
}
