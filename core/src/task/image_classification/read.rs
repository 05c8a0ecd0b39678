//! Zips to labeled images in three splits: images are listed, their headers read, labels get ids, and what is missing of
//! validation and test is split off. No pixels are decoded.

use std::collections::HashMap;
use std::rc::Rc;

use super::folders::{Contents, ListedImage, Unlisted, quoted};
use super::sources::{ROLES, Sources, in_file};
use super::table::{TableLayout, read_tables};
use crate::data::{
    BadRow, DataError, EditOutcome, Merges, Move, NO_VALIDATION_ROWS, ReadRows, ReadSummary, RowKeys, SourceRow, Split,
    advise_on_classes, share_out, sorted_labels,
};
use crate::images::{ImageHeader, read_header};
use crate::task::by_hand::number_names;
use crate::task::class_labels::{adopt_labels, check_labels, known_to_rows, name_numbers};
use crate::task::{Purpose, ReadRequest};
use crate::words::plural;

/// What the labels are called in messages, and by edits of them, where they are folders.
pub const FOLDER: &str = "folder";

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// An image with a side of fewer pixels than this is used, and that is said.
const TINY: usize = 4;

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

/// Labeled images in three splits, each in the order of its file.
#[derive(Debug)]
pub(super) struct Dataset {
    /// Names of the label ids: sorted, as numbers if all are numbers; or as the model orders them.
    pub(super) labels: Vec<String>,
    /// Images of training, validation and test.
    pub(super) splits: [Vec<ImageRow>; 3],
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
    let label_ids = dataset.splits.iter_mut().flatten().map(|row| &mut row.label);
    adopt_labels(&mut dataset.labels, label_ids, known);
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
    let mut reader = ZipReader { request, known_labels, sources: &sources, summary, in_file: HashMap::new() };
    let [mut train, valid, test] = reader.read(0)?;
    let mut valid = reader.own_rows(1, valid)?;
    let mut test = reader.own_rows(2, test)?;
    let (mut summary, in_file) = (reader.summary, reader.in_file);
    summary.has_own_file = [valid.is_some(), test.is_some()];

    let mut merges = Merges::new(read);
    merge_labels(&mut train, &mut merges);
    summary.warnings.extend(merges.merged());
    for (file, rows) in [(1, &mut valid), (2, &mut test)] {
        let mut merges = Merges::new(read);
        merge_labels(rows.as_deref_mut().unwrap_or_default(), &mut merges);
        summary.warnings.extend(merges.merged().into_iter().map(|note| format!("{} images: {note}", ROLES[file])));
    }
    let found: Vec<&str> = train.iter().map(|row| row.value.label.as_str()).collect();
    let column = label_column(&summary).to_owned();
    let labels = sorted_labels(&found, &column, known_labels)?;
    // Rows of which none is held back may be there to be measured only, and then one label will do.
    let is_for_training = split.valid_fraction > 0.0 || split.test_fraction > 0.0 || valid.is_some() || test.is_some();
    if is_for_training {
        summary.warnings.extend(merges.unused());
    }
    if is_for_training && let [label] = labels.as_slice() {
        return Err(DataError::OneClass { label: label.clone(), num_rows: train.len() });
    }

