//! Zips to labeled images in three splits: images are listed, their headers read, labels get ids, and what is missing of
//! validation and test is split off. Images that have no label yet wait beside them. No pixels are decoded.

use std::collections::HashMap;
use std::rc::Rc;

use super::folders::{Contents, ListedImage, Unlisted};
use super::sources::{Sources, in_file};
use super::table::{TableLayout, read_tables};
use crate::data::{
    BadRow, DataError, EditOutcome, Merges, Move, NO_VALIDATION_ROWS, ReadRows, ReadSummary, RowKeys, SourceRow, Split,
    advise_on_classes, in_file_of, share_out, sorted_labels,
};
use crate::images::{ImageHeader, read_header};
use crate::task::by_hand::{nothing_labeled, number_names, say_unlabeled, set_aside};
use crate::task::class_labels::{adopt_labels, check_labels, known_to_rows, name_numbers};
use crate::task::{Purpose, ReadRequest};
use crate::words::plural;

/// What the labels are called in messages, and by edits of them, where they are folders.
pub const FOLDER: &str = "folder";

/// The folder of images that have no label yet, as Hone packs them.
pub const UNLABELED: &str = "unlabeled";

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// Fewest pixels of a side: an image with fewer shows nothing that a label could say.
const MIN_SIDE: usize = 4;

/// An image with its label id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageRow {
    /// The number of the row in its file: the place of the image in the zip, or the row of the table.
    pub(super) row: usize,
    /// Which file it is in: 0, 1 or 2.
    pub(super) file: usize,
    /// Its index in that zip.
    pub(super) entry: usize,
    /// Its path in the zip.
    pub(super) name: String,
    /// Pixels in a row, turned as EXIF says.
    pub(super) width: usize,
    /// Rows of pixels.
    pub(super) height: usize,
    /// Its label id.
    pub(super) label: usize,
}

/// An image of the training file that has no label: it is left out until it gets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingImage {
    /// The number of its row, as of [`ImageRow`].
    pub(super) row: usize,
    /// Its index in the zip.
    pub(super) entry: usize,
    /// Its path in the zip.
    pub(super) name: String,
}

/// Labeled images in three splits, each in the order of its file.
#[derive(Debug)]
pub(super) struct Dataset {
    /// Names of the label ids: sorted, as numbers if all are numbers; or as the model orders them.
    pub(super) labels: Vec<String>,
    /// Images of training, validation and test.
    pub(super) splits: [Vec<ImageRow>; 3],
    /// Images without a label, in the order of the training file.
    pub(super) waiting: Vec<WaitingImage>,
    /// The zips that they are in.
    pub(super) sources: Rc<Sources>,
}

/// An image with its label still as text.
#[derive(Debug)]
struct NamedImage {
    file: usize,
    entry: usize,
    name: String,
    header: ImageHeader,
    label: String,
}

type NamedRows = Vec<SourceRow<NamedImage>>;

/// Reads the zips and shares their images out.
///
/// Where no row is held back, all may be of one label, for a trained model can be measured on them. Where a model is
/// measured ([`Purpose::Measure`]), all labels must be its own, and images of all splits are read together.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_images(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let known = request.known_labels;
    let (mut dataset, summary) = match request.purpose {
        Purpose::Train => build_dataset(request, known)?,
        Purpose::Measure => {
            let (mut dataset, mut summary) = build_dataset(request, &known_to_rows(known))?;
            summary.warnings.extend(name_numbers(&mut dataset.labels, known));
            let rows = dataset.splits.iter().flatten().map(|row| (row.row, row.label));
            check_labels(&dataset.labels, rows, known, label_column(&summary))?;
            (dataset, summary)
        }
    };
    // A model's labels are none of images that have no label yet.
    if !dataset.labels.is_empty() {
        let label_ids = dataset.splits.iter_mut().flatten().map(|row| &mut row.label);
        adopt_labels(&mut dataset.labels, label_ids, known);
    }
    Ok((dataset, summary))
}

fn label_column(summary: &ReadSummary) -> &str {
    Some(summary.column_of("label")).filter(|column| !column.is_empty()).unwrap_or(FOLDER)
}

