//! What a model wrote after prompts when it was measured, before training and after, as tables: figures against the file, what the
//! texts are like, and the texts.

use super::figures::{figure_text, interval_text};
use super::frame::{Cell, paragraph, table};
use crate::metrics::{TextStyle, WritingEvaluation, figure};
use crate::task::{FigureSpec, WRITING_FIGURES};
use crate::words::plural;

/// Texts that are shown.
const MAX_SAMPLES: usize = 20;

/// A figure of what texts are like: its title, and how it is read off.
type StyleFigure = (&'static str, fn(&TextStyle) -> Option<f64>);

/// Those that are shares.
const SHARES: [StyleFigure; 5] = [
    ("Different tokens (distinct-1)", |style| Some(style.distinct_1)),
    ("Different pairs of tokens (distinct-2)", |style| Some(style.distinct_2)),
    ("Repeated runs of four tokens (rep-4)", |style| style.rep_4),
    ("Ended by the model, not by the limit", |style| style.completed),
    ("Refused to answer, by a list of English phrases", |style| Some(style.refusal_rate)),
];

/// The tables, of before training and after; nothing where nothing was written.
pub(super) fn section([before, after]: [Option<&WritingEvaluation>; 2]) -> String {
    let Some(shown) = after.or(before) else { return String::new() };
    let sides = [before, after];
    let texts = format!("What it writes, on {}", plural(shown.figures.num_rows, "prompt"));
    let how = how(shown);
    format!("<h3>{texts}</h3>\n{how}{}{}{}", against_the_file(sides, shown), styles(sides, shown), samples(sides))
}

/// How the texts were written, where the log says it.
fn how(shown: &WritingEvaluation) -> String {
    let WritingEvaluation { how, notes, .. } = shown;
    if how.is_empty() {
        return String::new();
    }
    let sentences = [format!("How it was written: {how}")].into_iter().chain(notes.iter().cloned());
    paragraph("soft", &(sentences.collect::<Vec<_>>().join(". ") + "."))
}

fn against_the_file(sides: [Option<&WritingEvaluation>; 2], shown: &WritingEvaluation) -> String {
    let figures = shown.figures();
    let row = |spec: &FigureSpec| {
        let is_defined = shown.is_defined(spec.name);
        let value = |side: &WritingEvaluation| figure(&side.figures.figures(), spec.name).map(|figure| figure.value);
        let interval = figure(&figures, spec.name).and_then(|figure| figure.interval);
        let mut cells = vec![Cell::text(spec.title)];
        let shown_of = |side: Option<&WritingEvaluation>| side.filter(|_| is_defined).and_then(value);
        cells.extend(sides.map(|side| number(shown_of(side), |value| figure_text(spec.unit, value))));
        cells.push(Cell::number(interval_text(spec.unit, interval.filter(|_| is_defined))));
        cells
    };
    let rows: Vec<Vec<Cell>> = WRITING_FIGURES.iter().map(row).collect();
    let too_short = "BLEU counts runs of four words: the texts of the file are all too short for it.";
    let too_short = if shown.is_defined("bleu") { "" } else { too_short };
    table(&["Against the file", "Before", "After", "95 % between"], &rows) + &paragraph("soft", too_short)
}

fn styles(sides: [Option<&WritingEvaluation>; 2], shown: &WritingEvaluation) -> String {
    let [before, after] = sides.map(|side| side.map(|one| one.styles.written));
    let all = [Some(shown.styles.expected), before, after];
    let row = |title: &str, read: &dyn Fn(&TextStyle) -> Option<f64>, write: fn(f64) -> String| {
        let mut cells = vec![Cell::text(title)];
        cells.extend(all.iter().map(|style| number(style.as_ref().and_then(read), write)));
        cells
    };
    let mut rows = vec![row("Tokens a text", &|style| Some(style.mean_length), |value| format!("{value:.1}"))];
    rows.extend(SHARES.iter().map(|&(title, read)| row(title, &read, |share| format!("{:.1} %", share * 100.0))));
    table(&["What the texts are like", "In the file", "Before", "After"], &rows)
        + &paragraph("soft", "None of these is better when it is higher: compare them with the texts of the file.")
}

fn number(value: Option<f64>, write: impl Fn(f64) -> String) -> Cell {
    Cell::number(value.map_or_else(|| "–".to_owned(), write))
}

/// The first texts, by the prompts of the newest; nothing in a log without texts.
fn samples([before, after]: [Option<&WritingEvaluation>; 2]) -> String {
    let Some(shown) = after.or(before) else { return String::new() };
    let written = |side: Option<&WritingEvaluation>, row: usize, prompt: &str| {
        let samples = side.map_or(&[][..], |one| one.samples.as_slice());
        let found = samples.iter().find(|sample| sample.row == row && sample.prompt == prompt);
        found.map_or_else(|| Cell::text("–"), |sample| Cell::written(&sample.generated))
    };
    let rows = shown.samples.iter().take(MAX_SAMPLES).map(|sample| {
        let of = |side| written(side, sample.row, &sample.prompt);
        vec![
            Cell::number(sample.row.to_string()),
            Cell::written(&sample.prompt),
            Cell::written(&sample.expected),
            of(before),
            of(after),
        ]
    });
    let more = shown.samples.len().saturating_sub(MAX_SAMPLES);
    let more = if more > 0 { format!("{} not listed.", plural(more, "more prompt")) } else { String::new() };
    table(&["Row", "Prompt", "In the file", "Before", "After"], &rows.collect::<Vec<_>>()) + &paragraph("soft", &more)
}
