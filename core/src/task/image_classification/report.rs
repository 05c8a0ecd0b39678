//! What a report says of labeled images: labels, sizes, what stands twice, and some images to look at.

use super::data::ImageData;
use super::near::{Compared, Repeats, find_repeats};
use super::read::ImageRow;
use super::{ClassCount, PreviewImage, ReportDetail, SizeBucket};
use crate::config::RunConfig;
use crate::data::{ReadSummary, Split};
use crate::task::targets::note_of_sampling;
use crate::task::{DataReport, TaskModel, data_report};
use crate::words::count;

/// Images of the preview, in all and of a label.
const MAX_PREVIEW: usize = 24;
const MAX_OF_LABEL: usize = 3;

/// The shorter sides of the first bucket end below 2 to the power of one more than the first number; those of the last begin
/// at 2 to the power of the second.
const BUCKETS: [u32; 2] = [4, 11];

const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

/// Writes the report. Images that proved not to be decoded are bad rows in it.
pub(super) fn report(data: &ImageData, model: Option<&TaskModel<'_>>, run: &RunConfig) -> DataReport {
    let mut summary = data.summary.clone();
    let undecodable = data.undecodable();
    summary.num_bad_rows += undecodable.len();
    summary.bad_rows.extend(undecodable);
    let usable = [0, 1, 2].map(|split| data.usable(split));
    let rows = [0, 1, 2].map(|split| usable[split].iter().map(|&at| &data.splits[split][at]).collect::<Vec<_>>());
    let Repeats { num_conflicts, num_near, pairs, num_near_leaks, .. } = repeats_of(data, &usable, &mut summary);

    let mut counts = vec![0; data.labels.len()];
    rows.iter().flatten().for_each(|row| counts[row.label] += 1);
    let class = |(label, count): (&String, usize)| ClassCount { label: label.clone(), count };
    let area = |row: &&&ImageRow| row.width * row.height;
    let size = |row: Option<&&ImageRow>| row.map_or([0, 0], |row| [row.height, row.width]);
    let detail = ReportDetail {
        classes: data.labels.iter().zip(counts).map(class).collect(),
        num_unlabeled: summary.num_unlabeled,
        sizes: sizes_of(rows.iter().flatten().map(|row| row.width.min(row.height))),
        smallest: size(rows.iter().flatten().min_by_key(area)),
        largest: size(rows.iter().flatten().max_by_key(area)),
        num_conflicts,
        num_near_duplicates: num_near,
        near_duplicates: pairs,
        near_leaks: num_near_leaks,
        preview: preview_of(&rows, &data.labels),
        input_size: model.map(|model| model.images().size()),
    };
    let sampling = note_of_sampling(&data.labels, rows[0].iter().map(|row| row.label), run);
    summary.notes.extend(sampling);
    let numbers = rows.map(|rows| rows.iter().map(|row| row.row).collect::<Vec<usize>>());
    let detail = crate::task::ReportDetail::ImageClassification(Box::new(detail));
    // Images have no length in tokens.
    data_report(&summary, &numbers, &[], 0, detail)
}

/// What stands twice, once all images are decoded.
pub(super) fn repeats_of(data: &ImageData, usable: &[Vec<usize>; 3], summary: &mut ReadSummary) -> Repeats {
    if !data.is_decoded() {
        return Repeats::default();
    }
    let mut compared = Vec::new();
    for (split, places) in usable.iter().enumerate() {
        let images = data.pixels.images(split);
        for &place in places {
            let row = &data.splits[split][place];
            if let Ok(image) = &images[place] {
                compared.push(Compared {
                    split: SPLITS[split],
                    name: &row.name,
                    label: row.label,
                    sha256: &image.sha256,
                    difference_hash: image.difference_hash,
                });
            }
        }
    }
    find_repeats(&compared, summary)
}

