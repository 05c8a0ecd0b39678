//! Image files to RGB pixels, as Pillow 13 reads them, to the last level.
//!
//! In: the bytes of a file (JPEG, PNG, WebP, GIF, BMP). Out: a [`Picture`], or the reason why the file can't be read; and back, a PNG
//! file of a picture.
//!
//! With the feature `codecs` the decoders are part of the crate. Without it those are asked that were handed over by [`install`]: the
//! worker of the page loads them as a wasm module of their own (`app/images`), where images come (ADR 42).

mod codecs;
#[cfg(feature = "codecs")]
mod convert;
#[cfg(feature = "codecs")]
mod decode;
mod error;
mod format;
#[cfg(feature = "codecs")]
mod jpeg;
mod picture;
#[cfg(feature = "codecs")]
mod png;
#[cfg(feature = "codecs")]
mod structure;
mod transparent;

pub use codecs::{Codecs, decode, encode_png, install, read_header};
pub use error::ImageFileError;
pub use format::ImageFormat;
pub use picture::{CHANNELS, ImageHeader, MAX_PIXELS, Picture};
pub use transparent::transparent_color;
