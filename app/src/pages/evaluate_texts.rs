//! How good a language model is: how well it predicts the next tokens, and what it writes after prompts of the file.

use hone_core::metrics::{LmEvaluation, TextEvaluation};
use leptos::prelude::*;

use super::evaluate::{Figure, Unit, before_and_after};
use crate::components::{Cell, table};
use crate::format;
use crate::state::evaluation::{MeasuredTexts, sample_pairs, split_name};

/// Characters of a sample's texts.
const MAX_TEXT_CHARS: usize = 400;

pub(super) fn results(base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>) -> Option<AnyView> {
    let shown = tuned.or(base)?;
    Some(view! { {comparison(base, tuned, shown)} {samples(base, tuned)} }.into_any())
}

fn comparison(base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>, shown: &MeasuredTexts) -> AnyView {
    let of_tokens = |name, id, unit, value: fn(&LmEvaluation) -> f64| {
        let of = |measured: Option<&MeasuredTexts>| measured.map(|measured| value(&measured.tokens));
        Figure { name, id, unit, before: of(base), after: of(tuned) }
    };
    let of_texts = |name, id, unit, value: fn(&TextEvaluation) -> f64| {
        let of = |measured: Option<&MeasuredTexts>| measured.and_then(|measured| measured.texts.as_ref()).map(value);
        Figure { name, id, unit, before: of(base), after: of(tuned) }
    };
    let mut figures = vec![
        of_tokens("Loss a token", "loss", Unit::Loss, |e| e.loss),
        of_tokens("Perplexity", "perplexity", Unit::Loss, |e| e.perplexity),
        of_tokens("Token accuracy", "token-accuracy", Unit::Share, |e| e.token_accuracy),
    ];
    let mut caption = format!(
        "{} tokens that carry loss, of the {} split. ",
        format::count(usize::try_from(shown.tokens.num_tokens).unwrap_or(usize::MAX)),
        split_name(shown.split)
    );
    if let Some(texts) = &shown.texts {
        figures.push(of_texts("BLEU, 0 to 100", "bleu", Unit::Score, |e| e.bleu));
        figures.push(of_texts("ROUGE-L", "rouge-l", Unit::Score, |e| e.rouge_l));
        figures.push(of_texts("Exact match", "exact-match", Unit::Share, |e| e.exact_match));
        let prompts = format::count(texts.num_rows);
        let how = format!("BLEU, ROUGE-L and exact match: greedily written after the first {prompts} prompts.");
        caption.push_str(&how);
    } else {
        caption.push_str("There are no prompts to write on from, so what it writes was not measured.");
    }
    before_and_after(&figures, caption)
}

fn samples(base: Option<&MeasuredTexts>, tuned: Option<&MeasuredTexts>) -> Option<AnyView> {
    let base = base.map_or(&[][..], |measured| measured.samples.as_slice());
    let tuned = tuned.map_or(&[][..], |measured| measured.samples.as_slice());
    let text = |text: &str| Cell::new("text written", format::shortened(text, MAX_TEXT_CHARS));
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
            {table("What it writes", "eval-samples", &heads, rows)}
        </div>
    };
    Some(view.into_any())
}
