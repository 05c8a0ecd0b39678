//! How well hidden tokens are guessed.

use hone_core::task::masked_lm::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use crate::format;
use crate::state::Store;
use crate::tasks::{self, EvaluationParts};

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    _store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let tokens = usize::try_from(shown.detail.num_tokens).unwrap_or(usize::MAX);
    let (tokens, split) = (format::plural(tokens, "hidden token"), shown.measured.split.words());
    Some(EvaluationParts {
        caption: format!("On {tokens} of the {split} passages; the same are hidden each time."),
        beside: None,
        below: ().into_any(),
    })
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    EvaluationDetail { num_tokens: 1 }
}
