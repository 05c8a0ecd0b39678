//! Image files to RGB pixels as `transformers` loads them: the first frame, turned as EXIF says, `convert("RGB")`.
//!
//! No colour profile and no gamma is applied. Bytes equal Pillow's. JPEG files are read by `libjpeg-turbo-rs`, which rounds as the
//! library does that Pillow is built on; the decoder of `image` (zune-jpeg), which is left out, spreads halved chroma in another
//! way, up to 41 levels apart where colours meet.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ImageDecoder, Limits};

use crate::convert::{to_rgb, turns, upright};
use crate::jpeg::JpegDecoder;
use crate::structure::{
    has_larger_frame, has_too_few_bytes, is_cut_off, is_png_grey16, png_chunk, png_chunks, png_size, webp_chunk,
};
use crate::transparent::gif_ground;
use crate::{CHANNELS, ImageFileError, ImageFormat, ImageHeader, MAX_PIXELS, Picture};

/// Most bytes that a decoder may take at once for a pixel: 4 channels of 16 bits.
const DECODER_BYTES_A_PIXEL: u64 = 8;

/// Bytes that it may take beside: the colour profile of a PNG is unpacked, needed or not.
const DECODER_BYTES: u64 = 16 << 20;

/// The last chunk of a PNG: no data, its type, its checksum.
const PNG_END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xAE, 0x42, 0x60, 0x82];

/// A file whose header is read and within limits.
struct Opened<'a> {
    format: ImageFormat,
    decoder: Box<dyn ImageDecoder + 'a>,
    /// EXIF's number, 1 to 8.
    orientation: u8,
}

/// Reads format and size; decodes no pixels.
///
/// # Errors
/// When the file is no image that can be read, is cut off, or has more than [`MAX_PIXELS`] pixels. A file that passes may
/// still have damaged pixels, which [`decode`] finds.
pub(crate) fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageFileError> {
    let opened = open(bytes)?;
    let (width, height) = opened.decoder.dimensions();
    let (width, height) = if turns(opened.orientation) { (height, width) } else { (width, height) };
    Ok(ImageHeader { format: opened.format, width: width as usize, height: height as usize })
}

/// Decodes the first frame.
///
/// # Errors
/// As [`read_header`], and when the pixels are damaged.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, ImageFileError> {
    let whole = with_png_end(bytes);
    let bytes: &[u8] = &whole;
    let Opened { format, decoder, orientation } = open(bytes)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    let (width, height) = (width as usize, height as usize);
    let mut raw = vec![0; width * height * usize::from(color.bytes_per_pixel())];
    decoder.read_image(&mut raw).map_err(|error| ImageFileError::Damaged { format, source: error.into() })?;
    let pixels = to_rgb(raw, color, format == ImageFormat::Png && is_png_grey16(bytes));
    debug_assert_eq!(pixels.len(), width * height * CHANNELS);
    let mut picture = Picture { width, height, pixels };
    if format == ImageFormat::Gif {
        fill_around_frame(&mut picture, bytes);
    }
    Ok(upright(picture, orientation))
}

/// Gives what the first frame of a GIF leaves free of its screen the colour that Pillow gives it; the decoder leaves it black.
fn fill_around_frame(picture: &mut Picture, bytes: &[u8]) {
    let Some((color, [left, top, width, height])) = gif_ground(bytes) else { return };
    let (columns, rows) = (left..left + width, top..top + height);
    let screen_width = picture.width;
    for (at, pixel) in picture.pixels.chunks_exact_mut(CHANNELS).enumerate() {
        if !columns.contains(&(at % screen_width)) || !rows.contains(&(at / screen_width)) {
            pixel.copy_from_slice(&color);
        }
    }
}

/// A PNG that lacks no more than its last chunk gets it: Pillow reads such a file, and the decoder does not.
fn with_png_end(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_png = ImageFormat::of(bytes) == Some(ImageFormat::Png);
    if !is_png || png_chunk(bytes, b"IDAT").is_none() || png_chunk(bytes, b"IEND").is_some() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned([bytes, &PNG_END].concat())
}

