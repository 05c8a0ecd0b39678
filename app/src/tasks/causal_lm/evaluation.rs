//! How good a language model is besides how well it predicts the next tokens: what it forgot, and what it writes after
//! prompts of the file.

use hone_core::metrics::TextSample;
use hone_core::task::causal_lm::{EvaluationDetail, RowPrediction};
use hone_core::task::{self, Task};
use leptos::prelude::*;

use crate::browser::PickedFile;
use crate::components::{Cell, optional_file, sortable_table};
use crate::format;
use crate::pages::evaluate::{before_and_after, cannot_measure};
use crate::state::Store;
use crate::state::evaluation::{Measured, general_rows, split_name};
use crate::tasks::{self, EvaluationParts};

/// Characters of a sample's texts.
const MAX_TEXT_CHARS: usize = 400;

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let (tokens, split) = (tokens(shown.detail), split_name(shown.measured.split));
    let of_writing = match &shown.measured.writing {
        Some(writing) => format!(
            "BLEU, ROUGE-L and exact match: on what it writes after the first {}, always taking the likeliest token.",
            format::plural(writing.figures.num_rows, "prompt")
        ),
        None => "The rows have no prompts, so what it writes could not be measured.".into(),
    };
    let (before, after) = (before.map(|side| side.measured), after.map(|side| side.measured));
    Some(EvaluationParts {
        caption: format!("Loss, perplexity and token accuracy: on {tokens} of the {split} rows. {of_writing}"),
        beside: Some(forgetting(store, before, after)),
        below: samples(samples_of(before), samples_of(after)).into_any(),
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

fn samples_of(measured: Option<&Measured>) -> &[TextSample] {
    measured.and_then(|measured| measured.writing.as_ref()).map_or(&[][..], |writing| writing.samples.as_slice())
}

/// A prompt, what stands in the file, and what was written before and after training.
#[derive(Debug, Clone, PartialEq)]
struct SamplePair<'a> {
    row: usize,
    prompt: &'a str,
    expected: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

/// Samples of the same prompts side by side, in the order of the file.
fn sample_pairs<'a>(base: &'a [TextSample], tuned: &'a [TextSample]) -> Vec<SamplePair<'a>> {
    let shown = if tuned.is_empty() { base } else { tuned };
    let of = |samples: &'a [TextSample], row: usize, prompt: &str| {
        let found = samples.iter().find(|sample| sample.row == row && sample.prompt == prompt);
        found.map(|sample| sample.generated.as_str())
    };
    let pair = |sample: &'a TextSample| SamplePair {
        row: sample.row,
        prompt: &sample.prompt,
        expected: &sample.expected,
        before: of(base, sample.row, &sample.prompt),
        after: of(tuned, sample.row, &sample.prompt),
    };
    shown.iter().map(pair).collect()
}

fn samples(base: &[TextSample], tuned: &[TextSample]) -> Option<AnyView> {
    let text = |text: &str| Cell::new("text written", format::excerpt(text, MAX_TEXT_CHARS));
    let written = |generated: Option<&str>| generated.map_or_else(|| Cell::new("", "–"), text);
    let rows: Vec<_> = sample_pairs(base, tuned)
        .into_iter()
        .map(|pair| {
            let row = Cell::number(format::count(pair.row));
            vec![row, text(pair.prompt), text(pair.expected), written(pair.before), written(pair.after)]
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let heads = ["Row", "Prompt", "Expected", "Before", "After"];
    let view = view! {
        <div class="panel">
            <h3>"What it writes, before and after"</h3>
            {sortable_table("What it writes", "eval-samples", &heads, rows)}
        </div>
    };
    Some(view.into_any())
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    EvaluationDetail { num_tokens: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_paired_by_their_prompts() {
        let sample = |row, generated: &str| TextSample {
            row,
            prompt: format!("prompt {row}"),
            expected: "yes".into(),
            generated: generated.into(),
        };
        let (base, tuned) = ([sample(1, "no"), sample(2, "never")], [sample(2, "yes"), sample(3, "well")]);
        let pairs = sample_pairs(&base, &tuned);
        let seen: Vec<_> = pairs.iter().map(|pair| (pair.row, pair.before, pair.after)).collect();
        assert_eq!(seen, [(2, Some("never"), Some("yes")), (3, None, Some("well"))]);
        let alone: Vec<_> = sample_pairs(&base, &[]).iter().map(|pair| (pair.row, pair.before, pair.after)).collect();
        assert_eq!(alone, [(1, Some("no"), None), (2, Some("never"), None)]);
    }
}