    let is_split = valid.is_none() && (split.valid_fraction > 0.0 || test.is_none() && split.test_fraction > 0.0);
    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let label = |rows: NamedRows| label_rows(rows, &ids, &labels, &column, request);
    let train = label(train)?;
    let (valid, test) = (valid.map(label).transpose()?, test.map(label).transpose()?);
    let classes = drawn_by(&train, &labels, &in_file);
    let rows = ReadRows { train, valid, test, summary };
    let (splits, mut summary) = share_out(rows, &classes, split, request.run.seed);
    let splits = splits.map(|rows| rows.into_iter().map(|row| row.value).collect::<Vec<ImageRow>>());
    // Few images of labels that the model knows are images to measure.
    if is_for_training || !labels.iter().all(|label| known_labels.contains(label)) {
        let (trained, all) = (count_labels(&splits[..1], labels.len()), count_labels(&splits, labels.len()));
        summary.advice = advise_on_classes(&labels, &trained, &all, is_split);
    }
    if splits[1].is_empty() && request.purpose == Purpose::Train {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((Dataset { labels, splits, sources: Rc::new(sources) }, summary))
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
    let name = |row: &'r SourceRow<ImageRow>| -> &'r str { in_file.get(&row.row).unwrap_or(&labels[row.value.label]) };
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
    /// What the training file calls images whose label was edited, by their rows.
    in_file: HashMap<usize, String>,
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
                    if file == 0 {
                        self.in_file.insert(image.row, read.merged_label(&image.label).to_owned());
                    }
                    cell.value.clone_into(&mut image.label);
                    outcome.num_changed += 1;
                }
                _ => outcome.misfits.push(image.row),
            }
            true
        });
        outcome.misfits.extend(edited.keys());
        outcome.misfits.sort_unstable();
        outcome.tell(&mut self.summary, if file == 0 { "" } else { ROLES[file] });
    }

    /// The images of validation or test: of the person's own file, else those of a folder of the training zip.
    fn own_rows(&mut self, file: usize, in_folder: NamedRows) -> Result<Option<NamedRows>, DataError> {
        let Some(name) = own_file(self.request, file) else {
            return Ok(Some(in_folder).filter(|rows| !rows.is_empty()));
        };
        if !in_folder.is_empty() {
            let (images, role) = (plural(in_folder.len(), "image"), ROLES[file]);
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
        let is_of_one_split = file > 0 || self.request.purpose == Purpose::Measure;
        let table = read_tables(archive, &contents, self.request.read, self.known_labels, is_of_one_split, &mut notes)?;
        let (mut images, mut bad, mut num_bad, num_empty) = match table {
            Some(table) => {
                notes.extend(table.notes);
                if file == 0 {
                    self.set_layout(table.layout);
                }
                (table.images, table.bad_rows, table.num_bad_rows, table.num_empty)
            }
            None => {
                let (images, unlisted) = contents.by_folder();
                let bad = |Unlisted { row, path, reason }| BadRow { row, reason: format!("{path}: {reason}") };
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
        let (mut num_good, mut tiny) = (0, Vec::new());
        for ListedImage { row, entry, path: name, label, split } in images {
            let bytes = archive.read(entry).map_err(|error| error.to_string());
            match bytes.and_then(|bytes| read_header(&bytes).map_err(|error| error.to_string())) {
                Ok(header) => {
                    if header.width.min(header.height) < TINY {
                        tiny.push(format!("{name} ({} x {})", header.width, header.height));
                    }
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
        notes.extend(warn_of_tiny(&tiny));
        bad.sort_by_key(|bad| bad.row);
        self.summary.num_rows += num_good + num_bad;
        self.summary.num_empty += num_empty;
        self.summary.num_bad_rows += num_bad;
        if splits[0].is_empty() {
            let first = bad.into_iter().next();
            let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
            return Err(DataError::NothingUsable { num_rows: num_bad, row, reason });
        }
        let with_role = |text: String| if file == 0 { text } else { format!("{} file: {text}", ROLES[file]) };
        let room = MAX_LISTED.saturating_sub(self.summary.bad_rows.len());
        let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: with_role(bad.reason) });
        self.summary.bad_rows.extend(listed);
        self.summary.warnings.extend(notes.into_iter().map(with_role));
        Ok(splits)
    }

    fn set_layout(&mut self, layout: TableLayout) {
        let TableLayout { format, delimiter, has_header, columns, reading, image_column, label_column } = layout;
        let used_columns = vec![(image_column, "image".to_owned()), (label_column, "label".to_owned())];
        let summary = &mut self.summary;
        (summary.format, summary.delimiter, summary.has_header) = (Some(format), delimiter, has_header);
        (summary.columns, summary.reading, summary.used_columns) = (columns, reading, used_columns);
    }
}

/// Says which images are so small that there is hardly anything to see; nothing where none is.
fn warn_of_tiny(tiny: &[String]) -> Option<String> {
    let have = if tiny.len() == 1 { "has" } else { "have" };
    let names: Vec<&str> = tiny.iter().map(String::as_str).collect();
    let images = plural(tiny.len(), "image");
    let why = format!("fewer than {TINY} pixels in width or height and {have} little to show");
    (!tiny.is_empty()).then(|| format!("{images} {have} {why}: {}", quoted(&names)))
}

#[cfg(test)]
mod tests;
