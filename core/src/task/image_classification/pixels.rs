//! Images as a model's image processor makes them, kept as bytes as far as there is room for them.
//!
//! In: rows and the zips that they are in. Out: for each image its pixels (decoded anew in every batch where there was no
//! room), what it is compared with others by, or why it can't be decoded.

use std::collections::HashMap;
use std::fmt::{Debug, Formatter};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::read::ImageRow;
use super::sources::Sources;
use crate::images::{ImageProcessor, Picture, decode, difference_hash};
use crate::task::encoding::PART_BYTES;
use crate::task::{EncodedSplits, TaskError};

/// Most bytes of pixels that are kept: a browser gives a worker 4 GiB of addresses in all, for weights and activations too.
const MAX_BUDGET: usize = if usize::BITS == 32 { 384 << 20 } else { 1 << 30 };

/// Bytes of pixels that are kept however large the files are: few photographs may have as many, and take long to decode.
const MIN_BUDGET: usize = MAX_BUDGET / 4;

/// Most bytes of files and pixels together, so that 10,000 images of 224 x 224 do with 2 GB and what computes with them beside.
const ROOM: usize = 3 << 29;

/// How often the files are in memory: a browser has them outside of the worker's memory, too.
const FILE_COPIES: usize = if usize::BITS == 32 { 2 } else { 1 };

/// Images that are decoded in one go: about 30 ms in a browser.
const PART: usize = 8;

/// An image that can be decoded.
#[derive(Clone)]
pub(super) struct Processed {
    /// SHA-256 of its file.
    pub(super) sha256: [u8; 32],
    /// Of images that look alike it differs in few bits.
    pub(super) difference_hash: u64,
    /// What the image processor made of it; `None` where there was no room for more.
    picture: Option<Rc<Picture>>,
}

/// An image, or why it can't be decoded.
pub(super) type MaybeImage = Result<Processed, String>;

/// Images of all splits, as far as they are made.
pub(super) struct PixelStore {
    /// What they are made by; `None` before there is a model.
    processor: Option<ImageProcessor>,
    images: EncodedSplits<MaybeImage>,
    /// Bytes of pixels that are kept, and at most.
    num_bytes: usize,
    budget: usize,
    /// Images that an earlier reading made, by their files.
    known: HashMap<[u8; 32], Processed>,
}

/// Bytes of pixels that are kept beside files of so many bytes.
fn budget_beside(num_file_bytes: usize) -> usize {
    ROOM.saturating_sub(num_file_bytes.saturating_mul(FILE_COPIES)).clamp(MIN_BUDGET, MAX_BUDGET)
}

impl PixelStore {
    /// Nothing yet; later as many pixels of images in these files as there is room for beside them.
    pub(super) fn new(sources: &Sources) -> Self {
        Self::with_budget(budget_beside(sources.num_bytes()))
    }

    /// Nothing yet, and at most so many bytes of pixels later.
    fn with_budget(budget: usize) -> Self {
        Self { processor: None, images: EncodedSplits::new(0), num_bytes: 0, budget, known: HashMap::new() }
    }

    /// Whether images are those that this processor makes.
    pub(super) fn is_of(&self, processor: &ImageProcessor) -> bool {
        self.processor.as_ref() == Some(processor)
    }

    /// Takes over the images of another store, where they are made by the same processor.
    pub(super) fn adopt(&mut self, before: &Self, processor: &ImageProcessor) {
        if before.is_of(processor) {
            let made = before.images.iter().filter_map(|image| image.as_ref().ok());
            self.known = made.map(|image| (image.sha256, image.clone())).collect();
            self.start(processor);
        }
    }

    fn start(&mut self, processor: &ImageProcessor) {
        self.processor = Some(processor.clone());
        self.images = EncodedSplits::new(0);
        self.num_bytes = 0;
    }

    /// Makes the next images; `false` once nothing is left.
    pub(super) fn advance(
        &mut self,
        splits: &[Vec<ImageRow>; 3],
        sources: &Sources,
        processor: &ImageProcessor,
    ) -> Result<bool, TaskError> {
        if !self.is_of(processor) {
            self.known.clear();
            self.start(processor);
        }
        let Self { images, num_bytes, budget, known, .. } = self;
        let is_left = images.advance(splits.each_ref().map(Vec::len), |split, index| {
            let row = &splits[split][index];
            let mut image = process(row, sources, processor, known);
            if let Ok(Processed { picture: picture @ Some(_), .. }) = &mut image {
                let size = picture.as_ref().map_or(0, |picture| picture.pixels.len());
                if *num_bytes + size > *budget {
                    *picture = None;
                } else {
                    *num_bytes += size;
                }
            }
            Ok((image, PART_BYTES / PART))
        })?;
        if !is_left {
            known.clear();
        }
        Ok(is_left)
    }

