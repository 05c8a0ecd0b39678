//! How good a language model is besides how well it predicts the next tokens: what it forgot, and what it writes after
//! prompts of the file.

use hone_core::task::causal_lm::{EvaluationDetail, RowPrediction};
use hone_core::task::{self, Task};
use leptos::prelude::*;

use crate::browser::PickedFile;
use crate::components::optional_file;
use crate::format;
use crate::pages::evaluate::{before_and_after, cannot_measure};
use crate::pages::{rating, side_by_side};
use crate::state::Store;
use crate::state::evaluation::{Measured, general_rows};
use crate::tasks::writing_figures::{caption, labels, samples, styles};
use crate::tasks::{self, EvaluationParts};

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let (tokens, split) = (tokens(shown.detail), shown.measured.split.words());
    let of_writing = match &shown.measured.writing {
        Some(writing) => {
            let prompts = format::plural(writing.figures.num_rows, "prompt");
            caption(&format!("after the first {prompts}"), writing)
        }
        None => "The rows have no prompts, so what it writes could not be measured.".into(),
    };
    let (before, after) = (before.map(|side| side.measured), after.map(|side| side.measured));
    let below = view! {
        {labels(before, after)}
        {styles(before, after)}
        {samples(store, "Prompt", before, after)}
        {rating::panel(store)}
        {side_by_side::panel(store)}
    };
    Some(EvaluationParts {
        caption: format!("Loss, perplexity and token accuracy: on {tokens} of the {split} rows. {of_writing}"),
        beside: Some(forgetting(store, before, after)),
        below: below.into_any(),
    })
}

fn tokens(detail: &EvaluationDetail) -> String {
    format::plural(usize::try_from(detail.num_tokens).unwrap_or(usize::MAX), "token")
}

/// A text that has nothing to do with the rows: what the model loses there is the price of what it learned.
fn forgetting(store: Store, before: Option<&Measured>, after: Option<&Measured>) -> AnyView {
    let rows = general_rows(Task::CausalLm, before, after);
    let file = store.general_text;
    let name = file.with_untracked(|file| file.as_ref().map(|file| file.name.clone()));
    let name = name.unwrap_or_else(|| "a general English text that comes with Hone".into());
    let size = match after.or(before).and_then(|measured| measured.general.as_ref()).map(|general| &general.detail) {
        Some(task::EvaluationDetail::CausalLm(detail)) => format!("{} of ", tokens(detail)),
        _ => String::new(),
    };
    let caption = format!(
        "On {size}{name}. It has nothing to do with your rows: if these figures rise, the model is forgetting what it \
         knew. To check this on what matters to you, choose a text of your own; a few pages are enough."
    );
    let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_general_text(files.into_iter().next()));
    let on_remove = Callback::new(move |()| store.choose_general_text(None));
    let label = "Choose a text of your own";
    let own = optional_file("general-file", label, ".txt,text/plain", file, cannot_measure(store), on_files, on_remove);
    let note = move || {
        let note = store.general_note.get()?;
        Some(view! { <p class="warnings" role="status" data-testid="general-note">{note}</p> }.into_any())
    };
    let more = view! {
        {own}
        {note}
    };
    before_and_after("What the model forgot", &rows, None, caption, Some(more.into_any()))
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    EvaluationDetail { num_tokens: 1 }
}
