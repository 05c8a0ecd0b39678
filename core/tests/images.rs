//! Image files and image processors against Pillow 13 and `transformers` (`tests/fixtures/images`, made by
//! `tests/goldens/make_images.py`): decoding, orientation, resizing, cropping, values, and files that are bad.

use std::path::{Path, PathBuf};

use hone_core::folder::Folder;
use hone_core::images::{ImageError, ImageProcessor, Picture, decode, read_header};
use serde_json::{Map, Value, json};

/// Values are computed in the same order in f32, so they are off by no more than a rounding.
const VALUE_TOLERANCE: f32 = 1e-6;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/images")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("the fixture is checked in")
}

/// A tensor of processor.safetensors.
struct Tensor<'a> {
    shape: Vec<usize>,
    bytes: &'a [u8],
}

/// processor.json, and the tensors beside it.
struct Fixture {
    json: Value,
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl Fixture {
    fn read() -> Self {
        let json = serde_json::from_slice(&file("processor.json")).expect("the fixture is JSON");
        let tensors = file("processor.safetensors");
        let (length, rest) = tensors.split_first_chunk().expect("a header");
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        Self { json, header: serde_json::from_slice(header).expect("the header is JSON"), data: data.to_vec() }
    }

    fn object(&self, key: &str) -> &Map<String, Value> {
        self.json[key].as_object().expect("an object")
    }

    fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let entry = self.header.get(name)?;
        let numbers = |value: &Value| -> Vec<usize> {
            value.as_array().expect("a list").iter().map(|n| n.as_u64().expect("a number") as usize).collect()
        };
        let offsets = numbers(&entry["data_offsets"]);
        Some(Tensor { shape: numbers(&entry["shape"]), bytes: &self.data[offsets[0]..offsets[1]] })
    }

    /// The pixels that Pillow decodes, so that what comes after does not depend on our decoder.
    fn decoded(&self, name: &str) -> Picture {
        match self.tensor(&format!("decoded.{name}")) {
            Some(Tensor { shape, bytes }) => Picture { height: shape[0], width: shape[1], pixels: bytes.to_vec() },
            None => decode(&file(name)).expect(name), // large.png is without loss and not stored
        }
    }

    fn processor(&self, variant: &str) -> Result<ImageProcessor, ImageError> {
        let said = &self.json["variants"][variant];
        let mut model = Folder::new();
        model.insert("preprocessor_config.json", said["preprocessor_config"].to_string());
        let model_type = said["model_type"].as_str().unwrap_or("none");
        let (processor, note) = ImageProcessor::from_folder(&mut model.clone(), model_type, 1)?;
        assert_eq!(note, None);
        Ok(processor)
    }

    /// The stored tensors `<kind>.<variant>.<file>` of a variant: file names and tensors.
    fn stored(&self, kind: &str, variant: &str) -> Vec<(&str, Tensor<'_>)> {
        let files = self.object("files").keys();
        files.filter_map(|name| Some((name.as_str(), self.tensor(&format!("{kind}.{variant}.{name}"))?))).collect()
    }
}

/// `[height, width, 3]` to `[3, height, width]`.
fn planes(picture: &Picture) -> Vec<u8> {
    (0..3).flat_map(|channel| picture.pixels.iter().copied().skip(channel).step_by(3)).collect()
}

/// Every `step`th row of planes.
fn rows(planes: &[u8], height: usize, width: usize, step: usize) -> Vec<u8> {
    let of_plane = |plane: &[u8]| plane.chunks_exact(width).step_by(step).flatten().copied().collect::<Vec<u8>>();
    planes.chunks_exact(height * width).flat_map(of_plane).collect()
}

#[test]
fn headers_say_format_and_size_upright() {
    for (name, said) in Fixture::read().object("files") {
        let header = read_header(&file(name)).unwrap_or_else(|error| panic!("{name} {error}"));
        assert!(said["format"].as_str().expect("a name").eq_ignore_ascii_case(header.format.name()), "{name}");
        assert_eq!(said["decoded_width"], header.width, "{name}");
        assert_eq!(said["decoded_height"], header.height, "{name}");
    }
}

