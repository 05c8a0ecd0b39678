//! The outer structure of image files, read without decoding a pixel: chunks of PNG and WebP, markers of JPEG, and
//! whether a file ends where it says.

use crate::ImageFormat;

/// Bytes that a byte of deflate can become: 258 out of two bits.
const MAX_DEFLATED: u64 = 1032;

/// Pixels that a byte of a JPEG can become: one bit, at the least, for each block of 8 x 8, of which odd ways to halve colours
/// may have half as many.
const MAX_JPEG_PIXELS: u64 = 1024;

/// Markers of JPEG: a segment that programs put what they know into, the start of a scan, the end of the image.
const APP1: u8 = 0xE1;
const SOS: u8 = 0xDA;
const EOI: u8 = 0xD9;

/// Chunks of a PNG: their types and data; the data is `None` where the file ends within it.
pub(crate) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(8)?;
        let (length, kind) = head.split_at(4);
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        rest = after.get(length.saturating_add(4)..).unwrap_or_default(); // a checksum of 4 bytes follows
        Some((kind, after.get(..length)))
    })
}

/// The data of a PNG's first chunk of this type.
pub(crate) fn png_chunk<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    png_chunks(bytes).find(|(found, _)| found == kind)?.1
}

/// Width and height of a PNG by its header.
pub(crate) fn png_size(bytes: &[u8]) -> Option<[u32; 2]> {
    let (width, rest) = png_chunk(bytes, b"IHDR")?.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some([u32::from_be_bytes(*width), u32::from_be_bytes(*height)])
}

/// Whether a PNG's pixels are grey without alpha and of 16 bits.
pub(crate) fn is_png_grey16(bytes: &[u8]) -> bool {
    png_chunk(bytes, b"IHDR").is_some_and(|header| header.get(8..10) == Some(&[16, 0]))
}

/// Chunks of a WebP: their types and data; the data is `None` where the file, as long as its head says it is, ends within it.
fn webp_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let end = webp_length(bytes).min(bytes.len() as u64) as usize; // no longer than the bytes
    riff_chunks(bytes.get(12..end).unwrap_or_default())
}

/// Bytes of a WebP as its head says: the size there does not count the first 8.
fn webp_length(bytes: &[u8]) -> u64 {
    bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, |size| u64::from(u32::from_le_bytes(size)) + 8)
}

/// Chunks that follow one upon the other, as in a WebP or one of its frames.
fn riff_chunks(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(8)?;
        let (kind, length) = head.split_at(4);
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default(); // a byte fills up to an even length
        Some((kind, after.get(..length)))
    })
}

/// The data of the first chunk of this type in a WebP that may have more than pixels.
///
/// The decoder makes room for as much as such a chunk claims, gigabytes at the most.
pub(crate) fn webp_chunk<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let mut chunks = webp_chunks(bytes);
    let (first, _) = chunks.next()?;
    if first != b"VP8X" {
        return None;
    }
    chunks.find(|(found, _)| found == kind)?.1
}

/// Whether lossy pixels of a WebP, whole or of one of its frames, claim to be wider or higher than it is: the decoder makes room
/// for them before it compares.
pub(crate) fn has_larger_frame(bytes: &[u8], [width, height]: [u32; 2]) -> bool {
    let is_larger = |(kind, data): (&[u8], Option<&[u8]>)| {
        let Some(&[low, high, below, above]) = data.and_then(|data| data.get(6..10)) else { return false };
        let [own_width, own_height] = [[low, high], [below, above]].map(|side| u16::from_le_bytes(side) & 0x3FFF);
        kind == b"VP8 " && (u32::from(own_width) > width || u32::from(own_height) > height)
    };
    webp_chunks(bytes).any(|(kind, data)| match data {
        // A frame's place, size and duration stand before its chunks.
        Some(frame) if kind == b"ANMF" => riff_chunks(frame.get(16..).unwrap_or_default()).any(is_larger),
        _ => is_larger((kind, data)),
    })
}

