//! How well images are labeled: class by class, what is mixed up with what, and the images behind it.

use hone_core::event::Split;
use hone_core::task::image_classification::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::thumbnails::{Grid, Thumbnail};
use crate::browser::PickedFile;
use crate::format;
use crate::state::Store;
use crate::state::corrections::WrongAnswer;
use crate::tasks::calibration::panels;
use crate::tasks::class_figures::{confusion, labels_of, per_class};
use crate::tasks::correct_labels::{beside, of_label};
use crate::tasks::wrong_rows::{LabeledRow, WrongRow, chosen_pair, mistakes, wrong_rows};
use crate::tasks::{self, EvaluationParts};

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let before = after.as_ref().and(before.as_ref()).map(|side| side.detail);
    let (pair, chosen) = chosen_pair();
    let split = shown.measured.split;
    let wrong = wrong_rows(shown.rows.iter().map(labeled), &shown.detail.per_class);
    let is_tuned = after.is_some();
    let draw = move |rows: &[&WrongRow]| wrong_images((store, is_tuned), split, rows);
    let below = view! {
        {beside(store)}
        {panels(store, shown.detail, after.is_some())}
        {confusion(shown.detail, before, chosen)}
        {mistakes(store, wrong, labels_of(shown.detail), pair, "image", draw)}
    };
    let images = format::plural(shown.detail.num_rows, "image");
    Some(EvaluationParts {
        caption: format!("On {images} of the {} split.", split.words()),
        beside: Some(per_class(shown.detail, before)),
        below: below.into_any(),
    })
}

fn labeled(row: &RowPrediction) -> LabeledRow<'_> {
    LabeledRow {
        row: row.row,
        text: &row.name,
        second: None,
        label: row.label,
        predicted: row.predicted,
        probabilities: &row.probabilities,
    }
}

/// The images that it gets wrong, each with what it is and what it was taken for. A press corrects its label, where the trained model's
/// answers are shown.
fn wrong_images((store, is_tuned): (Store, bool), split: Split, rows: &[&WrongRow]) -> AnyView {
    let images = rows.iter().map(|row| thumbnail(split, row)).collect();
    let wrong: Vec<WrongAnswer> = rows.iter().map(|row| of_label(row)).collect();
    let on_press = Callback::new(move |(index, _): (usize, PickedFile)| {
        if let Some(wrong) = wrong.iter().find(|wrong| wrong.index == index) {
            store.open_correction(wrong.clone());
        }
    });
    let press = is_tuned.then_some(("Correct the label of", on_press));
    let hint = is_tuned.then(|| view! { <p class="hint">"Press an image to correct its label."</p> });
    let grid = Grid { store, id: "wrong-rows", label: "Images the model gets wrong", images, press };
    view! {
        {hint}
        {grid.draw()}
    }
    .into_any()
}

fn thumbnail(split: Split, row: &WrongRow) -> Thumbnail {
    let probability = format::percent(f64::from(row.probability));
    let caption = format!("{} → {}, {probability}", row.label, row.predicted);
    Thumbnail { split, index: row.index, name: Some(row.text.clone()), caption }
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    hone_core::metrics::Confusion::new(&["circle".into(), "square".into()]).finish(1.0)
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::Confusion;

    use super::*;

    #[test]
    fn a_wrong_image_is_found_by_its_place_in_the_split() {
        let row = |row, predicted, probabilities: [f32; 2]| {
            let (name, probabilities) = (format!("circle/{row}.png"), probabilities.to_vec());
            RowPrediction { row, name, label: 0, predicted, probabilities }
        };
        let rows = [row(4, 0, [0.9, 0.1]), row(9, 1, [0.25, 0.75])];
        let classes = Confusion::new(&["circle".into(), "square".into()]).finish(1.0).per_class;
        let wrong = wrong_rows(rows.iter().map(labeled), &classes);
        let [wrong] = wrong.as_slice() else { panic!("one is wrong: {wrong:?}") };
        let caption = "circle → square, 75.0 %".to_owned();
        let expected = Thumbnail { split: Split::Test, index: 1, name: Some("circle/9.png".into()), caption };
        assert_eq!(thumbnail(Split::Test, wrong), expected);
    }
}
