//! How well texts that belong together are found: how similar they are beside others, and the rows behind it.

use std::sync::Arc;

use hone_core::task::sentence_embedding::{EvaluationDetail, RowPrediction, RowShape};
use leptos::prelude::*;

use super::worst::{rows_csv, worst};
use crate::components::{Button, Cell, sortable_table, table};
use crate::format;
use crate::state::Store;
use crate::tasks::{self, EvaluationParts};

/// Rows shown.
const MAX_ROWS: usize = 100;
const MAX_TEXT_CHARS: usize = 240;

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let details = [before.as_ref().map(|side| side.detail), after.as_ref().map(|side| side.detail)];
    let detail = shown.detail;
    let (rows, split) = (format::plural(shown.rows.len(), "row"), shown.measured.split.words());
    let mut caption = format!("On {rows} of the {split} split: {}.", detail.shape.describe());
    if detail.num_neighbours > 0 {
        let rows = format::plural(detail.num_neighbours, "most similar other row");
        caption.push_str(&format!(" A label is predicted by the {rows} of this split."));
    }
    if detail.num_compared > 0 && detail.num_compared < shown.rows.len() {
        let rows = format::plural(detail.num_compared, "row");
        caption.push_str(&format!(" Similar texts are looked for among {rows}, spread over all."));
    }
    let below = worst_rows(store, shown.rows, detail.shape);
    Some(EvaluationParts { caption, beside: similarities(details), below })
}

/// Mean similarities before and after.
fn similarities(details: [Option<&EvaluationDetail>; 2]) -> Option<AnyView> {
    let values = |of: fn(&EvaluationDetail) -> Option<f64>| details.map(|detail| detail.and_then(of));
    let same = values(|detail| detail.similarity_of_same);
    let others = values(|detail| detail.similarity_of_others);
    let row = |(title, values): (&'static str, [Option<f64>; 2])| {
        let cell = |value: Option<f64>| Cell::number(value.map_or_else(|| "–".into(), |value| format!("{value:.3}")));
        std::iter::once(Cell::new("head", title)).chain(values.map(cell)).collect::<Vec<_>>()
    };
    let rows = [("Texts that belong together", same), ("Other texts", others)];
    let rows: Vec<_> = rows.into_iter().filter(|(_, values)| values.iter().any(Option::is_some)).map(row).collect();
    (!rows.is_empty()).then(|| {
        view! {
            <div class="panel figures">
                <h3>"Mean similarity"</h3>
                {table("Mean similarity", "mean-similarity", &["", "Before", "After"], rows)}
                <p class="hint">
                    "From \u{2212}1 to 1. What counts is the distance between the two: texts that belong together should be \
                     much more similar than others."
                </p>
            </div>
        }
        .into_any()
    })
}

fn worst_rows(store: Store, rows: &[RowPrediction], shape: RowShape) -> AnyView {
    if shape == RowShape::Texts {
        return ().into_any();
    }
    let rows = Arc::new(rows.to_vec());
    let found = worst(&rows, shape);
    if found.is_empty() {
        return view! { <p class="note" data-testid="worst-rows">"Every text was found."</p> }.into_any();
    }
    let title = match shape {
        RowShape::Pairs | RowShape::Triplets => {
            format!("{} whose text is not the most similar one", format::plural(found.len(), "row"))
        }
        RowShape::ScoredPairs => "Pairs of which similarity and score differ most".into(),
        RowShape::LabeledTexts | RowShape::Texts => {
            format!("{} among texts of another label", format::plural(found.len(), "row"))
        }
    };
    let cells = found.iter().take(MAX_ROWS).map(|row| cells(row, shape)).collect();
    let more =
        (found.len() > MAX_ROWS).then(|| format!("The first {MAX_ROWS} are shown; the saved file has all of them."));
    let on_save = {
        let rows = Arc::clone(&rows);
        Callback::new(move |()| store.save_table("worst-rows", &rows_csv(&worst(&rows, shape))))
    };
    view! {
        <div class="panel">
            <h3>{title}</h3>
            <p class="hint">{more}</p>
            {sortable_table("Worst rows", "worst-rows", heads(shape), cells)}
            <div class="row"><Button id="save-worst-rows" text="Save these rows as CSV" on_press=on_save /></div>
        </div>
    }
    .into_any()
}

fn heads(shape: RowShape) -> &'static [&'static str] {
    match shape {
        RowShape::Pairs | RowShape::Triplets => {
            &["Row", "Place", "Similarity", "Text", "Belongs to it", "Most similar"]
        }
        RowShape::ScoredPairs => &["Row", "Score", "Similarity", "Text", "Second text"],
        RowShape::LabeledTexts | RowShape::Texts => &["Row", "Label", "Predicted", "Text", "Most similar"],
    }
}

fn cells(row: &RowPrediction, shape: RowShape) -> Vec<Cell> {
    let text = |text: Option<&String>| {
        Cell::new("text", text.map_or_else(String::new, |text| format::shortened(text, MAX_TEXT_CHARS)))
    };
    let number = |value: Option<f32>| Cell::number(value.map_or_else(String::new, |value| format!("{value:.3}")));
    let name = |name: &Option<String>| Cell::from(name.clone().unwrap_or_default());
    let first = Cell::number(format::count(row.row));
    let (similarity, second) = (number(row.similarity), text(row.second.as_ref()));
    let (own, nearest) = (text(Some(&row.text)), text(row.nearest.as_ref()));
    match shape {
        RowShape::Pairs | RowShape::Triplets => {
            let rank = Cell::number(row.rank.map_or_else(String::new, format::count));
            vec![first, rank, similarity, own, second, nearest]
        }
        RowShape::ScoredPairs => vec![first, number(row.score), similarity, own, second],
        RowShape::LabeledTexts | RowShape::Texts => vec![first, name(&row.label), name(&row.predicted), own, nearest],
    }
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    let (similarity_of_same, similarity_of_others) = (Some(0.75), Some(0.25));
    let (shape, num_compared, num_neighbours) = (RowShape::Pairs, 1, 0);
    EvaluationDetail { shape, num_compared, num_neighbours, similarity_of_same, similarity_of_others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_cell_for_every_head() {
        let row = RowPrediction {
            row: 2,
            text: "a".into(),
            second: Some("b".into()),
            similarity: Some(0.5),
            score: Some(1.0),
            rank: Some(3),
            label: Some("x".into()),
            predicted: Some("y".into()),
            nearest: Some("c".into()),
        };
        for shape in [RowShape::Pairs, RowShape::Triplets, RowShape::ScoredPairs, RowShape::LabeledTexts] {
            assert_eq!(cells(&row, shape).len(), heads(shape).len(), "{}", shape.name());
        }
    }
}
