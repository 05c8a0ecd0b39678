//! Labeled images as a run trains on them and is measured on them.

use std::borrow::Borrow;
use std::fmt::{Debug, Formatter};
use std::rc::Rc;

use super::SPEC;
use super::measure::ImageMeasure;
use super::mixup::{draw_share, mix_with_reversed};
use super::pixels::{MaybeImage, Processed, original};
use super::read::ImageRow;
use super::sources::Sources;
use crate::config::RunConfig;
use crate::data::{HostBatch, HostInputs, HostPixels, HostTargets, Split, generator};
use crate::hub::sha256_hex;
use crate::images::{Augmentation, ImageProcessor, Picture};
use crate::metrics::most_frequent;
use crate::task::targets::ClassTargets;
use crate::task::{Measure, Task, TaskRows};

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Labeled images with their pixels.
#[derive(Debug)]
pub(super) struct ImageRows(Rc<Content>);

/// Images of all splits, and what makes pixels of them.
pub(super) struct Pixels {
    pub(super) rows: Rc<[Vec<ImageRow>; 3]>,
    /// What was made of each.
    pub(super) images: Rc<[Vec<MaybeImage>; 3]>,
    pub(super) sources: Rc<Sources>,
    pub(super) processor: ImageProcessor,
}

#[derive(Debug)]
pub(super) struct Content {
    pub(super) labels: Vec<String>,
    pixels: Pixels,
    /// Of each split the places of the images that can be decoded.
    usable: [Vec<usize>; 3],
    /// The label id that the images to train on have most; where a file is only measured, those images are its own.
    pub(super) most_frequent_label: Option<usize>,
    targets: ClassTargets,
    augmentation: Augmentation,
    mixup_alpha: f64,
}

impl Content {
    /// An image of a split.
    pub(super) fn row(&self, split: Split, index: usize) -> &ImageRow {
        &self.pixels.rows[split as usize][self.usable[split as usize][index]]
    }

    fn image(&self, split: Split, index: usize) -> &Processed {
        let image = &self.pixels.images[split as usize][self.usable[split as usize][index]];
        image.as_ref().expect("what can't be decoded is left out")
    }

    /// An image as it is measured.
    fn picture(&self, split: Split, index: usize) -> Rc<Picture> {
        let Pixels { sources, processor, .. } = &self.pixels;
        self.image(split, index).picture(self.row(split, index), sources, processor)
    }

    /// An image as it is trained on with a seed.
    fn augmented(&self, index: usize, seed: u64) -> Rc<Picture> {
        if self.augmentation.is_none() {
            return self.picture(Split::Train, index);
        }
        let (image, row) = (self.image(Split::Train, index), self.row(Split::Train, index));
        let Pixels { sources, processor, .. } = &self.pixels;
        Rc::new(augment(image, row, sources, processor, &self.augmentation, (index, seed)))
    }

    /// A batch of the images at `indices` of a split, as they are measured, with these inputs.
    fn batch(&self, split: Split, indices: &[usize], pixels: HostPixels) -> HostBatch {
        let labels: Vec<usize> = indices.iter().map(|&index| self.row(split, index).label).collect();
        let (targets, weight) = self.targets.of(&labels);
        let num_rows = indices.len();
        HostBatch { inputs: HostInputs::Pixels(pixels), targets, weight, num_rows, num_tokens: num_rows }
    }

    fn label_ids(&self, split: Split) -> impl Iterator<Item = usize> {
        self.usable[split as usize].iter().map(move |&place| self.pixels.rows[split as usize][place].label)
    }
}

/// Pictures of the processor's size as numbers that a model reads.
pub(super) fn host_pixels(
    processor: &ImageProcessor,
    pictures: impl ExactSizeIterator<Item = impl Borrow<Picture>>,
) -> HostPixels {
    let ([height, width], batch) = (processor.size(), pictures.len());
    let mut values = Vec::with_capacity(batch * CHANNELS * height * width);
    for picture in pictures {
        processor.push_values(picture.borrow(), &mut values);
    }
    HostPixels { values, batch, channels: CHANNELS, height, width }
}

/// What a run changes of its images at random.
pub(super) fn augmentation_of(run: &RunConfig) -> Augmentation {
    Augmentation {
        horizontal_flip: run.horizontal_flip,
        random_resized_crop: run.random_resized_crop,
        color_jitter: run.color_jitter,
        rotation: run.rotation,
    }
}

