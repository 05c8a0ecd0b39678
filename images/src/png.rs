//! PNG files of pictures.

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use crate::{ImageFileError, Picture};

/// A PNG file of the picture, 8 bits a channel.
///
/// # Errors
/// When the encoder fails, as it does for no picture that this crate made.
///
/// # Panics
/// When the picture has other bytes than its sides say.
pub(crate) fn encode(picture: &Picture) -> Result<Vec<u8>, ImageFileError> {
    let mut bytes = Vec::new();
    let [width, height] = [picture.width, picture.height].map(|side| u32::try_from(side).expect("a side fits 32 bits"));
    PngEncoder::new(&mut bytes)
        .write_image(&picture.pixels, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|error| ImageFileError::Told { message: format!("can't be written as PNG: {error}") })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    #[test]
    fn a_png_of_a_picture_is_read_back() {
        let picture = Picture { width: 3, height: 2, pixels: (0..18).map(|byte| byte * 14).collect() };
        assert_eq!(decode(&encode(&picture).expect("a PNG")).expect("our own PNG"), picture);
    }
}
