//! Texts that the model wrote of the same prompts before training and at each evaluation, side by side: prompt by prompt, a box for
//! each checkpoint. On a narrow screen the boxes stand one below the other.

use hone_core::report::side_by_side::{Checkpoint, PromptTexts, describe_shape, side_by_side};
use leptos::prelude::*;

use crate::format;
use crate::state::Store;
use crate::state::run::index_of_best;

/// Checkpoints that are shown, at most.
const MAX_CHECKPOINTS: usize = 6;

/// Characters of a text.
const MAX_CHARS: usize = 400;

/// The texts of the run, where it wrote any; drawn anew when it wrote another.
pub(crate) fn panel(store: Store) -> AnyView {
    let newest = Memo::new(move |_| {
        store.run.with(|run| {
            let last = run.samples.back().map(|sample| (sample.step, sample.prompt.clone()));
            (run.samples.len(), last, index_of_best(&run.measurements))
        })
    });
    let texts = move || {
        newest.with(|_| ()); // a memo that is only tracked is never computed, and so never changes
        untrack(|| texts(store))
    };
    view! { {texts} }.into_any()
}

fn texts(store: Store) -> Option<AnyView> {
    store.run.with(|run| {
        let best = index_of_best(&run.measurements).map(|index| run.measurements[index].step);
        let found = side_by_side(&run.samples, best, MAX_CHECKPOINTS);
        if found.prompts.is_empty() {
            return None;
        }
        let prompts = found.prompts.iter().map(|one| prompt(one, &found.checkpoints)).collect_view();
        let together = found.checkpoints.iter().filter(|one| !one.about.is_empty()).map(|one| {
            view! { <li>{format!("{}: {}.", one.name, one.about)}</li> }.into_any()
        });
        let together = together.collect_view();
        let left_out = (found.num_left_out > 0).then(|| {
            let text = format!("{} between them are not shown.", format::plural(found.num_left_out, "checkpoint"));
            view! { <p class="hint">{text}</p> }
        });
        let view = view! {
            <div class="panel" data-testid="train-samples">
                <h3>"What it writes, checkpoint by checkpoint"</h3>
                <p class="hint">
                    "The same validation prompts, always with the likeliest token, 32 at most. Repeated: runs of four tokens that \
                     the text has had before. How many texts are written is a setting of the recipe."
                </p>
                {prompts}
                <ul class="hint">{together}</ul>
                {left_out}
            </div>
        };
        Some(view.into_any())
    })
}

/// A prompt with a box for each checkpoint.
fn prompt(one: &PromptTexts<'_>, checkpoints: &[Checkpoint]) -> AnyView {
    let boxes = one.texts.iter().zip(checkpoints).map(|(sample, checkpoint)| {
        let text = sample.map_or_else(|| "–".to_owned(), |sample| format::excerpt(&sample.generated, MAX_CHARS));
        // A line does not end between a number and its sign.
        let shape = sample.and_then(|sample| sample.shape).map(|shape| describe_shape(shape).replace(" %", "\u{a0}%"));
        view! {
            <div class="panel" class:good=checkpoint.is_best data-testid="train-sample" data-step=checkpoint.step.to_string()>
                <h4>{checkpoint.name.clone()}</h4>
                <p class="written">{text}</p>
                <p class="hint">{shape}</p>
            </div>
        }
        .into_any()
    });
    let boxes = boxes.collect_view();
    view! {
        <p class="quoted written">{format::excerpt(one.prompt, MAX_CHARS)}</p>
        <p class="hint written">{format!("In the file: {}", format::excerpt(one.expected, MAX_CHARS))}</p>
        <div class="fields">{boxes}</div>
    }
    .into_any()
}