#[test]
fn decoded_bytes_are_pillows() {
    let fixture = Fixture::read();
    let mut far = Vec::new();
    for name in fixture.object("files").keys().filter(|name| *name != "large.png") {
        let found = decode(&file(name)).unwrap_or_else(|error| panic!("{name} {error}"));
        let expected = fixture.decoded(name);
        assert_eq!([found.height, found.width], [expected.height, expected.width], "{name}");
        let differences = || found.pixels.iter().zip(&expected.pixels).map(|(a, b)| a.abs_diff(*b));
        let largest = differences().max().expect("pixels");
        let unequal = differences().filter(|difference| *difference > 0).count();
        let line = format!("{name}: {unequal} of {} bytes differ, at most by {largest}", found.pixels.len());
        eprintln!("{line}");
        if largest > 0 {
            far.push(line);
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

/// Files of `tests/python/make_transparent_images.py`: with `do_convert_rgb` the one transparent colour of a file is white.
#[test]
fn one_transparent_colour_is_white_where_images_are_converted_to_rgb() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/transparent_images");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("the fixture is checked in");
    let processor = |config: Value| {
        let mut model = Folder::new();
        model.insert("preprocessor_config.json", config.to_string());
        ImageProcessor::from_folder(&mut model, "vit", 1).expect("a processor").0
    };
    let [plain, white] = [false, true].map(|converts| processor(json!({ "do_convert_rgb": converts })));
    let expected: Value = serde_json::from_slice(&read("expected.json")).expect("the fixture is JSON");
    let mut changed = 0;
    for (name, said) in expected["files"].as_object().expect("an object") {
        for (processor, key) in [(&plain, "plain"), (&white, "convert_rgb")] {
            let found = processor.decode(&read(name)).unwrap_or_else(|error| panic!("{name} {error}"));
            assert_eq!([&said["width"], &said["height"]], [&json!(found.width), &json!(found.height)], "{name}");
            assert_eq!(said[key], json!(found.pixels), "{name}, {key}");
        }
        changed += usize::from(said["plain"] != said["convert_rgb"]);
    }
    assert_eq!(changed, 13);
    // What a file does not say is the default of its class.
    for (class, first) in [("ViT", [10, 20, 200]), ("DeiT", [10, 20, 200]), ("Bit", [255; 3])] {
        let processor = processor(json!({ "image_processor_type": format!("{class}ImageProcessor") }));
        let found = processor.decode(&read("palette.png")).expect("a PNG");
        assert_eq!(found.pixels[..3], first, "{class}");
    }
}

#[test]
fn resized_and_cropped_bytes_are_pillows() {
    let fixture = Fixture::read();
    let mut compared = 0;
    for (variant, said) in fixture.object("variants").iter().filter(|(variant, _)| *variant != "edges") {
        let processor = fixture.processor(variant).unwrap_or_else(|error| panic!("{variant}: {error}"));
        let [height, width] = processor.size();
        let step = if variant.ends_with("_224") { 16 } else { 1 };
        for (name, Tensor { shape, bytes }) in fixture.stored("pixels", said["same_as"].as_str().unwrap_or(variant)) {
            assert_eq!(shape, [3, height.div_ceil(step), width], "{variant} {name}");
            let found = planes(&processor.process(&fixture.decoded(name)));
            let off = rows(&found, height, width, step).iter().zip(bytes).map(|(a, b)| a.abs_diff(*b)).max();
            assert_eq!(off, Some(0), "{variant} {name}");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared} pictures");
}

/// `edges` gives every image a size of its own, which is refused; with a crop of its own it must give the middle of them.
#[test]
fn a_shortest_edge_with_a_longest_one_needs_a_crop() {
    let fixture = Fixture::read();
    let error = fixture.processor("edges").expect_err("no one size").to_string();
    assert!(error.contains("\"do_center_crop\" is false"), "{error}");
    let mut config = fixture.json["variants"]["edges"]["preprocessor_config"].clone();
    config["do_center_crop"] = true.into();
    config["crop_size"] = 15.into(); // the shortest edge that the longest one leaves
    let mut model = Folder::new();
    model.insert("preprocessor_config.json", config.to_string());
    let (processor, _) = ImageProcessor::from_folder(&mut model.clone(), "none", 1).expect("a crop");
    let stored = fixture.stored("pixels", "edges");
    assert_eq!(stored.len(), 4);
    for (name, Tensor { shape, bytes }) in stored {
        let (height, width) = (shape[1], shape[2]);
        let (top, left) = ((height - 15) / 2, (width - 15) / 2);
        let middle = |plane: &[u8]| {
            let rows = plane.chunks_exact(width).skip(top).take(15);
            rows.flat_map(|row| row[left..left + 15].to_vec()).collect::<Vec<u8>>()
        };
        let expected: Vec<u8> = bytes.chunks_exact(height * width).flat_map(middle).collect();
        assert_eq!(planes(&processor.process(&fixture.decoded(name))), expected, "{name}");
    }
}

#[test]
fn values_are_those_of_transformers() {
    let fixture = Fixture::read();
    let mut compared = 0;
    for variant in fixture.object("variants").keys() {
        for (name, Tensor { shape, bytes }) in fixture.stored("values", variant) {
            let processor = fixture.processor(variant).expect(variant);
            let mut found = Vec::new();
            processor.push_values(&processor.process(&fixture.decoded(name)), &mut found);
            let expected: Vec<f32> =
                bytes.as_chunks().0.iter().map(|value: &[u8; 4]| f32::from_le_bytes(*value)).collect();
            assert_eq!(found.len(), shape.iter().product::<usize>(), "{variant} {name}");
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= VALUE_TOLERANCE, "{variant} {name}: off by {off}");
            compared += 1;
        }
    }
    assert_eq!(compared, 15);
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    let reasons = [
        ("truncated.jpg", "is a JPEG file that is cut off: copy or download it again"),
        ("text.png", "is a text, not an image"),
        ("empty.png", "is empty (0 bytes)"),
        ("huge.png", "30000 x 30000 pixels are more than 178,956,970: make it smaller"),
    ];
    let fixture = Fixture::read();
    let names: Vec<&String> = fixture.object("bad_files").keys().collect();
    assert_eq!(names, reasons.map(|(name, _)| name));
    for (name, reason) in reasons {
        assert_eq!(decode(&file(name)).expect_err(name).to_string(), reason);
        assert_eq!(read_header(&file(name)).expect_err(name).to_string(), reason);
    }
}

/// One file of each format, small.
const SMALL: [&str; 5] = ["exif_6.jpg", "palette.png", "lossy.webp", "two_frames.gif", "rgb.bmp"];

#[test]
fn a_jpeg_or_webp_without_its_end_is_never_filled_up() {
    for name in ["rgb.jpg", "progressive.jpg", "lossy.webp", "lossless.webp"] {
        let whole = file(name);
        for length in (0..whole.len() - 2).step_by(7) {
            assert!(decode(&whole[..length]).is_err(), "{name}, {length} of {} bytes", whole.len());
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    for name in SMALL {
        let whole = file(name);
        for at in 0..whole.len().min(1500) {
            for byte in [0, 0x7F, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                if let Ok(picture) = decode(&bytes) {
                    assert_eq!(picture.pixels.len(), picture.width * picture.height * 3, "{name}, byte {at} is {byte}");
                }
            }
        }
    }
}
