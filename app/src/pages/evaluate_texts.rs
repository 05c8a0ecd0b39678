//! How good a language model is: how well it predicts the next tokens, what it forgot, and what it writes after prompts
//! of the file.

use hone_core::metrics::LmEvaluation;
use leptos::prelude::*;

use super::evaluate::{Figure, Unit, before_and_after, cannot_measure};
use crate::browser::PickedFile;
use crate::components::{Cell, optional_file, sortable_table};
use crate::format;
use crate::state::Store;
use crate::state::evaluation::{MeasuredTexts, sample_pairs, split_name};

/// Characters of a sample's texts.
const MAX_TEXT_CHARS: usize = 400;

pub(super) fn results(store: Store, base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>) -> Option<AnyView> {
    let shown = tuned.or(base)?;
    let view = view! {
        <div class="columns">{comparison(base, tuned, shown)} {forgetting(store, base, tuned, shown)}</div>
        {samples(base, tuned)}
    };
    Some(view.into_any())
}

/// A figure of measured texts, where it was measured.
type Of = fn(&MeasuredTexts) -> Option<f64>;

fn comparison(base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>, shown: &MeasuredTexts) -> AnyView {
    let figure = |name, id, unit, of: Of| Figure {
        name,
        id,
        unit,
        least: None,
        before: base.and_then(of),
        after: tuned.and_then(of),
    };
    let mut figures = vec![
        figure("Loss per token", "loss", Unit::Loss, |m| Some(m.tokens.loss)),
        figure("Perplexity", "perplexity", Unit::Loss, |m| Some(m.tokens.perplexity)),
        figure("Token accuracy", "token-accuracy", Unit::Share, |m| Some(m.tokens.token_accuracy)),
    ];
    let (tokens, split) = (tokens(&shown.tokens), split_name(shown.split));
    let mut caption = format!("Loss, perplexity and token accuracy: on {tokens} of the {split} rows. ");
    if let Some(texts) = &shown.texts {
        figures.push(figure("BLEU, 0 to 100", "bleu", Unit::Score, |m| Some(m.texts.as_ref()?.bleu)));
        figures.push(figure("ROUGE-L", "rouge-l", Unit::Score, |m| Some(m.texts.as_ref()?.rouge_l)));
        figures.push(figure("Exact match", "exact-match", Unit::Share, |m| Some(m.texts.as_ref()?.exact_match)));
        let prompts = format::plural(texts.num_rows, "prompt");
        let how = format!(
            "BLEU, ROUGE-L and exact match: on what it writes after the first {prompts}, always taking the likeliest \
             token."
        );
        caption.push_str(&how);
    } else {
        caption.push_str("The rows have no prompts, so what it writes could not be measured.");
    }
    before_and_after("Before and after", &figures, None, caption, None)
}

/// A text that has nothing to do with the rows: what the model loses there is the price of what it learned.
fn forgetting(
    store: Store,
    base: Option<&MeasuredTexts>,
    tuned: Option<&MeasuredTexts>,
    shown: &MeasuredTexts,
) -> AnyView {
    let figure = |name, id, of: Of| Figure {
        name,
        id,
        unit: Unit::Loss,
        least: None,
        before: base.and_then(of),
        after: tuned.and_then(of),
    };
    let figures = [
        figure("Loss per token", "general-loss", |m| Some(m.general.as_ref()?.loss)),
        figure("Perplexity", "general-perplexity", |m| Some(m.general.as_ref()?.perplexity)),
    ];
    let file = store.general_text;
    let name = file.with_untracked(|file| file.as_ref().map(|file| file.name.clone()));
    let name = name.unwrap_or_else(|| "a general English text that comes with Hone".into());
    let size = shown.general.as_ref().map(|general| format!("{} of ", tokens(general)));
    let caption = format!(
        "On {}{name}. It has nothing to do with your rows: if these figures rise, the model is forgetting what it \
         knew. To check this on what matters to you, choose a text of your own; a few pages are enough.",
        size.unwrap_or_default()
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
    before_and_after("What the model forgot", &figures, None, caption, Some(more.into_any()))
}

fn tokens(evaluation: &LmEvaluation) -> String {
    format::plural(usize::try_from(evaluation.num_tokens).unwrap_or(usize::MAX), "token")
}

fn samples(base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>) -> Option<AnyView> {
    let base = base.map_or(&[][..], |measured| measured.samples.as_slice());
    let tuned = tuned.map_or(&[][..], |measured| measured.samples.as_slice());
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
