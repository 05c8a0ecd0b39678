//! Readers of images, of what a model's folder says of images, and of archives that images and models lie in.

use hone_core::folder::Folder;
use hone_core::images::{
    Archive, ImageProcessor, PREPROCESSOR_CONFIG, Picture, decode, difference_hash, pack_zip, read_header,
};
use hone_core::task::Task;

use super::mutate::Kind;
use super::targets::{JSON, MEBIBYTE, PLAIN, Target, file, read_rows};
use super::words;

/// Pixels of an image that is decoded here; that larger ones are refused or take memory by their size is tested beside the
/// decoders.
const MAX_DECODED_PIXELS: usize = 1 << 20;

/// Deflate makes a thousand bytes of one, and a vector that grows has room for twice what is in it.
const DEFLATED_BYTES_A_BYTE: usize = 2200;

/// A picture that is resized may have 64 million pixels (`core/src/images/processor`), before and after an axis is.
const PICTURE_BYTES: usize = 512 * MEBIBYTE;

pub(crate) const IMAGE: Target = Target {
    name: "image",
    kind: Kind::Binary,
    words: words::IMAGE,
    seeds: image_seeds,
    read: read_image,
    base_bytes: PICTURE_BYTES,
    ..PLAIN
};

pub(crate) const IMAGE_SETTINGS: Target = Target {
    name: "preprocessor_config",
    words: words::IMAGE_SETTINGS,
    seeds: || ["tiny_vit", "vit_tiny", "dinov2_tiny", "deit_tiny"].map(|from| file(from, PREPROCESSOR_CONFIG)).to_vec(),
    read: read_image_settings,
    base_bytes: PICTURE_BYTES,
    ..JSON
};

pub(crate) const ARCHIVE: Target = Target {
    name: "archive",
    kind: Kind::Binary,
    words: words::ARCHIVE,
    seeds: archive_seeds,
    read: read_archive,
    base_bytes: PICTURE_BYTES,
    bytes_a_byte: DEFLATED_BYTES_A_BYTE,
};

fn image_seeds() -> Vec<Vec<u8>> {
    let names = [
        "bit1.png",
        "exif_6.png",
        "exif_6.jpg",
        "exif_6.webp",
        "cmyk.jpg",
        "grey.jpg",
        "grey16.png",
        "grey_alpha.png",
        "lossless.webp",
        "lossy.webp",
        "palette_alpha.png",
        "progressive.jpg",
        "rgb.bmp",
        "rgb.jpg",
        "rgb.png",
        "rgb_444.jpg",
        "rgba.png",
        "two_frames.gif",
        "huge.png",
        "truncated.jpg",
    ];
    names.iter().map(|name| file("images", name)).collect()
}

fn read_image(bytes: &[u8]) -> bool {
    let Ok(header) = read_header(bytes) else { return false };
    if header.width * header.height > MAX_DECODED_PIXELS {
        return true;
    }
    let Ok(picture) = decode(bytes) else { return false };
    assert_eq!([picture.width, picture.height], [header.width, header.height], "header and pixels differ");
    assert_eq!(picture.pixels.len(), picture.width * picture.height * 3, "pixels are lacking");
    let _ = difference_hash(&picture);
    for model_type in ["vit", "dinov2"] {
        let (processor, _) =
            ImageProcessor::from_folder(&mut Folder::new(), model_type, 28).expect("it has settings of its own");
        process(&processor, &picture);
    }
    true
}

/// Makes of a picture what a model reads, unless that is millions of pixels.
fn process(processor: &ImageProcessor, picture: &Picture) {
    let [height, width] = processor.size();
    let is_small = height * width <= MAX_DECODED_PIXELS;
    if is_small && processor.check_size(picture.width, picture.height).is_ok() {
        let processed = processor.process(picture);
        assert_eq!([processed.height, processed.width], [height, width]);
        let mut values = Vec::new();
        processor.push_values(&processed, &mut values);
        assert!(values.iter().all(|value| !value.is_nan()), "a value that is no number");
    }
}

fn read_image_settings(bytes: &[u8]) -> bool {
    let pixels = (0..5 * 4 * 3).map(|byte| byte * 4).collect();
    let picture = Picture { width: 5, height: 4, pixels };
    let mut is_taken = false;
    for model_type in ["vit", "dinov2"] {
        let mut folder = Folder::new();
        folder.insert(PREPROCESSOR_CONFIG, bytes);
        if let Ok((processor, _)) = ImageProcessor::from_folder(&mut folder, model_type, 28) {
            process(&processor, &picture);
            is_taken = true;
        }
    }
    is_taken
}

fn archive_seeds() -> Vec<Vec<u8>> {
    let image = |name: &str| file("images", name);
    let packed = |path: &str, bytes: Vec<u8>| (path.to_owned(), bytes);
    let folders = pack_zip(&[
        packed("circle/1.png", image("rgb.png")),
        packed("circle/2.png", image("rgba.png")),
        packed("square/1.jpg", image("rgb.jpg")),
        packed("square/2.gif", image("two_frames.gif")),
    ]);
    let table = pack_zip(&[
        packed("metadata.csv", b"file_name,label\n1.png,a\n2.png,b\n".to_vec()),
        packed("1.png", image("bit1.png")),
        packed("2.png", image("rgb.png")),
    ]);
    let mut model = Folder::new();
    model.insert("config.json", file("tiny_vit", "config.json"));
    model.insert("1_Pooling/config.json", "{}".repeat(200));
    vec![folders, table, model.to_zip(), pack_zip(&[])]
}

fn read_archive(bytes: &[u8]) -> bool {
    if let Ok(folder) = Folder::from_zip(bytes) {
        let leaves = |name: &str| name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..");
        assert!(folder.iter().all(|(name, _)| !leaves(name)), "a path that leaves the folder");
    }
    read_rows(Task::ImageClassification, "images.zip", bytes);
    let Ok(archive) = Archive::open(bytes) else { return false };
    archive.files().all(|(index, _)| archive.read(index).is_ok())
}