fn build_dataset(request: &ReadRequest<'_>, known_labels: &[String]) -> Result<(Dataset, ReadSummary), DataError> {
    let (read, split) = (request.read, &request.run.split);
    let sources = Sources::open(request.files)?;
    let keys = RowKeys::without_columns(&read.sharing);
    let summary = ReadSummary { file_name: request.files.train.0.clone(), keys, ..ReadSummary::default() };
    let mut reader = ZipReader {
        request,
        known_labels,
        sources: &sources,
        summary,
        in_file: HashMap::new(),
        given: Vec::new(),
        waiting: Vec::new(),
    };
    let [mut train, valid, test] = reader.read(0)?;
    let mut valid = reader.own_rows(1, valid)?;
    let mut test = reader.own_rows(2, test)?;
    let ZipReader { mut summary, in_file, given, waiting, .. } = reader;
    let has_own_file = [valid.is_some(), test.is_some()];
    summary.has_own_file = has_own_file;
    // Images that wait for their labels are read, so that they can get them; whoever trains on them refuses them.
    let can_be_labeled = !waiting.is_empty();
    // The labels of validation or test images must be those of training images.
    if train.is_empty() && has_own_file.contains(&true) {
        return Err(nothing_labeled(&summary));
    }

    let mut merges = Merges::new(read);
    merge_labels(&mut train, &mut merges);
    summary.warnings.extend(merges.merged());
    for (file, rows) in [(1, &mut valid), (2, &mut test)] {
        let mut merges = Merges::new(read);
        merge_labels(rows.as_deref_mut().unwrap_or_default(), &mut merges);
        let split = Split::ALL[file].words();
        summary.warnings.extend(merges.merged().into_iter().map(|note| format!("{split} images: {note}")));
    }
    let found: Vec<&str> = train.iter().map(|row| row.value.label.as_str()).collect();
    let column = label_column(&summary).to_owned();
    // What a person gave as labels are some, though hardly an image has each yet.
    let known: Vec<String> = known_labels.iter().chain(&given).cloned().collect();
    let labels = sorted_labels(&found, &column, &known)?;
    // Rows of which none is held back may be there to be measured only, and then one label will do.
    let holds_rows_back = splits_rows_off(request) || has_own_file.contains(&true);
    if holds_rows_back {
        summary.warnings.extend(merges.unused());
    }
    if holds_rows_back
        && !can_be_labeled
        && let [label] = labels.as_slice()
    {
        return Err(DataError::OneClass { label: label.clone(), num_rows: train.len() });
    }

    let is_split = valid.is_none() && (split.valid_fraction > 0.0 || test.is_none() && split.test_fraction > 0.0);
    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let label = |rows: NamedRows| label_rows(rows, &ids, &labels, &column, request);
    let train = label(train)?;
    let (valid, test) = (valid.map(label).transpose()?, test.map(label).transpose()?);
    let is_by_hand = |row: usize| in_file.get(&row).is_some_and(String::is_empty);
    let (train, by_hand) = set_aside(train, is_by_hand, (read, &column), split, has_own_file);
    let classes = drawn_by(&train, &labels, &in_file);
    let rows = ReadRows { train, valid, test, summary };
    let (mut splits, mut summary) = share_out(rows, &classes, split, request.run.seed);
    by_hand.put_into(&mut splits, &mut summary);
    if request.purpose == Purpose::Train {
        say_unlabeled(&mut summary, labels.is_empty(), "image");
    }
    let splits = splits.map(|rows| rows.into_iter().map(|row| row.value).collect::<Vec<ImageRow>>());
    // Few images of labels that the model knows are images to measure.
    if holds_rows_back || !labels.iter().all(|label| known_labels.contains(label)) {
        let (trained, all) = (count_labels(&splits[..1], labels.len()), count_labels(&splits, labels.len()));
        summary.advice = advise_on_classes(&labels, &trained, &all, is_split);
    }
    if splits[1].is_empty() && request.purpose == Purpose::Train {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((Dataset { labels, splits, waiting, sources: Rc::new(sources) }, summary))
}

/// Whether the settings ask for rows to be split off for validation or test.
fn splits_rows_off(request: &ReadRequest<'_>) -> bool {
    let split = &request.run.split;
    split.valid_fraction > 0.0 || split.test_fraction > 0.0
}

/// The label that each image is drawn by: that of the file, so that one that is corrected leaves every image in its split (ADR 38).
fn drawn_by<'r>(
    rows: &'r [SourceRow<ImageRow>],
    labels: &'r [String],
    in_file: &'r HashMap<usize, String>,
) -> Vec<usize> {
    if in_file.is_empty() {
        return rows.iter().map(|row| row.value.label).collect();
    }
    let name = |row: &'r SourceRow<ImageRow>| -> &'r str {
        in_file.get(&row.row).filter(|label| !label.is_empty()).unwrap_or(&labels[row.value.label])
    };
    number_names(&rows.iter().map(name).collect::<Vec<_>>())
}

/// Rows of each label.
fn count_labels(splits: &[Vec<ImageRow>], num_labels: usize) -> Vec<usize> {
    let mut counts = vec![0; num_labels];
    splits.iter().flatten().for_each(|row| counts[row.label] += 1);
    counts
}

