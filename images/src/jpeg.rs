//! The header and the pixels of a JPEG file by `libjpeg-turbo-rs`, behind the trait that the decoders of `image` have.
//!
//! In: a file that has its end. Out: its size, its EXIF and XMP data as Pillow finds them, and RGB pixels equal to Pillow's.

use std::error::Error;

use image::error::{DecodingError, ImageFormatHint};
use image::{ColorType, ImageDecoder, ImageResult};
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat};

use crate::MAX_PIXELS;
use crate::structure::jpeg_app1;

/// Most scans of a progressive JPEG, each of which goes over all pixels: encoders write ten, one for each bit of each coefficient
/// would be a few hundred.
const MAX_SCANS: usize = 1000;

/// A JPEG file whose header is read.
pub(crate) struct JpegDecoder<'a> {
    bytes: &'a [u8],
    decoder: Decoder<'a>,
}

impl<'a> JpegDecoder<'a> {
    /// Reads the header; decodes no pixels and makes no room for them.
    ///
    /// # Errors
    /// When it is damaged, or tells of more scans than [`MAX_SCANS`] or of pixels that are not read: Pillow refuses 12 bits a
    /// channel, too.
    pub(crate) fn new(bytes: &'a [u8]) -> ImageResult<Self> {
        let limits = DecodeLimits { max_pixels: MAX_PIXELS as u64, max_scans: MAX_SCANS, ..DecodeLimits::default() };
        let mut decoder = Decoder::new_with_limits(bytes, limits).map_err(damaged)?;
        let header = decoder.header();
        if header.height == 0 {
            return Err(damaged("its header tells of no rows"));
        }
        if header.precision != 8 {
            return Err(damaged(format!("it has {} bits a channel, of which only 8 are read", header.precision)));
        }
        if header.is_lossless || decoder.is_arithmetic() {
            return Err(damaged("it is lossless or has arithmetic coding, which is not read"));
        }
        decoder.set_output_format(PixelFormat::Rgb);
        Ok(Self { bytes, decoder })
    }
}

impl ImageDecoder for JpegDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        let header = self.decoder.header();
        (u32::from(header.width), u32::from(header.height))
    }

    /// RGB, whatever the components of the file are.
    fn color_type(&self) -> ColorType {
        ColorType::Rgb8
    }

    /// All segments of it, one after another.
    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        let segments: Vec<&[u8]> = jpeg_app1(self.bytes, b"Exif\0\0").collect();
        Ok((!segments.is_empty()).then(|| segments.concat()))
    }

    /// The last segment of it.
    fn xmp_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(jpeg_app1(self.bytes, b"http://ns.adobe.com/xap/1.0/\0").last().map(<[u8]>::to_vec))
    }

    fn read_image(self, buf: &mut [u8]) -> ImageResult<()> {
        let num_written = self.decoder.decode_image_into(buf).map_err(damaged)?.bytes_written;
        let is_whole = num_written == buf.len();
        if is_whole { Ok(()) } else { Err(damaged("it has other pixels than its header says")) }
    }

    fn read_image_boxed(self: Box<Self>, buf: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buf)
    }
}

