//! Images, zips and a model's image processor for the tests of this room.

use std::rc::Rc;

use crate::config::{ReadOptions, RunConfig, SplitConfig};
use crate::data::DataFiles;
use crate::folder::Folder;
use crate::images::{ImageProcessor, Picture, encode_png, pack_zip};
use crate::task::{ReadRequest, Reads, TaskData, TaskError, TaskModel};

/// Side of the images that the model of the tests reads.
pub(super) const SIDE: usize = 8;

/// A PNG whose pixels follow from `kind`: two kinds differ in most of their difference hash.
pub(super) fn png(kind: u64, width: usize, height: usize) -> Vec<u8> {
    encode_png(&picture(kind, width, height)).expect("a PNG")
}

/// Eight by eight blocks of grey that `kind` draws.
pub(super) fn picture(kind: u64, width: usize, height: usize) -> Picture {
    let mut state = kind.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    let blocks: Vec<u8> = (0..72)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let grey = |x: usize, y: usize| blocks[y * 8 / height * 9 + x * 9 / width];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [(x, y); 3])).map(|(x, y)| grey(x, y)).collect();
    Picture { width, height, pixels }
}

/// A zip of these files.
pub(super) fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    pack_zip(&files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect::<Vec<_>>())
}

/// So many images of each label, all different: `circle/0.png`, `square/0.png`, `circle/1.png`, …
pub(super) fn two_classes(count: usize) -> Vec<(String, Vec<u8>)> {
    let image = |index: usize| {
        let label = ["circle", "square"][index % 2];
        (format!("{label}/{}.png", index / 2), png(index as u64, 12 + index, 10))
    };
    (0..2 * count).map(image).collect()
}

/// Files of which only the one to train on is there.
pub(super) fn files(train: Vec<u8>) -> DataFiles {
    DataFiles { train: ("images.zip".into(), train), ..DataFiles::default() }
}

/// A run with a fixed split.
pub(super) fn run(valid_fraction: f64, test_fraction: f64) -> RunConfig {
    RunConfig { split: SplitConfig { valid_fraction, test_fraction }, seed: 1, ..RunConfig::default() }
}

/// Reads rows to train on.
pub(super) fn read(files: DataFiles, run: &RunConfig) -> Result<Box<dyn TaskData>, TaskError> {
    super::read(&ReadRequest::to_train(&Rc::new(files), &ReadOptions::default(), run))
}

/// The image processor of a ViT that reads images of [`SIDE`].
pub(super) fn processor() -> ImageProcessor {
    ImageProcessor::from_folder(&mut Folder::new(), "vit", SIDE).expect("that of transformers").0
}

/// A model with this image processor.
pub(super) fn model(processor: &ImageProcessor) -> TaskModel<'_> {
    TaskModel::to_test(Reads::Images(processor), 5)
}

/// Decodes all images of `data`.
pub(super) fn encode(data: &mut dyn TaskData, model: &TaskModel<'_>, run: &RunConfig) {
    while data.encode_part(model, run).expect("images do not fail as a whole") {}
}