fn merge_labels(rows: &mut [SourceRow<NamedImage>], merges: &mut Merges<'_>) {
    for row in rows {
        row.value.label = merges.merge(std::mem::take(&mut row.value.label));
    }
}

/// Labels to ids; an error at the first label that the training images do not have.
fn label_rows(
    rows: NamedRows,
    ids: &HashMap<&str, usize>,
    labels: &[String],
    column: &str,
    request: &ReadRequest<'_>,
) -> Result<Vec<SourceRow<ImageRow>>, DataError> {
    let label_row = |SourceRow { row, value }: SourceRow<NamedImage>| {
        let NamedImage { file, entry, name, header, label } = value;
        let ImageHeader { width, height, .. } = header;
        match ids.get(label.as_str()) {
            Some(&label) => Ok(SourceRow { row, value: ImageRow { row, file, entry, name, width, height, label } }),
            None => {
                let (column, known) = (column.to_owned(), labels.to_vec());
                Err((file, DataError::UnknownLabel { row, column, label, known }))
            }
        }
    };
    let labeled: Result<Vec<_>, (usize, DataError)> = rows.into_iter().map(label_row).collect();
    labeled.map_err(|(file, error)| match own_file(request, file) {
        Some(name) => in_file(file, name, error),
        None => error,
    })
}

/// The name of a file of the person's own for validation or test.
fn own_file<'a>(request: &ReadRequest<'a>, file: usize) -> Option<&'a str> {
    let own = match file {
        1 => &request.files.valid,
        2 => &request.files.test,
        _ => return None,
    };
    own.as_ref().map(|(name, _)| name.as_str())
}

/// Reads one zip after the other, and notes what there is to say.
struct ZipReader<'a> {
    request: &'a ReadRequest<'a>,
    known_labels: &'a [String],
    sources: &'a Sources,
    summary: ReadSummary,
    /// What the training file calls images whose label was edited, by their rows; empty where it has no label of them.
    in_file: HashMap<usize, String>,
    /// The labels that these have.
    given: Vec<String>,
    /// Images of the training file that have no label.
    waiting: Vec<WaitingImage>,
}

