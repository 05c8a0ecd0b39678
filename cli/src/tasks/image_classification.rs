//! Models that give each image one label: how their images and figures are shown.

use hone_core::event::Split;
use hone_core::task::image_classification::{NearPair, ReportDetail as Images};
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};

use super::{Detail, View, classes};
use crate::inputs::{MAX_LISTED, bad_rows, headline, more, used_columns};
use crate::tables::figures_in_line;

pub(super) static VIEW: View = View {
    figures: classes::FIGURES,
    report,
    line: |evaluation| figures_in_line(evaluation, classes::IN_LINE),
    detail: Detail::Below(tables),
};

fn report(report: &DataReport) -> String {
    let columns = used_columns(report);
    let what = if columns.is_empty() { "labels are the names of folders" } else { columns.as_str() };
    let mut lines = vec![headline(report, what)];
    let ReportDetail::ImageClassification(detail) = &report.detail else { return lines.remove(0) };
    lines.push(classes::counts(detail.classes.iter().map(|class| (class.label.as_str(), class.count)).collect()));
    lines.extend(sizes(detail));
    lines.push(format!(
        "  images without file or label: {}; repeats of another file: {}; repeats with another label: {}; validation or \
         test images that are also training images: {}",
        report.num_empty, report.num_duplicates, detail.num_conflicts, report.num_leaks
    ));
    lines.extend(near(detail));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

/// Lines of how large the images are, height first.
fn sizes(detail: &Images) -> [String; 2] {
    let [smallest, largest] = [detail.smallest, detail.largest].map(|[height, width]| format!("{height} x {width}"));
    let read = detail.input_size.map(|[height, width]| format!("; the model reads {height} x {width}"));
    let sides = detail.sizes.iter().map(|bucket| format!("{} {}", bucket.label, bucket.count));
    [
        format!("  pixels, height x width: {smallest} to {largest}{}", read.unwrap_or_default()),
        format!("  shorter sides: {}", sides.collect::<Vec<_>>().join(", ")),
    ]
}

/// Lines of images that look nearly the same.
fn near(detail: &Images) -> Vec<String> {
    if detail.num_near_duplicates == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "  images that look nearly like an earlier one: {}; of these in another split: {}",
        detail.num_near_duplicates, detail.near_leaks
    )];
    let pair = |NearPair { name, split, other, other_split, .. }: &NearPair| {
        let in_split = |split: &Split| format!("({})", split.words());
        format!("    {name} {} and {other} {}", in_split(split), in_split(other_split))
    };
    lines.extend(detail.near_duplicates.iter().take(MAX_LISTED).map(pair));
    if detail.near_duplicates.len() > MAX_LISTED {
        lines.push(format!("   {}", more(detail.num_near_duplicates)));
    }
    lines
}

fn tables(evaluation: &Evaluation) -> String {
    match &evaluation.detail {
        EvaluationDetail::ImageClassification(figures) => classes::tables(figures),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::data::BadRow;
    use hone_core::task::image_classification::{ClassCount, SizeBucket};

    use super::*;
    use crate::inputs::data_report;
    use crate::tasks::fixtures;

    fn images(num_near_duplicates: usize) -> DataReport {
        let class = |label: &str, count| ClassCount { label: label.into(), count };
        let pair = NearPair {
            name: "square/2.png".into(),
            split: Split::Valid,
            index: 4,
            other: "square/1.png".into(),
            other_split: Split::Train,
            other_index: 30,
            distance: 2,
        };
        let detail = Images {
            classes: vec![class("circle", 30), class("square", 70)],
            num_unlabeled: 0,
            sizes: vec![SizeBucket { label: "32–63 px".into(), count: 100 }],
            smallest: [32, 40],
            largest: [60, 48],
            num_conflicts: 1,
            num_near_duplicates,
            near_duplicates: vec![pair; num_near_duplicates.min(100)],
            near_leaks: num_near_duplicates,
            preview: Vec::new(),
            input_size: Some([16, 16]),
        };
        DataReport {
            num_rows: 101,
            num_usable: 100,
            num_duplicates: 2,
            split_sizes: [90, 10, 0],
            num_encoded: [90, 10, 0],
            bad_rows: vec![BadRow { row: 7, reason: "circle/7.png: is a text, not an image".into() }],
            num_bad_rows: 1,
            warnings: vec!["few images".into()],
            ..fixtures::report("shapes.zip", ReportDetail::ImageClassification(Box::new(detail)))
        }
    }

    #[test]
    fn a_report_says_sizes_and_what_stands_twice_and_no_tokens() {
        let expected = "\
data: shapes.zip: 100 of 101 images are usable (90 training, 10 validation); labels are the names of folders
  2 classes: square 70, circle 30
  pixels, height x width: 32 x 40 to 60 x 48; the model reads 16 x 16
  shorter sides: 32–63 px 100
  images without file or label: 0; repeats of another file: 2; repeats with another label: 1; validation or test images \
that are also training images: 0
  images that look nearly like an earlier one: 1; of these in another split: 1
    square/2.png (validation) and square/1.png (training)
  row 7 is left out: circle/7.png: is a text, not an image
  warning: few images";
        assert_eq!(data_report(&images(1)), expected);
        assert!(!data_report(&images(0)).contains("nearly"));
        assert!(data_report(&images(12)).contains("\n    and 2 more\n"));
        let used_columns = [("file_name", "image"), ("kind", "label")];
        let used_columns = used_columns.map(|(column, role)| (column.to_owned(), role.to_owned())).to_vec();
        let table = DataReport { used_columns, ..images(0) };
        assert!(data_report(&table).contains("; image \"file_name\", label \"kind\"\n"), "{}", data_report(&table));
    }
}
