//! How well numbers are predicted: each against the true one, and the rows that are furthest off.

use std::sync::Arc;

use hone_core::metrics::OutputMetrics;
use hone_core::task::regression::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::residuals::{furthest, has_pairs, points, rows_csv};
use crate::charts::Scatter;
use crate::components::{Button, Cell, select, sortable_table, table};
use crate::format;
use crate::state::Store;
use crate::state::corrections::{AnswerKind, WrongAnswer};
use crate::tasks::correct_labels::{self, beside, press};
use crate::tasks::explanation::{self, ListedRow, RowOpener};
use crate::tasks::wrong_rows::TITLE_ID;
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
    let is_tuned = after.is_some();
    let shown = after.or(before)?;
    let rows = format::plural(shown.detail.evaluation.num_rows, "row");
    Some(EvaluationParts {
        caption: format!("On {rows} of the {} split.", shown.measured.split.words()),
        beside: Some(by_number(shown.detail)),
        below: view! {
            {beside(store)}
            {each_row(store, &shown, is_tuned)}
            {explanation::panel(store)}
        }
        .into_any(),
    })
}

/// Figures of each number, and of always answering with the mean.
fn by_number(detail: &EvaluationDetail) -> AnyView {
    let score = |value: Option<f64>| Cell::number(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}")));
    let row = |name: &str, figures: &OutputMetrics| {
        let &OutputMetrics { mae, rmse, r2, pearson, spearman, .. } = figures;
        let mut cells = vec![Cell::new("head", name)];
        cells.extend([mae, rmse].map(|value| Cell::number(format::significant(value))));
        cells.extend([r2, pearson, spearman].map(score));
        cells
    };
    let outputs = detail.labels.iter().zip(&detail.evaluation.per_output);
    let mut rows: Vec<Vec<Cell>> = outputs.map(|(label, figures)| row(label, figures)).collect();
    rows.extend(detail.baseline.as_ref().map(|figures| row("Always the mean", figures)));
    let notes = detail.evaluation.notes.iter().map(|note| view! { <p class="hint">{format!("{note}.")}</p> });
    let notes = notes.collect_view();
    let heads = ["", "Absolute error", "Root mean squared error", "R²", "Pearson", "Spearman"];
    view! {
        <div class="panel figures">
            <h3>"By number"</h3>
            {table("By number", "by-number", &heads, rows)}
            <p class="hint">
                "Absolute error: how far a prediction is off on average, in the unit of the numbers. R²: the share of \
                 their differences that the predictions explain; always answering with the mean of the training rows \
                 explains none. Pearson and Spearman: whether high numbers are predicted high, 1 at best."
            </p>
            {notes}
        </div>
    }
    .into_any()
}

/// The plot of one number, and the rows that are furthest off in it.
fn each_row(store: Store, shown: &Side<'_>, is_tuned: bool) -> AnyView {
    let labels = shown.detail.labels.clone();
    let rows: Arc<Vec<RowPrediction>> = Arc::new(shown.rows.to_vec());
    let output = RwSignal::new(0_usize);
    let opener = RowOpener::new(store, shown.measured, is_tuned, labels.clone());
    let names = labels.clone();
    let choice = (labels.len() > 1).then(|| {
        let options = labels.iter().enumerate().map(|(index, label)| (index.to_string(), label.clone())).collect();
        let on_choose = Callback::new(move |chosen: String| output.set(chosen.parse().unwrap_or(0)));
        select("Number", "scatter-number", options, "0", Signal::stored(false), on_choose)
    });
    let csv = {
        let (rows, labels) = (Arc::clone(&rows), labels.clone());
        Callback::new(move |()| store.save_table("predictions", &rows_csv(&rows, &labels)))
    };
    let plot = move || {
        let index = output.get();
        let name = labels.get(index).cloned().unwrap_or_default();
        let points = points(&rows, index);
        let label = format!("Predicted against true {name}, a dot for each of {}", format::plural(points.len(), "row"));
        view! {
            <Scatter points=points label=label />
            <p class="hint">"A row on the dashed line is predicted exactly."</p>
            <h3 id=TITLE_ID tabindex="-1">"The rows that are furthest off"</h3>
            <p class="hint">{is_tuned.then_some("Press a true number to correct it.")}</p>
            {worst_rows((store, is_tuned), (&opener, name.as_str()), &rows, index)}
        }
        .into_any()
    };
    view! {
        <div class="panel">
            <h3>"Predicted against true"</h3>
            {choice}
            {plot}
            {correct_labels::panel(store, names)}
            <div class="row"><Button id="save-predictions" text="Save all rows as CSV" on_press=csv /></div>
        </div>
    }
    .into_any()
}

/// Numbers first: a long text must not push them out of a narrow page.
fn worst_rows(
    (store, is_tuned): (Store, bool),
    (opener, name): (&RowOpener, &str),
    rows: &[RowPrediction],
    output: usize,
) -> AnyView {
    let has_pairs = has_pairs(rows);
    let number = |value: f64| Cell { raw: Some(value.to_string()), ..Cell::number(format::significant(value)) };
    let text = |text: &str| Cell::new("text", format::shortened(text, MAX_TEXT_CHARS));
    let cells = furthest(rows, output, MAX_ROWS).into_iter().map(|(row, (truth, predicted))| {
        let index = rows.iter().position(|own| std::ptr::eq(own, row)).unwrap_or(0);
        let listed = ListedRow {
            row: row.row,
            index,
            text: &row.text,
            second: row.second.as_deref(),
            first: name,
            truth: None,
            predicted: None,
        };
        let wrong = WrongAnswer {
            kind: AnswerKind::Numbers,
            index,
            row: row.row,
            text: row.text.clone(),
            second: row.second.clone(),
            values: row.numbers.iter().map(ToString::to_string).collect(),
            predicted: row.predicted.iter().map(ToString::to_string).collect(),
        };
        let press = is_tuned.then(|| press(store, wrong));
        let mut cells = vec![opener.cell(&listed), Cell { press, ..number(truth) }];
        cells.extend([predicted, predicted - truth].map(number));
        cells.push(text(&row.text));
        cells.extend(has_pairs.then(|| text(row.second.as_deref().unwrap_or_default())));
        cells
    });
    let heads: &[&str] = match has_pairs {
        true => &["Row", "True", "Predicted", "Difference", "Text", "Second text"],
        false => &["Row", "True", "Predicted", "Difference", "Text"],
    };
    sortable_table("Rows that are furthest off", "worst-rows", heads, cells.collect())
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    let evaluation = hone_core::metrics::evaluate_regression(&[1.0], &[2.0], 1);
    EvaluationDetail { labels: vec!["score".into()], evaluation, baseline: None }
}