impl ZipReader<'_> {
    /// Makes the edits of a file in the labels of its images.
    fn edit(&mut self, file: usize, images: &mut Vec<ListedImage>) {
        let read = self.request.read;
        let mut edited = read.edits.of_file(Split::ALL[file]);
        let column = label_column(&self.summary).to_owned();
        let mut outcome = EditOutcome::default();
        images.retain_mut(|image| {
            let Some(edited) = edited.remove(&image.row) else { return true };
            if edited.is_dropped {
                outcome.num_dropped += 1;
                return false;
            }
            outcome.moves.extend(edited.split.map(|split| Move { file: Split::ALL[file], row: image.row, split }));
            match edited.cells.as_slice() {
                [] => {}
                [cell]
                    if cell.column == column
                        && [image.label.as_str(), read.merged_label(&image.label)].contains(&cell.was) =>
                {
                    let label = cell.value.trim();
                    if file == 0 {
                        self.in_file.insert(image.row, read.merged_label(&image.label).to_owned());
                        self.given.push(read.merged_label(label).to_owned());
                    }
                    label.clone_into(&mut image.label);
                    outcome.num_changed += 1;
                }
                _ => outcome.misfits.push(image.row),
            }
            true
        });
        outcome.misfits.extend(edited.keys());
        outcome.misfits.sort_unstable();
        outcome.tell(&mut self.summary, Split::ALL[file]);
    }

    /// The images of validation or test: of the person's own file, else those of a folder of the training zip.
    fn own_rows(&mut self, file: usize, in_folder: NamedRows) -> Result<Option<NamedRows>, DataError> {
        let Some(name) = own_file(self.request, file) else {
            return Ok(Some(in_folder).filter(|rows| !rows.is_empty()));
        };
        if !in_folder.is_empty() {
            let (images, role) = (plural(in_folder.len(), "image"), Split::ALL[file].words());
            let note =
                format!("left out: {images} in the {role} folder of the training file, for {name:?} is there for that");
            self.summary.warnings.push(note);
        }
        let [rows, ..] = self.read(file).map_err(|source| in_file(file, name, source))?;
        Ok(Some(rows))
    }

    /// The images of a zip that can be used, by their splits; all in the first where the zip is of one split.
    fn read(&mut self, file: usize) -> Result<[NamedRows; 3], DataError> {
        let archive = self.sources.archive(file).expect("the file is there");
        let contents = Contents::of(archive)?;
        let mut notes: Vec<String> = contents.warn_of_others().into_iter().collect();
        let is_measured = self.request.purpose == Purpose::Measure;
        let is_of_one_split = file > 0 || is_measured;
        let table = read_tables(archive, &contents, self.request.read, self.known_labels, is_of_one_split, &mut notes)?;
        let (mut images, mut bad, mut num_bad, mut num_empty) = match table {
            Some(table) => {
                notes.extend(table.notes);
                if file == 0 {
                    self.set_layout(table.layout);
                }
                (table.images, table.bad_rows, table.num_bad_rows, table.num_empty)
            }
            None => {
                let (mut images, unlisted) = contents.by_folder();
                if file == 0
                    && self.may_be_unlabeled()
                    && let Some(folder) = contents.open_only_folder(&mut images, self.known_labels)
                {
                    notes.push(only_folder(&folder));
                }
                let bad = |Unlisted { row, path }| BadRow {
                    row,
                    reason: format!("{path}: lies in none of the folders train, valid and test"),
                };
                let num_bad = unlisted.len();
                (images, unlisted.into_iter().map(bad).collect(), num_bad, 0)
            }
        };
        if !self.request.read.edits.is_empty() {
            self.edit(file, &mut images);
        }
        if is_of_one_split && images.iter().any(|image| image.split > 0) {
            notes.push("the images of all folders (train, valid, test) are read together".into());
        }
        let mut splits = [Vec::new(), Vec::new(), Vec::new()];
        let mut num_good = 0;
        for ListedImage { row, entry, path: name, label, no_label, split } in images {
            let bytes = archive.read(entry).map_err(|error| error.to_string());
            let header = bytes.and_then(|bytes| read_header(&bytes).map_err(|error| error.to_string()));
            match header.and_then(refuse_tiny) {
                Ok(_) if label.is_empty() => {
                    num_empty += 1;
                    num_bad += 1;
                    let reason = no_label.unwrap_or_else(|| format!("{name}: its label was taken away"));
                    bad.push(BadRow { row, reason });
                    if file == 0 && split == 0 && !is_measured {
                        self.waiting.push(WaitingImage { row, entry, name });
                    }
                }
                Ok(header) => {
                    num_good += 1;
                    let split = if is_of_one_split { 0 } else { split };
                    splits[split].push(SourceRow { row, value: NamedImage { file, entry, name, header, label } });
                }
                Err(reason) => {
                    num_bad += 1;
                    bad.push(BadRow { row, reason: format!("{name}: {reason}") });
                }
            }
        }
        bad.sort_by_key(|bad| bad.row);
        self.summary.num_rows += num_good + num_bad;
        self.summary.num_empty += num_empty;
        self.summary.num_bad_rows += num_bad;
        self.summary.num_unlabeled = self.waiting.len();
        // Images that only lack their labels can get them.
        if splits[0].is_empty() && (file > 0 || self.waiting.is_empty()) {
            let first = bad.into_iter().next();
            let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
            return Err(DataError::NothingUsable { num_rows: num_bad, row, reason });
        }
        let named = |text: String| in_file_of(Split::ALL[file], text);
        let room = MAX_LISTED.saturating_sub(self.summary.bad_rows.len());
        let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: named(bad.reason) });
        self.summary.bad_rows.extend(listed);
        self.summary.warnings.extend(notes.into_iter().map(named));
        Ok(splits)
    }

    /// Whether images that lie in one folder may be there to be labeled: some are kept aside, and no others have labels.
    fn may_be_unlabeled(&self) -> bool {
        let ReadRequest { files, purpose, .. } = self.request;
        *purpose == Purpose::Train && splits_rows_off(self.request) && files.valid.is_none() && files.test.is_none()
    }

    fn set_layout(&mut self, layout: TableLayout) {
        let TableLayout { format, delimiter, has_header, columns, reading, image_column, label_column } = layout;
        let used_columns = vec![(image_column, "image".to_owned()), (label_column, "label".to_owned())];
        let summary = &mut self.summary;
        (summary.format, summary.delimiter, summary.has_header) = (Some(format), delimiter, has_header);
        (summary.columns, summary.reading, summary.used_columns) = (columns, reading, used_columns);
    }
}

/// Says what is made of a folder that all images lie in.
fn only_folder(folder: &str) -> String {
    format!(
        "all images lie in the folder {folder:?}, which tells no label from another, so they have none yet; if it is their label, give \
         images of another one, too"
    )
}

/// The header, unless the image is so small that there is nothing to see.
fn refuse_tiny(header: ImageHeader) -> Result<ImageHeader, String> {
    let ImageHeader { width, height, .. } = header;
    if width.min(height) < MIN_SIDE {
        return Err(format!("has {width} x {height} pixels, at least {MIN_SIDE} in width and in height are needed"));
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
