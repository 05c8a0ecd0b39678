//! Labeled images: their classes and sizes, those that stand twice or look so, and some of each class.

use std::sync::Arc;

use hone_core::event::Split;
use hone_core::task::DataReport;
use hone_core::task::image_classification::{NearPair, PreviewImage, ReportDetail, SizeBucket};
use leptos::prelude::*;

use super::thumbnails::{Grid, Thumbnail};
use crate::charts::{Bar, Bars};
use crate::format;
use crate::pages::data_controls::columns;
use crate::state::Store;
use crate::state::report::ColumnRole;
use crate::tasks::report_views::label_bars;
use crate::tasks::{DataParts, RowFacts};

/// Pairs of images that are shown; the report has more.
const MAX_PAIRS: usize = 12;

/// What a column can be, where images are named by a table.
const ROLES: &[ColumnRole] =
    &[ColumnRole::needed("image", "File name", "image-column", |read| &mut read.image_column), ColumnRole::LABEL];

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    RowFacts { part: "image", input: "image", num_labels: detail.classes.len(), has_second: false, prompt_format: None }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let conflicts = "images whose file is that of an earlier one with another class".to_owned();
    let near = "images that look nearly like an earlier one".to_owned();
    let leaks = "validation or test images that look nearly like one of an earlier split".to_owned();
    let classes: Vec<_> = detail.classes.iter().map(|class| (class.label.as_str(), class.count)).collect();
    let total = classes.iter().map(|(_, count)| count).sum();
    let beside = view! {
        {label_bars("class", "Images of each class", classes, Some(total))}
        {sizes(detail)}
    };
    let mut counts = vec![
        ("Conflicts", detail.num_conflicts, conflicts),
        ("Look-alikes", detail.num_near_duplicates, near),
        ("Near-leaks", detail.near_leaks, leaks),
    ];
    // What nobody looked for yet is not 0.
    counts.retain(|_| detail.input_size.is_some());
    DataParts {
        columns: columns(store, report, ROLES, None).into_any(),
        below_columns: None,
        counts,
        beside_lengths: Some(beside.into_any()),
        below_bad_rows: look_alikes(store, detail),
        preview: preview(store, detail),
    }
}

/// Images by their size, and what the model makes of it.
fn sizes(detail: &ReportDetail) -> AnyView {
    let most = detail.sizes.iter().map(|size| size.count).max().unwrap_or_default().max(1) as f64;
    let bar = |SizeBucket { label, count }: &SizeBucket| Bar {
        label: label.clone(),
        share: *count as f64 / most,
        text: format::count(*count),
        is_strong: true,
    };
    let bars = detail.sizes.iter().map(bar).collect();
    view! {
        <div class="panel" data-testid="image-sizes">
            <h3>"Sizes, by the shorter side"</h3>
            <Bars bars=bars label="Images by their shorter side" />
            <p class="hint">{size_words(detail)}</p>
        </div>
    }
    .into_any()
}

/// The smallest and the largest image, and the size that all have for the model, in words.
fn size_words(detail: &ReportDetail) -> String {
    let of = |[height, width]: [usize; 2]| format!("{} x {}", format::count(width), format::count(height));
    if detail.sizes.is_empty() {
        return "No image has a label yet: sizes are those of images that have one.".into();
    }
    let found = format!("From {} to {} pixels.", of(detail.smallest), of(detail.largest));
    match detail.input_size {
        Some(size) => format!("{found} The model sees {} of each.", of(size)),
        None => format!(
            "{found} Once a model is loaded they are read whole: then it is known which are broken, and which stand twice."
        ),
    }
}

/// The first pairs of images that look nearly the same, side by side.
fn look_alikes(store: Store, detail: &ReportDetail) -> Option<AnyView> {
    let total = detail.num_near_duplicates;
    if total == 0 {
        return None;
    }
    let shown = &detail.near_duplicates[..detail.near_duplicates.len().min(MAX_PAIRS)];
    let images = shown.iter().flat_map(pair_of).collect();
    let grid =
        Grid { store, id: "look-alikes", label: "Images that look nearly the same, two by two", images, press: None };
    let rest = total.saturating_sub(shown.len());
    let rest = (rest > 0).then(|| format!("and {} more", format::count(rest)));
    let view = view! {
        <details class="panel" open=true>
            <summary>{format!("{} nearly like an earlier one", words(total))}</summary>
            <p class="hint">
                "Where one of two stands in the training images and the other in the test images, the figures look better \
                 than they are."
            </p>
            {grid.draw()}
            <p class="hint">{rest}</p>
        </details>
    };
    Some(view.into_any())
}

fn words(total: usize) -> String {
    let looks = if total == 1 { "looks" } else { "look" };
    format!("{} {looks}", format::plural(total, "image"))
}