/// Whether a file ends before its pixels do, as far as its structure says.
///
/// Decoders fill what is missing of a JPEG with grey; Pillow refuses such a file, and so it is refused here. One that lacks
/// the two bytes of its last marker and no more is refused, too, though Pillow reads most of those.
pub(crate) fn is_cut_off(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => !has_jpeg_end(bytes),
        ImageFormat::Png => png_chunks(bytes).any(|(kind, data)| kind == b"IDAT" && data.is_none()),
        ImageFormat::WebP => {
            // The length may count a last byte that only fills.
            let is_shorter = (bytes.len() as u64) + 1 < webp_length(bytes);
            is_shorter || webp_chunks(bytes).any(|(_, data)| data.is_none())
        }
        // Their decoders say it.
        ImageFormat::Bmp | ImageFormat::Gif => false,
    }
}

/// Whether a file has fewer bytes than any way to pack so many pixels needs: a hundred bytes that tell of 178 million pixels
/// are refused before there is room for these. GIF, WebP and BMP can pack any number of pixels of one colour.
pub(crate) fn has_too_few_bytes(format: ImageFormat, bytes: &[u8], num_pixels: u64) -> bool {
    match format {
        ImageFormat::Png => {
            let header = png_chunk(bytes, b"IHDR").unwrap_or_default();
            let (depth, color) = (header.get(8).copied().unwrap_or(1), header.get(9).copied().unwrap_or(0));
            let channels = match color {
                2 => 3,
                4 => 2,
                6 => 4,
                _ => 1,
            };
            let data = png_chunks(bytes).filter(|(kind, _)| kind == b"IDAT");
            let num_packed: u64 = data.map(|(_, data)| data.map_or(0, <[u8]>::len) as u64).sum();
            num_pixels * channels * u64::from(depth) / 8 > num_packed * MAX_DEFLATED
        }
        ImageFormat::Jpeg => num_pixels > bytes.len() as u64 * MAX_JPEG_PIXELS,
        ImageFormat::Bmp | ImageFormat::Gif | ImageFormat::WebP => false,
    }
}

/// Whether the markers of a JPEG lead to that of its end.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    jpeg_segments(bytes).any(|(marker, _)| marker == EOI)
}

/// Data of a JPEG's APP1 segments of this name, without it, as far as they stand before the pixels.
pub(crate) fn jpeg_app1<'a>(bytes: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let before_pixels = jpeg_segments(bytes).take_while(|(marker, _)| *marker != SOS);
    before_pixels.filter(|(marker, _)| *marker == APP1).filter_map(move |(_, data)| data.strip_prefix(name))
}