fn open(bytes: &[u8]) -> Result<Opened<'_>, ImageFileError> {
    let format = ImageFormat::of(bytes).ok_or(ImageFileError::NoImage)?;
    if is_cut_off(format, bytes) {
        return Err(ImageFileError::CutOff { format });
    }
    // The decoder of PNG makes room for a row as soon as it knows the width.
    let mut png_width = 0;
    if format == ImageFormat::Png
        && let Some([width, height]) = png_size(bytes)
    {
        check_room(format, bytes, width, height)?;
        png_width = width;
    }
    let damaged = |error: image::ImageError| ImageFileError::Damaged { format, source: error.into() };
    let file = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder + '_> = match format {
        ImageFormat::Bmp => Box::new(BmpDecoder::new(file).map_err(damaged)?),
        ImageFormat::Gif => Box::new(GifDecoder::new(file).map_err(damaged)?),
        ImageFormat::Jpeg => Box::new(JpegDecoder::new(bytes).map_err(damaged)?),
        ImageFormat::Png => {
            let most = DECODER_BYTES + 4 * bytes.len() as u64 + u64::from(png_width) * DECODER_BYTES_A_PIXEL;
            Box::new(PngDecoder::with_limits(file, limits(most)).map_err(damaged)?)
        }
        ImageFormat::WebP => Box::new(WebPDecoder::new(file).map_err(damaged)?),
    };
    let (width, height) = decoder.dimensions();
    check_room(format, bytes, width, height)?;
    if format == ImageFormat::WebP && has_larger_frame(bytes, [width, height]) {
        let source = format!("it has pixels for more than its {width} x {height}").into();
        return Err(ImageFileError::Damaged { format, source });
    }
    // A frame of a GIF may be larger than the image that its header tells of.
    let most = DECODER_BYTES + u64::from(width) * u64::from(height) * DECODER_BYTES_A_PIXEL;
    decoder.set_limits(limits(most)).map_err(damaged)?;
    let orientation = match format {
        // A PNG may have it behind its pixels, where the decoder does not look in time.
        ImageFormat::Png => {
            let exif = png_chunk(bytes, b"eXIf").map(Cow::Borrowed).or_else(|| png_text_exif(bytes).map(Cow::Owned));
            orientation(exif.as_deref(), decoder.xmp_metadata().ok().flatten().as_deref())
        }
        // The decoder heeds no limit here, and makes room for what a chunk claims.
        ImageFormat::WebP => orientation(webp_chunk(bytes, b"EXIF"), webp_chunk(bytes, b"XMP ")),
        ImageFormat::Jpeg => {
            let exif = decoder.exif_metadata().ok().flatten();
            orientation(exif.as_deref(), decoder.xmp_metadata().ok().flatten().as_deref())
        }
        ImageFormat::Bmp | ImageFormat::Gif => 1,
    };
    Ok(Opened { format, decoder, orientation })
}

fn limits(most: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(most);
    limits
}

/// Whether room may be made for so many pixels.
fn check_room(format: ImageFormat, bytes: &[u8], width: u32, height: u32) -> Result<(), ImageFileError> {
    check_size(width, height)?;
    let is_lacking = has_too_few_bytes(format, bytes, u64::from(width) * u64::from(height));
    if is_lacking { Err(ImageFileError::CutOff { format }) } else { Ok(()) }
}

fn check_size(width: u32, height: u32) -> Result<(), ImageFileError> {
    let is_allowed = u64::from(width) * u64::from(height) <= MAX_PIXELS as u64;
    if is_allowed { Ok(()) } else { Err(ImageFileError::TooLarge { width, height }) }
}

/// EXIF's number: of the EXIF data, else of the XMP data (as Pillow's `Image.getexif` has it), else 1.
fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> u8 {
    let of_exif = exif.and_then(|exif| Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)));
    of_exif.map(Orientation::to_exif).or_else(|| xmp.and_then(xmp_orientation)).unwrap_or(1)
}

/// EXIF data as older ImageMagick writes it into a text of a PNG: a line of its name, one of its length, and its bytes in hex.
fn png_text_exif(bytes: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"Raw profile type exif\0";
    let mut chunks = png_chunks(bytes).filter(|(kind, _)| *kind == b"tEXt");
    let text = chunks.find_map(|(_, data)| data?.strip_prefix(NAME))?;
    let hex = text.splitn(4, |byte| *byte == b'\n').nth(3)?; // an empty line stands first
    let digits: Option<Vec<u8>> = hex
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    Some(digits?.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect())
}

