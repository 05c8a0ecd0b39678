//! Labeled images as they were read, and their pixels as far as they were decoded.

use std::any::Any;
use std::rc::Rc;

use super::SPEC;
use super::findings::findings;
use super::pixels::PixelStore;
use super::read::{Dataset, ImageRow, WaitingImage, read_images};
use super::report::report;
use super::rows::{ImageRows, Pixels, augment, augmentation_of};
use super::sources::Sources;
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{Finding, LabelRows, sort_by_rows};
use crate::data::{BadRow, DataError, ReadSummary, RowId, Split, UnlabeledRow};
use crate::images::encode_png;
use crate::task::by_hand::check_labels_to_train;
use crate::task::class_labels::adopt_labels;
use crate::task::{DataReport, Purpose, ReadRequest, Task, TaskData, TaskError, TaskModel, TaskRows};

/// Reads labeled images: their places and headers, no pixels.
///
/// # Errors
/// Says what is wrong, with file and image.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (Dataset { labels, splits, waiting, sources }, summary) = read_images(request)?;
    let (splits, read, purpose) = (Rc::new(splits), request.read.clone(), request.purpose);
    let pixels = PixelStore::new(&sources);
    Ok(Box::new(ImageData { labels, splits, waiting, sources, summary, read, purpose, pixels }))
}

/// Labeled images.
#[derive(Debug)]
pub(super) struct ImageData {
    pub(super) labels: Vec<String>,
    /// Images of training, validation and test, those that can't be decoded included.
    pub(super) splits: Rc<[Vec<ImageRow>; 3]>,
    /// Images of the training file that have no label.
    waiting: Vec<WaitingImage>,
    sources: Rc<Sources>,
    /// What reading had to say.
    pub(super) summary: ReadSummary,
    /// The options that read the rows.
    read: ReadOptions,
    purpose: Purpose,
    pub(super) pixels: PixelStore,
}

impl ImageData {
    /// The images of a split that can be used: all but those that proved not to be decoded. Indices of rows of other tasks
    /// are places in this list.
    pub(super) fn usable(&self, split: usize) -> Vec<usize> {
        self.pixels.usable(split, self.splits[split].len())
    }

    /// Whether all images were decoded.
    pub(super) fn is_decoded(&self) -> bool {
        self.pixels.is_done(self.splits.each_ref().map(Vec::len))
    }

    /// Images that can't be decoded, as bad rows.
    pub(super) fn undecodable(&self) -> Vec<BadRow> {
        let of_split = |split: usize| {
            let (rows, images) = (&self.splits[split], self.pixels.images(split));
            rows.iter().zip(images).filter_map(|(row, image)| {
                let reason = image.as_ref().err()?;
                let file = ["", "validation file: ", "test file: "][row.file];
                Some(BadRow { row: row.row, reason: format!("{file}{}: {reason}", row.name) })
            })
        };
        (0..3).flat_map(of_split).collect()
    }

    /// Whether there are images of two labels at least.
    fn check_to_train(&self) -> Result<(), DataError> {
        let ids = self.splits.iter().flatten().map(|row| row.label);
        check_labels_to_train(&self.summary, &self.labels, ids, !self.splits[0].is_empty(), self.num_rows()[0])
    }

    fn row(&self, split: Split, index: usize) -> Option<&ImageRow> {
        let split = split as usize;
        self.usable(split).get(index).map(|&place| &self.splits[split][place])
    }
}