/// Segments of a JPEG behind its first marker: their markers and data; the data is empty where the file ends within it.
fn jpeg_segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        // The next marker stands behind the data of a scan, in which 0xFF is followed by 0 or by a restart marker.
        let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
        at += bytes.get(at..)?.windows(2).position(is_marker)? + 2;
        let marker = bytes[at - 1];
        let length = match marker {
            // Markers without data.
            0x01 | 0xD8 | EOI => 0,
            _ => usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)),
        };
        let data = bytes.get(at + 2..at + length).unwrap_or_default(); // the length counts itself
        at += length;
        Some((marker, data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Picture, encode_png};

    #[test]
    fn a_jpeg_needs_its_last_marker() {
        // SOI, a comment that holds what looks like an end, a scan with a stuffed byte and a restart marker, EOI.
        let whole = b"\xFF\xD8\xFF\xFE\0\x04\xFF\xD9\xFF\xDA\0\x02\x01\xFF\0\x02\xFF\xD0\x03\xFF\xD9";
        assert!(!is_cut_off(ImageFormat::Jpeg, whole));
        assert!(!is_cut_off(ImageFormat::Jpeg, &[&whole[..], b"trailing"].concat()));
        for length in 2..whole.len() {
            assert!(is_cut_off(ImageFormat::Jpeg, &whole[..length]), "{length} bytes");
        }
    }

    #[test]
    fn a_png_needs_its_pixels_but_not_its_end() {
        let bytes = encode_png(&Picture { width: 2, height: 1, pixels: vec![1, 2, 3, 4, 5, 6] }).expect("a PNG");
        assert_eq!(png_size(&bytes), Some([2, 1]));
        assert!(!is_png_grey16(&bytes));
        let end = bytes.len() - 12; // IEND: length, type, checksum
        assert!(!is_cut_off(ImageFormat::Png, &bytes[..end]));
        assert!(is_cut_off(ImageFormat::Png, &bytes[..end - 5]));
    }

    #[test]
    fn few_bytes_do_not_hold_many_pixels() {
        let picture = |side: usize| Picture { width: side, height: side, pixels: vec![7; side * side * 3] };
        let grey = |side: usize| encode_png(&picture(side)).expect("a PNG");
        let bytes = grey(700);
        assert!(!has_too_few_bytes(ImageFormat::Png, &bytes, 700 * 700), "{} bytes of one colour", bytes.len());
        assert!(has_too_few_bytes(ImageFormat::Png, &bytes, 170_000_000));
        assert!(has_too_few_bytes(ImageFormat::Jpeg, &[0; 100], 100 * 1024 + 1));
        assert!(!has_too_few_bytes(ImageFormat::Jpeg, &[0; 100], 100 * 1024));
        assert!(!has_too_few_bytes(ImageFormat::Gif, &[0; 100], 170_000_000));
    }

    #[test]
    fn a_webp_says_its_size() {
        let bytes = b"RIFF\x0C\0\0\0WEBPVP8 \0\0\0\0";
        assert!(!is_cut_off(ImageFormat::WebP, bytes));
        assert!(is_cut_off(ImageFormat::WebP, &bytes[..18]));
    }

    /// A WebP of these chunks.
    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let body = chunks.iter().flat_map(|(kind, data)| {
            let fill = vec![0; data.len() % 2];
            [kind.as_slice(), &(data.len() as u32).to_le_bytes(), data, &fill].concat()
        });
        let body: Vec<u8> = b"WEBP".iter().copied().chain(body).collect();
        [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
    }

    #[test]
    fn a_chunk_of_a_webp_claims_no_more_than_there_is() {
        let whole = webp(&[(b"VP8X", &[0; 10]), (b"VP8L", &[1, 2, 3]), (b"EXIF", b"MM\0*")]);
        assert!(!is_cut_off(ImageFormat::WebP, &whole));
        assert!(
            !is_cut_off(ImageFormat::WebP, &[&whole[..], b"EXIF\xFF\xFF\xFF\xFF"].concat()),
            "what follows does not count"
        );
        assert_eq!(webp_chunk(&whole, b"EXIF"), Some(b"MM\0*".as_slice()));
        assert_eq!(webp_chunk(&whole, b"XMP "), None);
        assert_eq!(webp_chunk(&webp(&[(b"VP8L", &[1, 2, 3]), (b"EXIF", b"MM\0*")]), b"EXIF"), None);
        for claimed in [5_u32, 3_480_271_537, u32::MAX] {
            let mut damaged = whole.clone();
            let at = whole.len() - 8;
            damaged[at..at + 4].copy_from_slice(&claimed.to_le_bytes());
            assert!(is_cut_off(ImageFormat::WebP, &damaged), "{claimed}");
            assert_eq!(webp_chunk(&damaged, b"EXIF"), None);
        }
    }

    #[test]
    fn lossy_pixels_of_a_webp_are_no_larger_than_it_is() {
        let pixels = [0_u8, 0, 0, 0x9D, 1, 0x2A, 24, 0x40, 16, 0x80, 0]; // the upper two bits say how to scale
        let frame = [[0_u8; 16].as_slice(), b"VP8 \x0B\0\0\0", &pixels].concat();
        let still = webp(&[(b"VP8X", &[0; 10]), (b"VP8 ", &pixels)]);
        let moving = webp(&[(b"VP8X", &[0; 10]), (b"ANMF", &frame)]);
        for bytes in [&still, &moving] {
            assert!(!has_larger_frame(bytes, [24, 16]));
            assert!(has_larger_frame(bytes, [23, 16]) && has_larger_frame(bytes, [24, 15]));
        }
        assert!(!has_larger_frame(&webp(&[(b"VP8L", &pixels)]), [1, 1]));
    }
}
