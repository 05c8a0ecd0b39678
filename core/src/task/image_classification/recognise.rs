//! Zips that hold images, by their names: also of a zip of which only the beginning is there.

use super::folders::{is_passed_over, plain_path};
use crate::images::is_image_name;
use crate::task::GUESS_BYTES;

/// How a file in a zip begins.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

/// Files that are looked at.
const MAX_FILES: usize = 32;

/// Whether a file is a zip of which at least half of the first files are images by their names.
#[must_use]
pub fn recognise(_name: &str, bytes: &[u8]) -> bool {
    if !bytes.starts_with(LOCAL_HEADER) {
        return false;
    }
    let names: Vec<String> =
        names_in(&bytes[..bytes.len().min(GUESS_BYTES)]).filter(|name| !is_passed_over(name)).take(MAX_FILES).collect();
    let num_images = names.iter().filter(|name| is_image_name(name)).count();
    num_images > 0 && num_images * 2 >= names.len()
}

/// Names of the files of a zip whose headers are in these bytes, without folders.
fn names_in(bytes: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = bytes;
    let next = move || {
        // The sizes that would lead to the next header stand behind the file in many zips: it is looked for.
        let start = rest.windows(LOCAL_HEADER.len()).position(|window| window == LOCAL_HEADER)?;
        let header = &rest[start..];
        let length = usize::from(u16::from_le_bytes([*header.get(26)?, *header.get(27)?]));
        let name = plain_path(&String::from_utf8_lossy(header.get(30..30 + length)?));
        rest = &header[30 + length..];
        Some(name)
    };
    std::iter::from_fn(next).filter(|name| !name.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{png, two_classes, zip};
    use super::*;
    use crate::images::pack_zip;

    #[test]
    fn a_zip_of_images_is_known_also_by_its_beginning() {
        let bytes = pack_zip(&two_classes(3));
        assert!(recognise("shapes.zip", &bytes) && recognise("shapes", &bytes[..bytes.len() / 2]));
        let with_table = zip(&[("__MACOSX/._x", Vec::new()), ("metadata.csv", b"a".to_vec()), ("1.png", png(1, 9, 9))]);
        assert!(recognise("x.zip", &with_table));
        let large = zip(&[("a/1.bmp", vec![0; 2 * GUESS_BYTES]), ("a/2.bmp", Vec::new())]);
        assert!(recognise("x.zip", &large[..GUESS_BYTES]));
    }

    #[test]
    fn other_files_are_not() {
        let workbook = zip(&[("[Content_Types].xml", Vec::new()), ("xl/a.xml", Vec::new()), ("xl/1.png", Vec::new())]);
        let (cut, image) = (&workbook[..20], png(1, 9, 9));
        for bytes in [&workbook[..], cut, b"", b"PK\x03\x04", b"file_name,label\n1.png,a\n", &image[..]] {
            assert!(!recognise("x.zip", bytes));
        }
    }
}
