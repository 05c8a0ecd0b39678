//! What the step Evaluate shows alike of models that write: what the figures of texts are of, the targets that are labels, and
//! what was written, before training beside after.

use hone_core::metrics::{REFUSAL_PHRASES, TargetLabels, TextSample, TextStyle};
use hone_core::session::protocol::WritingEvaluation;
use leptos::prelude::*;

use super::class_table::class_table;
use super::correct_labels::{self, press};
use super::wrong_rows::TITLE_ID;
use crate::components::{Cell, sortable_table, table};
use crate::format;
use crate::state::Store;
use crate::state::corrections::{AnswerKind, WrongAnswer};
use crate::state::evaluation::Measured;

/// Characters of a sample's texts.
const MAX_TEXT_CHARS: usize = 400;

/// What the figures of written texts are of: `written` says of so many rows what was written, such as "after the first 20
/// prompts". How they were written is said by the worker that did it.
pub(super) fn caption(written: &str, writing: &WritingEvaluation) -> String {
    let WritingEvaluation { how, notes, .. } = writing;
    let how = if how.is_empty() { String::new() } else { format!(", {how}") }; // measured by a version of before
    let notes: String = notes.iter().map(|note| format!(" {}.", format::sentence(note))).collect();
    format!(
        "BLEU, chrF, ROUGE and exact match: on what it writes {written}{how}.{notes} BLEU counts runs of four words, too: where all \
         texts are shorter it is 0."
    )
}

fn writing_of(measured: Option<&Measured>) -> Option<&WritingEvaluation> {
    measured?.writing.as_ref()
}

fn labels_of(measured: Option<&Measured>) -> Option<&TargetLabels> {
    writing_of(measured)?.figures.labels.as_ref()
}

/// Figures of each target, where there are a few that come again and again.
pub(super) fn labels(before: Option<&Measured>, after: Option<&Measured>) -> Option<AnyView> {
    let (base, tuned) = (labels_of(before), labels_of(after));
    let shown = tuned.or(base)?;
    let before = tuned.and(base).map(|base| base.per_label.as_slice());
    let view = view! {
        <div class="panel figures">
            <h3>"By target"</h3>
            {class_table("By target", "per-target", "Target", &shown.per_label, before)}
            <p class="hint">
                "A few targets come again and again, so that each is measured as a label. Precision: how many of the texts \
                 that are this target should be. Recall: how many of the rows that have this target were given it. F1: both \
                 in one figure."
            </p>
            <p class="hint">{unknown_words(shown.num_unknown)}</p>
        </div>
    };
    Some(view.into_any())
}

/// Of texts that are no target.
fn unknown_words(num_unknown: usize) -> Option<String> {
    let (texts, they) = match num_unknown {
        0 => return None,
        1 => ("1 text that it wrote is".to_owned(), "it counts"),
        many => (format!("{} texts that it wrote are", format::count(many)), "they count"),
    };
    Some(format!("{texts} none of the targets: {they} in no target's precision."))
}

/// A figure of what texts are like: its title, its test id, and how it is read off and written.
type StyleFigure = (&'static str, &'static str, fn(&TextStyle) -> Option<f64>, fn(f64) -> String);

/// What texts are like: figures of which neither more nor less is better.
const STYLE_FIGURES: [StyleFigure; 6] = [
    ("Tokens a text", "length", |style| Some(style.mean_length), |value| format!("{value:.1}")),
    ("Different tokens (distinct-1)", "distinct-1", |style| Some(style.distinct_1), format::percent),
    ("Different pairs of tokens (distinct-2)", "distinct-2", |style| Some(style.distinct_2), format::percent),
    ("Repeated runs of four tokens (rep-4)", "rep-4", |style| style.rep_4, format::percent),
    ("Ended by the model, not by the limit", "completed", |style| style.completed, format::percent),
    ("Refused to answer", "refusals", |style| Some(style.refusal_rate), format::percent),
];