/// Some images of each label.
fn preview_of(rows: &[Vec<&ImageRow>; 3], labels: &[String]) -> Vec<PreviewImage> {
    let of_label = (MAX_PREVIEW / labels.len().max(1)).clamp(1, MAX_OF_LABEL);
    let mut taken = vec![0; labels.len()];
    let mut preview: Vec<(usize, PreviewImage)> = Vec::new();
    for (split, rows) in SPLITS.into_iter().zip(rows) {
        for (index, row) in rows.iter().enumerate() {
            if preview.len() == MAX_PREVIEW {
                break;
            }
            if taken[row.label] < of_label {
                taken[row.label] += 1;
                let ImageRow { name, width, height, label, .. } = row;
                let (name, width, height, label) = (name.clone(), *width, *height, labels[*label].clone());
                preview.push((row.label, PreviewImage { split, index, name, label, width, height }));
            }
        }
    }
    preview.sort_by_key(|(label, _)| *label);
    preview.into_iter().map(|(_, image)| image).collect()
}

/// Images by their shorter sides, in steps that double.
fn sizes_of(shorter_sides: impl Iterator<Item = usize>) -> Vec<SizeBucket> {
    let [first, last] = BUCKETS;
    let mut counts = vec![0; (last - first + 1) as usize];
    for side in shorter_sides {
        counts[(side.max(1).ilog2().clamp(first, last) - first) as usize] += 1;
    }
    let label = |power: u32| match power {
        power if power == first => format!("under {} px", count(2 << power)),
        power if power == last => format!("{} px and more", count(1 << power)),
        power => format!("{}–{} px", count(1 << power), count((2 << power) - 1)),
    };
    let mut buckets: Vec<SizeBucket> =
        (first..=last).zip(counts).map(|(power, count)| SizeBucket { label: label(power), count }).collect();
    let is_empty = |bucket: &SizeBucket| bucket.count == 0;
    buckets.drain(..buckets.iter().take_while(|bucket| is_empty(bucket)).count());
    buckets.truncate(buckets.len() - buckets.iter().rev().take_while(|bucket| is_empty(bucket)).count());
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: usize) -> ImageRow {
        ImageRow { row: 1, file: 0, entry: 0, name: "a".into(), width: 4, height: 3, label }
    }

    #[test]
    fn sizes_double_and_empty_ends_are_left_out() {
        let found = |sides: &[usize]| -> Vec<(String, usize)> {
            sizes_of(sides.iter().copied()).into_iter().map(|bucket| (bucket.label, bucket.count)).collect()
        };
        let bucket = |label: &str, count| (label.to_owned(), count);
        assert_eq!(
            found(&[1, 31, 32, 200]),
            [bucket("under 32 px", 2), bucket("32–63 px", 1), bucket("64–127 px", 0), bucket("128–255 px", 1)]
        );
        assert_eq!(found(&[1024, 9000]), [bucket("1,024–2,047 px", 1), bucket("2,048 px and more", 1)]);
        assert!(found(&[]).is_empty());
    }

    #[test]
    fn some_images_of_each_label_are_shown() {
        let labels: Vec<String> = (0..40).map(|label| label.to_string()).collect();
        let rows: Vec<ImageRow> = (0..80).map(|index| row(index % 2)).collect();
        let shown = |labels: &[String], rows: &[ImageRow]| {
            let (train, valid) = rows.split_at(rows.len() / 2);
            preview_of(&[train.iter().collect(), valid.iter().collect(), Vec::new()], labels)
        };
        let few = shown(&labels[..2], &rows);
        let places: Vec<(&str, usize)> = few.iter().map(|image| (image.label.as_str(), image.index)).collect();
        assert_eq!(places, [("0", 0), ("0", 2), ("0", 4), ("1", 1), ("1", 3), ("1", 5)]);
        let many: Vec<ImageRow> = (0..40).map(row).collect();
        let found = shown(&labels, &many);
        assert_eq!(found.len(), MAX_PREVIEW);
        assert_eq!((found[20].split, found[20].index), (Split::Valid, 0));
    }
}