    /// Decodes the next images before there is a model, for what they are compared by, and keeps no pixels; `false` once nothing is
    /// left. Where a processor makes images, these are as good.
    pub(super) fn look(&mut self, splits: &[Vec<ImageRow>; 3], sources: &Sources) -> Result<bool, TaskError> {
        if self.processor.is_some() {
            return Ok(false);
        }
        self.images.advance(splits.each_ref().map(Vec::len), |split, index| {
            Ok((look_at(&splits[split][index], sources), PART_BYTES / PART))
        })
    }

    /// Images that are made.
    pub(super) fn progress(&self) -> usize {
        self.images.progress()
    }

    /// Whether all images of splits of these sizes are made.
    pub(super) fn is_done(&self, sizes: [usize; 3]) -> bool {
        self.images.is_done(sizes)
    }

    /// The images of a split as far as they are made, in the order of its rows.
    pub(super) fn images(&self, split: usize) -> &[MaybeImage] {
        &self.images.splits()[split]
    }

    /// All images, to be kept.
    pub(super) fn share(&self) -> Rc<[Vec<MaybeImage>; 3]> {
        self.images.share()
    }

    /// Indices of the rows of a split but for those that can't be decoded; `num_rows` is how many there are in all.
    pub(super) fn usable(&self, split: usize, num_rows: usize) -> Vec<usize> {
        let images = self.images(split);
        (0..num_rows).filter(|&index| images.get(index).is_none_or(Result::is_ok)).collect()
    }
}

impl Processed {
    /// Bytes of pixels that are kept of it.
    pub(super) fn num_bytes(&self) -> u64 {
        self.picture.as_ref().map_or(0, |picture| picture.pixels.len() as u64)
    }

    /// What the processor makes of the image: kept, or made again.
    pub(super) fn picture(&self, row: &ImageRow, sources: &Sources, processor: &ImageProcessor) -> Rc<Picture> {
        match &self.picture {
            Some(picture) => Rc::clone(picture),
            None => Rc::new(processor.process(&original(row, sources, processor))),
        }
    }
}

/// The image as its file has it, and the processor sees it.
///
/// # Panics
/// When it can't be decoded: that is found before any batch is made, and files do not change.
pub(super) fn original(row: &ImageRow, sources: &Sources, processor: &ImageProcessor) -> Picture {
    let bytes = sources.bytes(row.file, row.entry).expect("it was read before");
    processor.decode(&bytes).expect("it was decoded before")
}

fn process(
    row: &ImageRow,
    sources: &Sources,
    processor: &ImageProcessor,
    known: &HashMap<[u8; 32], Processed>,
) -> MaybeImage {
    let bytes = sources.bytes(row.file, row.entry).map_err(|error| error.to_string())?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    match known.get(&sha256) {
        // One for which there was no room before is made anew: there may be now.
        Some(known) if known.picture.is_some() => return Ok(known.clone()),
        _ => {}
    }
    let picture = processor.decode(&bytes).map_err(|error| error.to_string())?;
    processor.check_size(picture.width, picture.height).map_err(|error| error.to_string())?;
    let difference_hash = difference_hash(&picture);
    Ok(Processed { sha256, difference_hash, picture: Some(Rc::new(processor.process(&picture))) })
}

fn look_at(row: &ImageRow, sources: &Sources) -> MaybeImage {
    let bytes = sources.bytes(row.file, row.entry).map_err(|error| error.to_string())?;
    let picture = decode(&bytes).map_err(|error| error.to_string())?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    Ok(Processed { sha256, difference_hash: difference_hash(&picture), picture: None })
}

impl Debug for PixelStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("PixelStore");
        shown.field("num_images", &self.progress()).field("num_bytes", &self.num_bytes).finish_non_exhaustive()
    }
}

impl Debug for Processed {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processed").field("is_kept", &self.picture.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SIDE, png, processor, zip};
    use super::*;
    use crate::data::DataFiles;