/// The first of `tiff:Orientation="6"` and `<tiff:Orientation>6<`.
fn xmp_orientation(xmp: &[u8]) -> Option<u8> {
    const KEY: &[u8] = b"tiff:Orientation";
    let number = |rest: &[u8]| match rest {
        [b'=', b'"', digit @ b'0'..=b'9', ..] | [b'>', digit @ b'0'..=b'9', ..] => Some(digit - b'0'),
        _ => None,
    };
    let mut found = xmp.windows(KEY.len()).enumerate().filter(|(_, window)| *window == KEY);
    found.find_map(|(at, _)| number(&xmp[at + KEY.len()..])).filter(|number| (1..=8).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_png;

    fn png() -> Vec<u8> {
        encode_png(&Picture { width: 2, height: 3, pixels: (0..18).collect() }).expect("a PNG")
    }

    #[test]
    fn a_header_is_read_without_pixels() {
        let header = read_header(&png()).expect("a PNG");
        assert_eq!(header, ImageHeader { format: ImageFormat::Png, width: 2, height: 3 });
    }

    #[test]
    fn a_png_without_its_last_bytes_is_an_error_and_so_is_one_with_a_damaged_byte() {
        let whole = png();
        let cut = decode(&whole[..whole.len() - 20]).expect_err("cut off").to_string();
        assert_eq!(cut, "is a PNG file that is cut off: copy or download it again");
        let mut damaged = whole.clone();
        let at = whole.len() - 20; // in the pixels, whose checksum then is another
        damaged[at] ^= 0xFF;
        let error = decode(&damaged).expect_err("damaged");
        assert!(matches!(error, ImageFileError::Damaged { format: ImageFormat::Png, .. }), "{error}");
        assert!(error.to_string().ends_with(": save it again as JPEG or PNG"), "{error}");
    }

    #[test]
    fn a_png_that_lacks_no_more_than_its_last_chunk_is_read() {
        let whole = png();
        let cut = decode(&whole[..whole.len() - PNG_END.len()]).expect("all pixels are there");
        assert_eq!(cut, decode(&whole).expect("a PNG"));
        assert!(whole.ends_with(&PNG_END));
    }

    #[test]
    fn around_the_first_frame_of_a_gif_is_the_first_colour_or_the_transparent_one() {
        let gif = |extension: &[u8]| {
            // Two pixels by one, four colours; a frame of one pixel, the second colour, on the right.
            let head = b"GIF89a\x02\0\x01\0\x81\0\0".as_slice();
            let palette: &[u8] = &[10, 20, 30, 40, 50, 60, 70, 80, 90, 0, 0, 0];
            let frame = b",\x01\0\0\0\x01\0\x01\0\0\x02\x02\x4C\x01\0;".as_slice();
            decode(&[head, palette, extension, frame].concat()).expect("a GIF").pixels
        };
        assert_eq!(gif(&[]), [10, 20, 30, 40, 50, 60]);
        assert_eq!(gif(b"!\xF9\x04\x01\0\0\x02\0"), [70, 80, 90, 40, 50, 60]);
    }

    #[test]
    fn exif_data_may_stand_in_a_text_of_a_png() {
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let hex = exif.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<String>>().concat();
        let with = |text: String| {
            let (whole, data) = (png(), [b"Raw profile type exif\0".as_slice(), text.as_bytes()].concat());
            let (head, rest) = whole.split_at(33); // the signature and IHDR
            [head, &(data.len() as u32).to_be_bytes(), b"tEXt", &data, &[0; 4], rest].concat()
        };
        let text = format!("\nexif\n      {}\n{}\n{}\n", exif.len(), &hex[..20], &hex[20..]);
        let found = png_text_exif(&with(text)).expect("it is there");
        assert_eq!((found.as_slice(), orientation(Some(&found), None)), (exif.as_slice(), 6));
        for text in ["", "\nexif\n 4", "\nexif\n 4\nno hex"] {
            assert_eq!(png_text_exif(&with(text.to_owned())), None, "{text:?}");
        }
        assert_eq!(png_text_exif(&png()), None);
    }

    #[test]
    fn too_many_pixels_are_refused_by_the_header() {
        let mut bytes = png();
        bytes[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let error = read_header(&bytes).expect_err("too large").to_string();
        assert_eq!(error, "30000 x 30000 pixels are more than 178,956,970: make it smaller");
        assert!(check_size(178_956_970, 1).is_ok());
        assert!(check_size(178_956_971, 1).is_err());
    }

    #[test]
    fn pixels_that_are_not_there_are_not_made_room_for() {
        let mut bytes = png();
        bytes[16..24].copy_from_slice(&[0, 0, 0x30, 0, 0, 0, 0x30, 0]);
        let error = read_header(&bytes).expect_err("12288 x 12288 pixels in 70 bytes").to_string();
        assert_eq!(error, "is a PNG file that is cut off: copy or download it again");
    }

    #[test]
    fn the_orientation_stands_in_exif_or_else_in_xmp() {
        // TIFF, big endian: one entry, tag 0x0112, type SHORT, one value.
        let exif = |value| {
            [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[value, 0, 0, 0, 0, 0, 0]].concat()
        };
        let xmp = br#"<x tiff:OrientationX="3" tiff:Orientation="8"/>"#;
        assert_eq!(orientation(Some(&exif(6)), Some(xmp)), 6);
        assert_eq!(orientation(Some(&[b"Exif\0\0".as_slice(), &exif(6)].concat()), None), 6);
        assert_eq!(orientation(Some(&exif(1)), Some(xmp)), 1);
        assert_eq!(orientation(None, Some(xmp)), 8);
        assert_eq!(orientation(None, Some(b"<tiff:Orientation>3</tiff:Orientation>")), 3);
        assert_eq!(orientation(None, Some(b"<tiff:Orientation>9</tiff:Orientation>")), 1);
        assert_eq!(orientation(Some(b"no TIFF"), None), 1);
    }
}
