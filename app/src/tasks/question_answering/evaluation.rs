//! How well questions are answered: those with and without an answer apart, and the questions behind it.

use std::sync::Arc;

use hone_core::metrics::ExactAndF1;
use hone_core::task::question_answering::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::marks::marked;
use super::mistakes::{given, gold, rows_csv, wrong_rows};
use crate::components::{Button, Cell, table};
use crate::format;
use crate::state::Store;
use crate::state::corrections::{AnswerKind, WrongAnswer};
use crate::tasks::wrong_rows::TITLE_ID;
use crate::tasks::{self, EvaluationParts, correct_labels};

/// What the field of an answer that is corrected is called.
const ANSWER: &str =
    "The one answer that this question should have: a part of its text, letter by letter, or nothing where it has none";

/// Questions shown.
const MAX_ROWS: usize = 50;

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.or(before)?;
    let questions = format::plural(shown.measured.evaluation.num_rows, "question");
    let windows = format::plural(shown.detail.num_windows, "window");
    let split = shown.measured.split.words();
    Some(EvaluationParts {
        caption: format!(
            "On {questions} of the {split} split, whose texts are read in {windows}. Exact match: the answer is one of \
             the true ones, but for case, articles and punctuation. F1: how many of its words are."
        ),
        beside: with_and_without(shown.detail),
        below: mistakes(store, &shown),
    })
}

/// Figures of questions with and without an answer, where there are both.
fn with_and_without(detail: &EvaluationDetail) -> Option<AnyView> {
    let squad = &detail.squad;
    let (with, without) = (squad.has_answer?, squad.no_answer?);
    let row = |name: &str, ExactAndF1 { exact_match, f1, total }: ExactAndF1| {
        let share = |value: f64| Cell::number(format::percent(value / 100.0));
        vec![Cell::new("head", name), share(exact_match), share(f1), Cell::number(format::count(total))]
    };
    let rows = vec![row("With an answer", with), row("Without an answer", without)];
    let best = squad.best.zip(detail.null_score_threshold).map(|(best, threshold)| {
        format!(
            "“No answer” was given where it scored more than {} better than the best answer. On these rows, {} would \
             give the best F1: {}.",
            format::significant(threshold),
            format::significant(best.f1_threshold),
            format::percent(best.f1 / 100.0)
        )
    });
    let view = view! {
        <div class="panel figures">
            <h3>"With and without an answer"</h3>
            {table("With and without an answer", "by-answer", &["", "Exact match", "F1", "Questions"], rows)}
            <p class="hint">{best}</p>
        </div>
    };
    Some(view.into_any())
}

/// The questions it gets wrong, the true answer beside the one that was given.
fn mistakes(store: Store, shown: &Side<'_>) -> AnyView {
    let rows = Arc::new(shown.rows.to_vec());
    let wrong = wrong_rows(shown.rows);
    let on_save = Callback::new(move |()| store.save_table("answers", &rows_csv(&rows)));
    let save = view! {
        <div class="row"><Button id="save-answers" text="Save all answers as CSV" on_press=on_save /></div>
    };
    if wrong.is_empty() {
        return view! {
            <div class="panel">
                <p class="note" data-testid="wrong-rows">"Every question was answered exactly."</p>
                {save}
            </div>
        }
        .into_any();
    }
    // Where a question stands among those that were measured tells which is corrected.
    let draw = |row: &RowPrediction| {
        let index = shown.rows.iter().position(|other| std::ptr::eq(other, row)).unwrap_or_default();
        question(store, index, row)
    };
    let title = format!("{} without the exact answer, the worst first", format::plural(wrong.len(), "question"));
    let hidden = wrong.len().saturating_sub(MAX_ROWS);
    let more = (hidden > 0).then(|| format!("The first {MAX_ROWS} are shown; the saved file has all of them."));
    view! {
        <div class="panel">
            <h3 id=TITLE_ID tabindex="-1" data-testid="wrong-rows-title">{title}</h3>
            <p class="hint">
                "The true answer is shaded in its text; what was given instead has a dashed line around it. " {more}
            </p>
            <div data-testid="wrong-rows">{wrong.iter().take(MAX_ROWS).map(|row| draw(row)).collect_view()}</div>
            {correct_labels::panel(store, vec![ANSWER.into()])}
            {save}
        </div>
    }
    .into_any()
}

fn question(store: Store, index: usize, row: &RowPrediction) -> AnyView {
    let correct = format!("Correct the answer of row {}", format::count(row.row));
    let wrong = wrong_answer(index, row);
    let on_correct = Callback::new(move |()| store.open_correction(wrong.clone()));
    let head = format!("Row {}: {}", format::count(row.row), row.question);
    let (f1, score) = (format::percent(row.f1 / 100.0), format::percent(row.score));
    view! {
        <div class="sentence">
            <p>{head}</p>
            <div class="side"><span class="hint">"True"</span><span>{gold(&row.answers)}</span></div>
            <div class="side">
                <span class="hint">"Given"</span>
                <span>{given(row).to_owned()} <span class="hint">{format!(" (F1 {f1}, score {score})")}</span></span>
            </div>
            {marked(&row.context, row.answer, row.predicted_at)}
            <div class="row"><Button id="correct-answer" text=correct on_press=on_correct /></div>
        </div>
    }
    .into_any()
}

/// A question whose answer is corrected.
fn wrong_answer(index: usize, row: &RowPrediction) -> WrongAnswer {
    WrongAnswer {
        kind: AnswerKind::Answer,
        index,
        row: row.row,
        text: row.question.clone(),
        second: Some(row.context.text.clone()),
        values: vec![row.answers.first().cloned().unwrap_or_default()],
        predicted: vec![row.predicted.clone()],
    }
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    let squad = hone_core::metrics::evaluate_answers(&[], None, 0.0);
    EvaluationDetail { squad, num_windows: 1, num_unanswered: 0, null_score_threshold: None }
}