    fn row(entry: usize) -> ImageRow {
        ImageRow { row: entry + 1, file: 0, entry, name: String::new(), width: 10, height: 10, label: 0 }
    }

    fn sources(count: u64) -> (Sources, [Vec<ImageRow>; 3]) {
        let paths: Vec<String> = (0..count).map(|kind| format!("a/{kind}.png")).collect();
        let files: Vec<(&str, Vec<u8>)> =
            paths.iter().zip(0..).map(|(path, kind)| (path.as_str(), png(kind, 10, 10))).collect();
        let files = DataFiles { train: ("a.zip".into(), zip(&files)), ..DataFiles::default() };
        let rows = (0..count as usize).map(row).collect();
        (Sources::open(&Rc::new(files)).expect("a zip"), [rows, Vec::new(), Vec::new()])
    }

    fn made(mut store: PixelStore, sources: &Sources, rows: &[Vec<ImageRow>; 3]) -> PixelStore {
        while store.advance(rows, sources, &processor()).expect("no image fails as a whole") {}
        assert!(store.is_done([rows[0].len(), 0, 0]));
        store
    }

    fn kept(store: &PixelStore) -> Vec<bool> {
        store.images(0).iter().map(|image| image.as_ref().expect("a good image").picture.is_some()).collect()
    }

    #[test]
    fn images_beyond_the_budget_are_made_again_and_are_the_same() {
        let (sources, rows) = sources(3);
        let all = made(PixelStore::new(&sources), &sources, &rows);
        let some = made(PixelStore::with_budget(2 * SIDE * SIDE * 3), &sources, &rows);
        assert_eq!((kept(&all), kept(&some)), (vec![true; 3], vec![true, true, false]));
        for (index, row) in rows[0].iter().enumerate() {
            let picture = |store: &PixelStore| {
                store.images(0)[index].as_ref().expect("a good image").picture(row, &sources, &processor())
            };
            assert_eq!(picture(&all), picture(&some));
            assert_eq!((picture(&all).height, picture(&all).width), (SIDE, SIDE));
        }
    }

    #[test]
    fn ten_thousand_images_and_their_files_take_less_than_two_gigabytes() {
        let pixels = 10_000 * 3 * 224 * 224;
        for file_bytes in [0, 20_000, 60_000, 100_000, 150_000] {
            let files = 10_000 * file_bytes;
            let held = files + budget_beside(files).min(pixels);
            assert!(held <= 1_800_000_000, "{held} bytes with files of {file_bytes}");
        }
        assert_eq!(budget_beside(ROOM - MAX_BUDGET + 5), MAX_BUDGET - 5, "all the room is used");
        assert_eq!([0, usize::MAX].map(budget_beside), [MAX_BUDGET, MIN_BUDGET]);
    }

    #[test]
    fn images_are_made_a_part_at_a_time_and_those_of_before_are_taken_over_by_their_files() {
        let (sources, rows) = sources(20);
        let mut before = PixelStore::new(&sources);
        assert!(before.advance(&rows, &sources, &processor()).expect("good images"));
        assert_eq!(before.progress(), PART);
        let mut after = PixelStore::new(&sources);
        after.adopt(&before, &processor());
        assert_eq!(after.known.len(), PART);
        let after = made(after, &sources, &rows);
        let pictures = |store: &PixelStore| -> Vec<*const Picture> {
            let picture =
                |image: &MaybeImage| Rc::as_ptr(image.as_ref().expect("good").picture.as_ref().expect("kept"));
            store.images(0).iter().map(picture).collect()
        };
        assert_eq!(pictures(&before), pictures(&after)[..PART], "they are shared");
        assert!(after.known.is_empty());
    }

    #[test]
    fn an_image_that_can_not_be_decoded_is_left_out_with_its_reason() {
        let truncated = include_bytes!("../../../../tests/fixtures/images/truncated.jpg").to_vec();
        let bytes = zip(&[("a/1.png", png(1, 9, 9)), ("a/2.jpg", truncated)]);
        let files = Rc::new(DataFiles { train: ("a.zip".into(), bytes), ..DataFiles::default() });
        let sources = Sources::open(&files).expect("a zip");
        let store = made(PixelStore::new(&sources), &sources, &[vec![row(0), row(1)], Vec::new(), Vec::new()]);
        assert_eq!(store.usable(0, 2), [0]);
        assert!(store.images(0)[1].as_ref().expect_err("cut off").contains("cut off"));
    }
}