fn damaged(error: impl Into<Box<dyn Error + Send + Sync>>) -> image::ImageError {
    image::ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(image::ImageFormat::Jpeg), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, read_header};

    const RGB: &[u8] = include_bytes!("../../tests/fixtures/images/rgb.jpg");

    /// The file with other bytes so far behind the marker of its frame: 2 is its length, 4 its bits, 5 its height, 7 its width.
    fn with_frame(offset: usize, bytes: &[u8]) -> Vec<u8> {
        let at = offset + RGB.windows(2).position(|pair| pair == b"\xFF\xC0").expect("a baseline frame");
        [&RGB[..at], bytes, &RGB[at + bytes.len()..]].concat()
    }

    /// The file with these APP1 segments before all that it has.
    fn with_app1(segments: &[Vec<u8>]) -> Vec<u8> {
        [&RGB[..2], &app1(segments), &RGB[2..]].concat()
    }

    fn app1(segments: &[Vec<u8>]) -> Vec<u8> {
        let packed = segments.iter().map(|data| {
            let length = u16::try_from(data.len() + 2).expect("a short segment");
            [b"\xFF\xE1".as_slice(), &length.to_be_bytes(), data].concat()
        });
        packed.collect::<Vec<_>>().concat()
    }

    fn exif(data: &[u8]) -> Vec<u8> {
        [b"Exif\0\0".as_slice(), data].concat()
    }

    fn xmp(data: &[u8]) -> Vec<u8> {
        [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), data].concat()
    }

    /// EXIF and XMP data of a file.
    fn metadata(file: &[u8]) -> [Option<Vec<u8>>; 2] {
        let mut decoder = JpegDecoder::new(file).expect("a JPEG");
        [decoder.exif_metadata(), decoder.xmp_metadata()].map(|data| data.expect("it is read"))
    }

    #[test]
    fn metadata_is_what_pillow_takes_of_several_segments() {
        assert_eq!(metadata(RGB), [None, None]);
        let file = with_app1(&[xmp(b"<a/>"), exif(b"MM\0*"), b"another".to_vec(), exif(b"\0\0\0\x08"), xmp(b"<b/>")]);
        assert_eq!(metadata(&file), [Some(b"MM\0*\0\0\0\x08".to_vec()), Some(b"<b/>".to_vec())]);
        let behind_the_pixels = [&RGB[..RGB.len() - 2], &app1(&[exif(b"MM\0*")]), &RGB[RGB.len() - 2..]].concat();
        assert_eq!(metadata(&behind_the_pixels), [None, None]);
    }

    #[test]
    fn an_orientation_in_xmp_turns_the_picture() {
        let file = with_app1(&[xmp(br#"<x tiff:Orientation="6"/>"#)]);
        let [plain, turned] = [RGB, &file].map(|bytes| decode(bytes).expect("a JPEG"));
        assert_ne!(plain.width, plain.height);
        assert_eq!([turned.width, turned.height], [plain.height, plain.width]);
        let header = read_header(&file).expect("a JPEG");
        assert_eq!([header.width, header.height], [turned.width, turned.height]);
    }

    #[test]
    fn what_is_not_read_is_refused_by_the_header() {
        for (file, reason) in [
            (with_frame(5, &[0, 0]), "its header tells of no rows"),
            (with_frame(4, &[12]), "it has 12 bits a channel, of which only 8 are read"),
            (with_frame(1, &[0xC3]), "it is lossless or has arithmetic coding, which is not read"),
            (with_frame(1, &[0xC9]), "it is lossless or has arithmetic coding, which is not read"),
            (b"\xFF\xD8\xFF\xD9".to_vec(), "missing SOF marker"),
        ] {
            let error = read_header(&file).expect_err(reason).to_string();
            assert!(error.starts_with("is a JPEG file that can't be read (") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_size_is_refused_before_there_is_room_for_it() {
        let too_large = with_frame(5, &[0x75, 0x30, 0x75, 0x30]);
        let without_pixels = with_frame(5, &[0x30, 0, 0x30, 0]);
        for (file, reason) in [
            (too_large, "30000 x 30000 pixels are more than 178,956,970: make it smaller"),
            (without_pixels, "is a JPEG file that is cut off: copy or download it again"),
        ] {
            assert_eq!(read_header(&file).expect_err(reason).to_string(), reason);
            assert_eq!(decode(&file).expect_err(reason).to_string(), reason);
        }
    }

    #[test]
    fn more_scans_than_any_encoder_writes_are_refused_by_the_header() {
        let file = include_bytes!("../../tests/fixtures/images/progressive.jpg");
        let end = file.len() - 2;
        let mut scan = b"\xFF\xDA\0\x08\x01".to_vec(); // one component, that of brightness, and its first coefficient
        let frame = file.windows(2).position(|pair| pair == b"\xFF\xC2").expect("a progressive frame");
        scan.extend([file[frame + 10], 0, 0, 0, 0]);
        let with_scans = |count| [&file[..end], &scan.repeat(count), &file[end..]].concat();
        read_header(&with_scans(10)).expect("a few scans more");
        let error = read_header(&with_scans(MAX_SCANS)).expect_err("too many scans").to_string();
        assert!(error.contains("scan count at parse 1001 exceeds limit 1000"), "{error}");
    }
}