/// What the written texts are like, beside those of the file, before training and after.
pub(super) fn styles(before: Option<&Measured>, after: Option<&Measured>) -> Option<AnyView> {
    let of = |measured: Option<&Measured>| writing_of(measured).map(|writing| writing.styles.written);
    let (base, tuned) = (of(before), of(after));
    let expected = writing_of(after.or(before))?.styles.expected;
    let rows = STYLE_FIGURES.iter().map(|(title, id, read, write)| {
        let cell = |style: Option<TextStyle>, which: &str| {
            let value = style.as_ref().and_then(read);
            let text = value.map_or_else(|| "–".to_owned(), write);
            let id = Some(format!("eval-style-{id}-{which}"));
            Cell { id, raw: value.map(|value| value.to_string()), ..Cell::number(text) }
        };
        let cells = [cell(Some(expected), "file"), cell(base, "base"), cell(tuned, "tuned")];
        [Cell::new("head", *title)].into_iter().chain(cells).collect::<Vec<Cell>>()
    });
    let view = view! {
        <div class="panel figures">
            <h3>"What its texts are like"</h3>
            {table("What its texts are like", "", &["", "In the file", "Before", "After"], rows.collect())}
            <p class="hint">
                "Of the same prompts as above. None of these is better when it is higher: compare them with the texts of the file. \
                 Different: of all tokens, or pairs, those that are not the same as another. Repeated: the share of a text's runs of \
                 four tokens that it has had before."
            </p>
            <details>
                <summary>"What counts as a refusal"</summary>
                <p class="hint">
                    "One of these English phrases among the first 200 characters. A refusal in other words, or in another language, \
                     is not found."
                </p>
                <p class="hint">{REFUSAL_PHRASES.join(" · ")}</p>
            </details>
        </div>
    };
    Some(view.into_any())
}

fn samples_of(measured: Option<&Measured>) -> &[TextSample] {
    writing_of(measured).map_or(&[][..], |writing| writing.samples.as_slice())
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

/// A row of which the model wrote another text than stands in the file.
fn wrong_text(index: usize, pair: &SamplePair<'_>, after: &str) -> WrongAnswer {
    WrongAnswer {
        kind: AnswerKind::Text,
        index,
        row: pair.row,
        text: pair.prompt.to_owned(),
        second: None,
        values: vec![pair.expected.to_owned()],
        predicted: vec![after.to_owned()],
    }
}

/// What was written, beside what stands in the file, which a press corrects after training; `head` is what was given: `Prompt`, `Source`.
pub(super) fn samples(
    store: Store,
    head: &'static str,
    before: Option<&Measured>,
    after: Option<&Measured>,
) -> Option<AnyView> {
    let text = |text: &str| Cell::new("text written", format::excerpt(text, MAX_TEXT_CHARS));
    let written = |generated: Option<&str>| generated.map_or_else(|| Cell::new("", "–"), text);
    let rows: Vec<_> = sample_pairs(samples_of(before), samples_of(after))
        .into_iter()
        .enumerate()
        .map(|(index, pair)| {
            let row = Cell::number(format::count(pair.row));
            let press = pair.after.map(|after| press(store, wrong_text(index, &pair, after)));
            let expected = Cell { press, ..text(pair.expected) };
            vec![row, text(pair.prompt), expected, written(pair.before), written(pair.after)]
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let heads = ["Row", head, "Expected", "Before", "After"];
    let hint = after.map(|_| "Press what is expected to correct it in the file.");
    let view = view! {
        <div class="panel">
            <h3 id=TITLE_ID tabindex="-1">"What it writes, before and after"</h3>
            <p class="hint">{hint}</p>
            {sortable_table("What it writes", "eval-samples", &heads, rows)}
            {correct_labels::panel(store, Vec::new())}
        </div>
    };
    Some(view.into_any())
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

    #[test]
    fn texts_that_are_no_target_are_said() {
        assert_eq!(unknown_words(0), None);
        let one = unknown_words(1).expect("one is said");
        assert_eq!(one, "1 text that it wrote is none of the targets: it counts in no target's precision.");
        assert!(unknown_words(2).is_some_and(|text| text.starts_with("2 texts that it wrote are none")));
    }
}