impl TaskData for ImageData {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        [0, 1, 2].map(|split| self.usable(split).len())
    }

    fn read_options(&self) -> ReadOptions {
        let column = |role: &str| Some(self.summary.column_of(role).to_owned()).filter(|name| !name.is_empty());
        ReadOptions { image_column: column("image"), label_column: column("label"), ..self.read.clone() }
    }

    fn adopt_labels(&mut self, known: &[String]) {
        if self.labels.is_empty() {
            return;
        }
        let rows = Rc::make_mut(&mut self.splits).iter_mut().flatten();
        adopt_labels(&mut self.labels, rows.map(|row| &mut row.label), known);
    }

    fn adopt_tokens(&mut self, before: &dyn TaskData, model: &TaskModel<'_>, _run: &RunConfig) {
        if let Some(before) = before.as_any().downcast_ref::<Self>() {
            self.pixels.adopt(&before.pixels, model.images());
        }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, _run: &RunConfig) -> Result<bool, TaskError> {
        self.pixels.advance(&self.splits, &self.sources, model.images())
    }

    fn look_part(&mut self) -> Result<bool, TaskError> {
        self.pixels.look(&self.splits, &self.sources)
    }

    fn image_findings(&self) -> Option<Vec<Finding>> {
        self.is_decoded().then(|| findings(self))
    }

    fn splits_are_given(&self) -> [bool; 2] {
        self.summary.has_own_file
    }

    fn progress(&self) -> (usize, usize) {
        (self.pixels.progress(), self.splits.iter().map(Vec::len).sum())
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        Ok(report(self, model, run))
    }

    fn sample_texts(&self) -> Vec<&str> {
        Vec::new()
    }

    fn label_rows(&self) -> Vec<LabelRows> {
        let mut counts = vec![[0; 3]; self.labels.len()];
        for split in 0..3 {
            for place in self.usable(split) {
                counts[self.splits[split][place].label][split] += 1;
            }
        }
        let all = self.labels.iter().cloned().zip(counts).map(|(label, counts)| LabelRows { label, counts });
        let mut labels: Vec<LabelRows> = all.filter(|rows| rows.counts != [0; 3]).collect();
        sort_by_rows(&mut labels);
        labels
    }

    fn image(&self, split: Split, index: usize) -> Option<(String, Vec<u8>)> {
        let row = self.row(split, index)?;
        let bytes = self.sources.bytes(row.file, row.entry).ok()?;
        Some((row.name.clone(), bytes))
    }

    fn unlabeled_images(&self) -> Vec<UnlabeledRow> {
        let of_image = |image: &WaitingImage| UnlabeledRow {
            id: RowId { file: Split::Train, row: image.row },
            label: String::new(),
            text: image.name.clone(),
            second: None,
        };
        self.waiting.iter().map(of_image).collect()
    }

    fn image_of_row(&self, row: usize) -> Option<(String, Vec<u8>)> {
        let waits = self.waiting.iter().find(|image| image.row == row).map(|image| (image.entry, &image.name));
        let labeled = || self.splits.iter().flatten().find(|image| image.file == 0 && image.row == row);
        let (entry, name) = waits.or_else(|| labeled().map(|image| (image.entry, &image.name)))?;
        Some((name.clone(), self.sources.bytes(0, entry).ok()?))
    }

    fn labels_as_table(&self) -> Option<(Vec<u8>, usize)> {
        let of_file = self.splits.iter().flatten().filter(|row| row.file == 0);
        let labeled = of_file.map(|row| (row.row, row.name.as_str(), self.labels[row.label].as_str()));
        let waiting = self.waiting.iter().map(|image| (image.row, image.name.as_str(), ""));
        let mut rows: Vec<(usize, &str, &str)> = labeled.chain(waiting).collect();
        rows.sort_unstable();
        let line = |(_, file_name, label): &(usize, &str, &str)| {
            format!("{}\n", serde_json::json!({ "file_name": file_name, "label": label }))
        };
        Some((rows.iter().map(line).collect::<String>().into_bytes(), rows.len()))
    }

    fn augmented(&self, index: usize, model: &TaskModel<'_>, run: &RunConfig, seed: u64) -> Option<Vec<u8>> {
        let processor = model.images();
        if !self.is_decoded() || !self.pixels.is_of(processor) {
            return None;
        }
        let place = *self.usable(0).get(index)?;
        let (row, image) = (&self.splits[0][place], self.pixels.images(0)[place].as_ref().ok()?);
        let picture = augment(image, row, &self.sources, processor, &augmentation_of(run), (index, seed));
        encode_png(&picture).ok()
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        if self.purpose == Purpose::Train {
            self.check_to_train()?;
        }
        let processor = model.images();
        let images = if self.is_decoded() && self.pixels.is_of(processor) {
            self.pixels.share()
        } else {
            let mut pixels = PixelStore::new(&self.sources);
            while pixels.advance(&self.splits, &self.sources, processor)? {}
            pixels.share()
        };
        let pixels = Pixels {
            rows: Rc::clone(&self.splits),
            images,
            sources: Rc::clone(&self.sources),
            processor: processor.clone(),
        };
        Ok(Box::new(ImageRows::new(self.labels.clone(), pixels, run)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
