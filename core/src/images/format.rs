//! What a file is by its first bytes: an image in a format that is read, or what else.

use hone_images::ImageFormat;

use super::error::ImageError;
use crate::file_signature::Signature;

/// Ends of names of image files, in lower case. The second line has formats that are not read: such a file is an image
/// that is refused with a reason, rather than a file that nobody speaks of.
const EXTENSIONS: [&str; 19] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", //
    "avif", "heic", "heif", "ico", "jp2", "jxl", "ppm", "psd", "svg", "tif", "tiff",
];

/// First bytes of images in formats that are not read.
const OTHER_IMAGES: [(&[u8], &str); 9] = [
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"II+\0", "a TIFF image"),
    (b"\0\0\x01\0", "an icon (ICO)"),
    (b"\xFF\x0A", "a JPEG XL image"),
    (b"\0\0\0\x0CJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0CjP  ", "a JPEG 2000 image"),
    (b"\xFF\x4F\xFF\x51", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop document"),
];

/// Whether a file is an image in a format that is read, whatever its name says.
///
/// # Errors
/// When the file is empty, no image, or an image in another format.
pub(super) fn check_format(bytes: &[u8]) -> Result<(), ImageError> {
    if bytes.is_empty() {
        Err(ImageError::Empty)
    } else if ImageFormat::of(bytes).is_some() {
        Ok(())
    } else {
        Err(unreadable(bytes))
    }
}

/// What a file is that is no image in a known format.
fn unreadable(bytes: &[u8]) -> ImageError {
    if let Some((_, found)) = OTHER_IMAGES.iter().find(|(start, _)| bytes.starts_with(start)) {
        return ImageError::OtherFormat { found };
    }
    if let Some(error) = media_file(bytes) {
        return error;
    }
    let head = &bytes[..bytes.len().min(1024)];
    let signature = Signature::of(bytes);
    if matches!(signature, None | Some(Signature::Xml)) && head.windows(4).any(|word| word == b"<svg") {
        return ImageError::OtherFormat { found: "an SVG drawing" };
    }
    let found = match signature {
        Some(Signature::WebPage) => "a web page (HTML)",
        Some(Signature::Xml) => "an XML file",
        Some(Signature::LfsPointer) => "a pointer of Git LFS (fetch the file itself with git lfs pull)",
        Some(Signature::Zip) => "a zip archive",
        Some(Signature::Pdf) => "a PDF",
        Some(Signature::Gzip | Signature::Bzip2 | Signature::Xz | Signature::Zstandard) => "a compressed file",
        Some(Signature::OldWorkbook) => "an Office document",
        Some(Signature::Parquet | Signature::Arrow) => "a table",
        Some(Signature::Sqlite) => "a database",
        Some(Signature::Image) => "a file that only begins like an image",
        None if is_text(head) => "a text",
        None => "a file of an unknown kind",
    };
    ImageError::NotAnImage { found }
}

/// HEIC, AVIF and videos share one container, whose brand says which it is.
fn media_file(bytes: &[u8]) -> Option<ImageError> {
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let has = |brand: &[u8; 4]| bytes[8..bytes.len().min(64)].chunks_exact(4).any(|found| found == brand);
    Some(if has(b"avif") || has(b"avis") {
        ImageError::OtherFormat { found: "an AVIF image" }
    } else if [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"].into_iter().any(has) {
        ImageError::OtherFormat { found: "a HEIC image" }
    } else {
        ImageError::NotAnImage { found: "a video" }
    })
}

/// UTF-8 (which the end of `head` may cut) without control characters.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    !valid.is_empty() && !valid.contains(|c: char| c.is_control() && !c.is_ascii_whitespace())
}

/// Whether a file's name ends like that of an image: `jpg`, `jpeg`, `jpe`, `jfif`, `png`, `webp`, `gif` or `bmp`, or one
/// of a format that is not read (`tiff`, `heic` and others), so that it is refused with a reason. Case is of no matter.
#[must_use]
pub fn is_image_name(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(bytes: &[u8], message: &str) {
        assert_eq!(check_format(bytes).expect_err("no image").to_string(), message);
    }

    #[test]
    fn what_is_no_image_is_named() {
        refused(b"", "is empty (0 bytes)");
        refused(b"BMW is a brand of cars, not a bitmap.", "is a text, not an image");
        refused("caf\u{e9}".as_bytes(), "is a text, not an image");
        refused(b"<!doctype html><svg></svg>", "is a web page (HTML), not an image");
        refused(b"\x89PNG\n\x1A\n", "is a file that only begins like an image, not an image");
        refused(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is a video, not an image");
        refused(b"\x01\x02\x03\x04", "is a file of an unknown kind, not an image");
        refused(b"RIFF\x10\0\0\0WAVEfmt ", "is a file of an unknown kind, not an image");
    }

    #[test]
    fn images_in_other_formats_are_named_with_what_to_do() {
        let heic = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic";
        let avif = b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avif";
        for (bytes, name) in [
            (&heic[..], "a HEIC image"),
            (avif, "an AVIF image"),
            (b"II*\0\x08\0\0\0", "a TIFF image"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">", "an SVG drawing"),
            (b"<svg width=\"8\">", "an SVG drawing"),
        ] {
            refused(bytes, &format!("is {name}, which can't be read: save it as JPEG or PNG"));
        }
    }

    #[test]
    fn names_of_images() {
        for name in ["a.JPG", "circle/1.png", "x.y.webp", "scan.tiff", "IMG_1.HEIC"] {
            assert!(is_image_name(name), "{name}");
        }
        for name in ["png", "a.txt", "metadata.csv", "a.png.json", ""] {
            assert!(!is_image_name(name), "{name}");
        }
    }
}
