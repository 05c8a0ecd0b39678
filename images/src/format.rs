//! The formats that are read, and by which first bytes a file is known to be in one.

/// Formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// Windows bitmap.
    Bmp,
    /// Of an animation the first frame is read.
    Gif,
    /// Baseline and progressive.
    Jpeg,
    /// Of an animation the first frame is read.
    Png,
    /// With and without loss; of an animation the first frame is read.
    WebP,
}

impl ImageFormat {
    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        }
    }

    /// The format of a file, whatever its name says; `None` where it is in none of them.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\xFF\xD8\xFF") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else if is_bmp(bytes) {
            Some(Self::Bmp)
        } else {
            None
        }
    }
}

/// `BM`, which may begin a text as well, and a header of one of the known sizes.
fn is_bmp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BM") && matches!(bytes.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_first_bytes() {
        let bmp = [&b"BM\0\0\0\0\0\0\0\0\x36\0\0\0"[..], &[40, 0, 0, 0]].concat();
        for (bytes, format) in [
            (&b"\xFF\xD8\xFF\xE0"[..], Some(ImageFormat::Jpeg)),
            (b"\x89PNG\r\n\x1A\n", Some(ImageFormat::Png)),
            (b"GIF89a", Some(ImageFormat::Gif)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(ImageFormat::WebP)),
            (&bmp, Some(ImageFormat::Bmp)),
            (b"BMW is a brand of cars, not a bitmap.", None),
            (b"", None),
        ] {
            assert_eq!(ImageFormat::of(bytes), format);
        }
    }
}
