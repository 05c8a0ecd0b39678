//! How well targets are predicted, and what the model writes for sources of the file.

use hone_core::task::seq2seq_lm::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use crate::format;
use crate::pages::{rating, side_by_side};
use crate::state::Store;
use crate::tasks::writing_figures::{caption, labels, samples, styles};
use crate::tasks::{self, EvaluationParts};

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let tokens = usize::try_from(shown.detail.num_tokens).unwrap_or(usize::MAX);
    let (tokens, split) = (format::plural(tokens, "token"), shown.measured.split.words());
    let of_writing = shown.measured.writing.as_ref().map(|writing| {
        let sources = format::plural(writing.figures.num_rows, "source");
        caption(&format!("for the first {sources}"), writing)
    });
    let of_writing = of_writing.unwrap_or_else(|| "What it writes was not measured.".into());
    let (before, after) = (before.map(|side| side.measured), after.map(|side| side.measured));
    let below = view! {
        {styles(before, after)}
        {samples(store, "Source", before, after)}
        {rating::panel(store)}
        {side_by_side::panel(store)}
    };
    Some(EvaluationParts {
        caption: format!("Loss, perplexity and token accuracy: on {tokens} of the {split} targets. {of_writing}"),
        beside: labels(before, after),
        below: below.into_any(),
    })
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    EvaluationDetail { num_tokens: 1 }
}