/// Changes the image at an index at random, the same for the same seed. A part of an image is cut out of the image as its
/// file has it; all other changes are made to what the image processor gave.
pub(super) fn augment(
    image: &Processed,
    row: &ImageRow,
    sources: &Sources,
    processor: &ImageProcessor,
    augmentation: &Augmentation,
    (index, seed): (usize, u64),
) -> Picture {
    let mut random = generator(seed, index as u64);
    if augmentation.random_resized_crop < 1.0 {
        return augmentation.apply(&original(row, sources, processor), processor, &mut random);
    }
    let picture = image.picture(row, sources, processor);
    augmentation.change(Rc::unwrap_or_clone(picture), &mut random)
}

impl ImageRows {
    pub(super) fn new(labels: Vec<String>, pixels: Pixels, run: &RunConfig) -> Self {
        let usable = pixels
            .images
            .each_ref()
            .map(|images| (0..images.len()).filter(|&place| images[place].is_ok()).collect::<Vec<usize>>());
        let trained: Vec<usize> = usable[0].iter().map(|&place| pixels.rows[0][place].label).collect();
        let targets = ClassTargets::new(labels.len(), trained.iter().copied(), run);
        let (most_frequent_label, augmentation) = (most_frequent(trained), augmentation_of(run));
        let mixup_alpha = run.mixup_alpha;
        Self(Rc::new(Content { labels, pixels, usable, most_frequent_label, targets, augmentation, mixup_alpha }))
    }
}

impl TaskRows for ImageRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.0.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        self.0.usable.each_ref().map(Vec::len)
    }

    /// All are of one length: a model reads as many patches of each.
    fn lengths(&self, split: Split) -> Vec<usize> {
        vec![1; self.0.usable[split as usize].len()]
    }

    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch {
        let (content, seed) = (&self.0, seed.filter(|_| split == Split::Train));
        let pictures = indices.iter().map(|&index| match seed {
            Some(seed) => content.augmented(index, seed),
            None => content.picture(split, index),
        });
        let pixels = host_pixels(&content.pixels.processor, pictures);
        let mut batch = content.batch(split, indices, pixels);
        if let Some(seed) = seed
            && content.mixup_alpha > 0.0
        {
            let share = draw_share(content.mixup_alpha, seed);
            if let HostInputs::Pixels(HostPixels { values, .. }) = &mut batch.inputs {
                mix_with_reversed(values, batch.num_rows, share);
            }
            // Each row gives to another what it gets less of itself: the sum of the weights stays.
            if let HostTargets::Distributions { values, .. } = &mut batch.targets {
                mix_with_reversed(values, batch.num_rows, share);
            }
        }
        batch
    }

    fn targets(&self, split: Split, indices: &[usize]) -> HostBatch {
        self.0.batch(split, indices, HostPixels::default())
    }

    fn fingerprint(&self) -> String {
        let size = self.0.pixels.processor.size();
        let mut bytes: Vec<u8> = size.into_iter().flat_map(|side| (side as u32).to_le_bytes()).collect();
        for (index, label) in self.0.label_ids(Split::Train).enumerate() {
            bytes.extend((label as u32).to_le_bytes());
            bytes.extend(self.0.image(Split::Train, index).sha256);
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.row(split, index).row
    }

    fn image(&self, split: Split, index: usize) -> Option<(String, Vec<u8>)> {
        let usable = self.0.usable.get(split as usize)?;
        let row = &self.0.pixels.rows[split as usize][*usable.get(index)?];
        let bytes = self.0.pixels.sources.bytes(row.file, row.entry).ok()?;
        Some((row.name.clone(), bytes))
    }

    fn label_ids(&self, split: Split) -> Option<Vec<usize>> {
        Some(self.0.label_ids(split).collect())
    }

    fn held_bytes(&self) -> u64 {
        self.0.pixels.images.iter().flatten().flatten().map(Processed::num_bytes).sum()
    }

    fn is_fixed(&self) -> bool {
        self.0.augmentation.is_none() && self.0.mixup_alpha == 0.0
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(ImageMeasure::new(Rc::clone(&self.0), split, self.num_rows()[split as usize]))
    }
}

impl Debug for Pixels {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pixels").field("processor", &self.processor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