/// Two images that look nearly the same, each with its name and its split.
fn pair_of(near: &NearPair) -> [Thumbnail; 2] {
    let one = |split: Split, index, name: &String, mark: &str| {
        let caption = format!("{mark}{name}, {}", split.words());
        Thumbnail { split, index, name: Some(name.clone()), caption }
    };
    let NearPair { name, split, index, other, other_split, other_index, .. } = near;
    [one(*split, *index, name, ""), one(*other_split, *other_index, other, "like ")]
}

/// Some images of each class, as they were understood.
fn preview(store: Store, detail: &ReportDetail) -> AnyView {
    let one = |image: &PreviewImage| Thumbnail {
        split: image.split,
        index: image.index,
        name: Some(image.name.clone()),
        caption: image.label.clone(),
    };
    let images: Arc<[Thumbnail]> = detail.preview.iter().map(one).collect();
    let none =
        images.is_empty().then(|| view! { <p class="hint">"No image has a class yet: give them some below."</p> });
    let grid = Grid { store, id: "first-images", label: "Some images of each class", images, press: None };
    view! {
        <div class="panel">
            <h3>"Some images of each class, as they were understood"</h3>
            {grid.draw()}
            {none}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::config::ReadOptions;
    use hone_core::task;
    use hone_core::task::image_classification::ClassCount;

    use super::*;
    use crate::state::report::{choose_column, size_words as report_size};
    use crate::tasks::{self, fixtures};

    fn detail() -> ReportDetail {
        let class = |label: &str| ClassCount { label: label.into(), count: 1 };
        ReportDetail {
            classes: vec![class("circle"), class("square")],
            num_unlabeled: 0,
            sizes: vec![SizeBucket { label: "32\u{2013}63 px".into(), count: 2 }],
            smallest: [32, 48],
            largest: [1200, 1600],
            num_conflicts: 0,
            num_near_duplicates: 0,
            near_duplicates: Vec::new(),
            near_leaks: 0,
            preview: Vec::new(),
            input_size: Some([224, 224]),
        }
    }

    #[test]
    fn images_are_counted_as_images_whether_a_table_names_them_or_not() {
        let mut report = fixtures::report(2, &[], task::ReportDetail::ImageClassification(Box::new(detail())));
        assert_eq!(report_size(&report), "2 images");
        report.format = None;
        assert_eq!(report_size(&report), "2 images");
        assert_eq!((row_facts(&detail()).part, row_facts(&detail()).num_labels), ("image", 2));
    }

    #[test]
    fn images_that_wait_are_counted_and_labels_without_images_are_none_yet() {
        let class = |label: &str, count| ClassCount { label: label.into(), count };
        let detail = ReportDetail { classes: vec![class("cat", 3), class("dog", 0)], num_unlabeled: 4, ..detail() };
        let report = fixtures::report(7, &[], task::ReportDetail::ImageClassification(Box::new(detail)));
        assert_eq!(tasks::num_unlabeled(&report), 4);
        assert_eq!(tasks::label_counts(&report), Some(vec![("cat".to_owned(), 3)]));
    }

    #[test]
    fn file_names_and_labels_change_places() {
        let used = [("file_name", "image"), ("kind", "label")];
        let report = fixtures::report(2, &used, task::ReportDetail::ImageClassification(Box::new(detail())));
        let mut read = ReadOptions::default();
        choose_column(&mut read, &report, ROLES, "image", "kind");
        assert_eq!((read.image_column.as_deref(), read.label_column.as_deref()), (Some("kind"), Some("file_name")));
    }

    #[test]
    fn sizes_are_said_as_width_by_height() {
        assert_eq!(size_words(&detail()), "From 48 x 32 to 1,600 x 1,200 pixels. The model sees 224 x 224 of each.");
        let unknown = ReportDetail { input_size: None, ..detail() };
        assert!(size_words(&unknown).contains("Once a model is loaded"));
        let none = ReportDetail { sizes: Vec::new(), smallest: [0, 0], largest: [0, 0], ..detail() };
        assert!(size_words(&none).starts_with("No image has a label yet"));
    }

    #[test]
    fn two_images_that_look_alike_stand_side_by_side_with_their_splits() {
        let near = NearPair {
            name: "circle/9.png".into(),
            split: Split::Test,
            index: 4,
            other: "circle/1.png".into(),
            other_split: Split::Train,
            other_index: 7,
            distance: 1,
        };
        let [one, other] = pair_of(&near);
        assert_eq!((one.caption.as_str(), one.index), ("circle/9.png, test", 4));
        assert_eq!((other.caption.as_str(), other.index), ("like circle/1.png, training", 7));
        assert_eq!([words(1), words(2)], ["1 image looks", "2 images look"]);
    }
}
